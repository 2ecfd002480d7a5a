//! The clients against real sockets: what goes out, what comes back, and what must never be dialled.

// `cfg(test)` tells the lints that helpers outside of test functions are tests too.
#[cfg(test)]
mod calls;
#[cfg(test)]
mod downloads;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod results;
