//! Work that goes on at a service after the call that ordered it: clips, and pictures of services that queue.
//!
//! Creating a task is paid and can't be taken back, so two things are written down before money can be lost: the
//! *intent* before the create call, the *task* before the first question about it. A later run reads them: a known task
//! is asked about again; an intent without a task is `unknown`, and never created again.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::ports::StoreError;

/// What is recorded before a task is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskIntent {
    /// The service's address, without credentials.
    pub base_url: String,
    /// Tells requests apart without telling what they say: the first 16 hex digits of a SHA-256.
    pub request_hash: String,
    /// The task's id where easel chooses it (`ComfyUI`): then the service can be asked about it whatever happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// A task that a service has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteTask {
    /// The service's own id.
    pub id: String,
    /// Where to ask about it, when the service said so: a path below the base address or an address of the same origin.
    /// Empty: where the kind always asks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub poll: String,
}

/// Told about a task while a call is under way.
#[async_trait]
pub trait TaskLog: Send + Sync {
    /// The service has taken the task. Durable when it returns; from now on the task's own bound counts, no longer the
    /// job's.
    ///
    /// # Errors
    /// When it can't be recorded. The task goes on all the same: it may be paid.
    async fn created(&self, task: &RemoteTask) -> Result<(), StoreError>;

    /// It is being worked on; `percent` where the service tells.
    fn progress(&self, percent: Option<u8>);

    /// The service gave a readable answer to a question about the task. `knows` = it has the task, or had it; without
    /// that it only shows that it is there.
    fn heard(&self, _knows: bool) {}
}

/// Keeps nothing: for calls outside of jobs (a doctor's probe).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTaskLog;

#[async_trait]
impl TaskLog for NoTaskLog {
    async fn created(&self, _: &RemoteTask) -> Result<(), StoreError> {
        Ok(())
    }

    fn progress(&self, _: Option<u8>) {}
}
