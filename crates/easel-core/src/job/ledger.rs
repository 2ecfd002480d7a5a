//! What is recorded of a job, and how a job's state follows from its entries.
//!
//! Entries are the stored format: their serialised form is pinned by tests and only ever grows by optional fields.

use serde::{Deserialize, Serialize};

use super::usage::{Spent, spend};
use crate::{
    access::Tickets,
    error::{Charged, ErrorClass},
    ids::{Chat, JobId, MessageId, UnixMillis, UserId},
    media::{Body, Clip, Media, MediaFormat, Picture, PictureFormat},
    message::PictureRef,
    ports::{RemoteTask, TaskIntent},
};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The job it belongs to.
    pub job: JobId,
    /// When.
    pub at: UnixMillis,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened to a job, in the order in which a job goes through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It exists. Durable before anybody is told.
    Accepted {
        /// Everything needed to run it again.
        request: Box<StoredRequest>,
        /// Its number, for `/取消 3`; 0 in ledgers of before numbers were kept.
        #[serde(default, skip_serializing_if = "is_zero")]
        number: u32,
    },
    /// Its input pictures were downloaded and kept, in order.
    Collected {
        /// Blob names with formats.
        inputs: Vec<StoredPicture>,
    },
    /// A provider is about to be asked. Durable before the request is sent.
    Asking {
        /// The provider's name.
        provider: String,
        /// The key's fingerprint; empty without a key.
        key: String,
        /// Counts from 1 within the job.
        attempt: u32,
        /// The call creates a task at the service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<TaskIntent>,
    },
    /// The service has taken the task that was intended. Durable before it is asked about it.
    Created {
        /// As in `Asking`.
        attempt: u32,
        /// The task.
        task: RemoteTask,
    },
    /// The provider answered, or did not.
    Answered {
        /// The provider's name.
        provider: String,
        /// The key's fingerprint.
        key: String,
        /// As in `Asking`.
        attempt: u32,
        /// How long it took.
        duration_ms: u64,
        /// `None` = success.
        error: Option<StoredFailure>,
        /// What was made, with what, and what it cost; `None` in ledgers of before that was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Box<StoredUsage>>,
    },
    /// A part of what was wished is in the blob store, and more will be asked for. Durable before that is.
    Made {
        /// The pictures that came now, in order.
        artifacts: Vec<StoredArtifact>,
        /// The provider that made them.
        provider: String,
    },
    /// The artifacts are in the blob store, and nothing is being sent; after `Sending`: not any more, because the peer
    /// went away.
    Stored {
        /// In order of delivery.
        artifacts: Vec<StoredArtifact>,
        /// The provider that made them.
        provider: String,
        /// How many of them, from the first on, are certainly in the chat.
        #[serde(default, skip_serializing_if = "is_zero")]
        sent: u32,
        /// What else the chat has heard of them.
        #[serde(default, skip_serializing_if = "Heard::is_nothing")]
        heard: Heard,
    },
    /// The result is about to be sent. Durable before a picture can be whole at the peer.
    Sending,
    /// The job has ended.
    Finished {
        /// How.
        outcome: Outcome,
    },
    /// Its artifacts were removed by age, count or bytes.
    Expired,
}

/// The request of a job as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRequest {
    /// The chat that asked and gets the answer.
    pub chat: Chat,
    /// Who asked.
    pub user: UserId,
    /// The message that asked; quoted by the answer, and the key against re-delivered events.
    pub message: MessageId,
    /// The feature: `draw`, `edit` or `video`.
    pub feature: String,
    /// What the person typed, without the command.
    pub prompt: String,
    /// The preset's name, if one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// `@provider` of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Exact size wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u32, u32)>,
    /// Ratio wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<(u32, u32)>,
    /// Tier wish: 1, 2, 4 (K).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// Pictures wished.
    pub count: u8,
    /// Input pictures by reference, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PictureRef>,
    /// Input pictures that are used when there are no others: the member's last picture message, or their avatar.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<PictureRef>,
    /// The quoted message, resolved when the job collects its inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<MessageId>,
    /// Pictures came within the message itself. Those are not recorded, so a later run that finds no kept copy of them has
    /// nothing to work from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub had_inline: bool,
    /// What it took of the limits; given back when it fails, also by a later run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tickets: Option<Box<Tickets>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl StoredRequest {
    /// Whether it asks for a clip.
    pub fn is_clip(&self) -> bool {
        self.feature == "video"
    }
}

/// A picture in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPicture {
    /// Its blob name.
    pub blob: String,
    /// What it is.
    pub format: PictureFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bytes.
    pub bytes: u64,
}

