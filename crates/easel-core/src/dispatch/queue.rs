//! One queue per chat: commands of a chat are decided in order, different chats at once.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::{
    ids::{Chat, MessageId},
    message::Message,
};

/// Commands of one chat that may wait for their decision.
const MAX_PER_CHAT: usize = 2_000;
/// Commands of all chats that may wait.
const MAX_OVERALL: usize = 20_000;
/// Answers of one chat that may be under way at once; then the chat's next command waits for one of them.
const MAX_ANSWERS: usize = 16;

/// An answer on its way: sent in the order of decisions, not waited for by the next decision.
pub type Answer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Decides commands.
#[async_trait::async_trait]
pub trait Decide: Send + Sync + 'static {
    /// Decides one command: accepts a job, changes a setting, or makes an answer. What must happen before the next
    /// command of the chat happens here; the answer's sending does not.
    async fn decide(&self, message: Message) -> Option<Answer>;

    /// The message was taken back while it was being decided; called right after its decision.
    fn taken_back(&self, chat: &Chat, message: &MessageId);
}

/// The queues of all chats that have something waiting; an idle chat costs nothing.
pub struct ChatQueues {
    inner: Mutex<Inner>,
    tracker: TaskTracker,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Inner {
    queues: HashMap<Chat, Queue>,
    waiting: usize,
}

struct Queue {
    messages: VecDeque<Message>,
    arrived: Arc<Notify>,
    /// The message that is being decided, and whether it was taken back meanwhile.
    deciding: Option<(MessageId, bool)>,
}

impl ChatQueues {
    /// No queues; workers are tracked by `tracker`.
    pub fn new(tracker: TaskTracker) -> Self {
        Self { inner: Mutex::default(), tracker, dropped: AtomicU64::new(0) }
    }

    /// Puts a message at the end of its chat's queue and sees to it that somebody works on it.
    pub fn push(self: &Arc<Self>, message: Message, decide: &Arc<dyn Decide>) {
        let chat = message.chat.clone();
        let arrived = Arc::new(Notify::new());
        {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.waiting >= MAX_OVERALL
                || inner.queues.get(&chat).is_some_and(|queue| queue.messages.len() >= MAX_PER_CHAT)
            {
                let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
                if dropped.is_power_of_two() {
                    tracing::warn!(%chat, dropped, "commands are dropped: they come faster than they can be decided");
                }
                return;
            }
            inner.waiting += 1;
            if let Some(queue) = inner.queues.get_mut(&chat) {
                queue.messages.push_back(message);
                queue.arrived.notify_one();
                return;
            }
            let messages = VecDeque::from([message]);
            let queue = Queue { messages, arrived: Arc::clone(&arrived), deciding: None };
            inner.queues.insert(chat.clone(), queue);
        }
        let queues = Arc::clone(self);
        let decide = Arc::clone(decide);
        self.tracker.spawn(async move { queues.work(chat, arrived, decide).await });
    }

    /// A message was taken back, in `chat` as far as the notice tells ([`Chat::may_be`]). Returns whether that is settled
    /// here: it waited and is dropped undecided, or its decision is under way and [`Decide::taken_back`] follows it.
    pub fn take_back(&self, chat: &Chat, message: &MessageId) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        for (_, queue) in inner.queues.iter_mut().filter(|(there, _)| there.may_be(chat)) {
            if let Some((deciding, taken_back)) = &mut queue.deciding
                && deciding == message
            {
                *taken_back = true;
                return true;
            }
            if let Some(at) = queue.messages.iter().position(|waiting| waiting.id == *message) {
                queue.messages.remove(at);
                inner.waiting -= 1;
                return true;
            }
        }
        false
    }

