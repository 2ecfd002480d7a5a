//! Where the clip of an answer is: pure, and the same for all kinds that make clips.
//!
//! Services put the link into a field with a telling name, into a list of files, or into words (markdown, `<video>`,
//! a bare address, JSON inside a text). Bytes that are a clip come first, in whatever field or data URL they stand, then
//! fields named for clips, then what HTML and endings say, then links that nothing speaks against. What people wrote is no result: the fields that repeat the request are left out.

use std::collections::VecDeque;

use serde_json::Value;

use super::{
    Answer, Slot,
    candidates::{self, Choice, Found, Place, is_absolute},
    prose,
    text::{MARK_OPEN, pieces},
};

/// Values of an answer that are looked at.
const MAX_VALUES: usize = 2000;
/// How deep they may lie.
const MAX_DEPTH: u8 = 8;
/// Links that one text is taken to mention: the last ones, because drafts stand before the result.
const MAX_MENTIONS: usize = 16;

/// Fields that hold clips, whatever their links look like; in lower case, without `_`.
const CLIPS: [&str; 10] = [
    "finalvideourl",
    "videourl",
    "videourls",
    "video",
    "videos",
    "unsignedurls",
    "downloadurl",
    "generatedvideo",
    "clip",
    "mp4url",
];
/// Fields whose address may be a clip's.
const LINKS: [&str; 9] = ["url", "urls", "uri", "link", "src", "href", "fileurl", "localurl", "resulturl"];
/// Fields that repeat the request, or lead to something else that is no clip.
const OTHERS: [&str; 21] = [
    "prompt",
    "revisedprompt",
    "negativeprompt",
    "input",
    "inputs",
    "inputreference",
    "request",
    "messages",
    "callbackurl",
    "pollingurl",
    "statusurl",
    "lastframeurl",
    "firstframeurl",
    "thumbnail",
    "thumbnailurl",
    "cover",
    "coverurl",
    "poster",
    "posterurl",
    "error",
    "usage",
];
/// Links to stills, where only the ending tells.
const STILLS: [&str; 6] = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"];

/// How likely a link is the clip; the first is the likeliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The bytes themselves stand in the answer.
    Carried,
    /// In a field named for it.
    Named,
    /// In a `<video>` or `<source>`.
    Tagged,
    /// It ends like a clip.
    Ending,
    /// A link whose words say that it is one.
    Labelled,
    /// The address in a field of a task, and nothing speaks against it.
    Likely,
}

/// The places of an answer's clip, the likeliest first. A still in place of it is told in [`Choice::unusable`].
pub(crate) fn choose(answer: &Answer) -> Choice {
    let mut search = Search { slots: &answer.slots, found: Vec::new(), inline: false };
    search.walk(&answer.skeleton);
    let Search { mut found, inline, .. } = search;
    if answer.skeleton.get("choices").is_some() {
        // A chat links to sources as well.
        found.retain(|(rank, _)| *rank < Rank::Likely);
    }
    found.sort_by_key(|(rank, _)| *rank);
    let mut choice = Choice::default();
    for (_, place) in found {
        if choice.found.iter().all(|known| known.place != place) {
            choice.found.push(Found { place, revised_prompt: None });
        }
    }
    if choice.found.is_empty() {
        let stills = candidates::choose(answer);
        let still = (!stills.found.is_empty()).then_some("a still");
        choice.unusable = still.or(stills.unusable).or(inline.then_some("unreadable bytes"));
        choice.said = stills.said;
    }
    choice
}

struct Search<'a> {
    slots: &'a [Slot],
    found: Vec<(Rank, Place)>,
    /// Bytes that are no clip stand where a clip belongs.
    inline: bool,
}

/// What the fields around a value say about it.
#[derive(Clone, Copy)]
enum Field {
    Clip,
    Link,
    Words,
}

