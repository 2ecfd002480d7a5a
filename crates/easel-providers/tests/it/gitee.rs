//! Gitee AI: pictures from words, and edits that are answered at once.

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    media::PictureFormat,
    ports::{GenerateRequest, Output, Unfit},
};
use easel_testkit::{
    pictures,
    provider::{Answer, ProviderRequest},
};
use serde_json::{Value, json};

use crate::{
    replay::{
        self,
        Ends::{As, With},
    },
    suite::{Bench, Case, KEY, Wire, case},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate};
    let sample = |status, name: &str| Answer::sample(status, &format!("gitee/{name}.json"));
    let said = |status, text: &str| Answer::json(status, &json!({ "message": text }));
    let mut wire = Wire::new("gitee", "z-image-turbo", crate::openai_images::success);
    wire.moderated_input = vec![
        case("sensitive", said(400, "提示词包含敏感内容"), ModerationInput),
        case(
            "against the rules",
            Answer::json(400, &json!({ "error": { "message": "内容违规" } })),
            ModerationInput,
        ),
        case("check", said(403, "内容审核不通过"), ModerationInput),
    ];
    wire.moderated_output = Vec::new();
    wire.failures = vec![
        case("token", sample(401, "error_unauthorized"), Auth),
        case("rate", sample(429, "error_rate"), Rate),
        case("free quota of the day", said(429, "今日免费额度已用完"), Quota),
        case("package", said(403, "资源包已耗尽"), Quota),
        case(
            "package not bought",
            Answer::json(403, &json!({ "error": "Forbidden", "message": "no package" })),
            Quota,
        ),
        case("pay", said(402, "Payment Required"), Quota),
        case("field", sample(400, "error_missing_parameter"), BadRequest),
        case("retired", said(400, "该模型已停用"), NotFound),
        case("unknown", said(404, "model does not exist"), NotFound),
        case("upstream", said(502, "upstream_unavailable"), Overload),
    ];
    wire.echoes = echoes;
    wire
}

fn echoes(text: &str) -> Vec<Case> {
    vec![
        case("envelope", Answer::json(400, &json!({ "error": { "message": text } })), ErrorClass::BadRequest),
        case("message", Answer::json(500, &json!({ "message": text })), ErrorClass::Overload),
        case("both", Answer::json(429, &json!({ "error": "Busy", "message": text })), ErrorClass::Rate),
    ]
}

#[tokio::test]
async fn samples_mean_what_is_known_of_them() {
    use ErrorClass::{Auth, BadRequest, Rate};
    let table = [
        ("generations_ok_b64", 200, With(0)),
        ("generations_ok_url", 200, With(0)),
        ("error_missing_parameter", 400, As(BadRequest)),
        ("error_rate", 429, As(Rate)),
        ("error_unauthorized", 401, As(Auth)),
        ("edit_sync_ok", 200, With(0)),
        // Other edits are tasks, which is another kind.
    ];
    let others = [
        "edit_immediate_result",
        "edit_task_cancelled",
        "edit_task_created",
        "edit_task_failed",
        "edit_task_failure_error_object",
        "edit_task_failure_error_string",
        "edit_task_in_progress",
        "edit_task_success",
        "edit_task_success_without_file",
        "task_poll_error",
        "models_with_details",
    ];
    replay::folder(&wire(), "gitee", &table, &others).await;
}

async fn sends(wire: Wire, output: Output, count: u8, expected: Value) {
    let bench = Bench::new(&wire).await;
    let request = GenerateRequest { output, count, ..bench.words("一只猫") };
    bench.ask(&request).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!((sent.path(), sent.http.bearer()), ("/v1/images/generations", Some(KEY)));
    assert_eq!(sent.http.json().unwrap(), expected);
}

#[tokio::test]
async fn requests_hold_what_was_wished_and_nothing_else() {
    let model = "z-image-turbo";
    let open = Output::default();
    sends(wire(), open, 1, json!({ "model": model, "prompt": "一只猫" })).await;
    let wide = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let expected = json!({ "model": model, "prompt": "一只猫", "size": "2048x1152", "n": 3 });
    sends(wire(), wide, 3, expected).await;
    let extra =
        json!({ "extra": { "num_inference_steps": 9, "negative_prompt": "blurry", "size": "1024x1024" } });
    let fast = Wire { section: extra.clone(), ..wire() };
    let expected =
        json!({ "model": model, "prompt": "一只猫", "size": "1024x1024", "num_inference_steps": 9 });
    sends(fast.clone(), open, 1, expected).await;
    let expected =
        json!({ "model": model, "prompt": "一只猫", "size": "576x1024", "num_inference_steps": 9 });
    sends(fast, Output { ratio: Some((9, 16)), ..open }, 1, expected).await;
    let qwen = Wire { section: extra, model: "Qwen-Image", ..wire() };
    let expected = json!({ "model": "Qwen-Image", "prompt": "一只猫", "size": "1024x1024", "num_inference_steps": 9,
        "negative_prompt": "blurry" });
    sends(qwen, open, 1, expected).await;
}

#[tokio::test]
async fn a_refused_size_steps_down_to_a_smaller_one_and_no_further() {
    let bench = Bench::new(&wire()).await;
    let output = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let request = GenerateRequest { output, ..bench.words("一只猫") };
    bench.peer.answers([Answer::invalid_size(), Answer::invalid_size()]);
    for _ in 0..2 {
        assert_eq!(bench.refuses(&request).await.class, ErrorClass::BadRequest);
    }
    assert_eq!(bench.provider.refuses(&request), Some(Unfit::SizesRefused));
    let sizes: Vec<_> = bench.creates().iter().map(ProviderRequest::size).collect();
    assert_eq!(sizes, [Some("2048x1152".to_owned()), Some("1024x576".to_owned())]);
}

#[tokio::test]
async fn some_models_edit_at_once() {
    for (model, section, generate, edit) in [
        ("Qwen/Qwen-Image-Edit", json!({}), false, true),
        ("Kolors", json!({}), true, true),
        ("Qwen-Image-Edit-2511", json!({}), true, false),
        ("somebody-edits", json!({ "supports_edit": true }), true, true),
    ] {
        let bench = Bench::new(&Wire { model, section, ..wire() }).await;
        let capabilities = bench.provider.capabilities();
        assert_eq!((capabilities.generate, capabilities.edit), (generate, edit), "{model}");
        if !edit {
            continue;
        }
        let sent = bench.sends(&Bench::edit(&[(PictureFormat::Png, pictures::png(64, 64, 1))])).await;
        assert_eq!(sent.path(), "/v1/images/edits", "{model}");
        let parts = sent.form.unwrap();
        let named = |name: &str| parts.iter().filter(|part| part.name == name).count();
        assert_eq!((named("model"), named("prompt"), named("image")), (1, 1, 1), "{model}");
    }
}

#[tokio::test]
async fn it_draws_but_does_not_edit_and_a_used_up_package_rests_its_token() {
    let bench = Bench::new(&wire()).await;
    let capabilities = bench.provider.capabilities();
    assert_eq!((capabilities.generate, capabilities.edit, capabilities.max_tier), (true, false, Some(2)));
    bench.peer.answer(Answer::json(403, &json!({ "message": "资源包已耗尽" })));
    assert_eq!(bench.fails().await.key, KeyVerdict::OutOfQuota);
}
