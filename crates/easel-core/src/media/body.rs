//! The bytes of a picture, in memory while the budget allows it, else in a file; and the sink that decides.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::budget::{BytesBudget, Hold};

/// Encoded picture bytes that can be read any number of times. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Body {
    inner: Inner,
}

#[derive(Clone, Debug)]
enum Inner {
    Memory { bytes: Bytes, _hold: Option<Arc<Hold>> },
    File { file: Arc<SpoolFile>, len: u64 },
}

/// Where a body's bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// In memory.
    Memory(&'a Bytes),
    /// In this file, from its beginning on.
    File(&'a Path),
}

/// A file that may be deleted when the last reader is gone.
#[derive(Debug)]
struct SpoolFile {
    path: PathBuf,
    temporary: bool,
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if self.temporary {
            // Nothing is lost when it stays: the spool folder is emptied at start.
            drop(fs::remove_file(&self.path));
        }
    }
}

impl Body {
    /// Bytes that nobody counts (small or static ones, tests).
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self { inner: Inner::Memory { bytes: bytes.into(), _hold: None } }
    }

    /// Bytes together with their share of the budget.
    pub fn held(bytes: Bytes, hold: Hold) -> Self {
        Self { inner: Inner::Memory { bytes, _hold: Some(Arc::new(hold)) } }
    }

    /// A file that belongs to somebody else (an artifact in the store) and stays when this value goes.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let len = fs::metadata(path)?.len();
        Ok(Self {
            inner: Inner::File { file: Arc::new(SpoolFile { path: path.to_owned(), temporary: false }), len },
        })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match &self.inner {
            Inner::Memory { bytes, .. } => bytes.len() as u64,
            Inner::File { len, .. } => *len,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the bytes are, for those who can use either.
    pub fn place(&self) -> Place<'_> {
        match &self.inner {
            Inner::Memory { bytes, .. } => Place::Memory(bytes),
            Inner::File { file, .. } => Place::File(&file.path),
        }
    }

    /// The bytes, when they are in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match self.place() {
            Place::Memory(bytes) => Some(bytes),
            Place::File(_) => None,
        }
    }

    /// The file, when the bytes are on disk.
    pub fn in_file(&self) -> Option<&Path> {
        match self.place() {
            Place::Memory(_) => None,
            Place::File(path) => Some(path),
        }
    }

    /// Reads everything into memory. Blocking when the bytes are in a file: call it on a blocking thread there.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(&self) -> io::Result<Bytes> {
        match &self.inner {
            Inner::Memory { bytes, .. } => Ok(bytes.clone()),
            Inner::File { file, .. } => fs::read(&file.path).map(Bytes::from),
        }
    }

    /// Reads at most `n` first bytes. Blocking when the bytes are in a file.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_head(&self, n: usize) -> io::Result<Bytes> {
        match &self.inner {
            Inner::Memory { bytes, .. } => Ok(bytes.slice(..n.min(bytes.len()))),
            Inner::File { file, .. } => {
                let mut head = Vec::with_capacity(n);
                fs::File::open(&file.path)?.take(n as u64).read_to_end(&mut head)?;
                Ok(head.into())
            }
        }
    }
}

/// Makes sinks for bodies of unknown length.
#[derive(Clone, Debug)]
pub struct Spool {
    budget: BytesBudget,
    dir: Arc<Path>,
}

impl Spool {
    /// Spools into `dir`, which must exist and is emptied here: whatever is in it belongs to a process that died.
    ///
    /// # Errors
    /// When the folder can't be made or emptied.
    pub fn new(budget: BytesBudget, dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        for entry in fs::read_dir(dir)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { budget, dir: dir.into() })
    }

    /// The budget behind it.
    pub fn budget(&self) -> &BytesBudget {
        &self.budget
    }

    /// A sink; `expected` bytes are reserved at once when they are free (0 = unknown).
    pub fn sink(&self, expected: u64) -> BodySink {
        let hold = if expected > 0 { self.budget.try_take(expected) } else { None };
        let room = hold.as_ref().map_or(0, Hold::bytes);
        BodySink {
            spool: self.clone(),
            memory: Vec::with_capacity(usize::try_from(room).unwrap_or(0)),
            hold,
            file: None,
            len: 0,
        }
    }
}

/// How much more memory a growing sink asks for at a time.
const STEP: u64 = 512 * 1024;

/// Takes bytes as they arrive. Memory first; from the moment the budget says no, a file.
#[derive(Debug)]
pub struct BodySink {
    spool: Spool,
    memory: Vec<u8>,
    hold: Option<Hold>,
    file: Option<(fs::File, Arc<SpoolFile>)>,
    len: u64,
}

impl BodySink {
    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Lets `append` put at most `n` bytes behind what is there, without a copy: room for them is reserved.
    ///
    /// # Errors
    /// When the spool file can't be written.
    pub fn write_with(&mut self, n: usize, append: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.ensure_room(n as u64)?;
        let at = self.memory.len();
        append(&mut self.memory);
        debug_assert!((at..=at + n).contains(&self.memory.len()), "more bytes than announced");
        self.len += self.memory.len().saturating_sub(at) as u64;
        self.drain_to_file()
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// When the spool file can't be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ensure_room(bytes.len() as u64)?;
        self.memory.extend_from_slice(bytes);
        self.len += bytes.len() as u64;
        self.drain_to_file()
    }

    /// The first bytes, if they are still in memory.
    pub fn head(&self) -> &[u8] {
        &self.memory
    }

