//! Where the bytes of a picture go while they arrive: into memory, segment by segment, as long as the budget allows it,
//! else into a file.
//!
//! A sink is not async: it takes bytes in the middle of parsers. Whoever feeds one on a runtime's thread asks beforehand
//! whether a file may be written ([`Spool::may_write_files`]) and then does it [beside](Spool::beside) the runtime.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;

use super::{
    PictureFormat,
    body::{Body, SpoolFile},
    budget::{BytesBudget, Hold},
    draft::{Draft, Drafts},
};

/// Length of all segments of a body but the last. Whole disk blocks, so that a segment can be written as it lies; and
/// divisible by three, so that the base64 of the segments is the base64 of the body. 256 KiB of base64 each.
pub const SEGMENT: usize = 192 * 1024;
/// The first segment grows to its length by way of these, for small pictures of unknown length.
const FIRST_STEPS: [usize; 2] = [16 * 1024, 64 * 1024];

/// What a sink may take beyond the bytes it is given: the rest of a segment, and whole pages for a few others.
const MARGIN: u64 = 2 * SEGMENT as u64;

/// The ending of spool files.
const ENDING: &str = "part";

/// Makes sinks for bodies of unknown length.
#[derive(Clone, Debug)]
pub struct Spool {
    budget: BytesBudget,
    dir: Arc<Path>,
    drafts: Option<Arc<dyn Drafts>>,
    /// Whether a sink of this call went to a file.
    in_files: Arc<AtomicBool>,
}

impl Spool {
    /// Spools into `dir`, which only its owner can read from now on, where the system lets that be changed. Spool files in it belong to a process that
    /// died and are removed; whatever else lies there (a file system's `lost+found`) is none of ours and stays.
    ///
    /// # Errors
    /// When the folder can't be made or read, or a spool file not be removed.
    pub fn new(budget: BytesBudget, dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mode = fs::metadata(dir)?.permissions().mode();
        if mode & 0o077 != 0
            && let Err(error) = fs::set_permissions(dir, fs::Permissions::from_mode(mode & 0o700))
        {
            tracing::warn!(dir = %dir.display(), %error, "others may read the spool folder");
        }
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let is_ours = entry.path().extension().is_some_and(|ending| ending == ENDING);
            if is_ours && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { budget, dir: dir.into(), drafts: None, in_files: Arc::default() })
    }

    /// The same spool for pictures that will be stored: large ones are drafted while they arrive.
    #[must_use]
    pub fn with_drafts(self, drafts: Option<Arc<dyn Drafts>>) -> Self {
        Self { drafts, ..self }
    }

    /// The budget behind it.
    pub fn budget(&self) -> &BytesBudget {
        &self.budget
    }

    /// The same spool for one call, which knows of the call's own sinks whether they write files.
    #[must_use]
    pub fn for_call(&self) -> Self {
        Self { in_files: Arc::default(), ..self.clone() }
    }

    /// Whether this call's sinks may write a file when they are given `bytes` more: one of them did already, or the
    /// budget has hardly more room than that. Only who takes the last room at the very same time can make a `false` untrue.
    pub fn may_write_files(&self, bytes: usize) -> bool {
        self.in_files.load(Ordering::Relaxed) || self.budget.free() < bytes as u64 + MARGIN
    }

    /// Does `work`, which gives this call's sinks at most `bytes` more or reads what they made: on a blocking thread if
    /// that [may write files](Self::may_write_files), else right here. Dropping the future leaves begun work to its end.
    ///
    /// # Errors
    /// When the runtime is shutting down, or `work` panicked on its thread.
    pub async fn beside<R: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<R> {
        if !self.may_write_files(bytes) {
            return Ok(work());
        }
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }

    /// A sink; `expected` bytes are reserved at once when they are free (0 = unknown).
    pub fn sink(&self, expected: u64) -> BodySink {
        BodySink {
            spool: self.clone(),
            hold: if expected > 0 { self.budget.try_take(expected) } else { None },
            full: Vec::new(),
            tail: Vec::new(),
            file: None,
            draft: None,
            len: 0,
        }
    }
}

