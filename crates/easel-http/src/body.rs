//! Answers, read piece by piece under limits on bytes and time.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::client::Hop;
use crate::error::{self, HttpError, Stage};
use crate::guard::is_local_name;
use crate::recorder::Tape;
use crate::redact::redact_url;
use crate::retry_after::RetryAdvice;

/// The limits of one call.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// When the whole call ends, the reading of the body included.
    pub(crate) deadline: Option<Instant>,
    /// Longest silence between the last piece sent and the status line.
    pub(crate) answer: Duration,
    /// Longest silence inside the body.
    pub(crate) idle: Duration,
    /// Most bytes of the body.
    pub(crate) max_answer_bytes: u64,
    /// Ends the call from outside.
    pub(crate) cancel: CancellationToken,
    /// Takes the call down, where somebody wishes it.
    pub(crate) tape: Option<Tape>,
}

impl Limits {
    /// Completes at the deadline, or never.
    pub(crate) async fn out_of_time(&self) {
        match self.deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }
}

/// An answer: status and headers have come, the body is still on its way.
pub struct Response {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The url that answered: after redirects and rewriting, without private parameters. Redact it before it is shown.
    pub url: Url,
    /// The host is a stranger's, reached as anybody reaches it.
    guarded: bool,
    /// The body. Dropping it closes the connection, unless the body was read to its end.
    pub body: CappedBody,
}

impl Response {
    pub(crate) fn new(mut response: reqwest::Response, hop: Hop, limits: Limits) -> Self {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        if let Some(tape) = &limits.tape {
            tape.answered(status, &headers);
        }
        let body = CappedBody::new(response, status, limits);
        Self { status, headers, url: hop.url, guarded: hop.guarded, body }
    }

    /// The address that answered, when other people and other programs may be sent there: its host is a public one that
    /// nobody vouched for and that got no credentials. Addresses are in the one spelling that everybody reads alike.
    pub fn public_address(&self) -> Option<&Url> {
        let named_inside = self.url.domain().is_some_and(is_local_name);
        (self.guarded && !named_inside).then_some(&self.url)
    }

    /// A header's value, where it is plain text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the server says about asking again, counted from `now`.
    pub fn retry_advice(&self, now: DateTime<Utc>) -> RetryAdvice {
        RetryAdvice::from_headers(&self.headers, now)
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }
}

impl fmt::Debug for Response {
    /// Headers may hold cookies and urls keys, so neither is shown as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = redact_url(&self.url);
        f.debug_struct("Response").field("status", &self.status).field("url", &url).finish_non_exhaustive()
    }
}

/// A body under limits. Nothing is read from the socket before somebody asks for it, so not asking is how a
/// caller makes the peer wait.
pub struct CappedBody {
    /// `None` after the end and after a failure.
    response: Option<reqwest::Response>,
    failure: Option<HttpError>,
    status: u16,
    expected: Option<u64>,
    received: u64,
    limits: Limits,
}

impl CappedBody {
    fn new(response: reqwest::Response, status: StatusCode, limits: Limits) -> Self {
        let expected = response.content_length();
        let mut body = Self {
            response: Some(response),
            failure: None,
            status: status.as_u16(),
            expected,
            received: 0,
            limits,
        };
        body.refuse_if_too_large();
        body
    }

    /// The next piece as it came off the wire, uncopied; `None` at the end of the body.
    ///
    /// Cancel-safe: dropping the future loses no bytes, the next call goes on where it stood.
    ///
    /// # Errors
    /// `Cut`, `TooLarge` (before the piece that would pass the limit), `Deadline`, `Cancelled`. A failed body
    /// repeats its failure.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some(response) = &mut self.response else { return Ok(None) };
        let outcome = tokio::select! {
            biased;
            chunk = response.chunk() => {
                chunk.map_err(|error| error::from_body(error, self.status, self.received))
            }
            () = self.limits.cancel.cancelled() => Err(HttpError::Cancelled { stage: Stage::Reading }),
            () = self.limits.out_of_time() => Err(HttpError::Deadline { stage: Stage::Reading }),
            () = tokio::time::sleep(self.limits.idle) => Err(HttpError::Cut {
                status: self.status,
                received_bytes: self.received,
                detail: format!("silent for {} ms", self.limits.idle.as_millis()),
            }),
        };
        match outcome {
            Ok(Some(chunk)) => {
                let received = self.received.saturating_add(chunk.len() as u64);
                if received > self.limits.max_answer_bytes {
                    let limit_bytes = self.limits.max_answer_bytes;
                    return Err(self.fail(HttpError::TooLarge { limit_bytes }));
                }
                self.received = received;
                if let Some(tape) = &self.limits.tape {
                    tape.read(&chunk);
                }
                Ok(Some(chunk))
            }
            Ok(None) => {
                self.response = None;
                Ok(None)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The rest of the body in one buffer, at most `max_bytes` of it. A body of one piece is not copied.
    ///
    /// # Errors
    /// As [`next_chunk`](Self::next_chunk); `TooLarge` also for `max_bytes`.
    pub async fn read_all(&mut self, max_bytes: u64) -> Result<Bytes, HttpError> {
        self.lower_limit(max_bytes);
        let Some(first) = self.next_chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next_chunk().await? else { return Ok(first) };
        let wanted = self.expected.unwrap_or(0).min(self.limits.max_answer_bytes);
        // The length was promised by the peer and is below the caller's own limit.
        let mut whole =
            BytesMut::with_capacity(usize::try_from(wanted).unwrap_or(0).max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        drop(first);
        whole.extend_from_slice(&second);
        drop(second);
        while let Some(chunk) = self.next_chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The first `max_bytes` of what is left, or less where the body ends or breaks off before: for the bodies
    /// of failures, where any part is better than none.
    pub async fn read_head(&mut self, max_bytes: usize) -> Bytes {
        let mut head = BytesMut::new();
        while head.len() < max_bytes {
            let Ok(Some(chunk)) = self.next_chunk().await else { break };
            let wanted = max_bytes - head.len();
            head.extend_from_slice(chunk.get(..wanted).unwrap_or(&chunk));
        }
        head.freeze()
    }

    /// Length of the whole body as the peer announced it; a hint, absent for chunked and compressed bodies.
    pub fn expected_bytes(&self) -> Option<u64> {
        self.expected
    }

    /// Bytes handed out so far.
    pub fn received_bytes(&self) -> u64 {
        self.received
    }

    /// Lowers the limit on the whole body; never raises it.
    pub fn lower_limit(&mut self, max_bytes: u64) {
        self.limits.max_answer_bytes = self.limits.max_answer_bytes.min(max_bytes);
        self.refuse_if_too_large();
    }

    /// An announced length beyond the limit fails before a byte is read.
    fn refuse_if_too_large(&mut self) {
        let limit_bytes = self.limits.max_answer_bytes;
        if self.response.is_some() && self.expected.is_some_and(|expected| expected > limit_bytes) {
            self.fail(HttpError::TooLarge { limit_bytes });
        }
    }

    fn fail(&mut self, error: HttpError) -> HttpError {
        self.response = None;
        self.failure = Some(error.clone());
        error
    }
}

impl fmt::Debug for CappedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CappedBody")
            .field("received", &self.received)
            .field("expected", &self.expected)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
