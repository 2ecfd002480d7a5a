//! A proxy: tunnels lead to one place, all other requests to another, whatever host they name.

use crate::tasks::{LOOPBACK, Tasks};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::TcpStream,
};

/// Listens until it is dropped.
#[derive(Debug)]
pub struct TunnelProxy {
    address: SocketAddr,
    _tasks: Tasks,
}

impl TunnelProxy {
    /// A proxy whose tunnels (`CONNECT`) end at `tunnels` and whose other requests go to `rest`, both `127.0.0.1:PORT`.
    /// Those are handed on as they come: their path is the whole url.
    pub async fn start(tunnels: &str, rest: &str) -> Self {
        let tasks = Tasks::default();
        let (tunnels, rest) = (tunnels.to_owned(), rest.to_owned());
        let serve = move |stream| {
            let (tunnels, rest) = (tunnels.clone(), rest.clone());
            async move {
                // Whoever hangs up early is the test's business.
                serve(stream, &tunnels, &rest).await.ok();
            }
        };
        let address = tasks.listen(LOOPBACK, serve).await;
        Self { address, _tasks: tasks }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(stream: TcpStream, tunnels: &str, rest: &str) -> io::Result<()> {
    let mut outside = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if outside.read_until(b'\n', &mut head).await? == 0 {
            return Ok(());
        }
    }
    let mut inside;
    if head.starts_with(b"CONNECT ") {
        inside = TcpStream::connect(tunnels).await?;
        outside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        inside = TcpStream::connect(rest).await?;
        inside.write_all(&head).await?;
    }
    copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FileServer;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn tunnels_and_requests_go_their_ways() {
        let (far, near) = (FileServer::start().await, FileServer::start().await);
        let proxy = TunnelProxy::start(&far.address().to_string(), &near.address().to_string()).await;
        let talk = async |text: &str| {
            let mut stream = TcpStream::connect(proxy.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        far.status("/a", 410);
        near.status("http://host.example/a", 451);
        let close = "Connection: close\r\n\r\n";
        let tunnelled = format!("CONNECT host.example:443 HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n{close}");
        let answer = talk(&tunnelled).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("HTTP/1.1 410"), "{answer}");
        let answer = talk(&format!("GET http://host.example/a HTTP/1.1\r\n{close}")).await;
        assert!(answer.starts_with("HTTP/1.1 451"), "{answer}");
    }
}
