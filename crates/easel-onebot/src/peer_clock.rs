//! Whether an event is too old to be answered, also where a clock is wrong. Pure: the time is given.
//!
//! QQ's servers date messages, the implementation's machine dates heartbeats, and our own clock judges both. Any of the
//! three may be off. An event is stale only when nothing speaks for it: neither our clock, nor the implementation's, nor
//! a run of events that are all off by the same amount.

use std::{collections::VecDeque, time::Duration};

use easel_core::ids::UnixMillis;

/// Messages older than this are not answered: after downtime an implementation delivers what was missed, and nobody
/// waits any more for a picture asked for hours ago. Messages without a time are taken.
const STALE_MS: i64 = 5 * 60 * 1000;
/// Clocks that differ less than this agree: frames travel, and times are whole seconds.
const AGREES_MS: i64 = 60 * 1000;
/// Differences within this are the same one.
const SAME_MS: i64 = 30 * 1000;
/// Messages that are remembered.
const KEPT: usize = 3;
/// Heartbeats that look older than those before must go on doing so this long before they are believed.
const LATER_BELIEVED_MS: u64 = 60 * 1000;

/// What one account's events tell about clocks.
#[derive(Debug, Default)]
pub(crate) struct PeerClock {
    /// By how much heartbeats are ahead of our clock, in ms, as it is believed.
    beats: Option<i64>,
    /// Later heartbeats that are less ahead: when the first of them came, and by how much the freshest is ahead, in ms.
    later: Option<(UnixMillis, i64)>,
    /// When the latest messages came, and by how much they were ahead of our clock, in ms.
    messages: VecDeque<(UnixMillis, i64)>,
    /// By how much all messages are ahead of our clock, once that was proved, in ms.
    proved: Option<i64>,
    /// Whether the owner was told. Once: clocks are mended by people, and a log full of it mends none.
    told: bool,
}

/// By how much events are ahead of our clock, and how that shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skew {
    ahead_ms: i64,
    evidence: &'static str,
}

impl Skew {
    /// Seconds by which events are ahead of our clock; negative when our clock is ahead of them.
    pub(crate) fn seconds(self) -> i64 {
        self.ahead_ms / 1000
    }

    /// What showed it: `heartbeats` or `messages`.
    pub(crate) fn evidence(self) -> &'static str {
        self.evidence
    }
}

impl PeerClock {
    /// Takes note of a heartbeat's time. Returns what the owner must be told, if anything.
    pub(crate) fn beat(&mut self, time: UnixMillis, now: UnixMillis) -> Option<Skew> {
        self.believe(ahead(time, now), now);
        let ahead_ms = self.beats_ahead();
        (ahead_ms.abs() > AGREES_MS).then(|| self.tell(Skew { ahead_ms, evidence: "heartbeats" })).flatten()
    }

    /// Whether a message is too old to be answered, and what the owner must be told, if anything. `proof` is over how
    /// long messages must be off by the same amount to speak for each other.
    pub(crate) fn judge(
        &mut self,
        sent_at: UnixMillis,
        now: UnixMillis,
        proof: Duration,
    ) -> (bool, Option<Skew>) {
        if sent_at.0 == 0 {
            return (false, None);
        }
        let ahead_ms = ahead(sent_at, now);
        push(&mut self.messages, (now, ahead_ms));
        let old = -ahead_ms > STALE_MS;
        let old_there = self.beats_ahead() - ahead_ms > STALE_MS;
        if ahead_ms.abs() <= AGREES_MS {
            self.proved = None;
        } else if self.are_off_by_the_same(proof) {
            self.proved = Some(ahead_ms);
        }
        let as_proved = self.proved.is_some_and(|proved| (ahead_ms - proved).abs() <= SAME_MS);
        // Nothing comes from the future; what looks old may simply be old.
        let tells = ahead_ms > AGREES_MS || (old && as_proved);
        let warning = if tells { self.tell(Skew { ahead_ms, evidence: "messages" }) } else { None };
        (old && old_there && !as_proved, warning)
    }

    /// By how much the implementation's clock is ahead of ours.
    fn beats_ahead(&self) -> i64 {
        self.beats.unwrap_or(0)
    }

    /// A heartbeat that was held up looks older than it is, never younger. So one that is fresher than what is believed
    /// is believed at once. Older ones are when they keep being off by the same amount while time goes by: those that
    /// were held up together (this machine slept, the network was away) all come at once and are off by different
    /// amounts.
    fn believe(&mut self, ahead_ms: i64, now: UnixMillis) {
        if self.beats.is_none_or(|believed| ahead_ms >= believed) {
            self.beats = Some(ahead_ms);
            self.later = None;
            return;
        }
        match &mut self.later {
            Some((since, freshest)) if (ahead_ms - *freshest).abs() <= SAME_MS => {
                *freshest = ahead_ms.max(*freshest);
                if now.since(*since) >= LATER_BELIEVED_MS {
                    self.beats = Some(*freshest);
                    self.later = None;
                }
            }
            later => *later = Some((now, ahead_ms)),
        }
    }

    /// Messages that an implementation delivers late all come at once and are old by different amounts; those of a wrong
    /// clock come as people write them and are all off by the same.
    fn are_off_by_the_same(&self, proof: Duration) -> bool {
        let (Some((first, _)), Some((last, _))) = (self.messages.front(), self.messages.back()) else {
            return false;
        };
        let offs = || self.messages.iter().map(|(_, ahead)| *ahead);
        let (Some(lowest), Some(highest)) = (offs().min(), offs().max()) else { return false };
        self.messages.len() == KEPT
            && highest - lowest <= SAME_MS
            && u128::from(last.since(*first)) >= proof.as_millis()
    }

