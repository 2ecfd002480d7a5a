//! Artifacts and kept inputs: one file per blob in one folder.
//!
//! A blob has its name only when it is complete: it is written beside and renamed. That survives `kill -9` at once; the
//! fsync that makes it survive a power cut follows in the background, many blobs at a time.

mod draft;
mod fresh;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use easel_core::{
    media::{Body, Drafts},
    ports::{Blobs, StoreError},
};
use tokio::sync::{Notify, Semaphore};

use draft::{FileDraft, FileDrafts};
use fresh::{Fresh, passing_name};

use crate::files::{create_private_dir, remove_if_there, remove_leftovers, store_error, sync_dir};

/// The blob folder.
pub(crate) struct BlobFiles {
    dirs: Arc<Dirs>,
    /// `None` from the end on.
    spares: Spares,
    unsynced: Arc<Unsynced>,
    /// Writers at once: each holds a block of memory, and a disk is not faster with more of them.
    writers: Semaphore,
    closed: AtomicBool,
    /// Made when somebody wants them.
    drafts: Mutex<Option<Arc<FileDrafts>>>,
}

#[derive(Debug)]
struct Dirs {
    blobs: Arc<Path>,
    /// Bodies in here are immutable and on the same disk: they are linked, not copied.
    spool: PathBuf,
}

/// Names that wait for their fsync.
#[derive(Default)]
pub(crate) struct Unsynced {
    names: Mutex<BTreeSet<String>>,
    changed: Notify,
}

impl Unsynced {
    fn add(&self, name: &str) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        self.changed.notify_one();
    }

    /// Waits until a name waits.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Syncs the waiting files and the folder. Blocking.
    pub(crate) fn sync(&self, dir: &Path) -> io::Result<()> {
        let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
        if names.is_empty() {
            return Ok(());
        }
        let sync = |name: &String| match File::open(dir.join(name)).and_then(|file| file.sync_all()) {
            // It was removed in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced,
        };
        let synced = names.iter().try_for_each(sync).and_then(|()| sync_dir(dir));
        if synced.is_err() {
            // Nobody is woken for them: the next blob, or the end, tries them again.
            self.names.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
        }
        synced
    }
}

type Spares = Arc<Mutex<Option<Vec<Fresh>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlobFiles {
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let dir = data.join("blobs");
        create_private_dir(&dir)?;
        remove_leftovers(&dir, |name| name.bytes().all(|b| b.is_ascii_hexdigit()))?;
        Ok(Self {
            dirs: Arc::new(Dirs { blobs: dir.into(), spool: data.join("spool") }),
            spares: Arc::new(Mutex::new(Some(Vec::new()))),
            unsynced: Arc::default(),
            writers: Semaphore::new(WRITERS),
            drafts: Mutex::new(None),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn unsynced(&self) -> &Arc<Unsynced> {
        &self.unsynced
    }

    pub(crate) fn dir(&self) -> &Arc<Path> {
        &self.dirs.blobs
    }

    /// Makes files for the next pictures, beside the path of this one.
    fn make_spares(&self) {
        let (dirs, spares) = (Arc::clone(&self.dirs), Arc::clone(&self.spares));
        drop(tokio::task::spawn_blocking(move || fill(&spares, &dirs)));
    }

    /// Refuses everything from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        lock(&self.spares).take();
        if let Some(drafts) = lock(&self.drafts).take() {
            drafts.close();
        }
    }

    /// The path of a name, which must not lead out of the folder nor look like a file of our own.
    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        let ours = Path::new(name).extension().is_some_and(|ending| ending == "tmp");
        if legal && !ours && (1..=128).contains(&name.len()) && !name.starts_with('.') {
            Ok(self.dirs.blobs.join(name))
        } else {
            Err(StoreError::Damaged(format!("{name:?} is no name of a blob")))
        }
    }
}

/// Pictures that are written at once.
const WRITERS: usize = 4;
/// Pictures that are written while they arrive. With more at a time nobody waits for one of them alone.
const DRAFTS: usize = 4;
/// Files that lie ready for the next pictures: making one takes as long as writing a small picture.
const SPARES: usize = 2;

