//! The fake implementation seen from the application's side, over real sockets.

use super::*;
use crate::{files::FileServer, http as plain, pictures};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Message as WsMessage,
        client::IntoClientRequest,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

const GROUP: i64 = 700_000_001;
const USER: i64 = 2_200_000_011;

/// An application that dialled the fake.
struct App(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl App {
    async fn dial(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self(socket)
    }

    async fn dial_with(url: &str, token: &str) -> Self {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Self(socket)
    }

    /// A fake that is connected to an application which has read the first event.
    async fn with(builder: Builder) -> (FakeOneBot, Self) {
        let fake = builder.build();
        let mut app = Self::dial(&fake.listen().await).await;
        assert_eq!(app.json().await["meta_event_type"], "lifecycle");
        (fake, app)
    }

    async fn message(&mut self) -> WsMessage {
        self.0.next().await.expect("an open link").expect("a whole frame")
    }

    async fn json(&mut self) -> Value {
        serde_json::from_str(self.message().await.to_text().unwrap()).unwrap()
    }

    async fn write(&mut self, action: &str, params: Value, echo: &str) {
        let frame = json!({ "action": action, "params": params, "echo": echo });
        self.0.send(WsMessage::text(frame.to_string())).await.unwrap();
    }

    async fn call(&mut self, action: &str, params: Value) -> Value {
        self.write(action, params, "e-1").await;
        self.json().await
    }
}

fn group_text(text: &str) -> Value {
    json!({ "group_id": GROUP, "message": [{ "type": "text", "data": { "text": text } }] })
}

fn group_image(file: &str) -> Value {
    json!({ "group_id": GROUP, "message": [{ "type": "image", "data": { "file": file } }] })
}

#[tokio::test]
async fn events_and_calls_cross_a_forward_link() {
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    let message = Message::group(GROUP, USER)
        .reply(7)
        .at(fake.self_id())
        .text(" 生图, 猫")
        .image_url("http://h/a?b=1&c=2");
    let id = fake.send(message.role(MemberRole::Admin)).await;
    let event = app.json().await;
    assert_eq!((&event["message_id"], &event["sender"]["role"]), (&json!(id), &json!("admin")));
    assert_eq!(event["message"][2]["data"]["text"], " 生图, 猫");
    assert!(event["raw_message"].as_str().unwrap().contains("url=http://h/a?b=1&amp;c=2"), "{event}");

    let answer = app.call("get_msg", json!({ "message_id": id })).await;
    assert_eq!((&answer["echo"], &answer["data"]["user_id"]), (&json!("e-1"), &json!(USER)));

    let picture = pictures::png(9, 9, 1);
    let answer = app
        .call(
            "send_group_msg",
            json!({ "group_id": GROUP.to_string(), "message": [
            { "type": "reply", "data": { "id": id.to_string() } },
            { "type": "text", "data": { "text": "完成" } },
            { "type": "image", "data": { "file": format!("base64://{}", STANDARD.encode(&picture)) } },
        ] }),
        )
        .await;
    let sent = fake.next_send().await;
    assert_eq!((sent.to, sent.text.as_str()), (To::Group(GROUP), "完成"));
    assert_eq!(sent.quote, Some(id.to_string()));
    assert_eq!(sent.picture(), picture);
    assert_eq!(answer["data"]["message_id"], json!(sent.message_id));
    assert_eq!(fake.next_call("send_group_msg").await.number("group_id"), Some(GROUP));
    assert_eq!(fake.delivered().len(), 1);
}

#[tokio::test]
async fn the_fake_dials_with_its_headers_and_learns_of_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/onebot/v11/ws", listener.local_addr().unwrap());
    let fake = FakeOneBot::builder().token("tok").dialect(Dialect::Lagrange).split_roles().build();
    #[expect(clippy::disallowed_methods, reason = "the test that starts it awaits it")]
    #[expect(clippy::result_large_err, reason = "the shape of the handshake callback is given")]
    let server = tokio::spawn(async move {
        let mut sockets = Vec::new();
        for expected in ["Api", "Event"] {
            let check = |request: &Request, response: Response| {
                assert_eq!(request.headers()["x-self-id"], SELF_ID.to_string().as_str());
                assert_eq!(request.headers()["x-client-role"], expected);
                assert_eq!(request.headers()["authorization"], "Bearer tok");
                Ok(response)
            };
            let (stream, _) = listener.accept().await.unwrap();
            sockets.push(tokio_tungstenite::accept_hdr_async(stream, check).await.unwrap());
        }
        let mut refusal = ErrorResponse::new(Some("no".to_owned()));
        *refusal.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::FORBIDDEN;
        let (stream, _) = listener.accept().await.unwrap();
        let refuse = |_: &Request, _: Response| Err(refusal);
        assert!(tokio_tungstenite::accept_hdr_async(stream, refuse).await.is_err());
        sockets
    });
    fake.connect(&url).await.unwrap();
    assert_eq!(fake.link_count(), 2);
    assert_eq!(fake.reconnect().await, Err(ConnectError::Refused { status: 403, body: "no".to_owned() }));
    let mut sockets = server.await.unwrap();
    let first = sockets.pop().unwrap().next().await.unwrap().unwrap();
    assert!(first.to_text().unwrap().contains("lifecycle"));
    drop(sockets);
}

