//! Chat completions that carry pictures, in the many ways of gateways.

use super::{ProviderRequest, answer::base64};
use bytes::Bytes;
use serde_json::{Value, json};

/// How many letters of the content one event of a stream carries: few enough to cut a data URL many times.
const LETTERS_PER_EVENT: usize = 4096;

/// Where a chat answer puts its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatShape {
    /// `![image](data:…)` after some words.
    MarkdownDataUrl,
    /// `![result](https://… "picture")`, with `&amp;` in the address.
    MarkdownUrl,
    /// Several Markdown pictures: a small preview first, the result last.
    PreviewThenResult,
    /// A data URL and nothing else.
    BareDataUrl,
    /// An address and nothing else.
    BareUrl,
    /// `<img src='…'>`.
    HtmlImg,
    /// `{"image_url": "…"}` as text, slashes escaped.
    JsonText,
    /// `{"data": [{"url": "…"}]}` as text.
    JsonDataList,
    /// `{"generated_assets": …}` as text: flow2api.
    GeneratedAssets,
    /// Base64 without any prefix.
    RawBase64,
    /// A path on the gateway.
    RelativePath,
    /// An address that begins with `//`.
    ProtocolRelative,
    /// An address on a loopback port where nobody listens, right path: a gateway that does not know its own name.
    LocalhostUrl,
    /// A list of parts with `image_url: {url}`.
    Parts,
    /// A list of parts with `image_url` as text.
    PartsPlainUrl,
    /// A list of parts with `output_image`.
    PartsOutputImage,
    /// A list of parts with `inlineData`.
    PartsInlineData,
    /// `message.images[].image_url.url` beside empty content: OpenRouter.
    Images,
    /// `message.images[]` as plain addresses.
    ImagesPlain,
    /// The address stands in `reasoning_content`, after the progress log.
    Reasoning,
    /// A stream of events although none was wanted.
    UnwantedStream,
    /// A link to a clip.
    VideoLink,
    /// A refusal in prose; no picture.
    Refusal,
    /// The letters `data:image/png;base64,...`; no picture.
    Ellipsis,
}

impl ChatShape {
    /// All shapes, for tests that go through them.
    pub const ALL: [Self; 24] = [
        Self::MarkdownDataUrl,
        Self::MarkdownUrl,
        Self::PreviewThenResult,
        Self::BareDataUrl,
        Self::BareUrl,
        Self::HtmlImg,
        Self::JsonText,
        Self::JsonDataList,
        Self::GeneratedAssets,
        Self::RawBase64,
        Self::RelativePath,
        Self::ProtocolRelative,
        Self::LocalhostUrl,
        Self::Parts,
        Self::PartsPlainUrl,
        Self::PartsOutputImage,
        Self::PartsInlineData,
        Self::Images,
        Self::ImagesPlain,
        Self::Reasoning,
        Self::UnwantedStream,
        Self::VideoLink,
        Self::Refusal,
        Self::Ellipsis,
    ];

    /// Whether the answer carries the picture at all.
    pub fn has_picture(self) -> bool {
        !matches!(self, Self::VideoLink | Self::Refusal | Self::Ellipsis)
    }
}

/// The message of a completion.
pub(super) struct Content {
    message: Value,
    images: Option<Value>,
    reasoning: Option<String>,
    force_stream: bool,
}

impl Content {
    pub(super) fn text(text: &str) -> Self {
        Self { message: json!(text), images: None, reasoning: None, force_stream: false }
    }

    fn parts(parts: Value) -> Self {
        Self { message: parts, ..Self::text("") }
    }

