//! The rules of the sections, asked one after the other, and the rules between them.

use std::collections::{BTreeMap, BTreeSet};

use easel_core::{
    access::ListEntry,
    prompt::PresetBook,
    settings::{FeatureSection, SettingProblem},
};
use easel_http::BaseUrlWarning;
use easel_providers::{Kind, ProfileSection, ProviderSection};

use super::{
    Config,
    problem::{Place, Problem, ProblemArg, ProblemText, nearest},
    schema::{self, SCHEMA},
    tree::{KeyPath, Node, Value},
};

/// Everything that is wrong with `config`. `written` is the document that it came from, `provider_names` the
/// providers that the document names, also those that are wrong themselves.
pub(crate) fn check(
    config: &Config,
    written: &Node,
    provider_names: &BTreeSet<String>,
    place: &dyn Fn(&str) -> Place,
) -> Vec<Problem> {
    let settings = |section: &str, found: Vec<SettingProblem>| {
        found.into_iter().map(|problem| Problem::from_setting(section, problem, place)).collect::<Vec<_>>()
    };
    let sentences = |found: Vec<(String, String)>| {
        found
            .into_iter()
            .map(|(key, sentence)| from_sentence(&key, sentence, written, place))
            .collect::<Vec<_>>()
    };
    let mut problems = settings("bot", config.bot.validate());
    problems.extend(settings("access", config.access.validate()));
    problems.extend(settings("jobs", config.jobs.validate()));
    problems.extend(settings("draw", config.draw.validate()));
    problems.extend(settings("edit", config.edit.validate()));
    let selfie = config.selfie.feature();
    problems.extend(settings("selfie", selfie.validate()));
    problems.extend(settings("video", config.video.validate()));
    problems.extend(sentences(config.network.validate()));
    #[cfg(feature = "onebot")]
    for (index, section) in config.onebot.iter().enumerate() {
        problems.extend(sentences(section.validate(index)));
    }
    for (name, section) in &config.providers {
        problems.extend(provider(name, section, written, place));
        problems.extend(profile(name, section, &config.profiles, place));
    }
    for (name, section) in &config.profiles {
        problems.extend(sentences(section.validate(name)));
    }
    let mut of_presets = PresetBook::new(&config.presets).1;
    // Whole presets behind their keys: a problem hides later ones below it, and a wrong name makes no prompt right.
    of_presets.sort_by_key(|problem| std::cmp::Reverse(problem.key.len()));
    problems.extend(settings("presets", of_presets));
    #[cfg(feature = "onebot")]
    problems.extend(same_address(config, place));
    #[cfg(feature = "onebot")]
    problems.extend(no_links(config, place));
    problems.extend(unbuilt(written, place));
    problems.extend(platforms(config, place));
    problems.extend(chain("draw", &config.draw, provider_names, place));
    problems.extend(chain("edit", &config.edit, provider_names, place));
    problems.extend(chain("selfie", &selfie, provider_names, place));
    problems.extend(chain("video", &config.video.feature, provider_names, place));
    let chains = [&config.draw, &config.edit, &selfie, &config.video.feature];
    let none_named = chains.iter().all(|section| section.names().is_empty());
    if let Some(name) = config.providers.keys().next().filter(|_| none_named) {
        let with = |key: &str| ProblemText::new(key).with("provider", name.as_str());
        let key = format!("providers.{name}");
        let unused = Problem::warning(place(&key), key, with("config-provider-unused"));
        problems.push(unused.mend(with("config-provider-unused-mend")));
    }
    problems
}

