//! Clips through chat completions.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    chain::{
        Attempt, AttemptLog, Attempted, Chain, ChainFailure, KeyPool, Link, NoPlace, ProviderSlot, Success,
    },
    error::{Charged, ErrorClass, Retry},
    media::{BytesBudget, Spool},
    ports::{ClipLimits, GenerateRequest, Output, RemoteTask, StoreError, TaskIntent},
};
use easel_http::NetworkSection;
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider},
};
use serde_json::{Value, json};

use crate::{
    clips::{frame, words},
    suite::{Bench, Shown, Wire, clip},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    Wire {
        clips: true,
        empty: vec![vec![stream(&["I thought about it."])], vec![Answer::json(200, &chat("   "))]],
        ..Wire::new("chat_video", "grok-imagine-0.9", |_, results| {
            let data_url;
            let source = match &results[0] {
                Shown::Link(link) => link,
                Shown::Inline(bytes) => {
                    data_url = inline(bytes);
                    &data_url
                }
            };
            let (start, rest) = source.split_at(source.len() / 2);
            vec![stream(&["<video src=\"", start, rest, "\" controls></video>"])]
        })
    }
}

/// A clip as a data URL.
fn inline(bytes: &[u8]) -> String {
    format!("data:video/mp4;base64,{}", STANDARD.encode(bytes))
}

fn chat(content: &str) -> Value {
    json!({ "choices": [{ "index": 0, "message": { "content": content }, "finish_reason": "stop" }] })
}

/// Progress, and then these pieces of one text.
fn stream(pieces: &[&str]) -> Answer {
    let event = |delta: Value| {
        let chunk = json!({ "object": "chat.completion.chunk", "choices": [{ "index": 0, "delta": delta }] });
        format!("data: {chunk}\n\n")
    };
    let mut body = event(json!({ "role": "assistant", "reasoning_content": "[50%] rendering" }));
    body.extend(pieces.iter().map(|piece| event(json!({ "content": piece }))));
    body.push_str("data: [DONE]\n\n");
    Answer::raw(200, "text/event-stream", body)
}

async fn makes(answer: impl Fn(&str) -> Answer) {
    let bench = Bench::new(&wire()).await;
    let film = clip(1);
    let link = bench.peer.host(".mp4", Answer::raw(200, "video/mp4", film.clone()));
    bench.peer.answer(answer(&link));
    assert_eq!(bench.ask(&words()).await.unwrap(), [film]);
    assert_eq!((bench.creates().len(), bench.peer.downloads().len()), (1, 1));
}

#[tokio::test]
async fn clips_are_found_in_every_shape() {
    makes(|link| stream(&[link])).await;
    makes(|link| stream(&["Done!\n[下载视频](", link, ")"])).await;
    makes(|link| stream(&["<video><source src='", link, "'></video>"])).await;
    makes(|link| stream(&[&json!({ "generated_assets": { "final_video_url": link } }).to_string()])).await;
    makes(|link| Answer::json(200, &chat(link))).await;
    makes(|link| Answer::json(200, &json!({ "video_url": link }))).await;
    makes(|link| {
        let message = json!({ "content": "", "attachments": [{ "url": link }] });
        Answer::json(200, &json!({ "choices": [{ "message": message }] }))
    })
    .await;
    makes(|link| {
        let chunk = json!({ "choices": [{ "delta": { "video": { "url": link } } }] });
        Answer::raw(200, "text/event-stream", format!("data: {chunk}\n\ndata: [DONE]\n\n"))
    })
    .await;
    // The link stands among the progress, as some builds do it.
    makes(|link| {
        let chunk =
            json!({ "choices": [{ "delta": { "reasoning_content": link }, "finish_reason": "stop" }] });
        Answer::raw(200, "text/event-stream", format!("data: {chunk}\n\ndata: [DONE]\n\n"))
    })
    .await;
}

#[tokio::test]
async fn clips_stand_in_the_answer_itself() {
    let film = clip(3);
    let (data_url, base64) = (inline(&film), STANDARD.encode(&film));
    let delta = |delta: Value| {
        let chunk = json!({ "choices": [{ "delta": delta, "finish_reason": "stop" }] });
        Answer::raw(200, "text/event-stream", format!("data: {chunk}\n\ndata: [DONE]\n\n")).chunked(1000)
    };
    let still = format!("data:image/png;base64,{}", STANDARD.encode(pictures::png(64, 64, 1)));
    for (nth, answer) in [
        stream(&["Done! ![video](", &data_url, ")"]),
        stream(&["![cover](", &still, ") and [video](", &data_url, ")"]),
        Answer::json(200, &chat(&data_url)),
        Answer::json(200, &chat(&format!("<video src='{data_url}'></video>"))),
        Answer::json(200, &chat(&json!({ "video": data_url }).to_string())),
        Answer::json(200, &json!({ "data": [{ "b64_json": base64 }] })),
        Answer::json(200, &json!({ "video": { "b64": base64, "duration": 5 } })),
        Answer::json(200, &json!({ "video_url": data_url, "thumbnail": still })),
        Answer::raw(200, "text/plain", data_url.clone()),
        delta(json!({ "video": { "url": data_url } })),
        delta(json!({ "content": [{ "type": "video_url", "video_url": { "url": data_url } }] })),
    ]
    .into_iter()
    .enumerate()
    {
        let bench = Bench::new(&wire()).await;
        bench.peer.answer(answer);
        assert_eq!(bench.ask(&words()).await.unwrap(), std::slice::from_ref(&film), "{nth}");
        assert_eq!(bench.peer.downloads().len(), 0, "{nth}");
    }
}

