//! The old, flat configurations: one service, its keys, a group filter and limits. Also the two entries of a host's
//! settings file that the picture skill looks for.
//!
//! Pure.

use std::collections::BTreeMap;

use easel_providers::Kind;
use serde_json::{Map, Value as Json};

use super::{
    access,
    bag::Bag,
    chains::{self, Chain, Known, Link},
    plan::Plan,
    provider::{self, Around},
    templates::{self, Template},
};
use crate::config::problem::ProblemText;

/// Keys that only these configurations have.
const MARKS: [&str; 14] = [
    "openai_api_key",
    "openai_api_base",
    "openrouter_api_keys",
    "openrouter_api_key",
    "custom_api_base",
    "model_name",
    "api_format",
    "group_filter_mode",
    "group_access_mode",
    "rate_limit_max_calls_per_group",
    "calls_per_minute_per_group",
    "nap_server_address",
    "max_retry_attempts",
    "image_size",
];

/// The name of the one service here.
const NAME: &str = "main";

/// Whether the file is one of these.
pub(super) fn is(file: &Map<String, Json>) -> bool {
    MARKS.iter().any(|key| file.contains_key(*key))
}

/// Reads one.
pub(super) fn read(bag: &mut Bag<'_>, plan: &mut Plan) {
    access::onebot(bag, plan);
    access::flat(bag, plan);
    let template = Template { key: "", kind: Kind::OpenAiChat, base: "", model: "" };
    let around = service(bag, plan);
    let made = provider::read(bag, template, NAME, around, plan);
    let known =
        Known { name: NAME.to_owned(), off: made.section.off, output: made.output, ..Known::default() };
    plan.sections.push(made.section);
    draw_with(known, plan);
    plan.finish(bag, "");
}

/// What the service is.
///
/// The OpenAI plug-in asks the Images API, as its page says; but its releases that know `api_format` ask by chat, so
/// behind another host than OpenAI's the chat is what has worked. The forks ask OpenRouter by chat where no other address
/// is given, and SiliconFlow by its own protocol.
fn service(bag: &mut Bag<'_>, plan: &mut Plan) -> Around<'static> {
    let of_forks =
        ["openrouter_api_keys", "openrouter_api_key", "custom_api_base"].iter().any(|key| bag.has(key));
    let key = if of_forks { "custom_api_base" } else { "openai_api_base" };
    let format = bag.text("api_format");
    let host = templates::host(&bag.text(key).unwrap_or_default());
    let openai = host.is_empty() || host == "api.openai.com";
    let (kind, base) = match format.as_deref() {
        _ if host.contains("siliconflow") => (Kind::SiliconFlow, ""),
        _ if host.ends_with(".volces.com") || host.ends_with(".bytepluses.com") => (Kind::Ark, ""),
        _ if of_forks => (Kind::OpenAiChat, "https://openrouter.ai/api/v1"),
        Some("gemini") if openai => (Kind::GeminiNative, "https://generativelanguage.googleapis.com"),
        Some("gemini") => (Kind::GeminiNative, ""),
        Some(_) if !openai => (Kind::OpenAiChat, ""),
        _ => (Kind::OpenAiImages, "https://api.openai.com"),
    };
    if let Some(format) = format {
        plan.moved(
            bag.place("api_format"),
            format!("providers.{NAME}.kind"),
            &format!("{format} → {}", kind.name()),
        );
    }
    Around { kind: Some(kind), base: Some(base), retries: None }
}

/// Whether the file holds one of the two entries that the picture skill looks for.
pub(super) fn is_skill(file: &Map<String, Json>) -> bool {
    let entry = |entry: Option<&Json>| {
        entry.is_some_and(|entry| entry.get("base_url").is_some() || entry.get("api_key").is_some())
    };
    entry(file.get("model")) || entry(file.get("auxiliary").and_then(|more| more.get("vision")))
}

/// Reads those entries: `model`, then `auxiliary.vision`.
pub(super) fn read_skill(bag: &mut Bag<'_>, plan: &mut Plan) {
    access::onebot(bag, plan);
    let more = bag.bag("auxiliary");
    let vision = more.and_then(|mut more| more.bag("vision"));
    let entries = [(bag.bag("model"), NAME), (vision, "vision")];
    let mut links = Vec::new();
    let mut known = BTreeMap::new();
    for (entry, name) in entries {
        let Some(mut entry) = entry else { continue };
        // The skill draws with the best model that the service has, by its own list.
        let template = Template {
            key: "",
            kind: Kind::OpenAiImages,
            base: "https://api.openai.com",
            model: "gpt-image-2",
        };
        if entry.has("model") {
            // Here stands the model that talks.
            plan.needless(&mut entry, "", &["model"], "import-why-talks");
        }
        let made = provider::read(&mut entry, template, name, Around::default(), plan);
        plan.finish(&entry, &format!("providers.{name}"));
        links.push(Link { provider: name.to_owned(), output: None, old: entry.path().to_owned() });
        let off = made.section.off;
        known.insert(name.to_owned(), Known { name: name.to_owned(), off, ..Known::default() });
        plan.sections.push(made.section);
    }
    chains::settle(Chain { feature: "draw", links, ..Chain::default() }, &known, plan);
    plan.skip("*", "", ProblemText::new("import-why-host"));
}

/// Every feature asks the one service.
fn draw_with(known: Known, plan: &mut Plan) {
    let link = Link { provider: NAME.to_owned(), output: None, old: "*".to_owned() };
    let chain = Chain { feature: "draw", links: vec![link], slots: true, ..Chain::default() };
    chains::settle(chain, &[(NAME.to_owned(), known)].into(), plan);
    plan.moved.retain(|moved| moved.old != "*");
    plan.skipped.retain(|skipped| skipped.old != "*");
}
