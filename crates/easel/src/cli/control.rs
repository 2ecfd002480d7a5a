//! The client side of `<data_dir>/easel.sock`, by which commands talk to a running easel.
//!
//! # The protocol, version 1
//! A Unix stream socket with mode 0600, so that only the account that runs easel can use it. Both sides send JSON
//! objects, one per line, each with `"v": 1`. A client sends one request and reads answers until the last one:
//!
//! ```text
//! → {"v":1,"cmd":"check"}
//! ← {"v":1,"event":"line","level":"good","section":"onebot[0]","text":"…","mend":null}   any number, may be none
//! ← {"v":1,"ok":true}                                                                   the last line
//!
//! → {"v":1,"cmd":"backup"}
//! ← {"v":1,"event":"file","name":"easel-UTC.tar.gz","bytes":12345}      and as many bytes of the file, as they are
//! ← {"v":1,"ok":true}
//!
//! → {"v":1,"cmd":"draw","prompt":"…","images":["/absolute.png"],"provider":null,"size":null,"count":1|null}
//! ← {"v":1,"event":"file","name":"easel-….png","kept":"/absolute.png"|null,"bytes":12345}      and the bytes; per picture
//! ← {"v":1,"ok":true,"sentences":["what a chat would hear beside them"]}
//!
//! → {"v":1,"cmd":"keys"}
//! ← {"v":1,"event":"key","provider":"main","key":"0a1b2c3d","account":null,"state":"disabled","since_seconds":60,
//!    "rests_seconds":null,"status":401}                           any number; never a key, only its fingerprint
//! ← {"v":1,"ok":true}
//!
//! → {"v":1,"cmd":"keys_reset","provider":"main"|null}
//! ← {"v":1,"ok":true,"count":1}
//!
//! → {"v":1,"cmd":"usage","days":30,"by":"provider"|"chat"|"user"}
//! ← {"v":1,"event":"usage","name":"main","attempts":2,"made":2,"cost":0.08,…}      any number, the dearest first
//! ← {"v":1,"ok":true}
//!
//! → {"v":1,"cmd":"ping"}
//! ← {"v":1,"ok":true}
//! ```
//! Files go over the socket, and the client writes them: the running easel may belong to another account and may be kept
//! from writing anywhere but in its data directory. After a line of the event `file`, so many bytes follow as it
//! says, before the next line. `kept` is where a picture lies for a while, for a client that can't write it.
//!
//! A failure ends with `{"v":1,"ok":false,"error":"a sentence in the configured language","code":"E-…"}`; the code may be
//! missing. `draw` adds `"misuse":true` when the request was wrong in itself, so that no job came of it. Paths are absolute, because the two processes may have different working directories. A server answers a
//! version or command that it doesn't know with `ok: false`; unknown fields are ignored on both sides. When either side
//! closes the connection before the last line, the command has failed for the client; a job that was accepted goes on.
//! Lines are at most [`MAX_LINE`] bytes.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

use super::save::PIECE;

/// The version that this easel speaks.
pub(crate) const VERSION: u32 = 1;

/// The longest line of either side, in bytes.
pub(crate) const MAX_LINE: usize = 1024 * 1024;

/// Where the socket of the easel with this data directory is.
pub(crate) fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("easel.sock")
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The protocol's version.
    pub(crate) v: u32,
    /// What to do.
    #[serde(flatten)]
    pub(crate) command: ControlCommand,
}

/// What can be asked of a running easel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub(crate) enum ControlCommand {
    /// Answers at once.
    Ping,
    /// How the parts are doing, as [`Answer::event`] `line`s.
    Check,
    /// How the keys of the providers are, as [`Answer::event`] `key`s.
    Keys,
    /// Gives keys that are out of use another try; their number is told as `count` of the last answer.
    KeysReset {
        /// Only those of this provider.
        provider: Option<String>,
    },
    /// What jobs cost, as [`Answer::event`] `usage`s.
    Usage {
        /// How many days back, today included.
        days: u64,
        /// What a line is about.
        by: super::UsageBy,
    },
    /// Makes a backup, as one [`Answer::event`] `file`.
    Backup,
    /// Draws; the pictures come as [`Answer::event`] `file`s.
    Draw {
        /// What to draw.
        prompt: String,
        /// Pictures to start from.
        images: Vec<PathBuf>,
        /// The provider's name.
        provider: Option<String>,
        /// Pixels, ratio or tier.
        size: Option<String>,
        /// How many pictures.
        count: Option<u8>,
    },
}

