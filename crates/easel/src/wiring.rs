//! Puts the program together: the only file that names every adapter, the store and the providers.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use easel_core::{
    access::LimitsState,
    dispatch::Desk,
    i18n::Texts,
    job::{
        bad_keys,
        engine::{ClipSettings, Engine, EngineSettings},
        kept::KeepLimits,
        ledger::JobRecord,
        recover::Recovered,
        schedule::ScheduleLimits,
    },
    media::{BytesBudget, Spool},
    ports::{Adapter, Clock, Inbox, KeyValue, Provider as _, Store, SystemClock},
};
use easel_http::HttpClients;
use easel_store::{EmbeddedStore, Handle, OpenOptions, OpenReport};
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::chains::{Drawing, Factory};
pub(crate) use self::{
    chains::settled,
    draw::{DrawRequest, Drawn, Made, NotDrawn},
    health::half_line,
};
use crate::{config::Config, local::Local};

mod chains;
mod draw;
mod health;
mod late;

/// How often artifacts are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often changed limits are stored.
const LIMITS_EVERY: Duration = Duration::from_secs(5);
/// How long platforms, and answers under way, may take to end.
const CLOSING: Duration = Duration::from_secs(5);
/// Table and key of the stored limits.
const LIMITS: (&str, &[u8]) = ("limits", b"chat/");
/// Bytes per stored part of the limits; the store takes values up to 32 KiB.
const LIMITS_PART: usize = 30 * 1024;
/// The platforms while they run.
pub(crate) type Platforms = JoinSet<anyhow::Result<()>>;

