//! Group commit: what is appended is written at once, also while an fsync runs, and many waiters share one fsync.
//!
//! Two equal threads serve one queue. Whoever is free takes a role: *write* (one write call for everything queued) or
//! *sync* (one fdatasync for everything written). A lone append therefore costs one wake-up, one write and one
//! fdatasync on the same thread; under load one thread writes while the other syncs.

#![expect(
    clippy::disallowed_methods,
    reason = "the store's own threads are outside of tokio and of its time"
)]

use std::{
    fs::File,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use easel_core::{job::ledger::Entry, ports::StoreError};
use tokio::sync::{Notify, oneshot};

use super::active::Active;
use crate::files::store_error;

/// Is handed entries once they are durable, in order. Called on a writing thread: it must be quick.
pub(crate) type Listener = Arc<dyn Fn(Vec<Entry>) + Send + Sync>;

/// More bytes than this waiting for the disk mean that it is stuck: appends are refused.
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// The threads and what they share.
pub(super) struct Writer {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    rotated: Notify,
    listener: Listener,
}

struct State {
    /// Lines that wait to be written, and who waits for them.
    lines: Vec<u8>,
    queued: Vec<Group>,
    /// Written, not yet synced.
    written: Vec<Group>,
    /// `None` while the write role has it.
    active: Option<Active>,
    syncing: bool,
    /// A thread waits until the write role gives the file back.
    file_wanted: bool,
    /// The groups that the running fsync covers began to wait then.
    syncing_since: Option<Instant>,
    writing_since: Option<Instant>,
    /// How far the file is known to be durable, by segment number and offset.
    durable: (u64, u64),
    stopping: bool,
    last_error: Option<String>,
}

/// Whether an append wakes a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hurry {
    Yes,
    /// It goes with the next one that does.
    No,
}

/// The entries of one append.
struct Group {
    entries: Vec<Entry>,
    done: oneshot::Sender<Result<(), StoreError>>,
    since: Instant,
    hurry: Hurry,
}

fn refuse(groups: Vec<Group>, error: &StoreError) {
    for group in groups {
        // A receiver that is gone has lost interest.
        drop(group.done.send(Err(error.clone())));
    }
}

