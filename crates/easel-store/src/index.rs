//! sled: the small tables, and the index of the job journal.
//!
//! One thread makes all changes: it takes everything that waits, applies it, flushes once and answers all. So one flush
//! serves many waiters, compare-and-swap needs no transaction, and nothing is acknowledged before it is durable. The
//! job index and the generation counter are brought up to date at most every 500 ms, and only when something changed.
//! Reads go straight to sled.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use easel_core::{
    job::ledger::JobRecord,
    ports::{KeyValue, StoreError},
};

pub(crate) mod engine;
pub(crate) mod generation;
mod queue;
pub(crate) mod trees;
pub(crate) mod value;

pub(crate) use engine::Engine;
pub(crate) use queue::{Change, Queue, Rebuild};
pub(crate) use trees::Trees;

/// Values may have this many bytes: sled's files grow without end when larger ones are rewritten.
pub(crate) const MAX_VALUE_BYTES: usize = 32 << 10;
/// Keys may have this many bytes.
const MAX_KEY_BYTES: usize = 1 << 10;

/// The open trees; empty while the database is being reopened after an error.
pub(crate) type Slot = Arc<RwLock<Option<Arc<Trees>>>>;

/// The key-value port over sled.
pub(crate) struct Index {
    slot: Slot,
    queue: Queue,
}

impl Index {
    pub(crate) fn new(slot: Slot, queue: Queue) -> Self {
        Self { slot, queue }
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The trees, for reading on a blocking thread.
    pub(crate) fn trees(&self) -> Result<Arc<Trees>, StoreError> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
            if self.queue.is_closed() {
                StoreError::Closed
            } else {
                StoreError::Io("the database is being opened again after an error".to_owned())
            }
        })
    }

    pub(crate) fn health(&self) -> (Option<Duration>, Option<String>) {
        self.queue.health()
    }

    /// The newest `limit` jobs of the index, newest first.
    pub(crate) async fn recent_jobs(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        self.reading(move |trees| trees.recent_jobs(limit)).await
    }

    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Trees) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let trees = self.trees()?;
        tokio::task::spawn_blocking(move || read(&trees)).await.map_err(|_| {
            StoreError::Damaged("reading the database failed; restart easel, and see its log".to_owned())
        })?
    }
}

fn check(table: &str, key: &[u8], value: Option<&Bytes>) -> Result<(), StoreError> {
    if !trees::TABLES.contains(&table) {
        return Err(trees::no_table(table));
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(StoreError::Io(format!("a key of {} bytes is too long", key.len())));
    }
    match value {
        Some(value) if value.len() > MAX_VALUE_BYTES => Err(StoreError::Io(format!(
            "a value of {} bytes is too large for the database (at most {MAX_VALUE_BYTES})",
            value.len()
        ))),
        _ => Ok(()),
    }
}

#[async_trait]
impl KeyValue for Index {
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let key = key.to_owned();
        self.reading(move |trees| trees.get(trees.table(table)?, &key)).await
    }

    async fn put(&self, table: &'static str, key: &[u8], value: Bytes) -> Result<(), StoreError> {
        check(table, key, Some(&value))?;
        self.queue.submit(Change::Set { table, key: key.to_owned(), value: Some(value) }).await
    }

    async fn remove(&self, table: &'static str, key: &[u8]) -> Result<(), StoreError> {
        check(table, key, None)?;
        self.queue.submit(Change::Set { table, key: key.to_owned(), value: None }).await
    }

    async fn compare_and_swap(
        &self,
        table: &'static str,
        key: &[u8],
        old: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<(), StoreError> {
        check(table, key, new.as_ref())?;
        self.queue.submit(Change::Swap { table, key: key.to_owned(), old, new }).await
    }

    async fn scan(
        &self,
        table: &'static str,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let prefix = prefix.to_owned();
        self.reading(move |trees| trees.scan(trees.table(table)?, &prefix, limit)).await
    }
}