/// The program, put together.
pub(crate) struct App {
    /// Jobs.
    pub(crate) engine: Arc<Engine>,
    /// Commands.
    pub(crate) desk: Arc<Desk>,
    /// The command line's chat.
    pub(crate) local: Arc<Local>,
    /// The store's other end.
    pub(crate) store: Handle,
    /// What was found when the store was opened.
    pub(crate) report: OpenReport,
    /// What an earlier run left behind, until [`App::recover`] takes it.
    remembered: Mutex<Vec<JobRecord>>,
    /// Who draws.
    pub(crate) drawing: Drawing,
    ports: Store,
    adapters: Vec<Arc<dyn Adapter>>,
    #[cfg(feature = "onebot")]
    onebot: Option<Arc<easel_onebot::OneBot>>,
    factory: Arc<Factory>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

fn engine_settings(config: &Config) -> EngineSettings {
    EngineSettings {
        schedule: ScheduleLimits {
            max_running: config.jobs.max_running,
            max_running_per_chat: config.jobs.max_running_per_chat,
            max_running_per_user: config.jobs.max_running_per_user,
            max_waiting: config.jobs.max_waiting,
        },
        deadline: Duration::from_secs(config.jobs.deadline_seconds),
        keep: KeepLimits {
            ttl_millis: config.bot.artifact_ttl_minutes.saturating_mul(60_000),
            max_count: usize::try_from(config.bot.artifact_max_count).unwrap_or(usize::MAX),
            max_bytes: config.bot.artifact_max_bytes,
        },
        max_download_bytes: config.network.max_download_bytes,
        clips: ClipSettings { send_mode: config.video.send_mode, limits: config.video.limits() },
    }
}

impl App {
    /// Opens the store, builds everything and picks up what an earlier run left behind. With `platforms`, the chat
    /// platforms are built too; [`App::serve`] connects them.
    #[cfg_attr(
        not(feature = "onebot"),
        expect(unused_variables, unused_mut, reason = "a build without platforms has none to add")
    )]
    pub(crate) async fn open(config: &Config, data_dir: &Path, platforms: bool) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (ports, store, report) = EmbeddedStore::open(data_dir, OpenOptions::default()).await?;
        let budget = BytesBudget::new(config.jobs.max_bytes_in_flight);
        let spool = Spool::new(budget, &data_dir.join("spool")).context("the spool folder")?;
        let http = HttpClients::new(config.network.clone());
        let factory =
            Arc::new(Factory::new(easel_providers::Tools::new(http.clone()), bad_keys(&*ports.keys).await?));
        let (runtime, drawing) = factory.runtime(config)?;

        let local = Arc::new(Local::default());
        let mut adapters: Vec<Arc<dyn Adapter>> = vec![local.clone()];
        #[cfg(feature = "onebot")]
        let onebot = if platforms && !config.onebot.is_empty() {
            let deps = easel_onebot::Deps {
                http,
                clock: clock.clone(),
                spool: spool.clone(),
                outbox: data_dir.join("outbox"),
                publish: None,
            };
            let onebot = Arc::new(easel_onebot::OneBot::new(config.onebot.clone(), deps)?);
            adapters.push(onebot.clone());
            Some(onebot)
        } else {
            None
        };

        let tracker = TaskTracker::new();
        let desk = Desk::new(
            runtime,
            &config.access,
            stored_limits(&ports).await,
            Texts::new(),
            clock.clone(),
            adapters.clone(),
            tracker.clone(),
        );
        let spool = spool.with_drafts(ports.blobs.drafts());
        let engine = Engine::new(ports.clone(), spool, clock, desk.clone(), engine_settings(config));
        desk.open(engine.clone());
        let remembered = engine.remember().await?;
        desk.reconcile_limits(&remembered);
        Ok(Self {
            engine,
            desk,
            local,
            store,
            report,
            remembered: Mutex::new(remembered),
            drawing,
            ports,
            adapters,
            #[cfg(feature = "onebot")]
            onebot,
            factory,
            tracker,
            stop: CancellationToken::new(),
        })
    }

    /// Connects the platforms and returns when every one of them listens (or dials). The set ends when an adapter
    /// can't do its work at all.
    pub(crate) async fn serve(&self) -> anyhow::Result<Platforms> {
        let mut running = JoinSet::new();
        let mut waiting = Vec::new();
        for adapter in &self.adapters {
            let (ready, listens) = tokio::sync::oneshot::channel();
            let (adapter, inbox, stop) =
                (adapter.clone(), self.desk.clone() as Arc<dyn Inbox>, self.stop.clone());
            running.spawn(async move { Ok(adapter.run(inbox, ready, stop).await?) });
            waiting.push(listens);
        }
        for listens in waiting {
            if listens.await.is_err() {
                // Whoever did not become ready has ended with the reason.
                while let Some(ended) = running.join_next().await {
                    ended??;
                }
                anyhow::bail!("a platform ended while it was starting");
            }
        }
        self.upkeep();
        Ok(running)
    }

    /// Puts the unfinished jobs of an earlier run on their way; after [`App::serve`], so that their peers can come back.
    pub(crate) async fn recover(&self) -> Recovered {
        let records = std::mem::take(&mut *self.remembered.lock().unwrap_or_else(PoisonError::into_inner));
        self.engine.recover(records, &self.local.platform()).await
    }

    /// Sweeps artifacts and stores limits, now and then.
    fn upkeep(&self) {
        let (engine, desk, keys, stop) =
            (self.engine.clone(), self.desk.clone(), self.ports.keys.clone(), self.stop.clone());
        self.tracker.spawn(async move {
            let mut sweep = tokio::time::interval(SWEEP_EVERY);
            let mut limits = tokio::time::interval(LIMITS_EVERY);
            let mut stored = Vec::new();
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = sweep.tick() => engine.sweep().await,
                    _ = limits.tick() => {
                        store_limits(&desk, &*keys, &mut stored).await;
                        engine.store_usage().await;
                    }
                }
            }
            store_limits(&desk, &*keys, &mut stored).await;
        });
    }

    /// Takes a new configuration.
    ///
    /// # Errors
    /// When a provider of it can't be built; then nothing changes.
    pub(crate) async fn reconfigure(&self, config: &Config) -> anyhow::Result<()> {
        // A changed provider begins anew, but not with a key that was refused in the meantime.
        self.factory.know(bad_keys(&*self.ports.keys).await?);
        let (runtime, _) = self.factory.runtime(config)?;
        self.desk.reconfigure(runtime, &config.access);
        self.engine.reconfigure(engine_settings(config));
        Ok(())
    }

    /// Learns the model of a service from the environment that names none, which may take a while. `None` when there is
    /// nothing to learn; else the environment pair and the model.
    pub(crate) async fn settle(&self) -> Option<(&'static str, String)> {
        let late = self.factory.late().filter(|late| late.model().is_empty())?;
        late.settled().await;
        Some((self.drawing.environment?, late.model().to_owned()))
    }

    /// The addresses on which OneBot implementations are awaited.
    #[cfg(feature = "onebot")]
    pub(crate) fn onebot_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.onebot.as_ref().map(|onebot| onebot.addresses()).unwrap_or_default()
    }

    /// Stops in order: no new jobs, running ones end (at most `patience`), the platforms of [`App::serve`] close, the
    /// store is flushed. Returns whether every running job ended in time.
    pub(crate) async fn shutdown(&self, patience: Duration, platforms: &mut Platforms) -> bool {
        let drained = self.engine.shutdown(patience).await;
        self.stop.cancel();
        self.tracker.close();
        let answers = tokio::time::timeout(CLOSING, self.tracker.wait());
        let (answers, closed) = tokio::join!(answers, closed(platforms, CLOSING));
        if answers.is_err() {
            tracing::warn!("some answers were still under way at the end");
        }
        if !closed {
            tracing::warn!("a platform did not close in time");
        }
        self.store.shutdown().await;
        drained
    }
}

