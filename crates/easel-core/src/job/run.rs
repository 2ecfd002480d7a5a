//! The life of one job on its own task: collect, wait, ask, store, deliver, record.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    Outcome,
    collect::{CollectError, Input, Inputs, stored},
    delivery::{Delivered, RECONNECT_PATIENCE, deliver, send_when_connected},
    engine::{Active, Engine, Phase, Plan},
    ledger::{Event, StoredPicture},
    sentences::{chain_sentence, deadline_sentence},
};
use crate::{
    chain::{Chain, ChainFailure},
    error::{Charged, UserError},
    ids::{JobId, MessageId},
    media::{Picture, shrink},
    ports::{Adapter, ImageRequest, Operation, Reference, SendFailure, StoreError},
    reply::{Clearance, Reaction, Reply, Target},
};

/// The first and the longest pause between two looks for a peer.
const PEER_PAUSE: Duration = Duration::from_millis(100);
const PEER_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Where a job's life begins on this run.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Just accepted; nothing is in the ledger yet.
    New,
    /// Accepted by an earlier run; no provider is under way.
    Again {
        /// Its kept inputs, if it had them.
        inputs: Option<Vec<StoredPicture>>,
    },
    /// Its artifacts are stored and were not sent.
    Deliver {
        /// In order.
        artifacts: Vec<StoredPicture>,
    },
}

/// Why a job did not come to its delivery.
enum Stopped {
    /// Somebody cancelled it.
    Cancelled { charged: Charged },
    /// It failed; the person is told this.
    Failed { sentence: UserError, charged: Charged },
    /// easel is stopping and the job has not been paid: it runs after the next start.
    Later,
}

/// What became of a job's pictures.
#[derive(Debug, Default)]
struct Transmitted {
    /// The first message that carries one.
    message: Option<MessageId>,
    /// Nobody knows about at least one.
    unknown: bool,
    /// At least one is certainly not there.
    failed: Option<SendFailure>,
}

impl Stopped {
    fn failed(sentence: UserError) -> Self {
        Self::Failed { sentence, charged: Charged::No }
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::failed(Engine::store_failed(&error))
    }
}

impl From<CollectError> for Stopped {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::User(sentence) => Self::failed(sentence),
            CollectError::Store(error) => error.into(),
        }
    }
}

impl Engine {
    /// Runs a job to its end.
    pub(super) async fn drive(
        self: Arc<Self>,
        job: Arc<Active>,
        started: oneshot::Receiver<()>,
        position: Option<usize>,
        beginning: Beginning,
    ) {
        let target = Target { chat: job.request.chat.clone(), quote: Some(job.request.message.clone()) };
        let Some(adapter) = self.planner.adapter(&job.request.chat.platform) else {
            tracing::error!(job = %job.id, platform = %job.request.chat.platform, "the platform of this job is not configured any more");
            let outcome = Outcome::Failed { code: "E-PLATFORM".to_owned(), charged: Charged::No };
            self.finish(&job, outcome).await;
            return;
        };
        let speaker =
            Speaker { engine: Arc::clone(&self), adapter: Arc::clone(&adapter), target: target.clone() };
        let result = match beginning {
            Beginning::Deliver { artifacts } => {
                self.delivered_later(&job, &adapter, &target, artifacts).await
            }
            beginning => self.produce(&job, &adapter, &speaker, started, position, beginning).await,
        };
        match result {
            Ok(outcome) => {
                let mark = match &outcome {
                    Outcome::Delivered { .. } => Some(Reaction::Done),
                    Outcome::Failed { .. } => Some(Reaction::Failed),
                    Outcome::Cancelled | Outcome::Unknown => None,
                };
                self.finish(&job, outcome).await;
                if let Some(mark) = mark {
                    job.announced().await;
                    speaker.react(mark).await;
                }
            }
            Err(Stopped::Later) => tracing::info!(job = %job.id, "kept for the next start"),
            Err(Stopped::Cancelled { charged }) => {
                tracing::info!(job = %job.id, ?charged, "cancelled");
                // What may have been paid counts; else cancelling at the right moment would be free drawing.
                self.finish_counting(&job, Outcome::Cancelled, charged == Charged::Maybe).await;
                job.announced().await;
                speaker.react(Reaction::Failed).await;
            }
            Err(Stopped::Failed { sentence, charged }) => {
                tracing::info!(job = %job.id, code = sentence.code, ?charged, "failed");
                let outcome = Outcome::Failed { code: sentence.code.to_owned(), charged };
                // Told before it is recorded, so that nobody is forgotten; the place is free while a peer is awaited.
                self.vacate(&job);
                speaker.say(&sentence).await;
                self.finish(&job, outcome).await;
                job.announced().await;
                speaker.react(Reaction::Failed).await;
            }
        }
    }

