//! What people were refused lately, so that nobody makes easel say the same over and over: chats restrict accounts that
//! talk too much.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher as _},
};

use super::window::RetryAfter;
use crate::error::{Arg, UserError};

/// People remembered at most; beyond them, whoever may hear their refusal again soonest is forgotten.
const MAX_PEOPLE: usize = 8192;
/// How long a refusal that names no wait is not repeated, in milliseconds: a few pasted commands long.
const HINT_MS: u64 = 30_000;
/// How long a refusal is not repeated at most, in milliseconds. Who comes back hours later has forgotten it.
const LONGEST_MS: u64 = 60 * 60 * 1000;
/// A wait that ends so much later than was told is news, in milliseconds.
const LATER_MS: u64 = 1_000;
/// Requests that are marked for each time that a refusal is said; marks are calls to the platform, too.
const MARKS: u8 = 3;

/// How a refusal is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// By its sentence.
    Sentence,
    /// By a mark on the request.
    Mark {
        /// It says something new, which is lost where no mark can be set.
        news: bool,
    },
    /// Not at all.
    Silence,
}

/// Remembers what was said to whom. The first refusal of a kind is said, and once more what is new about it: other words,
/// or a longer wait. From then on it is a mark, then silence, until its wait is over. Kinds are told apart by their code
/// and by what was asked for: the pause of one command is not that of another.
#[derive(Clone, Debug, Default)]
pub struct Told {
    people: HashMap<Box<str>, Vec<Said>>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    kind: u64,
    words: u64,
    /// When it was said, and until when it is not repeated.
    at_ms: u64,
    until_ms: u64,
    /// The end of the wait that was told; 0 = none was.
    over_ms: u64,
    twice: bool,
    marks: u8,
}

impl Said {
    /// A time in the future (the clock was set back) is forgotten.
    fn lasts(&self, now_ms: u64) -> bool {
        (self.at_ms..self.until_ms).contains(&now_ms)
    }
}

impl Told {
    /// How `refusal` is to be shown to `person` (a chat and a member) at `now_ms`; `wait` = how long they have to wait.
    /// `about` = the command or feature that it is about; nothing when it holds for all of them.
    pub fn tell(
        &mut self,
        person: &str,
        (about, refusal): (&str, &UserError),
        wait: Option<RetryAfter>,
        now_ms: u64,
    ) -> Telling {
        let pause = wait.map_or(HINT_MS, |wait| wait.ms.min(LONGEST_MS));
        let new = Said {
            kind: hash(&(refusal.code, about)),
            words: words(refusal),
            at_ms: now_ms,
            until_ms: now_ms.saturating_add(pause),
            over_ms: wait.map_or(0, |wait| now_ms.saturating_add(wait.ms)),
            twice: false,
            marks: 0,
        };
        if !self.people.contains_key(person) {
            self.make_room(now_ms);
        }
        let said = self.people.entry(person.into()).or_default();
        said.retain(|said| said.lasts(now_ms));
        let Some(old) = said.iter_mut().find(|said| said.kind == new.kind) else {
            said.push(new);
            return Telling::Sentence;
        };
        let is_news = old.words != new.words || new.over_ms > old.over_ms.saturating_add(LATER_MS);
        if is_news && !old.twice {
            let (at_ms, until_ms) = (old.at_ms, old.until_ms.max(new.until_ms));
            *old = Said { at_ms, until_ms, twice: true, ..new };
            return Telling::Sentence;
        }
        if old.marks < MARKS {
            old.marks += 1;
            if is_news {
                (old.words, old.over_ms) = (new.words, new.over_ms);
            }
            return Telling::Mark { news: is_news };
        }
        Telling::Silence
    }

