//! Secrets from files: `api_keys_file = "keys.txt"` stands for `api_keys` with the file's content.
//!
//! The content is read once per load, trimmed, and never shown; messages name the file.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{
    problem::{Place, Problem, ProblemText},
    schema::{SCHEMA, SECRETS, Shape, shapes},
    tree::{KeyPath, Node, Value},
};

/// No secret is larger; a larger file is not one.
const MAX_BYTES: u64 = 64 * 1024;

/// Replaces every `*_file` key of a secret by the secret. Returns the files that were read, for the watcher.
pub(crate) fn resolve(root: &mut Node, base: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let mut files = Files { base, problems, read: Vec::new() };
    files.visit(root, &SCHEMA, &KeyPath::default());
    files.read
}

struct Files<'a> {
    base: &'a Path,
    problems: &'a mut Vec<Problem>,
    read: Vec<PathBuf>,
}

impl Files<'_> {
    fn visit(&mut self, node: &mut Node, schema: &Json, path: &KeyPath) {
        for shape in shapes(schema) {
            match &mut node.value {
                Value::List(items) => {
                    let Some(schema) = shape.items() else { continue };
                    for (index, item) in items.iter_mut().enumerate() {
                        self.visit(item, schema, &path.index(index));
                    }
                }
                Value::Table(_) if shape.properties().is_some() || shape.others().is_some() => {
                    self.table(node, shape, path);
                    for (key, entry) in node.entries().iter_mut() {
                        if let Some(schema) = shape.entry(key) {
                            self.visit(entry, schema, &path.key(key));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn table(&mut self, node: &mut Node, shape: Shape<'_>, path: &KeyPath) {
        for secret in SECRETS {
            let Some(schema) = shape.properties().and_then(|known| known.get(secret)) else { continue };
            let key = format!("{secret}_file");
            // Anything but a text is left for the walk, which says what was expected.
            let Some(Node { value: Value::Text(file), place, .. }) = node.get(&key).cloned() else { continue };
            node.entries().remove(&key);
            let path = path.key(&key).to_string();
            match node.get(secret).map(|plain| rank(&plain.place).cmp(&rank(&place))) {
                // The environment's secret overrides the file's `*_file`, and the other way round.
                Some(std::cmp::Ordering::Greater) => continue,
                Some(std::cmp::Ordering::Equal) => {
                    let text = ProblemText::new("config-secret-twice").with("secret", secret).with("file", key);
                    let mend = ProblemText::new("config-secret-twice-mend").with("secret", secret);
                    self.problems.push(Problem::error(place, path, text).mend(mend));
                    continue;
                }
                Some(std::cmp::Ordering::Less) | None => {}
            }
            let file = self.base.join(file);
            let list = shapes(schema).iter().any(|shape| shape.takes("array"));
            match read(&file, list, &place) {
                Ok(value) => {
                    node.entries().insert(secret.to_owned(), Node::new(value, place));
                }
                Err(text) => {
                    node.entries().remove(secret);
                    let text = text.with("file", file.display().to_string());
                    let mend = ProblemText::new("config-secret-file-mend").with("file", file.display().to_string());
                    self.problems.push(Problem::error(place, path, text).mend(mend));
                }
            }
            self.read.push(file);
        }
    }
}

/// Which of two sources wins: the higher one.
fn rank(place: &Place) -> u8 {
    match place {
        Place::Nowhere => 0,
        Place::File { .. } => 1,
        Place::Environment(_) => 2,
        Place::CommandLine(_) => 3,
    }
}

/// The file's text without white space around it; for a list, one item per line, without lines that begin with `#`.
fn read(file: &Path, list: bool, place: &Place) -> Result<Value, ProblemText> {
    let unreadable =
        |error: std::io::Error| ProblemText::new("config-secret-file-unreadable").with("detail", error.to_string());
    if std::fs::metadata(file).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(ProblemText::new("config-secret-file-large"));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(ProblemText::new("config-secret-file-empty"));
    }
    if !list {
        return Ok(Value::Text(text.to_owned()));
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(Value::List(lines.map(|line| Node::new(Value::Text(line.to_owned()), place.clone())).collect()))
}
