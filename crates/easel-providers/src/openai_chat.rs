//! Pictures through chat completions: `OpenRouter`'s chat route, and gateways in front of picture models.
//!
//! Facts: `OpenRouter` documentation, "Image Inputs" (the text part stands first) and "Multimodal: image generation"
//! (`modalities`, `image_config`); answers as gateways really send them, see [`crate::answer::candidates`].
//! Not obvious: a success may hold an error, a refusal in words, a clip, or an event stream that nobody asked for.
//! Shapes go in `image_config` (ratio and tier); exact pixels, for which no field exists, are told in words as well, and
//! so is everything when `image_config` was refused or switched off. That a picture is wished is told by `modalities`, and
//! in words where those were refused or switched off, or when the job was answered without a picture before.
//!
//! `extra` goes out as it is (`stream`, `provider`, `temperature` …), except:
//! - `system`: a system message before the prompt, for gateways whose model must be told to draw; it stands for those words.
//! - `modalities` replaces the model's own; `false` sends none.
//! - `image_config` is completed by the person's wish; `false` sends none.

use easel_core::ports::{Output, Reference, Shapes};
use serde_json::{Map, Value, json};

use crate::{
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::{Known, Sent},
    rows, sizes,
};
use easel_core::error::{ErrorClass, Retry};

/// References that gateways reliably take.
const MAX_REFERENCES: usize = 6;

/// Vendors and families, by the beginnings of their whole names, whose models answer with pictures only: asked for
/// words too, `OpenRouter` finds no endpoint. All others get both.
const PICTURES_ONLY: [&str; 5] =
    ["black-forest-labs/", "sourceful/", "bytedance-seed/seedream", "recraft/", "x-ai/grok-imagine"];

/// Ratios that picture models behind chats take (Google, Gemini API, "Image generation": `aspectRatio`).
const RATIOS: &[(u32, u32)] =
    &[(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];

/// How `OpenRouter` says that a model makes pictures only (or none): a matter of `modalities`, not of the model.
const OTHER_MODALITIES: &str = "requested output modalities";

pub(crate) const MODALITIES: &str = "modalities";
pub(crate) const IMAGE_CONFIG: &str = "image_config";
const SYSTEM: &str = "system";
/// What stands for `modalities` where they can't be sent.
const ONE_PICTURE: &str = "\n\n(Answer with exactly one Markdown image and nothing else.)";

/// The dialect.
pub(crate) struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn limits(&self, model: &str) -> Limits {
        let shapes = Shapes::Ratios(RATIOS.into());
        Limits { tier: rows::tier(model), shapes, ..Limits::new(MAX_REFERENCES, 1) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut json = JsonRequest::new();
        let (body, sent) = body(ask, &mut json);
        Draft { path: "chat/completions".into(), payload: json.finish(&Value::Object(body)), sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let mut failure = classify::failure(facts)?;
        if failure.class == ErrorClass::NotFound && failure.message.contains(OTHER_MODALITIES) {
            failure.class = ErrorClass::BadRequest;
            failure.retry = Retry::NextProvider;
            failure.param = Some(MODALITIES.to_owned());
        }
        Some(failure)
    }
}

/// The whole body, its pictures in `json`.
pub(crate) fn body(ask: &Ask<'_>, json: &mut JsonRequest) -> (Map<String, Value>, Sent) {
    let &Ask { settings, request, known, .. } = ask;
    let options = options(&settings.model, &settings.extra, &request.output, known);
    let sent = Sent::new(&options);
    let mut prompt = prompt(&request.prompt, &request.output, options.contains_key(IMAGE_CONFIG));
    let system = settings.extra.get(SYSTEM).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    if known.insist || (system.is_none() && !options.contains_key(MODALITIES)) {
        prompt.push_str(ONE_PICTURE);
    }
    let content = content(prompt, &request.references, json);
    let messages: Vec<Value> = system
        .map(|text| json!({ "role": "system", "content": text }))
        .into_iter()
        .chain([json!({ "role": "user", "content": content })])
        .collect();
    let mut body = Map::new();
    body.insert("model".to_owned(), settings.model.as_str().into());
    body.insert("messages".to_owned(), messages.into());
    for (key, value) in options {
        body.entry(key).or_insert(value);
    }
    (body, sent)
}

/// The words, and the pictures behind them. Words alone stay a plain text, which every gateway understands.
fn content(prompt: String, references: &[Reference], json: &mut JsonRequest) -> Value {
    if references.is_empty() {
        return prompt.into();
    }
    let text = json!({ "type": "text", "text": prompt });
    let picture =
        |reference| json!({ "type": "image_url", "image_url": { "url": json.data_url(reference) } });
    std::iter::once(text).chain(references.iter().map(picture)).collect()
}

/// Everything but model and messages.
fn options(model: &str, extra: &Map<String, Value>, wish: &Output, known: &Known) -> Map<String, Value> {
    let mut options = Map::new();
    let name = model.to_ascii_lowercase();
    let pictures_only = PICTURES_ONLY.iter().any(|start| name.starts_with(start));
    let modalities = if pictures_only { json!(["image"]) } else { json!(["image", "text"]) };
    options.insert(MODALITIES.to_owned(), modalities);
    let mut config = Map::new();
    if let Some((width, height)) = sizes::nearest_ratio(RATIOS, wish) {
        config.insert("aspect_ratio".to_owned(), format!("{width}:{height}").into());
    }
    // 1K is every model's default, and exact pixels stand for it too often to send it.
    if let Some(tier) = wish.tier.or_else(|| wish.wished_tier().filter(|tier| *tier > 1)) {
        config.insert("image_size".to_owned(), format!("{tier}K").into());
    }
    if !config.is_empty() {
        options.insert(IMAGE_CONFIG.to_owned(), config.into());
    }
    for (key, value) in extra.iter().filter(|(key, _)| *key != SYSTEM) {
        match (options.get_mut(key), value) {
            // The owner's fields complete the person's wish and never replace it.
            (Some(Value::Object(mine)), Value::Object(theirs)) => {
                for (key, value) in theirs {
                    mine.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            _ => {
                options.insert(key.clone(), value.clone());
            }
        }
    }
    let switched_off =
        |key: &str, value: &Value| matches!(key, MODALITIES | IMAGE_CONFIG) && *value == Value::Bool(false);
    options.retain(|key, value| known.allows(key, value) && !switched_off(key, value));
    options
}

/// The prompt, with the wished shape in words where the fields can't carry it.
fn prompt(prompt: &str, wish: &Output, carried: bool) -> String {
    match (wish.size, wish.ratio, wish.tier) {
        (Some((width, height)), ..) => format!("{prompt}\n\n(Output image size: {width}x{height} pixels.)"),
        (None, Some((width, height)), tier) if !carried => {
            let tier = tier.map(|tier| format!(", resolution: {tier}K")).unwrap_or_default();
            format!("{prompt}\n\n(Output aspect ratio: {width}:{height}{tier}.)")
        }
        (None, None, Some(tier)) if !carried => format!("{prompt}\n\n(Output resolution: {tier}K.)"),
        _ => prompt.to_owned(),
    }
}
