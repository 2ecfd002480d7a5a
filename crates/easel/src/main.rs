//! easel (画架): draws for chat groups.
//!
//! This file parses the command line, starts what was asked for, and turns the outcome into an exit code. Everything
//! is put together in [`wiring`].

#[cfg(not(unix))]
compile_error!("easel runs on Unix systems only: its data directory needs their locks, modes and sockets");

mod cli;
mod config;
mod control_server;
mod lifecycle;
mod local;
mod wiring;

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser as _;
use tracing::Level;
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::cli::{Cli, Command, Exit, speech};

/// Gives memory back soon after a burst of pictures, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long threads that still read or write may take at the very end. What has to be on the disk is by then; what is
/// left may never end, such as reading a pipe that nobody writes.
const LAST: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::save::keep_private();
    easel_http::crypto::install();
    log(matches!(cli.command, None | Some(Command::Run)));
    let runtime = runtime().max_blocking_threads(32).enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(execute(cli));
            runtime.shutdown_timeout(LAST);
            exit
        }
        Err(error) => {
            tell(format!("easel can't start: {error}"));
            Exit::Failed
        }
    };
    exit.into()
}

/// A single worker is the main thread itself: it wakes nobody and has less to look after, which chatter feels most.
fn runtime() -> tokio::runtime::Builder {
    match workers() {
        1 => tokio::runtime::Builder::new_current_thread(),
        several => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(several);
            builder
        }
    }
}

/// Half of the cores, for the others have work as well (files, the journal, pictures that are turned or shrunk, and the
/// peers). One worker hands a picture from the provider to the chat in less time than two that wake each other for every
/// piece of it.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2).clamp(1, 8)
}

async fn execute(cli: Cli) -> Exit {
    let command = cli.command.unwrap_or(Command::Run);
    if let Command::Completions(options) = &command {
        return cli::completions::run(options);
    }
    if let Command::Check(options) = &command {
        return cli::check::run(&cli.global, options, &mut |line| tell(line)).await;
    }
    if let Command::Import(options) = &command {
        // Whoever imports has no configuration yet, and one that is wrong must not be in the way.
        let locale = speech::terminal_locale(&|name| std::env::var(name).ok());
        let speech = speech::Speech::new(locale);
        return cli::import::run(options, &cli.global, &speech, &mut |line| tell(line));
    }
    let source = cli.global.source();
    let loaded = match config::load::load(&source) {
        Ok(loaded) => loaded,
        Err(refused) => {
            let terminal = || speech::terminal_locale(&|name| std::env::var(name).ok());
            let speech = speech::Speech::new(refused.locale.unwrap_or_else(terminal));
            warn(speech.problems_title(&refused.path.display().to_string(), refused.errors()));
            for problem in &refused.problems {
                warn(speech.problem(problem));
            }
            return Exit::Wrong;
        }
    };
    let config = loaded.config.clone();
    let speech = speech::Speech::new(config.bot.locale);
    match command {
        Command::Run => cli::run::run(source, loaded, &speech).await,
        Command::Draw(options) => cli::draw::run(&options, &config, &speech).await,
        Command::Keys(options) => cli::keys::run(&options, &config, &speech, &mut |line| tell(line)).await,
        Command::Usage(options) => cli::usage::run(options, &config, &speech, &mut |line| tell(line)).await,
        Command::Backup(options) => {
            cli::backup::run(&options, &config, &speech, &mut |line| tell(line)).await
        }
        Command::Restore(options) => {
            cli::restore::run(&options, &config, &speech, &mut |line| tell(line)).await
        }
        Command::Check(_) | Command::Completions(_) | Command::Import(_) => Exit::Done,
    }
}

/// Says something to whoever started easel. Who doesn't listen any more (`easel check | head`) stops nothing.
pub(crate) fn tell(line: impl AsRef<str>) {
    writeln!(std::io::stdout(), "{}", line.as_ref()).ok();
}

/// Says what went wrong to whoever started easel.
pub(crate) fn warn(line: impl AsRef<str>) {
    writeln!(std::io::stderr(), "{}", line.as_ref()).ok();
}

/// The log goes to standard error; `RUST_LOG` changes its level. Commands that end by themselves say in sentences how it
/// went, so that they log only what nobody foresaw.
fn log(runs_on: bool) {
    let wished = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let usual = if runs_on { Level::INFO } else { Level::ERROR };
    let filter =
        wished.unwrap_or_else(|| Targets::new().with_default(usual).with_target("sled", Level::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
}
