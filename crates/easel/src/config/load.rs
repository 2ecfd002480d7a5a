//! From the sources to a configuration, or to everything that is wrong with it.
//!
//! Order: TOML as far as it can be read → environment → command line → `*_file` secrets → walk against the schema →
//! typed structs → rules of the sections → rules between them. Each step takes out what it found wrong and goes on,
//! so that one report names every problem.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use easel_core::i18n::Locale;
use serde::Deserialize as _;
use sha2::{Digest as _, Sha256};

use super::{
    Config, environment,
    problem::{Place, Problem, ProblemText, Refused, Severity},
    schema::{self, SECRETS},
    secret_file, sections,
    tree::{self, KeyPath, Node, Step, Value},
};

/// A configuration file is never larger; this one is something else.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Where a configuration comes from. The environment is taken once, at the start.
#[derive(Clone)]
pub(crate) struct Source {
    /// The file.
    pub(crate) path: PathBuf,
    /// The file was named on the command line, so that its absence is an error. Without it, defaults are used.
    pub(crate) must_exist: bool,
    /// `--data-dir`.
    pub(crate) data_dir: Option<PathBuf>,
    /// The process environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// What relative secret files are relative to: the working directory.
    pub(crate) base: PathBuf,
}

/// A configuration that can be used.
#[derive(Clone)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) config: Arc<Config>,
    /// Remarks, in file order.
    pub(crate) warnings: Vec<Problem>,
    /// Full keys that the environment set.
    pub(crate) from_environment: BTreeSet<String>,
    /// The secret files that were read.
    pub(crate) secret_files: Vec<PathBuf>,
    /// There was a file, and something in it.
    written: bool,
    /// Full key → its path and the hash of its value, for telling what a reload changed.
    leaves: BTreeMap<String, (KeyPath, [u8; 32])>,
}

impl std::fmt::Debug for Loaded {
    /// Without the hashes, from which a short secret could be guessed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("config", &self.config)
            .field("warnings", &self.warnings)
            .field("from_environment", &self.from_environment)
            .finish_non_exhaustive()
    }
}

/// Reads the sources.
///
/// # Errors
/// [`Refused`] with everything that is wrong, in file order. Blocks on small files.
pub(crate) fn load(source: &Source) -> Result<Loaded, Refused> {
    load_over(source, false)
}

/// Reads the sources once more while `in_force` runs. Where that came from a file with something in it, a file that is
/// empty or gone is a save that failed, not a wish for the defaults, which are open to everybody.
///
/// # Errors
/// As of [`load`].
pub(crate) fn reload(source: &Source, in_force: &Loaded) -> Result<Loaded, Refused> {
    load_over(source, in_force.written)
}

fn load_over(source: &Source, was_written: bool) -> Result<Loaded, Refused> {
    let mut draft = Draft { was_written, ..Draft::default() };
    let mut root = draft.read_file(source);
    let from_environment = environment::overlay(&mut root, &source.environment, &mut draft.problems);
    if let Some(data_dir) = &source.data_dir {
        let place = Place::CommandLine("--data-dir");
        let text = Value::Text(data_dir.to_string_lossy().into_owned());
        let bot = root.entries().entry("bot".to_owned()).or_insert_with(|| Node::table(place.clone()));
        bot.entries().insert("data_dir".to_owned(), Node::new(text, place));
    }
    let locale = locale_of(&root);
    let places = places(&root);
    let provider_names: BTreeSet<String> =
        root.get("providers").into_iter().flat_map(Node::keys).map(str::to_owned).collect();
    let secret_files = secret_file::resolve(&mut root, &source.base, &mut draft.problems);
    schema::walk(&mut root, &mut draft.problems);
    let leaves = leaves(&root);
    let config = draft.deserialise(&mut root);
    let place = |key: &str| place_of(&places, key);
    for problem in sections::check(&config, &root, &provider_names, &place) {
        draft.add(problem);
    }
    let mut problems = draft.problems;
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(Refused { path: source.path.clone(), problems, locale });
    }
    let (config, written) = (Arc::new(config), draft.written);
    Ok(Loaded { config, warnings: problems, from_environment, secret_files, written, leaves })
}

/// A hash over the file and the secret files: changes when a reload may give something else. `None` when the file
/// can't be read just now.
pub(crate) fn fingerprint(path: &Path, secret_files: &[PathBuf]) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(std::fs::read(path).ok()?);
    for file in secret_files {
        // A missing secret file is a state like any other: it must be noticed when it comes back.
        hash.update(std::fs::read(file).map(|bytes| Sha256::digest(bytes).to_vec()).unwrap_or_default());
    }
    Some(hash.finalize().into())
}

impl Loaded {
    /// The full keys whose values differ between `self` and `newer`, with whether each needs a restart.
    pub(crate) fn changes(&self, newer: &Self) -> Vec<(String, bool)> {
        let keys: BTreeSet<_> = self.leaves.keys().chain(newer.leaves.keys()).collect();
        keys.into_iter()
            .filter_map(|key| {
                let (old, new) = (self.leaves.get(key), newer.leaves.get(key));
                let differs = old.map(|(_, hash)| hash) != new.map(|(_, hash)| hash);
                let (path, _) = old.or(new).filter(|_| differs)?;
                Some((key.clone(), schema::needs_restart(path)))
            })
            .collect()
    }
}

/// The problems so far.
#[derive(Default)]
struct Draft {
    problems: Vec<Problem>,
    /// What runs now came from a file with something in it.
    was_written: bool,
    /// So does this.
    written: bool,
}

