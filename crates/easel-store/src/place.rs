//! The data directory itself: made, probed, locked, and refused on network file systems.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads are outside of tokio and of its time"
)]

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    files::{Trouble, close_to_others, create_private_dir, trouble},
    report::OpenError,
};

/// The directory, ours for as long as this value lives (the system frees the lock when the process dies).
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    lock: File,
}

impl Place {
    pub(crate) fn take(dir: &Path, wait: Duration, mounts: &Path) -> Result<Self, OpenError> {
        if let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
            fs::create_dir_all(above).map_err(|error| open_error(dir, &error))?;
        }
        create_private_dir(dir).map_err(|error| open_error(dir, &error))?;
        let dir = fs::canonicalize(dir).map_err(|error| open_error(dir, &error))?;
        // Where the kernel keeps no such list there is nothing to judge by.
        if let Ok(list) = fs::read_to_string(mounts)
            && let Some(kind) = network_filesystem(&list, &dir)
        {
            return Err(OpenError::NetworkFilesystem { dir, kind });
        }
        let lock = lock(&dir, wait)?;
        let failed = |error: io::Error| open_error(&dir, &error);
        for part in ["journal", "blobs", "backups"] {
            create_private_dir(&dir.join(part)).map_err(failed)?;
        }
        // Backups are left as they are: their owner may let another account fetch them.
        for part in ["journal", "blobs"] {
            close_to_others(&dir.join(part)).map_err(failed)?;
        }
        Ok(Self { dir, lock })
    }
}

impl Place {
    /// Lets another process have the directory, although this value lives on.
    pub(crate) fn release(&self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock of the data directory could not be freed; it ends with the process");
        }
    }
}

/// An I/O error while opening, as what the person can do about it.
pub(crate) fn open_error(dir: &Path, error: &io::Error) -> OpenError {
    match trouble(error) {
        Trouble::NoSpace => OpenError::NoSpace { dir: dir.to_owned() },
        Trouble::ReadOnly => OpenError::ReadOnly { dir: dir.to_owned(), detail: error.to_string() },
        Trouble::Other => {
            OpenError::Io(format!("the data directory {} can't be used: {error}", dir.display()))
        }
    }
}

fn lock(dir: &Path, wait: Duration) -> Result<File, OpenError> {
    let failed = |error: io::Error| open_error(dir, &error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join("easel.lock"))
        .map_err(failed)?;
    let deadline = Instant::now() + wait;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let process = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(OpenError::InUse { dir: dir.to_owned(), process });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    // Also the proof that the disk takes a byte.
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// The kind of the network file system that `dir` lies on, if it does; `mounts` is in the format of Linux
/// `/proc/self/mountinfo` (proc(5): the mount point is the fifth field, the type follows a lone `-`).
fn network_filesystem(mounts: &str, dir: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let (Some(point), Some(kind)) =
            (line.split(' ').nth(4), line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next()))
        else {
            continue;
        };
        let point = unescape(point);
        // A later mount on the same point hides the earlier one.
        if dir.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    let (_, kind) = best?;
    let network =
        ["nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "fuse.sshfs", "fuse.smbnetfs"];
    network.contains(&kind).then(|| kind.to_owned())
}

/// Space, tab, newline and backslash are written as three octal digits in that list.
fn unescape(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:5 / /data rw,relatime shared:1 - nfs4 nas:/data rw
24 22 0:6 / /data/local rw - xfs /dev/vdb rw
25 22 0:7 / /mnt/my\\040share rw master:1 - cifs //nas/share rw
26 22 0:8 / /over rw - nfs nas:/x rw
27 22 0:9 / /over rw - ext4 /dev/vdc rw
a line of some future kernel";
        #[track_caller]
        fn check(dir: &str, expected: Option<&str>) {
            assert_eq!(network_filesystem(MOUNTS, Path::new(dir)).as_deref(), expected, "{dir}");
        }
        check("/srv/easel", None);
        check("/data/easel", Some("nfs4"));
        check("/data", Some("nfs4"));
        check("/database", None);
        check("/data/local/easel", None);
        check("/mnt/my share/easel", Some("cifs"));
        check("/over/easel", None);
    }
}
