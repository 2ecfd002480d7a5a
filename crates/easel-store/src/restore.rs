//! Restoring: a whole data directory from a backup, or only sled's tables from a snapshot.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use easel_core::{
    ids::UnixMillis,
    job::ledger::{Entry, Event, Outcome},
    ports::{Clock as _, StoreError, SystemClock},
};

use crate::{
    archive::{self, Ignore, Manifest, Sink},
    files::{self, stamp, sync_dir},
    index::{Change, Engine, Trees, generation},
    journal, migrations,
    options::OpenOptions,
    place::Place,
    report::OpenError,
    staging::{self, Part},
};

/// Why a backup was not restored. The data directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file can't be used.
    #[error("{} can't be restored: {detail}; nothing was changed", file.display())]
    BadArchive {
        /// The backup.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer easel made it.
    #[error(
        "{} was made by a newer easel (schema {found}, this one knows {known}); nothing was changed",
        file.display()
    )]
    NewerSchema {
        /// The backup.
        file: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The data directory can't be used: another easel runs on it, it is read-only …
    #[error(transparent)]
    Place(#[from] OpenError),
    /// Writing failed.
    #[error("the backup could not be restored: {0}; nothing was changed")]
    Io(String),
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// When the backup was made.
    pub taken_at: UnixMillis,
    /// Where the former database and journal are now, if there were any.
    pub replaced: Option<PathBuf>,
    /// Jobs that were unfinished in the backup. They are recorded as ended with unknown outcome: they may have been
    /// paid and delivered since it was made, and nothing is ever paid or delivered twice.
    pub closed_jobs: usize,
    /// Records restored.
    pub records: u64,
}

/// Restores a backup or snapshot into `dir`, which may be absent, empty, or hold an older state, which is then kept
/// beside (`replaced-UTC`). The archive is read from end to end before anything is touched, and an interruption leaves
/// either the old state or the new. Pictures are not part of a backup; those in `blobs/` stay.
///
/// # Errors
/// See [`RestoreError`]; also when another easel uses the directory.
pub async fn restore(dir: &Path, from: &Path) -> Result<RestoreReport, RestoreError> {
    let (dir, from) = (dir.to_owned(), from.to_owned());
    tokio::task::spawn_blocking(move || restore_blocking(&dir, &from))
        .await
        .map_err(|_| RestoreError::Io("it was interrupted".to_owned()))?
}

fn restore_blocking(dir: &Path, from: &Path) -> Result<RestoreReport, RestoreError> {
    let manifest = check(from)?;
    let options = OpenOptions::default();
    let place = Place::take(dir, options.lock_wait, &options.mounts)?;
    let io = |error: io::Error| RestoreError::Io(error.to_string());
    staging::roll_forward(&place.dir).map_err(io)?;
    let now = SystemClock.now();
    let old_generation = generation::read_side(&place.dir.join("generation")).unwrap_or(0);
    let folder = staging::begin(&place.dir).map_err(io)?;

    let mut lines = File::create(folder.join("lines")).map_err(io)?;
    let mut loader =
        Loader::new(&folder.join("db"), Some(&mut lines)).map_err(|e| RestoreError::Io(e.to_string()))?;
    archive::read(from, &mut loader).map_err(io)?;
    let records = loader.finish(&manifest, old_generation).map_err(|e| RestoreError::Io(e.to_string()))?;
    drop(lines);
    let closed_jobs = journal::create_closed(
        &folder.join("journal"),
        |out| File::open(folder.join("lines")).and_then(|mut lines| io::copy(&mut lines, out)).map(drop),
        now,
        |job| Entry { job, at: now, event: Event::Finished { outcome: Outcome::Unknown } },
    )
    .map_err(io)?;
    files::remove_if_there(&folder.join("lines")).map_err(io)?;

    let aside = PathBuf::from(format!("replaced-{}", stamp(now)));
    // A fresh directory has an empty journal folder, made just now: that is nothing to keep.
    let had_any = place.dir.join("db").exists()
        || fs::read_dir(place.dir.join("journal")).is_ok_and(|mut entries| entries.next().is_some());
    let parts = ["db", "journal", "generation"]
        .map(|name| Part { name: name.to_owned(), aside: had_any.then(|| aside.join(name)) });
    staging::commit(&place.dir, &parts).map_err(io)?;
    Ok(RestoreReport {
        taken_at: manifest.taken_at,
        replaced: had_any.then(|| place.dir.join(aside)),
        closed_jobs,
        records,
    })
}

fn check(from: &Path) -> Result<Manifest, RestoreError> {
    let manifest = archive::read(from, &mut Ignore)
        .map_err(|error| RestoreError::BadArchive { file: from.to_owned(), detail: error.to_string() })?;
    if manifest.schema > migrations::SCHEMA {
        let known = migrations::SCHEMA;
        return Err(RestoreError::NewerSchema { file: from.to_owned(), found: manifest.schema, known });
    }
    Ok(manifest)
}

/// Builds a fresh database beside and puts it in the place of a damaged one, which is moved to `aside`. The journal
/// stays. Blocking.
pub(crate) fn replace_database(
    dir: &Path,
    aside: &Path,
    from: &Path,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let io = |error: io::Error| files::store_error("restore the database", &error);
    let old_generation = generation::read_side(&dir.join("generation")).unwrap_or(0);
    let folder = staging::begin(dir).map_err(io)?;
    let mut loader = Loader::new(&folder.join("db"), None)?;
    archive::read(from, &mut loader).map_err(io)?;
    loader.finish(manifest, old_generation)?;
    let part =
        |name: &str, aside: Option<&Path>| Part { name: name.to_owned(), aside: aside.map(Path::to_owned) };
    staging::commit(dir, &[part("db", Some(aside)), part("generation", None)]).map_err(io)
}

/// Rebuilds a database that has grown far beyond its contents. Blocking; the old one must be closed.
pub(crate) fn rebuild_database(dir: &Path, old: Trees, cache_bytes: u64) -> Result<(), StoreError> {
    let io = |error: io::Error| files::store_error("rebuild the database", &error);
    let folder = staging::begin(dir).map_err(io)?;
    let fresh = open_fresh(&folder.join("db"), cache_bytes)?;
    old.copy_into(&fresh).map_err(|error| crate::index::trees::sled_error(&error))?;
    drop((old, fresh));
    sync_dir(&folder.join("db")).map_err(io)?;
    staging::commit(dir, &[Part { name: "db".to_owned(), aside: None }]).map_err(io)
}

fn open_fresh(path: &Path, cache_bytes: u64) -> Result<Trees, StoreError> {
    Trees::open(path, cache_bytes, Duration::from_secs(1))
        .map_err(|error| StoreError::Io(format!("a new database could not be made: {error:?}")))
}

/// Fills a fresh database, and hands the journal's lines on.
struct Loader<'a> {
    engine: Engine,
    db: PathBuf,
    lines: Option<&'a mut File>,
    records: u64,
}

