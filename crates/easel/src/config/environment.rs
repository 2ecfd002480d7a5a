//! The environment's overlay: `EASEL__SECTION__KEY` overrides the key of the file.
//!
//! Every text is read by the type that the schema has at that path, so a token `00123` stays a text and a list can
//! be written `a, b`. Tables are entered by key, map keys match existing ones whatever their case, lists by index
//! (the next free one appends, gaps are refused). Which keys came from here is known afterwards.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
};

use serde_json::Value as Json;

use super::{
    problem::{Place, Problem, ProblemArg, ProblemText},
    schema::{SCHEMA, Shape, shapes, unknown_key},
    tree::{KeyPath, Node, Value, variable},
};

const PREFIX: &str = "EASEL__";

/// Lays the `EASEL__…` variables over `root`. Returns the keys that they set.
pub(crate) fn overlay(
    root: &mut Node,
    variables: &[(OsString, OsString)],
    problems: &mut Vec<Problem>,
) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    for (name, text) in ours(variables) {
        let place = variable(&name);
        let Some(text) = text.to_str() else {
            problems.push(Problem::error(place, "", ProblemText::new("config-env-not-utf8")));
            continue;
        };
        let segments: Vec<_> = name.get(PREFIX.len()..).unwrap_or_default().split("__").collect();
        let overlay = Overlay { text, place };
        match overlay.enter(root, &SCHEMA, &segments, &KeyPath::default()) {
            Ok(path) => {
                set.insert(path.to_string());
            }
            Err(problem) => problems.push(*problem),
        }
    }
    set
}

/// Our variables, in an order in which list items come by their number (`__2__` before `__10__`).
fn ours(variables: &[(OsString, OsString)]) -> Vec<(String, &OsStr)> {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, text)| Some((name.to_str()?.to_owned(), text.as_os_str())))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    ours.sort_by_cached_key(|(name, _)| {
        name.split("__")
            .map(|segment| (segment.parse::<usize>().unwrap_or_default(), segment.to_owned()))
            .collect::<Vec<_>>()
    });
    ours
}

/// One variable on its way to its key.
struct Overlay<'a> {
    text: &'a str,
    place: Place,
}

impl Overlay<'_> {
    /// Goes one segment down, making tables and list items on the way, and sets the value at the end.
    fn enter(
        &self,
        node: &mut Node,
        schema: &Json,
        segments: &[&str],
        path: &KeyPath,
    ) -> Result<KeyPath, Box<Problem>> {
        let Some((segment, rest)) = segments.split_first() else {
            let value = parse(self.text, schema, &self.place)
                .ok_or_else(|| Box::new(self.unreadable(schema, path)))?;
            *node = Node::new(value, self.place.clone());
            return Ok(path.clone());
        };
        let shapes = shapes(schema);
        if let Some(shape) = shapes.iter().copied().find(|shape| shape.takes("object")) {
            let key = resolve(segment, node, shape);
            let path = path.key(&key);
            let Some(schema) = shape.entry(&key).filter(|_| !segment.is_empty()) else {
                let known = shape.properties().into_iter().flat_map(|known| known.keys().map(String::as_str));
                return Err(Box::new(unknown_key(&key, self.place.clone(), known, &path)));
            };
            let entries = node.entries();
            let fresh = !entries.contains_key(&key);
            let entry = entries.entry(key.clone()).or_insert_with(|| Node::table(self.place.clone()));
            let entered = self.enter(entry, schema, rest, &path);
            if entered.is_err() && fresh {
                entries.remove(&key);
            }
            entered
        } else if let Some(schema) = shapes.iter().find_map(|shape| shape.items()) {
            let length = if let Value::List(items) = &node.value { items.len() } else { 0 };
            let index = segment.parse::<usize>().ok().filter(|index| *index <= length).ok_or_else(|| {
                let text = ProblemText::new("config-env-index").with("index", *segment);
                let mend = ProblemText::new("config-env-index-mend").with("next", length as u64);
                let key = format!("{path}[{segment}]");
                Box::new(Problem::error(self.place.clone(), key, text).mend(mend))
            })?;
            let items = node.items();
            if index == length {
                items.push(Node::table(self.place.clone()));
            }
            let path = path.index(index);
            let entered = match items.get_mut(index) {
                Some(item) => self.enter(item, schema, rest, &path),
                None => Ok(path),
            };
            if entered.is_err() && index == length {
                items.pop();
            }
            entered
        } else {
            let path = path.key(&segment.to_lowercase());
            Err(Box::new(unknown_key(segment, self.place.clone(), std::iter::empty(), &path)))
        }
    }

    fn unreadable(&self, schema: &Json, path: &KeyPath) -> Problem {
        let mends: Vec<_> = shapes(schema).into_iter().filter_map(how_to_write).collect();
        let text = ProblemText::new("config-env-unreadable");
        let mend = ProblemText::new("config-env-unreadable-mend").with("form", ProblemArg::OneOf(mends));
        Problem::error(self.place.clone(), path.to_string(), text).mend(mend)
    }
}

/// The key that a segment means: a known one, one that the table has, or a new one in lower case (a name that
/// already has lower-case letters is kept as it is).
fn resolve(segment: &str, node: &Node, shape: Shape<'_>) -> String {
    let same = |key: &&str| key.to_lowercase() == segment.to_lowercase();
    let known = shape.properties().and_then(|known| known.keys().map(String::as_str).find(same));
    if let Some(key) = known.or_else(|| node.keys().into_iter().find(same)) {
        return key.to_owned();
    }
    if segment.chars().any(char::is_lowercase) { segment.to_owned() } else { segment.to_lowercase() }
}

/// Reads `text` by the types that fit at its path, the most telling first.
fn parse(text: &str, schema: &Json, place: &Place) -> Option<Value> {
    let shapes = shapes(schema);
    let trimmed = text.trim();
    let json =
        |opening| trimmed.starts_with(opening).then(|| serde_json::from_str::<Json>(trimmed).ok()).flatten();
    let find = |kind| shapes.iter().copied().find(|shape| shape.takes(kind));
    if let Some(shape) = find("array").filter(|shape| shape.items().is_some()) {
        let items = match json('[') {
            Some(list) => return Some(Node::from_json(list, place)?.value),
            None if trimmed.starts_with('[') => return None,
            None => shape.items()?,
        };
        let parts = trimmed.split(',').map(str::trim).filter(|part| !part.is_empty());
        return parts
            .map(|part| Some(Node::new(parse(part, items, place)?, place.clone())))
            .collect::<Option<_>>()
            .map(Value::List);
    }
    if let Some(table) = find("object").and(json('{')) {
        return Some(Node::from_json(table, place)?.value);
    }
    if find("string").is_some() {
        return Some(Value::Text(text.to_owned()));
    }
    if find("boolean").is_some() {
        return match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(Value::Flag(true)),
            "false" | "0" | "no" | "off" => Some(Value::Flag(false)),
            _ => None,
        };
    }
    if let Some(shape) = find("integer") {
        let whole = trimmed.parse().ok().map(Value::Integer);
        let fraction = || trimmed.parse().ok().filter(|_| shape.takes("number")).map(Value::Float);
        return whole.or_else(fraction);
    }
    None
}

fn how_to_write(shape: Shape<'_>) -> Option<&'static str> {
    [
        ("array", "config-env-form-list"),
        ("boolean", "config-env-form-flag"),
        ("integer", "config-env-form-integer"),
        ("number", "config-env-form-number"),
        ("object", "config-env-form-table"),
    ]
    .into_iter()
    .find_map(|(kind, form)| shape.takes(kind).then_some(form))
}
