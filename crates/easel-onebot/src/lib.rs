//! OneBot v11 (QQ) for easel.
//!
//! This crate speaks the protocol of NapCat, LLOneBot/LuckyLillia, Lagrange, go-cqhttp and whoever imitates them, over
//! reverse WebSocket, forward WebSocket or HTTP, and turns it into the message model of `easel-core`. It knows nothing
//! of commands, jobs or providers.
//!
//! Start reading at [`OneBot`], then `inbound` (frames to messages), `outbound` (replies to calls) and `transport`
//! (sockets). Facts about the wire come from the OneBot v11 reference and from the implementations themselves.

mod adapter;
mod config;
mod hub;
mod inbound;
mod outbound;
mod peer_clock;
mod recent;
mod transport;

pub use adapter::{Deps, OneBot};
pub use config::{ImageDelivery, Mode, OneBotSection};

/// The name of this platform in chats and in the configuration.
pub const PLATFORM: &str = "onebot";

/// Whether a frame would be dropped before it is parsed. For measuring that; see `examples/triage.rs`.
#[doc(hidden)]
pub fn is_chatter(frame: &str, account: &str, starts_command: &dyn Fn(&str) -> bool) -> bool {
    let me = inbound::Identity { id: account.to_owned(), alias: None };
    inbound::triage(frame, &me, starts_command) == inbound::Triage::Chatter
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
