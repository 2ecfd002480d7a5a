//! How a job ends: what is recorded, freed, marked and told, and in which order.

use std::{sync::Arc, time::Duration};

use super::{
    Outcome,
    active::{Active, Words},
    engine::Engine,
    ledger::Event,
    lines::First,
    run::Stopped,
    speaker::{Patience, Speaker, Told},
};
use crate::{
    error::{Charged, UserError},
    ports::Durable,
    reply::{Reaction, Target},
};

/// How long the record of a delivery waits for another one to share its fsync with. A crash before that ends the job as
/// `unknown`: it is not sent again either way.
const COMPANY: Duration = Duration::from_millis(50);

impl Engine {
    /// Ends a job, whatever came of it.
    pub(super) async fn end(&self, job: &Active, speaker: &Speaker, result: Result<Outcome, Stopped>) {
        match result {
            Ok(outcome) => self.end_well(job, speaker, outcome).await,
            // Whoever waits for it is not there any more then, and hears why now.
            Err(Stopped::Later) if job.is_watched() => {
                let sentence = UserError::new("error-stopping", "E-STOPPING");
                let has_result = job.is_handed_over() || job.kept() > 0;
                let charged = if has_result { Charged::Maybe } else { self.lost(job) };
                let charged = if self.was_free(job) { Charged::No } else { charged };
                tracing::info!(job = %job.id, code = sentence.code, ?charged, "left undone, because easel stops");
                let outcome = Outcome::Failed { code: sentence.code.to_owned(), charged };
                self.end_with(job, speaker, (&sentence, charged), outcome).await;
            }
            Err(Stopped::Later) => tracing::info!(job = %job.id, "kept for the next start"),
            Err(Stopped::Cancelled { charged }) => {
                tracing::info!(job = %job.id, ?charged, "cancelled");
                // What may have been paid counts; else cancelling at the right moment would be free drawing.
                self.finish_counting(job, Outcome::Cancelled, charged == Charged::Maybe).await;
                job.announced().await;
                speaker.react(Reaction::Failed).await;
            }
            Err(Stopped::Failed { sentence, charged }) => {
                tracing::info!(job = %job.id, code = sentence.code, ?charged, "failed");
                let outcome = Outcome::Failed { code: sentence.code.to_owned(), charged };
                self.end_with(job, speaker, (&sentence, charged), outcome).await;
            }
            Err(Stopped::Unknown { sentence }) => {
                tracing::warn!(job = %job.id, code = sentence.code, "nobody knows whether it was ordered; it is not ordered again");
                self.end_with(job, speaker, (&sentence, Charged::Maybe), Outcome::Unknown).await;
            }
        }
    }

    /// Ends a job whose result was sent, as far as it could be. Recorded before anything more is said: words may be refused
    /// for minutes, and a crash meanwhile must not make a picture doubtful that certainly arrived.
    async fn end_well(&self, job: &Active, speaker: &Speaker, outcome: Outcome) {
        let mark = match &outcome {
            Outcome::Delivered { .. } => Some(Reaction::Done),
            Outcome::Failed { .. } | Outcome::Unknown => Some(Reaction::Failed),
            Outcome::Cancelled => None,
        };
        if job.is_watched() {
            // Whoever waits in front of it hears nothing any more when it has ended.
            Self::say_all(job, speaker).await;
        }
        job.journal.give_up();
        let finished = Event::Finished { outcome: outcome.clone() };
        let durable = if matches!(outcome, Outcome::Delivered { .. }) {
            job.journal.append_later(finished)
        } else {
            job.journal.append([finished])
        };
        self.conclude(job, outcome.clone()).await;
        let marked = async {
            if let Some(mark) = mark {
                job.announced().await;
                speaker.react(mark).await;
            }
        };
        // A peer may take its time with the mark and the words; the record does not.
        tokio::join!(marked, self.recorded(job, outcome, durable), Self::say_all(job, speaker));
    }

    /// Says what belongs to the result of a job.
    async fn say_all(job: &Active, speaker: &Speaker) {
        for words in job.take_words() {
            match words {
                Words::Sentence(sentence) => speaker.say(&sentence).await,
                Words::Caption(words) => speaker.say_words(&words).await,
            }
        }
    }

