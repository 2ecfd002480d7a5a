//! Image providers, one file per wire dialect, and the registry that builds them.
//!
//! Retrying across keys and providers, budgets and deadlines belong to the core; sending (`engine`, `exchange`), reading
//! answers of any shape ([`answer`]), judging failures ([`classify`]) and fetching results are written once here for
//! every dialect. A dialect is one file of pure functions (rules in `dialect`) and its row in the table of
//! [`registry`]. Start reading there, then at a dialect such as `openai_images`.
//!
//! This crate must not know any chat platform, nor decide whether a failed call is repeated.

pub mod config;
pub mod registry;

mod ark;
mod ark_video;
mod chat_video;
mod china;
mod comfyui;
mod dashscope;
mod gemini_native;
mod gemini_openai;
mod gitee;
mod gitee_async;
mod grok;
mod grok_video;
mod jimeng;
mod localai;
mod modelscope;
mod openai_chat;
mod openai_images;
mod openai_video;
mod openrouter_images;
mod openrouter_video;
mod sd_cpp;
mod sdwebui;
mod siliconflow;
mod siliconflow_video;
mod sketch_provider;

pub mod answer;
pub mod balance;
pub mod classify;
pub mod models;
pub mod questions;
pub mod sketch;

mod clip_tasks;
mod control_words;
mod dialect;
mod engine;
mod exchange;
mod farewell;
mod gather;
mod lessons;
mod own_engines;
mod profile;
mod references;
mod results;
mod rows;
mod sizes;
mod task_engine;
mod tasks;

pub use config::ProviderSection;
pub use models::retired;
pub use profile::ProfileSection;
pub use registry::{BuildError, Kind, Tools, build};
