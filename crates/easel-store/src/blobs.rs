//! Artifacts and kept inputs: one file per blob in one folder.
//!
//! A blob has its name only when it is complete: it is written beside and renamed. That survives `kill -9` at once; the
//! fsync that makes it survive a power cut follows in the background, many blobs at a time.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use easel_core::{
    media::Body,
    ports::{Blobs, StoreError},
};
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

use crate::files::{remove_if_there, remove_leftovers, store_error, sync_dir};

/// The blob folder.
pub(crate) struct BlobFiles {
    dir: Arc<Path>,
    /// Bodies in here are immutable and on the same disk: they are linked, not copied.
    spool: Arc<Path>,
    unsynced: Arc<Unsynced>,
    /// Writers at once: each holds a block of memory, and a disk is not faster with more of them.
    writers: Semaphore,
    closed: AtomicBool,
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

impl BlobFiles {
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let dir = data.join("blobs");
        fs::create_dir_all(&dir)?;
        remove_leftovers(&dir, |name| name.bytes().all(|b| b.is_ascii_hexdigit()))?;
        Ok(Self {
            dir: dir.into(),
            spool: data.join("spool").into(),
            unsynced: Arc::default(),
            writers: Semaphore::new(WRITERS),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn unsynced(&self) -> &Arc<Unsynced> {
        &self.unsynced
    }

    pub(crate) fn dir(&self) -> &Arc<Path> {
        &self.dir
    }

    /// Refuses everything from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The path of a name, which must not lead out of the folder nor look like a file of our own.
    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let legal = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        let ours = Path::new(name).extension().is_some_and(|ending| ending == "tmp");
        if legal && !ours && (1..=128).contains(&name.len()) && !name.starts_with('.') {
            Ok(self.dir.join(name))
        } else {
            Err(StoreError::Damaged(format!("{name:?} is no name of a blob")))
        }
    }
}

/// Pictures that are written at once.
const WRITERS: usize = 4;
/// Pictures from this size on go around the page cache.
const DIRECT_FROM: usize = 256 * 1024;

/// Writes a file. A picture is read back seldom, and filling the page cache with it costs several times the processor time
/// of handing it to the disk; so large ones are written directly where the file system can do that.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if bytes.len() >= DIRECT_FROM && direct::write(path, bytes).is_ok() {
        return Ok(());
    }
    // Whatever went wrong shows again here, if it is not about writing directly.
    File::create(path)?.write_all(bytes)
}

#[cfg(target_os = "linux")]
mod direct {
    //! Writing around the page cache (`O_DIRECT`): whole, aligned blocks from aligned memory.

    use std::{
        fs::{File, OpenOptions},
        io::{self, Write as _},
        os::unix::fs::OpenOptionsExt as _,
        path::Path,
    };

    /// What every disk is content with.
    const ALIGN: usize = 4096;
    /// Bytes written at a time.
    const CHUNK: usize = 1024 * 1024;

    pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).map_err(io::Error::other)?;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).custom_flags(flags).open(path)?;
        // Memory that begins on a block's boundary (our allocator's large pieces do) goes to the disk as it lies.
        let aligned = if bytes.as_ptr().align_offset(ALIGN) == 0 { bytes.len() & !(ALIGN - 1) } else { 0 };
        let (whole, rest) = bytes.split_at(aligned);
        file.write_all(whole)?;
        if !rest.is_empty() {
            write_padded(&mut file, rest)?;
        }
        file.set_len(bytes.len() as u64)
    }

    /// Writes through an aligned block of our own; the last one is filled up with zeros.
    fn write_padded(file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let size = CHUNK.min(bytes.len().next_multiple_of(ALIGN));
        let mut memory = vec![0; size + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN);
        let block = memory.get_mut(start..start + size).ok_or(io::ErrorKind::OutOfMemory)?;
        for part in bytes.chunks(CHUNK) {
            let padded = part.len().next_multiple_of(ALIGN);
            let (filled, rest) = block.split_at_mut_checked(part.len()).ok_or(io::ErrorKind::InvalidInput)?;
            filled.copy_from_slice(part);
            rest.fill(0);
            let whole = block.get(..padded).ok_or(io::ErrorKind::InvalidInput)?;
            file.write_all(whole)?;
        }
        Ok(())
    }
}

/// Writes `body` at `tmp`, then gives it its name.
fn place(body: &Body, spool: &Path, tmp: &Path, path: &Path) -> io::Result<()> {
    match (body.in_memory(), body.in_file()) {
        (Some(bytes), _) => write(tmp, bytes)?,
        (None, Some(file)) => {
            let linked = file.starts_with(spool) && fs::hard_link(file, tmp).is_ok();
            if !linked {
                fs::copy(file, tmp)?;
            }
        }
        (None, None) => File::create(tmp)?.write_all(&body.read()?)?,
    }
    fs::rename(tmp, path)?;
    // Renaming one link of a file onto another of the same file does nothing and leaves both.
    remove_if_there(tmp)
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
        let tmp = self.dir.join(format!("{}.tmp", Uuid::now_v7().simple()));
        // The clone keeps a spooled file alive until it is linked or copied, also when the caller goes away.
        let (body, spool) = (body.clone(), Arc::clone(&self.spool));
        let _writer = self.writers.acquire().await.map_err(|_| StoreError::Closed)?;
        blocking("store a picture", move || {
            let placed = place(&body, &spool, &tmp, &path);
            if placed.is_err() {
                remove_if_there(&tmp)?;
            }
            placed
        })
        .await?;
        self.unsynced.add(name);
        Ok(())
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
        let dir = Arc::clone(&self.dir);
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

    #[test]
    fn files_of_every_length_come_back_as_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..3_300_000_u32).map(|n| n.to_le_bytes()[usize::from(n % 7 == 0)]).collect();
        for len in
            [0, 1, DIRECT_FROM - 1, DIRECT_FROM, DIRECT_FROM + 1, 1 << 20, (1 << 20) + 4095, whole.len()]
        {
            let path = dir.path().join(len.to_string());
            write(&path, &whole[..len]).unwrap();
            assert!(fs::read(&path).unwrap() == whole[..len], "{len}");
        }
    }
}
