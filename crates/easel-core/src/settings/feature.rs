//! The sections that say which providers a feature asks, in which order and for what.
//!
//! All of them share one way of writing a chain: four single names, or one list whose entries may have an output of
//! their own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::SettingProblem;
use crate::{command::OutputWish, error::Arg};

/// One entry of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChainEntry {
    /// The provider's name alone.
    Name(String),
    /// The name with an output of its own.
    With(EntryWithOutput),
}

/// An entry of a chain with an output of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryWithOutput {
    /// The provider's name, as in `[providers.NAME]`.
    pub provider: String,
    /// Size that this provider is asked for when nobody wishes another; as `default_output`, which it replaces.
    #[serde(default)]
    pub output: Option<String>,
}

impl From<&str> for ChainEntry {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl ChainEntry {
    fn provider(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::With(entry) => &entry.provider,
        }
    }

    fn output(&self) -> Option<&str> {
        match self {
            Self::Name(_) => None,
            Self::With(entry) => entry.output.as_deref(),
        }
    }
}

/// `[draw]` and `[edit]`: which providers a feature asks, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureSection {
    /// Name of the provider that is asked first, as in `[providers.NAME]`. Default: none, so that easel looks into the
    /// environment and then draws offline sketches.
    pub provider: Option<String>,
    /// The provider asked when the first one fails.
    pub fallback_1: Option<String>,
    /// The provider asked after that.
    pub fallback_2: Option<String>,
    /// The last provider asked.
    pub fallback_3: Option<String>,
    /// All providers in their order, instead of `provider` and `fallback_…`: names, or `{ provider, output }` with a
    /// size of its own.
    pub chain: Vec<ChainEntry>,
    /// Size of the picture when nobody wishes another: a ratio (`16:9`), pixels (`2048x1152`), a tier (`2K`) or a
    /// ratio with a tier. Default: the provider's own.
    pub default_output: Option<String>,
    /// Whether several reference pictures may be put together into one for a provider that takes fewer of them. Default:
    /// no, such a provider is passed over.
    pub collage: bool,
}

/// `[selfie]`: pictures of the bot's persona.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-unbuilt" = true))]
pub struct SelfieSection {
    /// As in `[draw]`.
    pub provider: Option<String>,
    /// As in `[draw]`.
    pub fallback_1: Option<String>,
    /// As in `[draw]`.
    pub fallback_2: Option<String>,
    /// As in `[draw]`.
    pub fallback_3: Option<String>,
    /// As in `[draw]`.
    pub chain: Vec<ChainEntry>,
    /// As in `[draw]`.
    pub default_output: Option<String>,
    /// As in `[draw]`.
    pub collage: bool,
    /// Pictures of the persona, as files.
    pub reference_images: Vec<PathBuf>,
}

impl SelfieSection {
    /// Its chain.
    pub fn feature(&self) -> FeatureSection {
        let Self { provider, fallback_1, fallback_2, fallback_3, chain, default_output, collage, .. } =
            self.clone();
        FeatureSection { provider, fallback_1, fallback_2, fallback_3, chain, default_output, collage }
    }
}

impl FeatureSection {
    /// The named providers in the order in which they are asked. Empty when none is named.
    pub fn names(&self) -> Vec<&str> {
        self.entries().into_iter().map(|(name, _)| name).collect()
    }

    /// The named providers in order, each with the output that it is asked for where nobody wishes one: its own, else
    /// that of the feature. An output that can't be read counts as none; [`Self::validate`] says so.
    pub fn entries(&self) -> Vec<(&str, Option<OutputWish>)> {
        let wish = |output: Option<&str>| output.and_then(OutputWish::parse);
        let default = wish(self.default_output.as_deref());
        if !self.chain.is_empty() {
            let entry = |entry: &ChainEntry| wish(entry.output()).or(default);
            return self.chain.iter().map(|it| (it.provider(), entry(it))).collect();
        }
        self.slots().into_iter().filter_map(|(_, name)| Some((name?, default))).collect()
    }

    /// The named providers with the keys that name them (`fallback_1`, `chain[0]`), for messages.
    pub fn places(&self) -> Vec<(String, &str)> {
        let slots = self.slots().into_iter().filter_map(|(key, name)| Some((key.to_owned(), name?)));
        let chain = self.chain.iter().enumerate().map(|(n, entry)| match entry {
            ChainEntry::Name(name) => (format!("chain[{n}]"), name.as_str()),
            ChainEntry::With(entry) => (format!("chain[{n}].provider"), entry.provider.as_str()),
        });
        slots.chain(chain).collect()
    }

