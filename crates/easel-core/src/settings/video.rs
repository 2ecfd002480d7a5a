//! `[video]`: who makes clips, and how they reach the chat.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{FeatureSection, SettingProblem, at_least};
use crate::ports::ClipLimits;

/// The longest that a clip may be fetched.
const MOST_SECONDS: u64 = 3600;

/// `[video]`: which providers make clips, in which order, and how clips reach the chat.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default)]
// Keys that nobody knows are found by the schema: `deny_unknown_fields` and `flatten` exclude each other in serde.
#[schemars(extend("additionalProperties" = false))]
pub struct VideoSection {
    /// The chain, written as in `[draw]`.
    #[serde(flatten)]
    pub feature: FeatureSection,
    /// Bytes of a finished clip at most. At least 1 MiB, default 200 MiB.
    #[schemars(range(min = 1_048_576))]
    pub max_download_bytes: u64,
    /// Seconds that fetching a finished clip may take. 1 to 3600, default 300.
    #[schemars(range(min = 1, max = 3600))]
    pub download_timeout_seconds: u64,
    /// How clips reach the chat. `auto` (default) = shown in the chat; where that fails, as a file; where that fails,
    /// by the service's own link: the platform fetches it, or it is shown if it holds no signature. `file` = as files
    /// only. `url` = by the service's own link first, signatures included; where that can't be, as with `auto`.
    pub send_mode: SendMode,
}

/// `[video] send_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendMode {
    /// Shown in the chat, else as a file, else by a link.
    #[default]
    Auto,
    /// As files only.
    File,
    /// By the service's own link, where that can be.
    Url,
}

impl Default for VideoSection {
    fn default() -> Self {
        let limits = ClipLimits::default();
        Self {
            feature: FeatureSection::default(),
            max_download_bytes: limits.max_bytes,
            download_timeout_seconds: limits.timeout.as_secs(),
            send_mode: SendMode::default(),
        }
    }
}

impl VideoSection {
    /// Everything that is wrong, not only the first thing. Whether the named providers exist is not known here.
    pub fn validate(&self) -> Vec<SettingProblem> {
        let mut problems = self.feature.validate();
        at_least(&mut problems, "max_download_bytes", self.max_download_bytes, 1 << 20);
        at_least(&mut problems, "download_timeout_seconds", self.download_timeout_seconds, 1);
        if self.download_timeout_seconds > MOST_SECONDS {
            let problem = SettingProblem::new("download_timeout_seconds", "config-too-large")
                .with("value", self.download_timeout_seconds.to_string())
                .with("most", MOST_SECONDS.to_string());
            problems.push(problem);
        }
        problems
    }

    /// How a finished clip may be fetched.
    pub fn limits(&self) -> ClipLimits {
        ClipLimits {
            max_bytes: self.max_download_bytes,
            timeout: Duration::from_secs(self.download_timeout_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_stands_beside_the_keys_of_clips() {
        #[track_caller]
        fn check(json: serde_json::Value, expected: &[(&str, &str)]) -> VideoSection {
            let section: VideoSection = serde_json::from_value(json).unwrap();
            let found: Vec<_> =
                section.validate().into_iter().map(|problem| (problem.key, problem.text)).collect();
            let found: Vec<_> = found.iter().map(|(key, text)| (key.as_str(), *text)).collect();
            assert_eq!(found, expected);
            section
        }
        use serde_json::json;
        assert_eq!(check(json!({}), &[]), VideoSection::default());
        let section = check(
            json!({"provider": "a", "fallback_1": "b", "send_mode": "url", "download_timeout_seconds": 60}),
            &[],
        );
        assert_eq!(section.feature.names(), ["a", "b"]);
        assert_eq!((section.send_mode, section.limits().timeout), (SendMode::Url, Duration::from_mins(1)));
        check(
            json!({"fallback_1": "b", "max_download_bytes": 1, "download_timeout_seconds": 3601}),
            &[
                ("fallback_1", "config-fallback-without-provider"),
                ("max_download_bytes", "config-too-small"),
                ("download_timeout_seconds", "config-too-large"),
            ],
        );
    }
}