/// Takes bytes as they arrive. Memory first; from the moment the budget says no, a file.
#[derive(Debug)]
pub struct BodySink {
    spool: Spool,
    hold: Option<Hold>,
    /// Segments of full length.
    full: Vec<Bytes>,
    /// The segment that is being filled, never full; what is not yet in the file when there is one.
    tail: Vec<u8>,
    file: Option<(fs::File, Arc<SpoolFile>)>,
    draft: Option<Arc<dyn Draft>>,
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

    /// Bytes that [`write_with`](Self::write_with) can take in place, without a copy; never none.
    pub fn room(&self) -> usize {
        SEGMENT - self.tail.len()
    }

    /// Lets `append` put at most `n` bytes behind what is there: in place when they fit into the [room](Self::room).
    ///
    /// # Errors
    /// When the spool file can't be written.
    pub fn write_with(&mut self, n: usize, append: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        if n > self.room() {
            let mut scratch = Vec::with_capacity(n);
            append(&mut scratch);
            return self.write(&scratch);
        }
        self.ensure_room(n)?;
        let at = self.tail.len();
        append(&mut self.tail);
        debug_assert!((at..=at + n).contains(&self.tail.len()), "more bytes than announced");
        self.len += self.tail.len().saturating_sub(at) as u64;
        self.settle()
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// When the spool file can't be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, later) = rest.split_at_checked(self.room()).unwrap_or((rest, &[]));
            self.ensure_room(piece.len())?;
            self.tail.extend_from_slice(piece);
            self.len += piece.len() as u64;
            self.settle()?;
            rest = later;
        }
        Ok(())
    }

    /// The finished body.
    ///
    /// # Errors
    /// When the spool file can't be written.
    pub fn finish(mut self) -> io::Result<Body> {
        if let Some((_, file)) = self.file.take() {
            return Ok(Body::spooled(file, self.len));
        }
        if !self.tail.is_empty() {
            self.tail.shrink_to_fit();
            self.seal();
        }
        if let Some(hold) = &mut self.hold {
            hold.shrink(self.len);
        }
        Ok(Body::in_segments(self.full, self.hold, self.draft))
    }

    /// Makes room for `more` bytes, which are no more than [`room`](Self::room).
    fn ensure_room(&mut self, more: usize) -> io::Result<()> {
        let need = self.tail.len() + more;
        if need <= self.tail.capacity() || self.file.is_some() {
            return Ok(());
        }
        let held = self.hold.as_ref().map_or(0, Hold::bytes);
        let before = (self.full.len() * SEGMENT) as u64;
        let reserved = usize::try_from(held.saturating_sub(before)).unwrap_or(usize::MAX).min(SEGMENT);
        // What is reserved is used; beyond that a body of unknown length grows.
        let room = if reserved >= need {
            reserved
        } else {
            let step = FIRST_STEPS.into_iter().find(|step| self.full.is_empty() && *step >= need);
            step.unwrap_or(SEGMENT)
        };
        for room in [room, need] {
            let missing = (before + room as u64).saturating_sub(held);
            let Some(more) = self.spool.budget.try_take(missing) else { continue };
            match &mut self.hold {
                Some(mine) => mine.merge(more),
                None => self.hold = Some(more),
            }
            self.tail.reserve_exact(room - self.tail.len());
            return Ok(());
        }
        self.move_to_file()
    }

    /// Puts what was written where it belongs: a full segment to the others, everything into the file if there is one.
    fn settle(&mut self) -> io::Result<()> {
        if let Some((file, _)) = &mut self.file {
            file.write_all(&self.tail)?;
            self.tail.clear();
        } else if self.tail.len() >= SEGMENT {
            self.seal();
        }
        Ok(())
    }

    fn seal(&mut self) {
        let segment = Bytes::from(std::mem::take(&mut self.tail));
        if self.full.is_empty() && segment.len() == SEGMENT && PictureFormat::sniff(&segment).is_some() {
            self.draft = self.spool.drafts.as_ref().and_then(|drafts| drafts.begin());
        }
        if let Some(draft) = &self.draft {
            draft.push(segment.clone());
        }
        self.full.push(segment);
    }

    fn move_to_file(&mut self) -> io::Result<()> {
        self.draft = None;
        self.spool.in_files.store(true, Ordering::Relaxed);
        let path = self.spool.dir.join(format!("{}.{ENDING}", uuid::Uuid::now_v7().simple()));
        let mut file = fs::File::create(&path)?;
        let owned = Arc::new(SpoolFile { path, temporary: true });
        for segment in std::mem::take(&mut self.full) {
            file.write_all(&segment)?;
        }
        file.write_all(&self.tail)?;
        self.file = Some((file, owned));
        self.tail = Vec::new();
        self.hold = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

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

    /// A PNG by its first bytes.
    fn picture(len: usize) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        bytes.extend(pattern(len - 8));
        bytes
    }

    #[test]
    fn memory_is_counted_and_given_back() {
        let (dir, spool) = spool(4 << 20);
        let all = spool.budget().free();
        for expected in [0, 1 << 10, 1 << 20, 2 << 20] {
            let mut sink = spool.sink(expected);
            for piece in pattern(1 << 20).chunks(10_007) {
                sink.write(piece).unwrap();
                assert!(all - spool.budget().free() >= sink.len(), "every byte is counted");
            }
            assert_eq!(sink.len(), 1 << 20);
            let body = sink.finish().unwrap();
            assert_eq!(all - spool.budget().free(), 1 << 20, "and none twice");
            assert_eq!(body.read().unwrap(), pattern(1 << 20));
            let shared = body.clone();
            drop(body);
            assert!(spool.budget().free() < all, "the clone still holds them");
            drop(shared);
            assert_eq!((spool.budget().free(), files(&dir)), (all, 0));
        }
    }

    #[test]
    fn small_bodies_take_little() {
        let (_dir, spool) = spool(1 << 20);
        let all = spool.budget().free();
        let mut sink = spool.sink(0);
        sink.write(&pattern(10_000)).unwrap();
        assert_eq!(all - spool.budget().free(), 16 << 10);
        let _body = sink.finish().unwrap();
        assert_eq!(all - spool.budget().free(), 12 << 10);
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
    fn what_is_not_ours_stays_and_stops_nothing() {
        let (dir, spool) = spool(1 << 20);
        for folder in ["lost+found", "folder.part"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("notes"), b"x").unwrap();
        Spool::new(spool.budget().clone(), dir.path()).unwrap();
        assert_eq!(files(&dir), 3);
    }

    #[test]
    fn nobody_else_can_read_it() {
        let (dir, spool) = spool(1 << 20);
        let folder = dir.path().join("data/spool");
        for found in [None, Some(0o755)] {
            if let Some(found) = found {
                fs::set_permissions(&folder, fs::Permissions::from_mode(found)).unwrap();
            }
            Spool::new(spool.budget().clone(), &folder).unwrap();
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_writes_give_the_same_bytes(
            writes in prop::collection::vec((0_usize..300_000, any::<bool>()), 0..12),
            budget in prop::sample::select(vec![0_u64, 100 << 10, 500 << 10, 8 << 20]),
            expected in prop::sample::select(vec![0_u64, 50_000, 400_000, 2 << 20]),
        ) {
            let (dir, spool) = spool(budget);
            let all = spool.budget().free();
            let bytes = pattern(writes.iter().map(|(len, _)| len).sum());
            let mut sink = spool.sink(expected);
            let mut at = 0;
            for (len, in_place) in writes {
                let piece = &bytes[at..at + len];
                if in_place {
                    // More room than is used, as base64 needs it.
                    sink.write_with(len + 3, |memory| memory.extend_from_slice(piece)).unwrap();
                } else {
                    sink.write(piece).unwrap();
                }
                at += len;
                prop_assert_eq!(sink.len(), at as u64);
                prop_assert!(sink.room() > 0);
                prop_assert_eq!(sink.room() % 3, (SEGMENT - if sink.file.is_some() { 0 } else { at % SEGMENT }) % 3);
            }
            let body = sink.finish().unwrap();
            prop_assert_eq!(body.read().unwrap(), &bytes[..]);
            if let Some(segments) = body.in_memory() {
                let (last, full) = segments.split_last().map_or((0, &[][..]), |(last, full)| (last.len(), full));
                prop_assert!(full.iter().all(|segment| segment.len() == SEGMENT) && last <= SEGMENT);
                prop_assert_eq!(all - spool.budget().free(), body.len().next_multiple_of(4096));
            }
            drop(body);
            prop_assert_eq!((spool.budget().free(), files(&dir)), (all, 0));
        }
    }

    /// Drafts that note what they get.
    #[derive(Debug, Default)]
    struct Noted {
        drafts: Mutex<Vec<Arc<NotedDraft>>>,
    }

    #[derive(Debug, Default)]
    struct NotedDraft(Mutex<Vec<u8>>);

    impl Drafts for Noted {
        fn begin(&self) -> Option<Arc<dyn Draft>> {
            let draft = Arc::new(NotedDraft::default());
            self.drafts.lock().unwrap().push(Arc::clone(&draft));
            Some(draft)
        }
    }

    impl Draft for NotedDraft {
        fn push(&self, bytes: Bytes) {
            self.0.lock().unwrap().extend_from_slice(&bytes);
        }
    }

    #[test]
    fn large_pictures_are_drafted_while_they_arrive() {
        #[track_caller]
        fn check(budget: u64, bytes: &[u8], drafted: bool) {
            let (_dir, spool) = spool(budget);
            let drafts = Arc::new(Noted::default());
            let spool = spool.with_drafts(Some(drafts.clone()));
            let mut sink = spool.sink(0);
            for piece in bytes.chunks(50_000) {
                sink.write(piece).unwrap();
            }
            let begun = drafts.drafts.lock().unwrap().pop();
            let before = begun.as_ref().map_or(0, |draft| draft.0.lock().unwrap().len());
            assert_eq!(before, if begun.is_some() { bytes.len() / SEGMENT * SEGMENT } else { 0 });
            let body = sink.finish().unwrap();
            assert_eq!(body.draft::<NotedDraft>().is_some(), drafted);
            if let Some(draft) = body.draft::<NotedDraft>() {
                assert_eq!(*draft.0.lock().unwrap(), bytes);
                drop(body);
                assert_eq!(Arc::strong_count(&begun.unwrap()), 1, "it goes with the body");
            }
        }
        check(8 << 20, &picture(1_000_000), true);
        check(8 << 20, &picture(SEGMENT), true);
        check(8 << 20, &picture(SEGMENT - 1), false);
        check(8 << 20, &pattern(1_000_000), false);
    }

    #[test]
    fn a_call_knows_when_it_may_write_files() {
        #[track_caller]
        fn check(call: &Spool, bytes: usize, expected: bool) {
            assert_eq!(call.may_write_files(bytes), expected, "{bytes}");
        }
        let (_dir, spool) = spool(1 << 20);
        let all = spool.budget().free();
        let (one, other) = (spool.for_call(), spool.for_call());
        let most = usize::try_from(all - MARGIN).unwrap();
        check(&one, most, false);
        check(&one, most + 1, true);
        let rest = spool.budget().try_take(all).unwrap();
        check(&one, 0, true);
        let mut sink = one.clone().with_drafts(None).sink(0);
        sink.write(b"x").unwrap();
        drop(rest);
        check(&one, 0, true);
        check(&other, 0, false);
    }

    #[tokio::test]
    async fn files_are_written_beside_the_runtime() {
        let (_dir, spool) = spool(1 << 20);
        let here = std::thread::current().id();
        let mut call = spool.for_call();
        for (written, beside) in [(SEGMENT, false), (6 * SEGMENT, true), (1, true)] {
            let mut sink = call.sink(0);
            let (thread, body) = call
                .beside(written, move || {
                    sink.write(&pattern(written)).unwrap();
                    (std::thread::current().id(), sink.finish().unwrap())
                })
                .await
                .unwrap();
            assert_eq!((thread != here, body.len()), (beside, written as u64));
            drop(body);
            call = call.with_drafts(None);
        }
    }

    #[test]
    fn what_goes_to_a_file_after_all_gives_up_its_draft() {
        let (_dir, spool) = spool(400 << 10);
        let drafts = Arc::new(Noted::default());
        let mut sink = spool.with_drafts(Some(drafts.clone())).sink(0);
        sink.write(&picture(1_000_000)).unwrap();
        let begun = drafts.drafts.lock().unwrap().pop().unwrap();
        assert_eq!(Arc::strong_count(&begun), 1);
        let body = sink.finish().unwrap();
        assert!(body.in_file().is_some() && body.draft::<NotedDraft>().is_none());
    }
}
