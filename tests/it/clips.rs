//! `/视频` from the chat to the chat: the clip is ordered once, rendered by a service, and arrives once, also when
//! easel is killed while it renders.

use easel_testkit::{
    onebot::Sent,
    pictures,
    provider::{Answer, ProviderRequest},
    samples,
};
use serde_json::Value;

use crate::world::{World, configuration, journal, until, world_with};

const TASK: &str = "/videos/req-123";

fn grok(provider: &str) -> String {
    configuration(provider)
        + &format!(
            "[video]\nprovider = \"film\"\n[providers.film]\nkind = \"grok_video\"\nbase_url = \"{provider}\"\n\
             api_keys = \"token-one-0123456789\"\nmodel = \"grok-imagine-video\"\nextra = {{ poll_seconds = 0.05 }}\n"
        )
}

/// The beginning of an MP4 file, and noise behind it.
fn film() -> Vec<u8> {
    let mut film = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
    film.extend_from_slice(&pictures::png_of_length(20_000, 1));
    film
}

fn sample(status: u16, name: &str) -> Answer {
    Answer::json(status, &samples::json(&format!("xai/{name}.json")))
}

fn to(world: &World, path_end: &str) -> Vec<ProviderRequest> {
    world.provider.requests().into_iter().filter(|request| request.path().ends_with(path_end)).collect()
}

/// A world whose service has taken a clip and is still at work on it; the message that asked.
async fn rendering() -> (World, i64) {
    let world = world_with(grok).await;
    world.provider.when_path("/videos/generations", sample(200, "video_created"));
    world.provider.when_path(TASK, sample(202, "video_pending"));
    let message = world.says("/视频 一只奔跑的柯基").await;
    until("a question about the task", || !to(&world, TASK).is_empty()).await;
    (world, message)
}

/// From now on the task is done; its clip.
fn finishes(world: &World) -> Vec<u8> {
    let film = film();
    let mut done = samples::json("xai/video_done.json");
    let content = Answer::raw(200, "video/mp4", film.clone());
    done["video"]["url"] = world.provider.host(".mp4", content).into();
    world.provider.when_path(TASK, Answer::json(200, &done));
    film
}

fn is_clip(sent: &Sent) -> bool {
    sent.files.iter().any(|media| media.kind == "video")
}

async fn arrives(world: &World, film: &[u8]) {
    let sent = world.bot.next_send_where("the clip", is_clip).await;
    let media = sent.files.iter().find(|media| media.kind == "video").unwrap();
    assert_eq!(media.bytes.as_deref(), Some(film));
    let finished = || {
        let entries = journal(&world.path("data")).into_iter().map(|(_, entry)| entry);
        entries.filter(|entry| entry["event"] == "finished").collect::<Vec<Value>>()
    };
    until("the end of the job in the journal", || !finished().is_empty()).await;
    assert!(finished()[0]["outcome"].to_string().contains("delivered"));
    happened_once(world, film);
}

/// The clip was ordered once, and one message or file of all that was ever sent holds it.
fn happened_once(world: &World, film: &[u8]) {
    assert_eq!(to(world, "/videos/generations").len(), 1, "ordered again");
    let sends = world.bot.sends();
    let clips: Vec<_> = sends.iter().filter(|sent| !sent.files.is_empty()).collect();
    let [clip] = clips[..] else { panic!("{} messages with clips or files: {clips:#?}", clips.len()) };
    assert!(clip.delivered && is_clip(clip), "{clip:#?}");
    assert_eq!(clip.files.len(), 1);
    assert_eq!(clip.files[0].bytes.as_deref(), Some(film));
}

#[tokio::test]
async fn a_clip_is_ordered_once_and_arrives_in_the_chat() {
    let (world, _) = rendering().await;
    let film = finishes(&world);
    arrives(&world, &film).await;
    let order = &to(&world, "/videos/generations")[0];
    assert_eq!(order.prompt().as_deref(), Some("一只奔跑的柯基"));
}

#[tokio::test]
async fn whoever_is_named_for_what_it_does_not_do_is_told_apart() {
    let world = world_with(grok).await;
    let told = world.asks("/视频@main 一只柯基").await;
    assert!(told.contains("“main”不会做视频") && told.contains("[E-NO-CLIP]"), "{told}");
    let told = world.asks("/生图@film 一只柯基").await;
    assert!(told.contains("“film”只做视频") && told.contains("[E-NO-DRAW]"), "{told}");
    assert!(world.provider.requests().is_empty());
}

#[tokio::test]
async fn a_clip_that_renders_while_easel_is_killed_is_delivered_once() {
    let (mut world, _) = rendering().await;
    world.kill();
    let film = finishes(&world);
    world.start().await;
    arrives(&world, &film).await;
    world.kill_and_start().await;
    world.asks("/任务").await;
    happened_once(&world, &film);
}

/// The window in which easel knows only that it meant to order: whether it is charged is unknown, so it is told.
#[tokio::test]
async fn a_clip_that_was_perhaps_ordered_is_told_as_unknown_and_never_ordered_again() {
    let mut world = world_with(grok).await;
    world.provider.when_path("/videos/generations", sample(200, "video_created").held());
    let message = world.says("/视频 一只奔跑的柯基").await;
    world.provider.next_request().await;
    world.kill_and_start().await;
    let told = world.bot.next_send_where("the sentence", |sent| sent.text.contains("[E-TASK-UNKNOWN]")).await;
    assert_eq!(told.quote, Some(message.to_string()));
    world.kill_and_start().await;
    world.asks("/任务").await;
    assert_eq!(world.provider.requests().len(), 1, "ordered again, or asked about without an id");
    let sends = world.bot.sends();
    assert_eq!(sends.iter().filter(|sent| sent.text.contains("[E-TASK-UNKNOWN]")).count(), 1, "told once");
    assert!(sends.iter().all(|sent| sent.files.is_empty()));
}
