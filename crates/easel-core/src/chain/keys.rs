//! The keys of one provider and what is known about each.

use std::{collections::HashSet, sync::Arc, time::Duration};

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

/// The keys of one provider, with a pointer that stays on the key that works.
#[derive(Debug)]
pub struct KeyPool {
    keys: Vec<(ApiKey, KeyState)>,
    current: usize,
}

impl KeyPool {
    /// A pool; `disabled` are fingerprints that were found bad before (kept over restarts).
    pub fn new(keys: Vec<ApiKey>, disabled: &HashSet<String>) -> Self {
        let keys = keys
            .into_iter()
            .map(|key| {
                let state =
                    if disabled.contains(&*key.fingerprint) { KeyState::Disabled } else { KeyState::Ready };
                (key, state)
            })
            .collect();
        Self { keys, current: 0 }
    }

    /// How many keys are configured.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is configured.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The next usable key from the pointer on that is not in `spent` (keys that this job has used up).
    pub fn pick(&mut self, now: Instant, spent: &HashSet<Arc<str>>) -> Option<ApiKey> {
        let n = self.keys.len();
        for step in 0..n {
            let index = (self.current + step) % n;
            let (key, state) = self.keys.get_mut(index)?;
            if let KeyState::Cooling(until) | KeyState::OutOfQuota(until) = *state
                && until <= now
            {
                *state = KeyState::Ready;
            }
            if *state == KeyState::Ready && !spent.contains(&key.fingerprint) {
                self.current = index;
                return Some(key.clone());
            }
        }
        None
    }

    /// Applies what an answer said about a key. Keys that share its account label share quota and rate verdicts.
    /// Returns whether the key became disabled by this.
    pub fn judge(&mut self, fingerprint: &str, verdict: KeyVerdict, now: Instant) -> bool {
        let account = self
            .keys
            .iter()
            .find(|(key, _)| &*key.fingerprint == fingerprint)
            .and_then(|(key, _)| key.account.clone());
        let mut disabled = false;
        for (key, state) in &mut self.keys {
            let same_key = &*key.fingerprint == fingerprint;
            let same_account = same_key || (account.is_some() && key.account == account);
            match verdict {
                KeyVerdict::Disable if same_key => {
                    disabled |= *state != KeyState::Disabled;
                    *state = KeyState::Disabled;
                }
                KeyVerdict::OutOfQuota if same_account && *state != KeyState::Disabled => {
                    *state = KeyState::OutOfQuota(now + QUOTA_REST);
                }
                KeyVerdict::Cool(rest) if same_account && *state != KeyState::Disabled => {
                    *state = KeyState::Cooling(now + rest);
                }
                KeyVerdict::Fine | KeyVerdict::Disable | KeyVerdict::OutOfQuota | KeyVerdict::Cool(_) => {}
            }
        }
        disabled
    }

    /// A call with this key succeeded: what made it rest is over.
    pub fn worked(&mut self, fingerprint: &str) {
        for (key, state) in &mut self.keys {
            if &*key.fingerprint == fingerprint && !matches!(state, KeyState::Disabled) {
                *state = KeyState::Ready;
            }
        }
    }

    /// Why no key is usable: what will pass soonest.
    pub fn complaint(&self) -> ErrorClass {
        let any = |test: fn(KeyState) -> bool| self.keys.iter().any(|(_, state)| test(*state));
        if any(|state| matches!(state, KeyState::Cooling(_))) {
            ErrorClass::Rate
        } else if any(|state| matches!(state, KeyState::OutOfQuota(_))) {
            ErrorClass::Quota
        } else {
            ErrorClass::Auth
        }
    }

    /// Keys with their states, for the owner.
    pub fn states(&self) -> impl Iterator<Item = (&ApiKey, KeyState)> {
        self.keys.iter().map(|(key, state)| (key, *state))
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
        let mut pool = KeyPool::new(vec![key("a", None), key("b", None), key("c", None)], &HashSet::new());
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("a"));
        assert!(pool.judge("a", KeyVerdict::Disable, now));
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("b"));
        pool.judge("b", KeyVerdict::Cool(Duration::from_secs(60)), now);
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
            &HashSet::new(),
        );
        pool.judge("a", KeyVerdict::OutOfQuota, now);
        assert_eq!(pick(&mut pool, now, &[]).as_deref(), Some("c"));
        assert_eq!(
            pick(&mut pool, now + QUOTA_REST, &["c"]).as_deref(),
            Some("a"),
            "tried again after the rest"
        );
    }

    #[test]
    fn keys_found_bad_before_a_restart_stay_out() {
        let mut pool = KeyPool::new(vec![key("a", None)], &HashSet::from(["a".to_owned()]));
        assert_eq!(pick(&mut pool, Instant::now(), &[]), None);
    }
}
