//! One paid request and its answer: sending, reading, judging, fetching results. The same for every HTTP dialect.
//!
//! It sends each request once. What may be repeated is decided by the core, from the error.

use std::sync::Arc;

use bytes::Bytes;
use chrono::Utc;
use easel_core::{
    error::{ErrorClass, KeyVerdict, ProviderError, Retry},
    media::Spool,
    ports::{CallContext, GenerateRequest, Generated, StoreError},
};
use easel_http::{
    BaseUrl, Call, HttpClient, HttpClients, HttpError, Method, ProviderTimeouts, Redactor, RetryAdvice,
    Stage, header::HeaderMap,
};
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

use crate::{
    answer::{Answer, AnswerError, AnswerReader},
    classify::{Facts, Failure},
    config::{ProviderSection, is_local},
    dialect::{Settings, Spoken},
    registry::BuildError,
};

/// What the HTTP client buffers of a body that arrives fast.
const READ_BYTES: u64 = 400 * 1024;
/// Room for what stands around a clip in an answer: its JSON, and the events of a stream.
const MAX_AROUND: u64 = 8 * 1024 * 1024;
/// Answers that are no success are read up to this length.
const MAX_REFUSAL: u64 = 256 * 1024;

/// A provider's line to its service.
pub(crate) struct Wire {
    pub(crate) name: Arc<str>,
    pub(crate) base: BaseUrl,
    pub(crate) needs_key: bool,
    pub(crate) paid: bool,
    http: HttpClient,
    pub(crate) results: HttpClient,
    pub(crate) dialect: Spoken,
    settings: Settings,
    basic: Option<SecretString>,
    max_answer_bytes: u64,
    /// It makes clips.
    clips: bool,
}

/// An answer, read to its end or to where it broke off.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) advice: RetryAdvice,
    pub(crate) answer: Answer,
}

impl Answered {
    /// What a dialect judges it by.
    pub(crate) fn facts<'a>(&'a self, prompt: &'a str, redactor: &'a Redactor) -> Facts<'a> {
        let Self { status, headers, advice, answer } = self;
        Facts { status: *status, headers, advice: *advice, answer, prompt, redactor }
    }
}

impl Wire {
    pub(crate) fn new(
        name: &str,
        section: &ProviderSection,
        clients: &HttpClients,
        dialect: Spoken,
    ) -> Result<Self, BuildError> {
        let base = section.address()?;
        let timeouts = ProviderTimeouts::new(Duration::from_secs(section.timeout_seconds.max(1)));
        let basic = section.basic_auth.expose();
        let basic = (!basic.is_empty())
            .then(|| SecretString::from(base64_simd::STANDARD.encode_to_string(basic.as_bytes())));
        let (wants_key, has_keys) = (dialect.needs_key() && !is_local(&base), !section.keys().is_empty());
        Ok(Self {
            name: name.into(),
            needs_key: basic.is_none() && (wants_key || has_keys),
            paid: wants_key || has_keys,
            http: clients.provider(section.proxy.expose(), timeouts)?,
            results: clients.results(section.proxy.expose(), base.origin().clone())?,
            base,
            clips: dialect.limits(section.model.trim()).clips,
            settings: Settings::new(section, &*dialect),
            dialect,
            basic,
            max_answer_bytes: clients.network().max_answer_bytes,
        })
    }

    /// Begins a call with credentials: `path` below the base address, or an address of the same origin.
    pub(crate) fn call(&self, method: Method, path: &str, cx: &CallContext) -> Call {
        let address = if self.is_ours(path) { path.to_owned() } else { self.base.join(path).into() };
        let call = self.http.call(method, address).deadline(cx.deadline).cancel_on(cx.cancel.clone());
        self.dialect.dress(self.authorised(call, cx))
    }

    /// Whether a text is an address of the service's own origin, which may see its credentials.
    pub(crate) fn is_ours(&self, text: &str) -> bool {
        Url::parse(text).is_ok_and(|address| self.base.origin().covers(&address))
    }

    /// Adds the credentials.
    pub(crate) fn authorised(&self, call: Call, cx: &CallContext) -> Call {
        match (&self.basic, &cx.key) {
            (Some(basic), _) => call.basic_encoded(basic),
            (None, Some(key)) => self.dialect.authorise(call, &key.secret),
            (None, None) => call,
        }
    }

    /// Takes the secrets of a call out of what comes back, and the owner's address, which may hold one.
    pub(crate) fn redactor(&self, cx: &CallContext) -> Redactor {
        let address = SecretString::from(self.base.url().as_str().trim_end_matches('/'));
        let key = cx.key.as_ref().map(|key| &key.secret);
        let further = self.dialect.secrets(&self.settings, key);
        Redactor::new(key.into_iter().chain(&self.basic).chain([&address]).chain(&further))
    }

    /// Sends the call and makes a result of the answer: as many pictures as `request` wishes, even if the answer offers
    /// more, or its clip. `learn` is shown a refusal and says whether the next request would be another one.
    pub(crate) async fn draw(
        &self,
        call: Call,
        request: &GenerateRequest,
        cx: &CallContext,
        learn: impl FnOnce(&Failure) -> bool,
    ) -> Result<Generated, ProviderError> {
        let answered = self.exchange(call, cx).await?;
        self.judge(&answered, request, cx, learn)?;
        self.gather(&answered, request, cx).await
    }

