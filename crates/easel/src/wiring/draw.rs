//! One generation for the command line, through the engine like any other job.

use std::path::{Path, PathBuf};

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
    media::Media,
    message::{PictureLocator, PictureOrigin, PictureRef},
    ports::Output,
};

use super::App;
use crate::{cli::draw::target, local::Heard};

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

/// What came of a request from the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// The saved pictures, in order.
    pub(crate) files: Vec<PathBuf>,
    /// What else the person has to hear, such as that there are fewer pictures than wished.
    pub(crate) sentences: Vec<String>,
}

impl App {
    /// One generation for the command line, through the engine. Pictures are saved at `output` (see
    /// [`crate::cli::draw::target`]); the paths come back, with what a chat would hear beside the pictures.
    ///
    /// # Errors
    /// The sentence that a chat would hear.
    pub(crate) async fn draw(&self, request: DrawRequest, output: &Path) -> Result<Drawn, String> {
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
        let mut files = Vec::new();
        let mut sentences = Vec::new();
        // What was said before the first picture, such as a place in the queue, is over when there is one.
        let mut beside = Vec::new();
        while let Some(heard) = hear.recv().await {
            match heard {
                Heard::Text(text) if files.is_empty() => sentences.push(text),
                Heard::Text(text) | Heard::Caption(text) => beside.push(text),
                Heard::Media(media) => {
                    let name = format!("easel-{}", accepted.job);
                    let file = target(output, files.len(), &name, media.format().extension());
                    save(&media, &file).await.map_err(|error| format!("{}: {error}", file.display()))?;
                    files.push(file);
                }
            }
        }
        match outcome {
            Ok(Outcome::Delivered { .. }) if !files.is_empty() => Ok(Drawn { files, sentences: beside }),
            _ => {
                sentences.append(&mut beside);
                Err(sentences.join("\n"))
            }
        }
    }
}

async fn save(media: &Media, file: &Path) -> std::io::Result<()> {
    let (body, file) = (media.body().clone(), file.to_owned());
    let write = move || match body.in_file() {
        Some(path) => std::fs::copy(path, &file).map(drop),
        None => std::io::copy(&mut body.reader()?, &mut std::fs::File::create(&file)?).map(drop),
    };
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)?
}
