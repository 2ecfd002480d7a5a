//! Both READMEs explain exactly the keys and the kinds that there are.

use std::{collections::BTreeSet, fs, path::Path};

use easel_core::i18n::Locale;
use easel_providers::Kind;

use super::*;
use crate::cli::speech::Speech;

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];
/// Sections with a table of their own, as their titles begin; `[edit]` shares that of `[draw]`.
const SECTIONS: [&str; 10] =
    ["bot", "onebot", "providers", "profiles", "draw", "video", "presets", "access", "jobs", "network"];

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    fs::read_to_string(root.join(name)).unwrap()
}

/// The names in the first column of a table.
fn names(table: &str) -> BTreeSet<&str> {
    let firsts = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    firsts.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The keys of a section in the schema.
fn keys(section: &str) -> BTreeSet<&'static str> {
    let schema = &SCHEMA["properties"][section];
    let tables = [schema, &schema["items"], &schema["additionalProperties"]];
    let properties = tables.into_iter().find_map(|table| table["properties"].as_object()).unwrap();
    properties.keys().map(String::as_str).collect()
}

#[test]
fn the_readmes_explain_every_key() {
    for readme in READMES {
        let text = read(readme);
        for section in SECTIONS {
            let title = [format!("<summary><b>[{section}"), format!("<summary><b>[[{section}")];
            let block = title.iter().find_map(|title| text.split_once(title.as_str()));
            let (_, block) = block.unwrap_or_else(|| panic!("{readme} has no [{section}]"));
            let explained = names(block.split_once("</details>").unwrap().0);
            let mut keys = keys(section);
            if section == "video" {
                keys = &keys - &self::keys("draw");
            }
            let gone: Vec<_> = explained.difference(&keys).collect();
            assert!(gone.is_empty(), "{readme} explains {gone:?} of [{section}]");
            // One sentence explains the files of all secrets.
            let missing: Vec<_> = keys.difference(&explained).filter(|key| !key.ends_with("_file")).collect();
            assert!(missing.is_empty(), "{readme} lacks {missing:?} of [{section}]");
        }
        assert!(text.contains("`_file`"), "{readme}");
    }
    assert_eq!(keys("draw"), keys("edit"));
}

#[test]
fn the_readmes_name_every_kind() {
    let kinds: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    for readme in READMES {
        let text = read(readme);
        let (_, table) = text.split_once("\n| `kind` |").unwrap();
        let named = names(table.split_once("\n\n").unwrap().0);
        let missing: Vec<_> = kinds.difference(&named).collect();
        // Models of a kind that differ from its others stand behind it.
        let other: Vec<_> = named.difference(&kinds).filter(|name| !name.starts_with("wan")).collect();
        assert!(missing.is_empty() && other.is_empty(), "{readme} lacks {missing:?} and has {other:?}");
    }
}

#[test]
fn what_to_write_instead_is_shown() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let (mut root, mut problems) = crate::config::tree::parse(text);
        walk(&mut root, &mut problems);
        let [problem] = &problems[..] else { panic!("one problem: {problems:?}") };
        let mend = Speech::new(Locale::ZhCn).say(problem.mend.as_ref().unwrap());
        assert!(mend.contains(expected), "{mend}");
    }
    check("[jobs]\nmax_running = 1.5\n", "写成整数，不加引号，例如 2。");
    check("[jobs]\nmax_running = \"many\"\n", "写成整数，不加引号，例如 8。");
    check("[jobs]\nmax_running = \"8\"\n", "去掉引号");
    check("[network]\nallow_fake_ip = \"maybe\"\n", "写 true 或 false");
    check("[bot]\nprefixes = \"/\"\n", "[\"/\"]");
    check("[access]\ngroup_filter_list = \"123\"\n", "[\"123\"]");
}
