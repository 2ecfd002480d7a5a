//! Fetching finished pictures and clips from the links in an answer. The result is paid for, so only the download is
//! repeated, and a failure is never a reason to draw again.

use std::{io, time::Duration};

use easel_core::{
    error::{ErrorClass, ProviderError},
    media::{Body, Clip, ClipFormat, Picture},
    ports::{CallContext, ClipLimits, StoreError},
};
use easel_http::{DownloadLimits, HttpError};

use crate::{
    answer::{
        Content,
        picture::{self, MIN_BYTES},
    },
    exchange::Wire,
};

/// Tries per link.
const TRIES: u32 = 3;
/// First bytes that tell the kind of content.
pub(crate) const HEAD: usize = 64;

enum Failed {
    /// Another try may help.
    Passing(String, Option<u16>),
    /// It won't.
    Final(String, Option<u16>),
    /// This machine could not keep what came.
    Local(String),
}

/// Whether another download from the same host will follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The connection stays for it.
    Another,
    /// The connection ends, and with it what it has ready for reading on: as much as a piece of a body, at the very
    /// moment when the whole result is in memory.
    Nothing,
}

/// What a link led to.
struct Fetched {
    body: Body,
    head: Vec<u8>,
    status: Option<u16>,
    /// Where it came from, if others may be sent there: not behind our key, and not into a private network.
    address: Option<String>,
}

impl Wire {
    /// Fetches one picture.
    pub(crate) async fn fetch(
        &self,
        url: &str,
        after: After,
        cx: &CallContext,
    ) -> Result<Picture, ProviderError> {
        self.repeated(url, after, cx, DownloadLimits::result_pictures(), picture_in).await
    }

    /// Fetches one clip.
    pub(crate) async fn fetch_clip(&self, url: &str, cx: &CallContext) -> Result<Clip, ProviderError> {
        let ClipLimits { max_bytes, timeout } = cx.clip_limits;
        let limits = DownloadLimits { max_bytes, total: timeout, ..DownloadLimits::result_clips() };
        self.repeated(url, After::Nothing, cx, limits, clip_in).await
    }

    async fn repeated<T: Send + 'static>(
        &self,
        url: &str,
        after: After,
        cx: &CallContext,
        limits: DownloadLimits,
        judge: fn(Fetched) -> Result<T, Failed>,
    ) -> Result<T, ProviderError> {
        let lost = |detail: String, status| {
            let mut error =
                ProviderError::new(&*self.name, ErrorClass::ResultLost, self.redactor(cx).redact(&detail));
            error.status = status;
            error
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match self.fetch_once(url, after, cx, limits, judge).await {
                Ok(result) => return Ok(result),
                Err(Failed::Final(detail, status)) => return Err(lost(detail, status)),
                Err(Failed::Local(detail)) => {
                    let mut error = lost(detail.clone(), None);
                    error.local = Some(StoreError::Io(format!("a result could not be kept: {detail}")));
                    return Err(error);
                }
                Err(Failed::Passing(detail, status)) if tries >= TRIES => return Err(lost(detail, status)),
                Err(Failed::Passing(detail, status)) => {
                    // Storage that is written after the answer needs a moment: half a second, then one.
                    let pause = Duration::from_millis(500 * u64::from(tries));
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = tokio::time::sleep_until(cx.deadline) => return Err(lost(detail, status)),
                        () = cx.cancel.cancelled() => return Err(lost(detail, status)),
                    }
                }
            }
        }
    }

    async fn fetch_once<T: Send + 'static>(
        &self,
        url: &str,
        after: After,
        cx: &CallContext,
        limits: DownloadLimits,
        judge: fn(Fetched) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let call = self
            .authorised(self.results.get(url), cx)
            .download_limits(limits)
            .deadline(cx.deadline)
            .cancel_on(cx.cancel.clone());
        let call = match after {
            After::Another => call,
            After::Nothing => call.header("connection", "close"),
        };
        let mut response = call.open().await.map_err(|error| failed(&error))?;
        let address = response.public_address().map(|address| address.as_str().to_owned());
        let spool = cx.spool.for_call();
        let mut sink = spool.sink(response.body.expected_bytes().unwrap_or(0));
        let mut head = Vec::with_capacity(HEAD);
        let local = |error: io::Error| Failed::Local(error.to_string());
        while let Some(chunk) = response.body.next_chunk().await.map_err(|error| failed(&error))? {
            let wanted = HEAD - head.len();
            head.extend_from_slice(chunk.get(..wanted).unwrap_or(&chunk));
            let written = spool.beside(chunk.len(), move || sink.write(&chunk).map(|()| sink)).await;
            sink = written.flatten().map_err(local)?;
        }
        let status = Some(response.status.as_u16());
        let judged = spool.beside(0, move || {
            let body = sink.finish()?;
            Ok(judge(Fetched { body, head, status, address }))
        });
        judged.await.flatten().map_err(local)?
    }
}

fn picture_in(Fetched { body, head, status, .. }: Fetched) -> Result<Picture, Failed> {
    let format = match picture::content(&head) {
        Content::Picture(format) => format,
        // Error pages of storage come with status 200 too, and pass.
        Content::Html | Content::Other => {
            return Err(Failed::Passing("the link leads to no picture".to_owned(), status));
        }
        Content::Svg => return Err(Failed::Final("the link leads to an SVG".to_owned(), status)),
        Content::Video => return Err(Failed::Final("the link leads to a clip".to_owned(), status)),
    };
    match picture::dimensions(format, &body) {
        Some((width, height)) if width > 1 && height > 1 && body.len() >= MIN_BYTES => {
            Ok(Picture { format, width, height, body })
        }
        _ => Err(Failed::Final("the link leads to an unreadable picture".to_owned(), status)),
    }
}

fn clip_in(Fetched { body, head, status, address }: Fetched) -> Result<Clip, Failed> {
    match ClipFormat::sniff(&head) {
        Some(format) => Ok(Clip { format, body, link: address }),
        None => match picture::content(&head) {
            Content::Picture(_) => Err(Failed::Final("the link leads to a still".to_owned(), status)),
            _ => Err(Failed::Passing("the link leads to no clip".to_owned(), status)),
        },
    }
}

fn failed(error: &HttpError) -> Failed {
    match error {
        HttpError::Status { status, .. } => Failed::Passing(error.to_string(), Some(*status)),
        HttpError::NotSent { .. }
        | HttpError::Unanswered { .. }
        | HttpError::Cut { .. }
        | HttpError::Deadline { .. } => Failed::Passing(error.to_string(), None),
        _ => Failed::Final(error.to_string(), None),
    }
}
