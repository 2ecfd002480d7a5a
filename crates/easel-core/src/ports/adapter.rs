//! A chat platform, seen from the core.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    ids::{AccountId, Chat, MessageId, Platform, UserId},
    media::Body,
    message::{ChatRole, Message, PictureRef, Quote},
    reply::{Clearance, Reaction, Reply, Sent, Target},
};

/// Where an adapter puts what it receives. Implemented by the core.
pub trait Inbox: Send + Sync {
    /// Whether a text could begin a command, judged by prefix and verb alone. Called for every piece of chatter on
    /// the socket's own task: allocates nothing and never blocks.
    fn starts_command(&self, text: &str) -> bool;

    /// Takes a message that may be a command: its text starts one, or it @-mentions the bot, or its chat is direct.
    /// Never blocks; messages of one chat are decided in the order of these calls. When the chat's queue is full the
    /// message is dropped and counted.
    fn deliver(&self, message: Message);

    /// Takes note that a message was taken back, by whoever wrote it or by an admin. A request that has cost nothing yet
    /// is given up; what a provider was asked for goes on. Called for messages of any kind; never blocks.
    ///
    /// From the same moment on the adapter itself neither quotes nor marks the message and gives its pictures to nobody.
    fn recalled(&self, chat: &Chat, message: &MessageId);
}

/// What a platform's adapter can do. The core asks this and never compares a platform's name.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdapterCapabilities {
    /// Can mark a message of a *group* with a reaction. Where it can't, a short text is sent instead.
    pub group_reactions: bool,
    /// Can mark a message of a direct chat.
    pub direct_reactions: bool,
    /// Can send a picture or clip as a file.
    pub files: bool,
    /// Can show a clip in the chat.
    pub clips: bool,
    /// Can show a clip that the platform fetches from a link.
    pub clip_links: bool,
    /// Can show words together with a clip; else they are a message of their own.
    pub clip_captions: bool,
}

/// An adapter could not do its work at all (not: a socket dropped, it reconnects by itself).
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// It can't listen where the configuration says.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The configured address.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The configuration can't work; the text says how to mend it.
    #[error("{0}")]
    Config(String),
}

/// What a failed send allows next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// Sending the same again may work (the peer refused the upload once).
    Transient,
    /// The picture is too large or of a kind that the platform refuses: a smaller encoding or a file may work.
    Picture,
    /// The bot may not speak there (muted, removed, blocked): nothing will work, and nobody there should be told.
    Forbidden,
    /// The peer is not connected (any more) and nothing went out.
    Disconnected,
    /// Nothing will help.
    Permanent,
}

/// A reply was not (certainly) delivered. Told apart because a certain failure may be retried by other means and an
/// unknown outcome never.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Certainly not delivered.
    #[error("not delivered: {reason}")]
    Failed {
        /// What may help.
        failure: SendFailure,
        /// For the owner, redacted.
        reason: String,
    },
    /// The bytes went out and no answer came, or the answer leaves it open.
    #[error("delivery unknown: {reason}")]
    Unknown {
        /// For the owner, redacted.
        reason: String,
    },
}

impl SendError {
    /// The clearance of a reply was withheld: nothing went out.
    pub fn withheld() -> Self {
        Self::Failed {
            failure: SendFailure::Disconnected,
            reason: "its record could not be written before easel stopped".to_owned(),
        }
    }
}

/// A picture reference could not be turned into bytes. Each variant has its own sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// More bytes than allowed.
    #[error("larger than {max_bytes} bytes")]
    TooLarge {
        /// The bound.
        max_bytes: u64,
    },
    /// The link has expired and could not be refreshed.
    #[error("the link has expired")]
    Expired,
    /// The link leads into a private network.
    #[error("the link leads to a private address")]
    Private,
    /// Refused because the name resolved into 198.18.0.0/15, which a local proxy in fake-IP mode answers.
    #[error("the name resolved to a fake-IP address of a local proxy")]
    FakeIp,
    /// Anything else; the text is for the owner, redacted.
    #[error("cannot be downloaded: {0}")]
    Unreachable(String),
}

/// Turns references into bytes; the part of an adapter that the picture collector needs.
#[async_trait]
pub trait PictureSource: Send + Sync {
    /// Downloads one picture, at most `max_bytes`, refreshing an expired link where the platform can.
    ///
    /// # Errors
    /// See [`DownloadError`]. Dropping the future stops the download.
    async fn download(
        &self,
        chat: &Chat,
        picture: &PictureRef,
        max_bytes: u64,
    ) -> Result<Body, DownloadError>;
}

