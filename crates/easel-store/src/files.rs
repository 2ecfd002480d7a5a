//! Small helpers on files: durable replacement, folders that survive a power cut, and I/O errors in plain words.

use std::{
    fs::{self, File, Permissions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use chrono::DateTime;
use easel_core::{ids::UnixMillis, ports::StoreError};

/// Makes created, renamed and removed names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
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

/// Removes the files in `dir` whose names, without the ending `.tmp`, are `ours`: leftovers of a process that died.
/// Folders and files of other names stay, because people may keep their own things beside ours.
pub(crate) fn remove_leftovers(dir: &Path, ours: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_ours =
            entry.file_name().to_str().and_then(|name| name.strip_suffix(".tmp")).is_some_and(&ours);
        if is_ours && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a folder in one that is there. A new one can be read by its owner alone: what it holds are keys and chats.
pub(crate) fn create_private_dir(dir: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if !(error.kind() == ErrorKind::AlreadyExists && dir.is_dir()) => Err(error),
        _ => Ok(()),
    }
}

/// Takes a folder that an earlier version made, or an archive brought, away from everybody but its owner. Where the system
/// does not let it, others may go on reading what lies there, and the log says so.
pub(crate) fn close_to_others(dir: &Path) -> io::Result<()> {
    let mode = fs::metadata(dir)?.permissions().mode();
    if mode & 0o077 != 0
        && let Err(error) = fs::set_permissions(dir, Permissions::from_mode(mode & 0o700))
    {
        tracing::warn!(dir = %dir.display(), %error, "others may read this folder of the data directory");
    }
    Ok(())
}

/// As [`create_private_dir`], with all the folders above it that are not there.
pub(crate) fn create_private_dirs(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).recursive(true).create(dir)
}

/// Makes or empties a file. A new one can be read by its owner alone.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_leftovers_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["generation.tmp", "notes.tmp", "generation"] {
            fs::write(at(name), "").unwrap();
        }
        fs::create_dir(at("folder.tmp")).unwrap();
        remove_leftovers(dir.path(), |name| matches!(name, "generation" | "folder")).unwrap();
        assert!(!at("generation.tmp").exists());
        for name in ["notes.tmp", "generation", "folder.tmp"] {
            assert!(at(name).exists(), "{name}");
        }
    }

    #[test]
    fn new_folders_and_files_are_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("folder"), dir.path().join("file"));
        let deep = dir.path().join("deep/er");
        create_private_dirs(&deep).unwrap();
        create_private_dirs(&deep).unwrap();
        create_private_dir(&folder).unwrap();
        create_private_dir(&folder).unwrap();
        create_private(&file).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        assert_eq!((mode(deep.parent().unwrap()), mode(&deep)), (0o700, 0o700));
        for (found, left) in [(0o755, 0o700), (0o750, 0o700), (0o700, 0o700), (0o555, 0o500)] {
            fs::set_permissions(&folder, Permissions::from_mode(found)).unwrap();
            close_to_others(&folder).unwrap();
            assert_eq!(mode(&folder), left);
        }
    }
}
