//! The one place where easel makes HTTP clients.
//!
//! Everything that leaves this program over HTTP goes through an [`HttpClient`] made by [`HttpClients`]: the
//! proxy that the configuration names and no other, one TLS stack, bounded answers, bounded waiting, errors
//! that say whether anything was sent, and no secret in any of them. What people point at (picture urls) is
//! fetched by a client that can't reach private addresses.
//!
//! Invariants:
//! - No other easel crate is known here, and no service's dialect: what a status or a body *means* is decided
//!   by the callers.
//! - No proxy comes from the process environment.
//! - No request is repeated by itself. A picture that may have been paid for is never asked for twice here.
//! - No request body is held whole: it is made piece by piece from memory, files and base64 while it is sent.
//! - No answer is read without a limit on its bytes and on the time between two of them.
//!
//! Start reading at [`HttpClients`], then [`Call`], then [`HttpError`].

mod base_url;
mod body;
mod call;
mod client;
mod config;
pub mod crypto;
mod download;
mod error;
pub mod guard;
mod multipart;
mod origin;
mod outgoing;
mod proxy;
mod recorder;
mod redact;
mod retry_after;
mod transport;

pub use base_url::{BaseUrl, BaseUrlError, BaseUrlWarning, UrlStyle};
pub use body::{CappedBody, Response};
pub use call::Call;
pub use client::{HttpClient, HttpClients, ProviderTimeouts};
pub use config::{NetworkSection, Setting};
pub use download::{Download, DownloadLimits};
pub use error::{HttpError, NotSentCause, Stage};
pub use guard::{BlockReason, Lookup, SystemLookup};
pub use multipart::Multipart;
pub use origin::Origin;
pub use outgoing::{BASE64_SEGMENT, Content, Pieces, Segment, unforeseeable};
pub use proxy::{Proxy, ProxyError};
pub use recorder::{Recorded, Recorder};
pub use redact::{Redactor, body_head, redact, redact_url};
pub use retry_after::RetryAdvice;

// What appears in this crate's signatures, so that callers need not name the crates behind it.
pub use bytes::Bytes;
pub use reqwest::{Method, StatusCode, header};
pub use url::Url;
