//! `ComfyUI`: workflows with slots, uploads, and tasks under ids of our own.

use std::{fs, sync::Arc};

use easel_core::{
    error::{Charged, ErrorClass, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output, RemoteTask, Shapes, TaskIntent},
};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
    samples,
};
use serde_json::{Value, json};

use crate::{
    gitee_async::Notes,
    suite::{Bench, Shown, Wire, case, wire::cases},
};

/// The id that the samples have; a server that chooses ids by itself.
const OTHER: &str = "11111111-1111-4111-8111-111111111111";
/// A workflow without any place holder; it is the one of the samples.
const WORKFLOW: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../easel-testkit/samples/comfyui/prompt_request.json");

fn sample(status: u16, name: &str) -> Answer {
    Answer::json(status, &samples::json(&format!("comfyui/{name}.json")))
}

fn created() -> Answer {
    sample(200, "prompt_ok")
}

fn ended(status: &str, messages: &Value) -> Answer {
    let status = json!({ "status_str": status, "completed": false, "messages": messages });
    Answer::json(200, &json!({ OTHER: { "prompt": [], "outputs": {}, "status": status } }))
}

fn broke(message: &str) -> Answer {
    let event = json!({ "node_id": "3", "node_type": "KSampler", "exception_message": message, "exception_type": "ValueError" });
    ended("error", &json!([["execution_start", {}], ["execution_error", event]]))
}

fn extra() -> Value {
    json!({ "workflow": WORKFLOW, "slots": { "prompt": "6.text" }, "poll_seconds": 0.05 })
}

/// How the engine answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate, TooLarge};
    Wire {
        section: json!({ "extra": extra() }),
        inline: false,
        tasks: true,
        empty: vec![vec![created(), ended("success", &json!([]))]],
        moderated_input: vec![],
        moderated_output: vec![],
        failures: vec![
            case("a model is missing", sample(400, "prompt_invalid"), BadRequest),
            case("no workflow", sample(400, "prompt_missing"), BadRequest),
            case("server error", Answer::raw(500, "text/plain", "500 Internal Server Error"), Overload),
            cases("out of memory", [created(), sample(200, "history_error")], TooLarge),
            cases(
                "a node broke",
                [
                    created(),
                    sample(200, "history_pending"),
                    sample(200, "queue"),
                    broke("shapes don't match"),
                ],
                Overload,
            ),
            cases(
                "stopped",
                [created(), ended("error", &json!([["execution_interrupted", { "node_id": "3" }]]))],
                Overload,
            ),
        ],
        lacks: &[
            (Auth, "it has no keys"),
            (Quota, "it is one's own"),
            (Rate, "it queues without end"),
            (NotFound, "a missing model is a bad request"),
            (ModerationInput, "it judges nothing"),
        ],
        echoes: |text| {
            let error =
                json!({ "type": "invalid_prompt", "message": text, "details": text, "extra_info": {} });
            vec![
                case("refused", Answer::json(400, &json!({ "error": error, "node_errors": {} })), BadRequest),
                case("plain", Answer::json(400, &json!({ "error": text, "node_errors": [] })), BadRequest),
                cases("ended", [created(), broke(text)], Overload),
            ]
        },
        is_create: |request| request.path().ends_with("/prompt"),
        ..Wire::new("comfyui", "", success)
    }
}

fn success(peer: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let [Shown::Link(link)] = results else { panic!("one link, not {results:?}") };
    peer.when_path("/view", Answer::raw(302, "text/plain", "").header("location", link));
    vec![created(), sample(200, "history_pending"), sample(200, "queue"), sample(200, "history_success")]
}

/// A bench whose workflow is this file's content.
async fn drawing(workflow: &Value, mut more: Value) -> (Bench, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("workflow.json");
    fs::write(&path, workflow.to_string()).unwrap();
    more["workflow"] = path.to_str().unwrap().into();
    more["poll_seconds"] = json!(0.05);
    (Bench::new(&Wire { section: json!({ "extra": more }), ..wire() }).await, dir)
}

