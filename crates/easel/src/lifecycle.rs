//! Signals: the first asks for a soft stop (no new jobs, running ones end), the second for a hard one.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long running jobs may take to end after the first signal. Jobs that wait stay in the ledger.
pub(crate) const DRAIN: Duration = Duration::from_secs(30);

/// The two signals that end a program.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
