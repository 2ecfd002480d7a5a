//! Reference pictures on their way into a request.

use std::io;

use bytes::Bytes;
use easel_core::ports::Reference;

/// The bytes of all references, in order. They are in memory as a rule; one that was spooled is read on a blocking
/// thread.
pub(crate) async fn bytes(references: &[Reference]) -> io::Result<Vec<Bytes>> {
    let mut all = Vec::with_capacity(references.len());
    for reference in references {
        let body = &reference.picture.body;
        let bytes = if let Some(bytes) = body.in_memory() {
            bytes.clone()
        } else {
            let body = body.clone();
            tokio::task::spawn_blocking(move || body.read()).await.map_err(io::Error::other)??
        };
        all.push(bytes);
    }
    Ok(all)
}
