//! A job that has not ended, as the engine and the job's own task share it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Outcome,
    begun::Begun,
    engine::{Brought, Phase},
    journal::Journal,
    ledger::{JobRecord, MadeSoFar, StoredRequest},
    usage::Spent,
};
use crate::{
    error::UserError,
    ids::{JobId, UnixMillis},
    message::PictureRef,
};

/// A job that has not ended.
pub(super) struct Active {
    pub(super) id: JobId,
    pub(super) number: u32,
    pub(super) request: StoredRequest,
    /// Pictures that came along as bytes, until they are collected.
    inline: Mutex<Vec<PictureRef>>,
    pub(super) journal: Arc<Journal>,
    pub(super) cancel: CancellationToken,
    deadline: Mutex<Instant>,
    /// It is never moved beyond this.
    latest: Instant,
    pub(super) accepted_at: UnixMillis,
    /// Attempts of an earlier run.
    pub(super) attempts: u32,
    /// When an earlier run recorded something of it last.
    pub(super) left_at: Option<UnixMillis>,
    /// What is made of it and kept, while more is to come.
    made: Mutex<MadeSoFar>,
    phase: Mutex<Phase>,
    /// Words about its progress would come too late.
    settled: AtomicBool,
    start: Mutex<Option<oneshot::Sender<()>>>,
    /// Resolves when the person was told that the job is in work; the last mark waits for it.
    announced: Mutex<Option<oneshot::Receiver<()>>>,
    /// Called once, when it steps aside.
    on_aside: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    watch: Mutex<Option<oneshot::Sender<Outcome>>>,
    /// What is said behind its result.
    words: Mutex<Vec<Words>>,
}

/// Words that belong to a result and are said behind it.
#[derive(Clone, Debug)]
pub(super) enum Words {
    /// A sentence of easel's.
    Sentence(UserError),
    /// Those that would have stood above it.
    Caption(String),
}

/// What an earlier run left of a job; nothing for a new one.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Attempts begun.
    pub(super) attempts: u32,
    /// When they recorded something last.
    pub(super) left_at: Option<UnixMillis>,
    /// What they came to.
    pub(super) spent: Vec<Spent>,
    /// What they made and kept.
    pub(super) made: MadeSoFar,
    /// The attempt that they saw no answer of.
    pub(super) begun: Option<Begun>,
}

impl Earlier {
    /// What a record tells.
    pub(super) fn of(record: &JobRecord) -> Self {
        Self {
            attempts: record.attempts,
            left_at: Some(record.changed_at),
            spent: record.spent.clone(),
            made: record.made.clone(),
            begun: Begun::left_by(record),
        }
    }
}

impl Active {
    /// A job of which nobody has heard yet.
    pub(super) fn new(
        (id, number, accepted_at): (JobId, u32, UnixMillis),
        (request, brought): (StoredRequest, Brought),
        journal: Journal,
        (deadline, latest): (Instant, Instant),
        earlier: Earlier,
    ) -> Self {
        Self {
            id,
            number,
            request,
            inline: Mutex::new(brought.inline),
            journal: Arc::new(journal),
            cancel: CancellationToken::new(),
            deadline: Mutex::new(deadline),
            latest,
            accepted_at,
            attempts: earlier.attempts,
            left_at: earlier.left_at,
            made: Mutex::new(earlier.made),
            phase: Mutex::new(Phase::Waiting),
            settled: AtomicBool::new(false),
            start: Mutex::default(),
            announced: Mutex::default(),
            on_aside: Mutex::default(),
            watch: Mutex::new(brought.watch),
            words: Mutex::default(),
        }
    }

