//! An engine that makes pictures, seen from the core.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    error::ProviderError,
    ids::JobId,
    media::{Picture, Spool},
};

/// What is asked of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A picture from words.
    Generate,
    /// A picture from words and reference images.
    Edit,
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

/// A reference image, ready to be sent: oriented, stripped of metadata, PNG, JPEG or WebP, in memory.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The picture; its body is in memory.
    pub picture: Picture,
}

/// One request for pictures. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ImageRequest {
    /// Generate, or edit when there are references.
    pub operation: Operation,
    /// The full prompt, as the engine shall read it.
    pub prompt: Arc<str>,
    /// In order; may be empty for [`Operation::Generate`] only.
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

/// What surrounds one call.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The job, for logs and file names.
    pub job: JobId,
    /// The key to use; `None` for kinds that need none.
    pub key: Option<ApiKey>,
    /// No waiting beyond this.
    pub deadline: Instant,
    /// The job was cancelled: stop as soon as possible.
    pub cancel: CancellationToken,
    /// Takes the bytes of answers.
    pub spool: Spool,
}

/// What an engine can do, as configured.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Makes pictures from words.
    pub generate: bool,
    /// Takes reference images.
    pub edit: bool,
    /// How many reference images at most.
    pub max_references: usize,
    /// Pictures per request at most.
    pub max_count: u8,
    /// Can't work without a key.
    pub needs_key: bool,
    /// Calls may cost money.
    pub paid: bool,
}

/// What came back.
#[derive(Debug)]
pub struct Generated {
    /// At least one, in the provider's order.
    pub pictures: Vec<GeneratedPicture>,
    /// The provider's own id of the request.
    pub request_id: Option<String>,
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
pub trait ImageProvider: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// Its kind, for example `openai_images`.
    fn kind(&self) -> &'static str;

    /// The model in use, for the ledger and the owner. Empty when there is none.
    fn model(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// One call. Sends at most one create request; never retries one by itself.
    ///
    /// # Errors
    /// See [`ProviderError`]. Dropping the future abandons the request, which may still be paid.
    async fn generate(&self, request: &ImageRequest, cx: &CallContext) -> Result<Generated, ProviderError>;
}
