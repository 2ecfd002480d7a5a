//! A chat platform that records what is sent and answers from tables.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ids::{AccountId, Chat, MessageId, Platform, UnixMillis, UserId},
    media::{Body, Media},
    message::{ChatRole, PictureLocator, PictureOrigin, PictureRef, Quote},
    ports::{
        Adapter, AdapterCapabilities, AdapterError, Clock, DownloadError, Inbox, PictureSource, SendError,
        SendFailure,
    },
    reply::{OutgoingClip, Part, Reaction, Reply, Sent, Target},
    testing::HandClock,
};

/// One send as the peer saw it.
#[derive(Clone, Debug)]
pub struct RecordedSend {
    /// Where.
    pub target: Target,
    /// Its texts joined.
    pub text: String,
    /// Its pictures' bytes.
    pub pictures: Vec<Bytes>,
    /// Its clips' bytes, those sent as files included.
    pub clips: Vec<Bytes>,
    /// The links that clips are fetched from.
    pub clip_links: Vec<String>,
    /// Whether something went as a file.
    pub as_file: bool,
}

/// One reaction.
pub type RecordedReaction = (Target, Reaction);

/// The double. Reactions work in groups only.
pub struct RecordingAdapter {
    platform: Platform,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    sends: Vec<RecordedSend>,
    reactions: Vec<RecordedReaction>,
    failures: VecDeque<SendError>,
    unsaid: VecDeque<SendError>,
    pictures: HashMap<String, Result<Bytes, DownloadError>>,
    quotes: HashMap<String, Quote>,
    recent: HashMap<(String, String), (UnixMillis, Vec<PictureRef>)>,
    roles: HashMap<String, ChatRole>,
    downloads: Vec<String>,
    hold: Option<Arc<Notify>>,
    hold_marks: Option<Arc<Notify>>,
    unmarked: VecDeque<SendError>,
    away: bool,
    away_accounts: Vec<AccountId>,
    leaves: Option<usize>,
    silenced: bool,
    found_silenced: bool,
    mute_ends: Option<Instant>,
    pace: Duration,
    turns: HashMap<Chat, Instant>,
    next: u64,
}

impl State {
    fn is_away(&self, account: &AccountId) -> bool {
        self.away || self.away_accounts.contains(account)
    }
}

impl RecordingAdapter {
    /// An adapter for the platform `onebot`, on which no time passes.
    pub fn new() -> Arc<Self> {
        Self::on(Arc::new(HandClock::default()))
    }

    /// The same by this clock.
    pub fn on(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { platform: "onebot".into(), clock, state: Mutex::default(), changed: Notify::new() })
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    /// The next sends of results fail like this, in order.
    pub fn fail_sends(&self, failures: impl IntoIterator<Item = SendError>) {
        self.with(|state| state.failures.extend(failures));
    }

    /// The next sends of words alone fail like this, in order.
    pub fn fail_texts(&self, failures: impl IntoIterator<Item = SendError>) {
        self.with(|state| state.unsaid.extend(failures));
    }

    /// What a link answers.
    pub fn serve(&self, url: &str, answer: Result<Bytes, DownloadError>) {
        self.with(|state| state.pictures.insert(url.to_owned(), answer));
    }

    /// Whether the peer is away: then sends fail as disconnected.
    pub fn set_away(&self, away: bool) {
        self.with(|state| state.away = away);
        self.changed.notify_waiters();
    }

    /// Whether the peer of one account is away.
    pub fn set_account_away(&self, account: &str, away: bool) {
        self.with(|state| {
            state.away_accounts.retain(|known| known.as_str() != account);
            state.away_accounts.extend(away.then(|| account.into()));
        });
        self.changed.notify_waiters();
    }

    /// The peer goes away after so many more sends.
    pub fn away_after(&self, sends: usize) {
        self.with(|state| state.leaves = Some(sends));
    }

    /// The next marks fail like this, in order.
    pub fn fail_reactions(&self, failures: impl IntoIterator<Item = SendError>) {
        self.with(|state| state.unmarked.extend(failures));
    }

