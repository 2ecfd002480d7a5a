//! The hourly snapshots in `backups/`: their names, which of them are kept, and finding a good one.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use easel_core::ids::UnixMillis;

use crate::{
    archive::{self, Facts, Ignore, Manifest},
    files::{self, stamp},
    index::Trees,
    journal::Journal,
};

/// The newest ones that are kept …
const NEWEST: usize = 24;
/// … and the last one of each of that many days.
const DAILY: usize = 7;

/// Takes a snapshot and removes the ones that are no longer needed. Blocking.
pub(crate) fn take(data: &Path, facts: Facts, trees: &Trees, journal: &Journal) -> io::Result<PathBuf> {
    let dir = data.join("backups");
    files::create_private_dir(&dir)?;
    let path = dir.join(format!("easel-{}.tar.gz", stamp(facts.taken_at)));
    archive::write(&path, facts, trees, journal)?;
    for old in superfluous(list(&dir)?) {
        fs::remove_file(dir.join(old))?;
    }
    Ok(path)
}

/// Removes what a process that died left of a snapshot: the folder with its parts, and the half archive that earlier
/// versions had beside it.
pub(crate) fn remove_leftovers(data: &Path) -> io::Result<()> {
    let dir = data.join("backups");
    files::remove_leftovers(&dir, |name| time_of(name).is_some())?;
    for entry in fs::read_dir(&dir)? {
        archive::remove_leftover(&entry?.path(), |name| time_of(name).is_some())?;
    }
    Ok(())
}

/// Names of the snapshots, oldest first.
fn list(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if time_of(&name).is_some() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The UTC time in a snapshot's name: `20260805T101500123Z`.
fn time_of(name: &str) -> Option<&str> {
    let time = name.strip_prefix("easel-")?.strip_suffix(".tar.gz")?;
    let digits = time
        .strip_suffix('Z')?
        .bytes()
        .enumerate()
        .all(|(at, b)| if at == 8 { b == b'T' } else { b.is_ascii_digit() });
    (digits && time.len() == 19).then_some(time)
}

/// When a snapshot with this name was taken.
fn taken_at(name: &str) -> Option<UnixMillis> {
    let time = chrono::NaiveDateTime::parse_from_str(time_of(name)?, "%Y%m%dT%H%M%S%3fZ").ok()?;
    u64::try_from(time.and_utc().timestamp_millis()).ok().map(UnixMillis)
}

/// Those of `names` (oldest first) that may go.
fn superfluous(names: Vec<String>) -> Vec<String> {
    let mut days = BTreeSet::new();
    let mut kept = BTreeSet::new();
    for (age, name) in names.iter().rev().enumerate() {
        let day = time_of(name).and_then(|time| time.split('T').next()).unwrap_or_default();
        let last_of_day = days.len() < DAILY && days.insert(day.to_owned());
        if age < NEWEST || last_of_day {
            kept.insert(name.clone());
        }
    }
    names.into_iter().filter(|name| !kept.contains(name)).collect()
}

/// The newest snapshot's path.
pub(crate) fn newest(data: &Path) -> Option<PathBuf> {
    let dir = data.join("backups");
    list(&dir).ok()?.pop().map(|name| dir.join(name))
}

/// When the newest snapshot was taken, by its name.
pub(crate) fn newest_taken_at(data: &Path) -> Option<UnixMillis> {
    taken_at(list(&data.join("backups")).ok()?.last()?)
}

/// The newest snapshot that can be read from end to end.
pub(crate) fn newest_good(data: &Path) -> Option<(PathBuf, Manifest)> {
    let dir = data.join("backups");
    list(&dir).ok()?.into_iter().rev().find_map(|name| {
        let path = dir.join(name);
        match archive::read(&path, &mut Ignore) {
            Ok(manifest) => Some((path, manifest)),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "a snapshot can't be used");
                None
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_one_a_day_are_kept() {
        // Ten days, one snapshot each hour.
        let names: Vec<String> = (0..240_u64)
            .map(|hour| format!("easel-{}.tar.gz", stamp(UnixMillis(1_785_888_000_000 + hour * 3_600_000))))
            .collect();
        let gone = superfluous(names.clone());
        let kept: Vec<_> = names.iter().filter(|name| !gone.contains(name)).collect();
        // The first of the seven days is among the newest 24 already.
        assert_eq!(kept.len(), NEWEST + DAILY - 1);
        assert!(names[216..].iter().all(|name| kept.contains(&name)));
        for day in 4..=9 {
            assert!(kept.contains(&&names[day * 24 - 1]), "day {day}");
        }
    }

    #[test]
    fn names_tell_their_time() {
        let at = UnixMillis(1_785_888_000_123);
        let name = format!("easel-{}.tar.gz", stamp(at));
        assert_eq!(name, "easel-20260805T000000123Z.tar.gz");
        assert_eq!(taken_at(&name), Some(at));
        for other in ["easel-now.tar.gz", "easel-20260805T000000123Z.tar.gz.tmp", "mine.tar.gz"] {
            assert_eq!(taken_at(other), None, "{other}");
        }
    }
    #[test]
    fn what_a_dead_process_left_goes_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let at = |name: &str| data.path().join("backups").join(name);
        let name = "easel-20260805T000000123Z.tar.gz";
        let mark = uuid::Uuid::now_v7().simple();
        let (new, old) = (at(&format!("{name}.{mark}.parts.tmp")), at(&format!("{name}.parts.tmp")));
        let others = [at(&format!("mine.tar.gz.{mark}.parts.tmp")), at(&format!("{name}.mine.parts.tmp"))];
        for folder in [&new, &old, &others[0], &others[1]] {
            fs::create_dir_all(folder).unwrap();
            for file in ["journal.jsonl", "archive.tar.gz"] {
                fs::write(folder.join(file), "half").unwrap();
            }
        }
        fs::write(old.join("notes"), "a person's").unwrap();
        for file in [name.to_owned(), format!("{name}.tmp")] {
            fs::write(at(&file), "x").unwrap();
        }
        remove_leftovers(data.path()).unwrap();
        let left = |dir: &Path| {
            let names = fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
            names.collect::<BTreeSet<_>>()
        };
        let mut expected = BTreeSet::from([name.to_owned()]);
        for folder in [&old, &others[0], &others[1]] {
            expected.insert(folder.file_name().unwrap().to_str().unwrap().to_owned());
        }
        assert_eq!(left(&at("")), expected);
        assert_eq!(left(&old), BTreeSet::from(["notes".to_owned()]));
        assert!(others.iter().all(|folder| left(folder).len() == 2));
    }
}
