//! The model in use: the owner's, or one of the order of its kind, which moves on when the service has not got it.
//!
//! Where the owner names none, the service's free list decides first, then what real requests are told. In the end any
//! model does that the list has and that makes pictures. Nothing is drawn to find out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use easel_core::ports::CallContext;
use easel_http::Method;
use tokio::{sync::OnceCell, time::Instant};

use super::{first_image_capable, list, listing, order, retired};
use crate::{dialect::Settings, exchange::Wire, registry::Kind};

/// How long a request waits for the list of models at most.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long a list is believed.
const LISTED_FOR: Duration = Duration::from_hours(24);
/// When a service is asked again that had no list to show.
const UNLISTED_FOR: Duration = Duration::from_hours(1);
/// When it is asked again after it refused a model: what it has is changing.
const MOVED_FOR: Duration = Duration::from_mins(10);
/// Models out of lists that are remembered, beside the order; a list gives one.
const MAX_FOUND: usize = 8;
/// Longest name that is taken out of a list.
const MAX_NAME: usize = 128;

/// For how long a model that the service has not got is passed over. Not for good: models come back, because an account
/// is given them, a gateway mends its channel, or the service said so in the middle of a mishap of its own. Asking for one
/// that is still missing costs one refusal, which nobody pays; asking for a lesser one for ever costs the better pictures.
const GONE_FOR: Duration = Duration::from_hours(24);

/// The settings of a provider, one per model that may be in use.
pub(crate) struct ModelChoice {
    kind: Kind,
    /// Whether the owner named no model, so that the order counts.
    open: bool,
    /// A profile says where the list is.
    profiled: bool,
    /// What is used when nothing is known; the owner's model, or the first of the order.
    first: Settings,
    others: Vec<Settings>,
    /// Models that stand in the service's list and not in the order; each is written once and stays.
    found: [OnceLock<Settings>; MAX_FOUND],
    state: Mutex<State>,
}

struct State {
    /// The models in the order in which they are tried; 0 is the first of the order, behind its end come those found.
    ranks: Vec<usize>,
    /// Models that the service has not got, and until when that is believed.
    gone: BTreeMap<usize, Instant>,
    /// The question for the list, and when it was answered.
    list: Arc<OnceCell<Asked>>,
    /// A model was refused since.
    moved: bool,
}

#[derive(Debug)]
struct Asked {
    at: Instant,
    listed: bool,
}

impl State {
    fn there(&self, index: usize) -> bool {
        self.gone.get(&index).is_none_or(|until| *until <= Instant::now())
    }

    /// The first that is not known to be gone. If all are, the last.
    fn index(&self) -> usize {
        let there = self.ranks.iter().find(|index| self.there(**index));
        there.or(self.ranks.last()).copied().unwrap_or(0)
    }

    /// The question for the list: the one that was asked, or a new one when its time has come.
    fn question(&mut self) -> Arc<OnceCell<Asked>> {
        let old = self.list.get().is_some_and(|asked| {
            let believed = if asked.listed { LISTED_FOR } else { UNLISTED_FOR };
            let age = asked.at.elapsed();
            age >= believed || self.moved && age >= MOVED_FOR
        });
        if old {
            self.list = Arc::default();
            self.moved = false;
        }
        Arc::clone(&self.list)
    }
}

impl ModelChoice {
    /// The owner's model, or the order of the kind where the owner names none.
    pub(crate) fn new(kind: Kind, settings: Settings, profiled: bool) -> Self {
        let order = if settings.model.is_empty() { order(kind) } else { &[] };
        let with = |model: &&str| Settings { model: (*model).to_owned(), ..settings.clone() };
        let mut all = order.iter().map(with);
        let first = all.next();
        let others: Vec<_> = all.collect();
        let ranks = (0..=others.len()).collect();
        let state = State { ranks, gone: BTreeMap::new(), list: Arc::default(), moved: false };
        Self {
            kind,
            open: first.is_some(),
            profiled,
            first: first.unwrap_or(settings),
            others,
            found: Default::default(),
            state: Mutex::new(state),
        }
    }

    /// Whether the model is easel's choice, and may become another one.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether [`settle`](Self::settle) has nothing to ask now.
    pub(crate) fn is_settled(&self) -> bool {
        !self.open || self.state().question().get().is_some()
    }

