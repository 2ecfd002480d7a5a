//! The configuration: one file, the environment over it, the command line over both.
//!
//! A load ([`load::load`]) gives one immutable [`Config`] or everything that is wrong with it, with places and
//! mends. Sections live with their owners; this module knows the root, the sources and the rules between sections.
//! It must not know what a section does, and no value of a secret leaves it in a message.
//!
//! Read [`load`] first, then [`schema`], [`environment`] and [`reload`].

use std::{collections::BTreeMap, fmt};

use easel_core::{
    access::AccessSection,
    prompt::PresetSection,
    settings::{BotSection, FeatureSection, JobsSection, SelfieSection, VideoSection},
};
use easel_http::NetworkSection;
#[cfg(feature = "onebot")]
use easel_onebot::OneBotSection;
use easel_providers::{ProfileSection, ProviderSection};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) mod discover;
pub(crate) mod environment;
pub(crate) mod load;
pub(crate) mod problem;
pub(crate) mod reload;
pub(crate) mod schema;
pub(crate) mod secret_file;
pub(crate) mod sections;
pub(crate) mod tree;

/// The running configuration: immutable, swapped whole when the file changes.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// What concerns the whole program.
    pub(crate) bot: BotSection,
    /// Who may use easel, and how much.
    pub(crate) access: AccessSection,
    /// Connections to QQ through OneBot v11. Without any, one that listens on 127.0.0.1:6199. A change needs a restart.
    #[cfg(feature = "onebot")]
    #[schemars(extend("x-restart" = true))]
    pub(crate) onebot: Vec<OneBotSection>,
    /// Connections to QQ through OneBot v11, which this build lacks.
    #[cfg(not(feature = "onebot"))]
    pub(crate) onebot: Vec<Unbuilt>,
    /// Services that make pictures, by a name of your choice.
    pub(crate) providers: BTreeMap<String, ProviderSection>,
    /// Quirks of gateways, by name.
    pub(crate) profiles: BTreeMap<String, ProfileSection>,
    /// Text to picture.
    pub(crate) draw: FeatureSection,
    /// Picture to picture. Without a provider of its own it asks those of `[draw]`.
    pub(crate) edit: FeatureSection,
    /// Pictures of the bot's persona.
    pub(crate) selfie: SelfieSection,
    /// Clips, from words or from a picture. Without a provider there are none.
    pub(crate) video: VideoSection,
    /// Translation of prompts.
    pub(crate) translate: Option<Unbuilt>,
    /// How much runs at once, and for how long.
    pub(crate) jobs: JobsSection,
    /// How easel reaches the outside. A change needs a restart, but for `max_download_bytes`.
    pub(crate) network: NetworkSection,
    /// Named prompt templates.
    pub(crate) presets: BTreeMap<String, PresetSection>,
    /// Discord.
    pub(crate) discord: Option<Unbuilt>,
    /// Telegram.
    pub(crate) telegram: Option<Unbuilt>,
    /// The web panel and playground.
    pub(crate) web: Option<Unbuilt>,
}

#[cfg_attr(
    not(feature = "onebot"),
    expect(clippy::derivable_impls, reason = "with a platform its section is not empty")
)]
impl Default for Config {
    fn default() -> Self {
        Self {
            bot: BotSection::default(),
            access: AccessSection::default(),
            #[cfg(feature = "onebot")]
            onebot: vec![OneBotSection::default()],
            #[cfg(not(feature = "onebot"))]
            onebot: Vec::new(),
            providers: BTreeMap::new(),
            profiles: BTreeMap::new(),
            draw: FeatureSection::default(),
            edit: FeatureSection::default(),
            selfie: SelfieSection::default(),
            video: VideoSection::default(),
            translate: None,
            jobs: JobsSection::default(),
            network: NetworkSection::default(),
            presets: BTreeMap::new(),
            discord: None,
            telegram: None,
            web: None,
        }
    }
}

impl fmt::Debug for Config {
    /// Without the sections that hold secrets; of the providers, their names and kinds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let providers: BTreeMap<_, _> =
            self.providers.iter().map(|(name, section)| (name, &section.kind)).collect();
        f.debug_struct("Config")
            .field("bot", &self.bot)
            .field("access", &self.access)
            .field("providers", &providers)
            .field("draw", &self.draw)
            .field("edit", &self.edit)
            .field("video", &self.video)
            .field("jobs", &self.jobs)
            .finish_non_exhaustive()
    }
}

/// A section of the contract whose part is not in this build: any table is taken, nothing of it is kept.
#[derive(Clone, Default)]
pub(crate) struct Unbuilt;

impl<'de> Deserialize<'de> for Unbuilt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Unbuilt {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Unbuilt".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "object", "x-unbuilt": true})
    }
}

impl fmt::Debug for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not in this build)")
    }
}
