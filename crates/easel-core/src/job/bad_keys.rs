//! Keys that a provider refused for good, remembered over restarts by fingerprint, never by the key.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{
    ids::UnixMillis,
    ports::{KeyValue, StoreError},
};

const TABLE: &str = "keys";
const PREFIX: &str = "disabled/";
/// Rows read at most: more keys than anybody configures.
const MAX_ROWS: usize = 10_000;

/// What is remembered of a bad key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadKey {
    /// Since when it is out of use; `None` in stores of an older easel.
    pub since: Option<UnixMillis>,
    /// The HTTP status of the refusal.
    pub status: Option<u16>,
}

impl BadKey {
    /// As it is stored: `since=1789000000000 status=401`, each part only when it is known.
    fn stored(self) -> String {
        let since = self.since.map(|since| format!("since={}", since.0));
        let status = self.status.map(|status| format!("status={status}"));
        since.into_iter().chain(status).collect::<Vec<_>>().join(" ")
    }

    /// Parts of newer versions are passed over; older versions stored only that it is bad.
    fn read(stored: &str) -> Self {
        let mut bad = Self::default();
        for (name, value) in stored.split(' ').filter_map(|part| part.split_once('=')) {
            match name {
                "since" => bad.since = value.parse().ok().map(UnixMillis),
                "status" => bad.status = value.parse().ok(),
                _ => {}
            }
        }
        bad
    }
}

/// Bad keys by provider and fingerprint.
pub type BadKeys = HashMap<String, HashMap<String, BadKey>>;

/// Remembers a bad key.
///
/// # Errors
/// When the store fails.
pub async fn remember_bad(
    keys: &dyn KeyValue,
    provider: &str,
    fingerprint: &str,
    bad: BadKey,
) -> Result<(), StoreError> {
    keys.put(TABLE, format!("{PREFIX}{provider}/{fingerprint}").as_bytes(), Bytes::from(bad.stored())).await
}

/// All bad keys.
///
/// # Errors
/// When the store fails.
pub async fn bad_keys(keys: &dyn KeyValue) -> Result<BadKeys, StoreError> {
    let mut bad = BadKeys::new();
    for (key, value) in keys.scan(TABLE, PREFIX.as_bytes(), MAX_ROWS).await? {
        let key = String::from_utf8_lossy(&key).into_owned();
        if let Some((provider, fingerprint)) = parts(&key) {
            let what = BadKey::read(&String::from_utf8_lossy(&value));
            bad.entry(provider.to_owned()).or_default().insert(fingerprint.to_owned(), what);
        }
    }
    Ok(bad)
}

/// Forgets the bad keys of a provider, or of all. Returns how many there were.
///
/// # Errors
/// When the store fails; some may be forgotten then.
pub async fn forget_bad(keys: &dyn KeyValue, provider: Option<&str>) -> Result<usize, StoreError> {
    let mut forgotten = 0;
    for (key, _) in keys.scan(TABLE, PREFIX.as_bytes(), MAX_ROWS).await? {
        let text = String::from_utf8_lossy(&key);
        if provider.is_none_or(|name| parts(&text).is_some_and(|(of, _)| of == name)) {
            keys.remove(TABLE, &key).await?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

/// Provider and fingerprint; a provider's name may hold a slash, a fingerprint never does.
fn parts(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(PREFIX)?.rsplit_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryStore;

    #[tokio::test]
    async fn bad_keys_are_remembered_and_forgotten_by_provider() {
        let store = MemoryStore::default().ports();
        let keys = &*store.keys;
        let bad = BadKey { since: Some(UnixMillis(5)), status: Some(401) };
        remember_bad(keys, "a/b", "00ff", bad).await.unwrap();
        remember_bad(keys, "main", "11ff", bad).await.unwrap();
        keys.put(TABLE, b"disabled/main/old", Bytes::from_static(b"1")).await.unwrap();
        let known = bad_keys(keys).await.unwrap();
        assert_eq!(known["a/b"]["00ff"], bad);
        assert_eq!(known["main"]["old"], BadKey::default(), "a row of an older easel");
        assert_eq!(forget_bad(keys, Some("b")).await.unwrap(), 0);
        assert_eq!(forget_bad(keys, Some("main")).await.unwrap(), 2);
        assert_eq!(bad_keys(keys).await.unwrap().len(), 1);
        assert_eq!(forget_bad(keys, None).await.unwrap(), 1);
        assert!(bad_keys(keys).await.unwrap().is_empty());
    }
}
