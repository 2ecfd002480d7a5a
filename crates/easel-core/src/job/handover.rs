//! A result on its way to the chat: its files, its record, and the sends. What must be written before what is decided
//! here; see the table in [`super::recover`] for what each record means after a crash.

use std::{sync::Arc, time::Duration};

use super::{
    Outcome,
    delivery::{Delivered, Item, RECONNECT_PATIENCE, deliver},
    engine::{Active, Engine, Phase},
    ledger::{Event, StoredArtifact},
    run::{Speaker, Stopped},
};
use crate::{
    error::{Charged, UserError},
    ids::{JobId, MessageId},
    media::Media,
    ports::{Adapter, SendFailure, StoreError},
    reply::{Clearance, Target},
};

/// The first and the longest pause between two looks for a peer, or two tries to write a record.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A larger result is written first and sent then: on a slow disk it would hold up everybody on the same connection.
const EARLY_BYTES: u64 = 16 << 20;

/// What became of a job's results.
#[derive(Debug, Default)]
struct Transmitted {
    /// The first message that carries one.
    message: Option<MessageId>,
    /// Nobody knows about at least one.
    unknown: bool,
    /// At least one is certainly not there.
    failed: Option<SendFailure>,
}

impl Engine {
    /// Keeps, records and sends a result.
    pub(super) async fn hand_over(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        caption: Option<&str>,
        media: &[Media],
        provider: String,
    ) -> Result<Outcome, Stopped> {
        let target = &speaker.target;
        let record = self.record(job, adapter, media, provider);
        let early = matches!(media, [Media::Picture(picture)] if picture.body.len() <= EARLY_BYTES)
            && adapter.is_connected(&job.request.chat.account);
        let transmitted = if early {
            // The picture travels while it is recorded; its last bytes wait for the record.
            let (grant, clearance) = Clearance::new();
            let record = async {
                record.await?;
                grant.give();
                Ok::<_, Stopped>(())
            };
            let transmit =
                async { Ok(self.transmit(job, adapter, target, caption, media, Some(&clearance)).await) };
            // Without the record the send ends here, and nothing whole has left.
            tokio::try_join!(record, transmit)?.1
        } else {
            record.await?;
            self.transmit(job, adapter, target, caption, media, None).await
        };
        Ok(self.delivered(job, transmitted, speaker).await)
    }

    /// Delivers what an earlier run stored and did not begin to send.
    pub(super) async fn hand_over_later(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        artifacts: Vec<StoredArtifact>,
    ) -> Result<Outcome, Stopped> {
        let media = self.keeper.read(&artifacts).await?;
        if media.len() < artifacts.len() {
            let lost = if job.request.is_clip() { "error-clip-lost" } else { "error-result-lost" };
            return Err(Stopped::Failed {
                sentence: UserError::new(lost, "E-ARTIFACT"),
                charged: Charged::Maybe,
            });
        }
        let caption = self.planner.plan(&job.request).ok().and_then(|plan| plan.caption);
        self.record_sending(job, adapter).await?;
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let transmitted =
            self.transmit(job, adapter, &speaker.target, caption.as_deref(), &media, None).await;
        Ok(self.delivered(job, transmitted, speaker).await)
    }

    /// Writes the result's files, then that it is stored and about to be sent.
    ///
    /// A result that can't be stored is paid for all the same, so it may be sent: for the ledger it is still being drawn,
    /// and a crash from here on closes it as interrupted.
    async fn record(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        media: &[Media],
        provider: String,
    ) -> Result<(), Stopped> {
        let artifacts = artifacts_of(job.id, media);
        if let Err(error) = self.keep(job, &artifacts, media).await {
            without_copy(job, &error);
            return self.end_task(job).await;
        }
        let stored = Event::Stored { artifacts, provider };
        let connected = adapter.is_connected(&job.request.chat.account);
        let written = if connected {
            job.journal.write([stored, Event::Sending]).await
        } else {
            job.journal.write([stored]).await
        };
        match written {
            Ok(()) if connected => Ok(()),
            Ok(()) => self.record_sending(job, adapter).await,
            Err(error) => {
                without_copy(job, &error);
                self.end_task(job).await
            }
        }
    }

