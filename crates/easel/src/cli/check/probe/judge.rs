//! From what a service did to findings: pure, so that every combination can be shown in a table.
//!
//! It decides which step is worth its money as well: nothing is drawn to learn what is known already.

use chrono::NaiveDate;
use easel_core::{
    error::{ErrorClass, Missing},
    ports::Operation,
};
use easel_providers::{balance::Balance, models::first_image_capable, retired};

pub(super) use self::traits::{Needs, Streaming, Traits, streaming};
use super::super::Finding;
use crate::config::problem::{ProblemArg, ProblemText, nearest};

mod traits;

/// The size that is asked for: the smallest that every family of models takes or has a neighbour of.
pub(super) const ASKED: (u32, u32) = (1024, 1024);

/// A failure, as far as an owner wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) class: ErrorClass,
    /// 0 = there was none.
    pub(super) status: u16,
    /// The service's own words, redacted.
    pub(super) detail: String,
    /// What the service has not got, as far as it says.
    pub(super) missing: Option<Missing>,
}

impl Failed {
    /// Whether the service may only not know this way of asking: it says nothing of the model, the account or itself.
    fn lacks_route(&self) -> bool {
        self.class == ErrorClass::NotFound && matches!(self.missing, None | Some(Missing::Address))
    }
}

/// How a key was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    Good,
    /// What was answered is answered to everybody.
    Unproven,
    Failed(Failed),
}

impl KeyState {
    /// Whether it is worth asking with it.
    pub(super) fn is_usable(&self) -> bool {
        !matches!(self, Self::Failed(failed) if matches!(failed.class, ErrorClass::Auth | ErrorClass::Quota))
    }
}

#[derive(Clone, Debug)]
pub(super) struct KeyFact {
    pub(super) fingerprint: String,
    /// Empty where the owner names none.
    pub(super) account: String,
    pub(super) state: KeyState,
    pub(super) balance: Option<Balance>,
}

/// What the free part found.
#[derive(Clone, Debug, Default)]
pub(super) struct Free {
    pub(super) host: String,
    /// Why nobody answered.
    pub(super) unreached: Option<String>,
    /// The last status.
    pub(super) status: Option<u16>,
    pub(super) keys: Vec<KeyFact>,
    /// How a question without a key was taken, where there are no keys.
    pub(super) without_key: Option<KeyState>,
    pub(super) models: Option<Vec<String>>,
}

/// A paid step. In this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Draw,
    /// The same without streaming, when streaming may be what failed.
    DrawUnstreamed,
    /// The same as the twin of its kind.
    DrawElsewhere,
    Edit,
    EditElsewhere,
}

/// All steps.
pub(super) const STEPS: [Step; 5] =
    [Step::Draw, Step::DrawUnstreamed, Step::DrawElsewhere, Step::Edit, Step::EditElsewhere];

impl Step {
    pub(super) fn operation(self) -> Operation {
        match self {
            Self::Edit | Self::EditElsewhere => Operation::Edit,
            Self::Draw | Self::DrawUnstreamed | Self::DrawElsewhere => Operation::Generate,
        }
    }

    /// For names of files.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::DrawUnstreamed => "draw-unstreamed",
            Self::DrawElsewhere => "draw-twin",
            Self::Edit => "edit",
            Self::EditElsewhere => "edit-twin",
        }
    }
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tried {
    Made {
        size: (u32, u32),
        seconds: u64,
        /// So many parameters the service refused first.
        corrected: usize,
        stream: Stream,
    },
    Failed(Failed),
}

/// How an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Nobody asked for a stream.
    Unasked,
    /// As a stream.
    Came,
    /// Whole, although a stream was asked for.
    Whole,
    /// Whole, after the service refused to stream.
    Refused,
}

/// What the paid part found so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Paid(Vec<(Step, Tried)>);

impl Paid {
    pub(super) fn add(&mut self, step: Step, tried: Tried) {
        self.0.push((step, tried));
    }

    fn of(&self, step: Step) -> Option<&Tried> {
        self.0.iter().find(|(taken, _)| *taken == step).map(|(_, tried)| tried)
    }

    fn class(&self, step: Step) -> Option<ErrorClass> {
        self.failed(step).map(|failed| failed.class)
    }

    fn failed(&self, step: Step) -> Option<&Failed> {
        match self.of(step)? {
            Tried::Made { .. } => None,
            Tried::Failed(failed) => Some(failed),
        }
    }

