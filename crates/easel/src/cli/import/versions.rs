//! The multi-service plug-in: version 3 with one section per feature and service, versions 4 and 5 with a list of
//! services and chains that name them.
//!
//! Pure.

use std::collections::BTreeMap;

use easel_core::command::Feature;
use serde_json::{Map, Value as Json};

use super::{
    access,
    bag::Bag,
    chains::{self, Chain, Known, Link},
    plan::{Plan, Section},
    provider::{self, Around},
    templates,
};
use crate::config::problem::ProblemText;

/// The features of version 3 with services of their own, and those of versions 4 and 5.
const FEATURES: [&str; 4] = ["draw", "edit", "selfie", "video"];
/// The aliases of version 3, in the order of its page.
const ALIASES: [&str; 7] =
    ["grok", "gemini_native", "gemini_openai", "openai_compat", "jimeng", "gitee", "gitee_async"];

/// Whether the file is of version 4 or 5.
pub(super) fn is_list(file: &Map<String, Json>) -> bool {
    file.get("providers").is_some_and(Json::is_array) || file.get("features").is_some_and(Json::is_object)
}

/// Whether the file is of version 3.
pub(super) fn is_sections(file: &Map<String, Json>) -> bool {
    FEATURES.iter().any(|feature| file.get(*feature).is_some_and(Json::is_object))
}

/// Reads version 3.
pub(super) fn read_sections(bag: &mut Bag<'_>, plan: &mut Plan) {
    access::onebot(bag, plan);
    access::common(bag, plan);
    let mut of_edit = BTreeMap::new();
    if let Some(mut draw) = bag.bag("draw") {
        let links = links(&mut draw, true, plan);
        let known = services(&mut draw, "draw", &links, None, plan);
        access::presets(&mut draw, "presets", Feature::Draw, plan);
        chains::settle(Chain { feature: "draw", links, slots: true, ..Chain::default() }, &known, plan);
        plan.finish(&draw, "draw");
    }
    if let Some(mut edit) = bag.bag("edit") {
        let mut enabled = true;
        let mut retries = None;
        if let Some(mut fallback) = edit.bag("fallback") {
            enabled = fallback.flag("enabled").unwrap_or(true);
            retries = fallback.whole("max_retries");
            if let Some(retries) = retries {
                let tries = retries.saturating_add(1).clamp(1, 10).to_string();
                plan.moved(fallback.place("max_retries"), "providers.*.max_retry_attempts", &tries);
            }
            plan.needless(&mut fallback, "edit", &["retry_delay"], "import-why-pauses");
            plan.finish(&fallback, "edit");
        }
        let links = links(&mut edit, enabled, plan);
        of_edit = services(&mut edit, "edit", &links, retries, plan);
        access::presets(&mut edit, "presets", Feature::Edit, plan);
        chains::settle(Chain { feature: "edit", links, slots: true, ..Chain::default() }, &of_edit, plan);
        plan.finish(&edit, "edit");
    }
    if let Some(mut selfie) = bag.bag("selfie") {
        let prefer = selfie.text("prefer_provider").filter(|name| name != "auto");
        let old = selfie.place("prefer_provider");
        let link = prefer.map(|provider| Link { provider: alias(&provider, "edit"), output: None, old });
        let chain =
            Chain { feature: "selfie", links: link.into_iter().collect(), slots: true, ..Chain::default() };
        finish_selfie(selfie, chain, &of_edit, plan);
    }
    if let Some(mut video) = bag.bag("video") {
        let template = templates::find("grok_video");
        if let Some(template) = template {
            let made = provider::read(&mut video, template, "video", Around::default(), plan);
            let keyed = made.keyed;
            let name = "video".to_owned();
            let known = Known { name, off: made.section.off, output: made.output, ..Known::default() };
            if keyed {
                plan.sections.push(made.section);
            } else {
                unused(&made.section, plan);
            }
            let link = Link { provider: "video".to_owned(), output: None, old: video.path().to_owned() };
            let links = if keyed { vec![link] } else { Vec::new() };
            let chain = Chain { feature: "video", links, slots: true, ..Chain::default() };
            finish_video(video, chain, &[("video".to_owned(), known)].into(), plan);
        }
    }
    plan.finish(bag, "");
}

