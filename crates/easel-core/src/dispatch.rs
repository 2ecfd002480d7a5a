//! From a message to a decision: grammar, access, handlers.
//!
//! Start at [`Desk`]; [`Runtime`] is the configuration as it sees it.

mod desk;
mod queue;
mod request;
mod runtime;

pub use desk::Desk;
pub use queue::{Answer, ChatQueues, Decide};
pub use request::{Drafted, output_of};
pub use runtime::{Runtime, RuntimeParts};

#[cfg(test)]
mod tests;