    /// Whether what people ask for is drawn.
    fn draws_as_configured(&self, traits: &Traits<'_>) -> bool {
        let unstreamed = traits.streaming == Streaming::Possible && self.made(Step::DrawUnstreamed);
        self.made(Step::Draw) || unstreamed
    }

    fn made(&self, step: Step) -> bool {
        matches!(self.of(step), Some(Tried::Made { .. }))
    }
}

/// Whether a step would tell something that is not known yet.
pub(super) fn is_due(step: Step, traits: &Traits<'_>, found: &Paid) -> bool {
    let missing = |step| found.failed(step).is_some_and(Failed::lacks_route) && traits.twin().is_some();
    match step {
        Step::Draw => traits.generates,
        Step::DrawUnstreamed => {
            let streaming = [
                ErrorClass::BadRequest,
                ErrorClass::Empty,
                ErrorClass::ResultLost,
                ErrorClass::Overload,
                ErrorClass::Unanswered,
            ];
            traits.streaming != Streaming::No
                && found.class(Step::Draw).is_some_and(|class| streaming.contains(&class))
        }
        Step::DrawElsewhere => missing(Step::Draw),
        Step::Edit => traits.edits && (!traits.generates || found.draws_as_configured(traits)),
        Step::EditElsewhere => missing(Step::Edit),
    }
}

/// Findings of the free part.
pub(super) fn free(traits: &Traits<'_>, free: &Free, today: NaiveDate) -> Vec<Finding> {
    let place = traits.place();
    let text = |key: &str| traits.text(key).with("host", free.host.as_str());
    if let Some(detail) = &free.unreached {
        return vec![Finding::bad(place, text("check-provider-unreached").with("detail", detail.as_str()))];
    }
    let mut found = vec![Finding::good(&*place, text("check-probe-reached"))];
    let another = free.keys.iter().any(|key| key.state.is_usable());
    for key in &free.keys {
        found.extend(of_key(traits, key, another));
    }
    match &free.without_key {
        Some(KeyState::Failed(failed)) => {
            let text = told(text("check-probe-refused-without"), failed);
            found.push(Finding::needed(failed.class == ErrorClass::Auth, &place, text));
        }
        Some(KeyState::Good | KeyState::Unproven) | None => {}
    }
    found.extend(of_model(traits, free, today));
    found.push(Finding::good(
        &*place,
        if traits.clips { text("check-probe-clips") } else { traits.of_sizes() },
    ));
    found
}

fn of_key(traits: &Traits<'_>, key: &KeyFact, another: bool) -> Vec<Finding> {
    let place = traits.place();
    let name = match key.account.as_str() {
        "" => ProblemText::new("check-probe-part-key"),
        account => ProblemText::new("check-probe-part-key-of").with("account", account),
    };
    let named = ProblemArg::Parts(vec![name.with("key", key.fingerprint.as_str())]);
    let text =
        |name: &str| traits.text(name).with("key", key.fingerprint.as_str()).with("named", named.clone());
    let mut found = vec![match &key.state {
        KeyState::Good => Finding::good(&*place, text("check-probe-key-good")),
        KeyState::Unproven => Finding::good(&*place, text("check-probe-key-unproven")),
        KeyState::Failed(failed) => {
            let name = match failed.class {
                ErrorClass::Auth => "check-probe-key-refused",
                ErrorClass::Quota => "check-probe-key-empty",
                _ => "check-probe-key-troubled",
            };
            Finding::needed(!another, &place, told(text(name), failed))
        }
    }];
    if let Some(balance) = key.balance {
        let text = |name: &str| {
            text(name)
                .with("left", balance.left.map(amount).unwrap_or_default())
                .with("used", balance.used.map(amount).unwrap_or_default())
                .with("unit", balance.unit)
        };
        found.push(match balance.left {
            Some(left) if left <= 0.0 => Finding::remark(&*place, text("check-probe-balance-empty")),
            Some(_) => Finding::good(&*place, text("check-probe-balance")),
            None => Finding::good(&*place, text("check-probe-balance-open")),
        });
    }
    found
}

