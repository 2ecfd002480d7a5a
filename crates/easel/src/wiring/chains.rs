//! Which providers each feature asks, as running parts: slots that outlive an edit of the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use crate::{
    cli::keys,
    config::{
        Config,
        discover::{self, Chosen, Discovered, Feature},
    },
};
use anyhow::Context as _;
use easel_core::{
    access::Rules,
    chain::{DisabledKey, KeyPool, Link, ProviderSlot, Turns},
    command::OutputWish,
    dispatch::{Runtime, RuntimeParts, output_of},
    job::{BadKey, BadKeys},
    ports::Output,
    prompt::PresetBook,
    settings::FeatureSection,
};
use easel_http::{BaseUrl, HttpClients};
use easel_providers::{
    Kind, ProfileSection, ProviderSection,
    registry::{self, Tools},
};

use super::late::{Late, first_listed};

/// Name and kind of the embedded provider that draws when nothing is configured.
const SKETCH: &str = "sketch";

/// The model asked of a service from the environment that names none and lists none (S004-28).
pub(super) const FALLBACK_MODEL: &str = "gpt-image-2";

/// Who draws, for the start message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawing {
    /// Provider names in the order of the drawing chain.
    pub(crate) names: Vec<String>,
    /// The environment pair that was found, if that is why.
    pub(crate) environment: Option<&'static str>,
    /// Whether it is the embedded sketch because nothing is configured.
    pub(crate) built_in: bool,
}

/// Where a provider's section comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The configuration.
    Section,
    /// The environment, which may name no model.
    Environment,
}

/// A slot and what it was made of.
#[derive(Clone)]
struct Kept {
    section: ProviderSection,
    profile: Option<ProfileSection>,
    /// The keys' fingerprints: those of `api_keys_file` do not stand in the section.
    prints: Vec<String>,
    /// What the files say that the section names, such as a workflow.
    files: Vec<[u8; 32]>,
    /// Whose turns it takes, and how many the section allows.
    turns: Option<(String, u32)>,
    slot: Arc<ProviderSlot>,
}

/// Makes provider slots, and keeps those whose section did not change, so that what is known of their keys and
/// health survives an edit of the configuration.
pub(super) struct Factory {
    tools: Tools,
    /// `[profiles.NAME]` of the configuration in use.
    profiles: Mutex<Arc<BTreeMap<String, ProfileSection>>>,
    bad_keys: Mutex<BadKeys>,
    slots: Mutex<BTreeMap<String, Kept>>,
    /// The service from the environment whose model it has to tell itself.
    late: Mutex<Weak<Late>>,
    /// Who may work on how many calls at a time. They outlive an edit of the configuration like the calls themselves: an
    /// edit resizes them.
    turns: Mutex<HashMap<String, Turns>>,
}

