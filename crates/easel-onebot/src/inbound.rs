//! From the bytes of a frame to what it means. Pure: no I/O, no clock, no log.
//!
//! [`triage`] drops chatter, [`wire`] and [`cq`] read the two message formats, [`message`] normalises, [`reply`] reads
//! answers to calls.

mod cq;
mod message;
mod reply;
mod triage;
pub(crate) mod wire;

pub(crate) use message::{FILE_TOKEN, collect, message_from, picture_refs, role};
pub(crate) use reply::Answer;
#[cfg(test)]
pub(crate) use triage::MAX_PICTURES;
pub(crate) use triage::{PictureFrame, Pictures, Triage, triage};

use easel_core::ids::UnixMillis;
use wire::{Frame, filled, int, is, text};

/// The names that a connection's account goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// From the handshake, or from the first event where there is none.
    pub(crate) id: String,
    /// What events say instead, where that differs (some implementations number differently there).
    pub(crate) alias: Option<String>,
}

impl Identity {
    /// Whether `id` is this account.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.id == id || self.alias.as_deref() == Some(id)
    }
}

/// A frame that was worth parsing.
#[derive(Debug)]
pub(crate) enum Inbound<'a> {
    /// The answer to a call.
    Answer(Answer<'a>),
    /// The account is there; `interval_ms` until the next heartbeat where the frame told.
    Alive {
        /// The account.
        self_id: Option<String>,
        /// Milliseconds between heartbeats; 0 when there are none.
        interval_ms: Option<u64>,
        /// Whether the account is logged in to QQ.
        online: Option<bool>,
        /// Whether the implementation begins to work, or a connection of it does. Of QQ that tells nothing.
        begins: bool,
        /// The implementation's clock when it wrote the frame; 0 when it did not tell.
        time: UnixMillis,
    },
    /// A message of somebody or of the account itself.
    Message(Box<Frame<'a>>),
    /// The account was logged out of QQ.
    Offline,
    /// The bot was muted (seconds; 0 lifts it, negative is without end) in a group. A mute of the whole group is none:
    /// it leaves out administrators, and whether the bot is one shows when it sends.
    Muted {
        /// The group.
        group: i64,
        /// Seconds.
        seconds: i64,
    },
    /// The account came into a group, or is out of it: it left, or was removed.
    Membership {
        /// The group.
        group: i64,
        /// Whether it is in it now.
        is_member: bool,
    },
    /// A message was taken back by its author, or by an admin.
    Recalled(Recalled),
    /// Nothing that matters here.
    Other,
}

/// Which message was taken back (OneBot v11 reference, "event/notice", `group_recall` and `friend_recall`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recalled {
    /// The group; `None` in a direct chat.
    pub(crate) group: Option<String>,
    /// Who wrote it, as the notice says.
    pub(crate) user: String,
    /// The message.
    pub(crate) message: String,
}

impl Recalled {
    fn read(frame: &Frame<'_>, in_group: bool) -> Option<Self> {
        Some(Self {
            group: if in_group { Some(filled(frame.group_id)?.into_owned()) } else { None },
            user: filled(frame.user_id)?.into_owned(),
            message: filled(frame.message_id)?.into_owned(),
        })
    }
}

/// Parses a frame.
///
/// # Errors
/// When it is not JSON, or not an object.
pub(crate) fn parse(frame: &str) -> Result<Inbound<'_>, serde_json::Error> {
    let frame: Frame<'_> = serde_json::from_str(frame)?;
    let Some(post_type) = text(frame.post_type) else {
        return Ok(if frame.echo.is_some() || frame.retcode.is_some() || frame.status.is_some() {
            Inbound::Answer(Answer::read(&frame))
        } else {
            Inbound::Other
        });
    };
    Ok(match post_type.as_ref() {
        "message" | "message_sent" => Inbound::Message(Box::new(frame)),
        "meta_event" => {
            let heartbeat = is(frame.meta_event_type, "heartbeat");
            Inbound::Alive {
                self_id: wire::account(frame.self_id).map(std::borrow::Cow::into_owned),
                interval_ms: int(frame.interval).filter(|_| heartbeat).and_then(|ms| u64::try_from(ms).ok()),
                online: frame.status.filter(|_| heartbeat).and_then(is_online),
                begins: is(frame.meta_event_type, "lifecycle") && !is(frame.sub_type, "disable"),
                time: message::sent_at(frame.time),
            }
        }
        "notice" => match text(frame.notice_type).as_deref() {
            Some("bot_offline") => Inbound::Offline,
            Some("group_ban") if is_zero(frame.user_id) || text(frame.user_id) == text(frame.self_id) => {
                let lifted = is(frame.sub_type, "lift_ban");
                match (int(frame.group_id), int(frame.duration)) {
                    (Some(group), _) if lifted => Inbound::Muted { group, seconds: 0 },
                    (Some(group), Some(seconds)) if !is_zero(frame.user_id) => {
                        Inbound::Muted { group, seconds }
                    }
                    _ => Inbound::Other,
                }
            }
            // OneBot v11 reference, "event/notice", `group_decrease` (`leave`, `kick`, `kick_me`) and `group_increase`.
            Some(kind @ ("group_decrease" | "group_increase"))
                if is(frame.sub_type, "kick_me")
                    || filled(frame.user_id).is_some_and(|who| is(frame.self_id, &who)) =>
            {
                let is_member = kind == "group_increase";
                int(frame.group_id).map_or(Inbound::Other, |group| Inbound::Membership { group, is_member })
            }
            Some(kind @ ("group_recall" | "friend_recall")) => {
                Recalled::read(&frame, kind == "group_recall").map_or(Inbound::Other, Inbound::Recalled)
            }
            _ => Inbound::Other,
        },
        _ => Inbound::Other,
    })
}

/// Whether a status, that of a heartbeat or of `get_status`, says that the account is logged in.
pub(crate) fn is_online(status: &serde_json::value::RawValue) -> Option<bool> {
    #[derive(serde::Deserialize)]
    struct Status {
        online: bool,
    }
    serde_json::from_str::<Status>(status.get()).ok().map(|status| status.online)
}

/// The number that names everybody.
fn is_zero(id: wire::Raw<'_>) -> bool {
    text(id).as_deref() == Some("0")
}

/// Whether words on both sides of something that is no text would become one word without a space between them.
fn would_glue(before: &[u8], after: &str) -> bool {
    before.last().is_some_and(u8::is_ascii_alphanumeric)
        && after.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// White space, and characters that look like nothing: QQ clients put both around commands and mentions.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}')
}

/// Without blanks at the start.
pub(crate) fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// Without blanks at both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

#[cfg(test)]
mod tests;
