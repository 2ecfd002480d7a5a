//! Sends: every way, every refusal, and nothing twice.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use easel_core::ports::{Published, StoreError};
use easel_testkit::{
    napfile::{Behaviour, FakeNapfile},
    onebot::{Dialect, Fault, Message as Event, Origin},
};
use serde_json::json;

use super::*;

#[track_caller]
fn failure(result: Result<Sent, SendError>) -> SendFailure {
    match result {
        Err(SendError::Failed { failure, .. }) => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pictures_of_every_length_arrive_unchanged() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    for length in [0, 1, 2, 3, 72, 60_000, 196_607, 196_608, 196_609, 400_000, 2_000_003] {
        let bytes = content(length);
        let sent = rig.adapter.send(&target(&peer), &picture_reply(bytes.clone())).await.unwrap();
        let seen = peer.next_picture().await;
        assert_eq!(seen.picture(), bytes, "{length}");
        assert_eq!((seen.text.as_str(), seen.quote.as_deref()), ("好了", Some("1654096211")));
        assert_eq!(
            (sent.way, sent.message),
            ("base64", seen.message_id.map(|id| MessageId::from(id.to_string())))
        );
    }
    rig.end().await;
}

#[tokio::test]
async fn spooled_pictures_arrive_unchanged() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let bytes = content(1_000_000);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let mut outgoing = picture(Bytes::new());
    outgoing.picture.body = Body::from_file(file.path()).unwrap();
    let reply = Reply { parts: vec![Part::Picture(outgoing)] };
    rig.adapter.send(&target(&peer), &reply).await.unwrap();
    assert_eq!(peer.next_picture().await.picture(), bytes);
    rig.end().await;
}

#[tokio::test]
async fn a_picture_that_vanished_is_certainly_not_delivered() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content(1_000_000)).unwrap();
    let mut outgoing = picture(Bytes::new());
    outgoing.picture.body = Body::from_file(file.path()).unwrap();
    std::fs::write(file.path(), b"short").unwrap();
    let reply = Reply { parts: vec![Part::Picture(outgoing)] };
    assert_eq!(failure(rig.adapter.send(&target(&peer), &reply).await), SendFailure::Permanent);
    assert!(peer.delivered().is_empty());
    // The connection, and with it everybody else's sends, is none the worse.
    let account = AccountId::from(peer.self_id().to_string());
    assert!(rig.adapter.is_connected(&account));
    rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap();
    assert_eq!(peer.link_count(), 1);
    rig.end().await;
}

#[tokio::test]
async fn codes_in_texts_stay_texts() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    rig.adapter
        .send(&target(&peer), &Reply::text("[CQ:at,qq=all] [CQ:image,file=/etc/passwd]"))
        .await
        .unwrap();
    let sent = peer.next_send().await;
    assert_eq!(sent.text, "[CQ:at,qq=all] [CQ:image,file=/etc/passwd]");
    assert!(sent.mentions.is_empty() && sent.pictures.is_empty());
    rig.end().await;
}

#[tokio::test]
async fn a_big_picture_does_not_hold_up_answers() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.fault("send_group_msg", Fault::Hold);
    let (target_of_picture, bytes) = (target(&peer), content(9_000_000));
    let reply = picture_reply(bytes.clone());
    let picture = rig.adapter.send(&target_of_picture, &reply);
    let role = async {
        peer.next_picture().await;
        let role = rig.adapter.chat_role(&group(peer.self_id()), &UserId::from(MEMBER.to_string())).await;
        assert_eq!(role, ChatRole::Member);
        assert_eq!(peer.release().await, 1);
    };
    let (sent, ()) = tokio::join!(picture, role);
    assert!(sent.is_ok());
    rig.end().await;
}

