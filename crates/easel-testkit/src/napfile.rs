//! The receiver of the `NapCat` file transfer over TCP, which runs beside `NapCat` on port 3658.
//!
//! One file per connection, integers big-endian and unsigned. Request: name length (4 bytes), name, file size
//! (8 bytes), bytes. Answer: path length (4 bytes), path. There is neither a version nor an error answer.

use crate::{
    journal::Journal,
    tasks::{LOOPBACK, Tasks},
};
use bytes::Bytes;
use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How the receiver treats the connections that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// Takes the file and answers with its path.
    #[default]
    Proper,
    /// Takes the file and never answers.
    Silent,
    /// Closes the connection after the file's name, before its bytes.
    ClosesEarly,
    /// Takes the file and closes after two bytes of the answer.
    CutsAnswer,
    /// Takes the file and answers with a path of no bytes, which means failure.
    EmptyPath,
}

/// A file that arrived completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The name as sent.
    pub name: String,
    /// The content.
    pub bytes: Bytes,
    /// The path that a proper answer names.
    pub path: String,
}

/// The receiver.
#[derive(Debug)]
pub struct FakeNapfile {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: Tasks,
}

#[derive(Debug)]
struct Shared {
    folder: String,
    behaviour: Mutex<Behaviour>,
    received: Journal<Received>,
}

impl FakeNapfile {
    /// Listens on a free port; answers name files in `/napfile`.
    pub async fn start() -> Self {
        Self::start_in("/napfile/").await
    }

    /// Listens on a free port; the answer is `folder` followed by the name, so `D:\files\` works as well.
    pub async fn start_in(folder: &str) -> Self {
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            behaviour: Mutex::default(),
            received: Journal::default(),
        });
        let tasks = Tasks::default();
        let taker = Arc::clone(&shared);
        let take = move |stream| {
            let shared = Arc::clone(&taker);
            async move {
                // A client that breaks the protocol is recorded by not being recorded.
                receive(stream, &shared).await.ok();
            }
        };
        let address = tasks.listen(LOOPBACK, take).await;
        Self { address, shared, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the treatment of connections whose file name has not been read yet.
    pub fn behave(&self, behaviour: Behaviour) {
        *crate::tasks::lock(&self.shared.behaviour) = behaviour;
    }

    /// All complete files in the order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.all()
    }

    /// Waits for the next complete file.
    #[track_caller]
    pub fn next_file(&self) -> impl Future<Output = Received> + Send {
        self.shared.received.take("a file".to_owned(), |_| true, |file| file.name.clone())
    }
}

async fn receive(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let name_length = stream.read_u32().await?;
    let name = read(&mut stream, name_length.into()).await?;
    let name = String::from_utf8(name.into()).map_err(|_| ErrorKind::InvalidData)?;
    let behaviour = *crate::tasks::lock(&shared.behaviour);
    if behaviour == Behaviour::ClosesEarly {
        return Ok(());
    }
    let size = stream.read_u64().await?;
    let bytes = read(&mut stream, size).await?;
    let path = format!("{}{name}", shared.folder);
    shared.received.push(Received { name, bytes, path: path.clone() });
    let mut answer = u32::try_from(path.len()).map_err(|_| ErrorKind::InvalidData)?.to_be_bytes().to_vec();
    answer.extend_from_slice(path.as_bytes());
    match behaviour {
        Behaviour::Proper => stream.write_all(&answer).await?,
        Behaviour::CutsAnswer => stream.write_all(answer.get(..2).unwrap_or_default()).await?,
        Behaviour::EmptyPath => stream.write_u32(0).await?,
        Behaviour::Silent | Behaviour::ClosesEarly => {
            // Waits for the client to give up, then lets go of the socket.
            stream.read_u8().await?;
        }
    }
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream, length: u64) -> io::Result<Bytes> {
    const MAX_BYTES: u64 = 1 << 30;
    if length > MAX_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes).await?;
    if u64::try_from(bytes.len()) == Ok(length) {
        Ok(bytes.into())
    } else {
        Err(ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The byte example of the protocol's description: file `a.png` with the bytes 1, 2, 3.
    const REQUEST: &[u8] = b"\0\0\0\x05a.png\0\0\0\0\0\0\0\x03\x01\x02\x03";

    async fn send(receiver: &FakeNapfile) -> Vec<u8> {
        let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        // An early close may reach us as a reset, because the receiver left bytes unread.
        stream.read_to_end(&mut answer).await.ok();
        answer
    }

    #[tokio::test]
    async fn a_file_is_taken_and_its_path_answered() {
        let receiver = FakeNapfile::start_in("/q/").await;
        assert_eq!(send(&receiver).await, b"\0\0\0\x08/q/a.png");
        let file = receiver.next_file().await;
        assert_eq!((file.name.as_str(), &file.bytes[..]), ("a.png", &[1, 2, 3][..]));
        assert_eq!(file.path, "/q/a.png");
    }

    #[tokio::test]
    async fn faults_look_as_described() {
        let receiver = FakeNapfile::start_in("/q/").await;
        for (behaviour, answer, files) in [
            (Behaviour::EmptyPath, &[0_u8; 4][..], 1),
            (Behaviour::CutsAnswer, &[0; 2], 2),
            (Behaviour::ClosesEarly, &[], 2),
        ] {
            receiver.behave(behaviour);
            assert_eq!(send(&receiver).await, answer, "{behaviour:?}");
            assert_eq!(receiver.received().len(), files, "{behaviour:?}");
        }
    }

    #[tokio::test]
    async fn a_silent_receiver_keeps_the_connection_open() {
        let receiver = FakeNapfile::start().await;
        receiver.behave(Behaviour::Silent);
        let mut stream = TcpStream::connect(receiver.address()).await.unwrap();
        stream.write_all(REQUEST).await.unwrap();
        receiver.next_file().await;
        let answer = stream.try_read(&mut [0; 1]);
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}
