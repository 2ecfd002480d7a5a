//! What members type: verbs, presets, help, their jobs, and what is none of easel's business.

use std::collections::HashSet;

use easel_testkit::{
    onebot::{Dialect, FakeOneBot, MemberRole, Message, SELF_ID, Sent, To},
    pictures,
    provider::{Answer, FakeProvider},
};

use crate::world::{Easel, GROUP, OWNER, USER, World, configuration, easel, world, world_of, world_with};

/// Another ordinary member.
const OTHER: i64 = 2_200_000_022;

/// easel with the configuration that is shipped, in an empty folder, and no provider.
pub async fn shipped() -> World {
    let dir = tempfile::tempdir().unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/easel.toml");
    std::fs::create_dir(dir.path().join("config")).unwrap();
    std::fs::copy(shipped, dir.path().join("config/easel.toml")).unwrap();
    let mut command = easel(dir.path());
    let data = dir.path().join("elsewhere");
    command.env("EASEL__BOT__DATA_DIR", data).env("EASEL__ONEBOT__0__LISTEN", "127.0.0.1:0");
    let easel = Easel::start(command);
    let bot = FakeOneBot::new();
    bot.connect_when_up(easel.onebot.as_deref().expect("it listens")).await;
    World { dir, easel: Some(easel), bot, provider: FakeProvider::start().await }
}

fn said(text: &str) -> Message {
    Message::group(GROUP, USER).text(text)
}

#[tokio::test]
async fn the_shipped_configuration_draws_without_any_key() {
    let world = shipped().await;
    let request = world.says("/生图 一只在草地上奔跑的柯基").await;
    let sent = world.bot.next_picture().await;
    assert_eq!(sent.quote, Some(request.to_string()));
    assert_eq!(sent.to, To::Group(GROUP));
    let (width, height) = pictures::dimensions(&sent.picture());
    assert!(width >= 512 && height >= 512, "{width}x{height}");
    assert_eq!(world.marks(request, "79").await, ["125", "79"]);
    assert!(world.provider.requests().is_empty());
    assert!(world.path("elsewhere").is_dir() && !world.path("data").exists());
    // Another prompt gives another picture, the same one the same.
    world.bot.send(Message::group(GROUP, OTHER + 1).text("/生图 深夜的海")).await;
    assert_ne!(world.bot.next_picture().await.picture(), sent.picture());
    world.bot.send(Message::group(GROUP, OTHER).text("/生图 一只在草地上奔跑的柯基")).await;
    assert_eq!(world.bot.next_picture().await.picture(), sent.picture());
}

#[tokio::test]
async fn a_sketch_edits_the_picture_that_is_given() {
    let world = shipped().await;
    let original = pictures::png(320, 240, 1);
    // The shipped configuration trusts no private address, so the picture travels inside the message.
    let inline = format!("base64://{}", base64(&original));
    world.bot.send(said("/改图 换成雨夜街头").image(&inline, "")).await;
    let edited = world.bot.next_picture().await.picture();
    assert_ne!(edited, original);
    pictures::dimensions(&edited);
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word =
            three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= three.len() { letter.into() } else { '=' });
        }
    }
    out
}

#[tokio::test]
async fn the_provider_is_asked_for_the_picture() {
    let world = world().await;
    let made = pictures::png(80, 60, 7);
    world.provider.answer(Answer::b64([made.clone()]));
    let request = world.says("/生图 一只猫").await;
    let asked = world.provider.next_request().await;
    assert_eq!(asked.path(), "/v1/images/generations");
    assert_eq!(asked.key.as_deref(), Some("sk-main-0123456789"));
    assert_eq!(asked.model().as_deref(), Some("gpt-image-2"));
    assert_eq!(asked.prompt().as_deref(), Some("一只猫"));
    assert_eq!(asked.size(), None);
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.picture(), sent.quote), (made, Some(request.to_string())));
    assert_eq!(world.marks(request, "79").await, ["125", "79"]);
}

