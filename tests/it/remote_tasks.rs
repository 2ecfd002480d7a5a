//! Work that goes on at a service while easel is killed: it is asked about again with the key that ordered it, fetched
//! and delivered, and nothing is ever ordered twice unless the service says that it never saw it.

use easel_testkit::{
    files::FileServer,
    onebot::Message,
    pictures,
    provider::{Answer, ProviderRequest},
    samples,
};
use serde_json::{Value, json};

use crate::keeping::{Refuses, world_with_switch};
use crate::world::{GROUP, USER, World, configuration, journal, until, world_with};

const TASK: &str = "TASK00000000000000000000000001";
/// The second task of a job.
const SECOND: &str = "TASK00000000000000000000000002";
/// The id that a `ComfyUI` chooses that ignores ours.
const OTHER: &str = "11111111-1111-4111-8111-111111111111";

fn gitee(provider: &str, keys: &str) -> String {
    configuration(provider)
        + &format!(
            "[edit]\nprovider = \"slow\"\n[providers.slow]\nkind = \"gitee_async\"\nbase_url = \"{provider}\"\n\
             api_keys = {keys}\nmodel = \"Qwen-Image-Edit-2511\"\nextra = {{ poll_seconds = 0.05 }}\n"
        )
}

const KEYS: &str = r#"["token-one-0123456789", "token-two-0123456789"]"#;
const TURNED: &str = r#"["token-two-0123456789", "token-one-0123456789"]"#;

fn sample(name: &str) -> Answer {
    Answer::json(200, &samples::json(name))
}

fn events(world: &World, name: &str) -> Vec<Value> {
    let entries = journal(&world.path("data")).into_iter().map(|(_, entry)| entry);
    entries.filter(|entry| entry["event"] == name).collect()
}

fn to(world: &World, path_end: &str) -> Vec<ProviderRequest> {
    world.provider.requests().into_iter().filter(|request| request.path().ends_with(path_end)).collect()
}

/// A world whose service takes one edit and is still at work on it; the message that asked.
async fn rendering() -> (World, FileServer, i64) {
    rendering_of("/改图 换成雨夜", KEYS).await
}

/// The same with these words and keys.
async fn rendering_of(words: &str, keys: &str) -> (World, FileServer, i64) {
    let world = world_with(|provider| gitee(provider, keys)).await;
    takes(&world, TASK);
    let (files, message) = asks_for(&world, words).await;
    until("a question about the task", || !to(&world, TASK).is_empty()).await;
    (world, files, message)
}

/// From now on the service takes orders as this task, and works on it.
fn takes(world: &World, task: &str) {
    let created = samples::json("gitee/edit_task_created.json").to_string().replace(TASK, task);
    world.provider.when_path("/async/images/edits", Answer::raw(200, "application/json", created));
    world.provider.when_path(&format!("/task/{task}"), sample("gitee/edit_task_in_progress.json"));
}

async fn asks(world: &World) -> (FileServer, i64) {
    asks_for(world, "/改图 换成雨夜").await
}

async fn asks_for(world: &World, words: &str) -> (FileServer, i64) {
    let files = FileServer::start().await;
    let url = files.put("/input.png", pictures::png(64, 48, 8));
    let message = world.bot.send(Message::group(GROUP, USER).text(words).image_url(&url)).await;
    (files, message)
}

/// From now on the task is done; its picture.
fn finishes(world: &World) -> bytes::Bytes {
    finishes_with(world, TASK, pictures::png(80, 60, 3))
}

fn finishes_with(world: &World, task: &str, picture: bytes::Bytes) -> bytes::Bytes {
    let mut done = samples::json("gitee/edit_task_success.json");
    done["output"]["file_url"] = world.provider.host_picture(picture.clone()).into();
    world.provider.when_path(&format!("/task/{task}"), Answer::json(200, &done));
    picture
}

/// Both pictures come, once and in their order, and two tasks were ever taken.
async fn both_are_delivered_once(world: &World, message: i64, pictures: [bytes::Bytes; 2]) {
    assert!(outcome(world).await.contains("delivered"));
    let delivered = world.bot.delivered();
    let sent: Vec<_> = delivered.iter().filter(|sent| !sent.pictures.is_empty()).collect();
    assert_eq!(sent.iter().map(|sent| sent.picture()).collect::<Vec<_>>(), pictures);
    assert!(sent.iter().all(|sent| sent.quote == Some(message.to_string())));
    let taken: Vec<_> =
        events(world, "created").into_iter().map(|created| created["task"]["id"].clone()).collect();
    assert_eq!(taken, [TASK, SECOND]);
    assert!(delivered.iter().all(|sent| !sent.text.contains("要了")), "nothing lacks: {delivered:?}");
}

async fn outcome(world: &World) -> String {
    until("the end of the job in the journal", || !events(world, "finished").is_empty()).await;
    events(world, "finished")[0]["outcome"].to_string()
}

