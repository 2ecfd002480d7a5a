//! What is kept: artifacts of finished jobs for `/重发图片`, by age, count and bytes (K19), and what jobs need that have
//! not ended: their inputs, and the pictures that are made while more are to come. Nothing is removed while a job needs
//! it, and what did not become a result goes with its job.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Outcome,
    ledger::{Entry, Event, JobRecord, StoredArtifact, StoredPicture, StoredRequest},
    seen::Seen,
};
use crate::{
    ids::{Chat, JobId, MessageId, UnixMillis, UserId},
    media::Media,
    ports::{Clock, Store, StoreError},
};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLimits {
    /// Milliseconds after the job's end.
    pub ttl_millis: u64,
    /// Artifacts.
    pub max_count: usize,
    /// Bytes of all artifacts and of what unfinished jobs need.
    pub max_bytes: u64,
}

/// A job whose artifacts are kept.
#[derive(Clone, Debug)]
struct Kept {
    chat: Chat,
    user: UserId,
    /// The job's number, for `/重发图片 3`; 0 = it has none.
    number: u32,
    artifacts: Vec<StoredArtifact>,
    /// `None` while the job still needs them.
    ended_at: Option<UnixMillis>,
    /// The person is being told how to fetch them, although the job needs them still.
    offered: bool,
}

impl Kept {
    fn can_be_had(&self) -> bool {
        self.offered || self.ended_at.is_some()
    }
}

/// A blob of a job that has not ended, which goes with it: an input, or a picture that is no result yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Needed {
    blob: String,
    bytes: u64,
}

/// Knows every kept artifact.
pub struct Keeper {
    store: Store,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    limits: KeepLimits,
    kept: BTreeMap<JobId, Kept>,
    /// What jobs need that have not ended, beside their artifacts.
    needed: HashMap<JobId, Vec<Needed>>,
    /// Numbers of jobs that have not ended.
    numbers: HashMap<JobId, u32>,
    seen: Seen,
    /// Jobs whose artifacts are being sent again, and how often at the same time.
    pinned: HashMap<JobId, usize>,
    /// Jobs whose artifacts were removed while the ledger could not be written: no more than were kept, because nothing is
    /// accepted then.
    unrecorded: Vec<JobId>,
}

/// Keeps a job's artifacts where they are, whatever their age, until it is dropped.
pub struct Pin {
    keeper: Arc<Keeper>,
    job: JobId,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.keeper.with(|state| {
            if let Some(count) = state.pinned.get_mut(&self.job) {
                *count -= 1;
                if *count == 0 {
                    state.pinned.remove(&self.job);
                }
            }
        });
    }
}

