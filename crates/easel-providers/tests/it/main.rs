//! The providers through their port.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests end them by panicking"
)]

mod ark;
mod ark_video;
mod chat_video;
mod clips;
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
mod model_order;
mod modelscope;
mod openai_chat;
mod openai_images;
mod openai_video;
mod openrouter_images;
mod openrouter_video;
mod remote;
mod replay;
mod sd_cpp;
mod sdwebui;
mod siliconflow;
mod siliconflow_video;
mod sketch;
mod suite;
