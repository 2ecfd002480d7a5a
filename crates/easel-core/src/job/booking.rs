//! The engine's side of what jobs cost: who is told when a job has ended, and when it is written.

use super::{
    active::Active,
    engine::Engine,
    run::Stopped,
    sentences::uncharged,
    usage::{Ended, Spent, UsageBook},
};
use crate::error::Charged;

impl Engine {
    /// What jobs cost.
    pub fn usage(&self) -> &UsageBook {
        &self.usage
    }

    /// What one result of an attempt costs as far as its answer did not tell.
    pub(super) fn price(&self, spent: &Spent) -> Option<f64> {
        self.planner.provider(&spent.provider)?.price(&spent.operation, spent.tier)
    }

    /// Whether attempts were made and none of them can have cost anything.
    pub(super) fn were_free(&self, spent: &[Spent]) -> bool {
        !spent.is_empty() && spent.iter().all(|spent| self.price(spent).is_some_and(|price| price <= 0.0))
    }

    /// Whether the job asked somebody, and nobody whom it asked can have charged anything.
    pub(super) fn was_free(&self, job: &Active) -> bool {
        self.were_free(&job.journal.begun_or_spent())
    }

    /// Whether an attempt of the job may have been paid that brought nothing.
    pub(super) fn lost(&self, job: &Active) -> Charged {
        if self.was_free(job) { Charged::No } else { job.journal.lost() }
    }

    /// How many calls of the job may have been paid that brought nothing.
    pub(super) fn paid_in_vain(&self, job: &Active) -> u64 {
        let spent = job.journal.begun_or_spent();
        let charging = |spent: &&Spent| self.price(spent).is_none_or(|price| price > 0.0);
        spent.iter().filter(charging).map(|spent| spent.totals.maybe_paid).sum()
    }

    /// The same end without a word about charges where there can be none.
    pub(super) fn priced(&self, job: &Active, stopped: Stopped) -> Stopped {
        if !self.was_free(job) {
            return stopped;
        }
        match stopped {
            Stopped::Failed { sentence, .. } => Stopped::failed(uncharged(sentence)),
            Stopped::Unknown { sentence } => Stopped::Unknown { sentence: uncharged(sentence) },
            other => other,
        }
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
