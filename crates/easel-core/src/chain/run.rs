//! Walks the chain for one job.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    AttemptLog, Corrections, Link, MAX_HONOURED_RETRY_AFTER, Place, Skip, Turns,
    admit::{admit, let_through},
    backoff,
    call::{at_once, is_unknown},
    precedence::{self, Doubt},
    slot::ProviderSlot,
};
use crate::{
    error::{Charged, ErrorClass, ProviderError, Retry},
    ids::JobId,
    media::Spool,
    ports::{ApiKey, ClipLimits, GenerateRequest, Generated, Operation, Reference, StoreError},
};

/// Repetitions after an overload, per provider and job.
const MAX_OVERLOAD_RETRIES: u32 = 2;
/// Repetitions after a success without a picture, per provider and job.
const MAX_EMPTY_RETRIES: u32 = 1;
/// How long a missing model or route is remembered.
const NOT_FOUND_FOR: Duration = Duration::from_mins(10);

/// Pictures, and who made them.
#[derive(Debug)]
pub struct Success {
    /// What came back.
    pub generated: Generated,
    /// The provider's name.
    pub provider: String,
}

/// Why the chain ended without a picture.
#[derive(Debug, thiserror::Error)]
pub enum ChainFailure {
    /// The last provider that was asked said this.
    #[error(transparent)]
    Provider(Box<ProviderError>),
    /// Nobody could be asked; the reasons by provider, in order. Empty = no provider is configured.
    #[error("no provider could be asked: {0:?}")]
    Skipped(Vec<(String, Skip)>),
    /// The job's deadline came first.
    #[error("the deadline came first")]
    Deadline {
        /// Whether a call was under way that may be paid.
        charged: Charged,
    },
    /// The job's deadline came while it waited for its turn at a provider that works for others.
    #[error("the deadline came before its turn at the provider")]
    Busy {
        /// Whether an earlier call may be paid.
        charged: Charged,
    },
    /// When its turn at the provider came, nobody in the chat would have seen the result. Nothing is paid.
    #[error("the account was muted or removed")]
    Silenced,
    /// Somebody cancelled.
    #[error("cancelled")]
    Cancelled {
        /// Whether a call was under way that may be paid.
        charged: Charged,
    },
    /// A task was ordered, and nobody can know whether the service took it: it may be paid, and is not ordered again.
    #[error("nobody knows whether the service took the task: {0}")]
    TaskUnknown(Box<ProviderError>),
    /// easel is stopping while a service works on a task: the next run asks about it.
    #[error("left to the next run")]
    Later,
    /// A task took longer than it may.
    #[error("the task took longer than it may")]
    TaskLate,
    /// A task of an earlier run was created with a key that is not configured any more.
    #[error("the task's key {fingerprint} is not configured any more")]
    KeyGone {
        /// Its fingerprint.
        fingerprint: String,
    },
    /// A task of an earlier run belongs to a service that is not configured any more under the provider's name.
    #[error("the task's provider is another one now")]
    ProviderChanged,
    /// An attempt could not be recorded, so nobody was asked, or this machine failed otherwise.
    #[error("{error}")]
    Store {
        /// What failed.
        #[source]
        error: StoreError,
        /// Whether an earlier call may be paid.
        charged: Charged,
    },
}

impl From<StoreError> for ChainFailure {
    fn from(error: StoreError) -> Self {
        Self::Store { error, charged: Charged::No }
    }
}

impl ChainFailure {
    /// The same after a call that may be paid, whatever it was that ended the walk.
    fn maybe_paid(mut self) -> Self {
        match &mut self {
            Self::Provider(error) => error.charged = Charged::Maybe,
            Self::Deadline { charged }
            | Self::Busy { charged }
            | Self::Cancelled { charged }
            | Self::Store { charged, .. } => *charged = Charged::Maybe,
            // Nobody was asked; or it is told as perhaps paid in any case.
            Self::Skipped(_)
            | Self::Silenced
            | Self::TaskUnknown(_)
            | Self::Later
            | Self::TaskLate
            | Self::KeyGone { .. }
            | Self::ProviderChanged => {}
        }
        self
    }
}

