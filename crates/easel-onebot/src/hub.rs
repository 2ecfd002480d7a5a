//! What all connections share: the accounts that are known, the ways to reach each, and the way of an event to the
//! inbox.

mod breaker;
mod link;

use breaker::Breaker;
pub(crate) use link::{CallFailure, Dialect, Link};

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use easel_core::{
    ids::{AccountId, Chat, ChatId, ChatKind, MessageId, Platform, UnixMillis},
    message::Message,
    ports::{Clock, Inbox},
};
use secrecy::SecretString;
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use crate::{
    config::OneBotSection,
    inbound::{Identity, PictureFrame, Recalled, message_from, wire::Frame},
    outbound::{MUTED, NOT_A_MEMBER},
    peer_clock::{PeerClock, Skew},
    recent::{Ring, Seen},
    transport::{Throttle, Timing},
};

/// How long a group counts as muted after a send was refused for that reason; its end is told by nobody when the
/// notice of its beginning got lost.
const MUTED_AFTER_REFUSAL_SECONDS: u64 = 10 * 60;
/// Accounts that are remembered without a connection; an owner has a handful.
const MAX_ACCOUNTS: usize = 64;
/// Groups per account that are remembered as muting it, and as left.
const MAX_SHUT: usize = 4096;
/// Redelivered messages are dropped for this long.
const DUPLICATE_LIFE_MS: u64 = 10 * 60 * 1000;
/// Message ids per account that are remembered against double delivery.
const DUPLICATES: usize = 8192;
/// Own messages per account that are remembered, to recognise a quote of them.
const OWN_MESSAGES: usize = 1024;
/// Messages per account that are remembered as taken back.
const TAKEN_BACK: usize = 1024;
/// Commands that are remembered to recognise that two own accounts saw the same one.
const SHARED: usize = 256;
/// Two accounts see one message with at most this difference in time.
const SHARED_WITHIN_MS: u64 = 2000;

/// A configured section with its secret read.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its keys.
    pub(crate) config: OneBotSection,
    /// Its token.
    pub(crate) token: Option<SecretString>,
    /// Its place in the configuration.
    pub(crate) index: usize,
    /// Where it listens, once it does.
    pub(crate) address: OnceLock<SocketAddr>,
    /// Leaves its file receiver alone after a failure.
    pub(crate) napfile: Breaker,
    /// What it refused.
    pub(crate) refused: Throttle,
}

impl Section {
    /// A section that nothing is known of yet.
    pub(crate) fn new(config: OneBotSection, token: Option<SecretString>, index: usize) -> Self {
        Self {
            config,
            token,
            index,
            address: OnceLock::new(),
            napfile: Breaker::default(),
            refused: Throttle::default(),
        }
    }
}

/// Everything that connections share.
pub(crate) struct Hub {
    inbox: RwLock<Option<Arc<dyn Inbox>>>,
    accounts: RwLock<HashMap<AccountId, Arc<Account>>>,
    /// Commands that came through one of several own accounts.
    shared: Mutex<VecDeque<Shared>>,
    /// Rings whenever an account got a link, or is logged in again.
    pub(crate) came: Arc<Notify>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timing: Timing,
    /// For HTTP mode.
    pub(crate) http: easel_http::HttpClient,
}

struct Shared {
    group: String,
    user: String,
    text: u64,
    sent_at: UnixMillis,
    account: AccountId,
}

/// One account and what is known about it.
pub(crate) struct Account {
    /// Its number.
    pub(crate) id: AccountId,
    memory: Mutex<Memory>,
    /// Newest first. An old connection may live on beside a newer one and is used again when that ends.
    links: Mutex<Vec<Arc<Link>>>,
    /// Whether it is logged in to QQ, as far as the implementation told.
    online: AtomicBool,
    /// The hub's bell for those who wait for an account.
    came: Arc<Notify>,
    /// Whether it is one of the owner's: a socket was bound to it, or the implementation named it when asked. What an
    /// event's header says is not enough.
    own: AtomicBool,
}

struct Memory {
    ring: Ring,
    delivered: Seen<String>,
    own: Seen<String>,
    /// Messages that were taken back: neither quoted nor marked, because implementations refuse or drop that.
    taken_back: Seen<String>,
    clock: PeerClock,
    /// Groups that muted it.
    muted: HashMap<i64, Mute>,
    /// Groups that it was in and is in no more, and how that is known.
    left: HashMap<i64, Left>,
}

/// A mute in a group.
#[derive(Clone, Copy, Debug)]
struct Mute {
    /// When it is over, or is taken to be.
    until: UnixMillis,
    /// Whether a notice told that.
    is_told: bool,
}