/// Writes `body` into a new file and names it.
fn place(body: &Body, dirs: &Dirs, spare: Option<Fresh>, path: &Path) -> io::Result<()> {
    let (bytes, file) = (body.in_memory(), body.in_file());
    if let (None, Some(file)) = (bytes, file) {
        let tmp = passing_name(&dirs.blobs);
        let linked = file.starts_with(&dirs.spool) && fs::hard_link(file, &tmp).is_ok();
        let copied = if linked { Ok(()) } else { fs::copy(file, &tmp).map(drop) };
        // Renaming one link of a file onto another of the same file does nothing and leaves both.
        let placed = copied.and_then(|()| fs::rename(&tmp, path));
        return placed.and(remove_if_there(&tmp));
    }
    let segments = bytes.unwrap_or_default();
    if let Some(mut spare) = spare {
        spare.write(segments)?;
        match spare.name(path) {
            // Somebody cleaned up by hand: the next one is new.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            named => return named,
        }
    }
    let mut fresh = Fresh::create(&dirs.blobs)?;
    fresh.write(segments)?;
    fresh.name(path)
}

/// Makes what lacks of [`SPARES`]. Blocking.
fn fill(spares: &Spares, dirs: &Dirs) {
    // One lock over all of it: none is made too much, and none after the end.
    let mut spares = lock(spares);
    while let Some(ready) = &mut *spares
        && ready.len() < SPARES
    {
        // Whatever is wrong shows when a picture is stored.
        let Ok(fresh) = Fresh::create(&dirs.blobs) else { break };
        ready.push(fresh);
    }
}

async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Closed)?
        .map_err(|error| store_error(doing, &error))
}

#[async_trait]
impl Blobs for BlobFiles {
    async fn put(&self, name: &str, body: &Body) -> Result<(), StoreError> {
        let path = self.path(name)?;
        // The clone keeps a spooled file alive until it is linked or copied, also when the caller goes away.
        let (body, dirs) = (body.clone(), Arc::clone(&self.dirs));
        if let Some(draft) = body.draft::<FileDraft>()
            && draft.store(&dirs, path.clone(), body.len()).await
        {
            // Its thread makes the next file.
            self.unsynced.add(name);
            return Ok(());
        }
        let _writer = self.writers.acquire().await.map_err(|_| StoreError::Closed)?;
        // Not waited for: while one is being made, this picture makes its own.
        let spare = body.in_memory().and_then(|_| self.spares.try_lock().ok()?.as_mut()?.pop());
        let placed = blocking("store a picture", move || place(&body, &dirs, spare, &path)).await;
        self.make_spares();
        placed?;
        self.unsynced.add(name);
        Ok(())
    }

    fn drafts(&self) -> Option<Arc<dyn Drafts>> {
        let mut drafts = lock(&self.drafts);
        if drafts.is_none() && !self.closed.load(Ordering::Acquire) {
            // Without its thread pictures are written when they are whole.
            let made = FileDrafts::start(Arc::clone(&self.dirs), Arc::clone(&self.spares), DRAFTS);
            *drafts = made.ok().map(Arc::new);
        }
        Some(drafts.clone()? as Arc<dyn Drafts>)
    }

