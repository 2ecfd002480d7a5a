//! Owner of the tasks of one fake peer: dropping it ends all of them, so that no test leaves sockets behind.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// Tasks that end when this value is dropped or [`Tasks::stop`] is called.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Starts a task in the current runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.0).spawn(task);
    }

    /// Ends all tasks; the returned future waits until their sockets are closed.
    pub(crate) async fn stop(&self) {
        let mut old = std::mem::take(&mut *lock(&self.0));
        old.shutdown().await;
    }
}

/// Locks a mutex whose content stays usable when a test thread panicked while holding it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
