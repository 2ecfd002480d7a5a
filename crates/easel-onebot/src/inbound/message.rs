//! Normalises a message: what it says, what it shows, whom it names.

use std::borrow::Cow;

use bytes::Bytes;
use easel_core::{
    ids::{AccountId, Chat, ChatId, ChatKind, MessageId, Platform, UnixMillis, UserId},
    message::{ChatRole, Message, PictureLocator, PictureOrigin, PictureRef, Sender},
};

use super::{
    Identity, is_blank, trim,
    wire::{Frame, Raw, Segment, filled, int, is, segments, text},
};

/// Marks the token of a picture that was sent as a file; what follows is the `file_id`.
pub(crate) const FILE_TOKEN: &str = "onebot-file:";

/// What NapCat says when it does not know the group of a temporary session, or of a message inside a forward.
const PLACEHOLDER_GROUP: i64 = 284_840_486;

/// Turns a message event into a message. `None` when it is the account's own, or lacks an id or a sender.
/// `wrote` tells who wrote an earlier message, as far as it is known.
pub(crate) fn message_from(
    frame: &Frame<'_>,
    me: &Identity,
    wrote: &dyn Fn(&str) -> Option<String>,
) -> Option<Message> {
    if !is(frame.post_type, "message") {
        return None;
    }
    let user = filled(frame.user_id).or_else(|| filled(frame.sender.user_id))?;
    let self_id = filled(frame.self_id);
    let mine = |id: &str| me.is(id) || self_id.as_deref() == Some(id);
    if mine(&user) {
        return None;
    }
    let id = filled(frame.message_id)?;
    let content = read_content(&segments(frame.message), &id, PictureOrigin::Message, &mine, wrote);
    Some(Message {
        chat: chat(frame, me, &user)?,
        id: MessageId::new(&id),
        sender: sender(frame, &user),
        text: content.text,
        mentions_me: content.mentions_me,
        pictures: content.pictures,
        mentions: content.mentions,
        quote: content.quote.map(MessageId::from),
        sent_at: sent_at(frame.time),
    })
}

fn chat(frame: &Frame<'_>, me: &Identity, user: &str) -> Option<Chat> {
    let group = filled(frame.group_id).filter(|id| id != "0");
    let (kind, id, parent) = match text(frame.message_type).as_deref() {
        Some("group") => (ChatKind::Group, group?.into_owned(), None),
        Some("private") | None => {
            let parent = if is(frame.sub_type, "friend") {
                None
            } else {
                group.or_else(|| filled(frame.sender.group_id).filter(|id| id != "0"))
            };
            let kind = if parent.is_some() { ChatKind::Temporary } else { ChatKind::Direct };
            let known = parent.filter(|id| id.parse() != Ok(PLACEHOLDER_GROUP));
            (kind, user.to_owned(), known.map(Cow::into_owned))
        }
        Some(_) => return None,
    };
    Some(Chat {
        platform: Platform::new(crate::PLATFORM),
        account: AccountId::new(&me.id),
        kind,
        id: ChatId::from(id),
        parent: parent.map(ChatId::from),
    })
}

fn sender(frame: &Frame<'_>, user: &str) -> Sender {
    let name = filled(frame.sender.card).or_else(|| filled(frame.sender.nickname)).unwrap_or_default();
    Sender { id: UserId::new(user), name: name.into_owned(), role: role(frame.sender.role) }
}

/// A role by OneBot's word.
pub(crate) fn role(raw: Raw<'_>) -> ChatRole {
    match text(raw).as_deref() {
        Some("owner") => ChatRole::Owner,
        Some("admin") => ChatRole::Admin,
        Some("member") => ChatRole::Member,
        _ => ChatRole::Unknown,
    }
}

/// The time of an event; 0 when it has none.
pub(super) fn sent_at(time: Raw<'_>) -> UnixMillis {
    let time = int(time).and_then(|time| u64::try_from(time).ok()).unwrap_or(0);
    // Seconds, but NapCat writes milliseconds when QQ gave it no time.
    UnixMillis(if time > 100_000_000_000 { time } else { time * 1000 })
}

/// What the segments of a message hold.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) text: String,
    pub(crate) mentions_me: bool,
    pub(crate) pictures: Vec<PictureRef>,
    pub(crate) mentions: Vec<UserId>,
    pub(crate) quote: Option<String>,
    /// Forwards: id and expanded messages.
    pub(crate) forwards: Vec<(Option<Cow<'a, str>>, Raw<'a>)>,
}