impl Factory {
    /// A factory without slots. `bad_keys` are those that services refused before.
    pub(super) fn new(tools: Tools, bad_keys: BadKeys) -> Self {
        Self {
            tools,
            profiles: Mutex::default(),
            bad_keys: Mutex::new(bad_keys),
            slots: Mutex::default(),
            late: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    /// What is known of bad keys now; new slots go by it.
    pub(super) fn know(&self, bad_keys: BadKeys) {
        *self.bad_keys.lock().unwrap_or_else(PoisonError::into_inner) = bad_keys;
    }

    /// The keys of a provider that services refused before.
    fn disabled(&self, name: &str) -> HashMap<String, DisabledKey> {
        let bad_keys = self.bad_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let of_provider = bad_keys.get(name).into_iter().flatten();
        let disabled = |(key, bad): (&String, &BadKey)| {
            (key.clone(), DisabledKey { age: keys::age(bad), status: bad.status })
        };
        of_provider.map(disabled).collect()
    }

    fn slot(&self, name: &str, section: &ProviderSection) -> anyhow::Result<Arc<ProviderSlot>> {
        self.slot_of(Origin::Section, name, section)
    }

    fn slot_of(
        &self,
        origin: Origin,
        name: &str,
        section: &ProviderSection,
    ) -> anyhow::Result<Arc<ProviderSlot>> {
        let keys = section.keys();
        let prints: Vec<String> = keys.iter().map(|key| key.fingerprint.to_string()).collect();
        let files = section.files_fingerprint();
        let profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let profile = profiles.get(section.profile.trim());
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = slots.get(name)
            && kept.section == *section
            && kept.profile.as_ref() == profile
            && kept.prints == prints
            && kept.files == files
        {
            return Ok(kept.slot.clone());
        }
        let tools = Tools { profiles: profiles.clone(), ..self.tools.clone() };
        let provider = if origin == Origin::Environment && section.model.is_empty() {
            let late = Arc::new(Late::new(name, section, &tools)?);
            *self.late.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&late);
            late
        } else {
            registry::build(name, section, &tools).with_context(|| format!("providers.{name}"))?
        };
        let keys = KeyPool::new(keys, &self.disabled(name));
        let turns = turns_of(name, section, provider.capabilities().one_at_a_time);
        let slot = ProviderSlot::new(provider, keys, section.max_retry_attempts);
        let slot = match &turns {
            Some((whose, most)) => slot.with_turns(self.turns(whose, *most)),
            None => slot,
        };
        let slot = slot.with_task_limit(section.task_timeout_seconds.map(Duration::from_secs));
        let slot = Arc::new(slot.with_prices(section.price_table()));
        let (section, profile) = (section.clone(), profile.cloned());
        slots.insert(name.to_owned(), Kept { section, profile, prints, files, turns, slot: slot.clone() });
        Ok(slot)
    }

    /// The turns of one engine or service; `most` counts only where nobody has asked for them before.
    fn turns(&self, whose: &str, most: u32) -> Turns {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(whose.to_owned()).or_insert_with(|| Turns::new(most)).clone()
    }

    /// Lets go of providers that left the configuration, and with them of their keys. What is under way goes on with what
    /// it holds; the turns that it holds stay known until it ends.
    fn forget_all_but(&self, in_use: &[Arc<ProviderSlot>]) {
        let is_used = |kept: &Kept| in_use.iter().any(|slot| Arc::ptr_eq(slot, &kept.slot));
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, kept| is_used(kept));
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, turns| turns.are_shared());
    }

    /// Bounds everybody by what the sections say: an engine behind several by the smallest of theirs.
    fn bound(&self) {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bounds: BTreeMap<&str, u32> = BTreeMap::new();
        for (whose, most) in slots.values().filter_map(|kept| kept.turns.as_ref()) {
            bounds.entry(whose).and_modify(|least| *least = (*least).min(*most)).or_insert(*most);
        }
        for (whose, most) in bounds {
            self.turns(whose, most).resize(most);
        }
    }

    fn discovered(&self, found: &Discovered) -> anyhow::Result<Arc<ProviderSlot>> {
        self.slot_of(Origin::Environment, &found.provider(), &found.section())
    }

    /// The service from the environment whose model it has to tell itself, if there is one.
    pub(super) fn late(&self) -> Option<Arc<Late>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn sketch(&self) -> anyhow::Result<Arc<ProviderSlot>> {
        self.slot(
            SKETCH,
            &ProviderSection { kind: Kind::Sketch.name().to_owned(), ..ProviderSection::default() },
        )
    }

    /// The links of a feature, every configured provider, and who draws.
    fn chain(&self, config: &Config, feature: Feature) -> anyhow::Result<(Vec<Link>, Drawing)> {
        let section = match feature {
            Feature::Edit if !config.edit.names().is_empty() => &config.edit,
            Feature::Draw | Feature::Edit => &config.draw,
        };
        let own = match feature {
            Feature::Draw => &config.draw,
            Feature::Edit => &config.edit,
        };
        // What `[edit]` says of itself counts also where it asks the providers of `[draw]`.
        let default = default_output(own);
        let link = |slot, output: Option<Output>| {
            let output = default.filter(|_| !std::ptr::eq(own, section)).or(output).unwrap_or_default();
            Link { slot, output, collage: own.collage }
        };
        let (mut environment, mut built_in) = (None, false);
        let links = match discover::choose(config, feature, &|name| std::env::var(name).ok()) {
            Chosen::Configured(_) => section
                .entries()
                .into_iter()
                .filter_map(|(name, wish)| Some((name, config.providers.get(name)?, wish)))
                .map(|(name, provider, wish)| {
                    Ok(link(self.slot(name, provider)?, wish.as_ref().map(output_of)))
                })
                .collect::<anyhow::Result<Vec<_>>>()?,
            Chosen::Environment(found) => {
                environment = Some(found.name);
                vec![link(self.discovered(&found)?, default_output(section))]
            }
            Chosen::Sketch => {
                built_in = true;
                vec![link(self.sketch()?, default_output(section))]
            }
        };
        let drawing = Drawing {
            names: links.iter().map(|link| link.slot.provider().name().to_owned()).collect(),
            environment,
            built_in,
        };
        Ok((links, drawing))
    }

    /// The links of clips: those that the configuration names, and nobody in their place.
    fn clips(&self, config: &Config) -> anyhow::Result<Vec<Link>> {
        let entries = config.video.feature.entries().into_iter();
        let named = entries.filter_map(|(name, wish)| Some((name, config.providers.get(name)?, wish)));
        let link = |(name, provider, wish): (&str, &ProviderSection, Option<OutputWish>)| {
            let output = wish.as_ref().map(output_of).unwrap_or_default();
            Ok(Link::new(self.slot(name, provider)?, output))
        };
        named.map(link).collect()
    }

    /// The running configuration, and who draws.
    ///
    /// # Errors
    /// When a provider of a chain can't be built. What is known of the providers in use stays as it was then.
    pub(super) fn runtime(&self, config: &Config) -> anyhow::Result<(Runtime, Drawing)> {
        let profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let built = self.build(config);
        if built.is_err() {
            *self.profiles.lock().unwrap_or_else(PoisonError::into_inner) = profiles;
            *self.slots.lock().unwrap_or_else(PoisonError::into_inner) = slots;
        }
        built
    }

    fn build(&self, config: &Config) -> anyhow::Result<(Runtime, Drawing)> {
        *self.profiles.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.profiles.clone());
        let (draw, drawing) = self.chain(config, Feature::Draw)?;
        let (edit, _) = self.chain(config, Feature::Edit)?;
        let video = self.clips(config)?;
        let named = draw.iter().chain(&edit).chain(&video);
        let mut providers: Vec<_> = named.map(|link| link.slot.clone()).collect();
        for (name, section) in &config.providers {
            match self.slot(name, section) {
                Ok(slot) => providers.push(slot),
                // Providers that no chain names may be of a kind that is not built yet.
                Err(error) => tracing::warn!(provider = name, error = format!("{error:#}"), "left out"),
            }
        }
        self.forget_all_but(&providers);
        self.bound();
        let (presets, _) = PresetBook::new(&config.presets);
        let runtime = Runtime::new(RuntimeParts {
            prefixes: config.bot.prefixes.clone(),
            rules: Rules::new(&config.access, &config.bot.admins),
            presets,
            draw,
            edit,
            video,
            providers,
            locale: config.bot.locale,
        });
        Ok((runtime, drawing))
    }
}

