//! HTTP: the implementation posts events to us, we post calls to it (OneBot v11 reference, "communication/http" and
//! "communication/http-post").

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
};
use easel_core::{ids::AccountId, ports::AdapterError};
use easel_http::{HttpClient, HttpError};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use secrecy::SecretString;
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use super::{CallError, Frames, Reply, auth, reverse, throttle::Refused};
use crate::{
    hub::{Account, Hub, Link, Section},
    inbound::{self, Answer, Identity, Inbound, Triage, wire},
    outbound::Call,
};

/// Calls over HTTP.
#[derive(Debug)]
pub(crate) struct HttpLink {
    client: HttpClient,
    base: String,
    token: Option<SecretString>,
}

impl HttpLink {
    /// For the API at the section's `url`.
    pub(crate) fn new(client: HttpClient, section: &Section) -> Self {
        let base = section.config.url.trim_end_matches('/').to_owned();
        Self { client, base, token: section.token.clone() }
    }

    fn request(&self, call: Call) -> easel_http::Call {
        let url = format!("{}/{}", self.base, call.action);
        let request = self.client.post(url).body("application/json", call.params.into_segments());
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }

    /// Posts a call whose answer is a stream of frames, each ended by an empty line (as NapCat writes them).
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn call_frames(
        &self,
        call: Call,
        idle: Duration,
        frames: &Frames,
    ) -> Result<Reply, CallError> {
        let request = self.request(call).answer_timeout(idle).idle_timeout(idle);
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        let doubtful = response.status.as_u16() == 404;
        let mut lines = Lines::default();
        loop {
            let chunk = response.body.next_chunk().await.map_err(|error| failure(&error))?;
            let is_over = chunk.is_none();
            lines.push(chunk.as_deref().unwrap_or(END));
            while let Some(line) = lines.next() {
                let Ok(frame) = serde_json::from_slice::<wire::Frame<'_>>(&line) else {
                    return Err(CallError::Unknown("the HTTP API answered with something else than JSON"));
                };
                let answer = Answer::read(&frame);
                if !frames.take(&answer) {
                    return Ok(Reply { doubtful, ..Reply::verdict(&answer) });
                }
            }
            if is_over || lines.len() > MAX_FRAME {
                return Err(CallError::Unknown("the HTTP API broke off its answer"));
            }
        }
    }

    /// Posts a call and reads its answer.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn call(&self, call: Call, limit: Duration) -> Result<Reply, CallError> {
        if let Err(error) = call.params.check().await {
            warn!(%error, "a picture cannot be read; its message is not sent");
            return Err(CallError::Unreadable);
        }
        let limit = limit + Duration::from_secs(call.params.len() / (256 * 1024));
        let request = self.request(call).answer_timeout(limit).within(limit);
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status.as_u16();
        let body = response.body.read_all(u64::MAX).await.map_err(|error| failure(&error))?;
        let refused = |retcode| Reply { retcode, ..Reply::default() };
        match status {
            401 | 403 => {
                warn!("wrong token: the OneBot HTTP API refused the access_token; compare it on both sides");
                return Ok(refused(1403));
            }
            _ => {}
        }
        let frame: Option<wire::Frame<'_>> = serde_json::from_slice(&body).ok();
        match frame {
            Some(_) | None if status == 404 && !frame.as_ref().is_some_and(is_answer) => {
                Ok(Reply { doubtful: true, ..refused(404) })
            }
            Some(frame) => Ok(Reply::keep(&Answer::read(&frame))),
            // A gateway's page or a cut answer: nobody knows what happened behind it.
            None => Err(CallError::Unknown("the HTTP API answered with something else than JSON")),
        }
    }
}

/// What a call without an answer means. A body that could not be read to its end was never whole at the other side.
fn failure(error: &HttpError) -> CallError {
    if matches!(error, HttpError::Unreadable { .. }) {
        CallError::Unreadable
    } else if error.nothing_sent() {
        CallError::NotSent("the HTTP API cannot be reached")
    } else if error.never_whole() {
        CallError::Cut("the HTTP API broke off while it was sent to")
    } else {
        CallError::Unknown("the HTTP API did not answer")
    }
}

/// Whether JSON is an implementation's answer, not some gateway's page.
fn is_answer(frame: &wire::Frame<'_>) -> bool {
    wire::int(frame.retcode).is_some()
}

