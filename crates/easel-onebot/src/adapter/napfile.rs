//! The TCP file receiver beside NapCat: length-prefixed name, length-prefixed bytes, and a length-prefixed path in
//! return, all big-endian. No token, no checksum: fit for a trusted network only.
//!
//! The file is read piece by piece while it is sent, so a clip of any length needs no memory. Its length is announced
//! before; a file that turns out shorter breaks the connection off, and the receiver keeps nothing.

use std::{io, time::Duration};

use easel_core::media::Body;
use easel_http::Pieces;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::outbound::content;

const CONNECT: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(30);
/// Longest name that file systems take.
const MAX_NAME: usize = 255;
/// Longest path that is believed.
const MAX_PATH: u32 = 4096;

/// Why a file was not handed over.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotHandedOver {
    /// The file itself is to blame; the receiver is as good as before.
    #[error("the file cannot be handed over: {0}")]
    File(io::Error),
    /// The receiver can't be reached, stalls, breaks off or answers nonsense.
    #[error("the file receiver failed: {0}")]
    Receiver(#[from] io::Error),
}

/// Hands a file over; the address to send it by.
///
/// # Errors
/// [`NotHandedOver`]; nothing is in the chat yet.
pub(super) async fn send(host: &str, port: u16, name: &str, body: &Body) -> Result<String, NotHandedOver> {
    let ours = |why: &str| NotHandedOver::File(io::Error::other(why.to_owned()));
    if name.is_empty() || name.len() > MAX_NAME || name.contains(['/', '\\', '\0']) {
        return Err(ours("its name is none that can be sent"));
    }
    let name_length = u32::try_from(name.len()).map_err(|_| ours("its name is too long"))?;
    let length = body.len();
    if let Some(path) = body.in_file() {
        // Found out before anything is announced, where that can be.
        let there = tokio::fs::metadata(path).await.map_err(NotHandedOver::File)?.len();
        if there < length {
            return Err(ours("it is shorter than it was"));
        }
    }
    let mut stream = within(CONNECT, TcpStream::connect((host, port))).await?;
    let mut head = Vec::with_capacity(12 + name.len());
    head.extend_from_slice(&name_length.to_be_bytes());
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(&length.to_be_bytes());
    within(IDLE, stream.write_all(&head)).await?;
    let mut pieces = Pieces::new([content(body).into()]);
    while let Some(piece) = pieces.next().await.map_err(NotHandedOver::File)? {
        within(IDLE, stream.write_all(&piece)).await?;
    }
    stream.flush().await?;
    let patience = IDLE + Duration::from_secs(length / (1024 * 1024));
    Ok(within(patience, answer(&mut stream)).await?)
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

#[cfg(test)]
mod tests {
    use easel_testkit::napfile::{Behaviour, FakeNapfile};
    use tokio::net::TcpListener;

    use super::*;

    const NAME: &str = "clip.mp4";

    async fn hand(to: std::net::SocketAddr, body: &Body) -> Result<String, NotHandedOver> {
        send(&to.ip().to_string(), to.port(), NAME, body).await
    }

    #[tokio::test]
    async fn a_file_arrives_as_it_lies_on_the_disk_and_in_memory() {
        let receiver = FakeNapfile::start().await;
        let file = tempfile::NamedTempFile::new().unwrap();
        // No multiple of any piece.
        let bytes: Vec<u8> = (0..=250).cycle().take(5 * 1024 * 1024 + 77).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        for body in [Body::from_file(file.path()).unwrap(), Body::from_bytes(bytes.clone())] {
            assert_eq!(hand(receiver.address(), &body).await.unwrap(), "file:///napfile/clip.mp4");
            let arrived = receiver.next_file().await;
            assert!(arrived.name == NAME && arrived.bytes == bytes, "{} bytes", arrived.bytes.len());
        }
    }

    #[tokio::test]
    async fn a_file_is_read_only_as_far_as_the_receiver_takes_it() {
        /// More than sockets keep between two ends.
        const LENGTH: u64 = 256 * 1024 * 1024;
        const SHORTENED: u64 = 1024 * 1024;
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(LENGTH).unwrap();
        let body = Body::from_file(file.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receive = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4 + NAME.len()];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(stream.read_u64().await.unwrap(), LENGTH);
            stream.read_u8().await.unwrap();
            // Nothing of what is cut off now can have been read already, but for what sockets hold.
            file.as_file().set_len(SHORTENED).unwrap();
            let mut taken = 1;
            let mut piece = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut piece).await {
                taken += count as u64;
            }
            taken
        };
        let (sent, taken) = tokio::join!(hand(address, &body), receive);
        assert!(matches!(sent, Err(NotHandedOver::File(_))), "{sent:?}");
        assert!(taken < LENGTH, "all {taken} bytes were read before the receiver took them");
    }

    #[tokio::test]
    async fn a_file_that_is_gone_says_nothing_about_the_receiver() {
        let receiver = FakeNapfile::start().await;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"clip").unwrap();
        let body = Body::from_file(file.path()).unwrap();
        file.close().unwrap();
        assert!(matches!(hand(receiver.address(), &body).await, Err(NotHandedOver::File(_))));
        receiver.behave(Behaviour::CutsAnswer);
        let whole = Body::from_bytes(&b"clip"[..]);
        assert!(matches!(hand(receiver.address(), &whole).await, Err(NotHandedOver::Receiver(_))));
        assert_eq!(receiver.received().len(), 1, "nothing was announced for the file that is gone");
    }
}
