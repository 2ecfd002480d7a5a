//! From an answer to a class of failure: pure, the same for every dialect that speaks in OpenAI's terms.
//!
//! The order of reading is fixed: suspension of the account, moderation, failures of the checker itself, then codes,
//! then quota, then the key, then the status. Codes are compared before texts, and the job's own prompt is taken out of every text first,
//! because services echo it and a prompt may say anything.

mod echo;
mod missing;
mod signals;
mod words;

use std::time::Duration;

pub use easel_core::error::Missing;
use easel_core::error::{Charged, ErrorClass, KeyVerdict, ProviderError, Retry};
use easel_http::{Redactor, RetryAdvice, header::HeaderMap};
use serde_json::Value;

use crate::answer::{Answer, BodyKind, candidates::spoken};
use echo::{for_log, without_prompt};
use signals::Signals;
use words::{
    AUTH, CHECKER, MODERATED, MODERATED_OUTPUT, NOT_FOUND, OVERLOAD, QUOTA, RATE, REFUSED, TOO_LARGE,
};

/// How long a key rests after a 403 that doesn't say what is wrong with it.
pub(crate) const FORBIDDEN_REST: Duration = Duration::from_mins(10);
/// How long a key rests after a rate limit that doesn't say for how long.
const RATE_REST: Duration = Duration::from_mins(1);
/// Longest text of an error that is kept.
const MAX_DETAIL: usize = 300;
/// What an owner should look at when a service does not know the address that it was asked at.
const NO_ADDRESS: &str = "the service has nothing at this address; base_url, or the kind, is probably wrong";

/// What a classification looks at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What the headers say about asking again.
    pub advice: RetryAdvice,
    /// The answer, as far as it came.
    pub answer: &'a Answer,
    /// The job's own prompt.
    pub prompt: &'a str,
    /// Knows the secrets of the call.
    pub redactor: &'a Redactor,
}

/// A failure, before it is tied to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The class.
    pub class: ErrorClass,
    /// What to do next.
    pub retry: Retry,
    /// What it means for the key.
    pub key: KeyVerdict,
    /// When to come back.
    pub retry_after: Option<Duration>,
    /// The account as a whole is closed.
    pub suspended: bool,
    /// The parameter that was refused, where the service names it.
    pub param: Option<String>,
    /// The service's own words, without the prompt.
    pub message: String,
    /// The service's own code.
    pub code: String,
    /// What is not there, as far as the service says; only of meaning with [`ErrorClass::NotFound`].
    pub missing: Option<Missing>,
}

impl Failure {
    fn new(class: ErrorClass) -> Self {
        Self {
            class,
            retry: class.retry(),
            key: KeyVerdict::Fine,
            retry_after: None,
            suspended: false,
            param: None,
            message: String::new(),
            code: String::new(),
            missing: None,
        }
    }

    /// Whether the service says that it has not got `model`, for whatever key: words about an address don't say so,
    /// even if the address has the model's name in it.
    pub(crate) fn lacks(&self, model: &str) -> bool {
        self.class == ErrorClass::NotFound
            && self.retry == Retry::NextProvider
            && match self.missing {
                Some(missing) => matches!(missing, Missing::Model | Missing::Right),
                None => missing::names(&self.message, model),
            }
    }

    /// The same failure, in which a dialect recognised something of its own: this class, and this for the key.
    pub(crate) fn recognised(self, class: ErrorClass, key: KeyVerdict) -> Self {
        let retry_after =
            self.retry_after.filter(|_| matches!(class, ErrorClass::Rate | ErrorClass::Overload));
        Self { class, key, retry: class.retry(), retry_after, ..self }
    }

    /// The same failure as a rate limit, with the rest that the service asks for.
    pub(crate) fn rate(self, after: Option<Duration>) -> Self {
        let key = KeyVerdict::Cool(after.unwrap_or(RATE_REST));
        Self { retry_after: after, ..self.recognised(ErrorClass::Rate, key) }
    }

