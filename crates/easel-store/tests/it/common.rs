//! What the tests share.

use std::path::Path;

use bytes::Bytes;
use easel_core::{
    ids::{Chat, ChatKind, JobId, MessageId, UnixMillis, UserId},
    job::ledger::{Entry, Event, Outcome, StoredRequest},
    ports::{Clock as _, Store, SystemClock},
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
    let chat = Chat {
        platform: "onebot".into(),
        account: "1".into(),
        kind: ChatKind::Group,
        id: "2".into(),
        parent: None,
    };
    let request = StoredRequest {
        chat,
        user: UserId::new("3"),
        message: MessageId::new("4"),
        feature: "draw".to_owned(),
        prompt: prompt.to_owned(),
        preset: None,
        provider: None,
        size: None,
        ratio: None,
        tier: None,
        count: 1,
        pictures: Vec::new(),
        fallback: vec![],
        quote: None,
        had_inline: false,
        tickets: None,
    };
    Entry { job, at: now(), event: Event::Accepted { request: Box::new(request), number: 0 } }
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
