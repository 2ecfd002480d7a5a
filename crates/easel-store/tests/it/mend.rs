//! What opening finds, mends, tells or refuses.

use std::{fs, path::Path};

use easel_core::{ids::JobId, media::Body};
use easel_store::OpenError;

use crate::common::{accepted, get, open, open_clean, prompts, put, refusal};

#[tokio::test]
async fn what_is_kept_is_closed_to_others_and_backups_are_the_owners_to_share() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["journal", "blobs", "backups"] {
        fs::create_dir(at(name)).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(0o750)).unwrap();
    }
    let (_store, handle) = open_clean(dir.path()).await;
    let modes = ["journal", "blobs", "db", "backups"]
        .map(|name| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o700, 0o700, 0o700, 0o750]);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_second_easel_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    put(&store, "k", "v").await;
    let refused = refusal(dir.path()).await;
    assert!(
        matches!(refused, OpenError::InUse { process: Some(id), .. } if id == std::process::id()),
        "{refused}"
    );
    assert!(refused.to_string().contains("in use by another easel"), "{refused}");
    // The first one did not notice.
    put(&store, "k", "w").await;
    handle.shutdown().await;
    let (store, handle) = open_clean(dir.path()).await;
    assert_eq!(get(&store, "k").await.as_deref(), Some("w"));
    handle.shutdown().await;
}

#[tokio::test]
async fn a_dropped_store_frees_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle, _) = open(dir.path()).await;
    put(&store, "k", "v").await;
    drop((store, handle));
    let (store, handle) = open_clean(dir.path()).await;
    assert_eq!(get(&store, "k").await.as_deref(), Some("v"));
    handle.shutdown().await;
}

#[tokio::test]
async fn left_over_generating_files_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    put(&store, "k", "v").await;
    handle.shutdown().await;
    drop(store);
    let leftover = dir.path().join("db/snap.000000000000ABCD.generating");
    fs::write(&leftover, "half a snapshot").unwrap();
    let (store, handle, report) = open(dir.path()).await;
    assert_eq!(report.removed_generating.len(), 1);
    assert!(!report.needs_owner());
    assert!(!leftover.exists());
    assert_eq!(get(&store, "k").await.as_deref(), Some("v"));
    handle.shutdown().await;
}

/// A store with a snapshot, one setting and one job newer than it, closed; then `damage` is done to it.
async fn damaged(dir: &Path, snapshot: bool, damage: impl FnOnce(&Path)) {
    let (store, handle) = open_clean(dir).await;
    put(&store, "k", "v").await;
    if snapshot {
        handle.snapshot().await.unwrap();
    }
    put(&store, "later", "v").await;
    store.ledger.append(vec![accepted(JobId::generate(), "later")]).await.unwrap();
    store.blobs.put("a.png", &Body::from_bytes("picture")).await.unwrap();
    handle.shutdown().await;
    drop((store, handle));
    damage(dir);
}

fn truncate_conf(dir: &Path) {
    let conf = dir.join("db/conf");
    let file = fs::File::options().write(true).open(conf).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

#[tokio::test]
async fn an_unopenable_database_is_moved_aside_and_restored() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path(), true, truncate_conf).await;
    let (store, handle, report) = open(dir.path()).await;
    let replaced = report.replaced_database.clone().unwrap();
    assert!(report.needs_owner());
    assert!(
        replaced.moved_to.join("db").exists() && replaced.moved_to.to_string_lossy().contains("db.broken-")
    );
    assert!(replaced.restored_from.exists());
    assert_eq!(report.loss, None, "one message is enough");
    assert_eq!(get(&store, "k").await.as_deref(), Some("v"));
    assert_eq!(get(&store, "later").await, None);
    assert_eq!(prompts(&store).await, ["later"], "the journal is the truth");
    assert_eq!(handle.recent_jobs(9).await.unwrap().len(), 1);
    assert!(store.blobs.get("a.png").await.unwrap().is_some());
    put(&store, "k", "w").await;
    handle.shutdown().await;
    drop((store, handle));
    let (store, handle) = open_clean(dir.path()).await;
    assert_eq!(get(&store, "k").await.as_deref(), Some("w"));
    handle.shutdown().await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path(), true, |dir| {
        truncate_conf(dir);
        fs::write(dir.join("backups/easel-29990101T000000000Z.tar.gz"), "nonsense").unwrap();
    })
    .await;
    let (store, handle, report) = open(dir.path()).await;
    assert!(!report.replaced_database.unwrap().restored_from.to_string_lossy().contains("2999"));
    assert_eq!(get(&store, "k").await.as_deref(), Some("v"));
    handle.shutdown().await;
}

