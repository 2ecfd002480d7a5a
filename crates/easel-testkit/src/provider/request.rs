//! Requests as the provider understands them.

use crate::http::{
    Headers, Request,
    multipart::{self, Part},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;
use std::time::Instant;

/// A picture that was given to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPicture {
    /// Where it stood: the form's part name (`image`, `image[]`, `mask`), or `image_url` in JSON.
    pub name: String,
    /// The file name in a form.
    pub file_name: Option<String>,
    /// The declared content type.
    pub content_type: Option<String>,
    /// The content; empty if it was given by an address.
    pub bytes: Bytes,
    /// The address, if it was given by one that is no data URL.
    pub url: Option<String>,
}

/// A recorded request.
#[derive(Debug, Clone)]
pub struct ProviderRequest {
    /// As it came.
    pub http: Request,
    /// The bearer token.
    pub key: Option<String>,
    /// The body, if it is JSON.
    pub json: Option<Value>,
    /// The parts, if the body is a form.
    pub form: Option<Vec<Part>>,
}

impl ProviderRequest {
    pub(super) fn new(http: Request) -> Self {
        let key = http.bearer().map(str::to_owned);
        let form = multipart::parts(&http);
        let json = if form.is_some() { None } else { http.json() };
        Self { http, key, json, form }
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        &self.http.path
    }

    /// Header fields.
    pub fn headers(&self) -> &Headers {
        &self.http.headers
    }

    /// When the request had been read.
    pub fn at(&self) -> Instant {
        self.http.at
    }

    /// A field of the JSON body or the form, as text.
    pub fn field(&self, name: &str) -> Option<String> {
        if let Some(parts) = &self.form {
            return parts.iter().find(|part| part.name == name).map(Part::text);
        }
        match self.json.as_ref()?.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// The prompt: the field of this name, or all text of the last message of a chat.
    pub fn prompt(&self) -> Option<String> {
        if let Some(prompt) = self.field("prompt") {
            return Some(prompt);
        }
        let content = self.last_message()?.get("content")?;
        match content {
            Value::String(text) => Some(text.clone()),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                Some(texts.collect::<Vec<_>>().join("\n"))
            }
            _ => None,
        }
    }

    /// The model.
    pub fn model(&self) -> Option<String> {
        self.field("model")
    }

    /// The size as written, for example `1024x1024`.
    pub fn size(&self) -> Option<String> {
        self.field("size")
    }

    /// How many pictures are wanted.
    pub fn n(&self) -> Option<usize> {
        self.field("n")?.parse().ok()
    }

    /// Whether a stream of events is wanted.
    pub fn stream(&self) -> bool {
        self.field("stream").as_deref() == Some("true")
    }

    /// The pictures that were given, masks included, in their order.
    pub fn pictures(&self) -> Vec<InputPicture> {
        if let Some(parts) = &self.form {
            return parts.iter().filter(|part| part.file_name.is_some()).map(from_part).collect();
        }
        let mut pictures = Vec::new();
        let json = self.json.clone().unwrap_or_default();
        for entry in json.get("images").and_then(Value::as_array).into_iter().flatten() {
            pictures.extend(from_url("image_url", entry.get("image_url")));
        }
        pictures.extend(from_url("mask", json.pointer("/mask/image_url")));
        let parts = self.last_message().and_then(|message| message.get("content")?.as_array().cloned());
        for part in parts.into_iter().flatten() {
            pictures.extend(from_url("image_url", part.pointer("/image_url/url")));
        }
        pictures
    }

    fn last_message(&self) -> Option<&Value> {
        self.json.as_ref()?.get("messages")?.as_array()?.last()
    }

    pub(super) fn is_chat(&self) -> bool {
        self.path().ends_with("/chat/completions")
    }

    pub(super) fn is_edit(&self) -> bool {
        self.path().ends_with("/edits")
    }

    pub(super) fn is_download(&self) -> bool {
        self.path().starts_with("/img/")
    }

    /// One line about the request, for failed waits.
    pub(super) fn summary(&self) -> String {
        format!("{} {}", self.http.method, self.http.path)
    }
}

fn from_part(part: &Part) -> InputPicture {
    InputPicture {
        name: part.name.clone(),
        file_name: part.file_name.clone(),
        content_type: part.content_type.clone(),
        bytes: part.bytes.clone(),
        url: None,
    }
}

fn from_url(name: &str, url: Option<&Value>) -> Option<InputPicture> {
    let url = url?.as_str()?;
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    let name = name.to_owned();
    Some(match data {
        Some((content_type, encoded)) => InputPicture {
            name,
            file_name: None,
            content_type: Some(content_type.to_owned()),
            bytes: STANDARD.decode(encoded).unwrap_or_default().into(),
            url: None,
        },
        None => InputPicture {
            name,
            file_name: None,
            content_type: None,
            bytes: Bytes::new(),
            url: Some(url.to_owned()),
        },
    })
}
