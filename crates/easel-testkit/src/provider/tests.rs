//! The fake provider seen from a client's side, over real sockets.

use super::*;
use crate::http::{Response, call};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    io,
    time::{Duration, SystemTime},
};

async fn post(provider: &FakeProvider, path: &str, body: &Value) -> io::Result<Response> {
    let headers =
        [("authorization", "Bearer sk-1".to_owned()), ("content-type", "application/json".to_owned())];
    call("POST", &format!("{}{path}", provider.base_url()), &headers, body.to_string().as_bytes()).await
}

async fn generate(provider: &FakeProvider) -> io::Result<Response> {
    post(provider, "/images/generations", &json!({ "model": "gpt-image-2", "prompt": "猫" })).await
}

async fn chat(provider: &FakeProvider, stream: bool) -> Response {
    let body = json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": [
        { "type": "text", "text": "猫" },
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{}", STANDARD.encode("abc")) } },
    ] }] });
    post(provider, "/chat/completions", &body).await.unwrap()
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

#[tokio::test]
async fn it_draws_as_many_pictures_as_are_wanted() {
    let provider = FakeProvider::start().await;
    let body = json!({ "model": "gpt-image-2", "prompt": "猫", "n": 2, "size": "1024x1024" });
    let answer = json_of(&post(&provider, "/images/generations", &body).await.unwrap());
    let pictures: Vec<Vec<u8>> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|picture| STANDARD.decode(picture["b64_json"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(pictures.len(), 2);
    assert_ne!(pictures[0], pictures[1]);
    assert_eq!(pictures::dimensions(&pictures[0]), (96, 96));
    let request = provider.next_request().await;
    assert_eq!((request.prompt(), request.model()), (Some("猫".to_owned()), Some("gpt-image-2".to_owned())));
    assert_eq!((request.n(), request.size()), (Some(2), Some("1024x1024".to_owned())));
    assert_eq!(request.key.as_deref(), Some("sk-1"));
    let models = call("GET", &format!("{}/models", provider.base_url()), &[], &[]).await.unwrap();
    assert_eq!(json_of(&models)["data"][0]["id"], "gpt-image-2");
}

#[tokio::test]
async fn edits_by_form_are_read() {
    let provider = FakeProvider::start().await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n雨夜\r\n--b\r\n\
        Content-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
        123\r\n--b--\r\n";
    let headers = [("content-type", "multipart/form-data; boundary=b".to_owned())];
    let url = format!("{}/images/edits", provider.base_url());
    assert_eq!(call("POST", &url, &headers, form.as_bytes()).await.unwrap().status, 200);
    let request = provider.next_request().await;
    assert_eq!(request.prompt().as_deref(), Some("雨夜"));
    let pictures = request.pictures();
    assert_eq!((pictures[0].name.as_str(), &pictures[0].bytes[..]), ("image[]", &b"123"[..]));
}

#[tokio::test]
async fn failures_have_their_status_and_code() {
    let provider = FakeProvider::start().await;
    for (answer, status, code) in [
        (Answer::rate_limited(), 429, "rate_limit_exceeded"),
        (Answer::quota_exhausted(), 429, "insufficient_quota"),
        (Answer::unauthorized(), 401, "invalid_api_key"),
        (Answer::payment_required(), 402, "payment_required"),
        (Answer::region_unsupported(), 403, "unsupported_country_region_territory"),
        (Answer::account_blocked(), 403, "Forbidden"),
        (Answer::overloaded(), 503, "server_is_overloaded"),
        (Answer::moderation_input(), 400, "moderation_blocked"),
        (Answer::moderation_output(), 400, "moderation_blocked"),
        (Answer::invalid_size(), 400, "invalid_value"),
        (Answer::unknown_parameter("response_format"), 400, "unknown_parameter"),
        (Answer::model_not_found(), 404, "model_not_found"),
    ] {
        provider.answer(answer);
        let response = generate(&provider).await.unwrap();
        assert_eq!((response.status, json_of(&response)["error"]["code"].as_str()), (status, Some(code)));
    }
    provider.answers([
        Answer::rate_limited_for(7),
        Answer::rate_limited_until(SystemTime::UNIX_EPOCH),
        Answer::bad_gateway_html(),
        Answer::empty_data(),
        Answer::broken_base64(),
    ]);
    assert_eq!(generate(&provider).await.unwrap().headers.get("retry-after"), Some("7"));
    let date = generate(&provider).await.unwrap();
    assert_eq!(date.headers.get("retry-after"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_eq!(generate(&provider).await.unwrap().headers.get("content-type"), Some("text/html"));
    assert_eq!(json_of(&generate(&provider).await.unwrap())["data"], json!([]));
    let broken = json_of(&generate(&provider).await.unwrap());
    assert!(STANDARD.decode(broken["data"][0]["b64_json"].as_str().unwrap()).is_err());
}

#[tokio::test]
async fn lines_break_as_told() {
    let provider = FakeProvider::start().await;
    provider.answers([Answer::draws().cut(), Answer::draws().cut_chunked(), Answer::reset()]);
    for expected in
        [io::ErrorKind::UnexpectedEof, io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset]
    {
        assert_eq!(generate(&provider).await.unwrap_err().kind(), expected);
    }
    assert_eq!(generate(&provider).await.unwrap().status, 200);
    assert_eq!(provider.requests().len(), 4);
}

#[tokio::test]
async fn answers_wait_and_clients_that_leave_are_noticed() {
    let provider = FakeProvider::start().await;
    provider.answers([Answer::draws().held(), Answer::hangs()]);
    let held = async {
        provider.next_request().await;
        provider.in_flight(1).await;
        provider.release();
    };
    let (response, ()) = tokio::join!(generate(&provider), held);
    assert_eq!(response.unwrap().status, 200);
    let hanging = tokio::time::timeout(Duration::from_millis(50), generate(&provider));
    assert!(hanging.await.is_err());
    assert_eq!(provider.next_hang_up().await.prompt().as_deref(), Some("猫"));
    provider.in_flight(0).await;
    assert_eq!(provider.most_in_flight(), 1);
}

#[tokio::test]
async fn keys_and_paths_have_rules_of_their_own() {
    let provider = FakeProvider::start().await;
    provider.when_key("sk-1", Answer::unauthorized());
    provider.when_path("/models", Answer::status(500));
    assert_eq!(generate(&provider).await.unwrap().status, 401);
    let other = call("POST", &format!("{}/images/generations", provider.base_url()), &[], b"{}").await;
    assert_eq!(other.unwrap().status, 200);
    let models = call("GET", &format!("{}/models", provider.base_url()), &[], &[]).await;
    assert_eq!(models.unwrap().status, 500);
}

#[tokio::test]
async fn results_by_url_can_be_fetched_or_not() {
    let provider = FakeProvider::start().await;
    let picture = pictures::png(9, 9, 1);
    provider.answers([Answer::url([picture.clone()]), Answer::dead_url(403)]);
    for (status, body) in [(200, Some(&picture)), (403, None)] {
        let answer = json_of(&generate(&provider).await.unwrap());
        let url = answer["data"][0]["url"].as_str().unwrap();
        let result = call("GET", url, &[], &[]).await.unwrap();
        assert_eq!(result.status, status);
        assert!(body.is_none_or(|body| *body == result.body));
    }
    assert_eq!((provider.requests().len(), provider.downloads().len()), (2, 2));
}

#[tokio::test]
async fn chats_carry_the_picture_in_every_shape() {
    let provider = FakeProvider::start().await;
    let picture = pictures::png(64, 64, 5);
    let encoded = STANDARD.encode(&picture);
    for shape in ChatShape::ALL {
        for stream in [false, true] {
            provider.answer(Answer::chat(shape, picture.clone()));
            let response = chat(&provider, stream).await;
            let text = String::from_utf8(response.body.to_vec()).unwrap();
            let wants_events = stream || shape == ChatShape::UnwantedStream;
            assert_eq!(text.starts_with("data: "), wants_events, "{shape:?}");
            let text = if wants_events { joined(&text) } else { text.replace("\\/", "/").replace('\\', "") };
            let path = format!("/img/{}.png", provider.with(|script| script.last_hosted));
            let found = text.contains(&encoded) || text.replace('\\', "").contains(&path);
            assert_eq!(found, shape.has_picture(), "{shape:?}, stream: {stream}");
        }
    }
    let request = provider.next_request().await;
    assert_eq!(request.prompt().as_deref(), Some("猫"));
    assert_eq!(&request.pictures()[0].bytes[..], b"abc");
}

/// Everything that the deltas of a stream say, joined.
fn joined(events: &str) -> String {
    let mut out = String::new();
    for data in events.split("\n\n").filter_map(|event| event.strip_prefix("data: ")) {
        if let Ok(chunk) = serde_json::from_str::<Value>(data) {
            let delta = &chunk["choices"][0]["delta"];
            for key in ["content", "reasoning_content", "images"] {
                match &delta[key] {
                    Value::String(text) => out.push_str(text),
                    Value::Null => {}
                    other => out.push_str(&other.to_string()),
                }
            }
        }
    }
    out
}

#[tokio::test]
async fn pictures_stream_as_events() {
    let provider = FakeProvider::start().await;
    let body = json!({ "model": "gpt-image-2", "prompt": "猫", "stream": true });
    let response = post(&provider, "/images/generations", &body).await.unwrap();
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(kinds, ["image_generation.partial_image", "image_generation.completed"]);
    provider.answer(Answer::stream_error());
    let response = generate(&provider).await.unwrap();
    assert!(String::from_utf8_lossy(&response.body).contains("event: error"));
}
