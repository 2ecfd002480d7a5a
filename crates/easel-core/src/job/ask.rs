//! Asking: from a plan to a result in memory, over as many calls as it takes; or on with a task of an earlier run.

use super::{
    engine::{Active, Engine, Plan},
    ledger::StoredTask,
    place::PlaceOf,
    run::Stopped,
    sentences::{chain_sentence, class_sentence},
};
use crate::{
    chain::{AttemptLog, Chain, ChainFailure, Resumed},
    error::{Charged, ErrorClass, Retry, UserError},
    media::{Clip, Media, Picture, collage, shrink},
    ports::{GenerateRequest, Operation, Output, Reference},
};
use std::sync::Arc;

/// What was made.
pub(super) struct Asked {
    /// The pictures; empty when there is a clip.
    pub(super) pictures: Vec<Picture>,
    /// The clip.
    pub(super) clip: Option<Clip>,
    /// Who made it.
    pub(super) provider: String,
    /// What else the person has to hear, after the result.
    pub(super) note: Option<UserError>,
}

impl Asked {
    /// What is delivered: what was asked for, and nothing else that the service may have made.
    ///
    /// # Errors
    /// When there is nothing of that kind; it may be paid all the same.
    pub(super) fn into_media(self, is_clip: bool) -> Result<Vec<Media>, Stopped> {
        let media: Vec<_> = if is_clip {
            self.clip.map(Media::Clip).into_iter().collect()
        } else {
            self.pictures.into_iter().map(Media::Picture).collect()
        };
        if media.is_empty() {
            tracing::warn!(provider = self.provider, "the service made something else than it was asked for");
            let sentence = class_sentence(ErrorClass::Empty, is_clip);
            return Err(Stopped::Failed { sentence, charged: Charged::Maybe });
        }
        Ok(media)
    }
}

impl Engine {
    /// Asks the chain until there are as many pictures as wished. A failure after the first picture delivers what
    /// there is, with a sentence about the rest.
    pub(super) async fn ask(
        &self,
        job: &Active,
        plan: &Plan,
        references: Vec<Reference>,
    ) -> Result<Asked, Stopped> {
        let mut request = request_of(job, plan, references);
        let wished = usize::from(request.count);
        let mut asked = Asked { pictures: Vec::new(), clip: None, provider: String::new(), note: None };
        let log: Arc<dyn AttemptLog> = job.journal.clone();
        let mut attempts = job.attempts;
        let mut unanswered = false;
        while asked.pictures.len() < wished && asked.clip.is_none() {
            request.count = u8::try_from(wished - asked.pictures.len()).unwrap_or(u8::MAX);
            let mut chain = self.chain(job, plan, &log);
            (chain.attempts, chain.unanswered) = (attempts, unanswered);
            let walked = chain.run(&request).await;
            (attempts, unanswered) = (chain.attempts, chain.unanswered);
            match walked {
                Ok(success) => {
                    asked.provider = success.provider;
                    asked.clip = success.generated.clip;
                    let made = success.generated.pictures;
                    // Of more pictures than wished the last are the result: chats put previews before it.
                    let previews = made.len().saturating_sub(usize::from(request.count));
                    asked.pictures.extend(made.into_iter().skip(previews).map(|made| made.picture));
                }
                Err(failure) if asked.pictures.is_empty() || ends_the_job(&failure) => {
                    return Err(self.stopped(&failure, plan));
                }
                Err(failure) => {
                    let made = asked.pictures.len();
                    tracing::info!(job = %job.id, %failure, made, wished, "fewer pictures than wished");
                    let fewer = UserError::new("note-fewer", "E-FEWER")
                        .with("made", made as u64)
                        .with("wished", wished as u64);
                    asked.note = Some(fewer);
                    break;
                }
            }
        }
        Ok(asked)
    }

