//! The state of one fake implementation, shared by its links, and the way of a call through it.

#![expect(clippy::disallowed_methods, reason = "fake peers of real programs live in real time")]

use super::{
    Builder, Fault, MemberRole, Message, actions,
    dialect::{Asked, Failure},
    download,
    fault::{self, Rule},
    http,
    link::{Frame, Link},
    sent::{self, Sent},
    upload::Upload,
};
use crate::{journal::Journal, tasks::lock};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{mpsc, watch};

/// One call of the application.
#[derive(Debug, Clone)]
pub struct Call {
    /// The action, without the suffixes `_async` and `_rate_limited`.
    pub action: String,
    /// The parameters; null if there were none.
    pub params: Arc<Value>,
    /// The echo, if there was one.
    pub echo: Option<Value>,
    /// Whether the call came by HTTP instead of a socket.
    pub over_http: bool,
    /// When it had been read.
    pub at: Instant,
}

impl Call {
    /// A number among the parameters, written as number or as text.
    pub fn number(&self, key: &str) -> Option<i64> {
        let value = self.params.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// A text among the parameters; numbers are written out.
    pub fn text(&self, key: &str) -> Option<String> {
        match self.params.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn from_frame(frame: &Value, over_http: bool) -> Option<Self> {
        let action = frame.get("action")?.as_str()?;
        let action = action.trim_end_matches("_async").trim_end_matches("_rate_limited").to_owned();
        let params = Arc::new(frame.get("params").cloned().unwrap_or_default());
        Some(Self { action, params, echo: frame.get("echo").cloned(), over_http, at: Instant::now() })
    }

    fn asked(&self) -> Asked<'_> {
        Asked { action: &self.action, echo: self.echo.as_ref(), over_http: self.over_http }
    }
}

/// A reaction that the application set or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The message.
    pub message_id: i64,
    /// The face.
    pub emoji_id: String,
    /// False if it was removed.
    pub set: bool,
}

impl Reaction {
    pub(super) fn from_call(call: &Call) -> Option<Self> {
        let (emoji, set) = match call.action.as_str() {
            "set_msg_emoji_like" => ("emoji_id", "set"),
            "unset_msg_emoji_like" => ("emoji_id", ""),
            "set_group_reaction" => ("code", "is_add"),
            _ => return None,
        };
        Some(Self {
            message_id: call.number("message_id")?,
            emoji_id: call.text(emoji)?,
            set: !set.is_empty() && call.params.get(set).and_then(Value::as_bool).unwrap_or(true),
        })
    }
}

