//! In which groups nothing that an account says would be seen. Plain data: what was told, refused or found out, and until
//! when it holds. Nothing of it outlives the run; [`Standing::question`] says when to ask anew.

use std::{collections::HashMap, sync::Arc, time::Duration};

use easel_core::ids::UnixMillis;
use tokio::sync::OnceCell;

/// How long a group counts as muted after a send was refused for that reason and nothing tells until when.
const MUTED_AFTER_REFUSAL_SECONDS: i64 = 10 * 60;
/// Groups per account that are remembered as muting it, as left, and as asked about.
const MAX_GROUPS: usize = 4096;
/// An answer of the platform holds this long: what changes meanwhile is told by notices, unless one gets lost.
const ANSWER_LIFE_MS: u64 = 10 * 60 * 1000;

/// How it is known that an account is in a group no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// A notice said so.
    Told,
    /// A send was refused with a code that may mean something else, too (Lagrange passes on QQ's own), or the list of
    /// the account's groups lacks it.
    Presumed,
}

/// What is known of an account's groups.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Groups that muted it.
    muted: HashMap<i64, Mute>,
    /// Groups that it was in and is in no more, and how that is known.
    left: HashMap<i64, Left>,
    /// Groups that the platform was asked about, and since when.
    asked: HashMap<i64, (UnixMillis, Question)>,
}

/// A mute.
#[derive(Clone, Copy, Debug)]
struct Mute {
    /// When it is over, or is taken to be.
    until: UnixMillis,
    /// Whether somebody told that.
    is_told: bool,
    /// The notice that lifted it may have been missed.
    is_doubted: bool,
}

/// One question about one group: whoever asks second waits for the answer to the first.
pub(crate) type Question = Arc<OnceCell<()>>;

impl Standing {
    /// Whether the group muted it.
    pub(crate) fn is_muted(&self, group: i64, now: UnixMillis) -> bool {
        self.muted.get(&group).is_some_and(|mute| mute.until > now)
    }

    /// How much longer the group mutes it, where that was told; `None` also where it is no member any more.
    pub(crate) fn muted_for(&self, group: i64, now: UnixMillis) -> Option<Duration> {
        let mute = self.muted.get(&group).filter(|mute| mute.is_told && !self.left.contains_key(&group))?;
        Some(Duration::from_millis(mute.until.since(now))).filter(|rest| !rest.is_zero())
    }

    /// Whether it may have been lifted unheard.
    pub(crate) fn is_doubted(&self, group: i64) -> bool {
        self.muted.get(&group).is_some_and(|mute| mute.is_doubted)
    }

    /// The platform told that the group does not mute it now. A mute that is not doubted is that of the whole group, which
    /// no member's record tells.
    pub(crate) fn not_muted(&mut self, group: i64) {
        if self.is_doubted(group) {
            self.muted.remove(&group);
        }
    }

    /// A group muted it for so many seconds; 0 lifts it.
    pub(crate) fn mute(&mut self, group: i64, seconds: i64, now: UnixMillis) {
        self.muted.retain(|_, mute| mute.until > now);
        if seconds == 0 {
            self.muted.remove(&group);
        } else if self.muted.len() < MAX_GROUPS {
            // Negative means until it is lifted; a day at most, in case the notice of that gets lost.
            let is_told = seconds > 0;
            let seconds = u64::try_from(seconds).unwrap_or(24 * 60 * 60).min(30 * 24 * 60 * 60);
            let until = UnixMillis(now.0 + seconds * 1000);
            self.muted.insert(group, Mute { until, is_told, is_doubted: false });
        }
    }

    /// A send to a group was refused because the account is muted there.
    pub(crate) fn refused_as_muted(&mut self, group: i64, now: UnixMillis) {
        if !self.is_muted(group, now) {
            self.mute(group, MUTED_AFTER_REFUSAL_SECONDS, now);
            if let Some(mute) = self.muted.get_mut(&group) {
                mute.is_told = false;
            }
        }
    }

    /// It came into a group; whatever was known of it is over.
    pub(crate) fn joined(&mut self, group: i64) {
        self.left.remove(&group);
    }

    /// It is in a group no more.
    pub(crate) fn left(&mut self, group: i64, how: Left) {
        if self.left.len() < MAX_GROUPS {
            self.left.insert(group, how);
        }
    }

    /// Whether it is known to be in the group no more.
    pub(crate) fn has_left(&self, group: i64) -> Option<Left> {
        self.left.get(&group).copied()
    }

    /// Whether nothing that it says in the group would be seen there: it is muted, or no member any more.
    pub(crate) fn is_shut_out(&self, group: i64, now: UnixMillis) -> bool {
        self.left.contains_key(&group) || self.is_muted(group, now)
    }

    /// The question whether it may speak in a group: one that was asked lately, or a new one.
    pub(crate) fn question(&mut self, group: i64, now: UnixMillis) -> Question {
        self.asked.retain(|_, (since, _)| now.since(*since) <= ANSWER_LIFE_MS);
        if self.asked.len() >= MAX_GROUPS && !self.asked.contains_key(&group) {
            return Question::default();
        }
        let (_, question) = self.asked.entry(group).or_insert_with(|| (now, Question::default()));
        Arc::clone(question)
    }

    /// Notices may have been missed: what is asked now is asked anew, and mutes may be over.
    pub(crate) fn doubt(&mut self) {
        self.asked.clear();
        self.muted.values_mut().for_each(|mute| mute.is_doubted = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn later(seconds: u64) -> UnixMillis {
        UnixMillis(NOW.0 + seconds * 1000)
    }

    #[test]
    fn mutes_end_by_themselves_and_are_lifted() {
        #[track_caller]
        fn check(seconds: i64, lasts: u64) {
            let mut standing = Standing::default();
            standing.mute(7, seconds, NOW);
            assert_eq!(standing.is_muted(7, later(lasts - 1)), lasts > 1, "{seconds}");
            assert!(!standing.is_muted(7, later(lasts)) && !standing.is_muted(8, NOW), "{seconds}");
        }
        check(0, 1);
        check(600, 600);
        check(-1, 24 * 60 * 60);
        check(i64::MAX, 30 * 24 * 60 * 60);
        let mut standing = Standing::default();
        standing.mute(7, 3600, NOW);
        standing.refused_as_muted(7, NOW);
        assert!(standing.is_muted(7, later(3599)), "what is known better stays");
        standing.mute(7, 0, NOW);
        assert!(!standing.is_shut_out(7, NOW));
        standing.refused_as_muted(7, NOW);
        assert!(standing.is_shut_out(7, later(599)) && !standing.is_shut_out(7, later(600)));
    }

    #[test]
    fn a_group_is_asked_about_once_for_a_while() {
        let mut standing = Standing::default();
        let first = standing.question(7, NOW);
        assert!(Arc::ptr_eq(&first, &standing.question(7, later(600))));
        assert!(!Arc::ptr_eq(&first, &standing.question(8, NOW)), "another group");
        assert!(!Arc::ptr_eq(&first, &standing.question(7, later(601))), "long ago");
        let again = standing.question(7, NOW);
        standing.doubt();
        assert!(!Arc::ptr_eq(&again, &standing.question(7, NOW)), "notices may have been missed");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut standing = Standing::default();
        for group in 0..10_000 {
            standing.mute(group, 600, NOW);
            standing.left(group, Left::Told);
            drop(standing.question(group, NOW));
        }
        assert_eq!(
            (standing.muted.len(), standing.left.len(), standing.asked.len()),
            (MAX_GROUPS, MAX_GROUPS, MAX_GROUPS)
        );
    }
}
