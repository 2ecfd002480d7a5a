//! The one provider behind all dialects over HTTP: drafts, sends once, reads, judges, learns.
//!
//! It knows no service. What may be repeated is decided by the core, from the error.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use easel_core::{
    error::{Charged, ErrorClass, ProviderError, Retry},
    ids::JobId,
    ports::{
        CallContext, Capabilities, GenerateRequest, Generated, Operation, Preparation, Provider,
        PublishMedia, Published, RemoteTask, TaskIntent, Unfit,
    },
};
use easel_http::{Call, Method};
use sha2::{Digest as _, Sha256};

use crate::{
    classify::Failure,
    config::ProviderSection,
    dialect::{Ask, Draft, Limits, Payload, Settings, Spoken},
    exchange::Wire,
    farewell::Farewells,
    lessons::{Lessons, Sent},
    models::ModelChoice,
    references,
    registry::{BuildError, Kind, Tools},
    sizes,
    tasks::{Pace, Tasks},
};

pub(crate) struct Remote {
    kind: Kind,
    pub(crate) dialect: Spoken,
    pub(crate) wire: Arc<Wire>,
    models: ModelChoice,
    /// Whether the owner says that this service can edit, or can't.
    edit: Option<bool>,
    lessons: Lessons,
    publish: Option<Arc<dyn PublishMedia>>,
    pub(crate) farewells: Farewells,
    /// Jobs whose task failed for free and was asked to be ordered once more.
    reordered: Mutex<VecDeque<JobId>>,
}

/// Of so many jobs it is remembered; more are not under way at once.
const REMEMBERED: usize = 256;

/// A provider that speaks `dialect`.
pub(crate) fn build(
    kind: Kind,
    dialect: Spoken,
    name: &str,
    section: &ProviderSection,
    tools: &Tools,
) -> Result<Arc<dyn Provider>, BuildError> {
    let settings = Settings::new(section, &*dialect);
    Ok(Arc::new(Remote {
        kind,
        wire: Arc::new(Wire::new(name, section, &tools.clients, dialect.clone())?),
        dialect,
        models: ModelChoice::new(kind, settings, !section.profile.trim().is_empty()),
        edit: section.supports_edit,
        lessons: Lessons::default(),
        publish: tools.publish.clone(),
        farewells: Farewells::default(),
        reordered: Mutex::default(),
    }))
}

#[async_trait]
impl Provider for Remote {
    fn name(&self) -> &str {
        &self.wire.name
    }

    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn model(&self) -> &str {
        &self.settings().model
    }

    fn capabilities(&self) -> Capabilities {
        let limits = self.limits(&self.settings().model);
        let reachable = !limits.public_urls || self.publish.is_some();
        let edit = limits.references > 0;
        Capabilities {
            generate: limits.words_alone && !limits.clips,
            edit: edit && reachable && !limits.clips,
            clip: limits.clips,
            clip_needs_picture: limits.clips && !limits.words_alone,
            remote: [Operation::Generate, Operation::Edit, Operation::Clip]
                .into_iter()
                .any(|operation| self.tasks(self.settings(), operation).is_some()),
            max_references: if edit && reachable { limits.references } else { 0 },
            max_count: limits.count,
            max_tier: limits.tier,
            shapes: limits.shapes,
            needs_public_url: edit && !reachable,
            one_at_a_time: limits.one_at_a_time,
            needs_key: self.wire.needs_key,
            paid: self.wire.paid,
            free: self.dialect.free(),
        }
    }

