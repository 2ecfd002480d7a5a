//! What the engines of one's own machine have in common that speak like OpenAI's Images API: `sd_cpp` and `localai`.
//!
//! Not obvious: they take whatever sides their blocks divide, and not those of OpenAI's models; a checkpoint draws well
//! only at the size that it was trained for, which nobody but the owner knows. So without a wish no size is sent unless
//! `extra.size` names one: the engine has a default (`-W` and `-H` of `sd-server`, 512x512 of `LocalAI`), and the owner
//! chose it or can. With `extra.size` a wished ratio gets as many pixels as it has.

use serde_json::{Map, Value};

use crate::{
    dialect::{Ask, Limits},
    openai_images, sizes,
};

/// Pictures of one request: a local machine draws them one after the other, so more would outlast most deadlines.
const MAX_COUNT: u8 = 4;
/// References of one request.
const MAX_REFERENCES: usize = 4;
/// Sides that the engine's own models were trained on are made of such blocks.
const BLOCK: u32 = 64;

/// What they take in one request.
pub(crate) fn limits() -> Limits {
    Limits { tier: Some(sizes::ENGINE_TIER), ..Limits::new(MAX_REFERENCES, MAX_COUNT) }
}

/// The fields of a request without pictures; those of `extra` that are `own` to the dialect stay out.
pub(crate) fn fields(ask: &Ask<'_>, prompt: String, own: &[&str]) -> Map<String, Value> {
    let &Ask { settings, request, known, .. } = ask;
    let extra = &settings.extra;
    let native = extra.get("size").and_then(Value::as_str).and_then(sizes::parsed);
    let fit = |shape, pixels| sizes::about(shape, pixels, BLOCK);
    let refused = |(width, height)| known.refuses_size(&format!("{width}x{height}"));
    let size = sizes::engine(&request.output, None, native, fit, refused);
    let mut fields = openai_images::wish_fields(&settings.model, request, size);
    fields.insert("prompt".to_owned(), prompt.into());
    let others = extra.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    openai_images::complete(&mut fields, others, known);
    fields
}

#[cfg(test)]
mod tests {
    use easel_core::ports::{GenerateRequest, Operation, Output};
    use serde_json::json;

    use super::*;
    use crate::{dialect::Settings, lessons::Known};

    /// The size that is asked for, where the owner writes `owner`'s.
    #[track_caller]
    fn check(owner: &str, output: Output, expected: Option<&str>) {
        let mut extra = Map::new();
        if !owner.is_empty() {
            extra.insert("size".to_owned(), owner.into());
        }
        let settings = Settings { model: "m".to_owned(), extra, poll: None };
        let (operation, references) = (Operation::Generate, [].into());
        let request =
            GenerateRequest { operation, prompt: "p".into(), title: None, references, output, count: 1 };
        let known = Known::default();
        let ask = Ask { settings: &settings, request: &request, known: &known, addresses: &[], task: None };
        let fields = fields(&ask, "p".to_owned(), &[]);
        assert_eq!(fields.get("size"), expected.map(|size| json!(size)).as_ref(), "{owner} {output:?}");
    }

    #[test]
    fn sizes_are_those_that_engines_draw() {
        let open = Output::default();
        let exact = |width, height| Output { size: Some((width, height)), ..open };
        let ratio = |width, height| Output { ratio: Some((width, height)), ..open };
        check("", open, None);
        check("512x512", open, Some("512x512"));
        check("", exact(512, 512), Some("512x512"));
        check("1024x1024", exact(512, 512), Some("512x512"));
        check("512x512", exact(768, 1344), Some("768x1344"));
        check("", exact(500, 500), Some("496x496"));
        check("", exact(4096, 4096), Some("2048x2048"));
        check("", ratio(16, 9), Some("1344x768"));
        check("", ratio(3, 4), Some("896x1152"));
        check("512x512", ratio(16, 9), Some("704x384"));
        check("512x512", ratio(2, 3), Some("448x640"));
        check("768x768", ratio(1, 1), Some("768x768"));
        check("", Output { tier: Some(1), ..open }, Some("1024x1024"));
        check("512x512", Output { tier: Some(2), ..ratio(1, 1) }, Some("2048x2048"));
        check("what the model likes", open, Some("what the model likes"));
    }
}