/// How it is known that an account is in a group no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// A notice said so.
    Told,
    /// A send was refused with a code that may mean something else, too (Lagrange passes on QQ's own).
    Refused,
}

impl Account {
    fn new(id: AccountId, came: Arc<Notify>) -> Self {
        Self {
            id,
            came,
            memory: Mutex::new(Memory {
                ring: Ring::default(),
                delivered: Seen::new(DUPLICATES, DUPLICATE_LIFE_MS),
                own: Seen::new(OWN_MESSAGES, DUPLICATE_LIFE_MS * 24),
                taken_back: Seen::new(TAKEN_BACK, DUPLICATE_LIFE_MS * 24),
                clock: PeerClock::default(),
                muted: HashMap::new(),
                left: HashMap::new(),
            }),
            links: Mutex::default(),
            online: AtomicBool::new(true),
            own: AtomicBool::new(false),
        }
    }

    /// Takes note that it is one of the owner's.
    pub(crate) fn set_own(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// The way to make calls; `None` while there is none.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.links().iter().find(|link| link.is_up()).cloned()
    }

    /// The newest connection wins: an old one may be half open for minutes. An account that was logged out is not back
    /// because its implementation is; see [`Self::ask_whether_back`].
    pub(crate) fn set_link(&self, link: Arc<Link>) {
        let mut links = self.links();
        links.retain(|known| known.is_up() && !Arc::ptr_eq(known, &link));
        links.insert(0, link);
        drop(links);
        self.came.notify_waiters();
    }

    /// Forgets a link; an older one that is still up takes its place.
    pub(crate) fn clear_link(&self, old: &Arc<Link>) {
        self.links().retain(|link| !Arc::ptr_eq(link, old));
    }

    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is logged in to QQ.
    pub(crate) fn is_online(&self) -> bool {
        self.online.load(Ordering::Acquire)
    }

    /// While it counts as logged out, asks over a new link, every so often, whether it is back. An implementation that can't
    /// tell is believed to be of use.
    pub(crate) async fn ask_whether_back(&self, link: &Link, every: Duration) {
        while !self.is_online() {
            let told = link.is_logged_in().await;
            if !link.is_up() {
                return;
            }
            match told {
                Some(false) => tokio::time::sleep(every).await,
                Some(true) | None => self.set_online(true),
            }
        }
    }

    /// Takes note of it; says so when it changes.
    pub(crate) fn set_online(&self, online: bool) {
        if self.online.swap(online, Ordering::AcqRel) != online {
            if online {
                self.came.notify_waiters();
                info!(account = %self.id, "the account is logged in to QQ again");
            } else {
                warn!(
                    account = %self.id,
                    "the account was logged out of QQ; log in again in the OneBot implementation"
                );
            }
        }
    }

    /// Whether the group muted it.
    pub(crate) fn is_muted(&self, group: &str, now: UnixMillis) -> bool {
        let Ok(group) = group.parse() else { return false };
        self.memory().muted.get(&group).is_some_and(|mute| mute.until > now)
    }

    /// How much longer the group mutes it, where a notice told that; `None` also where it is no member any more.
    pub(crate) fn muted_for(&self, group: &str, now: UnixMillis) -> Option<Duration> {
        let group = group.parse().ok()?;
        let memory = self.memory();
        let mute =
            memory.muted.get(&group).filter(|mute| mute.is_told && !memory.left.contains_key(&group))?;
        Some(Duration::from_millis(mute.until.since(now))).filter(|rest| !rest.is_zero())
    }

    /// Takes note that a group muted it; 0 seconds lifts it.
    pub(crate) fn set_muted(&self, group: i64, seconds: i64, now: UnixMillis) {
        // Negative means until it is lifted; a day at most, in case the notice of that gets lost.
        let until = u64::try_from(seconds).unwrap_or(24 * 60 * 60).min(30 * 24 * 60 * 60);
        self.mute(group, until, seconds > 0, now);
    }

    fn mute(&self, group: i64, seconds: u64, is_told: bool, now: UnixMillis) {
        let mut memory = self.memory();
        memory.muted.retain(|_, mute| mute.until > now);
        if seconds == 0 {
            memory.muted.remove(&group);
        } else if memory.muted.len() < MAX_SHUT {
            memory.muted.insert(group, Mute { until: UnixMillis(now.0 + seconds * 1000), is_told });
        }
    }

    /// Takes note that a send to a group was refused because the account is muted there.
    pub(crate) fn learn_muted(&self, group: &str, now: UnixMillis) {
        if let Ok(id) = group.parse()
            && !self.is_muted(group, now)
        {
            self.mute(id, MUTED_AFTER_REFUSAL_SECONDS, false, now);
        }
    }

