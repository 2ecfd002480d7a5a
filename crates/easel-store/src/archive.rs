//! The format of snapshots and backups: a `.tar.gz` that any machine opens.
//!
//! `manifest.json` comes first and names the members with their lines, bytes and SHA-256. `tables/NAME.jsonl` holds one
//! record per line, `{"key": …, "value": …}`, each as `{"text": "…"}` or, when it is not UTF-8, `{"hex": "…"}`.
//! `journal.jsonl` holds the lines of all kept jobs exactly as the journal writes them. Pictures are not in it: they
//! live for minutes, and what a job says about them stays readable without them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use easel_core::ids::UnixMillis;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    files::{create_private, sync_dir},
    index::{Trees, trees::TABLES, value},
    journal::{Journal, line},
};

/// The format's own version.
const FORMAT: u32 = 1;
const JOURNAL: &str = "journal.jsonl";
const MANIFEST: &str = "manifest.json";
/// The ending of the folder in which an archive is made, and the archive's name in it.
const WORK: &str = ".parts.tmp";
const PACKED: &str = "archive.tar.gz";
/// No line of ours is longer; a file with longer ones is not ours.
const MAX_LINE: u64 = 4 << 20;

/// What stands at the head of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of this format.
    pub(crate) format: u32,
    /// When it was made.
    pub(crate) taken_at: UnixMillis,
    /// The schema of the records.
    pub(crate) schema: u32,
    /// The generation at that time.
    pub(crate) generation: u64,
    members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Member {
    name: String,
    lines: u64,
    bytes: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Row {
    key: Octets,
    value: Octets,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Octets {
    Text(String),
    Hex(String),
}

impl Octets {
    fn new(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Self::Hex(hex(bytes)), |text| Self::Text(text.to_owned()))
    }

    fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Hex(text) => {
                let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
                let digits = digits?;
                let (pairs, []) = digits.as_chunks::<2>() else { return None };
                pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect()
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string can't fail.
        write!(out, "{byte:02x}").unwrap_or_default();
        out
    })
}

/// What goes into an archive besides the records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) taken_at: UnixMillis,
    pub(crate) schema: u32,
    pub(crate) generation: u64,
}

/// Writes an archive at `to`: beside it first, synced, then renamed. Blocking. Returns its size in bytes.
///
/// The records of each tree are read while others may be written: each is consistent by itself.
pub(crate) fn write(to: &Path, facts: Facts, trees: &Trees, journal: &Journal) -> io::Result<u64> {
    let work = work_folder(to);
    // A new one, and nobody else's: in a folder for all, such as that of temporary files, somebody may have put something
    // there.
    fs::DirBuilder::new().mode(0o700).create(&work)?;
    let packed = work.join(PACKED);
    let made = write_parts(&work, facts, trees, journal)
        .and_then(|manifest| pack(&packed, &work, &manifest))
        .and_then(|size| fs::rename(&packed, to).map(|()| size));
    fs::remove_dir_all(&work)?;
    let size = made?;
    to.parent().filter(|dir| !dir.as_os_str().is_empty()).map_or(Ok(()), sync_dir)?;
    Ok(size)
}

/// Where the parts of an archive are written: beside it, so that it can be renamed, under a name that nobody foresees.
fn work_folder(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(format!(".{}{WORK}", Uuid::now_v7().simple()));
    PathBuf::from(name)
}

/// The name of the archive that a work folder belongs to; earlier versions put nothing between the two.
fn of_work_folder(name: &str) -> Option<&str> {
    let name = name.strip_suffix(WORK)?;
    Some(
        name.rsplit_once('.')
            .filter(|(_, mark)| Uuid::try_parse(mark).is_ok())
            .map_or(name, |(name, _)| name),
    )
}

/// Removes the work folder at `path`, which a process that died left behind, if it belongs to an archive whose name is
/// `ours`. What is not of ours stays in it, and with that the folder.
pub(crate) fn remove_leftover(path: &Path, ours: impl Fn(&str) -> bool) -> io::Result<()> {
    let name = path.file_name().and_then(OsStr::to_str).and_then(of_work_folder);
    if !name.is_some_and(ours) || !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    for part in fs::read_dir(path)? {
        let part = part?;
        let name = part.file_name();
        let is_part = name == PACKED || Path::new(&name).extension().is_some_and(|ending| ending == "jsonl");
        if is_part && part.file_type()?.is_file() {
            fs::remove_file(part.path())?;
        }
    }
    if let Err(error) = fs::remove_dir(path) {
        tracing::warn!(folder = %path.display(), %error, "a left-over folder stays");
    }
    Ok(())
}

fn write_parts(work: &Path, facts: Facts, trees: &Trees, journal: &Journal) -> io::Result<Manifest> {
    let mut members = Vec::new();
    for table in TABLES {
        let mut part = PartWriter::create(work, &table_member(table))?;
        let tree = trees.table(table).map_err(io::Error::other)?;
        for pair in tree {
            let (key, sealed) = pair.map_err(io::Error::other)?;
            let Ok(payload) = value::open(&key, &sealed) else {
                tracing::warn!(table, "a damaged record was left out of the snapshot");
                continue;
            };
            serde_json::to_writer(&mut part, &Row { key: Octets::new(&key), value: Octets::new(&payload) })?;
            part.write_all(b"\n")?;
            part.lines += 1;
        }
        members.push(part.finish()?);
    }
    let mut part = PartWriter::create(work, JOURNAL)?;
    part.lines = journal.export(&mut part)?;
    members.push(part.finish()?);
    let Facts { taken_at, schema, generation } = facts;
    Ok(Manifest { format: FORMAT, taken_at, schema, generation, members })
}

