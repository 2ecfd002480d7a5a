//! Backup and restore.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use bytes::Bytes;
use easel_core::{
    ids::JobId,
    job::ledger::{Outcome, Stage},
};
use easel_store::{RestoreError, restore};

use crate::common::{accepted, finished, get, open_clean, prompts, put};

/// A backup with records of every kind; returns its path.
async fn make_backup(dir: &Path) -> std::path::PathBuf {
    let (store, handle) = open_clean(&dir.join("data")).await;
    put(&store, "文字", "value\n\"quoted\"").await;
    store.keys.put("keys", &[0, 255, 1], Bytes::from_static(&[0xff, 0, 0x80])).await.unwrap();
    let (open, done) = (JobId::generate(), JobId::generate());
    store.ledger.append(vec![accepted(open, "open"), accepted(done, "done"), finished(done)]).await.unwrap();
    let file = handle.backup(dir).await.unwrap();
    handle.shutdown().await;
    file
}

#[tokio::test]
async fn a_backup_comes_back_in_a_new_directory() {
    let dir = tempfile::tempdir().unwrap();
    let file = make_backup(dir.path()).await;
    let target = dir.path().join("fresh/data");
    let report = restore(&target, &file).await.unwrap();
    assert_eq!((report.replaced, report.closed_jobs, report.records), (None, 1, 2));
    let (store, handle) = open_clean(&target).await;
    assert_eq!(get(&store, "文字").await.as_deref(), Some("value\n\"quoted\""));
    let value = store.keys.get("keys", &[0, 255, 1]).await.unwrap();
    assert_eq!(value.as_deref(), Some(&[0xff, 0, 0x80][..]));
    let jobs = store.ledger.load().await.unwrap();
    let stages: Vec<_> = jobs.iter().map(|job| (job.request.prompt.as_str(), job.stage.clone())).collect();
    assert_eq!(
        stages,
        [("open", Stage::Finished(Outcome::Unknown)), ("done", Stage::Finished(Outcome::Cancelled))]
    );
    handle.shutdown().await;
}

/// In a folder where others may write, such as that of temporary files.
#[tokio::test]
async fn what_others_put_beside_a_backup_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("data"), dir.path().join("for all/b.tar.gz"));
    let beside = |ending: &str| dir.path().join(format!("for all/b.tar.gz{ending}"));
    let (theirs, folder) = (dir.path().join("theirs"), dir.path().join("their folder"));
    for made in [to.parent().unwrap(), &folder] {
        fs::create_dir(made).unwrap();
    }
    for file in [&theirs, &folder.join("journal.jsonl")] {
        fs::write(file, "theirs").unwrap();
    }
    symlink(&theirs, beside(".tmp")).unwrap();
    symlink(&folder, beside(".parts.tmp")).unwrap();
    let (_store, handle) = open_clean(&data).await;
    for _ in 0..2 {
        assert_eq!(handle.backup(&to).await.unwrap(), to);
    }
    handle.shutdown().await;
    for file in [&theirs, &folder.join("journal.jsonl")] {
        assert_eq!(fs::read_to_string(file).unwrap(), "theirs");
    }
    assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 3, "and nothing stays beside it");
    assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    restore(&dir.path().join("fresh"), &to).await.unwrap();
}

#[tokio::test]
async fn restoring_over_something_keeps_it_beside() {
    let dir = tempfile::tempdir().unwrap();
    let file = make_backup(dir.path()).await;
    let data = dir.path().join("data");
    let (store, handle) = open_clean(&data).await;
    put(&store, "文字", "newer").await;
    store.ledger.append(vec![accepted(JobId::generate(), "newer")]).await.unwrap();

    // Not while it runs.
    let refused = restore(&data, &file).await.unwrap_err();
    assert!(matches!(refused, RestoreError::Place(_)), "{refused}");
    handle.shutdown().await;
    drop((store, handle));

    let report = restore(&data, &file).await.unwrap();
    let replaced = report.replaced.unwrap();
    assert!(replaced.join("db").exists() && replaced.join("journal").exists());
    let (store, handle) = open_clean(&data).await;
    assert_eq!(get(&store, "文字").await.as_deref(), Some("value\n\"quoted\""));
    assert_eq!(prompts(&store).await, ["open", "done"]);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_damaged_archive_is_refused_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let file = make_backup(dir.path()).await;
    let data = dir.path().join("data");
    let good = fs::read(&file).unwrap();
    let before = listing(&data);
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), b"nonsense".to_vec(), good[..good.len() / 2].to_vec()];
    cases.push(good[..good.len() - 4].to_vec());
    for at in (10..good.len()).step_by(37) {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        cases.push(changed);
    }
    for (number, bytes) in cases.into_iter().enumerate() {
        let bad = dir.path().join("bad.tar.gz");
        fs::write(&bad, bytes).unwrap();
        for target in [&data, &dir.path().join("absent")] {
            let refused = restore(target, &bad).await.unwrap_err();
            assert!(matches!(refused, RestoreError::BadArchive { .. }), "case {number}: {refused}");
        }
    }
    assert!(!dir.path().join("absent").exists());
    assert_eq!(listing(&data), before);
    let missing = restore(&data, &dir.path().join("nowhere.tar.gz")).await.unwrap_err();
    assert!(missing.to_string().contains("nothing was changed"), "{missing}");
}

/// Every path with its length.
fn listing(dir: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            out.extend(listing(&entry.path()));
        }
        out.push((entry.path(), about.len()));
    }
    out.sort();
    out
}

#[tokio::test]
async fn a_backup_that_can_not_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(&dir.path().join("data")).await;
    put(&store, "k", "v").await;
    let refused = handle.backup(&dir.path().join("no/such/folder.tar.gz")).await;
    assert!(refused.is_err());
    assert!(!dir.path().join("no").exists());
    handle.shutdown().await;
}
