//! Orders a task, asks about it until it is done, and fetches what it made; the same for every dialect with [`Tasks`].
//!
//! It creates at most one task per call. Questions and downloads are repeated freely: they cost nothing, and the task is
//! paid. There is no bound here on how long a task may take; the core ends the call.

use std::time::Duration;

use easel_core::{
    error::{Charged, ErrorClass, ProviderError, Retry},
    ports::{CallContext, GenerateRequest, Generated, Operation, RemoteTask},
};
use tokio::time::Instant;

use crate::{
    engine::Remote,
    exchange::Answered,
    farewell::asking,
    tasks::{State, Tasks},
};

/// A question that is not answered within this is asked again.
const QUESTION_TIME: Duration = Duration::from_mins(1);
/// The longest pause between two questions, after questions that failed.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Refusals of a question in a row after which the task is given up: the service knows neither task nor key any more.
const MAX_REFUSALS: u32 = 5;
/// Longer than any task: the core ends a call.
const NO_DEADLINE: Duration = Duration::from_hours(24 * 365);
/// Answers to one question that point to another one.
const MAX_DETOURS: u32 = 3;
/// How often a finished task is asked again for a fresh link, after one that led nowhere.
const MAX_FRESH_LINKS: u32 = 1;

/// What became of one round of asking.
enum Round {
    /// Ask again after a pause.
    Again,
    /// The question was refused; the task may be gone.
    Refused(ProviderError),
    /// The service never saw the task.
    NeverSeen,
    /// It ended without a result.
    Failed(ProviderError),
    /// The result.
    Done(Answered),
}

impl Remote {
    /// Orders a task and follows it to its end. `send` makes the create call.
    pub(crate) async fn follow_new(
        &self,
        tasks: &dyn Tasks,
        answered: Answered,
        model: &str,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let Some(mut task) = tasks.created(&answered.answer, &answered.headers) else {
            // Rarely the result is there at once.
            return self.wire.gather(&answered, request, cx).await.map_err(|mut error| {
                if error.class == ErrorClass::Empty {
                    // Taken, and nobody can say as what: it is not ordered again.
                    (error.class, error.retry) = (ErrorClass::ResultLost, Retry::Never);
                    error.charged = Charged::Maybe;
                    "the service answered without the id of a task".clone_into(&mut error.detail);
                }
                error
            });
        };
        if task.poll.contains("://") && !self.wire.is_ours(&task.poll) {
            // Nobody else is shown the key; the kind knows where to ask.
            task.poll.clear();
        }
        let followed = async {
            if let Err(error) = cx.tasks.created(&task).await {
                // It is paid: followed all the same, only a crash would lose it now.
                tracing::error!(provider = %self.wire.name, %error, "a task goes on unrecorded");
            }
            tokio::time::sleep(self.pace(tasks).first).await;
            self.to_its_end(tasks, &task, Some(model), request, cx).await
        };
        self.guarded(&task, cx, followed).await
    }

    /// Follows a task to its end; asks at once.
    pub(crate) async fn follow(
        &self,
        tasks: &dyn Tasks,
        task: &RemoteTask,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        self.guarded(task, cx, self.to_its_end(tasks, task, None, request, cx)).await
    }

    /// `model` is what it was ordered from, where that is known.
    async fn to_its_end(
        &self,
        tasks: &dyn Tasks,
        task: &RemoteTask,
        model: Option<&str>,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let every = self.pace(tasks).every;
        // The job's deadline ended with the order.
        let cx = &CallContext { deadline: Instant::now() + NO_DEADLINE, ..cx.clone() };
        let (mut refusals, mut unclear, mut fresh) = (0, 0_u32, 0);
        let mut finished = None;
        loop {
            match self.round(tasks, task, model, request, cx, &mut unclear).await {
                Round::Again => refusals = 0,
                // It was done before, so whatever is said now, its result is lost.
                Round::NeverSeen | Round::Failed(_) if finished.is_some() => {
                    return Err(finished.take().unwrap_or_else(|| self.never_seen(task)));
                }
                Round::NeverSeen => return Err(self.never_seen(task)),
                Round::Failed(error) => return Err(error),
                Round::Refused(error) => {
                    refusals += 1;
                    if refusals >= MAX_REFUSALS {
                        return Err(error);
                    }
                }
                Round::Done(answered) => {
                    let error = match self.wire.gather(&answered, request, cx).await {
                        Ok(generated) => return Ok(generated),
                        Err(error) => error,
                    };
                    if error.class != ErrorClass::ResultLost {
                        // Finished with nothing, or with words instead. A clip is never ordered twice.
                        let mut error = ended(error);
                        if request.operation == Operation::Clip {
                            error.retry = Retry::Never;
                        }
                        return Err(error);
                    }
                    if error.local.is_some() {
                        // The service keeps it: fetched again, more and more slowly, until there is room here.
                        tracing::warn!(provider = %self.wire.name, task = task.id, %error, "a result finds no room");
                        unclear += 1;
                    } else {
                        fresh += 1;
                        if fresh > MAX_FRESH_LINKS {
                            return Err(lost(error));
                        }
                        tracing::info!(provider = %self.wire.name, task = task.id, %error, "asking for a fresh link");
                        finished = Some(lost(error));
                    }
                }
            }
            let doubled = every.saturating_mul(1 << unclear.min(6));
            tokio::time::sleep(doubled.min(MAX_PAUSE).max(every)).await;
        }
    }

