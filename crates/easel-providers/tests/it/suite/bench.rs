//! One wire's provider, built from its section, in front of its fake service.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use easel_core::{
    error::{ErrorClass, ProviderError},
    ids::JobId,
    media::{Body, BytesBudget, Picture, PictureFormat, Spool},
    ports::{
        CallContext, ClipLimits, GenerateRequest, Generated, NoTaskLog, Operation, Output, Provider,
        PublishMedia, Published, Reference, StoreError,
    },
};
use easel_http::{HttpClients, NetworkSection};
use easel_providers::{ProviderSection, Tools, build};
use easel_testkit::{
    pictures,
    provider::{Answer, FakeProvider, ProviderRequest},
};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::wire::{Shown, Wire};

/// The key of every bench; parts of it must appear nowhere.
pub(crate) const KEY: &str = "sk-live.with+odd/letters=0123456789";

/// How long a call may take before the test fails: generous, because it only ends broken tests.
const PATIENCE: Duration = Duration::from_secs(100);

const BUDGET: u64 = 64 << 20;

pub(crate) struct Bench {
    pub(crate) wire: Wire,
    pub(crate) peer: Arc<FakeProvider>,
    /// Where references were published, in order, and their bytes.
    pub(crate) published: Arc<Publisher>,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) cx: CallContext,
    /// The service's address as the provider understands it.
    pub(crate) address: String,
    _dir: tempfile::TempDir,
}

/// A call with the first key of a section, which keeps at most `budget` bytes in memory and the rest in `dir`.
pub(crate) fn call_context(section: &ProviderSection, budget: u64, dir: &Path) -> CallContext {
    CallContext {
        job: JobId::generate(),
        key: section.keys().into_iter().next(),
        deadline: Instant::now() + Duration::from_mins(1),
        cancel: CancellationToken::new(),
        spool: Spool::new(BytesBudget::new(budget), dir).unwrap(),
        tasks: Arc::new(NoTaskLog),
        intent: None,
        clip_limits: ClipLimits::default(),
    }
}

impl Bench {
    pub(crate) async fn new(wire: &Wire) -> Self {
        let peer = FakeProvider::start().await;
        let base = format!("{}{}", peer.origin(), wire.base);
        Self::at(wire, peer, &base)
    }

    /// A provider whose service is at `base`, wherever `peer` is.
    pub(crate) fn at(wire: &Wire, peer: FakeProvider, base: &str) -> Self {
        Self::in_network(wire, peer, base, NetworkSection::default())
    }

    /// The same with an owner's `[network]`.
    pub(crate) fn in_network(wire: &Wire, peer: FakeProvider, base: &str, network: NetworkSection) -> Self {
        let mut section =
            json!({ "kind": wire.kind, "base_url": base, "model": wire.model, "api_keys": [KEY] });
        for (key, value) in wire.section.as_object().into_iter().flatten() {
            section[key] = Value::clone(value);
        }
        let section: ProviderSection = serde_json::from_value(section).unwrap();
        assert_eq!(section.validate("fake"), [], "{}", wire.kind);
        let peer = Arc::new(peer);
        let published = Arc::new(Publisher { peer: Arc::clone(&peer), links: Mutex::default() });
        let mut tools = Tools::new(HttpClients::new(network));
        tools.publish = Some(Arc::<Publisher>::clone(&published));
        let provider = build("fake", &section, &tools).unwrap();
        let address = section.address().unwrap().url().as_str().trim_end_matches('/').to_owned();
        let dir = tempfile::tempdir().unwrap();
        let cx = call_context(&section, BUDGET, dir.path());
        Self { wire: wire.clone(), peer, published, provider, cx, address, _dir: dir }
    }

    /// Queues a success with these results.
    pub(crate) fn succeeds(&self, results: &[Shown]) {
        self.queue((self.wire.success)(&self.peer, results));
    }

    /// Queues the answers of one job.
    pub(crate) fn queue(&self, answers: Vec<Answer>) {
        if let Some(last) = answers.last().filter(|_| self.wire.tasks) {
            // A task that ended says so whenever it is asked about.
            self.peer.always(last.clone());
        }
        self.peer.answers(answers);
    }

    /// Asks, and sees to it that all memory comes back when the result is dropped.
    pub(crate) async fn ask(&self, request: &GenerateRequest) -> Result<Vec<Bytes>, ProviderError> {
        let made = tokio::time::timeout(PATIENCE, self.provider.generate(request, &self.cx)).await;
        let Ok(made) = made else { panic!("{}: no end after {PATIENCE:?}", self.wire.kind) };
        let made = made.map(|made| bytes(&made));
        assert_eq!(self.cx.spool.budget().free(), BUDGET, "{}: memory is missing", self.wire.kind);
        made
    }

