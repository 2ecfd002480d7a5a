//! A small HTTP/1.1 server and client over bare sockets.
//!
//! The fakes need what a proper HTTP library rightly refuses to do: half a body under a full `Content-Length`,
//! chunks without an end, a reset instead of an answer, silence. This is for fakes only: no TLS, no HTTP/2.

mod client;
mod connection;
pub mod multipart;

pub(crate) use client::{Target, call};

use crate::tasks::{LOOPBACK, Tasks};
use bytes::Bytes;
use connection::Connection;
use serde_json::Value;
use std::{net::SocketAddr, time::Instant};
use tokio::net::TcpStream;

/// Header fields in the order in which they came; names compare without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All fields as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

/// A request as it arrived, complete with its body.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST` …
    pub method: String,
    /// The path as it was sent, percent signs included, without the query.
    pub path: String,
    /// The query without its question mark; empty if there was none.
    pub query: String,
    /// Header fields.
    pub headers: Headers,
    /// The body, chunks joined.
    pub body: Bytes,
    /// When the last byte of the body had been read.
    pub at: Instant,
}

impl Request {
    /// The bearer token, or nothing if the field is absent or has another scheme.
    pub fn bearer(&self) -> Option<&str> {
        self.headers.get("authorization")?.strip_prefix("Bearer ").map(str::trim)
    }

    /// The body as JSON, or nothing if it isn't.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer of a peer of whom the fake is the client.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields.
    pub headers: Headers,
    /// The body, complete.
    pub body: Bytes,
}

/// How an answer goes over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// With `Content-Length`, completely.
    Whole,
    /// In chunks of so many bytes, wherever that cuts, completely.
    Chunked(usize),
    /// Full `Content-Length`, half of the body, end of stream.
    Cut,
    /// Chunked, half of the body, end of stream without the last chunk.
    ChunkedCut,
    /// Chunked, the body again and again until the client leaves.
    Endless,
    /// A reset of the connection instead of an answer.
    Reset,
}

/// An answer of a fake.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) delivery: Delivery,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut headers = Headers::default();
        if !content_type.is_empty() {
            headers.push("content-type", content_type);
        }
        Self { status, headers, body: body.into(), delivery: Delivery::Whole }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(crate) fn reset() -> Self {
        Self { delivery: Delivery::Reset, ..Self::new(500, "", Bytes::new()) }
    }
}

/// Listens on a free loopback port and answers with `handler` until `tasks` end.
///
/// A handler's future is dropped when its client hangs up while it waits.
pub(crate) async fn serve<H, F>(tasks: &Tasks, handler: H) -> SocketAddr
where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    tasks.listen(LOOPBACK, move |stream| converse(stream, handler.clone())).await
}

async fn converse<H, F>(stream: TcpStream, handler: H)
where
    H: Fn(Request) -> F,
    F: Future<Output = Reply>,
{
    let mut connection = Connection::new(stream);
    while let Ok(Some(request)) = connection.read_request().await {
        let last = request.headers.get("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let reply = tokio::select! {
            biased;
            reply = handler(request) => reply,
            () = connection.hung_up() => return,
        };
        if !connection.write_reply(&reply).await.unwrap_or(false) || last {
            return;
        }
    }
}
