//! Request bodies, sent from the buffers that hold them, and how far their sending has come.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

/// Bytes handed to the connection at a time: enough to keep it busy, few enough that progress can be seen.
const PIECE_BYTES: usize = 256 * 1024;

/// A request body of known length.
pub(crate) struct Outgoing {
    pub(crate) content_type: String,
    content: Content,
}

enum Content {
    /// Buffers that are sent one after the other without being copied together.
    Segments(Vec<Bytes>),
    /// Made while it is sent.
    Stream { length: u64, stream: ByteStream },
}

type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

impl Outgoing {
    pub(crate) fn segments(content_type: &str, segments: Vec<Bytes>) -> Self {
        Self { content_type: content_type.to_owned(), content: Content::Segments(segments) }
    }

    pub(crate) fn stream(
        content_type: &str,
        length: u64,
        stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        let content = Content::Stream { length, stream: Box::pin(stream) };
        Self { content_type: content_type.to_owned(), content }
    }

    pub(crate) fn length(&self) -> u64 {
        match &self.content {
            Content::Segments(segments) => segments.iter().map(|segment| segment.len() as u64).sum(),
            Content::Stream { length, .. } => *length,
        }
    }

    /// The buffers of a body that is made of some.
    #[cfg(test)]
    pub(crate) fn buffers(&self) -> &[Bytes] {
        match &self.content {
            Content::Segments(segments) => segments,
            Content::Stream { .. } => &[],
        }
    }

    /// The body as the client wants it. `progress` counts the pieces that the connection took.
    pub(crate) fn into_body(self, progress: Arc<Progress>) -> reqwest::Body {
        match self.content {
            Content::Segments(segments) => {
                let waiting = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
                reqwest::Body::wrap_stream(Pieces { waiting, progress })
            }
            Content::Stream { stream, .. } => reqwest::Body::wrap_stream(Counted { stream, progress }),
        }
    }
}

/// How much of a request the connection has asked for.
///
/// A connection asks for the first piece only after it stands and has taken the head, so no piece taken means
/// that nothing was sent.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    steps: AtomicU64,
}

impl Progress {
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Acquire)
    }

    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Ordering::AcqRel);
    }
}

struct Pieces {
    waiting: VecDeque<Bytes>,
    progress: Arc<Progress>,
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.progress.step();
        let Some(front) = self.waiting.front_mut() else { return Poll::Ready(None) };
        if front.len() > PIECE_BYTES {
            return Poll::Ready(Some(Ok(front.split_to(PIECE_BYTES))));
        }
        Poll::Ready(self.waiting.pop_front().map(Ok))
    }
}

struct Counted {
    stream: ByteStream,
    progress: Arc<Progress>,
}

impl Stream for Counted {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.progress.step();
        self.stream.as_mut().poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn pieces_are_views_of_the_same_memory() {
        let picture = Bytes::from(vec![7; PIECE_BYTES + 10]);
        let progress = Arc::new(Progress::default());
        let waiting = [picture.clone(), Bytes::from_static(b"end")].into();
        let mut pieces = Pieces { waiting, progress: Arc::clone(&progress) };
        assert_eq!(progress.steps(), 0);
        let first = pieces.next().await.unwrap().unwrap();
        assert_eq!(first.as_ptr(), picture.as_ptr());
        let second = pieces.next().await.unwrap().unwrap();
        assert_eq!((first.len(), second.len()), (PIECE_BYTES, 10));
        assert_eq!(pieces.next().await.unwrap().unwrap(), "end");
        assert!(pieces.next().await.is_none());
        assert_eq!(progress.steps(), 4);
    }
}