/// The services that a feature of version 3 names, in their order.
fn links(bag: &mut Bag<'_>, fallbacks: bool, plan: &mut Plan) -> Vec<Link> {
    let feature = bag.path().to_owned();
    let mut links = Vec::new();
    let mut add = |old: String, provider: String| {
        links.push(Link { provider: alias(&provider, &feature), output: None, old });
    };
    if let Some(provider) = bag.text("provider") {
        add(bag.place("provider"), provider);
    }
    let mut others: Vec<(String, String)> = Vec::new();
    for key in ["fallback_1", "fallback_2", "fallback_3"] {
        others.extend(bag.text(key).map(|provider| (bag.place(key), provider)));
    }
    let place = bag.place("fallback_providers");
    others.extend(
        (0..)
            .zip(bag.texts("fallback_providers"))
            .map(|(index, provider): (usize, _)| (format!("{place}[{index}]"), provider)),
    );
    for (old, provider) in others {
        if fallbacks {
            add(old, provider);
        } else {
            plan.skip(old, &feature, ProblemText::new("import-why-fallback-off"));
        }
    }
    links
}

/// Short names that version 3 understood.
fn alias(name: &str, feature: &str) -> String {
    match (name.trim(), feature) {
        ("gemini", _) => "gemini_native".to_owned(),
        ("gitee", "edit") => "gitee_async".to_owned(),
        (other, _) => other.to_owned(),
    }
}

/// The services of a feature of version 3. One that neither has a key nor is asked stays away.
fn services(
    bag: &mut Bag<'_>,
    feature: &str,
    links: &[Link],
    retries: Option<i64>,
    plan: &mut Plan,
) -> BTreeMap<String, Known> {
    let mut known = BTreeMap::new();
    let asked = links.iter().map(|link| link.provider.as_str());
    let mut order: Vec<&str> = asked.filter(|name| ALIASES.contains(name)).collect();
    order.extend(ALIASES);
    for alias in order {
        let Some(template) = templates::find(alias) else { continue };
        if known.contains_key(alias) {
            continue;
        }
        let Some(mut service) = bag.bag(alias) else { continue };
        let name = free_name(alias, feature, plan);
        let made =
            provider::read(&mut service, template, &name, Around { retries, ..Around::default() }, plan);
        plan.finish(&service, &format!("providers.{name}"));
        let named = links.iter().any(|link| link.provider == alias);
        if !made.keyed && !named {
            unused(&made.section, plan);
            continue;
        }
        let name = twin(made.section, plan);
        let off = plan.sections.iter().any(|section| section.off && section.path == ["providers", &name]);
        known.insert(
            alias.to_owned(),
            Known { name, edit: None, off, edits_only: made.edits_only, output: made.output },
        );
    }
    known
}

/// A service that nobody asks and that has no key: what was told about it is taken back, and it is told as a whole.
fn unused(section: &Section, plan: &mut Plan) {
    let name = section.name();
    let start = format!("{name}.");
    let old = plan.moved.iter().find(|moved| moved.new.starts_with(&start)).map(|moved| moved.old.clone());
    plan.moved.retain(|moved| !moved.new.starts_with(&start));
    plan.skipped.retain(|skipped| skipped.home != name && skipped.old != name);
    plan.notes.retain(|note| !section.remarks.contains(note));
    let old = old.and_then(|old| old.rsplit_once('.').map(|(place, _)| place.to_owned()));
    plan.skip(old.unwrap_or(name), "", ProblemText::new("import-why-unused"));
}

/// A name for a service: its alias, or with the feature where the alias is taken.
fn free_name(alias: &str, feature: &str, plan: &Plan) -> String {
    let taken = |name: &str| plan.sections.iter().any(|section| section.path == ["providers", name]);
    if taken(alias) { format!("{alias}_{feature}") } else { alias.to_owned() }
}

