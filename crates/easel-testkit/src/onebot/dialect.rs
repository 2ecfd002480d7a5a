//! How the implementations differ: envelopes of answers, keys of segments, shapes of looked-up messages.

use super::cq;
use serde_json::{Value, json};

/// A OneBot v11 implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// `NapCat` 4.18: the richest one, and the only one with streamed uploads.
    #[default]
    NapCat,
    /// `LLBot` (LLOneBot, `LuckyLilliaBot`): negative message ids.
    LLBot,
    /// Lagrange.OneBot v1: negative message ids, answers without any text.
    Lagrange,
    /// go-cqhttp: abandoned, but its extensions are everybody's.
    GoCqhttp,
}

/// Why a call was not done.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The dialect has no such action.
    NoSuchAction,
    /// A parameter is missing or wrong.
    BadParameter(&'static str),
    /// The handler failed: go-cqhttp's name of the error, and the text of all who have texts.
    Handler(&'static str, String),
    /// Exactly this.
    Exact(i64, String),
}

impl Failure {
    pub(super) fn handler(text: impl Into<String>) -> Self {
        Self::Handler("SEND_MSG_API_ERROR", text.into())
    }
}

/// What an answer has to be fitted to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) action: &'a str,
    pub(super) echo: Option<&'a Value>,
    pub(super) over_http: bool,
}

