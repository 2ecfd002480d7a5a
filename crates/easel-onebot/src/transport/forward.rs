//! Forward WebSocket: we dial the implementation, for ever.

use std::{io, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use secrecy::ExposeSecret as _;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, rustls};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, client::IntoClientRequest as _, http::HeaderValue},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;

use super::{
    io::Io,
    session::{self, End, Roles},
};
use crate::hub::{Hub, Section};

/// For name, connection and TLS together.
const CONNECT: Duration = Duration::from_secs(10);
/// A connection that lasted this long was a good one: the next wait is short again.
const GOOD: Duration = Duration::from_secs(30);

/// Why a connection could not be made.
#[derive(Debug)]
enum DialError {
    /// The implementation wants another token.
    TokenRefused,
    /// Anything else.
    Failed(String),
}

/// Dials until `stop`.
pub(crate) async fn run(hub: Arc<Hub>, section: Arc<Section>, stop: CancellationToken) {
    let mut failures = 0;
    let mut said = String::new();
    loop {
        let started = Instant::now();
        let attempt = tokio::select! {
            () = stop.cancelled() => return,
            attempt = dial(&section) => attempt,
        };
        let refused = match attempt {
            Ok(socket) => {
                said.clear();
                let roles = Roles { calls: true, client: true };
                let session =
                    session::run(Arc::clone(&hub), Arc::clone(&section), socket, None, roles, stop.clone());
                // A panic in it is the end of one connection, as everywhere else; the panic itself is logged already.
                let end = AssertUnwindSafe(session).catch_unwind().await.unwrap_or(End::Closed);
                if end == End::Stopped {
                    return;
                }
                info!(section = section.index, ?end, "OneBot connection ended; dialling again");
                end == End::TokenRefused
            }
            Err(DialError::TokenRefused) => true,
            Err(DialError::Failed(reason)) => {
                // The same news once, not at every attempt.
                if said == reason {
                    debug!(section = section.index, reason, "the OneBot implementation cannot be reached");
                } else {
                    warn!(
                        section = section.index,
                        reason, "the OneBot implementation cannot be reached; trying on"
                    );
                    said = reason;
                }
                false
            }
        };
        if refused {
            warn!(
                section = section.index,
                "wrong token: the OneBot implementation refused the access_token; compare it on both sides"
            );
        }
        failures = if started.elapsed() >= GOOD { 0 } else { failures + 1 };
        let range = if refused { hub.timing.redial_refused } else { hub.timing.redial };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait(range, failures)) => {}
        }
    }
}

/// Doubles from the first wait to the longest, with a quarter of jitter.
fn wait((first, longest): (Duration, Duration), failures: u32) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(longest);
    doubled.mul_f64(rand::random_range(0.75..=1.25))
}

async fn dial(section: &Section) -> Result<WebSocketStream<Io>, DialError> {
    timeout(CONNECT, connect(section))
        .await
        .unwrap_or_else(|_| Err(DialError::Failed("connecting took too long".to_owned())))
}

async fn connect(section: &Section) -> Result<WebSocketStream<Io>, DialError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| DialError::Failed(format!("{what}: {error}"));
    let url = Url::parse(&section.config.url).map_err(|error| failed("the url is not usable", &error))?;
    let host = url.host_str().ok_or_else(|| DialError::Failed("the url names no host".to_owned()))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let stream =
        TcpStream::connect((bare_host, port)).await.map_err(|error| failed("no connection", &error))?;
    drop(stream.set_nodelay(true));
    let io = if url.scheme() == "wss" {
        Io::split(tls(bare_host, stream).await.map_err(|error| failed("no TLS connection", &error))?)
    } else {
        Io::plain(stream)
    };
    let mut request = section
        .config
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| failed("the url is not usable", &error))?;
    if let Some(token) = &section.token {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| {
                DialError::Failed("access_token holds characters that HTTP does not allow".to_owned())
            })?;
        value.set_sensitive(true);
        request.headers_mut().insert("authorization", value);
    }
    match client_async_with_config(request, io, Some(session::limits(section))).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) if matches!(response.status().as_u16(), 401 | 403) => {
            Err(DialError::TokenRefused)
        }
        Err(tungstenite::Error::Http(response)) => {
            Err(DialError::Failed(format!("it answered with status {}", response.status().as_u16())))
        }
        Err(error) => Err(failed("no WebSocket", &error)),
    }
}

async fn tls(host: &str, stream: TcpStream) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let config = tokio::task::spawn_blocking(easel_http::crypto::client_config)
        .await
        .map_err(io::Error::other)?
        .map_err(io::Error::other)?;
    let name = rustls::pki_types::ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let range = (Duration::from_secs(1), Duration::from_mins(1));
        for (failures, low, high) in
            [(0, 0.75, 1.25), (1, 0.75, 1.25), (3, 3.0, 5.0), (7, 45.0, 75.0), (99, 45.0, 75.0)]
        {
            let seconds = wait(range, failures).as_secs_f64();
            assert!((low..=high).contains(&seconds), "{failures}: {seconds}");
        }
    }

    /// How an implementation that wants another token is understood.
    async fn refused(dialect: easel_testkit::onebot::Dialect) {
        struct Deaf;
        impl easel_core::ports::Inbox for Deaf {
            fn starts_command(&self, _: &str) -> bool {
                false
            }
            fn deliver(&self, _: easel_core::message::Message) {}
            fn recalled(&self, _: &easel_core::ids::Chat, _: &easel_core::ids::MessageId) {}
        }
        let peer = easel_testkit::onebot::FakeOneBot::builder().dialect(dialect).token("correct").build();
        let config = crate::OneBotSection { url: peer.listen().await, ..crate::OneBotSection::default() };
        let section = Arc::new(Section::new(config, Some("wrong".into()), 0));
        let socket = match dial(&section).await {
            Err(error) => return assert!(matches!(error, DialError::TokenRefused), "{error:?}"),
            Ok(socket) => socket,
        };
        easel_http::crypto::install();
        let http = easel_http::HttpClients::new(easel_http::NetworkSection::default()).plain();
        let hub = Hub::new(Arc::new(easel_core::ports::SystemClock), super::super::Timing::default(), http);
        hub.set_inbox(Arc::new(Deaf));
        let roles = Roles { calls: true, client: true };
        let end = session::run(Arc::new(hub), section, socket, None, roles, CancellationToken::new()).await;
        assert_eq!(end, End::TokenRefused);
    }

    #[tokio::test]
    async fn wrong_tokens_are_told_from_dead_peers() {
        use easel_testkit::onebot::Dialect;
        // NapCat and LLOneBot upgrade and then refuse in a frame, Lagrange refuses the upgrade.
        for dialect in [Dialect::NapCat, Dialect::LLBot, Dialect::Lagrange] {
            refused(dialect).await;
        }
    }
}
