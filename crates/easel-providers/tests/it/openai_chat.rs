//! Pictures through chat completions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
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

use crate::suite::{Bench, Case, Shown, Wire, case, openai_echoes, openai_failures};

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

async fn with(model: &'static str, extra: Value) -> Bench {
    Bench::new(&Wire { model, section: json!({ "extra": extra }), ..wire() }).await
}

#[tokio::test]
async fn the_documented_request_is_sent() {
    let bench = with("google/gemini-3-pro-image", json!({})).await;
    let given = (PictureFormat::Png, pictures::png(64, 64, 1));
    let request = GenerateRequest {
        prompt: "Turn this into a watercolour".into(),
        output: Output { ratio: Some((16, 9)), tier: Some(2), size: None },
        ..Bench::edit(std::slice::from_ref(&given))
    };
    let mut expected = samples::json("openrouter/chat_request.json");
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&given.1));
    expected["messages"][0]["content"][1]["image_url"]["url"] = url.into();
    assert_eq!(bench.sends(&request).await.json.unwrap(), expected);
}

#[tokio::test]
async fn every_sample_of_openrouter_has_its_class() {
    use ErrorClass::{Auth, ModerationInput, NotFound, Overload, Quota, Rate};
    let bench = Bench::new(&wire()).await;
    let table = [
        (200, "chat_200_with_choice_error", Overload),
        (502, "error_bad_gateway", Overload),
        (429, "error_capacity_exhausted", Rate),
        (400, "error_content_policy", ModerationInput),
        (404, "error_free_variant_ended", NotFound),
        (403, "error_guardrail", ModerationInput),
        (403, "error_moderation", ModerationInput),
        (402, "error_payment_required", Quota),
        (429, "error_rate_limit", Rate),
        (401, "error_unauthorized", Auth),
    ];
    let known: Vec<_> = table.iter().map(|(_, name, _)| format!("{name}.json")).collect();
    for (name, _) in samples::all("openrouter") {
        let error = name.rsplit('/').next().unwrap().to_owned();
        assert!(!error.starts_with("error_") || known.contains(&error), "{error} is not in the table");
    }
    bench.reads("openrouter", &table).await;
    bench.peer.answer(Answer::event_stream("openrouter/chat_mid_stream_error.json"));
    assert_eq!(bench.fails().await.class, Rate);
}

