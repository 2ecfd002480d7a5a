//! Broken, hostile and oversized input from every side: always a clear answer or silence, never a crash, and the next
//! request is served.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_testkit::{
    files::FileServer,
    onebot::{Message, Sent},
    pictures,
    provider::Answer,
};
use serde_json::json;

use crate::world::{GROUP, USER, World, configuration, world, world_with};

/// The member asks for a picture and gets it, over the connection that was there all the time.
async fn draws(world: &World) {
    assert_eq!(world.bot.link_count(), 1, "the bad input cost the connection");
    world.says("/生图 一只猫").await;
    assert!(world.bot.next_picture().await.delivered);
}

/// Waits for either end of a job.
async fn end(world: &World) -> Sent {
    let ends = |sent: &Sent| sent.text.contains("[E-") || !sent.pictures.is_empty();
    world.bot.next_send_where("a picture or a sentence with a code", ends).await
}

#[tokio::test]
async fn frames_that_are_no_events_change_nothing() {
    let world = world().await;
    for frame in [
        "",
        "   ",
        "null",
        "0",
        "[]",
        "\"text\"",
        "{",
        "}",
        "{}",
        "[{\"post_type\":\"message\"}]",
        "{\"post_type\":",
        "{\"post_type\":\"message\"}",
        "{\"post_type\":\"message\",\"message\":null}",
        "{\"post_type\":\"message\",\"message_type\":\"group\",\"message\":[{}]}",
        "{\"post_type\":\"message\",\"message_type\":\"group\",\"group_id\":\"x\",\"message\":\"/生图 猫\"}",
        "{\"post_type\":\"message\",\"message_type\":\"group\",\"group_id\":1e400}",
        "{\"post_type\":17}",
        "{\"post_type\":\"message\",\"post_type\":\"notice\"}",
        "{\"echo\":\"nobody asked\",\"status\":\"ok\",\"retcode\":0,\"data\":{}}",
        "{\"echo\":{\"a\":[1]},\"retcode\":\"x\"}",
        "/生图 一只猫",
        "\u{feff}{\"post_type\":\"meta_event\"}",
        "{\"post_type\":\"message\",\"raw_message\":\"\\ud800\"}",
    ] {
        world.bot.frame_text(frame).await;
    }
    let deep = format!("{{\"post_type\":\"message\",\"message\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    world.bot.frame_text(&deep).await;
    world.bot.frame_binary(b"\x00\xff\xfe not text").await;
    draws(&world).await;
    assert_eq!((world.bot.sends().len(), world.provider.requests().len()), (1, 1));
}

#[tokio::test]
async fn unknown_events_and_segments_are_passed_over() {
    let world = world().await;
    for event in [
        json!({ "post_type": "wormhole", "self_id": 3_001_000_001_i64, "time": 1 }),
        json!({ "post_type": "notice", "notice_type": "from_the_future", "group_id": GROUP, "data": [1, 2] }),
        json!({ "post_type": "request", "request_type": "marriage", "flag": null }),
        json!({ "post_type": "meta_event", "meta_event_type": "dream" }),
        json!({ "post_type": "message", "message_type": "guild", "message": "/生图 猫", "message_id": 1 }),
    ] {
        world.bot.event_raw(&event).await;
    }
    let odd = Message::group(GROUP, USER)
        .segment("hologram", json!({ "a": [null, { "b": 1 }] }))
        .segment("image", json!(null))
        .segment("at", json!({ "qq": 7 }));
    world.bot.send(odd.clone()).await;
    // Around a command they do no harm either.
    world.bot.send(odd.text("/img帮助").segment("dice", json!({ "result": "6" }))).await;
    draws(&world).await;
}

#[tokio::test]
async fn a_frame_of_50_mb_is_refused_by_the_bound_and_easel_goes_on() {
    let world = world().await;
    world.bot.send(Message::group(GROUP, USER).text("/img帮助").padding(10_000_000)).await;
    assert!(world.hears().await.text.contains("生图"), "10 MB are within the bound");
    world.bot.send(Message::group(GROUP, USER).text("/生图 太大").padding(50_000_000)).await;
    world.easel().logs("max_frame_bytes").await;
    world.bot.disconnected().await;
    world.bot.reconnect().await.unwrap();
    draws(&world).await;
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_prompt_may_have_4000_characters_and_not_one_more() {
    let world = world().await;
    let text = world.asks(&format!("/生图 {}", "长".repeat(4001))).await;
    assert!(text.contains("最多 4000 字"), "{text}");
    assert!(world.provider.requests().is_empty());
    let longest = "长".repeat(4000);
    world.says(&format!("/生图 {longest}")).await;
    world.bot.next_picture().await;
    assert_eq!(world.provider.next_request().await.prompt(), Some(longest));
}

/// What the provider is asked for when somebody wishes for `prompt`.
async fn reaches(world: &World, prompt: &str) -> String {
    world.says(&format!("/生图 {prompt}")).await;
    assert!(world.bot.next_picture().await.delivered);
    world.provider.next_request().await.prompt().unwrap_or_default()
}

#[tokio::test]
async fn prompts_of_any_letters_reach_the_provider_whole() {
    let world = world().await;
    for prompt in [
        "两行\n第二行 😀\u{200d}👩‍🎨",
        "\"quotes\" \\back\\slash {json: true} </script>",
        "[CQ:at,qq=all] &#91;不是代码&#93; &amp;",
        "'; DROP TABLE jobs; --",
        "right \u{202e}to left\u{202c} again",
    ] {
        let asked = reaches(&world, prompt).await;
        assert!(asked.contains(prompt), "{prompt:?} became {asked:?}");
    }
    // Nobody means those, and services refuse or print them.
    let asked = reaches(&world, "a \u{7}bell\u{0}").await;
    assert!(asked.contains("a bell") && !asked.contains(['\u{7}', '\u{0}']), "{asked:?}");
}

#[tokio::test]
async fn provider_answers_of_any_shape_end_in_a_picture_or_a_sentence() {
    let once = |base: &str| configuration(base).replace("model =", "max_retry_attempts = 1\nmodel =");
    let world = world_with(once).await;
    let picture = pictures::png(40, 40, 1);
    let good = json!({ "created": 1, "data": [{ "b64_json": STANDARD.encode(&picture) }] }).to_string();
    let nested = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "null",
        "true",
        "0",
        "\"\"",
        "[]",
        "{}",
        "{",
        "]",
        "data: [DONE]",
        "data: {",
        "event: error\n\n",
        "{\"data\":null}",
        "{\"data\":0}",
        "{\"data\":\"x\"}",
        "{\"data\":[null]}",
        "{\"data\":[[]]}",
        "{\"data\":[{}]}",
        "{\"data\":[{\"b64_json\":null}]}",
        "{\"data\":[{\"b64_json\":17}]}",
        "{\"data\":[{\"b64_json\":\"\"}]}",
        "{\"data\":[{\"b64_json\":\"====\"}]}",
        "{\"data\":[{\"b64_json\":\"AAAA\"}]}",
        "{\"data\":[{\"url\":\"\"}]}",
        "{\"data\":[{\"url\":\"not a url\"}]}",
        "{\"data\":[{\"url\":\"file:///etc/passwd\"}]}",
        "{\"data\":[{\"url\":\"javascript:alert(1)\"}]}",
        "{\"data\":[{\"url\":\"http://10.0.0.1/a.png\"}]}",
        "{\"data\":{\"data\":{\"data\":{}}}}",
        "{\"error\":null}",
        "{\"choices\":[]}",
        "{\"choices\":[{\"message\":null}]}",
        "{\"choices\":[{\"message\":{\"content\":\"我不会画。\"}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[]}}]}",
        "{\"data\":[{\"b64_json\":\"\\ud800\"}]}",
        "\u{feff}{}",
        "\u{0}\u{0}\u{0}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push(nested.into_bytes());
    bodies.push(vec![0xff; 4096]);
    bodies.extend([1, 17, 40, good.len() / 2, good.len() - 3].map(|cut| good.as_bytes()[..cut].to_vec()));
    for body in bodies {
        let before = world.provider.requests().len();
        world.provider.always(Answer::raw(200, "application/json", body.clone()));
        world.says("/生图 一只猫").await;
        let end = end(&world).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        // A picture that had come whole before the answer broke off is as good as any.
        let saved = end.pictures.len() == 1 && end.picture() == picture && body.len() > good.len() - 10;
        assert!(saved || end.text.contains("[E-"), "{shown:?} became a picture");
        assert_eq!(world.provider.requests().len() - before, 1, "{shown:?} was paid for again");
    }
    // A picture without any envelope is what was wanted.
    let bare = pictures::png(40, 40, 2);
    world.provider.always(Answer::raw(200, "image/png", bare.clone()));
    world.says("/生图 一只猫").await;
    assert_eq!(end(&world).await.picture(), bare);
    world.provider.always(Answer::draws());
    draws(&world).await;
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_the_bound() {
    let bounded =
        |base: &str| configuration(base).replace("[network]\n", "[network]\nmax_answer_bytes = 2000000\n");
    let world = world_with(bounded).await;
    for (endless, has_picture) in [
        (Answer::raw(200, "application/json", " ".repeat(100_000)).endless(), false),
        (Answer::draws().endless(), true),
    ] {
        world.provider.answer(endless);
        world.says("/生图 一只猫").await;
        // The first picture of an answer that goes on and on may be taken; anything else is told.
        let end = end(&world).await;
        let taken = has_picture && end.pictures.len() == 1;
        assert!(taken != end.text.contains("[E-"), "{}", end.text);
    }
    draws(&world).await;
}

#[tokio::test]
async fn pictures_that_are_none_are_told_before_anybody_is_paid() {
    let world = world().await;
    let files = FileServer::start().await;
    let urls = [
        files.put_as("/empty.png", "image/png", pictures::zero_byte()),
        files.put_as("/truncated.png", "image/png", pictures::truncated_png()),
        files.put_as("/bomb.png", "image/png", pictures::bomb_png()),
        files.put_as("/page.png", "image/png", pictures::html()),
        files.put_as("/drawing.png", "image/png", pictures::svg()),
        files.put_as("/phone.heic", "image/heic", pictures::heic_header()),
        files.cut("/cut.png", pictures::png(90, 90, 3)),
        files.reset("/reset.png"),
        files.status("/gone.png", 404),
        files.redirect("/inside.png", "http://192.168.0.1/secret.png"),
        "file:///etc/passwd".to_owned(),
    ];
    for url in urls {
        world.bot.send(Message::group(GROUP, USER).text("/改图 换成雨夜").image_url(&url)).await;
        let end = end(&world).await;
        assert!(end.text.contains("[E-"), "{url} was taken");
    }
    assert!(world.provider.requests().is_empty(), "somebody was paid for nothing");
    draws(&world).await;
}

#[tokio::test]
async fn a_flood_in_one_group_leaves_the_others_their_answers() {
    let world = world().await;
    world.easel().logs("OneBot implementation identified").await;
    let before = world.bot.calls().len();
    for number in 0..1000 {
        let text =
            if number % 10 == 0 { "/任务".to_owned() } else { format!("闲聊 {number}，不是命令") };
        world.bot.send(Message::group(GROUP, USER + number % 50).text(&text)).await;
    }
    world.bot.send(Message::group(GROUP + 1, USER).text("/img帮助")).await;
    world.bot.next_send_where("the other group's answer", |sent| sent.text.contains("按描述画一张")).await;
    for _ in 0..100 {
        world.bot.next_send_where("an answer to the flood", |sent| sent.text.contains("没有正在画")).await;
    }
    assert_eq!(world.bot.calls().len() - before, 101, "chatter led to calls");
}

#[tokio::test]
async fn a_group_that_orders_hundreds_of_pictures_does_not_hold_up_another() {
    let limits = "[jobs]\nmax_running = 4\nmax_waiting = 60\n";
    let world = world_with(|base| {
        configuration(base)
            .replace("[jobs]\n", limits)
            .replace("max_running_per_chat = 8", "max_running_per_chat = 2")
    })
    .await;
    // The group's two places hang; whatever else is asked draws at once.
    world.provider.answers([Answer::draws().held(), Answer::draws().held()]);
    for number in 0..100 {
        let text = format!("/生图 第 {number} 张");
        world.bot.send(Message::group(GROUP, USER + number).text(&text)).await;
    }
    world.bot.next_send_where("a refusal", |sent| sent.text.contains("[E-QUEUE")).await;
    world.provider.in_flight(2).await;
    let other = world.bot.send(Message::group(GROUP + 1, USER).text("/生图 另一个群")).await;
    let end = world
        .bot
        .next_send_where("the other group's answer", |sent| {
            sent.quote == Some(other.to_string()) && (!sent.pictures.is_empty() || sent.text.contains("[E-"))
        })
        .await;
    assert_eq!(end.pictures.len(), 1, "{}", end.text);
    world.provider.release();
    for _ in 0..2 {
        world.bot.next_picture().await;
    }
}
