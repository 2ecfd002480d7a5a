//! An engine that makes pictures or clips, seen from the core.

use std::{borrow::Cow, pin::Pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    error::ProviderError,
    ids::JobId,
    media::{Clip, Picture, Spool},
    ports::{RemoteTask, TaskIntent, TaskLog},
};

/// What is asked of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A picture from words.
    Generate,
    /// A picture from words and reference images.
    Edit,
    /// A clip from words and, where there are any, reference images (the first frame).
    Clip,
}

impl Operation {
    /// Stable lower-case name, used in the ledger and for prices.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Edit => "edit",
            Self::Clip => "clip",
        }
    }
}

/// The shape that the person (or the configuration) wishes. All fields open = the provider's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Output {
    /// Exact pixels, width × height.
    pub size: Option<(u32, u32)>,
    /// Width to height.
    pub ratio: Option<(u32, u32)>,
    /// Resolution tier: 1, 2 or 4 (K).
    pub tier: Option<u8>,
}

impl Output {
    /// The tier (1, 2 or 4 K) that the wish needs: the one that the longer side reaches into, else the one that was named.
    /// `None` when it says nothing about the number of pixels.
    pub fn wished_tier(&self) -> Option<u8> {
        match (self.size, self.tier) {
            (Some((width, height)), _) => Some(match width.max(height) {
                // Wide formats of a tier reach beyond its name on their longer side.
                0..=1792 => 1,
                1793..=2752 => 2,
                _ => 4,
            }),
            (None, Some(0 | 1)) => Some(1),
            (None, Some(2)) => Some(2),
            (None, Some(_)) => Some(4),
            (None, None) => None,
        }
    }
}

/// A reference image, ready to be sent: oriented, stripped of metadata, PNG, JPEG or WebP, in memory.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The picture; its body is in memory.
    pub picture: Picture,
}

/// One request for pictures or a clip. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// Generate, edit when there are references, or a clip.
    pub operation: Operation,
    /// The full prompt, as the engine shall read it.
    pub prompt: Arc<str>,
    /// What the person asked for, in a few words, where the prompt is not their own text (a preset, an edit without a
    /// word): for engines that write on the picture what it is of. `None` = the prompt says it.
    pub title: Option<Arc<str>>,
    /// In order; never empty for [`Operation::Edit`], always for [`Operation::Generate`].
    pub references: Arc<[Reference]>,
    /// The wished shape.
    pub output: Output,
    /// How many pictures, 1 or more; never more than the provider's `max_count`.
    pub count: u8,
}

/// An API key with the fingerprint that may be shown and stored.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The key itself.
    pub secret: SecretString,
    /// The first 8 hex digits of its SHA-256.
    pub fingerprint: Arc<str>,
    /// Keys with the same label share limits, so that rotating among them is pointless.
    pub account: Option<Arc<str>>,
}

/// Bounds of fetching a finished clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipLimits {
    /// Bytes at most.
    pub max_bytes: u64,
    /// The whole download, redirects included.
    pub timeout: Duration,
}

impl Default for ClipLimits {
    /// 200 MiB in five minutes.
    fn default() -> Self {
        Self { max_bytes: 200 << 20, timeout: Duration::from_mins(5) }
    }
}

/// What surrounds one call.
#[derive(Clone)]
pub struct CallContext {
    /// The job, for logs and file names.
    pub job: JobId,
    /// The key to use; `None` for kinds that need none.
    pub key: Option<ApiKey>,
    /// No waiting beyond this.
    pub deadline: Instant,
    /// The job was cancelled, or its task takes too long: stop as soon as possible.
    pub cancel: CancellationToken,
    /// Takes the bytes of answers.
    pub spool: Spool,
    /// Told about a task that the service has taken. Providers that answer within the call don't use it.
    pub tasks: Arc<dyn TaskLog>,
    /// What [`Provider::intent`] said about this very call, as it was recorded.
    pub intent: Option<TaskIntent>,
    /// How a clip may be fetched: `[video] max_download_bytes` and `download_timeout_seconds`.
    pub clip_limits: ClipLimits,
}

