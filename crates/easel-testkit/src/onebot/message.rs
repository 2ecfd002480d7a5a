//! Builds message events.

use super::{Builder, Dialect, cq, dialect::put};
use serde_json::{Map, Value, json};

/// A member's rank in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberRole {
    /// 群主
    Owner,
    /// 管理员
    Admin,
    /// Everybody else.
    Member,
}

impl MemberRole {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Group(i64),
    Friend,
    /// A temporary session opened from this group.
    Temporary(i64),
}

#[derive(Debug, Clone)]
enum Part {
    Segment(Value),
    Image { file: String, url: String, sticker: bool },
    MarketFace { url: String },
}

/// A message that somebody writes; parts come in the order of the calls.
///
/// ```
/// use easel_testkit::onebot::Message;
/// let message = Message::group(700_000_001, 2_200_000_011).at(3_001_000_001).text(" /生图 猫");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Message {
    place: Place,
    user: i64,
    parts: Vec<Part>,
    role: Option<MemberRole>,
    nickname: String,
    card: String,
    id: Option<i64>,
    sub_type: Option<String>,
    time: Option<i64>,
    cq_string: bool,
    padding: usize,
    extra: Map<String, Value>,
}

impl Message {
    /// A message in a group, from an ordinary member.
    pub fn group(group: i64, user: i64) -> Self {
        Self::new(Place::Group(group), user)
    }

    /// A message from a friend.
    pub fn private(user: i64) -> Self {
        Self::new(Place::Friend, user)
    }

    /// A message in a temporary session, opened from a group.
    pub fn temporary(group: i64, user: i64) -> Self {
        Self::new(Place::Temporary(group), user)
    }

    fn new(place: Place, user: i64) -> Self {
        Self {
            place,
            user,
            parts: Vec::new(),
            role: Some(MemberRole::Member),
            nickname: format!("用户{user}"),
            card: String::new(),
            id: None,
            sub_type: None,
            time: None,
            cq_string: false,
            padding: 0,
            extra: Map::new(),
        }
    }

    /// Adds text.
    pub fn text(self, text: &str) -> Self {
        self.segment("text", json!({ "text": text }))
    }

    /// Adds a picture with this url and a made-up file name.
    pub fn image_url(self, url: &str) -> Self {
        self.image("A4E5D2F822F9C1E3C6CB94ED7E0CBE83.jpg", url)
    }

    /// Adds a picture with this file name and url; the url may be empty, as when `NapCat` has no key for it.
    pub fn image(mut self, file: &str, url: &str) -> Self {
        self.parts.push(Part::Image { file: file.to_owned(), url: url.to_owned(), sticker: false });
        self
    }

    /// Adds a custom sticker.
    pub fn sticker(mut self, file: &str, url: &str) -> Self {
        self.parts.push(Part::Image { file: file.to_owned(), url: url.to_owned(), sticker: true });
        self
    }

    /// Adds a market face.
    pub fn market_face(mut self, url: &str) -> Self {
        self.parts.push(Part::MarketFace { url: url.to_owned() });
        self
    }

    /// Adds the quotation of a message.
    pub fn reply(self, id: i64) -> Self {
        self.segment("reply", json!({ "id": id.to_string() }))
    }

    /// Adds a mention.
    pub fn at(self, user: i64) -> Self {
        self.segment("at", json!({ "qq": user.to_string() }))
    }

    /// Adds a mention of everybody.
    pub fn at_all(self) -> Self {
        self.segment("at", json!({ "qq": "all" }))
    }

    /// Adds a QQ face.
    pub fn face(self, id: u32) -> Self {
        self.segment("face", json!({ "id": id.to_string() }))
    }

    /// Adds a merged forward.
    pub fn forward(self, id: &str) -> Self {
        self.segment("forward", json!({ "id": id }))
    }

    /// Adds a file, as `NapCat` shows it.
    pub fn file(self, name: &str, file_id: &str, size: u64) -> Self {
        self.segment("file", json!({ "file": name, "file_id": file_id, "file_size": size.to_string() }))
    }

    /// Adds any segment.
    pub fn segment(mut self, kind: &str, data: Value) -> Self {
        let mut segment = json!({ "type": kind });
        put(&mut segment, "data", data);
        self.parts.push(Part::Segment(segment));
        self
    }

