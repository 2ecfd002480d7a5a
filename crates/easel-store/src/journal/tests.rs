//! The journal on real files: damage, rotation, compaction.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

use easel_core::{
    job::ledger::{Event, Heard, Outcome, Stage, StoredArtifact, StoredFailure},
    media::{MediaFormat, PictureFormat},
    testing::test_request,
};
use proptest::prelude::*;

use super::*;

struct HandMoved(AtomicU64);

impl Clock for HandMoved {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

fn accepted(job: JobId, at: u64, prompt: &str) -> Entry {
    let request = Box::new(test_request("3", "4", prompt));
    Entry { job, at: UnixMillis(at), event: Event::Accepted { request, number: 0 } }
}

fn cancelled(job: JobId, at: u64) -> Entry {
    Entry { job, at: UnixMillis(at), event: Event::Finished { outcome: Outcome::Cancelled } }
}

fn open(dir: &Path, options: &OpenOptions) -> (Arc<Journal>, Mended) {
    Journal::open(dir, options, Arc::new(|_| {})).unwrap()
}

async fn prompts(journal: &Journal) -> Vec<String> {
    journal.load().await.unwrap().into_iter().map(|record| record.request.prompt).collect()
}

fn at_time(now: u64) -> OpenOptions {
    // Small segments, so that few zeros are written ahead.
    OpenOptions {
        clock: Arc::new(HandMoved(AtomicU64::new(now))),
        segment_bytes: 64 << 10,
        ..OpenOptions::default()
    }
}

/// A closed journal of three jobs and the bytes of its one segment.
async fn three_jobs(dir: &Path) -> (PathBuf, Vec<u8>) {
    let (journal, _) = open(dir, &at_time(10));
    for (at, prompt) in ["一", "二", "三"].into_iter().enumerate() {
        journal.append(vec![accepted(JobId::generate(), at as u64, prompt)]).await.unwrap();
    }
    journal.close();
    let path = dir.join("ledger-00000001.jsonl");
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.last(), Some(&b'\n'), "closing drops the zeros");
    (path, bytes)
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_off_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (path, bytes) = three_jobs(dir.path()).await;
    let last = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for cut in last..bytes.len() {
        // As a power cut leaves it with and without zeros written ahead.
        for zeros in [0, 5000] {
            let mut torn = bytes[..cut].to_vec();
            torn.resize(cut + zeros, 0);
            fs::write(&path, torn).unwrap();
            let (journal, mended) = open(dir.path(), &at_time(10));
            assert_eq!(mended, Mended { torn_bytes: (cut - last) as u64, bad_lines: 0 }, "cut at {cut}");
            assert_eq!(prompts(&journal).await, ["一", "二"], "cut at {cut}");
            journal.append(vec![accepted(JobId::generate(), 9, "new")]).await.unwrap();
            journal.close();
            let (journal, mended) = open(dir.path(), &at_time(10));
            assert_eq!(mended, Mended::default());
            assert_eq!(prompts(&journal).await, ["一", "二", "new"], "cut at {cut}");
            journal.close();
        }
    }
}

#[tokio::test]
async fn a_bad_line_in_the_middle_is_skipped_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut bytes) = three_jobs(dir.path()).await;
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    bytes[second + 40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (journal, mended) = open(dir.path(), &at_time(10));
    assert_eq!(mended, Mended { torn_bytes: 0, bad_lines: 1 });
    assert_eq!(prompts(&journal).await, ["一", "三"]);
    journal.close();
}

