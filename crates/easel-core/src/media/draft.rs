//! The port through which the bytes of a large picture reach the disk while they still arrive, so that storing it is
//! nearly done when its last byte is there. A draft only ever saves time: without one, or with one that failed, a
//! picture is written whole when it is stored.

use std::{any::Any, fmt::Debug, sync::Arc};

use bytes::Bytes;

/// Begins drafts.
pub trait Drafts: Debug + Send + Sync {
    /// A new draft, or none when there are enough of them. Must not block.
    fn begin(&self) -> Option<Arc<dyn Draft>>;
}

/// A file in the making. Who drops the last handle on one that was never stored removes it.
pub trait Draft: Any + Debug + Send + Sync {
    /// Takes the bytes that follow what it has. Must not block; a failure shows when the draft is to be stored.
    fn push(&self, bytes: Bytes);
}
