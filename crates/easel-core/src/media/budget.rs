//! The bound on picture bytes that all jobs together hold in memory (`[jobs] max_bytes_in_flight`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in pages of this size, because a semaphore counts in `u32`.
const PAGE: u64 = 4096;

/// Counts every byte really held: answer text, decoded picture, outgoing frame.
///
/// Permits are taken while a body is read and while a frame is built, never before a request. A running job never
/// *waits* for bytes while it holds some: without a permit its body goes to disk (see [`super::Spool`]), so running
/// out slows a job and never fails or deadlocks it.
#[derive(Clone, Debug)]
pub struct BytesBudget {
    pages: Arc<Semaphore>,
    total: u32,
}

impl BytesBudget {
    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        let total = u32::try_from((bytes / PAGE).clamp(1, Semaphore::MAX_PERMITS as u64 / 8))
            .unwrap_or(u32::MAX >> 3);
        Self { pages: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Takes `bytes` now, or `None` when they are not free.
    pub fn try_take(&self, bytes: u64) -> Option<Hold> {
        let pages = u32::try_from(bytes.div_ceil(PAGE)).ok()?;
        Arc::clone(&self.pages).try_acquire_many_owned(pages).ok().map(|permit| Hold { permit })
    }

    /// Waits for `bytes`; more than the whole budget is cut down to it, so that the wait can end. Only for callers
    /// that hold nothing yet.
    pub async fn take(&self, bytes: u64) -> Hold {
        let pages = u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX).min(self.total);
        match Arc::clone(&self.pages).acquire_many_owned(pages).await {
            Ok(permit) => Hold { permit },
            // The semaphore is never closed: it lives inside this value.
            Err(_) => std::future::pending().await,
        }
    }

    /// Bytes that are free now.
    pub fn free(&self) -> u64 {
        self.pages.available_permits() as u64 * PAGE
    }
}

/// Bytes taken from the budget, given back on drop.
#[derive(Debug)]
pub struct Hold {
    permit: OwnedSemaphorePermit,
}

impl Hold {
    /// Joins another hold to this one.
    pub fn merge(&mut self, other: Self) {
        self.permit.merge(other.permit);
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.permit.num_permits() as u64 * PAGE
    }
}
