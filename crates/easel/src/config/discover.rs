//! Which providers a feature asks: those of the configuration, one found in the environment, or the offline sketch.

use easel_core::settings::FeatureSection;
use easel_providers::{Kind, ProviderSection, config::KeyList};
use secrecy::{ExposeSecret as _, SecretString};

use super::Config;

/// The environment pairs that are looked at, in this order; each is `<NAME>_BASE_URL` with `<NAME>_API_KEY`.
const PAIRS: [&str; 3] = ["OPENAI", "CLAWTO", "IMAGE"];

/// A feature that asks providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Text to picture.
    Draw,
    /// Picture to picture.
    Edit,
}

/// What a feature asks.
#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    /// The named providers, in order. May cost money.
    Configured(Vec<String>),
    /// A service whose address and key the environment holds, spoken to as `openai_images`. May cost money.
    Environment(Discovered),
    /// The embedded offline sketch. Costs nothing.
    Sketch,
}

/// A service found in the environment.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    /// The pair's name: `OPENAI`, `CLAWTO` or `IMAGE`.
    pub(crate) name: &'static str,
    /// Its address.
    pub(crate) base_url: String,
    /// Its key.
    pub(crate) key: SecretString,
    /// `IMAGE_MODEL`; without it the first image-capable model of the service's list is to be taken.
    pub(crate) model: Option<String>,
}

impl Discovered {
    /// The provider's name: the pair's, in small letters.
    pub(crate) fn provider(&self) -> String {
        self.name.to_lowercase()
    }

    /// The same as a section, with the model where one is named.
    pub(crate) fn section(&self) -> ProviderSection {
        ProviderSection {
            kind: Kind::OpenAiImages.name().to_owned(),
            base_url: self.base_url.clone(),
            api_keys: KeyList::Text(self.key.expose_secret().into()),
            model: self.model.clone().unwrap_or_default(),
            ..ProviderSection::default()
        }
    }
}

/// What `feature` asks: its section, for `[edit]` else that of `[draw]`; else the first complete environment pair;
/// else the sketch. `environment` looks a variable up; a blank one counts as unset.
pub(crate) fn choose(
    config: &Config,
    feature: Feature,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Chosen {
    let named = |section: &FeatureSection| section.names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let chain = match feature {
        Feature::Draw => named(&config.draw),
        Feature::Edit => {
            Some(named(&config.edit)).filter(|names| !names.is_empty()).unwrap_or_else(|| named(&config.draw))
        }
    };
    if !chain.is_empty() {
        return Chosen::Configured(chain);
    }
    pairs(environment).into_iter().next().map_or(Chosen::Sketch, Chosen::Environment)
}

/// The complete pairs of the environment; the first one is asked when nothing is configured.
pub(super) fn pairs(environment: &dyn Fn(&str) -> Option<String>) -> Vec<Discovered> {
    let variable =
        |name: String| environment(&name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let complete_pair = |name: &'static str| {
        Some(Discovered {
            name,
            base_url: variable(format!("{name}_BASE_URL"))?,
            key: SecretString::from(variable(format!("{name}_API_KEY"))?),
            model: variable("IMAGE_MODEL".to_owned()),
        })
    };
    PAIRS.into_iter().filter_map(complete_pair).collect()
}

/// A variable of a pair that is set, and the other one of the pair, which is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    /// The variable that is there.
    pub(crate) found: String,
    /// The one that is missing.
    pub(crate) missing: String,
    /// What the missing one is for the service that the pair is named after.
    pub(crate) usual: Option<&'static str>,
}

/// The half pairs of the environment: whoever set one variable meant it to be used.
pub(crate) fn halves(environment: &dyn Fn(&str) -> Option<String>) -> Vec<Half> {
    let is_set = |name: &String| environment(name).is_some_and(|text| !text.trim().is_empty());
    let half = |name: &'static str| {
        let (address, key) = (format!("{name}_BASE_URL"), format!("{name}_API_KEY"));
        match (is_set(&address), is_set(&key)) {
            (false, true) => {
                let usual = (name == "OPENAI").then_some("https://api.openai.com");
                Some(Half { found: key, missing: address, usual })
            }
            (true, false) => Some(Half { found: address, missing: key, usual: None }),
            _ => None,
        }
    };
    PAIRS.into_iter().filter_map(half).collect()
}