    /// Ends a job without a result. Told before it is recorded, so that nobody is forgotten, also when its account is away
    /// for hours and easel is started again meanwhile; the place is free until then.
    async fn end_with(
        &self,
        job: &Active,
        speaker: &Speaker,
        (sentence, charged): (&UserError, Charged),
        outcome: Outcome,
    ) {
        job.end();
        self.vacate(job);
        let mut patience = Patience::of_a_day(self, job.left_at);
        let told = speaker.tell_end(job, (sentence, charged), &mut patience).await;
        if told == Told::NotYet {
            return;
        }
        self.finish(job, outcome).await;
        job.announced().await;
        // After hours there are many marks as well, and one sentence may have told several ends.
        let _turn = if told == Told::Late { self.mark_turn(speaker).await } else { None };
        speaker.react(Reaction::Failed).await;
    }

    /// The turn of a late mark; at once when easel stops.
    async fn mark_turn(&self, speaker: &Speaker) -> Option<First> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            turn = self.turns.turn(&speaker.target.chat) => Some(turn),
        }
    }

    /// A job's task panicked: the job fails with a sentence, its place is freed.
    pub(super) async fn crashed(self: &Arc<Self>, job: &Active) {
        tracing::error!(job = %job.id, code = "E-PANIC", "a job's task panicked");
        let charged = if job.may_cost() { Charged::Maybe } else { self.lost(job) };
        let charged = if self.was_free(job) { Charged::No } else { charged };
        let outcome = Outcome::Failed { code: "E-PANIC".to_owned(), charged };
        job.end();
        self.vacate(job);
        if let Some(adapter) = self.planner.adapter(&job.request.chat.platform) {
            let target = Target { chat: job.request.chat.clone(), quote: Some(job.request.message.clone()) };
            let speaker = Speaker { engine: Arc::clone(self), adapter, target };
            let mut patience = Patience::of_a_day(self, job.left_at);
            let sentence = UserError::new("error-internal", "E-PANIC");
            if speaker.tell_end(job, (&sentence, charged), &mut patience).await == Told::NotYet {
                return;
            }
        }
        self.finish(job, outcome).await;
    }

    /// Records the end of a job and frees its place.
    pub(super) async fn finish(&self, job: &Active, outcome: Outcome) {
        let counts = counts(&outcome);
        self.finish_counting(job, outcome, counts).await;
    }

    /// The same; `counts` = the limits keep what they counted.
    async fn finish_counting(&self, job: &Active, outcome: Outcome, counts: bool) {
        job.journal.give_up();
        let durable = job.journal.append([Event::Finished { outcome: outcome.clone() }]);
        self.conclude_counting(job, outcome.clone(), counts).await;
        if let Err(error) = durable.await {
            self.end_alone(job, outcome, &error);
        }
    }

    /// Frees the place of a job whose end is handed to the ledger.
    async fn conclude(&self, job: &Active, outcome: Outcome) {
        let counts = counts(&outcome);
        self.conclude_counting(job, outcome, counts).await;
    }

    async fn conclude_counting(&self, job: &Active, outcome: Outcome, counts: bool) {
        self.release(job, outcome.clone(), counts);
        self.book(job);
        // Before it is durable: the person may ask for the result again at once.
        self.keeper.finished(job.id, outcome).await;
    }

    /// Waits for a record that hurries nobody. Where jobs follow each other it shares the fsync of the next one's; where
    /// nothing follows soon it gets its own.
    async fn recorded(&self, job: &Active, outcome: Outcome, mut durable: Durable) {
        let shared = tokio::select! {
            biased;
            recorded = &mut durable => Some(recorded),
            () = self.stop.cancelled() => None,
            () = tokio::time::sleep(COMPANY) => None,
        };
        let recorded = match shared {
            Some(recorded) => recorded,
            None => self.store.ledger.append(Vec::new()).await.and(durable.await),
        };
        if let Err(error) = recorded {
            self.end_alone(job, outcome, &error);
        }
    }
}

/// Whether the limits keep what a job with this end took of them.
fn counts(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Delivered { .. } | Outcome::Unknown)
}
