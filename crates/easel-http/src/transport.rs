//! The one place where the client library's clients are built.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

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
    client: OnceCell<reqwest::Client>,
}

impl Transport {
    pub(crate) fn new(needs: Needs, resolver: GuardedResolver) -> Self {
        Self { needs, resolver: Arc::new(resolver), client: OnceCell::new() }
    }

    /// The client; cloning it shares the connections. The first call makes it, on a thread that may take its time.
    pub(crate) async fn client(&self) -> Result<reqwest::Client, HttpError> {
        let failed = |detail: String| HttpError::NotSent {
            cause: NotSentCause::Other,
            detail: format!("the client could not be set up: {}", crate::redact(&detail)),
        };
        let making = async || {
            let (needs, resolver) = (self.needs.clone(), Arc::clone(&self.resolver));
            let made = tokio::task::spawn_blocking(move || build(&needs, resolver));
            made.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
        };
        self.client.get_or_try_init(making).await.cloned()
    }
}

fn build(needs: &Needs, resolver: Arc<GuardedResolver>) -> reqwest::Result<reqwest::Client> {
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
        .connect_timeout(needs.connect)
        .gzip(needs.decompresses)
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .dns_resolver(resolver);
    if let Proxy::Via(url) = &needs.proxy {
        builder = builder.proxy(reqwest::Proxy::all(url.clone())?);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::guard::SystemLookup;

    #[tokio::test]
    async fn a_client_is_made_once_and_not_on_the_callers_thread() {
        crate::crypto::install();
        let needs = Needs {
            proxy: Proxy::Direct,
            guarded: false,
            decompresses: false,
            connect: Duration::from_secs(1),
        };
        let transport = Transport::new(needs, GuardedResolver::open(Arc::new(SystemLookup)));
        // The runtime has a single thread: what it does itself is ready at once.
        assert!(transport.client().now_or_never().is_none());
        transport.client().await.unwrap();
        transport.client().now_or_never().unwrap().unwrap();
    }
}
