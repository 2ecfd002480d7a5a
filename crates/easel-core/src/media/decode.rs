//! The one place that makes decoders, so that every one of them has limits, and that large ones work one at a time.

use std::{
    io::Cursor,
    sync::{Mutex, MutexGuard, PoisonError},
};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, error::LimitErrorKind,
    metadata::Orientation,
};

use super::{
    PictureFormat,
    jpeg::{self, Frame},
};

/// The longest side of a picture that is decoded or handed on.
pub const MAX_SIDE: u32 = 8192;
/// What one decoder may allocate. A 30000² PNG or a compressed colour profile of 300 MB is refused by it.
const MAX_ALLOC: u64 = 128 << 20;
/// The most pixels that are decoded at once. A JPEG of more is decoded at a fraction of its sides.
pub const MAX_DECODED_PIXELS: u64 = MAX_ALLOC / 4;
/// Pictures from this many pixels on are decoded one at a time in the whole process.
const LARGE_PIXELS: u64 = 8_000_000;

/// A picture can't be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A side over [`MAX_SIDE`], by the header.
    #[error("a side is longer than {MAX_SIDE} pixels")]
    SideTooLong,
    /// More pixels than can be decoded, found before they were allocated.
    #[error("more than {most} pixels are too many to decode")]
    TooManyPixels {
        /// What a picture of its kind may have.
        most: u64,
    },
    /// Broken or cut off.
    #[error("the picture is damaged: {0}")]
    Damaged(String),
}

impl From<image::ImageError> for DecodeError {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Limits(limit) => match limit.kind() {
                LimitErrorKind::DimensionError => Self::SideTooLong,
                _ => Self::TooManyPixels { most: MAX_DECODED_PIXELS },
            },
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
    let (width, height) = match (format, bytes.get(12..24)) {
        (PictureFormat::Png, Some(&[b'I', b'H', b'D', b'R', w0, w1, w2, w3, h0, h1, h2, h3])) => {
            (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]))
        }
        (PictureFormat::Jpeg, _) => Frame::read(bytes)
            .map(|frame| (frame.width, frame.height))
            .ok_or_else(|| DecodeError::Damaged("no frame header".to_owned()))?,
        _ => decoder(bytes, format)?.dimensions(),
    };
    match (width, height) {
        (0, _) | (_, 0) => Err(DecodeError::Damaged("no pixels".to_owned())),
        _ if width > MAX_SIDE || height > MAX_SIDE => Err(DecodeError::SideTooLong),
        _ => Ok((width, height)),
    }
}

/// The right to work on a picture of this size: alone, when it is large. To be held until its pixels are gone.
/// Blocking, so for blocking threads only.
pub(super) fn room_for(width: u32, height: u32) -> Option<MutexGuard<'static, ()>> {
    static LARGE: Mutex<()> = Mutex::new(());
    let large = u64::from(width) * u64::from(height) >= LARGE_PIXELS;
    // The lock guards no data, so one that a panic poisoned is as good as new.
    large.then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The pixels (the first frame of an animation), turned the way the EXIF orientation says. Blocking.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode(bytes: &[u8], format: PictureFormat) -> Result<DynamicImage, DecodeError> {
    let (mut pixels, orientation) = decode_as_stored(bytes, format)?;
    pixels.apply_orientation(orientation);
    Ok(pixels)
}

/// The pixels, upright, for somebody who needs the longer side `side` pixels long: never shorter than that (unless the
/// picture itself is), and as little longer as comes for free. Blocking.
///
/// # Errors
/// See [`DecodeError`].
pub(super) fn decode_for_side(
    bytes: &[u8],
    format: PictureFormat,
    side: u32,
) -> Result<DynamicImage, DecodeError> {
    dimensions(bytes, format)?;
    let frame = if format == PictureFormat::Jpeg { Frame::read(bytes) } else { None };
    let Some(frame) = frame else { return decode(bytes, format) };
    let scale = jpeg::scale_for(&frame, side);
    let (mut pixels, orientation) = decode_jpeg(bytes, &frame, scale)?;
    pixels.apply_orientation(orientation);
    Ok(pixels)
}

/// A JPEG's pixels as they lie in the file, at one `scale`th of each side, and how they must be turned.
pub(super) fn decode_jpeg(
    bytes: &[u8],
    frame: &Frame,
    scale: u32,
) -> Result<(DynamicImage, Orientation), DecodeError> {
    if scale > 1
        && let Some(pixels) = jpeg::decode(bytes, frame, scale)?
    {
        return Ok((pixels, decoder(bytes, PictureFormat::Jpeg)?.orientation()?));
    }
    // Another decoder, which holds the same.
    frame.check(1)?;
    decode_as_stored(bytes, PictureFormat::Jpeg)
}

fn decode_as_stored(bytes: &[u8], format: PictureFormat) -> Result<(DynamicImage, Orientation), DecodeError> {
    let mut decoder = decoder(bytes, format)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_DECODED_PIXELS {
        return Err(DecodeError::TooManyPixels { most: MAX_DECODED_PIXELS });
    }
    let orientation = decoder.orientation()?;
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}
