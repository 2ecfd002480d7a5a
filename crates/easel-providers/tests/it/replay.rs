//! The samples of a wire, sent over its socket: every file of a folder has a row that says what comes of it.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use easel_core::error::ErrorClass;
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
    samples,
};
use serde_json::Value;

use crate::suite::{Bench, Wire};

/// What comes of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ends {
    /// In a picture: that of this place among the sample's pictures.
    With(usize),
    /// In a failure.
    As(ErrorClass),
}

/// Sends every sample of `folder` that has a row (name, status, end). The other files must begin with one of `others`:
/// requests, and answers of other wires.
pub(crate) async fn folder(wire: &Wire, folder: &str, rows: &[(&str, u16, Ends)], others: &[&str]) {
    for (file, _) in samples::all(folder) {
        let name = file.trim_end_matches(".json");
        let rows = rows.iter().filter(|(row, ..)| *row == name).count();
        let excused = others.iter().any(|start| name.starts_with(start));
        assert!((rows > 0) != excused, "{folder}/{name} has {rows} rows, excused: {excused}");
    }
    let bench = Bench::new(wire).await;
    for (name, status, end) in rows {
        let mut substitutes = Substitutes::default();
        let sample = substitutes.fill(samples::json(&format!("{folder}/{name}.json")), &bench.peer);
        bench.peer.answer(answer(*status, &sample));
        let made = bench.ask(&bench.words("一只猫")).await;
        match end {
            Ends::With(place) => {
                let made = made.unwrap_or_else(|error| panic!("{folder}/{name}: {error:?}"));
                assert_eq!(made, substitutes.pictures[*place..=*place], "{folder}/{name}");
            }
            Ends::As(class) => {
                let Err(error) = made else { panic!("{folder}/{name} ends in a picture") };
                assert_eq!(error.class, *class, "{folder}/{name}: {error:?}");
            }
        }
    }
    assert_eq!(bench.creates().len(), rows.len(), "{folder}: each is asked for once");
}

/// A sample as it goes over the line: a list of events as a stream.
fn answer(status: u16, sample: &Value) -> Answer {
    let is_stream =
        sample.as_array().is_some_and(|list| list.iter().all(|event| event.get("data").is_some()));
    if !is_stream {
        return Answer::json(status, sample);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut body = String::new();
    for event in sample.as_array().into_iter().flatten() {
        if let Some(kind) = event["event"].as_str() {
            body.extend(["event: ", kind, "\n"]);
        }
        body.extend(["data: ", &text(&event["data"]), "\n\n"]);
    }
    Answer::raw(status, "text/event-stream", body)
}

/// The samples hold pictures of one pixel, which are taken for placeholders, and links that lead nowhere.
#[derive(Default)]
struct Substitutes {
    pictures: Vec<Bytes>,
    links: HashMap<String, String>,
}

impl Substitutes {
    fn fill(&mut self, sample: Value, peer: &FakeProvider) -> Value {
        match sample {
            Value::String(text) if text.starts_with("iVBORw0KGgo") => STANDARD.encode(self.picture()).into(),
            Value::String(text) if text.contains(".example.invalid/") => {
                if !self.links.contains_key(&text) {
                    let link = peer.host_picture(self.picture());
                    self.links.insert(text.clone(), link);
                }
                self.links[&text].clone().into()
            }
            Value::Array(list) => list.into_iter().map(|entry| self.fill(entry, peer)).collect(),
            Value::Object(map) => map
                .into_iter()
                .map(|(key, value)| (key, self.fill(value, peer)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other,
        }
    }

    fn picture(&mut self) -> Bytes {
        let picture = pictures::png(64, 64, self.pictures.len() as u64);
        self.pictures.push(picture.clone());
        picture
    }
}