/// One line of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The protocol's version.
    pub(crate) v: u32,
    /// Only in the last line: whether it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ok: Option<bool>,
    /// In every other line: what it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<String>,
    /// After a failure: the short code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// After a failure: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What belongs to the command.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Json>,
}

impl Answer {
    /// The text of the field `name`, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.rest.get(name).and_then(Json::as_str).unwrap_or_default()
    }
}

/// What a client hears before the last answer.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// A line.
    Line(Answer),
    /// Some of the bytes that follow the last line.
    Bytes(&'a [u8]),
}

/// Why a command could not be given to the running easel.
#[derive(Debug)]
pub(crate) enum ControlError {
    /// The connection broke, or what came was no answer.
    Broken(io::Error),
    /// easel said no.
    Refused {
        /// The short code; may be empty.
        code: String,
        /// The sentence.
        sentence: String,
        /// What was asked is wrong in itself.
        misuse: bool,
    },
}

impl std::fmt::Display for ControlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            // What people read names its code itself.
            Self::Refused { code, sentence, .. } if sentence.contains(code) => f.write_str(sentence),
            Self::Refused { code, sentence, .. } => write!(f, "{sentence} {code}"),
        }
    }
}

impl std::error::Error for ControlError {}

/// A connection to a running easel.
#[derive(Debug)]
pub(crate) struct Control {
    stream: BufReader<UnixStream>,
}

