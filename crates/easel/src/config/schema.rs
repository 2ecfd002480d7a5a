//! The JSON schema of the configuration, and the walk of a document against it.
//!
//! The schema is made from the section structs, so it can't disagree with them. The walk finds every unknown key
//! and every wrong type at once, where deserialisation would stop at the first; what is wrong is taken out of the
//! document, so that the rest can be read and checked too.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::{
    Config,
    problem::{Place, Problem, ProblemArg, ProblemText, nearest},
    tree::{KeyPath, Node, Step, Value},
};

/// Keys whose values are secrets. Each may be given as `KEY_file`, and none of their values is ever printed.
pub(crate) const SECRETS: [&str; 6] = ["access_token", "api_keys", "basic_auth", "key", "password", "token"];

/// The schema of the whole file, without references, with the `*_file` keys.
pub(crate) static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    add_secret_files(&mut schema);
    schema
});

fn add_secret_files(schema: &mut Json) {
    match schema {
        Json::Object(object) => {
            object.values_mut().for_each(add_secret_files);
            if let Some(Json::Object(properties)) = object.get_mut("properties") {
                for secret in SECRETS {
                    let file = format!("{secret}_file");
                    if properties.contains_key(secret) && !properties.contains_key(&file) {
                        let description =
                            format!("File that holds `{secret}`, relative to the working directory.");
                        properties.insert(file, json!({"type": "string", "description": description}));
                    }
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(add_secret_files),
        _ => {}
    }
}

/// One way in which a value may be written: a schema without alternatives.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a>(pub(crate) &'a Json);

/// The alternatives of `schema`. Null is left out: TOML and the environment have none.
pub(crate) fn shapes(schema: &Json) -> Vec<Shape<'_>> {
    for key in ["anyOf", "oneOf"] {
        if let Some(Json::Array(alternatives)) = schema.get(key) {
            return alternatives.iter().flat_map(shapes).collect();
        }
    }
    let shape = Shape(schema);
    if shape.kinds() == ["null"] { Vec::new() } else { vec![shape] }
}

impl<'a> Shape<'a> {
    /// The JSON types that fit; empty when everything does.
    fn kinds(self) -> Vec<&'a str> {
        match self.0.get("type") {
            Some(Json::String(kind)) => vec![kind],
            Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
            _ if !self.words().is_empty() => vec!["string"],
            _ => Vec::new(),
        }
    }

    /// Whether a value of JSON type `kind` can fit.
    pub(crate) fn takes(self, kind: &str) -> bool {
        let kinds = self.kinds();
        kinds.is_empty() || kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"))
    }

    /// The only words that fit; empty when every text does.
    pub(crate) fn words(self) -> Vec<&'a str> {
        match (self.0.get("const"), self.0.get("enum")) {
            (Some(Json::String(word)), _) => vec![word],
            (_, Some(Json::Array(words))) => words.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The schema of a list's items.
    pub(crate) fn items(self) -> Option<&'a Json> {
        self.0.get("items")
    }

    /// The known keys of a table.
    pub(crate) fn properties(self) -> Option<&'a Map<String, Json>> {
        self.0.get("properties")?.as_object()
    }

    /// The schema of keys that are not known by name; `None` when there may be none.
    pub(crate) fn others(self) -> Option<&'a Json> {
        match self.0.get("additionalProperties") {
            Some(Json::Bool(false)) => None,
            Some(schema) => Some(schema),
            None => Some(&Json::Bool(true)),
        }
    }

    /// The schema of the entry `key`.
    pub(crate) fn entry(self, key: &str) -> Option<&'a Json> {
        self.properties().and_then(|properties| properties.get(key)).or_else(|| self.others())
    }

    fn required(self) -> impl Iterator<Item = &'a str> {
        self.0.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
    }
}

/// Whether the value of `key` must not be shown.
pub(crate) fn is_secret(key: &str, schema: &Json) -> bool {
    SECRETS.contains(&key) || schema.get("writeOnly").and_then(Json::as_bool).unwrap_or_default()
}

/// Whether the value at `path` is a secret or within one.
pub(crate) fn holds_secret(path: &KeyPath) -> bool {
    fn within(schema: &Json, steps: &[Step]) -> bool {
        let Some((step, rest)) = steps.split_first() else { return false };
        shapes(schema).into_iter().any(|shape| match step {
            Step::Key(key) => {
                shape.entry(key).is_some_and(|schema| is_secret(key, schema) || within(schema, rest))
            }
            Step::Index(_) => shape.items().is_some_and(|schema| within(schema, rest)),
        })
    }
    within(&SCHEMA, &path.0)
}