impl Writer {
    pub(super) fn start(active: Active, listener: Listener) -> io::Result<Self> {
        let durable = (active.number(), active.end());
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                lines: Vec::new(),
                queued: Vec::new(),
                written: Vec::new(),
                active: Some(active),
                syncing: false,
                file_wanted: false,
                syncing_since: None,
                writing_since: None,
                durable,
                stopping: false,
                last_error: None,
            }),
            wake: Condvar::new(),
            rotated: Notify::new(),
            listener,
        });
        let writer = Self { shared, threads: Mutex::new(Vec::new()) };
        for number in 1..=2 {
            let shared = Arc::clone(&writer.shared);
            let thread = thread::Builder::new()
                .name(format!("easel-journal-{number}"))
                .stack_size(256 << 10)
                .spawn(move || shared.work())?;
            writer.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(writer)
    }

    /// Hands lines over; `done` learns when they are durable.
    pub(super) fn push(
        &self,
        lines: &[u8],
        entries: Vec<Entry>,
        done: oneshot::Sender<Result<(), StoreError>>,
        hurry: Hurry,
    ) -> Result<(), StoreError> {
        let mut state = self.shared.lock();
        if state.stopping {
            return Err(StoreError::Closed);
        }
        if state.lines.len() + lines.len() > MAX_QUEUED_BYTES {
            return Err(StoreError::Io(
                "the disk does not keep up with the job journal; check the disk".to_owned(),
            ));
        }
        state.lines.extend_from_slice(lines);
        state.queued.push(Group { entries, done, since: Instant::now(), hurry });
        drop(state);
        if hurry == Hurry::Yes {
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    pub(super) fn rotated(&self) -> &Notify {
        &self.shared.rotated
    }

    pub(super) fn health(&self) -> (Option<Duration>, Option<String>) {
        let state = self.shared.lock();
        let oldest_written = state.written.first().map(|group| group.since);
        // What is in no hurry waits for company, not for the disk.
        let oldest_queued =
            state.queued.iter().find(|group| group.hurry == Hurry::Yes).map(|group| group.since);
        let oldest = [state.syncing_since, state.writing_since, oldest_written, oldest_queued];
        (oldest.into_iter().flatten().min().map(|since| since.elapsed()), state.last_error.clone())
    }

    pub(super) fn close(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a journal thread panicked");
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            state = if !state.syncing && !state.written.is_empty() {
                self.sync(state)
            } else if !state.queued.is_empty()
                && let Some(active) = state.active.take()
            {
                self.write(state, active)
            } else if state.active.as_ref().is_some_and(Active::wants_zeros)
                && let Some(active) = state.active.take()
            {
                self.write_zeros(state, active)
            } else if state.stopping && state.active.is_some() && !state.syncing {
                // Nothing is queued, written or running: the last thread to come here drops the zeros.
                if let Some(active) = &mut state.active
                    && let Err(error) = active.trim()
                {
                    tracing::warn!(%error, "the journal could not be closed tidily; nothing is lost");
                }
                self.wake.notify_all();
                return;
            } else {
                self.wake.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// The write role: everything queued goes to the file in one call.
    fn write<'a>(&'a self, mut state: MutexGuard<'a, State>, mut active: Active) -> MutexGuard<'a, State> {
        let mut lines = std::mem::take(&mut state.lines);
        let groups = std::mem::take(&mut state.queued);
        state.writing_since = groups.first().map(|group| group.since);
        drop(state);
        let mut closed = None;
        if active.is_full() {
            match active.rotate() {
                Ok(()) => {
                    closed = Some((active.number(), active.end()));
                    self.rotated.notify_one();
                }
                Err(error) => {
                    tracing::warn!(%error, "a new journal segment could not be made; the old one goes on");
                    active.postpone_rotation();
                }
            }
        }
        let wrote = active.write(&lines);
        lines.clear();
        let mut state = self.lock();
        if let Some(durable) = closed {
            state.durable = durable;
        }
        state.active = Some(active);
        state.writing_since = None;
        if state.lines.capacity() == 0 && lines.capacity() <= 64 << 10 {
            state.lines = lines;
        }
        match wrote {
            Ok(()) => state.written.extend(groups),
            Err(error) => {
                let error = store_error("write the job journal", &error);
                state.last_error = Some(error.to_string());
                drop(state);
                refuse(groups, &error);
                state = self.lock();
            }
        }
        if std::mem::take(&mut state.file_wanted) {
            self.wake.notify_one();
        }
        state
    }

    fn write_zeros<'a>(&'a self, state: MutexGuard<'a, State>, mut active: Active) -> MutexGuard<'a, State> {
        drop(state);
        active.write_zeros_ahead();
        let file = active.file();
        let mut state = self.lock();
        state.active = Some(active);
        let wanted = std::mem::take(&mut state.file_wanted) || !state.queued.is_empty();
        drop(state);
        if wanted {
            self.wake.notify_one();
        }
        // Beside the path of any picture: nobody waits for this one.
        if let Err(error) = file.sync_data() {
            tracing::warn!(%error, "zeros ahead of the journal could not be synced");
        }
        self.lock()
    }

    /// The sync role: one fdatasync for everything written so far.
    fn sync<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(active) = &state.active else {
            // The other thread is writing: its lines join this fsync.
            state.file_wanted = true;
            return self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let (file, upto): (Arc<File>, _) = (active.file(), (active.number(), active.end()));
        let groups = std::mem::take(&mut state.written);
        state.syncing = true;
        state.syncing_since = groups.first().map(|group| group.since);
        let more = !state.queued.is_empty();
        drop(state);
        if more {
            self.wake.notify_one();
        }
        let synced = file.sync_data();
        let mut state = match synced {
            Ok(()) => {
                self.tell(groups);
                let mut state = self.lock();
                state.durable = state.durable.max(upto);
                state.last_error = None;
                state
            }
            Err(error) => self.sync_failed(groups, &error),
        };
        state.syncing = false;
        state.syncing_since = None;
        state
    }

    fn tell(&self, groups: Vec<Group>) {
        let mut entries = Vec::new();
        for group in groups {
            drop(group.done.send(Ok(())));
            entries.extend(group.entries);
        }
        (self.listener)(entries);
    }

    /// After a failed fsync nobody knows what is on the disk: everything since the last good one is cut off and
    /// refused, so that no refused entry can come back later.
    fn sync_failed(&self, mut groups: Vec<Group>, error: &io::Error) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        let mut active = loop {
            if let Some(active) = state.active.take() {
                break active;
            }

            state.file_wanted = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        groups.append(&mut state.written);
        let (number, end) = state.durable;
        drop(state);
        if number == active.number()
            && let Err(error) = active.cut_back(end)
        {
            tracing::error!(%error, "the journal could not be cut back to its last durable line");
        }
        let error = store_error("sync the job journal", error);
        refuse(groups, &error);
        let mut state = self.lock();
        state.active = Some(active);
        state.last_error = Some(error.to_string());
        state
    }
}
