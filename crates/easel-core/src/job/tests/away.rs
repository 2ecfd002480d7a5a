//! Accounts that are away for hours: a host that was started again and waits for somebody to log in.

use super::*;
use crate::{
    media::{Body, BytesBudget, Picture},
    ports::Ledger as _,
    reply::Target,
};

const HOUR: Duration = Duration::from_hours(1);

fn unanswered() -> SendError {
    SendError::Unknown { reason: "time-out".to_owned() }
}

/// A world whose account is away, with a job whose picture is stored.
async fn stored_while_away() -> World {
    let go = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(go.clone())]);
    w.draws_while_away(&go).await;
    until(|| w.events().contains(&"stored".to_owned())).await;
    w
}

/// A world of `jobs` people in one chat who have their pictures stored, all while its account is away.
async fn many_stored_while_away(jobs: usize) -> World {
    let go = Arc::new(Notify::new());
    let w = world((0..jobs).map(|_| Step::Hold(go.clone())).collect());
    let schedule = ScheduleLimits { max_running: jobs, max_running_per_chat: jobs, ..settings().schedule };
    w.engine.reconfigure(EngineSettings { schedule, ..settings() });
    for n in 0..jobs {
        w.asks(request(&format!("u{n}"), &format!("m{n}")));
    }
    w.provider.arrivals(jobs).await;
    w.adapter.set_away(true);
    (0..jobs).for_each(|_| go.notify_one());
    while count(&w, "stored") < jobs {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    w
}

/// A new process over what is written now; what the old one writes from here on is lost.
async fn killed_and_started(w: &World) -> World {
    let store = MemoryStore::default();
    store.append(w.store.entries()).await.unwrap();
    for name in w.store.blob_names() {
        store.ports().blobs.put(&name, &test_picture().body).await.unwrap();
    }
    world_with(store, vec![])
}

fn count(w: &World, event: &str) -> usize {
    w.events().iter().filter(|known| *known == event).count()
}

#[tokio::test(start_paused = true)]
async fn a_picture_waits_for_hours_and_others_have_its_place() {
    let w = stored_while_away().await;
    tokio::time::sleep(10 * HOUR).await;
    assert_eq!((count(&w, "sending"), w.engine.load()), (0, (0, 0)), "nothing is sent to nobody");
    w.clock.advance_millis(36_000_000);
    w.engine.sweep().await;
    assert_eq!(w.store.blob_names().len(), 1, "it is kept, whatever its age");
    w.adapter.set_away(false);
    assert_eq!(w.adapter.send_number(1).await.pictures.len(), 1);
    w.ended().await;
    assert_eq!(w.events().last().unwrap(), "finished:delivered");
    assert_eq!(w.provider.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_chats_pace_is_stored_and_not_being_sent() {
    const JOBS: usize = 6;
    let w = many_stored_while_away(JOBS).await;
    w.adapter.set_pace(Duration::from_secs(10));
    w.adapter.set_away(false);
    for n in 1..=3 {
        w.adapter.send_number(n).await;
        for _ in 0..2 {
            let waits_to_be_sent = count(&w, "sending") - w.adapter.sends().len();
            assert!(waits_to_be_sent <= 1, "{waits_to_be_sent} are recorded as being sent behind {n}");
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    }
    // A kill ends one of them as unknown; the others arrive afterwards.
    let next = killed_and_started(&w).await;
    assert_eq!(next.recover().await, Recovered { unknown: 1, delivered: 2, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.adapter.sends().iter().filter(|send| !send.pictures.is_empty()).count(), 2);

    // A stop waits for the one whose turn is next, and keeps the others.
    assert!(w.engine.shutdown(Duration::from_secs(30)).await);
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered { delivered: 2, ..Recovered::default() });
    next.ended().await;
    assert_eq!((w.adapter.sends().len(), next.adapter.sends().len()), (4, 2));
    assert_eq!(count(&next, "finished:delivered"), JOBS);
}

#[tokio::test(start_paused = true)]
async fn a_picture_behind_another_one_of_its_chat_is_stored_until_its_turn_and_other_chats_do_not_wait() {
    let w = world(vec![]);
    let schedule = ScheduleLimits { max_running_per_chat: 3, ..settings().schedule };
    w.engine.reconfigure(EngineSettings { schedule, ..settings() });
    w.adapter.set_pace(Duration::from_secs(10));
    for user in ["a", "b", "c"] {
        w.asks(request(user, user));
    }
    w.asks(StoredRequest { chat: group("h"), ..request("d", "d") });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(w.adapter.sends().len(), 2, "the first one of each chat");
    assert_eq!(
        (count(&w, "stored"), count(&w, "sending")),
        (4, 3),
        "the third one of the first chat is only stored"
    );
    w.ended().await;
    assert_eq!(count(&w, "finished:delivered"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_could_not_be_stored_is_stored_while_it_waits() {
    // Its file, or its file and its record.
    for ledger_as_well in [false, true] {
        let go = Arc::new(Notify::new());
        let w = world(vec![Step::Hold(go.clone())]);
        w.store.set_blobs_broken(true);
        w.asks(request("u", "m1"));
        w.provider.arrivals(1).await;
        w.store.set_broken(ledger_as_well);
        w.adapter.set_away(true);
        go.notify_one();
        tokio::time::sleep(HOUR).await;
        assert_eq!((count(&w, "stored"), w.engine.active().len()), (0, 1));
        w.store.set_blobs_broken(false);
        w.store.set_broken(false);
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!((count(&w, "stored"), w.store.blob_names().len()), (1, 1));
        let next = killed_and_started(&w).await;
        assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
        w.adapter.set_away(false);
        w.ended().await;
        assert_eq!(w.events()[w.events().len() - 3..], ["stored", "sending", "finished:delivered"]);
        assert_eq!(w.adapter.sends().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_several_pictures_that_could_not_be_stored_is_stored_while_it_waits() {
    let w = world(vec![]);
    w.store.set_blobs_broken(true);
    w.adapter.away_after(2);
    w.asks(StoredRequest { count: 4, ..request("u", "m1") });
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!((w.adapter.sends().len(), count(&w, "stored")), (2, 0));
    w.store.set_blobs_broken(false);
    tokio::time::sleep(Duration::from_mins(2)).await;
    let next = killed_and_started(&w).await;
    assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.adapter.sends().len(), 2, "those that are there already are not sent again");
}

#[tokio::test(start_paused = true)]
async fn what_a_chat_has_heard_of_a_result_is_known_after_a_restart() {
    let refused = || SendError::Failed { failure: SendFailure::Picture, reason: "no".to_owned() };
    // The first picture goes as a file; then the account goes away.
    for (preset, behind) in [(None, "note-as-file"), (Some("手办".to_owned()), "手办")] {
        let w = world(vec![]);
        w.adapter.fail_sends([refused(), refused()]);
        w.adapter.away_after(1);
        w.asks(StoredRequest { count: 2, preset, ..request("u", "m1") });
        while count(&w, "stored") < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(w.engine.shutdown(Duration::from_secs(5)).await);
        let next = w.restarted(vec![]);
        next.recover().await;
        next.ended().await;
        let said: Vec<_> = next.adapter.sends().iter().map(|send| send.text.clone()).collect();
        assert_eq!(said, ["", behind]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_is_given_up_after_a_day_and_can_be_fetched_for_a_while() {
    let w = stored_while_away().await;
    tokio::time::sleep(23 * HOUR).await;
    assert_eq!(w.engine.active().len(), 1);
    tokio::time::sleep(2 * HOUR).await;
    assert!(w.engine.active().is_empty());
    assert_eq!((w.events().last().unwrap().as_str(), count(&w, "sending")), ("finished:failed", 0));
    assert!(w.engine.keeper().latest(&group("g"), &"u".into()).is_some());

    // A later run waits for the rest of the day, but for two hours at least.
    for (hours, minutes) in [(20, 240), (72, 120)] {
        let w = stored_while_away().await;
        assert!(w.engine.shutdown(Duration::from_secs(5)).await);
        let next = world_with(w.store.clone(), vec![]);
        next.clock.advance_millis(hours * 3_600_000);
        next.adapter.set_away(true);
        assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
        tokio::time::sleep(Duration::from_mins(minutes - 1)).await;
        assert_eq!(next.engine.active().len(), 1, "after {hours} hours");
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert!(next.engine.active().is_empty(), "after {hours} hours");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_goes_away_under_a_send_leaves_a_stored_picture() {
    let disconnected = || SendError::Failed { failure: SendFailure::Disconnected, reason: "gone".to_owned() };
    let w = world(vec![]);
    // The link looks alive, as one without a connection always does.
    w.adapter.fail_sends([disconnected(), disconnected()]);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.pictures.len(), 1);
    w.ended().await;
    let expected = ["stored", "sending", "stored", "sending", "stored", "sending", "finished:delivered"];
    assert_eq!(w.events()[3..], expected, "nothing is recorded as being sent that certainly is not");
}

#[tokio::test(start_paused = true)]
async fn a_picture_whose_peer_went_away_under_the_send_waits_in_its_file() {
    let budget = BytesBudget::new(1 << 20);
    let whole = budget.free();
    let bytes = test_picture().body.read().unwrap();
    let body = Body::held(bytes, budget.try_take(600).unwrap());
    let w = world(vec![Step::Given(Picture { body, ..test_picture() })]);
    w.adapter
        .fail_sends([SendError::Failed { failure: SendFailure::Disconnected, reason: "gone".to_owned() }]);
    w.asks(request("u", "m1"));
    until(|| count(&w, "stored") >= 2).await;
    assert_eq!((budget.free(), w.adapter.sends().len()), (whole, 0), "others have its bytes");
    assert_eq!(w.adapter.send_number(1).await.pictures.len(), 1);
    w.ended().await;
}

#[tokio::test(start_paused = true)]
async fn pictures_that_arrived_before_the_peer_went_away_are_not_sent_again() {
    let w = world(vec![]);
    w.adapter.away_after(2);
    w.asks(StoredRequest { count: 4, ..request("u", "m1") });
    until(|| count(&w, "stored") >= 2).await;
    assert!(w.engine.shutdown(Duration::from_secs(5)).await);
    let next = w.restarted(vec![]);
    assert_eq!(next.recover().await, Recovered { delivered: 1, ..Recovered::default() });
    next.ended().await;
    let pictures = |w: &World| w.adapter.sends().iter().map(|send| send.pictures.len()).sum::<usize>();
    assert_eq!((pictures(&w), pictures(&next), next.adapter.sends().len()), (2, 2, 2));
    let (_, all) = next.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
    assert_eq!(all.len(), 4, "all of them can be fetched again");

    // The same without a restart.
    let w = world(vec![]);
    w.adapter.away_after(2);
    w.asks(StoredRequest { count: 4, ..request("u", "m1") });
    tokio::time::sleep(HOUR).await;
    w.adapter.set_away(false);
    w.ended().await;
    assert_eq!(w.adapter.sends().len(), 4);
}

/// The only job has failed, and waits to be told so.
#[track_caller]
fn cannot_be_cancelled(w: &World) {
    assert_eq!(w.engine.jobs(&group("g"), None)[0].phase, Phase::Ending);
    let cancelled = w.engine.cancel(&group("g"), &"u".into(), Role::Member, None);
    assert!(matches!(cancelled, CancelOutcome::TooLate { .. }), "{cancelled:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_means_the_job_that_can_still_be_cancelled() {
    let w = world(vec![Step::Hang, Step::Fail(ErrorClass::ModerationInput)]);
    w.engine.reconfigure(EngineSettings {
        schedule: ScheduleLimits { max_running_per_user: 2, ..settings().schedule },
        ..settings()
    });
    let running = w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    let transient = || SendError::Failed { failure: SendFailure::Transient, reason: "busy".to_owned() };
    w.adapter.fail_texts(vec![transient(); 12]);
    let ending = w.asks(request("u", "m2"));
    w.provider.arrivals(2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(w.engine.jobs(&group("g"), None)[1].phase, Phase::Ending, "it is told for minutes");
    let cancel = || w.engine.cancel(&group("g"), &"u".into(), Role::Member, None);
    assert_eq!(cancel(), CancelOutcome::Cancelled { number: running.number, begun: true });
    while w.engine.active().len() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(cancel(), CancelOutcome::TooLate { number: ending.number });
    w.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_task_panicked_has_ended_before_it_is_told() {
    let w = world(vec![Step::Panic]);
    w.adapter.set_away(true);
    w.asks(request("u", "m1"));
    tokio::time::sleep(HOUR).await;
    cannot_be_cancelled(&w);
    w.adapter.set_away(false);
    w.ended().await;
    assert_eq!(w.events().last().unwrap(), "finished:failed");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_job_is_told_hours_later() {
    // While it runs, and by the next run.
    let w = refused_while_away();
    w.asks(request("u", "m1"));
    tokio::time::sleep(10 * HOUR).await;
    assert_eq!((count(&w, "finished:failed"), w.engine.load()), (0, (0, 0)));
    cannot_be_cancelled(&w);
    w.adapter.set_away(false);
    assert_eq!(w.adapter.send_number(1).await.text, "error-moderation-input");
    w.ended().await;
    assert_eq!(w.events().last().unwrap(), "finished:failed");

    let w = world(vec![Step::Hang]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    let next = killed_and_started(&w).await;
    next.adapter.set_away(true);
    assert_eq!(next.recover().await, Recovered { interrupted: 1, ..Recovered::default() });
    tokio::time::sleep(10 * HOUR).await;
    assert_eq!(count(&next, "finished:failed"), 0, "nobody was told");
    next.adapter.set_away(false);
    assert_eq!(next.adapter.send_number(1).await.text, "error-interrupted");
    assert_eq!(next.adapter.reaction_number(1).await.1, Reaction::Failed, "no mark of work stays");
    assert_eq!(next.events().last().unwrap(), "finished:failed");
}

#[tokio::test(start_paused = true)]
async fn ends_are_told_one_after_the_other_when_the_account_is_back() {
    let users = ["a", "b", "c", "d", "e"];
    let w = world(users.map(|_| Step::Fail(ErrorClass::ModerationInput)).into());
    w.adapter.set_away(true);
    for user in users {
        w.asks(StoredRequest { chat: group(user), ..request(user, user) });
    }
    tokio::time::sleep(HOUR).await;
    w.adapter.set_away(false);
    let mut told = Vec::new();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        told.push(w.adapter.sends().len());
    }
    assert!(told[0] < 2 && told.is_sorted(), "{told:?}");
    w.ended().await;
    assert_eq!(w.adapter.sends().len(), users.len());
    assert_eq!(count(&w, "finished:failed"), users.len());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_refused_for_a_moment_is_told_later() {
    let transient = || SendError::Failed { failure: SendFailure::Transient, reason: "busy".to_owned() };
    for (refusals, told) in [(12, 1), (13, 0)] {
        let w = world(vec![Step::Fail(ErrorClass::ModerationInput)]);
        w.adapter.fail_texts(vec![transient(); refusals]);
        w.asks(request("u", "m1"));
        w.ended().await;
        assert_eq!((w.adapter.sends().len(), w.events().last().unwrap().as_str()), (told, "finished:failed"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_delivery_is_told_when_the_account_is_back_and_can_be_fetched_then() {
    let drawn = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(drawn.clone())]);
    w.adapter.fail_sends([unanswered()]);
    let go = w.adapter.hold_reactions();
    w.draws_while_away(&drawn).await;
    go.notify_one();
    tokio::time::sleep(HOUR).await;
    w.clock.advance_millis(3_600_000);
    w.engine.sweep().await;
    assert!(!w.events().contains(&"finished:unknown".to_owned()));
    assert!(w.engine.shutdown(Duration::from_secs(5)).await);
    let next = w.restarted(vec![]);
    next.clock.advance_millis(3_600_000);
    next.adapter.set_away(true);
    next.recover().await;
    tokio::time::sleep(HOUR).await;
    next.engine.sweep().await;
    next.adapter.set_away(false);
    next.adapter.reaction_number(1).await;
    let (job, artifacts) = next.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
    let adapter: Arc<dyn Adapter> = next.adapter.clone();
    let target = Target { chat: group("g"), quote: Some("m2".into()) };
    next.engine.resend(&adapter, &target, job, &artifacts).await;
    assert_eq!(next.adapter.sends().last().unwrap().pictures.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_order_is_closed_unpaid() {
    // The deadline of the world is 15 minutes, and a restart may cost five more.
    for (minutes, requests, end) in [(19, 1, "finished:delivered"), (21, 0, "finished:failed")] {
        let w = world(vec![Step::Hang]);
        w.asks(request("u", "m1"));
        w.provider.arrivals(1).await;
        w.store.forget_after(1);
        let next = world_with(w.store.clone(), vec![]);
        next.clock.advance_millis(minutes * 60_000);
        assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
        next.ended().await;
        assert_eq!((next.provider.requests().len(), next.events().last().unwrap().as_str()), (requests, end));
        let told = next.adapter.sends().iter().any(|send| send.text == "error-overdue");
        assert_eq!(told, requests == 0, "{minutes} minutes");
        let counts = requests == 1;
        assert_eq!(*next.settled.lock().unwrap(), [Settlement { counts, refusals: 0 }], "given back");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_for_an_account_that_is_away_after_a_start() {
    let w = world(vec![Step::Hang]);
    w.waits_with_a_picture().await;
    assert!(!w.engine.shutdown(Duration::from_secs(1)).await, "the first one hangs");
    for (back, requests) in [(Duration::from_mins(5), 1), (HOUR, 0)] {
        let next = killed_and_started(&w).await;
        next.adapter.set_away(true);
        next.recover().await;
        tokio::time::sleep(back).await;
        assert!(next.provider.requests().is_empty());
        assert_eq!(next.engine.load().0, 0, "others have its place");
        next.adapter.set_away(false);
        next.ended().await;
        assert_eq!(next.provider.requests().len(), requests);
        let told = next.adapter.sends().iter().any(|send| send.text == "error-overdue");
        assert_eq!(told, requests == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_for_a_chat_that_muted_the_account_unheard() {
    let silenced = |w: &World| {
        assert_eq!(
            (w.provider.requests().len(), w.events().last().unwrap().as_str()),
            (0, "finished:failed")
        );
        assert_eq!(
            w.settled.lock().unwrap().last(),
            Some(&Settlement { counts: false, refusals: 0 }),
            "given back"
        );
    };
    // While easel did not run.
    let w = world(vec![Step::Hang]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.store.forget_after(1);
    let next = world_with(w.store.clone(), vec![]);
    next.adapter.silence_unheard();
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    silenced(&next);
    // While the account was away.
    let w = world(vec![]);
    w.adapter.set_away(true);
    w.asks(request("u", "m1"));
    tokio::time::sleep(Duration::from_secs(1)).await;
    w.adapter.silence_unheard();
    w.adapter.set_away(false);
    w.ended().await;
    silenced(&w);
    // Nobody is asked about a chat in which somebody spoke just now.
    let w = world(vec![]);
    w.adapter.silence_unheard();
    w.asks(request("u", "m1"));
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_for_an_account_that_went_away_and_those_who_wait_are_bounded() {
    let bound = ScheduleLimits { max_running: 2, max_waiting: 6, ..settings().schedule };
    for (back, bought) in [(Duration::from_mins(5), 6), (HOUR, 0)] {
        let w = world(vec![]);
        w.engine.reconfigure(EngineSettings { schedule: bound, ..settings() });
        w.adapter.set_away(true);
        w.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
        let asks = |n: u32| {
            let request = StoredRequest {
                chat: group(&format!("g{n}")),
                pictures: vec![url("http://x/a.png")],
                ..request(&format!("u{n}"), &format!("m{n}"))
            };
            w.engine.accept(request, Brought::default())
        };
        for n in 0..6 {
            asks(n).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(asks(6).unwrap_err().code, "E-QUEUE");
        assert_eq!((w.engine.load(), count(&w, "collected")), ((0, 6), 6), "in the store, and not in memory");
        tokio::time::sleep(back).await;
        assert!(w.provider.requests().is_empty());
        w.adapter.set_away(false);
        w.ended().await;
        assert_eq!(w.provider.requests().len(), bought);
        let told = w.adapter.sends().iter().filter(|send| send.text == "error-overdue").count();
        assert_eq!(told, 6 - bought);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_waited_for_their_account_get_in_line_when_it_is_back() {
    let w = world(vec![Step::Hang, Step::Hang]);
    w.engine.reconfigure(EngineSettings {
        schedule: ScheduleLimits { max_running: 2, ..settings().schedule },
        ..settings()
    });
    w.adapter.set_away(true);
    for n in 0..5 {
        w.asks(StoredRequest { chat: group(&format!("g{n}")), ..request(&format!("u{n}"), "m") });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(w.engine.load(), (0, 5));
    w.adapter.set_away(false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((w.engine.load(), w.provider.requests().len()), ((2, 3), 2), "as many as have places");
}

#[tokio::test(start_paused = true)]
async fn a_resend_keeps_its_files_and_says_when_one_is_gone() {
    let transient = || SendError::Failed { failure: SendFailure::Transient, reason: "again".to_owned() };
    let unreadable = || SendError::Failed { failure: SendFailure::Permanent, reason: "gone".to_owned() };
    for removed in [false, true] {
        let w = world(vec![]);
        w.asks(request("u", "m1"));
        w.ended().await;
        let (job, artifacts) = w.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
        let adapter: Arc<dyn Adapter> = w.adapter.clone();
        let target = Target { chat: group("g"), quote: Some("m2".into()) };
        // Between two tries the artifact grows too old, or somebody removes its file.
        w.adapter.fail_sends(if removed { vec![transient(), unreadable()] } else { vec![transient()] });
        let meanwhile = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if removed {
                w.store.ports().blobs.remove(&artifacts[0].blob).await.unwrap();
            } else {
                w.clock.advance_millis(1_000_000);
                w.engine.sweep().await;
                assert_eq!(w.store.blob_names().len(), 1, "it is being sent");
            }
        };
        tokio::join!(w.engine.resend(&adapter, &target, job, &artifacts), meanwhile);
        let last = w.adapter.sends().pop().unwrap();
        assert_eq!(
            (last.text.as_str(), last.pictures.len()),
            if removed { ("error-resend-gone", 0) } else { ("", 1) }
        );
        w.engine.sweep().await;
        assert!(w.store.blob_names().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_resend_says_all_that_became_of_its_pictures() {
    let w = world(vec![]);
    w.asks(StoredRequest { count: 2, ..request("u", "m1") });
    w.ended().await;
    let (job, artifacts) = w.engine.keeper().latest(&group("g"), &"u".into()).unwrap();
    let adapter: Arc<dyn Adapter> = w.adapter.clone();
    let target = Target { chat: group("g"), quote: Some("m2".into()) };
    let permanent = || SendError::Failed { failure: SendFailure::Permanent, reason: "no".to_owned() };
    let told = async |outcomes: Vec<SendError>, expected: &[&str]| {
        w.adapter.fail_sends(outcomes);
        w.engine.resend(&adapter, &target, job, &artifacts).await;
        let last = w.adapter.sends().pop().unwrap();
        assert_eq!(last.text.lines().collect::<Vec<_>>(), expected);
    };
    told(vec![unanswered()], &["error-unsure job=1"]).await;
    told(vec![permanent(), unanswered()], &["error-not-delivered", "error-unsure job=1"]).await;
    // Whatever else has to be said, nobody takes what is gone for what did not arrive.
    w.store.ports().blobs.remove(&artifacts[1].blob).await.unwrap();
    told(vec![unanswered()], &["error-resend-some-gone", "error-unsure job=1"]).await;
    told(vec![permanent()], &["error-resend-some-gone", "error-not-delivered"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_is_followed_by_words_that_quote_the_request() {
    let refused = || SendError::Failed { failure: SendFailure::Picture, reason: "no".to_owned() };
    let w = world(vec![]);
    w.adapter.fail_sends([refused(), refused()]);
    w.asks(request("u", "m1"));
    let words = w.adapter.send_number(2).await;
    assert!(w.adapter.sends()[0].as_file);
    assert_eq!((words.text.as_str(), words.target.quote), ("note-as-file", Some("m1".into())));
    w.ended().await;
    // A preset's words are not lost.
    let w = world(vec![]);
    w.adapter.fail_sends([refused(), refused()]);
    w.asks(StoredRequest { preset: Some("手办".to_owned()), ..request("u", "m1") });
    assert_eq!(w.adapter.send_number(2).await.text, "手办");
    w.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_arrived_is_recorded_before_words_that_are_refused_for_minutes() {
    let refused = || SendError::Failed { failure: SendFailure::Picture, reason: "no".to_owned() };
    let transient = || SendError::Failed { failure: SendFailure::Transient, reason: "risk".to_owned() };
    let as_file = || StoredRequest { preset: Some("手办".to_owned()), ..request("u", "m1") };
    let script = || vec![Step::Picture, Step::Fail(ErrorClass::ModerationInput)];
    for (asked, failures, script, made, words) in [
        (as_file(), vec![refused(), refused()], vec![], 1, "手办"),
        (request("u", "m1"), vec![refused(), refused()], vec![], 1, "note-as-file"),
        (StoredRequest { count: 6, ..request("u", "m1") }, vec![], script(), 4, "note-fewer made=4 wished=6"),
    ] {
        let w = world(script);
        w.adapter.fail_sends(failures);
        w.adapter.fail_texts(vec![transient(); 12]);
        w.asks(asked);
        w.adapter.reaction_number(2).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(w.adapter.reactions()[1].1, Reaction::Done);
        assert_eq!(
            (w.events().last().unwrap().as_str(), w.adapter.sends().len()),
            ("finished:delivered", made)
        );
        assert!(w.engine.active().is_empty());
        // A crash now leaves nothing to be told, and it can be fetched.
        assert_eq!(killed_and_started(&w).await.recover().await, Recovered::default());
        assert!(w.engine.keeper().latest(&group("g"), &"u".into()).is_some());
        let said = w.adapter.send_number(made + 1).await;
        assert_eq!((said.text.as_str(), said.target.quote), (words, Some("m1".into())));
    }
}

/// Two jobs in one go: one draws, and its account is away for nearly all the time that the other one has.
#[tokio::test(start_paused = true)]
async fn nothing_is_bought_that_the_deadline_would_throw_away() {
    // Drawing takes a minute; the deadline is 15, and being away may cost ten more.
    let draws_for_a_minute = || {
        let go = Arc::new(Notify::new());
        let after = Arc::clone(&go);
        let step = Step::Hold(go);
        (step, async move |w: &World, calls: usize| {
            w.provider.arrivals(calls).await;
            tokio::time::sleep(Duration::from_mins(1)).await;
            after.notify_one();
        })
    };
    let almost = Duration::from_secs(895);
    // A new job, and one of an earlier run.
    for again in [false, true] {
        let (step, drawn) = draws_for_a_minute();
        let w = world(vec![step]);
        if again {
            let before = world(vec![Step::Hang]);
            before.waits_with_a_picture().await;
            let accepted = killed_and_started(&before).await;
            for entry in accepted.store.entries() {
                // Only the one that waits is left.
                if entry.job == before.engine.jobs(&group("g"), None)[1].job {
                    w.store.append(vec![entry]).await.unwrap();
                }
            }
            for name in before.store.blob_names() {
                w.store.ports().blobs.put(&name, &test_picture().body).await.unwrap();
            }
            w.adapter.set_away(true);
            assert_eq!(w.recover().await, Recovered { rerun: 1, ..Recovered::default() });
        } else {
            w.adapter.set_away(true);
            w.asks(request("u", "m1"));
        }
        tokio::time::sleep(almost).await;
        w.adapter.set_away(false);
        drawn(&w, 1).await;
        w.ended().await;
        assert_eq!(w.adapter.sends().iter().map(|send| send.pictures.len()).sum::<usize>(), 1, "{again}");
        assert_eq!(w.events().last().unwrap(), "finished:delivered");
    }
    // Not for ever: whoever comes and goes has the job for ten minutes more at most.
    let w = world(vec![]);
    w.adapter.set_away(true);
    w.asks(request("u", "m1"));
    tokio::time::sleep(almost).await;
    for _ in 0..20 {
        // The only place is taken, so that it waits in line.
        w.engine.reconfigure(EngineSettings {
            schedule: ScheduleLimits { max_running: 1, ..settings().schedule },
            ..settings()
        });
        w.adapter.set_away(false);
        w.adapter.set_away(true);
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    assert!(w.provider.requests().is_empty());
    w.adapter.set_away(false);
    w.ended().await;
    assert_eq!(w.adapter.sends()[0].text, "error-overdue");
}

#[tokio::test(start_paused = true)]
async fn ends_that_wait_for_their_account_are_bounded_and_told_once_to_each_person() {
    let w = world(vec![]);
    let bound = ScheduleLimits { max_running: 2, max_waiting: 6, ..settings().schedule };
    w.engine.reconfigure(EngineSettings { schedule: bound, ..settings() });
    w.adapter.set_away(true);
    let asks = |user: &str, message: &str| {
        let request = StoredRequest { chat: group(user), ..request(user, message) };
        w.engine.accept(request, Brought::default()).map_err(|error| error.code)
    };
    for user in ["a", "b", "c"] {
        for message in ["m1", "m2"] {
            asks(user, message).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    tokio::time::sleep(HOUR).await;
    // All are over, and nobody could be told.
    assert!(w.engine.jobs(&group("a"), None).iter().all(|job| job.phase == Phase::Ending));
    assert_eq!((w.engine.active().len(), w.engine.load()), (6, (0, 0)));
    assert_eq!(asks("d", "m1").unwrap_err(), "E-QUEUE", "no more than could wait");
    let elsewhere = StoredRequest { chat: Chat { account: "2".into(), ..group("z") }, ..request("z", "m") };
    w.engine.accept(elsewhere, Brought::default()).unwrap();
    w.adapter.set_away(false);
    w.ended().await;
    let mut told: Vec<_> = w.adapter.sends().into_iter().filter(|send| send.pictures.is_empty()).collect();
    told.sort_by(|one, other| one.target.chat.id.cmp(&other.target.chat.id));
    let told: Vec<_> = told.iter().map(|send| (send.target.chat.id.as_str(), send.text.as_str())).collect();
    let overdue = "error-overdue\nnote-others-too more=1";
    assert_eq!(told, [("a", overdue), ("b", overdue), ("c", overdue)]);
    assert_eq!(count(&w, "finished:failed"), 6);
    w.adapter.reaction_number(8).await;
    asks("d", "m2").unwrap();
    w.ended().await;
}

#[tokio::test(start_paused = true)]
async fn results_that_wait_for_their_account_count_among_its_jobs() {
    let go = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(go.clone()), Step::Hold(go.clone())]);
    w.engine.reconfigure(EngineSettings {
        schedule: ScheduleLimits { max_waiting: 2, ..settings().schedule },
        ..settings()
    });
    w.asks(request("a", "m1"));
    w.asks(request("b", "m2"));
    w.provider.arrivals(2).await;
    w.adapter.set_away(true);
    go.notify_waiters();
    while count(&w, "stored") < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asks =
        |user: &str| w.engine.accept(request(user, user), Brought::default()).map_err(|error| error.code);
    assert_eq!(asks("c").unwrap_err(), "E-QUEUE");
    w.adapter.set_away(false);
    w.ended().await;
    asks("d").unwrap();
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 3);
}

fn on_platform(link: &str) -> PictureRef {
    let locator = PictureLocator::Platform { url: Some(link.to_owned()), file: None, message: None };
    PictureRef { origin: PictureOrigin::Message, locator }
}

#[tokio::test(start_paused = true)]
async fn a_quoted_picture_is_looked_for_when_its_account_is_back() {
    let bytes = || test_picture().body.read().unwrap();
    for (feature, own, waits_in_line) in
        [("edit", 0, false), ("draw", 0, false), ("draw", 1, false), ("edit", 1, true)]
    {
        let go = Arc::new(Notify::new());
        let w = world(if waits_in_line { vec![Step::Hold(go.clone())] } else { vec![] });
        if waits_in_line {
            w.asks(request("u", "m0"));
            w.provider.arrivals(1).await;
        }
        w.adapter.set_away(true);
        w.adapter.serve("http://x/quoted.png", Ok(bytes()));
        w.adapter.serve("http://x/own.png", Ok(bytes()));
        w.adapter.put_quote("q", Quote { pictures: vec![url("http://x/quoted.png")], ..Quote::default() });
        w.asks(StoredRequest {
            feature: feature.to_owned(),
            quote: Some("q".into()),
            pictures: vec![url("http://x/own.png"); own],
            ..request("u", "m1")
        });
        tokio::time::sleep(Duration::from_mins(1)).await;
        // Its own picture is fetched at once, because links expire, and once.
        assert_eq!(w.adapter.downloads(), vec!["http://x/own.png"; own], "{feature}");
        assert_eq!(w.engine.load().1, 1, "{feature} waits");
        go.notify_one();
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(w.engine.jobs(&group("g"), None).iter().any(|job| job.phase == Phase::Waiting));
        w.adapter.set_away(false);
        w.ended().await;
        assert_eq!(w.adapter.downloads().len(), 1 + own, "{feature}");
        let asked = w.provider.requests().pop().unwrap();
        assert_eq!(asked.references.len(), 1 + own, "{feature}");
        assert!(!w.adapter.sends().iter().any(|send| send.text.contains("quote-gone")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_link_is_tried_again_when_its_account_is_back() {
    use crate::ports::DownloadError::{Expired, Private};
    let w = world(vec![]);
    w.adapter.set_away(true);
    w.adapter.serve("http://x/stale.png", Err(Expired));
    w.adapter.serve("http://x/fresh.png", Ok(test_picture().body.read().unwrap()));
    let pictures = vec![on_platform("http://x/stale.png"), on_platform("http://x/fresh.png")];
    w.asks(StoredRequest { pictures, ..request("u", "m1") });
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(w.adapter.downloads(), ["http://x/stale.png", "http://x/fresh.png"]);
    assert_eq!(w.engine.load(), (0, 1));
    w.adapter.serve("http://x/stale.png", Ok(test_picture().body.read().unwrap()));
    w.adapter.set_away(false);
    w.ended().await;
    assert_eq!(w.adapter.downloads().len(), 3, "what is there is not fetched twice");
    assert_eq!(w.provider.requests()[0].references.len(), 2);
    // What the peer can't mend ends the job at once, and so does a link that stays stale.
    for (failure, told) in [(Private, "error-picture-private"), (Expired, "error-picture-expired")] {
        let w = world(vec![]);
        w.adapter.serve("http://x/a.png", Err(failure));
        w.asks(StoredRequest { pictures: vec![on_platform("http://x/a.png")], ..request("u", "m1") });
        assert_eq!(w.adapter.send_number(1).await.text, told);
        w.ended().await;
    }
}
