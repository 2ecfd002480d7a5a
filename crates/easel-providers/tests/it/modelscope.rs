//! `ModelScope`, the example of a service with tasks: its whole life over real sockets.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use easel_core::{
    error::{Charged, ErrorClass, KeyVerdict, Retry},
    media::Body,
    ports::{PublishMedia, Published, RemoteTask, StoreError, TaskLog},
};
use easel_testkit::{pictures, provider::Answer, samples};
use serde_json::json;

use crate::{
    remote::{Bench, bytes, edit, words},
    suite::{Shown, Wire, case, wire::cases},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    let failed = |error| {
        let ended = json!({ "task_id": "1234567", "task_status": "FAILED", "errors": error });
        [created(), working(), Answer::json(200, &ended)]
    };
    let refused = |status, message: &str| Answer::json(status, &json!({ "errors": { "message": message } }));
    Wire {
        section: json!({ "extra": { "poll_seconds": 0.05 } }),
        inline: false,
        tasks: true,
        empty: vec![vec![
            created(),
            Answer::json(200, &json!({ "task_status": "SUCCEED", "output_images": [] })),
        ]],
        moderated_input: vec![
            cases(
                "blocked",
                [created(), Answer::json(200, &samples::json("modelscope/task_failed.json"))],
                ErrorClass::ModerationInput,
            ),
            case("refused at once", refused(400, "您的输入包含敏感词"), ErrorClass::ModerationInput),
            case("against the rules", refused(400, "内容违规"), ErrorClass::ModerationInput),
            case("check", refused(400, "图片审核不通过"), ErrorClass::ModerationInput),
            cases("ended", failed(json!({ "message": "内容违规" })), ErrorClass::ModerationInput),
        ],
        moderated_output: vec![],
        failures: vec![
            case(
                "no token",
                Answer::json(401, &samples::json("modelscope/error_unauthorized.json")),
                ErrorClass::Auth,
            ),
            case("daily quota", Answer::json(402, &json!({})), ErrorClass::Quota),
            case("too many", refused(429, "request limit exceeded"), ErrorClass::Rate),
            case("down", refused(503, "unavailable"), ErrorClass::Overload),
            case("bad field", refused(400, "invalid steps"), ErrorClass::BadRequest),
            case("no such model", refused(404, "model not exists"), ErrorClass::NotFound),
            cases(
                "failed",
                failed(json!({ "code": 500, "message": "engine stopped" })),
                ErrorClass::Overload,
            ),
        ],
        echoes: |text| {
            let error = json!({ "errors": { "message": text } });
            vec![
                case("refused", Answer::json(400, &error), ErrorClass::BadRequest),
                case("failed", Answer::json(500, &error), ErrorClass::Overload),
                cases(
                    "ended",
                    [
                        created(),
                        Answer::json(200, &json!({ "task_status": "FAILED", "errors": { "message": text } })),
                    ],
                    ErrorClass::Overload,
                ),
            ]
        },
        ..Wire::new("modelscope", "Qwen/Qwen-Image", |_, results| {
            let links: Vec<_> = results
                .iter()
                .map(|shown| match shown {
                    Shown::Link(link) => link.clone(),
                    Shown::Inline(_) => panic!("there are links only"),
                })
                .collect();
            vec![
                created(),
                working(),
                Answer::json(200, &json!({ "task_status": "SUCCEED", "output_images": links })),
            ]
        })
    }
}

/// Serves every picture under an address with its number.
#[derive(Default)]
struct Public(Mutex<Vec<u64>>);

#[async_trait]
impl PublishMedia for Public {
    async fn publish(&self, body: &Body, extension: &str) -> Result<Published, StoreError> {
        let mut published = self.0.lock().unwrap();
        published.push(body.len());
        let url = format!("https://easel.example/p/{}.{extension}", published.len());
        Ok(Published { url, keep: Box::new(()) })
    }
}

/// Notes what a call tells about its task.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[async_trait]
impl TaskLog for Notes {
    async fn created(&self, task: &RemoteTask) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(task.id.clone());
        Ok(())
    }

    fn progress(&self, _: Option<u8>) {}
}

async fn bench() -> Bench {
    let changes = json!({ "model": "Qwen/Qwen-Image", "extra": { "poll_seconds": 0.05 } });
    Bench::new("modelscope", changes).await
}

