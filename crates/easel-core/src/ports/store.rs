//! Storage, cut into three small ports so that a clustered engine can implement them later: a key-value view with
//! compare-and-swap and prefix scan, blobs, and the job ledger.

use std::{future::Future, pin::Pin, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    job::ledger::{Entry, JobRecord},
    media::{Body, Drafts},
};

/// Storage failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No space, read-only, or another I/O error; the text says which and what to do.
    #[error("{0}")]
    Io(String),
    /// A record can't be read.
    #[error("a stored record is damaged: {0}")]
    Damaged(String),
    /// A compare-and-swap lost.
    #[error("the value was changed by somebody else")]
    Conflict,
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
}

/// Resolves when what was appended survives a power cut. Dropping it does not undo the append.
pub type Durable = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Small values (≤ 32 KiB) by key, in a fixed set of tables.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// The value, if any.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// Writes durably; returns when a power cut can't undo it.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn put(&self, table: &'static str, key: &[u8], value: Bytes) -> Result<(), StoreError>;

    /// Removes durably.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn remove(&self, table: &'static str, key: &[u8]) -> Result<(), StoreError>;

    /// Writes `new` (or removes on `None`) only if the present value is `old`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not; else see [`StoreError`].
    async fn compare_and_swap(
        &self,
        table: &'static str,
        key: &[u8],
        old: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<(), StoreError>;

    /// All pairs whose key starts with `prefix`, in key order, at most `limit`.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn scan(
        &self,
        table: &'static str,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError>;
}

/// Larger bytes by name: artifacts and kept inputs.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a body under a name (ASCII letters, digits, `-`, `.`), complete or not at all; a spooled body is moved
    /// or copied without going through memory. Returns when `kill -9` can't lose it (written and renamed); its fsync
    /// follows by itself.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn put(&self, name: &str, body: &Body) -> Result<(), StoreError>;

    /// Where large bodies that will be put here may go while they still arrive; [`put`](Self::put) then has little left
    /// to do. None = bodies are written when they are put.
    fn drafts(&self) -> Option<Arc<dyn Drafts>> {
        None
    }

    /// The body under a name.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn get(&self, name: &str) -> Result<Option<Body>, StoreError>;

    /// Removes a blob; absent ones are fine.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn remove(&self, name: &str) -> Result<(), StoreError>;

    /// Names and sizes in bytes of all blobs.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn list(&self) -> Result<Vec<(String, u64)>, StoreError>;
}

/// The job ledger: an append-only journal that is the truth, and whatever index the engine keeps beside it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Appends entries in order, as one group. The write is handed over at once (later appends come after it); the
    /// returned future resolves when it is durable.
    fn append(&self, entries: Vec<Entry>) -> Durable;

    /// The same for entries that hurry nobody: they may wait for the next [`append`](Self::append), an empty one
    /// included, and become durable with it. Whoever needs them in time appends something.
    fn append_later(&self, entries: Vec<Entry>) -> Durable {
        self.append(entries)
    }

    /// Folds the journal: every job that is unfinished, and the finished ones that are still kept, by age.
    ///
    /// # Errors
    /// See [`StoreError`].
    async fn load(&self) -> Result<Vec<JobRecord>, StoreError>;
}

/// The storage ports together, as the core is given them.
#[derive(Clone)]
pub struct Store {
    /// Small values.
    pub keys: Arc<dyn KeyValue>,
    /// Larger bytes.
    pub blobs: Arc<dyn Blobs>,
    /// Jobs.
    pub ledger: Arc<dyn Ledger>,
}
