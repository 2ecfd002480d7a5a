//! How a finished picture gets into the chat: every way to the implementation, the ladder after a certain failure,
//! silence after an unknown outcome, and the dialects of the implementations.

use easel_testkit::{
    napfile::{Behaviour, FakeNapfile},
    onebot::{Dialect, FakeOneBot, Fault, Message, Origin, Reaction, SELF_ID, Sent, To},
    pictures,
    provider::Answer,
};
use image::ImageFormat;
use serde_json::json;

use crate::world::{
    Easel, GROUP, OWNER, USER, World, configuration, easel, journal, until, world, world_of, world_with,
};

/// The usual configuration with more keys in `[[onebot]]`.
fn onebot(provider: &str, keys: &str) -> String {
    configuration(provider).replace("[[onebot]]\n", &format!("[[onebot]]\n{keys}\n"))
}

/// A PNG that is too large for a call: 11 MB.
fn large() -> bytes::Bytes {
    pictures::png_of_length(11_000_000, 5)
}

/// Waits until the only job has ended and returns how.
async fn outcome(world: &World) -> serde_json::Value {
    let data = world.path("data");
    let ends = || journal(&data).into_iter().find(|(_, entry)| entry["event"] == "finished");
    until("the end of the job in the journal", || ends().is_some()).await;
    ends().unwrap().1["outcome"].clone()
}

fn with_pictures(world: &World) -> Vec<Sent> {
    world.bot.sends().into_iter().filter(|sent| !sent.pictures.is_empty()).collect()
}

fn format_of(sent: &Sent) -> ImageFormat {
    image::guess_format(&sent.picture()).expect("a picture")
}

/// Waits until easel has set this many marks.
async fn marks(world: &World, count: usize) -> Vec<(i64, String, bool)> {
    until("the marks on the request", || world.bot.reactions().len() >= count).await;
    world.bot.reactions().into_iter().map(|mark| (mark.message_id, mark.emoji_id, mark.set)).collect()
}

#[tokio::test]
async fn an_ordinary_picture_goes_inside_the_call_unchanged_and_quotes_the_request() {
    let world = world().await;
    let picture = pictures::jpeg(120, 90, 3);
    world.provider.answer(Answer::b64([picture.clone()]));
    let message = world.says("/生图 一只猫").await;
    let sent = world.bot.next_picture().await;
    assert_eq!(sent.pictures[0].origin, Origin::Base64);
    assert_eq!((sent.picture(), sent.to), (picture, To::Group(GROUP)));
    assert_eq!(sent.quote, Some(message.to_string()));
    // Working, then done.
    let marks = marks(&world, 2).await;
    assert_eq!(marks[0], (message, "125".to_owned(), true));
    assert!(marks.contains(&(message, "79".to_owned(), true)), "{marks:?}");
}

#[tokio::test]
async fn several_pictures_all_arrive() {
    let world = world().await;
    world.says("/生图 一只猫 x3").await;
    for _ in 0..3 {
        world.bot.next_picture().await;
    }
    assert_eq!(outcome(&world).await["kind"], "delivered");
}

#[tokio::test]
async fn a_large_picture_is_uploaded_in_chunks_to_napcat() {
    let world = world().await;
    world.provider.answer(Answer::b64([large()]));
    world.says("/生图 一只猫").await;
    let sent = world.bot.next_picture().await;
    assert!(matches!(sent.pictures[0].origin, Origin::File(_)), "{:?}", sent.pictures[0].origin);
    assert!(sent.picture() == large(), "the upload changed the picture");
    assert!(world.bot.calls().iter().filter(|call| call.action == "upload_file_stream").count() > 5);
}

