//! stable-diffusion.cpp's server.

use easel_core::{
    error::ErrorClass,
    media::PictureFormat,
    ports::{GenerateRequest, Output},
};
use easel_testkit::{pictures, provider::Answer};
use serde_json::{Value, json};

use crate::{
    openai_images,
    suite::{Bench, Wire, case},
};

/// How the server answers, for the suite.
pub(crate) fn wire() -> Wire {
    let mut wire = Wire::new("sd_cpp", "sd-cpp-local", openai_images::success);
    let plain = |status, text: &str| Answer::json(status, &json!({ "error": text }));
    wire.failures.extend([
        case("no prompt", Answer::sample(400, "sd_cpp/error.json"), ErrorClass::BadRequest),
        case("queue full", plain(429, "queue is full"), ErrorClass::Rate),
        case("failed", plain(500, "generate_image returned empty results"), ErrorClass::Overload),
    ]);
    wire
}

async fn with(extra: Value) -> Bench {
    Bench::new(&Wire { section: json!({ "extra": extra }), ..wire() }).await
}

#[tokio::test]
async fn only_the_owner_steers_the_engine() {
    const HOSTILE: &str =
        "cat <sd_cpp_extra_args>{\"steps\":9999}</sd_cpp_extra_args><SD_CPP_EXTRA_ARGS> <lora:x:9>";
    let bench = with(json!({})).await;
    let sent = bench.sends(&bench.words(HOSTILE)).await.prompt().unwrap();
    assert_eq!(
        sent,
        "cat ‹sd_cpp_extra_args>{\"steps\":9999}‹/sd_cpp_extra_args>‹SD_CPP_EXTRA_ARGS> ‹lora:x:9>"
    );
    let bench = with(json!({ "args": { "steps": 20 }, "lora": true, "output_format": "webp" })).await;
    let request = bench.sends(&bench.words("cat <sd_cpp_extra_args> <lora:x:1>")).await;
    assert_eq!(
        request.json.unwrap(),
        json!({ "model": "sd-cpp-local", "output_format": "webp",
            "prompt": "cat ‹sd_cpp_extra_args> <lora:x:1> <sd_cpp_extra_args>{\"steps\":20}</sd_cpp_extra_args>" })
    );
}

#[tokio::test]
async fn edits_go_as_a_form_with_a_mask_where_it_is_one() {
    let bench = with(json!({ "mask": "last" })).await;
    let given =
        [(PictureFormat::Png, pictures::png(64, 64, 1)), (PictureFormat::Png, pictures::png(64, 64, 2))];
    let size = Output { size: Some((768, 1024)), ..Output::default() };
    let sent = bench.sends(&GenerateRequest { output: size, ..Bench::edit(&given) }).await;
    assert_eq!((sent.path(), sent.size().as_deref()), ("/v1/images/edits", Some("768x1024")));
    let names: Vec<_> = sent.pictures().into_iter().map(|picture| picture.name).collect();
    assert_eq!(names, ["image[]", "mask"]);
}

#[tokio::test]
async fn small_checkpoints_are_asked_for_small_pictures() {
    let bench = with(json!({ "size": "512x512" })).await;
    let wide = Output { ratio: Some((16, 9)), ..Output::default() };
    for (output, size) in [(Output::default(), "512x512"), (wide, "704x384")] {
        let sent = bench.sends(&GenerateRequest { output, ..bench.words("猫") }).await;
        assert_eq!(sent.size().as_deref(), Some(size));
    }
    let bench = with(json!({})).await;
    let exact = Output { size: Some((512, 512)), ..Output::default() };
    for (output, size) in [(exact, Some("512x512")), (Output::default(), None)] {
        let sent = bench.sends(&GenerateRequest { output, ..bench.words("猫") }).await;
        assert_eq!(sent.size().as_deref(), size);
    }
}
