//! A sliding window: at most so many within any span of a given length.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Keys remembered at most. A key is remembered for one period after an accepted job, so this many means abuse; new
/// keys then wait instead of growing the memory.
const MAX_KEYS: usize = 65_536;

/// Notes remembered per key; a configured limit may be at most this.
pub(super) const MAX_NOTES: usize = 100;

/// A limiter with one window per key (a chat, a person). Limits of 0 are off.
///
/// Times are milliseconds since the Unix epoch. When the clock is set back, what was taken in the future counts as taken
/// now, so that nobody waits longer than one period.
#[derive(Clone, Debug)]
pub struct SlidingWindow {
    max: u32,
    period_ms: u64,
    taken: HashMap<Box<str>, VecDeque<u64>>,
    sweep_at: usize,
}

/// Proof that one was taken; give it back with [`SlidingWindow::refund`] when nothing came of it. Can be stored with a
/// job, so that a job that fails after a restart is refunded too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "keep the ticket with the job, or drop it on purpose when the job was delivered"]
pub struct Ticket {
    key: Box<str>,
    at_ms: u64,
}

impl Ticket {
    /// Whose, and when it was taken.
    pub(super) fn parts(&self) -> (&str, u64) {
        (&self.key, self.at_ms)
    }
}

/// The limit is reached; so long until the next one is free. At least 1 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    /// Milliseconds to wait.
    pub ms: u64,
}

impl RetryAfter {
    /// Whole seconds to wait, rounded up, at least 1.
    pub fn seconds(self) -> u64 {
        self.ms.div_ceil(1000).max(1)
    }

    /// How long to wait: what a person is told.
    pub fn span(self) -> Duration {
        Duration::from_secs(self.seconds())
    }
}

/// A window's memory, to be stored across restarts: the times taken, by key, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowState(pub BTreeMap<String, Vec<u64>>);

impl SlidingWindow {
    /// At most `max` within any `period_ms`. A `max` or a period of 0 switches the limiter off.
    pub fn new(max: u32, period_ms: u64) -> Self {
        Self { max, period_ms, taken: HashMap::new(), sweep_at: 1024 }
    }

    /// Continues from a stored state.
    pub fn restore(max: u32, period_ms: u64, state: WindowState, now_ms: u64) -> Self {
        let mut window = Self::new(max, period_ms);
        for (key, mut times) in state.0.into_iter().take(MAX_KEYS) {
            times.sort_unstable();
            window.taken.insert(key.into(), times.into());
        }
        window.sweep(now_ms);
        window
    }

    /// Changes the limit and keeps what was taken.
    pub fn reconfigure(&mut self, max: u32, period_ms: u64) {
        self.max = max;
        self.period_ms = period_ms;
        if self.is_off() {
            self.taken.clear();
        }
    }

    /// The limit: how many within one period. 0 = off.
    pub fn max(&self) -> u32 {
        self.max
    }

    /// The length of the window.
    pub fn period(&self) -> Duration {
        Duration::from_millis(self.period_ms)
    }

    /// Takes one for `key`.
    ///
    /// # Errors
    /// [`RetryAfter`] when the window is full; nothing was taken then.
    pub fn try_take(&mut self, key: &str, now_ms: u64) -> Result<Ticket, RetryAfter> {
        self.check(key, now_ms)?;
        let ticket = Ticket { key: key.into(), at_ms: now_ms };
        if !self.is_off() {
            self.taken.entry(key.into()).or_default().push_back(now_ms);
        }
        Ok(ticket)
    }

    /// Whether [`Self::try_take`] would succeed.
    ///
    /// # Errors
    /// The same.
    pub fn check(&mut self, key: &str, now_ms: u64) -> Result<(), RetryAfter> {
        if self.is_off() {
            return Ok(());
        }
        let period_ms = self.period_ms;
        match self.taken.get_mut(key) {
            Some(times) => {
                expire(times, period_ms, now_ms);
                let max = usize::try_from(self.max).unwrap_or(usize::MAX);
                // With a limit that was lowered meanwhile, more than one must leave the window first.
                let Some(blocking) = times.len().checked_sub(max).and_then(|index| times.get(index)) else {
                    return Ok(());
                };
                Err(RetryAfter { ms: blocking.saturating_add(period_ms).saturating_sub(now_ms).max(1) })
            }
            None => self.make_room(now_ms),
        }
    }

