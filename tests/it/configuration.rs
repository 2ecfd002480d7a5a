//! The configuration: what is wrong is said with its place and its mend, what changes takes effect.

use std::{fs, path::Path, process::Output};

use easel_testkit::{
    onebot::{FakeOneBot, Message},
    pictures,
    provider::{Answer, FakeProvider},
};

use crate::world::{Easel, GROUP, USER, World, configuration, easel, run, said, world, world_with};

fn write(dir: &Path, text: &str) {
    fs::write(dir.join("easel.toml"), text).unwrap();
}

/// Runs `easel run`, which must end by itself, with this configuration.
fn refused(text: &str) -> (Output, String) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), text);
    let output = run(dir.path(), &["run", "--config", "easel.toml"]);
    let said = said(&output);
    assert!(!dir.path().join("data").exists(), "nothing is begun with a wrong configuration: {said}");
    (output, said)
}

#[test]
fn every_wrong_line_is_named_at_once() {
    let lines = [
        "[bot]",
        "locale = \"fr\"",
        "prefixes = [\"\"]",
        "admins = [\"10001\"]",
        "artifact_ttl_minutes = \"soon\"",
        "[access]",
        "group_filter_mode = \"whitlist\"",
        "group_filter_list = [\"on bot:x\"]",
        "rate_limit_max_calls_per_user = -1",
        "rate_limit_period_seconds = 0",
        "debounce_secnods = 3",
        "[[onebot]]",
        "mode = \"backward\"",
        "listen = \"nowhere\"",
        "max_frame_bytes = 1",
        "call_timeout_seconds = 0",
        "[providers.main]",
        "kind = \"openai_image\"",
        "base_url = \"ftp://x\"",
        "max_retry_attempts = 0",
        "timeout_seconds = 0",
        "[draw]",
        "provider = \"mian\"",
        "default_output = \"huge\"",
        "[jobs]",
        "max_runing = 8",
        "[network]",
        "proxy = \"gopher://x\"",
        "allow_hosts = [\"http://x/\"]",
        "[presets.\"生图\"]",
        "prompt = \"\"",
        "[nonsense]",
    ];
    let (output, said) = refused(&lines.join("\n"));
    assert_eq!(output.status.code(), Some(2), "{said}");
    for (number, line) in (1..).zip(lines) {
        let whole_section_is_right =
            line.starts_with('[') && !line.contains("生图") && !line.contains("nonsense");
        let named = said.lines().any(|told| told.trim_start().starts_with(&format!("{number}:")));
        assert_eq!(named, !whole_section_is_right, "{number}: {line}\n{said}");
    }
    let mends = said.lines().filter(|line| line.trim_start().starts_with('→')).count();
    let problems = said
        .lines()
        .filter(|line| line.split(':').next().is_some_and(|head| head.parse::<u32>().is_ok()))
        .count();
    assert_eq!(mends, problems, "every problem has its mend:\n{said}");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    for (text, nearest) in [
        ("[bot]\nlocal = \"zh-CN\"", "locale"),
        ("[acess]\n", "access"),
        ("[jobs]\nmax_running_per_chats = 1", "max_running_per_chat"),
        ("[draw]\nproviders = \"x\"", "provider"),
        ("[[onebot]]\nacces_token = \"geheim-0123456789\"", "access_token"),
    ] {
        let (output, said) = refused(text);
        assert_eq!(output.status.code(), Some(2));
        assert!(said.contains(&format!("是不是 {nearest}？")), "{text}: {said}");
        assert!(!said.contains("geheim"), "{said}");
    }
}

