//! One connection: reads messages from it, writes answers to it, properly or not.

#![expect(clippy::disallowed_methods, reason = "fake peers of real programs live in real time")]

use super::{Delivery, Headers, Reply, Request, Response};
use bytes::{Buf, Bytes, BytesMut};
use std::{
    io::{self, ErrorKind},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const MAX_HEAD_BYTES: usize = 256 * 1024;

pub(super) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

/// First line and fields of a message.
struct Head {
    first: String,
    headers: Headers,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Small answers must not wait for the acknowledgement of the last one; failing to say so does no harm.
        stream.set_nodelay(true).ok();
        Self { stream, buffer: BytesMut::new() }
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next request, or nothing if the peer closed the connection between two requests.
    pub(super) async fn read_request(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = self.read_head().await? else { return Ok(None) };
        let mut words = head.first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (path, query) = (path.to_owned(), query.to_owned());
        if head.headers.get("expect").is_some() {
            self.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = self.read_body(&head.headers, false).await?;
        Ok(Some(Request { method, path, query, headers: head.headers, body, at: Instant::now() }))
    }

    /// The answer to a request that was written before.
    pub(super) async fn read_response(&mut self) -> io::Result<Response> {
        let head = self.read_head().await?.ok_or(ErrorKind::UnexpectedEof)?;
        let status =
            head.first.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        let bodiless = status == 204 || status == 304;
        let body = if bodiless { Bytes::new() } else { self.read_body(&head.headers, true).await? };
        Ok(Response { status, headers: head.headers, body })
    }

    async fn read_head(&mut self) -> io::Result<Option<Head>> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        };
        let head = self.buffer.split_to(end + 4);
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next().unwrap_or_default().to_owned();
        let mut headers = Headers::default();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            headers.push(name.trim(), value.trim());
        }
        Ok(Some(Head { first, headers }))
    }

    async fn read_body(&mut self, headers: &Headers, until_end: bool) -> io::Result<Bytes> {
        if headers
            .get("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"))
        {
            return self.read_chunks().await;
        }
        match headers.get("content-length").map(str::parse) {
            Some(Ok(length)) => self.read_exactly(length).await,
            Some(Err(_)) => Err(ErrorKind::InvalidData.into()),
            None if until_end => {
                while self.stream.read_buf(&mut self.buffer).await? > 0 {}
                Ok(self.buffer.split().freeze())
            }
            None => Ok(Bytes::new()),
        }
    }

    async fn read_exactly(&mut self, length: usize) -> io::Result<Bytes> {
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn read_chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let line = self.read_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
            if size == 0 {
                // Trailer fields, if any, end with an empty line.
                while !self.read_line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            body.extend_from_slice(&self.read_exactly(size).await?);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Resolves when the peer closed or reset the connection; never when it sent more instead.
    pub(super) async fn hung_up(&self) {
        if let Ok(1..) = self.stream.peek(&mut [0; 1]).await {
            std::future::pending::<()>().await;
        }
    }

    /// Writes an answer; true if the connection may carry another request.
    pub(super) async fn write_reply(&mut self, reply: &Reply) -> io::Result<bool> {
        let length = reply.body.len();
        let (half, _) = reply.body.split_at(length / 2);
        match reply.delivery {
            Delivery::Reset => {
                self.stream.set_zero_linger()?;
                Ok(false)
            }
            Delivery::Whole => {
                self.write_head(reply, &format!("content-length: {length}\r\n")).await?;
                self.write_all(&reply.body).await?;
                Ok(true)
            }
            Delivery::Cut => {
                self.write_head(reply, &format!("content-length: {length}\r\n")).await?;
                self.write_all(half).await?;
                self.stream.shutdown().await?;
                Ok(false)
            }
            Delivery::Chunked(size) => {
                self.write_head(reply, "transfer-encoding: chunked\r\n").await?;
                for piece in reply.body.chunks(size.max(1)) {
                    self.write_chunk(piece).await?;
                }
                self.write_all(b"0\r\n\r\n").await?;
                Ok(true)
            }
            Delivery::ChunkedCut => {
                self.write_head(reply, "transfer-encoding: chunked\r\n").await?;
                self.write_chunk(half).await?;
                self.stream.shutdown().await?;
                Ok(false)
            }
            Delivery::Endless => {
                self.write_head(reply, "transfer-encoding: chunked\r\n").await?;
                loop {
                    self.write_chunk(&reply.body).await?;
                }
            }
        }
    }

    async fn write_head(&mut self, reply: &Reply, framing: &str) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Fake\r\n", reply.status);
        for (name, value) in reply.headers.iter() {
            head.extend([name, ": ", value, "\r\n"]);
        }
        // A 204 has no body and must not announce one.
        if reply.status != 204 {
            head.push_str(framing);
        }
        head.push_str("\r\n");
        self.write_all(head.as_bytes()).await
    }

    async fn write_chunk(&mut self, piece: &[u8]) -> io::Result<()> {
        self.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        self.write_all(piece).await?;
        self.write_all(b"\r\n").await
    }
}
