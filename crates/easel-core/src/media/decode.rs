//! The one place that makes decoders, so that every one of them has limits.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::PictureFormat;

/// The longest side of a picture that is decoded or handed on.
pub const MAX_SIDE: u32 = 8192;
/// What one decoder may allocate. A 30000² PNG or a compressed colour profile of 300 MB is refused by it.
const MAX_ALLOC: u64 = 128 << 20;

/// A picture can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More pixels than allowed, found before they were allocated.
    #[error("too many pixels")]
    TooLarge,
    /// Broken or cut off.
    #[error("the picture is damaged: {0}")]
    Damaged(String),
}

impl From<image::ImageError> for DecodeError {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(_) => Self::TooLarge,
            other => Self::Damaged(other.to_string()),
        }
    }
}

fn image_format(format: PictureFormat) -> ImageFormat {
    match format {
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::Webp => ImageFormat::WebP,
        PictureFormat::Gif => ImageFormat::Gif,
    }
}

fn decoder(bytes: &[u8], format: PictureFormat) -> Result<impl ImageDecoder + '_, DecodeError> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    decoder.set_limits(limits)?;
    Ok(decoder)
}

/// Width and height, from the header.
///
/// # Errors
/// See [`DecodeError`].
pub fn dimensions(bytes: &[u8], format: PictureFormat) -> Result<(u32, u32), DecodeError> {
    if let (PictureFormat::Png, Some(ihdr)) = (format, bytes.get(12..24))
        && let [b'I', b'H', b'D', b'R', w0, w1, w2, w3, h0, h1, h2, h3] = *ihdr
    {
        let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        return match (width, height) {
            (0, _) | (_, 0) => Err(DecodeError::Damaged("no pixels".to_owned())),
            _ if width > MAX_SIDE || height > MAX_SIDE => Err(DecodeError::TooLarge),
            _ => Ok((width, height)),
        };
    }
    Ok(decoder(bytes, format)?.dimensions())
}

/// The pixels (the first frame of an animation), turned the way the EXIF orientation says. Blocking.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &[u8], format: PictureFormat) -> Result<DynamicImage, DecodeError> {
    let mut decoder = decoder(bytes, format)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) * 4 > MAX_ALLOC {
        return Err(DecodeError::TooLarge);
    }
    let orientation = decoder.orientation()?;
    let mut pixels = DynamicImage::from_decoder(decoder)?;
    pixels.apply_orientation(orientation);
    Ok(pixels)
}
