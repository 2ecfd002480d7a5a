//! The thread that makes all changes, and what waits for it.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads are outside of tokio and of its time"
)]

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use easel_core::{
    job::ledger::{Entry, JobRecord},
    ports::StoreError,
};
use tokio::sync::oneshot;

use super::{Engine, Slot};

/// The index and the generation counter follow at most this often.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);
/// More changes than this waiting mean that the disk is stuck.
const MAX_CHANGES: usize = 10_000;
/// More entries than this waiting are dropped, and the index is rebuilt from the journal instead.
const MAX_ENTRIES: usize = 10_000;
/// A database that failed is opened again at most this often.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// A change to a table.
pub(crate) enum Change {
    Set { table: &'static str, key: Vec<u8>, value: Option<Bytes> },
    Swap { table: &'static str, key: Vec<u8>, old: Option<Bytes>, new: Option<Bytes> },
}

/// What the thread needs to mend its database.
pub(crate) struct Rebuild {
    /// Opens the database again after an error.
    pub(crate) open: Box<dyn Fn() -> Result<Engine, StoreError> + Send>,
    /// Folds the journal, for an index that no longer equals it.
    pub(crate) fold: Box<dyn Fn() -> Result<Vec<JobRecord>, StoreError> + Send>,
}

struct Waiting {
    change: Change,
    done: oneshot::Sender<Result<(), StoreError>>,
    since: Instant,
}

#[derive(Default)]
struct State {
    changes: Vec<Waiting>,
    entries: Vec<Entry>,
    /// Entries were dropped or could not be indexed: only the journal knows.
    stale: bool,
    working_since: Option<Instant>,
    stopping: bool,
    last_error: Option<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

/// The way to the thread.
pub(crate) struct Queue {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::default(), thread: Mutex::default() }
    }

    pub(crate) fn start(&self, engine: Engine, slot: Slot, rebuild: Rebuild) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let worker = Worker { engine: Some(engine), slot, rebuild, last_open: Instant::now() };
        let thread =
            thread::Builder::new().name("easel-index".to_owned()).spawn(move || shared.work(worker))?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    pub(crate) async fn submit(&self, change: Change) -> Result<(), StoreError> {
        let (done, when_done) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.stopping {
                return Err(StoreError::Closed);
            }
            if state.changes.len() >= MAX_CHANGES {
                return Err(StoreError::Io(
                    "the disk does not keep up with the database; check it".to_owned(),
                ));
            }
            state.changes.push(Waiting { change, done, since: Instant::now() });
        }
        self.shared.wake.notify_one();
        when_done.await.unwrap_or(Err(StoreError::Closed))
    }

