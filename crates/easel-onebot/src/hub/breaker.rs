//! Leaves something alone for a while after it failed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What failed is left alone for this long.
const REST: Duration = Duration::from_mins(1);

/// Remembers a failure for a while.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    until: Mutex<Option<Instant>>,
}

impl Breaker {
    /// Whether it is left alone now.
    pub(crate) fn is_open(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| until > Instant::now())
    }

    /// Takes note of a failure.
    pub(crate) fn trip(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
    }
}