    fn preparation<'a>(&'a self, cx: &'a CallContext) -> Option<Preparation<'a>> {
        (!self.models.is_settled())
            .then(|| -> Preparation<'a> { Box::pin(self.models.settle(&self.wire, cx)) })
    }

    fn refuses(&self, request: &GenerateRequest) -> Option<Unfit> {
        let settings = self.settings();
        if let Some(unfit) = self.unfit(settings, request) {
            return Some(unfit);
        }
        // A wish for a size is not dropped: where all that it could be asked as was refused before, others are asked.
        sizes::wished(&request.output)?;
        let known = self.lessons.known(&settings.model);
        let sent = |known: &_| {
            let ask = Ask { settings, request, known, addresses: &[], task: None };
            self.dialect.draft(&ask).sent
        };
        known.exhausts_sizes(sent).then_some(Unfit::SizesRefused)
    }

    fn intent(&self, request: &GenerateRequest) -> Option<TaskIntent> {
        let settings = self.settings();
        let tasks = self.tasks(settings, request.operation)?;
        Some(TaskIntent {
            base_url: self.wire.base.url().as_str().trim_end_matches('/').to_owned(),
            request_hash: request_hash(&settings.model, request),
            task: tasks.choose_id(),
        })
    }

    async fn generate(
        &self,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        self.models.settle(&self.wire, cx).await;
        let settings = self.settings();
        self.takes(settings, request)?;
        self.order(settings, request, cx).await
    }

    async fn resume(
        &self,
        task: &RemoteTask,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        // Whatever the model of today does: the task is there, and asking about it needs no model.
        if let Some(tasks) = self.dialect.tasks() {
            self.follow(tasks, task, request, cx).await
        } else {
            let detail = format!("this kind has no tasks, and {} is one", task.id);
            Err(ProviderError::new(self.name(), ErrorClass::ResultLost, detail))
        }
    }
}

impl Remote {
    /// Whether this job's task may be ordered once more, after one that failed for free; true once per job.
    pub(crate) fn may_reorder(&self, job: JobId) -> bool {
        // The list is whole after every statement, so a poisoned lock holds a good one.
        let mut jobs = self.reordered.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.contains(&job) {
            return false;
        }
        if jobs.len() >= REMEMBERED {
            jobs.pop_front();
        }
        jobs.push_back(job);
        true
    }

    /// What the owner configured, with the model in use.
    fn settings(&self) -> &Settings {
        self.models.current()
    }

    /// What a model takes, and the owner lets it take.
    fn limits(&self, model: &str) -> Limits {
        let mut limits = self.dialect.limits(model);
        if !self.edit.unwrap_or(!limits.edits_if_told) {
            limits.references = 0;
        }
        limits
    }

    /// What the model in use can't take: one that would leave out pictures that somebody gave, or that has none to change,
    /// is not asked. Where the owner names the model, the core knows that from the capabilities.
    fn unfit(&self, settings: &Settings, request: &GenerateRequest) -> Option<Unfit> {
        let (limits, given) = (self.limits(&settings.model), request.references.len());
        if !self.models.is_open() {
            None
        } else if given > limits.references {
            Some(Unfit::TooManyReferences { max: limits.references })
        } else {
            (given == 0 && !limits.words_alone).then_some(Unfit::NeedsReference)
        }
    }

    /// Another model may be in use since the core asked whether the request is taken.
    #[expect(clippy::result_large_err, reason = "the port's own error type, made once per failed call")]
    fn takes(&self, settings: &Settings, request: &GenerateRequest) -> Result<(), ProviderError> {
        let Some(unfit) = self.unfit(settings, request) else { return Ok(()) };
        let detail = format!("{} does not take this: {unfit:?}", settings.model);
        Err(self.unasked(ErrorClass::BadRequest, detail))
    }

    /// A request that the service would refuse, and was not asked for.
    fn unasked(&self, class: ErrorClass, detail: String) -> ProviderError {
        let mut error = ProviderError::new(&*self.wire.name, class, detail);
        error.unasked = true;
        error
    }

