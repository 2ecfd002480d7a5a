//! WebSocket frames as they are written (RFC 6455, section 5.2): header and mask.

/// Text frame, final.
pub(crate) const TEXT: u8 = 0x1;
/// Close frame.
pub(crate) const CLOSE: u8 = 0x8;
/// Ping frame.
pub(crate) const PING: u8 = 0x9;

/// A key that hides a client's payload from proxies; servers write plainly.
pub(crate) type Mask = Option<[u8; 4]>;

/// A fresh mask for a client's frame.
pub(crate) fn new_mask(client: bool) -> Mask {
    client.then(rand::random)
}

/// Appends the header of a single frame.
pub(crate) fn header(out: &mut Vec<u8>, opcode: u8, len: u64, mask: Mask) {
    out.push(0x80 | opcode);
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=125), _) => out.push(masked | len),
        (_, Ok(len)) => {
            out.push(masked | 0x7e);
            out.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            out.push(masked | 0x7f);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}

/// Masks a part of a payload that stands `offset` bytes after its beginning.
pub(crate) fn apply(mask: Mask, part: &mut [u8], offset: u64) {
    let Some(mut mask) = mask else { return };
    mask.rotate_left(usize::from(u8::try_from(offset % 4).unwrap_or(0)));
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let mut chunks = part.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends a small whole frame.
pub(crate) fn small(out: &mut Vec<u8>, opcode: u8, payload: &[u8], client: bool) {
    let mask = new_mask(client);
    header(out, opcode, payload.len() as u64, mask);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(part) = out.get_mut(start..) {
        apply(mask, part, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_have_three_lengths() {
        #[track_caller]
        fn check(len: u64, mask: Mask, expected: &[u8]) {
            let mut out = Vec::new();
            header(&mut out, TEXT, len, mask);
            assert_eq!(out, expected);
        }
        check(0, None, &[0x81, 0]);
        check(125, None, &[0x81, 125]);
        check(126, None, &[0x81, 126, 0, 126]);
        check(65_535, None, &[0x81, 126, 255, 255]);
        check(65_536, None, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        check(1, Some([1, 2, 3, 4]), &[0x81, 0x81, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn masking_in_parts_is_masking_the_whole(
            payload in proptest::collection::vec(any::<u8>(), 0..100),
            cut in any::<prop::sample::Index>(),
            key in any::<[u8; 4]>(),
        ) {
            let expected: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            let mut masked = payload.clone();
            let cut = if masked.is_empty() { 0 } else { cut.index(masked.len()) };
            let (first, second) = masked.split_at_mut(cut);
            apply(Some(key), first, 0);
            apply(Some(key), second, cut as u64);
            prop_assert_eq!(masked, expected);
        }
    }
}
