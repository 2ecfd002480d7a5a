//! How implementations and easel find each other: three transports, tokens, several accounts, peers that fall silent,
//! and answers and events that come twice, late or under a wrong name.

use std::time::Duration;

use easel_testkit::{
    files::FileServer,
    onebot::{ConnectError, Dialect, FakeOneBot, Fault, Message, TokenIn},
    pictures,
    provider::{Answer, FakeProvider},
    tls::TlsFront,
};

use crate::world::{Easel, GROUP, USER, World, configuration, easel, until, world, world_of, world_with};

const TOKEN: &str = "geheim-0123456789";

/// The usual configuration with a token.
fn with_token(provider: &str) -> String {
    configuration(provider).replace("[[onebot]]\n", &format!("[[onebot]]\naccess_token = \"{TOKEN}\"\n"))
}

/// The usual configuration with another `[[onebot]]`.
fn with_section(provider: &str, section: &str) -> String {
    configuration(provider).replace("listen = \"127.0.0.1:0\"\n", section)
}

/// `127.0.0.1:PORT` of the running easel.
fn address(world: &World) -> String {
    let url = world.easel().onebot.clone().expect("easel listens");
    url.trim_start_matches("ws://").split('/').next().unwrap().to_owned()
}

async fn refused(bot: &FakeOneBot, url: &str) -> u16 {
    match bot.connect(url).await {
        Err(ConnectError::Refused { status, .. }) => status,
        other => panic!("{url} was expected to refuse: {other:?}"),
    }
}

/// A world that nobody has connected to; `bot` is only held.
async fn lonely(configuration: impl FnOnce(&str) -> String, bot: FakeOneBot) -> World {
    let dir = tempfile::tempdir().unwrap();
    let provider = FakeProvider::start().await;
    std::fs::write(dir.path().join("easel.toml"), configuration(&provider.base_url())).unwrap();
    let mut command = easel(dir.path());
    command.args(["run", "--config", "easel.toml"]);
    World { dir, easel: Some(Easel::start(command)), bot, provider }
}

pub const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/tls/ca.pem");

/// TLS in front of `ws://127.0.0.1:PORT` or `http://127.0.0.1:PORT/…`, with a certificate that only [`CA`] vouches for.
pub async fn behind_tls(url: &str) -> TlsFront {
    let certificate = include_bytes!("../tls/server.pem");
    let key = include_bytes!("../tls/server-key.pem");
    let address = url.split("://").nth(1).unwrap().split('/').next().unwrap();
    TlsFront::start(address, certificate, key).await
}

/// The member asks for a picture and gets it.
async fn draws(world: &World) {
    world.says("/生图 一只猫").await;
    assert!(world.bot.next_picture().await.delivered);
}

#[tokio::test]
async fn every_usual_path_is_taken() {
    let world = lonely(configuration, FakeOneBot::new()).await;
    for (path, id) in ["/ws", "/onebot/v11/ws", "/onebot/v11/ws/", "/", ""].into_iter().zip(1..) {
        let bot = FakeOneBot::new();
        bot.connect(&format!("ws://{}{path}", address(&world))).await.unwrap();
        bot.send(Message::group(GROUP, USER).text("/img帮助").message_id(id)).await;
        assert!(bot.next_send().await.text.contains("生图"), "{path}");
    }
}

#[tokio::test]
async fn a_configured_path_is_the_only_one() {
    let path = |base: &str| configuration(base).replace("[[onebot]]\n", "[[onebot]]\npath = \"/mine\"\n");
    let world = lonely(path, FakeOneBot::new()).await;
    assert_eq!(refused(&world.bot, &format!("ws://{}/ws", address(&world))).await, 404);
    world.bot.connect(&format!("ws://{}/mine/", address(&world))).await.unwrap();
    draws(&world).await;
}

