//! How the chain reports its attempts to whoever keeps the ledger.

use std::time::Duration;

use async_trait::async_trait;

use crate::{error::ProviderError, ports::StoreError};

/// One try at one provider with one key.
#[derive(Debug)]
pub struct Attempted<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The key's fingerprint; empty without a key.
    pub key: &'a str,
    /// Counts from 1 within the job.
    pub attempt: u32,
    /// How long the call took.
    pub duration: Duration,
    /// `None` = success.
    pub error: Option<&'a ProviderError>,
}

/// Records attempts. `asking` must be durable before it returns: the provider is asked right after.
#[async_trait]
pub trait AttemptLog: Send + Sync {
    /// A provider is about to be asked.
    ///
    /// # Errors
    /// When it can't be recorded; then the provider is not asked.
    async fn asking(&self, provider: &str, key: &str, attempt: u32) -> Result<(), StoreError>;

    /// It answered, or did not.
    async fn answered(&self, attempted: Attempted<'_>);

    /// A key was found bad for good; `status` is the HTTP status that said so.
    async fn key_disabled(&self, provider: &str, fingerprint: &str, status: Option<u16>);
}