    /// The same words with another meaning, which a profile of the configuration gives them.
    pub(crate) fn reclassified(self, class: ErrorClass, status: u16) -> Self {
        let key = match class {
            ErrorClass::Rate => {
                let after = self.retry_after;
                return self.rate(after);
            }
            ErrorClass::Auth if status == 401 => KeyVerdict::Disable,
            ErrorClass::Auth => KeyVerdict::Cool(FORBIDDEN_REST),
            ErrorClass::Quota => KeyVerdict::OutOfQuota,
            _ => KeyVerdict::Fine,
        };
        self.recognised(class, key)
    }

    /// The same words in another class, for services whose own codes and words say more.
    pub(crate) fn judged(self, class: ErrorClass, facts: &Facts<'_>) -> Self {
        let after = facts.advice.after;
        let key = match class {
            ErrorClass::Auth => KeyVerdict::Disable,
            ErrorClass::Quota => KeyVerdict::OutOfQuota,
            ErrorClass::Rate => KeyVerdict::Cool(after.unwrap_or(RATE_REST)),
            _ => KeyVerdict::Fine,
        };
        let retry_after = after.filter(|_| matches!(class, ErrorClass::Rate | ErrorClass::Overload));
        let retry = match class.retry() {
            Retry::SameKey if facts.advice.should_retry == Some(false) => Retry::NextProvider,
            retry => retry,
        };
        Self { class, retry, key, retry_after, ..self }
    }

    /// Ties the failure to a provider, with everything that support will ask for.
    pub fn into_error(self, provider: &str, facts: &Facts<'_>) -> ProviderError {
        let detail = match (self.code.is_empty(), self.message.is_empty()) {
            (false, false) => format!("{}: {}", self.code, self.message),
            (false, true) => self.code,
            (true, _) => self.message,
        };
        let no_address = self.class == ErrorClass::NotFound && self.missing == Some(Missing::Address);
        let detail = match (no_address, detail.is_empty()) {
            (true, true) => NO_ADDRESS.to_owned(),
            (true, false) => format!("{NO_ADDRESS}: {detail}"),
            (false, _) => detail,
        };
        let mut error = ProviderError::new(
            provider,
            self.class,
            facts.redactor.redact(&cut(&for_log(&detail, facts.prompt))),
        );
        error.retry = self.retry;
        error.key = self.key;
        error.retry_after = self.retry_after;
        error.suspended = self.suspended;
        error.missing = self.missing;
        error.status = Some(facts.status);
        error.request_id = request_id(facts.headers);
        error.body_head =
            facts.redactor.body_head_without(&facts.answer.head, |head| for_log(head, facts.prompt));
        if facts.answer.carried_picture() {
            error.charged = Charged::Maybe;
        }
        error
    }
}

/// The provider's own id of the request.
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-request-id", "x-oneapi-request-id", "request-id", "x-siliconcloud-trace-id", "cf-ray"]
        .into_iter()
        .find_map(|name| headers.get(name)?.to_str().ok())
        .map(|id| id.chars().take(128).collect())
}

/// Says what failed, or `None` when the answer claims success. Finding no picture in a success is not judged here:
/// see [`no_picture`].
pub fn failure(facts: &Facts<'_>) -> Option<Failure> {
    let success = (200..300).contains(&facts.status);
    let signals = Signals::read(facts, success);
    if success && !signals.failed { None } else { Some(judged(signals, facts, success)) }
}

/// What failed, where the dialect knows the place in the answer that tells it (a task that ended, one of several
/// results), whatever the status.
pub(crate) fn told(error: &Value, facts: &Facts<'_>) -> Failure {
    let mut signals = Signals::default();
    signals.add(error, 0);
    signals.hear(facts);
    judged(signals, facts, (200..300).contains(&facts.status))
}

fn judged(signals: Signals, facts: &Facts<'_>, success: bool) -> Failure {
    let status = if success { signals.status.unwrap_or(0) } else { facts.status };
    settled(signals, status, facts, success)
}