    /// A listener for the journal.
    pub(crate) fn listener(&self) -> Arc<dyn Fn(Vec<Entry>) + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Arc::new(move |entries| {
            if entries.is_empty() {
                return;
            }
            let mut state = shared.lock();
            let first = state.entries.is_empty() && !state.stale;
            if state.entries.len() + entries.len() > MAX_ENTRIES {
                state.entries.clear();
                state.stale = true;
            } else {
                state.entries.extend(entries);
            }
            drop(state);
            if first {
                shared.wake.notify_one();
            }
        })
    }

    /// The index no longer equals the journal (a compaction dropped jobs): rebuild it at the next chance.
    pub(crate) fn mark_stale(&self) {
        self.shared.lock().stale = true;
        self.shared.wake.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.lock().stopping
    }

    pub(crate) fn health(&self) -> (Option<Duration>, Option<String>) {
        let state = self.shared.lock();
        let oldest = [state.working_since, state.changes.first().map(|it| it.since)];
        (oldest.into_iter().flatten().min().map(|since| since.elapsed()), state.last_error.clone())
    }

    /// Applies what waits, writes a clean checkpoint and closes the database. Blocking.
    pub(crate) fn close(&self) {
        self.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the index thread panicked");
        }
    }

    fn stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, mut worker: Worker) {
        let mut last_checkpoint = Instant::now();
        let mut state = self.lock();
        loop {
            let lazy = !state.entries.is_empty() || state.stale || worker.is_dirty();
            let due = last_checkpoint + CHECKPOINT_EVERY;
            if !state.changes.is_empty() {
                let changes = std::mem::take(&mut state.changes);
                state.working_since = Some(Instant::now());
                drop(state);
                let error = worker.apply(changes);
                state = self.lock();
                state.stale |= error.is_some();
                state.working_since = None;
                state.last_error = error.or(if worker.is_open() { None } else { state.last_error.take() });
            } else if state.stopping || (lazy && Instant::now() >= due) {
                let entries = std::mem::take(&mut state.entries);
                let outdated = std::mem::take(&mut state.stale);
                let stopping = state.stopping;
                state.working_since = Some(Instant::now());
                drop(state);
                let done = worker.catch_up(entries, outdated, stopping);
                last_checkpoint = Instant::now();
                state = self.lock();
                state.working_since = None;
                if let Err(error) = done {
                    state.stale = true;
                    state.last_error = Some(error.to_string());
                } else {
                    state.last_error = None;
                }
                if stopping {
                    drop(state);
                    worker.close();
                    return;
                }
            } else if lazy {
                let wait = due.saturating_duration_since(Instant::now());
                state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// The thread's own half.
struct Worker {
    /// `None` after an error, until the database is open again.
    engine: Option<Engine>,
    slot: Slot,
    rebuild: Rebuild,
    last_open: Instant,
}

impl Worker {
    fn is_dirty(&self) -> bool {
        self.engine.as_ref().is_some_and(Engine::is_dirty)
    }

    fn is_open(&self) -> bool {
        self.engine.is_some()
    }

    /// Runs `work` on the engine; an I/O error, damage or a panic of sled closes the database, because sled stays
    /// unusable after its first failed write until it is opened again.
    fn with<T>(&mut self, work: impl FnOnce(&mut Engine) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.reopen()?;
        let Some(engine) = &mut self.engine else {
            return Err(StoreError::Io("the database is not open".to_owned()));
        };
        let result = catch_unwind(AssertUnwindSafe(|| work(engine))).unwrap_or_else(|_| {
            Err(StoreError::Io("the database failed; it is being opened again".to_owned()))
        });
        if let Err(StoreError::Io(text)) = &result {
            tracing::error!(error = %text, "the database failed and will be opened again");
            self.drop_engine();
        }
        result
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        if self.engine.is_some() {
            return Ok(());
        }
        if self.last_open.elapsed() < REOPEN_EVERY {
            return Err(StoreError::Io("the database failed a moment ago; try again soon".to_owned()));
        }
        self.last_open = Instant::now();
        let engine = (self.rebuild.open)()?;
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(engine.trees()));
        self.engine = Some(engine);
        tracing::info!("the database is open again");
        Ok(())
    }

    fn drop_engine(&mut self) {
        self.slot.write().unwrap_or_else(PoisonError::into_inner).take();
        self.engine = None;
        self.last_open = Instant::now();
    }

    /// Applies all, flushes once, answers all. Returns the text of a failure of the database itself.
    fn apply(&mut self, changes: Vec<Waiting>) -> Option<String> {
        let mut failure = None;
        let mut applied = Vec::new();
        for Waiting { change, done, .. } in changes {
            match self.with(|engine| engine.apply(change)) {
                Ok(()) => applied.push(done),
                Err(error) => {
                    if matches!(error, StoreError::Io(_)) {
                        failure = Some(error.to_string());
                    }
                    drop(done.send(Err(error)));
                }
            }
        }
        if applied.is_empty() {
            return failure;
        }
        let flushed = match &failure {
            // What was applied before the database failed was never flushed.
            Some(text) => Err(StoreError::Io(text.clone())),
            None => self.with(|engine| engine.flush()),
        };
        for done in applied {
            drop(done.send(flushed.clone()));
        }
        failure.or(flushed.err().map(|error| error.to_string()))
    }

    fn catch_up(&mut self, entries: Vec<Entry>, stale: bool, clean: bool) -> Result<(), StoreError> {
        // A database that was opened again has missed entries too.
        let stale = stale || self.engine.is_none();
        self.reopen()?;
        let records = if stale { Some((self.rebuild.fold)()?) } else { None };
        self.with(|engine| {
            match records {
                Some(records) => engine.reconcile(&records)?,
                None => engine.index_entries(entries)?,
            }
            engine.checkpoint(clean)
        })
    }

    fn close(&mut self) {
        self.drop_engine();
    }
}
