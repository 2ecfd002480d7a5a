//! The model in use: the owner's, or one of the order of its kind, which moves on when the service has not got it.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use easel_core::ports::CallContext;
use easel_http::Method;
use tokio::sync::OnceCell;

use super::{list, order};
use crate::{dialect::Settings, exchange::Wire, registry::Kind};

/// How long the first request waits for the list of models at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest list.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The settings of a provider, one per model that may be in use.
pub(crate) struct ModelChoice {
    /// What is used when nothing is known; the owner's model, or the first of the order.
    first: Settings,
    others: Vec<Settings>,
    at: AtomicUsize,
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
        Self { first: first.unwrap_or(settings), others, at: AtomicUsize::new(0), listed: OnceCell::new() }
    }

    /// The settings with the model in use.
    pub(crate) fn current(&self) -> &Settings {
        self.nth(self.at.load(Ordering::Acquire))
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
                    self.at.store(index, Ordering::Release);
                }
                let model = &self.current().model;
                tracing::info!(provider = %wire.name, model, "no model is configured; this one is used");
            })
            .await;
    }

    /// A request for `model` was answered with "there is no such model". Says whether another one is in use now; it stays
    /// in use until the configuration changes or easel starts again.
    pub(crate) fn is_gone(&self, model: &str, provider: &str) -> bool {
        let at = self.at.load(Ordering::Acquire);
        if self.nth(at).model != model {
            // Another job was told first.
            return true;
        }
        if at >= self.others.len() {
            return false;
        }
        // Lost races have moved on as well.
        self.at.compare_exchange(at, at + 1, Ordering::AcqRel, Ordering::Acquire).ok();
        let next = &self.current().model;
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
