//! The life of one job on its own task: collect, wait, ask, store, deliver, record.

use std::sync::{Arc, Weak};

use tokio::sync::oneshot;

use super::{
    Outcome,
    active::{Active, Words},
    ask::Asked,
    collect::{CollectError, Input, Inputs, Own},
    engine::{Engine, Phase, Plan},
    handover::Handed,
    ledger::{Event, Heard, StoredArtifact, StoredPicture, StoredTask},
    made::fewer,
    place::{audience, audience_back},
    sentences::{class_sentence, deadline_sentence, wish_notes},
    speaker::Speaker,
};
use crate::{
    chain::Audience,
    error::{Charged, ErrorClass, UserError},
    ports::{Adapter, Operation, StoreError},
    reply::{Reaction, Target},
};

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
    /// A service works on its task, or may.
    Task {
        /// What is known of the task.
        task: Box<StoredTask>,
        /// Its kept inputs, if it had them.
        inputs: Option<Vec<StoredPicture>>,
    },
    /// Its artifacts are stored and were not sent, or not to the end.
    Deliver {
        /// In order.
        artifacts: Vec<StoredArtifact>,
        /// How many of them, from the first on, are in the chat.
        sent: usize,
        /// What else the chat has heard of them.
        heard: Heard,
        /// Who made them.
        provider: String,
    },
    /// A part of it is made and kept, and nothing more is ordered.
    DeliverMade {
        /// What the person hears behind it; else how many there are.
        note: Option<UserError>,
    },
}

/// Why a job did not come to its delivery.
pub(super) enum Stopped {
    /// Somebody cancelled it.
    Cancelled { charged: Charged },
    /// It failed; the person is told this.
    Failed { sentence: UserError, charged: Charged },
    /// Nobody knows whether it was ordered; the person is told this.
    Unknown { sentence: UserError },
    /// easel is stopping and the job has not been paid: it runs after the next start.
    Later,
}

