//! Opening: everything that is checked, mended and told before the first record is read.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, RwLock},
    time::Duration,
};

use easel_core::ports::{Store, StoreError};

use crate::{
    archive::Facts,
    blobs::BlobFiles,
    files::{close_to_others, remove_leftovers, stamp},
    handle::Handle,
    index::{Engine, Index, Queue, Rebuild, Trees, trees, trees::DbError},
    journal::Journal,
    migrations::{self, MIGRATIONS, SCHEMA},
    options::OpenOptions,
    place::{Place, open_error},
    report::{Compacted, OpenError, OpenReport, ReplacedDatabase, SuspectedLoss},
    restore, snapshot, staging,
};

/// The embedded engine: sled and files in one data directory, used by one process.
#[derive(Debug)]
pub struct EmbeddedStore;

impl EmbeddedStore {
    /// Opens the data directory, which is made when it is absent, and mends what a crash left behind.
    ///
    /// Returns the ports, the handle by which the engine is watched, backed up and shut down, and what was found. The
    /// directory is free again after [`Handle::shutdown`], or some time after everything returned was dropped.
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed in these cases.
    pub async fn open(dir: &Path, options: OpenOptions) -> Result<(Store, Handle, OpenReport), OpenError> {
        let dir = dir.to_owned();
        let (handle, report) = tokio::task::spawn_blocking(move || open_blocking(&dir, options))
            .await
            .map_err(|error| OpenError::Io(format!("the data directory could not be opened: {error}")))??;
        handle.start_upkeep();
        for notice in report.notices() {
            if report.needs_owner() {
                tracing::error!("{notice}");
            } else {
                tracing::warn!("{notice}");
            }
        }
        Ok((handle.store(), handle, report))
    }
}

fn open_blocking(dir: &Path, options: OpenOptions) -> Result<(Handle, OpenReport), OpenError> {
    let place = Arc::new(Place::take(dir, options.lock_wait, &options.mounts)?);
    let dir = &place.dir;
    let io = |error: std::io::Error| open_error(dir, &error);
    let mut report =
        OpenReport { finished_restore: staging::roll_forward(dir).map_err(io)?, ..OpenReport::default() };
    remove_leftovers(dir, |name| name == "generation").map_err(io)?;
    snapshot::remove_leftovers(dir).map_err(io)?;
    let blobs = BlobFiles::open(dir).map_err(io)?;
    let queue = Queue::new();
    let index_entries = queue.listener();
    let lock = Arc::clone(&place);
    // The directory stays locked until the journal's threads, which own this listener, have ended.
    let listener = Arc::new(move |entries| {
        let _lock = &lock;
        index_entries(entries);
    });
    let (journal, mended) = Journal::open(&dir.join("journal"), &options, listener).map_err(io)?;
    report.torn_tail_bytes = mended.torn_bytes;
    report.bad_lines = mended.bad_lines;
    match open_index(&place, &options, &journal, queue, &mut report) {
        Ok(index) => Ok((Handle::new(place, journal, index, blobs, options), report)),
        Err(error) => {
            journal.close();
            Err(error)
        }
    }
}

fn open_index(
    place: &Arc<Place>,
    options: &OpenOptions,
    journal: &Arc<Journal>,
    queue: Queue,
    report: &mut OpenReport,
) -> Result<Index, OpenError> {
    let dir = &place.dir;
    let db = dir.join("db");
    report.removed_generating = trees::remove_generating(&db).map_err(|error| open_error(dir, &error))?;
    let trees = open_trees(dir, options, report)?;
    let engine = guarded(dir, || prepare(dir, options, journal, trees, report))?;
    close_to_others(&db).map_err(|error| open_error(dir, &error))?;

    let slot = Arc::new(RwLock::new(Some(Arc::clone(engine.trees()))));
    let (lock, cache_bytes, folding) = (Arc::clone(place), options.cache_bytes, Arc::clone(journal));
    let rebuild = Rebuild {
        open: Box::new(move || {
            let failed = |error: &std::io::Error| crate::files::store_error("open the database again", error);
            let db = lock.dir.join("db");
            trees::remove_generating(&db).map_err(|error| failed(&error))?;
            // A reader may still hold the old one for a moment.
            let trees = Trees::open(&db, cache_bytes, Duration::from_secs(2)).map_err(|error| match error {
                DbError::Io(error) => failed(&error),
                DbError::Locked => StoreError::Io("the database is still in use".to_owned()),
                DbError::Corrupt(detail) => StoreError::Io(format!(
                    "the database can't be opened again ({detail}); restart easel, which restores the newest snapshot"
                )),
            })?;
            Engine::new(Arc::new(trees), lock.dir.join("generation"))
        }),
        fold: Box::new(move || folding.fold()),
    };
    queue.start(engine, Arc::clone(&slot), rebuild).map_err(|error| open_error(dir, &error))?;
    Ok(Index::new(slot, queue))
}

