//! A provider that does what a script says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::{
    error::{ErrorClass, ProviderError},
    media::{Body, Picture, PictureFormat},
    ports::{CallContext, Capabilities, Generated, GeneratedPicture, ImageProvider, ImageRequest},
};

/// One answer of a [`ScriptedProvider`].
pub enum Step {
    /// A small real PNG.
    Picture,
    /// A failure of this class with its default advice.
    Fail(ErrorClass),
    /// A failure made by hand.
    FailWith(Box<dyn Fn() -> ProviderError + Send + Sync>),
    /// Waits for the notification, then answers with a picture.
    Hold(Arc<Notify>),
    /// Never answers.
    Hang,
    /// Panics, as a bug would.
    Panic,
}

/// Plays its script, then answers with pictures for ever. Records the keys and requests it saw.
pub struct ScriptedProvider {
    name: String,
    capabilities: Capabilities,
    script: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<(String, ImageRequest)>>,
    arrived: Notify,
}

impl ScriptedProvider {
    /// A provider that can do everything and needs a key.
    pub fn new(name: &str, script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Self::with_capabilities(
            name,
            Capabilities {
                generate: true,
                edit: true,
                max_references: 16,
                max_count: 4,
                needs_key: false,
                paid: true,
            },
            script,
        )
    }

    /// A provider with these capabilities.
    pub fn with_capabilities(
        name: &str,
        capabilities: Capabilities,
        script: impl IntoIterator<Item = Step>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            capabilities,
            script: Mutex::new(script.into_iter().collect()),
            seen: Mutex::default(),
            arrived: Notify::new(),
        })
    }

    /// The key fingerprints of all calls so far, in order (empty texts without a key).
    pub fn keys(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The requests of all calls so far.
    pub fn requests(&self) -> Vec<ImageRequest> {
        self.seen.lock().unwrap().iter().map(|(_, request)| request.clone()).collect()
    }

    /// Waits until at least `n` calls have arrived.
    pub async fn arrivals(&self, n: usize) {
        loop {
            let arrived = self.arrived.notified();
            if self.seen.lock().unwrap().len() >= n {
                return;
            }
            arrived.await;
        }
    }
}

/// A real 2×2 PNG.
pub fn test_picture() -> Picture {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(2, 2, |x, y| image::Rgb([u8::from(x > 0) * 200, u8::from(y > 0) * 200, 90]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("encodes");
    Picture { format: PictureFormat::Png, width: 2, height: 2, body: Body::from_bytes(bytes.into_inner()) }
}

#[async_trait]
impl ImageProvider for ScriptedProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn model(&self) -> &'static str {
        "script-1"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn generate(&self, request: &ImageRequest, cx: &CallContext) -> Result<Generated, ProviderError> {
        let key = cx.key.as_ref().map(|key| key.fingerprint.to_string()).unwrap_or_default();
        self.seen.lock().unwrap().push((key, request.clone()));
        self.arrived.notify_waiters();
        let step = self.script.lock().unwrap().pop_front().unwrap_or(Step::Picture);
        match step {
            Step::Picture => {}
            Step::Fail(class) => return Err(ProviderError::new(&self.name, class, "scripted")),
            Step::FailWith(make) => return Err(make()),
            Step::Hold(go) => go.notified().await,
            Step::Hang => std::future::pending().await,
            Step::Panic => panic!("a scripted panic"),
        }
        let pictures = (0..request.count)
            .map(|_| GeneratedPicture { picture: test_picture(), revised_prompt: None })
            .collect();
        Ok(Generated { pictures, request_id: None })
    }
}