/// Finds everything in `node` that the schema doesn't know or that is of the wrong type, and takes it out.
pub(crate) fn walk(node: &mut Node, problems: &mut Vec<Problem>) {
    let mut walk = Walk { problems, secret: false };
    walk.value(node, &SCHEMA, &KeyPath::default());
}

struct Walk<'a> {
    problems: &'a mut Vec<Problem>,
    /// Inside a secret: no value may be shown.
    secret: bool,
}

impl Walk<'_> {
    /// `false` when the value is unusable as a whole.
    fn value(&mut self, node: &mut Node, schema: &Json, path: &KeyPath) -> bool {
        let shapes = shapes(schema);
        let kind = node.value.kind();
        let mut fitting = shapes.iter().copied().filter(|shape| shape.takes(kind)).peekable();
        if fitting.peek().is_none() && !shapes.is_empty() {
            self.wrong_type(node, &shapes, path);
            return false;
        }
        let place = node.place.clone();
        match &mut node.value {
            Value::Text(text) => {
                let words: Option<Vec<_>> =
                    fitting.map(|shape| Some(shape.words()).filter(|words| !words.is_empty())).collect();
                let words = words.unwrap_or_default().concat();
                if words.is_empty() || words.contains(&text.as_str()) {
                    return true;
                }
                self.wrong_word(text, &words, place, path);
                false
            }
            Value::Integer(number) => {
                let number = *number;
                fitting.next().is_none_or(|shape| self.in_range(number, shape, place, path))
            }
            Value::List(items) => {
                let Some(schema) = fitting.find_map(Shape::items) else { return true };
                let mut index = 0;
                items.retain_mut(|item| {
                    let path = path.index(index);
                    index += 1;
                    self.value(item, schema, &path)
                });
                true
            }
            Value::Table(_) => fitting.next().is_none_or(|shape| self.table(node, shape, path)),
            Value::Float(_) | Value::Flag(_) | Value::Date => true,
        }
    }

    fn table(&mut self, node: &mut Node, shape: Shape<'_>, path: &KeyPath) -> bool {
        let place = node.key_place();
        let entries = node.entries();
        let absent: Vec<_> = shape.required().filter(|key| !entries.contains_key(*key)).collect();
        entries.retain(|key, entry| {
            let path = path.key(key);
            let Some(schema) = shape.entry(key) else {
                self.unknown(key, entry, shape, &path);
                return false;
            };
            let outer = self.secret;
            self.secret = outer || is_secret(key, schema);
            let usable = self.value(entry, schema, &path);
            self.secret = outer;
            usable
        });
        let broken: Vec<_> = shape.required().filter(|key| !entries.contains_key(*key)).collect();
        for key in absent {
            let text = ProblemText::new("config-missing-key").with("key", key);
            let mend = ProblemText::new("config-missing-key-mend").with("key", key);
            self.problems.push(Problem::error(place.clone(), path.key(key).to_string(), text).mend(mend));
        }
        broken.is_empty()
    }

    fn unknown(&mut self, key: &str, entry: &Node, shape: Shape<'_>, path: &KeyPath) {
        let known =
            shape.properties().into_iter().flat_map(|properties| properties.keys().map(String::as_str));
        self.problems.push(unknown_key(key, entry.key_place(), known, path));
    }

    fn wrong_type(&mut self, node: &Node, shapes: &[Shape<'_>], path: &KeyPath) {
        let mut expected: Vec<_> =
            shapes.iter().flat_map(|shape| shape.kinds()).filter_map(kind_message).collect();
        expected.dedup();
        let found = kind_message(node.value.kind()).unwrap_or("config-kind-date");
        let text = ProblemText::new("config-wrong-type")
            .with("found", ProblemArg::OneOf(vec![found]))
            .with("expected", ProblemArg::OneOf(expected));
        let quoted =
            !matches!(node.value, Value::Text(_)) && shapes.iter().any(|shape| shape.takes("string"));
        let takes = |kind: &str| shapes.iter().any(|shape| shape.takes(kind));
        let whole = |example: i64| {
            ProblemText::new("config-wrong-type-mend-whole").with("example", example.to_string())
        };
        let mend = match &node.value {
            _ if quoted => ProblemText::new("config-wrong-type-mend-quote"),
            Value::Text(text) if takes("array") => {
                let shown = if self.secret { "…" } else { text };
                ProblemText::new("config-wrong-type-mend-list").with("value", format!("[{shown:?}]"))
            }
            Value::Text(text) if takes("boolean") && text.parse::<bool>().is_err() => {
                ProblemText::new("config-wrong-type-mend-flag")
            }
            Value::Text(text) if takes("integer") && text.trim().parse::<f64>().is_err() => {
                whole(example(shapes))
            }
            Value::Text(_) => ProblemText::new("config-wrong-type-mend-unquote"),
            Value::Float(number) if takes("integer") && number.is_finite() => whole(near(*number)),
            _ => ProblemText::new("config-wrong-type-mend"),
        };
        self.problems.push(Problem::error(node.place.clone(), path.to_string(), text).mend(mend));
    }

    fn wrong_word(&mut self, text: &str, words: &[&str], place: Place, path: &KeyPath) {
        let shown = if self.secret { "…" } else { text };
        let problem = Problem::error(
            place,
            path.to_string(),
            ProblemText::new("config-wrong-word")
                .with("value", shown)
                .with("words", ProblemArg::names(words.iter().copied())),
        );
        let mend = match nearest(text, words.iter().copied()) {
            Some(word) => ProblemText::new("config-nearest-word").with("nearest", word),
            None => ProblemText::new("config-wrong-word-mend")
                .with("words", ProblemArg::names(words.iter().copied())),
        };
        self.problems.push(problem.mend(mend));
    }

    fn in_range(&mut self, number: i64, shape: Shape<'_>, place: Place, path: &KeyPath) -> bool {
        let bound = |key: &str| shape.0.get(key).and_then(Json::as_f64);
        #[expect(
            clippy::cast_precision_loss,
            reason = "bounds are far below 2^53, and so is what lies near them"
        )]
        let value = number as f64;
        let low = bound("minimum").filter(|least| value < *least);
        let high = bound("maximum").filter(|most| value > *most);
        let (text, limit) = match (low, high) {
            (Some(least), _) => ("config-too-small", ("least", least.to_string())),
            (_, Some(most)) => ("config-too-large", ("most", most.to_string())),
            _ => return true,
        };
        let with = |text: ProblemText| text.with("value", number.to_string()).with(limit.0, limit.1.clone());
        let problem = Problem::error(place, path.to_string(), with(ProblemText::new(text)));
        self.problems.push(problem.mend(with(ProblemText::new(format!("{text}-mend")))));
        false
    }
}