/// Adds a service's section; where the other feature has the same service with the same settings, that one is used.
/// Returns the name.
fn twin(mut section: Section, plan: &mut Plan) -> String {
    let name = section.path.last().cloned().unwrap_or_default();
    let without_edit = |section: &Section| {
        let mut entries = section.entries.clone();
        entries.retain(|(key, _)| key != "supports_edit");
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries
    };
    let own = without_edit(&section);
    let same = plan.sections.iter_mut().find(|other| {
        other.path.first().is_some_and(|head| head == "providers") && without_edit(other) == own
    });
    let Some(same) = same else {
        plan.sections.push(section);
        return name;
    };
    if let Some(value) = section.get("supports_edit").cloned() {
        same.set("supports_edit", value);
    }
    section.path.clone_from(&same.path);
    let (from, to) = (format!("providers.{name}"), same.name());
    for moved in &mut plan.moved {
        if let Some(key) = moved.new.strip_prefix(&format!("{from}.")).map(str::to_owned) {
            moved.new = format!("{to}.{key}");
        }
    }
    for skipped in plan.skipped.iter_mut().filter(|skipped| skipped.home == from) {
        skipped.home.clone_from(&to);
    }
    plan.skipped.retain(|skipped| skipped.old != from);
    // What is to be said about the service was said for its twin.
    plan.notes.retain(|note| !section.remarks.contains(note) || same.remarks.contains(note));
    section.path.last().cloned().unwrap_or_default()
}

/// Reads versions 4 and 5.
pub(super) fn read_list(bag: &mut Bag<'_>, plan: &mut Plan) {
    access::onebot(bag, plan);
    access::common(bag, plan);
    let mut known = BTreeMap::new();
    for mut service in bag.bags("providers") {
        listed(&mut service, &mut known, plan);
    }
    if let Some(mut features) = bag.bag("features") {
        let edit_links = features.bag("edit").map(|mut edit| chain_links(&mut edit)).unwrap_or_default();
        for feature in FEATURES {
            let Some(mut section) = features.bag(feature) else { continue };
            let mut links = chain_links(&mut section);
            if feature == "selfie"
                && section.flag("use_edit_chain_when_empty").unwrap_or(true)
                && !links.is_empty()
            {
                let missing = |link: &&Link| !links.iter().any(|own| own.provider == link.provider);
                let more: Vec<_> = edit_links.iter().filter(missing).cloned().collect();
                links.extend(more);
            }
            let place = section.place("default_output");
            let default_output = section.text("default_output").map(|output| (place, output));
            let chain = Chain { feature, links, default_output, slots: false };
            match feature {
                "selfie" => finish_selfie(section, chain, &known, plan),
                "video" => finish_video(section, chain, &known, plan),
                _ => {
                    let kind = if feature == "draw" { Feature::Draw } else { Feature::Edit };
                    access::presets(&mut section, "presets", kind, plan);
                    if section.flag("enabled") == Some(false) {
                        plan.skip(
                            section.place("enabled"),
                            feature,
                            ProblemText::new("import-why-no-switch"),
                        );
                    }
                    chains::settle(chain, &known, plan);
                    model_tools(&mut section, feature, plan);
                    plan.finish(&section, feature);
                }
            }
        }
        if let Some(mut batch) = features.bag("batch") {
            plan.needless(&mut batch, "", &["max_count", "enabled"], "import-why-batch");
            plan.finish(&batch, "");
        }
        plan.finish(&features, "");
    }
    plan.finish(bag, "");
}

/// One of the list of services.
fn listed(service: &mut Bag<'_>, known: &mut BTreeMap<String, Known>, plan: &mut Plan) {
    let kinds = ["__template_key", "__type", "template", "type", "kind"];
    let Some((key, template_key)) = service.first_text(&kinds) else {
        return plan.skip(service.path().to_owned(), "", ProblemText::new("import-why-no-template"));
    };
    let id = service.text("id").unwrap_or_else(|| template_key.clone());
    let Some(template) = templates::find(&template_key) else {
        let why = if template_key == "vertex_ai_anonymous" {
            "import-why-anonymous"
        } else {
            "import-why-template"
        };
        let text = ProblemText::new(why).with("template", template_key).with("provider", id.as_str());
        plan.skip(service.path().to_owned(), "", text);
        known.insert(id, Known { off: true, ..Known::default() });
        return;
    };
    let name = unique(&id, plan);
    if service.has("id") {
        plan.moved(service.place("id"), format!("providers.{name}"), "");
    }
    let made = provider::read(service, template, &name, Around::default(), plan);
    plan.moved(service.place(key), format!("providers.{name}.kind"), made.section.text("kind"));
    if service.flag("enabled") == Some(false) {
        plan.skip(
            service.place("enabled"),
            &format!("providers.{name}"),
            ProblemText::new("import-why-no-switch"),
        );
    }
    plan.finish(service, &format!("providers.{name}"));
    let edit = made.edit.as_ref().and_then(|edit| edit.path.last().cloned());
    let (off, edits_only) = (made.section.off, made.edits_only);
    let found = Known { name, edit, off, edits_only, output: made.output };
    plan.sections.push(made.section);
    plan.sections.extend(made.edit);
    // Of two services with one id, chains mean the first.
    known.entry(id).or_insert(found);
}

