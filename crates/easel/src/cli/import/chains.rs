//! Which services a feature asks, in which order, and with which size. Pure.

use std::collections::{BTreeMap, BTreeSet};

use easel_core::command::OutputWish;
use serde_json::{Value as Json, json};

use super::plan::{Plan, Section};
use crate::config::problem::ProblemText;

/// What the file has of a service, by the name that its chains use.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Its name here.
    pub(super) name: String,
    /// Its name here for edits, where it has another one.
    pub(super) edit: Option<String>,
    /// It can't be used.
    pub(super) off: bool,
    /// It can't draw from words alone.
    pub(super) edits_only: bool,
    /// The size that it was asked for by default, with its place in the old file.
    pub(super) output: Option<(String, String)>,
}

/// A place in a chain of the old file.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    /// The service, by its old name.
    pub(super) provider: String,
    /// The size that was wished here, with its place in the old file.
    pub(super) output: Option<(String, String)>,
    /// The place in the old file.
    pub(super) old: String,
}

/// A feature of the old file.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// Its section here.
    pub(super) feature: &'static str,
    /// Its services, in their order.
    pub(super) links: Vec<Link>,
    /// The size of every picture of it, with its place in the old file.
    pub(super) default_output: Option<(String, String)>,
    /// Written as `provider` and `fallback_…` instead of a list.
    pub(super) slots: bool,
}

/// Writes the feature's section, and tells what became of each place.
pub(super) fn settle(chain: Chain, known: &BTreeMap<String, Known>, plan: &mut Plan) {
    let feature = chain.feature;
    let edits = matches!(feature, "edit" | "selfie");
    let mut seen = BTreeSet::new();
    let mut entries: Vec<Entry> = Vec::new();
    for link in chain.links {
        let why = match known.get(&link.provider) {
            None => "import-why-chain-unknown",
            Some(found) if found.off => "import-why-chain-off",
            Some(found) if found.edits_only && !edits => "import-why-chain-edits-only",
            Some(found) => {
                let name = found.edit.as_ref().filter(|_| edits).unwrap_or(&found.name).clone();
                if seen.insert(name.clone()) {
                    let slot = match (chain.slots, entries.len()) {
                        (false, index) => format!("{feature}.chain[{index}]"),
                        (true, 0) => format!("{feature}.provider"),
                        (true, index) => format!("{feature}.fallback_{index}"),
                    };
                    plan.moved(link.old.clone(), slot, &name);
                    // What is wished of every picture goes before what a service is asked for by default.
                    let default = found.output.clone().filter(|_| chain.default_output.is_none());
                    entries.push(Entry { name, output: link.output.or(default) });
                    continue;
                }
                "import-why-chain-twice"
            }
        };
        plan.skip(link.old, feature, ProblemText::new(why).with("provider", link.provider));
    }
    let mut section = Section::new(&[feature]);
    sizes(&mut entries, chain.default_output, edits, &mut section, plan);
    if chain.slots && entries.len() <= 4 && entries.iter().all(|entry| entry.output.is_none()) {
        let slots = ["provider", "fallback_1", "fallback_2", "fallback_3"];
        slots.into_iter().zip(entries).for_each(|(slot, entry)| section.set(slot, entry.name));
    } else if !entries.is_empty() {
        let entries = entries.into_iter().map(|Entry { name, output }| match output {
            Some((_, output)) => json!({ "provider": name, "output": output }),
            None => Json::from(name),
        });
        section.set("chain", Json::Array(entries.collect()));
    }
    if section.entries.is_empty() {
        return;
    }
    let target = plan.section(&[feature]);
    for (key, value) in section.entries {
        target.set(&key, value);
    }
}

/// A service in its place, and the size that it is asked for there, with the size's place in the old file.
struct Entry {
    name: String,
    output: Option<(String, String)>,
}

/// The sizes: what counts for all becomes `default_output`, what a service has of its own stays with it.
fn sizes(
    entries: &mut [Entry],
    common: Option<(String, String)>,
    edits: bool,
    section: &mut Section,
    plan: &mut Plan,
) {
    let feature = section.name();
    let mut told = BTreeSet::new();
    let mut legible = |(old, output): (String, String), plan: &mut Plan| {
        if OutputWish::parse(&output).is_some() {
            return Some((old, if edits { as_tier(&output).to_owned() } else { output }));
        }
        if told.insert(old.clone()) {
            plan.skip(old, &feature, ProblemText::new("import-why-size"));
        }
        None
    };
    for entry in entries.iter_mut() {
        entry.output = entry.output.take().and_then(|output| legible(output, plan));
    }
    let mut common = common.and_then(|output| legible(output, plan));
    let first = entries.first().and_then(|entry| entry.output.clone());
    let is_first = |entry: &Entry| {
        entry.output.as_ref().map(|(_, output)| output) == first.as_ref().map(|(_, output)| output)
    };
    if common.is_none() && entries.iter().all(is_first) {
        common.clone_from(&first);
    }
    if let Some((old, output)) = &common {
        plan.moved(old.clone(), format!("{feature}.default_output"), output);
        section.set("default_output", json!(output));
    }
    for (index, entry) in entries.iter_mut().enumerate() {
        // Not said twice.
        let same =
            |(_, output): &(String, String)| common.as_ref().is_some_and(|(_, common)| common == output);
        if entry.output.as_ref().is_some_and(same) {
            entry.output = None;
        }
        if let Some((old, output)) = &entry.output {
            plan.moved(old.clone(), format!("{feature}.chain[{index}].output"), output);
        }
    }
}