    fn make_room(&mut self, now_ms: u64) {
        if self.people.len() < MAX_PEOPLE {
            return;
        }
        self.people.retain(|_, said| said.iter().any(|said| said.lasts(now_ms)));
        if self.people.len() < MAX_PEOPLE {
            return;
        }
        let ends = |said: &[Said]| said.iter().map(|said| said.until_ms).max();
        let soonest = self.people.iter().min_by_key(|(_, said)| ends(said)).map(|(person, _)| person.clone());
        if let Some(person) = soonest {
            self.people.remove(&person);
        }
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// What a refusal says besides its numbers, which change by themselves.
fn words(refusal: &UserError) -> u64 {
    let mut hasher = DefaultHasher::new();
    refusal.key.hash(&mut hasher);
    for (name, value) in &refusal.args {
        if let Arg::Text(text) = value {
            (name, text).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says which of these refusals, at these milliseconds, are said (`!`), marked (`.`; with news `,`) or passed over
    /// (` `).
    #[track_caller]
    fn check(refusals: &[(u64, UserError, Option<u64>)], expected: &str) {
        let mut told = Told::default();
        let shown: String = refusals
            .iter()
            .map(|(now, refusal, wait)| {
                match told.tell("g\nann", ("", refusal), wait.map(|ms| RetryAfter { ms }), *now) {
                    Telling::Sentence => '!',
                    Telling::Mark { news: false } => '.',
                    Telling::Mark { news: true } => ',',
                    Telling::Silence => ' ',
                }
            })
            .collect();
        assert_eq!(shown, expected);
    }

    fn limit(wait: u64) -> UserError {
        UserError::new("error-limit-user", "E-LIMIT").with("seconds", wait)
    }

    fn unknown(provider: &str) -> UserError {
        UserError::new("error-unknown-provider", "E-PROVIDER").with("provider", provider)
    }

    #[test]
    fn a_refusal_is_said_once_until_its_wait_is_over() {
        let at = |now: u64| (now, limit(60 - now / 1000), Some(60_000 - now));
        check(&[0, 1, 2, 30_000, 59_998, 59_999].map(at), "!...  ");
        check(&[at(0), (60_000, limit(60), Some(60_000))], "!!");
    }

    #[test]
    fn news_is_said_once_more() {
        let hint = UserError::new("error-needs-prompt", "E-NEEDS-PROMPT");
        let day = UserError::new("error-limit-user-day", "E-LIMIT").with("hours", 9);
        check(&[(0, limit(5), Some(5_000)), (1, hint.clone(), None), (2, hint, None)], "!!.");
        check(
            &[(0, limit(5), Some(5_000)), (1, day.clone(), Some(9_000_000)), (2, limit(5), Some(4_998))],
            "!!,",
        );
        // A longer wait is news, a shorter one isn't.
        check(
            &[
                (0, limit(5), Some(5_000)),
                (1, limit(4), Some(4_000)),
                (2, limit(90), Some(90_000)),
                (6_000, limit(84), Some(84_002)),
            ],
            "!.!.",
        );
        check(&[(0, unknown("a"), None), (1, unknown("b"), None), (2, unknown("c"), None)], "!!,");
    }

    #[test]
    fn what_is_about_something_else_is_another_kind() {
        let mut told = Told::default();
        let mut tell = |about, now| told.tell("g\nann", (about, &unknown("a")), None, now);
        assert_eq!((tell("draw", 0), tell("resend", 1)), (Telling::Sentence, Telling::Sentence));
        let again = Telling::Mark { news: false };
        assert_eq!((tell("draw", 2), tell("resend", 3), tell("", 4)), (again, again, Telling::Sentence));
    }

    #[test]
    fn nothing_is_kept_back_longer_than_an_hour_or_by_a_clock_that_went_back() {
        let day = |now| (now, limit(1), Some(86_400_000 - now));
        check(&[day(0), day(LONGEST_MS - 1), day(LONGEST_MS), day(LONGEST_MS + 1)], "!.!.");
        let hint = |now| (now, unknown("a"), None);
        check(&[hint(90_000), hint(90_000 + HINT_MS), hint(5)], "!!!");
    }

    #[test]
    fn memory_is_bounded_and_whoever_is_new_is_heard() {
        let mut told = Told::default();
        for person in 0..MAX_PEOPLE * 2 {
            let now = person as u64;
            assert_eq!(told.tell(&person.to_string(), ("", &unknown("a")), None, now), Telling::Sentence);
        }
        assert_eq!(told.people.len(), MAX_PEOPLE);
        let last = (MAX_PEOPLE * 2 - 1).to_string();
        let a = unknown("a");
        let again = Telling::Mark { news: false };
        assert_eq!(told.tell(&last, ("", &a), None, MAX_PEOPLE as u64 * 2), again);
        assert_eq!(told.tell("later", ("", &a), None, u64::MAX / 2), Telling::Sentence);
        assert_eq!(told.people.len(), 1);
    }
}
