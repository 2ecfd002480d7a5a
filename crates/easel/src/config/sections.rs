//! The rules of the sections, asked one after the other, and the rules between them.

use std::collections::BTreeSet;

use easel_core::settings::{FeatureSection, SettingProblem};

use super::{
    Config,
    problem::{Place, Problem, ProblemText, nearest},
    schema::{self, SCHEMA},
    tree::Node,
};

/// Everything that is wrong with `config`. `written` is the document that it came from, `provider_names` the
/// providers that the document names, also those that are wrong themselves.
pub(crate) fn check(
    config: &Config,
    written: &Node,
    provider_names: &BTreeSet<String>,
    place: &dyn Fn(&str) -> Place,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut settings = |section: &str, found: Vec<SettingProblem>| {
        problems.extend(found.into_iter().map(|problem| Problem::from_setting(section, problem, place)));
    };
    settings("bot", config.bot.validate());
    settings("jobs", config.jobs.validate());
    settings("draw", config.draw.validate());
    settings("edit", config.edit.validate());
    problems.extend(unbuilt(written, place));
    problems.extend(chain("draw", &config.draw, provider_names, place));
    problems.extend(chain("edit", &config.edit, provider_names, place));
    if config.draw.names().is_empty() && config.edit.names().is_empty() {
        if let Some(name) = config.providers.keys().next() {
            let text = ProblemText::new("config-provider-unused").with("provider", name.as_str());
            let mend = ProblemText::new("config-provider-unused-mend").with("provider", name.as_str());
            let key = format!("providers.{name}");
            problems.push(Problem::warning(place(&key), key, text).mend(mend));
        }
    }
    problems
}

/// Every provider that a chain names must be there.
fn chain(
    section: &str,
    feature: &FeatureSection,
    provider_names: &BTreeSet<String>,
    place: &dyn Fn(&str) -> Place,
) -> Vec<Problem> {
    let unknown = feature.places().into_iter().filter(|(_, name)| !name.trim().is_empty() && !provider_names.contains(*name));
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
            let lacks = alternatives.iter().any(|shape| {
                entry(shape) || inner(shape.items()) || inner(shape.others())
            });
            lacks && written.get(name).is_some()
        })
        .map(|(name, _)| {
            let text = ProblemText::new("config-not-in-this-build").with("section", name.as_str());
            let mend = ProblemText::new("config-not-in-this-build-mend").with("section", name.as_str());
            Problem::warning(place(name), name, text).mend(mend)
        })
        .collect()
}
