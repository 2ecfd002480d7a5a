//! xAI's pictures: Grok Imagine, and the gateways that offer it.
//!
//! Facts: xAI API reference, "Image generation" and "Image edits"; guides "Image generation", "Multi-image editing" and
//! "Debugging errors".
//! Not obvious: edits are JSON, with `image` for one picture and `images` for two or three, never both; the shape is
//! `aspect_ratio` and `resolution` (lower case), there is no `size`; a withheld picture is an entry without a picture
//! in a success (and paid); errors have three shapes, and a wrong key may be a 400.
//!
//! `extra.form = "multipart"` sends edits as OpenAI's form with repeated `image`, as gateways of the kind of grok2api
//! want it. Every other field of `extra` goes to the request's top level (`quality`, `response_format`,
//! `aspect_ratio` and `resolution` while nobody wishes a shape).

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::{GenerateRequest, Operation, Output, Shapes, Usage},
};
use easel_http::Multipart;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, usage},
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, content},
    lessons::{Known, Sent},
    sizes,
};

/// References in one edit.
const MAX_REFERENCES: usize = 3;
/// Pictures per request.
const MAX_COUNT: u8 = 10;

/// How ratios are written, and what they are.
const RATIOS: &[(&str, (u32, u32))] = &[
    ("1:1", (1, 1)),
    ("3:4", (3, 4)),
    ("4:3", (4, 3)),
    ("9:16", (9, 16)),
    ("16:9", (16, 9)),
    ("2:3", (2, 3)),
    ("3:2", (3, 2)),
    ("9:19.5", (18, 39)),
    ("19.5:9", (39, 18)),
    ("9:20", (9, 20)),
    ("20:9", (20, 9)),
    ("1:2", (1, 2)),
    ("2:1", (2, 1)),
];
/// The largest `resolution` in K.
const LARGEST: u8 = 2;

/// `cost_in_usd_ticks` of one dollar.
const TICKS: f64 = 1e10;

/// The dialect.
pub(crate) struct Grok;

