//! Gathers a job's input pictures: resolves references, downloads them soon (links expire while a job waits),
//! prepares them, and keeps them in the blob store when the job has to wait.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    kept::Keeper,
    ledger::{StoredPicture, StoredRequest},
};
use crate::{
    error::UserError,
    ids::JobId,
    media::{Body, Picture, PictureProblem, Prepared, Spool, passes_unchanged, prepare},
    message::{PictureLocator, PictureOrigin, PictureRef, Quote},
    ports::{Adapter, Blobs, DownloadError, Reference, StoreError},
};

/// Input pictures of one job at most; what comes after them is left out, and the person hears it.
pub const MAX_INPUTS: usize = 16;
/// A quoted message is looked for this long.
const QUOTE_PATIENCE: Duration = Duration::from_secs(30);
/// Chunks of a PNG in memory that are looked at without a thread of their own; usual ones have some hundred.
const GLANCE_CHUNKS: usize = 4096;

/// Downloads and prepares pictures for all jobs.
pub struct Collector {
    blobs: Arc<dyn Blobs>,
    keeper: Arc<Keeper>,
    spool: Spool,
    /// Decoding is CPU work: one at a time per core.
    cpu: Arc<Semaphore>,
}

/// What a job brought itself, and how far it has been fetched. It outlives a try that found the peer away: links expire, so
/// what could be had is not asked for again.
#[derive(Debug)]
pub struct Own {
    pictures: Vec<OwnPicture>,
    /// Names of blobs that were given away.
    names: usize,
    /// Whether something could not be had in the last try that only the peer may know.
    in_vain: bool,
}

#[derive(Debug)]
struct OwnPicture {
    reference: PictureRef,
    /// The prepared input, and whether it was an animation.
    fetched: Option<(Input, bool)>,
}

impl Own {
    /// The pictures of the request itself; `inline` are those of the message when some of them came along as bytes, and
    /// then they stand for the request's own.
    pub fn of(request: &StoredRequest, inline: Vec<PictureRef>) -> Self {
        let given = if inline.is_empty() { request.pictures.clone() } else { inline };
        let pictures = given.into_iter().map(|reference| OwnPicture { reference, fetched: None });
        Self { pictures: pictures.collect(), names: 0, in_vain: false }
    }

    /// Whether something could not be had in the last try that only the peer may know.
    pub fn in_vain(&self) -> bool {
        self.in_vain
    }

    fn fetched(&self, index: Option<usize>) -> Option<(Input, bool)> {
        self.pictures.get(index?)?.fetched.clone()
    }

    fn is_fetched(&mut self, index: Option<usize>, input: (Input, bool)) {
        if let Some(picture) = index.and_then(|index| self.pictures.get_mut(index)) {
            picture.fetched = Some(input);
            if let PictureLocator::Inline(bytes) = &mut picture.reference.locator {
                // It may be long until the others are there.
                *bytes = Bytes::new();
            }
        }
    }
}

/// A picture that is meant.
struct Meant {
    reference: PictureRef,
    /// Its place among the job's own.
    own: Option<usize>,
}

/// A job's inputs.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// In order.
    pub pictures: Vec<Input>,
    /// Whether one of them was an animation, of which only the first frame is used.
    pub first_frame: bool,
    /// Whether there was a quote that could not be fetched.
    pub quote_gone: bool,
    /// How many pictures were left out.
    pub left_out: usize,
}

impl Inputs {
    /// What the person hears beside the result, in the order of saying.
    pub fn notes(&self) -> Vec<UserError> {
        let quote = self.quote_gone.then(|| UserError::new("note-quote-gone", ""));
        let cut = (self.left_out > 0).then(|| {
            UserError::new("note-pictures-left-out", "")
                .with("used", MAX_INPUTS as u64)
                .with("given", (MAX_INPUTS + self.left_out) as u64)
        });
        let animation = self.first_frame.then(|| UserError::new("note-first-frame", ""));
        [quote, cut, animation].into_iter().flatten().collect()
    }
}

