//! Clips through chat completions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_core::{
    error::{Charged, ErrorClass, Retry},
    ports::{GenerateRequest, Output},
};
use easel_testkit::{pictures, provider::Answer};
use serde_json::{Value, json};

use crate::{
    clips::{frame, words},
    suite::{Bench, Shown, Wire, clip},
};

/// How the service answers, for the suite.
pub(crate) fn wire() -> Wire {
    Wire {
        inline: false,
        clips: true,
        empty: vec![vec![stream(&["I thought about it."])], vec![Answer::json(200, &chat("   "))]],
        ..Wire::new("chat_video", "grok-imagine-0.9", |_, results| {
            let Shown::Link(link) = &results[0] else { panic!("there are links only") };
            vec![stream(&["<video src=\"", link, "\" controls></video>"])]
        })
    }
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
