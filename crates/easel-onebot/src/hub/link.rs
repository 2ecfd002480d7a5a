//! One way to make calls for an account, and what was learned about the implementation at its other end. Knows nothing
//! of the account itself.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;
use tracing::info;

use super::Section;
use crate::{
    inbound::is_online,
    outbound::{ActionFailure, Call, encoded_len, judge},
    transport::{
        CallError, Frames, HttpLink, Reply, Timing,
        connection::{BYTES_PER_SECOND, Connection},
    },
};

/// The longest pause before and between the frames of a streamed answer: the implementation first fetches the picture
/// from QQ itself.
const FRAME_IDLE: Duration = Duration::from_secs(30);

/// The longest that a streamed answer may take in all, beyond the time that its bytes need.
const FRAMES_TIME: Duration = Duration::from_mins(2);

/// Which program holds the account; chooses between known variants, never refuses service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Not asked yet, or none of those below.
    #[default]
    Other,
    /// NapCat.
    NapCat,
    /// LLOneBot, LuckyLillia.
    LlOneBot,
    /// Lagrange.OneBot.
    Lagrange,
    /// go-cqhttp.
    GoCqHttp,
}

/// A way to make calls for an account.
pub(crate) struct Link {
    wire: Wire,
    /// The section that it belongs to.
    pub(crate) section: Arc<Section>,
    facts: Mutex<Facts>,
    send_limit: Duration,
    /// Whether the last call that could tell found somebody at the other end.
    reached: watch::Sender<bool>,
    /// Whether the implementation at the other end is logged in to QQ, as far as it told.
    logged_in: AtomicBool,
}

enum Wire {
    Socket(Arc<Connection>),
    Http(HttpLink),
}

/// What was learned on a link.
#[derive(Debug, Default)]
struct Facts {
    dialect: Dialect,
    absent: HashSet<&'static str>,
    streams: bool,
    paths_unreadable: bool,
}

/// What an implementation says when it is asked whether it is logged in to QQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// It is.
    In,
    /// It is not.
    Out,
    /// It answered something else: it can't tell.
    Untold,
    /// Nobody answered.
    Unanswered,
}

/// An answer that is no success, or none at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallFailure {
    /// The call did not get through, or its answer did not.
    Call(CallError),
    /// The implementation said no.
    Action(ActionFailure),
}

impl Link {
    /// A link over a WebSocket.
    pub(crate) fn socket(connection: Arc<Connection>, section: Arc<Section>, timing: &Timing) -> Self {
        Self::over(Wire::Socket(connection), section, timing)
    }

    /// A link over the HTTP API.
    pub(crate) fn http(link: HttpLink, section: Arc<Section>, timing: &Timing) -> Self {
        Self::over(Wire::Http(link), section, timing)
    }

    fn over(wire: Wire, section: Arc<Section>, timing: &Timing) -> Self {
        let reached = watch::Sender::new(true);
        let logged_in = AtomicBool::new(true);
        Self { wire, section, facts: Mutex::default(), send_limit: timing.send, reached, logged_in }
    }

    /// Makes a call and judges its answer.
    ///
    /// # Errors
    /// See [`CallFailure`].
    pub(crate) async fn call(&self, call: Call) -> Result<Reply, CallFailure> {
        let action = call.action;
        if facts(&self.facts).absent.contains(action) {
            return Err(CallFailure::Action(ActionFailure::Absent));
        }
        let limit = if call.is_send || action == "upload_file_stream" {
            self.send_limit
        } else {
            self.section.config.call_timeout()
        };
        // What the call names instead of carrying it takes its time all the same.
        let limit = limit + Duration::from_secs(encoded_len(call.beside) / BYTES_PER_SECOND);
        let reply = match &self.wire {
            Wire::Socket(connection) => connection.call(call, limit).await,
            Wire::Http(link) => {
                let answer = link.call(call, limit).await;
                self.learn_reached(&answer);
                answer
            }
        }
        .map_err(CallFailure::Call)?;
        self.judged(action, reply)
    }

    /// Nothing else tells whether anybody listens where there is no connection.
    fn learn_reached(&self, answer: &Result<Reply, CallError>) {
        let reached = match answer {
            Ok(_) => true,
            Err(CallError::NotSent(_)) => false,
            Err(CallError::Cut(_) | CallError::Unreadable | CallError::Unknown(_)) => return,
        };
        let changes = |known: &mut bool| std::mem::replace(known, reached) != reached;
        if self.reached.send_if_modified(changes) && !reached {
            tracing::warn!(section = self.section.index, "the OneBot HTTP API cannot be reached");
        }
    }

    /// Finds out whether anybody listens: any answer tells, also of somebody who is known not to have the action.
    pub(crate) async fn probe(&self) {
        if let Wire::Http(link) = &self.wire {
            let asked = crate::outbound::plain("get_login_info");
            self.learn_reached(&link.call(asked, self.section.config.call_timeout()).await);
        }
    }

    /// Whether calls arrive, as far as the last ones told.
    pub(crate) fn is_reached(&self) -> bool {
        *self.reached.borrow()
    }

    /// Waits until calls arrive, or until they don't.
    pub(crate) async fn becomes(&self, reached: bool) {
        // The sender is this link's own.
        drop(self.reached.subscribe().wait_for(|known| *known == reached).await);
    }

