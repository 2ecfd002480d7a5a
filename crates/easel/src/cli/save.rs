//! Files that a command saves, piece by piece as they come.
//!
//! The command's own process writes them, never the running easel: that one may belong to another account, and a service
//! manager may let it write nowhere but in its data directory.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use easel_core::media::Body;
use easel_http::unforeseeable;
use rustix::fs::Mode;

/// The mask of new files that the person works with; see [`keep_private`].
static USUAL: OnceLock<Mode> = OnceLock::new();

/// From now on new files are this account's alone: what easel keeps are prompts, chats and pictures of other people. What
/// a command saves for the person who gave it keeps that person's own mask.
pub(crate) fn keep_private() {
    // Only the first call meets the person's.
    USUAL.set(rustix::process::umask(Mode::RWXG | Mode::RWXO)).ok();
}

/// Makes or empties a file for a person.
fn create(place: &Path) -> io::Result<File> {
    create_as(place, USUAL.get(), File::set_permissions)
}

/// The same with a mask, and a way to give the file the mode that follows from it.
fn create_as(
    place: &Path,
    mask: Option<&Mode>,
    give: impl FnOnce(&File, Permissions) -> io::Result<()>,
) -> io::Result<File> {
    match OpenOptions::new().write(true).create_new(true).open(place) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::create(place),
        made => {
            let file = made?;
            if let Some(mask) = mask {
                let everybody = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
                // Some file systems know no modes (FAT, shares): what was paid for is saved there all the same.
                give(&file, Permissions::from_mode(everybody.difference(*mask).as_raw_mode())).ok();
            }
            Ok(file)
        }
    }
}

/// Most bytes of a file that are held at once while it is copied.
pub(crate) const PIECE: usize = 256 * 1024;

/// A name for a file that does not stay. Whoever else may write in the folder can't have put anything there before.
fn passing_name() -> String {
    format!("{PASSING}{}{PASSED}", unforeseeable())
}

/// How names of files that do not stay begin and end.
const PASSING: &str = ".easel-";
const PASSED: &str = ".tmp";
/// Names are tried until one is not swept away; each further one needs somebody who sweeps at that very moment.
const NAMES: usize = 8;

/// Makes a file that does not stay beside `place`. It is locked for as long as it is open, which tells it from one that a
/// command left behind that was killed.
fn passing_beside(place: &Path) -> (PathBuf, io::Result<File>) {
    let mut made = (place.to_owned(), Err(io::ErrorKind::AlreadyExists.into()));
    for _ in 0..NAMES {
        let passing = place.with_file_name(passing_name());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&passing);
        // Some file systems know no locks; nothing is swept there.
        let is_swept = file.as_ref().is_ok_and(|file| {
            file.lock().ok();
            file.metadata().is_ok_and(|it| it.nlink() == 0)
        });
        made = (passing, file);
        if !is_swept {
            break;
        }
    }
    made
}