#[tokio::test]
async fn answers_that_go_astray_leave_the_outcome_open() {
    for fault in [Fault::WrongEcho, Fault::NoEcho, Fault::NoAnswer, Fault::Malformed] {
        let timing = Timing { send: Duration::from_millis(100), ..quick() };
        let rig = Rig::start_with(vec![reverse()], timing, None).await;
        let peer = FakeOneBot::new();
        peer.connect(&rig.url("/ws")).await.unwrap();
        rig.reachable(&peer).await;
        peer.fault("send_group_msg", fault.clone());
        let result = rig.adapter.send(&target(&peer), &picture_reply(content(1000))).await;
        assert!(matches!(result, Err(SendError::Unknown { .. })), "{fault:?}: {result:?}");
        assert_eq!(peer.sends().len(), 1, "{fault:?}: never again by itself");
        rig.end().await;
    }
}

#[tokio::test]
async fn answers_in_odd_forms_count() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    for fault in [Fault::AnswerTwice, Fault::BinaryFrame, Fault::Queued] {
        peer.fault("send_group_msg", fault.clone());
        let result = rig.adapter.send(&target(&peer), &Reply::text("好")).await;
        assert!(result.is_ok(), "{fault:?}: {result:?}");
    }
    rig.end().await;
}

#[tokio::test]
async fn a_lost_socket_is_told_apart() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.fault("send_group_msg", Fault::DropAfterRead);
    let result = rig.adapter.send(&target(&peer), &picture_reply(content(1000))).await;
    assert!(matches!(result, Err(SendError::Unknown { .. })), "{result:?}");
    peer.disconnected().await;
    let account = AccountId::from(peer.self_id().to_string());
    until("the loss to be noticed", || rig.adapter.link(&account).is_none()).await;
    assert_eq!(failure(rig.adapter.send(&target(&peer), &Reply::text("x")).await), SendFailure::Disconnected);

    peer.reconnect().await.unwrap();
    rig.reachable(&peer).await;
    peer.next_call("get_version_info").await;
    // Cut in the middle of a picture: the frame never was whole.
    peer.cut_after_bytes(300_000);
    let result = rig.adapter.send(&target(&peer), &picture_reply(content(30_000_000))).await;
    assert!(matches!(result, Err(SendError::Failed { .. })), "{result:?}");
    rig.end().await;
}

#[tokio::test]
async fn refusals_have_consequences() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let bytes = content(1000);
    let send = async || rig.adapter.send(&target(&peer), &picture_reply(bytes.clone())).await;

    peer.fault("send_group_msg", Fault::rich_media_failed());
    assert!(send().await.is_ok(), "one refused upload is tried again");

    peer.fault("send_group_msg", Fault::send_timeout(true));
    assert!(matches!(send().await, Err(SendError::Unknown { .. })));

    let before = peer.sends().len();
    peer.fault("send_group_msg", Fault::removed_from_group());
    assert!(rig.adapter.may_speak(&target(&peer).chat));
    assert_eq!(failure(send().await), SendFailure::Forbidden);
    assert_eq!(peer.sends().len(), before + 1, "nothing else was tried");
    assert!(!rig.adapter.may_speak(&target(&peer).chat), "the removal is remembered");

    peer.clear_faults();
    assert!(send().await.is_ok());
    assert!(rig.adapter.may_speak(&target(&peer).chat), "a send that works tells better");

    peer.fault_times("send_group_msg", 9, Fault::rich_media_failed());
    let before = peer.sends().len();
    assert_eq!(failure(send().await), SendFailure::Picture);
    assert!(peer.sends().len() - before <= 5, "at most five attempts");

    peer.clear_faults();
    let before = peer.sends().len();
    peer.fault("send_group_msg", Fault::muted());
    assert_eq!(failure(send().await), SendFailure::Forbidden);
    assert_eq!(failure(send().await), SendFailure::Forbidden);
    assert_eq!(peer.sends().len(), before + 1, "the mute is remembered");
    assert!(!rig.adapter.may_speak(&target(&peer).chat));
    assert_eq!(rig.adapter.muted_for(&target(&peer).chat), None, "nobody told its end");
    let mark = rig.adapter.react(&target(&peer), Reaction::Failed).await.unwrap_err();
    assert!(matches!(mark, SendError::Failed { failure: SendFailure::Forbidden, .. }), "{mark:?}");
    assert!(peer.reactions().is_empty(), "nobody there is told by a mark either");
    rig.end().await;
}