    /// A job's task panicked: the job fails with a sentence, its place is freed.
    pub(super) async fn crashed(self: &Arc<Self>, job: &Active) {
        tracing::error!(job = %job.id, code = "E-PANIC", "a job's task panicked");
        let outcome = Outcome::Failed { code: "E-PANIC".to_owned(), charged: Charged::Maybe };
        self.vacate(job);
        if let Some(adapter) = self.planner.adapter(&job.request.chat.platform) {
            let target = Target { chat: job.request.chat.clone(), quote: Some(job.request.message.clone()) };
            let speaker = Speaker { engine: Arc::clone(self), adapter, target };
            speaker.say(&UserError::new("error-internal", "E-PANIC")).await;
        }
        self.finish(job, outcome).await;
    }

    /// Up to a delivered (or not delivered) result.
    async fn produce(
        self: &Arc<Self>,
        job: &Arc<Active>,
        adapter: &Arc<dyn Adapter>,
        speaker: &Speaker,
        started: oneshot::Receiver<()>,
        position: Option<usize>,
        beginning: Beginning,
    ) -> Result<Outcome, Stopped> {
        let plan = self.planner.plan(&job.request).map_err(Stopped::failed)?;
        if matches!(beginning, Beginning::Again { inputs: None }) {
            // After a start the peer is not back yet, and only it knows the pictures that are meant.
            self.await_peer(job, adapter).await?;
        }
        let needs_collecting = !job.request.fallback.is_empty()
            || job.request.quote.is_some()
            || !job.request.pictures.is_empty()
            || !job.inline.is_empty();
        if matches!(beginning, Beginning::New) {
            self.announce(job, speaker, position);
            if position.is_some() {
                job.journal.write([]).await?;
            } else if needs_collecting {
                // In the file now, durable while the pictures are being fetched.
                let (durable, job) = (job.journal.append([]), Arc::clone(job));
                self.tracker().spawn(async move {
                    if durable.await.is_ok() {
                        job.journal.is_durable();
                    }
                });
            }
        }
        let inputs = match beginning {
            Beginning::Again { inputs: Some(kept) } => {
                Inputs { pictures: kept.into_iter().map(Input::Kept).collect(), first_frame: false }
            }
            _ if needs_collecting => self.collect(job, adapter, position.is_some()).await?,
            _ => Inputs::default(),
        };
        if plan.needs_picture && inputs.pictures.is_empty() {
            return Err(Stopped::failed(UserError::new("error-needs-picture", "E-NEEDS-PICTURE")));
        }
        self.wait_for_turn(job, started).await?;
        let first_frame = inputs.first_frame;
        let references = tokio::select! {
            biased;
            () = job.cancel.cancelled() => return Err(Stopped::Cancelled { charged: Charged::No }),
            references = self.collector.load(inputs.pictures) => references?,
        };
        let (pictures, provider, charged_more) = self.ask(job, &plan, references).await?;
        if !job.enter(Phase::Delivering) {
            return Err(Stopped::Cancelled { charged: Charged::Maybe });
        }
        let note =
            first_frame.then(|| self.planner.say(&job.request.chat, &UserError::new("note-first-frame", "")));
        let caption: Vec<String> = plan.caption.into_iter().chain(note).collect();
        let caption = (!caption.is_empty()).then(|| caption.join("\n"));
        let caption = caption.as_deref();

        let artifacts = artifacts_of(job.id, &pictures);
        let stored = Event::Stored { artifacts: artifacts.clone(), provider };
        let keep = self.keep(job, &artifacts, &pictures);
        let target = &speaker.target;
        let transmitted = if adapter.is_connected(&job.request.chat.account) {
            // The picture travels while its files and its record are written; its last bytes wait for both. For the next
            // start, "sending" without the files means that they never left.
            let (grant, clearance) = Clearance::new();
            let record = async {
                let (kept, written) = tokio::join!(keep, job.journal.write([stored, Event::Sending]));
                if let Err(error) = kept.and(written) {
                    Self::deliver_without_copy(job, &error);
                }
                grant.give();
            };
            let transmit = Self::transmit(job, adapter, target, caption, &pictures, Some(&clearance));
            tokio::join!(record, transmit).1
        } else {
            match keep.await {
                Ok(()) => self.wait_to_send(job, adapter, stored).await?,
                Err(error) => Self::deliver_without_copy(job, &error),
            }
            Self::transmit(job, adapter, target, caption, &pictures, None).await
        };
        let outcome = self.delivered(job, transmitted, speaker).await;
        if let Some(sentence) = charged_more {
            speaker.say(&sentence).await;
        }
        Ok(outcome)
    }

