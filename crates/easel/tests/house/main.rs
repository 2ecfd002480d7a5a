//! The rules of the house, read from its own source: which crate may know which, which texts exist and are used, what
//! the READMEs say of codes, how long a file may be.
//!
//! They are tests because a rule that nobody checks is broken by the first person in a hurry.

// `cfg(test)` tells the lints that helpers outside of test functions are tests too.
#[cfg(test)]
mod dependencies;
#[cfg(test)]
mod readmes;
#[cfg(test)]
mod source;
#[cfg(test)]
mod texts;
