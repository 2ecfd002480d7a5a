//! One recorded call of a provider: written down before it is made, bounded while it lasts, written down after it.
//!
//! A call that creates a task at the service is bounded by the job's deadline only until the service has taken the task;
//! from then on the task's own bound counts. Where nobody answered such a call and easel chose the task's id, the service is
//! asked about it; while it has never said that it knows the id, a silence of a minute ends that, so that an engine that
//! died doesn't hold its turn for as long as a task may take.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{Attempt, AttemptLog, Attempted, Chain, ChainFailure, Link, Made, Turns, slot::ProviderSlot};
use crate::{
    error::{Charged, ErrorClass, ProviderError},
    ports::{
        ApiKey, CallContext, GenerateRequest, Generated, NoTaskLog, Operation, Output, Provider, RemoteTask,
        StoreError, TaskIntent, TaskLog,
    },
};

/// So long may a service be silent about a task that it has never confirmed.
const SILENCE: Duration = Duration::from_mins(1);

/// A task of an earlier run.
#[derive(Clone, Copy, Debug)]
pub struct Resumed<'a> {
    /// The task.
    pub task: &'a RemoteTask,
    /// The fingerprint of the key that created it; empty without a key.
    pub key: &'a str,
    /// The service's address when it was created.
    pub base_url: &'a str,
}

/// Which call it is, with its own copies of the words.
#[derive(Clone)]
struct Which {
    provider: String,
    model: String,
    operation: Operation,
    key: String,
    number: u32,
}

impl Which {
    fn attempt(&self) -> Attempt<'_> {
        Attempt {
            provider: &self.provider,
            model: &self.model,
            operation: self.operation,
            key: &self.key,
            number: self.number,
        }
    }
}

/// Passes on what a call tells about its task, and moves the bound when there is one.
struct Watched {
    log: Arc<dyn AttemptLog>,
    which: Which,
    limit: Duration,
    bound: watch::Sender<Instant>,
    created: Arc<AtomicBool>,
    /// The end of a task that the service may never have seen; `None` for all others.
    presumed: Mutex<Option<Instant>>,
}

impl Watched {
    /// The task that was perhaps ordered is asked about, and bounded by silence until the service knows it.
    async fn presume(&self, task: &RemoteTask) -> Result<(), StoreError> {
        *self.end() = Some(Instant::now() + self.limit);
        let recorded = self.created(task).await;
        self.heard(false);
        recorded
    }

    /// Whether the service has not said yet that it knows the task.
    fn is_presumed(&self) -> bool {
        self.end().is_some()
    }

    fn end(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.presumed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TaskLog for Watched {
    async fn created(&self, task: &RemoteTask) -> Result<(), StoreError> {
        let recorded = self.log.created(self.which.attempt(), task).await;
        // Only now: what is not recorded can't be left to a later run.
        if recorded.is_ok() {
            self.created.store(true, Ordering::Release);
        }
        self.bound.send_replace(Instant::now() + self.limit);
        recorded
    }

    fn progress(&self, percent: Option<u8>) {
        self.log.progress(percent);
    }

    fn heard(&self, knows: bool) {
        let mut presumed = self.end();
        let Some(end) = *presumed else { return };
        if knows {
            *presumed = None;
            self.bound.send_replace(end);
        } else {
            self.bound.send_replace(end.min(Instant::now() + SILENCE));
        }
    }
}

impl Chain<'_> {
    /// Lets the provider find out, for free, what it has to know before it can judge a request. Tells whether that took a
    /// question, so that what was known of it may have changed. The job is durable before, because it may take seconds.
    pub(super) async fn prepare(
        &self,
        slot: &ProviderSlot,
        key: Option<&ApiKey>,
    ) -> Result<bool, ChainFailure> {
        let tasks: Arc<dyn TaskLog> = Arc::new(NoTaskLog);
        let cx = self.context(key.cloned(), tasks, None, self.cancel.clone());
        let Some(preparation) = slot.provider.preparation(&cx) else { return Ok(false) };
        self.log.waits().await?;
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(ChainFailure::Cancelled { charged: Charged::No }),
            () = preparation => Ok(true),
            () = tokio::time::sleep_until(self.deadline) => Err(ChainFailure::Deadline { charged: Charged::No }),
        }
    }

