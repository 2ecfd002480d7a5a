//! Which of the providers that are left is asked next: the first in the owner's order that there is no doubt about.
//!
//! A doubt only puts a provider behind the others; nobody is dropped, and who is alone is asked. Old failures weigh less
//! and less, so whoever was put behind comes back to its place by itself and is tried there again.

use std::time::Duration;

/// Judged attempts that count, the latest ones.
const MOST: usize = 20;
/// With fewer of them nothing is said.
const LEAST: usize = 10;
/// After this long an attempt weighs half as much.
const HALF_LIFE: Duration = Duration::from_mins(10);
/// With less weight in all, what is known is too old.
const LEAST_WEIGHT: f64 = 5.0;
/// Where less than this part worked, others are asked first.
const POOR: f64 = 0.2;
/// Successes that it takes to know how long one usually takes.
const LEAST_SUCCESSES: usize = 5;

/// What is known of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vital {
    /// The part that worked lately; `None` = too little is known.
    pub(super) worked: Option<f64>,
    /// How long a success usually takes; `None` = too little is known, or the job's deadline does not bound it.
    pub(super) usual: Option<Duration>,
}

/// Why others are asked before a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Little of what it was asked lately worked.
    Failing {
        /// In percent.
        worked: u8,
    },
    /// It usually takes longer than there is time.
    Slow {
        /// So long.
        usual: Duration,
    },
    /// One would have to wait for one's turn there, perhaps until there is no time left for anybody.
    Busy,
}

/// The part that worked of judged attempts, by their age and whether they worked, the latest first.
pub(super) fn worked(attempts: impl Iterator<Item = (Duration, bool)>) -> Option<f64> {
    let (mut count, mut good, mut all) = (0, 0.0, 0.0);
    for (age, worked) in attempts.take(MOST) {
        let weight = (-age.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2();
        count += 1;
        all += weight;
        good += if worked { weight } else { 0.0 };
    }
    (count >= LEAST && all >= LEAST_WEIGHT).then(|| good / all)
}

/// How long a success usually takes, by those that are known, the shortest first.
pub(super) fn usual(took: &[Duration]) -> Option<Duration> {
    took.get(took.len().saturating_sub(1) / 2).copied().filter(|_| took.len() >= LEAST_SUCCESSES)
}

/// Whether others should be asked before this one, when so much time is left.
pub(super) fn doubt(known: Vital, left: Duration) -> Option<Doubt> {
    if let Some(part) = known.worked.filter(|part| *part < POOR) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part between 0 and POOR"
        )]
        return Some(Doubt::Failing { worked: (part * 100.0) as u8 });
    }
    known.usual.filter(|usual| *usual > left).map(|usual| Doubt::Slow { usual })
}

/// The place of whoever is asked next: the first without a doubt, else the first. 0 for an empty list. `free` = who costs
/// nothing: nobody pays only because a free one is busy, that one is waited for.
pub(super) fn next(doubts: &[Option<Doubt>], free: &[bool]) -> usize {
    let is_free = |place: usize| free.get(place).copied().unwrap_or(false);
    let next = doubts.iter().position(Option::is_none).unwrap_or(0);
    let busy_and_free = |(place, doubt): (usize, &Option<Doubt>)| {
        (*doubt == Some(Doubt::Busy) && is_free(place)).then_some(place)
    };
    match doubts.iter().enumerate().take(next).find_map(busy_and_free) {
        Some(waited_for) if !is_free(next) => {
            let idle_and_free = |(place, doubt): (usize, &Option<Doubt>)| {
                (doubt.is_none() && is_free(place)).then_some(place)
            };
            doubts.iter().enumerate().find_map(idle_and_free).unwrap_or(waited_for)
        }
        _ => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn what_worked_lately_counts_and_old_failures_are_forgotten() {
        #[track_caller]
        fn check(attempts: &[(u32, bool, usize)], expected: Option<Doubt>) {
            let each = |(minutes, worked, times): &(u32, bool, usize)| {
                std::iter::repeat_n((MINUTE * *minutes, *worked), *times)
            };
            let worked = worked(attempts.iter().flat_map(each));
            assert_eq!(doubt(Vital { worked, usual: None }, MINUTE), expected, "{attempts:?}: {worked:?}");
        }
        let failing = |worked| Some(Doubt::Failing { worked });
        check(&[], None);
        check(&[(0, false, 9)], None);
        check(&[(0, false, 10)], failing(0));
        check(&[(0, true, 1), (0, false, 9)], failing(10));
        check(&[(0, true, 2), (0, false, 8)], None);
        check(&[(0, true, 10)], None);
        // A success of now weighs as much as four failures of twenty minutes ago.
        check(&[(0, true, 1), (20, false, 19)], failing(17));
        check(&[(0, true, 2), (20, false, 18)], None);
        // Ten failures are forgotten after ten minutes, twenty after twenty; more are not counted.
        check(&[(9, false, 10)], failing(0));
        check(&[(11, false, 10)], None);
        check(&[(19, false, 20)], failing(0));
        check(&[(21, false, 50)], None);
    }

    #[test]
    fn who_takes_longer_than_there_is_time_goes_behind_who_does_not() {
        #[track_caller]
        fn check(usual: Option<u64>, left: u64, expected: bool) {
            let known = Vital { worked: Some(1.0), usual: usual.map(Duration::from_secs) };
            let slow = doubt(known, Duration::from_secs(left));
            assert_eq!(slow.is_some(), expected, "{usual:?} of {left}: {slow:?}");
        }
        check(None, 0, false);
        check(Some(60), 900, false);
        check(Some(60), 60, false);
        check(Some(60), 59, true);
        let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
        assert_eq!(usual(&seconds(&[1, 2, 3, 4])), None);
        assert_eq!(usual(&seconds(&[1, 2, 3, 4, 90])), Some(Duration::from_secs(3)));
        assert_eq!(usual(&[]), None);
    }

    #[test]
    fn the_first_without_a_doubt_is_asked_and_nobody_is_dropped() {
        let failing = Some(Doubt::Failing { worked: 0 });
        for (doubts, expected) in [
            (&[][..], 0),
            (&[None, None], 0),
            (&[failing, None, None], 1),
            (&[None, failing], 0),
            (&[failing, failing], 0),
            (&[failing], 0),
        ] {
            assert_eq!(next(doubts, &[]), expected, "{doubts:?}");
        }
    }

    #[test]
    fn nobody_pays_because_a_free_engine_is_busy() {
        let (busy, failing) = (Some(Doubt::Busy), Some(Doubt::Failing { worked: 0 }));
        for (doubts, free, expected) in [
            (&[busy, None][..], &[true, false][..], 0),
            (&[busy, None], &[true, true], 1),
            (&[busy, None], &[false, false], 1),
            (&[busy, None, None], &[true, false, true], 2),
            (&[failing, busy, None], &[true, true, false], 1),
            (&[failing, None], &[true, false], 1),
            (&[busy, failing], &[true, false], 0),
        ] {
            assert_eq!(next(doubts, free), expected, "{doubts:?} {free:?}");
        }
    }
}
