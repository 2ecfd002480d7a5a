//! Gitee AI's edits, which are tasks: their whole life over real sockets.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use easel_core::{
    error::{Charged, ErrorClass, Retry},
    ids::JobId,
    media::PictureFormat,
    ports::{GenerateRequest, Output, RemoteTask, StoreError, TaskLog},
};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
    samples,
};
use serde_json::{Value, json};

use crate::suite::{Bench, KEY, Shown, Wire, case, wire::cases};

const TASK: &str = "TASK00000000000000000000000001";

fn sample(name: &str) -> Answer {
    Answer::json(200, &samples::json(&format!("gitee/{name}.json")))
}

fn created() -> Answer {
    sample("edit_task_created")
}

fn working() -> Answer {
    sample("edit_task_in_progress")
}

fn done(link: &str) -> Answer {
    let mut answer = samples::json("gitee/edit_task_success.json");
    answer["output"]["file_url"] = link.into();
    Answer::json(200, &answer)
}

fn failed(error: &Value) -> Answer {
    Answer::json(
        200,
        &json!({ "task_id": TASK, "status": "failure", "output": { "error": error }, "price": 0.1 }),
    )
}

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{ModerationInput, Overload};
    let of_pictures = crate::gitee::wire();
    let mut failures = of_pictures.failures;
    failures.push(cases("failed", [created(), sample("edit_task_failed")], Overload));
    failures.push(cases("object", [created(), sample("edit_task_failure_error_object")], Overload));
    failures.push(cases("text", [created(), working(), sample("edit_task_failure_error_string")], Overload));
    failures.push(cases("cancelled", [created(), sample("edit_task_cancelled")], Overload));
    let mut moderated_input = of_pictures.moderated_input;
    moderated_input.push(cases("task", [created(), failed(&json!("图片内容违规"))], ModerationInput));
    Wire {
        section: json!({ "extra": { "poll_seconds": 0.05 } }),
        words_alone: false,
        inline: false,
        tasks: true,
        empty: vec![vec![created(), sample("edit_task_success_without_file")]],
        moderated_input,
        moderated_output: vec![],
        failures,
        echoes: |text| {
            let message = json!({ "message": text });
            vec![
                case("refused", Answer::json(400, &json!({ "error": message })), ErrorClass::BadRequest),
                case("busy", Answer::json(500, &message), Overload),
                cases("ended", [created(), failed(&message)], Overload),
                cases("in a text", [created(), failed(&text.into())], Overload),
            ]
        },
        ..Wire::new("gitee_async", "Qwen-Image-Edit-2511", success)
    }
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    match results {
        [Shown::Link(link)] => vec![created(), working(), done(link)],
        other => panic!("one link, not {other:?}"),
    }
}

/// Notes what a call tells about its task, and which answers show that the service knows it.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Mutex<Vec<RemoteTask>>, pub(crate) Mutex<Vec<bool>>);

#[async_trait]
impl TaskLog for Notes {
    async fn created(&self, task: &RemoteTask) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(task.clone());
        Ok(())
    }

    fn progress(&self, _: Option<u8>) {}

    fn heard(&self, knows: bool) {
        self.1.lock().unwrap().push(knows);
    }
}

fn two_pictures() -> [(PictureFormat, Bytes); 2] {
    [(PictureFormat::Png, pictures::png(64, 64, 1)), (PictureFormat::Jpeg, pictures::jpeg(64, 64, 2))]
}

