//! Replacing whole parts of the data directory so that a crash leaves either the old or the new: the new parts are
//! built in `<dir>/restoring`, a file `ready` there is the decision, and moving is repeated at the next start until done.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::files::{sync_dir, write_durably};

const FOLDER: &str = "restoring";
const READY: &str = "ready";

/// One part that is replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its name in the data directory.
    pub(crate) name: String,
    /// Where the old one goes, relative to the data directory; `None` = it is deleted.
    pub(crate) aside: Option<PathBuf>,
}

/// An empty folder to build the new parts in.
pub(crate) fn begin(dir: &Path) -> io::Result<PathBuf> {
    let folder = dir.join(FOLDER);
    remove_any(&folder)?;
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// Replaces the parts, each of which must be complete and synced in the folder.
pub(crate) fn commit(dir: &Path, parts: &[Part]) -> io::Result<()> {
    let folder = dir.join(FOLDER);
    sync_dir(&folder)?;
    sync_dir(dir)?;
    write_durably(&folder.join(READY), &serde_json::to_vec(parts)?)?;
    roll_forward(dir).map(drop)
}

/// Completes a replacement that was decided, drops one that was not. Returns whether there was one to complete.
pub(crate) fn roll_forward(dir: &Path) -> io::Result<bool> {
    let folder = dir.join(FOLDER);
    let parts: Vec<Part> = match fs::read(folder.join(READY)) {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            remove_any(&folder)?;
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    for Part { name, aside } in parts {
        let (new, place) = (folder.join(&name), dir.join(&name));
        if !new.exists() {
            continue;
        }
        if place.exists() {
            match aside {
                Some(aside) => {
                    let aside = dir.join(aside);
                    if let Some(parent) = aside.parent() {
                        fs::create_dir_all(parent)?;
                    }
                    fs::rename(&place, aside)?;
                }
                None => remove_any(&place)?,
            }
        }
        fs::rename(new, place)?;
    }
    sync_dir(dir)?;
    remove_any(&folder)?;
    Ok(true)
}

fn remove_any(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_replacement_is_completed_from_any_step() {
        // The steps of moving two parts, each as a crash would leave it.
        for done in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            for name in ["db", "journal"] {
                fs::create_dir(at(name)).unwrap();
                fs::write(at(name).join("old"), "").unwrap();
            }
            let folder = begin(dir.path()).unwrap();
            for name in ["db", "journal"] {
                fs::create_dir(folder.join(name)).unwrap();
                fs::write(folder.join(name).join("new"), "").unwrap();
            }
            let parts = ["db", "journal"]
                .map(|name| Part { name: name.to_owned(), aside: Some(Path::new("replaced").join(name)) });
            fs::write(folder.join(READY), serde_json::to_vec(&parts).unwrap()).unwrap();
            fs::create_dir(at("replaced")).unwrap();
            let steps: [(PathBuf, PathBuf); 3] = [
                (at("db"), at("replaced/db")),
                (folder.join("db"), at("db")),
                (at("journal"), at("replaced/journal")),
            ];
            for (from, to) in steps.iter().take(done) {
                fs::rename(from, to).unwrap();
            }
            assert!(roll_forward(dir.path()).unwrap());
            for name in ["db", "journal"] {
                assert!(at(name).join("new").exists(), "{name} after {done} steps");
                assert!(at("replaced").join(name).join("old").exists(), "{name} after {done} steps");
            }
            assert!(!folder.exists());
            assert!(!roll_forward(dir.path()).unwrap());
        }
    }

    #[test]
    fn an_undecided_replacement_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let folder = begin(dir.path()).unwrap();
        fs::create_dir(folder.join("db")).unwrap();
        assert!(!roll_forward(dir.path()).unwrap());
        assert!(!folder.exists());
        assert!(!dir.path().join("db").exists());
    }
}
