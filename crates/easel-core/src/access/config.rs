//! The section `[access]` of the configuration.

use schemars::JsonSchema;
use serde::Deserialize;

use super::window::MAX_NOTES;
use crate::settings::SettingProblem;

/// `[access]`: who may use easel, and how often. Owners (`[bot] admins`) pass lists, debounce and limits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSection {
    /// Which groups may use easel: `none` (default; all of them), `whitelist` (only those of `group_filter_list`) or
    /// `blacklist` (all but those).
    pub group_filter_mode: FilterMode,
    /// Groups as `platform:id` (`onebot:123`), or as a bare id that means every platform. No effect when the mode is
    /// `none`. Default empty.
    pub group_filter_list: Vec<ListEntry>,
    /// Which people may use easel, in groups as in direct chats: `none` (default), `whitelist` or `blacklist`.
    pub user_filter_mode: FilterMode,
    /// People, in the same form as `group_filter_list`. Also the people that `direct_chats = "users"` means.
    pub user_filter_list: Vec<ListEntry>,
    /// Jobs that one group may start within one period. Failed jobs do not count. 0 (default) = no limit.
    pub rate_limit_max_calls_per_group: u32,
    /// Length of the period in seconds; it slides, so that no span of this length ever sees more than the limit. At
    /// least 1, default 60.
    #[schemars(range(min = 1))]
    pub rate_limit_period_seconds: u64,
    /// Jobs that one person may start within one period. Failed jobs do not count. 0 (default) = no limit.
    pub rate_limit_max_calls_per_user: u32,
    /// Seconds that a person waits between two jobs of the same kind. 0 = off, default 3.
    pub debounce_seconds: u64,
    /// What a refused group hears: `auto` (default; nothing when blacklisted, a sentence when not whitelisted),
    /// `silent` or `text`. A sentence comes at most once per chat and hour.
    pub group_refusal: Refusal,
    /// What a refused person hears, in the same way.
    pub user_refusal: Refusal,
    /// Who may use easel in direct chats (temporary sessions too): `everyone`, `users` (those in `user_filter_list`)
    /// or `admins` (owners only). Default: `everyone`; `users` as soon as a filter mode is `whitelist`.
    pub direct_chats: Option<DirectChats>,
    /// Jobs that one person may start within 24 hours. Failed jobs do not count. 0 (default) = no limit.
    pub daily_quota_per_user: u32,
    /// Jobs that one group may start within 24 hours. Failed jobs do not count. 0 (default) = no limit.
    pub daily_quota_per_group: u32,
    /// How often the content checks of providers may refuse what one person asks for, within
    /// `moderation_period_seconds`, before that person has to wait: services close whole accounts over it. At most 100,
    /// 0 = off, default 5.
    #[schemars(range(max = 100))]
    pub moderation_max_refusals_per_user: u32,
    /// Length of that period in seconds; it slides. At least 1, default 3600.
    #[schemars(range(min = 1))]
    pub moderation_period_seconds: u64,
}

/// What a list means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilterMode {
    /// The list has no effect.
    #[default]
    None,
    /// Only what is listed may pass.
    Whitelist,
    /// What is listed may not pass.
    Blacklist,
}

/// Whether a refusal is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Silent for the blacklisted, a sentence for the others.
    #[default]
    Auto,
    /// Never a word.
    Silent,
    /// Always a sentence.
    Text,
}

/// Who may use easel in direct chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectChats {
    /// Everyone whom the user filter lets pass.
    Everyone,
    /// The people of `user_filter_list`.
    Users,
    /// Owners only.
    Admins,
}

/// An id in a list: text (`"onebot:123"`, `"456"`; several may be separated by commas) or a plain number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ListEntry {
    /// `platform:id` or a bare id.
    Text(String),
    /// A bare id.
    Number(i64),
}

