//! What changes sled. Used by one thread at a time: first by the one that opens the store, then by the queue's.

use std::{collections::BTreeMap, collections::HashMap, path::PathBuf, sync::Arc};

use bytes::Bytes;
use easel_core::{
    job::ledger::{Entry, JobRecord, fold},
    ports::StoreError,
};

use super::{
    Change, MAX_VALUE_BYTES,
    generation::{self, Recorded},
    trees::{Trees, sled_error},
    value,
};
use crate::files::store_error;

const STATE: &[u8] = b"state";
const SCHEMA: &[u8] = b"schema";

/// The trees with the engine's own record of them.
pub(crate) struct Engine {
    trees: Arc<Trees>,
    recorded: Recorded,
    side: PathBuf,
    counts: BTreeMap<String, u64>,
    /// Something changed since the last checkpoint.
    dirty: bool,
}

impl Engine {
    /// Takes the trees over and looks how they compare with what was recorded. `side` is the side file's path.
    pub(crate) fn new(trees: Arc<Trees>, side: PathBuf) -> Result<Self, StoreError> {
        let recorded = recorded(&trees)?;
        let counts = trees.all().map(|(name, tree)| (name.to_owned(), tree.len() as u64)).collect();
        Ok(Self { trees, recorded, side, counts, dirty: false })
    }

    pub(crate) fn trees(&self) -> &Arc<Trees> {
        &self.trees
    }

    /// `(expected generation, found generation, missing records)` when sled seems to have lost something. From then on
    /// the counter goes on from the larger one, so that a loss is told once.
    pub(crate) fn loss(&mut self) -> Option<(u64, u64, u64)> {
        let side = generation::read_side(&self.side);
        let missing = self.recorded.loss(side, &self.counts)?;
        let found = self.recorded.generation;
        self.recorded.generation = found.max(side.unwrap_or(0));
        self.dirty = true;
        Some((self.recorded.generation, found, missing))
    }

    /// Continues counting from a generation that another database had reached.
    pub(crate) fn continue_from(&mut self, generation: u64) {
        self.recorded.generation = self.recorded.generation.max(generation);
        self.dirty = true;
    }

    pub(crate) fn generation(&self) -> u64 {
        self.recorded.generation
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub(crate) fn schema(&self) -> Result<Option<u32>, StoreError> {
        let Some(text) = self.trees.get(&self.trees.meta, SCHEMA)? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|_| StoreError::Damaged("the database's schema number is no number".to_owned()))
    }

    pub(crate) fn set_schema(&mut self, schema: u32) -> Result<(), StoreError> {
        self.own(SCHEMA, schema.to_string().as_bytes())?;
        self.flush()
    }

