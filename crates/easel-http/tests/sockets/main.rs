//! The clients against real sockets: what goes out, what comes back, and what must never be dialled.

mod calls;
mod downloads;
mod peer;
mod proxies;
mod results;
