//! Volcengine Ark's clips.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{error::ErrorClass, ports::Output};
use easel_testkit::{pictures, provider::Answer, samples};
use serde_json::{Value, json};

use crate::{
    clips::{self, Life, Says, frame, words},
    suite::{Bench, Case, Wire, case, wire::cases},
};

const MODEL: &str = "doubao-seedance-1-5-pro-251215";

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    Wire {
        empty: vec![vec![created(), Answer::json(200, &json!({ "status": "succeeded", "content": {} }))]],
        moderated_input: vec![
            case("text", sample(400, "error_input_text_sensitive"), ModerationInput),
            case("picture", sample(400, "error_input_image_sensitive"), ModerationInput),
            cases("later", failed("InputVideoSensitiveContentDetected.PrivacyInformation"), ModerationInput),
        ],
        moderated_output: vec![
            cases("clip", [created(), sample(200, "video_task_failed")], ModerationOutput),
            cases("sound", failed("OutputAudioSensitiveContentDetected"), ModerationOutput),
        ],
        failures: vec![
            case("wrong key", sample(401, "error_authentication"), Auth),
            case("overdue", sample(403, "error_overdue"), Quota),
            case("too many requests", sample(429, "error_rate_limit"), Rate),
            case("busy", sample(429, "error_server_overloaded"), Overload),
            case("internal", sample(500, "error_internal"), Overload),
            case("field", sample(400, "error_invalid_size"), BadRequest),
            case("no such model", sample(404, "error_model_not_found"), NotFound),
            cases("failed", failed("InternalServiceError"), Overload),
            cases("cancelled", ended("cancelled"), Overload),
            cases("canceled", ended("canceled"), Overload),
            cases("expired", ended("expired"), ErrorClass::ResultLost),
        ],
        echoes,
        ..clips::wire("ark_video", MODEL, |_, results| {
            vec![created(), running(), done(clips::link(&results[0]))]
        })
    }
}

fn sample(status: u16, name: &str) -> Answer {
    Answer::sample(status, &format!("volcengine_ark/{name}.json"))
}

fn created() -> Answer {
    sample(200, "video_task_created")
}

fn running() -> Answer {
    sample(200, "video_task_running")
}

fn ended(word: &str) -> [Answer; 2] {
    [created(), Answer::json(200, &json!({ "id": "cgt-20260909-abc", "status": word }))]
}

fn failed(code: &str) -> [Answer; 2] {
    let error = json!({ "code": code, "message": "It did not work." });
    [created(), Answer::json(200, &json!({ "status": "failed", "error": error }))]
}

fn done(link: &str) -> Answer {
    let mut done = samples::json("volcengine_ark/video_task_succeeded.json");
    done["content"]["video_url"] = link.into();
    Answer::json(200, &done)
}

fn echoes(text: &str) -> Vec<Case> {
    let failed = json!({ "status": "failed", "error": { "code": "InternalServiceError", "message": text } });
    clips::echoes(text, [created(), Answer::json(200, &failed)])
}

fn life() -> Life {
    Life {
        wire: wire(),
        created: created(),
        working: (running(), None),
        done,
        id: "cgt-20260909-abc",
        question: ("GET", "/api/v3/contents/generations/tasks/cgt-20260909-abc"),
    }
}

#[tokio::test]
async fn a_task_lives() {
    clips::lives(life()).await;
}

#[tokio::test]
async fn every_sample_is_understood() {
    let rows = [
        (200, "video_task_created", Says::Created),
        (200, "video_task_running", Says::Works(None)),
        (200, "video_task_succeeded", Says::Done),
        (200, "video_task_failed", Says::Failed(ErrorClass::ModerationOutput)),
    ];
    clips::samples(&life(), "volcengine_ark", "video_", &rows).await;
}

#[tokio::test]
async fn the_price_of_a_clip_is_told() {
    let bench = Bench::new(&wire()).await;
    let link = bench.peer.host(".mp4", Answer::raw(200, "video/mp4", crate::suite::clip(1)));
    bench.peer.answers([created(), done(&link)]);
    let made = bench.provider.generate(&words(), &bench.cx).await.unwrap();
    assert_eq!(made.usage.output_tokens, Some(108_900));
}

#[tokio::test]
async fn words_and_wishes_go_out_as_ark_names_them() {
    let check = async |extra: Value, output: Output, fields: Value| {
        let sent = clips::writes(&life(), &extra, output).await;
        let content = json!([{ "type": "text", "text": "一只奔跑的柯基" }]);
        let expected = clips::and(json!({ "model": MODEL, "content": content }), &fields);
        assert_eq!(
            (sent.path(), sent.http.json().unwrap()),
            ("/api/v3/contents/generations/tasks", expected),
            "{output:?}"
        );
    };
    let open = Output::default();
    check(json!({}), open, json!({})).await;
    let extra = json!({ "duration": 5, "ratio": "1:1", "watermark": false });
    check(extra.clone(), open, extra.clone()).await;
    let wide = Output { ratio: Some((21, 9)), tier: Some(1), ..open };
    let fields = json!({ "duration": 5, "watermark": false, "ratio": "21:9", "resolution": "720p" });
    check(extra, wide, fields).await;
}

#[tokio::test]
async fn a_first_frame_is_a_part_with_its_role() {
    let bench = Bench::new(&wire()).await;
    let picture = pictures::png(64, 64, 7);
    let sent = clips::sent(&bench, created(), &frame(&picture)).await.json.unwrap();
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let part = json!({ "type": "image_url", "image_url": { "url": url }, "role": "first_frame" });
    assert_eq!(sent["content"], json!([{ "type": "text", "text": "让它跑起来" }, part]));
}

#[tokio::test]
async fn models_from_words_take_no_frame() {
    let references =
        async |model| clips::with(wire(), model, json!({})).await.provider.capabilities().max_references;
    assert_eq!(references("doubao-seedance-1-0-lite-t2v-250428").await, 0);
    assert_eq!(references("doubao-seedance-1-0-lite-i2v-250428").await, 1);
    assert_eq!(references(MODEL).await, 1);
}