impl From<&str> for ListEntry {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl ListEntry {
    /// The ids that the entry holds, each trimmed and not empty.
    pub(super) fn ids(&self) -> Vec<String> {
        match self {
            Self::Text(text) => text
                .split([',', '，'])
                .map(str::trim)
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
                .collect(),
            Self::Number(id) => vec![id.to_string()],
        }
    }
}

impl Default for AccessSection {
    fn default() -> Self {
        Self {
            group_filter_mode: FilterMode::None,
            group_filter_list: Vec::new(),
            user_filter_mode: FilterMode::None,
            user_filter_list: Vec::new(),
            rate_limit_max_calls_per_group: 0,
            rate_limit_period_seconds: 60,
            rate_limit_max_calls_per_user: 0,
            debounce_seconds: 3,
            group_refusal: Refusal::Auto,
            user_refusal: Refusal::Auto,
            direct_chats: None,
            daily_quota_per_user: 0,
            daily_quota_per_group: 0,
            moderation_max_refusals_per_user: 5,
            moderation_period_seconds: 3600,
        }
    }
}

impl AccessSection {
    /// Who may use easel in direct chats, with the default that depends on the filters.
    pub fn direct_chats(&self) -> DirectChats {
        let whitelisted = [self.group_filter_mode, self.user_filter_mode].contains(&FilterMode::Whitelist);
        self.direct_chats.unwrap_or(if whitelisted { DirectChats::Users } else { DirectChats::Everyone })
    }

    /// Everything that is wrong, not only the first thing.
    pub fn validate(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        for (key, list) in
            [("group_filter_list", &self.group_filter_list), ("user_filter_list", &self.user_filter_list)]
        {
            for (index, entry) in list.iter().enumerate() {
                let ids = entry.ids();
                let odd = |id: &String| {
                    id.contains(char::is_whitespace) || id.starts_with(':') || id.ends_with(':')
                };
                let shown = match entry {
                    ListEntry::Text(text) => text.clone(),
                    ListEntry::Number(id) => id.to_string(),
                };
                if ids.is_empty() || ids.iter().any(odd) {
                    let problem = SettingProblem::new(format!("{key}[{index}]"), "config-list-entry");
                    problems.push(problem.with("value", shown));
                }
            }
        }
        if self.rate_limit_period_seconds == 0 {
            problems.push(SettingProblem::new("rate_limit_period_seconds", "config-period-zero"));
        }
        if self.moderation_period_seconds == 0 {
            problems.push(SettingProblem::new("moderation_period_seconds", "config-period-zero"));
        }
        if usize::try_from(self.moderation_max_refusals_per_user).unwrap_or(usize::MAX) > MAX_NOTES {
            let problem = SettingProblem::new("moderation_max_refusals_per_user", "config-too-large");
            problems.push(
                problem
                    .with("value", self.moderation_max_refusals_per_user.to_string())
                    .with("most", MAX_NOTES.to_string()),
            );
        }
        if self.direct_chats == Some(DirectChats::Users) && self.user_filter_mode == FilterMode::Blacklist {
            problems.push(SettingProblem::new("direct_chats", "config-direct-users-blacklist"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(section: serde_json::Value, expected: &[(&str, &str)]) {
        let section: AccessSection = serde_json::from_value(section).unwrap();
        let problems = section.validate();
        let found: Vec<_> = problems.iter().map(|problem| (problem.key.as_str(), problem.text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn problems_are_found_all_at_once() {
        check(json!({}), &[]);
        check(json!({"group_filter_list": ["onebot:123", "456", 789, -1001, "1, 2"]}), &[]);
        check(
            json!({"group_filter_list": ["", ":1", "a b"], "user_filter_list": ["onebot:"],
                   "rate_limit_period_seconds": 0, "moderation_period_seconds": 0,
                   "moderation_max_refusals_per_user": 101, "direct_chats": "users", "user_filter_mode": "blacklist"}),
            &[
                ("group_filter_list[0]", "config-list-entry"),
                ("group_filter_list[1]", "config-list-entry"),
                ("group_filter_list[2]", "config-list-entry"),
                ("user_filter_list[0]", "config-list-entry"),
                ("rate_limit_period_seconds", "config-period-zero"),
                ("moderation_period_seconds", "config-period-zero"),
                ("moderation_max_refusals_per_user", "config-too-large"),
                ("direct_chats", "config-direct-users-blacklist"),
            ],
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_value::<AccessSection>(json!({"group_mode": "none"})).is_err());
    }

    #[test]
    fn direct_chats_close_with_the_first_whitelist() {
        let section = |json| serde_json::from_value::<AccessSection>(json).unwrap().direct_chats();
        assert_eq!(section(json!({})), DirectChats::Everyone);
        assert_eq!(section(json!({"group_filter_mode": "blacklist"})), DirectChats::Everyone);
        assert_eq!(section(json!({"group_filter_mode": "whitelist"})), DirectChats::Users);
        assert_eq!(section(json!({"user_filter_mode": "whitelist"})), DirectChats::Users);
        assert_eq!(
            section(json!({"user_filter_mode": "whitelist", "direct_chats": "everyone"})),
            DirectChats::Everyone
        );
    }
}