impl Stopped {
    pub(super) fn failed(sentence: UserError) -> Self {
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
            Beginning::Deliver { artifacts, sent, heard, provider } => {
                let earlier = (artifacts, sent, heard);
                let delivered = self.hand_over_later(&job, &speaker, earlier, &provider).await;
                delivered.map_err(|stopped| self.priced(&job, stopped))
            }
            Beginning::DeliverMade { note } => {
                let delivered = self.deliver_made(&job, &speaker, note).await;
                delivered.map_err(|stopped| self.priced(&job, stopped))
            }
            beginning => match self.produce(&job, &adapter, &speaker, started, position, beginning).await {
                Ok(outcome) => Ok(outcome),
                Err(stopped) => self.settle_for_made(&job, &speaker, stopped).await,
            },
        };
        self.end(&job, &speaker, result).await;
    }

    /// A job's task panicked: what is made of it is delivered, with a sentence. False when there is nothing.
    pub(super) async fn rescue(self: Arc<Self>, job: Arc<Active>) -> bool {
        if job.kept() == 0 || job.is_handed_over() || !job.enter(Phase::Delivering) {
            return false;
        }
        tracing::error!(job = %job.id, code = "E-PANIC", "a job's task panicked; the part that is made is delivered");
        let note = Some(UserError::new("error-internal", "E-PANIC"));
        // Nobody waits for its turn who delivers.
        let (_, started) = oneshot::channel();
        self.drive(job, started, None, Beginning::DeliverMade { note }).await;
        true
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
        let mut started = started;
        let beginning = match beginning {
            Beginning::Task { task, inputs } => {
                // Without waiting for a turn, whose deadline is not that of the task: it is under way and paid.
                job.journal.resumes();
                let edits =
                    job.request.feature == "edit" || inputs.as_ref().is_some_and(|kept| !kept.is_empty());
                // `None`: the service does not know it, so nothing is paid.
                if let Some(mut asked) = self.ask_about(job, &task, edits).await? {
                    if asked.lacks(job) {
                        self.keep_made(job, &mut asked, &mut None).await;
                    }
                    if !asked.is_empty() {
                        let caption = self.planner.plan(&job.request).ok().and_then(|plan| plan.caption);
                        return self.deliver_asked(job, speaker, caption, asked).await;
                    }
                }
                Beginning::Again { inputs }
            }
            beginning => beginning,
        };
        let plan = self.planner.plan(&job.request).map_err(Stopped::failed)?;
        // What happened in the chat while nobody listened is not known.
        let mut missed = matches!(beginning, Beginning::Again { .. });
        let mut was_away = false;
        if let Beginning::Again { inputs } = &beginning {
            if inputs.is_none() && job.request.had_inline {
                // Drawn from the words alone it would be another picture than the one that was asked for.
                return Err(Stopped::failed(UserError::new("error-picture-expired", "E-PICTURE-EXPIRED")));
            }
            if self.time_left(job.accepted_at).is_none() {
                return Err(overdue());
            }
            // After a start the peer is not back yet. Only it knows the pictures that are meant, and nothing is bought for
            // an account that may never be back.
            was_away = self.await_audience(job, adapter, &mut started).await?;
        }
        let needs_collecting = !job.request.fallback.is_empty()
            || job.request.quote.is_some()
            || !job.request.pictures.is_empty()
            || job.has_inline();
        let mut accepted = None;
        if matches!(beginning, Beginning::New) {
            self.announce(job, speaker, position);
            if position.is_some() {
                job.journal.write([]).await?;
            } else if needs_collecting {
                // In the file now, durable while the pictures are being fetched.
                let (durable, job) = (job.journal.append([]), Arc::clone(job));
                accepted = Some(
                    self.tracker().spawn(async move { durable.await.inspect(|()| job.journal.is_durable()) }),
                );
            }
        }
        let (mut inputs, mut recorded) = match beginning {
            Beginning::Again { inputs: Some(kept) } => {
                (Inputs { pictures: kept.into_iter().map(Input::Kept).collect(), ..Inputs::default() }, true)
            }
            _ if needs_collecting => {
                let keep = position.is_some();
                self.gather(job, adapter, (plan.needs_picture, keep), &mut started, &mut was_away).await?
            }
            _ => (Inputs::default(), true),
        };
        if plan.needs_picture && inputs.pictures.is_empty() {
            return Err(Stopped::failed(UserError::new("error-needs-picture", "E-NEEDS-PICTURE")));
        }
        self.wait_for_turn(job, &mut started).await?;
        if let Some(accepted) = accepted {
            // A job that the ledger does not know must not be paid.
            accepted.await.map_err(|_| StoreError::Closed)??;
        }
        missed |= was_away;
        // Nothing is bought for an account that is away now, or muted: others may be before it when it is back.
        while self.find_audience(job, adapter, missed).await? == Audience::Away {
            // It may have to wait for long: not in memory, and not lost with this run.
            if recorded {
                job.journal.settle().await?;
            } else {
                let kept = self.collector.keep_all(job.id, &mut inputs).await?;
                job.journal.write([Event::Collected { inputs: kept }]).await?;
                recorded = true;
            }
            was_away |= self.await_audience(job, adapter, &mut started).await?;
            missed |= was_away;
            self.wait_for_turn(job, &mut started).await?;
        }
        // Nothing is bought that the deadline would throw away.
        if was_away && !self.give_time(job) {
            return Err(overdue());
        }
        let mut notes = inputs.notes();
        notes.extend(wish_notes(&job.request));
        let unrecorded = (!recorded && job.wished() > 1).then(|| inputs.clone());
        let references = tokio::select! {
            biased;
            () = job.cancel.cancelled() => return Err(Stopped::Cancelled { charged: Charged::No }),
            references = self.collector.load(inputs.pictures) => references?,
        };
        if self.find_audience(job, adapter, missed).await? == Audience::Gone {
            // Nobody there would see what is paid.
            return Err(silenced());
        }
        self.tell_of_task(job, &plan, speaker);
        if position.is_none() {
            self.tell_of_wait(job, speaker);
        }
        let asked = self.ask(job, &plan, references, unrecorded).await?;
        let notes = notes.iter().map(|note| self.planner.say(&job.request.chat, note));
        let caption: Vec<String> = plan.caption.clone().into_iter().chain(notes).collect();
        let caption = (!caption.is_empty()).then(|| caption.join("\n"));
        self.deliver_asked(job, speaker, caption, asked).await
    }

    /// From a result to its delivery: what was asked for last, behind what is kept.
    pub(super) async fn deliver_asked(
        &self,
        job: &Active,
        speaker: &Speaker,
        caption: Option<String>,
        mut asked: Asked,
    ) -> Result<Outcome, Stopped> {
        if !job.enter(Phase::Delivering) {
            return Err(Stopped::Cancelled { charged: Charged::Maybe });
        }
        let (note, is_clip) = (asked.note.take(), job.request.is_clip());
        let maker = std::mem::take(&mut asked.provider);
        let provider = if maker.is_empty() { job.made().provider } else { maker };
        let (kept, mut media) = self.load_made(job).await;
        media.extend(asked.into_media(is_clip));
        if media.is_empty() {
            tracing::warn!(job = %job.id, provider, "nothing is there of what was asked for");
            let lost = if job.kept() > 0 { ErrorClass::ResultLost } else { ErrorClass::Empty };
            let sentence = class_sentence(lost, is_clip);
            return Err(Stopped::Failed { sentence, charged: Charged::Maybe });
        }
        let note = note.or_else(|| {
            (media.len() < job.wished()).then(|| fewer(media.len(), job.wished(), self.lost(job)))
        });
        let handed = Handed { caption: caption.as_deref(), kept: &kept, provider: &provider };
        let outcome = self.hand_over(job, speaker, handed, media).await?;
        if let Some(sentence) = note {
            job.say_behind(Words::Sentence(sentence));
        }
        Ok(outcome)
    }

    /// A clip takes minutes: the person is told as soon as the service has taken the task.
    fn tell_of_task(&self, job: &Active, plan: &Plan, speaker: &Speaker) {
        if plan.operation != Some(Operation::Clip) {
            return;
        }
        let (speaker, tracker) = (speaker.clone(), self.tracker());
        let (runtime, number) = (tokio::runtime::Handle::current(), job.number);
        job.journal.when_created(move || {
            let told = async move {
                speaker.mention(&UserError::new("job-rendering", "").with("job", u64::from(number))).await;
            };
            tracker.spawn_on(told, &runtime);
        });
    }

    /// Whoever was told no place in the queue hears once that others are before it at the provider.
    fn tell_of_wait(&self, job: &Active, speaker: &Speaker) {
        let (speaker, tracker) = (speaker.clone(), self.tracker());
        let (runtime, number) = (tokio::runtime::Handle::current(), job.number);
        job.when_aside(move || {
            let told = async move {
                speaker.mention(&UserError::new("job-aside", "").with("job", u64::from(number))).await;
            };
            tracker.spawn_on(told, &runtime);
        });
    }

    /// Tells the person that the job is in work, as soon as it is durable.
    fn announce(&self, job: &Arc<Active>, speaker: &Speaker, position: Option<usize>) {
        let speaker = speaker.clone();
        let runtime = tokio::runtime::Handle::current();
        let tracker = self.tracker();
        let told = job.announcing();
        let number = job.number;
        // Weak: the job's own journal holds this until it is durable.
        let job_of = Arc::downgrade(job);
        job.journal.when_durable(move || {
            tracker.spawn_on(
                async move {
                    if let Some(position) = position {
                        let waits = UserError::new("job-queued", "")
                            .with("position", position as u64)
                            .with("job", u64::from(number));
                        speaker.mention(&waits).await;
                    }
                    let marked = speaker.react(Reaction::Working).await;
                    // Where there are no marks a sentence stands in for this one, unless the place was told: that says
                    // already that the job was accepted, and the picture itself says that it was its turn. A refusal may
                    // take its time, and behind the result the sentence would be nonsense.
                    let settled = || Weak::upgrade(&job_of).is_none_or(|job| job.is_settled());
                    if !marked && position.is_none() && !settled() {
                        speaker.mention(&UserError::new("job-accepted", "")).await;
                    }
                    told.send(()).ok();
                },
                &runtime,
            );
        });
    }

    /// Collects a job's inputs. What only its peer can tell is looked for again when that is back. Tells whether the ledger
    /// knows them.
    async fn gather(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        (needs_picture, mut keep): (bool, bool),
        started: &mut oneshot::Receiver<()>,
        was_away: &mut bool,
    ) -> Result<(Inputs, bool), Stopped> {
        let mut own = Own::of(&job.request, job.take_inline());
        loop {
            let is_there = || adapter.is_connected(&job.request.chat.account);
            let was_there = is_there();
            let collected = self.collect(job, adapter, &mut own, needs_picture, keep).await;
            if !own.in_vain() || was_there && is_there() {
                let mut inputs = collected?;
                if keep {
                    let kept = self.collector.keep_all(job.id, &mut inputs).await?;
                    job.journal.write_or_hold(Event::Collected { inputs: kept }).await;
                }
                return Ok((inputs, keep));
            }
            if let Err(Stopped::Cancelled { charged }) = collected {
                return Err(Stopped::Cancelled { charged });
            }
            if audience(&**adapter, job) == Audience::Gone {
                return Err(silenced());
            }
            // It may have to wait for long: not in memory.
            keep = true;
            self.collector.keep_own(job.id, &mut own).await?;
            *was_away |= self.await_audience(job, adapter, started).await?;
        }
    }

    async fn collect(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        own: &mut Own,
        needs_picture: bool,
        keep: bool,
    ) -> Result<Inputs, Stopped> {
        let max_bytes = self.settings.load().max_download_bytes;
        let wanted = (job.id, &job.request);
        let collecting = self.collector.collect(&**adapter, wanted, own, needs_picture, max_bytes, keep);
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(Stopped::Cancelled { charged: Charged::No }),
            inputs = collecting => Ok(inputs?),
            () = tokio::time::sleep_until(job.deadline()) => Err(self.deadline()),
        }
    }

    /// Waits until the account of a job can be spoken to and may speak in its chat, or never will. Others have its place
    /// meanwhile; it gets in line again then, and `started` tells its turn. True when it had to wait, and has time enough
    /// left.
    async fn await_audience(
        &self,
        job: &Active,
        adapter: &Arc<dyn Adapter>,
        started: &mut oneshot::Receiver<()>,
    ) -> Result<bool, Stopped> {
        if audience(&**adapter, job) != Audience::Away {
            return Ok(false);
        }
        let chat = &job.request.chat;
        let back = audience_back(&**adapter, job);
        tokio::pin!(back);
        let mut parked = false;
        loop {
            if started.is_terminated() && !parked && audience(&**adapter, job) == Audience::Away {
                tracing::info!(job = %job.id, %chat, "a job waits for its account, which is away or muted");
                self.park(job);
                parked = true;
            }
            tokio::select! {
                biased;
                () = job.cancel.cancelled() => return Err(Stopped::Cancelled { charged: Charged::No }),
                () = &mut back => break,
                () = self.stop.cancelled() => return Err(Stopped::Later),
                // The sender is dropped only with the engine.
                begun = &mut *started, if !started.is_terminated() => begun.map_err(|_| Stopped::Later)?,
                () = tokio::time::sleep_until(job.deadline()) => return Err(overdue()),
            }
        }
        if parked {
            *started = self.line_up(job);
        }
        if self.give_time(job) { Ok(true) } else { Err(overdue()) }
    }

    async fn wait_for_turn(&self, job: &Active, started: &mut oneshot::Receiver<()>) -> Result<(), Stopped> {
        if started.is_terminated() {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(Stopped::Cancelled { charged: Charged::No }),
            // The sender is dropped only with the engine.
            begun = started => begun.map_err(|_| Stopped::Later),
            () = self.stop.cancelled() => Err(Stopped::Later),
            () = tokio::time::sleep_until(job.deadline()) => Err(self.deadline()),
        }
    }

    fn deadline(&self) -> Stopped {
        Stopped::failed(deadline_sentence(self.settings.load().deadline))
    }
}

/// A job that nobody was paid for found its provider, or its account, too late.
fn overdue() -> Stopped {
    Stopped::failed(UserError::new("error-overdue", "E-OVERDUE"))
}

/// Nobody in the chat would see what is paid.
fn silenced() -> Stopped {
    Stopped::failed(UserError::new("error-silenced", "E-SILENCED"))
}