/// The walk of one job along its chain.
pub struct Chain<'a> {
    /// The providers in order.
    pub links: &'a [Link],
    /// The job.
    pub job: JobId,
    /// No waiting beyond this.
    pub deadline: Instant,
    /// Ends the walk.
    pub cancel: &'a CancellationToken,
    /// easel is stopping: tasks that a service has taken are left to the next run.
    pub stop: &'a CancellationToken,
    /// Takes answers.
    pub spool: &'a Spool,
    /// Keeps the ledger.
    pub log: &'a Arc<dyn AttemptLog>,
    /// Makes smaller references after a provider said that they are too large; `None` when they can't be smaller. Runs on
    /// a blocking thread.
    pub shrink: fn(&[Reference]) -> Option<Vec<Reference>>,
    /// Puts references together into so many at most; `None` when they can't be read. Runs on a blocking thread.
    pub collage: fn(&[Reference], usize) -> Option<Vec<Reference>>,
    /// Attempts already made for this job (earlier calls of a batch).
    pub attempts: u32,
    /// Whether a create call of this job was sent and not answered; there is at most one further one then.
    pub unanswered: bool,
    /// Whether a call that failed may be paid, so that the person has to hear of it.
    pub maybe_paid: bool,
    /// How a clip may be fetched.
    pub clip_limits: ClipLimits,
    /// The job's place, for as long as it has to wait for a provider.
    pub place: Box<dyn Place + 'a>,
}

/// What to do after a failure.
enum Next {
    Again {
        after: Duration,
        key: Option<ApiKey>,
        counted: bool,
    },
    /// Once more with smaller references, else the next provider.
    Smaller,
    Provider,
    /// The next provider; the same one once more where there is none that can be asked.
    OtherFirst,
    Stop,
    /// Nobody knows whether something was ordered that must not be ordered twice.
    Unknown,
}

/// How one provider was left.
enum Left {
    Done(Success),
    /// The next one is asked.
    Failed(ProviderError),
    /// The next one is asked. Where nobody after it can be, this one is asked once more.
    Silent(ProviderError),
    /// Nobody else may be asked.
    Stopped(ProviderError),
    /// It was not asked.
    Skipped(Skip),
}

/// What is counted while one provider is being tried.
#[derive(Default)]
struct Tries {
    total: u32,
    by_key: HashMap<Arc<str>, u32>,
    spent: HashSet<Arc<str>>,
    corrections: Corrections,
    overloads: u32,
    empties: u32,
    shrunk: bool,
    /// For rate limits, as long as services wished.
    waited: Duration,
}

