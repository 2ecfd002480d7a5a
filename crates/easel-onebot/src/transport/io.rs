//! The socket as the WebSocket library sees it: it reads it, but after the handshake its few own frames (pongs, the
//! answer to a close) go to our writer task, which puts them between ours.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::mpsc,
};

use super::writer::Control;

/// The reading half of a socket.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// The writing half of a socket.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A socket whose writing half can be taken away.
pub(crate) struct Io {
    reader: Reader,
    output: Output,
}

enum Output {
    /// During the handshake.
    Direct(Writer),
    /// Afterwards.
    Forwarded(mpsc::Sender<Control>),
}

impl Io {
    /// A plain TCP socket.
    pub(crate) fn plain(stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: Box::new(reader), output: Output::Direct(Box::new(writer)) }
    }

    /// Any other stream.
    pub(crate) fn split(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: Box::new(reader), output: Output::Direct(Box::new(writer)) }
    }

    /// Takes the writing half; from now on writes are forwarded. `None` the second time.
    pub(crate) fn take_writer(&mut self, control: mpsc::Sender<Control>) -> Option<Writer> {
        match std::mem::replace(&mut self.output, Output::Forwarded(control)) {
            Output::Direct(writer) => Some(writer),
            Output::Forwarded(_) => None,
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reader).poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().output {
            Output::Direct(writer) => Pin::new(writer).poll_write(cx, bytes),
            Output::Forwarded(control) => {
                // The library hands over whole frames. With a full queue the writer is stuck and the pong is late
                // anyway; the heartbeat watch ends such a connection.
                drop(control.try_send(Control::Raw(Bytes::copy_from_slice(bytes))));
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().output {
            Output::Direct(writer) => Pin::new(writer).poll_flush(cx),
            Output::Forwarded(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().output {
            Output::Direct(writer) => Pin::new(writer).poll_shutdown(cx),
            Output::Forwarded(_) => Poll::Ready(Ok(())),
        }
    }
}
