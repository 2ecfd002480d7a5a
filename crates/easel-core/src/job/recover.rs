//! What happens to the jobs of an earlier run, by how far the ledger says they were.
//!
//! | stage in the ledger | at start |
//! | --- | --- |
//! | accepted, no provider under way | runs, when its account is back; failed `overdue`, told, when its time was over long before |
//! | the same, a part made | asks for the rest, delivers all together |
//! | a provider asked, no answer | failed `interrupted` (may have been paid), told |
//! | the same, a part made | the part is delivered, with how many there are |
//! | a task ordered, its id known | asked about with the same key, fetched, delivered; runs if the service forgot it unpaid |
//! | the same, a part made | the same, and what lacks then is asked for; all is delivered together |
//! | a task intended, no id | `unknown`, told, never ordered again |
//! | the same, a part made | the part is delivered, with the same sentence |
//! | artifacts stored, not sending | delivered, those that were sent before left out |
//! | sending, no outcome | `unknown`, told, not sent again; `/重发图片` fetches it |
//!
//! Whatever is told waits for its account, for a day if need be, and is recorded as ended after that.
//!
//! A call whose answer was never seen counts as a failed attempt that may have been paid, when its job ends.
//!
//! “Made” are the pictures of earlier rounds of a job that asks several times; see `made`.

use std::sync::Arc;

use super::{
    Outcome,
    begun::Begun,
    engine::Engine,
    handover::unsure,
    ledger::{Entry, Event, INTERRUPTED, JobRecord, Stage},
    run::Beginning,
    sentences::uncharged,
    speaker::{Patience, Speaker},
    usage::Ended,
};
use crate::{
    error::{Charged, UserError},
    ids::Platform,
    ports::StoreError,
    reply::{Reaction, Target},
};

/// The code of a job whose task may or may not have been ordered by an earlier run.
const TASK_UNKNOWN: &str = "E-TASK-UNKNOWN";

/// What an earlier run left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Run again.
    pub rerun: usize,
    /// Their tasks at services are asked about.
    pub resumed: usize,
    /// Closed as interrupted.
    pub interrupted: usize,
    /// Delivered now.
    pub delivered: usize,
    /// Closed as unknown.
    pub unknown: usize,
}

fn ended(record: &JobRecord) -> Ended<'_> {
    let JobRecord { id, accepted_at, request, spent, .. } = record;
    Ended { job: *id, accepted_at: *accepted_at, request, spent }
}