    /// When it ends if nothing came of it until then.
    pub(super) fn deadline(&self) -> Instant {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its account was away: what is left of its time has to be enough for a call, or nothing is bought. Whether it is, or
    /// could be made so.
    pub(super) fn give_time(&self, enough: Duration) -> bool {
        let mut deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (*deadline).max(Instant::now() + enough);
        let may = wanted <= self.latest;
        if may {
            *deadline = wanted;
        }
        may
    }

    /// How many results the person wishes.
    pub(super) fn wished(&self) -> usize {
        if self.request.is_clip() { 1 } else { usize::from(self.request.count.max(1)) }
    }

    /// Whether pictures came along as bytes and are not collected.
    pub(super) fn has_inline(&self) -> bool {
        !self.inline.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The pictures that came along as bytes: they are held by whoever collects them, and not for as long as the job lives.
    pub(super) fn take_inline(&self) -> Vec<PictureRef> {
        std::mem::take(&mut *self.inline.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is made of it and kept, while more is to come.
    pub(super) fn made(&self) -> MadeSoFar {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many of its pictures are made and kept.
    pub(super) fn kept(&self) -> usize {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).artifacts.len()
    }

    /// More of it is made and kept.
    pub(super) fn add_made(&self, more: MadeSoFar) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).add(more);
    }

    /// Whether it may cost something: a provider was asked in this run, or an earlier one made a part.
    pub(super) fn may_cost(&self) -> bool {
        self.journal.has_asked() || self.kept() > 0
    }

    /// Whether somebody waits for its end who will not be there in a later run (the command line).
    pub(super) fn is_watched(&self) -> bool {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Who is told how it ended, once.
    pub(super) fn take_watch(&self) -> Option<oneshot::Sender<Outcome>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says this behind its result, when its end is recorded.
    pub(super) fn say_behind(&self, words: Words) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// What is to be said behind its result, once.
    pub(super) fn take_words(&self) -> Vec<Words> {
        std::mem::take(&mut *self.words.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts when it is told through `start`, which [`Self::start`] does once.
    pub(super) fn start_with(&self, start: oneshot::Sender<()>) {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some(start);
    }

    /// Its turn has come.
    pub(super) fn start(&self) {
        if let Some(start) = self.start.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.begin();
            // The task may have ended already (cancelled while it waited).
            start.send(()).ok();
        }
    }

    pub(super) fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves to a phase; to [`Phase::Delivering`] only when nobody cancelled before. Returns whether it moved.
    pub(super) fn enter(&self, phase: Phase) -> bool {
        let mut present = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if phase == Phase::Delivering && self.cancel.is_cancelled() {
            return false;
        }
        *present = phase;
        drop(present);
        if phase == Phase::Delivering {
            self.settle();
        }
        true
    }

    /// It came to nothing, and only has to be told so.
    pub(super) fn end(&self) {
        self.enter(Phase::Ending);
        self.settle();
    }

    /// Its result, or the sentence that ends it, is on its way.
    fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }

    /// Whether words about its progress would come too late.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// Hands over the other end of "the person was told".
    pub(super) fn announcing(&self) -> oneshot::Sender<()> {
        let (told, announced) = oneshot::channel();
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(announced);
        told
    }

    /// Waits until the first mark is set (or will never be), so that the last one comes after it.
    pub(super) async fn announced(&self) {
        self.journal.forget_callback();
        let announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(announced) = announced {
            // An error means that the announcement was given up: just as good.
            announced.await.ok();
        }
    }

    /// Its turn has come. A job that is being delivered already stays where it is.
    fn begin(&self) {
        let mut present = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if *present == Phase::Waiting {
            *present = Phase::Running;
        }
    }

    /// Calls `f` when it steps aside for the first time, to wait for a provider.
    pub(super) fn when_aside(&self, f: impl FnOnce() + Send + 'static) {
        *self.on_aside.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(f));
    }

    /// It waits for a provider that works for others.
    pub(super) fn step_aside(&self) {
        self.enter(Phase::Aside);
        let told = self.on_aside.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(told) = told {
            told();
        }
    }

    /// Whether its task has come to a result or an end, and only hands it over.
    pub(super) fn is_handed_over(&self) -> bool {
        matches!(self.phase(), Phase::Delivering | Phase::Ending)
    }

    /// Whether cancelling it would change anything.
    pub(super) fn may_be_cancelled(&self) -> bool {
        !self.is_handed_over() && !self.cancel.is_cancelled()
    }

    /// Cancels unless it is being delivered, or has ended and is only to be told. Returns whether it did.
    pub(super) fn try_cancel(&self) -> bool {
        let phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*phase, Phase::Delivering | Phase::Ending) {
            return false;
        }
        self.cancel.cancel();
        true
    }
}
