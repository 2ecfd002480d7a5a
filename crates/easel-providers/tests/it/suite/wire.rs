//! What the suite has to know about a wire: how its service answers, in each way that matters. A description holds no
//! assertion; what must follow from it stands in the runner.

use bytes::Bytes;
use easel_core::error::ErrorClass;
use easel_testkit::provider::{Answer, FakeProvider, ProviderRequest};
use serde_json::{Value, json};

/// How an answer shows one result.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// Its bytes stand in the answer.
    Inline(Bytes),
    /// The answer holds this link to it.
    Link(String),
}

/// All answers of a job that fails, in the order of its requests, and what the last one must be taken for.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) answers: Vec<Answer>,
    pub(crate) class: ErrorClass,
}

/// A case of one answer, which is what synchronous wires have.
pub(crate) fn case(name: &'static str, answer: Answer, class: ErrorClass) -> Case {
    cases(name, [answer], class)
}

/// A case of several answers: a task is created, polled, and fails.
pub(crate) fn cases(
    name: &'static str,
    answers: impl IntoIterator<Item = Answer>,
    class: ErrorClass,
) -> Case {
    Case { name, answers: answers.into_iter().collect(), class }
}

/// The answers of a job that succeeds with these results, in the order of its requests; downloads of links that
/// [`FakeProvider::host`] made are not among them. The results stand in the last answer.
pub(crate) type Success = fn(&FakeProvider, &[Shown]) -> Vec<Answer>;

/// One wire and how its service answers. Made by [`Wire::new`] and struct update.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
pub(crate) struct Wire {
    /// The kind in the configuration.
    pub(crate) kind: &'static str,
    /// A model of that kind.
    pub(crate) model: &'static str,
    /// What `base_url` has behind the fake's origin.
    pub(crate) base: &'static str,
    /// Further keys of the section, for example short pauses between polls.
    pub(crate) section: Value,
    /// A success.
    pub(crate) success: Success,
    /// It draws from words alone; otherwise every request needs a reference.
    pub(crate) words_alone: bool,
    /// Results may stand in the answer as bytes.
    pub(crate) inline: bool,
    /// It takes references in WebP; other wires get them as PNG or JPEG.
    pub(crate) webp: bool,
    /// Results may be links.
    pub(crate) links: bool,
    /// Its service takes tasks: answers come in the order create, questions, and the last one is repeated.
    pub(crate) tasks: bool,
    /// Results are clips, so a picture is the wrong type.
    pub(crate) clips: bool,
    /// Successes without any result.
    pub(crate) empty: Vec<Vec<Answer>>,
    /// The prompt or a reference is refused, in every way that is known of this service.
    pub(crate) moderated_input: Vec<Case>,
    /// A finished result is withheld, in every way that is known. May be empty.
    pub(crate) moderated_output: Vec<Case>,
    /// Every other failure that is known of this service.
    pub(crate) failures: Vec<Case>,
    /// Classes that this service has no answer of its own for, and why. All others must occur in `failures`.
    pub(crate) lacks: &'static [(ErrorClass, &'static str)],
    /// Failures whose text is this one, with neutral codes.
    pub(crate) echoes: fn(&str) -> Vec<Case>,
    /// Which requests create something that may be paid.
    pub(crate) is_create: fn(&ProviderRequest) -> bool,
}

impl Wire {
    /// A wire that answers as the services around OpenAI's do, except for its success.
    pub(crate) fn new(kind: &'static str, model: &'static str, success: Success) -> Self {
        Self {
            kind,
            model,
            base: "",
            section: json!({}),
            success,
            words_alone: true,
            inline: true,
            webp: true,
            links: true,
            tasks: false,
            clips: false,
            empty: vec![vec![Answer::empty_data()], vec![Answer::no_data()]],
            moderated_input: vec![
                case("moderation", Answer::moderation_input(), ErrorClass::ModerationInput),
                case("content policy", Answer::content_policy(), ErrorClass::ModerationInput),
            ],
            moderated_output: vec![case(
                "moderation",
                Answer::moderation_output(),
                ErrorClass::ModerationOutput,
            )],
            failures: openai_failures(),
            lacks: &[],
            echoes: openai_echoes,
            is_create: |request| request.http.method == "POST",
        }
    }
}

/// Failures in OpenAI's envelope, which gateways and engines imitate.
pub(crate) fn openai_failures() -> Vec<Case> {
    use ErrorClass::{Auth, BadRequest, NotFound, Overload, Quota, Rate, TooLarge};
    vec![
        case("wrong key", Answer::unauthorized(), Auth),
        case("no access", Answer::forbidden(), Auth),
        case("quota used up", Answer::quota_exhausted(), Quota),
        case("limit of the bill", Answer::billing_hard_limit(), Quota),
        case("pay first", Answer::payment_required(), Quota),
        case("too many requests", Answer::rate_limited(), Rate),
        case("server error", Answer::server_error(), Overload),
        case("overloaded", Answer::overloaded(), Overload),
        case("account blocked", Answer::account_blocked(), Overload),
        case("unknown parameter", Answer::unknown_parameter("colour"), BadRequest),
        case("no such model", Answer::model_not_found(), NotFound),
        case("region", Answer::region_unsupported(), NotFound),
        case("too large", Answer::too_large(), TooLarge),
    ]
}

/// Failures of OpenAI's and `FastAPI`'s shapes that repeat a text.
pub(crate) fn openai_echoes(text: &str) -> Vec<Case> {
    let envelope = json!({ "error": { "message": text, "code": "bad", "type": "odd", "param": null } });
    let field = json!({ "detail": [{ "loc": ["body", "prompt"], "msg": text, "input": text }] });
    vec![
        case("refused", Answer::json(400, &envelope), ErrorClass::BadRequest),
        case("failed", Answer::json(500, &envelope), ErrorClass::Overload),
        case("busy", Answer::json(429, &envelope), ErrorClass::Rate),
        case("plain error", Answer::json(500, &json!({ "error": text })), ErrorClass::Overload),
        case("named field", Answer::json(422, &field), ErrorClass::BadRequest),
        case("plain text", Answer::raw(400, "text/plain", text.to_owned()), ErrorClass::BadRequest),
    ]
}
