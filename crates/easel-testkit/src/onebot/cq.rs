//! CQ strings: messages written as text (OneBot v11 standard, "string format").

use serde_json::{Map, Value, json};

/// Writes segments as a CQ string.
pub fn encode(segments: &[Value]) -> String {
    let mut out = String::new();
    for segment in segments {
        let kind = segment.get("type").and_then(Value::as_str).unwrap_or_default();
        let data = segment.get("data").and_then(Value::as_object);
        if kind == "text" {
            let text = data.and_then(|data| data.get("text")).and_then(Value::as_str).unwrap_or_default();
            out.push_str(&escape(text));
            continue;
        }
        out.push_str("[CQ:");
        out.push_str(kind);
        for (key, value) in data.into_iter().flatten() {
            let value = scalar(value);
            // NapCat leaves out what is empty.
            if !value.is_empty() {
                out.extend([",", key, "=", &escape(&value).replace(',', "&#44;")]);
            }
        }
        out.push(']');
    }
    out
}

/// Reads a CQ string into segments; a bracket that begins no code stays text.
pub fn decode(text: &str) -> Vec<Value> {
    let mut segments = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((code, after)) = rest.strip_prefix("[CQ:").and_then(|code| code.split_once(']')) {
            flush(&mut plain, &mut segments);
            segments.push(code_segment(code));
            rest = after;
            continue;
        }
        let mut letters = rest.chars();
        plain.extend(letters.next());
        rest = letters.as_str();
    }
    flush(&mut plain, &mut segments);
    segments
}

fn flush(plain: &mut String, segments: &mut Vec<Value>) {
    if !plain.is_empty() {
        segments.push(json!({ "type": "text", "data": { "text": unescape(plain) } }));
        plain.clear();
    }
}

fn code_segment(code: &str) -> Value {
    let mut pieces = code.split(',');
    let kind = pieces.next().unwrap_or_default();
    let data: Map<String, Value> = pieces
        .filter_map(|piece| piece.split_once('='))
        .map(|(key, value)| (key.to_owned(), json!(unescape(value))))
        .collect();
    json!({ "type": kind, "data": data })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('[', "&#91;").replace(']', "&#93;")
}

/// `&amp;` comes last, so that `&amp;#91;` becomes `&#91;` and no bracket.
fn unescape(text: &str) -> String {
    text.replace("&#44;", ",").replace("&#91;", "[").replace("&#93;", "]").replace("&amp;", "&")
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use serde_json::{Value, json};

    #[track_caller]
    fn check(text: &str, segments: &Value) {
        assert_eq!(json!(decode(text)), *segments);
        assert_eq!(encode(segments.as_array().unwrap()), text);
    }

    #[test]
    fn strings_and_segments_are_two_spellings() {
        check("猫", &json!([{ "type": "text", "data": { "text": "猫" } }]));
        check("&#91;x&#93; a&amp;b, c", &json!([{ "type": "text", "data": { "text": "[x] a&b, c" } }]));
        check(
            "[CQ:at,qq=1] 画[CQ:image,file=a&#44;b.jpg,url=http://h/?a=1&amp;b=2]",
            &json!([
                { "type": "at", "data": { "qq": "1" } },
                { "type": "text", "data": { "text": " 画" } },
                { "type": "image", "data": { "file": "a,b.jpg", "url": "http://h/?a=1&b=2" } },
            ]),
        );
        check("&amp;#91;", &json!([{ "type": "text", "data": { "text": "&#91;" } }]));
    }

    #[test]
    fn a_stray_bracket_is_text() {
        assert_eq!(json!(decode("a[b")), json!([{ "type": "text", "data": { "text": "a[b" } }]));
    }
}
