//! The limits of `[access]`: per group and per person, within the configured period and within a day; and how often
//! providers may refuse a person's wishes before that person has to wait.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    config::AccessSection,
    window::{RetryAfter, SlidingWindow, Ticket, WindowState},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// All limits together: a job takes one of each that applies, or none.
#[derive(Clone, Debug)]
pub struct Limits {
    group: SlidingWindow,
    user: SlidingWindow,
    group_day: SlidingWindow,
    user_day: SlidingWindow,
    /// Refusals by the content checks of providers, by person. Jobs take nothing of it.
    refused: SlidingWindow,
}

/// What an accepted job took of the limits that are on; kept with the job in the ledger, and given back when it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "keep the tickets with the job"]
pub struct Tickets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Ticket>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Ticket>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_day: Option<Ticket>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_day: Option<Ticket>,
}

/// Which limit is reached, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Whose.
    pub scope: Scope,
    /// Over which span.
    pub span: Span,
    /// The limit.
    pub max: u32,
    /// The length of that span.
    pub period: Duration,
    /// How long to wait.
    pub retry_after: RetryAfter,
}

/// Whose limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The group's.
    Group,
    /// The person's.
    User,
}

/// Over which span a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// `rate_limit_period_seconds`.
    Period,
    /// 24 hours.
    Day,
    /// `moderation_period_seconds`: refusals by content checks, not jobs.
    Refusals,
}

/// What must be stored so that limits survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsState {
    group: WindowState,
    user: WindowState,
    group_day: WindowState,
    user_day: WindowState,
    refused: WindowState,
}

impl Tickets {
    /// Whether nothing was taken, because no limit is on.
    pub fn is_empty(&self) -> bool {
        self.group.is_none() && self.user.is_none() && self.group_day.is_none() && self.user_day.is_none()
    }
}

impl Limited {
    /// Key of the sentence in `locales/`. All take `max`, `period` (how long the span is), `wait` and `code`.
    pub fn text(self) -> &'static str {
        match (self.scope, self.span) {
            (Scope::Group, Span::Period) => "error-limit-group",
            (Scope::User, Span::Period) => "error-limit-user",
            (Scope::Group, Span::Day) => "error-limit-group-day",
            (Scope::User, Span::Day) => "error-limit-user-day",
            (_, Span::Refusals) => "error-limit-moderation",
        }
    }
}

impl Limits {
    /// The limits of a configuration, continuing from a stored state.
    pub fn new(section: &AccessSection, state: LimitsState, now_ms: u64) -> Self {
        let period = section.rate_limit_period_seconds.saturating_mul(1000);
        let (group, user) = (section.rate_limit_max_calls_per_group, section.rate_limit_max_calls_per_user);
        let (group_day, user_day) = (section.daily_quota_per_group, section.daily_quota_per_user);
        Self {
            group: SlidingWindow::restore(group, period, state.group, now_ms),
            user: SlidingWindow::restore(user, period, state.user, now_ms),
            group_day: SlidingWindow::restore(group_day, DAY_MS, state.group_day, now_ms),
            user_day: SlidingWindow::restore(user_day, DAY_MS, state.user_day, now_ms),
            refused: SlidingWindow::restore(
                section.moderation_max_refusals_per_user,
                section.moderation_period_seconds.saturating_mul(1000),
                state.refused,
                now_ms,
            ),
        }
    }

    /// Takes over changed limits and keeps what was taken.
    pub fn reconfigure(&mut self, section: &AccessSection) {
        let period = section.rate_limit_period_seconds.saturating_mul(1000);
        self.group.reconfigure(section.rate_limit_max_calls_per_group, period);
        self.user.reconfigure(section.rate_limit_max_calls_per_user, period);
        self.group_day.reconfigure(section.daily_quota_per_group, DAY_MS);
        self.user_day.reconfigure(section.daily_quota_per_user, DAY_MS);
        let refusals = section.moderation_period_seconds.saturating_mul(1000);
        self.refused.reconfigure(section.moderation_max_refusals_per_user, refusals);
    }

