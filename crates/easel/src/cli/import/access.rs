//! Who may use the plug-ins, how often, and their presets. Pure.

use std::collections::BTreeMap;

use easel_core::{
    command::Feature,
    prompt::{PresetBook, PresetSection},
};
use serde_json::{Value as Json, json};

use super::{bag::Bag, plan::Plan};
use crate::config::problem::{ProblemArg, ProblemText};

/// The keys of the old, flat configurations.
pub(super) fn flat(bag: &mut Bag<'_>, plan: &mut Plan) {
    for (mode, list) in
        [("group_filter_mode", "group_filter_list"), ("group_access_mode", "group_access_list")]
    {
        if let Some(written) = bag.text(mode) {
            match written.to_ascii_lowercase().as_str() {
                filter @ ("whitelist" | "blacklist") => {
                    plan.set(bag.place(mode), "access", "group_filter_mode", filter);
                }
                "none" | "disabled" | "off" => {
                    plan.set(bag.place(mode), "access", "group_filter_mode", "none");
                }
                _ => plan.skip(bag.place(mode), "access", ProblemText::new("import-why-mode")),
            }
        }
        let ids = bag.texts(list);
        if !ids.is_empty() {
            plan.set(bag.place(list), "access", "group_filter_list", Json::from(ids));
        }
    }
    let mut number = |bag: &mut Bag<'_>, old: &str, new: &str, least: i64| {
        if let Some(number) = bag.whole(old) {
            let number = number.clamp(least, i64::from(u32::MAX));
            plan.set(bag.place(old), "access", new, number);
        }
    };
    number(bag, "rate_limit_max_calls_per_group", "rate_limit_max_calls_per_group", 0);
    number(bag, "rate_limit_period_seconds", "rate_limit_period_seconds", 1);
    if bag.has("calls_per_minute_per_group") {
        number(bag, "calls_per_minute_per_group", "rate_limit_max_calls_per_group", 0);
        plan.section(&["access"]).set("rate_limit_period_seconds", 60);
    }
}

/// Settings of the whole plug-in in versions 3 to 5.
pub(super) fn common(bag: &mut Bag<'_>, plan: &mut Plan) {
    if let Some(seconds) = bag.whole("debounce_interval") {
        plan.set(bag.place("debounce_interval"), "access", "debounce_seconds", seconds.clamp(0, 86_400));
    }
    if let Some(count) = bag.whole("max_user_concurrency") {
        plan.set(bag.place("max_user_concurrency"), "jobs", "max_running_per_user", count.clamp(1, 100));
    }
    pictures_kept(bag, plan);
    plan.needless(bag, "", &["max_cached_videos"], "import-why-clip-cache");
    plan.needless(bag, "", &["max_user_video_concurrency"], "import-why-one-clip");
    if let Some(mut storage) = bag.bag("storage") {
        pictures_kept(&mut storage, plan);
        plan.needless(&mut storage, "", &["max_cached_videos"], "import-why-clip-cache");
        plan.finish(&storage, "");
    }
    if let Some(mut network) = bag.bag("network") {
        if let Some(bytes) = network.whole("max_image_bytes").filter(|bytes| *bytes > 0) {
            plan.set(network.place("max_image_bytes"), "network", "max_download_bytes", bytes);
        }
        plan.needless(&mut network, "network", &["media_allow_private"], "import-why-private");
        plan.needless(
            &mut network,
            "network",
            &["max_redirects", "dns_resolve_timeout_seconds", "max_video_bytes"],
            "import-why-network",
        );
        plan.finish(&network, "network");
    }
}

fn pictures_kept(bag: &mut Bag<'_>, plan: &mut Plan) {
    if let Some(count) = bag.whole("max_cached_images").filter(|count| *count > 0) {
        plan.set(bag.place("max_cached_images"), "bot", "artifact_max_count", count);
    }
}