#[tokio::test]
async fn notices_tell_where_the_account_may_speak() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let chat = target(&peer).chat;
    let elsewhere = Chat { id: ChatId::new("700000002"), ..chat.clone() };
    let direct = Chat { kind: ChatKind::Direct, ..chat.clone() };
    let account = peer.self_id();
    let notice = |kind: &str, sub: &str, user: i64, seconds: i64| {
        json!({
            "post_type": "notice", "notice_type": kind, "sub_type": sub, "self_id": account, "group_id": GROUP,
            "user_id": user, "operator_id": MEMBER, "time": 1_789_000_000, "duration": seconds,
        })
    };
    for (kind, sub, user, seconds, speaks) in [
        ("group_decrease", "kick", MEMBER, 0, true),
        ("group_decrease", "kick_me", account, 0, false),
        ("group_increase", "approve", MEMBER, 0, false),
        ("group_increase", "invite", account, 0, true),
        ("group_decrease", "leave", account, 0, false),
    ] {
        peer.event_raw(&notice(kind, sub, user, seconds)).await;
        // What comes after it was read after it.
        peer.send(Event::private(MEMBER).text("/生图 猫")).await;
        rig.next().await;
        assert_eq!(rig.adapter.may_speak(&chat), speaks, "{kind} {sub} {user}");
        assert!(rig.adapter.may_speak(&elsewhere) && rig.adapter.may_speak(&direct));
    }
    peer.send(Event::group(GROUP, MEMBER).text("/生图 猫")).await;
    rig.next().await;
    assert!(rig.adapter.may_speak(&chat), "who hears the group is in it");
    let adapter = Arc::clone(&rig.adapter);
    let minutes = |chat: &Chat| adapter.muted_for(chat).map(|rest| rest.as_secs().div_ceil(60));
    for (sub, seconds, speaks, end) in
        [("ban", 600, false, Some(10)), ("ban", -1, false, None), ("lift_ban", 0, true, None)]
    {
        peer.event_raw(&notice("group_ban", sub, account, seconds)).await;
        peer.send(Event::private(MEMBER).text("/生图 猫")).await;
        rig.next().await;
        assert_eq!((rig.adapter.may_speak(&chat), minutes(&chat)), (speaks, end), "{sub} {seconds}");
        assert_eq!((minutes(&elsewhere), minutes(&direct)), (None, None));
    }
    // Whoever is removed as well is not back when the mute is over.
    for (kind, sub, seconds) in [("group_ban", "ban", 600), ("group_decrease", "kick_me", 0)] {
        peer.event_raw(&notice(kind, sub, account, seconds)).await;
    }
    peer.send(Event::private(MEMBER).text("/生图 猫")).await;
    rig.next().await;
    assert_eq!((rig.adapter.may_speak(&chat), minutes(&chat)), (false, None));
    rig.end().await;
}

#[tokio::test]
async fn large_pictures_are_streamed_to_napcat() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::builder().other_machine().build()).await;
    let bytes = content(10_500_001);
    let sent = rig.adapter.send(&target(&peer), &picture_reply(bytes.clone())).await.unwrap();
    assert_eq!(sent.way, "stream");
    assert_eq!(peer.next_picture().await.picture(), bytes);
    rig.end().await;
}

