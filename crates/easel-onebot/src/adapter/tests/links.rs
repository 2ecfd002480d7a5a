//! Connections: who is let in, who is dropped, what gets through.

use easel_testkit::onebot::{ConnectError, Dialect, Message as Event, TokenIn};
use futures_util::{SinkExt as _, StreamExt as _};
use secrecy::SecretString;
use serde_json::json;
use tokio_tungstenite::tungstenite;

use super::*;

fn command() -> Event {
    Event::group(GROUP, MEMBER).text("/生图 猫")
}

#[tokio::test]
async fn commands_arrive_and_chatter_does_not() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.send(Event::group(GROUP, MEMBER).text("早上好")).await;
    peer.send(Event::group(GROUP, MEMBER).image_url("https://example.invalid/a.png")).await;
    peer.heartbeat().await;
    let id = peer.send(command().image_url("https://example.invalid/b.png")).await;
    let message = rig.next().await;
    assert_eq!(message.id.as_str(), id.to_string());
    assert_eq!((message.text.as_str(), message.pictures.len()), ("/生图 猫", 1));
    assert_eq!(message.chat, group(peer.self_id()));
    peer.send(Event::private(MEMBER).text("你好")).await;
    assert_eq!(rig.next().await.chat.kind, ChatKind::Direct);
    peer.send(Event::temporary(GROUP, MEMBER).text("你好")).await;
    let temporary = rig.next().await.chat;
    assert_eq!(
        (temporary.kind, temporary.parent),
        (ChatKind::Temporary, Some(ChatId::from(GROUP.to_string())))
    );
    peer.send(Event::group(GROUP, MEMBER).at(peer.self_id()).text(" 画一只猫")).await;
    let mentioned = rig.next().await;
    assert!(mentioned.mentions_me);
    assert_eq!(mentioned.text, "画一只猫");
    rig.end().await;
}

#[tokio::test]
async fn string_format_works_like_arrays() {
    let peer = FakeOneBot::builder().cq_strings().build();
    let (mut rig, peer) = Rig::with_peer(reverse(), peer).await;
    peer.send(Event::group(GROUP, MEMBER).text("[早]")).await;
    peer.send(command().image("a.png", "https://example.invalid/?a=1&b=2")).await;
    let message = rig.next().await;
    assert_eq!(message.text, "/生图 猫");
    assert!(matches!(
        &message.pictures[0].locator,
        PictureLocator::Platform { url: Some(url), file: Some(file), .. }
            if url == "https://example.invalid/?a=1&b=2" && file == "a.png"
    ));
    rig.end().await;
}

#[tokio::test]
async fn redelivered_messages_count_once() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let first = peer.send_twice(command()).await;
    let second = peer.send(command()).await;
    assert_eq!(rig.next().await.id.as_str(), first.to_string());
    assert_eq!(rig.next().await.id.as_str(), second.to_string());
    rig.end().await;
}

#[tokio::test]
async fn two_accounts_in_one_group_answer_once() {
    let (mut rig, first) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let second = FakeOneBot::builder().self_id(3_001_000_002).build();
    second.connect(&rig.url("/onebot/v11/ws/")).await.unwrap();
    rig.reachable(&second).await;
    let now = i64::try_from(SystemClock.now().0 / 1000).unwrap();
    first.send(command().time(now - 1).message_id(1)).await;
    assert_eq!(rig.next().await.chat.account.as_str(), "3001000001");
    second.send(command().time(now).message_id(2)).await;
    // A mention names one of them and always counts.
    second.send(command().time(now).at(second.self_id()).message_id(3)).await;
    assert_eq!(rig.next().await.id.as_str(), "3");
    // Their own messages are no commands to each other.
    first.send(Event::group(GROUP, second.self_id()).text("/生图 狗")).await;
    first.send(command().time(now + 100).message_id(5)).await;
    assert_eq!(rig.next().await.id.as_str(), "5");
    rig.end().await;
}

#[tokio::test]
async fn missed_commands_and_those_of_a_group_that_muted_the_account_are_not_answered() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let now = i64::try_from(SystemClock.now().0 / 1000).unwrap();
    peer.send(command().time(now - 3600).message_id(1)).await;
    peer.send(command().time(now - 60).message_id(2)).await;
    assert_eq!(rig.next().await.id.as_str(), "2");
    let account = rig.adapter.hub.account(&target(&peer).chat.account).unwrap();
    account.set_muted(GROUP, 600, SystemClock.now());
    peer.send(command().message_id(3)).await;
    peer.send(Event::private(MEMBER).text("/生图 猫").message_id(4)).await;
    assert_eq!(rig.next().await.id.as_str(), "4");
    rig.end().await;
}