    /// Takes one of every limit that applies. `group` is `None` in direct chats, where only the person's limits hold.
    /// Keys are `platform:id`.
    ///
    /// # Errors
    /// [`Limited`] names the limit with the longest wait; nothing was taken then.
    pub fn try_take(&mut self, group: Option<&str>, user: &str, now_ms: u64) -> Result<Tickets, Limited> {
        let mut worst: Option<Limited> = None;
        let groups = [(&mut self.group, Span::Period), (&mut self.group_day, Span::Day)];
        let groups = groups.map(|(window, span)| (window, Scope::Group, span, group));
        let users = [(&mut self.user, Span::Period), (&mut self.user_day, Span::Day)];
        let users = users.map(|(window, span)| (window, Scope::User, span, Some(user)));
        // Whoever was never refused waits for nobody, however many were.
        let refused_user = self.refused.knows(user).then_some(user);
        let refused = [(&mut self.refused, Scope::User, Span::Refusals, refused_user)];
        for (window, scope, span, key) in groups.into_iter().chain(users).chain(refused) {
            let Some(Err(retry_after)) = key.map(|key| window.check(key, now_ms)) else { continue };
            if worst.is_none_or(|limited| limited.retry_after.ms < retry_after.ms) {
                let (max, period) = (window.max(), window.period());
                worst = Some(Limited { scope, span, max, period, retry_after });
            }
        }
        if let Some(limited) = worst {
            return Err(limited);
        }
        let take = |window: &mut SlidingWindow, key: &str| {
            if window.is_off() { None } else { window.try_take(key, now_ms).ok() }
        };
        Ok(Tickets {
            group: group.and_then(|group| take(&mut self.group, group)),
            user: take(&mut self.user, user),
            group_day: group.and_then(|group| take(&mut self.group_day, group)),
            user_day: take(&mut self.user_day, user),
        })
    }

    /// The content check of a provider refused so many wishes of a person (`platform:id`). Beyond the configured number
    /// [`Self::try_take`] lets nothing of theirs pass until the oldest refusal has left the window.
    pub fn refused(&mut self, user: &str, count: u32, now_ms: u64) {
        for _ in 0..count {
            self.refused.note(user, now_ms);
        }
    }

