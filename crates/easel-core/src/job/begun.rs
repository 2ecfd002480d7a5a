//! Attempts that were begun and have no answer. When none can come any more (the process died, or nobody can be asked about
//! the task) they may have been paid all the same, and count as such in what the job cost.

use super::{
    ledger::{Event, JobRecord, Stage, StoredFailure, StoredUsage},
    usage::{Spent, spend},
};
use crate::{
    chain::Attempt,
    error::{Charged, ErrorClass},
    ports::Operation,
};

/// An attempt without an answer.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    provider: String,
    model: String,
    operation: Operation,
    key: String,
    number: u32,
    /// It orders a task, which a later run would ask about.
    pub(super) orders: bool,
}

impl Begun {
    /// An attempt of this run.
    pub(super) fn of(attempt: Attempt<'_>, orders: bool) -> Self {
        let Attempt { provider, model, operation, key, number } = attempt;
        let (provider, model, key) = (provider.to_owned(), model.to_owned(), key.to_owned());
        Self { provider, model, operation, key, number, orders }
    }

    /// What an earlier run began and did not see the answer of; `None` when it saw all answers.
    pub(super) fn left_by(record: &JobRecord) -> Option<Self> {
        let answered: u64 = record.spent.iter().map(|spent| spent.totals.attempts).sum();
        let task = record.task.as_ref();
        if record.stage != Stage::Asking || task.is_none() && answered >= u64::from(record.attempts) {
            return None;
        }
        let has_inputs = record.inputs.as_ref().is_some_and(|inputs| !inputs.is_empty());
        let operation = if record.request.is_clip() {
            Operation::Clip
        } else if has_inputs || record.request.feature == "edit" {
            Operation::Edit
        } else {
            Operation::Generate
        };
        Some(Self {
            provider: record.provider.clone(),
            model: String::new(),
            operation,
            key: task.map(|task| task.key.clone()).unwrap_or_default(),
            number: record.attempts,
            orders: task.is_some(),
        })
    }

    /// There will be no answer: adds it to what the job's attempts came to, and tells the entry that says so.
    pub(super) fn lost(self, spent: &mut Vec<Spent>) -> Event {
        let error = StoredFailure {
            class: ErrorClass::Unanswered,
            charged: Charged::Maybe,
            status: None,
            detail: "the answer was never seen".to_owned(),
        };
        let operation = self.operation.name().to_owned();
        let usage = StoredUsage { model: self.model, operation, ..StoredUsage::default() };
        spend(spent, &self.provider, 0, Some(&error), Some(&usage));
        Event::Answered {
            provider: self.provider,
            key: self.key,
            attempt: self.number,
            duration_ms: 0,
            error: Some(error),
            usage: Some(Box::new(usage)),
        }
    }
}
