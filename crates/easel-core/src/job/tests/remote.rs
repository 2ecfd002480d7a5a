//! Tasks that go on at a service while easel may be killed.

use super::*;
use crate::{
    error::{Charged, ProviderError, Retry},
    ports::RemoteTask,
};

fn took(id: &str) -> Event {
    Event::Created { attempt: 1, task: RemoteTask { id: id.to_owned(), poll: String::new() } }
}

/// A job whose provider took a task and works on it; the ledger as a `kill -9` right then leaves it.
async fn killed_while_rendering(keys: &[&str]) -> World {
    let w = world_of_tasks(MemoryStore::default(), vec![Step::Task("t-1", Box::new(Step::Hang))], keys);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.adapter.reaction_number(1).await;
    assert_eq!(w.events(), ["accepted", "asking", "created"]);
    assert_eq!(w.store.entries()[2].event, took("t-1"));
    w
}

#[tokio::test(start_paused = true)]
async fn a_task_is_asked_about_after_a_restart_with_its_key() {
    let killed = killed_while_rendering(&["k1", "k2"]).await;
    let next = world_of_tasks(killed.store.clone(), vec![Step::Picture], &["k2", "k1"]);
    assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
    assert_eq!(next.adapter.send_number(1).await.pictures.len(), 1);
    next.ended().await;
    assert_eq!(next.provider.resumed(), ["t-1"]);
    assert_eq!(next.provider.keys(), ["k1"], "the key that ordered it");
    assert_eq!(next.events()[3..], ["answered", "stored", "sending", "finished:delivered"]);
}

#[tokio::test(start_paused = true)]
async fn an_intent_without_a_task_is_unknown_and_never_ordered_again() {
    let killed = killed_while_rendering(&[]).await;
    killed.store.forget_after(2);
    let next = world_of_tasks(killed.store.clone(), vec![], &[]);
    assert_eq!(next.recover().await, Recovered { unknown: 1, ..Recovered::default() });
    assert_eq!(next.adapter.send_number(1).await.text, "error-task-unknown");
    assert!(next.engine.shutdown(Duration::from_secs(30)).await);
    assert!(next.provider.keys().is_empty());
    assert_eq!(next.events().last().unwrap(), "finished:unknown");
    let third = world_of_tasks(next.store.clone(), vec![], &[]);
    assert_eq!(third.recover().await, Recovered::default());
}