    /// The failure that an answer tells, if it does.
    #[expect(clippy::result_large_err, reason = "the port's own error type, made once per failed call")]
    pub(crate) fn judge(
        &self,
        answered: &Answered,
        request: &GenerateRequest,
        cx: &CallContext,
        learn: impl FnOnce(&Failure) -> bool,
    ) -> Result<(), ProviderError> {
        let redactor = self.redactor(cx);
        let facts = answered.facts(&request.prompt, &redactor);
        let Some(failure) = self.dialect.failure(&facts) else { return Ok(()) };
        let corrected = learn(&failure);
        let mut error = failure.into_error(&self.name, &facts);
        if corrected {
            error.retry = Retry::Corrected;
        }
        Err(error)
    }

    /// Sends the call and reads its answer, whatever it says.
    pub(crate) async fn exchange(&self, call: Call, cx: &CallContext) -> Result<Answered, ProviderError> {
        let most = self.most(cx);
        let call = call.max_answer_bytes(most);
        let mut response = call.send().await.map_err(|error| self.unsent(error))?;
        let status = response.status.as_u16();
        let success = response.is_success();
        let advice = response.retry_advice(Utc::now());
        let limit = if success { most } else { MAX_REFUSAL };
        let claimed = if success { response.body.expected_bytes().unwrap_or(0) } else { 0 };
        response.body.lower_limit(limit);
        // What the connection holds of the answer counts as well, until this function ends, however it does. Where the
        // budget has no room the answer is read all the same: waiting could be for room that only this call frees.
        let _reading = cx.spool.budget().try_take(READ_BYTES);
        // Nobody keeps what a refusal carries.
        let spool = if success { cx.spool.for_call() } else { cx.spool.for_call().with_drafts(None) };
        let mut reader = AnswerReader::new(spool.clone(), claimed, limit);
        let mut broke = None;
        loop {
            match response.body.next_chunk().await {
                Ok(Some(chunk)) => match fed(&spool, reader, chunk).await {
                    Ok(same) => reader = same,
                    Err(error) => {
                        let answer = self.unreadable(status, success, &error)?;
                        return Ok(Answered { status, headers: response.headers, advice, answer });
                    }
                },
                Ok(None) => break,
                Err(error) => {
                    broke = Some(error);
                    break;
                }
            }
        }
        if success && let Some(error) = broke.take_if(|error| !matches!(error, HttpError::Cut { .. })) {
            return Err(self.lost(status, &error));
        }
        let cut = broke.is_some();
        let finished = spool.beside(0, move || reader.finish(cut)).await;
        let answer = match finished.map_err(AnswerError::from).flatten() {
            Ok(answer) => answer,
            Err(error) => self.unreadable(status, success, &error)?,
        };
        Ok(Answered { status, headers: response.headers, advice, answer })
    }

    /// The longest success. A clip in an answer may be as long as one behind a link.
    fn most(&self, cx: &CallContext) -> u64 {
        if !self.clips {
            return self.max_answer_bytes;
        }
        let in_base64 = cx.clip_limits.max_bytes.div_ceil(3).saturating_mul(4);
        self.max_answer_bytes.max(in_base64.saturating_add(MAX_AROUND))
    }

    /// An unreadable refusal is still a refusal with a status; an unreadable success is a lost result.
    #[expect(clippy::result_large_err, reason = "the port's own error type, made once per failed call")]
    fn unreadable(&self, status: u16, success: bool, error: &AnswerError) -> Result<Answer, ProviderError> {
        if success { Err(self.lost(status, error)) } else { Ok(Answer::empty()) }
    }

    fn lost(&self, status: u16, error: &(impl std::error::Error + ?Sized)) -> ProviderError {
        let mut lost = ProviderError::new(&*self.name, ErrorClass::ResultLost, error.to_string());
        lost.status = Some(status);
        lost
    }

    /// What a call that got no status line means.
    pub(crate) fn unsent(&self, error: HttpError) -> ProviderError {
        let (class, retry, key) = match &error {
            // A key that can't stand in a header is no key.
            HttpError::BadHeader { .. } => (ErrorClass::Auth, Retry::NextKey, KeyVerdict::Disable),
            HttpError::BadUrl { .. } => (ErrorClass::NotFound, Retry::NextProvider, KeyVerdict::Fine),
            HttpError::Blocked { .. } => (ErrorClass::Overload, Retry::NextProvider, KeyVerdict::Fine),
            HttpError::Deadline { stage: Stage::Reading }
            | HttpError::Cancelled { stage: Stage::Reading } => {
                (ErrorClass::ResultLost, Retry::Never, KeyVerdict::Fine)
            }
            // The service never had the request whole, so it drew nothing; the fault is this machine's.
            HttpError::Unreadable { .. } => (ErrorClass::Overload, Retry::Never, KeyVerdict::Fine),
            other if other.nothing_sent() => (ErrorClass::Overload, Retry::SameKey, KeyVerdict::Fine),
            _ => (ErrorClass::Unanswered, Retry::SameKey, KeyVerdict::Fine),
        };
        let mut unsent = ProviderError::new(&*self.name, class, error.to_string());
        unsent.retry = retry;
        unsent.key = key;
        if matches!(error, HttpError::Unreadable { .. }) {
            unsent.local = Some(StoreError::Io(format!("a reference picture could not be read: {error}")));
        }
        unsent.source = Some(Box::new(error));
        unsent
    }
}

/// The reader after one more piece.
async fn fed(spool: &Spool, mut reader: AnswerReader, piece: Bytes) -> Result<AnswerReader, AnswerError> {
    spool.beside(piece.len(), move || reader.push(&piece).map(|()| reader)).await?
}
