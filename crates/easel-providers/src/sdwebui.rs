//! The web UI of AUTOMATIC1111 and its relatives (Forge, `SD.Next`; stable-diffusion.cpp answers in the same shape),
//! started with `--api`: pictures from words, and one picture changed.
//!
//! Facts: Forge's `modules/api` (routes, models, errors) and `modules/processing`, which mirror A1111's.
//! Not obvious: the engine's own size for an edit is 512x512 whatever the picture's shape, so an edit always tells its
//! size; `info` in an answer is JSON inside a text, and empty on stable-diffusion.cpp; control maps and grids come among
//! the pictures; out of memory is a 500.
//!
//! No key is needed; `basic_auth` is what `--api-auth` wants. `model` names a checkpoint and may stay empty: then the
//! loaded one draws. The engine draws one picture after the other, so a long `timeout_seconds` is no mistake.
//!
//! `extra` goes into the request as it is, for example `negative_prompt`, `steps`, `cfg_scale`, `sampler_name`,
//! `scheduler`, `denoising_strength`, `styles`, `enable_hr`, `override_settings`. Besides:
//! - `width` and `height` are what the checkpoint was trained for: a wished shape gets as many pixels (1024x1024 where
//!   they are missing), a wished size wins.
//! - `allow_prompt_syntax = true` lets everybody's prompts use `<lora:…>`, `AND` and `BREAK`; otherwise they are words.

use std::borrow::Cow;

use easel_core::{error::ErrorClass, ports::Operation};
use easel_http::UrlStyle;
use serde_json::{Map, Value};

use crate::{
    answer::{
        Answer,
        candidates::{self, Choice},
    },
    classify::{self, Facts, Failure},
    control_words::{self, ALLOW},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::Sent,
    sizes,
};

/// Pictures per request; they are made one after the other.
const MAX_COUNT: u8 = 4;

/// What errors say that have nothing else to go by, in lower case: their class, and the parameter that they are about.
const SAID: &[(&str, ErrorClass, Option<&str>)] = &[
    ("init image not found", ErrorClass::BadRequest, None),
    ("invalid encoded image", ErrorClass::BadRequest, None),
    ("sampler not found", ErrorClass::BadRequest, Some("sampler_name")),
    ("unknown checkpoint", ErrorClass::NotFound, None),
    ("script '", ErrorClass::BadRequest, Some("script_name")),
    ("out of memory", ErrorClass::TooLarge, Some(SIZE)),
    ("not found", ErrorClass::NotFound, None),
];
/// The name under which a refusal speaks about width and height together.
const SIZE: &str = "size";
const OVERRIDES: &str = "override_settings";

/// The dialect.
pub(crate) struct SdWebUi;

impl Dialect for SdWebUi {
    fn address(&self) -> UrlStyle {
        UrlStyle::Bare
    }

    fn needs_model(&self) -> bool {
        false
    }

    fn needs_key(&self) -> bool {
        false
    }

    fn free(&self) -> bool {
        true
    }

    fn limits(&self, _: &str) -> Limits {
        Limits { tier: Some(sizes::ENGINE_TIER), ..Limits::new(1, MAX_COUNT) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut fields = fields(ask);
        let mut sent = Sent::new(&fields);
        if let (Some(width), Some(height)) = (fields.get("width"), fields.get("height")) {
            sent.measures(&format!("{width}x{height}"));
        }
        fields.insert("prompt".to_owned(), prompt(ask).into());
        let mut json = JsonRequest::new();
        let path = match (ask.request.operation, ask.request.references.first()) {
            (Operation::Edit, Some(reference)) => {
                fields.insert("init_images".to_owned(), vec![json.base64(reference)].into());
                "sdapi/v1/img2img"
            }
            _ => "sdapi/v1/txt2img",
        };
        Draft { path: path.into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let root = &facts.answer.skeleton;
        let said = |key: &str| root.get(key).and_then(Value::as_str).unwrap_or_default();
        // Errors in a list name their field, which the common reading finds.
        if (200..300).contains(&facts.status) || root.get("detail").is_some_and(Value::is_array) {
            return classify::failure(facts);
        }
        let message =
            [said("detail"), said("errors"), said("error")].into_iter().find(|said| !said.is_empty());
        let Some(message) = message else { return classify::failure(facts) };
        let failure = classify::told_in_words(facts, facts.status, said("error"), message);
        let lower = failure.message.to_lowercase();
        let out_of_memory = failure.code == "outofmemoryerror";
        let meant = SAID
            .iter()
            .find(|(words, ..)| lower.contains(words) || out_of_memory && *words == "out of memory");
        Some(match meant {
            Some((_, class, param)) if !matches!(facts.status, 401 | 403) => {
                let mut failure = failure.judged(*class, facts);
                failure.param = param.map(str::to_owned);
                failure
            }
            _ => failure,
        })
    }

    fn choose(&self, answer: &Answer) -> Choice {
        let mut choice = candidates::choose(answer);
        let info = answer.skeleton.get("info").and_then(Value::as_str).unwrap_or_default();
        if let Ok(info) = serde_json::from_str::<Value>(info) {
            let first = info.get("index_of_first_image").and_then(Value::as_u64).unwrap_or(0);
            let first = usize::try_from(first).unwrap_or(0);
            let count = info.get("all_seeds").and_then(Value::as_array).map_or(0, Vec::len);
            // Where the numbers don't fit the pictures, all of them are the result.
            if count > 0 && first + count <= choice.found.len() {
                choice.found.drain(..first);
                choice.found.truncate(count);
            }
        }
        choice
    }
}

/// The prompt, as the owner lets people write it.
fn prompt<'a>(ask: &Ask<'a>) -> Cow<'a, str> {
    let prompt: &'a str = &ask.request.prompt;
    match ask.settings.extra.get(ALLOW) {
        Some(Value::Bool(true)) => prompt.into(),
        _ => control_words::tamed(prompt).into(),
    }
}

/// Everything but the prompt and the picture.
fn fields(ask: &Ask<'_>) -> Map<String, Value> {
    let (extra, known) = (&ask.settings.extra, ask.known);
    let own = |key: &str| extra.get(key).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
    let native = own("width").zip(own("height"));
    let mut fields = extra.clone();
    fields.remove(ALLOW);
    let reference = ask.request.references.first().filter(|_| ask.request.operation == Operation::Edit);
    let frame = reference.map(|reference| (reference.picture.width, reference.picture.height));
    let fit = |shape, pixels| sizes::bounded(shape, (pixels, pixels), sizes::ENGINE_BLOCK);
    let refused = |(width, height)| known.refuses_size(&format!("{width}x{height}"));
    if let Some((width, height)) = sizes::engine(&ask.request.output, frame, native, fit, refused) {
        fields.insert("width".to_owned(), width.into());
        fields.insert("height".to_owned(), height.into());
    } else {
        fields.remove("width");
        fields.remove("height");
    }
    if ask.request.count > 1 {
        fields.insert("n_iter".to_owned(), ask.request.count.into());
    }
    if !ask.settings.model.is_empty() {
        let overrides = fields.entry(OVERRIDES).or_insert_with(|| Map::new().into());
        if let Some(overrides) = overrides.as_object_mut() {
            overrides.entry("sd_model_checkpoint").or_insert_with(|| ask.settings.model.as_str().into());
        }
    }
    fields.retain(|key, value| known.allows(key, value));
    fields
}
