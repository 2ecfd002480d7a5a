//! Alibaba's `DashScope`, the route that answers within the call.

use easel_core::{
    error::{ErrorClass, KeyVerdict, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
    samples,
};
use serde_json::{Value, json};

use crate::{
    replay::{
        self,
        Ends::{As, With},
    },
    suite::{Bench, KEY, Shown, Wire, case, wire::cases},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, ModerationOutput, NotFound, Overload, Quota, Rate};
    let sample = |status, name: &str| Answer::sample(status, &format!("dashscope/{name}.json"));
    let told = |status, code: &str, message: &str| {
        Answer::json(status, &json!({ "code": code, "message": message, "request_id": "7438" }))
    };
    let mut wire = Wire::new("dashscope", "qwen-image-3.0", success);
    wire.base = "/api/v1";
    wire.inline = false;
    wire.empty = vec![
        vec![Answer::json(200, &json!({ "output": { "choices": [] }, "request_id": "1" }))],
        vec![Answer::json(200, &json!({ "output": {}, "usage": {} }))],
        vec![success_with(&json!([{ "text": "Which style do you want?" }]))],
    ];
    wire.moderated_input = vec![
        case("inspection", sample(400, "error_inspection"), ModerationInput),
        case("older code", told(400, "data_inspection_failed", "Input data may contain …"), ModerationInput),
    ];
    let withheld = "Output data may contain inappropriate content.";
    wire.moderated_output =
        vec![case("withheld", told(400, "DataInspectionFailed", withheld), ModerationOutput)];
    wire.failures = vec![
        case("key", sample(401, "error_invalid_key"), Auth),
        case("overdue", sample(400, "error_arrearage"), Quota),
        case("free tier", sample(403, "error_quota"), Quota),
        case("not opened", told(403, "AccessDenied.Unpurchased", "Access to model denied."), Quota),
        case("allocation", told(429, "Throttling.AllocationQuota", "Allocated quota exceeded"), Quota),
        case(
            "quota in words",
            told(429, "Throttling", "You exceeded your current quota, please check"),
            Quota,
        ),
        case("rate", sample(429, "error_rate"), Rate),
        case("ramp", sample(429, "error_burst"), Rate),
        case("ramp in words", told(400, "BadRequest", "Request rate increased too quickly."), Rate),
        case("parameter", told(400, "InvalidParameter", "num_images_per_prompt must be 1"), BadRequest),
        case("model", told(404, "ModelNotFound", "Model can not be found."), NotFound),
        case("no access", told(403, "Model.AccessDenied", "Model access denied."), NotFound),
        case("inside", told(500, "InternalError.Algo", "inference error"), Overload),
        case("away", told(503, "ServiceUnavailable", "try later"), Overload),
        case("in a success", told(200, "InternalError", "inference error"), Overload),
    ];
    wire.echoes = |text| {
        let told = |status, code: &str| {
            Answer::json(status, &json!({ "code": code, "message": text, "request_id": "1" }))
        };
        vec![
            case("parameter", told(400, "InvalidParameter"), BadRequest),
            case("inside", told(500, "InternalError"), Overload),
            case("rate", told(429, "Throttling.RateQuota"), Rate),
            case("in a success", told(200, "InvalidParameter"), BadRequest),
        ]
    };
    wire
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let part = |shown: &Shown| match shown {
        Shown::Link(link) => json!({ "image": link }),
        Shown::Inline(_) => panic!("the service answers with links"),
    };
    let content: Vec<Value> = results.iter().map(part).collect();
    vec![success_with(&content.into())]
}

fn success_with(content: &Value) -> Answer {
    let choice = json!({ "finish_reason": "stop", "message": { "role": "assistant", "content": content } });
    Answer::json(
        200,
        &json!({ "output": { "choices": [choice] }, "usage": { "image_count": 1 }, "request_id": "1" }),
    )
}

const TASK: &str = "0385dc79-5ff8-4d82-bcb6-000000000000";

fn created() -> Answer {
    Answer::sample(200, "dashscope/task_created.json")
}

fn output(output: &Value) -> Answer {
    Answer::json(200, &json!({ "request_id": "1", "output": output }))
}