    /// One recorded call. It is one's turn until it, or the task that it orders, has ended.
    pub(super) async fn call(
        &mut self,
        link: &Link,
        request: &GenerateRequest,
        key: Option<ApiKey>,
        fingerprint: &str,
    ) -> Result<Result<Generated, ProviderError>, ChainFailure> {
        let provider = &link.slot.provider;
        self.attempts += 1;
        let request =
            GenerateRequest { output: link.output_for(&request.output), ..at_once(provider, request) };
        let which = self.which(&link.slot, request.operation, fingerprint);
        let intent = provider.intent(&request);
        self.log.asking(which.attempt(), intent.as_ref()).await?;
        let watched = Arc::new(self.watched(&link.slot, &which, self.deadline));
        let (bound, created) = (watched.bound.subscribe(), Arc::clone(&watched.created));
        // Of its own for a task, so that one that takes too long can be called off as well.
        let cancel = if intent.is_some() { self.cancel.child_token() } else { self.cancel.clone() };
        let cx = self.context(key, watched.clone(), intent, cancel);
        let begun = Instant::now();
        let mut bounded =
            self.bounded(provider.generate(&request, &cx), bound.clone(), &created, &cx.cancel).await;
        let no_task_yet = *bound.borrow() == self.deadline;
        if no_task_yet
            && is_unanswered(&bounded)
            && let Some(task) = chosen(cx.intent.as_ref())
        {
            // Nobody answered, and the service can be asked by the id that was sent along: either it works on it, or it
            // never saw it, and then it may be ordered again.
            tracing::info!(job = %self.job, provider = provider.name(), task = task.id, "an order without an answer is asked about");
            if let Err(error) = watched.presume(&task).await {
                tracing::error!(job = %self.job, %error, "a task goes on unrecorded");
            }
            let resumed = provider.resume(&task, &request, &cx);
            bounded = self.bounded(resumed, bound, &created, &cx.cancel).await;
            if matches!(bounded, Err(ChainFailure::TaskLate)) && watched.is_presumed() {
                let silent = "nobody answered the order, and nobody the questions about it";
                let error = ProviderError::new(provider.name(), ErrorClass::Unanswered, silent);
                bounded = Err(ChainFailure::TaskUnknown(Box::new(error)));
            }
        }
        let result = match bounded {
            Ok(result) => result,
            Err(failure) => {
                return Err(self.cut_off(&link.slot, &which, begun, cx.intent.is_some(), failure).await);
            }
        };
        note(&link.slot, begun, &result);
        self.record(&link.slot, &which, begun, &result).await;
        Ok(result)
    }

    /// A call was ended from here: what may have been paid is recorded, and what may have been ordered stays unknown.
    async fn cut_off(
        &self,
        slot: &ProviderSlot,
        which: &Which,
        begun: Instant,
        ordered: bool,
        failure: ChainFailure,
    ) -> ChainFailure {
        if matches!(failure, ChainFailure::Later) {
            return failure;
        }
        let error = ProviderError::new(slot.provider.name(), ErrorClass::Unanswered, failure.to_string());
        let result = Err(error);
        // Whoever changes his mind says nothing about the provider.
        if !matches!(failure, ChainFailure::Cancelled { .. }) {
            note(slot, begun, &result);
        }
        self.record(slot, which, begun, &result).await;
        match (failure, result) {
            (ChainFailure::Deadline { .. }, Err(error)) if ordered => {
                ChainFailure::TaskUnknown(Box::new(error))
            }
            (failure, _) => failure,
        }
    }

    /// Goes on with a task of an earlier run. It is asked about at least once, whatever the clock says.
    ///
    /// # Errors
    /// See [`ChainFailure`].
    pub async fn resume(
        &mut self,
        slot: &ProviderSlot,
        resumed: Resumed<'_>,
        request: &GenerateRequest,
    ) -> Result<Generated, ChainFailure> {
        let provider = &slot.provider;
        let key = slot.key(resumed.key);
        if key.is_none() && !resumed.key.is_empty() {
            return Err(ChainFailure::KeyGone { fingerprint: resumed.key.to_owned() });
        }
        let intent = provider.intent(request);
        // A model that answers at once today says nothing about the task of yesterday.
        if intent.as_ref().is_some_and(|intent| intent.base_url != resumed.base_url) {
            return Err(ChainFailure::ProviderChanged);
        }
        let which = self.which(slot, request.operation, resumed.key);
        let watched = self.watched(slot, &which, Instant::now() + slot.task_limit(request.operation));
        watched.created.store(true, Ordering::Release);
        let (bound, created) = (watched.bound.subscribe(), Arc::clone(&watched.created));
        let cx = self.context(key, Arc::new(watched), intent, self.cancel.child_token());
        // It is under way already: new calls wait for it, it waits for nobody.
        let _turn = slot.turns().and_then(Turns::free);
        let begun = Instant::now();
        // As it was ordered.
        let request = &at_once(provider, request);
        let call = provider.resume(resumed.task, request, &cx);
        let result = match self.bounded(call, bound, &created, &cx.cancel).await {
            Ok(result) => result,
            Err(failure) => return Err(self.cut_off(slot, &which, begun, false, failure).await),
        };
        note(slot, begun, &result);
        self.record(slot, &which, begun, &result).await;
        result.map_err(|error| ChainFailure::Provider(Box::new(error)))
    }

