//! The bytes that an answer carried, one slot per base64 text, in the order of their beginning.

use std::io;

use easel_core::media::{Body, BodySink, PictureFormat, Spool};

use super::{
    AnswerError,
    base64::{Decoded, Decoder, Spacing},
    picture,
};

/// More base64 texts than this in one answer are no picture answer.
const MAX_SLOTS: usize = 256;

/// What decoded bytes are, by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A picture that easel carries.
    Picture(PictureFormat),
    /// SVG: active content, never passed on.
    Svg,
    /// A web page.
    Html,
    /// A clip.
    Video,
    /// Anything else (signatures, encrypted thoughts, noise).
    Other,
}

/// The bytes of one base64 text.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The bytes; gone when another picture superseded this one, and of what is neither picture nor clip.
    pub body: Option<Body>,
    /// What the bytes are.
    pub content: Content,
    /// Pixels, when the header tells them.
    pub size: Option<(u32, u32)>,
    /// Decoded length in bytes.
    pub len: u64,
    /// The text was cut or damaged beyond repair.
    pub broken: bool,
}

impl Slot {
    /// A whole picture that is larger than the 1×1 placeholders that gateways send instead of one.
    pub fn is_picture(&self) -> bool {
        !self.broken && self.is_large() && matches!(self.content, Content::Picture(_))
    }

    /// A whole clip.
    pub fn is_clip(&self) -> bool {
        !self.broken && self.content == Content::Video && self.body.is_some()
    }

    /// Not one of the placeholders.
    pub fn is_large(&self) -> bool {
        self.len >= picture::MIN_BYTES && self.size != Some((1, 1))
    }
}

#[derive(Debug)]
pub(super) struct Slots {
    spool: Spool,
    expected: u64,
    list: Vec<Option<Slot>>,
}

impl Slots {
    pub(super) fn new(spool: Spool, expected: u64) -> Self {
        Self { spool, expected, list: Vec::new() }
    }

    /// Begins a slot.
    pub(super) fn open(&mut self, spacing: Spacing) -> Result<(usize, Decoder), AnswerError> {
        if self.list.len() >= MAX_SLOTS {
            return Err(AnswerError::TooMuch("more than 256 base64 texts"));
        }
        self.list.push(None);
        // Only the first one is worth the reservation: most answers carry exactly one picture.
        let expected = std::mem::take(&mut self.expected);
        Ok((self.list.len() - 1, Decoder::new(self.spool.sink(expected), spacing)))
    }

    /// Ends a slot. `damaged` = the text did not end the way base64 ends.
    pub(super) fn close(&mut self, index: usize, decoder: Decoder, damaged: bool) -> io::Result<()> {
        let Decoded { body, head, broken } = decoder.finish()?;
        let slot = Self::slot(body, &head, broken || damaged);
        if let Some(place) = self.list.get_mut(index) {
            *place = Some(slot);
        }
        Ok(())
    }

    /// A body that is a picture by itself.
    pub(super) fn add_raw(&mut self, body: Body, head: &[u8]) {
        self.list.push(Some(Self::slot(body, head, false)));
    }

    /// A sink for a body that is a picture by itself.
    pub(super) fn raw_sink(&mut self) -> BodySink {
        self.spool.sink(std::mem::take(&mut self.expected) / 3 * 4)
    }

    /// The slots; those that never ended are broken.
    pub(super) fn into_list(self) -> Vec<Slot> {
        let lost = || Slot { body: None, content: Content::Other, size: None, len: 0, broken: true };
        self.list.into_iter().map(|slot| slot.unwrap_or_else(lost)).collect()
    }

    /// How many slots were begun.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether a whole picture was finished in a slot from `first` on.
    pub(super) fn has_picture_from(&self, first: usize) -> bool {
        self.list.iter().skip(first).flatten().any(Slot::is_picture)
    }

    /// Frees the bytes of finished pictures in `range`: something better came, or they are previews.
    pub(super) fn free(&mut self, range: std::ops::Range<usize>) {
        let slots = self.list.iter_mut().take(range.end).skip(range.start).flatten();
        for slot in slots.filter(|slot| matches!(slot.content, Content::Picture(_))) {
            slot.body = None;
        }
    }

    fn slot(body: Body, head: &[u8], broken: bool) -> Slot {
        let content = picture::content(head);
        let len = body.len();
        let size = match content {
            Content::Picture(format) => picture::dimensions(format, &body),
            _ => None,
        };
        let keep = matches!(content, Content::Picture(_) | Content::Video) && !broken;
        Slot { body: keep.then_some(body), content, size, len, broken }
    }
}
