//! Volcengine Ark.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{ErrorClass, KeyVerdict, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{pictures, provider::Answer};
use serde_json::{Value, json};

use crate::{
    openai_images,
    replay::{self, Ends},
    suite::{Bench, Case, Shown, Wire, case},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    let sample = |status, name: &str| Answer::sample(status, &format!("volcengine_ark/{name}.json"));
    Wire {
        moderated_input: vec![
            case("text", sample(400, "error_input_text_sensitive"), ModerationInput),
            case("picture", sample(400, "error_input_image_sensitive"), ModerationInput),
            case("face", sample(400, "error_input_image_privacy"), ModerationInput),
            case("risk", error(400, "InputTextRiskDetection", "risk"), ModerationInput),
            case("violence", error(400, "SensitiveContentDetected.Violence", "no"), ModerationInput),
        ],
        moderated_output: vec![
            case("picture", sample(400, "error_output_image_sensitive"), ModerationOutput),
            case("in a success", sample(200, "generations_200_top_level_error"), ModerationOutput),
            case(
                "all of a set",
                failed_set("OutputImageSensitiveContentDetected.Copyright"),
                ModerationOutput,
            ),
        ],
        failures: vec![
            case("wrong key", sample(401, "error_authentication"), Auth),
            case("no right", error(403, "AccessDenied", "no"), Auth),
            case("overdue", sample(403, "error_overdue"), Quota),
            case("own limit", sample(429, "error_set_limit"), Quota),
            case("trial used up", sample(429, "error_quota_exceeded"), Quota),
            case("queue", error(429, "QuotaExceeded", "Too many queued tasks."), Rate),
            case("minute", sample(429, "error_rate_limit"), Rate),
            case("busy", sample(429, "error_server_overloaded"), Overload),
            case("internal", sample(500, "error_internal"), Overload),
            case("checker", error(400, "ContentSecurityDetectionError", "failed"), Overload),
            case("field", sample(400, "error_pro_rejects_batch_field"), BadRequest),
            case("picture's address", error(400, "InvalidImageURL.InvalidFormat", "no"), BadRequest),
            case("pixels", error(400, "InvalidArgumentError.InvalidPixelLimit", "no"), ErrorClass::TooLarge),
            case("not activated", sample(404, "error_model_not_open"), NotFound),
            case("no such model", sample(404, "error_model_not_found"), NotFound),
            case("closed", error(400, "InvalidEndpoint.ClosedEndpoint", "no"), NotFound),
            case("failed set", failed_set("InternalServiceError"), Overload),
        ],
        echoes,
        webp: false,
        ..Wire::new("ark", "doubao-seedream-4-0-250828", openai_images::success)
    }
}

fn error(status: u16, code: &str, message: &str) -> Answer {
    let error = json!({ "code": code, "message": message, "param": "", "type": "BadRequest" });
    Answer::json(status, &json!({ "error": error }))
}

/// A success in which every picture failed.
fn failed_set(code: &str) -> Answer {
    let failed = json!({ "error": { "code": code, "message": "The request failed." } });
    Answer::json(200, &json!({ "model": "m", "data": [failed, failed], "usage": { "generated_images": 0 } }))
}

fn echoes(text: &str) -> Vec<Case> {
    let item = json!({ "error": { "code": "InternalServiceError", "message": text } });
    vec![
        case("parameter", error(400, "InvalidParameter", text), ErrorClass::BadRequest),
        case("internal", error(500, "InternalServiceError", text), ErrorClass::Overload),
        case("rate", error(429, "RateLimitExceeded.Foo", text), ErrorClass::Rate),
        case("item", Answer::json(200, &json!({ "data": [item] })), ErrorClass::Overload),
    ]
}

#[tokio::test]
async fn every_sample_is_understood() {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    let rows = [
        ("generations_ok_b64", 200, Ends::With(0)),
        ("generations_ok_url", 200, Ends::With(0)),
        ("generations_partial_failure", 200, Ends::With(0)),
        ("stream_events", 200, Ends::With(0)),
        ("generations_200_top_level_error", 200, Ends::As(ModerationOutput)),
        ("error_authentication", 401, Ends::As(Auth)),
        ("error_overdue", 403, Ends::As(Quota)),
        ("error_model_not_open", 404, Ends::As(NotFound)),
        ("error_model_not_found", 404, Ends::As(NotFound)),
        ("error_invalid_size", 400, Ends::As(BadRequest)),
        ("error_pro_rejects_batch_field", 400, Ends::As(BadRequest)),
        ("error_input_text_sensitive", 400, Ends::As(ModerationInput)),
        ("error_input_image_sensitive", 400, Ends::As(ModerationInput)),
        ("error_input_image_privacy", 400, Ends::As(ModerationInput)),
        ("error_output_image_sensitive", 400, Ends::As(ModerationOutput)),
        ("error_rate_limit", 429, Ends::As(Rate)),
        ("error_set_limit", 429, Ends::As(Quota)),
        ("error_quota_exceeded", 429, Ends::As(Quota)),
        ("error_server_overloaded", 429, Ends::As(Overload)),
        ("error_internal", 500, Ends::As(Overload)),
    ];
    replay::folder(&wire(), "volcengine_ark", &rows, &["generations_request", "video_"]).await;
}