/// Reads segments without caring for mentions: for quoted messages and forwards.
pub(crate) fn collect<'a>(segments: &[Segment<'a>], message: &str, origin: PictureOrigin) -> Content<'a> {
    read_content(segments, message, origin, &|_| false, &|_| None)
}

fn read_content<'a>(
    segments: &[Segment<'a>],
    message: &str,
    origin: PictureOrigin,
    mine: &dyn Fn(&str) -> bool,
    wrote: &dyn Fn(&str) -> Option<String>,
) -> Content<'a> {
    let mut content = Content::default();
    // Right after the quote, mobile clients mention the quoted sender by themselves.
    let mut after_quote = false;
    let mut apart = false;
    for segment in segments {
        apart |= !matches!(segment, Segment::Text(_));
        match segment {
            Segment::Text(text) => {
                after_quote &= text.chars().all(is_blank);
                if apart && super::would_glue(content.text.as_bytes(), text) {
                    content.text.push(' ');
                }
                apart &= text.is_empty();
                content.text.push_str(text);
            }
            Segment::At(who) => {
                let automatic = std::mem::take(&mut after_quote)
                    && content.quote.as_deref().is_some_and(|quote| match wrote(quote) {
                        Some(author) => author == who.as_ref() || (mine(&author) && mine(who)),
                        // Unknown: a mention of the bot is meant, one of somebody else is the client's.
                        None => !mine(who),
                    });
                if automatic || who == "all" {
                    continue;
                }
                if mine(who) {
                    content.mentions_me = true;
                } else {
                    let user = UserId::new(who);
                    if !content.mentions.contains(&user) {
                        content.mentions.push(user);
                    }
                }
            }
            Segment::Reply(id) => {
                after_quote = true;
                content.quote.get_or_insert_with(|| id.to_string());
            }
            other => {
                after_quote = false;
                if let Segment::Forward { id, content: messages } = other {
                    content.forwards.push((id.clone(), *messages));
                }
                content.pictures.extend(picture_ref(other, message, origin));
            }
        }
    }
    if content.text.contains('\r') {
        // Old clients end lines with a carriage return alone.
        let plain = content.text.replace("\r\n", "\n");
        content.text = if plain.contains('\n') { plain.replace('\r', "") } else { plain.replace('\r', "\n") };
    }
    content.text = trim(&content.text).to_owned();
    content
}

/// The pictures among segments.
pub(crate) fn picture_refs(
    segments: &[Segment<'_>],
    message: &str,
    origin: PictureOrigin,
) -> Vec<PictureRef> {
    segments.iter().filter_map(|segment| picture_ref(segment, message, origin)).collect()
}

fn picture_ref(segment: &Segment<'_>, message: &str, origin: PictureOrigin) -> Option<PictureRef> {
    let message = (!message.is_empty()).then(|| MessageId::new(message));
    let locator = match segment {
        Segment::Picture { url, file } => {
            // A sender who writes our own mark into a name would get past what pictures' names are checked for.
            let file = file.as_ref().filter(|file| !file.starts_with(FILE_TOKEN));
            if let Some(base64) = file.and_then(|file| file.strip_prefix("base64://")) {
                PictureLocator::Inline(decode(base64)?)
            } else if url.is_none() && file.is_none() {
                return None;
            } else {
                PictureLocator::Platform {
                    url: url.as_ref().map(ToString::to_string),
                    file: file.map(ToString::to_string),
                    message,
                }
            }
        }
        Segment::File { name, url, id } if names_picture(name) && (url.is_some() || id.is_some()) => {
            PictureLocator::Platform {
                url: url.as_ref().map(ToString::to_string),
                file: id.as_ref().map(|id| format!("{FILE_TOKEN}{id}")),
                message,
            }
        }
        _ => return None,
    };
    Some(PictureRef { origin, locator })
}

/// Decodes leniently: implementations break lines and forget padding.
fn decode(base64: &str) -> Option<Bytes> {
    base64_simd::forgiving_decode_to_vec(base64.as_bytes()).ok().map(Bytes::from)
}

/// Extensions of pictures, those included that only some builds can decode: a plain refusal helps more than silence.
const PICTURE_EXTENSIONS: [&str; 10] =
    ["png", "jpg", "jpeg", "jfif", "webp", "gif", "bmp", "heic", "heif", "avif"];

/// Whether a file's name promises a picture that easel can read.
pub(super) fn names_picture(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        PICTURE_EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}
