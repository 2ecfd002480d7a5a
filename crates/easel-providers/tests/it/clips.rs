//! What all kinds must do that make clips as tasks: one life of a task over real sockets, and the samples of a folder.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use easel_core::{
    error::{Charged, ErrorClass, ProviderError, Retry},
    media::{BytesBudget, ClipFormat, PictureFormat, Spool},
    ports::{ClipLimits, GenerateRequest, Generated, Operation, Output, RemoteTask, StoreError, TaskLog},
};
use easel_testkit::{
    provider::{Answer, FakeProvider, ProviderRequest},
    samples,
};
use serde_json::{Value, json};

use crate::suite::{
    Bench, Case, Shown, Wire, clip, openai_echoes,
    wire::{Success, cases},
};

/// Every wire of clips is asked as often as it goes.
pub(crate) fn fast() -> Value {
    json!({ "extra": { "poll_seconds": 0.05 } })
}

/// The wire of a kind that makes clips as tasks and answers with links.
pub(crate) fn wire(kind: &'static str, model: &'static str, success: Success) -> Wire {
    Wire { section: fast(), inline: false, tasks: true, clips: true, ..Wire::new(kind, model, success) }
}

/// The link of a result.
pub(crate) fn link(shown: &Shown) -> &str {
    let Shown::Link(link) = shown else { panic!("there are links only") };
    link
}

/// The usual places of an echo, and a task that fails with it.
pub(crate) fn echoes(text: &str, failed: [Answer; 2]) -> Vec<Case> {
    let mut all = openai_echoes(text);
    all.push(cases("task", failed, ErrorClass::Overload));
    all
}

/// How a service answers while one task lives.
pub(crate) struct Life {
    pub(crate) wire: Wire,
    pub(crate) created: Answer,
    /// Still at work; with the percentage that must be told.
    pub(crate) working: (Answer, Option<u8>),
    /// Done, with this link.
    pub(crate) done: fn(&str) -> Answer,
    /// The task's id.
    pub(crate) id: &'static str,
    /// How it is asked about.
    pub(crate) question: (&'static str, &'static str),
}

/// Notes what a call tells about its task.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) created: Mutex<Vec<RemoteTask>>,
    pub(crate) percents: Mutex<Vec<Option<u8>>>,
}

#[async_trait]
impl TaskLog for Notes {
    async fn created(&self, task: &RemoteTask) -> Result<(), StoreError> {
        self.created.lock().unwrap().push(task.clone());
        Ok(())
    }

    fn progress(&self, percent: Option<u8>) {
        self.percents.lock().unwrap().push(percent);
    }
}

/// A wish for a clip in words alone.
pub(crate) fn words() -> GenerateRequest {
    GenerateRequest { operation: Operation::Clip, prompt: "一只奔跑的柯基".into(), ..Bench::edit(&[]) }
}

/// A wish for a clip that begins with this picture.
pub(crate) fn frame(picture: &Bytes) -> GenerateRequest {
    let request = Bench::edit(&[(PictureFormat::Png, picture.clone())]);
    GenerateRequest { operation: Operation::Clip, prompt: "让它跑起来".into(), ..request }
}

/// A bench of the wire with other keys in its section.
pub(crate) async fn with(wire: Wire, model: &'static str, extra: Value) -> Bench {
    let mut section = fast();
    section["extra"].as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    Bench::new(&Wire { model, section, ..wire }).await
}

/// The create call for words and a wished shape, with `extra` in the section.
pub(crate) async fn writes(life: &Life, extra: &Value, output: Output) -> ProviderRequest {
    let bench = with(life.wire.clone(), life.wire.model, extra.clone()).await;
    sent(&bench, life.created.clone(), &GenerateRequest { output, ..words() }).await
}

/// An object with the fields of another one.
pub(crate) fn and(mut object: Value, fields: &Value) -> Value {
    object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object
}

/// The create call for a request, whose task then fails.
pub(crate) async fn sent(bench: &Bench, created: Answer, request: &GenerateRequest) -> ProviderRequest {
    bench.peer.answers([created, Answer::json(200, &json!({ "status": "failed" }))]);
    bench.ask(request).await.unwrap_err();
    bench.creates().pop().unwrap()
}

fn hosted(peer: &FakeProvider, clip: &Bytes) -> String {
    peer.host(".mp4", Answer::raw(200, "video/mp4", clip.clone()))
}

