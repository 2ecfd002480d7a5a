//! The delivery policy: what is tried after a certain failure, and never after an unknown outcome. Pictures here, clips
//! in `clip`. Who waits for a peer that is away, and what must be written before, is decided elsewhere.

mod clip;

use std::{sync::Arc, time::Duration};

use crate::{
    ids::{JobId, MessageId},
    media::{Media, Picture, compact},
    ports::{Adapter, SendError, SendFailure},
    reply::{Clearance, OutgoingFile, OutgoingPicture, Part, Reply, Target},
    settings::SendMode,
};

/// Sends per delivery at most, whatever fails.
const MAX_ATTEMPTS: u32 = 5;
/// A picture above this goes as a file first: platforms recompress or refuse it otherwise.
const FILE_FIRST_BYTES: u64 = 20 << 20;
/// The pause before the same is tried again.
const TRANSIENT_PAUSE: Duration = Duration::from_secs(2);

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Certainly there.
    Yes {
        /// The message that carries it.
        message: Option<MessageId>,
        /// It went as a file, which shows no words and answers nobody: a message has to say whose it is.
        bare: bool,
    },
    /// Certainly not there, because nobody was: the same may be sent when the peer is back.
    Away {
        /// Its words are there already.
        captioned: bool,
    },
    /// Certainly not there.
    No {
        /// What the last failure was.
        failure: SendFailure,
        /// For the owner.
        reason: String,
    },
    /// Perhaps there: not sent again by itself.
    Unknown {
        /// For the owner.
        reason: String,
    },
}

/// In which shape a picture is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Picture,
    Compact,
    File,
}

/// The next shape after a certain failure; `None` = give up.
fn next_shape(shape: Shape, failure: SendFailure, retried: bool, files: bool) -> Option<Shape> {
    match (failure, shape) {
        (SendFailure::Transient, shape) if !retried => Some(shape),
        (SendFailure::Transient | SendFailure::Picture, Shape::Picture) => Some(Shape::Compact),
        (SendFailure::Transient | SendFailure::Picture, Shape::Compact) if files => Some(Shape::File),
        _ => None,
    }
}

/// One result to be delivered.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The job that made it, for the file's name.
    pub job: JobId,
    /// Its place among the job's results.
    pub index: usize,
    /// Words that belong to it.
    pub caption: Option<&'a str>,
    /// Whether words of its own are there already, from an earlier try.
    pub captioned: bool,
    /// What it is.
    pub media: &'a Media,
    /// How clips are sent; pictures don't ask.
    pub send_mode: SendMode,
}

impl Item<'_> {
    fn name(&self, extension: &str) -> String {
        format!("easel-{}-{}.{extension}", self.job, self.index)
    }
}

/// Sends one result with its caption, at its [`turn`](Adapter::turn); it waits for further ones before further tries. With a
/// `clearance` a picture may begin before the job's record is durable.
pub async fn deliver(
    adapter: &Arc<dyn Adapter>,
    target: &Target,
    item: Item<'_>,
    clearance: Option<&Clearance>,
) -> Delivered {
    match item.media {
        Media::Picture(picture) => deliver_picture(adapter, target, item, picture, clearance).await,
        Media::Clip(clip) => clip::deliver(adapter, target, item, clip).await,
    }
}

async fn deliver_picture(
    adapter: &Arc<dyn Adapter>,
    target: &Target,
    item: Item<'_>,
    picture: &Picture,
    clearance: Option<&Clearance>,
) -> Delivered {
    let files = adapter.capabilities(&target.chat.account).files;
    let large = picture.body.len() > FILE_FIRST_BYTES;
    let mut shape = if files && large { Shape::File } else { Shape::Picture };
    let mut retried = false;
    let mut last = (SendFailure::Permanent, String::new());
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            adapter.turn(&target.chat).await;
        }
        let Some(picture) = shaped(picture, shape).await else {
            return Delivered::No { failure: last.0, reason: last.1 };
        };
        let name = item.name(picture.format.extension());
        let parts = match shape {
            Shape::File => vec![Part::File(OutgoingFile { media: Media::Picture(picture), name })],
            Shape::Picture | Shape::Compact => item
                .caption
                .map(|text| Part::Text(text.to_owned()))
                .into_iter()
                .chain([Part::Picture(OutgoingPicture { picture, name })])
                .collect(),
        };
        match send(adapter, target, &Reply { parts }, clearance).await {
            Ok(message) => return Delivered::Yes { message, bare: shape == Shape::File },
            Err(SendError::Unknown { reason }) => return Delivered::Unknown { reason },
            Err(SendError::Failed { failure: SendFailure::Disconnected, reason }) => {
                tracing::info!(job = %item.job, ?shape, reason, "a send found nobody there");
                return Delivered::Away { captioned: false };
            }
            Err(SendError::Failed { failure, reason }) => {
                tracing::info!(job = %item.job, ?shape, ?failure, reason, "a send failed");
                let next = match next_shape(shape, failure, retried, files) {
                    // A large picture that could not go as a file may still go as a compact picture.
                    None if shape == Shape::File && large && failure != SendFailure::Forbidden => {
                        Some(Shape::Compact)
                    }
                    next => next,
                };
                last = (failure, reason);
                let Some(next) = next else { break };
                if next == shape {
                    retried = true;
                    tokio::time::sleep(TRANSIENT_PAUSE).await;
                }
                shape = next;
            }
        }
    }
    Delivered::No { failure: last.0, reason: last.1 }
}