fn working() -> Answer {
    Answer::json(200, &samples::json("modelscope/task_processing.json"))
}

fn created() -> Answer {
    Answer::json(200, &samples::json("modelscope/task_created.json"))
}

fn done(url: &str) -> Answer {
    Answer::json(200, &json!({ "task_id": "1234567", "task_status": "SUCCEED", "output_images": [url] }))
}

#[tokio::test]
async fn a_task_is_ordered_once_and_asked_about_until_its_picture_is_there() {
    let mut bench = bench().await;
    let notes = Arc::new(Notes::default());
    bench.cx.tasks = notes.clone();
    let picture = pictures::png(64, 64, 1);
    let url = bench.peer.host_picture(picture.clone());
    bench.peer.answers([created(), working(), Answer::status(502), working(), done(&url)]);
    let made = bench.ask(&words("一只猫")).await.unwrap();
    assert_eq!(bytes(&made), [picture]);
    assert_eq!(*notes.0.lock().unwrap(), ["1234567"]);
    let [create, first, .., last] = &bench.peer.requests()[..] else { panic!("{:?}", bench.peer.requests()) };
    assert_eq!(create.path(), "/v1/images/generations");
    assert_eq!(create.http.json().unwrap(), json!({ "model": "Qwen/Qwen-Image", "prompt": "一只猫" }));
    assert_eq!(create.headers().get("x-modelscope-async-mode"), Some("true"));
    for question in [first, last] {
        assert_eq!(question.path(), "/v1/tasks/1234567");
        assert_eq!(question.headers().get("x-modelscope-task-type"), Some("image_generation"));
        assert_eq!(question.headers().get("authorization"), Some("Bearer k1"));
    }
    assert_eq!(bench.peer.requests().len(), 5);
}

#[tokio::test]
async fn sizes_stay_inside_the_models_frame() {
    let check = async |model: &str, wish, expected: &str| {
        let bench =
            Bench::new("modelscope", json!({ "model": model, "extra": { "poll_seconds": 0.05 } })).await;
        let failed = Answer::json(200, &samples::json("modelscope/task_failed.json"));
        bench.peer.answers([created(), failed]);
        let mut request = words("猫");
        request.output.size = Some(wish);
        bench.ask(&request).await.unwrap_err();
        assert_eq!(bench.peer.requests()[0].size().as_deref(), Some(expected), "{model}");
    };
    check("Qwen/Qwen-Image", (2048, 1152), "1664x944").await;
    check("MusePublic/489_ckpt_FLUX_1", (1536, 1024), "1024x688").await;
    check("somebody/sd-model", (2048, 2048), "2048x2048").await;
}