#[tokio::test]
async fn a_large_picture_is_made_smaller_where_nothing_takes_it_whole() {
    for dialect in [Dialect::LLBot, Dialect::GoCqhttp] {
        let world = world_of(configuration, FakeOneBot::builder().dialect(dialect).build()).await;
        world.provider.answer(Answer::b64([large()]));
        world.says("/生图 一只猫").await;
        let sent = world.bot.next_picture().await;
        assert_eq!((sent.pictures[0].origin.clone(), format_of(&sent)), (Origin::Base64, ImageFormat::Jpeg));
        assert_eq!(pictures::dimensions(&sent.picture()), (64, 64));
    }
}

#[tokio::test]
async fn a_file_receiver_takes_the_picture_and_base64_stands_in_when_it_fails() {
    let receiver = FakeNapfile::start().await;
    let address = receiver.address();
    let world = world_with(|provider| {
        let keys = format!(
            "image_delivery = \"napfile\"\nnap_server_address = \"{}\"\nnap_server_port = {}",
            address.ip(),
            address.port()
        );
        onebot(provider, &keys)
    })
    .await;
    let picture = pictures::png(80, 80, 4);
    world.provider.answer(Answer::b64([picture.clone()]));
    // The receiver's folder exists on its own machine only, so the fake takes the path's word for it.
    world.bot.fault("send_group_msg", Fault::Data(json!({ "message_id": 77 })));
    world.says("/生图 一只猫").await;
    let file = receiver.next_file().await;
    let sent = world.bot.next_picture().await;
    let Origin::File(path) = &sent.pictures[0].origin else { panic!("{:?}", sent.pictures[0].origin) };
    assert_eq!((path, &file.bytes), (&file.path, &picture));
    receiver.behave(Behaviour::EmptyPath);
    world.says("/生图 又一只猫").await;
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.pictures[0].origin.clone(), sent.delivered), (Origin::Base64, true));
}

#[tokio::test]
async fn a_shared_disk_takes_paths() {
    let world = world_with(|provider| onebot(provider, "image_delivery = \"file\"")).await;
    let picture = pictures::png(80, 80, 4);
    world.provider.answer(Answer::b64([picture.clone()]));
    world.says("/生图 一只猫").await;
    let sent = world.bot.next_picture().await;
    assert!(matches!(sent.pictures[0].origin, Origin::File(_)), "{:?}", sent.pictures[0].origin);
    assert_eq!(sent.picture(), picture);
}

#[tokio::test]
async fn an_unreadable_path_gives_way_to_base64_and_is_not_tried_again() {
    let bot = FakeOneBot::builder().other_machine().build();
    let world = world_of(|provider| onebot(provider, "image_delivery = \"file\""), bot).await;
    for _ in 0..2 {
        world.says("/生图 一只猫").await;
        world
            .bot
            .next_send_where("a delivered picture", |sent| sent.delivered && !sent.pictures.is_empty())
            .await;
    }
    let origins: Vec<_> =
        with_pictures(&world).into_iter().map(|sent| sent.pictures[0].origin == Origin::Base64).collect();
    assert_eq!(origins, [false, true, true]);
}

