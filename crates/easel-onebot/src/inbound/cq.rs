//! CQ codes: the string form of messages, `text[CQ:image,file=a.png,url=…]` (OneBot v11 reference, "message/string").
//!
//! Only reading. Sending always uses arrays, because a string would let anybody inject codes.

use std::borrow::Cow;

use super::wire::{Segment, is_link};

/// A piece of a CQ string, still escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text between codes.
    Text(&'a str),
    /// A code: its type and `k=v,k=v`.
    Code(&'a str, &'a str),
}

/// Iterates over the pieces of a CQ string. A `[CQ:` that is never closed is text.
pub(crate) fn pieces(mut rest: &str) -> impl Iterator<Item = Piece<'_>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix("[CQ:")
            && let Some((code, after)) = inner.split_once(']')
        {
            rest = after;
            let (kind, params) = code.split_once(',').unwrap_or((code, ""));
            return Some(Piece::Code(kind, params));
        }
        // Skip at least one character, so that an unclosed code does not stop here again.
        let skip = rest.chars().next().map_or(0, char::len_utf8);
        let tail = rest.get(skip..).unwrap_or("");
        let end = tail.find("[CQ:").map_or(rest.len(), |at| skip + at);
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(text))
    })
}

/// Undoes the escapes of texts and parameter values; `&amp;` last.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("&#91;", "[").replace("&#93;", "]").replace("&#44;", ",").replace("&amp;", "&"))
}

/// The value of a parameter, unescaped.
pub(crate) fn param<'a>(params: &'a str, key: &str) -> Option<Cow<'a, str>> {
    params
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| unescape(value))
}

/// The segments of a CQ string.
pub(crate) fn segments(text: &str) -> Vec<Segment<'_>> {
    pieces(text).map(segment).collect()
}

fn segment(piece: Piece<'_>) -> Segment<'_> {
    let (kind, params) = match piece {
        Piece::Text(text) => return Segment::Text(unescape(text)),
        Piece::Code(kind, params) => (kind, params),
    };
    let filled = |key| param(params, key).filter(|value| !value.trim().is_empty());
    match kind {
        "at" => param(params, "qq").map_or(Segment::Other, Segment::At),
        "reply" => filled("id").map_or(Segment::Other, Segment::Reply),
        "image" | "mface" => Segment::picture(filled("url"), filled("file"), filled("filename")),
        "file" => Segment::File {
            name: filled("file_name")
                .or_else(|| filled("name"))
                .or_else(|| filled("file"))
                .unwrap_or_default(),
            url: filled("url").filter(|url| is_link(url)),
            id: filled("file_id"),
        },
        "forward" => Segment::Forward { id: filled("id"), content: None },
        "json" => param(params, "data").map_or(Segment::Other, |card| Segment::card(&card)),
        _ => Segment::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escape(text: &str) -> String {
        text.replace('&', "&amp;").replace('[', "&#91;").replace(']', "&#93;")
    }

    #[test]
    fn strings_are_cut_into_pieces() {
        #[track_caller]
        fn check(text: &str, expected: &[Piece<'_>]) {
            assert_eq!(pieces(text).collect::<Vec<_>>(), expected);
        }
        check("", &[]);
        check("猫", &[Piece::Text("猫")]);
        check("[CQ:shake]猫", &[Piece::Code("shake", ""), Piece::Text("猫")]);
        check("a[CQ:at,qq=1] b", &[Piece::Text("a"), Piece::Code("at", "qq=1"), Piece::Text(" b")]);
        check("[CQ:never closed", &[Piece::Text("[CQ:never closed")]);
        check("[x][CQ:face,id=1]", &[Piece::Text("[x]"), Piece::Code("face", "id=1")]);
    }

    #[test]
    fn values_keep_everything_after_the_first_equals_sign() {
        let params = "file=a&#44;b.jpg,url=https://x/?a=1&amp;b=2,empty=";
        assert_eq!(param(params, "file").as_deref(), Some("a,b.jpg"));
        assert_eq!(param(params, "url").as_deref(), Some("https://x/?a=1&b=2"));
        assert_eq!(param(params, "empty").as_deref(), Some(""));
        assert_eq!(param(params, "none"), None);
    }

    proptest! {
        #[test]
        fn text_survives_escaping(text in "\\PC*") {
            let escaped = escape(&text);
            let joined: String = segments(&escaped).into_iter().map(|segment| match segment {
                Segment::Text(text) => text.into_owned(),
                other => panic!("escaped text became {other:?}"),
            }).collect();
            prop_assert_eq!(joined, text);
        }

        #[test]
        fn parameters_survive_escaping(value in "\\PC*", other in "[a-z]{1,5}") {
            let params = format!("k={},{other}=1", escape(&value).replace(',', "&#44;"));
            let found = param(&params, "k");
            prop_assert_eq!(found.as_deref(), Some(value.as_str()));
        }

        #[test]
        fn the_pieces_are_the_whole_string(text in "(\\[CQ:|\\]|,[a-z]|=|&amp;|[^,\\]\\[]){0,40}") {
            let whole: String = pieces(&text).map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Code(kind, "") => format!("[CQ:{kind}]"),
                Piece::Code(kind, params) => format!("[CQ:{kind},{params}]"),
            }).collect();
            prop_assert_eq!(whole, text.clone());
            drop(segments(&text));
        }
    }
}
