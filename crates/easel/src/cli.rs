//! The command line: what may be typed, and what each command needs.
//!
//! One command, one file in `cli/`. Texts for people come from `locales/`; only the help that clap prints is here,
//! in English, as it is for most programs.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::load::Source;

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod control;
pub(crate) mod convert;
pub(crate) mod draw;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod plain;
pub(crate) mod restore;
pub(crate) mod run;
pub(crate) mod save;
pub(crate) mod speech;
pub(crate) mod usage;

/// Draws for chat groups: QQ through OneBot v11, with any OpenAI-compatible provider, or offline.
#[derive(Debug, Parser)]
#[command(
    name = "easel",
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration."
)]
pub(crate) struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The command; without one, `run`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Global {
    /// The configuration file [default: config/easel.toml].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data directory, instead of the configuration's.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Connects to the chats and draws (the default).
    Run,
    /// Explains everything that is wrong with the configuration and the machine, and how to mend it.
    Check(Check),
    /// Draws one picture through the same engine.
    Draw(Draw),
    /// Makes a configuration from that of another program.
    Import(Import),
    /// Lists the providers' keys and how they are; `reset` gives those that are out of use another try.
    Keys(Keys),
    /// Tells what jobs cost, by provider, chat or person.
    Usage(Usage),
    /// Writes a backup of settings and jobs.
    Backup(Backup),
    /// Restores a backup; easel must not be running.
    Restore(Restore),
    /// Prints completions for a shell.
    Completions(Completions),
}

/// `easel check`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Check {
    /// Finds out what each service (or NAME alone) really does: key, models, balance, drawing, editing. What may be
    /// charged is said and asked for first.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(crate) probe: Option<String>,
    /// Goes on with what may be charged without asking.
    #[arg(short, long, requires = "probe")]
    pub(crate) yes: bool,
    /// Writes what was sent and answered into DIR, one file per call, without keys.
    #[arg(long, value_name = "DIR", requires = "probe")]
    pub(crate) record: Option<PathBuf>,
}

/// `easel draw`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Draw {
    /// What to draw; shape, size, number and presets may be written into it as in a chat.
    pub(crate) prompt: String,
    /// A picture to start from; may be given several times.
    #[arg(long = "image", value_name = "FILE", num_args = 1..)]
    pub(crate) images: Vec<PathBuf>,
    /// Where the picture goes; with several pictures a number is added [default: a name made from the job].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The provider, by its name in the configuration.
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Pixels (2048x1152), a ratio (16:9) or a tier (2K).
    #[arg(long, value_name = "SIZE")]
    pub(crate) size: Option<String>,
    /// How many pictures [default: one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(crate) count: Option<u8>,
}

/// `easel import`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Import {
    /// The program that the configuration is of.
    #[command(subcommand)]
    pub(crate) from: ImportFrom,
}

/// The programs whose configurations can be read.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// Reads the configuration of an AstrBot picture plug-in and writes a new file; nothing is overwritten.
    Astrbot(ImportAstrbot),
}

/// `easel import astrbot`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ImportAstrbot {
    /// The plug-in's file, as AstrBot keeps it in data/config.
    pub(crate) file: PathBuf,
    /// The new file [default: easel.imported.toml beside the configuration].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `easel keys`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Keys {
    /// What to do; without it, the keys are listed.
    #[command(subcommand)]
    pub(crate) action: Option<KeysAction>,
}

/// What `easel keys` can do besides listing.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Lets keys be used again that were refused, are out of quota or rest.
    Reset {
        /// Only those of this provider, by its name in the configuration.
        provider: Option<String>,
    },
}

/// `easel usage`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Usage {
    /// How many days back, today included; days are those of UTC.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=90))]
    pub(crate) days: u64,
    /// One line per what.
    #[arg(long, value_enum, default_value = "provider")]
    pub(crate) by: UsageBy,
}

/// What a line of `easel usage` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UsageBy {
    /// A provider.
    Provider,
    /// A chat.
    Chat,
    /// A person.
    User,
}

/// `easel backup`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Backup {
    /// The new file, or a directory for it [default: easel-UTC.tar.gz in the working directory].
    pub(crate) file: Option<PathBuf>,
}

/// `easel restore`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Restore {
    /// A file that `easel backup` wrote, or an hourly snapshot.
    pub(crate) file: PathBuf,
}

/// `easel completions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// How a command ended, as the process says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Done = 0,
    /// It did not work.
    Failed = 1,
    /// The usage or the configuration is wrong.
    Wrong = 2,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Global {
    /// Where the configuration comes from: the file, this process's environment, and these options.
    pub(crate) fn source(&self) -> Source {
        Source {
            path: self.config.clone().unwrap_or_else(|| PathBuf::from("config/easel.toml")),
            must_exist: self.config.is_some(),
            data_dir: self.data_dir.clone(),
            environment: std::env::vars_os().collect(),
            base: PathBuf::from("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_every_command_may_stand_anywhere() {
        for line in ["easel --config a.toml check --data-dir d", "easel check --config a.toml --data-dir d"] {
            let cli = parse(line).unwrap();
            assert_eq!(cli.global.config.as_deref(), Some("a.toml".as_ref()));
            assert_eq!(cli.global.data_dir.as_deref(), Some("d".as_ref()));
        }
        assert!(parse("easel").unwrap().command.is_none());
        assert!(matches!(parse("easel run").unwrap().command, Some(Command::Run)));
    }

    #[test]
    fn draw_takes_pictures_and_a_target() {
        let cli = parse("easel draw cat --image a.png b.png --image c.png -o out.png --size 16:9 --count 2")
            .unwrap();
        let Some(Command::Draw(draw)) = cli.command else { panic!("not draw") };
        assert_eq!((draw.prompt.as_str(), draw.images.len(), draw.count), ("cat", 3, Some(2)));
        assert_eq!(draw.output.as_deref(), Some("out.png".as_ref()));
    }

    #[test]
    fn a_probe_is_of_one_or_of_all() {
        let probed = |line| match parse(line).unwrap().command {
            Some(Command::Check(check)) => (check.probe, check.yes, check.record),
            _ => panic!("not check"),
        };
        assert_eq!(probed("easel check"), (None, false, None));
        assert_eq!(probed("easel check --probe -y"), (Some(String::new()), true, None));
        let recorded = (Some("main".to_owned()), false, Some(PathBuf::from("dir")));
        assert_eq!(probed("easel check --probe main --record dir"), recorded);
    }

    #[test]
    fn an_import_names_the_program_and_the_file() {
        let cli = parse("easel import astrbot old.json -o new.toml --config a.toml").unwrap();
        let Some(Command::Import(Import { from: ImportFrom::Astrbot(options) })) = cli.command else {
            panic!("not import")
        };
        assert_eq!(options.file, PathBuf::from("old.json"));
        assert_eq!(options.output.as_deref(), Some("new.toml".as_ref()));
    }

    #[test]
    fn wrong_usage_ends_with_two() {
        for line in [
            "easel draw",
            "easel paint",
            "easel draw cat --count 0",
            "easel restore",
            "easel import",
            "easel import astrbot",
            "easel completions x",
            "easel check --yes",
            "easel check --record dir",
            "easel check main",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert_eq!(parse("easel --help").unwrap_err().exit_code(), 0);
    }
}