/// The fake draws whatever it is asked for, under the id that it was given.
async fn draws(bench: &Bench, request: &GenerateRequest) -> Value {
    let intent = bench.provider.intent(request).unwrap();
    let task = intent.task.clone().unwrap();
    let picture = json!({ "filename": "a b.png", "subfolder": "x/y", "type": "output" });
    let preview = json!({ "filename": "p.png", "subfolder": "", "type": "temp" });
    let outputs = json!({ "10": { "images": [picture] }, "9": { "images": [preview] } });
    let history =
        json!({ &task: { "outputs": outputs, "status": { "status_str": "success", "completed": true } } });
    bench.peer.when_path(
        "/prompt",
        Answer::json(200, &json!({ "prompt_id": task, "number": 1, "node_errors": {} })),
    );
    bench.peer.when_path(&format!("/history/{task}"), Answer::json(200, &history));
    let result = pictures::png(64, 64, 9);
    bench.peer.when_path("/view", Answer::raw(200, "image/png", result.clone()));
    bench.peer.when_path("/upload/image", sample(200, "upload_ok"));
    let cx = easel_core::ports::CallContext { intent: Some(intent), ..bench.cx.clone() };
    let made = bench.provider.generate(request, &cx).await.unwrap();
    assert_eq!(made.pictures.len(), 1, "previews don't count beside results");
    assert_eq!(made.pictures[0].picture.body.read().unwrap(), result);
    let create = bench.creates().pop().unwrap();
    let body = create.http.json().unwrap();
    assert_eq!((body["prompt_id"].as_str(), body["client_id"].as_str()), (Some(&*task), Some(&*task)));
    body["prompt"].clone()
}

fn workflow() -> Value {
    samples::json("comfyui/prompt_request.json")["prompt"].clone()
}

#[tokio::test]
async fn a_workflow_is_filled_in_and_its_seed_changes() {
    let slots = json!({ "prompt": "6.text", "negative": ["7.text"], "width": "5.width", "height": "5.height", "count": "5.batch_size" });
    let (bench, _dir) = drawing(&workflow(), json!({ "slots": slots, "negative_prompt": "blurry" })).await;
    let mut expected = workflow();
    expected["6"]["inputs"]["text"] = "一只猫 %seed%".into();
    expected["7"]["inputs"]["text"] = "blurry".into();
    let request = bench.words("一只猫 %seed%");
    let mut seeds = Vec::new();
    for _ in 0..2 {
        let mut sent = draws(&bench, &request).await;
        seeds.push(std::mem::replace(&mut sent["3"]["inputs"]["seed"], 5.into()));
        assert_eq!(sent, expected);
    }
    assert!(seeds[0].is_u64() && seeds[0] != seeds[1], "{seeds:?}");
    // Both sides have their places; without them the shape is the workflow's own (see the suite).
    let can = bench.provider.capabilities();
    assert_eq!((can.shapes, can.max_tier), (Shapes::Any, Some(2)));
    let output = Output { ratio: Some((16, 9)), tier: None, size: None };
    let wide = draws(&bench, &GenerateRequest { output, count: 3, ..bench.words("猫") }).await;
    assert_eq!(wide["5"]["inputs"], json!({ "width": 688, "height": 384, "batch_size": 3 }));
    let view = bench.peer.requests().into_iter().rfind(|request| request.path() == "/view").unwrap();
    assert_eq!(view.http.query, "filename=a+b.png&subfolder=x%2Fy&type=output");
}

