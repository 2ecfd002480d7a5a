//! What a job says to its chat beside its result: how far it is, and how it ended.
//!
//! Words about progress are said now or never: late they would only be wrong. The end of a job is told when its account is
//! back, however long that takes, because nobody else tells it; what has not been told is not recorded as ended. What an
//! account's return sets free is said one after the other.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    active::Active,
    ends::Waits,
    engine::Engine,
    ledger::StoredRequest,
    lines::{First, Lines},
    sentences::charge_note,
};
use crate::{
    error::{Charged, UserError},
    ids::{AccountId, Chat, JobId, Platform, UnixMillis},
    ports::{Adapter, SendError, SendFailure},
    reply::{Reaction, Reply, Target},
};

/// How long words that belong to a result wait for a peer that is away.
const SOON: Duration = Duration::from_mins(10);
/// How long a result, or the end of a job, waits for an account that is away.
const DAY: Duration = Duration::from_hours(24);
/// What a later run waits at least: it may have been started after days.
const LATER_RUN: Duration = Duration::from_hours(2);
/// The first and the longest pause before something is sent again to a peer that seemed to be there.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// How often a sentence that was certainly refused for a moment is said again: for about five minutes. An account that is
/// refused for longer is under suspicion, and saying more would not help it.
const REPEATS: u32 = 12;
/// The pause before each sentence that an account says late: after hours, many wait for it.
const GAP: Duration = Duration::from_millis(250);

/// One sentence at a time for each account, among those that could not be said at once.
#[derive(Debug, Default)]
pub(super) struct Turns(Lines<(Platform, AccountId)>);

impl Turns {
    /// The turn of a sentence, or of a mark, for this chat; it lasts until it is dropped.
    pub(super) async fn turn(&self, chat: &Chat) -> First {
        let turn = self.0.first((chat.platform.clone(), chat.account.clone())).await;
        tokio::time::sleep(GAP).await;
        turn
    }
}

/// Waits for an account that could not be spoken to, at most so long in all.
pub(super) struct Patience {
    until: Instant,
    pause: Duration,
}

/// How the waiting for an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// It can be spoken to, as far as can be told.
    Back,
    /// It stayed away for too long.
    Never,
    /// easel stops.
    Stopping,
}

impl Patience {
    /// A day at most. `since` is when an earlier run had come so far, if one had.
    pub(super) fn of_a_day(engine: &Engine, since: Option<UnixMillis>) -> Self {
        let age = since.map_or(0, |since| engine.clock.now().since(since));
        Self::of(DAY.saturating_sub(Duration::from_millis(age)).max(LATER_RUN))
    }

    /// As long as somebody waits in front of the screen.
    pub(super) fn for_soon() -> Self {
        Self::of(SOON)
    }

    fn of(long: Duration) -> Self {
        Self { until: Instant::now() + long, pause: PAUSE }
    }

    /// Waits for the account's return, and a moment more each time: a peer without a connection (HTTP) is only known to be
    /// away when something is sent to it.
    pub(super) async fn wait(
        &mut self,
        engine: &Engine,
        adapter: &Arc<dyn Adapter>,
        target: &Target,
    ) -> Return {
        let back = async {
            tokio::time::sleep(self.pause).await;
            adapter.connected(&target.chat.account).await;
        };
        let returned = tokio::select! {
            biased;
            () = engine.stop.cancelled() => Return::Stopping,
            () = back => Return::Back,
            () = tokio::time::sleep_until(self.until) => Return::Never,
        };
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        returned
    }
}

/// When the end of a job was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Now, or never: it can't be told.
    AtOnce,
    /// When its account was back.
    Late,
    /// easel stops; the next start tells it.
    NotYet,
}

/// The end of a job of this run, if it can't be told at once.
struct Late<'a> {
    job: &'a Active,
    /// It may be told with others in one sentence.
    folds: bool,
    waits: Option<Waits>,
}

impl Late<'_> {
    /// It has to wait, and is counted.
    fn wait(&mut self, engine: &Arc<Engine>, text: &str) {
        let StoredRequest { chat, user, .. } = &self.job.request;
        engine.linger(self.job);
        if self.folds && self.waits.is_none() {
            self.waits = Some(Waits::new(engine, self.job.id, (chat.clone(), user.clone(), text.to_owned())));
        }
    }

    /// All that are told with it now.
    fn all(&self) -> Vec<CancellationToken> {
        self.waits.as_ref().map(Waits::all).unwrap_or_default()
    }
}

/// Speaks to the chat of one job.
#[derive(Clone)]
pub(super) struct Speaker {
    pub(super) engine: Arc<Engine>,
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) target: Target,
}

impl Speaker {
    /// Says how far a job is, if its peer is there.
    pub(super) async fn mention(&self, sentence: &UserError) {
        let reply = Reply::text(self.text(sentence, Charged::No));
        if let Err(error) = self.adapter.send(&self.target, &reply).await {
            tracing::info!(%error, key = sentence.key, "a word about the progress of a job could not be delivered");
        }
    }

