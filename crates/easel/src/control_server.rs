//! The server side of `<data_dir>/easel.sock`; the protocol is told in [`crate::cli::control`].

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Map, Value as Json, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::{
        control::{Answer, ControlCommand, MAX_LINE, Request, VERSION, socket_path},
        usage::UsageLine,
    },
    wiring::{App, DrawRequest, Drawn, NotDrawn},
};

/// Connections served at once; the next ones wait in the socket's own queue.
const MAX_CONNECTIONS: usize = 16;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Serves until `stop`.
pub(crate) async fn serve(listener: UnixListener, app: Arc<App>, stop: CancellationToken) {
    let places = Arc::new(tokio::sync::Semaphore::new(MAX_CONNECTIONS));
    let tracker = TaskTracker::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { break };
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
        let (app, stop) = (app.clone(), stop.clone());
        tracker.spawn(async move {
            let _place = place;
            tokio::select! {
                () = stop.cancelled() => {}
                served = converse(stream, &app) => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "a control connection ended early");
                    }
                }
            }
        });
    }
    tracker.close();
    tracker.wait().await;
}

async fn converse(stream: UnixStream, app: &App) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut limited = (&mut stream).take(MAX_LINE as u64);
    let read = limited.read_until(b'\n', &mut line);
    tokio::time::timeout(PATIENCE, read).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let answers = match serde_json::from_slice::<Request>(&line) {
        Ok(Request { v: VERSION, command }) => answer(command, app).await,
        Ok(Request { v, .. }) => {
            vec![refused("E-VERSION", format!("this easel speaks version {VERSION}, not {v}"))]
        }
        Err(error) => vec![refused("E-COMMAND", format!("not a command: {error}"))],
    };
    for answer in answers {
        let mut line = serde_json::to_vec(&answer)?;
        line.push(b'\n');
        stream.get_mut().write_all(&line).await?;
    }
    stream.get_mut().shutdown().await
}

async fn answer(command: ControlCommand, app: &App) -> Vec<Answer> {
    match command {
        ControlCommand::Ping => vec![done([])],
        ControlCommand::Check => {
            let mut answers: Vec<_> = app
                .health()
                .into_iter()
                .map(|(level, section, text, mend)| Answer {
                    v: VERSION,
                    event: Some("line".to_owned()),
                    rest: fields([
                        ("level", json!(level)),
                        ("section", json!(section)),
                        ("text", json!(text)),
                        ("mend", json!(mend)),
                    ]),
                    ..Answer::default()
                })
                .collect();
            answers.push(done([]));
            answers
        }
        ControlCommand::Keys => lines("key", app.keys()),
        ControlCommand::Usage { days, by } => match app.engine.usage().spending(days, by.into()).await {
            Ok(sums) => lines("usage", sums.into_iter().map(UsageLine::from)),
            Err(error) => vec![refused("E-STORE", error.to_string())],
        },
        ControlCommand::KeysReset { provider } => {
            vec![match app.reset_keys(provider.as_deref()).await {
                Ok(count) => done([("count", json!(count))]),
                Err(error) => refused("E-STORE", error.to_string()),
            }]
        }
        ControlCommand::Backup { file } => {
            let to = file.unwrap_or_else(|| app.store.dir().join("backups"));
            vec![match app.store.backup(&to).await {
                Ok(file) => done([("file", json!(file))]),
                Err(error) => refused("E-BACKUP", error.to_string()),
            }]
        }
        ControlCommand::Draw { prompt, images, output, provider, size, count } => {
            let request = DrawRequest { prompt, images, provider, size, count };
            let output = output.unwrap_or_else(|| PathBuf::from("."));
            vec![match app.draw(request, &output).await {
                Ok(Drawn { files, sentences }) => {
                    done([("files", json!(files)), ("sentences", json!(sentences))])
                }
                Err(NotDrawn { code, sentence }) => refused(&code, sentence),
            }]
        }
    }
}

/// One line per thing, and the end.
fn lines<T: serde::Serialize>(event: &str, things: impl IntoIterator<Item = T>) -> Vec<Answer> {
    let line = |thing| match serde_json::to_value(thing) {
        Ok(Json::Object(rest)) => {
            Some(Answer { v: VERSION, event: Some(event.to_owned()), rest, ..Answer::default() })
        }
        _ => None,
    };
    things.into_iter().filter_map(line).chain([done([])]).collect()
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
