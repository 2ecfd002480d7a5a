//! The segment that is being written: zeros ahead of the end, never half a line behind it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::segment::{self, Segment};
use crate::files::sync_dir;

/// Zeros are written this far ahead. Overwriting them changes no metadata, which makes an fdatasync about a third
/// cheaper on ext4, and it reserves room: a disk that fills up still takes the end of the jobs that run.
const AHEAD: u64 = 1 << 20;
/// … and again when less than this is left.
const LOW: u64 = 64 << 10;

/// The open segment.
pub(super) struct Active {
    dir: PathBuf,
    number: u64,
    file: Arc<File>,
    /// End of the last good line: where the next one goes.
    end: u64,
    /// End of the zeros; at least `end`.
    zeroed: u64,
    /// No zeros are tried below this end: the disk had no room for them.
    zeros_from: u64,
    /// A failed write left bytes behind `end` that could not be cut off yet.
    dirty: bool,
    segment_bytes: u64,
}

impl Active {
    /// Opens the newest segment, or makes one; returns how many bytes of a torn tail were cut off.
    pub(super) fn open(dir: &Path, live: &[Segment], segment_bytes: u64) -> io::Result<(Self, u64)> {
        let Some(newest) = live.last().filter(|it| !it.base) else {
            let number = live.last().map_or(1, |it| it.number + 1);
            return Ok((Self::create(dir, number, segment_bytes)?, 0));
        };
        let found = segment::scan(&newest.path, |_| Ok(()))?;
        let file = OpenOptions::new().read(true).write(true).open(&newest.path)?;
        if found.torn_bytes > 0 {
            file.set_len(found.good_end)?;
            file.sync_all()?;
        }
        let mut active = Self {
            dir: dir.to_owned(),
            number: newest.number,
            file: Arc::new(file),
            end: found.good_end,
            zeroed: if found.torn_bytes > 0 { found.good_end } else { found.len },
            zeros_from: 0,
            dirty: false,
            segment_bytes,
        };
        active.seek_to_end()?;
        active.write_zeros_ahead();
        Ok((active, found.torn_bytes))
    }

    fn create(dir: &Path, number: u64, segment_bytes: u64) -> io::Result<Self> {
        let path = Segment::new(dir, number, false).path;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        let mut active = Self {
            dir: dir.to_owned(),
            number,
            file: Arc::new(file),
            end: 0,
            zeroed: 0,
            zeros_from: 0,
            dirty: false,
            segment_bytes,
        };
        active.write_zeros_ahead();
        if let Err(error) = active.file.sync_all().and_then(|()| sync_dir(dir)) {
            fs::remove_file(&path)?;
            return Err(error);
        }
        Ok(active)
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Writes whole lines, or nothing: what a failed write left behind is cut off.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.dirty {
            self.cut_back(self.end)?;
        }
        match (&*self.file).write_all(lines) {
            Ok(()) => {
                self.end += lines.len() as u64;
                self.zeroed = self.zeroed.max(self.end);
                Ok(())
            }
            Err(error) => {
                self.cut_back(self.end)?;
                Err(error)
            }
        }
    }

    /// Forgets everything behind `end`.
    pub(super) fn cut_back(&mut self, end: u64) -> io::Result<()> {
        self.end = end;
        self.zeroed = end;
        self.zeros_from = end + AHEAD;
        self.dirty = true;
        self.file.set_len(end)?;
        self.seek_to_end()?;
        self.dirty = false;
        Ok(())
    }

    fn seek_to_end(&mut self) -> io::Result<()> {
        (&*self.file).seek(SeekFrom::Start(self.end)).map(drop)
    }

    pub(super) fn wants_zeros(&self) -> bool {
        self.zeroed - self.end < LOW && self.zeroed < self.segment_bytes && self.end >= self.zeros_from
    }

    /// Writes zeros ahead when they run out. A disk without room for them is no error: lines are then appended plainly.
    pub(super) fn write_zeros_ahead(&mut self) {
        if !self.wants_zeros() {
            return;
        }
        let until = (self.end + AHEAD).min(self.segment_bytes);
        let zeros = vec![0_u8; 64 << 10];
        let mut at = self.zeroed;
        let mut write = || -> io::Result<()> {
            (&*self.file).seek(SeekFrom::Start(at))?;
            while at < until {
                let piece = zeros.get(..usize::try_from(until - at).unwrap_or(usize::MAX)).unwrap_or(&zeros);
                (&*self.file).write_all(piece)?;
                at += piece.len() as u64;
            }
            Ok(())
        };
        let written = write();
        let settled = match written {
            Ok(()) => {
                self.zeroed = at;
                self.seek_to_end()
            }
            // Gives the last bytes of a full disk back to the lines themselves.
            Err(_) => self.file.set_len(self.zeroed).and_then(|()| {
                self.zeros_from = self.end + AHEAD;
                self.seek_to_end()
            }),
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "the journal's position could not be set");
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.end >= self.segment_bytes
    }

    /// Closes this segment durably and goes on in a new one.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let next = Self::create(&self.dir, self.number + 1, self.segment_bytes)?;
        self.trim()?;
        *self = next;
        Ok(())
    }

    /// Drops the zeros and syncs.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.zeroed = self.end;
        self.file.sync_all()
    }

    /// After a failed rotation, the next try comes when the segment has grown again.
    pub(super) fn postpone_rotation(&mut self) {
        self.segment_bytes = self.end + AHEAD;
    }
}
