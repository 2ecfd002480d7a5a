//! Short memories with an end: the pause between two jobs of one person, and the pause between two refusals.

use std::collections::HashMap;

use super::window::RetryAfter;

/// Keys remembered at most, in either memory.
const MAX_KEYS: usize = 8192;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// When something last happened, by key, for keys younger than a given age.
#[derive(Clone, Debug, Default)]
struct Recent {
    last: HashMap<Box<str>, u64>,
}

impl Recent {
    /// Milliseconds left of `pause_ms` since the last time. A time in the future (the clock was set back) is forgotten.
    fn left(&self, key: &str, pause_ms: u64, now_ms: u64) -> Option<u64> {
        let last = *self.last.get(key)?;
        let passed = now_ms.checked_sub(last)?;
        pause_ms.checked_sub(passed).filter(|left| *left > 0)
    }

    /// Remembers `now_ms` for the key; `false` when the memory is full of keys that still matter.
    fn remember(&mut self, key: &str, pause_ms: u64, now_ms: u64) -> bool {
        if self.last.len() >= MAX_KEYS && !self.last.contains_key(key) {
            self.last.retain(|_, last| now_ms.checked_sub(*last).is_some_and(|passed| passed < pause_ms));
            if self.last.len() >= MAX_KEYS {
                return false;
            }
        }
        self.last.insert(key.into(), now_ms);
        true
    }
}

/// The pause that a person makes between two jobs of one feature. Only an accepted job starts it; help, lists and 取消
/// never do, and never wait for it.
#[derive(Clone, Debug)]
pub struct Debounce {
    pause_ms: u64,
    recent: Recent,
}

impl Debounce {
    /// A pause of `seconds`; 0 = off.
    pub fn new(seconds: u64) -> Self {
        Self { pause_ms: seconds.saturating_mul(1000), recent: Recent::default() }
    }

    /// Changes the pause; what has begun is measured by the new one.
    pub fn reconfigure(&mut self, seconds: u64) {
        self.pause_ms = seconds.saturating_mul(1000);
    }

    /// Whether a job may be accepted now. Changes nothing.
    ///
    /// # Errors
    /// [`RetryAfter`] while the pause lasts.
    pub fn check(&self, platform: &str, user: &str, feature: &str, now_ms: u64) -> Result<(), RetryAfter> {
        match self.recent.left(&key(platform, user, feature), self.pause_ms, now_ms) {
            Some(ms) => Err(RetryAfter { ms }),
            None => Ok(()),
        }
    }

    /// A job was accepted: the pause begins.
    pub fn accepted(&mut self, platform: &str, user: &str, feature: &str, now_ms: u64) {
        if self.pause_ms > 0 {
            // With a full memory one person goes without a pause; the limits still hold.
            self.recent.remember(&key(platform, user, feature), self.pause_ms, now_ms);
        }
    }

    /// The job that was accepted at `now_ms` was refused after all (the queue is full): its pause never began. A pause
    /// that began later stays.
    pub fn withdraw(&mut self, platform: &str, user: &str, feature: &str, now_ms: u64) {
        let key = key(platform, user, feature);
        if self.recent.last.get(key.as_str()) == Some(&now_ms) {
            self.recent.last.remove(key.as_str());
        }
    }
}

fn key(platform: &str, user: &str, feature: &str) -> String {
    format!("{platform}\n{user}\n{feature}")
}

/// Lets a refusal be spoken at most once per chat and hour.
#[derive(Clone, Debug, Default)]
pub struct RefusalPause {
    recent: Recent,
}

impl RefusalPause {
    /// A memory without refusals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the sentence may be sent to `chat` (`platform:id`) now. If so, the hour begins.
    pub fn may_speak(&mut self, chat: &str, now_ms: u64) -> bool {
        self.recent.left(chat, HOUR_MS, now_ms).is_none() && self.recent.remember(chat, HOUR_MS, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_per_person_and_feature() {
        let mut debounce = Debounce::new(3);
        let check = |debounce: &Debounce, user, feature, now| debounce.check("onebot", user, feature, now);
        assert_eq!(check(&debounce, "1", "draw", 0), Ok(()));
        assert_eq!(check(&debounce, "1", "draw", 0), Ok(()), "asking starts nothing");
        debounce.accepted("onebot", "1", "draw", 0);
        assert_eq!(check(&debounce, "1", "draw", 1000), Err(RetryAfter { ms: 2000 }));
        assert_eq!(check(&debounce, "1", "edit", 1000), Ok(()));
        assert_eq!(check(&debounce, "2", "draw", 1000), Ok(()));
        assert_eq!(debounce.check("discord", "1", "draw", 1000), Ok(()));
        assert_eq!(check(&debounce, "1", "draw", 3000), Ok(()));
    }

    #[test]
    fn a_refused_job_leaves_no_pause() {
        let mut debounce = Debounce::new(3);
        debounce.accepted("onebot", "1", "draw", 1000);
        debounce.withdraw("onebot", "1", "draw", 1000);
        assert_eq!(debounce.check("onebot", "1", "draw", 1001), Ok(()));
        debounce.accepted("onebot", "1", "draw", 2000);
        debounce.withdraw("onebot", "1", "draw", 1000);
        assert!(debounce.check("onebot", "1", "draw", 2001).is_err(), "somebody else's refusal");
    }

    #[test]
    fn zero_is_off() {
        let mut debounce = Debounce::new(0);
        debounce.accepted("onebot", "1", "draw", 0);
        assert_eq!(debounce.check("onebot", "1", "draw", 0), Ok(()));
        assert!(debounce.recent.last.is_empty());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut debounce = Debounce::new(3);
        debounce.accepted("onebot", "1", "draw", 1_000_000);
        assert_eq!(debounce.check("onebot", "1", "draw", 5), Ok(()));
    }

    #[test]
    fn one_refusal_per_chat_and_hour() {
        let mut pause = RefusalPause::new();
        assert!(pause.may_speak("onebot:1", 0));
        assert!(!pause.may_speak("onebot:1", HOUR_MS - 1));
        assert!(pause.may_speak("onebot:2", 1));
        assert!(pause.may_speak("onebot:1", HOUR_MS));
    }

    #[test]
    fn memory_is_bounded() {
        let mut pause = RefusalPause::new();
        let spoken = (0..MAX_KEYS * 2).filter(|n| pause.may_speak(&n.to_string(), 0)).count();
        assert_eq!(spoken, MAX_KEYS);
        assert!(pause.may_speak("later", HOUR_MS));
        assert_eq!(pause.recent.last.len(), 1);
    }
}
