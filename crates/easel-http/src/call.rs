//! One call: built, sent, and followed through its redirects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::body::{Limits, Response};
use crate::client::{Hop, HttpClient};
use crate::error::{self, HttpError, Sending, Stage};
use crate::guard::BlockReason;
use crate::multipart::Multipart;
use crate::outgoing::{Outgoing, Progress, Segment};
use crate::redact::{redact, redact_url};

/// Redirects that are followed, where any are.
const MAX_REDIRECTS: usize = 3;
/// Longest link of somebody else's that is followed, in bytes. Signed addresses of storage have up to three thousand.
const MAX_LINK: usize = 8 * 1024;

/// A call that is being put together. Mistakes in its parts come out of [`send`](Self::send), before anything
/// is sent.
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    client: HttpClient,
    method: Method,
    target: Result<Url, HttpError>,
    headers: HeaderMap,
    /// Headers that only the owner's own origin may see.
    credentials: HeaderMap,
    /// Parameters of the query that only the owner's own origin may see.
    private: Vec<(String, SecretString)>,
    body: Option<Outgoing>,
    limits: Limits,
    problem: Option<HttpError>,
}

impl Call {
    pub(crate) fn new(client: HttpClient, method: Method, url: &str, limits: Limits) -> Self {
        let strange = client.follows_redirects();
        let target = if strange { short_enough(url) } else { Ok(()) }.and_then(|()| {
            Url::parse(url).map_err(|error| HttpError::BadUrl { detail: format!("{error}: {}", redact(url)) })
        });
        Self {
            client,
            method,
            target,
            headers: HeaderMap::new(),
            credentials: HeaderMap::new(),
            private: Vec::new(),
            body: None,
            limits,
            problem: None,
        }
    }

    /// Adds a header that is no secret; it goes to every hop.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match parse_header(name, value) {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err(problem) => self.problem = self.problem.or(Some(problem)),
        }
        self
    }

    /// Adds a header that is a credential. A results client sends it to the provider's own origin only, a
    /// download client for user-given urls to nobody.
    pub fn secret_header(mut self, name: &str, value: &SecretString) -> Self {
        match parse_header(name, value.expose_secret()) {
            Ok((name, mut value)) => {
                value.set_sensitive(true);
                self.credentials.insert(name, value);
            }
            Err(problem) => self.problem = self.problem.or(Some(problem)),
        }
        self
    }

    /// Adds a parameter to the query, for services that take their keys (or words of people) there. It goes where
    /// credentials go, see [`secret_header`](Self::secret_header), and no url that is shown or logged has it.
    pub fn secret_query(mut self, name: &str, value: &SecretString) -> Self {
        self.private.push((name.to_owned(), value.clone()));
        self
    }

    /// Adds `Authorization: Bearer …`, as a credential.
    pub fn bearer(self, token: &SecretString) -> Self {
        let value = SecretString::from(format!("Bearer {}", token.expose_secret().trim()));
        self.secret_header(header::AUTHORIZATION.as_str(), &value)
    }

    /// Adds `Authorization: Basic …` for text that is already base64 of `user:password`, as a credential.
    pub fn basic_encoded(self, encoded: &SecretString) -> Self {
        let value = SecretString::from(format!("Basic {}", encoded.expose_secret().trim()));
        self.secret_header(header::AUTHORIZATION.as_str(), &value)
    }

    /// Sends these bytes as `application/json`.
    pub fn json(self, body: impl Into<Bytes>) -> Self {
        self.body("application/json", [body.into()])
    }

    /// Sends these segments one after the other, each from where it lies. The length is told beforehand.
    pub fn body(
        mut self,
        content_type: &str,
        segments: impl IntoIterator<Item = impl Into<Segment>>,
    ) -> Self {
        let segments = segments.into_iter().map(Into::into).collect();
        self.body = Some(Outgoing { content_type: content_type.to_owned(), segments });
        self
    }

    /// Sends a form; its files are not copied.
    pub fn multipart(mut self, form: Multipart) -> Self {
        self.body = Some(form.into_outgoing());
        self
    }

    /// Ends the call, its body included, at `deadline`. The earliest deadline given counts.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.limits.deadline = Some(self.limits.deadline.map_or(deadline, |before| before.min(deadline)));
        self
    }

    /// Ends the call, its body included, this long after now.
    pub fn within(self, total: Duration) -> Self {
        let now = Instant::now();
        // A duration beyond the clock's range is as good as none.
        match now.checked_add(total) {
            Some(deadline) => self.deadline(deadline),
            None => self,
        }
    }

    /// Longest silence between the last piece sent and the status line.
    pub fn answer_timeout(mut self, longest: Duration) -> Self {
        self.limits.answer = longest;
        self
    }

    /// Longest silence inside the body.
    pub fn idle_timeout(mut self, longest: Duration) -> Self {
        self.limits.idle = longest;
        self
    }

    /// Most bytes of the answer, after decompression.
    pub fn max_answer_bytes(mut self, most: u64) -> Self {
        self.limits.max_answer_bytes = most;
        self
    }

    /// Ends the call, its body included, when `cancel` fires; the error says how far it had come.
    pub fn cancel_on(mut self, cancel: CancellationToken) -> Self {
        self.limits.cancel = cancel;
        self
    }

    /// Sends the call and waits for the status line. Every status is an answer, also 4xx and 5xx; redirects are
    /// followed only by download clients and only for GET.
    ///
    /// Dropping the future closes the connection; whether the peer had got the request is then unknown, so
    /// cancel with a token where that matters.
    ///
    /// # Errors
    /// `NotSent`, `Unreadable`, `Unanswered`, `Blocked`, `Deadline`, `Cancelled`, `BadUrl`, `BadHeader`.
    pub async fn send(self) -> Result<Response, HttpError> {
        let Self { client, method, target, headers, credentials, private, mut body, mut limits, problem } =
            self;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let follows = client.follows_redirects() && method == Method::GET;
        let mut hop = client.first_hop(target?).await?;
        limits.tape = client.recorder().map(|recorder| recorder.begin(&method, &hop.url, body.as_ref()));
        for _ in 0..=MAX_REDIRECTS {
            let mut headers = headers.clone();
            if hop.credentials {
                headers.extend(credentials.clone());
            }
            let private = if hop.credentials { private.as_slice() } else { &[] };
            let response = exchange(&client, &hop, private, &method, headers, body.take(), &limits).await?;
            let next = if follows { redirect_target(&response, &hop.url) } else { None };
            match next {
                None => return Ok(Response::new(response, hop, limits)),
                Some(next) => hop = client.next_hop(next?, &hop.url).await?,
            }
        }
        let host = hop.url.host_str().unwrap_or_default().to_owned();
        Err(HttpError::Blocked { host, reason: BlockReason::TooManyRedirects })
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.target.as_ref().map(redact_url);
        f.debug_struct("Call").field("method", &self.method).field("url", &url).finish_non_exhaustive()
    }
}

