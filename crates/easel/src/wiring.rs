//! Puts the program together: the only file that names every adapter, the store and the providers.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use easel_core::{
    access::{LimitsState, Rules},
    chain::{KeyPool, Link, ProviderSlot},
    command::OutputWish,
    dispatch::{Desk, Runtime, RuntimeParts, output_of},
    error::UserError,
    i18n::Texts,
    ids::{MessageId, UserId},
    job::{
        DISABLED_KEYS, Outcome,
        engine::{Brought, Engine, EngineSettings, Planner as _},
        kept::KeepLimits,
        ledger::StoredRequest,
        recover::Recovered,
        schedule::ScheduleLimits,
    },
    media::{BytesBudget, Picture, Spool},
    message::{PictureLocator, PictureOrigin, PictureRef},
    ports::{Adapter, Clock, Inbox, KeyValue, Output, Store, SystemClock},
    prompt::PresetBook,
    settings::FeatureSection,
};
use easel_http::HttpClients;
use easel_providers::{Kind, ProviderSection, config::KeyList, models, registry};
use easel_store::{EmbeddedStore, Handle, OpenOptions, OpenReport};
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::draw::target,
    config::{
        Config,
        discover::{self, Chosen, Discovered, Feature},
        problem::{ProblemArg, ProblemText},
    },
    local::{Heard, Local},
};

/// How often artifacts are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often changed limits are stored.
const LIMITS_EVERY: Duration = Duration::from_secs(5);
/// Table and key of the stored limits.
const LIMITS: (&str, &[u8]) = ("limits", b"chat/");
/// Bytes per stored part of the limits; the store takes values up to 32 KiB.
const LIMITS_PART: usize = 30 * 1024;
/// Name and kind of the embedded provider that draws when nothing is configured.
const SKETCH: &str = "sketch";

/// The model asked of a service from the environment that names none and lists none (S004-28).
const FALLBACK_MODEL: &str = "gpt-image-2";
/// How long the start waits for a list of models.
const MODELS_PATIENCE: Duration = Duration::from_secs(5);

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
    /// What an earlier run left behind.
    pub(crate) recovered: Recovered,
    /// Who draws, and who edits.
    pub(crate) drawing: [Drawing; 2],
    ports: Store,
    adapters: Vec<Arc<dyn Adapter>>,
    #[cfg(feature = "onebot")]
    onebot: Option<Arc<easel_onebot::OneBot>>,
    factory: Arc<Factory>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// Who does a feature's work, for the start message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawing {
    /// Provider names in the order of the feature's chain.
    pub(crate) names: Vec<String>,
    /// The environment pair that was found, if that is why.
    pub(crate) environment: Option<&'static str>,
    /// Whether calls may cost money.
    pub(crate) paid: bool,
}

/// Makes provider slots, and keeps those whose section did not change, so that what is known of their keys and
/// health survives an edit of the configuration.
struct Factory {
    http: HttpClients,
    disabled: HashMap<String, HashSet<String>>,
    slots: Mutex<BTreeMap<String, (String, Arc<ProviderSlot>)>>,
    /// Models of services from the environment that name none, by variable; asked once per run.
    models: Mutex<HashMap<&'static str, String>>,
}