    async fn get(&self, name: &str) -> Result<Option<Body>, StoreError> {
        let path = self.path(name)?;
        blocking("read a stored picture", move || match Body::from_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            body => body.map(Some),
        })
        .await
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name)?;
        blocking("remove a stored picture", move || remove_if_there(&path)).await
    }

    async fn list(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let dir = Arc::clone(&self.dirs.blobs);
        blocking("list the stored pictures", move || {
            let mut out = Vec::new();
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if Path::new(&name).extension().is_some_and(|ending| ending == "tmp") {
                    continue;
                }
                match entry.metadata() {
                    Ok(about) if about.is_file() => out.push((name, about.len())),
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            out.sort_unstable();
            Ok(out)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use easel_core::media::{BytesBudget, Spool};

    use super::*;

    #[tokio::test]
    async fn bodies_from_memory_spool_and_elsewhere_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobFiles::open(dir.path()).unwrap();
        blobs.put("a.png", &Body::from_bytes("memory")).await.unwrap();

        let spool = Spool::new(BytesBudget::new(0), &dir.path().join("spool")).unwrap();
        let mut sink = spool.sink(0);
        sink.write(&vec![7; 100_000]).unwrap();
        let spooled = sink.finish().unwrap();
        assert!(spooled.in_file().is_some());
        blobs.put("b.png", &spooled).await.unwrap();
        drop(spooled);

        // A file of somebody else is copied: what they do to it later is their affair.
        let theirs = dir.path().join("theirs.jpg");
        fs::write(&theirs, "before").unwrap();
        blobs.put("c.jpg", &Body::from_file(&theirs).unwrap()).await.unwrap();
        fs::write(&theirs, "after!").unwrap();

        // A blob put under its own name again stays.
        let again = blobs.get("a.png").await.unwrap().unwrap();
        blobs.put("a.png", &again).await.unwrap();

        assert_eq!(blobs.get("a.png").await.unwrap().unwrap().read().unwrap(), "memory");
        assert_eq!(blobs.get("b.png").await.unwrap().unwrap().read().unwrap(), vec![7; 100_000]);
        assert_eq!(blobs.get("c.jpg").await.unwrap().unwrap().read().unwrap(), "before");
        let sizes = [("a.png".to_owned(), 6), ("b.png".to_owned(), 100_000), ("c.jpg".to_owned(), 6)];
        assert_eq!(blobs.list().await.unwrap(), sizes);
        blobs.unsynced().sync(blobs.dir()).unwrap();

        blobs.remove("a.png").await.unwrap();
        blobs.remove("a.png").await.unwrap();
        assert!(blobs.get("a.png").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn names_that_lead_elsewhere_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobFiles::open(dir.path()).unwrap();
        let long = "a".repeat(129);
        for name in
            ["", "..", "../x", "a/b", "a\\b", "/etc/passwd", ".hidden", "x.tmp", "图", "a b", "a\0", &long]
        {
            assert!(blobs.put(name, &Body::from_bytes("x")).await.is_err(), "{name:?}");
            assert!(blobs.get(name).await.is_err(), "{name:?}");
            assert!(blobs.remove(name).await.is_err(), "{name:?}");
        }
        assert!(blobs.list().await.unwrap().is_empty());
    }

    #[test]
    fn names_that_could_not_be_synced_wait_on() {
        let dir = tempfile::tempdir().unwrap();
        let unsynced = Unsynced::default();
        unsynced.add("a.png");
        let gone = dir.path().join("gone");
        unsynced.sync(&gone).unwrap_err();
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join("a.png"), "").unwrap();
        assert!(unsynced.names.lock().unwrap().contains("a.png"));
        unsynced.sync(&gone).unwrap();
        assert!(unsynced.names.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn half_written_files_of_a_dead_process_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("blobs")).unwrap();
        fs::write(dir.path().join("blobs/0123.tmp"), "half").unwrap();
        BlobFiles::open(dir.path()).unwrap();
        assert!(!dir.path().join("blobs/0123.tmp").exists());
    }

    #[tokio::test]
    async fn files_that_lie_ready_are_never_taken_for_pictures() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = BlobFiles::open(dir.path()).unwrap();
        let spare = Fresh::create(blobs.dir()).unwrap();
        lock(&blobs.spares).as_mut().unwrap().push(spare);
        assert!(blobs.list().await.unwrap().is_empty());
        assert_eq!(fs::read_dir(blobs.dir()).unwrap().count(), 1);
        // Swept by hand: the next picture gets a new file.
        for entry in fs::read_dir(blobs.dir()).unwrap().map(Result::unwrap) {
            fs::remove_file(entry.path()).unwrap();
        }
        blobs.put("b.png", &Body::from_bytes("two")).await.unwrap();
        assert_eq!(blobs.get("b.png").await.unwrap().unwrap().read().unwrap(), "two");
        assert_eq!(blobs.list().await.unwrap().len(), 1);
        blobs.close();
        blobs.make_spares();
        assert!(lock(&blobs.spares).is_none());
    }
}
