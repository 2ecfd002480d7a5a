//! Clips: tasks that take minutes, results that are files.

use super::*;
use crate::{
    ports::{ClipLimits, SendFailure},
    settings::SendMode,
    testing::test_clip,
};

const LINK: &str = "https://cdn.example.com/v.mp4";

fn clips(script: Vec<Step>) -> World {
    clips_on(MemoryStore::default(), script)
}

fn clips_on(store: MemoryStore, script: Vec<Step>) -> World {
    world_of(store, ScriptedProvider::with_clips("p", script), &[])
}

fn clip(user: &str, message: &str) -> StoredRequest {
    StoredRequest { feature: "video".to_owned(), count: 3, ..request(user, message) }
}

fn task(step: Step) -> Step {
    Step::Task("t-1", Box::new(step))
}

fn bytes() -> bytes::Bytes {
    test_clip().body.read().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_clip_is_told_of_once_stored_and_shown() {
    let go = Arc::new(Notify::new());
    let w = clips(vec![task(Step::Progress(40, Box::new(Step::Hold(go.clone()))))]);
    let accepted = w.asks(clip("u", "m1"));
    let told = w.adapter.send_number(1).await;
    assert_eq!(told.text, format!("job-rendering job={}", accepted.number));
    w.provider.arrivals(1).await;
    let lines = w.engine.jobs(&group("g"), None);
    assert_eq!((lines[0].phase, lines[0].rendering), (Phase::Running, Some(40)));
    go.notify_one();
    w.ended().await;
    // The held step answers with a picture, which nobody asked for.
    assert_eq!(w.adapter.sends().last().unwrap().text, "error-clip-empty\nnote-maybe-charged");
    assert_eq!(w.events().last().unwrap(), "finished:failed");

    let w = clips(vec![task(Step::Clip(Some(LINK)))]);
    w.asks(clip("u", "m1"));
    w.adapter.send_number(2).await;
    w.ended().await;
    let mut sends = w.adapter.sends();
    sends.retain(|send| send.text.is_empty());
    let [shown] = &sends[..] else { panic!("{sends:?}") };
    assert_eq!((shown.clips.as_slice(), shown.as_file), (&[bytes()][..], false));
    let expected = ["accepted", "asking", "created", "answered", "stored", "sending", "finished:delivered"];
    assert_eq!(w.events(), expected);
    let Event::Stored { artifacts, .. } = &w.store.entries()[4].event else { panic!("{:?}", w.events()) };
    assert!(artifacts[0].blob.ends_with("-0.mp4") && artifacts[0].link.as_deref() == Some(LINK));
    assert_eq!(w.provider.requests()[0].count, 1, "there is one clip however many were wished");
    assert_eq!(w.adapter.reactions().last().unwrap().1, Reaction::Done);
    let (_, artifacts) = w.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
    let kept = w.engine.keeper().read(&artifacts).await.unwrap();
    assert_eq!(kept[0].body().read().unwrap(), bytes());
}

#[tokio::test(start_paused = true)]
async fn a_clip_whose_words_are_there_needs_no_others_as_a_file() {
    let w = clips(vec![Step::Clip(Some(LINK))]);
    let failed = |failure| SendError::Failed { failure, reason: "scripted".to_owned() };
    w.adapter.fail_sends([failed(SendFailure::Disconnected), failed(SendFailure::Picture)]);
    w.asks(StoredRequest { preset: Some("手办".to_owned()), ..clip("u", "m1") });
    w.ended().await;
    let sends = w.adapter.sends();
    let [words, file] = &sends[..] else { panic!("{sends:?}") };
    assert_eq!((words.text.as_str(), file.as_file, file.clips.len()), ("手办", true, 1));
}

#[tokio::test(start_paused = true)]
async fn the_words_of_a_clip_are_not_said_again_after_a_restart() {
    let w = clips(vec![Step::Clip(Some(LINK))]);
    w.adapter.away_after(1);
    w.asks(StoredRequest { preset: Some("手办".to_owned()), ..clip("u", "m1") });
    while w.events().iter().filter(|event| *event == "stored").count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(w.adapter.sends()[0].text, "手办");
    assert!(w.engine.shutdown(Duration::from_secs(5)).await);
    let next = clips_on(w.store.clone(), vec![]);
    next.recover().await;
    next.ended().await;
    let sends = next.adapter.sends();
    let [shown] = &sends[..] else { panic!("{sends:?}") };
    assert_eq!((shown.text.as_str(), shown.clips.len()), ("", 1));
}

#[tokio::test(start_paused = true)]
async fn a_stored_clip_is_delivered_after_a_crash_and_a_task_is_asked_about() {
    let w = clips(vec![task(Step::Clip(Some(LINK)))]);
    w.asks(clip("u", "m1"));
    w.ended().await;
    // As if the end had come behind `stored`.
    w.store.forget_after(5);
    let next = clips_on(w.store.clone(), vec![]);
    assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.adapter.sends()[0].clips, [bytes()]);
    assert!(next.provider.keys().is_empty());

    w.store.forget_after(3);
    let next = clips_on(w.store.clone(), vec![]);
    assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.adapter.sends()[0].clips, [bytes()], "without the sentence, which was said before");
    assert_eq!(next.provider.resumed(), ["t-1"]);

    w.store.forget_after(2);
    let next = clips_on(w.store.clone(), vec![]);
    assert_eq!(next.recover().await, Recovered { unknown: 1, ..Recovered::default() });
    assert_eq!(next.adapter.send_number(1).await.text, "error-task-unknown");
    assert!(next.provider.keys().is_empty(), "never ordered again");
}

