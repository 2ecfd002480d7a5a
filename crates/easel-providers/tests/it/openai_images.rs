//! OpenAI's Images API.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use easel_core::{
    error::ErrorClass,
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider, ProviderRequest},
    samples,
};
use serde_json::{Value, json};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::Field,
    span::{Attributes, Id, Record},
};

use crate::suite::{Bench, Shown, Wire};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    Wire::new("openai_images", "gpt-image-2", success)
}

/// A success of the Images API, which other kinds share.
pub(crate) fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let entry = |shown: &Shown| match shown {
        Shown::Inline(bytes) => json!({ "b64_json": STANDARD.encode(bytes) }),
        Shown::Link(link) => json!({ "url": link }),
    };
    let data: Vec<Value> = results.iter().map(entry).collect();
    let usage = json!({ "total_tokens": 1072, "input_tokens": 16, "output_tokens": 1056 });
    vec![Answer::json(200, &json!({ "created": 1_789_000_000, "data": data, "usage": usage }))]
}

async fn with(model: &'static str, extra: Value) -> Bench {
    Bench::new(&Wire { model, section: json!({ "extra": extra }), ..wire() }).await
}

fn two() -> [(PictureFormat, Bytes); 2] {
    [(PictureFormat::Png, pictures::png(64, 64, 1)), (PictureFormat::Png, pictures::png(64, 64, 2))]
}

#[tokio::test]
async fn every_known_refusal_has_its_class() {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    let table = [
        (403, "error_azure_resource_blocked", Overload),
        (400, "error_billing_hard_limit", Quota),
        (400, "error_content_policy_violation", ModerationInput),
        (429, "error_credit_balance_exhausted", Quota),
        (429, "error_insufficient_quota", Quota),
        (401, "error_invalid_api_key", Auth),
        (400, "error_invalid_size", BadRequest),
        (404, "error_model_retired", NotFound),
        (400, "error_moderation_blocked_input", ModerationInput),
        (400, "error_moderation_blocked_output", ModerationOutput),
        (403, "error_org_unverified", Quota),
        (429, "error_rate_limit", Rate),
        (500, "error_server", Overload),
        (503, "error_server_overloaded", Overload),
        (400, "error_unknown_parameter", BadRequest),
        (400, "error_unsupported_quality", BadRequest),
        (403, "error_unsupported_region", NotFound),
    ];
    let known: Vec<_> = table.iter().map(|(_, name, _)| format!("{name}.json")).collect();
    for (name, _) in samples::all("openai") {
        let error = name.rsplit('/').next().unwrap().to_owned();
        assert!(!error.starts_with("error_") || known.contains(&error), "{error} is not in the table");
    }
    Bench::new(&wire()).await.reads("openai", &table).await;
}

#[tokio::test]
async fn every_known_success_gives_its_pictures() {
    // The samples hold a picture of one pixel, which counts as none.
    let real = pictures::png(64, 64, 1);
    let bench = Bench::new(&wire()).await;
    for (name, count) in [("edits_ok", 1), ("generations_ok", 1), ("generations_two_images_free_size", 2)] {
        let mut body = samples::json(&format!("openai/{name}.json"));
        for entry in body["data"].as_array_mut().unwrap() {
            entry["b64_json"] = STANDARD.encode(&real).into();
        }
        bench.peer.answer(Answer::json(200, &body));
        let request = GenerateRequest { count, ..bench.words("猫") };
        assert_eq!(bench.ask(&request).await.unwrap(), vec![real.clone(); usize::from(count)], "{name}");
    }
    let animation = pictures::gif_animated(64, 64, 2);
    let mut body = samples::json("openai/generations_gif_ok.json");
    body["data"][0]["b64_json"] = STANDARD.encode(&animation).into();
    bench.peer.answer(Answer::json(200, &body));
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), [animation]);

    let mut body = samples::json("openai/generations_dalle_url_ok.json");
    body["data"][0]["url"] = bench.peer.host_picture(real.clone()).into();
    bench.peer.answer(Answer::json(200, &body));
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), std::slice::from_ref(&real));

    for stream in ["stream_generation_events", "stream_edit_events"] {
        let sample = samples::json(&format!("openai/{stream}.json"));
        let tiny = sample[0]["data"]["b64_json"].as_str().unwrap().to_owned();
        let events = samples::event_stream(&format!("openai/{stream}.json"));
        let events = events.replace(&tiny, &STANDARD.encode(&real));
        bench.peer.answer(Answer::raw(200, "text/event-stream", events).chunked(333));
        assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), std::slice::from_ref(&real), "{stream}");
    }
    bench.peer.answer(Answer::sample(200, "openai/generations_svg_ok.json"));
    assert_eq!(bench.fails().await.class, ErrorClass::ResultLost, "an SVG is active content");
}

