//! The providers through their port.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests end them by panicking"
)]

mod ark;
mod dashscope;
mod gemini_native;
mod gitee;
mod grok;
mod jimeng;
mod modelscope;
mod openai_chat;
mod openai_images;
mod remote;
mod replay;
mod sdwebui;
mod siliconflow;
mod sketch;
mod suite;