impl Dialect {
    pub(super) fn app_name(self) -> &'static str {
        match self {
            Self::NapCat => "NapCat.Onebot",
            Self::LLBot => "LLOneBot",
            Self::Lagrange => "Lagrange.OneBot",
            Self::GoCqhttp => "go-cqhttp",
        }
    }

    pub(super) fn app_version(self) -> &'static str {
        match self {
            Self::NapCat => "4.18.0",
            Self::LLBot => "7.3.0",
            Self::Lagrange => "0.0.3",
            Self::GoCqhttp => "v1.2.0",
        }
    }

    /// Whether ids of messages are negative here.
    pub(super) fn negative_ids(self) -> bool {
        matches!(self, Self::LLBot | Self::Lagrange)
    }

    /// The largest inbound frame in bytes; a larger one costs the socket.
    pub(super) fn max_frame_bytes(self) -> Option<usize> {
        (self == Self::NapCat).then_some(50 << 20)
    }

    /// Whether `url` wins over `file` when a picture is sent with both.
    pub(super) fn prefers_url(self) -> bool {
        matches!(self, Self::NapCat | Self::LLBot)
    }

    /// Whether the dialect knows an action that not all know.
    pub(super) fn knows(self, action: &str) -> bool {
        match action {
            "set_msg_emoji_like" | "set_input_status" => matches!(self, Self::NapCat | Self::LLBot),
            "unset_msg_emoji_like" => self == Self::LLBot,
            "set_group_reaction" => self == Self::Lagrange,
            "upload_file_stream" | "download_file_image_stream" | "nc_get_rkey" => self == Self::NapCat,
            "get_rkey" => matches!(self, Self::NapCat | Self::Lagrange),
            _ => true,
        }
    }

    pub(super) fn ok(self, data: &Value, asked: Asked<'_>) -> Value {
        let mut answer = json!({ "status": "ok", "retcode": 0, "data": data });
        if !matches!(self, Self::Lagrange | Self::GoCqhttp) {
            put(&mut answer, "message", json!(""));
            put(&mut answer, "wording", json!(""));
        }
        self.finish(answer, asked)
    }

    pub(super) fn failed(self, failure: &Failure, asked: Asked<'_>) -> Value {
        let action = asked.action;
        let (retcode, name, text) = match (self, failure) {
            (_, Failure::Exact(retcode, text)) => (*retcode, text.as_str(), text.clone()),
            (Self::GoCqhttp, Failure::NoSuchAction) => (404, "API_NOT_FOUND", "API不存在".to_owned()),
            (Self::GoCqhttp, Failure::BadParameter(text)) => (100, "BAD_PARAMETER", (*text).to_owned()),
            (Self::GoCqhttp, Failure::Handler(name, text)) => (100, *name, text.clone()),
            (Self::Lagrange, Failure::NoSuchAction) => (404, "", String::new()),
            (Self::Lagrange, _) => (200, "", String::new()),
            (_, Failure::NoSuchAction) => {
                (if asked.over_http { 200 } else { 1404 }, "", format!("不支持的Api {action}"))
            }
            (_, Failure::BadParameter(text)) => {
                (if asked.over_http { 400 } else { 1400 }, "", (*text).to_owned())
            }
            (_, Failure::Handler(_, text)) => (if asked.over_http { 200 } else { 1200 }, "", text.clone()),
        };
        let mut answer = json!({ "status": "failed", "retcode": retcode, "data": null });
        match self {
            Self::Lagrange => {}
            Self::GoCqhttp => {
                put(&mut answer, "msg", json!(name));
                put(&mut answer, "wording", json!(text));
            }
            Self::NapCat | Self::LLBot => {
                put(&mut answer, "message", json!(text));
                put(&mut answer, "wording", json!(text));
            }
        }
        if self == Self::NapCat
            && matches!(action, "upload_file_stream" | "download_file_image_stream")
            && !matches!(failure, Failure::NoSuchAction)
        {
            put(&mut answer, "data", json!({ "type": "error", "data_type": "error" }));
        }
        self.finish(answer, asked)
    }

    /// The answer to a frame that is no JSON.
    pub(super) fn parse_error(self) -> Value {
        self.failed(
            &Failure::BadParameter("json解析失败,请检查数据格式"),
            Asked { action: "", echo: Some(&Value::Null), over_http: false },
        )
    }

    /// The frame that tells a wrong token on a socket whose upgrade was completed.
    pub(super) fn token_refused(self) -> Value {
        self.failed(
            &Failure::Exact(1403, "token验证失败".to_owned()),
            Asked { action: "", echo: Some(&Value::Null), over_http: false },
        )
    }

    fn finish(self, mut answer: Value, asked: Asked<'_>) -> Value {
        match (asked.echo, self) {
            (Some(echo), _) => put(&mut answer, "echo", echo.clone()),
            (None, Self::NapCat) if !asked.over_http => put(&mut answer, "echo", json!("")),
            (None, Self::NapCat | Self::Lagrange) => put(&mut answer, "echo", Value::Null),
            (None, Self::LLBot | Self::GoCqhttp) => {}
        }
        if self == Self::NapCat {
            let streams = matches!(asked.action, "upload_file_stream" | "download_file_image_stream");
            let kind = if streams { "stream-action" } else { "normal-action" };
            put(&mut answer, "stream", json!(kind));
        }
        answer
    }

    /// A picture segment as it arrives in an event.
    pub(super) fn image(self, file: &str, url: &str, sticker: bool) -> Value {
        let kind = i32::from(sticker);
        let data = match self {
            Self::NapCat => {
                let summary = if sticker { "[动画表情]" } else { "" };
                json!({ "summary": summary, "file": file, "sub_type": kind, "url": url, "file_size": "445577" })
            }
            Self::LLBot => json!({ "file": file, "subType": kind, "url": url, "file_size": "445577" }),
            Self::Lagrange => {
                json!({ "file": url, "filename": file, "url": url, "summary": "[图片]", "subType": kind })
            }
            Self::GoCqhttp => json!({ "file": file, "url": url, "subType": kind }),
        };
        json!({ "type": "image", "data": data })
    }

    /// A market face as it arrives: a picture in `NapCat`, a segment of its own elsewhere.
    pub(super) fn market_face(self, url: &str) -> Value {
        let face = json!({ "summary": "[打滚]", "url": url, "key": "8f7e6d5c4b3a2910",
            "emoji_id": "a1b2c3d4e5f60718293a4b5c6d7e8f90", "emoji_package_id": 231_182 });
        let (kind, mut data) = if self == Self::NapCat { ("image", face) } else { ("mface", face) };
        if self == Self::NapCat {
            put(&mut data, "file", json!("a1-a1b2c3d4e5f60718293a4b5c6d7e8f90.gif"));
        }
        json!({ "type": kind, "data": data })
    }

    /// What `get_msg` says about a message that came as this event.
    pub(super) fn looked_up(self, event: &Value) -> Value {
        let mut message = event.clone();
        if let Some(object) = message.as_object_mut() {
            if matches!(self, Self::Lagrange | Self::GoCqhttp) {
                object.remove("post_type");
            }
            if self == Self::GoCqhttp {
                let grouped = object.get("message_type").is_some_and(|kind| kind == "group");
                object.insert("group".to_owned(), json!(grouped));
            }
            // The standard wants it in this answer, and strict clients refuse the answer without it.
            let id = object.get("message_id").cloned().unwrap_or_default();
            object.entry("real_id").or_insert(id);
        }
        message
    }

    /// The answer of `get_forward_msg` for the events that a merged forward holds.
    pub(super) fn forward(self, events: &[Value]) -> Value {
        let of = |event: &Value, key: &str| event.get(key).cloned().unwrap_or_default();
        let sender = |event: &Value, key: &str| of(&of(event, "sender"), key);
        match self {
            // NapCat shows the placeholder group instead of the real one.
            Self::NapCat => {
                let mut messages = events.to_vec();
                for message in &mut messages {
                    put(message, "group_id", json!(284_840_486));
                }
                json!({ "messages": messages })
            }
            Self::LLBot | Self::GoCqhttp => {
                let nodes = events.iter().map(|event| {
                    let content = match (self, of(event, "message")) {
                        (Self::GoCqhttp, Value::Array(segments)) => json!(cq::encode(&segments)),
                        (_, message) => message,
                    };
                    json!({ "content": content, "time": of(event, "time"), "message_format": "array",
                        "message_type": "group",
                        "sender": { "nickname": sender(event, "nickname"), "user_id": of(event, "user_id") } })
                });
                json!({ "messages": nodes.collect::<Vec<_>>() })
            }
            Self::Lagrange => {
                let nodes = events.iter().map(|event| {
                    json!({ "type": "node", "data": { "user_id": of(event, "user_id").to_string(),
                        "nickname": sender(event, "nickname"), "content": of(event, "message") } })
                });
                json!({ "message": nodes.collect::<Vec<_>>() })
            }
        }
    }
}

/// Sets a key of an object.
pub(super) fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
