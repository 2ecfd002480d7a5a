//! Presets: named prompts that people call like commands.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::figurines;
use crate::{
    command::{Feature, OutputWish, PresetName, fold, is_space, is_verb},
    settings::SettingProblem,
};

/// What stands for the person's own words in a preset's prompt.
const PLACEHOLDERS: [&str; 2] = ["{{user_text}}", "{prompt}"];

/// `[presets.NAME]`: a prompt that members call as `/NAME`, with words of their own behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PresetSection {
    /// What it makes: `draw` (default; a picture from words), `edit` (changes a given picture) or `video` (a clip).
    pub feature: Feature,
    /// The prompt. `{prompt}` marks where the person's own words go; without the mark they are added at the end.
    pub prompt: String,
    /// Other names, in any language. Case and full or half width do not matter.
    pub aliases: Vec<String>,
    /// Size of the picture when the person wishes none: a ratio (`3:4`), pixels (`2048x1152`), a tier (`2K`), or a ratio
    /// and a tier. Default: the feature's `default_output`.
    pub output: Option<String>,
    /// Whether the picture of the person's own profile is taken when they give no picture and mention nobody. Default
    /// false.
    pub avatar: bool,
}

/// A preset, ready to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name, as the configuration spells it.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// What it makes. An edit preset needs a picture.
    pub feature: Feature,
    /// The template; never empty.
    pub prompt: String,
    /// The form of the picture when the person wishes none.
    pub output: OutputWish,
    /// Whether the person's own avatar may stand in for a missing picture.
    pub avatar: bool,
    /// Key of the style's name in `locales/`, for captions; only built-in presets have one, others show their name.
    pub style: Option<&'static str>,
}

/// All presets: the built-in ones and those of the configuration, which replace built-in ones of the same name.
#[derive(Clone, Debug)]
pub struct PresetBook {
    presets: Vec<Preset>,
    by_spelling: BTreeMap<String, usize>,
}

impl Preset {
    /// The prompt with the person's words in their place. Their words are taken as they are: a placeholder in them
    /// stays what they wrote.
    pub fn fill(&self, user_text: &str) -> String {
        let user_text = user_text.trim_matches(is_space);
        let mut filled = String::with_capacity(self.prompt.len() + user_text.len() + 2);
        let mut rest = self.prompt.as_str();
        let mut found = false;
        while let Some((at, placeholder)) = first_placeholder(rest) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            filled.push_str(before);
            filled.push_str(user_text);
            rest = after.strip_prefix(placeholder).unwrap_or(after);
            found = true;
        }
        filled.push_str(rest);
        if !found && !user_text.is_empty() {
            filled.truncate(filled.trim_end_matches(is_space).len());
            let finished = filled.ends_with(['.', '!', '?', '。', '！', '？', ':', '：', ';', '；']);
            filled.push_str(if finished { "\n" } else { ", " });
            filled.push_str(user_text);
        }
        filled.trim_matches(is_space).to_owned()
    }

    /// Whether its prompt has a place for words that must not stay empty when there is no picture either.
    pub fn needs_words(&self) -> bool {
        self.feature != Feature::Edit && first_placeholder(&self.prompt).is_some()
    }

    /// Whether it is of no use without a picture.
    pub fn needs_picture(&self) -> bool {
        self.feature == Feature::Edit
    }
}

impl PresetBook {
    /// The book of a configuration, and what is wrong with its presets, by keys within `[presets]`. A preset with a problem is left out, an alias
    /// with a problem only that alias.
    pub fn new(sections: &BTreeMap<String, PresetSection>) -> (Self, Vec<SettingProblem>) {
        let mut problems = Vec::new();
        let mut presets: Vec<Preset> = Vec::new();
        for built_in in figurines::all() {
            if !sections.keys().any(|name| spelling(name) == spelling(&built_in.name)) {
                presets.push(built_in);
            }
        }
        for (name, section) in sections {
            let (preset, found) = check(name, section);
            problems.extend(found);
            presets.extend(preset);
        }

        let mut by_spelling = BTreeMap::new();
        presets.retain(|preset| {
            let free = !by_spelling.contains_key(&spelling(&preset.name));
            if free {
                by_spelling.insert(spelling(&preset.name), by_spelling.len());
            } else {
                problems.push(problem(&preset.name, "", "config-preset-name-taken", &preset.name));
            }
            free
        });
        for (index, preset) in presets.iter_mut().enumerate() {
            let name = &preset.name;
            preset.aliases.retain(|alias| {
                let free = *by_spelling.entry(spelling(alias)).or_insert(index) == index;
                let place =
                    sections.get(name).and_then(|own| own.aliases.iter().position(|said| said == alias));
                // A built-in alias gives way silently to a name of the configuration.
                if let (false, Some(place)) = (free, place) {
                    let key = format!("aliases[{place}]");
                    problems.push(problem(name, &key, "config-preset-name-taken", alias));
                }
                free
            });
        }
        (Self { presets, by_spelling }, problems)
    }

