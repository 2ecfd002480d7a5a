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
}

impl BytesBudget {
    /// A budget of `bytes`.
    pub fn new(bytes: u64) -> Self {
        let total = u32::try_from((bytes / PAGE).clamp(1, Semaphore::MAX_PERMITS as u64 / 8))
            .unwrap_or(u32::MAX >> 3);
        Self { pages: Arc::new(Semaphore::new(total as usize)) }
    }

    /// Takes `bytes` now, or `None` when they are not free.
    pub fn try_take(&self, bytes: u64) -> Option<Hold> {
        let pages = u32::try_from(bytes.div_ceil(PAGE)).ok()?;
        Arc::clone(&self.pages).try_acquire_many_owned(pages).ok().map(|permit| Hold { permit })
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

    /// Gives back what is held beyond `bytes`.
    pub fn shrink(&mut self, bytes: u64) {
        let needed = usize::try_from(bytes.div_ceil(PAGE)).unwrap_or(usize::MAX);
        drop(self.permit.split(self.permit.num_permits().saturating_sub(needed)));
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.permit.num_permits() as u64 * PAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_counted_in_pages_and_given_back() {
        let budget = BytesBudget::new(10 * PAGE);
        let mut one = budget.try_take(1).unwrap();
        assert_eq!((one.bytes(), budget.free()), (PAGE, 9 * PAGE));
        one.merge(budget.try_take(9 * PAGE).unwrap());
        assert_eq!((one.bytes(), budget.free()), (10 * PAGE, 0));
        assert!(budget.try_take(1).is_none());
        one.shrink(5 * PAGE - 1);
        assert_eq!((one.bytes(), budget.free()), (5 * PAGE, 5 * PAGE));
        one.shrink(9 * PAGE);
        assert_eq!(one.bytes(), 5 * PAGE, "it never grows");
        drop(one);
        assert_eq!(budget.free(), 10 * PAGE);
        assert!(budget.try_take(10 * PAGE + 1).is_none(), "more than there is at all");
    }
}