#[tokio::test]
async fn model_families_have_their_own_limits() {
    for (model, references, count, tier) in [
        ("gpt-image-2.6-sunburst", 16, 10, Some(4)),
        ("gpt-image-2.5-flare-2026-09-08", 16, 10, Some(4)),
        ("gpt-image-2", 16, 10, Some(4)),
        ("gpt-image-1.5", 16, 10, Some(1)),
        ("chatgpt-image-latest", 16, 10, Some(1)),
        ("dall-e-3", 0, 1, Some(1)),
        ("openai/dall-e-2", 1, 10, Some(1)),
        ("some-gateways-model", 16, 10, None),
    ] {
        let capabilities = with(model, json!({})).await.provider.capabilities();
        let found = (capabilities.max_references, capabilities.max_count, capabilities.max_tier);
        assert_eq!(found, (references, count, tier), "{model}");
        assert_eq!(capabilities.edit, references > 0, "{model}");
    }
}

#[tokio::test]
async fn sizes_are_those_of_the_family() {
    let wide = Output { ratio: Some((16, 9)), tier: Some(4), size: None };
    let exact = Output { size: Some((4096, 4096)), ..Output::default() };
    for (model, extra, wish, size) in [
        ("gpt-image-2.6-flare", json!({}), wide, "3840x2160"),
        ("gpt-image-2.5-flare", json!({}), exact, "2880x2880"),
        ("gpt-image-1.5", json!({}), wide, "1536x1024"),
        ("dall-e-3", json!({}), wide, "1792x1024"),
        ("dalle-2", json!({}), wide, "1024x1024"),
        // All frames of an animation are drawn on one sheet.
        ("gpt-image-2.6-flare", json!({ "output_format": "gif" }), exact, "960x960"),
        ("gpt-image-2.6-flare", json!({ "output_format": "gif", "frame_count": 12 }), wide, "816x464"),
        ("gpt-image-2.6-flare", json!({ "output_format": "gif", "frame_count": 16 }), exact, "720x720"),
    ] {
        let bench = with(model, extra).await;
        let sent = bench.sends(&GenerateRequest { output: wish, ..bench.words("猫") }).await;
        assert_eq!(sent.size().as_deref(), Some(size), "{model}");
    }
}

#[tokio::test]
async fn each_operation_gets_the_fields_of_its_schema() {
    let extra = json!({ "style": "vivid", "input_fidelity": "high", "moderation": "low", "quality": "high" });
    let names = |request: &ProviderRequest| -> Vec<&'static str> {
        let all = ["style", "input_fidelity", "moderation", "quality", "form", "response_format"];
        all.into_iter().filter(|name| request.field(name).is_some()).collect()
    };
    let bench = with("gpt-image-2", extra.clone()).await;
    assert_eq!(names(&bench.sends(&bench.words("猫")).await), ["style", "moderation", "quality"]);
    assert_eq!(names(&bench.sends(&Bench::edit(&two())).await), ["input_fidelity", "quality"]);
    let mut json = extra;
    json["form"] = "json".into();
    let bench = with("gpt-image-2", json).await;
    assert_eq!(names(&bench.sends(&Bench::edit(&two())).await), ["input_fidelity", "moderation", "quality"]);
}

