//! The server side of `<data_dir>/easel.sock`; the protocol is told in [`crate::cli::control`].

use std::{io, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use easel_core::media::Body;
use serde_json::{Map, Value as Json, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::{
        control::{Answer, ControlCommand, MAX_LINE, Request, VERSION, socket_path},
        save::PIECE,
        usage::UsageLine,
    },
    wiring::{App, DrawRequest, Drawn, Made, NotDrawn},
};

/// Connections served at once; the next ones wait in the socket's own queue.
const MAX_CONNECTIONS: usize = 16;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to take a piece of a file.
const SLOWNESS: Duration = Duration::from_secs(60);

/// How long a stop waits for answers that have begun; they are files on their way at most, what is drawn ended before.
const FAREWELL: Duration = Duration::from_secs(3);

/// Opens the socket, replacing one that a killed easel left behind. The data directory's lock is held by then, so
/// nobody else listens there.
///
/// # Errors
/// When the socket can't be made.
pub(crate) fn listen(data_dir: &Path) -> io::Result<UnixListener> {
    remove(data_dir);
    let path = socket_path(data_dir);
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Removes the socket's file.
pub(crate) fn remove(data_dir: &Path) {
    // Absent is as good as removed.
    std::fs::remove_file(socket_path(data_dir)).ok();
}

/// Serves until `stop`. Whoever has said by then what they want still gets their answer, for as long as [`FAREWELL`].
pub(crate) async fn serve(listener: UnixListener, app: Arc<App>, stop: CancellationToken) {
    let places = Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
    let tracker = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the control socket");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let (app, stop, cut) = (app.clone(), stop.clone(), cut.clone());
        tracker.spawn(async move {
            let _place = place;
            tokio::select! {
                () = cut.cancelled() => {}
                served = converse(stream, &app, &stop) => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "a control connection ended early");
                    }
                }
            }
        });
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(FAREWELL, tracker.wait()).await.is_err() {
        cut.cancel();
        tracker.wait().await;
    }
}

async fn converse(stream: UnixStream, app: &App, stop: &CancellationToken) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut limited = (&mut stream).take(MAX_LINE as u64);
    let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line));
    tokio::select! {
        biased;
        read = read => read.map_err(|_| io::ErrorKind::TimedOut)??,
        // Nothing was asked for yet.
        () = stop.cancelled() => return Ok(()),
    };
    let mut peer = stream.into_inner();
    let last = match serde_json::from_slice::<Request>(&line) {
        Ok(Request { v: VERSION, command }) => answer(command, app, &mut peer).await?,
        Ok(Request { v, .. }) => {
            refused("E-VERSION", format!("this easel speaks version {VERSION}, not {v}"))
        }
        Err(error) => refused("E-COMMAND", format!("not a command: {error}")),
    };
    say(&mut peer, &last).await?;
    peer.shutdown().await
}

/// Sends one line.
async fn say(peer: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write(peer, &line).await
}

/// Sends bytes to a peer that takes some of them now and then.
async fn write(peer: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(PIECE) {
        tokio::time::timeout(SLOWNESS, peer.write_all(piece))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
    }
    Ok(())
}

