//! What is not said, what is said once, and results that are sent again.

use super::*;
use crate::{message::Quote, ports::Capabilities};

/// Groups of other bots.
fn closed() -> Value {
    json!({"group_filter_mode": "whitelist", "group_filter_list": ["other"], "group_refusal": "text"})
}

impl World {
    /// What the desk does with so many commands at once: how many sentences and how many marks.
    async fn pastes(&self, user: &str, text: &str, number: usize) -> (usize, usize) {
        let (sends, marks) = (self.adapter.sends().len(), self.adapter.reactions().len());
        for _ in 0..number {
            self.says(user, text).await;
        }
        (self.adapter.sends().len() - sends, self.adapter.reactions().len() - marks)
    }

    /// Has this drawn, and waits until so many jobs have ended well.
    async fn draws(&self, user: &str, text: &str, done: usize) {
        assert_eq!(self.says(user, text).await, None, "{text}");
        self.done(done).await;
    }
}

#[tokio::test(start_paused = true)]
async fn verbs_that_are_not_built_are_left_to_other_bots_in_every_group() {
    let long = "长".repeat(4001);
    let texts = [
        "/状态".to_owned(),
        "/白名单".to_owned(),
        "/lang en".to_owned(),
        "/自拍 笑一个".to_owned(),
        "/自拍参考 设置".to_owned(),
        "/批量4 生图 猫".to_owned(),
        format!("/自拍 {long}"),
        format!("/批量4 生图 {long}"),
        format!("/批量4 生图 {long}{long}"),
        format!("/providers {long}"),
    ];
    for access in [closed(), json!({})] {
        let world = world(&access, vec![]);
        for text in &texts {
            assert_eq!(world.says("ann", text).await, None, "{text:.40}");
        }
        assert!(world.adapter.sends().is_empty() && world.adapter.reactions().is_empty());
    }
    // Our own verbs hear of the lists, and of their length where they may be used.
    let long = format!("/生图 {long}");
    assert_says(world(&closed(), vec![]).says("ann", &long).await, "[E-LISTS]");
    assert_says(world(&json!({}), vec![]).says("ann", &long).await, "[E-PROMPT-LONG]");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_said_once_then_marked_then_silent() {
    let limit = json!({"rate_limit_max_calls_per_user": 1, "rate_limit_period_seconds": 60});
    for (access, first, text, wait) in [
        (json!({}), None, "/生图", 30_000),
        (json!({}), None, "/改图 水彩", 30_000),
        (json!({}), None, "/生图@nobody 猫", 30_000),
        (json!({}), None, "/重发图片", 30_000),
        (json!({"debounce_seconds": 300}), Some("/生图 狗"), "/生图 猫", 300_000),
        (limit, Some("/生图 狗"), "/生图 猫", 60_000),
    ] {
        let world = world(&access, vec![]);
        if let Some(first) = first {
            world.draws("ann", first, 1).await;
        }
        assert_eq!(world.pastes("ann", text, 200).await, (1, 3), "{text}");
        let marks = world.adapter.reactions();
        assert!(marks[marks.len() - 3..].iter().all(|(_, mark)| *mark == Reaction::Failed), "{text}");
        // Somebody else, another chat and another refusal are heard at once.
        if first.is_none() {
            assert_eq!(world.pastes("bob", text, 1).await, (1, 0), "{text}");
            let elsewhere = Chat { id: "h".into(), ..world.message("ann", text).chat };
            let sends = world.adapter.sends().len();
            world.tell(Message { chat: elsewhere, ..world.message("ann", text) }).await;
            assert_eq!(world.adapter.sends().len(), sends + 1, "{text}");
        }
        assert_eq!(world.pastes("ann", "/视频 小船", 9).await, (1, 3), "{text}");
        // A shorter wait is no news; the end of it is the end of silence.
        world.clock.advance_millis(wait - 1);
        assert_eq!(world.pastes("ann", text, 1).await.0, 0, "{text}");
        world.clock.advance_millis(1);
        let told = world.says("ann", text).await;
        assert_eq!(told.is_some(), first.is_none(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_marks_what_is_new_is_said() {
    let world = world(&json!({"debounce_seconds": 60}), vec![]);
    let direct = |text: &str| {
        let message = world.message("ann", text);
        let chat = Chat { kind: ChatKind::Direct, id: "ann".into(), ..message.chat.clone() };
        Message { chat, ..message }
    };
    assert_eq!(world.tell(direct("/生图 猫")).await, None);
    world.adapter.send_number(1).await;
    // Nothing was heard yet of either pause.
    assert_eq!(world.tell(direct("/重发图片")).await, Some(String::new()));
    let before = world.adapter.sends().len();
    for text in ["/生图 猫", "/重发图片", "/生图 猫", "/重发图片"] {
        world.tell(direct(text)).await;
    }
    let told = world.adapter.sends().split_off(before);
    assert_eq!(told.len(), 2, "each of them is said once");
    assert!(told.iter().all(|send| send.text.contains("[E-DEBOUNCE]")));
    // Other words each time, and no mark in their place.
    for name in ["a", "b", "c", "d", "d", "e", "f"] {
        world.tell(direct(&format!("/生图@{name} 猫"))).await;
    }
    let told = world.adapter.sends().split_off(before + 2);
    let named = told
        .iter()
        .map(|send| ["a", "b", "c", "d", "e", "f"].map(|name| send.text.contains(&format!("“{name}”"))));
    let named: Vec<_> = named.map(|of| of.iter().position(|found| *found)).collect();
    assert_eq!(named, [Some(0), Some(1), Some(2), Some(3)], "and not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_result_is_sent_again_by_its_number() {
    let world = world(&json!({}), vec![]);
    world.draws("ann", "/生图 猫 x2", 1).await;
    world.draws("bob", "/生图 狗", 2).await;
    world.draws("ann", "/生图 鸟", 3).await;
    let again = async |user: &str, text: &str| {
        let before = world.adapter.sends().len();
        world.says(user, text).await;
        let sends = world.adapter.sends();
        (sends.len() - before, sends.last().unwrap().text.clone())
    };
    assert_eq!(again("ann", "/重发图片 1").await.0, 2, "the first job made two");
    assert_eq!(again("ann", "/重发图片 3").await.0, 1);
    assert_eq!(again("ann", "/重发图片").await.0, 1, "the latest");
    // Somebody else's, one that never was, and none at all.
    for (user, number) in [("ann", 2), ("ann", 9), ("bob", 1), ("bob", 0)] {
        let (sends, told) = again(user, &format!("/resend {number}")).await;
        assert_eq!(sends, 1);
        assert!(told.contains("[E-RESEND]") && told.contains(&format!("{number} 号")), "{user}: {told}");
    }
    let elsewhere = Chat { id: "h".into(), ..world.message("ann", "").chat };
    let told = world.tell(Message { chat: elsewhere, ..world.message("ann", "/重发图片 1") }).await;
    assert_says(told, "没有 1 号的图可以重发");
    assert_eq!(world.provider.requests().len(), 3, "nothing is drawn anew");
}

#[tokio::test(start_paused = true)]
async fn results_are_sent_again_one_at_a_time_and_with_a_pause() {
    let world = world(&json!({"debounce_seconds": 3}), vec![]);
    assert_says(world.says("ann", "/重发图片").await, "[E-RESEND]");
    world.draws("ann", "/生图 猫", 1).await;
    world.draws("owner", "/生图 狗", 2).await;
    assert_eq!(
        world.says("ann", "/重发图片").await,
        Some(String::new()),
        "what was not found starts no pause"
    );
    assert_says(world.says("ann", "/重发图片 1").await, "[E-DEBOUNCE]");
    world.clock.advance_millis(3_000);
    // One whose sending has not ended yet.
    let sending = world.desk.decide(world.message("ann", "/重发图片")).await.unwrap();
    world.clock.advance_millis(3_000);
    assert_says(world.says("ann", "/重发图片").await, "[E-RESEND-BUSY]");
    let other = world.desk.decide(world.message("owner", "/重发图片")).await.unwrap();
    assert_says(world.says("owner", "/重发图片").await, "[E-RESEND-BUSY]");
    other.await;
    assert_eq!(world.says("owner", "/重发图片").await, Some(String::new()), "owners wait for nothing else");
    sending.await;
    assert_eq!(world.says("ann", "/重发图片").await, Some(String::new()));
    // The pause is one of its own.
    world.draws("ann", "/生图 鸟", 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_mention_is_a_reference_of_a_drawing_where_somebody_takes_references() {
    let (able, unable) = (ScriptedProvider::new("p", vec![]), {
        let words_only = Capabilities { generate: true, max_count: 4, ..Capabilities::default() };
        ScriptedProvider::with_capabilities("p", words_only, vec![])
    });
    for (provider, references) in [(able, 3), (unable, 0)] {
        let world = world_around(Locale::ZhCn, &json!({}), provider, None);
        let link = |name: &str| PictureRef {
            origin: PictureOrigin::Message,
            locator: PictureLocator::Url(format!("https://example.invalid/{name}")),
        };
        for name in ["https://example.invalid/quoted", "https://example.invalid/own", "avatar:bob"] {
            world.adapter.serve(name, Ok(test_picture().body.read().unwrap()));
        }
        let mut message = Message { mentions: vec!["bob".into()], ..world.message("ann", "/生图 骑车") };
        if references > 0 {
            world.adapter.put_quote("q", Quote { pictures: vec![link("quoted")], ..Quote::default() });
            message.pictures = vec![link("own")];
            message.quote = Some("q".into());
        }
        assert_eq!(world.tell(message).await, None);
        world.done(1).await;
        let request = &world.provider.requests()[0];
        assert_eq!((&*request.prompt, request.references.len()), ("骑车", references));
        let expected = ["https://example.invalid/quoted", "https://example.invalid/own", "avatar:bob"];
        assert_eq!(world.adapter.downloads(), expected[..references]);
    }
}
