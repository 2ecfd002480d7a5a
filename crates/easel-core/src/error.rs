//! Errors that never mix: what a person is told ([`UserError`]) and what a provider answered ([`ProviderError`]). A
//! broken machine has its own error at the port that noticed it, such as [`crate::ports::StoreError`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ports::StoreError;

/// Something that the person who asked can mend: a message key and its arguments, never a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError {
    /// Key in `locales/`, for example `error-needs-picture`.
    pub key: &'static str,
    /// The short code shown to the person and searchable in the log, for example `E-QUOTA`.
    pub code: &'static str,
    /// Arguments of the message, by name.
    pub args: Vec<(&'static str, Arg)>,
}

/// An argument of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A number, so that plural rules apply.
    Number(i64),
    /// A text.
    Text(String),
    /// Names, listed as the language of the sentence lists them.
    Names(Vec<String>),
    /// A length of time, said in the language of the sentence and rounded as people do.
    Span(Duration),
}

impl From<Duration> for Arg {
    fn from(span: Duration) -> Self {
        Self::Span(span)
    }
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Arg {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl UserError {
    /// An error without arguments.
    pub fn new(key: &'static str, code: &'static str) -> Self {
        Self { key, code, args: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((name, value.into()));
        self
    }
}

/// What went wrong at a provider: the classes of the provider reference, section 0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The key is wrong or lacks permission.
    Auth,
    /// Out of money or quota.
    Quota,
    /// Too many requests just now.
    Rate,
    /// The service is down, or nothing could be sent to it.
    Overload,
    /// The request was sent and not answered; it may have been paid.
    Unanswered,
    /// The picture was made and is lost on the way here; it was paid.
    ResultLost,
    /// The prompt or a reference picture was refused.
    ModerationInput,
    /// The picture was made and withheld.
    ModerationOutput,
    /// A parameter is wrong.
    BadRequest,
    /// The model or the route does not exist.
    NotFound,
    /// A success without a picture.
    Empty,
    /// The request is too large.
    TooLarge,
}

/// What the chain does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Nothing: tell the person.
    Never,
    /// Only a limited repetition at the same provider: overload and empty answers.
    SameKey,
    /// Another key of the same provider, else the next provider.
    NextKey,
    /// The next provider.
    NextProvider,
    /// The provider has learned from the refusal and would send another request now; not counted as a try, at most
    /// two per provider and job.
    Corrected,
}

/// Whether money may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charged {
    /// Certainly not.
    No,
    /// Perhaps: never repeat blindly.
    Maybe,
}

/// What the answer says about the key that was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyVerdict {
    /// Nothing.
    #[default]
    Fine,
    /// The key is bad for good: stop using it until it changes or an admin re-enables it.
    Disable,
    /// Its account is out of quota.
    OutOfQuota,
    /// Leave it alone for this long.
    Cool(Duration),
}

/// What it is that a service has not got when it says "not found".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The model.
    Model,
    /// This account's right to it: somebody has to activate the model or to verify the account first.
    Right,
    /// The address: a wrong `base_url`, or a service that does not offer this.
    Address,
    /// The service, for this country or account.
    Service,
}

/// A failed attempt at a provider.
#[derive(Debug, thiserror::Error)]
#[error("{provider}: {class:?}{}{}", status.map(|s| format!(" (HTTP {s})")).unwrap_or_default(), if detail.is_empty() { String::new() } else { format!(": {detail}") })]
pub struct ProviderError {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The class, from which the person's sentence follows.
    pub class: ErrorClass,
    /// What to do next.
    pub retry: Retry,
    /// Whether it may have been paid.
    pub charged: Charged,
    /// What it means for the key.
    pub key: KeyVerdict,
    /// A server's own advice on when to come back.
    pub retry_after: Option<Duration>,
    /// The provider is closed to this account as a whole: its circuit opens at once.
    pub suspended: bool,
    /// What is not there, as far as the service says; only of meaning with [`ErrorClass::NotFound`].
    pub missing: Option<Missing>,
    /// HTTP status.
    pub status: Option<u16>,
    /// The provider's own id of the request, for support tickets.
    pub request_id: Option<String>,
    /// One short line about what happened, redacted, for the owner.
    pub detail: String,
    /// What the model said instead of a picture, trimmed, safe to show to the person (refusal prose). Else empty.
    pub said: String,
    /// The first kilobyte of the answer, redacted, for the owner.
    pub body_head: String,
    /// This machine failed, not the service: a file of the request could not be read. It says nothing about the
    /// provider or the key, and asking somebody else would meet the same file.
    pub local: Option<StoreError>,
    /// The service was not asked, because it was plain here that it would not take the request. It says nothing about the
    /// provider or the key.
    pub unasked: bool,
    /// The cause below, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ErrorClass {
    /// The advice that belongs to the class unless the facts say otherwise (provider reference 0.1).
    pub fn retry(self) -> Retry {
        match self {
            Self::Auth | Self::Quota | Self::Rate => Retry::NextKey,
            Self::Overload | Self::Empty | Self::Unanswered => Retry::SameKey,
            Self::BadRequest | Self::NotFound | Self::TooLarge => Retry::NextProvider,
            Self::ResultLost | Self::ModerationInput | Self::ModerationOutput => Retry::Never,
        }
    }

    /// Whether money may be gone after a failure of this class.
    pub fn charged(self) -> Charged {
        match self {
            Self::Unanswered | Self::ResultLost | Self::ModerationOutput | Self::Empty => Charged::Maybe,
            _ => Charged::No,
        }
    }

    /// Whether no provider may be asked again: told, never repeated.
    pub fn is_final(self) -> bool {
        self.retry() == Retry::Never
    }

    /// Stable lower-case name, used in the ledger, logs and message keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::Overload => "overload",
            Self::Unanswered => "unanswered",
            Self::ResultLost => "result_lost",
            Self::ModerationInput => "moderation_input",
            Self::ModerationOutput => "moderation_output",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
        }
    }
}

impl ProviderError {
    /// An error with everything that follows from its class.
    pub fn new(provider: impl Into<String>, class: ErrorClass, detail: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            class,
            retry: class.retry(),
            charged: class.charged(),
            key: KeyVerdict::Fine,
            retry_after: None,
            suspended: false,
            missing: None,
            status: None,
            request_id: None,
            detail: detail.into(),
            said: String::new(),
            body_head: String::new(),
            local: None,
            unasked: false,
            source: None,
        }
    }
}
