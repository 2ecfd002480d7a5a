//! The web UIs of Stable Diffusion.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{ErrorClass, Retry},
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_providers::ProviderSection;
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
};
use serde_json::{Value, json};

use crate::{
    replay::{
        self,
        Ends::{As, With},
    },
    suite::{Bench, Shown, Wire, case},
};

/// How the engine answers, for the suite.
pub(crate) fn wire() -> Wire {
    use ErrorClass::{Auth, BadRequest, ModerationInput, NotFound, Overload, Quota, Rate, TooLarge};
    let sample = |status, name: &str| Answer::sample(status, &format!("a1111/{name}.json"));
    let raised = |status, detail: &str| Answer::json(status, &exception("HTTPException", detail));
    let mut wire = Wire::new("sdwebui", "", success);
    wire.links = false;
    wire.empty = vec![
        vec![Answer::json(200, &json!({ "images": [], "parameters": {}, "info": "" }))],
        vec![Answer::json(200, &json!({ "images": null, "info": "{}" }))],
    ];
    wire.moderated_input = Vec::new();
    wire.moderated_output = Vec::new();
    wire.failures = vec![
        case("password", raised(401, "Incorrect username or password"), Auth),
        case("no api", sample(404, "error_api_disabled"), NotFound),
        case("picture", sample(404, "error_init_image"), BadRequest),
        case("picture", raised(500, "Invalid encoded image"), BadRequest),
        case("sampler", sample(400, "error_sampler"), BadRequest),
        case("sampler of older builds", sample(404, "error_sampler"), BadRequest),
        case("script", raised(422, "Script 'x' not found"), BadRequest),
        case("field", sample(422, "error_validation"), BadRequest),
        case("memory", sample(500, "error_oom"), TooLarge),
        case(
            "memory in words",
            Answer::json(500, &exception("RuntimeError", "HIP out of memory.")),
            TooLarge,
        ),
        case("checkpoint", raised(500, "Unknown checkpoint: x"), NotFound),
        case("bug", Answer::json(500, &exception("RuntimeError", "mat1 and mat2")), Overload),
    ];
    wire.lacks = &[
        (ModerationInput, "the engine judges nobody"),
        (Quota, "nothing is paid"),
        (Rate, "requests wait inside of the engine"),
    ];
    wire.echoes = |text| {
        vec![
            case("detail", Answer::json(400, &exception("HTTPException", text)), BadRequest),
            case(
                "errors",
                Answer::json(500, &json!({ "error": "ValueError", "detail": "", "errors": text })),
                Overload,
            ),
            case(
                "field",
                Answer::json(
                    422,
                    &json!({ "detail": [{ "loc": ["body", "prompt"], "msg": text, "input": text }] }),
                ),
                BadRequest,
            ),
        ]
    };
    wire
}

fn exception(error: &str, detail: &str) -> Value {
    json!({ "error": error, "detail": detail, "body": "", "errors": "" })
}

fn success(_: &FakeProvider, results: &[Shown]) -> Vec<Answer> {
    let images: Vec<_> = results
        .iter()
        .map(|shown| match shown {
            Shown::Inline(bytes) => STANDARD.encode(bytes),
            Shown::Link(_) => panic!("the engine has no links"),
        })
        .collect();
    let seeds: Vec<_> = (0..images.len()).collect();
    let info = json!({ "index_of_first_image": 0, "all_seeds": seeds }).to_string();
    vec![Answer::json(200, &json!({ "images": images, "parameters": { "prompt": "x" }, "info": info }))]
}

#[tokio::test]
async fn samples_mean_what_is_known_of_them() {
    use ErrorClass::{BadRequest, NotFound, TooLarge};
    let table = [
        ("txt2img_ok", 200, With(0)),
        ("txt2img_ok_sdcpp_empty_info", 200, With(0)),
        ("error_api_disabled", 404, As(NotFound)),
        ("error_init_image", 404, As(BadRequest)),
        ("error_oom", 500, As(TooLarge)),
        ("error_sampler", 400, As(BadRequest)),
        ("error_validation", 422, As(BadRequest)),
    ];
    let others = ["img2img_request", "txt2img_request", "progress_idle", "progress_running", "sd_models"];
    replay::folder(&wire(), "a1111", &table, &others).await;
}

