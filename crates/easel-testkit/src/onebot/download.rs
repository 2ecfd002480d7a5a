//! `download_file_image_stream` of `NapCat`: what the file is, its chunks in order, and that it is complete, in frames of
//! their own under one echo.

use super::{
    Fault,
    dialect::{Failure, put},
    peer::{Call, Peer},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// Raw bytes per chunk, where the call does not say.
const CHUNK: usize = 64 * 1024;

fn wanted(peer: &Peer, call: &Call) -> Option<(String, Bytes)> {
    let file = call.text("file").or_else(|| call.text("file_id"))?;
    let bytes = peer.with(|state| state.streams.get(&file).cloned())?;
    Some((file, bytes))
}

fn chunk_size(call: &Call) -> usize {
    call.number("chunk_size")
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size > 0)
        .unwrap_or(CHUNK)
}

/// The last frame's data.
pub(super) fn answer(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let (_, bytes) = wanted(peer, call).ok_or_else(|| Failure::handler("Download failed: file not found"))?;
    Ok(json!({ "type": "response", "data_type": "file_complete",
        "total_chunks": bytes.len().div_ceil(chunk_size(call)), "total_bytes": bytes.len(),
        "message": "Download completed" }))
}

/// The data of the frames that come before the last one; none for other actions and failures. A cut stream changes the
/// last one.
pub(super) fn parts(peer: &Peer, call: &Call, fault: Option<&Fault>, last: &mut Value) -> Vec<Value> {
    if call.action != "download_file_image_stream" || last.get("retcode") != Some(&json!(0)) {
        return Vec::new();
    }
    let Some((file, bytes)) = wanted(peer, call) else { return Vec::new() };
    let size = chunk_size(call);
    let mut parts = vec![json!({ "type": "stream", "data_type": "file_info", "file_name": file,
        "file_size": bytes.len(), "chunk_size": size, "width": 64, "height": 64 })];
    for (index, chunk) in bytes.chunks(size).enumerate() {
        let mut data = STANDARD.encode(chunk);
        match (fault, index) {
            (Some(Fault::BrokenChunk), 1) => data.replace_range(0..1, "*"),
            (Some(Fault::LostChunk), 1) => continue,
            (Some(Fault::CutStream), 1) => {
                put(last, "status", json!("failed"));
                put(last, "retcode", json!(1200));
                put(last, "data", json!({ "type": "error", "data_type": "error" }));
                put(last, "message", json!("Download failed: read error"));
                break;
            }
            _ => {}
        }
        parts.push(
            json!({ "type": "stream", "data_type": "file_chunk", "index": index, "base64_size": data.len(),
            "data": data, "size": chunk.len(), "progress": 50 }),
        );
    }
    parts
}
