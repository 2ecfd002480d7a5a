//! How a clip reaches its chat: shown there, as a file, or as the service's own link; see [`SendMode`].

use std::sync::Arc;

use super::{Delivered, Item, MAX_ATTEMPTS, TRANSIENT_PAUSE, send};
use crate::{
    media::{Clip, Media},
    ports::{Adapter, AdapterCapabilities, SendError, SendFailure},
    reply::{OutgoingClip, OutgoingFile, Part, Reply, Target},
    settings::SendMode,
};

/// One way of showing a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// In the chat, by its bytes.
    Shown,
    /// In the chat; the platform fetches it from the service's link.
    Fetched(String),
    /// As a file.
    File,
    /// The link itself, in words.
    Link(String),
}

impl Way {
    fn may_be_captioned(&self) -> bool {
        matches!(self, Self::Shown | Self::Fetched(_))
    }

    fn parts(&self, clip: &Clip, name: String) -> Part {
        let shown = |link| Part::Clip(OutgoingClip { clip: clip.clone(), name: name.clone(), link });
        match self {
            Self::Shown => shown(None),
            Self::Fetched(link) => shown(Some(link.clone())),
            Self::File => Part::File(OutgoingFile { media: Media::Clip(clip.clone()), name }),
            Self::Link(link) => Part::Text(link.clone()),
        }
    }
}

/// The ways to try, best first. A link that the platform fetches is seen by nobody, so it may be signed. The owner's `file` and `url` are kept to where they can be kept at all: what was paid
/// for is not withheld because a platform has no files or a service no links.
fn ladder(mode: SendMode, clip: &Clip, capabilities: AdapterCapabilities) -> Vec<Way> {
    let AdapterCapabilities { files, clips, clip_links, .. } = capabilities;
    let link = |signed| clip.shown_link(signed).map(str::to_owned);
    let fetched = link(true).filter(|_| clip_links).map(Way::Fetched);
    let (shown, file) = (clips.then_some(Way::Shown), files.then_some(Way::File));
    let ways = match (mode, link(true)) {
        // A link that can't be fetched has expired, most likely: then the bytes, which are kept, come before its words.
        (SendMode::Url, Some(link)) if clip_links => [fetched, shown, file, Some(Way::Link(link))],
        (SendMode::Url, Some(link)) => [Some(Way::Link(link)), shown, file, None],
        (SendMode::File, _) if files => [file, None, None, None],
        _ => [shown, file, fetched, link(false).map(Way::Link)],
    };
    ways.into_iter().flatten().collect()
}

/// Sends a clip. A certain failure leads to the next way, once repeated where that may help and while there are few
/// attempts; an unknown outcome ends it.
pub(super) async fn deliver(
    adapter: &Arc<dyn Adapter>,
    target: &Target,
    item: Item<'_>,
    clip: &Clip,
) -> Delivered {
    let capabilities = adapter.capabilities(&target.chat.account);
    let mut caption = item.caption;
    let mut last = (SendFailure::Permanent, "there is no way for clips here".to_owned());
    let mut attempts = 0;
    for way in ladder(item.send_mode, clip, capabilities) {
        let together = if way.may_be_captioned() && capabilities.clip_captions { caption } else { None };
        if together.is_none()
            && let Some(words) = caption
        {
            if let Err(failed) = announce(adapter, target, words).await {
                return failed;
            }
            caption = None;
        }
        // Words of their own quote the request; so does everything but a file.
        let captioned = item.captioned || (item.caption.is_some() && caption.is_none());
        let bare = way == Way::File && !captioned;
        let mut retried = false;
        loop {
            attempts += 1;
            if attempts > 1 {
                adapter.turn(&target.chat).await;
            }
            let part = way.parts(clip, item.name(clip.format.extension()));
            let parts = together.map(|text| Part::Text(text.to_owned())).into_iter().chain([part]).collect();
            match send(adapter, target, &Reply { parts }, None).await {
                Ok(message) => return Delivered::Yes { message, bare },
                Err(SendError::Unknown { reason }) => return Delivered::Unknown { reason },
                Err(SendError::Failed { failure: SendFailure::Disconnected, .. }) => {
                    return Delivered::Away { captioned };
                }
                Err(SendError::Failed { failure, reason }) => {
                    tracing::info!(job = %item.job, ?failure, reason, way = ?kind(&way), "a clip was not sent this way");
                    last = (failure, reason);
                }
            }
            match last.0 {
                // A refusal that nobody understands may hide a clip that did arrive.
                SendFailure::Forbidden | SendFailure::Permanent => {
                    return Delivered::No { failure: last.0, reason: last.1 };
                }
                SendFailure::Transient
                    if attempts < MAX_ATTEMPTS && !std::mem::replace(&mut retried, true) =>
                {
                    tokio::time::sleep(TRANSIENT_PAUSE).await;
                }
                _ => break,
            }
        }
    }
    Delivered::No { failure: last.0, reason: last.1 }
}

