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
    let mut names: Vec<String> = Vec::new();
    let mut outputs: Vec<(String, String)> = Vec::new();
    for link in chain.links {
        let why = match known.get(&link.provider) {
            None => "import-why-chain-unknown",
            Some(found) if found.off => "import-why-chain-off",
            Some(found) => {
                let name = found.edit.as_ref().filter(|_| edits).unwrap_or(&found.name).clone();
                if seen.insert(name.clone()) {
                    let slot = match (chain.slots, names.len()) {
                        (false, index) => format!("{feature}.chain[{index}]"),
                        (true, 0) => format!("{feature}.provider"),
                        (true, index) => format!("{feature}.fallback_{index}"),
                    };
                    plan.moved(link.old.clone(), slot, &name);
                    let own = link.output.as_ref();
                    outputs.extend(own.or(chain.default_output.as_ref()).or(found.output.as_ref()).cloned());
                    names.push(name);
                    continue;
                }
                "import-why-chain-twice"
            }
        };
        plan.skip(link.old, feature, ProblemText::new(why).with("provider", link.provider));
    }
    let mut section = Section::new(&[feature]);
    if chain.slots && names.len() <= 4 {
        let slots = ["provider", "fallback_1", "fallback_2", "fallback_3"];
        slots.into_iter().zip(names).for_each(|(slot, name)| section.set(slot, name));
    } else if !names.is_empty() {
        section.set("chain", Json::from(names));
    }
    if feature == "video" {
        // A clip has no size of its own here.
        for (old, output) in outputs {
            plan.skip(old, feature, ProblemText::new("import-why-clip-size").with("output", output));
        }
    } else {
        size(outputs, chain.default_output, edits, &mut section, plan);
    }
    if section.entries.is_empty() {
        return;
    }
    let target = plan.section(&[feature]);
    for (key, value) in section.entries {
        target.set(&key, value);
    }
}

/// The feature's size: that of its first service. Here one size counts for the whole chain, so others are told.
fn size(
    outputs: Vec<(String, String)>,
    common: Option<(String, String)>,
    edits: bool,
    section: &mut Section,
    plan: &mut Plan,
) {
    let feature = section.name();
    let mut chosen: Option<String> = None;
    let mut seen = BTreeSet::new();
    for (old, output) in outputs.into_iter().chain(common) {
        if !seen.insert(old.clone()) {
            continue;
        }
        if OutputWish::parse(&output).is_none() {
            plan.skip(old, &feature, ProblemText::new("import-why-size"));
        } else if let Some(chosen) = &chosen {
            if *chosen != output {
                plan.skip(old, &feature, ProblemText::new("import-why-other-size").with("output", output));
            }
        } else {
            let written = if edits { as_tier(&output) } else { output.as_str() };
            plan.moved(old, format!("{feature}.default_output"), written);
            section.set("default_output", json!(written));
            chosen = Some(output);
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
            edit: (name == "c").then(|| "c_edit".to_owned()),
            output: output.map(|output| (format!("old.{name}.size"), output.to_owned())),
        };
        let known: BTreeMap<_, _> =
            [("a", false, None), ("b", false, Some("2K")), ("c", false, None), ("x", true, None)]
                .map(|(name, off, output)| (name.to_owned(), known(name, off, output)))
                .into();
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
        check(chain, &json!({"chain": ["a", "b"], "default_output": "2K"}), &lost);
        let chain = Chain { feature: "draw", links: links(), slots: true, ..Chain::default() };
        check(chain, &json!({"provider": "a", "fallback_1": "b", "default_output": "2K"}), &lost);
        check(Chain { feature: "edit", ..Chain::default() }, &json!({}), &[]);
    }

    #[test]
    fn one_size_counts_for_a_chain() {
        let links = vec![link("a", "4096x4096"), link("b", "16:9"), link("c", "huge")];
        let common = Some(("old.default_output".to_owned(), "4096x4096".to_owned()));
        let lost = [("old.b.output", "import-why-other-size"), ("old.c.output", "import-why-size")];
        let chain =
            |feature| Chain { feature, links: links.clone(), default_output: common.clone(), slots: false };
        check(chain("draw"), &json!({"chain": ["a", "b", "c"], "default_output": "4096x4096"}), &lost);
        check(chain("edit"), &json!({"chain": ["a", "b", "c_edit"], "default_output": "4K"}), &lost);
    }
}
