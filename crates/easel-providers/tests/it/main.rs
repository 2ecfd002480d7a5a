//! The providers through their port.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests end them by panicking")]

mod remote;
mod sketch;