#[tokio::test]
async fn answers_go_wrong_as_told() {
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    for fault in
        [Fault::WrongEcho, Fault::NoEcho, Fault::AnswerTwice, Fault::Queued, Fault::rich_media_failed()]
    {
        fake.fault("send_group_msg", fault);
    }
    assert_eq!(app.call("send_group_msg", group_text("1")).await["echo"], "an-echo-of-nobody");
    assert_eq!(app.call("send_group_msg", group_text("2")).await.get("echo"), None);
    assert_eq!(app.call("send_group_msg", group_text("3")).await, app.json().await);
    assert_eq!(app.call("send_group_msg", group_text("4")).await["status"], "async");
    let failed = app.call("send_group_msg", group_text("5")).await;
    assert_eq!((&failed["status"], &failed["retcode"]), (&json!("failed"), &json!(1200)));
    assert!(failed["message"].as_str().unwrap().contains("rich media transfer failed"));
    assert_eq!((fake.sends().len(), fake.delivered().len()), (5, 4));

    fake.fault("send_group_msg", Fault::send_timeout(true));
    assert!(
        app.call("send_group_msg", group_text("6")).await["wording"].as_str().unwrap().starts_with("Timeout")
    );
    assert_eq!(fake.delivered().len(), 5);
    assert_eq!(app.call("send_group_msg", group_text("7")).await["status"], "ok");
}

#[tokio::test]
async fn answers_come_late_out_of_order_or_unreadable() {
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    fake.fault("get_status", Fault::Hold);
    fake.fault("get_login_info", Fault::AfterNext);
    fake.fault("get_group_list", Fault::NoAnswer);
    for (action, echo) in
        [("get_status", "a"), ("get_login_info", "b"), ("get_group_list", "c"), ("get_friend_list", "d")]
    {
        app.write(action, json!({}), echo).await;
    }
    assert_eq!(app.json().await["echo"], "d");
    assert_eq!(app.json().await["echo"], "b");
    assert_eq!(fake.release().await, 1);
    assert_eq!(app.json().await["echo"], "a");

    fake.fault("*", Fault::BinaryFrame);
    fake.fault("*", Fault::Malformed);
    app.write("get_status", json!({}), "x").await;
    assert!(app.message().await.is_binary());
    app.write("get_status", json!({}), "y").await;
    assert!(serde_json::from_str::<Value>(app.message().await.to_text().unwrap()).is_err());
    app.0.send(WsMessage::text("{")).await.unwrap();
    assert_eq!(app.json().await["retcode"], 1400);
}

