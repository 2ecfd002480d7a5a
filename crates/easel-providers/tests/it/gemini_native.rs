//! Gemini's `generateContent`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{Charged, ErrorClass, KeyVerdict, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
};
use serde_json::{Value, json};

use crate::{
    replay::{self, Ends},
    suite::{Bench, Case, KEY, Shown, Wire, case},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{
        Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate, TooLarge,
    };
    let sample = |status, name: &str| Answer::sample(status, &format!("gemini_native/{name}.json"));
    let finish = |reason: &str| Answer::json(200, &json!({ "candidates": [{ "finishReason": reason }] }));
    Wire {
        links: false,
        empty: vec![
            vec![sample(200, "no_image_text_only")],
            vec![sample(200, "finish_no_image")],
            vec![finish("IMAGE_OTHER")],
            vec![finish("A_REASON_OF_TOMORROW")],
            vec![Answer::json(200, &json!({ "candidates": [] }))],
            vec![Answer::json(200, &json!({ "candidates": [{ "content": {}, "finishReason": "STOP" }] }))],
            vec![Answer::json(200, &json!({ "usageMetadata": { "promptTokenCount": 9 } }))],
        ],
        moderated_input: vec![
            case("prompt", sample(200, "prompt_blocked"), ModerationInput),
            case("prohibited", sample(200, "finish_prohibited_content"), ModerationInput),
            case("safety", finish("SAFETY"), ModerationInput),
            case("block list", finish("BLOCKLIST"), ModerationInput),
            case("personal data", finish("SPII"), ModerationInput),
        ],
        moderated_output: vec![
            case("image", sample(200, "finish_image_safety"), ModerationOutput),
            case("prohibited", sample(200, "finish_image_prohibited_content"), ModerationOutput),
            case("recited", sample(200, "finish_image_recitation"), ModerationOutput),
            case("recited text", finish("RECITATION"), ModerationOutput),
        ],
        failures: vec![
            case("wrong key", sample(400, "error_api_key_invalid"), Auth),
            case("leaked key", sample(403, "error_permission"), Auth),
            case("no quota", sample(429, "error_quota_day_zero"), Quota),
            case("minute", sample(429, "error_rate_minute"), Rate),
            case("overloaded", sample(503, "error_unavailable"), Overload),
            case("deadline", error(504, "DEADLINE_EXCEEDED", "Deadline expired."), Overload),
            case("in a list", sample(503, "error_wrapped_in_array"), Overload),
            case("argument", sample(400, "error_invalid_argument"), BadRequest),
            case("tokens", finish("MAX_TOKENS"), BadRequest),
            case("no such model", sample(404, "error_not_found"), NotFound),
            case("region", sample(400, "error_region"), NotFound),
            case(
                "payload",
                error(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
                TooLarge,
            ),
        ],
        echoes,
        ..Wire::new("gemini_native", "gemini-3-pro-image", success)
    }
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let parts: Vec<Value> = results
        .iter()
        .map(|shown| match shown {
            Shown::Inline(bytes) => {
                json!({ "inlineData": { "mimeType": "image/png", "data": STANDARD.encode(bytes) } })
            }
            Shown::Link(link) => json!({ "fileData": { "mimeType": "image/png", "fileUri": link } }),
        })
        .collect();
    let content = json!({ "role": "model", "parts": parts });
    let usage = json!({ "promptTokenCount": 12, "candidatesTokenCount": 1290, "totalTokenCount": 1302 });
    let body = json!({ "candidates": [{ "content": content, "finishReason": "STOP", "index": 0 }], "usageMetadata": usage });
    vec![Answer::json(200, &body)]
}

fn error(code: u16, status: &str, message: &str) -> Answer {
    Answer::json(code, &json!({ "error": { "code": code, "status": status, "message": message } }))
}

fn echoes(text: &str) -> Vec<Case> {
    let candidate = json!({ "content": { "parts": [{ "text": text }] }, "finishReason": "STOP" });
    vec![
        case("argument", error(400, "INVALID_ARGUMENT", text), ErrorClass::BadRequest),
        case("internal", error(500, "INTERNAL", text), ErrorClass::Overload),
        case("minute", error(429, "RESOURCE_EXHAUSTED", text), ErrorClass::Rate),
        case("words", Answer::json(200, &json!({ "candidates": [candidate] })), ErrorClass::Empty),
    ]
}

#[tokio::test]
async fn every_sample_is_understood() {
    use ErrorClass::{
        Auth, BadRequest, Empty, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate,
    };
    let rows = [
        ("ok_text_and_image", 200, Ends::With(0)),
        ("ok_with_thoughts", 200, Ends::With(1)),
        ("ok_snake_case_proxy", 200, Ends::With(0)),
        ("stream_chunks", 200, Ends::With(0)),
        ("no_image_text_only", 200, Ends::As(Empty)),
        ("finish_no_image", 200, Ends::As(Empty)),
        ("finish_image_safety", 200, Ends::As(ModerationOutput)),
        ("finish_image_prohibited_content", 200, Ends::As(ModerationOutput)),
        ("finish_image_recitation", 200, Ends::As(ModerationOutput)),
        ("finish_prohibited_content", 200, Ends::As(ModerationInput)),
        ("prompt_blocked", 200, Ends::As(ModerationInput)),
        ("error_api_key_invalid", 400, Ends::As(Auth)),
        ("error_invalid_argument", 400, Ends::As(BadRequest)),
        ("error_region", 400, Ends::As(NotFound)),
        ("error_permission", 403, Ends::As(Auth)),
        ("error_not_found", 404, Ends::As(NotFound)),
        ("error_rate_minute", 429, Ends::As(Rate)),
        ("error_quota_day_zero", 429, Ends::As(Quota)),
        ("error_unavailable", 503, Ends::As(Overload)),
        ("error_wrapped_in_array", 503, Ends::As(Overload)),
    ];
    replay::folder(&wire(), "gemini_native", &rows, &["request"]).await;
}

/// The body that is sent for a wish.
async fn body(model: &'static str, section: Value, output: Output) -> Value {
    let bench = Bench::new(&Wire { model, section, ..wire() }).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&GenerateRequest { output, ..bench.words("猫") }).await.unwrap();
    bench.creates()[0].http.json().unwrap()
}

