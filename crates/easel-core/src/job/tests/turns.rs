//! Jobs that wait for a provider that works on one thing after the other.

use super::*;
use crate::{error::Charged, ports::Capabilities};

fn engine(script: Vec<Step>) -> Arc<ScriptedProvider> {
    let serial =
        Capabilities { generate: true, max_count: 1, one_at_a_time: true, ..Capabilities::default() };
    ScriptedProvider::with_capabilities("p", serial, script)
}

/// One job draws; another one, of another chat, waits for its turn.
async fn one_waits(go: &Arc<Notify>) -> (World, Accepted) {
    let w = world_of(MemoryStore::default(), engine(vec![Step::Hold(go.clone())]), &[]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    // The deadline of the second one comes long before that of the first.
    w.engine.reconfigure(EngineSettings { deadline: Duration::from_secs(60), ..settings() });
    let second = w.asks(StoredRequest { chat: group("h"), ..request("v", "m2") });
    w.adapter.reaction_number(2).await;
    // Told, and durable, before a provider is asked; and its place is free.
    assert_eq!(w.events(), ["accepted", "asking", "accepted"]);
    assert_eq!(w.engine.load(), (1, 1));
    assert_eq!(w.engine.jobs(&group("h"), None)[0].phase, Phase::Aside);
    assert_eq!(w.adapter.send_number(1).await.text, "job-aside job=2");
    (w, second)
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_its_turn_accepted_and_without_a_place() {
    let go = Arc::new(Notify::new());
    let (w, _) = one_waits(&go).await;
    go.notify_one();
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 2);
    let events = w.events();
    assert_eq!(events.iter().filter(|event| *event == "finished:delivered").count(), 2, "{events:?}");
    assert_eq!(w.engine.load(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_bought_for_a_chat_that_shut_the_account_out_while_the_job_waited() {
    let go = Arc::new(Notify::new());
    let (w, _) = one_waits(&go).await;
    w.adapter.set_silenced(true);
    go.notify_one();
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 1);
    assert!(w.settled.lock().unwrap().iter().any(|settled| !settled.counts), "it is given back");
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_left_to_others_while_the_account_is_away() {
    let go = Arc::new(Notify::new());
    let (w, _) = one_waits(&go).await;
    let mut elsewhere = request("w", "m3");
    elsewhere.chat.account = "2".into();
    let third = w.asks(elsewhere);
    w.adapter.reaction_number(3).await;
    w.adapter.set_account_away("1", true);
    go.notify_one();
    // The second one was before it, and its account is away; so is that of the first one, whose result waits.
    while w.engine.active().contains(&third.job) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(w.provider.requests().len(), 2);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(w.provider.requests().len(), 2);
    w.adapter.set_account_away("1", false);
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 3);
    assert_eq!(w.events().iter().filter(|event| *event == "finished:delivered").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_crash_or_a_stop_while_it_waits_costs_nothing_and_it_runs_after_the_next_start() {
    let go = Arc::new(Notify::new());
    let (w, _) = one_waits(&go).await;
    let next = world_of(w.store.clone(), engine(vec![]), &[]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, interrupted: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.provider.requests().len(), 1);

    let go = Arc::new(Notify::new());
    let (w, _) = one_waits(&go).await;
    go.notify_one();
    assert!(w.engine.shutdown(Duration::from_secs(5)).await);
    let next = world_of(w.store.clone(), engine(vec![]), &[]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!((w.provider.requests().len(), next.provider.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_is_heard_as_well_while_the_second_picture_waits_for_its_turn() {
    let [first, second, third] = [(); 3].map(|()| Arc::new(Notify::new()));
    let script = [&first, &second, &third].map(|go| Step::Hold(go.clone()));
    let w = world_of(MemoryStore::default(), engine(script.into()), &[]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.asks(StoredRequest { chat: group("h"), count: 2, ..request("v", "m2") });
    w.adapter.reaction_number(2).await;
    first.notify_one();
    w.provider.arrivals(2).await;
    // Its next call has to wait for this one.
    w.asks(StoredRequest { chat: group("i"), ..request("w", "m3") });
    w.adapter.reaction_number(4).await;
    until(|| w.engine.load() == (1, 1)).await;
    second.notify_one();
    w.provider.arrivals(3).await;
    until(|| w.engine.load() == (1, 1)).await;
    let stops = w.engine.shutdown(Duration::from_secs(5));
    tokio::pin!(stops);
    tokio::select! {
        biased;
        _ = &mut stops => panic!("the third one is drawn"),
        () = tokio::time::sleep(Duration::from_secs(1)) => third.notify_one(),
    }
    assert!(stops.await);
    assert_eq!(w.provider.requests().len(), 3, "nothing was ordered that nobody would wait for");
    let next = world_of(w.store.clone(), engine(vec![]), &[]);
    assert_eq!(next.recover().await, Recovered { rerun: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.provider.requests().len(), 1);
    assert_eq!(next.adapter.sends().iter().filter(|send| !send.pictures.is_empty()).count(), 2);
}

/// A request of somebody who waits in front of it, and how it ends.
fn watched() -> (Brought, tokio::sync::oneshot::Receiver<Outcome>) {
    let (watch, ended) = tokio::sync::oneshot::channel();
    (Brought { watch: Some(watch), ..Brought::default() }, ended)
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_in_front_of_a_job_hears_of_a_stop_at_once() {
    let stopping = Outcome::Failed { code: "E-STOPPING".to_owned(), charged: Charged::No };
    // In the queue, and behind another one at the provider.
    for max_running in [1, 8] {
        let go = Arc::new(Notify::new());
        let w = world_of(MemoryStore::default(), engine(vec![Step::Hold(go.clone())]), &[]);
        w.engine.reconfigure(EngineSettings {
            schedule: ScheduleLimits { max_running, ..settings().schedule },
            ..settings()
        });
        let (first, _drawn) = watched();
        w.engine.accept(request("u", "m1"), first).unwrap();
        w.provider.arrivals(1).await;
        let (second, ended) = watched();
        let other = StoredRequest { chat: group("h"), ..request("v", "m2") };
        let waits = w.engine.accept(other, second).unwrap();
        while w.engine.load() != (1, 1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!w.engine.shutdown(Duration::ZERO).await, "the first one draws");
        let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
        assert_eq!(ended, Ok(Ok(stopping.clone())), "{max_running}");
        let texts: Vec<_> = w.adapter.sends().into_iter().map(|send| send.text).collect();
        assert!(texts.contains(&"error-stopping".to_owned()), "{texts:?}");
        assert!(!w.engine.active().contains(&waits.job));
        go.notify_one();
        assert!(w.engine.shutdown(Duration::from_secs(5)).await);
        assert_eq!(w.provider.requests().len(), 1);
        let ends: Vec<_> = w.events().into_iter().filter(|event| event.starts_with("finished")).collect();
        assert_eq!(ends, ["finished:failed", "finished:delivered"]);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_by_a_cancellation_or_with_a_sentence_at_the_deadline() {
    let go = Arc::new(Notify::new());
    let (w, second) = one_waits(&go).await;
    let cancelled = w.engine.cancel(&group("h"), &"v".into(), Role::Member, None);
    assert_eq!(cancelled, CancelOutcome::Cancelled { number: second.number, begun: false });
    go.notify_one();
    w.ended().await;
    assert_eq!(w.provider.requests().len(), 1);
    assert!(w.settled.lock().unwrap().iter().any(|settled| !settled.counts), "it is given back");

    let (w, _) = one_waits(&go).await;
    assert_eq!(w.adapter.send_number(2).await.text, "error-provider-busy");
    go.notify_one();
    w.ended().await;
    assert_eq!(w.events().iter().filter(|event| *event == "asking").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_provider_and_for_an_account_that_is_away_leaves_room_to_other_accounts() {
    let go = Arc::new(Notify::new());
    let w = world_of(MemoryStore::default(), engine(vec![Step::Hold(go.clone())]), &[]);
    w.engine.reconfigure(EngineSettings {
        schedule: ScheduleLimits {
            max_running: 2,
            max_running_per_chat: 1,
            max_waiting: 6,
            ..settings().schedule
        },
        ..settings()
    });
    let other = Chat { account: "2".into(), ..group("x") };
    w.asks(StoredRequest { chat: other.clone(), ..request("x", "m") });
    w.provider.arrivals(1).await;
    let asks = |n: u32| {
        // Three wait for the provider, and three behind them in their chats.
        let request = StoredRequest {
            chat: group(&format!("g{}", n % 3)),
            ..request(&format!("u{n}"), &format!("m{n}"))
        };
        w.engine.accept(request, Brought::default()).map_err(|error| error.code)
    };
    for n in 0..6 {
        asks(n).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((w.engine.load(), asks(6).unwrap_err()), ((1, 6), "E-QUEUE"));
    let elsewhere = |user: &str| {
        let request = StoredRequest { chat: other.clone(), ..request(user, user) };
        w.engine.accept(request, Brought::default()).map_err(|error| error.code)
    };
    assert_eq!(elsewhere("a").unwrap_err(), "E-QUEUE");
    w.adapter.set_account_away("1", true);
    assert_eq!(asks(7).unwrap_err(), "E-QUEUE", "its own queue is full");
    for user in ["a", "b", "c", "d"] {
        elsewhere(user).unwrap();
    }
    // A chat has a bound of its own.
    assert_eq!(elsewhere("e").unwrap_err(), "E-QUEUE-CHAT");
    w.adapter.set_account_away("1", false);
    let third = StoredRequest { chat: Chat { id: "y".into(), ..other.clone() }, ..request("f", "f") };
    assert_eq!(w.engine.accept(third, Brought::default()).unwrap_err().code, "E-QUEUE", "they are back");
}

#[tokio::test(start_paused = true)]
async fn a_short_mute_is_waited_out_unpaid_and_a_long_one_is_not() {
    // The deadline of the waiting one is a minute.
    for (seconds, bought) in [(30, 1), (90, 0)] {
        let go = Arc::new(Notify::new());
        let (w, _) = one_waits(&go).await;
        w.adapter.mute_for(Duration::from_secs(seconds));
        go.notify_one();
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!((w.provider.requests().len(), w.engine.active().len()), (1, bought), "{seconds} seconds");
        w.ended().await;
        assert_eq!(w.provider.requests().len(), 1 + bought, "{seconds} seconds");
    }
    // The same for one that waits for a place; also when the mute is lifted early, or made longer.
    for (lifted, bought) in [(true, 1), (false, 0)] {
        let (w, go) = one_waits_for_a_place().await;
        w.adapter.mute_for(Duration::from_mins(10));
        go.notify_one();
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!((w.provider.requests().len(), w.engine.load()), (1, (0, 1)), "others have its place");
        w.adapter.mute_for(if lifted { Duration::ZERO } else { Duration::from_hours(1) });
        tokio::time::sleep(Duration::from_secs(10)).await;
        w.ended().await;
        assert_eq!(w.provider.requests().len(), 1 + bought);
        let given_back = w.settled.lock().unwrap().last().is_some_and(|settled| !settled.counts);
        assert_eq!(given_back, !lifted);
    }
}
