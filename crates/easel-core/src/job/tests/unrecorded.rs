//! What becomes of records that the ledger could not take.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_is_recorded_with_the_next_one() {
    let store = MemoryStore::default();
    let full = store.clone();
    let fails = Step::FailWith(Box::new(move || {
        full.set_ledger_broken(true);
        ProviderError::new("p", ErrorClass::Overload, "scripted")
    }));
    let w = world_with(store, vec![fails]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    // In the pause before the next attempt.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(w.events(), ["accepted", "asking"]);
    w.store.set_ledger_broken(false);
    w.ended().await;
    assert_eq!(
        w.events(),
        ["accepted", "asking", "answered", "asking", "answered", "stored", "sending", "finished:delivered"]
    );
}

#[tokio::test(start_paused = true)]
async fn kept_inputs_are_recorded_before_anybody_is_asked() {
    let go = Arc::new(Notify::new());
    let w = world(vec![Step::Hold(go.clone())]);
    w.adapter.serve("http://x/a.png", Ok(test_picture().body.read().unwrap()));
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    let served = w.adapter.hold_downloads();
    w.asks(StoredRequest { pictures: vec![url("http://x/a.png")], ..request("u", "m2") });
    w.adapter.send_number(1).await;
    w.store.set_ledger_broken(true);
    served.notify_one();
    until(|| !w.store.blob_names().is_empty()).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(w.events(), ["accepted", "asking", "accepted"]);
    w.store.set_ledger_broken(false);
    go.notify_one();
    w.ended().await;
    let events = w.events();
    let place = |event: &str| events.iter().rposition(|known| known == event).unwrap();
    assert!(place("collected") < place("asking"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_ends_when_there_is_room_again() {
    let w = world(vec![Step::Hold(Arc::default())]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    let number = w.asks(request("u", "m2")).number;
    w.adapter.send_number(1).await;
    w.store.set_broken(true);
    let cancelled = w.engine.cancel(&group("g"), &"u".into(), Role::Member, Some(number));
    assert_eq!(cancelled, CancelOutcome::Cancelled { number, begun: false });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((w.engine.active().len(), w.events().len()), (1, 3));
    w.store.set_broken(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        w.events(),
        ["accepted", "asking", "accepted", "finished:cancelled"],
        "else the next start would draw it; and once"
    );
}

/// A second run that has told how a job of the first one ended, while nothing can be recorded.
async fn told_and_unrecorded() -> World {
    let w = world(vec![Step::Hold(Arc::default())]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    let next = w.restarted(vec![]);
    next.store.set_broken(true);
    assert_eq!(next.recover().await.interrupted, 1);
    assert_eq!(next.adapter.send_number(1).await.text, "error-interrupted");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(next.events(), ["accepted", "asking"]);
    next
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_left_is_closed_when_there_is_room_again() {
    let w = told_and_unrecorded().await;
    w.store.set_broken(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(w.events(), ["accepted", "asking", "finished:failed"]);
    assert_eq!(w.adapter.sends().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_tries_once_more_and_does_not_wait_for_room() {
    for room in [true, false] {
        let w = told_and_unrecorded().await;
        w.store.set_broken(!room);
        assert!(w.engine.shutdown(Duration::from_millis(10)).await, "nothing is waited for");
        let recorded = w.events().len() == 3;
        assert_eq!(recorded, room);
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_left_nothing_in_the_ledger_needs_no_end() {
    let w = world(vec![]);
    w.store.set_broken(true);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "error-storage");
    w.ended().await;
    w.store.set_broken(false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(w.events(), [""; 0]);
}
