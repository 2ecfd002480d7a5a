//! The desk, told as conversations: who says what, and what comes back.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

mod clips;
mod refusals;

use super::*;
use crate::{
    access::{AccessSection, LimitsState, Rules},
    chain::{KeyPool, Link, ProviderSlot},
    error::ErrorClass,
    i18n::{Locale, Texts},
    ids::{Chat, ChatKind},
    job::engine::Engine,
    message::{ChatRole, Message, PictureLocator, PictureOrigin, PictureRef, Sender},
    ports::{Adapter, DownloadError, Inbox as _, Output},
    prompt::PresetBook,
    reply::Reaction,
    testing::{
        HandClock, MemoryStore, RecordingAdapter, ScriptedProvider, Step, spool, test_group, test_picture,
        test_settings,
    },
};

/// A group with a desk. `owner` is the owner of the bot, `boss` an admin of the group.
struct World {
    _dir: tempfile::TempDir,
    adapter: Arc<RecordingAdapter>,
    provider: Arc<ScriptedProvider>,
    clock: Arc<HandClock>,
    desk: Arc<Desk>,
    next: AtomicU64,
}

fn world(access: &Value, script: Vec<Step>) -> World {
    world_in(Locale::ZhCn, access, script)
}

/// Without a pause between two commands unless `access` says otherwise.
fn world_in(locale: Locale, access: &Value, script: Vec<Step>) -> World {
    world_of(locale, access, script, None)
}

/// With a provider of clips beside the one of pictures, and the presets of [`clips::presets`].
fn world_of(
    locale: Locale,
    access: &Value,
    script: Vec<Step>,
    clips: Option<Arc<ScriptedProvider>>,
) -> World {
    world_around(locale, access, ScriptedProvider::new("p", script), clips)
}

/// With this provider of pictures.
fn world_around(
    locale: Locale,
    access: &Value,
    provider: Arc<ScriptedProvider>,
    clips: Option<Arc<ScriptedProvider>>,
) -> World {
    let mut with_defaults = json!({"debounce_seconds": 0});
    with_defaults.as_object_mut().unwrap().extend(access.as_object().unwrap().clone());
    let access: AccessSection = serde_json::from_value(with_defaults).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock::default());
    let adapter = RecordingAdapter::on(clock.clone());
    adapter.put_role("boss", ChatRole::Admin);
    let slot = Arc::new(ProviderSlot::new(provider.clone(), KeyPool::new(vec![], &HashMap::new()), 1));
    let link = Link::new(slot.clone(), Output::default());
    let mut providers = vec![slot];
    let video: Vec<_> = clips
        .into_iter()
        .map(|provider| {
            let slot = Arc::new(ProviderSlot::new(provider, KeyPool::new(vec![], &HashMap::new()), 1));
            providers.push(slot.clone());
            Link::new(slot, Output::default())
        })
        .collect();
    let runtime = Runtime::new(RuntimeParts {
        prefixes: vec!["/".to_owned()],
        rules: Rules::new(&access, &["onebot:owner".to_owned()]),
        presets: PresetBook::new(&clips::presets()).0,
        draw: vec![link.clone()],
        edit: vec![link],
        video,
        providers,
        locale,
    });
    let adapters: Vec<Arc<dyn Adapter>> = vec![adapter.clone()];
    let limits = LimitsState::default();
    let desk = Desk::new(runtime, &access, limits, Texts::new(), clock.clone(), adapters, TaskTracker::new());
    let mut settings = test_settings();
    settings.schedule.max_running_per_chat = 4;
    let store = MemoryStore::default().ports();
    desk.open(Engine::new(store, spool(dir.path(), 1 << 20), clock.clone(), desk.clone(), settings));
    World { _dir: dir, adapter, provider, clock, desk, next: AtomicU64::new(1) }
}