#[tokio::test]
async fn a_failure_is_marked_and_told_with_a_code() {
    let world = world().await;
    world.provider.answer(Answer::content_policy());
    let request = world.says("/生图 一只猫").await;
    let told = world.hears().await;
    assert_eq!(told.quote, Some(request.to_string()));
    assert!(told.text.contains("再试试") && told.text.contains("[E-"), "{}", told.text);
    assert_eq!(world.marks(request, "106").await, ["125", "106"]);
}

#[tokio::test]
async fn a_short_text_stands_in_where_there_are_no_marks() {
    let bot = FakeOneBot::builder().dialect(Dialect::GoCqhttp).build();
    let world = world_of(configuration, bot).await;
    world.provider.answer(Answer::draws().held());
    let request = world.says("/生图 一只猫").await;
    let told = world.hears().await;
    assert_eq!((told.text.as_str(), told.quote), ("收到，开始画了。", Some(request.to_string())));
    world.provider.next_request().await;
    world.provider.release();
    assert_eq!(world.bot.next_picture().await.quote, Some(request.to_string()));
}

#[tokio::test]
async fn every_spelling_of_a_prompt_arrives_whole() {
    let world = world().await;
    let cases = [
        ("/生图 一只 戴 帽子 的猫", "一只 戴 帽子 的猫"),
        ("/生图一只猫", "一只猫"),
        ("/生图 第一行\n第二行\n\n第四行", "第一行\n第二行\n\n第四行"),
        ("/生图\n只有下一行", "只有下一行"),
        ("！画图 半角与全角", "半角与全角"),
        ("。绘图 句号", "句号"),
        (".出图 dot", "dot"),
        ("!文生图 bang", "bang"),
        ("/draw a cat, in the rain", "a cat, in the rain"),
        ("/ＤＲＡＷ wide letters", "wide letters"),
        ("/aiimg 一只猫", "一只猫"),
        ("/aiimg一只猫", "一只猫"),
        ("/生图 一台 4K 电视", "一台 4K 电视"),
        ("/生图 4:30 的街道", "4:30 的街道"),
        ("/生图 4张 桌子", "4张 桌子"),
        ("/生图 猫 [CQ:image,file=file:///etc/passwd] 狗", "猫 [CQ:image,file=file:///etc/passwd] 狗"),
        ("/生图 &#91;CQ:at,qq=all&#93; & 猫", "&#91;CQ:at,qq=all&#93; & 猫"),
    ];
    for cq_string in [false, true] {
        for (text, prompt) in cases {
            let message = if cq_string { said(text).cq_string() } else { said(text) };
            world.bot.send(message).await;
            assert_eq!(world.provider.next_request().await.prompt().as_deref(), Some(prompt), "{text}");
            world.bot.next_picture().await;
        }
    }
}

#[tokio::test]
async fn output_wishes_leave_the_prompt_and_reach_the_provider() {
    let world = world().await;
    let cases = [
        ("/生图 一片星空 16:9", "一片星空", "1280x720"),
        ("/生图 一片星空 2048x1152", "一片星空", "2048x1152"),
        ("/生图 一片星空 4K", "一片星空", "2880x2880"),
        ("/生图 4k 一片星空 16:9", "一片星空", "3840x2160"),
        ("/生图 一片星空 ９：１６ ２K", "一片星空", "1152x2048"),
        ("/生图 一片星空 比例 5:4", "一片星空", "1152x912"),
        ("/生图 比例 3:4 一片星空", "一片星空", "768x1024"),
    ];
    for (text, prompt, size) in cases {
        world.says(text).await;
        let asked = world.provider.next_request().await;
        assert_eq!(asked.prompt().as_deref(), Some(prompt), "{text}");
        assert_eq!(asked.size().as_deref(), Some(size), "{text}");
        world.bot.next_picture().await;
    }
}

#[tokio::test]
async fn a_count_gives_as_many_different_pictures() {
    let world = world().await;
    let request = world.says("/生图 一只猫 x3").await;
    let mut different = HashSet::new();
    for _ in 0..3 {
        different.insert(world.bot.next_picture().await.picture());
    }
    assert_eq!(different.len(), 3);
    world.marks(request, "79").await;
    world.sends_nothing().await;
    assert!(world.provider.requests().iter().all(|asked| asked.prompt().as_deref() == Some("一只猫")));
}

