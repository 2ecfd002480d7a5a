//! The program itself: its command line, what it says at the start, backups, its end, and what it never says.

use std::{
    collections::HashSet, fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path, process::Stdio,
};

use easel_testkit::{
    files::FileServer,
    onebot::{FakeOneBot, Message},
    pictures,
    provider::{Answer, FakeProvider},
};

use crate::{
    commands::shipped,
    world::{Easel, GROUP, USER, World, configuration, easel, run, said, world, world_with},
};

const CONFIG: [&str; 2] = ["--config", "easel.toml"];

/// A folder with this configuration.
fn folder(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("easel.toml"), text).unwrap();
    dir
}

/// Runs a command with the folder's configuration.
fn command(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(dir, &[arguments, &CONFIG].concat());
    (output.status.code(), said(&output))
}

#[test]
fn one_picture_without_any_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let prompt = "一只在草地上奔跑的柯基";
    let drawn = run(dir.path(), &["draw", prompt, "-o", "corgi.png"]);
    assert_eq!(drawn.status.code(), Some(0), "{}", said(&drawn));
    assert!(said(&drawn).contains("corgi.png"), "{}", said(&drawn));
    let corgi = fs::read(dir.path().join("corgi.png")).unwrap();
    pictures::dimensions(&corgi);

    let wide = run(dir.path(), &["draw", prompt, "-o", "wide.png", "--size", "16:9"]);
    assert_eq!(wide.status.code(), Some(0), "{}", said(&wide));
    let (width, height) = pictures::dimensions(&fs::read(dir.path().join("wide.png")).unwrap());
    assert!(width * 9 / 16 / 8 == height / 8, "{width}x{height}");

    let edited = run(dir.path(), &["draw", "换成雨夜街头", "--image", "corgi.png", "-o", "night.png"]);
    assert_eq!(edited.status.code(), Some(0), "{}", said(&edited));
    let night = fs::read(dir.path().join("night.png")).unwrap();
    pictures::dimensions(&night);
    assert_ne!(night, corgi);

    let several = run(dir.path(), &["draw", prompt, "--count", "2", "-o", "two.png"]);
    assert_eq!(several.status.code(), Some(0), "{}", said(&several));
    assert!(dir.path().join("two.png").exists() && dir.path().join("two-2.png").exists());

    // Without a name: a file of its own in this folder.
    let before = names(dir.path());
    assert_eq!(run(dir.path(), &["draw", prompt]).status.code(), Some(0));
    let new: Vec<_> = names(dir.path()).difference(&before).cloned().collect();
    assert_eq!(new, ["easel-1.png"]);
    assert_eq!(run(dir.path(), &["draw", prompt]).status.code(), Some(0));
    assert!(names(dir.path()).contains("easel-2.png"), "{:?}", names(dir.path()));

    // The name says what the file is.
    assert_eq!(run(dir.path(), &["draw", prompt, "-o", "corgi.jpg"]).status.code(), Some(0));
    assert!(fs::read(dir.path().join("corgi.jpg")).unwrap().starts_with(&[0xff, 0xd8, 0xff]));
    let odd = run(dir.path(), &["draw", prompt, "-o", "corgi.webp"]);
    assert!(said(&odd).contains("里是 PNG 图片"), "{}", said(&odd));
}

fn names(dir: &Path) -> HashSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_cannot_be_drawn_is_said_with_the_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], code: i32, words: &str| {
        let output = run(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    };
    check(&["draw", "猫", "--image", "absent.png"], 2, "找不到图片 absent.png");
    fs::write(dir.path().join("page.png"), pictures::html()).unwrap();
    check(&["draw", "猫", "--image", "page.png"], 1, "[E-PICTURE-TYPE]");
    check(&["draw", "猫", "--provider", "nobody"], 2, "“nobody”");
    check(&["draw", "@nobody 猫"], 2, "[E-PROVIDER]");
    check(&["draw", "猫", "--size", "huge"], 2, "[E-SIZE]");
    check(&["draw", " "], 2, "[E-NEEDS-PROMPT]");
    check(&["draw", "16:9 x2"], 2, "[E-NEEDS-PROMPT]");
    check(&["draw", "手办化"], 2, "用 --image 图片 给出来。[E-NEEDS-PICTURE]");
    check(&["draw", &"猫".repeat(4001)], 2, "[E-PROMPT-LONG]");
    check(&["restore", "absent.tar.gz"], 1, "找不到备份 absent.tar.gz");
    check(&["draw"], 2, "PROMPT");
    check(&["paint"], 2, "paint");
    check(&["--help"], 0, "completions");
    check(&["--version"], 0, "0.1.0");
    assert_eq!(names(dir.path()).into_iter().filter(|name| name.starts_with("easel-")).count(), 0);
}

