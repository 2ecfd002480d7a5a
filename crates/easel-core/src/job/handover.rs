//! A result on its way to the chat: its files, its record, and the sends. What must be written before what is decided
//! here; see the table in [`super::recover`] for what each record means after a crash. How it waits is in `waits`.

mod waits;

use std::time::Duration;

use super::{
    Outcome,
    active::{Active, Words},
    delivery::{Delivered, Item, deliver},
    engine::Engine,
    ledger::{Event, Heard, StoredArtifact},
    lines::First,
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
use waits::Waiting;

/// The first and the longest pause between two tries to write a record.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A larger result is written first and sent then: on a slow disk it would hold up everybody on the same connection.
const EARLY_BYTES: u64 = 16 << 20;

/// What became of a job's results so far.
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
    /// What else the chat has heard of them.
    heard: Heard,
    /// The peer went away before all were sent.
    away: bool,
}

impl Transmitted {
    /// Something of it may have arrived, or never will.
    fn is_unsettled(&self) -> bool {
        self.unknown || self.failed.is_some()
    }
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

/// What is left to be done with a result.
struct Sending<'a> {
    /// Who made it.
    provider: &'a str,
    /// How many of the job's results an earlier run sent.
    first: usize,
    recorded: Recorded,
    /// The peer was found to be away already.
    nobody: bool,
    /// The job is the next of its chat to begin a send.
    next: Option<First>,
    waiting: Waiting,
}

