//! The whole adapter against a fake implementation on real sockets.

mod accounts;
mod delivery;
mod hostile;
mod links;
mod lookups;
mod standing;

use std::sync::Mutex;

use bytes::Bytes;
use easel_core::{
    ids::ChatId,
    media::{BytesBudget, Clip, ClipFormat, Media, Picture, PictureFormat},
    message::Message,
    ports::SystemClock,
    reply::{OutgoingClip, OutgoingFile, OutgoingPicture, Part},
};
use easel_http::NetworkSection;
use easel_testkit::onebot::FakeOneBot;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::*;
use crate::config::{ImageDelivery, Mode};

/// Longest wait for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

const GROUP: i64 = 700_000_001;
const MEMBER: i64 = 2_200_000_011;

/// What the inbox panics at.
const BOOM: &str = "boom";

struct TestInbox {
    sender: mpsc::UnboundedSender<Message>,
    asked: Mutex<u64>,
    recalled: Mutex<Vec<(Chat, MessageId)>>,
}

impl Inbox for TestInbox {
    fn starts_command(&self, text: &str) -> bool {
        assert!(text != BOOM, "a bug");
        *self.asked.lock().unwrap() += 1;
        text.starts_with("/生图")
    }

    fn deliver(&self, message: Message) {
        self.sender.send(message).ok();
    }

    fn recalled(&self, chat: &Chat, message: &MessageId) {
        self.recalled.lock().unwrap().push((chat.clone(), message.clone()));
    }
}

/// A running adapter.
struct Rig {
    adapter: Arc<OneBot>,
    inbox: Arc<TestInbox>,
    messages: mpsc::UnboundedReceiver<Message>,
    stop: CancellationToken,
    tasks: TaskTracker,
    folder: tempfile::TempDir,
}

fn quick() -> Timing {
    Timing {
        // A fake that takes apart a frame of many megabytes on a busy machine is late, and not dead.
        heartbeat: Duration::from_secs(5),
        heartbeat_floor: Duration::from_millis(10),
        introduction: Duration::from_millis(50),
        redial: (Duration::from_millis(10), Duration::from_millis(50)),
        redial_refused: (Duration::from_millis(30), Duration::from_millis(60)),
        second_upload: Duration::from_millis(1),
        ..Timing::default()
    }
}

impl Rig {
    async fn start(section: OneBotSection) -> Self {
        Self::start_with(vec![section], quick(), None).await
    }

    async fn start_with(
        sections: Vec<OneBotSection>,
        timing: Timing,
        publish: Option<Arc<dyn PublishMedia>>,
    ) -> Self {
        easel_http::crypto::install();
        let folder = tempfile::tempdir().unwrap();
        let network = NetworkSection { allow_hosts: vec!["127.0.0.1".into()], ..NetworkSection::default() };
        let deps = Deps {
            http: HttpClients::new(network),
            clock: Arc::new(SystemClock),
            spool: Spool::new(BytesBudget::new(256 << 20), &folder.path().join("spool")).unwrap(),
            outbox: folder.path().join("outbox"),
            publish,
        };
        let adapter = Arc::new(OneBot::with_timing(sections, deps, timing).unwrap());
        let (sender, messages) = mpsc::unbounded_channel();
        let inbox = Arc::new(TestInbox { sender, asked: Mutex::default(), recalled: Mutex::default() });
        let seen = Arc::clone(&inbox);
        let (ready, listens) = oneshot::channel();
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn({
            let (adapter, stop) = (Arc::clone(&adapter), stop.clone());
            async move { adapter.run(inbox, ready, stop).await.unwrap() }
        });
        listens.await.unwrap();
        Self { adapter, inbox: seen, messages, stop, tasks, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.adapter.addresses()[0])
    }

    /// Reverse mode with a connected implementation whose account can be reached.
    async fn with_peer(section: OneBotSection, peer: FakeOneBot) -> (Self, FakeOneBot) {
        let rig = Self::start(section).await;
        peer.connect(&rig.url("/ws")).await.unwrap();
        rig.reachable(&peer).await;
        let account = AccountId::from(peer.self_id().to_string());
        let known = || rig.adapter.link(&account).is_some_and(|link| link.dialect() != Dialect::Other);
        until("the dialect", known).await;
        (rig, peer)
    }

    /// Waits until calls can be made for the peer's account.
    async fn reachable(&self, peer: &FakeOneBot) {
        let account = AccountId::from(peer.self_id().to_string());
        until("a link to the account", || self.adapter.link(&account).is_some()).await;
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.messages.recv()).await.expect("a message in time").unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.expect("the adapter stops");
    }
}

/// Waits for a state that nothing announces.
async fn until(what: &str, reached: impl Fn() -> bool) {
    let wait = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "waited in vain for {what}");
}

fn reverse() -> OneBotSection {
    OneBotSection { listen: "127.0.0.1:0".into(), min_send_interval_ms: 0, ..OneBotSection::default() }
}

fn group(account: i64) -> Chat {
    Chat {
        platform: Platform::new("onebot"),
        account: AccountId::from(account.to_string()),
        kind: ChatKind::Group,
        id: ChatId::from(GROUP.to_string()),
        parent: None,
    }
}

fn target(peer: &FakeOneBot) -> Target {
    Target { chat: group(peer.self_id()), quote: Some(MessageId::new("1654096211")) }
}

/// Bytes of any length; nothing here looks into pictures.
fn content(length: usize) -> Bytes {
    (0..=250_u8)
        .cycle()
        .zip((0..=255_u8).cycle())
        .map(|(a, b)| a ^ b)
        .take(length)
        .collect::<Vec<u8>>()
        .into()
}

fn picture(bytes: Bytes) -> OutgoingPicture {
    OutgoingPicture {
        picture: Picture { format: PictureFormat::Png, width: 8, height: 8, body: Body::from_bytes(bytes) },
        name: format!("easel-{:016x}.png", rand::random::<u64>()),
    }
}

fn picture_reply(bytes: Bytes) -> Reply {
    Reply { parts: vec![Part::Text("好了".into()), Part::Picture(picture(bytes))] }
}
