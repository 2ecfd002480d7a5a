//! What a peer received, in the order of arrival, with waiting that is driven by arrival.

use crate::{PATIENCE, tasks::lock};
use std::{fmt::Debug, panic::Location, sync::Mutex};
use tokio::sync::Notify;

/// An append-only list. Each entry can be *taken* once by a waiter and stays readable by [`Journal::all`].
#[derive(Debug)]
pub(crate) struct Journal<T> {
    entries: Mutex<Vec<Entry<T>>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    taken: bool,
}

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self { entries: Mutex::default(), arrived: Notify::new() }
    }
}

impl<T: Clone> Journal<T> {
    pub(crate) fn push(&self, item: T) {
        lock(&self.entries).push(Entry { item, taken: false });
        self.arrived.notify_waiters();
    }

    pub(crate) fn all(&self) -> Vec<T> {
        lock(&self.entries).iter().map(|entry| entry.item.clone()).collect()
    }

    /// Takes the oldest entry that fits and was not taken before; waits for one if there is none.
    ///
    /// Panics after [`PATIENCE`], naming the caller, `what` was awaited and, through `show`, what came instead.
    #[track_caller]
    pub(crate) fn take(
        &self,
        what: String,
        fits: impl Fn(&T) -> bool + Send + Sync,
        show: impl Fn(&T) -> String + Send + Sync,
    ) -> impl Future<Output = T> + Send
    where
        T: Send,
    {
        let caller = Location::caller();
        async move {
            let found = async {
                loop {
                    let arrival = self.arrived.notified();
                    tokio::pin!(arrival);
                    arrival.as_mut().enable();
                    if let Some(item) = self.take_now(&fits) {
                        return item;
                    }
                    arrival.await;
                }
            };
            if let Ok(item) = tokio::time::timeout(PATIENCE, found).await {
                return item;
            }
            let seen: Vec<String> = lock(&self.entries).iter().map(|entry| show(&entry.item)).collect();
            panic!("waited in vain for {what} at {caller}; received so far: {seen:?}");
        }
    }

    fn take_now(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut entries = lock(&self.entries);
        let entry = entries.iter_mut().find(|entry| !entry.taken && fits(&entry.item))?;
        entry.taken = true;
        Some(entry.item.clone())
    }
}
