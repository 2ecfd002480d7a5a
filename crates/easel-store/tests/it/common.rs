//! What the tests share.

use std::path::Path;

use bytes::Bytes;
use easel_core::{
    ids::{JobId, UnixMillis},
    job::ledger::{Entry, Event, Outcome},
    ports::{Clock as _, Store, SystemClock},
    testing::test_request,
};
use easel_store::{EmbeddedStore, Handle, OpenError, OpenOptions, OpenReport};

pub(crate) async fn try_open(dir: &Path) -> Result<(Store, Handle, OpenReport), OpenError> {
    // Whoever holds the lock in these tests does not let go of it.
    let options = OpenOptions { lock_wait: std::time::Duration::ZERO, ..OpenOptions::default() };
    EmbeddedStore::open(dir, options).await
}

/// Opens a directory that a killed process may still be leaving.
pub(crate) async fn open(dir: &Path) -> (Store, Handle, OpenReport) {
    EmbeddedStore::open(dir, OpenOptions::default()).await.unwrap()
}

/// Opens a directory where nothing must need mending.
pub(crate) async fn open_clean(dir: &Path) -> (Store, Handle) {
    let (store, handle, report) = open(dir).await;
    assert!(report.is_clean(), "{report:?}");
    (store, handle)
}

pub(crate) fn now() -> UnixMillis {
    SystemClock.now()
}

pub(crate) fn accepted(job: JobId, prompt: &str) -> Entry {
    let request = Box::new(test_request("3", "4", prompt));
    Entry { job, at: now(), event: Event::Accepted { request, number: 0 } }
}

pub(crate) fn finished(job: JobId) -> Entry {
    Entry { job, at: now(), event: Event::Finished { outcome: Outcome::Cancelled } }
}

pub(crate) async fn put(store: &Store, key: &str, value: &str) {
    store.keys.put("settings", key.as_bytes(), Bytes::from(value.to_owned())).await.unwrap();
}

pub(crate) async fn get(store: &Store, key: &str) -> Option<String> {
    let value = store.keys.get("settings", key.as_bytes()).await.unwrap();
    value.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

pub(crate) async fn prompts(store: &Store) -> Vec<String> {
    store.ledger.load().await.unwrap().into_iter().map(|record| record.request.prompt).collect()
}

pub(crate) async fn refusal(dir: &Path) -> OpenError {
    match try_open(dir).await {
        Ok(_) => panic!("{} was opened", dir.display()),
        Err(error) => error,
    }
}
