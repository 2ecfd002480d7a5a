//! Which jobs stay in the journal.

use std::collections::HashSet;

use easel_core::ids::{JobId, UnixMillis};

/// The rule: unfinished jobs stay for ever; finished ones while they have artifacts or are younger than `keep_ms`, at
/// most `max` of them, the newest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) keep_ms: u64,
    pub(crate) max: usize,
}

/// What the rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) id: JobId,
    pub(crate) finished: bool,
    pub(crate) has_artifacts: bool,
    pub(crate) changed_at: UnixMillis,
}

impl Retention {
    pub(crate) fn select(&self, marks: impl IntoIterator<Item = Mark>, now: UnixMillis) -> HashSet<JobId> {
        let (mut finished, unfinished): (Vec<Mark>, Vec<Mark>) =
            marks.into_iter().partition(|mark| mark.finished);
        finished.retain(|mark| mark.has_artifacts || now.since(mark.changed_at) < self.keep_ms);
        finished.sort_unstable_by_key(|mark| std::cmp::Reverse((mark.changed_at, mark.id)));
        finished.truncate(self.max);
        unfinished.into_iter().chain(finished).map(|mark| mark.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_stay_finished_go_by_age_and_number() {
        #[track_caller]
        fn check(max: usize, all: &[Mark], expected: &[Mark]) {
            let kept = Retention { keep_ms: 100, max }.select(all.iter().copied(), UnixMillis(1000));
            assert_eq!(kept, expected.iter().map(|mark| mark.id).collect());
        }
        let mark = |finished, has_artifacts, at| Mark {
            id: JobId::generate(),
            finished,
            has_artifacts,
            changed_at: UnixMillis(at),
        };
        let old_open = mark(false, false, 0);
        let old_done = mark(true, false, 0);
        let old_done_with_picture = mark(true, true, 0);
        let fresh_done = mark(true, false, 950);
        let fresher_done = mark(true, false, 990);
        let all = [old_open, old_done, old_done_with_picture, fresh_done, fresher_done];
        check(10, &all, &[old_open, old_done_with_picture, fresh_done, fresher_done]);
        check(1, &all, &[old_open, fresher_done]);
        check(0, &all, &[old_open]);
    }
}
