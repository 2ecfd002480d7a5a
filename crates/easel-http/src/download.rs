//! Fetching a picture or a clip: only status 200 counts, and everything is bounded.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use url::Url;

use crate::body::Response;
use crate::call::Call;
use crate::client::HttpClient;
use crate::error::HttpError;
use crate::redact::{body_head, redact_url};

/// Bytes of a refused answer that are read for the error's text.
const REFUSAL_BYTES: usize = 4096;

/// Bounds of one download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownloadLimits {
    /// Most bytes; an announced length beyond it fails at once, the real ones are counted as they come.
    pub max_bytes: u64,
    /// Longest time for all of it, redirects included.
    pub total: Duration,
    /// Longest silence before the status line and inside the body.
    pub idle: Duration,
}

impl DownloadLimits {
    /// For pictures that people link to: `max_bytes` (`[network] max_download_bytes`, as it is now), 60 s in all, 15 s of
    /// silence.
    pub fn user_pictures(max_bytes: u64) -> Self {
        let (total, idle) = (Duration::from_mins(1), Duration::from_secs(15));
        Self { max_bytes, total, idle }
    }

    /// For pictures that a provider made: 50 MiB, 60 s in all, 30 s of silence.
    pub fn result_pictures() -> Self {
        Self { max_bytes: 50 << 20, total: Duration::from_mins(1), idle: Duration::from_secs(30) }
    }

    /// For clips that a provider made: 200 MiB, 300 s in all, 30 s of silence.
    pub fn result_clips() -> Self {
        Self { max_bytes: 200 << 20, total: Duration::from_mins(5), idle: Duration::from_secs(30) }
    }
}

/// A finished download.
#[derive(Clone)]
pub struct Download {
    /// The bytes as the server sent them; compression, if any, is not undone.
    pub bytes: Bytes,
    /// What the server says they are. Servers are often wrong: look at the bytes.
    pub content_type: Option<String>,
    /// The url that answered, after redirects and rewriting. Redact it before it is shown.
    pub url: Url,
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("bytes", &self.bytes.len())
            .field("content_type", &self.content_type)
            .field("url", &redact_url(&self.url))
            .finish()
    }
}

impl HttpClient {
    /// Fetches `url` into memory.
    ///
    /// # Errors
    /// As [`Call::download`].
    pub async fn download(&self, url: &str, limits: DownloadLimits) -> Result<Download, HttpError> {
        self.get(url).download_limits(limits).download().await
    }
}

impl Call {
    /// Applies the bounds of a download.
    pub fn download_limits(self, limits: DownloadLimits) -> Self {
        self.within(limits.total)
            .answer_timeout(limits.idle)
            .idle_timeout(limits.idle)
            .max_answer_bytes(limits.max_bytes)
    }

    /// Sends the call and accepts only status 200; the body is left to the caller, who may spool it to disk.
    ///
    /// # Errors
    /// `Status` for any other status, with the beginning of its body; else as [`send`](Self::send).
    pub async fn open(self) -> Result<Response, HttpError> {
        let mut response = self.send().await?;
        if response.status == StatusCode::OK {
            return Ok(response);
        }
        let head = response.body.read_head(REFUSAL_BYTES).await;
        Err(HttpError::Status { status: response.status.as_u16(), body_head: body_head(&head) })
    }

    /// Sends the call, accepts only status 200 and reads the whole body into memory.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Cut` or `TooLarge` for the body.
    pub async fn download(self) -> Result<Download, HttpError> {
        let Response { headers, url, mut body, .. } = self.open().await?;
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Download { bytes: body.read_all(u64::MAX).await?, content_type, url })
    }
}
