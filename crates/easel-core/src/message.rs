//! The normalised incoming message.
//!
//! Adapters build it; everything behind them reads only this. Pictures are *references*: nothing is downloaded
//! before a command is accepted.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{Chat, MessageId, UnixMillis, UserId};

/// One incoming message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it appeared.
    pub chat: Chat,
    /// Its id on the platform.
    pub id: MessageId,
    /// Who wrote it.
    pub sender: Sender,
    /// The text segments joined, without the bot's own leading mention; pictures and other mentions leave nothing.
    pub text: String,
    /// Whether the bot itself was @-mentioned (the automatic mention of a quoted sender does not count).
    pub mentions_me: bool,
    /// Pictures of the message itself, in reading order.
    pub pictures: Vec<PictureRef>,
    /// Other members that were @-mentioned, each once, without the automatic mention of the quoted sender.
    pub mentions: Vec<UserId>,
    /// The message that this one quotes.
    pub quote: Option<MessageId>,
    /// When the platform says it was sent.
    pub sent_at: UnixMillis,
}

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Their id.
    pub id: UserId,
    /// What other members see: group card or nickname. May be empty.
    pub name: String,
    /// Their role in this chat, as far as the event told.
    pub role: ChatRole,
}

/// A person's role in a chat, by the platform's own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// Created the chat.
    Owner,
    /// Manages the chat.
    Admin,
    /// Ordinary.
    Member,
    /// The event did not say; ask [`crate::ports::Adapter::chat_role`] when it matters.
    Unknown,
}

/// Where a picture was found, which decides its place among a job's inputs and what is said when it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureOrigin {
    /// In the quoted message (or in a forward inside it).
    Quote,
    /// In the message itself.
    Message,
    /// In an earlier message of the same member.
    Recent,
    /// A member's avatar.
    Avatar,
    /// Given on the command line.
    File,
}

/// A picture by reference; only the adapter that made it can turn it into bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureRef {
    /// Where it was found.
    pub origin: PictureOrigin,
    /// How to get it.
    pub locator: PictureLocator,
}

/// How a picture can be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureLocator {
    /// A link that somebody in a chat (or the platform) gave. User input: private addresses are refused.
    Url(String),
    /// A picture of a platform message: the platform's file token and the message that carries it let an expired
    /// link be refreshed.
    Platform {
        /// The link of the event, if it had one.
        url: Option<String>,
        /// The platform's own name for the file.
        file: Option<String>,
        /// The message that carried it.
        message: Option<MessageId>,
    },
    /// The bytes came along (for example `base64://`). Not recorded in the ledger.
    #[serde(skip)]
    Inline(Bytes),
    /// A file named by the owner on the command line.
    #[serde(skip)]
    File(Arc<std::path::Path>),
}

/// What a quoted message holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Who wrote it.
    pub sender: Option<UserId>,
    /// Its text.
    pub text: String,
    /// Its pictures, then those of a merged forward inside it, in reading order.
    pub pictures: Vec<PictureRef>,
}
