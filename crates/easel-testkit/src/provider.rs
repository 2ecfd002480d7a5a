//! A fake provider of pictures that speaks the OpenAI Images API and chat completions as gateways answer them.
//!
//! Endpoints below `/v1`: `images/generations`, `images/edits`, `chat/completions`, `models`; results by url lie
//! under `/img/`. What is answered is an [`Answer`]: first the rule for the request's key, then the rule for its
//! path, then the queue, then the default, which draws. Every request is recorded before it is answered.

mod answer;
mod chat;
mod errors;
mod request;

pub use answer::Answer;
pub use chat::ChatShape;
pub use request::{InputPicture, ProviderRequest};

use crate::{
    http::{self, Reply, Request},
    journal::Journal,
    pictures,
    tasks::{Tasks, lock},
};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// A fake provider on a free loopback port. Dropping it closes its sockets.
#[derive(Debug)]
pub struct FakeProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: Tasks,
}

#[derive(Debug)]
pub(crate) struct Shared {
    script: Mutex<Script>,
    requests: Journal<ProviderRequest>,
    hang_ups: Journal<ProviderRequest>,
    /// Number of calls of [`FakeProvider::release`].
    released: watch::Sender<u64>,
    in_flight: watch::Sender<usize>,
}

#[derive(Debug)]
struct Script {
    queue: VecDeque<Answer>,
    default: Answer,
    by_key: HashMap<String, Answer>,
    by_path: Vec<(String, Answer)>,
    models: Vec<String>,
    /// Results that can be downloaded, by path.
    hosted: HashMap<String, Answer>,
    /// What is answered to all other downloads, and to every `GET` that asks for no list of models.
    hosted_everywhere: Option<Answer>,
    last_hosted: u64,
    most_in_flight: usize,
}

impl FakeProvider {
    /// Starts it; without further words it draws.
    pub async fn start() -> Self {
        let script = Script {
            queue: VecDeque::new(),
            default: Answer::draws(),
            by_key: HashMap::new(),
            by_path: Vec::new(),
            models: vec!["gpt-image-2".to_owned(), "gpt-image-2.5-flare".to_owned()],
            hosted: HashMap::new(),
            hosted_everywhere: None,
            last_hosted: 0,
            most_in_flight: 0,
        };
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            requests: Journal::default(),
            hang_ups: Journal::default(),
            released: watch::Sender::default(),
            in_flight: watch::Sender::default(),
        });
        let tasks = Tasks::default();
        let handler = Arc::clone(&shared);
        let address = http::serve(&tasks, move |request| respond(Arc::clone(&handler), request)).await;
        Self { address, shared, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `http://127.0.0.1:PORT/v1`
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    // ---- script ----------------------------------------------------------------------------------------------

    /// Puts an answer at the end of the queue; one request takes one answer.
    pub fn answer(&self, answer: Answer) {
        self.with(|script| script.queue.push_back(answer));
    }

    /// Puts several answers at the end of the queue.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.with(|script| script.queue.extend(answers));
    }

    /// What is answered when the queue is empty.
    pub fn always(&self, answer: Answer) {
        self.with(|script| script.default = answer);
    }

    /// What requests with this key always get; the queue is left alone.
    pub fn when_key(&self, key: &str, answer: Answer) {
        self.with(|script| script.by_key.insert(key.to_owned(), answer));
    }

    /// What requests to paths that end like this always get, from now on; the queue is left alone.
    pub fn when_path(&self, path_end: &str, answer: Answer) {
        self.with(|script| {
            script.by_path.retain(|(end, _)| end != path_end);
            script.by_path.push((path_end.to_owned(), answer));
        });
    }

    /// Hosts what a result's link leads to, `content` being an answer of fixed content ([`Answer::raw`],
    /// [`Answer::status`] …) and returns the link. `name` is how the link ends, for example `.mp4`.
    pub fn host(&self, name: &str, content: Answer) -> String {
        format!("{}{}", self.origin(), self.shared.host_as(name, content))
    }

    /// Hosts a picture and returns its link.
    pub fn host_picture(&self, picture: Bytes) -> String {
        self.host(".png", answer::hosted(Ok(picture)))
    }

    /// Makes every link of this server that nothing else is known of lead to this picture.
    pub fn host_all(&self, picture: Bytes) {
        self.with(|script| script.hosted_everywhere = Some(answer::hosted(Ok(picture))));
    }

    /// The ids that `/v1/models` lists.
    pub fn set_models(&self, models: &[&str]) {
        self.with(|script| script.models = models.iter().map(|model| (*model).to_owned()).collect());
    }

    /// Lets all answers go that [`Answer::held`] holds at this moment.
    pub fn release(&self) {
        self.shared.released.send_modify(|count| *count += 1);
    }

    fn with<T>(&self, work: impl FnOnce(&mut Script) -> T) -> T {
        work(&mut lock(&self.shared.script))
    }

    // ---- what came -------------------------------------------------------------------------------------------

    /// All requests so far in the order of arrival, except downloads of results.
    pub fn requests(&self) -> Vec<ProviderRequest> {
        self.shared.requests.all().into_iter().filter(|request| !request.is_download()).collect()
    }

    /// Downloads of results so far.
    pub fn downloads(&self) -> Vec<ProviderRequest> {
        self.shared.requests.all().into_iter().filter(ProviderRequest::is_download).collect()
    }

    /// Takes the next request that is no download, or waits for it.
    #[track_caller]
    pub fn next_request(&self) -> impl Future<Output = ProviderRequest> + Send {
        let drawing = |request: &ProviderRequest| !request.is_download();
        self.shared.requests.take("a request".to_owned(), drawing, ProviderRequest::summary)
    }

    /// Takes the next download of a result, or waits for it.
    #[track_caller]
    pub fn next_download(&self) -> impl Future<Output = ProviderRequest> + Send {
        let what = "a download".to_owned();
        self.shared.requests.take(what, ProviderRequest::is_download, ProviderRequest::summary)
    }

    /// Takes the next request whose client hung up before it had its answer, or waits for it.
    #[track_caller]
    pub fn next_hang_up(&self) -> impl Future<Output = ProviderRequest> + Send {
        self.shared.hang_ups.take("a client to hang up".to_owned(), |_| true, ProviderRequest::summary)
    }

    /// Waits until so many requests are without an answer at once.
    pub async fn in_flight(&self, count: usize) {
        let mut in_flight = self.shared.in_flight.subscribe();
        let waiting = in_flight.wait_for(|now| *now == count);
        let now = *self.shared.in_flight.borrow();
        let waited = tokio::time::timeout(crate::PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited in vain for {count} requests at once, there were {now}");
    }

    /// The largest number of requests that were without an answer at once.
    pub fn most_in_flight(&self) -> usize {
        self.with(|script| script.most_in_flight)
    }
}

