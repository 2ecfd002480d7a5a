//! Blobs that are written while their bodies still arrive. What is left to do when one is put is its end and its name.
//!
//! A draft that fails is given up in silence and its file removed: the body is still there and is written whole, which
//! says what is wrong.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
    time::Duration,
};

use bytes::Bytes;
use easel_core::media::{Draft, Drafts};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Dirs, Spares, fill, fresh::Fresh};

/// After a picture, before files for the next ones are made.
const PAUSE: Duration = Duration::from_micros(500);

/// Begins drafts in the blob folder. Its thread ends with it.
#[derive(Debug)]
pub(super) struct FileDrafts {
    dirs: Arc<Dirs>,
    spares: Spares,
    places: Arc<Semaphore>,
    work: Arc<Work>,
}

impl FileDrafts {
    /// With room for `most` drafts at a time.
    pub(super) fn start(dirs: Arc<Dirs>, spares: Spares, most: usize) -> io::Result<Self> {
        let work = Arc::new(Work::default());
        let worker = {
            let (work, dirs, spares) = (Arc::clone(&work), Arc::clone(&dirs), Arc::clone(&spares));
            thread::Builder::new().name("easel-drafts".to_owned()).spawn(move || work.run(&spares, &dirs))?
        };
        work.lock().worker = Some(worker.thread().clone());
        Ok(Self { dirs, spares, places: Arc::new(Semaphore::new(most)), work })
    }

    /// Begins no more, and ends the thread when it has done what was begun.
    pub(super) fn close(&self) {
        self.places.close();
        self.work.close();
    }
}

impl Drop for FileDrafts {
    fn drop(&mut self) {
        self.close();
    }
}

impl Drafts for FileDrafts {
    fn begin(&self) -> Option<Arc<dyn Draft>> {
        Some(self.draft()?)
    }
}

impl FileDrafts {
    fn draft(&self) -> Option<Arc<FileDraft>> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        // Not waited for: while one is being made, this draft makes its own.
        let file = self.spares.try_lock().ok().and_then(|mut spares| spares.as_mut()?.pop());
        let state = State { waiting: Vec::new(), len: 0, file, busy: false, order: None, place: Some(place) };
        let (dirs, work) = (Arc::clone(&self.dirs), Arc::clone(&self.work));
        Some(Arc::new(FileDraft { shared: Arc::new(Shared { dirs, work, state: Mutex::new(state) }) }))
    }
}

/// Drafts with something to do, and the one thread that does it. A thread of our own and not one of a pool, because it is
/// woken without a lock being held: on a busy machine a thread that wakes only to wait loses its turn, and with it the
/// time that a draft saves.
#[derive(Debug, Default)]
struct Work {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    ready: VecDeque<Arc<Shared>>,
    worker: Option<Thread>,
    closed: bool,
}

impl Work {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a draft to the thread; false when there is none any more.
    fn add(&self, draft: Arc<Shared>) -> bool {
        let worker = {
            let mut queue = self.lock();
            if queue.closed {
                return false;
            }
            queue.ready.push_back(draft);
            queue.worker.clone()
        };
        if let Some(worker) = worker {
            worker.unpark();
        }
        true
    }

    fn close(&self) {
        let worker = {
            let mut queue = self.lock();
            queue.closed = true;
            queue.worker.take()
        };
        if let Some(worker) = worker {
            worker.unpark();
        }
    }

    fn run(&self, spares: &Spares, dirs: &Dirs) {
        let _closing = Closing(self);
        let mut spares_lack = false;
        loop {
            let (next, closed) = {
                let mut queue = self.lock();
                (queue.ready.pop_front(), queue.closed)
            };
            match next {
                // A panic costs one draft, not the thread: without it nobody would write the next ones.
                Some(draft) => {
                    let stored = catch_unwind(AssertUnwindSafe(|| draft.write())).unwrap_or_else(|_| {
                        tracing::error!(code = "E-PANIC", "writing a picture while it arrived panicked");
                        draft.give_up();
                        false
                    });
                    spares_lack |= stored;
                }
                None if closed => return,
                // Not right away: whoever waited for the draft now needs the processor and the disk for its record.
                None if spares_lack => {
                    thread::park_timeout(PAUSE);
                    spares_lack = !self.lock().ready.is_empty();
                    if !spares_lack {
                        fill(spares, dirs);
                    }
                }
                None => thread::park(),
            }
        }
    }
}

/// Ends the work with its thread, however that ends: who waits for a draft is told, and no more are begun.
struct Closing<'a>(&'a Work);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
        let left = std::mem::take(&mut self.0.lock().ready);
        for draft in left {
            draft.give_up();
        }
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
    work: Arc<Work>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes that were taken and are not written.
    waiting: Vec<Bytes>,
    /// Bytes that were taken.
    len: u64,
    /// The file; absent before the first bytes are written, and while the thread writes.
    file: Option<Fresh>,
    /// Whether the thread has it, or will.
    busy: bool,
    order: Option<Order>,
    /// Gone when the draft is over: stored, failed or dropped.
    place: Option<OwnedSemaphorePermit>,
}

