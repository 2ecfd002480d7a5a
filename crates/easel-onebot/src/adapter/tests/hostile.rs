//! Peers and strangers that do what nobody should: nothing of it may outlive its connection or cost without a bound.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use easel_testkit::onebot::Message as Event;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::*;
use crate::{
    inbound::{Answer, wire},
    transport::{
        Frames,
        connection::Connection,
        io::Io,
        session::{self, End, Roles},
    },
};

fn command() -> Event {
    Event::group(GROUP, MEMBER).text("/生图 猫")
}

#[tokio::test]
async fn a_panic_ends_one_connection_and_leaves_no_dead_way() {
    let (mut rig, peer) = Rig::with_peer(reverse(), FakeOneBot::new()).await;
    let account = AccountId::from(peer.self_id().to_string());
    peer.send(Event::group(GROUP, MEMBER).text(BOOM)).await;
    until("the dead way to be forgotten", || !rig.adapter.is_connected(&account)).await;
    peer.disconnected().await;
    peer.reconnect().await.unwrap();
    rig.reachable(&peer).await;
    peer.send(command()).await;
    rig.next().await;
    rig.adapter.send(&target(&peer), &Reply::text("好")).await.unwrap();
    rig.end().await;
}

#[tokio::test]
async fn a_panic_on_a_dialled_connection_is_followed_by_another_dial() {
    let peer = FakeOneBot::new();
    let section = OneBotSection { mode: Mode::Forward, url: peer.listen().await, ..reverse() };
    let mut rig = Rig::start(section).await;
    peer.connected().await;
    rig.reachable(&peer).await;
    peer.send(Event::group(GROUP, MEMBER).text(BOOM)).await;
    peer.disconnected().await;
    peer.connected().await;
    rig.reachable(&peer).await;
    peer.send(command()).await;
    rig.next().await;
    rig.end().await;
}