/// The words that belong to a clip, as a message of their own. Their loss is no reason to keep the clip back.
async fn announce(adapter: &Arc<dyn Adapter>, target: &Target, words: &str) -> Result<(), Delivered> {
    match send(adapter, target, &Reply::text(words), None).await {
        Err(SendError::Failed { failure: SendFailure::Disconnected, .. }) => {
            Err(Delivered::Away { captioned: false })
        }
        Err(SendError::Failed { failure: failure @ SendFailure::Forbidden, reason }) => {
            Err(Delivered::No { failure, reason })
        }
        Err(error) => {
            tracing::info!(%error, "the words of a clip could not be delivered");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// A way's name, for the log: without the link, which may be signed.
fn kind(way: &Way) -> &'static str {
    match way {
        Way::Shown => "shown",
        Way::Fetched(_) => "fetched",
        Way::File => "file",
        Way::Link(_) => "link",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};
    use crate::{
        ids::JobId,
        testing::{RecordedSend, RecordingAdapter, test_clip},
    };

    const PLAIN: &str = "https://cdn.example.com/v.mp4";
    const SIGNED: &str = "https://cdn.example.com/v.mp4?sig=1";

    fn clip(link: &str) -> Clip {
        Clip { link: Some(link.to_owned()).filter(|link| !link.is_empty()), ..test_clip() }
    }

    #[test]
    fn ways_follow_the_owner_and_the_platform() {
        #[track_caller]
        fn check(mode: SendMode, link: &str, capabilities: AdapterCapabilities, expected: &str) {
            let ways = ladder(mode, &clip(link), capabilities);
            let found: Vec<_> = ways.iter().map(kind).collect();
            assert_eq!(found.join(" "), expected);
        }
        let all = AdapterCapabilities {
            files: true,
            clips: true,
            clip_links: true,
            ..AdapterCapabilities::default()
        };
        let no_files = AdapterCapabilities { files: false, ..all };
        let no_links = AdapterCapabilities { clip_links: false, ..all };
        let bare = AdapterCapabilities::default();
        check(SendMode::Auto, PLAIN, all, "shown file fetched link");
        check(SendMode::Auto, SIGNED, all, "shown file fetched");
        check(SendMode::Auto, SIGNED, no_links, "shown file");
        check(SendMode::Auto, "", no_files, "shown");
        check(SendMode::Auto, PLAIN, bare, "link");
        check(SendMode::File, PLAIN, all, "file");
        check(SendMode::File, PLAIN, no_files, "shown fetched link");
        check(SendMode::Url, SIGNED, all, "fetched shown file link");
        check(SendMode::Url, SIGNED, no_links, "link shown file");
        check(SendMode::Url, "", all, "shown file");
        check(SendMode::Url, "https://me:secret@cdn.example.com/v.mp4", all, "shown file");
        check(SendMode::Auto, "", bare, "");
    }

    async fn after(mode: SendMode, link: &str, failures: Vec<SendError>) -> (Delivered, Vec<RecordedSend>) {
        let recorder = RecordingAdapter::new();
        recorder.fail_sends(failures);
        let adapter: Arc<dyn Adapter> = recorder.clone();
        let media = Media::Clip(clip(link));
        let item = Item {
            job: JobId::generate(),
            index: 0,
            caption: Some("好了"),
            captioned: false,
            media: &media,
            send_mode: mode,
        };
        let outcome = super::super::deliver(&adapter, &target(), item, None).await;
        (outcome, recorder.sends())
    }

    #[tokio::test(start_paused = true)]
    async fn a_certain_failure_leads_to_a_file_and_then_to_the_link() {
        let (outcome, sends) = after(SendMode::Auto, PLAIN, vec![]).await;
        assert!(matches!(outcome, Delivered::Yes { .. }), "{outcome:?}");
        let [words, shown] = &sends[..] else { panic!("{sends:?}") };
        assert_eq!((words.text.as_str(), words.clips.len()), ("好了", 0));
        assert_eq!((shown.text.as_str(), shown.as_file), ("", false));
        assert_eq!(shown.clips[0], test_clip().body.read().unwrap());

        let transient = || failed(SendFailure::Transient);
        let (_, sends) = after(SendMode::Auto, PLAIN, vec![transient()]).await;
        assert!(!sends[1].as_file, "the same again");
        let (_, sends) = after(SendMode::Auto, PLAIN, vec![transient(), transient()]).await;
        assert!(sends[1].as_file && sends[1].clips.len() == 1);
        let refused = |times| vec![failed(SendFailure::Picture); times];
        let (outcome, sends) = after(SendMode::Auto, SIGNED, refused(2)).await;
        assert!(matches!(outcome, Delivered::Yes { .. }));
        assert_eq!((sends.len(), sends[1].text.as_str()), (2, ""), "the words are said once");
        assert_eq!(
            sends[1].clip_links,
            [SIGNED],
            "the platform fetches what is too large for it to be given"
        );
        let (outcome, sends) = after(SendMode::Auto, PLAIN, refused(3)).await;
        assert!(matches!(outcome, Delivered::Yes { .. }));
        assert_eq!((sends.len(), sends[1].text.as_str()), (2, PLAIN));
        let (outcome, sends) = after(SendMode::Auto, SIGNED, refused(3)).await;
        assert!(matches!(outcome, Delivered::No { failure: SendFailure::Picture, .. }), "{outcome:?}");
        assert_eq!(sends.len(), 1, "a signed link is not shown");
        // However often a way is tried again, the last one is tried, too.
        let (outcome, sends) = after(SendMode::Auto, PLAIN, vec![failed(SendFailure::Transient); 5]).await;
        assert!(matches!(outcome, Delivered::Yes { .. }), "{outcome:?}");
        assert_eq!(sends[1].text, PLAIN);
    }

    #[tokio::test(start_paused = true)]
    async fn links_are_the_platforms_to_fetch_or_shown_as_words() {
        let (_, sends) = after(SendMode::Url, SIGNED, vec![]).await;
        assert_eq!((sends[1].clip_links.as_slice(), sends[1].clips.len()), (&[SIGNED.to_owned()][..], 0));
        // An expired link is no use to the members, either: the bytes are.
        let (_, sends) = after(SendMode::Url, SIGNED, vec![failed(SendFailure::Transient); 2]).await;
        assert_eq!(sends[1].clips[0], test_clip().body.read().unwrap());
        let (_, sends) = after(SendMode::Url, SIGNED, vec![failed(SendFailure::Picture); 3]).await;
        assert_eq!(sends[1].text, SIGNED);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_follows_an_unknown_outcome_or_a_mute() {
        let unknown = SendError::Unknown { reason: "time-out".to_owned() };
        let (outcome, sends) = after(SendMode::Auto, PLAIN, vec![unknown]).await;
        assert!(matches!(outcome, Delivered::Unknown { .. }));
        assert_eq!(sends.len(), 1, "the words alone");
        let (outcome, sends) = after(SendMode::Auto, PLAIN, vec![failed(SendFailure::Forbidden)]).await;
        assert!(matches!(outcome, Delivered::No { failure: SendFailure::Forbidden, .. }));
        assert_eq!(sends.len(), 1);
    }
}
