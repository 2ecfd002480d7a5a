//! One request over a fresh connection: the event posts of a fake and the pictures that it is told to fetch.

use super::{Response, connection::Connection};
use std::io::{self, ErrorKind};
use tokio::net::TcpStream;

/// Where a plain `http://` or `ws://` url points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `host:port`, as sent in the `Host` field and dialled.
    pub(crate) authority: String,
    /// Path and query, beginning with a slash.
    pub(crate) path: String,
}

impl Target {
    /// Takes a url apart; nothing if the scheme is another one.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if scheme != "http" && scheme != "ws" {
            return None;
        }
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(at)?;
        let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Some(Self { authority, path })
    }
}

/// Sends one request and reads the whole answer.
///
/// # Errors
/// When the url is not plain HTTP, nobody listens, or the answer is not complete.
pub(crate) async fn call(
    method: &str,
    url: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> io::Result<Response> {
    let target = Target::parse(url).ok_or(ErrorKind::InvalidInput)?;
    let mut connection = Connection::new(TcpStream::connect(&target.authority).await?);
    let mut head = format!(
        "{method} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        target.path,
        target.authority,
        body.len()
    );
    for (name, value) in headers {
        head.extend([name, ": ", value.as_str(), "\r\n"]);
    }
    head.push_str("\r\n");
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body).await?;
    connection.read_response().await
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[track_caller]
    fn check(url: &str, expected: Option<(&str, &str)>) {
        let target = Target::parse(url);
        assert_eq!(target.as_ref().map(|t| (t.authority.as_str(), t.path.as_str())), expected);
    }

    #[test]
    fn urls_are_taken_apart() {
        check("http://127.0.0.1:80/a?b=c", Some(("127.0.0.1:80", "/a?b=c")));
        check("ws://localhost", Some(("localhost:80", "/")));
        check("ws://h:1?access_token=x", Some(("h:1", "/?access_token=x")));
        check("https://h/", None);
        check("nonsense", None);
    }
}
