//! The running configuration as the dispatcher and the engine see it: one immutable value, swapped whole.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use crate::{
    access::Rules,
    chain::{Link, ProviderSlot},
    command::{Feature, Grammar, GrammarConfig, HelpTopic},
    error::UserError,
    i18n::Locale,
    prompt::{Preset, PresetBook},
};

/// The running configuration.
pub struct Runtime {
    /// Reads commands.
    pub grammar: Grammar,
    /// The lists and the owners.
    pub rules: Rules,
    /// The presets.
    pub presets: PresetBook,
    /// The chain of drawing.
    pub draw: Vec<Link>,
    /// The chain of editing.
    pub edit: Vec<Link>,
    /// The chain of clips; empty where there are none.
    pub video: Vec<Link>,
    /// Every configured provider by its name in lower case, for `@provider`.
    pub providers: HashMap<String, Arc<ProviderSlot>>,
    /// The language of answers.
    pub locale: Locale,
    /// The prefix shown in texts.
    pub prefix: String,
    /// Rendered helps; they are asked for often and change never.
    pub(super) helps: [OnceLock<Arc<str>>; 3],
}

/// What a [`Runtime`] is made of.
pub struct RuntimeParts {
    /// `[bot] prefixes`.
    pub prefixes: Vec<String>,
    /// The lists and the owners.
    pub rules: Rules,
    /// The presets.
    pub presets: PresetBook,
    /// The chain of drawing.
    pub draw: Vec<Link>,
    /// The chain of editing.
    pub edit: Vec<Link>,
    /// The chain of clips; empty where there are none.
    pub video: Vec<Link>,
    /// Every configured provider.
    pub providers: Vec<Arc<ProviderSlot>>,
    /// The language of answers.
    pub locale: Locale,
}

impl Runtime {
    /// Builds the value.
    pub fn new(parts: RuntimeParts) -> Self {
        let presets = parts.presets.names();
        let prefix = parts.prefixes.first().cloned().unwrap_or_default();
        let providers =
            parts.providers.into_iter().map(|slot| (slot.provider().name().to_lowercase(), slot)).collect();
        Self {
            grammar: Grammar::new(GrammarConfig { prefixes: parts.prefixes, presets }),
            rules: parts.rules,
            presets: parts.presets,
            draw: parts.draw,
            edit: parts.edit,
            video: parts.video,
            providers,
            locale: parts.locale,
            prefix,
            helps: Default::default(),
        }
    }

    /// Whether any provider of the editing chain takes pictures.
    pub fn can_edit(&self) -> bool {
        self.edit.iter().any(|link| link.slot.provider().capabilities().edit)
    }

    /// Whether any provider of the chain of clips makes them.
    pub fn can_clip(&self) -> bool {
        self.video.iter().any(|link| link.slot.provider().capabilities().clip)
    }

    /// A preset that a request names.
    pub(super) fn preset(&self, name: &str) -> Result<&Preset, UserError> {
        let unknown = || UserError::new("error-unknown-preset", "E-PRESET").with("preset", name);
        self.presets.get(name).ok_or_else(unknown)
    }

    /// The chain of a feature.
    pub fn chain(&self, feature: Feature) -> &[Link] {
        match feature {
            Feature::Draw => &self.draw,
            Feature::Edit => &self.edit,
            Feature::Video => &self.video,
        }
    }

    pub(super) fn help(&self, topic: HelpTopic, render: impl FnOnce() -> String) -> Arc<str> {
        let [all, draw, edit] = &self.helps;
        let slot = match topic {
            HelpTopic::All => all,
            HelpTopic::Draw => draw,
            HelpTopic::Edit => edit,
        };
        slot.get_or_init(|| render().into()).clone()
    }
}
