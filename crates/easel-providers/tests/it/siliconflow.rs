//! SiliconFlow.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{ErrorClass, KeyVerdict, Retry},
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
    suite::{Bench, Case, Shown, Wire, case},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate};
    let sample = |status, name: &str| Answer::sample(status, &format!("siliconflow/{name}.json"));
    Wire {
        inline: false,
        empty: vec![
            vec![Answer::json(200, &json!({ "images": [], "timings": {}, "seed": 1 }))],
            vec![Answer::no_data()],
        ],
        moderated_input: vec![
            case("status", text(451, "Unavailable For Legal Reasons"), ModerationInput),
            case("words", coded(400, 20015, "The prompt contains sensitive content."), ModerationInput),
            case("chinese words", coded(400, 20015, "提示词包含敏感内容"), ModerationInput),
        ],
        moderated_output: vec![],
        failures: vec![
            case("wrong key", sample(401, "error_invalid_token"), Auth),
            case("balance", sample(403, "error_balance"), Quota),
            case("balance in a success", sample(200, "error_balance"), Quota),
            case("balance in words", text(403, "账户余额不足"), Quota),
            case("no right", sample(403, "error_forbidden_string"), NotFound),
            case("nobody", coded(403, 30003, "Real-name verification is required."), NotFound),
            case("minute", sample(429, "error_rate_limit_ipm"), Rate),
            case("overloaded", sample(503, "error_overloaded"), Overload),
            case("busy", coded(400, 50603, "System is too busy now."), Overload),
            case("busy in a success", coded(200, 50603, "System is too busy now."), Overload),
            case("parameter", coded(400, 20015, "batch_size must be at most 4"), BadRequest),
            case("no such model", sample(400, "error_model_missing"), NotFound),
            case("no such route", sample(404, "error_not_found"), NotFound),
        ],
        echoes,
        ..Wire::new("siliconflow", "Kwai-Kolors/Kolors", success)
    }
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let entry = |shown: &Shown| match shown {
        Shown::Inline(bytes) => json!({ "url": format!("data:image/png;base64,{}", STANDARD.encode(bytes)) }),
        Shown::Link(link) => json!({ "url": link }),
    };
    let images: Vec<Value> = results.iter().map(entry).collect();
    vec![Answer::json(200, &json!({ "images": images, "timings": { "inference": 3.41 }, "seed": 42 }))]
}

fn coded(status: u16, code: u32, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message, "data": null }))
}

/// A body that is nothing but a JSON string.
fn text(status: u16, words: &str) -> Answer {
    Answer::json(status, &json!(words))
}

fn echoes(words: &str) -> Vec<Case> {
    vec![
        case("parameter", coded(400, 20015, words), ErrorClass::BadRequest),
        case("string", text(400, words), ErrorClass::BadRequest),
        case("no JSON", Answer::raw(400, "text/plain", words.to_owned()), ErrorClass::BadRequest),
        case("busy", Answer::json(429, &json!({ "message": words, "data": "" })), ErrorClass::Rate),
        case("failed", text(500, words), ErrorClass::Overload),
    ]
}

#[tokio::test]
async fn every_sample_is_understood() {
    use ErrorClass::{Auth, NotFound, Overload, Quota, Rate};
    let rows = [
        ("generations_ok", 200, Ends::With(0)),
        ("generations_ok_with_mirror", 200, Ends::With(0)),
        ("error_model_missing", 400, Ends::As(NotFound)),
        ("error_invalid_token", 401, Ends::As(Auth)),
        ("error_forbidden_string", 403, Ends::As(NotFound)),
        ("error_balance", 403, Ends::As(Quota)),
        ("error_not_found", 404, Ends::As(NotFound)),
        ("error_rate_limit_ipm", 429, Ends::As(Rate)),
        ("error_overloaded", 503, Ends::As(Overload)),
    ];
    replay::folder(&wire(), "siliconflow", &rows, &["generations_request", "user_info", "video_"]).await;
}

const OPEN: Output = Output { size: None, ratio: None, tier: None };

async fn sent(model: &'static str, section: Value, change: impl FnOnce(&mut GenerateRequest)) -> Value {
    let bench = Bench::new(&Wire { model, section, ..wire() }).await;
    let link = bench.peer.host_picture(pictures::png(64, 64, 1));
    bench.succeeds(&[Shown::Link(link)]);
    let mut request = bench.words("猫");
    change(&mut request);
    bench.ask(&request).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!(sent.path(), "/v1/images/generations");
    sent.http.json().unwrap()
}

