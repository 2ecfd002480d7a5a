//! A provider that does what a script says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    error::{ErrorClass, ProviderError},
    media::{Body, Clip, ClipFormat, Picture, PictureFormat},
    ports::{
        CallContext, Capabilities, ClipLimits, GenerateRequest, Generated, GeneratedPicture, Operation,
        Output, Preparation, Provider, RemoteTask, TaskIntent, Unfit,
    },
};

/// One answer of a [`ScriptedProvider`].
pub enum Step {
    /// A small real PNG.
    Picture,
    /// This picture.
    Given(Picture),
    /// A clip, which the service serves at this link, too.
    Clip(Option<&'static str>),
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
    /// Takes a task with this id, then does that.
    Task(&'static str, Box<Step>),
    /// Tells how far the task is, in percent, then does that.
    Progress(u8, Box<Step>),
    /// After so many seconds each, has an answer to a question about the task that tells whether it is known; then does that.
    Heard(&'static [(u64, bool)], Box<Step>),
}

/// Plays its script, then answers with pictures (or, asked for clips, with clips) for ever. Records the keys and requests it saw.
pub struct ScriptedProvider {
    name: String,
    capabilities: Capabilities,
    script: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<(String, GenerateRequest)>>,
    resumed: Mutex<Vec<String>>,
    clip_limits: Mutex<Option<ClipLimits>>,
    cancel: Mutex<CancellationToken>,
    /// Chooses the ids of its tasks itself.
    chooses: bool,
    /// Why it takes no wish for a size, or no request at all.
    unfit: Mutex<Option<Unfit>>,
    /// What it waits for before its first request, and what it knows then.
    preparing: Mutex<Option<(Arc<Notify>, Option<Unfit>)>>,
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
                paid: true,
                ..Capabilities::default()
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
        Arc::new(Self::bare(name, capabilities, script))
    }

    /// A provider of pictures that takes tasks.
    pub fn with_tasks(name: &str, script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self::bare(name, tasks(), script))
    }

    /// The same, with task ids that are chosen before the call.
    pub fn choosing(name: &str, script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self { chooses: true, ..Self::bare(name, tasks(), script) })
    }

    /// A provider of clips alone: it takes tasks, and one reference.
    pub fn with_clips(name: &str, script: impl IntoIterator<Item = Step>) -> Arc<Self> {
        let capabilities = Capabilities {
            clip: true,
            remote: true,
            max_references: 1,
            max_count: 1,
            paid: true,
            ..Capabilities::default()
        };
        Arc::new(Self::bare(name, capabilities, script))
    }

