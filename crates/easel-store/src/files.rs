//! Small helpers on files: durable replacement, folders that survive a power cut, and I/O errors in plain words.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use chrono::DateTime;
use easel_core::{ids::UnixMillis, ports::StoreError};

/// Makes created, renamed and removed names in `dir` durable.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Other systems have no such call; renames are durable by the file system's own journal.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Replaces `path` by `bytes`, complete or not at all, and durably.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let tmp = path.with_extension("tmp");
    let mut file = File::create(&tmp)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&tmp, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes everything in `dir` whose name ends in `.tmp`: leftovers of a process that died.
pub(crate) fn remove_leftovers(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|ending| ending == "tmp") {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// What can be done about an I/O error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    NoSpace,
    ReadOnly,
    Other,
}

pub(crate) fn trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Trouble::NoSpace,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Trouble::ReadOnly,
        _ => Trouble::Other,
    }
}

/// A store error that says what failed and what to do about it.
pub(crate) fn store_error(doing: &str, error: &io::Error) -> StoreError {
    StoreError::Io(match trouble(error) {
        Trouble::NoSpace => format!("could not {doing}: the disk is full; free some space"),
        Trouble::ReadOnly => format!(
            "could not {doing}: the data directory can't be written ({error}); remount the disk writable or give the account that runs easel write access"
        ),
        Trouble::Other => format!("could not {doing}: {error}"),
    })
}

/// The form of a time in file names: sorts by time, legal on every file system.
pub(crate) fn stamp(at: UnixMillis) -> String {
    i64::try_from(at.0)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .map_or_else(|| at.0.to_string(), |time| time.format("%Y%m%dT%H%M%S%3fZ").to_string())
}