#[tokio::test]
async fn large_pictures_must_shrink_where_no_way_takes_them() {
    let peer = FakeOneBot::builder().dialect(Dialect::LLBot).build();
    let (rig, peer) = Rig::with_peer(reverse(), peer).await;
    let result = rig.adapter.send(&target(&peer), &picture_reply(content(10_500_001))).await;
    assert_eq!(failure(result), SendFailure::Picture);
    assert!(peer.sends().is_empty());
    rig.end().await;
}

/// A connection whose files go through the receiver.
fn through(receiver: &FakeNapfile) -> OneBotSection {
    OneBotSection {
        image_delivery: ImageDelivery::Napfile,
        nap_server_address: "127.0.0.1".into(),
        nap_server_port: receiver.address().port(),
        ..reverse()
    }
}

#[tokio::test]
async fn the_receiver_is_used_and_rested_after_a_failure() {
    let receiver = FakeNapfile::start().await;
    let section = through(&receiver);
    let peer = FakeOneBot::builder().other_machine().build();
    let (rig, peer) = Rig::with_peer(section, peer).await;
    let bytes = content(300_000);
    let reply = picture_reply(bytes.clone());
    let first = rig.adapter.send(&target(&peer), &reply).await;
    // The peer cannot see the receiver's path yet, refuses, and gets the bytes themselves.
    assert_eq!(first.unwrap().way, "base64");
    let file = receiver.next_file().await;
    assert_eq!(file.bytes, bytes);

    receiver.behave(Behaviour::Silent);
    peer.add_file(&file.path, bytes.clone());
    rig.adapter.link(&target(&peer).chat.account).unwrap().section.napfile.trip();
    let sent = rig.adapter.send(&target(&peer), &picture_reply(bytes)).await.unwrap();
    assert_eq!(sent.way, "base64", "a receiver that failed is left alone for a minute");
    assert_eq!(receiver.received().len(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_receiver_that_fails_leaves_those_of_other_sections_in_use() {
    let (broken, good) = (FakeNapfile::start().await, FakeNapfile::start().await);
    broken.behave(Behaviour::CutsAnswer);
    let rig = Rig::start_with(vec![through(&broken), through(&good)], quick(), None).await;
    for (index, way) in [(0, "base64"), (0, "base64"), (1, "napfile")] {
        let bytes = content(5_000);
        let peer = FakeOneBot::builder().self_id(3_001_000_001 + index).build();
        peer.add_file("/napfile/easel-1-0.mp4", bytes.clone());
        let section = usize::try_from(index).unwrap();
        peer.connect(&format!("ws://{}/ws", rig.adapter.addresses()[section])).await.unwrap();
        rig.reachable(&peer).await;
        let sent = rig.adapter.send(&target(&peer), &clip_reply(bytes, None)).await.unwrap();
        assert_eq!(sent.way, way, "section {index}");
    }
    assert_eq!((broken.received().len(), good.received().len()), (1, 1), "the broken one is asked once");
    rig.end().await;
}

#[tokio::test]
async fn paths_are_used_only_while_they_can_be_read() {
    let section = OneBotSection { image_delivery: ImageDelivery::File, ..reverse() };
    let (rig, near) = Rig::with_peer(section.clone(), FakeOneBot::new()).await;
    let bytes = content(50_000);
    let sent = rig.adapter.send(&target(&near), &picture_reply(bytes.clone())).await.unwrap();
    assert_eq!(sent.way, "file");
    let seen = near.next_picture().await;
    assert_eq!(seen.picture(), bytes);
    let Origin::File(path) = &seen.pictures[0].origin else { panic!("{seen:?}") };
    assert!(!std::path::Path::new(path).exists(), "the file is removed after the send");
    // What lies in a folder of easel's own is readable for the implementation in the outbox, and stays as it is itself.
    let own = rig.folder.path().join("own.png");
    let outbox = rig.folder.path().join("outbox");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::write(&own, &bytes).unwrap();
    for kept in [0o600, 0o644] {
        std::fs::set_permissions(&own, Permissions::from_mode(kept)).unwrap();
        let mut reply = picture_reply(bytes.clone());
        let Part::Picture(picture) = &mut reply.parts[1] else { panic!("{reply:?}") };
        picture.picture.body = Body::from_file(&own).unwrap();
        let cargo = send::Cargo::of(&reply.parts[1]).unwrap();
        let (_, placed) = rig.adapter.place(cargo).await.unwrap();
        let readable = std::fs::read_dir(&outbox).unwrap().map(|entry| mode(&entry.unwrap().path()));
        assert_eq!((readable.collect::<Vec<_>>(), mode(&own)), (vec![0o644], kept));
        drop(placed);
        assert_eq!(rig.adapter.send(&target(&near), &reply).await.unwrap().way, "file");
        let seen = near.next_picture().await;
        assert_eq!(seen.picture(), bytes);
        let Origin::File(path) = &seen.pictures[0].origin else { panic!("{seen:?}") };
        assert!(std::path::Path::new(path).starts_with(&outbox), "{path:?}");
        assert_eq!((mode(&outbox), mode(&own)), (0o755, kept));
    }
    rig.end().await;

    let (rig, far) = Rig::with_peer(section, FakeOneBot::builder().other_machine().build()).await;
    for attempts in [2, 3] {
        let sent = rig.adapter.send(&target(&far), &picture_reply(bytes.clone())).await.unwrap();
        assert_eq!(sent.way, "base64");
        assert_eq!(far.sends().len(), attempts, "the connection remembers");
    }
    rig.end().await;
}

/// Publishes what it is given for the fake to fetch, or refuses.
struct Web {
    files: easel_testkit::files::FileServer,
    full: bool,
    log: Arc<Mutex<Vec<String>>>,
}

struct Ended(Arc<Mutex<Vec<String>>>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("gone".to_owned());
    }
}

#[async_trait]
impl PublishMedia for Web {
    async fn publish(&self, body: &Body, extension: &str) -> Result<Published, StoreError> {
        self.log.lock().unwrap().push(extension.to_owned());
        if self.full {
            return Err(StoreError::Closed);
        }
        let url = self.files.put(&format!("/once/abc.{extension}"), body.read().unwrap());
        Ok(Published { url, keep: Box::new(Ended(Arc::clone(&self.log))) })
    }
}

#[tokio::test]
async fn links_are_used_when_somebody_publishes_them() {
    let bytes = content(5_000);
    let pictures = || picture_reply(bytes.clone());
    for (reply, full, way, log) in [
        (pictures(), false, "url", &["png", "gone"][..]),
        (clip_reply(bytes.clone(), None), false, "url", &["mp4", "gone"]),
        (pictures(), true, "base64", &["png"]),
    ] {
        let web = Web { files: easel_testkit::files::FileServer::start().await, full, log: Arc::default() };
        let seen = Arc::clone(&web.log);
        let section = OneBotSection { image_delivery: ImageDelivery::Url, ..reverse() };
        let rig = Rig::start_with(vec![section], quick(), Some(Arc::new(web))).await;
        let peer = FakeOneBot::new();
        peer.connect(&rig.url("/ws")).await.unwrap();
        rig.reachable(&peer).await;
        assert_eq!(rig.adapter.send(&target(&peer), &reply).await.unwrap().way, way);
        let sent = peer.next_send().await;
        let file = sent.pictures.first().or(sent.files.first()).unwrap();
        assert_eq!(file.bytes.as_ref(), Some(&bytes));
        assert_eq!(*seen.lock().unwrap(), log, "no longer than it is needed");
        rig.end().await;
    }
}

#[tokio::test]
async fn files_are_uploaded_as_files() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let bytes = content(5_000);
    let OutgoingPicture { picture, name } = picture(bytes.clone());
    let file = OutgoingFile { media: Media::Picture(picture), name: name.clone() };
    let reply = Reply { parts: vec![Part::File(file)] };
    rig.adapter.send(&target(&peer), &reply).await.unwrap();
    let sent = peer.next_send().await;
    assert_eq!((sent.action.as_str(), sent.file_name), ("upload_group_file", Some(name)));
    assert_eq!(sent.files[0].bytes, Some(bytes));
    rig.end().await;
}

fn clip_reply(bytes: Bytes, link: Option<&str>) -> Reply {
    let clip = Clip { format: ClipFormat::Mp4, body: Body::from_bytes(bytes), link: None };
    let outgoing = OutgoingClip { clip, name: "easel-1-0.mp4".into(), link: link.map(str::to_owned) };
    Reply { parts: vec![Part::Clip(outgoing)] }
}

#[tokio::test]
async fn clips_stand_alone_and_arrive_by_every_way() {
    for (dialect, length, way) in [
        (Dialect::NapCat, 5_000, "base64"),
        (Dialect::NapCat, 12_000_000, "stream"),
        (Dialect::LLBot, 12_000_000, "base64"),
    ] {
        let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::builder().dialect(dialect).build()).await;
        let bytes = content(length);
        let sent = rig.adapter.send(&target(&peer), &clip_reply(bytes.clone(), None)).await.unwrap();
        let seen = peer.next_send().await;
        assert_eq!((sent.way, seen.quote.as_deref(), seen.segments.len()), (way, None, 1), "{dialect:?}");
        let [file] = &seen.files[..] else { panic!("{seen:?}") };
        assert_eq!((file.kind.as_str(), file.bytes.as_ref()), ("video", Some(&bytes)), "{dialect:?}");
        rig.end().await;
    }
}

