//! A result on its way to the chat: its files, its record, and the sends. What must be written before what is decided
//! here; see the table in [`super::recover`] for what each record means after a crash.

use std::{sync::Arc, time::Duration};

use super::{
    Outcome,
    active::Active,
    delivery::{Delivered, Item, RECONNECT_PATIENCE, deliver},
    engine::{Engine, Phase},
    ledger::{Event, StoredArtifact},
    made::{artifacts_of, fewer},
    run::{Speaker, Stopped},
};
use crate::{
    error::{Charged, UserError},
    ids::MessageId,
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

/// A result to be handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed<'a> {
    /// Words above it.
    pub(super) caption: Option<&'a str>,
    /// All of it, in order.
    pub(super) media: &'a [Media],
    /// Where its first ones are kept already.
    pub(super) kept: &'a [StoredArtifact],
    /// Who made it.
    pub(super) provider: &'a str,
}

/// Why a result is not on record.
enum Unrecorded {
    /// The ledger can't be written now, and as it is the next start would deliver the result, or a part of it, again.
    Now(StoreError),
    /// The job ends here.
    Stopped(Stopped),
}

impl From<Stopped> for Unrecorded {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// The waiting of a made result for a ledger that can't be written.
struct Waiting {
    pause: Duration,
    told: bool,
}

impl Waiting {
    fn new() -> Self {
        Self { pause: PAUSE, told: false }
    }
}

impl Engine {
    /// Keeps, records and sends a result.
    pub(super) async fn hand_over(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        handed: Handed<'_>,
    ) -> Result<Outcome, Stopped> {
        let target = &speaker.target;
        let Handed { caption, media, kept, .. } = handed;
        let mut waiting = Waiting::new();
        let record = self.record(job, adapter, speaker, handed, &mut waiting);
        let early = matches!(media, [Media::Picture(picture)] if picture.body.len() <= EARLY_BYTES)
            && kept.is_empty()
            && adapter.is_connected(&job.request.chat.account);
        let transmitted = if early {
            // The picture travels while it is recorded; its last bytes wait for the record.
            let (grant, clearance) = Clearance::new();
            let record = async {
                record.await?;
                grant.give();
                Ok(())
            };
            let transmit =
                async { Ok(self.transmit(job, adapter, target, caption, media, Some(&clearance)).await) };
            // Without the record the send ends here, and nothing whole has left.
            tokio::try_join!(record, transmit).map(|((), transmitted)| Some(transmitted))
        } else {
            record.await.map(|()| None)
        };
        let transmitted = match transmitted {
            Ok(transmitted) => transmitted,
            Err(Unrecorded::Stopped(stopped)) => return Err(stopped),
            Err(Unrecorded::Now(error)) => {
                self.record_at_last(job, adapter, speaker, handed, (&mut waiting, error)).await?;
                None
            }
        };
        let transmitted = match transmitted {
            Some(transmitted) => transmitted,
            None => self.transmit(job, adapter, target, caption, media, None).await,
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
        self.record_sending(job, adapter, speaker, &mut Waiting::new()).await?;
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let transmitted =
            self.transmit(job, adapter, &speaker.target, caption.as_deref(), &media, None).await;
        let outcome = self.delivered(job, transmitted, speaker).await;
        if media.len() < job.wished() {
            speaker.say(&fewer(media.len(), job.wished(), self.lost(job))).await;
        }
        Ok(outcome)
    }

    /// Writes the result's files, then that it is stored and about to be sent.
    ///
    /// A result that can't be stored is paid for all the same, so it may be sent: for the ledger it is still being drawn,
    /// and a crash from here on closes it as interrupted. Not so when the ledger knows a task that the next start would
    /// fetch, or a part that it would deliver.
    async fn record(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        handed: Handed<'_>,
        waiting: &mut Waiting,
    ) -> Result<(), Unrecorded> {
        let Handed { media, kept, provider, .. } = handed;
        let fresh = media.get(kept.len()..).unwrap_or_default();
        let mut artifacts = artifacts_of(job.id, job.kept(), fresh);
        let copied = self.keep(&artifacts, fresh).await;
        if let Err(error) = &copied {
            if kept.is_empty() {
                return self.forget_task(job, error).await;
            }
            artifacts.clear();
        }
        let artifacts = [kept, &artifacts].concat();
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let stored = Event::Stored { artifacts, provider: provider.to_owned() };
        let connected = adapter.is_connected(&job.request.chat.account);
        let written = if connected {
            job.journal.write([stored, Event::Sending]).await
        } else {
            job.journal.write([stored]).await
        };
        match written {
            Ok(()) => {
                if let Err(error) = &copied {
                    without_copy(job, error);
                }
                if !connected {
                    self.record_sending(job, adapter, speaker, waiting).await?;
                }
                Ok(())
            }
            Err(error) if kept.is_empty() => self.forget_task(job, &error).await,
            Err(error) => Err(Unrecorded::Now(error)),
        }
    }

    /// Sees to it, if it can be done now, that the next start does not fetch again what is sent now without a record,
    /// because of this error.
    async fn forget_task(&self, job: &Active, error: &StoreError) -> Result<(), Unrecorded> {
        job.journal.end_task().await.map_err(Unrecorded::Now)?;
        without_copy(job, error);
        Ok(())
    }

    /// Waits until the ledger takes the result, or at least what keeps the next start from delivering it again: that its
    /// task has ended, or that the part of it that is kept is being sent. When easel ends before, the next start delivers
    /// what the service and the store have.
    async fn record_at_last(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        handed: Handed<'_>,
        (waiting, mut error): (&mut Waiting, StoreError),
    ) -> Result<(), Stopped> {
        loop {
            self.wait_for_ledger(job, speaker, &error, waiting).await?;
            error = match self.record(job, adapter, speaker, handed, waiting).await {
                Ok(()) => return Ok(()),
                Err(Unrecorded::Stopped(stopped)) => return Err(stopped),
                Err(Unrecorded::Now(error)) => error,
            };
        }
    }

    /// Records that a stored result is about to be sent, as soon as its account can be spoken to. It is not sent without
    /// that record: the next start would send it again. The job's place is free while that can't be written.
    async fn record_sending(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        waiting: &mut Waiting,
    ) -> Result<(), Stopped> {
        loop {
            self.await_peer(job, adapter).await?;
            let Err(error) = job.journal.write([Event::Sending]).await else { return Ok(()) };
            self.wait_for_ledger(job, speaker, &error, waiting).await?;
        }
    }

    /// Some time passes before the ledger is tried again. The job's place is free meanwhile; when it takes long, the
    /// person hears that the result is made and waits, once.
    async fn wait_for_ledger(
        &self,
        job: &Active,
        speaker: &Speaker,
        error: &StoreError,
        waiting: &mut Waiting,
    ) -> Result<(), Stopped> {
        self.vacate(job);
        if waiting.pause == PAUSE {
            Self::store_failed(error);
        }
        if waiting.pause == PAUSE_MAX && !std::mem::replace(&mut waiting.told, true) {
            // Once more, and not at every try: a disk may be full for days.
            tracing::error!(job = %job.id, %error, code = "E-STORE", "a result waits until it can be recorded");
            let speaker = speaker.clone();
            // Beside the waiting: the chat may be away as well.
            self.tracker().spawn(async move {
                let sentence = UserError::new("job-unrecorded", "E-STORE");
                tokio::select! {
                    () = speaker.engine.stop.cancelled() => {}
                    () = speaker.say(&sentence) => {}
                }
            });
        }
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopped::Later),
            () = tokio::time::sleep(waiting.pause) => {
                waiting.pause = (waiting.pause * 2).min(PAUSE_MAX);
                Ok(())
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

    /// Writes files.
    pub(super) async fn keep(&self, artifacts: &[StoredArtifact], media: &[Media]) -> Result<(), StoreError> {
        for (artifact, result) in artifacts.iter().zip(media) {
            self.store.blobs.put(&artifact.blob, result.body()).await?;
        }
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
        // Whatever is told from here on may wait for a peer.
        self.vacate(job);
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
