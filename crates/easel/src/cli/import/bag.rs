//! A JSON object as people and configuration pages leave it behind: numbers as text, one value where a list is meant,
//! empty fields. Remembers what was asked for, so that the rest can be told.
//!
//! Pure. What a key means is not known here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

/// An object and its place in the file.
pub(super) struct Bag<'a> {
    path: String,
    map: &'a Map<String, Json>,
    taken: BTreeSet<&'a str>,
    odd: BTreeSet<&'a str>,
    /// Keys that say what another one has said already, with that other one.
    second: BTreeMap<&'a str, String>,
}

/// A key that nobody could use.
pub(super) struct Left<'a> {
    /// Its place in the file.
    pub(super) place: String,
    /// Its value.
    pub(super) value: &'a Json,
    /// The key is known, its value can't be read.
    pub(super) odd: bool,
    /// The key that counts in its place.
    pub(super) first: Option<String>,
}

impl<'a> Bag<'a> {
    /// The object at `path`; the whole file has an empty path.
    pub(super) fn new(path: impl Into<String>, map: &'a Map<String, Json>) -> Self {
        Self { path: path.into(), map, taken: BTreeSet::new(), odd: BTreeSet::new(), second: BTreeMap::new() }
    }

    /// The place of the object itself.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The place of a key of it.
    pub(super) fn place(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Whether the key is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The value of `key`, unless it is empty. The key counts as asked for.
    pub(super) fn value(&mut self, key: &str) -> Option<&'a Json> {
        let (key, value) = self.map.get_key_value(key)?;
        self.taken.insert(key);
        (!is_empty(value)).then_some(value)
    }

    /// Reads the value of `key` with `read`; what it can't read is told as odd.
    fn read<T>(&mut self, key: &str, read: impl FnOnce(&'a Json) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let found = read(value);
        if let (None, Some((key, _))) = (&found, self.map.get_key_value(key)) {
            self.odd.insert(key);
        }
        found
    }

    /// A text without space around it; numbers become text.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, text)
    }

    /// The first of these keys that holds a text, with that key. The others that hold one are second to it.
    pub(super) fn first_text<'k>(&mut self, keys: &[&'k str]) -> Option<(&'k str, String)> {
        self.first(keys, Self::text)
    }

    /// As [`Self::first_text`], for what `read` reads.
    pub(super) fn first<'k, T>(
        &mut self,
        keys: &[&'k str],
        read: impl Fn(&mut Self, &str) -> Option<T>,
    ) -> Option<(&'k str, T)> {
        let found: Vec<_> = keys.iter().filter_map(|key| Some((*key, read(self, key)?))).collect();
        let mut found = found.into_iter();
        let first = found.next()?;
        found.for_each(|(key, _)| self.second(key, first.0));
        Some(first)
    }

    /// Leaves a key aside, because `first` says the same and counts. Nothing happens where the key is not there or empty.
    pub(super) fn second(&mut self, key: &str, first: &str) {
        if self.value(key).is_none() {
            return;
        }
        if let Some((key, _)) = self.map.get_key_value(key) {
            self.second.insert(key, first.to_owned());
        }
    }

    /// A number, also one in quotes; fractions are cut off.
    pub(super) fn whole(&mut self, key: &str) -> Option<i64> {
        self.read(key, whole)
    }

    /// A number with its fraction, also one in quotes.
    pub(super) fn number(&mut self, key: &str) -> Option<f64> {
        self.read(key, number)
    }

    /// A flag, also one in words.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, flag)
    }

    /// A list of texts: a list, or one text; commas and line breaks divide texts.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        let list = self.read(key, |value| match value {
            Json::Array(items) => Some(items.iter().filter_map(text).flat_map(|text| split(&text)).collect()),
            other => text(other).map(|text| split(&text)),
        });
        list.unwrap_or_default()
    }

    /// A list of entries as they are: a list of texts that are not split, or one text with an entry in each line.
    pub(super) fn lines(&mut self, key: &str) -> Vec<String> {
        let list = self.read(key, |value| match value {
            Json::Array(items) => Some(items.iter().filter_map(text).collect::<Vec<_>>()),
            other => text(other).map(|text| text.lines().map(|line| line.trim().to_owned()).collect()),
        });
        list.unwrap_or_default().into_iter().filter(|line| !line.is_empty()).collect()
    }

    /// The objects of a list, each with its place.
    pub(super) fn bags(&mut self, key: &str) -> Vec<Bag<'a>> {
        let place = self.place(key);
        let list = self.read(key, Json::as_array);
        let items = list.into_iter().flatten().enumerate();
        items
            .filter_map(|(index, item)| Some(Bag::new(format!("{place}[{index}]"), item.as_object()?)))
            .collect()
    }

    /// The object under `key`.
    pub(super) fn bag(&mut self, key: &str) -> Option<Bag<'a>> {
        let place = self.place(key);
        self.read(key, Json::as_object).map(|map| Bag::new(place, map))
    }

    /// The object itself, for fields that are passed on.
    pub(super) fn fields(&mut self, key: &str) -> Vec<(String, Json)> {
        let fields = self.read(key, |value| match value {
            Json::Object(fields) => Some(fields.clone()),
            // Some pages keep it as the text of a JSON object.
            Json::String(text) => serde_json::from_str::<Map<String, Json>>(text).ok(),
            _ => None,
        });
        fields.into_iter().flatten().filter(|(_, value)| !value.is_null()).collect()
    }

    /// The keys that nobody asked for, whose value can't be read or that are second to others.
    pub(super) fn left(&self) -> Vec<Left<'a>> {
        let left = self.map.iter().filter_map(|(key, value)| {
            let odd = self.odd.contains(key.as_str());
            let unknown = !self.taken.contains(key.as_str());
            let first = self.second.get(key.as_str()).cloned();
            (odd || unknown || first.is_some()).then(|| Left { place: self.place(key), value, odd, first })
        });
        left.collect()
    }
}