/// To give the file its name when all is written.
#[derive(Debug)]
struct Order {
    path: PathBuf,
    done: oneshot::Sender<io::Result<()>>,
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
        let mut state = self.shared.lock();
        state.end();
        // The thread removes the file.
        if state.file.is_some() {
            Shared::wake(&self.shared, state);
        }
    }
}

impl State {
    /// Ends the draft, but for its file.
    fn end(&mut self) {
        self.waiting = Vec::new();
        self.order = None;
        self.place = None;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that the thread takes the draft.
    fn wake(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let busy = std::mem::replace(&mut state.busy, true);
        drop(state);
        if !busy && !self.work.add(Arc::clone(self)) {
            self.give_up();
        }
    }

    /// Ends the draft and removes its file; who waits for it is told.
    fn give_up(&self) {
        let mut state = self.lock();
        state.end();
        drop(state.file.take());
    }

    /// Writes whatever waits, until nothing does; true when the file has its name then. Blocking.
    fn write(&self) -> bool {
        let mut file = self.lock().file.take();
        loop {
            let (segments, order) = {
                let mut state = self.lock();
                if state.place.is_none() {
                    // Without a name it is removed.
                    return false;
                }
                if state.waiting.is_empty() && state.order.is_none() {
                    state.busy = false;
                    state.file = file;
                    return false;
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
            let (result, order) = match (written, order) {
                (Ok(done), None) => {
                    file = Some(done);
                    continue;
                }
                (Ok(done), Some(order)) => (done.name(&order.path), Some(order)),
                (Err(error), order) => (Err(error), order),
            };
            let order = {
                let mut state = self.lock();
                let order = order.or(state.order.take());
                state.end();
                order
            };
            let stored = result.is_ok();
            return order.is_some_and(|order| {
                // Who no longer waits has dropped the body as well.
                drop(order.done.send(result));
                stored
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

    use easel_core::{
        media::{Body, BytesBudget, SEGMENT, Spool},
        ports::Blobs as _,
    };

    use super::super::{BlobFiles, DRAFTS};
    use super::*;

    struct World {
        dir: tempfile::TempDir,
        blobs: BlobFiles,
        spool: Spool,
    }

    fn world() -> World {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobFiles::open(dir.path()).unwrap();
        let spool = Spool::new(BytesBudget::new(64 << 20), &dir.path().join("spool")).unwrap();
        World { spool: spool.with_drafts(blobs.drafts()), blobs, dir }
    }

    impl World {
        fn body(&self, len: usize) -> (Vec<u8>, Body) {
            let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
            bytes.extend((0..=250).cycle().take(len - 8));
            let mut sink = self.spool.sink(0);
            for piece in bytes.chunks(70_000) {
                sink.write(piece).unwrap();
            }
            (bytes, sink.finish().unwrap())
        }

        /// Names in the folder that blobs can't have.
        fn passing(&self) -> Vec<PathBuf> {
            let entries = fs::read_dir(self.blobs.dir()).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.extension().is_some_and(|ending| ending == "tmp")).collect()
        }

        /// Puts a body; what came back, and whether that was its draft.
        async fn put(&self, name: &str, body: &Body) -> (Vec<u8>, bool) {
            let draft = match body.draft::<FileDraft>() {
                Some(draft) => draft.inode().await,
                None => None,
            };
            self.blobs.put(name, body).await.unwrap();
            let stored = fs::metadata(self.blobs.dir().join(name)).unwrap().ino();
            let drafted = draft == Some(stored);
            let read = self.blobs.get(name).await.unwrap().unwrap().read().unwrap();
            (read.to_vec(), drafted)
        }
    }

    impl FileDraft {
        fn is_open(&self) -> bool {
            self.shared.lock().place.is_some()
        }

        /// The number of its file, once the thread has written what came so far.
        async fn inode(&self) -> Option<u64> {
            until(|| !self.is_open() || !self.shared.lock().busy).await;
            let state = self.shared.lock();
            Some(fs::metadata(state.file.as_ref()?.path()).ok()?.ino())
        }
    }

    /// Waits for the thread, but not for ever.
    async fn until(done: impl Fn() -> bool) {
        let came = async {
            while !done() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), came).await.unwrap();
    }

    #[tokio::test]
    async fn drafted_bodies_are_stored_as_they_are() {
        let w = world();
        for len in [SEGMENT, SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 5000, 2_000_000] {
            let (bytes, body) = w.body(len);
            let name = format!("{len}.png");
            assert_eq!(w.put(&name, &body).await, (bytes.clone(), true), "{len}");
            // The draft is used up: a second blob of the same body is written whole.
            assert_eq!(w.put("again.png", &body).await, (bytes, false), "{len}");
        }
        let (bytes, small) = w.body(SEGMENT - 1);
        assert_eq!(w.put("small.png", &small).await, (bytes, false));
        w.blobs.unsynced().sync(w.blobs.dir()).unwrap();
    }

    #[tokio::test]
    async fn bodies_that_are_dropped_leave_nothing() {
        let w = world();
        for _ in 0..2 * DRAFTS {
            let (_, body) = w.body(1_000_000);
            assert!(body.draft::<FileDraft>().is_some(), "the places are free again");
            drop(body);
        }
        until(|| w.passing().is_empty()).await;
    }

    #[tokio::test]
    async fn drafts_are_bounded() {
        let w = world();
        let bodies: Vec<_> = (0..=DRAFTS).map(|_| w.body(500_000)).collect();
        let drafted = bodies.iter().filter(|(_, body)| body.draft::<FileDraft>().is_some()).count();
        assert_eq!(drafted, DRAFTS);
        for (number, (bytes, body)) in bodies.iter().enumerate() {
            assert_eq!(w.put(&format!("{number}.png"), body).await, (bytes.clone(), number < DRAFTS));
        }
    }

    #[tokio::test]
    async fn a_draft_that_fails_costs_nothing_but_time() {
        let w = world();
        // Its file is swept away by hand: it can't get its name.
        let (bytes, body) = w.body(1_000_000);
        let draft = body.draft::<FileDraft>().unwrap();
        until(|| !draft.shared.lock().busy).await;
        for path in w.passing() {
            fs::remove_file(path).unwrap();
        }
        assert_eq!(w.put("a.png", &body).await, (bytes, false));
        // The folder is gone: it is not even begun.
        let w = world();
        let away = w.dir.path().join("away");
        fs::rename(w.blobs.dir(), &away).unwrap();
        let (bytes, body) = w.body(1_000_000);
        let draft = body.draft::<FileDraft>().unwrap();
        until(|| !draft.is_open()).await;
        w.blobs.put("b.png", &body).await.unwrap_err();
        fs::rename(&away, w.blobs.dir()).unwrap();
        assert_eq!(w.put("b.png", &body).await, (bytes, false));
    }

    /// Bytes whose end is one.
    struct Bomb(Vec<u8>);

    impl AsRef<[u8]> for Bomb {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the thread");
        }
    }

    #[tokio::test]
    async fn a_panic_costs_one_draft_and_not_the_thread() {
        let w = world();
        let dirs = &w.blobs.dirs;
        // Nothing but drafts in the folder.
        w.blobs.spares.lock().unwrap().take();
        let drafts = FileDrafts::start(Arc::clone(dirs), Arc::clone(&w.blobs.spares), 1).unwrap();
        let draft = drafts.draft().unwrap();
        draft.push(Bytes::from_owner(Bomb(vec![7; 4096])));
        until(|| !draft.is_open()).await;
        assert!(!draft.store(dirs, w.blobs.dir().join("a.png"), 4096).await);
        let next = drafts.draft().expect("its place is free");
        next.push(Bytes::from_static(b"bytes"));
        let stored = next.store(dirs, w.blobs.dir().join("b.png"), 5);
        assert!(tokio::time::timeout(Duration::from_secs(30), stored).await.unwrap());
        drop((draft, next));
        until(|| w.passing().is_empty()).await;
    }

    #[tokio::test]
    async fn drafts_end_with_their_thread() {
        let w = world();
        // Work without a thread, as one leaves it that ended in the middle.
        let work = Arc::new(Work::default());
        let drafts = FileDrafts {
            dirs: Arc::clone(&w.blobs.dirs),
            spares: Arc::clone(&w.blobs.spares),
            places: Arc::new(Semaphore::new(1)),
            work: Arc::clone(&work),
        };
        let draft = drafts.draft().unwrap();
        draft.push(Bytes::from_static(b"bytes"));
        let stored = draft.store(&w.blobs.dirs, w.blobs.dir().join("a.png"), 5);
        tokio::pin!(stored);
        tokio::select! {
            biased;
            _ = &mut stored => panic!("nobody writes it"),
            () = std::future::ready(()) => {}
        }
        drop(Closing(&work));
        assert!(!stored.await);
        assert!(!work.add(Arc::clone(&draft.shared)));
    }

    #[tokio::test]
    async fn a_closed_store_drafts_nothing() {
        let w = world();
        let (_, begun) = w.body(1_000_000);
        w.blobs.close();
        let (_, body) = w.body(1_000_000);
        assert!(body.draft::<FileDraft>().is_none());
        assert!(w.blobs.drafts().is_none());
        w.blobs.put("a.png", &begun).await.unwrap_err();
        drop(begun);
        until(|| w.passing().is_empty()).await;
    }

    #[tokio::test]
    async fn the_draft_of_another_folder_is_not_taken() {
        let (one, other) = (world(), world());
        let (bytes, body) = one.body(1_000_000);
        assert_eq!(other.put("a.png", &body).await, (bytes, false));
    }

    #[tokio::test]
    async fn what_a_killed_process_drafted_is_removed() {
        let w = world();
        let (_, body) = w.body(1_000_000);
        let draft = body.draft::<FileDraft>().unwrap();
        until(|| !draft.shared.lock().busy).await;
        assert_eq!(w.passing().len(), 1);
        // A start, while the draft still lies there as a killed process leaves it.
        let data: &Path = w.dir.path();
        let again = BlobFiles::open(data).unwrap();
        assert!(w.passing().is_empty());
        assert!(again.list().await.unwrap().is_empty());
    }
}
