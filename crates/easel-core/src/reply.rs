//! What easel sends back, platform-neutral.

use crate::{
    ids::{Chat, MessageId},
    media::Picture,
};

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The chat.
    pub chat: Chat,
    /// The message that is answered; adapters quote it where they can.
    pub quote: Option<MessageId>,
}

/// One outgoing message.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The parts in order; never empty.
    pub parts: Vec<Part>,
}

impl Reply {
    /// A reply of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(text.into())] }
    }

    /// Whether it carries pictures or files (those are paced per chat, texts are not).
    pub fn has_media(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Text(_)))
    }
}

/// A part of a reply.
#[derive(Clone, Debug)]
pub enum Part {
    /// Plain text. Never markup: adapters escape it.
    Text(String),
    /// A picture shown in the chat.
    Picture(OutgoingPicture),
    /// A picture sent as a file, so that the platform does not recompress (or refuse) it. Alone in its reply.
    File(OutgoingPicture),
}

/// A picture on its way out.
#[derive(Clone, Debug)]
pub struct OutgoingPicture {
    /// The bytes and what they are.
    pub picture: Picture,
    /// File name with extension, ASCII, unique (it holds the job id).
    pub name: String,
}

/// Proof of delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The new message's id, when the platform told it.
    pub message: Option<MessageId>,
    /// How the media travelled (`base64`, `stream`, `napfile`, …), for the owner's log.
    pub way: &'static str,
}

/// A mark on the request that tells how far the job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Accepted, in work.
    Working,
    /// The result was delivered.
    Done,
    /// The job failed.
    Failed,
}