/// A result in the blob store: a picture or a clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredArtifact {
    /// Its blob name.
    pub blob: String,
    /// What it is.
    pub format: MediaFormat,
    /// Pixels; 0 for a clip.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub width: u32,
    /// Pixels; 0 for a clip.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub height: u32,
    /// Bytes.
    pub bytes: u64,
    /// Where the service itself serves a clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl StoredArtifact {
    /// How a result is recorded under this name.
    pub fn of(blob: String, media: &Media) -> Self {
        let (width, height, link) = match media {
            Media::Picture(picture) => (picture.width, picture.height, None),
            Media::Clip(clip) => (0, 0, clip.link.clone()),
        };
        Self { blob, format: media.format(), width, height, bytes: media.body().len(), link }
    }

    /// The result again, with its bytes.
    pub fn with_body(&self, body: Body) -> Media {
        match self.format {
            MediaFormat::Picture(format) => {
                Media::Picture(Picture { format, width: self.width, height: self.height, body })
            }
            MediaFormat::Clip(format) => Media::Clip(Clip { format, body, link: self.link.clone() }),
        }
    }
}

/// The part of a job's pictures that is made and kept while more are to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeSoFar {
    /// In order of delivery.
    pub artifacts: Vec<StoredArtifact>,
    /// The provider that made the last ones.
    pub provider: String,
}

impl MadeSoFar {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.artifacts.is_empty()
    }

    /// Adds what came after them.
    pub fn add(&mut self, more: Self) {
        self.artifacts.extend(more.artifacts);
        self.provider = more.provider;
    }
}

/// What a chat has heard of a result that it has in part, or not at all, beside what is counted as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The words above it are there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub captioned: bool,
    /// At least one went as a file, and shows not whose it is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bare: bool,
    /// The words above it are not there, because the first one went as a file.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wordless: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_false(is: &bool) -> bool {
    !*is
}

impl Heard {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What an attempt made and cost, for the owner's statistics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredUsage {
    /// The model in use; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What was asked: `generate`, `edit` or `clip`.
    pub operation: String,
    /// Pictures, or 1 for a clip.
    #[serde(default)]
    pub count: u32,
    /// Pixels of the first picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u32, u32)>,
    /// Bytes of all of them.
    #[serde(default)]
    pub bytes: u64,
    /// Tokens read, where the answer told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens made, where the answer told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Money in the service's own unit, where the answer told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// A task at a service, as far as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTask {
    /// The provider's name.
    pub provider: String,
    /// The fingerprint of the key that it was ordered with.
    pub key: String,
    /// The attempt that ordered it.
    pub attempt: u32,
    /// What was intended.
    pub intent: TaskIntent,
    /// The task; `None` = nobody knows whether the service took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<RemoteTask>,
}

impl StoredTask {
    /// What the service can be asked about: the task, or the id that easel chose for it.
    pub fn known(&self) -> Option<RemoteTask> {
        let chosen = || self.intent.task.clone().map(|id| RemoteTask { id, poll: String::new() });
        self.created.clone().or_else(chosen)
    }
}

/// A provider's failure as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFailure {
    /// The class.
    pub class: ErrorClass,
    /// Whether it may have been paid.
    pub charged: Charged,
    /// HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// One line for the owner, redacted.
    pub detail: String,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The person has the result.
    Delivered {
        /// The message that carries it, when known.
        message: Option<MessageId>,
    },
    /// It failed, and the person was told (or told after the restart).
    Failed {
        /// The short code of the sentence.
        code: String,
        /// Whether money may be gone.
        charged: Charged,
    },
    /// Somebody cancelled it.
    Cancelled,
    /// Sent, never confirmed: not sent again by itself.
    Unknown,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Accepted; no provider was asked since the last answer. A part of it may be made.
    Waiting,
    /// A provider was asked and has not answered.
    Asking,
    /// Artifacts stored, not yet being sent.
    Stored,
    /// Being sent.
    Sending,
    /// Ended.
    Finished(Outcome),
}

