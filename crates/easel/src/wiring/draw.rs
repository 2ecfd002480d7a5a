//! One generation for the command line, through the engine like any other job.

use std::path::{Path, PathBuf};

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

use rustix::fs::Access;

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
    /// The request is wrong in itself: no job came of it. The same code may mean something else later on.
    pub(crate) misuse: bool,
}

impl App {
    /// One generation for the command line, through the engine. The pictures come back, with what a chat would hear
    /// beside them; nobody has saved them.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn draw(&self, request: DrawRequest) -> Result<Drawn, NotDrawn> {
        let (chat, mut hear) = self.local.open(usize::from(MAX_PICTURES));
        let refused = |refusal: &UserError, misuse: bool| {
            self.local.close(&chat);
            let code = refusal.code.to_owned();
            let told = for_owner(&code);
            NotDrawn { code, sentence: self.desk.say(&chat, told.as_ref().unwrap_or(refusal)), misuse }
        };
        let drafted = self
            .command(&request)
            .and_then(|command| self.desk.draft(&message(&chat, &request.images), &command));
        let Drafted { request: drafted, inline } = drafted.map_err(|wrong| refused(&wrong, true))?;
        readable(request.images).await.map_err(|reason| refused(&reason, false))?;
        let (watch, ended) = tokio::sync::oneshot::channel();
        let brought = Brought { inline, watch: Some(watch) };
        let accepted = self.engine.accept(drafted, brought).map_err(|refusal| refused(&refusal, false))?;
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
                if let Some(told) = for_owner(&code) {
                    let end = format!("[{code}]");
                    for sentence in sentences.iter_mut().filter(|sentence| sentence.ends_with(&end)) {
                        *sentence = self.desk.say(&chat, &told);
                    }
                }
                Err(NotDrawn { code, sentence: sentences.join("\n"), misuse: false })
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

/// What is said at a command line in place of the sentence for a chat: its reader is the bot's owner, who has options and
/// a configuration instead of messages and somebody to ask.
fn for_owner(code: &str) -> Option<UserError> {
    let sentence = match code {
        "E-AUTH" => UserError::new("cli-auth", "E-AUTH"),
        "E-QUOTA" => UserError::new("cli-quota", "E-QUOTA"),
        "E-MODEL" => UserError::new("cli-model", "E-MODEL"),
        "E-NO-PROVIDER" => UserError::new("cli-no-usable-provider", "E-NO-PROVIDER"),
        "E-NO-EDIT" => UserError::new("cli-no-edit", "E-NO-EDIT"),
        "E-NEEDS-PICTURE" => UserError::new("cli-needs-picture", "E-NEEDS-PICTURE"),
        "E-STORE" => UserError::new("cli-storage", "E-STORE"),
        _ => return None,
    };
    Some(sentence)
}

/// Finds out whether this process may read the pictures: whoever names them may have another account, or see other
/// folders.
///
/// # Errors
/// The sentence about the first one that it can't read.
async fn readable(images: Vec<PathBuf>) -> Result<(), UserError> {
    let unreadable = |path: &Path| {
        UserError::new("error-picture-unreadable", "E-PICTURE-FILE").with("path", path.display().to_string())
    };
    let look = move || {
        images.iter().try_for_each(|path| {
            // Opening could wait for a pipe's writer.
            rustix::fs::access(path, Access::READ_OK).map_err(|_| unreadable(path))
        })
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(Ok(()))
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
