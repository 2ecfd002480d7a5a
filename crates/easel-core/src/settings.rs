//! The sections of the configuration file that belong to the core: `[bot]`, `[jobs]` and the features' chains.
//!
//! Plain data with defaults and rules. Where it is read from (file, environment, panel) is not known here, and
//! the sections of other crates live with their owners. The docstrings are also the descriptions in the
//! configuration's JSON schema, so they are written for the person who edits the file.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{error::Arg, i18n::Locale};

mod feature;
mod video;

pub use feature::{ChainEntry, EntryWithOutput, FeatureSection, SelfieSection};
pub use video::{SendMode, VideoSection};

/// One rule of a section that a value breaks: a key of the configuration and a message key, never a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem {
    /// The key within the section, with dots and list indices: `prefixes[2]`.
    pub key: String,
    /// Key of the message in `locales/`; `<text>-mend` says what to do about it.
    pub text: &'static str,
    /// Arguments of both messages.
    pub args: Vec<(&'static str, Arg)>,
}

impl SettingProblem {
    /// A problem without arguments.
    pub fn new(key: impl Into<String>, text: &'static str) -> Self {
        Self { key: key.into(), text, args: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((name, value.into()));
        self
    }
}

/// `[bot]`: what concerns the whole program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BotSection {
    /// Directory of the database, the pictures, the backups and the control socket. Relative to the working
    /// directory. Default `data`. A change needs a restart.
    #[schemars(extend("x-restart" = true))]
    pub data_dir: PathBuf,
    /// Language of answers where a chat has not chosen its own: `zh-CN` (default) or `en-US`.
    pub locale: Locale,
    /// Marks that make a message a command. Default `/ ! ！ . 。 ．`. An empty list leaves mentions and direct chats.
    pub prefixes: Vec<String>,
    /// Owners, on every platform, as `platform:id` (`onebot:10001`). They pass lists, debounce and limits. Default:
    /// nobody.
    pub admins: Vec<String>,
    /// Minutes that a finished picture is kept for `/重发图片`. At least 1, default 15. Never shorter than its job.
    #[schemars(range(min = 1))]
    pub artifact_ttl_minutes: u64,
    /// Finished pictures kept at most; the oldest go first. At least 1, default 2000.
    #[schemars(range(min = 1))]
    pub artifact_max_count: u64,
    /// Bytes of finished pictures kept at most; the oldest go first. At least 1 MiB, default 2 GiB.
    #[schemars(range(min = 1_048_576))]
    pub artifact_max_bytes: u64,
}

impl Default for BotSection {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            locale: Locale::default(),
            prefixes: ["/", "!", "！", ".", "。", "．"].map(str::to_owned).to_vec(),
            admins: Vec::new(),
            artifact_ttl_minutes: 15,
            artifact_max_count: 2000,
            artifact_max_bytes: 2 << 30,
        }
    }
}

impl BotSection {
    /// Everything that is wrong, not only the first thing.
    pub fn validate(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if self.data_dir.as_os_str().is_empty() {
            problems.push(SettingProblem::new("data_dir", "config-data-dir-empty"));
        }
        for (index, prefix) in self.prefixes.iter().enumerate() {
            if prefix.is_empty() || prefix.chars().any(char::is_whitespace) {
                problems.push(SettingProblem::new(format!("prefixes[{index}]"), "config-prefix-blank"));
            }
        }
        for (index, admin) in self.admins.iter().enumerate() {
            // Ids are compared letter by letter, so a space or a second id in an entry would make nobody an owner.
            let part = |part: &str| {
                !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || [',', '，'].contains(&c))
            };
            let complete =
                admin.trim().split_once(':').is_some_and(|(platform, id)| part(platform) && part(id));
            if !complete {
                let problem = SettingProblem::new(format!("admins[{index}]"), "config-admin-form");
                problems.push(problem.with("value", admin.as_str()));
            }
        }
        at_least(&mut problems, "artifact_ttl_minutes", self.artifact_ttl_minutes, 1);
        at_least(&mut problems, "artifact_max_count", self.artifact_max_count, 1);
        at_least(&mut problems, "artifact_max_bytes", self.artifact_max_bytes, 1 << 20);
        problems
    }
}

