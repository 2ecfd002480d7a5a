//! Fake peers on real sockets, for the tests of every other crate.
//!
//! The kit speaks wire formats only and imports no crate of easel, so that any of them may use it in its own
//! tests without seeing two copies of its types. Every peer listens on a port that the system chooses, records
//! what it receives in the order of arrival, and can be told to misbehave. Waiting is driven by events; a wait
//! that outlasts [`PATIENCE`] panics with what was awaited, where, and what came instead. Real sockets and a
//! paused tokio clock don't mix: use the kit with the running clock.
//!
//! Start reading at [`onebot::FakeOneBot`] and [`provider::FakeProvider`].

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit ends the test by panicking, with a sentence that says what was awaited"
)]

pub mod files;
pub mod http;
pub mod napfile;
pub mod onebot;
pub mod pictures;
pub mod provider;
pub mod samples;
pub mod tls;
pub mod tunnel;

mod journal;
mod tasks;

use std::time::Duration;

/// How long a `next_…` function waits before it fails the test: generous, because it only ends broken tests.
pub const PATIENCE: Duration = Duration::from_secs(30);
