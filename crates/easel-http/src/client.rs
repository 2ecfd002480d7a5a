//! Clients for four purposes, and the one place where they are built.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::body::Limits;
use crate::call::Call;
use crate::config::NetworkSection;
use crate::error::HttpError;
use crate::guard::{BlockReason, Guard, GuardedResolver, Lookup, Route, SystemLookup};
use crate::guard::{check_shape, is_this_machine};
use crate::origin::Origin;
use crate::proxy::{Proxy, ProxyError};
use crate::recorder::Recorder;
use crate::transport::{Needs, Transport};

const DOWNLOAD_CONNECT: Duration = Duration::from_secs(5);
const PLAIN_CONNECT: Duration = Duration::from_secs(5);
const PLAIN_ANSWER: Duration = Duration::from_secs(30);
const DOWNLOAD_IDLE: Duration = Duration::from_secs(15);
const RESULT_IDLE: Duration = Duration::from_secs(30);
/// How long a name that a proxy will resolve is looked for here.
const LOOKUP: Duration = Duration::from_secs(3);

/// How patient a provider's client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderTimeouts {
    /// For name, connection, proxy and TLS together.
    pub connect: Duration,
    /// Longest silence between the last piece sent and the status line. Generations are silent for minutes.
    pub answer: Duration,
    /// Longest silence inside the answer; streamed generations pause between events.
    pub idle: Duration,
}

impl ProviderTimeouts {
    /// 20 s for connecting, and `timeout` for each silence.
    pub fn new(timeout: Duration) -> Self {
        Self { connect: Duration::from_secs(20), answer: timeout, idle: timeout }
    }
}

impl Default for ProviderTimeouts {
    /// Five minutes, the default of `timeout_seconds`.
    fn default() -> Self {
        Self::new(Duration::from_mins(5))
    }
}

/// Makes clients from one `[network]` section. Clients with the same needs share connections and trust roots,
/// and set those up at the first call, so making many is cheap. After a change of the section make a new factory; old clients go on until dropped.
#[derive(Clone)]
pub struct HttpClients {
    shared: Arc<Shared>,
    recorder: Option<Recorder>,
}

struct Shared {
    network: NetworkSection,
    lookup: Arc<dyn Lookup>,
    transports: Mutex<HashMap<Needs, Arc<Transport>>>,
}

impl HttpClients {
    /// A factory on the operating system's resolver.
    pub fn new(network: NetworkSection) -> Self {
        Self::with_lookup(network, Arc::new(SystemLookup))
    }

    /// A factory on another resolver, for tests that need names to mean something.
    pub fn with_lookup(network: NetworkSection, lookup: Arc<dyn Lookup>) -> Self {
        Self { shared: Arc::new(Shared { network, lookup, transports: Mutex::default() }), recorder: None }
    }

