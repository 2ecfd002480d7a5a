//! From replies to calls. Pure: decides what is sent and what an answer means; sends nothing.

mod payload;
mod result;
mod ways;

pub(crate) use payload::{Payload, Piece, content, encoded_len};
pub(crate) use result::{ActionFailure, MUTED, NOT_A_MEMBER, PATH_UNREADABLE, judge};

use easel_core::{
    ids::{AccountId, Chat, ChatKind, MessageId, UserId},
    media::Body,
    reply::{Clearance, Part, Reaction, Target},
};
use serde_json::{Value, json};

pub(crate) use ways::{Facts as WayFacts, Way, ways};

use payload::Writer;

/// One call of the implementation's API.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The action's name.
    pub(crate) action: &'static str,
    /// The JSON of `params`.
    pub(crate) params: Payload,
    /// Whether it shows something in a chat, so that an unknown outcome matters and sending takes its time.
    pub(crate) is_send: bool,
    /// Bytes beside the call that the implementation hands on to QQ before it answers.
    pub(crate) beside: u64,
    /// Its last bytes stay here until this is given.
    pub(crate) clearance: Option<Clearance>,
}

impl Call {
    /// A call that looks something up or marks something.
    pub(crate) fn lookup(action: &'static str, params: &Value) -> Self {
        Self {
            action,
            params: Payload::from_json(params.to_string()),
            is_send: false,
            beside: 0,
            clearance: None,
        }
    }
}

/// How the bytes of a picture or clip reach the implementation.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// Inside the call.
    Base64(Body),
    /// A path or link that the implementation opens by itself.
    Uri(String),
}

/// An id as OneBot wants it: a number where it is one.
pub(crate) fn number(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}

/// Sends the parts as one message. `sources` holds one entry for every picture or clip, in order.
///
/// Always an array, never a CQ string: nothing that a person typed can become a code. A clip quotes nothing, because QQ
/// shows a `video` segment alone and drops what stands beside it (MisakaTAT/Shiro#270, with NapCat).
pub(crate) fn send_message(target: &Target, parts: &[Part], sources: &[Source], timeout_ms: u64) -> Call {
    let mut writer = Writer::default();
    let action = address(&mut writer, &target.chat);
    writer.raw(",\"message\":[");
    let mut first = true;
    let mut begin = |writer: &mut Writer, kind: &str| {
        if !std::mem::take(&mut first) {
            writer.raw(",");
        }
        writer.raw("{\"type\":\"");
        writer.raw(kind);
        writer.raw("\",\"data\":{");
    };
    let alone = parts.iter().any(|part| matches!(part, Part::Clip(_)));
    if let Some(quote) = target.quote.as_ref().filter(|_| !alone) {
        begin(&mut writer, "reply");
        writer.raw("\"id\":");
        writer.string(quote.as_str());
        writer.raw("}}");
    }
    let mut sources = sources.iter();
    for part in parts {
        match part {
            Part::Text(text) => {
                begin(&mut writer, "text");
                writer.raw("\"text\":");
                writer.string(text);
                writer.raw("}}");
            }
            Part::Picture(_) | Part::Clip(_) | Part::File(_) => {
                let Some(source) = sources.next() else { continue };
                begin(&mut writer, if matches!(part, Part::Clip(_)) { "video" } else { "image" });
                writer.raw("\"file\":");
                writer.source(source);
                writer.raw("}}");
            }
        }
    }
    // `timeout` is NapCat's own limit for the upload; others ignore it.
    writer.raw("],\"auto_escape\":false,\"timeout\":");
    writer.raw(&timeout_ms.to_string());
    writer.raw("}");
    Call { action, params: writer.finish(), is_send: true, beside: 0, clearance: None }
}

/// Sends a file.
pub(crate) fn upload_file(chat: &Chat, name: &str, source: &Source) -> Call {
    let mut writer = Writer::default();
    let action = match address(&mut writer, chat) {
        "send_group_msg" => "upload_group_file",
        _ => "upload_private_file",
    };
    writer.raw(",\"file\":");
    writer.source(source);
    writer.raw(",\"name\":");
    writer.string(name);
    writer.raw("}");
    Call { action, params: writer.finish(), is_send: true, beside: 0, clearance: None }
}

/// Opens `params` with whom it is for.
fn address(writer: &mut Writer, chat: &Chat) -> &'static str {
    let (action, key) = match chat.kind {
        ChatKind::Group => ("send_group_msg", "{\"group_id\":"),
        ChatKind::Direct | ChatKind::Temporary => ("send_private_msg", "{\"user_id\":"),
    };
    writer.raw(key);
    writer.raw(&number(chat.id.as_str()).to_string());
    if let (ChatKind::Temporary, Some(group)) = (chat.kind, &chat.parent) {
        writer.raw(",\"group_id\":");
        writer.raw(&number(group.as_str()).to_string());
    }
    action
}

