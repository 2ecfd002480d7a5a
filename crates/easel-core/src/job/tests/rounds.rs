//! Jobs whose pictures come one after the other: what a stop, a `kill -9`, a cancel and a full disk leave of them.

use super::*;

fn several(count: u8) -> StoredRequest {
    StoredRequest { count, ..request("u", "m1") }
}

/// A world whose provider makes one picture per call.
fn world_one_by_one(store: MemoryStore, script: Vec<Step>) -> World {
    let capabilities = Capabilities { generate: true, max_count: 1, paid: true, ..Capabilities::default() };
    world_of(store, ScriptedProvider::with_capabilities("p", capabilities, script), &[])
}

/// What the chat got: the text of each send, or `picture`.
fn got(w: &World) -> Vec<String> {
    let sends = w.adapter.sends().into_iter();
    sends.map(|send| if send.pictures.is_empty() { send.text } else { "picture".to_owned() }).collect()
}

/// Waits until an entry was written so many times.
async fn written(w: &World, event: &str, times: usize) {
    until(|| w.events().iter().filter(|known| *known == event).count() >= times).await;
}

/// A job of two pictures of which one is made when the process dies.
async fn killed_after_the_first() -> World {
    let w = world_one_by_one(MemoryStore::default(), vec![Step::Picture, Step::Hang]);
    w.asks(several(2));
    w.provider.arrivals(2).await;
    w
}

#[tokio::test(start_paused = true)]
async fn every_round_is_kept_and_recorded_before_the_next_and_stored_once() {
    let go = Arc::new(Notify::new());
    let script = vec![Step::Picture, Step::Hold(go.clone()), Step::Picture];
    let w = world_one_by_one(MemoryStore::default(), script);
    let job = w.asks(several(3)).job;
    w.provider.arrivals(2).await;
    assert_eq!(w.events(), ["accepted", "asking", "answered", "made", "asking"]);
    assert_eq!(w.store.blob_names(), [format!("{job}-0.png")]);
    go.notify_one();
    w.ended().await;
    assert_eq!(got(&w), ["picture"; 3]);
    let names = [0, 1, 2].map(|index| format!("{job}-{index}.png"));
    assert_eq!(w.store.blobs_written(), names);
    let (_, artifacts) = w.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
    assert_eq!(artifacts.iter().map(|artifact| artifact.blob.clone()).collect::<Vec<_>>(), names);
    w.engine.sweep().await;
    assert_eq!(w.store.blob_names(), names, "all of them can be sent again");
}

#[tokio::test(start_paused = true)]
async fn what_one_answer_brings_is_recorded_as_ever() {
    let w = world(vec![]);
    w.asks(several(4));
    w.ended().await;
    assert_eq!(w.events(), ["accepted", "asking", "answered", "stored", "sending", "finished:delivered"]);
    assert_eq!((w.store.blobs_written().len(), got(&w).len()), (4, 4));
}