/// The keys of other crates' sections that have a text of their own in `locales/`, under the key's name.
const TOLD: [&str; 25] = [
    "network.allow_hosts",
    "network.download_proxy",
    "network.max_answer_bytes",
    "network.max_download_bytes",
    "network.proxy",
    "onebot.access_token",
    "onebot.call_timeout_seconds",
    "onebot.listen",
    "onebot.max_frame_bytes",
    "onebot.nap_server_address",
    "onebot.nap_server_port",
    "onebot.path",
    "onebot.url",
    "providers.api_keys",
    "providers.base_url",
    "providers.basic_auth",
    "providers.extra",
    "providers.extra.form",
    "providers.full_url",
    "providers.max_retry_attempts",
    "providers.model",
    "providers.prices",
    "providers.proxy",
    "providers.task_timeout_seconds",
    "providers.timeout_seconds",
];

/// A problem of a section that speaks in English sentences: the sentence of `locales/` for that key instead, or the
/// section's own words where there is none.
fn from_sentence(key: &str, sentence: String, written: &Node, place: &dyn Fn(&str) -> Place) -> Problem {
    let plain = plain_key(key);
    if !TOLD.contains(&plain.as_str()) {
        let text = ProblemText::new("config-invalid").with("detail", sentence);
        return Problem::error(place(key), key, text).mend(ProblemText::new("config-invalid-mend"));
    }
    let told = format!("config-bad-{}", plain.replace(['.', '_'], "-"));
    let text = |name: String| {
        let text = ProblemText::new(name);
        match value_of(written, key) {
            Some(value) => text.with("value", value),
            None => text.with("value", ""),
        }
    };
    Problem::error(place(key), key, text(told.clone())).mend(text(format!("{told}-mend")))
}

/// `onebot[1].listen` → `onebot.listen`, `providers.main.extra.prompt` → `providers.extra`.
fn plain_key(key: &str) -> String {
    let mut plain = String::new();
    for part in key.split('[') {
        plain.push_str(part.split_once(']').map_or(part, |(_, rest)| rest));
    }
    match plain.strip_prefix("providers.") {
        // A provider's name may hold dots itself, so the key is looked for from the end.
        Some(rest) => {
            let known = TOLD.iter().filter_map(|told| told.strip_prefix("providers."));
            let of_form = rest.ends_with(".extra.form").then_some("extra.form");
            let of_extra = of_form.or_else(|| rest.contains(".extra.").then_some("extra"));
            let last = known.filter(|key| rest.strip_suffix(key).is_some_and(|name| name.ends_with('.')));
            let found = of_extra.or_else(|| last.max_by_key(|key| key.len()));
            found.map_or(plain.clone(), |key| format!("providers.{key}"))
        }
        None => plain,
    }
}

/// A provider's rules: its kind with the nearest one, its address with what was changed about it, and the rest.
fn provider(
    name: &str,
    section: &ProviderSection,
    written: &Node,
    place: &dyn Fn(&str) -> Place,
) -> Vec<Problem> {
    let kind_key = format!("providers.{name}.kind");
    let base_url = format!("providers.{name}.base_url");
    let mut problems: Vec<_> = section
        .validate(name)
        .into_iter()
        .map(|(key, sentence)| {
            if key == kind_key {
                kind(&section.kind, key, place)
            } else {
                from_sentence(&key, sentence, written, place)
            }
        })
        .collect();
    let remote = Kind::parse(&section.kind).is_some_and(Kind::is_remote);
    let address = section.address().ok().filter(|_| remote && written_provider(written, name));
    for warning in address.iter().flat_map(easel_http::BaseUrl::warnings) {
        let (text, name, value) = match warning {
            BaseUrlWarning::EndpointRemoved(path) => ("config-base-url-endpoint", "path", path.clone()),
            BaseUrlWarning::SchemeAdded(scheme) => ("config-base-url-scheme", "scheme", (*scheme).to_owned()),
            BaseUrlWarning::QueryRemoved => ("config-base-url-query", "value", String::new()),
        };
        let text_with = |key: String| ProblemText::new(key).with(name, value.clone());
        let mend = text_with(format!("{text}-mend"));
        problems.push(Problem::warning(place(&base_url), &*base_url, text_with(text.to_owned())).mend(mend));
    }
    problems
}

