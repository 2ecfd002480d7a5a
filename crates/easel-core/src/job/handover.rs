//! A result on its way to the chat: its files, its record, and the sends. What must be written before what is decided
//! here; see the table in [`super::recover`] for what each record means after a crash.

use std::time::Duration;

use super::{
    Outcome,
    active::{Active, Words},
    delivery::{Delivered, Item, deliver},
    engine::Engine,
    ledger::{Event, StoredArtifact},
    made::{artifacts_of, fewer},
    run::Stopped,
    speaker::{Patience, Return, Speaker, Told},
};
use crate::{
    error::{Charged, UserError},
    ids::MessageId,
    media::Media,
    ports::{SendFailure, StoreError},
    reply::Clearance,
};

/// The first and the longest pause between two tries to write a record.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A larger result is written first and sent then: on a slow disk it would hold up everybody on the same connection.
const EARLY_BYTES: u64 = 16 << 20;

/// What became of a job's results so far.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Debug, Default)]
struct Transmitted {
    /// How many, from the first on, need no further send.
    done: usize,
    /// The first message that carries one.
    message: Option<MessageId>,
    /// Nobody knows about at least one.
    unknown: bool,
    /// At least one is certainly not there.
    failed: Option<SendFailure>,
    /// The words above them are there.
    captioned: bool,
    /// At least one went as a file, and shows not whose it is.
    bare: bool,
    /// The words above them are not there, because the first one went as a file.
    wordless: bool,
    /// The peer went away before all were sent.
    away: bool,
}

/// How far the ledger follows a result.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Recorded {
    /// Not at all: there is no copy of it. For the ledger it is still being drawn.
    Not,
    /// It is stored; nobody sends it.
    Stored(Vec<StoredArtifact>),
    /// It is being sent.
    Sending(Vec<StoredArtifact>),
}

/// A result to be handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handed<'a> {
    /// Words above it.
    pub(super) caption: Option<&'a str>,
    /// Where its first ones are kept already.
    pub(super) kept: &'a [StoredArtifact],
    /// Who made it.
    pub(super) provider: &'a str,
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

/// What is left to be done with a result.
struct Sending<'a> {
    /// Who made it.
    provider: &'a str,
    /// How many of the job's results an earlier run sent.
    first: usize,
    recorded: Recorded,
    /// The peer was found to be away already.
    nobody: bool,
    waiting: Waiting,
}

