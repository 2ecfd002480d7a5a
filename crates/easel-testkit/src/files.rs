//! A host of pictures: what users' urls and expired links of the QQ picture host point at.

use crate::{
    http::{self, Delivery, Headers, Reply, Request},
    journal::Journal,
    tasks::{Tasks, lock},
};
use bytes::Bytes;
use serde_json::json;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

/// A server that answers each path as it was told, and 404 to all others.
///
/// A path may carry a query: then it stands for exactly this query, as an old and a fresh key of the QQ picture
/// host do; without one it stands for every query that has no page of its own.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: Tasks,
}

#[derive(Debug, Default)]
struct Shared {
    /// Nothing means silence.
    pages: Mutex<HashMap<String, Option<Reply>>>,
    requests: Journal<Request>,
}

impl FileServer {
    /// Listens on a free loopback port.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let tasks = Tasks::default();
        let pages = Arc::clone(&shared);
        let address = http::serve(&tasks, move |request| answer(Arc::clone(&pages), request)).await;
        Self { address, shared, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The url of a path, whether or not anything is there.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves bytes with their true content type, sniffed; returns the url.
    pub fn put(&self, path: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let kind =
            image::guess_format(&bytes).map_or("application/octet-stream", |format| format.to_mime_type());
        self.set(path, Reply::new(200, kind, bytes))
    }

    /// Serves bytes with any content type, right or wrong; none if it is empty.
    pub fn put_as(&self, path: &str, content_type: &str, bytes: impl Into<Bytes>) -> String {
        self.set(path, Reply::new(200, content_type, bytes))
    }

    /// Serves bytes in chunks, so that their number is not known before.
    pub fn put_chunked(&self, path: &str, bytes: impl Into<Bytes>) -> String {
        let reply = Reply::new(200, "image/png", bytes);
        self.set(path, Reply { delivery: Delivery::Chunked(1000), ..reply })
    }

    /// Answers a status with a short text.
    pub fn status(&self, path: &str, status: u16) -> String {
        self.set(path, Reply::new(status, "text/plain", format!("status {status}")))
    }

    /// Answers as the QQ picture host does when the key in the url has expired.
    pub fn expired_rkey(&self, path: &str) -> String {
        let body = json!({ "retcode": -5_503_007, "retmsg": "download url has expired", "retryflag": 0 });
        self.set(path, Reply::json(400, &body))
    }

    /// Answers as the QQ picture host does when the key in the url is wrong.
    pub fn invalid_rkey(&self, path: &str) -> String {
        let body = json!({ "retcode": -5_503_010, "retmsg": "invalid rkey", "retryflag": 1 });
        self.set(path, Reply::json(400, &body))
    }

    /// Redirects with 302 to any place, written as it stands.
    pub fn redirect(&self, path: &str, location: &str) -> String {
        let mut reply = Reply::new(302, "text/html", "moved");
        reply.headers.push("location", location);
        self.set(path, reply)
    }

    /// Sends a picture again and again for as long as the client reads.
    pub fn endless(&self, path: &str) -> String {
        let reply = Reply::new(200, "image/png", crate::pictures::png(64, 64, 1));
        self.set(path, Reply { delivery: Delivery::Endless, ..reply })
    }

    /// Announces all bytes, sends half of them and ends the connection.
    pub fn cut(&self, path: &str, bytes: impl Into<Bytes>) -> String {
        let reply = Reply::new(200, "image/png", bytes);
        self.set(path, Reply { delivery: Delivery::Cut, ..reply })
    }

    /// Answers 200 with no bytes.
    pub fn empty(&self, path: &str) -> String {
        self.set(path, Reply::new(200, "image/png", Bytes::new()))
    }

    /// Takes the request and never answers.
    pub fn silent(&self, path: &str) -> String {
        lock(&self.shared.pages).insert(path.to_owned(), None);
        self.url(path)
    }

    /// Resets the connection instead of answering.
    pub fn reset(&self, path: &str) -> String {
        self.set(path, Reply::reset())
    }

    /// All requests in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.all()
    }

    /// Waits for the next request.
    #[track_caller]
    pub fn next_request(&self) -> impl Future<Output = Request> + Send {
        self.shared.requests.take("a download".to_owned(), |_| true, |request| request.path.clone())
    }

    fn set(&self, path: &str, reply: Reply) -> String {
        lock(&self.shared.pages).insert(path.to_owned(), Some(reply));
        self.url(path)
    }
}

async fn answer(shared: Arc<Shared>, request: Request) -> Reply {
    let exact = format!("{}?{}", request.path, request.query);
    let page = {
        let pages = lock(&shared.pages);
        pages.get(&exact).or_else(|| pages.get(&request.path)).cloned()
    };
    shared.requests.push(request);
    match page {
        Some(Some(reply)) => reply,
        Some(None) => std::future::pending().await,
        None => Reply { headers: Headers::default(), ..Reply::new(404, "", "not found") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{http::call, pictures};
    use std::io::ErrorKind;

    #[tokio::test]
    async fn pages_are_served_as_told() {
        let host = FileServer::start().await;
        let picture = pictures::png(9, 9, 1);
        let get = async |url: String| call("GET", &url, &[], &[]).await.unwrap();

        let page = get(host.put("/a.png", picture.clone())).await;
        assert_eq!((page.status, page.headers.get("content-type")), (200, Some("image/png")));
        assert_eq!(page.body, picture);
        assert_eq!(get(host.put_chunked("/b", picture.clone())).await.body, picture);
        assert_eq!(
            get(host.put_as("/c", "text/plain", "x")).await.headers.get("content-type"),
            Some("text/plain")
        );
        assert_eq!(
            get(host.redirect("/d", "file:///etc/passwd")).await.headers.get("location"),
            Some("file:///etc/passwd")
        );
        assert_eq!(get(host.empty("/e")).await.body.len(), 0);
        assert_eq!(get(host.status("/f", 403)).await.status, 403);
        assert_eq!(get(host.url("/nowhere")).await.status, 404);
        let expired = get(host.expired_rkey("/g?rkey=old")).await;
        assert_eq!(expired.status, 400);
        assert!(String::from_utf8_lossy(&expired.body).contains("-5503007"));
        assert_eq!(get(host.put("/g?rkey=new", picture.clone())).await.body, picture);
        assert_eq!(get(host.url("/g?rkey=other")).await.status, 404);
        assert_eq!(host.requests().len(), 10);
        assert_eq!(host.next_request().await.path, "/a.png");
    }

    #[tokio::test]
    async fn broken_lines_are_broken() {
        let host = FileServer::start().await;
        let failure = async |url: String| call("GET", &url, &[], &[]).await.unwrap_err().kind();
        assert_eq!(failure(host.cut("/a", pictures::png(9, 9, 1))).await, ErrorKind::UnexpectedEof);
        assert_eq!(failure(host.reset("/b")).await, ErrorKind::ConnectionReset);
        let endless = host.endless("/c");
        let read =
            tokio::time::timeout(std::time::Duration::from_millis(50), call("GET", &endless, &[], &[]));
        assert!(read.await.is_err(), "an endless body ended");
    }
}
