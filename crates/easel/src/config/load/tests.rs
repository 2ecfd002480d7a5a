//! Loads of files as people write them.

use std::fs;

use secrecy::ExposeSecret as _;

use super::*;
use crate::config::problem::ProblemArg;

/// A working directory with a configuration and what lies beside it.
struct Here {
    directory: tempfile::TempDir,
    source: Source,
}

fn place(text: &str, environment: &[(&str, &str)]) -> Here {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("easel.toml");
    fs::write(&path, text).unwrap();
    let environment = environment.iter().map(|(name, text)| (name.into(), text.into())).collect();
    let base = directory.path().to_owned();
    let source = Source { path, must_exist: true, data_dir: None, environment, base };
    Here { directory, source }
}

fn loaded(text: &str, environment: &[(&str, &str)]) -> Loaded {
    match load(&place(text, environment).source) {
        Ok(loaded) => loaded,
        Err(refused) => panic!("{refused}"),
    }
}

/// `place key message → mend[argument of the mend]` of every problem.
fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let found = match load(&place(text, environment).source) {
        Ok(loaded) => loaded.warnings,
        Err(refused) => refused.problems,
    };
    found.iter().map(describe).collect()
}

fn describe(problem: &Problem) -> String {
    let mend = problem.mend.as_ref().map(|mend| match mend.args.iter().find(|(name, _)| *name == "nearest") {
        Some((_, ProblemArg::Plain(easel_core::error::Arg::Text(nearest)))) => format!(" -> {nearest}"),
        _ => String::new(),
    });
    let key = problem.text.key.trim_start_matches("config-");
    format!("{} {} {}{}", problem.place, problem.key, key, mend.unwrap_or_default())
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(problems(text, &[]), expected);
}

#[track_caller]
fn check_env(text: &str, name: &str, value: &str, expected: &[&str]) {
    assert_eq!(problems(text, &[(name, value)]), expected);
}

#[test]
fn unknown_keys_name_the_nearest() {
    check("[bot]\nlocal = \"en-US\"\n", &["2:1 bot.local unknown-key -> locale"]);
    check("[bto]\n", &["1:2 bto unknown-key -> bot"]);
    check("[jobs]\nmax-running = 3\n", &["2:1 jobs.max-running unknown-key -> max_running"]);
    check("[draw]\nprovder = \"x\"\n", &["2:1 draw.provder unknown-key -> provider"]);
    check("colour = 1\n", &["1:1 colour unknown-key"]);
    check("[[onebot]]\n[[onebot]]\ntoken = \"x\"\n", &["3:1 onebot[1].token unknown-key -> access_token"]);
}

#[test]
fn wrong_types_and_words() {
    check("[bot]\nprefixes = \"/\"\n", &["2:12 bot.prefixes wrong-type"]);
    check("[bot]\nprefixes = [\"/\", 1]\n", &["2:18 bot.prefixes[1] wrong-type"]);
    check("[bot]\nlocale = \"en\"\n", &["2:10 bot.locale wrong-word"]);
    check("[bot]\nlocale = \"zh_CN\"\n", &["2:10 bot.locale wrong-word -> zh-CN"]);
    check("[jobs]\nmax_running = \"8\"\n", &["2:15 jobs.max_running wrong-type"]);
    check("[jobs]\nmax_running = 1.5\n", &["2:15 jobs.max_running wrong-type"]);
    check("[jobs]\nmax_running = 99999999999999999999\n", &["2:15 jobs.max_running wrong-type"]);
    check("[jobs]\nmax_running = 0\n", &["2:15 jobs.max_running too-small"]);
    check("[jobs]\nmax_running = -1\n", &["2:15 jobs.max_running too-small"]);
    check("[jobs]\nmax_running = 2026-01-01\n", &["2:15 jobs.max_running wrong-type"]);
    check("bot = 3\n", &["1:7 bot wrong-type"]);
    check("onebot = { }\n", &["1:10 onebot wrong-type"]);
}