/// At a command line nobody is told to ask the bot's owner, and no log stands before the sentence.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_speaks_to_its_owner() {
    let provider = FakeProvider::start().await;
    let dir = folder(&configuration(&provider.base_url()));
    provider.when_path("/images/generations", Answer::unauthorized());
    let (code, told) = command(dir.path(), &["draw", "猫"]);
    assert!(code == Some(1) && told.contains("easel keys") && told.contains("[E-AUTH]"), "{told}");
    assert!(!told.contains("机器人主人") && !told.contains("WARN"), "{told}");
    // The list of models takes the key that drawing refused: a probe says that it is out of use.
    let (_, told) = command(dir.path(), &["check", "--probe"]);
    assert!(
        told.contains("被服务商拒绝") && told.contains("刚刚") && told.contains("easel keys reset"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_paid_for_what_cannot_be_saved_or_is_not_there() {
    let provider = FakeProvider::start().await;
    let dir = folder(&configuration(&provider.base_url()));
    for (arguments, exit, words) in [
        (&["draw", "猫", "-o", "absent/cat.png"][..], 1, "没有 "),
        (&["draw", "猫", "--provider", "nobody"], 2, "现有：main"),
    ] {
        let (code, told) = command(dir.path(), arguments);
        assert!(code == Some(exit) && told.contains(words), "{told}");
    }
    assert!(provider.requests().is_empty());
}

#[test]
fn a_reader_that_went_away_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = easel(dir.path());
    command.args(["draw", "猫", "-o", "cat.png"]).stdout(writer.try_clone().unwrap()).stderr(writer);
    assert_eq!(command.status().unwrap().code(), Some(0));
    assert!(dir.path().join("cat.png").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn drawing_asks_the_configured_provider() {
    let provider = FakeProvider::start().await;
    let dir = folder(&configuration(&provider.base_url()));
    let made = pictures::png(80, 60, 5);
    provider.answer(Answer::b64([made.clone()]));
    let (code, told) = command(dir.path(), &["draw", "一只猫", "-o", "cat.png", "--size", "2048x1152"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(fs::read(dir.path().join("cat.png")).unwrap(), made);
    let asked = provider.next_request().await;
    assert_eq!((asked.prompt().as_deref(), asked.size().as_deref()), (Some("一只猫"), Some("2048x1152")));
    let (code, told) = command(dir.path(), &["draw", "亮一点", "--image", "cat.png", "-o", "bright.png"]);
    assert_eq!(code, Some(0), "{told}");
    let asked = provider.next_request().await;
    assert_eq!((asked.path(), &asked.pictures()[0].bytes), ("/v1/images/edits", &made));
    // Fewer than wished: the files, and beside them a sentence about the rest.
    provider.answer(Answer::b64([made.clone(), made.clone()]));
    provider.answer(Answer::content_policy());
    let few = run(dir.path(), &[&["draw", "一只猫", "--count", "4", "-o", "few.png"][..], &CONFIG].concat());
    assert_eq!(few.status.code(), Some(0), "{}", said(&few));
    assert_eq!(String::from_utf8_lossy(&few.stdout).lines().count(), 2, "{}", said(&few));
    let told = String::from_utf8_lossy(&few.stderr);
    assert!(told.contains("要了 4 张，画成了 2 张"), "{told}");
    // A paid provider's failure is told; nothing else steps in.
    provider.always(Answer::content_policy());
    let (code, told) = command(dir.path(), &["draw", "一只猫", "-o", "none.png"]);
    assert!(code == Some(1) && told.contains("[E-") && !dir.path().join("none.png").exists(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_and_presets_in_the_words_are_read_as_in_a_chat_and_options_win() {
    let world = world().await;
    let alone = folder(&configuration(&world.provider.base_url()));
    let made = pictures::png(80, 60, 5);
    world.provider.always(Answer::b64([made.clone(), made.clone()]));
    // With a running easel and without one.
    for dir in [world.dir.path(), alone.path()] {
        fs::write(dir.join("in.png"), &made).unwrap();
        let asks = async |arguments: &[&str]| {
            let (code, told) = command(dir, &[&["draw", "-o", "out.png"], arguments].concat());
            assert_eq!(code, Some(0), "{arguments:?}: {told}");
            world.provider.next_request().await
        };
        let shaped = asks(&["一只猫 2048x1152 x2"]).await;
        assert_eq!(shaped.prompt().as_deref(), Some("一只猫"));
        assert_eq!((shaped.size().as_deref(), shaped.n()), (Some("2048x1152"), Some(2)));
        assert!(dir.join("out-2.png").exists());
        let won = asks(&["一只猫 2048x1152 x3", "--size", "1024x1024", "--count", "2"]).await;
        assert_eq!(won.prompt().as_deref(), Some("一只猫"));
        assert_eq!((won.size().as_deref(), won.n()), (Some("1024x1024"), Some(2)));
        let preset = asks(&["手办化2 穿红衣服 x2", "--image", "in.png"]).await;
        let words = preset.prompt().unwrap();
        assert!(
            words.contains("穿红衣服") && words.contains("resin") && !words.contains("手办化"),
            "{words}"
        );
        assert_eq!(preset.pictures()[0].bytes, made);
        // What is wrong with the words is wrong usage either way.
        for (words, told) in [("手办化", "[E-NEEDS-PICTURE]"), ("@nobody 猫", "[E-PROVIDER]")] {
            let (code, said) = command(dir, &["draw", words]);
            assert!(code == Some(2) && said.contains(told) && said.matches("E-").count() == 1, "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drawing_goes_through_the_running_easel() {
    let world = world().await;
    let made = pictures::png(80, 60, 5);
    world.provider.answer(Answer::b64([made.clone()]));
    let (code, told) = command(world.dir.path(), &["draw", "一只猫", "-o", "cat.png"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(fs::read(world.path("cat.png")).unwrap(), made);
    world.provider.next_request().await;
    // In this process's folder, not in the running one's.
    let elsewhere = tempfile::tempdir().unwrap();
    let config = world.path("easel.toml");
    let arguments = ["draw", "一只猫", "--config", config.to_str().unwrap(), "--data-dir"];
    let data = world.path("data");
    let output = run(elsewhere.path(), &[&arguments[..], &[data.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(names(elsewhere.path()).len(), 1);
    world.provider.next_request().await;
    world.provider.answer(Answer::b64([made]));
    world.provider.answer(Answer::content_policy());
    let (code, told) = command(world.dir.path(), &["draw", "一只猫", "--count", "2", "-o", "few.png"]);
    assert!(code == Some(0) && told.contains("要了 2 张，画成了 1 张"), "{told}");
    world.provider.answer(Answer::content_policy());
    let (code, told) = command(world.dir.path(), &["draw", "一只猫", "-o", "none.png"]);
    assert!(code == Some(1) && told.contains("[E-"), "{told}");
    let socket = fs::metadata(world.path("data/easel.sock")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&socket.permissions()) & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_easel_knows_its_own_providers() {
    let world = world().await;
    // As where the service's providers come from its environment.
    fs::write(world.path("bare.toml"), "[bot]\ndata_dir = \"data\"\n").unwrap();
    let draws = |provider: &str| {
        let arguments = ["draw", "一只猫", "-o", "cat.png", "--provider", provider, "--config", "bare.toml"];
        let output = run(world.dir.path(), &arguments);
        (output.status.code(), said(&output))
    };
    let (code, told) = draws("main");
    assert!(code == Some(0) && world.path("cat.png").is_file(), "{told}");
    world.provider.next_request().await;
    let (code, told) = draws("nobody");
    assert!(code == Some(2) && told.contains("“nobody”") && told.contains("[E-PROVIDER]"), "{told}");
}

/// The code of a sentence tells what to mend, not whose fault it is.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_services_make_is_no_wrong_command_line() {
    let text = |provider: &str| {
        let small =
            "[providers.small]\nkind = \"siliconflow\"\napi_keys = [\"k\"]\nmodel = \"Qwen/Qwen-Image\"\n";
        format!("{}{small}base_url = \"{provider}\"\n", configuration(provider))
    };
    let world = world_with(text).await;
    let alone = folder(&text(&world.provider.base_url()));
    for dir in [world.dir.path(), alone.path()] {
        for (size, exit) in [("4K", 1), ("huge", 2)] {
            let (code, told) = command(dir, &["draw", "一只猫", "--provider", "small", "--size", size]);
            assert!(code == Some(exit) && told.contains("[E-SIZE]"), "{size}: {code:?} {told}");
        }
    }
    assert!(world.provider.requests().is_empty());
}

/// The command may see pictures that the account of the running easel can't.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_the_running_easel_cannot_read_is_named() {
    let world = world().await;
    let hidden = "/home/somebody/hidden.png";
    let socket = std::os::unix::net::UnixStream::connect(world.path("data/easel.sock")).unwrap();
    let request =
        serde_json::json!({ "v": 1, "cmd": "draw", "prompt": "猫", "images": [hidden], "count": 1 });
    writeln!(&socket, "{request}").unwrap();
    let answer: serde_json::Value = serde_json::from_reader(&socket).unwrap();
    let told = answer["error"].as_str().unwrap();
    assert!(told.contains(hidden) && told.contains("账号"), "{answer}");
    assert_eq!((&answer["code"], &answer["misuse"]), (&"E-PICTURE-FILE".into(), &false.into()));
    assert!(world.provider.requests().is_empty());
}

/// The service manager of the running easel, or its account, may keep it from writing where the command can.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_itself_saves_what_the_running_easel_drew() {
    let world = world().await;
    let (one, two) = (pictures::png(80, 60, 5), pictures::png(80, 60, 6));
    // Only the command knows this pipe.
    world.provider.answer(Answer::b64([one.clone()]));
    let piped = run(world.dir.path(), &[&["draw", "一只猫", "-o", "/dev/stdout"][..], &CONFIG].concat());
    assert_eq!(piped.status.code(), Some(0), "{}", said(&piped));
    assert!(piped.stdout.starts_with(&one), "{}", said(&piped));
    // A place that can't be written is known before anything is asked.
    fs::write(world.path("file"), "").unwrap();
    let asked = world.provider.requests().len();
    let (code, told) = command(world.dir.path(), &["draw", "一只猫", "-o", "/proc/cat.png"]);
    assert!(code != Some(0) && told.contains("/proc/cat.png") && told.contains("没有画"), "{told}");
    assert_eq!(world.provider.requests().len(), asked);
    // What can't be written in the end is named where it is kept, and costs none of the others.
    std::os::unix::fs::symlink("/dev/full", world.path("cat.png")).unwrap();
    world.provider.answer(Answer::b64([one.clone(), two.clone()]));
    let (code, told) = command(world.dir.path(), &["draw", "一只猫", "--count", "2", "-o", "cat.png"]);
    assert!(code == Some(1) && told.contains("没能保存到"), "{told}");
    assert_eq!(fs::read(world.path("cat-2.png")).unwrap(), two);
    let kept = told.split_whitespace().find(|word| word.contains("/data/blobs/")).unwrap();
    assert_eq!(fs::read(kept).unwrap(), one);
}

#[tokio::test]
async fn the_start_says_who_draws_what_it_costs_and_what_to_do_next() {
    let sketch = shipped().await;
    let told = sketch.easel().output();
    let url = sketch.easel().onebot.clone().unwrap();
    for words in [
        "离线草图",
        "不花钱",
        "[providers.",
        "config/easel.toml",
        "NapCat",
        "WebSocket 客户端",
        &url,
        "/生图 ",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let paid = world_with(|provider| {
        let spare = format!("fallback_1 = \"spare\"\n[edit]\nprovider = \"spare\"\n[providers.spare]\nkind = \"openai_chat\"\nbase_url = \"{provider}\"\napi_keys = [\"k\"]\nmodel = \"painter\"\n");
        configuration(provider) + &spare
    })
    .await;
    let told = paid.easel().output();
    for words in [
        "生图由“main”完成（模型 gpt-image-2）",
        "可能产生费用",
        "依次改用：spare",
        "改图由“spare”完成（模型 painter）",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("ERROR") && !told.contains("{$"), "{told}");
}

#[tokio::test]
async fn no_secret_is_ever_said() {
    let dir = tempfile::tempdir().unwrap();
    let (provider, files) = (FakeProvider::start().await, FileServer::start().await);
    let token = "token-geheim-0123456789";
    let text = configuration(&provider.base_url())
        .replace(
            "api_keys = [\"sk-main-0123456789\"]",
            "api_keys = [\"sk-geheim-a-0123456789\", \"sk-geheim-b-0123456789\"]",
        )
        .replace("[[onebot]]\n", &format!("[[onebot]]\naccess_token = \"{token}\"\n"));
    fs::write(dir.path().join("easel.toml"), &text).unwrap();
    let mut start = easel(dir.path());
    start.args(["run", "--config", "easel.toml"]).env("RUST_LOG", "debug");
    let easel = Easel::start(start);
    let bot = FakeOneBot::builder().token(token).build();
    bot.connect_when_up(easel.onebot.as_deref().unwrap()).await;
    let world = World { dir, easel: Some(easel), bot, provider };
    // Everything that could say one: refusals that repeat the key, dead links with a key in them, a wrong edit.
    let echo =
        serde_json::json!({ "error": { "message": "Incorrect API key provided: sk-geheim-a-0123456789." } });
    world.provider.when_key("sk-geheim-a-0123456789", Answer::json(401, &echo));
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    world.provider.when_key("sk-geheim-b-0123456789", Answer::html());
    let told = world.asks("/生图 一只猫").await;
    assert!(told.contains("[E-"), "{told}");
    let url = files.expired_rkey("/g?rkey=rkey-geheim-0123456789");
    world.bot.send(Message::group(GROUP, USER).text("/改图 亮").image("x.png", &url)).await;
    assert!(world.hears().await.text.contains("[E-PICTURE-EXPIRED]"));
    let stranger = FakeOneBot::builder().token("token-geheim-of-another").build();
    stranger.connect(world.easel().onebot.as_deref().unwrap()).await.unwrap_err();
    let broken =
        text.replace("api_keys = [\"sk-geheim-a-0123456789\"", "api_keys = [7, \"sk-geheim-c-0123456789\"");
    fs::write(world.path("easel.toml"), broken).unwrap();
    world.easel().wait_for("继续使用之前的配置");
    let told = world.easel().output();
    assert!(told.contains("DEBUG"), "the log must be loud");
    if let Some(line) = told.lines().find(|line| line.contains("geheim")) {
        panic!("a secret was said: {line}");
    }
    for sent in world.bot.sends() {
        assert!(!sent.text.contains("geheim"), "{}", sent.text);
    }
    let checked = command(world.dir.path(), &["check"]).1;
    assert!(!checked.contains("geheim"), "{checked}");
}

/// What a member gets again, as proof of what the store knows.
async fn resent(world: &World) -> bytes::Bytes {
    world.says("/重发图片").await;
    world.bot.next_picture().await.picture()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_back_what_was_there() {
    let limits = |provider: &str| {
        configuration(provider).replace(
            "[access]\n",
            "[access]\nrate_limit_max_calls_per_user = 1\nrate_limit_period_seconds = 6000\n",
        )
    };
    let mut world = world_with(limits).await;
    let request = world.says("/生图 一只猫").await;
    let picture = world.bot.next_picture().await.picture();
    world.marks(request, "79").await;
    assert_eq!(resent(&world).await, picture);
    // The limit's count is stored now and then; a stop stores it at once.
    assert_eq!(world.easel.take().unwrap().stop(), Some(0));
    world.bot.disconnected().await;
    world.start().await;

    // While easel runs, it writes the backup itself; nothing can be restored then.
    let (code, told) = command(world.dir.path(), &["backup", "running.tar.gz"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("running.tar.gz") && world.path("running.tar.gz").exists(), "{told}");
    // The running one keeps no copy of it, and nothing passing is left.
    assert!(names(world.dir.path()).iter().all(|name| !name.contains(".tmp")));
    let absent = ["backup", "absent/running.tar.gz"];
    let (code, told) = command(world.dir.path(), &absent);
    assert!(code == Some(1) && told.contains("absent/running.tar.gz"), "{told}");
    let (code, told) = command(world.dir.path(), &["restore", "running.tar.gz"]);
    assert!(code == Some(1) && told.contains("正在运行"), "{told}");
    // Nor with another easel's socket gone.
    assert_eq!(world.easel.take().unwrap().stop(), Some(0));
    world.bot.disconnected().await;
    let (code, told) = command(world.dir.path(), &["backup", "stopped.tar.gz"]);
    assert_eq!(code, Some(0), "{told}");

    for backup in ["running.tar.gz", "stopped.tar.gz"] {
        fs::rename(world.path("data"), world.path(&format!("lost-{backup}"))).unwrap();
        let (code, told) = command(world.dir.path(), &["restore", backup]);
        assert!(code == Some(0) && told.contains("已从"), "{told}");
        world.start().await;
        // The count of the limit is back.
        let told = world.asks("/生图 又一只").await;
        assert!(told.contains("[E-LIMIT]"), "{backup}: {told}");
        assert_eq!(world.easel.take().unwrap().stop(), Some(0));
        world.bot.disconnected().await;
    }
    // Over existing data: that is kept aside.
    let (code, told) = command(world.dir.path(), &["restore", "stopped.tar.gz"]);
    assert!(code == Some(0) && told.contains("原来的数据保留在"), "{told}");
    let (code, told) = command(world.dir.path(), &["restore", "easel.toml"]);
    assert!(code == Some(1) && told.contains("恢复失败"), "{told}");
}

#[test]
fn completions_for_every_shell() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(dir.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("restore") && script.contains("data-dir"), "{shell}");
    }
    // They are for a pipe, and need no configuration at all.
    let output = easel(dir.path())
        .args(["completions", "bash", "--config", "absent.toml"])
        .stdout(Stdio::null())
        .output();
    assert_eq!(output.unwrap().status.code(), Some(0));
    assert!(names(dir.path()).is_empty());
}

/// A world that is told to stop while it draws: the request, and easel on its way out.
async fn stopping(signal: &str) -> (World, i64, Easel) {
    let mut world = world().await;
    world.provider.answer(Answer::draws().held());
    let request = world.says("/生图 一只猫").await;
    world.provider.next_request().await;
    let easel = world.easel.take().unwrap();
    easel.signal(signal);
    easel.wait_for("等待 1 个任务收尾");
    (world, request, easel)
}

/// How easel ends, awaited on a thread of its own, because the peers live on this one.
async fn end(mut easel: Easel) -> (Option<i32>, Easel) {
    tokio::task::spawn_blocking(move || (easel.wait(), easel)).await.unwrap()
}

#[tokio::test]
async fn a_stop_waits_for_what_is_being_drawn() {
    let (world, request, easel) = stopping("TERM").await;
    // No new work is begun, and that is said.
    world.says("/生图 又一只").await;
    let told = world.hears().await.text;
    assert!(told.contains("正在重启"), "{told}");
    world.provider.release();
    let sent = world.bot.next_picture().await;
    assert_eq!(sent.quote, Some(request.to_string()));
    let (code, easel) = end(easel).await;
    assert_eq!(code, Some(0), "{}", easel.output());
    assert!(easel.output().contains("已停止"), "{}", easel.output());
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_loses_nothing() {
    let (mut world, _, easel) = stopping("INT").await;
    easel.signal("INT");
    assert_eq!(end(easel).await.0, Some(1));
    world.bot.disconnected().await;
    world.start().await;
    // The provider had been asked: perhaps it was paid, so the person is told rather than the picture drawn again.
    let told = world.hears().await.text;
    assert!(told.contains("可能已经扣费"), "{told}");
    assert_eq!(world.provider.requests().len(), 1);
}

/// A picture to start from whose reading never ends must not keep the program.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_waits_for_no_thread() {
    let mut world = world().await;
    let pipe = world.path("pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut socket = std::os::unix::net::UnixStream::connect(world.path("data/easel.sock")).unwrap();
    let request = serde_json::json!({ "v": 1, "cmd": "draw", "prompt": "猫", "images": [pipe], "count": 1 });
    writeln!(socket, "{request}").unwrap();
    // Opened when somebody reads it.
    let opened = tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(pipe));
    let _writer = opened.await.unwrap().unwrap();
    let easel = world.easel.take().unwrap();
    easel.signal("INT");
    easel.wait_for("等待 1 个任务收尾");
    easel.signal("INT");
    assert_eq!(end(easel).await.0, Some(1));
}

/// NapCat must be let in, and events taken, whatever a service does.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_never_answers_holds_up_neither_the_start_nor_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("easel.toml"),
        "[bot]\ndata_dir = \"data\"\n[[onebot]]\nlisten = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let service = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = easel(dir.path());
    let url = format!("http://{}/v1", service.local_addr().unwrap());
    command.args(["run", "--config", "easel.toml"]);
    command.env("OPENAI_BASE_URL", url).env("OPENAI_API_KEY", "sk-0123456789");
    let easel = Easel::start(command);
    // It has been asked, and answers nothing as long as this lives.
    let _asked = service.accept().unwrap();
    let bot = FakeOneBot::new();
    bot.connect_when_up(easel.onebot.as_deref().unwrap()).await;
    bot.send(Message::group(GROUP, USER).text("/img帮助")).await;
    bot.next_send_where("the help", |sent| sent.text.contains("画架")).await;
    let output = easel.output();
    assert!(output.contains("正在问它有哪些模型") && !output.contains("用模型"), "{output}");
    let code = tokio::task::spawn_blocking(move || easel.stop()).await.unwrap();
    assert_eq!(code, Some(0));
}

/// The data directory may have been made for easel, readable for everybody.
#[test]
fn what_is_kept_is_for_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::create_dir(at("data")).unwrap();
    fs::set_permissions(at("data"), fs::Permissions::from_mode(0o755)).unwrap();
    let drawn = run(dir.path(), &["draw", "一只猫", "-o", "cat.png"]);
    assert_eq!(drawn.status.code(), Some(0), "{}", said(&drawn));
    let kept = names(&at("data"));
    for part in ["blobs", "journal", "db", "spool", "backups"] {
        assert!(kept.contains(part), "{kept:?}");
    }
    for name in kept {
        assert_eq!(mode(&at("data").join(&name)) & 0o077, 0, "{name}");
    }
    // What the person wished for is as everything else that the person makes.
    fs::write(at("own"), "").unwrap();
    assert_eq!(mode(&at("cat.png")), mode(&at("own")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_easel_is_told_of_the_first() {
    let world = world().await;
    let (code, told) = command(world.dir.path(), &["run"]);
    assert!(code == Some(1) && told.contains("正被另一个画架使用"), "{told}");
    let taken = world.easel().onebot.clone().unwrap().replace("ws://", "");
    let address = taken.split('/').next().unwrap();
    let dir = folder(&format!("[[onebot]]\nlisten = \"{address}\"\n"));
    let (code, told) = command(dir.path(), &["run"]);
    assert!(code == Some(1) && told.contains(address) && told.contains("已被占用"), "{told}");
}
