//! Clips: moving pictures in a container that chats can play.

use serde::{Deserialize, Serialize};

use super::Body;

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
    /// Where the service itself serves it, if that is an address that anybody can open (it expires).
    pub link: Option<String>,
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
}
