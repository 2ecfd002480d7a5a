//! Which of the pictures and links in an answer are the result. Pure; looks at the skeleton only.
//!
//! The order is that of the known dialects: the Images API's `data`, the `images` of SiliconFlow and A1111, the
//! `image_url` of Jimeng's aggregator, Gemini's candidates, chat `message.images`, chat contents, the arguments
//! of a chat's tool calls, `DashScope`'s `output`. All pictures of the first list that has any are the result; of a
//! streamed chat only the last one.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    Answer, BodyKind, Content, picture, prose,
    text::{LONG_RUN, pieces},
};

/// A picture, or where it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Arrived with the answer: index into [`Answer::slots`].
    Slot(usize),
    /// To be fetched from an absolute URL.
    Url(String),
    /// To be fetched from a path relative to the provider's own origin.
    Path(String),
}

/// One picture of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub place: Place,
    /// The prompt as the provider rewrote it.
    pub revised_prompt: Option<String>,
}

/// What an answer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The pictures of the result, in order; may be empty.
    pub found: Vec<Found>,
    /// Where fewer pictures are wished than found, the last ones are the result: models talk about drafts first.
    pub last_first: bool,
    /// Something was made, and it is nothing that may be passed on: its kind, for example `svg`.
    pub unusable: Option<&'static str>,
    /// What the model said in words, trimmed, without pictures and links.
    pub said: String,
}

/// A text in the form that [`Choice::said`] has: one line, without links and markup.
pub(crate) fn spoken(text: &str) -> String {
    prose::shown(text, usize::MAX)
}

/// Longest text that is shown to a person.
const MAX_SAID: usize = 300;

/// Chooses the result.
pub fn choose(answer: &Answer) -> Choice {
    let root = &answer.skeleton;
    let mut finder = Finder { answer, choice: Choice::default(), called: false };
    if answer.kind == BodyKind::Picture {
        finder.slot(0, None);
    }
    let lists: [fn(&mut Finder<'_>, &Value); 8] = [
        |finder, root| finder.data(root),
        |finder, root| finder.images(root),
        |finder, root| finder.gemini(root),
        |finder, root| finder.message_images(root),
        |finder, root| finder.message_contents(root),
        |finder, root| finder.tool_calls(root),
        |finder, root| finder.output(root),
        |finder, root| finder.bare(root),
    ];
    for list in lists {
        if !finder.choice.found.is_empty() {
            break;
        }
        list(&mut finder, root);
    }
    let Finder { mut choice, called, .. } = finder;
    let streams_previews = root.get("choices").is_some() || root.get("candidates").is_some();
    if answer.kind == BodyKind::Events && streams_previews && !called && choice.found.len() > 1 {
        choice.found.drain(..choice.found.len() - 1);
    }
    let mut seen = HashSet::new();
    choice.found.retain(|found| seen.insert(found.place.clone()));
    choice.last_first = streams_previews || root.is_string();
    choice.said = said(root);
    choice
}

struct Finder<'a> {
    answer: &'a Answer,
    choice: Choice,
    /// What was found stands in calls of tools: each shows a result of its own.
    called: bool,
}

