//! Jobs whose pictures come in several rounds, because a service makes fewer at a time than were wished.
//!
//! Each round's pictures are put into the blob store and recorded before the next one is asked for, so that neither a stop
//! nor a crash loses what is paid, and they leave the memory. A job whose first answer brings everything never comes here.

use super::{
    Outcome,
    active::Active,
    ask::Asked,
    collect::Inputs,
    engine::{Engine, Phase},
    ledger::{Event, MadeSoFar, StoredArtifact},
    run::Stopped,
    speaker::Speaker,
};
use crate::{
    error::{Charged, UserError},
    ids::JobId,
    media::Media,
    ports::StoreError,
};

impl Engine {
    /// Keeps and records the pictures of `asked`, because more are to come. Those that can't be kept stay in it: they are
    /// paid and will be delivered, but a crash would lose them.
    ///
    /// `unrecorded` are the inputs of which the ledger does not know. They are kept with the first pictures, because a later
    /// run could not fetch them again: links expire, and what came in the message itself is nowhere else.
    pub(super) async fn keep_made(&self, job: &Active, asked: &mut Asked, unrecorded: &mut Option<Inputs>) {
        let media: Vec<_> = asked.pictures.iter().cloned().map(Media::Picture).collect();
        let artifacts = artifacts_of(job.id, job.kept(), &media);
        let made = MadeSoFar { artifacts, provider: asked.provider.clone() };
        match self.record_made(job, &made, &media, unrecorded.as_mut()).await {
            Ok(()) => {
                job.add_made(made);
                asked.pictures.clear();
                *unrecorded = None;
            }
            Err(error) => {
                let code = Self::store_failed(&error).code;
                tracing::error!(job = %job.id, code, "a part of a result could not be stored; a crash would lose it");
            }
        }
    }

    async fn record_made(
        &self,
        job: &Active,
        made: &MadeSoFar,
        media: &[Media],
        inputs: Option<&mut Inputs>,
    ) -> Result<(), StoreError> {
        let MadeSoFar { artifacts, provider } = made.clone();
        let collected = match inputs {
            Some(inputs) => Some(Event::Collected { inputs: self.collector.keep_all(job.id, inputs).await? }),
            None => None,
        };
        // Noted first: whatever becomes of the job, its end removes them.
        self.keeper.note_made(job.id, &artifacts);
        self.keep(&artifacts, media).await?;
        // As one group: a run that finds the part finds what the rest is made from.
        job.journal.write(collected.into_iter().chain([Event::Made { artifacts, provider }])).await
    }

    /// The kept pictures of a job again, read from their files while they are sent; those that are gone are left out.
    pub(super) async fn load_made(&self, job: &Active) -> (Vec<StoredArtifact>, Vec<Media>) {
        let (mut artifacts, mut media) = (Vec::new(), Vec::new());
        for artifact in job.made().artifacts {
            match self.keeper.read(std::slice::from_ref(&artifact)).await {
                Ok(found) if found.is_empty() => {
                    tracing::error!(job = %job.id, name = artifact.blob, code = "E-ARTIFACT", "a kept picture is gone");
                }
                Ok(found) => {
                    artifacts.push(artifact);
                    media.extend(found);
                }
                Err(error) => {
                    tracing::error!(job = %job.id, %error, code = "E-ARTIFACT", "a kept picture can't be read");
                }
            }
        }
        (artifacts, media)
    }

    /// Delivers what is made of a job for which nothing more is ordered. `note` is told behind it; without one the person
    /// hears how many there are.
    pub(super) async fn deliver_made(
        &self,
        job: &Active,
        speaker: &Speaker,
        note: Option<UserError>,
    ) -> Result<Outcome, Stopped> {
        let caption = self.planner.plan(&job.request).ok().and_then(|plan| plan.caption);
        let asked = Asked { note, ..Asked::default() };
        self.deliver_asked(job, speaker, caption, asked).await
    }

    /// What becomes of a job that could not go on: the pictures that it has are delivered all the same, and a cancelled one
    /// was not free.
    pub(super) async fn settle_for_made(
        &self,
        job: &Active,
        speaker: &Speaker,
        stopped: Stopped,
    ) -> Result<Outcome, Stopped> {
        let stopped = self.priced(job, stopped);
        if job.kept() == 0 || job.phase() == Phase::Delivering {
            return Err(stopped);
        }
        let note = match stopped {
            Stopped::Later if !job.is_watched() => return Err(Stopped::Later),
            // Nobody waits for the rest in a later run.
            Stopped::Later => None,
            Stopped::Cancelled { .. } => return Err(Stopped::Cancelled { charged: Charged::Maybe }),
            Stopped::Unknown { sentence } => Some(sentence),
            Stopped::Failed { sentence, charged } => {
                tracing::info!(job = %job.id, code = sentence.code, "a job could not go on; its part is delivered");
                (charged == Charged::Maybe).then(|| fewer(job.kept(), job.wished(), charged))
            }
        };
        self.deliver_made(job, speaker, note).await
    }
}

/// What the person hears who gets fewer pictures than wished; `charged` = whether the others may be paid as well.
pub(super) fn fewer(made: usize, wished: usize, charged: Charged) -> UserError {
    let key = if charged == Charged::Maybe { "note-fewer-charged" } else { "note-fewer" };
    UserError::new(key, "E-FEWER").with("made", made as u64).with("wished", wished as u64)
}

/// Where results of a job are kept that follow `before` others.
pub(super) fn artifacts_of(job: JobId, before: usize, media: &[Media]) -> Vec<StoredArtifact> {
    let artifact = |(index, result): (usize, &Media)| {
        StoredArtifact::of(format!("{job}-{}.{}", before + index, result.format().extension()), result)
    };
    media.iter().enumerate().map(artifact).collect()
}
