//! The frames of OneBot v11 as they are written, borrowed from the frame.
//!
//! Implementations disagree on types: ids are numbers or strings, `data` may be null, `message` is an array or a CQ
//! string. So every value is kept as raw JSON and read leniently when it is asked for; nothing unknown is an error
//! (OneBot v11 reference, "event" and "message/segment").

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A raw JSON value of a frame; `None` for absent and null.
pub(crate) type Raw<'a> = Option<&'a RawValue>;

/// Any frame: an event, or the answer to a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Frame<'a> {
    #[serde(borrow)]
    pub(crate) post_type: Raw<'a>,
    #[serde(borrow)]
    pub(crate) meta_event_type: Raw<'a>,
    #[serde(borrow)]
    pub(crate) notice_type: Raw<'a>,
    #[serde(borrow)]
    pub(crate) message_type: Raw<'a>,
    #[serde(borrow)]
    pub(crate) sub_type: Raw<'a>,
    #[serde(borrow)]
    pub(crate) time: Raw<'a>,
    #[serde(borrow)]
    pub(crate) self_id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) user_id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) group_id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) message_id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) message: Raw<'a>,
    /// Messages inside forwards spell `message` like this in LLOneBot and go-cqhttp.
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(crate) sender: Sender<'a>,
    #[serde(borrow)]
    pub(crate) interval: Raw<'a>,
    #[serde(borrow)]
    pub(crate) duration: Raw<'a>,
    #[serde(borrow)]
    pub(crate) status: Raw<'a>,
    #[serde(borrow)]
    pub(crate) retcode: Raw<'a>,
    #[serde(borrow)]
    pub(crate) data: Raw<'a>,
    #[serde(borrow)]
    pub(crate) wording: Raw<'a>,
    #[serde(borrow)]
    pub(crate) msg: Raw<'a>,
    #[serde(borrow)]
    pub(crate) echo: Raw<'a>,
}

/// Who wrote a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sender<'a> {
    #[serde(borrow)]
    pub(crate) user_id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) nickname: Raw<'a>,
    #[serde(borrow)]
    pub(crate) card: Raw<'a>,
    #[serde(borrow)]
    pub(crate) role: Raw<'a>,
    /// LLOneBot and go-cqhttp tell the group of a temporary session here.
    #[serde(borrow)]
    pub(crate) group_id: Raw<'a>,
}

/// One segment of an array message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireSegment<'a> {
    #[serde(borrow, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    data: Data<'a>,
}

/// The fields of a segment that easel reads; which of them are there depends on its type.
#[expect(clippy::struct_field_names, reason = "the wire names one of the fields like this")]
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Data<'a> {
    #[serde(borrow)]
    pub(crate) text: Raw<'a>,
    #[serde(borrow)]
    pub(crate) qq: Raw<'a>,
    #[serde(borrow)]
    pub(crate) id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) file: Raw<'a>,
    #[serde(borrow)]
    pub(crate) url: Raw<'a>,
    #[serde(borrow)]
    pub(crate) file_id: Raw<'a>,
    #[serde(borrow)]
    pub(crate) filename: Raw<'a>,
    #[serde(borrow)]
    pub(crate) file_name: Raw<'a>,
    #[serde(borrow)]
    pub(crate) name: Raw<'a>,
    #[serde(borrow)]
    pub(crate) data: Raw<'a>,
    #[serde(borrow)]
    pub(crate) content: Raw<'a>,
}

