//! Sockets: who dials whom, frames in and out, calls and their answers.
//!
//! [`reverse`], [`forward`] and [`http`] make links; a [`session`] reads one socket; one [`writer`] task per socket
//! writes it; [`connection`] pairs calls with answers. What a frame means is decided in `inbound`.

mod auth;
pub(crate) mod connection;
mod forward;
mod frame;
mod http;
pub(crate) mod io;
mod reverse;
pub(crate) mod session;
mod throttle;
mod writer;

use std::time::Duration;

pub(crate) use connection::{CallError, Frames, Reply};
pub(crate) use http::HttpLink;
pub(crate) use throttle::Throttle;

/// Waits and limits that are no configuration; tests make them short.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    /// For the WebSocket upgrade. Implementations give it two seconds themselves.
    pub(crate) handshake: Duration,
    /// Heartbeats are expected this often until a frame tells better.
    pub(crate) heartbeat: Duration,
    /// The shortest heartbeat that is believed.
    pub(crate) heartbeat_floor: Duration,
    /// A forward connection that says nothing is asked for its account after this long.
    pub(crate) introduction: Duration,
    /// First and longest wait between two attempts to dial.
    pub(crate) redial: (Duration, Duration),
    /// The same after a refused token.
    pub(crate) redial_refused: (Duration, Duration),
    /// The fixed part of a send's limit.
    pub(crate) send: Duration,
    /// A writer that makes no progress for this long is given up.
    pub(crate) stalled_write: Duration,
    /// Before an upload that QQ refused is tried once more.
    pub(crate) second_upload: Duration,
    /// Messages whose times are off by the same amount over this long prove that a clock is wrong.
    pub(crate) clock_proof: Duration,
    /// Malformed frames of one connection, and refusals of one kind, are logged at most this often.
    pub(crate) malformed_log: Duration,
    /// Connections that one port serves at once.
    pub(crate) sockets: usize,
    /// HTTP: for the head of a request to arrive, and for the next one to begin.
    pub(crate) head: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(2),
            heartbeat: Duration::from_secs(30),
            heartbeat_floor: Duration::from_secs(1),
            introduction: Duration::from_secs(3),
            redial: (Duration::from_secs(1), Duration::from_mins(1)),
            redial_refused: (Duration::from_mins(1), Duration::from_mins(10)),
            send: Duration::from_mins(1),
            stalled_write: Duration::from_secs(30),
            second_upload: Duration::from_secs(2),
            clock_proof: Duration::from_mins(1),
            malformed_log: Duration::from_mins(1),
            sockets: 256,
            head: Duration::from_secs(30),
        }
    }
}

/// Runs one section until `stop`.
///
/// # Errors
/// When it can't listen.
pub(crate) async fn run(
    hub: std::sync::Arc<crate::hub::Hub>,
    link: std::sync::Arc<crate::hub::Section>,
    ready: tokio::sync::oneshot::Sender<()>,
    stop: tokio_util::sync::CancellationToken,
) -> Result<(), easel_core::ports::AdapterError> {
    match link.config.mode {
        crate::config::Mode::Reverse => reverse::run(hub, link, ready, stop).await,
        crate::config::Mode::Http => http::run(hub, link, ready, stop).await,
        crate::config::Mode::Forward => {
            // Dialling begins at once and has no end; nobody waits for it.
            ready.send(()).ok();
            forward::run(hub, link, stop).await;
            Ok(())
        }
    }
}