#[tokio::test(start_paused = true)]
async fn a_person_has_one_clip_and_pictures_beside_it() {
    let w = clips(vec![task(Step::Hang), task(Step::Hang)]);
    w.asks(clip("u", "m1"));
    w.provider.arrivals(1).await;
    let again = StoredRequest { chat: group("h"), ..clip("u", "m2") };
    let refusal = w.engine.accept(again, Brought::default()).unwrap_err();
    assert_eq!((refusal.key, refusal.code), ("error-clip-busy", "E-CLIP-BUSY"));
    w.asks(clip("v", "m3"));
    w.provider.arrivals(2).await;
    // Both places of the chat are taken by clips; a picture is asked for all the same (and refused by this provider).
    w.asks(request("u", "m4"));
    until(|| w.engine.jobs(&group("g"), None).len() <= 2).await;
    assert!(w.adapter.sends().iter().any(|send| send.text == "error-no-provider"));
}

#[tokio::test(start_paused = true)]
async fn a_clip_begins_with_the_first_picture_that_can_be_used() {
    let w = clips(vec![]);
    let picture = test_picture().body.read().unwrap();
    w.adapter.serve("http://x/torn.png", Ok(picture.slice(..20)));
    w.adapter.serve("http://x/a.png", Ok(picture.clone()));
    w.adapter.serve("http://x/b.png", Ok(picture));
    let pictures = vec![url("http://x/torn.png"), url("http://x/a.png"), url("http://x/b.png")];
    w.asks(StoredRequest { pictures, ..clip("u", "m1") });
    w.ended().await;
    assert_eq!(w.provider.requests()[0].references.len(), 1);
    assert_eq!(w.adapter.downloads(), ["http://x/torn.png", "http://x/a.png"]);

    let gone = StoredRequest { pictures: vec![url("http://x/torn.png")], ..clip("u", "m2") };
    w.asks(gone);
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 1, "nobody pays for a clip that begins with something else");
    assert!(w.adapter.sends().last().unwrap().text.starts_with("error-picture-"));
}

#[tokio::test(start_paused = true)]
async fn clips_are_fetched_and_sent_as_configured() {
    let w = clips(vec![Step::Clip(Some(LINK)), Step::Clip(None)]);
    let limits = ClipLimits { max_bytes: 5 << 20, timeout: Duration::from_secs(7) };
    let clips = ClipSettings { send_mode: SendMode::Url, limits };
    w.engine.reconfigure(EngineSettings { clips, ..settings() });
    w.asks(clip("u", "m1"));
    w.ended().await;
    assert_eq!(w.adapter.sends()[0].clip_links, [LINK]);
    assert_eq!(w.provider.clip_limits(), Some(limits));
    let refused = SendError::Failed { failure: SendFailure::Permanent, reason: "no".to_owned() };
    w.adapter.fail_sends(vec![refused.clone(), refused]);
    w.asks(clip("u", "m2"));
    w.ended().await;
    assert_eq!(w.adapter.sends().last().unwrap().text, "error-clip-not-delivered");
    assert!(w.engine.keeper().latest(&group("g"), &"u".into()).is_some(), "it can be fetched");
}
