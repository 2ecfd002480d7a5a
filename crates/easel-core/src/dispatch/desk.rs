//! The desk where every command arrives: grammar, access, handler.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use tokio_util::task::TaskTracker;

use super::{
    queue::{Answer, ChatQueues, Decide},
    request::{Drafted, draft, feature_of, output_of},
    runtime::Runtime,
};
use crate::{
    access::{
        AccessSection, Debounce, Limited, Limits, LimitsState, RefusalPause, RetryAfter, Role, Span, Tickets,
        Told, Verdict, Who,
    },
    chain::{Link, ProviderSlot},
    command::{Command, Context, Feature, Grammar, HelpTopic, Parsed, PresetList, Verb, is_space},
    error::{Arg, UserError},
    i18n::{Args, Texts},
    ids::{Chat, MessageId, Platform},
    job::{
        engine::{Brought, Engine, Plan, Planner, Settlement},
        ledger::{JobRecord, StoredRequest},
    },
    message::{ChatRole, Message},
    ports::{Adapter, Capabilities, Clock, Inbox, Operation, Output},
    prompt::edit_instruction,
    reply::{Reply, Target},
};

mod answers;
mod refusals;

use refusals::Resends;

/// The desk. Holds what changes with the configuration behind one pointer, and the limits behind one short lock.
pub struct Desk {
    runtime: ArcSwap<Runtime>,
    texts: Texts,
    clock: Arc<dyn Clock>,
    adapters: HashMap<Platform, Arc<dyn Adapter>>,
    access: Mutex<Access>,
    resends: Resends,
    engine: OnceLock<Arc<Engine>>,
    queues: Arc<ChatQueues>,
    myself: std::sync::Weak<Self>,
}

struct Access {
    limits: Limits,
    debounce: Debounce,
    refusals: RefusalPause,
    told: Told,
}

impl Desk {
    /// A desk; [`Desk::open`] gives it its engine.
    pub fn new(
        runtime: Runtime,
        section: &AccessSection,
        limits: LimitsState,
        texts: Texts,
        clock: Arc<dyn Clock>,
        adapters: Vec<Arc<dyn Adapter>>,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let access = Access {
            limits: Limits::new(section, limits, clock.now().0),
            debounce: Debounce::new(section.debounce_seconds),
            refusals: RefusalPause::new(),
            told: Told::default(),
        };
        Arc::new_cyclic(|myself| Self {
            runtime: ArcSwap::from_pointee(runtime),
            texts,
            clock,
            adapters: adapters.into_iter().map(|adapter| (adapter.platform(), adapter)).collect(),
            access: Mutex::new(access),
            resends: Resends::default(),
            engine: OnceLock::new(),
            queues: Arc::new(ChatQueues::new(tracker)),
            myself: myself.clone(),
        })
    }

    /// Gives the desk its engine. Messages that come before are dropped.
    pub fn open(&self, engine: Arc<Engine>) {
        self.engine.set(engine).ok();
    }

    /// Takes a new configuration.
    pub fn reconfigure(&self, runtime: Runtime, section: &AccessSection) {
        self.runtime.store(Arc::new(runtime));
        self.with_access(|access| {
            access.limits.reconfigure(section);
            access.debounce.reconfigure(section.debounce_seconds);
        });
    }

    /// The limits' counts, to be kept over a restart.
    pub fn limits_state(&self) -> LimitsState {
        let now = self.clock.now().0;
        self.with_access(|access| {
            access.limits.sweep(now);
            access.limits.state()
        })
    }

    /// Sets the limits' counts right by the ledger: they are stored some seconds late, and a crash may come first.
    pub fn reconcile_limits(&self, records: &[JobRecord]) {
        let now = self.clock.now().0;
        let jobs = records.iter().filter_map(|job| Some((&**job.request.tickets.as_ref()?, job.counts)));
        self.with_access(|access| access.limits.reconcile(jobs, now));
    }

    /// The running configuration.
    pub fn runtime(&self) -> Arc<Runtime> {
        self.runtime.load_full()
    }