/// Sends one request and waits for its status line.
async fn exchange(
    client: &HttpClient,
    hop: &Hop,
    private: &[(String, SecretString)],
    method: &Method,
    mut headers: HeaderMap,
    body: Option<Outgoing>,
    limits: &Limits,
) -> Result<reqwest::Response, HttpError> {
    let progress = Arc::new(Progress::default());
    // Compression costs both sides time and gains nothing on pictures.
    headers.entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
    let mut request = reqwest::Request::new(method.clone(), hop.url.clone());
    if !private.is_empty() {
        let pairs = private.iter().map(|(name, value)| (name, value.expose_secret()));
        request.url_mut().query_pairs_mut().extend_pairs(pairs);
    }
    match body {
        Some(body) if body.length() > 0 => {
            let content_type = HeaderValue::from_str(&body.content_type)
                .map_err(|_| HttpError::BadHeader { name: header::CONTENT_TYPE.to_string() })?;
            headers.entry(header::CONTENT_TYPE).or_insert(content_type);
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.length()));
            *request.body_mut() = Some(body.into_body(Arc::clone(&progress)));
        }
        // Without a body nobody can tell whether the head was sent, so it counts as sent.
        _ => {
            progress.step();
            progress.complete();
        }
    }
    *request.headers_mut() = headers;
    let stage = || if progress.steps() == 0 { Stage::Connecting } else { Stage::Waiting };
    let sending = hop.client.execute(request);
    tokio::pin!(sending);
    tokio::select! {
        biased;
        answer = &mut sending => {
            let stage = stage();
            answer
                .inspect(|answer| {
                    if tracing::enabled!(tracing::Level::DEBUG) {
                        let url = redact_url(&hop.url);
                        tracing::debug!(%method, %url, status = answer.status().as_u16(), "answered");
                    }
                })
                .map_err(|error| {
                    error::from_sending(error, Sending {
                        host: hop.url.host_str().unwrap_or_default(),
                        https: hop.url.scheme() == "https",
                        proxied: client.is_proxied(),
                        stage,
                        progress: &progress,
                    })
                })
        }
        () = limits.cancel.cancelled() => Err(HttpError::Cancelled { stage: stage() }),
        () = limits.out_of_time() => Err(HttpError::Deadline { stage: stage() }),
        // A slow upload is not silence: the clock starts anew with each piece that goes out.
        () = progress.silence(limits.answer) => {
            let detail = format!("silent for {} ms", limits.answer.as_millis());
            Err(match stage() {
                Stage::Connecting => HttpError::NotSent { cause: error::NotSentCause::ConnectTimeout, detail },
                Stage::Waiting | Stage::Reading => {
                    HttpError::Unanswered { whole: progress.is_complete(), detail }
                }
            })
        }
    }
}

/// Where the answer points, when it is a redirect that names a place.
fn redirect_target(response: &reqwest::Response, from: &Url) -> Option<Result<Url, HttpError>> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(header::LOCATION).filter(|_| redirects)?;
    // Servers write non-ASCII locations as raw UTF-8.
    let text = String::from_utf8_lossy(location.as_bytes());
    Some(short_enough(&text).and_then(|()| {
        from.join(&text).map_err(|error| HttpError::BadUrl { detail: format!("{error}: {}", redact(&text)) })
    }))
}

/// Refuses a link that nobody would have to follow.
fn short_enough(link: &str) -> Result<(), HttpError> {
    if link.len() > MAX_LINK {
        return Err(HttpError::BadUrl { detail: format!("a link of {} bytes is not followed", link.len()) });
    }
    Ok(())
}

fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), HttpError> {
    let problem = || HttpError::BadHeader { name: redact(name) };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem())?;
    // Keys are pasted with blanks and line ends around them; inside they stay an error.
    Ok((parsed, HeaderValue::from_str(value.trim()).map_err(|_| problem())?))
}
