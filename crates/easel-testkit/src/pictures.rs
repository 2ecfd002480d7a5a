//! Real pictures, and things that pretend to be some, made on the spot and the same in every run.

mod exif;

use bytes::Bytes;
use image::{
    Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder},
};
use std::io::Cursor;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A PNG of coloured noise, `width` × `height` pixels; another `seed` gives another picture.
pub fn png(width: u32, height: u32, seed: u64) -> Bytes {
    encode(&noise(width, height, seed), ImageFormat::Png)
}

/// A PNG of 64 × 64 pixels that is exactly `length` bytes long, by a private chunk of noise.
///
/// Panics if `length` is too short for the picture itself (about 13 KiB).
pub fn png_of_length(length: usize, seed: u64) -> Bytes {
    let picture = png(64, 64, seed);
    let padding = length.checked_sub(picture.len() + 12).expect("a length above that of the bare picture");
    // Everything but the last chunk, which has no content and so is twelve bytes long.
    let (body, end) = picture.split_at(picture.len() - 12);
    let mut out = body.to_vec();
    // Lower case first and second letter: ancillary and private, so decoders skip it.
    push_chunk(&mut out, *b"eaSl", &noise_bytes(padding, seed ^ 0x5eed));
    out.extend_from_slice(end);
    out.into()
}

/// A JPEG of coloured noise without metadata.
pub fn jpeg(width: u32, height: u32, seed: u64) -> Bytes {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, 90)
        .encode_image(&noise(width, height, seed))
        .expect("noise is encodable as JPEG");
    out.into()
}

/// A JPEG that carries an Exif orientation (1 to 8) and the position 39°54′ N 116°24′ E: what a telephone sends.
pub fn jpeg_with_exif(width: u32, height: u32, seed: u64, orientation: u16) -> Bytes {
    let plain = jpeg(width, height, seed);
    // The segment belongs directly behind the two bytes of the start marker.
    let (start, rest) = plain.split_at(2);
    [start, &exif::segment(orientation), rest].concat().into()
}

/// A photo as telephones take it: a JPEG that lies on its side as `orientation` (1 to 8) says, and small for its many
/// pixels. Its quarters, clockwise from the stored upper left: red, green, blue, white.
pub fn photo(width: u32, height: u32, orientation: u16) -> Bytes {
    let (left, right) = (width as usize / 2, width as usize - width as usize / 2);
    let row = |a: [u8; 3], b: [u8; 3]| [a.repeat(left), b.repeat(right)].concat();
    let (top, bottom) = (height as usize / 2, height as usize - height as usize / 2);
    let raw = [row([255, 0, 0], [0, 255, 0]).repeat(top), row([255, 255, 255], [0, 0, 255]).repeat(bottom)]
        .concat();
    let mut plain = Vec::new();
    JpegEncoder::new_with_quality(&mut plain, 80)
        .encode(&raw, width, height, image::ExtendedColorType::Rgb8)
        .expect("plain colours are encodable as JPEG");
    let (start, rest) = plain.split_at(2);
    [start, &exif::segment(orientation), rest].concat().into()
}

/// An animated GIF with two frames of different noise.
pub fn gif_animated(width: u32, height: u32, seed: u64) -> Bytes {
    let mut out = Vec::new();
    let mut encoder = GifEncoder::new(&mut out);
    for step in 0..2 {
        let picture = DynamicImage::ImageRgb8(noise(width, height, seed + step)).into_rgba8();
        let frame = Frame::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(200, 1));
        encoder.encode_frame(frame).expect("noise is encodable as GIF");
    }
    drop(encoder);
    out.into()
}

/// A lossless WebP of coloured noise.
pub fn webp(width: u32, height: u32, seed: u64) -> Bytes {
    encode(&noise(width, height, seed), ImageFormat::WebP)
}

/// An animated WebP whose frames are [`webp`] of `seed` and `seed + 1`.
///
/// The container is that of "WebP Container Specification" (Google): `VP8X`, `ANIM`, and one `ANMF` per frame.
pub fn webp_animated(width: u32, height: u32, seed: u64) -> Bytes {
    let size = |pixels: u32| (pixels - 1).to_le_bytes();
    let mut body = b"WEBP".to_vec();
    let (w, h) = (size(width), size(height));
    // The flag of an animation, three bytes of nothing, and the size in three bytes each.
    push_riff(&mut body, *b"VP8X", &[0x02, 0, 0, 0, w[0], w[1], w[2], h[0], h[1], h[2]]);
    // A background of no colour; played for ever.
    push_riff(&mut body, *b"ANIM", &[0; 6]);
    for step in 0..2 {
        let still = webp(width, height, seed + step);
        // Twelve bytes of container stand before the one chunk of a lossless picture.
        let picture = still.get(12..).expect("more than a header");
        // At the upper left corner, for 200 ms, in place of what was there rather than blended with it.
        let mut frame = vec![0, 0, 0, 0, 0, 0, w[0], w[1], w[2], h[0], h[1], h[2], 200, 0, 0, 0x02];
        frame.extend_from_slice(picture);
        push_riff(&mut body, *b"ANMF", &frame);
    }
    let mut out = Vec::new();
    push_riff(&mut out, *b"RIFF", &body);
    out.into()
}

