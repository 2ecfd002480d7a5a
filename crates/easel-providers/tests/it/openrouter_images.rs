//! `OpenRouter`'s route for pictures.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{ErrorClass, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
    samples,
};
use serde_json::{Value, json};

use crate::suite::{Bench, Case, Shown, Wire, case};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate, TooLarge};
    let sample = |status, name: &str| Answer::sample(status, &format!("openrouter/{name}.json"));
    let error = |status: u16, kind: &str| {
        let metadata = json!({ "error_type": kind });
        Answer::json(
            status,
            &json!({ "error": { "code": status, "message": "No.", "metadata": metadata }, "user_id": "u" }),
        )
    };
    let mut wire = Wire::new("openrouter_images", "openai/gpt-image-2", success);
    wire.base = "/api/v1";
    wire.links = false;
    wire.moderated_input = vec![
        case("flagged", sample(403, "error_moderation"), ModerationInput),
        case("guardrail", sample(403, "error_guardrail"), ModerationInput),
        case("content policy", sample(400, "error_content_policy"), ModerationInput),
        case("refusal", error(400, "refusal"), ModerationInput),
    ];
    wire.failures = vec![
        case("no key", sample(401, "error_unauthorized"), Auth),
        case("no permission", error(403, "permission_denied"), Auth),
        case("no credit", sample(402, "error_payment_required"), Quota),
        case("too many requests", sample(429, "error_rate_limit"), Rate),
        case("capacity", sample(429, "error_capacity_exhausted"), Rate),
        case("upstream failed", sample(502, "error_bad_gateway"), Overload),
        case("upstream overloaded", error(529, "provider_overloaded"), Overload),
        case("free variant ended", sample(404, "error_free_variant_ended"), NotFound),
        case("wrong request", error(400, "invalid_request"), BadRequest),
        case("wrong picture", error(400, "unsupported_image_format"), BadRequest),
        case("too large", error(413, "payload_too_large"), TooLarge),
        case("picture too large", error(400, "image_too_large"), TooLarge),
        case("failed in a stream", Answer::event_stream("openrouter/image_api_stream_error.json"), Overload),
    ];
    wire.echoes = echoes;
    wire
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let entry = |shown: &Shown| match shown {
        Shown::Inline(bytes) => json!({ "b64_json": STANDARD.encode(bytes), "media_type": "image/png" }),
        Shown::Link(link) => json!({ "url": link }),
    };
    let data: Vec<Value> = results.iter().map(entry).collect();
    let usage = json!({ "prompt_tokens": 0, "completion_tokens": 4175, "total_tokens": 4175, "cost": 0.04 });
    vec![Answer::json(200, &json!({ "created": 1_789_000_000, "data": data, "usage": usage }))]
}

fn echoes(text: &str) -> Vec<Case> {
    let body = |status: u16| json!({ "error": { "code": status, "message": text, "metadata": { "raw": text, "flagged": text } } });
    let answer = |status| Answer::json(status, &body(status));
    vec![
        case("refused", answer(400), ErrorClass::BadRequest),
        case("failed", answer(502), ErrorClass::Overload),
        case("busy", answer(429), ErrorClass::Rate),
        case("in a success", Answer::json(200, &body(502)), ErrorClass::Overload),
    ]
}

fn shape(output: Output) -> Value {
    let mut fields = Value::Null;
    for (name, value) in [
        ("size", output.size.map(|(width, height)| format!("{width}x{height}"))),
        ("aspect_ratio", output.ratio.map(|(width, height)| format!("{width}:{height}"))),
        ("resolution", output.tier.map(|tier| format!("{tier}K"))),
    ] {
        if let Some(value) = value {
            fields[name] = value.into();
        }
    }
    fields
}

#[tokio::test]
async fn the_documented_request_is_sent() {
    let bench = Bench::new(&Wire { model: "google/gemini-3-pro-image", ..wire() }).await;
    let wish = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let given = (PictureFormat::Png, pictures::png(64, 64, 1));
    let request = GenerateRequest {
        output: wish,
        prompt: "a lighthouse at night".into(),
        ..Bench::edit(std::slice::from_ref(&given))
    };
    let sent = bench.sends(&request).await;
    assert_eq!(sent.path(), "/api/v1/images");
    let mut expected = samples::json("openrouter/image_api_request.json");
    for unasked in ["n", "provider"] {
        expected.as_object_mut().unwrap().remove(unasked);
    }
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&given.1));
    expected["input_references"][0]["image_url"]["url"] = url.into();
    assert_eq!(sent.json.unwrap(), expected);
    let capabilities = bench.provider.capabilities();
    assert_eq!((capabilities.max_references, capabilities.max_count), (14, 1));
}

#[tokio::test]
async fn wishes_become_the_routes_own_words() {
    let bench = Bench::new(&wire()).await;
    for (wish, expected) in [
        (Output::default(), shape(Output::default())),
        (
            Output { size: Some((2048, 1152)), ..Output::default() },
            shape(Output { size: Some((2048, 1152)), ..Output::default() }),
        ),
        (
            Output { ratio: Some((15, 9)), tier: Some(4), size: None },
            shape(Output { ratio: Some((16, 9)), tier: Some(4), size: None }),
        ),
        (Output { tier: Some(1), ..Output::default() }, shape(Output { tier: Some(1), ..Output::default() })),
    ] {
        let mut sent =
            bench.sends(&GenerateRequest { output: wish, ..bench.words("猫") }).await.json.unwrap();
        for name in ["model", "prompt"] {
            sent.as_object_mut().unwrap().remove(name);
        }
        let expected = if expected.is_null() { json!({}) } else { expected };
        assert_eq!(sent, expected, "{wish:?}");
    }
}

#[tokio::test]
async fn refused_shapes_step_down_for_that_wish_alone() {
    let bench = Bench::new(&wire()).await;
    let refusal = |param: &str| {
        let message = format!("{param} is not supported for this model");
        Answer::json(400, &json!({ "error": { "code": 400, "message": message, "param": param } }))
    };
    let exact = GenerateRequest {
        output: Output { size: Some((4096, 4096)), ..Output::default() },
        ..bench.words("猫")
    };
    bench.peer.answers([refusal("size"), refusal("resolution")]);
    for _ in 0..2 {
        assert_eq!(bench.refuses(&exact).await.retry, Retry::Corrected);
    }
    bench.ask(&exact).await.unwrap();
    let sent: Vec<_> = bench
        .peer
        .requests()
        .iter()
        .map(|request| (request.size(), request.field("aspect_ratio"), request.field("resolution")))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    let expected =
        [(text("4096x4096"), None, None), (None, text("1:1"), text("4K")), (None, text("1:1"), text("2K"))];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn streams_and_waiting_times_are_read() {
    let bench = Bench::new(&Wire { section: json!({ "extra": { "stream": true } }), ..wire() }).await;
    let picture = pictures::png(64, 64, 4);
    let mut stream = samples::event_stream("openrouter/image_api_stream.json");
    let sample = samples::json("openrouter/image_api_stream.json");
    let tiny = sample[1]["data"]["b64_json"].as_str().unwrap().to_owned();
    stream = stream.replace(&tiny, &STANDARD.encode(&picture));
    bench.peer.answer(Answer::raw(200, "text/event-stream", stream));
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), [picture]);
    bench.peer.answer(Answer::sample(429, "openrouter/error_capacity_exhausted.json"));
    assert_eq!(bench.fails().await.retry_after, Some(Duration::from_secs(40)));
}
