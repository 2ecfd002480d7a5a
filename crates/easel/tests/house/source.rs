//! The source files of all crates, and what each of them must keep to.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines of a file that is no test. A longer one holds two things.
const MAX_LINES: usize = 600;

/// A Rust file of the workspace.
pub(crate) struct Source {
    /// Path from the root of the workspace, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    /// Whether the whole file is tests or belongs to them.
    pub(crate) fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        self.path.ends_with("/tests.rs")
            || parts.iter().any(|part| *part == "tests" || *part == "testing" || *part == "easel-testkit")
            || self.path.ends_with("src/testing.rs")
    }

    /// The text before the file's own tests.
    pub(crate) fn code(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every Rust file below `crates/`.
pub(crate) fn sources() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    assert!(found.len() > 100, "the source tree is not where it should be");
    found
}

#[test]
fn a_file_holds_one_thing() {
    let long: Vec<_> = sources()
        .iter()
        .filter(|source| !source.is_test())
        .map(|source| (source.text.lines().count(), source.path.clone()))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .collect();
    assert_eq!(long, []);
}

#[test]
fn a_file_says_what_it_is_for() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert_eq!(silent, [""; 0]);
}

/// Marks of unfinished work, and lints that are switched off for ever instead of expected with a reason.
#[test]
fn nothing_is_left_for_later() {
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"], ["#[al", "low("], ["#![al", "low("]]
        .map(|mark| mark.concat());
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let mark = marks.iter().find(|mark| line.contains(mark.as_str()));
            assert_eq!(mark, None, "{}:{}: {line}", source.path, number + 1);
        }
    }
}