#[tokio::test]
async fn sizes_follow_the_list_of_the_model() {
    let wish = |size, ratio, tier| Output { size, ratio, tier };
    for (model, output, size) in [
        ("Kwai-Kolors/Kolors", OPEN, "1024x1024"),
        ("Kwai-Kolors/Kolors", wish(None, Some((9, 16)), None), "720x1280"),
        ("Kwai-Kolors/Kolors", wish(None, Some((16, 9)), None), "1024x1024"),
        ("Kwai-Kolors/Kolors", wish(Some((700, 1400)), None, None), "720x1440"),
        ("Qwen/Qwen-Image", OPEN, "1328x1328"),
        ("Qwen/Qwen-Image", wish(None, Some((16, 9)), Some(1)), "1664x928"),
        ("Qwen/Qwen-Image", wish(None, Some((3, 2)), None), "1584x1056"),
        ("Tongyi-MAI/Z-Image-Turbo", wish(None, Some((3, 4)), None), "768x1024"),
        ("black-forest-labs/FLUX.2-pro", wish(None, Some((4, 3)), None), "1024x768"),
        ("Some/New-Model", wish(None, Some((9, 16)), None), "576x1024"),
    ] {
        let body = sent(model, json!({}), |request| request.output = output).await;
        assert_eq!(body, json!({ "model": model, "prompt": "猫", "image_size": size }), "{output:?}");
    }
    let model = "black-forest-labs/FLUX.1-Kontext-pro";
    let body = sent(model, json!({}), |request| request.output = wish(None, Some((16, 9)), None)).await;
    assert_eq!(body, json!({ "model": model, "prompt": "猫", "aspect_ratio": "16:9" }));
}

#[tokio::test]
async fn the_owners_fields_go_along() {
    let extra = json!({ "negative_prompt": "blurry", "seed": 42, "image_size": "960x1280" });
    let section = json!({ "extra": extra });
    let open = sent("Kwai-Kolors/Kolors", section.clone(), |request| request.count = 3).await;
    let expected = json!({ "model": "Kwai-Kolors/Kolors", "prompt": "猫", "negative_prompt": "blurry", "seed": 42,
        "image_size": "960x1280", "batch_size": 3 });
    assert_eq!(open, expected);
    let square = Output { ratio: Some((1, 1)), ..OPEN };
    let wished = sent("Kwai-Kolors/Kolors", section, |request| request.output = square).await;
    assert_eq!(wished["image_size"], "1024x1024");
}

#[tokio::test]
async fn only_kolors_draws_several() {
    for (model, count) in [("Kwai-Kolors/Kolors", 4), ("Qwen/Qwen-Image", 1), ("Some/New-Model", 1)] {
        let bench = Bench::new(&Wire { model, ..wire() }).await;
        assert_eq!(bench.provider.capabilities().max_count, count, "{model}");
    }
    let body = sent("Qwen/Qwen-Image", json!({}), |request| request.count = 3).await;
    assert!(body.get("batch_size").is_none() && body.get("n").is_none(), "{body}");
}

#[tokio::test]
async fn editing_models_take_their_pictures_in_fields_and_no_size() {
    let given = [
        (PictureFormat::Png, pictures::png(64, 64, 1)),
        (PictureFormat::Jpeg, pictures::jpeg(64, 64, 2)),
        (PictureFormat::Webp, pictures::webp(64, 64, 3)),
    ];
    let url = |nth: usize| {
        let (format, bytes): &(PictureFormat, bytes::Bytes) = &given[nth];
        format!("data:{};base64,{}", format.mime(), STANDARD.encode(bytes))
    };
    let model = "Qwen/Qwen-Image-Edit-2509";
    let section = json!({ "extra": { "image_size": "1024x1024", "cfg": 4.0 } });
    let body = sent(model, section, |request| {
        *request = GenerateRequest { output: Output { tier: Some(1), ..OPEN }, ..Bench::edit(&given) };
    })
    .await;
    let expected = json!({ "model": model, "prompt": "换成雨夜", "cfg": 4.0, "image": url(0), "image2": url(1), "image3": url(2) });
    assert_eq!(body, expected);
    let model = "Qwen/Qwen-Image-Edit";
    let body = sent(model, json!({}), |request| *request = Bench::edit(&given[..1])).await;
    assert_eq!(body, json!({ "model": model, "prompt": "换成雨夜", "image": url(0) }));
    // Kolors takes a picture and needs a size: the one nearest to the picture's.
    let body = sent("Kwai-Kolors/Kolors", json!({}), |request| *request = Bench::edit(&given[..1])).await;
    assert_eq!((&body["image"], &body["image_size"]), (&json!(url(0)), &json!("1024x1024")));
    let kontext = "black-forest-labs/FLUX.1-Kontext-max";
    let body = sent(kontext, json!({}), |request| *request = Bench::edit(&given[..1])).await;
    assert_eq!(body, json!({ "model": kontext, "prompt": "换成雨夜", "input_image": url(0) }));
}

