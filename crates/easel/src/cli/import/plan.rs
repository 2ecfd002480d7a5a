//! What an import comes to, as plain data: sections of the new file, and what is to be told about them.
//!
//! Pure. Values of the new file may be secrets; what is told never is.

use serde_json::{Map, Value as Json};

use super::bag::Bag;
use crate::config::problem::ProblemText;

/// Longest value that is shown.
const SHOWN: usize = 60;
/// Longest value that goes into a comment of the file.
const NOTED: usize = 200;

/// The home of what a remark of a section tells already.
pub(super) const TOLD: &str = "-";

/// A section of the new file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section {
    /// The names in its head: `["providers", "main"]`.
    pub(super) path: Vec<String>,
    /// It is an entry of a list: `[[onebot]]`.
    pub(super) list: bool,
    /// Its keys, in the order of the file.
    pub(super) entries: Vec<(String, Json)>,
    /// Sentences above it.
    pub(super) remarks: Vec<ProblemText>,
    /// It can't be used as it is, so all of it stands in the file as comments.
    pub(super) off: bool,
}

impl Section {
    /// An empty section.
    pub(super) fn new(path: &[&str]) -> Self {
        let path = path.iter().map(|&name| name.to_owned()).collect();
        Self { path, list: false, entries: Vec::new(), remarks: Vec::new(), off: false }
    }

    /// Adds a key or replaces its value.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Json>) {
        let value = value.into();
        match self.entries.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.entries.push((key.to_owned(), value)),
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        self.entries.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The value of a key as text; empty when there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Json::as_str).unwrap_or_default()
    }

    /// All keys as one object.
    pub(super) fn to_json(&self) -> Json {
        Json::Object(self.entries.iter().cloned().collect::<Map<_, _>>())
    }

    /// `providers.main`.
    pub(super) fn name(&self) -> String {
        self.path.join(".")
    }
}

/// A key that has its counterpart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// Its place in the old file.
    pub(super) old: String,
    /// Its place in the new one.
    pub(super) new: String,
    /// The value as it may be shown: no secret.
    pub(super) shown: String,
}

/// A key that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    /// Its place in the old file.
    pub(super) old: String,
    /// The section of the new file that it would belong to; empty when there is none.
    pub(super) home: String,
    /// Its value for a comment, when it is worth one.
    pub(super) value: Option<String>,
    /// Why.
    pub(super) why: ProblemText,
}

/// An import.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// The sections, in the order of the file.
    pub(super) sections: Vec<Section>,
    /// Old → new.
    pub(super) moved: Vec<Moved>,
    /// What has no counterpart, and why.
    pub(super) skipped: Vec<Skipped>,
    /// What the owner should know or do.
    pub(super) notes: Vec<ProblemText>,
}

impl Plan {
    /// The section with this head; made when it is not there.
    pub(super) fn section(&mut self, path: &[&str]) -> &mut Section {
        let found = self.sections.iter().position(|section| section.path == path);
        let index = found.unwrap_or_else(|| {
            self.sections.push(Section::new(path));
            self.sections.len().saturating_sub(1)
        });
        #[expect(clippy::indexing_slicing, reason = "found or just pushed")]
        &mut self.sections[index]
    }

    /// Sets a key of a section, and tells where it came from.
    pub(super) fn set(&mut self, old: impl Into<String>, section: &str, key: &str, value: impl Into<Json>) {
        let value = value.into();
        self.moved(old, format!("{section}.{key}"), &shown(&value));
        self.section(&[section]).set(key, value);
    }

    /// Tells old → new. `shown` must not be a secret.
    pub(super) fn moved(&mut self, old: impl Into<String>, new: impl Into<String>, shown: &str) {
        let shown = cut(&easel_http::redact(shown), SHOWN);
        self.moved.push(Moved { old: old.into(), new: new.into(), shown });
    }

    /// Tells that a key has no counterpart.
    pub(super) fn skip(&mut self, old: impl Into<String>, home: &str, why: ProblemText) {
        self.skipped.push(Skipped { old: old.into(), home: home.to_owned(), value: None, why });
    }