/// Waits until the platforms have closed, and cuts off those that don't in time. Returns whether all did.
async fn closed(platforms: &mut Platforms, patience: Duration) -> bool {
    let all = async {
        while let Some(ended) = platforms.join_next().await {
            if let Err(error) = ended.map_err(anyhow::Error::from).flatten() {
                tracing::warn!(error = format!("{error:#}"), "a platform closed badly");
            }
        }
    };
    let in_time = tokio::time::timeout(patience, all).await.is_ok();
    platforms.shutdown().await;
    in_time
}

/// Reads the counts that [`store_limits`] wrote.
async fn stored_limits(store: &Store) -> LimitsState {
    let parts = match store.keys.scan(LIMITS.0, LIMITS.1, 10_000).await {
        Ok(parts) => parts,
        Err(error) => {
            tracing::warn!(%error, "the stored limits can't be read; they begin anew");
            return LimitsState::default();
        }
    };
    let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| part.iter().copied()).collect();
    if whole.is_empty() {
        return LimitsState::default();
    }
    // A crash between two parts leaves a text that can't be read.
    serde_json::from_slice(&whole).unwrap_or_else(|error| {
        tracing::warn!(%error, "the stored limits are damaged; they begin anew");
        LimitsState::default()
    })
}

/// Stores the limits' counts when they changed, in parts that the store takes.
async fn store_limits(desk: &Desk, keys: &dyn KeyValue, stored: &mut Vec<u8>) {
    let Ok(state) = serde_json::to_vec(&desk.limits_state()) else { return };
    if state == *stored {
        return;
    }
    let key = |part: usize| [LIMITS.1, format!("{part:04}").as_bytes()].concat();
    let parts = state.len().div_ceil(LIMITS_PART);
    for (index, part) in state.chunks(LIMITS_PART).enumerate() {
        if let Err(error) = keys.put(LIMITS.0, &key(index), bytes::Bytes::copy_from_slice(part)).await {
            tracing::warn!(%error, "the limits could not be stored");
            return;
        }
    }
    if stored.is_empty() || stored.len() > state.len() {
        // Parts of a longer state, also of an earlier run's, would spoil the next reading.
        let last = key(parts.saturating_sub(1));
        for (name, _) in keys.scan(LIMITS.0, LIMITS.1, 10_000).await.unwrap_or_default() {
            if *name > *last {
                keys.remove(LIMITS.0, &name).await.ok();
            }
        }
    }
    *stored = state;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn platforms_are_waited_for_but_not_for_ever() {
        let done = Arc::new(AtomicBool::new(false));
        let mut platforms = JoinSet::new();
        platforms.spawn({
            let done = done.clone();
            async move {
                tokio::time::sleep(CLOSING / 2).await;
                done.store(true, Ordering::Relaxed);
                Ok(())
            }
        });
        platforms.spawn(async { anyhow::bail!("badly") });
        assert!(closed(&mut platforms, CLOSING).await);
        assert!(done.load(Ordering::Relaxed));
        platforms.spawn(std::future::pending());
        assert!(!closed(&mut platforms, CLOSING).await);
        assert!(platforms.is_empty());
    }

    #[tokio::test]
    async fn a_stopped_program_has_no_platform_left() {
        let dir = tempfile::tempdir().unwrap();
        let app = App::open(&Config::default(), dir.path(), true).await.unwrap();
        let mut platforms = app.serve().await.unwrap();
        assert!(!platforms.is_empty());
        app.shutdown(Duration::ZERO, &mut platforms).await;
        assert!(platforms.is_empty());
    }
}