impl Factory {
    fn slot(&self, name: &str, section: &ProviderSection) -> anyhow::Result<Arc<ProviderSlot>> {
        // `Debug` hides the keys, so their fingerprints stand beside it.
        let keys = section.keys();
        let prints: Vec<_> = keys.iter().map(|key| key.fingerprint.clone()).collect();
        let print = format!("{section:?} {prints:?}");
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, slot)) = slots.get(name)
            && *known == print
        {
            return Ok(slot.clone());
        }
        let provider =
            registry::build(name, section, &self.http).with_context(|| format!("providers.{name}"))?;
        let none = HashSet::new();
        let disabled = self.disabled.get(name).unwrap_or(&none);
        let keys = KeyPool::new(keys, disabled);
        let slot = Arc::new(ProviderSlot::new(provider, keys, section.max_retry_attempts));
        slots.insert(name.to_owned(), (print, slot.clone()));
        Ok(slot)
    }

    async fn discovered(&self, found: &Discovered) -> anyhow::Result<Arc<ProviderSlot>> {
        let mut section = ProviderSection {
            kind: Kind::OpenAiImages.name().to_owned(),
            base_url: found.base_url.clone(),
            api_keys: KeyList::Text(found.key.expose_secret().into()),
            ..ProviderSection::default()
        };
        section.model = match &found.model {
            Some(model) => model.clone(),
            None => self.listed_model(found.name, &section).await,
        };
        self.slot(&found.name.to_lowercase(), &section)
    }

    /// The first model of the service's list that makes pictures.
    async fn listed_model(&self, name: &'static str, section: &ProviderSection) -> String {
        let known = |models: &Mutex<HashMap<_, String>>| {
            models.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
        };
        if let Some(model) = known(&self.models) {
            return model;
        }
        let keys = section.keys();
        let listed = async {
            let ids = models::list(&self.http, "", &section.address()?, keys.first()).await?;
            let first = models::first_image_capable(ids.iter().map(String::as_str));
            first.map(str::to_owned).context("none of its models makes pictures")
        };
        let listed =
            tokio::time::timeout(MODELS_PATIENCE, listed).await.map_err(anyhow::Error::from).flatten();
        let model = listed.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::warn!(error, "the model list of {name}_BASE_URL is no help; {FALLBACK_MODEL} is used, IMAGE_MODEL chooses another");
            FALLBACK_MODEL.to_owned()
        });
        self.models.lock().unwrap_or_else(PoisonError::into_inner).insert(name, model.clone());
        model
    }

    fn sketch(&self) -> anyhow::Result<Arc<ProviderSlot>> {
        self.slot(
            SKETCH,
            &ProviderSection { kind: Kind::Sketch.name().to_owned(), ..ProviderSection::default() },
        )
    }

    /// The links of a feature, every configured provider, and who draws.
    async fn chain(&self, config: &Config, feature: Feature) -> anyhow::Result<(Vec<Link>, Drawing)> {
        let section = match feature {
            Feature::Edit if !config.edit.names().is_empty() => &config.edit,
            Feature::Draw | Feature::Edit => &config.draw,
        };
        let default = match feature {
            Feature::Draw => default_output(&config.draw),
            Feature::Edit => default_output(&config.edit).or_else(|| default_output(&config.draw)),
        };
        let mut environment = None;
        let slots = match discover::choose(config, feature, &|name| std::env::var(name).ok()) {
            Chosen::Configured(_) => section
                .names()
                .into_iter()
                .filter_map(|name| config.providers.get(name).map(|provider| (name, provider)))
                .map(|(name, provider)| self.slot(name, provider))
                .collect::<anyhow::Result<Vec<_>>>()?,
            Chosen::Environment(found) => {
                environment = Some(found.name);
                vec![self.discovered(&found).await?]
            }
            Chosen::Sketch => vec![self.sketch()?],
        };
        let drawing = Drawing {
            names: slots.iter().map(|slot| slot.provider().name().to_owned()).collect(),
            environment,
            paid: slots.iter().any(|slot| slot.provider().capabilities().paid),
        };
        let output = default.unwrap_or_default();
        Ok((slots.into_iter().map(|slot| Link { slot, output }).collect(), drawing))
    }

    async fn runtime(&self, config: &Config) -> anyhow::Result<(Runtime, [Drawing; 2])> {
        let (draw, drawing) = self.chain(config, Feature::Draw).await?;
        let (edit, editing) = self.chain(config, Feature::Edit).await?;
        let mut providers: Vec<_> = draw.iter().chain(&edit).map(|link| link.slot.clone()).collect();
        for (name, section) in &config.providers {
            match self.slot(name, section) {
                Ok(slot) => providers.push(slot),
                // Providers that no chain names may be of a kind that is not built yet.
                Err(error) => tracing::warn!(provider = name, error = format!("{error:#}"), "left out"),
            }
        }
        let (presets, _) = PresetBook::new(&config.presets);
        let runtime = Runtime::new(RuntimeParts {
            prefixes: config.bot.prefixes.clone(),
            rules: Rules::new(&config.access, &config.bot.admins),
            presets,
            draw,
            edit,
            providers,
            locale: config.bot.locale,
        });
        Ok((runtime, [drawing, editing]))
    }
}

fn default_output(section: &FeatureSection) -> Option<Output> {
    section.default_output.as_deref().and_then(OutputWish::parse).map(|wish| output_of(&wish))
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
    }
}

