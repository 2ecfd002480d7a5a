//! Quotes, downloads, roles.

use easel_testkit::{
    files::FileServer,
    onebot::{Dialect, Fault, MemberRole, Message as Event},
};
use serde_json::json;

use super::*;

fn id(id: i64) -> MessageId {
    MessageId::from(id.to_string())
}

#[track_caller]
fn links(pictures: &[PictureRef]) -> Vec<&str> {
    pictures
        .iter()
        .map(|picture| match &picture.locator {
            PictureLocator::Platform { url, .. } => url.as_deref().unwrap_or("none"),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[tokio::test]
async fn quoted_pictures_come_from_memory_first() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let quoted =
        peer.send(Event::group(GROUP, 1_200_000_022).image("a.png", "https://example.invalid/a")).await;
    peer.forget_message(quoted);
    peer.send(Event::group(GROUP, MEMBER).reply(quoted).at(1_200_000_022).text(" /生图 水彩")).await;
    let message = rig.next().await;
    assert_eq!((message.quote.as_ref(), message.mentions.len()), (Some(&id(quoted)), 0));
    let quote = rig.adapter.quote(&message.chat, &id(quoted)).await.unwrap();
    assert_eq!(quote.sender, Some(UserId::new("1200000022")));
    assert_eq!(links(&quote.pictures), ["https://example.invalid/a"]);
    assert!(peer.calls().iter().all(|call| call.action != "get_msg"));

    let recent = |user: i64| {
        rig.adapter.recent_pictures(&message.chat, &UserId::from(user.to_string()), Duration::from_mins(2))
    };
    assert_eq!((recent(1_200_000_022).len(), recent(MEMBER).len()), (1, 0));
    rig.end().await;
}

#[tokio::test]
async fn a_picture_that_was_sent_as_a_file_is_the_latest_one() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.send(Event::group(GROUP, MEMBER).image("a.png", "https://example.invalid/a")).await;
    peer.send(Event::group(GROUP, MEMBER).file("b.png", "/b", 5)).await;
    peer.send(Event::group(GROUP, MEMBER).file("c.zip", "/c", 5)).await;
    // A name without a way to the file.
    peer.send(Event::group(GROUP, MEMBER).segment("file", json!({"file": "d.png"}))).await;
    peer.send(Event::group(GROUP, MEMBER).text("/生图 水彩")).await;
    let message = rig.next().await;
    let recent = rig.adapter.recent_pictures(&message.chat, &message.sender.id, Duration::from_mins(2));
    let files: Vec<_> = recent.iter().map(|picture| &picture.locator).collect();
    assert!(
        matches!(files[..], [PictureLocator::Platform { file: Some(file), .. }] if file == "onebot-file:/b"),
        "{files:?}"
    );
    rig.end().await;
}

#[tokio::test]
async fn quoted_pictures_come_from_get_msg_in_every_dialect() {
    for dialect in [Dialect::NapCat, Dialect::LLBot, Dialect::Lagrange, Dialect::GoCqhttp] {
        for strings in [false, true] {
            let mut builder = FakeOneBot::builder().dialect(dialect);
            if strings {
                builder = builder.cq_strings();
            }
            let (rig, peer) = Rig::with_peer(reverse(), builder.build()).await;
            let message =
                Event::group(GROUP, MEMBER).text("看").image("a.png", "https://example.invalid/?a=1&b=2");
            let quoted = peer.add_message(&message);
            let quote = rig.adapter.quote(&group(peer.self_id()), &id(quoted)).await.unwrap();
            assert_eq!(links(&quote.pictures), ["https://example.invalid/?a=1&b=2"], "{dialect:?} {strings}");
            assert_eq!((quote.text.as_str(), quote.sender), ("看", Some(UserId::from(MEMBER.to_string()))));
            rig.end().await;
        }
    }
}

#[tokio::test]
async fn a_quote_that_cannot_be_had_is_none() {
    let section = OneBotSection { call_timeout_seconds: 1, ..reverse() };
    let (rig, peer) = Rig::with_peer(section, FakeOneBot::new()).await;
    assert_eq!(rig.adapter.quote(&group(peer.self_id()), &id(404)).await, None);
    peer.fault("get_msg", Fault::NoAnswer);
    assert_eq!(rig.adapter.quote(&group(peer.self_id()), &id(404)).await, None);
    // The last resort.
    let mut event = peer.event(&Event::group(GROUP, MEMBER).image("h.png", "https://example.invalid/h"));
    event["message_id"] = json!(405);
    peer.answer_with("get_group_msg_history", json!({"messages": [event]}));
    let quote = rig.adapter.quote(&group(peer.self_id()), &id(405)).await.unwrap();
    assert_eq!(links(&quote.pictures), ["https://example.invalid/h"]);
    rig.end().await;
}

#[tokio::test]
async fn forwards_are_opened_in_all_four_shapes() {
    let picture = |name: &str| json!({"type": "image", "data": {"file": name, "url": format!("https://example.invalid/{name}")}});
    let text = json!({"type": "text", "data": {"text": "第一张"}});
    let shapes = [
        json!({"messages": [
            {"message": [text], "user_id": 1}, {"message": [picture("1")], "user_id": 1},
            {"message": [{"type": "forward", "data": {"id": "9", "content": [{"message": [picture("2")]}]}}]},
        ]}),
        json!({"messages": [{"content": [text, picture("1")]}, {"content": [picture("2")], "sender": {"user_id": 1}}]}),
        json!({"message": [
            {"type": "node", "data": {"user_id": "1", "content": [picture("1")]}},
            {"type": "node", "data": {"user_id": "1", "content": [{"type": "image", "data": {
                "file": "https://example.invalid/2", "filename": "2", "url": "https://example.invalid/2"}}]}},
        ]}),
        json!({"messages": [
            {"content": "第一张[CQ:image,file=1,url=https://example.invalid/1]"},
            {"content": "[CQ:image,file=2,url=https://example.invalid/2]"},
        ]}),
    ];
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    for shape in shapes {
        peer.answer_with("get_forward_msg", shape.clone());
        for carrier in [
            Event::group(GROUP, MEMBER).forward("7428159829202167032"),
            Event::group(GROUP, MEMBER).segment(
                "json",
                json!({"data":
                "{\"app\":\"com.tencent.multimsg\",\"meta\":{\"detail\":{\"resid\":\"Zm9y\"}}}"}),
            ),
        ] {
            let quoted = peer.add_message(&carrier);
            let quote = rig.adapter.quote(&group(peer.self_id()), &id(quoted)).await.unwrap();
            let expected = ["https://example.invalid/1", "https://example.invalid/2"];
            assert_eq!(links(&quote.pictures), expected, "{shape}");
        }
    }
    // A forward that contains itself ends.
    peer.answer_with(
        "get_forward_msg",
        json!({"messages": [
            {"message": [{"type": "forward", "data": {"id": "again"}}, picture("1")]},
        ]}),
    );
    let quoted = peer.add_message(&Event::group(GROUP, MEMBER).forward("again"));
    let quote = rig.adapter.quote(&group(peer.self_id()), &id(quoted)).await.unwrap();
    assert_eq!(quote.pictures.len(), 3);
    rig.end().await;
}

fn platform(url: Option<&str>, file: Option<&str>, message: Option<i64>) -> PictureRef {
    PictureRef {
        origin: PictureOrigin::Quote,
        locator: PictureLocator::Platform {
            url: url.map(str::to_owned),
            file: file.map(str::to_owned),
            message: message.map(id),
        },
    }
}

const LIMIT: u64 = 1 << 20;

#[tokio::test]
async fn expired_links_are_refreshed_from_every_place() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let chat = group(peer.self_id());
    let files = FileServer::start().await;
    let bytes = content(5_000);
    let fresh = files.put("/fresh.png", bytes.clone());
    let expired = files.expired_rkey("/expired");
    let get = async |picture: &PictureRef| {
        rig.adapter.download(&chat, picture, LIMIT).await.map(|body| body.read().unwrap())
    };
    assert_eq!(get(&platform(Some(&fresh), None, None)).await, Ok(bytes.clone()));
    assert_eq!(get(&platform(Some(&expired), None, None)).await, Err(DownloadError::Expired));

    let carrier = peer.add_message(&Event::group(GROUP, MEMBER).image("a.png", &fresh));
    assert_eq!(get(&platform(Some(&expired), Some("a.png"), Some(carrier))).await, Ok(bytes.clone()));

    peer.set_image("b.png", &fresh);
    assert_eq!(get(&platform(Some(&expired), Some("b.png"), None)).await, Ok(bytes.clone()));
    assert_eq!(get(&platform(None, Some("b.png"), Some(404))).await, Ok(bytes.clone()), "no link at all");

    peer.set_file_url("/7f0a", &fresh);
    assert_eq!(get(&platform(None, Some("onebot-file:/7f0a"), None)).await, Ok(bytes.clone()));

    peer.set_rkeys("PRIVATE", "GROUP");
    let keyed = files.put("/download?appid=1407&fileid=f&rkey=GROUP", bytes.clone());
    let stale = files.invalid_rkey("/download?appid=1407&fileid=f&rkey=OLD");
    assert!(keyed.ends_with("rkey=GROUP") && stale.ends_with("rkey=OLD"));
    assert_eq!(get(&platform(Some(&stale), None, None)).await, Ok(bytes));
    rig.end().await;
}