    /// Takes note that a notice told that it came into a group, or is out of it.
    pub(crate) fn set_member(&self, group: i64, is_member: bool) {
        if is_member {
            self.memory().left.remove(&group);
        } else {
            self.leave(group, Left::Told);
        }
    }

    fn leave(&self, group: i64, how: Left) {
        let mut memory = self.memory();
        if memory.left.len() < MAX_SHUT {
            memory.left.insert(group, how);
        }
    }

    /// A send to a group was refused for good.
    pub(crate) fn learn_refused(&self, group: &str, reason: &str, now: UnixMillis) {
        if reason.starts_with(MUTED) {
            self.learn_muted(group, now);
        } else if reason.starts_with(NOT_A_MEMBER)
            && let Ok(group) = group.parse()
        {
            self.leave(group, Left::Refused);
        }
    }

    /// Whether it is known to be in the group no more.
    pub(crate) fn has_left(&self, group: &str) -> Option<Left> {
        self.memory().left.get(&group.parse().ok()?).copied()
    }

    /// Something shows that it is in the group.
    pub(crate) fn is_back(&self, group: &str) {
        if let Ok(group) = group.parse() {
            self.set_member(group, true);
        }
    }

    /// Whether nothing that it says in the group would be seen there: it is muted, or no member any more.
    pub(crate) fn is_shut_out(&self, group: &str, now: UnixMillis) -> bool {
        let Ok(id) = group.parse() else { return false };
        let memory = self.memory();
        memory.left.contains_key(&id) || memory.muted.get(&id).is_some_and(|mute| mute.until > now)
    }

    /// Remembers chatter with pictures.
    pub(crate) fn remember_frame(&self, frame: &PictureFrame<'_>, now: UnixMillis) {
        self.memory().ring.push_frame(frame, now);
    }

    /// Remembers that a message is its own.
    pub(crate) fn remember_own(&self, id: &str, now: UnixMillis) {
        self.memory().own.insert(id.to_owned(), now);
    }

    /// A message was taken back: it is not quoted any more, and its pictures are nobody's.
    fn take_back(&self, id: &str, now: UnixMillis) {
        let mut memory = self.memory();
        memory.taken_back.insert(id.to_owned(), now);
        memory.ring.forget(id);
    }

    /// Whether a message was taken back.
    pub(crate) fn was_taken_back(&self, id: &str) -> bool {
        self.memory().taken_back.contains(id)
    }

    /// The implementation told the time (0 = it did not).
    pub(crate) fn hear_time(&self, time: UnixMillis, now: UnixMillis) {
        if time.0 > 0 {
            let warning = self.memory().clock.beat(time, now);
            self.warn_of(warning);
        }
    }

    fn warn_of(&self, warning: Option<Skew>) {
        if let Some(skew) = warning {
            warn!(
                account = %self.id, seconds = skew.seconds(), evidence = skew.evidence(),
                "the clock of this machine and the times of OneBot events differ; commands are judged by the events' \
                 times as far as possible. Set the clock of this machine, or of the one where the implementation \
                 runs (timedatectl set-ntp true)"
            );
        }
    }

