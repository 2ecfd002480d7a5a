//! Picture bytes: what they are, how many of them may be in memory, where they go when there are too many, and how a
//! picture is checked, cleaned and re-encoded. Clips are carried as they are.

mod body;
mod budget;
mod clip;
mod collage;
mod decode;
mod draft;
mod encode;
mod format;
mod jpeg;
mod prepare;
mod spool;

pub use body::{Body, BodyReader, Place};
pub use budget::{BytesBudget, Hold};
pub use clip::{Clip, ClipFormat};
pub use collage::collage;
pub use decode::{DecodeError, MAX_DECODED_PIXELS, MAX_SIDE, decode, dimensions};
pub use draft::{Draft, Drafts};
pub use encode::{compact, decode_to_fit, fit, jpeg as encode_jpeg, made_to_fit, png as encode_png, shrink};
pub use format::{MediaFormat, PictureFormat};
pub use prepare::{PictureProblem, Prepared, passes_unchanged, prepare};
pub use spool::{BodySink, SEGMENT, Spool};

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

/// What a job makes: a picture or a clip.
#[derive(Clone, Debug)]
pub enum Media {
    /// A still (or animated) picture.
    Picture(Picture),
    /// A clip.
    Clip(Clip),
}

impl Media {
    /// The encoded bytes.
    pub fn body(&self) -> &Body {
        match self {
            Self::Picture(picture) => &picture.body,
            Self::Clip(clip) => &clip.body,
        }
    }

    /// By its bytes.
    pub fn format(&self) -> MediaFormat {
        match self {
            Self::Picture(picture) => MediaFormat::Picture(picture.format),
            Self::Clip(clip) => MediaFormat::Clip(clip.format),
        }
    }
}
