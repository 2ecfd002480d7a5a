//! Plain data that many tests begin with; they change what their case is about.

use std::time::Duration;

use crate::{
    ids::{Chat, ChatKind},
    job::{
        engine::{ClipSettings, EngineSettings},
        kept::KeepLimits,
        ledger::StoredRequest,
        schedule::ScheduleLimits,
    },
};

/// A group of the platform `onebot` that the account `1` is in.
pub fn test_group(id: &str) -> Chat {
    Chat {
        platform: "onebot".into(),
        account: "1".into(),
        kind: ChatKind::Group,
        id: id.into(),
        parent: None,
    }
}

/// A request for one picture, with nothing but words: who asked, in which message, for what. The group is `g`.
pub fn test_request(user: &str, message: &str, prompt: &str) -> StoredRequest {
    StoredRequest {
        chat: test_group("g"),
        user: user.into(),
        message: message.into(),
        feature: "draw".to_owned(),
        prompt: prompt.to_owned(),
        preset: None,
        provider: None,
        size: None,
        ratio: None,
        tier: None,
        count: 1,
        pictures: Vec::new(),
        fallback: Vec::new(),
        quote: None,
        had_inline: false,
        tickets: None,
    }
}

/// Settings of an engine with room for several chats and one job of a person at a time.
pub fn test_settings() -> EngineSettings {
    EngineSettings {
        schedule: ScheduleLimits {
            max_running: 8,
            max_running_per_chat: 2,
            max_running_per_user: 1,
            max_waiting: 200,
        },
        deadline: Duration::from_mins(15),
        keep: KeepLimits { ttl_millis: 900_000, max_count: 2000, max_bytes: 1 << 30 },
        max_download_bytes: 1 << 20,
        clips: ClipSettings::default(),
    }
}