impl Shared {
    /// Hosts a picture, or a status in its place, and returns its path.
    fn host(&self, content: Result<Bytes, u16>) -> String {
        self.host_as(".png", answer::hosted(content))
    }

    fn host_as(&self, name: &str, content: Answer) -> String {
        let mut script = lock(&self.script);
        script.last_hosted += 1;
        let path = format!("/img/{}{name}", script.last_hosted);
        script.hosted.insert(path.clone(), content);
        path
    }

    fn choose(&self, request: &ProviderRequest) -> Answer {
        let mut script = lock(&self.script);
        if let Some(answer) = request.key.as_ref().and_then(|key| script.by_key.get(key)) {
            return answer.clone();
        }
        if let Some((_, answer)) = script.by_path.iter().find(|(end, _)| request.path().ends_with(end)) {
            return answer.clone();
        }
        if request.path().ends_with("/models") {
            return Answer::models(&script.models);
        }
        script.queue.pop_front().unwrap_or_else(|| script.default.clone())
    }
}

/// Counts a request for as long as it has no answer, and tells when its client left before.
struct InFlight {
    shared: Arc<Shared>,
    request: Option<ProviderRequest>,
}

impl InFlight {
    fn new(shared: &Arc<Shared>, request: &ProviderRequest) -> Self {
        shared.in_flight.send_modify(|count| *count += 1);
        let now = *shared.in_flight.borrow();
        let mut script = lock(&shared.script);
        script.most_in_flight = script.most_in_flight.max(now);
        Self { shared: Arc::clone(shared), request: Some(request.clone()) }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.in_flight.send_modify(|count| *count -= 1);
        if let Some(request) = self.request.take() {
            self.shared.hang_ups.push(request);
        }
    }
}

async fn respond(shared: Arc<Shared>, request: Request) -> Reply {
    let request = ProviderRequest::new(request);
    let everywhere = lock(&shared.script).hosted_everywhere.clone();
    let by_link = request.http.method == "GET" && !request.path().ends_with("/models");
    if request.is_download() || by_link && everywhere.is_some() {
        let content = lock(&shared.script).hosted.get(request.path()).cloned().or(everywhere);
        shared.requests.push(request.clone());
        return match content {
            Some(content) if content.is_silent() => std::future::pending().await,
            Some(content) => content.render(&shared, &request),
            None => Reply::new(404, "text/plain", "no such result"),
        };
    }
    let mut in_flight = InFlight::new(&shared, &request);
    let mut released = shared.released.subscribe();
    let answer = shared.choose(&request);
    // Recorded after the subscription, so that a test that saw the request can release its answer.
    shared.requests.push(request.clone());
    if answer.is_held() {
        // The sender lives as long as the provider, so waiting can't fail.
        released.changed().await.ok();
    }
    if answer.is_silent() {
        std::future::pending::<()>().await;
    }
    let reply = answer.render(&shared, &request);
    in_flight.request = None;
    reply
}

/// A picture for a request that asked for none in particular; each one is different.
fn any_picture(seed: u64) -> Bytes {
    pictures::png(96, 96, seed)
}

#[cfg(test)]
mod tests;
