//! How a store is opened.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use easel_core::ports::{Clock, SystemClock};

use crate::journal::Retention;

/// Settings of the engine. The defaults are what the program uses; tests make things small.
#[derive(Clone)]
pub struct OpenOptions {
    /// Tells the time for file names and for the age of jobs.
    pub clock: Arc<dyn Clock>,
    /// How long to wait for another process to let go of the directory: a container that restarts may find the old
    /// process still ending.
    pub lock_wait: Duration,
    /// How long to retry when sled finds its own file locked although the directory is ours.
    pub database_lock_wait: Duration,
    /// sled's page cache in bytes (its own default is 1 GiB).
    pub cache_bytes: u64,
    /// A journal segment is closed when it has grown past this many bytes.
    pub segment_bytes: u64,
    /// The journal is rewritten when this many closed segments have come together.
    pub compact_after_segments: usize,
    /// Finished jobs stay in the journal at least this long …
    pub keep_finished: Duration,
    /// … but never more than this many of them.
    pub keep_finished_max: usize,
    /// Time between two snapshots; one is skipped when nothing has changed.
    pub snapshot_every: Duration,
    /// sled's directory is rebuilt at start when it is larger than four times what lives in it plus this many bytes.
    pub bloat_allowance_bytes: u64,
    /// Where the kernel lists mounts (the format of Linux `/proc/self/mountinfo`), to tell network file systems. A file
    /// that is not there is no error: other systems have no such list.
    pub mounts: PathBuf,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            lock_wait: Duration::from_secs(3),
            database_lock_wait: Duration::from_secs(10),
            cache_bytes: 16 << 20,
            segment_bytes: 4 << 20,
            compact_after_segments: 4,
            keep_finished: Duration::from_hours(24),
            keep_finished_max: 10_000,
            snapshot_every: Duration::from_hours(1),
            bloat_allowance_bytes: 64 << 20,
            mounts: PathBuf::from("/proc/self/mountinfo"),
        }
    }
}

impl OpenOptions {
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            keep_ms: u64::try_from(self.keep_finished.as_millis()).unwrap_or(u64::MAX),
            max: self.keep_finished_max,
        }
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("lock_wait", &self.lock_wait)
            .field("cache_bytes", &self.cache_bytes)
            .field("segment_bytes", &self.segment_bytes)
            .finish_non_exhaustive()
    }
}
