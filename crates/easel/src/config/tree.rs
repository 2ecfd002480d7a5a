//! The configuration as a tree of values that know where they come from.
//!
//! Built from TOML with every syntax error that can be found, changed by the environment and the command line, and
//! turned into JSON for the typed structs. What a key means is not known here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem, ProblemText};

/// A value and where it comes from.
#[derive(Clone)]
pub(crate) struct Node {
    /// The value.
    pub(crate) value: Value,
    /// Where the value stands.
    pub(crate) place: Place,
    /// Where its key stands, when that is elsewhere.
    pub(crate) named: Option<Place>,
}

/// What a configuration can hold.
#[derive(Clone)]
pub(crate) enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// A date or time, which no key of ours takes.
    Date,
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(BTreeMap<String, Node>),
}

impl Value {
    /// The type's name in JSON schemas; dates have a name of their own that fits nothing.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Integer(_) => "integer",
            Self::Float(_) => "number",
            Self::Flag(_) => "boolean",
            Self::Date => "date",
            Self::List(_) => "array",
            Self::Table(_) => "object",
        }
    }
}

impl Node {
    /// A value that stands at `place`.
    pub(crate) fn new(value: Value, place: Place) -> Self {
        Self { value, place, named: None }
    }

    /// An empty table.
    pub(crate) fn table(place: Place) -> Self {
        Self::new(Value::Table(BTreeMap::new()), place)
    }

    /// Where to point when the key is meant, not the value.
    pub(crate) fn key_place(&self) -> Place {
        self.named.clone().unwrap_or_else(|| self.place.clone())
    }

    /// The entries; anything else becomes an empty table first.
    pub(crate) fn entries(&mut self) -> &mut BTreeMap<String, Self> {
        if !matches!(self.value, Value::Table(_)) {
            self.value = Value::Table(BTreeMap::new());
        }
        match &mut self.value {
            Value::Table(table) => table,
            _ => unreachable!("just made a table"),
        }
    }

    /// The items; anything else becomes an empty list first.
    pub(crate) fn items(&mut self) -> &mut Vec<Self> {
        if !matches!(self.value, Value::List(_)) {
            self.value = Value::List(Vec::new());
        }
        match &mut self.value {
            Value::List(items) => items,
            _ => unreachable!("just made a list"),
        }
    }

    /// The entry `key` of a table.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(table) => table.get(key),
            _ => None,
        }
    }

    /// The names of a table's entries.
    pub(crate) fn keys(&self) -> Vec<&str> {
        match &self.value {
            Value::Table(table) => table.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Takes the value at `path` out, or the whole item of a list. `false` when there is none.
    pub(crate) fn remove(&mut self, path: &KeyPath) -> bool {
        let Some((last, parents)) = path.0.split_last() else { return false };
        let parent = parents.iter().try_fold(self, |node, step| match (step, &mut node.value) {
            (Step::Key(key), Value::Table(table)) => table.get_mut(key),
            (Step::Index(index), Value::List(items)) => items.get_mut(*index),
            _ => None,
        });
        match (last, parent.map(|node| &mut node.value)) {
            (Step::Key(key), Some(Value::Table(table))) => table.remove(key).is_some(),
            (Step::Index(index), Some(Value::List(items))) if *index < items.len() => {
                items.remove(*index);
                true
            }
            _ => false,
        }
    }

    /// The same value without places. Numbers that JSON lacks (`inf`, `nan`) become null.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Text(text) => Json::from(text.as_str()),
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
            Value::Flag(flag) => Json::from(*flag),
            Value::Date => Json::Null,
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(table) => {
                Json::Object(table.iter().map(|(key, node)| (key.clone(), node.to_json())).collect())
            }
        }
    }

    /// A tree whose values all come from `place`. Nulls are left out.
    pub(crate) fn from_json(json: Json, place: &Place) -> Option<Self> {
        let value = match json {
            Json::Null => return None,
            Json::Bool(flag) => Value::Flag(flag),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Integer(whole),
                None => Value::Float(number.as_f64()?),
            },
            Json::String(text) => Value::Text(text),
            Json::Array(items) => {
                Value::List(items.into_iter().filter_map(|item| Self::from_json(item, place)).collect())
            }
            Json::Object(entries) => Value::Table(
                entries
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, Self::from_json(value, place)?)))
                    .collect(),
            ),
        };
        Some(Self::new(value, place.clone()))
    }

    /// Calls `visit` with every node below this one, tables before their entries.
    pub(crate) fn each(&self, path: &KeyPath, visit: &mut dyn FnMut(&KeyPath, &Self)) {
        match &self.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = path.index(index);
                    visit(&path, item);
                    item.each(&path, visit);
                }
            }
            Value::Table(table) => {
                for (key, node) in table {
                    let path = path.key(key);
                    visit(&path, node);
                    node.each(&path, visit);
                }
            }
            _ => {}
        }
    }
}

