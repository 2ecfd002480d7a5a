//! The job ledger: append-only JSON lines, the truth of every job.
//!
//! `line` is the format, `segment` the files, `writer` the group commit, `read` the fold, `retention` what may go. It
//! knows nothing of sled: durable entries are handed to a listener, which keeps an index.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use easel_core::{
    ids::{JobId, UnixMillis},
    job::ledger::{Entry, JobRecord},
    ports::{Clock, Durable, Ledger, StoreError},
};
use tokio::sync::{Notify, oneshot};

use crate::{
    files::{create_private_dir, remove_leftovers, store_error, sync_dir},
    options::OpenOptions,
};

mod active;
pub(crate) mod line;
mod read;
mod retention;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use read::fold_all;
pub(crate) use retention::Retention;
pub(crate) use writer::Listener;

use active::Active;
use segment::Segment;
use writer::{Hurry, Writer};

/// The open journal.
pub(crate) struct Journal {
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    retention: Retention,
    compact_after: usize,
    writer: Writer,
    /// Held by whoever needs that no file disappears. Only taken on blocking threads.
    files: Mutex<()>,
    /// The fold that opening needed anyway, for the first `load`; gone with the first append.
    folded: Mutex<Option<Vec<JobRecord>>>,
}

/// What opening the journal found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    pub(crate) torn_bytes: u64,
    pub(crate) bad_lines: u64,
}

impl Journal {
    /// Cuts a torn tail, folds everything and starts the two writing threads.
    pub(crate) fn open(
        dir: &Path,
        options: &OpenOptions,
        listener: Listener,
    ) -> io::Result<(Arc<Self>, Mended)> {
        remove_leftovers(dir, segment::is_stem)?;
        let segments = segment::list(dir)?;
        for void in &segments.void {
            fs::remove_file(&void.path)?;
        }
        let (active, torn_bytes) = Active::open(dir, &segments.live, options.segment_bytes)?;
        let retention = options.retention();
        let (records, bad_lines) = fold_all(dir, retention, options.clock.now())?;
        let journal = Self {
            dir: dir.to_owned(),
            clock: Arc::clone(&options.clock),
            retention,
            compact_after: options.compact_after_segments,
            writer: Writer::start(active, listener)?,
            files: Mutex::new(()),
            folded: Mutex::new(Some(records)),
        };
        Ok((Arc::new(journal), Mended { torn_bytes, bad_lines }))
    }

    /// Looks at the fold that opening made.
    pub(crate) fn with_folded(&self, look: impl FnOnce(&[JobRecord])) {
        let folded = self.folded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(records) = folded.as_deref() {
            look(records);
        }
    }

    /// Folds the files. Blocking.
    pub(crate) fn fold(&self) -> Result<Vec<JobRecord>, StoreError> {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        fold_all(&self.dir, self.retention, self.clock.now())
            .map(|(records, _)| records)
            .map_err(|error| store_error("read the job journal", &error))
    }

    /// Writes the lines of all kept jobs to `out`; returns their number. Blocking.
    pub(crate) fn export(&self, out: &mut impl Write) -> io::Result<u64> {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = segment::list(&self.dir)?.live;
        let kept = read::kept_jobs(&segments, self.retention, self.clock.now())?;
        read::copy_kept(&segments, &kept, out)
    }

    /// Signals each time a segment was closed.
    pub(crate) fn rotated(&self) -> &Notify {
        self.writer.rotated()
    }

    /// Rewrites the closed segments as one, without the jobs that may go, once enough of them have come together.
    /// Returns whether it did. Blocking.
    pub(crate) fn compact_if_due(&self) -> io::Result<bool> {
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = segment::list(&self.dir)?.live;
        let Some((_active, closed)) = segments.split_last() else { return Ok(false) };
        if closed.iter().filter(|it| !it.base).count() < self.compact_after {
            return Ok(false);
        }
        // The active segment is read too: it may hold the end of a job that began in a closed one.
        let kept = read::kept_jobs(&segments, self.retention, self.clock.now())?;
        rewrite(&self.dir, closed, &kept)?;
        Ok(true)
    }