#[tokio::test]
async fn capabilities_follow_the_model() {
    for (model, generate, references, tier) in [
        ("Kwai-Kolors/Kolors", true, 1, Some(1)),
        ("Qwen/Qwen-Image", true, 0, Some(1)),
        ("Qwen/Qwen-Image-Edit", false, 1, Some(1)),
        ("Qwen/Qwen-Image-Edit-2509", false, 3, Some(1)),
        ("Tongyi-MAI/Z-Image-Turbo", true, 0, Some(1)),
        ("black-forest-labs/FLUX.1-schnell", true, 0, Some(1)),
        ("black-forest-labs/FLUX-1.1-pro", true, 0, Some(1)),
        ("black-forest-labs/FLUX.1-Kontext-pro", true, 1, Some(1)),
        ("stabilityai/stable-diffusion-3-5-large", true, 0, Some(1)),
        // Unknown fields are left out without a word: a picture beside the words might be paid and not looked at.
        ("Some/New-Model", true, 0, Some(1)),
    ] {
        let bench = Bench::new(&Wire { model, ..wire() }).await;
        let made = bench.provider.capabilities();
        assert_eq!(
            (made.generate, made.max_references, made.max_tier),
            (generate, references, tier),
            "{model}"
        );
        assert_eq!(made.edit, references > 0, "{model}");
    }
    let told = Wire { model: "Some/New-Model", section: json!({ "supports_edit": true }), ..wire() };
    let made = Bench::new(&told).await.provider.capabilities();
    assert_eq!((made.edit, made.max_references), (true, 1), "the owner knows");
}

#[tokio::test]
async fn shapes_follow_the_model() {
    const WIDE: (u32, u32) = (16, 9);
    for (model, expected) in [
        ("Kwai-Kolors/Kolors", false),
        ("Qwen/Qwen-Image", true),
        ("Qwen/Qwen-Image-Edit", false),
        ("Tongyi-MAI/Z-Image-Turbo", true),
        ("black-forest-labs/FLUX.1-Kontext-pro", true),
        ("Some/New-Model", true),
    ] {
        let shapes = Bench::new(&Wire { model, ..wire() }).await.provider.capabilities().shapes;
        assert_eq!(shapes.meet(WIDE, [(64, 64)]), expected, "{model} {shapes:?}");
        assert!(shapes.meet((1, 1), [(64, 64)]), "{model} {shapes:?}");
    }
}

#[tokio::test]
async fn a_refused_size_steps_to_the_next_one() {
    let bench = Bench::new(&wire()).await;
    let tall = GenerateRequest { output: Output { ratio: Some((9, 16)), ..OPEN }, ..bench.words("猫") };
    bench.peer.answer(coded(400, 20015, "The parameter image_size is invalid."));
    assert_eq!(bench.ask(&tall).await.unwrap_err().retry, Retry::Corrected);
    let link = bench.peer.host_picture(pictures::png(64, 64, 1));
    bench.succeeds(&[Shown::Link(link)]);
    bench.ask(&tall).await.unwrap();
    let sizes: Vec<_> = bench.creates().iter().map(|sent| sent.field("image_size").unwrap()).collect();
    assert_eq!(sizes, ["720x1280", "768x1024"]);
}

#[tokio::test]
async fn what_a_refusal_means_for_the_key() {
    let bench = Bench::new(&wire()).await;
    let cool = |minutes| KeyVerdict::Cool(std::time::Duration::from_mins(minutes));
    let day = |date: &str| {
        let limited = Answer::json(
            429,
            &json!({ "message": "Request was rejected due to rate limiting. Details:IPD limit reached." }),
        );
        if date.is_empty() { limited } else { limited.header("date", date) }
    };
    for (answer, class, retry, key) in [
        (
            Answer::sample(401, "siliconflow/error_invalid_token.json"),
            ErrorClass::Auth,
            Retry::NextKey,
            KeyVerdict::Disable,
        ),
        (
            Answer::sample(403, "siliconflow/error_forbidden_string.json"),
            ErrorClass::NotFound,
            Retry::NextKey,
            cool(10),
        ),
        (
            Answer::sample(403, "siliconflow/error_balance.json"),
            ErrorClass::Quota,
            Retry::NextKey,
            KeyVerdict::OutOfQuota,
        ),
        (
            Answer::sample(429, "siliconflow/error_rate_limit_ipm.json"),
            ErrorClass::Rate,
            Retry::NextKey,
            cool(1),
        ),
        // Half past eleven in the evening in China.
        (day("Sun, 01 Nov 2026 15:30:00 GMT"), ErrorClass::Rate, Retry::NextKey, cool(30)),
        (day("no date"), ErrorClass::Rate, Retry::NextKey, cool(60)),
        (Answer::raw(403, "text/html", "<html>"), ErrorClass::Auth, Retry::NextKey, cool(10)),
    ] {
        let described = format!("{answer:?}");
        bench.peer.answer(answer);
        let error = bench.fails().await;
        assert_eq!((error.class, error.retry, error.key), (class, retry, key), "{described}: {error:?}");
    }
}
