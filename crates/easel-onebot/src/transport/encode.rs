//! A payload on its way out, a piece at a time: pictures become base64 where they are written, so that no frame and no
//! request body is ever held whole. Whoever writes decides what is around the pieces: a WebSocket frame, or HTTP.

use std::{collections::VecDeque, io};

use bytes::Bytes;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};

use crate::outbound::{Payload, Piece};

/// Raw bytes that are encoded at a time: a multiple of three, 256 KiB as base64.
pub(crate) const STEP: usize = 192 * 1024;

/// Encodes one payload.
#[derive(Debug)]
pub(crate) struct Encoder {
    pieces: VecDeque<Piece>,
    /// The file of the piece that is being read, and bytes left of it.
    file: Option<(File, u64)>,
    /// Raw bytes of that file.
    raw: Vec<u8>,
}

impl Encoder {
    /// Nothing is read yet.
    pub(crate) fn new(payload: Payload) -> Self {
        Self { pieces: payload.into_pieces().into(), file: None, raw: Vec::new() }
    }

    /// Appends the next piece to `out`, at most 256 KiB; false when there is none. The pieces are as long together as
    /// [`Payload::len`] says.
    ///
    /// # Errors
    /// When a picture is shorter than promised, or can't be read.
    pub(crate) async fn encode_next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            if let Some((file, left)) = &mut self.file {
                let want = usize::try_from(*left).unwrap_or(usize::MAX).min(STEP);
                self.raw.resize(want, 0);
                // Exactly: a short read would put padding into the middle.
                file.read_exact(&mut self.raw).await?;
                *left -= want as u64;
                if *left == 0 {
                    self.file = None;
                }
                base64_simd::STANDARD.encode_append(&self.raw, out);
                return Ok(true);
            }
            match self.pieces.pop_front() {
                None => return Ok(false),
                Some(Piece::Json(json)) => {
                    let (part, rest) = cut(json);
                    if let Some(rest) = rest {
                        self.pieces.push_front(Piece::Json(rest));
                    }
                    if !part.is_empty() {
                        out.extend_from_slice(&part);
                        return Ok(true);
                    }
                }
                Some(Piece::Base64 { len: 0, .. }) => {}
                Some(Piece::Base64 { body, offset, len }) => {
                    if let Some(bytes) = body.in_memory() {
                        let start = usize::try_from(offset).map_err(io::Error::other)?;
                        let now = len.min(STEP as u64);
                        let end = usize::try_from(offset + now).map_err(io::Error::other)?;
                        let part = bytes
                            .get(start..end)
                            .ok_or_else(|| io::Error::other("a picture is too short"))?;
                        base64_simd::STANDARD.encode_append(part, out);
                        if now < len {
                            let (offset, len) = (offset + now, len - now);
                            self.pieces.push_front(Piece::Base64 { body, offset, len });
                        }
                        return Ok(true);
                    }
                    let path = body.in_file().ok_or_else(|| io::Error::other("a picture is nowhere"))?;
                    let mut file = File::open(path).await?;
                    file.seek(io::SeekFrom::Start(offset)).await?;
                    self.file = Some((file, len));
                }
            }
        }
    }
}

/// The first bytes, and the rest if there is one.
fn cut(mut json: Bytes) -> (Bytes, Option<Bytes>) {
    if json.len() <= STEP {
        return (json, None);
    }
    let first = json.split_to(STEP);
    (first, Some(json))
}

#[cfg(test)]
mod tests {
    use easel_core::media::Body;

    use super::*;
    use crate::outbound::{self, Chunk};

    fn payload(body: &Body, offset: u64, len: u64) -> Payload {
        let chunk = Chunk {
            stream_id: "s",
            index: 0,
            total: 1,
            body,
            offset,
            len,
            sha256: "",
            name: "a.png",
            retention_ms: 1,
        };
        outbound::upload_chunk(&chunk).params
    }

    async fn encoded(payload: Payload) -> io::Result<String> {
        let (length, mut encoder, mut whole) = (payload.len(), Encoder::new(payload), Vec::new());
        loop {
            let mut piece = Vec::new();
            if !encoder.encode_next(&mut piece).await? {
                break;
            }
            assert!(!piece.is_empty() && piece.len() <= STEP / 3 * 4, "{}", piece.len());
            whole.extend_from_slice(&piece);
        }
        assert_eq!(whole.len() as u64, length, "as long as promised");
        Ok(String::from_utf8(whole).unwrap())
    }

    #[tokio::test]
    async fn memory_and_files_give_the_same_text() {
        let bytes: Vec<u8> = (0..=250).cycle().take(STEP * 2 + 7).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let whole = bytes.len() as u64;
        let bodies = [Body::from_bytes(bytes), Body::from_file(file.path()).unwrap()];
        for (offset, len) in [(0, whole), (3, 5), (1, whole - 1), (whole, 0), (0, STEP as u64)] {
            for body in &bodies {
                let payload = payload(body, offset, len);
                assert_eq!(encoded(payload.clone()).await.unwrap(), payload.to_text(), "{offset} {len}");
            }
        }
    }

    #[tokio::test]
    async fn long_json_is_cut_and_a_short_picture_is_an_error() {
        let json = Payload::from_json("x".repeat(STEP * 2 + 1));
        assert_eq!(encoded(json).await.unwrap().len(), STEP * 2 + 1);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        for body in [Body::from_bytes(&b"abc"[..]), Body::from_file(file.path()).unwrap()] {
            encoded(payload(&body, 0, 4)).await.unwrap_err();
        }
    }
}