    /// Sees to it that the next start does not fetch and send again what is sent now without a record. Where that can't be
    /// written either, the result stays at the service, which keeps it.
    async fn end_task(&self, job: &Active) -> Result<(), Stopped> {
        let mut pause = PAUSE;
        loop {
            let Err(error) = job.journal.end_task().await else { return Ok(()) };
            Self::store_failed(&error);
            self.vacate(job);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped::Later),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    /// Records that a stored result is about to be sent, as soon as its account can be spoken to. It is not sent without
    /// that record: the next start would send it again. The job's place is free while that can't be written.
    async fn record_sending(&self, job: &Active, adapter: &Arc<dyn Adapter>) -> Result<(), Stopped> {
        let mut pause = PAUSE;
        loop {
            self.await_peer(job, adapter).await?;
            let Err(error) = job.journal.write([Event::Sending]).await else { return Ok(()) };
            Self::store_failed(&error);
            self.vacate(job);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped::Later),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }

    /// Waits until the job's account can be spoken to, so that nothing is recorded as being sent that certainly is not.
    /// Its place is free meanwhile. When the patience is over, the send itself says that nobody is there.
    pub(super) async fn await_peer(&self, job: &Active, adapter: &Arc<dyn Adapter>) -> Result<(), Stopped> {
        let account = &job.request.chat.account;
        let patience = tokio::time::Instant::now() + RECONNECT_PATIENCE;
        let mut pause = PAUSE;
        while !adapter.is_connected(account) && tokio::time::Instant::now() < patience {
            if job.phase() == Phase::Delivering {
                self.vacate(job);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped::Later),
                () = job.cancel.cancelled() => return Err(Stopped::Cancelled { charged: Charged::No }),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
        Ok(())
    }

    /// Writes the result's files.
    async fn keep(
        &self,
        job: &Active,
        artifacts: &[StoredArtifact],
        media: &[Media],
    ) -> Result<(), StoreError> {
        for (artifact, result) in artifacts.iter().zip(media) {
            self.store.blobs.put(&artifact.blob, result.body()).await?;
        }
        self.keeper.note_artifacts(job.id, &job.request, artifacts);
        Ok(())
    }

    /// Sends the results one after the other.
    async fn transmit(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        target: &Target,
        caption: Option<&str>,
        media: &[Media],
        clearance: Option<&Clearance>,
    ) -> Transmitted {
        let mut transmitted = Transmitted::default();
        for (index, media) in media.iter().enumerate() {
            let caption = caption.filter(|_| index == 0);
            let item = Item { job: job.id, index, caption, media, send_mode: self.send_mode() };
            match deliver(adapter, target, item, clearance).await {
                Delivered::Yes { message } => transmitted.message = transmitted.message.or(message),
                Delivered::Unknown { reason } => {
                    tracing::warn!(job = %job.id, index, reason, "nobody knows whether a result arrived; it is not sent again");
                    transmitted.unknown = true;
                }
                Delivered::No { failure, reason } => {
                    tracing::error!(job = %job.id, index, ?failure, reason, code = "E-DELIVERY", "a result could not be delivered");
                    transmitted.failed = Some(failure);
                    if matches!(failure, SendFailure::Forbidden | SendFailure::Disconnected) {
                        break;
                    }
                }
            }
        }
        transmitted
    }

    /// The end of a job whose results were sent; the person is told what did not arrive.
    async fn delivered(&self, job: &Active, transmitted: Transmitted, speaker: &Speaker) -> Outcome {
        let Transmitted { message, unknown, failed } = transmitted;
        let Some(failure) = failed else {
            return if unknown { Outcome::Unknown } else { Outcome::Delivered { message } };
        };
        let outcome = Outcome::Failed { code: "E-DELIVERY".to_owned(), charged: Charged::Maybe };
        if !matches!(failure, SendFailure::Forbidden | SendFailure::Disconnected) {
            // The sentence says how to fetch the result, so from now on that must work.
            self.keeper.finished(job.id, outcome.clone()).await;
            let lost = if job.request.is_clip() { "error-clip-not-delivered" } else { "error-not-delivered" };
            speaker.say(&UserError::new(lost, "E-DELIVERY")).await;
        }
        outcome
    }
}

fn without_copy(job: &Active, error: &StoreError) {
    let code = Engine::store_failed(error).code;
    tracing::error!(job = %job.id, code, "a result could not be stored; it is delivered without a copy");
}

/// Where a job's results are kept.
fn artifacts_of(job: JobId, media: &[Media]) -> Vec<StoredArtifact> {
    let artifact = |(index, result): (usize, &Media)| {
        StoredArtifact::of(format!("{job}-{index}.{}", result.format().extension()), result)
    };
    media.iter().enumerate().map(artifact).collect()
}