const OPEN: Output = Output { size: None, ratio: None, tier: None };

#[tokio::test]
async fn words_go_out_with_the_key_in_a_header() {
    let bench = Bench::new(&wire()).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&bench.words("猫")).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!(sent.path(), "/v1beta/models/gemini-3-pro-image:generateContent");
    assert_eq!(sent.http.query, "");
    assert_eq!(sent.headers().get("x-goog-api-key"), Some(KEY));
    assert_eq!(sent.headers().get("authorization"), None);
    let expected = json!({
        "contents": [{ "role": "user", "parts": [{ "text": "猫" }] }],
        "generationConfig": { "responseModalities": ["TEXT", "IMAGE"] },
    });
    assert_eq!(sent.http.json().unwrap(), expected);
}

#[tokio::test]
async fn an_edit_carries_all_its_pictures_behind_the_words() {
    let bench = Bench::new(&wire()).await;
    let given: Vec<_> = (0..14).map(|seed| (PictureFormat::Jpeg, pictures::jpeg(64, 64, seed))).collect();
    assert_eq!(bench.provider.capabilities().max_references, 14);
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&Bench::edit(&given)).await.unwrap();
    let body = bench.creates()[0].http.json().unwrap();
    let parts = body["contents"][0]["parts"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[0]), (15, &json!({ "text": "换成雨夜" })));
    for (part, (_, picture)) in parts[1..].iter().zip(&given) {
        let data = STANDARD.encode(picture);
        assert_eq!(part, &json!({ "inlineData": { "mimeType": "image/jpeg", "data": data } }));
    }
}

#[tokio::test]
async fn shapes_follow_the_row_of_the_model() {
    let wide = Output { ratio: Some((16, 9)), ..OPEN };
    let tier = |tier| Output { tier: Some(tier), ..OPEN };
    let sized = |w, h| Output { size: Some((w, h)), ..OPEN };
    for (model, wish, expected) in [
        ("gemini-3-pro-image", wide, json!({ "aspectRatio": "16:9" })),
        ("gemini-3-pro-image-preview", tier(4), json!({ "imageSize": "4K" })),
        ("models/gemini-3-pro-image", sized(2048, 1152), json!({ "aspectRatio": "16:9", "imageSize": "2K" })),
        ("gemini-3-pro-image", Output { ratio: Some((1, 4)), ..OPEN }, json!({ "aspectRatio": "9:16" })),
        ("gemini-nano-banana-2.1", Output { ratio: Some((1, 4)), ..OPEN }, json!({ "aspectRatio": "1:4" })),
        ("gemini-3.1-flash-image", sized(512, 512), json!({ "aspectRatio": "1:1", "imageSize": "512" })),
        ("gemini-3.1-flash-lite-image", tier(4), json!({ "imageSize": "1K" })),
        ("gemini-2.5-flash-image", Output { tier: Some(2), ..wide }, json!({ "aspectRatio": "16:9" })),
        ("gemini-9-image", tier(2), json!({ "imageSize": "2K" })),
    ] {
        let body = body(model, json!({}), wish).await;
        assert_eq!(body["generationConfig"]["imageConfig"], expected, "{model} {wish:?}");
    }
    let tiers =
        [("gemini-3-pro-image", Some(4)), ("gemini-2.5-flash-image", Some(1)), ("gemini-9-image", None)];
    for (model, largest) in tiers {
        let bench = Bench::new(&Wire { model, ..wire() }).await;
        assert_eq!(bench.provider.capabilities().max_tier, largest, "{model}");
    }
}