    async fn work(&self, chat: Chat, arrived: Arc<Notify>, decide: Arc<dyn Decide>) {
        let mut worker = Worker { queues: self, chat: &chat, retired: false };
        let mut answers = FuturesUnordered::new();
        loop {
            while let Some(message) = self.pop(&chat) {
                // A panic costs one command, not the chat's queue.
                let decided =
                    AssertUnwindSafe(decide.decide(message)).catch_unwind().await.unwrap_or_else(|_| {
                        tracing::error!(%chat, code = "E-PANIC", "a command's decision panicked");
                        None
                    });
                if let Some(message) = self.decided(&chat) {
                    let told =
                        std::panic::catch_unwind(AssertUnwindSafe(|| decide.taken_back(&chat, &message)));
                    if told.is_err() {
                        tracing::error!(%chat, code = "E-PANIC", "taking a command back panicked");
                    }
                }
                if let Some(answer) = decided {
                    let mut answer = AssertUnwindSafe(answer).catch_unwind();
                    // The first poll hands the frame to the socket, so that answers keep the order of decisions.
                    match futures_util::poll!(&mut answer) {
                        Poll::Ready(ended) => answered(&chat, &ended),
                        Poll::Pending => answers.push(answer),
                    }
                }
                while answers.len() >= MAX_ANSWERS {
                    if let Some(ended) = answers.next().await {
                        answered(&chat, &ended);
                    }
                }
            }
            if self.retire(&chat, answers.is_empty()) {
                worker.retired = true;
                return;
            }
            tokio::select! {
                Some(ended) = answers.next() => answered(&chat, &ended),
                () = arrived.notified() => {}
            }
        }
    }

    fn pop(&self, chat: &Chat) -> Option<Message> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = inner.queues.get_mut(chat)?;
        let message = queue.messages.pop_front()?;
        queue.deciding = Some((message.id.clone(), false));
        inner.waiting -= 1;
        Some(message)
    }

    /// A decision is over; the message if it was taken back meanwhile.
    fn decided(&self, chat: &Chat) -> Option<MessageId> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (message, taken_back) = inner.queues.get_mut(chat)?.deciding.take()?;
        taken_back.then_some(message)
    }

    /// Removes the chat's queue when nothing is waiting and no answer is under way.
    fn retire(&self, chat: &Chat, idle: bool) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = inner.queues.get(chat).is_none_or(|queue| queue.messages.is_empty());
        if empty && idle {
            inner.queues.remove(chat);
        }
        empty && idle
    }
}

/// An answer is over.
fn answered(chat: &Chat, ended: &std::thread::Result<()>) {
    if ended.is_err() {
        tracing::error!(%chat, code = "E-PANIC", "a command's answer panicked");
    }
}

