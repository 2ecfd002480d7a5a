//! `easel run`: connects to the chats and draws until it is told to stop.

use std::{path::Path, sync::Arc, time::Duration};

use easel_core::{job::recover::Recovered, ports::AdapterError};
use easel_store::OpenError;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Exit,
    plain::{found, unopened},
    speech::Speech,
};
use crate::{
    config::{
        Config,
        load::{Loaded, Source},
        problem::{ProblemArg, ProblemText},
        reload::{Outcome, Watcher},
    },
    control_server,
    lifecycle::{DRAIN, Signals},
    tell, warn,
    wiring::{App, Platforms},
};

/// Runs until a signal, or until a platform can't do its work.
pub(crate) async fn run(source: Source, loaded: Loaded, speech: &Speech) -> Exit {
    let mut config = loaded.config.clone();
    for problem in &loaded.warnings {
        warn(speech.problem(problem));
    }
    let data_dir = config.bot.data_dir.clone();
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            warn(explain(&error.into(), &config, speech));
            return Exit::Failed;
        }
    };
    let (app, mut running) = match start(&config, &data_dir, &mut signals, speech).await {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    match control_server::listen(&data_dir) {
        Ok(listener) => {
            tasks.spawn(control_server::serve(listener, app.clone(), stop.clone()));
        }
        Err(error) => {
            tracing::warn!(%error, "the control socket can't be opened; `easel draw` and `backup` need easel to be stopped");
        }
    }
    let exit = 'life: {
        let recovered = tokio::select! {
            biased;
            // What is not recovered now is at the next start, as after a crash.
            () = signals.next() => break 'life Exit::Done,
            recovered = app.recover() => recovered,
        };
        greet(&app, &config, &source.path, recovered, speech);
        let watcher = Watcher::new(source, loaded);
        let newest = watcher.config();
        let mut outcome = watcher.outcome();
        tasks.spawn(watcher.run(stop.clone()));
        // Only a service manager listens for this; without one nothing happens.
        sd_notify::notify(&[sd_notify::NotifyState::Ready]).ok();
        tracing::info!("easel is ready");
        let settling = app.settle();
        tokio::pin!(settling);
        let mut is_settled = false;
        loop {
            tokio::select! {
                learned = &mut settling, if !is_settled => {
                    is_settled = true;
                    if let Some((variable, model)) = learned {
                        let text = ProblemText::new("start-engine-model");
                        let text = text.with("variable", format!("{variable}_BASE_URL"));
                        tell(speech.say(&text.with("model", model)));
                    }
                }
                () = signals.next() => break Exit::Done,
                Ok(()) = outcome.changed() => {
                    let outcome = outcome.borrow_and_update().clone();
                    if matches!(outcome, Outcome::Applied { .. }) {
                        // In force before it is said to be.
                        let newer = newest.borrow().clone();
                        let applied = tokio::select! {
                            biased;
                            () = signals.next() => break Exit::Done,
                            applied = app.reconfigure(&newer) => applied,
                        };
                        match applied {
                            Ok(()) => config = newer,
                            Err(error) => {
                                tracing::error!(error = format!("{error:#}"), "the new configuration can't be used; the old one stays");
                                continue;
                            }
                        }
                    }
                    report(&outcome, speech);
                }
                Some(ended) = running.join_next() => {
                    let error = match ended {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => error,
                        Err(error) => error.into(),
                    };
                    warn(explain(&error, &config, speech));
                    break Exit::Failed;
                }
            }
        }
    };

    sd_notify::notify(&[sd_notify::NotifyState::Stopping]).ok();
    let (busy, _) = app.engine.load();
    warn(speech.say(&ProblemText::new("stop-draining").with("count", busy as u64)));
    tokio::select! {
        _ = app.shutdown(DRAIN, &mut running) => {}
        () = signals.next() => {
            tracing::warn!("stopped hard; unfinished jobs are in the ledger");
            return Exit::Failed;
        }
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    control_server::remove(&data_dir);
    warn(speech.say(&ProblemText::new("stop-done")));
    exit
}

/// Opens everything and connects the platforms. A signal ends that as well; then, and after a failure, nothing runs and
/// what there is to say has been said.
async fn start(
    config: &Config,
    data_dir: &Path,
    signals: &mut Signals,
    speech: &Speech,
) -> Result<(Arc<App>, Platforms), Exit> {
    let stopped = || {
        warn(speech.say(&ProblemText::new("stop-done")));
        Exit::Done
    };
    let failed = |error| {
        warn(explain(&error, config, speech));
        Exit::Failed
    };
    let opened = tokio::select! {
        biased;
        () = signals.next() => return Err(stopped()),
        opened = App::open(config, data_dir, true) => opened,
    };
    let app = Arc::new(opened.map_err(failed)?);
    let served = tokio::select! {
        biased;
        () = signals.next() => None,
        served = app.serve() => Some(served),
    };
    match served {
        Some(Ok(running)) => Ok((app, running)),
        ended => {
            app.shutdown(Duration::ZERO, &mut Platforms::new()).await;
            Err(ended.and_then(Result::err).map_or_else(stopped, failed))
        }
    }
}