#[tokio::test]
async fn a_clip_goes_from_its_file_to_the_receiver() {
    let receiver = FakeNapfile::start().await;
    let section = through(&receiver);
    let peer = FakeOneBot::builder().other_machine().build();
    let bytes = content(3_000_001);
    peer.add_file("/napfile/easel-1-0.mp4", bytes.clone());
    let (rig, peer) = Rig::with_peer(section, peer).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let mut reply = clip_reply(Bytes::new(), None);
    let [Part::Clip(clip)] = &mut reply.parts[..] else { panic!("a clip") };
    clip.clip.body = Body::from_file(file.path()).unwrap();
    let sent = rig.adapter.send(&target(&peer), &reply).await.unwrap();
    assert_eq!((sent.way, receiver.next_file().await.bytes), ("napfile", bytes.clone()));
    assert_eq!(peer.next_send().await.files[0].bytes, Some(bytes));
    rig.end().await;
}

#[tokio::test]
async fn clips_that_are_too_large_or_refused_are_certainly_not_there() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::builder().dialect(Dialect::LLBot).build()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(100_000_000).unwrap();
    let body = Body::from_file(file.path()).unwrap();
    let clip = Clip { format: ClipFormat::Mp4, body: body.clone(), link: None };
    let shown = OutgoingClip { clip: clip.clone(), name: "easel-1-0.mp4".into(), link: None };
    let reply = Reply { parts: vec![Part::Clip(shown)] };
    assert_eq!(failure(rig.adapter.send(&target(&peer), &reply).await), SendFailure::Picture);
    // As a file there is no way for so many bytes here, either: no frame may hold them.
    let as_file = OutgoingFile { media: Media::Clip(clip), name: "easel-1-0.mp4".into() };
    let reply = Reply { parts: vec![Part::File(as_file)] };
    assert_eq!(failure(rig.adapter.send(&target(&peer), &reply).await), SendFailure::Picture);
    assert!(peer.sends().is_empty());
    let timeout = Fault::Fail { retcode: 1200, text: "Timeout: NTEvent".to_owned(), delivered: true };
    peer.fault("send_group_msg", timeout);
    let result = rig.adapter.send(&target(&peer), &clip_reply(content(1000), None)).await;
    assert!(matches!(result, Err(SendError::Unknown { .. })), "{result:?}");
    assert_eq!(peer.sends().len(), 1, "never again by itself");
    rig.end().await;
}