async fn shaped(picture: &Picture, shape: Shape) -> Option<Picture> {
    if shape != Shape::Compact {
        return Some(picture.clone());
    }
    let whole = picture.clone();
    tokio::task::spawn_blocking(move || compact(&whole).ok()).await.ok().flatten()
}

async fn send(
    adapter: &Arc<dyn Adapter>,
    target: &Target,
    reply: &Reply,
    clearance: Option<&Clearance>,
) -> Result<Option<MessageId>, SendError> {
    let sent = match clearance {
        Some(clearance) => adapter.send_early(target, reply, clearance).await,
        None => adapter.send(target, reply).await,
    };
    sent.map(|sent| sent.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        media::{Body, PictureFormat},
        testing::{RecordingAdapter, test_group, test_picture},
    };

    pub(super) fn target() -> Target {
        Target { chat: test_group("7"), quote: Some("m".into()) }
    }

    pub(super) fn failed(failure: SendFailure) -> SendError {
        SendError::Failed { failure, reason: "scripted".to_owned() }
    }

    async fn deliver_after(failures: Vec<SendError>, picture: Picture) -> (Delivered, Arc<RecordingAdapter>) {
        let recorder = RecordingAdapter::new();
        recorder.fail_sends(failures);
        let adapter: Arc<dyn Adapter> = recorder.clone();
        let media = Media::Picture(picture);
        let item = Item {
            job: JobId::generate(),
            index: 0,
            caption: Some("手办"),
            captioned: false,
            media: &media,
            send_mode: SendMode::Auto,
        };
        let outcome = deliver(&adapter, &target(), item, None).await;
        (outcome, recorder)
    }

    #[tokio::test(start_paused = true)]
    async fn a_certain_failure_walks_down_the_ladder() {
        use SendFailure::{Picture, Transient};
        let (outcome, adapter) = deliver_after(vec![], test_picture()).await;
        assert!(matches!(outcome, Delivered::Yes { bare: false, .. }));
        assert_eq!(adapter.sends()[0].text, "手办");
        let (outcome, adapter) =
            deliver_after(vec![failed(Transient), failed(Picture)], test_picture()).await;
        assert!(matches!(outcome, Delivered::Yes { .. }));
        assert_eq!(PictureFormat::sniff(&adapter.sends()[0].pictures[0]), Some(PictureFormat::Jpeg));
        let (outcome, adapter) = deliver_after(vec![failed(Picture), failed(Picture)], test_picture()).await;
        assert!(matches!(outcome, Delivered::Yes { bare: true, .. }));
        assert!(adapter.sends()[0].as_file);
        let (outcome, adapter) = deliver_after(vec![failed(Picture); 3], test_picture()).await;
        assert!(matches!(outcome, Delivered::No { failure: Picture, .. }), "{outcome:?}");
        assert!(adapter.sends().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_outcome_is_never_sent_again() {
        let (outcome, adapter) =
            deliver_after(vec![SendError::Unknown { reason: "time-out".to_owned() }], test_picture()).await;
        assert!(matches!(outcome, Delivered::Unknown { .. }));
        assert!(adapter.sends().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_mute_ends_it_and_so_does_a_peer_that_is_away_for_now() {
        let (outcome, _) = deliver_after(vec![failed(SendFailure::Forbidden)], test_picture()).await;
        assert!(matches!(outcome, Delivered::No { failure: SendFailure::Forbidden, .. }));
        for before in [vec![], vec![failed(SendFailure::Picture)]] {
            let failures = [before, vec![failed(SendFailure::Disconnected)]].concat();
            let (outcome, adapter) = deliver_after(failures, test_picture()).await;
            assert_eq!(outcome, Delivered::Away { captioned: false });
            assert!(adapter.sends().is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_huge_picture_goes_as_a_file_first() {
        let mut bytes = test_picture().body.read().unwrap().to_vec();
        bytes.resize(21 << 20, 0);
        let picture = Picture { body: Body::from_bytes(bytes), ..test_picture() };
        let (outcome, adapter) = deliver_after(vec![], picture.clone()).await;
        assert!(matches!(outcome, Delivered::Yes { .. }));
        assert!(adapter.sends()[0].as_file);
        let (outcome, adapter) = deliver_after(vec![failed(SendFailure::Permanent)], picture).await;
        assert!(matches!(outcome, Delivered::Yes { .. }));
        assert!(!adapter.sends()[0].as_file);
    }
}
