//! A job's place among those that run, while it waits for a provider that works for others.

use async_trait::async_trait;

use super::{
    active::Active,
    engine::{Engine, Phase},
};
use crate::{chain::Place, ports::StoreError};

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
}
