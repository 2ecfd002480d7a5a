//! `easel import astrbot FILE.json`: the configuration of a plug-in as a configuration of easel.
//!
//! Reads one file and writes one new file; touches neither an existing one nor the network. Keys go into the new file,
//! which only its owner can read, and are never printed: their fingerprints are. Everything between reading and writing is
//! pure: [`flat`] and [`versions`] know the plug-ins' files, [`plan`] is what they come to, [`mod@write`] is its text.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use self::{bag::Bag, plan::Plan};
use super::{Exit, Global, Import, ImportAstrbot, ImportFrom, speech::Speech};
use crate::config::{
    load::{Source, load},
    problem::{ProblemText, Severity},
};

mod access;
mod bag;
mod chains;
mod flat;
mod plan;
mod provider;
mod templates;
mod versions;
mod write;

/// The largest file that is read; those of the plug-ins have a few kilobytes.
const MAX_BYTES: u64 = 4 << 20;

/// What was refused, and how the process ends.
type Refused = (Exit, ProblemText);

/// Imports; `out` takes the sentences.
pub(crate) fn run(options: &Import, global: &Global, speech: &Speech, out: &mut dyn FnMut(String)) -> Exit {
    let ImportFrom::Astrbot(options) = &options.from;
    match import(options, global, speech, out) {
        Ok(exit) => exit,
        Err((exit, text)) => {
            out(speech.say(&text));
            exit
        }
    }
}

fn import(
    options: &ImportAstrbot,
    global: &Global,
    speech: &Speech,
    out: &mut dyn FnMut(String),
) -> Result<Exit, Refused> {
    let source = options.file.display().to_string();
    let target = target(options, global);
    // Before anything is read, so that nobody waits for a refusal.
    if fs::symlink_metadata(&target).is_ok() {
        return Err(exists(&target));
    }
    let plan =
        read(&bytes(&options.file)?).map_err(|text| (Exit::Wrong, text.with("file", source.as_str())))?;
    create(&target, &write::write(&plan, &source, speech))?;
    tell(&plan, &source, speech, out);
    let path = target.display().to_string();
    out(speech.say(&ProblemText::new("import-written").with("path", path.as_str())));
    let bad = judge(&target, speech, out);
    let next = if bad { "import-next-mend" } else { "import-next" };
    out(speech.say(&ProblemText::new(next).with("path", path)));
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

/// Where the new file goes: beside the configuration that would be used, under a name of its own.
fn target(options: &ImportAstrbot, global: &Global) -> PathBuf {
    options.output.clone().unwrap_or_else(|| global.source().path.with_file_name("easel.imported.toml"))
}

fn exists(target: &Path) -> Refused {
    (Exit::Wrong, ProblemText::new("import-exists").with("path", target.display().to_string()))
}

/// The file's bytes. Reads no more than are looked at, whatever the file is.
fn bytes(path: &Path) -> Result<Vec<u8>, Refused> {
    let refused = |key: &str, detail: String| {
        let text = ProblemText::new(key).with("file", path.display().to_string()).with("detail", detail);
        (Exit::Wrong, text)
    };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => refused("import-missing", String::new()),
        _ => refused("import-unreadable", error.to_string()),
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refused("import-large", String::new()));
    }
    Ok(bytes)
}

/// What the bytes of a file come to.
///
/// # Errors
/// A sentence when they are no configuration of a plug-in that is known.
fn read(bytes: &[u8]) -> Result<Plan, ProblemText> {
    // Windows editors and AstrBot itself put a mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let json: Json = serde_json::from_slice(bytes).map_err(|error| {
        // The error's own words are left out: they may quote the file.
        ProblemText::new("import-not-json")
            .with("line", error.line() as u64)
            .with("column", error.column() as u64)
    })?;
    let Json::Object(file) = &json else { return Err(ProblemText::new("import-no-object")) };
    let mut plan = Plan::default();
    let mut bag = Bag::new("", file);
    if versions::is_list(file) {
        versions::read_list(&mut bag, &mut plan);
    } else if versions::is_sections(file) {
        versions::read_sections(&mut bag, &mut plan);
    } else if flat::is(file) {
        flat::read(&mut bag, &mut plan);
    } else if flat::is_skill(file) {
        flat::read_skill(&mut bag, &mut plan);
    } else {
        return Err(ProblemText::new("import-unknown"));
    }
    plan.settle();
    Ok(plan)
}

/// Writes the new file. It holds keys, so nobody else may read it, at no moment.
fn create(target: &Path, text: &str) -> Result<(), Refused> {
    let failed = |error: std::io::Error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return exists(target);
        }
        let text = ProblemText::new("import-unwritable").with("path", target.display().to_string());
        (Exit::Failed, text.with("detail", error.to_string()))
    };
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(target).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a file would keep the next try from writing a whole one.
        fs::remove_file(target).ok();
        failed(error)
    })
}

/// Says what the written file is to easel itself; true when something must be mended by hand.
fn judge(target: &Path, speech: &Speech, out: &mut dyn FnMut(String)) -> bool {
    let source = Source {
        path: target.to_owned(),
        must_exist: true,
        data_dir: None,
        // The file alone is judged, not what the environment would put over it.
        environment: Vec::new(),
        base: PathBuf::from("."),
    };
    let problems = match load(&source) {
        Ok(loaded) => loaded.warnings,
        Err(refused) => refused.problems,
    };
    for problem in &problems {
        out(speech.problem(problem));
    }
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// Prints the table and the lists.
fn tell(plan: &Plan, source: &str, speech: &Speech, out: &mut dyn FnMut(String)) {
    out(speech.say(&ProblemText::new("import-title").with("file", source)));
    let wide = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default().min(44);
    let old = wide(&mut plan.moved.iter().map(|moved| width(&moved.old)));
    let new = wide(&mut plan.moved.iter().map(|moved| width(&moved.new)));
    for moved in &plan.moved {
        let line = format!("  {} → {}  {}", pad(&moved.old, old), pad(&moved.new, new), moved.shown);
        out(line.trim_end().to_owned());
    }
    if !plan.skipped.is_empty() {
        out(speech.say(&ProblemText::new("import-skipped-title")));
        for skipped in &plan.skipped {
            let text = ProblemText::new("import-skipped").with("key", one_line(&skipped.old));
            out(speech.say(&text.with("why", speech.say(&skipped.why))));
        }
    }
    if !plan.notes.is_empty() {
        out(speech.say(&ProblemText::new("import-notes-title")));
        for note in &plan.notes {
            out(speech.say(&ProblemText::new("import-note").with("note", speech.say(note))));
        }
    }
}

/// Columns that a text takes in a terminal: two for a wide letter.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{1100}' { 2 } else { 1 }).sum()
}

fn pad(text: &str, columns: usize) -> String {
    let text = one_line(text);
    let missing = columns.saturating_sub(width(&text));
    text + &" ".repeat(missing)
}

/// Keys come from outside, and must not write lines of their own on the terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