#[test]
fn what_is_no_toml_or_no_file() {
    let (output, said) = refused("[bot\nlocale = zh");
    assert!(output.status.code() == Some(2) && said.contains("1:") && said.contains("TOML"), "{said}");
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["run", "--config", "absent.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(crate::world::said(&output).contains("absent.toml"));
}

#[test]
fn listening_beyond_this_machine_needs_a_token() {
    let over_http = "\nmode = \"http\"\nurl = \"http://127.0.0.1:3000\"";
    for (listen, mode) in [("0.0.0.0:0", ""), ("[::]:0", ""), ("0.0.0.0:0", over_http), ("[::]:0", over_http)]
    {
        let (output, said) = refused(&format!("[[onebot]]\nlisten = \"{listen}\"{mode}"));
        assert_eq!(output.status.code(), Some(2), "{said}");
        // The key is not there, so its section is what is wrong.
        let named = said.lines().any(|line| line.starts_with("1:1") && line.contains("access_token"));
        assert!(named && said.contains("127.0.0.1"), "{said}");
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "[[onebot]]\nlisten = \"0.0.0.0:0\"\naccess_token = \"geheim-0123456789\"");
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]);
    let easel = Easel::start(command);
    assert!(!easel.output().contains("geheim"));
    assert_eq!(easel.stop(), Some(0));
}

#[test]
fn sections_of_later_builds_are_accepted_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "[telegram]\ntoken = \"1:geheim\"\n[discord]\ntoken = \"geheim\"\n[web]\nenabled = true\n",
    );
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]);
    let easel = Easel::start(command);
    let said = easel.output();
    for section in ["telegram", "discord", "web"] {
        assert!(said.contains(&format!("这个版本还没有 [{section}] 的功能")), "{said}");
    }
    assert!(!said.contains("geheim") && !said.contains("6180"), "{said}");
    assert_eq!(easel.stop(), Some(0));
}

#[tokio::test]
async fn the_environment_overrides_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::start().await;
    write(dir.path(), &configuration("http://127.0.0.1:1/v1"));
    let mut command = easel(dir.path());
    command
        .args(["run", "--config", "easel.toml"])
        .env("EASEL__PROVIDERS__MAIN__BASE_URL", provider.base_url())
        .env("EASEL__PROVIDERS__MAIN__API_KEYS", "sk-from-environment")
        .env("EASEL__BOT__PREFIXES", "~, %")
        .env("EASEL__BOT__LOCALE", "en-US");
    // Proxies come from the file only, never from these.
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1").env(name.to_uppercase(), "http://127.0.0.1:1");
    }
    let easel = Easel::start(command);
    let bot = FakeOneBot::new();
    bot.connect_when_up(easel.onebot.as_deref().unwrap()).await;
    let world = World { dir, easel: Some(easel), bot, provider };
    world.says("~生图 一只猫").await;
    assert_eq!(world.provider.next_request().await.key.as_deref(), Some("sk-from-environment"));
    world.bot.next_picture().await;
    assert!(world.asks("%help").await.contains("I draw and edit pictures"));
    world.bot.send(Message::group(GROUP, USER).text("/生图 一只猫")).await;
    world.says("~help").await;
    assert!(world.bot.next_send().await.text.contains("I draw"), "the file's prefixes are gone");

    // Wrong ones are named by their own name.
    let output = crate::world::easel(world.dir.path())
        .args(["check", "--config", "easel.toml"])
        .env("EASEL__JOBS__MAX_RUNNING", "many")
        .env("EASEL__JOBS__MAX_RUNNNING", "1")
        .output()
        .unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("EASEL__JOBS__MAX_RUNNING") && said.contains("EASEL__JOBS__MAX_RUNNNING"),
        "{said}"
    );
}

#[tokio::test]
async fn secrets_come_from_files_and_are_watched() {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::start().await;
    fs::create_dir(dir.path().join("secrets")).unwrap();
    let keys = dir.path().join("secrets/keys.txt");
    fs::write(&keys, "sk-first-0123456789\n").unwrap();
    fs::write(dir.path().join("secrets/token"), "the-token-0123456789\n").unwrap();
    let text = configuration(&provider.base_url())
        .replace("api_keys = [\"sk-main-0123456789\"]", "api_keys_file = \"secrets/keys.txt\"")
        .replace("[[onebot]]\n", "[[onebot]]\naccess_token_file = \"secrets/token\"\n");
    write(dir.path(), &text);
    let bot = FakeOneBot::builder().token("the-token-0123456789").build();
    let mut world = World { dir, easel: None, bot, provider };
    world.start().await;
    world.says("/生图 一").await;
    assert_eq!(world.provider.next_request().await.key.as_deref(), Some("sk-first-0123456789"));
    world.bot.next_picture().await;
    fs::write(&keys, "sk-second-0123456789\n").unwrap();
    world.easel().wait_for("配置已更新");
    world.says("/生图 二").await;
    assert_eq!(world.provider.next_request().await.key.as_deref(), Some("sk-second-0123456789"));
    let said = world.easel().output();
    assert!(!said.contains("0123456789"), "{said}");

    let twice = text.replace("api_keys_file", "api_keys = [\"sk-x\"]\napi_keys_file");
    let (_, told) = refused(&twice);
    assert!(told.contains("api_keys") && told.contains("同时存在"), "{told}");
}

