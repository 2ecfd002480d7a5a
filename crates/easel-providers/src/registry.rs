//! The kinds of providers, and how a section of the configuration becomes one.
//!
//! Adding a kind that is reached over HTTP is one file with its dialect and its row in the table of kinds below, which
//! says where the service lives and what it speaks. The file holds pure functions (rules in `dialect.rs`); sending,
//! reading, judging, learning and fetching are the engine's, so that no two kinds can differ in them.

use std::{collections::BTreeMap, sync::Arc};

use easel_core::ports::{Provider, PublishMedia};
use easel_http::{BaseUrlError, HttpClients, ProxyError};

use crate::{
    config::ProviderSection,
    dialect::{Dialect, Spoken},
    engine,
    profile::{ProfileSection, Profiled},
    sketch_provider,
};

/// Why a section can't become a provider.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no such kind.
    #[error("{0:?} is no kind of provider")]
    UnknownKind(String),
    /// There is no such profile.
    #[error("there is no [profiles.{0}]")]
    UnknownProfile(String),
    /// The address is none.
    #[error(transparent)]
    BaseUrl(#[from] BaseUrlError),
    /// A file that the section names can't be used; the text says what is wrong, and how to mend it.
    #[error("{0}")]
    Section(String),
    /// The proxy setting can't be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

macro_rules! kinds {
    ($($name:ident = $text:literal $(at $home:literal)? $(speaks $dialect:expr)?),* $(,)?) => {
        /// Every kind of the configuration contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are the services' own")]
        pub enum Kind { $($name),* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in the configuration.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The address of the service itself, empty where there is no single one.
            pub fn home(self) -> &'static str {
                match self { $(Self::$name => concat!($($home)?)),* }
            }

            /// What the service speaks, for the kinds over HTTP.
            pub(crate) fn dialect(self) -> Option<&'static dyn Dialect> {
                let spoken: &[&'static dyn Dialect] = match self { $(Self::$name => &[$(&$dialect)?]),* };
                spoken.first().copied()
            }
        }
    };
}

kinds! {
    OpenAiImages = "openai_images" at "https://api.openai.com/v1" speaks crate::openai_images::OpenAiImages,
    OpenAiChat = "openai_chat" at "https://api.openai.com/v1" speaks crate::openai_chat::OpenAiChat,
    OpenRouterImages = "openrouter_images" at "https://openrouter.ai/api/v1" speaks crate::openrouter_images::OpenRouterImages,
    GeminiNative = "gemini_native" at "https://generativelanguage.googleapis.com/v1beta" speaks crate::gemini_native::GeminiNative,
    GeminiOpenAi = "gemini_openai" at "https://generativelanguage.googleapis.com/v1beta/openai" speaks crate::gemini_openai::GeminiOpenAi,
    SiliconFlow = "siliconflow" at "https://api.siliconflow.cn/v1" speaks crate::siliconflow::SiliconFlow,
    Ark = "ark" at "https://ark.cn-beijing.volces.com/api/v3" speaks crate::ark::Ark,
    Grok = "grok" at "https://api.x.ai/v1" speaks crate::grok::Grok,
    Gitee = "gitee" at "https://ai.gitee.com/v1" speaks crate::gitee::Gitee,
    GiteeAsync = "gitee_async" at "https://ai.gitee.com/v1" speaks crate::gitee_async::GiteeAsync,
    Jimeng = "jimeng" speaks crate::jimeng::Aggregator,
    ModelScope = "modelscope" at "https://api-inference.modelscope.cn/v1" speaks crate::modelscope::ModelScope,
    DashScope = "dashscope" at "https://dashscope.aliyuncs.com/api/v1" speaks crate::dashscope::DashScope,
    SdWebUi = "sdwebui" at "http://127.0.0.1:7860" speaks crate::sdwebui::SdWebUi,
    ComfyUi = "comfyui" at "http://127.0.0.1:8188" speaks crate::comfyui::KIND,
    SdCpp = "sd_cpp" speaks crate::sd_cpp::SdCpp,
    LocalAi = "localai" speaks crate::localai::LocalAi,
    Sketch = "sketch",
    GrokVideo = "grok_video" at "https://api.x.ai/v1" speaks crate::grok_video::GrokVideo,
    ArkVideo = "ark_video" at "https://ark.cn-beijing.volces.com/api/v3" speaks crate::ark_video::ArkVideo,
    OpenAiVideo = "openai_video" speaks crate::openai_video::OpenAiVideo,
    SiliconFlowVideo = "siliconflow_video" at "https://api.siliconflow.cn/v1" speaks crate::siliconflow_video::SiliconFlowVideo,
    OpenRouterVideo = "openrouter_video" at "https://openrouter.ai/api/v1" speaks crate::openrouter_video::OpenRouterVideo,
    ChatVideo = "chat_video" speaks crate::chat_video::ChatVideo,
}