/// What a service tells in fields that no other has: judged as [`failure`] judges, by its `code`, its words and the HTTP
/// status that stands for it (0 = none).
pub(crate) fn told_in_words(facts: &Facts<'_>, status: u16, code: &str, message: &str) -> Failure {
    let mut signals = Signals { failed: true, ..Signals::default() };
    if !code.is_empty() {
        signals.codes.push(code.to_lowercase());
    }
    signals.say(message);
    signals.hear(facts);
    settled(signals, status, facts, (200..300).contains(&facts.status))
}

fn settled(signals: Signals, status: u16, facts: &Facts<'_>, success: bool) -> Failure {
    let mut failure = judge(&signals, status);
    failure.param = signals.param;
    failure.message = signals.message;
    failure.code = signals.codes.first().cloned().unwrap_or_default();
    failure.missing = missing::judge(&signals.codes, &signals.lower, status, facts.answer.kind);
    if success && failure.class == ErrorClass::ModerationInput && facts.answer.carried_picture() {
        failure = Failure { class: ErrorClass::ModerationOutput, ..failure };
    }
    let after = facts.advice.after.or(signals.retry_after);
    if matches!(failure.class, ErrorClass::Rate | ErrorClass::Overload) {
        failure.retry_after = after;
    }
    if failure.class == ErrorClass::Rate {
        failure.key = KeyVerdict::Cool(after.unwrap_or(RATE_REST));
    }
    if facts.advice.should_retry == Some(false) && failure.retry == Retry::SameKey {
        failure.retry = Retry::NextProvider;
    }
    failure
}

/// As [`failure`], for an error object that stands where only a dialect looks for it.
pub(crate) fn failure_at(facts: &Facts<'_>, error: &Value) -> Option<Failure> {
    let alone = Value::Object([("error".to_owned(), error.clone())].into_iter().collect());
    let kept = facts.answer;
    let answer =
        Answer { skeleton: alone, kind: BodyKind::Json, previews: kept.carried_picture(), ..Answer::empty() };
    failure(&Facts { answer: &answer, ..*facts })
}

/// What a success without a picture is: `said` are the model's words, `unusable` the kind of what it made instead,
/// `prompt` the job's own prompt, which models like to repeat.
pub fn no_picture(answer: &Answer, said: &str, unusable: Option<&'static str>, prompt: &str) -> Failure {
    nothing(answer, said, unusable, prompt, "picture")
}

/// What a success without a clip is, as [`no_picture`]. It is empty (and asked for once more) only where the service said
/// that this was all: a stream that just stops was cut by somebody, while a clip was made and paid.
pub(crate) fn no_clip(answer: &Answer, said: &str, unusable: Option<&'static str>, prompt: &str) -> Failure {
    let failure = nothing(answer, said, unusable, prompt, "clip");
    if failure.class == ErrorClass::Empty && !answer.ended {
        return broke_off();
    }
    failure
}

fn broke_off() -> Failure {
    Failure { message: "the answer broke off".to_owned(), ..Failure::new(ErrorClass::ResultLost) }
}

fn nothing(
    answer: &Answer,
    said: &str,
    unusable: Option<&'static str>,
    prompt: &str,
    wished: &str,
) -> Failure {
    if unusable.is_none() && (!answer.whole || answer.previews) {
        return broke_off();
    }
    let class = if unusable.is_some() {
        ErrorClass::ResultLost
    } else if answer.kind == BodyKind::Html {
        // A web page instead of an API: the address is wrong, and nobody drew anything.
        ErrorClass::NotFound
    } else if refuses(said, prompt) {
        ErrorClass::ModerationInput
    } else {
        ErrorClass::Empty
    };
    let message = match (unusable, class) {
        (Some(kind), _) => format!("the answer holds {kind} instead of a usable {wished}"),
        (None, ErrorClass::NotFound) => "a web page was answered".to_owned(),
        (None, ErrorClass::ModerationInput) => "the model refused in words".to_owned(),
        (None, _) if answer.malformed => "the answer is no valid JSON".to_owned(),
        (None, _) => format!("the answer holds no {wished}"),
    };
    let missing = (class == ErrorClass::NotFound).then_some(Missing::Address);
    Failure { message, missing, ..Failure::new(class) }
}