    fn with_access<T>(&self, f: impl FnOnce(&mut Access) -> T) -> T {
        f(&mut self.access.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sentence(&self, runtime: &Runtime, error: &UserError) -> String {
        // Commands that a sentence names have to work as they stand there.
        let mut args = Args::new().with("code", error.code).with("prefix", runtime.prefix.clone());
        for (name, value) in &error.args {
            args = match value {
                Arg::Number(number) => args.with(name, *number),
                Arg::Text(text) => args.with(name, text.clone()),
                Arg::Names(names) => {
                    args.with(name, names.join(&self.texts.plain(runtime.locale, "list-separator")))
                }
                Arg::Span(span) => args.with(name, self.texts.span(runtime.locale, *span)),
            };
        }
        self.texts.get(runtime.locale, error.key, &args)
    }

    fn answer(&self, message: &Message, text: impl Into<String>) -> Option<Answer> {
        let adapter = self.adapters.get(&message.chat.platform)?.clone();
        let target = Target { chat: message.chat.clone(), quote: Some(message.id.clone()) };
        let reply = Reply::text(text);
        Some(Box::pin(async move {
            if let Err(error) = adapter.send(&target, &reply).await {
                tracing::info!(chat = %target.chat, %error, "an answer could not be delivered");
            }
        }))
    }

    fn say(&self, runtime: &Runtime, message: &Message, error: &UserError) -> Option<Answer> {
        self.answer(message, self.sentence(runtime, error))
    }

    /// The person's role; asks the platform only when the event did not tell and it matters.
    async fn role(&self, runtime: &Runtime, message: &Message, matters: bool) -> Role {
        let owner = runtime.rules.is_owner(message.chat.platform.as_str(), message.sender.id.as_str());
        let mut chat_role = message.sender.role;
        if !owner
            && matters
            && chat_role == ChatRole::Unknown
            && !message.chat.kind.is_direct()
            && let Some(adapter) = self.adapters.get(&message.chat.platform)
        {
            chat_role = adapter.chat_role(&message.chat, &message.sender.id).await;
        }
        Role::of(owner, matches!(chat_role, ChatRole::Owner | ChatRole::Admin))
    }

    /// Whether the lists let this message pass; else the sentence, if one is due.
    fn listed(&self, runtime: &Runtime, message: &Message) -> Result<(), Option<Answer>> {
        let group = (!message.chat.kind.is_direct()).then(|| message.chat.id.as_str());
        let who = Who { platform: message.chat.platform.as_str(), user: message.sender.id.as_str(), group };
        match runtime.rules.decide(who) {
            Verdict::Allowed => Ok(()),
            Verdict::Refused { reason, speak } => {
                let chat = message.chat.to_string();
                let now = self.clock.now().0;
                let due = speak && self.with_access(|access| access.refusals.may_speak(&chat, now));
                tracing::debug!(%chat, ?reason, due, "refused by the lists");
                Err(due
                    .then(|| self.say(runtime, message, &UserError::new(reason.text(), "E-LISTS")))
                    .flatten())
            }
        }
    }

    /// The request that a command makes of its message, the same for every entrance.
    ///
    /// # Errors
    /// What is missing, or not there.
    pub fn draft(&self, message: &Message, command: &Command) -> Result<Drafted, UserError> {
        let runtime = self.runtime.load();
        let adapter = self.adapters.get(&message.chat.platform);
        let adapter = adapter.ok_or_else(|| UserError::new("error-internal", "E-PLATFORM"))?;
        let preset = match &command.preset {
            None => None,
            Some(name) => Some(runtime.preset(name)?),
        };
        if let Some(provider) = &command.provider
            && !runtime.providers.contains_key(provider)
        {
            return Err(unknown_provider(provider));
        }
        let feature = feature_of(command, preset);
        let clip = feature == Feature::Video;
        if clip && command.provider.is_none() && !runtime.can_clip() {
            return Err(UserError::new("error-no-clip", "E-NO-CLIP"));
        }
        let slots = match command.provider.as_ref().and_then(|name| runtime.providers.get(name)) {
            Some(named) => vec![named],
            None => runtime.chain(feature).iter().map(|link| &link.slot).collect(),
        };
        let takes_pictures = slots.into_iter().any(|slot| slot.provider().capabilities().max_references > 0);
        let example = |key| {
            let command = match preset {
                Some(preset) => {
                    let name = Args::new().with("preset", preset.name.clone());
                    self.texts.get(runtime.locale, "example-preset", &name)
                }
                None => self.texts.plain(runtime.locale, key),
            };
            format!("{}{command}", runtime.prefix)
        };
        draft(command, preset, message, &**adapter, takes_pictures).map_err(|missing| match missing.key {
            "error-needs-prompt" => missing.with("example", example("example-draw")),
            "error-needs-clip-prompt" => missing.with("example", example("example-video")),
            _ => missing,
        })
    }

    /// Accepts a job, or says why not.
    fn generate(
        &self,
        runtime: &Runtime,
        engine: &Arc<Engine>,
        message: &Message,
        command: &Command,
        role: Role,
    ) -> Option<Answer> {
        let Drafted { mut request, inline } = match self.draft(message, command) {
            Ok(drafted) => drafted,
            Err(missing) => return self.refuse(runtime, message, (command.verb.name(), &missing), None),
        };
        if !engine.keeper().is_first(&message.chat, &message.id) {
            tracing::debug!(message = %message.id, "a message that became a job already");
            return None;
        }
        let feature = request.feature.clone();
        match self.admit(message, &feature, role) {
            Err((about, refusal, wait)) => self.refuse(runtime, message, (about, &refusal), Some(wait)),
            Ok(Admitted { tickets, since }) => {
                request.tickets = (!tickets.is_empty()).then(|| Box::new(tickets.clone()));
                match engine.accept(request, Brought { inline, watch: None }) {
                    Ok(accepted) => {
                        tracing::debug!(job = %accepted.job, number = accepted.number, "accepted");
                        None
                    }
                    Err(refusal) => {
                        let (platform, user) = (message.chat.platform.as_str(), message.sender.id.as_str());
                        self.with_access(|access| {
                            access.limits.refund(tickets);
                            access.debounce.withdraw(platform, user, &feature, since);
                        });
                        self.refuse(runtime, message, ("", &refusal), None)
                    }
                }
            }
        }
    }

    /// Debounce and limits. What was taken of the limits goes into the ledger with the job, and is given back by
    /// [`Planner::ended`].
    ///
    /// # Errors
    /// The feature that is refused, unless it is all of them; the refusal, and how long to wait.
    fn admit<'a>(
        &self,
        message: &Message,
        feature: &'a str,
        role: Role,
    ) -> Result<Admitted, (&'a str, UserError, RetryAfter)> {
        let now = self.clock.now().0;
        if role.passes_limits() {
            return Ok(Admitted { tickets: Tickets::default(), since: now });
        }
        let (platform, user) = (message.chat.platform.as_str(), message.sender.id.as_str());
        let group = (!message.chat.kind.is_direct()).then(|| message.chat.to_string());
        self.with_access(|access| {
            let hasty = access.debounce.check(platform, user, feature, now);
            hasty.map_err(|wait| (feature, debounce_sentence(wait), wait))?;
            let tickets = access
                .limits
                .try_take(group.as_deref(), &format!("{platform}:{user}"), now)
                .map_err(|limited| ("", limit_sentence(limited), limited.retry_after))?;
            access.debounce.accepted(platform, user, feature, now);
            Ok(Admitted { tickets, since: now })
        })
    }
}

/// Whether a message mentions the bot and is nothing else: no words, no picture, no quote and nobody else mentioned.
/// Whoever calls the bot so wants to know what it does; in a direct chat nobody has to call.
fn says_nothing(message: &Message) -> bool {
    message.mentions_me
        && !message.chat.kind.is_direct()
        && message.text.chars().all(is_space)
        && message.pictures.is_empty()
        && message.mentions.is_empty()
        && message.quote.is_none()
}

/// The chain of one provider that a person named: as the feature's own chain has it, if it does.
fn named(runtime: &Runtime, feature: Feature, slot: &Arc<ProviderSlot>) -> Link {
    let own = runtime.chain(feature).iter().find(|link| Arc::ptr_eq(&link.slot, slot));
    own.cloned().unwrap_or_else(|| Link::new(slot.clone(), Output::default()))
}

/// Whether a provider that a person named does such things at all.
///
/// # Errors
/// The reason why it doesn't.
fn can_do(feature: Feature, name: &str, slot: &ProviderSlot) -> Result<(), UserError> {
    let capabilities = slot.provider().capabilities();
    let (key, code) = match (feature, &capabilities) {
        (Feature::Edit, Capabilities { edit: true, .. })
        | (Feature::Video, Capabilities { clip: true, .. })
        | (Feature::Draw, Capabilities { clip: false, .. } | Capabilities { generate: true, .. }) => {
            return Ok(());
        }
        (Feature::Video, _) => ("error-named-no-clip", "E-NO-CLIP"),
        (Feature::Draw, _) => ("error-named-clips-only", "E-NO-DRAW"),
        (_, Capabilities { needs_public_url: true, .. }) => ("error-named-no-public-url", "E-PUBLIC-URL"),
        (_, Capabilities { clip: true, .. }) => ("error-named-clips-only", "E-NO-EDIT"),
        _ => ("error-named-no-edit", "E-NO-EDIT"),
    };
    Err(UserError::new(key, code).with("provider", name))
}

fn unknown_provider(name: &str) -> UserError {
    UserError::new("error-unknown-provider", "E-PROVIDER").with("provider", name)
}

fn debounce_sentence(wait: RetryAfter) -> UserError {
    UserError::new("error-debounce", "E-DEBOUNCE").with("wait", wait.span())
}

fn limit_sentence(limited: Limited) -> UserError {
    let code = if limited.span == Span::Refusals { "E-LIMIT-MODERATION" } else { "E-LIMIT" };
    UserError::new(limited.text(), code)
        .with("max", u64::from(limited.max))
        .with("period", limited.period)
        .with("wait", limited.retry_after.span())
}

/// What a command leads to.
#[derive(Clone, Copy)]
enum Act {
    Generate,
    Help(HelpTopic),
    Presets(PresetList),
    Jobs,
    Cancel,
    Resend,
}

impl Act {
    /// `None` for verbs whose parts are not built.
    fn of(verb: Verb) -> Option<Self> {
        match verb {
            Verb::Draw | Verb::Edit | Verb::Video | Verb::Preset => Some(Self::Generate),
            Verb::Help(topic) => Some(Self::Help(topic)),
            Verb::Presets(list) => Some(Self::Presets(list)),
            Verb::Jobs => Some(Self::Jobs),
            Verb::Cancel => Some(Self::Cancel),
            Verb::Resend => Some(Self::Resend),
            Verb::Selfie
            | Verb::SelfieRef(_)
            | Verb::Batch(_)
            | Verb::Whitelist
            | Verb::Blacklist
            | Verb::RateLimit
            | Verb::Language
            | Verb::Providers
            | Verb::Status => None,
        }
    }
}

/// What a command took that may become a job.
struct Admitted {
    /// Of the limits.
    tickets: Tickets,
    /// When its pause began.
    since: u64,
}

impl Inbox for Desk {
    fn starts_command(&self, text: &str) -> bool {
        self.runtime.load().grammar.starts_command(text)
    }