impl Keeper {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, limits: KeepLimits) -> Self {
        let state = State {
            limits,
            kept: BTreeMap::new(),
            needed: HashMap::new(),
            numbers: HashMap::new(),
            seen: Seen::default(),
            pinned: HashMap::new(),
            unrecorded: Vec::new(),
        };
        Self { store, clock, state: Mutex::new(state) }
    }

    /// Takes new limits; the next sweep goes by them.
    pub(super) fn set_limits(&self, limits: KeepLimits) {
        self.with(|state| state.limits = limits);
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this message has not become a job yet; remembers it.
    pub fn is_first(&self, chat: &Chat, message: &MessageId) -> bool {
        self.with(|state| state.seen.is_first(chat, message))
    }

    /// Takes a record of an earlier run in.
    pub(super) fn remember(&self, record: &JobRecord) {
        self.is_first(&record.request.chat, &record.request.message);
        if !record.is_finished() {
            // Also without inputs: the job may get some before it is under way again.
            self.with(|state| {
                state.needed.entry(record.id).or_default();
            });
            for input in record.inputs.iter().flatten() {
                self.note_input(record.id, input);
            }
            self.note_made(record.id, &record.made.artifacts);
        }
        if record.artifacts.is_empty() {
            return;
        }
        let kept = Kept {
            chat: record.request.chat.clone(),
            user: record.request.user.clone(),
            number: record.number,
            artifacts: record.artifacts.clone(),
            ended_at: record.is_finished().then_some(record.changed_at),
            offered: false,
        };
        self.with(|state| state.kept.insert(record.id, kept));
    }

    /// The number of a job that has not ended.
    pub(super) fn note_number(&self, job: JobId, number: u32) {
        self.with(|state| {
            state.numbers.insert(job, number);
            if let Some(kept) = state.kept.get_mut(&job) {
                kept.number = number;
            }
        });
    }

    /// The number of the job that made a kept result; 0 = it has none.
    pub(super) fn number_of(&self, job: JobId) -> u32 {
        self.with(|state| state.kept.get(&job).map_or(0, |kept| kept.number))
    }

    /// A job that has not ended keeps this input.
    pub(super) fn note_input(&self, job: JobId, input: &StoredPicture) {
        self.need(job, [(&input.blob, input.bytes)]);
    }

    /// A job that has not ended keeps these pictures, and more are to come.
    pub(super) fn note_made(&self, job: JobId, artifacts: &[StoredArtifact]) {
        self.need(job, artifacts.iter().map(|artifact| (&artifact.blob, artifact.bytes)));
    }

    fn need<'a>(&self, job: JobId, blobs: impl IntoIterator<Item = (&'a String, u64)>) {
        self.with(|state| {
            let needed = state.needed.entry(job).or_default();
            for (blob, bytes) in blobs {
                if needed.iter().all(|known| known.blob != *blob) {
                    needed.push(Needed { blob: blob.clone(), bytes });
                }
            }
        });
    }

    /// A job that has not ended has these results.
    pub(super) fn note_artifacts(&self, job: JobId, request: &StoredRequest, artifacts: &[StoredArtifact]) {
        self.with(|state| {
            let kept = Kept {
                chat: request.chat.clone(),
                user: request.user.clone(),
                number: state.numbers.get(&job).copied().unwrap_or_default(),
                artifacts: artifacts.to_vec(),
                ended_at: None,
                offered: false,
            };
            if let Some(needed) = state.needed.get_mut(&job) {
                needed.retain(|needed| artifacts.iter().all(|artifact| artifact.blob != needed.blob));
            }
            state.kept.insert(job, kept);
        });
    }

    /// The person is told how to fetch a job's results: from now on that works, and they stay until the job has ended.
    pub(super) fn offer(&self, job: JobId) {
        self.with(|state| {
            if let Some(kept) = state.kept.get_mut(&job) {
                kept.offered = true;
            }
        });
    }

    /// Keeps a job's artifacts as long as the pin lives: who sends them again reads them from where they are.
    pub fn pin(self: &Arc<Self>, job: JobId) -> Pin {
        self.with(|state| *state.pinned.entry(job).or_default() += 1);
        Pin { keeper: Arc::clone(self), job }
    }

    /// A job has ended: its inputs go, and so do pictures that became no result; its artifacts begin to age, and the oldest of others make room for them. A
    /// cancelled job keeps nothing.
    pub(super) async fn finished(&self, job: JobId, outcome: Outcome) {
        let now = self.clock.now();
        let (needed, gone) = self.with(|state| {
            if let Some(kept) = state.kept.get_mut(&job) {
                kept.ended_at = Some(now);
            }
            let needed = state.needed.remove(&job).unwrap_or_default();
            state.numbers.remove(&job);
            let gone = if outcome == Outcome::Cancelled { vec![job] } else { state.expired(now) };
            (needed, gone)
        });
        for needed in needed {
            self.remove(&needed.blob).await;
        }
        self.expire(gone).await;
    }

    async fn remove(&self, blob: &str) {
        if let Err(error) = self.store.blobs.remove(blob).await {
            tracing::warn!(%error, name = blob, "a blob could not be removed; the next sweep tries it again");
        }
    }

    /// The artifacts of a person's latest result in a chat that were not removed yet.
    pub fn latest(&self, chat: &Chat, user: &UserId) -> Option<(JobId, Vec<StoredArtifact>)> {
        self.last_of(chat, user, |_| true)
    }

    /// The same of the job with this number.
    pub fn numbered(&self, chat: &Chat, user: &UserId, number: u32) -> Option<(JobId, Vec<StoredArtifact>)> {
        self.last_of(chat, user, |kept| kept.number == number && number != 0)
    }

    fn last_of(
        &self,
        chat: &Chat,
        user: &UserId,
        meant: impl Fn(&Kept) -> bool,
    ) -> Option<(JobId, Vec<StoredArtifact>)> {
        self.with(|state| {
            state
                .kept
                .iter()
                .rev()
                .filter(|(_, kept)| kept.chat == *chat && kept.user == *user && kept.can_be_had())
                .find(|(_, kept)| meant(kept))
                .map(|(job, kept)| (*job, kept.artifacts.clone()))
        })
    }

    /// The results behind stored names; those that are gone are left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(&self, artifacts: &[StoredArtifact]) -> Result<Vec<Media>, StoreError> {
        let mut results = Vec::with_capacity(artifacts.len());
        for stored in artifacts {
            if let Some(body) = self.store.blobs.get(&stored.blob).await? {
                results.push(stored.with_body(body));
            }
        }
        Ok(results)
    }

    /// Removes what is too old or too much, and blobs that belong to no job. Called now and then.
    ///
    /// `needed` tells the jobs that have not ended. It is asked after the blobs were listed: a job accepted in between has
    /// no blob in the list.
    pub async fn sweep(&self, needed: impl Fn() -> HashSet<JobId>) {
        let now = self.clock.now();
        let expired = self.with(|state| state.expired(now));
        self.expire(expired).await;
        let Ok(blobs) = self.store.blobs.list().await else { return };
        let needed = needed();
        for (name, _) in blobs {
            let owner = name.split('-').next().and_then(JobId::parse);
            let kept =
                owner.is_some_and(|job| needed.contains(&job) || self.with(|state| state.keeps(job, &name)));
            if !kept {
                self.remove(&name).await;
            }
        }
    }

    /// Removes the artifacts of these jobs, and records that.
    async fn expire(&self, jobs: Vec<JobId>) {
        let mut gone = self.with(|state| std::mem::take(&mut state.unrecorded));
        for job in jobs {
            let Some(kept) = self.with(|state| state.kept.remove(&job)) else { continue };
            for artifact in &kept.artifacts {
                self.remove(&artifact.blob).await;
            }
            gone.push(job);
        }
        if gone.is_empty() {
            return;
        }
        let at = self.clock.now();
        let entries = gone.iter().map(|job| Entry { job: *job, at, event: Event::Expired }).collect();
        if let Err(error) = self.store.ledger.append(entries).await {
            tracing::warn!(%error, code = "E-STORE", jobs = gone.len(), "results are gone and the ledger does not know it yet; the next sweep tries it again");
            self.with(|state| state.unrecorded.append(&mut gone));
        }
    }
}

