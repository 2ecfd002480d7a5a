//! The engine through its public face, on real files, real kills and really full disks.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are not tests to the lint")]
#![expect(clippy::print_stdout, reason = "a child process tells its parent, and a skipped disk test says so")]

mod backup;
mod common;
mod disk;
mod key_value;
mod kill;
mod mend;
