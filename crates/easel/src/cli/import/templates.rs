//! The plug-ins' names of services, and what each of them is here. Data, and one choice.

use easel_http::BaseUrl;
use easel_providers::Kind;

/// A service as the plug-ins call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// The plug-in's name: an alias of version 3 or a `__template_key`.
    pub(super) key: &'static str,
    /// What it is here.
    pub(super) kind: Kind,
    /// The address that the plug-in took when none was written; empty when it took none.
    pub(super) base: &'static str,
    /// A model that can be had today, for a service whose plug-in needed no model; empty when there is no good guess.
    pub(super) model: &'static str,
}

const GITEE: &str = "https://ai.gitee.com/v1";
const XAI: &str = "https://api.x.ai/v1";

const fn template(key: &'static str, kind: Kind, base: &'static str, model: &'static str) -> Template {
    Template { key, kind, base, model }
}

/// Names of `draw.*` and `edit.*` (version 3) and of `__template_key` (versions 4 and 5).
const TEMPLATES: &[Template] = &[
    template("openai_compat", Kind::OpenAiImages, "", ""),
    template("openai_images", Kind::OpenAiImages, "", ""),
    template("openai_full_url_images", Kind::OpenAiImages, "", ""),
    template("openai_chat", Kind::OpenAiChat, "", ""),
    template("gemini", Kind::GeminiNative, "https://generativelanguage.googleapis.com", "gemini-3-pro-image"),
    template(
        "gemini_native",
        Kind::GeminiNative,
        "https://generativelanguage.googleapis.com",
        "gemini-3-pro-image",
    ),
    template("gemini_openai", Kind::GeminiOpenAi, "", ""),
    template("gemini_openai_images", Kind::GeminiOpenAi, "", ""),
    template("gemini_openai_chat", Kind::OpenAiChat, "", ""),
    template("grok", Kind::Grok, XAI, "grok-imagine-image"),
    template("grok_images", Kind::Grok, XAI, "grok-imagine-image"),
    template("grok_chat", Kind::OpenAiChat, XAI, ""),
    template("grok2api_images", Kind::OpenAiImages, "", ""),
    template("flow2api", Kind::OpenAiChat, "", ""),
    template("gitee", Kind::Gitee, GITEE, "z-image-turbo"),
    template("gitee_images", Kind::Gitee, GITEE, "z-image-turbo"),
    template("gitee_async", Kind::GiteeAsync, GITEE, "Qwen-Image-Edit-2511"),
    template("jimeng", Kind::Jimeng, "", "Seedream 4.0"),
    template(
        "modelscope_openai_images",
        Kind::ModelScope,
        "https://api-inference.modelscope.cn/v1",
        "Qwen/Qwen-Image",
    ),
    template("grok_video", Kind::GrokVideo, XAI, "grok-imagine-video"),
    template("flow2api_video", Kind::ChatVideo, "", ""),
    template("sora2_video", Kind::OpenAiVideo, "", "sora-2"),
];

impl Template {
    /// Whether the plug-in asks it for event streams without being told to: builds of flow2api answer nothing else.
    pub(super) fn streams(self) -> bool {
        self.key == "flow2api"
    }

    /// The model for a service of this name that turns out to be of this kind; empty when there is no good guess. The
    /// gateways of xAI's models give them xAI's names.
    pub(super) fn model_as(self, kind: Kind) -> &'static str {
        let same = kind == self.kind || (self.kind == Kind::Grok && kind == Kind::OpenAiImages);
        if same { self.model } else { "" }
    }
}

/// The service of this name; easel's own names of kinds are understood too.
pub(super) fn find(key: &str) -> Option<Template> {
    let key = key.trim().to_ascii_lowercase();
    let known = TEMPLATES.iter().copied().find(|template| template.key == key);
    known.or_else(|| {
        let kind = Kind::parse(&key)?;
        Some(Template { key: kind.name(), kind, base: "", model: "" })
    })
}