    /// Marks wait for the returned notification.
    pub fn hold_reactions(&self) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        self.with(|state| state.hold_marks = Some(go.clone()));
        go
    }

    /// Whether the account was muted or removed: then sends are refused as forbidden.
    pub fn set_silenced(&self, silenced: bool) {
        self.with(|state| state.silenced = silenced);
    }

    /// The account was muted while nobody listened: whoever asks finds it out.
    pub fn silence_unheard(&self) {
        self.with(|state| state.found_silenced = true);
    }

    /// The account is muted for so long, and a notice told that: until then sends are refused as forbidden.
    pub fn mute_for(&self, time: Duration) {
        self.with(|state| state.mute_ends = Some(Instant::now() + time));
    }

    /// So much time passes between two turns of a chat.
    pub fn set_pace(&self, pace: Duration) {
        self.with(|state| state.pace = pace);
    }

    /// Downloads wait for the returned notification.
    pub fn hold_downloads(&self) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        self.with(|state| state.hold = Some(go.clone()));
        go
    }

    /// What a quoted message holds.
    pub fn put_quote(&self, message: &str, quote: Quote) {
        self.with(|state| state.quotes.insert(message.to_owned(), quote));
    }

    /// A member's latest picture message, sent now.
    pub fn put_recent(&self, chat: &str, user: &str, pictures: Vec<PictureRef>) {
        let now = self.clock.now();
        self.with(|state| state.recent.insert((chat.to_owned(), user.to_owned()), (now, pictures)));
    }

    /// A member's role.
    pub fn put_role(&self, user: &str, role: ChatRole) {
        self.with(|state| state.roles.insert(user.to_owned(), role));
    }

    /// All sends so far.
    pub fn sends(&self) -> Vec<RecordedSend> {
        self.with(|state| state.sends.clone())
    }

    /// All reactions so far.
    pub fn reactions(&self) -> Vec<RecordedReaction> {
        self.with(|state| state.reactions.clone())
    }

    /// Links downloaded so far, in order.
    pub fn downloads(&self) -> Vec<String> {
        self.with(|state| state.downloads.clone())
    }

    /// Waits for the n-th send (from 1) and returns it.
    pub async fn send_number(&self, n: usize) -> RecordedSend {
        loop {
            let changed = self.changed.notified();
            if let Some(send) = self.with(|state| state.sends.get(n - 1).cloned()) {
                return send;
            }
            changed.await;
        }
    }

    /// Waits for the n-th reaction (from 1) and returns it.
    pub async fn reaction_number(&self, n: usize) -> RecordedReaction {
        loop {
            let changed = self.changed.notified();
            if let Some(reaction) = self.with(|state| state.reactions.get(n - 1).cloned()) {
                return reaction;
            }
            changed.await;
        }
    }
}

#[async_trait]
impl PictureSource for RecordingAdapter {
    async fn download(
        &self,
        _chat: &Chat,
        picture: &PictureRef,
        max_bytes: u64,
    ) -> Result<Body, DownloadError> {
        let url = match &picture.locator {
            PictureLocator::Url(url) | PictureLocator::Platform { url: Some(url), .. } => url.clone(),
            PictureLocator::Inline(bytes) => return Ok(Body::from_bytes(bytes.clone())),
            _ => return Err(DownloadError::Unreachable("no link".to_owned())),
        };
        let answer = self.with(|state| {
            state.downloads.push(url.clone());
            state.pictures.get(&url).cloned()
        });
        self.changed.notify_waiters();
        if let Some(hold) = self.with(|state| state.hold.clone()) {
            hold.notified().await;
        }
        let bytes = answer.unwrap_or(Err(DownloadError::Expired))?;
        if bytes.len() as u64 > max_bytes {
            return Err(DownloadError::TooLarge { max_bytes });
        }
        Ok(Body::from_bytes(bytes))
    }
}

#[async_trait]
impl Adapter for RecordingAdapter {
    fn platform(&self) -> Platform {
        self.platform.clone()
    }

    fn capabilities(&self, _account: &AccountId) -> AdapterCapabilities {
        AdapterCapabilities {
            group_reactions: true,
            direct_reactions: false,
            files: true,
            clips: true,
            clip_links: true,
            clip_captions: false,
        }
    }

    fn is_connected(&self, account: &AccountId) -> bool {
        self.with(|state| !state.is_away(account))
    }

    async fn connected(&self, account: &AccountId) {
        loop {
            let changed = self.changed.notified();
            if self.is_connected(account) {
                return;
            }
            changed.await;
        }
    }

    fn may_speak(&self, chat: &Chat) -> bool {
        self.with(|state| !state.silenced) && self.muted_for(chat).is_none()
    }

    fn muted_for(&self, _chat: &Chat) -> Option<Duration> {
        let ends = self.with(|state| state.mute_ends)?;
        Some(ends.saturating_duration_since(Instant::now())).filter(|rest| !rest.is_zero())
    }

