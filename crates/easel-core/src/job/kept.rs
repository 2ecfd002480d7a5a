//! What is kept of finished jobs: artifacts for `/重发图片`, by age, count and bytes (K19), and never removed while a job
//! needs them.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Outcome,
    ledger::{Entry, Event, JobRecord, StoredPicture, StoredRequest},
};
use crate::{
    ids::{Chat, JobId, MessageId, UnixMillis, UserId},
    media::Picture,
    ports::{Clock, Store, StoreError},
};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLimits {
    /// Milliseconds after the job's end.
    pub ttl_millis: u64,
    /// Artifacts.
    pub max_count: usize,
    /// Bytes of all artifacts.
    pub max_bytes: u64,
}

/// A job whose artifacts are kept.
#[derive(Clone, Debug)]
struct Kept {
    chat: Chat,
    user: UserId,
    artifacts: Vec<StoredPicture>,
    /// `None` while the job still needs them.
    ended_at: Option<UnixMillis>,
}

/// Knows every kept artifact.
pub struct Keeper {
    store: Store,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<JobId, Kept>,
    /// Messages that became jobs, so that a re-delivered event does not become another one.
    seen: HashSet<(Chat, MessageId)>,
    seen_order: std::collections::VecDeque<(Chat, MessageId)>,
}

/// How many messages are remembered against re-delivery.
const SEEN: usize = 8192;

impl Keeper {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, state: Mutex::default() }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this message has not become a job yet; remembers it.
    pub fn is_first(&self, chat: &Chat, message: &MessageId) -> bool {
        self.with(|state| {
            let key = (chat.clone(), message.clone());
            if !state.seen.insert(key.clone()) {
                return false;
            }
            state.seen_order.push_back(key);
            if state.seen_order.len() > SEEN
                && let Some(old) = state.seen_order.pop_front()
            {
                state.seen.remove(&old);
            }
            true
        })
    }

    /// Takes a record of an earlier run in.
    pub(super) fn remember(&self, record: &JobRecord) {
        self.is_first(&record.request.chat, &record.request.message);
        if record.artifacts.is_empty() {
            return;
        }
        let kept = Kept {
            chat: record.request.chat.clone(),
            user: record.request.user.clone(),
            artifacts: record.artifacts.clone(),
            ended_at: record.is_finished().then_some(record.changed_at),
        };
        self.with(|state| state.kept.insert(record.id, kept));
    }

    pub(super) fn note_artifacts(&self, job: JobId, request: &StoredRequest, artifacts: &[StoredPicture]) {
        let kept = Kept {
            chat: request.chat.clone(),
            user: request.user.clone(),
            artifacts: artifacts.to_vec(),
            ended_at: None,
        };
        self.with(|state| state.kept.insert(job, kept));
    }

    /// A job has ended: its inputs go, its artifacts begin to age. A cancelled job keeps nothing.
    pub(super) async fn finished(&self, job: JobId, outcome: Outcome) {
        let now = self.clock.now();
        self.with(|state| {
            if let Some(kept) = state.kept.get_mut(&job) {
                kept.ended_at = Some(now);
            }
        });
        if outcome == Outcome::Cancelled {
            self.expire(vec![job]).await;
        }
    }

    /// The artifacts of a person's latest result in a chat that were not removed yet.
    pub fn latest(&self, chat: &Chat, user: &UserId) -> Option<(JobId, Vec<StoredPicture>)> {
        self.with(|state| {
            state
                .kept
                .iter()
                .rev()
                .find(|(_, kept)| kept.chat == *chat && kept.user == *user && kept.ended_at.is_some())
                .map(|(job, kept)| (*job, kept.artifacts.clone()))
        })
    }

    /// The pictures behind stored names; those that are gone are left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn read(&self, artifacts: &[StoredPicture]) -> Result<Vec<Picture>, StoreError> {
        let mut pictures = Vec::with_capacity(artifacts.len());
        for stored in artifacts {
            if let Some(body) = self.store.blobs.get(&stored.blob).await? {
                pictures.push(Picture {
                    format: stored.format,
                    width: stored.width,
                    height: stored.height,
                    body,
                });
            }
        }
        Ok(pictures)
    }

    /// Whether one of these is certainly not there.
    pub(super) async fn lacks(&self, artifacts: &[StoredPicture]) -> bool {
        for stored in artifacts {
            if matches!(self.store.blobs.get(&stored.blob).await, Ok(None)) {
                return true;
            }
        }
        false
    }

    /// Removes what is too old or too much, and blobs that belong to no job. Called now and then.
    ///
    /// `needed` tells the jobs that have not ended. It is asked after the blobs were listed: a job accepted in between has
    /// no blob in the list.
    pub async fn sweep(&self, limits: KeepLimits, needed: impl Fn() -> HashSet<JobId>) {
        let now = self.clock.now();
        let expired = self.with(|state| expired(&state.kept, limits, now));
        self.expire(expired).await;
        let Ok(blobs) = self.store.blobs.list().await else { return };
        let needed = needed();
        for (name, _) in blobs {
            let owner = name.split('-').next().and_then(JobId::parse);
            let kept = owner
                .is_some_and(|job| needed.contains(&job) || self.with(|state| state.kept.contains_key(&job)));
            if !kept && let Err(error) = self.store.blobs.remove(&name).await {
                tracing::warn!(%error, name, "a blob could not be removed");
            }
        }
    }

    async fn expire(&self, jobs: Vec<JobId>) {
        for job in jobs {
            let Some(kept) = self.with(|state| state.kept.remove(&job)) else { continue };
            for artifact in &kept.artifacts {
                if let Err(error) = self.store.blobs.remove(&artifact.blob).await {
                    tracing::warn!(%error, name = artifact.blob, "an artifact could not be removed");
                }
            }
            let entry = Entry { job, at: self.clock.now(), event: Event::Expired };
            drop(self.store.ledger.append(vec![entry]));
        }
    }
}

/// Which finished jobs lose their artifacts: too old, then the oldest beyond count and bytes.
fn expired(kept: &BTreeMap<JobId, Kept>, limits: KeepLimits, now: UnixMillis) -> Vec<JobId> {
    let (mut count, mut bytes) = (0usize, 0u64);
    let mut out = Vec::new();
    // Newest first: ids sort by the time of acceptance.
    for (job, kept) in kept.iter().rev() {
        count += kept.artifacts.len();
        bytes += kept.artifacts.iter().map(|artifact| artifact.bytes).sum::<u64>();
        let Some(ended) = kept.ended_at else { continue };
        if now.since(ended) > limits.ttl_millis || count > limits.max_count || bytes > limits.max_bytes {
            out.push(*job);
        }
    }
    out
}