/// The pairs of the environment, where one of them draws or edits.
pub(crate) fn in_use(config: &Config, environment: &dyn Fn(&str) -> Option<String>) -> Vec<Discovered> {
    let from_there = |feature| matches!(choose(config, feature, environment), Chosen::Environment(_));
    if from_there(Feature::Draw) || from_there(Feature::Edit) { pairs(environment) } else { Vec::new() }
}

/// The names of all providers that may be meant: the configuration's, and those of the environment's pairs.
pub(crate) fn names(config: &Config, environment: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let pairs = in_use(config, environment);
    config.providers.keys().cloned().chain(pairs.iter().map(Discovered::provider)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str, feature: Feature, environment: &[(&str, &str)]) -> String {
        let config: Config = serde_json::from_str(config).unwrap();
        let look_up =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned());
        match choose(&config, feature, &look_up) {
            Chosen::Configured(names) => names.join(" > "),
            Chosen::Environment(found) => {
                let key = found.key.expose_secret();
                format!("{} {} {key} {}", found.name, found.base_url, found.model.unwrap_or_default())
            }
            Chosen::Sketch => "sketch".to_owned(),
        }
    }

    #[track_caller]
    fn check(config: &str, environment: &[(&str, &str)], draw: &str, edit: &str) {
        assert_eq!(found(config, Feature::Draw, environment), draw);
        assert_eq!(found(config, Feature::Edit, environment), edit);
    }

    #[test]
    fn half_a_pair_is_noticed() {
        #[track_caller]
        fn check(environment: &[(&str, &str)], expected: &[(&str, &str, Option<&str>)]) {
            let look_up = |name: &str| {
                environment.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
            };
            let halves = halves(&look_up);
            let told: Vec<_> = halves.iter().map(|half| (&*half.found, &*half.missing, half.usual)).collect();
            assert_eq!(told, expected);
        }
        let official = Some("https://api.openai.com");
        check(&[], &[]);
        check(&[("OPENAI_API_KEY", "k")], &[("OPENAI_API_KEY", "OPENAI_BASE_URL", official)]);
        check(&[("OPENAI_API_KEY", " ")], &[]);
        check(&[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "https://a")], &[]);
        check(
            &[("IMAGE_API_KEY", "k"), ("CLAWTO_BASE_URL", "https://a")],
            &[("CLAWTO_BASE_URL", "CLAWTO_API_KEY", None), ("IMAGE_API_KEY", "IMAGE_BASE_URL", None)],
        );
    }

    #[test]
    fn order() {
        let openai = [("OPENAI_BASE_URL", "https://a"), ("OPENAI_API_KEY", "ka")];
        let half =
            [("OPENAI_BASE_URL", "https://a"), ("CLAWTO_BASE_URL", "https://b"), ("CLAWTO_API_KEY", " kb ")];
        let blank = [("OPENAI_BASE_URL", "https://a"), ("OPENAI_API_KEY", " ")];
        let image = [("IMAGE_BASE_URL", "https://c"), ("IMAGE_API_KEY", "kc"), ("IMAGE_MODEL", "m")];
        let all = [&image[..], &half[..], &openai[..]].concat();
        let main = r#"{"draw": {"provider": "main", "fallback_1": "spare"}}"#;
        let both = r#"{"draw": {"provider": "main"}, "edit": {"chain": ["other"]}}"#;
        check("{}", &[], "sketch", "sketch");
        check("{}", &blank, "sketch", "sketch");
        check("{}", &openai, "OPENAI https://a ka ", "OPENAI https://a ka ");
        check("{}", &half, "CLAWTO https://b kb ", "CLAWTO https://b kb ");
        check("{}", &image, "IMAGE https://c kc m", "IMAGE https://c kc m");
        check("{}", &all, "OPENAI https://a ka m", "OPENAI https://a ka m");
        check(main, &all, "main > spare", "main > spare");
        check(both, &all, "main", "other");
        check(r#"{"edit": {"provider": "other"}}"#, &[], "sketch", "other");
    }
}
