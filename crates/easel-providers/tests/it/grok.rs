//! xAI's pictures.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{Charged, ErrorClass, KeyVerdict, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{pictures, provider::Answer};
use serde_json::{Value, json};

use crate::{
    openai_images,
    replay::{self, Ends},
    suite::{Bench, Case, Shown, Wire, case, openai_echoes},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    let sample = |status, name: &str| Answer::sample(status, &format!("xai/{name}.json"));
    let refused = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X";
    Wire {
        empty: vec![
            vec![Answer::no_data()],
            vec![Answer::json(200, &json!({ "data": [{ "revised_prompt": "" }] }))],
        ],
        moderated_input: vec![
            case("bad request", plain(400, refused), ModerationInput),
            case("forbidden", plain(403, refused), ModerationInput),
        ],
        moderated_output: vec![
            case("silent", sample(200, "generations_moderated_silently"), ModerationOutput),
            case("no entry", sample(200, "generations_empty_data"), ModerationOutput),
            case("told", plain(400, "Generated image rejected by content moderation."), ModerationOutput),
        ],
        failures: vec![
            case("wrong key", sample(400, "error_code_and_string"), Auth),
            case("no key", plain(401, "No authorization header"), Auth),
            case("no right", plain(403, "The API key lacks permission for this model."), Auth),
            case("no credits", sample(403, "error_no_credits"), Quota),
            case("limit of the bill", sample(429, "error_no_credits"), Quota),
            case("too many requests", plain(429, "Too many requests"), Rate),
            case("unavailable", sample(503, "error_unavailable"), Overload),
            case("envelope", sample(400, "error_openai_shape"), BadRequest),
            case("text", sample(400, "error_string_only"), BadRequest),
            case("field", sample(422, "error_invalid_field"), BadRequest),
            case("content type", sample(415, "error_missing_content_type"), BadRequest),
            case("no such model", plain(404, "The model grok-2-image does not exist"), NotFound),
        ],
        echoes,
        ..Wire::new("grok", "grok-imagine-image-2.0", openai_images::success)
    }
}

/// The two bodies that are not OpenAI's hold their text in `error`.
fn plain(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({ "code": "Some code in words", "error": text }))
}

fn echoes(text: &str) -> Vec<Case> {
    let mut cases = openai_echoes(text);
    cases.push(case("code and text", plain(400, text), ErrorClass::BadRequest));
    cases.push(case("busy", plain(429, text), ErrorClass::Rate));
    cases
}

#[tokio::test]
async fn every_sample_is_understood() {
    use ErrorClass::{Auth, BadRequest, ModerationOutput, Overload, Quota};
    let rows = [
        ("generations_ok_b64", 200, Ends::With(0)),
        ("generations_ok_url", 200, Ends::With(0)),
        ("generations_moderated_silently", 200, Ends::As(ModerationOutput)),
        ("generations_empty_data", 200, Ends::As(ModerationOutput)),
        ("error_openai_shape", 400, Ends::As(BadRequest)),
        ("error_code_and_string", 400, Ends::As(Auth)),
        ("error_string_only", 400, Ends::As(BadRequest)),
        ("error_invalid_field", 422, Ends::As(BadRequest)),
        ("error_missing_content_type", 415, Ends::As(BadRequest)),
        ("error_unavailable", 503, Ends::As(Overload)),
        ("error_no_credits", 403, Ends::As(Quota)),
        ("error_no_credits", 429, Ends::As(Quota)),
    ];
    replay::folder(&wire(), "xai", &rows, &["generations_request", "edits_request", "video_"]).await;
}

async fn sent(section: Value, change: impl FnOnce(&mut GenerateRequest)) -> (String, Value) {
    let bench = Bench::new(&Wire { section, ..wire() }).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    let mut request = bench.words("猫");
    change(&mut request);
    bench.ask(&request).await.unwrap();
    let sent = &bench.creates()[0];
    (sent.path().to_owned(), sent.http.json().unwrap())
}

