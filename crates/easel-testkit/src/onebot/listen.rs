//! How links come about: dialling the application (reverse) and being dialled by it (forward).

use super::{
    Dialect, FakeOneBot, TokenIn,
    link::{self, Line, Registration, Role},
    peer::Peer,
};
use crate::{
    PATIENCE,
    http::Target,
    tasks::{LOOPBACK, lock},
};
use futures_util::SinkExt;
use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{
    self, Message,
    client::IntoClientRequest,
    handshake::server::{ErrorResponse, Request, Response},
    http::{HeaderValue, StatusCode},
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Why an application could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectError {
    /// It answered the upgrade with this HTTP status.
    Refused {
        /// The status.
        status: u16,
        /// The body of the answer.
        body: String,
    },
    /// Nobody listens, or the handshake broke.
    Unreachable(String),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, body } => write!(f, "upgrade refused with {status}: {body}"),
            Self::Unreachable(reason) => write!(f, "unreachable: {reason}"),
        }
    }
}

impl std::error::Error for ConnectError {}

impl FakeOneBot {
    /// Dials the application at a `ws://` url, with one socket, or two after [`super::Builder::split_roles`].
    /// Links that exist already stay, as half-open ones do in the field.
    ///
    /// # Errors
    /// When the application refuses the upgrade or can't be reached.
    pub async fn connect(&self, url: &str) -> Result<(), ConnectError> {
        url.clone_into(&mut lock(&self.dialled));
        let roles: &[Role] =
            if self.peer.settings.split_roles { &[Role::Api, Role::Event] } else { &[Role::Universal] };
        for role in roles {
            self.dial(url, *role).await?;
        }
        Ok(())
    }

    /// Dials the last address again.
    ///
    /// # Errors
    /// As [`FakeOneBot::connect`].
    pub async fn reconnect(&self) -> Result<(), ConnectError> {
        let url = lock(&self.dialled).clone();
        self.connect(&url).await
    }

    /// Dials again and again, as implementations do, until the application, which may still be starting, accepts.
    ///
    /// Panics when it does not within [`PATIENCE`].
    pub async fn connect_when_up(&self, url: &str) {
        let trying = async {
            while let Err(error) = self.connect(url).await {
                assert!(matches!(error, ConnectError::Unreachable(_)), "{url}: {error}");
                // Another process's readiness can only be asked for, not awaited.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, trying).await.is_ok(), "nobody accepts at {url}");
    }

    async fn dial(&self, url: &str, role: Role) -> Result<(), ConnectError> {
        let unreachable = |error: &dyn fmt::Display| ConnectError::Unreachable(error.to_string());
        let settings = &self.peer.settings;
        let mut url = url.to_owned();
        if settings.token_in == TokenIn::Query && !settings.token.is_empty() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str("access_token=");
            url.push_str(&settings.token);
        }
        let target = Target::parse(&url).ok_or_else(|| unreachable(&"not a ws:// url"))?;
        let mut request = url.as_str().into_client_request().map_err(|error| unreachable(&error))?;
        let headers = request.headers_mut();
        let mut set = |name: &'static str, value: String| {
            let value = HeaderValue::try_from(value).expect("a value of visible letters");
            headers.insert(name, value);
        };
        set("x-self-id", settings.self_id.to_string());
        set("x-client-role", role.as_str().to_owned());
        set("user-agent", "OneBot/11".to_owned());
        // NapCat and LLBot write the field even when there is nothing to write.
        let always = matches!(settings.dialect, Dialect::NapCat | Dialect::LLBot);
        if settings.token_in == TokenIn::Header && (always || !settings.token.is_empty()) {
            set("authorization", format!("Bearer {}", settings.token));
        }
        let stream = TcpStream::connect(&target.authority).await.map_err(|error| unreachable(&error))?;
        let limits = Some(link::limits(settings.dialect.max_frame_bytes()));
        let handshake = tokio_tungstenite::client_async_with_config(request, Line::new(stream), limits);
        let handshake =
            tokio::time::timeout(PATIENCE, handshake).await.map_err(|error| unreachable(&error))?;
        let (socket, _) = handshake.map_err(|error| match error {
            tungstenite::Error::Http(response) => ConnectError::Refused {
                status: response.status().as_u16(),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned(),
            },
            error => unreachable(&error),
        })?;
        let (registration, queue) = Registration::new(&self.peer, role, socket.get_ref());
        self.links.spawn(link::run(registration, queue, socket));
        Ok(())
    }

