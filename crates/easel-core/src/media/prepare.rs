//! Makes a picture that somebody gave fit to leave the house: bounded, whole, upright, without metadata.
//!
//! Bytes pass unchanged when nothing needs converting. What changes is changed without re-encoding where that is
//! possible (GPS in a reference must not reach a provider, but neither must its quality suffer).

use bytes::Bytes;
use image::{DynamicImage, metadata::Orientation};
use img_parts::{ImageEXIF, jpeg::Jpeg, png::Png, webp::WebP};

use super::{
    PictureFormat,
    decode::{DecodeError, decode, dimensions},
    encode,
};

/// A picture cannot be used; each variant has its own sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureProblem {
    /// Zero bytes.
    #[error("empty")]
    Empty,
    /// HTML, text, video or something unknown.
    #[error("not a picture: {0}")]
    NotAPicture(&'static str),
    /// HEIC or AVIF, which can't be read here.
    #[error("HEIC or AVIF")]
    Heic,
    /// Too many pixels.
    #[error("too many pixels")]
    TooManyPixels,
    /// Cut off or damaged.
    #[error("damaged: {0}")]
    Damaged(String),
}

impl From<DecodeError> for PictureProblem {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge => Self::TooManyPixels,
            DecodeError::Damaged(why) => Self::Damaged(why),
        }
    }
}

/// A prepared picture.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// PNG, JPEG or WebP.
    pub format: PictureFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The bytes; the given ones when nothing had to change.
    pub bytes: Bytes,
    /// It was an animation, of which this is the first frame.
    pub first_frame: bool,
}

/// Checks and prepares a picture. Blocking: decodes when it must.
///
/// # Errors
/// See [`PictureProblem`].
pub fn prepare(bytes: &Bytes) -> Result<Prepared, PictureProblem> {
    if bytes.is_empty() {
        return Err(PictureProblem::Empty);
    }
    let Some(format) = PictureFormat::sniff(bytes) else { return Err(what_else(bytes)) };
    let (width, height) = dimensions(bytes, format)?;
    match format {
        PictureFormat::Png => png(bytes, width, height),
        PictureFormat::Jpeg => jpeg(bytes, width, height),
        PictureFormat::Webp => webp(bytes, width, height),
        PictureFormat::Gif => reencode(&decode(bytes, format)?, is_animated_gif(bytes)),
    }
}

fn what_else(bytes: &[u8]) -> PictureProblem {
    match infer::get(bytes).map(|kind| kind.mime_type()) {
        Some("image/heif" | "image/heic" | "image/avif") => PictureProblem::Heic,
        Some(mime) if mime.starts_with("video/") => PictureProblem::NotAPicture("video"),
        Some("text/html") => PictureProblem::NotAPicture("html"),
        _ if matches!(bytes.get(4..8), Some(b"ftyp")) && is_heif_brand(bytes) => PictureProblem::Heic,
        Some(_) => PictureProblem::NotAPicture("other"),
        None => PictureProblem::NotAPicture("unknown"),
    }
}

