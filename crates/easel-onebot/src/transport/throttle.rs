//! Says what a stranger could make us say again and again only now and then, with how often it was.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::auth;

/// What is refused before anybody has proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A connection beyond those that one port serves.
    Connection,
    /// Another path.
    Path,
    /// What the peer showed as token or signature.
    Token(auth::Refusal),
    /// An event that is too large.
    Large,
    /// An event that took too long.
    Slow,
    /// An account beyond those that one HTTP section serves.
    Account,
}

/// Counts refusals; bounded by their kinds.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    kinds: Mutex<Vec<Kind>>,
}

#[derive(Debug)]
struct Kind {
    what: Refused,
    unsaid: u64,
    said: Instant,
}

impl Throttle {
    /// How often it happened since it was last said, when it is to be said now: the first time, then at most once per
    /// `every`.
    pub(crate) fn due(&self, what: Refused, every: Duration) -> Option<u64> {
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kind) = kinds.iter_mut().find(|kind| kind.what == what) else {
            kinds.push(Kind { what, unsaid: 0, said: now });
            return Some(1);
        };
        kind.unsaid += 1;
        if now - kind.said < every {
            return None;
        }
        kind.said = now;
        Some(std::mem::take(&mut kind.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_is_said_once_and_then_counted() {
        let every = Duration::from_mins(1);
        let throttle = Throttle::default();
        assert_eq!(throttle.due(Refused::Path, every), Some(1));
        for _ in 0..5 {
            assert_eq!(throttle.due(Refused::Path, every), None);
        }
        let missing = Refused::Token(auth::Refusal::Missing);
        assert_eq!(throttle.due(missing, every), Some(1), "another kind is news");
        assert_eq!(throttle.due(Refused::Token(auth::Refusal::Wrong), every), Some(1));
        tokio::time::advance(every).await;
        assert_eq!(throttle.due(Refused::Path, every), Some(6));
        assert_eq!(throttle.due(Refused::Path, every), None);
    }
}
