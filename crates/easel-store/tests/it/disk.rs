//! A full and a read-only disk: small file systems in memory, mounted for the test. Where mounting is refused, the
//! tests of a full disk say so and end; a directory without write permission then stands in for the read-only disk.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use easel_core::{
    ids::JobId,
    media::{Body, BytesBudget, Spool},
    ports::{Store, StoreError},
};
use easel_store::OpenError;

use crate::common::{accepted, get, open, open_clean, prompts, put, refusal, try_open};

struct Mount {
    point: tempfile::TempDir,
}

impl Mount {
    fn new(size: &str) -> Option<Self> {
        let point = tempfile::tempdir().unwrap();
        let done = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "easel-test"], point.path());
        if !done {
            println!("skipped: mounting a tmpfs is refused here");
        }
        done.then_some(Self { point })
    }

    fn data(&self) -> PathBuf {
        self.point.path().join("data")
    }

    /// Takes every free byte.
    fn fill(&self) -> PathBuf {
        let ballast = self.point.path().join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        let piece = vec![1; 4096];
        while std::io::Write::write_all(&mut file, &piece).is_ok() {}
        ballast
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.point.path()).status().unwrap();
    }
}

fn mount(arguments: &[&str], point: &Path) -> bool {
    Command::new("mount").args(arguments).arg(point).status().is_ok_and(|status| status.success())
}

/// Appends until the disk takes no more; returns the prompts that were confirmed and the first refusal.
async fn append_until_refused(store: &Store) -> (Vec<String>, StoreError) {
    let mut confirmed = Vec::new();
    for number in 0..100_000 {
        let prompt = format!("{number} {}", "画".repeat(1000));
        match store.ledger.append(vec![accepted(JobId::generate(), &prompt)]).await {
            Ok(()) => confirmed.push(prompt),
            Err(error) => return (confirmed, error),
        }
    }
    panic!("the disk never filled up");
}

/// A picture as it comes from a service, spooled to `dir` if it has to be.
fn large_picture(store: &Store, dir: &Path) -> Body {
    let spool = Spool::new(BytesBudget::new(8 << 20), dir).unwrap().with_drafts(store.blobs.drafts());
    let mut sink = spool.sink(0);
    sink.write(b"\x89PNG\r\n\x1a\n").unwrap();
    for _ in 0..10 {
        sink.write(&vec![7; 100_000]).unwrap();
    }
    sink.finish().unwrap()
}

#[tokio::test]
async fn a_disk_that_fills_up_is_said_and_forgiven() {
    let Some(disk) = Mount::new("16m") else { return };
    let (store, handle) = open_clean(&disk.data()).await;
    put(&store, "before", "v").await;
    let ballast = disk.fill();
    let (mut confirmed, refusal) = append_until_refused(&store).await;
    assert!(refusal.to_string().contains("the disk is full"), "{refusal}");
    assert!(confirmed.len() > 50, "the room kept ahead was used: {}", confirmed.len());
    assert!(!handle.health().is_good());
    let picture = store.blobs.put("a.png", &Body::from_bytes(vec![0; 100_000])).await.unwrap_err();
    assert!(picture.to_string().contains("the disk is full"), "{picture}");
    // One that is written while it arrives fails in silence, and says so when it is put.
    let elsewhere = tempfile::tempdir().unwrap();
    let drafted = large_picture(&store, elsewhere.path());
    let picture = store.blobs.put("b.png", &drafted).await.unwrap_err();
    assert!(picture.to_string().contains("the disk is full"), "{picture}");
    assert!(store.blobs.list().await.unwrap().is_empty(), "nothing half written");
    // sled has room of its own for a while; then it refuses in words too.
    let mut kept = 0;
    let refused = loop {
        match store.keys.put("settings", format!("full{kept}").as_bytes(), Bytes::from(vec![1; 30_000])).await
        {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Io(_)), "{refused}");

    fs::remove_file(ballast).unwrap();
    store.ledger.append(vec![accepted(JobId::generate(), "again")]).await.unwrap();
    confirmed.push("again".to_owned());
    store.blobs.put("a.png", &Body::from_bytes(vec![0; 100_000])).await.unwrap();
    store.blobs.put("b.png", &drafted).await.unwrap();
    assert_eq!(store.blobs.get("b.png").await.unwrap().unwrap().len(), drafted.len());
    // The database is opened again at most once a second, so the first tries may still be refused.
    let mut tries = 0;
    while let Err(error) = store.keys.put("settings", b"after", Bytes::from_static(b"v")).await {
        tries += 1;
        assert!(tries < 100, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(prompts(&store).await, confirmed, "refused entries are not there, confirmed ones are");
    handle.shutdown().await;
    drop((store, handle));

    let (store, handle, report) = open(&disk.data()).await;
    assert_eq!((report.torn_tail_bytes, report.bad_lines, report.loss), (0, 0, None));
    assert_eq!(prompts(&store).await, confirmed);
    assert_eq!(get(&store, "before").await.as_deref(), Some("v"));
    assert_eq!(get(&store, "after").await.as_deref(), Some("v"));
    for number in 0..kept {
        let value = store.keys.get("settings", format!("full{number}").as_bytes()).await.unwrap();
        assert_eq!(value.unwrap().len(), 30_000);
    }
    handle.shutdown().await;
}

#[tokio::test]
async fn a_full_disk_at_the_start_is_said() {
    let Some(disk) = Mount::new("1m") else { return };
    disk.fill();
    let refused = refusal(&disk.data()).await;
    assert!(matches!(refused, OpenError::NoSpace { .. }), "{refused:?}");
    assert!(refused.to_string().contains("free some space"), "{refused}");
}

#[tokio::test]
async fn a_disk_that_is_full_after_a_stop_is_said_and_nothing_is_lost() {
    let Some(disk) = Mount::new("8m") else { return };
    let (store, handle) = open_clean(&disk.data()).await;
    put(&store, "k", "v").await;
    store.ledger.append(vec![accepted(JobId::generate(), "job")]).await.unwrap();
    handle.shutdown().await;
    drop((store, handle));
    let ballast = disk.fill();
    // Either it still starts with the room it has, or it says what is wrong.
    match try_open(&disk.data()).await {
        Ok((store, handle, _)) => {
            drop(store);
            handle.shutdown().await;
        }
        Err(refused) => assert!(refused.to_string().contains("full"), "{refused}"),
    }
    fs::remove_file(ballast).unwrap();
    let (store, handle, _) = open(&disk.data()).await;
    assert_eq!(get(&store, "k").await.as_deref(), Some("v"));
    assert_eq!(prompts(&store).await, ["job"]);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_read_only_disk_is_said() {
    let refused = if let Some(disk) = Mount::new("8m") {
        let (store, handle) = open_clean(&disk.data()).await;
        handle.shutdown().await;
        drop((store, handle));
        assert!(mount(&["-o", "remount,ro"], disk.point.path()));
        refusal(&disk.data()).await
    } else {
        let dir = tempfile::tempdir().unwrap();
        let mut permissions = fs::metadata(dir.path()).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(dir.path(), permissions).unwrap();
        refusal(&dir.path().join("data")).await
    };
    assert!(matches!(refused, OpenError::ReadOnly { .. }), "{refused:?}");
    assert!(refused.to_string().contains("writable"), "{refused}");
}
