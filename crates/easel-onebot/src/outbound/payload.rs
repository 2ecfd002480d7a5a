//! Outgoing JSON in pieces, so that a picture's base64 never passes through a JSON writer and is never held whole:
//! whoever writes the frame encodes it on the way to the socket.

use std::io;

use bytes::Bytes;
use easel_core::media::Body;
use easel_http::{BASE64_SEGMENT, Content, Segment};

use super::Source;

/// Else pictures would be copied where their base64 goes from one segment to the next.
const _: () = assert!(easel_core::media::SEGMENT == BASE64_SEGMENT, "bodies are encoded segment by segment");

/// JSON text, or bytes that stand in it as base64.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Written as it is.
    Json(Bytes),
    /// Encoded while it is written. Base64 needs no JSON escapes.
    Base64 {
        /// Where the bytes are.
        body: Body,
        /// First byte.
        offset: u64,
        /// How many.
        len: u64,
    },
}

impl Piece {
    fn into_segment(self) -> Segment {
        match self {
            Self::Json(json) => json.into(),
            Self::Base64 { body, offset, len } => Segment::Base64(content(&body).part(offset, len)),
        }
    }
}

/// The bytes of a body where they lie, to be read while they are sent.
pub(crate) fn content(body: &Body) -> Content {
    let whole = match body.in_file() {
        Some(path) => Content::file(path, body.len()),
        None => Content::segments(body.in_memory().unwrap_or_default().iter().cloned()),
    };
    whole.kept_by(body.clone())
}

/// A JSON value in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payload {
    pieces: Vec<Piece>,
}

impl Payload {
    /// Ready JSON.
    pub(crate) fn from_json(json: String) -> Self {
        Self { pieces: vec![Piece::Json(json.into())] }
    }

    /// The whole frame of a call.
    pub(crate) fn into_frame(self, action: &str, echo: &str) -> Self {
        // Both are ours: letters, digits and dashes.
        let head = format!("{{\"action\":\"{action}\",\"echo\":\"{echo}\",\"params\":");
        let mut pieces = self.pieces;
        if let [Piece::Json(only)] = pieces.as_slice() {
            let mut frame = Vec::with_capacity(head.len() + only.len() + 1);
            frame.extend_from_slice(head.as_bytes());
            frame.extend_from_slice(only);
            frame.push(b'}');
            return Self { pieces: vec![Piece::Json(frame.into())] };
        }
        pieces.insert(0, Piece::Json(head.into()));
        pieces.push(Piece::Json(Bytes::from_static(b"}")));
        Self { pieces }
    }

    /// The pieces in order.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Looks whether everything that lies in files is still there, as far as a look at their lengths tells.
    ///
    /// # Errors
    /// When a file is gone or shorter than it was.
    pub(crate) async fn check(&self) -> io::Result<()> {
        for piece in &self.pieces {
            let Piece::Base64 { body, offset, len } = piece else { continue };
            let Some(path) = body.in_file() else { continue };
            if tokio::fs::metadata(path).await?.len() < offset + len {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
            }
        }
        Ok(())
    }

    /// What is to be written, in order.
    pub(crate) fn into_segments(self) -> Vec<Segment> {
        self.pieces.into_iter().map(Piece::into_segment).collect()
    }

    /// Bytes on the wire.
    pub(crate) fn len(&self) -> u64 {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Json(json) => json.len() as u64,
                Piece::Base64 { len, .. } => encoded_len(*len),
            })
            .sum()
    }

    /// The whole text. For tests, and for messages without pictures.
    #[cfg(test)]
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Json(json) => text.push_str(std::str::from_utf8(json).unwrap()),
                Piece::Base64 { body, offset, len } => {
                    let bytes = body.read().unwrap();
                    let range = usize::try_from(*offset).unwrap()..usize::try_from(offset + len).unwrap();
                    text.push_str(&base64_simd::STANDARD.encode_to_string(&bytes[range]));
                }
            }
        }
        text
    }
}

/// Length of `len` bytes in base64.
pub(crate) fn encoded_len(len: u64) -> u64 {
    len.div_ceil(3) * 4
}

/// Puts pieces together.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pieces: Vec<Piece>,
    json: Vec<u8>,
}

impl Writer {
    /// Appends JSON.
    pub(crate) fn raw(&mut self, json: &str) {
        self.json.extend_from_slice(json.as_bytes());
    }

    /// Appends a JSON string.
    pub(crate) fn string(&mut self, text: &str) {
        // Writing a string into memory has no way to fail.
        drop(serde_json::to_writer(&mut self.json, text));
    }

    /// Appends base64, without quotes.
    pub(crate) fn base64(&mut self, body: &Body, offset: u64, len: u64) {
        if !self.json.is_empty() {
            self.pieces.push(Piece::Json(std::mem::take(&mut self.json).into()));
        }
        self.pieces.push(Piece::Base64 { body: body.clone(), offset, len });
    }

    /// Appends a JSON string that tells where a picture is.
    pub(crate) fn source(&mut self, source: &Source) {
        match source {
            Source::Uri(uri) => self.string(uri),
            Source::Base64(body) => {
                self.raw("\"base64://");
                self.base64(body, 0, body.len());
                self.raw("\"");
            }
        }
    }

    /// What was written.
    pub(crate) fn finish(mut self) -> Payload {
        if !self.json.is_empty() {
            self.pieces.push(Piece::Json(self.json.into()));
        }
        Payload { pieces: self.pieces }
    }
}