impl Draft {
    /// Adds a problem, unless the same key has been found wrong already: what follows from that would only repeat it.
    fn add(&mut self, problem: Problem) {
        let known = self.problems.iter().any(|earlier| {
            let below =
                problem.key.strip_prefix(&earlier.key).is_some_and(|rest| rest.starts_with(['.', '[']));
            !earlier.key.is_empty()
                && (below || earlier.key == problem.key || same_secret(&earlier.key, &problem.key))
        });
        if !known {
            self.problems.push(problem);
        }
    }

    fn read_file(&mut self, source: &Source) -> Node {
        let path = || source.path.display().to_string();
        let nothing = Node::table(Place::Nowhere);
        let text = match read_text(&source.path) {
            Ok(text) if self.was_written && is_blank(&text) => {
                self.keep("config-file-emptied", path());
                return nothing;
            }
            Ok(text) => text,
            Err(Unreadable::Missing) if self.was_written => {
                self.keep("config-file-gone", path());
                return nothing;
            }
            Err(Unreadable::Missing) if !source.must_exist => {
                let text = ProblemText::new("start-config-missing").with("path", path());
                self.problems.push(Problem::warning(Place::Nowhere, "", text));
                return nothing;
            }
            Err(error) => {
                let (key, detail) = match error {
                    Unreadable::Missing => ("config-file-missing", String::new()),
                    Unreadable::TooLarge => ("config-file-large", String::new()),
                    Unreadable::NotText => ("config-file-not-text", String::new()),
                    Unreadable::Io(error) => ("config-file-unreadable", error.to_string()),
                };
                let text = ProblemText::new(key).with("file", path()).with("detail", detail);
                let mend = ProblemText::new(format!("{key}-mend")).with("file", path());
                self.problems.push(Problem::error(Place::Nowhere, "", text).mend(mend));
                return nothing;
            }
        };
        self.written = !is_blank(&text);
        let (root, problems) = tree::parse(&text);
        self.problems.extend(problems);
        root
    }

    /// The file is no longer what it was; what runs stays in force.
    fn keep(&mut self, key: &'static str, path: String) {
        let mend = ProblemText::new(format!("{key}-mend")).with("file", path.clone());
        let text = ProblemText::new(key).with("file", path);
        self.problems.push(Problem::error(Place::Nowhere, "", text).mend(mend));
    }

    /// Reads the structs, taking out what they refuse until they take the rest.
    fn deserialise(&mut self, root: &mut Node) -> Config {
        loop {
            let error = match serde_path_to_error::deserialize(root.to_json()) {
                Ok(config) => return config,
                Err(error) => error,
            };
            let path = key_path(error.path());
            let secret =
                path.0.iter().any(|step| matches!(step, Step::Key(key) if SECRETS.contains(&key.as_str())));
            let text = if secret {
                // The error's text may quote the value.
                ProblemText::new("config-invalid-secret")
            } else {
                ProblemText::new("config-invalid").with("detail", error.inner().to_string())
            };
            let place = place_of(&places(root), &path.to_string());
            self.add(
                Problem::error(place, path.to_string(), text).mend(ProblemText::new("config-invalid-mend")),
            );
            if !root.remove(&path) {
                // Nothing is left to take out: go on with defaults; the problem is in the report.
                return Config::deserialize(Node::table(Place::Nowhere).to_json()).unwrap_or_default();
            }
        }
    }
}

/// Whether one key is a secret and the other its `*_file`.
fn same_secret(one: &str, other: &str) -> bool {
    one.strip_suffix("_file") == Some(other) || other.strip_suffix("_file") == Some(one)
}

/// The language in which the owner wants to be told what is wrong, in whatever spelling.
fn locale_of(root: &Node) -> Option<Locale> {
    match &root.get("bot")?.get("locale")?.value {
        Value::Text(text) => Locale::parse(text),
        _ => None,
    }
}

/// Whether a file says nothing at all, not even in a comment.
fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim().is_empty()
}

/// Why a file can't be used.
enum Unreadable {
    Missing,
    TooLarge,
    NotText,
    Io(std::io::Error),
}

fn read_text(path: &Path) -> Result<String, Unreadable> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Unreadable::Missing,
        _ => Unreadable::Io(error),
    };
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge);
    }
    String::from_utf8(std::fs::read(path).map_err(failed)?).map_err(|_| Unreadable::NotText)
}

fn key_path(path: &serde_path_to_error::Path) -> KeyPath {
    use serde_path_to_error::Segment;
    let steps = path.iter().map_while(|segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    KeyPath(steps.collect())
}

/// Full key → where its value stands.
fn places(root: &Node) -> BTreeMap<String, Place> {
    let mut places = BTreeMap::new();
    root.each(&KeyPath::default(), &mut |path, node| {
        places.insert(path.to_string(), node.place.clone());
    });
    places
}

/// The place of `key`, or of the nearest table around it.
fn place_of(places: &BTreeMap<String, Place>, key: &str) -> Place {
    let mut key = key;
    loop {
        if let Some(place) = places.get(key) {
            return place.clone();
        }
        match key.rfind(['.', '[']).and_then(|end| key.get(..end)) {
            Some(shorter) => key = shorter,
            None => return Place::Nowhere,
        }
    }
}

fn leaves(root: &Node) -> BTreeMap<String, (KeyPath, [u8; 32])> {
    let mut leaves = BTreeMap::new();
    root.each(&KeyPath::default(), &mut |path, node| {
        if !matches!(node.value, Value::Table(_) | Value::List(_)) {
            let hash = Sha256::digest(node.to_json().to_string()).into();
            leaves.insert(path.to_string(), (path.clone(), hash));
        }
    });
    leaves
}

#[cfg(test)]
mod tests;
