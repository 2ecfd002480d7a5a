//! The services that can be looked at: those of the configuration, and the one that the environment names where no
//! section does. Where a service's settings stand decides how a mend is written.

use easel_http::HttpClients;
use easel_providers::ProviderSection;

use crate::{
    config::{
        Config,
        discover::{self, Chosen},
        problem::ProblemText,
    },
    wiring::settled,
};

/// Where the settings of a service stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In `[providers.NAME]`.
    Section,
    /// In the variables of this pair: `OPENAI`, `CLAWTO` or `IMAGE`.
    Environment(&'static str),
}

/// A service by its name.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) section: ProviderSection,
    pub(super) origin: Origin,
}

impl Origin {
    /// What an owner knows the service by.
    pub(super) fn place(self, name: &str) -> String {
        match self {
            Self::Section => format!("providers.{name}"),
            Self::Environment(pair) => format!("{pair}_BASE_URL"),
        }
    }

    /// Tells a text of the provider `name` where its settings stand, so that its mend names the line to write.
    pub(super) fn tell(self, text: ProblemText, name: &str) -> ProblemText {
        let (origin, pair) = match self {
            Self::Section => ("section", ""),
            Self::Environment(pair) => ("environment", pair),
        };
        text.with("provider", name).with("origin", origin).with("pair", pair)
    }
}

impl Service {
    /// What an owner knows it by.
    pub(super) fn place(&self) -> String {
        self.origin.place(&self.name)
    }

    /// Whether a feature asks it.
    pub(super) fn is_asked(&self, chosen: &Chosen) -> bool {
        match (chosen, self.origin) {
            (Chosen::Configured(names), Origin::Section) => names.contains(&self.name),
            (Chosen::Environment(found), Origin::Environment(pair)) => found.name == pair,
            _ => false,
        }
    }
}

/// The service called `name`, or all that may be asked; each as it is asked when it draws. Where the environment decides
/// who draws, its other pairs are there by their names alone: nobody asks them.
pub(super) async fn named(
    config: &Config,
    name: Option<&str>,
    environment: &dyn Fn(&str) -> Option<String>,
    clients: &HttpClients,
) -> Vec<Service> {
    let of_section = |(name, section): (&String, &ProviderSection)| Service {
        name: name.clone(),
        section: section.clone(),
        origin: Origin::Section,
    };
    let wished = |other: &str| name.is_none_or(|name| name == other);
    let sections = config.providers.iter().filter(|(name, _)| wished(name));
    let mut services: Vec<_> = sections.map(of_section).collect();
    let most = if name.is_some() { usize::MAX } else { 1 };
    for found in
        discover::in_use(config, environment).into_iter().take(most).filter(|found| wished(&found.provider()))
    {
        let name = found.provider();
        // A section of the same name is what a person means by it.
        if services.iter().all(|service| service.name != name) {
            let section = settled(clients, &found).await;
            services.push(Service { name, section, origin: Origin::Environment(found.name) });
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use easel_http::NetworkSection;

    use super::*;

    const ENVIRONMENT: [(&str, &str); 5] = [
        ("OPENAI_BASE_URL", "http://127.0.0.1:9"),
        ("OPENAI_API_KEY", "sk-a"),
        ("IMAGE_BASE_URL", "http://127.0.0.1:9"),
        ("IMAGE_API_KEY", "sk-b"),
        ("IMAGE_MODEL", "m"),
    ];

    fn variable(name: &str) -> Option<String> {
        ENVIRONMENT.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
    }

    async fn places(config: &str, name: Option<&str>) -> Vec<String> {
        let config: Config = serde_json::from_str(config).unwrap();
        let clients = HttpClients::new(NetworkSection::default());
        named(&config, name, &variable, &clients).await.iter().map(Service::place).collect()
    }

    #[tokio::test]
    async fn the_environment_counts_where_nothing_is_configured() {
        let main = r#"{"providers": {"main": {"kind": "sketch"}}, "draw": {"provider": "main"}}"#;
        let unused = r#"{"providers": {"main": {"kind": "sketch"}}}"#;
        let same = r#"{"providers": {"openai": {"kind": "sketch"}}}"#;
        for (config, name, expected) in [
            ("{}", None, &["OPENAI_BASE_URL"][..]),
            ("{}", Some("openai"), &["OPENAI_BASE_URL"]),
            ("{}", Some("image"), &["IMAGE_BASE_URL"]),
            ("{}", Some("clawto"), &[]),
            (main, None, &["providers.main"]),
            (main, Some("openai"), &[]),
            (unused, None, &["providers.main", "OPENAI_BASE_URL"]),
            (same, Some("openai"), &["providers.openai"]),
        ] {
            assert_eq!(places(config, name).await, expected, "{config} {name:?}");
        }
    }
}
