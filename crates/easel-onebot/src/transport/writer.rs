//! The one task that writes a socket.
//!
//! Small frames that wait together leave in one write. A picture's frame has a known length and is written piece by
//! piece, its base64 encoded on the way, so that no frame is ever held whole. It may begin before its job's record is
//! durable: then its last bytes wait, and without them the peer has nothing.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use easel_core::reply::Clearance;
use easel_http::Pieces;
use tokio::{
    io::AsyncWriteExt as _,
    sync::{Notify, mpsc},
};
use tracing::warn;

use super::{
    frame::{self, CLOSE, Mask, PING, TEXT},
    io::Writer,
};
use crate::outbound::{Payload, Piece};

/// Frames without pictures up to this size wait for each other.
const SMALL: u64 = 64 * 1024;

/// Bytes of a big frame that are worth its first write: the peer begins to read while the rest is encoded.
const FIRST_STEP: usize = 256 * 1024;
/// Bytes that are worth each further write. A peer that reads as fast as this writes is woken for every one of them, which
/// costs more than the copy; a megabyte keeps others waiting for well under a millisecond.
const STEP: usize = 1024 * 1024;

/// Bytes behind a picture that need no write of their own.
const END: usize = 4 * 1024;

/// Frames that are not calls.
#[derive(Debug)]
pub(crate) enum Control {
    /// Whole frames, ready to be written.
    Raw(Bytes),
    /// A ping of ours.
    Ping,
    /// Says why and ends the writer.
    Close(u16, &'static str),
}

/// How far a frame has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: AtomicU8,
    unreadable: Notify,
}

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const HANDED_OVER: u8 = 2;
const CANCELLED: u8 = 3;
const UNREADABLE: u8 = 4;