    async fn turn(&self, chat: &Chat) {
        let turn = self.with(|state| {
            let turn = state.turns.get(chat).copied().unwrap_or_else(Instant::now).max(Instant::now());
            state.turns.insert(chat.clone(), turn + state.pace);
            turn
        });
        if turn > Instant::now() {
            tokio::time::sleep_until(turn).await;
        }
    }

    async fn find_out_may_speak(&self, chat: &Chat) -> bool {
        self.with(|state| state.silenced |= state.found_silenced);
        self.may_speak(chat)
    }

    async fn run(
        self: Arc<Self>,
        _inbox: Arc<dyn Inbox>,
        ready: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> Result<(), AdapterError> {
        ready.send(()).ok();
        stop.cancelled().await;
        Ok(())
    }

    async fn send(&self, target: &Target, reply: &Reply) -> Result<Sent, SendError> {
        let mut send = RecordedSend {
            target: target.clone(),
            text: String::new(),
            pictures: Vec::new(),
            clips: Vec::new(),
            clip_links: Vec::new(),
            as_file: false,
        };
        let read = |body: &Body| {
            body.read().map_err(|error| SendError::Failed {
                failure: SendFailure::Permanent,
                reason: error.to_string(),
            })
        };
        for part in &reply.parts {
            match part {
                Part::Text(text) => send.text.push_str(text),
                Part::Picture(picture) => send.pictures.push(read(&picture.picture.body)?),
                Part::Clip(OutgoingClip { link: Some(link), .. }) => send.clip_links.push(link.clone()),
                Part::Clip(clip) => send.clips.push(read(&clip.clip.body)?),
                Part::File(file) => {
                    send.as_file = true;
                    let bytes = read(file.media.body())?;
                    match &file.media {
                        Media::Picture(_) => send.pictures.push(bytes),
                        Media::Clip(_) => send.clips.push(bytes),
                    }
                }
            }
        }
        let result = self.with(|state| {
            if state.is_away(&target.chat.account) {
                let reason = "away".to_owned();
                return Err(SendError::Failed { failure: SendFailure::Disconnected, reason });
            }
            if state.silenced || state.mute_ends.is_some_and(|ends| ends > Instant::now()) {
                let reason = "silenced".to_owned();
                return Err(SendError::Failed { failure: SendFailure::Forbidden, reason });
            }
            let failures = if reply.has_media() { &mut state.failures } else { &mut state.unsaid };
            if let Some(failure) = failures.pop_front() {
                return Err(failure);
            }
            state.next += 1;
            state.sends.push(send);
            state.leaves = state.leaves.map(|left| left.saturating_sub(1));
            if state.leaves == Some(0) {
                (state.leaves, state.away) = (None, true);
            }
            Ok(Sent { message: Some(format!("sent-{}", state.next).into()), way: "recorded" })
        });
        self.changed.notify_waiters();
        result
    }

    async fn react(&self, target: &Target, reaction: Reaction) -> Result<(), SendError> {
        if let Some(hold) = self.with(|state| state.hold_marks.clone()) {
            hold.notified().await;
        }
        if let Some(failure) = self.with(|state| state.unmarked.pop_front()) {
            return Err(failure);
        }
        self.with(|state| state.reactions.push((target.clone(), reaction)));
        self.changed.notify_waiters();
        Ok(())
    }

    async fn quote(&self, chat: &Chat, message: &MessageId) -> Option<Quote> {
        self.with(|state| {
            let is_away = state.is_away(&chat.account);
            state.quotes.get(message.as_str()).filter(|_| !is_away).cloned()
        })
    }

    fn recent_pictures(&self, chat: &Chat, user: &UserId, within: Duration) -> Vec<PictureRef> {
        let now = self.clock.now();
        self.with(|state| {
            state
                .recent
                .get(&(chat.id.as_str().to_owned(), user.as_str().to_owned()))
                .filter(|(sent, _)| u128::from(now.since(*sent)) <= within.as_millis())
                .map(|(_, pictures)| pictures.clone())
                .unwrap_or_default()
        })
    }

    fn avatar(&self, _account: &AccountId, user: &UserId) -> Option<PictureRef> {
        Some(PictureRef {
            origin: PictureOrigin::Avatar,
            locator: PictureLocator::Url(format!("avatar:{user}")),
        })
    }

    async fn chat_role(&self, _chat: &Chat, user: &UserId) -> ChatRole {
        self.with(|state| state.roles.get(user.as_str()).copied().unwrap_or(ChatRole::Member))
    }
}
