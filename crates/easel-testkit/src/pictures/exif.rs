//! An Exif segment with an orientation and a position, built by hand (Exif 2.3, TIFF 6.0, big-endian).

const SHORT: u16 = 3;
const LONG: u16 = 4;
const ASCII: u16 = 2;
const RATIONAL: u16 = 5;

/// The whole APP1 segment, marker included.
pub(super) fn segment(orientation: u16) -> Vec<u8> {
    let tiff = tiff(orientation);
    let length = u16::try_from(2 + 6 + tiff.len()).expect("a segment of a few hundred bytes");
    let mut out = vec![0xff, 0xe1];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(b"Exif\0\0");
    out.extend_from_slice(&tiff);
    out
}

fn tiff(orientation: u16) -> Vec<u8> {
    // Offsets count from the byte-order mark: header 8, first directory 2 + 2×12 + 4, GPS directory 2 + 4×12 + 4.
    const GPS_AT: u32 = 8 + 30;
    const VALUES_AT: u32 = GPS_AT + 54;
    let mut out = b"MM\0\x2a\0\0\0\x08".to_vec();
    out.extend_from_slice(&2_u16.to_be_bytes());
    let [high, low] = orientation.to_be_bytes();
    entry(&mut out, 0x0112, SHORT, 1, [high, low, 0, 0]);
    entry(&mut out, 0x8825, LONG, 1, GPS_AT.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&4_u16.to_be_bytes());
    entry(&mut out, 1, ASCII, 2, *b"N\0\0\0");
    entry(&mut out, 2, RATIONAL, 3, VALUES_AT.to_be_bytes());
    entry(&mut out, 3, ASCII, 2, *b"E\0\0\0");
    entry(&mut out, 4, RATIONAL, 3, (VALUES_AT + 24).to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    for (numerator, denominator) in [(39_u32, 1_u32), (54, 1), (0, 1), (116, 1), (24, 1), (0, 1)] {
        out.extend_from_slice(&numerator.to_be_bytes());
        out.extend_from_slice(&denominator.to_be_bytes());
    }
    out
}

fn entry(out: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: [u8; 4]) {
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&value);
}