impl Search<'_> {
    /// The outer values first: what is wrapped deeper is rarely the service's own word.
    fn walk(&mut self, root: &Value) {
        let mut waiting = VecDeque::from([(root, Field::Words, 0_u8)]);
        let mut left = MAX_VALUES;
        while let Some((value, field, depth)) = waiting.pop_front() {
            let Some(fewer) = left.checked_sub(1) else { return };
            left = fewer;
            match value {
                Value::String(text) => self.text(text, field, depth),
                Value::Array(list) if depth < MAX_DEPTH => {
                    waiting.extend(list.iter().map(|value| (value, field, depth + 1)));
                }
                Value::Object(map) if depth < MAX_DEPTH => {
                    for (key, value) in map {
                        let key = key.to_ascii_lowercase().replace(['_', '-'], "");
                        if OTHERS.contains(&&*key) || key.contains("image") {
                            continue;
                        }
                        let field = match field {
                            _ if CLIPS.contains(&&*key) => Field::Clip,
                            // `video: { url, duration, id }`: only the addresses in it are the clip.
                            Field::Clip if LINKS.contains(&&*key) => Field::Clip,
                            _ if LINKS.contains(&&*key) => Field::Link,
                            _ => Field::Words,
                        };
                        waiting.push_back((value, field, depth + 1));
                    }
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, text: &str, field: Field, depth: u8) {
        for index in pieces(text).filter_map(Result::err) {
            if self.slots.get(index).is_some_and(Slot::is_clip) {
                self.found.push((Rank::Carried, Place::Slot(index)));
            } else {
                self.inline |= matches!(field, Field::Clip | Field::Link);
            }
        }
        let whole = text.trim();
        let one = !whole.is_empty() && !whole.contains([' ', '\n', '<', '"', '\\', MARK_OPEN]);
        let is_link = one && (is_absolute(whole) || whole.starts_with('/'));
        match field {
            Field::Clip if is_link => self.link(Rank::Named, whole),
            _ if is_link && prose::is_video(whole) => self.link(Rank::Ending, whole),
            Field::Link if is_link && !is_still(whole) => self.link(Rank::Likely, whole),
            _ if is_link => {}
            _ => self.words(text, depth),
        }
    }

    /// Links that are mentioned in words.
    fn words(&mut self, text: &str, depth: u8) {
        if let Some(value) = prose::as_json(text).filter(|_| depth < MAX_DEPTH) {
            // The value of a text is no text again, so this ends.
            if !value.is_string() {
                return self.walk(&value);
            }
        }
        for piece in pieces(text).flatten() {
            let piece = piece.replace("\\/", "/");
            self.tags(&piece);
            self.labels(&piece);
            self.addresses(&piece);
        }
    }

    /// `<video src='…'>` and `<source src="…">`.
    fn tags(&mut self, words: &str) {
        for (at, _) in words.rmatch_indices("src=").take(MAX_MENTIONS) {
            let before = words.get(..at).unwrap_or_default();
            let tag = before.rsplit('<').next().unwrap_or_default().to_ascii_lowercase();
            if !(tag.starts_with("video") || tag.starts_with("source")) {
                continue;
            }
            let rest = words.get(at + 4..).unwrap_or_default();
            let link = match rest.chars().next().filter(|first| matches!(first, '"' | '\'')) {
                Some(quote) => rest.trim_start_matches(quote).split(quote).next(),
                None => rest.split([' ', '>', '\n']).next(),
            };
            self.mentioned(Rank::Tagged, link.unwrap_or_default());
        }
    }

    /// `[watch the video](https://…)`, `![video](/files/1)`.
    fn labels(&mut self, words: &str) {
        for (at, _) in words.rmatch_indices("](").take(MAX_MENTIONS) {
            let label = words.get(..at).unwrap_or_default().rsplit('[').next().unwrap_or_default();
            let label = label.to_lowercase();
            let target = words.get(at + 2..).unwrap_or_default().trim_start().trim_start_matches('<');
            let link = target.split([')', ' ', '"', '\n', '>']).next().unwrap_or_default();
            let says = ["video", "clip", "mp4", "视频", "影片"].iter().any(|word| label.contains(word));
            if prose::is_video(link) {
                self.mentioned(Rank::Ending, link);
            } else if says && !is_still(link) {
                self.mentioned(Rank::Labelled, link);
            }
        }
    }

    /// Bare addresses that end like clips.
    fn addresses(&mut self, words: &str) {
        for (at, _) in words.rmatch_indices("http").take(MAX_MENTIONS) {
            let link = words.get(at..).unwrap_or_default();
            let end = link.find(|letter: char| {
                letter.is_whitespace()
                    || matches!(letter, '"' | '\'' | '<' | '>' | ')' | ']' | '}' | '`' | '\\')
                    || matches!(letter, '，' | '。' | '）' | '】' | '；' | '！')
            });
            let link = link.get(..end.unwrap_or(link.len())).unwrap_or_default();
            let link = link.trim_end_matches(['.', ',', ';', '!', '?']);
            if prose::is_video(link) {
                self.mentioned(Rank::Ending, link);
            }
        }
    }

    fn mentioned(&mut self, rank: Rank, link: &str) {
        if is_absolute(link) || link.starts_with('/') {
            self.link(rank, &link.replace("&amp;", "&"));
        }
    }

    fn link(&mut self, rank: Rank, link: &str) {
        let place =
            if is_absolute(link) { Place::Url(link.to_owned()) } else { Place::Path(link.to_owned()) };
        self.found.push((rank, place));
    }
}

fn is_still(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    STILLS.iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use easel_core::media::{BytesBudget, Spool};
    use serde_json::json;

    use super::*;
    use crate::answer::AnswerReader;

    fn read(body: &str) -> Answer {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(BytesBudget::new(1 << 20), dir.path()).unwrap();
        let mut reader = AnswerReader::new(spool, 0, 1 << 20);
        reader.push(body.as_bytes()).unwrap();
        reader.finish(false).unwrap()
    }

    #[track_caller]
    fn check(value: &Value, expected: &[&str]) {
        let choice = choose(&read(&value.to_string()));
        let links: Vec<_> = choice
            .found
            .iter()
            .map(|found| match &found.place {
                Place::Url(link) | Place::Path(link) => link.as_str(),
                Place::Slot(_) => panic!("no bytes"),
            })
            .collect();
        assert_eq!(links, expected, "{value}");
    }

    fn says(text: &str) -> Value {
        json!({ "choices": [{ "message": { "content": text } }] })
    }

    #[test]
    fn fields_of_tasks() {
        let url = "https://a.example/v?id=1";
        check(&json!({ "status": "done", "video": { "url": url, "duration": 5 } }), &[url]);
        check(
            &json!({ "content": { "video_url": url, "last_frame_url": "https://a.example/l.png" } }),
            &[url],
        );
        check(&json!({ "results": { "videos": [{ "url": url }], "seed": 7 } }), &[url]);
        check(&json!({ "polling_url": "https://a.example/p", "unsigned_urls": [url] }), &[url]);
        check(&json!({ "data": { "output": { "url": "/v1/files/video?id=9" } } }), &["/v1/files/video?id=9"]);
        check(&json!({ "data": [{ "url": url }], "thumbnail_url": "https://a.example/t" }), &[url]);
        check(&json!({ "video": url }), &[url]);
        check(&json!({ "url": "https://a.example/b", "video_url": url }), &[url, "https://a.example/b"]);
        check(
            &json!({ "attachments": [{ "media": { "uri": "https://a.example/x.webm" } }] }),
            &["https://a.example/x.webm"],
        );
        check(&json!({ "video": { "url": "" }, "status": "done" }), &[]);
    }

    #[test]
    fn words_of_gateways() {
        let url = "https://a.example/x.mp4";
        for text in [
            url.to_owned(),
            format!("Here it is: {url}."),
            format!("<video controls src='{url}'></video>"),
            format!("<video><source src=\"{url}\"></video>"),
            format!("[download]({url})"),
            format!("[![](https://a.example/poster.jpg)]({url})"),
            format!("完成：{url}。"),
            json!({ "generated_assets": { "final_video_url": url } }).to_string(),
            format!("```json\n{}\n```", json!({ "video_url": url })),
        ] {
            check(&says(&text), &[url]);
        }
        check(&says("<video src=\"https://a.example/f?id=1&amp;k=2\">"), &["https://a.example/f?id=1&k=2"]);
        check(&says("[点击观看视频](/files/9)"), &["/files/9"]);
        check(
            &says("draft https://a.example/1.mp4 then https://a.example/2.mp4"),
            &["https://a.example/2.mp4", "https://a.example/1.mp4"],
        );
        check(&says("read https://a.example/terms and [the manual](https://a.example/manual)"), &[]);
    }

    #[test]
    fn what_people_wrote_is_no_result() {
        let theirs = "https://theirs.example/x.mp4";
        check(&json!({ "status": "completed", "prompt": format!("like {theirs}"), "id": "v" }), &[]);
        check(&json!({ "input": { "video_url": theirs }, "error": { "message": theirs } }), &[]);
    }

    #[test]
    fn a_still_is_told() {
        let choice = choose(&read(&says("![x](https://a.example/x.png)").to_string()));
        assert_eq!((choice.found.len(), choice.unusable), (0, Some("a still")));
        let choice = choose(&read(&json!({ "image": { "url": "https://a.example/x.png" } }).to_string()));
        assert_eq!((choice.found.len(), choice.unusable), (0, Some("a still")));
        let choice = choose(&read(&says("I can't help with that.").to_string()));
        assert_eq!((choice.unusable, &*choice.said), (None, "I can't help with that."));
    }

    #[test]
    fn streams_are_read_to_their_end() {
        let event = |delta: Value| format!("data: {}\n\n", json!({ "choices": [{ "delta": delta }] }));
        let body = [
            event(json!({ "reasoning_content": "[50%] rendering" })),
            event(json!({ "content": "<video src=\"https://a.exa" })),
            event(json!({ "content": "mple/y.mp4\"></video>" })),
            "data: [DONE]\n\n".to_owned(),
        ];
        let choice = choose(&read(&body.concat()));
        assert_eq!(choice.found[0].place, Place::Url("https://a.example/y.mp4".to_owned()));
        let body = [event(json!({ "video_url": "https://a.example/z" })), "data: [DONE]\n\n".to_owned()];
        let choice = choose(&read(&body.concat()));
        assert_eq!(choice.found[0].place, Place::Url("https://a.example/z".to_owned()));
    }

    #[test]
    fn the_search_is_bounded() {
        let mut deep = json!({ "video_url": "https://a.example/x.mp4" });
        for _ in 0..20 {
            deep = json!({ "a": deep });
        }
        check(&deep, &[]);
        let mut many: Vec<_> = (0..3000).map(|nth| json!(format!("word {nth}"))).collect();
        many.push(json!("https://a.example/x.mp4"));
        check(&json!({ "list": many }), &[]);
    }
}
