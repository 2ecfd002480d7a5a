//! The journal's files: their names, their order, and reading them.
//!
//! `ledger-00000007.jsonl` is written by appending. `ledger-00000007-base.jsonl` is what compaction made of *all*
//! segments up to 7: as soon as it has its name, those are void, so that a crash between the rename and their removal
//! can never let the start of a job outlive its end. The newest segment may end in zero bytes, which were written ahead
//! so that an fsync need not touch the file's metadata.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use super::line;

/// One file of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) base: bool,
    pub(crate) path: PathBuf,
}

impl Segment {
    pub(crate) fn new(dir: &Path, number: u64, base: bool) -> Self {
        let ending = if base { "-base" } else { "" };
        Self { number, base, path: dir.join(format!("ledger-{number:08}{ending}.jsonl")) }
    }

    fn parse(path: PathBuf) -> Option<Self> {
        let (number, base) = parts(path.file_name()?.to_str()?.strip_suffix(".jsonl")?)?;
        Some(Self { number, base, path })
    }
}

/// Number and kind of a segment by its name without the ending.
fn parts(stem: &str) -> Option<(u64, bool)> {
    let stem = stem.strip_prefix("ledger-")?;
    let (digits, base) = stem.strip_suffix("-base").map_or((stem, false), |digits| (digits, true));
    Some((digits.parse().ok()?, base))
}

/// Whether a name without its ending is one of a segment.
pub(crate) fn is_stem(stem: &str) -> bool {
    parts(stem).is_some()
}

/// The segments in order, and the void ones.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    pub(crate) live: Vec<Segment>,
    pub(crate) void: Vec<Segment>,
}

pub(crate) fn list(dir: &Path) -> io::Result<Segments> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        all.extend(Segment::parse(entry?.path()));
    }
    let newest_base = all.iter().filter(|it| it.base).map(|it| it.number).max();
    let (mut live, void): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|it| newest_base.is_none_or(|base| it.number > base || (it.number == base && it.base)));
    live.sort_unstable_by_key(|it| it.number);
    Ok(Segments { live, void })
}

/// What reading a segment found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// End of the last good line, in bytes from the start.
    pub(crate) good_end: u64,
    /// Bytes of the file, zeros included.
    pub(crate) len: u64,
    /// Damaged lines that have a good line after them.
    pub(crate) bad_lines: u64,
    /// Bytes after the last good line that are not zeros.
    pub(crate) torn_bytes: u64,
}

/// Reads a segment and hands the JSON of every good line to `each`.
pub(crate) fn scan(path: &Path, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Scan> {
    let mut reader = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut found = Scan::default();
    let mut raw = Vec::new();
    // Damage that becomes "in the middle" once a good line follows.
    let mut pending = 0;
    let mut pending_end = 0;
    loop {
        raw.clear();
        let read = reader.read_until(b'\n', &mut raw)? as u64;
        if read == 0 {
            break;
        }
        found.len += read;
        if let Some(json) = line::verify(&raw) {
            each(json)?;
            found.good_end = found.len;
            found.bad_lines += pending;
            pending = 0;
        } else if let Some(last) = raw.iter().rposition(|byte| *byte != 0) {
            pending += 1;
            pending_end = found.len - read + last as u64 + 1;
        }
    }
    if pending > 0 {
        found.torn_bytes = pending_end - found.good_end;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_voids_everything_up_to_its_number() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "ledger-00000001.jsonl",
            "ledger-00000002-base.jsonl",
            "ledger-00000003.jsonl",
            "ledger-00000004.jsonl",
            "ledger-00000004-base.jsonl",
            "ledger-00000005.jsonl",
            "ledger-00000012.jsonl",
            "notes.txt",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let found = list(dir.path()).unwrap();
        let names = |list: &[Segment]| list.iter().map(|it| (it.number, it.base)).collect::<Vec<_>>();
        assert_eq!(names(&found.live), [(4, true), (5, false), (12, false)]);
        assert_eq!(found.void.len(), 4);
    }
}
