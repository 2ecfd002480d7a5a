//! The envelope of every value in sled: one byte of format version, CRC-32 over version, key and payload (four bytes,
//! little endian), payload. sled can open after damage without a word; this makes the damage visible, and catches
//! values that ended up under another key.

use bytes::Bytes;
use easel_core::ports::StoreError;

const VERSION: u8 = 1;
const HEADER: usize = 5;

fn checksum(version: u8, key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[version]);
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

/// Wraps a payload.
pub(crate) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.push(VERSION);
    out.extend_from_slice(&checksum(VERSION, key, payload).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

/// Unwraps a payload.
pub(crate) fn open(key: &[u8], value: &[u8]) -> Result<Bytes, StoreError> {
    let damaged = |what: &str| {
        StoreError::Damaged(format!("{what} under the key {}", String::from_utf8_lossy(key).escape_debug()))
    };
    let Some((&[version, a, b, c, d], payload)) = value.split_first_chunk::<HEADER>() else {
        return Err(damaged("a value without its header"));
    };
    if version != VERSION {
        return Err(damaged(&format!("a value of the unknown format {version}")));
    }
    if checksum(version, key, payload) != u32::from_le_bytes([a, b, c, d]) {
        return Err(damaged("a checksum that does not fit"));
    }
    Ok(Bytes::copy_from_slice(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_bit_is_seen() {
        let sealed = seal(b"key", b"payload");
        assert_eq!(open(b"key", &sealed).unwrap(), "payload");
        assert!(open(b"other", &sealed).is_err());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(b"key", &changed).is_err(), "bit {bit}");
        }
        for cut in 0..sealed.len() {
            assert!(open(b"key", &sealed[..cut]).is_err(), "cut at {cut}");
        }
    }
}
