//! Services that take a task and are asked about it until it is done: what such a dialect adds to [`Dialect`], as pure
//! functions. [`crate::task_engine`] does the ordering, asking, waiting and fetching.
//!
//! Rules of a dialect with tasks:
//! - The create call is paid and never repeated: whatever can be refused without money (uploads, sizes) comes before it.
//! - Words for states differ per service and change: unknown words mean "still working", known ones are compared without
//!   case. A task that never ends is ended by its bound.
//! - A question is free and may be repeated at will; it goes out with the key that created the task.

use std::{borrow::Cow, time::Duration};

use easel_core::ports::{Operation, RemoteTask};
use easel_http::header::HeaderMap;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, Settings},
};

/// The task side of a dialect.
pub(crate) trait Tasks: Send + Sync {
    /// Whether this request is answered with a task; a kind may have models of both sorts.
    fn applies(&self, settings: &Settings, operation: Operation) -> bool {
        let _ = (settings, operation);
        true
    }

    /// Headers of the create call, beside those of every call.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// An id of our own for the next task, where the service takes one: then it can be asked about whatever happened.
    fn choose_id(&self) -> Option<String> {
        None
    }

    /// Free calls that have to come before the create call, such as uploads.
    fn preparations(&self, ask: &Ask<'_>) -> Vec<Draft> {
        let _ = ask;
        Vec::new()
    }

    /// The task that the answer to the create call names; `None` when it names none (then it may hold the result).
    fn created(&self, answer: &Answer, headers: &HeaderMap) -> Option<RemoteTask>;

    /// How a task is asked about.
    fn question(&self, task: &RemoteTask) -> Question;

    /// What the answer to a question says. It is asked with every status; [`Facts`] tells which.
    fn state(&self, task: &RemoteTask, question: &Question, facts: &Facts<'_>) -> State;

    /// How the service is told, step by step, that nobody wants a task any more: after a person cancelled it. `answer` is
    /// that to the step before. `None` = nothing more to say.
    fn cancel(&self, task: &RemoteTask, step: usize, answer: Option<&Value>) -> Option<Question> {
        let _ = (task, step, answer);
        None
    }

    /// How often it is asked.
    fn pace(&self) -> Pace {
        Pace::default()
    }
}

/// One question about a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// A path below the base address, or an address of the same origin.
    pub(crate) path: Cow<'static, str>,
    /// Sent as JSON with POST; `None` = GET.
    pub(crate) body: Option<Value>,
    /// Headers that this question needs.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

impl Question {
    /// A GET without anything.
    pub(crate) fn get(path: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.into(), body: None, headers: &[] }
    }
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Still at work.
    Working {
        /// In percent, where it tells.
        percent: Option<u8>,
    },
    /// This answer holds the result: [`crate::dialect::Dialect::choose`] finds it.
    Done,
    /// It ended without a result, or was refused.
    Failed(Box<Failure>),
    /// It ended without a result, and the service says that nothing was paid: it may be ordered once more.
    Unpaid(Box<Failure>),
    /// The question was refused, whatever the status says; nothing is said about the task. It is asked a few times more.
    Refused(Box<Failure>),
    /// This answer does not tell; another one may.
    AskAlso(Question),
    /// The service has never seen this task.
    NeverSeen,
    /// The question itself failed; nothing is said about the task. It is asked again.
    Unclear,
}

/// How often a task is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Before the first question.
    pub(crate) first: Duration,
    /// Between two questions.
    pub(crate) every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), every: Duration::from_secs(3) }
    }
}

/// What a question says that was answered with a refusal; `None` when it was not.
pub(crate) fn refusal(dialect: &dyn Dialect, facts: &Facts<'_>) -> Option<State> {
    if (200..300).contains(&facts.status) {
        return None;
    }
    Some(dialect.failure(facts).map_or(State::Unclear, |failure| State::Refused(Box::new(failure))))
}

/// A task's id as one segment of a path.
pub(crate) fn segment(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// What a task ended with, by the service's code and its words; either may be empty.
pub(crate) fn failure(facts: &Facts<'_>, code: &str, message: &str) -> Failure {
    classify::told(&json!({ "code": code, "message": message }), facts)
}

/// Reads a state word: `done` and `failed` are the service's own words in lower case, everything else is work.
pub(crate) fn state_of(word: &str, done: &[&str], failed: &[&str]) -> Word {
    let word = word.trim().to_ascii_lowercase();
    if done.contains(&&*word) {
        Word::Done
    } else if failed.contains(&&*word) {
        Word::Failed
    } else {
        Word::Working
    }
}

/// What a state word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Working,
    Done,
    Failed,
}

/// The text under one of these JSON pointers, the first that is there; numbers count as texts.
pub(crate) fn text_at(root: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| match root.pointer(pointer)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A percentage under one of these JSON pointers: `0..=100`, `"40%"`, or a fraction of 1.
pub(crate) fn percent_at(root: &Value, pointers: &[&str]) -> Option<u8> {
    let number = pointers.iter().find_map(|pointer| match root.pointer(pointer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_end_matches('%').trim().parse().ok(),
        _ => None,
    })?;
    let percent = if (0.0..1.0).contains(&number) { number * 100.0 } else { number };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=100 before")]
    number.is_finite().then(|| percent.clamp(0.0, 100.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_unknown_ones_are_work() {
        let check = |word, expected| assert_eq!(state_of(word, &["succeed", "done"], &["failed"]), expected);
        check("SUCCEED", Word::Done);
        check(" Done ", Word::Done);
        check("Failed", Word::Failed);
        check("IN_ORBIT", Word::Working);
        check("", Word::Working);
    }

    #[test]
    fn texts_and_percentages_are_found_in_any_spelling() {
        let root = json!({ "id": 17, "empty": " ", "deep": { "task_id": " t-1 " }, "a": 0.4, "b": "40%", "c": 40, "d": "soon" });
        assert_eq!(text_at(&root, &["/empty", "/deep/task_id"]).as_deref(), Some("t-1"));
        assert_eq!(text_at(&root, &["/id"]).as_deref(), Some("17"));
        assert_eq!(text_at(&root, &["/none"]), None);
        for (pointer, expected) in [("/a", Some(40)), ("/b", Some(40)), ("/c", Some(40)), ("/d", None)] {
            assert_eq!(percent_at(&root, &[pointer]), expected, "{pointer}");
        }
    }
}