#[tokio::test]
async fn a_task_that_renders_while_easel_is_killed_is_delivered_and_not_ordered_again() {
    let (mut world, _files, message) = rendering().await;
    world.kill();
    let asked = world.provider.requests().len();
    let picture = finishes(&world);
    // The other key is the first one now.
    std::fs::write(world.path("easel.toml"), gitee(&world.provider.base_url(), TURNED)).unwrap();
    world.start().await;
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.picture(), sent.quote), (picture, Some(message.to_string())));
    assert!(outcome(&world).await.contains("delivered"));
    let create = &to(&world, "/async/images/edits")[..];
    assert_eq!(create.len(), 1, "ordered again");
    let after = world.provider.requests().split_off(asked);
    assert!(!after.is_empty());
    assert!(after.iter().all(|request| request.key == create[0].key), "another key asked: {after:?}");
}

#[tokio::test]
async fn what_the_first_task_made_survives_a_kill_before_the_second_is_ordered() {
    let (mut world, _files, message) = rendering_of("/改图 换成雨夜 x2", r#"["token-one-0123456789"]"#).await;
    // The second order is refused for a while, so that the process dies between the two.
    world.provider.when_path("/async/images/edits", Answer::rate_limited_for(15));
    let first = finishes(&world);
    until("the refusal in the journal", || events(&world, "answered").len() == 2).await;
    assert_eq!(events(&world, "made").len(), 1);
    world.kill();
    let asked = to(&world, TASK).len();
    takes(&world, SECOND);
    let second = finishes_with(&world, SECOND, pictures::png(72, 56, 9));
    world.start().await;
    both_are_delivered_once(&world, message, [first, second]).await;
    assert_eq!(to(&world, "/async/images/edits").len(), 3, "taken, refused, taken");
    assert_eq!(to(&world, TASK).len(), asked, "what is kept is not fetched again");
    world.kill_and_start().await;
    world.asks("/任务").await;
    assert_eq!(world.bot.delivered().iter().filter(|sent| !sent.pictures.is_empty()).count(), 2);
}

#[tokio::test]
async fn what_the_first_task_made_survives_a_kill_while_the_second_renders() {
    let (mut world, _files, message) = rendering_of("/改图 换成雨夜 x2", KEYS).await;
    takes(&world, SECOND);
    let first = finishes(&world);
    until("a question about the second task", || !to(&world, SECOND).is_empty()).await;
    world.kill();
    let second = finishes_with(&world, SECOND, pictures::png(72, 56, 9));
    world.start().await;
    both_are_delivered_once(&world, message, [first, second]).await;
    assert_eq!(to(&world, "/async/images/edits").len(), 2, "each was ordered once");
}

#[tokio::test]
async fn a_task_that_ends_on_a_full_disk_is_told_and_comes_once_when_there_is_room() {
    let (mut world, disk) = world_with_switch(|provider| gitee(provider, KEYS), Refuses::Bytes).await;
    takes(&world, TASK);
    let (_files, message) = asks(&world).await;
    until("a question about the task", || !to(&world, TASK).is_empty()).await;
    disk.refuses(true);
    let picture = finishes(&world);
    let told = world.bot.next_send_where("that it waits", |sent| sent.text.contains("[E-STORE]")).await;
    assert_eq!(told.quote, Some(message.to_string()));
    let output = world.easel().output();
    let line = output.lines().find(|line| line.contains("a result waits until it can be recorded"));
    let line = line.unwrap_or_else(|| panic!("the owner is not told:\n{output}"));
    assert!(line.contains("ERROR") && line.contains("the disk is full"), "{line}");
    assert!(events(&world, "answered").is_empty());
    assert!(world.asks("/img帮助").await.contains("生图"), "the rest works on");

    disk.refuses(false);
    let sent = world.bot.next_picture().await;
    assert_eq!((sent.picture(), sent.quote), (picture.clone(), Some(message.to_string())));
    assert!(outcome(&world).await.contains("delivered"));
    world.kill_and_start().await;
    world.asks("/任务").await;
    let delivered = world.bot.delivered();
    assert_eq!(delivered.iter().filter(|sent| !sent.pictures.is_empty()).count(), 1);
    assert_eq!(delivered.iter().filter(|sent| sent.text.contains("[E-")).count(), 1, "{delivered:?}");
    assert_eq!(to(&world, "/async/images/edits").len(), 1, "ordered once");
    world.says("/重发图片").await;
    assert_eq!(world.bot.next_picture().await.picture(), picture, "it was stored as every other result");
}

#[tokio::test]
async fn a_task_that_was_perhaps_ordered_is_told_as_unknown_and_never_ordered_again() {
    let mut world = world_with(|provider| gitee(provider, KEYS)).await;
    world.provider.when_path("/async/images/edits", sample("gitee/edit_task_created.json").held());
    let (_files, message) = asks(&world).await;
    world.provider.next_request().await;
    assert_eq!(events(&world, "asking").len(), 1, "the intent was written down first");
    world.kill_and_start().await;
    let told = world.bot.next_send_where("the sentence", |sent| sent.text.contains("[E-TASK-UNKNOWN]")).await;
    assert_eq!(told.quote, Some(message.to_string()));
    assert!(outcome(&world).await.contains("unknown"));
    world.kill_and_start().await;
    world.asks("/任务").await;
    assert_eq!(world.provider.requests().len(), 1);
}

#[tokio::test]
async fn a_key_that_left_the_configuration_is_named_by_its_fingerprint() {
    let (mut world, _files, _) = rendering().await;
    world.kill();
    let asked = world.provider.requests().len();
    let fingerprint = events(&world, "asking")[0]["key"].as_str().unwrap().to_owned();
    std::fs::write(
        world.path("easel.toml"),
        gitee(&world.provider.base_url(), r#"["token-new-0123456789"]"#),
    )
    .unwrap();
    world.start().await;
    let told = world.hears().await.text;
    assert!(told.contains(&fingerprint) && told.contains("密钥"), "{told}");
    assert!(outcome(&world).await.contains("failed"));
    assert_eq!(world.provider.requests().len(), asked, "nobody else's key asks");
}

#[tokio::test]
async fn cancelling_a_task_tells_its_service() {
    let (world, _files, _) = rendering().await;
    world.says("/取消").await;
    until("the word to the service", || !to(&world, "/cancel").is_empty()).await;
    assert_eq!(to(&world, "/cancel")[0].path(), format!("/v1/task/{TASK}/cancel"));
}

fn comfyui(provider: &str, timeout: u32) -> String {
    let origin = provider.trim_end_matches("/v1");
    configuration(provider).replace("provider = \"main\"", "provider = \"own\"")
        + &format!(
            "[providers.own]\nkind = \"comfyui\"\nbase_url = \"{origin}\"\ntimeout_seconds = {timeout}\n\
             extra = {{ workflow = \"workflow.json\", slots = {{ prompt = \"6.text\" }}, poll_seconds = 0.05 }}\n"
        )
}

/// A world whose own engine has a task and has not answered yet; the id of the task.
async fn ordering(timeout: u32) -> (World, String) {
    let dir = tempfile::tempdir().unwrap();
    let provider = easel_testkit::provider::FakeProvider::start().await;
    std::fs::write(dir.path().join("easel.toml"), comfyui(&provider.base_url(), timeout)).unwrap();
    let workflow = samples::json("comfyui/prompt_request.json").to_string();
    std::fs::write(dir.path().join("workflow.json"), workflow).unwrap();
    let mut world = World { dir, easel: None, bot: easel_testkit::onebot::FakeOneBot::new(), provider };
    world.start().await;
    world.provider.when_path("/prompt", sample("comfyui/prompt_ok.json").held());
    world.provider.when_path("/view", Answer::raw(200, "image/png", pictures::png(80, 60, 3)));
    // Neither history nor queue know anything.
    world.provider.always(Answer::json(200, &json!({})));
    world.says("/生图 一只猫").await;
    let create = world.provider.next_request().await;
    let id = create.field("prompt_id").unwrap();
    (world, id)
}

/// The same, killed right then.
async fn killed_while_ordering() -> (World, String) {
    let (mut world, id) = ordering(300).await;
    world.kill();
    (world, id)
}

#[tokio::test]
async fn an_order_that_the_engine_did_not_answer_is_found_in_its_history_without_a_restart() {
    let (world, id) = ordering(1).await;
    let history = samples::json("comfyui/history_success.json").to_string().replace(OTHER, &id);
    world.provider.when_path(&format!("/history/{id}"), Answer::raw(200, "application/json", history));
    assert_eq!(world.bot.next_picture().await.picture(), pictures::png(80, 60, 3));
    assert!(outcome(&world).await.contains("delivered"));
    assert_eq!(to(&world, "/prompt").len(), 1, "ordered again");
}

#[tokio::test]
async fn a_workflow_that_the_engine_took_is_found_under_our_own_id() {
    let (mut world, id) = killed_while_ordering().await;
    let history = samples::json("comfyui/history_success.json").to_string().replace(OTHER, &id);
    world.provider.when_path(&format!("/history/{id}"), Answer::raw(200, "application/json", history));
    world.start().await;
    assert_eq!(world.bot.next_picture().await.picture(), pictures::png(80, 60, 3));
    assert!(outcome(&world).await.contains("delivered"));
    assert_eq!(to(&world, "/prompt").len(), 1, "ordered again");
}

#[tokio::test]
async fn a_workflow_that_the_engine_never_saw_is_ordered_after_a_look_at_history_and_queue() {
    let (mut world, id) = killed_while_ordering().await;
    world.provider.when_path("/prompt", sample("comfyui/prompt_ok.json"));
    world.provider.when_path(&format!("/history/{OTHER}"), sample("comfyui/history_success.json"));
    world.start().await;
    assert_eq!(world.bot.next_picture().await.picture(), pictures::png(80, 60, 3));
    assert!(outcome(&world).await.contains("delivered"));
    let paths: Vec<_> = world.provider.requests().iter().map(|request| request.path().to_owned()).collect();
    let (history, other) = (format!("/history/{id}"), format!("/history/{OTHER}"));
    assert_eq!(paths, ["/prompt", &history, "/queue", &history, "/prompt", &other, "/view"]);
}
