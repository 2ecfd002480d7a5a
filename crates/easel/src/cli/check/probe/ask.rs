//! The calls of a probe: free questions, and single requests through the provider that people's requests go through.
//!
//! It repeats no paid request whose outcome is unknown: the next key is tried after a refusal of the key alone, and the
//! same request again only after the provider learned from a refusal.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use easel_core::{
    error::{ErrorClass, ProviderError, Retry},
    ids::JobId,
    media::{BytesBudget, Spool},
    ports::{
        ApiKey, CallContext, Capabilities, ClipLimits, GenerateRequest, Generated, NoTaskLog, Operation,
        Output, Provider, Reference,
    },
};
use easel_http::{BaseUrl, Recorder, unforeseeable};
use easel_providers::{BuildError, Kind, ProviderSection, Tools, balance, build, questions::Questions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    super::{PATIENCE, host_of},
    judge::{ASKED, Failed, Free, KeyFact, KeyState, Needs, Step, Traits, Tried},
};

/// What is drawn: few words, little to do, nothing that a content check could mind.
const PROMPT: &str = "A small red circle on a white background.";
/// What is changed about it.
const CHANGE: &str = "Make the background light blue.";
/// Keys of one provider that are tried at most.
const MOST_KEYS: usize = 5;
/// Corrections of one request, as in a chain.
const MOST_CORRECTIONS: usize = 2;
/// Longest wait for a service that queues.
const TASK_PATIENCE: Duration = Duration::from_mins(10);

/// A folder of the probe's own for answers that are too large for memory; it goes with the probe.
pub(super) struct Scratch {
    dir: PathBuf,
    spool: Spool,
}

impl Scratch {
    pub(super) fn new(bytes: u64) -> io::Result<Self> {
        let dir = std::env::temp_dir().join(format!("easel-probe-{}", unforeseeable()));
        let spool = Spool::new(BytesBudget::new(bytes), &dir)?;
        Ok(Self { dir, spool })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing but spool files is in it, and the system empties its folder for such things.
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// A service that is looked at.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) section: &'a ProviderSection,
    pub(super) recorder: Option<Recorder>,
    pub(super) free: Free,
    kind: Kind,
    needs: Needs,
    capabilities: Capabilities,
    provider: Arc<dyn Provider>,
    questions: Option<Questions>,
    keys: Vec<ApiKey>,
    tools: Tools,
    scratch: &'a Scratch,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        name: &'a str,
        section: &'a ProviderSection,
        needs: Needs,
        tools: Tools,
        recorder: Option<Recorder>,
        scratch: &'a Scratch,
    ) -> Result<Self, BuildError> {
        let kind = Kind::parse(&section.kind).ok_or_else(|| BuildError::UnknownKind(section.kind.clone()))?;
        let provider = build(name, section, &tools)?;
        let questions =
            kind.is_remote().then(|| Questions::new(name, section, &tools, PATIENCE)).transpose()?;
        Ok(Self {
            name,
            section,
            recorder,
            free: Free::default(),
            kind,
            needs,
            capabilities: provider.capabilities(),
            provider,
            questions,
            keys: section.keys(),
            tools,
            scratch,
        })
    }

    pub(super) fn is_remote(&self) -> bool {
        self.questions.is_some()
    }

    pub(super) fn is_paid(&self) -> bool {
        self.capabilities.paid
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The owner's model, or the one that is taken where the owner names none.
    pub(super) fn model(&self) -> &str {
        self.provider.model()
    }

    /// Where its service is.
    pub(super) fn base(&self) -> Option<&BaseUrl> {
        self.questions.as_ref().map(Questions::base)
    }

    /// What the judgement needs to know of it.
    pub(super) fn traits(&self) -> Traits<'_> {
        Traits {
            name: self.name,
            kind: self.kind,
            model: self.model(),
            needs: self.needs,
            generates: self.capabilities.generate,
            edits: self.capabilities.edit,
            clips: self.capabilities.clip,
            streams: self.streams(),
            full_url: self.section.full_url,
        }
    }

    fn streams(&self) -> bool {
        self.section.extra.get("stream").and_then(serde_json::Value::as_bool) == Some(true)
    }