    /// Whether anything of `key` is remembered.
    pub(super) fn knows(&self, key: &str) -> bool {
        self.taken.contains_key(key)
    }

    /// Gives back what a ticket took; good for once.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is good for one refund")]
    pub fn refund(&mut self, ticket: Ticket) {
        let Some(times) = self.taken.get_mut(&ticket.key) else { return };
        // Not after it, instead of equal: when the clock was set back, times of the future were pulled to the present.
        if let Some(index) = times.iter().rposition(|at| *at <= ticket.at_ms) {
            times.remove(index);
        }
        if times.is_empty() {
            self.taken.remove(&ticket.key);
        }
    }

    /// Forgets what has left its window. Happens by itself as keys pile up; call it now and then to give memory back.
    pub fn sweep(&mut self, now_ms: u64) {
        let period_ms = self.period_ms;
        self.taken.retain(|_, times| {
            expire(times, period_ms, now_ms);
            !times.is_empty()
        });
        self.taken.shrink_to(1024);
        self.sweep_at = (self.taken.len() * 2).max(1024);
    }

    /// The memory, to be stored.
    pub fn state(&self) -> WindowState {
        let entries = self.taken.iter();
        WindowState(entries.map(|(key, times)| (key.to_string(), times.iter().copied().collect())).collect())
    }

    /// Counts one for `key` even when the window is full: it has happened already.
    pub fn note(&mut self, key: &str, now_ms: u64) {
        // With a full memory of keys nothing is noted; see [`MAX_KEYS`].
        if !self.is_off() && (self.taken.contains_key(key) || self.make_room(now_ms).is_ok()) {
            let times = self.taken.entry(key.into()).or_default();
            expire(times, self.period_ms, now_ms);
            times.push_back(now_ms);
            // More than the limit never matters, except after the limit was raised.
            while times.len() > MAX_NOTES {
                times.pop_front();
            }
        }
    }

    /// Makes the window hold exactly so many of what a ticket took: what a journal knows better than a state that was
    /// stored some seconds before a crash.
    pub(super) fn set(&mut self, ticket: &Ticket, count: usize) {
        if self.is_off() {
            return;
        }
        let times = self.taken.entry(ticket.key.clone()).or_default();
        times.retain(|at| *at != ticket.at_ms);
        let index = times.partition_point(|at| *at < ticket.at_ms);
        for _ in 0..count {
            times.insert(index, ticket.at_ms);
        }
        if times.is_empty() {
            self.taken.remove(&ticket.key);
        }
    }

    /// Whether nothing is limited.
    pub(super) fn is_off(&self) -> bool {
        self.max == 0 || self.period_ms == 0
    }

    fn make_room(&mut self, now_ms: u64) -> Result<(), RetryAfter> {
        if self.taken.len() >= self.sweep_at.min(MAX_KEYS) {
            self.sweep(now_ms);
        }
        if self.taken.len() < MAX_KEYS {
            return Ok(());
        }
        let oldest = self.taken.values().filter_map(VecDeque::back).min().copied().unwrap_or(now_ms);
        Err(RetryAfter { ms: oldest.saturating_add(self.period_ms).saturating_sub(now_ms).max(1) })
    }
}

