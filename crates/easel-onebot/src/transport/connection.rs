//! Calls and their answers on one socket, paired by echo alone: answers come in any order, or never.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use easel_core::ids::MessageId;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::writer::{Control, Outgoing, Progress};
use crate::{
    inbound::{Answer, wire},
    outbound::Call,
};

/// Bytes per second that a send is granted beyond its fixed limit; NapCat's own estimate.
pub(crate) const BYTES_PER_SECOND: u64 = 256 * 1024;
/// Calls that wait for the writer.
pub(crate) const QUEUE: usize = 256;
/// Given-up calls whose late answers are recognised.
const GIVEN_UP: usize = 256;

/// An answer, kept.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// Whether it reports success.
    pub(crate) ok: bool,
    /// The code.
    pub(crate) retcode: i64,
    /// The error text.
    pub(crate) text: String,
    /// The result.
    pub(crate) data: Option<Box<RawValue>>,
    /// Nothing in it shows that the implementation wrote it: a proxy's page, or the server behind a wrong address.
    pub(crate) doubtful: bool,
}

impl Reply {
    /// Copies an answer out of its frame.
    pub(crate) fn keep(answer: &Answer<'_>) -> Self {
        Self {
            ok: answer.ok,
            retcode: answer.retcode,
            text: answer.text.clone().into_owned(),
            data: answer.data.map(ToOwned::to_owned),
            doubtful: false,
        }
    }

    /// Copies only what became of the call.
    pub(crate) fn verdict(answer: &Answer<'_>) -> Self {
        Self {
            ok: answer.ok,
            retcode: answer.retcode,
            text: answer.text.clone().into_owned(),
            ..Self::default()
        }
    }