impl Sending<'_> {
    /// What the ledger is told of a result that nobody sends (any more).
    fn stored(&self, artifacts: &[StoredArtifact], transmitted: &Transmitted) -> Event {
        Event::Stored {
            artifacts: artifacts.to_vec(),
            provider: self.provider.to_owned(),
            sent: u32::try_from(self.first + transmitted.done).unwrap_or(u32::MAX),
            heard: transmitted.heard,
        }
    }
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
        let may_be_early = matches!(media.as_slice(), [Media::Picture(picture)] if picture.body.len() <= EARLY_BYTES)
            && kept.is_empty()
            && speaker.adapter.is_connected(&job.request.chat.account);
        let mut next = if may_be_early { self.senders.free(job.request.chat.clone()) } else { None };
        let early = next.is_some();
        let recorded = if early {
            // The picture travels while it is recorded; its last bytes wait for the record.
            let (grant, clearance) = Clearance::new();
            let record = async {
                let (recorded, _) = self.record(job, speaker, handed, &media, early).await?;
                // Withheld where only that it is stored is on record, because its peer is away.
                if !matches!(recorded, Recorded::Stored(_)) {
                    grant.give();
                }
                drop(grant);
                Ok(recorded)
            };
            let transmit = async {
                let cleared = (Some(&clearance), &mut next);
                self.transmit(job, speaker, caption, (0, &media), cleared, &mut transmitted).await;
                Ok(())
            };
            // Without the record the send ends here, and nothing whole has left.
            tokio::try_join!(record, transmit).map(|(recorded, ())| (recorded, None))
        } else {
            transmitted.away = true;
            self.record(job, speaker, handed, &media, early).await
        };
        let mut nobody = early;
        let (recorded, next) = match recorded {
            Ok(recorded) => recorded,
            Err(error) => {
                nobody = false;
                drop(next);
                transmitted = Transmitted { away: true, ..Transmitted::default() };
                self.record_at_last(job, speaker, handed, (&media, &mut waiting, error)).await?
            }
        };
        let sending = Sending { provider, first: 0, recorded, nobody, next, waiting };
        self.send_until_done(job, speaker, caption, media, (sending, transmitted)).await
    }

    /// Delivers what an earlier run stored and did not begin to send, or not to the end: the first `sent` are there.
    pub(super) async fn hand_over_later(
        &self,
        job: &Active,
        speaker: &Speaker,
        (artifacts, sent, heard): (Vec<StoredArtifact>, usize, Heard),
        provider: &str,
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
        let waiting = Waiting::new();
        let sending = Sending { provider, first: sent, recorded, nobody: false, next: None, waiting };
        let transmitted = Transmitted { away: true, heard, ..Transmitted::default() };
        let outcome =
            self.send_until_done(job, speaker, caption.as_deref(), media, (sending, transmitted)).await?;
        if made < job.wished() {
            job.say_behind(Words::Sentence(fewer(made, job.wished(), self.lost(job))));
        }
        Ok(outcome)
    }

    /// Writes the result's files, then that it is stored and, while its peer is there and it is the next of its chat (it is
    /// already when `early`; else the place is returned), about to be sent.
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
        early: bool,
    ) -> Result<(Recorded, Option<First>), StoreError> {
        let Handed { kept, provider, .. } = handed;
        let fresh = media.get(kept.len()..).unwrap_or_default();
        let mut artifacts = artifacts_of(job.id, job.kept(), fresh);
        let copied = self.keep(&artifacts, fresh).await;
        if let Err(error) = &copied {
            if kept.is_empty() {
                return Ok((self.forget_task(job, error).await?, None));
            }
            artifacts.clear();
        }
        let artifacts = [kept, &artifacts].concat();
        self.keeper.note_artifacts(job.id, &job.request, &artifacts);
        let connected = speaker.adapter.is_connected(&job.request.chat.account);
        let next = if connected && !early { self.senders.free(job.request.chat.clone()) } else { None };
        let sends = connected && (early || next.is_some());
        let stored = Event::Stored {
            artifacts: artifacts.clone(),
            provider: provider.to_owned(),
            sent: 0,
            heard: Heard::default(),
        };
        let written = if sends {
            job.journal.write([stored, Event::Sending]).await
        } else {
            job.journal.write([stored]).await
        };
        match written {
            Ok(()) => {
                if let Err(error) = &copied {
                    without_copy(job, error);
                }
                Ok((if sends { Recorded::Sending(artifacts) } else { Recorded::Stored(artifacts) }, next))
            }
            Err(error) if kept.is_empty() => Ok((self.forget_task(job, &error).await?, None)),
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
    ) -> Result<(Recorded, Option<First>), Stopped> {
        loop {
            self.wait_for_ledger(job, speaker, &error, waiting).await?;
            error = match self.record(job, speaker, handed, media, false).await {
                Ok(recorded) => return Ok(recorded),
                Err(error) => error,
            };
        }
    }

    /// Sends what is left of a result, however often its peer goes away meanwhile. It waits for that one a day, its place
    /// free and the ledger knowing that nobody sends it. Once the ledger knows it as stored it is not sent before that is
    /// changed: the next start would send it again. And that is changed for one result of each chat at a time: an account
    /// that is back after hours sends many, at a pace, and a crash meanwhile ends as unknown what is recorded as being sent.
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
                sending.next = None;
                self.linger(job);
                let waits = (&mut sending, &mut media, &transmitted);
                match self.wait_for_peer(job, speaker, waits, &mut patience).await {
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
                if sending.next.is_none() {
                    sending.next = Some(self.next_in_chat(job).await?);
                    // The peer may have gone away meanwhile.
                    continue;
                }
                if let Err(error) = job.journal.write([Event::Sending]).await {
                    sending.next = None;
                    self.wait_for_ledger(job, speaker, &error, &mut sending.waiting).await?;
                    continue;
                }
                sending.recorded = Recorded::Sending(std::mem::take(artifacts));
            }
            let results = (sending.first, media.as_slice());
            self.transmit(job, speaker, caption, results, (None, &mut sending.next), &mut transmitted).await;
            sending.nobody = transmitted.away;
        }
        self.delivered(job, speaker, caption, transmitted).await
    }

    /// Writes files.
    pub(super) async fn keep(&self, artifacts: &[StoredArtifact], media: &[Media]) -> Result<(), StoreError> {
        for (artifact, result) in artifacts.iter().zip(media) {
            self.store.blobs.put(&artifact.blob, result.body()).await?;
        }
        Ok(())
    }

    /// Sends the results one after the other, those that are done left out, until the peer goes away. The first of them
    /// is the job's result of this number. As soon as it begins the next job of the chat may get ready.
    async fn transmit(
        &self,
        job: &Active,
        speaker: &Speaker,
        caption: Option<&str>,
        (first, media): (usize, &[Media]),
        (clearance, next): (Option<&Clearance>, &mut Option<First>),
        transmitted: &mut Transmitted,
    ) {
        transmitted.away = false;
        for (index, media) in media.iter().enumerate().skip(transmitted.done) {
            let index = first + index;
            let heard = &mut transmitted.heard;
            let caption = caption.filter(|_| index == 0 && !heard.captioned);
            let captioned = index == 0 && heard.captioned;
            speaker.adapter.turn(&speaker.target.chat).await;
            *next = None;
            let item = Item { job: job.id, index, caption, captioned, media, send_mode: self.send_mode() };
            match deliver(&speaker.adapter, &speaker.target, item, clearance).await {
                Delivered::Yes { message, bare } => {
                    transmitted.message = transmitted.message.take().or(message);
                    heard.bare |= bare;
                    heard.wordless |= bare && caption.is_some();
                }
                Delivered::Away { captioned } => {
                    heard.captioned |= captioned;
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
        let Transmitted { message, unknown, failed, heard, .. } = transmitted;
        match caption.filter(|_| heard.wordless) {
            Some(words) => job.say_behind(Words::Caption(words.to_owned())),
            None if heard.bare => job.say_behind(Words::Sentence(UserError::new("note-as-file", ""))),
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