#[tokio::test]
async fn a_failed_upload_is_tried_once_more() {
    let world = world().await;
    world.bot.fault("send_group_msg", Fault::rich_media_failed());
    world.says("/生图 一只猫").await;
    let (first, second) = (world.bot.next_picture().await, world.bot.next_picture().await);
    assert_eq!((first.delivered, second.delivered, format_of(&second)), (false, true, ImageFormat::Png));
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_picture_that_is_refused_goes_smaller_and_then_as_a_file() {
    let world = world().await;
    world.bot.fault_times("send_group_msg", 4, Fault::rich_media_failed());
    let message = world.says("/生图 一只猫").await;
    let file = world.bot.next_send_where("a file", |sent| sent.action == "upload_group_file").await;
    assert!(file.delivered);
    let words = world.hears().await;
    assert_eq!((words.text.contains("文件"), words.quote), (true, Some(message.to_string())));
    assert_eq!(image::guess_format(file.files[0].bytes.as_ref().unwrap()).unwrap(), ImageFormat::Png);
    assert_eq!(outcome(&world).await["kind"], "delivered");
    let last = with_pictures(&world).pop().unwrap();
    assert!(!last.delivered && with_pictures(&world).len() <= 5);
    let encoded =
        last.segments.iter().find(|segment| segment["type"] == "image").unwrap()["data"]["file"].clone();
    assert!(encoded.as_str().unwrap().starts_with("base64:///9j/"), "the step before was a JPEG");
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_picture_that_can_be_sent_in_no_way_is_told_and_can_be_fetched() {
    let world = world().await;
    for action in ["send_group_msg", "upload_group_file"] {
        world.bot.fault_times(action, 1, Fault::retcode(1200, "unsupported file type"));
    }
    world.bot.fault("send_group_msg", Fault::retcode(1200, "unsupported file type"));
    world.says("/生图 一只猫").await;
    let told = world.bot.next_send_where("a sentence", |sent| sent.text.contains("[E-DELIVERY]")).await;
    assert!(told.text.contains("重发图片"), "{}", told.text);
    world.says("/重发图片").await;
    let sent =
        world.bot.next_send_where("the picture", |sent| sent.delivered && !sent.pictures.is_empty()).await;
    assert_eq!(format_of(&sent), ImageFormat::Png);
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn after_a_time_out_nobody_knows_so_nothing_is_sent_again() {
    for arrived in [true, false] {
        let world = world().await;
        world.bot.fault("send_group_msg", Fault::send_timeout(arrived));
        let message = world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
        let told = world.hears().await;
        assert!(told.text.contains("重发图片 1") && told.text.contains("[E-UNSURE]"), "{}", told.text);
        assert_eq!(told.quote, Some(message.to_string()));
        // The mark of work does not stay for ever.
        assert_eq!(world.marks(message, "106").await, ["125", "106"]);
        let unset = |mark: &Reaction| mark.emoji_id == "125" && !mark.set;
        until("the end of the mark of work", || world.bot.reactions().iter().any(unset)).await;
        assert_eq!(outcome(&world).await["kind"], "unknown");
        world.asks("/任务").await;
        assert_eq!(with_pictures(&world).len(), 1, "sent again by itself");
        world.says("/重发图片 1").await;
        assert!(world.bot.next_picture().await.delivered);
        assert_eq!(world.provider.requests().len(), 1, "fetching it costs nothing");
    }
}

#[tokio::test]
async fn an_answer_with_a_foreign_echo_or_none_is_no_answer() {
    let world = world().await;
    world.bot.fault("get_msg", Fault::WrongEcho);
    world.bot.fault("get_group_msg_history", Fault::WrongEcho);
    // The look-ups of the quote run into their time limits; the send that follows is answered and told apart.
    let quoted = world.bot.add_message(&Message::group(GROUP, USER).text("一句话"));
    world.bot.send(Message::group(GROUP, USER).reply(quoted).text("/生图 一只猫")).await;
    let end = world.bot.next_send_where("an end", |sent| !sent.text.is_empty()).await;
    assert!(end.delivered && end.pictures.len() == 1, "{}", end.text);
    assert!(end.text.contains("引用的那条消息取不到"), "{}", end.text);
    world.bot.fault("send_group_msg", Fault::AnswerTwice);
    world.says("/生图 又一只").await;
    assert!(world.bot.next_picture().await.delivered);
    world.bot.fault("set_msg_emoji_like", Fault::AfterNext);
    world.says("/生图 再一只").await;
    assert!(world.bot.next_picture().await.delivered);
}

#[tokio::test]
async fn nobody_is_told_in_a_group_where_the_bot_may_not_speak() {
    for refusal in [Fault::muted(), Fault::removed_from_group()] {
        let world = world().await;
        world.bot.fault_times("send_group_msg", 100, refusal);
        world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
        assert!(outcome(&world).await.to_string().contains("E-DELIVERY"));
        assert_eq!(world.bot.sends().len(), 1, "it went on talking");
    }
}

#[tokio::test]
async fn what_waits_for_a_group_that_mutes_or_removes_the_bot_is_not_bought() {
    let one_at_a_time = |provider: &str| configuration(provider).replace("[jobs]", "[jobs]\nmax_running = 1");
    for (kind, sub) in [("group_ban", "ban"), ("group_decrease", "kick_me")] {
        let world = world_with(one_at_a_time).await;
        world.provider.answer(Answer::draws().held());
        world.bot.send(Message::group(GROUP + 1, USER).text("/生图 在别的群")).await;
        world.provider.in_flight(1).await;
        world.says("/生图 一只猫").await;
        assert!(world.hears().await.text.contains("轮到就画"));
        let notice = json!({
            "post_type": "notice", "notice_type": kind, "sub_type": sub, "self_id": SELF_ID, "user_id": SELF_ID,
            "group_id": GROUP, "operator_id": OWNER, "time": 1_789_000_000, "duration": 86_400,
        });
        world.bot.event_raw(&notice).await;
        // Read after the notice.
        world.bot.send(Message::private(OWNER).text("/img帮助")).await;
        world.bot.next_send_where("the help", |sent| sent.text.contains("生图")).await;
        world.provider.release();
        let data = world.path("data");
        let ends = || journal(&data).iter().filter(|(_, entry)| entry["event"] == "finished").count();
        until("both jobs to end", || ends() == 2).await;
        assert_eq!(world.provider.requests().len(), 1, "{kind}: the other one was bought");
        assert!(journal(&data).iter().any(|(_, entry)| entry["outcome"]["code"] == "E-SILENCED"), "{kind}");
        let there = world.bot.sends().into_iter().filter(|sent| sent.to == To::Group(GROUP));
        assert_eq!(there.count(), 1, "{kind}: something was said there");
    }
}

#[tokio::test]
async fn what_waited_over_a_restart_for_a_group_that_muted_or_removed_the_bot_meanwhile_is_not_bought() {
    let one_at_a_time = |provider: &str| configuration(provider).replace("[jobs]", "[jobs]\nmax_running = 1");
    for is_removed in [false, true] {
        let mut world = world_with(one_at_a_time).await;
        world.provider.answer(Answer::draws().held());
        world.bot.send(Message::group(GROUP + 1, USER).text("/生图 在别的群")).await;
        world.provider.in_flight(1).await;
        world.says("/生图 一只猫").await;
        assert!(world.hears().await.text.contains("轮到就画"));
        world.kill();
        if is_removed {
            world.bot.leave_unheard(GROUP);
        } else {
            world.bot.mute_unheard(GROUP, 3600);
        }
        world.start().await;
        let data = world.path("data");
        let ends = || journal(&data).iter().filter(|(_, entry)| entry["event"] == "finished").count();
        until("both jobs to end", || ends() == 2).await;
        assert!(journal(&data).iter().any(|(_, entry)| entry["outcome"]["code"] == "E-SILENCED"));
        assert_eq!(world.provider.requests().len(), 1, "the other one was bought");
    }
}

#[tokio::test]
async fn a_job_that_waits_outwaits_a_short_mute_unpaid() {
    let one_at_a_time = |provider: &str| configuration(provider).replace("[jobs]", "[jobs]\nmax_running = 1");
    let world = world_with(one_at_a_time).await;
    world.provider.answer(Answer::draws().held());
    world.bot.send(Message::group(GROUP + 1, USER).text("/生图 在别的群")).await;
    world.provider.in_flight(1).await;
    let message = world.says("/生图 一只猫").await;
    assert!(world.hears().await.text.contains("轮到就画"));
    let notice = |sub: &str, seconds: u32| {
        json!({
            "post_type": "notice", "notice_type": "group_ban", "sub_type": sub, "self_id": SELF_ID,
            "user_id": SELF_ID, "group_id": GROUP, "operator_id": OWNER, "time": 1_789_000_000,
            "duration": seconds,
        })
    };
    world.bot.event_raw(&notice("ban", 300)).await;
    // Read after the notice.
    world.bot.send(Message::private(OWNER).text("/img帮助")).await;
    world.bot.next_send_where("the help", |sent| sent.text.contains("生图")).await;
    world.provider.release();
    world.bot.next_picture().await;
    world.easel().logs("waits for its account").await;
    assert_eq!(world.provider.requests().len(), 1, "nobody would have seen it");
    world.bot.event_raw(&notice("lift_ban", 0)).await;
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.delivered, sent.quote), (true, Some(message.to_string())));
    assert_eq!(world.provider.requests().len(), 2);
}

#[tokio::test]
async fn pictures_keep_their_distance_and_texts_do_not() {
    let paced = |provider: &str| {
        configuration(provider).replace("min_send_interval_ms = 0", "min_send_interval_ms = 2500")
    };
    let world = world_with(paced).await;
    world.says("/生图 第一张").await;
    let first = world.bot.next_picture().await;
    world.says("/生图 第二张").await;
    world.says("/img帮助").await;
    let second = world.bot.next_picture().await;
    let apart = second.at.duration_since(first.at);
    assert!(apart.as_millis() >= 2400, "two pictures within {apart:?}");
    let help = world.bot.sends().iter().position(|sent| sent.text.contains("生图")).unwrap();
    assert_eq!(help, 1, "the help waited behind a picture");
}

#[tokio::test]
async fn a_refused_mark_costs_nobody_his_picture() {
    let world = world().await;
    world.bot.fault_times("set_msg_emoji_like", 100, Fault::retcode(1200, "msg not found"));
    world.provider.answer(Answer::draws().held());
    let message = world.says("/生图 一只猫").await;
    let told =
        world.bot.next_send_where("a text instead of the mark", |sent| sent.text.contains("收到")).await;
    assert_eq!(told.quote, Some(message.to_string()));
    world.provider.next_request().await;
    world.provider.release();
    assert!(world.bot.next_picture().await.delivered);
    assert_eq!(outcome(&world).await["kind"], "delivered");
}

#[tokio::test]
async fn a_mark_that_nobody_answers_is_not_made_up_for_by_words_behind_the_picture() {
    let world = world().await;
    world.bot.fault("set_msg_emoji_like", Fault::NoAnswer);
    let message = world.says("/生图 一只猫").await;
    assert!(world.bot.next_picture().await.delivered);
    // The mark of the end follows when the first one is given up.
    world.marks(message, "79").await;
    world.sends_nothing().await;
}

#[tokio::test]
async fn a_failed_job_is_marked_as_failed() {
    let world = world().await;
    world.provider.answer(Answer::moderation_input());
    let message = world.says("/生图 一只猫").await;
    let marks = marks(&world, 2).await;
    assert!(marks.contains(&(message, "106".to_owned(), true)), "{marks:?}");
}

#[tokio::test]
async fn every_implementation_gets_its_picture_in_its_own_dialect() {
    for dialect in [Dialect::NapCat, Dialect::LLBot, Dialect::Lagrange, Dialect::GoCqhttp] {
        let world = world_of(configuration, FakeOneBot::builder().dialect(dialect).build()).await;
        world.provider.answer(Answer::draws().held());
        let message = world.says("/生图 一只猫").await;
        if dialect == Dialect::GoCqhttp {
            world.bot.next_send_where("words instead of a mark", |sent| sent.text.contains("收到")).await;
        }
        world.provider.next_request().await;
        world.provider.release();
        let sent = world.bot.next_picture().await;
        assert_eq!((sent.delivered, sent.quote), (true, Some(message.to_string())), "{dialect:?}");
        if dialect == Dialect::GoCqhttp {
            continue;
        }
        // A call that the implementation does not know counts here, too: easel may ask before it knows whom it talks to.
        until("the mark of the end", || world.bot.reactions().iter().any(|mark| mark.emoji_id == "79")).await;
        let marks = marks(&world, 2).await;
        assert!(marks.contains(&(message, "125".to_owned(), true)), "{dialect:?}: {marks:?}");
        assert!(marks.contains(&(message, "79".to_owned(), true)), "{dialect:?}: {marks:?}");
    }
}

#[tokio::test]
async fn a_refusal_without_any_words_is_told_as_one() {
    let bot = FakeOneBot::builder().dialect(Dialect::Lagrange).build();
    let world = world_of(configuration, bot).await;
    world.bot.fault("send_group_msg", Fault::retcode(200, ""));
    world.says("/生图 一只猫").await;
    world.bot.next_send_where("a sentence", |sent| sent.text.contains("[E-DELIVERY]")).await;
    world.says("/重发图片").await;
    world.bot.next_send_where("the picture", |sent| sent.delivered && !sent.pictures.is_empty()).await;
}

#[tokio::test]
async fn friends_and_temporary_sessions_get_their_answers_where_they_asked() {
    let world = world().await;
    world.bot.send(Message::private(USER).text("/生图 一只猫")).await;
    assert_eq!(world.bot.next_picture().await.to, To::Private(USER));
    world.bot.send(Message::temporary(GROUP, USER + 1).text("/生图 一只猫")).await;
    assert_eq!(world.bot.next_picture().await.to, To::Temporary(USER + 1, GROUP));
}

#[tokio::test]
async fn a_peer_that_is_away_gets_the_picture_when_it_is_back() {
    let world = world().await;
    world.provider.answer(Answer::draws().held());
    world.says("/生图 一只猫").await;
    world.provider.next_request().await;
    world.bot.drop_links().await;
    world.provider.release();
    world.provider.in_flight(0).await;
    world.bot.reconnect().await.unwrap();
    assert!(world.bot.next_picture().await.delivered);
    assert_eq!(outcome(&world).await["kind"], "delivered");
    assert_eq!(with_pictures(&world).len(), 1);
}

#[tokio::test]
async fn a_picture_waits_over_restarts_for_an_account_that_is_away() {
    let mut world = world().await;
    world.provider.answer(Answer::draws().held());
    let message = world.says("/生图 一只猫").await;
    world.provider.next_request().await;
    world.bot.drop_links().await;
    world.provider.release();
    let count = |world: &World, event: &str| {
        journal(&world.path("data")).iter().filter(|(_, entry)| entry["event"] == event).count()
    };
    until("the stored picture", || count(&world, "stored") == 1).await;
    for _ in 0..2 {
        world.kill();
        let mut command = easel(world.dir.path());
        command.args(["run", "--config", "easel.toml"]);
        world.easel = Some(Easel::start(command));
        world.easel().logs("waits for its account").await;
    }
    assert_eq!((count(&world, "sending"), count(&world, "finished")), (0, 0), "nothing is sent to nobody");
    let url = world.easel().onebot.clone().unwrap();
    world.bot.connect_when_up(&url).await;
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.delivered, sent.quote), (true, Some(message.to_string())));
    assert_eq!(outcome(&world).await["kind"], "delivered");
    assert_eq!((with_pictures(&world).len(), world.provider.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_socket_that_breaks_under_a_picture_leaves_the_outcome_unknown() {
    let world = world().await;
    world.bot.fault("send_group_msg", Fault::DropAfterRead);
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    world.bot.reconnect().await.unwrap();
    let told = world.hears().await;
    assert_eq!(outcome(&world).await["kind"], "unknown");
    assert!(told.text.contains("[E-UNSURE]"), "{}", told.text);
    world.asks("/任务").await;
    assert_eq!(with_pictures(&world).len(), 1);
}