/// Removes what commands of this account left beside `place` when they were killed: half a backup holds prompts and chats,
/// too. What is still being written, belongs to others or is no plain file stays.
fn sweep_beside(place: &Path) {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let own = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_passing =
            name.to_str().is_some_and(|name| name.starts_with(PASSING) && name.ends_with(PASSED));
        if !is_passing || !entry.metadata().is_ok_and(|it| it.is_file() && it.uid() == own) {
            continue;
        }
        // What somebody puts there at this very moment is neither followed nor waited for.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(entry.path());
        if let Ok(file) = file
            && file.try_lock().is_ok()
        {
            // Whoever waits for the lock of what it has just made sees that it is gone, and makes another one.
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Finds out whether a file can be written at `place`, or made in it where it is a folder. What lies there stays as it is.
///
/// # Errors
/// What the operating system says.
pub(crate) fn probe(place: &Path) -> io::Result<()> {
    if place.is_file() {
        return OpenOptions::new().write(true).open(place).map(drop);
    }
    let made = match fs::metadata(place) {
        Ok(kind) if kind.is_dir() => place.join(passing_name()),
        // A pipe or a device: looking at it may be noticed.
        Ok(_) => return Ok(()),
        Err(_) => place.to_owned(),
    };
    OpenOptions::new().write(true).create_new(true).open(&made)?;
    match fs::remove_file(made) {
        // Another command has swept it away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A file that is being written. One that is dropped unfinished is removed.
#[derive(Debug)]
pub(crate) struct Saving {
    place: PathBuf,
    /// What is written, renamed at the end unless it is the place itself.
    passing: PathBuf,
    /// The file, or why there is none.
    file: io::Result<File>,
}

impl Saving {
    /// Writes right at `place`, which may be a pipe or a device, too.
    pub(crate) fn at(place: PathBuf) -> Self {
        Self { file: create(&place), passing: place.clone(), place }
    }

    /// Writes beside `place` and replaces it at the end, complete or not at all. Only its owner may read it. What earlier
    /// commands could not finish there is removed.
    pub(crate) fn replacing(place: PathBuf) -> Self {
        sweep_beside(&place);
        let (passing, file) = passing_beside(&place);
        Self { place, passing, file }
    }

    /// Where the file will be.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Writes `bytes` behind what is there. A failure is told by [`finish`](Self::finish).
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Ok(file) = &mut self.file
            && let Err(error) = file.write_all(bytes)
        {
            self.file = Err(error);
            self.remove();
        }
    }

    /// Writes all of `body`.
    pub(crate) fn copy(&mut self, body: &Body) -> io::Result<()> {
        let mut reader = body.reader()?;
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            piece.clear();
            if (&mut reader).take(PIECE as u64).read_to_end(&mut piece)? == 0 {
                return Ok(());
            }
            self.write(&piece);
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The first failure of opening, writing and naming it.
    pub(crate) fn finish(mut self) -> io::Result<PathBuf> {
        let file = std::mem::replace(&mut self.file, Err(io::ErrorKind::NotConnected.into()))?;
        if self.passing != self.place {
            let named = file.sync_all().and_then(|()| fs::rename(&self.passing, &self.place));
            if let Err(error) = named {
                self.remove();
                return Err(error);
            }
        }
        Ok(self.place.clone())
    }

    fn remove(&self) {
        if self.passing.is_file() {
            // Whoever reads the failure knows that nothing usable is there.
            fs::remove_file(&self.passing).ok();
        }
    }
}

impl Drop for Saving {
    fn drop(&mut self) {
        if self.file.is_ok() {
            self.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn probing_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        probe(dir.path()).unwrap();
        probe(&at("new.png")).unwrap();
        probe(&at("absent/new.png")).unwrap_err();
        assert!(names(dir.path()).is_empty());
        fs::write(at("old.png"), "old").unwrap();
        probe(&at("old.png")).unwrap();
        assert_eq!(fs::read(at("old.png")).unwrap(), b"old");
        probe(&at("old.png/new.png")).unwrap_err();
        probe(Path::new("/dev/null")).unwrap();
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for replacing in [false, true] {
            let begin = if replacing { Saving::replacing } else { Saving::at };
            let mut saving = begin(at("a"));
            saving.write(b"one ");
            saving.copy(&Body::from_bytes("two")).unwrap();
            assert_eq!(saving.finish().unwrap(), at("a"));
            assert_eq!(fs::read(at("a")).unwrap(), b"one two");
            let mut cut = begin(at("b"));
            cut.write(b"half");
            drop(cut);
            assert_eq!(names(dir.path()), ["a"]);
            let mut nowhere = begin(at("absent/c"));
            nowhere.write(b"all");
            assert_eq!(nowhere.finish().unwrap_err().kind(), io::ErrorKind::NotFound);
        }
        // What was there before stays until the new one is whole.
        let mut cut = Saving::replacing(at("a"));
        cut.write(b"half");
        drop(cut);
        assert_eq!(fs::read(at("a")).unwrap(), b"one two");
    }

    #[test]
    fn a_file_without_the_usual_mode_is_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("cat.png");
        let mut given = None;
        let refuse = |_: &File, mode: Permissions| {
            given = Some(mode.mode());
            Err(io::ErrorKind::PermissionDenied.into())
        };
        create_as(&place, Some(&(Mode::WGRP | Mode::WOTH)), refuse).unwrap().write_all(b"cat").unwrap();
        assert_eq!(given, Some(0o644));
        assert_eq!(fs::read(place).unwrap(), b"cat");
    }

    /// In a folder where others may write, such as that of temporary files.
    #[test]
    fn what_others_put_beside_the_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("another's"), "theirs").unwrap();
        std::os::unix::fs::symlink(at("another's"), at("b.tar.gz.tmp")).unwrap();
        let mut passing = Vec::new();
        for _ in 0..2 {
            let mut saving = Saving::replacing(at("b.tar.gz"));
            passing.push(saving.passing.clone());
            saving.write(b"mine");
            saving.finish().unwrap();
        }
        assert_ne!(passing[0], passing[1]);
        assert_eq!(fs::read(at("another's")).unwrap(), b"theirs");
        assert_eq!(fs::read(at("b.tar.gz")).unwrap(), b"mine");
        assert_eq!(names(dir.path()).len(), 3);
    }

    #[test]
    fn what_a_killed_command_left_is_removed_by_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let other = Saving::replacing(at("other.tar.gz"));
        // Ends without a word, as a process does that is killed.
        let mut killed = Saving::replacing(at("b.tar.gz"));
        killed.write(b"half");
        let left = killed.passing.clone();
        killed.file = Err(io::ErrorKind::Interrupted.into());
        drop(killed);
        assert_eq!(fs::read(&left).unwrap(), b"half");
        for kept in ["a.png", ".easel-notes", ".easelx.tmp"] {
            fs::write(at(kept), "kept").unwrap();
        }
        std::os::unix::fs::symlink(at("a.png"), at(".easel-link.tmp")).unwrap();
        fs::create_dir(at(".easel-dir.tmp")).unwrap();
        let mut saving = Saving::replacing(at("b.tar.gz"));
        assert!(!left.exists() && other.passing.exists() && saving.passing.exists());
        saving.write(b"whole");
        saving.finish().unwrap();
        other.finish().unwrap();
        let mut names = names(dir.path());
        names.sort();
        let expected = [
            ".easel-dir.tmp",
            ".easel-link.tmp",
            ".easel-notes",
            ".easelx.tmp",
            "a.png",
            "b.tar.gz",
            "other.tar.gz",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut saving = Saving::at("/dev/full".into());
        saving.write(b"all");
        assert_eq!(saving.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
