//! NapCat's stream download: the implementation fetches the picture and hands it over in chunks of base64, in frames of
//! their own under one echo (NapCat API, `download_file_image_stream`). For links that cannot be reached from here.

use std::sync::{Arc, Mutex, PoisonError};

use base64_simd::STANDARD;
use easel_core::{
    media::{Body, BodySink, Spool},
    ports::DownloadError,
};
use serde::Deserialize;

use super::OneBot;
use crate::{
    hub::Link,
    inbound::{
        Answer,
        wire::{self, Raw},
    },
    outbound,
    transport::Frames,
};

/// Raw bytes per chunk: few enough that a frame is no burden, and the same as the writer's own pieces.
const CHUNK: u64 = 192 * 1024;

/// Frames in a row without a chunk: implementations may tell how far they are.
const MAX_EMPTY: u32 = 256;

/// What one frame says.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow)]
    data_type: Raw<'a>,
    #[serde(borrow)]
    index: Raw<'a>,
    #[serde(borrow)]
    data: Raw<'a>,
    #[serde(borrow)]
    file_size: Raw<'a>,
    #[serde(borrow)]
    total_bytes: Raw<'a>,
}

/// A picture on its way. Holds no more than its sink: memory that the budget knows, else a file.
struct Receiving {
    spool: Spool,
    max_bytes: u64,
    /// The index that the next chunk must have.
    next: i64,
    sink: BodySink,
    /// Frames since the last chunk.
    empty: u32,
    result: Option<Result<Body, DownloadError>>,
}

impl OneBot {
    /// Has the implementation fetch a picture and takes it chunk by chunk.
    pub(super) async fn stream(
        &self,
        link: &Link,
        file: &str,
        max_bytes: u64,
    ) -> Result<Body, DownloadError> {
        let receiving = Arc::new(Mutex::new(Receiving::new(self.spool.clone(), max_bytes)));
        let frames = Frames::new({
            let receiving = Arc::clone(&receiving);
            move |answer| receiving.lock().unwrap_or_else(PoisonError::into_inner).take(answer)
        });
        let failed = |why: &dyn std::fmt::Debug| DownloadError::Unreachable(format!("no stream: {why:?}"));
        let called = link.call_frames(outbound::stream_image(file, CHUNK), max_bytes, frames).await;
        let result = receiving.lock().unwrap_or_else(PoisonError::into_inner).result.take();
        match (result, called) {
            (Some(result), _) => result,
            (None, Err(error)) => Err(failed(&error)),
            (None, Ok(_)) => Err(failed(&"it had no end")),
        }
    }
}

impl Receiving {
    fn new(spool: Spool, max_bytes: u64) -> Self {
        let sink = spool.sink(0);
        Self { spool, max_bytes, next: 0, sink, empty: 0, result: None }
    }

    /// Takes a frame; returns whether more are awaited.
    fn take(&mut self, answer: &Answer<'_>) -> bool {
        if !answer.ok {
            // The call tells what it was.
            return false;
        }
        match self.part(answer) {
            Ok(more) => more,
            Err(error) => {
                self.result = Some(Err(error));
                false
            }
        }
    }

    fn part(&mut self, answer: &Answer<'_>) -> Result<bool, DownloadError> {
        let part: Part<'_> =
            answer.data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
        match (wire::text(part.kind).as_deref(), wire::text(part.data_type).as_deref()) {
            (Some("stream"), Some("file_info")) => {
                self.count_empty()?;
                let bytes = wire::int(part.file_size).and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
                self.within(bytes)?;
                if self.sink.is_empty() {
                    self.sink = self.spool.sink(bytes);
                }
                Ok(true)
            }
            (Some("stream"), Some("file_chunk")) => {
                self.chunk(&part)?;
                Ok(true)
            }
            (Some("stream"), _) => {
                self.count_empty()?;
                Ok(true)
            }
            (Some("response"), _) => {
                let total = wire::int(part.total_bytes).and_then(|total| u64::try_from(total).ok());
                if self.sink.is_empty() || total.is_some_and(|total| total != self.sink.len()) {
                    return Err(broken("it ended too early"));
                }
                let sink = std::mem::replace(&mut self.sink, self.spool.sink(0));
                self.result = Some(sink.finish().map_err(|error| disk(&error)));
                Ok(false)
            }
            _ => Err(broken("a frame is of no known kind")),
        }
    }

    fn count_empty(&mut self) -> Result<(), DownloadError> {
        self.empty += 1;
        if self.empty > MAX_EMPTY {
            return Err(broken("it goes on without a chunk"));
        }
        Ok(())
    }

