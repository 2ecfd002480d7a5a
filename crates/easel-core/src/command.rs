//! Commands: what people type, turned into plain data.
//!
//! [`Grammar`] reads a text and says whether it is a command and which one. It knows nothing of platforms, pictures,
//! permissions or providers, does no I/O, and every text has exactly one reading. Start reading at
//! [`Grammar::parse`]; `verbs` holds the table of words, `wishes` what leaves a prompt as an output wish.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod grammar;
mod measure;
mod verbs;
mod width;
mod wishes;

#[cfg(test)]
mod tests;

pub use grammar::{Context, Grammar, GrammarConfig, PROMPT_LIMIT, Parsed, PresetName};
pub use verbs::is_verb;
pub use width::{fold, is_space};
pub use wishes::{MAX_COUNT, OutputWish, Ratio, SIDES, Tier, Unmet, unmet};

/// What a preset, and in the end a job, makes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// A picture from words; given pictures are references.
    #[default]
    Draw,
    /// A changed picture; needs at least one.
    Edit,
    /// A clip.
    Video,
}

/// One command, complete: what to do and with what. Pictures are not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// The verb as it was typed (`aiimg`, `生图`, `Draw`); for a batch, the verb that is repeated. Never empty.
    pub spelling: String,
    /// The provider asked for with `@name` behind the verb, folded to half width and lower case. Whether it exists is
    /// not known here; compare without regard to case.
    pub provider: Option<String>,
    /// Name of the preset to use, as the configuration spells it.
    pub preset: Option<String>,
    /// What is left for the model, as typed, without the output wishes, trimmed. For verbs without a prompt: their
    /// arguments. May be empty, holds at most [`PROMPT_LIMIT`] characters.
    pub prompt: String,
    /// Wishes about size and shape.
    pub output: OutputWish,
    /// How many pictures: 1 to 9 (`x3`), up to 99 for a batch.
    pub count: u8,
    /// The job meant by 取消 or 重发图片, by the number that the list of jobs shows.
    pub job: Option<u32>,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// 生图: words to a picture; pictures that are present are references.
    Draw,
    /// 改图: edit the given pictures.
    Edit,
    /// A preset called by its name; [`Command::preset`] says which.
    Preset,
    /// 自拍: a picture of the bot's persona.
    Selfie,
    /// 自拍参考: manage the persona's reference pictures.
    SelfieRef(SelfieRef),
    /// 视频: a clip.
    Video,
    /// 批量N: [`Command::count`] variations of another verb.
    Batch(Repeated),
    /// 重发图片: the last result again.
    Resend,
    /// 预设列表 and its kin.
    Presets(PresetList),
    /// 任务: running and waiting jobs.
    Jobs,
    /// 取消: stop a job. Without a number the person's only or latest one.
    Cancel,
    /// 帮助.
    Help(HelpTopic),
    /// 白名单: manage the allow lists.
    Whitelist,
    /// 黑名单: manage the deny lists.
    Blacklist,
    /// 限流: show or set limits.
    RateLimit,
    /// 语言: the chat's language.
    Language,
    /// 服务商: the providers and how they fare.
    Providers,
    /// 状态: how easel fares.
    Status,
}

/// A verb that 批量 can repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeated {
    /// 生图.
    Draw,
    /// 改图.
    Edit,
    /// A preset.
    Preset,
    /// 自拍.
    Selfie,
    /// 视频.
    Video,
}

/// What to do with the persona's reference pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SelfieRef {
    /// Explain the operations: also when none is named.
    Help,
    /// Replace the whole set.
    Set,
    /// Add to the set.
    Add,
    /// Show the set.
    Show,
    /// Delete the set, or the pictures whose numbers follow.
    Delete,
    /// An operation that does not exist; the person deserves a hint.
    Unknown,
}

/// Which presets to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PresetList {
    /// All of them.
    All,
    /// Those of one feature.
    Of(Feature),
}

/// What to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HelpTopic {
    /// Everything.
    All,
    /// Drawing.
    Draw,
    /// Editing.
    Edit,
}

impl Verb {
    /// Whether words behind the verb are a prompt for a model. Only these verbs may be glued to their prompt.
    pub fn takes_prompt(self) -> bool {
        matches!(self, Self::Draw | Self::Edit | Self::Preset | Self::Selfie | Self::Video | Self::Batch(_))
    }

    /// Whether a job's number may follow.
    pub fn takes_job(self) -> bool {
        matches!(self, Self::Cancel | Self::Resend)
    }

    /// Stable lower-case name for logs and the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::Edit => "edit",
            Self::Preset => "preset",
            Self::Selfie => "selfie",
            Self::SelfieRef(_) => "selfie_ref",
            Self::Video => "video",
            Self::Batch(_) => "batch",
            Self::Resend => "resend",
            Self::Presets(_) => "presets",
            Self::Jobs => "jobs",
            Self::Cancel => "cancel",
            Self::Help(_) => "help",
            Self::Whitelist => "whitelist",
            Self::Blacklist => "blacklist",
            Self::RateLimit => "ratelimit",
            Self::Language => "lang",
            Self::Providers => "providers",
            Self::Status => "status",
        }
    }

    fn repeated(self) -> Option<Repeated> {
        match self {
            Self::Draw => Some(Repeated::Draw),
            Self::Edit => Some(Repeated::Edit),
            Self::Preset => Some(Repeated::Preset),
            Self::Selfie => Some(Repeated::Selfie),
            Self::Video => Some(Repeated::Video),
            _ => None,
        }
    }
}