/// Sends a file: the line that announces it, and its bytes.
async fn hand_over<const N: usize>(
    peer: &mut UnixStream,
    body: &Body,
    about: [(&str, Json); N],
) -> io::Result<()> {
    let mut rest = fields(about);
    rest.insert("bytes".to_owned(), json!(body.len()));
    say(peer, &Answer { v: VERSION, event: Some("file".to_owned()), rest, ..Answer::default() }).await?;
    let Some(path) = body.in_file() else {
        for segment in body.in_memory().unwrap_or_default() {
            write(peer, segment).await?;
        }
        return Ok(());
    };
    let mut file = tokio::fs::File::open(path).await?.take(body.len());
    let (mut piece, mut left) = (Vec::with_capacity(PIECE), body.len());
    while left > 0 {
        piece.clear();
        let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
        if read == 0 {
            // The end of the connection tells the client that the file is not whole.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write(peer, &piece).await?;
        left = left.saturating_sub(read as u64);
    }
    Ok(())
}

/// Does what is asked; the last line comes back, all others are sent.
async fn answer(command: ControlCommand, app: &App, peer: &mut UnixStream) -> io::Result<Answer> {
    Ok(match command {
        ControlCommand::Ping => done([]),
        ControlCommand::Check => {
            for (level, section, text, mend) in app.health() {
                let rest = fields([
                    ("level", json!(level)),
                    ("section", json!(section)),
                    ("text", json!(text)),
                    ("mend", json!(mend)),
                ]);
                let event = Some("line".to_owned());
                say(peer, &Answer { v: VERSION, event, rest, ..Answer::default() }).await?;
            }
            done([])
        }
        ControlCommand::Keys => lines(peer, "key", app.keys()).await?,
        ControlCommand::Usage { days, by } => match app.engine.usage().spending(days, by.into()).await {
            Ok(sums) => lines(peer, "usage", sums.into_iter().map(UsageLine::from)).await?,
            Err(error) => refused("E-STORE", error.to_string()),
        },
        ControlCommand::KeysReset { provider } => match app.reset_keys(provider.as_deref()).await {
            Ok(count) => done([("count", json!(count))]),
            Err(error) => refused("E-STORE", error.to_string()),
        },
        ControlCommand::Backup => match app.store.backup(&app.store.dir().join("backups")).await {
            Ok(made) => {
                // Beside the hourly snapshots, and of their kind: one that a killed easel leaves here goes with them.
                let sent = backup(peer, &made).await;
                tokio::fs::remove_file(&made).await?;
                sent?
            }
            Err(error) => refused("E-BACKUP", error.to_string()),
        },
        ControlCommand::Draw { prompt, images, provider, size, count } => {
            let request = DrawRequest { prompt, images, provider, size, count };
            match app.draw(request).await {
                Ok(Drawn { pictures, sentences }) => {
                    for Made { name, body, kept } in pictures {
                        hand_over(peer, &body, [("name", json!(name)), ("kept", json!(kept))]).await?;
                    }
                    done([("sentences", json!(sentences))])
                }
                Err(NotDrawn { code, sentence, misuse }) => {
                    Answer { rest: fields([("misuse", json!(misuse))]), ..refused(&code, sentence) }
                }
            }
        }
    })
}

async fn backup(peer: &mut UnixStream, made: &Path) -> io::Result<Answer> {
    let name = made.file_name().unwrap_or_default().to_string_lossy();
    hand_over(peer, &Body::from_file(made)?, [("name", json!(name))]).await?;
    Ok(done([]))
}

/// One line per thing; the last one comes back.
async fn lines<T: serde::Serialize>(
    peer: &mut UnixStream,
    event: &str,
    things: impl IntoIterator<Item = T>,
) -> io::Result<Answer> {
    for thing in things {
        if let Json::Object(rest) = serde_json::to_value(thing)? {
            say(peer, &Answer { v: VERSION, event: Some(event.to_owned()), rest, ..Answer::default() })
                .await?;
        }
    }
    Ok(done([]))
}

fn fields<const N: usize>(fields: [(&str, Json); N]) -> Map<String, Json> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn done<const N: usize>(rest: [(&str, Json); N]) -> Answer {
    Answer { v: VERSION, ok: Some(true), rest: fields(rest), ..Answer::default() }
}

fn refused(code: &str, error: String) -> Answer {
    Answer {
        v: VERSION,
        ok: Some(false),
        code: Some(code.to_owned()),
        error: Some(error),
        ..Answer::default()
    }
}

#[cfg(test)]
mod tests {
    use easel_testkit::{
        pictures,
        provider::{Answer as Drawing, FakeProvider},
    };
    use tokio::task::JoinHandle;

    use super::*;
    use crate::config::Config;

    /// More than a socket takes of its own.
    const LENGTH: usize = 4 << 20;

    /// A server whose client has read the line that announces a picture, and no more.
    async fn handing_over(dir: &Path) -> (JoinHandle<()>, CancellationToken, BufReader<UnixStream>) {
        let provider = FakeProvider::start().await;
        provider.answer(Drawing::b64([pictures::png_of_length(LENGTH, 1)]));
        let config = json!({
            "providers": { "main": {
                "kind": "openai_images", "base_url": provider.base_url(), "api_keys": ["k"], "model": "gpt-image-2",
            } },
            "draw": { "provider": "main" },
        });
        let config: Config = serde_json::from_value(config).unwrap();
        let app = Arc::new(App::open(&config, dir, false).await.unwrap());
        let stop = CancellationToken::new();
        let served = TaskTracker::new().spawn(serve(listen(dir).unwrap(), app, stop.clone()));
        let mut client = BufReader::new(UnixStream::connect(socket_path(dir)).await.unwrap());
        let request = json!({ "v": 1, "cmd": "draw", "prompt": "cat", "images": [] });
        client.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        client.read_line(&mut line).await.unwrap();
        assert!(line.contains(&LENGTH.to_string()), "{line}");
        (served, stop, client)
    }

    #[tokio::test]
    async fn a_stop_cuts_off_no_answer_that_has_begun() {
        let dir = tempfile::tempdir().unwrap();
        let (served, stop, mut client) = handing_over(dir.path()).await;
        let mut silent = UnixStream::connect(socket_path(dir.path())).await.unwrap();
        stop.cancel();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        // Whoever has not asked yet keeps nobody.
        assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        let last: Answer = serde_json::from_slice(rest.get(LENGTH..).unwrap_or_default()).unwrap();
        assert_eq!(last.ok, Some(true));
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_keeps_no_stop_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let (served, stop, _client) = handing_over(dir.path()).await;
        stop.cancel();
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        served.await.unwrap();
        assert!((FAREWELL..SLOWNESS).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    }
}