#[tokio::test]
async fn the_bound_of_a_picture_is_the_callers() {
    let bytes = content(21 << 20);
    let files = FileServer::start().await;
    let served = PictureLocator::Url(files.put("/large", bytes.clone()));
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    for locator in [served, PictureLocator::Inline(bytes.clone())] {
        let picture = PictureRef { origin: PictureOrigin::Message, locator };
        let get = async |most: u64| rig.adapter.download(&group(peer.self_id()), &picture, most).await;
        // More than `[network] max_download_bytes` was when easel started.
        assert_eq!(get(22 << 20).await.unwrap().len(), bytes.len() as u64);
        assert_eq!(get(20 << 20).await.unwrap_err(), DownloadError::TooLarge { max_bytes: 20 << 20 });
    }
    rig.end().await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_streamed_by_the_implementation() {
    let bytes = content(700_001);
    let files = FileServer::start().await;
    let expired = files.expired_rkey("/expired");
    let picture = platform(Some(&expired), Some("s.png"), None);
    let api = FakeOneBot::new();
    let over_http = OneBotSection {
        mode: Mode::Http,
        listen: "127.0.0.1:0".into(),
        url: api.serve_http().await,
        ..OneBotSection::default()
    };
    let http_rig = Rig::start(over_http).await;
    http_rig.reachable(&api).await;
    let (rig, socket) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    for (rig, peer) in [(&rig, &socket), (&http_rig, &api)] {
        let chat = group(peer.self_id());
        let get = async |max: u64| {
            rig.adapter.download(&chat, &picture, max).await.map(|body| body.read().unwrap())
        };
        assert_eq!(get(LIMIT).await, Err(DownloadError::Expired), "nobody has it");
        peer.set_image_stream("s.png", bytes.clone());
        assert_eq!(get(LIMIT).await, Ok(bytes.clone()));
        assert_eq!(get(700_000).await, Err(DownloadError::TooLarge { max_bytes: 700_000 }));
        for fault in [Fault::BrokenChunk, Fault::LostChunk, Fault::CutStream] {
            peer.fault("download_file_image_stream", fault.clone());
            assert_eq!(get(LIMIT).await, Err(DownloadError::Expired), "{fault:?}");
        }
        assert_eq!(get(LIMIT).await, Ok(bytes.clone()), "the link lives on");
    }
    // By its file id, where it was sent as a file.
    socket.set_image_stream("/7f0a", bytes.clone());
    let chat = group(socket.self_id());
    let file = platform(None, Some("onebot-file:/7f0a"), None);
    assert_eq!(rig.adapter.download(&chat, &file, LIMIT).await.unwrap().read().unwrap(), bytes);
    // An implementation without the action is asked once.
    socket.fault("download_file_image_stream", Fault::no_such_action("download_file_image_stream"));
    let asked = || socket.calls().iter().filter(|call| call.action == "download_file_image_stream").count();
    let before = asked();
    for _ in 0..2 {
        assert_eq!(rig.adapter.download(&chat, &picture, LIMIT).await.unwrap_err(), DownloadError::Expired);
    }
    assert_eq!(asked(), before + 1);
    rig.end().await;
    http_rig.end().await;
}

#[tokio::test]
async fn downloads_are_guarded() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let chat = group(peer.self_id());
    let files = FileServer::start().await;
    let get = async |url: &str| {
        let picture =
            PictureRef { origin: PictureOrigin::Message, locator: PictureLocator::Url(url.to_owned()) };
        rig.adapter.download(&chat, &picture, LIMIT).await.map(|body| body.len())
    };
    assert_eq!(get("http://192.168.7.7/a.png").await, Err(DownloadError::Private));
    assert_eq!(get("http://[::1]:1/a.png").await, Err(DownloadError::Private));
    assert!(matches!(get("file:///etc/passwd").await, Err(DownloadError::Unreachable(_))));
    let large = files.put("/large.png", content(2 << 20));
    assert_eq!(get(&large).await, Err(DownloadError::TooLarge { max_bytes: LIMIT }));
    assert_eq!(get(&files.endless("/endless")).await, Err(DownloadError::TooLarge { max_bytes: LIMIT }));
    assert_eq!(get(&files.status("/gone", 404)).await, Err(DownloadError::Expired));
    assert!(matches!(get(&files.cut("/cut", content(9_000))).await, Err(DownloadError::Unreachable(_))));
    // The bound is that of the call, which follows the configuration, and not that of the start.
    let wide = files.put("/wide.png", content(21 << 20));
    let wide = PictureRef { origin: PictureOrigin::Message, locator: PictureLocator::Url(wide) };
    let fetched = rig.adapter.download(&chat, &wide, 22 << 20).await.map(|body| body.len());
    assert_eq!(fetched, Ok(21 << 20));
    let inline =
        PictureRef { origin: PictureOrigin::Message, locator: PictureLocator::Inline(content(2 << 20)) };
    let result = rig.adapter.download(&chat, &inline, LIMIT).await.map(|body| body.len());
    assert_eq!(result, Err(DownloadError::TooLarge { max_bytes: LIMIT }));
    rig.end().await;
}

#[tokio::test]
async fn roles_and_avatars() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let chat = group(peer.self_id());
    peer.set_member(GROUP, MEMBER, MemberRole::Admin, "画师小王");
    peer.remove_member(GROUP, 404);
    let role = async |user: i64| rig.adapter.chat_role(&chat, &UserId::from(user.to_string())).await;
    assert_eq!((role(MEMBER).await, role(404).await), (ChatRole::Admin, ChatRole::Unknown));
    let call = peer.next_call("get_group_member_info").await;
    assert_eq!(call.params["no_cache"], json!(false));
    let avatar = rig.adapter.avatar(&chat.account, &UserId::new("10001")).unwrap();
    assert_eq!(avatar.locator, PictureLocator::Url("https://q1.qlogo.cn/g?b=qq&nk=10001&s=640".into()));
    assert_eq!(rig.adapter.avatar(&chat.account, &UserId::new("x&y")), None);
    rig.end().await;
}