/// How the service answers for models that are only offered as tasks, for the suite.
pub(crate) fn tasks() -> Wire {
    use ErrorClass::{ModerationInput, ModerationOutput, Overload};
    let failed = |code: &str, message: &str| {
        output(&json!({ "task_id": TASK, "task_status": "FAILED", "code": code, "message": message }))
    };
    let mut wire = Wire {
        model: "wan2.2-t2i-flash",
        section: json!({ "extra": { "poll_seconds": 0.05 } }),
        tasks: true,
        empty: vec![vec![created(), output(&json!({ "task_status": "SUCCEEDED", "results": [] }))]],
        moderated_output: vec![cases(
            "all withheld",
            [
                created(),
                output(&json!({ "task_status": "SUCCEEDED", "results": [
                { "code": "DataInspectionFailed", "message": "Output data may contain inappropriate content." }] })),
            ],
            ModerationOutput,
        )],
        success: |_, results| {
            let entry = |shown: &Shown| match shown {
                Shown::Link(link) => json!({ "url": link }),
                Shown::Inline(_) => panic!("the service answers with links"),
            };
            let results: Vec<Value> = results.iter().map(entry).collect();
            let running = Answer::sample(200, "dashscope/task_running.json");
            vec![
                created(),
                running,
                output(&json!({ "task_id": TASK, "task_status": "SUCCEEDED", "results": results })),
            ]
        },
        ..wire()
    };
    wire.moderated_input.push(cases(
        "task",
        [created(), Answer::sample(200, "dashscope/task_failed.json")],
        ModerationInput,
    ));
    wire.failures.push(cases("task", [created(), failed("InternalError.Algo", "broken")], Overload));
    wire.failures.push(cases(
        "canceled",
        [created(), output(&json!({ "task_status": "CANCELED" }))],
        Overload,
    ));
    wire
}

#[tokio::test]
async fn older_models_are_ordered_as_tasks() {
    let section =
        json!({ "extra": { "poll_seconds": 0.05, "negative_prompt": "blurry", "watermark": false } });
    let bench = Bench::new(&Wire { section, ..tasks() }).await;
    let link = bench.peer.host_picture(pictures::png(64, 64, 1));
    bench.succeeds(&[Shown::Link(link)]);
    let wish = Output { ratio: Some((16, 9)), ..Output::default() };
    bench.ask(&GenerateRequest { output: wish, ..bench.words("猫") }).await.unwrap();
    let [create, first, second] = &bench.peer.requests()[..] else { panic!("three requests") };
    assert_eq!(create.path(), "/api/v1/services/aigc/text2image/image-synthesis");
    assert_eq!(
        (create.http.bearer(), create.headers().get("x-dashscope-async")),
        (Some(KEY), Some("enable"))
    );
    let expected = json!({
        "model": "wan2.2-t2i-flash",
        "input": { "prompt": "猫", "negative_prompt": "blurry" },
        "parameters": { "n": 1, "prompt_extend": false, "size": "1280*720", "watermark": false },
    });
    assert_eq!(create.http.json().unwrap(), expected);
    for question in [first, second] {
        assert_eq!((question.path(), question.http.bearer()), (&*format!("/api/v1/tasks/{TASK}"), Some(KEY)));
        assert_eq!(question.headers().get("x-dashscope-async"), None);
    }
}

#[tokio::test]
async fn part_of_a_result_is_delivered_and_a_forgotten_task_is_lost() {
    let bench = Bench::new(&tasks()).await;
    let picture = pictures::png(64, 64, 1);
    let mut partial = samples::json("dashscope/task_succeeded_partial.json");
    partial["output"]["results"][0]["url"] = bench.peer.host_picture(picture.clone()).into();
    bench.peer.answers([created(), Answer::json(200, &partial)]);
    assert_eq!(bench.ask(&GenerateRequest { count: 2, ..bench.words("猫") }).await.unwrap(), [picture]);
    bench.peer.answer(created());
    bench.peer.always(output(&json!({ "task_id": TASK, "task_status": "UNKNOWN" })));
    let error = bench.fails().await;
    assert_eq!((error.class, error.retry), (ErrorClass::ResultLost, Retry::Never), "{error:?}");
    assert_eq!(bench.creates().len(), 2);
}