#[tokio::test(start_paused = true)]
async fn a_chosen_id_is_asked_about_and_ordered_again_only_if_the_service_does_not_know_it() {
    let never_seen = || {
        let mut error = ProviderError::new("p", ErrorClass::NotFound, "no such prompt");
        (error.retry, error.charged) = (Retry::SameKey, Charged::No);
        error
    };
    let unknown = || vec![Step::FailWith(Box::new(never_seen)), Step::Picture];
    let taken = || Step::Task("chosen", Box::new(Step::Hang));
    for (first, script, resumed, calls) in [
        (Step::Hang, vec![Step::Picture], 1, 1),
        (Step::Hang, unknown(), 1, 2),
        (taken(), vec![Step::Picture], 1, 1),
        // An engine that was restarted has forgotten what it took.
        (taken(), unknown(), 1, 2),
    ] {
        let w = world_of(MemoryStore::default(), ScriptedProvider::choosing("p", vec![first]), &[]);
        w.asks(request("u", "m1"));
        w.provider.arrivals(1).await;
        assert_eq!(w.events()[..2], ["accepted", "asking"]);
        let next = world_of(w.store.clone(), ScriptedProvider::choosing("p", script), &[]);
        assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
        assert_eq!(next.adapter.send_number(1).await.pictures.len(), 1);
        next.ended().await;
        assert_eq!((next.provider.resumed().len(), next.provider.keys().len()), (resumed, calls));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_is_named() {
    let killed = killed_while_rendering(&["k1"]).await;
    let next = world_of_tasks(killed.store.clone(), vec![], &["other"]);
    assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
    assert_eq!(next.adapter.send_number(1).await.text, "error-task-key-gone key=k1\nnote-maybe-charged");
    next.ended().await;
    assert!(next.provider.keys().is_empty(), "another key is not asked");
}

#[tokio::test(start_paused = true)]
async fn a_task_has_its_own_bound_and_is_left_to_the_next_run_at_a_stop() {
    let w = killed_while_rendering(&[]).await;
    // Ten minutes for pictures, counted from when it was taken; the job's deadline of fifteen is not asked.
    assert_eq!(w.adapter.send_number(1).await.text, "error-task-late");
    w.ended().await;
    assert!(w.provider.called_off(), "the service may be told that nobody waits any more");
    assert_eq!(w.events().last().unwrap(), "finished:failed");

    let w = killed_while_rendering(&[]).await;
    assert!(w.engine.shutdown(Duration::from_secs(5)).await, "nobody waits for the service");
    assert!(w.adapter.sends().is_empty());
    let next = world_of_tasks(w.store.clone(), vec![], &[]);
    assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
    next.ended().await;
    assert_eq!(next.events().last().unwrap(), "finished:delivered");
}

#[tokio::test(start_paused = true)]
async fn an_unanswered_order_ends_unknown_and_nobody_else_is_asked() {
    let script = vec![Step::Fail(ErrorClass::Unanswered)];
    let w = world_of_tasks(MemoryStore::default(), script, &["k1", "k2"]);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.text, "error-task-unknown");
    w.ended().await;
    assert_eq!(w.provider.keys(), ["k1"]);
    assert_eq!(w.events().last().unwrap(), "finished:unknown");
}

/// A job whose task is done at the service while this machine can write nothing.
async fn done_while_nothing_can_be_written() -> World {
    let go = Arc::new(Notify::new());
    let script = vec![Step::Task("t-1", Box::new(Step::Hold(go.clone())))];
    let w = world_of_tasks(MemoryStore::default(), script, &[]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.store.set_broken(true);
    go.notify_one();
    w
}

fn texts(w: &World) -> Vec<String> {
    w.adapter.sends().into_iter().map(|send| send.text).collect()
}

#[tokio::test(start_paused = true)]
async fn a_result_of_a_task_waits_until_its_end_can_be_recorded() {
    let w = done_while_nothing_can_be_written().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(w.adapter.sends().is_empty(), "a hiccup is not worth a word");
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(
        texts(&w),
        ["job-unrecorded"],
        "told once; sent now, the next start would fetch and send it again"
    );
    assert_eq!(w.engine.load().0, 0, "its place is free");
    w.store.set_broken(false);
    assert_eq!(w.adapter.send_number(2).await.pictures.len(), 1);
    w.ended().await;
    assert_eq!(w.events()[3..], ["answered", "stored", "sending", "finished:delivered"]);
    let next = world_of_tasks(w.store.clone(), vec![], &[]);
    assert_eq!(next.recover().await, Recovered::default());
    assert_eq!(w.provider.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_could_not_be_recorded_before_a_stop_is_fetched_by_the_next_run() {
    let w = done_while_nothing_can_be_written().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(w.engine.shutdown(Duration::from_secs(5)).await, "nobody waits for the disk");
    assert_eq!(texts(&w), ["job-unrecorded"]);
    assert_eq!(w.events(), ["accepted", "asking", "created"]);
    w.store.set_broken(false);
    let next = world_of_tasks(w.store.clone(), vec![], &[]);
    assert_eq!(next.recover().await, Recovered { resumed: 1, ..Recovered::default() });
    assert_eq!(next.adapter.send_number(1).await.pictures.len(), 1);
    next.ended().await;
    assert_eq!(next.provider.resumed(), ["t-1"], "ordered once, fetched twice");
    assert_eq!(next.events()[3..], ["answered", "stored", "sending", "finished:delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_result_without_a_copy_goes_at_once_when_the_end_of_its_task_is_recorded() {
    let w = world_of_tasks(MemoryStore::default(), vec![Step::Task("t-1", Box::new(Step::Picture))], &[]);
    w.store.set_blobs_broken(true);
    w.asks(request("u", "m1"));
    assert_eq!(w.adapter.send_number(1).await.pictures.len(), 1);
    w.ended().await;
    assert_eq!(w.events()[3..], ["answered", "finished:delivered"]);
    // Killed before the end was recorded: the service is not asked again, and nothing is sent again.
    w.store.forget_after(4);
    let next = world_of_tasks(w.store.clone(), vec![], &[]);
    assert_eq!(next.recover().await, Recovered { interrupted: 1, ..Recovered::default() });
    next.adapter.send_number(1).await;
    assert_eq!(texts(&next), ["error-interrupted"]);
    assert!(next.provider.keys().is_empty());
}

/// The ledger knows the intent alone, and that is enough for the next start to ask about the task.
#[tokio::test(start_paused = true)]
async fn a_result_of_a_task_that_was_never_recorded_waits_as_well() {
    let go = Arc::new(Notify::new());
    let provider = ScriptedProvider::choosing("p", vec![Step::Hold(go.clone())]);
    let w = world_of(MemoryStore::default(), provider, &[]);
    w.asks(request("u", "m1"));
    w.provider.arrivals(1).await;
    w.store.set_broken(true);
    go.notify_one();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(texts(&w), ["job-unrecorded"]);
    w.store.set_broken(false);
    assert_eq!(w.adapter.send_number(2).await.pictures.len(), 1);
    w.ended().await;
    assert_eq!(w.events()[2..], ["answered", "stored", "sending", "finished:delivered"]);
    w.store.forget_after(3);
    let next = world_of(w.store.clone(), ScriptedProvider::choosing("p", vec![]), &[]);
    assert_eq!(next.recover().await, Recovered { interrupted: 1, ..Recovered::default() });
    next.adapter.send_number(1).await;
    assert_eq!(texts(&next), ["error-interrupted"]);
    assert!(next.provider.keys().is_empty(), "it is not fetched again");
}

/// Recovers, and checks what the jobs of `p` cost then, and in every later run: attempts, failures, perhaps paid.
async fn costs(next: &World, store: &MemoryStore, expected: (u64, u64, u64)) {
    next.recover().await;
    next.ended().await;
    assert!(next.engine.shutdown(Duration::from_secs(30)).await);
    let third = world_of_tasks(store.clone(), vec![], &[]);
    third.recover().await;
    for w in [next, &third] {
        let told = w.engine.usage().spending(1, By::Provider).await.unwrap();
        let [(_, sum)] = &told[..] else { panic!("one provider: {told:?}") };
        assert_eq!((sum.attempts, sum.failures, sum.maybe_paid), expected, "{:?}", w.events());
    }
    let spent = store.ports().ledger.load().await.unwrap().remove(0).spent;
    assert_eq!(spent.iter().map(|spent| spent.totals.attempts).sum::<u64>(), expected.0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_answer_nobody_saw_may_have_been_paid() {
    // The key is gone; nobody knows whether it was ordered; nobody knows the answer.
    let killed = killed_while_rendering(&["k1"]).await;
    costs(&world_of_tasks(killed.store.clone(), vec![], &["other"]), &killed.store, (1, 1, 1)).await;
    let killed = killed_while_rendering(&[]).await;
    killed.store.forget_after(2);
    costs(&world_of_tasks(killed.store.clone(), vec![], &[]), &killed.store, (1, 1, 1)).await;
    let killed = world(vec![Step::Fail(ErrorClass::Rate), Step::Hang]);
    killed.asks(request("u", "m1"));
    killed.provider.arrivals(2).await;
    costs(&killed.restarted(vec![]), &killed.store, (2, 2, 1)).await;
    // The answer was seen: there is nothing to add.
    let killed = world(vec![]);
    killed.asks(request("u", "m1"));
    killed.ended().await;
    killed.store.forget_after(3);
    assert_eq!(killed.events().last().unwrap(), "answered");
    costs(&killed.restarted(vec![]), &killed.store, (1, 0, 0)).await;
    // A part of the job is made: it is delivered, and the rest was perhaps paid.
    let task = |id, then| Step::Task(id, Box::new(then));
    let script = vec![task("t-1", Step::Picture), Step::Hang];
    let killed = world_of_tasks(MemoryStore::default(), script, &[]);
    killed.asks(StoredRequest { count: 2, ..request("u", "m1") });
    killed.provider.arrivals(2).await;
    costs(&world_of_tasks(killed.store.clone(), vec![], &[]), &killed.store, (2, 1, 1)).await;
    // A bug while somebody was asked.
    let w = world(vec![Step::Panic]);
    w.asks(request("u", "m1"));
    w.ended().await;
    costs(&w.restarted(vec![]), &w.store, (1, 1, 1)).await;
}