#[tokio::test]
async fn sockets_drop_before_and_after_the_call_was_read() {
    for (fault, recorded) in [(Fault::DropUnread, 0), (Fault::DropAfterRead, 1)] {
        let (fake, mut app) = App::with(FakeOneBot::builder()).await;
        fake.fault("send_group_msg", fault);
        app.write("send_group_msg", group_text("x"), "e").await;
        assert!(app.0.next().await.unwrap().is_err(), "no closing handshake");
        fake.disconnected().await;
        assert_eq!((fake.calls().len(), fake.delivered().len()), (recorded, recorded));
    }
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    fake.cut_after_bytes(100_000);
    // The write may fail as well, when the reset is faster.
    let frame = json!({ "action": "get_status", "padding": "x".repeat(1_000_000) }).to_string();
    app.0.send(WsMessage::text(frame)).await.ok();
    fake.disconnected().await;
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn heartbeats_follow_their_interval_and_a_frozen_peer_is_silent() {
    let (fake, mut app) = App::with(FakeOneBot::builder().heartbeat(None)).await;
    fake.set_online(false);
    fake.heartbeat().await;
    assert_eq!(app.json().await["status"]["online"], false);
    fake.set_heartbeat(Some(Duration::from_millis(5)));
    assert_eq!(app.json().await["interval"], 5);
    assert_eq!(app.json().await["meta_event_type"], "heartbeat");
    fake.set_heartbeat(None);
    fake.freeze();
    app.write("get_version_info", json!({}), "v").await;
    assert!(fake.calls().is_empty());
    fake.thaw();
    while app.json().await["echo"] != "v" {}
    fake.drop_links().await;
    assert_eq!(fake.link_count(), 0);
}

#[tokio::test]
async fn odd_frames_arrive_as_they_are() {
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    let id = fake.send_twice(Message::group(GROUP, USER).text("x").message_id(-5)).await;
    assert_eq!(
        (app.json().await["message_id"].as_i64(), app.json().await["message_id"].as_i64()),
        (Some(-5), Some(id))
    );
    fake.send(Message::private(USER).text("生图").padding(11 << 20)).await;
    assert!(app.message().await.len() > 11 << 20);
    fake.frame_text("{\"post_type\":").await;
    assert_eq!(app.message().await.to_text().unwrap(), "{\"post_type\":");
    fake.frame_binary(&[0xff, 0]).await;
    assert_eq!(app.message().await.into_data(), Bytes::from_static(&[0xff, 0]));
    fake.event_raw(&json!({ "post_type": "unheard_of" })).await;
    assert_eq!(app.json().await["post_type"], "unheard_of");
    let temporary = fake.event(&Message::temporary(GROUP, USER).cq_string().text("[x]"));
    assert_eq!((&temporary["sub_type"], &temporary["message"]), (&json!("group"), &json!("&#91;x&#93;")));
}

#[tokio::test]
async fn dialects_refuse_tokens_and_unknown_actions_in_their_ways() {
    for (dialect, retcode, text) in [
        (Dialect::NapCat, 1404, Some("message")),
        (Dialect::LLBot, 1404, Some("message")),
        (Dialect::Lagrange, 404, None),
        (Dialect::GoCqhttp, 404, Some("msg")),
    ] {
        let fake = FakeOneBot::builder().dialect(dialect).token("tok").build();
        let url = fake.listen().await;
        let mut app = App::dial_with(&format!("{url}/api"), "tok").await;
        let answer = app.call("nope", json!({})).await;
        assert_eq!(answer["retcode"], retcode, "{dialect:?}");
        assert_eq!(["message", "msg"].into_iter().find(|key| answer.get(key).is_some()), text, "{dialect:?}");
        let id = fake.add_message(&Message::group(GROUP, USER).text("x"));
        assert_eq!(id < 0, dialect.negative_ids());
        let looked_up = app.call("get_msg", json!({ "message_id": id })).await;
        let silent = matches!(dialect, Dialect::Lagrange | Dialect::GoCqhttp);
        assert_eq!(looked_up["data"].get("post_type").is_none(), silent, "{dialect:?}");

        let stranger = tokio_tungstenite::connect_async(format!("{url}/?access_token=wrong")).await;
        if silent {
            let error = stranger.unwrap_err().to_string();
            assert!(error.contains("403"), "{error}");
        } else {
            let mut stranger = App(stranger.unwrap().0);
            assert_eq!(stranger.json().await["retcode"], 1403);
            assert!(stranger.message().await.is_close());
        }
    }
}

#[tokio::test]
async fn pictures_come_by_every_way() {
    let (fake, mut app) = App::with(FakeOneBot::builder().other_machine()).await;
    let picture = pictures::png(9, 9, 1);
    let half = picture.len() / 2;
    let sha256 = upload::hex(&Sha256::digest(&picture));
    for (index, chunk) in [(1, &picture[half..]), (0, &picture[..half])] {
        let answer = app
            .call(
                "upload_file_stream",
                json!({ "stream_id": "s", "chunk_data": STANDARD.encode(chunk),
                "chunk_index": index, "total_chunks": 2, "expected_sha256": sha256, "filename": "猫 1.png" }),
            )
            .await;
        assert_eq!(
            (&answer["data"]["status"], &answer["stream"]),
            (&json!("chunk_received"), &json!("stream-action"))
        );
    }
    let done = app.call("upload_file_stream", json!({ "stream_id": "s", "is_complete": true })).await;
    assert_eq!((&done["data"]["status"], &done["data"]["sha256"]), (&json!("file_complete"), &json!(sha256)));
    let path = done["data"]["file_path"].as_str().unwrap();
    let escaped = path.replace(' ', "%20");

    let host = FileServer::start().await;
    let url = host.put("/once.png", picture.clone());
    fake.add_file("D:\\q\\a.png", picture.clone());
    for file in [
        path,
        &format!("file://{escaped}"),
        &url,
        "D:\\q\\a.png",
        "file://D:\\q\\a.png",
        "file:///D:\\q\\a.png",
    ] {
        assert_eq!(app.call("send_group_msg", group_image(file)).await["status"], "ok", "{file}");
        assert_eq!(fake.next_picture().await.picture(), picture, "{file}");
    }
    for file in ["file:///etc/hostname", &host.url("/gone.png"), "base64://***"] {
        let answer = app.call("send_group_msg", group_image(file)).await;
        assert!(answer["message"].as_str().unwrap().contains("识别URL失败"), "{file}: {answer}");
        assert!(!fake.next_send().await.delivered);
    }
    let upload = json!({ "group_id": GROUP, "file": path, "name": "original.png" });
    assert_eq!(app.call("upload_group_file", upload).await["status"], "ok");
    let sent = fake.next_send().await;
    assert_eq!(
        (sent.file_name.as_deref(), sent.files[0].bytes.clone()),
        (Some("original.png"), Some(picture))
    );
}

#[tokio::test]
async fn a_wrong_checksum_or_a_missing_chunk_fails_the_upload() {
    let (_fake, mut app) = App::with(FakeOneBot::builder()).await;
    let chunk = |id: &str, total: u32| {
        json!({ "stream_id": id, "chunk_data": "AAAA", "chunk_index": 0, "total_chunks": total,
            "expected_sha256": "00", "filename": "a.png" })
    };
    for (id, total, text) in [("a", 1, "SHA256 mismatch"), ("b", 2, "Missing memory chunk 1")] {
        app.call("upload_file_stream", chunk(id, total)).await;
        let failed = app.call("upload_file_stream", json!({ "stream_id": id, "is_complete": true })).await;
        assert_eq!((&failed["status"], &failed["data"]["type"]), (&json!("failed"), &json!("error")));
        assert!(failed["message"].as_str().unwrap().starts_with(text), "{failed}");
    }
}

#[tokio::test]
async fn lookups_answer_from_what_was_set() {
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    fake.set_image("x.jpg", "http://fresh/");
    fake.set_member(GROUP, USER, MemberRole::Owner, "画师小王");
    fake.remove_member(GROUP, 9);
    fake.add_forward("f1", &[Message::group(GROUP, USER).image("C1.jpg", "http://h/c1")]);
    let ids = json!({ "group_id": GROUP.to_string(), "user_id": USER, "no_cache": false });
    assert_eq!(app.call("get_image", json!({ "file": "x.jpg" })).await["data"]["url"], "http://fresh/");
    assert_eq!(app.call("get_group_member_info", ids).await["data"]["role"], "owner");
    let gone = app.call("get_group_member_info", json!({ "group_id": GROUP, "user_id": 9 })).await;
    assert_eq!(gone["message"], format!("群({GROUP})成员9不存在"));
    let forward = app.call("get_forward_msg", json!({ "message_id": "f1", "id": "f1" })).await;
    assert_eq!(forward["data"]["messages"][0]["message"][0]["data"]["url"], "http://h/c1");
    let id = fake.add_message(&Message::group(GROUP, USER).text("x"));
    let like = json!({ "message_id": id, "emoji_id": "125", "set": true });
    assert_eq!(app.call("set_msg_emoji_like", like.clone()).await["status"], "ok");
    fake.forget_message(id);
    assert_eq!(app.call("set_msg_emoji_like", like).await["message"], "msg not found");
    assert_eq!(fake.reactions()[0], Reaction { message_id: id, emoji_id: "125".to_owned(), set: true });
    assert_eq!(app.call("nc_get_rkey", json!({})).await["data"][1]["type"], 20);
    fake.answer_with("get_cookies", json!({ "cookies": "none" }));
    assert_eq!(app.call("get_cookies", json!({})).await["data"]["cookies"], "none");
}

#[tokio::test]
async fn http_carries_calls_and_signed_events() {
    let fake = FakeOneBot::builder().token("tok").build();
    let api = fake.serve_http().await;
    let body = group_text("x").to_string();
    let bearer = [("authorization", "Bearer tok".to_owned())];
    let answer =
        plain::call("POST", &format!("{api}/send_group_msg"), &bearer, body.as_bytes()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&answer["status"], &answer["echo"]), (&json!("ok"), &Value::Null));
    let refused = plain::call("POST", &format!("{api}/get_status"), &[], b"").await.unwrap();
    assert_eq!(refused.status, 403);
    let unknown = plain::call("POST", &format!("{api}/nope"), &bearer, b"{}").await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&unknown.body).unwrap()["retcode"], 200);
    fake.fault("get_status", Fault::DropAfterRead);
    assert!(plain::call("POST", &format!("{api}/get_status"), &bearer, b"{}").await.is_err());

    let application = FileServer::start().await;
    fake.post_to(&application.status("/post", 204));
    fake.send(Message::private(USER).text("在吗")).await;
    let post = application.next_request().await;
    assert_eq!(post.headers.get("x-self-id"), Some("3001000001"));
    let signature = post.headers.get("x-signature").unwrap().strip_prefix("sha1=").unwrap();
    assert_eq!(signature.len(), 40);
    assert_eq!(signature, reference_hmac_sha1(b"tok", &post.body));
}

