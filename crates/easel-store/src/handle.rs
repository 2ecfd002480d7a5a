//! The owner's side of an open store: its background work, its health, backups, and the orderly end.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use easel_core::{
    job::ledger::JobRecord,
    ports::{Store, StoreError},
};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    archive::{self, Facts},
    blobs::BlobFiles,
    files::{stamp, store_error},
    index::{Index, engine},
    journal::Journal,
    migrations::SCHEMA,
    options::OpenOptions,
    place::Place,
    snapshot,
};

/// The fsync of new blobs waits this long for more of them.
const BLOB_SYNC_DELAY: Duration = Duration::from_millis(500);
/// No snapshot is taken this soon after the start, which has better things to do.
const FIRST_SNAPSHOT_AFTER: Duration = Duration::from_mins(1);
/// Something that has waited longer than this for the disk means that the store hangs.
const STUCK: Duration = Duration::from_secs(5);

/// Watches, backs up and ends an open store. Cloning shares it.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

struct Inner {
    place: Arc<Place>,
    journal: Arc<Journal>,
    index: Arc<Index>,
    blobs: Arc<BlobFiles>,
    options: OpenOptions,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// The generation of the last snapshot of this process.
    snapshot_generation: Mutex<Option<u64>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How the store is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The job journal.
    pub journal: Component,
    /// sled.
    pub database: Component,
}

/// One half of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// How long the oldest unfinished write has been waiting; `None` = nothing waits.
    pub waiting: Option<Duration>,
    /// The last failure, until a write succeeds again. Says what to do.
    pub last_error: Option<String>,
}

impl Component {
    /// Whether writes come through.
    pub fn is_good(&self) -> bool {
        self.last_error.is_none() && self.waiting.is_none_or(|waiting| waiting < STUCK)
    }
}

impl Health {
    /// Whether both halves are well.
    pub fn is_good(&self) -> bool {
        self.journal.is_good() && self.database.is_good()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("dir", &self.inner.place.dir).finish_non_exhaustive()
    }
}