const OPEN: Output = Output { size: None, ratio: None, tier: None };

#[tokio::test]
async fn words_and_wishes_go_out_as_xai_names_them() {
    let wish = |size, ratio, tier| Output { size, ratio, tier };
    for (output, fields) in [
        (OPEN, json!({})),
        (wish(None, Some((16, 9)), Some(2)), json!({ "aspect_ratio": "16:9", "resolution": "2k" })),
        (wish(None, None, Some(1)), json!({ "resolution": "1k" })),
        (wish(Some((1024, 1024)), None, None), json!({ "aspect_ratio": "1:1", "resolution": "1k" })),
        (wish(Some((900, 1950)), None, None), json!({ "aspect_ratio": "9:19.5", "resolution": "2k" })),
        (wish(None, Some((21, 9)), None), json!({ "aspect_ratio": "20:9" })),
        (wish(None, Some((4, 5)), None), json!({ "aspect_ratio": "3:4" })),
    ] {
        let (path, body) = sent(json!({}), |request| request.output = output).await;
        let mut expected = json!({ "model": "grok-imagine-image-2.0", "prompt": "猫" });
        expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!((path.as_str(), body), ("/v1/images/generations", expected), "{output:?}");
    }
    let extra = json!({ "extra": { "quality": "low", "aspect_ratio": "3:2", "resolution": "2k" } });
    let (_, body) = sent(extra.clone(), |request| request.count = 4).await;
    assert_eq!(
        body,
        json!({ "model": "grok-imagine-image-2.0", "prompt": "猫", "n": 4, "quality": "low", "aspect_ratio": "3:2", "resolution": "2k" })
    );
    let (_, body) = sent(extra, |request| request.output = wish(None, Some((1, 1)), Some(1))).await;
    assert_eq!((&body["aspect_ratio"], &body["resolution"]), (&json!("1:1"), &json!("1k")));
}

#[tokio::test]
async fn edits_are_json_with_one_picture_or_several() {
    let given = [
        (PictureFormat::Png, pictures::png(64, 64, 1)),
        (PictureFormat::Jpeg, pictures::jpeg(64, 64, 2)),
        (PictureFormat::Webp, pictures::webp(64, 64, 3)),
    ];
    let picture = |nth: usize| {
        let (format, bytes) = &given[nth];
        json!({ "url": format!("data:{};base64,{}", format.mime(), STANDARD.encode(bytes)), "type": "image_url" })
    };
    let (path, body) = sent(json!({}), |request| *request = Bench::edit(&given[..1])).await;
    let expected = json!({ "model": "grok-imagine-image-2.0", "prompt": "换成雨夜", "image": picture(0) });
    assert_eq!((path.as_str(), body), ("/v1/images/edits", expected));
    let (_, body) = sent(json!({}), |request| *request = Bench::edit(&given)).await;
    assert_eq!(body["images"], json!([picture(0), picture(1), picture(2)]));
    assert!(body.get("image").is_none(), "never both");
}

#[tokio::test]
async fn gateways_get_their_form() {
    let section = json!({ "extra": { "form": "multipart", "quality": "low" } });
    let bench = Bench::new(&Wire { section, ..wire() }).await;
    let given =
        [(PictureFormat::Png, pictures::png(64, 64, 1)), (PictureFormat::Jpeg, pictures::jpeg(64, 64, 2))];
    for _ in 0..2 {
        bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    }
    bench.ask(&Bench::edit(&given)).await.unwrap();
    bench.ask(&bench.words("猫")).await.unwrap();
    let [edit, words] = &bench.creates()[..] else { panic!("two requests") };
    let pictures: Vec<_> = edit.pictures().into_iter().map(|picture| (picture.name, picture.bytes)).collect();
    assert_eq!(pictures, given.map(|(_, bytes)| ("image".to_owned(), bytes)));
    assert_eq!(edit.prompt().as_deref(), Some("换成雨夜"));
    assert_eq!((edit.field("quality").as_deref(), edit.field("form")), (Some("low"), None));
    assert_eq!(
        words.http.json().unwrap(),
        json!({ "model": "grok-imagine-image-2.0", "prompt": "猫", "quality": "low" })
    );
}

