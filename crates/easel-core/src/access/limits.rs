//! The limits of `[access]`: per group and per person, within the configured period and within a day.

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
}

/// What an accepted job took; give it back when the job fails.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "keep the tickets with the job"]
pub struct Tickets {
    group: Option<Ticket>,
    user: Option<Ticket>,
    group_day: Option<Ticket>,
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
}

/// What must be stored so that limits survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsState {
    group: WindowState,
    user: WindowState,
    group_day: WindowState,
    user_day: WindowState,
}

impl Limited {
    /// Key of the sentence in `locales/`. All take `max` and `code`, and the wait: the period's as `seconds`, the day's
    /// as `hours`.
    pub fn text(self) -> &'static str {
        match (self.scope, self.span) {
            (Scope::Group, Span::Period) => "error-limit-group",
            (Scope::User, Span::Period) => "error-limit-user",
            (Scope::Group, Span::Day) => "error-limit-group-day",
            (Scope::User, Span::Day) => "error-limit-user-day",
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
        }
    }

    /// Takes over changed limits and keeps what was taken.
    pub fn reconfigure(&mut self, section: &AccessSection) {
        let period = section.rate_limit_period_seconds.saturating_mul(1000);
        self.group.reconfigure(section.rate_limit_max_calls_per_group, period);
        self.user.reconfigure(section.rate_limit_max_calls_per_user, period);
        self.group_day.reconfigure(section.daily_quota_per_group, DAY_MS);
        self.user_day.reconfigure(section.daily_quota_per_user, DAY_MS);
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
        for (window, scope, span, key) in groups.into_iter().chain(users) {
            let Some(Err(retry_after)) = key.map(|key| window.check(key, now_ms)) else { continue };
            if worst.is_none_or(|limited| limited.retry_after.ms < retry_after.ms) {
                worst = Some(Limited { scope, span, max: window.max(), retry_after });
            }
        }
        if let Some(limited) = worst {
            return Err(limited);
        }
        Ok(Tickets {
            group: group.and_then(|group| self.group.try_take(group, now_ms).ok()),
            user: self.user.try_take(user, now_ms).ok(),
            group_day: group.and_then(|group| self.group_day.try_take(group, now_ms).ok()),
            user_day: self.user_day.try_take(user, now_ms).ok(),
        })
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
        for window in [&mut self.group, &mut self.user, &mut self.group_day, &mut self.user_day] {
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
}
