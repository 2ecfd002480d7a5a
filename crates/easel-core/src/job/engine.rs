//! The job engine: accepts, queues, runs, delivers and records jobs, and picks up what a crash left behind.
//!
//! An accepted job ends in exactly one of: delivered, failed with a sentence, cancelled, or unknown. The ledger is
//! written before the world is asked, and read back at start; see [`super::recover`].

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    active::{Active, Earlier},
    collect::Collector,
    ends::Ends,
    journal::Journal,
    kept::{KeepLimits, Keeper},
    ledger::{Event, JobRecord, StoredRequest},
    lines::Lines,
    run::Beginning,
    schedule::{Admission, Lane, QueueFull, Schedule, ScheduleLimits},
    sentences::{queue_sentence, store_sentence},
    speaker::Turns,
    usage::UsageBook,
};
use crate::{
    access::{Role, may_cancel},
    chain::{Link, ProviderSlot},
    error::UserError,
    ids::{Chat, JobId, MessageId, Platform, UnixMillis, UserId},
    media::Spool,
    message::PictureRef,
    ports::{Adapter, ClipLimits, Clock, Operation, Output, Store},
    settings::SendMode,
};

/// What the end of one run and the beginning of the next, or an account that was away, may cost a job of its time.
const GRACE: Duration = Duration::from_mins(5);

/// What the engine asks about a request when it runs it. Answered from the running configuration, so that a job of an
/// earlier run is planned with today's.
pub trait Planner: Send + Sync {
    /// How a request is to be run.
    ///
    /// # Errors
    /// When it can't be any more (its preset or provider left the configuration).
    fn plan(&self, request: &StoredRequest) -> Result<Plan, UserError>;

    /// A configured provider by its name, also when no chain names it.
    fn provider(&self, name: &str) -> Option<Arc<ProviderSlot>>;

    /// A sentence in the chat's language.
    fn say(&self, chat: &Chat, error: &UserError) -> String;

    /// The adapter of a platform, if it is built and configured.
    fn adapter(&self, platform: &Platform) -> Option<Arc<dyn Adapter>>;

    /// A job has ended, of this run or an earlier one; called once.
    fn ended(&self, request: &StoredRequest, settlement: Settlement);
}

/// What the end of a job means for the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Whether it keeps what it took; else it is given back.
    pub counts: bool,
    /// How often the content check of a provider refused it.
    pub refusals: u32,
}

/// How a request is to be run.
#[derive(Clone)]
pub struct Plan {
    /// The providers in order.
    pub links: Vec<Link>,
    /// What is asked; `None` = a picture, from references when there are any.
    pub operation: Option<Operation>,
    /// The full prompt.
    pub prompt: Arc<str>,
    /// What the person asked for, in a few words in the chat's language, where the prompt is not their own text.
    pub title: Option<Arc<str>>,
    /// The wished shape.
    pub output: Output,
    /// Whether it makes no sense without an input picture.
    pub needs_picture: bool,
    /// Text above the result, in the chat's language.
    pub caption: Option<String>,
}

/// Settings of the engine; replaced whole when the configuration changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// How many jobs run and wait.
    pub schedule: ScheduleLimits,
    /// A job's bound from acceptance on.
    pub deadline: Duration,
    /// What is kept of finished jobs.
    pub keep: KeepLimits,
    /// The largest input picture, in bytes.
    pub max_download_bytes: u64,
    /// How clips are fetched and sent.
    pub clips: ClipSettings,
}

/// How clips are fetched from services and sent to chats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClipSettings {
    /// In which way they are sent.
    pub send_mode: SendMode,
    /// How they may be fetched.
    pub limits: ClipLimits,
}

/// What a new job brings besides its stored request.
#[derive(Default)]
pub struct Brought {
    /// Pictures whose bytes came along and are not recorded; when there are any, they replace the stored references.
    pub inline: Vec<PictureRef>,
    /// Told how the job ended, with the pictures' blob names; for the command line.
    pub watch: Option<oneshot::Sender<super::Outcome>>,
}

