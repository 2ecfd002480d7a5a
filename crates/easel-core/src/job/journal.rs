//! The ledger as one job writes it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use super::{
    bad_keys::{BadKey, remember_bad},
    begun::Begun,
    ledger::{Entry, Event, StoredFailure, StoredUsage},
    usage::{Spent, spend},
};
use crate::{
    chain::{Attempt, AttemptLog, Attempted, Made},
    error::{Charged, ErrorClass},
    ids::JobId,
    ports::{Clock, Durable, KeyValue, Ledger, RemoteTask, StoreError, TaskIntent},
};

type Callback = Box<dyn FnOnce() + Send>;

/// Writes one job's entries in order.
pub(super) struct Journal {
    job: JobId,
    ledger: Arc<dyn Ledger>,
    keys: Arc<dyn KeyValue>,
    clock: Arc<dyn Clock>,
    /// Entries that join the next group, so that acceptance and the first question are one fsync.
    pending: Mutex<Vec<Entry>>,
    /// Called once, when the first group is durable.
    accepted: Mutex<Option<Callback>>,
    /// Whether the ledger knows this job for sure.
    known: AtomicBool,
    /// How often a content check refused what the job asks for.
    refusals: AtomicU32,
    /// Whether a provider was asked in this run.
    asked: AtomicBool,
    /// A service works on a task of this job.
    rendering: AtomicBool,
    /// How far that is, in percent, as the service told last.
    percent: AtomicU8,
    /// Called once, when a service has taken a task.
    on_created: Mutex<Option<Callback>>,
    /// The attempt that has no answer yet.
    begun: Mutex<Option<Begun>>,
    /// Whether the ledger takes a task for under way until the held entries are written.
    ends_task: AtomicBool,
    /// What the attempts came to, those of earlier runs included.
    spent: Mutex<Vec<Spent>>,
}

impl Journal {
    /// A journal for one job; `spent` is what earlier runs recorded, and `begun` what they saw no answer of.
    pub(super) fn new(
        job: JobId,
        (ledger, keys): (Arc<dyn Ledger>, Arc<dyn KeyValue>),
        clock: Arc<dyn Clock>,
        spent: Vec<Spent>,
        begun: Option<Begun>,
    ) -> Self {
        Self {
            job,
            ledger,
            keys,
            clock,
            pending: Mutex::default(),
            accepted: Mutex::default(),
            known: AtomicBool::new(true),
            refusals: AtomicU32::new(0),
            asked: AtomicBool::new(false),
            rendering: AtomicBool::new(false),
            percent: AtomicU8::new(0),
            on_created: Mutex::default(),
            begun: Mutex::new(begun),
            ends_task: AtomicBool::new(false),
            spent: Mutex::new(spent),
        }
    }

    /// What the attempts came to so far.
    pub(super) fn spent(&self) -> Vec<Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether an attempt may have been paid that brought nothing, in this run or an earlier one; one that has no answer
    /// is among them.
    pub(super) fn lost(&self) -> Charged {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let lost = begun || self.spent().iter().any(|spent| spent.totals.maybe_paid > 0);
        if lost { Charged::Maybe } else { Charged::No }
    }

