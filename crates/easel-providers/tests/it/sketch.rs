//! The offline provider through the port: it draws without key and network, follows wishes, and survives bad input.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use easel_core::{
    error::{ErrorClass, Retry},
    ids::JobId,
    media::{Body, BytesBudget, Picture, PictureFormat, Spool},
    ports::{CallContext, ClipLimits, GenerateRequest, NoTaskLog, Operation, Output, Provider, Reference},
};
use easel_http::{HttpClients, NetworkSection};
use easel_providers::{ProviderSection, Tools, build};
use easel_testkit::pictures;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn provider(extra: &serde_json::Value) -> Arc<dyn Provider> {
    let section: ProviderSection =
        serde_json::from_value(json!({ "kind": "sketch", "extra": extra })).unwrap();
    assert_eq!(section.validate("sketch"), []);
    build("sketch", &section, &Tools::new(HttpClients::new(NetworkSection::default()))).unwrap()
}

fn context() -> (tempfile::TempDir, CallContext) {
    let dir = tempfile::tempdir().unwrap();
    let cx = CallContext {
        job: JobId::generate(),
        key: None,
        deadline: Instant::now() + Duration::from_mins(5),
        cancel: CancellationToken::new(),
        spool: Spool::new(BytesBudget::new(64 << 20), dir.path()).unwrap(),
        tasks: Arc::new(NoTaskLog),
        intent: None,
        clip_limits: ClipLimits::default(),
    };
    (dir, cx)
}

fn small(references: &[Bytes]) -> GenerateRequest {
    let reference = |bytes: &Bytes| Reference {
        picture: Picture {
            format: PictureFormat::sniff(bytes).unwrap_or(PictureFormat::Png),
            width: 1,
            height: 1,
            body: Body::from_bytes(bytes.clone()),
        },
    };
    GenerateRequest {
        operation: if references.is_empty() { Operation::Generate } else { Operation::Edit },
        prompt: "雨夜的柯基".into(),
        title: None,
        references: references.iter().map(reference).collect(),
        output: Output { size: Some((320, 256)), ..Output::default() },
        count: 1,
    }
}

async fn draw(provider: &Arc<dyn Provider>, request: &GenerateRequest) -> Vec<Bytes> {
    let (_dir, cx) = context();
    let made = provider.generate(request, &cx).await.unwrap();
    made.pictures
        .iter()
        .map(|made| {
            let bytes = made.picture.body.read().unwrap();
            assert_eq!(PictureFormat::sniff(&bytes), Some(made.picture.format));
            assert_eq!(pictures::dimensions(&bytes), (made.picture.width, made.picture.height));
            bytes
        })
        .collect()
}

#[tokio::test]
async fn it_costs_nothing_and_needs_nothing() {
    let provider = provider(&json!({}));
    let capabilities = provider.capabilities();
    assert!(capabilities.generate && capabilities.edit && !capabilities.needs_key && !capabilities.paid);
    assert!(capabilities.free);
    assert_eq!((provider.kind(), provider.model()), ("sketch", ""));
}

#[tokio::test]
async fn equal_requests_give_equal_pictures_and_several_differ() {
    let plain = provider(&json!({}));
    let once = draw(&plain, &small(&[])).await;
    assert_eq!(draw(&plain, &small(&[])).await, once);
    assert_eq!(pictures::dimensions(&once[0]), (320, 256));
    let several = draw(&plain, &GenerateRequest { count: 3, ..small(&[]) }).await;
    assert_eq!(several[0], once[0]);
    assert!(several[0] != several[1] && several[1] != several[2]);
    assert_ne!(draw(&provider(&json!({ "seed": 7 })), &small(&[])).await, once);
}

#[tokio::test]
async fn the_title_is_written_where_there_is_one() {
    let plain = provider(&json!({}));
    let titled = |title: &str| GenerateRequest { title: Some(title.into()), ..small(&[]) };
    let untitled = draw(&plain, &small(&[])).await;
    let other = draw(&plain, &titled("手办化")).await;
    assert_ne!(other, untitled);
    assert_eq!(draw(&plain, &titled("手办化")).await, other);
    assert_eq!(draw(&plain, &titled(&small(&[]).prompt)).await, untitled, "the prompt is the usual title");
}

#[tokio::test]
async fn an_edit_shows_its_picture() {
    let provider = provider(&json!({}));
    let (one, two) = (pictures::png(300, 240, 1), pictures::jpeg(300, 240, 2));
    let edited = draw(&provider, &small(&[one])).await;
    assert_ne!(draw(&provider, &small(&[two])).await, edited);
    assert_ne!(draw(&provider, &small(&[])).await, edited);
}

#[tokio::test]
async fn bad_references_are_refused_without_drawing() {
    let provider = provider(&json!({}));
    for bad in [
        pictures::bomb_png(),
        pictures::truncated_png(),
        pictures::zero_byte(),
        pictures::html(),
        pictures::svg(),
    ] {
        let (_dir, cx) = context();
        let error = provider.generate(&small(&[bad]), &cx).await.unwrap_err();
        assert_eq!((error.class, error.retry), (ErrorClass::BadRequest, Retry::NextProvider), "{error}");
    }
}

#[tokio::test]
async fn a_cancelled_job_stops() {
    let (_dir, cx) = context();
    cx.cancel.cancel();
    let error = provider(&json!({})).generate(&small(&[]), &cx).await.unwrap_err();
    assert_eq!(error.retry, Retry::Never);
}
