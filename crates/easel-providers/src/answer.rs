//! Reads a provider's answer while it arrives: a small skeleton of its words, and its pictures as bytes.
//!
//! No answer is ever held whole. Base64 is decoded out of the stream into [`easel_core::media::BodySink`]s, which go
//! to disk when the byte budget is used up; what remains is a bounded [`serde_json::Value`] in which a marker stands
//! for each of them. Choosing among the pictures ([`candidates`]) and judging failures ([`crate::classify`]) are pure
//! functions over that skeleton.
//!
//! It must not know any dialect's request side, and it never decides what an error means.

mod base64;
pub mod candidates;
pub(crate) mod clips;
mod events;
mod json;
pub(crate) mod picture;
mod prose;
mod slots;
pub(crate) mod text;
pub(crate) mod usage;

use std::io;

use easel_core::media::{BodySink, PictureFormat, Spool};
use serde_json::Value;

pub use slots::{Content, Slot};

use events::{Events, Folded};
use json::{End, Env, Finished, Parser};
use slots::Slots;
use text::TextScanner;

/// What an answer's skeleton may take of memory while it is read, in bytes: some ten thousand values, or 2.7 MB of text.
pub const SKELETON_BYTES: usize = 8 * 1024 * 1024;
/// Kept of the raw answer for the owner: more than is shown, so that an echoed prompt can be taken out before the cut.
const HEAD_BYTES: usize = 4096;
/// How a body begins that is a data URL and no stream of events.
const DATA_URLS: [&[u8]; 3] = [b"data:image/", b"data:video/", b"data:;base64"];
/// The kind of body is decided when this much is there.
const DECIDE_BYTES: usize = 16;

/// Why an answer could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// It is longer than the owner allows.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It is no picture answer in any sense: too deep, too many values, too much text.
    #[error("the answer is not readable: {0}")]
    TooMuch(&'static str),
    /// The spool could not be written.
    #[error("could not spool the answer")]
    Spool(#[from] io::Error),
}

/// What sort of body it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Nothing but white space.
    Empty,
    /// JSON.
    Json,
    /// Server-sent events, whatever was asked for.
    Events,
    /// A web page.
    Html,
    /// The bytes of a picture, without any envelope.
    Picture,
    /// Other text.
    Text,
}

/// A read answer.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Debug)]
pub struct Answer {
    /// Its words. Events are folded into the shape of a buffered answer.
    pub skeleton: Value,
    /// Its pictures (and other base64), in order of appearance.
    pub slots: Vec<Slot>,
    /// What sort of body it was.
    pub kind: BodyKind,
    /// The body ended where its grammar says that it ends.
    pub whole: bool,
    /// The service itself said that this is all of it: a stream may end without.
    pub ended: bool,
    /// It is not in the grammar that it began in.
    pub malformed: bool,
    /// Preview pictures came before (and perhaps instead of) the result.
    pub previews: bool,
    /// The first kilobyte, as it came.
    pub head: Vec<u8>,
    /// Length in bytes.
    pub len: u64,
}

impl Answer {
    /// The answer that says nothing.
    pub fn empty() -> Self {
        Self {
            skeleton: Value::Null,
            slots: Vec::new(),
            kind: BodyKind::Empty,
            whole: true,
            ended: true,
            malformed: false,
            previews: false,
            head: Vec::new(),
            len: 0,
        }
    }

    /// Whether a picture began to arrive, whole or not.
    pub fn carried_picture(&self) -> bool {
        self.previews
            || self.slots.iter().any(|slot| slot.is_large() && matches!(slot.content, Content::Picture(_)))
    }