/// Null, a text of spaces, a list or an object with nothing in it.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.trim().is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.trim().to_owned()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn whole(value: &Json) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "numbers are small")]
    let cut = |number: f64| number as i64;
    value.as_i64().or_else(|| number(value).map(cut))
}

/// A number below 10¹⁵.
fn number(value: &Json) -> Option<f64> {
    let number = match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.abs() < 1e15)
}

fn flag(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(flag) => Some(*flag),
        Json::Number(number) => number.as_i64().map(|number| number != 0),
        Json::String(text) => match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "是" | "开" => Some(true),
            "false" | "no" | "off" | "0" | "否" | "关" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn split(text: &str) -> Vec<String> {
    text.split([',', '，', ';', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with<T>(value: &Json, ask: impl FnOnce(&mut Bag<'_>) -> T) -> (T, Vec<(String, bool)>) {
        let map = value.as_object().unwrap();
        let mut bag = Bag::new("draw", map);
        let found = ask(&mut bag);
        let left = bag.left().into_iter().map(|left| (left.place, left.odd)).collect();
        (found, left)
    }

    #[track_caller]
    fn number(value: &Json, expected: Option<i64>) {
        let (found, left) = with(&json!({"k": value}), |bag| bag.whole("k"));
        assert_eq!(found, expected, "{value}");
        let odd = expected.is_none() && !is_empty(value);
        assert_eq!(left, if odd { vec![("draw.k".to_owned(), true)] } else { vec![] }, "{value}");
    }

    #[test]
    fn numbers_are_read_in_every_spelling() {
        number(&json!(300), Some(300));
        number(&json!("300"), Some(300));
        number(&json!(" 300.7 "), Some(300));
        number(&json!(-1), Some(-1));
        number(&json!(""), None);
        number(&json!(null), None);
        number(&json!("soon"), None);
        number(&json!("1e300"), None);
        number(&json!("NaN"), None);
        number(&json!([3]), None);
    }

    #[test]
    fn fractions_are_kept_where_they_matter() {
        for (value, expected) in [
            (json!(1.5), Some(1.5)),
            (json!(" 0.25 "), Some(0.25)),
            (json!(5), Some(5.0)),
            (json!("NaN"), None),
            (json!("inf"), None),
            (json!(true), None),
        ] {
            assert_eq!(with(&json!({"k": value}), |bag| bag.number("k")).0, expected, "{value}");
        }
    }

    #[test]
    fn flags_are_read_in_every_spelling() {
        for (value, expected) in
            [(json!(true), true), (json!("False"), false), (json!(0), false), (json!("开"), true)]
        {
            assert_eq!(with(&json!({"k": value}), |bag| bag.flag("k")).0, Some(expected), "{value}");
        }
        assert_eq!(with(&json!({"k": "maybe"}), |bag| bag.flag("k")).0, None);
    }

    #[test]
    fn lists_are_read_in_every_spelling() {
        for value in [json!(["a", "b"]), json!("a,b"), json!("a，b"), json!("a\nb\n"), json!([" a", "b "])] {
            assert_eq!(with(&json!({"k": value}), |bag| bag.texts("k")).0, ["a", "b"], "{value}");
        }
        assert_eq!(with(&json!({"k": [123, "456"]}), |bag| bag.texts("k")).0, ["123", "456"]);
        // Cookies hold the marks that divide other lists.
        assert_eq!(with(&json!({"k": ["1:a=b; c=d"]}), |bag| bag.lines("k")).0, ["1:a=b; c=d"]);
        assert_eq!(with(&json!({"k": "1:a=b; c=d\n\n2:e"}), |bag| bag.lines("k")).0, ["1:a=b; c=d", "2:e"]);
    }

    #[test]
    fn empty_values_are_nothing() {
        for value in [json!(null), json!("  "), json!({}), json!([])] {
            assert_eq!(with(&json!({"k": value}), |bag| bag.text("k")), (None, vec![]), "{value}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_left() {
        let value = json!({"a": 1, "b": {"c": 2}, "d": null});
        let ((), left) = with(&value, |bag| {
            bag.whole("a");
            bag.bag("b").unwrap();
        });
        assert_eq!(left, [("draw.d".to_owned(), false)]);
    }

    #[test]
    fn of_two_spellings_the_second_is_told() {
        let value = json!({"a": "", "b": "x", "c": "y", "d": ["z"]});
        let map = value.as_object().unwrap();
        let mut bag = Bag::new("", map);
        assert_eq!(bag.first_text(&["a", "b", "c", "d", "e"]), Some(("b", "x".to_owned())));
        let left: Vec<_> = bag.left().into_iter().map(|left| (left.place, left.odd, left.first)).collect();
        assert_eq!(left, [("c".to_owned(), false, Some("b".to_owned())), ("d".to_owned(), true, None)]);
    }

    #[test]
    fn fields_may_be_the_text_of_an_object() {
        for value in [json!({"quality": "high", "none": null}), json!("{\"quality\": \"high\"}")] {
            let (fields, _) = with(&json!({"k": value}), |bag| bag.fields("k"));
            assert_eq!(fields, [("quality".to_owned(), json!("high"))], "{value}");
        }
    }
}