/// A peer that never pauses: so many frames, all there at once, and then the end.
struct Flood {
    frame: Vec<u8>,
    at: usize,
    left: u32,
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        while self.left > 0 && buf.remaining() > 0 {
            let take = buf.remaining().min(self.frame.len() - self.at);
            buf.put_slice(&self.frame[self.at..self.at + take]);
            self.at += take;
            if self.at == self.frame.len() {
                (self.at, self.left) = (0, self.left - 1);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Stops the adapter when it hears the first message.
struct Stopping(CancellationToken, AtomicU64);

impl Inbox for Stopping {
    fn starts_command(&self, _: &str) -> bool {
        self.0.cancel();
        self.1.fetch_add(1, Ordering::Relaxed);
        false
    }
    fn deliver(&self, _: Message) {}
    fn recalled(&self, _: &Chat, _: &MessageId) {}
}

#[tokio::test]
async fn a_flood_does_not_keep_a_session_from_stopping() {
    const FRAMES: u32 = 20_000;
    easel_http::crypto::install();
    let text = FakeOneBot::new().event(&Event::group(GROUP, MEMBER).text("早")).to_string();
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(text.as_bytes());
    let io = Io::split(tokio::io::join(Flood { frame, at: 0, left: FRAMES }, tokio::io::sink()));
    let section = Arc::new(Section::new(reverse(), None, 0));
    let socket = WebSocketStream::from_raw_socket(io, Role::Client, Some(session::limits(&section))).await;
    let http = HttpClients::new(NetworkSection::default()).plain();
    let hub = Arc::new(Hub::new(Arc::new(SystemClock), quick(), http));
    let stop = CancellationToken::new();
    let inbox = Arc::new(Stopping(stop.clone(), AtomicU64::new(0)));
    hub.set_inbox(Arc::<Stopping>::clone(&inbox));
    let roles = Roles { calls: false, client: true };
    let end = session::run(hub, section, socket, Some("77".into()), roles, stop).await;
    assert_eq!(end, End::Stopped, "it heard of the stop after the flood");
    assert!(inbox.1.load(Ordering::Relaxed) < u64::from(FRAMES));
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_has_a_bound_in_all() {
    let (calls, _queued) = mpsc::channel(1);
    let (control, _control) = mpsc::channel(1);
    let connection = Connection::new(calls, control, Arc::default(), CancellationToken::new());
    let connection = Arc::new(connection);
    let section = Arc::new(Section::new(reverse(), None, 0));
    let link = Link::socket(Arc::clone(&connection), section, &Timing::default());
    let call = link.call_frames(outbound::stream_image("a", 1), 1 << 20, Frames::new(|_| true));
    let trickle = async {
        for _ in 0..1000 {
            tokio::time::sleep(Duration::from_secs(29)).await;
            let frame = json!({"status": "ok", "retcode": 0, "data": {"type": "stream"}, "echo": "easel-1"});
            let frame = frame.to_string();
            let frame: wire::Frame<'_> = serde_json::from_str(&frame).unwrap();
            connection.answer(&Answer::read(&frame));
        }
    };
    tokio::select! {
        ended = call => assert!(matches!(ended, Err(CallFailure::Call(CallError::Unknown(_)))), "{ended:?}"),
        () = trickle => panic!("it took frames for hours"),
    }
}

fn over_http(url: String) -> OneBotSection {
    OneBotSection { mode: Mode::Http, url, ..reverse() }
}

/// Waits until the other side closes.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the connection stays open");
}

#[tokio::test]
async fn strangers_on_the_http_port_are_bounded_in_number_and_time() {
    const MOST: usize = 4;
    let peer = FakeOneBot::new();
    let timing = Timing { sockets: MOST, ..quick() };
    let mut rig = Rig::start_with(vec![over_http(peer.serve_http().await)], timing, None).await;
    let address = rig.adapter.addresses()[0];
    let mut strangers = Vec::new();
    for _ in 0..MOST {
        strangers.push(TcpStream::connect(address).await.unwrap());
    }
    closed(&mut TcpStream::connect(address).await.unwrap()).await;
    drop(strangers);
    let url = format!("http://{address}/");
    let event = peer.event(&command());
    // When the others' ends have been seen, there is room.
    let posted = async {
        while peer.post_event(&url, &event).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, posted).await.expect("room again");
    rig.next().await;
    rig.end().await;

    let timing = Timing { head: Duration::from_millis(20), ..quick() };
    let rig = Rig::start_with(vec![over_http(peer.serve_http().await)], timing, None).await;
    for begun in ["", "POST / HTTP/1.1\r\nhost: a\r\n"] {
        let mut slow = TcpStream::connect(rig.adapter.addresses()[0]).await.unwrap();
        slow.write_all(begun.as_bytes()).await.unwrap();
        closed(&mut slow).await;
    }
    rig.end().await;
}

#[tokio::test]
async fn an_account_that_only_an_event_names_is_nobodys() {
    let peer = FakeOneBot::new();
    let mut rig = Rig::start(over_http(peer.serve_http().await)).await;
    rig.reachable(&peer).await;
    let url = format!("http://{}/", rig.adapter.addresses()[0]);
    // Whoever may post can name anybody, the member himself first.
    let accounts: Vec<i64> = std::iter::once(MEMBER).chain(9_000..9_200).collect();
    for account in &accounts {
        let other = FakeOneBot::builder().self_id(*account).build();
        other.post_event(&url, &other.event(&Event::group(GROUP, 5).image_url("https://x/a"))).await.unwrap();
    }
    let id = |account: &i64| AccountId::from(account.to_string());
    let known = accounts.iter().filter(|account| rig.adapter.hub.account(&id(account)).is_some()).count();
    assert!(known <= 4, "{known} accounts are remembered");
    peer.post_event(&url, &peer.event(&command())).await.unwrap();
    assert_eq!(rig.next().await.sender.id.as_str(), MEMBER.to_string(), "he may still give commands");
    rig.end().await;
}

#[test]
fn accounts_without_a_connection_are_forgotten_when_there_are_many() {
    easel_http::crypto::install();
    let http = HttpClients::new(NetworkSection::default()).plain();
    let hub = Hub::new(Arc::new(SystemClock), quick(), http);
    let section = Arc::new(Section::new(reverse(), None, 0));
    let (calls, _queued) = mpsc::channel(1);
    let (control, _control) = mpsc::channel(1);
    let connection = Arc::new(Connection::new(calls, control, Arc::default(), CancellationToken::new()));
    hub.account_or_new("linked").set_link(Arc::new(Link::socket(connection, section, &Timing::default())));
    let held = hub.account_or_new("held");
    hub.account_or_new("own").set_own();
    let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    for name in &names {
        hub.account_or_new(name);
    }
    let knows = |name: &str| hub.account(&AccountId::new(name)).is_some();
    assert!(names.iter().filter(|name| knows(name)).count() < 64);
    assert!(knows("linked") && knows("own") && knows(held.id.as_str()));
}