#[tokio::test]
async fn an_older_socket_takes_over_again() {
    let (rig, first) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let account = rig.adapter.hub.account(&target(&first).chat.account).unwrap();
    let older = account.link().unwrap();
    let gone = CancellationToken::new();
    let (calls, _calls) = mpsc::channel(1);
    let (control, _control) = mpsc::channel(1);
    let connection = transport::connection::Connection::new(calls, control, Arc::default(), gone.clone());
    let newer = Arc::new(Link::socket(Arc::new(connection), Arc::clone(&older.section), &Timing::default()));
    account.set_link(Arc::clone(&newer));
    assert!(Arc::ptr_eq(&account.link().unwrap(), &newer));
    gone.cancel();
    assert!(Arc::ptr_eq(&account.link().unwrap(), &older));
    account.clear_link(&newer);
    account.clear_link(&older);
    assert!(account.link().is_none());
    rig.end().await;
}

fn with_token() -> OneBotSection {
    OneBotSection { access_token: SecretString::from("correct"), ..reverse() }
}

#[tokio::test]
async fn tokens_are_asked_for() {
    let rig = Rig::start(with_token()).await;
    let refused = async |peer: FakeOneBot, expected: u16| match peer.connect(&rig.url("/ws")).await {
        Err(ConnectError::Refused { status, .. }) => assert_eq!(status, expected),
        other => panic!("{other:?}"),
    };
    refused(FakeOneBot::new(), 401).await;
    refused(FakeOneBot::builder().token("wrong").build(), 403).await;
    refused(FakeOneBot::builder().token("wrong").token_in(TokenIn::Query).build(), 403).await;
    for place in [TokenIn::Header, TokenIn::Query] {
        let peer = FakeOneBot::builder().token("correct").token_in(place).build();
        peer.connect(&rig.url("/ws")).await.unwrap();
    }
    rig.end().await;
}

#[tokio::test]
async fn only_the_configured_path_is_served() {
    let rig = Rig::start(OneBotSection { path: "/ws".into(), ..reverse() }).await;
    let peer = FakeOneBot::new();
    assert!(matches!(peer.connect(&rig.url("/other")).await, Err(ConnectError::Refused { status: 404, .. })));
    peer.connect(&rig.url("/ws/")).await.unwrap();
    rig.end().await;
}

#[tokio::test]
async fn two_sockets_of_one_account_share_the_work() {
    let peer = FakeOneBot::builder().dialect(Dialect::Lagrange).split_roles().build();
    let (mut rig, peer) = Rig::with_peer(reverse(), peer).await;
    peer.send(command()).await;
    rig.next().await;
    rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap();
    assert_eq!(peer.next_send().await.text, "好");
    rig.end().await;
}

#[tokio::test]
async fn the_newest_socket_wins() {
    let (mut rig, old) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    old.freeze();
    let new = FakeOneBot::new();
    new.connect(&rig.url("/ws")).await.unwrap();
    new.next_call("get_version_info").await;
    rig.adapter.send(&target(&new), &Reply::text("好")).await.unwrap();
    assert_eq!(new.next_send().await.text, "好");
    new.send(command()).await;
    rig.next().await;
    // The end of the old one does not take the new one away.
    old.thaw();
    old.drop_links().await;
    rig.adapter.send(&target(&new), &Reply::text("还好")).await.unwrap();
    rig.end().await;
}

#[tokio::test]
async fn a_silent_peer_is_dropped_and_taken_back() {
    let peer = FakeOneBot::builder().heartbeat(Some(Duration::from_millis(20))).build();
    let timing = Timing { heartbeat: Duration::from_millis(200), ..quick() };
    let mut rig = Rig::start_with(vec![reverse()], timing, None).await;
    peer.connect(&rig.url("/ws")).await.unwrap();
    rig.reachable(&peer).await;
    let account = AccountId::from(peer.self_id().to_string());
    peer.heartbeat().await;
    peer.freeze();
    until("the silent peer to be dropped", || rig.adapter.link(&account).is_none()).await;
    peer.thaw();
    peer.disconnected().await;
    peer.reconnect().await.unwrap();
    rig.reachable(&peer).await;
    peer.send(command()).await;
    rig.next().await;
    rig.end().await;
}