#[tokio::test]
async fn pictures_go_as_parts_of_a_form_and_the_task_is_asked_about_where_the_service_says() {
    let extra = json!({ "extra": { "poll_seconds": 0.05, "num_inference_steps": 4 } });
    let mut bench = Bench::new(&Wire { section: extra, ..wire() }).await;
    let notes = Arc::new(Notes::default());
    bench.cx.tasks = notes.clone();
    let poll = format!("{}/api/v1/task/{TASK}", bench.peer.origin());
    let taken = json!({ "task_id": TASK, "status": "waiting", "urls": { "get": poll } });
    let odd = Answer::json(200, &json!({ "task_id": TASK, "status": "on the moon" }));
    let picture = pictures::png(64, 64, 9);
    let link = bench.peer.host_picture(picture.clone());
    bench.peer.answers([
        Answer::json(200, &taken),
        working(),
        odd,
        Answer::status(502),
        Answer::reset(),
        done(&link),
    ]);
    let made = bench.ask(&Bench::edit(&two_pictures())).await.unwrap();
    assert_eq!(made, [picture]);
    let task = RemoteTask { id: TASK.to_owned(), poll };
    assert_eq!(*notes.0.lock().unwrap(), [task], "recorded once");
    let [create, questions @ ..] = &bench.peer.requests()[..] else { panic!("no request") };
    assert_eq!((create.path(), create.http.bearer()), ("/v1/async/images/edits", Some(KEY)));
    let parts = create.form.clone().unwrap();
    let texts: Vec<_> = parts
        .iter()
        .filter(|part| part.file_name.is_none())
        .map(|part| (part.name.clone(), part.text()))
        .collect();
    let expected = [
        ("model", "Qwen-Image-Edit-2511"),
        ("prompt", "换成雨夜"),
        ("num_inference_steps", "4"),
        ("task_types", "id"),
        ("task_types", "id"),
    ];
    assert_eq!(texts, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let given: Vec<_> = create.pictures().into_iter().map(|given| (given.name, given.bytes)).collect();
    assert_eq!(given, two_pictures().map(|(_, bytes)| ("image".to_owned(), bytes)));
    assert_eq!(questions.len(), 5);
    for question in questions {
        let found = (&*question.http.method, question.path(), question.http.bearer());
        assert_eq!(found, ("GET", &*format!("/api/v1/task/{TASK}"), Some(KEY)));
    }
}

#[tokio::test]
async fn the_owner_and_the_person_are_heard_and_nobody_elses_address_gets_the_key() {
    let extra = json!({ "extra": { "poll_seconds": 0.05, "task_types": ["id", "style"], "seed": 7 } });
    let bench = Bench::new(&Wire { section: extra, ..wire() }).await;
    let foreign = FakeProvider::start().await;
    let get = format!("{}/api/v1/task/{TASK}", foreign.origin());
    let taken = json!({ "task_id": TASK, "status": "waiting", "urls": { "get": get } });
    let link = bench.peer.host_picture(pictures::png(64, 64, 9));
    bench.peer.answers([Answer::json(200, &taken), done(&link)]);
    let output = Output { ratio: Some((16, 9)), tier: Some(1), size: None };
    bench.ask(&GenerateRequest { output, ..Bench::edit(&two_pictures()[..1]) }).await.unwrap();
    assert!(foreign.requests().is_empty());
    let [create, question] = &bench.peer.requests()[..] else { panic!("two requests") };
    assert_eq!(question.path(), format!("/v1/task/{TASK}"));
    let parts = create.form.clone().unwrap();
    let types: Vec<_> = parts
        .iter()
        .filter(|part| part.name == "task_types")
        .map(easel_testkit::http::multipart::Part::text)
        .collect();
    assert_eq!(types, ["id", "style"]);
    let field = |name| create.field(name);
    assert_eq!(
        (field("width").as_deref(), field("height").as_deref(), field("seed").as_deref()),
        (Some("1280"), Some("720"), Some("7"))
    );
}

#[tokio::test]
async fn an_answer_may_hold_the_result_at_once() {
    let bench = Bench::new(&wire()).await;
    let picture = pictures::png(64, 64, 9);
    let link = bench.peer.host_picture(picture.clone());
    for shape in [json!({ "output": { "image": link } }), json!({ "data": [{ "url": link }] })] {
        bench.peer.answer(Answer::json(200, &shape));
        assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), std::slice::from_ref(&picture));
    }
    assert_eq!(bench.peer.requests().len(), 2, "nothing is asked about");
}

#[tokio::test]
async fn only_a_task_that_failed_for_free_is_ordered_once_more() {
    let mut bench = Bench::new(&wire()).await;
    let broken = || sample("edit_task_failure_error_object");
    let paid = {
        let mut answer = samples::json("gitee/edit_task_failure_error_object.json");
        answer["price"] = json!(0.1);
        Answer::json(200, &answer)
    };
    for (answer, retry) in [
        (broken(), Retry::SameKey),
        (broken(), Retry::NextProvider),
        (paid, Retry::NextProvider),
        (sample("edit_task_failure_error_string"), Retry::NextProvider),
        (sample("edit_task_cancelled"), Retry::NextProvider),
    ] {
        bench.peer.answers([created(), answer]);
        let error = bench.fails().await;
        assert_eq!((error.class, error.retry), (ErrorClass::Overload, retry), "{error:?}");
    }
    bench.cx.job = JobId::generate();
    bench.peer.answers([created(), broken()]);
    assert_eq!(bench.fails().await.retry, Retry::SameKey, "another job has its own chance");
}