#[tokio::test]
async fn a_provider_is_chosen_by_name() {
    let world = world_with(|provider| {
        let main = configuration(provider);
        format!("{main}\n[providers.Chat]\nkind = \"openai_chat\"\nbase_url = \"{provider}\"\napi_keys = [\"sk-chat\"]\nmodel = \"painter\"\n")
    })
    .await;
    for text in ["/生图@chat 一只猫", "/生图@Chat 一只猫", "/生图＠chat 一只猫"] {
        world.says(text).await;
        let asked = world.provider.next_request().await;
        assert_eq!(asked.path(), "/v1/chat/completions", "{text}");
        assert_eq!((asked.model().as_deref(), asked.key.as_deref()), (Some("painter"), Some("sk-chat")));
        assert!(asked.prompt().unwrap().starts_with("一只猫"), "{:?}", asked.prompt());
        world.bot.next_picture().await;
    }
    let unknown = world.asks("/生图@nobody 一只猫").await;
    assert!(unknown.contains("“nobody”") && unknown.contains("[E-PROVIDER]"), "{unknown}");
}

#[tokio::test]
async fn words_of_others_are_met_with_silence() {
    let world = world().await;
    for text in [
        "今天天气真好",
        "生图 没有前缀",
        "/签到",
        "/天气 北京",
        "/drawer",
        "/drawing a cat",
        "/取消闹钟",
        "/任务栏",
        "/帮助",
        "/helpme",
        "/",
        "//生图 猫",
        "/ban @all",
        // Known words whose parts are not built yet.
        "/自拍",
        "/白名单",
    ] {
        world.ignores(said(text)).await;
    }
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn where_nobody_makes_clips_that_is_said() {
    let world = world().await;
    world.bot.send(said("/视频 海浪")).await;
    let text = world.hears().await.text;
    assert!(text.ends_with("[E-NO-CLIP]"), "{text}");
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn a_mention_or_a_direct_chat_needs_no_prefix() {
    let world = world().await;
    world.bot.send(Message::group(GROUP, USER).at(SELF_ID).text(" 生图 被提到")).await;
    assert_eq!(world.provider.next_request().await.prompt().as_deref(), Some("被提到"));
    assert_eq!(world.bot.next_picture().await.to, To::Group(GROUP));
    // There are no reactions in direct chats, so a short text says that the work has begun.
    world.bot.send(Message::private(USER).text("生图 私聊")).await;
    assert_eq!(world.hears().await.text, "收到，开始画了。");
    assert_eq!(world.provider.next_request().await.prompt().as_deref(), Some("私聊"));
    assert_eq!(world.bot.next_picture().await.to, To::Private(USER));
    world.bot.send(Message::temporary(GROUP, USER).text("/生图 临时会话")).await;
    assert_eq!(world.hears().await.to, To::Temporary(USER, GROUP));
    assert_eq!(world.provider.next_request().await.prompt().as_deref(), Some("临时会话"));
    assert_eq!(world.bot.next_picture().await.to, To::Temporary(USER, GROUP));
    // Somebody else's name is no call for us.
    world.ignores(Message::group(GROUP, USER).at(OTHER).text(" 生图 不是我")).await;
}

#[tokio::test]
async fn figurines_in_every_spelling() {
    const PVC: (&str, &str) = ("1/7 scale PVC figure", "PVC 手办");
    const RESIN: (&str, &str) = ("collectible resin statue", "树脂雕像");
    const CABINET: (&str, &str) = ("realistic display cabinet", "展示柜手办");
    let world = world().await;
    let files = easel_testkit::files::FileServer::start().await;
    let picture = pictures::png(64, 64, 3);
    let url = files.put("/me.png", picture.clone());
    for (text, (meant, style), own_words) in [
        ("/手办化", PVC, ""),
        ("/手办化2", RESIN, ""),
        ("/手办化3", CABINET, ""),
        ("/手办化 2", RESIN, ""),
        ("/figurine 2", RESIN, ""),
        ("/figurine3", CABINET, ""),
        ("/生图 手办化", PVC, ""),
        ("/生图手办化2", RESIN, ""),
        ("/draw figurine2", RESIN, ""),
        ("/aiimg 手办化", RESIN, ""),
        ("/aiimg手办化", RESIN, ""),
        ("/aiimg 手办化 2", CABINET, ""),
        ("/aiimg 手办化2", CABINET, ""),
        ("/aiimg手办化2", CABINET, ""),
        ("/手办化 2 只猫", PVC, "2 只猫"),
        ("/手办化 穿红色外套", PVC, "穿红色外套"),
    ] {
        world.bot.send(said(text).image_url(&url)).await;
        let asked = world.provider.next_request().await;
        let prompt = asked.prompt().unwrap();
        assert!(prompt.contains(meant) && prompt.contains(own_words), "{text}: {prompt}");
        assert_eq!(asked.path(), "/v1/images/edits");
        assert_eq!(asked.pictures()[0].bytes, picture);
        let sent = world.bot.next_picture().await;
        assert!(sent.text.contains(style), "{text}: {}", sent.text);
    }
}

#[tokio::test]
async fn presets_of_the_configuration() {
    let world = world_with(|provider| {
        configuration(provider)
            + "[presets.\"水墨\"]\nprompt = \"ink painting of {prompt}, on rice paper\"\naliases = [\"ink\"]\noutput = \"3:4\"\n"
    })
    .await;
    for (text, size) in
        [("/水墨 竹林", "768x1024"), ("/ink 竹林", "768x1024"), ("/水墨竹林 16:9", "1280x720")]
    {
        world.says(text).await;
        let asked = world.provider.next_request().await;
        assert_eq!(asked.prompt().as_deref(), Some("ink painting of 竹林, on rice paper"), "{text}");
        assert_eq!(asked.size().as_deref(), Some(size), "{text}");
        world.bot.next_picture().await;
    }
    let wordless = world.asks("/水墨").await;
    assert!(wordless.contains("/水墨 一只") && wordless.contains("[E-NEEDS-PROMPT]"), "{wordless}");
    assert_eq!(world.provider.requests().len(), 3, "nothing is bought without words");
    let help = world.asks("/img帮助").await;
    assert!(help.contains("/水墨"), "{help}");
    let list = world.asks("/预设列表").await;
    assert!(list.contains("/水墨") && list.contains("/手办化2"), "{list}");
}

#[tokio::test]
async fn help_in_every_spelling() {
    let world = world().await;
    for text in ["/img帮助", "/img 帮助", "/aiimg 帮助", "/aiimg帮助", "/aiimg help", "/help", "/ＩＭＧ帮助"]
    {
        let help = world.asks(text).await;
        for verb in ["/生图 ", "/改图 ", "/手办化2", "/重发图片", "/任务", "/取消"] {
            assert!(help.contains(verb), "{text}: {verb} is missing in {help}");
        }
    }
    let draw = world.asks("/生图帮助").await;
    assert!(draw.contains("16:9") && draw.contains("2048x1152") && draw.contains("x2"), "{draw}");
    let edit = world.asks("/改图帮助").await;
    assert!(edit.contains("引用") && edit.contains("两分钟"), "{edit}");
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn what_is_missing_is_asked_for() {
    let world = world().await;
    let no_prompt = world.asks("/生图").await;
    assert!(no_prompt.contains("/生图 一只在草地上奔跑的柯基") && no_prompt.contains("[E-NEEDS-PROMPT]"));
    let no_picture = world.asks("/改图 换成雨夜街头").await;
    assert!(no_picture.contains("引用一张图") && no_picture.contains("[E-NEEDS-PICTURE]"), "{no_picture}");
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn long_prompts() {
    let world = world().await;
    let longest = "长".repeat(4000);
    world.says(&format!("/生图 {longest}")).await;
    assert_eq!(world.provider.next_request().await.prompt(), Some(longest.clone()));
    world.bot.next_picture().await;
    let refusal = world.asks(&format!("/生图 {longest}长")).await;
    assert!(refusal.contains("4000") && refusal.contains("[E-PROMPT-LONG]"), "{refusal}");
    assert_eq!(world.provider.requests().len(), 1);
}

/// The numbers of the jobs that `/任务` lists.
fn numbers(list: &str) -> Vec<String> {
    list.lines().filter_map(|line| line.split_once(" 号　")).map(|(number, _)| number.to_owned()).collect()
}

#[tokio::test]
async fn jobs_are_listed_and_cancelled_by_those_who_may() {
    let world = world().await;
    assert!(world.asks("/任务").await.contains("没有正在画"));
    assert!(world.asks("/取消").await.contains("没有正在画"));
    world.provider.always(Answer::draws().held());
    let first = world.says("/生图 第一张").await;
    world.provider.next_request().await;
    world.says("/生图 第二张").await;
    world.provider.next_request().await;

    let list = world.asks("/任务").await;
    let jobs = numbers(&list);
    assert_eq!(jobs.len(), 2, "{list}");
    assert!(list.contains("第一张") && list.contains("第二张") && list.contains("/取消"), "{list}");

    // Members see and cancel their own only.
    let others = |text: &str| Message::group(GROUP, OTHER).text(text);
    world.bot.send(others("/任务")).await;
    assert!(world.hears().await.text.contains("没有正在画"));
    world.bot.send(others(&format!("/取消 {}", jobs[0]))).await;
    let refused = world.hears().await.text;
    assert!(refused.contains("是别人的") && refused.contains(&jobs[0]), "{refused}");
    world.bot.send(others("/取消 999")).await;
    assert!(world.hears().await.text.contains("没有 999 号任务"));

    // Both are with the provider already, so they may be charged. Without a number: the latest of one's own.
    let cancelled = |job: &str| format!("{job} 号已取消。如果服务商已经开始画，仍可能扣费。");
    assert_eq!(world.asks("/取消").await, cancelled(&jobs[1]));
    assert_eq!(world.provider.next_hang_up().await.prompt().as_deref(), Some("第二张"));

    // A group admin sees and cancels everybody's; when the event does not tell the rank, the platform is asked.
    world.bot.set_member(GROUP, OTHER, MemberRole::Admin, "管理员");
    world.bot.send(others("/任务").no_role()).await;
    assert!(world.hears().await.text.contains("第一张"));
    world.bot.send(others(&format!("/取消{}", jobs[0])).role(MemberRole::Admin)).await;
    assert_eq!(world.hears().await.text, cancelled(&jobs[0]));
    assert_eq!(world.provider.next_hang_up().await.prompt().as_deref(), Some("第一张"));
    assert!(world.asks("/任务").await.contains("没有正在画"));
    assert!(world.bot.sends().iter().all(|sent| sent.pictures.is_empty()));
    let marks = world.marks(first, "106").await;
    assert_eq!(marks, ["125", "106"], "the mark does not stay at working");
}

#[tokio::test]
async fn the_last_result_comes_again_on_request() {
    let world = world().await;
    assert!(world.asks("/重发图片").await.contains("[E-RESEND]"));
    let drawn = world.says("/生图 一只猫").await;
    let first = world.bot.next_picture().await.picture();
    world.marks(drawn, "79").await;
    let request = world.says("/重发图片").await;
    let again = world.bot.next_picture().await;
    assert_eq!((again.picture(), again.quote), (first, Some(request.to_string())));
    assert_eq!(world.provider.requests().len(), 1);
    // The log tells it in words, not as the program holds it.
    world.easel().logs("a result was sent again").await;
    assert!(!world.easel().output().contains("Yes {"));
    // Somebody else's result is not theirs.
    world.bot.send(Message::group(GROUP, OTHER).text("/重发图片")).await;
    assert!(world.hears().await.text.contains("[E-RESEND]"));
}

#[tokio::test]
async fn any_result_comes_again_by_its_number_also_after_a_restart() {
    let mut world = world_with(|provider| {
        configuration(provider).replace("debounce_seconds = 0", "debounce_seconds = 300")
    })
    .await;
    let mut made = Vec::new();
    for (user, words) in [(USER, "一只猫"), (OTHER, "一只狗"), (USER + 7, "一只鸟")] {
        world.provider.answer(Answer::b64([pictures::png(64, 64, made.len() as u64)]));
        let message = world.bot.send(Message::group(GROUP, user).text(&format!("/生图 {words}"))).await;
        made.push(world.bot.next_picture().await.picture());
        world.marks(message, "79").await;
    }
    world.kill_and_start().await;
    // Of a person's own, with a pause of its own.
    assert!(world.asks("/重发图片 2").await.contains("没有 2 号的图可以重发"));
    let again = world.says("/重发图片 1").await;
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.picture(), sent.quote), (made[0].clone(), Some(again.to_string())));
    world.easel().logs("a result was sent again").await;
    assert!(world.asks("/重发图片").await.contains("[E-DEBOUNCE]"));
    world.bot.send(Message::group(GROUP, OTHER).text("/重发图片2")).await;
    assert_eq!(world.bot.next_picture().await.picture(), made[1]);
    assert_eq!(world.provider.requests().len(), 3);
}

#[tokio::test]
async fn an_owner_cancels_jobs_of_other_chats() {
    let world = world_with(|provider| {
        configuration(provider).replace("[bot]\n", &format!("[bot]\nadmins = [\"onebot:{OWNER}\"]\n"))
    })
    .await;
    world.provider.always(Answer::draws().held());
    let asked = world.says("/生图 一只猫").await;
    world.provider.next_request().await;
    let from = async |user: i64, text: &str| {
        world.bot.send(Message::private(user).text(text)).await;
        world.hears().await.text
    };
    assert!(from(OTHER, "/取消 1").await.contains("没有 1 号任务"), "what others draw is nobody's business");
    assert!(from(OWNER, "/取消").await.contains("没有正在画"), "without a number, only what is here");
    assert!(from(OWNER, "/取消 1").await.contains("1 号"));
    world.provider.next_hang_up().await;
    assert_eq!(world.marks(asked, "106").await, ["125", "106"]);
}

#[tokio::test]
async fn words_of_a_prompt_stay_words_in_answers() {
    let world = world().await;
    world.provider.always(Answer::draws().held());
    world.says("/生图 [CQ:at,qq=all] 猫").await;
    world.provider.next_request().await;
    world.says("/任务").await;
    let list = world.hears().await;
    assert!(list.text.contains("[CQ:at,qq=all]") && list.mentions.is_empty(), "{list:?}");
    assert!(list.segments.iter().all(|segment| segment["type"] == "text" || segment["type"] == "reply"));
}

#[tokio::test]
async fn a_request_that_is_taken_back_is_not_drawn() {
    let one_each = |provider: &str| {
        configuration(provider).replace("max_running_per_user = 8", "max_running_per_user = 1")
    };
    let world = world_with(one_each).await;
    world.provider.answer(Answer::draws().held());
    let first = world.says("/生图 第一张").await;
    world.provider.next_request().await;
    let second = world.says("/生图 第二张").await;
    assert!(world.hears().await.text.contains("排在第 1 位"));
    assert_eq!(world.marks(second, "125").await, ["125"]);
    // What waits is given up without a word; what a provider was asked for may be paid, so it comes.
    world.bot.recall(second).await;
    while numbers(&world.asks("/任务").await).len() > 1 {}
    world.bot.recall(first).await;
    assert_eq!(numbers(&world.asks("/任务").await).len(), 1);
    world.provider.release();
    let sent = world.bot.next_picture().await;
    assert_eq!(sent.quote, None, "there is nothing left to quote");
    world.sends_nothing().await;
    assert_eq!(world.provider.requests().len(), 1);

    // The same in a direct chat.
    world.provider.answer(Answer::draws().held());
    world.bot.send(Message::private(USER).text("/生图 第三张")).await;
    world.provider.next_request().await;
    assert!(world.hears().await.text.contains("开始画"));
    let fourth = world.bot.send(Message::private(USER).text("/生图 第四张")).await;
    assert!(world.hears().await.text.contains("排在第 1 位"));
    world.bot.recall(fourth).await;
    world.provider.release();
    assert_eq!(world.bot.next_picture().await.to, To::Private(USER));
    let is_list = |sent: &Sent| sent.text.contains("没有正在画") || sent.text.contains("正在画和排队");
    loop {
        world.bot.send(Message::private(USER).text("/任务")).await;
        if world.bot.next_send_where("a list", is_list).await.text.contains("没有正在画") {
            break;
        }
    }
    assert_eq!(world.provider.requests().len(), 2);
}

#[tokio::test]
async fn a_picture_that_is_taken_back_is_nobodys_last_picture() {
    let world = world().await;
    let files = easel_testkit::files::FileServer::start().await;
    let [a, b] = [1, 2].map(|seed| pictures::png(64, 48, seed));
    world.bot.send(said("").image("a.png", &files.put("/a", a.clone()))).await;
    let regretted = world.bot.send(said("").image("b.png", &files.put("/b", b))).await;
    world.bot.recall(regretted).await;
    world.says("/改图 换成雨夜").await;
    assert_eq!(world.provider.next_request().await.pictures()[0].bytes, a, "the one before it");
    world.bot.next_picture().await;
    world.bot.send(said("/改图 换成雨夜").reply(regretted)).await;
    assert!(world.hears().await.text.contains("[E-QUOTE]"));
    assert!(files.requests().iter().all(|request| request.path == "/a"));
}

#[tokio::test]
async fn a_refusal_for_a_full_queue_starts_no_pause() {
    let narrow = |provider: &str| {
        configuration(provider)
            .replace("debounce_seconds = 0", "debounce_seconds = 300")
            .replace("[jobs]\n", "[jobs]\nmax_running = 1\nmax_waiting = 1\n")
    };
    let world = world_with(narrow).await;
    world.provider.answer(Answer::draws().held());
    world.says("/生图 在画").await;
    world.provider.next_request().await;
    world.bot.send(Message::group(GROUP, OTHER).text("/生图 在等")).await;
    assert!(world.hears().await.text.contains("排在第 1 位"));
    let late = || Message::group(GROUP, OTHER + 1).text("/生图 来晚了");
    world.bot.send(late()).await;
    let told = world.hears().await.text;
    assert!(told.contains("[E-QUEUE"), "{told}");
    let again = world.bot.send(late()).await;
    world.marks(again, "106").await;
    world.provider.release();
    for _ in 0..2 {
        world.bot.next_picture().await;
    }
    world.bot.send(late()).await;
    world.bot.next_picture().await;
    // Its place in the queue may have been told before, where the last job was still being recorded.
    world.bot.send(late()).await;
    let refusal = world.bot.next_send_where("a refusal", |sent| sent.text.contains("[E-")).await.text;
    assert!(refusal.contains("[E-DEBOUNCE]"), "an accepted one starts the pause: {refusal}");
}

#[tokio::test]
async fn an_animated_webp_gives_its_first_frame_and_that_is_said() {
    let world = world().await;
    let files = easel_testkit::files::FileServer::start().await;
    let animation = pictures::webp_animated(64, 48, 1);
    world.bot.send(said("/改图 亮一点").image("x.jpg", &files.put("/x.jpg", animation))).await;
    let asked = world.provider.next_request().await;
    let pixels = |picture: &[u8]| image::load_from_memory(picture).unwrap().to_rgb8().into_raw();
    let sent = pixels(&asked.pictures()[0].bytes);
    assert!(sent == pixels(&pictures::webp(64, 48, 1)), "another frame");
    assert!(world.bot.next_picture().await.text.contains("动图只用了第一帧"));
}