/// Where pictures went for the file receiver beside NapCat, and the connection to QQ that every file needs.
pub(super) fn onebot(bag: &mut Bag<'_>, plan: &mut Plan) {
    let address = bag.text("nap_server_address");
    let port = bag.whole("nap_server_port");
    let section = plan.section(&["onebot"]);
    section.list = true;
    section.remarks.push(ProblemText::new("import-file-onebot"));
    section.set("mode", "reverse");
    section.set("listen", "127.0.0.1:6199");
    let local = |host: &String| ["localhost", "127.0.0.1", "::1"].contains(&host.as_str());
    match address {
        Some(host) if !local(&host) => {
            let section = plan.section(&["onebot"]);
            section.set("image_delivery", "napfile");
            section.set("nap_server_address", host.clone());
            plan.moved(bag.place("nap_server_address"), "onebot.nap_server_address", &host);
            if let Some(port) = port.filter(|port| (1..=65_535).contains(port)) {
                plan.section(&["onebot"]).set("nap_server_port", port);
                plan.moved(bag.place("nap_server_port"), "onebot.nap_server_port", &port.to_string());
            }
        }
        Some(_) => {
            for key in ["nap_server_address", "nap_server_port"] {
                if bag.has(key) {
                    plan.skip(bag.place(key), "onebot", ProblemText::new("import-why-same-machine"));
                }
            }
        }
        None if port.is_some() => {
            plan.skip(bag.place("nap_server_port"), "onebot", ProblemText::new("import-why-same-machine"));
        }
        None => {}
    }
}

/// Presets: `name:prompt` in a list, or objects with a name and a prompt.
pub(super) fn presets(bag: &mut Bag<'_>, key: &str, feature: Feature, plan: &mut Plan) {
    let place = bag.place(key);
    let Some(written) = bag.value(key) else { return };
    let entries: Vec<(String, Option<(String, String)>)> = match written {
        Json::Array(items) => (0..)
            .zip(items)
            .map(|(index, item): (usize, _)| (format!("{place}[{index}]"), preset(item)))
            .collect(),
        Json::Object(fields) => fields
            .iter()
            .map(|(name, prompt)| {
                let prompt = prompt.as_str().map(|prompt| (name.clone(), prompt.to_owned()));
                (format!("{place}.{name}"), prompt)
            })
            .collect(),
        Json::String(text) => (0..)
            .zip(text.lines().filter(|line| !line.trim().is_empty()))
            .map(|(index, line): (usize, _)| (format!("{place}[{index}]"), colon(line)))
            .collect(),
        _ => vec![(place, None)],
    };
    for (old, found) in entries {
        let Some((name, prompt)) = found else {
            plan.skip(old, "presets", ProblemText::new("import-why-preset-form"));
            continue;
        };
        if let Some(why) = preset_fault(&name, &prompt, feature, plan) {
            plan.skip(old, "presets", why);
            continue;
        }
        plan.moved(old, format!("presets.{name}"), &prompt);
        let section = plan.section(&["presets", &name]);
        section.set("feature", feature_name(feature));
        section.set("prompt", prompt);
    }
}

fn preset(item: &Json) -> Option<(String, String)> {
    match item {
        Json::String(text) => colon(text),
        Json::Object(fields) => {
            let of = |keys: &[&str]| {
                let found = keys.iter().find_map(|key| fields.get(*key)?.as_str());
                found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
            };
            Some((of(&["name", "trigger", "key", "preset"])?, of(&["prompt", "value", "text"])?))
        }
        _ => None,
    }
}

fn colon(text: &str) -> Option<(String, String)> {
    let (name, prompt) = text.split_once([':', '：'])?;
    let (name, prompt) = (name.trim(), prompt.trim());
    (!name.is_empty() && !prompt.is_empty()).then(|| (name.to_owned(), prompt.to_owned()))
}

/// Why a preset can't be taken beside those that were, as the presets' own rules say.
fn preset_fault(name: &str, prompt: &str, feature: Feature, plan: &Plan) -> Option<ProblemText> {
    let section =
        |prompt: &str| PresetSection { feature, prompt: prompt.to_owned(), ..PresetSection::default() };
    let mut all: BTreeMap<String, PresetSection> = BTreeMap::new();
    for known in &plan.sections {
        if let [head, known_name] = &known.path[..]
            && head == "presets"
        {
            all.insert(known_name.clone(), section(known.text("prompt")));
        }
    }
    if all.insert(name.to_owned(), section(prompt)).is_some() {
        return Some(ProblemText::new("config-preset-name-taken").with("value", name));
    }
    let problem = PresetBook::new(&all).1.into_iter().next()?;
    let args = problem.args.into_iter().map(|(name, arg)| (name, ProblemArg::Plain(arg))).collect();
    Some(ProblemText { key: problem.text.to_owned(), args })
}

fn feature_name(feature: Feature) -> Json {
    json!(match feature {
        Feature::Edit => "edit",
        Feature::Video => "video",
        Feature::Draw => "draw",
    })
}