#[tokio::test]
async fn an_edit_takes_effect_without_a_restart_and_a_broken_one_does_not() {
    let world = world().await;
    let text = configuration(&world.provider.base_url());
    assert!(world.asks("/img帮助").await.contains("画架"));

    let english = text
        .replace("[bot]\n", "[bot]\nlocale = \"en-US\"\nprefixes = [\"~\"]\n")
        .replace(
            "[access]\n",
            "[access]\nrate_limit_max_calls_per_user = 1\nrate_limit_period_seconds = 900\n",
        )
        .replace("gpt-image-2", "gpt-image-9");
    write(world.dir.path(), &english);
    world.easel().wait_for("配置已更新，立即生效");
    assert!(world.asks("~help").await.contains("I draw and edit pictures"));
    world.bot.send(Message::group(GROUP, USER).text("/img帮助")).await;
    world.says("~draw a cat").await;
    assert_eq!(world.provider.next_request().await.model().as_deref(), Some("gpt-image-9"));
    world
        .bot
        .next_send_where("nothing for the old prefix", |sent| {
            assert!(sent.text.is_empty(), "{}", sent.text);
            true
        })
        .await;
    assert!(world.asks("~draw a dog").await.contains("[E-LIMIT]"));

    // A broken edit keeps all of that and says what is wrong.
    write(
        world.dir.path(),
        &english.replace("rate_limit_max_calls_per_user = 1", "rate_limit_max_calls_per_users = 9"),
    );
    world.easel().wait_for("继续使用之前的配置");
    world.easel().wait_for("rate_limit_max_calls_per_users");
    let refused = world.says("~draw a dog").await;
    world.marks(refused, "106").await;

    // Mended, it counts; what needs a restart is named.
    let mended = english
        .replace("rate_limit_max_calls_per_user = 1", "rate_limit_max_calls_per_user = 9")
        .replace("data_dir = \"data\"", "data_dir = \"other\"");
    write(world.dir.path(), &mended);
    world.easel().wait_for("bot.data_dir 的修改要重启后才生效");
    world.says("~draw a dog").await;
    world.bot.next_picture().await;
    assert!(!world.path("other").exists());

    // What an interrupted save leaves behind opens nothing.
    let closed = mended.replace("[access]\n", "[access]\ngroup_filter_mode = \"whitelist\"\n");
    write(world.dir.path(), &closed);
    world.easel().wait_for("配置已更新，立即生效：access.group_filter_mode");
    write(world.dir.path(), "");
    world.easel().wait_for("变成空的了");
    assert!(world.asks("~draw a dog").await.contains("[E-LISTS]"));
}

#[tokio::test]
async fn english_throughout() {
    let world =
        world_with(|provider| configuration(provider).replace("[bot]\n", "[bot]\nlocale = \"en-US\"\n"))
            .await;
    let start = world.easel().output();
    assert!(start.contains("Waiting for OneBot") && start.contains("may cost money"), "{start}");
    assert!(!start.chars().any(is_chinese), "{start}");
    let help = world.asks("/help").await;
    assert!(help.contains("/draw description") && help.contains("/figurine2"), "{help}");
    let mut heard = vec![help];
    heard.push(world.asks("/edit make it night").await);
    heard.push(world.asks("/draw").await);
    heard.push(world.asks("/jobs").await);
    heard.push(world.asks("/cancel").await);
    heard.push(world.asks("/resend").await);
    heard.push(world.asks(&format!("/draw {}", "x".repeat(4001))).await);
    world.provider.answer(Answer::content_policy());
    heard.push(world.asks("/draw a cat").await);
    for line in heard.iter().flat_map(|text| text.lines()) {
        assert!(!line.chars().any(is_chinese) || line.contains("Other names"), "{line}");
    }
    let files = easel_testkit::files::FileServer::start().await;
    let url = files.put("/a.png", pictures::png(64, 64, 1));
    world.bot.send(Message::group(GROUP, USER).text("/figurine 2").image_url(&url)).await;
    let caption = world.bot.next_picture().await.text;
    assert!(!caption.is_empty() && !caption.chars().any(is_chinese), "{caption}");
}

