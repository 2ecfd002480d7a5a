//! The one place where the client library's clients are built.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::error::{HttpError, NotSentCause};
use crate::guard::GuardedResolver;
use crate::proxy::Proxy;

/// How easel introduces itself.
const USER_AGENT: &str = concat!("easel/", env!("CARGO_PKG_VERSION"));
/// Connections that stay open longer than the peer keeps them are closed by it just when the next request goes
/// out, and nobody can tell then whether a paid request arrived. Five seconds is the shortest common server
/// default (Node's), so ours are gone before.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// What makes two transports different.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Needs {
    pub(crate) proxy: Proxy,
    pub(crate) guarded: bool,
    pub(crate) decompresses: bool,
    pub(crate) connect: Duration,
}

/// Connections, trust roots and a resolver, set up at the first use: reading the machine's certificates takes
/// time that a start must not wait for, and memory that an offline easel never needs.
pub(crate) struct Transport {
    needs: Needs,
    resolver: Arc<GuardedResolver>,
    client: OnceLock<reqwest::Client>,
}

impl Transport {
    pub(crate) fn new(needs: Needs, resolver: GuardedResolver) -> Self {
        Self { needs, resolver: Arc::new(resolver), client: OnceLock::new() }
    }

    /// The client; cloning it shares the connections.
    pub(crate) fn client(&self) -> Result<reqwest::Client, HttpError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        // Two first calls at once may both build; one of the clients is then dropped unused.
        let built = self.build().map_err(|error| HttpError::NotSent {
            cause: NotSentCause::Other,
            detail: format!("the client could not be set up: {}", crate::redact(&error.to_string())),
        })?;
        Ok(self.client.get_or_init(|| built).clone())
    }

    fn build(&self) -> reqwest::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            // First of all: without it the environment's proxies are obeyed.
            .no_proxy()
            .use_rustls_tls()
            .user_agent(USER_AGENT)
            // Redirects are followed by `Call`, which judges each hop and knows whose credentials are whose.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // One connection per call: big bodies don't wait for each other, and what was sent is certain.
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE)
            .connect_timeout(self.needs.connect)
            .gzip(self.needs.decompresses)
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .dns_resolver(Arc::clone(&self.resolver));
        if let Proxy::Via(url) = &self.needs.proxy {
            builder = builder.proxy(reqwest::Proxy::all(url.clone())?);
        }
        builder.build()
    }
}