#[tokio::test]
async fn models_that_make_pictures_only_are_asked_for_nothing_else() {
    for (model, extra, expected) in [
        ("google/gemini-3-pro-image", json!({}), Some(r#"["image","text"]"#)),
        ("black-forest-labs/flux.2-pro", json!({}), Some(r#"["image"]"#)),
        ("google/gemini-3-pro-image", json!({ "modalities": ["image"] }), Some(r#"["image"]"#)),
        ("google/gemini-3-pro-image", json!({ "modalities": false }), None),
    ] {
        let bench = with(model, extra).await;
        assert_eq!(bench.sends(&bench.words("猫")).await.field("modalities").as_deref(), expected, "{model}");
    }
    // A model that the table doesn't know is learned.
    let bench = with("new/pictures-only", json!({})).await;
    let message = "No endpoints found that support the requested output modalities: image, text";
    bench.peer.answer(Answer::json(404, &json!({ "error": { "code": 404, "message": message } })));
    let error = bench.fails().await;
    assert_eq!((error.class, error.retry), (ErrorClass::BadRequest, Retry::Corrected));
    assert_eq!(bench.sends(&bench.words("猫")).await.field("modalities"), None);
}

#[tokio::test]
async fn a_picture_is_asked_for_in_words_only_where_no_field_does() {
    let asks = async |bench: &Bench| {
        let sent = bench.sends(&bench.words("猫")).await.http.json().unwrap();
        let words =
            sent["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
        assert!(words.starts_with("猫"), "{words}");
        words.contains("exactly one Markdown image")
    };
    for (extra, expected) in [
        (json!({}), false),
        (json!({ "modalities": false }), true),
        (json!({ "modalities": false, "system": "You draw." }), false),
    ] {
        assert_eq!(asks(&with("gpt-4o-image", extra.clone()).await).await, expected, "{extra}");
    }
    let bench = with("gpt-4o-image", json!({})).await;
    bench.peer.answer(Answer::json(400, &json!({ "error": { "message": "Unknown field: modalities" } })));
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    assert!(asks(&bench).await, "the field was refused");
    let bench = with("gpt-4o-image", json!({})).await;
    bench
        .peer
        .answer(Answer::json(200, &json!({ "choices": [{ "message": { "content": "A cat, then?" } }] })));
    assert_eq!(bench.fails().await.class, ErrorClass::Empty);
    assert!(asks(&bench).await, "words came before");
}

#[tokio::test]
async fn shapes_go_in_fields_and_in_words_only_where_fields_fail() {
    let wide = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let exact = Output { size: Some((4096, 4096)), ..Output::default() };
    let config = |ratio: &str, size: &str| json!({ "aspect_ratio": ratio, "image_size": size });
    for (extra, wish, expected, prompt) in [
        (json!({}), Output::default(), Value::Null, "猫"),
        (json!({}), wide, config("16:9", "2K"), "猫"),
        (json!({}), exact, config("1:1", "4K"), "猫\n\n(Output image size: 4096x4096 pixels.)"),
        (json!({ "image_config": { "image_size": "1K" } }), wide, config("16:9", "2K"), "猫"),
        (
            json!({ "image_config": false }),
            wide,
            Value::Null,
            "猫\n\n(Output aspect ratio: 16:9, resolution: 2K.)",
        ),
    ] {
        let bench = with("some-gateways-model", extra).await;
        let sent = bench.sends(&GenerateRequest { output: wish, ..bench.words("猫") }).await;
        assert_eq!(sent.prompt().as_deref(), Some(prompt));
        assert_eq!(sent.json.unwrap().get("image_config").cloned().unwrap_or_default(), expected, "{wish:?}");
    }
    let bench = with("some-gateways-model", json!({})).await;
    bench.peer.answer(Answer::unknown_parameter("image_config"));
    let request = GenerateRequest { output: wide, ..bench.words("猫") };
    assert_eq!(bench.refuses(&request).await.retry, Retry::Corrected);
    assert!(bench.sends(&request).await.prompt().unwrap().contains("16:9"));
}

#[tokio::test]
async fn a_system_hint_stands_before_the_prompt() {
    let bench = with("m", json!({ "system": "Always answer with a picture.", "temperature": 1 })).await;
    let sent = bench.sends(&bench.words("猫")).await.json.unwrap();
    let expected = json!([
        { "role": "system", "content": "Always answer with a picture." },
        { "role": "user", "content": "猫" },
    ]);
    assert_eq!((&sent["messages"], &sent["temperature"], sent.get("system")), (&expected, &json!(1), None));
}

/// A sample answer whose picture of one pixel is a real one, and whose links lead to the fake.
fn real(bench: &Bench, name: &str, picture: &Bytes) -> Answer {
    // One stream tears the base64 apart just here.
    const HEAD: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAI";
    const TAIL: &str = "AAACQd1PeAAAADElEQVR4nGMwTpsJAAICATNWh+JUAAAAAElFTkSuQmCC";
    let sample = samples::json(name);
    let stream = sample.is_array();
    let mut text = if stream { samples::event_stream(name) } else { sample.to_string() };
    let encoded = STANDARD.encode(picture);
    let (head, tail) = encoded.split_at(encoded.len() / 2);
    text = text.replace(HEAD, head).replace(TAIL, tail);
    for host in ["https://cdn.example.invalid", "http://127.0.0.1:8000"] {
        for slash in ["/", "\\/", r"\\/", r"\\\\/"] {
            text = text.replace(&host.replace('/', slash), &bench.peer.origin().replace('/', slash));
        }
    }
    Answer::raw(200, if stream { "text/event-stream" } else { "application/json" }, text)
}

#[tokio::test]
async fn every_known_success_gives_its_picture() {
    let picture = pictures::png(64, 64, 8);
    for folder in ["chat_gateways", "openrouter"] {
        for (name, _) in samples::all(folder) {
            let name = format!("{folder}/{name}");
            let none = ["error", "refusal", "placeholder", "video", "request", "image_", "key_", "credits"];
            if none.iter().any(|part| name.contains(part)) {
                continue;
            }
            let bench = Bench::new(&wire()).await;
            // Whatever path the sample's link has.
            bench.peer.host_all(picture.clone());
            bench.peer.answer(real(&bench, &name, &picture));
            let made = bench.ask(&bench.words("猫")).await;
            assert_eq!(
                made.unwrap_or_else(|error| panic!("{name}: {error}")),
                std::slice::from_ref(&picture),
                "{name}"
            );
        }
    }
}