impl App {
    /// Opens the store, builds everything and picks up what an earlier run left behind. With `platforms`, the chat
    /// platforms are built too; [`App::serve`] connects them.
    pub(crate) async fn open(config: &Config, data_dir: &Path, platforms: bool) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (ports, store, report) = EmbeddedStore::open(data_dir, OpenOptions::default()).await?;
        let budget = BytesBudget::new(config.jobs.max_bytes_in_flight);
        let spool = Spool::new(budget, &data_dir.join("spool")).context("the spool folder")?;
        let http = HttpClients::new(config.network.clone());
        let factory = Arc::new(Factory {
            http: http.clone(),
            disabled: disabled_keys(&ports).await?,
            slots: Mutex::default(),
            models: Mutex::default(),
        });
        let (runtime, drawing) = factory.runtime(config).await?;

        let local = Arc::new(Local::default());
        let mut adapters: Vec<Arc<dyn Adapter>> = vec![local.clone()];
        #[cfg(feature = "onebot")]
        let onebot = if platforms && !config.onebot.is_empty() {
            let deps = easel_onebot::Deps {
                http,
                clock: clock.clone(),
                spool: spool.clone(),
                outbox: data_dir.join("outbox"),
                publisher: None,
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
        let engine = Engine::new(ports.clone(), spool, clock, desk.clone(), engine_settings(config));
        desk.open(engine.clone());
        let recovered = engine.recover().await?;
        Ok(Self {
            engine,
            desk,
            local,
            store,
            report,
            recovered,
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
    pub(crate) async fn serve(&self) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
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
                    _ = limits.tick() => store_limits(&desk, &*keys, &mut stored).await,
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
        let (runtime, _) = self.factory.runtime(config).await?;
        self.desk.reconfigure(runtime, &config.access);
        self.engine.reconfigure(engine_settings(config));
        Ok(())
    }

    /// The addresses on which OneBot implementations are awaited.
    #[cfg(feature = "onebot")]
    pub(crate) fn onebot_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.onebot.as_ref().map(|onebot| onebot.addresses()).unwrap_or_default()
    }

    /// Stops in order: no new jobs, running ones end (at most `patience`), platforms close, the store is flushed.
    /// Returns whether every running job ended in time.
    pub(crate) async fn shutdown(&self, patience: Duration) -> bool {
        let drained = self.engine.shutdown(patience).await;
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(Duration::from_secs(5), self.tracker.wait()).await.is_err() {
            tracing::warn!("some answers were still under way at the end");
        }
        self.store.shutdown().await;
        drained
    }
}

/// Keys that were found bad before, by provider.
async fn disabled_keys(store: &Store) -> anyhow::Result<HashMap<String, HashSet<String>>> {
    let mut disabled: HashMap<String, HashSet<String>> = HashMap::new();
    for (key, _) in store.keys.scan(DISABLED_KEYS, b"disabled/", 10_000).await? {
        let key = String::from_utf8_lossy(&key).into_owned();
        if let [_, provider, fingerprint] = key.splitn(3, '/').collect::<Vec<_>>()[..] {
            disabled.entry(provider.to_owned()).or_default().insert(fingerprint.to_owned());
        }
    }
    Ok(disabled)
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
    serde_json::from_slice(&whole).unwrap_or_default()
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
    for index in parts..stored.len().div_ceil(LIMITS_PART) {
        keys.remove(LIMITS.0, &key(index)).await.ok();
    }
    *stored = state;
}

/// A request from the command line.
#[derive(Clone, Debug)]
pub(crate) struct DrawRequest {
    /// What to draw.
    pub(crate) prompt: String,
    /// Pictures to start from; absolute paths.
    pub(crate) images: Vec<PathBuf>,
    /// The provider's name.
    pub(crate) provider: Option<String>,
    /// Pixels, ratio or tier.
    pub(crate) size: Option<String>,
    /// How many pictures.
    pub(crate) count: u8,
}

impl App {
    /// One generation for the command line, through the engine. Pictures are saved at `output` (see
    /// [`crate::cli::draw::target`]); the paths come back.
    ///
    /// # Errors
    /// The sentence that a chat would hear.
    pub(crate) async fn draw(&self, request: DrawRequest, output: &Path) -> Result<Vec<PathBuf>, String> {
        let (chat, mut hear) = self.local.open(usize::from(request.count));
        let size = request.size.as_deref().unwrap_or_default();
        let Some(wish) = OutputWish::parse(size) else {
            self.local.close(&chat);
            return Err(self.desk.say(&chat, &UserError::new("error-size", "E-SIZE").with("size", size)));
        };
        let Output { size, ratio, tier } = output_of(&wish);
        let feature = if request.images.is_empty() { "draw" } else { "edit" };
        let inline = request
            .images
            .iter()
            .map(|path| PictureRef {
                origin: PictureOrigin::File,
                locator: PictureLocator::File(path.as_path().into()),
            })
            .collect();
        let stored = StoredRequest {
            user: UserId::new("owner"),
            message: MessageId::new(chat.id.as_str()),
            chat: chat.clone(),
            feature: feature.to_owned(),
            prompt: request.prompt,
            preset: None,
            provider: request.provider.map(|name| name.to_lowercase()),
            size,
            ratio,
            tier,
            count: request.count,
            pictures: Vec::new(),
            fallback: Vec::new(),
            quote: None,
        };
        let (watch, ended) = tokio::sync::oneshot::channel();
        let brought = Brought { inline, settle: None, watch: Some(watch) };
        let accepted = match self.engine.accept(stored, brought) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.local.close(&chat);
                return Err(self.desk.say(&chat, &refusal));
            }
        };
        let outcome = ended.await;
        self.local.close(&chat);
        let mut files = Vec::new();
        let mut sentences = Vec::new();
        while let Some(heard) = hear.recv().await {
            match heard {
                Heard::Text(text) => sentences.push(text),
                Heard::Picture(picture) => {
                    let name = format!("easel-{}", accepted.job);
                    let file = target(output, files.len(), &name, picture.format.extension());
                    save(&picture, &file).await.map_err(|error| format!("{}: {error}", file.display()))?;
                    files.push(file);
                }
            }
        }
        match outcome {
            Ok(Outcome::Delivered { .. }) if !files.is_empty() => Ok(files),
            _ => Err(sentences.join("\n")),
        }
    }