impl World {
    fn message(&self, user: &str, text: &str) -> Message {
        Message {
            chat: test_group("g"),
            id: format!("m{}", self.next.fetch_add(1, Ordering::SeqCst)).as_str().into(),
            sender: Sender { id: user.into(), name: String::new(), role: ChatRole::Unknown },
            text: text.to_owned(),
            mentions_me: false,
            pictures: vec![],
            mentions: vec![],
            quote: None,
            sent_at: crate::ids::UnixMillis(0),
        }
    }

    /// What the desk says at once; `None` when it says nothing, or works.
    async fn tell(&self, message: Message) -> Option<String> {
        let answer = self.desk.decide(message).await?;
        answer.await;
        self.adapter.sends().last().map(|send| send.text.clone())
    }

    async fn says(&self, user: &str, text: &str) -> Option<String> {
        self.tell(self.message(user, text)).await
    }

    /// As [`Self::says`], with a picture in the message.
    async fn shows(&self, user: &str, text: &str) -> Option<String> {
        let bytes = test_picture().body.read().unwrap();
        let picture = PictureRef { origin: PictureOrigin::Message, locator: PictureLocator::Inline(bytes) };
        self.tell(Message { pictures: vec![picture], ..self.message(user, text) }).await
    }

    /// Waits until `n` jobs have ended well.
    async fn done(&self, n: usize) {
        self.marked(n, Reaction::Done).await;
    }

    /// Waits until `n` requests bear this mark.
    async fn marked(&self, n: usize, wanted: Reaction) {
        for number in 1.. {
            let marked = self.adapter.reactions().iter().filter(|(_, mark)| *mark == wanted).count();
            if marked >= n {
                return;
            }
            self.adapter.reaction_number(number).await;
        }
    }
}

