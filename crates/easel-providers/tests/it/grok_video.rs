//! xAI's clips.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{Charged, ErrorClass, Retry},
    ports::Output,
};
use easel_testkit::{pictures, provider::Answer, samples};
use serde_json::{Value, json};

use crate::{
    clips::{self, Life, Says, frame, words},
    suite::{Case, Wire, case, wire::cases},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    let failed = |message: &str| {
        let error = json!({ "code": "internal", "message": message });
        [created(), Answer::json(200, &json!({ "status": "failed", "error": error }))]
    };
    Wire {
        empty: vec![vec![created(), Answer::json(200, &json!({ "status": "done", "video": { "url": "" } }))]],
        moderated_input: vec![
            case("at once", plain(400, "Content violates usage guidelines."), ModerationInput),
            cases("later", [created(), sample(200, "video_failed")], ModerationInput),
        ],
        moderated_output: vec![
            cases("silent", [created(), sample(200, "video_done_moderated")], ModerationOutput),
            cases("told", failed("Generated video rejected by content moderation."), ModerationOutput),
        ],
        failures: vec![
            case("wrong key", sample(400, "error_code_and_string"), Auth),
            case("no key", plain(401, "No authorization header"), Auth),
            case("no credits", sample(403, "error_no_credits"), Quota),
            case("too many requests", plain(429, "Too many requests"), Rate),
            case("unavailable", sample(503, "error_unavailable"), Overload),
            case("field", sample(422, "error_invalid_field"), BadRequest),
            case("no such model", plain(404, "The model grok-video does not exist"), NotFound),
            cases("failed", failed("The engine stopped."), Overload),
            cases("expired", [created(), sample(200, "video_expired")], ErrorClass::ResultLost),
        ],
        echoes,
        ..clips::wire("grok_video", "grok-imagine-video", |_, results| {
            vec![created(), pending(), done(clips::link(&results[0]))]
        })
    }
}

fn sample(status: u16, name: &str) -> Answer {
    Answer::sample(status, &format!("xai/{name}.json"))
}

fn created() -> Answer {
    sample(200, "video_created")
}

fn pending() -> Answer {
    sample(202, "video_pending")
}

fn done(link: &str) -> Answer {
    let mut done = samples::json("xai/video_done.json");
    done["video"]["url"] = link.into();
    Answer::json(200, &done)
}

fn plain(status: u16, text: &str) -> Answer {
    Answer::json(status, &json!({ "code": "Some code in words", "error": text }))
}

fn echoes(text: &str) -> Vec<Case> {
    let failed = json!({ "status": "failed", "error": { "code": "internal", "message": text } });
    clips::echoes(text, [created(), Answer::json(200, &failed)])
}

fn life() -> Life {
    Life {
        wire: wire(),
        created: created(),
        working: (pending(), Some(35)),
        done,
        id: "req-123",
        question: ("GET", "/v1/videos/req-123"),
    }
}

#[tokio::test]
async fn a_task_lives() {
    clips::lives(life()).await;
    // Pending is also told without a body.
    let empty = (Answer::raw(202, "application/json", ""), None);
    clips::lives(Life { working: empty, ..life() }).await;
}

#[tokio::test]
async fn a_finished_task_needs_no_state() {
    let bench = crate::suite::Bench::new(&wire()).await;
    let film = crate::suite::clip(5);
    let link = bench.peer.host(".mp4", Answer::raw(200, "video/mp4", film.clone()));
    bench.peer.answers([created(), Answer::json(200, &json!({ "video": { "url": link, "duration": 5 } }))]);
    assert_eq!(bench.ask(&words()).await.unwrap(), [film]);
}

#[tokio::test]
async fn every_sample_is_understood() {
    let rows = [
        (200, "video_created", Says::Created),
        (202, "video_pending", Says::Works(Some(35))),
        (200, "video_done", Says::Done),
        (200, "video_done_moderated", Says::Failed(ErrorClass::ModerationOutput)),
        (200, "video_failed", Says::Failed(ErrorClass::ModerationInput)),
        (200, "video_expired", Says::Failed(ErrorClass::ResultLost)),
    ];
    clips::samples(&life(), "xai", "video_", &rows).await;
}

#[tokio::test]
async fn an_expired_task_is_never_ordered_again() {
    let bench = crate::suite::Bench::new(&wire()).await;
    bench.peer.answers([created(), sample(200, "video_expired")]);
    let error = bench.refuses(&words()).await;
    assert_eq!((error.retry, error.charged), (Retry::Never, Charged::Maybe));
}

#[tokio::test]
async fn requests_are_written_as_xai_names_them() {
    let check = async |extra: Value, output: Output, fields: Value| {
        let sent = clips::writes(&life(), &extra, output).await;
        let expected =
            clips::and(json!({ "model": "grok-imagine-video", "prompt": "一只奔跑的柯基" }), &fields);
        assert_eq!((sent.path(), sent.http.json().unwrap()), ("/v1/videos/generations", expected));
    };
    let open = Output::default();
    check(json!({}), open, json!({})).await;
    let extra = json!({ "duration": 6, "resolution": "480p", "aspect_ratio": "1:1" });
    check(extra.clone(), open, extra.clone()).await;
    let wide = Output { ratio: Some((16, 9)), ..open };
    check(extra.clone(), wide, json!({ "duration": 6, "resolution": "480p", "aspect_ratio": "16:9" })).await;
    let sharp = Output { ratio: Some((21, 9)), tier: Some(2), ..open };
    check(json!({}), sharp, json!({ "resolution": "1080p", "aspect_ratio": "16:9" })).await;
    let sized = Output { size: Some((720, 1280)), ..open };
    check(json!({}), sized, json!({ "resolution": "720p", "aspect_ratio": "9:16" })).await;
}

#[tokio::test]
async fn a_first_frame_is_an_object_with_a_data_url() {
    let bench = crate::suite::Bench::new(&wire()).await;
    let picture = pictures::png(64, 64, 7);
    let sent = clips::sent(&bench, created(), &frame(&picture)).await;
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let expected = json!({ "model": "grok-imagine-video", "prompt": "让它跑起来", "image": { "url": url } });
    assert_eq!(sent.json.unwrap(), expected);
}

#[tokio::test]
async fn a_refused_resolution_steps_down() {
    let bench = crate::suite::Bench::new(&wire()).await;
    let mut request = words();
    request.output.tier = Some(2);
    let refused = json!({ "error": { "message": "Invalid value for resolution.", "param": "resolution" } });
    bench.peer.answer(Answer::json(400, &refused));
    let error = bench.refuses(&request).await;
    assert_eq!((error.class, error.retry), (ErrorClass::BadRequest, Retry::Corrected));
    let sent = clips::sent(&bench, created(), &request).await;
    assert_eq!(sent.field("resolution").as_deref(), Some("720p"));
}