impl State {
    /// Whether a job keeps this blob: an artifact, or anything of a job that has not ended.
    fn keeps(&self, job: JobId, blob: &str) -> bool {
        self.needed.contains_key(&job)
            || self
                .kept
                .get(&job)
                .is_some_and(|kept| kept.artifacts.iter().any(|artifact| artifact.blob == blob))
    }

    /// Which finished jobs lose their artifacts: too old, then the oldest beyond count and bytes. What jobs need that have
    /// not ended stays in any case, so it takes its room first.
    fn expired(&self, now: UnixMillis) -> Vec<JobId> {
        let bytes_of =
            |artifacts: &[StoredArtifact]| artifacts.iter().map(|artifact| artifact.bytes).sum::<u64>();
        let of_needed = self.needed.values().flatten().map(|needed| needed.bytes).sum::<u64>();
        let needed = self.kept.values().filter(|kept| kept.ended_at.is_none());
        let (mut count, mut bytes) = (0usize, of_needed);
        for kept in needed {
            count += kept.artifacts.len();
            bytes += bytes_of(&kept.artifacts);
        }
        let mut out = Vec::new();
        // Newest first: ids sort by the time of acceptance.
        for (job, kept) in self.kept.iter().rev() {
            let Some(ended) = kept.ended_at else { continue };
            count += kept.artifacts.len();
            bytes += bytes_of(&kept.artifacts);
            let limits = self.limits;
            if self.pinned.contains_key(job) {
                continue;
            }
            if now.since(ended) > limits.ttl_millis || count > limits.max_count || bytes > limits.max_bytes {
                out.push(*job);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