    fn deliver(&self, message: Message) {
        if let Some(desk) = self.myself.upgrade() {
            let decide: Arc<dyn Decide> = desk;
            self.queues.push(message, &decide);
        }
    }

    fn recalled(&self, chat: &Chat, message: &MessageId) {
        if !self.queues.take_back(chat, message) {
            self.taken_back(chat, message);
        }
    }
}

#[async_trait]
impl Decide for Desk {
    async fn decide(&self, message: Message) -> Option<Answer> {
        let engine = self.engine.get()?;
        let runtime = self.runtime.load_full();
        let bare_allowed = message.mentions_me || message.chat.kind.is_direct();
        let parsed = if says_nothing(&message) {
            Parsed::Command(Grammar::nothing_said())
        } else {
            runtime.grammar.parse(&message.text, Context { bare_allowed })
        };
        let verb = match &parsed {
            Parsed::NotForUs => return None,
            Parsed::Command(command) => command.verb,
            Parsed::TooLong { verb, .. } => *verb,
        };
        // Before anything is said: what is not built here may be a command of another bot of the group.
        let act = Act::of(verb)?;
        if let Err(refusal) = self.listed(&runtime, &message) {
            return refusal;
        }
        let command = match parsed {
            Parsed::NotForUs => return None,
            Parsed::Command(command) => command,
            Parsed::TooLong { limit, .. } => {
                let long =
                    UserError::new("error-prompt-too-long", "E-PROMPT-LONG").with("limit", limit as u64);
                return self.refuse(&runtime, &message, (verb.name(), &long), None);
            }
        };
        let matters = matches!(act, Act::Jobs | Act::Cancel);
        let role = self.role(&runtime, &message, matters).await;
        match act {
            Act::Generate => self.generate(&runtime, engine, &message, &command, role),
            Act::Help(topic) => self.answer(&message, &*self.help(&runtime, topic)),
            Act::Presets(list) => self.answer(&message, self.presets(&runtime, list)),
            Act::Jobs => self.answer(&message, self.jobs(&runtime, engine, &message, role)),
            Act::Cancel => self.answer(&message, self.cancel(&runtime, engine, &message, &command, role)),
            Act::Resend => self.resend(&runtime, engine, &message, command.job, role),
        }
    }