fn is_heif_brand(bytes: &[u8]) -> bool {
    matches!(bytes.get(8..12), Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" | b"avif" | b"avis"))
}

fn reencode(pixels: &DynamicImage, first_frame: bool) -> Result<Prepared, PictureProblem> {
    let bytes = encode::png(pixels).map_err(|error| PictureProblem::Damaged(error.to_string()))?;
    Ok(Prepared {
        format: PictureFormat::Png,
        width: pixels.width(),
        height: pixels.height(),
        bytes,
        first_frame,
    })
}

/// Chunks of a PNG that tell about the person or the camera, not about the pixels.
const PNG_METADATA: [[u8; 4]; 5] = [*b"eXIf", *b"tEXt", *b"zTXt", *b"iTXt", *b"tIME"];
/// Chunks that animate a PNG; without them the default image remains.
const PNG_ANIMATION: [[u8; 4]; 3] = [*b"acTL", *b"fcTL", *b"fdAT"];

fn png(bytes: &Bytes, width: u32, height: u32) -> Result<Prepared, PictureProblem> {
    let mut at = 8;
    let (mut metadata, mut animated, mut pixels, mut end) = (false, false, false, None);
    while let (Some(&[l0, l1, l2, l3]), Some(kind)) = (
        bytes.get(at..at + 4).and_then(|b| b.first_chunk::<4>()),
        bytes.get(at + 4..at + 8).and_then(|b| b.first_chunk::<4>()),
    ) {
        let next = at + 12 + u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        if next > bytes.len() {
            break;
        }
        metadata |= PNG_METADATA.contains(kind);
        animated |= PNG_ANIMATION.contains(kind);
        pixels |= kind == b"IDAT";
        at = next;
        if kind == b"IEND" {
            end = Some(at);
            break;
        }
    }
    let Some(end) = end.filter(|_| pixels) else {
        return Err(PictureProblem::Damaged("the end of the PNG is missing".to_owned()));
    };
    let mut out = Prepared {
        format: PictureFormat::Png,
        width,
        height,
        bytes: bytes.slice(..end),
        first_frame: animated,
    };
    if metadata || animated {
        let mut parts =
            Png::from_bytes(out.bytes.clone()).map_err(|e| PictureProblem::Damaged(e.to_string()))?;
        if let Some(exif) = parts.exif()
            && Orientation::from_exif_chunk(&exif).is_some_and(|turn| turn != Orientation::NoTransforms)
        {
            return reencode(&decode(bytes, PictureFormat::Png)?, animated);
        }
        for kind in PNG_METADATA.into_iter().chain(PNG_ANIMATION) {
            parts.remove_chunks_by_type(kind);
        }
        out.bytes = parts.encoder().bytes();
    }
    Ok(out)
}

/// JPEG segments that carry metadata: APP1 (EXIF, XMP), APP13 (Photoshop, IPTC), comments. APP0, APP2 (ICC) and APP14
/// say how to read the pixels and stay.
const JPEG_METADATA: [u8; 3] = [0xe1, 0xed, 0xfe];

fn jpeg(bytes: &Bytes, width: u32, height: u32) -> Result<Prepared, PictureProblem> {
    if memchr_rfind_eoi(bytes).is_none() {
        return Err(PictureProblem::Damaged("the end of the JPEG is missing".to_owned()));
    }
    let mut parts = Jpeg::from_bytes(bytes.clone()).map_err(|e| PictureProblem::Damaged(e.to_string()))?;
    if let Some(exif) = parts.exif()
        && Orientation::from_exif_chunk(&exif).is_some_and(|turn| turn != Orientation::NoTransforms)
    {
        let pixels = decode(bytes, PictureFormat::Jpeg)?;
        let bytes = encode::jpeg(&pixels, 95).map_err(|error| PictureProblem::Damaged(error.to_string()))?;
        let (width, height) = (pixels.width(), pixels.height());
        return Ok(Prepared { format: PictureFormat::Jpeg, width, height, bytes, first_frame: false });
    }
    let mut out =
        Prepared { format: PictureFormat::Jpeg, width, height, bytes: bytes.clone(), first_frame: false };
    if parts.segments().iter().any(|segment| JPEG_METADATA.contains(&segment.marker())) {
        for marker in JPEG_METADATA {
            parts.remove_segments_by_marker(marker);
        }
        out.bytes = parts.encoder().bytes();
    }
    Ok(out)
}

/// The end-of-image marker, searched in the last bytes only: phones append up to some kilobytes of their own.
fn memchr_rfind_eoi(bytes: &[u8]) -> Option<usize> {
    let tail = bytes.get(bytes.len().saturating_sub(256 * 1024)..)?;
    tail.windows(2).rposition(|pair| pair == [0xff, 0xd9])
}

fn webp(bytes: &Bytes, width: u32, height: u32) -> Result<Prepared, PictureProblem> {
    let declared =
        bytes.get(4..8).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_le_bytes(*b) as usize);
    if bytes.len() < declared + 8 {
        return Err(PictureProblem::Damaged("the end of the WebP is missing".to_owned()));
    }
    // The flags byte of VP8X: bit 1 animation, bit 2 XMP, bit 3 EXIF.
    let flags = if bytes.get(12..16) == Some(b"VP8X") { bytes.get(20).copied().unwrap_or(0) } else { 0 };
    if flags & 0b10 != 0 {
        return reencode(&decode(bytes, PictureFormat::Webp)?, true);
    }
    let mut out =
        Prepared { format: PictureFormat::Webp, width, height, bytes: bytes.clone(), first_frame: false };
    if flags & 0b1100 != 0 {
        let mut parts =
            WebP::from_bytes(bytes.clone()).map_err(|e| PictureProblem::Damaged(e.to_string()))?;
        if let Some(exif) = parts.exif()
            && Orientation::from_exif_chunk(&exif).is_some_and(|turn| turn != Orientation::NoTransforms)
        {
            return reencode(&decode(bytes, PictureFormat::Webp)?, false);
        }
        parts.set_exif(None);
        parts.remove_chunks_by_id(*b"XMP ");
        out.bytes = parts.encoder().bytes();
    }
    Ok(out)
}