impl Engine {
    /// Reads the ledger and remembers what an earlier run kept and was asked. Called once, before anything arrives.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub async fn remember(&self) -> Result<Vec<JobRecord>, StoreError> {
        let records = self.store.ledger.load().await?;
        for record in &records {
            self.keeper.remember(record);
            self.number_after(record.number);
        }
        Ok(records)
    }

    /// Puts every unfinished one of the remembered jobs on its way. Called once, when the adapters listen; jobs wait for
    /// their peers by themselves. Jobs of platforms that are not configured now stay as they are. Nobody waits any more
    /// for the jobs of the platform `transient` (the command line): they are closed.
    pub async fn recover(self: &Arc<Self>, records: Vec<JobRecord>, transient: &Platform) -> Recovered {
        let mut recovered = Recovered::default();
        self.catch_up(&records).await;
        for record in records {
            let platform = &record.request.chat.platform;
            if !record.is_finished() && platform == transient {
                let outcome = Outcome::Failed { code: INTERRUPTED.to_owned(), charged: Charged::Maybe };
                self.close(&record, outcome).await;
                continue;
            }
            if !record.is_finished() && self.planner.adapter(platform).is_none() {
                tracing::warn!(job = %record.id, %platform, "an unfinished job of a platform that is not configured");
                continue;
            }
            match record.stage.clone() {
                Stage::Finished(_) => {}
                Stage::Waiting => {
                    recovered.rerun += 1;
                    self.resume(&record, Beginning::Again { inputs: record.inputs.clone() });
                }
                Stage::Asking => match record.task.clone() {
                    None if !record.made.is_empty() => {
                        recovered.delivered += 1;
                        self.resume(&record, Beginning::DeliverMade { note: None });
                    }
                    None => {
                        recovered.interrupted += 1;
                        self.tell_and_close(record, UserError::new("error-interrupted", INTERRUPTED));
                    }
                    Some(task) if task.known().is_some() => {
                        recovered.resumed += 1;
                        let inputs = record.inputs.clone();
                        self.resume(&record, Beginning::Task { task: Box::new(task), inputs });
                    }
                    Some(_) if !record.made.is_empty() => {
                        recovered.delivered += 1;
                        let note = UserError::new("error-task-unknown", TASK_UNKNOWN);
                        self.resume(&record, Beginning::DeliverMade { note: Some(note) });
                    }
                    Some(_) => {
                        recovered.unknown += 1;
                        self.tell_and_close(record, UserError::new("error-task-unknown", TASK_UNKNOWN));
                    }
                },
                Stage::Stored => {
                    recovered.delivered += 1;
                    let (artifacts, provider) = (record.artifacts.clone(), record.provider.clone());
                    let sent = usize::try_from(record.sent).unwrap_or(usize::MAX);
                    let heard = record.heard;
                    self.resume(&record, Beginning::Deliver { artifacts, sent, heard, provider });
                }
                Stage::Sending => {
                    recovered.unknown += 1;
                    let sentence = unsure(record.request.is_clip(), record.number);
                    // The sentence says how to fetch the result, so from now on that must work.
                    self.keeper.offer(record.id);
                    self.tell_and_close(record, sentence);
                }
            }
        }
        self.sweep().await;
        recovered
    }

    /// Books what the jobs of earlier runs cost, as far as those runs did not come to it.
    async fn catch_up(&self, records: &[JobRecord]) {
        let finished: Vec<_> = records.iter().filter(|record| record.is_finished()).map(ended).collect();
        if let Err(error) = self.usage.catch_up(&finished, |spent| self.price(spent)).await {
            tracing::warn!(%error, "what the last jobs of the earlier run cost could not be read");
        }
        self.store_usage().await;
    }

    async fn close(&self, record: &JobRecord, outcome: Outcome) {
        let mut spent = record.spent.clone();
        let lost = Begun::left_by(record).map(|begun| begun.lost(&mut spent));
        let events = lost.into_iter().chain([Event::Finished { outcome: outcome.clone() }]);
        let entry = |event| Entry { job: record.id, at: self.clock.now(), event };
        let durable = self.store.ledger.append(events.map(entry).collect());
        self.keeper.finished(record.id, outcome.clone()).await;
        self.usage.note(Ended { spent: &spent, ..ended(record) }, |spent| self.price(spent));
        if let Err(error) = durable.await {
            self.end_at_last(record.id, outcome, &error);
        }
    }

    /// Tells the person how a job of an earlier run ended, then closes it, so that a crash before it is told tells it next
    /// time. It keeps what it took of the limits, because it may have been paid.
    fn tell_and_close(self: &Arc<Self>, record: JobRecord, sentence: UserError) {
        let mut spent = record.spent.clone();
        if let Some(begun) = Begun::left_by(&record) {
            begun.lost(&mut spent);
        }
        let sentence = if self.were_free(&spent) { uncharged(sentence) } else { sentence };
        let outcome = if record.stage == Stage::Sending || sentence.code == TASK_UNKNOWN {
            Outcome::Unknown
        } else {
            Outcome::Failed { code: sentence.code.to_owned(), charged: Charged::Maybe }
        };
        let target =
            Target { chat: record.request.chat.clone(), quote: Some(record.request.message.clone()) };
        let speaker = self.planner.adapter(&target.chat.platform).map(|adapter| Speaker {
            engine: Arc::clone(self),
            adapter,
            target,
        });
        let engine = Arc::clone(self);
        self.tracker().spawn(async move {
            if let Some(speaker) = &speaker {
                let mut patience = Patience::of_a_day(&engine, Some(record.changed_at));
                if !speaker.tell(record.id, (&sentence, Charged::No), &mut patience).await {
                    return;
                }
            }
            engine.close(&record, outcome).await;
            if let Some(speaker) = &speaker {
                speaker.react(Reaction::Failed).await;
            }
        });
    }
}
