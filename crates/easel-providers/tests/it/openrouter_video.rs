//! `OpenRouter`'s clips.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::ErrorClass,
    ports::{Output, RemoteTask},
};
use easel_testkit::{pictures, provider::Answer, samples};
use serde_json::{Value, json};

use crate::{
    clips::{self, Life, Notes, Says, frame, words},
    suite::{Bench, Case, KEY, Wire, case, clip, openai_failures, wire::cases},
};
use std::sync::Arc;

const MODEL: &str = "google/veo-3.1";

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    let mut failures = openai_failures();
    failures.push(cases("failed", failed("The upstream stopped."), ErrorClass::Overload));
    failures.push(cases("cancelled", ended("cancelled"), ErrorClass::Overload));
    failures.push(cases("expired", ended("expired"), ErrorClass::ResultLost));
    Wire {
        empty: vec![vec![
            created(),
            Answer::json(200, &json!({ "status": "completed", "unsigned_urls": [] })),
        ]],
        moderated_input: vec![
            case("at once", sample(403, "error_moderation"), ErrorClass::ModerationInput),
            cases("later", [created(), sample(200, "video_failed")], ErrorClass::ModerationInput),
        ],
        moderated_output: vec![],
        failures,
        echoes,
        ..clips::wire("openrouter_video", MODEL, |_, results| {
            vec![created(), working(), done(clips::link(&results[0]))]
        })
    }
}

fn sample(status: u16, name: &str) -> Answer {
    Answer::sample(status, &format!("openrouter/{name}.json"))
}

fn created() -> Answer {
    sample(202, "video_submit")
}

fn working() -> Answer {
    Answer::json(200, &json!({ "id": "job-abc123", "status": "in_progress" }))
}

fn ended(word: &str) -> [Answer; 2] {
    [created(), Answer::json(200, &json!({ "id": "job-abc123", "status": word }))]
}

fn failed(error: &str) -> [Answer; 2] {
    [created(), Answer::json(200, &json!({ "id": "job-abc123", "status": "failed", "error": error }))]
}

fn done(link: &str) -> Answer {
    let mut done = samples::json("openrouter/video_completed.json");
    done["unsigned_urls"] = json!([link]);
    Answer::json(200, &done)
}

fn echoes(text: &str) -> Vec<Case> {
    clips::echoes(text, failed(text))
}

fn life() -> Life {
    Life {
        wire: wire(),
        created: created(),
        working: (working(), None),
        done,
        id: "job-abc123",
        question: ("GET", "/v1/videos/job-abc123"),
    }
}

#[tokio::test]
async fn a_task_lives() {
    clips::lives(life()).await;
}

#[tokio::test]
async fn every_sample_is_understood() {
    let rows = [
        (202, "video_submit", Says::Created),
        (200, "video_completed", Says::Done),
        (200, "video_failed", Says::Failed(ErrorClass::ModerationInput)),
    ];
    clips::samples(&life(), "openrouter", "video_", &rows).await;
}

#[tokio::test]
async fn the_key_goes_to_the_service_and_nowhere_else() {
    let mut bench = Bench::new(&wire()).await;
    let notes = Arc::new(Notes::default());
    bench.cx.tasks = notes.clone();
    let film = clip(1);
    let link = bench.peer.host(".mp4", Answer::raw(200, "video/mp4", film.clone()));
    let at =
        |poll: &str| Answer::json(202, &json!({ "id": "j-1", "polling_url": poll, "status": "pending" }));
    let ours = format!("{}/v1/elsewhere/j-1", bench.peer.origin());
    bench.peer.answers([at(&ours), done(&link)]);
    assert_eq!(bench.ask(&words()).await.unwrap(), std::slice::from_ref(&film));
    let foreign = "https://thief.example/videos/j-1";
    bench.peer.answers([at(foreign), done(&link)]);
    assert_eq!(bench.ask(&words()).await.unwrap(), [film]);
    let paths: Vec<_> = bench.peer.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths, ["/v1/videos", "/v1/elsewhere/j-1", "/v1/videos", "/v1/videos/j-1"]);
    let task = |poll: &str| RemoteTask { id: "j-1".to_owned(), poll: poll.to_owned() };
    assert_eq!(*notes.created.lock().unwrap(), [task(&ours), task("")]);
    // The link of the clip leads to the service itself.
    let downloads = bench.peer.downloads();
    assert!(downloads.iter().all(|request| request.key.as_deref() == Some(KEY)), "{downloads:?}");
}

#[tokio::test]
async fn requests_are_written_as_openrouter_names_them() {
    let check = async |extra: Value, output: Output, fields: Value| {
        let sent = clips::writes(&life(), &extra, output).await;
        let expected = clips::and(json!({ "model": MODEL, "prompt": "一只奔跑的柯基" }), &fields);
        assert_eq!((sent.path(), sent.http.json().unwrap()), ("/v1/videos", expected), "{output:?}");
    };
    let open = Output::default();
    check(json!({}), open, json!({})).await;
    let extra = json!({ "duration": 8, "size": "1920x1080" });
    check(extra.clone(), open, extra.clone()).await;
    let tall = Output { ratio: Some((9, 16)), tier: Some(1), ..open };
    check(extra, tall, json!({ "duration": 8, "aspect_ratio": "9:16", "resolution": "720p" })).await;
    check(json!({}), Output { size: Some((1280, 720)), ..open }, json!({ "size": "1280x720" })).await;

    let bench = Bench::new(&wire()).await;
    let picture = pictures::png(64, 64, 7);
    let sent = clips::sent(&bench, created(), &frame(&picture)).await.json.unwrap();
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let frame = json!({ "type": "image_url", "image_url": { "url": url }, "frame_type": "first_frame" });
    assert_eq!(sent["frame_images"], json!([frame]));
}