#[tokio::test]
async fn a_part_that_was_withheld_leaves_the_others() {
    let bench = Bench::new(&wire()).await;
    let picture = pictures::png(64, 64, 1);
    let withheld = json!({ "url": null, "b64_json": null, "respect_moderation": false });
    let drawn = json!({ "b64_json": format!("data:image/png;base64,{}", STANDARD.encode(&picture)), "respect_moderation": true });
    bench.peer.answer(Answer::json(200, &json!({ "data": [withheld, drawn] })));
    bench.peer.answer(Answer::json(200, &json!({ "data": [withheld] })));
    let request = GenerateRequest { count: 2, ..bench.words("猫") };
    assert_eq!(bench.ask(&request).await.unwrap(), [picture]);
    let error = bench.ask(&request).await.unwrap_err();
    let expected = (ErrorClass::ModerationOutput, Retry::Never, Charged::Maybe);
    assert_eq!((error.class, error.retry, error.charged), expected);
}

#[tokio::test]
async fn refused_shapes_step_down_for_this_wish_alone() {
    let bench = Bench::new(&wire()).await;
    let wish = |bench: &Bench, ratio| GenerateRequest {
        output: Output { ratio: Some(ratio), tier: Some(2), size: None },
        ..bench.words("猫")
    };
    let long = wish(&bench, (9, 20));
    bench.peer.answers([
        Answer::sample(422, "xai/error_invalid_field.json"),
        plain(400, "resolution 2k is not available for this model"),
    ]);
    for _ in 0..2 {
        assert_eq!(bench.ask(&long).await.unwrap_err().retry, Retry::Corrected);
    }
    for request in [long, wish(&bench, (1, 1))] {
        bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
        bench.ask(&request).await.unwrap();
    }
    let shapes: Vec<_> = bench
        .creates()
        .iter()
        .map(|sent| (sent.field("aspect_ratio").unwrap(), sent.field("resolution").unwrap()))
        .collect();
    let expected = [("9:20", "2k"), ("9:19.5", "2k"), ("9:19.5", "1k"), ("1:1", "1k")];
    assert_eq!(shapes, expected.map(|(ratio, resolution)| (ratio.to_owned(), resolution.to_owned())));
}

#[tokio::test]
async fn what_a_refusal_means_for_the_key() {
    let bench = Bench::new(&wire()).await;
    let rest = KeyVerdict::Cool(std::time::Duration::from_mins(10));
    for (answer, class, key) in [
        (Answer::sample(400, "xai/error_code_and_string.json"), ErrorClass::Auth, rest),
        (plain(401, "no"), ErrorClass::Auth, KeyVerdict::Disable),
        (plain(403, "Your team is blocked."), ErrorClass::Auth, rest),
        (plain(403, "Your team has no licenses."), ErrorClass::Quota, KeyVerdict::OutOfQuota),
        (plain(400, "The prompt may not speak of credit cards"), ErrorClass::BadRequest, KeyVerdict::Fine),
    ] {
        let described = format!("{answer:?}");
        bench.peer.answer(answer);
        let error = bench.fails().await;
        assert_eq!((error.class, error.key), (class, key), "{described}: {error:?}");
    }
}

#[tokio::test]
async fn the_bill_is_in_dollars() {
    let bench = Bench::new(&wire()).await;
    let data = json!([{ "b64_json": STANDARD.encode(pictures::png(64, 64, 1)) }]);
    bench
        .peer
        .answer(Answer::json(200, &json!({ "data": data, "usage": { "cost_in_usd_ticks": 200_000_000 } })));
    let made = bench.provider.generate(&bench.words("猫"), &bench.cx).await.unwrap();
    assert_eq!(made.usage.cost, Some(0.02));
}