    /// Pictures that may be charged at most. A service that can't be reached, or takes no key, is asked for none.
    pub(super) fn pictures(&self) -> u64 {
        let usable = self.free.unreached.is_none()
            && (self.free.keys.is_empty() || self.free.keys.iter().any(|key| key.state.is_usable()));
        if !usable || self.capabilities.clip {
            return 0;
        }
        let once_more = self.streams() && self.capabilities.generate;
        [self.capabilities.generate, self.capabilities.edit, once_more].into_iter().map(u64::from).sum()
    }

    /// What that may cost, by the owner's own prices.
    pub(super) fn price(&self) -> Option<f64> {
        let price = |operation: Operation| self.section.prices.get(operation.name()).copied();
        let drawn = if self.capabilities.generate { price(Operation::Generate)? } else { 0.0 };
        let edited = if self.capabilities.edit { price(Operation::Edit).unwrap_or(drawn) } else { 0.0 };
        Some(if self.streams() { 2.0 * drawn + edited } else { drawn + edited })
    }

    /// Whether it is there, and how it takes each key; a service without keys is asked once.
    pub(super) async fn ask_free(&mut self) {
        let Some(questions) = &self.questions else { return };
        self.free.host = host_of(questions.base().url());
        let keyed = self.section.basic_auth.expose().is_empty() && !self.keys.is_empty();
        let keys: Vec<Option<&ApiKey>> =
            if keyed { self.keys.iter().take(MOST_KEYS).map(Some).collect() } else { vec![None] };
        for key in keys {
            let state = match questions.models(key).await {
                Ok(listed) => {
                    self.free.status = Some(listed.status);
                    if self.free.models.is_none() {
                        self.free.models = listed.models;
                    }
                    if listed.proves_key { KeyState::Good } else { KeyState::Unproven }
                }
                Err(error) => match error.status {
                    None => {
                        self.free.unreached = Some(error.detail);
                        return;
                    }
                    Some(status) => {
                        self.free.status = Some(status);
                        KeyState::Failed(failed(error))
                    }
                },
            };
            let fact = |key: &ApiKey| KeyFact {
                fingerprint: key.fingerprint.to_string(),
                account: key.account.as_deref().unwrap_or_default().to_owned(),
                state: state.clone(),
                balance: None,
            };
            match key {
                Some(key) => self.free.keys.push(fact(key)),
                None => self.free.without_key = Some(state),
            }
        }
    }

    /// What is left for each key that was not refused. A balance that is told proves its key.
    pub(super) async fn ask_balances(&mut self) {
        let Some(questions) = self.questions.as_ref().filter(|_| self.free.unreached.is_none()) else {
            return;
        };
        let today = chrono::Utc::now().date_naive();
        for (fact, key) in self.free.keys.iter_mut().zip(&self.keys) {
            if !fact.state.is_usable() {
                continue;
            }
            fact.balance = balance::ask(questions, key, today).await;
            if fact.balance.is_some() && matches!(fact.state, KeyState::Unproven) {
                fact.state = KeyState::Good;
            }
        }
    }

    /// One step of the paid part.
    pub(super) async fn attempt(&self, step: Step) -> Tried {
        let reference = match self.reference(step).await {
            Ok(reference) => reference,
            Err(error) => return Tried::Failed(failed(error)),
        };
        let provider = match self.provider_of(step) {
            Ok(provider) => provider,
            Err(error) => {
                return Tried::Failed(failed(ProviderError::new(
                    self.name,
                    ErrorClass::NotFound,
                    error.to_string(),
                )));
            }
        };
        let operation = step.operation();
        let request = GenerateRequest {
            operation,
            prompt: if operation == Operation::Edit { CHANGE } else { PROMPT }.into(),
            references: reference.into_iter().collect(),
            output: Output { size: Some(ASKED), ..Output::default() },
            count: 1,
        };
        let begun = Instant::now();
        match self.send(&*provider, &request).await {
            Ok((made, corrected)) => match made.pictures.first() {
                Some(made) => Tried::Made {
                    size: (made.picture.width, made.picture.height),
                    seconds: begun.elapsed().as_secs(),
                    corrected,
                },
                None => Tried::Failed(failed(ProviderError::new(self.name, ErrorClass::Empty, ""))),
            },
            Err(error) => Tried::Failed(failed(error)),
        }
    }