    /// The preset of this name or alias; case and width do not matter.
    pub fn get(&self, name: &str) -> Option<&Preset> {
        self.by_spelling.get(&spelling(name)).and_then(|index| self.presets.get(*index))
    }

    /// All presets, the built-in ones first, then by name.
    pub fn all(&self) -> &[Preset] {
        &self.presets
    }

    /// What the command grammar needs to know.
    pub fn names(&self) -> Vec<PresetName> {
        self.presets
            .iter()
            .map(|preset| PresetName {
                name: preset.name.clone(),
                aliases: preset.aliases.clone(),
                feature: preset.feature,
            })
            .collect()
    }
}

/// A problem of the preset's key `key` (empty for its name); `value` is what is wrong.
fn problem(preset: &str, key: &str, text: &'static str, value: &str) -> SettingProblem {
    let dot = if key.is_empty() { "" } else { "." };
    SettingProblem::new(format!("{preset}{dot}{key}"), text).with("value", value)
}

/// Turns a section into a preset, if its name and prompt can be used.
fn check(name: &str, section: &PresetSection) -> (Option<Preset>, Vec<SettingProblem>) {
    let mut problems = Vec::new();
    let mut usable = true;
    let bad_name = |text: &str| {
        if spelling(text).is_empty() {
            Some("config-preset-name-empty")
        } else if is_verb(text) {
            Some("config-preset-name-verb")
        } else {
            None
        }
    };
    if let Some(text) = bad_name(name) {
        problems.push(problem(name, "", text, name));
        usable = false;
    }
    if section.prompt.trim().is_empty() {
        problems.push(problem(name, "prompt", "config-preset-prompt-empty", ""));
        usable = false;
    }
    let mut aliases = Vec::new();
    for (index, alias) in section.aliases.iter().enumerate() {
        match bad_name(alias) {
            Some(text) => {
                problems.push(problem(name, &format!("aliases[{index}]"), text, alias));
            }
            None => aliases.push(alias.clone()),
        }
    }
    let wished = section.output.as_deref().unwrap_or_default();
    let output = OutputWish::parse(wished).unwrap_or_else(|| {
        problems.push(problem(name, "output", "config-output-form", wished));
        OutputWish::default()
    });
    let preset = Preset {
        name: name.to_owned(),
        aliases,
        feature: section.feature,
        prompt: section.prompt.clone(),
        output,
        avatar: section.avatar,
        style: None,
    };
    (usable.then_some(preset), problems)
}

/// The form in which names are compared.
fn spelling(name: &str) -> String {
    name.trim_matches(is_space).chars().map(fold).collect()
}

