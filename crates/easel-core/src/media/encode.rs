//! Encoders: whole pictures, smaller ones for peers and providers that refuse large ones.

use std::{borrow::Cow, io::Cursor};

use bytes::Bytes;
use fast_image_resize::{IntoImageView as _, Resizer, images::Image};
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageEncoder as _, ImageResult, Rgb, RgbImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
    metadata::Orientation,
};

use super::{
    Body, Picture, PictureFormat,
    decode::{DecodeError, decode_for_side, dimensions, room_for},
    prepare::PictureProblem,
};

/// The longest side of a compact copy.
const COMPACT_SIDE: u32 = 2048;
/// What a compact copy may weigh.
const COMPACT_BYTES: usize = 3_500_000;
/// Qualities tried for a compact copy, best first.
const COMPACT_QUALITIES: [u8; 4] = [88, 80, 72, 64];

/// PNG, fast rather than small.
///
/// # Errors
/// When the encoder refuses the pixels.
pub fn png(pixels: &DynamicImage) -> ImageResult<Bytes> {
    let mut out = Cursor::new(Vec::new());
    let pixels = if pixels.color().has_alpha() {
        DynamicImage::ImageRgba8(pixels.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(pixels.to_rgb8())
    };
    pixels.write_with_encoder(PngEncoder::new_with_quality(
        &mut out,
        CompressionType::Fast,
        FilterType::Adaptive,
    ))?;
    Ok(out.into_inner().into())
}

/// JPEG; transparency becomes white.
///
/// # Errors
/// When the encoder refuses the pixels.
pub fn jpeg(pixels: &DynamicImage, quality: u8) -> ImageResult<Bytes> {
    let rgb = if let Some(rgb) = pixels.as_rgb8() {
        Cow::Borrowed(rgb)
    } else if pixels.color().has_alpha() {
        let rgba = pixels.to_rgba8();
        Cow::Owned(RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
            let [r, g, b, a] = rgba.get_pixel(x, y).0;
            let over = |c: u8| {
                let mixed = u16::from(c) * u16::from(a) + 255 * (255 - u16::from(a));
                u8::try_from(mixed / 255).unwrap_or(255)
            };
            Rgb([over(r), over(g), over(b)])
        }))
    } else {
        Cow::Owned(pixels.to_rgb8())
    };
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality).write_image(
        rgb.as_raw(),
        rgb.width(),
        rgb.height(),
        ExtendedColorType::Rgb8,
    )?;
    Ok(out.into())
}

/// JPEG of the pixels turned as `orientation` says, and its size. The turned pixels are never in memory.
///
/// # Errors
/// When the encoder refuses the pixels.
pub(super) fn jpeg_turned(
    pixels: DynamicImage,
    orientation: Orientation,
    quality: u8,
) -> ImageResult<(Bytes, (u32, u32))> {
    let turned = Turned { pixels: pixels.into_rgb8(), orientation };
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality).encode_image(&turned)?;
    Ok((out.into(), turned.dimensions()))
}

/// A picture seen turned.
struct Turned {
    pixels: RgbImage,
    orientation: Orientation,
}

impl GenericImageView for Turned {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let (width, height) = self.pixels.dimensions();
        match self.orientation {
            Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => (height, width),
            _ => (width, height),
        }
    }

    fn get_pixel(&self, x: u32, y: u32) -> Self::Pixel {
        let (right, bottom) = (self.pixels.width() - 1, self.pixels.height() - 1);
        let (x, y) = match self.orientation {
            Orientation::NoTransforms => (x, y),
            Orientation::Rotate90 => (y, bottom - x),
            Orientation::Rotate180 => (right - x, bottom - y),
            Orientation::Rotate270 => (right - y, x),
            Orientation::FlipHorizontal => (right - x, y),
            Orientation::FlipVertical => (x, bottom - y),
            Orientation::Rotate90FlipH => (y, x),
            Orientation::Rotate270FlipH => (right - y, bottom - x),
        };
        *self.pixels.get_pixel(x, y)
    }
}