/// Events that are read at once: each may be as large as `max_frame_bytes`, and nobody has proved yet who sent it.
const BODIES: usize = 8;
/// For a body to arrive, the wait for its turn included.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Bytes of a connection that are read ahead; heads are far smaller.
const MAX_HEAD: usize = 64 * 1024;
/// Accounts that the events of one section may name: one API serves one account, which may have a second name.
const MAX_NAMED: usize = 4;

/// What ends a frame of a streamed answer.
const END: &[u8] = b"\r\n\r\n";
/// A frame of a streamed answer is at most this long: some four times what is asked for.
const MAX_FRAME: usize = 1024 * 1024;

/// Cuts a streamed answer into its frames.
#[derive(Default)]
struct Lines {
    unread: Vec<u8>,
    /// Bytes that were searched in vain.
    searched: usize,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        self.unread.len()
    }

    /// The next whole frame; empty ones are none.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let tail = self.unread.get(self.searched..)?;
            let Some(found) = memchr::memmem::find(tail, END) else {
                // The end of a frame may be cut in two.
                self.searched = self.unread.len().saturating_sub(END.len() - 1);
                return None;
            };
            let rest = self.unread.split_off(self.searched + found + END.len());
            let mut frame = std::mem::replace(&mut self.unread, rest);
            self.searched = 0;
            frame.truncate(frame.len() - END.len());
            if !frame.trim_ascii().is_empty() {
                return Some(frame);
            }
        }
    }
}

struct Receiver {
    hub: Arc<Hub>,
    section: Arc<Section>,
    link: Arc<Link>,
    /// [`BODIES`] seats.
    bodies: Semaphore,
    /// The accounts that events named, and the one that the API named.
    named: Mutex<HashSet<String>>,
    /// Rings when the implementation begins to work again: is its account back, too?
    began: Notify,
}

/// Listens for events and keeps the account known, until `stop`.
///
/// # Errors
/// When it can't listen.
pub(crate) async fn run(
    hub: Arc<Hub>,
    section: Arc<Section>,
    ready: oneshot::Sender<()>,
    stop: CancellationToken,
) -> Result<(), AdapterError> {
    let listener = reverse::listen(&section).await?;
    info!(section = section.index, address = %section.config.listen, "waiting for OneBot events over HTTP");
    let link = HttpLink::new(hub.http.clone(), &section);
    let link = Arc::new(Link::http(link, Arc::clone(&section), &hub.timing));
    let bodies = Semaphore::new(BODIES);
    let receiver =
        Arc::new(Receiver { hub, section, link, bodies, named: Mutex::default(), began: Notify::new() });
    ready.send(()).ok();
    tokio::join!(serve(&receiver, listener, &stop), receiver.attend(&stop));
    Ok(())
}

/// Serves every connection on a task of its own, [`super::Timing::sockets`] at a time, until `stop`; returns when all have ended.
/// One that sends no whole head of a request within [`super::Timing::head`] is closed, an idle one included.
async fn serve(receiver: &Arc<Receiver>, listener: TcpListener, stop: &CancellationToken) {
    let router = Router::new().fallback(take).with_state(Arc::clone(receiver));
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(receiver.hub.timing.head).max_buf_size(MAX_HEAD);
    let (sockets, room) = (TaskTracker::new(), Arc::new(Semaphore::new(receiver.hub.timing.sockets)));
    let section = &receiver.section;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come back.
                warn!(%error, "a OneBot connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(seat) = Arc::clone(&room).try_acquire_owned() else {
            receiver.say(Refused::Connection, |times| {
                warn!(section = section.index, times, "too many OneBot connections; a new one is refused");
            });
            continue;
        };
        drop(stream.set_nodelay(true));
        let connection =
            server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let stop = stop.clone();
        sockets.spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                debug!(%error, "a OneBot HTTP connection ended");
            }
            drop(seat);
        });
    }
    sockets.close();
    sockets.wait().await;
}

