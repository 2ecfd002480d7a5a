//! What an answer says of a failure, gathered from wherever services say it: codes, words, a status, the parameter. What
//! it means is judged elsewhere.

use std::time::Duration;

use serde_json::Value;

use super::{Facts, cut, echo::without_prompt};
use crate::answer::BodyKind;

/// Bytes of an error's message that are looked at: room for the longest prompt in its longest spelling.
const MAX_MESSAGE: usize = 64 * 1024;

/// What an error object says, in lower case where it is compared.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub(super) failed: bool,
    pub(super) codes: Vec<String>,
    pub(super) message: String,
    pub(super) lower: String,
    pub(super) param: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) moderated: bool,
    pub(super) output_stage: bool,
    pub(super) retry_after: Option<Duration>,
}

impl Signals {
    /// What an answer says, wherever it does.
    pub(super) fn read(facts: &Facts<'_>, success: bool) -> Self {
        let mut signals = Self::default();
        let root = &facts.answer.skeleton;
        for error in errors(root, success) {
            signals.failed = true;
            signals.add(error, 0);
        }
        for choice in root.get("choices").and_then(Value::as_array).into_iter().flatten() {
            match choice.get("finish_reason").and_then(Value::as_str) {
                Some("content_filter") => {
                    signals.failed = true;
                    signals.moderated = true;
                    signals.output_stage = true;
                }
                Some("error") => signals.failed = true,
                _ => {}
            }
        }
        signals.hear(facts);
        signals
    }

    /// Makes what was said fit for judging and for showing.
    pub(super) fn hear(&mut self, facts: &Facts<'_>) {
        let said = std::mem::take(&mut self.message);
        let text = if said.is_empty() { head(facts) } else { said };
        self.lower = cut(&without_prompt(&text, facts.prompt)).to_lowercase();
        // The secrets go first: a prompt that is the beginning of one must not tear it apart.
        self.message = cut(&without_prompt(&facts.redactor.exact(&text), facts.prompt));
    }

    /// Takes in what an error object says; `depth` = how deep it lies in another.
    pub(super) fn add(&mut self, error: &Value, depth: u8) {
        match error {
            Value::String(text) => self.say(text),
            Value::Array(list) => list.iter().take(4).for_each(|error| self.add(error, depth)),
            Value::Object(map) => {
                for key in ["code", "type", "error_type", "reason", "status", "provider_code"] {
                    match map.get(key) {
                        Some(Value::String(code)) if !code.is_empty() => self.codes.push(code.to_lowercase()),
                        Some(Value::Number(number)) => self.note_status(number.as_u64()),
                        _ => {}
                    }
                }
                for key in ["http_status", "status_code"] {
                    self.note_status(map.get(key).and_then(Value::as_u64));
                }
                for key in ["message", "msg", "error_message", "detail", "errorMessage"] {
                    match map.get(key) {
                        Some(Value::String(text)) => self.say(text),
                        Some(inner) if depth < 3 => self.add(inner, depth + 1),
                        _ => {}
                    }
                }
                if let Some(Value::String(param)) = map.get("param")
                    && !param.is_empty()
                {
                    self.param.get_or_insert_with(|| param.clone());
                }
                // FastAPI names the field as a path.
                if let Some(Value::String(field)) =
                    map.get("loc").and_then(Value::as_array).and_then(|loc| loc.last())
                {
                    self.param.get_or_insert_with(|| field.clone());
                }
                for key in ["reasons", "patterns"] {
                    self.moderated |=
                        map.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
                }
                let stage = map.get("moderation_details").and_then(|details| details.get("moderation_stage"));
                self.output_stage |= stage.and_then(Value::as_str) == Some("output");
                self.retry_after = self.retry_after.or_else(|| {
                    let seconds = map.get("retry_after").and_then(Value::as_f64)?;
                    Duration::try_from_secs_f64(seconds).ok()
                });
                if depth < 3 {
                    for key in ["metadata", "availability", "error", "errors", "innererror", "details"] {
                        if let Some(inner) = map.get(key) {
                            self.add(inner, depth + 1);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes in words, behind those that are there.
    pub(super) fn say(&mut self, text: &str) {
        if !self.message.is_empty() {
            self.message.push_str("; ");
        }
        let left = MAX_MESSAGE.saturating_sub(self.message.len());
        let text = text.trim();
        self.message.push_str(text.get(..text.floor_char_boundary(left)).unwrap_or_default());
    }

    fn note_status(&mut self, number: Option<u64>) {
        let status =
            number.and_then(|number| u16::try_from(number).ok()).filter(|code| (400..600).contains(code));
        self.status = self.status.or(status);
    }
}

/// The error objects of an answer.
fn errors(root: &Value, success: bool) -> Vec<&Value> {
    let mut found: Vec<&Value> = Vec::new();
    let root = match root {
        Value::Array(list) => list.first().unwrap_or(root),
        other => other,
    };
    let present = |value: &&Value| !is_blank(value);
    found.extend(root.get("error").filter(present));
    for choice in root.get("choices").and_then(Value::as_array).into_iter().flatten() {
        found.extend(choice.get("error").filter(present));
    }
    let bare = || {
        // `{"code": 1001, "message": "…"}` without an envelope; success answers carry codes such as 0 and 200 too.
        let holds_result = ["data", "choices", "images", "candidates", "output", "b64_json", "url"]
            .iter()
            .any(|key| root.get(key).is_some_and(|value| !value.is_null()));
        let code_is_bad = match root.get("code") {
            Some(Value::Number(code)) => !matches!(code.as_i64(), Some(0 | 200)),
            Some(Value::String(code)) => !matches!(code.as_str(), "" | "0" | "200" | "success" | "ok"),
            _ => false,
        };
        !holds_result && root.get("message").or_else(|| root.get("msg")).is_some() && code_is_bad
    };
    if found.is_empty() && (!success || bare()) {
        found.push(root);
    }
    found
}

/// Says nothing. Gateways that always write an error object leave it blank in a success.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.iter().all(is_blank),
        Value::Object(map) => map.values().all(is_blank),
    }
}

fn head(facts: &Facts<'_>) -> String {
    match facts.answer.kind {
        BodyKind::Html => {
            let text = facts.answer.head_text();
            let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
            title.map_or_else(|| "a web page".to_owned(), |(title, _)| title.trim().to_owned())
        }
        BodyKind::Text => facts.answer.head_text(),
        _ => String::new(),
    }
}
