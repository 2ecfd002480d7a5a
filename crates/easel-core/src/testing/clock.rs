//! A wall clock that tests move.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{ids::UnixMillis, ports::Clock};

/// Starts at a fixed day and moves only when told.
#[derive(Debug)]
pub struct HandClock(AtomicU64);

impl Default for HandClock {
    fn default() -> Self {
        Self(AtomicU64::new(1_789_000_000_000))
    }
}

impl HandClock {
    /// Moves on.
    pub fn advance_millis(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}
