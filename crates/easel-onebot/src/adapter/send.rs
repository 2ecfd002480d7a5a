//! One reply on its way: which way pictures and clips take, what follows a refusal. An unknown outcome ends it.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use easel_core::{
    media::{Body, Media},
    ports::{Published, SendError, SendFailure},
    reply::{Clearance, Part, Reply, Sent, Target},
};
use tokio::io::AsyncWriteExt as _;
use tracing::{debug, info};

use super::{
    OneBot,
    napfile::{self, NotHandedOver},
    send_error,
};
use crate::{
    hub::{CallFailure, Link},
    outbound::{self, ActionFailure, Call, PATH_UNREADABLE, Source, Way, WayFacts, encoded_len, ways},
    transport::Reply as Answer,
};

/// Raw bytes of pictures from which a send begins before its record is durable; smaller ones are through in less time
/// than a record takes, and a withheld end costs the connection.
const EARLY_BYTES: u64 = 256 * 1024;

/// Calls that one reply may cost.
const MAX_ATTEMPTS: u32 = 5;

/// A clip of so many bytes is no video message: NapCat refuses more than 100 MiB, as go-cqhttp and QQ's own clients do.
const MOST_VIDEO_BYTES: u64 = 100 * 1000 * 1000;

/// The bits of a mode by which everybody may read a file.
const READABLE: u32 = 0o444;

/// What a reply carries.
#[derive(Clone, Copy)]
pub(super) struct Cargo<'a> {
    /// The file's name.
    pub(super) name: &'a str,
    /// The bytes.
    pub(super) body: &'a Body,
    /// The implementation fetches them from here by itself.
    link: Option<&'a str>,
    is_clip: bool,
}

impl<'a> Cargo<'a> {
    pub(super) fn of(part: &'a Part) -> Option<Self> {
        let cargo = |name, body, link, is_clip| Some(Self { name, body, link, is_clip });
        match part {
            Part::Text(_) => None,
            Part::Picture(picture) => cargo(&picture.name, &picture.picture.body, None, false),
            Part::Clip(clip) => cargo(&clip.name, &clip.clip.body, clip.link.as_deref(), true),
            Part::File(file) => {
                cargo(&file.name, file.media.body(), None, matches!(file.media, Media::Clip(_)))
            }
        }
    }
}

/// Removes what an earlier run left in the outbox when it was killed in the middle of a send: files alone.
pub(super) fn empty_outbox(outbox: &Path) {
    for entry in std::fs::read_dir(outbox).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            debug!(%error, "a leftover in the outbox could not be removed");
        }
    }
}

/// Counts the files in the outbox: two jobs may make pictures of one name at the same time.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A file that was made for one send.
pub(super) struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // It stays when this fails; the folder belongs to the outbox alone.
        drop(std::fs::remove_file(&self.0));
    }
}