    /// Applies one change; not durable before [`Self::flush`].
    pub(crate) fn apply(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Set { table, key, value } => self.set(table, &key, value.as_ref()),
            Change::Swap { table, key, old, new } => {
                if self.trees.get(self.trees.table(table)?, &key)? != old {
                    return Err(StoreError::Conflict);
                }
                self.set(table, &key, new.as_ref())
            }
        }
    }

    fn set(&mut self, table: &'static str, key: &[u8], value: Option<&Bytes>) -> Result<(), StoreError> {
        let tree = self.trees.table(table)?.clone();
        self.write(&tree, table, key, value.map(AsRef::as_ref))
    }

    fn write(
        &mut self,
        tree: &sled::Tree,
        name: &str,
        key: &[u8],
        payload: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        self.begin_change()?;
        let had = match payload {
            Some(payload) => tree.insert(key, value::seal(key, payload)),
            None => tree.remove(key),
        }
        .map_err(|error| sled_error(&error))?
        .is_some();
        let count = self.counts.entry(name.to_owned()).or_default();
        match (had, payload.is_some()) {
            (false, true) => *count += 1,
            (true, false) => *count = count.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    /// The first change after a clean shutdown takes the word "clean" back, in the same log before the change itself.
    fn begin_change(&mut self) -> Result<(), StoreError> {
        self.dirty = true;
        if self.recorded.clean {
            self.recorded.clean = false;
            self.write_state()?;
        }
        Ok(())
    }

    fn write_state(&self) -> Result<(), StoreError> {
        let json = serde_json::to_vec(&self.recorded)
            .map_err(|error| StoreError::Damaged(format!("the engine's state can't be written: {error}")))?;
        self.own(STATE, &json)
    }

    fn own(&self, key: &[u8], payload: &[u8]) -> Result<(), StoreError> {
        self.trees.meta.insert(key, value::seal(key, payload)).map(drop).map_err(|error| sled_error(&error))
    }

    /// Makes everything so far durable.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.trees.db.flush().map(drop).map_err(|error| sled_error(&error))
    }

    /// Folds durable journal entries into the index.
    pub(crate) fn index_entries(&mut self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut changed: HashMap<_, Option<JobRecord>> = HashMap::new();
        for entry in entries {
            let id = entry.job;
            let record = match changed.remove(&id) {
                Some(record) => record,
                None => self
                    .trees
                    .get(&self.trees.jobs, id.to_string().as_bytes())?
                    .and_then(|json| serde_json::from_slice(&json).ok()),
            };
            changed.insert(id, fold(record, entry));
        }
        for record in changed.into_values().flatten() {
            self.index_job(&record)?;
        }
        Ok(())
    }

    fn index_job(&mut self, record: &JobRecord) -> Result<(), StoreError> {
        let Some(json) = index_form(record) else { return Ok(()) };
        let jobs = self.trees.jobs.clone();
        self.write(&jobs, "jobs", record.id.to_string().as_bytes(), Some(&json))
    }

    /// Makes the index equal to the folded journal.
    pub(crate) fn reconcile(&mut self, records: &[JobRecord]) -> Result<(), StoreError> {
        let mut wanted: HashMap<String, Vec<u8>> = records
            .iter()
            .filter_map(|record| index_form(record).map(|json| (record.id.to_string(), json)))
            .collect();
        let jobs = self.trees.jobs.clone();
        for pair in &jobs {
            let (key, found) = pair.map_err(|error| sled_error(&error))?;
            let name = String::from_utf8_lossy(&key);
            match wanted.get(name.as_ref()) {
                None => self.write(&jobs, "jobs", &key, None)?,
                Some(json) if value::open(&key, &found).is_ok_and(|present| present == *json) => {
                    wanted.remove(name.as_ref());
                }
                Some(_) => {}
            }
        }
        for (key, json) in wanted {
            self.write(&jobs, "jobs", key.as_bytes(), Some(&json))?;
        }
        Ok(())
    }

    /// Writes the counter and the counts, flushes, and then lets the side file vouch for them.
    pub(crate) fn checkpoint(&mut self, clean: bool) -> Result<(), StoreError> {
        if !self.dirty && self.recorded.clean == clean {
            return Ok(());
        }
        self.recorded.generation += 1;
        self.recorded.counts.clone_from(&self.counts);
        self.recorded.clean = clean;
        self.write_state()?;
        self.flush()?;
        generation::write_side(&self.side, self.recorded.generation)
            .map_err(|error| store_error("write the generation file", &error))?;
        self.dirty = false;
        Ok(())
    }
}

/// What the last checkpoint recorded; the default when it is absent or damaged, which the loss check tells.
pub(crate) fn recorded(trees: &Trees) -> Result<Recorded, StoreError> {
    match trees.get(&trees.meta, STATE) {
        Ok(Some(json)) => Ok(serde_json::from_slice(&json).unwrap_or_default()),
        Ok(None) | Err(StoreError::Damaged(_)) => Ok(Recorded::default()),
        Err(error) => Err(error),
    }
}

/// The record as the index keeps it; `None` for one that is too large for sled (the journal has it).
fn index_form(record: &JobRecord) -> Option<Vec<u8>> {
    let json = serde_json::to_vec(record).ok()?;
    (json.len() <= MAX_VALUE_BYTES).then_some(json)
}