async fn take(State(receiver): State<Arc<Receiver>>, request: Request<Body>) -> StatusCode {
    let (head, body) = request.into_parts();
    if head.method != axum::http::Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let section = &receiver.section;
    if !reverse::path_fits(&section.config.path, head.uri.path()) {
        return StatusCode::NOT_FOUND;
    }
    let refuse = |refusal: auth::Refusal| {
        receiver.say(Refused::Token(refusal), |times| {
            warn!(section = section.index, times, reason = %refusal, "a OneBot event was refused");
        });
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN)
    };
    let token = section.token.as_ref();
    let signature = reverse::header(&head.headers, "x-signature");
    let unread = auth::check_origin(token, head.headers.contains_key("origin"))
        .and_then(|()| auth::check_signed(token, signature));
    if let Err(refusal) = unread {
        return refuse(refusal);
    }
    let reading = async {
        let _seat = receiver.bodies.acquire().await;
        to_bytes(body, section.config.max_frame_bytes).await
    };
    let body = match timeout(BODY_TIME, reading).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            receiver.say(Refused::Large, |times| {
                warn!(
                    section = section.index,
                    times, "a OneBot event is larger than max_frame_bytes, or broke off"
                );
            });
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        Err(_) => {
            receiver.say(Refused::Slow, |times| {
                warn!(section = section.index, times, "a OneBot event took too long to arrive");
            });
            return StatusCode::REQUEST_TIMEOUT;
        }
    };
    if let Err(refusal) = auth::check_signature(token, signature, &body) {
        return refuse(refusal);
    }
    receiver.handle(reverse::header(&head.headers, "x-self-id"), &body);
    // An empty answer at once: the implementation waits for it and would take content for a quick reply.
    StatusCode::NO_CONTENT
}

impl Receiver {
    /// Has a refusal logged, unless its kind was a moment ago.
    fn say(&self, what: Refused, log: impl FnOnce(u64)) {
        if let Some(times) = self.section.refused.due(what, self.hub.timing.malformed_log) {
            log(times);
        }
    }

    fn handle(&self, account: Option<&str>, body: &[u8]) {
        let (Some(inbox), Ok(frame)) = (self.hub.inbox(), std::str::from_utf8(body)) else { return };
        let known = account.map(str::trim).filter(|id| !id.is_empty() && *id != "0");
        if let Some(id) = known {
            let me = Identity { id: id.to_owned(), alias: None };
            let account = self.hub.account(&AccountId::new(id));
            let online = account.is_none_or(|account| account.is_online()) && self.link.is_logged_in();
            match inbound::triage(frame, &me, &|text| inbox.starts_command(text)) {
                // Chatter, too, shows that the account is logged in again.
                _ if !online => {}
                Triage::Chatter => return,
                Triage::Picture(picture) => {
                    if let Some(account) = self.bind(id) {
                        account.remember_frame(&picture, self.hub.clock.now());
                    }
                    return;
                }
                Triage::Parse => {}
            }
        }
        let Ok(inbound) = inbound::parse(frame) else {
            return debug!(section = self.section.index, "a posted event is not OneBot JSON");
        };
        match inbound {
            Inbound::Message(event) => {
                let said = wire::account(event.self_id);
                let Some(id) = known.map(Into::into).or_else(|| said.clone()) else { return };
                let alias = said.filter(|said| *said != id).map(std::borrow::Cow::into_owned);
                let Some(account) = self.bind(&id) else { return };
                let me = Identity { id: id.into_owned(), alias };
                self.hub.take_message(&account, &self.link, &me, &event, inbox.as_ref());
            }
            Inbound::Alive { self_id, online, begins, time, .. } => {
                if let Some(account) = known.or(self_id.as_deref()).and_then(|id| self.bind(id)) {
                    account.hear_time(time, self.hub.clock.now());
                    if let Some(online) = online {
                        account.set_online(&self.link, online);
                    }
                    if begins && !self.link.is_logged_in() {
                        self.began.notify_one();
                    }
                }
            }
            Inbound::Offline => {
                if let Some(account) = known.and_then(|id| self.bind(id)) {
                    account.set_online(&self.link, false);
                }
            }
            Inbound::Muted { group, seconds } => {
                if let Some(account) = known.and_then(|id| self.bind(id)) {
                    account.set_muted(group, seconds, self.hub.clock.now());
                }
            }
            Inbound::Membership { group, is_member } => {
                if let Some(account) = known.and_then(|id| self.bind(id)) {
                    account.set_member(group, is_member);
                }
            }
            Inbound::Recalled(recalled) => {
                if let Some(id) = known
                    && let Some(account) = self.bind(id)
                {
                    let me = Identity { id: id.to_owned(), alias: None };
                    self.hub.take_back(&account, &me, &recalled, inbox.as_ref());
                }
            }
            Inbound::Answer(_) | Inbound::Other => {}
        }
    }

