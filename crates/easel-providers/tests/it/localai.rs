//! `LocalAI`.

use bytes::Bytes;
use easel_core::{error::ErrorClass, media::PictureFormat};
use easel_testkit::{
    pictures,
    provider::{Answer, ProviderRequest},
};
use serde_json::{Value, json};

use crate::{
    openai_images,
    suite::{Bench, Wire, case},
};

/// How the server answers, for the suite.
pub(crate) fn wire() -> Wire {
    let mut wire = Wire::new("localai", "flux.1-kontext-dev", openai_images::success);
    let error = Answer::sample(400, "localai/error.json");
    wire.failures.push(case("bad request", error, ErrorClass::BadRequest));
    wire
}

async fn with(extra: Value) -> Bench {
    Bench::new(&Wire { section: json!({ "extra": extra }), ..wire() }).await
}

fn two() -> [(PictureFormat, Bytes); 2] {
    [(PictureFormat::Png, pictures::png(64, 64, 1)), (PictureFormat::Png, pictures::png(64, 64, 2))]
}

fn prompt(request: &ProviderRequest) -> String {
    request.prompt().unwrap()
}

#[tokio::test]
async fn people_cannot_cut_their_prompt_or_steer_the_engine() {
    let bench = with(json!({})).await;
    let sent = bench.sends(&bench.words("a cat | text, <lora:evil:9> 猫")).await;
    assert_eq!(prompt(&sent), "a cat ｜ text, ‹lora:evil:9> 猫");
    let bench = with(json!({ "negative": "blurry", "step": 20 })).await;
    let sent = bench.sends(&bench.words("a|b")).await;
    assert_eq!(prompt(&sent), "a｜b|blurry");
    assert_eq!(sent.field("step").as_deref(), Some("20"));
    assert_eq!(sent.field("negative"), None);
}

#[tokio::test]
async fn references_go_as_the_model_wants_them() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let given = two();
    let base64: Vec<_> = given.iter().map(|(_, bytes)| STANDARD.encode(bytes)).collect();
    let bench = with(json!({})).await;
    let sent = bench.sends(&Bench::edit(&given)).await;
    let json = sent.json.as_ref().unwrap();
    assert_eq!((sent.path(), &json["ref_images"]), ("/v1/images/generations", &json!(base64)));

    let bench = with(json!({ "references": "file" })).await;
    let sent = bench.sends(&Bench::edit(&given)).await.json.unwrap();
    assert_eq!((&sent["file"], sent.get("ref_images")), (&json!(base64[0]), None));

    let bench = with(json!({ "mask": "last" })).await;
    let sent = bench.sends(&Bench::edit(&given)).await;
    assert_eq!((sent.path(), sent.prompt().as_deref()), ("/v1/images/inpainting", Some("换成雨夜")));
    let names: Vec<_> = sent.pictures().into_iter().map(|picture| (picture.name, picture.bytes)).collect();
    let [(_, first), (_, second)] = given;
    assert_eq!(names, [("image".to_owned(), first), ("mask".to_owned(), second)]);
}

#[tokio::test]
async fn links_to_the_servers_disk_are_followed_at_its_address() {
    let bench = with(json!({})).await;
    let picture = pictures::png(64, 64, 3);
    let hosted = bench.peer.host_picture(picture.clone());
    // The server names itself as it knows itself.
    let (_, path) = hosted.rsplit_once("/img/").unwrap();
    let link = format!("http://localhost:8080/img/{path}");
    bench.peer.answer(Answer::json(200, &json!({ "created": 1, "data": [{ "url": link }] })));
    assert_eq!(bench.ask(&bench.words("猫")).await.unwrap(), [picture]);
}