#[tokio::test]
async fn the_owners_fields_complete_the_request() {
    let safety = json!([{ "category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH" }]);
    let extra = json!({
        "safetySettings": safety,
        "generationConfig": { "temperature": 0.4, "imageConfig": { "aspectRatio": "3:2", "imageSize": "2K" } },
    });
    let section = json!({ "extra": extra });
    let wished = Output { ratio: Some((1, 1)), ..OPEN };
    let body = body("gemini-3-pro-image", section, wished).await;
    assert_eq!(body["safetySettings"], safety);
    let config = json!({
        "responseModalities": ["TEXT", "IMAGE"],
        "temperature": 0.4,
        "imageConfig": { "aspectRatio": "1:1", "imageSize": "2K" },
    });
    assert_eq!(body["generationConfig"], config);
}

#[tokio::test]
async fn events_are_asked_for_where_the_owner_wants_them() {
    let bench = Bench::new(&Wire { section: json!({ "extra": { "stream": true } }), ..wire() }).await;
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n";
    let picture = pictures::png(64, 64, 2);
    let chunk = |data: &str, end: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"inlineData\":{{\"data\":\"{data}\"}}}}]}}{end}}}]}}\n\n"
        )
    };
    let draft = chunk(&STANDARD.encode(pictures::png(64, 64, 1)), "");
    let last = chunk(&STANDARD.encode(&picture), ",\"finishReason\":\"STOP\"");
    bench.peer.answers([
        Answer::raw(200, "text/event-stream", draft + &last),
        Answer::raw(200, "text/event-stream", blocked),
    ]);
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), [picture]);
    assert_eq!(bench.fails().await.class, ErrorClass::ModerationInput);
    let sent = &bench.creates()[0];
    assert_eq!(sent.path(), "/v1beta/models/gemini-3-pro-image:streamGenerateContent");
    assert_eq!(sent.http.query, "alt=sse");
    assert!(sent.http.json().unwrap().get("stream").is_none());
}

#[tokio::test]
async fn vertex_takes_the_same_body_with_a_token() {
    let base = "/v1beta1/projects/p/locations/global/publishers/google";
    let section = json!({ "api_keys": ["ya29.token"] });
    let bench = Bench::new(&Wire { base, section, ..wire() }).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&bench.words("猫")).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!(sent.path(), format!("{base}/models/gemini-3-pro-image:generateContent"));
    assert_eq!((sent.key.as_deref(), sent.headers().get("x-goog-api-key")), (Some("ya29.token"), None));
}

#[tokio::test]
async fn a_refused_size_steps_down_and_an_unknown_field_goes() {
    let bench = Bench::new(&wire()).await;
    let large = GenerateRequest {
        output: Output { tier: Some(4), ratio: Some((16, 9)), size: None },
        ..bench.words("猫")
    };
    let unknown = "Invalid JSON payload received. Unknown name \"aspectRatio\" at 'generation_config.image_config': Cannot find field.";
    bench.peer.answers([
        Answer::sample(400, "gemini_native/error_invalid_argument.json"),
        error(400, "INVALID_ARGUMENT", unknown),
    ]);
    for _ in 0..2 {
        assert_eq!(bench.ask(&large).await.unwrap_err().retry, Retry::Corrected);
    }
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&large).await.unwrap();
    let sent: Vec<_> = bench
        .creates()
        .iter()
        .map(|sent| sent.http.json().unwrap()["generationConfig"]["imageConfig"].clone())
        .collect();
    let expected = [
        json!({ "aspectRatio": "16:9", "imageSize": "4K" }),
        json!({ "aspectRatio": "16:9", "imageSize": "2K" }),
        json!({ "imageSize": "2K" }),
    ];
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_model_that_only_talked_is_told_to_draw() {
    let bench = Bench::new(&wire()).await;
    bench.peer.answer(Answer::sample(200, "gemini_native/no_image_text_only.json"));
    let error = bench.fails().await;
    assert_eq!((error.class, error.said.as_str()), (ErrorClass::Empty, "I can describe it instead."));
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&bench.words("一只猫")).await.unwrap();
    let text =
        |at: usize| bench.creates()[at].http.json().unwrap()["contents"][0]["parts"][0]["text"].clone();
    assert_eq!((text(0), text(1)), (json!("一只猫"), json!("一只猫\n\n(Generate an image.)")));
    // Only the job that was answered so.
    let other = Bench::new(&wire()).await;
    assert_ne!(other.cx.job, bench.cx.job);
    let cx = &other.cx;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.provider.generate(&bench.words("狗"), cx).await.unwrap();
    assert_eq!(text(2), json!("狗"));
}