/// A segment, whichever format it came in. Texts are decoded.
#[derive(Clone, Debug)]
pub(crate) enum Segment<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// A mention; `all` for everybody.
    At(Cow<'a, str>),
    /// The id of the quoted message.
    Reply(Cow<'a, str>),
    /// A picture, a custom sticker or a market face.
    Picture {
        /// The link, if the segment had one.
        url: Option<Cow<'a, str>>,
        /// The implementation's token for `get_image`.
        file: Option<Cow<'a, str>>,
    },
    /// A file that was sent as such.
    File {
        /// Its name.
        name: Cow<'a, str>,
        /// The link, if the segment had one.
        url: Option<Cow<'a, str>>,
        /// The token for `get_group_file_url`.
        id: Option<Cow<'a, str>>,
    },
    /// A merged forward: its id, and its messages as raw JSON where the implementation expanded them.
    Forward {
        /// For `get_forward_msg`.
        id: Option<Cow<'a, str>>,
        /// A JSON array of messages.
        content: Raw<'a>,
    },
    /// Anything else.
    Other,
}

fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let raw = Raw::<'de>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default())
}

/// A string as it is, a number or boolean as its JSON text; `None` for anything else.
pub(crate) fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let json = raw?.get();
    match json.as_bytes().first()? {
        b'"' => {
            let inner = json.get(1..json.len() - 1)?;
            if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
                Some(Cow::Borrowed(inner))
            } else {
                serde_json::from_str(json).ok().map(Cow::Owned)
            }
        }
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// A text that says something.
pub(crate) fn filled(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    text(raw).filter(|text| !text.trim().is_empty())
}

/// Whose account it is. Before it is logged in, implementations write 0.
pub(crate) fn account(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    filled(raw).filter(|id| id != "0")
}

/// A whole number, written as a number or as a string.
pub(crate) fn int(raw: Raw<'_>) -> Option<i64> {
    let text = text(raw)?;
    text.trim().parse().ok()
}

/// Whether a value is that word.
pub(crate) fn is(raw: Raw<'_>, word: &str) -> bool {
    text(raw).is_some_and(|text| text == word)
}

/// The segments of a `message` or `content` value: an array of segments, or a string of CQ codes. Elements that are no
/// segments are left out.
pub(crate) fn segments(raw: Raw<'_>) -> Vec<Segment<'_>> {
    let Some(raw) = raw else { return Vec::new() };
    match raw.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(raw.get())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|element| serde_json::from_str::<WireSegment<'_>>(element.get()).ok())
            .map(|segment| read(&segment))
            .collect(),
        Some(b'{') => serde_json::from_str::<WireSegment<'_>>(raw.get())
            .map(|segment| vec![read(&segment)])
            .unwrap_or_default(),
        _ => match text(Some(raw)) {
            Some(Cow::Borrowed(text)) => super::cq::segments(text),
            Some(Cow::Owned(text)) => {
                super::cq::segments(&text).into_iter().map(Segment::into_owned).collect()
            }
            None => Vec::new(),
        },
    }
}

fn read<'a>(segment: &WireSegment<'a>) -> Segment<'a> {
    let data = &segment.data;
    let kind = text(segment.kind).unwrap_or_default();
    match kind.as_ref() {
        "text" => Segment::Text(text(data.text).unwrap_or_default()),
        "at" => text(data.qq).map_or(Segment::Other, Segment::At),
        "reply" => filled(data.id).map_or(Segment::Other, Segment::Reply),
        "image" | "mface" => Segment::picture(filled(data.url), filled(data.file), filled(data.filename)),
        "file" => Segment::File {
            name: filled(data.file_name)
                .or_else(|| filled(data.name))
                .or_else(|| filled(data.file))
                .unwrap_or_default(),
            url: filled(data.url).filter(|url| is_link(url)).map(unescape_link),
            id: filled(data.file_id),
        },
        "forward" => Segment::Forward { id: filled(data.id), content: data.content },
        "json" => text(data.data).map_or(Segment::Other, |card| Segment::card(&card)),
        _ => Segment::Other,
    }
}

