//! End-to-end tests: the real binary, real sockets, fake peers.
//!
//! One test binary, because every further one would link the whole program again. Start at [`world`].

mod access;
mod bad_input;
mod chain;
mod commands;
mod configuration;
mod crash;
mod delivery;
mod inputs;
mod program;
mod transports;
mod world;