    /// Waits for a call until its bound, which may move. `call_off` is the call's own token.
    async fn bounded<T>(
        &self,
        call: impl Future<Output = T>,
        mut bound: watch::Receiver<Instant>,
        created: &AtomicBool,
        call_off: &CancellationToken,
    ) -> Result<T, ChainFailure> {
        tokio::pin!(call);
        loop {
            let until = *bound.borrow_and_update();
            let has_task = created.load(Ordering::Acquire);
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => {
                    return Err(ChainFailure::Cancelled { charged: Charged::Maybe });
                }
                result = &mut call => return Ok(result),
                Ok(()) = bound.changed() => {}
                () = self.stop.cancelled(), if has_task => return Err(ChainFailure::Later),
                () = tokio::time::sleep_until(until) => {
                    if !has_task {
                        return Err(ChainFailure::Deadline { charged: Charged::Maybe });
                    }
                    // Nobody will fetch it any more, and whoever drops the call now may tell the service.
                    call_off.cancel();
                    return Err(ChainFailure::TaskLate);
                }
            }
        }
    }

    fn which(&self, slot: &ProviderSlot, operation: Operation, fingerprint: &str) -> Which {
        Which {
            provider: slot.provider.name().to_owned(),
            model: slot.provider.model().to_owned(),
            operation,
            key: fingerprint.to_owned(),
            number: self.attempts,
        }
    }

    fn watched(&self, slot: &ProviderSlot, which: &Which, until: Instant) -> Watched {
        Watched {
            presumed: Mutex::new(None),
            log: Arc::clone(self.log),
            which: which.clone(),
            limit: slot.task_limit(which.operation),
            bound: watch::Sender::new(until),
            created: Arc::default(),
        }
    }

    fn context(
        &self,
        key: Option<ApiKey>,
        tasks: Arc<dyn TaskLog>,
        intent: Option<TaskIntent>,
        cancel: CancellationToken,
    ) -> CallContext {
        CallContext {
            job: self.job,
            key,
            deadline: self.deadline,
            cancel,
            spool: self.spool.clone(),
            tasks,
            intent,
            clip_limits: self.clip_limits,
        }
    }

    async fn record(
        &self,
        slot: &ProviderSlot,
        which: &Which,
        begun: Instant,
        result: &Result<Generated, ProviderError>,
    ) {
        let mut attempt = which.attempt();
        // Some choose their model in their first call. After a refusal, which is free, they may have left it behind.
        if result.as_ref().err().is_none_or(|error| error.charged != Charged::No) {
            attempt.model = slot.provider.model();
        }
        let duration = begun.elapsed();
        let attempted = Attempted { attempt, duration, result: result.as_ref().map(Made::of) };
        self.log.answered(attempted).await;
    }
}

/// Keeps what a call says about its provider. A failure of this machine, or a call that was not made, says nothing about it.
fn note(slot: &ProviderSlot, begun: Instant, result: &Result<Generated, ProviderError>) {
    let error = result.as_ref().err();
    if error.is_none_or(|error| error.local.is_none() && !error.unasked) {
        let class = error.map(|error| error.class);
        slot.with(|state| state.health.note(Instant::now(), begun.elapsed(), class));
    }
}

/// The request for as many results as the provider makes in one call.
pub(super) fn at_once(provider: &Arc<dyn Provider>, request: &GenerateRequest) -> GenerateRequest {
    let most = provider.capabilities().max_count.max(1);
    GenerateRequest { count: request.count.clamp(1, most), ..request.clone() }
}

impl Link {
    /// Whether this costs nothing here, by the owner's prices and else by nature.
    pub(super) fn is_free(&self, request: &GenerateRequest) -> bool {
        let tier = self.output_for(&request.output).tier;
        self.slot.price(request.operation.name(), tier).is_some_and(|price| price <= 0.0)
    }

    /// What this entry is asked for: the person's wish, else its own output, as large as the provider makes it.
    pub(super) fn output_for(&self, wish: &Output) -> Output {
        if *wish != Output::default() {
            return *wish;
        }
        let most = self.slot.provider.capabilities().max_tier;
        match (self.output.tier, most) {
            (Some(tier), Some(most)) if tier > most => Output { tier: Some(most), ..self.output },
            _ => self.output,
        }
    }
}

/// Whether a call was sent and nobody answered it.
fn is_unanswered(ended: &Result<Result<Generated, ProviderError>, ChainFailure>) -> bool {
    match ended {
        Ok(result) => result.as_ref().is_err_and(|error| error.class == ErrorClass::Unanswered),
        Err(failure) => matches!(failure, ChainFailure::Deadline { .. }),
    }
}

/// The task of an order whose id easel chose.
fn chosen(intent: Option<&TaskIntent>) -> Option<RemoteTask> {
    let id = intent?.task.clone()?;
    Some(RemoteTask { id, poll: String::new() })
}

/// Whether nobody can know if a task or a clip was ordered: then it must not be ordered again.
pub(super) fn is_unknown(slot: &ProviderSlot, error: &ProviderError) -> bool {
    let capabilities = slot.provider.capabilities();
    let unanswered = error.class == ErrorClass::Unanswered;
    // A clip without a task is made while its answer streams: what broke off in it may be paid.
    let broke_off = error.class == ErrorClass::Overload && error.charged == Charged::Maybe;
    unanswered && (capabilities.remote || capabilities.clip) || broke_off && capabilities.clip
}