    /// The same factory, whose clients tell `recorder` of every call to services and of every result that is fetched.
    #[must_use]
    pub fn recorded_by(mut self, recorder: Recorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// The section that this factory works by.
    pub fn network(&self) -> &NetworkSection {
        &self.shared.network
    }

    /// For calls to a provider's configured `base_url`, which may be private. `proxy` is the provider's own
    /// setting: empty inherits `[network] proxy`, `direct` means none. Redirects are never followed: a paid
    /// request must not wander, nor its key.
    ///
    /// # Errors
    /// [`ProxyError`], when the setting that counts is no usable proxy.
    pub fn provider(&self, proxy: &str, timeouts: ProviderTimeouts) -> Result<HttpClient, ProxyError> {
        let proxy = Proxy::choose(proxy, self.network().proxy.expose())?;
        Ok(HttpClient::new(Inner {
            trusted: self.transport(&proxy, false, true, timeouts.connect),
            guarded: None,
            rules: Rules::Owner,
            beforehand: None,
            proxied: proxy != Proxy::Direct,
            answer: timeouts.answer,
            idle: timeouts.idle,
            max_answer_bytes: self.network().max_answer_bytes,
            recorder: self.recorder.clone(),
        }))
    }

    /// For picture urls that people gave: guarded, up to three redirects with each checked, no credentials, no
    /// decompression, direct unless `[network] download_proxy` is set.
    ///
    /// # Errors
    /// [`ProxyError`], when the setting that counts is no usable proxy.
    pub fn user_downloads(&self) -> Result<HttpClient, ProxyError> {
        let proxy = Proxy::parse(self.network().download_proxy.expose())?;
        let max_bytes = self.network().max_download_bytes;
        Ok(self.guarded(&proxy, DOWNLOAD_IDLE, max_bytes, |guard| Rules::User { guard }))
    }

    /// For the urls of finished pictures and clips, and of polls, that a provider named. The provider's own
    /// `origin` is reached as configured and gets the credentials; hosts that mean "this machine" are rewritten
    /// to it, because self-hosted gateways put their own loopback address into answers; everything else is
    /// guarded and gets no credentials. Behind a proxy that resolves names, a name is resolved here first, and one that
    /// leads into a private network refused; one that can't be resolved here is the proxy's to try. `proxy` is the provider's own setting, as in [`provider`](Self::provider).
    ///
    /// # Errors
    /// [`ProxyError`], when the setting that counts is no usable proxy.
    pub fn results(&self, proxy: &str, origin: Origin) -> Result<HttpClient, ProxyError> {
        let proxy = Proxy::choose(proxy, self.network().proxy.expose())?;
        let max_bytes = crate::DownloadLimits::result_clips().max_bytes;
        Ok(self.guarded(&proxy, RESULT_IDLE, max_bytes, |guard| Rules::Results { guard, origin }))
    }

    /// For the HTTP API of a chat implementation that the owner configured: may be private, never a proxy,
    /// redirects not followed.
    pub fn plain(&self) -> HttpClient {
        HttpClient::new(Inner {
            trusted: self.transport(&Proxy::Direct, false, true, PLAIN_CONNECT),
            guarded: None,
            rules: Rules::Owner,
            beforehand: None,
            proxied: false,
            answer: PLAIN_ANSWER,
            idle: PLAIN_ANSWER,
            max_answer_bytes: self.network().max_answer_bytes,
            recorder: self.recorder.clone(),
        })
    }

    /// Whether `name` (a well-known public one) resolves into 198.18.0.0/15 on this machine, so that
    /// `[network] allow_fake_ip` is needed for user-given urls.
    ///
    /// # Errors
    /// When the name can't be resolved at all.
    pub async fn fake_ip_in_use(&self, name: &str) -> std::io::Result<bool> {
        crate::guard::fake_ip_in_use(&*self.shared.lookup, name).await
    }

    fn guarded(
        &self,
        proxy: &Proxy,
        idle: Duration,
        max_answer_bytes: u64,
        rules: impl FnOnce(Guard) -> Rules,
    ) -> HttpClient {
        let guard = Guard::new(self.network().allow_list(), !proxy.resolves_here());
        let rules = rules(guard);
        let judged_here = matches!(rules, Rules::Results { .. }) && !proxy.resolves_here();
        let beforehand = judged_here.then(|| {
            // Addresses that a proxy program makes up for names say nothing about where the proxy goes.
            let lookup = Arc::clone(&self.shared.lookup);
            GuardedResolver::new(lookup, self.network().allow_list(), true, None)
        });
        HttpClient::new(Inner {
            trusted: self.transport(proxy, false, false, DOWNLOAD_CONNECT),
            guarded: Some(self.transport(proxy, true, false, DOWNLOAD_CONNECT)),
            rules,
            beforehand,
            proxied: *proxy != Proxy::Direct,
            answer: idle,
            idle,
            max_answer_bytes,
            recorder: self.recorder.clone(),
        })
    }

    fn transport(
        &self,
        proxy: &Proxy,
        guarded: bool,
        decompresses: bool,
        connect: Duration,
    ) -> Arc<Transport> {
        let needs = Needs { proxy: proxy.clone(), guarded, decompresses, connect };
        // Nothing can panic while the map is half changed, so a poisoned lock holds a good map.
        let mut transports = self.shared.transports.lock().unwrap_or_else(PoisonError::into_inner);
        let transport = transports.entry(needs.clone()).or_insert_with(|| {
            let lookup = Arc::clone(&self.shared.lookup);
            let resolver = if guarded {
                let network = self.network();
                let proxy_host = proxy.host().map(str::to_owned);
                GuardedResolver::new(lookup, network.allow_list(), network.allow_fake_ip, proxy_host)
            } else {
                GuardedResolver::open(lookup)
            };
            Arc::new(Transport::new(needs, resolver))
        });
        Arc::clone(transport)
    }
}

impl fmt::Debug for HttpClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClients").field("network", &self.shared.network).finish_non_exhaustive()
    }
}

/// A client for one purpose. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

struct Inner {
    /// Reaches every address.
    trusted: Arc<Transport>,
    /// Reaches public addresses only; present where `rules` can send a request there.
    guarded: Option<Arc<Transport>>,
    rules: Rules,
    /// Judges names that a proxy resolves, where urls are a stranger's and the proxy may reach private networks.
    beforehand: Option<GuardedResolver>,
    proxied: bool,
    answer: Duration,
    idle: Duration,
    max_answer_bytes: u64,
    recorder: Option<Recorder>,
}