    fn bare(name: &str, capabilities: Capabilities, script: impl IntoIterator<Item = Step>) -> Self {
        Self {
            name: name.to_owned(),
            capabilities,
            script: Mutex::new(script.into_iter().collect()),
            seen: Mutex::default(),
            resumed: Mutex::default(),
            clip_limits: Mutex::default(),
            cancel: Mutex::default(),
            chooses: false,
            unfit: Mutex::default(),
            preparing: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// From now on, why it takes no request; of [`Unfit::SizesRefused`], none with a wish for a shape.
    pub fn refuse(&self, unfit: Option<Unfit>) {
        *self.unfit.lock().unwrap() = unfit;
    }

    /// Has to find something out before its first request: what that is, it knows when it is notified.
    pub fn prepare(&self, until: Arc<Notify>, unfit: Option<Unfit>) {
        *self.preparing.lock().unwrap() = Some((until, unfit));
    }

    /// The ids of the tasks that were asked about after a restart, in order.
    pub fn resumed(&self) -> Vec<String> {
        self.resumed.lock().unwrap().clone()
    }

    /// What the last call was told about fetching clips.
    pub fn clip_limits(&self) -> Option<ClipLimits> {
        *self.clip_limits.lock().unwrap()
    }

    /// Whether the last call was called off.
    pub fn called_off(&self) -> bool {
        self.cancel.lock().unwrap().is_cancelled()
    }

    /// The key fingerprints of all calls so far, in order (empty texts without a key).
    pub fn keys(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The requests of all calls so far.
    pub fn requests(&self) -> Vec<GenerateRequest> {
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

fn tasks() -> Capabilities {
    Capabilities {
        generate: true,
        edit: true,
        remote: true,
        max_references: 4,
        max_count: 1,
        paid: true,
        ..Capabilities::default()
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

/// The beginning of an MP4, and some bytes.
pub fn test_clip() -> Clip {
    let bytes = [&b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"[..], &[7; 40]].concat();
    Clip { format: ClipFormat::Mp4, body: Body::from_bytes(bytes), link: None }
}

#[async_trait]
impl Provider for ScriptedProvider {
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

    fn preparation<'a>(&'a self, _: &'a CallContext) -> Option<Preparation<'a>> {
        let (until, unfit) = self.preparing.lock().unwrap().clone()?;
        Some(Box::pin(async move {
            until.notified().await;
            self.refuse(unfit);
            *self.preparing.lock().unwrap() = None;
        }))
    }

    fn refuses(&self, request: &GenerateRequest) -> Option<Unfit> {
        let unfit = *self.unfit.lock().unwrap();
        unfit.filter(|unfit| *unfit != Unfit::SizesRefused || request.output != Output::default())
    }

    fn intent(&self, _: &GenerateRequest) -> Option<TaskIntent> {
        self.capabilities.remote.then(|| TaskIntent {
            base_url: "http://service.example".to_owned(),
            request_hash: "0123456789abcdef".to_owned(),
            task: self.chooses.then(|| "chosen".to_owned()),
        })
    }

    async fn resume(
        &self,
        task: &RemoteTask,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        self.resumed.lock().unwrap().push(task.id.clone());
        self.generate(request, cx).await
    }

    async fn generate(
        &self,
        request: &GenerateRequest,
        cx: &CallContext,
    ) -> Result<Generated, ProviderError> {
        let key = cx.key.as_ref().map(|key| key.fingerprint.to_string()).unwrap_or_default();
        self.seen.lock().unwrap().push((key, request.clone()));
        *self.clip_limits.lock().unwrap() = Some(cx.clip_limits);
        *self.cancel.lock().unwrap() = cx.cancel.clone();
        let endless = if request.operation == Operation::Clip { Step::Clip(None) } else { Step::Picture };
        let mut step = self.script.lock().unwrap().pop_front().unwrap_or(endless);
        if let Step::Task(id, then) = step {
            let task = RemoteTask { id: id.to_owned(), poll: String::new() };
            cx.tasks.created(&task).await.expect("the ledger works");
            step = *then;
        }
        if let Step::Progress(percent, then) = step {
            cx.tasks.progress(Some(percent));
            step = *then;
        }
        self.arrived.notify_waiters();
        if let Step::Heard(answers, then) = step {
            for (after, knows) in answers {
                tokio::time::sleep(Duration::from_secs(*after)).await;
                cx.tasks.heard(*knows);
            }
            step = *then;
        }
        match step {
            Step::Task(..) | Step::Progress(..) | Step::Heard(..) => {
                unreachable!("a task, then how far it is, then answers, then the rest")
            }
            Step::Clip(link) => {
                let clip = Clip { link: link.map(str::to_owned), ..test_clip() };
                return Ok(Generated { clip: Some(clip), ..Generated::default() });
            }
            Step::Picture => {}
            Step::Given(picture) => {
                let pictures = vec![GeneratedPicture { picture, revised_prompt: None }];
                return Ok(Generated { pictures, ..Generated::default() });
            }
            Step::Fail(class) => return Err(ProviderError::new(&self.name, class, "scripted")),
            Step::FailWith(make) => return Err(make()),
            Step::Hold(go) => go.notified().await,
            Step::Hang => std::future::pending().await,
            Step::Panic => panic!("a scripted panic"),
        }
        let pictures = (0..request.count)
            .map(|_| GeneratedPicture { picture: test_picture(), revised_prompt: None })
            .collect();
        Ok(Generated { pictures, ..Generated::default() })
    }
}