#[tokio::test]
async fn a_clip_in_the_answer_has_the_bounds_of_one_behind_a_link() {
    let film = clip(4);
    let length = u64::try_from(film.len()).unwrap();
    let mut bench = Bench::new(&wire()).await;
    for (max_bytes, fits) in [(length - 1, false), (length, true)] {
        bench.cx.clip_limits = ClipLimits { max_bytes, ..ClipLimits::default() };
        bench.succeeds(&[Shown::Inline(film.clone())]);
        let made = bench.ask(&words()).await;
        assert_eq!(made.is_ok(), fits);
        let class = made.err().map(|error| (error.class, error.retry));
        assert_eq!(class, (!fits).then_some((ErrorClass::ResultLost, Retry::Never)));
    }
    // Without memory it goes to the disk, and is longer than the answers of pictures may be.
    let network = NetworkSection { max_answer_bytes: length, ..NetworkSection::default() };
    let place = tempfile::tempdir().unwrap();
    let peer = FakeProvider::start().await;
    let base = peer.origin().clone();
    let mut bench = Bench::in_network(&wire(), peer, &base, network);
    bench.cx.spool = Spool::new(BytesBudget::new(0), place.path()).unwrap();
    bench.succeeds(&[Shown::Inline(film.clone())]);
    let made = bench.provider.generate(&words(), &bench.cx).await.unwrap().clip.unwrap();
    assert!(made.body.in_file().is_some());
    assert_eq!((made.body.read().unwrap(), made.link), (film, None));
}

/// Keeps no ledger.
struct NoLedger;

#[async_trait]
impl AttemptLog for NoLedger {
    async fn waits(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn asking(&self, _: Attempt<'_>, _: Option<&TaskIntent>) -> Result<(), StoreError> {
        Ok(())
    }
    async fn created(&self, _: Attempt<'_>, _: &RemoteTask) -> Result<(), StoreError> {
        Ok(())
    }
    fn progress(&self, _: Option<u8>) {}
    async fn answered(&self, _: Attempted<'_>) {}
    async fn key_disabled(&self, _: &str, _: &str, _: Option<u16>) {}
}

/// What the chain makes of a job for this provider alone, with as many attempts as an owner may allow.
async fn walk(bench: &Bench) -> Result<Success, ChainFailure> {
    let keys = KeyPool::new(bench.cx.key.clone().into_iter().collect(), &HashMap::new());
    let slot = ProviderSlot::new(Arc::clone(&bench.provider), keys, 5);
    let log: Arc<dyn AttemptLog> = Arc::new(NoLedger);
    let mut chain = Chain {
        links: &[Link::new(Arc::new(slot), Output::default())],
        job: bench.cx.job,
        deadline: bench.cx.deadline,
        cancel: &bench.cx.cancel,
        stop: &bench.cx.cancel,
        spool: &bench.cx.spool,
        log: &log,
        shrink: |_| None,
        collage: |_, _| None,
        attempts: 0,
        unanswered: false,
        maybe_paid: false,
        place: Box::new(NoPlace),
        clip_limits: ClipLimits::default(),
    };
    chain.run(&words()).await
}

#[tokio::test]
async fn only_an_answer_that_ended_without_a_clip_is_asked_for_again() {
    let again = (ErrorClass::Empty, Retry::SameKey);
    let never = (ErrorClass::ResultLost, Retry::Never);
    let words_of = |words: &str| json!({ "choices": [{ "delta": { "content": words } }] });
    let unended = format!("data: {}\n\n", words_of("I am rendering."));
    let events = |body: &str| Answer::raw(200, "text/event-stream", body.to_owned());
    let finished = json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] });
    for (what, answer, expected) in [
        ("a whole stream", stream(&["I thought about it."]), again),
        ("a finish reason", events(&format!("{unended}data: {finished}\n\n")), again),
        ("a whole answer", Answer::json(200, &chat("I thought about it.")), again),
        ("nothing at all", Answer::raw(200, "application/json", ""), again),
        ("a stream that stops", events(&unended), never),
        ("a stream that is cut", stream(&["I thought about it."]).cut_chunked(), never),
        ("an answer that is cut", Answer::json(200, &chat("I thought about it.")).cut(), never),
        ("cut before the first byte", events("x").cut(), never),
        ("a clip that is cut", stream(&[&inline(&clip(1))]).cut(), never),
    ] {
        let bench = Bench::new(&wire()).await;
        bench.peer.answer(answer);
        let error = bench.refuses(&words()).await;
        assert_eq!(
            (error.class, error.retry, error.charged),
            (expected.0, expected.1, Charged::Maybe),
            "{what}"
        );
        assert_eq!(bench.creates().len(), 1, "{what}");
    }
    // What the chain makes of it: no second order after the first that was not answered.
    for (answer, orders) in [(Answer::reset(), 1), (events(&unended), 1), (stream(&["Not today."]), 2)] {
        let bench = Bench::new(&wire()).await;
        bench.peer.always(answer);
        assert!(walk(&bench).await.is_err());
        assert_eq!(bench.creates().len(), orders);
    }
}

