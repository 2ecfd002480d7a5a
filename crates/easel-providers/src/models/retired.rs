//! Models that their makers have ended or announced to end, and what takes their place.
//!
//! Data in one place, because names rot faster than programs: whoever reads or judges a configuration looks here. A name
//! in this list is no proof that it can't be used: gateways and clouds go on offering names that their makers dropped, so
//! nothing may be refused over it.

/// A model that is gone or going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The model's name; with `*` at the end, every name that begins so.
    pub model: &'static str,
    /// The maker's last day for it, as `YYYY-MM-DD` or `YYYY-MM`. It may lie in the future. `None` when no day was told.
    pub until: Option<&'static str>,
    /// What the maker offers instead; `None` when there is nothing.
    pub replacement: Option<&'static str>,
    /// The only host at which the name is none; elsewhere it may be right.
    pub only_at: Option<&'static str>,
}

const fn ended(model: &'static str, until: &'static str, replacement: &'static str) -> Retired {
    Retired { model, until: Some(until), replacement: Some(replacement), only_at: None }
}

/// Sources: OpenAI “Deprecations”, Gemini API “Deprecations” and Firebase AI Logic (Imagen), the changelog of the xAI
/// SDK and its page “Image Generation”. The first entry that fits counts.
const RETIRED: &[Retired] = &[
    ended("dall-e-2", "2026-05-12", "gpt-image-2"),
    ended("dall-e-3", "2026-05-12", "gpt-image-2"),
    ended("dalle-3", "2026-05-12", "gpt-image-2"),
    ended("gpt-image-1", "2026-10-23", "gpt-image-2"),
    ended("gpt-image-1.5", "2026-12-01", "gpt-image-2.5-sunburst"),
    ended("gpt-image-1-mini", "2026-12-01", "gpt-image-2.5-flare"),
    ended("chatgpt-image-latest", "2026-12-01", "gpt-image-2.5-sunburst"),
    ended("gemini-3-pro-image-preview", "2026-06-25", "gemini-3-pro-image"),
    ended("gemini-3.1-flash-image-preview", "2026-06-25", "gemini-3.1-flash-image"),
    ended("gemini-2.5-flash-image*", "2026-10-02", "gemini-3-pro-image"),
    Retired {
        model: "gemini-2.0-flash*",
        until: None,
        replacement: Some("gemini-3-pro-image"),
        only_at: None,
    },
    ended("imagen-*", "2026-06-24", "gemini-3-pro-image"),
    ended("grok-2-image*", "2026-03", "grok-imagine-image"),
    ended("grok-imagine-image-pro", "2026-05-15", "grok-imagine-image-quality"),
    // A name of gateways; the service itself never had it.
    Retired {
        model: "grok-imagine-0.9",
        until: None,
        replacement: Some("grok-imagine-video"),
        only_at: Some("api.x.ai"),
    },
    // Gateways keep the name.
    Retired {
        model: "sora-2*",
        until: Some("2026-09-24"),
        replacement: None,
        only_at: Some("api.openai.com"),
    },
];

/// What is known about the end of `model` at `host`. The maker's prefix (`google/`, `models/`) and a suffix such as
/// `:free` don't matter, nor does case.
pub fn find(model: &str, host: &str) -> Option<&'static Retired> {
    let model = model.trim().to_ascii_lowercase();
    let name = model.rsplit('/').next().unwrap_or_default();
    let name = name.split(':').next().unwrap_or_default();
    RETIRED.iter().find(|retired| {
        let fits = match retired.model.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == retired.model,
        };
        fits && retired.only_at.is_none_or(|only| host.eq_ignore_ascii_case(only))
    })
}

/// The part of `model` that [`find`] ignored in front of the name: `google/` of `google/gemini-2.5-flash-image:free`.
/// What replaces the name stands behind the same prefix.
pub fn prefix(model: &str) -> &str {
    let model = model.trim();
    model.rfind('/').and_then(|slash| model.get(..=slash)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, host: &str, expected: Option<&str>) {
        assert_eq!(find(model, host).and_then(|retired| retired.replacement), expected, "{model}");
    }

    #[test]
    fn retired_models_are_known_in_every_spelling() {
        check("gpt-image-1", "api.openai.com", Some("gpt-image-2"));
        check("DALL-E-3", "gateway.example", Some("gpt-image-2"));
        check("google/gemini-2.5-flash-image-preview:free", "openrouter.ai", Some("gemini-3-pro-image"));
        check("models/imagen-4.0-generate-001", "", Some("gemini-3-pro-image"));
        check("gemini-3-pro-image-preview", "", Some("gemini-3-pro-image"));
        check("grok-2-image-1212", "api.x.ai", Some("grok-imagine-image"));
        check("grok-imagine-0.9", "api.x.ai", Some("grok-imagine-video"));
        check("grok-imagine-0.9", "gateway.example", None);
        assert!(find("sora-2-pro", "api.openai.com").is_some());
        assert!(find("sora-2", "gateway.example").is_none());
    }

    #[test]
    fn what_is_sold_is_not_retired() {
        for model in [
            "gpt-image-2",
            "gpt-image-1.5-custom",
            "gemini-3-pro-image",
            "gemini-3.1-flash-image",
            "grok-imagine-image",
            "",
        ] {
            assert_eq!(find(model, ""), None, "{model}");
        }
    }

    #[test]
    fn no_replacement_is_retired_itself() {
        for retired in RETIRED {
            let next = retired.replacement.and_then(|name| find(name, ""));
            assert_eq!(next, None, "{}", retired.model);
        }
    }

    #[test]
    fn the_prefix_of_a_name_is_kept() {
        assert_eq!(prefix("google/gemini-2.5-flash-image"), "google/");
        assert_eq!(prefix("gpt-image-1"), "");
    }
}