    /// Listens for the application on a free port; returns `ws://127.0.0.1:PORT`.
    pub async fn listen(&self) -> String {
        let address = self.listen_at(LOOPBACK).await;
        format!("ws://{address}")
    }

    /// Listens for the application at this address, for example one that was used before.
    pub async fn listen_at(&self, address: SocketAddr) -> SocketAddr {
        let peer = Arc::clone(&self.peer);
        self.servers.listen(address, move |stream| welcome(Arc::clone(&peer), stream)).await
    }

    /// Ends all listening, HTTP included, and the connections that came in by it.
    pub async fn stop_listening(&self) {
        self.servers.stop().await;
    }
}

/// What the dialect does with a client that has dialled.
enum Verdict {
    Welcome(Role),
    /// Upgrade, tell, close.
    WrongToken,
}

#[expect(clippy::result_large_err, reason = "the shape of the handshake callback is given")]
async fn welcome(peer: Arc<Peer>, stream: TcpStream) {
    let mut verdict = Verdict::WrongToken;
    let judge = |request: &Request, response: Response| {
        match judge(&peer, request) {
            Ok(good) => verdict = good,
            Err(status) => {
                let mut refusal = ErrorResponse::new(None);
                *refusal.status_mut() = status;
                return Err(refusal);
            }
        }
        Ok(response)
    };
    let limits = Some(link::limits(peer.settings.dialect.max_frame_bytes()));
    let handshake = tokio_tungstenite::accept_hdr_async_with_config(Line::new(stream), judge, limits);
    let Ok(mut socket) = handshake.await else { return };
    match verdict {
        Verdict::Welcome(role) => {
            let (registration, queue) = Registration::new(&peer, role, socket.get_ref());
            link::run(registration, queue, socket).await;
        }
        Verdict::WrongToken => {
            let told = socket.send(Message::text(peer.settings.dialect.token_refused().to_string())).await;
            let policy = CloseFrame { code: CloseCode::Policy, reason: "token验证失败".into() };
            let farewell = (peer.settings.dialect == Dialect::LLBot).then_some(policy);
            if told.is_ok() {
                // The client may have left at once; it knows enough then.
                socket.close(farewell).await.ok();
            }
        }
    }
}

fn judge(peer: &Peer, request: &Request) -> Result<Verdict, StatusCode> {
    let settings = &peer.settings;
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let header =
        header.map(|value| value.strip_prefix("Bearer ").unwrap_or(value).trim()).unwrap_or_default();
    let query = request.uri().query().unwrap_or_default();
    let query = query.split('&').find_map(|pair| pair.strip_prefix("access_token=")).unwrap_or_default();
    // When both are there NapCat lets the query win, the others the header.
    let (first, second) = if settings.dialect == Dialect::NapCat { (query, header) } else { (header, query) };
    let shown = if first.is_empty() { second } else { first };
    if !settings.token.is_empty() && shown != settings.token {
        return match settings.dialect {
            Dialect::NapCat | Dialect::LLBot => Ok(Verdict::WrongToken),
            Dialect::GoCqhttp if shown.is_empty() => Err(StatusCode::UNAUTHORIZED),
            Dialect::Lagrange | Dialect::GoCqhttp => Err(StatusCode::FORBIDDEN),
        };
    }
    let path = request.uri().path().trim_end_matches('/');
    Ok(Verdict::Welcome(match (settings.dialect, path) {
        (_, "") => Role::Universal,
        (_, "/api") => Role::Api,
        (_, "/event") => Role::Event,
        (Dialect::LLBot, _) => Role::Mute,
        _ => Role::Universal,
    }))
}