fn push_riff(out: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    out.extend_from_slice(&kind);
    out.extend_from_slice(&u32::try_from(content.len()).expect("a small picture").to_le_bytes());
    out.extend_from_slice(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
}

/// The first half of a PNG of 64 × 64 pixels.
pub fn truncated_png() -> Bytes {
    let whole = png(64, 64, 1);
    whole.slice(..whole.len() / 2)
}

/// A tiny PNG that declares 50,000 × 50,000 pixels: 7.5 GB for a decoder without limits.
pub fn bomb_png() -> Bytes {
    let mut out = PNG_SIGNATURE.to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&50_000_u32.to_be_bytes());
    header.extend_from_slice(&50_000_u32.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    push_chunk(&mut out, *b"IHDR", &header);
    // An empty zlib stream: the checksum of nothing is 1.
    push_chunk(&mut out, *b"IDAT", &[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]);
    push_chunk(&mut out, *b"IEND", &[]);
    out.into()
}

/// The placeholder of one pixel that some gateways return instead of a picture.
pub fn one_pixel_png() -> Bytes {
    png(1, 1, 1)
}

/// The beginning of a HEIC file, enough to be recognised, not to be decoded.
pub fn heic_header() -> Bytes {
    let mut out = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic".to_vec();
    out.extend_from_slice(&noise_bytes(256, 7));
    out.into()
}

/// An SVG with a script: active content, never a picture for a chat.
pub fn svg() -> Bytes {
    Bytes::from_static(
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><script>alert(1)</script></svg>",
    )
}

/// A web page where a picture should be.
pub fn html() -> Bytes {
    Bytes::from_static(b"<!DOCTYPE html><html><body><h1>Just a moment...</h1></body></html>")
}

/// No bytes at all.
pub fn zero_byte() -> Bytes {
    Bytes::new()
}

/// Width and height by decoding the picture completely. Panics if it is none.
#[track_caller]
pub fn dimensions(bytes: &[u8]) -> (u32, u32) {
    let format = image::guess_format(bytes).expect("a known picture format");
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let picture = reader.decode().expect("a decodable picture");
    (picture.width(), picture.height())
}

fn limits() -> image::Limits {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(8192);
    limits.max_image_height = Some(8192);
    limits
}

fn encode(picture: &RgbImage, format: ImageFormat) -> Bytes {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).expect("noise is encodable");
    out.into_inner().into()
}

fn noise(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut random = Random::new(seed);
    RgbImage::from_fn(width, height, |_, _| {
        let [red, green, blue, ..] = random.next().to_le_bytes();
        Rgb([red, green, blue])
    })
}

fn noise_bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
    out.truncate(length);
    out
}

/// The `SplitMix64` generator (Steele, Lea, Flood 2014): tiny, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn push_chunk(out: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    let length = u32::try_from(content.len()).expect("a chunk below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&kind);
    out.extend_from_slice(content);
    let checksum = crc32(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// The checksum of PNG chunks (ISO 3309), by table, because chunks of megabytes are made in unoptimised tests.
fn crc32(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (index, slot) in (0_u32..).zip(table.iter_mut()) {
        *slot = (0..8).fold(index, |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 });
    }
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        table.get(usize::from(low ^ byte)).copied().unwrap_or_default() ^ (crc >> 8)
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{AnimationDecoder, ImageDecoder, codecs::gif::GifDecoder, codecs::jpeg::JpegDecoder};

    #[test]
    fn pictures_decode_with_their_dimensions() {
        assert_eq!(dimensions(&png(31, 17, 1)), (31, 17));
        assert_eq!(dimensions(&jpeg(31, 17, 1)), (31, 17));
        assert_eq!(dimensions(&webp(31, 17, 1)), (31, 17));
        assert_eq!(dimensions(&gif_animated(31, 17, 1)), (31, 17));
        assert_eq!(dimensions(&one_pixel_png()), (1, 1));
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(png(8, 8, 3), png(8, 8, 3));
        assert_ne!(png(8, 8, 3), png(8, 8, 4));
    }

    #[test]
    fn a_png_has_the_length_that_was_asked_for() {
        let picture = png_of_length(3_000_000, 1);
        assert_eq!(picture.len(), 3_000_000);
        assert_eq!(dimensions(&picture), (64, 64));
    }

    #[test]
    fn exif_carries_orientation_and_position() {
        let picture = jpeg_with_exif(40, 20, 1, 6);
        let mut decoder = JpegDecoder::new(Cursor::new(&picture[..])).unwrap();
        assert_eq!(decoder.orientation().unwrap(), image::metadata::Orientation::Rotate90);
        let exif = decoder.exif_metadata().unwrap().unwrap();
        assert!(exif.windows(4).any(|four| four == [0x88, 0x25, 0, 4]), "no GPS directory");
    }

    #[test]
    fn the_webp_has_two_frames() {
        let picture = webp_animated(31, 17, 1);
        let decoder = image::codecs::webp::WebPDecoder::new(Cursor::new(&picture[..])).unwrap();
        assert!(decoder.has_animation());
        let frames = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(frames.len(), 2);
        assert_ne!(frames[0].buffer(), frames[1].buffer());
        assert_eq!(dimensions(&picture), (31, 17));
    }

    #[test]
    fn the_gif_has_two_frames() {
        let picture = gif_animated(9, 9, 1);
        let decoder = GifDecoder::new(Cursor::new(&picture[..])).unwrap();
        assert_eq!(decoder.into_frames().count(), 2);
    }

    #[test]
    fn the_bomb_is_small_and_declares_much() {
        let bomb = bomb_png();
        assert!(bomb.len() < 100);
        let size =
            image::ImageReader::with_format(Cursor::new(&bomb[..]), ImageFormat::Png).into_dimensions();
        assert_eq!(size.unwrap(), (50_000, 50_000));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a few bytes of our own")]
    fn false_pictures_do_not_decode() {
        for bytes in [truncated_png(), heic_header(), svg(), html(), zero_byte()] {
            assert!(image::load_from_memory(&bytes).is_err());
        }
    }
}
