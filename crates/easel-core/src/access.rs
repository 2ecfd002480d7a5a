//! Who may do what, and how often.
//!
//! Pure decisions over plain data: the lists ([`Rules`]), the roles ([`Role`]), the limits ([`Limits`]), the pause
//! between two jobs ([`Debounce`]) and how often a refusal is spoken ([`RefusalPause`]). Nothing here reads a clock, a
//! file or a platform; times are handed in as milliseconds since the Unix epoch. The order of the questions is lists,
//! role, debounce, limits.

mod config;
mod debounce;
mod limits;
mod lists;
mod roles;
mod window;

pub use config::{AccessSection, DirectChats, FilterMode, ListEntry, Refusal};
pub use debounce::{Debounce, RefusalPause};
pub use limits::{Limited, Limits, LimitsState, Scope, Span, Tickets};
pub use lists::{Reason, Rules, Verdict, Who};
pub use roles::{Role, may_cancel};
pub use window::{RetryAfter, SlidingWindow, Ticket, WindowState};

/// A value of the configuration that breaks a rule: where, and a message that says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key within the section, with list indices: `group_filter_list[2]`.
    pub key: String,
    /// Key of the message in `locales/`; the same key with `-mend` says what to do.
    pub text: &'static str,
    /// Arguments of both messages.
    pub args: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem with its arguments.
    pub fn new<const N: usize>(
        key: impl Into<String>,
        text: &'static str,
        args: [(&'static str, &str); N],
    ) -> Self {
        Self { key: key.into(), text, args: args.map(|(name, value)| (name, value.to_owned())).to_vec() }
    }
}