    /// The sender's rank.
    pub fn role(mut self, role: MemberRole) -> Self {
        self.role = Some(role);
        self
    }

    /// Leaves the sender's rank out, as `NapCat` does when its cache misses.
    pub fn no_role(mut self) -> Self {
        self.role = None;
        self
    }

    /// The sender's name.
    pub fn nickname(mut self, nickname: &str) -> Self {
        nickname.clone_into(&mut self.nickname);
        self
    }

    /// The sender's name in this group.
    pub fn card(mut self, card: &str) -> Self {
        card.clone_into(&mut self.card);
        self
    }

    /// The message's id; otherwise the next of the fake's own.
    pub fn message_id(mut self, id: i64) -> Self {
        self.id = Some(id);
        self
    }

    /// Another `sub_type` than `normal`, `friend` or `group`.
    pub fn sub_type(mut self, sub_type: &str) -> Self {
        self.sub_type = Some(sub_type.to_owned());
        self
    }

    /// Seconds since 1970; otherwise now.
    pub fn time(mut self, seconds: i64) -> Self {
        self.time = Some(seconds);
        self
    }

    /// This message comes as a CQ string, whatever the fake's setting.
    pub fn cq_string(mut self) -> Self {
        self.cq_string = true;
        self
    }

    /// Adds a key of so many bytes that nobody knows, for frames of any size.
    pub fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// Sets any key of the event, last of all.
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }

    pub(super) fn chosen_id(&self) -> Option<i64> {
        self.id
    }

    /// The event on the wire.
    pub(super) fn event(&self, peer: &Builder, id: i64, now: i64) -> Value {
        let Builder { dialect, self_id, cq_strings, .. } = *peer;
        let segments: Vec<Value> = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Segment(segment) => segment.clone(),
                Part::Image { file, url, sticker } => dialect.image(file, url, *sticker),
                Part::MarketFace { url } => dialect.market_face(url),
            })
            .collect();
        let raw = cq::encode(&segments);
        let as_text = self.cq_string || cq_strings;
        let mut sender = json!({ "user_id": self.user, "nickname": self.nickname, "card": self.card });
        let (kind, sub_type) = match self.place {
            Place::Group(_) => ("group", "normal"),
            Place::Friend => ("private", "friend"),
            Place::Temporary(_) => ("private", "group"),
        };
        if let (Some(role), Place::Group(_)) = (self.role, self.place) {
            put(&mut sender, "role", json!(role.as_str()));
        }
        let mut event = json!({
            "self_id": self_id, "user_id": self.user, "time": self.time.unwrap_or(now),
            "message_id": id, "message_type": kind, "sender": sender,
            "raw_message": raw.trim(), "font": 14, "sub_type": self.sub_type.as_deref().unwrap_or(sub_type),
            "message": if as_text { json!(raw) } else { json!(segments) }, "post_type": "message",
        });
        if matches!(dialect, Dialect::NapCat | Dialect::LLBot) {
            put(&mut event, "message_format", json!(if as_text { "string" } else { "array" }));
        }
        match dialect {
            Dialect::NapCat => {
                put(&mut event, "message_seq", json!(id));
                put(&mut event, "real_id", json!(id));
                put(&mut event, "real_seq", json!("35012"));
            }
            Dialect::LLBot | Dialect::GoCqhttp => put(&mut event, "message_seq", json!(35_012)),
            Dialect::Lagrange => {}
        }
        match self.place {
            Place::Group(group) => {
                put(&mut event, "group_id", json!(group));
                put(&mut event, "group_name", json!("绘图测试群"));
                if dialect == Dialect::Lagrange {
                    put(&mut event, "anonymous", Value::Null);
                }
            }
            Place::Friend => put(&mut event, "target_id", json!(self.user)),
            Place::Temporary(group) => {
                put(&mut event, "temp_source", json!(0));
                if matches!(dialect, Dialect::NapCat | Dialect::Lagrange) {
                    put(&mut event, "group_id", json!(group));
                } else if let Some(sender) = event.get_mut("sender") {
                    put(sender, "group_id", json!(group));
                }
            }
        }
        if self.padding > 0 {
            put(&mut event, "padding", json!("x".repeat(self.padding)));
        }
        for (key, value) in &self.extra {
            put(&mut event, key, value.clone());
        }
        event
    }
}
