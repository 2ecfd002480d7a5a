//! What the application sent, taken apart: the bytes of pictures included, however they travelled.

use super::{
    Builder, Dialect, cq,
    dialect::{Failure, put},
    peer::{self, Call, Peer},
};
use crate::{PATIENCE, http};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use std::time::Instant;

/// The largest clip that is taken in a message.
const MOST_VIDEO_BYTES: usize = 100 << 20;

/// Where a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A group.
    Group(i64),
    /// A friend.
    Private(i64),
    /// A temporary session: user and group.
    Temporary(i64, i64),
}

/// How the bytes of a picture or file were named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `base64://…`
    Base64,
    /// A path, or a `file://` url made into one.
    File(String),
    /// A url that the implementation fetches.
    Url(String),
    /// Anything else, as it was.
    Other(String),
}

/// A picture, clip, recording or file in a message.
#[derive(Debug, Clone)]
pub struct Media {
    /// The segment's type, or `file` for uploads.
    pub kind: String,
    /// How it was named.
    pub origin: Origin,
    /// The content; nothing if it could not be had, or the call failed before.
    pub bytes: Option<Bytes>,
}

/// An attempt of the application to send a message or a file.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The action that was called.
    pub action: String,
    /// Where to.
    pub to: To,
    /// The segments; of a merged forward, the nodes. Empty for files.
    pub segments: Vec<Value>,
    /// All text, nodes included, joined.
    pub text: String,
    /// The quoted message's id.
    pub quote: Option<String>,
    /// Mentioned users, or `all`.
    pub mentions: Vec<String>,
    /// Pictures in their order, nodes included.
    pub pictures: Vec<Media>,
    /// Clips, recordings and files in their order, nodes included.
    pub files: Vec<Media>,
    /// The name of an uploaded file.
    pub file_name: Option<String>,
    /// The id that the message got; nothing if it was not delivered, and for files.
    pub message_id: Option<i64>,
    /// Whether it stands in the chat, whatever the application was told.
    pub delivered: bool,
    /// When the call had been read.
    pub at: Instant,
}

impl Sent {
    /// The bytes of the only picture. Panics if there is another number of them, or its bytes could not be had.
    #[track_caller]
    pub fn picture(&self) -> Bytes {
        match self.pictures.as_slice() {
            [Media { bytes: Some(bytes), .. }] => bytes.clone(),
            _ => panic!("no single readable picture in {}", self.summary()),
        }
    }

    /// One line about the message, for failed waits.
    pub(crate) fn summary(&self) -> String {
        let Self { action, to, text, pictures, delivered, .. } = self;
        format!("{action} to {to:?}: {text:?}, {} pictures, delivered: {delivered}", pictures.len())
    }

    pub(super) fn is_file_upload(&self) -> bool {
        self.action.starts_with("upload_")
    }

    pub(super) fn is_forward(&self) -> bool {
        self.action.ends_with("forward_msg")
    }

    /// As QQ does it: of a message with a clip only the clip is shown.
    fn leave_the_clip_alone(&mut self) {
        if self.files.iter().any(|media| media.kind == "video") {
            self.text.clear();
            self.pictures.clear();
            self.mentions.clear();
            self.quote = None;
        }
    }

    /// Fetches the bytes of everything that was named by path or url.
    pub(super) async fn load(&mut self, peer: &Peer) -> Result<(), Failure> {
        if !self.is_forward() {
            self.leave_the_clip_alone();
        }
        let nothing_left = self.segments.is_empty() && !self.is_file_upload();
        if nothing_left {
            let text = "消息体无法解析, 请检查是否发送了不支持的消息类型";
            return Err(Failure::Handler("EMPTY_MSG_ERROR", text.to_owned()));
        }
        for media in self.pictures.iter_mut().chain(&mut self.files) {
            if media.bytes.is_some() {
                continue;
            }
            let (bytes, name) = match &media.origin {
                Origin::File(path) => (read_file(peer, path), path.clone()),
                Origin::Url(url) => (fetch(url).await, url.clone()),
                Origin::Base64 => (None, "base64://".to_owned()),
                Origin::Other(other) => (None, other.clone()),
            };
            let unreadable = || Failure::handler(format!("文件处理失败: 识别URL失败, uri= {name}"));
            media.bytes = Some(bytes.ok_or_else(unreadable)?);
        }
        let too_large = |media: &Media| {
            media.kind == "video" && media.bytes.as_ref().is_some_and(|bytes| bytes.len() > MOST_VIDEO_BYTES)
        };
        if self.files.iter().any(too_large) {
            return Err(Failure::handler("文件过大"));
        }
        Ok(())
    }

    /// The message as the chat shows it, for `get_msg`.
    pub(super) fn as_event(&self, peer: &Peer, id: i64) -> Value {
        let Builder { dialect, self_id, .. } = peer.settings;
        let segments: Vec<Value> = if self.is_forward() {
            vec![json!({ "type": "forward", "data": { "id": format!("forward-{id}") } })]
        } else {
            self.segments.iter().map(|segment| as_shown(dialect, segment, id)).collect()
        };
        let raw = cq::encode(&segments);
        let mut event = json!({
            "self_id": self_id, "user_id": self_id, "time": peer::now(), "message_id": id, "real_id": id,
            "message_type": "private", "sender": { "user_id": self_id, "nickname": "画板", "card": "" },
            "raw_message": raw, "font": 14, "sub_type": "friend", "message": segments,
            "message_format": "array", "post_type": "message_sent", "message_sent_type": "self",
        });
        match self.to {
            To::Group(group) => {
                put(&mut event, "message_type", json!("group"));
                put(&mut event, "sub_type", json!("normal"));
                put(&mut event, "group_id", json!(group));
            }
            To::Private(user) | To::Temporary(user, _) => put(&mut event, "target_id", json!(user)),
        }
        event
    }
}

