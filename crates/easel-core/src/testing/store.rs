//! Storage in memory, with the contracts of the ports.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    ids::JobId,
    job::ledger::{Entry, JobRecord, fold},
    media::Body,
    ports::{Blobs, Durable, KeyValue, Ledger, Store, StoreError},
};

/// All three ports over maps. Clones share the contents, so that a "restart" keeps them.
#[derive(Clone, Default)]
pub struct MemoryStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    values: BTreeMap<(&'static str, Vec<u8>), Bytes>,
    blobs: HashMap<String, Bytes>,
    entries: Vec<Entry>,
    broken: bool,
    blobs_broken: bool,
    ledger_broken: bool,
    written: Vec<String>,
    hold: Option<Arc<Notify>>,
}

impl MemoryStore {
    /// The ports over this store.
    pub fn ports(&self) -> Store {
        Store { keys: Arc::new(self.clone()), blobs: Arc::new(self.clone()), ledger: Arc::new(self.clone()) }
    }

    /// The journal so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.inner.lock().unwrap().entries.clone()
    }

    /// Cuts the journal after `n` entries, as `kill -9` right after the n-th would.
    pub fn forget_after(&self, n: usize) {
        self.inner.lock().unwrap().entries.truncate(n);
    }

    /// Makes every write fail, as a full disk does.
    pub fn set_broken(&self, broken: bool) {
        self.inner.lock().unwrap().broken = broken;
    }

    /// Makes the writing of blobs alone fail.
    pub fn set_blobs_broken(&self, broken: bool) {
        self.inner.lock().unwrap().blobs_broken = broken;
    }

    /// Makes the ledger alone fail.
    pub fn set_ledger_broken(&self, broken: bool) {
        self.inner.lock().unwrap().ledger_broken = broken;
    }

    /// The name of every blob that was written, as often as it was.
    pub fn blobs_written(&self) -> Vec<String> {
        self.inner.lock().unwrap().written.clone()
    }

    /// Blobs are not written until the returned notification.
    pub fn hold_blobs(&self) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        self.inner.lock().unwrap().hold = Some(Arc::clone(&go));
        go
    }

    /// Names of all blobs.
    pub fn blob_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.inner.lock().unwrap().blobs.keys().cloned().collect();
        names.sort();
        names
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.inner.lock().unwrap().broken {
            return Err(no_room());
        }
        Ok(())
    }
}

fn no_room() -> StoreError {
    StoreError::Io("no space left".to_owned())
}

#[async_trait]
impl KeyValue for MemoryStore {
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.inner.lock().unwrap().values.get(&(table, key.to_vec())).cloned())
    }

    async fn put(&self, table: &'static str, key: &[u8], value: Bytes) -> Result<(), StoreError> {
        self.check()?;
        self.inner.lock().unwrap().values.insert((table, key.to_vec()), value);
        Ok(())
    }

    async fn remove(&self, table: &'static str, key: &[u8]) -> Result<(), StoreError> {
        self.check()?;
        self.inner.lock().unwrap().values.remove(&(table, key.to_vec()));
        Ok(())
    }

    async fn compare_and_swap(
        &self,
        table: &'static str,
        key: &[u8],
        old: Option<Bytes>,
        new: Option<Bytes>,
    ) -> Result<(), StoreError> {
        self.check()?;
        let mut inner = self.inner.lock().unwrap();
        let key = (table, key.to_vec());
        if inner.values.get(&key) != old.as_ref() {
            return Err(StoreError::Conflict);
        }
        match new {
            Some(new) => inner.values.insert(key, new),
            None => inner.values.remove(&key),
        };
        Ok(())
    }

    async fn scan(
        &self,
        table: &'static str,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        Ok(self
            .inner
            .lock()
            .unwrap()
            .values
            .range((table, prefix.to_vec())..)
            .take_while(|((t, key), _)| *t == table && key.starts_with(prefix))
            .take(limit)
            .map(|((_, key), value)| (Bytes::from(key.clone()), value.clone()))
            .collect())
    }
}

#[async_trait]
impl Blobs for MemoryStore {
    async fn put(&self, name: &str, body: &Body) -> Result<(), StoreError> {
        let hold = self.inner.lock().unwrap().hold.clone();
        if let Some(hold) = hold {
            hold.notified().await;
        }
        self.check()?;
        let bytes = body.read().map_err(|error| StoreError::Io(error.to_string()))?;
        let mut inner = self.inner.lock().unwrap();
        if inner.blobs_broken {
            return Err(no_room());
        }
        inner.written.push(name.to_owned());
        inner.blobs.insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Body>, StoreError> {
        Ok(self.inner.lock().unwrap().blobs.get(name).cloned().map(Body::from_bytes))
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.inner.lock().unwrap().blobs.remove(name);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(self.inner.lock().unwrap().blobs.iter().map(|(n, b)| (n.clone(), b.len() as u64)).collect())
    }
}

#[async_trait]
impl Ledger for MemoryStore {
    fn append(&self, entries: Vec<Entry>) -> Durable {
        let mut inner = self.inner.lock().unwrap();
        let full = inner.broken || inner.ledger_broken;
        if !full {
            inner.entries.extend(entries);
        }
        Box::pin(async move { if full { Err(no_room()) } else { Ok(()) } })
    }

    async fn load(&self) -> Result<Vec<JobRecord>, StoreError> {
        let mut records: BTreeMap<JobId, JobRecord> = BTreeMap::new();
        for entry in self.entries() {
            let id = entry.job;
            if let Some(record) = fold(records.remove(&id), entry) {
                records.insert(id, record);
            }
        }
        Ok(records.into_values().collect())
    }
}
