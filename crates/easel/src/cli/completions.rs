//! `easel completions SHELL`: a completion script on standard output.

use std::io::{self, Write as _};

use clap::CommandFactory as _;

use super::{Cli, Completions, Exit};

/// Writes the script. Fails when standard output is closed.
pub(crate) fn run(options: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "easel", &mut script);
    match io::stdout().lock().write_all(&script) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}
