//! The models that are tried where the owner names none, per kind: the best general choice first.
//!
//! Names only; nothing here asks a service. A list of models costs nothing and is asked for once; whether a model is there
//! is told by it or by a real request that answers `not_found`, never by a picture that is drawn as a test.

use crate::registry::Kind;

/// The models of a kind, in the order in which they are tried; empty = the owner must name one.
///
/// Sources: OpenAI “Models” and “Deprecations” (a generation that is known to work with every gateway's parameters before
/// newer ones), Gemini API “Models”, the xAI models page, Volcengine Ark's Seedream list, the model lists of SiliconFlow,
/// Gitee AI, `ModelScope` and Alibaba Cloud Model Studio, `OpenRouter`'s models with picture output.
pub const fn order(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::OpenAiImages => &[
            "gpt-image-2",
            "gpt-image-2.6-sunburst",
            "gpt-image-2.5-sunburst",
            "gpt-image-2.6-flare",
            "gpt-image-2.5-flare",
        ],
        Kind::OpenRouterImages => {
            &["google/gemini-3-pro-image", "openai/gpt-image-2", "google/gemini-3.1-flash-image"]
        }
        Kind::GeminiNative | Kind::GeminiOpenAi => {
            // The third may be gone by now: one text says that it ended on 2026-10-29.
            &[
                "gemini-3-pro-image",
                "gemini-nano-banana-2.1",
                "gemini-3.1-flash-image",
                "gemini-3.1-flash-lite-image",
            ]
        }
        Kind::SiliconFlow => &["Qwen/Qwen-Image", "Tongyi-MAI/Z-Image-Turbo", "Kwai-Kolors/Kolors"],
        Kind::Ark => {
            &["doubao-seedream-5-0-260128", "doubao-seedream-4-5-251128", "doubao-seedream-4-0-250828"]
        }
        Kind::Grok => &["grok-imagine-image-2.0", "grok-imagine-image-quality", "grok-imagine-image"],
        Kind::Gitee => &["z-image-turbo", "Qwen-Image", "flux.1-schnell"],
        Kind::GiteeAsync => &["Qwen-Image-Edit-2511"],
        Kind::ModelScope => &["Qwen/Qwen-Image", "Tongyi-MAI/Z-Image-Turbo"],
        Kind::DashScope => &["qwen-image-3.0-pro", "qwen-image-3.0", "qwen-image-2.1-pro"],
        // What a chat gateway, a local engine or a clip service offers nobody can know, and clips are dear.
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_tried_twice_and_nothing_that_makes_no_pictures() {
        for kind in Kind::ALL {
            let order = order(*kind);
            let once: BTreeSet<_> = order.iter().collect();
            assert_eq!(once.len(), order.len(), "{}", kind.name());
            for model in order {
                let gone = crate::models::retired::find(model, "");
                assert_eq!(gone, None, "{}", kind.name());
                assert_eq!(crate::models::first_image_capable([*model]), Some(*model), "{}", kind.name());
            }
        }
    }
}