#[track_caller]
fn is(made: Result<Generated, ProviderError>, clip: &Bytes) {
    let clip_made = made.unwrap().clip.unwrap();
    assert_eq!(clip_made.format, ClipFormat::Mp4);
    assert_eq!(clip_made.body.read().unwrap(), clip);
    assert_eq!(clip_made.link, None, "a link behind the key is no use to people");
}

/// Everything that a task goes through.
pub(crate) async fn lives(life: Life) {
    is_ordered_once_and_followed(&life).await;
    a_lost_link_is_asked_for_again_once(&life).await;
    an_order_without_an_answer_is_never_repeated(&life).await;
    an_earlier_run_goes_on(&life).await;
    a_forgotten_task_is_given_up(&life).await;
    the_owners_limits_count(&life).await;
    a_result_that_finds_no_room_is_fetched_again(&life).await;
}

async fn the_owners_limits_count(life: &Life) {
    let mut bench = Bench::new(&life.wire).await;
    let film = clip(5);
    let link = hosted(&bench.peer, &film);
    let length = u64::try_from(film.len()).unwrap();
    for (max_bytes, fits) in [(length - 1, false), (length, true)] {
        bench.cx.clip_limits = ClipLimits { max_bytes, ..ClipLimits::default() };
        bench.queue(vec![life.created.clone(), (life.done)(&link)]);
        match bench.provider.generate(&words(), &bench.cx).await {
            Err(error) if !fits => assert_eq!(error.class, ErrorClass::ResultLost, "{}", life.wire.kind),
            made => is(made, &film),
        }
    }
}

/// This machine's disk is full: the service keeps the clip meanwhile, and nothing is ordered again.
async fn a_result_that_finds_no_room_is_fetched_again(life: &Life) {
    let mut bench = Bench::new(&life.wire).await;
    let film = clip(6);
    let link = hosted(&bench.peer, &film);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("spool");
    // Without memory everything goes to a file, and there is no folder for it.
    bench.cx.spool = Spool::new(BytesBudget::new(0), &folder).unwrap();
    std::fs::remove_dir(&folder).unwrap();
    bench.queue(vec![life.created.clone(), (life.done)(&link)]);
    let request = words();
    let room = async {
        for _ in 0..3 {
            bench.peer.next_download().await;
        }
        std::fs::create_dir(&folder).unwrap();
    };
    let (made, ()) = tokio::join!(bench.provider.generate(&request, &bench.cx), room);
    is(made, &film);
    assert_eq!(bench.creates().len(), 1, "{}", life.wire.kind);
}

async fn is_ordered_once_and_followed(life: &Life) {
    let mut bench = Bench::new(&life.wire).await;
    let notes = Arc::new(Notes::default());
    bench.cx.tasks = notes.clone();
    let film = clip(1);
    let (working, percent) = &life.working;
    let link = hosted(&bench.peer, &film);
    bench.peer.answers([
        life.created.clone(),
        working.clone(),
        Answer::status(502),
        working.clone(),
        (life.done)(&link),
    ]);
    is(bench.provider.generate(&words(), &bench.cx).await, &film);
    let recorded: Vec<_> = notes.created.lock().unwrap().iter().map(|task| task.id.clone()).collect();
    assert_eq!(recorded, [life.id]);
    assert_eq!(*notes.percents.lock().unwrap(), [*percent, *percent]);
    let requests = bench.peer.requests();
    assert_eq!((requests.len(), bench.creates().len()), (5, 1));
    let key = requests[0].headers().get("authorization");
    for question in &requests[1..] {
        assert_eq!((&*question.http.method, question.path()), life.question);
        assert_eq!(question.headers().get("authorization"), key, "with the key of the order");
    }
}