/// Drops the times that have left the window, and pulls times of the future to now.
fn expire(times: &mut VecDeque<u64>, period_ms: u64, now_ms: u64) {
    for at in times.iter_mut().rev().take_while(|at| **at > now_ms) {
        *at = now_ms;
    }
    while times.front().is_some_and(|at| at.saturating_add(period_ms) <= now_ms) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slides() {
        let mut window = SlidingWindow::new(2, 60_000);
        let _first = window.try_take("g", 0).unwrap();
        let _second = window.try_take("g", 30_000).unwrap();
        assert_eq!(window.try_take("g", 30_001), Err(RetryAfter { ms: 29_999 }));
        assert_eq!(window.try_take("g", 59_999).unwrap_err().seconds(), 1);
        assert!(window.try_take("other", 59_999).is_ok());
        let _third = window.try_take("g", 60_000).unwrap();
        assert_eq!(window.try_take("g", 60_000).unwrap_err().seconds(), 30);
    }

    #[test]
    fn refunds() {
        let mut window = SlidingWindow::new(1, 60_000);
        let ticket = window.try_take("g", 0).unwrap();
        assert!(window.try_take("g", 1).is_err());
        window.refund(ticket);
        assert!(window.try_take("g", 1).is_ok());
    }

    #[test]
    fn zero_is_off() {
        for mut window in [SlidingWindow::new(0, 60_000), SlidingWindow::new(5, 0)] {
            for _ in 0..100 {
                let ticket = window.try_take("g", 0).unwrap();
                window.refund(ticket);
                assert!(window.try_take("g", 0).is_ok());
            }
            assert_eq!(window.state(), WindowState::default());
        }
    }

    #[test]
    fn survives_a_restart() {
        let mut window = SlidingWindow::new(1, 60_000);
        let ticket = window.try_take("g", 1_000).unwrap();
        let stored = serde_json::to_string(&(window.state(), &ticket)).unwrap();
        assert_eq!(stored, r#"[{"g":[1000]},{"key":"g","at_ms":1000}]"#);
        let (state, ticket): (WindowState, Ticket) = serde_json::from_str(&stored).unwrap();
        let mut window = SlidingWindow::restore(1, 60_000, state, 2_000);
        assert_eq!(window.try_take("g", 2_000), Err(RetryAfter { ms: 59_000 }));
        window.refund(ticket);
        assert!(window.try_take("g", 2_000).is_ok());
    }

    #[test]
    fn a_lowered_limit_waits_for_enough_to_leave() {
        let mut window = SlidingWindow::new(3, 60_000);
        for at in [0, 10_000, 20_000] {
            let _kept = window.try_take("g", at).unwrap();
        }
        window.reconfigure(1, 60_000);
        assert_eq!(window.try_take("g", 30_000), Err(RetryAfter { ms: 50_000 }));
        assert!(window.try_take("g", 80_000).is_ok());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut window = SlidingWindow::new(1, 60_000);
        let _kept = window.try_take("g", 10_000_000).unwrap();
        assert_eq!(window.try_take("g", 5_000), Err(RetryAfter { ms: 60_000 }));
        assert!(window.try_take("g", 65_000).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let mut window = SlidingWindow::new(1, 60_000);
        for n in 0..MAX_KEYS {
            let _kept = window.try_take(&n.to_string(), 0).unwrap();
        }
        assert_eq!(window.try_take("one more", 1_000), Err(RetryAfter { ms: 59_000 }));
        assert!(window.try_take("one more", 60_000).is_ok());
        assert_eq!(window.taken.len(), 1);
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit_in_any_window(
            max in 1_u32..5, period_ms in 1_u64..100,
            steps in prop::collection::vec((0_u64..40, 0_u8..2, any::<bool>()), 1..200),
        ) {
            let mut window = SlidingWindow::new(max, period_ms);
            let mut now = 0;
            let mut granted: Vec<Vec<u64>> = vec![Vec::new(); 2];
            for (wait, key, refund) in steps {
                now += wait;
                if let Ok(ticket) = window.try_take(&key.to_string(), now) {
                    if refund {
                        window.refund(ticket);
                    } else {
                        granted[usize::from(key)].push(now);
                    }
                }
            }
            for times in granted {
                for (index, start) in times.iter().enumerate() {
                    let within = times[index..].iter().filter(|at| **at < start + period_ms).count();
                    prop_assert!(within <= max as usize, "{within} within {period_ms} ms from {start}");
                }
            }
        }

        #[test]
        fn the_wait_that_is_told_suffices(
            max in 1_u32..4, steps in prop::collection::vec(0_u64..40, 1..50),
        ) {
            let mut window = SlidingWindow::new(max, 100);
            let mut now = 0;
            for wait in steps {
                now += wait;
                if let Err(RetryAfter { ms }) = window.try_take("g", now) {
                    prop_assert!(window.check("g", now + ms - 1).is_err());
                    now += ms;
                    prop_assert!(window.try_take("g", now).is_ok());
                }
            }
        }
    }
}
