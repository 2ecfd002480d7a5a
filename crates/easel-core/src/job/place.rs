//! A job's place among those that run: what becomes of it while the job waits for a provider or its account; and whether
//! anybody is there who would see what is made for it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{sync::oneshot, time::Instant};

use super::{
    active::Active,
    engine::{Engine, Phase},
    ledger::StoredRequest,
    run::Stopped,
    schedule::Admission,
    sentences::deadline_sentence,
};
use crate::{
    chain::{Audience, Place},
    error::Charged,
    ports::{Adapter, StoreError},
};

/// The longest pause before one looks again whether a mute is over: it may be lifted early.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Who would see what is made for a job now. Who is muted for so short that the job has time left counts as away.
pub(super) fn audience(adapter: &dyn Adapter, job: &Active) -> Audience {
    let chat = &job.request.chat;
    if !adapter.may_speak(chat) {
        let left = job.deadline().saturating_duration_since(Instant::now());
        return if adapter.muted_for(chat).is_some_and(|rest| rest < left) {
            Audience::Away
        } else {
            Audience::Gone
        };
    }
    if adapter.is_connected(&chat.account) { Audience::There } else { Audience::Away }
}

/// Waits until the audience of a job is there, or gone for good.
pub(super) async fn audience_back(adapter: &dyn Adapter, job: &Active) {
    let chat = &job.request.chat;
    while audience(adapter, job) == Audience::Away {
        adapter.connected(&chat.account).await;
        if let Some(rest) = adapter.muted_for(chat) {
            tokio::time::sleep(rest.min(LOOK_AGAIN)).await;
        }
    }
}

impl Engine {
    /// Frees a job's place and starts the next.
    pub(super) fn vacate(&self, job: &Active) {
        let started = self.with(|state| state.schedule.remove(job.id));
        self.start_all(&started);
    }

    /// The same for a job that is done or has failed, and can't be brought or told now.
    pub(super) fn linger(&self, job: &Active) {
        let StoredRequest { chat, user, .. } = &job.request;
        let started = self.with(|state| state.schedule.linger(job.id, chat, user));
        self.start_all(&started);
    }

    /// Lets others have a job's place while it waits for a provider.
    pub(super) fn step_aside(&self, job: &Active) {
        let started = self.with(|state| state.schedule.step_aside(job.id));
        self.start_all(&started);
    }

    /// The job goes on; its place may have been given away, and then there is one more for a while.
    pub(super) fn step_back(&self, job: &Active) {
        self.with(|state| state.schedule.step_back(job.id));
    }

    /// The account of a job is away: others have its place, and it waits in no queue.
    pub(super) fn park(&self, job: &Active) {
        job.enter(Phase::Waiting);
        let started = self.with(|state| state.schedule.park(job.id));
        self.start_all(&started);
    }

    /// Its account is back, and perhaps that of many more: it gets in line again. Resolves when its turn has come.
    pub(super) fn line_up(&self, job: &Active) -> oneshot::Receiver<()> {
        let (start, started) = oneshot::channel();
        // Before it is in the queue, so that its turn can't be missed.
        job.start_with(start);
        if self.with(|state| state.schedule.unpark(job.id)) == Admission::Start {
            job.start();
        }
        started
    }
}

/// The place of one job.
pub(super) struct PlaceOf<'a> {
    pub(super) engine: &'a Engine,
    pub(super) job: &'a Active,
}

#[async_trait]
impl Place for PlaceOf<'_> {
    async fn leave(&self) -> Result<(), StoreError> {
        self.job.journal.settle().await?;
        self.job.step_aside();
        self.engine.step_aside(self.job);
        Ok(())
    }

    fn back(&self) {
        self.engine.step_back(self.job);
        self.job.enter(Phase::Running);
    }

    fn audience(&self) -> Audience {
        let adapter = self.engine.planner.adapter(&self.job.request.chat.platform);
        adapter.map_or(Audience::There, |adapter| audience(&*adapter, self.job))
    }

    async fn audience_back(&self) {
        let chat = &self.job.request.chat;
        if let Some(adapter) = self.engine.planner.adapter(&chat.platform) {
            audience_back(&*adapter, self.job).await;
            // What happened in the chat meanwhile is not known; the answer is remembered.
            adapter.find_out_may_speak(chat).await;
        }
    }

    fn give_time(&self) -> bool {
        self.engine.give_time(self.job)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.job.deadline())
    }
}

impl Engine {
    /// Who would see a result now. Where news of that may have been missed, as `missed` says, the platform is asked, and
    /// where it seems that nobody would: that may be over.
    pub(super) async fn find_audience(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        missed: bool,
    ) -> Result<Audience, Stopped> {
        match audience(&**adapter, job) {
            Audience::There if !missed => return Ok(Audience::There),
            Audience::Away => return Ok(Audience::Away),
            Audience::There | Audience::Gone => {}
        }
        let deadline = || deadline_sentence(self.settings.load().deadline);
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(Stopped::Cancelled { charged: Charged::No }),
            _ = adapter.find_out_may_speak(&job.request.chat) => Ok(audience(&**adapter, job)),
            () = self.stop.cancelled() => Err(Stopped::Later),
            () = tokio::time::sleep_until(job.deadline()) => Err(Stopped::failed(deadline())),
        }
    }
}