    /// One create call with these settings, and what becomes of it.
    async fn order(
        &self,
        settings: &Settings,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let known = self.lessons.known_for(cx.job, &settings.model);
        let pictures = self.dialect.limits(&settings.model).pictures;
        let fitted = references::fitted(request, pictures, &cx.spool, &self.wire.name).await;
        let request = fitted.as_ref().unwrap_or(request);
        // Dropped when the result is there: the pictures are public no longer than they are needed.
        let published = self.published(settings, request).await?;
        let addresses: Vec<String> = published.iter().map(|published| published.url.clone()).collect();
        let tasks = self.tasks(settings, request.operation);
        // Calls outside of jobs have no intent, and still need the id.
        let chosen = tasks.filter(|_| cx.intent.is_none()).and_then(Tasks::choose_id);
        let recorded = cx.intent.as_ref().and_then(|intent| intent.task.as_deref());
        let ask = Ask {
            settings,
            request,
            known: &known,
            addresses: &addresses,
            task: recorded.or(chosen.as_deref()),
        };
        for preparation in tasks.map(|tasks| tasks.preparations(&ask)).unwrap_or_default() {
            let call = self.call(&preparation.path, preparation.payload, cx);
            let answered = self.wire.exchange(call, cx).await.map_err(free)?;
            self.wire.judge(&answered, request, cx, |_| false).map_err(free)?;
        }
        let Draft { path, payload, sent } = self.dialect.draft(&ask);
        self.fits(settings, &payload)?;
        let call = self.call(&path, payload, cx);
        let learn = |failure: &Failure| {
            self.lessons.learn(cx.job, &settings.model, failure, &sent)
                || self.moves_on(failure, &settings.model)
        };
        let Some(tasks) = tasks else {
            let made = self.wire.draw(call, request, cx, learn).await;
            if made.as_ref().is_err_and(|error| error.class == ErrorClass::Empty) {
                self.lessons.was_empty(cx.job);
            }
            return made.inspect(|made| self.measure(&settings.model, &sent, made));
        };
        let answered = self.wire.exchange(with_headers(call, tasks.headers()), cx).await?;
        self.wire.judge(&answered, request, cx, learn)?;
        let made = self.follow_new(tasks, answered, &settings.model, request, cx).await;
        made.inspect(|made| self.measure(&settings.model, &sent, made))
    }

    /// Tells the owner, once per size, when a model draws another one than it was asked for.
    fn measure(&self, model: &str, sent: &Sent, made: &Generated) {
        let Some(asked) = sent.pixels() else { return };
        let sizes = made.pictures.iter().map(|made| (made.picture.width, made.picture.height));
        if let Some((width, height)) = sizes.into_iter().find(|size| *size != asked)
            && self.lessons.is_news(model, asked)
        {
            let asked = format!("{}x{}", asked.0, asked.1);
            let drawn = format!("{width}x{height}");
            tracing::warn!(provider = %self.wire.name, model, asked, drawn, "a picture has another size than was asked for");
        }
    }

    /// Whether a refusal says that `model` is gone, and another one is in use now.
    pub(crate) fn moves_on(&self, failure: &Failure, model: &str) -> bool {
        failure.lacks(model) && self.models.is_gone(model, &self.wire.name)
    }

    /// A request that the service would refuse for its length is not sent: smaller references may do.
    #[expect(clippy::result_large_err, reason = "the port's own error type, made once per failed call")]
    fn fits(&self, settings: &Settings, payload: &Payload) -> Result<(), ProviderError> {
        let most = self.dialect.limits(&settings.model).request_bytes;
        let (Some(most), Some(length)) = (most, payload.json_length()) else { return Ok(()) };
        if length <= most {
            return Ok(());
        }
        let detail = format!("the request would have {length} bytes, and the service takes {most}");
        Err(self.unasked(ErrorClass::TooLarge, detail))
    }

    /// The task side, when requests of this sort are answered with tasks.
    fn tasks(&self, settings: &Settings, operation: Operation) -> Option<&dyn Tasks> {
        self.dialect.tasks().filter(|tasks| tasks.applies(settings, operation))
    }

    /// How often tasks are asked about.
    pub(crate) fn pace(&self, tasks: &dyn Tasks) -> Pace {
        self.settings().poll.map_or_else(|| tasks.pace(), |every| Pace { first: every, every })
    }

    fn call(&self, path: &str, payload: Payload, cx: &CallContext) -> Call {
        let method = if matches!(payload, Payload::Query(_)) { Method::GET } else { Method::POST };
        let call = with_headers(self.wire.call(method, path, cx), self.dialect.headers());
        match payload {
            Payload::Json(segments) => call.body("application/json", segments),
            Payload::Form(form) => call.multipart(form),
            Payload::Query(pairs) => {
                pairs.iter().fold(call, |call, (name, value)| call.secret_query(name, value))
            }
        }
    }