    /// Makes a call whose answer comes in several frames; see [`Frames`]. `bytes` = what they may carry together.
    ///
    /// # Errors
    /// See [`CallFailure`].
    pub(crate) async fn call_frames(
        &self,
        call: Call,
        bytes: u64,
        frames: Arc<Frames>,
    ) -> Result<Reply, CallFailure> {
        let action = call.action;
        if facts(&self.facts).absent.contains(action) {
            return Err(CallFailure::Action(ActionFailure::Absent));
        }
        let idle = self.section.config.call_timeout().max(FRAME_IDLE);
        let exchange = async {
            match &self.wire {
                Wire::Socket(connection) => connection.call_frames(call, idle, frames).await,
                Wire::Http(link) => link.call_frames(call, idle, &frames).await,
            }
        };
        let in_all = FRAMES_TIME + Duration::from_secs(encoded_len(bytes) / BYTES_PER_SECOND);
        let late = |_| Err(CallError::Unknown("the streamed answer took too long"));
        let reply =
            tokio::time::timeout(in_all, exchange).await.unwrap_or_else(late).map_err(CallFailure::Call)?;
        self.judged(action, reply)
    }

    fn judged(&self, action: &'static str, reply: Reply) -> Result<Reply, CallFailure> {
        if reply.ok {
            return Ok(reply);
        }
        let failure = judge(reply.retcode, &reply.text);
        // An implementation that can never send would be of no use, so that is not remembered, whatever it says.
        if failure == ActionFailure::Absent && !reply.doubtful && !action.starts_with("send_") {
            facts(&self.facts).absent.insert(action);
        }
        Err(CallFailure::Action(failure))
    }

    /// Whether the end of a call can be held back here.
    pub(crate) fn holds_back(&self) -> bool {
        self.is_socket()
    }

    /// Whether it is a connection, and not an API that is called now and then.
    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.wire, Wire::Socket(_))
    }

    /// Whether its implementation is logged in to QQ, as far as it told.
    pub(crate) fn is_logged_in(&self) -> bool {
        self.logged_in.load(Ordering::Acquire)
    }

    /// Takes note of that. Its account must hear of it, too; see [`super::Account::set_online`].
    pub(super) fn set_logged_in(&self, logged_in: bool) {
        self.logged_in.store(logged_in, Ordering::Release);
    }

    /// Whether calls can be made now.
    pub(crate) fn is_up(&self) -> bool {
        match &self.wire {
            Wire::Socket(connection) => !connection.gone().is_cancelled(),
            Wire::Http(_) => true,
        }
    }

    /// Whether the implementation said that it has no such action.
    pub(crate) fn lacks(&self, action: &str) -> bool {
        facts(&self.facts).absent.contains(action)
    }

    /// Which program it is.
    pub(crate) fn dialect(&self) -> Dialect {
        facts(&self.facts).dialect
    }

    /// Whether stream uploads are known to work, or likely.
    pub(crate) fn streams(&self) -> bool {
        let facts = facts(&self.facts);
        (facts.streams || facts.dialect == Dialect::NapCat) && !facts.absent.contains("upload_file_stream")
    }

    /// Takes note that a stream upload worked.
    pub(crate) fn learn_streams(&self) {
        facts(&self.facts).streams = true;
    }

    /// Whether the implementation could not open a path that was sent.
    pub(crate) fn paths_unreadable(&self) -> bool {
        facts(&self.facts).paths_unreadable
    }

    /// Takes note of it.
    pub(crate) fn learn_paths_unreadable(&self) {
        facts(&self.facts).paths_unreadable = true;
    }

    /// Asks whether the account is logged in to QQ (OneBot v11 reference, `get_status`).
    pub(crate) async fn ask_login(&self) -> Login {
        match self.call(crate::outbound::plain("get_status")).await {
            Ok(reply) => match reply.data.as_deref().and_then(is_online) {
                Some(true) => Login::In,
                Some(false) => Login::Out,
                None => Login::Untold,
            },
            Err(CallFailure::Action(_)) => Login::Untold,
            Err(CallFailure::Call(_)) => Login::Unanswered,
        }
    }

    /// Asks once which program it is.
    pub(crate) async fn identify(&self) {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Version {
            app_name: String,
            app_version: String,
        }
        let Ok(reply) = self.call(crate::outbound::plain("get_version_info")).await else { return };
        let version: Version =
            reply.data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
        let name = version.app_name.to_ascii_lowercase();
        let dialect = if name.contains("napcat") {
            Dialect::NapCat
        } else if name.contains("llonebot") || name.contains("lucky") || name.contains("llbot") {
            Dialect::LlOneBot
        } else if name.contains("lagrange") {
            Dialect::Lagrange
        } else if name.contains("go-cqhttp") {
            Dialect::GoCqHttp
        } else {
            Dialect::Other
        };
        facts(&self.facts).dialect = dialect;
        info!(
            section = self.section.index,
            implementation = %printable(&version.app_name),
            version = %printable(&version.app_version),
            "OneBot implementation identified"
        );
    }
}

/// A peer's text for the log: short, on one line.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn facts(facts: &Mutex<Facts>) -> MutexGuard<'_, Facts> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}