/// A picture that was sent is shown with a url of the picture host.
fn as_shown(dialect: Dialect, segment: &Value, id: i64) -> Value {
    if segment.get("type").is_some_and(|kind| kind == "image") {
        let url = format!("http://multimedia.nt.qq.com.cn/download?appid=1407&fileid=own{id}&rkey=own");
        return dialect.image(&format!("own{id}.png"), &url, false);
    }
    segment.clone()
}

/// Takes a call apart if it sends something; bytes named by path or url are fetched by [`Sent::load`].
pub(super) fn draft(call: &Call, settings: &Builder) -> Option<Sent> {
    let upload = matches!(call.action.as_str(), "upload_group_file" | "upload_private_file");
    let forward = call.action.starts_with("send_") && call.action.ends_with("forward_msg");
    let message = matches!(call.action.as_str(), "send_msg" | "send_group_msg" | "send_private_msg");
    if !upload && !forward && !message {
        return None;
    }
    let to = match (call.number("group_id"), call.number("user_id"), call.action.contains("private")) {
        (Some(group), Some(user), true) => To::Temporary(user, group),
        (None, Some(user), _) => To::Private(user),
        (Some(group), _, _) => To::Group(group),
        (None, None, _) => return None,
    };
    let mut sent = Sent {
        action: call.action.clone(),
        to,
        segments: Vec::new(),
        text: String::new(),
        quote: None,
        mentions: Vec::new(),
        pictures: Vec::new(),
        files: Vec::new(),
        file_name: call.text("name").filter(|_| upload),
        message_id: None,
        delivered: false,
        at: call.at,
    };
    if upload {
        let file = call.text("file").unwrap_or_default();
        sent.files.push(media("file", &file));
        return Some(sent);
    }
    let content = call.params.get(if forward { "messages" } else { "message" });
    let as_text = call.params.get("auto_escape").and_then(Value::as_bool).unwrap_or(false);
    sent.segments = segments(content.unwrap_or(&Value::Null), as_text);
    let own = sent.segments.clone();
    collect(&mut sent, &own, settings);
    Some(sent)
}

fn segments(content: &Value, as_text: bool) -> Vec<Value> {
    match content {
        Value::Array(segments) => segments.clone(),
        Value::Object(_) => vec![content.clone()],
        Value::String(text) if as_text => vec![json!({ "type": "text", "data": { "text": text } })],
        Value::String(text) => cq::decode(text),
        _ => Vec::new(),
    }
}

fn collect(sent: &mut Sent, segments_of_one: &[Value], settings: &Builder) {
    for segment in segments_of_one {
        let kind = segment.get("type").and_then(Value::as_str).unwrap_or_default();
        let data = segment.get("data").cloned().unwrap_or_default();
        let word = |key: &str| match data.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        match kind {
            "text" => sent.text.push_str(&word("text")),
            "reply" => sent.quote = Some(word("id")),
            "at" => sent.mentions.push(word("qq")),
            "image" | "video" | "record" | "file" => {
                let url = word("url");
                let named =
                    if settings.dialect.prefers_url() && !url.is_empty() { url } else { word("file") };
                let list = if kind == "image" { &mut sent.pictures } else { &mut sent.files };
                list.push(media(kind, &named));
            }
            "node" => collect(sent, &segments(data.get("content").unwrap_or(&Value::Null), false), settings),
            _ => {}
        }
    }
}

fn media(kind: &str, named: &str) -> Media {
    let (origin, bytes) = if let Some(encoded) = named.strip_prefix("base64://") {
        (Origin::Base64, STANDARD.decode(encoded).ok().map(Bytes::from))
    } else if let Some(path) = named.strip_prefix("file://") {
        (Origin::File(percent_decode(path)), None)
    } else if named.starts_with("http://") || named.starts_with("https://") {
        (Origin::Url(named.to_owned()), None)
    } else if named.starts_with('/') || named.contains(":\\") || named.contains(":/") {
        (Origin::File(named.to_owned()), None)
    } else {
        (Origin::Other(named.to_owned()), None)
    };
    Media { kind: kind.to_owned(), origin, bytes }
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let rest = bytes.clone().take(2).collect::<Vec<u8>>();
        let code = rest.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match code {
            Some(code) if byte == b'%' => {
                out.push(code);
                bytes.nth(1);
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn read_file(peer: &Peer, path: &str) -> Option<Bytes> {
    // A Windows path in a proper file url begins with a slash that is not its own.
    let windows = path.strip_prefix('/').filter(|rest| rest.chars().nth(1) == Some(':'));
    let known = peer.with(|state| state.files.get(windows.unwrap_or(path)).cloned());
    if known.is_some() || !peer.settings.shares_disk {
        return known;
    }
    std::fs::read(path).ok().map(Bytes::from)
}

async fn fetch(url: &str) -> Option<Bytes> {
    let call = http::call("GET", url, &[], &[]);
    let response = tokio::time::timeout(PATIENCE, call).await.ok()?.ok()?;
    (response.status == 200).then_some(response.body)
}