#[tokio::test]
async fn a_gateway_may_mean_itself_by_loopback() {
    for host in ["http://127.0.0.1:1", "http://0.0.0.0:8000", "http://localhost:8000", ""] {
        makes(|link| {
            let path = link.find("/img/").and_then(|at| link.get(at..)).unwrap();
            stream(&["<video src='", host, path, "'></video>"])
        })
        .await;
    }
}

#[tokio::test]
async fn a_picture_instead_of_a_clip_is_lost() {
    let check = async |answer: Answer, detail: &str| {
        let bench = Bench::new(&wire()).await;
        bench.peer.answer(answer);
        let error = bench.refuses(&words()).await;
        let expected = (ErrorClass::ResultLost, Retry::Never, Charged::Maybe);
        assert_eq!((error.class, error.retry, error.charged), expected, "{error:?}");
        assert_eq!(error.detail, detail);
        assert_eq!(bench.peer.downloads().len(), 0);
    };
    let still = "the answer holds a still instead of a usable clip";
    check(stream(&["![x](https://cdn.example/x.png)"]), still).await;
    check(Answer::sample(200, "chat_gateways/flow2api_generated_assets.json"), still).await;
    check(Answer::sample(200, "chat_gateways/message_images_plain_strings.json"), still).await;
}

#[tokio::test]
async fn refusals_are_told() {
    let bench = Bench::new(&wire()).await;
    let check = async |answer: Answer, class| {
        bench.peer.answer(answer);
        let error = bench.refuses(&words()).await;
        assert_eq!(error.class, class, "{error:?}");
    };
    check(stream(&["I can't help with that: it violates my guidelines."]), ErrorClass::ModerationInput).await;
    let events = "chat_gateways/flow2api_stream_error.json";
    check(Answer::event_stream(events), ErrorClass::ModerationInput).await;
    check(Answer::sample(503, "chat_gateways/error_no_channel.json"), ErrorClass::NotFound).await;
    check(Answer::sample(403, "chat_gateways/error_quota.json"), ErrorClass::Quota).await;
    check(Answer::sample(400, "chat_gateways/error_sensitive_words.json"), ErrorClass::ModerationInput).await;
}

async fn sent(extra: Value, request: GenerateRequest) -> Value {
    let bench = Bench::new(&Wire { section: json!({ "extra": extra }), ..wire() }).await;
    bench.peer.answer(stream(&["nothing"]));
    bench.ask(&request).await.unwrap_err();
    let sent = bench.peer.requests().pop().unwrap();
    assert_eq!(sent.path(), "/v1/chat/completions");
    sent.json.unwrap()
}

#[tokio::test]
async fn requests_are_streamed_chats() {
    let body = |content: Value| json!({ "model": "grok-imagine-0.9", "stream": true, "messages": [{ "role": "user", "content": content }] });
    assert_eq!(sent(json!({}), words()).await, body("一只奔跑的柯基".into()));
    let picture = pictures::png(64, 64, 7);
    let url = format!("data:image/png;base64,{}", STANDARD.encode(&picture));
    let parts = json!([
        { "type": "text", "text": "让它跑起来" },
        { "type": "image_url", "image_url": { "url": url } },
    ]);
    // A gateway that is asked for no stream would be cut off by proxies.
    assert_eq!(sent(json!({ "stream": false }), frame(&picture)).await, body(parts));

    let wide = Output { ratio: Some((16, 9)), ..Output::default() };
    let request = GenerateRequest { output: wide, ..words() };
    let hinted = "一只奔跑的柯基\n\n(Video aspect ratio: 16:9.)";
    assert_eq!(sent(json!({}), request.clone()).await, body(hinted.into()));
    let mut expected = body("一只奔跑的柯基".into());
    expected["video_config"] = json!({ "video_length": 6, "aspect_ratio": "16:9" });
    let config = json!({ "video_config": { "video_length": 6, "aspect_ratio": "1:1" } });
    assert_eq!(sent(config, request).await, expected);
}

#[tokio::test]
async fn there_is_no_task_to_resume() {
    let bench = Bench::new(&wire()).await;
    let capabilities = bench.provider.capabilities();
    assert!(capabilities.clip && !capabilities.remote && !capabilities.generate && !capabilities.edit);
    assert_eq!(bench.provider.intent(&words()), None);
}