#[tokio::test]
async fn only_the_right_token_is_let_in() {
    let world = lonely(with_token, FakeOneBot::builder().token(TOKEN).build()).await;
    let url = format!("ws://{}/ws", address(&world));
    for (token, place, status) in
        [("", TokenIn::Header, 401), ("wrong", TokenIn::Header, 403), ("wrong", TokenIn::Query, 403)]
    {
        let bot = FakeOneBot::builder().token(token).token_in(place).build();
        assert_eq!(refused(&bot, &url).await, status, "{token:?} in {place:?}");
    }
    let nobody = FakeOneBot::builder().dialect(Dialect::Lagrange).build();
    assert_eq!(refused(&nobody, &url).await, 401);
    world.easel().logs("access_token").await;
    assert!(!world.easel().output().contains(TOKEN), "the token stands in the log");
    world.bot.connect(&url).await.unwrap();
    draws(&world).await;
    let by_query = FakeOneBot::builder().token(TOKEN).token_in(TokenIn::Query).self_id(3_001_000_002).build();
    by_query.connect(&url).await.unwrap();
    by_query.send(Message::group(GROUP + 1, USER).text("/img帮助")).await;
    assert!(by_query.next_send().await.text.contains("生图"));
}

#[tokio::test]
async fn two_accounts_share_one_port_and_each_answers_for_itself() {
    let world = world().await;
    let second = FakeOneBot::builder().self_id(3_001_000_002).dialect(Dialect::LLBot).build();
    second.connect(&format!("ws://{}/ws", address(&world))).await.unwrap();
    let first = world.says("/生图 第一个号").await;
    let other = second.send(Message::group(GROUP + 1, USER + 1).text("/生图 第二个号")).await;
    assert_eq!(world.bot.next_picture().await.quote, Some(first.to_string()));
    assert_eq!(second.next_picture().await.quote, Some(other.to_string()));
    second.drop_links().await;
    draws(&world).await;
    assert_eq!((world.bot.delivered().len(), second.delivered().len()), (2, 1));
}

#[tokio::test]
async fn one_message_that_two_accounts_see_is_answered_once() {
    let world = world().await;
    let second = FakeOneBot::builder().self_id(3_001_000_002).build();
    second.connect(&format!("ws://{}/ws", address(&world))).await.unwrap();
    until("the second account", || world.easel().output().contains("3001000002")).await;
    let message = Message::group(GROUP, USER).text("/生图 一只猫");
    world.bot.send(message.clone().message_id(11)).await;
    second.send(message.message_id(22)).await;
    // Whichever socket is read first.
    let pictures = |bot: &FakeOneBot| bot.delivered().iter().filter(|sent| !sent.pictures.is_empty()).count();
    until("a picture", || pictures(&world.bot) + pictures(&second) > 0).await;
    for (bot, words) in [(&world.bot, "/img帮助"), (&second, "/生图帮助")] {
        bot.send(Message::group(GROUP, USER).text(words)).await;
        bot.next_send_where("help", |sent| !sent.text.is_empty()).await;
    }
    assert_eq!((pictures(&world.bot) + pictures(&second), world.provider.requests().len()), (1, 1));
}

#[tokio::test]
async fn the_newest_socket_of_an_account_gets_the_answers() {
    let world = world().await;
    let newer = FakeOneBot::new();
    newer.connect(&format!("ws://{}/ws", address(&world))).await.unwrap();
    newer.send(Message::group(GROUP, USER).text("/生图 一只猫").message_id(5)).await;
    newer.next_picture().await;
    newer.send(Message::group(GROUP, USER).text("/img帮助").message_id(6)).await;
    newer.next_send().await;
    assert!(world.bot.delivered().is_empty(), "the old socket was used");
}

#[tokio::test]
async fn a_silent_peer_is_dropped_and_taken_back() {
    let bot = FakeOneBot::builder().heartbeat(Some(Duration::from_millis(100))).build();
    let world = world_of(configuration, bot).await;
    draws(&world).await;
    world.bot.heartbeat().await;
    // Answered behind the heartbeat, which tells how often one is to be expected.
    world.asks("/img帮助").await;
    world.bot.freeze();
    world.easel().logs("fell silent").await;
    world.bot.thaw();
    world.bot.disconnected().await;
    world.bot.reconnect().await.unwrap();
    draws(&world).await;
}