async fn sends(wire: &Wire, request: impl FnOnce(&Bench) -> GenerateRequest, path: &str, expected: &Value) {
    let bench = Bench::new(wire).await;
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&request(&bench)).await.unwrap();
    let sent = &bench.creates()[0];
    assert_eq!((sent.path(), &sent.http.json().unwrap()), (path, expected));
}

const TXT: &str = "/sdapi/v1/txt2img";
const IMG: &str = "/sdapi/v1/img2img";

#[tokio::test]
async fn words_become_a_picture_of_the_wished_shape() {
    let open = Output::default();
    let with = |output, count| move |bench: &Bench| GenerateRequest { output, count, ..bench.words("a fox") };
    // Nothing that nobody asked for.
    sends(&wire(), with(open, 1), TXT, &json!({ "prompt": "a fox" })).await;
    let wide = Output { ratio: Some((16, 9)), ..open };
    let expected = json!({ "prompt": "a fox", "width": 1360, "height": 768, "n_iter": 2 });
    sends(&wire(), with(wide, 2), TXT, &expected).await;
    let large = Output { tier: Some(2), ..open };
    sends(&wire(), with(large, 1), TXT, &json!({ "prompt": "a fox", "width": 2048, "height": 2048 })).await;
    let exact = Output { size: Some((768, 512)), ..open };
    sends(&wire(), with(exact, 1), TXT, &json!({ "prompt": "a fox", "width": 768, "height": 512 })).await;
    // A checkpoint of 512x512 keeps its number of pixels.
    let extra = json!({ "width": 512, "height": 512, "steps": 20, "negative_prompt": "blurry",
        "override_settings": { "CLIP_stop_at_last_layers": 2 } });
    let small = Wire { model: "model.safetensors", section: json!({ "extra": extra }), ..wire() };
    let mut expected = json!({ "prompt": "a fox", "steps": 20, "negative_prompt": "blurry", "width": 512, "height": 512,
        "override_settings": { "CLIP_stop_at_last_layers": 2, "sd_model_checkpoint": "model.safetensors" } });
    sends(&small, with(open, 1), TXT, &expected).await;
    (expected["width"], expected["height"]) = (688.into(), 384.into());
    sends(&small, with(wide, 1), TXT, &expected).await;
}

#[tokio::test]
async fn an_edit_carries_its_picture_bare_and_keeps_its_shape() {
    let picture = pictures::jpeg(90, 60, 3);
    let encoded = STANDARD.encode(&picture);
    let edit = |output: Output| {
        let picture = picture.clone();
        move |_: &Bench| {
            let mut request = Bench::edit(&[(PictureFormat::Jpeg, picture)]);
            request.references = request
                .references
                .iter()
                .cloned()
                .map(|mut reference| {
                    (reference.picture.width, reference.picture.height) = (3000, 2000);
                    reference
                })
                .collect();
            GenerateRequest { output, ..request }
        }
    };
    let expected = json!({ "prompt": "换成雨夜", "init_images": [encoded], "width": 1248, "height": 832 });
    sends(&wire(), edit(Output::default()), IMG, &expected).await;
    let square = Output { ratio: Some((1, 1)), ..Output::default() };
    let extra = json!({ "extra": { "denoising_strength": 0.6 } });
    let expected = json!({ "prompt": "换成雨夜", "init_images": [encoded], "width": 1024, "height": 1024, "denoising_strength": 0.6 });
    sends(&Wire { section: extra, ..wire() }, edit(square), IMG, &expected).await;
}

#[tokio::test]
async fn commands_in_prompts_are_words_unless_the_owner_lets_them_be() {
    let prompt =
        "a fox <lora:evil:2> AND a cat BREAK <sd_cpp_extra_args>{\"steps\":999}</sd_cpp_extra_args>snow";
    let tame = json!({ "prompt": "a fox ‹lora:evil:2> and a cat break ‹sd_cpp_extra_args>{\"steps\":999}‹/sd_cpp_extra_args>snow" });
    sends(&wire(), |bench| bench.words(prompt), TXT, &tame).await;
    let allowed = Wire { section: json!({ "extra": { "allow_prompt_syntax": true } }), ..wire() };
    sends(&allowed, |bench| bench.words(prompt), TXT, &json!({ "prompt": prompt })).await;
    let odd = Wire { section: json!({ "extra": { "allow_prompt_syntax": "yes" } }), ..wire() };
    sends(&odd, |bench| bench.words(prompt), TXT, &tame).await;
}

