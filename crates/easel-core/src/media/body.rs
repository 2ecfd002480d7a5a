//! The bytes of a picture, in memory or in a file. Where they go is decided by the [spool](super::spool).

use std::{
    any::Any,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{budget::Hold, draft::Draft};

/// Encoded picture bytes that can be read any number of times. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Body {
    inner: Inner,
}

#[derive(Clone, Debug)]
enum Inner {
    Memory(Arc<Memory>),
    File { file: Arc<SpoolFile>, len: u64 },
}

#[derive(Debug)]
struct Memory {
    /// In order; none is empty.
    segments: Vec<Bytes>,
    len: u64,
    hold: Option<Hold>,
    draft: Option<Arc<dyn Draft>>,
}

/// Where a body's bytes are.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// In memory, one segment after the other; none is empty.
    Memory(&'a [Bytes]),
    /// In this file, from its beginning on.
    File(&'a Path),
}

/// A file that may be deleted when the last reader is gone.
#[derive(Debug)]
pub(super) struct SpoolFile {
    pub(super) path: PathBuf,
    pub(super) temporary: bool,
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
        Self::in_segments(vec![bytes.into()], None, None)
    }

    /// Bytes together with their share of the budget.
    pub fn held(bytes: Bytes, hold: Hold) -> Self {
        Self::in_segments(vec![bytes], Some(hold), None)
    }

    /// Bytes that arrived piece by piece, and the draft to which they went meanwhile.
    pub(super) fn in_segments(
        mut segments: Vec<Bytes>,
        hold: Option<Hold>,
        draft: Option<Arc<dyn Draft>>,
    ) -> Self {
        segments.retain(|segment| !segment.is_empty());
        let len = segments.iter().map(|segment| segment.len() as u64).sum();
        Self { inner: Inner::Memory(Arc::new(Memory { segments, len, hold, draft })) }
    }

    /// A file of the spool.
    pub(super) fn spooled(file: Arc<SpoolFile>, len: u64) -> Self {
        Self { inner: Inner::File { file, len } }
    }

    /// A file that belongs to somebody else (an artifact in the store) and stays when this value goes.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let len = fs::metadata(path)?.len();
        Ok(Self::spooled(Arc::new(SpoolFile { path: path.to_owned(), temporary: false }), len))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match &self.inner {
            Inner::Memory(memory) => memory.len,
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
            Inner::Memory(memory) => Place::Memory(&memory.segments),
            Inner::File { file, .. } => Place::File(&file.path),
        }
    }

    /// The bytes segment by segment, when they are in memory.
    pub fn in_memory(&self) -> Option<&[Bytes]> {
        match self.place() {
            Place::Memory(segments) => Some(segments),
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

    /// The draft of these very bytes, if there is one and it is a `D`.
    pub fn draft<D: Draft>(&self) -> Option<&D> {
        let Inner::Memory(memory) = &self.inner else { return None };
        let draft: &dyn Any = memory.draft.as_deref()?;
        draft.downcast_ref()
    }

    /// All bytes in one piece; copies what lies in several segments, so [`reader`](Self::reader) is better where it will
    /// do. Blocking when the bytes are in a file: call it on a blocking thread there.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read(&self) -> io::Result<Bytes> {
        match self.place() {
            Place::Memory([]) => Ok(Bytes::new()),
            Place::Memory([only]) => Ok(only.clone()),
            Place::Memory(segments) => Ok(segments.concat().into()),
            Place::File(path) => fs::read(path).map(Bytes::from),
        }
    }

    /// The same in one segment, for those who can't do with several and keep the body; its segments are not held besides.
    #[must_use]
    pub fn joined(self) -> Self {
        let Inner::Memory(memory) = self.inner else { return self };
        if memory.segments.len() < 2 {
            return Self { inner: Inner::Memory(memory) };
        }
        let whole = Bytes::from(memory.segments.concat());
        // What others hold as well is counted with them.
        let hold = Arc::try_unwrap(memory).ok().and_then(|memory| memory.hold);
        Self::in_segments(vec![whole], hold, None)
    }

    /// Reads at most `n` first bytes. Blocking when the bytes are in a file.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn read_head(&self, n: usize) -> io::Result<Bytes> {
        if let Some([first, ..]) = self.in_memory()
            && (n <= first.len() || self.len() == first.len() as u64)
        {
            return Ok(first.slice(..n.min(first.len())));
        }
        let mut head = Vec::new();
        self.reader()?.take(n as u64).read_to_end(&mut head)?;
        Ok(head.into())
    }

    /// Reads the bytes where they are, in any order, without joining them. Blocking when they are in a file.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn reader(&self) -> io::Result<BodyReader<'_>> {
        Ok(BodyReader(match self.place() {
            Place::Memory(segments) => {
                Source::Memory { segments, len: self.len(), at: 0, index: 0, within: 0 }
            }
            Place::File(path) => Source::File(BufReader::with_capacity(4096, File::open(path)?)),
        }))
    }
}