#[tokio::test]
async fn what_is_handed_over_is_in_the_file_in_order_and_reaches_the_listener() {
    let dir = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let listener: Listener = Arc::new(move |entries| hearing.lock().unwrap().extend(entries));
    let (journal, _) = Journal::open(dir.path(), &at_time(10), listener).unwrap();
    let entries: Vec<Entry> = (0..500).map(|at| accepted(JobId::generate(), at, "x")).collect();
    // All at once, and most of the futures are dropped: that undoes nothing.
    let mut last = None;
    for entry in &entries {
        last = Some(journal.append(vec![entry.clone()]));
    }
    last.unwrap().await.unwrap();
    journal.close();
    assert_eq!(*heard.lock().unwrap(), entries);
    let mut read = Vec::new();
    for segment in segment::list(dir.path()).unwrap().live {
        segment::scan(&segment.path, |json| {
            read.push(serde_json::from_slice::<Entry>(json)?);
            Ok(())
        })
        .unwrap();
    }
    assert_eq!(read, entries);
    assert!(matches!(journal.append(Vec::new()).await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn rotation_and_compaction_keep_what_is_unfinished_or_young() {
    const DAY: u64 = 24 * 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandMoved(AtomicU64::new(0)));
    let options = OpenOptions {
        clock: Arc::clone(&clock) as _,
        segment_bytes: 4096,
        compact_after_segments: 3,
        ..OpenOptions::default()
    };
    let (journal, _) = open(dir.path(), &options);
    journal.append(vec![accepted(JobId::generate(), 0, "unfinished")]).await.unwrap();
    // This one ends in a later segment than it begins in.
    let long = JobId::generate();
    journal.append(vec![accepted(long, 0, "long")]).await.unwrap();
    let fill = async |at, count| {
        for _ in 0..count {
            let job = JobId::generate();
            journal.append(vec![accepted(job, at, "old"), cancelled(job, at)]).await.unwrap();
        }
    };
    fill(1, 40).await;
    journal.append(vec![cancelled(long, 2)]).await.unwrap();
    clock.0.store(DAY, Ordering::Relaxed);
    let young = JobId::generate();
    journal.append(vec![accepted(young, DAY, "young"), cancelled(young, DAY)]).await.unwrap();
    assert!(segment::list(dir.path()).unwrap().live.len() > 3);

    clock.0.store(DAY + 10, Ordering::Relaxed);
    assert!(journal.compact_if_due().unwrap());
    let segments = segment::list(dir.path()).unwrap();
    assert_eq!((segments.live.len(), segments.void.len()), (2, 0));
    assert!(segments.live[0].base);
    assert_eq!(prompts(&journal).await, ["unfinished", "young"]);
    assert!(!journal.compact_if_due().unwrap());

    // It goes on after that, and again after reopening.
    fill(DAY + 20, 40).await;
    journal.close();
    let (journal, mended) = open(dir.path(), &options);
    assert_eq!(mended, Mended::default());
    assert_eq!(prompts(&journal).await.len(), 42);
    assert!(journal.compact_if_due().unwrap());
    assert_eq!(prompts(&journal).await.len(), 42);
    let mut exported = Vec::new();
    assert_eq!(journal.export(&mut exported).unwrap(), 1 + 2 + 80);
    journal.close();
}

#[tokio::test]
async fn what_hurries_nobody_goes_with_the_next_append_or_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path(), &at_time(5));
    let first = journal.append_later(vec![accepted(JobId::generate(), 1, "first")]);
    // An append of nothing is enough.
    journal.append(Vec::new()).await.unwrap();
    first.await.unwrap();
    let second = journal.append_later(vec![accepted(JobId::generate(), 2, "second")]);
    journal.append(vec![accepted(JobId::generate(), 3, "third")]).await.unwrap();
    second.await.unwrap();
    let last = journal.append_later(vec![accepted(JobId::generate(), 4, "last")]);
    // Nothing waits for the disk, as soon as the thread that told of the append before has come to rest.
    let rest = async {
        while journal.health() != (None, None) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), rest).await.unwrap();
    journal.close();
    last.await.unwrap();
    let (journal, _) = open(dir.path(), &at_time(5));
    assert_eq!(prompts(&journal).await, ["first", "second", "third", "last"]);
    journal.close();
}