impl Finder<'_> {
    fn data(&mut self, root: &Value) {
        let data = root.get("data").unwrap_or(&Value::Null);
        for entry in one_or_many(data) {
            self.entry(entry);
        }
        if self.choice.found.is_empty() && (root.get("b64_json").is_some() || root.get("url").is_some()) {
            self.entry(root);
        }
    }

    fn images(&mut self, root: &Value) {
        for key in ["images", "image", "image_url"] {
            for entry in one_or_many(root.get(key).unwrap_or(&Value::Null)) {
                self.entry(entry);
            }
        }
    }

    fn gemini(&mut self, root: &Value) {
        for candidate in one_or_many(root.get("candidates").unwrap_or(&Value::Null)) {
            let parts = candidate.pointer("/content/parts").unwrap_or(&Value::Null);
            for part in one_or_many(parts).filter(|part| part.get("thought") != Some(&Value::Bool(true))) {
                self.part(part);
            }
        }
    }

    fn message_images(&mut self, root: &Value) {
        for message in messages(root) {
            for entry in one_or_many(message.get("images").unwrap_or(&Value::Null)) {
                self.entry(entry);
            }
        }
    }

    fn message_contents(&mut self, root: &Value) {
        for message in messages(root) {
            for key in ["content", "reasoning_content", "reasoning"] {
                if !self.choice.found.is_empty() {
                    break;
                }
                match message.get(key) {
                    Some(Value::String(text)) => self.text(text),
                    Some(Value::Array(parts)) => parts.iter().for_each(|part| self.part(part)),
                    _ => {}
                }
            }
        }
    }

    /// Some gateways hand the picture over as if a tool had to show it.
    fn tool_calls(&mut self, root: &Value) {
        for message in messages(root) {
            for call in one_or_many(message.get("tool_calls").unwrap_or(&Value::Null)) {
                match call.pointer("/function/arguments") {
                    Some(Value::String(text)) => self.text(text),
                    Some(arguments) => self.entry(arguments),
                    None => {}
                }
            }
        }
        self.called = !self.choice.found.is_empty();
    }

    fn output(&mut self, root: &Value) {
        let output = root.get("output").unwrap_or(&Value::Null);
        for entry in one_or_many(output.get("results").unwrap_or(&Value::Null)) {
            self.entry(entry);
        }
        for choice in one_or_many(output.get("choices").unwrap_or(&Value::Null)) {
            for part in one_or_many(choice.pointer("/message/content").unwrap_or(&Value::Null)) {
                self.part(part);
            }
        }
        for key in ["file_url", "image"] {
            for entry in one_or_many(output.get(key).unwrap_or(&Value::Null)) {
                self.entry(entry);
            }
        }
        for entry in one_or_many(root.get("output_images").unwrap_or(&Value::Null)) {
            self.entry(entry);
        }
    }

    /// Bodies that are nothing but a text or a list.
    fn bare(&mut self, root: &Value) {
        match root {
            Value::String(text) => self.text(text),
            Value::Array(list) => list.iter().for_each(|entry| self.entry(entry)),
            _ => {}
        }
    }

    /// A picture in any of the spellings of a list's entry.
    fn entry(&mut self, entry: &Value) {
        let revised = entry.get("revised_prompt").and_then(Value::as_str).filter(|text| !text.is_empty());
        match entry {
            Value::String(text) => self.value(text, None),
            Value::Object(map) => {
                for key in ["b64_json", "base64", "b64", "url", "image_url", "image", "data"] {
                    let before = (self.choice.found.len(), self.choice.unusable);
                    match map.get(key) {
                        Some(Value::String(text)) => self.value(text, revised),
                        Some(Value::Object(inner)) => {
                            if let Some(Value::String(text)) = inner.get("url").or_else(|| inner.get("data"))
                            {
                                self.value(text, revised);
                            }
                        }
                        _ => {}
                    }
                    if before != (self.choice.found.len(), self.choice.unusable) {
                        break;
                    }
                }
            }
            _ => {}
        }
    }

    /// A part of a content array, in OpenAI's or Gemini's spelling.
    fn part(&mut self, part: &Value) {
        for key in ["inlineData", "inline_data"] {
            if let Some(Value::String(data)) = part.get(key).and_then(|inline| inline.get("data")) {
                return self.value(data, None);
            }
        }
        match part.get("text") {
            Some(Value::String(text)) => self.text(text),
            _ => self.entry(part),
        }
    }

    /// The value of a field that holds one picture: base64, a data URL, a URL or a path.
    fn value(&mut self, text: &str, revised: Option<&str>) {
        let slots: Vec<usize> = pieces(text).filter_map(Result::err).collect();
        if !slots.is_empty() {
            return slots.into_iter().for_each(|slot| self.slot(slot, revised));
        }
        let text = text.trim();
        if is_absolute(text) || text.starts_with('/') {
            self.link(text, revised);
        } else {
            // A long text that is neither a link nor base64 was meant to be a picture.
            let damaged = (text.len() >= LONG_RUN).then_some("broken base64");
            self.choice.unusable = self.choice.unusable.or_else(|| short_content(text)).or(damaged);
        }
    }

    /// A text in which pictures may be mentioned.
    fn text(&mut self, text: &str) {
        for mention in prose::mentions(text) {
            match mention {
                prose::Mention::Slot(slot) => self.slot(slot, None),
                prose::Mention::Link(link) => self.link(&link, None),
                prose::Mention::Video => self.choice.unusable = self.choice.unusable.or(Some("video")),
            }
        }
    }

    fn link(&mut self, link: &str, revised: Option<&str>) {
        let link = link.replace("&amp;", "&");
        if prose::is_video(&link) {
            self.choice.unusable = self.choice.unusable.or(Some("video"));
            return;
        }
        let place = if is_absolute(&link) { Place::Url(link) } else { Place::Path(link) };
        self.choice.found.push(Found { place, revised_prompt: revised.map(str::to_owned) });
    }

    fn slot(&mut self, index: usize, revised: Option<&str>) {
        let Some(slot) = self.answer.slots.get(index) else { return };
        if slot.is_picture() {
            // A superseded one has no bytes any more, and its successor is in the same list.
            if slot.body.is_some() {
                let place = Place::Slot(index);
                self.choice.found.push(Found { place, revised_prompt: revised.map(str::to_owned) });
            }
            return;
        }
        let kind = match slot.content {
            // Placeholders, such as `data:image/png;base64,...`.
            Content::Picture(_) if !slot.is_large() && !slot.broken => return,
            Content::Other if slot.len < picture::MIN_BYTES => return,
            Content::Picture(_) => "broken base64",
            Content::Other if slot.broken => "broken base64",
            Content::Svg => "svg",
            Content::Html => "html",
            Content::Video => "video",
            Content::Other => "unknown bytes",
        };
        self.choice.unusable = self.choice.unusable.or(Some(kind));
    }
}

