//! Reads one WebSocket: sorts its frames, pairs answers, watches whether the peer is alive.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use easel_core::ports::Inbox;
use futures_util::StreamExt as _;
use tokio::{
    io::AsyncReadExt as _,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message as WsMessage, protocol::WebSocketConfig},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{debug, info, warn};

use super::{
    Timing,
    connection::{Connection, Delivered, QUEUE},
    io::Io,
    writer::{Control, WriterTask},
};
use crate::{
    hub::{Account, Hub, Link, Section},
    inbound::{self, Identity, Inbound, Triage},
};

/// Missed heartbeats after which a peer counts as dead.
const MISSES: u32 = 3;
/// Bytes read from the socket at a time: some twenty chatter frames.
const READ_BUFFER: usize = 16 * 1024;

/// What one socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    /// Calls may be made on it.
    pub(crate) calls: bool,
    /// Whether we dialled it, so that our frames are masked.
    pub(crate) client: bool,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// We were told to stop.
    Stopped,
    /// The peer closed it, or it broke.
    Closed,
    /// The peer refused our token.
    TokenRefused,
    /// The peer said nothing for too long.
    Silent,
    /// The peer sent more than is taken.
    TooLarge,
}

/// The limits of the WebSocket library.
pub(crate) fn limits(section: &Section) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(section.config.max_frame_bytes))
        .max_frame_size(Some(section.config.max_frame_bytes))
}

/// Serves one socket until it ends.
pub(crate) async fn run(
    hub: Arc<Hub>,
    section: Arc<Section>,
    mut socket: WebSocketStream<Io>,
    account: Option<String>,
    roles: Roles,
    stop: CancellationToken,
) -> End {
    let Some(inbox) = hub.inbox() else { return End::Stopped };
    let (calls_in, calls) = mpsc::channel(QUEUE);
    let (control_in, control) = mpsc::channel(16);
    let Some(writer) = socket.get_mut().take_writer(control_in.clone()) else { return End::Closed };
    let waiting = Arc::new(AtomicU64::new(0));
    let gone = CancellationToken::new();
    let connection = Arc::new(Connection::new(calls_in, control_in, Arc::clone(&waiting), gone.clone()));
    let task = WriterTask {
        socket: writer,
        calls,
        control,
        client: roles.client,
        waiting,
        stalled: hub.timing.stalled_write,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this function awaits it, and ends it when the session ends"
    )]
    let output = tokio::spawn({
        // However it ends, cut off by a panic of ours as well: whoever waits for an answer is told, and not before it is
        // known what was handed over.
        let gone = gone.drop_guard();
        async move {
            let result = task.run().await;
            drop(gone);
            if let Err(error) = result {
                debug!(%error, "the OneBot socket cannot be written any more");
            }
        }
    });
    let mut output = AbortOnDropHandle::new(output);

    let mut session = Session {
        link: Arc::new(Link::socket(Arc::clone(&connection), Arc::clone(&section), &hub.timing)),
        hub,
        inbox,
        section,
        connection,
        roles,
        bound: None,
        interval: None,
        malformed: 0,
        malformed_since: None,
        frames: 0,
        answered: true,
        tasks: JoinSet::new(),
    };
    if let Some(id) = account {
        session.bind(&id);
    }
    let end = session.read(&mut socket, &stop).await;
    session.unbind();
    session.connection.control(match end {
        End::TooLarge => Control::Close(1009, "message too big"),
        End::Silent => Control::Close(1001, "no heartbeat"),
        End::TokenRefused | End::Closed => Control::Close(1000, ""),
        End::Stopped => Control::Close(1001, "going away"),
    });
    if end == End::TooLarge {
        // Unread bytes in our buffer would turn the close into a reset before the peer can read why.
        let mut rest = vec![0; READ_BUFFER];
        let stream = socket.get_mut();
        let drain = async { while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {} };
        drop(timeout(Duration::from_secs(2), drain).await);
    }
    session.tasks.abort_all();
    // The writer ends by itself after the close frame; a stuck one is cut off.
    if timeout(Duration::from_secs(1), &mut output).await.is_err() {
        output.abort();
        // It may be writing this very moment. What it had handed over must be known before the callers are told.
        drop((&mut output).await);
    }
    end
}

struct Session {
    hub: Arc<Hub>,
    inbox: Arc<dyn Inbox>,
    section: Arc<Section>,
    connection: Arc<Connection>,
    link: Arc<Link>,
    roles: Roles,
    /// Whose socket it is, once that is known.
    bound: Option<(Arc<Account>, Identity)>,
    /// The peer's own heartbeat, once it told.
    interval: Option<Duration>,
    malformed: u64,
    malformed_since: Option<Instant>,
    /// Counts frames, round and round.
    frames: u8,
    /// Whether anything came since the last look.
    answered: bool,
    /// Questions that nobody waits for here; they end with the session.
    tasks: JoinSet<()>,
}