/// The pixels scaled down so that the longest side is at most `side`; unchanged when it is already.
pub fn fit(pixels: DynamicImage, side: u32) -> DynamicImage {
    let longest = pixels.width().max(pixels.height());
    if longest <= side || longest == 0 {
        return pixels;
    }
    let scale =
        |n: u32| u32::try_from((u64::from(n) * u64::from(side) / u64::from(longest)).max(1)).unwrap_or(1);
    let (width, height) = (scale(pixels.width()), scale(pixels.height()));
    let source = if pixels.color().has_alpha() {
        DynamicImage::ImageRgba8(pixels.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(pixels.to_rgb8())
    };
    let Some(pixel_type) = source.pixel_type() else { return pixels };
    let mut target = Image::new(width, height, pixel_type);
    if Resizer::new().resize(&source, &mut target, None).is_err() {
        return pixels;
    }
    let raw = target.into_vec();
    let out = if source.color().has_alpha() {
        image::RgbaImage::from_raw(width, height, raw).map(DynamicImage::ImageRgba8)
    } else {
        RgbImage::from_raw(width, height, raw).map(DynamicImage::ImageRgb8)
    };
    out.unwrap_or(source)
}

/// The upright pixels of a picture, with the longer side at most `side`. Large pictures are worked on one at a time.
/// Blocking.
///
/// # Errors
/// When the picture can't be decoded.
pub fn decode_to_fit(bytes: &[u8], format: PictureFormat, side: u32) -> Result<DynamicImage, DecodeError> {
    let (width, height) = dimensions(bytes, format)?;
    let _room = room_for(width, height);
    Ok(fit(decode_for_side(bytes, format, side)?, side))
}

/// A compact JPEG copy: at most 2048 px and 3.5 MB. Blocking.
///
/// # Errors
/// When the picture can't be decoded.
pub fn compact(picture: &Picture) -> Result<Picture, PictureProblem> {
    smaller(picture, COMPACT_SIDE, COMPACT_BYTES)
}

/// A reference image for a provider that found it too large: half the side, at most 1 MB. `None` when it is small
/// already. Blocking.
pub fn shrink(picture: &Picture) -> Option<Picture> {
    let side = (picture.width.max(picture.height) / 2).clamp(512, 1536);
    let small = smaller(picture, side, 1_000_000).ok()?;
    (small.body.len() < picture.body.len()).then_some(small)
}

/// Qualities tried for a copy that has to fit, best first.
const FITTING_QUALITIES: [u8; 5] = [92, 88, 80, 72, 64];
/// Pixels that a JPEG of a usual quality holds per byte.
const PIXELS_PER_BYTE: u64 = 3;
/// Below this side a copy gets no smaller.
const LEAST_SIDE: u32 = 256;

/// A copy of a picture with a longer side of at most `side` pixels and at most `bytes` bytes, for a service that doesn't
/// take the picture itself: a PNG where it has transparency and that fits, else a JPEG, which every service takes.
/// Blocking.
///
/// # Errors
/// When the picture can't be decoded, or can't be made so small.
pub fn made_to_fit(picture: &Picture, side: u32, bytes: u64) -> Result<Picture, PictureProblem> {
    let damaged = |error: &dyn std::fmt::Display| PictureProblem::Damaged(error.to_string());
    let (longer, shorter) = (picture.width.max(picture.height), picture.width.min(picture.height));
    // The side of so many pixels in this shape.
    let room = u128::from(bytes.saturating_mul(PIXELS_PER_BYTE)) * u128::from(longer.max(1));
    let room = u32::try_from((room / u128::from(shorter.max(1))).isqrt()).unwrap_or(u32::MAX);
    let mut side = side.min(longer).min(room.max(LEAST_SIDE));
    let whole = picture.body.read().map_err(|error| damaged(&error))?;
    let mut pixels = decode_to_fit(&whole, picture.format, side)?;
    drop(whole);
    let of = |format, pixels: &DynamicImage, encoded: Bytes| Picture {
        format,
        width: pixels.width(),
        height: pixels.height(),
        body: Body::from_bytes(encoded),
    };
    let fits = |encoded: &Bytes| encoded.len() as u64 <= bytes;
    if is_transparent(&pixels) {
        let encoded = png(&pixels).map_err(|error| damaged(&error))?;
        if fits(&encoded) {
            return Ok(of(PictureFormat::Png, &pixels, encoded));
        }
    }
    loop {
        for quality in FITTING_QUALITIES {
            let encoded = jpeg(&pixels, quality).map_err(|error| damaged(&error))?;
            if fits(&encoded) {
                return Ok(of(PictureFormat::Jpeg, &pixels, encoded));
            }
        }
        if side <= LEAST_SIDE {
            return Err(PictureProblem::Damaged(format!("it can't be made as small as {bytes} bytes")));
        }
        side = (side / 4 * 3).max(LEAST_SIDE);
        pixels = fit(pixels, side);
    }
}

fn is_transparent(pixels: &DynamicImage) -> bool {
    if !pixels.color().has_alpha() {
        return false;
    }
    let rgba = pixels.as_rgba8().map_or_else(|| Cow::Owned(pixels.to_rgba8()), Cow::Borrowed);
    rgba.pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

fn smaller(picture: &Picture, side: u32, bytes: usize) -> Result<Picture, PictureProblem> {
    let whole = picture.body.read().map_err(|error| PictureProblem::Damaged(error.to_string()))?;
    let pixels = decode_to_fit(&whole, picture.format, side)?;
    drop(whole);
    let mut encoded = Bytes::new();
    for quality in COMPACT_QUALITIES {
        encoded = jpeg(&pixels, quality).map_err(|error| PictureProblem::Damaged(error.to_string()))?;
        if encoded.len() <= bytes {
            break;
        }
    }
    Ok(Picture {
        format: PictureFormat::Jpeg,
        width: pixels.width(),
        height: pixels.height(),
        body: Body::from_bytes(encoded),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::decode;

    fn noisy(width: u32, height: u32) -> Picture {
        let mut state = 7u32;
        let pixels = RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, b, g, r] = state.to_le_bytes();
            Rgb([r, g, b])
        });
        let bytes = png(&DynamicImage::ImageRgb8(pixels)).unwrap();
        Picture { format: PictureFormat::Png, width, height, body: Body::from_bytes(bytes) }
    }

    #[test]
    fn a_compact_copy_is_a_small_upright_jpeg() {
        let copy = compact(&noisy(2600, 1300)).unwrap();
        assert_eq!((copy.format, copy.width, copy.height), (PictureFormat::Jpeg, 2048, 1024));
        assert!(copy.body.len() <= COMPACT_BYTES as u64);
        assert_eq!(PictureFormat::sniff(&copy.body.read().unwrap()), Some(PictureFormat::Jpeg));
    }

    #[test]
    fn references_shrink_until_they_are_small() {
        let once = shrink(&noisy(1400, 900)).unwrap();
        assert_eq!((once.width, once.height), (700, 450));
        assert!(shrink(&once).is_none_or(|twice| twice.body.len() < once.body.len()));
    }

    #[test]
    fn a_copy_fits_and_keeps_its_shape_and_transparency_where_it_can() {
        #[track_caller]
        fn check(picture: &Picture, side: u32, bytes: u64, format: PictureFormat, expected: (u32, u32)) {
            let copy = made_to_fit(picture, side, bytes).unwrap();
            assert_eq!((copy.format, (copy.width, copy.height)), (format, expected));
            assert!(copy.body.len() <= bytes, "{} bytes", copy.body.len());
            assert_eq!(PictureFormat::sniff(&copy.body.read().unwrap()), Some(format));
        }
        let photo = noisy(1600, 900);
        check(&photo, 4096, 10_000_000, PictureFormat::Jpeg, (1600, 900));
        check(&photo, 800, 10_000_000, PictureFormat::Jpeg, (800, 450));
        let tight = made_to_fit(&photo, 4096, 60_000).unwrap();
        assert!(tight.body.len() <= 60_000 && tight.width < 600, "{}x{}", tight.width, tight.height);
        assert!(made_to_fit(&photo, 4096, 100).is_err(), "nothing is that small");
        let clear =
            DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(300, 200, image::Rgba([9, 0, 0, 0])));
        let body = Body::from_bytes(png(&clear).unwrap());
        let clear = Picture { format: PictureFormat::Png, width: 300, height: 200, body };
        check(&clear, 150, 1_000_000, PictureFormat::Png, (150, 100));
    }

    #[test]
    fn large_photos_fit_without_being_decoded_whole() {
        let photo = DynamicImage::ImageRgb8(RgbImage::from_pixel(8064, 6048, Rgb([200, 20, 20])));
        let bytes = jpeg(&photo, 60).unwrap();
        drop(photo);
        // Decoded whole, it would be refused: it has more pixels than are ever decoded.
        assert_eq!(
            decode(&bytes, PictureFormat::Jpeg).unwrap_err(),
            DecodeError::TooManyPixels { most: crate::media::MAX_DECODED_PIXELS }
        );
        let small = decode_to_fit(&bytes, PictureFormat::Jpeg, 2048).unwrap();
        assert_eq!((small.width(), small.height()), (2048, 1536));
        let [r, g, b] = small.to_rgb8().get_pixel(700, 700).0;
        assert!(r > 190 && g < 40 && b < 40, "{r} {g} {b}");
    }

    #[test]
    fn transparency_turns_white_not_black() {
        let clear = DynamicImage::ImageRgba8(image::RgbaImage::from_pixel(8, 8, image::Rgba([0, 0, 0, 0])));
        let bytes = jpeg(&clear, 90).unwrap();
        let pixel = decode(&bytes, PictureFormat::Jpeg).unwrap().to_rgb8().get_pixel(4, 4).0;
        assert!(pixel.iter().all(|c| *c > 250), "{pixel:?}");
    }
}
