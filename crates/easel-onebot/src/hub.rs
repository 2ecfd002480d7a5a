//! What all connections share: the accounts that are known, the ways to reach each, and the way of an event to the
//! inbox.

mod account;
mod breaker;
mod link;
mod standing;

pub(crate) use account::Account;
use breaker::Breaker;
pub(crate) use link::{CallFailure, Dialect, Link};
pub(crate) use standing::Left;

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};

use easel_core::{
    ids::{AccountId, Chat, ChatId, ChatKind, MessageId, Platform, UnixMillis, UserId},
    message::Message,
    ports::{Clock, Inbox},
};
use secrecy::SecretString;
use tokio::sync::Notify;
use tracing::debug;

use crate::{
    config::OneBotSection,
    inbound::{Identity, Recalled, message_from, wire::Frame},
    transport::{Throttle, Timing},
};

/// Accounts that are remembered without a connection; an owner has a handful.
const MAX_ACCOUNTS: usize = 64;
/// Commands that are remembered to recognise that two own accounts, or two implementations, saw the same one.
const SHARED: usize = 256;
/// They see one message with at most this difference in time.
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
    /// Commands that came through one of several own accounts, or connections.
    shared: Mutex<VecDeque<Shared>>,
    /// Rings whenever an account got a link, or is logged in again.
    pub(crate) came: Arc<Notify>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timing: Timing,
    /// For HTTP mode.
    pub(crate) http: easel_http::HttpClient,
}

struct Shared {
    chat: Chat,
    user: UserId,
    text: u64,
    sent_at: UnixMillis,
    /// Which link it came by, as a number.
    way: usize,
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
            let named = |account: &Arc<Account>| idle(account) && !account.is_own();
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
        self.account(&AccountId::new(user)).is_some_and(|account| account.is_own())
    }

    /// A parsed message event on its way from a link to the inbox.
    pub(crate) fn take_message(
        &self,
        account: &Account,
        by: &Arc<Link>,
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
            account.set_online(by, true);
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
        // Nobody could see the answer, not even that there is none. Where the mute may be over, the platform is asked before
        // anything is paid.
        let group = message.chat.id.as_str();
        if message.chat.kind == ChatKind::Group && account.is_muted(group, now) && !account.doubts_mute(group)
        {
            debug!(account = %account.id, group = %message.chat.id, "a command came from a group that muted the account");
            return;
        }
        if !self.came_another_way(account, by, &message) {
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

    /// Whether another own account in the same group delivered this message already, or another implementation that holds
    /// the same account: each sees it with an id of its own. A mention names one account, so it is no other's.
    fn came_another_way(&self, account: &Account, by: &Arc<Link>, message: &Message) -> bool {
        let others = message.chat.kind == ChatKind::Group
            && !message.mentions_me
            && self.accounts.read().unwrap_or_else(PoisonError::into_inner).len() > 1;
        if !others && !account.has_several_links() {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        message.text.hash(&mut hasher);
        let text = hasher.finish();
        let way = Arc::as_ptr(by).addr();
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.iter().any(|seen| {
            let elsewhere = if seen.chat.account == message.chat.account {
                seen.way != way && seen.chat == message.chat
            } else {
                others && seen.chat.kind == ChatKind::Group && seen.chat.id == message.chat.id
            };
            elsewhere
                && seen.text == text
                && seen.user == message.sender.id
                && seen.sent_at.0.abs_diff(message.sent_at.0) <= SHARED_WITHIN_MS
        });
        if !known {
            if shared.len() >= SHARED {
                shared.pop_front();
            }
            shared.push_back(Shared {
                chat: message.chat.clone(),
                user: message.sender.id.clone(),
                text,
                sent_at: message.sent_at,
                way,
            });
        }
        known
    }
}
