//! Asking: from a plan to a result, over as many calls as it takes; or on with a task of an earlier run. What the last call
//! made stays in memory, what those before it made is kept by `made`.

use super::{
    active::Active,
    collect::Inputs,
    engine::{Engine, Plan},
    ledger::StoredTask,
    made::fewer,
    place::PlaceOf,
    run::Stopped,
    sentences::{chain_sentence, unanswered_again},
};
use crate::{
    chain::{AttemptLog, Chain, ChainFailure, Resumed},
    error::{Charged, ErrorClass, Retry, UserError},
    media::{Clip, Media, Picture, collage, shrink},
    ports::{GenerateRequest, Generated, Operation, Output, Reference},
};
use std::sync::Arc;

/// What was made since the last of it was kept.
#[derive(Default)]
pub(super) struct Asked {
    /// The pictures; empty when there is a clip.
    pub(super) pictures: Vec<Picture>,
    /// The clip.
    pub(super) clip: Option<Clip>,
    /// Who made it; empty when nothing was.
    pub(super) provider: String,
    /// What else the person has to hear, after the result.
    pub(super) note: Option<UserError>,
}

impl Asked {
    /// Takes over what one call made. Of more pictures than asked for the last are the result: chats put previews before
    /// it.
    fn take(&mut self, generated: Generated, asked_for: u8, provider: String) {
        let previews = generated.pictures.len().saturating_sub(usize::from(asked_for));
        self.pictures.extend(generated.pictures.into_iter().skip(previews).map(|made| made.picture));
        self.clip = generated.clip;
        self.provider = provider;
    }

    /// What is delivered: what was asked for, and nothing else that the service may have made.
    pub(super) fn into_media(self, is_clip: bool) -> Vec<Media> {
        if is_clip {
            self.clip.map(Media::Clip).into_iter().collect()
        } else {
            self.pictures.into_iter().map(Media::Picture).collect()
        }
    }

    /// Whether nothing is there that was not kept.
    pub(super) fn is_empty(&self) -> bool {
        self.pictures.is_empty() && self.clip.is_none()
    }

    /// Whether this, with what is kept already, is not all that the person wishes.
    pub(super) fn lacks(&self, job: &Active) -> bool {
        self.clip.is_none() && self.pictures.len() + job.kept() < job.wished()
    }
}

impl Engine {
    /// Asks the chain until there are as many pictures as wished, those included that are kept. A failure after the first
    /// picture delivers what there is, with a sentence about the rest. `unrecorded`: see [`keep_made`](Self::keep_made).
    pub(super) async fn ask(
        &self,
        job: &Active,
        plan: &Plan,
        references: Vec<Reference>,
        mut unrecorded: Option<Inputs>,
    ) -> Result<Asked, Stopped> {
        let mut request = request_of(job, plan, references);
        let mut asked = Asked::default();
        let log: Arc<dyn AttemptLog> = job.journal.clone();
        let mut attempts = job.attempts;
        let mut unanswered = job.journal.lost() == Charged::Maybe;
        while asked.lacks(job) {
            let made = job.kept() + asked.pictures.len();
            request.count = u8::try_from(job.wished() - made).unwrap_or(u8::MAX);
            let mut chain = self.chain(job, plan, &log);
            (chain.attempts, chain.unanswered) = (attempts, unanswered);
            let walked = chain.run(&request).await;
            (attempts, unanswered) = (chain.attempts, chain.unanswered);
            match walked {
                Ok(success) => {
                    asked.take(success.generated, request.count, success.provider);
                    if asked.lacks(job) {
                        self.keep_made(job, &mut asked, &mut unrecorded).await;
                        if self.stop.is_cancelled() && asked.pictures.is_empty() && !job.is_watched() {
                            // Nothing is ordered that this run might not live to see; the next one goes on.
                            return Err(Stopped::Later);
                        }
                    }
                }
                Err(failure) if made == 0 => return Err(self.stopped(job, &failure, plan)),
                Err(ChainFailure::Later) => return Err(Stopped::Later),
                // What is there may have been paid, whatever the last call was.
                Err(ChainFailure::Cancelled { .. }) => {
                    return Err(Stopped::Cancelled { charged: Charged::Maybe });
                }
                Err(failure) => {
                    tracing::info!(job = %job.id, %failure, made, "fewer pictures than wished");
                    asked.note = Some(match self.priced(job, self.stopped(job, &failure, plan)) {
                        Stopped::Unknown { sentence } => sentence,
                        Stopped::Failed { charged, .. } => fewer(made, job.wished(), charged),
                        _ => fewer(made, job.wished(), self.lost(job)),
                    });
                    break;
                }
            }
        }
        Ok(asked)
    }

    /// Asks about the task of an earlier run. `None`: the service does not know it, nothing is charged, and it may be ordered
    /// again.
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
            title: None,
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
        let request = request_of(job, plan, Vec::new());
        match chain.resume(&slot, resumed, &request).await {
            Ok(generated) => {
                let mut asked = Asked::default();
                asked.take(generated, request.count, task.provider.clone());
                Ok(Some(asked))
            }
            Err(ChainFailure::ProviderChanged) => Err(gone()),
            Err(ChainFailure::Provider(error))
                // Also of a task that it took: an engine that was restarted has forgotten it, and nothing was charged.
                if error.class == ErrorClass::NotFound
                    && error.retry == Retry::SameKey
                    && error.charged == Charged::No =>
            {
                Ok(None)
            }
            Err(failure) => Err(self.stopped(job, &failure, plan)),
        }
    }

    fn chain<'a>(&'a self, job: &'a Active, plan: &'a Plan, log: &'a Arc<dyn AttemptLog>) -> Chain<'a> {
        Chain {
            links: &plan.links,
            job: job.id,
            deadline: job.deadline(),
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

    /// What a chain's end means for the job. What an earlier round or run may have paid is told by whatever ends this one.
    fn stopped(&self, job: &Active, failure: &ChainFailure, plan: &Plan) -> Stopped {
        if matches!(failure, ChainFailure::Later) {
            return Stopped::Later;
        }
        let clip = plan.operation == Some(Operation::Clip);
        let (sentence, charged) = chain_sentence(failure, self.settings.load().deadline, clip);
        let charged = if job.journal.lost() == Charged::Maybe { Charged::Maybe } else { charged };
        let sentence = sentence.map(|sentence| unanswered_again(sentence, self.paid_in_vain(job)));
        match (sentence, failure) {
            (Some(sentence), ChainFailure::TaskUnknown(_)) => Stopped::Unknown { sentence },
            (Some(sentence), _) => Stopped::Failed { sentence, charged },
            (None, _) => Stopped::Cancelled { charged },
        }
    }
}

fn request_of(job: &Active, plan: &Plan, references: Vec<Reference>) -> GenerateRequest {
    let of_pictures = if references.is_empty() { Operation::Generate } else { Operation::Edit };
    GenerateRequest {
        operation: plan.operation.unwrap_or(of_pictures),
        prompt: plan.prompt.clone(),
        title: plan.title.clone(),
        references: references.into(),
        output: plan.output,
        count: u8::try_from(job.wished().saturating_sub(job.kept()).max(1)).unwrap_or(u8::MAX),
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
