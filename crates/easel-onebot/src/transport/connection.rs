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
const BYTES_PER_SECOND: u64 = 256 * 1024;
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

/// A call without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallError {
    /// The implementation certainly did not get it.
    NotSent(&'static str),
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
    waiting: HashMap<u64, oneshot::Sender<Reply>>,
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
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let payload = call.params.into_frame(call.action, &format!("easel-{number}"));
        let bytes = payload.len();
        let ahead = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let limit = limit + Duration::from_secs((ahead + bytes) / BYTES_PER_SECOND);
        let progress = Arc::new(Progress::default());
        let (sender, answer) = oneshot::channel();
        self.lock().waiting.insert(number, sender);
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
                () = self.gone.cancelled() => None,
            }
        };
        match tokio::time::timeout(limit, attempt).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) if progress.handed_over() => {
                Err(CallError::Unknown("the connection was lost before the answer"))
            }
            Ok(None) => Err(CallError::NotSent("the connection was lost")),
            Err(_) if progress.cancel() => Err(CallError::NotSent("the implementation stopped reading")),
            Err(_) => {
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
        if let Some(waiting) = pending.waiting.remove(&number) {
            drop(pending);
            drop(waiting.send(Reply::keep(answer)));
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
