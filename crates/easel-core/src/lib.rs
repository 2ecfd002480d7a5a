//! stub

pub mod access;
pub mod command;
pub mod i18n;
pub mod prompt;
