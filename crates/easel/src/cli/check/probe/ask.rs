//! The calls of a probe: free questions, and single requests through the provider that people's requests go through.
//!
//! It repeats no paid request whose outcome is unknown: the next key is tried after a refusal of the key alone, and the
//! same request again only after the provider learned from a refusal.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use easel_core::{
    chain::Corrections,
    error::{ErrorClass, ProviderError, Retry},
    ids::JobId,
    media::{BytesBudget, Spool},
    ports::{
        ApiKey, CallContext, Capabilities, ClipLimits, GenerateRequest, Generated, NoTaskLog, Operation,
        Output, Provider, Reference,
    },
};
use easel_http::{BaseUrl, Method, Recorded, Recorder, unforeseeable};
use easel_providers::{BuildError, Kind, ProviderSection, Tools, balance, build, questions::Questions};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    super::{PATIENCE, host_of, services::Service},
    judge::{self, ASKED, Failed, Free, KeyFact, KeyState, Needs, Step, Stream, Streaming, Traits, Tried},
};

/// What is drawn: few words, little to do, nothing that a content check could mind.
const PROMPT: &str = "A small red circle on a white background.";
/// What is changed about it.
const CHANGE: &str = "Make the background light blue.";
/// Keys of one provider that are tried at most.
const MOST_KEYS: usize = 5;
/// The field that asks for a stream, and by which the kinds that have another way are told to take it.
const STREAM: &str = "stream";
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
    service: &'a Service,
    pub(super) recorder: Recorder,
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
        service: &'a Service,
        needs: Needs,
        tools: Tools,
        recorder: Recorder,
        scratch: &'a Scratch,
    ) -> Result<Self, BuildError> {
        let Service { name, section, .. } = service;
        let kind = Kind::parse(&section.kind).ok_or_else(|| BuildError::UnknownKind(section.kind.clone()))?;
        let provider = build(name, section, &tools)?;
        let questions =
            kind.is_remote().then(|| Questions::new(name, section, &tools, PATIENCE)).transpose()?;
        Ok(Self {
            service,
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

    pub(super) fn name(&self) -> &'a str {
        &self.service.name
    }

    pub(super) fn section(&self) -> &'a ProviderSection {
        &self.service.section
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
        let (section, profile) = (self.section(), self.section().profile.trim());
        Traits {
            name: self.name(),
            origin: self.service.origin,
            kind: self.kind,
            model: self.model(),
            needs: self.needs,
            generates: self.capabilities.generate,
            edits: self.capabilities.edit,
            clips: self.capabilities.clip,
            streaming: self.streaming(),
            full_url: section.full_url,
            max_tier: self.capabilities.max_tier,
            shapes: &self.capabilities.shapes,
            profile,
            profile_streams: self.profile_streams(),
            has_extra: !section.extra.is_empty(),
            extra_streams: self.extra_streams(),
        }
    }

    fn profile_streams(&self) -> bool {
        let profile = self.tools.profiles.get(self.section().profile.trim());
        // The section's own word counts for more, also when it is no.
        profile.is_some_and(|profile| profile.streaming)
            && self.section().extra.get(STREAM).and_then(Value::as_bool) != Some(false)
    }

    fn extra_streams(&self) -> bool {
        self.section().extra.get(STREAM).and_then(Value::as_bool) == Some(true)
    }

    /// Whether answers come as streams, or could.
    fn streaming(&self) -> Streaming {
        if self.profile_streams() || self.extra_streams() {
            Streaming::Configured
        } else if self.section().profile.trim().is_empty() {
            judge::streaming(self.kind, self.model())
        } else {
            // What a profile doesn't say, its gateway doesn't know.
            Streaming::No
        }
    }

    /// Whether a picture more is asked for where streaming fails.
    pub(super) fn may_repeat(&self) -> bool {
        self.streaming() != Streaming::No && self.capabilities.generate
    }

    /// Pictures that may be charged at most. A service that can't be reached, or takes no key, is asked for none.
    pub(super) fn pictures(&self) -> u64 {
        let usable = self.free.unreached.is_none()
            && (self.free.keys.is_empty() || self.free.keys.iter().any(|key| key.state.is_usable()));
        if !usable || self.capabilities.clip {
            return 0;
        }
        let steps = [self.capabilities.generate, self.capabilities.edit, self.may_repeat()];
        steps.into_iter().map(u64::from).sum()
    }

    /// What that may cost, by the owner's own prices.
    pub(super) fn price(&self) -> Option<f64> {
        let price = |operation: Operation| self.section().prices.get(operation.name()).copied();
        let drawn = if self.capabilities.generate { price(Operation::Generate)? } else { 0.0 };
        let edited = if self.capabilities.edit { price(Operation::Edit).unwrap_or(drawn) } else { 0.0 };
        Some(if self.may_repeat() { 2.0 * drawn + edited } else { drawn + edited })
    }

    /// Whether it is there, and how it takes each key; a service without keys is asked once.
    pub(super) async fn ask_free(&mut self) {
        let Some(questions) = &self.questions else { return };
        self.free.host = host_of(questions.base().url());
        let keyed = self.section().basic_auth.expose().is_empty() && !self.keys.is_empty();
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

    /// One step of the paid part, and its calls.
    pub(super) async fn attempt(&self, step: Step) -> (Tried, Vec<Recorded>) {
        let mut tried = self.take(step).await;
        let calls = self.recorder.take();
        if let Tried::Made { stream, corrected, .. } = &mut tried
            && (step == Step::Draw && self.streaming() != Streaming::No)
        {
            *stream = streamed(&calls);
            // What real requests don't carry is none of their corrections.
            if *stream == Stream::Refused && self.streaming() == Streaming::Possible {
                *corrected = corrected.saturating_sub(1);
            }
        }
        (tried, calls)
    }

    async fn take(&self, step: Step) -> Tried {
        let reference = match self.reference(step).await {
            Ok(reference) => reference,
            Err(error) => return Tried::Failed(failed(error)),
        };
        let provider = match self.provider_of(step) {
            Ok(provider) => provider,
            Err(error) => {
                return Tried::Failed(failed(ProviderError::new(
                    self.name(),
                    ErrorClass::NotFound,
                    error.to_string(),
                )));
            }
        };
        let operation = step.operation();
        let request = GenerateRequest {
            operation,
            prompt: if operation == Operation::Edit { CHANGE } else { PROMPT }.into(),
            title: None,
            references: reference.into_iter().collect(),
            output: Output { size: Some(ASKED), ..Output::default() },
            count: 1,
        };
        let begun = Instant::now();
        // What real requests don't carry is none of their corrections.
        let extra = usize::from(step == Step::Draw && self.streaming() == Streaming::Possible);
        match self.send(&*provider, &request, Corrections::with_extra(extra)).await {
            Ok((made, corrected)) => match made.pictures.first() {
                Some(made) => Tried::Made {
                    size: (made.picture.width, made.picture.height),
                    seconds: begun.elapsed().as_secs(),
                    corrected,
                    stream: Stream::Unasked,
                },
                None => Tried::Failed(failed(ProviderError::new(self.name(), ErrorClass::Empty, ""))),
            },
            Err(error) => Tried::Failed(failed(error)),
        }
    }

    /// Asks with the usable keys in turn, and again after a correction as often as a chain does. Says how many there were,
    /// apart from the models that are not there.
    async fn send(
        &self,
        provider: &dyn Provider,
        request: &GenerateRequest,
        mut corrections: Corrections,
    ) -> Result<(Generated, usize), ProviderError> {
        let usable = |key: &&ApiKey| {
            let mut facts = self.free.keys.iter();
            facts.find(|fact| *fact.fingerprint == *key.fingerprint).is_none_or(|fact| fact.state.is_usable())
        };
        let keyed: Vec<_> = self.keys.iter().take(MOST_KEYS).filter(usable).cloned().map(Some).collect();
        let mut keys = if keyed.is_empty() { vec![None] } else { keyed }.into_iter().peekable();
        let job = JobId::generate();
        while let Some(key) = keys.peek().cloned() {
            let result = provider.generate(request, &self.context(job, key, provider, request)).await;
            let Err(error) = result else { return result.map(|made| (made, corrections.made())) };
            if corrections.again(&error) {
                continue;
            }
            if error.retry != Retry::NextKey {
                return Err(error);
            }
            keys.next();
            if keys.peek().is_none() {
                return Err(error);
            }
        }
        Err(ProviderError::new(self.name(), ErrorClass::Auth, ""))
    }

    fn context(
        &self,
        job: JobId,
        key: Option<ApiKey>,
        provider: &dyn Provider,
        request: &GenerateRequest,
    ) -> CallContext {
        let patience = Duration::from_secs(self.section().timeout_seconds.max(60));
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

    /// The provider that a step asks: this one, or the same section as another kind, with streaming or without.
    fn provider_of(&self, step: Step) -> Result<Arc<dyn Provider>, BuildError> {
        let mut section = self.section().clone();
        match (step, self.streaming()) {
            (Step::Draw, Streaming::Possible) => {
                section.extra.insert(STREAM.to_owned(), true.into());
            }
            (Step::Draw | Step::Edit, _) | (Step::DrawUnstreamed, Streaming::Possible) => {
                return Ok(Arc::clone(&self.provider));
            }
            (Step::DrawUnstreamed, _) => {
                section.extra.remove(STREAM);
                section.extra.remove("partial_images");
                if !section.profile.trim().is_empty() {
                    // A profile's own wish gives way to an explicit no alone.
                    section.extra.insert(STREAM.to_owned(), false.into());
                }
            }
            (Step::DrawElsewhere | Step::EditElsewhere, _) => {
                if let Some(kind) = self.traits().twin() {
                    kind.name().clone_into(&mut section.kind);
                }
                section.extra.clear();
                section.profile.clear();
            }
        }
        build(self.name(), &section, &self.tools)
    }

    /// The picture that is edited: a sketch, made here.
    async fn reference(&self, step: Step) -> Result<Option<Reference>, ProviderError> {
        if step.operation() != Operation::Edit {
            return Ok(None);
        }
        let section = ProviderSection { kind: Kind::Sketch.name().to_owned(), ..ProviderSection::default() };
        let sketch = build("sketch", &section, &self.tools)
            .map_err(|error| ProviderError::new(self.name(), ErrorClass::Overload, error.to_string()))?;
        let request = GenerateRequest {
            operation: Operation::Generate,
            prompt: PROMPT.into(),
            title: None,
            references: Arc::new([]),
            output: Output { size: Some((512, 512)), ..Output::default() },
            count: 1,
        };
        let made =
            sketch.generate(&request, &self.context(JobId::generate(), None, &*sketch, &request)).await?;
        Ok(made.pictures.into_iter().next().map(|made| Reference { picture: made.picture }))
    }
}

/// How the last answer to a request for a stream came.
fn streamed(calls: &[Recorded]) -> Stream {
    // Results that lie behind links are fetched later, with other methods.
    let Some(last) = calls.iter().rev().find(|call| call.method == Method::POST) else {
        return Stream::Unasked;
    };
    let content_type = last.headers.get("content-type").and_then(|value| value.to_str().ok());
    let begins = |start: &&[u8]| last.body.trim_ascii_start().starts_with(start);
    if content_type.is_some_and(|text| text.trim_start().starts_with("text/event-stream"))
        || [&b"data:"[..], b"event:"].iter().any(begins)
    {
        return Stream::Came;
    }
    let body: Value = serde_json::from_str(&last.request).unwrap_or_default();
    let asked = body.get(STREAM).is_some() || last.url.path().contains("stream");
    if asked { Stream::Whole } else { Stream::Refused }
}

fn failed(error: ProviderError) -> Failed {
    let detail = if error.said.is_empty() { error.detail } else { error.said };
    let status = error.status.unwrap_or_default();
    Failed { class: error.class, status, detail, missing: error.missing }
}

#[cfg(test)]
mod tests {
    use easel_http::{StatusCode, Url, header::HeaderMap};

    use super::*;

    #[track_caller]
    fn check(url: &str, request: &str, content_type: &str, body: &str, expected: Stream) {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", content_type.parse().unwrap());
        let asked = Recorded {
            method: Method::POST,
            url: Url::parse(url).unwrap(),
            content_type: None,
            request: request.to_owned(),
            status: Some(StatusCode::OK),
            headers,
            body: body.as_bytes().to_vec(),
            shortened: false,
        };
        let fetched = Recorded { method: Method::GET, headers: HeaderMap::new(), ..asked.clone() };
        assert_eq!(streamed(&[asked, fetched]), expected, "{url} {request} {content_type}");
    }

    #[test]
    fn a_stream_is_known_by_its_answer() {
        let images = "https://x.example/v1/images/generations";
        let wish = r#"{"model":"m","stream":true}"#;
        check(images, wish, "text/event-stream; charset=utf-8", "", Stream::Came);
        check(images, wish, "application/json", "\ndata: {}", Stream::Came);
        check(images, wish, "application/json", "{}", Stream::Whole);
        check(images, r#"{"model":"m"}"#, "application/json", "{}", Stream::Refused);
        let gemini = "https://x.example/v1beta/models/m:streamGenerateContent";
        check(gemini, "{}", "application/json", "[]", Stream::Whole);
    }
}