impl OneBot {
    /// Sends a reply over a link; with a `clearance` nothing whole leaves before it is given.
    pub(super) async fn deliver(
        &self,
        link: &Link,
        target: &Target,
        reply: &Reply,
        clearance: Option<&Clearance>,
    ) -> Result<Sent, SendError> {
        let cargo: Vec<Cargo<'_>> = reply.parts.iter().filter_map(Cargo::of).collect();
        if cargo.is_empty() {
            cleared(clearance).await?;
            let call = outbound::send_message(target, &reply.parts, &[], self.timeout_ms(0));
            let answer = link.call(call).await.map_err(send_error)?;
            return Ok(Sent { message: answer.message_id(), way: "text" });
        }
        let bytes = cargo.iter().map(|cargo| cargo.body.len()).sum();
        let shows_clip = reply.parts.iter().any(|part| matches!(part, Part::Clip(_)));
        if shows_clip && bytes >= MOST_VIDEO_BYTES {
            let reason = format!("{bytes} bytes are too many for a video message");
            return Err(SendError::Failed { failure: SendFailure::Picture, reason });
        }
        let config = &link.section.config;
        let facts = WayFacts {
            bytes,
            rigid: cargo.iter().any(|cargo| cargo.is_clip),
            streams: link.streams(),
            napfile: config.nap_server().is_some() && !link.section.napfile.is_open(),
            publishes: self.publish.is_some(),
            paths_unreadable: link.paths_unreadable(),
        };
        let mut last = SendError::Failed {
            failure: SendFailure::Picture,
            reason: format!("{bytes} bytes are too many for every way that this connection offers"),
        };
        let mut attempts = 0;
        let offered = if cargo.iter().all(|cargo| cargo.link.is_some()) {
            vec![Way::Url]
        } else {
            ways(config.image_delivery, facts)
        };
        for way in offered {
            let (sources, _kept) = match self.prepare(way, link, &cargo).await {
                Ok(prepared) => prepared,
                Err(error @ SendError::Unknown { .. }) => {
                    // Only an upload: nothing is in the chat yet.
                    debug!(way = way.name(), %error, "a file did not get to the implementation");
                    last = transient(&error);
                    continue;
                }
                Err(error) => {
                    if is_over(&error) {
                        return Err(error);
                    }
                    info!(way = way.name(), %error, "a file did not get to the implementation; trying the next way");
                    last = transient(&error);
                    continue;
                }
            };
            // Only inside the call is there an end that can be held back.
            let held = clearance.filter(|_| bytes >= EARLY_BYTES && way == Way::Base64 && link.holds_back());
            if held.is_none() {
                cleared(clearance).await?;
            }
            let mut second = false;
            while attempts < MAX_ATTEMPTS {
                attempts += 1;
                let mut call = self.call_for(target, reply, &cargo, &sources, bytes);
                call.beside = if way == Way::Base64 { 0 } else { bytes };
                call.clearance = held.cloned();
                match link.call(call).await {
                    Ok(answer) => return Ok(sent(&answer, way)),
                    Err(CallFailure::Action(ActionFailure::Refused(SendFailure::Transient, reason))) => {
                        if reason.contains(PATH_UNREADABLE) {
                            if way == Way::File {
                                link.learn_paths_unreadable();
                            }
                            last = failed(&reason);
                            break;
                        }
                        // A refused file sometimes arrives all the same, so it is not sent twice.
                        let is_file = matches!(reply.parts.as_slice(), [Part::File(_)]);
                        if is_file || std::mem::replace(&mut second, true) {
                            // QQ itself refused it, so no other way to the implementation helps.
                            return Err(SendError::Failed { failure: SendFailure::Picture, reason });
                        }
                        tokio::time::sleep(self.hub.timing.second_upload).await;
                    }
                    Err(failure) => {
                        // Without its action nothing was sent. Any other refusal that is not understood may hide a
                        // message that did arrive, and another way would show the picture twice.
                        let absent = failure == CallFailure::Action(ActionFailure::Absent);
                        last = send_error(failure);
                        if is_over(&last) || (!absent && is_permanent(&last)) {
                            return Err(last);
                        }
                        break;
                    }
                }
            }
            if attempts >= MAX_ATTEMPTS {
                break;
            }
            info!(way = way.name(), error = %last, "a message was refused");
        }
        Err(last)
    }