/// A name that can be typed behind `@` and is not taken.
fn unique(id: &str, plan: &Plan) -> String {
    let typed: String = id
        .trim()
        .chars()
        .map(|c| if c.is_whitespace() || c.is_control() || c == '@' { '_' } else { c })
        .collect();
    let taken = |name: &str| {
        let same = |known: &String| known.to_lowercase() == name.to_lowercase();
        plan.sections
            .iter()
            .any(|section| matches!(&section.path[..], [head, known] if head == "providers" && same(known)))
    };
    let numbered = (2..).map(|number: usize| format!("{typed}_{number}"));
    std::iter::once(typed.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(typed)
}

/// The places of a chain of versions 4 and 5: objects with an id and a size, or bare ids.
fn chain_links(section: &mut Bag<'_>) -> Vec<Link> {
    let place = section.place("chain");
    let Some(Json::Array(items)) = section.value("chain") else { return Vec::new() };
    let links = (0..).zip(items).filter_map(|(index, item): (usize, _)| {
        let old = format!("{place}[{index}]");
        match item {
            Json::String(id) if !id.trim().is_empty() => {
                Some(Link { provider: id.trim().to_owned(), output: None, old })
            }
            Json::Object(fields) => {
                let mut entry = Bag::new(old.clone(), fields);
                let (_, provider) = entry.first_text(&["provider_id", "provider", "id"])?;
                let place = entry.place("output");
                Some(Link { provider, output: entry.text("output").map(|output| (place, output)), old })
            }
            _ => None,
        }
    });
    links.collect()
}

/// Settings of the plug-in as a tool of its host's model.
fn model_tools(section: &mut Bag<'_>, home: &str, plan: &mut Plan) {
    plan.needless(section, home, &["llm_tool_enabled"], "import-why-tool");
    plan.needless(section, home, &["batch_concurrency"], "import-why-batch");
}

fn finish_selfie(mut selfie: Bag<'_>, mut chain: Chain, known: &BTreeMap<String, Known>, plan: &mut Plan) {
    let references = selfie.lines("reference_images");
    let off = selfie.flag("enabled") == Some(false);
    if off {
        plan.skip(selfie.place("enabled"), "", ProblemText::new("import-why-selfie-off"));
        chain.links.clear();
        chain.default_output = None;
    }
    chains::settle(chain, known, plan);
    if off {
        plan.needless(&mut selfie, "", &["reference_images"], "import-why-selfie-off");
    } else if !references.is_empty() {
        plan.set(selfie.place("reference_images"), "selfie", "reference_images", references);
        plan.notes.push(ProblemText::new("import-note-references"));
    }
    plan.needless(&mut selfie, "selfie", &["prompt_prefix"], "import-why-selfie-prompt");
    plan.needless(
        &mut selfie,
        "selfie",
        &["gitee_task_types", "default_aspect_ratio"],
        "import-why-selfie-own",
    );
    model_tools(&mut selfie, "selfie", plan);
    plan.finish(&selfie, "selfie");
}

fn finish_video(mut video: Bag<'_>, mut chain: Chain, known: &BTreeMap<String, Known>, plan: &mut Plan) {
    if video.flag("enabled") == Some(false) {
        plan.skip(video.place("enabled"), "", ProblemText::new("import-why-video-off"));
        chain.links.clear();
    }
    let used = !chain.links.is_empty();
    chains::settle(chain, known, plan);
    let mode = video.text("send_mode");
    let seconds = video.whole("download_timeout_seconds");
    if used {
        if let Some(mode) = mode.filter(|mode| ["auto", "url", "file"].contains(&mode.as_str())) {
            plan.set(video.place("send_mode"), "video", "send_mode", mode);
        }
        if let Some(seconds) = seconds {
            let place = video.place("download_timeout_seconds");
            plan.set(place, "video", "download_timeout_seconds", seconds.clamp(1, 3600));
        }
    }
    access::presets(&mut video, "presets", Feature::Video, plan);
    plan.needless(&mut video, "video", &["send_timeout_seconds"], "import-why-pauses");
    plan.needless(&mut video, "video", &["max_cached_videos"], "import-why-clip-cache");
    model_tools(&mut video, "video", plan);
    plan.finish(&video, "video");
}