/// Reads a [`Body`] where its bytes are.
#[derive(Debug)]
pub struct BodyReader<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Memory {
        segments: &'a [Bytes],
        len: u64,
        at: u64,
        /// The segment in which `at` lies; behind the last one at the end.
        index: usize,
        /// Where in it.
        within: usize,
    },
    File(BufReader<File>),
}

impl Read for BodyReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Source::File(file) = &mut self.0 {
            return file.read(out);
        }
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for BodyReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.0 {
            Source::File(file) => file.fill_buf(),
            Source::Memory { segments, index, within, .. } => {
                Ok(segments.get(*index).and_then(|segment| segment.get(*within..)).unwrap_or_default())
            }
        }
    }

    fn consume(&mut self, amount: usize) {
        match &mut self.0 {
            Source::File(file) => file.consume(amount),
            Source::Memory { segments, at, index, within, .. } => {
                *at += amount as u64;
                *within += amount;
                if segments.get(*index).is_some_and(|segment| *within >= segment.len()) {
                    (*index, *within) = (*index + 1, 0);
                }
            }
        }
    }
}

impl Seek for BodyReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (segments, len, at, index, within) = match &mut self.0 {
            Source::File(file) => return file.seek(to),
            Source::Memory { segments, len, at, index, within } => (segments, len, at, index, within),
        };
        let target = match to {
            SeekFrom::Start(target) => Some(target),
            SeekFrom::End(offset) => len.checked_add_signed(offset),
            SeekFrom::Current(offset) => at.checked_add_signed(offset),
        };
        *at = target.ok_or(io::ErrorKind::InvalidInput)?;
        let mut left = usize::try_from(*at).unwrap_or(usize::MAX);
        *index = 0;
        while let Some(segment) = segments.get(*index)
            && left >= segment.len()
        {
            left -= segment.len();
            *index += 1;
        }
        *within = left;
        Ok(*at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::BytesBudget;

    proptest! {
        #[test]
        fn segments_read_like_the_bytes_that_they_are(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
            steps in prop::collection::vec((0_u8..4, -30_i64..60, 0_usize..40), 0..12),
        ) {
            let whole = pieces.concat();
            let body = Body::in_segments(pieces.into_iter().map(Bytes::from).collect(), None, None);
            prop_assert_eq!(body.len(), whole.len() as u64);
            prop_assert_eq!(body.read().unwrap(), whole.clone());
            let mut theirs = io::Cursor::new(whole.clone());
            let mut ours = body.reader().unwrap();
            for (kind, offset, count) in steps {
                prop_assert_eq!(body.read_head(count).unwrap(), &whole[..count.min(whole.len())]);
                let to = match kind {
                    0 => Some(SeekFrom::Start(offset.unsigned_abs())),
                    1 => Some(SeekFrom::Current(offset)),
                    2 => Some(SeekFrom::End(offset)),
                    _ => None,
                };
                if let Some(to) = to {
                    prop_assert_eq!(ours.seek(to).ok(), theirs.seek(to).ok());
                }
                let (mut a, mut b) = (Vec::new(), Vec::new());
                (&mut ours).take(count as u64).read_to_end(&mut a).unwrap();
                (&mut theirs).take(count as u64).read_to_end(&mut b).unwrap();
                prop_assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn what_is_joined_is_still_counted_and_no_more_than_that() {
        let budget = BytesBudget::new(1 << 20);
        let free = budget.free();
        let segments = || vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        let joined = Body::in_segments(segments(), budget.try_take(6), None).joined();
        assert_eq!(joined.in_memory().unwrap(), ["onetwo"]);
        assert_eq!(free - budget.free(), 4096);
        drop(joined);
        let shared = Body::in_segments(segments(), budget.try_take(6), None);
        assert_eq!(shared.clone().joined().read().unwrap(), shared.read().unwrap());
        drop(shared);
        assert_eq!(budget.free(), free);
    }

    #[test]
    fn files_read_the_same_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.png");
        fs::write(&path, b"0123456789").unwrap();
        let body = Body::from_file(&path).unwrap();
        let mut reader = body.reader().unwrap();
        reader.seek(SeekFrom::End(-3)).unwrap();
        let mut end = String::new();
        reader.read_to_string(&mut end).unwrap();
        assert_eq!((end.as_str(), body.read_head(4).unwrap()), ("789", "0123".into()));
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