#[tokio::test]
async fn separate_sockets_for_events_and_calls_work_together() {
    let world = world_of(configuration, FakeOneBot::builder().split_roles().build()).await;
    draws(&world).await;
}

#[tokio::test]
async fn a_forward_socket_is_dialled_again_for_as_long_as_it_takes() {
    let bot = FakeOneBot::new();
    let url = bot.listen().await;
    let world =
        lonely(|base| with_section(base, &format!("mode = \"forward\"\nurl = \"{url}\"\n")), bot).await;
    world.bot.connected().await;
    draws(&world).await;
    world.bot.drop_links().await;
    world.bot.connected().await;
    draws(&world).await;
    // The implementation is restarted: nobody listens for a while.
    world.bot.stop_listening().await;
    world.bot.disconnected().await;
    world.easel().logs("cannot be reached").await;
    world.bot.listen_at(url.trim_start_matches("ws://").parse().unwrap()).await;
    world.bot.connected().await;
    draws(&world).await;
}

#[tokio::test]
async fn a_wrong_token_of_ours_is_said_whatever_the_implementation_answers() {
    for dialect in [Dialect::NapCat, Dialect::LLBot, Dialect::Lagrange] {
        let bot = FakeOneBot::builder().dialect(dialect).token(TOKEN).build();
        let url = bot.listen().await;
        let section = format!("mode = \"forward\"\nurl = \"{url}\"\naccess_token = \"wrong-0123456789\"\n");
        let world = lonely(|base| with_section(base, &section), bot).await;
        world.easel().logs("wrong token").await;
        assert!(
            !world.easel().output().contains("wrong-0123456789"),
            "{dialect:?}: the token stands in the log"
        );
    }
}

#[tokio::test]
async fn events_and_calls_go_over_http_and_a_wrong_signature_is_refused() {
    let bot = FakeOneBot::builder().token(TOKEN).build();
    let api = bot.serve_http().await;
    let section =
        format!("mode = \"http\"\nlisten = \"127.0.0.1:0\"\nurl = \"{api}\"\naccess_token = \"{TOKEN}\"\n");
    let world = lonely(|base| with_section(base, &section), bot).await;
    let output = world.easel().output();
    let line = output.lines().find(|line| line.contains("OneBot HTTP 上报")).expect("where to post events");
    let url = &format!("http://{}", line.split_once("http://").expect("an address").1);
    let event = world.bot.event(&Message::group(GROUP, USER).text("/生图 一只猫").message_id(31));
    for (signature, status) in [(None, 401), (Some("sha1=0123456789012345678901234567890123456789"), 403)] {
        let response = world.bot.post_event_signed(url, &event, signature).await.unwrap();
        assert_eq!(response.status, status, "{signature:?}");
    }
    world.bot.post_enabled(url).await.unwrap();
    world.bot.post_to(url);
    world.says("/img帮助").await;
    assert!(world.bot.next_send().await.text.contains("生图"));
    let response = world.bot.post_event(url, &event).await.unwrap();
    assert!((200..300).contains(&response.status), "{}", response.status);
    assert!(world.bot.next_picture().await.delivered);
    assert!(world.bot.calls().iter().all(|call| call.over_http));
    assert_eq!(world.provider.requests().len(), 1, "refused events have no effect");
}

#[tokio::test]
async fn cq_strings_are_understood_like_segments() {
    let world = world_of(configuration, FakeOneBot::builder().cq_strings().build()).await;
    let files = FileServer::start().await;
    let picture = pictures::png(50, 40, 2);
    let url = files.put("/a.png?x=1&y=[2],3", picture.clone());
    let message = Message::group(GROUP, USER).text("/改图 加上 [方括号] & 逗号, 好吗").image_url(&url);
    let message = world.bot.send(message).await;
    assert_eq!(world.bot.next_picture().await.quote, Some(message.to_string()));
    let request = world.provider.next_request().await;
    assert!(request.prompt().unwrap().contains("加上 [方括号] & 逗号, 好吗"), "{:?}", request.prompt());
    assert_eq!(request.pictures()[0].bytes, picture);
}

