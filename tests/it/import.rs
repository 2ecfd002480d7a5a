//! Imports of other programs' configurations: what is written starts, what is there stays, no key is told.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use easel_testkit::provider::{Answer, FakeProvider};

use crate::world::{Easel, easel, run, said};

/// The sample configurations: one of every source document and newer versions of the same plug-ins.
const SAMPLES: [&str; 6] =
    ["openai_image", "siliconflow", "openrouter", "aiimg_v3", "aiimg_v5", "skill_settings"];

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/astrbot");
    fs::read_to_string(folder.join(name).with_extension("json")).unwrap()
}

/// A folder with the sample as `old.json`.
fn folder(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("old.json"), sample(name)).unwrap();
    dir
}

/// The keys, cookies and passwords of the samples: they are made to be found.
fn secrets(text: &str) -> Vec<&str> {
    let marked = |word: &&str| word.contains("fixture") || word.contains("secret");
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')).filter(marked).collect()
}

#[test]
fn every_sample_is_imported_and_starts() {
    for name in SAMPLES {
        let dir = folder(name);
        let output = run(dir.path(), &["import", "astrbot", "old.json", "--output", "new.toml"]);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(0), "{name}: {told}");
        let file = dir.path().join("new.toml");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");

        let text = sample(name);
        let secrets = secrets(&text);
        assert!(!secrets.is_empty(), "{name}");
        for secret in secrets {
            assert!(!told.contains(secret), "{name} tells {secret}:\n{told}");
        }
        starts(name, dir.path());
    }
}

/// What was asked before the import is asked after it: the same service, with its key, its model and its fields.
#[tokio::test(flavor = "multi_thread")]
async fn an_imported_service_draws_and_edits() {
    let provider = FakeProvider::start().await;
    provider.always(Answer::draws());
    let dir = tempfile::tempdir().unwrap();
    let old = sample("aiimg_v3").replace("https://gateway.example/v1", &provider.base_url());
    fs::write(dir.path().join("old.json"), old).unwrap();
    let output = run(dir.path(), &["import", "astrbot", "old.json", "--output", "new.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let draw = |arguments: &[&str]| {
        let mut command = easel(dir.path());
        command.env("EASEL__NETWORK__ALLOW_HOSTS", "127.0.0.1");
        let output = command.args(["--config", "new.toml", "draw"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    };
    draw(&["a cat", "-o", "cat.png"]);
    draw(&["make it blue", "--image", "cat.png", "-o", "blue.png"]);
    assert!(dir.path().join("blue.png").is_file());
    let requests = provider.requests();
    let asked: Vec<_> = requests.iter().filter(|request| request.prompt().is_some()).collect();
    assert_eq!(asked.len(), 2, "{requests:#?}");
    let key = |nth: usize| asked[nth].headers().get("authorization").map(str::to_owned);
    assert_eq!(
        (asked[0].path(), key(0)),
        ("/v1/chat/completions", Some("Bearer sk-fixture-grok-003".to_owned()))
    );
    assert_eq!(
        (asked[1].path(), key(1)),
        ("/v1/images/edits", Some("Bearer sk-fixture-edit-003".to_owned()))
    );
    assert_eq!(asked[0].model().as_deref(), Some("grok-imagine-image"));
}

/// Starts easel with the imported file.
fn starts(name: &str, dir: &Path) {
    let mut command = easel(dir);
    command.args(["--config", "new.toml"]).env("EASEL__ONEBOT__0__LISTEN", "127.0.0.1:0");
    let easel = Easel::start(command);
    assert!(easel.onebot.is_some(), "{name}: {}", easel.output());
    assert_eq!(easel.stop(), Some(0), "{name}");
}

#[test]
fn an_import_never_overwrites() {
    let dir = folder("openai_image");
    let import = |arguments: &[&str]| {
        let output = run(dir.path(), &[&["import", "astrbot", "old.json"], arguments].concat());
        (output.status.code(), said(&output))
    };
    let (code, told) = import(&[]);
    assert_eq!(code, Some(0), "{told}");
    let file = dir.path().join("config/easel.imported.toml");
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("[providers.main]") && told.contains("config/easel.imported.toml"),
        "{told}\n{written}"
    );

    fs::write(&file, "mine").unwrap();
    let (code, told) = import(&[]);
    assert!(code == Some(2) && told.contains("--output"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    // A link that leads nowhere is no free name either.
    std::os::unix::fs::symlink("nowhere.toml", dir.path().join("link.toml")).unwrap();
    let (code, told) = import(&["--output", "link.toml"]);
    assert!(code == Some(2) && !dir.path().join("nowhere.toml").exists(), "{told}");
    assert_eq!(import(&["--output", "other.toml"]).0, Some(0));
    assert_eq!(import(&["--config", "elsewhere/mine.toml"]).0, Some(0));
    assert!(dir.path().join("elsewhere/easel.imported.toml").exists());
}

#[test]
fn what_cannot_be_imported_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let check = |bytes: Option<&[u8]>, words: &str| {
        match bytes {
            Some(bytes) => fs::write(dir.path().join("old.json"), bytes).unwrap(),
            None => fs::remove_file(dir.path().join("old.json")).unwrap_or_default(),
        }
        let output = run(dir.path(), &["import", "astrbot", "old.json", "--output", "new.toml"]);
        let told = said(&output);
        assert!(output.status.code() == Some(2) && told.contains(words), "{words}: {told}");
        assert!(!dir.path().join("new.toml").exists());
    };
    check(None, "没有找到");
    check(Some(b"not json"), "不是有效的 JSON");
    check(Some(b"[]"), "花括号");
    check(Some(b"{}"), "没有认识的键");
    let large = format!("{{\"openai_api_key\": \"{}\"}}", "k".repeat(50 << 20));
    check(Some(large.as_bytes()), "太大");
    let usage = run(dir.path(), &["import", "nobody", "old.json"]);
    assert_eq!(usage.status.code(), Some(2), "{}", said(&usage));
}

#[test]
fn the_table_names_old_and_new_in_both_languages() {
    let dir = folder("aiimg_v5");
    for (language, skipped) in
        [("zh_CN.UTF-8", "不认识这个键"), ("en_US.UTF-8", "not a key that easel knows")]
    {
        let mut command = easel(dir.path());
        let target = format!("{language}.toml");
        command.args(["import", "astrbot", "old.json", "-o", &target]).env("LANG", language);
        let told = said(&command.output().unwrap());
        let row = |old: &str, new: &str| told.lines().any(|line| line.contains(old) && line.contains(new));
        assert!(row("providers[0].max_retries", "→ providers.banana.max_retry_attempts"), "{told}");
        assert!(row("features.draw.chain[0]", "→ draw.chain[0]"), "{told}");
        assert!(row("persona_config", skipped), "{told}");
    }
}