    /// Everything that is wrong, not only the first thing. Whether the named providers exist is not known here.
    pub fn validate(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let slotted: Vec<_> =
            self.slots().into_iter().filter(|(_, name)| name.is_some()).map(|(key, _)| key).collect();
        if !self.chain.is_empty() && !slotted.is_empty() {
            let problem = SettingProblem::new("chain", "config-chain-and-provider");
            let slotted = slotted.iter().map(|key| (*key).to_owned()).collect();
            problems.push(problem.with("other", Arg::Names(slotted)));
        }
        if let (None, Some(key)) = (&self.provider, slotted.first()) {
            problems.push(SettingProblem::new(*key, "config-fallback-without-provider"));
        }
        let of_entries = self.chain.iter().enumerate();
        let outputs = of_entries.map(|(n, entry)| (format!("chain[{n}].output"), entry.output()));
        let default = ("default_output".to_owned(), self.default_output.as_deref());
        for (key, output) in std::iter::once(default).chain(outputs) {
            if let Some(output) = output.filter(|output| OutputWish::parse(output).is_none()) {
                problems.push(SettingProblem::new(key, "config-output-form").with("value", output));
            }
        }
        let mut seen = BTreeSet::new();
        let slots = self.slots().into_iter().filter_map(|(_, name)| Some((name?, None)));
        let entries = slots.chain(self.chain.iter().map(|entry| (entry.provider(), entry.output())));
        for ((key, name), entry) in self.places().into_iter().zip(entries) {
            if name.trim().is_empty() {
                problems.push(SettingProblem::new(key, "config-provider-name-empty"));
            } else if !seen.insert(entry) {
                // The same provider may be asked again for something else, for example a smaller picture.
                problems.push(SettingProblem::new(key, "config-provider-twice").with("provider", name));
            }
        }
        problems
    }

    fn slots(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("provider", self.provider.as_deref()),
            ("fallback_1", self.fallback_1.as_deref()),
            ("fallback_2", self.fallback_2.as_deref()),
            ("fallback_3", self.fallback_3.as_deref()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(json: serde_json::Value, names: &[&str], expected: &[(&str, &str)]) -> FeatureSection {
        let section: FeatureSection = serde_json::from_value(json).unwrap();
        let problems = section.validate();
        let found: Vec<_> = problems.iter().map(|problem| (&*problem.key, problem.text)).collect();
        assert_eq!(found, expected);
        assert_eq!(section.names(), names);
        section
    }

    #[test]
    fn feature_rules() {
        check(json!({}), &[], &[]);
        check(json!({"provider": "a", "fallback_2": "c", "fallback_1": "b"}), &["a", "b", "c"], &[]);
        check(json!({"chain": ["a", "b"]}), &["a", "b"], &[]);
        check(json!({"fallback_1": "b"}), &["b"], &[("fallback_1", "config-fallback-without-provider")]);
        check(
            json!({"provider": "a", "fallback_1": "a", "fallback_2": " "}),
            &["a", "a", " "],
            &[("fallback_1", "config-provider-twice"), ("fallback_2", "config-provider-name-empty")],
        );
        check(json!({"default_output": "16:9"}), &[], &[]);
        check(json!({"default_output": "2048x1152"}), &[], &[]);
        check(json!({"default_output": "2K"}), &[], &[]);
        check(json!({"default_output": "gigantic"}), &[], &[("default_output", "config-output-form")]);
    }

    #[test]
    fn two_ways_of_writing_a_chain_are_one_too_many() {
        let both = json!({"chain": ["a"], "provider": "b", "fallback_2": "c"});
        let section = check(both, &["a"], &[("chain", "config-chain-and-provider")]);
        let [problem] = &section.validate()[..] else { panic!("one problem") };
        let other = ["provider", "fallback_2"].map(str::to_owned).into();
        assert_eq!(problem.args, [("other", Arg::Names(other))], "it says which to take out");
    }

    #[test]
    fn entries_may_have_an_output_of_their_own() {
        let large = json!({"provider": "b", "output": "4K"});
        let section = check(
            json!({"chain": ["a", large, {"provider": "c"}], "default_output": "1K"}),
            &["a", "b", "c"],
            &[],
        );
        let wish = |text| OutputWish::parse(text);
        assert_eq!(section.entries(), [("a", wish("1K")), ("b", wish("4K")), ("c", wish("1K"))]);
        check(json!({"chain": [large, {"provider": "b", "output": "1K"}]}), &["b", "b"], &[]);
        check(
            json!({"chain": [large, {"provider": " ", "output": "huge"}, large]}),
            &["b", " ", "b"],
            &[
                ("chain[1].output", "config-output-form"),
                ("chain[1].provider", "config-provider-name-empty"),
                ("chain[2].provider", "config-provider-twice"),
            ],
        );
    }

    #[test]
    fn a_selfie_has_the_same_chain() {
        let section: SelfieSection =
            serde_json::from_value(json!({"chain": ["a"], "collage": true, "reference_images": ["me.png"]}))
                .unwrap();
        assert_eq!((section.feature().names(), section.feature().collage), (vec!["a"], true));
    }
}
