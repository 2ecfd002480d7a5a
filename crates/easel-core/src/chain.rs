//! The provider chain: which provider and key is asked next, how often, and when it is enough.
//!
//! One retry policy for the whole program. Providers make single calls and classify failures; adapters know nothing
//! of it. The classes and their actions are those of the provider reference, section 0.1.

mod admit;
mod attempts;
mod backoff;
mod call;
mod circuit;
mod corrections;
mod health;
mod keys;
mod precedence;
mod run;
mod slot;
#[cfg(test)]
mod tests;
mod turn;

pub use admit::Skip;
pub use attempts::{Attempt, AttemptLog, Attempted, Made};
pub use backoff::{MAX_HONOURED_RETRY_AFTER, backoff};
pub use call::Resumed;
pub use circuit::Circuit;
pub use corrections::Corrections;
pub use health::{HealthReport, Standing};
pub use keys::{DisabledKey, KeyPool, KeyReport, KeyState};
pub use run::{Chain, ChainFailure, Success};
pub use slot::{Link, ProviderSlot};
pub use turn::{Audience, NoPlace, Place, Turns};
