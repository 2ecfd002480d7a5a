//! One generation for the command line, through the engine like any other job.

use std::path::PathBuf;

use easel_core::{
    command::OutputWish,
    dispatch::output_of,
    error::UserError,
    ids::{MessageId, UserId},
    job::{
        Outcome,
        engine::{Brought, Planner as _},
        ledger::StoredRequest,
    },
    media::Body,
    message::{PictureLocator, PictureOrigin, PictureRef},
    ports::Output,
};

use super::App;
use crate::local::Heard;

/// A request from the command line.
#[derive(Clone, Debug)]
pub(crate) struct DrawRequest {
    /// What to draw.
    pub(crate) prompt: String,
    /// Pictures to start from; absolute paths.
    pub(crate) images: Vec<PathBuf>,
    /// The provider's name.
    pub(crate) provider: Option<String>,
    /// Pixels, ratio or tier.
    pub(crate) size: Option<String>,
    /// How many pictures.
    pub(crate) count: u8,
}

/// A finished picture or clip for the command line.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    /// A file name of its own.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) body: Body,
    /// Where it is kept for a while; absent when it could not be.
    pub(crate) kept: Option<PathBuf>,
}

/// What came of a request from the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawn {
    /// The pictures, in order.
    pub(crate) pictures: Vec<Made>,
    /// What else the person has to hear, such as that there are fewer pictures than wished.
    pub(crate) sentences: Vec<String>,
}

impl App {
    /// One generation for the command line, through the engine. The pictures come back, with what a chat would hear
    /// beside them; nobody has saved them.
    ///
    /// # Errors
    /// The sentence that a chat would hear.
    pub(crate) async fn draw(&self, request: DrawRequest) -> Result<Drawn, String> {
        let (chat, mut hear) = self.local.open(usize::from(request.count));
        let size = request.size.as_deref().unwrap_or_default();
        let Some(wish) = OutputWish::parse(size) else {
            self.local.close(&chat);
            return Err(self.desk.say(&chat, &UserError::new("error-size", "E-SIZE").with("size", size)));
        };
        let Output { size, ratio, tier } = output_of(&wish);
        let feature = if request.images.is_empty() { "draw" } else { "edit" };
        let inline: Vec<_> = request
            .images
            .iter()
            .map(|path| PictureRef {
                origin: PictureOrigin::File,
                locator: PictureLocator::File(path.as_path().into()),
            })
            .collect();
        let stored = StoredRequest {
            user: UserId::new("owner"),
            message: MessageId::new(chat.id.as_str()),
            chat: chat.clone(),
            feature: feature.to_owned(),
            prompt: request.prompt,
            preset: None,
            provider: request.provider.map(|name| name.to_lowercase()),
            size,
            ratio,
            tier,
            count: request.count,
            pictures: Vec::new(),
            fallback: Vec::new(),
            quote: None,
            had_inline: !inline.is_empty(),
            tickets: None,
        };
        let (watch, ended) = tokio::sync::oneshot::channel();
        let brought = Brought { inline, watch: Some(watch) };
        let accepted = match self.engine.accept(stored, brought) {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.local.close(&chat);
                return Err(self.desk.say(&chat, &refusal));
            }
        };
        let outcome = ended.await;
        self.local.close(&chat);
        let mut pictures = Vec::new();
        let mut sentences = Vec::new();
        // What was said before the first picture, such as a place in the queue, is over when there is one.
        let mut beside = Vec::new();
        while let Some(heard) = hear.recv().await {
            match heard {
                Heard::Text(text) if pictures.is_empty() => sentences.push(text),
                Heard::Text(text) | Heard::Caption(text) => beside.push(text),
                Heard::Media(media) => {
                    let (index, ending) = (pictures.len(), media.format().extension());
                    let blob = format!("{}-{index}.{ending}", accepted.job);
                    let kept = self.store.dir().join("blobs").join(blob);
                    let is_kept = tokio::fs::try_exists(&kept).await.unwrap_or(false);
                    pictures.push(Made {
                        name: format!("easel-{}-{}.{ending}", accepted.job, index + 1),
                        body: media.body().clone(),
                        kept: is_kept.then_some(kept),
                    });
                }
            }
        }
        match outcome {
            Ok(Outcome::Delivered { .. }) if !pictures.is_empty() => {
                Ok(Drawn { pictures, sentences: beside })
            }
            _ => {
                sentences.append(&mut beside);
                Err(sentences.join("\n"))
            }
        }
    }
}
