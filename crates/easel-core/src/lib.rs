//! What easel *is*: the message model, the command grammar, access rules, presets, the job engine, the provider
//! chain and the delivery policy.
//!
//! This crate names no platform SDK, no HTTP client, no sled and no TOML; it reaches the world only through the
//! traits in [`ports`]. Start reading at [`message`] and [`ports`], then [`dispatch`] and [`job`].

pub mod ids;
pub mod message;
pub mod reply;

pub mod command;

pub mod access;
pub mod prompt;

pub mod dispatch;
pub mod job;

pub mod chain;
pub mod media;

pub mod error;
pub mod i18n;
pub mod ports;
pub mod settings;

#[cfg(feature = "testing")]
pub mod testing;
