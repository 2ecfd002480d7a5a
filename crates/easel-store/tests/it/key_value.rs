//! The key-value port: what is answered is on the disk.

use bytes::Bytes;
use easel_core::{ids::JobId, ports::StoreError};

use crate::common::{accepted, finished, get, open_clean, prompts, put};

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn values_survive_reopening_and_tables_are_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    for table in ["settings", "keys", "limits", "meta"] {
        store.keys.put(table, b"key", bytes(table)).await.unwrap();
    }
    store.keys.put("keys", b"gone", bytes("x")).await.unwrap();
    store.keys.remove("keys", b"gone").await.unwrap();
    store.keys.remove("keys", b"never").await.unwrap();
    handle.shutdown().await;

    let (store, handle) = open_clean(dir.path()).await;
    for table in ["settings", "keys", "limits", "meta"] {
        assert_eq!(store.keys.get(table, b"key").await.unwrap().unwrap(), table);
    }
    assert_eq!(store.keys.get("keys", b"gone").await.unwrap(), None);
    handle.shutdown().await;
}

#[tokio::test]
async fn compare_and_swap_lets_one_of_many_win() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    let swap = async |old: Option<&'static str>, new: Option<&'static str>| {
        store.keys.compare_and_swap("limits", b"k", old.map(bytes), new.map(bytes)).await
    };
    swap(None, Some("1")).await.unwrap();
    assert!(matches!(swap(None, Some("2")).await, Err(StoreError::Conflict)));
    assert!(matches!(swap(Some("0"), Some("2")).await, Err(StoreError::Conflict)));
    swap(Some("1"), Some("2")).await.unwrap();
    swap(Some("2"), None).await.unwrap();
    assert!(matches!(swap(Some("2"), None).await, Err(StoreError::Conflict)));

    // Fifty count to fifty, each retrying until its own step is taken.
    store.keys.put("limits", b"n", bytes("0")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let keys = store.keys.clone();
        tasks.spawn(async move {
            loop {
                let old = keys.get("limits", b"n").await.unwrap().unwrap();
                let next = std::str::from_utf8(&old).unwrap().parse::<u32>().unwrap() + 1;
                match keys.compare_and_swap("limits", b"n", Some(old), Some(next.to_string().into())).await {
                    Ok(()) => return,
                    Err(StoreError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(store.keys.get("limits", b"n").await.unwrap().unwrap(), "50");
    handle.shutdown().await;
}

#[tokio::test]
async fn scans_are_in_key_order_by_prefix_and_limited() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    for key in ["b/2", "a/1", "b/10", "b/1", "c/1", "b"] {
        put(&store, key, key).await;
    }
    let scan = async |prefix: &str, limit| {
        let pairs = store.keys.scan("settings", prefix.as_bytes(), limit).await.unwrap();
        pairs.into_iter().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(scan("b/", 10).await, ["b/1", "b/10", "b/2"]);
    assert_eq!(scan("b/", 2).await, ["b/1", "b/10"]);
    assert_eq!(scan("", 100).await.len(), 6);
    assert_eq!(scan("d", 100).await.len(), 0);
    handle.shutdown().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_words() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    let large = Bytes::from(vec![0; 32 * 1024 + 1]);
    let refused = store.keys.put("settings", b"k", large).await.unwrap_err();
    assert!(refused.to_string().contains("too large"), "{refused}");
    let fits = Bytes::from(vec![0; 32 * 1024]);
    store.keys.put("settings", b"k", fits.clone()).await.unwrap();
    assert_eq!(store.keys.get("settings", b"k").await.unwrap(), Some(fits));
    assert!(store.keys.get("nonsense", b"k").await.is_err());
    assert!(store.keys.put("nonsense", b"k", bytes("x")).await.is_err());
    assert!(handle.health().is_good(), "{:?}", handle.health());
    handle.shutdown().await;
}

#[tokio::test]
async fn after_the_shutdown_everything_answers_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    let appended = store.ledger.append(vec![accepted(JobId::generate(), "last")]);
    handle.shutdown().await;
    handle.shutdown().await;
    appended.await.unwrap();
    assert!(matches!(store.keys.put("settings", b"k", bytes("x")).await, Err(StoreError::Closed)));
    assert!(matches!(store.keys.get("settings", b"k").await, Err(StoreError::Closed)));
    let late = store.ledger.append(vec![accepted(JobId::generate(), "late")]).await;
    assert!(matches!(late, Err(StoreError::Closed)));
    assert!(matches!(store.blobs.get("a").await, Err(StoreError::Closed)));
    // The directory is free, although the ports live on.
    let (again, handle) = open_clean(dir.path()).await;
    assert_eq!(prompts(&again).await, ["last"]);
    handle.shutdown().await;
}

#[tokio::test]
async fn the_index_follows_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (store, handle) = open_clean(dir.path()).await;
    let (first, second) = (JobId::generate(), JobId::generate());
    store.ledger.append(vec![accepted(first, "first"), accepted(second, "second")]).await.unwrap();
    store.ledger.append(vec![finished(first)]).await.unwrap();
    handle.shutdown().await;

    let (store, handle) = open_clean(dir.path()).await;
    let jobs = handle.recent_jobs(10).await.unwrap();
    let seen: Vec<_> = jobs.iter().map(|job| (job.request.prompt.as_str(), job.is_finished())).collect();
    assert_eq!(seen, [("second", false), ("first", true)]);
    assert_eq!(jobs.iter().rev().cloned().collect::<Vec<_>>(), store.ledger.load().await.unwrap());
    assert_eq!(handle.recent_jobs(1).await.unwrap().len(), 1);

    // A lost index is rebuilt from the journal; only the tables are lost with it, and that is told.
    put(&store, "k", "v").await;
    handle.shutdown().await;
    drop(store);
    std::fs::remove_dir_all(dir.path().join("db")).unwrap();
    let (store, handle, report) = crate::common::open(dir.path()).await;
    assert!(report.loss.is_some());
    assert_eq!(get(&store, "k").await, None);
    assert_eq!(handle.recent_jobs(10).await.unwrap().len(), 2);
    handle.shutdown().await;
}