/// RFC 2104 by the book, to check the signature by other means than those that made it.
fn reference_hmac_sha1(key: &[u8], body: &[u8]) -> String {
    use sha1::{Digest, Sha1};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha1::digest([&block.map(|byte| byte ^ 0x36)[..], body].concat());
    upload::hex(&Sha1::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat()))
}

#[tokio::test]
async fn a_picture_is_streamed_in_frames_of_one_echo() {
    let (fake, mut app) = App::with(FakeOneBot::builder()).await;
    let bytes = pictures::png_of_length(30_000, 1);
    fake.set_image_stream("a.png", bytes.clone());
    let ask = json!({ "file": "a.png", "chunk_size": 12_000 });
    let info = app.call("download_file_image_stream", ask.clone()).await;
    assert_eq!(
        (&info["data"]["data_type"], &info["data"]["file_size"]),
        (&json!("file_info"), &json!(30_000))
    );
    let mut got = Vec::new();
    for index in 0..3 {
        let chunk = app.json().await;
        assert_eq!((&chunk["echo"], &chunk["data"]["index"]), (&json!("e-1"), &json!(index)));
        assert_eq!(chunk["stream"], "stream-action");
        got.extend(STANDARD.decode(chunk["data"]["data"].as_str().unwrap()).unwrap());
    }
    let end = app.json().await;
    assert_eq!((&end["data"]["type"], &end["data"]["total_bytes"]), (&json!("response"), &json!(30_000)));
    assert_eq!(got, bytes);

    // Info, first chunk, then what goes wrong.
    for fault in [Fault::BrokenChunk, Fault::LostChunk, Fault::CutStream] {
        fake.fault("download_file_image_stream", fault.clone());
        app.call("download_file_image_stream", ask.clone()).await;
        app.json().await;
        let third = app.json().await;
        match fault {
            Fault::BrokenChunk => assert!(STANDARD.decode(third["data"]["data"].as_str().unwrap()).is_err()),
            Fault::LostChunk => assert_eq!(third["data"]["index"], 2),
            _ => assert_eq!((&third["status"], &third["data"]["type"]), (&json!("failed"), &json!("error"))),
        }
        while third["status"] == "ok" && app.json().await["data"]["type"] != "response" {}
    }
    let unknown = app.call("download_file_image_stream", json!({ "file": "b.png" })).await;
    assert_eq!(unknown["retcode"], 1200);
    let (_fake, mut other) = App::with(FakeOneBot::builder().dialect(Dialect::Lagrange)).await;
    assert_eq!(other.call("download_file_image_stream", ask).await["retcode"], 404);
}

#[tokio::test]
async fn a_recall_is_told_and_the_message_is_gone() {
    let (fake, mut app) = App::with(FakeOneBot::builder().clock_ahead(-600)).await;
    let (in_group, direct) = (Message::group(GROUP, USER).text("一"), Message::private(USER).text("二"));
    for (message, kind) in [(in_group, "group_recall"), (direct, "friend_recall")] {
        let id = fake.send(message).await;
        let event = app.json().await;
        assert!(event["time"].as_i64().unwrap() <= peer::now() - 600);
        fake.recall(id).await;
        let notice = app.json().await;
        assert_eq!((&notice["notice_type"], &notice["message_id"]), (&json!(kind), &json!(id)));
        assert_eq!((&notice["user_id"], &notice["group_id"]), (&json!(USER), &event["group_id"]));
        assert_eq!(app.call("get_msg", json!({ "message_id": id })).await["status"], "failed");
    }
}
