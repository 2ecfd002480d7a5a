//! The HTTP side: an API to be called, and events posted with a signature (OneBot v11 standard).

use super::{Dialect, FakeOneBot, link::Frame, peer::Peer, upload::hex};
use crate::{
    PATIENCE,
    http::{self, Reply, Request, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::{io, sync::Arc};
use tokio::sync::mpsc;

impl FakeOneBot {
    /// Serves the HTTP API on a free port; returns `http://127.0.0.1:PORT`.
    pub async fn serve_http(&self) -> String {
        let peer = Arc::clone(&self.peer);
        let address = http::serve(&self.servers, move |request| answer(Arc::clone(&peer), request)).await;
        format!("http://{address}")
    }

    /// From now on every event is also posted to this url, signed with the token.
    pub fn post_to(&self, url: &str) {
        self.peer.with(|state| state.post_url = Some(url.to_owned()));
    }

    /// Posts one event to this url, signed with the token, and returns the application's answer.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post_event(&self, url: &str, event: &Value) -> io::Result<Response> {
        post(&self.peer, url, event).await
    }

    /// Posts one event with this `X-Signature`, or none; everything else as [`FakeOneBot::post_event`].
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post_event_signed(
        &self,
        url: &str,
        event: &Value,
        signature: Option<&str>,
    ) -> io::Result<Response> {
        post_body(&self.peer, url, &event.to_string(), signature.map(str::to_owned)).await
    }

    /// Posts the event that a link begins with, as HTTP does it: `lifecycle` with `enable`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post_enabled(&self, url: &str) -> io::Result<Response> {
        post(&self.peer, url, &self.peer.lifecycle_event("enable")).await
    }
}

pub(super) async fn post(peer: &Peer, url: &str, event: &Value) -> io::Result<Response> {
    let body = event.to_string();
    let token = peer.settings.token.as_bytes();
    let signature = (!token.is_empty()).then(|| {
        let mut mac = Hmac::<Sha1>::new_from_slice(token).expect("keys of any length are good");
        mac.update(body.as_bytes());
        format!("sha1={}", hex(&mac.finalize().into_bytes()))
    });
    post_body(peer, url, &body, signature).await
}

async fn post_body(peer: &Peer, url: &str, body: &str, signature: Option<String>) -> io::Result<Response> {
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-self-id", peer.settings.self_id.to_string()),
    ];
    headers.extend(signature.map(|signature| ("x-signature", signature)));
    let call = http::call("POST", url, &headers, body.as_bytes());
    tokio::time::timeout(PATIENCE, call).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn answer(peer: Arc<Peer>, request: Request) -> Reply {
    let token = peer.settings.token.as_str();
    let in_query = request.query.split('&').find_map(|pair| pair.strip_prefix("access_token="));
    let shown = request.bearer().or(in_query).unwrap_or_default();
    if !token.is_empty() && shown != token {
        return match peer.settings.dialect {
            Dialect::NapCat | Dialect::LLBot => {
                Reply::json(403, &json!({ "message": "token verify failed!" }))
            }
            _ => Reply::new(if shown.is_empty() { 401 } else { 403 }, "", ""),
        };
    }
    let params = if request.body.is_empty() { Some(json!({})) } else { request.json() };
    let Some(params) = params else { return Reply::json(400, &peer.settings.dialect.parse_error()) };
    let frame = json!({ "action": request.path.trim_matches('/'), "params": params });
    let (out, mut answers) = mpsc::channel(4096);
    if !peer.handle(&frame, &out, true).await {
        return Reply::reset();
    }
    // The channel stays open while `out` lives, so an answer that is held or never comes is waited for.
    match answers.recv().await {
        Some(Frame::Text(mut text)) => {
            // The frames of a stream follow each other in one answer, with an empty line between them.
            while let Ok(Frame::Text(more)) = answers.try_recv() {
                text.push_str("\r\n\r\n");
                text.push_str(&more);
            }
            Reply::new(200, "application/json", text)
        }
        Some(Frame::Binary(bytes)) => Reply::new(200, "application/octet-stream", bytes),
        Some(Frame::Close) | None => Reply::reset(),
    }
}
