//! What all services have in common that make clips as tasks: the words for states, how a shape is written, and how a
//! request is put together. Pure.
//!
//! Not obvious: a clip is the dearest thing that a service sells. A task that ended without telling why may be ordered
//! elsewhere, one that expired may have been made and paid, so it is lost and never ordered again.

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::{Output, RemoteTask, Shapes},
};
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, BodyKind, clips},
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Limits},
    lessons::{Known, Sent},
    sizes,
    tasks::{State, Word, percent_at, refusal, state_of, text_at},
};

/// How services spell that a clip is there.
const DONE: &[&str] = &["done", "succeed", "succeeded", "success", "complete", "completed", "finished"];
/// How they spell that there will be none.
const FAILED: &[&str] =
    &["failed", "failure", "fail", "error", "cancelled", "canceled", "rejected", EXPIRED, "timeout"];
/// The one that says that there was perhaps a clip.
const EXPIRED: &str = "expired";

/// Where a service's answers tell what, as JSON pointers; the first that is there counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) word: &'static [&'static str],
    pub(crate) percent: &'static [&'static str],
    pub(crate) error: &'static [&'static str],
}

impl Places {
    /// At the top of the answer.
    pub(crate) const PLAIN: Self = Self { word: &["/status"], percent: &["/progress"], error: &["/error"] };
}

/// What the answer to a question says. `refine` sees what only this service means by a failure.
pub(crate) fn state(
    dialect: &dyn Dialect,
    facts: &Facts<'_>,
    places: &Places,
    refine: impl FnOnce(Failure) -> Failure,
) -> State {
    if let Some(refused) = refusal(dialect, facts) {
        return refused;
    }
    let root = &facts.answer.skeleton;
    let failed = |failure| State::Failed(Box::new(failure));
    if let Some(word) = text_at(root, places.word) {
        return match state_of(&word, DONE, FAILED) {
            Word::Done => State::Done,
            Word::Working => State::Working { percent: percent_at(root, places.percent) },
            Word::Failed if word.eq_ignore_ascii_case(EXPIRED) => {
                let expired = classify::told(&json!({ "message": "the task expired" }), facts);
                failed(expired.recognised(ErrorClass::ResultLost, KeyVerdict::Fine))
            }
            Word::Failed => failed(refine(reason(facts, places))),
        };
    }
    if !clips::choose(facts.answer).found.is_empty() {
        return State::Done;
    }
    match dialect.failure(facts) {
        None if facts.answer.kind == BodyKind::Html => State::Unclear,
        None => State::Working { percent: percent_at(root, places.percent) },
        Some(failure) => match failure.class {
            ErrorClass::Overload | ErrorClass::Rate | ErrorClass::Unanswered => State::Unclear,
            ErrorClass::ModerationInput | ErrorClass::ModerationOutput => failed(refine(failure)),
            // Said of the question, not of the task, which goes on and is paid.
            _ => State::Refused(Box::new(failure)),
        },
    }
}

/// Why a task failed.
fn reason(facts: &Facts<'_>, places: &Places) -> Failure {
    let root = &facts.answer.skeleton;
    let blank = |value: &&Value| match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    let error = places.error.iter().filter_map(|place| root.pointer(place)).find(|value| !blank(value));
    classify::told(error.unwrap_or(root), facts)
}

/// Parts of names of models that work from words only, and of those that need a picture.
const FROM_WORDS: &str = "-t2v";
const FROM_PICTURES: &str = "-i2v";

/// The largest tier that is asked for: [`LINES`] end there.
const TIER: u8 = 2;

/// What a model takes that is asked for one of these ratios, and for lines: see [`shape`].
pub(crate) fn limits(ratios: &'static [(u32, u32)], mut limits: Limits) -> Limits {
    (limits.tier, limits.shapes) = (Some(TIER), Shapes::Ratios(ratios.into()));
    limits
}

/// What a model takes whose name tells what it begins with.
pub(crate) fn limits_by_name(model: &str) -> Limits {
    let model = model.to_ascii_lowercase();
    let references = usize::from(!model.contains(FROM_WORDS));
    Limits { words_alone: !model.contains(FROM_PICTURES), ..Limits::clips(references) }
}

/// The fields of a request without those that were refused, with the model, and what it tells of them.
pub(crate) fn settled(ask: &Ask<'_>, mut fields: Map<String, Value>) -> (Map<String, Value>, Sent) {
    let sent = Sent::new(&fields);
    fields.retain(|key, value| ask.known.allows(key, value));
    fields.insert("model".to_owned(), ask.settings.model.as_str().into());
    (fields, sent)
}

/// The task that an answer names in one of these places.
pub(crate) fn named(answer: &Answer, places: &[&str]) -> Option<RemoteTask> {
    let id = text_at(&answer.skeleton, places)?;
    Some(RemoteTask { id, poll: String::new() })
}

/// The wished shape: one of the ratios that a model takes as `field`, and lines as `resolution`.
pub(crate) fn shape(list: &[(u32, u32)], field: &str, ask: &Ask<'_>) -> Map<String, Value> {
    let (wish, known) = (&ask.request.output, ask.known);
    let ratio = ratio(list, wish, field, known).map(|ratio| (field.to_owned(), ratio.into()));
    let resolution = resolution(wish, known).map(|lines| (RESOLUTION.to_owned(), lines.into()));
    ratio.into_iter().chain(resolution).collect()
}

/// The wished ratio as one of those that a model takes, unless it was refused before. What stands never becomes one that
/// lies.
fn ratio(list: &[(u32, u32)], wish: &Output, field: &str, known: &Known) -> Option<String> {
    let wished = sizes::ratio(wish)?;
    let name = |(width, height): (u32, u32)| format!("{width}:{height}");
    sizes::unturned(list.iter().copied(), wished, |ratio| known.refuses(field, &name(ratio))).map(name)
}

/// Lines of films, the most first.
const LINES: [&str; 3] = ["1080p", "720p", "480p"];
/// The field of the lines.
const RESOLUTION: &str = "resolution";

/// The wished tier as lines of a film; in place of those that were refused, fewer.
fn resolution(wish: &Output, known: &Known) -> Option<&'static str> {
    let beyond = usize::from(wish.wished_tier()? <= 1);
    LINES.into_iter().skip(beyond).find(|lines| !known.refuses(RESOLUTION, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_that_was_refused_is_never_turned() {
        const LIST: &[(u32, u32)] = &[(16, 9), (9, 16), (1, 1), (3, 4)];
        #[track_caller]
        fn check(wished: (u32, u32), refused: &[&str], expected: Option<&str>) {
            let known = Known::refusing("ratio", refused);
            let wish = Output { ratio: Some(wished), ..Output::default() };
            assert_eq!(ratio(LIST, &wish, "ratio", &known).as_deref(), expected, "{wished:?} {refused:?}");
        }
        check((2, 3), &[], Some("3:4"));
        check((2, 3), &["3:4"], Some("9:16"));
        check((2, 3), &["3:4", "9:16"], Some("1:1"));
        check((2, 3), &["3:4", "9:16", "1:1"], None);
        check((16, 9), &[], Some("16:9"));
    }
}