/// Whose turns a provider takes, and how many its section allows; `None` where calls to it have no bound. Sections in front
/// of one engine take the same: two workflows of one `ComfyUI` are still one `ComfyUI`.
fn turns_of(name: &str, section: &ProviderSection, one_at_a_time: bool) -> Option<(String, u32)> {
    let most = match (section.max_running, one_at_a_time) {
        (0, false) => return None,
        (0, true) => 1,
        (most, _) => most,
    };
    let address = section.address().ok().filter(|_| one_at_a_time);
    Some((address.map_or_else(|| name.to_owned(), |address| engine_at(&address)), most))
}

/// An engine by its address, the same for all its spellings: with and without a slash, a scheme, a usual port or the root of
/// an API that it speaks beside its own, and by every name of this machine for itself.
fn engine_at(address: &BaseUrl) -> String {
    let url = address.url();
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let host = if matches!(host, "localhost" | "[::1]") { "127.0.0.1" } else { host };
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    // The slash tells it from the name of a section.
    format!("{host}:{}/{}", url.port_or_known_default().unwrap_or_default(), path.trim_start_matches('/'))
}

/// A service from the environment as it is asked when it draws, with its model settled. Costs nothing.
pub(crate) async fn settled(clients: &HttpClients, found: &Discovered) -> ProviderSection {
    let mut section = found.section();
    if section.model.is_empty() {
        // A service that can't be asked now is asked with the usual model later.
        let listed = first_listed(clients, &section).await.ok().flatten();
        section.model = listed.unwrap_or_else(|| FALLBACK_MODEL.to_owned());
    }
    section
}

fn default_output(section: &FeatureSection) -> Option<Output> {
    section.default_output.as_deref().and_then(OutputWish::parse).map(|wish| output_of(&wish))
}

#[cfg(test)]
mod tests {
    use easel_http::NetworkSection;
    use easel_testkit::provider::FakeProvider;

    use super::*;

