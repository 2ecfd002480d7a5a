//! Pictures that are mentioned in words: markdown, HTML, JSON inside a text, bare links. Pure.

use serde_json::Value;

use super::text::{MARK_CLOSE, MARK_OPEN, pieces};

/// What a text mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    /// A picture that came along.
    Slot(usize),
    /// A picture's URL or path.
    Link(String),
    /// A clip's URL.
    Video,
}

/// Most pictures that one text is taken to mention: the last ones, because drafts stand before the result.
const MAX_MENTIONS: usize = 64;
/// Words beyond this many bytes are not shown to anybody.
const MAX_SHOWN_BYTES: usize = 16 * 1024;

const PICTURE_ENDINGS: [&str; 8] = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".jfif"];
const VIDEO_ENDINGS: [&str; 4] = [".mp4", ".webm", ".mov", ".mkv"];
/// Where JSON texts hold their final picture, best first (flow2api's spellings, then the common ones).
const JSON_PLACES: [&str; 5] = [
    "/generated_assets/upscaled_image/base64",
    "/generated_assets/upscaled_image/url",
    "/generated_assets/upscaled_image/local_url",
    "/generated_assets/final_image_url",
    "/final_image_url",
];
/// Keys under which any JSON text may hold a picture.
const JSON_KEYS: [&str; 12] = [
    "image_url",
    "url",
    "b64_json",
    "base64",
    "image",
    "images",
    "data",
    "output",
    "result",
    "results",
    "image_urls",
    "urls",
];

/// Whether a link names a clip.
pub(super) fn is_video(link: &str) -> bool {
    let path = path_of(link).to_ascii_lowercase();
    VIDEO_ENDINGS.iter().any(|ending| path.ends_with(ending)) || path.contains("generated_video")
}

/// What the text mentions, in order; of very many, the last ones.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    if let Some(value) = as_json(text) {
        let found = in_json(&value);
        if !found.is_empty() {
            return last_of(found);
        }
    }
    let mut found = Vec::new();
    let whole = text.trim();
    if !whole.contains(char::is_whitespace) && whole.starts_with('/') && looks_like_picture(whole) {
        return vec![Mention::Link(whole.to_owned())];
    }
    for piece in pieces(text) {
        match piece {
            Err(slot) => found.push(Mention::Slot(slot)),
            Ok(words) => in_words(words, &mut found),
        }
    }
    last_of(found)
}

fn last_of(mut found: Vec<Mention>) -> Vec<Mention> {
    found.drain(..found.len().saturating_sub(MAX_MENTIONS));
    found
}

/// The words for a person: no markers, no data URL heads, no markdown pictures; cut at `max` characters.
pub(super) fn shown(text: &str, max: usize) -> String {
    let mut words = String::new();
    for piece in pieces(text).flatten() {
        words.push_str(piece);
        if words.len() > MAX_SHOWN_BYTES {
            words.truncate(words.floor_char_boundary(MAX_SHOWN_BYTES));
            break;
        }
    }
    let mut out = String::new();
    let mut rest = words.as_str();
    while let Some((before, after)) = rest.split_once("![") {
        out.push_str(before);
        match after.split_once("](").and_then(|(_, target)| target.split_once(')')) {
            Some((_, after)) => rest = after,
            None => rest = after.split_once("](").map_or(after, |_| ""),
        }
    }
    out.push_str(rest);
    let out = without_tags(&out);
    let kept: Vec<&str> = out
        .split_whitespace()
        .filter(|word| {
            !word.contains("://") && !word.contains(";base64,") && !word.contains([MARK_OPEN, MARK_CLOSE])
        })
        .collect();
    let line = kept.join(" ");
    match line.char_indices().nth(max) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default().trim_end()),
        None => line,
    }
}

/// HTML tags are for browsers.
fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let is_tag = after.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
        rest = after.split_once('>').filter(|_| is_tag).map_or(after, |(_, after)| after);
        if !is_tag {
            out.push('<');
        }
    }
    out.push_str(rest);
    out
}

pub(super) fn as_json(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).unwrap_or(text);
    let text = text.strip_suffix("```").unwrap_or(text).trim();
    (text.starts_with(['{', '[', '"'])).then(|| serde_json::from_str(text).ok()).flatten()
}

fn in_json(value: &Value) -> Vec<Mention> {
    for place in JSON_PLACES {
        if let Some(Value::String(text)) = value.pointer(place) {
            let found = in_value(text);
            if !found.is_empty() {
                return found;
            }
        }
    }
    let mut found = Vec::new();
    walk(value, 0, &mut found);
    found
}

