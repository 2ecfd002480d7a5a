//! Where a service has its list of models, how that is read, and which of them make pictures: data per kind.
//!
//! A list is free. It tells what is there; that a model is not in it proves little, because services leave some out.

use std::{borrow::Cow, time::Duration};

use easel_core::ports::ApiKey;
use easel_http::{BaseUrl, HttpClients, HttpError, ProviderTimeouts, body_head};
use serde_json::Value;

use crate::{
    dialect::Dialect,
    registry::{BuildError, Kind},
};

/// Longest wait for the list.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest list.
pub(super) const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Where a kind has its list, and how it is read.
#[derive(Clone, Copy)]
pub(crate) struct Listing {
    /// Below the base address, with its query.
    path: &'static str,
    /// Reads the names of models out of the list; entries without one don't count. `None` when it is no list.
    pub(crate) read: fn(&Value) -> Option<Vec<String>>,
    /// It is there for everybody, so that an answer says nothing about a key.
    pub(crate) open: bool,
}

const OPENAI: Listing = Listing { path: "models", read: names, open: false };

impl Listing {
    /// The path, or that of the profile which the owner wrote.
    pub(crate) fn path<'a>(&self, profiled: bool, dialect: &'a dyn Dialect) -> Cow<'a, str> {
        if profiled { dialect.models() } else { self.path.into() }
    }
}

/// The list of a kind at `host`; `None` where there is none.
///
/// Sources: OpenAI API reference, "List models"; Google, Gemini API, "Models"; `OpenRouter`, "Image API" (its lists need
/// no key); Gitee AI (neither does its); stable-diffusion-webui, `/docs`. A list that is open to everybody at one host
/// is not so at a gateway of the same kind.
pub(crate) fn listing(kind: Kind, host: &str) -> Option<Listing> {
    let open =
        ["openrouter.ai", "ai.gitee.com", "api.moark.com", "api-inference.modelscope.cn"].contains(&host);
    Some(match kind {
        Kind::Jimeng | Kind::DashScope | Kind::ComfyUi | Kind::Sketch => return None,
        Kind::OpenRouterImages => Listing { path: "images/models", open: true, ..OPENAI },
        Kind::GeminiNative => Listing { path: "models?pageSize=1000", open, ..OPENAI },
        Kind::SdWebUi => Listing { path: "sdapi/v1/sd-models", read: checkpoints, open: true },
        Kind::SdCpp | Kind::LocalAi => Listing { open: true, ..OPENAI },
        _ => Listing { open, ..OPENAI },
    })
}

/// `data[].id`, or Google's `models[].name`; gateways answer a bare list as well. Google's names stand behind `models/`.
fn names(list: &Value) -> Option<Vec<String>> {
    let entries = list.get("data").or_else(|| list.get("models")).unwrap_or(list).as_array()?;
    let name = |entry: &Value| {
        let name = entry.get("id").or_else(|| entry.get("name")).unwrap_or(entry).as_str()?;
        Some(name.strip_prefix("models/").unwrap_or(name).to_owned())
    };
    let names: Vec<_> = entries.iter().filter_map(name).collect();
    // A list of something else.
    (entries.is_empty() || !names.is_empty()).then_some(names)
}

/// A checkpoint is chosen by its title or its shorter name, so both are models.
fn checkpoints(list: &Value) -> Option<Vec<String>> {
    let names = list.as_array()?.iter().flat_map(|entry| [entry.get("model_name"), entry.get("title")]);
    Some(names.flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Whether an answer is a list whatever else its words say: models may be called anything.
pub(crate) fn is_list(value: Option<&Value>) -> bool {
    value.and_then(names).is_some_and(|list| !list.is_empty())
}

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

/// The ids of the models that an OpenAI-compatible service lists, in its order.
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
    let call = http.get(base.join(OPENAI.path)).within(PATIENCE).max_answer_bytes(MAX_BYTES);
    let call = match key {
        Some(key) => call.bearer(&key.secret),
        None => call,
    };
    let mut response = call.send().await?;
    let status = response.status.as_u16();
    let body = response.body.read_all(MAX_BYTES).await?;
    let list = serde_json::from_slice(&body).ok();
    match list.as_ref().and_then(OPENAI.read) {
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
    use easel_testkit::samples;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: Kind, list: &Value, expected: &[&str]) {
        let read = listing(kind, "gateway.example").unwrap().read;
        assert_eq!(read(list).unwrap(), expected, "{kind:?}");
    }

    #[test]
    fn every_kind_reads_its_own_list() {
        check(
            Kind::OpenAiImages,
            &samples::json("openai/models_ok.json"),
            &["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-1.5"],
        );
        check(
            Kind::OpenRouterImages,
            &samples::json("openrouter/image_models_ok.json"),
            &["bytedance-seed/seedream-4.5"],
        );
        check(Kind::Gitee, &samples::json("gitee/models_with_details.json"), &["Qwen-Image-Edit-2511"]);
        check(
            Kind::SdWebUi,
            &samples::json("a1111/sd_models.json"),
            &["model", "model.safetensors [abcdef1234]"],
        );
        let gemini = json!({ "models": [{ "name": "models/gemini-3-pro-image" }] });
        check(Kind::GeminiNative, &gemini, &["gemini-3-pro-image"]);
        let compatible = json!({ "data": [{ "id": "models/gemini-3-pro-image" }] });
        check(Kind::GeminiOpenAi, &compatible, &["gemini-3-pro-image"]);
        check(Kind::OpenAiChat, &json!(["a", { "id": "b" }, 7]), &["a", "b"]);
        assert!(listing(Kind::DashScope, "").is_none());
        assert!(names(&json!({ "message": "hello" })).is_none());
    }

    #[test]
    fn an_open_list_proves_no_key() {
        let open = |kind, host| listing(kind, host).unwrap().open;
        assert!(open(Kind::OpenAiChat, "openrouter.ai") && open(Kind::Gitee, "ai.gitee.com"));
        assert!(!open(Kind::OpenAiChat, "gateway.example") && !open(Kind::SiliconFlow, "api.siliconflow.cn"));
    }

    #[test]
    fn entries_without_a_name_cost_only_themselves() {
        let check = |kind, list, expected| {
            assert_eq!((listing(kind, "").unwrap().read)(&list), expected, "{list}");
        };
        let some = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        let odd = json!({ "data": [{ "object": "model" }, { "id": 7 }, null, { "id": "b" }] });
        check(Kind::OpenAiImages, odd, some(&["b"]));
        check(Kind::GeminiNative, json!({ "models": [{}, { "name": "models/g" }] }), some(&["g"]));
        check(Kind::OpenAiImages, json!({ "data": [] }), some(&[]));
        check(Kind::OpenAiImages, json!({ "data": [{ "b64_json": "AAAA" }] }), None);
        check(Kind::OpenAiImages, json!({ "error": "no" }), None);
        check(Kind::OpenAiImages, json!("<html>"), None);
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
