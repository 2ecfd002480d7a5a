//! The fake OneBot implementation as a program, so that clients in other languages can be run against it.
//!
//! `fake_onebot [--dialect NAME] [--token TOKEN] [--split] (--connect URL | --listen ADDRESS | --post URL)` prints one
//! JSON object per line: first `{"ready": URL}` or `{"refused": STATUS}`, then one answer to each line of JSON on its
//! input. It ends with its input. The commands are in `obey`. `--post` posts events to that url and serves the HTTP API
//! at the one that it prints.

use easel_testkit::onebot::{ConnectError, Dialect, FakeOneBot, Fault, MemberRole, Message, Sent, To};
use serde_json::{Value, json};
use std::io::{self, BufRead, Write};
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut builder = FakeOneBot::builder();
    let mut connect = None;
    let mut post = None;
    let mut listen = "127.0.0.1:0".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--dialect" => builder = builder.dialect(dialect(&arguments.next().unwrap_or_default())?),
            "--token" => builder = builder.token(&arguments.next().unwrap_or_default()),
            "--split" => builder = builder.split_roles(),
            "--connect" => connect = arguments.next(),
            "--post" => post = arguments.next(),
            "--listen" => listen = arguments.next().unwrap_or_default(),
            other => return Err(bad(&format!("unknown argument {other}"))),
        }
    }
    let fake = builder.build();
    let ready = match (&connect, &post) {
        (None, Some(url)) => {
            fake.post_to(url);
            json!({ "ready": fake.serve_http().await })
        }
        (None, None) => {
            let address = listen.parse().map_err(|_| bad("--listen needs an address"))?;
            json!({ "ready": format!("ws://{}", fake.listen_at(address).await) })
        }
        (Some(url), _) => match fake.connect(url).await {
            Ok(()) => json!({ "ready": url }),
            Err(ConnectError::Refused { status, .. }) => json!({ "refused": status }),
            Err(ConnectError::Unreachable(reason)) => json!({ "unreachable": reason }),
        },
    };
    say(&ready)?;

    let (lines, mut commands) = mpsc::channel(16);
    // Standard input can only be read blockingly; the thread ends with it.
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = commands.recv().await {
        let command: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
        say(&obey(&fake, post.as_deref().unwrap_or_default(), &command).await?)?;
    }
    Ok(())
}

async fn obey(fake: &FakeOneBot, post: &str, command: &Value) -> io::Result<Value> {
    let number = |key: &str| command.get(key).and_then(Value::as_i64);
    let text = |key: &str| command.get(key).and_then(Value::as_str);
    match text("do") {
        Some("send") => Ok(json!({ "message_id": fake.send(message(command)).await })),
        Some("keep") => Ok(json!({ "message_id": fake.add_message(&message(command)) })),
        Some("react") => {
            let (group, user, id) = (number("group"), number("user"), number("message_id"));
            let (Some(group), Some(user), Some(id)) = (group, user, id) else {
                return Err(bad("react needs group, user and message_id"));
            };
            fake.react(group, user, id, "128077").await;
            Ok(json!({}))
        }
        Some("enable") => Ok(json!({ "status": fake.post_enabled(post).await?.status })),
        Some("forge") => {
            let event = json!({ "post_type": "meta_event", "meta_event_type": "heartbeat" });
            let answer = fake.post_event_signed(post, &event, text("signature")).await?;
            Ok(json!({ "status": answer.status }))
        }
        Some("heartbeat") => {
            fake.heartbeat().await;
            Ok(json!({}))
        }
        Some("admin") => {
            let (group, user) = (number("group").unwrap_or_default(), number("user").unwrap_or_default());
            fake.set_member(group, user, MemberRole::Admin, "管理员小李");
            Ok(json!({}))
        }
        Some("fail") => {
            let retcode = number("retcode").unwrap_or(1200);
            let fault = Fault::retcode(retcode, text("text").unwrap_or_default());
            fake.fault(text("action").unwrap_or("*"), fault);
            Ok(json!({}))
        }
        Some("next_send") => Ok(sent(&fake.next_send().await)),
        Some("calls") => {
            let calls = fake.calls();
            Ok(json!(calls.iter().map(|call| call.action.clone()).collect::<Vec<_>>()))
        }
        other => Err(bad(&format!("unknown command {other:?}"))),
    }
}

/// `group`, `user`, `reply`, `at`, `text`, `image` and `cq` of a command make a message, in this order.
fn message(command: &Value) -> Message {
    let number = |key: &str| command.get(key).and_then(Value::as_i64);
    let text = |key: &str| command.get(key).and_then(Value::as_str);
    let user = number("user").unwrap_or(2_200_000_011);
    let mut message = match (number("group"), number("temporary")) {
        (Some(group), _) => Message::group(group, user),
        (None, Some(group)) => Message::temporary(group, user),
        (None, None) => Message::private(user),
    };
    if let Some(id) = number("reply") {
        message = message.reply(id);
    }
    if let Some(user) = number("at") {
        message = message.at(user);
    }
    if let Some(words) = text("text") {
        message = message.text(words);
    }
    if let Some(url) = text("image") {
        message = message.image("cat.png", url);
    }
    if command.get("cq").and_then(Value::as_bool) == Some(true) {
        message = message.cq_string();
    }
    message
}

fn sent(sent: &Sent) -> Value {
    let (group, user) = match sent.to {
        To::Group(group) => (Some(group), None),
        To::Private(user) => (None, Some(user)),
        To::Temporary(user, group) => (Some(group), Some(user)),
    };
    let pictures: Vec<_> =
        sent.pictures.iter().map(|media| media.bytes.as_ref().map(|b| b.to_vec())).collect();
    json!({ "action": sent.action, "group": group, "user": user, "text": sent.text, "quote": sent.quote,
        "mentions": sent.mentions, "pictures": pictures, "delivered": sent.delivered })
}

fn dialect(name: &str) -> io::Result<Dialect> {
    match name {
        "napcat" => Ok(Dialect::NapCat),
        "llbot" => Ok(Dialect::LLBot),
        "lagrange" => Ok(Dialect::Lagrange),
        "gocqhttp" => Ok(Dialect::GoCqhttp),
        other => Err(bad(&format!("unknown dialect {other}"))),
    }
}

fn say(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn bad(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason.to_owned())
}
