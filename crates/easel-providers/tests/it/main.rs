//! The providers through their port.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests end them by panicking"
)]

mod gemini_openai;
mod localai;
mod openai_chat;
mod openai_images;
mod openrouter_images;
mod remote;
mod sd_cpp;
mod sketch;
mod suite;
