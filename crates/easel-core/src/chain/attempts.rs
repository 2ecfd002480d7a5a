//! How the chain reports its attempts to whoever keeps the ledger.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    error::ProviderError,
    ports::{Generated, Operation, RemoteTask, StoreError, TaskIntent, Usage},
};

/// An ended try.
#[derive(Debug)]
pub struct Attempted<'a> {
    /// Whom, with what, and the how-manieth.
    pub attempt: Attempt<'a>,
    /// How long the call took.
    pub duration: Duration,
    /// What came back.
    pub result: Result<Made, &'a ProviderError>,
}

/// One try at one provider with one key.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The model in use; empty when there is none.
    pub model: &'a str,
    /// What was asked.
    pub operation: Operation,
    /// The key's fingerprint; empty without a key.
    pub key: &'a str,
    /// Counts from 1 within the job.
    pub number: u32,
}

/// What a success made, for the record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Made {
    /// Pictures, or 1 for a clip.
    pub count: u32,
    /// Width and height of the first picture.
    pub size: Option<(u32, u32)>,
    /// All of them together.
    pub bytes: u64,
    /// What the answer said about its price.
    pub usage: Usage,
}

impl Made {
    /// What a call made.
    pub fn of(generated: &Generated) -> Self {
        let Generated { pictures, clip, usage, .. } = generated;
        let clip = clip.as_ref().map(|clip| clip.body.len());
        let bytes = pictures.iter().map(|made| made.picture.body.len()).chain(clip).sum();
        Self {
            count: u32::try_from(pictures.len()).unwrap_or(u32::MAX).saturating_add(clip.is_some().into()),
            size: pictures.first().map(|made| (made.picture.width, made.picture.height)),
            bytes,
            usage: *usage,
        }
    }
}

/// Records attempts. `asking` must be durable before it returns: the provider is asked right after.
#[async_trait]
pub trait AttemptLog: Send + Sync {
    /// Something has to be waited for before anybody is asked: what is known of the job is durable when this returns.
    ///
    /// # Errors
    /// When it can't be recorded.
    async fn waits(&self) -> Result<(), StoreError>;

    /// A provider is about to be asked.
    ///
    /// # Errors
    /// When it can't be recorded; then the provider is not asked.
    async fn asking(&self, attempt: Attempt<'_>, intent: Option<&TaskIntent>) -> Result<(), StoreError>;

    /// The service has taken a task; durable when it returns.
    ///
    /// # Errors
    /// When it can't be recorded.
    async fn created(&self, attempt: Attempt<'_>, task: &RemoteTask) -> Result<(), StoreError>;

    /// A task is being worked on; `percent` where the service tells.
    fn progress(&self, percent: Option<u8>);

    /// It answered, or did not.
    async fn answered(&self, attempted: Attempted<'_>);

    /// A key was found bad for good; `status` is the HTTP status that said so.
    async fn key_disabled(&self, provider: &str, fingerprint: &str, status: Option<u16>);
}
