//! Clips in the shape of OpenAI's `/videos`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::ErrorClass,
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{pictures, provider::Answer, samples};
use serde_json::{Value, json};

use crate::{
    clips::{self, Life, Says, frame, words},
    suite::{Bench, Case, KEY, Wire, case, clip, openai_failures, wire::cases},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{ModerationInput, Overload, Quota, ResultLost};
    let mut failures = openai_failures();
    for word in ["failed", "failure", "ERROR", "cancelled", "canceled"] {
        failures.push(cases("ended", ended(&json!({ "status": word })), Overload));
    }
    failures.extend([
        cases("expired", ended(&json!({ "status": "expired" })), ResultLost),
        cases("wrapped", ended(&json!({ "data": { "status": "FAILURE", "fail_reason": "worker lost" } })), Overload),
        cases(
            "quota",
            ended(&json!({ "status": "failed", "error": { "code": "insufficient_user_quota", "message": "no" } })),
            Quota,
        ),
    ]);
    Wire {
        empty: vec![vec![created(), Answer::json(200, &json!({ "status": "completed" }))]],
        moderated_input: vec![
            case("at once", Answer::moderation_input(), ModerationInput),
            cases("later", [created(), sample(200, "failed_moderation")], ModerationInput),
            cases(
                "rejected",
                ended(&json!({ "status": "rejected", "fail_reason": "content policy violation" })),
                ModerationInput,
            ),
        ],
        moderated_output: vec![],
        failures,
        echoes,
        ..clips::wire("openai_video", "sora-2", |_, results| {
            vec![created(), working(), done(clips::link(&results[0]))]
        })
    }
}

fn sample(status: u16, name: &str) -> Answer {
    Answer::sample(status, &format!("sora_video/{name}.json"))
}

fn created() -> Answer {
    sample(200, "queued")
}

fn working() -> Answer {
    sample(200, "in_progress")
}

fn ended(answer: &Value) -> [Answer; 2] {
    [created(), Answer::json(200, answer)]
}

fn done(link: &str) -> Answer {
    let mut done = samples::json("sora_video/gateway_completed_with_url.json");
    done["video_url"] = link.into();
    Answer::json(200, &done)
}

fn echoes(text: &str) -> Vec<Case> {
    let error = json!({ "status": "failed", "error": { "code": "upstream", "message": text } });
    let mut all = clips::echoes(text, ended(&error));
    let reason = ended(&json!({ "status": "failed", "fail_reason": text }));
    all.push(cases("reason", reason, ErrorClass::Overload));
    all
}

fn life() -> Life {
    Life {
        wire: wire(),
        created: created(),
        working: (working(), Some(42)),
        done,
        id: "video_123",
        question: ("GET", "/v1/videos/video_123"),
    }
}

#[tokio::test]
async fn a_task_lives() {
    clips::lives(life()).await;
}

#[tokio::test]
async fn every_sample_is_understood() {
    let rows = [
        (200, "queued", Says::Created),
        (200, "in_progress", Says::Works(Some(42))),
        (200, "completed", Says::Done),
        (200, "gateway_completed_with_url", Says::Done),
        (200, "gateway_nested_url", Says::Done),
        (200, "failed_moderation", Says::Failed(ErrorClass::ModerationInput)),
    ];
    clips::samples(&life(), "sora_video", "", &rows).await;
}

#[tokio::test]
async fn without_a_link_the_content_is_fetched_with_the_key() {
    let bench = Bench::new(&wire()).await;
    let film = clip(1);
    bench.peer.when_path("/v1/videos/video_123/content", Answer::raw(200, "video/mp4", film.clone()));
    bench.peer.answers([created(), sample(200, "completed")]);
    assert_eq!(bench.ask(&words()).await.unwrap(), [film]);
    let content = bench.peer.requests().pop().unwrap();
    assert_eq!((&*content.http.method, content.key.as_deref()), ("GET", Some(KEY)));
}

#[tokio::test]
async fn a_finished_task_may_hold_the_clip_itself() {
    let film = clip(3);
    let base64 = STANDARD.encode(&film);
    for end in [
        json!({ "status": "completed", "data": [{ "b64_json": base64 }] }),
        json!({ "status": "completed", "video_url": format!("data:video/mp4;base64,{base64}") }),
        json!({ "data": { "status": "success", "output": { "video": base64 } } }),
    ] {
        let bench = Bench::new(&wire()).await;
        bench.peer.answers([created(), Answer::json(200, &end)]);
        assert_eq!(bench.ask(&words()).await.unwrap(), std::slice::from_ref(&film));
        assert_eq!((bench.creates().len(), bench.peer.downloads().len()), (1, 0));
    }
}

