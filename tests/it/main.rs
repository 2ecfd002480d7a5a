//! End-to-end tests: the real binary, real sockets, fake peers.
//!
//! One test binary, because every further one would link the whole program again. Start at [`world`].

#![expect(clippy::disallowed_methods, reason = "the real program runs in real time")]
#![expect(unreachable_pub, reason = "everything here belongs to one test binary")]

// `cfg(test)` tells the lints that helpers outside of test functions are tests too.
#[cfg(test)]
mod access;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod clips;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod import;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod program;
#[cfg(test)]
mod remote_tasks;
#[cfg(test)]
mod transports;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod world;
