//! The list of models of an OpenAI-compatible service, and which of them make pictures.

use std::time::Duration;

use easel_core::ports::ApiKey;
use easel_http::{BaseUrl, HttpClients, HttpError, ProviderTimeouts, body_head};
use serde_json::Value;

use crate::registry::BuildError;

/// Longest wait for the list.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest list.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Parts of model names that mean "makes pictures", in lower case.
const IMAGE_CAPABLE: &[&str] = &[
    "gpt-image",
    "chatgpt-image",
    "dall-e",
    "dalle",
    "flux",
    "stable-diffusion",
    "sdxl",
    "sd3",
    "seedream",
    "seededit",
    "imagen",
    "kolors",
    "qwen-image",
    "z-image",
    "hunyuan-image",
    "cogview",
    "nano-banana",
    "midjourney",
    "mj_",
    "ideogram",
    "recraft",
    "jimeng",
    "imagine",
    "-image",
    "image-",
];
/// Parts that mean the opposite, whatever else the name says.
const NOT_CAPABLE: &[&str] = &[
    "video",
    "i2v",
    "vision",
    "caption",
    "embed",
    "moderation",
    "image-to-text",
    "ocr",
    "rerank",
    "upscale",
];

/// Why the list could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// The client can't be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The call failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The service answered another status than 200, or something else than a list.
    #[error("the model list was answered with status {status}: {head}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of the answer, redacted.
        head: String,
    },
}

/// The ids of a list as OpenAI, its followers and Gemini (`models/…`) write it; `None` when it is none.
pub(super) fn read(body: &[u8]) -> Option<Vec<String>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    let entries = list.get("data").or_else(|| list.get("models"))?.as_array()?;
    let id = |entry: &Value| {
        let id = entry.get("id").or_else(|| entry.get("name"))?.as_str()?;
        Some(id.strip_prefix("models/").unwrap_or(id).to_owned())
    };
    entries.iter().map(id).collect()
}

/// The ids of the models that the service lists, in its order.
///
/// # Errors
/// [`ModelsError`].
pub async fn list(
    clients: &HttpClients,
    proxy: &str,
    base: &BaseUrl,
    key: Option<&ApiKey>,
) -> Result<Vec<String>, ModelsError> {
    let http = clients.provider(proxy, ProviderTimeouts::new(PATIENCE)).map_err(BuildError::from)?;
    let call = http.get(base.join("models")).within(PATIENCE).max_answer_bytes(MAX_BYTES);
    let call = match key {
        Some(key) => call.bearer(&key.secret),
        None => call,
    };
    let mut response = call.send().await?;
    let status = response.status.as_u16();
    let body = response.body.read_all(MAX_BYTES).await?;
    match read(&body) {
        Some(ids) if status == 200 => Ok(ids),
        _ => Err(ModelsError::Refused { status, head: body_head(&body) }),
    }
}

/// The first id of the list that makes pictures.
pub fn first_image_capable<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    ids.into_iter().find(|id| {
        let id = id.to_ascii_lowercase();
        IMAGE_CAPABLE.iter().any(|part| id.contains(part))
            && !NOT_CAPABLE.iter().any(|part| id.contains(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_both_spellings() {
        let check = |body: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        };
        check(r#"{"object":"list","data":[{"id":"a","name":"A"},{"id":"b"}]}"#, Some(&["a", "b"]));
        check(r#"{"models":[{"name":"models/gemini-3-pro-image"}]}"#, Some(&["gemini-3-pro-image"]));
        check(r#"{"error":"no"}"#, None);
        check(r#"{"data":[{"b64_json":"AAAA"}]}"#, None);
        check("<html>", None);
    }

    #[test]
    fn the_first_capable_model_is_found() {
        let check = |ids: &[&str], expected| assert_eq!(first_image_capable(ids.iter().copied()), expected);
        check(&["gpt-5", "text-embedding-3", "gpt-image-2", "dall-e-3"], Some("gpt-image-2"));
        check(&["grok-imagine-video", "google/gemini-3-pro-image"], Some("google/gemini-3-pro-image"));
        check(&["black-forest-labs/FLUX.1-dev"], Some("black-forest-labs/FLUX.1-dev"));
        check(&["gpt-5", "llama-vision-image"], None);
        check(&[], None);
    }
}
