//! easel.

mod cli;
mod config;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, Exit, speech::Speech};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    #[expect(clippy::print_stdout, reason = "the command's result")]
    let mut out = |line: String| println!("{line}");
    let loaded = || config::load::load(&cli.global.source());
    let exit = match &cli.command {
        Some(Command::Check) => cli::check::run(&cli.global, &mut out).await,
        Some(Command::Completions(options)) => cli::completions::run(options),
        Some(Command::Backup(options)) => match loaded() {
            Ok(loaded) => {
                cli::backup::run(options, &loaded.config, &Speech::new(loaded.config.bot.locale), &mut out)
                    .await
            }
            Err(_) => cli::check::run(&cli.global, &mut out).await,
        },
        Some(Command::Restore(options)) => match loaded() {
            Ok(loaded) => {
                cli::restore::run(options, &loaded.config, &Speech::new(loaded.config.bot.locale), &mut out)
                    .await
            }
            Err(_) => cli::check::run(&cli.global, &mut out).await,
        },
        None | Some(Command::Run | Command::Draw(_)) => Exit::Failed,
    };
    exit.into()
}