    /// The kept beginning as text.
    pub fn head_text(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

#[derive(Debug)]
enum Engine {
    Undecided(Vec<u8>),
    Json(Box<Parser>),
    Events(Box<Events>),
    Text(Box<TextScanner>),
    Html,
    Picture(BodySink),
}

/// Reads one answer; feed it with [`Self::push`] in any split.
#[derive(Debug)]
pub struct AnswerReader {
    engine: Engine,
    slots: Slots,
    room: usize,
    head: Vec<u8>,
    len: u64,
    max_bytes: u64,
}

impl AnswerReader {
    /// A reader. `content_length` is the peer's claim (0 = none), used for reserving memory only; `max_bytes` bounds
    /// the answer as it is on the wire.
    pub fn new(spool: Spool, content_length: u64, max_bytes: u64) -> Self {
        // A claim beyond the limit is not worth a reservation.
        let claim = if content_length <= max_bytes { content_length } else { 0 };
        Self {
            engine: Engine::Undecided(Vec::new()),
            slots: Slots::new(spool, claim / 4 * 3),
            room: SKELETON_BYTES,
            head: Vec::new(),
            len: 0,
            max_bytes,
        }
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// [`AnswerError`]; the reader is of no use afterwards.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), AnswerError> {
        self.len += piece.len() as u64;
        if self.len > self.max_bytes {
            return Err(AnswerError::TooLarge { limit: self.max_bytes });
        }
        let wanted = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(piece.get(..wanted).unwrap_or(piece));
        if let Engine::Undecided(start) = &mut self.engine {
            start.extend_from_slice(piece);
            let blank = start.len() - trimmed(start).len();
            start.drain(..blank);
            if start.len() < DECIDE_BYTES {
                return Ok(());
            }
            return self.decide();
        }
        self.feed(piece)
    }

    /// Ends the answer; `cut` = the connection broke before the body's end.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn finish(mut self, cut: bool) -> Result<Answer, AnswerError> {
        if let Engine::Undecided(start) = &self.engine
            && !trimmed(start).is_empty()
        {
            self.decide()?;
        }
        let Self { engine, mut slots, mut room, head, len, .. } = self;
        let mut answer = Answer { whole: !cut, head, len, ..Answer::empty() };
        match engine {
            Engine::Undecided(_) => {}
            Engine::Html => answer.kind = BodyKind::Html,
            Engine::Json(parser) => {
                let Finished { value, end } =
                    parser.finish(&mut Env { slots: &mut slots, room: &mut room, streams: None })?;
                answer.kind = BodyKind::Json;
                answer.skeleton = value;
                // Rubbish after the whole value, or a connection that broke there, loses nothing.
                answer.whole = end == End::Whole;
                answer.malformed = end == End::Malformed;
            }
            Engine::Events(events) => {
                let Folded { skeleton, cut: inside, ended, previews } =
                    events.finish(cut, &mut slots, &mut room)?;
                answer.kind = BodyKind::Events;
                answer.skeleton = skeleton;
                answer.whole = !inside && (ended || !cut);
                answer.ended = ended;
                answer.previews = previews;
            }
            Engine::Text(scanner) => {
                answer.kind = BodyKind::Text;
                answer.skeleton = Value::String(scanner.finish(cut, &mut slots)?);
            }
            Engine::Picture(sink) => {
                answer.kind = BodyKind::Picture;
                if cut {
                    answer.previews = true;
                } else {
                    slots.add_raw(sink.finish()?, &answer.head);
                }
            }
        }
        answer.ended &= answer.whole;
        answer.slots = slots.into_list();
        Ok(answer)
    }

    fn decide(&mut self) -> Result<(), AnswerError> {
        let Engine::Undecided(start) = std::mem::replace(&mut self.engine, Engine::Html) else {
            return Ok(());
        };
        let start = trimmed(&start);
        let is_field = |name: &[u8]| start.starts_with(name);
        self.engine = match start.first() {
            Some(b'{' | b'[' | b'"') => Engine::Json(Box::new(Parser::new())),
            _ if DATA_URLS.iter().any(|start| is_field(start)) => {
                Engine::Text(Box::new(TextScanner::new(true)))
            }
            Some(b':') => Engine::Events(Box::new(Events::new())),
            _ if is_field(b"data:") || is_field(b"event:") || is_field(b"id:") || is_field(b"retry:") => {
                Engine::Events(Box::new(Events::new()))
            }
            Some(b'<') => Engine::Html,
            _ if PictureFormat::sniff(start).is_some() => Engine::Picture(self.slots.raw_sink()),
            _ => Engine::Text(Box::new(TextScanner::new(true))),
        };
        let start = start.to_vec();
        self.feed(&start)
    }

    fn feed(&mut self, piece: &[u8]) -> Result<(), AnswerError> {
        let Self { engine, slots, room, .. } = self;
        match engine {
            Engine::Undecided(_) | Engine::Html => Ok(()),
            Engine::Json(parser) => parser.push(piece, &mut Env { slots, room, streams: None }),
            Engine::Events(events) => events.push(piece, slots, room),
            Engine::Text(scanner) => scanner.push(piece, slots, room),
            Engine::Picture(sink) => Ok(sink.write(piece)?),
        }
    }
}

/// Without a byte order mark and white space at the beginning.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii_start();
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start()
}

#[cfg(test)]
mod tests;
