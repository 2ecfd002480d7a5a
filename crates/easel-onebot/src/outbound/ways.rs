//! The ways that a picture or clip can take to the implementation, best first. Pure.

use crate::config::ImageDelivery;

/// A way. The names appear in the owner's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Inside the call.
    Base64,
    /// In chunks over the same connection; NapCat alone.
    Stream,
    /// Through the TCP receiver beside the implementation.
    Napfile,
    /// A one-time link to easel.
    Url,
    /// A path on a disk that both see.
    File,
}

impl Way {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Stream => "stream",
            Self::Napfile => "napfile",
            Self::Url => "url",
            Self::File => "file",
        }
    }
}

/// What decides about the ways.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// Raw bytes of the reply's media together.
    pub(crate) bytes: u64,
    /// They can't be made smaller: clips.
    pub(crate) rigid: bool,
    /// The connection takes stream uploads, or is NapCat.
    pub(crate) streams: bool,
    /// A file receiver is configured and did not fail just now.
    pub(crate) napfile: bool,
    /// easel can publish a one-time link.
    pub(crate) publishes: bool,
    /// The implementation could not open a path.
    pub(crate) paths_unreadable: bool,
}

/// `auto` sends more than this another way.
const AUTO_BASE64_BYTES: u64 = 10 * 1000 * 1000;
/// More than this, as base64 and with the rest of the call, passes NapCat's 50 MiB per frame, which costs the socket.
const MOST_BASE64_BYTES: u64 = 36 * 1024 * 1024;

/// The ways to try, best first. Empty when there is none for so many bytes: a picture must become smaller then.
pub(crate) fn ways(delivery: ImageDelivery, facts: Facts) -> Vec<Way> {
    let base64 = (facts.bytes <= MOST_BASE64_BYTES).then_some(Way::Base64);
    let stream = facts.streams.then_some(Way::Stream);
    let napfile = facts.napfile.then_some(Way::Napfile);
    let url = facts.publishes.then_some(Way::Url);
    let file = (!facts.paths_unreadable).then_some(Way::File);
    let order = match delivery {
        ImageDelivery::Auto => {
            let small = facts.bytes <= AUTO_BASE64_BYTES;
            let (first, last) = if small { (base64, None) } else { (None, base64.filter(|_| facts.rigid)) };
            [first, stream, napfile, url, last]
        }
        ImageDelivery::Base64 => [base64, None, None, None, None],
        ImageDelivery::File => [file, base64, stream, None, None],
        ImageDelivery::Url => [url, base64, stream, None, None],
        // Asked for by name, it is tried even where it is not known to work.
        ImageDelivery::Stream => [Some(Way::Stream), base64, None, None, None],
        ImageDelivery::Napfile => [napfile, base64, stream, url, None],
    };
    order.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_ordered() {
        #[track_caller]
        fn check(delivery: ImageDelivery, facts: Facts, expected: &[Way]) {
            assert_eq!(ways(delivery, facts), expected);
        }
        let small = Facts { bytes: 2_000_000, ..Facts::default() };
        let large = Facts { bytes: 20_000_000, ..Facts::default() };
        let huge = Facts { bytes: 60_000_000, ..Facts::default() };
        check(ImageDelivery::Auto, small, &[Way::Base64]);
        check(ImageDelivery::Auto, Facts { streams: true, ..small }, &[Way::Base64, Way::Stream]);
        check(ImageDelivery::Auto, large, &[]);
        check(
            ImageDelivery::Auto,
            Facts { streams: true, napfile: true, publishes: true, ..large },
            &[Way::Stream, Way::Napfile, Way::Url],
        );
        let clip = Facts { rigid: true, ..large };
        check(ImageDelivery::Auto, clip, &[Way::Base64]);
        check(ImageDelivery::Auto, Facts { streams: true, ..clip }, &[Way::Stream, Way::Base64]);
        check(ImageDelivery::Auto, Facts { rigid: true, ..huge }, &[]);
        check(ImageDelivery::Base64, large, &[Way::Base64]);
        check(ImageDelivery::Base64, huge, &[]);
        check(ImageDelivery::File, small, &[Way::File, Way::Base64]);
        check(ImageDelivery::File, Facts { paths_unreadable: true, ..small }, &[Way::Base64]);
        check(ImageDelivery::Url, small, &[Way::Base64]);
        check(ImageDelivery::Stream, huge, &[Way::Stream]);
        check(ImageDelivery::Napfile, Facts { napfile: true, ..small }, &[Way::Napfile, Way::Base64]);
        check(ImageDelivery::Napfile, small, &[Way::Base64]);
    }
}
