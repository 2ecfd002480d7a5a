//! What jobs cost: the attempts of each job folded into totals per day, chat, person and provider.
//!
//! One row per day, chat and person, with all providers in it, so that a job touches exactly one row. Rows are gathered in
//! memory when a job has ended, which is after its delivery, and written a few seconds later, several jobs in one go: no
//! attempt waits for it. A crash in between loses nothing, because the ledger keeps the attempts of every job and the next
//! start folds them in; a row remembers the jobs that it has, so that none counts twice. Rows of more than 90 days ago are
//! removed. Days are those of UTC, and a job belongs to the day on which it was accepted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::ledger::{StoredFailure, StoredRequest, StoredUsage};
use crate::{
    error::Charged,
    ids::{JobId, UnixMillis},
    ports::{Clock, KeyValue, StoreError},
};

mod prices;

pub use prices::{PriceError, Prices};

const TABLE: &str = "meta";
const PREFIX: &str = "usage/";
/// How long rows are kept.
pub const KEPT_DAYS: u64 = 90;
const MILLIS_PER_DAY: u64 = 86_400_000;
/// Jobs that a row remembers by id; of older ones it knows that it has them.
const JOBS_REMEMBERED: usize = 64;
/// Rows that wait to be written at most; there are more only when the store fails for hours.
const MAX_PENDING: usize = 10_000;
/// Rows of one day that are read at most.
const MAX_ROWS: usize = 200_000;
/// Rows that are removed at once.
const REMOVED_AT_ONCE: usize = 256;
/// Tries to write a row that somebody else changes at the same time.
const TRIES: usize = 8;

/// Sums of attempts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Calls that were answered or failed.
    pub attempts: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Failures after which money may be gone; in the book none at what is free.
    pub maybe_paid: u64,
    /// Pictures, and clips.
    pub made: u64,
    /// Milliseconds that the calls took together.
    pub duration_ms: u64,
    /// Bytes of what was made.
    pub bytes: u64,
    /// Tokens read, where answers told.
    pub input_tokens: u64,
    /// Tokens made, where answers told.
    pub output_tokens: u64,
    /// Money in the services' own units, where answers told.
    pub cost: f64,
    /// Results whose answers told no cost.
    pub untold: u64,
    /// What the owner's prices say about those, in the owner's currency; nothing for what is free.
    pub estimate: f64,
    /// Results of which neither an answer nor a price told the cost, though they may have one.
    pub unpriced: u64,
}

impl Totals {
    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.failures += other.failures;
        self.maybe_paid += other.maybe_paid;
        self.made += other.made;
        self.duration_ms += other.duration_ms;
        self.bytes += other.bytes;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost += other.cost;
        self.untold += other.untold;
        self.estimate += other.estimate;
        self.unpriced += other.unpriced;
    }
}

/// What a job's attempts at one provider came to, as far as they have one price.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// The provider's name.
    pub provider: String,
    /// `generate`, `edit` or `clip`.
    pub operation: String,
    /// The tier of what was made, in K; `None` = nothing was made, or its size is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    /// The sums.
    pub totals: Totals,
}

/// Adds one attempt to those of a job.
pub fn spend(
    spent: &mut Vec<Spent>,
    provider: &str,
    duration_ms: u64,
    error: Option<&StoredFailure>,
    usage: Option<&StoredUsage>,
) {
    let none = StoredUsage::default();
    let usage = usage.unwrap_or(&none);
    let tier = usage.size.map(|(width, height)| tier_of(width.max(height)));
    let made = u64::from(usage.count);
    let totals = Totals {
        attempts: 1,
        failures: error.is_some().into(),
        maybe_paid: error.is_some_and(|error| error.charged == Charged::Maybe).into(),
        made,
        duration_ms,
        bytes: usage.bytes,
        input_tokens: usage.input_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
        cost: usage.cost.filter(|cost| cost.is_finite()).unwrap_or(0.0),
        untold: if usage.cost.is_some() { 0 } else { made },
        ..Totals::default()
    };
    let same =
        |it: &&mut Spent| it.provider == provider && it.operation == usage.operation && it.tier == tier;
    match spent.iter_mut().find(same) {
        Some(known) => known.totals.add(&totals),
        None => spent.push(Spent {
            provider: provider.to_owned(),
            operation: usage.operation.clone(),
            tier,
            totals,
        }),
    }
}

