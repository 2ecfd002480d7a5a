//! Makes a picture that somebody gave fit to leave the house: bounded, whole, upright, without metadata.
//!
//! Bytes pass unchanged when nothing needs converting. What changes is changed without re-encoding where that is
//! possible (GPS in a reference must not reach a provider, but neither must its quality suffer).

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use bytes::Bytes;
use image::metadata::Orientation;
use img_parts::{ImageEXIF, jpeg::Jpeg, png::Png, webp::WebP};

use super::{
    Body, PictureFormat,
    decode::{DecodeError, decode, decode_jpeg, dimensions, room_for},
    encode,
    jpeg::Frame,
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
    /// A side over [`MAX_SIDE`](super::MAX_SIDE) pixels.
    #[error("a side is too long")]
    SideTooLong,
    /// It has to be turned or converted, and has too many pixels for that.
    #[error("more than {most} pixels are too many to convert")]
    TooManyPixels {
        /// What a picture of its kind may have.
        most: u64,
    },
    /// Cut off or damaged.
    #[error("damaged: {0}")]
    Damaged(String),
}

impl From<DecodeError> for PictureProblem {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::SideTooLong => Self::SideTooLong,
            DecodeError::TooManyPixels { most } => Self::TooManyPixels { most },
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

/// Format, width and height of a PNG that passes as it is, told by walking over its chunks: it is neither copied together
/// nor, in a file, read whole. `None` = [`prepare`] has to look at it, also one of more than `most_chunks` chunks. Blocking
/// when the body is in a file.
pub fn passes_unchanged(body: &Body, most_chunks: usize) -> Option<(PictureFormat, u32, u32)> {
    let head = body.read_head(24).ok()?;
    let format = PictureFormat::sniff(&head).filter(|format| *format == PictureFormat::Png)?;
    let (width, height) = dimensions(&head, format).ok()?;
    let chunks = Chunks::walk(&mut body.reader().ok()?, body.len(), most_chunks).ok()?;
    (chunks.end == Some(body.len()) && !chunks.metadata && !chunks.animated)
        .then_some((format, width, height))
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
        PictureFormat::Gif => reencode(bytes, format, (width, height), is_animated_gif(bytes)),
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

/// A PNG of the upright pixels.
fn reencode(
    bytes: &[u8],
    format: PictureFormat,
    (width, height): (u32, u32),
    first_frame: bool,
) -> Result<Prepared, PictureProblem> {
    let _room = room_for(width, height);
    let pixels = decode(bytes, format)?;
    let bytes = encode::png(&pixels).map_err(|error| PictureProblem::Damaged(error.to_string()))?;
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

/// What the chunks of a PNG tell.
struct Chunks {
    metadata: bool,
    animated: bool,
    /// Where its last chunk ends, if there is one and pixels come before it.
    end: Option<u64>,
}

impl Chunks {
    fn walk(from: &mut (impl Read + Seek), len: u64, most: usize) -> io::Result<Self> {
        let mut at = from.seek(SeekFrom::Start(8))?;
        let mut chunks = Self { metadata: false, animated: false, end: None };
        let mut pixels = false;
        for _ in 0..most {
            // What is shorter than the least chunk is no chunk.
            if at + 12 > len {
                break;
            }
            let (mut length, mut kind) = ([0; 4], [0; 4]);
            from.read_exact(&mut length)?;
            from.read_exact(&mut kind)?;
            at += 12 + u64::from(u32::from_be_bytes(length));
            if at > len {
                break;
            }
            chunks.metadata |= PNG_METADATA.contains(&kind);
            chunks.animated |= PNG_ANIMATION.contains(&kind);
            pixels |= kind == *b"IDAT";
            if kind == *b"IEND" {
                chunks.end = Some(at).filter(|_| pixels);
                break;
            }
            from.seek(SeekFrom::Start(at))?;
        }
        Ok(chunks)
    }
}

fn png(bytes: &Bytes, width: u32, height: u32) -> Result<Prepared, PictureProblem> {
    let walked = Chunks::walk(&mut Cursor::new(bytes), bytes.len() as u64, usize::MAX);
    let Chunks { metadata, animated, end } = walked.map_err(|e| PictureProblem::Damaged(e.to_string()))?;
    let Some(end) = end.and_then(|end| usize::try_from(end).ok()) else {
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
            return reencode(bytes, PictureFormat::Png, (width, height), animated);
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
        return turn(bytes);
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

/// A JPEG of more pixels, or one that would need too much memory, is turned at half its sides: more than any engine looks
/// at, and a third of the memory.
const MAX_TURNED_PIXELS: u64 = 25_000_000;

/// Really turns the pixels, because engines ignore the EXIF orientation. The turned picture exists only as JPEG: the
/// encoder reads the decoded pixels in the turned order.
fn turn(bytes: &[u8]) -> Result<Prepared, PictureProblem> {
    let damaged = || PictureProblem::Damaged("no frame header".to_owned());
    let frame = Frame::read(bytes).ok_or_else(damaged)?;
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    let scale = if pixels > MAX_TURNED_PIXELS || frame.check(1).is_err() { 2 } else { 1 };
    let _room = room_for(frame.width, frame.height);
    let (pixels, orientation) = decode_jpeg(bytes, &frame, scale)?;
    let turned = encode::jpeg_turned(pixels, orientation, 95);
    let (bytes, (width, height)) = turned.map_err(|error| PictureProblem::Damaged(error.to_string()))?;
    Ok(Prepared { format: PictureFormat::Jpeg, width, height, bytes, first_frame: false })
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
        return reencode(bytes, PictureFormat::Webp, (width, height), true);
    }
    let mut out =
        Prepared { format: PictureFormat::Webp, width, height, bytes: bytes.clone(), first_frame: false };
    if flags & 0b1100 != 0 {
        let mut parts =
            WebP::from_bytes(bytes.clone()).map_err(|e| PictureProblem::Damaged(e.to_string()))?;
        if let Some(exif) = parts.exif()
            && Orientation::from_exif_chunk(&exif).is_some_and(|turn| turn != Orientation::NoTransforms)
        {
            return reencode(bytes, PictureFormat::Webp, (width, height), false);
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
    fn what_passes_unchanged_is_told_without_being_read_whole() {
        #[track_caller]
        fn check(bytes: &Bytes, passes: bool) {
            let told = passes_unchanged(&Body::from_bytes(bytes.clone()), 16);
            assert_eq!(told.is_some(), passes);
            if let Some(told) = told {
                let prepared = prepare(bytes).unwrap();
                assert_eq!(
                    (told, &prepared.bytes),
                    ((prepared.format, prepared.width, prepared.height), bytes)
                );
            }
        }
        let plain = picture(6, 4, ImageFormat::Png);
        check(&plain, true);
        let mut png = Png::from_bytes(plain.clone()).unwrap();
        png.set_exif(Some(exif(1)));
        check(&png.encoder().bytes(), false);
        check(&[&plain[..], b"more"].concat().into(), false);
        for cut in 0..plain.len() {
            check(&plain.slice(..cut), false);
        }
        check(&picture(6, 4, ImageFormat::Jpeg), false);
        check(&picture(6, 4, ImageFormat::WebP), false);
        assert_eq!(passes_unchanged(&Body::from_bytes(plain), 2), None, "of three chunks");
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

    /// Red, green, blue and white quarters, clockwise from the upper left, tagged with an orientation.
    fn quarters(width: u32, height: u32, orientation: u8) -> Bytes {
        let row = |left: [u8; 3], right: [u8; 3]| {
            let half = width as usize / 2;
            [left.repeat(half), right.repeat(half)].concat()
        };
        let half = height as usize / 2;
        let raw =
            [row([255, 0, 0], [0, 255, 0]).repeat(half), row([255, 255, 255], [0, 0, 255]).repeat(half)]
                .concat();
        let whole = image::DynamicImage::ImageRgb8(RgbImage::from_raw(width, height, raw).unwrap());
        let mut jpeg = Jpeg::from_bytes(encode::jpeg(&whole, 80).unwrap()).unwrap();
        jpeg.set_exif(Some(exif(orientation)));
        jpeg.encoder().bytes()
    }

    /// The colours of the quarters, clockwise from the upper left.
    fn colours(bytes: &[u8]) -> String {
        let pixels = decode(bytes, PictureFormat::Jpeg).unwrap().into_rgb8();
        let (w, h) = pixels.dimensions();
        [(w / 4, h / 4), (w * 3 / 4, h / 4), (w * 3 / 4, h * 3 / 4), (w / 4, h * 3 / 4)]
            .into_iter()
            .map(|(x, y)| match pixels.get_pixel(x, y).0.map(|c| c > 128) {
                [true, false, false] => 'r',
                [false, true, false] => 'g',
                [false, false, true] => 'b',
                _ => 'w',
            })
            .collect()
    }

    #[test]
    fn every_orientation_ends_upright() {
        for (orientation, expected) in [
            (1, "rgbw"),
            (2, "grwb"),
            (3, "bwrg"),
            (4, "wbgr"),
            (5, "rwbg"),
            (6, "wrgb"),
            (7, "bgrw"),
            (8, "gbwr"),
        ] {
            let prepared = prepare(&quarters(64, 32, orientation)).unwrap();
            assert_eq!(colours(&prepared.bytes), expected, "{orientation}");
            let size = if orientation < 5 { (64, 32) } else { (32, 64) };
            assert_eq!((prepared.width, prepared.height), size, "{orientation}");
            assert!(Jpeg::from_bytes(prepared.bytes).unwrap().exif().is_none());
        }
    }

    #[test]
    fn photos_of_48_megapixels_are_turned() {
        for (width, height, orientation, expected) in [(8064, 6048, 6, "wrgb"), (6048, 8064, 8, "gbwr")] {
            let photo = quarters(width, height, orientation);
            let prepared = prepare(&photo).unwrap();
            assert_eq!((prepared.width, prepared.height), (height / 2, width / 2));
            assert_eq!(dimensions(&prepared.bytes, PictureFormat::Jpeg).unwrap(), (height / 2, width / 2));
            assert_eq!(colours(&prepared.bytes), expected);
            // One that stands upright already keeps its pixels and its bytes.
            let mut upright = Jpeg::from_bytes(photo).unwrap();
            upright.set_exif(None);
            let upright = upright.encoder().bytes();
            assert_eq!(prepare(&upright).unwrap().bytes, upright);
        }
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
        refused(&bomb, &PictureProblem::SideTooLong);
        let gif = b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;";
        refused(gif, &PictureProblem::SideTooLong);
        // What must be decoded and is too much for that says so; sides within the bound are not to blame.
        let gif = b"GIF89a\0\x20\0\x20\0\0\0,\0\0\0\0\0\x20\0\x20\0\x02\x02D\x01\0;";
        refused(gif, &PictureProblem::TooManyPixels { most: 0 });
    }

    #[test]
    fn a_progressive_photo_that_needs_too_much_memory_is_refused_with_what_may_be() {
        let mut photo = quarters(8064, 6048, 6).to_vec();
        // Said to be progressive, with all its colour: the header is all that is looked at.
        let header = photo.windows(4).position(|four| four == [0xff, 0xc0, 0, 17]).unwrap();
        photo[header + 1] = 0xc2;
        let problem = prepare(&photo.into()).unwrap_err();
        assert_eq!(problem, PictureProblem::TooManyPixels { most: 28_000_000 });
    }
}