#[tokio::test]
async fn a_quiet_peer_that_answers_pings_stays() {
    // Far more than the three without an answer after which a peer counts as dead.
    const PINGS: usize = 12;
    let timing = Timing { heartbeat: Duration::from_millis(20), ..quick() };
    let mut rig = Rig::start_with(vec![reverse()], timing, None).await;
    let (mut quiet, _) = tokio_tungstenite::connect_async(rig.url("/ws")).await.unwrap();
    let mut pings = 0;
    while pings < PINGS {
        let frame = tokio::time::timeout(PATIENCE, quiet.next()).await.expect("a ping").expect("it stays");
        // The library answers them.
        pings += usize::from(matches!(frame, Ok(tungstenite::Message::Ping(_))));
    }
    let event = FakeOneBot::new().event(&command()).to_string();
    quiet.send(tungstenite::Message::text(event)).await.unwrap();
    rig.next().await;
    rig.end().await;
}

#[tokio::test]
async fn nonsense_is_ignored() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    for frame in [
        "",
        "{",
        "nonsense",
        "[]",
        "null",
        "{}",
        "{\"post_type\":7}",
        "{\"echo\":{\"a\":1}}",
        "{\"retcode\":0}",
    ] {
        peer.frame_text(frame).await;
    }
    peer.frame_binary(&[0xff, 0xfe]).await;
    peer.event_raw(&json!({"post_type": "something_new"})).await;
    peer.event_raw(&json!({"post_type": "message", "message_type": "guild", "self_id": 1, "user_id": 1}))
        .await;
    peer.send(command()).await;
    rig.next().await;
    rig.end().await;
}

#[tokio::test]
async fn oversized_frames_end_only_the_connection() {
    let section = OneBotSection { max_frame_bytes: 1 << 20, ..reverse() };
    let (mut rig, peer) = Rig::with_peer(section, FakeOneBot::new()).await;
    peer.send(command().padding(2 << 20)).await;
    peer.disconnected().await;
    peer.reconnect().await.unwrap();
    peer.send(command().padding(900_000)).await;
    rig.next().await;
    rig.end().await;
}

#[tokio::test]
async fn fifty_megabytes_are_refused_by_the_default_bound() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.send(command().padding(10 << 20)).await;
    rig.next().await;
    peer.send(command().padding(50 << 20)).await;
    peer.disconnected().await;
    peer.reconnect().await.unwrap();
    peer.send(command()).await;
    rig.next().await;
    rig.end().await;
}

fn forward(url: &str) -> OneBotSection {
    OneBotSection {
        mode: Mode::Forward,
        url: url.to_owned(),
        min_send_interval_ms: 0,
        ..OneBotSection::default()
    }
}

#[tokio::test]
async fn forward_connections_are_made_and_made_again() {
    let peer = FakeOneBot::builder().token("correct").build();
    let url = peer.listen().await;
    let section = OneBotSection { access_token: SecretString::from("correct"), ..forward(&url) };
    let mut rig = Rig::start(section).await;
    peer.connected().await;
    rig.reachable(&peer).await;
    peer.send(command()).await;
    rig.next().await;
    let bytes = content(1_000_001);
    rig.adapter.send(&target(&peer), &picture_reply(bytes.clone())).await.unwrap();
    assert_eq!(peer.next_picture().await.picture(), bytes, "masked frames carry the same bytes");
    peer.drop_links().await;
    peer.connected().await;
    peer.send(command()).await;
    rig.next().await;
    rig.end().await;
}

