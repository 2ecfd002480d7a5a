//! The book over a memory store: what is counted, what survives, what is forgotten.

use std::sync::Arc;

use super::*;
use crate::{
    error::ErrorClass,
    ids::Chat,
    testing::{HandClock, MemoryStore, test_group, test_request},
};

const DAY: u64 = MILLIS_PER_DAY;

fn request(chat: &str, user: &str) -> StoredRequest {
    let chat = Chat { account: "bot".into(), ..test_group(chat) };
    StoredRequest { chat, ..test_request(user, "m", "cat") }
}

fn made(provider: &str, count: u32, cost: Option<f64>) -> Vec<Spent> {
    let usage = StoredUsage {
        operation: "generate".to_owned(),
        count,
        size: Some((2048, 2048)),
        bytes: 10,
        cost,
        ..StoredUsage::default()
    };
    let mut spent = Vec::new();
    spend(&mut spent, provider, 1500, None, Some(&usage));
    spent
}

struct Shelf {
    store: MemoryStore,
    clock: Arc<HandClock>,
    book: UsageBook,
}

fn shelf() -> Shelf {
    let (store, clock) = (MemoryStore::default(), Arc::new(HandClock::default()));
    let book = UsageBook::new(store.ports().keys, clock.clone());
    Shelf { store, clock, book }
}

impl Shelf {
    fn note(&self, job: JobId, chat: &str, user: &str, spent: &[Spent]) {
        let (request, accepted_at) = (request(chat, user), self.clock.now());
        self.book.note(Ended { job, accepted_at, request: &request, spent }, half);
    }

    /// The book of the next run: what waits is lost.
    fn crash(self) -> Self {
        let book = UsageBook::new(self.store.ports().keys, self.clock.clone());
        Self { book, ..self }
    }

    async fn sums(&self, days: u64, by: By) -> Vec<(String, u64, f64, f64)> {
        let told = self.book.spending(days, by).await.unwrap();
        told.into_iter().map(|(name, sum)| (name, sum.made, sum.cost, sum.estimate)).collect()
    }
}

/// Half a coin for everything at `a`, nothing known of others.
fn half(spent: &Spent) -> Option<f64> {
    (spent.provider == "a").then_some(0.5)
}

fn row(name: &str, made: u64, cost: f64, estimate: f64) -> (String, u64, f64, f64) {
    (name.to_owned(), made, cost, estimate)
}

#[tokio::test]
async fn spending_is_told_by_provider_chat_and_person() {
    let shelf = shelf();
    shelf.note(JobId::generate(), "1", "ann", &made("a", 2, None));
    shelf.note(JobId::generate(), "1", "ann", &made("b", 1, Some(3.0)));
    shelf.book.store().await.unwrap();
    // Some of it is stored, some waits.
    shelf.note(JobId::generate(), "2", "bob", &made("b", 1, None));
    assert_eq!(shelf.sums(1, By::Provider).await, [row("b", 2, 3.0, 0.0), row("a", 2, 0.0, 1.0)]);
    assert_eq!(shelf.sums(1, By::Chat).await, [row("onebot:1", 3, 3.0, 1.0), row("onebot:2", 1, 0.0, 0.0)]);
    assert_eq!(
        shelf.sums(1, By::User).await,
        [row("onebot:ann", 3, 3.0, 1.0), row("onebot:bob", 1, 0.0, 0.0)]
    );
    let told = shelf.book.spending(1, By::Provider).await.unwrap();
    assert_eq!((told[0].1.unpriced, told[1].1.unpriced), (1, 0), "nobody knows what the last one cost");
    assert_eq!(told[0].1.duration_ms, 3000);
}

#[tokio::test]
async fn failures_count_and_cost_nothing_unless_they_may_be_paid() {
    let shelf = shelf();
    let failed = |charged| StoredFailure {
        class: ErrorClass::Unanswered,
        charged,
        status: None,
        detail: String::new(),
    };
    let mut spent = made("a", 1, Some(0.2));
    spend(&mut spent, "a", 10, Some(&failed(Charged::Maybe)), None);
    spend(&mut spent, "a", 10, Some(&failed(Charged::No)), None);
    shelf.note(JobId::generate(), "1", "ann", &spent);
    let [(_, sum)] = &shelf.book.spending(1, By::Provider).await.unwrap()[..] else { panic!("one") };
    assert_eq!((sum.attempts, sum.failures, sum.maybe_paid, sum.made), (3, 2, 1, 1));
    assert_eq!((sum.cost, sum.estimate), (0.2, 0.0), "a told cost is not estimated as well");
}

#[tokio::test]
async fn a_crash_loses_and_doubles_nothing() {
    let shelf = shelf();
    let jobs: Vec<_> = (0..JOBS_REMEMBERED + 40).map(|_| JobId::generate()).collect();
    let (written, lost) = jobs.split_at(jobs.len() - 3);
    for job in written {
        shelf.note(*job, "1", "ann", &made("a", 1, None));
        shelf.book.store().await.unwrap();
    }
    for job in lost {
        shelf.note(*job, "1", "ann", &made("a", 1, None));
    }
    let next = shelf.crash();
    let (request, spent) = (request("1", "ann"), made("a", 1, None));
    let at = next.clock.now();
    let ended: Vec<_> = jobs
        .iter()
        .map(|job| Ended { job: *job, accepted_at: at, request: &request, spent: &spent })
        .collect();
    for _ in 0..2 {
        next.book.catch_up(&ended, half).await.unwrap();
        next.book.store().await.unwrap();
        assert_eq!(next.sums(1, By::Chat).await, [row("onebot:1", 104, 0.0, 52.0)]);
    }
}

#[tokio::test]
async fn days_are_told_apart_and_forgotten_after_ninety() {
    let shelf = shelf();
    shelf.note(JobId::generate(), "1", "ann", &made("a", 1, None));
    shelf.book.store().await.unwrap();
    shelf.clock.advance_millis(DAY);
    shelf.note(JobId::generate(), "1", "ann", &made("a", 2, None));
    shelf.book.store().await.unwrap();
    assert_eq!(shelf.sums(1, By::Chat).await[0].1, 2);
    assert_eq!(shelf.sums(2, By::Chat).await[0].1, 3);
    shelf.clock.advance_millis((KEPT_DAYS - 1) * DAY);
    shelf.book.store().await.unwrap();
    let rows = shelf.store.ports().keys.scan(TABLE, PREFIX.as_bytes(), 10).await.unwrap();
    assert_eq!(rows.len(), 1, "the first day is gone");
    assert_eq!(shelf.sums(KEPT_DAYS, By::Chat).await[0].1, 2);
}

#[tokio::test]
async fn what_can_not_be_written_waits() {
    let shelf = shelf();
    shelf.note(JobId::generate(), "1", "ann", &made("a", 1, None));
    shelf.store.set_broken(true);
    assert!(shelf.book.store().await.is_err());
    shelf.store.set_broken(false);
    assert_eq!(shelf.sums(1, By::Chat).await[0].1, 1);
    shelf.book.store().await.unwrap();
    assert_eq!(shelf.crash().sums(1, By::Chat).await[0].1, 1);
}