/// A job that was just accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its id.
    pub job: JobId,
    /// Its number, for `/取消 3`.
    pub number: u32,
}

/// How far a running job is, for `/任务`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In the queue.
    Waiting,
    /// With a provider (or collecting its inputs).
    Running,
    /// It had its turn here, and waits for its turn at a provider that works for others.
    Aside,
    /// On its way to the chat: too late to cancel.
    Delivering,
    /// It came to nothing, and its person still has to hear so: too late to cancel.
    Ending,
}

/// One line of `/任务`.
#[derive(Clone, Debug)]
pub struct JobLine {
    /// Its id.
    pub job: JobId,
    /// Its number.
    pub number: u32,
    /// Whose it is.
    pub user: UserId,
    /// How far it is.
    pub phase: Phase,
    /// Its place in the queue while it waits.
    pub position: Option<usize>,
    /// `draw`, `edit` or `video`.
    pub feature: String,
    /// The preset's name, if one was used.
    pub preset: Option<String>,
    /// What was typed; may be empty.
    pub prompt: String,
    /// How far the service is that works on it, in percent, where it told; 0 = it works and does not tell.
    pub rendering: Option<u8>,
    /// Seconds since it was accepted.
    pub age_seconds: u64,
}

/// What `/取消` did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It ends now.
    Cancelled {
        /// Its number.
        number: u32,
        /// Whether a provider was asked that is not free, so that it may have begun and may charge for it.
        begun: bool,
    },
    /// Its result is being sent, or its end is being told: too late.
    TooLate {
        /// Its number.
        number: u32,
    },
    /// It is somebody else's, and this person is no admin.
    NotYours {
        /// Its number.
        number: u32,
    },
    /// There is no job with this number, as far as this person may know.
    NoSuchJob {
        /// The number.
        number: u32,
    },
    /// This person has no job here.
    Nothing,
}

/// No job goes on for longer, whatever the settings say: a time that the clock can't count to would end the caller.
const LONGEST: Duration = Duration::from_hours(24);

/// The engine. Always used behind an [`Arc`].
pub struct Engine {
    pub(super) store: Store,
    pub(super) spool: Spool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) planner: Arc<dyn Planner>,
    pub(super) settings: ArcSwap<EngineSettings>,
    pub(super) collector: Collector,
    pub(super) keeper: Arc<Keeper>,
    pub(super) usage: UsageBook,
    pub(super) turns: Turns,
    pub(super) ends: Ends,
    /// Who is the next of a chat to begin a send.
    pub(super) senders: Lines<Chat>,
    state: Mutex<State>,
    numbers: AtomicU32,
    tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

pub(super) struct State {
    pub(super) schedule: Schedule,
    active: BTreeMap<JobId, Arc<Active>>,
}