async fn a_lost_link_is_asked_for_again_once(life: &Life) {
    let bench = Bench::new(&life.wire).await;
    let film = clip(2);
    let dead = bench.peer.host(".mp4", Answer::status(404));
    let link = hosted(&bench.peer, &film);
    bench.peer.answers([life.created.clone(), (life.done)(&dead), (life.done)(&link)]);
    is(bench.provider.generate(&words(), &bench.cx).await, &film);
    bench.peer.answers([life.created.clone(), (life.done)(&dead), (life.done)(&dead)]);
    let error = bench.refuses(&words()).await;
    let expected = (ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
    assert_eq!((error.class, error.retry, error.charged), expected, "{error:?}");
    assert_eq!(bench.creates().len(), 2);
}

async fn an_order_without_an_answer_is_never_repeated(life: &Life) {
    let bench = Bench::new(&life.wire).await;
    bench.peer.answer(Answer::reset());
    let error = bench.refuses(&words()).await;
    assert_eq!((error.class, error.charged), (ErrorClass::Unanswered, Charged::Maybe));
    // Taken, and nobody can say as what.
    bench.peer.answer(Answer::json(200, &json!({ "accepted": true })));
    let error = bench.refuses(&words()).await;
    assert_eq!((error.class, error.retry), (ErrorClass::ResultLost, Retry::Never), "{error:?}");
    assert_eq!(bench.peer.requests().len(), 2);
}

async fn an_earlier_run_goes_on(life: &Life) {
    let bench = Bench::new(&life.wire).await;
    let film = clip(3);
    let link = hosted(&bench.peer, &film);
    bench.peer.answers([life.working.0.clone(), (life.done)(&link)]);
    let task = RemoteTask { id: life.id.to_owned(), poll: String::new() };
    is(bench.provider.resume(&task, &words(), &bench.cx).await, &film);
    assert_eq!(bench.creates().len(), 0, "nothing is ordered");
    for question in bench.peer.requests() {
        assert_eq!((&*question.http.method, question.path()), life.question);
    }
}

async fn a_forgotten_task_is_given_up(life: &Life) {
    let bench = Bench::new(&life.wire).await;
    bench.peer.answer(life.created.clone());
    bench.peer.always(Answer::json(404, &json!({ "error": { "message": "no such task" } })));
    let error = bench.refuses(&words()).await;
    assert_eq!((error.class, error.retry), (ErrorClass::ResultLost, Retry::Never), "{error:?}");
    assert_eq!(bench.creates().len(), 1);
}

/// What a sample says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// A task was taken.
    Created,
    /// It is being worked on.
    Works(Option<u8>),
    /// The clip is there.
    Done,
    /// It failed so.
    Failed(ErrorClass),
}

/// Reads every sample of `folder` whose name begins with `start`; each must have a row (status, name, what it says).
pub(crate) async fn samples(life: &Life, folder: &str, start: &str, rows: &[(u16, &str, Says)]) {
    for (file, _) in samples::all(folder) {
        let name = file.trim_end_matches(".json");
        let rows = rows.iter().filter(|(_, row, _)| *row == name).count();
        assert_eq!(rows, usize::from(name.starts_with(start)), "{folder}/{name}");
    }
    for (status, name, says) in rows {
        let mut bench = Bench::new(&life.wire).await;
        let notes = Arc::new(Notes::default());
        bench.cx.tasks = notes.clone();
        let film = clip(4);
        let link = hosted(&bench.peer, &film);
        // Results that are no absolute links.
        for end in ["/content", "/files/video"] {
            bench.peer.when_path(end, Answer::raw(200, "video/mp4", film.clone()));
        }
        let mut sample = samples::json(&format!("{folder}/{name}.json"));
        lead_to(&mut sample, &link);
        let answer = Answer::json(*status, &sample);
        let done = (life.done)(&link);
        bench.peer.answers(match says {
            Says::Created => vec![answer, done],
            Says::Works(_) => vec![life.created.clone(), answer, done],
            Says::Done | Says::Failed(_) => vec![life.created.clone(), answer],
        });
        let made = bench.provider.generate(&words(), &bench.cx).await;
        match says {
            Says::Failed(class) => {
                let error = made.unwrap_err();
                assert_eq!(error.class, *class, "{folder}/{name}: {error:?}");
                assert!(!matches!(error.retry, Retry::SameKey), "{folder}/{name} is ordered again");
            }
            Says::Works(percent) => {
                is(made, &film);
                assert_eq!(*notes.percents.lock().unwrap(), [*percent], "{folder}/{name}");
            }
            Says::Created | Says::Done => is(made, &film),
        }
    }
}

/// Makes the links of a sample lead to the fake.
fn lead_to(value: &mut Value, link: &str) {
    match value {
        Value::String(text) if text.starts_with("https://") => link.clone_into(text),
        Value::Array(list) => list.iter_mut().for_each(|value| lead_to(value, link)),
        Value::Object(map) => {
            map.iter_mut()
                .filter(|(key, _)| *key != "polling_url")
                .for_each(|(_, value)| lead_to(value, link));
        }
        _ => {}
    }
}
