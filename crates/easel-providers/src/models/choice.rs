//! The model in use: the owner's, or one of the order of its kind, which moves on when the service has not got it.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use easel_core::ports::CallContext;
use easel_http::Method;
use tokio::{sync::OnceCell, time::Instant};

use super::{list, order};
use crate::{dialect::Settings, exchange::Wire, registry::Kind};

/// How long the first request waits for the list of models at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest list.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// For how long a model that the service has not got is passed over. Not for good: models come back, because an account
/// is given them, a gateway mends its channel, or the service said so in the middle of a mishap of its own. Asking for one
/// that is still missing costs one refusal, which nobody pays; asking for a lesser one for ever costs the better pictures.
const GONE_FOR: Duration = Duration::from_hours(24);

/// The settings of a provider, one per model that may be in use.
pub(crate) struct ModelChoice {
    /// What is used when nothing is known; the owner's model, or the first of the order.
    first: Settings,
    others: Vec<Settings>,
    /// Where the order begins: at the first model that the service lists.
    start: AtomicUsize,
    /// Models of the order that the service has not got, and until when that is believed.
    gone: Mutex<BTreeMap<usize, Instant>>,
    listed: OnceCell<()>,
}

impl ModelChoice {
    /// The owner's model, or the order of the kind where the owner names none.
    pub(crate) fn new(kind: Kind, settings: Settings) -> Self {
        let order = if settings.model.is_empty() { order(kind) } else { &[] };
        let with = |model: &&str| Settings { model: (*model).to_owned(), ..settings.clone() };
        let mut all = order.iter().map(with);
        let first = all.next();
        let others = all.collect();
        Self {
            first: first.unwrap_or(settings),
            others,
            start: AtomicUsize::new(0),
            gone: Mutex::default(),
            listed: OnceCell::new(),
        }
    }

    /// The settings with the model in use.
    pub(crate) fn current(&self) -> &Settings {
        self.nth(self.index(&self.gone()))
    }

    fn gone(&self) -> MutexGuard<'_, BTreeMap<usize, Instant>> {
        // The map is whole after every statement, so a poisoned lock holds a good one.
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first of the order that is not known to be gone, or the last, behind which there is nothing.
    fn index(&self, gone: &BTreeMap<usize, Instant>) -> usize {
        let (last, now) = (self.others.len(), Instant::now());
        let there = |index: &usize| gone.get(index).is_none_or(|until| *until <= now);
        (self.start.load(Ordering::Acquire)..last).find(there).unwrap_or(last)
    }

    fn nth(&self, index: usize) -> &Settings {
        index.checked_sub(1).and_then(|index| self.others.get(index)).unwrap_or(&self.first)
    }

    /// Before the first request: asks the service, once and for free, which of the models it has. No list: the choice
    /// stays as it is.
    pub(crate) async fn settle(&self, wire: &Wire, cx: &CallContext) {
        if self.others.is_empty() {
            return;
        }
        self.listed
            .get_or_init(async || {
                let Some(ids) = listed(wire, cx).await else { return };
                let has = |index: &usize| {
                    let model = &self.nth(*index).model;
                    ids.iter().any(|id| id.eq_ignore_ascii_case(model))
                };
                if let Some(index) = (0..=self.others.len()).find(has) {
                    self.start.store(index, Ordering::Release);
                }
                let model = &self.current().model;
                tracing::info!(provider = %wire.name, model, "no model is configured; this one is used");
            })
            .await;
    }

    /// A request for `model` was answered with "there is no such model". Says whether another one is in use now; it stays
    /// in use for a day, or until the configuration changes or easel starts again.
    pub(crate) fn is_gone(&self, model: &str, provider: &str) -> bool {
        let mut gone = self.gone();
        let at = self.index(&gone);
        if self.nth(at).model != model {
            // Another job was told first.
            return true;
        }
        if at >= self.others.len() {
            return false;
        }
        gone.insert(at, Instant::now() + GONE_FOR);
        let next = &self.nth(self.index(&gone)).model;
        tracing::warn!(provider, model, next, "the service has not got this model; the next one is used");
        true
    }
}

/// The ids that the service lists; `None` when it lists none.
async fn listed(wire: &Wire, cx: &CallContext) -> Option<Vec<String>> {
    let call = wire.call(Method::GET, &wire.dialect.models(), cx);
    let read = async {
        let mut response = call.within(PATIENCE).max_answer_bytes(MAX_BYTES).send().await.ok()?;
        let body = response.body.read_all(MAX_BYTES).await.ok()?;
        list::read(&body).filter(|_| response.status.as_u16() == 200)
    };
    tokio::time::timeout(PATIENCE, read).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn choice(model: &str) -> ModelChoice {
        let settings = Settings { model: model.to_owned(), extra: Map::new(), poll: None };
        ModelChoice::new(Kind::OpenAiImages, settings)
    }

    #[tokio::test(start_paused = true)]
    async fn a_model_that_is_gone_is_asked_for_again_after_a_day() {
        let (choice, order) = (choice(""), order(Kind::OpenAiImages));
        assert!(choice.is_gone(order[0], "p"));
        tokio::time::advance(GONE_FOR / 2).await;
        assert!(choice.is_gone(order[1], "p"));
        assert!(choice.is_gone(order[0], "p"), "told late");
        assert_eq!(choice.current().model, order[2]);
        tokio::time::advance(GONE_FOR / 2).await;
        assert_eq!(choice.current().model, order[0]);
        assert!(choice.is_gone(order[0], "p"));
        assert_eq!(choice.current().model, order[2], "the second is still believed to be gone");
        for model in &order[2..order.len() - 1] {
            assert!(choice.is_gone(model, "p"));
        }
        let last = order[order.len() - 1];
        assert!(!choice.is_gone(last, "p"), "nobody is behind the last one");
        assert_eq!(choice.current().model, last);
    }

    #[test]
    fn a_model_of_the_owner_stays() {
        let choice = choice("mine");
        assert!(!choice.is_gone("mine", "p"));
        assert_eq!(choice.current().model, "mine");
    }
}
