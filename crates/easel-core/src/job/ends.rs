//! The ends of jobs that could not be told at once. Those of one person in one chat that would be said in the same words,
//! and of which nobody was asked for anything, are told together when the account is back.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use crate::ids::{Chat, JobId, UserId};

type Alike = (Chat, UserId, String);

/// Who waits to be told what.
#[derive(Debug, Default)]
pub(super) struct Ends(Mutex<HashMap<Alike, HashMap<JobId, CancellationToken>>>);

impl Ends {
    fn with<T>(&self, f: impl FnOnce(&mut HashMap<Alike, HashMap<JobId, CancellationToken>>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One end among those that wait; it leaves them when this is dropped.
pub(super) struct Waits {
    engine: Arc<Engine>,
    job: JobId,
    alike: Alike,
    told: CancellationToken,
}

impl Waits {
    /// An end that would be told this person in these words.
    pub(super) fn new(engine: &Arc<Engine>, job: JobId, alike: Alike) -> Self {
        let told = CancellationToken::new();
        engine.ends.with(|ends| ends.entry(alike.clone()).or_default().insert(job, told.clone()));
        Self { engine: Arc::clone(engine), job, alike, told }
    }

    /// Resolves when it was told with another one.
    pub(super) async fn told(&self) {
        self.told.cancelled().await;
    }

    /// All that can be told in one sentence with it now, itself among them.
    pub(super) fn all(&self) -> Vec<CancellationToken> {
        let all = |alike: &HashMap<JobId, CancellationToken>| alike.values().cloned().collect();
        self.engine.ends.with(|ends| ends.get(&self.alike).map(all)).unwrap_or_default()
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.engine.ends.with(|ends| {
            if let Some(alike) = ends.get_mut(&self.alike) {
                alike.remove(&self.job);
                if alike.is_empty() {
                    ends.remove(&self.alike);
                }
            }
        });
    }
}
