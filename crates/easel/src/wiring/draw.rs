//! One generation for the command line, through the engine like any other job.

use std::path::PathBuf;

use easel_core::{
    command::{Command, OutputWish, PROMPT_LIMIT, Verb},
    dispatch::Drafted,
    error::UserError,
    ids::{Chat, MessageId, UnixMillis, UserId},
    job::{
        Outcome,
        engine::{Brought, Planner as _},
    },
    media::Body,
    message::{ChatRole, Message, PictureLocator, PictureOrigin, PictureRef, Sender},
};

use super::App;
use crate::local::Heard;

/// Pictures of one request at most.
const MAX_PICTURES: u8 = 9;

/// A request from the command line.
#[derive(Clone, Debug)]
pub(crate) struct DrawRequest {
    /// What to draw, with the wishes that a chat may write into it.
    pub(crate) prompt: String,
    /// Pictures to start from; absolute paths.
    pub(crate) images: Vec<PathBuf>,
    /// The provider's name, before one that the prompt names.
    pub(crate) provider: Option<String>,
    /// Pixels, ratio or tier, before those of the prompt.
    pub(crate) size: Option<String>,
    /// How many pictures, before the prompt's number.
    pub(crate) count: Option<u8>,
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

/// Why nothing was drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NotDrawn {
    /// The short code, where there is one.
    pub(crate) code: String,
    /// The sentence that a chat would hear.
    pub(crate) sentence: String,
}

impl App {
    /// One generation for the command line, through the engine. The pictures come back, with what a chat would hear
    /// beside them; nobody has saved them.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn draw(&self, request: DrawRequest) -> Result<Drawn, NotDrawn> {
        let refused = |chat: &Chat, refusal: &UserError| NotDrawn {
            code: refusal.code.to_owned(),
            sentence: self.desk.say(chat, refusal),
        };
        let (chat, mut hear) = self.local.open(usize::from(MAX_PICTURES));
        let (watch, ended) = tokio::sync::oneshot::channel();
        let accepted = self.command(&request).and_then(|command| {
            let Drafted { request, inline } = self.desk.draft(&message(&chat, &request.images), &command)?;
            self.engine.accept(request, Brought { inline, watch: Some(watch) })
        });
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.local.close(&chat);
                return Err(refused(&chat, &refusal));
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
            outcome => {
                sentences.append(&mut beside);
                let code = match outcome {
                    Ok(Outcome::Failed { code, .. }) => code,
                    _ => String::new(),
                };
                Err(NotDrawn { code, sentence: sentences.join("\n") })
            }
        }
    }

    /// What a chat would have typed. Options win over the words of the prompt.
    fn command(&self, request: &DrawRequest) -> Result<Command, UserError> {
        let verb = if request.images.is_empty() { Verb::Draw } else { Verb::Edit };
        let order = self.desk.runtime().grammar.order(verb, &request.prompt);
        let mut command = order.ok_or_else(|| {
            UserError::new("error-prompt-too-long", "E-PROMPT-LONG").with("limit", PROMPT_LIMIT as u64)
        })?;
        if let Some(size) = &request.size {
            let unknown = || UserError::new("error-size", "E-SIZE").with("size", size.as_str());
            command.output = OutputWish::parse(size).ok_or_else(unknown)?;
        }
        if let Some(provider) = &request.provider {
            command.provider = Some(provider.to_lowercase());
        }
        command.count = request.count.unwrap_or(command.count).clamp(1, MAX_PICTURES);
        Ok(command)
    }
}

/// The message that brings these pictures to the chat of the request.
fn message(chat: &Chat, images: &[PathBuf]) -> Message {
    let picture = |path: &PathBuf| PictureRef {
        origin: PictureOrigin::File,
        locator: PictureLocator::File(path.as_path().into()),
    };
    Message {
        chat: chat.clone(),
        id: MessageId::new(chat.id.as_str()),
        sender: Sender { id: UserId::new("owner"), name: String::new(), role: ChatRole::Owner },
        text: String::new(),
        mentions_me: false,
        pictures: images.iter().map(picture).collect(),
        mentions: Vec::new(),
        quote: None,
        sent_at: UnixMillis(0),
    }
}