#[tokio::test]
async fn edits_go_in_the_form_that_the_owner_names() {
    let given = two();
    let urls: Vec<_> =
        given.iter().map(|(_, bytes)| format!("data:image/png;base64,{}", STANDARD.encode(bytes))).collect();
    for (form, fields) in [("multipart", "image[]"), ("image", "image")] {
        let bench = with("gpt-image-2", json!({ "form": form })).await;
        let sent = bench.sends(&Bench::edit(&given)).await;
        assert!(sent.pictures().iter().all(|picture| picture.name == fields), "{form}");
        assert_eq!((sent.pictures().len(), sent.field("form")), (2, None));
    }
    let bench = with("gpt-image-2", json!({ "form": "json" })).await;
    let sent = bench.sends(&Bench::edit(&given)).await;
    assert_eq!(sent.path(), "/v1/images/edits");
    let expected = json!({ "model": "gpt-image-2", "prompt": "换成雨夜",
        "images": [{ "image_url": urls[0] }, { "image_url": urls[1] }] });
    assert_eq!(sent.json.unwrap(), expected);
}

#[tokio::test]
async fn the_last_reference_may_be_the_mask() {
    let parts = |sent: &ProviderRequest| -> Vec<String> {
        sent.pictures().into_iter().map(|picture| picture.name).collect()
    };
    let given = two();
    for form in ["multipart", "json"] {
        let bench = with("gpt-image-2", json!({ "form": form, "mask": "last" })).await;
        let sent = bench.sends(&Bench::edit(&given)).await;
        let masks: Vec<_> = sent.pictures().into_iter().filter(|picture| picture.name == "mask").collect();
        assert_eq!((masks.len(), &masks[0].bytes), (1, &given[1].1), "{form}");
        assert_eq!(sent.pictures().len(), 2, "{form}: the mask is no reference any more");
        // One picture alone, and a JPEG, can't be a mask.
        let sent = bench.sends(&Bench::edit(&given[..1])).await;
        assert!(!parts(&sent).contains(&"mask".to_owned()), "{form}");
        let photo = [given[0].clone(), (PictureFormat::Jpeg, pictures::jpeg(64, 64, 2))];
        assert!(!parts(&bench.sends(&Bench::edit(&photo)).await).contains(&"mask".to_owned()), "{form}");
    }
    let bench = with("gpt-image-2", json!({ "form": "json", "mask": { "file_id": "file-1" } })).await;
    let sent = bench.sends(&Bench::edit(&given)).await;
    assert_eq!(sent.json.unwrap()["mask"], json!({ "file_id": "file-1" }));
}

/// Takes down warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            write!(text, "{field}={value:?} ").unwrap();
        });
        self.0.lock().unwrap().push(text);
    }
}

#[tokio::test]
async fn another_size_than_was_asked_for_is_told_to_the_owner_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let bench = with("gpt-image-2", json!({})).await;
    for size in [(1024, 1024), (1024, 1024), (2048, 2048)] {
        bench.peer.answer(Answer::b64([pictures::png(64, 64, 1)]));
        let output = Output { size: Some(size), ..Output::default() };
        bench.ask(&GenerateRequest { output, ..bench.words("猫") }).await.unwrap();
    }
    bench.peer.answer(Answer::b64([pictures::png(64, 64, 1)]));
    bench.ask(&bench.words("猫")).await.unwrap();
    let told: Vec<_> =
        warnings.0.lock().unwrap().iter().filter(|text| text.contains("64x64")).cloned().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("1024x1024") && told[0].contains("gpt-image-2"), "{told:?}");
    assert!(told[1].contains("2048x2048"), "{told:?}");
}
