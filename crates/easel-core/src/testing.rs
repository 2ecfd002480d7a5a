//! Doubles for the core's own ports: memory store, scripted provider, recording adapter, hand-moved clock; and what many
//! tests begin with.
//!
//! Behind the `testing` feature. They keep the contracts of the ports (order, durability, at-most-once) and count
//! what was asked of them, so that tests read like conversations.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test doubles"
)]

mod adapter;
mod clock;
mod fixtures;
mod provider;
mod store;

pub use adapter::{RecordedReaction, RecordedSend, RecordingAdapter};
pub use clock::HandClock;
pub use fixtures::{test_group, test_request, test_settings};
pub use provider::{ScriptedProvider, Step, test_clip, test_picture};
pub use store::MemoryStore;

use crate::media::{BytesBudget, Spool};

/// A spool over a folder that lives as long as the returned guard.
pub fn spool(dir: &std::path::Path, bytes: u64) -> Spool {
    Spool::new(BytesBudget::new(bytes), dir).expect("a spool folder")
}