/// A square that means a tier, as the tier: an edited picture keeps its shape.
fn as_tier(output: &str) -> &str {
    match output.trim() {
        "1024x1024" => "1K",
        "2048x2048" => "2K",
        "4096x4096" => "4K",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(provider: &str, output: &str) -> Link {
        let output = (!output.is_empty()).then(|| (format!("old.{provider}.output"), output.to_owned()));
        Link { provider: provider.to_owned(), output, old: format!("old.{provider}") }
    }

    #[track_caller]
    fn check(chain: Chain, expected: &Json, skipped: &[(&str, &str)]) {
        let known = |name: &str, off: bool, output: Option<&str>| Known {
            name: name.to_owned(),
            off,
            edits_only: name == "e",
            edit: (name == "c").then(|| "c_edit".to_owned()),
            output: output.map(|output| (format!("old.{name}.size"), output.to_owned())),
        };
        let all = [("a", false, None), ("b", false, Some("2K")), ("c", false, None), ("e", false, None)];
        let known: BTreeMap<_, _> = [all.as_slice(), &[("x", true, None)]]
            .concat()
            .into_iter()
            .map(|(name, off, output)| (name.to_owned(), known(name, off, output)))
            .collect();
        let mut plan = Plan::default();
        let feature = chain.feature;
        settle(chain, &known, &mut plan);
        assert_eq!(plan.section(&[feature]).to_json(), *expected);
        let told: Vec<_> =
            plan.skipped.iter().map(|skipped| (skipped.old.as_str(), skipped.why.key.as_str())).collect();
        assert_eq!(told, skipped);
    }

    #[test]
    fn chains_keep_their_order_and_lose_what_cannot_be_used() {
        let links = || vec![link("a", ""), link("x", ""), link("nobody", ""), link("b", ""), link("a", "")];
        let lost = [
            ("old.x", "import-why-chain-off"),
            ("old.nobody", "import-why-chain-unknown"),
            ("old.a", "import-why-chain-twice"),
        ];
        let chain = Chain { feature: "draw", links: links(), ..Chain::default() };
        check(chain, &json!({"chain": ["a", {"provider": "b", "output": "2K"}]}), &lost);
        let chain = Chain { feature: "draw", links: links(), slots: true, ..Chain::default() };
        check(chain, &json!({"chain": ["a", {"provider": "b", "output": "2K"}]}), &lost);
        let links = || vec![link("a", "2K"), link("b", "")];
        let chain = Chain { feature: "draw", links: links(), slots: true, ..Chain::default() };
        check(chain, &json!({"provider": "a", "fallback_1": "b", "default_output": "2K"}), &[]);
        check(Chain { feature: "edit", ..Chain::default() }, &json!({}), &[]);
    }

    #[test]
    fn what_only_edits_is_not_asked_to_draw() {
        let chain =
            |feature| Chain { feature, links: vec![link("e", ""), link("a", "")], ..Chain::default() };
        check(chain("draw"), &json!({"chain": ["a"]}), &[("old.e", "import-why-chain-edits-only")]);
        check(chain("edit"), &json!({"chain": ["e", "a"]}), &[]);
        check(chain("selfie"), &json!({"chain": ["e", "a"]}), &[]);
    }

    #[test]
    fn clips_keep_their_sizes() {
        let links = vec![link("a", "16:9"), link("b", "9:16 1K"), link("c", "huge")];
        let chain = Chain { feature: "video", links, ..Chain::default() };
        check(
            chain,
            &json!({"chain": [{"provider": "a", "output": "16:9"}, {"provider": "b", "output": "9:16 1K"}, "c"]}),
            &[("old.c.output", "import-why-size")],
        );
    }

    #[test]
    fn every_service_keeps_its_own_size() {
        let links = vec![link("a", "4096x4096"), link("b", "16:9"), link("c", "huge")];
        let common = Some(("old.default_output".to_owned(), "4096x4096".to_owned()));
        let lost = [("old.c.output", "import-why-size")];
        let chain =
            |feature| Chain { feature, links: links.clone(), default_output: common.clone(), slots: false };
        check(
            chain("draw"),
            &json!({"chain": ["a", {"provider": "b", "output": "16:9"}, "c"], "default_output": "4096x4096"}),
            &lost,
        );
        check(
            chain("edit"),
            &json!({"chain": ["a", {"provider": "b", "output": "16:9"}, "c_edit"], "default_output": "4K"}),
            &lost,
        );
    }
}