impl Engine {
    /// An engine over its ports; nothing runs before [`Engine::accept`] or [`Engine::recover`].
    pub fn new(
        store: Store,
        spool: Spool,
        clock: Arc<dyn Clock>,
        planner: Arc<dyn Planner>,
        settings: EngineSettings,
    ) -> Arc<Self> {
        let keeper = Arc::new(Keeper::new(store.clone(), clock.clone(), settings.keep));
        let usage = UsageBook::new(store.keys.clone(), clock.clone());
        Arc::new(Self {
            collector: Collector::new(store.blobs.clone(), spool.clone(), keeper.clone()),
            keeper,
            usage,
            turns: Turns::default(),
            ends: Ends::default(),
            senders: Lines::default(),
            state: Mutex::new(State { schedule: Schedule::new(settings.schedule), active: BTreeMap::new() }),
            store,
            spool,
            clock,
            planner,
            settings: ArcSwap::from_pointee(settings),
            numbers: AtomicU32::new(1),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Takes new settings; running jobs keep their deadline.
    pub fn reconfigure(&self, settings: EngineSettings) {
        self.settings.store(Arc::new(settings));
        self.keeper.set_limits(settings.keep);
        let started = self.with(|state| state.schedule.set_limits(settings.schedule));
        self.start_all(&started);
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a job in. Returns as soon as it is queued; everything that follows, the first answer to the person
    /// included, happens on the job's own task after the ledger is durable.
    ///
    /// # Errors
    /// The sentence for a refusal: the queue is full, or easel is stopping.
    pub fn accept(self: &Arc<Self>, request: StoredRequest, brought: Brought) -> Result<Accepted, UserError> {
        if self.stop.is_cancelled() {
            return Err(UserError::new("error-stopping", "E-STOPPING"));
        }
        let id = JobId::generate();
        let admission = self.admit(id, &request).map_err(queue_sentence)?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let deadline = Instant::now() + self.longest();
        let job =
            self.activate((id, number, self.clock.now()), request, brought, deadline, Earlier::default());
        job.journal.hold(Event::Accepted { request: Box::new(job.request.clone()), number });
        let accepted = Accepted { job: id, number: job.number };
        self.spawn(job, admission, Beginning::New);
        Ok(accepted)
    }

    fn admit(&self, id: JobId, request: &StoredRequest) -> Result<Admission, QueueFull> {
        let StoredRequest { chat, user, .. } = request;
        let lane = lane_of(request);
        let full = match self.with(|state| state.schedule.admit(id, lane, chat, user)) {
            Err(full) if full != QueueFull::Clip => full,
            admitted => return admitted,
        };
        // Asked only now, and not under the lock: who waits for an account that is away leaves the others room.
        let mut away = self.with(|state| state.schedule.accounts());
        away.retain(|(platform, account)| {
            self.planner.adapter(platform).is_some_and(|adapter| !adapter.is_connected(account))
        });
        if away.is_empty() {
            return Err(full);
        }
        self.with(|state| state.schedule.admit_past(id, lane, (chat, user), &away))
    }

    /// Takes a job of an earlier run back in.
    pub(super) fn resume(self: &Arc<Self>, record: &JobRecord, beginning: Beginning) {
        let StoredRequest { chat, user, .. } = &record.request;
        let lane = lane_of(&record.request);
        let admission = self.with(|state| state.schedule.readmit(record.id, lane, chat, user));
        // Jobs of before numbers were kept get one now; those of this run are above all that are known.
        let number = match record.number {
            0 => self.numbers.fetch_add(1, Ordering::Relaxed),
            number => number,
        };
        let deadline = Instant::now()
            + match &beginning {
                // A task is paid, whatever the clock says.
                Beginning::Task { .. } => self.longest(),
                _ => self.time_left(record.accepted_at).unwrap_or_default(),
            };
        let job = self.activate(
            (record.id, number, record.accepted_at),
            record.request.clone(),
            Brought::default(),
            deadline,
            Earlier::of(record),
        );
        if matches!(beginning, Beginning::Deliver { .. } | Beginning::DeliverMade { .. }) {
            // At once: nobody can cancel what is made and paid for.
            job.enter(Phase::Delivering);
        }
        self.spawn(job, admission, beginning);
    }

    /// What a job that nobody was paid for has left of its time when a later run finds it; `None` = it is too old to be
    /// drawn, because nobody waits for it any more.
    pub(super) fn time_left(&self, accepted_at: UnixMillis) -> Option<Duration> {
        let age = Duration::from_millis(self.clock.now().since(accepted_at));
        let deadline = self.longest();
        (age <= deadline + GRACE).then(|| deadline.saturating_sub(age).max(GRACE.min(deadline)))
    }

    /// The account of a job was away, perhaps for nearly all of its time. False when it is too late for a call.
    pub(super) fn give_time(&self, job: &Active) -> bool {
        job.give_time(GRACE.min(self.longest()))
    }

    /// How long a job may take: what the owner says, and nothing that the clock can't add.
    fn longest(&self) -> Duration {
        self.settings.load().deadline.min(LONGEST)
    }

    fn activate(
        &self,
        (id, number, accepted_at): (JobId, u32, UnixMillis),
        request: StoredRequest,
        brought: Brought,
        deadline: Instant,
        mut earlier: Earlier,
    ) -> Arc<Active> {
        let files = (self.store.ledger.clone(), self.store.keys.clone());
        let (spent, begun) = (std::mem::take(&mut earlier.spent), earlier.begun.take());
        let journal = Journal::new(id, files, self.clock.clone(), spent, begun);
        let deadlines = (deadline, deadline + 2 * GRACE);
        let job = Active::new((id, number, accepted_at), (request, brought), journal, deadlines, earlier);
        let job = Arc::new(job);
        self.with(|state| state.active.insert(id, job.clone()));
        self.keeper.note_number(id, number);
        job
    }

    fn spawn(self: &Arc<Self>, job: Arc<Active>, admission: Admission, beginning: Beginning) {
        let (start, started) = oneshot::channel();
        let position = match admission {
            Admission::Start => {
                job.enter(Phase::Running);
                // The receiver is alive: it is moved into the task below.
                start.send(()).ok();
                None
            }
            Admission::Wait { position } => {
                job.start_with(start);
                // Between admission and this line the schedule may have started the job already.
                if self.with(|state| state.schedule.position(job.id)).is_none() {
                    job.start();
                }
                Some(position)
            }
        };
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            let life = Arc::clone(&engine).drive(Arc::clone(&job), started, position, beginning);
            if AssertUnwindSafe(life).catch_unwind().await.is_err() {
                // The panic's own message is in the log already. One job is lost, with a sentence; nothing else.
                let rescue = AssertUnwindSafe(Arc::clone(&engine).rescue(Arc::clone(&job)));
                if !rescue.catch_unwind().await.unwrap_or(false) {
                    engine.crashed(&job).await;
                }
            }
        });
    }

    /// Numbers of new jobs follow all that were given before.
    pub(super) fn number_after(&self, number: u32) {
        self.numbers.fetch_max(number.saturating_add(1), Ordering::Relaxed);
    }

    /// A job has ended; `counts` = it keeps what it took of the limits.
    pub(super) fn release(&self, job: &Active, outcome: super::Outcome, counts: bool) {
        self.vacate(job);
        if self.with(|state| state.active.remove(&job.id)).is_some() {
            let settlement = Settlement { counts, refusals: job.journal.refusals() };
            self.planner.ended(&job.request, settlement);
        }
        if let Some(watch) = job.take_watch() {
            watch.send(outcome).ok();
        }
    }

    pub(super) fn start_all(&self, jobs: &[JobId]) {
        let started: Vec<_> =
            self.with(|state| jobs.iter().filter_map(|job| state.active.get(job).cloned()).collect());
        for job in started {
            job.start();
        }
    }

    /// The jobs of a chat that have not ended, oldest first; only one person's when `user` is given. One that was cancelled
    /// may still be about to stop, but people were told that it is over.
    pub fn jobs(&self, chat: &Chat, user: Option<&UserId>) -> Vec<JobLine> {
        let now = self.clock.now();
        self.with(|state| {
            state
                .active
                .values()
                .filter(|job| job.request.chat == *chat && user.is_none_or(|user| job.request.user == *user))
                .filter(|job| !job.cancel.is_cancelled())
                .map(|job| JobLine {
                    job: job.id,
                    number: job.number,
                    user: job.request.user.clone(),
                    phase: job.phase(),
                    position: state.schedule.position(job.id),
                    feature: job.request.feature.clone(),
                    preset: job.request.preset.clone(),
                    prompt: job.request.prompt.clone(),
                    rendering: job.journal.rendering(),
                    age_seconds: now.since(job.accepted_at) / 1000,
                })
                .collect()
        })
    }

    /// Cancels the job with this number, else the person's latest in the chat that can still be cancelled; see
    /// [`may_cancel`]. Of other chats' jobs nobody hears who may not cancel them.
    pub fn cancel(&self, chat: &Chat, user: &UserId, role: Role, number: Option<u32>) -> CancelOutcome {
        let here = |job: &Active| job.request.chat == *chat;
        let own = |job: &Active| job.request.user == *user && job.request.chat.platform == chat.platform;
        let may = |job: &Active| may_cancel(role, own(job), here(job));
        let found = self.with(|state| {
            let find = |wanted: &dyn Fn(&Active) -> bool| {
                state.active.values().rev().find(|job| wanted(job)).cloned()
            };
            let Some(number) = number else {
                let latest = |job: &Active| here(job) && own(job);
                // One that is on its way may stay there for minutes, and is not what the person wants to stop.
                return find(&|job| latest(job) && job.may_be_cancelled()).or_else(|| find(&latest));
            };
            find(&|job| job.number == number && here(job))
                .or_else(|| find(&|job| job.number == number && may(job)))
        });
        match (found, number) {
            (None, None) => CancelOutcome::Nothing,
            (None, Some(number)) => CancelOutcome::NoSuchJob { number },
            (Some(job), _) if !may(&job) => CancelOutcome::NotYours { number: job.number },
            (Some(job), _) if job.try_cancel() => {
                let begun = job.may_cost() && !self.was_free(&job);
                CancelOutcome::Cancelled { number: job.number, begun }
            }
            (Some(job), _) => CancelOutcome::TooLate { number: job.number },
        }
    }

    /// The message that asked for a job was taken back. The job is cancelled unless a provider was asked: then it may be
    /// paid for, so it goes on and its picture is delivered. Returns whether a job was cancelled.
    pub fn recalled(&self, chat: &Chat, message: &MessageId) -> bool {
        let found = self.with(|state| {
            let asked_there = |job: &&Arc<Active>| {
                let asked = &job.request;
                asked.message == *message && asked.chat.may_be(chat)
            };
            state.active.values().find(asked_there).cloned()
        });
        let Some(job) = found else { return false };
        let cancelled = !job.may_cost() && job.try_cancel();
        tracing::info!(job = %job.id, cancelled, "the request of a job was taken back");
        cancelled
    }

    /// Jobs running and waiting now.
    pub fn load(&self) -> (usize, usize) {
        self.with(|state| (state.schedule.running(), state.schedule.waiting()))
    }

    /// How clips are sent now.
    pub fn send_mode(&self) -> SendMode {
        self.settings.load().clips.send_mode
    }

    /// What is kept of finished jobs.
    pub fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// Stops taking jobs and waits for the running ones, at most `patience`; waiting ones stay in the ledger and run
    /// after the next start. Returns whether everything ended in time.
    pub async fn shutdown(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(patience, self.tasks.wait()).await.is_ok();
        self.store_usage().await;
        ended
    }

    pub(super) fn tracker(&self) -> TaskTracker {
        self.tasks.clone()
    }

    /// The ids of all jobs that have not ended.
    pub fn active(&self) -> std::collections::HashSet<JobId> {
        self.with(|state| state.active.keys().copied().collect())
    }

    /// Removes artifacts that are too old or too many; call it about once a minute.
    pub async fn sweep(&self) {
        self.keeper.sweep(|| self.active()).await;
    }

    /// The sentence for a job that could not be recorded.
    pub(super) fn store_failed(error: &crate::ports::StoreError) -> UserError {
        store_sentence(error)
    }
}

fn lane_of(request: &StoredRequest) -> Lane {
    if request.is_clip() { Lane::Clips } else { Lane::Pictures }
}