/// One input.
#[derive(Clone, Debug)]
pub enum Input {
    /// In memory, counted by the budget.
    Ready(Reference),
    /// In the blob store.
    Kept(StoredPicture),
}

/// Why there are no inputs.
#[derive(Debug)]
pub enum CollectError {
    /// The person can mend it.
    User(UserError),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for CollectError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Collector {
    /// A collector.
    pub fn new(blobs: Arc<dyn Blobs>, spool: Spool, keeper: Arc<Keeper>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self { blobs, keeper, spool, cpu: Arc::new(Semaphore::new(cores)) }
    }

    /// The pictures that a request refers to, in their order: quoted message, message, avatars (S003-77). A quote that
    /// can't be fetched costs only those who draw nothing without a picture or a clip, and have no
    /// other. Where the peer is away all that can be had without it is fetched before the first failure is told.
    ///
    /// # Errors
    /// When there is none although the request needs one, or one can't be used; each reason has its own sentence.
    pub async fn collect(
        &self,
        adapter: &dyn Adapter,
        (job, request): (JobId, &StoredRequest),
        own: &mut Own,
        needs_picture: bool,
        max_bytes: u64,
        keep: bool,
    ) -> Result<Inputs, CollectError> {
        let mut inputs = Inputs::default();
        let mut failed = None;
        own.in_vain = false;
        let mut meant: Vec<Meant> = Vec::new();
        let not_own = |reference| Meant { reference, own: None };
        if let Some(quote) = &request.quote {
            let quote: Option<Quote> =
                tokio::time::timeout(QUOTE_PATIENCE, adapter.quote(&request.chat, quote))
                    .await
                    .ok()
                    .flatten();
            own.in_vain = quote.is_none();
            match quote {
                Some(quote) => meant.extend(quote.pictures.into_iter().map(not_own)),
                // Nobody pays for a picture without the one that it should look like.
                None if own.pictures.is_empty() && (needs_picture || request.is_clip()) => {
                    return Err(CollectError::User(UserError::new("error-quote-gone", "E-QUOTE")));
                }
                None => inputs.quote_gone = true,
            }
        }
        let given = own.pictures.iter().enumerate();
        meant.extend(given.map(|(index, own)| Meant { reference: own.reference.clone(), own: Some(index) }));
        if meant.is_empty() && !inputs.quote_gone {
            meant.extend(request.fallback.iter().cloned().map(not_own));
        }
        let mut meant = each_once(meant);
        inputs.left_out = meant.len().saturating_sub(MAX_INPUTS);
        meant.truncate(MAX_INPUTS);
        for Meant { reference, own: index } in &meant {
            let collected = match own.fetched(*index) {
                Some(fetched) => Ok(fetched),
                None => self.fetch(adapter, (job, request), reference, own, max_bytes, keep).await,
            };
            let (input, first_frame) = match collected {
                Ok(collected) => collected,
                Err(error @ CollectError::User(_)) if request.is_clip() => {
                    failed.get_or_insert(error);
                    continue;
                }
                Err(error) if own.in_vain && !adapter.is_connected(&request.chat.account) => {
                    failed.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            own.is_fetched(*index, (input.clone(), first_frame));
            inputs.pictures.push(input);
            inputs.first_frame |= first_frame;
            if request.is_clip() {
                // A clip begins with one picture: the first that can be used (S003-100).
                inputs.left_out = 0;
                return Ok(inputs);
            }
        }
        // Nobody pays for a clip that begins with another picture than the one that was given.
        failed.map_or(Ok(inputs), Err)
    }

    /// Downloads and prepares one picture.
    async fn fetch(
        &self,
        adapter: &dyn Adapter,
        (job, request): (JobId, &StoredRequest),
        reference: &PictureRef,
        own: &mut Own,
        max_bytes: u64,
        keep: bool,
    ) -> Result<(Input, bool), CollectError> {
        let index = own.names;
        own.names += 1;
        let fetched = match adapter.download(&request.chat, reference, max_bytes).await {
            Ok(body) => self.prepare(job, index, body, keep).await,
            Err(error) => {
                // Its link may be stale, and the peer has fresh ones.
                own.in_vain |= matches!(reference.locator, PictureLocator::Platform { .. })
                    && matches!(error, DownloadError::Expired | DownloadError::Unreachable(_));
                Err(download_error(error))
            }
        };
        fetched.map_err(|error| match reference.origin {
            PictureOrigin::Avatar => avatar_error(error),
            _ => error,
        })
    }

    /// Puts what is fetched already into the blob store, because the rest may be long in coming.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_own(&self, job: JobId, own: &mut Own) -> Result<(), StoreError> {
        let Own { pictures, names, .. } = own;
        for (input, _) in pictures.iter_mut().filter_map(|picture| picture.fetched.as_mut()) {
            if let Input::Ready(reference) = input {
                let index = *names;
                *names += 1;
                *input = Input::Kept(self.keep(job, index, &reference.picture).await?);
            }
        }
        Ok(())
    }

    /// The prepared input, and whether it was an animation.
    async fn prepare(
        &self,
        job: JobId,
        index: usize,
        body: Body,
        keep: bool,
    ) -> Result<(Input, bool), CollectError> {
        let at_a_glance =
            if body.in_memory().is_some() { passes_unchanged(&body, GLANCE_CHUNKS) } else { None };
        let (picture, first_frame) = match at_a_glance {
            // No thread is woken for that.
            Some((format, width, height)) => (Picture { format, width, height, body }, false),
            None => self.converted(body).await?,
        };
        if !keep && picture.body.in_memory().is_some() {
            return Ok((Input::Ready(Reference { picture }), first_frame));
        }
        let kept = self.keep(job, index, &picture).await?;
        Ok((Input::Kept(kept), first_frame))
    }

    /// The picture as it may leave the house, and whether it was an animation; on a thread of its own, because it may have
    /// to be decoded.
    async fn converted(&self, body: Body) -> Result<(Picture, bool), CollectError> {
        let permit = Arc::clone(&self.cpu).acquire_owned().await;
        let spool = self.spool.clone();
        let work = move || {
            let _permit = permit;
            if let Some((format, width, height)) = passes_unchanged(&body, usize::MAX) {
                return Ok((Picture { format, width, height, body }, false));
            }
            let body = body.joined();
            let bytes = body.read().map_err(|error| PictureProblem::Damaged(error.to_string()))?;
            let prepared = prepare(&bytes)?;
            let unchanged = prepared.bytes.len() == bytes.len();
            let body = if unchanged && body.in_memory().is_some() {
                body
            } else {
                hold(&spool, prepared.bytes.clone())
                    .map_err(|error| PictureProblem::Damaged(error.to_string()))?
            };
            let Prepared { format, width, height, first_frame, .. } = prepared;
            Ok::<_, PictureProblem>((Picture { format, width, height, body }, first_frame))
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| {
                CollectError::Store(StoreError::Io(format!("a picture could not be read: {error}")))
            })?
            .map_err(|problem| CollectError::User(picture_problem(&problem)))
    }

    async fn keep(&self, job: JobId, index: usize, picture: &Picture) -> Result<StoredPicture, StoreError> {
        let blob = format!("{job}-in{index}.{}", picture.format.extension());
        let kept = stored(blob, picture);
        // Noted first: whatever becomes of the job, its end removes it.
        self.keeper.note_input(job, &kept);
        self.blobs.put(&kept.blob, &picture.body).await?;
        Ok(kept)
    }

    /// Puts inputs that are still in memory into the blob store, because the job has to wait.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_all(&self, job: JobId, inputs: &mut Inputs) -> Result<Vec<StoredPicture>, StoreError> {
        let mut all = Vec::with_capacity(inputs.pictures.len());
        for (index, input) in inputs.pictures.iter_mut().enumerate() {
            if let Input::Ready(reference) = input {
                *input = Input::Kept(self.keep(job, index, &reference.picture).await?);
            }
            if let Input::Kept(kept) = input {
                all.push(kept.clone());
            }
        }
        Ok(all)
    }

    /// Everything ready to be sent: in memory where the budget has room, else read from its file while it is sent. Never
    /// waits for bytes: the job may hold some already.
    ///
    /// # Errors
    /// When a kept picture is gone.
    pub async fn load(&self, inputs: Vec<Input>) -> Result<Vec<Reference>, StoreError> {
        let mut references = Vec::with_capacity(inputs.len());
        for input in inputs {
            references.push(match input {
                Input::Ready(reference) => reference,
                Input::Kept(StoredPicture { blob, format, width, height, bytes }) => {
                    let file =
                        self.blobs.get(&blob).await?.ok_or_else(|| {
                            StoreError::Damaged(format!("the input picture {blob} is gone"))
                        })?;
                    let body = match self.spool.budget().try_take(bytes) {
                        Some(hold) => {
                            let read = tokio::task::spawn_blocking(move || file.read())
                                .await
                                .map_err(|error| StoreError::Io(error.to_string()))?;
                            Body::held(read.map_err(|error| StoreError::Io(error.to_string()))?, hold)
                        }
                        None => file,
                    };
                    Reference { picture: Picture { format, width, height, body } }
                }
            });
        }
        Ok(references)
    }
}

/// Counts bytes against the budget, or moves them to a spool file when it has no room.
fn hold(spool: &Spool, bytes: Bytes) -> std::io::Result<Body> {
    if let Some(hold) = spool.budget().try_take(bytes.len() as u64) {
        return Ok(Body::held(bytes, hold));
    }
    let mut sink = spool.sink(0);
    sink.write(&bytes)?;
    sink.finish()
}

/// How a picture in the blob store is recorded.
pub(super) fn stored(blob: String, picture: &Picture) -> StoredPicture {
    StoredPicture {
        blob,
        format: picture.format,
        width: picture.width,
        height: picture.height,
        bytes: picture.body.len(),
    }
}

/// Without those that mean a picture which came before, wherever it stood.
fn each_once(all: Vec<Meant>) -> Vec<Meant> {
    let mut once: Vec<Meant> = Vec::with_capacity(all.len());
    for meant in all {
        match once.iter_mut().find(|known| same_picture(&known.reference, &meant.reference)) {
            // It may be fetched already.
            Some(known) => known.own = known.own.or(meant.own),
            None => once.push(meant),
        }
    }
    once
}

/// Whether two references mean the same picture (a quoted picture that is also in the message). Names of files are unique
/// only where they are made of the content; of others (`image.png`) the links have to tell.
fn same_picture(a: &PictureRef, b: &PictureRef) -> bool {
    match (&a.locator, &b.locator) {
        (
            PictureLocator::Platform { file: Some(a), url: first, .. },
            PictureLocator::Platform { file: Some(b), url: second, .. },
        ) => {
            let same_link = || match (first, second) {
                (Some(first), Some(second)) => unsigned(first) == unsigned(second),
                _ => true,
            };
            a == b && (is_digest(a) || same_link())
        }
        (PictureLocator::Url(a), PictureLocator::Url(b)) => a == b,
        _ => false,
    }
}

/// Whether a file's name is an MD5 or SHA digest, as QQ names pictures.
fn is_digest(file: &str) -> bool {
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let digits = || stem.bytes().filter(|c| *c != b'-');
    digits().count() >= 32 && digits().all(|c| c.is_ascii_hexdigit())
}

/// A link without the signature that QQ gives it anew each time.
fn unsigned(link: &str) -> (&str, Vec<&str>) {
    let (place, query) = link.split_once('?').unwrap_or((link, ""));
    (place, query.split('&').filter(|pair| !pair.starts_with("rkey=")).collect())
}

/// The sentence for a picture that can't be fetched.
fn download_error(error: DownloadError) -> CollectError {
    CollectError::User(match error {
        DownloadError::TooLarge { max_bytes } => {
            UserError::new("error-picture-too-big", "E-PICTURE-BIG").with("megabytes", max_bytes >> 20)
        }
        DownloadError::Expired => UserError::new("error-picture-expired", "E-PICTURE-EXPIRED"),
        DownloadError::Private => UserError::new("error-picture-private", "E-PICTURE-PRIVATE"),
        DownloadError::FakeIp => UserError::new("error-picture-fake-ip", "E-PICTURE-FAKEIP"),
        DownloadError::Unreachable(why) => {
            tracing::info!(why, "an input picture could not be downloaded");
            UserError::new("error-picture-download", "E-PICTURE-NET")
        }
    })
}

/// The same for an avatar. Nobody sent it, so nobody is asked to send it again, smaller, or in another format.
fn avatar_error(error: CollectError) -> CollectError {
    match error {
        CollectError::User(why) if why.key != "error-picture-fake-ip" => {
            tracing::info!(code = why.code, "an avatar could not be used");
            CollectError::User(UserError::new("error-avatar", "E-AVATAR"))
        }
        other => other,
    }
}

/// The sentence for a picture that can't be used.
fn picture_problem(problem: &PictureProblem) -> UserError {
    match problem {
        PictureProblem::Empty => UserError::new("error-picture-empty", "E-PICTURE-EMPTY"),
        PictureProblem::NotAPicture(_) => UserError::new("error-picture-unknown", "E-PICTURE-TYPE"),
        PictureProblem::Heic => UserError::new("error-picture-heic", "E-PICTURE-HEIC"),
        PictureProblem::SideTooLong => UserError::new("error-picture-side", "E-PICTURE-SIDE")
            .with("side", u64::from(crate::media::MAX_SIDE)),
        PictureProblem::TooManyPixels { most } => {
            UserError::new("error-picture-pixels", "E-PICTURE-PIXELS").with("megapixels", most / 1_000_000)
        }
        PictureProblem::Damaged(why) => {
            tracing::info!(why, "an input picture is damaged");
            UserError::new("error-picture-truncated", "E-PICTURE-DAMAGED")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_picture_is_known_by_its_name_and_its_link() {
        #[track_caller]
        fn check(a: (&str, Option<&str>), b: (&str, Option<&str>), same: bool) {
            let reference = |(file, url): (&str, Option<&str>)| PictureRef {
                origin: PictureOrigin::Message,
                locator: PictureLocator::Platform {
                    file: Some(file.to_owned()),
                    url: url.map(str::to_owned),
                    message: None,
                },
            };
            let once = each_once(vec![reference(a), reference(b)]);
            assert_eq!(once.len(), if same { 1 } else { 2 }, "{a:?} {b:?}");
        }
        const DIGEST: &str = "0123456789ABCDEF0123456789abcdef.png";
        check(("a.png", Some("http://x/1")), ("a.png", Some("http://x/2")), false);
        check(("a.png", Some("http://x/1")), ("a.png", Some("http://x/1")), true);
        check(("a.png", Some("http://x/1")), ("b.png", Some("http://x/1")), false);
        check(("a.png", Some("http://x/1?f=1&rkey=p")), ("a.png", Some("http://x/1?f=1&rkey=q")), true);
        check(("a.png", Some("http://x/1?f=1&rkey=p")), ("a.png", Some("http://x/1?f=2&rkey=p")), false);
        // Where nothing else is known.
        check(("a.png", None), ("a.png", Some("http://x/1")), true);
        // The quoted picture and its copy have links of their own.
        check((DIGEST, Some("http://x/1")), (DIGEST, Some("http://x/2")), true);
    }
}