#[tokio::test]
async fn a_task_that_the_service_denies_is_asked_about_a_few_times_and_never_ordered_again() {
    for status in [200, 404] {
        let bench = Bench::new(&wire()).await;
        bench.peer.answer(created());
        bench.peer.always(Answer::json(status, &samples::json("gitee/task_poll_error.json")));
        let error = bench.fails().await;
        let expected = (ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
        assert_eq!((error.class, error.retry, error.charged), expected, "{status}: {error:?}");
        assert_eq!((bench.creates().len(), bench.peer.requests().len()), (1, 6));
    }
}

#[tokio::test]
async fn a_known_task_is_gone_on_with() {
    let bench = Bench::new(&wire()).await;
    let picture = pictures::png(64, 64, 9);
    let link = bench.peer.host_picture(picture.clone());
    bench.peer.answers([Answer::rate_limited(), working(), done(&link)]);
    let task = RemoteTask { id: TASK.to_owned(), poll: String::new() };
    // References are not kept for it.
    let request = GenerateRequest { references: [].into(), ..bench.words("猫") };
    let made = bench.provider.resume(&task, &request, &bench.cx).await.unwrap();
    assert_eq!(made.pictures[0].picture.body.read().unwrap(), picture);
    assert!(bench.creates().is_empty());
}

#[tokio::test]
async fn a_link_that_is_gone_is_asked_for_again() {
    let bench = Bench::new(&wire()).await;
    let gone = bench.peer.host(".png", Answer::raw(403, "application/xml", "<Error/>"));
    let picture = pictures::png(64, 64, 9);
    let fresh = bench.peer.host_picture(picture.clone());
    bench.peer.answers([created(), done(&gone), done(&fresh)]);
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), [picture]);
    assert_eq!(bench.creates().len(), 1);
}

#[tokio::test]
async fn cancelling_tells_the_service() {
    let bench = Bench::new(&wire()).await;
    bench.peer.answer(created());
    bench.peer.always(working());
    let request = bench.words("猫");
    {
        let asked = bench.ask(&request);
        tokio::pin!(asked);
        let rendering = async {
            bench.peer.next_request().await;
            bench.peer.next_request().await;
        };
        tokio::select! {
            made = &mut asked => panic!("{made:?}"),
            () = rendering => {}
        }
        // As the chain does it: the token first, then the call is dropped.
        bench.cx.cancel.cancel();
    }
    let cancel = loop {
        let request = bench.peer.next_request().await;
        if request.http.method == "POST" {
            break request;
        }
    };
    assert_eq!((cancel.path(), cancel.http.bearer()), (&*format!("/v1/task/{TASK}/cancel"), Some(KEY)));
}

#[tokio::test]
async fn what_each_model_takes() {
    for (model, references) in
        [("Qwen-Image-Edit-2511", 3), ("black/FLUX.1-Kontext-dev", 1), ("LongCat-Image-Edit", 1)]
    {
        let can = Bench::new(&Wire { model, ..wire() }).await.provider.capabilities();
        let found = (can.generate, can.edit, can.remote, can.max_references, can.max_count);
        assert_eq!(found, (false, true, true, references, 1), "{model}");
    }
}

/// Long enough for every pause of the kind itself, so that only the owner's pace can have made the tests fast.
#[tokio::test]
async fn the_pace_is_the_owners() {
    let section = |seconds: Value| {
        let section = json!({ "kind": "gitee_async", "model": "m", "api_keys": "k", "extra": { "poll_seconds": seconds } });
        serde_json::from_value::<easel_providers::ProviderSection>(section).unwrap().validate("a")
    };
    assert_eq!(section(json!(2)), []);
    assert_eq!(section(json!(0.05)), []);
    for bad in [json!(0), json!(601), json!("5"), json!(-1)] {
        assert!(section(bad.clone()).iter().any(|(key, _)| key == "providers.a.extra.poll_seconds"), "{bad}");
    }
    let bench = Bench::new(&Wire { section: json!({ "extra": { "poll_seconds": 600 } }), ..wire() }).await;
    bench.peer.answer(created());
    let request = bench.words("猫");
    let asked = tokio::time::timeout(Duration::from_millis(500), bench.ask(&request)).await;
    assert!(asked.is_err());
    assert_eq!(bench.peer.requests().len(), 1, "no question before its time");
}