impl Dialect for Grok {
    fn limits(&self, _: &str) -> Limits {
        let shapes = Shapes::Ratios(RATIOS.iter().map(|(_, shape)| *shape).collect());
        Limits { tier: Some(LARGEST), shapes, ..Limits::new(MAX_REFERENCES, MAX_COUNT) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let mut extra = settings.extra.clone();
        let as_form = extra.remove("form").is_some_and(|form| form == "multipart");
        let mut fields = fields(extra, request, known);
        let sent = Sent::new(&fields);
        fields.retain(|key, value| known.allows(key, value));
        fields.insert("model".to_owned(), settings.model.as_str().into());
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        if request.operation == Operation::Generate {
            let payload = JsonRequest::new().finish(&Value::Object(fields));
            return Draft { path: "images/generations".into(), payload, sent };
        }
        let path = "images/edits".into();
        if as_form {
            return Draft { path, payload: Payload::Form(form(fields, request)), sent };
        }
        let mut json = JsonRequest::new();
        let mut pictures: Vec<Value> = request
            .references
            .iter()
            .map(|reference| json!({ "url": json.data_url(reference), "type": "image_url" }))
            .collect();
        if pictures.len() == 1 {
            fields.extend(pictures.pop().map(|picture| ("image".to_owned(), picture)));
        } else {
            fields.insert("images".to_owned(), pictures.into());
        }
        Draft { path, payload: json.finish(&Value::Object(fields)), sent }
    }

    #[expect(clippy::cast_precision_loss, reason = "a price below 900,000 dollars is exact")]
    fn usage(&self, answer: &Answer) -> Usage {
        let usage = usage::usage(&answer.skeleton);
        let ticks = answer.skeleton.pointer("/usage/cost_in_usd_ticks").and_then(Value::as_u64);
        Usage { cost: ticks.map(|ticks| ticks as f64 / TICKS).or(usage.cost), ..usage }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        match classify::failure(facts) {
            Some(failure) => Some(recognised(failure, facts.status)),
            None => withheld(facts),
        }
    }
}

/// Everything but model, prompt and pictures.
fn fields(extra: Map<String, Value>, request: &GenerateRequest, known: &Known) -> Map<String, Value> {
    let mut fields = extra;
    if request.count > 1 {
        fields.insert("n".to_owned(), request.count.into());
    }
    // A wish of the person wins over the owner's default.
    if let Some(ratio) = sizes::ratio(&request.output) {
        let taken = RATIOS.iter().filter(|(name, _)| !known.refuses("aspect_ratio", name));
        let name = sizes::closest(taken, |(_, shape)| *shape, ratio).map(|(name, _)| *name);
        fields.remove("aspect_ratio");
        fields.extend(name.map(|name| ("aspect_ratio".to_owned(), name.into())));
    }
    if let Some(resolution) = resolution(&request.output, known) {
        fields.insert("resolution".to_owned(), resolution.into());
    }
    fields
}

/// `resolution`; in place of one that was refused, the smaller one.
fn resolution(wish: &Output, known: &Known) -> Option<String> {
    let tier = wish.wished_tier()?.min(LARGEST);
    (1..=tier).rev().map(|tier| format!("{tier}k")).find(|name| !known.refuses("resolution", name))
}

/// The edit form of gateways. Fields first: those that read it as a stream need the model before the files.
fn form(fields: Map<String, Value>, request: &GenerateRequest) -> Multipart {
    let form = fields.into_iter().fold(Multipart::new(), |form, (name, value)| match value {
        Value::String(text) => form.text(&name, text),
        other => form.text(&name, other.to_string()),
    });
    request.references.iter().enumerate().fold(form, |form, (nth, reference)| {
        let format = reference.picture.format;
        let file_name = format!("image{}.{}", nth + 1, format.extension());
        form.file("image", &file_name, format.mime(), content(reference))
    })
}

/// A success in which every picture was withheld: entries that say so, or no entry at all.
fn withheld(facts: &Facts<'_>) -> Option<Failure> {
    let data = facts.answer.skeleton.get("data")?.as_array()?;
    let has_picture = |entry: &Value| {
        ["url", "b64_json", "file_output"]
            .iter()
            .any(|key| entry.get(key).is_some_and(|value| !value.is_null()))
    };
    let refused = data.iter().any(|entry| entry.get("respect_moderation") == Some(&Value::Bool(false)));
    if data.iter().any(has_picture) || !(refused || data.is_empty()) {
        return None;
    }
    let why = if refused { "respect_moderation is false" } else { "the list of pictures is empty" };
    let failure = classify::failure_at(facts, &json!({ "message": why }))?;
    Some(failure.recognised(ErrorClass::ModerationOutput, KeyVerdict::Fine))
}

/// How xAI says that its check refused the request.
pub(crate) const MODERATED: [&str; 4] =
    ["content moderation", "violates usage guidelines", "content violates", "safety_check_type"];
/// How it says that the team has no money left, with 403 and 429.
const SPENT: [&str; 4] = ["credit", "licens", "licenc", "spending"];

/// Sees what only xAI means by a refusal.
pub(crate) fn recognised(failure: Failure, status: u16) -> Failure {
    let message = failure.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    match failure.class {
        ErrorClass::Auth | ErrorClass::BadRequest if says(&MODERATED) => {
            let output = message.contains("generated image");
            let class = if output { ErrorClass::ModerationOutput } else { ErrorClass::ModerationInput };
            failure.recognised(class, KeyVerdict::Fine)
        }
        ErrorClass::Auth | ErrorClass::Rate if matches!(status, 403 | 429) && says(&SPENT) => {
            failure.recognised(ErrorClass::Quota, KeyVerdict::OutOfQuota)
        }
        _ => failure,
    }
}