/// The kind of a service, which also depends on what was written beside its name.
///
/// A gateway that draws in its chat is asked by chat. One that offers xAI's models beside a chat imitates OpenAI, also for
/// edits, whose form xAI's own service does not take. Google's OpenAI-compatible route takes no pictures, gateways that
/// call theirs by that name do. Clips of `grok-imagine` come from the task API at xAI itself, and
/// by chat from everybody else who offers them.
pub(super) fn kind(template: Template, api_mode: Option<&str>, base: &str) -> Kind {
    let chat = api_mode.is_some_and(|mode| mode.eq_ignore_ascii_case("chat"));
    match template.kind {
        Kind::Grok | Kind::GeminiOpenAi | Kind::OpenAiImages if chat => Kind::OpenAiChat,
        Kind::GeminiOpenAi if !base.is_empty() && host(base) != GOOGLE => Kind::OpenAiImages,
        Kind::Grok if !is_xai(base) => Kind::OpenAiImages,
        Kind::GrokVideo if !is_xai(base) => Kind::ChatVideo,
        kind => kind,
    }
}

/// Where Google's own API is.
const GOOGLE: &str = "generativelanguage.googleapis.com";

/// Whether the address is xAI's own.
pub(super) fn is_xai(base: &str) -> bool {
    host(base) == "api.x.ai"
}

/// The host of an address, in lower case; empty when there is none.
pub(super) fn host(base: &str) -> String {
    let parsed = BaseUrl::parse(base, true).ok();
    parsed.and_then(|base| base.url().host_str().map(str::to_ascii_lowercase)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, api_mode: Option<&str>, base: &str, expected: &str) {
        let template = find(key).unwrap();
        let base = if base.is_empty() { template.base } else { base };
        assert_eq!(kind(template, api_mode, base).name(), expected, "{key} {api_mode:?} {base}");
    }

    #[test]
    fn every_template_has_its_kind() {
        check("gemini_native", None, "", "gemini_native");
        check("openai_full_url_images", None, "", "openai_images");
        check("grok_images", None, "", "grok");
        check("grok_chat", None, "", "openai_chat");
        check("gitee_images", None, "", "gitee");
        check("gitee_async", None, "", "gitee_async");
        check("jimeng", None, "", "jimeng");
        check("sora2_video", None, "", "openai_video");
        check("flow2api_video", None, "", "chat_video");
        check("modelscope_openai_images", None, "", "modelscope");
        check("siliconflow", None, "", "siliconflow");
        assert_eq!(find("vertex_ai_anonymous"), None);
        assert_eq!(find("nonsense"), None);
    }

    #[test]
    fn a_chat_mode_is_a_chat() {
        for key in ["grok", "gemini_openai", "openai_compat"] {
            check(key, Some("chat"), "https://gateway.example", "openai_chat");
        }
        check("grok", Some("images"), "", "grok");
        check("grok", Some("images"), "https://api.x.ai/v1", "grok");
        check("grok", Some("images"), "https://gateway.example/v1", "openai_images");
        check("grok_images", None, "https://gateway.example/v1", "openai_images");
        check("openai_compat", Some("Images"), "https://gateway.example", "openai_images");
        check("gitee", Some("chat"), "", "gitee");
    }

    #[test]
    fn only_googles_own_route_is_googles() {
        check("gemini_openai", None, "", "gemini_openai");
        let google = "https://generativelanguage.googleapis.com/v1beta/openai";
        check("gemini_openai", Some("images"), google, "gemini_openai");
        check("gemini_openai", Some("images"), "https://gateway.example/v1", "openai_images");
    }

    #[test]
    fn clips_come_from_xai_or_by_chat() {
        check("grok_video", None, "", "grok_video");
        check("grok_video", None, "https://api.x.ai", "grok_video");
        check("grok_video", None, "api.x.ai/v1", "grok_video");
        check("grok_video", None, "https://gateway.example/v1", "chat_video");
        check("grok_video", None, "https://api.x.ai.gateway.example", "chat_video");
    }
}