    /// Tells the person that the job is in work, as soon as it is durable.
    fn announce(&self, job: &Arc<Active>, speaker: &Speaker, position: Option<usize>) {
        let speaker = speaker.clone();
        let runtime = tokio::runtime::Handle::current();
        let tracker = self.tracker();
        let told = job.announcing();
        let number = job.number;
        job.journal.when_durable(move || {
            tracker.spawn_on(
                async move {
                    if let Some(position) = position {
                        let waits = UserError::new("job-queued", "")
                            .with("position", position as u64)
                            .with("job", u64::from(number));
                        speaker.say(&waits).await;
                    }
                    let marked = speaker.react(Reaction::Working).await;
                    // Where there are no marks a sentence stands in for this one, unless the place was told: that says
                    // already that the job was accepted, and the picture itself says that it was its turn.
                    if !marked && position.is_none() {
                        speaker.say(&UserError::new("job-accepted", "")).await;
                    }
                    told.send(()).ok();
                },
                &runtime,
            );
        });
    }

    async fn collect(&self, job: &Active, adapter: &Arc<dyn Adapter>, keep: bool) -> Result<Inputs, Stopped> {
        let max_bytes = self.settings.load().max_download_bytes;
        let collecting =
            self.collector.collect(&**adapter, job.id, &job.request, &job.inline, max_bytes, keep);
        let mut inputs = tokio::select! {
            biased;
            () = job.cancel.cancelled() => return Err(Stopped::Cancelled { charged: Charged::No }),
            inputs = collecting => inputs?,
            () = tokio::time::sleep_until(job.deadline) => return Err(self.deadline()),
        };
        if keep {
            let kept = self.collector.keep_all(job.id, &mut inputs).await?;
            drop(job.journal.append([Event::Collected { inputs: kept }]));
        }
        Ok(inputs)
    }

