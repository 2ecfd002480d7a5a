//! Newtypes for identities. An id is never a bare string, and never interpreted outside the adapter that made it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the platform's own spelling of the id.
            pub fn new(id: impl AsRef<str>) -> Self {
                Self(Arc::from(id.as_ref()))
            }

            /// The platform's own spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(Arc::from(id))
            }
        }
    };
}

text_id!(
    /// A chat network: `onebot`, `discord`, `telegram`, `web`, or `cli` for the command line.
    Platform
);
text_id!(
    /// One bot identity on a platform, for example a QQ number.
    AccountId
);
text_id!(
    /// A place where messages appear, unique within platform and account together with its [`ChatKind`].
    ChatId
);
text_id!(
    /// A person (or bot) on a platform.
    UserId
);
text_id!(
    /// One message, unique within its account.
    MessageId
);

/// What sort of place a chat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Many people.
    Group,
    /// One person and the bot.
    Direct,
    /// One person and the bot, opened from a group without being friends; counts as direct for access.
    Temporary,
}

impl ChatKind {
    /// Whether access rules treat the chat as direct.
    pub fn is_direct(self) -> bool {
        !matches!(self, Self::Group)
    }
}

/// One chat, complete enough to send to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chat {
    /// The network.
    pub platform: Platform,
    /// The bot account that sees the chat.
    pub account: AccountId,
    /// Group or direct.
    pub kind: ChatKind,
    /// The group's id, or the person's for direct chats.
    pub id: ChatId,
    /// For [`ChatKind::Temporary`]: the group that the session was opened from.
    pub parent: Option<ChatId>,
}

impl Chat {
    /// Whether a notice about `told` may mean this chat: a platform's notices need not tell a temporary session from a
    /// direct chat.
    pub fn may_be(&self, told: &Self) -> bool {
        self.id == told.id
            && self.account == told.account
            && self.platform == told.platform
            && self.kind.is_direct() == told.kind.is_direct()
    }
}

impl fmt::Display for Chat {
    /// `platform:id`, the form that the configuration's lists use.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.platform, self.id)
    }
}

/// A job's id: a UUID of version 7, so that ids sort by the time of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(uuid::Uuid);

impl JobId {
    /// A new id.
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    /// Reads the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Milliseconds since the Unix epoch, by the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Milliseconds from `earlier` to `self`, 0 when the clock went backwards.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
