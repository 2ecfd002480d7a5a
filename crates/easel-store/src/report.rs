//! What opening found, mended, or could not mend.

use std::path::PathBuf;

use easel_core::ids::UnixMillis;

/// Why the store can't be opened. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the directory.
    #[error(
        "the data directory {} is in use by another easel{}; stop that one, or give this one a data directory of its own (--data-dir)",
        dir.display(), process.map_or_else(String::new, |id| format!(" (process {id})"))
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// The holder's process id, when it is known.
        process: Option<u32>,
    },
    /// The directory or something in it can't be written.
    #[error(
        "the data directory {} can't be written ({detail}); remount the disk writable, or give the account that runs easel write access",
        dir.display()
    )]
    ReadOnly {
        /// The data directory.
        dir: PathBuf,
        /// The system's words.
        detail: String,
    },
    /// The disk is full.
    #[error("the disk that holds the data directory {} is full; free some space and start again", dir.display())]
    NoSpace {
        /// The data directory.
        dir: PathBuf,
    },
    /// NFS, SMB and the like, where locks and fsync can't be trusted.
    #[error(
        "the data directory {} is on a network file system ({kind}), where file locks and fsync are not reliable; use a directory on a local disk",
        dir.display()
    )]
    NetworkFilesystem {
        /// The data directory.
        dir: PathBuf,
        /// The kernel's name of the file system.
        kind: String,
    },
    /// A newer easel wrote this directory.
    #[error(
        "the data directory was written by a newer easel (schema {found}, this one knows {known}); install that version again, or restore a backup that this version made"
    )]
    NewerSchema {
        /// The schema on disk.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The database can't be opened and could not be restored by itself. Nothing was changed.
    #[error(
        "the database is damaged ({detail}); {}",
        backup.as_ref().map_or_else(
            || "there is no usable snapshot: restore a backup of your own with `easel restore FILE`, or rename the folder `db` in the data directory to start with empty settings (the job journal is kept)".to_owned(),
            |file| format!("restore the newest snapshot with `easel restore {}`", file.display())
        )
    )]
    Corrupt {
        /// What was found.
        detail: String,
        /// The newest snapshot, if there is one.
        backup: Option<PathBuf>,
    },
    /// Any other I/O error.
    #[error("{0}")]
    Io(String),
}

/// What opening found and mended. Empty on an ordinary start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Left-over `.generating` files of sled that were removed; nothing is lost by that.
    pub removed_generating: Vec<PathBuf>,
    /// The database could not be opened and was restored from a snapshot.
    pub replaced_database: Option<ReplacedDatabase>,
    /// The database opened, but records seem to be missing.
    pub loss: Option<SuspectedLoss>,
    /// Bytes of a half-written last line that were cut off the journal.
    pub torn_tail_bytes: u64,
    /// Damaged journal lines that were skipped.
    pub bad_lines: u64,
    /// The database was rebuilt because it had grown far beyond its contents.
    pub compacted: Option<Compacted>,
    /// A restore that had been interrupted was completed.
    pub finished_restore: bool,
    /// The schema that the directory had before it was brought up to date.
    pub migrated_from: Option<u32>,
}

/// An unopenable database and what took its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacedDatabase {
    /// Why it could not be opened.
    pub reason: String,
    /// Where the damaged one is now.
    pub moved_to: PathBuf,
    /// The snapshot that was restored.
    pub restored_from: PathBuf,
    /// When that snapshot was taken.
    pub taken_at: UnixMillis,
}

/// Signs that sled lost records without noticing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectedLoss {
    /// The generation that the side file vouches for.
    pub expected_generation: u64,
    /// The generation found in sled.
    pub found_generation: u64,
    /// Records missing by the counts of the last clean shutdown.
    pub missing_records: u64,
    /// The newest snapshot, offered for a restore; never restored by itself.
    pub newest_snapshot: Option<PathBuf>,
}

/// A rebuilt database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes before.
    pub before_bytes: u64,
    /// Bytes after.
    pub after_bytes: u64,
}

impl OpenReport {
    /// Whether there is nothing to tell.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the owner must be told, not only the log: settings may be missing or old.
    pub fn needs_owner(&self) -> bool {
        self.replaced_database.is_some() || self.loss.is_some()
    }

    /// One English sentence per finding, for the log and `easel check`.
    pub fn notices(&self) -> Vec<String> {
        let mut out = Vec::new();
        if let Some(it) = &self.replaced_database {
            out.push(format!(
                "the database could not be opened ({}); it was moved to {} and restored from {}: changes to settings after that snapshot are gone, jobs are complete",
                it.reason,
                it.moved_to.display(),
                it.restored_from.display()
            ));
        }
        if let Some(it) = &self.loss {
            out.push(format!(
                "the database seems to have lost records (generation {} instead of {}, {} records missing); {}",
                it.found_generation,
                it.expected_generation,
                it.missing_records,
                it.newest_snapshot.as_ref().map_or_else(
                    || "there is no snapshot to restore: check the access lists and settings".to_owned(),
                    |file| format!(
                        "check the access lists and settings, or run `easel restore {}`",
                        file.display()
                    )
                )
            ));
        }
        if self.torn_tail_bytes > 0 {
            out.push(format!(
                "the last journal line was only half written when the machine stopped; {} bytes were cut off, nothing that had been confirmed is lost",
                self.torn_tail_bytes
            ));
        }
        if self.bad_lines > 0 {
            out.push(format!("{} damaged journal lines were skipped; check the disk", self.bad_lines));
        }
        if self.finished_restore {
            out.push("a restore that had been interrupted was completed".to_owned());
        }
        for file in &self.removed_generating {
            out.push(format!("removed the unfinished file {}", file.display()));
        }
        if let Some(it) = self.compacted {
            out.push(format!(
                "the database was rebuilt: {} bytes on disk before, {} after",
                it.before_bytes, it.after_bytes
            ));
        }
        if let Some(from) = self.migrated_from {
            out.push(format!(
                "the data directory was brought from schema {from} to {}",
                crate::migrations::SCHEMA
            ));
        }
        out
    }
}