    fn taken_back(&self, chat: &Chat, message: &MessageId) {
        if let Some(engine) = self.engine.get() {
            engine.recalled(chat, message);
        }
    }
}

impl Planner for Desk {
    fn plan(&self, request: &StoredRequest) -> Result<Plan, UserError> {
        let runtime = self.runtime.load();
        let feature = match request.feature.as_str() {
            "edit" => Feature::Edit,
            "video" => Feature::Video,
            _ => Feature::Draw,
        };
        let preset = match &request.preset {
            None => None,
            Some(name) => Some(runtime.preset(name)?),
        };
        let links = match &request.provider {
            None => runtime.chain(feature).to_vec(),
            Some(name) => {
                let slot = runtime.providers.get(name).ok_or_else(|| unknown_provider(name))?;
                can_do(feature, name, slot)?;
                vec![named(&runtime, feature, slot)]
            }
        };
        let wish = Output { size: request.size, ratio: request.ratio, tier: request.tier };
        let output = match preset {
            Some(preset) if wish == Output::default() => output_of(&preset.output),
            _ => wish,
        };
        Ok(Plan {
            links,
            operation: (feature == Feature::Video).then_some(Operation::Clip),
            prompt: match preset {
                Some(preset) => preset.fill(&request.prompt).into(),
                None if feature == Feature::Edit => edit_instruction(&request.prompt).into(),
                None => request.prompt.as_str().into(),
            },
            title: self.title(&runtime, preset, request),
            output,
            needs_picture: feature == Feature::Edit,
            caption: match preset.and_then(|preset| preset.style) {
                // A clip comes minutes later, and where it can't quote its request these words do.
                None if feature == Feature::Video => Some(self.texts.plain(runtime.locale, "caption-clip")),
                None => None,
                Some(style) => {
                    let style = self.texts.plain(runtime.locale, style);
                    let style = Args::new().with("style", style);
                    Some(self.texts.get(runtime.locale, "caption-preset", &style))
                }
            },
        })
    }

    fn provider(&self, name: &str) -> Option<Arc<ProviderSlot>> {
        self.runtime.load().providers.get(&name.to_lowercase()).cloned()
    }

    fn say(&self, _chat: &Chat, error: &UserError) -> String {
        self.sentence(&self.runtime.load(), error)
    }

    fn adapter(&self, platform: &Platform) -> Option<Arc<dyn Adapter>> {
        self.adapters.get(platform).cloned()
    }

    fn ended(&self, request: &StoredRequest, settlement: Settlement) {
        let (platform, user) = (&request.chat.platform, &request.user);
        let exempt = self.runtime.load().rules.is_owner(platform.as_str(), user.as_str());
        let now = self.clock.now().0;
        self.with_access(|access| {
            if !settlement.counts
                && let Some(tickets) = &request.tickets
            {
                access.limits.refund((**tickets).clone());
            }
            if !exempt && settlement.refusals > 0 {
                access.limits.refused(&format!("{platform}:{user}"), settlement.refusals, now);
            }
        });
    }
}
