//! What is kept, for how long, and what goes when.

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