/// The entry, what the start finds, the tasks that are asked about, the new orders, what the chat gets.
type Case = (&'static str, Recovered, &'static [&'static str], usize, &'static [&'static str]);

/// A `kill -9` right after any entry of a job of two pictures, each of them a task at the service.
#[tokio::test(start_paused = true)]
async fn kill_minus_nine_after_any_entry_of_two_tasks_loses_and_repeats_nothing() {
    let none = Recovered::default;
    let (rerun, resumed) = (Recovered { rerun: 1, ..none() }, Recovered { resumed: 1, ..none() });
    let (delivered, unknown) = (Recovered { delivered: 1, ..none() }, Recovered { unknown: 1, ..none() });
    let interrupted = Recovered { interrupted: 1, ..none() };
    let two = &["picture", "picture"];
    let expected: [Case; 11] = [
        ("accepted", rerun, &[], 2, two),
        ("asking", unknown, &[], 0, &["error-task-unknown"]),
        ("created", resumed, &["t-1"], 1, two),
        ("answered", interrupted, &[], 0, &["error-interrupted"]),
        ("made", rerun, &[], 1, two),
        ("asking", delivered, &[], 0, &["picture", "error-task-unknown"]),
        ("created", resumed, &["t-2"], 0, two),
        ("answered", delivered, &[], 0, &["picture", "note-fewer made=1 wished=2"]),
        ("stored", delivered, &[], 0, two),
        ("sending", unknown, &[], 0, &["error-unsure job=1"]),
        ("finished:delivered", none(), &[], 0, &[]),
    ];
    for (cut, (event, recovered, asked_about, ordered, sent)) in expected.into_iter().enumerate() {
        let task = |id| Step::Task(id, Box::new(Step::Picture));
        let first = world_of_tasks(MemoryStore::default(), vec![task("t-1"), task("t-2")], &[]);
        let job = first.asks(several(2)).job;
        first.ended().await;
        assert_eq!(first.events()[cut], event);
        first.store.forget_after(cut + 1);
        let at = format!("after entry {cut}, {event}");
        let next = world_of_tasks(first.store.clone(), vec![], &[]);
        assert_eq!(next.recover().await, recovered, "{at}");
        next.ended().await;
        assert!(next.engine.shutdown(Duration::from_secs(30)).await);
        assert_eq!(next.provider.resumed(), asked_about, "{at}");
        assert_eq!(next.provider.keys().len(), asked_about.len() + ordered, "{at}");
        assert_eq!(got(&next), sent, "{at}");
        assert!(next.provider.requests().iter().all(|request| &*request.prompt == "猫"), "{at}");
        // A third start finds everything closed, and no blob that belongs to nobody.
        let third = world_of_tasks(next.store.clone(), vec![], &[]);
        assert_eq!(third.recover().await, none(), "{at}");
        let pictures = sent.iter().filter(|text| **text == "picture").count();
        let kept = if matches!(event, "sending" | "finished:delivered") { 2 } else { pictures };
        let names: Vec<_> = (0..kept).map(|index| format!("{job}-{index}.png")).collect();
        assert_eq!(third.store.blob_names(), names, "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_cut_off_costs_its_own_picture_alone() {
    let killed = killed_after_the_first().await;
    let next = world_one_by_one(killed.store.clone(), vec![]);
    assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
    next.adapter.send_number(2).await;
    next.ended().await;
    assert_eq!(got(&next), ["picture", "note-fewer-charged made=1 wished=2"]);
    assert!(next.provider.requests().is_empty(), "it may be paid");
    assert_eq!(next.events().last().unwrap(), "finished:delivered");
    assert_eq!(*next.settled.lock().unwrap(), [Settlement { counts: true, refusals: 0 }]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_a_rate_limit_is_waited_out_goes_on_with_the_rest() {
    let w = world(vec![Step::Picture, Step::Fail(ErrorClass::Rate), Step::Hang]);
    w.asks(several(6));
    written(&w, "answered", 2).await;
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    let counts: Vec<_> = next.provider.requests().iter().map(|request| request.count).collect();
    assert_eq!((counts, got(&next)), (vec![2], vec!["picture".to_owned(); 6]));
}

#[tokio::test(start_paused = true)]
async fn the_rest_that_fails_after_a_restart_leaves_what_is_made() {
    for (class, calls, note) in
        [(ErrorClass::ModerationInput, 1, "note-fewer"), (ErrorClass::Unanswered, 2, "note-fewer-charged")]
    {
        let killed = killed_after_the_first().await;
        killed.store.forget_after(4);
        let script = vec![Step::Fail(class), Step::Fail(class)];
        let next = world_one_by_one(killed.store.clone(), script);
        assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
        next.ended().await;
        assert_eq!(got(&next), ["picture".to_owned(), format!("{note} made=1 wished=2")]);
        assert_eq!(next.provider.requests().len(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_can_not_be_asked_about_leaves_what_is_made() {
    let task = |id, then| Step::Task(id, Box::new(then));
    let script = vec![task("t-1", Step::Picture), task("t-2", Step::Hang)];
    let w = world_of_tasks(MemoryStore::default(), script, &["k1"]);
    w.asks(several(2));
    w.provider.arrivals(2).await;
    let next = world_of_tasks(w.store.clone(), vec![], &["other"]);
    assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(got(&next), ["picture", "note-fewer-charged made=1 wished=2"]);
    assert!(next.provider.keys().is_empty(), "another key is not asked");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_nobody_answers_is_told_behind_what_is_made() {
    let script = vec![Step::Picture, Step::Fail(ErrorClass::Unanswered)];
    let w = world_of_tasks(MemoryStore::default(), script, &[]);
    w.asks(several(3));
    w.ended().await;
    assert_eq!(got(&w), ["picture", "error-task-unknown"]);
    assert_eq!(w.provider.requests().len(), 2, "never ordered again");
}

#[tokio::test(start_paused = true)]
async fn a_stop_orders_nothing_more_and_the_next_run_goes_on() {
    let go = Arc::new(Notify::new());
    let w = world_one_by_one(MemoryStore::default(), vec![Step::Hold(go.clone())]);
    w.asks(several(2));
    w.provider.arrivals(1).await;
    let ends = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        go.notify_one();
    };
    let (ended, ()) = tokio::join!(w.engine.shutdown(Duration::from_secs(60)), ends);
    assert!(ended);
    assert_eq!(w.events(), ["accepted", "asking", "answered", "made"]);
    assert!(got(&w).is_empty());
    let next = world_one_by_one(w.store.clone(), vec![]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!((next.provider.requests().len(), got(&next).len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn cancelling_stays_a_cancel_and_is_not_free() {
    let w = killed_after_the_first().await;
    w.engine.cancel(&group("g"), &"u".into(), Role::Member, None);
    w.ended().await;
    assert_eq!(w.events().last().unwrap(), "finished:cancelled");
    assert!(got(&w).is_empty());
    assert_eq!(*w.settled.lock().unwrap(), [Settlement { counts: true, refusals: 0 }]);
    until(|| w.store.blob_names().is_empty()).await;
    // The same for a job of an earlier run that waits for its turn; and taking back the request is too late.
    let killed = killed_after_the_first().await;
    killed.store.forget_after(4);
    let next = world_one_by_one(killed.store.clone(), vec![Step::Hang]);
    let records = next.engine.remember().await.unwrap();
    next.asks(request("u", "m0"));
    next.provider.arrivals(1).await;
    next.engine.recover(records, &"cli".into()).await;
    assert!(!next.engine.recalled(&group("g"), &"m1".into()));
    let number = next.engine.jobs(&group("g"), None)[0].number;
    assert_eq!(
        next.engine.cancel(&group("g"), &"u".into(), Role::Member, Some(number)),
        CancelOutcome::Cancelled { number, begun: true },
        "it has cost something, though it was not its turn"
    );
    until(|| !next.settled.lock().unwrap().is_empty()).await;
    assert_eq!(*next.settled.lock().unwrap(), [Settlement { counts: true, refusals: 0 }]);
    until(|| next.store.blob_names().is_empty()).await;
    let cancelled = next.store.ports().ledger.load().await.unwrap().remove(0);
    assert!(cancelled.is_finished() && cancelled.counts && cancelled.made.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_what_is_made_until_its_job_has_ended() {
    let killed = killed_after_the_first().await;
    let sweeps = |w: &World| {
        w.clock.advance_millis(10 * 900_000);
        let engine = w.engine.clone();
        async move { engine.sweep().await }
    };
    sweeps(&killed).await;
    assert_eq!(killed.store.blob_names().len(), 1, "in the run that made it");
    let next = world_one_by_one(killed.store.clone(), vec![]);
    next.adapter.set_away(true);
    let records = next.engine.remember().await.unwrap();
    sweeps(&next).await;
    assert_eq!(next.store.blob_names().len(), 1, "before its job is under way again");
    next.engine.recover(records, &"cli".into()).await;
    sweeps(&next).await;
    assert_eq!(next.store.blob_names().len(), 1, "while its peer is away");
    next.adapter.set_away(false);
    next.ended().await;
    sweeps(&next).await;
    assert!(next.store.blob_names().is_empty(), "it ages as every other result");
    // A job that ends without a delivery keeps nothing.
    let killed = killed_after_the_first().await;
    let next = world_one_by_one(killed.store.clone(), vec![]);
    let records = next.engine.remember().await.unwrap();
    next.engine.recover(records, &"onebot".into()).await;
    assert!(next.store.blob_names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_gone_is_told_and_the_others_are_delivered() {
    let killed = killed_after_the_first().await;
    killed.store.forget_after(4);
    let name = killed.store.blob_names().remove(0);
    killed.store.ports().blobs.remove(&name).await.unwrap();
    let next = world_one_by_one(killed.store.clone(), vec![]);
    next.recover().await;
    next.ended().await;
    assert_eq!(got(&next), ["picture", "note-fewer made=1 wished=2"]);
    assert_eq!(next.store.blob_names(), [name.replace("-0.", "-1.")]);
    // With nothing left there is a sentence about what was lost.
    let killed = killed_after_the_first().await;
    killed.store.ports().blobs.remove(&killed.store.blob_names()[0]).await.unwrap();
    let next = world_one_by_one(killed.store.clone(), vec![]);
    next.recover().await;
    next.ended().await;
    assert_eq!(got(&next), ["error-result-lost"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_can_not_be_kept_is_delivered_all_the_same() {
    let w = world_one_by_one(MemoryStore::default(), vec![]);
    w.store.set_blobs_broken(true);
    w.asks(several(3));
    w.ended().await;
    assert_eq!(got(&w), ["picture"; 3]);
    assert!(!w.events().contains(&"made".to_owned()));
    // With a disk that takes nothing at all nobody is asked for more.
    let go = Arc::new(Notify::new());
    let w = world_one_by_one(MemoryStore::default(), vec![Step::Hold(go.clone())]);
    w.asks(several(3));
    w.provider.arrivals(1).await;
    w.store.set_broken(true);
    go.notify_one();
    w.ended().await;
    assert_eq!(got(&w), ["picture", "note-fewer made=1 wished=3"]);
    assert_eq!(w.provider.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kept_part_is_never_delivered_twice_because_of_a_full_disk() {
    for killed in [false, true] {
        let go = Arc::new(Notify::new());
        let w = world_one_by_one(MemoryStore::default(), vec![Step::Picture, Step::Hold(go.clone())]);
        w.asks(several(2));
        w.provider.arrivals(2).await;
        w.store.set_broken(true);
        go.notify_one();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(got(&w), ["job-unrecorded"], "the next start would deliver the first one again");
        if killed {
            assert!(w.engine.shutdown(Duration::from_secs(5)).await);
            w.store.set_broken(false);
            let next = world_one_by_one(w.store.clone(), vec![]);
            assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
            next.ended().await;
            assert_eq!(got(&next), ["picture", "note-fewer-charged made=1 wished=2"]);
        } else {
            w.store.set_broken(false);
            w.ended().await;
            assert_eq!(got(&w)[1..], ["picture", "picture"]);
            assert_eq!(w.events()[5..], ["answered", "stored", "sending", "finished:delivered"]);
            assert_eq!(w.store.blob_names().len(), 2, "both can be sent again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_what_is_made() {
    let w = world_one_by_one(MemoryStore::default(), vec![Step::Picture, Step::Panic]);
    w.asks(several(2));
    w.ended().await;
    assert_eq!(got(&w), ["picture", "error-internal"]);
    assert_eq!(w.events().last().unwrap(), "finished:delivered");
    assert_eq!(w.engine.load(), (0, 0), "its place is free");
}

/// After an answer that may have been paid and is lost, a later run is as careful as the run that saw it.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_remembered_over_a_restart() {
    let script = vec![Step::Fail(ErrorClass::Unanswered), Step::Picture, Step::Hang];
    let w = world_one_by_one(MemoryStore::default(), script);
    w.asks(several(2));
    w.provider.arrivals(3).await;
    w.store.forget_after(6); // up to "made"
    assert_eq!(w.events().last().unwrap(), "made");
    let next = world_one_by_one(w.store.clone(), vec![Step::Fail(ErrorClass::Empty)]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.provider.requests().len(), 1, "one further call at most");
    assert_eq!(got(&next), ["picture", "note-fewer-charged made=1 wished=2"]);
}

/// A picture that came in the message itself is nowhere else, and a link may have expired.
#[tokio::test(start_paused = true)]
async fn the_rest_is_made_from_the_same_pictures_after_a_restart() {
    let one_by_one = |script| {
        let capabilities = Capabilities {
            generate: true,
            edit: true,
            max_references: 4,
            max_count: 1,
            ..Capabilities::default()
        };
        ScriptedProvider::with_capabilities("p", capabilities, script)
    };
    let first =
        world_of(MemoryStore::default(), one_by_one(vec![Step::Picture, Step::Picture, Step::Hang]), &[]);
    first.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
    let brought = Brought { inline: vec![url("http://x/a.png")], watch: None };
    let job = first.engine.accept(several(3), brought).unwrap().job;
    first.provider.arrivals(3).await;
    let events =
        ["accepted", "asking", "answered", "collected", "made", "asking", "answered", "made", "asking"];
    assert_eq!(first.events(), events, "once, and with the first picture");
    first.store.forget_after(5);
    let next = world_of(first.store.clone(), one_by_one(vec![]), &[]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert!(next.adapter.downloads().is_empty());
    let asked: Vec<_> = next
        .provider
        .requests()
        .iter()
        .map(|request| (request.operation, request.references.len()))
        .collect();
    assert_eq!((asked, got(&next).len()), (vec![(Operation::Edit, 1); 2], 3));
    let names = [0, 1, 2].map(|index| format!("{job}-{index}.png"));
    until(|| next.store.blob_names() == names).await;
    // Of a job that gets everything with one answer no input is written.
    let at_once = world(vec![]);
    at_once.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
    at_once.asks(StoredRequest { pictures: vec![url("http://x/a.png")], ..several(3) });
    at_once.ended().await;
    assert!(!at_once.events().contains(&"collected".to_owned()));
}

/// What one round may have paid in vain is told behind the last one, whatever ended it, and in every run.
#[tokio::test(start_paused = true)]
async fn a_round_that_may_have_been_paid_in_vain_is_told_behind_a_later_one() {
    let unpaid = || ErrorClass::ModerationInput;
    let missing = || {
        Step::FailWith(Box::new(|| {
            let mut error = ProviderError::new("p", ErrorClass::NotFound, "");
            error.retry = Retry::NextProvider;
            error
        }))
    };
    for end in [Step::Fail(unpaid()), missing()] {
        let script = vec![Step::Fail(ErrorClass::Empty), Step::Picture, end];
        let w = world_one_by_one(MemoryStore::default(), script);
        w.asks(several(2));
        w.ended().await;
        assert_eq!(got(&w), ["picture", "note-fewer-charged made=1 wished=2"]);
        assert_eq!(w.provider.requests().len(), 3);
    }
    // A later run in which nobody can be asked at all.
    let script = vec![Step::Fail(ErrorClass::Empty), Step::Picture, Step::Hang];
    let w = world_one_by_one(MemoryStore::default(), script);
    w.asks(several(2));
    w.provider.arrivals(3).await;
    w.store.forget_after(6);
    assert_eq!(w.events().last().unwrap(), "made");
    let unable = ScriptedProvider::with_capabilities("p", Capabilities::default(), []);
    let next = world_of(w.store.clone(), unable, &[]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(got(&next), ["picture", "note-fewer-charged made=1 wished=2"]);
    assert!(next.provider.requests().is_empty());
}
