//! The engine's side of what jobs cost: who is told when a job has ended, and when it is written.

use super::{
    active::Active,
    engine::Engine,
    usage::{Ended, Spent, UsageBook},
};

impl Engine {
    /// What jobs cost.
    pub fn usage(&self) -> &UsageBook {
        &self.usage
    }

    /// What one result of an attempt costs as far as its answer did not tell.
    pub(super) fn price(&self, spent: &Spent) -> Option<f64> {
        self.planner.provider(&spent.provider)?.price(&spent.operation, spent.tier)
    }

    /// Books a job that has ended.
    pub(super) fn book(&self, job: &Active) {
        let (accepted_at, spent) = (job.accepted_at, job.journal.spent());
        let ended = Ended { job: job.id, accepted_at, request: &job.request, spent: &spent };
        self.usage.note(ended, |spent| self.price(spent));
    }

    /// Writes what the jobs cost that have ended since the last call; call it every few seconds.
    pub async fn store_usage(&self) {
        if let Err(error) = self.usage.store().await {
            tracing::warn!(%error, "what jobs cost could not be stored; it is tried again");
        }
    }
}
