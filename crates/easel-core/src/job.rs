//! Jobs: what a job is, how it is recorded, queued, run, delivered and recovered.
//!
//! Start at [`engine::Engine`]; [`ledger`] is what survives a crash.

pub mod collect;
pub mod delivery;
pub mod engine;
mod journal;
pub mod kept;
pub mod ledger;
pub mod recover;
mod run;
pub mod schedule;
pub mod sentences;
#[cfg(test)]
mod tests;

pub use journal::DISABLED_KEYS;
pub use ledger::Outcome;
