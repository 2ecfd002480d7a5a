//! Owner of the tasks of one fake peer: dropping it ends all of them, so that no test leaves sockets behind.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A free port of this machine.
pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Tasks that end when this value is dropped or [`Tasks::stop`] is called.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<JoinSet<()>>);

impl Tasks {
    /// Starts a task in the current runtime.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.0).spawn(task);
    }

    /// Listens at `address`, says where, and gives every connection to a task of its own, until the tasks end. Panics
    /// when it can't listen.
    pub(crate) async fn listen<F>(
        &self,
        address: SocketAddr,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> SocketAddr
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let address = listener.local_addr().expect("the address of a bound socket");
        self.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((stream, _)) = accepted {
                            connections.spawn(serve(stream));
                        }
                    }
                    Some(_) = connections.join_next(), if !connections.is_empty() => {}
                }
            }
        });
        address
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