impl fmt::Debug for Node {
    /// Places and kinds only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.value.kind(), self.place)
    }
}

/// The way from the root to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyPath(pub(crate) Vec<Step>);

/// One step of a [`KeyPath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl KeyPath {
    /// One step further, into a table.
    pub(crate) fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// One step further, into a list.
    pub(crate) fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }
}

impl fmt::Display for KeyPath {
    /// `onebot[0].listen`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Reads TOML as far as it can be read, with all of its syntax errors.
pub(crate) fn parse(text: &str) -> (Node, Vec<Problem>) {
    let lines = Lines::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    let problems: Vec<Problem> = errors
        .into_iter()
        .map(|error| {
            // `message` only: `Display` prints the line, and the line may hold a key.
            let place = error.span().map_or(Place::Nowhere, |span| lines.place(span.start));
            let detail = error.message().to_owned();
            Problem::error(place, "", ProblemText::new("config-syntax").with("detail", detail))
                .mend(ProblemText::new("config-syntax-mend"))
        })
        .collect();
    let mut root = Node::table(Place::Nowhere);
    *root.entries() = table(document.into_inner(), &lines);
    let broken: BTreeSet<_> = problems.iter().filter_map(|problem| line(&problem.place)).collect();
    drop_lines(&mut root, &broken);
    (root, problems)
}

/// Takes out what stands on a line with a syntax error: the parser puts a made-up value there.
fn drop_lines(node: &mut Node, broken: &BTreeSet<usize>) {
    let keep = |node: &mut Node| {
        drop_lines(node, broken);
        let places = [Some(&node.place), node.named.as_ref()];
        let on_broken_line = places.into_iter().flatten().filter_map(line).any(|line| broken.contains(&line));
        matches!(node.value, Value::Table(_)) || !on_broken_line
    };
    match &mut node.value {
        Value::List(items) => items.retain_mut(keep),
        Value::Table(entries) => entries.retain(|_, entry| keep(entry)),
        _ => {}
    }
}

fn line(place: &Place) -> Option<usize> {
    if let Place::File { line, .. } = place { Some(*line) } else { None }
}

fn table(table: DeTable<'_>, lines: &Lines<'_>) -> BTreeMap<String, Node> {
    table
        .into_iter()
        .map(|(key, value)| {
            let named = lines.place(key.span().start);
            let place = lines.place(value.span().start);
            let node = Node { named: Some(named), ..node(value.into_inner(), place, lines) };
            (key.into_inner().into_owned(), node)
        })
        .collect()
}

fn node(value: DeValue<'_>, place: Place, lines: &Lines<'_>) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        // A number beyond 64 bits is read as a float, which then is the wrong type for every whole number.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Float(f64::INFINITY), Value::Integer),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| {
                    let place = lines.place(item.span().start);
                    node(item.into_inner(), place, lines)
                })
                .collect(),
        ),
        DeValue::Table(entries) => Value::Table(table(entries, lines)),
    };
    Node::new(value, place)
}

/// Turns byte offsets into lines and columns.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..offset).unwrap_or_default().trim_start_matches('\u{feff}');
        Place::File { line, column: before.chars().count() + 1 }
    }
}

/// A place that names an environment variable.
pub(crate) fn variable(name: &str) -> Place {
    Place::Environment(Arc::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let (root, problems) = parse("\u{feff}[bot]\nprefixes = [\"画\", 7]\n");
        assert_eq!(problems, []);
        let prefixes = root.get("bot").and_then(|bot| bot.get("prefixes")).unwrap();
        assert_eq!(prefixes.named, Some(Place::File { line: 2, column: 1 }));
        let Value::List(items) = &prefixes.value else { panic!("not a list") };
        assert_eq!(items[1].place, Place::File { line: 2, column: 18 });
    }

    #[test]
    fn all_syntax_errors_and_no_value_in_them() {
        let (root, problems) = parse("[bot]\ndata_dir = sk-secret-one\nlocale = \"en-US\"\nx = = 3\nx =\n");
        assert!(root.get("bot").and_then(|bot| bot.get("locale")).is_some());
        let lines: Vec<_> = problems.iter().map(|problem| problem.place.to_string()).collect();
        assert!(lines.iter().any(|at| at.starts_with("2:")), "{lines:?}");
        assert!(lines.iter().any(|at| at.starts_with("4:")), "{lines:?}");
        assert!(!format!("{problems:?}").contains("secret-one"));
    }
}