/// One chat platform.
#[async_trait]
pub trait Adapter: PictureSource {
    /// Its name, as used in [`Chat::platform`] and the configuration.
    fn platform(&self) -> Platform;

    /// What it can do on this account.
    fn capabilities(&self, account: &AccountId) -> AdapterCapabilities;

    /// Whether the account can be spoken to now. A send to one that can't fails as [`SendFailure::Disconnected`].
    fn is_connected(&self, account: &AccountId) -> bool;

    /// Waits until the account can be spoken to ([`is_connected`](Self::is_connected)); returns at once while it can. Told
    /// by the connection itself, so it may be awaited for a day. Dropping the future is fine.
    async fn connected(&self, account: &AccountId);

    /// Whether what is said in the chat could be seen there, as far as is known: false where the account was muted or
    /// removed. Asked before a job is paid; what is not known yet shows in [`SendFailure::Forbidden`].
    fn may_speak(&self, _chat: &Chat) -> bool {
        true
    }

    /// The same, asked of the platform where the news of a mute or a removal may have been missed: while easel did not
    /// run, or the account was away. May take a call, a few seconds at most, and remembers the answer for a while.
    ///
    /// Asked only before a job is paid that did not begin with a message just now, or where [`Self::may_speak`] says no: the
    /// news of the end of a mute may have been missed, too. Whoever has just spoken in a chat has
    /// shown that the bot hears it, so an ordinary picture must not wait for an answer; whether the bot is muted there
    /// shows at its first send, and is remembered.
    async fn find_out_may_speak(&self, chat: &Chat) -> bool {
        self.may_speak(chat)
    }

    /// How much longer the account is muted in the chat, at most, where somebody told its end; `None` where it is not muted,
    /// or for good.
    fn muted_for(&self, _chat: &Chat) -> Option<Duration> {
        None
    }

    /// Runs until `stop`: listens or connects, reconnects for ever, delivers messages to the inbox. Calls `ready`
    /// once, when it listens (or has started to dial).
    ///
    /// # Errors
    /// Only what no reconnect can mend.
    async fn run(
        self: Arc<Self>,
        inbox: Arc<dyn Inbox>,
        ready: tokio::sync::oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> Result<(), AdapterError>;

    /// Waits until the chat may get its next picture, clip or file, where the platform suffers only so many; at once where
    /// nobody came before. Turns are in the order of these calls; dropping the future is fine.
    async fn turn(&self, _chat: &Chat) {}

    /// Sends one reply; one with media at its [`turn`](Self::turn), for which the caller has waited. Chooses the way by itself (base64, stream upload, …) and walks its own ladder after certain
    /// failures; never sends twice after an unknown outcome.
    ///
    /// # Errors
    /// See [`SendError`]. The future is not cancelled by callers once it has started.
    async fn send(&self, target: &Target, reply: &Reply) -> Result<Sent, SendError>;

    /// The same, begun before the job's record is durable: nothing that could show in the chat may leave before
    /// `clearance`. An adapter that can hold the end of a message back overrides this; the others wait first.
    ///
    /// # Errors
    /// See [`Adapter::send`]; a withheld clearance is [`SendFailure::Disconnected`].
    async fn send_early(
        &self,
        target: &Target,
        reply: &Reply,
        clearance: &Clearance,
    ) -> Result<Sent, SendError> {
        if clearance.given().await { self.send(target, reply).await } else { Err(SendError::withheld()) }
    }

    /// Marks the quoted message of `target`, replacing the job's earlier mark. Best effort.
    ///
    /// # Errors
    /// See [`SendError`]; callers ignore it beyond falling back to a text.
    async fn react(&self, target: &Target, reaction: Reaction) -> Result<(), SendError>;

    /// What a quoted message holds, its forwards expanded; `None` when it can't be had (recalled, too old).
    async fn quote(&self, chat: &Chat, message: &MessageId) -> Option<Quote>;

    /// The pictures of the member's latest picture message in that chat, if it is at most `within` old.
    fn recent_pictures(&self, chat: &Chat, user: &UserId, within: Duration) -> Vec<PictureRef>;

    /// A member's avatar, if the platform has one.
    fn avatar(&self, account: &AccountId, user: &UserId) -> Option<PictureRef>;

    /// A person's role in a chat, when the event did not tell.
    async fn chat_role(&self, chat: &Chat, user: &UserId) -> ChatRole;
}