    /// One question, and those that its answer leads to.
    async fn round(
        &self,
        tasks: &dyn Tasks,
        task: &RemoteTask,
        model: Option<&str>,
        request: &GenerateRequest,
        cx: &CallContext,
        unclear: &mut u32,
    ) -> Round {
        let mut question = tasks.question(task);
        for _ in 0..MAX_DETOURS {
            let call = asking(&self.wire, &question, cx).within(QUESTION_TIME);
            let answered = match self.wire.exchange(call, cx).await {
                Ok(answered) => answered,
                Err(error) => {
                    tracing::debug!(provider = %self.wire.name, task = task.id, %error, "a question got no answer");
                    *unclear += 1;
                    return Round::Again;
                }
            };
            let redactor = self.wire.redactor(cx);
            let facts = answered.facts(&request.prompt, &redactor);
            let part = !answered.answer.whole && (200..300).contains(&answered.status);
            let state = match tasks.state(task, &question, &facts) {
                // What broke off may lack just what spoke for the task.
                State::NeverSeen | State::AskAlso(_) | State::Failed(_) | State::Unpaid(_) if part => {
                    State::Unclear
                }
                state => state,
            };
            if let Some(knows) = told(&state) {
                cx.tasks.heard(knows);
            }
            match state {
                State::Working { percent } => {
                    *unclear = 0;
                    cx.tasks.progress(percent);
                    return Round::Again;
                }
                State::Done => return Round::Done(answered),
                State::NeverSeen => return Round::NeverSeen,
                State::AskAlso(next) => question = next,
                State::Unclear => {
                    *unclear += 1;
                    return Round::Again;
                }
                State::Failed(failure) => {
                    // Some look for the model only when the task's turn comes. Nothing was drawn then.
                    let moved = model.is_some_and(|model| self.moves_on(&failure, model));
                    let mut error = ended(failure.into_error(&self.wire.name, &facts));
                    if moved && error.charged == Charged::No {
                        error.retry = Retry::Corrected;
                    }
                    return Round::Failed(error);
                }
                State::Unpaid(failure) => {
                    let mut error = failure.into_error(&self.wire.name, &facts);
                    let once_more = self.may_reorder(cx.job);
                    error.retry = if once_more { Retry::SameKey } else { Retry::NextProvider };
                    error.charged = Charged::No;
                    return Round::Failed(error);
                }
                State::Refused(failure) => {
                    let error = failure.into_error(&self.wire.name, &facts);
                    *unclear += 1;
                    // Busy is no refusal of the task.
                    return match error.class {
                        ErrorClass::Rate | ErrorClass::Overload | ErrorClass::Unanswered => Round::Again,
                        _ => Round::Refused(lost(error)),
                    };
                }
            }
        }
        *unclear += 1;
        Round::Again
    }

    fn never_seen(&self, task: &RemoteTask) -> ProviderError {
        let detail = format!("the service does not know the task {}", task.id);
        let mut error = ProviderError::new(&*self.wire.name, ErrorClass::NotFound, detail);
        // It may be ordered again, from this very service.
        (error.retry, error.charged) = (Retry::SameKey, Charged::No);
        error
    }
}

/// Whether an answer shows that the service knows the task; `None` where it says nothing about that.
fn told(state: &State) -> Option<bool> {
    match state {
        State::Working { .. } | State::Done | State::Failed(_) | State::Unpaid(_) => Some(true),
        State::AskAlso(_) | State::NeverSeen => Some(false),
        State::Unclear | State::Refused(_) => None,
    }
}

/// A task that ended without a result. Another provider may be asked; the same one would be paid twice.
fn ended(mut error: ProviderError) -> ProviderError {
    if error.retry == Retry::SameKey {
        error.retry = Retry::NextProvider;
    }
    if error.class == ErrorClass::Unanswered {
        // The service answered: it said that its own clock ran out.
        error.class = ErrorClass::Overload;
    }
    error
}

/// The result of a paid task that can't be had.
fn lost(mut error: ProviderError) -> ProviderError {
    error.class = ErrorClass::ResultLost;
    (error.retry, error.charged) = (Retry::Never, Charged::Maybe);
    error
}