fn table_member(table: &str) -> String {
    format!("tables/{table}.jsonl")
}

/// A member as a file of its own, since its size must be known before it goes into the archive.
struct PartWriter {
    name: String,
    out: BufWriter<File>,
    lines: u64,
    bytes: u64,
    hash: Sha256,
}

impl PartWriter {
    fn create(work: &Path, name: &str) -> io::Result<Self> {
        let out = BufWriter::new(File::create(work.join(name.replace('/', "-")))?);
        Ok(Self { name: name.to_owned(), out, lines: 0, bytes: 0, hash: Sha256::new() })
    }

    fn finish(mut self) -> io::Result<Member> {
        self.out.flush()?;
        let sha256 = hex(&self.hash.finalize());
        Ok(Member { name: self.name, lines: self.lines, bytes: self.bytes, sha256 })
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn pack(packed: &Path, work: &Path, manifest: &Manifest) -> io::Result<u64> {
    let file = create_private(packed)?;
    let mut tar = tar::Builder::new(GzEncoder::new(BufWriter::new(file), Compression::default()));
    let mtime = manifest.taken_at.0 / 1000;
    let json = serde_json::to_vec_pretty(manifest)?;
    tar.append_data(&mut header(json.len() as u64, mtime), MANIFEST, json.as_slice())?;
    for member in &manifest.members {
        let part = File::open(work.join(member.name.replace('/', "-")))?;
        tar.append_data(&mut header(member.bytes, mtime), &member.name, part)?;
    }
    let file = tar.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

fn header(bytes: u64, mtime: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(mtime);
    header
}

/// Takes what an archive holds, in order.
pub(crate) trait Sink {
    /// A record of a table.
    fn row(&mut self, table: &'static str, key: Vec<u8>, value: Vec<u8>) -> io::Result<()>;
    /// A journal line with its line feed; its checksum fits.
    fn journal_line(&mut self, line: &[u8]) -> io::Result<()>;
}

/// A sink for archives that are only checked.
pub(crate) struct Ignore;

impl Sink for Ignore {
    fn row(&mut self, _table: &'static str, _key: Vec<u8>, _value: Vec<u8>) -> io::Result<()> {
        Ok(())
    }

    fn journal_line(&mut self, _line: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

fn bad(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// Reads an archive to its end, checking everything on the way: an error may come after rows were handed over, so a
/// sink that changes anything must only be used after a pass with [`Ignore`]. Blocking.
pub(crate) fn read(from: &Path, sink: &mut dyn Sink) -> io::Result<Manifest> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(from)?)));
    let mut entries = archive.entries()?;
    let first = entries.next().ok_or_else(|| bad("it is empty"))??;
    if first.path()?.as_os_str() != MANIFEST {
        return Err(bad("it does not begin with a manifest: it is no easel backup"));
    }
    let mut json = Vec::new();
    first.take(MAX_LINE).read_to_end(&mut json)?;
    let manifest: Manifest =
        serde_json::from_slice(&json).map_err(|error| bad(format!("its manifest: {error}")))?;
    if manifest.format != FORMAT {
        return Err(bad(format!("it has format {}, this easel reads format {FORMAT}", manifest.format)));
    }
    let expected: Vec<String> =
        TABLES.iter().map(|it| table_member(it)).chain([JOURNAL.to_owned()]).collect();
    if !manifest.members.iter().map(|it| &it.name).eq(&expected) {
        return Err(bad("its manifest names other members than a backup has"));
    }
    for (index, member) in manifest.members.iter().enumerate() {
        let entry = entries.next().ok_or_else(|| bad(format!("{} is missing", member.name)))??;
        if entry.path()?.as_os_str() != member.name.as_str() {
            return Err(bad(format!("{} is not where the manifest says", member.name)));
        }
        read_member(entry, member, TABLES.get(index).copied(), sink)?;
    }
    if entries.next().is_some() {
        return Err(bad("there is more in it than its manifest says"));
    }
    // To the very end, so that gzip's own checksum is seen too.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    Ok(manifest)
}

fn read_member(
    entry: impl Read,
    member: &Member,
    table: Option<&'static str>,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let mut reader = BufReader::new(entry);
    let mut hash = Sha256::new();
    let (mut lines, mut bytes) = (0, 0);
    let mut raw = Vec::new();
    loop {
        raw.clear();
        let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut raw)? as u64;
        if read == 0 {
            break;
        }
        lines += 1;
        bytes += read;
        hash.update(&raw);
        let broken = || bad(format!("line {lines} of {} can't be read", member.name));
        if let Some(table) = table {
            let row: Row = serde_json::from_slice(&raw).map_err(|_| broken())?;
            let (Some(key), Some(value)) = (row.key.into_bytes(), row.value.into_bytes()) else {
                return Err(broken());
            };
            sink.row(table, key, value)?;
        } else {
            line::verify(&raw).ok_or_else(broken)?;
            sink.journal_line(&raw)?;
        }
    }
    if (lines, bytes) != (member.lines, member.bytes) || hex(&hash.finalize()) != member.sha256 {
        return Err(bad(format!("{} is not what the manifest says", member.name)));
    }
    Ok(())
}