    /// Reads the ring.
    pub(crate) fn with_ring<T>(&self, read: impl FnOnce(&Ring) -> T) -> T {
        read(&self.memory().ring)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// A hub without accounts.
    pub(crate) fn new(clock: Arc<dyn Clock>, timing: Timing, http: easel_http::HttpClient) -> Self {
        Self {
            inbox: RwLock::new(None),
            accounts: RwLock::default(),
            shared: Mutex::default(),
            came: Arc::default(),
            clock,
            timing,
            http,
        }
    }

    /// Where messages go.
    pub(crate) fn set_inbox(&self, inbox: Arc<dyn Inbox>) {
        *self.inbox.write().unwrap_or_else(PoisonError::into_inner) = Some(inbox);
    }

    /// The inbox, once the adapter runs.
    pub(crate) fn inbox(&self) -> Option<Arc<dyn Inbox>> {
        self.inbox.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An account that was seen.
    pub(crate) fn account(&self, id: &AccountId) -> Option<Arc<Account>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// An account, made known if it is new.
    pub(crate) fn account_or_new(&self, id: &str) -> Arc<Account> {
        let id = AccountId::new(id);
        if let Some(known) = self.account(&id) {
            return known;
        }
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(&id) {
            // Those with a connection are bounded by the sockets; of the others nobody holds more than a memory.
            let idle = |account: &Arc<Account>| account.link().is_none() && Arc::strong_count(account) == 1;
            let named = |account: &Arc<Account>| idle(account) && !account.own.load(Ordering::Relaxed);
            let forgotten = accounts
                .iter()
                .find(|(_, account)| named(account))
                .or_else(|| accounts.iter().find(|(_, account)| idle(account)))
                .map(|(id, _)| id.clone());
            if let Some(forgotten) = forgotten {
                accounts.remove(&forgotten);
            }
        }
        let account = || Arc::new(Account::new(id.clone(), Arc::clone(&self.came)));
        Arc::clone(accounts.entry(id.clone()).or_insert_with(account))
    }

    fn is_own(&self, user: &str) -> bool {
        self.account(&AccountId::new(user)).is_some_and(|account| account.own.load(Ordering::Relaxed))
    }

    /// A parsed message event on its way to the inbox.
    pub(crate) fn take_message(
        &self,
        account: &Account,
        me: &Identity,
        frame: &Frame<'_>,
        inbox: &dyn Inbox,
    ) {
        let now = self.clock.now();
        let wrote = |id: &str| {
            let memory = account.memory();
            if memory.own.contains(id) { Some(me.id.clone()) } else { memory.ring.author(id) }
        };
        let Some(message) = message_from(frame, me, &wrote) else { return };
        {
            let mut memory = account.memory();
            if !memory.delivered.insert(message.id.to_string(), now) {
                return;
            }
            if !message.pictures.is_empty()
                && let Some(raw) = frame.message
            {
                let sender = message.sender.id.as_str();
                memory.ring.push_message(&message.chat, sender, message.id.as_str(), raw, now);
            }
        }
        let (is_stale, warning) = account.memory().clock.judge(message.sent_at, now, self.timing.clock_proof);
        account.warn_of(warning);
        if !is_stale {
            // Who hears the others is logged in. Without heartbeats nothing else tells the end of `bot_offline`.
            account.set_online(true);
            // And is in their group. A refusal that was taken for a removal must not shut it for ever.
            if message.chat.kind == ChatKind::Group {
                account.is_back(message.chat.id.as_str());
            }
        }
        // Another account of the same owner is no member that may give commands.
        if self.is_own(message.sender.id.as_str()) {
            return;
        }
        let for_us =
            message.chat.kind.is_direct() || message.mentions_me || inbox.starts_command(&message.text);
        if !for_us {
            return;
        }
        if is_stale {
            debug!(account = %account.id, message = %message.id, sent_at = message.sent_at.0, "a command is too old to be answered");
            return;
        }
        // Nobody could see the answer, not even that there is none.
        if message.chat.kind == ChatKind::Group && account.is_muted(message.chat.id.as_str(), now) {
            debug!(account = %account.id, group = %message.chat.id, "a command came from a group that muted the account");
            return;
        }
        if !self.came_by_another_account(&message) {
            inbox.deliver(message);
        }
    }

    /// A message was taken back.
    pub(crate) fn take_back(&self, account: &Account, me: &Identity, recalled: &Recalled, inbox: &dyn Inbox) {
        account.take_back(&recalled.message, self.clock.now());
        let (kind, id) = match &recalled.group {
            Some(group) => (ChatKind::Group, group),
            None => (ChatKind::Direct, &recalled.user),
        };
        let chat = Chat {
            platform: Platform::new(crate::PLATFORM),
            account: AccountId::new(&me.id),
            kind,
            id: ChatId::new(id),
            parent: None,
        };
        inbox.recalled(&chat, &MessageId::new(&recalled.message));
    }

    /// Whether another own account in the same group delivered this message already: each sees it with an id of its
    /// own. A mention names one of them, so it is never dropped.
    fn came_by_another_account(&self, message: &Message) -> bool {
        if message.chat.kind != ChatKind::Group || message.mentions_me {
            return false;
        }
        if self.accounts.read().unwrap_or_else(PoisonError::into_inner).len() < 2 {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        message.text.hash(&mut hasher);
        let text = hasher.finish();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.iter().any(|seen| {
            seen.account != message.chat.account
                && seen.text == text
                && seen.group == message.chat.id.as_str()
                && seen.user == message.sender.id.as_str()
                && seen.sent_at.0.abs_diff(message.sent_at.0) <= SHARED_WITHIN_MS
        });
        if !known {
            if shared.len() >= SHARED {
                shared.pop_front();
            }
            shared.push_back(Shared {
                group: message.chat.id.to_string(),
                user: message.sender.id.to_string(),
                text,
                sent_at: message.sent_at,
                account: message.chat.account.clone(),
            });
        }
        known
    }
}