/// Texts that are too short to have become a slot hold placeholders, or a tiny file of a kind that is refused: that
/// kind.
fn short_content(text: &str) -> Option<&'static str> {
    let base64 = text.rsplit_once(";base64,").map_or(text, |(_, base64)| base64);
    let bytes = base64_simd::forgiving_decode_to_vec(base64.as_bytes()).ok()?;
    match picture::content(&bytes) {
        Content::Svg => Some("svg"),
        Content::Html => Some("html"),
        Content::Video => Some("video"),
        Content::Picture(_) | Content::Other => None,
    }
}

pub(super) fn is_absolute(text: &str) -> bool {
    text.get(..8).is_some_and(|start| {
        let start = start.to_ascii_lowercase();
        start.starts_with("http://") || start.starts_with("https://")
    })
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(list) => list.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
    .iter()
}

fn messages(root: &Value) -> impl Iterator<Item = &Value> {
    one_or_many(root.get("choices").unwrap_or(&Value::Null)).filter_map(|choice| choice.get("message"))
}

/// The words of a chat answer, and those of Gemini's candidates.
fn said(root: &Value) -> String {
    let mut words = String::new();
    for candidate in one_or_many(root.get("candidates").unwrap_or(&Value::Null)) {
        let parts = one_or_many(candidate.pointer("/content/parts").unwrap_or(&Value::Null));
        let spoken = parts.filter(|part| part.get("thought") != Some(&Value::Bool(true)));
        words.extend(spoken.filter_map(|part| part.get("text")?.as_str()));
    }
    for message in messages(root) {
        let refusal = message.get("refusal").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let content = match message.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        };
        words.push_str(refusal.unwrap_or(&content));
    }
    if let Value::String(text) = root {
        words.push_str(text);
    }
    prose::shown(&words, MAX_SAID)
}
