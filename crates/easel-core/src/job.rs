//! Jobs: what a job is, how it is recorded, queued, run, delivered and recovered.
//!
//! Start at [`engine::Engine`]; [`ledger`] is what survives a crash.

mod active;
mod ask;
mod bad_keys;
mod begun;
mod booking;
pub mod collect;
pub mod delivery;
mod ending;
mod ends;
pub mod engine;
mod handover;
mod journal;
pub mod kept;
pub mod ledger;
mod lines;
mod made;
mod place;
pub mod recover;
pub mod resend;
mod run;
pub mod schedule;
mod seen;
pub mod sentences;
mod speaker;
#[cfg(test)]
mod tests;
mod unended;
pub mod usage;

pub use bad_keys::{BadKey, BadKeys, bad_keys, forget_bad, remember_bad};
pub use ledger::Outcome;
