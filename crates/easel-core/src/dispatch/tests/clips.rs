//! `/视频`: words, pictures, presets, and what is said where there are no clips.

use super::*;
use crate::{
    ports::{Capabilities, Operation},
    prompt::PresetSection,
    testing::test_clip,
};

/// One preset of clips.
pub(super) fn presets() -> BTreeMap<String, PresetSection> {
    let slow = json!({"feature": "video", "prompt": "slow motion: {prompt}", "aliases": ["慢"]});
    BTreeMap::from([("慢动作".to_owned(), serde_json::from_value(slow).unwrap())])
}

struct Clips {
    world: World,
    provider: Arc<ScriptedProvider>,
}

impl std::ops::Deref for Clips {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

fn clips(script: Vec<Step>) -> Clips {
    let provider = ScriptedProvider::with_clips("movies", script);
    Clips { world: world_of(Locale::ZhCn, &json!({}), vec![], Some(provider.clone())), provider }
}

#[tokio::test(start_paused = true)]
async fn clips_come_from_words_presets_and_pictures() {
    let w = clips(vec![]);
    for (number, (text, prompt)) in [
        ("/视频 小船 x3 9:16", "小船"),
        ("/video a boat", "a boat"),
        ("/视频 慢动作 小船", "slow motion: 小船"),
        ("/慢 小船", "slow motion: 小船"),
        ("/视频@movies 小船", "小船"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(w.says("u", text).await, None, "{text}");
        w.done(number + 1).await;
        let request = w.provider.requests().pop().unwrap();
        assert_eq!((request.operation, &*request.prompt, request.count), (Operation::Clip, prompt, 1));
        assert_eq!(request.references.len(), 0, "{text}");
        let [.., words, shown] = &w.adapter.sends()[..] else { panic!("{text}") };
        assert_eq!((words.text.as_str(), words.clips.len()), ("🎬 视频做好了！", 0));
        assert_eq!(shown.clips, [test_clip().body.read().unwrap()]);
    }
    assert_eq!(w.provider.requests()[0].output.ratio, Some((9, 16)));
    assert_eq!(w.shows("u", "/视频 动起来").await, None);
    w.done(6).await;
    assert_eq!(w.provider.requests().pop().unwrap().references.len(), 1);
    assert_eq!(w.world.provider.requests().len(), 0, "pictures are somebody else's");
}

#[tokio::test(start_paused = true)]
async fn the_last_picture_is_the_first_frame() {
    let w = clips(vec![]);
    w.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
    let locator = PictureLocator::Url("http://x/a.png".to_owned());
    w.adapter.put_recent("g", "u", vec![PictureRef { origin: PictureOrigin::Recent, locator }]);
    assert_eq!(w.says("u", "/视频 动起来").await, None);
    w.done(1).await;
    assert_eq!(w.provider.requests()[0].references.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn from_words_only_the_last_picture_is_not_meant_and_a_given_one_is_refused() {
    let capabilities = Capabilities { clip: true, max_count: 1, ..Capabilities::default() };
    let provider = ScriptedProvider::with_capabilities("movies", capabilities, []);
    let w = world_of(Locale::ZhCn, &json!({}), vec![], Some(provider.clone()));
    w.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
    let locator = PictureLocator::Url("http://x/a.png".to_owned());
    w.adapter.put_recent("g", "u", vec![PictureRef { origin: PictureOrigin::Recent, locator }]);
    for (number, text) in ["/视频 动起来", "/视频@movies 动起来"].into_iter().enumerate() {
        assert_eq!(w.says("u", text).await, None);
        w.done(number + 1).await;
        assert_eq!(provider.requests()[number].references.len(), 0, "{text}");
    }
    assert_eq!(w.shows("u", "/视频 动起来").await, None);
    w.marked(1, Reaction::Failed).await;
    let told = w.adapter.sends().pop().unwrap().text;
    assert!(told.contains("只会按文字") && told.ends_with("[E-PICTURES]"), "{told}");
    assert_eq!(provider.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_for_a_clip_is_said() {
    let w = clips(vec![Step::Task("t", Box::new(Step::Hang))]);
    let missing = w.says("u", "/视频").await.unwrap();
    assert!(missing.contains("/视频 小船") && missing.ends_with("[E-NEEDS-PROMPT]"), "{missing}");
    assert_eq!(w.says("u", "/视频 小船").await, None);
    w.provider.arrivals(1).await;
    let busy = w.says("u", "/视频 又一条").await.unwrap();
    assert!(busy.ends_with("[E-CLIP-BUSY]"), "{busy}");
    assert_eq!(w.says("u", "/生图 猫").await, None, "a picture waits for no clip");
    w.done(1).await;
    let jobs = w.says("u", "/任务").await.unwrap();
    assert!(jobs.contains("服务商正在做"), "{jobs}");
    assert!(w.says("u", "/img帮助").await.unwrap().contains("/视频"));
    assert!(w.says("u", "/视频预设列表").await.unwrap().contains("/慢动作"));
}

#[tokio::test(start_paused = true)]
async fn the_share_that_is_done_is_shown() {
    let w = clips(vec![Step::Task("t", Box::new(Step::Progress(35, Box::new(Step::Hang))))]);
    assert_eq!(w.says("u", "/视频 小船").await, None);
    w.provider.arrivals(1).await;
    let jobs = w.says("u", "/任务").await.unwrap();
    assert!(jobs.contains("35%"), "{jobs}");
}

#[tokio::test(start_paused = true)]
async fn without_a_provider_of_clips_there_is_a_sentence_and_no_help() {
    let w = world(&json!({}), vec![]);
    for text in ["/视频 小船", "/慢动作 小船"] {
        let refusal = w.says("u", text).await.unwrap();
        assert!(refusal.ends_with("[E-NO-CLIP]"), "{refusal}");
        w.clock.advance_millis(30_000);
    }
    let help = w.says("u", "/img帮助").await.unwrap();
    assert!(!help.contains("视频") && !help.contains("慢动作"), "{help}");
    // Named, a provider is asked, and says itself that it can't.
    assert_eq!(w.says("u", "/视频@p 小船").await, None);
    w.marked(1, Reaction::Failed).await;
    assert!(w.adapter.sends().last().unwrap().text.ends_with("[E-NO-CLIP]"));
    assert!(w.provider.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clip_is_sent_again() {
    let w = clips(vec![]);
    assert_eq!(w.says("u", "/视频 小船").await, None);
    w.done(1).await;
    w.says("u", "/重发图片").await;
    let sends = w.adapter.sends();
    assert_eq!(sends.iter().filter(|send| send.clips.len() == 1).count(), 2, "{sends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_preset_with_a_place_for_words_asks_for_them() {
    let w = clips(vec![]);
    for text in ["/慢动作", "/视频 慢动作", "/慢 9:16"] {
        let asked = w.says("ann", text).await.unwrap();
        assert!(asked.contains("/慢动作 一只") && asked.contains("[E-NEEDS-PROMPT]"), "{text}: {asked}");
    }
    assert_eq!(w.shows("ann", "/慢动作").await, None, "a picture says enough");
    w.done(1).await;
}
