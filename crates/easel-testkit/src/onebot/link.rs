//! One WebSocket between the fake and the application.

use super::peer::Peer;
use futures_util::{SinkExt, StreamExt};
use std::{
    io::{self, ErrorKind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{Notify, mpsc, watch},
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// Frames that may wait for a slow application before events wait with them.
const QUEUE_FRAMES: usize = 1024;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Events and calls.
    Universal,
    /// Calls only.
    Api,
    /// Events only.
    Event,
    /// Neither: a path that the dialect does not serve.
    Mute,
}

impl Role {
    /// Whether events are sent.
    pub fn has_events(self) -> bool {
        matches!(self, Self::Universal | Self::Event)
    }

    /// Whether calls are answered.
    pub fn has_calls(self) -> bool {
        matches!(self, Self::Universal | Self::Api)
    }

    /// The value of `X-Client-Role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Universal => "Universal",
            Self::Api => "Api",
            Self::Event => "Event",
            Self::Mute => "",
        }
    }
}

/// Something to put on the line.
#[derive(Debug, Clone)]
pub(super) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Close,
}

/// The handle of a link that is up.
#[derive(Debug, Clone)]
pub(super) struct Link {
    id: u64,
    pub(super) role: Role,
    pub(super) out: mpsc::Sender<Frame>,
    killed: Arc<Notify>,
    budget: Arc<AtomicUsize>,
}

impl Link {
    pub(super) fn kill(&self) {
        self.killed.notify_one();
    }

    pub(super) fn cut_after(&self, bytes: usize) {
        self.budget.store(bytes, Ordering::Relaxed);
    }
}

/// Keeps a link in the peer's list; dropping it takes the link out.
#[derive(Debug)]
pub(super) struct Registration {
    peer: Arc<Peer>,
    link: Link,
}

impl Registration {
    pub(super) fn new(peer: &Arc<Peer>, role: Role, socket: &Line) -> (Self, mpsc::Receiver<Frame>) {
        static LAST_ID: AtomicU64 = AtomicU64::new(0);
        let (out, queue) = mpsc::channel(QUEUE_FRAMES);
        if role.has_events() {
            let event = peer.lifecycle_event("connect").to_string();
            out.try_send(Frame::Text(event)).expect("room in a queue that was just made");
        }
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed);
        let link = Link { id, role, out, killed: Arc::default(), budget: Arc::clone(&socket.budget) };
        peer.links.send_modify(|links| links.push(link.clone()));
        (Self { peer: Arc::clone(peer), link }, queue)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.peer.links.send_modify(|links| links.retain(|link| link.id != self.link.id));
    }
}

/// Limits of the dialect on inbound frames; outbound ones have none.
pub(super) fn limits(max_frame_bytes: Option<usize>) -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(max_frame_bytes).max_frame_size(max_frame_bytes)
}

/// Carries frames both ways until either side ends the link.
pub(super) async fn run(
    registration: Registration,
    queue: mpsc::Receiver<Frame>,
    socket: WebSocketStream<Line>,
) {
    let peer = Arc::clone(&registration.peer);
    let link = registration.link.clone();
    let stream = Arc::clone(&socket.get_ref().stream);
    let (sink, source) = socket.split();
    let abrupt = tokio::select! {
        abrupt = read(&peer, &link, source) => abrupt,
        () = write(&peer, link.role, queue, sink) => false,
        () = link.killed.notified() => true,
    };
    if abrupt {
        // The close that follows then resets the connection. A socket that is gone already needs no reset.
        stream.set_zero_linger().ok();
    }
}

/// Answers calls; true if the link has to end with a reset.
async fn read(
    peer: &Peer,
    link: &Link,
    mut source: futures_util::stream::SplitStream<WebSocketStream<Line>>,
) -> bool {
    let mut frozen = peer.frozen.subscribe();
    loop {
        thawed(&mut frozen).await;
        let message = source.next().await;
        thawed(&mut frozen).await;
        let keep = match message {
            Some(Ok(Message::Text(text))) if link.role.has_calls() => {
                peer.handle_text(&text, &link.out).await
            }
            Some(Ok(Message::Binary(bytes))) if link.role.has_calls() => {
                peer.handle_text(&String::from_utf8_lossy(&bytes), &link.out).await
            }
            Some(Ok(_)) => true,
            // A frame above the limit, or a cut line: both end without a closing handshake.
            Some(Err(_)) => false,
            None => return false,
        };
        if !keep {
            return true;
        }
    }
}

async fn write(
    peer: &Peer,
    role: Role,
    mut queue: mpsc::Receiver<Frame>,
    mut sink: futures_util::stream::SplitSink<WebSocketStream<Line>, Message>,
) {
    let mut frozen = peer.frozen.subscribe();
    let mut heartbeat = peer.heartbeat.subscribe();
    let mut last = Instant::now();
    loop {
        let every = *heartbeat.borrow_and_update();
        let message = tokio::select! {
            frame = queue.recv() => match frame {
                Some(Frame::Text(text)) => Message::text(text),
                Some(Frame::Binary(bytes)) => Message::binary(bytes),
                Some(Frame::Close) => Message::Close(None),
                None => return,
            },
            () = due(every, last), if role.has_events() => {
                last = Instant::now();
                Message::text(peer.heartbeat_event().to_string())
            }
            Ok(()) = heartbeat.changed() => continue,
        };
        thawed(&mut frozen).await;
        if sink.send(message).await.is_err() {
            // The reader learns why.
            return std::future::pending().await;
        }
    }
}

async fn due(every: Option<Duration>, last: Instant) {
    match every {
        Some(every) => tokio::time::sleep_until(last + every).await,
        None => std::future::pending().await,
    }
}

async fn thawed(frozen: &mut watch::Receiver<bool>) {
    // The sender lives as long as the peer, so waiting can't fail.
    frozen.wait_for(|frozen| !frozen).await.ok();
}

/// A TCP stream that can be reset from outside and cut after a number of inbound bytes.
#[derive(Debug)]
pub(super) struct Line {
    stream: Arc<TcpStream>,
    /// Inbound bytes until the cut; the maximum means no cut.
    budget: Arc<AtomicUsize>,
}

impl Line {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Latency only; a fake works without it.
        stream.set_nodelay(true).ok();
        Self { stream: Arc::new(stream), budget: Arc::new(AtomicUsize::new(usize::MAX)) }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let budget = self.budget.load(Ordering::Relaxed);
            if budget == 0 {
                return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
            }
            ready!(self.stream.poll_read_ready(cx))?;
            let room = buffer.initialize_unfilled();
            let room = match room.split_at_mut_checked(budget) {
                Some((within, _)) => within,
                None => room,
            };
            match self.stream.try_read(room) {
                Ok(count) => {
                    buffer.advance(count);
                    if budget != usize::MAX {
                        self.budget.store(budget - count, Ordering::Relaxed);
                    }
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Dropping the stream closes it.
        Poll::Ready(Ok(()))
    }
}