    /// The settings with the model in use.
    pub(crate) fn current(&self) -> &Settings {
        let index = self.state().index();
        self.nth(index)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic could leave behind is a rank too few, which the next list mends.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nth(&self, index: usize) -> &Settings {
        let Some(index) = index.checked_sub(1) else { return &self.first };
        let found = || self.found.get(index - self.others.len()).and_then(OnceLock::get);
        self.others.get(index).or_else(found).unwrap_or(&self.first)
    }

    fn is_called(&self, index: usize, model: &str) -> bool {
        self.nth(index).model.eq_ignore_ascii_case(model)
    }

    /// Before a request: asks the service, for free and once a day, which of the models it has. No list: the choice stays
    /// as it is.
    pub(crate) async fn settle(&self, wire: &Wire, cx: &CallContext) {
        if !self.open {
            return;
        }
        let question = self.state().question();
        question
            .get_or_init(async || {
                let ids = self.listed(wire, cx).await;
                if let Some(ids) = &ids {
                    self.rank(ids, wire.base.url().host_str().unwrap_or_default());
                }
                let model = &self.current().model;
                tracing::info!(provider = %wire.name, model, "no model is configured; this one is used");
                Asked { at: Instant::now(), listed: ids.is_some() }
            })
            .await;
    }

    /// Puts the models of the order that the service lists first, then one of its own, then the rest of the order: some
    /// services have more than they list.
    fn rank(&self, ids: &[String], host: &str) {
        let listed = |index: &usize| ids.iter().any(|id| self.is_called(*index, id));
        let (mut ranks, rest): (Vec<_>, Vec<_>) = (0..=self.others.len()).partition(listed);
        ranks.extend(self.any_available(ids, host));
        ranks.extend(rest);
        self.state().ranks = ranks;
    }

    /// The first model of the list that makes pictures as those of the order do and is not known to be gone; sooner one
    /// that its maker still has.
    fn any_available(&self, ids: &[String], host: &str) -> Option<usize> {
        let edits = |model: &str| model.to_ascii_lowercase().contains("edit");
        let in_order = |id: &str| (0..=self.others.len()).any(|index| self.is_called(index, id));
        let fits = |id: &&str| {
            let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-_./:@".contains(&letter);
            id.len() <= MAX_NAME
                && id.bytes().all(plain)
                && !id.contains("..")
                && edits(id) == edits(&self.first.model)
                && !in_order(id)
                && self.index_of(id).is_none_or(|index| self.state().there(index))
        };
        let fitting = || ids.iter().map(String::as_str).filter(fits);
        let kept = fitting().filter(|id| retired::find(id, host).is_none());
        let model = first_image_capable(kept).or_else(|| first_image_capable(fitting()))?;
        self.index_of(model).or_else(|| {
            let settings = || Settings { model: model.to_owned(), ..self.first.clone() };
            let place = self.found.iter().position(|place| place.set(settings()).is_ok())?;
            Some(1 + self.others.len() + place)
        })
    }

    fn index_of(&self, model: &str) -> Option<usize> {
        let known =
            1 + self.others.len() + self.found.iter().take_while(|place| place.get().is_some()).count();
        (0..known).find(|index| self.is_called(*index, model))
    }

    /// A request for `model` was answered with "there is no such model". Says whether another one is in use now; it stays
    /// in use for a day, or until the list, the configuration or easel's next start says otherwise.
    pub(crate) fn is_gone(&self, model: &str, provider: &str) -> bool {
        let Some(at) = self.index_of(model).filter(|_| self.open) else { return false };
        let mut state = self.state();
        if !state.ranks.iter().any(|index| *index != at && state.there(*index)) {
            return false;
        }
        if state.there(at) {
            state.gone.insert(at, Instant::now() + GONE_FOR);
            state.moved = true;
            let next = &self.nth(state.index()).model;
            tracing::warn!(provider, model, next, "the service has not got this model; the next one is used");
        }
        true
    }

    /// The ids that the service lists; `None` when it lists none.
    async fn listed(&self, wire: &Wire, cx: &CallContext) -> Option<Vec<String>> {
        // An address that is used as it stands has no list below it.
        let host = wire.base.url().host_str().unwrap_or_default();
        let listing = listing(self.kind, host).filter(|_| !wire.base.is_full())?;
        let call = wire.call(Method::GET, &listing.path(self.profiled, &*wire.dialect), cx);
        let read = async {
            let call = call.within(PATIENCE).max_answer_bytes(list::MAX_BYTES);
            let mut response = call.send().await.ok().filter(|response| response.status.as_u16() == 200)?;
            let body = response.body.read_all(list::MAX_BYTES).await.ok()?;
            (listing.read)(&serde_json::from_slice(&body).ok()?).filter(|ids| !ids.is_empty())
        };
        tokio::time::timeout(PATIENCE, read).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn choice(model: &str) -> ModelChoice {
        let settings = Settings { model: model.to_owned(), extra: Map::new(), poll: None };
        ModelChoice::new(Kind::OpenAiImages, settings, false)
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

    #[track_caller]
    fn check_ranks(kind: Kind, listed: &[&str], expected: &[&str]) {
        let settings = Settings { model: String::new(), extra: Map::new(), poll: None };
        let choice = ModelChoice::new(kind, settings, false);
        let ids: Vec<_> = listed.iter().map(|id| (*id).to_owned()).collect();
        choice.rank(&ids, "gateway.example");
        let ranks = choice.state().ranks.clone();
        let models: Vec<_> = ranks.iter().map(|index| &*choice.nth(*index).model).collect();
        assert_eq!(models.get(..expected.len()), Some(expected), "{models:?}");
        let wanted = order(kind).len();
        assert!(order(kind).iter().all(|model| models.contains(model)), "{models:?}");
        assert!((wanted..=wanted + 1).contains(&models.len()), "{models:?}");
    }

    #[test]
    fn a_list_puts_what_it_has_first() {
        let images = Kind::OpenAiImages;
        check_ranks(images, &["gpt-image-2.5-flare", "GPT-Image-2"], &["gpt-image-2", "gpt-image-2.5-flare"]);
        // None of the order: whatever makes pictures, sooner what is still made.
        check_ranks(images, &["gpt-5", "dall-e-3", "flux-pro"], &["flux-pro", "gpt-image-2"]);
        check_ranks(images, &["gpt-5", "dall-e-3"], &["dall-e-3", "gpt-image-2"]);
        // One of the order, and behind it any other.
        check_ranks(
            images,
            &["flux-pro", "gpt-image-2.5-flare"],
            &["gpt-image-2.5-flare", "flux-pro", "gpt-image-2"],
        );
        // What only edits is no choice for a kind that draws, and the other way round.
        check_ranks(Kind::Gitee, &["Qwen-Image-Edit-9", "Kolors"], &["Kolors", "z-image-turbo"]);
        check_ranks(
            Kind::GiteeAsync,
            &["Kolors", "Qwen-Image-Edit-9"],
            &["Qwen-Image-Edit-9", "Qwen-Image-Edit-2511"],
        );
        // Names that would be another address are none.
        check_ranks(
            images,
            &["flux/../../keys", "flux?x=1", "flux pro", &"flux".repeat(99)],
            &["gpt-image-2"],
        );
        check_ranks(images, &["gpt-5"], &["gpt-image-2"]);
    }

    #[test]
    fn what_was_found_is_told_apart_and_bounded() {
        let choice = choice("");
        let first = order(Kind::OpenAiImages)[0];
        for round in 0..2 * MAX_FOUND {
            let found = format!("flux-{round}");
            choice.rank(&["flux-0".to_owned(), found.clone()], "");
            let current = choice.current().model.clone();
            assert_eq!(current, if round < MAX_FOUND { found } else { first.to_owned() });
            if round < MAX_FOUND {
                assert!(choice.is_gone(&current, "p"));
                assert_eq!(choice.current().model, first);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_list_is_asked_for_again_after_a_day_or_a_refusal() {
        #[track_caller]
        fn check(choice: &ModelChoice, expected: bool) {
            let question = choice.state().question();
            assert_eq!(!question.initialized(), expected);
        }
        let answered = |choice: &ModelChoice, listed| {
            let asked = Asked { at: Instant::now(), listed };
            choice.state().question().set(asked).unwrap();
        };
        let choice = choice("");
        check(&choice, true);
        answered(&choice, true);
        tokio::time::advance(LISTED_FOR / 2).await;
        check(&choice, false);
        tokio::time::advance(LISTED_FOR / 2).await;
        check(&choice, true);
        answered(&choice, false);
        check(&choice, false);
        tokio::time::advance(UNLISTED_FOR).await;
        check(&choice, true);
        answered(&choice, true);
        assert!(choice.is_gone(order(Kind::OpenAiImages)[0], "p"));
        check(&choice, false);
        tokio::time::advance(MOVED_FOR).await;
        check(&choice, true);
        answered(&choice, true);
        tokio::time::advance(MOVED_FOR).await;
        check(&choice, false);
    }
}