/// `[jobs]`: how much runs at once, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JobsSection {
    /// Jobs that run at once, over all chats. At least 1, default 8.
    #[schemars(range(min = 1))]
    pub max_running: usize,
    /// Jobs of one chat that run at once. At least 1, default 2.
    #[schemars(range(min = 1))]
    pub max_running_per_chat: usize,
    /// Jobs of one person that run at once. At least 1, default 1.
    #[schemars(range(min = 1))]
    pub max_running_per_user: usize,
    /// Accepted jobs that may wait for their turn; further ones are refused with a sentence. 0 = nobody waits.
    /// Default 200.
    pub max_waiting: usize,
    /// Seconds that a job may take from acceptance until a provider's remote task exists. At least 1, at most 86400
    /// (a day), default 900.
    #[schemars(range(min = 1, max = 86400))]
    pub deadline_seconds: u64,
    /// Bytes of pictures that all running jobs may hold in memory together: answer text, decoded picture, outgoing
    /// frame. Running out slows a job and never fails it. At least 16 MiB, default 128 MiB. A change needs a restart.
    #[schemars(range(min = 16_777_216), extend("x-restart" = true))]
    pub max_bytes_in_flight: u64,
}

impl Default for JobsSection {
    fn default() -> Self {
        Self {
            max_running: 8,
            max_running_per_chat: 2,
            max_running_per_user: 1,
            max_waiting: 200,
            deadline_seconds: 900,
            max_bytes_in_flight: 128 << 20,
        }
    }
}

impl JobsSection {
    /// Everything that is wrong, not only the first thing.
    pub fn validate(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        at_least(&mut problems, "max_running", self.max_running as u64, 1);
        at_least(&mut problems, "max_running_per_chat", self.max_running_per_chat as u64, 1);
        at_least(&mut problems, "max_running_per_user", self.max_running_per_user as u64, 1);
        at_least(&mut problems, "deadline_seconds", self.deadline_seconds, 1);
        at_least(&mut problems, "max_bytes_in_flight", self.max_bytes_in_flight, 16 << 20);
        problems
    }
}

fn at_least(problems: &mut Vec<SettingProblem>, key: &str, value: u64, least: u64) {
    if value < least {
        let problem = SettingProblem::new(key, "config-too-small");
        problems.push(problem.with("value", value.to_string()).with("least", least.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn bot(json: serde_json::Value, expected: &[(&str, &str)]) {
        let section: BotSection = serde_json::from_value(json).unwrap();
        assert_eq!(keys(section.validate()), expected);
    }

    fn keys(problems: Vec<SettingProblem>) -> Vec<(&'static str, &'static str)> {
        problems.into_iter().map(|problem| (&*problem.key.leak(), problem.text)).collect()
    }

    #[test]
    fn defaults_break_no_rule() {
        assert_eq!(BotSection::default().validate(), []);
        assert_eq!(JobsSection::default().validate(), []);
    }

    #[test]
    fn bot_rules() {
        use serde_json::json;
        bot(json!({}), &[]);
        bot(json!({"admins": ["onebot:10001", "telegram:42"]}), &[]);
        for accepted in ["onebot:10001", " onebot:10001 ", "telegram:-42", "discord:a:b"] {
            bot(json!({"admins": [accepted]}), &[]);
        }
        for refused in ["onebot: 10001", "onebot :10001", "onebot:1,2", "onebot:1，onebot:2", "onebot:1 2"] {
            bot(json!({"admins": [refused]}), &[("admins[0]", "config-admin-form")]);
        }
        bot(json!({"data_dir": ""}), &[("data_dir", "config-data-dir-empty")]);
        bot(
            json!({"prefixes": ["/", "", "a b"]}),
            &[("prefixes[1]", "config-prefix-blank"), ("prefixes[2]", "config-prefix-blank")],
        );
        bot(
            json!({"admins": ["10001", "onebot:", ":1"], "artifact_ttl_minutes": 0}),
            &[
                ("admins[0]", "config-admin-form"),
                ("admins[1]", "config-admin-form"),
                ("admins[2]", "config-admin-form"),
                ("artifact_ttl_minutes", "config-too-small"),
            ],
        );
    }

    #[test]
    fn jobs_rules() {
        let zeroes: JobsSection = serde_json::from_str(
            r#"{"max_running": 0, "max_running_per_chat": 0, "max_running_per_user": 0, "max_waiting": 0,
                "deadline_seconds": 0, "max_bytes_in_flight": 1}"#,
        )
        .unwrap();
        let broken: Vec<_> = zeroes.validate().into_iter().map(|problem| problem.key).collect();
        let expected = [
            "max_running",
            "max_running_per_chat",
            "max_running_per_user",
            "deadline_seconds",
            "max_bytes_in_flight",
        ];
        assert_eq!(broken, expected);
    }
}