impl Kind {
    /// Reads the name in the configuration; `-` counts as `_`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL.iter().copied().find(|kind| kind.name() == text)
    }

    /// The root of its API on a host of which only the name is given: proxies keep the service's paths.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::GeminiNative => "/v1beta",
            Self::GeminiOpenAi => "/v1beta/openai",
            Self::Ark | Self::ArkVideo => "/api/v3",
            _ => "/v1",
        }
    }

    /// Whether it has models that take a request as a task, which is asked about until it is done.
    pub fn has_tasks(self) -> bool {
        self.dialect().is_some_and(|dialect| dialect.tasks().is_some())
    }

    /// Whether it is a service that needs an address and a model.
    pub fn is_remote(self) -> bool {
        self != Self::Sketch
    }
}

type Built = Result<Arc<dyn Provider>, BuildError>;

/// What providers are built with.
#[derive(Clone)]
pub struct Tools {
    /// Clients with the same needs share their connections through this.
    pub clients: HttpClients,
    /// Puts references under public addresses, where easel has one; else kinds that need it can't edit.
    pub publish: Option<Arc<dyn PublishMedia>>,
    /// `[profiles.NAME]` of the configuration.
    pub profiles: Arc<BTreeMap<String, ProfileSection>>,
}

impl Tools {
    /// The least: no public address, no profiles.
    pub fn new(clients: HttpClients) -> Self {
        Self { clients, publish: None, profiles: Arc::default() }
    }
}

/// Builds the provider `name` from its section.
///
/// # Errors
/// [`BuildError`]; a section without problems in [`ProviderSection::validate`] builds.
pub fn build(name: &str, section: &ProviderSection, tools: &Tools) -> Built {
    let kind = Kind::parse(&section.kind).ok_or_else(|| BuildError::UnknownKind(section.kind.clone()))?;
    if kind == Kind::Sketch {
        return Ok(sketch_provider::build(name, section));
    }
    let dialect = spoken(section, &tools.profiles)?;
    engine::build(kind, dialect, name, section, tools)
}

/// What the service of `section` speaks: its kind's dialect, with the profile or the files that the section names.
pub(crate) fn spoken(
    section: &ProviderSection,
    profiles: &BTreeMap<String, ProfileSection>,
) -> Result<Spoken, BuildError> {
    let dialect = section.dialect().ok_or_else(|| BuildError::UnknownKind(section.kind.clone()))?;
    Ok(match (dialect.made_for(section), section.profile.trim()) {
        (Some(Ok(own)), _) => Spoken::Own(own),
        (Some(Err(problems)), _) => {
            let texts: Vec<_> = problems.iter().map(|(key, problem)| format!("{key}: {problem}")).collect();
            return Err(BuildError::Section(texts.join(" ")));
        }
        (None, "") => Spoken::Built(dialect),
        (None, wanted) => {
            let profile =
                profiles.get(wanted).ok_or_else(|| BuildError::UnknownProfile(wanted.to_owned()))?;
            Spoken::Own(Arc::new(Profiled::new(dialect, profile, &section.address()?)))
        }
    })
}

/// The names of the kinds, for sentences.
pub fn kinds() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_that_people_run_themselves_are_free() {
        let free = |kind: &&Kind| kind.dialect().is_some_and(Dialect::free);
        let names: Vec<_> = Kind::ALL.iter().filter(free).map(|kind| kind.name()).collect();
        assert_eq!(names, ["sdwebui", "comfyui", "sd_cpp", "localai"]);
    }
}
