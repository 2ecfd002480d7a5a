//! What may have been paid: clips are ordered once, and whatever is told in the end, that something may be paid is.

use super::*;

/// A service that makes clips while its answer streams, without a task that could be asked about.
fn clip_maker(steps: impl IntoIterator<Item = Step>) -> Arc<ScriptedProvider> {
    let clips = Capabilities { clip: true, max_references: 1, max_count: 1, ..Capabilities::default() };
    ScriptedProvider::with_capabilities("a", clips, steps)
}

fn clip() -> GenerateRequest {
    GenerateRequest { operation: Operation::Clip, ..request(0) }
}

#[tokio::test(start_paused = true)]
async fn a_clip_whose_order_may_have_arrived_is_never_ordered_again() {
    let broke_off = || fail(ErrorClass::Overload, |error| error.charged = Charged::Maybe);
    for (case, step) in [("unanswered", Step::Fail(ErrorClass::Unanswered)), ("broke off", broke_off())] {
        let other = clip_maker([]);
        let links = [link(clip_maker([step]), &["k", "l"], 3), link(other.clone(), &["q"], 3)];
        let walk = walk_with(&links, clip(), 900).await.asked(&["1 a k"]);
        assert!(matches!(walk.result, Err(ChainFailure::TaskUnknown(_))), "{case}: {:?}", walk.result);
        assert!(other.requests().is_empty(), "{case}: somebody else was asked");
    }
    // What certainly did not arrive may be ordered again, here and there.
    let links = [
        link(clip_maker([fail(ErrorClass::Overload, |_| {}), fail(ErrorClass::Auth, |_| {})]), &["k"], 3),
        link(clip_maker([]), &["q"], 3),
    ];
    walk_with(&links, clip(), 900).await.asked(&["1 a k", "2 a k", "3 a q"]);
}

#[tokio::test(start_paused = true)]
async fn whatever_comes_after_a_call_that_may_be_paid_it_stays_so() {
    async fn check(first: fn() -> Step, then: Vec<Step>, deadline: u64, expected: Charged) {
        let links = [
            link(ScriptedProvider::new("a", [first()]), &["k"], 1),
            link(ScriptedProvider::new("b", then), &["q"], 3),
        ];
        let walk = walk_with(&links, request(0), deadline).await;
        assert_eq!(walk.charged(), expected, "{:?} after {:?}", walk.result, walk.asked);
    }
    let free = || Step::Fail(ErrorClass::BadRequest);
    let unanswered = || Step::Fail(ErrorClass::Unanswered);
    let withheld = || fail(ErrorClass::Empty, |error| error.retry = Retry::NextProvider);
    for (first, expected) in
        [(free as fn() -> Step, Charged::No), (unanswered, Charged::Maybe), (withheld, Charged::Maybe)]
    {
        check(first, vec![fail(ErrorClass::Quota, |_| {})], 900, expected).await;
        check(first, vec![fail(ErrorClass::Auth, |_| {})], 900, expected).await;
        check(first, vec![Step::Fail(ErrorClass::ModerationInput)], 900, expected).await;
        check(first, vec![local()], 900, expected).await;
        // Between two tries, when nobody is being asked.
        let refused = || Step::Fail(ErrorClass::Overload);
        check(first, vec![refused(), refused(), refused()], 2, expected).await;
    }
    // A cancellation in a pause between two tries.
    for (first, expected) in [(free(), Charged::No), (unanswered(), Charged::Maybe)] {
        let other = ScriptedProvider::new("b", [Step::Fail(ErrorClass::Overload)]);
        let links = [link(ScriptedProvider::new("a", [first]), &["k"], 1), link(other.clone(), &["q"], 3)];
        let cancel = CancellationToken::new();
        let cancels = async {
            other.arrivals(1).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            cancel.cancel();
        };
        let (walk, ()) = tokio::join!(walk_until(&links, request(0), 900, &cancel), cancels);
        assert!(matches!(walk.result, Err(ChainFailure::Cancelled { .. })), "{:?}", walk.result);
        assert_eq!(walk.charged(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_without_an_answer_is_asked_about_where_its_id_is_ours() {
    let never_seen = || {
        fail(ErrorClass::NotFound, |error| {
            error.status = None;
            error.retry = Retry::SameKey;
        })
    };
    let unanswered = || Step::Fail(ErrorClass::Unanswered);
    let walk_of = async |steps: Vec<Step>, deadline| {
        let provider = ScriptedProvider::choosing("a", steps);
        let walk = walk_with(&[link(provider.clone(), &[], 3)], request(0), deadline).await;
        assert_eq!(provider.resumed().len(), 1, "{:?}", walk.asked);
        walk
    };
    // It works on it, or has done it already.
    let walk = walk_of(vec![unanswered(), Step::Picture], 900).await;
    walk.asked(&["1 a", "a took chosen"]).made_by("a");
    // It never saw it, so it is ordered once more.
    let walk = walk_of(vec![unanswered(), never_seen()], 900).await;
    walk.asked(&["1 a", "a took chosen", "2 a"]).made_by("a");
    // The job's deadline ends the order; the task has a bound of its own.
    let walk = walk_of(vec![Step::Hang, Step::Picture], 30).await;
    assert_eq!(walk.asked(&["1 a", "a took chosen"]).made_by("a").waited, Duration::from_secs(30));
    let walk = walk_of(vec![Step::Hang, never_seen()], 30).await;
    assert_eq!(walk.asked(&["1 a", "a took chosen"]).charged(), Charged::No);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_died_with_an_order_holds_its_turn_for_a_minute() {
    async fn check(answers: &'static [(u64, bool)], unknown: bool, seconds: u64) {
        let steps = [Step::Hang, Step::Heard(answers, Box::new(Step::Hang))];
        let links = [link(ScriptedProvider::choosing("a", steps), &[], 3)];
        let walk = walk_with(&links, request(0), 30).await.asked(&["1 a", "a took chosen"]);
        match &walk.result {
            Err(ChainFailure::TaskUnknown(_)) => assert!(unknown, "{answers:?}"),
            Err(ChainFailure::TaskLate) => assert!(!unknown, "{answers:?}"),
            other => panic!("{answers:?}: {other:?}"),
        }
        assert_eq!(walk.waited, Duration::from_secs(30 + seconds), "{answers:?}");
    }
    check(&[], true, 60).await;
    // Whoever answers is there, and looks for it.
    check(&[(50, false), (50, false)], true, 50 + 50 + 60).await;
    // What it knows has the bound of every task, however silent it is.
    check(&[(50, true)], false, 600).await;
    check(&[(50, false), (20, true), (400, false)], false, 600).await;
    // Nor has what it doesn't know a longer one.
    check(&[(59, false); 10], true, 600).await;
}
