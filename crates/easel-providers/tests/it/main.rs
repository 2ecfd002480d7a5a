//! The providers through their port.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests end them by panicking"
)]

mod ark;
mod comfyui;
mod dashscope;
mod gemini_native;
mod gemini_openai;
mod gitee;
mod gitee_async;
mod grok;
mod jimeng;
mod localai;
mod modelscope;
mod openai_chat;
mod openai_images;
mod openrouter_images;
mod remote;
mod replay;
mod sd_cpp;
mod sdwebui;
mod siliconflow;
mod sketch;
mod suite;
