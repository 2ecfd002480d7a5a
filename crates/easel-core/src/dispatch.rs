//! From a message to a decision: grammar, access, handlers.
pub mod queue;