fn of_model(traits: &Traits<'_>, free: &Free, today: NaiveDate) -> Vec<Finding> {
    let place = traits.place();
    if traits.model.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let listed = free.models.as_ref().filter(|models| !models.is_empty());
    let has = |models: &Vec<String>| models.iter().any(|model| model.eq_ignore_ascii_case(traits.model));
    let suggestion = suggestion(traits, free);
    let text = |name: &str| traits.text(name).with("suggestion", suggestion.as_deref().unwrap_or_default());
    match listed {
        Some(models) if has(models) => found.push(Finding::good(&*place, text("check-probe-model-listed"))),
        // Lists leave out models that are sold, so this proves nothing yet.
        Some(models) => {
            let name = match suggestion {
                Some(_) => "check-probe-model-missing",
                None => "check-probe-model-missing-alone",
            };
            found.push(Finding::remark(&*place, text(name).with("count", models.len() as u64)));
        }
        None => found.push(Finding::good(&*place, text("check-probe-no-list"))),
    }
    let host = free.host.split(':').next().unwrap_or_default();
    if let Some(retired) = retired::find(traits.model, host) {
        let until = retired.until.unwrap_or_default();
        let when = match until {
            "" => "past",
            day if day <= &*today.to_string() => "gone",
            _ => "soon",
        };
        let name = match retired.replacement {
            Some(_) => "check-probe-model-retired",
            None => "check-probe-model-ended",
        };
        let replacement =
            format!("{}{}", retired::prefix(traits.model), retired.replacement.unwrap_or_default());
        let text = text(name).with("when", when).with("until", until).with("replacement", replacement);
        found.push(Finding::remark(&*place, text));
    }
    found
}

/// Whether the service lists models, and not this one.
fn is_unlisted(traits: &Traits<'_>, free: &Free) -> bool {
    let listed = free.models.as_ref().filter(|models| !models.is_empty());
    listed.is_some_and(|models| !models.iter().any(|model| model.eq_ignore_ascii_case(traits.model)))
}

/// A model that may be meant: what replaces it, where that is offered; else the nearest name; else the first that draws.
fn suggestion(traits: &Traits<'_>, free: &Free) -> Option<String> {
    let models = free.models.as_ref().filter(|models| !models.is_empty());
    let host = free.host.split(':').next().unwrap_or_default();
    let replacement = retired::find(traits.model, host)
        .and_then(|retired| retired.replacement)
        .map(|name| format!("{}{name}", retired::prefix(traits.model)));
    let Some(models) = models else { return replacement };
    replacement.filter(|name| models.contains(name)).or_else(|| {
        let names = || models.iter().map(String::as_str);
        let other = |name: &&str| !name.eq_ignore_ascii_case(traits.model);
        nearest(traits.model, names().filter(other))
            .filter(|name| first_image_capable([*name]).is_some())
            .or_else(|| first_image_capable(names().filter(other)))
            .map(str::to_owned)
    })
}

/// Findings of the paid part.
pub(super) fn paid(traits: &Traits<'_>, free: &Free, found: &Paid) -> Vec<Finding> {
    let place = traits.place();
    let mut findings = Vec::new();
    if let Some(tried) = found.of(Step::Draw) {
        findings.extend(drawn(traits, free, found, tried));
    }
    match found.of(Step::Edit) {
        Some(Tried::Made { size, seconds, .. }) => {
            findings.push(Finding::good(&*place, made(traits.text("check-probe-edits"), *size, *seconds)));
        }
        Some(Tried::Failed(failed)) => {
            let text = if found.made(Step::EditElsewhere) {
                traits.with_twin("check-probe-twin-edits")
            } else if found.draws_as_configured(traits) && failed.lacks_route() {
                let variables = traits.variables(&[("supports_edit", "false")]);
                told(traits.text("check-probe-no-edits"), failed).with("variables", variables)
            } else {
                failure(traits, free, "edit", failed)
            };
            findings.push(Finding::needed(traits.needs.edit, &place, text));
        }
        None if !traits.edits && traits.needs.edit && !traits.clips => {
            findings.push(Finding::good(&*place, traits.text("check-probe-edit-skipped")));
        }
        None => {}
    }
    findings
}