    async fn chosen(models: &[&str], named: Option<&str>) -> (String, usize) {
        let service = FakeProvider::start().await;
        service.set_models(models);
        let factory = Factory::new(Tools::new(HttpClients::new(NetworkSection::default())), HashMap::new());
        let found = Discovered {
            name: "OPENAI",
            base_url: service.base_url(),
            key: "sk-from-the-environment".to_owned().into(),
            model: named.map(str::to_owned),
        };
        let first = factory.discovered(&found).unwrap();
        let again = factory.discovered(&found).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "the same service keeps its slot");
        assert!(service.requests().is_empty(), "nobody waits for its list before it is needed");
        if let Some(late) = factory.late() {
            assert_eq!(first.provider().model(), "");
            tokio::join!(late.settled(), late.settled());
        }
        (first.provider().model().to_owned(), service.requests().len())
    }

    #[tokio::test]
    async fn a_service_from_the_environment_is_asked_once_for_its_models() {
        let check =
            |found: (String, usize), model: &str, requests| assert_eq!(found, (model.to_owned(), requests));
        check(chosen(&["gpt-5", "flux-1-dev"], None).await, "flux-1-dev", 1);
        check(chosen(&["gpt-5"], None).await, FALLBACK_MODEL, 1);
        check(chosen(&["flux-1-dev"], Some("mine")).await, "mine", 0);
    }

    #[tokio::test]
    async fn a_changed_secret_makes_a_new_slot() {
        let factory = Factory::new(Tools::new(HttpClients::new(NetworkSection::default())), HashMap::new());
        let section = |basic_auth: &str| ProviderSection {
            kind: Kind::OpenAiImages.name().to_owned(),
            base_url: "http://127.0.0.1:9/v1".to_owned(),
            basic_auth: basic_auth.into(),
            ..ProviderSection::default()
        };
        let slot = |basic_auth: &str| factory.slot("main", &section(basic_auth)).unwrap();
        let first = slot("me:old");
        assert!(Arc::ptr_eq(&first, &slot("me:old")));
        assert!(!Arc::ptr_eq(&first, &slot("me:new")));
    }

    #[test]
    fn turns_are_those_of_an_engine_or_of_a_section() {
        let turns = |name: &str, base_url: &str, max_running, serial| {
            let kind = Kind::ComfyUi.name().to_owned();
            let base_url = base_url.to_owned();
            let section = ProviderSection { kind, base_url, max_running, ..ProviderSection::default() };
            turns_of(name, &section, serial)
        };
        let (one, other) = ("http://h:8188", "http://h:8189");
        assert_eq!(turns("a", one, 0, false), None);
        assert_eq!(turns("a", one, 0, true).unwrap().1, 1);
        let whose = |name: &str, base_url: &str, serial| turns(name, base_url, 2, serial).unwrap().0;
        for same in
            ["http://h:8188/", "HTTP://H:8188", " http://h:8188// ", "http://h.:8188", "http://h:8188/v1"]
        {
            assert_eq!(whose("a", one, true), whose("b", same, true), "{same}: two workflows, one engine");
        }
        for name in ["localhost:8188", "http://[::1]:8188/", "127.0.0.1:8188"] {
            assert_eq!(whose("a", "http://127.0.0.1:8188", true), whose("b", name, true), "{name}");
        }
        for another in [other, "http://h", "http://h:8188/second", "http://g:8188"] {
            assert_ne!(whose("a", one, true), whose("a", another, true), "{another}");
        }
        assert_ne!(whose("a", one, false), whose("b", one, false), "a service is bounded per section");
    }

    #[tokio::test]
    async fn sections_in_front_of_one_engine_share_one_bound_also_over_an_edit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let workflow =
            serde_json::json!({ "6": { "class_type": "Painter", "inputs": { "text": "%prompt%" } } });
        std::fs::write(file.path(), workflow.to_string()).unwrap();
        let factory = Factory::new(Tools::new(HttpClients::new(NetworkSection::default())), HashMap::new());
        let bound = |sections: &[(&str, &str, u32)]| {
            let providers: serde_json::Map<_, _> = sections
                .iter()
                .map(|(name, base_url, max_running)| {
                    let section = serde_json::json!({
                        "kind": "comfyui", "base_url": base_url, "max_running": max_running,
                        "extra": { "workflow": file.path() },
                    });
                    ((*name).to_owned(), section)
                })
                .collect();
            let config = serde_json::json!({ "providers": providers, "draw": { "chain": [sections[0].0] } });
            let runtime = factory.runtime(&serde_json::from_value(config).unwrap()).unwrap().0;
            let slots = sections.iter().map(|(name, ..)| runtime.providers.get(*name).unwrap());
            slots.map(|slot| slot.turns().unwrap().clone()).collect::<Vec<_>>()
        };
        let (one, slash, other) = ("http://127.0.0.1:9", "http://localhost:9/", "http://127.0.0.1:10");
        let first = bound(&[("a", one, 3), ("b", slash, 2), ("c", other, 4)]);
        assert_eq!(first.iter().map(Turns::most).collect::<Vec<_>>(), [2, 2, 4]);
        assert_eq!(first[0], first[1], "the turns themselves are shared");
        for (a, b, expected) in [(3, 5, 3), (3, 1, 1), (0, 9, 1), (7, 7, 7)] {
            let edited = bound(&[("a", one, a), ("b", slash, b)]);
            assert_eq!(
                edited,
                [first[0].clone(), first[0].clone()],
                "an edit makes no turns beside those held"
            );
            assert_eq!(edited[0].most(), expected, "{a} and {b}");
        }
        // A section that is gone bounds nobody any more.
        assert_eq!(bound(&[("a", one, 7)])[0].most(), 7);
    }

    #[tokio::test]
    async fn a_changed_workflow_makes_a_new_slot() {
        let factory = Factory::new(Tools::new(HttpClients::new(NetworkSection::default())), HashMap::new());
        let file = tempfile::NamedTempFile::new().unwrap();
        let slot = |steps: u32| {
            let inputs = serde_json::json!({ "text": "%prompt%", "steps": steps });
            let workflow = serde_json::json!({ "6": { "class_type": "Painter", "inputs": inputs } });
            std::fs::write(file.path(), workflow.to_string()).unwrap();
            let extra = [("workflow".to_owned(), file.path().to_str().unwrap().into())].into();
            let section = ProviderSection {
                kind: Kind::ComfyUi.name().to_owned(),
                extra,
                ..ProviderSection::default()
            };
            factory.slot("own", &section).unwrap()
        };
        let first = slot(20);
        assert!(Arc::ptr_eq(&first, &slot(20)));
        assert!(!Arc::ptr_eq(&first, &slot(30)));
    }

    #[tokio::test]
    async fn a_changed_profile_makes_new_slots_of_those_who_use_it() {
        let factory = Factory::new(Tools::new(HttpClients::new(NetworkSection::default())), HashMap::new());
        let load = |profile: &str| {
            let text = format!(
                r#"{{"providers": {{
                    "a": {{"kind": "openai_images", "base_url": "http://127.0.0.1:9", "model": "m", "profile": "gate"}},
                    "b": {{"kind": "openai_images", "base_url": "http://127.0.0.1:9", "model": "m"}}}},
                    "profiles": {{"gate": {profile}}}, "draw": {{"chain": ["a", {{"provider": "b", "output": "4K"}}]}}}}"#
            );
            serde_json::from_str::<Config>(&text).unwrap()
        };
        let links = |profile: &str| factory.runtime(&load(profile)).unwrap().0.draw.clone();
        let (one, other) = (links("{}"), links(r#"{"auth_header": "X-Key"}"#));
        let same = |index: usize| Arc::ptr_eq(&one[index].slot, &other[index].slot);
        assert!(!same(0) && same(1));
        assert_eq!((one[0].output.tier, one[1].output.tier), (None, Some(4)));
    }

    #[tokio::test]
    async fn an_edit_that_fails_changes_nothing_and_one_that_removes_forgets() {
        let factory = Factory::new(Tools::new(HttpClients::new(NetworkSection::default())), HashMap::new());
        let load = |a: &str, b: &str| {
            let text = format!(r#"{{"providers": {{"a": {a}, "b": {b}}}, "draw": {{"chain": ["a", "b"]}}}}"#);
            serde_json::from_str::<Config>(&text).unwrap()
        };
        let good = r#"{"kind": "openai_images", "base_url": "http://127.0.0.1:9", "model": "m", "api_keys": "sk-0123456789"}"#;
        let edited = good.replace("\"m\"", "\"n\"");
        let first = factory.runtime(&load(good, good)).unwrap().0.draw.clone();
        let unknown = good.replace("openai_images", "no_such_kind");
        assert!(factory.runtime(&load(&edited, &unknown)).is_err());
        let again = factory.runtime(&load(good, good)).unwrap().0.draw.clone();
        for (before, after) in first.iter().zip(&again) {
            assert!(Arc::ptr_eq(&before.slot, &after.slot), "what is known of its keys and health survives");
        }
        factory.runtime(&serde_json::from_str("{}").unwrap()).unwrap();
        let kept = factory.slots.lock().unwrap();
        assert!(!kept.contains_key("a") && !kept.contains_key("b"), "their keys are let go");
    }
}
