//! Image providers, one file per wire dialect, and the registry that builds them.
//!
//! Sending, retrying across keys and providers, budgets and deadlines belong to the core; reading answers of any
//! shape ([`answer`]) and judging failures ([`classify`]) are written once here and used by every dialect. Start
//! reading at [`registry`], then at a dialect such as `openai_images`.
//!
//! This crate must not know any chat platform, nor decide whether a failed call is repeated.

pub mod config;
pub mod registry;

mod openai_chat;
mod openai_images;
mod sketch_provider;

pub mod answer;
pub mod classify;
pub mod models;
pub mod sketch;

mod exchange;
mod lessons;
mod references;
mod results;
mod sizes;

pub use config::ProviderSection;
pub use registry::{BuildError, Kind, build};