    /// Says what belongs to a result; its peer may be away for a while.
    pub(super) async fn say(&self, sentence: &UserError) {
        let text = self.text(sentence, Charged::No);
        self.send(text, sentence.code, &mut Patience::for_soon()).await;
    }

    /// The same in words that are not a sentence of easel's.
    pub(super) async fn say_words(&self, words: &str) {
        self.send(words.to_owned(), "", &mut Patience::for_soon()).await;
    }

    /// Tells how a job ended, and that something may have been charged where that is so. False when easel stops before
    /// anybody could be told: then the next start tells it.
    pub(super) async fn tell(
        &self,
        job: JobId,
        (sentence, charged): (&UserError, Charged),
        patience: &mut Patience,
    ) -> bool {
        let told = self.send(self.text(sentence, charged), sentence.code, patience).await;
        if !told {
            tracing::info!(%job, code = sentence.code, "the end of a job is told after the next start");
        }
        told
    }

    /// The same for a job of this run, which counts among those of its account until it is told. Where nobody was asked
    /// for anything, one sentence may tell several ends of one person.
    pub(super) async fn tell_end(
        &self,
        job: &Active,
        (sentence, charged): (&UserError, Charged),
        patience: &mut Patience,
    ) -> Told {
        let text = self.text(sentence, charged);
        let folds = charged == Charged::No && !job.may_cost();
        let late = Late { job, folds, waits: None };
        let told = self.send_or_wait(text, sentence.code, patience, Some(late)).await;
        if told == Told::NotYet {
            tracing::info!(job = %job.id, code = sentence.code, "the end of a job is told after the next start");
        }
        told
    }

    fn text(&self, sentence: &UserError, charged: Charged) -> String {
        let said = |sentence: &UserError| self.engine.planner.say(&self.target.chat, sentence);
        match charge_note(sentence, charged) {
            Some(note) => format!("{}\n{}", said(sentence), said(&note)),
            None => said(sentence),
        }
    }

    /// False when easel stops first.
    async fn send(&self, text: String, code: &str, patience: &mut Patience) -> bool {
        self.send_or_wait(text, code, patience, None).await != Told::NotYet
    }

    async fn send_or_wait(
        &self,
        text: String,
        code: &str,
        patience: &mut Patience,
        mut late: Option<Late<'_>>,
    ) -> Told {
        let mut repeats = 0;
        let mut turn: Option<First> = None;
        let mut when = Told::AtOnce;
        loop {
            let together = late.as_ref().map(Late::all).unwrap_or_default();
            let reply = Reply::text(self.for_all(&text, together.len()));
            let sent = self.adapter.send(&self.target, &reply).await;
            drop(turn.take());
            let Err(error) = sent else {
                together.iter().for_each(CancellationToken::cancel);
                return when;
            };
            when = Told::Late;
            let may_help = match &error {
                SendError::Failed { failure: SendFailure::Disconnected, .. } => true,
                SendError::Failed { failure: SendFailure::Transient, .. } => {
                    repeats += 1;
                    repeats <= REPEATS
                }
                _ => false,
            };
            if may_help && let Some(late) = &mut late {
                late.wait(&self.engine, &text);
            }
            let told = async {
                match late.as_ref().and_then(|late| late.waits.as_ref()) {
                    Some(waits) => waits.told().await,
                    None => std::future::pending().await,
                }
            };
            let again = async {
                if !may_help {
                    return Return::Never;
                }
                let returned = patience.wait(&self.engine, &self.adapter, &self.target).await;
                if returned == Return::Back {
                    tokio::select! {
                        biased;
                        () = self.engine.stop.cancelled() => return Return::Stopping,
                        next = self.engine.turns.turn(&self.target.chat) => turn = Some(next),
                    }
                }
                returned
            };
            let returned = tokio::select! {
                biased;
                () = told => return Told::Late,
                returned = again => returned,
            };
            match returned {
                Return::Back => {}
                Return::Stopping => return Told::NotYet,
                Return::Never => {
                    let chat = &self.target.chat;
                    tracing::warn!(%error, code, %chat, "a sentence could not be delivered");
                    return when;
                }
            }
        }
    }

    /// The words for so many ends of one person.
    fn for_all(&self, text: &str, ends: usize) -> String {
        if ends < 2 {
            return text.to_owned();
        }
        let others = UserError::new("note-others-too", "").with("more", ends as u64 - 1);
        format!("{text}\n{}", self.engine.planner.say(&self.target.chat, &others))
    }

    /// Marks the request. False where that can't be done, and words have to stand in for it; a mark of which nobody knows
    /// may well be there.
    pub(super) async fn react(&self, reaction: Reaction) -> bool {
        let capabilities = self.adapter.capabilities(&self.target.chat.account);
        let can = if self.target.chat.kind.is_direct() {
            capabilities.direct_reactions
        } else {
            capabilities.group_reactions
        };
        can && !matches!(self.adapter.react(&self.target, reaction).await, Err(SendError::Failed { .. }))
    }
}
