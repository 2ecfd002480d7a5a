//! Blobs that are written while their bodies still arrive. What is left to do when one is put is its end and its name.
//!
//! A draft that fails is given up in silence and its file removed: the body is still there and is written whole, which
//! says what is wrong.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
};

use bytes::Bytes;
use easel_core::media::{Draft, Drafts};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
};

use super::{Dirs, Spares, fresh::Fresh};

/// Begins drafts in the blob folder.
#[derive(Debug)]
pub(super) struct FileDrafts {
    pub(super) dirs: Arc<Dirs>,
    pub(super) spares: Spares,
    pub(super) places: Arc<Semaphore>,
    pub(super) runtime: Handle,
}

impl Drafts for FileDrafts {
    fn begin(&self) -> Option<Arc<dyn Draft>> {
        if self.dirs.closed.load(Ordering::Acquire) {
            return None;
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        // Not waited for: while one is being made, this draft makes its own.
        let file = self.spares.try_lock().ok().and_then(|mut spares| spares.as_mut()?.pop());
        let state = State { waiting: Vec::new(), len: 0, file, busy: false, order: None, place: Some(place) };
        let shared =
            Shared { dirs: Arc::clone(&self.dirs), runtime: self.runtime.clone(), state: Mutex::new(state) };
        Some(Arc::new(FileDraft { shared: Arc::new(shared) }))
    }
}

/// One draft. Dropped before it is stored, it is removed.
#[derive(Debug)]
pub(super) struct FileDraft {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dirs: Arc<Dirs>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes that were taken and are not written.
    waiting: Vec<Bytes>,
    /// Bytes that were taken.
    len: u64,
    /// The file; absent before the first bytes are written, and while a thread writes.
    file: Option<Fresh>,
    /// Whether a thread writes.
    busy: bool,
    order: Option<Order>,
    /// Gone when the draft is over: stored, failed or dropped.
    place: Option<OwnedSemaphorePermit>,
}

/// To give the file its name when all is written.
#[derive(Debug)]
struct Order {
    path: PathBuf,
    done: oneshot::Sender<std::io::Result<()>>,
}

impl Draft for FileDraft {
    fn push(&self, bytes: Bytes) {
        let mut state = self.shared.lock();
        if state.place.is_some() {
            state.len += bytes.len() as u64;
            state.waiting.push(bytes);
            self.shared.wake(state);
        }
    }
}

impl FileDraft {
    /// Ends the file and gives it its name; false when it can't be used, and the body must be written whole.
    pub(super) async fn store(&self, dirs: &Arc<Dirs>, path: PathBuf, len: u64) -> bool {
        let (done, told) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            let usable = state.place.is_some() && state.len == len && state.order.is_none();
            if !usable || !Arc::ptr_eq(dirs, &self.shared.dirs) {
                return false;
            }
            state.order = Some(Order { path, done });
            self.shared.wake(state);
        }
        match told.await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a picture could not be written while it arrived");
                false
            }
            Err(_) => false,
        }
    }
}

impl Drop for FileDraft {
    fn drop(&mut self) {
        let unused = self.shared.lock().end();
        // A thread that writes removes the file itself.
        if unused.is_some() {
            drop(self.shared.runtime.spawn_blocking(move || drop(unused)));
        }
    }
}

impl State {
    /// Ends the draft; the file, if it has to be removed here.
    fn end(&mut self) -> Option<Fresh> {
        self.waiting = Vec::new();
        self.place = None;
        self.file.take()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that a thread writes.
    fn wake(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if !std::mem::replace(&mut state.busy, true) {
            let shared = Arc::clone(self);
            drop(self.runtime.spawn_blocking(move || shared.work()));
        }
    }

    /// Writes whatever waits, until nothing does. Blocking.
    fn work(&self) {
        let mut file = self.lock().file.take();
        loop {
            let (segments, order) = {
                let mut state = self.lock();
                if state.place.is_none() {
                    break;
                }
                if state.waiting.is_empty() && state.order.is_none() {
                    state.busy = false;
                    state.file = file;
                    return;
                }
                (std::mem::take(&mut state.waiting), state.order.take())
            };
            let written = match file.take() {
                Some(file) => Ok(file),
                None => Fresh::create(&self.dirs.blobs),
            }
            .and_then(|mut file| file.append(&segments).map(|()| file));
            // Not needed any more, whoever else waits for the memory.
            drop(segments);
            let outcome = match (written, order) {
                (Ok(done), None) => {
                    file = Some(done);
                    continue;
                }
                (Ok(done), Some(Order { path, done: tell })) => (done.name(&path), Some(tell)),
                (Err(error), order) => (Err(error), order.map(|order| order.done)),
            };
            let (result, tell) = outcome;
            let later = {
                let mut state = self.lock();
                drop(state.end());
                state.order.take().map(|order| order.done)
            };
            if let Some(tell) = tell.or(later) {
                // Who no longer waits has dropped the body as well.
                drop(tell.send(result));
            }
            return;
        }
    }
}