    /// The references under public addresses, where the service fetches them from there.
    async fn published(
        &self,
        settings: &Settings,
        request: &GenerateRequest,
    ) -> Result<Vec<Published>, ProviderError> {
        let (Some(publish), true) = (&self.publish, self.dialect.limits(&settings.model).public_urls) else {
            return Ok(Vec::new());
        };
        let mut published = Vec::with_capacity(request.references.len());
        for reference in &*request.references {
            let picture = &reference.picture;
            let served =
                publish.publish(&picture.body, picture.format.extension()).await.map_err(|error| {
                    let detail = format!("a reference picture could not be published: {error}");
                    let mut failed = ProviderError::new(&*self.wire.name, ErrorClass::Overload, detail);
                    failed.local = Some(error);
                    failed
                })?;
            published.push(served);
        }
        Ok(published)
    }
}

fn with_headers(call: Call, headers: &[(&'static str, &'static str)]) -> Call {
    headers.iter().fold(call, |call, (name, value)| call.header(name, value))
}

/// A call that costs nothing failed: whatever it was, nothing is ordered yet.
fn free(mut error: ProviderError) -> ProviderError {
    if matches!(error.class, ErrorClass::Unanswered | ErrorClass::ResultLost) {
        (error.class, error.retry) = (ErrorClass::Overload, Retry::SameKey);
    }
    error.charged = Charged::No;
    error
}

/// Tells requests apart without telling what they say.
fn request_hash(model: &str, request: &GenerateRequest) -> String {
    let GenerateRequest { operation, prompt, references, output, count, title: _ } = request;
    let lengths: Vec<u64> = references.iter().map(|reference| reference.picture.body.len()).collect();
    let text = format!("{model}\n{operation:?}\n{output:?}\n{count}\n{lengths:?}\n{prompt}");
    let digest = <[u8; 32]>::from(Sha256::digest(text.as_bytes()));
    format!("{:016x}", digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use easel_core::{
        media::{Body, BytesBudget, Picture, PictureFormat, Spool},
        ports::{ApiKey, ClipLimits, NoTaskLog, Operation, Output, Reference},
    };
    use easel_http::{HttpClients, NetworkSection, Segment};
    use easel_testkit::{
        pictures,
        provider::{Answer as Answered, FakeProvider},
    };
    use secrecy::SecretString;
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        answer::{
            Answer,
            candidates::{Choice, Found, Place},
        },
        classify::{self, Facts, Failure},
        dialect::{Dialect, JsonRequest},
        lessons::Known,
    };

    /// A service that differs from all others wherever it may.
    struct Odd;

    impl Dialect for Odd {
        fn limits(&self, model: &str) -> Limits {
            Limits::new(if model == "blind" { 0 } else { 3 }, 2)
        }

        fn draft(&self, ask: &Ask<'_>) -> Draft {
            let mut json = JsonRequest::new();
            let inputs: Vec<_> =
                ask.request.references.iter().map(|reference| json.base64(reference)).collect();
            let value = json!({ "text": &*ask.request.prompt, "inputs": inputs });
            let path = format!("models/{}:paint", ask.settings.model).into();
            Draft { path, payload: json.finish(&value), sent: Sent::default() }
        }

        fn headers(&self) -> &'static [(&'static str, &'static str)] {
            &[("x-odd-mode", "sync")]
        }

        fn authorise(&self, call: Call, key: &SecretString) -> Call {
            call.secret_header("x-odd-key", key)
        }

        fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
            let mut failure = classify::failure(facts)?;
            if facts.status == 418 {
                failure.class = ErrorClass::Quota;
            }
            Some(failure)
        }