#[tokio::test]
async fn samples_mean_what_is_known_of_them() {
    use ErrorClass::{Auth, ModerationInput, Quota, Rate};
    let table = [
        ("multimodal_ok", 200, With(0)),
        ("error_arrearage", 400, As(Quota)),
        ("error_burst", 429, As(Rate)),
        ("error_inspection", 400, As(ModerationInput)),
        ("error_invalid_key", 401, As(Auth)),
        ("error_quota", 403, As(Quota)),
        ("error_rate", 429, As(Rate)),
        // Tasks are answered on another route.
    ];
    let others =
        ["multimodal_request", "task_created", "task_failed", "task_running", "task_succeeded_partial"];
    replay::folder(&wire(), "dashscope", &table, &others).await;
}

fn draws(bench: &Bench) {
    let link = bench.peer.host_picture(pictures::png(64, 64, 1));
    bench.succeeds(&[Shown::Link(link)]);
}

/// What a model is sent as `parameters` for a wish.
async fn parameters(model: &'static str, output: Output, count: u8, expected: Value) {
    let bench = Bench::new(&Wire { model, ..wire() }).await;
    draws(&bench);
    let words_alone = bench.provider.capabilities().generate;
    let reference = [(PictureFormat::Png, pictures::png(64, 64, 2))];
    let references = Bench::edit(if words_alone { &[] } else { &reference });
    bench.ask(&GenerateRequest { output, count, ..references }).await.unwrap();
    let body = bench.creates()[0].http.json().unwrap();
    assert_eq!(body.get("parameters").cloned().unwrap_or(Value::Null), expected, "{model}");
}

#[tokio::test]
async fn words_and_pictures_stand_in_one_message() {
    let bench = Bench::new(&Wire { model: "qwen-image-edit-plus", ..wire() }).await;
    let (png, jpeg) = (pictures::png(64, 64, 1), pictures::jpeg(64, 64, 2));
    draws(&bench);
    bench
        .ask(&Bench::edit(&[(PictureFormat::Png, png.clone()), (PictureFormat::Jpeg, jpeg.clone())]))
        .await
        .unwrap();
    let sent = &bench.creates()[0];
    assert_eq!(sent.path(), "/api/v1/services/aigc/multimodal-generation/generation");
    assert_eq!((sent.http.bearer(), sent.headers().get("x-dashscope-async")), (Some(KEY), None));
    let url = |kind: &str, bytes: &[u8]| {
        use base64::Engine as _;
        format!("data:image/{kind};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
    };
    let content =
        json!([{ "image": url("png", &png) }, { "image": url("jpeg", &jpeg) }, { "text": "换成雨夜" }]);
    let expected = json!({
        "model": "qwen-image-edit-plus",
        "input": { "messages": [{ "role": "user", "content": content }] },
        "parameters": { "prompt_extend": false },
    });
    assert_eq!(sent.http.json().unwrap(), expected);
    // The same fields as in the service's own example.
    let example = samples::json("dashscope/multimodal_request.json");
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&example), names(&expected));
    assert_eq!(names(&example["input"]["messages"][0]), names(&expected["input"]["messages"][0]));
}

#[tokio::test]
async fn each_model_is_sent_what_its_row_says() {
    let open = Output::default();
    let wide = Output { ratio: Some((16, 9)), ..open };
    let large = Output { tier: Some(2), ..wide };
    parameters("qwen-image-3.0", open, 1, json!({ "prompt_extend": false })).await;
    parameters("qwen-image-3.0", large, 2, json!({ "prompt_extend": false, "size": "2048*1152", "n": 2 }))
        .await;
    parameters("qwen-image-2.1-pro", wide, 1, json!({ "prompt_extend": false, "size": "1280*720" })).await;
    parameters("qwen-image-plus", wide, 1, json!({ "prompt_extend": false, "size": "1664*928" })).await;
    parameters(
        "qwen-image",
        Output { ratio: Some((3, 4)), ..open },
        1,
        json!({ "prompt_extend": false, "size": "1104*1472" }),
    )
    .await;
    parameters("z-image-turbo", Output { size: Some((300, 300)), ..open }, 1, json!({ "size": "512*512" }))
        .await;
    // One picture, in the shape that it finds.
    parameters("qwen-image-edit", wide, 1, Value::Null).await;
    parameters(
        "qwen-image-edit-max",
        Output { size: Some((4000, 400)), ..open },
        3,
        json!({ "prompt_extend": false, "size": "2048*512", "n": 3 }),
    )
    .await;
    // Without a number these make four, all of them paid.
    parameters("wan2.6-t2i", wide, 1, json!({ "prompt_extend": false, "size": "1712*960", "n": 1 })).await;
    parameters("wan2.7-image-pro", open, 1, json!({ "prompt_extend": false, "n": 1 })).await;
    parameters("something-new", wide, 1, json!({ "prompt_extend": false, "size": "1280*720" })).await;
}

