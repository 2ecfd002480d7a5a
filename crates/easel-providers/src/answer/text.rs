//! Reads one text (a JSON string, joined deltas, a plain body) and takes the base64 out of it while it arrives.
//!
//! What is left is the text with a short marker at the place of each base64 run. A marker that a peer forges names a
//! slot of its own answer or none at all, so it needs no protection.

use super::{
    AnswerError,
    base64::{Decoder, Fed, Spacing, is_letter},
    json::GROWTH,
    slots::Slots,
};

/// A run of this many base64 characters can't be a word. Shorter ones would decode to less than a placeholder.
pub(super) const LONG_RUN: usize = 160;
/// Shortest line of wrapped base64.
const MIN_LINE: usize = 56;
/// Longest `data:<mime>;…;base64,` that is recognised.
const MAX_PREFIX: usize = 128;

/// Opens a marker; a Unicode noncharacter, so that it survives inside JSON text.
pub(crate) const MARK_OPEN: char = '\u{fdd0}';
/// Closes a marker.
pub(crate) const MARK_CLOSE: char = '\u{fdd1}';

/// Splits a text into its pieces: `Ok` is plain text, `Err` is a slot's index.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = Result<&str, usize>> {
    text.split(MARK_OPEN).enumerate().flat_map(|(nth, piece)| {
        let marked = (nth > 0).then(|| piece.split_once(MARK_CLOSE)).flatten();
        match marked.and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest))) {
            Some((index, rest)) => [Some(Err(index)), Some(Ok(rest))],
            None => [Some(Ok(piece)), None],
        }
        .into_iter()
        .flatten()
    })
}

/// Takes `bytes` of text out of what an answer's texts may still hold.
pub(super) fn charge(room: &mut usize, bytes: usize) -> Result<(), AnswerError> {
    *room = room.checked_sub(bytes).ok_or(AnswerError::TooMuch("more text than a picture answer has"))?;
    Ok(())
}

#[derive(Debug)]
enum Mode {
    Plain,
    Base64 {
        slot: usize,
        decoder: Box<Decoder>,
        embedded: bool,
    },
    /// A backslash inside base64 that is itself inside JSON text inside a string.
    Escape {
        slot: usize,
        decoder: Box<Decoder>,
        embedded: bool,
        seen: Vec<u8>,
    },
    /// The rest of a field that held broken base64.
    Swallow,
}

/// The reader of one text.
#[derive(Debug)]
pub(super) struct TextScanner {
    out: Vec<u8>,
    /// Length of the base64-like run at the end of `out`.
    run: usize,
    /// Whether that run began where base64 may begin.
    anchored: bool,
    prose: bool,
    mode: Mode,
}

impl TextScanner {
    /// `prose` = words may follow after base64 (message contents); otherwise the field holds nothing else.
    pub(super) fn new(prose: bool) -> Self {
        Self { out: Vec::new(), run: 0, anchored: true, prose, mode: Mode::Plain }
    }