    /// What the attempts came to, as if the one that has no answer never got any.
    pub(super) fn begun_or_spent(&self) -> Vec<Spent> {
        let mut spent = self.spent();
        if let Some(begun) = self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            begun.lost(&mut spent);
        }
        spent
    }

    /// How far the task is that a service works on, in percent (0 where it does not tell); `None` when there is none.
    pub(super) fn rendering(&self) -> Option<u8> {
        self.rendering.load(Ordering::Acquire).then(|| self.percent.load(Ordering::Relaxed))
    }

    /// Writes that the task has ended, for a result that could not be recorded: the next start would fetch it again.
    ///
    /// # Errors
    /// See [`StoreError`]; it may be tried again.
    pub(super) async fn end_task(&self) -> Result<(), StoreError> {
        let held = !self.pending.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if held && self.ends_task.load(Ordering::Acquire) { self.write([]).await } else { Ok(()) }
    }

    /// The job ends: an attempt that has no answer will never have one. It may have been paid.
    pub(super) fn give_up(&self) {
        let Some(begun) = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let lost = begun.lost(&mut self.spent.lock().unwrap_or_else(PoisonError::into_inner));
        self.hold(lost);
    }

    /// The job goes on with a task that an earlier run ordered.
    pub(super) fn resumes(&self) {
        self.asked.store(true, Ordering::Release);
        self.rendering.store(true, Ordering::Release);
    }

    /// Calls `f` when a service has taken a task.
    pub(super) fn when_created(&self, f: impl FnOnce() + Send + 'static) {
        *self.on_created.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(f));
    }

    /// How often the content check of a provider refused the job's wish.
    pub(super) fn refusals(&self) -> u32 {
        self.refusals.load(Ordering::Relaxed)
    }

    /// Whether a provider was asked in this run, so that the job may cost something.
    pub(super) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Calls `f` when the next durable group is written.
    pub(super) fn when_durable(&self, f: impl FnOnce() + Send + 'static) {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(f));
    }

    /// Something of this job is durable: whoever waited for that is told.
    pub(super) fn is_durable(&self) {
        self.known.store(true, Ordering::Release);
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(accepted) = accepted {
            accepted();
        }
    }

    /// Whether the next start would find this job.
    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// Gives the callback up if it was not called yet.
    pub(super) fn forget_callback(&self) {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn entry(&self, event: Event) -> Entry {
        Entry { job: self.job, at: self.clock.now(), event }
    }

    /// Keeps an entry for the next group.
    pub(super) fn hold(&self, event: Event) {
        if matches!(event, Event::Accepted { .. }) {
            self.known.store(false, Ordering::Release);
        }
        let entry = self.entry(event);
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Appends entries behind the held ones as one group; it is in the file at once and durable when the future says so.
    pub(super) fn append(&self, events: impl IntoIterator<Item = Event>) -> Durable {
        let group = self.take_held();
        self.append_behind(group, events)
    }

    fn take_held(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn append_behind(&self, mut group: Vec<Entry>, events: impl IntoIterator<Item = Event>) -> Durable {
        group.extend(events.into_iter().map(|event| self.entry(event)));
        self.ledger.append(group)
    }

    /// As [`append`](Self::append), without hurry: see [`Ledger::append_later`].
    pub(super) fn append_later(&self, event: Event) -> Durable {
        let mut group = self.take_held();
        group.push(self.entry(event));
        self.ledger.append_later(group)
    }

    /// Writes what was held, if anything was: the job has to wait, and is told that it was accepted.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let holds = !self.pending.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if holds { self.write([]).await } else { Ok(()) }
    }

    /// Writes an event that the job can go on without. When that fails the owner is told, and it goes with the next group.
    pub(super) async fn write_or_hold(&self, event: Event) {
        self.hold(event);
        if let Err(error) = self.settle().await {
            tracing::error!(job = %self.job, %error, code = "E-STORE", "a step of a job could not be recorded; it is written with the next one");
        }
    }

    /// Appends and waits until a power cut can't undo it. When it fails, what was held is held still, for the next group.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(super) async fn write(
        &self,
        events: impl IntoIterator<Item = Event> + Send,
    ) -> Result<(), StoreError> {
        let held = self.take_held();
        if let Err(error) = self.append_behind(held.clone(), events).await {
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).splice(0..0, held);
            return Err(error);
        }
        self.is_durable();
        Ok(())
    }
}

#[async_trait]
impl AttemptLog for Journal {
    async fn waits(&self) -> Result<(), StoreError> {
        self.settle().await
    }

