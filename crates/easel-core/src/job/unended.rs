//! Ends of jobs that the ledger could not take: they are tried again until it does, because the next start would run,
//! tell or deliver such a job once more, a cancelled one included.

use super::{
    Outcome,
    active::Active,
    engine::Engine,
    handover::{PAUSE, PAUSE_MAX},
    ledger::{Entry, Event},
};
use crate::{ids::JobId, ports::StoreError};

impl Engine {
    /// The end of a job once more, without what was held: a nearly full disk may have room for that, which matters most.
    pub(super) fn end_alone(&self, job: &Active, outcome: Outcome, error: &StoreError) {
        if job.journal.is_known() {
            self.end_at_last(job.id, outcome, error);
        } else {
            // The next start finds nothing of it, so there is nothing to end.
            tracing::error!(job = %job.id, %error, code = "E-STORE", "a job left nothing in the ledger");
        }
    }

    /// Writes the end of a job that the ledger knows as soon as it can, beside everything else; for each job once, so there
    /// are no more of them than jobs that were under way when the disk was full. When easel stops before, the next start
    /// takes the job for unfinished.
    pub(super) fn end_at_last(&self, job: JobId, outcome: Outcome, error: &StoreError) {
        tracing::error!(job = %job, %error, code = "E-STORE", "the end of a job could not be recorded; it is tried until it can");
        let (ledger, stop, at) = (self.store.ledger.clone(), self.stop.clone(), self.clock.now());
        self.tracker().spawn(async move {
            let mut pause = PAUSE;
            loop {
                let end = Entry { job, at, event: Event::Finished { outcome: outcome.clone() } };
                let Err(error) = ledger.append(vec![end]).await else {
                    tracing::info!(job = %job, "the end of a job was recorded after all");
                    return;
                };
                if stop.is_cancelled() {
                    tracing::error!(job = %job, %error, code = "E-STORE", "the end of a job is not recorded; the next start takes it for unfinished");
                    return;
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                }
            }
        });
    }
}
