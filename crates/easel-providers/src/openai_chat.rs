//! Pictures through chat completions: `OpenRouter`'s chat route, and gateways in front of picture models.
//!
//! Facts: `OpenRouter` documentation, "Image Inputs" (the text part stands first) and "Multimodal: image generation"
//! (`modalities`, `image_config`); answers as gateways really send them, see [`crate::answer::candidates`].
//! Not obvious: a success may hold an error, a refusal in words, a clip, or an event stream that nobody asked for.

use easel_core::ports::{Output, Reference};
use serde_json::{Map, Value, json};

use crate::{
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::{Known, Sent},
    sizes,
};

/// References that gateways reliably take.
const MAX_REFERENCES: usize = 6;

/// The dialect.
pub(crate) struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn limits(&self, _: &str) -> Limits {
        Limits::new(MAX_REFERENCES, 1)
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let options = options(&settings.extra, &request.output, known);
        let sent = Sent::new(&options);
        let prompt = prompt(&request.prompt, &request.output, &options);
        let mut json = JsonRequest::new();
        let content = content(prompt, &request.references, &mut json);
        let mut body = Map::new();
        body.insert("model".to_owned(), settings.model.as_str().into());
        body.insert("messages".to_owned(), json!([{ "role": "user", "content": content }]));
        for (key, value) in options {
            body.entry(key).or_insert(value);
        }
        Draft { path: "chat/completions".into(), payload: json.finish(&Value::Object(body)), sent }
    }
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
fn options(extra: &Map<String, Value>, wish: &Output, known: &Known) -> Map<String, Value> {
    let mut options = Map::new();
    options.insert("modalities".to_owned(), json!(["image", "text"]));
    let mut config = Map::new();
    if let Some((width, height)) = sizes::ratio(wish) {
        config.insert("aspect_ratio".to_owned(), format!("{width}:{height}").into());
    }
    if let Some(tier) = wish.tier {
        config.insert("image_size".to_owned(), format!("{tier}K").into());
    }
    if !config.is_empty() {
        options.insert("image_config".to_owned(), config.into());
    }
    for (key, value) in extra {
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
    options.retain(|key, value| known.allows(key, value));
    options
}

/// The prompt, with the wished shape in words where the fields can't carry it.
fn prompt(prompt: &str, wish: &Output, options: &Map<String, Value>) -> String {
    let carried = options.contains_key("image_config");
    match (wish.size, sizes::ratio(wish), wish.tier) {
        (Some((width, height)), ..) => format!("{prompt}\n\n(Output image size: {width}x{height} pixels.)"),
        (None, Some((width, height)), _) if !carried => {
            format!("{prompt}\n\n(Output aspect ratio: {width}:{height}.)")
        }
        (None, None, Some(tier)) if !carried => format!("{prompt}\n\n(Output resolution: {tier}K.)"),
        _ => prompt.to_owned(),
    }
}