/// Reads the opened database for the first time: compacts it, compares it with what was recorded, and makes its index
/// equal to the journal.
fn prepare(
    dir: &Path,
    options: &OpenOptions,
    journal: &Arc<Journal>,
    trees: Trees,
    report: &mut OpenReport,
) -> Result<Engine, OpenError> {
    let trees = compact_if_bloated(dir, options, trees, report)?;
    let mut engine =
        Engine::new(Arc::new(trees), dir.join("generation")).map_err(|error| use_error(dir, error))?;
    if report.replaced_database.is_none()
        && let Some((expected_generation, found_generation, missing_records)) = engine.loss()
    {
        report.loss = Some(SuspectedLoss {
            expected_generation,
            found_generation,
            missing_records,
            newest_snapshot: snapshot::newest(dir),
        });
    }
    report.migrated_from = migrations::migrate(&mut engine, MIGRATIONS, SCHEMA, |engine, schema| {
        let facts = Facts { taken_at: options.clock.now(), schema, generation: engine.generation() };
        snapshot::take(dir, facts, engine.trees(), journal).map(drop).map_err(|error| {
            OpenError::Io(format!("no snapshot could be taken before the migration: {error}"))
        })
    })?;
    let mut reconciled = Ok(());
    journal.with_folded(|records| reconciled = engine.reconcile(records));
    reconciled.map_err(|error| use_error(dir, error))?;
    Ok(engine)
}

/// Opens sled; a database that can't be opened is moved aside and restored from the newest good snapshot. Without one
/// nothing is changed: an empty database would drop the access lists silently.
fn open_trees(dir: &Path, options: &OpenOptions, report: &mut OpenReport) -> Result<Trees, OpenError> {
    let db = dir.join("db");
    let detail = match Trees::open(&db, options.cache_bytes, options.database_lock_wait) {
        Ok(trees) => return Ok(trees),
        Err(DbError::Corrupt(detail)) => detail,
        Err(error) => return Err(database_error(dir, error)),
    };
    let Some((file, manifest)) = snapshot::newest_good(dir) else {
        return Err(OpenError::Corrupt { detail, backup: None });
    };
    if manifest.schema > SCHEMA {
        return Err(OpenError::NewerSchema { found: manifest.schema, known: SCHEMA });
    }
    let aside = format!("db.broken-{}", stamp(options.clock.now()));
    if let Err(error) = restore::replace_database(dir, Path::new(&aside), &file, &manifest) {
        return Err(OpenError::Corrupt { detail: format!("{detail}; {error}"), backup: Some(file) });
    }
    report.replaced_database = Some(ReplacedDatabase {
        reason: detail,
        moved_to: dir.join(aside),
        restored_from: file,
        taken_at: manifest.taken_at,
    });
    Trees::open(&db, options.cache_bytes, options.database_lock_wait)
        .map_err(|error| database_error(dir, error))
}

fn database_error(dir: &Path, error: DbError) -> OpenError {
    match error {
        DbError::Locked => OpenError::InUse { dir: dir.to_owned(), process: None },
        DbError::Io(error) => open_error(dir, &error),
        DbError::Corrupt(detail) => OpenError::Corrupt { detail, backup: snapshot::newest(dir) },
    }
}

/// An error of the opened database: sled finds some damage only when it reads.
fn use_error(dir: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::Io(detail) => OpenError::Io(detail),
        error => OpenError::Corrupt { detail: error.to_string(), backup: snapshot::newest(dir) },
    }
}

/// Does `work` on the database; sled answers some damage with a panic.
fn guarded<T>(dir: &Path, work: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(OpenError::Corrupt { detail: trees::panic_text(panic.as_ref()), backup: snapshot::newest(dir) })
    })
}

fn compact_if_bloated(
    dir: &Path,
    options: &OpenOptions,
    trees: Trees,
    report: &mut OpenReport,
) -> Result<Trees, OpenError> {
    let failed = |error: sled::Error| use_error(dir, trees::sled_error(&error));
    let before_bytes = trees.db.size_on_disk().map_err(failed)?;
    if before_bytes <= options.bloat_allowance_bytes
        || before_bytes <= 4 * trees.live_bytes().map_err(failed)? + options.bloat_allowance_bytes
    {
        return Ok(trees);
    }
    restore::rebuild_database(dir, trees, options.cache_bytes).map_err(|error| use_error(dir, error))?;
    let trees = Trees::open(&dir.join("db"), options.cache_bytes, options.database_lock_wait)
        .map_err(|error| database_error(dir, error))?;
    let after_bytes = trees.db.size_on_disk().map_err(failed)?;
    report.compacted = Some(Compacted { before_bytes, after_bytes });
    Ok(trees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_that_shows_late_is_told_as_damage() {
        let dir = tempfile::tempdir().unwrap();
        let damaged = |result: Result<(), OpenError>| matches!(result, Err(OpenError::Corrupt { .. }));
        assert!(damaged(guarded(dir.path(), || panic!("a page is cut"))));
        assert!(damaged(Err(use_error(dir.path(), StoreError::Damaged("x".to_owned())))));
        assert!(!damaged(Err(use_error(dir.path(), StoreError::Io("x".to_owned())))));
        assert!(guarded(dir.path(), || Ok(())).is_ok());
    }
}