    /// Takes the next piece; `room` is what all texts of the answer may still hold.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        slots: &mut Slots,
        room: &mut usize,
    ) -> Result<(), AnswerError> {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = match std::mem::replace(&mut self.mode, Mode::Plain) {
                Mode::Plain => self.push_plain(rest, slots, room)?,
                Mode::Swallow => {
                    self.mode = Mode::Swallow;
                    &[]
                }
                Mode::Base64 { slot, mut decoder, embedded } => match decoder.push(rest)? {
                    Fed::All => {
                        self.mode = Mode::Base64 { slot, decoder, embedded };
                        &[]
                    }
                    Fed::Stopped(at) => {
                        let (_, after) = rest.split_at(at);
                        if after.first() == Some(&b'\\') {
                            self.mode = Mode::Escape { slot, decoder, embedded, seen: Vec::new() };
                            after.get(1..).unwrap_or_default()
                        } else {
                            self.stop(slot, *decoder, embedded, after.first().copied(), slots)?;
                            after
                        }
                    }
                },
                Mode::Escape { slot, decoder, embedded, seen } => {
                    self.push_escape(slot, decoder, embedded, seen, rest, slots, room)?
                }
            };
        }
        Ok(())
    }

    /// Ends the text. `cut` = the peer stopped in the middle of it.
    pub(super) fn finish(mut self, cut: bool, slots: &mut Slots) -> Result<String, AnswerError> {
        match std::mem::replace(&mut self.mode, Mode::Plain) {
            Mode::Base64 { slot, decoder, .. } | Mode::Escape { slot, decoder, .. } => {
                slots.close(slot, *decoder, cut)?;
            }
            Mode::Plain | Mode::Swallow => {}
        }
        // From here on it doesn't grow, and counts with its length.
        self.out.shrink_to_fit();
        Ok(String::from_utf8(self.out)
            .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned()))
    }

    fn push_plain<'a>(
        &mut self,
        piece: &'a [u8],
        slots: &mut Slots,
        room: &mut usize,
    ) -> Result<&'a [u8], AnswerError> {
        for (at, &byte) in piece.iter().enumerate() {
            charge(room, GROWTH)?;
            self.out.push(byte);
            // Wrapped lines and the escapes of JSON inside JSON belong to a run; the decoder judges them.
            let joins =
                (byte == b'\\' && self.run > 0) || (matches!(byte, b'\r' | b'\n') && self.run >= MIN_LINE);
            if is_letter(byte) || (self.anchored && joins) {
                self.run += 1;
                if self.anchored && self.run >= LONG_RUN {
                    self.open_at_run(slots, room)?;
                    return Ok(piece.get(at + 1..).unwrap_or_default());
                }
            } else {
                self.run = 0;
                self.anchored =
                    matches!(byte, b'"' | b'\'' | b'(' | b'>' | b'`') || byte.is_ascii_whitespace();
                if byte == b',' && self.ends_with_data_prefix() {
                    let spacing = self.spacing_before_prefix();
                    let (slot, decoder) = slots.open(spacing)?;
                    self.mark(slot);
                    self.mode = Mode::Base64 { slot, decoder: Box::new(decoder), embedded: true };
                    return Ok(piece.get(at + 1..).unwrap_or_default());
                }
            }
        }
        self.mode = Mode::Plain;
        Ok(&[])
    }

    /// The run at the end of the text is base64 after all: takes it out again.
    fn open_at_run(&mut self, slots: &mut Slots, room: &mut usize) -> Result<(), AnswerError> {
        let begin = self.out.len() - self.run;
        let run = self.out.split_off(begin);
        let before = self.out.last().copied();
        let embedded = before.is_some();
        let enclosed = !self.prose || before.is_some_and(|byte| !byte.is_ascii_whitespace());
        let (slot, decoder) = slots.open(if enclosed { Spacing::Enclosed } else { Spacing::Prose })?;
        self.mark(slot);
        self.mode = Mode::Base64 { slot, decoder: Box::new(decoder), embedded: embedded || self.prose };
        self.push(&run, slots, room)
    }

    fn prefix_start(&self) -> Option<usize> {
        let from = self.out.len().saturating_sub(MAX_PREFIX);
        memchr::memmem::rfind(self.out.get(from..)?, b"data:").map(|at| from + at)
    }

    fn ends_with_data_prefix(&self) -> bool {
        let Some(prefix) = self.prefix_start().and_then(|at| self.out.get(at..)) else { return false };
        prefix.to_ascii_lowercase().ends_with(b";base64,")
            && !prefix
                .iter()
                .any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'(' | b')'))
    }

    fn spacing_before_prefix(&self) -> Spacing {
        let before = self.prefix_start().and_then(|at| at.checked_sub(1)).and_then(|at| self.out.get(at));
        match before {
            Some(b'(' | b'"' | b'\'' | b'<') => Spacing::Enclosed,
            None if !self.prose => Spacing::Enclosed,
            _ => Spacing::Prose,
        }
    }

    fn mark(&mut self, slot: usize) {
        self.out.extend_from_slice(format!("{MARK_OPEN}{slot}{MARK_CLOSE}").as_bytes());
        self.run = 0;
        self.anchored = false;
    }

    fn stop(
        &mut self,
        slot: usize,
        decoder: Decoder,
        embedded: bool,
        by: Option<u8>,
        slots: &mut Slots,
    ) -> Result<(), AnswerError> {
        let ended_well = embedded
            && by.is_none_or(|byte| {
                byte.is_ascii_whitespace()
                    || matches!(
                        byte,
                        b')' | b'"' | b'\'' | b'<' | b'>' | b']' | b'}' | b',' | b';' | b'`' | b'|' | b'\\'
                    )
            });
        slots.close(slot, decoder, !ended_well)?;
        self.mode = if embedded { Mode::Plain } else { Mode::Swallow };
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one mode, taken apart by the caller")]
    fn push_escape<'a>(
        &mut self,
        slot: usize,
        mut decoder: Box<Decoder>,
        embedded: bool,
        mut seen: Vec<u8>,
        rest: &'a [u8],
        slots: &mut Slots,
        room: &mut usize,
    ) -> Result<&'a [u8], AnswerError> {
        let Some((&byte, after)) = rest.split_first() else { return Ok(&[]) };
        seen.push(byte);
        let meant = match seen.as_slice() {
            // A backslash may itself be escaped once more.
            [b'\\'] => {
                self.mode = Mode::Escape { slot, decoder, embedded, seen: Vec::new() };
                return Ok(after);
            }
            [b'/'] => Some(b'/'),
            [b'n' | b'r' | b't'] => Some(b'\n'),
            [b'u', hex @ ..] if hex.len() < 4 && hex.iter().all(u8::is_ascii_hexdigit) => {
                self.mode = Mode::Escape { slot, decoder, embedded, seen };
                return Ok(after);
            }
            [b'u', hex @ ..] if hex.iter().all(u8::is_ascii_hexdigit) => std::str::from_utf8(hex)
                .ok()
                .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                .and_then(|code| u8::try_from(code).ok()),
            _ => None,
        };
        if let Some(meant) = meant
            && decoder.push(&[meant])? == Fed::All
        {
            self.mode = Mode::Base64 { slot, decoder, embedded };
            return Ok(after);
        }
        self.stop(slot, *decoder, embedded, Some(b'\\'), slots)?;
        if matches!(self.mode, Mode::Plain) {
            self.push_plain(b"\\", slots, room)?;
            // At most six bytes, none of which can begin another run.
            self.push_plain(&seen, slots, room)?;
        }
        Ok(after)
    }
}
