//! The command line as a platform: `easel draw` is a chat of one request, and its answer goes to whoever waits for it.
//!
//! It runs through the same engine as every other entrance; here only the sending differs.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use easel_core::{
    ids::{AccountId, Chat, ChatId, ChatKind, MessageId, Platform, UserId},
    media::{Body, Media},
    message::{ChatRole, PictureLocator, PictureRef, Quote},
    ports::{
        Adapter, AdapterCapabilities, AdapterError, DownloadError, Inbox, PictureSource, SendError,
        SendFailure,
    },
    reply::{Part, Reaction, Reply, Sent, Target},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The platform's name.
pub(crate) const PLATFORM: &str = "cli";

/// What a waiting command hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A sentence.
    Text(String),
    /// Words that come with a picture.
    Caption(String),
    /// A picture or a clip.
    Media(Media),
}

/// The command line's adapter.
#[derive(Default)]
pub(crate) struct Local {
    listeners: Mutex<HashMap<ChatId, mpsc::Sender<Heard>>>,
}

impl Local {
    /// A new chat of one request, and what will be said in it. At most `pictures` of them and some sentences.
    pub(crate) fn open(&self, pictures: usize) -> (Chat, mpsc::Receiver<Heard>) {
        let chat = Chat {
            platform: PLATFORM.into(),
            account: "local".into(),
            kind: ChatKind::Direct,
            id: format!("{}", easel_core::ids::JobId::generate()).into(),
            parent: None,
        };
        let (heard, hear) = mpsc::channel(pictures + 8);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).insert(chat.id.clone(), heard);
        (chat, hear)
    }

    /// Nobody listens to this chat any more.
    pub(crate) fn close(&self, chat: &Chat) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).remove(&chat.id);
    }
}

#[async_trait]
impl PictureSource for Local {
    async fn download(
        &self,
        _chat: &Chat,
        picture: &PictureRef,
        max_bytes: u64,
    ) -> Result<Body, DownloadError> {
        let PictureLocator::File(path) = &picture.locator else {
            return Err(DownloadError::Unreachable("not a file".to_owned()));
        };
        let path = Arc::clone(path);
        let read = move || {
            let unreadable =
                |error: std::io::Error| DownloadError::Unreachable(format!("{}: {error}", path.display()));
            let length = fs::metadata(&path).map_err(unreadable)?.len();
            if length > max_bytes {
                return Err(DownloadError::TooLarge { max_bytes });
            }
            fs::read(&path).map(Body::from_bytes).map_err(unreadable)
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|error| Err(DownloadError::Unreachable(error.to_string())))
    }
}

#[async_trait]
impl Adapter for Local {
    fn platform(&self) -> Platform {
        PLATFORM.into()
    }

    fn capabilities(&self, _account: &AccountId) -> AdapterCapabilities {
        // Marks are swallowed: the command line needs no "working" sentence.
        AdapterCapabilities {
            group_reactions: true,
            direct_reactions: true,
            files: true,
            clips: true,
            clip_links: false,
            clip_captions: true,
        }
    }

    fn is_connected(&self, _account: &AccountId) -> bool {
        true
    }

    async fn connected(&self, _account: &AccountId) {}

    async fn run(
        self: Arc<Self>,
        _inbox: Arc<dyn Inbox>,
        ready: oneshot::Sender<()>,
        stop: CancellationToken,
    ) -> Result<(), AdapterError> {
        ready.send(()).ok();
        stop.cancelled().await;
        Ok(())
    }

    async fn send(&self, target: &Target, reply: &Reply) -> Result<Sent, SendError> {
        let gone = || SendError::Failed {
            failure: SendFailure::Permanent,
            reason: "the command that asked is not waiting any more".to_owned(),
        };
        let listener = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&target.chat.id)
            .cloned()
            .ok_or_else(gone)?;
        let carries = reply.parts.iter().any(|part| !matches!(part, Part::Text(_)));
        for part in &reply.parts {
            let heard = match part {
                Part::Text(text) if carries => Heard::Caption(text.clone()),
                Part::Text(text) => Heard::Text(text.clone()),
                Part::Picture(picture) => Heard::Media(Media::Picture(picture.picture.clone())),
                Part::Clip(clip) => Heard::Media(Media::Clip(clip.clip.clone())),
                Part::File(file) => Heard::Media(file.media.clone()),
            };
            listener.send(heard).await.map_err(|_| gone())?;
        }
        Ok(Sent { message: None, way: "local" })
    }

    async fn react(&self, _target: &Target, _reaction: Reaction) -> Result<(), SendError> {
        Ok(())
    }

    async fn quote(&self, _chat: &Chat, _message: &MessageId) -> Option<Quote> {
        None
    }

    fn recent_pictures(&self, _chat: &Chat, _user: &UserId, _within: Duration) -> Vec<PictureRef> {
        Vec::new()
    }

    fn avatar(&self, _account: &AccountId, _user: &UserId) -> Option<PictureRef> {
        None
    }

    async fn chat_role(&self, _chat: &Chat, _user: &UserId) -> ChatRole {
        ChatRole::Owner
    }
}