    async fn asking(&self, attempt: Attempt<'_>, intent: Option<&TaskIntent>) -> Result<(), StoreError> {
        self.asked.store(true, Ordering::Release);
        self.ends_task.store(false, Ordering::Release);
        let Attempt { provider, key, number, .. } = attempt;
        let event = Event::Asking {
            provider: provider.to_owned(),
            key: key.to_owned(),
            attempt: number,
            intent: intent.cloned(),
        };
        self.write([event]).await?;
        let begun = Begun::of(attempt, intent.is_some());
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(begun);
        Ok(())
    }

    async fn created(&self, attempt: Attempt<'_>, task: &RemoteTask) -> Result<(), StoreError> {
        let Attempt { provider, number, .. } = attempt;
        tracing::info!(job = %self.job, provider, attempt = number, task = task.id, "the service took the task");
        let event = Event::Created { attempt: number, task: task.clone() };
        self.write([event]).await.inspect_err(|error| {
            tracing::error!(job = %self.job, %error, "a task could not be recorded; a crash now would lose it");
        })?;
        self.rendering.store(true, Ordering::Release);
        if let Some(told) = self.on_created.lock().unwrap_or_else(PoisonError::into_inner).take() {
            told();
        }
        Ok(())
    }

    fn progress(&self, percent: Option<u8>) {
        if let Some(percent) = percent {
            self.percent.store(percent.min(100), Ordering::Relaxed);
        }
    }

    async fn answered(&self, attempted: Attempted<'_>) {
        let Attempted { attempt, duration, result } = attempted;
        let Attempt { provider, model, operation, key, number: attempt } = attempt;
        self.rendering.store(false, Ordering::Release);
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Whether or not it could be recorded that the service took it: the next start would ask about it.
        let orders = begun.is_some_and(|begun| begun.orders);
        let (made, error) = match result {
            Ok(made) => (made, None),
            Err(error) => (Made::default(), Some(error)),
        };
        match error {
            None => tracing::debug!(job = %self.job, provider, key, attempt, ?duration, "provider answered"),
            Some(error) => tracing::warn!(
                job = %self.job, provider, key, attempt, ?duration, class = error.class.name(),
                charged = ?error.charged, status = error.status, request_id = error.request_id,
                detail = error.detail, body = error.body_head, "provider failed"
            ),
        }
        let failed = error.is_some();
        let class = error.map(|error| error.class);
        if matches!(class, Some(ErrorClass::ModerationInput | ErrorClass::ModerationOutput)) {
            self.refusals.fetch_add(1, Ordering::Relaxed);
        }
        let error = error.map(|error| StoredFailure {
            class: error.class,
            charged: error.charged,
            status: error.status,
            detail: error.detail.clone(),
        });
        let usage = StoredUsage {
            model: model.to_owned(),
            operation: operation.name().to_owned(),
            count: made.count,
            size: made.size,
            bytes: made.bytes,
            input_tokens: made.usage.input_tokens,
            output_tokens: made.usage.output_tokens,
            cost: made.usage.cost,
        };
        let duration_ms = millis(duration);
        {
            let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
            spend(&mut spent, provider, duration_ms, error.as_ref(), Some(&usage));
        }
        let event = Event::Answered {
            provider: provider.to_owned(),
            key: key.to_owned(),
            attempt,
            duration_ms,
            error,
            usage: Some(Box::new(usage)),
        };
        self.ends_task.store(orders, Ordering::Release);
        if failed {
            // At once: a job killed during the following pause has not been paid and may run again.
            self.write_or_hold(event).await;
        } else {
            // A success joins the group that records its artifacts.
            self.hold(event);
        }
    }

    async fn key_disabled(&self, provider: &str, fingerprint: &str, status: Option<u16>) {
        tracing::error!(
            provider,
            key = fingerprint,
            status,
            "the provider says this key is bad; it is not used again until it changes, or until `easel keys reset`"
        );
        let bad = BadKey { since: Some(self.clock.now()), status };
        if let Err(error) = remember_bad(&*self.keys, provider, fingerprint, bad).await {
            tracing::error!(%error, "a bad key could not be remembered");
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