#[tokio::test]
async fn pictures_are_uploaded_under_names_of_our_own() {
    let workflow = json!({
        "1": { "class_type": "LoadImage", "inputs": { "image": "%image1%" } },
        "2": { "class_type": "LoadImage", "inputs": { "image": "%image2%" } },
        "3": { "class_type": "Edit", "inputs": { "a": ["1", 0], "b": ["2", 0], "text": "do this: %prompt%", "seed": 1 } },
        "9": { "class_type": "SaveImage", "inputs": { "images": ["3", 0] } },
    });
    let (bench, _dir) = drawing(&workflow, json!({ "slots": { "seed": [] } })).await;
    let can = bench.provider.capabilities();
    assert_eq!((can.generate, can.edit, can.max_references, can.remote), (false, true, 2, true));
    let (png, jpeg) = (pictures::png(64, 64, 1), pictures::jpeg(64, 64, 2));
    let given = [(PictureFormat::Png, png.clone()), (PictureFormat::Jpeg, jpeg.clone())];
    let sent = draws(&bench, &Bench::edit(&given)).await;
    let uploads: Vec<_> =
        bench.peer.requests().into_iter().filter(|request| request.path() == "/upload/image").collect();
    assert_eq!(uploads.len(), 2);
    for (nth, (upload, bytes)) in uploads.iter().zip([png.clone(), jpeg]).enumerate() {
        let [picture] = &upload.pictures()[..] else { panic!("one file") };
        assert_eq!((picture.name.as_str(), &picture.bytes), ("image", &bytes));
        assert_eq!(picture.file_name.as_deref(), sent[(nth + 1).to_string()]["inputs"]["image"].as_str());
        assert_eq!(
            (upload.field("type").as_deref(), upload.field("overwrite").as_deref()),
            (Some("input"), Some("true"))
        );
    }
    assert_eq!(sent["3"]["inputs"]["text"], "do this: 换成雨夜");
    assert_eq!(sent["3"]["inputs"]["seed"], 1);
    // One picture for two places.
    let sent = draws(&bench, &Bench::edit(&[(PictureFormat::Png, png)])).await;
    assert_eq!(sent["1"]["inputs"], sent["2"]["inputs"]);
}

#[tokio::test]
async fn an_upload_that_fails_costs_nothing() {
    let workflow = json!({
        "1": { "class_type": "LoadImage", "inputs": { "image": "%image1%", "text": "%prompt%" } },
        "9": { "class_type": "SaveImage", "inputs": { "images": ["1", 0] } },
    });
    let (bench, _dir) = drawing(&workflow, json!({})).await;
    let request = Bench::edit(&[(PictureFormat::Png, pictures::png(64, 64, 1))]);
    bench.peer.when_path("/upload/image", Answer::reset());
    let error = bench.refuses(&request).await;
    let expected = (ErrorClass::Overload, Retry::SameKey, Charged::No);
    assert_eq!((error.class, error.retry, error.charged), expected);
    assert!(bench.creates().is_empty());
}

#[tokio::test]
async fn a_server_that_chooses_ids_itself_is_asked_about_its_own() {
    let mut bench = Bench::new(&wire()).await;
    let notes = Arc::new(Notes::default());
    bench.cx.tasks = notes.clone();
    let link = bench.peer.host_picture(pictures::png(64, 64, 1));
    bench.succeeds(&[Shown::Link(link)]);
    let request = bench.words("猫");
    bench.cx.intent = bench.provider.intent(&request);
    bench.ask(&request).await.unwrap();
    assert_eq!(*notes.0.lock().unwrap(), [RemoteTask { id: OTHER.to_owned(), poll: String::new() }]);
    let paths: Vec<_> = bench.peer.requests().iter().map(|request| request.path().to_owned()).collect();
    let history = format!("/history/{OTHER}");
    assert_eq!(paths, ["/prompt", &history, "/queue", &history, "/view"]);
}

