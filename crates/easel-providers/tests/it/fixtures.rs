//! The samples of the testkit, replayed.

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

/// What a sample must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many pictures.
    Pictures(usize),
    /// With this status it is a failure of this class.
    Fails(u16, ErrorClass),
    /// It is no answer of this wire: a request, another route, another kind.
    Elsewhere,
}

/// Replays every sample of a folder. Each file must be in the table, so that a new sample can't be forgotten.
pub(crate) async fn replay(folder: &str, wire: &Wire, table: &[(&str, Outcome)]) {
    let bench = Bench::new(wire).await;
    let mut names: Vec<_> = samples::all(folder).into_iter().map(|(name, _)| name).collect();
    for (name, outcome) in table {
        let file = format!("{name}.json");
        assert!(names.contains(&file), "no sample {folder}/{file}");
        names.retain(|name| *name != file);
        let path = format!("{folder}/{file}");
        let request = bench.words("一只猫");
        match *outcome {
            Outcome::Pictures(count) => {
                let (body, expected) = with_pictures(&bench.peer, samples::json(&path));
                bench.peer.answer(Answer::json(200, &body));
                let wished = u8::try_from(count).unwrap();
                let request = easel_core::ports::GenerateRequest { count: wished, ..request };
                let made = bench.ask(&request).await.unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!((made.len(), &made), (count, &expected), "{path}");
            }
            Outcome::Fails(status, class) => {
                bench.peer.answer(Answer::sample(status, &path));
                let error = bench.refuses(&request).await;
                assert_eq!(error.class, class, "{path}: {error:?}");
            }
            Outcome::Elsewhere => {}
        }
    }
    assert!(names.is_empty(), "{folder} has samples that nobody judges: {names:?}");
}

/// The sample with a real picture for each of its pictures, in their order.
fn with_pictures(peer: &FakeProvider, mut sample: Value) -> (Value, Vec<Bytes>) {
    let mut made = Vec::new();
    fill(peer, &mut sample, &mut made);
    (sample, made)
}

fn fill(peer: &FakeProvider, value: &mut Value, made: &mut Vec<Bytes>) {
    match value {
        Value::String(text) if text.contains("iVBORw0KGgo") || text.starts_with("https://") => {
            let picture = pictures::png(64, 64, 900 + u64::try_from(made.len()).unwrap());
            *text = if text.starts_with("https://") {
                peer.host_picture(picture.clone())
            } else {
                STANDARD.encode(&picture)
            };
            made.push(picture);
        }
        Value::Array(list) => list.iter_mut().for_each(|value| fill(peer, value, made)),
        Value::Object(map) => map.values_mut().for_each(|value| fill(peer, value, made)),
        _ => {}
    }
}