#[tokio::test]
async fn clips_are_fetched_from_the_services_link_and_sent_as_files() {
    let files = easel_testkit::files::FileServer::start().await;
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let bytes = content(5_000);
    let link = files.put("/v/abc.mp4", bytes.clone());
    let reply = clip_reply(Bytes::from_static(b"not these"), Some(&link));
    let sent = rig.adapter.send(&target(&peer), &reply).await.unwrap();
    let seen = peer.next_send().await;
    assert_eq!((sent.way, seen.files[0].bytes.as_ref()), ("url", Some(&bytes)));
    assert_eq!(seen.files[0].origin, Origin::Url(link));
    let gone = clip_reply(bytes.clone(), Some("http://127.0.0.1:9/v.mp4"));
    failure(rig.adapter.send(&target(&peer), &gone).await);

    let clip = Clip { format: ClipFormat::Mp4, body: Body::from_bytes(bytes.clone()), link: None };
    let file = OutgoingFile { media: Media::Clip(clip), name: "easel-1-0.mp4".into() };
    rig.adapter.send(&target(&peer), &Reply { parts: vec![Part::File(file)] }).await.unwrap();
    let sends = peer.sends();
    let sent = sends.last().unwrap();
    assert_eq!(
        (sent.action.as_str(), sent.file_name.as_deref()),
        ("upload_group_file", Some("easel-1-0.mp4"))
    );
    assert_eq!(sent.files[0].bytes, Some(bytes));
    rig.end().await;
}

