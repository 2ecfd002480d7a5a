//! The keys of one provider and what is known about each.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{ErrorClass, KeyVerdict},
    ports::ApiKey,
};

/// How long a key whose account ran out of quota rests before it is tried again: resets are daily or monthly and not
/// announced, and one refused call per hour costs nothing.
const QUOTA_REST: Duration = Duration::from_hours(1);

/// What is known about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Usable.
    Ready,
    /// Resting until then.
    Cooling(Instant),
    /// Its account is out of quota; tried again then.
    OutOfQuota(Instant),
    /// Bad until it changes in the configuration or an admin re-enables it.
    Disabled,
}

/// A key that was found bad before this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisabledKey {
    /// How long ago, when that is known.
    pub age: Option<Duration>,
    /// The HTTP status that said so.
    pub status: Option<u16>,
}

/// A key as its owner is told about it: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// The key's fingerprint.
    pub fingerprint: Arc<str>,
    /// Its account label.
    pub account: Option<Arc<str>>,
    /// How it is.
    pub state: KeyState,
    /// For how long it has been so; `None` = usable, or not known.
    pub since: Option<Duration>,
    /// For how long it still rests; `None` = usable, or until somebody does something.
    pub rests: Option<Duration>,
    /// The HTTP status that was the reason.
    pub status: Option<u16>,
}

/// The keys of one provider, with a pointer that stays on the key that works.
#[derive(Debug)]
pub struct KeyPool {
    keys: Vec<Entry>,
    current: usize,
}

#[derive(Debug)]
struct Entry {
    key: ApiKey,
    state: KeyState,
    /// When the state began, as far as this run knows, and how old it was then.
    began: Option<(Instant, Duration)>,
    /// The HTTP status that was the reason.
    status: Option<u16>,
}

impl Entry {
    fn set(&mut self, state: KeyState, status: Option<u16>, now: Instant) {
        // A key that is found bad again has been so since the first time.
        let same = std::mem::discriminant(&self.state) == std::mem::discriminant(&state);
        if !same || self.began.is_none() {
            self.began = Some((now, Duration::ZERO));
        }
        self.state = state;
        self.status = status;
    }

    fn set_ready(&mut self) {
        (self.state, self.began, self.status) = (KeyState::Ready, None, None);
    }

    /// What rested long enough is usable again.
    fn wake(&mut self, now: Instant) {
        if let KeyState::Cooling(until) | KeyState::OutOfQuota(until) = self.state
            && until <= now
        {
            self.set_ready();
        }
    }
}

impl KeyPool {
    /// A pool; `disabled` are fingerprints that were found bad before (kept over restarts).
    pub fn new(keys: Vec<ApiKey>, disabled: &HashMap<String, DisabledKey>) -> Self {
        let now = Instant::now();
        let entry = |key: ApiKey| match disabled.get(&*key.fingerprint) {
            None => Entry { key, state: KeyState::Ready, began: None, status: None },
            Some(bad) => Entry {
                key,
                state: KeyState::Disabled,
                began: bad.age.map(|age| (now, age)),
                status: bad.status,
            },
        };
        Self { keys: keys.into_iter().map(entry).collect(), current: 0 }
    }

    /// How many keys are configured.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is configured.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key with this fingerprint, usable or not.
    pub fn find(&self, fingerprint: &str) -> Option<ApiKey> {
        let entry = self.keys.iter().find(|entry| &*entry.key.fingerprint == fingerprint)?;
        Some(entry.key.clone())
    }

    /// Whether the key with this fingerprint may be used now.
    pub fn is_usable(&mut self, fingerprint: &str, now: Instant) -> bool {
        let entry = self.keys.iter_mut().find(|entry| &*entry.key.fingerprint == fingerprint);
        entry.is_some_and(|entry| {
            entry.wake(now);
            entry.state == KeyState::Ready
        })
    }

    /// The next usable key from the pointer on that is not in `spent` (keys that this job has used up).
    pub fn pick(&mut self, now: Instant, spent: &HashSet<Arc<str>>) -> Option<ApiKey> {
        let n = self.keys.len();
        for step in 0..n {
            let index = (self.current + step) % n;
            let entry = self.keys.get_mut(index)?;
            entry.wake(now);
            if entry.state == KeyState::Ready && !spent.contains(&entry.key.fingerprint) {
                self.current = index;
                return Some(entry.key.clone());
            }
        }
        None
    }

    /// Applies what an answer said about a key. Keys that share its account label share quota and rate verdicts.
    /// `status` is the answer's HTTP status. Returns whether the key became disabled by this.
    pub fn judge(
        &mut self,
        fingerprint: &str,
        verdict: KeyVerdict,
        status: Option<u16>,
        now: Instant,
    ) -> bool {
        let account = self
            .keys
            .iter()
            .find(|entry| &*entry.key.fingerprint == fingerprint)
            .and_then(|entry| entry.key.account.clone());
        let mut disabled = false;
        for entry in &mut self.keys {
            let same_key = &*entry.key.fingerprint == fingerprint;
            let same_account = same_key || (account.is_some() && entry.key.account == account);
            let usable = entry.state != KeyState::Disabled;
            match verdict {
                KeyVerdict::Disable if same_key => {
                    disabled |= usable;
                    entry.set(KeyState::Disabled, status, now);
                }
                KeyVerdict::OutOfQuota if same_account && usable => {
                    entry.set(KeyState::OutOfQuota(now + QUOTA_REST), status, now);
                }
                KeyVerdict::Cool(rest) if same_account && usable => {
                    entry.set(KeyState::Cooling(now + rest), status, now);
                }
                KeyVerdict::Fine | KeyVerdict::Disable | KeyVerdict::OutOfQuota | KeyVerdict::Cool(_) => {}
            }
        }
        disabled
    }

