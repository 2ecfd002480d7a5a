//! Tells a service that a task is not wanted any more, after a person cancelled it or after it took longer than it may:
//! politeness, nothing depends on it.
//!
//! The chain cancels and drops such a call, so a guard inside of it speaks when it is dropped. What it says is bounded in time
//! and number, and ends with its provider.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use easel_core::ports::{CallContext, RemoteTask};
use easel_http::{Call, Method};
use tokio::{runtime::Handle, task::JoinSet, time::Instant};

use crate::{dialect::Spoken, engine::Remote, exchange::Wire, tasks::Question};

/// All steps together.
const PATIENCE: Duration = Duration::from_secs(10);
/// Steps of one farewell.
const MAX_STEPS: usize = 4;
/// Farewells under way at once; more are left unsaid.
const MAX_AT_ONCE: usize = 16;

/// The farewells of one provider.
#[derive(Default)]
pub(crate) struct Farewells(Mutex<JoinSet<()>>);

impl Farewells {
    fn say(&self, wire: Arc<Wire>, dialect: Spoken, task: RemoteTask, cx: &CallContext) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= MAX_AT_ONCE {
            return;
        }
        let cx = cx.after_cancel(Instant::now() + PATIENCE);
        under_way.spawn_on(said(wire, dialect, task, cx), &runtime);
    }
}

async fn said(wire: Arc<Wire>, dialect: Spoken, task: RemoteTask, cx: CallContext) {
    let Some(tasks) = dialect.tasks() else { return };
    let mut answer = None;
    for step in 0..MAX_STEPS {
        let Some(question) = tasks.cancel(&task, step, answer.as_ref()) else { return };
        match wire.exchange(asking(&wire, &question, &cx).within(PATIENCE), &cx).await {
            Ok(answered) => answer = Some(answered.answer.skeleton),
            Err(error) => {
                tracing::debug!(provider = %wire.name, task = task.id, %error, "a task goes on unwanted");
                return;
            }
        }
    }
}

/// The call of a question.
pub(crate) fn asking(wire: &Wire, question: &Question, cx: &CallContext) -> Call {
    let call = match &question.body {
        Some(body) => wire.call(Method::POST, &question.path, cx).json(body.to_string()),
        None => wire.call(Method::GET, &question.path, cx),
    };
    question.headers.iter().fold(call, |call, (name, value)| call.header(name, value))
}

/// Speaks when a call is dropped because it was cancelled.
struct Guard<'a> {
    remote: &'a Remote,
    task: &'a RemoteTask,
    cx: &'a CallContext,
    over: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if !self.over && self.cx.cancel.is_cancelled() {
            let Remote { wire, dialect, farewells, .. } = self.remote;
            farewells.say(Arc::clone(wire), dialect.clone(), self.task.clone(), self.cx);
        }
    }
}

impl Remote {
    /// Does the work on a task; when it is dropped because nobody wants it any more, the service is told.
    pub(crate) async fn guarded<T>(
        &self,
        task: &RemoteTask,
        cx: &CallContext,
        work: impl Future<Output = T>,
    ) -> T {
        let mut guard = Guard { remote: self, task, cx, over: false };
        let result = work.await;
        guard.over = true;
        result
    }
}
