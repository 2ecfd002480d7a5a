//! How a provider did lately: attempts in a sliding window, bounded in number and in time.
//!
//! It is shown to people, and who does badly is put behind the others of its chain (`precedence`). Whether a provider is
//! asked at all is the circuit's decision alone, so that one slow afternoon can't take it out of the chain.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    Circuit,
    precedence::{self, Doubt, Vital},
};
use crate::error::ErrorClass;

/// Attempts remembered at most.
const MAX_ATTEMPTS: usize = 50;
/// How long an attempt counts.
const WINDOW: Duration = Duration::from_hours(1);

/// One ended attempt.
#[derive(Clone, Copy, Debug)]
struct Note {
    at: Instant,
    took: Duration,
    failed: Option<ErrorClass>,
}

/// The window of one provider.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// By age, the oldest first.
    notes: VecDeque<Note>,
    /// The last failure, also when it is older than the window.
    last_failure: Option<(Instant, ErrorClass)>,
}

/// Whether a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Asked,
    /// After the others of its chain, because little of what it was asked lately worked: so many percent.
    Behind(u8),
    /// Not for this long, because it failed repeatedly.
    Resting(Duration),
    /// Its rest is over: the next job asks it, and its answer decides.
    OnTrial,
}

/// How a provider did lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// Ended attempts of the last hour, the last fifty at most.
    pub attempts: usize,
    /// Those of them that speak about the provider: refusals of a request's content or form don't.
    pub judged: usize,
    /// Those of them that brought a result.
    pub successes: usize,
    /// How long half of the successes took at most.
    pub median: Option<Duration>,
    /// How long the slowest success took.
    pub slowest: Option<Duration>,
    /// The last failure of any kind, and how long ago it was.
    pub last_failure: Option<(ErrorClass, Duration)>,
    /// Whether it is asked.
    pub standing: Standing,
}

impl Health {
    /// Remembers an attempt that ended now.
    pub(super) fn note(&mut self, now: Instant, took: Duration, failed: Option<ErrorClass>) {
        if let Some(class) = failed {
            self.last_failure = Some((now, class));
        }
        self.forget(now);
        if self.notes.len() == MAX_ATTEMPTS {
            self.notes.pop_front();
        }
        self.notes.push_back(Note { at: now, took, failed });
    }

    fn forget(&mut self, now: Instant) {
        while self.notes.front().is_some_and(|note| now.duration_since(note.at) > WINDOW) {
            self.notes.pop_front();
        }
    }

    /// What speaks for and against asking it before others; `bounded` = the job's deadline bounds its calls.
    pub(super) fn vital(&self, bounded: bool, now: Instant) -> Vital {
        let judged = self.lately(now).rev().filter(|note| note.failed.is_none_or(is_about_provider));
        let worked =
            precedence::worked(judged.map(|note| (now.duration_since(note.at), note.failed.is_none())));
        Vital { worked, usual: bounded.then(|| precedence::usual(&self.took(now))).flatten() }
    }

    /// What is in the window; who is not asked any more has notes that nobody forgot.
    fn lately(&self, now: Instant) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.iter().filter(move |note| now.duration_since(note.at) <= WINDOW)
    }

    /// How long the successes took, the shortest first.
    fn took(&self, now: Instant) -> Vec<Duration> {
        let mut took: Vec<_> =
            self.lately(now).filter(|note| note.failed.is_none()).map(|note| note.took).collect();
        took.sort_unstable();
        took
    }

    /// What there is to say.
    pub(super) fn report(&mut self, circuit: &Circuit, now: Instant) -> HealthReport {
        self.forget(now);
        let took = self.took(now);
        let judged = self.notes.iter().filter(|note| note.failed.is_none_or(is_about_provider)).count();
        HealthReport {
            attempts: self.notes.len(),
            judged,
            successes: took.len(),
            median: took.get(took.len().saturating_sub(1) / 2).copied(),
            slowest: took.last().copied(),
            last_failure: self.last_failure.map(|(at, class)| (class, now.duration_since(at))),
            standing: match circuit.open_until() {
                None => match precedence::doubt(self.vital(false, now), Duration::MAX) {
                    Some(Doubt::Failing { worked }) => Standing::Behind(worked),
                    _ => Standing::Asked,
                },
                Some(until) if until > now => Standing::Resting(until - now),
                Some(_) => Standing::OnTrial,
            },
        }
    }
}

