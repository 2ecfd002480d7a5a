//! Calls to configured services: what is sent, and errors that say how far it came.

#![expect(clippy::disallowed_methods, reason = "the server ends with its test")]

use std::sync::Arc;
use std::time::Duration;

use easel_http::{
    Bytes, Content, HttpClient, HttpError, Multipart, NotSentCause, ProviderTimeouts, Segment, Stage,
    StatusCode,
};
use futures_util::FutureExt as _;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::peer::{Answer, Names, Peer, Rest, clients, ok, raw, redirect, silence, status};

fn provider(names: &Arc<Names>) -> HttpClient {
    clients(names, &[]).provider("", ProviderTimeouts::default()).unwrap()
}

fn direct() -> HttpClient {
    provider(&Names::new(&[]))
}

#[track_caller]
fn check_not_sent<T: std::fmt::Debug>(outcome: Result<T, HttpError>, expected: NotSentCause) {
    match outcome {
        Err(HttpError::NotSent { cause, .. }) => assert_eq!(cause, expected),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn json_arrives_as_it_was_given() {
    let peer = Peer::start(|_| ok("{}")).await;
    let key = SecretString::from(" sk-abc\n");
    let call = direct().post(peer.url("/v1/images/generations")).bearer(&key).header("x-title", "easel");
    let mut answer = call.json(r#"{"prompt":"猫"}"#).send().await.unwrap();
    assert!(answer.is_success());
    assert_eq!(answer.body.read_all(100).await.unwrap(), "{}");
    let request = &peer.seen()[0];
    assert_eq!(request.line(), "POST /v1/images/generations HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some("16"));
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(request.header("authorization"), Some("Bearer sk-abc"));
    assert_eq!(request.header("x-title"), Some("easel"));
    assert_eq!(request.body, r#"{"prompt":"猫"}"#.as_bytes());
}

#[tokio::test]
async fn secret_parameters_go_into_the_query_and_into_nothing_that_is_shown() {
    let peer = Peer::start(|_| ok("{}")).await;
    let cookie = SecretString::from("sid=a1; uid=b&2");
    let call = direct().get(peer.url("/draw?v=2")).secret_query("Cookie", &cookie);
    let shown = format!("{call:?}");
    let answer = call.send().await.unwrap();
    assert_eq!(peer.seen()[0].line(), "GET /draw?v=2&Cookie=sid%3Da1%3B+uid%3Db%262 HTTP/1.1");
    assert_eq!(answer.url.as_str(), peer.url("/draw?v=2"));
    for shown in [shown, format!("{answer:?}")] {
        assert!(!shown.contains("a1") && !shown.contains("Cookie"), "{shown}");
    }
    // Nobody listens here any more.
    let gone = peer.url("/draw");
    drop(peer);
    let error = direct().get(gone).secret_query("Cookie", &cookie).send().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("sid"), "{error:?}");
}

#[tokio::test]
async fn a_form_with_large_pictures_arrives_whole() {
    let peer = Peer::start(|_| ok("{}")).await;
    let picture: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let form = Multipart::with_boundary("BOUND").text("prompt", "雨夜").file(
        "image[]",
        "1.png",
        "image/png",
        Bytes::from(picture.clone()),
    );
    direct().post(peer.url("/v1/images/edits")).multipart(form).send().await.unwrap();
    let request = &peer.seen()[0];
    assert_eq!(request.header("content-type"), Some("multipart/form-data; boundary=BOUND"));
    assert_eq!(request.header("transfer-encoding"), None);
    let head = "--BOUND\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n雨夜\r\n--BOUND\r\n\
                Content-Disposition: form-data; name=\"image[]\"; filename=\"1.png\"\r\n\
                Content-Type: image/png\r\n\r\n";
    let expected = [head.as_bytes(), &picture, b"\r\n--BOUND--\r\n"].concat();
    assert!(request.body == expected);
}

#[tokio::test]
async fn a_body_is_made_while_it_is_sent() {
    let peer = Peer::start(|_| ok("{}")).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let picture: Vec<u8> = (0..=250).cycle().take(900_000).collect();
    std::fs::write(file.path(), &picture).unwrap();
    let client = direct();
    let call = |length| {
        let picture = Segment::Base64(Content::file(file.path(), length));
        client.post(peer.url("/body")).body("application/json", ["\"".into(), picture, "\"".into()])
    };
    call(900_000).send().await.unwrap();
    let request = &peer.seen()[0];
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-length"), Some("1200002"));
    assert_eq!(request.header("transfer-encoding"), None);
    assert!(request.body == format!("\"{}\"", base64_simd::STANDARD.encode_to_string(&picture)).as_bytes());

    // What breaks off in the middle ends the call and is told apart from a peer that does not answer.
    let outcome = call(900_001).send().await;
    assert!(matches!(outcome, Err(HttpError::Unreadable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn every_status_is_an_answer_and_redirects_are_not_followed() {
    let peer = Peer::start(|request| match request.path() {
        "/429" => raw("HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Length: 3\r\n\r\nno!"),
        "/500" => status("500 Oops", "broken"),
        _ => redirect("/elsewhere"),
    })
    .await;
    let client = direct();
    let mut slow = client.post(peer.url("/429")).json("{}").send().await.unwrap();
    assert_eq!(slow.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(slow.retry_advice(chrono::DateTime::UNIX_EPOCH).after, Some(Duration::from_secs(7)));
    assert_eq!(slow.body.read_head(2).await, "no");
    assert_eq!(client.get(peer.url("/500")).send().await.unwrap().status.as_u16(), 500);
    assert_eq!(client.get(peer.url("/302")).send().await.unwrap().status, StatusCode::FOUND);
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn what_fails_before_sending_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let names = Names::new(&[("slow.example", &[])]);
    let client = provider(&names);
    check_not_sent(client.post(format!("http://{closed}/")).json("{}").send().await, NotSentCause::Refused);
    check_not_sent(client.get("http://unknown.example/").send().await, NotSentCause::Name);
    let https = format!("https://{}/", plain.local_addr().unwrap());
    let call = client.post(&https).json("{}").send();
    let (outcome, ()) = tokio::join!(call, async {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        // Until the client has seen it and hung up.
        drop(stream.read_to_end(&mut Vec::new()).await);
    });
    assert!(outcome.as_ref().is_err_and(|error| error.is_tls() && error.nothing_sent()), "{outcome:?}");
    let timeouts = ProviderTimeouts { connect: Duration::from_millis(30), ..ProviderTimeouts::default() };
    let hasty = clients(&names, &[]).provider("", timeouts).unwrap();
    check_not_sent(hasty.post("http://slow.example/").json("{}").send().await, NotSentCause::ConnectTimeout);
}

#[tokio::test]
async fn a_peer_that_hangs_up_in_the_handshake_failed_at_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = direct();
    let call = client.get(format!("https://{address}/")).send();
    let (outcome, ()) = tokio::join!(call, async { drop(listener.accept().await.unwrap()) });
    check_not_sent(outcome, NotSentCause::Tls);
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_never_repeated() {
    let peer = Peer::start(|request| match request.path() {
        "/hangs-up" => Answer::HangUp,
        "/garbage" => raw("220 mail.example ESMTP\r\n\r\n"),
        "/half" => raw("HTTP/1.1 200"),
        _ => silence(""),
    })
    .await;
    let client = direct();
    for path in ["/hangs-up", "/garbage", "/half", "/silent"] {
        let call = client.post(peer.url(path)).json("{}").answer_timeout(Duration::from_millis(500));
        let error = call.send().await.unwrap_err();
        assert!(matches!(error, HttpError::Unanswered { .. }), "{path}: {error:?}");
        assert!(!error.nothing_sent() && !error.never_whole() && !error.answered());
    }
    assert_eq!(peer.seen().len(), 4);
}

#[tokio::test]
async fn silence_is_noticed_before_it_has_lasted_twice_as_long() {
    let peer = Peer::start(|_| silence("")).await;
    let (longest, nearly_twice) = (Duration::from_secs(1), Duration::from_millis(1950));
    let call = direct().post(peer.url("/")).json("{}").answer_timeout(longest).within(nearly_twice);
    let error = call.send().await.unwrap_err();
    assert!(matches!(error, HttpError::Unanswered { whole: true, .. }), "{error:?}");
}

#[tokio::test]
async fn a_request_that_breaks_off_was_never_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // More than the buffers between the two hold.
    let body = Bytes::from(vec![b'x'; 64 << 20]);
    let client = direct();
    let call = client.post(format!("http://{address}/")).body("text/plain", [body]).send();
    let (outcome, ()) = tokio::join!(call, async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 1000]).await.unwrap();
    });
    let error = outcome.unwrap_err();
    assert!(matches!(error, HttpError::Unanswered { whole: false, .. }), "{error:?}");
    assert!(error.never_whole() && !error.nothing_sent());
}

#[tokio::test]
async fn deadline_and_cancelling_say_how_far_it_came() {
    let names = Names::new(&[("slow.example", &[])]);
    let client = provider(&names);
    let soon = Duration::from_millis(30);
    let error = client.post("http://slow.example/").json("{}").within(soon).send().await.unwrap_err();
    assert_eq!(error, HttpError::Deadline { stage: Stage::Connecting });
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = client.post("http://slow.example/").json("{}").cancel_on(cancel).send().await.unwrap_err();
    assert_eq!(error, HttpError::Cancelled { stage: Stage::Connecting });

    let peer = Peer::start(|request| match request.path() {
        "/silent" => silence(""),
        _ => silence("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    })
    .await;
    let cancel = CancellationToken::new();
    let call = client.post(peer.url("/silent")).json("{}").cancel_on(cancel.clone()).send();
    let (outcome, ()) = tokio::join!(call, async {
        peer.arrival().await;
        cancel.cancel();
    });
    assert_eq!(outcome.unwrap_err(), HttpError::Cancelled { stage: Stage::Waiting });
    let cancel = CancellationToken::new();
    let mut answer = client.get(peer.url("/body")).cancel_on(cancel.clone()).send().await.unwrap();
    assert_eq!(answer.body.next_chunk().await.unwrap().unwrap(), "abc");
    cancel.cancel();
    assert_eq!(answer.body.next_chunk().await, Err(HttpError::Cancelled { stage: Stage::Reading }));
}

#[tokio::test]
async fn a_cut_body_is_no_body() {
    let peer = Peer::start(|request| match request.path() {
        "/length" => raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        "/chunked" => raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        _ => raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
    })
    .await;
    let client = direct();
    for path in ["/length", "/chunked", "/gzip"] {
        let mut answer = client.get(peer.url(path)).send().await.unwrap();
        let error = answer.body.read_all(1000).await.unwrap_err();
        assert!(matches!(error, HttpError::Cut { status: 200, .. }), "{path}: {error:?}");
        assert_eq!(answer.body.next_chunk().await, Err(error), "a failed body stays failed");
    }
    // What did arrive is enough for the text of an error.
    let mut answer = client.get(peer.url("/length")).send().await.unwrap();
    assert_eq!(answer.body.read_head(100).await, "abc");
}

#[tokio::test]
async fn reading_goes_on_where_it_was_dropped() {
    let (send, pieces) = mpsc::channel(1);
    let pieces = Arc::new(tokio::sync::Mutex::new(pieces));
    let peer = Peer::start(move |_| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n".to_vec();
        Answer::Then(head, Rest::From(Arc::clone(&pieces)))
    })
    .await;
    let mut answer = direct().get(peer.url("/")).send().await.unwrap();
    assert_eq!(answer.body.expected_bytes(), Some(4));
    assert!(answer.body.next_chunk().now_or_never().is_none());
    send.send(b"ab".to_vec()).await.unwrap();
    assert_eq!(answer.body.next_chunk().await.unwrap().unwrap(), "ab");
    assert!(answer.body.next_chunk().now_or_never().is_none());
    send.send(b"cd".to_vec()).await.unwrap();
    assert_eq!(answer.body.next_chunk().await.unwrap().unwrap(), "cd");
    assert_eq!(answer.body.next_chunk().await.unwrap(), None);
    assert_eq!(answer.body.received_bytes(), 4);
}

#[tokio::test]
async fn mistakes_are_found_before_anything_is_sent() {
    let peer = Peer::start(|_| ok("")).await;
    let client = direct();
    let broken_key = SecretString::from("sk-abc\r\nX-Injected: 1");
    let error = client.get(peer.url("/")).bearer(&broken_key).send().await.unwrap_err();
    assert_eq!(error, HttpError::BadHeader { name: "authorization".to_owned() });
    assert!(matches!(client.get("not a url").send().await, Err(HttpError::BadUrl { .. })));
    assert!(matches!(client.get("ftp://a.example/").send().await, Err(HttpError::Blocked { .. })));
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn errors_hold_no_secrets() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = direct();
    for url in [
        format!("http://{closed}/v1?key=hunter2hunter2"),
        "http://unknown.example/x?access_token=hunter2hunter2".to_owned(),
        "http://me:hunter2hunter2@a.example/".to_owned(),
        "http://a b/?rkey=hunter2hunter2".to_owned(),
    ] {
        let call = client.get(&url).bearer(&SecretString::from("hunter2hunter2"));
        assert!(!format!("{call:?}").contains("hunter2"), "{call:?}");
        let error = call.send().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let app = axum::Router::new().fallback(|| async { "hello" });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ports = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let seen = Arc::clone(&ports);
    let app = app.layer(axum::middleware::from_fn(
        move |peer: axum::extract::ConnectInfo<std::net::SocketAddr>,
              request: axum::extract::Request,
              next: axum::middleware::Next| {
            seen.lock().unwrap().insert(peer.0.port());
            next.run(request)
        },
    ));
    let server = tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>()).await
    });
    let client = clients(&Names::new(&[]), &[]).plain();
    for _ in 0..3 {
        let mut answer = client.post(format!("http://{address}/get_msg")).json("{}").send().await.unwrap();
        assert_eq!(answer.body.read_all(10).await.unwrap(), "hello");
    }
    assert_eq!(ports.lock().unwrap().len(), 1);
    server.abort();
}