fn is_chinese(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// A world whose provider is only known to the environment.
async fn discovered(variables: &[(&str, &str)], models: &[&str], pair: &str) -> World {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::start().await;
    provider.set_models(models);
    write(
        dir.path(),
        "[bot]\ndata_dir = \"data\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n[access]\ndebounce_seconds = 0\n",
    );
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]);
    command
        .env(format!("{pair}_BASE_URL"), provider.origin())
        .env(format!("{pair}_API_KEY"), "sk-env-0123456789");
    command.envs(variables.iter().copied());
    let easel = Easel::start(command);
    let bot = FakeOneBot::new();
    bot.connect_when_up(easel.onebot.as_deref().unwrap()).await;
    World { dir, easel: Some(easel), bot, provider }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_the_environment_is_found() {
    // The first of its models that makes pictures.
    let models = ["gpt-5", "text-embedding-3", "flux-1-dev", "gpt-image-2"];
    for pair in ["OPENAI", "CLAWTO", "IMAGE"] {
        let world = discovered(&[], &models, pair).await;
        let start = world.easel().output();
        assert!(start.contains(&format!("{pair}_BASE_URL")) && start.contains("可能产生费用"), "{start}");
        assert_eq!(world.provider.next_request().await.path(), "/v1/models");
        world.easel().logs("用模型 flux-1-dev").await;
        assert!(!world.easel().output().contains("sk-env"), "{start}");
        world.says("/生图 一只猫").await;
        let asked = world.provider.next_request().await;
        assert_eq!(asked.path(), "/v1/images/generations");
        assert_eq!(
            (asked.model().as_deref(), asked.key.as_deref()),
            (Some("flux-1-dev"), Some("sk-env-0123456789"))
        );
        world.bot.next_picture().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_the_environment_needs_no_list() {
    let world = discovered(&[("IMAGE_MODEL", "my-image-model")], &[], "OPENAI").await;
    world.says("/生图 一只猫").await;
    let asked = world.provider.next_request().await;
    assert_eq!((asked.path(), asked.model().as_deref()), ("/v1/images/generations", Some("my-image-model")));
    // A configured provider comes before the environment, half a pair is none.
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &configuration(&world.provider.base_url()));
    for (variables, expected) in [
        ([("OPENAI_BASE_URL", "http://127.0.0.1:1"), ("OPENAI_API_KEY", "sk-x")], "main"),
        ([("OPENAI_BASE_URL", "http://127.0.0.1:1"), ("OPENAI_API_KEY", " ")], "main"),
    ] {
        let output =
            easel(dir.path()).args(["check", "--config", "easel.toml"]).envs(variables).output().unwrap();
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_listed_model_does_not_take_is_not_ordered() {
    let provider = FakeProvider::start().await;
    provider.set_models(&["dall-e-3"]);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "[bot]\ndata_dir = \"data\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n");
    fs::write(dir.path().join("a.png"), pictures::png(32, 32, 7)).unwrap();
    let mut command = easel(dir.path());
    command.args(["draw", "--config", "easel.toml", "--image", "a.png", "-o", "b.png", "换成雨夜街头"]);
    command.env("OPENAI_BASE_URL", provider.origin()).env("OPENAI_API_KEY", "sk-env-0123456789");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(!output.status.success(), "{}", said(&output));
    let asked: Vec<_> = provider.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(asked, ["/v1/models"], "{}", said(&output));
}

#[test]
fn half_of_what_names_a_service_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "[bot]\ndata_dir = \"data\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n");
    let hint = "看到了 OPENAI_API_KEY，但没有 OPENAI_BASE_URL，所以没有用它。用官方接口就设 OPENAI_BASE_URL=https://api.openai.com";
    let mut command = easel(dir.path());
    command.args(["check", "--config", "easel.toml"]).env("OPENAI_API_KEY", "sk-0123456789");
    let told = said(&command.output().unwrap());
    assert!(told.contains(hint), "{told}");
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]).env("OPENAI_API_KEY", "sk-0123456789");
    let easel = Easel::start(command);
    let told = easel.output();
    assert!(told.contains(hint) && !told.contains("sk-0123"), "{told}");
    assert_eq!(easel.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_list_still_draws() {
    let world = discovered(&[], &["gpt-5"], "OPENAI").await;
    world.provider.next_request().await;
    world.says("/生图 一只猫").await;
    assert_eq!(world.provider.next_request().await.model().as_deref(), Some("gpt-image-2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_explains_problems_and_their_mends() {
    let provider = FakeProvider::start().await;
    let dir = tempfile::tempdir().unwrap();
    let text = configuration(&provider.base_url());
    write(dir.path(), &text);
    let check = || run(dir.path(), &["check", "--config", "easel.toml"]);
    let output = check();
    let good = said(&output);
    // Names can't be resolved on every machine that tests; everything else must be right.
    let others = good.lines().filter(|line| line.starts_with('✗') && !line.contains("[network]")).count();
    assert_eq!(others, 0, "{good}");
    for part in ["[onebot[0]]", "[providers.main]", "[draw]", "[edit]", "[access]"] {
        assert!(good.lines().any(|line| line.starts_with('✓') && line.contains(part)), "{part}: {good}");
    }
    assert!(!good.contains("sk-main") && !dir.path().join("data").exists(), "{good}");

    // A refused key, and a service that is away.
    provider.when_path("/models", Answer::unauthorized());
    let refused = check();
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        told.contains("✗ [providers.main]") && told.contains("拒绝了密钥") && told.contains("→"),
        "{told}"
    );
    write(dir.path(), &text.replace(&provider.base_url(), "http://127.0.0.1:1/v1"));
    let away = check();
    assert!(away.status.code() == Some(1) && said(&away).contains("连不上 127.0.0.1:1"), "{}", said(&away));

    // In the configuration's language, with every problem and its mend.
    write(dir.path(), &text.replace("[bot]\n", "[bot]\nlocale = \"en-US\"\n"));
    let english = said(&check());
    assert!(english.contains("Checking easel.toml") && !english.chars().any(is_chinese), "{english}");
    write(dir.path(), "[bot]\nlocal = 3\n[jobs]\nmax_running = \"x\"\n");
    let wrong = check();
    let told = said(&wrong);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(told.contains("2:1") && told.contains("4:") && told.matches('→').count() == 2, "{told}");
}

/// In the file's own language, else the terminal's, else Chinese; and a remark is nothing to mend.
#[test]
fn a_wrong_configuration_is_told_in_the_language_of_its_reader() {
    #[track_caller]
    fn check(locale: &str, terminal: &str, title: &str) {
        let dir = tempfile::tempdir().unwrap();
        let wrong = "local = 3\n[jobs]\nmax_running = \"x\"\n[discord]\ntoken = \"x\"\n";
        write(dir.path(), &format!("[bot]\n{locale}{wrong}"));
        for command in ["check", "run"] {
            let mut easel = easel(dir.path());
            let output =
                easel.args([command, "--config", "easel.toml"]).env("LANG", terminal).output().unwrap();
            let told = said(&output);
            assert!(told.contains(title), "{command} {terminal}: {told}");
            assert_eq!(told.lines().filter(|line| line.starts_with("! ")).count(), 1, "{told}");
        }
    }
    check("", "C", "有 2 处需要修改");
    check("", "en_US.UTF-8", "needs 2 changes");
    check("locale = \"zh-CN\"\n", "en_US.UTF-8", "有 2 处需要修改");
    check("locale = \"en-US\"\n", "C.UTF-8", "needs 2 changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_asks_the_running_easel() {
    let world = world().await;
    let output = run(world.dir.path(), &["check", "--config", "easel.toml"]);
    let told = said(&output);
    assert!(told.contains("画架正在运行") && told.contains("[journal]"), "{told}");
}