#[tokio::test]
async fn each_model_can_what_its_row_says() {
    for (model, draws, references, count, tier) in [
        ("qwen-image-3.0-pro", true, 3, 4, Some(2)),
        ("qwen-image-2.1-pro", true, 10, 4, Some(2)),
        ("qwen-image-2.0", true, 3, 4, Some(2)),
        ("Qwen-Image-Plus", true, 0, 1, Some(1)),
        ("qwen-image-edit", false, 3, 1, Some(1)),
        ("qwen-image-edit-plus-2025-10-30", false, 3, 6, Some(2)),
        ("z-image-turbo", true, 0, 1, Some(2)),
        ("wan2.6-t2i", true, 0, 4, Some(1)),
        ("wan2.6-image", false, 3, 4, Some(1)),
        ("wan2.7-image", true, 3, 4, Some(2)),
        ("something-new", true, 3, 4, Some(2)),
        // Only offered as tasks.
        ("wan2.2-t2i-flash", true, 0, 4, Some(1)),
        ("wan2.5-i2i-preview", false, 0, 4, Some(1)),
        ("wanx2.1-t2i-turbo", true, 0, 4, Some(1)),
    ] {
        let can = Bench::new(&Wire { model, ..wire() }).await.provider.capabilities();
        let found = (can.generate, can.edit, can.max_references, can.max_count, can.max_tier);
        assert_eq!(found, (draws, references > 0, references, count, tier), "{model}");
    }
}

#[tokio::test]
async fn the_owners_fields_are_parameters_and_win() {
    let extra = json!({ "prompt_extend": true, "watermark": false, "negative_prompt": "blurry", "size": "1024*1024" });
    let bench = Bench::new(&Wire { section: json!({ "extra": extra }), ..wire() }).await;
    draws(&bench);
    bench.ask(&bench.words("猫")).await.unwrap();
    assert_eq!(bench.creates()[0].http.json().unwrap()["parameters"], extra);
    draws(&bench);
    let output = Output { ratio: Some((1, 1)), tier: Some(2), size: None };
    bench.ask(&GenerateRequest { output, ..bench.words("猫") }).await.unwrap();
    assert_eq!(bench.creates()[1].http.json().unwrap()["parameters"]["size"], "2048*2048");
}

#[tokio::test]
async fn refused_parameters_step_down() {
    let bench = Bench::new(&wire()).await;
    let told = |message: &str| Answer::json(400, &json!({ "code": "InvalidParameter", "message": message }));
    let output = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let request = GenerateRequest { output, ..bench.words("猫") };
    bench.peer.answers([told("size must match one of …"), told("The prompt_extend is not supported")]);
    for _ in 0..2 {
        assert_eq!(bench.refuses(&request).await.retry, Retry::Corrected);
    }
    draws(&bench);
    bench.ask(&request).await.unwrap();
    let sent: Vec<_> =
        bench.creates().iter().map(|sent| sent.http.json().unwrap()["parameters"].clone()).collect();
    assert_eq!(
        sent,
        [
            json!({ "size": "2048*1152", "prompt_extend": false }),
            json!({ "size": "1360*768", "prompt_extend": false }),
            json!({ "size": "1360*768" }),
        ]
    );
}

#[tokio::test]
async fn keys_are_judged_by_the_services_own_codes() {
    let bench = Bench::new(&wire()).await;
    for (status, name, key) in [
        (401, "error_invalid_key", KeyVerdict::Disable),
        (400, "error_arrearage", KeyVerdict::OutOfQuota),
        (403, "error_quota", KeyVerdict::OutOfQuota),
        (429, "error_burst", KeyVerdict::Cool(std::time::Duration::from_mins(1))),
        (400, "error_inspection", KeyVerdict::Fine),
    ] {
        bench.peer.answer(Answer::sample(status, &format!("dashscope/{name}.json")));
        assert_eq!(bench.fails().await.key, key, "{name}");
    }
}
