//! Request bodies, made while they are sent: from the memory or the file that holds them, as they are or as base64.
//!
//! Nothing here ever holds a whole body. What exists at a time is the piece that the connection just asked for, at most
//! [`PIECE_BYTES`] long; buffers in memory are not even copied for that. A body is a description that can be cloned and
//! sent again.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::time::Instant;

/// Bytes handed to the connection at a time: enough to keep it busy, few enough that progress can be seen.
const PIECE_BYTES: u64 = 256 * 1024;
/// Bytes behind a piece of base64; divisible by three, so that no piece but the last one is padded.
pub const BASE64_SEGMENT: usize = 192 * 1024;
/// The same, for lengths.
const RAW_BYTES: u64 = BASE64_SEGMENT as u64;

/// Bytes that lie somewhere and are sent from there. Cheap to clone.
#[derive(Clone)]
pub struct Content {
    place: Place,
    length: u64,
    _keeper: Option<Arc<dyn Any + Send + Sync>>,
}

#[derive(Clone)]
enum Place {
    /// In order; none is empty.
    Memory(VecDeque<Bytes>),
    File {
        path: Arc<Path>,
        at: u64,
    },
}

impl Content {
    /// A file of `length` bytes, read while it is sent. A file that turns out shorter breaks the call off.
    pub fn file(path: &Path, length: u64) -> Self {
        Self { place: Place::File { path: path.into(), at: 0 }, length, _keeper: None }
    }

    /// Bytes in memory, one segment after the other. Where pieces of base64 end with segments (of
    /// [`BASE64_SEGMENT`] bytes), nothing is copied.
    pub fn segments(segments: impl IntoIterator<Item = Bytes>) -> Self {
        let segments: VecDeque<_> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
        let length = segments.iter().map(|segment| segment.len() as u64).sum();
        Self { place: Place::Memory(segments), length, _keeper: None }
    }

    /// Keeps `owner` until the content is sent, for files and budgets that go with their owner.
    #[must_use]
    pub fn kept_by(self, owner: impl Any + Send + Sync) -> Self {
        Self { _keeper: Some(Arc::new(owner)), ..self }
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// `length` bytes from `offset` on, which lie where they lay. What reaches over the end breaks its call off.
    #[must_use]
    pub fn part(mut self, offset: u64, length: u64) -> Self {
        self.length = length;
        match &mut self.place {
            Place::Memory(segments) => {
                let mut skipped = usize::try_from(offset).unwrap_or(usize::MAX);
                while let Some(first) = segments.front_mut() {
                    if skipped < first.len() {
                        drop(first.split_to(skipped));
                        break;
                    }
                    skipped -= first.len();
                    segments.pop_front();
                }
            }
            Place::File { at, .. } => *at += offset,
        }
        self
    }

    /// The bytes, when they are in memory, in one segment.
    pub(crate) fn in_memory(&self) -> Option<&Bytes> {
        match &self.place {
            Place::Memory(segments) => segments.front().filter(|only| only.len() as u64 == self.length),
            Place::File { .. } => None,
        }
    }

    /// Takes up to `most` bytes off the front, as many as lie together.
    async fn take(&mut self, most: u64) -> io::Result<Bytes> {
        let together = match &self.place {
            Place::Memory(segments) => segments.front().map_or(0, |first| first.len() as u64),
            Place::File { .. } => most,
        };
        // Nothing more is there: taking what is missing fails.
        let most = if together == 0 { most } else { most.min(together) };
        self.take_exactly(self.length.min(most)).await
    }

    /// Takes this many bytes off the front, which are no more than the content's length.
    async fn take_exactly(&mut self, length: u64) -> io::Result<Bytes> {
        self.length -= length;
        let count = usize::try_from(length).map_err(io::Error::other)?;
        match &mut self.place {
            Place::Memory(segments) => split_off(segments, count).ok_or(io::ErrorKind::UnexpectedEof.into()),
            Place::File { path, at } => {
                let (path, from) = (Arc::clone(path), *at);
                *at += length;
                let read = move || {
                    // Opened per piece: no handle is held while a slow peer takes its time.
                    let mut file = File::open(path)?;
                    file.seek(SeekFrom::Start(from))?;
                    let mut piece = vec![0; count];
                    file.read_exact(&mut piece)?;
                    Ok(piece.into())
                };
                tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
            }
        }
    }
}

impl<B: Into<Bytes>> From<B> for Content {
    fn from(bytes: B) -> Self {
        Self::segments([bytes.into()])
    }
}

/// The first `count` bytes; copied only when they lie in several segments. None when there are fewer.
fn split_off(segments: &mut VecDeque<Bytes>, count: usize) -> Option<Bytes> {
    let mut joined = Vec::new();
    loop {
        let missing = count - joined.len();
        let first = segments.front_mut()?;
        if first.len() > missing {
            let part = first.split_to(missing);
            if joined.is_empty() {
                return Some(part);
            }
            joined.extend_from_slice(&part);
            return Some(joined.into());
        }
        let whole = segments.pop_front()?;
        if whole.len() == count {
            return Some(whole);
        }
        joined.reserve_exact(missing);
        joined.extend_from_slice(&whole);
        if joined.len() == count {
            return Some(joined.into());
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Memory(_) => "memory",
            Place::File { .. } => "file",
        };
        f.debug_struct("Content").field("place", &place).field("length", &self.length).finish_non_exhaustive()
    }
}

/// A stretch of a body.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Sent as it is.
    Plain(Content),
    /// Sent as base64 (the standard alphabet, padded), encoded piece by piece.
    Base64(Content),
}

