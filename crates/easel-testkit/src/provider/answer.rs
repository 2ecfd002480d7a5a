//! What a provider answers, and how it goes over the line.

use super::{ChatShape, ProviderRequest, Shared, any_picture, chat};
use crate::{
    http::{Delivery, Headers, Reply},
    samples,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// An answer of a [`super::FakeProvider`]: made by a function, changed by methods.
///
/// Answers with pictures take the shape that the endpoint has: `b64_json` or `url` in the Images API, a Markdown
/// picture in a chat, events where the request wants a stream.
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    status: u16,
    headers: Headers,
    body: Body,
    line: Line,
    held: bool,
}

#[derive(Debug, Clone)]
enum Body {
    /// These bytes, whatever was asked.
    Fixed {
        content_type: String,
        bytes: Bytes,
    },
    /// As many pictures as were asked for, each different.
    Draws,
    Pictures {
        pictures: Vec<Bytes>,
        by: By,
    },
    Chat {
        shape: ChatShape,
        picture: Bytes,
    },
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Base64,
    Url,
    /// A url whose download answers this status.
    DeadUrl(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Good(Delivery),
    Silent,
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What a link leads to: a picture, or the page of a storage that has it no more.
pub(super) fn hosted(content: Result<Bytes, u16>) -> Answer {
    match content {
        Ok(bytes) => {
            let kind = image::guess_format(&bytes).map_or("text/html", |format| format.to_mime_type());
            Answer::raw(200, kind, bytes)
        }
        Err(status) => Answer::raw(status, "application/xml", "<Error><Code>AccessDenied</Code></Error>"),
    }
}

impl Answer {
    fn new(status: u16, body: Body) -> Self {
        Self { status, headers: Headers::default(), body, line: Line::Good(Delivery::Whole), held: false }
    }

    /// As many pictures of 96 × 96 pixels as the request wants, as base64. The default of a provider.
    pub fn draws() -> Self {
        Self::new(200, Body::Draws)
    }

    /// These pictures as base64.
    pub fn b64(pictures: impl IntoIterator<Item = Bytes>) -> Self {
        Self::new(200, Body::Pictures { pictures: pictures.into_iter().collect(), by: By::Base64 })
    }

    /// These pictures by urls on this server.
    pub fn url(pictures: impl IntoIterator<Item = Bytes>) -> Self {
        Self::new(200, Body::Pictures { pictures: pictures.into_iter().collect(), by: By::Url })
    }

    /// One url on this server that answers this status (404, 403 …) to its download.
    pub fn dead_url(status: u16) -> Self {
        Self::new(200, Body::Pictures { pictures: vec![Bytes::new()], by: By::DeadUrl(status) })
    }

    /// A chat answer that carries the picture in this way.
    pub fn chat(shape: ChatShape, picture: Bytes) -> Self {
        Self::new(200, Body::Chat { shape, picture })
    }

    /// A chat answer of words only, for example a translation.
    pub fn text(text: &str) -> Self {
        Self::new(200, Body::Text(text.to_owned()))
    }

    /// Any JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::raw(status, "application/json", body.to_string())
    }

    /// Any bytes.
    pub fn raw(status: u16, content_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self::new(status, Body::Fixed { content_type: content_type.to_owned(), bytes: bytes.into() })
    }

    /// A sample stream of events, as it is.
    #[track_caller]
    pub fn event_stream(sample: &str) -> Self {
        Self::raw(200, "text/event-stream", samples::event_stream(sample)).chunked(1000)
    }

    /// The request is read and never answered.
    pub fn hangs() -> Self {
        Self { line: Line::Silent, ..Self::draws() }
    }

    /// The connection is reset instead of an answer.
    pub fn reset() -> Self {
        Self::draws().delivered(Delivery::Reset)
    }

    pub(super) fn models(ids: &[String]) -> Self {
        let list: Vec<Value> = ids
            .iter()
            .map(|id| {
                json!({ "id": id, "object": "model", "created": 1_776_729_600, "owned_by": "system",
                "shutdown_date": null })
            })
            .collect();
        Self::json(200, &json!({ "object": "list", "data": list }))
    }

    // ---- changes ---------------------------------------------------------------------------------------------

    /// Adds a header field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The answer waits for [`super::FakeProvider::release`].
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// The body goes in chunks of so many bytes, wherever that cuts.
    pub fn chunked(self, bytes: usize) -> Self {
        self.delivered(Delivery::Chunked(bytes))
    }

    /// The body ends in its middle although `Content-Length` announced all of it.
    pub fn cut(self) -> Self {
        self.delivered(Delivery::Cut)
    }

    /// The body goes in chunks and ends in its middle without the last chunk.
    pub fn cut_chunked(self) -> Self {
        self.delivered(Delivery::ChunkedCut)
    }

    /// The body comes again and again, for as long as the client reads.
    pub fn endless(self) -> Self {
        self.delivered(Delivery::Endless)
    }

    fn delivered(mut self, delivery: Delivery) -> Self {
        self.line = Line::Good(delivery);
        self
    }

    // ---- rendering -------------------------------------------------------------------------------------------

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    pub(super) fn is_silent(&self) -> bool {
        self.line == Line::Silent
    }

    pub(super) fn render(&self, shared: &Shared, request: &ProviderRequest) -> Reply {
        let (content_type, bytes) = self.content(shared, request);
        let mut reply = Reply::new(self.status, &content_type, bytes);
        for (name, value) in self.headers.iter() {
            reply.headers.push(name, value);
        }
        reply.delivery = match self.line {
            // Streams come in pieces unless something else was wanted.
            Line::Good(Delivery::Whole) if content_type.starts_with("text/event-stream") => {
                Delivery::Chunked(997)
            }
            Line::Good(delivery) => delivery,
            Line::Silent => Delivery::Reset,
        };
        reply
    }

    fn content(&self, shared: &Shared, request: &ProviderRequest) -> (String, Bytes) {
        match &self.body {
            Body::Fixed { content_type, bytes } => (content_type.clone(), bytes.clone()),
            Body::Text(text) => chat::completion(request, &chat::Content::text(text)),
            Body::Chat { shape, picture } => {
                let path = shared.host(Ok(picture.clone()));
                chat::completion(request, &chat::Content::of(*shape, picture, &path, request))
            }
            Body::Draws => {
                let first = u64::try_from(shared.requests.all().len()).unwrap_or_default() * 16;
                let count = u64::try_from(request.n().unwrap_or(1)).unwrap_or(1);
                let pictures: Vec<Bytes> = (0..count).map(|index| any_picture(first + index)).collect();
                pictures_for(shared, request, &pictures, By::Base64)
            }
            Body::Pictures { pictures, by } => pictures_for(shared, request, pictures, *by),
        }
    }
}

fn pictures_for(shared: &Shared, request: &ProviderRequest, pictures: &[Bytes], by: By) -> (String, Bytes) {
    let host = request.headers().get("host").unwrap_or_default().to_owned();
    let address = |content| format!("http://{host}{}", shared.host(content));
    let urls: Vec<String> = pictures
        .iter()
        .map(|picture| match by {
            By::Base64 => chat::data_url(picture),
            By::Url => address(Ok(picture.clone())),
            By::DeadUrl(status) => address(Err(status)),
        })
        .collect();
    if request.is_chat() {
        let markdown: Vec<String> = urls.iter().map(|url| format!("![image]({url})")).collect();
        return chat::completion(request, &chat::Content::text(&markdown.join("\n")));
    }
    if request.stream() && by == By::Base64 {
        return ("text/event-stream".to_owned(), events(request, pictures).into());
    }
    let data: Vec<Value> = pictures
        .iter()
        .zip(&urls)
        .map(|(picture, url)| match by {
            By::Base64 => json!({ "b64_json": base64(picture) }),
            By::Url | By::DeadUrl(_) => json!({ "url": url, "revised_prompt": "a revised prompt" }),
        })
        .collect();
    let size = request.size().unwrap_or_else(|| "1024x1024".to_owned());
    let body = json!({ "created": 1_789_000_000, "background": "opaque", "data": data, "output_format": "png",
        "quality": "high", "size": size, "usage": usage() });
    ("application/json".to_owned(), body.to_string().into())
}

/// The events of a streamed picture: a preview, then the whole one (OpenAI "Image streaming").
fn events(request: &ProviderRequest, pictures: &[Bytes]) -> String {
    let family = if request.is_edit() { "image_edit" } else { "image_generation" };
    let mut out = String::new();
    let mut push = |kind: String, mut data: Value| {
        merge(&mut data, json!({ "type": kind }));
        out.extend(["event: ", &kind, "\ndata: ", &data.to_string(), "\n\n"]);
    };
    for picture in pictures {
        let common = json!({ "created_at": 1_789_000_000, "size": "1024x1024", "quality": "high",
            "background": "opaque", "output_format": "png" });
        let mut partial = common.clone();
        merge(
            &mut partial,
            json!({ "b64_json": base64(&crate::pictures::png(48, 48, 9)), "partial_image_index": 0 }),
        );
        push(format!("{family}.partial_image"), partial);
        let mut whole = common;
        merge(&mut whole, json!({ "b64_json": base64(picture), "usage": usage() }));
        push(format!("{family}.completed"), whole);
    }
    out
}

fn usage() -> Value {
    json!({ "total_tokens": 1072, "input_tokens": 16, "output_tokens": 1056,
        "input_tokens_details": { "text_tokens": 16, "image_tokens": 0 } })
}

fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
