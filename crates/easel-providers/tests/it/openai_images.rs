//! OpenAI's Images API.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_testkit::provider::{Answer, FakeProvider};
use serde_json::{Value, json};

use crate::suite::{Shown, Wire};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    Wire::new("openai_images", "gpt-image-2", success)
}

/// A success of the Images API, which other kinds share.
pub(crate) fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let entry = |shown: &Shown| match shown {
        Shown::Inline(bytes) => json!({ "b64_json": STANDARD.encode(bytes) }),
        Shown::Link(link) => json!({ "url": link }),
    };
    let data: Vec<Value> = results.iter().map(entry).collect();
    let usage = json!({ "total_tokens": 1072, "input_tokens": 16, "output_tokens": 1056 });
    vec![Answer::json(200, &json!({ "created": 1_789_000_000, "data": data, "usage": usage }))]
}