    /// The finished body.
    ///
    /// # Errors
    /// When the spool file can't be written.
    pub fn finish(mut self) -> io::Result<Body> {
        self.drain_to_file()?;
        Ok(Body {
            inner: match self.file.take() {
                Some((_, file)) => Inner::File { file, len: self.len },
                None => Inner::Memory {
                    bytes: Bytes::from(std::mem::take(&mut self.memory)),
                    _hold: self.hold.take().map(Arc::new),
                },
            },
        })
    }

    fn ensure_room(&mut self, more: u64) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let have = self.hold.as_ref().map_or(0, Hold::bytes);
        let need = self.memory.len() as u64 + more;
        if need <= have {
            return Ok(());
        }
        // Doubling keeps the number of copies while growing logarithmic.
        let step = (need - have).max(STEP).max(have);
        match self.spool.budget.try_take(step).or_else(|| self.spool.budget.try_take(need - have)) {
            Some(hold) => {
                match &mut self.hold {
                    Some(mine) => mine.merge(hold),
                    None => self.hold = Some(hold),
                }
                let room = self.hold.as_ref().map_or(0, Hold::bytes);
                let extra = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(self.memory.len());
                self.memory.reserve_exact(extra);
                Ok(())
            }
            None => self.move_to_file(),
        }
    }

    fn move_to_file(&mut self) -> io::Result<()> {
        let path = self.spool.dir.join(format!("{}.part", uuid::Uuid::now_v7().simple()));
        let file = fs::File::create(&path)?;
        self.file = Some((file, Arc::new(SpoolFile { path, temporary: true })));
        self.drain_to_file()?;
        self.memory = Vec::new();
        self.hold = None;
        Ok(())
    }

    fn drain_to_file(&mut self) -> io::Result<()> {
        if let Some((file, _)) = &mut self.file
            && !self.memory.is_empty()
        {
            file.write_all(&self.memory)?;
            self.memory.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(bytes: u64) -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(BytesBudget::new(bytes), dir.path()).unwrap();
        (dir, spool)
    }

    fn files(dir: &tempfile::TempDir) -> usize {
        fs::read_dir(dir.path()).unwrap().count()
    }

    /// Bytes that repeat with a period that divides no buffer.
    fn pattern(len: usize) -> Vec<u8> {
        (0..=250).cycle().take(len).collect()
    }

    #[test]
    fn memory_is_counted_and_given_back() {
        let (dir, spool) = spool(4 << 20);
        let all = spool.budget().free();
        let mut sink = spool.sink(0);
        for piece in pattern(1 << 20).chunks(10_007) {
            sink.write(piece).unwrap();
        }
        assert_eq!(sink.len(), 1 << 20);
        let body = sink.finish().unwrap();
        assert!(spool.budget().free() <= all - (1 << 20), "every byte is counted");
        assert_eq!(body.in_memory().unwrap(), &pattern(1 << 20));
        let shared = body.clone();
        drop(body);
        assert!(spool.budget().free() < all, "the clone still holds them");
        drop(shared);
        assert_eq!((spool.budget().free(), files(&dir)), (all, 0));
    }

    #[test]
    fn without_budget_the_bytes_go_to_a_file() {
        let (dir, spool) = spool(1 << 20);
        let all = spool.budget().free();
        let mut sink = spool.sink(64 << 10);
        let bytes = pattern(3 << 20);
        for piece in bytes.chunks(100_003) {
            sink.write(piece).unwrap();
        }
        assert_eq!(spool.budget().free(), all, "what is in a file is not held in memory");
        let body = sink.finish().unwrap();
        assert_eq!((body.len(), body.in_memory(), files(&dir)), (3 << 20, None, 1));
        assert_eq!(body.read().unwrap(), bytes);
        assert_eq!(body.read_head(5).unwrap(), bytes[..5]);
        assert_eq!(fs::read(body.in_file().unwrap()).unwrap(), bytes);
        let shared = body.clone();
        drop(body);
        assert_eq!(files(&dir), 1);
        drop(shared);
        assert_eq!(files(&dir), 0, "temporary files go with their last reader");
    }

    #[test]
    fn a_sink_that_is_given_up_leaves_nothing() {
        let (dir, spool) = spool(8 << 10);
        let all = spool.budget().free();
        let mut sink = spool.sink(4 << 10);
        sink.write(&pattern(100 << 10)).unwrap();
        assert_eq!(files(&dir), 1);
        drop(sink);
        assert_eq!((files(&dir), spool.budget().free()), (0, all));
    }

    #[test]
    fn a_decoder_writes_in_place() {
        for budget in [4 << 20, 4 << 10] {
            let (_dir, spool) = spool(budget);
            let mut sink = spool.sink(0);
            let bytes = pattern(300_000);
            for piece in bytes.chunks(70_001) {
                // More room than is used, as base64 needs it.
                sink.write_with(piece.len() + 3, |memory| memory.extend_from_slice(piece)).unwrap();
            }
            assert_eq!(sink.len(), bytes.len() as u64);
            assert_eq!(sink.finish().unwrap().read().unwrap(), bytes);
        }
    }

    #[test]
    fn an_empty_body_is_a_body() {
        let (_dir, spool) = spool(1 << 20);
        let body = spool.sink(0).finish().unwrap();
        assert!(body.is_empty());
        assert_eq!(body.read_head(9).unwrap(), "");
    }

    #[test]
    fn what_a_dead_process_left_is_removed() {
        let (dir, spool) = spool(1 << 20);
        fs::write(dir.path().join("old.part"), b"x").unwrap();
        Spool::new(spool.budget().clone(), dir.path()).unwrap();
        assert_eq!(files(&dir), 0);
    }

    #[test]
    fn somebody_elses_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.png");
        fs::write(&path, b"bytes").unwrap();
        drop(Body::from_file(&path).unwrap());
        assert!(path.exists());
        assert!(Body::from_file(&dir.path().join("none")).is_err());
    }
}