#[tokio::test]
async fn http_events_are_verified_and_answered_at_once() {
    let peer = FakeOneBot::builder().token("correct").build();
    let section = OneBotSection {
        mode: Mode::Http,
        listen: "127.0.0.1:0".into(),
        url: peer.serve_http().await,
        access_token: SecretString::from("correct"),
        min_send_interval_ms: 0,
        ..OneBotSection::default()
    };
    let mut rig = Rig::start(section).await;
    let url = format!("http://{}/onebot/v11/http", rig.adapter.addresses()[0]);
    let event = peer.event(&command());
    assert_eq!(peer.post_event(&url, &event).await.unwrap().status, 204);
    rig.next().await;
    assert_eq!(peer.post_event_signed(&url, &event, None).await.unwrap().status, 401);
    assert_eq!(peer.post_event_signed(&url, &event, Some("sha1=00")).await.unwrap().status, 403);
    rig.reachable(&peer).await;
    let bytes = content(100_001);
    rig.adapter.send(&target(&peer), &picture_reply(bytes.clone())).await.unwrap();
    let sent = peer.next_picture().await;
    assert_eq!((sent.picture(), sent.quote.as_deref()), (bytes, Some("1654096211")));

    // From a file, too, and one that breaks off was certainly not sent.
    let bytes = content(1_000_003);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let mut spooled = picture(Bytes::new());
    spooled.picture.body = Body::from_file(file.path()).unwrap();
    let reply = Reply { parts: vec![Part::Picture(spooled)] };
    rig.adapter.send(&target(&peer), &reply).await.unwrap();
    assert_eq!(peer.next_picture().await.picture(), bytes);
    file.as_file().set_len(500_000).unwrap();
    let error = rig.adapter.send(&target(&peer), &reply).await.unwrap_err();
    assert!(
        matches!(error, SendError::Failed { failure: SendFailure::Permanent, .. }),
        "trying again would change nothing: {error:?}"
    );
    assert_eq!(peer.sends().len(), 2);
    rig.end().await;
}

#[tokio::test]
async fn http_mode_knows_the_account_before_any_event() {
    let peer = FakeOneBot::new();
    let section = OneBotSection {
        mode: Mode::Http,
        listen: "127.0.0.1:0".into(),
        url: peer.serve_http().await,
        ..OneBotSection::default()
    };
    let rig = Rig::start(section).await;
    rig.reachable(&peer).await;
    rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap();
    rig.end().await;
}

/// An adapter that takes events over HTTP, and the place of an API that nobody serves yet.
async fn before_its_api() -> (Rig, SocketAddr) {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let section = OneBotSection {
        mode: Mode::Http,
        listen: "127.0.0.1:0".into(),
        url: format!("http://{address}"),
        ..OneBotSection::default()
    };
    (Rig::start(section).await, address)
}

#[tokio::test]
async fn an_http_api_that_nobody_serves_counts_as_away_until_it_answers() {
    let (mut rig, address) = before_its_api().await;
    let peer = FakeOneBot::new();
    // Events arrive, and nothing can be answered.
    peer.post_event(&format!("http://{}/", rig.adapter.addresses()[0]), &peer.event(&command()))
        .await
        .unwrap();
    rig.next().await;
    let account = target(&peer).chat.account;
    until("the dead port to be found", || !rig.adapter.is_connected(&account)).await;
    let adapter = Arc::clone(&rig.adapter);
    let back = adapter.connected(&account);
    tokio::pin!(back);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut back).await;
    assert!(early.is_err(), "nobody is there");
    tokio::select! {
        () = back => {}
        () = answer_all(address, r#"{"status":"ok","retcode":0,"data":{}}"#) => {}
        () = tokio::time::sleep(PATIENCE) => panic!("the account's return was not told"),
    }
    rig.end().await;
}

/// An HTTP API that says the same to every call, for as long as it is awaited.
async fn answer_all(address: SocketAddr, body: &str) {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await.unwrap();
        let answer = [head.as_bytes(), body.as_bytes()].concat();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &answer).await.unwrap();
    }
}

#[tokio::test]
async fn an_http_api_that_knows_next_to_nothing_is_found_again_as_well() {
    const NO: &str = r#"{"status":"failed","retcode":1404,"data":null,"message":"no such action"}"#;
    let (mut rig, address) = before_its_api().await;
    let peer = FakeOneBot::new();
    let (adapter, account) = (Arc::clone(&rig.adapter), target(&peer).chat.account);
    let link = || adapter.hub.account(&account).and_then(|known| known.link());
    let knows_it =
        until("the refusal to be learned", || link().is_some_and(|link| link.lacks("get_login_info")));
    let event = async {
        peer.post_event(&format!("http://{}/", rig.adapter.addresses()[0]), &peer.event(&command()))
            .await
            .unwrap();
        knows_it.await;
    };
    tokio::select! {
        () = event => {}
        () = answer_all(address, NO) => {}
    }
    rig.next().await;
    // Nobody listens any more, and a reply finds that out.
    rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap_err();
    assert!(!rig.adapter.is_connected(&account));
    tokio::select! {
        () = adapter.connected(&account) => {}
        () = answer_all(address, NO) => {}
        () = tokio::time::sleep(PATIENCE) => panic!("the account's return was not told"),
    }
    rig.end().await;
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let section =
        OneBotSection { listen: taken.local_addr().unwrap().to_string(), ..OneBotSection::default() };
    let folder = tempfile::tempdir().unwrap();
    let deps = Deps {
        http: HttpClients::new(NetworkSection::default()),
        clock: Arc::new(SystemClock),
        spool: Spool::new(BytesBudget::new(1 << 20), &folder.path().join("spool")).unwrap(),
        outbox: folder.path().join("outbox"),
        publish: None,
    };
    let adapter = Arc::new(OneBot::with_timing(vec![section, reverse()], deps, quick()).unwrap());
    let (sender, _messages) = mpsc::unbounded_channel();
    let inbox = Arc::new(TestInbox { sender, asked: Mutex::default(), recalled: Mutex::default() });
    let (ready, listens) = oneshot::channel();
    let result = adapter.run(inbox, ready, CancellationToken::new()).await;
    assert!(matches!(result, Err(AdapterError::Listen { .. })), "{result:?}");
    assert!(listens.await.is_err(), "it never said that it was ready");
}