/// Whether a GIF has a second image descriptor behind its first: a looping extension or two graphic control blocks.
fn is_animated_gif(bytes: &[u8]) -> bool {
    bytes.windows(4).filter(|four| matches!(four, [0x21, 0xf9, 0x04, _])).take(2).count() > 1
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Bytes {
        let mut out = Cursor::new(Vec::new());
        RgbImage::from_fn(width, height, |x, y| Rgb([x.to_le_bytes()[0] * 8, y.to_le_bytes()[0] * 10, 128]))
            .write_to(&mut out, format)
            .unwrap();
        out.into_inner().into()
    }

    /// A minimal little-endian EXIF block with an orientation and a GPS pointer.
    fn exif(orientation: u8) -> Bytes {
        let mut out = b"II*\0\x08\0\0\0\x02\0".to_vec();
        out.extend_from_slice(&[0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
        out.extend_from_slice(&[0x25, 0x88, 4, 0, 1, 0, 0, 0, 0x7f, 0, 0, 0]);
        out.extend_from_slice(&[0, 0, 0, 0]);
        out.into()
    }

    #[test]
    fn pictures_without_metadata_pass_unchanged() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let bytes = picture(6, 4, format);
            let prepared = prepare(&bytes).unwrap();
            assert_eq!((prepared.width, prepared.height, &prepared.bytes), (6, 4, &bytes), "{format:?}");
            assert!(!prepared.first_frame);
        }
    }

    #[test]
    fn metadata_goes_and_pixels_stay() {
        let plain = picture(6, 4, ImageFormat::Jpeg);
        let mut jpeg = Jpeg::from_bytes(plain.clone()).unwrap();
        jpeg.set_exif(Some(exif(1)));
        let tagged = jpeg.encoder().bytes();
        assert!(tagged.len() > plain.len());
        assert_eq!(prepare(&tagged).unwrap().bytes, plain);

        let plain = picture(6, 4, ImageFormat::Png);
        let mut png = Png::from_bytes(plain.clone()).unwrap();
        png.set_exif(Some(exif(1)));
        assert_eq!(prepare(&png.encoder().bytes()).unwrap().bytes, plain);

        let mut webp = WebP::from_bytes(picture(6, 4, ImageFormat::WebP)).unwrap();
        webp.set_exif(Some(exif(1)));
        let prepared = prepare(&webp.encoder().bytes()).unwrap();
        assert!(WebP::from_bytes(prepared.bytes.clone()).unwrap().exif().is_none());
        assert_eq!(dimensions(&prepared.bytes, PictureFormat::Webp).unwrap(), (6, 4));
    }

    #[test]
    fn orientation_is_applied() {
        let mut jpeg = Jpeg::from_bytes(picture(6, 4, ImageFormat::Jpeg)).unwrap();
        jpeg.set_exif(Some(exif(6)));
        let prepared = prepare(&jpeg.encoder().bytes()).unwrap();
        assert_eq!((prepared.width, prepared.height), (4, 6));
        assert_eq!(dimensions(&prepared.bytes, PictureFormat::Jpeg).unwrap(), (4, 6));
        assert!(Jpeg::from_bytes(prepared.bytes).unwrap().exif().is_none());
    }

    #[test]
    fn an_animation_gives_its_first_frame() {
        let mut out = Vec::new();
        {
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
            for shade in [10u8, 200] {
                encoder
                    .encode_frame(image::Frame::new(image::RgbaImage::from_pixel(
                        5,
                        3,
                        image::Rgba([shade, shade, shade, 255]),
                    )))
                    .unwrap();
            }
        }
        let prepared = prepare(&out.into()).unwrap();
        assert!(prepared.first_frame);
        assert_eq!((prepared.format, prepared.width, prepared.height), (PictureFormat::Png, 5, 3));
        let pixel = decode(&prepared.bytes, PictureFormat::Png).unwrap().to_rgb8().get_pixel(2, 1).0;
        assert!(pixel[0] < 60, "{pixel:?}");
    }

    #[track_caller]
    fn refused(bytes: &[u8], expected: &PictureProblem) {
        let got = prepare(&Bytes::copy_from_slice(bytes)).unwrap_err();
        assert_eq!(std::mem::discriminant(&got), std::mem::discriminant(expected), "{got:?}");
    }

    #[test]
    fn rubbish_is_refused_with_its_own_reason() {
        let damaged = PictureProblem::Damaged(String::new());
        refused(b"", &PictureProblem::Empty);
        refused(b"<!DOCTYPE html><html></html>", &PictureProblem::NotAPicture("html"));
        refused(b"{\"retcode\":-5503007}", &PictureProblem::NotAPicture("unknown"));
        refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", &PictureProblem::Heic);
        refused(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", &PictureProblem::Heic);
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
            let whole = picture(30, 20, format);
            for part in [whole.len() / 2, whole.len() - 3] {
                if format == ImageFormat::Gif && part == whole.len() - 3 {
                    continue; // only the trailer is missing: every reader shows such a GIF
                }
                refused(&whole[..part], &damaged);
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        let mut bomb = picture(2, 2, ImageFormat::Png).to_vec();
        bomb[16..20].copy_from_slice(&50_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&50_000u32.to_be_bytes());
        refused(&bomb, &PictureProblem::TooManyPixels);
        let gif = b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;";
        refused(gif, &PictureProblem::TooManyPixels);
    }
}