impl Chain<'_> {
    /// Asks the providers in order until one delivers or nothing more may be tried. The order is the owner's; who does
    /// badly lately, or would have to be waited for, comes after the others.
    ///
    /// # Errors
    /// See [`ChainFailure`]. Dropping the future abandons the call under way.
    pub async fn run(&mut self, request: &GenerateRequest) -> Result<Success, ChainFailure> {
        let walked = self.walk(request).await;
        let maybe_paid = self.maybe_paid || self.unanswered;
        walked.map_err(|failure| if maybe_paid { failure.maybe_paid() } else { failure })
    }

    async fn walk(&mut self, request: &GenerateRequest) -> Result<Success, ChainFailure> {
        let mut skipped = Vec::new();
        let mut last: Option<ProviderError> = None;
        let mut request = request.clone();
        let mut left: Vec<&Link> = self.links.iter().collect();
        // Who did not answer and is asked the one further time if nobody else could be.
        let mut silent = None;
        while let Some(link) = self.next_link(&mut left, &request).or_else(|| silent.take()) {
            if let Err(skip) = admit(link, &request) {
                tracing::info!(job = %self.job, provider = link.slot.provider.name(), reason = ?skip, "provider skipped");
                skipped.push((link.slot.provider.name().to_owned(), skip));
                continue;
            }
            let last_link = left.is_empty();
            let most = link.slot.provider.capabilities().max_references;
            let outcome = if request.references.len() > most {
                // Only for this provider: the next one may take them all.
                let Some(mut together) = self.together(&request, most).await else {
                    skipped.push((link.slot.provider.name().to_owned(), Skip::NoCollage));
                    continue;
                };
                self.ask(link, &mut together, last_link).await
            } else {
                self.ask(link, &mut request, last_link).await
            };
            match outcome? {
                Left::Done(success) => return Ok(success),
                Left::Silent(error) => {
                    silent = Some(link);
                    last = Some(error);
                }
                Left::Failed(error) => last = Some(error),
                Left::Stopped(error) => {
                    last = Some(error);
                    break;
                }
                Left::Skipped(skip) => {
                    tracing::info!(job = %self.job, provider = link.slot.provider.name(), reason = ?skip, "provider skipped at its turn");
                    skipped.push((link.slot.provider.name().to_owned(), skip));
                }
            }
        }
        Err(match last {
            Some(error) => ChainFailure::Provider(Box::new(error)),
            None => ChainFailure::Skipped(skipped),
        })
    }

    /// Takes out who is asked next.
    fn next_link<'l>(&self, left: &mut Vec<&'l Link>, request: &GenerateRequest) -> Option<&'l Link> {
        if left.len() < 2 {
            return left.pop();
        }
        let now = Instant::now();
        let time = self.deadline.saturating_duration_since(now);
        let doubts: Vec<_> = left
            .iter()
            .map(|link| {
                let bounded = !link.slot.provider.capabilities().remote;
                let busy = link.slot.turns().is_some_and(Turns::all_taken);
                let known = link.slot.with(|state| state.health.vital(bounded, now));
                precedence::doubt(known, time).or(busy.then_some(Doubt::Busy))
            })
            .collect();
        let free: Vec<_> = left.iter().map(|link| link.is_free(request)).collect();
        let next = precedence::next(&doubts, &free);
        for (link, doubt) in left.iter().zip(&doubts).take(next) {
            tracing::info!(job = %self.job, provider = link.slot.provider.name(), reason = ?doubt, "others are asked before this provider");
        }
        Some(left.remove(next))
    }

    /// The request with its references put together into `most`.
    async fn together(&self, request: &GenerateRequest, most: usize) -> Option<GenerateRequest> {
        let (collage, references) = (self.collage, request.references.clone());
        let made = tokio::task::spawn_blocking(move || collage(&references, most)).await.ok().flatten()?;
        tracing::info!(job = %self.job, references = request.references.len(), most, "references put together");
        Some(GenerateRequest { references: made.into(), ..request.clone() })
    }

    /// Tries one provider.
    async fn ask(
        &mut self,
        link: &Link,
        request: &mut GenerateRequest,
        last_link: bool,
    ) -> Result<Left, ChainFailure> {
        let slot = &link.slot;
        let capabilities = slot.provider.capabilities();
        let limit =
            slot.with(|state| u32::try_from(state.keys.len().max(1)).unwrap_or(1)) * slot.max_retry_attempts;
        let mut tries = Tries::default();
        let mut error: Option<ProviderError> = None;
        let mut forced: Option<ApiKey> = None;
        let mut counted = true;
        // As the person wished it, before an owner's default: what that asks for may be left out.
        let unfit = |request: &GenerateRequest| {
            slot.provider.refuses(&at_once(&slot.provider, request)).map(Skip::from)
        };
        loop {
            // Before every call, because the one before may have taught something.
            if let Some(skip) = unfit(request) {
                return Ok(error.map_or(Left::Skipped(skip), Left::Failed));
            }
            let pick = |spent: &HashSet<Arc<str>>| slot.with(|state| state.keys.pick(Instant::now(), spent));
            let keyless = |key: &Option<ApiKey>, total: u32| {
                key.is_none()
                    && (capabilities.needs_key || total > 0 && !slot.with(|state| state.keys.is_empty()))
            };
            let no_key = || Skip::NoUsableKey { why: slot.with(|state| state.keys.complaint()) };
            let mut key = forced.take().or_else(|| pick(&tries.spent));
            if keyless(&key, tries.total) {
                return Ok(error.map_or_else(|| Left::Skipped(no_key()), Left::Failed));
            }
            // Held until the call, or the task that it orders, has ended.
            let (turn, waited) = self.turn(slot).await?;
            // Others have had answers meanwhile, and whoever comes first after a rest decides for all.
            let probe = if waited || tries.total == 0 {
                match let_through(slot, request.operation) {
                    Ok(probe) => probe,
                    Err(skip) => return Ok(error.map_or(Left::Skipped(skip), Left::Failed)),
                }
            } else {
                None
            };
            if waited {
                let now = Instant::now();
                key = key
                    .filter(|key| slot.with(|state| state.keys.is_usable(&key.fingerprint, now)))
                    .or_else(|| pick(&tries.spent));
                if keyless(&key, tries.total) {
                    return Ok(error.map_or_else(|| Left::Skipped(no_key()), Left::Failed));
                }
            }
            if (self.prepare(slot, key.as_ref()).await? || waited)
                && let Some(skip) = unfit(request)
            {
                return Ok(error.map_or(Left::Skipped(skip), Left::Failed));
            }
            if counted {
                tries.total += 1;
            }
            let fingerprint: Arc<str> =
                key.as_ref().map_or_else(|| Arc::from(""), |key| key.fingerprint.clone());
            if counted {
                let used = tries.by_key.entry(fingerprint.clone()).or_default();
                *used += 1;
                if *used >= slot.max_retry_attempts {
                    tries.spent.insert(fingerprint.clone());
                }
            }
            let mut failed = match self.call(link, request, key.clone(), &fingerprint).await? {
                Ok(generated) => {
                    slot.with(|state| {
                        state.not_found.remove(&request.operation);
                        state.circuit.succeeded();
                        state.keys.worked(&fingerprint);
                    });
                    return Ok(Left::Done(Success { generated, provider: slot.provider.name().to_owned() }));
                }
                Err(failed) => failed,
            };
            drop(turn);
            // A result that this machine could not keep is paid: told as lost, not as free.
            if failed.class != ErrorClass::ResultLost
                && let Some(broken) = failed.local.take()
            {
                return Err(broken.into());
            }
            self.maybe_paid |= failed.charged == Charged::Maybe;
            self.remember(slot, request.operation, &fingerprint, &failed).await;
            drop(probe);
            let next = self.next_step(slot, &failed, key.as_ref(), &mut tries, last_link);
            match next {
                Next::Smaller => {
                    let (shrink, references) = (self.shrink, request.references.clone());
                    let smaller =
                        tokio::task::spawn_blocking(move || shrink(&references)).await.ok().flatten();
                    let Some(smaller) = smaller else { return Ok(Left::Failed(failed)) };
                    request.references = smaller.into();
                    counted = false;
                    forced = key;
                }
                Next::Unknown => return Err(ChainFailure::TaskUnknown(Box::new(failed))),
                Next::Stop => return Ok(Left::Stopped(failed)),
                Next::Provider => return Ok(Left::Failed(failed)),
                Next::OtherFirst => return Ok(Left::Silent(failed)),
                Next::Again { counted: true, .. } if tries.total >= limit => return Ok(Left::Failed(failed)),
                // A rest of the keys that there is no time for helps nobody.
                Next::Again { after, .. }
                    if failed.class == ErrorClass::Rate && Instant::now() + after >= self.deadline =>
                {
                    return Ok(Left::Failed(failed));
                }
                Next::Again { after, key, counted: count } => {
                    counted = count;
                    forced = key;
                    self.pause(after).await?;
                }
            }
            error = Some(failed);
        }
    }

    /// Keeps what a failure says about the key, the provider and the model for later jobs.
    async fn remember(
        &self,
        slot: &ProviderSlot,
        operation: Operation,
        fingerprint: &str,
        error: &ProviderError,
    ) {
        if error.unasked {
            return;
        }
        let now = Instant::now();
        let disabled = slot.with(|state| {
            match error.class {
                _ if error.suspended => state.circuit.suspend(now),
                ErrorClass::Overload | ErrorClass::Unanswered => state.circuit.failed(now),
                // The provider has another model to offer: nothing is missing any more.
                ErrorClass::NotFound if error.retry == Retry::Corrected => state.circuit.succeeded(),
                // Missing for everybody, and not just for this key or this task.
                ErrorClass::NotFound if error.retry == Retry::NextProvider => {
                    state.not_found.insert(operation, now + NOT_FOUND_FOR);
                    state.circuit.succeeded();
                }
                _ => state.circuit.succeeded(),
            }
            state.keys.judge(fingerprint, error.key, error.status, now)
        });
        if disabled {
            self.log.key_disabled(slot.provider.name(), fingerprint, error.status).await;
        }
    }

    /// The policy: class and advice to action.
    fn next_step(
        &mut self,
        slot: &ProviderSlot,
        error: &ProviderError,
        key: Option<&ApiKey>,
        tries: &mut Tries,
        last_link: bool,
    ) -> Next {
        let again = |after| Next::Again { after, key: key.cloned(), counted: true };
        let corrected = || Next::Again { after: Duration::ZERO, key: key.cloned(), counted: false };
        if is_unknown(slot, error) {
            return Next::Unknown;
        }
        let was_sent = !error.unasked && (error.status.is_some() || error.class != ErrorClass::Overload);
        // After a create call that was sent and not answered there is at most one further one in the whole job: the
        // first may have been paid.
        if self.unanswered && was_sent {
            return Next::Stop;
        }
        // An overload after a part of the answer (a failed stream) may have been paid as well.
        let maybe_paid = error.class == ErrorClass::Overload && error.charged == Charged::Maybe;
        if error.class == ErrorClass::Unanswered || maybe_paid {
            self.unanswered = true;
            // Whoever has just been silent for as long as it may is the worst choice for that call.
            return match (tries.total < slot.max_retry_attempts, last_link) {
                (false, _) => Next::Provider,
                (true, false) => Next::OtherFirst,
                (true, true) => again(Duration::ZERO),
            };
        }
        if error.suspended {
            return Next::Provider;
        }
        match error.retry {
            Retry::Never => Next::Stop,
            Retry::Corrected if tries.corrections.again(error) => corrected(),
            Retry::Corrected | Retry::NextProvider => {
                if error.class == ErrorClass::TooLarge && !std::mem::replace(&mut tries.shrunk, true) {
                    return Next::Smaller;
                }
                Next::Provider
            }
            Retry::SameKey => {
                let (count, limit) = match error.class {
                    ErrorClass::Empty => (&mut tries.empties, MAX_EMPTY_RETRIES),
                    _ => (&mut tries.overloads, MAX_OVERLOAD_RETRIES),
                };
                *count += 1;
                if *count > limit {
                    return Next::Provider;
                }
                let wait = error.retry_after.unwrap_or_else(|| backoff(*count, &mut rand::rng()));
                if wait > MAX_HONOURED_RETRY_AFTER {
                    Next::Provider
                } else {
                    Next::Again { after: wait, key: None, counted: true }
                }
            }
            Retry::NextKey => {
                let asked =
                    key.and_then(|key| tries.by_key.get(&key.fingerprint)).copied().unwrap_or_default();
                let used_up = asked >= slot.max_retry_attempts;
                if error.class == ErrorClass::Rate
                    && let Some(wait) = error.retry_after
                    && wait <= MAX_HONOURED_RETRY_AFTER
                    && !used_up
                    && (last_link || tries.waited + wait <= MAX_HONOURED_RETRY_AFTER)
                {
                    tries.waited += wait;
                    return again(wait);
                }
                if let Some(key) = key {
                    tries.spent.insert(key.fingerprint.clone());
                }
                let other = slot.with(|state| state.keys.pick(Instant::now(), &tries.spent));
                match other {
                    Some(other) => Next::Again { after: Duration::ZERO, key: Some(other), counted: true },
                    // With nobody else to ask, a rate limit is waited out by the ordinary back-off, as often as a key may
                    // be tried.
                    None if error.class == ErrorClass::Rate
                        && error.retry_after.is_none()
                        && last_link
                        && !used_up =>
                    {
                        tries.overloads += 1;
                        again(backoff(tries.overloads, &mut rand::rng()))
                    }
                    None => Next::Provider,
                }
            }
        }
    }

    async fn pause(&self, after: Duration) -> Result<(), ChainFailure> {
        if after.is_zero() {
            return Ok(());
        }
        if Instant::now() + after >= self.deadline {
            return Err(ChainFailure::Deadline { charged: Charged::No });
        }
        tokio::select! {
            () = self.cancel.cancelled() => Err(ChainFailure::Cancelled { charged: Charged::No }),
            () = tokio::time::sleep(after) => Ok(()),
        }
    }
}