/// The profile that a provider names must be there, and be made for its kind.
fn profile(
    name: &str,
    section: &ProviderSection,
    profiles: &BTreeMap<String, ProfileSection>,
    place: &dyn Fn(&str) -> Place,
) -> Option<Problem> {
    let wanted = section.profile.trim();
    if wanted.is_empty() {
        return None;
    }
    let key = format!("providers.{name}.profile");
    let Some(profile) = profiles.get(wanted) else {
        let with = |key: &str| ProblemText::new(key).with("profile", wanted);
        let mend = match nearest(wanted, profiles.keys().map(String::as_str)) {
            Some(nearest) => ProblemText::new("config-nearest-word").with("nearest", nearest),
            None => with("config-unknown-profile-mend"),
        };
        return Some(Problem::error(place(&key), key, with("config-unknown-profile")).mend(mend));
    };
    let (base, kind) = (profile.based_on.kind(), Kind::parse(&section.kind)?);
    if kind.name() == base {
        return None;
    }
    let with = |key: &str| {
        ProblemText::new(key).with("profile", wanted).with("base", base).with("kind", kind.name())
    };
    Some(Problem::error(place(&key), key, with("config-profile-kind")).mend(with("config-profile-kind-mend")))
}

/// Whether the provider's `base_url` stands in the configuration, and is not the kind's own.
fn written_provider(written: &Node, name: &str) -> bool {
    written.get("providers").and_then(|all| all.get(name)).and_then(|one| one.get("base_url")).is_some()
}

fn kind(written: &str, key: String, place: &dyn Fn(&str) -> Place) -> Problem {
    let all = || Kind::ALL.iter().map(|kind| kind.name());
    let (text, nearest) = if written.trim().is_empty() {
        ("config-kind-missing", None)
    } else {
        ("config-kind-unknown", nearest(written, all()))
    };
    let mend = match nearest {
        Some(nearest) => ProblemText::new("config-nearest-word").with("nearest", nearest),
        None => ProblemText::new("config-kind-mend").with("kinds", ProblemArg::names(all())),
    };
    Problem::error(place(&key), key, ProblemText::new(text).with("value", written)).mend(mend)
}

/// The value of `key` as it was written, unless it is a secret or no single value. Addresses lose the user name and
/// the password that people write into them.
fn value_of(written: &Node, key: &str) -> Option<String> {
    let mut value = None;
    written.each(&KeyPath::default(), &mut |path, node| {
        if path.to_string() == key && !schema::holds_secret(path) {
            value = match &node.value {
                Value::Text(text) => Some(easel_http::redact(text)),
                Value::Integer(number) => Some(number.to_string()),
                _ => None,
            };
        }
    });
    value
}

/// Two connections can't listen on one address.
#[cfg(feature = "onebot")]
fn same_address(config: &Config, place: &dyn Fn(&str) -> Place) -> Vec<Problem> {
    use easel_onebot::Mode;
    let mut seen = BTreeSet::new();
    let listening = config.onebot.iter().enumerate().filter(|(_, section)| section.mode != Mode::Forward);
    let twice =
        listening.filter(|(_, section)| !section.listen.ends_with(":0") && !seen.insert(&section.listen));
    twice
        .map(|(index, section)| {
            let key = format!("onebot[{index}].listen");
            let with = |key: &str| ProblemText::new(key).with("value", section.listen.as_str());
            Problem::error(place(&key), key, with("config-listen-twice"))
                .mend(with("config-listen-twice-mend"))
        })
        .collect()
}

/// A remark for every connection that is to fetch pictures from links, which nothing of this build can serve.
#[cfg(feature = "onebot")]
fn no_links(config: &Config, place: &dyn Fn(&str) -> Place) -> Vec<Problem> {
    let sections = config.onebot.iter().enumerate();
    let by_link = sections.filter(|(_, section)| section.image_delivery == easel_onebot::ImageDelivery::Url);
    by_link
        .map(|(index, _)| {
            let key = format!("onebot[{index}].image_delivery");
            let text = ProblemText::new("config-onebot-no-links");
            Problem::warning(place(&key), key, text).mend(ProblemText::new("config-onebot-no-links-mend"))
        })
        .collect()
}