impl<'a> Loader<'a> {
    fn new(db: &Path, lines: Option<&'a mut File>) -> Result<Self, StoreError> {
        let trees = open_fresh(db, 16 << 20)?;
        let side = db.with_file_name("generation");
        Ok(Self { engine: Engine::new(Arc::new(trees), side)?, db: db.to_owned(), lines, records: 0 })
    }

    /// Everything is durable after this. The counter goes on from the larger generation.
    fn finish(mut self, manifest: &Manifest, old_generation: u64) -> Result<u64, StoreError> {
        self.engine.set_schema(manifest.schema)?;
        self.engine.continue_from(manifest.generation.max(old_generation));
        self.engine.checkpoint(true)?;
        drop(self.engine);
        sync_dir(&self.db).map_err(|error| files::store_error("restore the database", &error))?;
        Ok(self.records)
    }
}

impl Sink for Loader<'_> {
    fn row(&mut self, table: &'static str, key: Vec<u8>, value: Vec<u8>) -> io::Result<()> {
        self.records += 1;
        self.engine
            .apply(Change::Set { table, key, value: Some(Bytes::from(value)) })
            .map_err(io::Error::other)
    }

    fn journal_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.lines.as_mut().map_or(Ok(()), |lines| lines.write_all(line))
    }
}
