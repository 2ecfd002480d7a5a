//! `upload_file_stream` of `NapCat` (since 4.8.115): chunks in any order, a checksum, a path at the end.

use super::{
    dialect::Failure,
    peer::{Call, Peer},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write};

/// Where finished uploads lie on the implementation's machine.
const FOLDER: &str = "/app/napcat/temp/";

/// An upload on its way.
#[derive(Debug, Default)]
pub(super) struct Upload {
    chunks: BTreeMap<u64, Vec<u8>>,
    total: u64,
    sha256: Option<String>,
    file_name: String,
}

/// Does one call of the action.
pub(super) fn answer(peer: &Peer, call: &Call) -> Result<Value, Failure> {
    let id = call.text("stream_id").ok_or(Failure::BadParameter("stream_id is required"))?;
    let flag = |key: &str| call.params.get(key).and_then(Value::as_bool).unwrap_or(false);
    if flag("reset") {
        peer.with(|state| state.uploads.remove(&id));
        // Odd, but so: NapCat reports a successful reset as failed.
        return Err(Failure::handler("Stream reset completed"));
    }
    if flag("verify_only") {
        return peer.with(|state| {
            let upload = state.uploads.get(&id).ok_or_else(|| Failure::handler("Stream not found"))?;
            Ok(progress(&id, upload, "chunk_received"))
        });
    }
    if flag("is_complete") {
        return complete(peer, &id);
    }
    let index = call.number("chunk_index").and_then(|index| u64::try_from(index).ok());
    let index = index.ok_or(Failure::BadParameter("chunk_index is required"))?;
    let chunk = call.text("chunk_data").and_then(|data| STANDARD.decode(data).ok());
    let chunk = chunk.ok_or(Failure::BadParameter("chunk_data is not base64"))?;
    peer.with(|state| {
        let upload = state.uploads.entry(id.clone()).or_default();
        upload.chunks.entry(index).or_insert(chunk);
        if let Some(total) = call.number("total_chunks").and_then(|total| u64::try_from(total).ok()) {
            upload.total = total;
        }
        if let Some(sha256) = call.text("expected_sha256") {
            upload.sha256 = Some(sha256);
        }
        if let Some(name) = call.text("filename") {
            upload.file_name = name;
        }
        Ok(progress(&id, upload, "chunk_received"))
    })
}

fn complete(peer: &Peer, id: &str) -> Result<Value, Failure> {
    let upload = peer.with(|state| state.uploads.remove(id));
    let upload = upload.ok_or_else(|| Failure::handler("Stream not found"))?;
    if let Some(missing) = (0..upload.total).find(|index| !upload.chunks.contains_key(index)) {
        return Err(Failure::handler(format!("Missing memory chunk {missing}")));
    }
    let bytes: Vec<u8> = upload.chunks.values().flatten().copied().collect();
    let sha256 = hex(&Sha256::digest(&bytes));
    if let Some(expected) = upload.sha256.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(&sha256))
    {
        return Err(Failure::handler(format!("SHA256 mismatch. Expected: {expected}, Got: {sha256}")));
    }
    let path = format!("{FOLDER}{}", upload.file_name);
    let mut data = progress(id, &upload, "file_complete");
    for (key, value) in [
        ("type", json!("response")),
        ("file_path", json!(path)),
        ("file_size", json!(bytes.len())),
        ("sha256", json!(sha256)),
    ] {
        super::dialect::put(&mut data, key, value);
    }
    peer.with(|state| state.files.insert(path, Bytes::from(bytes)));
    Ok(data)
}

fn progress(id: &str, upload: &Upload, status: &str) -> Value {
    json!({ "type": "stream", "stream_id": id, "status": status, "received_chunks": upload.chunks.len(),
        "total_chunks": upload.total })
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing into a string can't fail.
        write!(out, "{byte:02x}").ok();
        out
    })
}