/// Removes the chat's queue when its worker ends without having retired it, so that the chat's next command finds a new
/// one rather than waiting for nobody.
struct Worker<'a> {
    queues: &'a ChatQueues,
    chat: &'a Chat,
    retired: bool,
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if self.retired {
            return;
        }
        let mut inner = self.queues.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = inner.queues.remove(self.chat) {
            inner.waiting -= queue.messages.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        ids::{ChatKind, UnixMillis},
        message::{ChatRole, Sender},
        testing::test_group,
    };

    struct Slow {
        decided: mpsc::UnboundedSender<String>,
        answers: Arc<tokio::sync::Semaphore>,
    }

    /// Decides when told, and writes down what happens.
    struct OnDemand {
        happened: mpsc::UnboundedSender<String>,
        go: Arc<tokio::sync::Semaphore>,
    }

    #[async_trait::async_trait]
    impl Decide for OnDemand {
        async fn decide(&self, message: Message) -> Option<Answer> {
            self.happened.send(format!("begins {}", message.id)).unwrap();
            self.go.acquire().await.unwrap().forget();
            self.happened.send(format!("decides {}", message.id)).unwrap();
            None
        }

        fn taken_back(&self, _: &Chat, message: &MessageId) {
            self.happened.send(format!("takes back {message}")).unwrap();
        }
    }

    #[async_trait::async_trait]
    impl Decide for Slow {
        async fn decide(&self, message: Message) -> Option<Answer> {
            self.decided.send(format!("{}{}", message.chat.id, message.text)).unwrap();
            let answers = self.answers.clone();
            Some(Box::pin(async move { answers.acquire().await.unwrap().forget() }))
        }

        fn taken_back(&self, _: &Chat, _: &MessageId) {}
    }

    fn message(chat: &str, text: &str) -> Message {
        Message {
            chat: test_group(chat),
            id: text.into(),
            sender: Sender { id: "u".into(), name: String::new(), role: ChatRole::Member },
            text: text.to_owned(),
            mentions_me: false,
            pictures: vec![],
            mentions: vec![],
            quote: None,
            sent_at: UnixMillis(0),
        }
    }

    #[tokio::test]
    async fn a_chat_keeps_its_order_and_a_slow_chat_holds_nobody_up() {
        let tracker = TaskTracker::new();
        let queues = Arc::new(ChatQueues::new(tracker.clone()));
        let (decided, mut order) = mpsc::unbounded_channel();
        let answers = Arc::new(tokio::sync::Semaphore::new(0));
        let decide: Arc<dyn Decide> = Arc::new(Slow { decided, answers: answers.clone() });
        for n in 0..20 {
            queues.push(message("a", &n.to_string()), &decide);
        }
        // No answer goes out: sixteen are under way, and the seventeenth command waits.
        for n in 0..16 {
            assert_eq!(order.recv().await.unwrap(), format!("a{n}"));
        }
        queues.push(message("b", "0"), &decide);
        assert_eq!(order.recv().await.unwrap(), "b0", "another chat goes on");
        queues.push(message("b", "1"), &decide);
        assert_eq!(
            order.recv().await.unwrap(),
            "b1",
            "an answer under way does not hold up the next decision"
        );
        answers.add_permits(100);
        for n in 16..20 {
            assert_eq!(order.recv().await.unwrap(), format!("a{n}"));
        }
        tracker.close();
        tracker.wait().await;
        assert!(queues.inner.lock().unwrap().queues.is_empty(), "idle chats cost nothing");
    }

    #[tokio::test]
    async fn what_is_taken_back_in_time_is_never_decided() {
        let queues = Arc::new(ChatQueues::new(TaskTracker::new()));
        let (happened, mut log) = mpsc::unbounded_channel();
        let go = Arc::new(tokio::sync::Semaphore::new(0));
        let decide: Arc<dyn Decide> = Arc::new(OnDemand { happened, go: go.clone() });
        let chat = message("a", "1").chat;
        assert!(!queues.take_back(&chat, &"1".into()), "nobody knows it");
        for n in 1..=3 {
            queues.push(message("a", &n.to_string()), &decide);
        }
        assert_eq!(log.recv().await.unwrap(), "begins 1");
        assert!(queues.take_back(&chat, &"2".into()), "it waited");
        assert!(queues.take_back(&chat, &"1".into()), "it is being decided");
        assert!(!queues.take_back(&message("b", "3").chat, &"3".into()), "another chat's");
        go.add_permits(2);
        for expected in ["decides 1", "takes back 1", "begins 3", "decides 3"] {
            assert_eq!(log.recv().await.unwrap(), expected);
        }
        assert_eq!(queues.inner.lock().unwrap().waiting, 0);
    }

    #[tokio::test]
    async fn a_notice_need_not_know_a_temporary_session() {
        let queues = Arc::new(ChatQueues::new(TaskTracker::new()));
        let (happened, mut log) = mpsc::unbounded_channel();
        let go = Arc::new(tokio::sync::Semaphore::new(0));
        let decide: Arc<dyn Decide> = Arc::new(OnDemand { happened, go: go.clone() });
        for n in 1..=3 {
            let mut message = message("a", &n.to_string());
            (message.chat.kind, message.chat.parent) = (ChatKind::Temporary, Some("g".into()));
            queues.push(message, &decide);
        }
        assert_eq!(log.recv().await.unwrap(), "begins 1");
        let group = message("a", "1").chat;
        let direct = Chat { kind: ChatKind::Direct, ..group.clone() };
        assert!(!queues.take_back(&group, &"2".into()), "a group is another chat, whatever its number");
        assert!(!queues.take_back(&Chat { account: "2".into(), ..direct.clone() }, &"2".into()));
        assert!(queues.take_back(&direct, &"2".into()));
        assert!(queues.take_back(&direct, &"1".into()));
        go.add_permits(2);
        for expected in ["decides 1", "takes back 1", "begins 3", "decides 3"] {
            assert_eq!(log.recv().await.unwrap(), expected);
        }
    }

    /// Panics wherever its message says.
    struct Panics(mpsc::UnboundedSender<String>);

    #[async_trait::async_trait]
    impl Decide for Panics {
        async fn decide(&self, message: Message) -> Option<Answer> {
            self.0.send(message.text.clone()).unwrap();
            match message.text.as_str() {
                "decision" => panic!("in a decision"),
                "answer" => Some(Box::pin(async { panic!("in an answer") })),
                "late answer" => Some(Box::pin(async {
                    tokio::task::yield_now().await;
                    panic!("in an answer")
                })),
                _ => {
                    tokio::task::yield_now().await;
                    None
                }
            }
        }

        fn taken_back(&self, _: &Chat, _: &MessageId) {
            panic!("in a taking back");
        }
    }

    #[tokio::test]
    async fn a_panic_costs_one_command_and_not_the_chat() {
        let tracker = TaskTracker::new();
        let queues = Arc::new(ChatQueues::new(tracker.clone()));
        let (decided, mut order) = mpsc::unbounded_channel();
        let decide: Arc<dyn Decide> = Arc::new(Panics(decided));
        for text in ["decision", "answer", "late answer", "taken back", "all is well"] {
            queues.push(message("a", text), &decide);
        }
        for text in ["decision", "answer", "late answer", "taken back"] {
            assert_eq!(order.recv().await.unwrap(), text);
        }
        assert!(queues.take_back(&message("a", "").chat, &"taken back".into()), "it is being decided");
        assert_eq!(order.recv().await.unwrap(), "all is well");
        tracker.close();
        tracker.wait().await;
        assert!(queues.inner.lock().unwrap().queues.is_empty());
    }

    #[tokio::test]
    async fn a_worker_that_is_gone_leaves_no_queue() {
        let queues = Arc::new(ChatQueues::new(TaskTracker::new()));
        let (happened, mut log) = mpsc::unbounded_channel();
        let go = Arc::new(tokio::sync::Semaphore::new(0));
        let decide: Arc<dyn Decide> = Arc::new(OnDemand { happened, go });
        let arrived = Arc::new(Notify::new());
        let chat = message("a", "1").chat;
        let messages = VecDeque::from([message("a", "1"), message("a", "2")]);
        let queue = Queue { messages, arrived: Arc::clone(&arrived), deciding: None };
        {
            let mut inner = queues.inner.lock().unwrap();
            inner.queues.insert(chat.clone(), queue);
            inner.waiting = 2;
        }
        {
            let mut work = Box::pin(queues.work(chat, arrived, decide));
            assert!(futures_util::poll!(&mut work).is_pending());
            assert_eq!(log.recv().await.unwrap(), "begins 1");
        }
        let inner = queues.inner.lock().unwrap();
        assert!(inner.queues.is_empty() && inner.waiting == 0);
    }

    #[tokio::test]
    async fn a_flood_is_bounded() {
        let tracker = TaskTracker::new();
        let queues = Arc::new(ChatQueues::new(tracker.clone()));
        let (decided, mut order) = mpsc::unbounded_channel();
        let answers = Arc::new(tokio::sync::Semaphore::new(usize::MAX >> 4));
        let decide: Arc<dyn Decide> = Arc::new(Slow { decided, answers });
        for n in 0..MAX_PER_CHAT + 50 {
            queues.push(message("a", &n.to_string()), &decide);
        }
        tracker.close();
        tracker.wait().await;
        drop(decide);
        let mut count = 0;
        while order.recv().await.is_some() {
            count += 1;
        }
        assert_eq!(count, MAX_PER_CHAT);
    }
}
