//! What bytes are and how many pixels they have, from the header alone: nothing is decoded, so that a bomb costs
//! nothing here.

use std::io::{Read, Seek, SeekFrom};

use easel_core::media::{Body, PictureFormat};

use super::Content;

/// Smaller "pictures" are placeholders.
pub(crate) const MIN_BYTES: u64 = 128;

/// Tells the kind of content from its first bytes (64 are enough).
pub(crate) fn content(head: &[u8]) -> Content {
    if let Some(format) = PictureFormat::sniff(head) {
        return Content::Picture(format);
    }
    match head {
        // ISO media files that hold stills (AVIF, HEIC) are no clips.
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..]
        | [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => return Content::Other,
        [_, _, _, _, b'f', b't', b'y', b'p', ..] | [0x1a, 0x45, 0xdf, 0xa3, ..] => return Content::Video,
        _ => {}
    }
    let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if text.starts_with("<svg") || (text.starts_with("<?xml") && !text.contains("<html")) {
        Content::Svg
    } else if text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<head") {
        Content::Html
    } else {
        Content::Other
    }
}

/// Width and height in pixels. Blocking when the body is in a file, but reads a few dozen bytes only.
pub(crate) fn dimensions(format: PictureFormat, body: &Body) -> Option<(u32, u32)> {
    read_dimensions(format, body.reader().ok()?)
}

fn read_dimensions(format: PictureFormat, mut from: impl Read + Seek) -> Option<(u32, u32)> {
    match format {
        PictureFormat::Png => {
            let [.., w1, w2, w3, w4, h1, h2, h3, h4] = array::<24>(&mut from)?;
            Some((u32::from_be_bytes([w1, w2, w3, w4]), u32::from_be_bytes([h1, h2, h3, h4])))
        }
        PictureFormat::Gif => {
            let [_, _, _, _, _, _, w1, w2, h1, h2] = array::<10>(&mut from)?;
            Some((u16::from_le_bytes([w1, w2]).into(), u16::from_le_bytes([h1, h2]).into()))
        }
        PictureFormat::Webp => webp(&mut from),
        PictureFormat::Jpeg => jpeg(&mut from),
    }
}

/// The three kinds of first chunk, as in the WebP container specification.
fn webp(from: &mut impl Read) -> Option<(u32, u32)> {
    let [.., a, b, c, d] = array::<16>(from)?;
    let _size = array::<4>(from)?;
    match [a, b, c, d] {
        [b'V', b'P', b'8', b' '] => {
            let [.., w1, w2, h1, h2] = array::<10>(from)?;
            let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((side(w1, w2), side(h1, h2)))
        }
        [b'V', b'P', b'8', b'L'] => {
            let [_, b1, b2, b3, b4] = array::<5>(from)?;
            let bits = u32::from_le_bytes([b1, b2, b3, b4]);
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        [b'V', b'P', b'8', b'X'] => {
            let [_, _, _, _, w1, w2, w3, h1, h2, h3] = array::<10>(from)?;
            Some((u32::from_le_bytes([w1, w2, w3, 0]) + 1, u32::from_le_bytes([h1, h2, h3, 0]) + 1))
        }
        _ => None,
    }
}

/// Walks the segments to the frame header.
fn jpeg(from: &mut (impl Read + Seek)) -> Option<(u32, u32)> {
    array::<2>(from)?;
    // Bounded, because a hostile file may consist of empty segments.
    for _ in 0..4096 {
        let [mark, kind] = array::<2>(from)?;
        if mark != 0xff {
            return None;
        }
        match kind {
            // Fill bytes before a marker.
            0xff => {
                from.seek(SeekFrom::Current(-1)).ok()?;
            }
            0x01 | 0xd0..=0xd8 => {}
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let [_, _, _, h1, h2, w1, w2] = array::<7>(from)?;
                return Some((u16::from_be_bytes([w1, w2]).into(), u16::from_be_bytes([h1, h2]).into()));
            }
            0xd9 | 0xda => return None,
            _ => {
                let length = u16::from_be_bytes(array::<2>(from)?);
                from.seek(SeekFrom::Current(i64::from(length.checked_sub(2)?))).ok()?;
            }
        }
    }
    None
}

fn array<const N: usize>(from: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
