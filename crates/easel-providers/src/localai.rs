//! `LocalAI`'s drawing back ends.
//!
//! Facts: `LocalAI` documentation, "Image generation", and its source of the route. It has OpenAI's route for
//! generations and none for edits: references go as base64 with the same route. A prompt is `positive|negative`, so a
//! `|` of a person would cut their own prompt, and is disarmed, as are `LoRA` tags ([`control_words`]). Links lead to the
//! server's own disk.
//!
//! The size is asked for as [`own_engines`] says.
//!
//! `extra` goes out as it is (`size`, `step`, `response_format`, `quality` …), except:
//! - `negative`: what must not be in pictures; it goes behind the prompt.
//! - `references`: `"ref_images"` (unset), for models that edit by words; `"file"`: the first reference is what the
//!   model starts from (img2img), and the only one.
//! - `mask = "last"`: as in [`openai_images`]; such requests go to the route for inpainting.

use easel_core::ports::{Operation, Reference};
use easel_http::Multipart;
use serde_json::{Map, Value};

use crate::{
    control_words,
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, content},
    lessons::Sent,
    openai_images, own_engines,
};

const OWN: [&str; 3] = ["negative", "references", "mask"];

/// The dialect.
pub(crate) struct LocalAi;

impl Dialect for LocalAi {
    fn free(&self) -> bool {
        true
    }

    fn limits(&self, _: &str) -> Limits {
        own_engines::limits()
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let (request, extra) = (ask.request, &ask.settings.extra);
        let mut fields = own_engines::fields(ask, prompt(&request.prompt, extra), &OWN);
        if request.operation != Operation::Edit {
            return openai_images::generation(fields);
        }
        if let (references, Some(mask)) = openai_images::masked(extra, &request.references)
            && let Some(first) = references.first()
        {
            return inpainting(&fields, first, mask);
        }
        let sent = Sent::new(&fields);
        let mut json = JsonRequest::new();
        let from_file = extra.get("references").and_then(Value::as_str) == Some("file");
        if let (true, Some(first)) = (from_file, request.references.first()) {
            fields.insert("file".to_owned(), json.base64(first).into());
        } else {
            let references: Vec<Value> =
                request.references.iter().map(|reference| json.base64(reference).into()).collect();
            fields.insert("ref_images".to_owned(), references.into());
        }
        Draft { path: "images/generations".into(), payload: json.finish(&Value::Object(fields)), sent }
    }
}

/// The route takes these four parts and nothing else.
fn inpainting(fields: &Map<String, Value>, image: &Reference, mask: &Reference) -> Draft {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let file = |form: Multipart, name: &str, reference: &Reference| {
        let format = reference.picture.format;
        form.file(name, &format!("{name}.{}", format.extension()), format.mime(), content(reference))
    };
    let form = Multipart::new().text("model", text("model")).text("prompt", text("prompt"));
    let form = file(file(form, "image", image), "mask", mask);
    Draft { path: "images/inpainting".into(), payload: Payload::Form(form), sent: Sent::default() }
}

fn prompt(words: &str, extra: &Map<String, Value>) -> String {
    let words = control_words::without_tags(words);
    let words = control_words::without_bars(&words);
    match extra.get("negative").and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        Some(negative) => format!("{words}|{negative}"),
        None => words.into_owned(),
    }
}
