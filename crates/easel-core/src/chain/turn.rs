//! One's turn at a provider that works on so many calls at a time.
//!
//! Waiting happens here and not at the service, where it would eat up the bound of the call or of its task. Nothing is
//! recorded as asked before it is one's turn: a crash while waiting has cost nothing.

use std::sync::{Arc, Mutex, PoisonError};

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
pub struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Who may begin now.
    open: Semaphore,
    bound: Mutex<Bound>,
}

#[derive(Debug)]
struct Bound {
    /// Calls at a time.
    most: usize,
    /// Turns beyond that, from before the bound became smaller: they go as their holders end.
    surplus: usize,
}

impl PartialEq for Turns {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// 0 is read as 1: a bound that admits nobody would stop the engine.
fn count_of(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS >> 1)
}

impl Turns {
    /// So many calls at a time; 0 is read as 1.
    pub fn new(most: u32) -> Self {
        let most = count_of(most);
        Self(Arc::new(Shared { open: Semaphore::new(most), bound: Mutex::new(Bound { most, surplus: 0 }) }))
    }

    /// Changes how many calls there are at a time; 0 is read as 1. More may begin at once; fewer as those end that are
    /// under way, which are never stopped by it.
    pub fn resize(&self, most: u32) {
        let most = count_of(most);
        self.0.with(|open, bound| {
            if most >= bound.most {
                let more = most - bound.most;
                let kept = more.min(bound.surplus);
                bound.surplus -= kept;
                open.add_permits(more - kept);
            } else {
                bound.surplus += bound.most - most;
            }
            bound.most = most;
        });
    }

    /// Whether anybody else has them: a provider, or a call under way.
    pub fn are_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// How many calls there may be at a time.
    pub fn most(&self) -> usize {
        self.0.with(|_, bound| bound.most)
    }

    /// Whether one would have to wait now.
    pub(super) fn all_taken(&self) -> bool {
        self.0.with(|open, _| open.available_permits() == 0)
    }

    /// A turn, if nobody has to be waited for.
    pub(super) fn free(&self) -> Option<Turn<'_>> {
        self.0.with(|open, _| open.try_acquire().ok()).map(|permit| self.turn(permit))
    }

    /// A turn, after those who came before.
    async fn next(&self) -> Option<Turn<'_>> {
        // The turns are never closed.
        self.0.open.acquire().await.ok().map(|permit| self.turn(permit))
    }

    fn turn<'a>(&'a self, permit: SemaphorePermit<'a>) -> Turn<'a> {
        Turn { permit: Some(permit), of: &self.0 }
    }
}

impl Shared {
    /// Does something with the turns. Those that nobody holds and that are too many are there neither before nor after it.
    fn with<'s, T>(&'s self, f: impl FnOnce(&'s Semaphore, &mut Bound) -> T) -> T {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let settle = |bound: &mut Bound| {
            if bound.surplus > 0 {
                bound.surplus -= self.open.forget_permits(bound.surplus);
            }
        };
        settle(&mut bound);
        let done = f(&self.open, &mut bound);
        settle(&mut bound);
        done
    }
}

/// It is one's turn as long as this is held.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    permit: Option<SemaphorePermit<'a>>,
    of: &'a Shared,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let permit = self.permit.take();
        self.of.with(|_, bound| match permit {
            Some(permit) if bound.surplus > 0 => {
                bound.surplus -= 1;
                permit.forget();
            }
            permit => drop(permit),
        });
    }
}

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

    /// Whether what is made now could be seen where it belongs. Asked when one had to wait.
    fn audience(&self) -> Audience {
        Audience::There
    }

    /// Waits until the audience is not [`Audience::Away`] any more.
    async fn audience_back(&self) {}

    /// The audience was away, perhaps for nearly all of the job's time. What is left may become more, as
    /// [`Self::deadline`] tells; false when it is too late for a call.
    fn give_time(&self) -> bool {
        true
    }

    /// Until when the job may go on now; `None` = as it was in the beginning.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// Who would see what is made for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Its chat.
    There,
    /// Its chat, when its account can be spoken to again, or a short mute is over.
    Away,
    /// Nobody: the account was muted in its chat for long, or removed from it.
    Gone,
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
        &mut self,
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
        let is_paid = self.maybe_paid || self.unanswered;
        let too_late = || ChainFailure::Busy { charged: Charged::No };
        let next = async {
            let mut was_away = false;
            loop {
                let turn = turns.next().await;
                // It may have been a long wait. What is paid is finished; for the rest somebody has to be there.
                match self.place.audience() {
                    Audience::Gone if !is_paid => return Err(ChainFailure::Silenced),
                    Audience::Away if !is_paid => {
                        // The next one may be of somebody who is there.
                        drop(turn);
                        self.place.audience_back().await;
                        was_away = true;
                        if !self.place.give_time() {
                            return Err(too_late());
                        }
                    }
                    Audience::There if was_away && !self.place.give_time() => return Err(too_late()),
                    _ => return Ok((turn, true)),
                }
            }
        };
        let time_is_over = async {
            loop {
                let until = self.place.deadline().unwrap_or(self.deadline);
                if Instant::now() >= until {
                    return;
                }
                tokio::time::sleep_until(until).await;
            }
        };
        self.place.leave().await?;
        tracing::debug!(job = %self.job, provider = slot.provider.name(), "waits for its turn at the provider");
        let waited = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(ChainFailure::Cancelled { charged: Charged::No }),
            // Nothing is under way and nothing lost that may be paid: the next run asks.
            () = self.stop.cancelled(), if !is_paid => Err(ChainFailure::Later),
            turn = next => turn,
            () = time_is_over => Err(too_late()),
        };
        self.place.back();
        self.deadline = self.place.deadline().unwrap_or(self.deadline);
        waited
    }
}