impl Engine {
    /// Keeps, records and sends a result: all of it, in order.
    pub(super) async fn hand_over(
        &self,
        job: &Active,
        speaker: &Speaker,
        handed: Handed<'_>,
        media: Vec<Media>,
    ) -> Result<Outcome, Stopped> {
        let Handed { caption, kept, provider } = handed;
        let mut waiting = Waiting::new();
        let mut transmitted = Transmitted::default();
        let record = self.record(job, speaker, handed, &media);
        let early = matches!(media.as_slice(), [Media::Picture(picture)] if picture.body.len() <= EARLY_BYTES)
            && kept.is_empty()
            && speaker.adapter.is_connected(&job.request.chat.account);
        let recorded = if early {
            // The picture travels while it is recorded; its last bytes wait for the record.
            let (grant, clearance) = Clearance::new();
            let record = async {
                let recorded = record.await?;
                // Withheld where only that it is stored is on record, because its peer is away.
                if !matches!(recorded, Recorded::Stored(_)) {
                    grant.give();
                }
                drop(grant);
                Ok(recorded)
            };
            let transmit = async {
                self.transmit(job, speaker, caption, (0, &media), Some(&clearance), &mut transmitted).await;
                Ok(())
            };
            // Without the record the send ends here, and nothing whole has left.
            tokio::try_join!(record, transmit).map(|(recorded, ())| recorded)
        } else {
            transmitted.away = true;
            record.await
        };
        let mut nobody = early;
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(error) => {
                nobody = false;
                transmitted = Transmitted { away: true, ..Transmitted::default() };
                self.record_at_last(job, speaker, handed, (&media, &mut waiting, error)).await?
            }
        };
        let sending = Sending { provider, first: 0, recorded, nobody, waiting };
        self.send_until_done(job, speaker, caption, media, (sending, transmitted)).await
    }

    /// Delivers what an earlier run stored and did not begin to send, or not to the end: the first `sent` are there.
    pub(super) async fn hand_over_later(
        &self,
        job: &Active,
        speaker: &Speaker,
        (artifacts, sent, provider): (Vec<StoredArtifact>, usize, &str),
    ) -> Result<Outcome, Stopped> {
        let missing = artifacts.get(sent..).unwrap_or_default();
        let media = self.keeper.read(missing).await?;
        if media.len() < missing.len() {
            let lost = if job.request.is_clip() { "error-clip-lost" } else { "error-result-lost" };
            return Err(Stopped::Failed {
                sentence: UserError::new(lost, "E-ARTIFACT"),
                charged: Charged::Maybe,
            });
        }
        let made = artifacts.len();
        let caption = self.planner.plan(&job.request).ok().and_then(|plan| plan.caption);
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let recorded = Recorded::Stored(artifacts);
        let sending = Sending { provider, first: sent, recorded, nobody: false, waiting: Waiting::new() };
        let transmitted = Transmitted { away: true, captioned: sent > 0, ..Transmitted::default() };
        let outcome =
            self.send_until_done(job, speaker, caption.as_deref(), media, (sending, transmitted)).await?;
        if made < job.wished() {
            job.say_behind(Words::Sentence(fewer(made, job.wished(), self.lost(job))));
        }
        Ok(outcome)
    }

    /// Writes the result's files, then that it is stored and, while its peer is there, about to be sent.
    ///
    /// A result that can't be stored is paid for all the same, so it may be sent: for the ledger it is still being drawn,
    /// and a crash from here on closes it as interrupted. Not so when the ledger knows a task that the next start would
    /// fetch, or a part that it would deliver: then this fails, and may be tried again.
    async fn record(
        &self,
        job: &Active,
        speaker: &Speaker,
        handed: Handed<'_>,
        media: &[Media],
    ) -> Result<Recorded, StoreError> {
        let Handed { kept, provider, .. } = handed;
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
        let connected = speaker.adapter.is_connected(&job.request.chat.account);
        let stored = Event::Stored { artifacts: artifacts.clone(), provider: provider.to_owned(), sent: 0 };
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
                Ok(if connected { Recorded::Sending(artifacts) } else { Recorded::Stored(artifacts) })
            }
            Err(error) if kept.is_empty() => self.forget_task(job, &error).await,
            Err(error) => Err(error),
        }
    }

    /// Sees to it, if it can be done now, that the next start does not fetch again what is sent now without a record,
    /// because of this error.
    async fn forget_task(&self, job: &Active, error: &StoreError) -> Result<Recorded, StoreError> {
        job.journal.end_task().await?;
        without_copy(job, error);
        Ok(Recorded::Not)
    }

    /// Waits until the ledger takes the result, or at least what keeps the next start from delivering it again: that its
    /// task has ended, or that the part of it that is kept is being sent. When easel ends before, the next start delivers
    /// what the service and the store have.
    async fn record_at_last(
        &self,
        job: &Active,
        speaker: &Speaker,
        handed: Handed<'_>,
        (media, waiting, mut error): (&[Media], &mut Waiting, StoreError),
    ) -> Result<Recorded, Stopped> {
        loop {
            self.wait_for_ledger(job, speaker, &error, waiting).await?;
            error = match self.record(job, speaker, handed, media).await {
                Ok(recorded) => return Ok(recorded),
                Err(error) => error,
            };
        }
    }

    /// Sends what is left of a result, however often its peer goes away meanwhile. It waits for that one a day, its place
    /// free and the ledger knowing that nobody sends it. Once the ledger knows it as stored it is not sent before that is
    /// changed: the next start would send it again.
    async fn send_until_done(
        &self,
        job: &Active,
        speaker: &Speaker,
        caption: Option<&str>,
        mut media: Vec<Media>,
        (mut sending, mut transmitted): (Sending<'_>, Transmitted),
    ) -> Result<Outcome, Stopped> {
        let account = &job.request.chat.account;
        let mut patience = Patience::of_a_day(self, job.left_at);
        while transmitted.away {
            if std::mem::take(&mut sending.nobody) || !speaker.adapter.is_connected(account) {
                self.linger(job);
                self.stop_sending(job, &mut sending, &transmitted).await;
                if let Recorded::Stored(artifacts) = &sending.recorded
                    && let Ok(files) =
                        self.keeper.read(artifacts.get(sending.first..).unwrap_or_default()).await
                    && files.len() == media.len()
                {
                    // It may wait for a day: not in memory.
                    media = files;
                }
                tracing::info!(job = %job.id, %account, "a result waits for its account, which is away");
                match patience.wait(self, &speaker.adapter, &speaker.target).await {
                    Return::Back => {}
                    Return::Stopping => return Err(Stopped::Later),
                    Return::Never => {
                        tracing::error!(job = %job.id, %account, code = "E-DELIVERY", "a result waited for its account in vain and is given up");
                        transmitted.failed = Some(SendFailure::Disconnected);
                        break;
                    }
                }
            }
            if let Recorded::Stored(artifacts) = &mut sending.recorded {
                if let Err(error) = job.journal.write([Event::Sending]).await {
                    self.wait_for_ledger(job, speaker, &error, &mut sending.waiting).await?;
                    continue;
                }
                sending.recorded = Recorded::Sending(std::mem::take(artifacts));
            }
            self.transmit(job, speaker, caption, (sending.first, &media), None, &mut transmitted).await;
            sending.nobody = transmitted.away;
        }
        self.delivered(job, speaker, caption, transmitted).await
    }

    /// Its peer went away: what is left is stored and certainly not being sent, and the ledger says so. It keeps saying
    /// that it is being sent as long as something of it may have arrived.
    async fn stop_sending(&self, job: &Active, sending: &mut Sending<'_>, transmitted: &Transmitted) {
        let Recorded::Sending(artifacts) = &sending.recorded else { return };
        if artifacts.is_empty() || transmitted.unknown || transmitted.failed.is_some() {
            return;
        }
        let sent = u32::try_from(sending.first + transmitted.done).unwrap_or(u32::MAX);
        let stored =
            Event::Stored { artifacts: artifacts.clone(), provider: sending.provider.to_owned(), sent };
        match job.journal.write([stored]).await {
            Ok(()) => sending.recorded = Recorded::Stored(artifacts.clone()),
            // A crash now ends it as unknown, and the person is told.
            Err(error) => drop(Self::store_failed(&error)),
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

    /// Writes files.
    pub(super) async fn keep(&self, artifacts: &[StoredArtifact], media: &[Media]) -> Result<(), StoreError> {
        for (artifact, result) in artifacts.iter().zip(media) {
            self.store.blobs.put(&artifact.blob, result.body()).await?;
        }
        Ok(())
    }

    /// Sends the results one after the other, those that are done left out, until the peer goes away. The first of them
    /// is the job's result of this number.
    async fn transmit(
        &self,
        job: &Active,
        speaker: &Speaker,
        caption: Option<&str>,
        (first, media): (usize, &[Media]),
        clearance: Option<&Clearance>,
        transmitted: &mut Transmitted,
    ) {
        transmitted.away = false;
        for (index, media) in media.iter().enumerate().skip(transmitted.done) {
            let caption = caption.filter(|_| first + index == 0 && !transmitted.captioned);
            let index = first + index;
            let captioned = index == 0 && transmitted.captioned;
            let item = Item { job: job.id, index, caption, captioned, media, send_mode: self.send_mode() };
            match deliver(&speaker.adapter, &speaker.target, item, clearance).await {
                Delivered::Yes { message, bare } => {
                    transmitted.message = transmitted.message.take().or(message);
                    transmitted.bare |= bare;
                    transmitted.wordless |= bare && caption.is_some();
                }
                Delivered::Away { captioned } => {
                    transmitted.captioned |= captioned;
                    transmitted.away = true;
                    return;
                }
                Delivered::Unknown { reason } => {
                    tracing::warn!(job = %job.id, index, reason, "nobody knows whether a result arrived; it is not sent again");
                    transmitted.unknown = true;
                }
                Delivered::No { failure, reason } => {
                    tracing::error!(job = %job.id, index, ?failure, reason, code = "E-DELIVERY", "a result could not be delivered");
                    transmitted.failed = Some(failure);
                    if failure == SendFailure::Forbidden {
                        return;
                    }
                }
            }
            transmitted.done += 1;
        }
    }

    /// The end of a job whose results were sent; the person is told what did not arrive, or may not have.
    async fn delivered(
        &self,
        job: &Active,
        speaker: &Speaker,
        caption: Option<&str>,
        transmitted: Transmitted,
    ) -> Result<Outcome, Stopped> {
        // Whatever is told from here on may wait for a peer.
        self.vacate(job);
        let Transmitted { message, unknown, failed, bare, wordless, .. } = transmitted;
        match caption.filter(|_| wordless) {
            Some(words) => job.say_behind(Words::Caption(words.to_owned())),
            None if bare => job.say_behind(Words::Sentence(UserError::new("note-as-file", ""))),
            None => {}
        }
        let (sentence, outcome) = match failed {
            None if !unknown => return Ok(Outcome::Delivered { message }),
            None => (unsure(job.request.is_clip(), job.number), Outcome::Unknown),
            Some(failure) => {
                let outcome = Outcome::Failed { code: "E-DELIVERY".to_owned(), charged: Charged::Maybe };
                if matches!(failure, SendFailure::Forbidden | SendFailure::Disconnected) {
                    return Ok(outcome);
                }
                let lost =
                    if job.request.is_clip() { "error-clip-not-delivered" } else { "error-not-delivered" };
                (UserError::new(lost, "E-DELIVERY"), outcome)
            }
        };
        // The sentence says how to fetch the result, so from now on that must work.
        self.keeper.offer(job.id);
        let mut patience = Patience::of_a_day(self, job.left_at);
        match speaker.tell_end(job, (&sentence, Charged::No), &mut patience).await {
            Told::NotYet => Err(Stopped::Later),
            _ => Ok(outcome),
        }
    }
}

/// What the person hears when nobody knows whether a result arrived.
pub(super) fn unsure(is_clip: bool, number: u32) -> UserError {
    let key = if is_clip { "error-clip-unsure" } else { "error-unsure" };
    UserError::new(key, "E-UNSURE").with("job", u64::from(number))
}

fn without_copy(job: &Active, error: &StoreError) {
    let code = Engine::store_failed(error).code;
    tracing::error!(job = %job.id, code, "a result could not be stored; it is delivered without a copy");
}