    /// A call with this key succeeded: what made it rest is over.
    pub fn worked(&mut self, fingerprint: &str) {
        for entry in &mut self.keys {
            if &*entry.key.fingerprint == fingerprint && entry.state != KeyState::Disabled {
                entry.set_ready();
            }
        }
    }

    /// Gives every key another try, as the owner wishes. Returns how many were out of use.
    pub fn reset(&mut self, now: Instant) -> usize {
        let mut reset = 0;
        for entry in &mut self.keys {
            entry.wake(now);
            if entry.state != KeyState::Ready {
                entry.set_ready();
                reset += 1;
            }
        }
        reset
    }

    /// Why no key is usable: what will pass soonest.
    pub fn complaint(&self) -> ErrorClass {
        let any = |test: fn(KeyState) -> bool| self.keys.iter().any(|entry| test(entry.state));
        if any(|state| matches!(state, KeyState::Cooling(_))) {
            ErrorClass::Rate
        } else if any(|state| matches!(state, KeyState::OutOfQuota(_))) {
            ErrorClass::Quota
        } else {
            ErrorClass::Auth
        }
    }

    /// Keys and how they are, for the owner.
    pub fn report(&mut self, now: Instant) -> Vec<KeyReport> {
        let report = |entry: &mut Entry| {
            entry.wake(now);
            KeyReport {
                fingerprint: entry.key.fingerprint.clone(),
                account: entry.key.account.clone(),
                state: entry.state,
                since: entry.began.map(|(began, age)| age + now.saturating_duration_since(began)),
                rests: match entry.state {
                    KeyState::Cooling(until) | KeyState::OutOfQuota(until) => {
                        Some(until.saturating_duration_since(now))
                    }
                    KeyState::Ready | KeyState::Disabled => None,
                },
                status: entry.status,
            }
        };
        self.keys.iter_mut().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, account: Option<&str>) -> ApiKey {
        ApiKey { secret: name.to_owned().into(), fingerprint: name.into(), account: account.map(Into::into) }
    }

    fn pick(pool: &mut KeyPool, now: Instant, spent: &[&str]) -> Option<String> {
        pool.pick(now, &spent.iter().map(|s| Arc::from(*s)).collect()).map(|key| key.fingerprint.to_string())
    }

    #[test]
    fn stays_on_the_working_key_and_moves_on_from_bad_ones() {
        let now = Instant::now();
        let mut pool = KeyPool::new(vec![key("a", None), key("b", None), key("c", None)], &HashMap::new());
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("a"));
        assert!(pool.judge("a", KeyVerdict::Disable, Some(401), now));
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("b"));
        pool.judge("b", KeyVerdict::Cool(Duration::from_secs(60)), Some(429), now);
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("c"));
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("c"), "the pointer stays");
        assert_eq!(pick(&mut pool, now, &["c"]), None);
        assert_eq!(pick(&mut pool, now + Duration::from_secs(60), &["c"]).as_deref(), Some("b"));
    }

    #[test]
    fn an_account_out_of_quota_takes_all_its_keys_along() {
        let now = Instant::now();
        let mut pool = KeyPool::new(
            vec![key("a", Some("x")), key("b", Some("x")), key("c", Some("y"))],
            &HashMap::new(),
        );
        pool.judge("a", KeyVerdict::OutOfQuota, Some(402), now);
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("c"));
        assert_eq!(
            pick(&mut pool, now + QUOTA_REST, &["c"]).as_deref(),
            Some("a"),
            "tried again after the rest"
        );
    }

    #[test]
    fn keys_found_bad_before_a_restart_stay_out_until_somebody_resets_them() {
        let bad = DisabledKey { age: Some(Duration::from_secs(7200)), status: Some(401) };
        let mut pool = KeyPool::new(vec![key("a", None)], &HashMap::from([("a".to_owned(), bad)]));
        let now = Instant::now();
        assert_eq!(pick(&mut pool, now + QUOTA_REST, &[]), None);
        let [report] = &pool.report(now)[..] else { panic!("one key") };
        assert_eq!((report.state, report.rests, report.status), (KeyState::Disabled, None, Some(401)));
        assert!(report.since.unwrap() >= Duration::from_secs(7200));
        assert_eq!(pool.reset(now), 1);
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("a"));
        assert_eq!(pool.reset(now), 0);
    }

    #[test]
    fn the_owner_is_told_how_long_keys_rest() {
        let now = Instant::now();
        let mut pool = KeyPool::new(vec![key("a", Some("x")), key("b", None)], &HashMap::new());
        pool.judge("a", KeyVerdict::OutOfQuota, Some(402), now);
        let later = now + Duration::from_mins(10);
        // Found empty again: it has been so since the first time.
        pool.judge("a", KeyVerdict::OutOfQuota, Some(402), later);
        let reports = pool.report(later);
        assert_eq!(reports[0].since, Some(Duration::from_mins(10)));
        assert_eq!((reports[0].rests, reports[0].status), (Some(QUOTA_REST), Some(402)));
        assert_eq!((reports[1].state, reports[1].since, reports[1].rests), (KeyState::Ready, None, None));
        assert_eq!(pool.report(later + QUOTA_REST)[0].state, KeyState::Ready);
    }
}
