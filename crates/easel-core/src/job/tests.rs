//! The engine, told as conversations with a recording adapter, scripted providers and a memory store.

mod away;
mod clips;
mod remote;
mod rounds;
mod turns;
mod unrecorded;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    engine::*,
    kept::KeepLimits,
    ledger::{Event, Outcome, StoredRequest},
    recover::Recovered,
    schedule::ScheduleLimits,
    usage::By,
};
use crate::{
    access::Role,
    chain::{KeyPool, Link, ProviderSlot},
    error::{Arg, ErrorClass, ProviderError, Retry, UserError},
    ids::{Chat, ChatKind, Platform},
    message::{PictureLocator, PictureOrigin, PictureRef, Quote},
    ports::{Adapter, ApiKey, Capabilities, Operation, Output, SendError, SendFailure},
    reply::Reaction,
    testing::{
        HandClock, MemoryStore, RecordingAdapter, ScriptedProvider, Step, spool, test_group as group,
        test_picture, test_request, test_settings as settings,
    },
};

struct TestPlanner {
    adapter: Arc<RecordingAdapter>,
    links: Vec<Link>,
    ended: Arc<Mutex<Vec<Settlement>>>,
}

impl Planner for TestPlanner {
    fn plan(&self, request: &StoredRequest) -> Result<Plan, UserError> {
        Ok(Plan {
            links: self.links.clone(),
            operation: request.is_clip().then_some(Operation::Clip),
            prompt: request.prompt.as_str().into(),
            title: None,
            output: Output::default(),
            needs_picture: request.feature == "edit",
            caption: request.preset.clone(),
        })
    }
    fn provider(&self, name: &str) -> Option<Arc<ProviderSlot>> {
        let of_name = |link: &&Link| link.slot.provider().name() == name;
        self.links.iter().find(of_name).map(|link| link.slot.clone())
    }
    fn say(&self, _: &Chat, error: &UserError) -> String {
        let args: Vec<_> = error
            .args
            .iter()
            .map(|(name, value)| match value {
                Arg::Number(n) => format!(" {name}={n}"),
                Arg::Text(t) => format!(" {name}={t}"),
                Arg::Names(names) => format!(" {name}={}", names.join(",")),
                Arg::Span(span) => format!(" {name}={}s", span.as_secs()),
            })
            .collect();
        format!("{}{}", error.key, args.concat())
    }
    fn adapter(&self, _: &Platform) -> Option<Arc<dyn Adapter>> {
        Some(self.adapter.clone())
    }
    fn ended(&self, _: &StoredRequest, settlement: Settlement) {
        self.ended.lock().unwrap().push(settlement);
    }
}

struct World {
    _dir: tempfile::TempDir,
    adapter: Arc<RecordingAdapter>,
    provider: Arc<ScriptedProvider>,
    store: MemoryStore,
    clock: Arc<HandClock>,
    engine: Arc<Engine>,
    settled: Arc<Mutex<Vec<Settlement>>>,
}

fn world_with(store: MemoryStore, script: Vec<Step>) -> World {
    world_of(store, ScriptedProvider::new("p", script), &[])
}

/// A world whose provider takes tasks, with keys.
fn world_of_tasks(store: MemoryStore, script: Vec<Step>, keys: &[&str]) -> World {
    world_of(store, ScriptedProvider::with_tasks("p", script), keys)
}

fn world_of(store: MemoryStore, provider: Arc<ScriptedProvider>, keys: &[&str]) -> World {
    let dir = tempfile::tempdir().unwrap();
    let adapter = RecordingAdapter::new();
    let key = |name: &&str| ApiKey {
        secret: (*name).to_owned().into(),
        fingerprint: (*name).into(),
        account: None,
    };
    let keys = KeyPool::new(keys.iter().map(key).collect(), &HashMap::new());
    let slot = Arc::new(ProviderSlot::new(provider.clone(), keys, 3));
    let settled = Arc::default();
    let planner = TestPlanner {
        adapter: adapter.clone(),
        links: vec![Link::new(slot, Output::default())],
        ended: Arc::clone(&settled),
    };
    let clock = Arc::new(HandClock::default());
    let engine =
        Engine::new(store.ports(), spool(dir.path(), 1 << 20), clock.clone(), Arc::new(planner), settings());
    World { _dir: dir, adapter, provider, store, clock, engine, settled }
}

/// A world whose account goes away while its provider refuses.
fn refused_while_away() -> World {
    let adapter: Arc<OnceLock<Arc<RecordingAdapter>>> = Arc::default();
    let leaves = Arc::clone(&adapter);
    let w = world(vec![Step::FailWith(Box::new(move || {
        leaves.get().unwrap().set_away(true);
        ProviderError::new("p", ErrorClass::ModerationInput, "scripted")
    }))]);
    adapter.set(Arc::clone(&w.adapter)).ok();
    w
}