fn drawn(traits: &Traits<'_>, free: &Free, found: &Paid, tried: &Tried) -> Vec<Finding> {
    let place = traits.place();
    let unstreamed = found.of(Step::DrawUnstreamed);
    // What real requests ask for is the verdict; the stream was a question of ours.
    let failed = match (tried, unstreamed, traits.streaming) {
        (Tried::Failed(failed), Some(whole @ Tried::Made { .. }), Streaming::Possible) => {
            let streaming = told(traits.text("check-probe-stream-fails"), failed);
            return works(traits, whole, Finding::good(&*place, streaming));
        }
        (Tried::Made { stream, .. }, ..) => {
            return works(traits, tried, Finding::good(&*place, of_stream(traits, *stream)));
        }
        (Tried::Failed(_), Some(Tried::Failed(failed)), Streaming::Possible)
        | (Tried::Failed(failed), ..) => failed,
    };
    let text = if found.made(Step::DrawUnstreamed) {
        told(traits.of_stream("check-probe-stream-off"), failed)
    } else {
        match found.of(Step::DrawElsewhere) {
            Some(Tried::Made { .. }) => told(traits.as_twin("check-probe-twin-draws"), failed),
            // Words or a refusal: the route is there.
            Some(Tried::Failed(twin)) if answers(twin.class) => {
                told(traits.as_twin("check-probe-twin-answers"), failed).with("words", twin.detail.as_str())
            }
            _ => failure(traits, free, "draw", failed),
        }
    };
    vec![Finding::needed(traits.needs.draw || traits.needs.edit, &place, text)]
}

/// That a picture was made, with what is known about streaming.
fn works(traits: &Traits<'_>, tried: &Tried, streaming: Finding) -> Vec<Finding> {
    let Tried::Made { size, seconds, corrected, .. } = tried else { return Vec::new() };
    let place = traits.place();
    let text = |name: &str| made(traits.text(name), *size, *seconds);
    let mut findings = vec![Finding::good(&*place, text("check-probe-draws")), streaming];
    if *corrected > 0 {
        findings.push(Finding::good(&*place, text("check-probe-corrected")));
    }
    let name = if *size == ASKED { "check-probe-size" } else { "check-probe-size-other" };
    findings.push(Finding::good(&*place, text(name).with("asked", format!("{}×{}", ASKED.0, ASKED.1))));
    findings
}

fn of_stream(traits: &Traits<'_>, stream: Stream) -> ProblemText {
    match (stream, traits.streaming) {
        (Stream::Unasked, _) => traits.text("check-probe-stream-none"),
        (Stream::Came, Streaming::Configured) => traits.text("check-probe-streams"),
        (Stream::Came, _) => traits.of_stream("check-probe-stream-possible"),
        (Stream::Whole, _) => traits.text("check-probe-stream-whole"),
        (Stream::Refused, _) => traits.text("check-probe-stream-refused"),
    }
}

/// Whether a failure comes from something that draws in answer to requests of this kind. A refused parameter proves
/// nothing: a model that doesn't chat is refused so.
fn answers(class: ErrorClass) -> bool {
    matches!(class, ErrorClass::Empty | ErrorClass::ModerationInput | ErrorClass::ModerationOutput)
}

/// A failure that stands for itself, with the model to write where it is the model that is missing and one is known that
/// may be meant.
fn failure(traits: &Traits<'_>, free: &Free, what: &str, failed: &Failed) -> ProblemText {
    let suggestion = suggestion(traits, free);
    let name = match (failed.class, failed.missing) {
        (ErrorClass::NotFound, Some(Missing::Service)) => "check-probe-not-offered",
        (ErrorClass::NotFound, Some(Missing::Right)) => "check-probe-no-right",
        (ErrorClass::NotFound, Some(Missing::Address)) => "check-probe-no-route",
        (ErrorClass::NotFound, missing)
            if suggestion.is_some() && (missing == Some(Missing::Model) || is_unlisted(traits, free)) =>
        {
            "check-probe-model-gone"
        }
        _ => "check-probe-failed",
    };
    told(traits.text(name), failed)
        .with("what", what)
        .with("host", free.host.as_str())
        .with("suggestion", suggestion.unwrap_or_default())
}

/// A text with what the service said: its status and its words, or where it said none the end of the sentence.
fn told(text: ProblemText, failed: &Failed) -> ProblemText {
    let status =
        ProblemText::new("check-probe-part-status").with("status", u64::from(failed.status).to_string());
    let status = Some(status).filter(|_| failed.status != 0).into_iter().collect();
    let detail = match failed.detail.as_str() {
        "" => ProblemText::new("check-probe-part-end"),
        detail => ProblemText::new("check-probe-part-detail").with("detail", detail),
    };
    text.with("class", failed.class.name())
        .with("status", ProblemArg::Parts(status))
        .with("detail", ProblemArg::Parts(vec![detail]))
}

fn made(text: ProblemText, (width, height): (u32, u32), seconds: u64) -> ProblemText {
    text.with("size", format!("{width}×{height}")).with("seconds", seconds)
}

/// Money or points for people: two digits after the point, none where they would be zero.
pub(super) fn amount(amount: f64) -> String {
    let text = format!("{amount:.2}");
    text.strip_suffix(".00").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests;