/// Says in plain words what runs, who draws, whether that may cost money, and what to do next.
fn greet(app: &App, config: &Config, path: &Path, recovered: Recovered, speech: &Speech) {
    let say = |text: ProblemText| tell(speech.say(&text));
    let path = path.display().to_string();
    say(ProblemText::new("start-title").with("version", env!("CARGO_PKG_VERSION")));
    say(ProblemText::new("start-config").with("path", path.clone()));
    say(ProblemText::new("start-data").with("path", app.store.dir().display().to_string()));
    for line in app.drawing(&path) {
        say(line);
    }
    if !app.report.is_clean() {
        for notice in found(&app.report) {
            warn(speech.say(&notice));
        }
    }
    if recovered.rerun + recovered.delivered + recovered.interrupted > 0 {
        say(ProblemText::new("start-resumed")
            .with("resumed", (recovered.rerun + recovered.delivered) as u64)
            .with("interrupted", recovered.interrupted as u64));
    }
    #[cfg(feature = "onebot")]
    greet_onebot(app, config, &say);
    let prefix = config.bot.prefixes.first().cloned().unwrap_or_default();
    let example = speech.say(&ProblemText::new("example-draw"));
    say(ProblemText::new("start-next-try").with("example", format!("{prefix}{example}")));
}

/// The paths that people's OneBot implementations are usually set to; without a configured one every path is taken.
#[cfg(feature = "onebot")]
const ANY_PATH: &str = "/ws, /onebot/v11/ws, /";

#[cfg(feature = "onebot")]
fn greet_onebot(app: &App, config: &Config, say: &impl Fn(ProblemText)) {
    use easel_onebot::Mode;

    let mut listening = app.onebot_addresses().into_iter();
    let mut told = false;
    for section in &config.onebot {
        match section.mode {
            Mode::Forward => {
                say(ProblemText::new("start-dialing").with("url", easel_http::redact(&section.url)));
            }
            Mode::Http | Mode::Reverse => {
                let Some(address) = listening.next() else { continue };
                if section.mode == Mode::Http {
                    say(ProblemText::new("start-listening-http").with("address", address.to_string()));
                    continue;
                }
                let url =
                    format!("ws://{address}{}", if section.path.is_empty() { "/ws" } else { &section.path });
                let paths = if section.path.is_empty() { ANY_PATH } else { &section.path };
                say(ProblemText::new("start-listening-ws")
                    .with("address", address.to_string())
                    .with("paths", paths.to_owned()));
                if !std::mem::replace(&mut told, true) {
                    say(ProblemText::new("start-next-napcat").with("url", url));
                    if section.has_token() {
                        say(ProblemText::new("start-next-token"));
                    }
                }
            }
        }
    }
    if config.onebot.is_empty() {
        say(ProblemText::new("start-no-platform"));
    }
}

/// Keys of an edit that are named at most.
const MOST_KEYS: usize = 5;

/// What came of an edit of the configuration.
fn report(outcome: &Outcome, speech: &Speech) {
    match outcome {
        Outcome::Unchanged => {}
        Outcome::Applied { changed, needs_restart, warnings } => {
            let mut at_once: Vec<_> = changed.iter().filter(|key| !needs_restart.contains(key)).collect();
            let more = at_once.len() > MOST_KEYS;
            at_once.truncate(MOST_KEYS);
            // Nothing else changed: to say that it is in effect would be wrong.
            if !at_once.is_empty() {
                let names = at_once.into_iter().cloned().chain(more.then(|| "…".to_owned()));
                let text = ProblemText::new("config-reloaded").with("keys", ProblemArg::names(names));
                warn(speech.say(&text));
            } else if changed.is_empty() {
                warn(speech.say(&ProblemText::new("config-mended")));
            }
            for key in needs_restart {
                warn(speech.say(&ProblemText::new("config-restart-needed").with("key", key.clone())));
            }
            for problem in warnings {
                warn(speech.problem(problem));
            }
        }
        Outcome::Refused(refused) => {
            let count = refused.errors() as u64;
            warn(speech.say(&ProblemText::new("config-reload-broken").with("count", count)));
            for problem in &refused.problems {
                warn(speech.problem(problem));
            }
        }
    }
}

/// A failed start in plain words, with what to do.
pub(super) fn explain(error: &anyhow::Error, config: &Config, speech: &Speech) -> String {
    let path = config.bot.data_dir.display().to_string();
    for cause in error.chain() {
        if let Some(AdapterError::Listen { address, source }) = cause.downcast_ref::<AdapterError>()
            && source.kind() == std::io::ErrorKind::AddrInUse
        {
            let text = ProblemText::new("start-failed-port").with("address", address.clone());
            return speech.say(&text.with("key", "onebot.listen"));
        }
        if let Some(error) = cause.downcast_ref::<OpenError>() {
            return speech.say(&unopened(error, &path));
        }
    }
    format!("{error:#}")
}
