//! The chain's policy, told as scripts: what providers answer, and whom the chain asked.

mod once;
mod turns;
mod unfit;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    error::{Charged, ErrorClass, KeyVerdict, ProviderError, Retry},
    ids::JobId,
    job::usage::Prices,
    ports::{
        ApiKey, Capabilities, ClipLimits, GenerateRequest, Operation, Output, Reference, RemoteTask, Shapes,
        StoreError, TaskIntent,
    },
    testing::{ScriptedProvider, Step, spool, test_picture},
};

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[async_trait]
impl AttemptLog for Notes {
    async fn waits(&self) -> Result<(), StoreError> {
        self.0.lock().unwrap().push("waits".to_owned());
        Ok(())
    }
    async fn asking(&self, attempt: Attempt<'_>, _: Option<&TaskIntent>) -> Result<(), StoreError> {
        let Attempt { provider, key, number, .. } = attempt;
        self.0.lock().unwrap().push(format!("{number} {provider} {key}").trim_end().to_owned());
        Ok(())
    }
    async fn created(&self, attempt: Attempt<'_>, task: &RemoteTask) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(format!("{} took {}", attempt.provider, task.id));
        Ok(())
    }
    fn progress(&self, _: Option<u8>) {}
    async fn answered(&self, _: Attempted<'_>) {}
    async fn key_disabled(&self, provider: &str, fingerprint: &str, _: Option<u16>) {
        self.0.lock().unwrap().push(format!("disabled {provider} {fingerprint}"));
    }
}

/// A place that notes when it is left and taken again.
struct Noted(Arc<Notes>);

#[async_trait]
impl Place for Noted {
    async fn leave(&self) -> Result<(), StoreError> {
        self.0.0.lock().unwrap().push("aside".to_owned());
        Ok(())
    }
    fn back(&self) {
        self.0.0.lock().unwrap().push("back".to_owned());
    }
}

fn key(name: &str, account: Option<&str>) -> ApiKey {
    ApiKey { secret: name.to_owned().into(), fingerprint: name.into(), account: account.map(Into::into) }
}

fn link(provider: Arc<ScriptedProvider>, keys: &[&str], max: u32) -> Link {
    let keys = keys.iter().map(|name| key(name, None)).collect();
    let slot = ProviderSlot::new(provider, KeyPool::new(keys, &HashMap::new()), max);
    Link::new(Arc::new(slot), Output::default())
}

fn one(steps: impl IntoIterator<Item = Step>, keys: &[&str], max: u32) -> Vec<Link> {
    vec![link(ScriptedProvider::new("a", steps), keys, max)]
}

fn fail(class: ErrorClass, change: fn(&mut ProviderError)) -> Step {
    Step::FailWith(Box::new(move || {
        let mut error = ProviderError::new("a", class, "scripted");
        error.status = Some(500);
        change(&mut error);
        error
    }))
}

/// A failure of the machine itself.
fn local() -> Step {
    Step::FailWith(Box::new(|| {
        let mut error = ProviderError::new("a", ErrorClass::Overload, "unreadable");
        error.local = Some(StoreError::Io("unreadable".to_owned()));
        error
    }))
}

struct Walk {
    result: Result<Success, ChainFailure>,
    asked: Vec<String>,
    waited: Duration,
}

async fn walk_with(links: &[Link], request: GenerateRequest, deadline: u64) -> Walk {
    walk_until(links, request, deadline, &CancellationToken::new()).await
}

async fn walk_until(
    links: &[Link],
    request: GenerateRequest,
    deadline: u64,
    cancel: &CancellationToken,
) -> Walk {
    let dir = tempfile::tempdir().unwrap();
    let notes = Arc::new(Notes::default());
    let log: Arc<dyn AttemptLog> = notes.clone();
    let begun = Instant::now();
    let mut chain = Chain {
        links,
        job: JobId::generate(),
        deadline: begun + Duration::from_secs(deadline),
        cancel,
        stop: &CancellationToken::new(),
        spool: &spool(dir.path(), 1 << 20),
        log: &log,
        shrink: |references| (references.len() > 1).then(|| vec![Reference { picture: test_picture() }]),
        collage: |references, most| (references.len() < 9).then(|| references[..most].to_vec()),
        attempts: 0,
        unanswered: false,
        maybe_paid: false,
        clip_limits: ClipLimits::default(),
        place: Box::new(Noted(notes.clone())),
    };
    let result = chain.run(&request).await;
    Walk { result, asked: notes.0.lock().unwrap().clone(), waited: begun.elapsed() }
}

fn request(references: usize) -> GenerateRequest {
    GenerateRequest {
        operation: if references == 0 { Operation::Generate } else { Operation::Edit },
        prompt: "猫".into(),
        title: None,
        references: (0..references).map(|_| Reference { picture: test_picture() }).collect(),
        output: Output::default(),
        count: 1,
    }
}

async fn walk(links: &[Link]) -> Walk {
    walk_with(links, request(0), 900).await
}

impl Walk {
    #[track_caller]
    fn asked(self, expected: &[&str]) -> Self {
        assert_eq!(self.asked, expected);
        self
    }
    #[track_caller]
    fn made_by(self, provider: &str) -> Self {
        assert_eq!(self.result.as_ref().expect("a picture").provider, provider);
        self
    }
    /// Whether what ended the walk says that something may be paid.
    #[track_caller]
    fn charged(&self) -> Charged {
        match &self.result {
            Err(ChainFailure::Provider(error)) => error.charged,
            Err(
                ChainFailure::Deadline { charged }
                | ChainFailure::Busy { charged }
                | ChainFailure::Cancelled { charged }
                | ChainFailure::Store { charged, .. },
            ) => *charged,
            other => panic!("nothing is said about money: {other:?}"),
        }
    }
    #[track_caller]
    fn failed(self, class: ErrorClass) -> Self {
        match &self.result {
            Err(ChainFailure::Provider(error)) => assert_eq!(error.class, class),
            other => panic!("expected {class:?}, got {other:?}"),
        }
        self
    }
}

#[tokio::test(start_paused = true)]
async fn overload_is_retried_twice_with_growing_waits_then_the_next_provider() {
    let links = [
        link(
            ScriptedProvider::new(
                "a",
                [
                    Step::Fail(ErrorClass::Overload),
                    Step::Fail(ErrorClass::Overload),
                    Step::Fail(ErrorClass::Overload),
                ],
            ),
            &["k"],
            5,
        ),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    let walk = walk(&links).await.asked(&["1 a k", "2 a k", "3 a k", "4 b q"]).made_by("b");
    assert!(
        walk.waited >= Duration::from_millis(4500) && walk.waited <= Duration::from_secs(6),
        "{:?}",
        walk.waited
    );
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tries_is_keys_times_attempts() {
    // A rate limit without advice moves on to the next key; three keys, two tries each at most.
    let steps =
        (0..20).map(|_| fail(ErrorClass::Rate, |error| error.retry_after = Some(Duration::from_secs(1))));
    let walk = walk(&one(steps, &["x", "y", "z"], 2)).await.failed(ErrorClass::Rate);
    assert_eq!(walk.asked.len(), 6, "{:?}", walk.asked);
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_is_left_at_once_and_reported_once() {
    let bad = || fail(ErrorClass::Auth, |error| error.key = KeyVerdict::Disable);
    walk(&one([bad()], &["x", "y"], 3)).await.asked(&["1 a x", "disabled a x", "2 a y"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn short_retry_after_is_waited_long_one_changes_key() {
    let short = fail(ErrorClass::Rate, |error| error.retry_after = Some(Duration::from_secs(12)));
    let first = walk(&one([short], &["x", "y"], 3)).await.asked(&["1 a x", "2 a x"]).made_by("a");
    assert_eq!(first.waited, Duration::from_secs(12));
    let long = fail(ErrorClass::Rate, |error| {
        error.retry_after = Some(Duration::from_secs(300));
        error.key = KeyVerdict::Cool(Duration::from_secs(300));
    });
    let second = walk(&one([long], &["x", "y"], 3)).await.asked(&["1 a x", "2 a y"]).made_by("a");
    assert_eq!(second.waited, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lone_key_with_a_rate_limit_backs_off() {
    walk(&one([Step::Fail(ErrorClass::Rate)], &["x"], 3)).await.asked(&["1 a x", "2 a x"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn no_key_is_tried_more_often_than_it_may_be() {
    let slow_down = || {
        fail(ErrorClass::Rate, |error| {
            error.status = Some(429);
            error.key = KeyVerdict::Cool(Duration::from_mins(1));
        })
    };
    let rates = || (0..9).map(|_| slow_down());
    let walked = walk(&one(rates(), &["x", "y"], 3)).await.failed(ErrorClass::Rate);
    walked.asked(&["1 a x", "2 a y", "3 a y", "4 a y"]);
    // With somebody else to ask, nothing is waited for once all keys rest.
    let links = [
        link(ScriptedProvider::new("a", rates()), &["x", "y"], 3),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    let walked = walk(&links).await.asked(&["1 a x", "2 a y", "3 b q"]).made_by("b");
    assert_eq!(walked.waited, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_a_service_wishes_is_waited_for_as_long_as_it_is_worth_it() {
    let rates = |seconds: u64| {
        (0..9).map(move |_| {
            Step::FailWith(Box::new(move || {
                let mut error = ProviderError::new("a", ErrorClass::Rate, "scripted");
                error.retry_after = Some(Duration::from_secs(seconds));
                error.key = KeyVerdict::Cool(Duration::from_secs(seconds));
                error
            }))
        })
    };
    // 20 s in all where somebody else can be asked.
    let links = [
        link(ScriptedProvider::new("a", rates(15)), &["x", "y"], 3),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    let walked = walk(&links).await.asked(&["1 a x", "2 a x", "3 a y", "4 b q"]).made_by("b");
    assert_eq!(walked.waited, Duration::from_secs(15));
    // Alone, as often as a key may be tried, and never into the deadline: what is wrong is told instead.
    let alone = one(rates(15), &["x"], 3);
    let walked = walk(&alone).await.asked(&["1 a x", "2 a x", "3 a x"]).failed(ErrorClass::Rate);
    assert_eq!(walked.waited, Duration::from_secs(30));
    let short = one(rates(15), &["x"], 3);
    let walked = walk_with(&short, request(0), 20).await.asked(&["1 a x", "2 a x"]).failed(ErrorClass::Rate);
    assert_eq!(walked.waited, Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn quota_moves_on_only_to_another_account() {
    let provider =
        ScriptedProvider::new("a", [fail(ErrorClass::Quota, |error| error.key = KeyVerdict::OutOfQuota)]);
    let keys = vec![key("x", Some("me")), key("y", Some("me")), key("z", Some("you"))];
    let slot = ProviderSlot::new(provider, KeyPool::new(keys, &HashMap::new()), 3);
    let links = [Link::new(Arc::new(slot), Output::default())];
    walk(&links).await.asked(&["1 a x", "2 a z"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn a_create_call_that_was_not_answered_is_repeated_at_most_once_in_the_whole_job() {
    let steps = || [Step::Fail(ErrorClass::Unanswered), Step::Fail(ErrorClass::Unanswered)];
    let links = [
        link(ScriptedProvider::new("a", steps()), &["x", "y"], 3),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    // It goes to the next provider rather than to the silent one.
    walk(&links).await.asked(&["1 a x", "2 b q"]).made_by("b");
    let walk = walk(&one(steps(), &["x", "y"], 3)).await.asked(&["1 a x", "2 a x"]);
    assert_eq!(walk.failed(ErrorClass::Unanswered).charged(), Charged::Maybe);
    walk_with(&one(steps(), &["x"], 1), request(0), 900).await.asked(&["1 a x"]);
    // Nobody is asked a third time.
    let links = [
        link(ScriptedProvider::new("a", steps()), &["x"], 3),
        link(ScriptedProvider::new("b", [fail(ErrorClass::Overload, |_| {})]), &["q"], 3),
        link(ScriptedProvider::new("c", []), &["r"], 3),
    ];
    let walk = walk_with(&links, request(0), 900).await.asked(&["1 a x", "2 b q"]);
    assert_eq!(walk.failed(ErrorClass::Overload).charged(), Charged::Maybe);
}

#[tokio::test(start_paused = true)]
async fn a_broken_machine_ends_the_walk_and_blames_nobody() {
    let links = [
        link(ScriptedProvider::new("a", [local()]), &["x"], 3),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    let broken = walk(&links).await.asked(&["1 a x"]);
    assert!(
        matches!(&broken.result, Err(ChainFailure::Store { error: StoreError::Io(why), charged: Charged::No }) if why == "unreadable"),
        "{:?}",
        broken.result
    );
    walk(&links).await.asked(&["1 a x"]).made_by("a");
    // What may have been paid before is told all the same.
    let links = [
        link(ScriptedProvider::new("a", [Step::Fail(ErrorClass::Unanswered)]), &["x"], 3),
        link(ScriptedProvider::new("b", [local()]), &["q"], 3),
    ];
    let walk = walk(&links).await.asked(&["1 a x", "2 b q"]);
    assert!(matches!(walk.result, Err(ChainFailure::Store { charged: Charged::Maybe, .. })));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_else_can_be_asked_the_silent_one_is_asked_once_more() {
    let silent = |further: Option<Step>| {
        let steps = [Step::Fail(ErrorClass::Unanswered)].into_iter().chain(further);
        link(ScriptedProvider::new("a", steps), &["x"], 3)
    };
    let text_only = Capabilities { edit: false, max_references: 0, ..takes_one() };
    let cannot = || link(ScriptedProvider::with_capabilities("b", text_only.clone(), []), &["q"], 3);
    let down =
        || link(ScriptedProvider::new("c", [fail(ErrorClass::Overload, |e| e.status = None)]), &["r"], 1);
    walk_with(&[silent(None), cannot(), down()], request(1), 900)
        .await
        .asked(&["1 a x", "2 c r", "3 a x"])
        .made_by("a");
    let again = Some(Step::Fail(ErrorClass::Unanswered));
    let walk = walk_with(&[silent(again), cannot()], request(1), 900).await.asked(&["1 a x", "2 a x"]);
    assert_eq!(walk.failed(ErrorClass::Unanswered).charged(), Charged::Maybe);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_never_made_does_not_count_as_the_repetition() {
    let links = [
        link(ScriptedProvider::new("a", [Step::Fail(ErrorClass::Unanswered)]), &["x"], 1),
        link(ScriptedProvider::new("b", [Step::Fail(ErrorClass::Overload)]), &["q"], 1),
        link(ScriptedProvider::new("c", []), &["r"], 1),
    ];
    walk(&links).await.asked(&["1 a x", "2 b q", "3 c r"]).made_by("c");
}

#[tokio::test(start_paused = true)]
async fn refusals_and_lost_results_are_told_and_never_repeated() {
    for class in [ErrorClass::ModerationInput, ErrorClass::ModerationOutput, ErrorClass::ResultLost] {
        let links = [
            link(ScriptedProvider::new("a", [Step::Fail(class)]), &["x", "y"], 3),
            link(ScriptedProvider::new("b", []), &["q"], 3),
        ];
        walk(&links).await.asked(&["1 a x"]).failed(class);
    }
}

#[tokio::test(start_paused = true)]
async fn corrected_requests_are_repeated_twice_and_do_not_count_as_tries() {
    let learned = || fail(ErrorClass::BadRequest, |error| error.retry = Retry::Corrected);
    walk(&one([learned(), learned()], &["x"], 1)).await.asked(&["1 a x", "2 a x", "3 a x"]).made_by("a");
    walk(&one([learned(), learned(), learned()], &["x"], 9)).await.asked(&["1 a x", "2 a x", "3 a x"]);
    walk(&one([learned()], &[], 1)).await.asked(&["1 a", "2 a"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn too_large_references_are_made_smaller_once() {
    let links = one([Step::Fail(ErrorClass::TooLarge)], &["x"], 1);
    walk_with(&links, request(2), 900).await.asked(&["1 a x", "2 a x"]).made_by("a");
    let links = one([Step::Fail(ErrorClass::TooLarge)], &["x"], 1);
    walk_with(&links, request(1), 900).await.asked(&["1 a x"]).failed(ErrorClass::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn an_empty_success_is_repeated_once_then_the_next_provider() {
    let links = [
        link(
            ScriptedProvider::new("a", [Step::Fail(ErrorClass::Empty), Step::Fail(ErrorClass::Empty)]),
            &["x"],
            3,
        ),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    walk(&links).await.asked(&["1 a x", "2 a x", "3 b q"]).made_by("b");
}

#[tokio::test(start_paused = true)]
async fn a_missing_model_is_remembered_for_ten_minutes() {
    let links = [
        link(ScriptedProvider::new("a", [Step::Fail(ErrorClass::NotFound)]), &["x"], 3),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    walk(&links).await.asked(&["1 a x", "2 b q"]);
    walk(&links).await.asked(&["1 b q"]);
    tokio::time::advance(Duration::from_secs(600)).await;
    walk(&links).await.asked(&["1 a x"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_account_is_not_asked_again() {
    let links = [
        link(
            ScriptedProvider::new("a", [fail(ErrorClass::Auth, |error| error.suspended = true)]),
            &["x", "y"],
            3,
        ),
        link(ScriptedProvider::new("b", []), &["q"], 3),
    ];
    walk(&links).await.asked(&["1 a x", "2 b q"]).made_by("b");
    walk(&links).await.asked(&["1 b q"]);
}

#[tokio::test(start_paused = true)]
async fn providers_that_cannot_do_it_are_skipped_with_a_reason() {
    let text_only = Capabilities { generate: true, max_count: 1, paid: true, ..Capabilities::default() };
    let keyless = Capabilities { edit: true, max_references: 4, needs_key: true, ..text_only.clone() };
    let links = [
        link(ScriptedProvider::with_capabilities("a", text_only, []), &[], 1),
        link(ScriptedProvider::with_capabilities("b", keyless, []), &[], 1),
    ];
    let walk = walk_with(&links, request(1), 900).await.asked(&[]);
    let Err(ChainFailure::Skipped(reasons)) = walk.result else { panic!("{:?}", walk.result) };
    assert_eq!(
        reasons,
        [("a".to_owned(), Skip::NoEdit), ("b".to_owned(), Skip::NoUsableKey { why: ErrorClass::Auth })]
    );
}

#[tokio::test(start_paused = true)]
async fn a_clip_that_begins_with_a_picture_is_not_asked_from_words() {
    let from_pictures = Capabilities {
        clip: true,
        clip_needs_picture: true,
        max_references: 1,
        max_count: 1,
        ..Capabilities::default()
    };
    let provider = ScriptedProvider::with_capabilities("a", from_pictures, []);
    let links = [link(provider.clone(), &[], 1)];
    let clip = |references| GenerateRequest { operation: Operation::Clip, ..request(references) };
    let walk = walk_with(&links, clip(0), 900).await.asked(&[]);
    let Err(ChainFailure::Skipped(reasons)) = walk.result else { panic!("{:?}", walk.result) };
    assert_eq!(reasons, [("a".to_owned(), Skip::NoPicture)]);
    walk_with(&links, clip(1), 900).await.asked(&["1 a"]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_and_a_cancellation_end_the_walk() {
    let walk = walk_with(&one([Step::Hang], &["x"], 3), request(0), 30).await;
    assert!(
        matches!(walk.result, Err(ChainFailure::Deadline { charged: Charged::Maybe })),
        "{:?}",
        walk.result
    );
    assert_eq!(walk.waited, Duration::from_secs(30));
    let overloads = (0..9).map(|_| Step::Fail(ErrorClass::Overload));
    let walk = walk_with(&one(overloads, &["x"], 9), request(0), 3).await;
    assert!(matches!(walk.result, Err(ChainFailure::Deadline { charged: Charged::No })), "{:?}", walk.result);
}

#[tokio::test(start_paused = true)]
async fn a_chain_entry_has_its_own_output_unless_the_person_wished_one() {
    let provider = ScriptedProvider::new("a", []);
    let mut links = [link(provider.clone(), &["x"], 1)];
    links[0].output.tier = Some(4);
    walk(&links).await.made_by("a");
    let wish = Output { ratio: Some((16, 9)), ..Output::default() };
    walk_with(&links, GenerateRequest { output: wish, ..request(0) }, 900).await.made_by("a");
    let seen: Vec<_> = provider.requests().iter().map(|request| request.output).collect();
    assert_eq!(seen, [Output { tier: Some(4), ..Output::default() }, wish]);
}

#[tokio::test(start_paused = true)]
async fn tries_of_one_key_end_and_the_others_are_used() {
    let limited = || fail(ErrorClass::Rate, |error| error.retry_after = Some(Duration::from_secs(5)));
    walk(&one([limited(), limited()], &["x", "y"], 2)).await.asked(&["1 a x", "2 a x", "3 a y"]).made_by("a");
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_rest_of_a_key_and_a_resting_key_is_no_dead_key() {
    let cooled = || fail(ErrorClass::Rate, |error| error.key = KeyVerdict::Cool(Duration::from_secs(60)));
    let links = one([cooled()], &["x"], 3);
    walk(&links).await.asked(&["1 a x", "2 a x"]).made_by("a");
    walk(&links).await.asked(&["1 a x"]).made_by("a");
    let needy =
        Capabilities { generate: true, max_count: 1, needs_key: true, paid: true, ..Capabilities::default() };
    let links = [link(ScriptedProvider::with_capabilities("a", needy, [cooled()]), &["x"], 1)];
    walk(&links).await.failed(ErrorClass::Rate);
    let walk = walk(&links).await;
    let Err(ChainFailure::Skipped(reasons)) = walk.result else { panic!("{:?}", walk.result) };
    assert_eq!(reasons, [("a".to_owned(), Skip::NoUsableKey { why: ErrorClass::Rate })]);
}

/// What a provider that can do everything, and takes one picture, says of itself.
fn takes_one() -> Capabilities {
    Capabilities { generate: true, edit: true, max_references: 1, max_count: 1, ..Capabilities::default() }
}

async fn skips(capabilities: Capabilities, request: GenerateRequest) -> Option<Skip> {
    let provider = ScriptedProvider::with_capabilities("a", capabilities, []);
    match walk_with(&[link(provider, &["k"], 1)], request, 900).await.result {
        Ok(_) => None,
        Err(ChainFailure::Skipped(reasons)) => reasons.first().map(|(_, skip)| skip.clone()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn references_are_put_together_only_where_the_owner_allows_it_and_only_for_who_needs_it() {
    let one = ScriptedProvider::with_capabilities("one", takes_one(), [Step::Fail(ErrorClass::BadRequest)]);
    let many = ScriptedProvider::new("many", []);
    let mut links = [link(one.clone(), &["k"], 1), link(many.clone(), &["k"], 1)];
    walk_with(&links, request(3), 900).await.asked(&["1 many k"]).made_by("many");
    links[0].collage = true;
    walk_with(&links, request(3), 900).await.asked(&["1 one k", "2 many k"]).made_by("many");
    let seen = |provider: &ScriptedProvider| provider.requests().last().unwrap().references.len();
    assert_eq!((seen(&one), seen(&many)), (1, 3), "the next provider gets them all");
    // References that can't be put together: the provider is passed over, and never asked without them.
    let failed = walk_with(&links[..1], request(9), 900).await.asked(&[]);
    assert!(matches!(failed.result, Err(ChainFailure::Skipped(reasons)) if reasons[0].1 == Skip::NoCollage));
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_edit_is_never_asked_for_words_alone() {
    let words = Capabilities { edit: false, max_references: 0, ..takes_one() };
    for collage in [false, true] {
        let provider = ScriptedProvider::with_capabilities("a", words.clone(), []);
        let mut links = [link(provider, &["k"], 1)];
        links[0].collage = collage;
        let walk = walk_with(&links, request(1), 900).await.asked(&[]);
        assert!(matches!(walk.result, Err(ChainFailure::Skipped(reasons)) if reasons[0].1 == Skip::NoEdit));
    }
}

#[tokio::test(start_paused = true)]
async fn shapes_and_tiers_that_a_provider_certainly_can_not_make_are_left_to_others() {
    const SIZES: &[(u32, u32)] = &[(1024, 1024), (1536, 1024), (1024, 1536)];
    let few = || Capabilities { shapes: Shapes::Sizes(SIZES.into()), max_tier: Some(1), ..takes_one() };
    let wish = |size, ratio, tier| GenerateRequest { output: Output { size, ratio, tier }, ..request(0) };
    let wrong = || Some(Skip::WrongShape { shapes: Shapes::Sizes(SIZES.into()) });
    for (wished, expected) in [
        (wish(None, None, None), None),
        (wish(None, Some((16, 9)), None), None),
        (wish(None, Some((9, 16)), Some(1)), None),
        (wish(None, Some((21, 9)), None), wrong()),
        (wish(Some((1000, 1000)), None, None), None),
        (wish(Some((1600, 400)), None, None), wrong()),
        (wish(Some((3000, 3000)), None, None), Some(Skip::TooLarge { tier: 1 })),
        (wish(None, None, Some(4)), Some(Skip::TooLarge { tier: 1 })),
    ] {
        let output = wished.output;
        assert_eq!(skips(few(), wished).await, expected, "{output:?}");
    }
    assert_eq!(
        skips(takes_one(), wish(None, Some((1, 9)), Some(4))).await,
        None,
        "nothing is known: it is tried"
    );
}

#[tokio::test(start_paused = true)]
async fn a_default_is_made_as_large_as_the_provider_can() {
    let provider =
        ScriptedProvider::with_capabilities("a", Capabilities { max_tier: Some(2), ..takes_one() }, []);
    let mut links = [link(provider.clone(), &["k"], 1)];
    links[0].output = Output { ratio: Some((1, 1)), tier: Some(4), size: None };
    walk_with(&links, request(0), 900).await.made_by("a");
    let asked = provider.requests()[0].output;
    assert_eq!(asked, Output { ratio: Some((1, 1)), tier: Some(2), size: None });
}

#[tokio::test(start_paused = true)]
async fn health_is_kept_of_every_attempt() {
    let steps = [Step::Fail(ErrorClass::Overload), Step::Picture, Step::Fail(ErrorClass::ModerationInput)];
    let links = one(steps, &["k"], 3);
    walk(&links).await.made_by("a");
    walk(&links).await.failed(ErrorClass::ModerationInput);
    let health = links[0].slot.health();
    assert_eq!((health.attempts, health.judged, health.successes), (3, 2, 1));
    assert_eq!(health.last_failure, Some((ErrorClass::ModerationInput, Duration::ZERO)));
    assert_eq!(health.standing, Standing::Asked);
    // Neither a machine that fails nor somebody who cancels says anything about the provider.
    let links = one([local()], &["k"], 1);
    walk(&links).await;
    assert_eq!(links[0].slot.health().attempts, 0);
    let (provider, cancel) = (ScriptedProvider::new("a", [Step::Hang]), CancellationToken::new());
    let links = [link(provider.clone(), &["k"], 1)];
    let cancels = async {
        provider.arrivals(1).await;
        cancel.cancel();
    };
    let (walk, ()) = tokio::join!(walk_until(&links, request(0), 900, &cancel), cancels);
    assert!(matches!(walk.result, Err(ChainFailure::Cancelled { charged: Charged::Maybe })));
    let health = links[0].slot.health();
    assert_eq!((health.attempts, health.last_failure), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_gone_does_not_close_a_provider_with_another_one() {
    let gone = || fail(ErrorClass::NotFound, |error| error.retry = Retry::Corrected);
    // However many there are: one that is not there costs nothing.
    let links = one([gone(), gone(), gone(), gone(), Step::Picture, gone(), Step::Picture], &["k"], 1);
    walk(&links).await.asked(&["1 a k", "2 a k", "3 a k", "4 a k", "5 a k"]).made_by("a");
    walk(&links).await.asked(&["1 a k", "2 a k"]).made_by("a");
    // Other corrections are counted.
    let wrong = || fail(ErrorClass::BadRequest, |error| error.retry = Retry::Corrected);
    let links = one([wrong(), gone(), wrong(), wrong(), Step::Picture], &["k"], 1);
    walk(&links).await.asked(&["1 a k", "2 a k", "3 a k", "4 a k"]).failed(ErrorClass::BadRequest);
}

#[tokio::test(start_paused = true)]
async fn who_fails_often_or_takes_too_long_is_asked_after_the_others_and_still_alone() {
    // Refused over and over, in a way that does not open the circuit.
    let refuses = || (0..10).map(|_| fail(ErrorClass::Quota, |_| {}));
    let links = [
        link(ScriptedProvider::new("a", refuses()), &["k"], 1),
        link(ScriptedProvider::new("b", []), &["q"], 1),
    ];
    for _ in 0..10 {
        walk(&links).await.asked(&["1 a k", "2 b q"]).made_by("b");
    }
    walk(&links).await.asked(&["1 b q"]);
    walk(&links[..1]).await.asked(&["1 a k"]).made_by("a");
    tokio::time::advance(Duration::from_mins(12)).await;
    walk(&links).await.asked(&["1 a k"]).made_by("a");

    let go = Arc::new(tokio::sync::Notify::new());
    let slow = ScriptedProvider::new("a", (0..5).map(|_| Step::Hold(go.clone())));
    let links = [link(slow.clone(), &["k"], 1), link(ScriptedProvider::new("b", []), &["q"], 1)];
    for n in 0..5 {
        let after_a_minute = async {
            slow.arrivals(n + 1).await;
            tokio::time::sleep(Duration::from_mins(1)).await;
            go.notify_one();
        };
        let (walk, ()) = tokio::join!(walk(&links), after_a_minute);
        walk.made_by("a");
    }
    walk_with(&links, request(0), 59).await.asked(&["1 b q"]);
    walk_with(&links, request(0), 900).await.asked(&["1 a k"]);
    walk_with(&links[..1], request(0), 59).await.asked(&["1 a k"]);
}

#[test]
fn free_results_cost_nothing_unless_the_owner_says_a_price() {
    #[track_caller]
    fn check(free: bool, prices: &[(&str, f64)], expected: [Option<f64>; 2]) {
        let capabilities = Capabilities { free, ..takes_one() };
        let provider = ScriptedProvider::with_capabilities("a", capabilities, []);
        let table: Vec<_> = prices.iter().map(|(name, price)| ((*name).to_owned(), *price)).collect();
        let prices = Prices::parse(table.iter().map(|(name, price)| (name, price))).unwrap();
        let keys = KeyPool::new(Vec::new(), &HashMap::new());
        let slot = ProviderSlot::new(provider, keys, 1).with_prices(prices);
        assert_eq!([slot.price("generate", Some(1)), slot.price("edit", None)], expected);
    }
    check(false, &[], [None, None]);
    check(false, &[("edit", 0.2)], [None, Some(0.2)]);
    check(true, &[], [Some(0.0), Some(0.0)]);
    check(true, &[("edit", 0.2)], [Some(0.0), Some(0.2)]);
}