/// An unknown key, with the nearest of the `known` ones.
pub(crate) fn unknown_key<'a>(
    key: &str,
    place: Place,
    known: impl Iterator<Item = &'a str>,
    path: &KeyPath,
) -> Problem {
    let known: Vec<_> = known.collect();
    let mend = match nearest(key, known.iter().copied()) {
        Some(nearest) => ProblemText::new("config-nearest-key").with("nearest", nearest),
        None if known.is_empty() => ProblemText::new("config-unknown-key-mend-none"),
        None => ProblemText::new("config-unknown-key-mend").with("known", ProblemArg::names(known)),
    };
    Problem::error(place, path.to_string(), ProblemText::new("config-unknown-key").with("key", key))
        .mend(mend)
}

/// A whole number that is right here: the usual one, or the least.
fn example(shapes: &[Shape<'_>]) -> i64 {
    let of = |key: &str| shapes.iter().find_map(|shape| shape.0.get(key).and_then(Json::as_i64));
    of("default").or_else(|| of("minimum")).unwrap_or(1).max(1)
}

/// The whole number next to a fraction.
#[expect(clippy::cast_possible_truncation, reason = "an example; what is out of range becomes the bound")]
fn near(number: f64) -> i64 {
    number.round() as i64
}

fn kind_message(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "config-kind-text",
        "integer" => "config-kind-integer",
        "number" => "config-kind-number",
        "boolean" => "config-kind-flag",
        "array" => "config-kind-list",
        "object" => "config-kind-table",
        _ => return None,
    })
}

/// Whether a change of the key `path` needs a restart: it or a key above it carries `x-restart`.
pub(crate) fn needs_restart(path: &KeyPath) -> bool {
    fn marked(schema: &Json, steps: &[Step]) -> bool {
        if schema.get("x-restart").and_then(Json::as_bool).unwrap_or_default() {
            return true;
        }
        let Some((step, rest)) = steps.split_first() else { return false };
        shapes(schema).into_iter().any(|shape| match step {
            Step::Key(key) => shape.entry(key).is_some_and(|schema| marked(schema, rest)),
            Step::Index(_) => shape.items().is_some_and(|schema| marked(schema, rest)),
        })
    }
    marked(&SCHEMA, &path.0)
}

#[cfg(test)]
mod tests;