    fn tell(&mut self, skew: Skew) -> Option<Skew> {
        (!std::mem::replace(&mut self.told, true)).then_some(skew)
    }
}

fn ahead(time: UnixMillis, now: UnixMillis) -> i64 {
    let signed = |time: UnixMillis| i64::try_from(time.0).unwrap_or(i64::MAX);
    signed(time).saturating_sub(signed(now))
}

fn push<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() >= KEPT {
        kept.pop_front();
    }
    kept.push_back(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_789_000_000_000;
    const PROOF: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> UnixMillis {
        UnixMillis(u64::try_from(NOW + seconds * 1000).unwrap())
    }

    /// Messages as (seconds when they come, seconds by which they are ahead of our clock); returns which are stale, and
    /// the skews that are told.
    fn run(clock: &mut PeerClock, messages: &[(i64, i64)]) -> (Vec<bool>, Vec<i64>) {
        let mut told = Vec::new();
        let stale = messages
            .iter()
            .map(|(comes, ahead)| {
                let (stale, warning) = clock.judge(at(comes + ahead), at(*comes), PROOF);
                told.extend(warning.map(Skew::seconds));
                stale
            })
            .collect();
        (stale, told)
    }

    #[track_caller]
    fn check(beats: &[i64], messages: &[(i64, i64)], stale: &[bool], told: &[i64]) {
        let mut clock = PeerClock::default();
        let mut all_told: Vec<i64> =
            beats.iter().filter_map(|ahead| clock.beat(at(*ahead), at(0))).map(Skew::seconds).collect();
        let (judged, then_told) = run(&mut clock, messages);
        all_told.extend(then_told);
        assert_eq!((judged.as_slice(), all_told.as_slice()), (stale, told), "{beats:?} {messages:?}");
    }

    #[test]
    fn with_good_clocks_what_was_missed_is_old() {
        check(&[0, -1], &[(0, -299), (1, -301), (2, -3600), (3, 0)], &[false, true, true, false], &[]);
        // A flood of one minute, delivered at once an hour later.
        check(&[0], &[(0, -3600), (0, -3590), (1, -3580), (2, -3600)], &[true; 4], &[]);
        // Heartbeats that were held up (this machine slept) do not make old messages young.
        check(&[0, 0, -900], &[(0, -900), (1, -890)], &[true, true], &[]);
        // However many they are, and however close together they were sent.
        let long: Vec<i64> = (-900..=-600).step_by(5).collect();
        check(&[&[0][..], &long].concat(), &[(0, -900), (1, -600)], &[true, true], &[]);
        check(&[0, -900, -870, -840, -810], &[(0, -800), (1, -790)], &[true, true], &[]);
    }

    #[test]
    fn the_clock_of_the_implementation_speaks_for_its_events() {
        // This machine is ten minutes ahead, the implementation's is right.
        check(&[-600], &[(0, -600), (1, -605), (2, -4000)], &[false, false, true], &[-600]);
        // It is ten minutes behind: nothing looks old, and the owner is told all the same.
        check(&[600], &[(0, 600), (1, 400)], &[false, false], &[600]);
        // The implementation's clock is wrong, QQ's times and ours are right.
        check(&[600], &[(0, 0), (1, -100)], &[false, false], &[600]);
    }

    #[test]
    fn messages_that_are_all_off_by_the_same_speak_for_each_other() {
        // One machine for both, ten minutes ahead: heartbeats agree, QQ's times do not.
        let messages = [(0, -600), (20, -603), (70, -601), (80, -600), (90, -602)];
        check(&[0], &messages, &[true, true, false, false, false], &[-601]);
        let mended = [(0, -600), (40, -603), (70, -601), (140, -600), (210, 0), (211, -601)];
        check(&[0], &mended, &[true, true, false, false, false, true], &[-601]);
        // In between, what is older still is old.
        let older = [(0, -600), (40, -603), (70, -601), (71, -4000), (72, -600)];
        check(&[0], &older, &[true, true, false, true, false], &[-601]);
        // From the future at once.
        check(&[0], &[(0, 61), (1, 61)], &[false, false], &[61]);
        check(&[0], &[(0, 59)], &[false], &[]);
    }

    #[test]
    fn a_mended_clock_is_believed_again() {
        let mut clock = PeerClock::default();
        assert!(clock.beat(at(-600), at(0)).is_some());
        for beat in 1..=3 {
            assert_eq!(clock.beat(at(beat), at(beat)), None);
        }
        assert!(clock.judge(at(-600), at(3), PROOF).0);
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed_after_a_while() {
        let mut clock = PeerClock::default();
        let told: Vec<_> = [(0, 0), (30, -600), (60, -601), (90, -600), (120, -600)]
            .into_iter()
            .map(|(comes, ahead)| clock.beat(at(comes + ahead), at(comes)).map(Skew::seconds))
            .collect();
        assert_eq!(told, [None, None, None, Some(-600), None]);
        assert!(!clock.judge(at(-470), at(130), PROOF).0);
    }

    #[test]
    fn a_message_without_a_time_is_taken() {
        assert_eq!(PeerClock::default().judge(UnixMillis(0), at(0), PROOF), (false, None));
    }
}