    /// As [`Self::skip`], for keys of a bag that easel needs not: takes them out of the bag, keeps their values for a
    /// comment.
    pub(super) fn needless(&mut self, bag: &mut Bag<'_>, home: &str, keys: &[&str], why: &str) {
        for key in keys {
            if let Some(value) = bag.value(key) {
                self.skip_value(bag.place(key), home, value, ProblemText::new(why));
            }
        }
    }

    /// Puts the sections into the order of the shipped configuration, and says when no service can be used.
    pub(super) fn settle(&mut self) {
        const ORDER: [&str; 11] = [
            "bot",
            "onebot",
            "providers",
            "draw",
            "edit",
            "selfie",
            "video",
            "access",
            "jobs",
            "network",
            "presets",
        ];
        self.sections.sort_by_key(|section| {
            let head = section.path.first().map(String::as_str).unwrap_or_default();
            ORDER.iter().position(|name| *name == head)
        });
        let usable =
            |section: &Section| !section.off && section.path.first().is_some_and(|head| head == "providers");
        if !self.sections.iter().any(usable) {
            self.notes.push(ProblemText::new("import-note-no-provider"));
        }
        let mut seen = Vec::new();
        self.notes.retain(|note| {
            let new = !seen.contains(note);
            seen.push(note.clone());
            new
        });
    }

    /// Tells what nobody asked of a bag.
    pub(super) fn finish(&mut self, bag: &Bag<'_>, home: &str) {
        for left in bag.left() {
            let why = match left.first {
                Some(first) => ProblemText::new("import-why-second").with("first", first),
                None if left.odd => ProblemText::new("import-why-unreadable"),
                None => ProblemText::new("import-why-unknown"),
            };
            self.skip_value(left.place, home, left.value, why);
        }
    }

    fn skip_value(&mut self, old: String, home: &str, value: &Json, why: ProblemText) {
        let value = value.to_string();
        let redacted = easel_http::redact(&value);
        let value = (redacted == value && value.chars().count() <= NOTED).then_some(value);
        self.skipped.push(Skipped { old, home: home.to_owned(), value, why });
    }
}

/// A value for the table, as people would write it.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn cut(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= most {
        return line;
    }
    let mut short: String = line.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn sections_are_made_once_and_keep_their_order() {
        let mut plan = Plan::default();
        plan.set("a", "access", "debounce_seconds", 3);
        plan.set("b", "bot", "locale", "zh-CN");
        plan.set("c", "access", "debounce_seconds", 4);
        let names: Vec<_> = plan.sections.iter().map(Section::name).collect();
        assert_eq!(names, ["access", "bot"]);
        assert_eq!(plan.section(&["access"]).to_json(), json!({"debounce_seconds": 4}));
        assert_eq!(plan.moved.len(), 3);
    }

    #[test]
    fn what_is_shown_is_short_and_no_secret() {
        let mut plan = Plan::default();
        plan.moved("a", "b", "http://me:secret@proxy:1\nx");
        assert!(!plan.moved[0].shown.contains("secret") && !plan.moved[0].shown.contains('\n'));
        plan.moved("a", "b", &"x ".repeat(500));
        assert_eq!(plan.moved[1].shown.chars().count(), SHOWN);
    }

    #[test]
    fn keys_that_nobody_knows_are_told_with_their_values_unless_those_look_secret() {
        let value = json!({"mode": "x", "auth": "Bearer abcdefghijklmnop", "n": 3});
        let mut plan = Plan::default();
        plan.finish(&Bag::new("", value.as_object().unwrap()), "");
        let told = plan.skipped.iter().map(|skipped| (skipped.old.as_str(), skipped.value.as_deref()));
        let told: BTreeSet<_> = told.collect();
        assert_eq!(told, [("auth", None), ("mode", Some("\"x\"")), ("n", Some("3"))].into());
    }
}
