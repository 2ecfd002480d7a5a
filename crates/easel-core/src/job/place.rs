//! A job's place among those that run, while it waits for a provider that works for others, and whether anybody would see
//! its result.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    active::Active,
    engine::{Engine, Phase},
    run::Stopped,
    sentences::deadline_sentence,
};
use crate::{
    chain::{Audience, Place},
    error::Charged,
    ports::{Adapter, StoreError},
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
            // What happened in the chat meanwhile is not known; the answer is remembered.
            adapter.find_out_may_speak(chat).await;
        }
    }
}

impl Engine {
    /// Whether a result could be seen in the job's chat. Where news of that may have been missed, as `missed` says, the
    /// platform is asked, and where it seems that nobody would see it: that may be over.
    pub(super) async fn may_be_seen(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        missed: bool,
    ) -> Result<bool, Stopped> {
        if !missed && adapter.may_speak(&job.request.chat) {
            return Ok(true);
        }
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(Stopped::Cancelled { charged: Charged::No }),
            may = adapter.find_out_may_speak(&job.request.chat) => Ok(may),
            () = self.stop.cancelled() => Err(Stopped::Later),
            () = tokio::time::sleep_until(job.deadline) => Err(Stopped::failed(deadline_sentence(self.settings.load().deadline))),
        }
    }
}
