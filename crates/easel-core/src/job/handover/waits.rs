//! A result that waits: for its peer, which may be away for a day, for a ledger that can't be written, or for others of
//! its chat. Nothing is sent here.

use std::time::Duration;

use super::{PAUSE, PAUSE_MAX, Recorded, Sending, Transmitted};
use crate::{
    error::UserError,
    job::{
        active::Active,
        engine::Engine,
        ledger::{Event, StoredArtifact},
        lines::First,
        made::artifacts_of,
        run::Stopped,
        speaker::{Patience, Return, Speaker},
    },
    media::Media,
    ports::StoreError,
};

/// The pause before what could not be put away is tried once more: a disk may be full for days.
const PUT_AWAY_AGAIN: Duration = Duration::from_mins(1);
/// How long after a stop a result may still become the next of its chat. The others are delivered after the next start.
const LAST: Duration = Duration::from_secs(3);

/// The waiting of a made result for a ledger that can't be written.
pub(super) struct Waiting {
    pause: Duration,
    told: bool,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { pause: PAUSE, told: false }
    }
}

impl Engine {
    /// Waits until the peer is back, as long as there is patience. The result is put away before that; where it can't be,
    /// again and again meanwhile, and when easel stops.
    pub(super) async fn wait_for_peer(
        &self,
        job: &Active,
        speaker: &Speaker,
        (sending, media, transmitted): (&mut Sending<'_>, &mut Vec<Media>, &Transmitted),
        patience: &mut Patience,
    ) -> Return {
        let account = &job.request.chat.account;
        let mut is_away = self.put_away(job, sending, media, transmitted).await;
        tracing::info!(job = %job.id, %account, "a result waits for its account, which is away");
        let returned = patience.wait(self, &speaker.adapter, &speaker.target);
        tokio::pin!(returned);
        let returned = loop {
            tokio::select! {
                biased;
                returned = &mut returned => break returned,
                () = tokio::time::sleep(PUT_AWAY_AGAIN), if !is_away => {
                    is_away = self.put_away(job, sending, media, transmitted).await;
                }
            }
        };
        if returned == Return::Stopping && !is_away {
            self.put_away(job, sending, media, transmitted).await;
        }
        returned
    }

    /// The ledger gets to know that what is left is stored and that nobody sends it, and it leaves the memory. False when
    /// that failed and may be tried again.
    async fn put_away(
        &self,
        job: &Active,
        sending: &mut Sending<'_>,
        media: &mut Vec<Media>,
        transmitted: &Transmitted,
    ) -> bool {
        let stored = match self.keep_rest(job, sending, media, transmitted).await {
            Ok(()) => self.stop_sending(job, sending, transmitted).await,
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            // A crash now ends it as unknown or as interrupted, and the person is told.
            tracing::warn!(job = %job.id, %error, "a result that waits could not be recorded as it is; that is tried again");
            return false;
        }
        if let Recorded::Stored(artifacts) = &sending.recorded
            && let Ok(files) = self.keeper.read(artifacts.get(sending.first..).unwrap_or_default()).await
            && files.len() == media.len()
        {
            *media = files;
        }
        true
    }

    /// Keeps and records what could not be kept when it came.
    async fn keep_rest(
        &self,
        job: &Active,
        sending: &mut Sending<'_>,
        media: &[Media],
        transmitted: &Transmitted,
    ) -> Result<(), StoreError> {
        let known: &[StoredArtifact] = match &sending.recorded {
            Recorded::Not => &[],
            Recorded::Stored(artifacts) | Recorded::Sending(artifacts) => artifacts,
        };
        let rest = media.get(known.len().saturating_sub(sending.first)..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        let artifacts = artifacts_of(job.id, job.kept(), rest);
        self.keep(&artifacts, rest).await?;
        let artifacts = [known, &artifacts].concat();
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let stored = sending.stored(&artifacts, transmitted);
        sending.recorded = if transmitted.is_unsettled() {
            job.journal.write([stored, Event::Sending]).await?;
            Recorded::Sending(artifacts)
        } else {
            job.journal.write([stored]).await?;
            Recorded::Stored(artifacts)
        };
        tracing::info!(job = %job.id, "a result that had no copy is stored now");
        Ok(())
    }

    /// Its peer went away: what is left is stored and certainly not being sent, and the ledger says so. It keeps saying
    /// that it is being sent as long as something of it may have arrived.
    async fn stop_sending(
        &self,
        job: &Active,
        sending: &mut Sending<'_>,
        transmitted: &Transmitted,
    ) -> Result<(), StoreError> {
        if let Recorded::Sending(artifacts) = &sending.recorded
            && !transmitted.is_unsettled()
        {
            job.journal.write([sending.stored(artifacts, transmitted)]).await?;
            sending.recorded = Recorded::Stored(artifacts.clone());
        }
        Ok(())
    }

    /// Waits until no other result of the chat is recorded as being sent and has not begun to be.
    pub(super) async fn next_in_chat(&self, job: &Active) -> Result<First, Stopped> {
        let late = async {
            self.stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            biased;
            next = self.senders.first(job.request.chat.clone()) => Ok(next),
            () = late => Err(Stopped::Later),
        }
    }

    /// Some time passes before the ledger is tried again. The job's place is free meanwhile; when it takes long, the
    /// person hears that the result is made and waits, once.
    pub(super) async fn wait_for_ledger(
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
}