    pub(crate) async fn fails(&self) -> ProviderError {
        self.refuses(&self.words("一只猫")).await
    }

    pub(crate) async fn refuses(&self, request: &GenerateRequest) -> ProviderError {
        match self.ask(request).await {
            Ok(made) => panic!("{}: {} results instead of a failure", self.wire.kind, made.len()),
            Err(error) => error,
        }
    }

    /// A request that this wire can take: words, and a picture beside them where it needs one.
    pub(crate) fn words(&self, prompt: &str) -> GenerateRequest {
        let reference = [(PictureFormat::Png, pictures::png(64, 64, 9))];
        let references = if self.wire.words_alone { &[] } else { &reference[..] };
        let request = Self::edit(references);
        let operation = if self.wire.clips { Operation::Clip } else { request.operation };
        GenerateRequest { operation, prompt: prompt.into(), ..request }
    }

    /// A request with references.
    pub(crate) fn edit(pictures: &[(PictureFormat, Bytes)]) -> GenerateRequest {
        let reference = |(format, bytes): &(PictureFormat, Bytes)| Reference {
            picture: Picture {
                format: *format,
                width: 64,
                height: 64,
                body: Body::from_bytes(bytes.clone()),
            },
        };
        GenerateRequest {
            operation: if pictures.is_empty() { Operation::Generate } else { Operation::Edit },
            prompt: "换成雨夜".into(),
            title: None,
            references: pictures.iter().map(reference).collect(),
            output: Output::default(),
            count: 1,
        }
    }

    /// Sends one request and returns it as the service got it.
    pub(crate) async fn sends(&self, request: &GenerateRequest) -> ProviderRequest {
        self.ask(request).await.unwrap();
        self.peer.requests().pop().unwrap()
    }

    /// The class that each sample answer gets, in a folder of the testkit: (status, name, class).
    pub(crate) async fn reads(&self, folder: &str, samples: &[(u16, &str, ErrorClass)]) {
        for (status, name, class) in samples {
            self.peer.answer(Answer::sample(*status, &format!("{folder}/{name}.json")));
            let error = self.fails().await;
            assert_eq!(error.class, *class, "{}, {name}: {error:?}", self.wire.kind);
        }
    }

    /// The requests that may have cost something.
    pub(crate) fn creates(&self) -> Vec<ProviderRequest> {
        self.peer.requests().into_iter().filter(self.wire.is_create).collect()
    }
}

fn bytes(generated: &Generated) -> Vec<Bytes> {
    let pictures = generated.pictures.iter().map(|made| &made.picture.body);
    let clip = generated.clip.iter().map(|clip| &clip.body);
    pictures.chain(clip).map(|body| body.read().unwrap()).collect()
}

/// Publishes references at the fake.
pub(crate) struct Publisher {
    peer: Arc<FakeProvider>,
    links: Mutex<Vec<(String, Bytes)>>,
}

#[async_trait]
impl PublishMedia for Publisher {
    async fn publish(&self, body: &Body, _: &str) -> Result<Published, StoreError> {
        let bytes = body.read().unwrap();
        let url = self.peer.host_picture(bytes.clone());
        self.links.lock().unwrap().push((url.clone(), bytes));
        Ok(Published { url, keep: Box::new(()) })
    }
}

impl Bench {
    /// Whether a request carries a picture: as it is, as base64, or under its public address.
    pub(crate) fn carries(&self, request: &ProviderRequest, picture: &[u8]) -> bool {
        let holds = |needle: &[u8]| memchr::memmem::find(&request.http.body, needle).is_some();
        let links = self.published.links.lock().unwrap();
        let published = links.iter().any(|(link, bytes)| bytes == picture && holds(link.as_bytes()));
        let query = said(request).0;
        let named = links.iter().any(|(link, bytes)| bytes == picture && query.contains(link.as_str()));
        published || named || holds(picture) || holds(STANDARD.encode(picture).as_bytes())
    }
}

/// What a request says: its parameters in plain letters, and its body.
pub(crate) fn said(request: &ProviderRequest) -> (String, String) {
    let pairs = url::form_urlencoded::parse(request.http.query.as_bytes());
    let query = pairs.map(|(name, value)| [&name, "=", &value, "\n"].concat()).collect();
    (query, String::from_utf8_lossy(&request.http.body).into_owned())
}

/// Everything that may come to be logged or stored of an error, but the model's own words for the person.
pub(crate) fn shown(error: &ProviderError) -> String {
    let said = format!("{:?}", error.said);
    let mut all = format!("{error} {error:?}").replace(&said, "");
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        all = format!("{all} {error} {error:?}");
        source = error.source();
    }
    all
}