    /// The running easel's own view of its parts, for `easel check`: level, section and text.
    pub(crate) fn health(&self) -> Vec<(&'static str, String, String)> {
        let (running, waiting) = self.engine.load();
        let mut lines = vec![("good", "jobs".to_owned(), format!("{running} running, {waiting} waiting"))];
        let health = self.store.health();
        for (name, component) in [("journal", &health.journal), ("database", &health.database)] {
            let level = if component.is_good() { "good" } else { "bad" };
            let text = component.last_error.clone().unwrap_or_else(|| "ok".to_owned());
            lines.push((level, name.to_owned(), text));
        }
        lines
    }

    /// Who draws and edits, and whether it may cost money: sentences for the start.
    pub(crate) fn drawing(&self, path: &str) -> Vec<ProblemText> {
        let runtime = self.desk.runtime();
        let [draw, edit] = &self.drawing;
        let mut lines = Vec::new();
        if draw == edit {
            lines.extend(who(draw, runtime.draw.first(), vec!["kind-draw", "kind-edit"], path));
        } else {
            lines.extend(who(draw, runtime.draw.first(), vec!["kind-draw"], path));
            lines.extend(who(edit, runtime.edit.first(), vec!["kind-edit"], path));
        }
        lines
    }
}

/// Sentences about who does the work of the features whose names have these keys.
fn who(drawing: &Drawing, first: Option<&Link>, features: Vec<&'static str>, path: &str) -> Vec<ProblemText> {
    let Some(first) = first else { return Vec::new() };
    let provider = first.slot.provider();
    let (name, model) = (provider.name().to_owned(), provider.model().to_owned());
    let mut lines = vec![match (drawing.environment, drawing.paid) {
        (Some(variable), _) => ProblemText::new("start-engine-env")
            .with("variable", format!("{variable}_BASE_URL"))
            .with("model", model),
        (None, false) if provider.kind() == SKETCH && name == SKETCH => {
            ProblemText::new("start-engine-sketch").with("path", path.to_owned())
        }
        (None, paid) => ProblemText::new(if paid { "start-engine" } else { "start-engine-free" })
            .with("feature", ProblemArg::OneOf(features))
            .with("provider", name)
            .with("model", model),
    }];
    let others: Vec<_> = drawing.names.iter().skip(1).cloned().collect();
    if !others.is_empty() {
        lines.push(ProblemText::new("start-fallbacks").with("names", others.join(" → ")));
    }
    lines
}

async fn save(picture: &Picture, file: &Path) -> std::io::Result<()> {
    let (body, file) = (picture.body.clone(), file.to_owned());
    let write = move || match body.in_file() {
        Some(path) => std::fs::copy(path, &file).map(drop),
        None => std::fs::write(&file, body.read()?),
    };
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)?
}
