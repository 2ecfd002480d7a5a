//! What calls sent and got, kept in memory for an owner who asks for it: how a service really answers.
//!
//! Nothing is recorded unless a [`Recorder`] was given to the factory of the clients. A record holds no credential that
//! easel sent, because those travel apart from the rest of a call; whether the peer put one into its answer is not known
//! here: whoever shows or stores a record redacts it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Method, StatusCode, header::HeaderMap};
use url::Url;

use crate::outgoing::{Outgoing, Segment};

/// Most bytes that are kept of a request, and of an answer.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Takes down calls while it is given to clients. Cloning shares what it has.
#[derive(Clone, Default)]
pub struct Recorder {
    calls: Arc<Mutex<Vec<Arc<Mutex<Recorded>>>>>,
}

/// A call as far as it came.
#[derive(Clone)]
pub struct Recorded {
    /// Its method.
    pub method: Method,
    /// Where it went, without what [`crate::Call::secret_query`] added.
    pub url: Url,
    /// The content type of the request, when it had a body.
    pub content_type: Option<String>,
    /// The request's body as text; a picture in it is told by its length.
    pub request: String,
    /// The answer's status; none when nothing was answered.
    pub status: Option<StatusCode>,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// What was read of the answer.
    pub body: Vec<u8>,
    /// More was read than is kept.
    pub shortened: bool,
}

/// The record of one call, while it goes on.
#[derive(Clone)]
pub(crate) struct Tape(Arc<Mutex<Recorded>>);

impl Recorder {
    /// Everything since the last time, in the order in which it was sent.
    pub fn take(&self) -> Vec<Recorded> {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        calls.iter().map(|call| call.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    pub(crate) fn begin(&self, method: &Method, url: &Url, body: Option<&Outgoing>) -> Tape {
        let recorded = Arc::new(Mutex::new(Recorded {
            method: method.clone(),
            url: url.clone(),
            content_type: body.map(|body| body.content_type.clone()),
            request: body.map(written).unwrap_or_default(),
            status: None,
            headers: HeaderMap::new(),
            body: Vec::new(),
            shortened: false,
        }));
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&recorded));
        Tape(recorded)
    }
}

impl Tape {
    pub(crate) fn answered(&self, status: StatusCode, headers: &HeaderMap) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.status = Some(status);
        recorded.headers = headers.clone();
    }

    pub(crate) fn read(&self, piece: &[u8]) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_BYTES.saturating_sub(recorded.body.len());
        recorded.shortened |= room < piece.len();
        recorded.body.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl fmt::Debug for Recorded {
    /// What was sent and got may hold anything, secrets included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("method", &self.method)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tape")
    }
}

/// A request's body for people: texts as they are, pictures by their length.
fn written(body: &Outgoing) -> String {
    let mut text = String::new();
    for segment in &body.segments {
        let plain = match segment {
            Segment::Plain(content) => content.in_memory().and_then(|bytes| str::from_utf8(bytes).ok()),
            Segment::Base64(_) => None,
        };
        match plain {
            Some(plain) if text.len() + plain.len() <= MOST_BYTES => text.push_str(plain),
            _ => text.extend(["(", &segment.length().to_string(), " bytes)"]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::outgoing::Content;

    #[test]
    fn a_record_grows_with_its_call_and_is_taken_once() {
        let recorder = Recorder::default();
        let picture = Content::from(Bytes::from(vec![0xff; 30]));
        let body = Outgoing {
            content_type: "application/json".to_owned(),
            segments: vec![
                Bytes::from_static(b"{\"image\":\"").into(),
                Segment::Base64(picture.clone()),
                Bytes::from_static(b"\"}").into(),
                Segment::Plain(picture),
            ],
        };
        let url = Url::parse("https://x.example/v1").unwrap();
        let tape = recorder.begin(&Method::POST, &url, Some(&body));
        tape.answered(StatusCode::NOT_FOUND, &HeaderMap::new());
        tape.read(b"no ");
        tape.read(b"route");
        let [call] = &recorder.take()[..] else { panic!("one call") };
        assert_eq!(call.request, "{\"image\":\"(40 bytes)\"}(30 bytes)");
        assert_eq!((call.status, &call.body[..]), (Some(StatusCode::NOT_FOUND), &b"no route"[..]));
        tape.read(&vec![0; MOST_BYTES]);
        assert!(recorder.take().is_empty(), "taken");
    }
}
