//! Picture bytes: what they are, how many of them may be in memory, where they go when there are too many, and how a
//! picture is checked, cleaned and re-encoded.

mod body;
mod budget;
mod clip;
mod collage;
mod decode;
mod encode;
mod format;
mod jpeg;
mod prepare;

pub use body::{Body, BodySink, Place, Spool};
pub use budget::{BytesBudget, Hold};
pub use clip::{Clip, ClipFormat};
pub use collage::collage;
pub use decode::{DecodeError, MAX_DECODED_PIXELS, MAX_SIDE, decode, dimensions};
pub use encode::{compact, decode_to_fit, fit, jpeg as encode_jpeg, png as encode_png, shrink};
pub use format::PictureFormat;
pub use prepare::{PictureProblem, Prepared, prepare};

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