#[tokio::test]
async fn tasks_are_named_in_many_ways_and_ends_spelled_in_many() {
    let film = clip(2);
    for (named, word) in [
        (json!({ "task_id": "t-1" }), "SUCCESS"),
        (json!({ "data": { "task_id": "t-1" } }), "succeeded"),
        (json!({ "data": { "id": "t-1" }, "code": "success", "message": "" }), "done"),
        (json!({ "video_id": "t-1", "status": "queued" }), "Completed"),
    ] {
        let bench = Bench::new(&wire()).await;
        let link = bench.peer.host(".mp4", Answer::raw(200, "video/mp4", film.clone()));
        let ended = json!({ "data": { "status": word, "data": [{ "url": link }] } });
        bench.peer.answers([Answer::json(200, &named), Answer::json(200, &ended)]);
        assert_eq!(bench.ask(&words()).await.unwrap(), std::slice::from_ref(&film), "{named}");
        assert_eq!(bench.peer.requests()[1].path(), "/v1/videos/t-1");
    }
}

async fn sent(
    model: &'static str,
    extra: Value,
    request: GenerateRequest,
) -> easel_testkit::provider::ProviderRequest {
    let bench = clips::with(wire(), model, extra).await;
    clips::sent(&bench, created(), &request).await
}

#[tokio::test]
async fn words_and_wishes_go_out_as_json() {
    let check = async |model: &'static str, extra: Value, output: Output, fields: Value| {
        let sent = sent(model, extra, GenerateRequest { output, ..words() }).await;
        let expected = clips::and(json!({ "model": model, "prompt": "一只奔跑的柯基" }), &fields);
        assert_eq!((sent.path(), sent.http.json().unwrap()), ("/v1/videos", expected), "{model} {output:?}");
    };
    let open = Output::default();
    check("sora-2", json!({}), open, json!({})).await;
    check("sora-2", json!({ "seconds": 8 }), open, json!({ "seconds": "8" })).await;
    check(
        "sora-2",
        json!({ "seconds": "12", "size": "1280x720" }),
        open,
        json!({ "seconds": "12", "size": "1280x720" }),
    )
    .await;
    let wide = Output { ratio: Some((16, 9)), ..open };
    check("sora-2", json!({ "size": "720x1280" }), wide, json!({ "size": "1280x720" })).await;
    let large = Output { tier: Some(2), ..wide };
    check("sora-2-pro", json!({}), large, json!({ "size": "1792x1024" })).await;
    check("veo-3", json!({}), Output { size: Some((1920, 1080)), ..open }, json!({ "size": "1920x1080" }))
        .await;
}

#[tokio::test]
async fn a_first_frame_makes_a_form_and_says_the_shape() {
    let picture = pictures::png(64, 64, 7);
    let given = sent("sora-2", json!({ "seconds": 4 }), frame(&picture)).await;
    assert_eq!(given.path(), "/v1/videos");
    let field = |name: &str| given.field(name).unwrap_or_default();
    assert_eq!(
        (field("model"), field("prompt"), field("seconds")),
        ("sora-2".into(), "让它跑起来".into(), "4".into())
    );
    // A square is as near to either; a known model is told one that it takes.
    assert!(["720x1280", "1280x720"].contains(&&*field("size")));
    let [first] = &given.pictures()[..] else { panic!("{:?}", given.pictures()) };
    assert_eq!((&*first.name, first.file_name.as_deref()), ("input_reference", Some("first.png")));
    assert_eq!((first.content_type.as_deref(), &first.bytes), (Some(PictureFormat::Png.mime()), &picture));
    assert_eq!(given.json, None);
    // Models that nobody has heard of are told nothing.
    assert_eq!(sent("veo-3", json!({}), frame(&picture)).await.field("size"), None);

    let given = sent("veo-3", json!({ "form": "json" }), frame(&picture)).await;
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let expected =
        json!({ "model": "veo-3", "prompt": "让它跑起来", "input_reference": { "image_url": url } });
    assert_eq!(given.json, Some(expected));
}
