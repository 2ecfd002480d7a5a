//! A peer that does as it is told, a table of names, and short ways to make clients of both.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use easel_http::{HttpClient, HttpClients, Lookup, NetworkSection};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// One request as it came off the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn path(&self) -> &str {
        self.line().split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What the peer does with a request.
pub(crate) enum Answer {
    /// Writes these bytes and hangs up.
    Raw(Vec<u8>),
    /// Writes these bytes and keeps the line open.
    Then(Vec<u8>, Rest),
    /// Hangs up without a word.
    HangUp,
}

pub(crate) enum Rest {
    /// Nothing more, ever.
    Silence,
    /// Each message as it comes from the test; hangs up when the test drops the sender.
    From(Arc<tokio::sync::Mutex<mpsc::Receiver<Vec<u8>>>>),
}

pub(crate) fn ok(body: &str) -> Answer {
    Answer::Raw(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

pub(crate) fn status(line: &str, body: &str) -> Answer {
    Answer::Raw(format!("HTTP/1.1 {line}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

pub(crate) fn redirect(to: &str) -> Answer {
    Answer::Raw(
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 5\r\n\r\nmoved").into_bytes(),
    )
}

pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
    Answer::Raw(bytes.into())
}

pub(crate) fn silence(bytes: &str) -> Answer {
    Answer::Then(bytes.as_bytes().to_vec(), Rest::Silence)
}

/// A server on a free port of this machine. It stops when dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    arrived: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
    _tasks: JoinSet<()>,
}

impl Peer {
    pub(crate) async fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (tell, arrived) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let log = Arc::clone(&seen);
        tasks.spawn(async move {
            let script = Arc::new(script);
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log, tell) = (Arc::clone(&script), Arc::clone(&log), tell.clone());
                conversations.spawn(async move {
                    // A client that hangs up in the middle is part of the tests.
                    drop(talk(stream, &*script, &log, &tell).await);
                });
            }
        });
        Self { address, seen, arrived: tokio::sync::Mutex::new(arrived), _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until one more request has come in whole.
    pub(crate) async fn arrival(&self) {
        self.arrived.lock().await.recv().await.unwrap();
    }
}

async fn talk(
    mut stream: TcpStream,
    script: &(impl Fn(&Request) -> Answer + Sync),
    log: &Mutex<Vec<Request>>,
    tell: &mpsc::UnboundedSender<()>,
) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let answer = script(&request);
    log.lock().unwrap().push(request);
    let _gone = tell.send(());
    match answer {
        Answer::HangUp => {}
        Answer::Raw(bytes) => {
            // Said, not only done: a client may otherwise send its next request into the closing line.
            let (first, rest) = match bytes.windows(2).position(|pair| pair == b"\r\n") {
                Some(end) if bytes.starts_with(b"HTTP/1.1 ") => bytes.split_at(end + 2),
                _ => (&bytes[..0], &bytes[..]),
            };
            if !first.is_empty() {
                stream.write_all(first).await?;
                stream.write_all(b"Connection: close\r\n").await?;
            }
            stream.write_all(rest).await?;
            stream.shutdown().await?;
        }
        Answer::Then(bytes, rest) => {
            stream.write_all(&bytes).await?;
            match rest {
                Rest::Silence => pending().await,
                Rest::From(pieces) => {
                    while let Some(piece) = pieces.lock().await.recv().await {
                        stream.write_all(&piece).await?;
                    }
                }
            }
        }
    }
    Ok(())
}

pub(crate) async fn read_request(stream: &mut TcpStream) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut request = Request { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
    if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut request.body).await?;
    }
    Ok(request)
}

/// Names and what they resolve to; names without an entry don't resolve, names with an empty one never answer.
#[derive(Default)]
pub(crate) struct Names {
    table: HashMap<String, Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn new(table: &[(&str, &[&str])]) -> Arc<Self> {
        let table = table
            .iter()
            .map(|(name, found)| {
                ((*name).to_owned(), found.iter().map(|address| address.parse().unwrap()).collect())
            })
            .collect();
        Arc::new(Self { table, asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lookup for Names {
    fn lookup(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let found = self.table.get(name).cloned();
        Box::pin(async move {
            match found {
                Some(found) if found.is_empty() => pending().await,
                Some(found) => Ok(found),
                None => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            }
        })
    }
}

/// A factory whose guard lets `allow` pass.
pub(crate) fn clients(names: &Arc<Names>, allow: &[&str]) -> HttpClients {
    easel_http::crypto::install();
    let network = NetworkSection {
        allow_hosts: allow.iter().map(ToString::to_string).collect(),
        ..NetworkSection::default()
    };
    HttpClients::with_lookup(network, Arc::<Names>::clone(names))
}

/// A client for user-given urls whose guard lets `allow` pass.
pub(crate) fn downloads(names: &Arc<Names>, allow: &[&str]) -> HttpClient {
    clients(names, allow).user_downloads().unwrap()
}
