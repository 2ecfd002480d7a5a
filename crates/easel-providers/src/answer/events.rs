//! Server-sent events, folded into one skeleton of the shape that a buffered answer would have had.
//!
//! A line may be tens of megabytes long, so its payload goes into the JSON reader while it arrives. Follows the
//! event-stream rules of the WHATWG HTML standard, and also takes what gateways make of them: events without the
//! empty line between, a last event without an end.
//!
//! An event is charged for while it is read. What of it is not kept is given back at its end: a model that thinks aloud
//! sends its words one by one, in thousands of events that say little else.

use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use super::{
    AnswerError,
    json::{End, Env, Finished, GROWTH, MAX_CALLS, Parser, Streams, Texts, weight},
    slots::Slots,
    text::charge,
};

/// Kept of a field name and of a payload that is no JSON.
const MAX_FIELD: usize = 32;
const MAX_PROSE: usize = 2048;
/// What an event may say beside its result, and what is kept of it.
const BESIDE: [&str; 6] = ["usage", "usageMetadata", "promptFeedback", "video", "videos", "video_url"];
/// Fields of a chunk in which gateways put clips, beside its words.
const CLIPS: [&str; 6] = ["video", "videos", "video_url", "attachments", "media", "files"];

#[derive(Debug)]
enum Line {
    /// In the name of the field.
    Name(Vec<u8>),
    /// Right after the colon, where one space may stand.
    Gap(bool),
    /// In the value: of a `data` field or of another one.
    Value(bool),
}

/// The reader of an event stream.
#[derive(Debug)]
pub(super) struct Events {
    line: Line,
    after_cr: bool,
    parser: Option<Parser>,
    raw: Vec<u8>,
    first_slot: usize,
    /// The room at the beginning of the event, without what had been kept of earlier ones.
    all_room: usize,
    streams: Streams,
    fold: Fold,
}

impl Events {
    pub(super) fn new() -> Self {
        Self {
            line: Line::Name(Vec::new()),
            after_cr: false,
            parser: None,
            raw: Vec::new(),
            first_slot: 0,
            all_room: 0,
            streams: Streams::default(),
            fold: Fold::default(),
        }
    }