    /// Asks with the usable keys in turn. Says what was corrected on the way.
    async fn send(
        &self,
        provider: &dyn Provider,
        request: &GenerateRequest,
    ) -> Result<(Generated, bool), ProviderError> {
        let usable = |key: &&ApiKey| {
            let mut facts = self.free.keys.iter();
            facts.find(|fact| *fact.fingerprint == *key.fingerprint).is_none_or(|fact| fact.state.is_usable())
        };
        let keyed: Vec<_> = self.keys.iter().take(MOST_KEYS).filter(usable).cloned().map(Some).collect();
        let mut keys = if keyed.is_empty() { vec![None] } else { keyed }.into_iter().peekable();
        let mut corrections = 0;
        let job = JobId::generate();
        while let Some(key) = keys.peek().cloned() {
            let result = provider.generate(request, &self.context(job, key, provider, request)).await;
            let Err(error) = result else { return result.map(|made| (made, corrections > 0)) };
            match error.retry {
                Retry::Corrected if corrections < MOST_CORRECTIONS => corrections += 1,
                Retry::NextKey => {
                    keys.next();
                    if keys.peek().is_none() {
                        return Err(error);
                    }
                }
                _ => return Err(error),
            }
        }
        Err(ProviderError::new(self.name, ErrorClass::Auth, ""))
    }

    fn context(
        &self,
        job: JobId,
        key: Option<ApiKey>,
        provider: &dyn Provider,
        request: &GenerateRequest,
    ) -> CallContext {
        let patience = Duration::from_secs(self.section.timeout_seconds.max(60));
        let patience = if self.capabilities.remote { patience.max(TASK_PATIENCE) } else { patience };
        CallContext {
            job,
            key,
            deadline: Instant::now() + patience,
            cancel: CancellationToken::new(),
            spool: self.scratch.spool.clone(),
            tasks: Arc::new(NoTaskLog),
            intent: provider.intent(request),
            clip_limits: ClipLimits::default(),
        }
    }

    /// The provider that a step asks: this one, or the same section as another kind, or without streaming.
    fn provider_of(&self, step: Step) -> Result<Arc<dyn Provider>, BuildError> {
        let mut section = self.section.clone();
        match step {
            Step::Draw | Step::Edit => return Ok(Arc::clone(&self.provider)),
            Step::DrawUnstreamed => {
                section.extra.remove("stream");
                section.extra.remove("partial_images");
            }
            Step::DrawElsewhere | Step::EditElsewhere => {
                if let Some(kind) = self.traits().twin() {
                    kind.name().clone_into(&mut section.kind);
                }
                section.extra.clear();
                section.profile.clear();
            }
        }
        build(self.name, &section, &self.tools)
    }

    /// The picture that is edited: a sketch, made here.
    async fn reference(&self, step: Step) -> Result<Option<Reference>, ProviderError> {
        if step.operation() != Operation::Edit {
            return Ok(None);
        }
        let section = ProviderSection { kind: Kind::Sketch.name().to_owned(), ..ProviderSection::default() };
        let sketch = build("sketch", &section, &self.tools)
            .map_err(|error| ProviderError::new(self.name, ErrorClass::Overload, error.to_string()))?;
        let request = GenerateRequest {
            operation: Operation::Generate,
            prompt: PROMPT.into(),
            references: Arc::new([]),
            output: Output { size: Some((512, 512)), ..Output::default() },
            count: 1,
        };
        let made =
            sketch.generate(&request, &self.context(JobId::generate(), None, &*sketch, &request)).await?;
        Ok(made.pictures.into_iter().next().map(|made| Reference { picture: made.picture }))
    }
}

fn failed(error: ProviderError) -> Failed {
    let detail = if error.said.is_empty() { error.detail } else { error.said };
    Failed { class: error.class, status: error.status.unwrap_or_default(), detail }
}