    fn call_for(
        &self,
        target: &Target,
        reply: &Reply,
        cargo: &[Cargo<'_>],
        sources: &[Source],
        bytes: u64,
    ) -> Call {
        match (reply.parts.as_slice(), cargo, sources) {
            ([Part::File(_)], [file], [source]) => outbound::upload_file(&target.chat, file.name, source),
            _ => outbound::send_message(target, &reply.parts, sources, self.timeout_ms(bytes)),
        }
    }

    /// What NapCat is told about its own patience: ours, less what its answer needs.
    fn timeout_ms(&self, bytes: u64) -> u64 {
        let fixed = u64::try_from(self.hub.timing.send.as_millis()).unwrap_or(60_000);
        fixed.saturating_sub(5_000).max(1_000) + encoded_len(bytes) * 1000 / (256 * 1024)
    }

    /// Brings the files to where the way needs them, and what keeps them there until the answer.
    async fn prepare(
        &self,
        way: Way,
        link: &Link,
        cargo: &[Cargo<'_>],
    ) -> Result<(Vec<Source>, Vec<Box<dyn Send + Sync>>), SendError> {
        let mut sources = Vec::with_capacity(cargo.len());
        let mut kept: Vec<Box<dyn Send + Sync>> = Vec::new();
        for cargo in cargo {
            sources.push(match way {
                Way::Base64 => Source::Base64(cargo.body.clone()),
                Way::Stream => Source::Uri(self.upload(link, *cargo).await?),
                Way::Napfile => Source::Uri(self.hand_to_receiver(link, *cargo).await?),
                Way::Url => Source::Uri(if let Some(link) = cargo.link {
                    link.to_owned()
                } else {
                    let published = self.published(*cargo).await?;
                    kept.push(published.keep);
                    published.url
                }),
                Way::File => {
                    let (path, made) = self.place(*cargo).await.map_err(|error| {
                        failed(&format!("the file could not be written for the implementation: {error}"))
                    })?;
                    kept.extend(made.map(|made| Box::new(made) as Box<dyn Send + Sync>));
                    Source::Uri(path)
                }
            });
        }
        Ok((sources, kept))
    }

    /// Puts a file under an address that the implementation can fetch.
    async fn published(&self, cargo: Cargo<'_>) -> Result<Published, SendError> {
        let publish = self.publish.as_ref().ok_or_else(|| failed("nothing can publish links"))?;
        let extension = cargo.name.rsplit_once('.').map_or("bin", |(_, extension)| extension);
        let published = publish.publish(cargo.body, extension).await;
        published.map_err(|error| failed(&format!("the link could not be published: {error}")))
    }

    async fn hand_to_receiver(&self, link: &Link, cargo: Cargo<'_>) -> Result<String, SendError> {
        let Some((host, port)) = link.section.config.nap_server() else {
            return Err(failed("no file receiver is configured"));
        };
        match napfile::send(host, port, cargo.name, cargo.body).await {
            Ok(path) => Ok(path),
            Err(error) => {
                if let NotHandedOver::Receiver(_) = error {
                    link.section.napfile.trip();
                }
                Err(failed(&error.to_string()))
            }
        }
    }

    /// A `file://` address of the bytes, and what was made for it.
    pub(super) async fn place(&self, cargo: Cargo<'_>) -> std::io::Result<(String, Option<Temporary>)> {
        open_outbox(&self.outbox).await?;
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = self.outbox.join(format!("{}-{number}-{}", std::process::id(), cargo.name));
        let temporary = Temporary(path);
        if let Some(path) = cargo.body.in_file() {
            // Another name for it costs nothing, on one disk, but it has the same mode: what easel keeps for itself is
            // copied, so that its own name stays closed to others.
            let is_open = tokio::fs::metadata(path).await?.permissions().mode() & READABLE == READABLE;
            if is_open && tokio::fs::hard_link(path, &temporary.0).await.is_ok() {
                return Ok((file_url(&temporary.0)?, Some(temporary)));
            }
            tokio::fs::copy(path, &temporary.0).await?;
        } else {
            let mut file = tokio::fs::File::create(&temporary.0).await?;
            for part in cargo.body.in_memory().unwrap_or_default() {
                file.write_all(part).await?;
            }
            file.flush().await?;
        }
        tokio::fs::set_permissions(&temporary.0, Permissions::from_mode(0o644)).await?;
        Ok((file_url(&temporary.0)?, Some(temporary)))
    }
}

/// Makes the outbox, if it is not there. The implementation may run as another user, so everybody may read it; whether
/// others come as far as to it is up to the data directory.
async fn open_outbox(outbox: &Path) -> std::io::Result<()> {
    if tokio::fs::try_exists(outbox).await? {
        return Ok(());
    }
    tokio::fs::create_dir_all(outbox).await?;
    tokio::fs::set_permissions(outbox, Permissions::from_mode(0o755)).await
}

/// Waits for a clearance.
async fn cleared(clearance: Option<&Clearance>) -> Result<(), SendError> {
    match clearance {
        Some(clearance) if !clearance.given().await => Err(SendError::withheld()),
        _ => Ok(()),
    }
}

fn sent(answer: &Answer, way: Way) -> Sent {
    Sent { message: answer.message_id(), way: way.name() }
}

fn failed(reason: &str) -> SendError {
    SendError::Failed { failure: SendFailure::Transient, reason: reason.to_owned() }
}

/// An upload's failure, seen from the message that was to follow it: certain.
fn transient(error: &SendError) -> SendError {
    failed(&error.to_string())
}

/// Whether no other way can help, or none may be tried.
fn is_over(error: &SendError) -> bool {
    match error {
        SendError::Unknown { .. } => true,
        SendError::Failed { failure, .. } => {
            matches!(failure, SendFailure::Forbidden | SendFailure::Disconnected | SendFailure::Picture)
        }
    }
}

/// Whether the implementation refused for a reason that is not known here.
fn is_permanent(error: &SendError) -> bool {
    matches!(error, SendError::Failed { failure: SendFailure::Permanent, .. })
}

/// A path as implementations read it: absolute, percent-encoded.
fn file_url(path: &Path) -> std::io::Result<String> {
    let path = std::path::absolute(path)?;
    url::Url::from_file_path(&path)
        .map(String::from)
        .map_err(|()| std::io::Error::other("the path cannot be written as a url"))
}