        fn choose(&self, answer: &Answer) -> Choice {
            let link =
                answer.skeleton.pointer("/odd/0").and_then(serde_json::Value::as_str).unwrap_or_default();
            let found = Found { place: Place::Path(link.to_owned()), revised_prompt: None };
            Choice { found: vec![found], ..Choice::default() }
        }
    }

    fn edit(body: Body) -> GenerateRequest {
        let picture = Picture { format: PictureFormat::Png, width: 1, height: 1, body };
        GenerateRequest {
            operation: Operation::Edit,
            prompt: "猫".into(),
            title: None,
            references: [Reference { picture }].into(),
            output: Output::default(),
            count: 1,
        }
    }

    #[tokio::test]
    async fn a_dialect_may_differ_in_every_step() {
        let peer = FakeProvider::start().await;
        let odd = |model| {
            let section = json!({ "kind": "ark", "base_url": peer.origin(), "model": model });
            let section: ProviderSection = serde_json::from_value(section).unwrap();
            build(
                Kind::Ark,
                Spoken::Built(&Odd),
                "odd",
                &section,
                &Tools::new(HttpClients::new(NetworkSection::default())),
            )
            .unwrap()
        };
        assert!(!odd("blind").capabilities().edit);
        let odd = odd("m");
        let capabilities = odd.capabilities();
        assert_eq!((capabilities.edit, capabilities.max_references, capabilities.max_count), (true, 3, 2));
        let dir = tempfile::tempdir().unwrap();
        let secret = SecretString::from("the-odd-key");
        let cx = CallContext {
            job: JobId::generate(),
            key: Some(ApiKey { secret, fingerprint: "f".into(), account: None }),
            deadline: tokio::time::Instant::now() + Duration::from_mins(1),
            cancel: CancellationToken::new(),
            spool: Spool::new(BytesBudget::new(1 << 20), dir.path()).unwrap(),
            tasks: Arc::new(NoTaskLog),
            intent: None,
            clip_limits: ClipLimits::default(),
        };
        let request = edit(Body::from_bytes(&b"first"[..]));
        peer.answer(Answered::status(418));
        assert_eq!(odd.generate(&request, &cx).await.unwrap_err().class, ErrorClass::Quota);
        let picture = pictures::png(30, 30, 1);
        let link = Answered::json(200, &json!({ "odd": ["/painted.png"] }));
        peer.answers([link, Answered::raw(200, "image/png", picture.clone())]);
        let made = odd.generate(&request, &cx).await.unwrap();
        assert_eq!(made.pictures[0].picture.body.read().unwrap(), picture);
        let [_, sent, fetched] = &peer.requests()[..] else { panic!("{:?}", peer.requests()) };
        assert_eq!(
            (fetched.path(), fetched.headers().get("x-odd-key")),
            ("/painted.png", Some("the-odd-key"))
        );
        assert_eq!(sent.path(), "/api/v3/models/m:paint");
        assert_eq!(sent.http.json().unwrap(), json!({ "text": "猫", "inputs": ["Zmlyc3Q="] }));
        let header = |name| sent.headers().get(name);
        assert_eq!((header("x-odd-mode"), header("x-odd-key")), (Some("sync"), Some("the-odd-key")));
        assert_eq!(header("authorization"), None);
    }

    #[test]
    fn no_dialect_reads_a_picture_while_it_drafts() {
        // A file with a hole of 1 GiB: whoever reads it has to hold it.
        const LENGTH: u64 = 1 << 30;
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(LENGTH).unwrap();
        let body = Body::from_file(file.path()).unwrap();
        let request = edit(body);
        let settings = Settings { model: "m".to_owned(), extra: serde_json::Map::new(), poll: None };
        let addresses = vec!["https://easel.example/p/1.png".to_owned()];
        let known = Known::default();
        let ask = Ask {
            settings: &settings,
            request: &request,
            known: &known,
            addresses: &addresses,
            task: Some("00000000-0000-4000-8000-000000000000"),
        };
        let mut tried = 0;
        for dialect in Kind::ALL.iter().filter_map(|kind| kind.dialect()) {
            let limits = dialect.limits("m");
            if limits.references == 0 || limits.public_urls {
                continue;
            }
            tried += 1;
            let (length, expected) = match dialect.draft(&ask).payload {
                Payload::Json(segments) => {
                    (segments.iter().map(Segment::length).sum(), LENGTH.div_ceil(3) * 4)
                }
                Payload::Form(form) => (form.length(), LENGTH),
                Payload::Query(_) => panic!("a picture does not fit into an address"),
            };
            assert!((expected..expected + 1024).contains(&length), "{length} bytes instead of {expected}");
        }
        assert!(tried >= 2);
    }
}
