//! One's turn at a provider that works on so many calls at a time.
//!
//! Waiting happens here and not at the service, where it would eat up the bound of the call or of its task. Nothing is
//! recorded as asked before it is one's turn: a crash while waiting has cost nothing.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::{Chain, ChainFailure, ProviderSlot};
use crate::{error::Charged, ports::StoreError};

/// The turns of one engine; equal where they are the same turns. Clones share them, so that two providers in front of one
/// engine don't overtake each other.
#[derive(Clone, Debug)]
pub struct Turns(Arc<Semaphore>);

impl PartialEq for Turns {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Turns {
    /// So many calls at a time; 0 is read as 1.
    pub fn new(most: u32) -> Self {
        Self(Arc::new(Semaphore::new(
            usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS),
        )))
    }

    /// Whether one would have to wait now.
    pub(super) fn all_taken(&self) -> bool {
        self.0.available_permits() == 0
    }

    /// A turn, if nobody has to be waited for.
    pub(super) fn free(&self) -> Option<Turn<'_>> {
        self.0.try_acquire().ok()
    }
}

/// It is one's turn as long as this is held.
pub(super) type Turn<'a> = SemaphorePermit<'a>;

/// The place that a job takes among those that run.
#[async_trait]
pub trait Place: Send + Sync {
    /// The job waits for its turn at a provider: others may have its place. It is durable when this returns.
    ///
    /// # Errors
    /// When it can't be recorded; then it keeps its place.
    async fn leave(&self) -> Result<(), StoreError>;

    /// The wait is over.
    fn back(&self);
}

/// No place at all: for walks outside of jobs.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlace;

#[async_trait]
impl Place for NoPlace {
    async fn leave(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn back(&self) {}
}

impl Chain<'_> {
    /// Waits for a turn at a provider; at once, and for nothing, where there is no bound or nobody before. Tells whether
    /// one had to wait, so that what was known of the provider may have changed.
    pub(super) async fn turn<'s>(
        &self,
        slot: &'s ProviderSlot,
    ) -> Result<(Option<Turn<'s>>, bool), ChainFailure> {
        if self.cancel.is_cancelled() {
            return Err(ChainFailure::Cancelled { charged: Charged::No });
        }
        if Instant::now() >= self.deadline {
            return Err(ChainFailure::Deadline { charged: Charged::No });
        }
        let Some(turns) = slot.turns() else { return Ok((None, false)) };
        if let Some(turn) = turns.free() {
            return Ok((Some(turn), false));
        }
        self.place.leave().await?;
        tracing::debug!(job = %self.job, provider = slot.provider.name(), "waits for its turn at the provider");
        let waited = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(ChainFailure::Cancelled { charged: Charged::No }),
            // Nothing is under way and nothing lost that may be paid: the next run asks.
            () = self.stop.cancelled(), if !self.maybe_paid && !self.unanswered => Err(ChainFailure::Later),
            // The turns are never closed.
            turn = turns.0.acquire() => Ok((turn.ok(), true)),
            () = tokio::time::sleep_until(self.deadline) => {
                Err(ChainFailure::Busy { charged: Charged::No })
            }
        };
        self.place.back();
        waited
    }
}
