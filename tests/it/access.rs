//! Who may use easel, and how much: lists, owners, direct chats, limits, debounce, places for jobs.

use easel_testkit::{
    onebot::{MemberRole, Message, Sent, To},
    provider::Answer,
};

use crate::world::{GROUP, OWNER, USER, World, configuration, journal, until, world_with};

/// Another ordinary member.
const OTHER: i64 = 2_200_000_022;

/// A world with these lines in `[access]`; [`OWNER`] is an owner.
async fn world(access: &str) -> World {
    world_with(|provider| {
        let own = configuration(provider).replace("[access]\n", &format!("[access]\n{access}\n"));
        own.replace("[bot]\n", &format!("[bot]\nadmins = [\"onebot:{OWNER}\"]\n"))
    })
    .await
}

fn by(user: i64, text: &str) -> Message {
    Message::group(GROUP, user).text(text)
}

impl World {
    async fn draws(&self, message: Message) -> Sent {
        self.bot.send(message).await;
        let sent = self.bot.next_send().await;
        if sent.pictures.is_empty() && sent.text.contains("开始画了") {
            return self.bot.next_picture().await;
        }
        assert!(!sent.pictures.is_empty(), "no picture but {:?}", sent.text);
        sent
    }

    async fn refuses(&self, message: Message, code: &str) -> String {
        let request = self.bot.send(message).await;
        let told = self.bot.next_send().await;
        assert_eq!(told.quote, Some(request.to_string()));
        assert!(told.text.contains(&format!("[{code}]")), "{}", told.text);
        told.text
    }
}

#[tokio::test]
async fn a_group_beside_the_whitelist_hears_so_once() {
    let world = world("group_filter_mode = \"whitelist\"\ngroup_filter_list = [\"onebot:42, 43\"]").await;
    // Chatter, and words of other bots, are no reason to speak.
    world.ignores(by(USER, "大家好")).await;
    world.ignores(by(USER, "/签到")).await;
    for theirs in ["/状态", "/白名单", "/lang en", "/自拍 笑一个", "/批量4 生图 猫"] {
        world.ignores(by(USER, theirs)).await;
    }
    world.ignores(by(USER, &format!("/自拍 {}", "长".repeat(4001)))).await;
    let told = world.refuses(by(USER, "/生图 一只猫"), "E-LISTS").await;
    assert!(told.contains("本群还没有开通") && told.contains("主人"), "{told}");
    // At most once per chat and hour, whoever asks and whatever for.
    world.ignores(by(USER, "/生图 一只猫")).await;
    world.ignores(by(OTHER, "/img帮助")).await;
    // A rank in the group changes nothing; owners pass.
    world.ignores(by(OTHER, "/生图 一只猫").role(MemberRole::Owner)).await;
    world.draws(by(OWNER, "/生图 一只猫")).await;
    // Another chat hears it too, and the listed ones are served.
    let elsewhere = Message::group(44, USER).text("/生图 一只猫");
    world.refuses(elsewhere, "E-LISTS").await;
    for listed in [42, 43] {
        let sent = world.draws(Message::group(listed, USER).text("/生图 一只猫")).await;
        assert_eq!(sent.to, To::Group(listed));
    }
    assert_eq!(world.provider.requests().len(), 3);
}

