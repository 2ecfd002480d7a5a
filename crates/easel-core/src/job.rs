//! Jobs: what a job is, how it is recorded, queued, run, delivered and recovered.

pub mod delivery;
pub mod ledger;
pub mod schedule;