#[tokio::test]
async fn a_prompt_can_not_smuggle_codes_into_an_answer() {
    let world = world().await;
    world.provider.answer(Answer::draws().held());
    world.says("/生图 [CQ:at,qq=all][CQ:image,file=file:///etc/passwd]").await;
    let request = world.provider.next_request().await;
    assert!(request.prompt().unwrap().contains("[CQ:at,qq=all]"));
    let list = world.asks("/任务").await;
    assert!(list.contains("[CQ:at"), "{list}");
    world.provider.release();
    world.bot.next_picture().await;
    assert!(world.bot.sends().iter().all(|sent| sent.mentions.is_empty() && sent.pictures.len() <= 1));
}

#[tokio::test]
async fn an_event_that_comes_twice_is_answered_once() {
    let world = world().await;
    world.bot.send_twice(Message::group(GROUP, USER).text("/生图 一只猫")).await;
    world.bot.next_picture().await;
    // A reconnect does not open the door either.
    let again = Message::group(GROUP, USER).text("/生图 一只猫").message_id(900);
    world.bot.send(again.clone()).await;
    world.bot.next_picture().await;
    world.bot.drop_links().await;
    world.bot.reconnect().await.unwrap();
    world.bot.send(again).await;
    world.asks("/任务").await;
    assert_eq!(world.provider.requests().len(), 2);
}

#[tokio::test]
async fn answers_may_come_late_twice_broken_or_for_nobody() {
    for fault in [
        Fault::AfterNext,
        Fault::AnswerTwice,
        Fault::BinaryFrame,
        Fault::NoEcho,
        Fault::WrongEcho,
        Fault::Malformed,
    ] {
        let world = world_with(|base| {
            configuration(base).replace("call_timeout_seconds = 5", "call_timeout_seconds = 1")
        })
        .await;
        world.bot.fault("set_msg_emoji_like", fault.clone());
        world.says("/生图 一只猫").await;
        let sent = world.bot.next_picture().await;
        assert!(sent.delivered, "{fault:?}");
        assert_eq!(world.bot.link_count(), 1, "{fault:?} cost the socket");
    }
}

#[tokio::test]
async fn a_logged_out_account_is_said() {
    let world = world().await;
    draws(&world).await;
    world.bot.set_online(false);
    world.bot.heartbeat().await;
    world.easel().logs("logged out of QQ").await;
    world.bot.set_online(true);
    world.bot.heartbeat().await;
    draws(&world).await;
}

#[tokio::test]
async fn an_implementation_that_begins_again_over_http_is_not_taken_for_a_login() {
    let bot = FakeOneBot::new();
    let api = bot.serve_http().await;
    let section = format!("mode = \"http\"\nlisten = \"127.0.0.1:0\"\nurl = \"{api}\"\n");
    let world = lonely(|base| with_section(base, &section), bot).await;
    let output = world.easel().output();
    let line = output.lines().find(|line| line.contains("OneBot HTTP 上报")).expect("where to post events");
    let url = format!("http://{}", line.split_once("http://").expect("an address").1);
    world.bot.post_to(&url);
    world.bot.set_online(false);
    world.bot.heartbeat().await;
    world.easel().logs("logged out of QQ").await;
    world.bot.post_enabled(&url).await.unwrap();
    world.bot.next_call("get_status").await;
    assert!(!world.easel().output().contains("logged in to QQ again"), "nobody said so");
    world.bot.set_online(true);
    world.bot.heartbeat().await;
    world.easel().logs("logged in to QQ again").await;
    draws(&world).await;
}