/// The tier that a longer side of so many pixels belongs to.
fn tier_of(side: u32) -> u8 {
    match side {
        0..=1792 => 1,
        1793..=2752 => 2,
        _ => 4,
    }
}

/// A job that has ended, as the book takes it.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// The job.
    pub job: JobId,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// What was asked, by whom.
    pub request: &'a StoredRequest,
    /// What its attempts came to.
    pub spent: &'a [Spent],
}

/// What spending is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The provider.
    Provider,
    /// The chat.
    Chat,
    /// The person, over all chats of a platform.
    User,
}

/// A stored row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Row {
    chat: String,
    user: String,
    providers: BTreeMap<String, Totals>,
    /// The latest jobs that are in it.
    jobs: BTreeSet<JobId>,
    /// All jobs up to this one are in it.
    before: Option<JobId>,
}

impl Row {
    fn has(&self, job: JobId) -> bool {
        self.jobs.contains(&job) || self.before.is_some_and(|before| job <= before)
    }

    /// Takes over what `newer` has, job by job unknown to this one.
    fn merge(&mut self, newer: &Self) {
        for (provider, totals) in &newer.providers {
            self.providers.entry(provider.clone()).or_default().add(totals);
        }
        self.before = self.before.max(newer.before);
        self.jobs.extend(&newer.jobs);
        while self.jobs.len() > JOBS_REMEMBERED {
            self.before = self.before.max(self.jobs.pop_first());
        }
        (self.chat, self.user) = (newer.chat.clone(), newer.user.clone());
    }
}

/// The totals, over the key-value store.
pub struct UsageBook {
    keys: Arc<dyn KeyValue>,
    clock: Arc<dyn Clock>,
    pending: Mutex<BTreeMap<String, Row>>,
    /// The day of the last clearing.
    cleared: AtomicU64,
}