impl Handle {
    pub(crate) fn new(
        place: Arc<Place>,
        journal: Arc<Journal>,
        index: Index,
        blobs: BlobFiles,
        options: OpenOptions,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                place,
                journal,
                index: Arc::new(index),
                blobs: Arc::new(blobs),
                options,
                tasks: TaskTracker::new(),
                stop: CancellationToken::new(),
                snapshot_generation: Mutex::default(),
            }),
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store {
            keys: Arc::clone(&self.inner.index) as _,
            blobs: Arc::clone(&self.inner.blobs) as _,
            ledger: Arc::clone(&self.inner.journal) as _,
        }
    }

    /// The data directory, with symbolic links resolved.
    pub fn dir(&self) -> &Path {
        &self.inner.place.dir
    }

    /// How the store is doing now. Cheap; ask as often as you like.
    pub fn health(&self) -> Health {
        let component = |(waiting, last_error)| Component { waiting, last_error };
        Health {
            journal: component(self.inner.journal.health()),
            database: component(self.inner.index.health()),
        }
    }

    /// The newest jobs by the index, newest first. The index follows the journal within half a second; a job whose
    /// record is larger than 32 KiB is only in the journal.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn recent_jobs(&self, limit: usize) -> Result<Vec<JobRecord>, StoreError> {
        self.inner.index.recent_jobs(limit).await
    }

    /// Writes a backup to `to`: a file name, or a folder that then gets `easel-UTC.tar.gz`. Holds all tables and the
    /// kept jobs, not the pictures. The store may be in use meanwhile. Returns the file.
    ///
    /// # Errors
    /// When the file can't be written; nothing is left of it then.
    pub async fn backup(&self, to: &Path) -> Result<PathBuf, StoreError> {
        let to = if to.is_dir() {
            to.join(format!("easel-{}.tar.gz", stamp(self.inner.options.clock.now())))
        } else {
            to.to_owned()
        };
        self.archiving("write the backup", move |inner, facts| {
            let trees = inner.index.trees().map_err(io::Error::other)?;
            archive::write(&to, facts, &trees, &inner.journal).map(|_| to)
        })
        .await
    }

    /// Takes a snapshot into `backups/` now and removes the ones that are no longer needed. Returns the file.
    ///
    /// # Errors
    /// When it can't be written.
    pub async fn snapshot(&self) -> Result<PathBuf, StoreError> {
        self.archiving("take a snapshot", |inner, facts| {
            let trees = inner.index.trees().map_err(io::Error::other)?;
            let path = snapshot::take(&inner.place.dir, facts, &trees, &inner.journal)?;
            *inner.snapshot_generation.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(facts.generation);
            Ok(path)
        })
        .await
    }

    async fn archiving(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Inner, Facts) -> io::Result<PathBuf> + Send + 'static,
    ) -> Result<PathBuf, StoreError> {
        let facts = self.facts()?;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner, facts))
            .await
            .map_err(|_| StoreError::Closed)?
            .map_err(|error| store_error(doing, &error))
    }

    fn facts(&self) -> Result<Facts, StoreError> {
        let trees = self.inner.index.trees()?;
        let generation = engine::recorded(&trees)?.generation;
        Ok(Facts { taken_at: self.inner.options.clock.now(), schema: SCHEMA, generation })
    }

    /// Stops the background work, makes everything durable, marks the shutdown as clean and frees the directory.
    /// Later calls of the ports answer [`StoreError::Closed`]. Harmless to repeat.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || {
            // The journal first: what it made durable is then in the index.
            inner.journal.close();
            inner.index.queue().close();
            inner.blobs.close();
            if let Err(error) = inner.blobs.unsynced().sync(inner.blobs.dir()) {
                tracing::warn!(%error, "pictures could not be synced");
            }
            inner.place.release();
        });
        if done.await.is_err() {
            tracing::error!("the store could not be closed in order");
        }
    }

    pub(crate) fn start_upkeep(&self) {
        let inner = &self.inner;
        let (stop, tasks) = (inner.stop.clone(), inner.tasks.clone());
        tasks.spawn(sync_blobs(Arc::clone(&inner.blobs), stop.clone()));
        tasks.spawn(compact_journal(Arc::clone(&inner.journal), Arc::downgrade(&inner.index), stop.clone()));
        let weak = Arc::downgrade(inner);
        tasks.spawn(async move {
            let Some(wait) = weak.upgrade().map(|inner| first_snapshot_in(&inner)) else { return };
            let mut next = Instant::now() + wait;
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep_until(next) => {}
                }
                let Some(inner) = weak.upgrade() else { return };
                next = Instant::now() + inner.options.snapshot_every;
                Self { inner }.snapshot_if_changed().await;
            }
        });
    }

    async fn snapshot_if_changed(&self) {
        let last = *self.inner.snapshot_generation.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = match self.facts() {
            Ok(facts) if Some(facts.generation) == last => return,
            Ok(_) => self.snapshot().await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(path) => tracing::debug!(file = %path.display(), "snapshot taken"),
            Err(error) => tracing::warn!(%error, "no snapshot could be taken"),
        }
    }
}

/// An hour after the newest snapshot, so that a program that restarts often still gets them.
fn first_snapshot_in(inner: &Inner) -> Duration {
    let age = snapshot::newest_taken_at(&inner.place.dir)
        .map(|at| Duration::from_millis(inner.options.clock.now().since(at)));
    age.map_or(Duration::ZERO, |age| inner.options.snapshot_every.saturating_sub(age))
        .max(FIRST_SNAPSHOT_AFTER.min(inner.options.snapshot_every))
}

async fn sync_blobs(blobs: Arc<BlobFiles>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = blobs.unsynced().changed() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(BLOB_SYNC_DELAY) => {}
        }
        let (unsynced, dir) = (Arc::clone(blobs.unsynced()), Arc::clone(blobs.dir()));
        let synced = tokio::task::spawn_blocking(move || unsynced.sync(&dir)).await;
        if let Ok(Err(error)) = synced {
            tracing::warn!(%error, "pictures could not be synced; a power cut now could lose them");
        }
    }
}

async fn compact_journal(journal: Arc<Journal>, index: std::sync::Weak<Index>, stop: CancellationToken) {
    loop {
        let compacting = Arc::clone(&journal);
        match tokio::task::spawn_blocking(move || compacting.compact_if_due()).await {
            Ok(Ok(true)) => {
                if let Some(index) = index.upgrade() {
                    index.queue().mark_stale();
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the journal could not be compacted; it goes on growing");
            }
            _ => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = journal.rotated().notified() => {}
        }
    }
}