#[tokio::test]
async fn a_logged_out_account_fails_fast() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    peer.set_online(false);
    peer.heartbeat().await;
    let account = AccountId::from(peer.self_id().to_string());
    let hub = &rig.adapter.hub;
    until("the news", || hub.account(&account).is_some_and(|account| !account.is_online())).await;
    assert_eq!(failure(rig.adapter.send(&target(&peer), &Reply::text("x")).await), SendFailure::Disconnected);
    peer.set_online(true);
    tokio::join!(rig.adapter.connected(&account), peer.heartbeat());
    assert!(rig.adapter.send(&target(&peer), &Reply::text("x")).await.is_ok());
    rig.end().await;
}

#[tokio::test]
async fn an_implementation_that_is_back_is_asked_whether_its_account_is() {
    let (rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let account = AccountId::from(peer.self_id().to_string());
    let known = rig.adapter.hub.account(&account).unwrap();
    peer.set_online(false);
    peer.heartbeat().await;
    until("the news", || !known.is_online()).await;
    for logged_in in [false, true] {
        peer.drop_links().await;
        until("the end of the link", || known.link().is_none()).await;
        peer.set_online(logged_in);
        peer.connect(&rig.url("/ws")).await.unwrap();
        peer.next_call("get_status").await;
        until("the link", || known.link().is_some()).await;
        if logged_in {
            rig.adapter.connected(&account).await;
        } else {
            // Answered in order: when this answer is there, so is that of `get_status`.
            known.link().unwrap().identify().await;
            assert_eq!(
                failure(rig.adapter.send(&target(&peer), &Reply::text("x")).await),
                SendFailure::Disconnected
            );
        }
    }
    // One that can't tell is believed.
    known.set_online(&known.link().unwrap(), false);
    peer.drop_links().await;
    until("the end of the link", || known.link().is_none()).await;
    peer.fault(
        "get_status",
        Fault::Fail { retcode: 1404, text: "no such action".to_owned(), delivered: false },
    );
    peer.connect(&rig.url("/ws")).await.unwrap();
    rig.adapter.connected(&account).await;
    assert!(rig.adapter.send(&target(&peer), &Reply::text("x")).await.is_ok());
    rig.end().await;
}

#[tokio::test]
async fn reactions_speak_the_dialect() {
    for dialect in [Dialect::NapCat, Dialect::LLBot, Dialect::Lagrange] {
        let peer = FakeOneBot::builder().dialect(dialect).build();
        let (rig, peer) = Rig::with_peer(reverse(), peer).await;
        let id = peer.send(easel_testkit::onebot::Message::group(GROUP, MEMBER).text("早")).await;
        let target = Target { quote: Some(MessageId::from(id.to_string())), ..target(&peer) };
        assert!(rig.adapter.capabilities(&target.chat.account).group_reactions);
        rig.adapter.react(&target, Reaction::Working).await.unwrap();
        rig.adapter.react(&target, Reaction::Done).await.unwrap();
        let marks: Vec<_> =
            peer.reactions().into_iter().filter(|mark| mark.set).map(|mark| mark.emoji_id).collect();
        assert_eq!(marks, ["125", "79"], "{dialect:?}");
        let mut direct = target.clone();
        direct.chat.kind = ChatKind::Direct;
        assert!(rig.adapter.react(&direct, Reaction::Done).await.is_err());
        rig.end().await;
    }
}

#[tokio::test]
async fn without_reactions_the_capability_goes_away() {
    let peer = FakeOneBot::builder().dialect(Dialect::GoCqhttp).build();
    let (rig, peer) = Rig::with_peer(reverse(), peer).await;
    assert!(rig.adapter.react(&target(&peer), Reaction::Working).await.is_err());
    let calls = peer.calls().len();
    assert!(rig.adapter.react(&target(&peer), Reaction::Working).await.is_err());
    assert_eq!(peer.calls().len(), calls, "an absent action is not called again");
    assert!(!rig.adapter.capabilities(&target(&peer).chat.account).group_reactions);
    rig.end().await;
}

#[tokio::test]
async fn pictures_to_one_chat_are_paced() {
    let section = OneBotSection { min_send_interval_ms: 150, ..reverse() };
    let (rig, peer) = Rig::with_peer(section, FakeOneBot::new()).await;
    let bytes = content(100);
    for _ in 0..2 {
        rig.adapter.turn(&target(&peer).chat).await;
        rig.adapter.send(&target(&peer), &picture_reply(bytes.clone())).await.unwrap();
    }
    let (first, second) = (peer.next_picture().await, peer.next_picture().await);
    assert!(second.at - first.at >= Duration::from_millis(100));
    // Nobody waits for the turn of an account that is not there.
    let stranger = Chat { account: AccountId::new("1"), ..target(&peer).chat };
    for _ in 0..9 {
        assert!(futures_util::FutureExt::now_or_never(rig.adapter.turn(&stranger)).is_some());
    }
    rig.end().await;
}

#[tokio::test]
async fn a_late_success_is_remembered() {
    let timing = Timing { send: Duration::from_millis(50), ..quick() };
    let mut rig = Rig::start_with(vec![reverse()], timing, None).await;
    let peer = FakeOneBot::new();
    peer.connect(&rig.url("/ws")).await.unwrap();
    rig.reachable(&peer).await;
    peer.fault("send_group_msg", Fault::Hold);
    let result = rig.adapter.send(&target(&peer), &Reply::text("好")).await;
    assert!(matches!(result, Err(SendError::Unknown { .. })), "{result:?}");
    let own = peer.next_send().await.message_id.unwrap();
    peer.release().await;
    // A quote of it mentions the bot by itself, which is no request.
    let event =
        easel_testkit::onebot::Message::group(GROUP, MEMBER).reply(own).at(peer.self_id()).text(" 谢谢");
    peer.send(event).await;
    peer.send(easel_testkit::onebot::Message::group(GROUP, MEMBER).text("/生图 猫")).await;
    assert_eq!(rig.next().await.text, "/生图 猫");
    rig.end().await;
}
