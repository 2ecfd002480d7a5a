//! Decodes base64 while it arrives, straight into a [`BodySink`]. Knows nothing of JSON or of pictures.
//!
//! Whole runs of the standard alphabet are decoded with SIMD where they lie. Whatever the fast way refuses (line
//! breaks, the URL-safe alphabet, padding) is cleaned in a small buffer first. Missing padding is no error.

use std::io;

use base64_simd::{AsOut as _, STANDARD_NO_PAD};
use easel_core::media::{Body, BodySink};
use memchr::memchr;

/// Characters decoded at a time by the fast way; bounds what one write to a spool file holds.
const BLOCK: usize = 64 * 1024;
/// Characters cleaned at a time by the careful way.
const SCRATCH: usize = 4096;
/// First decoded bytes that are kept for telling the kind of content.
pub(super) const HEAD: usize = 64;

/// How white space inside the text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spacing {
    /// The text is enclosed by quotes, brackets or a field of its own: white space never ends it.
    Enclosed,
    /// The text stands in prose: only the line breaks of regularly wrapped base64 belong to it.
    Prose,
}

/// What became of a run of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    /// Everything was taken.
    All,
    /// The base64 ended before the byte at this index.
    Stopped(usize),
}

/// A finished decoding.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The bytes.
    pub(super) body: Body,
    /// The first bytes, at most [`HEAD`].
    pub(super) head: Vec<u8>,
    /// The text can't have been whole: one character is left over.
    pub(super) broken: bool,
}

#[derive(Debug)]
pub(super) struct Decoder {
    sink: BodySink,
    head: Vec<u8>,
    spacing: Spacing,
    carry: [u8; 3],
    carried: usize,
    padding: u8,
    line: usize,
    last: u8,
    /// Characters that are not worth trying the fast way on, because it has just failed.
    careful: usize,
}

impl Decoder {
    pub(super) fn new(sink: BodySink, spacing: Spacing) -> Self {
        Self {
            sink,
            head: Vec::with_capacity(HEAD),
            spacing,
            carry: [0; 3],
            carried: 0,
            padding: 0,
            line: 0,
            last: 0,
            careful: 0,
        }
    }

    /// Takes the next piece of text.
    pub(super) fn push(&mut self, run: &[u8]) -> io::Result<Fed> {
        let mut rest = run;
        while !rest.is_empty() {
            if self.carried == 0 && self.padding == 0 && self.careful == 0 {
                let fast = self.push_fast(rest)?;
                if fast > 0 {
                    rest = rest.get(fast..).unwrap_or_default();
                    continue;
                }
            }
            // What another piece left over is completed first, so that the fast way can go on from there.
            let wanted = if self.careful == 0 { 4 - self.carried } else { self.careful.min(SCRATCH - 4) };
            let piece = rest.get(..wanted).unwrap_or(rest);
            self.careful = self.careful.saturating_sub(piece.len());
            match self.push_carefully(piece)? {
                Fed::All => rest = rest.get(piece.len()..).unwrap_or_default(),
                Fed::Stopped(at) => return Ok(Fed::Stopped(run.len() - rest.len() + at)),
            }
        }
        Ok(Fed::All)
    }

    /// Decodes a block of whole quads where it lies; how many characters that took. What it could not take is noted as
    /// work for the careful way.
    fn push_fast(&mut self, text: &[u8]) -> io::Result<usize> {
        // What the sink takes in place is divisible by three, because whole quads alone were written.
        let most = BLOCK.min(self.sink.room() / 3 * 4);
        let block = text.get(..(text.len() & !3).min(most)).unwrap_or_default();
        let mut good = block;
        if !self.decode(good)? {
            // Most often it is the padding at the end that is refused: everything before it can still go fast.
            good = memchr(b'=', block).and_then(|at| block.get(..at & !3)).unwrap_or_default();
            if !self.decode(good)? {
                good = &[];
            }
            self.careful = block.len() - good.len();
        }
        if !good.is_empty() {
            self.line = self.line.saturating_add(good.len());
            self.last = b'A';
        }
        Ok(good.len())
    }

    /// Nothing comes any more.
    pub(super) fn finish(mut self) -> io::Result<Decoded> {
        let broken = self.carried == 1;
        if self.carried > 1 {
            let mut quad = [b'A'; 4];
            for (to, from) in quad.iter_mut().zip(self.carry).take(self.carried) {
                *to = from;
            }
            let mut three = [0; 3];
            if STANDARD_NO_PAD.decode(&quad, three.as_mut_slice().as_out()).is_ok() {
                let bytes = three.get(..self.carried - 1).unwrap_or_default();
                self.note_head(bytes);
                self.sink.write(bytes)?;
            }
        }
        Ok(Decoded { body: self.sink.finish()?, head: self.head, broken })
    }

    fn push_carefully(&mut self, piece: &[u8]) -> io::Result<Fed> {
        let mut clean = [0_u8; SCRATCH];
        let mut used = 0;
        for (to, from) in clean.iter_mut().zip(self.carry).take(self.carried) {
            *to = from;
            used += 1;
        }
        let mut outcome = Fed::All;
        for (at, &byte) in piece.iter().enumerate() {
            let letter = match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if self.padding == 0 => byte,
                b'-' if self.padding == 0 => b'+',
                b'_' if self.padding == 0 => b'/',
                b'=' if self.padding < 2 => {
                    self.padding += 1;
                    continue;
                }
                b' ' | b'\n' | b'\r' | b'\t' if self.skips(byte) => {
                    self.line = 0;
                    self.last = byte;
                    continue;
                }
                _ => {
                    outcome = Fed::Stopped(at);
                    break;
                }
            };
            if let Some(to) = clean.get_mut(used) {
                *to = letter;
                used += 1;
            }
            self.line = self.line.saturating_add(1);
            self.last = letter;
        }
        let whole = used & !3;
        let (quads, left) = clean.split_at(whole);
        self.decode(quads)?;
        self.carried = used - whole;
        for (to, from) in self.carry.iter_mut().zip(left).take(self.carried) {
            *to = *from;
        }
        Ok(outcome)
    }

    fn skips(&self, space: u8) -> bool {
        match self.spacing {
            Spacing::Enclosed => true,
            // Encoders wrap at 64 or 76 characters; a longer or shorter line is the last one.
            Spacing::Prose => match space {
                b'\n' if self.last == b'\r' => true,
                b'\n' | b'\r' => {
                    self.padding == 0 && self.line.is_multiple_of(4) && (56..=128).contains(&self.line)
                }
                _ => false,
            },
        }
    }

    /// Decodes whole quads of the standard alphabet; says whether it could. Writes nothing when it couldn't.
    fn decode(&mut self, quads: &[u8]) -> io::Result<bool> {
        let wanted = HEAD - self.head.len();
        let head = &mut self.head;
        let mut good = false;
        self.sink.write_with(quads.len() / 4 * 3, |memory| {
            let at = memory.len();
            good = STANDARD_NO_PAD.decode_append(quads, memory).is_ok();
            let bytes = memory.get(at..).unwrap_or_default();
            head.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
        })?;
        Ok(good)
    }

    fn note_head(&mut self, bytes: &[u8]) {
        let wanted = HEAD - self.head.len();
        self.head.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
    }
}

/// Whether `byte` can stand in base64 of either alphabet, padding left out.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}