/// Whose urls a client is given.
#[derive(Debug)]
enum Rules {
    /// The owner's.
    Owner,
    /// Anybody's.
    User { guard: Guard },
    /// Those that the provider at `origin` answered.
    Results { guard: Guard, origin: Origin },
}

/// One request of a call: where it goes, through which client, and whether credentials go along.
pub(crate) struct Hop {
    pub(crate) client: reqwest::Client,
    pub(crate) url: Url,
    pub(crate) credentials: bool,
    /// Nobody vouches for the host: it was judged, and only public addresses are dialled.
    pub(crate) guarded: bool,
}

impl HttpClient {
    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Begins a GET call.
    pub fn get(&self, url: impl AsRef<str>) -> Call {
        self.call(Method::GET, url)
    }

    /// Begins a POST call.
    pub fn post(&self, url: impl AsRef<str>) -> Call {
        self.call(Method::POST, url)
    }

    /// Begins a call with any method.
    pub fn call(&self, method: Method, url: impl AsRef<str>) -> Call {
        let limits = Limits {
            deadline: None,
            answer: self.inner.answer,
            idle: self.inner.idle,
            max_answer_bytes: self.inner.max_answer_bytes,
            cancel: CancellationToken::new(),
            tape: None,
        };
        Call::new(self.clone(), method, url.as_ref(), limits)
    }

    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.inner.recorder.as_ref()
    }

    pub(crate) fn is_proxied(&self) -> bool {
        self.inner.proxied
    }

    pub(crate) fn follows_redirects(&self) -> bool {
        !matches!(self.inner.rules, Rules::Owner)
    }

    /// Judges the url of a call.
    pub(crate) async fn first_hop(&self, url: Url) -> Result<Hop, HttpError> {
        self.hop(url, None).await
    }

    /// Judges the target of a redirect that `from` answered.
    pub(crate) async fn next_hop(&self, url: Url, from: &Url) -> Result<Hop, HttpError> {
        self.hop(url, Some(from)).await
    }

    async fn hop(&self, url: Url, from: Option<&Url>) -> Result<Hop, HttpError> {
        let judged = match self.judge(&url, from) {
            Ok((Route::Guarded, moved, credentials)) => {
                self.resolved(&url).await.map(|()| (Route::Guarded, moved, credentials))
            }
            judged => judged,
        };
        match judged {
            Ok((route, moved, credentials)) => {
                let client = match (route, &self.inner.guarded) {
                    (Route::Guarded, Some(guarded)) => guarded.client().await?,
                    // Only clients with a guard judge anything as guarded.
                    (Route::Guarded | Route::Trusted, _) => self.inner.trusted.client().await?,
                };
                let guarded = route == Route::Guarded;
                Ok(Hop { client, url: moved.unwrap_or(url), credentials, guarded })
            }
            Err(reason) => {
                Err(HttpError::Blocked { host: url.host_str().unwrap_or_default().to_owned(), reason })
            }
        }
    }

    /// Judges the addresses of a guarded url's name that a proxy will resolve. When it can't be resolved here, the proxy
    /// is left to try: that it can is why there is one.
    async fn resolved(&self, url: &Url) -> Result<(), BlockReason> {
        match (&self.inner.beforehand, url.domain()) {
            (Some(resolver), Some(name)) => match tokio::time::timeout(LOOKUP, resolver.judge(name)).await {
                Ok(judged) => judged,
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The route of `url`, the url to use in its place if any, and whether credentials go along.
    fn judge(&self, url: &Url, from: Option<&Url>) -> Result<(Route, Option<Url>, bool), BlockReason> {
        check_shape(url)?;
        match &self.inner.rules {
            Rules::Owner => Ok((Route::Trusted, None, true)),
            Rules::Results { origin, .. } if origin.covers(url) => Ok((Route::Trusted, None, true)),
            Rules::Results { origin, .. } if is_this_machine(url) => {
                // Only the provider may mean itself by "this machine"; a stranger's redirect may not.
                match origin.applied_to(url) {
                    Some(moved) if from.is_none_or(|from| origin.covers(from)) => {
                        Ok((Route::Trusted, Some(moved), true))
                    }
                    _ => Err(BlockReason::Loopback),
                }
            }
            Rules::User { guard } | Rules::Results { guard, .. } => Ok((guard.check(url)?, None, false)),
        }
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("rules", &self.inner.rules).finish_non_exhaustive()
    }
}