#[tokio::test]
async fn references_are_public_addresses_or_there_is_no_editing() {
    let section = json!({ "model": "Qwen/Qwen-Image-Edit", "extra": { "poll_seconds": 0.05 } });
    let alone = Bench::new("modelscope", section.clone()).await;
    let capabilities = alone.provider.capabilities();
    assert_eq!(
        (capabilities.edit, capabilities.needs_public_url, capabilities.generate),
        (false, true, false)
    );

    let public = Arc::new(Public::default());
    let bench = Bench::published("modelscope", section, public.clone()).await;
    assert!(bench.provider.capabilities().edit);
    let picture = pictures::png(64, 64, 2);
    let url = bench.peer.host_picture(picture.clone());
    bench.peer.answers([created(), done(&url)]);
    let inputs = [pictures::png(20, 20, 1), pictures::png(30, 30, 1)]
        .map(|bytes| (easel_core::media::PictureFormat::Png, bytes));
    assert_eq!(bytes(&bench.ask(&edit(&inputs)).await.unwrap()), [picture]);
    let sent = bench.peer.requests()[0].http.json().unwrap();
    assert_eq!(sent["image_url"], json!(["https://easel.example/p/1.png", "https://easel.example/p/2.png"]));
    assert_eq!(public.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_task_that_failed_says_why() {
    let bench = bench().await;
    let check = async |answer: serde_json::Value, class, retry| {
        bench.peer.answers([created(), Answer::json(200, &answer)]);
        let error = bench.fails().await;
        assert_eq!((error.class, error.retry), (class, retry), "{answer}");
    };
    let sample = |name: &str| samples::json(&format!("modelscope/{name}.json"));
    check(sample("task_failed"), ErrorClass::ModerationInput, Retry::Never).await;
    // The service's own fault: somebody else may be asked, it is not ordered here again.
    check(sample("task_failed_missing_header"), ErrorClass::Overload, Retry::NextProvider).await;
    check(json!({ "task_status": "CANCELED" }), ErrorClass::Overload, Retry::NextProvider).await;
    bench.peer.answer(Answer::json(401, &sample("error_unauthorized")));
    assert_eq!(bench.fails().await.class, ErrorClass::Auth);
}

/// The free calls of a day come back at midnight in China; a moment's limit is over in a minute.
#[tokio::test]
async fn the_calls_of_a_day_rest_until_midnight() {
    let bench = bench().await;
    let limited = |message: &str| Answer::json(429, &json!({ "errors": { "message": message } }));
    // Half past eleven in the evening in China.
    let evening = |answer: Answer| answer.header("date", "Sun, 01 Nov 2026 15:30:00 GMT");
    let left = |of: &str, count: &str| {
        evening(limited("request limit exceeded"))
            .header(&format!("modelscope-ratelimit-{of}-remaining"), count)
    };
    let cool = |minutes| KeyVerdict::Cool(std::time::Duration::from_mins(minutes));
    for (answer, class, key) in [
        (left("requests", "0"), ErrorClass::Quota, cool(30)),
        (left("model-requests", "0"), ErrorClass::Quota, cool(30)),
        (left("requests", "12"), ErrorClass::Rate, cool(1)),
        (evening(limited("You have exceeded today's quota for this model")), ErrorClass::Quota, cool(30)),
        (evening(limited("今日免费额度已用完")), ErrorClass::Quota, cool(30)),
        (limited("insufficient_quota"), ErrorClass::Quota, cool(60)),
        (evening(limited("request limit exceeded")), ErrorClass::Rate, cool(1)),
    ] {
        let described = format!("{answer:?}");
        bench.peer.answer(answer);
        let error = bench.fails().await;
        assert_eq!(
            (error.class, error.retry, error.key),
            (class, Retry::NextKey, key),
            "{described}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_order_without_an_answer_is_unanswered_and_one_without_an_id_is_lost() {
    let bench = bench().await;
    bench.peer.answer(Answer::reset());
    let error = bench.fails().await;
    assert_eq!((error.class, error.charged), (ErrorClass::Unanswered, Charged::Maybe));
    bench.peer.answer(Answer::json(200, &json!({ "request_id": "r-1" })));
    let error = bench.fails().await;
    assert_eq!((error.class, error.retry), (ErrorClass::ResultLost, Retry::Never));
    assert_eq!(bench.peer.requests().len(), 2, "nothing is ordered twice");
}

#[tokio::test]
async fn a_lost_link_is_asked_for_again_once() {
    let bench = bench().await;
    let picture = pictures::png(64, 64, 3);
    let (dead, good) =
        (bench.peer.host(".png", Answer::status(404)), bench.peer.host_picture(picture.clone()));
    bench.peer.answers([created(), done(&dead), done(&good)]);
    assert_eq!(bench.draws().await, [picture]);
    bench.peer.answers([created(), done(&dead), done(&dead)]);
    assert_eq!(bench.fails().await.class, ErrorClass::ResultLost);
}

#[tokio::test]
async fn a_task_that_the_service_forgot_is_given_up_after_some_questions() {
    let bench = bench().await;
    bench.peer.answer(created());
    bench
        .peer
        .when_path("/tasks/1234567", Answer::json(404, &json!({ "errors": { "message": "not found" } })));
    let error = bench.fails().await;
    assert_eq!((error.class, error.retry), (ErrorClass::ResultLost, Retry::Never));
    assert_eq!(bench.peer.requests().len(), 6);
}

#[tokio::test]
async fn a_task_of_an_earlier_run_is_asked_about_at_once_and_nothing_is_ordered() {
    let bench = bench().await;
    let picture = pictures::png(64, 64, 4);
    let url = bench.peer.host_picture(picture.clone());
    bench.peer.answers([working(), done(&url)]);
    let task = RemoteTask { id: "1234567".to_owned(), poll: String::new() };
    let made = bench.provider.resume(&task, &words("猫"), &bench.cx).await.unwrap();
    assert_eq!(bytes(&made), [picture]);
    assert!(bench.peer.requests().iter().all(|request| request.path() == "/v1/tasks/1234567"));
}
