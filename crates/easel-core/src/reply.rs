//! What easel sends back, platform-neutral.

use tokio::sync::watch;

use crate::{
    ids::{Chat, MessageId},
    media::{Clip, Media, Picture},
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
    /// A clip shown in the chat. Alone in its reply unless the adapter's `clip_captions` says otherwise.
    Clip(OutgoingClip),
    /// A picture or clip sent as a file, so that the platform does not recompress (or refuse) it. Alone in its reply.
    File(OutgoingFile),
}

/// A picture on its way out.
#[derive(Clone, Debug)]
pub struct OutgoingPicture {
    /// The bytes and what they are.
    pub picture: Picture,
    /// File name with extension, ASCII, unique (it holds the job id).
    pub name: String,
}

/// A clip on its way out.
#[derive(Clone, Debug)]
pub struct OutgoingClip {
    /// The bytes and what they are.
    pub clip: Clip,
    /// As [`OutgoingPicture::name`].
    pub name: String,
    /// The platform is to fetch it from here, the service's own link, instead of being given the bytes.
    pub link: Option<String>,
}

/// A picture or clip on its way out as a file.
#[derive(Clone, Debug)]
pub struct OutgoingFile {
    /// The bytes and what they are.
    pub media: Media,
    /// As [`OutgoingPicture::name`].
    pub name: String,
}

/// Says when a reply that is on its way may become whole at the peer: not before its record was written, or could not be.
///
/// Adapters that can stop short of the end use the time until then for everything but the last bytes.
#[derive(Clone, Debug)]
pub struct Clearance(watch::Receiver<bool>);

/// Gives the clearance; dropped without giving it, it withholds it for good.
#[derive(Debug)]
pub struct Grant(watch::Sender<bool>);

impl Clearance {
    /// A clearance and who gives it.
    pub fn new() -> (Grant, Self) {
        let (sender, receiver) = watch::channel(false);
        (Grant(sender), Self(receiver))
    }

    /// Waits for it; false when it is withheld for good.
    pub async fn given(&self) -> bool {
        self.0.clone().wait_for(|given| *given).await.is_ok()
    }
}

impl Grant {
    /// From here on the peer may have the whole.
    pub fn give(&self) {
        self.0.send_replace(true);
    }
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