fn world(script: Vec<Step>) -> World {
    world_with(MemoryStore::default(), script)
}

/// One job of a chat draws until it may go on; another one waits for its place and was told so.
async fn one_waits_for_a_place() -> (World, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(go.clone())]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.asks(request("u", "m2"));
    w.adapter.send_number(1).await;
    (w, go)
}

fn request(user: &str, message: &str) -> StoredRequest {
    test_request(user, message, "猫")
}

/// Waits for a state that nothing announces, for two hours of the test's own time.
#[track_caller]
fn until(come: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let waits = async {
            while !come() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_hours(2), waits).await;
        assert!(waited.is_ok(), "what {place} waits for does not come");
    }
}

fn url(url: &str) -> PictureRef {
    PictureRef { origin: PictureOrigin::Message, locator: PictureLocator::Url(url.to_owned()) }
}

impl World {
    fn asks(&self, request: StoredRequest) -> Accepted {
        self.engine.accept(request, Brought::default()).unwrap()
    }
    fn events(&self) -> Vec<String> {
        self.store
            .entries()
            .iter()
            .map(|entry| {
                let value = serde_json::to_value(entry).unwrap();
                let outcome =
                    value["outcome"]["kind"].as_str().map(|kind| format!(":{kind}")).unwrap_or_default();
                format!("{}{outcome}", value["event"].as_str().unwrap())
            })
            .collect()
    }
    /// Asks for a job that draws, and for one that waits behind it and has its picture already.
    async fn waits_with_a_picture(&self) -> Accepted {
        self.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
        self.asks(request("u", "m1"));
        self.provider.arrivals(1).await;
        let waiting =
            self.asks(StoredRequest { pictures: vec![url("http://x/a.png")], ..request("u", "m2") });
        until(|| self.events().contains(&"collected".to_owned())).await;
        waiting
    }
    /// Asks for a picture whose account goes away while it is drawn; `go` is what the provider waits for.
    async fn draws_while_away(&self, go: &Notify) {
        self.asks(request("u", "m1"));
        self.provider.arrivals(1).await;
        self.adapter.set_away(true);
        go.notify_one();
    }
    async fn recover(&self) -> Recovered {
        let records = self.engine.remember().await.unwrap();
        self.engine.recover(records, &"cli".into()).await
    }
    /// The same ledger in a new process.
    fn restarted(&self, script: Vec<Step>) -> World {
        let next = world_with(self.store.clone(), script);
        next.clock.advance_millis(60_000);
        next
    }
    async fn ended(&self) {
        until(|| self.engine.active().is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_comes_back_quoting_the_request_and_every_step_is_recorded() {
    let w = world(vec![]);
    w.asks(request("u", "m1"));
    let send = w.adapter.send_number(1).await;
    assert_eq!(send.target.quote, Some("m1".into()));
    assert_eq!(send.pictures, [test_picture().body.read().unwrap()]);
    w.adapter.reaction_number(2).await;
    let marks: Vec<_> = w.adapter.reactions().iter().map(|(_, reaction)| *reaction).collect();
    assert_eq!(marks, [Reaction::Working, Reaction::Done]);
    w.ended().await;
    assert_eq!(w.events(), ["accepted", "asking", "answered", "stored", "sending", "finished:delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_one_sentence_with_its_reason() {
    let w = world(vec![Step::Fail(ErrorClass::ModerationInput)]);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "error-moderation-input");
    w.ended().await;
    w.adapter.reaction_number(2).await;
    assert_eq!(w.adapter.reactions().last().unwrap().1, Reaction::Failed);
    assert_eq!(w.adapter.sends().len(), 1);
    assert_eq!(w.events(), ["accepted", "asking", "answered", "finished:failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_beyond_all_clocks_takes_no_place_away() {
    let w = world(vec![]);
    w.engine.reconfigure(EngineSettings { deadline: Duration::MAX, ..settings() });
    w.asks(request("u", "m1"));
    w.ended().await;
    assert_eq!((w.adapter.sends().len(), w.engine.load()), (1, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn direct_chats_get_a_text_instead_of_a_mark() {
    let go = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(go.clone())]);
    let mut direct = request("u", "m1");
    direct.chat.kind = ChatKind::Direct;
    w.asks(direct);
    assert_eq!(w.adapter.send_number(1).await.text, "job-accepted");
    go.notify_one();
    assert_eq!(w.adapter.send_number(2).await.pictures.len(), 1);
}

/// QQ implementations take seconds to refuse a mark, or never answer.
#[tokio::test(start_paused = true)]
async fn no_words_stand_in_for_a_mark_that_may_be_there_or_comes_behind_the_result() {
    let refused = || SendError::Failed { failure: SendFailure::Permanent, reason: "no".to_owned() };
    let unanswered = || SendError::Unknown { reason: "no answer in time".to_owned() };
    // While the provider draws, a refusal is made up for by words.
    for (failure, words) in [(refused(), 1), (unanswered(), 0)] {
        let go = Arc::new(Notify::new());
        let w = world(vec![Step::Hold(go.clone())]);
        w.adapter.fail_reactions([failure]);
        w.asks(request("u", "m1"));
        w.provider.arrivals(1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        go.notify_one();
        w.ended().await;
        let accepted = w.adapter.sends().iter().filter(|send| send.text == "job-accepted").count();
        assert_eq!((accepted, w.adapter.sends().len()), (words, words + 1));
    }
    for script in [vec![], vec![Step::Fail(ErrorClass::ModerationInput)]] {
        let w = world(script);
        let go = w.adapter.hold_reactions();
        w.adapter.fail_reactions([refused()]);
        w.asks(request("u", "m1"));
        w.adapter.send_number(1).await;
        go.notify_one();
        w.adapter.send_number(1).await;
        go.notify_one();
        w.adapter.reaction_number(1).await;
        assert_eq!(w.adapter.sends().len(), 1, "the end itself says that it was its turn");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiting_job_is_told_its_place_and_fetches_its_pictures_at_once() {
    let go = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(go.clone())]);
    let picture = test_picture().body.read().unwrap();
    w.adapter.serve("http://x/a.png", Ok(picture.clone()));
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    let mut second = request("u", "m2");
    second.pictures = vec![url("http://x/a.png")];
    w.asks(second);
    assert_eq!(w.adapter.send_number(1).await.text, "job-queued position=1 job=2");
    until(|| w.events().contains(&"collected".to_owned())).await;
    assert_eq!(w.provider.requests().len(), 1, "the second waits");
    assert_eq!(w.adapter.downloads(), ["http://x/a.png"]);
    go.notify_one();
    w.ended().await;
    let requests = w.provider.requests();
    assert_eq!(requests[1].operation, Operation::Edit);
    assert_eq!(requests[1].references[0].picture.body.read().unwrap(), picture);
}

#[tokio::test(start_paused = true)]
async fn inputs_come_in_order_quote_first_and_their_problems_are_told() {
    let w = world(vec![]);
    let a = test_picture().body.read().unwrap();
    w.adapter.serve("http://x/quoted.png", Ok(a.clone()));
    w.adapter.serve("http://x/own.png", Ok(a));
    w.adapter.put_quote("q", Quote { pictures: vec![url("http://x/quoted.png")], ..Quote::default() });
    let mut edit =
        StoredRequest { feature: "edit".to_owned(), quote: Some("q".into()), ..request("u", "m1") };
    edit.pictures = vec![url("http://x/own.png")];
    w.asks(edit.clone());
    w.ended().await;
    assert_eq!(w.adapter.downloads(), ["http://x/quoted.png", "http://x/own.png"]);
    assert_eq!(w.provider.requests()[0].references.len(), 2);

    for (answer, sentence) in [
        (Ok(b"<html>".as_slice().into()), "error-picture-unknown"),
        (Ok(b"".as_slice().into()), "error-picture-empty"),
        (Ok(vec![0; 2 << 20].into()), "error-picture-too-big megabytes=1"),
        (Err(crate::ports::DownloadError::Expired), "error-picture-expired"),
        (Err(crate::ports::DownloadError::Private), "error-picture-private"),
    ] {
        let w = world(vec![]);
        w.adapter.serve("http://x/own.png", answer);
        w.asks(StoredRequest { quote: None, ..edit.clone() });
        assert_eq!(w.adapter.send_number(1).await.text, sentence);
        w.ended().await;
        assert!(w.provider.requests().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_quote_that_is_gone_costs_only_those_who_have_nothing_else() {
    for (feature, pictures, drawn) in
        [("draw", 0, true), ("draw", 1, true), ("edit", 1, true), ("edit", 0, false), ("video", 0, false)]
    {
        let w = world(vec![]);
        w.adapter.serve("http://x/own.png", Ok(test_picture().body.read().unwrap()));
        w.asks(StoredRequest {
            feature: feature.to_owned(),
            quote: Some("gone".into()),
            pictures: vec![url("http://x/own.png"); pictures],
            // Nobody means it who quotes something else.
            fallback: vec![url("http://x/own.png")],
            ..request("u", "m1")
        });
        let told = w.adapter.send_number(1).await;
        assert_eq!(told.text, if drawn { "note-quote-gone" } else { "error-quote-gone" }, "{feature}");
        w.ended().await;
        let given: Vec<_> = w.provider.requests().iter().map(|request| request.references.len()).collect();
        assert_eq!(given, if drawn { vec![pictures] } else { vec![] }, "{feature}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_counts_once_and_those_beyond_the_bound_are_told() {
    let address = |n: usize| format!("http://x/{n}.png");
    for (quoted, own, used, note) in [
        (vec![0, 1], vec![0, 2], 3, ""),
        (vec![0, 1, 0], vec![1, 0], 2, ""),
        ((0..16).collect(), vec![], 16, ""),
        ((0..16).collect(), vec![3, 7], 16, ""),
        ((0..12).collect(), (10..18).collect(), 16, "note-pictures-left-out used=16 given=18"),
    ] {
        let w = world(vec![]);
        for n in 0..20 {
            w.adapter.serve(&address(n), Ok(test_picture().body.read().unwrap()));
        }
        let named = |names: Vec<usize>| names.into_iter().map(|n| url(&address(n))).collect::<Vec<_>>();
        w.adapter.put_quote("q", Quote { pictures: named(quoted), ..Quote::default() });
        let edit =
            StoredRequest { feature: "edit".to_owned(), quote: Some("q".into()), ..request("u", "m1") };
        w.asks(StoredRequest { pictures: named(own), ..edit });
        assert_eq!(w.adapter.send_number(1).await.text, note);
        w.ended().await;
        assert_eq!(w.adapter.downloads(), (0..used).map(address).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_pays_for_a_chat_where_the_bot_may_not_speak_any_more() {
    let (w, go) = one_waits_for_a_place().await;
    w.adapter.set_silenced(true);
    go.notify_one();
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 1, "the one that waited was bought");
    let events = w.events();
    assert_eq!(events.iter().filter(|event| *event == "asking").count(), 1, "{events:?}");
    assert_eq!(
        w.settled.lock().unwrap().last().map(|end| end.counts),
        Some(false),
        "its limits are given back"
    );
    assert_eq!(w.adapter.sends().len(), 1, "nobody there is told");
}

#[tokio::test(start_paused = true)]
async fn cancelling_works_at_every_step_but_the_last() {
    let w = world(vec![Step::Hang]);
    let first = w.asks(request("u", "m1"));
    let second = w.asks(request("u", "m2"));
    w.provider.arrivals(1).await;
    let other = "v".into();
    assert_eq!(w.engine.cancel(&group("g"), &other, Role::Member, None), CancelOutcome::Nothing);
    assert_eq!(
        w.engine.cancel(&group("g"), &other, Role::Member, Some(first.number)),
        CancelOutcome::NotYours { number: first.number }
    );
    assert_eq!(
        w.engine.cancel(&group("h"), &"u".into(), Role::GroupAdmin, Some(99)),
        CancelOutcome::NoSuchJob { number: 99 }
    );
    assert_eq!(
        w.engine.cancel(&group("g"), &"u".into(), Role::Member, None),
        CancelOutcome::Cancelled { number: second.number, begun: false }
    );
    assert_eq!(
        w.engine.cancel(&group("g"), &other, Role::GroupAdmin, Some(first.number)),
        CancelOutcome::Cancelled { number: first.number, begun: true }
    );
    w.ended().await;
    let events = w.events();
    assert_eq!(events.iter().filter(|event| *event == "finished:cancelled").count(), 2, "{events:?}");
    assert_eq!(w.provider.requests().len(), 1);
    assert!(w.store.blob_names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn jobs_of_other_chats_are_cancelled_by_whose_they_are_and_by_owners() {
    let elsewhere = group("h");
    for (user, role, cancelled) in [
        ("v", Role::Member, false),
        ("v", Role::GroupAdmin, false),
        ("u", Role::Member, true),
        ("v", Role::Owner, true),
    ] {
        let w = world(vec![Step::Hang]);
        let job = w.asks(request("u", "m1"));
        w.provider.arrivals(1).await;
        assert_eq!(w.engine.cancel(&elsewhere, &user.into(), role, None), CancelOutcome::Nothing);
        let number = job.number;
        let expected = if cancelled {
            CancelOutcome::Cancelled { number, begun: true }
        } else {
            // Not even that there is one.
            CancelOutcome::NoSuchJob { number }
        };
        assert_eq!(
            w.engine.cancel(&elsewhere, &user.into(), role, Some(number)),
            expected,
            "{user} {role:?}"
        );
        let namesake = Chat { platform: "discord".into(), ..elsewhere.clone() };
        assert_eq!(
            w.engine.cancel(&namesake, &"u".into(), Role::Member, Some(number)),
            CancelOutcome::NoSuchJob { number }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_waits_until_its_sending_can_be_recorded() {
    let w = world(vec![]);
    let release = w.store.hold_blobs();
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    w.adapter.set_away(true);
    release.notify_one();
    until(|| w.events().contains(&"stored".to_owned())).await;
    w.store.set_broken(true);
    w.adapter.set_away(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let texts: Vec<_> = w.adapter.sends().into_iter().map(|send| send.text).collect();
    assert_eq!(texts, ["job-unrecorded"], "the next start would send the picture again");
    assert_eq!(w.engine.load().0, 0, "its place is free");
    w.store.set_broken(false);
    assert_eq!(w.adapter.send_number(2).await.pictures.len(), 1);
    w.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_store_fails_the_job_before_anybody_is_asked() {
    let w = world(vec![]);
    w.store.set_broken(true);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "error-storage");
    assert!(w.provider.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_delivery_is_not_repeated_and_can_be_fetched() {
    let w = world(vec![]);
    w.adapter.fail_sends([SendError::Unknown { reason: "time-out".to_owned() }]);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "error-unsure job=1");
    w.adapter.reaction_number(2).await;
    assert_eq!(w.adapter.reactions().last().unwrap().1, Reaction::Failed, "no mark of work stays");
    w.ended().await;
    assert_eq!(w.adapter.sends().len(), 1);
    assert_eq!(w.events().last().unwrap(), "finished:unknown");
    let (_, artifacts) = w.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
    assert_eq!(w.engine.keeper().read(&artifacts).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn limits_are_settled_with_the_outcome() {
    let refused = || Step::Fail(ErrorClass::ModerationInput);
    let cases = [
        (vec![], true, 0),
        (vec![Step::Fail(ErrorClass::BadRequest)], false, 0),
        (vec![refused()], false, 1),
        (vec![Step::Fail(ErrorClass::ModerationOutput)], false, 1),
    ];
    for (script, counts, refusals) in cases {
        let w = world(script);
        w.asks(request("u", "m1"));
        w.ended().await;
        assert_eq!(*w.settled.lock().unwrap(), [Settlement { counts, refusals }]);
    }
    // Of several pictures the second is refused: delivered, and counted as a refusal.
    let w = world(vec![Step::Picture, refused()]);
    w.asks(StoredRequest { count: 6, ..request("u", "m1") });
    w.ended().await;
    assert_eq!(*w.settled.lock().unwrap(), [Settlement { counts: true, refusals: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn artifacts_go_after_their_time_and_never_before() {
    let w = world(vec![]);
    w.asks(request("u", "m1"));
    w.ended().await;
    w.clock.advance_millis(900_000);
    w.engine.sweep().await;
    assert_eq!(w.store.blob_names().len(), 1, "exactly at the end it is still there");
    w.clock.advance_millis(1);
    w.engine.sweep().await;
    assert!(w.store.blob_names().is_empty());
    assert!(w.engine.keeper().latest(&group("g"), &"u".into()).is_none());
    assert_eq!(w.events().last().unwrap(), "expired");
}

#[tokio::test(start_paused = true)]
async fn artifacts_are_bounded_by_count() {
    let w = world(vec![]);
    w.engine.reconfigure(EngineSettings {
        keep: KeepLimits { ttl_millis: 900_000, max_count: 2, max_bytes: 1 << 30 },
        ..settings()
    });
    for n in 0..4 {
        w.asks(request("u", &format!("m{n}")));
        w.ended().await;
    }
    assert_eq!(w.store.blob_names().len(), 2, "the oldest went as soon as the next ones ended");
}

/// Runs a job, cuts the ledger after each entry, and starts again: what a `kill -9` right after that entry leads to.
#[tokio::test(start_paused = true)]
async fn kill_minus_nine_after_any_entry_loses_and_repeats_nothing() {
    let expected = [
        ("accepted", Recovered { rerun: 1, ..Recovered::default() }, 1, 1),
        ("asking", Recovered { interrupted: 1, ..Recovered::default() }, 0, 1),
        ("answered", Recovered { interrupted: 1, ..Recovered::default() }, 0, 1),
        ("stored", Recovered { delivered: 1, ..Recovered::default() }, 0, 1),
        ("sending", Recovered { unknown: 1, ..Recovered::default() }, 0, 1),
        ("finished:delivered", Recovered::default(), 0, 0),
    ];
    for (cut, (event, recovered, asked, sent)) in expected.into_iter().enumerate() {
        let first = world(vec![]);
        first.asks(request("u", "m1"));
        first.ended().await;
        assert_eq!(first.events()[cut], event);
        first.store.forget_after(cut + 1);
        let second = first.restarted(vec![]);
        assert_eq!(second.recover().await, recovered, "after {event}");
        second.ended().await;
        assert!(second.engine.shutdown(Duration::from_secs(30)).await);
        assert_eq!(second.provider.requests().len(), asked, "after {event}");
        let sends = second.adapter.sends();
        assert_eq!(sends.len(), sent, "after {event}");
        match event {
            "asking" | "answered" => assert_eq!(sends[0].text, "error-interrupted"),
            "accepted" | "stored" => assert_eq!(sends[0].pictures.len(), 1),
            "sending" => {
                assert_eq!(sends[0].text, "error-unsure job=1");
                assert_eq!(second.adapter.reactions()[0].1, Reaction::Failed, "after {event}");
            }
            _ => {}
        }
        // And a third start finds everything closed.
        let third = second.restarted(vec![]);
        assert_eq!(third.recover().await, Recovered::default(), "after {event}");
        if event != "asking" && event != "answered" {
            assert!(third.engine.keeper().latest(&group("g"), &"u".into()).is_some(), "after {event}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_its_record_is_durable() {
    let w = world(vec![]);
    let release = w.store.hold_blobs();
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    // Paused time passes only when nobody can go on.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(w.adapter.sends().is_empty(), "the picture's file is not there yet");
    assert!(!w.events().contains(&"stored".to_owned()), "nothing is recorded that is not there");
    release.notify_one();
    assert_eq!(w.adapter.send_number(1).await.pictures.len(), 1);
    w.ended().await;
    assert_eq!(w.store.blob_names().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_try_before_the_crash_runs_again() {
    let w = world(vec![Step::Fail(ErrorClass::Overload), Step::Hang]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(2).await;
    w.store.forget_after(3); // accepted, asking, answered with an error
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.adapter.send_number(1).await;
    next.ended().await;
    assert!(matches!(
        next.store.entries().last().unwrap().event,
        Event::Finished { outcome: Outcome::Delivered { .. } }
    ));
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_only_the_message_had_is_missed_after_a_crash() {
    let w = world(vec![Step::Hang]);
    w.asks(StoredRequest { had_inline: true, ..request("u", "m1") });
    w.provider.arrivals(1).await;
    w.store.forget_after(1); // accepted
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert!(next.provider.requests().is_empty(), "not drawn from words alone");
    assert_eq!(next.adapter.send_number(1).await.text, "error-picture-expired");
}

#[tokio::test(start_paused = true)]
async fn waiting_jobs_survive_a_stop_with_their_pictures() {
    let w = world(vec![Step::Hang]);
    w.waits_with_a_picture().await;
    assert!(!w.engine.shutdown(Duration::from_secs(1)).await, "the first one hangs");
    let next = w.restarted(vec![]);
    let recovered = next.recover().await;
    assert_eq!(recovered, Recovered { rerun: 1, interrupted: 1, ..Recovered::default() });
    next.ended().await;
    assert!(next.adapter.downloads().is_empty(), "the kept copy is used: the link may have expired");
    assert_eq!(next.provider.requests()[0].references.len(), 1);
    assert_eq!(next.store.blob_names().len(), 1, "the input went with its job; the result is kept");
}

#[tokio::test(start_paused = true)]
async fn kept_inputs_go_with_their_job_however_it_ends() {
    let w = world(vec![Step::Hang]);
    let waiting = w.waits_with_a_picture().await;
    assert_eq!(w.store.blob_names().len(), 1);
    w.engine.sweep().await;
    assert_eq!(w.store.blob_names().len(), 1, "a waiting job needs it");
    w.engine.cancel(&group("g"), &"u".into(), Role::Member, Some(waiting.number));
    // Working for both, then the mark of the end, which comes after everything else.
    w.adapter.reaction_number(3).await;
    assert!(w.store.blob_names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_before_the_recovery_leaves_what_its_jobs_need() {
    let w = world(vec![Step::Hang]);
    let waiting = w.waits_with_a_picture().await;
    // The process died after its pictures were recorded, or right before.
    let recorded = w.events().iter().position(|event| event == "collected").unwrap();
    for entries in [w.events().len(), recorded] {
        let next = w.restarted(vec![]);
        next.store.forget_after(entries);
        next.engine.remember().await.unwrap();
        next.engine.sweep().await;
        assert_eq!(next.store.blob_names(), [format!("{}-in0.png", waiting.job)], "{entries} entries");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_told_its_place_is_not_told_twice_that_it_was_accepted() {
    let w = world(vec![Step::Hang]);
    let direct = |message| StoredRequest {
        chat: Chat { kind: ChatKind::Direct, id: "u".into(), ..group("u") },
        ..request("u", message)
    };
    w.asks(direct("m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "job-accepted");
    w.asks(direct("m2"));
    assert_eq!(w.adapter.send_number(2).await.text, "job-queued position=1 job=2");
    w.engine.cancel(&direct("m1").chat, &"u".into(), Role::Member, Some(1));
    assert_eq!(w.adapter.send_number(3).await.pictures.len(), 1, "nothing is said in between");
}

#[tokio::test(start_paused = true)]
async fn numbers_outlive_a_restart_and_are_given_once() {
    let w = world(vec![Step::Hang]);
    assert_eq!(w.asks(request("u", "m1")).number, 1);
    w.provider.arrivals(1).await;
    // Waits behind the first one and is in the ledger before it is told its place.
    assert_eq!(w.asks(request("u", "m2")).number, 2);
    w.adapter.send_number(1).await;
    assert!(!w.engine.shutdown(Duration::from_secs(1)).await);
    let next = w.restarted(vec![Step::Hang]);
    next.recover().await;
    next.provider.arrivals(1).await;
    let numbers: Vec<_> = next.engine.jobs(&group("g"), None).iter().map(|line| line.number).collect();
    assert_eq!(numbers, [2], "the waiting one kept its number");
    assert_eq!(next.asks(request("v", "m3")).number, 3);
}

#[tokio::test(start_paused = true)]
async fn a_re_delivered_message_is_recognised_after_a_restart() {
    let w = world(vec![]);
    assert!(w.engine.keeper().is_first(&group("g"), &"m1".into()));
    assert!(!w.engine.keeper().is_first(&group("g"), &"m1".into()));
    w.asks(request("u", "m1"));
    w.ended().await;
    let next = w.restarted(vec![]);
    next.recover().await;
    assert!(!next.engine.keeper().is_first(&group("g"), &"m1".into()));
    assert!(next.engine.keeper().is_first(&group("g"), &"m2".into()));
}

#[tokio::test(start_paused = true)]
async fn several_pictures_are_made_in_as_many_calls_as_needed_and_fewer_are_told() {
    let w = world(vec![]);
    w.asks(StoredRequest { count: 6, ..request("u", "m1") });
    w.ended().await;
    let counts: Vec<_> = w.provider.requests().iter().map(|request| request.count).collect();
    assert_eq!(counts, [4, 2]);
    assert_eq!(w.adapter.sends().len(), 6);
    let w = world(vec![Step::Picture, Step::Fail(ErrorClass::ModerationInput)]);
    w.asks(StoredRequest { count: 6, ..request("u", "m1") });
    w.ended().await;
    let sends = w.adapter.sends();
    assert_eq!(sends.len(), 5);
    assert_eq!(sends[4].text, "note-fewer made=4 wished=6");
    let w = world(vec![Step::Picture, Step::Fail(ErrorClass::ModerationOutput)]);
    w.asks(StoredRequest { count: 6, ..request("u", "m1") });
    w.ended().await;
    assert_eq!(w.adapter.sends()[4].text, "note-fewer-charged made=4 wished=6");
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_one_job_and_is_told() {
    let w = world(vec![Step::Panic]);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "error-internal\nnote-maybe-charged");
    w.ended().await;
    assert_eq!(w.events().last().unwrap(), "finished:failed");
    w.asks(request("u", "m2"));
    assert_eq!(w.adapter.send_number(2).await.pictures.len(), 1, "its place is free again");
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_announced_while_its_pictures_are_still_coming() {
    let w = world(vec![]);
    let go = w.adapter.hold_downloads();
    w.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
    w.asks(StoredRequest { pictures: vec![url("http://x/a.png")], ..request("u", "m1") });
    assert_eq!(w.adapter.reaction_number(1).await.1, Reaction::Working);
    assert!(w.provider.requests().is_empty());
    go.notify_one();
    w.adapter.send_number(1).await;
}

#[tokio::test(start_paused = true)]
async fn two_starts_before_the_peer_is_back_lose_no_stored_picture() {
    let go = Arc::new(Notify::new());
    let first = world(vec![Step::Hold(go.clone())]);
    first.draws_while_away(&go).await;
    until(|| first.events().contains(&"stored".to_owned())).await;
    assert!(!first.events().contains(&"sending".to_owned()), "nothing is being sent to nobody");
    assert!(first.engine.shutdown(Duration::from_secs(5)).await);
    let second = first.restarted(vec![]);
    second.adapter.set_away(true);
    assert_eq!(second.recover().await, Recovered { delivered: 1, ..Recovered::default() });
    assert!(second.engine.shutdown(Duration::from_secs(5)).await);
    let third = second.restarted(vec![]);
    assert_eq!(third.recover().await, Recovered { delivered: 1, ..Recovered::default() });
    assert_eq!(third.adapter.send_number(1).await.pictures.len(), 1);
    third.ended().await;
    assert_eq!(third.events().last().unwrap(), "finished:delivered");
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_paid_is_not_bought_again_after_a_crash() {
    // A refusal that could not be told before the crash is not asked again.
    let w = refused_while_away();
    w.asks(request("u", "m1"));
    until(|| w.events().contains(&"answered".to_owned())).await;
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered { interrupted: 1, ..Recovered::default() });
    assert!(next.provider.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn jobs_of_the_command_line_are_closed_and_those_of_absent_platforms_stay() {
    let w = world(vec![Step::Hang]);
    let mut local = request("u", "m1");
    local.chat.platform = "cli".into();
    w.asks(local);
    w.provider.arrivals(1).await;
    w.store.forget_after(1);
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered::default());
    assert_eq!(next.events().last().unwrap(), "finished:failed");
    assert!(next.provider.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn cancelling_while_a_provider_draws_is_not_free() {
    let w = world(vec![Step::Hang]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.engine.cancel(&group("g"), &"u".into(), Role::Member, None);
    w.ended().await;
    assert_eq!(*w.settled.lock().unwrap(), [Settlement { counts: true, refusals: 0 }]);
}

#[tokio::test(start_paused = true)]
async fn inputs_beyond_the_budget_never_wait_for_themselves() {
    let w = world(vec![]);
    // The budget of the world is 1 MiB; both pictures are 700 kB of a PNG's own trailing chunk.
    let mut large = test_picture().body.read().unwrap().to_vec();
    let end = large.split_off(large.len() - 12);
    large.extend_from_slice(&(700_000u32).to_be_bytes());
    large.extend_from_slice(b"prVt");
    large.resize(large.len() + 700_004, 0);
    large.extend_from_slice(&end);
    for url in ["http://x/a.png", "http://x/b.png"] {
        w.adapter.serve(url, Ok(large.clone().into()));
    }
    w.asks(StoredRequest {
        pictures: vec![url("http://x/a.png"), url("http://x/b.png")],
        ..request("u", "m1")
    });
    w.adapter.send_number(1).await;
    assert_eq!(w.provider.requests()[0].references.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_free_is_no_unknown_price_and_was_never_paid() {
    for (free, unpriced) in [(true, 0), (false, 2)] {
        let capabilities = Capabilities { generate: true, max_count: 2, free, ..Capabilities::default() };
        let unanswered = Step::Fail(ErrorClass::Unanswered);
        let provider = ScriptedProvider::with_capabilities("p", capabilities, [unanswered]);
        let w = world_of(MemoryStore::default(), provider, &[]);
        w.asks(StoredRequest { count: 2, ..request("u", "m1") });
        w.ended().await;
        let told = w.engine.usage().spending(1, By::Provider).await.unwrap();
        let [(_, sum)] = &told[..] else { panic!("one provider: {told:?}") };
        assert_eq!((sum.made, sum.untold, sum.unpriced), (2, 2, unpriced));
        assert_eq!((sum.failures, sum.maybe_paid), (1, u64::from(!free)), "nobody pays for what is free");
        assert_eq!((sum.cost, sum.estimate), (0.0, 0.0));
    }
}

/// Neither at once, nor by a job that was cut off, nor behind a part.
#[tokio::test(start_paused = true)]
async fn nobody_hears_of_charges_where_everything_is_free() {
    for (free, lost, cut, fewer) in [
        (false, "error-unanswered-again calls=2", "error-interrupted", "note-fewer-charged made=1 wished=2"),
        (true, "error-unanswered-free", "error-interrupted-free", "note-fewer made=1 wished=2"),
    ] {
        let capabilities = Capabilities { generate: true, max_count: 1, free, ..Capabilities::default() };
        let world = |store, script: Vec<Step>| {
            world_of(store, ScriptedProvider::with_capabilities("p", capabilities.clone(), script), &[])
        };
        let unanswered = || Step::Fail(ErrorClass::Unanswered);
        let w = world(MemoryStore::default(), vec![unanswered(), unanswered()]);
        w.asks(request("u", "m1"));
        w.ended().await;
        let sends: Vec<_> = w.adapter.sends().into_iter().map(|send| send.text).collect();
        assert_eq!((sends, w.provider.requests().len()), (vec![lost.to_owned()], 2), "ordered no more often");

        let w = world(MemoryStore::default(), vec![Step::Picture, unanswered(), unanswered()]);
        w.asks(StoredRequest { count: 2, ..request("u", "m1") });
        w.ended().await;
        assert_eq!(w.adapter.sends().last().unwrap().text, fewer);

        let w = world(MemoryStore::default(), vec![Step::Hang]);
        w.asks(request("u", "m1"));
        w.provider.arrivals(1).await;
        let next = world(w.store.clone(), vec![]);
        assert_eq!(next.recover().await, Recovered { interrupted: 1, ..Recovered::default() });
        assert_eq!(next.adapter.send_number(1).await.text, cut);
        let cancelled = w.engine.cancel(&group("g"), &"u".into(), Role::Member, None);
        assert_eq!(cancelled, CancelOutcome::Cancelled { number: 1, begun: !free });

        let w = world(MemoryStore::default(), vec![Step::Panic]);
        w.asks(request("u", "m1"));
        let note = if free { "" } else { "\nnote-maybe-charged" };
        assert_eq!(w.adapter.send_number(1).await.text, format!("error-internal{note}"));
        w.ended().await;

        let go = Arc::new(Notify::new());
        let w = world(MemoryStore::default(), vec![Step::Hold(go.clone())]);
        w.draws_while_away(&go).await;
        until(|| w.events().contains(&"stored".to_owned())).await;
        let [name] = &w.store.blob_names()[..] else { panic!("one picture") };
        w.store.ports().blobs.remove(name).await.unwrap();
        let next = world(w.store.clone(), vec![]);
        assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
        let gone = if free { "error-result-lost-free" } else { "error-result-lost" };
        assert_eq!(next.adapter.send_number(1).await.text, gone);
        next.ended().await;
    }
}