impl Segment {
    /// Bytes on the wire.
    pub fn length(&self) -> u64 {
        match self {
            Self::Plain(content) => content.length,
            Self::Base64(content) => content.length.div_ceil(3) * 4,
        }
    }

    /// Takes the next piece off the front.
    async fn take_piece(&mut self) -> io::Result<Bytes> {
        match self {
            Self::Plain(content) => content.take(PIECE_BYTES).await,
            Self::Base64(content) => {
                let raw = content.take_exactly(content.length.min(RAW_BYTES)).await?;
                Ok(base64_simd::STANDARD.encode_to_string(raw).into())
            }
        }
    }
}

impl Segment {
    /// Moves the next piece behind what is in `out`.
    async fn append_piece(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain(content) => out.extend_from_slice(&content.take(PIECE_BYTES).await?),
            Self::Base64(content) => {
                let raw = content.take_exactly(content.length.min(RAW_BYTES)).await?;
                base64_simd::STANDARD.encode_append(raw, out);
            }
        }
        Ok(())
    }
}

impl<C: Into<Content>> From<C> for Segment {
    fn from(content: C) -> Self {
        Self::Plain(content.into())
    }
}

/// 32 hexadecimal digits that no content can foresee, for boundaries and place holders.
pub fn unforeseeable() -> String {
    // A hash of two inputs under one secret key. The key comes from the system's random source once per thread and
    // is counted up at every call, so the digits never tell those of another call to anybody without the key.
    let keyed = RandomState::new();
    format!("{:016x}{:016x}", keyed.hash_one("front"), keyed.hash_one("back"))
}

/// Segments on their way, a piece of at most 256 KiB at a time, whoever writes them.
#[derive(Debug, Default)]
pub struct Pieces {
    waiting: VecDeque<Segment>,
}

impl Pieces {
    /// Nothing is read yet.
    pub fn new(segments: impl IntoIterator<Item = Segment>) -> Self {
        Self { waiting: segments.into_iter().collect() }
    }

    /// The next piece, never an empty one; none when all was taken. Together they are as long as the segments say.
    ///
    /// # Errors
    /// When a file is shorter than promised, or can't be read. No piece follows then.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(segment) = self.front() else { return Ok(None) };
        let piece = segment.take_piece().await;
        if piece.is_err() {
            self.waiting.clear();
        }
        piece.map(Some)
    }

    /// The same, put behind what is in `out`: base64 is encoded where it belongs.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn append_next(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(segment) = self.front() else { return Ok(()) };
        let appended = segment.append_piece(out).await;
        if appended.is_err() {
            self.waiting.clear();
        }
        appended
    }

    /// Whether something was not taken yet.
    pub fn has_more(&self) -> bool {
        self.waiting.iter().any(|segment| segment.length() > 0)
    }

    fn front(&mut self) -> Option<&mut Segment> {
        while self.waiting.front().is_some_and(|segment| segment.length() == 0) {
            self.waiting.pop_front();
        }
        self.waiting.front_mut()
    }
}

/// A body as a list of segments, which are sent one after the other without being copied together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outgoing {
    pub(crate) content_type: String,
    pub(crate) segments: Vec<Segment>,
}

impl Outgoing {
    pub(crate) fn length(&self) -> u64 {
        self.segments.iter().map(Segment::length).sum()
    }

    /// The body as the client wants it. `progress` counts the pieces that the connection asked for.
    pub(crate) fn into_body(self, progress: Arc<Progress>) -> reqwest::Body {
        reqwest::Body::wrap_stream(self.into_pieces(progress))
    }

