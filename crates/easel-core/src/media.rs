//! Picture bytes: what they are, how many of them may be in memory, and where they go when there are too many.

mod body;
mod budget;
mod format;

pub use body::{Body, BodySink, Spool};
pub use budget::{BytesBudget, Hold};
pub use format::PictureFormat;

/// A whole picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// By its bytes, never by a declared type.
    pub format: PictureFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The encoded bytes.
    pub body: Body,
}