impl CallContext {
    /// The same call beyond its job's cancellation, for a word to the service afterwards.
    #[must_use]
    pub fn after_cancel(&self, deadline: Instant) -> Self {
        Self { deadline, cancel: CancellationToken::new(), ..self.clone() }
    }
}

/// The shapes that an engine can be asked for, whatever the number of pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shapes {
    /// All of them, or nobody knows: it is tried.
    #[default]
    Any,
    /// All whose longer side is at most so many times as long as the shorter one.
    UpTo(u32),
    /// Those of these sizes, because it makes no others.
    Sizes(Cow<'static, [(u32, u32)]>),
    /// These, width to height.
    Ratios(Cow<'static, [(u32, u32)]>),
    /// None: a result has the shape of the pictures that were given, or the engine's own.
    Kept,
}

impl Shapes {
    /// How far a shape may be from the wished one (the logarithm of the two ratios' quotient): 3:2 passes for 16:9, a
    /// square does not.
    const NEAR: f64 = 0.25;

    /// Whether results will be about as wide and high as `wished` is. `given` are the sizes of the pictures that are
    /// changed.
    pub fn meet(&self, wished: (u32, u32), given: impl IntoIterator<Item = (u32, u32)>) -> bool {
        let ratio = |(width, height): (u32, u32)| (f64::from(width) / f64::from(height)).ln();
        let is_near = |shape: (u32, u32)| (ratio(shape) - ratio(wished)).abs() <= Self::NEAR;
        match self {
            Self::Any => true,
            Self::UpTo(most) => ratio(wished).abs() <= f64::from(*most).ln() + Self::NEAR,
            Self::Sizes(list) | Self::Ratios(list) => list.iter().copied().any(is_near),
            // Some follow the first picture and some the last one.
            Self::Kept => {
                let mut given = given.into_iter().peekable();
                given.peek().is_some() && given.all(is_near)
            }
        }
    }
}

/// What an engine can do, as configured.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Makes pictures from words.
    pub generate: bool,
    /// Takes reference images.
    pub edit: bool,
    /// Makes clips (and then, usually, nothing else).
    pub clip: bool,
    /// Its clips begin with a picture: words alone are not enough.
    pub clip_needs_picture: bool,
    /// Its answers are tasks that are asked about until they are done, also by a later run of easel.
    pub remote: bool,
    /// How many reference images at most.
    pub max_references: usize,
    /// Pictures per request at most.
    pub max_count: u8,
    /// The largest resolution tier (1, 2 or 4 K) that it can be asked for; `None` = unknown.
    pub max_tier: Option<u8>,
    /// The shapes that it can be asked for.
    pub shapes: Shapes,
    /// It could edit if it could fetch the references from a public address, and easel has none.
    pub needs_public_url: bool,
    /// It works on one call after the other: more than one at a time would only wait at the engine.
    pub one_at_a_time: bool,
    /// Can't work without a key.
    pub needs_key: bool,
    /// Calls may cost money.
    pub paid: bool,
    /// Results cost nothing unless the owner says a price: it is drawn here, or by an engine of one's own.
    pub free: bool,
}

/// Why a provider does not take a request, as far as that is known without asking the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The model in use takes fewer reference images.
    TooManyReferences {
        /// At most this many.
        max: usize,
    },
    /// The model in use only changes pictures, and there is none.
    NeedsReference,
    /// The service refused every size before that the wish can be asked as.
    SizesRefused,
}

/// A free question to the service that comes before a request.
pub type Preparation<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What came back.
#[derive(Debug, Default)]
pub struct Generated {
    /// In the provider's order; at least one unless there is a clip.
    pub pictures: Vec<GeneratedPicture>,
    /// The clip, for [`Operation::Clip`].
    pub clip: Option<Clip>,
    /// The provider's own id of the request.
    pub request_id: Option<String>,
    /// What the answer says about its price.
    pub usage: Usage,
}

/// What an answer tells about what it cost. Most tell nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: Option<u64>,
    /// Tokens made.
    pub output_tokens: Option<u64>,
    /// Money, in the service's own unit.
    pub cost: Option<f64>,
}

/// One picture of an answer.
#[derive(Debug)]
pub struct GeneratedPicture {
    /// Sniffed by content.
    pub picture: Picture,
    /// The prompt as the provider rewrote it, if it said so.
    pub revised_prompt: Option<String>,
}

