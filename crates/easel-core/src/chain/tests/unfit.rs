//! Whom a request does not fit is passed over: unsent, unrecorded, and without a word about the service.

use tokio::sync::Notify;

use super::*;
use crate::ports::Unfit;

const WISH: Output = Output { size: None, ratio: Some((16, 9)), tier: Some(2) };

fn wish() -> GenerateRequest {
    GenerateRequest { output: WISH, ..request(0) }
}

/// A provider to which the request does not fit.
fn unfit(name: &str, why: Unfit) -> Arc<ScriptedProvider> {
    let provider = ScriptedProvider::new(name, []);
    provider.refuse(Some(why));
    provider
}

#[track_caller]
fn skipped(walk: &Walk, expected: &Skip) {
    let Err(ChainFailure::Skipped(reasons)) = &walk.result else { panic!("{:?}", walk.result) };
    assert_eq!(reasons.iter().map(|(_, skip)| skip).collect::<Vec<_>>(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn whom_it_does_not_fit_is_passed_over_unsent() {
    for (why, skip) in [
        (Unfit::SizesRefused, Skip::SizesRefused),
        (Unfit::TooManyReferences { max: 2 }, Skip::TooManyReferences { max: 2 }),
        (Unfit::NeedsReference, Skip::EditsOnly),
    ] {
        let links = [link(unfit("a", why), &["k"], 3), link(ScriptedProvider::new("b", []), &["q"], 3)];
        walk_with(&links, wish(), 900).await.asked(&["1 b q"]).made_by("b");
        let walk = walk_with(&links[..1], wish(), 900).await.asked(&[]);
        skipped(&walk, &skip);
        assert_eq!(links[0].slot.health().attempts, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_default_of_the_owner_is_no_wish() {
    let provider = unfit("a", Unfit::SizesRefused);
    let mut links = [link(provider.clone(), &["k"], 3)];
    links[0].output = WISH;
    walk(&links).await.asked(&["1 a k"]).made_by("a");
    assert_eq!(provider.requests()[0].output, WISH);
    skipped(&walk_with(&links, wish(), 900).await.asked(&[]), &Skip::SizesRefused);
}

#[tokio::test(start_paused = true)]
async fn the_one_further_call_after_one_without_an_answer_is_left_to_who_takes_it() {
    let unanswered = || link(ScriptedProvider::new("a", [Step::Fail(ErrorClass::Unanswered)]), &["k"], 1);
    let last = || link(ScriptedProvider::new("c", []), &["q"], 1);
    let links = [unanswered(), link(unfit("b", Unfit::SizesRefused), &["l"], 1), last()];
    walk_with(&links, wish(), 900).await.asked(&["1 a k", "2 c q"]).made_by("c");
    // So it is where only the drafted request tells.
    let unasked = fail(ErrorClass::TooLarge, |error| (error.status, error.unasked) = (None, true));
    let links = [unanswered(), link(ScriptedProvider::new("b", [unasked]), &["l"], 1), last()];
    walk(&links).await.asked(&["1 a k", "2 b l", "3 c q"]).made_by("c");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_asked_closes_no_circuit() {
    let failures = || (0..6).map(|_| fail(ErrorClass::Overload, |_| {}));
    let unasked = fail(ErrorClass::TooLarge, |error| (error.status, error.unasked) = (None, true));
    for (case, steps) in [
        ("before the attempt", failures().collect::<Vec<_>>()),
        ("while it was found out", failures().collect()),
        ("in the attempt", failures().take(5).chain([unasked]).chain(failures().take(1)).collect()),
    ] {
        let provider = ScriptedProvider::new("a", steps);
        let links = [link(provider.clone(), &["k"], 1)];
        for _ in 0..5 {
            walk(&links).await.failed(ErrorClass::Overload);
        }
        skipped(&walk(&links).await, &Skip::CircuitOpen);
        tokio::time::advance(Duration::from_mins(1)).await;
        // The one that decides after the rest is not sent.
        match case {
            "in the attempt" => drop(walk(&links).await.failed(ErrorClass::TooLarge)),
            "before the attempt" => {
                provider.refuse(Some(Unfit::SizesRefused));
                skipped(&walk_with(&links, wish(), 900).await, &Skip::SizesRefused);
            }
            _ => {
                let go = Arc::new(Notify::new());
                go.notify_one();
                provider.prepare(go, Some(Unfit::SizesRefused));
                skipped(&walk_with(&links, wish(), 900).await.asked(&["waits"]), &Skip::SizesRefused);
            }
        }
        provider.refuse(None);
        // So the next one decides, and its failure alone opens the circuit again.
        walk(&links).await.failed(ErrorClass::Overload);
        skipped(&walk(&links).await, &Skip::CircuitOpen);
        assert_eq!(links[0].slot.health().attempts, 6, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_call_taught_counts_for_its_own_repetition() {
    let own = Arc::new(Mutex::new(None::<Arc<ScriptedProvider>>));
    let refusal = Step::FailWith({
        let own = own.clone();
        Box::new(move || {
            own.lock().unwrap().take().unwrap().refuse(Some(Unfit::SizesRefused));
            let mut error = ProviderError::new("a", ErrorClass::BadRequest, "scripted");
            error.retry = Retry::Corrected;
            error
        })
    });
    let provider = ScriptedProvider::new("a", [refusal]);
    *own.lock().unwrap() = Some(provider.clone());
    let links = [link(provider, &["k"], 3)];
    walk_with(&links, wish(), 900).await.asked(&["1 a k"]).failed(ErrorClass::BadRequest);
}

#[tokio::test(start_paused = true)]
async fn what_is_found_out_first_costs_nothing_and_is_durable_bounded_and_cancellable() {
    let prepared = |unfit| {
        let (provider, go) = (ScriptedProvider::new("a", []), Arc::new(Notify::new()));
        provider.prepare(go.clone(), unfit);
        ([link(provider, &["k"], 1)], go)
    };
    // The job is recorded before, and asked for after.
    let (links, go) = prepared(None);
    go.notify_one();
    walk(&links).await.asked(&["waits", "1 a k"]).made_by("a");
    walk(&links).await.asked(&["1 a k"]).made_by("a");
    // What it teaches counts at once.
    let (links, go) = prepared(Some(Unfit::TooManyReferences { max: 0 }));
    go.notify_one();
    let walked = walk_with(&links, request(1), 900).await.asked(&["waits"]);
    skipped(&walked, &Skip::TooManyReferences { max: 0 });
    // Nobody waits for it beyond the deadline, or after a change of mind.
    let (links, _never) = prepared(None);
    let late = walk_with(&links, request(0), 60).await.asked(&["waits"]);
    assert!(matches!(late.result, Err(ChainFailure::Deadline { charged: Charged::No })), "{:?}", late.result);
    let cancel = CancellationToken::new();
    let cancels = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    };
    let (walked, ()) = tokio::join!(walk_until(&links, request(0), 60, &cancel), cancels);
    let walked = walked.asked(&["waits"]);
    assert!(
        matches!(walked.result, Err(ChainFailure::Cancelled { charged: Charged::No })),
        "{:?}",
        walked.result
    );
}