#[tokio::test]
async fn a_task_that_the_server_never_saw_may_be_ordered() {
    let mut bench = Bench::new(&wire()).await;
    let notes = Arc::new(Notes::default());
    bench.cx.tasks = notes.clone();
    let TaskIntent { task, .. } = bench.provider.intent(&bench.words("猫")).unwrap();
    let task = RemoteTask { id: task.unwrap(), poll: String::new() };
    bench.peer.answers([
        // Neither a crash nor a page of a proxy says anything about the task.
        Answer::reset(),
        Answer::raw(502, "text/html", "<h1>Bad Gateway</h1>"),
        sample(200, "history_pending"),
        sample(200, "queue"),
        sample(200, "history_pending"),
    ]);
    let error = bench.provider.resume(&task, &bench.words("猫"), &bench.cx).await.unwrap_err();
    let expected = (ErrorClass::NotFound, Retry::SameKey, Charged::No);
    assert_eq!((error.class, error.retry, error.charged), expected);
    assert_eq!(std::mem::take(&mut *notes.1.lock().unwrap()), [false; 3]);
    // One that went from the queue to the history between two questions is no stranger.
    let history = samples::json("comfyui/history_success.json").to_string().replace(OTHER, &task.id);
    let done = Answer::raw(200, "application/json", history);
    bench.peer.answers([sample(200, "history_pending"), sample(200, "queue"), done]);
    bench.peer.when_path("/view", Answer::raw(200, "image/png", pictures::png(64, 64, 1)));
    bench.provider.resume(&task, &bench.words("猫"), &bench.cx).await.unwrap();
    assert_eq!(*notes.1.lock().unwrap(), [false, false, true]);
    assert!(bench.creates().is_empty());
}

#[tokio::test]
async fn a_workflow_that_was_cached_is_run_once_more_with_another_seed() {
    let bench = Bench::new(&wire()).await;
    for retry in [Retry::SameKey, Retry::NextProvider] {
        bench.peer.answers([created(), sample(200, "history_all_cached")]);
        let error = bench.fails().await;
        assert_eq!((error.class, error.retry, error.charged), (ErrorClass::Empty, retry, Charged::No));
    }
}

#[tokio::test]
async fn the_owner_reads_which_node_was_refused() {
    let bench = Bench::new(&wire()).await;
    bench.peer.answer(sample(400, "prompt_invalid"));
    let error = bench.fails().await;
    assert!(error.detail.contains("node 4 (CheckpointLoaderSimple)"), "{}", error.detail);
    assert!(error.detail.contains("model.safetensors"), "{}", error.detail);
}

#[tokio::test]
async fn cancelling_takes_the_task_out_of_the_queue_and_stops_only_ours() {
    for ours in [true, false] {
        let bench = Bench::new(&wire()).await;
        bench.peer.answer(created());
        bench.peer.when_path(&format!("/history/{OTHER}"), sample(200, "history_pending"));
        let queue = samples::json("comfyui/queue.json").to_string();
        let queue = if ours { queue } else { queue.replace(OTHER, "somebody-elses") };
        bench.peer.when_path("/queue", sample(200, "queue"));
        let request = bench.words("猫");
        {
            let asked = bench.ask(&request);
            tokio::pin!(asked);
            let rendering = async { while bench.peer.next_request().await.path() != "/queue" {} };
            tokio::select! {
                made = &mut asked => panic!("{made:?}"),
                () = rendering => {}
            }
            bench.peer.when_path("/queue", Answer::raw(200, "application/json", queue));
            bench.cx.cancel.cancel();
        }
        let posted = async || loop {
            let request = bench.peer.next_request().await;
            if request.http.method == "POST" {
                break (request.path().to_owned(), request.http.json().unwrap());
            }
        };
        assert_eq!(posted().await, ("/queue".to_owned(), json!({ "delete": [OTHER] })));
        if ours {
            assert_eq!(posted().await, ("/interrupt".to_owned(), json!({ "prompt_id": OTHER })));
        } else {
            while bench.peer.next_request().await.path() != "/queue" {}
            assert!(bench.peer.requests().iter().all(|request| request.path() != "/interrupt"));
        }
    }
}

#[test]
fn every_sample_is_used_or_excused() {
    let used = [
        "history_all_cached",
        "history_error",
        "history_pending",
        "history_success",
        "prompt_invalid",
        "prompt_missing",
        "prompt_ok",
        "prompt_request",
        "queue",
        "upload_ok",
    ];
    // Only sent over the web socket, which is not used.
    let excused = ["ws_messages"];
    for (file, _) in samples::all("comfyui") {
        let name = file.trim_end_matches(".json");
        assert!(used.contains(&name) || excused.contains(&name), "{name}");
    }
}