    /// How long the oldest append has been waiting, and the last failure since the last success.
    pub(crate) fn health(&self) -> (Option<Duration>, Option<String>) {
        self.writer.health()
    }

    /// Writes and syncs what was appended, then ends the threads. Blocking.
    pub(crate) fn close(&self) {
        self.writer.close();
    }

    fn hand_over(&self, entries: Vec<Entry>, hurry: Hurry) -> Durable {
        self.folded.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut lines = Vec::new();
        for entry in &entries {
            if let Err(error) = line::encode(entry, &mut lines) {
                let error = StoreError::Damaged(format!("an entry can't be written as JSON: {error}"));
                return Box::pin(async { Err(error) });
            }
        }
        let (done, when_done) = oneshot::channel();
        match self.writer.push(&lines, entries, done, hurry) {
            Ok(()) => Box::pin(async { when_done.await.unwrap_or(Err(StoreError::Closed)) }),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}

/// Puts the kept lines of `closed` into one base segment that voids them all, then removes them.
fn rewrite(dir: &Path, closed: &[Segment], kept: &HashSet<JobId>) -> io::Result<()> {
    let Some(newest) = closed.last() else { return Ok(()) };
    let base = Segment::new(dir, newest.number, true);
    let tmp = base.path.with_extension("tmp");
    let mut out = BufWriter::new(File::create(&tmp)?);
    let written = read::copy_kept(closed, kept, &mut out)
        .and_then(|_| out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all());
    if let Err(error) = written {
        fs::remove_file(&tmp)?;
        return Err(error);
    }
    fs::rename(&tmp, &base.path)?;
    sync_dir(dir)?;
    for segment in closed.iter().filter(|it| it.path != base.path) {
        fs::remove_file(&segment.path)?;
    }
    Ok(())
}

/// Makes a journal of its own in `dir` out of `lines`, and ends the unfinished jobs in it with `end`. For restores.
pub(crate) fn create_closed(
    dir: &Path,
    lines: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    now: UnixMillis,
    end: impl Fn(JobId) -> Entry,
) -> io::Result<usize> {
    create_private_dir(dir)?;
    let mut out = BufWriter::new(File::create(Segment::new(dir, 1, false).path)?);
    lines(&mut out)?;
    out.flush()?;
    let everything = Retention { keep_ms: u64::MAX, max: usize::MAX };
    let (records, _) = fold_all(dir, everything, now)?;
    let mut ends = Vec::new();
    let mut ended = 0;
    for record in records.iter().filter(|record| !record.is_finished()) {
        line::encode(&end(record.id), &mut ends)?;
        ended += 1;
    }
    out.write_all(&ends)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    sync_dir(dir)?;
    Ok(ended)
}

#[async_trait]
impl Ledger for Journal {
    fn append(&self, entries: Vec<Entry>) -> Durable {
        self.hand_over(entries, Hurry::Yes)
    }

    fn append_later(&self, entries: Vec<Entry>) -> Durable {
        self.hand_over(entries, Hurry::No)
    }

    async fn load(&self) -> Result<Vec<JobRecord>, StoreError> {
        let ready = self.folded.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(records) = ready {
            return Ok(records);
        }
        let (dir, retention, now) = (self.dir.clone(), self.retention, self.clock.now());
        // A compaction may remove a file between listing and reading it: then the list is simply stale.
        tokio::task::spawn_blocking(move || {
            fold_all(&dir, retention, now).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => fold_all(&dir, retention, now),
                _ => Err(error),
            })
        })
        .await
        .map_err(|_| StoreError::Closed)?
        .map(|(records, _)| records)
        .map_err(|error| store_error("read the job journal", &error))
    }
}