    /// Asks about the task of an earlier run. `None`: the service never saw it, and it may be ordered again.
    pub(super) async fn ask_about(
        &self,
        job: &Active,
        task: &StoredTask,
        edits: bool,
    ) -> Result<Option<Asked>, Stopped> {
        // Whatever became of presets and chains meanwhile: it is ordered and paid.
        let operation = match (job.request.is_clip(), edits) {
            (true, _) => Operation::Clip,
            (false, true) => Operation::Edit,
            (false, false) => Operation::Generate,
        };
        let plan = &Plan {
            links: Vec::new(),
            operation: Some(operation),
            prompt: job.request.prompt.as_str().into(),
            output: Output { size: job.request.size, ratio: job.request.ratio, tier: job.request.tier },
            needs_picture: false,
            caption: None,
        };
        let gone = || {
            let sentence = UserError::new("error-task-provider-gone", "E-TASK-PROVIDER")
                .with("provider", task.provider.clone());
            Stopped::Failed { sentence, charged: Charged::Maybe }
        };
        let (Some(slot), Some(known)) = (self.planner.provider(&task.provider), task.known()) else {
            return Err(gone());
        };
        let log: Arc<dyn AttemptLog> = job.journal.clone();
        let mut chain = self.chain(job, plan, &log);
        chain.attempts = task.attempt;
        let resumed = Resumed { task: &known, key: &task.key, base_url: &task.intent.base_url };
        match chain.resume(&slot, resumed, &request_of(job, plan, Vec::new())).await {
            Ok(generated) => Ok(Some(Asked {
                pictures: generated.pictures.into_iter().map(|made| made.picture).collect(),
                clip: generated.clip,
                provider: task.provider.clone(),
                note: None,
            })),
            Err(ChainFailure::ProviderChanged) => Err(gone()),
            Err(ChainFailure::Provider(error))
                if task.created.is_none()
                    && error.class == ErrorClass::NotFound
                    && error.retry == Retry::SameKey =>
            {
                Ok(None)
            }
            Err(failure) => Err(self.stopped(&failure, plan)),
        }
    }

    fn chain<'a>(&'a self, job: &'a Active, plan: &'a Plan, log: &'a Arc<dyn AttemptLog>) -> Chain<'a> {
        Chain {
            links: &plan.links,
            job: job.id,
            deadline: job.deadline,
            cancel: &job.cancel,
            stop: &self.stop,
            spool: &self.spool,
            log,
            shrink: shrink_all,
            collage: put_together,
            attempts: job.attempts,
            unanswered: false,
            maybe_paid: false,
            clip_limits: self.settings.load().clips.limits,
            place: Box::new(PlaceOf { engine: self, job }),
        }
    }

    fn stopped(&self, failure: &ChainFailure, plan: &Plan) -> Stopped {
        if matches!(failure, ChainFailure::Later) {
            return Stopped::Later;
        }
        let clip = plan.operation == Some(Operation::Clip);
        let (sentence, charged) = chain_sentence(failure, self.settings.load().deadline, clip);
        match (sentence, failure) {
            (Some(sentence), ChainFailure::TaskUnknown(_)) => Stopped::Unknown { sentence },
            (Some(sentence), _) => Stopped::Failed { sentence, charged },
            (None, _) => Stopped::Cancelled { charged },
        }
    }
}

/// Whether a failure leaves nothing to deliver even if a part is there already.
fn ends_the_job(failure: &ChainFailure) -> bool {
    matches!(failure, ChainFailure::Cancelled { .. } | ChainFailure::Later)
}

fn request_of(job: &Active, plan: &Plan, references: Vec<Reference>) -> GenerateRequest {
    let of_pictures = if references.is_empty() { Operation::Generate } else { Operation::Edit };
    GenerateRequest {
        operation: plan.operation.unwrap_or(of_pictures),
        prompt: plan.prompt.clone(),
        references: references.into(),
        output: plan.output,
        count: if job.request.is_clip() { 1 } else { job.request.count.max(1) },
    }
}

/// All references smaller, or `None` when none could be made so.
fn shrink_all(references: &[Reference]) -> Option<Vec<Reference>> {
    let mut changed = false;
    let smaller = references
        .iter()
        .map(|reference| match shrink(&reference.picture) {
            Some(picture) => {
                changed = true;
                Reference { picture }
            }
            None => reference.clone(),
        })
        .collect();
    changed.then_some(smaller)
}

/// The references in `most` pictures: the first ones as they are, the others together in the last one. Prompts speak most
/// often of the first picture, so that one stays whole where there is room.
fn put_together(references: &[Reference], most: usize) -> Option<Vec<Reference>> {
    let (alone, others) = references.split_at_checked(most.checked_sub(1)?)?;
    let others: Vec<_> = others.iter().map(|reference| reference.picture.clone()).collect();
    match collage(&others) {
        Ok(picture) => Some(alone.iter().cloned().chain([Reference { picture }]).collect()),
        Err(problem) => {
            tracing::warn!(?problem, "reference pictures can't be put together");
            None
        }
    }
}
