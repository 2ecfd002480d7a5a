//! One line of the journal: eight lowercase hexadecimal digits (CRC-32 of the JSON's bytes, the polynomial of gzip), a
//! space, one entry as JSON, a line feed. JSON never contains a raw line feed, so lines can be found without parsing.

use easel_core::job::ledger::Entry;

/// Bytes before the JSON.
const PREFIX: usize = 9;

/// Appends the line of `entry` to `out`.
pub(crate) fn encode(entry: &Entry, out: &mut Vec<u8>) -> serde_json::Result<()> {
    write(&serde_json::to_vec(entry)?, out);
    Ok(())
}

/// Appends the line of an entry that is JSON already.
pub(crate) fn write(json: &[u8], out: &mut Vec<u8>) {
    out.reserve(json.len() + PREFIX + 1);
    out.extend_from_slice(format!("{:08x} ", crc32fast::hash(json)).as_bytes());
    out.extend_from_slice(json);
    out.push(b'\n');
}

/// The JSON of a complete line (with its line feed), or `None` when the line is cut or its checksum does not fit.
pub(crate) fn verify(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (prefix, json) = line.split_at_checked(PREFIX)?;
    let digits = std::str::from_utf8(prefix.strip_suffix(b" ")?).ok()?;
    let plain = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (plain && u32::from_str_radix(digits, 16).ok()? == crc32fast::hash(json)).then_some(json)
}
