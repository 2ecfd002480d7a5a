//! The texts of `locales/` and the keys that the code names are the same set.

use std::{collections::BTreeSet, fs};

use super::source::{Source, root, sources};

/// The keys of a language.
fn keys(language: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for entry in fs::read_dir(root().join("locales").join(language)).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let named = text.lines().filter_map(|line| line.split_once(" =")).map(|(key, _)| key);
        keys.extend(named.filter(|key| is_key(key)).map(str::to_owned));
    }
    keys
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// `network.proxy`, the way in which the sections' own rules name what is wrong.
fn is_section_key(text: &str) -> bool {
    text.split_once('.').is_some_and(|(section, key)| {
        ["network", "onebot", "providers"].contains(&section)
            && !key.is_empty()
            && key.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'))
    })
}

/// The texts in quotes of a file, without its tests. Escapes do not matter here: no key holds one.
pub(crate) fn literals(source: &Source) -> impl Iterator<Item = &str> {
    source
        .code()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// The file with the sections whose problems have a text under the name of the section's key.
const SECTIONS: &str = "crates/easel/src/config/sections.rs";

/// The texts that a literal stands for, itself aside:
/// - `<text>-mend`: what to do about the problem `<text>` of a configuration or a check;
/// - `config-bad-<section>-<key>` for `<section>.<key>`, where a section speaks through its key.
fn composed(source: &Source, literal: &str) -> Vec<String> {
    let mut composed = Vec::new();
    if literal.starts_with("config-") || literal.starts_with("check-") {
        composed.push(format!("{literal}-mend"));
    }
    if source.path == SECTIONS && is_section_key(literal) {
        let text = format!("config-bad-{}", literal.replace(['.', '_'], "-"));
        composed.push(format!("{text}-mend"));
        composed.push(text);
    }
    composed
}

pub(crate) fn product() -> Vec<Source> {
    sources().into_iter().filter(|source| !source.is_test() && source.path.contains("/src/")).collect()
}

#[test]
fn every_text_is_used() {
    let sources = product();
    let mut used = BTreeSet::new();
    for source in &sources {
        for literal in literals(source) {
            used.insert(literal.to_owned());
            used.extend(composed(source, literal));
        }
    }
    let unused: Vec<_> = keys("zh-CN").into_iter().filter(|key| !used.contains(key)).collect();
    assert!(unused.is_empty(), "nobody says {unused:#?}");
}

#[test]
fn every_text_that_the_code_names_exists() {
    for language in ["zh-CN", "en-US"] {
        let keys = keys(language);
        let families: BTreeSet<_> = keys.iter().filter_map(|key| key.split('-').next()).collect();
        for source in &product() {
            for literal in literals(source) {
                let family = literal.split('-').next().unwrap_or_default();
                let meant = is_key(literal) && literal.contains('-') && families.contains(family);
                let known = keys.contains(literal) || OTHER_WORDS.contains(&literal);
                assert!(!meant || known, "{language} lacks {literal} of {}", source.path);
                if source.path == SECTIONS && is_section_key(literal) {
                    let texts = composed(source, literal);
                    assert!(texts.iter().all(|text| keys.contains(text)), "{language} lacks {texts:?}");
                }
            }
        }
    }
}

/// Literals that look like a text's key and are none.
const OTHER_WORDS: [&str; 0] = [];

/// A sentence that shows its code must be given one.
#[test]
fn no_sentence_ends_with_an_empty_code() {
    let shown: String = ["commands", "errors", "jobs"]
        .map(|file| fs::read_to_string(root().join(format!("locales/zh-CN/{file}.ftl"))).unwrap())
        .concat();
    for source in &product() {
        let joined: String = source.code().split_whitespace().collect();
        for call in joined.split("UserError::new(\"").skip(1) {
            let Some((key, rest)) = call.split_once('"') else { continue };
            let line = shown.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap_or_default();
            let empty = rest.starts_with(",\"\"");
            assert!(!empty || !line.contains("$code"), "{key} in {} has no code", source.path);
        }
    }
}
