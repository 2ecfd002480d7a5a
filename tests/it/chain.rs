//! The provider chain: keys, repetitions, fallbacks, and what may never be repeated because it may have been paid.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use easel_testkit::{
    files::FileServer,
    onebot::{FakeOneBot, Message, Sent},
    pictures,
    provider::{Answer, ChatShape, FakeProvider, ProviderRequest},
    samples,
};
use serde_json::json;

use crate::world::{GROUP, USER, World, configuration, run, said, until, world, world_of, world_with};

const FIRST_KEY: &str = "sk-first-0123456789";
const SECOND_KEY: &str = "sk-second-0123456789";

/// The usual configuration with two keys.
fn two_keys(provider: &str) -> String {
    configuration(provider).replace("\"sk-main-0123456789\"", &format!("\"{FIRST_KEY}\", \"{SECOND_KEY}\""))
}

/// The usual configuration, followed by fallbacks that live at these addresses.
fn with_fallbacks(main: &str, others: &[&FakeProvider]) -> String {
    let mut text = configuration(main);
    for number in 1..=others.len() {
        writeln!(text, "fallback_{number} = \"other-{number}\"").unwrap();
    }
    for (index, other) in others.iter().enumerate() {
        text.push_str(&section(index + 1, &other.base_url(), "openai_images"));
    }
    text
}

fn section(number: usize, base_url: &str, kind: &str) -> String {
    format!(
        "[providers.other-{number}]\nkind = \"{kind}\"\nbase_url = \"{base_url}\"\n\
         api_keys = [\"sk-other-{number}-0123456789\"]\nmodel = \"gpt-image-2\"\n"
    )
}

/// One provider of the dialect of chats.
fn chat(provider: &str) -> String {
    configuration(provider).replace("openai_images", "openai_chat")
}

/// A world with one fallback.
async fn world_with_fallback() -> (World, FakeProvider) {
    let other = FakeProvider::start().await;
    let world = world_with(|main| with_fallbacks(main, &[&other])).await;
    (world, other)
}

/// The next sentence that ends a job, which carries a code.
async fn sentence(world: &World) -> String {
    world.bot.next_send_where("a sentence with a code", |sent| sent.text.contains("[E-")).await.text
}

/// Waits for either end of a job.
async fn end(world: &World) -> Sent {
    let ends = |sent: &Sent| sent.text.contains("[E-") || !sent.pictures.is_empty();
    world.bot.next_send_where("a picture or a sentence with a code", ends).await
}

fn keys_of(world: &World) -> Vec<String> {
    keys(&world.provider.requests()).into_iter().map(str::to_owned).collect()
}

fn keys(requests: &[ProviderRequest]) -> Vec<&str> {
    requests.iter().filter_map(|request| request.key.as_deref()).collect()
}

#[track_caller]
fn check_sentence(text: &str, code: &str) {
    assert!(text.contains(&format!("[{code}]")), "expected {code}, got {text}");
}

#[tokio::test]
async fn a_bad_key_gives_way_to_the_next_and_is_not_used_again_even_after_a_restart() {
    let mut world = world_with(two_keys).await;
    world.provider.when_key(FIRST_KEY, Answer::unauthorized());
    world.says("/生图 第一张").await;
    world.bot.next_picture().await;
    world.says("/生图 第二张").await;
    world.bot.next_picture().await;
    world.kill_and_start().await;
    world.says("/生图 第三张").await;
    world.bot.next_picture().await;
    assert_eq!(keys(&world.provider.requests()), [FIRST_KEY, SECOND_KEY, SECOND_KEY, SECOND_KEY]);
    assert!(!world.easel().output().contains("first-0123456789"), "a key stands in the log");
}

