//! Opening sled, its fixed set of trees, and reading them.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads are outside of tokio and of its time"
)]

use std::{
    any::Any,
    collections::BTreeMap,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use easel_core::{job::ledger::JobRecord, ports::StoreError};

use super::value;
use crate::files::{Trouble, store_error, trouble};

/// The tables of the key-value port.
pub(crate) const TABLES: [&str; 4] = ["settings", "keys", "limits", "meta"];

/// All trees. The port's table `meta` and the engine's own tree `meta` are not the same.
pub(crate) struct Trees {
    pub(crate) db: sled::Db,
    tables: BTreeMap<&'static str, sled::Tree>,
    /// Job records by id.
    pub(crate) jobs: sled::Tree,
    /// The engine's own records: schema, generation and counts.
    pub(crate) meta: sled::Tree,
}

/// Why sled did not open.
#[derive(Debug)]
pub(crate) enum DbError {
    /// Another process still has the file.
    Locked,
    /// The system refused.
    Io(io::Error),
    /// The files are damaged.
    Corrupt(String),
}

impl Trees {
    /// Opens the database, waiting up to `lock_wait` for sled's own lock. Blocking.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, lock_wait: Duration) -> Result<Self, DbError> {
        let deadline = Instant::now() + lock_wait;
        loop {
            match catch_unwind(AssertUnwindSafe(|| Self::try_open(dir, cache_bytes))) {
                Ok(Ok(trees)) => return Ok(trees),
                Ok(Err(sled::Error::Io(error))) if is_lock_error(&error) => {
                    if Instant::now() >= deadline {
                        return Err(DbError::Locked);
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                Ok(Err(sled::Error::Io(error)))
                    if trouble(&error) != Trouble::Other || error.raw_os_error().is_some() =>
                {
                    return Err(DbError::Io(error));
                }
                Ok(Err(error)) => return Err(DbError::Corrupt(error.to_string())),
                Err(panic) => return Err(DbError::Corrupt(panic_text(panic.as_ref()))),
            }
        }
    }

    fn try_open(dir: &Path, cache_bytes: u64) -> sled::Result<Self> {
        let db =
            sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(Some(500)).open()?;
        let mut tables = BTreeMap::new();
        for name in TABLES {
            tables.insert(name, db.open_tree(format!("table:{name}"))?);
        }
        Ok(Self { tables, jobs: db.open_tree("jobs")?, meta: db.open_tree("meta")?, db })
    }

    /// The tree behind a table of the port.
    pub(crate) fn table(&self, name: &str) -> Result<&sled::Tree, StoreError> {
        self.tables.get(name).ok_or_else(|| no_table(name))
    }

    /// All trees with records, by the names that counts use.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &sled::Tree)> {
        self.tables.iter().map(|(name, tree)| (*name, tree)).chain([("jobs", &self.jobs)])
    }

    #[expect(clippy::unused_self, reason = "a handle on a tree must not be used after its database is gone")]
    pub(crate) fn get(&self, tree: &sled::Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match tree.get(key).map_err(|error| sled_error(&error))? {
            Some(found) => value::open(key, &found).map(Some),
            None => Ok(None),
        }
    }

    #[expect(clippy::unused_self, reason = "as for `get`")]
    pub(crate) fn scan(
        &self,
        tree: &sled::Tree,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        let mut out = Vec::new();
        for pair in tree.scan_prefix(prefix).take(limit) {
            let (key, found) = pair.map_err(|error| sled_error(&error))?;
            out.push((Bytes::copy_from_slice(&key), value::open(&key, &found)?));
        }
        Ok(out)
    }

    pub(crate) fn recent_jobs(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        let mut out = Vec::new();
        // Ids are UUIDs of version 7: their order is the order of acceptance.
        for pair in self.jobs.iter().rev() {
            if out.len() >= limit {
                break;
            }
            let (key, found) = pair.map_err(|error| sled_error(&error))?;
            // A damaged entry of the index is no loss: the journal has it, and the next start writes it again.
            match value::open(&key, &found).map(|json| serde_json::from_slice(&json)) {
                Ok(Ok(record)) => out.push(record),
                _ => {
                    tracing::warn!(key = %String::from_utf8_lossy(&key), "a damaged record in the job index");
                }
            }
        }
        Ok(out)
    }

    /// Bytes of all keys and values.
    pub(crate) fn live_bytes(&self) -> sled::Result<u64> {
        let mut bytes = 0;
        for (_, tree) in self.all().chain([("", &self.meta)]) {
            for pair in tree {
                let (key, value) = pair?;
                bytes += (key.len() + value.len()) as u64;
            }
        }
        Ok(bytes)
    }

    /// Copies every record into `other`.
    pub(crate) fn copy_into(&self, other: &Self) -> sled::Result<()> {
        for ((_, from), (_, to)) in
            self.all().chain([("", &self.meta)]).zip(other.all().chain([("", &other.meta)]))
        {
            for pair in from {
                let (key, value) = pair?;
                to.insert(key, value)?;
            }
        }
        other.db.flush().map(drop)
    }
}

pub(crate) fn no_table(name: &str) -> StoreError {
    StoreError::Damaged(format!("there is no table {name:?}"))
}

/// Removes sled's left-over `.generating` files: they make it refuse to open, and hold nothing that is needed.
pub(crate) fn remove_generating(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(removed),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "generating") {
            fs::remove_file(&path)?;
            removed.push(path);
        }
    }
    Ok(removed)
}

/// sled reports its lock as a plain text in an error of kind `Other`.
fn is_lock_error(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("reading it panicked: {}", text.unwrap_or("no text"))
}

pub(crate) fn sled_error(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => store_error("use the database", error),
        error => StoreError::Damaged(format!("the database reports: {error}")),
    }
}