impl Session {
    async fn read(&mut self, socket: &mut WebSocketStream<Io>, stop: &CancellationToken) -> End {
        let mut misses = 0;
        let mut watch = std::pin::pin!(tokio::time::sleep(self.beat()));
        let introduction = tokio::time::sleep(self.hub.timing.introduction);
        tokio::pin!(introduction);
        let mut introduced = self.bound.is_some();
        let gone = self.connection.gone().clone();
        // Pinned once: a frame must not pay for registering them anew.
        let mut stopped = std::pin::pin!(stop.cancelled());
        let mut lost = std::pin::pin!(gone.cancelled());
        loop {
            tokio::select! {
                biased;
                frame = socket.next() => {
                    self.answered = true;
                    let before = self.interval;
                    let end = match frame {
                        Some(Ok(WsMessage::Text(text))) => self.take(text.as_str()),
                        Some(Ok(WsMessage::Binary(bytes))) => if let Ok(text) = std::str::from_utf8(&bytes) {
                            self.take(text)
                        } else {
                            self.count_malformed();
                            None
                        },
                        Some(Ok(_)) => None,
                        Some(Err(tungstenite::Error::Capacity(error))) => {
                            warn!(
                                section = self.section.index, %error,
                                max_frame_bytes = self.section.config.max_frame_bytes,
                                "a OneBot frame is larger than max_frame_bytes; the connection is closed"
                            );
                            Some(End::TooLarge)
                        }
                        Some(Err(error)) => {
                            debug!(%error, "the OneBot socket ended");
                            Some(End::Closed)
                        }
                        None => Some(End::Closed),
                    };
                    if let Some(end) = end {
                        return end;
                    }
                    // A peer that never pauses keeps the other branches from being looked at.
                    self.frames = self.frames.wrapping_add(1);
                    if self.frames == 0 {
                        if stop.is_cancelled() {
                            return End::Stopped;
                        }
                        if gone.is_cancelled() {
                            return End::Closed;
                        }
                    }
                    if self.interval != before {
                        watch.as_mut().reset(Instant::now() + self.beat());
                    }
                }
                () = &mut stopped => return End::Stopped,
                () = &mut lost => return End::Closed,
                () = &mut watch => {
                    misses = if std::mem::take(&mut self.answered) { 0 } else { misses + 1 };
                    if misses >= MISSES {
                        warn!(
                            section = self.section.index, account = %self.name(),
                            "the OneBot implementation fell silent; its connection is dropped"
                        );
                        return End::Silent;
                    }
                    if misses > 0 {
                        self.connection.control(Control::Ping);
                    }
                    watch.as_mut().reset(Instant::now() + self.beat());
                }
                () = &mut introduction, if !introduced => {
                    introduced = true;
                    if self.bound.is_none() {
                        self.ask_who();
                    }
                }
            }
        }
    }

    /// No calls go this way any more.
    fn unbind(&self) {
        if let Some((account, _)) = &self.bound {
            account.clear_link(&self.link);
        }
    }

    /// How often a living peer is heard.
    fn beat(&self) -> Duration {
        let timing: &Timing = &self.hub.timing;
        // A late heartbeat is not a missed one. A peer that promises one per hour, or none at all, answers our own pings
        // in the meantime.
        self.interval
            .map_or(timing.heartbeat, |interval| interval + interval / 4)
            .min(timing.heartbeat)
            .max(timing.heartbeat_floor)
    }

    /// Handles one frame. Chatter must get through here with as little work as possible.
    fn take(&mut self, frame: &str) -> Option<End> {
        if let Some((account, me)) = &self.bound {
            let inbox = &self.inbox;
            // While it counts as logged out, chatter is parsed, too: it shows that the account is back.
            let online = account.is_online() && self.link.is_logged_in();
            match inbound::triage(frame, me, &|text| inbox.starts_command(text)) {
                _ if !online => {}
                Triage::Chatter => return None,
                Triage::Picture(picture) => {
                    account.remember_frame(&picture, self.hub.clock.now());
                    return None;
                }
                Triage::Parse => {}
            }
        }
        if let Ok(inbound) = inbound::parse(frame) {
            self.handle(inbound)
        } else {
            self.count_malformed();
            None
        }
    }