    fn chunk(&mut self, part: &Part<'_>) -> Result<(), DownloadError> {
        if wire::int(part.index) != Some(self.next) {
            return Err(broken("a chunk is missing or out of turn"));
        }
        let base64 = wire::filled(part.data).ok_or_else(|| broken("a chunk is empty"))?;
        let len = STANDARD.decoded_length(base64.as_bytes()).map_err(|_| broken("a chunk is no base64"))?;
        self.within(self.sink.len() + len as u64)?;
        let before = self.sink.len();
        self.sink
            // What is no base64 appends nothing, which shows in the length.
            .write_with(len, |memory| drop(STANDARD.decode_append(base64.as_bytes(), memory)))
            .map_err(|error| disk(&error))?;
        if self.sink.len() - before != len as u64 {
            return Err(broken("a chunk is no base64"));
        }
        self.next += 1;
        self.empty = 0;
        Ok(())
    }

    fn within(&self, bytes: u64) -> Result<(), DownloadError> {
        if bytes > self.max_bytes {
            return Err(DownloadError::TooLarge { max_bytes: self.max_bytes });
        }
        Ok(())
    }
}

fn broken(why: &str) -> DownloadError {
    DownloadError::Unreachable(format!("a streamed picture is broken: {why}"))
}

fn disk(error: &std::io::Error) -> DownloadError {
    DownloadError::Unreachable(format!("the spool failed: {error}"))
}

#[cfg(test)]
mod tests {
    use easel_core::media::BytesBudget;
    use serde_json::{Value, json};

    use super::*;

    const MAX: u64 = 1000;

    fn info(size: u64) -> Value {
        json!({"type": "stream", "data_type": "file_info", "file_name": "a.png", "file_size": size})
    }

    fn chunk(index: u64, bytes: &[u8]) -> Value {
        json!({"type": "stream", "data_type": "file_chunk", "index": index, "data": STANDARD.encode_to_string(bytes)})
    }

    fn end(total: u64) -> Value {
        json!({"type": "response", "data_type": "file_complete", "total_bytes": total})
    }

    /// Plays the frames; the outcome, and after how many frames it was there.
    fn play(frames: &[Value], budget: u64) -> (Option<Result<Body, DownloadError>>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(BytesBudget::new(budget), dir.path()).unwrap();
        let mut receiving = Receiving::new(spool, MAX);
        let mut taken = 0;
        for data in frames {
            let frame = json!({"status": "ok", "retcode": 0, "data": data, "echo": "1"}).to_string();
            let frame: wire::Frame<'_> = serde_json::from_str(&frame).unwrap();
            taken += 1;
            if !receiving.take(&Answer::read(&frame)) {
                break;
            }
        }
        let result =
            receiving.result.take().map(|result| result.map(|body| Body::from_bytes(body.read().unwrap())));
        (result, taken)
    }

    #[test]
    fn chunks_become_one_picture_in_memory_or_on_disk() {
        for budget in [1 << 20, 0] {
            let frames = [
                info(7),
                chunk(0, b"abcd"),
                json!({"type": "stream", "data_type": "new"}),
                chunk(1, b"efg"),
                end(7),
            ];
            let (result, taken) = play(&frames, budget);
            assert_eq!((&result.unwrap().unwrap().read().unwrap()[..], taken), (&b"abcdefg"[..], 5));
            // Nothing depends on the first frame, nor on totals.
            let bare = [chunk(0, b"abcd"), json!({"type": "response"})];
            assert_eq!(play(&bare, budget).0.unwrap().unwrap().len(), 4);
        }
    }

    #[test]
    fn everything_else_is_refused_at_once() {
        #[track_caller]
        fn check(frames: &[Value], taken: usize, part: &str) {
            let (result, after) = play(frames, 1 << 20);
            let error = result.expect("an outcome").expect_err("a refusal").to_string();
            assert!(error.contains(part), "{part:?} is not in {error:?}");
            assert_eq!(after, taken);
        }
        check(&[info(1001), chunk(0, b"a")], 1, "larger than 1000");
        check(&[info(1), chunk(0, &[0; 600]), chunk(1, &[0; 600]), end(1200)], 3, "larger than 1000");
        check(&[chunk(1, b"a"), end(1)], 1, "out of turn");
        check(&[chunk(0, b"a"), chunk(0, b"a"), end(2)], 2, "out of turn");
        check(&[chunk(0, b"a"), chunk(2, b"a"), end(2)], 2, "out of turn");
        check(&[chunk(0, b""), end(0)], 1, "empty");
        check(
            &[json!({"type": "stream", "data_type": "file_chunk", "index": 0, "data": "*AAA"})],
            1,
            "no base64",
        );
        check(
            &[json!({"type": "stream", "data_type": "file_chunk", "index": 0, "data": "AAA"})],
            1,
            "no base64",
        );
        check(&[chunk(0, b"abc"), end(4)], 2, "too early");
        check(&vec![json!({"type": "stream"}); 1000], 257, "without a chunk");
        check(&vec![info(7); 1000], 257, "without a chunk");
        check(&[info(4), end(0)], 2, "too early");
        check(&[Value::Null], 1, "no known kind");
        check(&[json!({"file": "/somewhere/on/its/disk"})], 1, "no known kind");
    }
}
