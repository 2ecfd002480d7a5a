//! Pictures through chat completions: `OpenRouter`'s chat route, and gateways in front of picture models.
//!
//! Facts: `OpenRouter` documentation, "Image Inputs" (the text part stands first) and "Multimodal: image generation"
//! (`modalities`, `image_config`); answers as gateways really send them, see [`crate::answer::candidates`].
//! Not obvious: a success may hold an error, a refusal in words, a clip, or an event stream that nobody asked for.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use easel_core::{
    error::{ErrorClass, ProviderError},
    media::{BytesBudget, Hold},
    ports::{CallContext, Capabilities, Generated, ImageProvider, ImageRequest, Output},
};
use easel_http::HttpClients;
use serde_json::{Map, Value, json};

use crate::{
    config::ProviderSection,
    exchange::Wire,
    lessons::{Known, Lessons, Sent},
    references,
    registry::BuildError,
    sizes,
};

/// References that gateways reliably take.
const MAX_REFERENCES: usize = 6;
/// Bytes of a picture per piece of base64; divisible by three, so that no piece but the last one is padded.
const PIECE_BYTES: usize = 192 * 1024;

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
        let mut pictures = Vec::with_capacity(request.references.len());
        for reference in &*request.references {
            // One after the other, so that no more than one is in memory both ways.
            let bytes =
                references::bytes(std::slice::from_ref(reference)).await.map_err(|error| broken(&error))?;
            let mime = reference.picture.format.mime();
            pictures.push(data_url(mime, bytes.first().map_or(&[], |bytes| bytes), cx.spool.budget()));
        }
        let options = options(&self.extra, &request.output, &known);
        let sent = Sent::new(&options);
        let prompt = prompt(&request.prompt, &request.output, &options);
        let body = body(&self.model, &prompt, pictures, options).map_err(|error| broken(&error))?;
        let call = self.wire.post("chat/completions", cx).body("application/json", body);
        self.wire.draw(call, request, cx, |failure| self.lessons.learn(failure, &sent)).await
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

/// Base64 together with its share of the byte budget.
struct Counted {
    base64: Vec<u8>,
    _hold: Option<Hold>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.base64
    }
}

/// A data URL in pieces, each of which is freed as soon as it is sent. They are counted where the budget has room;
/// waiting for room could stop two jobs that hold their references for ever.
fn data_url(mime: &str, picture: &[u8], budget: &BytesBudget) -> Vec<Bytes> {
    let mut pieces = vec![Bytes::from(format!("data:{mime};base64,"))];
    pieces.extend(picture.chunks(PIECE_BYTES).map(|chunk| {
        let length = base64_simd::STANDARD.encoded_length(chunk.len());
        let hold = budget.try_take(length as u64);
        let mut base64 = Vec::with_capacity(length);
        base64_simd::STANDARD.encode_append(chunk, &mut base64);
        Bytes::from_owner(Counted { base64, _hold: hold })
    }));
    pieces
}

/// The body as segments: words through the JSON writer, pictures past it, because nothing in base64 needs escaping.
fn body(
    model: &str,
    prompt: &str,
    urls: Vec<Vec<Bytes>>,
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
            segments.extend(url);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(length: usize, budget: u64) {
        let picture: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let budget = BytesBudget::new(budget);
        let free = budget.free();
        let pieces = data_url("image/png", &picture, &budget);
        let base64: usize = pieces.iter().skip(1).map(Bytes::len).sum();
        let room = usize::try_from(free - budget.free()).unwrap();
        let counted = room >= base64 || budget.free() < 4 * PIECE_BYTES as u64 / 3;
        assert!(counted, "{room} of {base64} bytes are counted");
        let body = body("m", "p", vec![pieces], Map::new()).unwrap().concat();
        assert_eq!(budget.free(), free, "sent bytes are given back");
        let body: Value = serde_json::from_slice(&body).unwrap();
        let url = body.pointer("/messages/0/content/1/image_url/url").and_then(Value::as_str).unwrap();
        let base64 = url.strip_prefix("data:image/png;base64,").unwrap();
        assert!(base64_simd::STANDARD.decode_to_vec(base64).unwrap() == picture);
    }

    #[test]
    fn data_urls_are_whole_and_counted() {
        for length in [1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 500] {
            check(length, 64 << 20);
            // Too little room is no reason to fail.
            check(length, 300 << 10);
            check(length, 4096);
        }
    }
}