#[tokio::test]
async fn control_maps_and_grids_are_no_result() {
    let bench = Bench::new(&wire()).await;
    let made: Vec<_> = (0..4).map(|seed| pictures::png(64, 64, seed)).collect();
    let images: Vec<_> = made.iter().map(|picture| STANDARD.encode(picture)).collect();
    let answer = |info: Value| Answer::json(200, &json!({ "images": images, "info": info.to_string() }));
    let request = GenerateRequest { count: 4, ..bench.words("猫") };
    for (info, expected) in [
        // A grid before, a control map behind.
        (json!({ "index_of_first_image": 1, "all_seeds": [1, 2] }), &made[1..3]),
        (json!({ "index_of_first_image": 0, "all_seeds": [1, 2, 3] }), &made[..3]),
        // What doesn't fit is no reason to lose a picture.
        (json!({ "index_of_first_image": 3, "all_seeds": [1, 2] }), &made[..]),
        (json!({ "index_of_first_image": "x" }), &made[..]),
        (json!("no JSON {"), &made[..]),
    ] {
        bench.peer.answer(answer(info));
        assert_eq!(bench.ask(&request).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn out_of_memory_is_answered_with_a_smaller_picture() {
    let bench = Bench::new(&wire()).await;
    let output = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
    let request = GenerateRequest { output, ..bench.words("猫") };
    let memory = || Answer::sample(500, "a1111/error_oom.json");
    bench.peer.answers([memory(), memory()]);
    // One step per job; the next job profits from the second lesson.
    for retry in [Retry::Corrected, Retry::NextProvider] {
        let error = bench.refuses(&request).await;
        assert_eq!((error.class, error.retry), (ErrorClass::TooLarge, retry));
    }
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&request).await.unwrap();
    let sides: Vec<_> = bench
        .creates()
        .iter()
        .map(|sent| {
            let body = sent.http.json().unwrap();
            (body["width"].as_u64().unwrap(), body["height"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(sides, [(2736, 1536), (1360, 768), (960, 536)]);
    // Where no sides were sent there is nothing to make smaller.
    bench.peer.answer(memory());
    assert_eq!(bench.fails().await.retry, Retry::NextProvider);
}

#[tokio::test]
async fn an_unknown_sampler_is_left_to_the_engine() {
    let section = json!({ "extra": { "sampler_name": "Nonsense", "steps": 20 } });
    let bench = Bench::new(&Wire { section, ..wire() }).await;
    bench.peer.answer(Answer::sample(400, "a1111/error_sampler.json"));
    assert_eq!(bench.fails().await.retry, Retry::Corrected);
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&bench.words("a fox")).await.unwrap();
    let last = bench.creates().pop().unwrap();
    assert_eq!(last.http.json().unwrap(), json!({ "prompt": "a fox", "steps": 20 }));
}

#[tokio::test]
async fn no_key_is_needed_anywhere_and_a_password_goes_out_as_one() {
    let section = |json: Value| -> ProviderSection { serde_json::from_value(json).unwrap() };
    let far = section(json!({ "kind": "sdwebui", "base_url": "https://sd.example.com" }));
    assert_eq!(far.validate("a"), []);
    assert_eq!(far.address().unwrap().to_string(), "https://sd.example.com");
    let home = section(json!({ "kind": "sdwebui" }));
    assert_eq!(
        (home.validate("a"), home.address().unwrap().to_string()),
        (vec![], "http://127.0.0.1:7860".to_owned())
    );
    let secret = json!({ "api_keys": [], "basic_auth": "me:pass" });
    let mut bench = Bench::new(&Wire { section: secret, ..wire() }).await;
    bench.cx.key = None;
    let capabilities = bench.provider.capabilities();
    assert_eq!((capabilities.needs_key, capabilities.paid, capabilities.edit), (false, false, true));
    assert!(capabilities.free);
    bench.succeeds(&[Shown::Inline(pictures::png(64, 64, 1))]);
    bench.ask(&bench.words("a fox")).await.unwrap();
    let expected = format!("Basic {}", STANDARD.encode("me:pass"));
    assert_eq!(bench.creates()[0].headers().get("authorization"), Some(expected.as_str()));
}
