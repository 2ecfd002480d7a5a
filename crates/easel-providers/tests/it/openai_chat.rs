//! Pictures through chat completions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::error::ErrorClass;
use easel_testkit::provider::{Answer, FakeProvider};
use serde_json::{Value, json};

use crate::suite::{Case, Shown, Wire, case, openai_echoes, openai_failures};

/// How gateways answer, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{ModerationInput, ModerationOutput, NotFound, Quota};
    let sample = |status, name: &str| Answer::sample(status, &format!("chat_gateways/{name}.json"));
    let mut wire = Wire::new("openai_chat", "google/gemini-3-pro-image", success);
    wire.empty = vec![
        vec![Answer::text("Sure, which style do you want?")],
        vec![sample(200, "content_placeholder_ellipsis")],
        vec![Answer::json(200, &json!({ "choices": [] }))],
        vec![Answer::json(
            200,
            &json!({ "choices": [{ "message": { "content": null }, "finish_reason": "stop" }] }),
        )],
    ];
    wire.moderated_input.extend([
        case("refusal in words", sample(200, "content_refusal"), ModerationInput),
        case("sensitive words", sample(400, "error_sensitive_words"), ModerationInput),
        case("sensitive words", sample(500, "error_sensitive_words"), ModerationInput),
        case(
            "error in a stream",
            Answer::event_stream("chat_gateways/flow2api_stream_error.json"),
            ModerationInput,
        ),
    ]);
    let filtered =
        json!({ "choices": [{ "message": { "content": "" }, "finish_reason": "content_filter" }] });
    wire.moderated_output.push(case("content filter", Answer::json(200, &filtered), ModerationOutput));
    wire.failures = openai_failures();
    wire.failures.extend([
        case("no channel", sample(503, "error_no_channel"), NotFound),
        case("no route", sample(404, "error_route_missing"), NotFound),
        case("gateway's quota", sample(403, "error_quota"), Quota),
    ]);
    wire.echoes = echoes;
    wire
}

/// A completion whose pictures stand in `images`, as `OpenRouter` documents it.
pub(crate) fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let image = |shown: &Shown| {
        let url = match shown {
            Shown::Inline(bytes) => format!("data:image/png;base64,{}", STANDARD.encode(bytes)),
            Shown::Link(link) => link.clone(),
        };
        json!({ "type": "image_url", "image_url": { "url": url } })
    };
    let images: Vec<Value> = results.iter().map(image).collect();
    let message = json!({ "role": "assistant", "content": "Here you are.", "images": images });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    let usage = json!({ "prompt_tokens": 12, "completion_tokens": 1300, "total_tokens": 1312 });
    vec![Answer::json(200, &json!({ "object": "chat.completion", "choices": [choice], "usage": usage }))]
}

/// Errors, also inside a success, and words of the model that repeat the prompt.
pub(crate) fn echoes(text: &str) -> Vec<Case> {
    let inside =
        json!({ "choices": [{ "error": { "code": 502, "message": text }, "finish_reason": "error" }] });
    let mut all = openai_echoes(text);
    all.extend([
        case("error in a choice", Answer::json(200, &inside), ErrorClass::Overload),
        case(
            "error in a success",
            Answer::json(200, &json!({ "error": { "message": text } })),
            ErrorClass::Overload,
        ),
        case("words", Answer::text(&format!("You wish: {text}")), ErrorClass::Empty),
    ]);
    all
}