/// One chunk of NapCat's stream upload.
#[derive(Clone, Debug)]
pub(crate) struct Chunk<'a> {
    pub(crate) stream_id: &'a str,
    pub(crate) index: u64,
    pub(crate) total: u64,
    pub(crate) body: &'a Body,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) sha256: &'a str,
    pub(crate) name: &'a str,
    pub(crate) retention_ms: u64,
}

/// Uploads a chunk.
pub(crate) fn upload_chunk(chunk: &Chunk<'_>) -> Call {
    let mut writer = Writer::default();
    let head = json!({
        "stream_id": chunk.stream_id, "chunk_index": chunk.index, "total_chunks": chunk.total,
        "file_size": chunk.body.len(), "expected_sha256": chunk.sha256, "filename": chunk.name,
        "file_retention": chunk.retention_ms,
    })
    .to_string();
    writer.raw(head.strip_suffix('}').unwrap_or(&head));
    writer.raw(",\"chunk_data\":\"");
    writer.base64(chunk.body, chunk.offset, chunk.len);
    writer.raw("\"}");
    Call { action: "upload_file_stream", params: writer.finish(), is_send: false, beside: 0, clearance: None }
}

/// Ends a stream upload.
pub(crate) fn finish_upload(stream_id: &str) -> Call {
    Call::lookup("upload_file_stream", &json!({"stream_id": stream_id, "is_complete": true}))
}

/// The id of QQ's face that tells how far a job is.
pub(crate) fn face(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Working => "125",
        Reaction::Done => "79",
        Reaction::Failed => "106",
    }
}

/// Sets or removes a mark on a group message, in the spelling of NapCat and LLOneBot or of Lagrange.
pub(crate) fn react(chat: &Chat, message: &MessageId, face: &str, set: bool, lagrange: bool) -> Call {
    let message = number(message.as_str());
    if lagrange {
        let group = number(chat.id.as_str());
        let params = json!({"group_id": group, "message_id": message, "code": face, "is_add": set});
        Call::lookup("set_group_reaction", &params)
    } else {
        Call::lookup("set_msg_emoji_like", &json!({"message_id": message, "emoji_id": face, "set": set}))
    }
}

/// Removes a mark in LLOneBot, which has an action of its own for it.
pub(crate) fn unset_reaction(message: &MessageId, face: &str) -> Call {
    Call::lookup("unset_msg_emoji_like", &json!({"message_id": number(message.as_str()), "emoji_id": face}))
}

/// Fetches a message.
pub(crate) fn get_message(id: &str) -> Call {
    Call::lookup("get_msg", &json!({"message_id": number(id)}))
}

/// Fetches the messages around one of a group.
pub(crate) fn get_history(group: &str, id: &str) -> Call {
    Call::lookup(
        "get_group_msg_history",
        &json!({"group_id": number(group), "message_seq": number(id), "count": 20, "reverseOrder": false}),
    )
}

/// Fetches a merged forward; the standard reads `id`, NapCat and go-cqhttp `message_id`.
pub(crate) fn get_forward(id: &str) -> Call {
    Call::lookup("get_forward_msg", &json!({"message_id": id, "id": id}))
}

/// Asks for a picture's link by its token.
pub(crate) fn get_image(file: &str) -> Call {
    Call::lookup("get_image", &json!({"file": file}))
}

/// Asks for a picture's bytes in chunks, by its token or file id (NapCat API, `download_file_image_stream`).
pub(crate) fn stream_image(file: &str, chunk_bytes: u64) -> Call {
    Call::lookup("download_file_image_stream", &json!({"file": file, "chunk_size": chunk_bytes}))
}

/// Asks for the link of a picture that was sent as a file.
pub(crate) fn get_file_link(chat: &Chat, file_id: &str) -> Call {
    match chat.kind {
        ChatKind::Group => Call::lookup(
            "get_group_file_url",
            &json!({"group_id": number(chat.id.as_str()), "file_id": file_id, "busid": 102}),
        ),
        ChatKind::Direct | ChatKind::Temporary => Call::lookup(
            "get_private_file_url",
            &json!({"user_id": number(chat.id.as_str()), "file_id": file_id}),
        ),
    }
}

/// Asks for a member's role. `no_cache` is written out, because strict implementations refuse its absence and NapCat
/// bypasses its cache by default.
pub(crate) fn get_member(group: &str, user: &UserId) -> Call {
    Call::lookup(
        "get_group_member_info",
        &json!({"group_id": number(group), "user_id": number(user.as_str()), "no_cache": false}),
    )
}

/// Asks how the account itself stands in a group, past the implementation's cache: whoever asks this doubts what is
/// remembered.
pub(crate) fn get_member_now(group: i64, account: &AccountId) -> Call {
    Call::lookup(
        "get_group_member_info",
        &json!({"group_id": group, "user_id": number(account.as_str()), "no_cache": true}),
    )
}

/// Asks for the account's groups.
pub(crate) fn get_groups() -> Call {
    Call::lookup("get_group_list", &json!({"no_cache": true}))
}

/// A call without parameters.
pub(crate) fn plain(action: &'static str) -> Call {
    Call::lookup(action, &json!({}))
}

#[cfg(test)]
mod tests;
