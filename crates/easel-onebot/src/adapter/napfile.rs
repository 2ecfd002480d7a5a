//! The TCP file receiver beside NapCat: length-prefixed name, length-prefixed bytes, and a length-prefixed path in
//! return, all big-endian. No token, no checksum: fit for a trusted network only.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use easel_core::media::Body;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::send::read;

const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(30);
/// Longest name that file systems take.
const MAX_NAME: usize = 255;
/// Longest path that is believed.
const MAX_PATH: u32 = 4096;
/// A receiver that failed is left alone for this long.
const REST: Duration = Duration::from_mins(1);

/// Remembers a failure for a while.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    until: Mutex<Option<Instant>>,
}

impl Breaker {
    /// Whether the receiver is left alone now.
    pub(super) fn is_open(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| until > Instant::now())
    }

    /// Takes note of a failure.
    pub(super) fn trip(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
    }
}

/// Hands a file over; the address to send it by.
///
/// # Errors
/// When the receiver can't be reached, stalls, breaks off or answers nonsense.
pub(super) async fn send(host: &str, port: u16, name: &str, body: &Body) -> io::Result<String> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains(['/', '\\', '\0']) {
        return Err(io::Error::other("the file's name cannot be sent"));
    }
    // The whole file first: one that changed its length meanwhile would break the protocol.
    let parts = read(body).await?;
    let mut stream = within(CONNECT, TcpStream::connect((host, port))).await?;
    let length: u64 = parts.iter().map(|part| part.len() as u64).sum();
    let mut head = Vec::with_capacity(12 + name.len());
    head.extend_from_slice(&u32::try_from(name.len()).map_err(io::Error::other)?.to_be_bytes());
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(&length.to_be_bytes());
    within(IDLE, stream.write_all(&head)).await?;
    for part in parts.iter().flat_map(|part| part.chunks(256 * 1024)) {
        within(IDLE, stream.write_all(part)).await?;
    }
    stream.flush().await?;
    let patience = IDLE + Duration::from_secs(length / (1024 * 1024));
    within(patience, answer(&mut stream)).await
}

async fn answer(stream: &mut TcpStream) -> io::Result<String> {
    let length = stream.read_u32().await?;
    if !(1..=MAX_PATH).contains(&length) {
        return Err(io::Error::other("the receiver answered without a path"));
    }
    let mut path = vec![0; length as usize];
    stream.read_exact(&mut path).await?;
    let path = String::from_utf8(path).map_err(|_| io::Error::other("the receiver's path is not UTF-8"))?;
    if path.contains('\0') {
        return Err(io::Error::other("the receiver's path holds a NUL"));
    }
    // The path belongs to the other machine and is never interpreted here.
    Ok(if path.starts_with('/') { format!("file://{path}") } else { path })
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "out of time")))
}