impl<'a> Segment<'a> {
    /// A picture; in Lagrange `file` is the link and `filename` the token.
    pub(crate) fn picture(
        url: Option<Cow<'a, str>>,
        file: Option<Cow<'a, str>>,
        filename: Option<Cow<'a, str>>,
    ) -> Self {
        let url = url.filter(|url| is_link(url)).map(unescape_link);
        match file {
            Some(file) if is_link(&file) => {
                Self::Picture { url: url.or_else(|| Some(unescape_link(file))), file: filename }
            }
            file => Self::Picture { url, file: file.or(filename) },
        }
    }

    /// A card: only the one that is a merged forward means something here.
    pub(crate) fn card(json: &str) -> Self {
        #[derive(Deserialize)]
        struct Card {
            app: String,
            meta: Meta,
        }
        #[derive(Deserialize)]
        struct Meta {
            detail: Detail,
        }
        #[derive(Deserialize)]
        struct Detail {
            resid: String,
        }
        match serde_json::from_str::<Card>(json) {
            Ok(card) if card.app == "com.tencent.multimsg" => {
                Self::Forward { id: Some(Cow::Owned(card.meta.detail.resid)), content: None }
            }
            _ => Self::Other,
        }
    }

    /// The same without borrows. Expanded forwards exist only in array messages, which never come here.
    fn into_owned(self) -> Segment<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        match self {
            Self::Text(text) => Segment::Text(own(text)),
            Self::At(who) => Segment::At(own(who)),
            Self::Reply(id) => Segment::Reply(own(id)),
            Self::Picture { url, file } => Segment::Picture { url: url.map(own), file: file.map(own) },
            Self::File { name, url, id } => {
                Segment::File { name: own(name), url: url.map(own), id: id.map(own) }
            }
            Self::Forward { id, .. } => Segment::Forward { id: id.map(own), content: None },
            Self::Other => Segment::Other,
        }
    }
}

/// Whether a text is a link that a download can start from.
pub(crate) fn is_link(text: &str) -> bool {
    let head = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    head.starts_with("http://") || head.starts_with("https://")
}

/// Links sometimes keep the CQ escape of `&`, in array messages too.
fn unescape_link(link: Cow<'_, str>) -> Cow<'_, str> {
    if link.contains("&amp;") { Cow::Owned(link.replace("&amp;", "&")) } else { link }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_leniently() {
        #[track_caller]
        fn check(json: &str, as_text: Option<&str>, as_int: Option<i64>) {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!((text(Some(raw)).as_deref(), int(Some(raw))), (as_text, as_int), "{json}");
        }
        check("3001000001", Some("3001000001"), Some(3_001_000_001));
        check("\"3001000001\"", Some("3001000001"), Some(3_001_000_001));
        check("-1073741825", Some("-1073741825"), Some(-1_073_741_825));
        check("true", Some("true"), None);
        check("\"\\u751f\\/\"", Some("生/"), None);
        check("null", None, None);
        check("{}", None, None);
        check("[1]", None, None);
        check("1.5", Some("1.5"), None);
    }

    #[test]
    fn links_lose_the_escape_of_cq_codes() {
        for kind in ["image", "mface", "file"] {
            let json = format!(
                r#"[{{"type":"{kind}","data":{{"file":"a.png","url":"https://x/?a=1&amp;b=2","file_id":"/7"}}}}]"#
            );
            let raw: &RawValue = serde_json::from_str(&json).unwrap();
            let [Segment::Picture { url, .. } | Segment::File { url, .. }] = &segments(Some(raw))[..] else {
                panic!("{json}")
            };
            assert_eq!(url.as_deref(), Some("https://x/?a=1&b=2"), "{kind}");
        }
    }

    #[test]
    fn odd_messages_have_no_segments_and_no_error() {
        #[track_caller]
        fn check(json: &str, count: usize) {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            assert_eq!(segments(Some(raw)).len(), count, "{json}");
        }
        check("[]", 0);
        check("[null, 1, \"x\", {\"type\":\"shake\",\"data\":null}]", 1);
        check("{\"type\":\"text\",\"data\":{\"text\":1}}", 1);
        check("7", 1);
        check("true", 1);
    }
}