fn first_placeholder(text: &str) -> Option<(usize, &'static str)> {
    PLACEHOLDERS
        .into_iter()
        .filter_map(|placeholder| text.find(placeholder).map(|at| (at, placeholder)))
        .min_by_key(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Ratio, Tier};

    fn section(prompt: &str) -> PresetSection {
        PresetSection { prompt: prompt.to_owned(), ..PresetSection::default() }
    }

    fn book(sections: &[(&str, PresetSection)]) -> (PresetBook, Vec<(String, &'static str)>) {
        let sections = sections.iter().map(|(name, section)| ((*name).to_owned(), section.clone())).collect();
        let (book, problems) = PresetBook::new(&sections);
        let problems = problems.into_iter().map(|problem| (problem.key, problem.text)).collect();
        (book, problems)
    }

    #[track_caller]
    fn check_fill(template: &str, user_text: &str, expected: &str) {
        let (book, problems) = book(&[("p", section(template))]);
        assert_eq!(problems, []);
        assert_eq!(book.get("p").unwrap().fill(user_text), expected);
    }

    #[test]
    fn words_go_to_their_place() {
        check_fill("A {prompt} in watercolour", "猫", "A 猫 in watercolour");
        check_fill("A {{user_text}}, {{user_text}}!", "猫", "A 猫, 猫!");
        check_fill("A {prompt}", "{prompt} {{user_text}}", "A {prompt} {{user_text}}");
        check_fill("In watercolour", "猫", "In watercolour, 猫");
        check_fill("In watercolour.", " 猫\n狗 ", "In watercolour.\n猫\n狗");
        check_fill("In watercolour", "", "In watercolour");
        check_fill("{prompt} in watercolour", "", "in watercolour");
        check_fill("{\"a\": \"{prompt}\"}", "猫", "{\"a\": \"猫\"}");
    }

    #[test]
    fn figurines_are_there_without_a_configuration() {
        let (book, problems) = book(&[]);
        assert_eq!(problems, []);
        for (name, canonical, word) in [
            ("手办化", "手办化", "PVC"),
            ("Figurine", "手办化", "PVC"),
            ("手办化２", "手办化2", "resin"),
            ("figurine2", "手办化2", "resin"),
            ("手办化3", "手办化3", "cabinet"),
            ("FIGURINE3", "手办化3", "cabinet"),
        ] {
            let preset = book.get(name).unwrap();
            assert_eq!(preset.name, canonical);
            assert!(preset.prompt.contains(word) && preset.avatar && preset.needs_picture());
            assert!(preset.style.is_some());
        }
        assert_eq!(book.get("手办化4"), None);
        assert_eq!(book.names().len(), 3);
    }

    #[test]
    fn a_configured_preset_replaces_a_built_in_one() {
        let (book, problems) = book(&[("手办化２", section("mine"))]);
        assert_eq!(problems, []);
        assert_eq!(book.get("手办化2").unwrap().prompt, "mine");
        assert_eq!(book.all().len(), 3);
        assert_eq!(book.get("figurine2"), None);
    }

    #[test]
    fn a_configured_name_beats_a_built_in_alias() {
        let (book, problems) = book(&[("figurine", section("mine"))]);
        assert_eq!(problems, []);
        assert_eq!(book.get("figurine").unwrap().prompt, "mine");
        assert_eq!(book.all()[0].aliases, [""; 0]);
    }

    #[test]
    fn problems_are_found_all_at_once() {
        let aliases = |list: &[&str]| list.iter().map(|alias| (*alias).to_owned()).collect();
        let (book, problems) = book(&[
            ("a", PresetSection { aliases: aliases(&["生图", "", "水彩", "FIGURINE"]), ..section("x") }),
            (
                "b",
                PresetSection {
                    aliases: aliases(&["水彩"]),
                    output: Some("huge".to_owned()),
                    ..section("x")
                },
            ),
            ("ＤＲＡＷ", section("x")),
            ("empty", section(" ")),
            ("Ａ", section("twice")),
        ]);
        let expected = [
            ("a.aliases[0]", "config-preset-name-verb"),
            ("a.aliases[1]", "config-preset-name-empty"),
            ("b.output", "config-output-form"),
            ("empty.prompt", "config-preset-prompt-empty"),
            ("ＤＲＡＷ", "config-preset-name-verb"),
            ("Ａ", "config-preset-name-taken"),
            ("a.aliases[3]", "config-preset-name-taken"),
            ("b.aliases[0]", "config-preset-name-taken"),
        ];
        let found: Vec<_> = problems.iter().map(|(key, text)| (key.as_str(), *text)).collect();
        assert_eq!(found, expected);
        assert_eq!(book.get("水彩").unwrap().name, "a");
        assert_eq!(book.get("draw"), None);
        assert_eq!(book.get("b").unwrap().output, OutputWish::default());
    }

    #[test]
    fn output_of_a_preset() {
        let (book, _) = book(&[("p", PresetSection { output: Some("3:4 2K".to_owned()), ..section("x") })]);
        let output = book.get("p").unwrap().output;
        assert_eq!((output.ratio, output.tier), (Some(Ratio { width: 3, height: 4 }), Some(Tier::K2)));
    }

    #[test]
    fn a_section_knows_its_keys() {
        let text = serde_json::json!({"feature": "edit", "prompt": "x", "aliases": ["y"], "output": "1:1", "avatar": true});
        let section: PresetSection = serde_json::from_value(text).unwrap();
        assert_eq!(section.feature, Feature::Edit);
        assert!(serde_json::from_value::<PresetSection>(serde_json::json!({"promt": "x"})).is_err());
    }
}