#[tokio::test]
async fn more_than_google_takes_is_not_even_sent() {
    let bench = Bench::new(&wire()).await;
    // No picture that could be made smaller.
    let large = (PictureFormat::Png, vec![7; 15 << 20].into());
    let error = bench.ask(&Bench::edit(&[large])).await.unwrap_err();
    let expected = (ErrorClass::TooLarge, Retry::NextProvider, Charged::No);
    assert_eq!((error.class, error.retry, error.charged), expected, "{error:?}");
    assert!(bench.peer.requests().is_empty());
}

#[tokio::test]
async fn references_are_made_as_small_as_google_takes_them() {
    let bench = Bench::new(&wire()).await;
    let (heavy, light) = (pictures::png_of_length(5 << 20, 1), pictures::png(64, 64, 2));
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    let given = [(PictureFormat::Png, heavy), (PictureFormat::Png, light.clone())];
    bench.ask(&Bench::edit(&given)).await.unwrap();
    let sent = bench.creates()[0].http.json().unwrap();
    let part = |nth: usize| &sent["contents"][0]["parts"][1 + nth]["inlineData"];
    assert_eq!(part(0)["mimeType"], "image/jpeg");
    assert!(part(0)["data"].as_str().unwrap().len() < 4_000_000 / 3 * 4);
    assert_eq!(part(1)["data"], STANDARD.encode(&light), "what fits stays as it is");
    // Together they would be too long, though each of them is taken.
    let photos: Vec<_> =
        (0..14).map(|seed| (PictureFormat::Png, pictures::png_of_length(1_500_000, seed))).collect();
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&Bench::edit(&photos)).await.unwrap();
    let sent = bench.creates()[1].http.body.len();
    assert!(sent < 19_000_000, "{sent} bytes");
}

#[tokio::test]
async fn what_a_refusal_means_for_the_key() {
    let bench = Bench::new(&wire()).await;
    let quota = |id: &str, limit: &str| {
        let details = json!([{ "violations": [{ "quotaId": id }] }, { "retryDelay": "3s" }]);
        Answer::json(
            429,
            &json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": format!("You exceeded your current quota, limit: {limit}"), "details": details } }),
        )
    };
    let cool = |seconds| KeyVerdict::Cool(std::time::Duration::from_secs_f64(seconds));
    for (answer, class, key) in [
        (
            Answer::sample(400, "gemini_native/error_api_key_invalid.json"),
            ErrorClass::Auth,
            KeyVerdict::Disable,
        ),
        (Answer::sample(403, "gemini_native/error_permission.json"), ErrorClass::Auth, cool(600.0)),
        (Answer::sample(429, "gemini_native/error_rate_minute.json"), ErrorClass::Rate, cool(34.4)),
        (quota("PerMinutePerProject", "10"), ErrorClass::Rate, cool(3.0)),
        (quota("PerMinutePerProject-FreeTier", "0"), ErrorClass::Quota, KeyVerdict::OutOfQuota),
        (quota("PerDayPerProject", "250"), ErrorClass::Quota, KeyVerdict::OutOfQuota),
        (
            error(400, "FAILED_PRECONDITION", "User location is not supported."),
            ErrorClass::NotFound,
            KeyVerdict::Fine,
        ),
    ] {
        let described = format!("{answer:?}");
        bench.peer.answer(answer);
        let error = bench.fails().await;
        assert_eq!((error.class, error.key), (class, key), "{described}: {error:?}");
    }
}

#[tokio::test]
async fn a_block_after_the_picture_withholds_it() {
    let bench = Bench::new(&wire()).await;
    let data = STANDARD.encode(pictures::png(64, 64, 1));
    let stopped = |reason: &str| {
        let content = json!({ "parts": [{ "inlineData": { "mimeType": "image/png", "data": data } }] });
        Answer::json(200, &json!({ "candidates": [{ "content": content, "finishReason": reason }] }))
    };
    bench.peer.answers([stopped("PROHIBITED_CONTENT"), stopped("MAX_TOKENS")]);
    let error = bench.fails().await;
    assert_eq!((error.class, error.charged), (ErrorClass::ModerationOutput, Charged::Maybe));
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap().len(), 1, "a picture that came is one");
}

#[tokio::test]
async fn the_bill_is_read_in_googles_words() {
    let bench = Bench::new(&wire()).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    let made = bench.provider.generate(&bench.words("猫"), &bench.cx).await.unwrap();
    let usage = made.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost), (Some(12), Some(1290), None));
}
