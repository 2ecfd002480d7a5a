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
