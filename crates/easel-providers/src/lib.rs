//! stub

pub mod sketch;
