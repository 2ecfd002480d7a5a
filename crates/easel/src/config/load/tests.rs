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
    let mend =
        problem.mend.as_ref().map(|mend| match mend.args.iter().find(|(name, _)| *name == "nearest") {
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
    check("[[onebot]]\ntokn = \"x\"\n", &["2:1 onebot[0].tokn unknown-key -> access_token"]);
    check("[access]\nmode = \"none\"\n", &["2:1 access.mode unknown-key -> group_filter_mode"]);
    check("colour = 1\n", &["1:1 colour unknown-key"]);
    check(
        "[[onebot]]\n[[onebot]]\nlisten = \"127.0.0.1:2\"\ntoken = \"x\"\n",
        &["4:1 onebot[1].token unknown-key -> access_token"],
    );
}

#[test]
fn rules_of_the_sections_are_told_with_their_place() {
    check("[[onebot]]\n[[onebot]]\n", &["2:1 onebot[1].listen listen-twice"]);
    check("[[onebot]]\nimage_delivery = \"url\"\n", &["2:18 onebot[0].image_delivery onebot-no-links"]);
    check("[[onebot]]\nlisten = \"0.0.0.0:6199\"\n", &["1:1 onebot[0].access_token bad-onebot-access-token"]);
    check("[[onebot]]\nmode = \"forward\"\n", &["1:1 onebot[0].url bad-onebot-url"]);
    check("[network]\nproxy = \"127.0.0.1:7890\"\n", &["2:9 network.proxy bad-network-proxy"]);
    check(
        "[network]\nallow_hosts = [\"a\", \"http://b/\"]\n",
        &["2:21 network.allow_hosts[1] bad-network-allow-hosts"],
    );
    check("[access]\ngroup_filter_list = [\"onebot:\"]\n", &["2:22 access.group_filter_list[0] list-entry"]);
    check(
        "[access]\ngroup_filter_list = [1, \"onebot:2\", \"qq:3\"]\n[bot]\nadmins = [\"QQ:1\"]\n",
        &["2:37 access.group_filter_list[2] unknown-platform", "4:11 bot.admins[0] unknown-platform"],
    );
    check("[presets.a]\noutput = \"huge\"\nprompt = \"x\"\n", &["2:10 presets.a.output output-form"]);
    check("[draw]\ndefault_output = \"huge\"\n", &["2:18 draw.default_output output-form"]);
    let provider = |rest: &str| format!("[draw]\nprovider = \"a.b\"\n[providers.\"a.b\"]\n{rest}");
    let complete = "kind = \"openai_images\"\nmodel = \"m\"\napi_keys = [\"k\"]\n";
    check(&provider(""), &["3:1 providers.a.b.kind kind-missing"]);
    check(&provider("kind = \"openai_imags\"\n"), &["4:8 providers.a.b.kind kind-unknown -> openai_images"]);
    check(
        &provider("kind = \"comfyui\"\nmodel = \"m\"\nbase_url = \"http://nas\"\n"),
        &["3:1 providers.a.b.extra.workflow bad-providers-extra"],
    );
    check(
        &provider("kind = \"openai_images\"\nmodel = \"m\"\n"),
        &["3:1 providers.a.b.api_keys bad-providers-api-keys"],
    );
    check(
        &provider(&format!("{complete}base_url = \"https://x.example/v1/images/generations\"\n")),
        &["7:12 providers.a.b.base_url base-url-endpoint"],
    );
    check(
        &provider(&format!("{complete}max_retry_attempts = 0\n")),
        &["7:22 providers.a.b.max_retry_attempts too-small"],
    );
    check(
        &provider(&format!("{complete}extra = {{ prompt = \"x\" }}\n")),
        &["7:20 providers.a.b.extra.prompt bad-providers-extra"],
    );
    check(
        "[providers.j]\nkind = \"jimeng\"\nbase_url = \"http://127.0.0.1:8000\"\nextra = { form = \"web\" }\n[draw]\nprovider = \"j\"\n",
        &["4:18 providers.j.extra.form bad-providers-extra-form"],
    );
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
    check("[network]\nmax_answer_bytes = 1\n", &["2:20 network.max_answer_bytes too-small"]);
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
        "deadline_seconds = 9223372036854775807",
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
    check_env(onebot, "EASEL__ONEBOT__2__LISTEN", "x", &["EASEL__ONEBOT__2__LISTEN onebot[2] env-index"]);
    check_env(
        onebot,
        "EASEL__ONEBOT__FIRST__LISTEN",
        "x",
        &["EASEL__ONEBOT__FIRST__LISTEN onebot[FIRST] env-index"],
    );
    check_env(
        "",
        "EASEL__JOBS__MAX_RUNNING",
        "many",
        &["EASEL__JOBS__MAX_RUNNING jobs.max_running env-unreadable"],
    );
    check_env("", "EASEL__JOBS__MAX_RUNNING", "0", &["EASEL__JOBS__MAX_RUNNING jobs.max_running too-small"]);
    check_env(
        "",
        "EASEL__JOBS__MAX_RUNING",
        "1",
        &["EASEL__JOBS__MAX_RUNING jobs.max_runing unknown-key -> max_running"],
    );
    check_env("", "EASEL__JOB__MAX_RUNNING", "1", &["EASEL__JOB__MAX_RUNNING job unknown-key -> jobs"]);
    check_env("", "EASEL__BOT__LOCALE", "fr", &["EASEL__BOT__LOCALE bot.locale wrong-word"]);
    check_env("", "EASEL__BOT__LOCALE__X", "fr", &["EASEL__BOT__LOCALE__X bot.locale.x unknown-key"]);
    check_env("", "EASEL__BOT__ADMINS", "[1", &["EASEL__BOT__ADMINS bot.admins env-unreadable"]);
    check_env(
        "",
        "EASEL__NETWORK__ALLOW_FAKE_IP",
        "maybe",
        &["EASEL__NETWORK__ALLOW_FAKE_IP network.allow_fake_ip env-unreadable"],
    );
    check_env("", "EASEL__", "x", &["EASEL__  unknown-key"]);
}

#[test]
fn list_items_from_the_environment_come_in_numeric_order() {
    let environment: Vec<_> =
        (0..12).map(|n| (format!("EASEL__BOT__PREFIXES__{n}"), format!("p{n}"))).collect();
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
    check(
        "[[onebot]]\naccess_token_file = \"absent\"\n",
        &["2:21 onebot[0].access_token_file secret-file-unreadable"],
    );
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
    let here =
        place("[[onebot]]\naccess_token = \"file\"\n", &[("EASEL__ONEBOT__0__ACCESS_TOKEN_FILE", "token")]);
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
    check(
        "[discord]\ntoken = \"x\"\nwhatever = 3\n[web]\nenabled = true\n",
        &["1:1 discord not-in-this-build", "4:1 web not-in-this-build"],
    );
    check("telegram = \"yes\"\n", &["1:12 telegram wrong-type"]);
}

#[test]
fn chains_name_known_providers() {
    let provider = "[providers.main]\nkind = \"openai_images\"\nbase_url = \"https://a\"\nmodel = \"m\"\napi_keys = [\"k\"]\n";
    check(&format!("{provider}[draw]\nprovider = \"main\"\n"), &[]);
    check(
        &format!("{provider}[draw]\nprovider = \"mian\"\n"),
        &["7:12 draw.provider unknown-provider -> main"],
    );
    check(
        &format!("{provider}[edit]\nchain = [\"main\", \"other\"]\n"),
        &["7:18 edit.chain[1] unknown-provider"],
    );
    check(provider, &["1:1 providers.main provider-unused"]);
    check("[draw]\nprovider = \"sketch\"\n", &["2:12 draw.provider unknown-provider"]);
    check(&format!("{provider}[video]\nprovider = \"main\"\nsend_mode = \"file\"\n"), &[]);
    check(
        &format!("{provider}[video]\nprovider = \"mian\"\nsend_mode = \"fil\"\nsendmode = \"url\"\n"),
        &[
            "7:12 video.provider unknown-provider -> main",
            "8:13 video.send_mode wrong-word -> file",
            "9:1 video.sendmode unknown-key -> send_mode",
        ],
    );
    check(
        &format!(
            "{provider}[video]\nprovider = \"main\"\nmax_download_bytes = 1\ndownload_timeout_seconds = 4000\n"
        ),
        &["8:22 video.max_download_bytes too-small", "9:28 video.download_timeout_seconds too-large"],
    );
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
    let after =
        loaded("[jobs]\nmax_running = 1\nmax_waiting = 3\n[[onebot]]\nlisten = \"127.0.0.1:2\"\n", &[]);
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
fn every_example_of_a_provider_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let text = fs::read_to_string(folder.join("providers.example.toml")).unwrap();
    // The example lies beside it, wherever the test runs.
    let workflow = folder.join("comfyui.workflow.json");
    let text = text.replace("\"comfyui.workflow.json\"", &format!("{workflow:?}"));
    let blocks: Vec<String> = text
        .split("\n\n")
        .filter_map(|block| Some(block.get(block.find("# [")?..)?.replace('…', "key-1")))
        .map(|block| {
            block.lines().map(|line| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n").collect()
        })
        .collect();
    assert!(blocks.len() >= 4, "{blocks:?}");
    let mut kinds = Vec::new();
    for block in &blocks {
        let loaded = loaded(block, &[]);
        let unused = |problem: &&Problem| problem.text.key == "config-provider-unused";
        assert_eq!(loaded.warnings.iter().find(|problem| !unused(problem)), None, "{block}");
        assert_eq!(loaded.config.providers.len(), 1, "{block}");
        // Those with a profile stand at the end.
        if loaded.config.profiles.is_empty() {
            kinds.extend(loaded.config.providers.values().map(|section| section.kind.clone()));
        }
    }
    assert!(kinds.is_sorted(), "{kinds:?}");
}

#[test]
fn an_empty_file_is_a_configuration() {
    let loaded = loaded("", &[]);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.onebot.len(), 1);
    assert_eq!(loaded.config.jobs, easel_core::settings::JobsSection::default());
}

/// Every message that a problem may carry is there in each language and needs no argument that it doesn't get.
#[test]
fn every_problem_can_be_said() {
    use crate::cli::speech::Speech;
    use easel_core::i18n::Locale;
    let everything_wrong = "x = 1\n[bot]\ndata_dir = \"\"\nlocal = 1\nlocale = \"fr\"\nprefixes = [\"\"]\nadmins = [\"1\"]\nartifact_ttl_minutes = 0\nbroken = = 1\n\
        [jobs]\nmax_running = \"1\"\n[[onebot]]\nlisten = \"0.0.0.0:1\"\npath = \"x\"\nnap_server_port = 0\naccess_token_file = \"absent\"\n\
        [[onebot]]\nlisten = \"0.0.0.0:1\"\nmax_frame_bytes = 1\naccess_token = \"a\"\naccess_token_file = \"b\"\n[[onebot]]\nmode = \"forward\"\nimage_delivery = \"napfile\"\n[[onebot]]\nlisten = \"x\"\nimage_delivery = \"url\"\n\
        [network]\nproxy = \"x\"\ndownload_proxy = \"x\"\nallow_hosts = [\"http://x\"]\nmax_answer_bytes = 0\n\
        [providers.a]\nkind = \"nope\"\nbasic_auth = \"x\"\nproxy = \"x\"\nprices = { generate = -1 }\nextra = { image = 1 }\n\
        [providers.d]\nkind = \"jimeng\"\nextra = { form = \"web\" }\n[providers.b]\nkind = \"ark\"\nbase_url = \"ftp://x\"\n[providers.c]\nbase_url = \"x.example/v1/chat/completions?x=1\"\nkind = \"openai_chat\"\n\
        [draw]\nprovider = \"nobody\"\nchain = [\"a\"]\ndefault_output = \"x\"\n[edit]\nfallback_1 = \"a\"\nfallback_2 = \"a\"\nfallback_3 = \" \"\n\
        [presets.x]\n[presets.draw]\nprompt = \"x\"\n[access]\nrate_limit_period_seconds = 0\nuser_filter_list = [\"\"]\n[web]\n";
    let environment =
        [("EASEL__ONEBOT__9__LISTEN", "x"), ("EASEL__JOBS__MAX_WAITING", "x"), ("EASEL__BOT__X", "x")];
    let refused = load(&place(everything_wrong, &environment).source).unwrap_err();
    assert!(refused.problems.len() > 35, "{}", refused.problems.len());
    for locale in Locale::ALL {
        let speech = Speech::new(locale);
        for problem in &refused.problems {
            for text in std::iter::once(&problem.text).chain(&problem.mend) {
                let said = speech.say(text);
                assert!(said != text.key && !said.contains("{$"), "{}: {said}", text.key);
            }
        }
    }
}

/// The keys that the configuration contract names, by section. A key may be added to the schema at any time; one that
/// goes away breaks the files of the people who use it.
#[test]
fn the_schema_knows_the_contract() {
    let contract = [
        ("bot", "data_dir locale prefixes admins artifact_ttl_minutes artifact_max_count artifact_max_bytes"),
        (
            "access",
            "group_filter_mode group_filter_list user_filter_mode user_filter_list rate_limit_max_calls_per_group \
             rate_limit_period_seconds rate_limit_max_calls_per_user debounce_seconds group_refusal user_refusal \
             direct_chats daily_quota_per_user daily_quota_per_group",
        ),
        (
            "onebot[]",
            "mode listen path url access_token access_token_file max_frame_bytes call_timeout_seconds \
             min_send_interval_ms image_delivery nap_server_address nap_server_port",
        ),
        (
            "providers[]",
            "kind base_url api_keys api_keys_file basic_auth basic_auth_file model full_url timeout_seconds \
             max_retry_attempts proxy supports_edit prompt_language prices profile extra",
        ),
        ("draw", "provider fallback_1 fallback_2 fallback_3 chain default_output"),
        ("edit", "provider fallback_1 fallback_2 fallback_3 chain default_output"),
        (
            "jobs",
            "max_running max_running_per_chat max_running_per_user max_waiting deadline_seconds max_bytes_in_flight",
        ),
        ("network", "proxy allow_hosts max_download_bytes max_answer_bytes download_proxy allow_fake_ip"),
        ("presets[]", "feature prompt aliases output avatar"),
        ("profiles[]", ""),
        ("selfie", ""),
        (
            "video",
            "provider fallback_1 fallback_2 fallback_3 chain default_output max_download_bytes \
             download_timeout_seconds send_mode",
        ),
        ("translate", ""),
        ("discord", ""),
        ("telegram", ""),
        ("web", ""),
    ];
    let sections = schema::SCHEMA["properties"].as_object().unwrap();
    assert_eq!(sections.len(), contract.len());
    for (section, keys) in contract {
        let schema = &sections[section.trim_end_matches("[]")];
        assert!(schema["description"].is_string() || schema["anyOf"].is_array(), "{section} is described");
        let table = match (section.ends_with("[]"), schema.get("items")) {
            (true, Some(items)) => items,
            (true, None) => &schema["additionalProperties"],
            (false, _) => schema,
        };
        for key in keys.split_whitespace() {
            let description = &table["properties"][key]["description"];
            assert!(description.as_str().is_some_and(|text| !text.is_empty()), "{section} {key}");
        }
    }
}