/// One configured engine.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Its kind, for example `openai_images`.
    fn kind(&self) -> &'static str;

    /// The model in use, for the ledger and the owner. Empty when there is none.
    fn model(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// What has to be found out before a request can be judged, such as which models the service has: free, bounded, and
    /// without an error, because a request can be made without the answer. `None` when nothing has to be asked now.
    fn preparation<'a>(&'a self, cx: &'a CallContext) -> Option<Preparation<'a>> {
        let _ = cx;
        None
    }

    /// Why this would not take the request as it is now; `None` when it would. Asks nobody. The request's output is what a
    /// person wishes and nothing else: an owner's default is no wish, and is left out where it was refused.
    fn refuses(&self, request: &GenerateRequest) -> Option<Unfit> {
        let _ = request;
        None
    }

    /// What is recorded before a call that creates a task at the service; `None` when the answer comes with the call.
    fn intent(&self, request: &GenerateRequest) -> Option<TaskIntent> {
        let _ = request;
        None
    }

    /// One call. Sends at most one create request; never retries one by itself.
    ///
    /// A service that takes a task first is asked about it until it is done; [`CallContext::tasks`] is told as soon as
    /// the task's id is known, before the first question about it.
    ///
    /// # Errors
    /// See [`ProviderError`]. Dropping the future abandons the request, which may still be paid.
    async fn generate(&self, request: &GenerateRequest, cx: &CallContext)
    -> Result<Generated, ProviderError>;

    /// Goes on with a task that an earlier run created, or one whose order was not answered and whose id easel chose: asks
    /// about it, fetches what it made. Creates nothing, except where the service certainly never saw the task (it lets easel
    /// choose ids and does not know this one).
    ///
    /// # Errors
    /// See [`ProviderError`].
    async fn resume(
        &self,
        task: &RemoteTask,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let _ = (request, cx);
        let detail = format!("this kind has no tasks, and {} is one", task.id);
        Err(ProviderError::new(self.name(), crate::error::ErrorClass::ResultLost, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Output = Output { size: None, ratio: None, tier: None };

    #[test]
    fn shapes_are_met_by_those_that_are_near() {
        const LIST: &[(u32, u32)] = &[(1024, 1024), (1536, 1024)];
        #[track_caller]
        fn check(shapes: &Shapes, wished: (u32, u32), given: &[(u32, u32)], expected: bool) {
            assert_eq!(
                shapes.meet(wished, given.iter().copied()),
                expected,
                "{shapes:?} {wished:?} {given:?}"
            );
        }
        check(&Shapes::Any, (1, 100), &[], true);
        for listed in [Shapes::Sizes(LIST.into()), Shapes::Ratios(LIST.into())] {
            check(&listed, (16, 9), &[], true);
            check(&listed, (9, 16), &[], false);
            check(&listed, (21, 9), &[(2100, 900)], false);
        }
        check(&Shapes::UpTo(3), (3, 1), &[], true);
        check(&Shapes::UpTo(3), (1, 3), &[], true);
        check(&Shapes::UpTo(3), (1, 5), &[], false);
        check(&Shapes::UpTo(3), (5, 1), &[], false);
        check(&Shapes::Kept, (1, 1), &[], false);
        check(&Shapes::Kept, (1, 1), &[(800, 810)], true);
        check(&Shapes::Kept, (16, 9), &[(800, 810)], false);
        check(&Shapes::Kept, (1, 1), &[(800, 810), (1600, 900)], false);
    }

    #[test]
    fn wishes_have_a_tier() {
        let sized = |w, h| Output { size: Some((w, h)), ..OPEN };
        for (wish, expected) in [
            (OPEN, None),
            (Output { ratio: Some((16, 9)), ..OPEN }, None),
            (Output { tier: Some(4), ..OPEN }, Some(4)),
            (Output { tier: Some(3), ..OPEN }, Some(4)),
            (sized(1024, 1024), Some(1)),
            (sized(1280, 720), Some(1)),
            (sized(2048, 1152), Some(2)),
            (sized(3840, 2160), Some(4)),
            (sized(64, 64), Some(1)),
        ] {
            assert_eq!(wish.wished_tier(), expected, "{wish:?}");
        }
    }
}