    async fn wait_for_turn(&self, job: &Active, started: oneshot::Receiver<()>) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(Stopped::Cancelled { charged: Charged::No }),
            // The sender is dropped only with the engine.
            begun = started => begun.map_err(|_| Stopped::Later),
            () = self.stop.cancelled() => Err(Stopped::Later),
            () = tokio::time::sleep_until(job.deadline) => Err(self.deadline()),
        }
    }

    /// Asks the chain until there are as many pictures as wished. A failure after the first picture delivers what
    /// there is, with a sentence about the rest.
    async fn ask(
        &self,
        job: &Active,
        plan: &Plan,
        references: Vec<Reference>,
    ) -> Result<(Vec<Picture>, String, Option<UserError>), Stopped> {
        let operation = if references.is_empty() { Operation::Generate } else { Operation::Edit };
        let mut request = ImageRequest {
            operation,
            prompt: plan.prompt.clone(),
            references: references.into(),
            output: plan.output,
            count: job.request.count.max(1),
        };
        let wished = usize::from(request.count);
        let mut pictures: Vec<Picture> = Vec::new();
        let mut provider = String::new();
        let mut attempts = job.attempts;
        let mut unanswered = false;
        while pictures.len() < wished {
            request.count = u8::try_from(wished - pictures.len()).unwrap_or(u8::MAX);
            let mut chain = Chain {
                links: &plan.links,
                job: job.id,
                deadline: job.deadline,
                cancel: &job.cancel,
                spool: &self.spool,
                log: &job.journal,
                shrink: shrink_all,
                attempts,
                unanswered,
            };
            let walked = chain.run(&request).await;
            unanswered = chain.unanswered;
            match walked {
                Ok(success) => {
                    attempts = chain.attempts;
                    provider = success.provider;
                    let made = success.generated.pictures;
                    // Of more pictures than wished the last are the result: chats put previews before it.
                    let previews = made.len().saturating_sub(usize::from(request.count));
                    pictures.extend(made.into_iter().skip(previews).map(|made| made.picture));
                }
                Err(failure) if pictures.is_empty() || matches!(failure, ChainFailure::Cancelled { .. }) => {
                    let (sentence, charged) = chain_sentence(&failure, self.settings.load().deadline);
                    return Err(match sentence {
                        Some(sentence) => Stopped::Failed { sentence, charged },
                        None => Stopped::Cancelled { charged },
                    });
                }
                Err(failure) => {
                    tracing::info!(job = %job.id, %failure, made = pictures.len(), wished, "fewer pictures than wished");
                    let fewer = UserError::new("note-fewer", "E-FEWER")
                        .with("made", pictures.len() as u64)
                        .with("wished", wished as u64);
                    return Ok((pictures, provider, Some(fewer)));
                }
            }
        }
        Ok((pictures, provider, None))
    }

    /// Records a result whose account is away, and, once it is back, that it is about to be sent.
    async fn wait_to_send(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        stored: Event,
    ) -> Result<(), Stopped> {
        if let Err(error) = job.journal.write([stored]).await {
            Self::deliver_without_copy(job, &error);
            return Ok(());
        }
        self.await_peer(job, adapter).await?;
        if let Err(error) = job.journal.write([Event::Sending]).await {
            // For the ledger it is stored and not sent: sent now, the next start would send it again.
            Self::store_failed(&error);
            return Err(Stopped::Later);
        }
        Ok(())
    }

    /// A result could not be recorded. It is paid for, so it is delivered all the same. For the ledger it is still being
    /// drawn: a crash from here on closes it as interrupted, and nothing is sent twice.
    fn deliver_without_copy(job: &Active, error: &StoreError) {
        let code = Self::store_failed(error).code;
        tracing::error!(job = %job.id, code, "a result could not be stored; it is delivered without a copy");
    }

    /// Waits until the job's account can be spoken to, so that nothing is recorded as being sent that certainly is not.
    /// Its place is free meanwhile. When the patience is over, the send itself says that nobody is there.
    async fn await_peer(&self, job: &Active, adapter: &Arc<dyn Adapter>) -> Result<(), Stopped> {
        let account = &job.request.chat.account;
        let patience = tokio::time::Instant::now() + RECONNECT_PATIENCE;
        let mut pause = PEER_PAUSE;
        while !adapter.is_connected(account) && tokio::time::Instant::now() < patience {
            if job.phase() == Phase::Delivering {
                self.vacate(job);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped::Later),
                () = job.cancel.cancelled() => return Err(Stopped::Cancelled { charged: Charged::No }),
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(PEER_PAUSE_MAX),
            }
        }
        Ok(())
    }

    /// Writes the result's files.
    async fn keep(
        &self,
        job: &Active,
        artifacts: &[StoredPicture],
        pictures: &[Picture],
    ) -> Result<(), StoreError> {
        for (artifact, picture) in artifacts.iter().zip(pictures) {
            self.store.blobs.put(&artifact.blob, &picture.body).await?;
        }
        self.keeper.note_artifacts(job.id, &job.request, artifacts);
        Ok(())
    }

    /// Delivers what an earlier run stored and did not begin to send.
    async fn delivered_later(
        self: &Arc<Self>,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        target: &Target,
        artifacts: Vec<StoredPicture>,
    ) -> Result<Outcome, Stopped> {
        job.enter(Phase::Delivering);
        let pictures = self.keeper.read(&artifacts).await?;
        if pictures.len() < artifacts.len() {
            return Err(Stopped::Failed {
                sentence: UserError::new("error-result-lost", "E-ARTIFACT"),
                charged: Charged::Maybe,
            });
        }
        let caption = self.planner.plan(&job.request).ok().and_then(|plan| plan.caption);
        self.await_peer(job, adapter).await?;
        job.journal.write([Event::Sending]).await?;
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let speaker =
            Speaker { engine: Arc::clone(self), adapter: Arc::clone(adapter), target: target.clone() };
        let transmitted = Self::transmit(job, adapter, target, caption.as_deref(), &pictures, None).await;
        Ok(self.delivered(job, transmitted, &speaker).await)
    }

    /// Sends the pictures one after the other.
    async fn transmit(
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        target: &Target,
        caption: Option<&str>,
        pictures: &[Picture],
        clearance: Option<&Clearance>,
    ) -> Transmitted {
        let mut transmitted = Transmitted::default();
        for (index, picture) in pictures.iter().enumerate() {
            let caption = caption.filter(|_| index == 0);
            match deliver(adapter, target, job.id, index, caption, picture, clearance).await {
                Delivered::Yes { message } => transmitted.message = transmitted.message.or(message),
                Delivered::Unknown { reason } => {
                    tracing::warn!(job = %job.id, index, reason, "nobody knows whether a picture arrived; it is not sent again");
                    transmitted.unknown = true;
                }
                Delivered::No { failure, reason } => {
                    tracing::error!(job = %job.id, index, ?failure, reason, code = "E-DELIVERY", "a picture could not be delivered");
                    transmitted.failed = Some(failure);
                    if matches!(failure, SendFailure::Forbidden | SendFailure::Disconnected) {
                        break;
                    }
                }
            }
        }
        transmitted
    }

    /// The end of a job whose pictures were sent; the person is told what did not arrive.
    async fn delivered(&self, job: &Active, transmitted: Transmitted, speaker: &Speaker) -> Outcome {
        let Transmitted { message, unknown, failed } = transmitted;
        let Some(failure) = failed else {
            return if unknown { Outcome::Unknown } else { Outcome::Delivered { message } };
        };
        let outcome = Outcome::Failed { code: "E-DELIVERY".to_owned(), charged: Charged::Maybe };
        if !matches!(failure, SendFailure::Forbidden | SendFailure::Disconnected) {
            // The sentence says how to fetch the result, so from now on that must work.
            self.keeper.finished(job.id, outcome.clone()).await;
            speaker.say(&UserError::new("error-not-delivered", "E-DELIVERY")).await;
        }
        outcome
    }

    fn deadline(&self) -> Stopped {
        Stopped::failed(deadline_sentence(self.settings.load().deadline))
    }

    /// Records the end of a job and frees its place.
    async fn finish(&self, job: &Active, outcome: Outcome) {
        let counts = matches!(outcome, Outcome::Delivered { .. } | Outcome::Unknown);
        self.finish_counting(job, outcome, counts).await;
    }

    /// The same; `counts` = the limits keep what they counted.
    async fn finish_counting(&self, job: &Active, outcome: Outcome, counts: bool) {
        let durable = job.journal.append([Event::Finished { outcome: outcome.clone() }]);
        self.release(job, outcome.clone(), counts);
        // Before it is durable: the person may ask for the result again at once.
        self.keeper.finished(job.id, outcome).await;
        if let Err(error) = durable.await {
            Self::store_failed(&error);
        }
    }
}

/// Where a job's pictures are kept.
fn artifacts_of(job: JobId, pictures: &[Picture]) -> Vec<StoredPicture> {
    let artifact = |(index, picture): (usize, &Picture)| {
        stored(format!("{job}-{index}.{}", picture.format.extension()), picture)
    };
    pictures.iter().enumerate().map(artifact).collect()
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

/// Speaks to the chat of one job.
#[derive(Clone)]
struct Speaker {
    engine: Arc<Engine>,
    adapter: Arc<dyn Adapter>,
    target: Target,
}

impl Speaker {
    async fn say(&self, sentence: &UserError) {
        let text = self.engine.planner.say(&self.target.chat, sentence);
        if let Err(error) = send_when_connected(&self.adapter, &self.target, &Reply::text(text), None).await {
            tracing::warn!(%error, code = sentence.code, "a sentence could not be delivered");
        }
    }

    /// Marks the request; false where that can't be done.
    async fn react(&self, reaction: Reaction) -> bool {
        let capabilities = self.adapter.capabilities(&self.target.chat.account);
        let can = if self.target.chat.kind.is_direct() {
            capabilities.direct_reactions
        } else {
            capabilities.group_reactions
        };
        can && self.adapter.react(&self.target, reaction).await.is_ok()
    }
}