/// A job folded from its entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// When its last entry was written.
    pub changed_at: UnixMillis,
    /// The request.
    pub request: StoredRequest,
    /// How far it is.
    pub stage: Stage,
    /// Kept inputs.
    #[serde(default)]
    pub inputs: Option<Vec<StoredPicture>>,
    /// Stored artifacts.
    #[serde(default)]
    pub artifacts: Vec<StoredArtifact>,
    /// How many of the stored artifacts, from the first on, are certainly in the chat.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u32,
    /// What else the chat has heard of them.
    #[serde(default, skip_serializing_if = "Heard::is_nothing")]
    pub heard: Heard,
    /// The part of them that is stored while more are to come.
    #[serde(default, skip_serializing_if = "MadeSoFar::is_empty")]
    pub made: MadeSoFar,
    /// The task that a service was last asked for, until it answered.
    #[serde(default)]
    pub task: Option<StoredTask>,
    /// Attempts begun.
    #[serde(default)]
    pub attempts: u32,
    /// The last provider asked.
    #[serde(default)]
    pub provider: String,
    /// Whether something may have been paid that is not among what it [`made`](Self::made): then it is never run again
    /// by itself.
    #[serde(default)]
    pub paid: bool,
    /// Its number; 0 = it has none yet.
    #[serde(default)]
    pub number: u32,
    /// Whether it keeps what it took of the limits.
    #[serde(default = "yes")]
    pub counts: bool,
    /// What its attempts came to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<Spent>,
}

fn yes() -> bool {
    true
}

/// The code of a job that the end of an earlier run cut off while a provider was asked.
pub const INTERRUPTED: &str = "E-INTERRUPTED";

impl JobRecord {
    /// Whether the job has ended.
    pub fn is_finished(&self) -> bool {
        matches!(self.stage, Stage::Finished(_))
    }
}

/// Folds one entry into what is known of its job; `None` before `Accepted` (an entry of a job that was already
/// dropped).
pub fn fold(record: Option<JobRecord>, entry: Entry) -> Option<JobRecord> {
    let Entry { job, at, event } = entry;
    if let Event::Accepted { request, number } = event {
        return Some(JobRecord {
            id: job,
            accepted_at: at,
            changed_at: at,
            request: *request,
            stage: Stage::Waiting,
            inputs: None,
            artifacts: Vec::new(),
            sent: 0,
            heard: Heard::default(),
            made: MadeSoFar::default(),
            task: None,
            attempts: 0,
            provider: String::new(),
            paid: false,
            number,
            counts: true,
            spent: Vec::new(),
        });
    }
    let mut record = record?;
    record.changed_at = at;
    match event {
        Event::Accepted { .. } => {}
        Event::Collected { inputs } => record.inputs = Some(inputs),
        Event::Asking { provider, key, attempt, intent } => {
            record.stage = Stage::Asking;
            record.attempts = attempt;
            record.task = intent.map(|intent| StoredTask {
                provider: provider.clone(),
                key,
                attempt,
                intent,
                created: None,
            });
            record.provider = provider;
        }
        Event::Created { attempt, task } => {
            if let Some(known) = record.task.as_mut().filter(|known| known.attempt == attempt) {
                known.created = Some(task);
            }
        }
        Event::Answered { provider, duration_ms, error, usage, .. } => {
            record.task = None;
            spend(&mut record.spent, &provider, duration_ms, error.as_ref(), usage.as_deref());
            // After a success, after a failure that may have been paid and after a refusal, nobody is asked again by a
            // later run: the stage stays, and the job ends as interrupted.
            match error {
                Some(error) if error.charged == Charged::No && !record.paid && !error.class.is_final() => {
                    record.stage = Stage::Waiting;
                }
                Some(error) if error.charged == Charged::No => {}
                _ => record.paid = true,
            }
        }
        Event::Made { artifacts, provider } => {
            record.provider.clone_from(&provider);
            record.made.add(MadeSoFar { artifacts, provider });
            record.task = None;
            // These are paid and kept; what else may have been paid stays so.
            record.paid = record.spent.iter().any(|spent| spent.totals.maybe_paid > 0);
            record.stage = Stage::Waiting;
        }
        Event::Stored { artifacts, provider, sent, heard } => {
            record.made = MadeSoFar::default();
            record.artifacts = artifacts;
            record.sent = sent;
            record.heard = heard;
            record.provider = provider;
            record.stage = Stage::Stored;
        }
        Event::Sending => record.stage = Stage::Sending,
        Event::Finished { outcome } => {
            record.counts = match &outcome {
                Outcome::Delivered { .. } | Outcome::Unknown => true,
                // As in the run that writes it: what may have been paid counts.
                Outcome::Cancelled => {
                    record.paid || !record.made.is_empty() || !matches!(record.stage, Stage::Waiting)
                }
                Outcome::Failed { code, .. } => code == INTERRUPTED,
            };
            record.made = MadeSoFar::default();
            record.stage = Stage::Finished(outcome);
        }
        Event::Expired => {
            record.artifacts.clear();
            record.inputs = None;
        }
    }
    Some(record)
}

#[cfg(test)]
mod tests;
