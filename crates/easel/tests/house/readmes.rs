//! What the READMEs say about codes and keys is what the source says, and both say the same.

use std::{collections::BTreeSet, fs};

use super::{
    source::{root, sources},
    texts::{literals, product},
};

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// `E-NO-CLIP`: a code at the end of a sentence.
fn is_code(text: &str) -> bool {
    text.strip_prefix("E-").is_some_and(|rest| {
        !rest.is_empty()
            && rest.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase()))
    })
}

/// The texts between backticks.
fn ticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// A table: its title, and the cells of each of its rows.
type Table<'a> = (String, Vec<Vec<&'a str>>);

/// The tables that can be folded out.
fn tables(readme: &str) -> Vec<Table<'_>> {
    let blocks = readme.split("<details>").skip(1).map(|block| {
        let (block, _) = block.split_once("</details>").unwrap();
        let (title, body) = block.split_once("</summary>").unwrap();
        let rows = body.lines().filter(|line| line.starts_with("| `"));
        let rows = rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect());
        (title.to_owned(), rows.collect())
    });
    blocks.collect()
}

/// The codes that the table of a README explains, in its order.
fn explained(readme: &str) -> Vec<String> {
    let rows = tables(readme).into_iter().flat_map(|(_, rows)| rows);
    let firsts = rows.filter_map(|row| row.first().copied());
    firsts.flat_map(ticks).filter(|text| is_code(text)).map(str::to_owned).collect()
}

#[test]
fn the_readmes_explain_every_code_of_the_source_once() {
    let sources = product();
    let used: BTreeSet<_> =
        sources.iter().flat_map(literals).filter(|text| is_code(text)).map(str::to_owned).collect();
    assert!(used.len() > 50, "the codes are written in another way now");
    for name in READMES {
        let codes = explained(&read(name));
        let known: BTreeSet<_> = codes.iter().cloned().collect();
        let missing: Vec<_> = used.difference(&known).collect();
        let gone: Vec<_> = known.difference(&used).collect();
        assert!(missing.is_empty() && gone.is_empty(), "{name} lacks {missing:?}; nobody says {gone:?}");
        assert_eq!(codes.len(), known.len(), "{name} explains a code twice: {codes:?}");
    }
}

/// A code that a text mentions is one that people can meet.
#[test]
fn no_document_names_a_code_that_is_none() {
    let known: BTreeSet<_> = explained(&read("README.md")).into_iter().collect();
    for name in READMES.into_iter().chain(["ARCHITECTURE.md", "docs/behaviours.md"]) {
        let text = read(name);
        let other: Vec<_> =
            ticks(&text).into_iter().filter(|text| is_code(text) && !known.contains(*text)).collect();
        assert!(other.is_empty(), "{name} names {other:?}");
    }
}

/// A behaviour that stands in the list twice has two lists of proofs, of which one is old.
#[test]
fn each_behaviour_is_listed_once() {
    let text = read("docs/behaviours.md");
    let ids = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let ids: Vec<_> = ids.filter(|id| id.chars().any(|c| c.is_ascii_digit())).collect();
    assert!(ids.len() > 50, "the list is written in another way now");
    let mut seen = BTreeSet::new();
    let twice: Vec<_> = ids.into_iter().filter(|id| !seen.insert(*id)).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A proof that is called otherwise now is no proof.
#[test]
fn every_proof_of_a_behaviour_is_a_test() {
    let mut sources: String = sources().into_iter().map(|source| source.text).collect();
    for entry in fs::read_dir(root().join("tests/it")).unwrap() {
        sources.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let text = read("docs/behaviours.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(3));
    let proofs: Vec<_> = rows.flat_map(ticks).collect();
    assert!(proofs.len() > 200, "the list is written in another way now");
    let lost: Vec<_> =
        proofs.into_iter().filter(|proof| !sources.contains(&format!("fn {proof}("))).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

/// A merge that keeps both sides of a line leaves two promises about one thing.
#[test]
fn the_changelog_tells_each_thing_once() {
    let text = read("CHANGELOG.md");
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for (release, part) in text.split("\n## ").enumerate() {
        let titles = part.lines().filter_map(|line| line.strip_prefix("- **")?.split("**").next());
        twice.extend(titles.filter(|title| !seen.insert((release, *title))));
    }
    assert!(seen.len() > 10, "the changelog is written in another way now");
    assert!(twice.is_empty(), "{twice:?}");
}

/// Names and defaults of keys, and the groups of codes, are the same in both languages; the words between them are not.
#[test]
fn both_readmes_have_the_same_tables() {
    let [english, chinese] = READMES.map(read);
    let (english, chinese) = (tables(&english), tables(&chinese));
    assert_eq!(english.len(), chinese.len());
    for ((title, rows), (_, others)) in english.iter().zip(&chinese) {
        let names = |rows: &[Vec<&str>]| rows.iter().map(|row| ticks(row[0]).join(" ")).collect::<Vec<_>>();
        assert_eq!(names(rows), names(others), "{title}");
        for (row, other) in rows.iter().zip(others).filter(|(row, _)| !row[0].starts_with("`E-")) {
            let default = |row: &[&str]| -> BTreeSet<String> {
                row.last()
                    .map(|cell| ticks(cell))
                    .unwrap_or_default()
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            };
            assert_eq!(default(row), default(other), "{title}: {row:?}");
        }
    }
}

#[test]
fn both_readmes_have_the_same_chapters() {
    let levels = |name: &str| -> Vec<usize> {
        let text = read(name);
        // What is commented in examples begins with a mark, too.
        let prose = text.split("```").step_by(2);
        let marks = prose.flat_map(str::lines).map(|line| line.chars().take_while(|c| *c == '#').count());
        marks.filter(|level| *level > 0).collect()
    };
    assert_eq!(levels(READMES[0]), levels(READMES[1]));
}
