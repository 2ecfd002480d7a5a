//! easel.
mod config;
fn main() {}