/// Runs a command of easel beside the running one; its exit code and what it says.
fn command(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(world.dir.path(), &[arguments, &["--config", "easel.toml"]].concat());
    (output.status.code(), said(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_out_of_use_are_listed_and_get_another_try() {
    let mut world = world_with(two_keys).await;
    world.provider.when_key(FIRST_KEY, Answer::unauthorized());
    world.provider.when_key(SECOND_KEY, Answer::payment_required());
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-QUOTA");
    let (code, told) = command(&world, &["keys"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("被服务商拒绝（401）") && told.contains("刚刚用完了账号额度（402）"), "{told}");
    assert!(told.contains("easel keys reset main") && !told.contains("0123456789"), "{told}");
    let (code, told) = command(&world, &["check"]);
    assert_eq!(code, Some(1), "{told}");
    let bad = told.lines().filter(|line| line.starts_with('✗') && line.contains("[providers.main]：密钥"));
    assert_eq!(bad.count(), 2, "{told}");

    // The owner has paid. The running easel tries both again at once.
    world.provider.when_key(FIRST_KEY, Answer::draws());
    world.provider.when_key(SECOND_KEY, Answer::draws());
    let (code, told) = command(&world, &["keys", "reset", "MAIN"]);
    assert!(code == Some(0) && told.contains("2 个密钥重新启用"), "{told}");
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert!(command(&world, &["keys"]).1.matches("可用").count() == 2);
    let (code, told) = command(&world, &["keys", "reset", "other"]);
    assert!(code == Some(2) && told.contains("没有服务商 other") && told.contains("main"), "{told}");

    // Without a running easel the refused key is known, and forgotten on request, for the next start.
    world.provider.when_key(FIRST_KEY, Answer::unauthorized());
    world.provider.when_key(SECOND_KEY, Answer::unauthorized());
    world.says("/生图 又一只猫").await;
    check_sentence(&sentence(&world).await, "E-AUTH");
    assert_eq!(world.easel.take().unwrap().stop(), Some(0));
    world.bot.disconnected().await;
    let (_, told) = command(&world, &["check"]);
    assert_eq!(told.matches("被服务商拒绝（401）").count(), 2, "{told}");
    let (code, told) = command(&world, &["keys"]);
    assert!(code == Some(0) && told.matches("被服务商拒绝（401）").count() == 2, "{told}");
    let (code, told) = command(&world, &["keys", "reset"]);
    assert!(code == Some(0) && told.contains("2 个密钥重新启用"), "{told}");
    world.provider.when_key(FIRST_KEY, Answer::draws());
    world.start().await;
    world.says("/生图 第三只猫").await;
    world.bot.next_picture().await;
}

#[tokio::test]
async fn a_key_without_quota_gives_way_and_with_none_left_the_member_is_told() {
    let world = world_with(two_keys).await;
    for refusal in [Answer::quota_exhausted(), Answer::payment_required()] {
        world.provider.answer(refusal);
    }
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-QUOTA");
    assert_eq!(keys(&world.provider.requests()), [FIRST_KEY, SECOND_KEY]);
    world.says("/生图 再来").await;
    sentence(&world).await;
    assert_eq!(world.provider.requests().len(), 2, "an account without quota is left alone");
}

#[tokio::test]
async fn a_short_retry_after_is_waited_with_the_same_key() {
    let world = world_with(two_keys).await;
    world.provider.answer(Answer::rate_limited_for(1));
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    let requests = world.provider.requests();
    assert_eq!(keys(&requests), [FIRST_KEY, FIRST_KEY]);
    let waited = requests[1].at().duration_since(requests[0].at());
    assert!(waited.as_millis() >= 950, "the provider asked for a second, it got {waited:?}");
}

#[tokio::test]
async fn a_rate_limit_without_a_hint_or_with_a_long_one_goes_to_the_next_key() {
    for limit in [Answer::rate_limited(), Answer::rate_limited_for(600)] {
        let world = world_with(two_keys).await;
        world.provider.answer(limit);
        world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
        assert_eq!(keys(&world.provider.requests()), [FIRST_KEY, SECOND_KEY]);
    }
}

#[tokio::test]
async fn an_overloaded_provider_is_asked_again_after_pauses_and_then_left_for_the_next() {
    let (world, other) = world_with_fallback().await;
    world.provider.always(Answer::overloaded());
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    let requests = world.provider.requests();
    assert_eq!((requests.len(), other.requests().len()), (3, 1));
    let pause = |n: usize| requests[n + 1].at().duration_since(requests[n].at()).as_millis();
    // 2 and 4 seconds, less a quarter by jitter.
    assert!(pause(0) >= 1450 && pause(1) >= 2950, "pauses of {} and {} ms", pause(0), pause(1));
}

#[tokio::test]
async fn a_passing_overload_costs_nobody_his_picture() {
    let world = world().await;
    world.provider.answers([Answer::bad_gateway_html(), Answer::draws()]);
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert_eq!(world.provider.requests().len(), 2);
}

/// Three wires, three ways: an overload that does not pass, an address that serves no chat, a task that is asked about.
#[tokio::test]
async fn a_chain_of_three_survives_two_that_fail_differently() {
    let (second, third) = (FakeProvider::start().await, FakeProvider::start().await);
    let world = world_with(|main| {
        let task = section(2, &third.base_url(), "modelscope").replace("gpt-image-2", "Qwen/Qwen-Image");
        let chat = section(1, &second.base_url(), "openai_chat");
        configuration(main) + "fallback_1 = \"other-1\"\nfallback_2 = \"other-2\"\n" + &chat + &task
    })
    .await;
    world.provider.always(Answer::overloaded());
    second.always(Answer::route_missing());
    let picture = pictures::png(80, 60, 3);
    let mut done = samples::json("modelscope/task_succeed.json");
    let task = done["task_id"].as_str().unwrap().to_owned();
    done["output_images"] = json!([third.host_picture(picture.clone())]);
    third.when_path("/images/generations", Answer::json(200, &samples::json("modelscope/task_created.json")));
    third.when_path(&format!("/tasks/{task}"), Answer::json(200, &done));
    world.says("/生图 一只猫").await;
    assert_eq!(world.bot.next_picture().await.picture(), picture);
    let asked = |provider: &FakeProvider, end: &str| {
        provider.requests().iter().filter(|request| request.path().ends_with(end)).count()
    };
    assert!(asked(&world.provider, "/images/generations") > 1, "an overload may pass");
    assert_eq!(asked(&second, "/chat/completions"), 1);
    assert_eq!(asked(&third, "/images/generations"), 1);
}

#[tokio::test]
async fn a_moderation_refusal_is_told_and_nobody_else_is_asked() {
    let (world, other) = world_with_fallback().await;
    for (refusal, code) in [
        (Answer::moderation_input(), "E-MODERATION"),
        (Answer::content_policy(), "E-MODERATION"),
        (Answer::moderation_output(), "E-MODERATION-OUT"),
    ] {
        world.provider.answer(refusal);
        world.says("/生图 一只猫").await;
        check_sentence(&sentence(&world).await, code);
    }
    assert_eq!((world.provider.requests().len(), other.requests().len()), (3, 0));
}

#[tokio::test]
async fn an_unanswered_call_is_repeated_at_most_once_in_the_whole_job() {
    let (world, other) = world_with_fallback().await;
    world.provider.always(Answer::reset());
    other.always(Answer::reset());
    world.says("/生图 一只猫").await;
    let text = sentence(&world).await;
    check_sentence(&text, "E-UNANSWERED");
    assert!(text.contains("2 次请求都可能已经扣费"), "{text}");
    assert_eq!(world.provider.requests().len() + other.requests().len(), 2);
}

#[tokio::test]
async fn the_one_repetition_may_succeed() {
    let world = world().await;
    world.provider.answer(Answer::reset());
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert_eq!(world.provider.requests().len(), 2);
}

#[tokio::test]
async fn a_provider_that_hangs_is_given_up_after_its_time_out() {
    let short = |base: &str| configuration(base).replace("model =", "timeout_seconds = 1\nmodel =");
    let world = world_with(short).await;
    world.provider.always(Answer::hangs());
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-UNANSWERED");
    assert_eq!(world.provider.requests().len(), 2);
}

#[tokio::test]
async fn after_a_provider_that_hangs_the_next_one_draws() {
    let other = FakeProvider::start().await;
    let world = world_with(|main| {
        with_fallbacks(main, &[&other]).replacen("model =", "timeout_seconds = 1\nmodel =", 1)
    })
    .await;
    world.provider.always(Answer::hangs());
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert_eq!((world.provider.requests().len(), other.requests().len()), (1, 1));
}

#[tokio::test]
async fn an_answer_without_a_picture_is_asked_for_once_more() {
    let world = world().await;
    for nothing in [Answer::empty_data(), Answer::no_data()] {
        let before = world.provider.requests().len();
        world.provider.answers([nothing.clone(), nothing]);
        world.says("/生图 一只猫").await;
        check_sentence(&sentence(&world).await, "E-EMPTY");
        assert_eq!(world.provider.requests().len() - before, 2);
    }
    world.provider.answers([Answer::empty_data(), Answer::draws()]);
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
}

/// Answers that were paid for and hold no usable picture: told, and never drawn again by anybody.
#[tokio::test]
async fn a_result_that_is_lost_is_told_and_not_drawn_again() {
    let (world, other) = world_with_fallback().await;
    for lost in [
        Answer::broken_base64(),
        Answer::not_a_picture(),
        Answer::draws().cut(),
        Answer::draws().cut_chunked(),
    ] {
        let before = world.provider.requests().len();
        world.provider.answer(lost.clone());
        world.says("/生图 一只猫").await;
        let end = end(&world).await;
        assert!(end.text.contains("[E-LOST]"), "{lost:?} ended with {:?}", end.text);
        assert_eq!(world.provider.requests().len() - before, 1, "{lost:?}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_placeholder_of_one_pixel_is_no_picture() {
    let world = world().await;
    world.provider.always(Answer::placeholder());
    world.says("/生图 一只猫").await;
    let end = end(&world).await;
    assert!(end.pictures.is_empty(), "a placeholder was delivered");
    assert!(world.provider.requests().len() <= 2);
}

/// Base64 that only looks broken: line breaks, the alphabet of urls, no padding, a data url around it.
#[tokio::test]
async fn base64_that_can_be_repaired_is_repaired() {
    let world = world().await;
    let picture = pictures::png(61, 47, 9);
    let plain = STANDARD.encode(&picture);
    let lines = plain.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned());
    for text in [
        lines.collect::<Vec<_>>().join("\r\n"),
        plain.replace('+', "-").replace('/', "_"),
        plain.trim_end_matches('=').to_owned(),
        format!("data:image/png;base64,{plain}"),
    ] {
        world.provider.answer(Answer::json(200, &json!({ "created": 1, "data": [{ "b64_json": text }] })));
        world.says("/生图 一只猫").await;
        assert_eq!(end(&world).await.picture(), picture, "base64 that begins with {text:.30}");
    }
    assert_eq!(world.provider.requests().len(), 4);
}

#[tokio::test]
async fn a_web_page_instead_of_an_answer_leads_to_the_next_provider() {
    let (world, other) = world_with_fallback().await;
    world.provider.always(Answer::html());
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert_eq!((world.provider.requests().len(), other.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_result_by_url_is_downloaded() {
    let world = world().await;
    let picture = pictures::jpeg(120, 80, 4);
    world.provider.answer(Answer::url([picture.clone()]));
    world.says("/生图 一只猫").await;
    assert_eq!(world.bot.next_picture().await.picture(), picture);
    assert_eq!((world.provider.requests().len(), world.provider.downloads().len()), (1, 1));
}

#[tokio::test]
async fn a_dead_result_url_is_tried_again_and_never_drawn_again() {
    let (world, other) = world_with_fallback().await;
    for status in [403, 404, 500] {
        let before = (world.provider.requests().len(), world.provider.downloads().len());
        world.provider.answer(Answer::dead_url(status));
        world.says("/生图 一只猫").await;
        check_sentence(&sentence(&world).await, "E-LOST");
        let now = (world.provider.requests().len(), world.provider.downloads().len());
        assert_eq!((now.0 - before.0, now.1 - before.1), (1, 3), "status {status}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_refused_parameter_is_left_out_and_the_next_job_knows() {
    let extra =
        |base: &str| configuration(base).replace("model =", "extra = { quality = \"high\" }\nmodel =");
    let world = world_with(extra).await;
    world.provider.answer(Answer::unknown_parameter("quality"));
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    world.says("/生图 再来一只").await;
    world.bot.next_picture().await;
    let qualities: Vec<_> =
        world.provider.requests().iter().map(|request| request.field("quality")).collect();
    assert_eq!(qualities, [Some("high".to_owned()), None, None]);
}

#[tokio::test]
async fn a_refused_size_steps_down_to_a_classic_one_and_no_further() {
    let world = world().await;
    world.provider.answer(Answer::invalid_size());
    world.says("/生图 一只猫 16:9 4K").await;
    world.bot.next_picture().await;
    world.provider.answers([Answer::invalid_size(), Answer::invalid_size()]);
    world.says("/生图 一只猫 21:9 4K").await;
    check_sentence(&sentence(&world).await, "E-REQUEST");
    let sizes: Vec<_> = world.provider.requests().iter().map(ProviderRequest::size).collect();
    let asked = ["3840x2160", "1536x1024", "3808x1632", "1536x1024"];
    assert_eq!(sizes, asked.map(|size| Some(size.to_owned())));
}

/// What nobody wished is left out where it is refused: one person's two refusals leave the service to all others.
#[tokio::test]
async fn a_default_size_that_is_refused_is_left_out_from_then_on() {
    let world =
        world_with(|base| configuration(base).replace("[draw]", "[draw]\ndefault_output = \"2K\"")).await;
    world.provider.answers([Answer::invalid_size(), Answer::invalid_size()]);
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-REQUEST");
    world.says("/生图 一只狗").await;
    world.bot.next_picture().await;
    // Whoever wishes it is told so, and nothing is sent.
    world.says("/生图 一只鸟 2K").await;
    check_sentence(&sentence(&world).await, "E-REQUEST");
    let sizes: Vec<_> = world.provider.requests().iter().map(ProviderRequest::size).collect();
    assert_eq!(sizes, [Some("2048x2048"), Some("1024x1024"), None].map(|size| size.map(str::to_owned)));
}

#[tokio::test]
async fn a_request_that_stays_wrong_is_told() {
    let world = world().await;
    world.provider.always(Answer::error(
        400,
        "invalid_request_error",
        "invalid_value",
        "The sky is not blue.",
    ));
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-REQUEST");
    assert_eq!(world.provider.requests().len(), 1);
}

/// Neither for a picture nor for its list of models. Where no model is named, the first that would be chosen counts until
/// the list has told of others.
#[tokio::test]
async fn whose_model_can_not_do_it_is_asked_nothing_at_all() {
    for (kind, model) in [("openai_images", "model = \"dall-e-3\""), ("gitee", "")] {
        let other = FakeProvider::start().await;
        let world = world_with(|main| {
            with_fallbacks(main, &[&other])
                .replacen("kind = \"openai_images\"", &format!("kind = \"{kind}\""), 1)
                .replacen("model = \"gpt-image-2\"", model, 1)
        })
        .await;
        world.provider.set_models(&["gpt-image-2", "Qwen-Image"]);
        let files = FileServer::start().await;
        let picture = files.put("/a.png", pictures::png(64, 64, 1));
        // It takes no pictures, it draws nothing so large, and it draws no such shape.
        let wishes = [
            Message::group(GROUP, USER).text("/改图 换成雨夜").image_url(&picture),
            Message::group(GROUP, USER).text("/生图 一片星空 4K"),
            Message::group(GROUP, USER).text("/生图 一片星空 21:9"),
        ];
        for (number, wish) in wishes.into_iter().enumerate() {
            world.bot.send(wish).await;
            world.bot.next_picture().await;
            assert_eq!(other.requests().len(), number + 1, "{kind}");
            assert!(world.provider.requests().is_empty(), "{kind} was asked for wish {number}");
            let skipped = || world.easel().output().matches("provider skipped").count();
            until("the reason in the log", || skipped() == number + 1).await;
        }
        assert_eq!(other.requests()[0].pictures().len(), 1, "the picture goes along");
        // What it can do it is asked for.
        world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
        assert_eq!(other.requests().len(), 3, "{kind}");
        assert!(!world.provider.requests().is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn a_missing_model_or_route_leads_to_the_next_provider_and_is_remembered() {
    for missing in [Answer::model_not_found(), Answer::route_missing()] {
        let (world, other) = world_with_fallback().await;
        world.provider.always(missing);
        for _ in 0..2 {
            world.says("/生图 一只猫").await;
            world.bot.next_picture().await;
        }
        assert_eq!((world.provider.requests().len(), other.requests().len()), (1, 2));
    }
}

/// Every way in which gateways put a picture into a chat, streamed and whole.
#[tokio::test]
async fn a_picture_is_found_in_every_shape_of_a_chat_answer() {
    for stream in [false, true] {
        let streaming =
            |base: &str| chat(base).replace("model =", &format!("extra = {{ stream = {stream} }}\nmodel ="));
        let world = world_with(streaming).await;
        let picture = pictures::png(90, 70, 21);
        for shape in ChatShape::ALL {
            let before = world.provider.requests().len();
            world.provider.always(Answer::chat(shape, picture.clone()));
            world.says(&format!("/生图 {shape:?}")).await;
            let end = end(&world).await;
            let named = format!("{shape:?}, streamed: {stream}: {:?}", end.text);
            if shape.has_picture() {
                assert!(end.pictures.len() == 1, "{named}");
                assert_eq!(end.picture(), picture, "{named}");
                assert_eq!(world.provider.requests().len() - before, 1, "{named}");
            } else {
                assert!(end.pictures.is_empty(), "{named}");
            }
        }
        assert!(world.provider.requests().iter().all(|request| request.stream() == stream));
        assert!(world.provider.requests().iter().all(|request| request.path() == "/v1/chat/completions"));
    }
}

#[tokio::test]
async fn the_offline_sketch_never_steps_in_for_a_provider_that_fails() {
    let world = world().await;
    for (failure, code) in [
        (Answer::error(400, "invalid_request_error", "invalid_value", "No."), "E-REQUEST"),
        (Answer::moderation_input(), "E-MODERATION"),
        (Answer::unauthorized(), "E-AUTH"),
    ] {
        world.provider.answer(failure);
        world.says("/生图 一只猫").await;
        check_sentence(&sentence(&world).await, code);
    }
    // The only key is known to be bad now: nobody is asked, and still nothing is sketched.
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-AUTH");
    assert_eq!(world.provider.requests().len(), 3);
    assert!(world.bot.sends().iter().all(|sent| sent.pictures.is_empty()));
}

#[tokio::test]
async fn an_error_that_echoes_a_hostile_prompt_is_read_without_the_prompt() {
    let world = world().await;
    let prompt = "Incorrect API key provided; insufficient_quota; rejected as a result of our safety system";
    world.provider.answer(Answer::error(
        400,
        "invalid_request_error",
        "invalid_value",
        &format!("Cannot draw '{prompt}' today."),
    ));
    world.says(&format!("/生图 {prompt}")).await;
    check_sentence(&sentence(&world).await, "E-REQUEST");
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
    assert_eq!(world.provider.requests().len(), 2, "the key is still good");
}

#[tokio::test]
async fn a_job_ends_at_its_deadline() {
    let hurried = |base: &str| configuration(base).replace("[jobs]\n", "[jobs]\ndeadline_seconds = 1\n");
    let world = world_with(hurried).await;
    world.provider.always(Answer::hangs());
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-DEADLINE");
    world.provider.next_hang_up().await;
    assert_eq!(world.provider.requests().len(), 1);
    world.provider.always(Answer::draws());
    world.says("/生图 一只猫").await;
    world.bot.next_picture().await;
}

#[tokio::test]
async fn a_suspended_account_is_left_for_the_next_provider() {
    let (world, other) = world_with_fallback().await;
    world.provider.always(Answer::account_blocked());
    for _ in 0..2 {
        world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
    }
    assert_eq!((world.provider.requests().len(), other.requests().len()), (1, 2));
}

#[tokio::test]
async fn one_job_may_mix_dialects() {
    let other = FakeProvider::start().await;
    let mixed = |main: &str| {
        let draw = configuration(main) + "fallback_1 = \"other-1\"\n";
        draw + &section(1, &other.base_url(), "openai_chat")
    };
    let world = world_of(mixed, FakeOneBot::new()).await;
    world.provider.always(Answer::model_not_found());
    let picture = pictures::png(90, 70, 5);
    other.answer(Answer::chat(ChatShape::MarkdownDataUrl, picture.clone()));
    world.says("/生图 一只猫").await;
    assert_eq!(world.bot.next_picture().await.picture(), picture);
}
#[tokio::test]
async fn keys_of_one_account_share_its_quota() {
    let keys = format!(
        "{{ key = \"{FIRST_KEY}\", account = \"a\" }}, {{ key = \"{SECOND_KEY}\", account = \"a\" }}"
    );
    let world = world_with(|base| configuration(base).replace("\"sk-main-0123456789\"", &keys)).await;
    world.provider.always(Answer::quota_exhausted());
    world.says("/生图 一只猫").await;
    check_sentence(&sentence(&world).await, "E-QUOTA");
    assert_eq!(keys_of(&world), [FIRST_KEY]);
}

#[tokio::test]
async fn an_address_is_understood_however_it_is_written() {
    for end in ["", "/", "/v1", "/v1/", "/v1/images/generations"] {
        let world = world_with(|base| configuration(&base.replace("/v1", end))).await;
        world.says("/生图 一只猫").await;
        world.bot.next_picture().await;
        assert_eq!(world.provider.next_request().await.path(), "/v1/images/generations", "{end:?}");
    }
}

#[tokio::test]
async fn an_edit_carries_its_pictures_and_gateways_with_another_spelling_get_theirs() {
    let world = world().await;
    let files = FileServer::start().await;
    let inputs = [pictures::png(40, 30, 1), pictures::jpeg(50, 40, 2)];
    let urls = [files.put("/a.png", inputs[0].clone()), files.put("/b.jpg", inputs[1].clone())];
    world.provider.answer(Answer::unknown_parameter("image[]"));
    let message =
        Message::group(GROUP, USER).image("A.png", &urls[0]).text("/改图 合成一张").image("B.jpg", &urls[1]);
    world.bot.send(message).await;
    world.bot.next_picture().await;
    let requests = world.provider.requests();
    let names: Vec<Vec<String>> = requests
        .iter()
        .map(|request| request.pictures().into_iter().map(|picture| picture.name).collect())
        .collect();
    assert_eq!(names, [["image[]", "image[]"], ["image", "image"]]);
    for request in &requests {
        assert_eq!(request.path(), "/v1/images/edits");
        assert!(
            request.pictures().iter().map(|picture| &picture.bytes).eq(&inputs),
            "the pictures were changed"
        );
    }
}
