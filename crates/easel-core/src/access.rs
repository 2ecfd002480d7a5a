//! Who may do what, and how often.
//!
//! Pure decisions over plain data: the lists ([`Rules`]), the roles ([`Role`]), the limits ([`Limits`]), the pause
//! between two jobs ([`Debounce`]) and how often a refusal is spoken ([`RefusalPause`], [`Told`]). Nothing here reads a clock, a
//! file or a platform; times are handed in as milliseconds since the Unix epoch. The order of the questions is lists,
//! role, debounce, limits.

mod config;
mod debounce;
mod limits;
mod lists;
mod roles;
mod told;
mod window;

pub use config::{AccessSection, DirectChats, FilterMode, ListEntry, Refusal};
pub use debounce::{Debounce, RefusalPause};
pub use limits::{Limited, Limits, LimitsState, Scope, Span, Tickets};
pub use lists::{Reason, Rules, Verdict, Who};
pub use roles::{Role, may_cancel};
pub use told::{Telling, Told};
pub use window::{RetryAfter, SlidingWindow, Ticket, WindowState};