/// What changes while the fake runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) online: bool,
    pub(super) faults: Vec<Rule>,
    pub(super) answers: HashMap<String, Value>,
    /// Sorted by id, so that histories come in order.
    pub(super) messages: BTreeMap<i64, Value>,
    pub(super) members: HashMap<(i64, i64), (Option<MemberRole>, String)>,
    /// Groups that muted the account itself, and until when.
    pub(super) muted_until: HashMap<i64, i64>,
    pub(super) images: HashMap<String, String>,
    /// What `download_file_image_stream` gives.
    pub(super) streams: HashMap<String, Bytes>,
    pub(super) forwards: HashMap<String, Vec<Value>>,
    pub(super) files: HashMap<String, Bytes>,
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) rkeys: (String, String),
    pub(super) post_url: Option<String>,
    held: Vec<(mpsc::Sender<Frame>, Frame)>,
    after_next: Vec<(mpsc::Sender<Frame>, Frame)>,
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) settings: Builder,
    pub(super) calls: Journal<Call>,
    pub(super) sends: Journal<Sent>,
    pub(super) links: watch::Sender<Vec<Link>>,
    pub(super) heartbeat: watch::Sender<Option<Duration>>,
    pub(super) frozen: watch::Sender<bool>,
    state: Mutex<State>,
    last_id: AtomicI64,
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Peer {
    pub(super) fn new(settings: Builder) -> Self {
        let state = State {
            online: true,
            rkeys: ("CAQSKAB6JWENi5LM_private".to_owned(), "CAQSKAB6JWENi5LM_group".to_owned()),
            ..State::default()
        };
        Self {
            heartbeat: watch::Sender::new(settings.heartbeat),
            settings,
            calls: Journal::default(),
            sends: Journal::default(),
            links: watch::Sender::default(),
            frozen: watch::Sender::new(false),
            state: Mutex::new(state),
            last_id: AtomicI64::new(1_654_096_000),
        }
    }

    /// Works on the state; never across an await.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut lock(&self.state))
    }

    // ---- events ----------------------------------------------------------------------------------------------

    pub(super) fn next_id(&self) -> i64 {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        if self.settings.dialect.negative_ids() { -id } else { id }
    }

    pub(super) fn render(&self, message: &Message) -> (i64, Value) {
        let id = message.chosen_id().unwrap_or_else(|| self.next_id());
        (id, message.event(&self.settings, id, self.now()))
    }

    pub(super) fn remember(&self, id: i64, event: &Value) {
        let message = self.settings.dialect.looked_up(event);
        self.with(|state| state.messages.insert(id, message));
    }

    /// Seconds since 1970 by the clock of the implementation.
    pub(super) fn now(&self) -> i64 {
        now() + self.settings.clock_ahead
    }

    /// Takes a message back; the notice of it.
    pub(super) fn take_back(&self, id: i64) -> Value {
        let message = self.with(|state| state.messages.remove(&id)).expect("a message that was sent");
        let of = |key: &str| message.get(key).cloned().unwrap_or_default();
        let mut notice = json!({ "time": self.now(), "self_id": self.settings.self_id, "post_type": "notice",
            "notice_type": "friend_recall", "user_id": of("user_id"), "message_id": id });
        if of("message_type") == "group" {
            super::dialect::put(&mut notice, "notice_type", json!("group_recall"));
            super::dialect::put(&mut notice, "group_id", of("group_id"));
            super::dialect::put(&mut notice, "operator_id", of("user_id"));
        }
        notice
    }

    pub(super) fn lifecycle_event(&self, sub_type: &str) -> Value {
        json!({ "time": self.now(), "self_id": self.settings.self_id, "post_type": "meta_event",
            "meta_event_type": "lifecycle", "sub_type": sub_type })
    }

    pub(super) fn heartbeat_event(&self) -> Value {
        let interval = self.heartbeat.borrow().unwrap_or_default().as_millis();
        let interval = u64::try_from(interval).unwrap_or_default();
        json!({ "time": self.now(), "self_id": self.settings.self_id, "post_type": "meta_event",
            "meta_event_type": "heartbeat", "status": self.status(), "interval": interval })
    }

    pub(super) fn status(&self) -> Value {
        let online = self.with(|state| state.online);
        if self.settings.dialect == super::Dialect::Lagrange {
            return json!({ "app_initialized": true, "app_enabled": true, "app_good": true, "online": online,
                "good": true });
        }
        json!({ "online": online, "good": true })
    }

    /// Whether events go anywhere at all.
    pub(super) fn has_listener(&self) -> bool {
        let linked = self.links.borrow().iter().any(|link| link.role.has_events());
        linked || self.with(|state| state.post_url.is_some())
    }

    /// Sends an event wherever events go.
    pub(super) async fn emit(&self, event: &Value) {
        self.broadcast(Frame::Text(event.to_string())).await;
        if let Some(url) = self.with(|state| state.post_url.clone()) {
            http::post(self, &url, event)
                .await
                .unwrap_or_else(|error| panic!("event post to {url}: {error}"));
        }
    }

    /// Puts a frame on every link that carries events.
    pub(super) async fn broadcast(&self, frame: Frame) {
        let links = self.links.borrow().clone();
        for link in links.iter().filter(|link| link.role.has_events() || matches!(frame, Frame::Close)) {
            // A link that ends meanwhile is no error: its end is what the test then looks at.
            link.out.send(frame.clone()).await.ok();
        }
    }

    pub(super) fn kill_links(&self) {
        for link in self.links.borrow().iter() {
            link.kill();
        }
    }

    pub(super) fn cut_after(&self, bytes: usize) {
        for link in self.links.borrow().iter() {
            link.cut_after(bytes);
        }
    }

    // ---- calls -----------------------------------------------------------------------------------------------

    /// Answers a frame of the application; false if the link has to be reset.
    pub(super) async fn handle_text(&self, text: &str, out: &mpsc::Sender<Frame>) -> bool {
        if let Ok(frame) = serde_json::from_str::<Value>(text) {
            return self.handle(&frame, out, false).await;
        }
        let answer = self.settings.dialect.parse_error();
        out.send(Frame::Text(answer.to_string())).await.is_ok()
    }

    /// Answers a parsed frame; false if the link has to be reset.
    pub(super) async fn handle(&self, frame: &Value, out: &mpsc::Sender<Frame>, over_http: bool) -> bool {
        let Some(call) = Call::from_frame(frame, over_http) else {
            let answer = self.settings.dialect.parse_error();
            return out.send(Frame::Text(answer.to_string())).await.is_ok();
        };
        let fault = self.with(|state| fault::take(&mut state.faults, &call.action));
        if fault == Some(Fault::DropUnread) {
            return false;
        }
        self.calls.push(call.clone());
        let (mut answer, draft) = self.carry_out(&call, fault.as_ref()).await;
        if let Some(sent) = draft {
            self.sends.push(sent);
        }
        match &fault {
            Some(Fault::DropAfterRead) => return false,
            Some(Fault::NoAnswer) => return true,
            Some(Fault::WrongEcho) => super::dialect::put(&mut answer, "echo", json!("an-echo-of-nobody")),
            Some(Fault::NoEcho) => {
                answer.as_object_mut().map(|answer| answer.remove("echo"));
            }
            Some(Fault::Queued) => {
                super::dialect::put(&mut answer, "status", json!("async"));
                super::dialect::put(&mut answer, "retcode", json!(1));
                super::dialect::put(&mut answer, "data", Value::Null);
            }
            _ => {}
        }
        for part in download::parts(self, &call, fault.as_ref(), &mut answer) {
            let frame = self.settings.dialect.ok(&part, call.asked());
            if out.send(Frame::Text(frame.to_string())).await.is_err() {
                return false;
            }
        }
        let text = answer.to_string();
        let frame = match &fault {
            Some(Fault::Malformed) => Frame::Text(text.chars().take(text.chars().count() / 2).collect()),
            Some(Fault::BinaryFrame) => Frame::Binary(text.into_bytes()),
            _ => Frame::Text(text),
        };
        let postponed = match &fault {
            Some(Fault::Hold) => {
                self.with(|state| state.held.push((out.clone(), frame)));
                return true;
            }
            Some(Fault::AfterNext) => {
                self.with(|state| state.after_next.push((out.clone(), frame)));
                return true;
            }
            _ => self.with(|state| std::mem::take(&mut state.after_next)),
        };
        let copies = if fault == Some(Fault::AnswerTwice) { 2 } else { 1 };
        for _ in 0..copies {
            if out.send(frame.clone()).await.is_err() {
                return false;
            }
        }
        deliver(postponed).await;
        true
    }

    /// Does what the call asks for, as far as its fault lets it, and makes the answer.
    async fn carry_out(&self, call: &Call, fault: Option<&Fault>) -> (Value, Option<Sent>) {
        let dialect = self.settings.dialect;
        let mut draft = sent::draft(call, &self.settings);
        let done = match fault {
            Some(Fault::Data(data)) => Ok(data.clone()),
            Some(Fault::Fail { retcode, text, delivered }) => {
                if *delivered {
                    self.execute(call, draft.as_mut()).await.ok();
                }
                Err(Failure::Exact(*retcode, text.clone()))
            }
            _ => self.execute(call, draft.as_mut()).await,
        };
        let answer = match done {
            Ok(data) => dialect.ok(&data, call.asked()),
            Err(failure) => dialect.failed(&failure, call.asked()),
        };
        (answer, draft)
    }

    async fn execute(&self, call: &Call, draft: Option<&mut Sent>) -> Result<Value, Failure> {
        if let Some(data) = self.with(|state| state.answers.get(&call.action).cloned()) {
            return Ok(data);
        }
        match draft {
            Some(sent) => self.deliver(sent).await,
            None => actions::answer(self, call),
        }
    }

    /// Puts a message of the application into its chat.
    async fn deliver(&self, sent: &mut Sent) -> Result<Value, Failure> {
        sent.load(self).await?;
        sent.delivered = true;
        if sent.is_file_upload() {
            return Ok(json!({ "file_id": format!("/file-{}", self.next_id()) }));
        }
        let id = self.next_id();
        sent.message_id = Some(id);
        let event = sent.as_event(self, id);
        self.remember(id, &event);
        let mut data = json!({ "message_id": id });
        if sent.is_forward() {
            let resource = format!("forward-{id}");
            super::dialect::put(&mut data, "res_id", json!(resource));
            super::dialect::put(&mut data, "forward_id", json!(resource));
        }
        Ok(data)
    }

    pub(super) async fn release(&self) -> usize {
        let held = self.with(|state| std::mem::take(&mut state.held));
        let count = held.len();
        deliver(held).await;
        count
    }
}

async fn deliver(frames: Vec<(mpsc::Sender<Frame>, Frame)>) {
    for (out, frame) in frames {
        // The link may be gone by now; then nobody misses the answer.
        out.send(frame).await.ok();
    }
}