impl Progress {
    /// Takes the frame back; false when writing has begun.
    pub(crate) fn cancel(&self) -> bool {
        self.state.compare_exchange(QUEUED, CANCELLED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the peer may have the whole frame.
    pub(crate) fn handed_over(&self) -> bool {
        self.state.load(Ordering::Acquire) == HANDED_OVER
    }

    /// Whether a picture in the frame could not be read: the peer never has it whole.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.state.load(Ordering::Acquire) == UNREADABLE
    }

    /// Waits until that is so; one caller at a time.
    pub(crate) async fn unreadable(&self) {
        while !self.is_unreadable() {
            self.unreadable.notified().await;
        }
    }

    fn start(&self) -> bool {
        self.state.compare_exchange(QUEUED, STARTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn hand_over(&self) {
        self.state.store(HANDED_OVER, Ordering::Release);
    }

    fn give_up(&self) {
        self.state.store(UNREADABLE, Ordering::Release);
        self.unreadable.notify_one();
    }
}

/// A frame in the queue.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its payload.
    pub(crate) payload: Payload,
    /// Shared with the caller.
    pub(crate) progress: Arc<Progress>,
    /// The frame's last bytes wait for it.
    pub(crate) clearance: Option<Clearance>,
}

/// Writes until both queues are closed, a close frame was written, or the socket fails.
pub(crate) struct WriterTask {
    /// The socket.
    pub(crate) socket: Writer,
    /// Calls.
    pub(crate) calls: mpsc::Receiver<Outgoing>,
    /// Everything else; goes first.
    pub(crate) control: mpsc::Receiver<Control>,
    /// Whether frames must be masked.
    pub(crate) client: bool,
    /// Bytes of calls that wait, kept by the connection.
    pub(crate) waiting: Arc<AtomicU64>,
    /// How long one write may take.
    pub(crate) stalled: Duration,
}

impl WriterTask {
    /// Runs it.
    ///
    /// # Errors
    /// When the socket fails or stalls, or a picture can't be read any more after its frame was begun: that can't be
    /// taken back, so the connection is over then. A picture that shows before the first byte costs its call alone.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let mut batch = Vec::new();
        let mut handed: Vec<Arc<Progress>> = Vec::new();
        loop {
            let mut big = None;
            tokio::select! {
                biased;
                Some(control) = self.control.recv() => {
                    if self.control_frame(control, &mut batch) {
                        self.write(&batch).await?;
                        return self.socket.shutdown().await;
                    }
                }
                call = self.calls.recv() => match call {
                    Some(call) => big = self.enqueue(call, &mut batch, &mut handed),
                    None => return self.socket.shutdown().await,
                },
            }
            // Whatever else waits joins the same write.
            while big.is_none() && (batch.len() as u64) < SMALL {
                let Ok(call) = self.calls.try_recv() else { break };
                big = self.enqueue(call, &mut batch, &mut handed);
            }
            if !batch.is_empty() {
                for progress in handed.drain(..) {
                    progress.hand_over();
                }
                self.write(&batch).await?;
                batch.clear();
                batch.shrink_to(64 * 1024);
            }
            if let Some(call) = big {
                self.write_big(call).await?;
            }
        }
    }

    /// Appends a control frame; true when it was the last one.
    fn control_frame(&self, control: Control, batch: &mut Vec<u8>) -> bool {
        match control {
            Control::Raw(bytes) => batch.extend_from_slice(&bytes),
            Control::Ping => frame::small(batch, PING, b"", self.client),
            Control::Close(code, reason) => {
                let mut payload = code.to_be_bytes().to_vec();
                payload.extend_from_slice(reason.as_bytes());
                frame::small(batch, CLOSE, &payload, self.client);
                return true;
            }
        }
        false
    }

    /// Appends a small frame to the batch, or gives a big one back.
    fn enqueue(
        &self,
        call: Outgoing,
        batch: &mut Vec<u8>,
        handed: &mut Vec<Arc<Progress>>,
    ) -> Option<Outgoing> {
        let len = call.payload.len();
        self.waiting.fetch_sub(len, Ordering::Relaxed);
        if !call.progress.start() {
            return None;
        }
        match call.payload.pieces() {
            [Piece::Json(json)] if len <= SMALL && call.clearance.is_none() => {
                frame::small(batch, TEXT, json, self.client);
                handed.push(call.progress);
                None
            }
            _ => Some(call),
        }
    }

    async fn write_big(&mut self, call: Outgoing) -> io::Result<()> {
        if let Err(error) = call.payload.check().await {
            warn!(%error, "a picture cannot be read; its message is not sent");
            call.progress.give_up();
            return Ok(());
        }
        let mask = frame::new_mask(self.client);
        let total = call.payload.len();
        let room = usize::try_from(total).map_or(STEP, |total| total.min(STEP));
        let mut out = Vec::with_capacity(room + FIRST_STEP);
        frame::header(&mut out, TEXT, total, mask);
        let mut frame = BigFrame { mask, total, done: 0, header: out.len(), out, progress: call.progress };
        let mut pieces = Pieces::new(call.payload.into_segments());
        // Flushed only when something follows: the end of the frame waits for its clearance.
        let mut step = FIRST_STEP;
        while pieces.has_more() {
            let ready = frame.out.len();
            // What a clearance holds back is the very end alone: everything before it is at the peer by then.
            let end = frame.left() <= END && call.clearance.is_some();
            if ready >= step || end && ready > END {
                step = STEP;
                self.flush(&mut frame).await?;
                // The peer reads about as fast as this writes, so the socket alone would never let others have their
                // turn: another chat's command, or the record that the end of this very frame waits for.
                tokio::task::yield_now().await;
            }
            if let Err(error) = pieces.append_next(&mut frame.out).await {
                let begun = frame.done > 0;
                warn!(%error, begun, "a picture cannot be read to its end; its message is not sent");
                frame.progress.give_up();
                return if begun { Err(error) } else { Ok(()) };
            }
        }
        if let Some(clearance) = call.clearance {
            let given = tokio::time::timeout(self.stalled, clearance.given()).await;
            if !matches!(given, Ok(true)) {
                if given.is_err() {
                    warn!(
                        seconds = self.stalled.as_secs(),
                        "a job's record is not on the disk yet, so its picture cannot be sent and the OneBot \
                         connection is dropped; is the disk full, failing or very slow?"
                    );
                }
                // The peer has the beginning of a frame that must not end: only a new socket helps.
                return Err(io::Error::other("a reply's record could not be written in time"));
            }
        }
        self.flush(&mut frame).await?;
        if frame.done == total { Ok(()) } else { Err(io::Error::other("a frame changed its length")) }
    }

    /// Writes what is ready of a big frame.
    async fn flush(&mut self, frame: &mut BigFrame) -> io::Result<()> {
        let start = std::mem::take(&mut frame.header);
        let Some(part) = frame.out.get_mut(start..) else { return Ok(()) };
        frame::apply(frame.mask, part, frame.done);
        frame.done += part.len() as u64;
        if frame.done >= frame.total {
            // From here on the peer may have it all.
            frame.progress.hand_over();
        }
        self.write(&frame.out).await?;
        frame.out.clear();
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let whole = async {
            self.socket.write_all(bytes).await?;
            self.socket.flush().await
        };
        tokio::time::timeout(self.stalled, whole)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the peer stopped reading")))
    }
}

/// A frame on its way.
struct BigFrame {
    mask: Mask,
    /// Length of the payload.
    total: u64,
    /// Payload bytes written.
    done: u64,
    /// Bytes of the header that still stand at the beginning of `out`; never masked.
    header: usize,
    out: Vec<u8>,
    progress: Arc<Progress>,
}

impl BigFrame {
    /// Payload bytes that are not ready yet.
    fn left(&self) -> usize {
        let ready = self.done + (self.out.len() - self.header) as u64;
        usize::try_from(self.total.saturating_sub(ready)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use easel_core::media::Body;
    use tokio::io::AsyncReadExt as _;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::outbound::{self, Chunk};

    /// Far above what any step takes, and passed at once when everybody waits.
    const NEVER: Duration = Duration::from_secs(5);

    struct Rig {
        calls: mpsc::Sender<Outgoing>,
        _control: mpsc::Sender<Control>,
        peer: tokio::io::DuplexStream,
        writer: JoinHandle<io::Result<()>>,
    }

    #[expect(clippy::disallowed_methods, reason = "the writer ends with its test")]
    fn rig() -> Rig {
        let (ours, peer) = tokio::io::duplex(64 * 1024);
        let (calls, calls_in) = mpsc::channel(8);
        let (control, control_in) = mpsc::channel(8);
        let task = WriterTask {
            socket: Box::new(ours),
            calls: calls_in,
            control: control_in,
            client: false,
            waiting: Arc::default(),
            stalled: Duration::from_secs(30),
        };
        Rig { calls, _control: control, peer, writer: tokio::spawn(task.run()) }
    }

    /// A call of `bytes` raw bytes, its length on the wire, and how far it has come.
    fn call(bytes: usize, clearance: Option<Clearance>) -> (Outgoing, usize, Arc<Progress>) {
        call_of(&Body::from_bytes(vec![7; bytes]), clearance)
    }

    fn call_of(body: &Body, clearance: Option<Clearance>) -> (Outgoing, usize, Arc<Progress>) {
        let chunk = Chunk {
            stream_id: "s",
            index: 0,
            total: 1,
            body,
            offset: 0,
            len: body.len(),
            sha256: "",
            name: "a.png",
            retention_ms: 1,
        };
        let payload = outbound::upload_chunk(&chunk).params.into_frame("a", "e");
        let len = usize::try_from(payload.len()).unwrap();
        let header = if len > usize::from(u16::MAX) { 10 } else { 4 };
        let progress = Arc::new(Progress::default());
        (Outgoing { payload, progress: Arc::clone(&progress), clearance }, header + len, progress)
    }

    /// Reads until nothing more comes.
    async fn read_all_there_is(peer: &mut tokio::io::DuplexStream) -> usize {
        let (mut total, mut buffer) = (0, vec![0; 64 * 1024]);
        while let Ok(read) = tokio::time::timeout(NEVER, peer.read(&mut buffer)).await {
            match read.unwrap() {
                0 => break,
                read => total += read,
            }
        }
        total
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_frame_waits_for_its_clearance() {
        // Around the sizes at which a piece, and with it a flush, ends.
        for bytes in [3, 60_000, 196_560, 196_605, 196_608, 196_611, 393_216, 500_000] {
            let mut rig = rig();
            let (grant, clearance) = Clearance::new();
            let (held, len, progress) = call(bytes, Some(clearance));
            let (next, next_len, _) = call(10, None);
            rig.calls.send(held).await.unwrap();
            rig.calls.send(next).await.unwrap();
            let early = read_all_there_is(&mut rig.peer).await;
            assert!(early < len, "{bytes}: {early} of {len} came early");
            assert!(bytes < 400_000 || early > 0, "a long one has begun");
            assert!(!progress.handed_over(), "{bytes}");
            grant.give();
            assert_eq!(early + read_all_there_is(&mut rig.peer).await, len + next_len, "{bytes}");
            assert!(progress.handed_over());
        }
    }

    #[tokio::test]
    async fn a_picture_that_cannot_be_read_costs_its_call_alone() {
        let mut rig = rig();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 500_000]).unwrap();
        let (broken, _, progress) = call_of(&Body::from_file(file.path()).unwrap(), None);
        file.as_file().set_len(10).unwrap();
        let (next, len, sent) = call(10, None);
        rig.calls.send(broken).await.unwrap();
        progress.unreadable().await;
        assert!(!progress.handed_over() && !progress.cancel());
        rig.calls.send(next).await.unwrap();
        rig.peer.read_exact(&mut vec![0; len]).await.unwrap();
        assert!(sent.handed_over() && !sent.is_unreadable());
        assert!(!rig.writer.is_finished(), "the socket stays");
    }

    #[tokio::test]
    async fn a_picture_that_goes_missing_on_the_way_ends_the_socket() {
        let mut rig = rig();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 3_000_000]).unwrap();
        let (broken, _, progress) = call_of(&Body::from_file(file.path()).unwrap(), None);
        rig.calls.send(broken).await.unwrap();
        // The peer's buffer holds less than the rest, so the writer can't be done.
        rig.peer.read_exact(&mut [0; 1000]).await.unwrap();
        file.as_file().set_len(10).unwrap();
        rig.peer.read_to_end(&mut Vec::new()).await.unwrap();
        rig.writer.await.unwrap().unwrap_err();
        assert!(progress.is_unreadable() && !progress.handed_over());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_clearance_the_socket_is_given_up() {
        let mut rig = rig();
        let (grant, clearance) = Clearance::new();
        let (held, len, progress) = call(500_000, Some(clearance));
        rig.calls.send(held).await.unwrap();
        assert!(read_all_there_is(&mut rig.peer).await < len);
        drop(grant);
        rig.writer.await.unwrap().unwrap_err();
        assert!(!progress.handed_over(), "certainly not delivered");
    }
}