#[tokio::test]
async fn without_a_snapshot_a_damaged_database_is_said_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path(), false, truncate_conf).await;
    let before = fs::read(dir.path().join("db/conf")).unwrap();
    let refused = refusal(dir.path()).await;
    assert!(matches!(refused, OpenError::Corrupt { backup: None, .. }), "{refused}");
    assert!(refused.to_string().contains("easel restore"), "{refused}");
    assert_eq!(fs::read(dir.path().join("db/conf")).unwrap(), before);
    // The mend that it names works.
    fs::rename(dir.path().join("db"), dir.path().join("db.old")).unwrap();
    let (store, handle, _) = open(dir.path()).await;
    assert_eq!(prompts(&store).await, ["later"]);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_database_that_forgot_is_noticed_and_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("db.copy");
    let (store, handle) = open_clean(dir.path()).await;
    put(&store, "k", "v").await;
    let snapshot = handle.snapshot().await.unwrap();
    handle.shutdown().await;
    drop((store, handle));
    copy_folder(&dir.path().join("db"), &copy);
    let (store, handle) = open_clean(dir.path()).await;
    put(&store, "k2", "v").await;
    handle.shutdown().await;
    drop((store, handle));
    // As after a power cut on a disk that lies about flushes: the database opens without an error, but older.
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    fs::rename(&copy, dir.path().join("db")).unwrap();

    let (store, handle, report) = open(dir.path()).await;
    let loss = report.loss.clone().unwrap();
    assert!(loss.expected_generation > loss.found_generation);
    assert_eq!(loss.newest_snapshot.as_deref(), Some(snapshot.as_path()));
    assert!(report.needs_owner());
    assert!(report.notices().iter().any(|line| line.contains("easel restore")), "{:?}", report.notices());
    assert_eq!(get(&store, "k").await.as_deref(), Some("v"), "nothing is restored by itself");
    handle.shutdown().await;
    drop((store, handle));
    let (_store, handle) = open_clean(dir.path()).await;
    handle.shutdown().await;
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_torn_journal_is_cut_and_told() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path(), false, |dir| {
        let path = dir.join("journal/ledger-00000001.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(b"0123abcd {\"job\":\"half");
        fs::write(&path, bytes).unwrap();
    })
    .await;
    let (store, handle, report) = open(dir.path()).await;
    assert_eq!(report.torn_tail_bytes, 21);
    assert_eq!(report.notices().len(), 1);
    assert_eq!(prompts(&store).await, ["later"]);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_bloated_database_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    let value = "x".repeat(30_000);
    for round in 0..40 {
        for key in 0..10 {
            let value = format!("{round}{value}");
            store.keys.put("settings", format!("{key}").as_bytes(), value.into()).await.unwrap();
        }
    }
    for key in 1..10 {
        store.keys.remove("settings", format!("{key}").as_bytes()).await.unwrap();
    }
    handle.shutdown().await;
    drop((store, handle));
    let options = easel_store::OpenOptions { bloat_allowance_bytes: 600 << 10, ..Default::default() };
    let (store, handle, report) = easel_store::EmbeddedStore::open(dir.path(), options).await.unwrap();
    let compacted = report.compacted.unwrap();
    assert!(compacted.after_bytes < compacted.before_bytes, "{compacted:?}");
    assert_eq!(report.loss, None);
    assert_eq!(get(&store, "0").await.unwrap(), format!("39{value}"));
    assert_eq!(store.keys.scan("settings", b"", 99).await.unwrap().len(), 1);
    handle.shutdown().await;
    drop((store, handle));
    let (_store, handle) = open_clean(dir.path()).await;
    handle.shutdown().await;
}

#[tokio::test]
async fn a_network_file_system_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mounts = dir.path().join("mountinfo");
    fs::write(&mounts, "22 1 0:5 / / rw,relatime - nfs4 nas:/data rw\n").unwrap();
    let options = easel_store::OpenOptions { mounts, ..Default::default() };
    let Err(refused) = easel_store::EmbeddedStore::open(dir.path(), options).await else {
        panic!("it was opened")
    };
    assert!(matches!(&refused, OpenError::NetworkFilesystem { kind, .. } if kind == "nfs4"), "{refused}");
    assert!(refused.to_string().contains("local disk"), "{refused}");
}