const OPEN: Output = Output { size: None, ratio: None, tier: None };

/// The body that is sent.
async fn body(model: &'static str, section: Value, change: impl FnOnce(&mut GenerateRequest)) -> Value {
    let bench = Bench::new(&Wire { model, section, ..wire() }).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    let mut request = bench.words("猫");
    change(&mut request);
    bench.ask(&request).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!(sent.path(), "/api/v3/images/generations");
    sent.http.json().unwrap()
}

#[tokio::test]
async fn words_go_out_without_a_watermark_and_nothing_else() {
    for model in ["doubao-seedream-4-5-251128", "doubao-seedream-5-0-pro-260628", "ep-20261101-abcde"] {
        let body = body(model, json!({}), |_| {}).await;
        assert_eq!(body, json!({ "model": model, "prompt": "猫", "watermark": false }));
    }
    let section = json!({ "extra": { "watermark": true, "size": "2K", "output_format": "png" } });
    let wide = Output { ratio: Some((16, 9)), ..OPEN };
    let model = "doubao-seedream-5-0-260128";
    let open = body(model, section.clone(), |_| {}).await;
    assert_eq!(
        open,
        json!({ "model": model, "prompt": "猫", "watermark": true, "size": "2K", "output_format": "png" })
    );
    let wished = body(model, section, |request| request.output = wide).await;
    assert_eq!(wished["size"], "2848x1600");
}

#[tokio::test]
async fn sizes_follow_the_row_of_the_model() {
    let wish = |size, ratio, tier| Output { size, ratio, tier };
    for (model, output, size) in [
        ("doubao-seedream-4-0-250828", wish(None, None, Some(1)), "1K"),
        ("doubao-seedream-4-5-251128", wish(None, None, Some(1)), "2K"),
        ("doubao-seedream-4-5-251128", wish(None, Some((1, 1)), Some(4)), "4096x4096"),
        ("doubao-seedream-4-0-250828", wish(Some((1024, 1024)), None, None), "1024x1024"),
        ("doubao-seedream-4-5-251128", wish(Some((1024, 1024)), None, None), "1920x1920"),
        ("doubao-seedream-5-0-pro-260628", wish(None, Some((9, 16)), Some(4)), "1600x2848"),
    ] {
        let body = body(model, json!({}), |request| request.output = output).await;
        assert_eq!(body["size"], size, "{model} {output:?}");
    }
    // The oldest editor keeps the shape of its picture and can't do without one.
    let bench = Bench::new(&Wire { model: "doubao-seededit-3-0-i2i-250628", ..wire() }).await;
    let capabilities = bench.provider.capabilities();
    assert!(!capabilities.generate && capabilities.edit && capabilities.max_references == 1);
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    let request = Bench::edit(&[(PictureFormat::Png, pictures::png(64, 64, 2))]);
    bench.ask(&GenerateRequest { output: wish(None, Some((1, 1)), None), ..request }).await.unwrap();
    assert_eq!(bench.creates()[0].http.json().unwrap().get("size"), None);
}

#[tokio::test]
async fn references_are_one_picture_or_a_list() {
    let bench = Bench::new(&wire()).await;
    let given =
        [(PictureFormat::Png, pictures::png(64, 64, 1)), (PictureFormat::Jpeg, pictures::jpeg(64, 64, 2))];
    let url = |nth: usize, kind: &str| format!("data:image/{kind};base64,{}", STANDARD.encode(&given[nth].1));
    for count in [1, 2] {
        bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
        bench.ask(&Bench::edit(&given[..count])).await.unwrap();
    }
    let image = |at: usize| bench.creates()[at].http.json().unwrap()["image"].clone();
    assert_eq!(image(0), json!(url(0, "png")));
    assert_eq!(image(1), json!([url(0, "png"), url(1, "jpeg")]));
}

#[tokio::test]
async fn sets_are_asked_for_only_where_the_model_makes_them() {
    let set = body("doubao-seedream-4-0-250828", json!({}), |request| request.count = 3).await;
    assert_eq!(set["sequential_image_generation"], "auto");
    assert_eq!(set["sequential_image_generation_options"], json!({ "max_images": 3 }));
    assert_eq!(set["prompt"], "猫\n\n(A set of 3 pictures.)");
    for model in ["doubao-seedream-5-0-pro-260628", "ep-20261101-abcde"] {
        let bench = Bench::new(&Wire { model, ..wire() }).await;
        assert_eq!(bench.provider.capabilities().max_count, 1, "{model}");
        let body = body(model, json!({}), |request| request.count = 3).await;
        assert!(body.get("sequential_image_generation").is_none() && body.get("n").is_none(), "{body}");
    }
    // References and results are fifteen together.
    let bench = Bench::new(&wire()).await;
    let given: Vec<_> = (0..13).map(|seed| (PictureFormat::Png, pictures::png(64, 64, seed))).collect();
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&GenerateRequest { count: 4, ..Bench::edit(&given) }).await.unwrap();
    let body = bench.creates()[0].http.json().unwrap();
    assert_eq!(body["sequential_image_generation_options"], json!({ "max_images": 2 }));
}