#[test]
fn the_light_reading_of_entries_agrees_with_the_fold() {
    let artifact = || StoredArtifact {
        blob: "a.png".to_owned(),
        format: MediaFormat::Picture(PictureFormat::Png),
        width: 1,
        height: 1,
        bytes: 1,
        link: None,
    };
    let stored = || Event::Stored {
        artifacts: vec![artifact()],
        provider: "p".to_owned(),
        sent: 0,
        heard: Heard::default(),
    };
    let made = || Event::Made { artifacts: vec![artifact()], provider: "p".to_owned() };
    let done = || Event::Finished { outcome: Outcome::Delivered { message: None } };
    let asking = || Event::Asking { provider: "p".to_owned(), key: "k".to_owned(), attempt: 1, intent: None };
    let cases: Vec<Vec<Event>> = vec![
        vec![],
        vec![asking()],
        vec![asking(), stored()],
        vec![asking(), made()],
        vec![asking(), made(), done()],
        vec![asking(), made(), asking(), stored(), done()],
        vec![done(), made()],
        vec![asking(), stored(), Event::Sending, done()],
        vec![stored(), done(), Event::Expired],
        vec![done(), Event::Sending],
        vec![done(), Event::Sending, done()],
    ];
    for events in cases {
        let dir = tempfile::tempdir().unwrap();
        let job = JobId::generate();
        let mut lines = Vec::new();
        line::encode(&accepted(job, 0, "x"), &mut lines).unwrap();
        for event in events.clone() {
            line::encode(&Entry { job, at: UnixMillis(1), event }, &mut lines).unwrap();
        }
        fs::write(dir.path().join("ledger-00000001.jsonl"), lines).unwrap();
        // Nothing finished is kept by age, so that only the state decides.
        let retention = Retention { keep_ms: 0, max: 10 };
        let (folded, _) = fold_all(dir.path(), retention, UnixMillis(5)).unwrap();
        let segments = segment::list(dir.path()).unwrap().live;
        let light = read::kept_jobs(&segments, retention, UnixMillis(5)).unwrap();
        assert_eq!(light.len(), folded.len(), "{events:?}");
    }
}

#[test]
fn a_restored_journal_ends_its_unfinished_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let (open_job, done) = (JobId::generate(), JobId::generate());
    let mut lines = Vec::new();
    for entry in [accepted(open_job, 1, "open"), accepted(done, 1, "done"), cancelled(done, 2)] {
        line::encode(&entry, &mut lines).unwrap();
    }
    let end = |job| Entry { job, at: UnixMillis(9), event: Event::Finished { outcome: Outcome::Unknown } };
    let ended = create_closed(dir.path(), |out| out.write_all(&lines), UnixMillis(9), end).unwrap();
    assert_eq!(ended, 1);
    let everything = Retention { keep_ms: u64::MAX, max: 9 };
    let (records, _) = fold_all(dir.path(), everything, UnixMillis(9)).unwrap();
    let stage = |id| records.iter().find(|record| record.id == id).unwrap().stage.clone();
    assert_eq!(stage(open_job), Stage::Finished(Outcome::Unknown));
    assert_eq!(stage(done), Stage::Finished(Outcome::Cancelled));
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Sending),
        Just(Event::Expired),
        ".*".prop_map(|provider| Event::Made { artifacts: Vec::new(), provider }),
        (".*", ".*", any::<u32>()).prop_map(|(provider, key, attempt)| Event::Asking {
            provider,
            key,
            attempt,
            intent: None,
        }),
        (".*", any::<u64>(), proptest::option::of((".*", proptest::option::of(100..600_u16)))).prop_map(
            |(provider, duration_ms, failure)| Event::Answered {
                provider,
                key: String::new(),
                attempt: 1,
                duration_ms,
                usage: None,
                error: failure.map(|(detail, status)| StoredFailure {
                    class: easel_core::error::ErrorClass::Rate,
                    charged: easel_core::error::Charged::No,
                    status,
                    detail,
                }),
            }
        ),
        ".*".prop_map(|id| Event::Finished { outcome: Outcome::Delivered { message: Some(id.into()) } }),
    ]
}

proptest! {
    #[test]
    fn lines_come_back_as_they_were(prompt in "(?s).*", at: u64, event in any_event()) {
        for entry in [accepted(JobId::generate(), at, &prompt), Entry { job: JobId::generate(), at: UnixMillis(at), event }] {
            let mut lines = Vec::new();
            line::encode(&entry, &mut lines).unwrap();
            prop_assert_eq!(lines.iter().position(|b| *b == b'\n'), Some(lines.len() - 1));
            let json = line::verify(&lines).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Entry>(json).unwrap(), entry);
        }
    }

    #[test]
    fn a_changed_line_is_never_taken(prompt in ".*", at: prop::sample::Index, bit in 0..8_u8) {
        let mut line = Vec::new();
        line::encode(&accepted(JobId::generate(), 1, &prompt), &mut line).unwrap();
        let at = at.index(line.len());
        line[at] ^= 1 << bit;
        prop_assert_eq!(line::verify(&line), None);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger-00000001.jsonl");
        fs::write(&path, &bytes).unwrap();
        let found = segment::scan(&path, |_| Ok(())).unwrap();
        prop_assert!(found.good_end + found.torn_bytes <= found.len);
    }
}
