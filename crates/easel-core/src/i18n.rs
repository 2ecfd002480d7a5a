//! Every sentence that a person sees, in every language.
//!
//! The sentences live in `locales/` as Fluent messages and are compiled in; code knows only their keys. A language is
//! parsed when somebody first needs it, because most installations speak one.

use std::{sync::OnceLock, time::Duration};

use fluent::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

mod help;

pub use help::HelpView;

/// A language that easel speaks.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Locale {
    /// Simplified Chinese.
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// American English.
    #[serde(rename = "en-US")]
    EnUs,
}

impl Locale {
    /// Every language, in the order in which they are offered.
    pub const ALL: [Self; 2] = [Self::ZhCn, Self::EnUs];

    /// The tag of BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::EnUs => "en-US",
        }
    }

    /// Reads what people and platforms write: `zh-CN`, `zh_cn`, `zh`, `中文`, `en-GB`, `English`. `None` for other
    /// languages.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let language = text.split(['-', '_']).next().unwrap_or_default();
        match language {
            "zh" | "cn" | "chinese" | "中文" | "汉语" | "简体中文" | "简体" => Some(Self::ZhCn),
            "en" | "english" | "英文" | "英语" => Some(Self::EnUs),
            _ => None,
        }
    }
}

/// Arguments of a message, by name.
#[derive(Debug, Default)]
pub struct Args(FluentArgs<'static>);

impl Args {
    /// No arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text or a number. A number takes part in plural rules; a text is put in as it is and never read as a
    /// message.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<FluentValue<'static>>) -> Self {
        self.0.set(name, value);
        self
    }
}

/// The sentences of all languages.
#[derive(Default)]
pub struct Texts {
    chinese: OnceLock<FluentBundle<FluentResource>>,
    english: OnceLock<FluentBundle<FluentResource>>,
}

/// The Fluent files of a language, all of them with the same names.
macro_rules! files {
    ($tag:literal) => {
        [
            include_str!(concat!("../../../locales/", $tag, "/commands.ftl")),
            include_str!(concat!("../../../locales/", $tag, "/config.ftl")),
            include_str!(concat!("../../../locales/", $tag, "/errors.ftl")),
            include_str!(concat!("../../../locales/", $tag, "/import.ftl")),
            include_str!(concat!("../../../locales/", $tag, "/jobs.ftl")),
            include_str!(concat!("../../../locales/", $tag, "/program.ftl")),
        ]
    };
}

const CHINESE: [&str; 6] = files!("zh-CN");
const ENGLISH: [&str; 6] = files!("en-US");

impl Texts {
    /// All languages; nothing is parsed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The message `key` in a language. A key that does not exist yields itself, so that a person sees at least what it
    /// is about; the tests of the program see to it that none is missing.
    pub fn get(&self, locale: Locale, key: &str, args: &Args) -> String {
        let bundle = self.bundle(locale);
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, "a message is missing");
            return key.to_owned();
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&args.0), &mut errors);
        if !errors.is_empty() {
            tracing::error!(key, ?errors, "a message lacks an argument");
        }
        text.into_owned()
    }

    /// A message without arguments.
    pub fn plain(&self, locale: Locale, key: &str) -> String {
        self.get(locale, key, &Args::new())
    }

    /// A length of time as people say it: seconds below two minutes, minutes below two hours, hours below two days, else
    /// days; rounded up, so that nobody comes back too early, and never 0. Sixty minutes are an hour.
    pub fn span(&self, locale: Locale, span: Duration) -> String {
        let seconds = span.as_millis().div_ceil(1000).max(1);
        let (key, unit) = match seconds {
            0..120 => ("span-seconds", 1),
            // Sixty minutes, and what would be rounded up to them, are an hour.
            120..=3540 | 3601..=7140 => ("span-minutes", 60),
            3541..172_800 => ("span-hours", 3600),
            _ => ("span-days", 86_400),
        };
        let count = u64::try_from(seconds.div_ceil(unit)).unwrap_or(u64::MAX);
        self.get(locale, key, &Args::new().with("count", count))
    }

    /// Whether the message exists.
    pub fn has(&self, locale: Locale, key: &str) -> bool {
        self.bundle(locale).has_message(key)
    }

    fn bundle(&self, locale: Locale) -> &FluentBundle<FluentResource> {
        match locale {
            Locale::ZhCn => self.chinese.get_or_init(|| parse(locale, CHINESE)),
            Locale::EnUs => self.english.get_or_init(|| parse(locale, ENGLISH)),
        }
    }
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

fn parse(locale: Locale, files: [&str; 6]) -> FluentBundle<FluentResource> {
    // The tags are valid; with the default language only plural rules would differ.
    let language: LanguageIdentifier = locale.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // The marks around arguments are shown as boxes, or copied along, by chat clients.
    bundle.set_use_isolating(false);
    if let Err(error) = bundle.add_builtins() {
        tracing::error!(%error, "Fluent's own functions can't be added");
    }
    for file in files {
        // Files are compiled in and a test proves them free of errors; a broken message would only be missing.
        let resource = FluentResource::try_new(file.to_owned()).unwrap_or_else(|(resource, errors)| {
            tracing::error!(?errors, "a file of messages has errors");
            resource
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(?errors, "a message exists twice");
        }
    }
    bundle
}

#[cfg(test)]
mod tests;
