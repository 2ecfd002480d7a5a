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
    /// Messages that became jobs, so that a re-delivered event does not become another one.
    seen: HashSet<(Chat, MessageId)>,
    seen_order: std::collections::VecDeque<(Chat, MessageId)>,
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

/// How many messages are remembered against re-delivery.
const SEEN: usize = 8192;

impl Keeper {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, limits: KeepLimits) -> Self {
        let state = State {
            limits,
            kept: BTreeMap::new(),
            needed: HashMap::new(),
            numbers: HashMap::new(),
            seen: HashSet::new(),
            seen_order: std::collections::VecDeque::new(),
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
mod tests {
    use super::*;
    use crate::{
        media::{Body, ClipFormat, MediaFormat, PictureFormat},
        testing::{HandClock, MemoryStore},
    };

    fn picture(blob: &str, bytes: u64) -> StoredPicture {
        StoredPicture { blob: blob.to_owned(), format: PictureFormat::Png, width: 1, height: 1, bytes }
    }

    /// Clips: they age as pictures do.
    fn artifact(blob: &str, bytes: u64) -> StoredArtifact {
        StoredArtifact {
            blob: blob.to_owned(),
            format: MediaFormat::Clip(ClipFormat::Mp4),
            width: 0,
            height: 0,
            bytes,
            link: None,
        }
    }

    fn request() -> StoredRequest {
        serde_json::from_str(
            r#"{"chat":{"platform":"onebot","account":"1","kind":"group","id":"7"},"user":"2","message":"3",
                "feature":"draw","prompt":"x","count":1}"#,
        )
        .unwrap()
    }

    struct Shelf {
        store: MemoryStore,
        clock: Arc<HandClock>,
        keeper: Arc<Keeper>,
        jobs: Vec<JobId>,
    }

    impl Shelf {
        fn new(max_count: usize, max_bytes: u64) -> Self {
            let store = MemoryStore::default();
            let limits = KeepLimits { ttl_millis: 1_000, max_count, max_bytes };
            let clock = Arc::new(HandClock::default());
            let keeper = Arc::new(Keeper::new(store.ports(), clock.clone(), limits));
            Self { store, clock, keeper, jobs: Vec::new() }
        }

        /// A job with one artifact of so many bytes.
        async fn stores(&mut self, bytes: u64) -> JobId {
            let job = JobId::generate();
            self.put(&format!("{job}-0.mp4")).await;
            self.keeper.note_artifacts(job, &request(), &[artifact(&format!("{job}-0.mp4"), bytes)]);
            self.jobs.push(job);
            job
        }

        async fn put(&self, name: &str) {
            self.store.ports().blobs.put(name, &Body::from_bytes("x")).await.unwrap();
        }

        async fn ends(&self, job: JobId) {
            self.keeper.finished(job, Outcome::Unknown).await;
        }

        /// Which of the jobs, by number, still have their artifact.
        fn left(&self) -> Vec<usize> {
            let names = self.store.blob_names();
            let has = |job: &JobId| names.contains(&format!("{job}-0.mp4"));
            self.jobs.iter().enumerate().filter(|(_, job)| has(job)).map(|(n, _)| n).collect()
        }
    }

    #[tokio::test]
    async fn the_oldest_make_room_as_soon_as_a_job_ends() {
        let mut shelf = Shelf::new(2, 100);
        for bytes in [10, 10, 10] {
            let job = shelf.stores(bytes).await;
            shelf.ends(job).await;
        }
        assert_eq!(shelf.left(), [1, 2], "by count");
        let large = shelf.stores(95).await;
        shelf.ends(large).await;
        assert_eq!(shelf.left(), [3], "by bytes");
        assert_eq!(shelf.keeper.latest(&request().chat, &"2".into()).unwrap().0, large);
    }

    #[tokio::test]
    async fn what_is_gone_is_recorded_when_there_is_room_again() {
        let mut shelf = Shelf::new(1, 100);
        let gone = shelf.stores(10).await;
        shelf.ends(gone).await;
        let stays = shelf.stores(10).await;
        shelf.store.set_broken(true);
        shelf.ends(stays).await;
        assert_eq!((shelf.left(), shelf.store.entries().len()), (vec![1], 0));
        shelf.store.set_broken(false);
        for _ in 0..2 {
            shelf.keeper.sweep(HashSet::new).await;
            let recorded: Vec<_> = shelf.store.entries().iter().map(|entry| entry.job).collect();
            assert_eq!(recorded, [gone], "once");
        }
    }

    #[tokio::test]
    async fn what_a_job_needs_stays_and_takes_its_room_first() {
        let mut shelf = Shelf::new(2, 100);
        let old = shelf.stores(90).await;
        let done = shelf.stores(5).await;
        shelf.ends(done).await;
        assert_eq!(shelf.left(), [0, 1]);
        let input = picture(&format!("{old}-in0.png"), 20);
        shelf.keeper.note_input(old, &input);
        shelf.keeper.note_input(old, &input);
        shelf.put(&input.blob).await;
        shelf.keeper.sweep(|| HashSet::from([old])).await;
        assert_eq!(shelf.left(), [0], "inputs are counted");
        assert!(shelf.store.blob_names().contains(&input.blob));
        shelf.ends(old).await;
        assert_eq!(shelf.store.blob_names(), [format!("{old}-0.mp4")], "inputs go with their job");
    }

    #[tokio::test]
    async fn what_is_being_sent_again_outlives_its_time_and_makes_room_afterwards() {
        let mut shelf = Shelf::new(1, 100);
        let (keeper, first) = (Arc::clone(&shelf.keeper), shelf.stores(10).await);
        shelf.ends(first).await;
        let (pin, again) = (keeper.pin(first), keeper.pin(first));
        let second = shelf.stores(10).await;
        shelf.ends(second).await;
        drop(again);
        shelf.clock.advance_millis(2_000);
        keeper.sweep(HashSet::new).await;
        assert_eq!(shelf.left(), [0], "one of the two senders is still at it");
        drop(pin);
        keeper.sweep(HashSet::new).await;
        assert_eq!(shelf.left(), [0_usize; 0]);
    }

    #[tokio::test]
    async fn what_is_offered_can_be_had_and_does_not_age_before_its_job_has_ended() {
        let mut shelf = Shelf::new(9, 100);
        let job = shelf.stores(10).await;
        let latest = |shelf: &Shelf| shelf.keeper.latest(&request().chat, &"2".into()).map(|(job, _)| job);
        assert_eq!(latest(&shelf), None, "it is on its way");
        shelf.keeper.offer(job);
        shelf.clock.advance_millis(2_000);
        shelf.keeper.sweep(HashSet::new).await;
        assert_eq!(latest(&shelf), Some(job));
        shelf.ends(job).await;
        assert_eq!(latest(&shelf), Some(job));
        shelf.clock.advance_millis(2_000);
        shelf.keeper.sweep(HashSet::new).await;
        assert_eq!(latest(&shelf), None);
    }

    #[tokio::test]
    async fn a_part_takes_its_room_and_goes_with_its_job_unless_it_becomes_a_result() {
        let mut shelf = Shelf::new(9, 100);
        let done = shelf.stores(60).await;
        shelf.ends(done).await;
        let (given_up, delivered) = (JobId::generate(), JobId::generate());
        for job in [given_up, delivered] {
            let part = artifact(&format!("{job}-0.mp4"), 30);
            shelf.keeper.note_made(job, std::slice::from_ref(&part));
            shelf.keeper.note_made(job, &[part]);
            shelf.put(&format!("{job}-0.mp4")).await;
        }
        shelf.keeper.sweep(HashSet::new).await;
        assert_eq!(shelf.left(), [0_usize; 0], "parts are counted");
        shelf.keeper.note_artifacts(delivered, &request(), &[artifact(&format!("{delivered}-0.mp4"), 30)]);
        shelf.ends(given_up).await;
        shelf.ends(delivered).await;
        assert_eq!(shelf.store.blob_names(), [format!("{delivered}-0.mp4")]);
    }

    #[tokio::test]
    async fn a_sweep_finds_inputs_that_nobody_removed() {
        let mut shelf = Shelf::new(9, 100);
        let job = shelf.stores(1).await;
        shelf.ends(job).await;
        for left_behind in [format!("{job}-in0.png"), format!("{}-0.mp4", JobId::generate())] {
            shelf.put(&left_behind).await;
        }
        shelf.keeper.sweep(HashSet::new).await;
        assert_eq!(shelf.store.blob_names(), [format!("{job}-0.mp4")]);
        let artifacts = [artifact(&format!("{job}-0.mp4"), 1), artifact("gone.mp4", 1)];
        let read = shelf.keeper.read(&artifacts).await.unwrap();
        assert!(matches!(&read[..], [Media::Clip(clip)] if clip.body.len() == 1), "{read:?}");
    }
}