#[track_caller]
fn assert_says(answer: Option<String>, part: &str) {
    let answer = answer.expect("an answer");
    assert!(answer.contains(part), "{part:?} is not in {answer:?}");
    assert!(!answer.contains(['{', '}']), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_member_asks_and_gets_a_picture() {
    let world = world(&json!({}), vec![]);
    assert_eq!(world.says("ann", "/生图 一只猫 16:9").await, None);
    let sent = world.adapter.send_number(1).await;
    assert_eq!((sent.text.as_str(), sent.pictures.len()), ("", 1));
    assert_eq!(sent.target.quote, Some("m1".into()));
    let request = &world.provider.requests()[0];
    assert_eq!((&*request.prompt, request.output.ratio), ("一只猫", Some((16, 9))));
}

#[tokio::test(start_paused = true)]
async fn lists_decide_who_is_heard() {
    let listed =
        json!({"group_filter_mode": "whitelist", "group_filter_list": ["other"], "group_refusal": "text"});
    let world = world(&listed, vec![]);
    assert_says(world.says("ann", "/生图 猫").await, "本群还没有开通画图");
    assert_eq!(world.says("bob", "/生图 猫").await, None, "said once an hour at most");
    world.clock.advance_millis(3_600_000);
    assert_says(world.says("bob", "/img帮助").await, "[E-LISTS]");
    assert_eq!(world.says("owner", "/生图 猫").await, None);
    world.done(1).await;

    let blocked =
        json!({"user_filter_mode": "blacklist", "user_filter_list": ["ann"], "user_refusal": "silent"});
    let world = self::world(&blocked, vec![]);
    assert_eq!(world.says("ann", "/生图 猫").await, None);
    assert_eq!(world.says("bob", "/生图 猫").await, None);
    world.done(1).await;
    assert_eq!(world.provider.requests().len(), 1, "only one of them was heard");
}

#[tokio::test(start_paused = true)]
async fn a_failed_picture_does_not_count() {
    let limit = json!({"rate_limit_max_calls_per_user": 1, "rate_limit_period_seconds": 60});
    let world = world(&limit, vec![Step::Fail(ErrorClass::BadRequest)]);
    assert_eq!(world.says("ann", "/生图 猫").await, None);
    assert!(world.adapter.send_number(1).await.text.contains("[E-REQUEST]"));
    world.adapter.reaction_number(2).await;
    assert_eq!(world.says("ann", "/生图 猫").await, None, "the failure was given back");
    world.done(1).await;
    assert_says(world.says("ann", "/生图 猫").await, "最多 1 次。60 秒后再来吧");
    assert_eq!(world.says("owner", "/生图 猫").await, None, "the owner has no limits");
    world.done(2).await;
    world.clock.advance_millis(60_000);
    assert_eq!(world.says("ann", "/生图 猫").await, None);
    world.done(3).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_meets_a_limit_hears_its_period_and_when_to_come_back() {
    for (limit, chinese, english) in [
        (
            json!({"rate_limit_max_calls_per_user": 1, "rate_limit_period_seconds": 3600}),
            "你画得有点快，1 小时内最多 1 次。20 分钟后再来吧。",
            "at most one request within 1 hour. Come back in 20 minutes.",
        ),
        (
            json!({"rate_limit_max_calls_per_group": 1, "rate_limit_period_seconds": 2460}),
            "本群画得有点快，41 分钟内最多 1 次。60 秒后再来吧。",
            "at most one request within 41 minutes. Come back in 60 seconds.",
        ),
        (
            json!({"daily_quota_per_user": 1}),
            "你 24 小时内的 1 次已经用完。大约 24 小时后",
            "one request within 24 hours.",
        ),
        (json!({"daily_quota_per_group": 1}), "本群 24 小时内的 1 次已经用完。", "about 24 hours."),
        (json!({"debounce_seconds": 3600}), "手速太快啦，20 分钟后再发吧。", "Try again in 20 minutes."),
    ] {
        for (locale, expected) in [(Locale::ZhCn, chinese), (Locale::EnUs, english)] {
            let world = world_in(locale, &limit, vec![]);
            assert_eq!(world.says("ann", "/生图 猫").await, None);
            world.done(1).await;
            world.clock.advance_millis(40 * 60_000);
            assert_says(world.says("ann", "/生图 猫").await, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_avatar_that_can_not_be_had_is_asked_of_nobody() {
    for (answer, sentence) in [
        (Err(DownloadError::Expired), "头像没取到"),
        (Err(DownloadError::Unreachable("404".to_owned())), "[E-AVATAR]"),
        (Ok(b"<html>".as_slice().into()), "[E-AVATAR]"),
        // What the owner can mend is said all the same.
        (Err(DownloadError::FakeIp), "allow_fake_ip"),
    ] {
        for mentions in [vec![], vec!["bob".into()]] {
            let world = world(&json!({}), vec![]);
            let whose = if mentions.is_empty() { "avatar:ann" } else { "avatar:bob" };
            world.adapter.serve(whose, answer.clone());
            let message = Message { mentions, ..world.message("ann", "/手办化") };
            assert_eq!(world.tell(message).await, None);
            let told = world.adapter.send_number(1).await.text;
            assert!(told.contains(sentence) && !told.contains("重新发"), "{told}");
            assert!(world.provider.requests().is_empty());
        }
    }
}

/// What a person reads on a picture, where the prompt is not their own text.
#[tokio::test(start_paused = true)]
async fn a_request_says_what_was_asked_for_where_the_prompt_does_not() {
    #[track_caller]
    fn check(seen: &World, title: Option<&str>, prompt: &str) {
        let requests = seen.provider.requests();
        assert_eq!(requests[0].title.as_deref(), title);
        assert!(requests[0].prompt.contains(prompt), "{}", requests[0].prompt);
    }
    for (locale, text, title, prompt) in [
        (Locale::ZhCn, "/手办化", Some("手办化"), "PVC"),
        (Locale::ZhCn, "/手办化2 穿红衣服", Some("手办化2 · 穿红衣服"), "穿红衣服"),
        (Locale::EnUs, "/手办化3", Some("figurine3"), "cabinet"),
        (Locale::ZhCn, "/改图", Some("改图"), "Improve this picture"),
        (Locale::ZhCn, "/改图 换成雨夜", None, "换成雨夜"),
    ] {
        let world = world_in(locale, &json!({}), vec![]);
        assert_eq!(world.shows("ann", text).await, None);
        world.done(1).await;
        check(&world, title, prompt);
    }
    let world = world(&json!({}), vec![]);
    assert_eq!(world.says("ann", "/生图 猫").await, None);
    world.done(1).await;
    check(&world, None, "猫");
}

#[tokio::test(start_paused = true)]
async fn a_hasty_member_waits_a_moment() {
    let world = world(&json!({"debounce_seconds": 3}), vec![]);
    assert_eq!(world.says("ann", "/生图 猫").await, None);
    assert_says(world.says("ann", "/生图 狗").await, "3 秒后再发吧");
    assert_says(world.says("ann", "/img帮助").await, "画架");
    assert_eq!(world.says("bob", "/生图 狗").await, None, "the pause is one person's");
    world.clock.advance_millis(3_000);
    world.done(2).await;
    assert_eq!(world.says("ann", "/生图 狗").await, None);
    world.done(3).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_speaks_to_the_bot_gets_help_and_nobody_else() {
    let world = world(&json!({}), vec![]);
    let called = |text: &str| Message { mentions_me: true, ..world.message("ann", text) };
    let direct = |text: &str| {
        let message = world.message("ann", text);
        Message { chat: Chat { kind: ChatKind::Direct, ..message.chat.clone() }, ..message }
    };
    let heard = [
        called(""),
        called(" \u{200b}\n"),
        called("帮助"),
        called("/帮助"),
        direct("帮助"),
        direct("/帮助"),
        world.message("ann", "/img 帮助"),
        world.message("ann", "/aiimg help"),
    ];
    for message in heard {
        let case = format!("{message:?}");
        let answer = world.tell(message).await;
        assert!(answer.is_some_and(|help| help.contains("/生图 描述")), "{case}");
    }
    let picture =
        PictureRef { origin: PictureOrigin::Message, locator: PictureLocator::Url("http://x/a.png".into()) };
    let silent = [
        // Other bots have that command as well.
        world.message("ann", "/帮助"),
        world.message("ann", ""),
        direct(""),
        called("你好"),
        // The picture comes before the words that say what to do with it.
        Message { pictures: vec![picture], ..called("") },
        Message { quote: Some("m0".into()), ..called("") },
        Message { mentions: vec!["bob".into()], ..called("") },
    ];
    for message in silent {
        let case = format!("{message:?}");
        assert_eq!(world.tell(message).await, None, "{case}");
    }
    assert!(world.provider.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn wishes_that_are_none_are_told_with_the_picture() {
    let world = world(&json!({}), vec![]);
    for (number, (text, notes)) in [
        ("/生图 猫 x10", &["x9"][..]),
        ("/生图 9999x9999 山", &["256 到 4096"]),
        ("/生图 山 100*100 x99", &["x9", "256 到 4096"]),
        ("/生图 山 1024*1024 x2", &[]),
        ("/生图 山 100x100 1024x1024", &[]),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(world.says("ann", text).await, None);
        let sent = world.adapter.send_number(number + 1).await.text;
        assert_eq!(sent.lines().count(), notes.len(), "{text}: {sent}");
        assert!(notes.iter().all(|note| sent.contains(note)), "{text}: {sent}");
        world.done(number + 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn helps_hints_and_silence() {
    let world = world(&json!({}), vec![]);
    assert_says(world.says("ann", "/img帮助").await, "/生图 描述");
    assert_says(world.says("ann", "/生图帮助").await, "张数");
    assert_says(world.says("ann", "/预设列表").await, "/手办化、/手办化2、/手办化3");
    assert_says(world.says("ann", "/文生图预设列表").await, "还没有预设");
    for silent in ["/不认识的命令 猫", "随便聊聊", "生图 猫", "/自拍 笑一个"] {
        assert_eq!(world.says("ann", silent).await, None, "{silent}");
    }
    assert_says(world.says("ann", "/生图").await, "例如：/生图");
    assert_says(world.says("ann", "/改图 变成水彩").await, "[E-NEEDS-PICTURE]");
    let long = format!("/生图 {}", "长".repeat(4001));
    assert_says(world.says("ann", &long).await, "最多 4000 字");
    assert_says(world.says("ann", "/生图@nobody 猫").await, "“nobody”");
    assert!(world.provider.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn jobs_are_listed_and_cancelled() {
    let world = world(&json!({}), vec![Step::Hold(Arc::new(Notify::new()))]);
    assert_says(world.says("ann", "/任务").await, "没有正在画或排队的");
    assert_says(world.says("ann", "/取消").await, "不用取消");
    assert_eq!(world.says("ann", "/生图 一只很慢的猫").await, None);
    world.provider.arrivals(1).await;
    assert_eq!(world.shows("ann", "/手办化").await, None);
    assert!(world.adapter.send_number(3).await.text.contains("排在第 1 位"));

    let list = world.says("ann", "/任务").await.unwrap();
    assert!(list.contains("1 号　一只很慢的猫　已画 0 秒"), "{list}");
    assert!(list.contains("2 号　手办化　排在第 1 位"), "{list}");
    assert!(list.ends_with("/取消 1"), "{list}");
    assert_says(world.says("bob", "/任务").await, "没有正在画或排队的");
    assert_says(world.says("boss", "/任务").await, "这里正在画和排队的任务（2 个）");

    assert_says(world.says("bob", "/取消 1").await, "只有本人和管理员能取消");
    assert_says(world.says("bob", "/取消 9").await, "没有 9 号任务");
    assert_says(world.says("ann", "/取消 2").await, "2 号已取消。");
    assert_says(world.says("boss", "/取消 1").await, "仍可能扣费");
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_sent_again_to_whom_it_belongs() {
    let world = world(&json!({}), vec![]);
    assert_says(world.says("ann", "/重发图片").await, "[E-RESEND]");
    assert_eq!(world.says("ann", "/生图 猫").await, None);
    world.done(1).await;
    assert_eq!(world.says("ann", "/重发图片").await, Some(String::new()));
    let sends = world.adapter.sends();
    assert_eq!(sends.last().unwrap().pictures, sends[1].pictures);
    assert_eq!(world.provider.requests().len(), 1, "nothing is drawn anew");
    assert_says(world.says("bob", "/重发图片").await, "[E-RESEND]");
}

#[tokio::test(start_paused = true)]
async fn figurines_by_every_name_carry_their_style() {
    for (text, style) in [
        ("/手办化", "PVC 手办"),
        ("/手办化2 穿红衣服", "树脂雕像"),
        ("/figurine3", "展示柜手办"),
        // The old command counts from the second style on (S001-32).
        ("/aiimg手办化", "树脂雕像"),
        ("/aiimg 手办化2", "展示柜手办"),
    ] {
        let world = world(&json!({}), vec![]);
        assert_eq!(world.shows("ann", text).await, None);
        assert_eq!(world.adapter.send_number(1).await.text, format!("✨ {style}，做好了！"), "{text}");
        assert_eq!(world.provider.requests()[0].references.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn english_is_spoken_where_it_is_set() {
    let world = world_in(Locale::EnUs, &json!({}), vec![Step::Fail(ErrorClass::Quota)]);
    assert_says(world.says("ann", "/help").await, "/draw description");
    assert_says(world.says("ann", "/draw").await, "for example: /draw a corgi");
    assert_says(world.says("ann", "/presets").await, "/figurine, /figurine2, /figurine3");
    assert_says(world.says("ann", "/jobs").await, "Nothing is in progress");
    assert_eq!(world.says("ann", "/draw a cat").await, None);
    assert!(world.adapter.send_number(5).await.text.contains("run out of credit"));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_starts_no_pause() {
    let world = world(&json!({"debounce_seconds": 3}), vec![Step::Hold(Arc::new(Notify::new()))]);
    // One runs; of two hundred places in the queue a person may hold twenty.
    for _ in 0..21 {
        assert_eq!(world.says("ann", "/生图 猫").await, None);
        world.clock.advance_millis(3_000);
    }
    assert_says(world.says("ann", "/生图 猫").await, "[E-QUEUE");
    world.clock.advance_millis(30_000);
    assert_says(world.says("ann", "/生图 猫").await, "[E-QUEUE");
    assert_says(world.says("ann", "/取消 21").await, "21 号已取消");
    world.marked(1, Reaction::Failed).await;
    assert_eq!(world.says("ann", "/生图 猫").await, None, "nobody made her wait");
    assert_says(world.says("ann", "/生图 猫").await, "秒后再发吧");
}

#[tokio::test(start_paused = true)]
async fn an_earlier_picture_is_meant_for_two_minutes() {
    let world = world(&json!({}), vec![]);
    let bytes = test_picture().body.read().unwrap();
    let picture = || PictureRef {
        origin: PictureOrigin::Recent,
        locator: PictureLocator::Url("https://example.invalid/mine".to_owned()),
    };
    world.adapter.serve("https://example.invalid/mine", Ok(bytes));
    world.adapter.put_recent("g", "ann", vec![picture()]);
    world.clock.advance_millis(120_000);
    assert_eq!(world.says("ann", "/改图 水彩").await, None);
    world.done(1).await;
    assert_eq!(world.provider.requests()[0].references.len(), 1);
    world.clock.advance_millis(1);
    assert_says(world.says("ann", "/改图 水彩").await, "[E-NEEDS-PICTURE]");
    // Whoever asks for a figurine is drawn themselves then.
    world.adapter.serve("avatar:ann", Ok(test_picture().body.read().unwrap()));
    assert_eq!(world.says("ann", "/手办化").await, None);
    world.done(2).await;
    assert_eq!(world.adapter.downloads(), ["https://example.invalid/mine", "avatar:ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_taken_back_ends_while_it_costs_nothing() {
    let limit = json!({"rate_limit_max_calls_per_user": 2, "rate_limit_period_seconds": 60});
    let go = Arc::new(Notify::new());
    let world = world(&limit, vec![Step::Hold(go.clone())]);
    let running = world.message("ann", "/生图 在画的猫");
    assert_eq!(world.tell(running.clone()).await, None);
    world.provider.arrivals(1).await;
    let waiting = world.message("ann", "/生图 排队的狗");
    assert_eq!(world.tell(waiting.clone()).await, None);
    assert_says(world.says("ann", "/生图 鸟").await, "[E-LIMIT]");

    let elsewhere = Chat { id: "other".into(), ..waiting.chat.clone() };
    world.desk.recalled(&elsewhere, &waiting.id);
    world.desk.recalled(&waiting.chat, &"m999".into());
    assert!(world.says("ann", "/任务").await.unwrap().contains("排队的狗"), "another message was meant");
    world.desk.recalled(&waiting.chat, &waiting.id);
    world.desk.recalled(&running.chat, &running.id);
    // The dog's place among the limits is free again.
    world.marked(1, Reaction::Failed).await;
    assert_eq!(world.says("ann", "/生图 鸟").await, None);
    go.notify_one();
    world.done(2).await;
    let prompts: Vec<_> =
        world.provider.requests().iter().map(|request| request.prompt.to_string()).collect();
    assert_eq!(prompts, ["在画的猫", "鸟"], "what was asked for is delivered, the rest never asked for");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_taken_back_while_its_pictures_come_is_never_paid() {
    let world = world(&json!({}), vec![]);
    let link = PictureRef {
        origin: PictureOrigin::Message,
        locator: PictureLocator::Url("https://example.invalid/slow".to_owned()),
    };
    let hold = world.adapter.hold_downloads();
    let message = Message { pictures: vec![link], ..world.message("ann", "/改图 水彩") };
    assert_eq!(world.tell(message.clone()).await, None);
    while world.adapter.downloads().is_empty() {
        tokio::task::yield_now().await;
    }
    world.desk.recalled(&message.chat, &message.id);
    hold.notify_one();
    while !world.says("ann", "/任务").await.unwrap().contains("没有正在画") {
        tokio::task::yield_now().await;
    }
    assert!(world.provider.requests().is_empty());
}
