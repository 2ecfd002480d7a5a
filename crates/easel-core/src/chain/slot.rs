//! A configured provider, and what is remembered about it between jobs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Circuit, KeyPool, KeyReport, Turns,
    health::{Health, HealthReport},
};
use crate::{
    job::usage::Prices,
    ports::{ApiKey, Operation, Output, Provider},
};

/// How long a task that makes pictures may take, when the owner says nothing.
const PICTURE_TASK: Duration = Duration::from_mins(10);
/// How long a task that makes a clip may take, when the owner says nothing.
const CLIP_TASK: Duration = Duration::from_mins(30);

/// A configured provider with everything that is remembered about it between jobs.
pub struct ProviderSlot {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) max_retry_attempts: u32,
    task_limit: Option<Duration>,
    turns: Option<Turns>,
    prices: Prices,
    state: Mutex<SlotState>,
}

pub(super) struct SlotState {
    pub(super) keys: KeyPool,
    pub(super) circuit: Circuit,
    pub(super) not_found: HashMap<Operation, Instant>,
    pub(super) health: Health,
}

impl ProviderSlot {
    /// A slot; `max_retry_attempts` is per key, the first try included.
    pub fn new(provider: Arc<dyn Provider>, keys: KeyPool, max_retry_attempts: u32) -> Self {
        let turns = provider.capabilities().one_at_a_time.then(|| Turns::new(1));
        Self {
            provider,
            max_retry_attempts: max_retry_attempts.max(1),
            task_limit: None,
            turns,
            prices: Prices::default(),
            state: Mutex::new(SlotState {
                keys,
                circuit: Circuit::default(),
                not_found: HashMap::new(),
                health: Health::default(),
            }),
        }
    }

    /// The same with the owner's prices.
    #[must_use]
    pub fn with_prices(self, prices: Prices) -> Self {
        Self { prices, ..self }
    }

    /// What the owner says that results cost.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// What one result costs by today's prices of the owner, and nothing where results are free; `None` = nobody says.
    pub fn price(&self, operation: &str, tier: Option<u8>) -> Option<f64> {
        let free = || self.provider.capabilities().free.then_some(0.0);
        self.prices.of(operation, tier).or_else(free)
    }

    /// How it did lately, for the owner.
    pub fn health(&self) -> HealthReport {
        let now = Instant::now();
        self.with(|state| state.health.report(&state.circuit, now))
    }

    /// The same with the owner's bound for tasks at the service.
    #[must_use]
    pub fn with_task_limit(self, limit: Option<Duration>) -> Self {
        Self { task_limit: limit, ..self }
    }

    /// The same with a bound of its own for calls at a time, in place of the one that its engine has by nature.
    #[must_use]
    pub fn with_turns(self, turns: Turns) -> Self {
        Self { turns: Some(turns), ..self }
    }

    /// The bound for calls at a time; `None` = none.
    pub fn turns(&self) -> Option<&Turns> {
        self.turns.as_ref()
    }

    /// How long a task may take from the moment on that the service has taken it.
    pub fn task_limit(&self, operation: Operation) -> Duration {
        self.task_limit.unwrap_or(if operation == Operation::Clip { CLIP_TASK } else { PICTURE_TASK })
    }

    /// The key with this fingerprint, however it is: a task is asked about with the key that created it.
    pub fn key(&self, fingerprint: &str) -> Option<ApiKey> {
        self.with(|state| state.keys.find(fingerprint))
    }

    /// The provider.
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// The keys and how they are, for the owner. No secret is told.
    pub fn keys(&self) -> Vec<KeyReport> {
        self.with(|state| state.keys.report(Instant::now()))
    }

    /// Gives every key another try. Returns how many were out of use.
    pub fn reset_keys(&self) -> usize {
        self.with(|state| state.keys.reset(Instant::now()))
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&mut SlotState) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One entry of a chain.
#[derive(Clone)]
pub struct Link {
    /// Who is asked.
    pub slot: Arc<ProviderSlot>,
    /// The output this entry uses where the person wished nothing.
    pub output: Output,
    /// Whether reference pictures may be put together when the provider takes fewer of them.
    pub collage: bool,
}

impl Link {
    /// An entry without a collage.
    pub fn new(slot: Arc<ProviderSlot>, output: Output) -> Self {
        Self { slot, output, collage: false }
    }
}
