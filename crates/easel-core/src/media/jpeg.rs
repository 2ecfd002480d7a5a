//! JPEG at a fraction of its size. Telephones make pictures of 50 megapixels, which are 150 MB when decoded; the inverse
//! DCT can leave out the detail that nobody needs, so that those bytes never exist.
//!
//! Facts: ITU-T T.81, B.2.2 (frame header) and A.1 (sampling). Must not decide what size is wanted.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{Decoder, PixelFormat};

use super::decode::DecodeError;

/// What one decode may need. Enough for a progressive photo of 48 megapixels with the usual 4:2:0 subsampling, with which
/// the whole process stays below 250 MB.
const MAX_BYTES: u64 = 210_000_000;

/// The frame header: what decoding will cost, before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Pixels.
    pub(super) width: u32,
    /// Pixels.
    pub(super) height: u32,
    /// All coefficients are needed before the first pixel is known.
    progressive: bool,
    /// Samples of all components, subsampling counted.
    samples: u64,
}

impl Frame {
    /// Reads the header; `None` when there is none that makes sense.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut at = 2;
        loop {
            let [mark, kind] = *bytes.get(at..)?.first_chunk()?;
            match (mark, kind) {
                // Fill bytes before a marker.
                (0xff, 0xff) => at += 1,
                (0xff, 0x01 | 0xd0..=0xd8) => at += 2,
                (0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                    return Self::parse(kind, bytes.get(at + 4..)?);
                }
                (0xff, 0xd9 | 0xda) => return None,
                (0xff, _) => {
                    at += 2 + usize::from(u16::from_be_bytes(*bytes.get(at + 2..)?.first_chunk()?)).max(2);
                }
                _ => return None,
            }
        }
    }

    fn parse(kind: u8, header: &[u8]) -> Option<Self> {
        let [_precision, h1, h2, w1, w2, count] = *header.first_chunk()?;
        let (width, height) = (u16::from_be_bytes([w1, w2]), u16::from_be_bytes([h1, h2]));
        let components = header.get(6..6 + 3 * usize::from(count))?.chunks_exact(3);
        let factors: Vec<_> = components
            .filter_map(|component| component.get(1).map(|hv| (u64::from(hv >> 4), u64::from(hv & 15))))
            .collect();
        let widest = factors.iter().map(|(h, _)| *h).max().filter(|h| *h > 0)?;
        let tallest = factors.iter().map(|(_, v)| *v).max().filter(|v| *v > 0)?;
        let pixels = u64::from(width) * u64::from(height);
        let parts: u64 = factors.iter().map(|(h, v)| h * v).sum();
        Some(Self {
            width: width.into(),
            height: height.into(),
            progressive: matches!(kind, 0xc2 | 0xc6 | 0xca | 0xce),
            samples: (pixels * parts).div_ceil(widest * tallest),
        })
    }

    /// Bytes that decoding holds at its peak, at one `scale`th of each side.
    pub(super) fn cost(&self, scale: u32) -> u64 {
        let area = u64::from(scale) * u64::from(scale);
        let coefficients = if self.progressive { 2 * self.samples } else { 0 };
        let pixels = u64::from(self.width) * u64::from(self.height);
        coefficients + self.samples / area + 3 * pixels / area
    }

    /// Whether decoding at one `scale`th of each side needs no more than it may.
    ///
    /// # Errors
    /// With the most pixels that a JPEG of this kind may have.
    pub(super) fn check(&self, scale: u32) -> Result<(), DecodeError> {
        let (cost, pixels) = (self.cost(scale), u64::from(self.width) * u64::from(self.height));
        if cost <= MAX_BYTES {
            return Ok(());
        }
        let most = u128::from(pixels) * u128::from(MAX_BYTES) / u128::from(cost);
        Err(DecodeError::TooManyPixels { most: u64::try_from(most).unwrap_or(u64::MAX) })
    }
}

/// The largest of the fractions 1/8, 1/4 and 1/2 (as 8, 4, 2) that leaves the longer side at least `side` long; 1 when
/// none does.
pub(super) fn scale_for(frame: &Frame, side: u32) -> u32 {
    let longest = frame.width.max(frame.height);
    [8, 4, 2].into_iter().find(|scale| longest.div_ceil(*scale) >= side).unwrap_or(1)
}