/// Whether a failure speaks about the provider rather than about what was asked of it.
fn is_about_provider(class: ErrorClass) -> bool {
    !matches!(
        class,
        ErrorClass::ModerationInput
            | ErrorClass::ModerationOutput
            | ErrorClass::BadRequest
            | ErrorClass::TooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn report(health: &mut Health, now: Instant) -> HealthReport {
        health.report(&Circuit::default(), now)
    }

    #[test]
    fn the_window_is_bounded_in_number_and_in_time() {
        let (mut health, start) = (Health::default(), Instant::now());
        for n in 0..120_u32 {
            health.note(start + SECOND * n, SECOND, None);
        }
        let now = start + SECOND * 120;
        assert_eq!((health.notes.len(), report(&mut health, now).attempts), (MAX_ATTEMPTS, MAX_ATTEMPTS));
        // The oldest that is kept ended at second 70.
        assert_eq!(report(&mut health, start + WINDOW + SECOND * 70).attempts, MAX_ATTEMPTS);
        assert_eq!(report(&mut health, start + WINDOW + SECOND * 71).attempts, MAX_ATTEMPTS - 1);
        assert_eq!(report(&mut health, start + WINDOW * 2).attempts, 0);
    }

    #[test]
    fn what_people_ask_for_does_not_speak_against_a_provider() {
        let (mut health, now) = (Health::default(), Instant::now());
        for (seconds, failed) in [
            (9, None),
            (1, Some(ErrorClass::ModerationInput)),
            (3, None),
            (1, Some(ErrorClass::BadRequest)),
            (4, None),
            (60, Some(ErrorClass::Overload)),
        ] {
            health.note(now, SECOND * seconds, failed);
        }
        let told = report(&mut health, now + SECOND * 5);
        assert_eq!((told.attempts, told.judged, told.successes), (6, 4, 3));
        assert_eq!((told.median, told.slowest), (Some(SECOND * 4), Some(SECOND * 9)));
        assert_eq!(told.last_failure, Some((ErrorClass::Overload, SECOND * 5)));
        assert_eq!(told.standing, Standing::Asked);
    }

    #[test]
    fn who_fails_often_stands_behind_until_that_is_long_ago() {
        let (mut health, now) = (Health::default(), Instant::now());
        for n in 0..12 {
            // What people asked for is not counted.
            let class = if n % 6 == 0 { ErrorClass::ModerationInput } else { ErrorClass::Overload };
            health.note(now, SECOND, Some(class));
        }
        assert_eq!(report(&mut health, now).standing, Standing::Behind(0));
        assert_eq!(report(&mut health, now + SECOND * 660).standing, Standing::Asked);
        health.note(now, SECOND, None);
        assert_eq!(report(&mut health, now).standing, Standing::Behind(9));
        // Only calls that the deadline bounds are known by how long they take.
        for _ in 0..4 {
            health.note(now, SECOND * 9, None);
        }
        assert_eq!(health.vital(true, now).usual, Some(SECOND * 9));
        assert_eq!(health.vital(false, now).usual, None);
        assert_eq!(report(&mut health, now).standing, Standing::Asked);
    }

    /// Who stands behind for being slow is not asked, so nothing but time can bring it back.
    #[test]
    fn who_is_not_asked_is_taken_for_slow_no_longer_than_the_window() {
        let (mut health, start) = (Health::default(), Instant::now());
        for n in 0..5 {
            health.note(start + SECOND * n, SECOND * 900, None);
        }
        let slow = |now| precedence::doubt(health.vital(true, now), SECOND * 60).is_some();
        assert!(slow(start + SECOND * 5));
        assert!(slow(start + WINDOW));
        assert!(!slow(start + WINDOW + SECOND));
    }

    #[test]
    fn the_last_failure_outlives_the_window_and_the_circuit_is_told() {
        let (mut health, mut circuit, now) = (Health::default(), Circuit::default(), Instant::now());
        health.note(now, SECOND, Some(ErrorClass::Unanswered));
        circuit.suspend(now);
        let Standing::Resting(rest) = health.report(&circuit, now).standing else { panic!("it rests") };
        let later = now + WINDOW * 2;
        let told = health.report(&circuit, later);
        assert_eq!((told.attempts, told.median, told.standing), (0, None, Standing::OnTrial));
        assert_eq!(told.last_failure, Some((ErrorClass::Unanswered, WINDOW * 2)));
        assert!(rest > Duration::ZERO);
    }
}
