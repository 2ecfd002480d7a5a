//! Jobs: what a job is, how it is recorded, queued, run, delivered and recovered.

pub mod ledger;