    fn handle(&mut self, inbound: Inbound<'_>) -> Option<End> {
        match inbound {
            Inbound::Answer(answer) => {
                if answer.echo.is_none() && matches!(answer.retcode, 1403 | 403) {
                    return Some(End::TokenRefused);
                }
                if self.bound.is_none()
                    && answer.ok
                    && let Some(id) = answer.data.and_then(user_of)
                {
                    self.bind(&id);
                }
                match self.connection.answer(&answer) {
                    Delivered::Late { action, is_send: true } if answer.ok => {
                        let reply = super::Reply::keep(&answer);
                        if let (Some((account, _)), Some(id)) = (&self.bound, reply.message_id()) {
                            account.remember_own(id.as_str(), self.hub.clock.now());
                        }
                        info!(action, account = %self.name(), "a send that had been given up was delivered after all");
                    }
                    Delivered::Stray => debug!(retcode = answer.retcode, "an answer belongs to no call"),
                    Delivered::Awaited | Delivered::Late { .. } => {}
                }
            }
            Inbound::Alive { self_id, interval_ms, online, time, .. } => {
                self.learn(self_id.as_deref());
                if let Some((account, _)) = &self.bound {
                    account.hear_time(time, self.hub.clock.now());
                }
                if let Some(ms) = interval_ms.filter(|ms| *ms > 0) {
                    self.interval = Some(Duration::from_millis(ms.min(3_600_000)));
                }
                if let (Some((account, _)), Some(online)) = (&self.bound, online) {
                    account.set_online(&self.link, online);
                }
            }
            Inbound::Message(event) => {
                self.learn(inbound::wire::account(event.self_id).as_deref());
                if let Some((account, me)) = &self.bound {
                    self.hub.take_message(account, &self.link, me, &event, self.inbox.as_ref());
                }
            }
            Inbound::Offline => {
                if let Some((account, _)) = &self.bound {
                    account.set_online(&self.link, false);
                }
            }
            Inbound::Muted { group, seconds } => {
                if let Some((account, _)) = &self.bound {
                    account.set_muted(group, seconds, self.hub.clock.now());
                }
            }
            Inbound::Membership { group, is_member } => {
                if let Some((account, _)) = &self.bound {
                    account.set_member(group, is_member);
                }
            }
            Inbound::Recalled(recalled) => {
                if let Some((account, me)) = &self.bound {
                    self.hub.take_back(account, me, &recalled, self.inbox.as_ref());
                }
            }
            Inbound::Other => {}
        }
        None
    }

    /// Binds the socket to an account, or notes another name that its events use.
    fn learn(&mut self, self_id: Option<&str>) {
        let Some(id) = self_id else { return };
        match &mut self.bound {
            None => self.bind(id),
            Some((_, me)) if !me.is(id) => {
                debug!(account = %me.id, "events name the account differently than the handshake");
                me.alias = Some(id.to_owned());
            }
            Some(_) => {}
        }
    }

    fn bind(&mut self, id: &str) {
        let account = self.hub.account_or_new(id);
        account.set_own();
        if self.roles.calls {
            account.set_link(Arc::clone(&self.link));
            let (known, link, every) =
                (Arc::clone(&account), Arc::clone(&self.link), self.hub.timing.heartbeat);
            self.tasks.spawn(async move {
                tokio::join!(known.ask_whether_back(&link, every), link.identify());
            });
        }
        info!(
            section = self.section.index,
            account = id,
            calls = self.roles.calls,
            "OneBot account connected"
        );
        self.bound = Some((account, Identity { id: id.to_owned(), alias: None }));
    }

    /// Asks for the account where no event has told it.
    fn ask_who(&mut self) {
        let link = Arc::clone(&self.link);
        // The answer binds the session when its frame arrives; nobody waits for it here.
        self.tasks.spawn(async move {
            drop(link.call(crate::outbound::plain("get_login_info")).await);
        });
    }

    fn name(&self) -> Cow<'_, str> {
        self.bound.as_ref().map_or(Cow::Borrowed("unknown"), |(_, me)| Cow::Borrowed(me.id.as_str()))
    }

    fn count_malformed(&mut self) {
        self.malformed += 1;
        let due = self.malformed_since.is_none_or(|since| since.elapsed() >= self.hub.timing.malformed_log);
        if due {
            warn!(
                section = self.section.index, account = %self.name(), frames = self.malformed,
                "frames that are not OneBot JSON were ignored"
            );
            self.malformed = 0;
            self.malformed_since = Some(Instant::now());
        }
    }
}

/// Also when it panicked: nobody may call on a socket that nobody reads.
impl Drop for Session {
    fn drop(&mut self) {
        self.unbind();
    }
}

/// The account that `get_login_info` answered.
fn user_of(data: &serde_json::value::RawValue) -> Option<String> {
    let frame: inbound::wire::Frame<'_> = serde_json::from_str(data.get()).ok()?;
    inbound::wire::account(frame.user_id).map(Cow::into_owned)
}
