//! Lines in which jobs wait for each other: one at a time for each chat or account.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A line for each key. It is forgotten when nobody stands in it.
pub(super) struct Lines<K>(Mutex<HashMap<K, Arc<Semaphore>>>);

impl<K> Default for Lines<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K> fmt::Debug for Lines<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

/// One stands first in a line until this is dropped; then it is the next one's turn.
#[derive(Debug)]
pub(super) struct First {
    /// `None` never happens, as the lines are never closed: then one goes on as if there were no line.
    _permit: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash> Lines<K> {
    /// The first place, if nobody stands in the line.
    pub(super) fn free(&self, key: K) -> Option<First> {
        let permit = self.line(key).try_acquire_owned().ok()?;
        Some(First { _permit: Some(permit) })
    }

    /// The first place, behind those who came before. Dropping the future leaves the line.
    pub(super) async fn first(&self, key: K) -> First {
        First { _permit: self.line(key).acquire_owned().await.ok() }
    }

    fn line(&self, key: K) -> Arc<Semaphore> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| Arc::strong_count(line) > 1);
        Arc::clone(lines.entry(key).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_for_each_key() {
        let lines = Lines::default();
        let first = lines.free("a").unwrap();
        assert!(lines.free("a").is_none() && lines.free("b").is_some());
        let next = lines.first("a");
        tokio::pin!(next);
        tokio::select! {
            biased;
            _ = &mut next => panic!("two at a time"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        assert!(lines.free("a").is_none(), "who waits comes first");
        drop(next.await);
        assert!(lines.free("a").is_some());
        drop(lines.free("c"));
        assert_eq!(lines.0.lock().unwrap().len(), 1, "the others are forgotten");
    }
}
