//! Replacing whole parts of the data directory so that a crash leaves either the old or the new: the new parts are
//! built in `<dir>/restoring`, a file `ready` there is the decision, and moving is repeated at the next start until done.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::files::{create_private_dir, create_private_dirs, sync_dir, write_durably};

const FOLDER: &str = "restoring";
const READY: &str = "ready";
/// What may be replaced.
const PARTS: [&str; 3] = ["db", "journal", "generation"];
/// What else is written into the folder on the way.
const HELPERS: [&str; 4] = ["generation.tmp", "lines", READY, "ready.tmp"];

/// One part that is replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Its name in the data directory.
    pub(crate) name: String,
    /// Where the old one goes, relative to the data directory; `None` = it is deleted.
    pub(crate) aside: Option<PathBuf>,
}

impl Part {
    /// Whether it stays within the data directory and what easel keeps there.
    fn is_ours(&self) -> bool {
        let within = |path: &Path| path.components().all(|step| matches!(step, Component::Normal(_)));
        PARTS.contains(&self.name.as_str()) && self.aside.as_deref().is_none_or(within)
    }
}

/// Refuses a folder that holds something of other people: it would be deleted.
fn refuse_foreign(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if !PARTS.iter().chain(&HELPERS).any(|ours| name == *ours) {
            return Err(io::Error::other(format!(
                "{} is not easel's; move it somewhere else",
                folder.join(name).display()
            )));
        }
    }
    Ok(())
}

/// An empty folder to build the new parts in.
pub(crate) fn begin(dir: &Path) -> io::Result<PathBuf> {
    let folder = dir.join(FOLDER);
    refuse_foreign(&folder)?;
    remove_any(&folder)?;
    create_private_dir(&folder)?;
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
            match refuse_foreign(&folder) {
                Ok(()) => remove_any(&folder)?,
                Err(error) => tracing::warn!(%error, "a folder in the data directory stays as it is"),
            }
            return Ok(false);
        }
        // Somebody's own file of that name.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        Err(error) => return Err(error),
    };
    refuse_foreign(&folder)?;
    if !parts.iter().all(Part::is_ours) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} names parts that are not easel's", folder.join(READY).display()),
        ));
    }
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
                        create_private_dirs(parent)?;
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
    fn a_folder_of_somebody_else_stays() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("diary.txt"), "").unwrap();
        assert!(!roll_forward(dir.path()).unwrap());
        begin(dir.path()).unwrap_err();
        assert!(folder.join("diary.txt").exists());
    }

    #[test]
    fn a_decision_can_not_lead_out_of_the_data_directory() {
        #[track_caller]
        fn check(name: &str, aside: Option<&str>) {
            let dir = tempfile::tempdir().unwrap();
            let folder = begin(dir.path()).unwrap();
            let parts = [Part { name: name.to_owned(), aside: aside.map(PathBuf::from) }];
            fs::write(folder.join(READY), serde_json::to_vec(&parts).unwrap()).unwrap();
            roll_forward(dir.path()).unwrap_err();
        }
        check("blobs", None);
        check("../db", None);
        check("db", Some("../elsewhere"));
        check("db", Some("/elsewhere"));
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
