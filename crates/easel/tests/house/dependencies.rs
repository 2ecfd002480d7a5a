//! Who may know whom. The arrows are those of ARCHITECTURE.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::source::{root, sources};

/// The crates of easel that each crate may use in its code.
const MAY_USE: [(&str, &[&str]); 7] = [
    ("easel", &["easel-core", "easel-http", "easel-onebot", "easel-providers", "easel-store"]),
    ("easel-core", &[]),
    ("easel-http", &[]),
    ("easel-onebot", &["easel-core", "easel-http"]),
    ("easel-providers", &["easel-core", "easel-http"]),
    ("easel-store", &["easel-core"]),
    ("easel-testkit", &[]),
];

/// Packages with the only crates that may name them, so that an engine or a wire can be replaced in one place.
const OWNERS: [(&str, &[&str]); 9] = [
    ("sled", &["easel-store"]),
    ("reqwest", &["easel-http"]),
    ("rustls", &["easel-http"]),
    ("axum", &["easel-onebot"]),
    ("tokio-tungstenite", &["easel-onebot", "easel-testkit"]),
    ("toml", &["easel"]),
    ("clap", &["easel"]),
    ("anyhow", &["easel"]),
    ("fluent", &["easel-core"]),
];

/// What a `Cargo.toml` names.
struct Manifest {
    dependencies: BTreeSet<String>,
    dev: BTreeSet<String>,
}

fn manifests() -> BTreeMap<String, Manifest> {
    let read = |path: &std::path::Path| fs::read_to_string(path).unwrap().parse::<toml::Table>().unwrap();
    let keys = |table: &toml::Table, name: &str| -> BTreeSet<String> {
        table
            .get(name)
            .and_then(toml::Value::as_table)
            .into_iter()
            .flat_map(toml::Table::keys)
            .cloned()
            .collect()
    };
    fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| {
            let folder = entry.unwrap().path();
            let table = read(&folder.join("Cargo.toml"));
            assert!(!table.contains_key("target"), "dependencies by target are not looked at here");
            let name = table["package"]["name"].as_str().unwrap().to_owned();
            assert_eq!(Some(name.as_str()), folder.file_name().and_then(|name| name.to_str()));
            let mut dependencies = keys(&table, "dependencies");
            dependencies.extend(keys(&table, "build-dependencies"));
            (name, Manifest { dependencies, dev: keys(&table, "dev-dependencies") })
        })
        .collect()
}

#[test]
fn the_arrows_point_inwards() {
    let manifests = manifests();
    let known: BTreeSet<_> = MAY_USE.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(manifests.keys().cloned().collect::<BTreeSet<_>>(), known, "a new crate needs its line here");
    for (name, may_use) in MAY_USE {
        for used in manifests[name].dependencies.iter().filter(|used| known.contains(*used)) {
            assert!(may_use.contains(&used.as_str()), "{name} must not know {used}");
        }
    }
}

/// The doubles on real sockets are for tests, and know nothing of what they test.
#[test]
fn the_testkit_is_for_tests() {
    for (name, manifest) in manifests() {
        assert!(
            !manifest.dependencies.contains("easel-testkit"),
            "{name} must use the testkit in tests only"
        );
        let own: Vec<_> = manifest.dev.iter().filter(|used| used.starts_with("easel")).collect();
        assert!(name != "easel-testkit" || own.is_empty(), "the testkit imports {own:?}");
    }
}

#[test]
fn engines_and_wires_have_one_owner() {
    for (name, manifest) in manifests() {
        for (package, owners) in OWNERS {
            let named = manifest.dependencies.contains(package);
            assert!(!named || owners.contains(&name.as_str()), "{name} must not name {package}");
        }
    }
}

/// Every package that a crate names is used by its code, and every one of the common table by a crate.
#[test]
fn no_dependency_is_idle() {
    let (manifests, sources) = (manifests(), sources());
    let end_to_end = fs::read_dir(root().join("tests/it"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect::<String>();
    let mut named = BTreeSet::new();
    for (name, manifest) in &manifests {
        let of_crate = |path: &str| path.starts_with(&format!("crates/{name}/"));
        let mut code = String::new();
        let mut tests = if name == "easel" { end_to_end.clone() } else { String::new() };
        for source in sources.iter().filter(|source| of_crate(&source.path)) {
            tests.push_str(&source.text);
            let unit_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
            if !unit_test && source.path.contains("/src/") {
                code.push_str(source.code());
            }
        }
        for (packages, text) in [(&manifest.dependencies, &code), (&manifest.dev, &tests)] {
            for package in packages {
                let path = format!("{}::", package.replace('-', "_"));
                // A crate names itself to switch its own test doubles on.
                assert!(package == name || text.contains(&path), "{name} does not use {package}");
            }
        }
        named.extend(manifest.dependencies.iter().chain(&manifest.dev).cloned());
    }
    let table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse::<toml::Table>().unwrap();
    let common = table["workspace"]["dependencies"].as_table().unwrap();
    let idle: Vec<_> = common.keys().filter(|package| !named.contains(*package)).collect();
    assert!(idle.is_empty(), "no crate uses {idle:?}");
}
