//! A job's place among those that run, while it waits for a provider that works for others; and whether anybody is there
//! who would see what is made for it.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    active::Active,
    engine::{Engine, Phase},
};
use crate::{
    chain::{Audience, Place},
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
        if let Some(adapter) = self.engine.planner.adapter(&self.job.request.chat.platform) {
            audience_back(&*adapter, self.job).await;
        }
    }

    fn give_time(&self) -> bool {
        self.engine.give_time(self.job)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.job.deadline())
    }
}