#[tokio::test]
async fn tls_peers_are_trusted_by_the_authorities_of_this_machine() {
    let (bot, provider) = (FakeOneBot::new(), FakeProvider::start().await);
    let (chat, service) = (behind_tls(&bot.listen().await).await, behind_tls(&provider.base_url()).await);
    let dir = tempfile::tempdir().unwrap();
    let section = format!("mode = \"forward\"\nurl = \"wss://{}\"\n", chat.address());
    let configured = with_section(&format!("https://{}/v1", service.address()), &section);
    std::fs::write(dir.path().join("easel.toml"), configured).unwrap();
    let command = || {
        let mut command = easel(dir.path());
        command
            .args(["run", "--config", "easel.toml"])
            .env_remove("SSL_CERT_FILE")
            .env_remove("SSL_CERT_DIR");
        command
    };
    let distrusting = Easel::start(command());
    distrusting.logs("no TLS connection").await;
    assert_eq!(bot.link_count(), 0);
    assert_eq!(distrusting.stop(), Some(0));

    let mut trusting = command();
    trusting.env("SSL_CERT_FILE", CA);
    let world = World { easel: Some(Easel::start(trusting)), dir, bot, provider };
    world.bot.connected().await;
    let large = pictures::png_of_length(3_000_001, 4);
    world.provider.answer(Answer::b64([large.clone()]));
    world.says("/生图 一只猫").await;
    assert_eq!(world.bot.next_picture().await.picture(), large);
    world.bot.drop_links().await;
    world.bot.connected().await;
    draws(&world).await;
}

#[tokio::test]
async fn large_pictures_go_over_the_http_api() {
    let bot = FakeOneBot::new();
    let api = bot.serve_http().await;
    let section =
        format!("mode = \"http\"\nlisten = \"127.0.0.1:0\"\nurl = \"{api}\"\nimage_delivery = \"base64\"\n");
    let world = lonely(|base| with_section(base, &section), bot).await;
    let output = world.easel().output();
    let line = output.lines().find(|line| line.contains("OneBot HTTP 上报")).expect("where to post events");
    world.bot.post_to(&format!("http://{}", line.split_once("http://").expect("an address").1));
    let large = pictures::png_of_length(9_000_001, 4);
    world.provider.answer(Answer::b64([large.clone()]));
    world.says("/生图 一只猫").await;
    assert_eq!(world.bot.next_picture().await.picture(), large);
}

#[tokio::test]
async fn a_picture_that_cannot_be_reached_comes_through_the_implementation() {
    let world = world().await;
    let files = FileServer::start().await;
    let old = files.expired_rkey("/g?rkey=old");
    let picture = pictures::png_of_length(700_001, 1);
    world.bot.set_image_stream("F1.png", picture.clone());
    let request = || Message::group(GROUP, USER).text("/改图 换成雨夜").image("F1.png", &old);
    world.bot.send(request()).await;
    assert_eq!(world.provider.next_request().await.pictures()[0].bytes, picture);
    world.bot.next_picture().await;
    for fault in [
        Fault::BrokenChunk,
        Fault::LostChunk,
        Fault::CutStream,
        Fault::no_such_action("download_file_image_stream"),
    ] {
        world.bot.fault("download_file_image_stream", fault.clone());
        world.bot.send(request()).await;
        let told = world.hears().await.text;
        assert!(told.contains("[E-PICTURE-EXPIRED]"), "{fault:?}: {told}");
    }
    assert_eq!(world.provider.requests().len(), 1);
    assert_eq!(world.bot.link_count(), 1, "a broken stream costs no connection");
}

#[tokio::test]
async fn a_wrong_clock_is_said_once_and_commands_work_all_the_same() {
    for ahead in [-3600, 3600] {
        let world = world_of(configuration, FakeOneBot::builder().clock_ahead(ahead).build()).await;
        draws(&world).await;
        world.bot.heartbeat().await;
        draws(&world).await;
        let output = world.easel().output();
        let warnings: Vec<_> =
            output.lines().filter(|line| line.contains("the clock of this machine")).collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("WARN") && warnings[0].contains("set-ntp"), "{warnings:?}");
        let told = warnings[0].split("seconds=").nth(1).expect("the difference");
        let seconds: i64 = told.split_whitespace().next().unwrap().parse().unwrap();
        assert!((seconds - ahead).abs() <= 60, "{seconds}");
    }
}

#[tokio::test]
async fn what_was_missed_for_long_is_not_answered() {
    let world = world().await;
    let long_ago = 1_700_000_000;
    world.ignores(Message::group(GROUP, USER).text("/生图 一只猫").time(long_ago)).await;
    draws(&world).await;
    assert_eq!(world.provider.requests().len(), 1);
}