#[test]
fn every_line_wrong_is_reported_line_by_line() {
    let lines = [
        "[bot]",
        "data_dir = 3",
        "locale = \"klingon\"",
        "prefixes = [\"\"]",
        "admins = [\"10001\"]",
        "artifact_ttl_minutes = 0",
        "artifact_max_cuont = 1",
        "artifact_max_bytes = \"2 GB\"",
        "[jobs]",
        "max_running = true",
        "max_running_per_chat = = 2",
        "deadline_seconds = -5",
        "max_bytes_in_flight = 1",
        "[draw]",
        "provider = \"nobody\"",
        "fallback_1 = 7",
        "default_output = \"gigantic\"",
        "[edit]",
        "fallback_1 = \"nobody\"",
        "[network]",
        "allow_fake_ip = \"yes\"",
        "[sevices]",
        "nonsense",
    ];
    let reported = problems(&lines.join("\n"), &[]);
    let fine = ["[bot]", "[jobs]", "[draw]", "[edit]", "[network]"];
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !fine.contains(line)) {
        let at = format!("{}:", number + 1);
        assert!(reported.iter().any(|problem| problem.starts_with(&at)), "{line} is not in {reported:#?}");
    }
}

#[test]
fn the_environment_overrides_by_the_type_at_the_path() {
    let text = "[[onebot]]\naccess_token = \"abc\"\n[providers.Main]\nkind = \"openai_images\"\nbase_url = \"https://a\"\nmodel = \"m\"\napi_keys = [\"k\"]\n[draw]\nprovider = \"Main\"\n";
    let environment = [
        ("EASEL__ONEBOT__0__ACCESS_TOKEN", "00123"),
        ("EASEL__ONEBOT__1__LISTEN", "127.0.0.1:6200"),
        ("EASEL__PROVIDERS__MAIN__MODEL", "gpt-image-2"),
        ("EASEL__PROVIDERS__MAIN__FULL_URL", "yes"),
        ("EASEL__BOT__PREFIXES", "/, ！"),
        ("EASEL__BOT__ADMINS", "[\"onebot:1\", \"onebot:2\"]"),
        ("EASEL__BOT__LOCALE", "en-US"),
        ("EASEL__JOBS__MAX_RUNNING", "3"),
        ("EASEL__NETWORK__ALLOW_FAKE_IP", "On"),
        ("EASEL__DRAW__DEFAULT_OUTPUT", "2K"),
        ("EASEL_UNRELATED", "1"),
        ("PATH", "/bin"),
    ];
    let loaded = loaded(text, &environment);
    let config = &loaded.config;
    assert_eq!(config.onebot.len(), 2);
    assert_eq!(config.onebot[0].access_token.expose_secret(), "00123");
    assert_eq!(config.onebot[1].listen, "127.0.0.1:6200");
    assert_eq!(config.providers.keys().collect::<Vec<_>>(), ["Main"]);
    assert_eq!(config.providers["Main"].model, "gpt-image-2");
    assert!(config.providers["Main"].full_url);
    assert_eq!(config.bot.prefixes, ["/", "！"]);
    assert_eq!(config.bot.admins, ["onebot:1", "onebot:2"]);
    assert_eq!(config.jobs.max_running, 3);
    assert!(config.network.allow_fake_ip);
    assert_eq!(config.draw.default_output.as_deref(), Some("2K"));
    assert_eq!(loaded.from_environment.len(), 10);
    assert!(loaded.from_environment.contains("providers.Main.model"));
    assert!(loaded.from_environment.contains("onebot[0].access_token"));
}

#[test]
fn the_environment_is_refused_by_name() {
    let onebot = "[[onebot]]\n";
    check_env(onebot, "EASEL__ONEBOT__2__LISTEN", "x", &["EASEL__ONEBOT__2__LISTEN onebot env-index"]);
    check_env(onebot, "EASEL__ONEBOT__FIRST__LISTEN", "x", &["EASEL__ONEBOT__FIRST__LISTEN onebot env-index"]);
    check_env("", "EASEL__JOBS__MAX_RUNNING", "many", &["EASEL__JOBS__MAX_RUNNING jobs.max_running env-unreadable"]);
    check_env("", "EASEL__JOBS__MAX_RUNNING", "0", &["EASEL__JOBS__MAX_RUNNING jobs.max_running too-small"]);
    check_env("", "EASEL__JOBS__MAX_RUNING", "1", &["EASEL__JOBS__MAX_RUNING jobs.max_runing unknown-key -> max_running"]);
    check_env("", "EASEL__JOB__MAX_RUNNING", "1", &["EASEL__JOB__MAX_RUNNING job unknown-key -> jobs"]);
    check_env("", "EASEL__BOT__LOCALE", "fr", &["EASEL__BOT__LOCALE bot.locale wrong-word"]);
    check_env("", "EASEL__BOT__LOCALE__X", "fr", &["EASEL__BOT__LOCALE__X bot.locale.x unknown-key"]);
    check_env("", "EASEL__BOT__ADMINS", "[1", &["EASEL__BOT__ADMINS bot.admins env-unreadable"]);
    check_env("", "EASEL__NETWORK__ALLOW_FAKE_IP", "maybe", &[
        "EASEL__NETWORK__ALLOW_FAKE_IP network.allow_fake_ip env-unreadable",
    ]);
    check_env("", "EASEL__", "x", &["EASEL__  unknown-key"]);
}