    /// The account that an event names. `None` for more of them than one HTTP API can serve: anybody who may post can
    /// name any. One that is reached another way is known all the same.
    fn bind(&self, id: &str) -> Option<Arc<Account>> {
        let known = self.hub.account(&AccountId::new(id)).filter(|known| known.link().is_some());
        if let Some(known) = known.as_ref().filter(|known| known.has_link(&self.link)) {
            return Some(Arc::clone(known));
        }
        {
            let mut named = self.named();
            if !named.contains(id) {
                if named.len() >= MAX_NAMED {
                    self.say(Refused::Account, |times| {
                        warn!(
                            section = self.section.index,
                            times, "events name more accounts than one HTTP API serves; they are ignored"
                        );
                    });
                    return known;
                }
                named.insert(id.to_owned());
            }
        }
        Some(self.serve_account(id))
    }

    fn serve_account(&self, id: &str) -> Arc<Account> {
        let account = self.hub.account_or_new(id);
        if !account.has_link(&self.link) {
            account.set_link(Arc::clone(&self.link));
            info!(section = self.section.index, account = id, "OneBot account known");
        }
        account
    }

    fn named(&self) -> MutexGuard<'_, HashSet<String>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it known, until `stop`, who is there and whether anybody is.
    async fn attend(&self, stop: &CancellationToken) {
        let attended = async {
            self.introduce().await;
            loop {
                self.link.becomes(false).await;
                self.look_for_it().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = attended => {}
            () = self.ask_whether_back() => {}
        }
    }

    /// After an account was logged out, an implementation that begins to work again is asked, every so often, whether it
    /// is back.
    async fn ask_whether_back(&self) {
        loop {
            self.began.notified().await;
            // One API serves one account, whatever names it has; an ask that is answered for one is answered for all.
            let named: Vec<String> = self.named().iter().cloned().collect();
            for account in named.iter().filter_map(|id| self.hub.account(&AccountId::new(id))) {
                account.ask_whether_back(&self.link, self.hub.timing.heartbeat).await;
                account.set_online(&self.link, self.link.is_logged_in());
            }
        }
    }

    /// Asks until somebody answers again, so that whoever waits for the account hears of it.
    async fn look_for_it(&self) {
        let (mut wait, longest) = self.hub.timing.redial;
        while !self.link.is_reached() {
            // Somebody else's call may have found it meanwhile.
            if timeout(wait, self.link.becomes(true)).await.is_err() {
                self.link.probe().await;
            }
            wait = (wait * 2).min(longest);
        }
        info!(section = self.section.index, "the OneBot HTTP API can be reached again");
        if !self.link.is_logged_in() {
            self.began.notify_one();
        }
        self.hub.came.notify_waiters();
    }

    /// Asks for the account until it is told, so that jobs of an earlier run can be delivered before any event.
    async fn introduce(&self) {
        let (mut wait, longest) = self.hub.timing.redial;
        loop {
            let asked = self.link.call(crate::outbound::plain("get_login_info")).await;
            if self.link.is_reached() {
                // An event may have named it before, and somebody may wait for it.
                self.hub.came.notify_waiters();
            }
            if let Some(data) = asked.ok().and_then(|reply| reply.data)
                && let Ok(frame) = serde_json::from_str::<wire::Frame<'_>>(data.get())
                && let Some(id) = wire::account(frame.user_id)
            {
                self.named().insert(id.clone().into_owned());
                self.serve_account(&id).set_own();
                if !self.link.is_logged_in() {
                    self.began.notify_one();
                }
                return self.link.identify().await;
            }
            if self.link.lacks("get_login_info") {
                // Events will name it.
                self.link.identify().await;
                return;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_have_been_whole_is_unknown() {
        let detail = String::new;
        let broken = failure(&HttpError::Unreadable { detail: detail() });
        assert_eq!(broken, CallError::Unreadable);
        let half = failure(&HttpError::Unanswered { whole: false, detail: detail() });
        assert!(matches!(half, CallError::Cut(_)), "{half:?}");
        let whole = failure(&HttpError::Unanswered { whole: true, detail: detail() });
        assert!(matches!(whole, CallError::Unknown(_)), "{whole:?}");
        let nobody = failure(&HttpError::BadUrl { detail: detail() });
        assert!(matches!(nobody, CallError::NotSent(_)), "{nobody:?}");
    }

    #[test]
    fn frames_are_cut_wherever_the_pieces_end() {
        let whole = b"\r\n\r\n{\"a\":1}\r\n\r\n{\"b\":\"x\\r\\n\"}\r\n\r\n\r\n\r\n{}";
        for size in 1..whole.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for piece in whole.chunks(size).chain([END]) {
                lines.push(piece);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(found, [&b"{\"a\":1}"[..], b"{\"b\":\"x\\r\\n\"}", b"{}"], "pieces of {size}");
            assert_eq!(lines.len(), 0);
        }
    }
}