/// Every provider that a chain names must be there.
fn chain(
    section: &str,
    feature: &FeatureSection,
    provider_names: &BTreeSet<String>,
    place: &dyn Fn(&str) -> Place,
) -> Vec<Problem> {
    let unknown = feature
        .places()
        .into_iter()
        .filter(|(_, name)| !name.trim().is_empty() && !provider_names.contains(*name));
    unknown
        .map(|(key, name)| {
            let key = format!("{section}.{key}");
            let text = ProblemText::new("config-unknown-provider").with("provider", name);
            let mend = match nearest(name, provider_names.iter().map(String::as_str)) {
                Some(nearest) => ProblemText::new("config-nearest-provider").with("nearest", nearest),
                None => ProblemText::new("config-unknown-provider-mend").with("provider", name),
            };
            Problem::error(place(&key), key, text).mend(mend)
        })
        .collect()
}

/// The platforms that an id may begin with.
const PLATFORMS: [&str; 4] = ["onebot", "discord", "telegram", "web"];

/// A remark for every id of a platform that there is not (`qq:123`): nobody is ever meant by it.
fn platforms(config: &Config, place: &dyn Fn(&str) -> Place) -> Vec<Problem> {
    let access = &config.access;
    let of_list = |key: &'static str, list: &[ListEntry]| {
        let texts = list.iter().map(|entry| match entry {
            ListEntry::Text(text) => text.clone(),
            ListEntry::Number(_) => String::new(),
        });
        texts.enumerate().map(move |(index, text)| (format!("{key}[{index}]"), text)).collect::<Vec<_>>()
    };
    let admins: Vec<_> = config.bot.admins.iter().map(|admin| ListEntry::from(admin.as_str())).collect();
    let written = [
        of_list("bot.admins", &admins),
        of_list("access.group_filter_list", &access.group_filter_list),
        of_list("access.user_filter_list", &access.user_filter_list),
    ];
    let unknown = |text: &str| {
        let ids = text.split([',', '，']).filter_map(|id| id.split_once(':'));
        let mut named = ids.map(|(platform, _)| platform.trim().to_owned());
        named.find(|platform| !platform.is_empty() && !PLATFORMS.contains(&platform.as_str()))
    };
    written
        .into_iter()
        .flatten()
        .filter_map(|(key, text)| {
            let text = ProblemText::new("config-unknown-platform").with("platform", unknown(&text)?);
            let mend = ProblemText::new("config-unknown-platform-mend")
                .with("platforms", ProblemArg::names(PLATFORMS));
            Some(Problem::warning(place(&key), key, text).mend(mend))
        })
        .collect()
}

/// A remark for every section whose part this build lacks.
fn unbuilt(written: &Node, place: &dyn Fn(&str) -> Place) -> Vec<Problem> {
    let sections = SCHEMA.get("properties").and_then(serde_json::Value::as_object).into_iter().flatten();
    sections
        .filter(|(name, schema)| {
            let alternatives = schema::shapes(schema);
            let entry = |shape: &schema::Shape<'_>| shape.0.get("x-unbuilt").is_some();
            let inner = |schema: Option<&serde_json::Value>| {
                schema.is_some_and(|schema| schema::shapes(schema).iter().any(entry))
            };
            let lacks = alternatives
                .iter()
                .any(|shape| entry(shape) || inner(shape.items()) || inner(shape.others()));
            lacks && written.get(name).is_some()
        })
        .map(|(name, _)| {
            let text = ProblemText::new("config-not-in-this-build").with("section", name.as_str());
            let mend = ProblemText::new("config-not-in-this-build-mend").with("section", name.as_str());
            Problem::warning(place(name), name, text).mend(mend)
        })
        .collect()
}
