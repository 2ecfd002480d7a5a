//! What can go wrong with a call, cut by what the caller may do next.
//!
//! ```text
//! HttpError
//! ├── BadUrl, BadHeader    nothing was sent: the configuration or the caller is wrong
//! ├── Blocked              nothing was sent to the refused place: the guard said no
//! ├── NotSent              nothing was sent: name, connection, TLS or proxy; repeating is safe
//! ├── Unreadable           sent in part: a file of the request could not be read to its end
//! ├── Unanswered           sent, no status line came: may have been done and paid
//! ├── Status               answered, with a status that the caller's purpose can't use (downloads only)
//! ├── Cut                  answered, the body broke off
//! ├── TooLarge             answered, with more bytes than allowed
//! └── Deadline, Cancelled  at the stage that they name
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::guard::{BlockReason, LookupFailed, Refused};
use crate::outgoing::Progress;
use crate::redact::redact;

/// How far a call had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// No byte of the request was sent.
    Connecting,
    /// The request, or some of it, was sent; no status line came back. For a call without a body this begins
    /// at once, because nobody can tell.
    Waiting,
    /// The status line had come.
    Reading,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "before anything was sent",
            Self::Waiting => "while waiting for the answer",
            Self::Reading => "while reading the answer",
        })
    }
}

/// Why nothing could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotSentCause {
    /// The name could not be resolved.
    Name,
    /// The peer refused the connection.
    Refused,
    /// Connecting took too long.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The configured proxy could not be used: it refused, wanted a password, or could not reach the host.
    Proxy,
    /// Anything else before the first byte.
    Other,
}

impl fmt::Display for NotSentCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "the name could not be resolved",
            Self::Refused => "the connection was refused",
            Self::ConnectTimeout => "connecting took too long",
            Self::Tls => "the TLS handshake failed",
            Self::Proxy => "the proxy did not connect",
            Self::Other => "no connection",
        })
    }
}

/// A failed call. Texts are for logs and owners, in English, and hold no secrets: urls in them are redacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent, so repeating it can't do anything twice.
    #[error("nothing was sent: {cause}{}", after_colon(detail))]
    NotSent {
        /// What stood in the way.
        cause: NotSentCause,
        /// The chain of causes below, redacted. May be empty.
        detail: String,
    },
    /// The request was sent, at least in part, and no status line came back: silence, reset, end of stream or
    /// something that is not HTTP. The peer may have done, and charged for, what was asked.
    #[error("sent, but not answered{}", after_colon(detail))]
    Unanswered {
        /// Whether the connection had taken the end of the request; when not, the peer certainly had it in part only.
        whole: bool,
        /// The chain of causes, redacted.
        detail: String,
    },
    /// Some of the request could not be read here, so the call was broken off: the peer never had it whole.
    #[error("the request could not be read to its end{}", after_colon(detail))]
    Unreadable {
        /// The chain of causes, redacted.
        detail: String,
    },
    /// The status came, the body broke off: early end, reset, silence, or broken compression.
    #[error("the answer with status {status} broke off after {received_bytes} bytes{}", after_colon(detail))]
    Cut {
        /// Status of the answer.
        status: u16,
        /// Body bytes that had been handed out before.
        received_bytes: u64,
        /// The chain of causes, redacted.
        detail: String,
    },
    /// The answer is larger than the caller's limit.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: u64,
    },
    /// The guard refused the url, a redirect's target, or every address of its name.
    #[error("{host} is not fetched: {reason}")]
    Blocked {
        /// Host that was refused, without path, query or user info.
        host: String,
        /// Which rule refused it.
        reason: BlockReason,
    },
    /// A download was answered with another status than 200.
    #[error("answered with status {status}{}", after_colon(body_head))]
    Status {
        /// The status; a redirect that can't be followed shows up here too.
        status: u16,
        /// First kilobyte of the body, redacted, without control characters.
        body_head: String,
    },
    /// The time for the whole call was over.
    #[error("out of time {stage}")]
    Deadline {
        /// How far the call had come.
        stage: Stage,
    },
    /// The call's cancellation token fired.
    #[error("cancelled {stage}")]
    Cancelled {
        /// How far the call had come.
        stage: Stage,
    },
    /// The text is no url that HTTP can use.
    #[error("not a usable url{}", after_colon(detail))]
    BadUrl {
        /// What is wrong with it, redacted.
        detail: String,
    },
    /// A header's name or value can't be written to the wire, for example a key with a line break in it.
    #[error("the header {name} holds characters that HTTP does not allow")]
    BadHeader {
        /// Name of the header, never its value.
        name: String,
    },
}

