//! What a quoted message holds: from memory, from `get_msg`, from the group's history; merged forwards opened.

use easel_core::{
    ids::{Chat, ChatKind, MessageId, UserId},
    message::{PictureLocator, PictureOrigin, PictureRef, Quote},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::OneBot;
use crate::{
    hub::Link,
    inbound::{
        collect,
        wire::{self, Frame, Raw},
    },
    outbound,
};

/// Forwards inside forwards that are opened.
const MAX_DEPTH: u32 = 3;
/// Pictures that are taken from forwards.
const MAX_PICTURES: usize = 20;

impl OneBot {
    /// Looks a quoted message up.
    pub(super) async fn look_up(&self, chat: &Chat, message: &MessageId) -> Option<Quote> {
        let account = self.hub.account(&chat.account)?;
        let id = message.as_str();
        // Some implementations still show what its author took back.
        if account.was_taken_back(id) {
            return None;
        }
        // Memory first: implementations forget ids, and lose lone pictures in direct chats.
        if let Some(found) = account.with_ring(|ring| ring.find(chat, id, self.hub.clock.now())) {
            return Some(Quote {
                sender: Some(UserId::from(found.user)),
                text: String::new(),
                pictures: found.pictures,
            });
        }
        let link = account.link()?;
        if let Ok(reply) = link.call(outbound::get_message(id)).await
            && let Some(data) = &reply.data
            && let Ok(frame) = serde_json::from_str::<Frame<'_>>(data.get())
            && (frame.message.is_some() || frame.content.is_some())
        {
            return Some(read(&link, &frame, id).await);
        }
        if chat.kind != ChatKind::Group {
            return None;
        }
        let history = link.call(outbound::get_history(chat.id.as_str(), id)).await.ok()?.data?;
        let history: Messages<'_> = serde_json::from_str(history.get()).ok()?;
        for raw in list(history.messages) {
            if let Ok(frame) = serde_json::from_str::<Frame<'_>>(raw.get())
                && wire::text(frame.message_id).as_deref() == Some(id)
            {
                return Some(read(&link, &frame, id).await);
            }
        }
        None
    }
}

/// Reads a message that was fetched, and what is forwarded in it.
async fn read(link: &Link, frame: &Frame<'_>, id: &str) -> Quote {
    let segments = wire::segments(frame.message.or(frame.content));
    let content = collect(&segments, id, PictureOrigin::Quote);
    let mut pictures = content.pictures;
    let mut forwarded = Vec::new();
    for (forward, messages) in &content.forwards {
        open(link, forward.as_deref(), *messages, 1, &mut forwarded).await;
    }
    pictures.append(&mut forwarded);
    let sender = wire::filled(frame.sender.user_id).or_else(|| wire::filled(frame.user_id));
    Quote { sender: sender.map(|id| UserId::new(&id)), text: content.text, pictures }
}

/// A list of messages under either of its names.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Messages<'a> {
    #[serde(borrow)]
    messages: Raw<'a>,
    #[serde(borrow)]
    message: Raw<'a>,
}

fn list(raw: Raw<'_>) -> Vec<&RawValue> {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Collects the pictures of a merged forward. `messages` are those that the implementation expanded already: asking
/// for an inner forward again fails.
async fn open(link: &Link, id: Option<&str>, messages: Raw<'_>, depth: u32, pictures: &mut Vec<PictureRef>) {
    if depth > MAX_DEPTH || pictures.len() >= MAX_PICTURES {
        return;
    }
    if messages.is_some() {
        return Box::pin(read_nodes(link, &list(messages), depth, pictures)).await;
    }
    let Some(id) = id else { return };
    let Ok(reply) = link.call(outbound::get_forward(id)).await else { return };
    let Some(data) = reply.data else { return };
    if let Ok(answer) = serde_json::from_str::<Messages<'_>>(data.get()) {
        let nodes = list(answer.messages.or(answer.message));
        Box::pin(read_nodes(link, &nodes, depth, pictures)).await;
    }
}

async fn read_nodes(link: &Link, nodes: &[&RawValue], depth: u32, pictures: &mut Vec<PictureRef>) {
    for node in nodes {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(node.get()) else { continue };
        // NapCat lists messages, LLOneBot and go-cqhttp write `content`, the standard and Lagrange wrap it in nodes.
        let inner = frame.data.and_then(|data| serde_json::from_str::<Frame<'_>>(data.get()).ok());
        let body = frame
            .message
            .or(frame.content)
            .or_else(|| inner.and_then(|inner| inner.content.or(inner.message)));
        let content = collect(&wire::segments(body), "", PictureOrigin::Quote);
        for mut picture in content.pictures {
            if pictures.len() >= MAX_PICTURES {
                return;
            }
            // Tokens of inner pictures mean nothing to `get_image`.
            if let PictureLocator::Platform { url: Some(_), file, .. } = &mut picture.locator {
                *file = None;
            }
            pictures.push(picture);
        }
        for (id, messages) in &content.forwards {
            open(link, id.as_deref(), *messages, depth + 1, pictures).await;
        }
    }
}