    /// Takes the next piece.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        slots: &mut Slots,
        room: &mut usize,
    ) -> Result<(), AnswerError> {
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            let after_cr = std::mem::take(&mut self.after_cr);
            match &mut self.line {
                Line::Value(is_data) => {
                    let is_data = *is_data;
                    let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                    let (value, tail) = rest.split_at(end);
                    if is_data {
                        self.push_data(value, slots, room)?;
                    }
                    if let Some((&byte, tail)) = tail.split_first() {
                        self.after_cr = byte == b'\r';
                        self.end_line(slots, room)?;
                        rest = tail;
                    } else {
                        rest = tail;
                    }
                }
                Line::Gap(is_data) => {
                    self.line = Line::Value(*is_data);
                    rest = if byte == b' ' { after } else { rest };
                }
                Line::Name(name) => {
                    rest = after;
                    match byte {
                        b'\n' if after_cr => {}
                        b'\n' | b'\r' => {
                            self.after_cr = byte == b'\r';
                            if name.is_empty() {
                                self.dispatch(slots, room)?;
                            }
                            self.end_line(slots, room)?;
                        }
                        b':' => {
                            let is_data = name == b"data";
                            if is_data && self.parser.as_ref().is_some_and(Parser::is_done) {
                                self.dispatch(slots, room)?;
                            }
                            self.line = Line::Gap(is_data);
                        }
                        _ if name.len() < MAX_FIELD => name.push(byte),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// The folded skeleton, and whether the stream ended between two events; `cut` = the connection broke.
    pub(super) fn finish(
        mut self,
        cut: bool,
        slots: &mut Slots,
        room: &mut usize,
    ) -> Result<Folded, AnswerError> {
        self.dispatch(slots, room)?;
        let damaged = self.fold.cut || (cut && !self.fold.ended());
        let texts = self.streams.finish(damaged, slots)?;
        Ok(self.fold.finish(texts))
    }

    fn end_line(&mut self, slots: &mut Slots, room: &mut usize) -> Result<(), AnswerError> {
        let was_data = matches!(self.line, Line::Value(true) | Line::Gap(true));
        self.line = Line::Name(Vec::new());
        // The lines of one event are joined with line breaks.
        if was_data && let Some(parser) = &mut self.parser {
            parser.push(b"\n", &mut Env { slots, room, streams: Some(&mut self.streams) })?;
        }
        Ok(())
    }

    fn push_data(&mut self, value: &[u8], slots: &mut Slots, room: &mut usize) -> Result<(), AnswerError> {
        if self.parser.is_none() {
            self.first_slot = slots.len();
            self.all_room = *room + self.streams.taken + self.fold.kept;
        }
        let parser = self.parser.get_or_insert_with(Parser::new);
        let kept = MAX_PROSE.saturating_sub(self.raw.len());
        self.raw.extend_from_slice(value.get(..kept).unwrap_or(value));
        parser.push(value, &mut Env { slots, room, streams: Some(&mut self.streams) })
    }

    fn dispatch(&mut self, slots: &mut Slots, room: &mut usize) -> Result<(), AnswerError> {
        let raw = std::mem::take(&mut self.raw);
        let Some(parser) = self.parser.take() else { return Ok(()) };
        let Finished { value, end } =
            parser.finish(&mut Env { slots, room, streams: Some(&mut self.streams) })?;
        let text = String::from_utf8_lossy(&raw);
        if text.trim() == "[DONE]" {
            self.fold.done = true;
            return Ok(());
        }
        match end {
            End::Whole => self.fold.add(value, self.first_slot, slots),
            End::Cut => {
                self.fold.cut = true;
                self.fold.add(value, self.first_slot, slots);
            }
            End::Malformed => self.fold.say(text.trim()),
        }
        *room = self.all_room;
        charge(room, self.streams.taken + self.fold.kept)
    }
}

/// A folded stream.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) skeleton: Value,
    /// The stream ended in the middle of an event.
    pub(super) cut: bool,
    /// It said itself that it is over, by `[DONE]`, a finish reason, a completed picture or an error.
    pub(super) ended: bool,
    /// Previews came.
    pub(super) previews: bool,
}

#[derive(Debug, Default)]
struct Fold {
    data: Vec<Value>,
    candidates: Vec<Value>,
    choices: Vec<Choice>,
    /// What stands beside the results: bills and verdicts. The last word counts.
    beside: Map<String, Value>,
    error: Option<Value>,
    prose: String,
    /// What all of these take of the skeleton's allowance.
    kept: usize,
    done: bool,
    cut: bool,
    previews: bool,
}

/// What a value that stood here took of the allowance.
fn weight_of(value: Option<&Value>) -> usize {
    value.map_or(0, weight)
}

#[derive(Debug, Default)]
struct Choice {
    images: Vec<Value>,
    parts: Vec<Value>,
    /// Calls of tools whose arguments came whole, not in pieces.
    calls: Vec<Value>,
    finish_reason: Option<Value>,
    error: Option<Value>,
    refusal: String,
}

impl Fold {
    fn ended(&self) -> bool {
        self.done
            || self.error.is_some()
            || !self.data.is_empty()
            || self.candidates.iter().any(|candidate| {
                ["finishReason", "finish_reason"]
                    .iter()
                    .any(|key| candidate.get(*key).is_some_and(is_something))
            })
            || self.beside.contains_key("promptFeedback")
            || self.choices.iter().any(|choice| choice.finish_reason.is_some() || choice.error.is_some())
    }

    fn add(&mut self, event: Value, first_slot: usize, slots: &mut Slots) {
        let Value::Object(mut event) = event else {
            if let Value::String(text) = event {
                self.say(&text);
            }
            return;
        };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind.ends_with("partial_image") {
            self.previews = true;
            slots.free(first_slot..slots.len());
            return;
        }
        for key in BESIDE {
            if let Some(value) = event.remove(key).filter(is_something) {
                self.kept += weight(&value);
                self.kept -= weight_of(self.beside.insert(key.to_owned(), value).as_ref());
            }
        }
        let error = event.remove("error").filter(is_something);
        if let Some(error) = error {
            // Ark's sets: one picture of several failed, and the others come all the same.
            if kind.ends_with("partial_failed") {
                self.add_data([json!({ "error": error })]);
                return;
            }
            self.fail(error);
        } else if event.contains_key("message")
            && (event.contains_key("code") || event.contains_key("type"))
            && !event.contains_key("choices")
        {
            // Some self-hosted proxies stream the error object without its envelope.
            self.fail(Value::Object(event));
            return;
        }
        if let Some(Value::Array(list)) = event.remove("data") {
            self.add_data(list);
        }
        if let Some(Value::Array(list)) = event.remove("candidates") {
            self.kept += list.iter().map(weight).sum::<usize>();
            self.candidates.extend(list);
        }
        if event.contains_key("b64_json") || event.contains_key("url") {
            let mut entry = Map::new();
            for key in ["b64_json", "url", "revised_prompt"] {
                entry.extend(event.remove(key).map(|value| (key.to_owned(), value)));
            }
            self.add_data([Value::Object(entry)]);
        }
        if let Some(Value::Array(list)) = event.remove("choices") {
            let calls = list.iter().any(has_calls);
            for (nth, choice) in list.into_iter().enumerate().take(16) {
                self.add_choice(nth, choice);
            }
            // In a chat the last picture is the result; those of earlier chunks were previews. Each call has its own.
            if !calls && slots.has_picture_from(first_slot) {
                slots.free(0..first_slot);
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.kept += GROWTH * text.len();
        self.prose.push_str(text);
    }

    fn add_data(&mut self, entries: impl IntoIterator<Item = Value>) {
        for entry in entries {
            self.kept += weight(&entry);
            self.data.push(entry);
        }
    }

    fn fail(&mut self, error: Value) {
        self.kept += weight(&error);
        self.kept -= weight_of(self.error.replace(error).as_ref());
    }

    fn add_choice(&mut self, nth: usize, choice: Value) {
        let Value::Object(mut choice) = choice else { return };
        let index = choice.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        let index = index.unwrap_or(nth).min(15);
        while self.choices.len() <= index {
            self.choices.push(Choice::default());
        }
        let Some(mine) = self.choices.get_mut(index) else { return };
        let mut refused = 0;
        let kept = &mut self.kept;
        let mut weighed = |value: Value| {
            *kept += weight(&value);
            value
        };
        for key in ["delta", "message"] {
            let Some(Value::Object(mut delta)) = choice.remove(key) else { continue };
            if let Some(Value::Array(list)) = delta.remove("images") {
                mine.images.extend(list.into_iter().map(&mut weighed));
            }
            if let Some(Value::Array(list)) = delta.remove("tool_calls") {
                // Texts of a `delta` are in the continued texts already.
                let is_whole = |call: &Value| {
                    key == "message"
                        || call
                            .pointer("/function/arguments")
                            .is_some_and(|it| it.is_object() || it.is_array())
                };
                mine.calls.extend(list.into_iter().filter(is_whole).map(&mut weighed));
            }
            match delta.remove("content") {
                // Text parts are in the continued text already.
                Some(Value::Array(list)) => mine.parts.extend(
                    list.into_iter()
                        .filter(|part| key == "message" || part.get("text").is_none_or(Value::is_string))
                        .map(&mut weighed),
                ),
                Some(Value::String(text)) => {
                    mine.parts.push(weighed(json!({ "type": "text", "text": text })));
                }
                _ => {}
            }
            for key in CLIPS {
                let told = delta.remove(key).filter(is_something);
                let part = told.map(|value| Value::Object([(key.to_owned(), value)].into_iter().collect()));
                mine.parts.extend(part.map(&mut weighed));
            }
            if let Some(Value::String(text)) = delta.remove("refusal") {
                mine.refusal.push_str(&text);
                refused += GROWTH * text.len();
            }
        }
        if let Some(reason) = choice.remove("finish_reason").filter(is_something) {
            let old = mine.finish_reason.replace(weighed(reason));
            self.kept -= weight_of(old.as_ref());
        }
        self.kept += refused;
        if let Some(error) = choice.remove("error").filter(is_something) {
            self.kept += weight(&error);
            self.kept -= weight_of(mine.error.replace(error).as_ref());
        }
    }

    fn finish(mut self, texts: Vec<Texts>) -> Folded {
        let ended = self.ended();
        let mut root = Map::new();
        if self.choices.len() < texts.len() {
            self.choices.resize_with(texts.len(), Choice::default);
        }
        let mut texts = texts.into_iter();
        let choices: Vec<Value> = self
            .choices
            .into_iter()
            .map(|choice| {
                let Texts { content, reasoning, arguments } = texts.next().unwrap_or_default();
                let content = if choice.parts.is_empty() {
                    Value::String(content)
                } else {
                    let text = (!content.is_empty()).then(|| json!({ "type": "text", "text": content }));
                    Value::Array(text.into_iter().chain(choice.parts).collect())
                };
                let mut message = Map::new();
                message.insert("content".to_owned(), content);
                message.insert("images".to_owned(), choice.images.into());
                let mut calls = choice.calls;
                let texts = arguments.iter().flat_map(|arguments| each_value(arguments));
                calls.extend(texts.map(|arguments| json!({ "function": { "arguments": arguments } })));
                if !calls.is_empty() {
                    message.insert("tool_calls".to_owned(), calls.into());
                }
                for (key, text) in [("reasoning_content", reasoning), ("refusal", choice.refusal)] {
                    if !text.is_empty() {
                        message.insert(key.to_owned(), text.into());
                    }
                }
                let mut value = Map::new();
                value.insert("message".to_owned(), message.into());
                value.extend(choice.finish_reason.map(|reason| ("finish_reason".to_owned(), reason)));
                value.extend(choice.error.map(|error| ("error".to_owned(), error)));
                value.into()
            })
            .collect();
        for (key, list) in [("data", self.data), ("candidates", self.candidates), ("choices", choices)] {
            if !list.is_empty() {
                root.insert(key.to_owned(), Value::Array(list));
            }
        }
        root.extend(self.error.map(|error| ("error".to_owned(), error)));
        root.extend(self.beside);
        let skeleton = if root.is_empty() && !self.prose.is_empty() {
            Value::String(self.prose)
        } else {
            Value::Object(root)
        };
        Folded { skeleton, cut: self.cut, ended, previews: self.previews }
    }
}

/// Whether a choice of an event calls tools.
fn has_calls(choice: &Value) -> bool {
    let calls = |key: &str| choice.get(key)?.get("tool_calls")?.as_array().map(|calls| !calls.is_empty());
    ["delta", "message"].into_iter().any(|key| calls(key) == Some(true))
}

/// The arguments of calls that a service tells apart neither by an index nor by their places: whole values one after the
/// other. Anything else is one text; nothing when it is empty.
fn each_value(arguments: &str) -> Vec<&str> {
    let mut values = serde_json::Deserializer::from_str(arguments).into_iter::<IgnoredAny>();
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(value) = values.next() {
        let to = values.byte_offset();
        match (value, arguments.get(from..to)) {
            (Ok(_), Some(text)) if found.len() < MAX_CALLS => found.push(text),
            _ => return vec![arguments],
        }
        from = to;
    }
    found
}

/// Neither null nor false nor empty.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use easel_core::media::{BytesBudget, Spool};

    use super::{super::SKELETON_BYTES, *};

    /// What is really kept, counted anew.
    fn held(fold: &Fold) -> usize {
        let choices = fold.choices.iter().flat_map(|choice| {
            let Choice { images, parts, calls, finish_reason, error, .. } = choice;
            images.iter().chain(parts).chain(calls).chain(finish_reason).chain(error)
        });
        let values = fold.data.iter().chain(&fold.candidates).chain(fold.beside.values()).chain(&fold.error);
        let refusals: usize = fold.choices.iter().map(|choice| choice.refusal.len()).sum();
        GROWTH * (fold.prose.len() + refusals) + values.chain(choices).map(weight).sum::<usize>()
    }

    /// Reads 64 MiB of an event; what is kept of them is paid from the room, and the rest is let go.
    #[track_caller]
    fn check(event: &[u8], ends_early: bool) {
        const ALL: usize = 64 << 20;
        const COUNTED: usize = 128 << 10;
        let dir = tempfile::tempdir().unwrap();
        let budget = BytesBudget::new(1 << 20);
        let mut slots = Slots::new(Spool::new(budget.clone(), dir.path()).unwrap(), 0);
        let (mut events, mut room, mut read) = (Events::new(), SKELETON_BYTES, 0);
        let error = loop {
            if read >= ALL {
                break None;
            }
            read += event.len();
            if let Err(error) = events.push(event, &mut slots, &mut room) {
                break Some(error);
            }
            assert!(events.raw.len() <= MAX_PROSE, "{} bytes of one event", events.raw.len());
            // Counting costs as much as is kept.
            if read / COUNTED > (read - event.len()) / COUNTED {
                let kept = held(&events.fold) + events.streams.taken;
                assert!(kept + room <= SKELETON_BYTES, "{kept} bytes are kept after {read}, and {room} left");
            }
        };
        assert_eq!(
            matches!(error, Some(AnswerError::TooMuch(_))),
            ends_early,
            "{error:?} after {read} bytes"
        );
        let shown = String::from_utf8_lossy(event.get(..40).unwrap_or(event)).into_owned();
        assert_eq!(budget.free(), 1 << 20, "{shown}");
        if !ends_early {
            let folded = events.finish(false, &mut slots, &mut room).unwrap();
            let text = folded.skeleton.as_str().map_or(0, str::len);
            assert!(text <= MAX_PROSE, "{text} bytes of {shown}");
        }
    }

    #[test]
    fn what_is_kept_of_events_that_are_none_is_bounded() {
        let long = "x".repeat(2042);
        check(format!("data: {long}\n\n").as_bytes(), true);
        check(format!("data: {long}\r\rdata: {{\"a\": ]{long}\r\r").as_bytes(), true);
        check(format!("data: {}\n\n", "no ".repeat(40)).as_bytes(), true);
        check(format!("data: {{{long}\n\n").as_bytes(), true);
        check(format!("data: \"{long}\"\n\n").as_bytes(), true);
        // Each of these bytes is three in the text that is kept.
        check(&[&b"data: {"[..], &[0xff; 1000], b"\n\n"].concat(), true);
        // Events that are events, and too many of them to be one answer's.
        for results in [
            r#"{"data": [{"url": "https://a.example/1.png"}], "candidates": [{}]}"#,
            r#"{"choices": [{"index": 3, "message": {"images": ["a"], "content": "b", "refusal": "c"}}]}"#,
            r#"{"choices": [{"delta": {"content": [{"type": "image_url"}], "video": "d"}}]}"#,
            r#"{"type": "image_generation.partial_failed", "error": {"code": "e"}}"#,
        ] {
            check(format!("data: {results}\n\n").as_bytes(), true);
        }
        // One payload without an end, comments, and fields that nobody reads: nothing of them is kept.
        check(&[&b"data: }"[..], &vec![b'x'; 64 << 20]].concat(), false);
        check(format!("data: {long}\n").as_bytes(), false);
        check(format!(": {long}\n\nevent: {long}\n{}: {long}\n", "name".repeat(10)).as_bytes(), false);
    }

    #[test]
    fn a_model_may_think_aloud_for_as_long_as_it_likes() {
        const WORDS: usize = 20_000;
        let dir = tempfile::tempdir().unwrap();
        let mut slots = Slots::new(Spool::new(BytesBudget::new(1 << 20), dir.path()).unwrap(), 0);
        let (mut events, mut room) = (Events::new(), SKELETON_BYTES);
        for word in 0..WORDS {
            let event = json!({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{ "index": 0, "delta": { "reasoning_content": "hm, " }, "finish_reason": "x" }],
                "usage": { "total_tokens": word, "details": { "words": word } }, "error": { "last": word }
            });
            events.push(format!("data: {event}\n\n").as_bytes(), &mut slots, &mut room).unwrap();
        }
        assert_eq!(events.fold.kept, held(&events.fold), "what was replaced is given back");
        assert_eq!(room + events.fold.kept + events.streams.taken, SKELETON_BYTES);
        let folded = events.finish(false, &mut slots, &mut room).unwrap();
        let said = folded.skeleton["choices"][0]["message"]["reasoning_content"].as_str().unwrap();
        assert_eq!(said.len(), 4 * WORDS);
        assert_eq!(folded.skeleton["usage"]["total_tokens"], WORDS - 1);
    }
}