#[test]
fn list_items_from_the_environment_come_in_numeric_order() {
    let environment: Vec<_> = (0..12).map(|n| (format!("EASEL__BOT__PREFIXES__{n}"), format!("p{n}"))).collect();
    let environment: Vec<_> = environment.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let config = loaded("[bot]\nprefixes = []\n", &environment).config;
    assert_eq!(config.bot.prefixes.len(), 12);
    assert_eq!(config.bot.prefixes[10], "p10");
}

#[test]
fn secrets_come_from_files_without_white_space_around_them() {
    let here = place(
        "[[onebot]]\naccess_token_file = \"token\"\n[providers.a]\nkind = \"openai_images\"\nbase_url = \"https://a\"\nmodel = \"m\"\napi_keys_file = \"keys\"\n[draw]\nprovider = \"a\"\n",
        &[],
    );
    fs::write(here.directory.path().join("token"), "\u{feff}  s3cret \r\n").unwrap();
    fs::write(here.directory.path().join("keys"), "k1\n\n k2 \n").unwrap();
    let loaded = load(&here.source).unwrap();
    assert_eq!(loaded.config.onebot[0].access_token.expose_secret(), "s3cret");
    assert_eq!(loaded.config.providers["a"].keys().len(), 2);
    assert_eq!(loaded.secret_files.len(), 2);
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("k1"), "{shown}");
}

#[test]
fn secret_files_that_cannot_be_used() {
    check("[[onebot]]\naccess_token_file = \"absent\"\n", &["2:21 onebot[0].access_token_file secret-file-unreadable"]);
    check("[[onebot]]\naccess_token_file = 3\n", &["2:21 onebot[0].access_token_file wrong-type"]);
    check(
        "[[onebot]]\naccess_token = \"x\"\naccess_token_file = \"absent\"\n",
        &["3:21 onebot[0].access_token_file secret-twice"],
    );
    let here = place("[[onebot]]\naccess_token_file = \"token\"\n", &[]);
    fs::write(here.directory.path().join("token"), "\n").unwrap();
    let refused = load(&here.source).unwrap_err();
    assert_eq!(describe(&refused.problems[0]), "2:21 onebot[0].access_token_file secret-file-empty");
    let text = format!("{:?}", refused.problems[0].text);
    assert!(text.contains("token"), "the file is named: {text}");
}

#[test]
fn the_environments_secret_wins_over_the_files() {
    let text = "[[onebot]]\naccess_token_file = \"absent\"\n";
    let config = loaded(text, &[("EASEL__ONEBOT__0__ACCESS_TOKEN", "env")]).config;
    assert_eq!(config.onebot[0].access_token.expose_secret(), "env");
    let here = place("[[onebot]]\naccess_token = \"file\"\n", &[("EASEL__ONEBOT__0__ACCESS_TOKEN_FILE", "token")]);
    fs::write(here.directory.path().join("token"), "from-env-file").unwrap();
    let config = load(&here.source).unwrap().config;
    assert_eq!(config.onebot[0].access_token.expose_secret(), "from-env-file");
}

#[test]
fn the_command_line_wins() {
    let mut here = place("[bot]\ndata_dir = \"file\"\n", &[("EASEL__BOT__DATA_DIR", "environment")]);
    assert_eq!(load(&here.source).unwrap().config.bot.data_dir, Path::new("environment"));
    here.source.data_dir = Some("option".into());
    assert_eq!(load(&here.source).unwrap().config.bot.data_dir, Path::new("option"));
}

