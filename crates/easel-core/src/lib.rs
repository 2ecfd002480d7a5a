//! What easel *is*: the message model, the command grammar, access rules, presets, the job engine, the provider
//! chain and the delivery policy.
//!
//! This crate names no platform SDK, no HTTP client, no sled and no TOML; it reaches the world only through the
//! traits in [`ports`]. Start reading at [`message`] and [`ports`], then [`job`].

pub mod ids;
pub mod message;
pub mod reply;

pub mod chain;
pub mod dispatch;
pub mod error;
pub mod job;
pub mod media;
pub mod ports;

#[cfg(feature = "testing")]
pub mod testing;
