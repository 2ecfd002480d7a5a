//! Reverse WebSocket: the implementation dials us. One port serves any number of accounts.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use easel_core::ports::AdapterError;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    time::timeout,
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::{
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderMap, StatusCode},
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

use super::{
    auth,
    io::Io,
    session::{self, Roles},
    throttle::Refused,
};
use crate::hub::{Hub, Section};

/// What a handshake told.
#[derive(Debug, Default)]
struct Introduction {
    account: Option<String>,
    calls: bool,
}

/// Listens until `stop`.
///
/// # Errors
/// When it can't listen.
pub(crate) async fn run(
    hub: Arc<Hub>,
    section: Arc<Section>,
    ready: oneshot::Sender<()>,
    stop: CancellationToken,
) -> Result<(), AdapterError> {
    let listener = listen(&section).await?;
    info!(section = section.index, address = %section.config.listen, "waiting for OneBot reverse WebSocket connections");
    ready.send(()).ok();
    let sockets = TaskTracker::new();
    let room = Arc::new(Semaphore::new(hub.timing.sockets));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let Ok(seat) = Arc::clone(&room).try_acquire_owned() else {
                    if let Some(times) = section.refused.due(Refused::Connection, hub.timing.malformed_log) {
                        warn!(
                            section = section.index,
                            times, "too many OneBot connections; a new one is refused"
                        );
                    }
                    continue;
                };
                let (hub, section, stop) = (Arc::clone(&hub), Arc::clone(&section), stop.clone());
                sockets.spawn(async move {
                    serve(hub, section, stream, from, stop).await;
                    drop(seat);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come back.
                warn!(%error, "a OneBot connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    sockets.close();
    sockets.wait().await;
    Ok(())
}

/// Binds the address of a section.
///
/// # Errors
/// [`AdapterError::Listen`].
pub(crate) async fn listen(section: &Section) -> Result<TcpListener, AdapterError> {
    let address = &section.config.listen;
    let failed = |source| AdapterError::Listen { address: address.clone(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    section.address.get_or_init(|| bound);
    Ok(listener)
}

async fn serve(
    hub: Arc<Hub>,
    section: Arc<Section>,
    stream: TcpStream,
    from: SocketAddr,
    stop: CancellationToken,
) {
    drop(stream.set_nodelay(true));
    let mut introduction = Introduction::default();
    let handshake = accept_hdr_async_with_config(
        Io::plain(stream),
        #[expect(clippy::result_large_err, reason = "the library's handshake callback has this type")]
        |request: &Request, response: Response| {
            admit(&section, hub.timing.malformed_log, from, request, response, &mut introduction)
        },
        Some(session::limits(&section)),
    );
    let socket = match timeout(hub.timing.handshake, handshake).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return debug!(%from, %error, "a OneBot handshake failed"),
        Err(_) => return debug!(%from, "a OneBot handshake took too long"),
    };
    let roles = Roles { calls: introduction.calls, client: false };
    let end = session::run(hub, Arc::clone(&section), socket, introduction.account, roles, stop).await;
    info!(section = section.index, %from, ?end, "OneBot connection ended");
}

#[expect(clippy::result_large_err, reason = "the library's handshake callback has this type")]
fn admit(
    section: &Section,
    log_every: Duration,
    from: SocketAddr,
    request: &Request,
    response: Response,
    introduction: &mut Introduction,
) -> Result<Response, ErrorResponse> {
    if !path_fits(&section.config.path, request.uri().path()) {
        if let Some(times) = section.refused.due(Refused::Path, log_every) {
            warn!(
                section = section.index, %from, times, expected = section.config.path,
                "a OneBot peer asked for another path"
            );
        }
        return Err(refuse(StatusCode::NOT_FOUND));
    }
    let header = |name| header(request.headers(), name);
    let token = section.token.as_ref();
    let admitted = auth::check_origin(token, request.headers().contains_key("origin"))
        .and_then(|()| auth::check(token, header("authorization"), request.uri().query()));
    if let Err(refusal) = admitted {
        if let Some(times) = section.refused.due(Refused::Token(refusal), log_every) {
            warn!(section = section.index, %from, times, reason = %refusal, "a OneBot peer was refused");
        }
        return Err(refuse(StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::FORBIDDEN)));
    }
    introduction.account =
        header("x-self-id").map(str::trim).filter(|id| !id.is_empty() && *id != "0").map(str::to_owned);
    // `Universal` and `API` carry calls; so does a peer that names no role.
    introduction.calls =
        !header("x-client-role").is_some_and(|role| role.trim().eq_ignore_ascii_case("event"));
    Ok(response)
}

/// A header's text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether a path is the configured one, with or without a final slash. An empty configuration takes every path.
pub(crate) fn path_fits(configured: &str, path: &str) -> bool {
    configured.is_empty() || configured.trim_end_matches('/') == path.trim_end_matches('/')
}

fn refuse(status: StatusCode) -> ErrorResponse {
    let mut response = ErrorResponse::new(None);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_without_the_final_slash() {
        #[track_caller]
        fn check(configured: &str, path: &str, expected: bool) {
            assert_eq!(path_fits(configured, path), expected, "{configured} {path}");
        }
        check("", "/onebot/v11/ws/", true);
        check("/ws", "/ws", true);
        check("/ws", "/ws/", true);
        check("/ws/", "/ws", true);
        check("/", "/", true);
        check("/ws", "/onebot", false);
    }
}