    fn into_pieces(self, progress: Arc<Progress>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::unfold((Pieces::new(self.segments), progress), async |(mut pieces, progress)| {
            progress.step();
            let piece = pieces.next().await;
            if piece.is_err() {
                progress.unreadable.store(true, Ordering::Release);
            } else if !pieces.has_more() {
                progress.complete();
            }
            Some((piece.transpose()?, (pieces, progress)))
        })
    }
}

/// How much of a request the connection has asked for.
///
/// A connection asks for the first piece only after it stands and has taken the head, so no piece taken means
/// that nothing was sent.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
    steps: AtomicU64,
    /// When the last step was, in microseconds after the beginning.
    last: AtomicU64,
    complete: AtomicBool,
    unreadable: AtomicBool,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            steps: AtomicU64::new(0),
            last: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
        }
    }
}

impl Progress {
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Acquire)
    }

    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Ordering::AcqRel);
        self.moved();
    }

    fn moved(&self) {
        let after = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.fetch_max(after, Ordering::AcqRel);
    }

    /// Waits until nothing has been taken for this long, the time before the call included.
    pub(crate) async fn silence(&self, longest: Duration) {
        loop {
            let last = Duration::from_micros(self.last.load(Ordering::Acquire));
            let quiet = self.began.elapsed().saturating_sub(last);
            match longest.checked_sub(quiet) {
                None | Some(Duration::ZERO) => return,
                Some(left) => tokio::time::sleep(left).await,
            }
        }
    }

    /// Whether the connection has taken the last piece; without that the peer can't have the whole request.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// The connection takes the last piece.
    pub(crate) fn complete(&self) {
        self.complete.store(true, Ordering::Release);
        self.moved();
    }

    /// Whether some of the body could not be read.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::{StreamExt as _, TryStreamExt as _};

    use super::*;

    fn body(segments: impl IntoIterator<Item = Segment>) -> Outgoing {
        Outgoing { content_type: String::new(), segments: segments.into_iter().collect() }
    }

    /// Bytes that repeat with a period that divides no piece.
    fn pattern(length: u64) -> Vec<u8> {
        (0..=250).cycle().take(usize::try_from(length).unwrap()).collect()
    }

    /// Sends the body and says what arrived.
    async fn sent(body: Outgoing) -> Vec<u8> {
        let length = body.length();
        let pieces: Vec<Bytes> = body.into_pieces(Arc::default()).try_collect().await.unwrap();
        assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() as u64 <= PIECE_BYTES));
        let arrived = pieces.concat();
        assert_eq!(arrived.len() as u64, length, "Content-Length is what is sent");
        arrived
    }

    #[test]
    fn marks_differ_in_every_half() {
        let mut halves = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mark = unforeseeable();
            assert!(mark.len() == 32 && mark.bytes().all(|digit| digit.is_ascii_hexdigit()), "{mark}");
            let (front, back) = mark.split_at(16);
            assert!(halves.insert(front.to_owned()) && halves.insert(back.to_owned()), "{mark}");
        }
    }

    #[tokio::test]
    async fn pieces_are_views_of_the_same_memory() {
        let picture = Bytes::from(pattern(PIECE_BYTES + 10));
        let progress = Arc::new(Progress::default());
        let body = body([picture.clone().into(), Bytes::new().into(), Bytes::from_static(b"end").into()]);
        let mut pieces = pin!(body.into_pieces(Arc::clone(&progress)));
        assert_eq!(progress.steps(), 0);
        let first = pieces.next().await.unwrap().unwrap();
        assert_eq!(first.as_ptr(), picture.as_ptr());
        let second = pieces.next().await.unwrap().unwrap();
        assert_eq!(second.as_ptr(), picture[first.len()..].as_ptr());
        assert_eq!((first.len() as u64, second.len()), (PIECE_BYTES, 10));
        assert!(!progress.is_complete());
        assert_eq!(pieces.next().await.unwrap().unwrap(), "end");
        assert!(progress.is_complete(), "the peer may have it all now");
        assert!(pieces.next().await.is_none());
        assert_eq!(progress.steps(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_piece() {
        const LONGEST: Duration = Duration::from_secs(4);
        let progress = Progress::default();
        let begun = progress.began;
        progress.silence(LONGEST).await;
        assert_eq!(begun.elapsed(), LONGEST, "nothing is ever taken");

        let progress = Progress::default();
        let begun = progress.began;
        let pieces = async {
            for wait in [1, 2500, 3000] {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                progress.step();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            progress.complete();
        };
        tokio::join!(pieces, progress.silence(LONGEST));
        assert_eq!(begun.elapsed(), Duration::from_millis(1 + 2500 + 3000 + 10) + LONGEST);
    }

    #[tokio::test]
    async fn base64_arrives_whole_from_memory_and_from_a_file_in_bounded_pieces() {
        let path = std::env::temp_dir().join(format!("easel-outgoing-{}", unforeseeable()));
        for length in [0, 1, 2, RAW_BYTES - 1, RAW_BYTES, RAW_BYTES + 1, 20 * RAW_BYTES + 700] {
            let bytes = pattern(length);
            std::fs::write(&path, &bytes).unwrap();
            let contents = [Content::from(bytes.clone()), Content::file(&path, length)];
            for content in contents {
                let whole = body([Bytes::from_static(b"{\"").into(), Segment::Base64(content.clone())]);
                let expected = format!("{{\"{}", base64_simd::STANDARD.encode_to_string(&bytes));
                // A description may be sent again.
                assert!(sent(whole.clone()).await == expected.as_bytes(), "{content:?}");
                assert!(sent(whole).await == expected.as_bytes(), "{content:?} again");
                assert!(sent(body([content.into()])).await == bytes);
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn parts_are_cut_out_of_memory_and_files() {
        let path = std::env::temp_dir().join(format!("easel-outgoing-{}", unforeseeable()));
        let length = 2 * RAW_BYTES + 7;
        let bytes = pattern(length);
        std::fs::write(&path, &bytes).unwrap();
        for (offset, count) in [(0, length), (3, 5), (1, length - 1), (length, 0), (0, RAW_BYTES)] {
            let range = usize::try_from(offset).unwrap()..usize::try_from(offset + count).unwrap();
            for content in [Content::from(bytes.clone()), Content::file(&path, length)] {
                let part = content.part(offset, count);
                assert!(sent(body([part.clone().into()])).await == bytes[range.clone()], "{part:?}");
                let encoded = base64_simd::STANDARD.encode_to_string(&bytes[range.clone()]);
                assert!(sent(body([Segment::Base64(part)])).await == encoded.as_bytes());
            }
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn segments_arrive_as_one_content() {
        for (lengths, count) in [
            (&[BASE64_SEGMENT, BASE64_SEGMENT, 7][..], 3),
            (&[5, BASE64_SEGMENT, 100, 1], 4),
            (&[1, 0, 1], 2),
            (&[], 0),
        ] {
            let bytes = pattern(lengths.iter().sum::<usize>() as u64);
            let mut rest = Bytes::from(bytes.clone());
            let content = Content::segments(lengths.iter().map(|length| rest.split_to(*length)));
            assert!(sent(body([content.clone().into()])).await == bytes);
            let encoded = base64_simd::STANDARD.encode_to_string(&bytes);
            assert!(sent(body([Segment::Base64(content.clone())])).await == encoded.as_bytes());
            let pieces: Vec<Bytes> =
                body([content.clone().into()]).into_pieces(Arc::default()).try_collect().await.unwrap();
            assert_eq!(pieces.len(), count, "one piece for each segment");
            for offset in [0, 1, BASE64_SEGMENT, BASE64_SEGMENT + 6].map(|offset| offset.min(bytes.len())) {
                let part = content.clone().part(offset as u64, (bytes.len() - offset) as u64);
                assert!(sent(body([part.clone().into()])).await == bytes[offset..]);
                let encoded = base64_simd::STANDARD.encode_to_string(&bytes[offset..]);
                assert!(sent(body([Segment::Base64(part)])).await == encoded.as_bytes());
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_goes_missing_or_short_breaks_the_body_off() {
        let path = std::env::temp_dir().join(format!("easel-outgoing-{}", unforeseeable()));
        std::fs::write(&path, pattern(1000)).unwrap();
        let file = |length| Content::file(&path, length);
        let missing = Content::file(Path::new("/no/such/file"), 5);
        let short = Content::from(pattern(1000)).part(10, 991);
        for content in [file(1001), file(1000).part(10, 991), missing, short] {
            let body = body([Segment::Base64(content), Bytes::from_static(b"end").into()]);
            let mut pieces = pin!(body.into_pieces(Arc::default()));
            assert!(pieces.next().await.unwrap().is_err());
            assert!(pieces.next().await.is_none(), "nothing follows that would hide the gap");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn owners_stay_until_their_content_is_sent() {
        let owner = Arc::new(());
        let content = Content::from(pattern(10)).kept_by(Arc::clone(&owner));
        let pieces = Box::pin(body([content.into()]).into_pieces(Arc::default()));
        assert_eq!(Arc::strong_count(&owner), 2);
        drop(pieces);
        assert_eq!(Arc::strong_count(&owner), 1);
    }
}