/// The pixels at one `scale`th of each side (1, 2, 4 or 8), as they lie in the file. `None` for the rare kinds that are
/// neither grey nor three-coloured. Blocking.
///
/// # Errors
/// See [`DecodeError`].
pub(super) fn decode(bytes: &[u8], frame: &Frame, scale: u32) -> Result<Option<DynamicImage>, DecodeError> {
    frame.check(scale)?;
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_max_decoding_buffer_size(usize::try_from(MAX_BYTES).unwrap_or(usize::MAX));
    let wanted = |side: u32| u16::try_from(side.div_ceil(scale)).unwrap_or(u16::MAX);
    let damaged = |error: jpeg_decoder::Error| DecodeError::Damaged(error.to_string());
    let (width, height) = decoder.scale(wanted(frame.width), wanted(frame.height)).map_err(damaged)?;
    let format = decoder.info().map(|info| info.pixel_format);
    if !matches!(format, Some(PixelFormat::RGB24 | PixelFormat::L8)) {
        return Ok(None);
    }
    let raw = decoder.decode().map_err(damaged)?;
    let (width, height) = (width.into(), height.into());
    let pixels = if format == Some(PixelFormat::L8) {
        GrayImage::from_raw(width, height, raw).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, raw).map(DynamicImage::ImageRgb8)
    };
    pixels.map(Some).ok_or_else(|| DecodeError::Damaged("too few pixels".to_owned()))
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb};

    use super::*;

    fn picture(width: u32, height: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let shade = |at: u32, of: u32| u8::try_from(at * 255 / of).unwrap();
        RgbImage::from_fn(width, height, |x, y| Rgb([shade(x, width), shade(y, height), 90]))
            .write_to(&mut out, ImageFormat::Jpeg)
            .unwrap();
        out.into_inner()
    }

    #[test]
    fn headers_tell_size_and_cost() {
        let frame = Frame::read(&picture(640, 480)).unwrap();
        assert_eq!((frame.width, frame.height, frame.progressive), (640, 480, false));
        assert_eq!(frame.samples, 3 * 640 * 480, "our encoder doesn't subsample");
        // 4:2:0, progressive, as cameras and web sites write it.
        let frame = |kind: u8, sampling: u8| {
            let sof = [8, 0x17, 0xa0, 0x1f, 0x80, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1];
            let head = [0xff, 0xd8, 0xff, 0xfe, 0, 4, 1, 2, 0xff, 0xff, kind, 0, 17];
            Frame::read(&[&head[..], &sof].concat()).unwrap()
        };
        let (plain, slow) = (frame(0xc0, 0x22), frame(0xc2, 0x22));
        assert_eq!((plain.width, plain.height, plain.samples), (8064, 6048, 8064 * 6048 * 3 / 2));
        assert!(plain.cost(2) < slow.cost(2));
        assert_eq!((plain.check(2), slow.check(2)), (Ok(()), Ok(())));
        // With more colour there are more coefficients, and room for fewer pixels.
        for (sampling, most) in [(0x21, 40_000_000), (0x11, 28_000_000)] {
            assert_eq!(frame(0xc0, sampling).check(2), Ok(()));
            assert_eq!(frame(0xc2, sampling).check(2), Err(DecodeError::TooManyPixels { most }));
        }
        for broken in
            [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xc0\0\x11", b"\xff\xd8\xff\xda\0\x02", b"no JPEG"]
        {
            assert_eq!(Frame::read(broken), None);
        }
    }

    #[test]
    fn a_fraction_shows_the_same_picture() {
        let bytes = picture(1001, 750);
        let frame = Frame::read(&bytes).unwrap();
        for (side, scale, size) in [
            (100, 8, (126, 94)),
            (200, 4, (251, 188)),
            (501, 2, (501, 375)),
            (502, 1, (1001, 750)),
            (5000, 1, (1001, 750)),
        ] {
            assert_eq!(scale_for(&frame, side), scale, "{side}");
            let pixels = decode(&bytes, &frame, scale).unwrap().unwrap().into_rgb8();
            assert_eq!(pixels.dimensions(), size, "{side}");
            let [r, g, b] = pixels.get_pixel(size.0 * 3 / 4, size.1 / 4).0.map(i32::from);
            assert!((r - 191).abs() < 8 && (g - 64).abs() < 8 && (b - 90).abs() < 8, "{r} {g} {b}");
        }
    }

    #[test]
    fn what_would_cost_too_much_is_not_begun() {
        let frame = Frame { width: 65_000, height: 65_000, progressive: false, samples: 65_000 * 65_000 };
        assert!(matches!(decode(b"", &frame, 2), Err(DecodeError::TooManyPixels { .. })));
    }
}
