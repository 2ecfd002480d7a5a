//! Gemini behind Google's OpenAI-compatible route.
//!
//! Facts: Google, Gemini API, "OpenAI compatibility". Only `model`, `prompt`, `n`, `size` and `response_format` are
//! safe to send, and there is no route for edits, so this kind takes no references: `gemini_native` edits, and a gateway
//! that calls itself "Gemini, OpenAI format" is `openai_images` or `openai_chat`. Errors wear Google's envelope, often in
//! a list.
//!
//! `extra` goes out as it is.

use crate::{
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, Limits},
    gemini_native, openai_images, rows, sizes,
};

/// Pictures that one request reliably gets.
const MAX_COUNT: u8 = 1;

/// The dialect.
pub(crate) struct GeminiOpenAi;

impl Dialect for GeminiOpenAi {
    fn limits(&self, model: &str) -> Limits {
        Limits { tier: rows::tier(model), shapes: sizes::shapes(model), ..Limits::new(0, MAX_COUNT) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut fields = openai_images::base_fields(&ask.settings.model, ask.request, ask.known);
        openai_images::complete(&mut fields, ask.settings.extra.iter(), ask.known);
        openai_images::generation(fields)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        classify::failure(facts).map(|failure| gemini_native::refusal(failure, facts))
    }
}