    /// The id of a message that was sent.
    pub(crate) fn message_id(&self) -> Option<MessageId> {
        let data: MessageIdData<'_> = serde_json::from_str(self.data.as_deref()?.get()).ok()?;
        wire::filled(data.message_id).map(|id| MessageId::new(&id))
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct MessageIdData<'a> {
    #[serde(borrow)]
    message_id: wire::Raw<'a>,
}

/// Takes the frames of an answer that comes in several, one by one, on the task that reads the socket: nothing is
/// queued, so nothing piles up.
pub(crate) struct Frames {
    take: Mutex<TakeFrame>,
    taken: AtomicU64,
}

/// Takes a frame; returns whether more are awaited.
type TakeFrame = Box<dyn FnMut(&Answer<'_>) -> bool + Send>;

impl Frames {
    /// `take` gets every frame and returns whether more are awaited. It must be quick and must not block.
    pub(crate) fn new(take: impl FnMut(&Answer<'_>) -> bool + Send + 'static) -> Arc<Self> {
        Arc::new(Self { take: Mutex::new(Box::new(take)), taken: AtomicU64::new(0) })
    }

    /// Takes a frame; returns whether more are awaited.
    pub(crate) fn take(&self, answer: &Answer<'_>) -> bool {
        self.taken.fetch_add(1, Ordering::Relaxed);
        // One task reads a socket, so nobody waits here; a panic inside is the panic of that task.
        self.take.lock().unwrap_or_else(PoisonError::into_inner)(answer)
    }

    /// Waits for the end, as long as no pause between two frames exceeds `idle` (twice at most).
    async fn until_silent<T>(&self, idle: Duration, end: impl Future<Output = T>) -> Option<T> {
        let mut end = std::pin::pin!(end);
        loop {
            let before = self.taken.load(Ordering::Relaxed);
            match tokio::time::timeout(idle, &mut end).await {
                Ok(ended) => return Some(ended),
                Err(_) if self.taken.load(Ordering::Relaxed) == before => return None,
                Err(_) => {}
            }
        }
    }
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// A call that awaits its answer.
#[derive(Debug)]
struct Waiting {
    done: oneshot::Sender<Reply>,
    /// Where the answer comes in several frames.
    frames: Option<Arc<Frames>>,
}

/// A call without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The implementation certainly did not get it.
    NotSent(&'static str),
    /// It broke off in the middle: the implementation certainly did not get the whole of it.
    Cut(&'static str),
    /// A picture in it could not be read, so the implementation certainly did not get it, nor would it the next time.
    Unreadable,
    /// It may have got it, and may have done it.
    Unknown(&'static str),
}

/// The calling side of one socket.
#[derive(Debug)]
pub(crate) struct Connection {
    calls: mpsc::Sender<Outgoing>,
    control: mpsc::Sender<Control>,
    pending: Mutex<Pending>,
    counter: AtomicU64,
    waiting: Arc<AtomicU64>,
    /// Fires when the socket is over.
    gone: CancellationToken,
}

#[derive(Debug, Default)]
struct Pending {
    waiting: HashMap<u64, Waiting>,
    given_up: VecDeque<(u64, &'static str, bool)>,
}

/// What became of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Somebody waited for it.
    Awaited,
    /// Its call was given up; a send that succeeded after all is worth a line in the log.
    Late {
        /// The action.
        action: &'static str,
        /// Whether it shows something in a chat.
        is_send: bool,
    },
    /// It belongs to no call of ours.
    Stray,
}

impl Connection {
    /// A connection over two queues that a writer task drains; `waiting` counts the bytes in the first.
    pub(crate) fn new(
        calls: mpsc::Sender<Outgoing>,
        control: mpsc::Sender<Control>,
        waiting: Arc<AtomicU64>,
        gone: CancellationToken,
    ) -> Self {
        Self { calls, control, pending: Mutex::default(), counter: AtomicU64::new(1), waiting, gone }
    }

    /// Fires when the socket is over.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// Queues a control frame; a full queue drops it, because its writer is stuck.
    pub(crate) fn control(&self, control: Control) {
        drop(self.control.try_send(control));
    }

    /// Makes a call and waits for its answer. `limit` is extended by the time that the bytes need.
    ///
    /// Dropping the future forgets the call; it may be written all the same.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn call(&self, call: Call, limit: Duration) -> Result<Reply, CallError> {
        self.exchange(call, limit, None).await
    }

    /// Makes a call whose answer comes in several frames, which `frames` takes; the reply is the last of them, without
    /// its data. `idle` bounds the pause between two.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn call_frames(
        &self,
        call: Call,
        idle: Duration,
        frames: Arc<Frames>,
    ) -> Result<Reply, CallError> {
        self.exchange(call, idle, Some(frames)).await
    }

    async fn exchange(
        &self,
        call: Call,
        limit: Duration,
        frames: Option<Arc<Frames>>,
    ) -> Result<Reply, CallError> {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let payload = call.params.into_frame(call.action, &format!("easel-{number}"));
        let bytes = payload.len();
        let ahead = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let limit = limit + Duration::from_secs((ahead + bytes) / BYTES_PER_SECOND);
        let progress = Arc::new(Progress::default());
        let (done, answer) = oneshot::channel();
        self.lock().waiting.insert(number, Waiting { done, frames: frames.clone() });
        let _forget = Forget { connection: self, number };

        let outgoing = Outgoing { payload, progress: Arc::clone(&progress), clearance: call.clearance };
        let mut queued = Queued { waiting: &self.waiting, bytes };
        let attempt = async {
            tokio::select! {
                biased;
                () = self.gone.cancelled() => return None,
                sent = self.calls.send(outgoing) => sent.ok()?,
            }
            // From here on the writer counts them down.
            queued.bytes = 0;
            tokio::select! {
                biased;
                reply = answer => reply.ok(),
                () = progress.unreadable() => None,
                () = self.gone.cancelled() => None,
            }
        };
        let ended = match frames {
            None => tokio::time::timeout(limit, attempt).await.ok(),
            Some(frames) => frames.until_silent(limit, attempt).await,
        };
        match ended {
            Some(Some(reply)) => Ok(reply),
            Some(None) | None if progress.is_unreadable() => Err(CallError::Unreadable),
            Some(None) if progress.handed_over() => {
                Err(CallError::Unknown("the connection was lost before the answer"))
            }
            Some(None) => Err(CallError::NotSent("the connection was lost")),
            None if progress.cancel() => Err(CallError::NotSent("the implementation stopped reading")),
            None => {
                let mut pending = self.lock();
                if pending.given_up.len() >= GIVEN_UP {
                    pending.given_up.pop_front();
                }
                pending.given_up.push_back((number, call.action, call.is_send));
                Err(CallError::Unknown("no answer in time"))
            }
        }
    }

    /// Hands an answer to its call.
    pub(crate) fn answer(&self, answer: &Answer<'_>) -> Delivered {
        let Some(number) = answer
            .echo
            .as_deref()
            .and_then(|echo| echo.strip_prefix("easel-"))
            .and_then(|number| number.parse::<u64>().ok())
        else {
            return Delivered::Stray;
        };
        let mut pending = self.lock();
        let frames = pending.waiting.get(&number).and_then(|waiting| waiting.frames.clone());
        if let Some(frames) = frames {
            // Decoding a chunk must not hold up the other calls.
            drop(pending);
            if frames.take(answer) {
                return Delivered::Awaited;
            }
            pending = self.lock();
        }
        if let Some(Waiting { done, frames }) = pending.waiting.remove(&number) {
            drop(pending);
            let reply = if frames.is_some() { Reply::verdict(answer) } else { Reply::keep(answer) };
            drop(done.send(reply));
            return Delivered::Awaited;
        }
        match pending.given_up.iter().position(|(known, ..)| *known == number) {
            Some(at) => match pending.given_up.remove(at) {
                Some((_, action, is_send)) => Delivered::Late { action, is_send },
                None => Delivered::Stray,
            },
            None => Delivered::Stray,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        // Nothing panics while the maps are half changed.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are counted as waiting and did not reach the writer's queue: they go however the call's future ends.
struct Queued<'a> {
    waiting: &'a AtomicU64,
    bytes: u64,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Takes a call out of the map however its future ends.
struct Forget<'a> {
    connection: &'a Connection,
    number: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.connection.lock().waiting.remove(&self.number);
    }
}