#[tokio::test]
async fn a_streamed_set_has_a_picture_in_every_partial_event() {
    let bench = Bench::new(&Wire { section: json!({ "extra": { "stream": true } }), ..wire() }).await;
    let all = [pictures::png(64, 64, 1), pictures::png(64, 64, 2)];
    let event = |data: Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let mut body: String = all
        .iter()
        .enumerate()
        .map(|(index, picture)| {
            event(json!({ "type": "image_generation.partial_succeeded", "image_index": index, "b64_json": STANDARD.encode(picture) }))
        })
        .collect();
    let failed = json!({ "code": "OutputImageSensitiveContentDetected", "message": "blocked" });
    let failed =
        event(json!({ "type": "image_generation.partial_failed", "image_index": 2, "error": failed }));
    let end = event(json!({ "type": "image_generation.completed", "usage": { "generated_images": 2 } }));
    let nothing = failed.clone() + &end + "data: [DONE]\n\n";
    body += &failed;
    body += &end;
    body += "data: [DONE]\n\n";
    bench.peer.answers([
        Answer::raw(200, "text/event-stream", body),
        Answer::raw(200, "text/event-stream", nothing),
    ]);
    let request = GenerateRequest { count: 3, ..bench.words("猫") };
    assert_eq!(bench.ask(&request).await.unwrap(), all, "part of a set is better than none");
    let error = bench.ask(&request).await.unwrap_err();
    assert_eq!((error.class, error.retry), (ErrorClass::ModerationOutput, Retry::Never));
}

#[tokio::test]
async fn a_refused_size_steps_down_and_a_refused_field_goes() {
    let bench = Bench::new(&Wire {
        section: json!({ "extra": { "optimize_prompt_options": { "mode": "fast" } } }),
        ..wire()
    })
    .await;
    let wide = GenerateRequest { output: Output { ratio: Some((16, 9)), ..OPEN }, ..bench.words("猫") };
    let refused = |name: &str| {
        error(
            400,
            "InvalidParameter",
            &format!("The parameter `{name}` specified in the request is not valid."),
        )
    };
    bench.peer.answers([
        Answer::sample(400, "volcengine_ark/error_invalid_size.json"),
        refused("optimize_prompt_options"),
    ]);
    for _ in 0..2 {
        assert_eq!(bench.ask(&wide).await.unwrap_err().retry, Retry::Corrected);
    }
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&wide).await.unwrap();
    let sent: Vec<_> = bench.creates().iter().map(|sent| sent.http.json().unwrap()).collect();
    assert_eq!((&sent[0]["size"], &sent[1]["size"]), (&json!("2848x1600"), &json!("1312x736")));
    assert!(sent[2].get("optimize_prompt_options").is_none(), "{}", sent[2]);
}

#[tokio::test]
async fn what_a_code_means_for_the_key() {
    let bench = Bench::new(&wire()).await;
    let minutes = |minutes| KeyVerdict::Cool(std::time::Duration::from_mins(minutes));
    for (status, code, class, key) in [
        (401, "AuthenticationError", ErrorClass::Auth, KeyVerdict::Disable),
        (403, "AccessDenied", ErrorClass::Auth, minutes(10)),
        (403, "OperationDenied.PermissionDenied", ErrorClass::Auth, minutes(10)),
        (403, "OperationDenied.ServiceOverdue", ErrorClass::Quota, KeyVerdict::OutOfQuota),
        (403, "OperationDenied.ServiceNotOpen", ErrorClass::NotFound, KeyVerdict::Fine),
        (429, "ModelAccountRpmRateLimitExceeded", ErrorClass::Rate, minutes(1)),
        (429, "RequestBurstTooFast", ErrorClass::Rate, minutes(1)),
        (429, "SetLimitExceeded", ErrorClass::Quota, KeyVerdict::OutOfQuota),
        (503, "ServiceUnavailable", ErrorClass::Overload, KeyVerdict::Fine),
        (400, "InputImageSensitiveContentDetected.Tomorrow", ErrorClass::ModerationInput, KeyVerdict::Fine),
        (400, "OutputImageRiskDetection.Tomorrow", ErrorClass::ModerationOutput, KeyVerdict::Fine),
        (400, "ACodeOfTomorrow", ErrorClass::BadRequest, KeyVerdict::Fine),
    ] {
        bench.peer.answer(error(status, code, "The request failed. Request id: 1"));
        let error = bench.fails().await;
        assert_eq!((error.class, error.key), (class, key), "{code}: {error:?}");
    }
}