impl UsageBook {
    /// A book over a store.
    pub fn new(keys: Arc<dyn KeyValue>, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, pending: Mutex::default(), cleared: AtomicU64::new(0) }
    }

    /// Takes a job that has ended in this run. Writes nothing yet: [`Self::store`] does. `price` tells what one result of
    /// an attempt costs by the owner's prices.
    pub fn note(&self, ended: Ended<'_>, price: impl Fn(&Spent) -> Option<f64>) {
        if ended.spent.is_empty() {
            return;
        }
        let mut row = Row {
            chat: ended.request.chat.to_string(),
            user: format!("{}:{}", ended.request.chat.platform, ended.request.user),
            jobs: BTreeSet::from([ended.job]),
            ..Row::default()
        };
        for spent in ended.spent {
            let mut totals = spent.totals.clone();
            match price(spent) {
                // What is free can't have been paid.
                Some(price) if price <= 0.0 => totals.maybe_paid = 0,
                #[expect(clippy::cast_precision_loss, reason = "a number of pictures")]
                Some(price) => totals.estimate += price * totals.untold as f64,
                None => totals.unpriced += totals.untold,
            }
            row.providers.entry(spent.provider.clone()).or_default().add(&totals);
        }
        self.wait_with(key_of(ended.accepted_at, &row), &row);
    }

    fn wait_with(&self, key: String, row: &Row) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() >= MAX_PENDING && !pending.contains_key(&key) {
            tracing::warn!("the usage of a job is lost: too much waits to be written");
            return;
        }
        pending.entry(key).or_default().merge(row);
    }

    /// Takes the jobs of earlier runs that have ended, unless their rows have them already.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn catch_up(
        &self,
        jobs: &[Ended<'_>],
        price: impl Fn(&Spent) -> Option<f64>,
    ) -> Result<(), StoreError> {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for ended in jobs.iter().filter(|ended| !ended.spent.is_empty()) {
            let chat = ended.request.chat.to_string();
            let user = format!("{}:{}", ended.request.chat.platform, ended.request.user);
            let key = key_of(ended.accepted_at, &Row { chat, user, ..Row::default() });
            if !rows.contains_key(&key) {
                let row = self.read(&key).await?.map(|(_, row)| row).unwrap_or_default();
                rows.insert(key.clone(), row);
            }
            if rows.get(&key).is_none_or(|row| !row.has(ended.job)) {
                self.note(*ended, &price);
            }
        }
        Ok(())
    }

    /// Writes what waits, and removes what is too old, once a day.
    ///
    /// # Errors
    /// When the store fails; what could not be written waits for the next call.
    pub async fn store(&self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let mut failed = None;
        for (key, row) in waiting {
            if failed.is_none()
                && let Err(error) = self.write(&key, &row).await
            {
                failed = Some(error);
            }
            if failed.is_some() {
                self.wait_with(key, &row);
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.clear().await,
        }
    }

    async fn read(&self, key: &str) -> Result<Option<(Bytes, Row)>, StoreError> {
        let Some(stored) = self.keys.get(TABLE, key.as_bytes()).await? else { return Ok(None) };
        let row = serde_json::from_slice(&stored).unwrap_or_else(|error| {
            tracing::warn!(key, %error, "a row of the usage is damaged and begins anew");
            Row::default()
        });
        Ok(Some((stored, row)))
    }

    async fn write(&self, key: &str, newer: &Row) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let (old, mut row) = self.read(key).await?.unzip();
            let row = row.get_or_insert_default();
            row.merge(newer);
            let new = serde_json::to_vec(row).map_err(|error| StoreError::Io(error.to_string()))?;
            match self.keys.compare_and_swap(TABLE, key.as_bytes(), old, Some(new.into())).await {
                Err(StoreError::Conflict) => {}
                written => return written,
            }
        }
        Err(StoreError::Conflict)
    }

    async fn clear(&self) -> Result<(), StoreError> {
        let today = self.clock.now().0 / MILLIS_PER_DAY;
        if self.cleared.load(Ordering::Relaxed) == today {
            return Ok(());
        }
        loop {
            let rows = self.keys.scan(TABLE, PREFIX.as_bytes(), REMOVED_AT_ONCE).await?;
            let old = |key: &Bytes| day_of(key).is_none_or(|day| day + KEPT_DAYS <= today);
            let old: Vec<_> = rows.into_iter().map(|(key, _)| key).filter(old).collect();
            if old.is_empty() {
                break;
            }
            // Together, so that the store can write them as one.
            for removed in join_all(old.iter().map(|key| self.keys.remove(TABLE, key))).await {
                removed?;
            }
        }
        self.cleared.store(today, Ordering::Relaxed);
        Ok(())
    }

    /// What the last `days` days cost, today included, the most expensive first. What waits to be written is in it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn spending(&self, days: u64, by: By) -> Result<Vec<(String, Totals)>, StoreError> {
        let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
        let mut add = |row: &Row| {
            for (provider, totals) in &row.providers {
                let name = match by {
                    By::Provider => provider,
                    By::Chat => &row.chat,
                    By::User => &row.user,
                };
                sums.entry(name.clone()).or_default().add(totals);
            }
        };
        let today = self.clock.now().0 / MILLIS_PER_DAY;
        let first = today.saturating_sub(days.clamp(1, KEPT_DAYS) - 1);
        for day in first..=today {
            let prefix = format!("{PREFIX}{day:06}/");
            for (key, stored) in self.keys.scan(TABLE, prefix.as_bytes(), MAX_ROWS).await? {
                match serde_json::from_slice(&stored) {
                    Ok(row) => add(&row),
                    Err(error) => tracing::warn!(?key, %error, "a row of the usage is damaged"),
                }
            }
        }
        let waiting = self.pending.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (key, row) in &waiting {
            if day_of(key.as_bytes()).is_some_and(|day| (first..=today).contains(&day)) {
                add(row);
            }
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        let money = |totals: &Totals| totals.cost + totals.estimate;
        sums.sort_by(|(_, one), (_, other)| {
            money(other).total_cmp(&money(one)).then(other.made.cmp(&one.made))
        });
        Ok(sums)
    }
}

/// `usage/020778/onebot:…/onebot:…`: rows lie by day.
fn key_of(accepted_at: UnixMillis, row: &Row) -> String {
    format!("{PREFIX}{:06}/{}/{}", accepted_at.0 / MILLIS_PER_DAY, row.chat, row.user)
}

fn day_of(key: &[u8]) -> Option<u64> {
    let day = key.strip_prefix(PREFIX.as_bytes())?.split(|byte| *byte == b'/').next()?;
    str::from_utf8(day).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
