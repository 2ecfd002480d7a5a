//! A job's place among those that run, while it waits for a provider that works for others.

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    active::Active,
    engine::{Engine, Phase},
};
use crate::{
    chain::{Audience, Place},
    ports::StoreError,
};

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
        let chat = &self.job.request.chat;
        match self.engine.planner.adapter(&chat.platform) {
            Some(adapter) if !adapter.may_speak(chat) => Audience::Gone,
            Some(adapter) if !adapter.is_connected(&chat.account) => Audience::Away,
            _ => Audience::There,
        }
    }

    async fn audience_back(&self) {
        let chat = &self.job.request.chat;
        if let Some(adapter) = self.engine.planner.adapter(&chat.platform) {
            adapter.connected(&chat.account).await;
        }
    }

    fn give_time(&self) -> bool {
        self.engine.give_time(self.job)
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.job.deadline())
    }
}