fn walk(value: &Value, depth: u8, found: &mut Vec<Mention>) {
    match value {
        Value::String(text) => found.extend(in_value(text)),
        Value::Array(list) if depth < 8 => list.iter().for_each(|entry| walk(entry, depth + 1, found)),
        Value::Object(map) if depth < 8 => {
            for key in JSON_KEYS {
                if let Some(inner) = map.get(key) {
                    let before = found.len();
                    walk(inner, depth + 1, found);
                    if found.len() > before {
                        break;
                    }
                }
            }
        }
        _ => {}
    }
}

fn in_value(text: &str) -> Vec<Mention> {
    let slots: Vec<Mention> = pieces(text).filter_map(Result::err).map(Mention::Slot).collect();
    // JSON that was put into JSON by hand escapes its slashes once too often.
    let text = text.trim().replace("\\/", "/");
    let text = text.as_str();
    if !slots.is_empty() {
        slots
    } else if is_video(text) {
        vec![Mention::Video]
    } else if text.starts_with("http://") || text.starts_with("https://") || text.starts_with('/') {
        vec![Mention::Link(text.to_owned())]
    } else {
        Vec::new()
    }
}

fn in_words(words: &str, found: &mut Vec<Mention>) {
    let mut here: Vec<(usize, String, bool)> = Vec::new();
    // Each of the searches below looks at the last places only: every place may cost a walk through the whole text.
    // Markdown pictures and the attributes of HTML name a picture whatever their link looks like.
    for (at, _) in words.rmatch_indices("![").take(MAX_MENTIONS) {
        let target = words.get(at..).and_then(|rest| Some((rest.find("](")?, rest)));
        if let Some((offset, rest)) = target {
            let link = rest.get(offset + 2..).unwrap_or_default().trim_start().trim_start_matches('<');
            let end = link.find([')', ' ', '"', '\n', '>']).unwrap_or(link.len());
            here.push((at + offset + 2, link.get(..end).unwrap_or_default().to_owned(), true));
        }
    }
    for (at, _) in words.rmatch_indices("src=").take(MAX_MENTIONS) {
        let rest = words.get(at + 4..).unwrap_or_default();
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let link = quote.map_or(rest, |quote| rest.trim_start_matches(quote));
        let end = link.find(|letter: char| match quote {
            Some(quote) => letter == quote,
            None => letter.is_whitespace() || letter == '>',
        });
        here.push((at + 4, link.get(..end.unwrap_or(link.len())).unwrap_or_default().to_owned(), true));
    }
    let explicit = here.len();
    for (at, _) in words.rmatch_indices("http").take(MAX_MENTIONS) {
        let rest = words.get(at..).unwrap_or_default();
        if !rest.starts_with("http://") && !rest.starts_with("https://") {
            continue;
        }
        let end = rest
            .find(|letter: char| {
                letter.is_whitespace()
                    || matches!(letter, '"' | '\'' | '<' | '>' | ')' | ']' | '}' | '`' | '\\')
                    || matches!(letter, '，' | '。' | '）' | '】' | '；' | '！')
            })
            .unwrap_or(rest.len());
        let link = rest.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ';', '!', '?']);
        // An address that a picture's own link carries as a parameter.
        if here.iter().take(explicit).any(|(_, outer, _)| outer.len() > link.len() && outer.contains(link)) {
            continue;
        }
        let alone = {
            let before = words.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
            let after = rest.get(link.len()..).unwrap_or_default().split('\n').next().unwrap_or_default();
            before.trim().is_empty() && after.trim().is_empty()
        };
        here.push((at, link.to_owned(), alone));
    }
    here.sort_by_key(|(at, ..)| *at);
    let mut last = None;
    for (_, link, sure) in here {
        let known = last.as_ref() == Some(&link);
        if link.is_empty() || link.starts_with("data:") || (known && !sure) {
            continue;
        }
        let is_link = link.starts_with("http://") || link.starts_with("https://") || link.starts_with('/');
        if is_video(&link) {
            found.push(Mention::Video);
        } else if is_link && !known && (sure || looks_like_picture(&link)) {
            found.push(Mention::Link(link.clone()));
        }
        last = Some(link);
    }
}

fn looks_like_picture(link: &str) -> bool {
    let path = path_of(link).to_ascii_lowercase();
    PICTURE_ENDINGS.iter().any(|ending| path.ends_with(ending))
}

fn path_of(link: &str) -> &str {
    link.split(['?', '#']).next().unwrap_or_default()
}
