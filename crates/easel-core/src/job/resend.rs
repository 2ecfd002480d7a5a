//! `/重发图片`: a kept result once more.

use std::sync::Arc;

use super::{
    delivery::{Delivered, Item, deliver},
    engine::Engine,
    handover::unsure,
    ledger::StoredArtifact,
    speaker::{Patience, Return},
};
use crate::{
    error::UserError,
    ids::JobId,
    media::{Media, MediaFormat},
    ports::{Adapter, SendFailure},
    reply::{Reply, Target},
};

impl Engine {
    /// Sends the kept results of a job once more, as they are, and says what is gone, could not be sent, or may not have
    /// arrived. They stay where they are until then, whatever their age; see [`pin`].
    ///
    /// [`pin`]: super::kept::Keeper::pin
    pub async fn resend(
        &self,
        adapter: &Arc<dyn Adapter>,
        target: &Target,
        job: JobId,
        artifacts: &[StoredArtifact],
    ) {
        let said = self.sent_again(adapter, target, job, artifacts).await;
        if said.is_empty() {
            return;
        }
        let sentences: Vec<_> = said.iter().map(|said| self.planner.say(&target.chat, said)).collect();
        if let Err(error) = adapter.send(target, &Reply::text(sentences.join("\n"))).await {
            let codes: Vec<_> = said.iter().map(|said| said.code).collect();
            tracing::info!(%job, ?codes, %error, "what became of a resend could not be told");
        }
    }

    /// What the person has to hear behind it, sentence by sentence.
    async fn sent_again(
        &self,
        adapter: &Arc<dyn Adapter>,
        target: &Target,
        job: JobId,
        artifacts: &[StoredArtifact],
    ) -> Vec<UserError> {
        let _pin = self.keeper().pin(job);
        let (mut gone, mut failed, mut unknown, mut bare) = (0, None, None, false);
        let mut patience = Patience::for_soon();
        for (index, artifact) in artifacts.iter().enumerate() {
            let outcome = match self.kept_result(job, artifact).await {
                Ok(Some(media)) => {
                    let send_mode = self.send_mode();
                    let item = Item { job, index, caption: None, captioned: false, media: &media, send_mode };
                    loop {
                        adapter.turn(&target.chat).await;
                        let outcome = deliver(adapter, target, item, None).await;
                        tell(job, index, &outcome);
                        let away = matches!(outcome, Delivered::Away { .. });
                        if !away || patience.wait(self, adapter, target).await != Return::Back {
                            break outcome;
                        }
                    }
                }
                // Removed by hand, or by age and size since it was looked up.
                Ok(None) => {
                    gone += 1;
                    continue;
                }
                Err(sentence) => return vec![sentence],
            };
            let is_clip = matches!(artifact.format, MediaFormat::Clip(_));
            match outcome {
                Delivered::Yes { bare: as_file, .. } => bare |= as_file,
                Delivered::Unknown { .. } => unknown = Some(unsure(is_clip, self.keeper().number_of(job))),
                // Whoever is muted or gone can't be told either.
                Delivered::No { failure: SendFailure::Forbidden, .. } | Delivered::Away { .. } => {
                    return Vec::new();
                }
                // The file may have been removed under the send.
                Delivered::No { .. } if matches!(self.kept_result(job, artifact).await, Ok(None)) => {
                    gone += 1;
                }
                Delivered::No { .. } => {
                    let key = if is_clip { "error-clip-not-delivered" } else { "error-not-delivered" };
                    failed = Some(UserError::new(key, "E-DELIVERY"));
                }
            }
        }
        if gone == artifacts.len() {
            return vec![UserError::new("error-resend-gone", "E-RESEND-GONE")];
        }
        let some_gone = (gone > 0).then(|| UserError::new("error-resend-some-gone", "E-RESEND-GONE"));
        let mut said: Vec<_> = [some_gone, failed, unknown].into_iter().flatten().collect();
        // A file shows not whose it is; a sentence quotes who asked.
        if bare && said.is_empty() {
            said.push(UserError::new("note-as-file", ""));
        }
        said
    }

    /// A kept result, if it is there still.
    async fn kept_result(&self, job: JobId, artifact: &StoredArtifact) -> Result<Option<Media>, UserError> {
        match self.keeper().read(std::slice::from_ref(artifact)).await {
            Ok(mut found) => Ok(found.pop()),
            Err(error) => {
                tracing::error!(%job, %error, code = "E-ARTIFACT", "a kept result can't be read");
                Err(UserError::new("error-internal", "E-ARTIFACT"))
            }
        }
    }
}

/// The owner's line about one result.
fn tell(job: JobId, index: usize, outcome: &Delivered) {
    match outcome {
        Delivered::Yes { .. } => tracing::info!(%job, index, "a result was sent again"),
        Delivered::Unknown { reason } => {
            tracing::warn!(%job, index, reason, "nobody knows whether a result that was sent again arrived");
        }
        Delivered::No { reason, .. } => {
            tracing::warn!(%job, index, reason, code = "E-DELIVERY", "a result could not be sent again");
        }
        Delivered::Away { .. } => {
            tracing::info!(%job, index, "a result waits for its account to be sent again");
        }
    }
}