    /// Sets right what the stored state does not know, because it is stored some seconds late: `jobs` are the jobs of the
    /// ledger with what they took and whether that still counts.
    pub fn reconcile<'a>(&mut self, jobs: impl IntoIterator<Item = (&'a Tickets, bool)>, now_ms: u64) {
        // Two jobs may have taken the same in the same millisecond.
        let mut counts: BTreeMap<(usize, &str, u64), (&Ticket, usize)> = BTreeMap::new();
        for (tickets, counts_still) in jobs {
            let taken = [&tickets.group, &tickets.user, &tickets.group_day, &tickets.user_day];
            for (index, ticket) in taken.into_iter().enumerate() {
                let Some(ticket) = ticket else { continue };
                let (key, at_ms) = ticket.parts();
                let (_, count) = counts.entry((index, key, at_ms)).or_insert((ticket, 0));
                *count += usize::from(counts_still);
            }
        }
        let mut windows = [&mut self.group, &mut self.user, &mut self.group_day, &mut self.user_day];
        for ((index, _, _), (ticket, count)) in counts {
            if let Some(window) = windows.get_mut(index) {
                window.set(ticket, count);
            }
        }
        self.sweep(now_ms);
    }

    /// Gives back what a failed job took.
    pub fn refund(&mut self, tickets: Tickets) {
        for (window, ticket) in [
            (&mut self.group, tickets.group),
            (&mut self.user, tickets.user),
            (&mut self.group_day, tickets.group_day),
            (&mut self.user_day, tickets.user_day),
        ] {
            if let Some(ticket) = ticket {
                window.refund(ticket);
            }
        }
    }

    /// Forgets what has left its window.
    pub fn sweep(&mut self, now_ms: u64) {
        for window in
            [&mut self.group, &mut self.user, &mut self.group_day, &mut self.user_day, &mut self.refused]
        {
            window.sweep(now_ms);
        }
    }

    /// What must be stored.
    pub fn state(&self) -> LimitsState {
        LimitsState {
            group: self.group.state(),
            user: self.user.state(),
            group_day: self.group_day.state(),
            user_day: self.user_day.state(),
            refused: self.refused.state(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(group: u32, user: u32, user_day: u32) -> AccessSection {
        AccessSection {
            rate_limit_max_calls_per_group: group,
            rate_limit_max_calls_per_user: user,
            daily_quota_per_user: user_day,
            ..AccessSection::default()
        }
    }

    #[test]
    fn nothing_is_taken_when_one_refuses() {
        let mut limits = Limits::new(&section(5, 1, 0), LimitsState::default(), 0);
        let _kept = limits.try_take(Some("q:1"), "q:a", 0).unwrap();
        for now in 1..20 {
            let limited = limits.try_take(Some("q:1"), "q:a", now).unwrap_err();
            assert_eq!((limited.scope, limited.span, limited.max), (Scope::User, Span::Period, 1));
            assert_eq!(limited.text(), "error-limit-user");
        }
        for user in ["q:b", "q:c", "q:d", "q:e"] {
            assert!(limits.try_take(Some("q:1"), user, 20).is_ok());
        }
        assert_eq!(limits.try_take(Some("q:1"), "q:f", 21).unwrap_err().scope, Scope::Group);
        assert!(limits.try_take(None, "q:f", 21).is_ok());
    }

    #[test]
    fn refunds_everything() {
        let mut limits = Limits::new(&section(1, 1, 1), LimitsState::default(), 0);
        let tickets = limits.try_take(Some("q:1"), "q:a", 0).unwrap();
        limits.refund(tickets);
        assert_eq!(limits.state(), LimitsState::default());
    }

    #[test]
    fn the_day_outlasts_the_period_and_a_restart() {
        let section = section(0, 1, 1);
        let mut limits = Limits::new(&section, LimitsState::default(), 0);
        let _kept = limits.try_take(None, "q:a", 0).unwrap();
        let mut limits = Limits::new(&section, limits.state(), 1000);
        let limited = limits.try_take(None, "q:a", 61_000).unwrap_err();
        assert_eq!((limited.span, limited.retry_after.seconds()), (Span::Day, 24 * 3600 - 61));
        assert!(limits.try_take(None, "q:a", DAY_MS).is_ok());
    }

    #[test]
    fn limits_that_are_off_leave_no_trace() {
        let mut limits = Limits::new(&section(0, 0, 0), LimitsState::default(), 0);
        assert!(limits.try_take(Some("q:1"), "q:a", 0).unwrap().is_empty());
        assert_eq!(limits.state(), LimitsState::default());
    }

    #[test]
    fn whoever_is_refused_too_often_waits_and_nobody_else() {
        let section = AccessSection {
            moderation_max_refusals_per_user: 3,
            moderation_period_seconds: 600,
            ..AccessSection::default()
        };
        let mut limits = Limits::new(&section, LimitsState::default(), 0);
        limits.refused("q:a", 1, 0);
        limits.refused("q:a", 1, 60_000);
        assert!(limits.try_take(None, "q:a", 61_000).is_ok());
        limits.refused("q:a", 1, 62_000);
        let limited = limits.try_take(None, "q:a", 63_000).unwrap_err();
        assert_eq!(
            (limited.span, limited.max, limited.text()),
            (Span::Refusals, 3, "error-limit-moderation")
        );
        assert_eq!(limited.retry_after.seconds(), 600 - 63);
        assert!(limits.try_take(None, "q:b", 63_000).is_ok());
        // A running job of theirs may be refused as well: they wait longer then, also over a restart.
        limits.refused("q:a", 1, 64_000);
        let mut limits = Limits::new(&section, limits.state(), 64_000);
        assert!(limits.try_take(None, "q:a", 600_000).is_err());
        assert!(limits.try_take(None, "q:a", 660_000).is_ok());
        limits.reconfigure(&AccessSection { moderation_max_refusals_per_user: 0, ..section });
        limits.refused("q:a", 9, 660_000);
        assert!(limits.try_take(None, "q:a", 660_000).is_ok(), "0 is off");
    }

    #[test]
    fn the_ledger_sets_the_counts_right_after_a_crash() {
        let section = section(0, 2, 0);
        let mut before = Limits::new(&section, LimitsState::default(), 0);
        let failed = before.try_take(None, "q:a", 10).unwrap();
        let stored = before.state();
        // Not stored any more before the crash: a second job at the same moment, and that the first failed.
        let running = before.try_take(None, "q:a", 10).unwrap();
        for state in [stored, before.state(), LimitsState::default()] {
            let mut after = Limits::new(&section, state, 20);
            after.reconcile([(&failed, false), (&running, true)], 20);
            let _second = after.try_take(None, "q:a", 30).unwrap();
            assert!(after.try_take(None, "q:a", 40).is_err());
            after.refund(running.clone());
            assert!(after.try_take(None, "q:a", 50).is_ok());
        }
    }
}
