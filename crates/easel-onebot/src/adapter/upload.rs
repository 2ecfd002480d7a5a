//! NapCat's stream upload: chunks over the ordinary connection, a path on the implementation's disk in return (NapCat
//! API, `upload_file_stream`).

use std::io::BufRead as _;

use easel_core::{
    media::Body,
    ports::{SendError, SendFailure},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{OneBot, send::Cargo, send_error};
use crate::{
    hub::Link,
    outbound::{self, Chunk},
};

/// Raw bytes per chunk: a multiple of three.
const CHUNK: u64 = 1536 * 1024;
/// How long NapCat keeps the file.
const RETENTION_MS: u64 = 300_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Finished {
    status: String,
    file_path: Option<String>,
    file: Option<String>,
    path: Option<String>,
}

impl OneBot {
    /// Uploads a picture or clip; the address to send it by.
    pub(super) async fn upload(&self, link: &Link, cargo: Cargo<'_>) -> Result<String, SendError> {
        let failed = |reason: String| SendError::Failed { failure: SendFailure::Transient, reason };
        let body = cargo.body;
        let sha256 =
            digest(body).await.map_err(|error| failed(format!("the file could not be read: {error}")))?;
        let stream_id = format!("easel-{:032x}", rand::random::<u128>());
        let total = body.len().div_ceil(CHUNK).max(1);
        for index in 0..total {
            let offset = index * CHUNK;
            let call = outbound::upload_chunk(&Chunk {
                stream_id: &stream_id,
                index,
                total,
                body,
                offset,
                len: CHUNK.min(body.len() - offset),
                sha256: &sha256,
                name: cargo.name,
                retention_ms: RETENTION_MS,
            });
            link.call(call).await.map_err(send_error)?;
        }
        let answer = link.call(outbound::finish_upload(&stream_id)).await.map_err(send_error)?;
        let finished: Finished =
            answer.data.and_then(|data| serde_json::from_str(data.get()).ok()).unwrap_or_default();
        let path = finished.file_path.or(finished.file).or(finished.path).filter(|path| !path.is_empty());
        match path {
            Some(path) if finished.status != "failed" => {
                link.learn_streams();
                Ok(if path.starts_with("file://") { path } else { format!("file://{path}") })
            }
            _ => Err(failed("the upload ended without a path".to_owned())),
        }
    }
}

/// SHA-256 of a body in hex.
async fn digest(body: &Body) -> std::io::Result<String> {
    let body = body.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        let mut hasher = Sha256::new();
        let mut reader = body.reader()?;
        loop {
            let part = reader.fill_buf()?;
            if part.is_empty() {
                break;
            }
            hasher.update(part);
            let taken = part.len();
            reader.consume(taken);
        }
        Ok(crate::hex(&hasher.finalize()))
    });
    hashing.await.map_err(std::io::Error::other)?
}