impl Control {
    /// Connects to the easel that runs on this data directory; `None` when nobody answers there.
    ///
    /// # Errors
    /// When there is a socket that this account may not use.
    pub(crate) async fn connect(data_dir: &Path) -> io::Result<Option<Self>> {
        use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
        match UnixStream::connect(socket_path(data_dir)).await {
            Ok(stream) => Ok(Some(Self { stream: BufReader::with_capacity(PIECE, stream) })),
            // A socket file without a listener is what a killed easel leaves behind.
            Err(error) if matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives one command and returns its last answer; `event` sees the lines before it.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub(crate) async fn call(
        self,
        command: ControlCommand,
        mut event: impl FnMut(Answer),
    ) -> Result<Answer, ControlError> {
        let lines = |told: Told<'_>| {
            if let Told::Line(line) = told {
                event(line);
            }
        };
        self.receive(command, lines).await
    }

    /// As [`call`](Self::call), for commands that are answered with files: `told` gets their bytes, too.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub(crate) async fn receive(
        mut self,
        command: ControlCommand,
        mut told: impl FnMut(Told<'_>),
    ) -> Result<Answer, ControlError> {
        let request = Request { v: VERSION, command };
        let mut line = serde_json::to_vec(&request).map_err(|error| ControlError::Broken(error.into()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await.map_err(ControlError::Broken)?;
        loop {
            let mut line = Vec::new();
            let limit = MAX_LINE as u64;
            (&mut self.stream)
                .take(limit)
                .read_until(b'\n', &mut line)
                .await
                .map_err(ControlError::Broken)?;
            if line.last() != Some(&b'\n') {
                return Err(ControlError::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            let answer: Answer =
                serde_json::from_slice(&line).map_err(|error| ControlError::Broken(error.into()))?;
            match answer.ok {
                None => {
                    // Other events may tell of bytes that are not there, such as those of usage.
                    let is_file = answer.event.as_deref() == Some("file");
                    let bytes =
                        answer.rest.get("bytes").filter(|_| is_file).and_then(Json::as_u64).unwrap_or(0);
                    told(Told::Line(answer));
                    self.bytes(bytes, &mut told).await.map_err(ControlError::Broken)?;
                }
                Some(true) => return Ok(answer),
                Some(false) => {
                    let code = answer.code.unwrap_or_default();
                    let sentence = answer.error.unwrap_or_default();
                    let misuse = answer.rest.get("misuse").and_then(Json::as_bool) == Some(true);
                    return Err(ControlError::Refused { code, sentence, misuse });
                }
            }
        }
    }

    /// Hands on the next `left` bytes.
    async fn bytes(&mut self, mut left: u64, told: &mut impl FnMut(Told<'_>)) -> io::Result<()> {
        while left > 0 {
            let there = self.stream.fill_buf().await?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let piece = there.get(..wanted).unwrap_or(there);
            let length = piece.len();
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            told(Told::Bytes(piece));
            self.stream.consume(length);
            left -= length as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    /// What a client makes of a server that reads one line and sends `answer`.
    async fn call(
        command: ControlCommand,
        answer: &str,
    ) -> (String, Vec<String>, Result<Answer, ControlError>) {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket_path(directory.path())).unwrap();
        let control = Control::connect(directory.path()).await.unwrap().unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            stream.read_line(&mut request).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            request
        };
        let mut events = Vec::new();
        let client = control.call(command, |event| events.push(event.text("text").to_owned()));
        let (request, result) = tokio::join!(server, client);
        (request, events, result)
    }

    #[tokio::test]
    async fn nobody_answers() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Control::connect(directory.path()).await.unwrap().is_none());
        drop(UnixListener::bind(socket_path(directory.path())).unwrap());
        assert!(socket_path(directory.path()).exists());
        assert!(Control::connect(directory.path()).await.unwrap().is_none(), "a socket that was left behind");
    }

    #[tokio::test]
    async fn a_command_with_events() {
        let answers =
            "{\"v\":1,\"event\":\"line\",\"text\":\"well\"}\n{\"v\":1,\"ok\":true,\"file\":\"/b\"}\n";
        let (request, events, result) = call(ControlCommand::Check, answers).await;
        assert_eq!(request, "{\"v\":1,\"cmd\":\"check\"}\n");
        assert_eq!(events, ["well"]);
        assert_eq!(result.unwrap().text("file"), "/b");
    }

    #[tokio::test]
    async fn files_come_between_the_lines() {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket_path(directory.path())).unwrap();
        let bytes = vec![b'\n'; 3 * PIECE + 5];
        for whole in [true, false] {
            let control = Control::connect(directory.path()).await.unwrap().unwrap();
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let line = format!("{{\"v\":1,\"event\":\"file\",\"bytes\":{}}}\n", bytes.len());
                stream.write_all(line.as_bytes()).await.unwrap();
                let sent = if whole { bytes.len() } else { bytes.len() - 1 };
                stream.write_all(&bytes[..sent]).await.unwrap();
                if whole {
                    stream.write_all(b"{\"v\":1,\"event\":\"end\"}\n{\"v\":1,\"ok\":true}\n").await.unwrap();
                }
            };
            let (mut got, mut lines) = (Vec::new(), Vec::new());
            let client = control.receive(ControlCommand::Backup, |told| match told {
                Told::Line(line) => lines.push(line.event.unwrap()),
                Told::Bytes(piece) => got.extend_from_slice(piece),
            });
            let ((), result) = tokio::join!(server, client);
            assert_eq!(result.is_ok(), whole);
            assert_eq!(got.len(), bytes.len() - usize::from(!whole));
            assert_eq!(lines.len(), if whole { 2 } else { 1 });
        }
    }

    #[tokio::test]
    async fn failures() {
        let (_, _, refused) =
            call(ControlCommand::Ping, "{\"v\":1,\"ok\":false,\"code\":\"E-X\",\"error\":\"no\"}\n").await;
        assert_eq!(refused.unwrap_err().to_string(), "no E-X");
        let (_, _, refused) =
            call(ControlCommand::Ping, "{\"v\":1,\"ok\":false,\"code\":\"E-X\",\"error\":\"no [E-X]\"}\n")
                .await;
        assert_eq!(refused.unwrap_err().to_string(), "no [E-X]");
        for broken in ["", "{\"v\":1,", "nonsense\n", "{\"v\":1,\"ok\":true}"] {
            let (_, _, result) = call(ControlCommand::Ping, broken).await;
            assert!(matches!(result, Err(ControlError::Broken(_))), "{broken:?}");
        }
    }

    #[test]
    fn requests_are_read_as_they_are_written() {
        let draw = ControlCommand::Draw {
            prompt: "猫".into(),
            images: vec!["/a.png".into()],
            provider: None,
            size: Some("16:9".into()),
            count: Some(2),
        };
        for command in [ControlCommand::Ping, ControlCommand::Backup, draw] {
            let request = Request { v: VERSION, command };
            let line = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        }
    }
}