#[tokio::test]
async fn a_group_of_the_blacklist_hears_nothing() {
    let world = world(&format!("group_filter_mode = \"blacklist\"\ngroup_filter_list = [\"{GROUP}\"]")).await;
    world.ignores(by(USER, "/生图 一只猫")).await;
    world.ignores(by(USER, "/img帮助")).await;
    world.draws(Message::group(42, USER).text("/生图 一只猫")).await;
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn refusals_speak_or_not_as_configured() {
    let list =
        format!("group_filter_list = [{GROUP}]\ngroup_refusal = \"text\"\ngroup_filter_mode = \"blacklist\"");
    let blocked = world(&list).await;
    assert!(blocked.refuses(by(USER, "/生图 一只猫"), "E-LISTS").await.contains("不能使用"));
    blocked.ignores(by(USER, "/生图 一只猫")).await;
    let silent = world("group_filter_mode = \"whitelist\"\ngroup_refusal = \"silent\"").await;
    silent.ignores(by(USER, "/生图 一只猫")).await;
    assert!(blocked.provider.requests().is_empty() && silent.provider.requests().is_empty());
}

#[tokio::test]
async fn lists_of_people() {
    let white =
        world(&format!("user_filter_mode = \"whitelist\"\nuser_filter_list = [\"onebot:{USER}\"]")).await;
    white.draws(by(USER, "/生图 一只猫")).await;
    assert!(white.refuses(by(OTHER, "/生图 一只猫"), "E-LISTS").await.contains("你还没有开通"));
    white.ignores(by(OTHER, "/生图 一只猫")).await;
    white.draws(by(OWNER, "/生图 一只猫")).await;

    let black = world(&format!("user_filter_mode = \"blacklist\"\nuser_filter_list = [\"{USER}\"]")).await;
    black.ignores(by(USER, "/生图 一只猫")).await;
    black.draws(by(OTHER, "/生图 一只猫")).await;
    black.ignores(Message::private(USER).text("/生图 一只猫")).await;
}

#[tokio::test]
async fn direct_chats_are_no_back_door() {
    let group_list = world("group_filter_mode = \"whitelist\"\ngroup_filter_list = [\"42\"]").await;
    for stranger in [Message::private(USER), Message::temporary(42, USER + 1)] {
        let told = group_list.refuses(stranger.text("/生图 一只猫"), "E-LISTS").await;
        assert!(told.contains("私聊里还没有为你开通"), "{told}");
    }
    group_list.draws(Message::private(OWNER).text("/生图 一只猫")).await;

    let with_people =
        world(&format!("group_filter_mode = \"whitelist\"\nuser_filter_list = [\"{USER}\"]")).await;
    with_people.draws(Message::private(USER).text("/生图 一只猫")).await;
    with_people.refuses(Message::private(OTHER).text("/生图 一只猫"), "E-LISTS").await;

    let admins = world("direct_chats = \"admins\"").await;
    admins.refuses(Message::private(USER).text("/生图 一只猫"), "E-LISTS").await;
    admins.draws(Message::private(OWNER).text("/生图 一只猫")).await;
    admins.draws(by(USER, "/生图 一只猫")).await;

    let opened = world("group_filter_mode = \"whitelist\"\ndirect_chats = \"everyone\"").await;
    opened.draws(Message::private(USER).text("/生图 一只猫")).await;
}

/// The seconds that a sentence asks to wait.
fn seconds(sentence: &str) -> u64 {
    let (before, _) = sentence.rsplit_once('后').unwrap();
    let (before, unit) = before.rsplit_once(' ').unwrap();
    let count = before.split(|letter: char| !letter.is_ascii_digit()).next_back().unwrap();
    count.parse::<u64>().unwrap() * if unit == "秒" { 1 } else { 60 }
}

#[tokio::test]
async fn a_member_has_so_many_pictures_per_period() {
    let world = world("rate_limit_max_calls_per_user = 2\nrate_limit_period_seconds = 600").await;
    world.draws(by(USER, "/生图 一")).await;
    let second = world.draws(by(USER, "/生图 二")).await;
    world.marks(second.quote.unwrap().parse().unwrap(), "79").await;
    let told = world.refuses(by(USER, "/生图 三"), "E-LIMIT").await;
    assert!(told.contains("10 分钟内最多 2 次"), "{told}");
    assert!((1..=600).contains(&seconds(&told)), "{told}");
    // Everywhere, and whatever rank; help and lists pass.
    world.refuses(Message::private(USER).text("/生图 三"), "E-LIMIT").await;
    let again = world.bot.send(by(USER, "/生图 三").role(MemberRole::Admin)).await;
    world.marks(again, "106").await;
    world.sends_nothing().await;
    assert!(world.asks("/img帮助").await.contains("/生图"));
    assert!(world.asks("/任务").await.contains("没有正在画"));
    world.says("/重发图片").await;
    world.bot.next_picture().await;
    // Others and owners are not meant.
    world.draws(by(OTHER, "/生图 一")).await;
    for _ in 0..3 {
        world.draws(by(OWNER, "/生图 一")).await;
    }
    assert_eq!(world.provider.requests().len(), 6);
}

#[tokio::test]
async fn a_group_has_so_many_pictures_per_period() {
    let world = world("rate_limit_max_calls_per_group = 2\nrate_limit_period_seconds = 600").await;
    world.draws(by(USER, "/生图 一")).await;
    world.draws(by(OTHER, "/生图 二")).await;
    let told = world.refuses(by(USER, "/生图 三"), "E-LIMIT").await;
    assert!(told.contains("本群") && told.contains("最多 2 次") && seconds(&told) > 0, "{told}");
    world.draws(Message::group(42, USER).text("/生图 三")).await;
    world.draws(Message::private(USER).text("/生图 四")).await;
}

#[tokio::test]
async fn what_was_not_drawn_does_not_count() {
    let world = world("rate_limit_max_calls_per_user = 1\nrate_limit_period_seconds = 600").await;
    // Refused words count for nothing.
    world.refuses(by(USER, "/生图"), "E-NEEDS-PROMPT").await;
    world.refuses(by(USER, "/改图 没有图"), "E-NEEDS-PICTURE").await;
    // A failure is given back.
    world.provider.answer(Answer::content_policy());
    let request = world.says("/生图 被拒").await;
    assert!(world.hears().await.text.contains("[E-"));
    world.marks(request, "106").await;
    world.provider.answer(Answer::draws().held());
    world.says("/生图 取消").await;
    world.provider.next_request().await;
    world.provider.next_request().await;
    assert!(world.asks("/取消").await.contains("已取消"));
    world.provider.next_hang_up().await;
    // The provider was drawing already and may have been paid: cancelling then is no free drawing.
    world.refuses(by(USER, "/生图 一只猫"), "E-LIMIT").await;
}

#[tokio::test]
async fn limits_survive_a_restart() {
    let mut world = world("rate_limit_max_calls_per_user = 1\nrate_limit_period_seconds = 6000").await;
    world.draws(by(USER, "/生图 一")).await;
    assert_eq!(world.easel.take().unwrap().stop(), Some(0));
    world.bot.disconnected().await;
    world.start().await;
    world.refuses(by(USER, "/生图 二"), "E-LIMIT").await;
}

#[tokio::test]
async fn what_a_job_took_survives_a_kill_at_any_moment() {
    let mut world = world("rate_limit_max_calls_per_user = 1\nrate_limit_period_seconds = 6000").await;
    // Drawn, then killed before the counts are stored, which happens every few seconds.
    world.draws(by(USER, "/生图 一")).await;
    let data = world.path("data");
    let ended = || journal(&data).iter().any(|(_, entry)| entry["event"] == "finished");
    until("the end of the job", ended).await;
    world.kill_and_start().await;
    world.refuses(by(USER, "/生图 二"), "E-LIMIT").await;

    // Killed between two tries: nobody was paid. It runs again, keeps its place, and gives it back when it fails.
    world.provider.answer(Answer::rate_limited_for(15));
    world.bot.send(by(OTHER, "/生图 一")).await;
    let refused =
        || journal(&data).iter().any(|(_, entry)| entry["event"] == "answered" && !entry["error"].is_null());
    until("the refusal in the journal", refused).await;
    for _ in 0..2 {
        world.provider.next_request().await;
    }
    world.provider.answer(Answer::draws().held());
    world.kill_and_start().await;
    world.refuses(by(OTHER, "/生图 二"), "E-LIMIT").await;
    world.provider.next_request().await;
    world.kill_and_start().await;
    // The one that was cut off while it was drawn may have been paid: it counts.
    world.bot.next_send_where("the interruption", |sent| sent.text.contains("[E-INTERRUPTED]")).await;
    world.refuses(by(OTHER, "/生图 三"), "E-LIMIT").await;
}

#[tokio::test]
async fn a_job_that_fails_after_a_restart_is_given_back() {
    let mut world = world("rate_limit_max_calls_per_user = 1\nrate_limit_period_seconds = 6000").await;
    world.provider.answer(Answer::rate_limited_for(15));
    world.says("/生图 一").await;
    let data = world.path("data");
    let refused = || journal(&data).iter().any(|(_, entry)| entry["event"] == "answered");
    until("the refusal in the journal", refused).await;
    world.provider.answer(Answer::content_policy());
    world.kill_and_start().await;
    assert!(world.hears().await.text.contains("[E-MODERATION]"));
    let ended = || journal(&data).iter().any(|(_, entry)| entry["event"] == "finished");
    until("the end of the job", ended).await;
    world.draws(by(USER, "/生图 二")).await;
    world.refuses(by(USER, "/生图 三"), "E-LIMIT").await;
}

#[tokio::test]
async fn whoever_is_refused_by_content_checks_again_and_again_has_to_wait() {
    let lines = "moderation_max_refusals_per_user = 2\nmoderation_period_seconds = 3600";
    let mut world = world(lines).await;
    let refused = async |world: &World, user: i64, answer: Answer| {
        world.provider.answer(answer);
        let request = world.bot.send(by(user, "/生图 不该画的")).await;
        assert!(world.hears().await.text.contains("[E-MODERATION"));
        world.marks(request, "106").await;
    };
    refused(&world, USER, Answer::content_policy()).await;
    world.draws(by(USER, "/生图 正经的")).await;
    refused(&world, USER, Answer::moderation_output()).await;
    let asked = world.provider.requests().len();
    let told = world.refuses(by(USER, "/生图 一只猫"), "E-LIMIT-MODERATION").await;
    assert!(told.contains("在 1 小时内有 2 次") && told.contains("1 小时后"), "{told}");
    world.refuses(Message::private(USER).text("/生图 一只猫"), "E-LIMIT-MODERATION").await;
    assert_eq!(world.provider.requests().len(), asked, "nobody was asked");
    assert!(world.asks("/img帮助").await.contains("/生图"), "everything else works on");
    // Others are not meant, nor is the owner, whose account it is.
    world.draws(by(OTHER, "/生图 一只猫")).await;
    for _ in 0..3 {
        refused(&world, OWNER, Answer::content_policy()).await;
    }
    world.draws(by(OWNER, "/生图 一只猫")).await;
    // A restart is no way around it.
    assert_eq!(world.easel.take().unwrap().stop(), Some(0));
    world.bot.disconnected().await;
    world.start().await;
    world.refuses(by(USER, "/生图 一只猫"), "E-LIMIT-MODERATION").await;
}

#[tokio::test]
async fn quick_repetitions_wait() {
    let world = world_with(|provider| {
        let own = configuration(provider).replace("debounce_seconds = 0", "debounce_seconds = 300");
        own.replace("[bot]\n", &format!("[bot]\nadmins = [\"onebot:{OWNER}\"]\n"))
    })
    .await;
    // Words that start no job start no pause.
    world.refuses(by(USER, "/生图"), "E-NEEDS-PROMPT").await;
    world.draws(by(USER, "/生图 一")).await;
    let told = world.refuses(by(USER, "/生图 二"), "E-DEBOUNCE").await;
    assert!((1..=300).contains(&seconds(&told)), "{told}");
    // Whoever pastes is not answered again and again: a few marks, then silence.
    let marked = |world: &World| world.bot.reactions().iter().filter(|mark| mark.emoji_id == "106").count();
    let before = marked(&world);
    for _ in 0..40 {
        world.bot.send(by(USER, "/生图 二")).await;
    }
    world.sends_nothing().await;
    assert!((1..=3).contains(&(marked(&world) - before)), "{}", marked(&world) - before);
    // Another kind, another member, help, lists and owners are not meant.
    world.refuses(by(USER, "/改图 亮一点"), "E-NEEDS-PICTURE").await;
    assert!(world.asks("/img帮助").await.contains("/生图"));
    assert!(world.asks("/取消").await.contains("[E-JOB]"));
    world.draws(by(OTHER, "/生图 一")).await;
    world.draws(by(OWNER, "/生图 一")).await;
    world.draws(by(OWNER, "/生图 二")).await;
}

#[tokio::test]
async fn jobs_beyond_the_places_wait_and_are_told_their_position() {
    let world = world_with(|provider| {
        configuration(provider)
            .replace("max_running_per_user = 8", "max_running_per_user = 1\nmax_waiting = 2")
            .replace("max_running_per_chat = 8", "max_running_per_chat = 2")
    })
    .await;
    world.provider.always(Answer::draws().held());
    let first = world.says("/生图 一").await;
    world.provider.next_request().await;
    let second = world.says("/生图 二").await;
    let told = world.hears().await;
    assert_eq!(told.quote, Some(second.to_string()));
    assert!(told.text.contains("排在第") && told.text.contains(" 号"), "{}", told.text);
    // Somebody else does not wait behind the one who asks much.
    world.bot.send(by(OTHER, "/生图 三")).await;
    assert_eq!(world.provider.next_request().await.prompt().as_deref(), Some("三"));
    // The group's places are taken, then the queue is full.
    world.bot.send(by(OTHER + 1, "/生图 四")).await;
    assert!(world.hears().await.text.contains("排在第"));
    world.bot.send(by(OTHER + 2, "/生图 五")).await;
    let full = world.hears().await.text;
    assert!(full.contains("排队的人太多"), "{full}");
    world.bot.send(by(USER, "/任务")).await;
    let list = world.hears().await.text;
    assert!(list.contains("一　已画") && list.contains("二　排在第"), "{list}");
    assert_eq!(world.provider.requests().len(), 2);
    world.provider.always(Answer::draws());
    world.provider.release();
    for _ in 0..4 {
        world.bot.next_picture().await;
    }
    assert_eq!(world.marks(first, "79").await, ["125", "79"]);
    assert_eq!(world.provider.requests().len(), 4);
}