    /// The picture lies at `path` on this server as well.
    pub(super) fn of(shape: ChatShape, picture: &Bytes, path: &str, request: &ProviderRequest) -> Self {
        let host = request.headers().get("host").unwrap_or_default();
        let url = format!("http://{host}{path}");
        let data = data_url(picture);
        match shape {
            ChatShape::MarkdownDataUrl => Self::text(&format!("Done!\n\n![image]({data})")),
            ChatShape::MarkdownUrl => Self::text(&format!("![result]({url}?a=1&amp;b=2 \"picture\")")),
            ChatShape::PreviewThenResult => {
                let preview = data_url(&crate::pictures::png(32, 32, 77));
                Self::text(&format!("![preview]({preview})\n![final]({data})"))
            }
            ChatShape::BareDataUrl => Self::text(&data),
            ChatShape::BareUrl => Self::text(&url),
            ChatShape::HtmlImg => Self::text(&format!("<img src='{url}' width='512'>")),
            ChatShape::JsonText => Self::text(&json!({ "image_url": url }).to_string().replace('/', "\\/")),
            ChatShape::JsonDataList => Self::text(&json!({ "data": [{ "url": url }] }).to_string()),
            ChatShape::GeneratedAssets => {
                Self::text(&json!({ "generated_assets": { "final_image_url": url } }).to_string())
            }
            ChatShape::RawBase64 => Self::text(&base64(picture)),
            ChatShape::RelativePath => Self::text(&format!("![x]({path})")),
            ChatShape::ProtocolRelative => Self::text(&format!("![x](//{host}{path})")),
            ChatShape::LocalhostUrl => Self::text(&format!("![x](http://127.0.0.1:9{path})")),
            ChatShape::Parts => Self::parts(json!([
                { "type": "text", "text": "Here you are" },
                { "type": "image_url", "image_url": { "url": data } },
            ])),
            ChatShape::PartsPlainUrl => Self::parts(json!([{ "type": "image_url", "image_url": url }])),
            ChatShape::PartsOutputImage => {
                Self::parts(json!([{ "type": "output_image", "image_url": data }]))
            }
            ChatShape::PartsInlineData => {
                Self::parts(json!([{ "inlineData": { "mimeType": "image/png", "data": base64(picture) } }]))
            }
            ChatShape::Images => Self {
                message: Value::Null,
                images: Some(json!([{ "type": "image_url", "image_url": { "url": data } }])),
                ..Self::text("")
            },
            ChatShape::ImagesPlain => {
                Self { message: Value::Null, images: Some(json!([url])), ..Self::text("") }
            }
            ChatShape::Reasoning => {
                Self { reasoning: Some(format!("[50%] rendering\n{url}")), ..Self::text("") }
            }
            ChatShape::UnwantedStream => {
                Self { force_stream: true, ..Self::text(&format!("![image]({data})")) }
            }
            ChatShape::VideoLink => {
                Self::text(&format!("<video src='http://{host}/img/generated_video.mp4'></video>"))
            }
            ChatShape::Refusal => Self::text("I'm sorry, I can't create that image."),
            ChatShape::Ellipsis => Self::text("![image](data:image/png;base64,...)"),
        }
    }
}

pub(super) fn data_url(picture: &[u8]) -> String {
    let kind = image::guess_format(picture).map_or("image/png", |format| format.to_mime_type());
    format!("data:{kind};base64,{}", base64(picture))
}

/// The completion as JSON, or as events when the request or the content wants a stream: (content type, body).
pub(super) fn completion(request: &ProviderRequest, content: &Content) -> (String, Bytes) {
    let model = request.model().unwrap_or_default();
    if request.stream() || content.force_stream {
        return ("text/event-stream".to_owned(), stream(&model, content).into());
    }
    let mut message = json!({ "role": "assistant", "content": content.message });
    if let Some(fields) = message.as_object_mut() {
        if let Some(images) = &content.images {
            fields.insert("images".to_owned(), images.clone());
        }
        if let Some(reasoning) = &content.reasoning {
            fields.insert("reasoning_content".to_owned(), json!(reasoning));
        }
    }
    let body = json!({ "id": "gen-1789000000-abc", "object": "chat.completion", "created": 1_789_000_000,
        "model": model, "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 12, "completion_tokens": 1300, "total_tokens": 1312 } });
    ("application/json".to_owned(), body.to_string().into())
}

fn stream(model: &str, content: &Content) -> String {
    let mut out = String::new();
    let mut push = |delta: &Value, finish: Option<&str>| {
        let chunk = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1_789_000_000,
            "model": model, "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        out.extend(["data: ", &chunk.to_string(), "\n\n"]);
    };
    push(&json!({ "role": "assistant", "content": "" }), None);
    for line in content.reasoning.iter().flat_map(|reasoning| reasoning.lines()) {
        push(&json!({ "reasoning_content": line }), None);
    }
    match &content.message {
        Value::String(text) => {
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let end = rest.char_indices().nth(LETTERS_PER_EVENT).map_or(rest.len(), |(at, _)| at);
                let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                push(&json!({ "content": piece }), None);
                rest = after;
            }
        }
        Value::Null => {}
        parts => push(&json!({ "content": parts }), None),
    }
    if let Some(images) = &content.images {
        push(&json!({ "images": images }), None);
    }
    push(&json!({}), Some("stop"));
    out.push_str("data: [DONE]\n\n");
    out
}
