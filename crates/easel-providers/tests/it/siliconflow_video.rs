//! SiliconFlow's clips.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use easel_core::{error::ErrorClass, media::PictureFormat, ports::Output};
use easel_testkit::{pictures, provider::Answer, samples};
use serde_json::{Value, json};

use crate::{
    clips::{self, Life, Says, frame, words},
    suite::{Bench, Case, Wire, case, wire::cases},
};

const MODEL: &str = "Wan-AI/Wan2.2-T2V-A14B";
const FRAMED: &str = "Wan-AI/Wan2.2-I2V-A14B";

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate};
    Wire {
        empty: vec![vec![
            created(),
            Answer::json(200, &json!({ "status": "Succeed", "reason": "", "results": { "videos": [] } })),
        ]],
        moderated_input: vec![
            case("status", Answer::json(451, &json!({ "message": "no" })), ModerationInput),
            cases("later", failed("The prompt contains sensitive content"), ModerationInput),
            cases("chinese", failed("内容违规"), ModerationInput),
        ],
        moderated_output: vec![],
        failures: vec![
            case("wrong key", sample(401, "error_invalid_token"), Auth),
            case("balance", sample(403, "error_balance"), Quota),
            case("too many requests", sample(429, "error_rate_limit_ipm"), Rate),
            case("busy", sample(503, "error_overloaded"), Overload),
            case("field", refused(400, 20_015, "image_size is not supported"), BadRequest),
            case("no such model", sample(400, "error_model_missing"), NotFound),
            cases("failed", failed("worker lost"), Overload),
            cases("failed silently", failed(""), Overload),
        ],
        echoes,
        is_create: |request| request.path().ends_with("/video/submit"),
        ..clips::wire("siliconflow_video", MODEL, |_, results| {
            vec![created(), queued(), done(clips::link(&results[0]))]
        })
    }
}

fn sample(status: u16, name: &str) -> Answer {
    Answer::sample(status, &format!("siliconflow/{name}.json"))
}

fn refused(status: u16, code: u64, message: &str) -> Answer {
    Answer::json(status, &json!({ "code": code, "message": message, "data": null }))
}

fn created() -> Answer {
    Answer::json(200, &json!({ "requestId": "r-7" }))
}

fn queued() -> Answer {
    sample(200, "video_status_inqueue")
}

fn failed(reason: &str) -> [Answer; 2] {
    [created(), Answer::json(200, &json!({ "status": "Failed", "reason": reason, "results": null }))]
}

fn done(link: &str) -> Answer {
    let mut done = samples::json("siliconflow/video_status_succeed.json");
    done["results"]["videos"][0]["url"] = link.into();
    Answer::json(200, &done)
}

fn echoes(text: &str) -> Vec<Case> {
    let mut all = clips::echoes(text, failed(text));
    all.push(case("own shape", refused(400, 20_015, text), ErrorClass::BadRequest));
    all
}

fn life() -> Life {
    Life {
        wire: wire(),
        created: created(),
        working: (queued(), None),
        done,
        id: "r-7",
        question: ("POST", "/v1/video/status"),
    }
}

#[tokio::test]
async fn a_task_lives() {
    clips::lives(life()).await;
    let bench = Bench::new(&wire()).await;
    bench.peer.answers(failed("worker lost"));
    bench.refuses(&words()).await;
    assert_eq!(bench.peer.requests()[1].json, Some(json!({ "requestId": "r-7" })));
}

#[tokio::test]
async fn every_sample_is_understood() {
    let rows = [(200, "video_status_inqueue", Says::Works(None)), (200, "video_status_succeed", Says::Done)];
    clips::samples(&life(), "siliconflow", "video_", &rows).await;
}

#[tokio::test]
async fn a_size_is_always_told() {
    let check = async |extra: Value, output: Output, size: &str| {
        let sent = clips::writes(&life(), &extra, output).await;
        let mut expected = clips::and(json!({ "model": MODEL, "prompt": "一只奔跑的柯基" }), &extra);
        expected["image_size"] = size.into();
        assert_eq!((sent.path(), sent.http.json().unwrap()), ("/v1/video/submit", expected), "{output:?}");
    };
    let open = Output::default();
    check(json!({}), open, "1280x720").await;
    check(json!({}), Output { ratio: Some((9, 16)), ..open }, "720x1280").await;
    check(json!({}), Output { ratio: Some((1, 1)), ..open }, "960x960").await;
    check(json!({}), Output { size: Some((1920, 1080)), ..open }, "1280x720").await;
    let owner = json!({ "image_size": "960x960", "seed": 7 });
    check(owner.clone(), open, "960x960").await;
    check(owner, Output { ratio: Some((3, 4)), ..open }, "720x1280").await;
}

#[tokio::test]
async fn a_first_frame_is_a_data_url_and_gives_the_shape() {
    let bench = clips::with(wire(), FRAMED, json!({})).await;
    let picture: Bytes = pictures::png(64, 64, 7);
    let sent = clips::sent(&bench, created(), &frame(&picture)).await.json.unwrap();
    let url = format!("data:{};base64,{}", PictureFormat::Png.mime(), STANDARD.encode(&picture));
    let expected = json!({ "model": FRAMED, "prompt": "让它跑起来", "image": url, "image_size": "960x960" });
    assert_eq!(sent, expected);
    let words_only = clips::with(wire(), MODEL, json!({})).await;
    assert_eq!(words_only.provider.capabilities().max_references, 0);
}