/// Whether a model's words, as [`crate::answer::candidates::Choice::said`] has them, are a refusal.
fn refuses(said: &str, prompt: &str) -> bool {
    let prompt = prompt.to_lowercase();
    // The words came without line breaks and links, and so would the prompt in them.
    let own = without_prompt(&said.to_lowercase(), &spoken(&prompt));
    let own = without_prompt(&own, &prompt);
    REFUSED.iter().any(|phrase| own.contains(phrase))
}

fn judge(signals: &Signals, status: u16) -> Failure {
    let is = |list: &[&str]| signals.codes.iter().any(|code| list.contains(&code.as_str()));
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| signals.lower.contains(phrase));
    let begins =
        |phrases: &[&str]| phrases.iter().any(|phrase| signals.lower.trim_start().starts_with(phrase));

    if status == 403 && says(words::SUSPENDED) {
        let mut failure = Failure::new(ErrorClass::Overload);
        failure.retry = Retry::NextProvider;
        failure.suspended = true;
        return failure;
    }
    if is(CHECKER.codes) {
        return Failure::new(ErrorClass::Overload);
    }
    if signals.moderated || is(MODERATED.codes) || says(MODERATED.phrases) {
        let output = signals.output_stage || is(MODERATED_OUTPUT.codes);
        return Failure::new(if output { ErrorClass::ModerationOutput } else { ErrorClass::ModerationInput });
    }
    let keyed = |class, key| Failure { key, ..Failure::new(class) };
    if says(words::UNVERIFIED) {
        return keyed(ErrorClass::Quota, KeyVerdict::Cool(FORBIDDEN_REST));
    }
    // Before the key itself: gateways answer 401 when a key is good and its quota is used up.
    if status == 402
        || is(QUOTA.codes)
        || (matches!(status, 0 | 400 | 401 | 403 | 429) && says(QUOTA.phrases))
    {
        return keyed(ErrorClass::Quota, KeyVerdict::OutOfQuota);
    }
    if is(AUTH.codes) {
        return keyed(ErrorClass::Auth, KeyVerdict::Disable);
    }
    // Only a 401 or a code closes a key for good; words with another status let it rest.
    if matches!(status, 400 | 403) && begins(AUTH.phrases) {
        return keyed(ErrorClass::Auth, KeyVerdict::Cool(FORBIDDEN_REST));
    }
    if is(NOT_FOUND.codes) || begins(NOT_FOUND.phrases) {
        return Failure::new(ErrorClass::NotFound);
    }
    if is(TOO_LARGE.codes) || status == 413 {
        return Failure::new(ErrorClass::TooLarge);
    }
    match status {
        0 if is(RATE.codes) => Failure::new(ErrorClass::Rate),
        0 if is(words::BAD_REQUEST.codes) => Failure::new(ErrorClass::BadRequest),
        0 if is(OVERLOAD.codes) => Failure::new(ErrorClass::Overload),
        401 => keyed(ErrorClass::Auth, KeyVerdict::Disable),
        403 => keyed(ErrorClass::Auth, KeyVerdict::Cool(FORBIDDEN_REST)),
        300..=399 | 404 | 405 | 410 => Failure::new(ErrorClass::NotFound),
        408 | 504 | 520..=524 => Failure::new(ErrorClass::Unanswered),
        429 => Failure::new(ErrorClass::Rate),
        // 409 and 425 mean "not now", as OpenAI's own clients read them.
        409 | 425 => Failure::new(ErrorClass::Overload),
        400..=499 => Failure::new(ErrorClass::BadRequest),
        _ => Failure::new(ErrorClass::Overload),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
