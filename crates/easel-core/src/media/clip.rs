//! Clips: moving pictures in a container that chats can play.

use serde::{Deserialize, Serialize};

use super::Body;

/// A longer link is no link that people can use.
const MAX_LINK: usize = 2048;

/// Containers that easel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipFormat {
    /// MP4, and `QuickTime` files that say so themselves: ISO base media.
    Mp4,
    /// `WebM` (and Matroska, which begins alike).
    Webm,
}

impl ClipFormat {
    /// Tells the format from the first bytes (12 are enough). Stills in the same containers (AVIF, HEIC) are no clips.
    pub fn sniff(head: &[u8]) -> Option<Self> {
        match head {
            [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => {
                let still = brand.starts_with(b"avif")
                    || brand.starts_with(b"avis")
                    || brand.starts_with(b"hei")
                    || brand.starts_with(b"hev")
                    || brand.starts_with(b"mif1")
                    || brand.starts_with(b"msf1");
                (!still).then_some(Self::Mp4)
            }
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Some(Self::Webm),
            _ => None,
        }
    }

    /// The media type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::Webm => "video/webm",
        }
    }

    /// The ending of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Webm => "webm",
        }
    }
}

/// A finished clip.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Sniffed by content.
    pub format: ClipFormat,
    /// The bytes; usually in a file.
    pub body: Body,
    /// Where the service itself serves it (it expires): the address that answered, only if it was judged to be a public
    /// one that anybody can open. Whoever fetched the clip judges that, because it depends on how it was reached.
    pub link: Option<String>,
}

impl Clip {
    /// The service's own link, if it may be shown in a chat: a short `http(s)` address without user name and password and
    /// without anything that ends a link in a message. `signed` also lets addresses with a query pass: what follows the `?` may be
    /// a signature that fetches the clip, so it is shown only where the owner wants links.
    pub fn shown_link(&self, signed: bool) -> Option<&str> {
        let link = self.link.as_deref()?;
        let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"))?;
        let host = rest.split(['/', '?', '#']).next()?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '"' | '<' | '>');
        if link.len() > MAX_LINK || host.contains('@') || link.chars().any(odd) || host.is_empty() {
            return None;
        }
        (signed || !rest.contains(['?', '#'])).then_some(link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_apart() {
        let check = |head: &[u8], expected| assert_eq!(ClipFormat::sniff(head), expected);
        check(b"\0\0\0\x20ftypisom\0\0", Some(ClipFormat::Mp4));
        check(b"\0\0\0\x14ftypqt  ", Some(ClipFormat::Mp4));
        check(b"\0\0\0\x1cftypavif", None);
        check(b"\0\0\0\x18ftypheic", None);
        check(b"\x1a\x45\xdf\xa3\x01", Some(ClipFormat::Webm));
        check(b"\x89PNG\r\n\x1a\n", None);
        check(b"", None);
    }

    #[test]
    fn only_links_without_secrets_are_shown() {
        #[track_caller]
        fn check(link: &str, plain: bool, signed: bool) {
            let clip =
                Clip { format: ClipFormat::Mp4, body: Body::from_bytes("x"), link: Some(link.to_owned()) };
            assert_eq!((clip.shown_link(false).is_some(), clip.shown_link(true).is_some()), (plain, signed));
        }
        check("https://cdn.example.com/v/1.mp4", true, true);
        check("http://cdn.example.com:8080/v/1.mp4", true, true);
        check("https://cdn.example.com/v/1.mp4?X-Signature=abc", false, true);
        check("https://cdn.example.com/v/1.mp4#token=abc", false, true);
        check("https://93.184.216.34/v.mp4", true, true);
        check("https://[2606:4700::1111]/v.mp4", true, true);
        for never in [
            "https://me:secret@cdn.example.com/v/1.mp4",
            "https://me@cdn.example.com?x",
            "https:///v.mp4",
            "ftp://cdn.example.com/v.mp4",
            "https://cdn.example.com/a b.mp4",
            "https://cdn.example.com/a\n[CQ:at,qq=all]",
            "data:video/mp4;base64,AAAA",
            "",
        ] {
            check(never, false, false);
        }
        check(&format!("https://cdn.example.com/{}", "v".repeat(2048)), false, false);
    }
}