impl HttpError {
    /// Whether it is certain that the peer got nothing, so that repeating can't do anything twice.
    pub fn nothing_sent(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Blocked { .. } | Self::BadUrl { .. } | Self::BadHeader { .. } => {
                true
            }
            Self::Deadline { stage } | Self::Cancelled { stage } => *stage == Stage::Connecting,
            Self::Unreadable { .. }
            | Self::Unanswered { .. }
            | Self::Cut { .. }
            | Self::TooLarge { .. }
            | Self::Status { .. } => false,
        }
    }

    /// Whether it is certain that the peer got some of the request at most, so that one that does nothing by halves has
    /// done nothing.
    pub fn never_whole(&self) -> bool {
        self.nothing_sent() || matches!(self, Self::Unreadable { .. } | Self::Unanswered { whole: false, .. })
    }

    /// Whether the peer had answered with a status line.
    pub fn answered(&self) -> bool {
        match self {
            Self::Cut { .. } | Self::TooLarge { .. } | Self::Status { .. } => true,
            Self::Deadline { stage } | Self::Cancelled { stage } => *stage == Stage::Reading,
            _ => false,
        }
    }

    /// Whether the TLS handshake failed, for callers that know a plain-text way to the same bytes.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::NotSent { cause: NotSentCause::Tls, .. })
    }
}

fn after_colon(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// What is known about a request whose sending failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending<'a> {
    /// Host for texts.
    pub(crate) host: &'a str,
    /// The url's scheme is https.
    pub(crate) https: bool,
    /// A proxy stands between.
    pub(crate) proxied: bool,
    /// Whether something may have been sent.
    pub(crate) stage: Stage,
    /// How much of the body the connection has taken, and whether it could be read.
    pub(crate) progress: &'a Progress,
}

/// Reads the client's error for a request that got no status line.
pub(crate) fn from_sending(error: reqwest::Error, sending: Sending<'_>) -> HttpError {
    let error = error.without_url();
    if let Some(Refused(reason)) = find(&error) {
        return HttpError::Blocked { host: sending.host.to_owned(), reason: *reason };
    }
    let detail = chain(&error);
    if error.is_builder() {
        return HttpError::BadUrl { detail };
    }
    if sending.progress.is_unreadable() {
        return HttpError::Unreadable { detail };
    }
    if error.is_connect() || sending.stage == Stage::Connecting {
        return HttpError::NotSent { cause: cause(&error, &detail, sending), detail };
    }
    HttpError::Unanswered { whole: sending.progress.is_complete(), detail }
}

/// Reads the client's error for a body that broke off.
pub(crate) fn from_body(error: reqwest::Error, status: u16, received_bytes: u64) -> HttpError {
    HttpError::Cut { status, received_bytes, detail: chain(&error.without_url()) }
}

fn cause(error: &reqwest::Error, detail: &str, sending: Sending<'_>) -> NotSentCause {
    if find::<LookupFailed>(error).is_some() {
        return NotSentCause::Name;
    }
    if find::<rustls::Error>(error).is_some() {
        return NotSentCause::Tls;
    }
    // The proxy connectors' error types are private to the client; only their texts come out.
    if sending.proxied && ["tunnel error", "SOCKS error"].iter().any(|text| detail.contains(text)) {
        return NotSentCause::Proxy;
    }
    if error.is_timeout() {
        return NotSentCause::ConnectTimeout;
    }
    // The outer ones are wrappers of kind `Other`, so every one is looked at.
    let io_kind = |wanted: &[io::ErrorKind]| {
        causes(error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|io| wanted.contains(&io.kind()))
    };
    if io_kind(&[io::ErrorKind::ConnectionRefused]) {
        return NotSentCause::Refused;
    }
    // A peer that hangs up while the handshake runs leaves no TLS error behind.
    let hung_up =
        [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionAborted];
    if sending.https && io_kind(&hung_up) { NotSentCause::Tls } else { NotSentCause::Other }
}

/// The first error of type `E` among the causes.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref::<E>())
}

/// `error` and everything below it.
///
/// An `io::Error` hides the error it wraps from `source()`, so it is opened by hand.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

/// The texts of the causes below `error`, redacted. The outermost ("error sending request") says nothing.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        // Wrappers often repeat what they wrap.
        if !text.contains(&said) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&said);
        }
        next = cause.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    redact(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &HttpError, nothing_sent: bool, answered: bool) {
        assert_eq!((error.nothing_sent(), error.answered()), (nothing_sent, answered), "{error}");
    }

    #[test]
    fn errors_say_how_far_it_came() {
        check(&HttpError::NotSent { cause: NotSentCause::Refused, detail: String::new() }, true, false);
        for whole in [true, false] {
            let unanswered = HttpError::Unanswered { whole, detail: String::new() };
            check(&unanswered, false, false);
            assert_eq!(unanswered.never_whole(), !whole);
        }
        check(&HttpError::Unreadable { detail: String::new() }, false, false);
        check(&HttpError::Cut { status: 200, received_bytes: 3, detail: String::new() }, false, true);
        check(&HttpError::Deadline { stage: Stage::Connecting }, true, false);
        check(&HttpError::Deadline { stage: Stage::Waiting }, false, false);
        check(&HttpError::Cancelled { stage: Stage::Reading }, false, true);
        check(&HttpError::TooLarge { limit_bytes: 1 }, false, true);
    }
}