#[test]
fn the_file_itself() {
    let mut here = place("", &[]);
    fs::remove_file(&here.source.path).unwrap();
    assert_eq!(describe(&load(&here.source).unwrap_err().problems[0]), "  file-missing");
    here.source.must_exist = false;
    let loaded = load(&here.source).unwrap();
    assert_eq!(loaded.warnings.iter().map(describe).collect::<Vec<_>>(), ["  start-config-missing"]);
    assert_eq!(loaded.config.onebot.len(), 1);
    fs::write(&here.source.path, [0xff, 0xfe, 0]).unwrap();
    assert_eq!(describe(&load(&here.source).unwrap_err().problems[0]), "  file-not-text");
    here.source.path = here.directory.path().to_owned();
    assert_eq!(describe(&load(&here.source).unwrap_err().problems[0]), "  file-unreadable");
}

#[test]
fn sections_of_later_builds_are_taken_with_a_remark() {
    check("[discord]\ntoken = \"x\"\nwhatever = 3\n[web]\nenabled = true\n", &[
        "1:1 discord not-in-this-build",
        "4:1 web not-in-this-build",
    ]);
    check("[profiles.gateway]\npaths = {}\n", &["1:1 profiles not-in-this-build"]);
    check("telegram = \"yes\"\n", &["1:12 telegram wrong-type"]);
}

#[test]
fn chains_name_known_providers() {
    let provider = "[providers.main]\nkind = \"openai_images\"\nbase_url = \"https://a\"\nmodel = \"m\"\napi_keys = [\"k\"]\n";
    check(&format!("{provider}[draw]\nprovider = \"main\"\n"), &[]);
    check(&format!("{provider}[draw]\nprovider = \"mian\"\n"), &["7:12 draw.provider unknown-provider -> main"]);
    check(&format!("{provider}[edit]\nchain = [\"main\", \"other\"]\n"), &[
        "7:18 edit.chain[1] unknown-provider",
    ]);
    check(provider, &["1:1 providers.main provider-unused"]);
    check("[draw]\nprovider = \"sketch\"\n", &["2:12 draw.provider unknown-provider"]);
}

#[test]
fn secrets_are_in_no_message() {
    let texts = [
        "[[onebot]]\naccess_token = sk-verysecret\n",
        "[[onebot]]\naccess_token = [\"sk-verysecret\"]\n",
        "[[onebot]]\naccess_token = \"sk-verysecret\"\nmax_frame_bytes = 1\n",
        "[providers.a]\nkind = \"openai_images\"\napi_keys = \"sk-verysecret\"\n",
        "[providers.a]\napi_keys = [{ key = \"sk-verysecret\", acount = \"x\" }]\n",
        "[discord]\ntoken = \"sk-verysecret\"\n",
    ];
    for text in texts {
        let report = match load(&place(text, &[]).source) {
            Ok(loaded) => format!("{loaded:?}"),
            Err(refused) => format!("{refused:?} {refused}"),
        };
        assert!(!report.contains("verysecret"), "{report}");
    }
}

#[test]
fn changes_between_two_loads() {
    let before = loaded("[jobs]\nmax_running = 1\n[[onebot]]\nlisten = \"127.0.0.1:1\"\n", &[]);
    let after = loaded("[jobs]\nmax_running = 1\nmax_waiting = 3\n[[onebot]]\nlisten = \"127.0.0.1:2\"\n", &[]);
    let changes = before.changes(&after);
    assert_eq!(changes, [("jobs.max_waiting".to_owned(), false), ("onebot[0].listen".to_owned(), true)]);
}

#[test]
fn the_shipped_file_loads_without_a_remark() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/easel.toml");
    let source = Source { path, must_exist: true, data_dir: None, environment: Vec::new(), base: ".".into() };
    let loaded = load(&source).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.providers.len(), 0);
    assert_eq!(loaded.config.onebot[0].listen, "127.0.0.1:6199");
}

#[test]
fn an_empty_file_is_a_configuration() {
    let loaded = loaded("", &[]);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.onebot.len(), 1);
    assert_eq!(loaded.config.jobs, easel_core::settings::JobsSection::default());
}
