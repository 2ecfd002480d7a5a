//! Wall-clock time as a port. Monotonic time is `tokio::time::Instant`, which tests can pause.

#![expect(clippy::disallowed_methods, reason = "this is the clock that everybody else takes")]

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ids::UnixMillis;

/// Tells the wall-clock time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMillis;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