#[tokio::test]
async fn what_is_taken_back_is_told_and_never_quoted_again() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let shown = peer.send(Event::group(GROUP, MEMBER).image("a.png", "https://example.invalid/a")).await;
    let request = peer.send(command()).await;
    let message = rig.next().await;
    let recent = || {
        let member = UserId::from(MEMBER.to_string());
        rig.adapter.recent_pictures(&message.chat, &member, Duration::from_mins(2)).len()
    };
    assert_eq!(recent(), 1);
    let direct = peer.send(Event::private(MEMBER).text("/生图 猫")).await;
    peer.recall(shown).await;
    peer.recall(request).await;
    peer.recall(direct).await;
    until("three notices", || rig.inbox.recalled.lock().unwrap().len() == 3).await;
    let recalled = std::mem::take(&mut *rig.inbox.recalled.lock().unwrap());
    assert_eq!(recalled[1], (message.chat.clone(), message.id.clone()));
    assert_eq!(
        (recalled[2].0.kind, recalled[2].0.id.as_str()),
        (ChatKind::Direct, MEMBER.to_string().as_str())
    );
    assert_eq!(recent(), 0, "nobody draws on a picture that was taken back");
    // Some implementations still know it.
    peer.add_message_raw(
        shown,
        peer.event(&Event::group(GROUP, MEMBER).image("a.png", "https://example.invalid/a")),
    );
    assert_eq!(rig.adapter.quote(&message.chat, &MessageId::from(shown.to_string())).await, None);

    let target = Target { chat: message.chat.clone(), quote: Some(message.id.clone()) };
    rig.adapter.send(&target, &picture_reply(content(1000))).await.unwrap();
    assert_eq!(peer.next_picture().await.quote, None);
    rig.adapter.react(&target, Reaction::Done).await.unwrap();
    assert!(peer.reactions().is_empty(), "a mark on it is not even tried");
    rig.end().await;
}

#[tokio::test]
async fn a_wrong_clock_is_told_once_and_commands_work_all_the_same() {
    const WRONG: i64 = -3600;
    let timing = Timing { clock_proof: Duration::ZERO, ..quick() };
    let mut rig = Rig::start_with(vec![reverse()], timing, None).await;
    let peer = FakeOneBot::builder().clock_ahead(WRONG).heartbeat(None).build();
    peer.connect(&rig.url("/ws")).await.unwrap();
    peer.send(command().message_id(1)).await;
    assert_eq!(rig.next().await.id.as_str(), "1", "the lifecycle frame told the time");
    // The same without a word from the implementation's own clock: by the third message it is clear.
    let link = rig.adapter.link(&target(&peer).chat.account).unwrap();
    let account = rig.adapter.hub.account_or_new("77");
    let me = crate::inbound::Identity { id: "77".into(), alias: None };
    for id in 1..=4 {
        let event = peer.event(&command().message_id(id)).to_string();
        let crate::inbound::Inbound::Message(frame) = crate::inbound::parse(&event).unwrap() else {
            panic!()
        };
        rig.adapter.hub.take_message(&account, &link, &me, &frame, rig.inbox.as_ref());
    }
    assert_eq!(rig.next().await.id.as_str(), "3");
    assert_eq!(rig.next().await.id.as_str(), "4");
    rig.end().await;
}
