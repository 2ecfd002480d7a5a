//! Pictures through chat completions: `OpenRouter`'s chat route, and gateways in front of picture models.
//!
//! Facts: `OpenRouter` documentation, "Image Inputs" (the text part stands first) and "Multimodal: image generation"
//! (`modalities`, `image_config`); answers as gateways really send them, see [`crate::answer::candidates`].
//! Not obvious: a success may hold an error, a refusal in words, a clip, or an event stream that nobody asked for.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use easel_core::{
    error::{ErrorClass, ProviderError},
    ports::{CallContext, Capabilities, Generated, ImageProvider, ImageRequest, Output},
};
use easel_http::HttpClients;
use serde_json::{Map, Value, json};

use crate::{
    config::ProviderSection,
    exchange::Wire,
    lessons::{Known, Lessons},
    references,
    registry::BuildError,
    sizes,
};

/// References that gateways reliably take.
const MAX_REFERENCES: usize = 6;

struct OpenAiChat {
    wire: Wire,
    model: String,
    edit: bool,
    extra: Map<String, Value>,
    lessons: Lessons,
}

pub(crate) fn build(
    name: &str,
    section: &ProviderSection,
    clients: &HttpClients,
) -> Result<Arc<dyn ImageProvider>, BuildError> {
    Ok(Arc::new(OpenAiChat {
        wire: Wire::new(name, section, clients)?,
        model: section.model.trim().to_owned(),
        edit: section.supports_edit.unwrap_or(true),
        extra: section.extra.clone().into_iter().collect(),
        lessons: Lessons::default(),
    }))
}

#[async_trait]
impl ImageProvider for OpenAiChat {
    fn name(&self) -> &str {
        &self.wire.name
    }

    fn kind(&self) -> &'static str {
        "openai_chat"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            generate: true,
            edit: self.edit,
            max_references: MAX_REFERENCES,
            max_count: 1,
            needs_key: self.wire.needs_key,
            paid: self.wire.paid,
        }
    }

    async fn generate(&self, request: &ImageRequest, cx: &CallContext) -> Result<Generated, ProviderError> {
        let broken = |error: &dyn std::error::Error| {
            ProviderError::new(&*self.wire.name, ErrorClass::BadRequest, error.to_string())
        };
        let known = self.lessons.known();
        let pictures = references::bytes(&request.references).await.map_err(|error| broken(&error))?;
        let urls: Vec<Bytes> = request
            .references
            .iter()
            .zip(&pictures)
            .map(|(reference, bytes)| data_url(reference.picture.format.mime(), bytes))
            .collect();
        let options = options(&self.extra, &request.output, &known);
        let sent: BTreeSet<String> = options.keys().cloned().collect();
        let prompt = prompt(&request.prompt, &request.output, &options);
        let body = body(&self.model, &prompt, urls, options).map_err(|error| broken(&error))?;
        let call = self.wire.post("chat/completions", cx).body("application/json", body);
        self.wire.draw(call, &request.prompt, cx, |failure| self.lessons.learn(failure, &sent)).await
    }
}

/// Everything but model and messages. Pure.
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
    options.retain(|key, _| !known.dropped.contains(key));
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

fn data_url(mime: &str, bytes: &[u8]) -> Bytes {
    let mut url = format!("data:{mime};base64,").into_bytes();
    url.reserve_exact(base64_simd::STANDARD.encoded_length(bytes.len()));
    base64_simd::STANDARD.encode_append(bytes, &mut url);
    url.into()
}

/// The body as segments: words through the JSON writer, pictures past it, because nothing in base64 needs escaping.
fn body(
    model: &str,
    prompt: &str,
    urls: Vec<Bytes>,
    options: Map<String, Value>,
) -> Result<Vec<Bytes>, serde_json::Error> {
    let mut segments = vec![Bytes::from(format!(
        "{{\"model\":{},\"messages\":[{{\"role\":\"user\",\"content\":",
        serde_json::to_string(model)?
    ))];
    let text = serde_json::to_string(prompt)?;
    if urls.is_empty() {
        segments.push(text.into());
    } else {
        segments.push(format!("[{{\"type\":\"text\",\"text\":{text}}}").into());
        for url in urls {
            segments.push(Bytes::from_static(b",{\"type\":\"image_url\",\"image_url\":{\"url\":\""));
            segments.push(url);
            segments.push(Bytes::from_static(b"\"}}"));
        }
        segments.push(Bytes::from_static(b"]"));
    }
    segments.push(Bytes::from_static(b"}]"));
    for (key, value) in options {
        if key != "model" {
            segments.push(format!(",{}:{value}", serde_json::to_string(&key)?).into());
        }
    }
    segments.push(Bytes::from_static(b"}"));
    Ok(segments)
}
