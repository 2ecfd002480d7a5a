//! Providers that work on so many calls at a time.

use std::collections::BTreeMap;

use tokio::sync::Notify;

use super::*;
use crate::job::usage::Prices;

/// An engine that works on one call after the other.
fn engine(steps: impl IntoIterator<Item = Step>) -> Arc<ScriptedProvider> {
    let serial =
        Capabilities { generate: true, max_count: 1, one_at_a_time: true, ..Capabilities::default() };
    ScriptedProvider::with_capabilities("a", serial, steps)
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_draws_one_after_the_other_is_asked_so() {
    let go = Arc::new(Notify::new());
    let engine = engine([Step::Hold(go.clone())]);
    let links = [link(engine.clone(), &[], 1)];
    let (first, second) = (walk(&links), walk(&links));
    tokio::pin!(first, second);
    tokio::select! {
        biased;
        _ = &mut first => panic!("it holds"),
        _ = &mut second => panic!("it waits"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {}
    }
    assert_eq!(engine.requests().len(), 1);
    go.notify_one();
    first.await.asked(&["1 a"]).made_by("a");
    // Nothing was recorded as asked before it was its turn.
    second.await.asked(&["aside", "back", "1 a"]).made_by("a");
    // With nobody before, nobody steps aside.
    walk(&links).await.asked(&["1 a"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn the_owner_may_allow_more_and_bound_others() {
    for (most, at_once) in [(1, 1), (2, 2), (3, 3)] {
        let provider = ScriptedProvider::new("a", (0..3).map(|_| Step::Hang));
        let slot = ProviderSlot::new(provider.clone(), KeyPool::new(Vec::new(), &HashMap::new()), 1);
        let links = [Link::new(Arc::new(slot.with_turns(Turns::new(most))), Output::default())];
        let [a, b, c] = [(); 3].map(|()| walk_with(&links, request(0), 30));
        tokio::select! {
            _ = async { tokio::join!(a, b, c) } => panic!("nobody answers"),
            () = tokio::time::sleep(Duration::from_secs(20)) => {}
        }
        assert_eq!(provider.requests().len(), at_once, "{most} at a time");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_deadline_and_nothing_was_asked() {
    let links = [link(engine([Step::Hang]), &[], 1)];
    let (hangs, waits) = tokio::join!(walk_with(&links, request(0), 90), walk_with(&links, request(0), 60));
    assert!(matches!(hangs.result, Err(ChainFailure::Deadline { charged: Charged::Maybe })));
    let waits = waits.asked(&["aside", "back"]);
    assert!(matches!(waits.result, Err(ChainFailure::Busy { charged: Charged::No })), "{:?}", waits.result);
    assert_eq!(waits.waited, Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_turn_lasts_as_long_as_the_task_and_ends_with_it() {
    let tasks = Capabilities {
        generate: true,
        remote: true,
        max_count: 1,
        one_at_a_time: true,
        ..Capabilities::default()
    };
    let late = [Step::Task("t-1", Box::new(Step::Hang)), Step::Task("t-2", Box::new(Step::Picture))];
    let links = [link(ScriptedProvider::with_capabilities("a", tasks, late), &[], 1)];
    let (first, second) = tokio::join!(walk(&links), walk(&links));
    assert!(matches!(first.result, Err(ChainFailure::TaskLate)), "{:?}", first.result);
    // Ten minutes are a task's bound; the second one's began when it was taken.
    let second = second.asked(&["aside", "back", "1 a", "a took t-2"]).made_by("a");
    assert_eq!(second.waited, Duration::from_mins(10));
}

#[tokio::test(start_paused = true)]
async fn an_idle_fallback_is_asked_while_the_first_works_for_others() {
    let links = [link(engine([Step::Hang]), &[], 1), link(ScriptedProvider::new("b", []), &["k"], 1)];
    let (hangs, goes) =
        tokio::join!(walk_with(&links[..1], request(0), 90), walk_with(&links, request(0), 60));
    assert!(matches!(hangs.result, Err(ChainFailure::Deadline { .. })), "{:?}", hangs.result);
    goes.asked(&["1 b k"]).made_by("b");
    // One that can't do it is no fallback, and one that fails leads back to who has to be waited for.
    let words_fail = ScriptedProvider::new("b", [Step::Fail(ErrorClass::Auth)]);
    let no_words = Capabilities { edit: true, max_references: 1, ..Capabilities::default() };
    for (other, asked) in [
        (ScriptedProvider::with_capabilities("b", no_words, []), &["aside", "back", "1 a"][..]),
        (words_fail, &["1 b k", "aside", "back", "2 a"]),
    ] {
        let go = Arc::new(Notify::new());
        let links = [link(engine([Step::Hold(go.clone())]), &[], 1), link(other, &["k"], 1)];
        let ends = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            go.notify_one();
        };
        let (first, second, ()) = tokio::join!(walk(&links[..1]), walk(&links), ends);
        first.asked(&["1 a"]).made_by("a");
        second.asked(asked).made_by("a");
    }
}

#[tokio::test(start_paused = true)]
async fn whether_a_busy_engine_is_free_is_what_the_owner_says_it_costs() {
    let prices = |price: Option<f64>| {
        let table: BTreeMap<_, _> = price.map(|price| ("generate".to_owned(), price)).into_iter().collect();
        Prices::parse(&table).unwrap()
    };
    for (free, price, waits) in
        [(true, None, true), (true, Some(0.05), false), (false, None, false), (false, Some(0.0), true)]
    {
        let go = Arc::new(Notify::new());
        let capabilities = Capabilities {
            generate: true,
            max_count: 1,
            one_at_a_time: true,
            free,
            ..Capabilities::default()
        };
        let busy = ScriptedProvider::with_capabilities("a", capabilities, [Step::Hold(go.clone())]);
        let slot = ProviderSlot::new(busy, KeyPool::new(Vec::new(), &HashMap::new()), 1);
        let busy = Link::new(Arc::new(slot.with_prices(prices(price))), Output::default());
        let links = [busy, link(ScriptedProvider::new("b", []), &["k"], 1)];
        let ends = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            go.notify_one();
        };
        let (first, second, ()) = tokio::join!(walk(&links[..1]), walk(&links), ends);
        first.made_by("a");
        second.asked(if waits { &["aside", "back", "1 a"] } else { &["1 b k"] });
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_looks_again_before_it_asks() {
    // The sixth in the queue does not ask what has failed five times, and the seventh neither.
    let hangs = || fail(ErrorClass::Unanswered, |_| {});
    let provider = engine((0..5).map(|_| hangs()));
    let links = [link(provider.clone(), &[], 1)];
    let walks = futures_util::future::join_all((0..7).map(|_| walk(&links))).await;
    assert_eq!(provider.requests().len(), 5);
    for walk in walks.into_iter().skip(5) {
        assert!(matches!(&walk.result, Err(ChainFailure::Skipped(why)) if why[0].1 == Skip::CircuitOpen));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_turned_out_bad_while_one_waited_is_not_used() {
    let bad = fail(ErrorClass::Auth, |error| error.key = KeyVerdict::Disable);
    let provider = engine([bad]);
    let links = [link(provider.clone(), &["k", "l"], 1)];
    let walks = tokio::join!(walk(&links), walk(&links));
    walks.0.made_by("a");
    walks.1.made_by("a");
    assert_eq!(provider.keys().iter().filter(|key| *key == "k").count(), 1, "{:?}", provider.keys());
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_the_bound_holds_for_those_under_way() {
    const HOUR: u64 = 3600;
    let gos = [(); 6].map(|()| Arc::new(Notify::new()));
    let provider = ScriptedProvider::new("a", gos.iter().map(|go| Step::Hold(go.clone())));
    let turns = Turns::new(1);
    let slot = ProviderSlot::new(provider.clone(), KeyPool::new(Vec::new(), &HashMap::new()), 1);
    let links = [Link::new(Arc::new(slot.with_turns(turns.clone())), Output::default())];
    let walks = futures_util::future::join_all((0..6).map(|_| walk_with(&links, request(0), HOUR)));
    let steps = async {
        let begun = async || {
            tokio::time::sleep(Duration::from_secs(10)).await;
            provider.requests().len()
        };
        assert_eq!(begun().await, 1);
        // More begin at once.
        turns.resize(3);
        assert_eq!(begun().await, 3);
        // Fewer as those end that are under way; three is two more than one.
        turns.resize(1);
        for (go, expected) in gos.iter().zip([3, 3, 4]) {
            go.notify_one();
            assert_eq!(begun().await, expected);
        }
        // A bound that came back meanwhile counts those that were never taken away.
        turns.resize(3);
        assert_eq!(begun().await, 6);
        turns.resize(1);
        turns.resize(2);
        for go in &gos {
            go.notify_one();
        }
    };
    let (walks, ()) = tokio::join!(walks, steps);
    for walk in walks {
        walk.made_by("a");
    }
    let all_free = || std::iter::from_fn(|| turns.free()).collect::<Vec<_>>();
    let free = all_free();
    assert_eq!(free.len(), 2);
    turns.resize(0);
    assert!(turns.all_taken());
    drop(free);
    assert_eq!(all_free().len(), 1);
}
