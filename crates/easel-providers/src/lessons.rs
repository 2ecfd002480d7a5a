//! What a provider's refusals taught about the parameters that its models take. Kept per provider and model until
//! restart: a provider moves on to another model when the service has not got the first.
//!
//! A parameter that a refusal names goes one step down per repetition: a size to a classic one and then away, a
//! gateway's spelling of the picture field to the other one, everything else away. A size, a ratio or a resolution is
//! remembered by its value, because one person's impossible wish says nothing about what others wish.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use easel_core::{error::ErrorClass, ids::JobId};
use serde_json::{Map, Value};

use crate::classify::Failure;

/// The name that OpenAI documents for several files; some gateways know only the plain one.
pub(crate) const IMAGE_FIELD: &str = "image[]";
/// The other spelling.
pub(crate) const PLAIN_IMAGE_FIELD: &str = "image";
const SIZE: &str = "size";
/// The parameters that carry a person's wish for a shape, in the spellings of all services.
const SHAPES: [&str; 7] =
    [SIZE, "image_size", "imageSize", "resolution", "ratio", "aspect_ratio", "aspectRatio"];

/// Refused shapes that are remembered; people can wish for any number of them.
const MAX_REFUSED_SHAPES: usize = 256;
/// Jobs without a picture that are remembered: their repetition follows at once.
const MAX_EMPTY_JOBS: usize = 64;
/// How services say that they don't know a parameter at all, in lower case.
const UNKNOWN: [&str; 9] = [
    "unknown parameter",
    "unknown_parameter",
    "unknown field",
    "unknown argument",
    "unknown name",
    "unsupported parameter",
    "unsupported_parameter",
    "unrecognized request argument",
    "extra inputs are not permitted",
];

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Parameters that are not sent any more.
    dropped: BTreeSet<String>,
    /// Shapes that were refused: parameter and value.
    refused: BTreeSet<(String, String)>,
    /// Pictures go as repeated `image`.
    pub(crate) plain_image_field: bool,
    /// The job was answered without a picture before: say that one is wished.
    pub(crate) insist: bool,
}

impl Known {
    /// Whether the parameter may be sent with this value.
    pub(crate) fn allows(&self, name: &str, value: &Value) -> bool {
        !self.dropped.contains(name) && !self.refuses(name, &words(value))
    }

    /// Whether this value of a parameter that carries a shape was refused before.
    pub(crate) fn refuses(&self, name: &str, value: &str) -> bool {
        SHAPES.contains(&name) && self.refused.contains(&(name.to_owned(), value.to_owned()))
    }

    /// For tests: these values of a shape were refused before.
    #[cfg(test)]
    pub(crate) fn refusing(name: &str, values: &[&str]) -> Self {
        let refused = values.iter().map(|value| (name.to_owned(), (*value).to_owned())).collect();
        Self { refused, ..Self::default() }
    }

    /// Whether this value of `size` was refused before.
    pub(crate) fn refuses_size(&self, size: &str) -> bool {
        self.refuses(SIZE, size)
    }
}

/// The optional parameters that one request carried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    names: BTreeSet<String>,
    /// The shapes among them, with their values.
    shapes: BTreeMap<&'static str, String>,
}

impl Sent {
    /// Of the fields of a request; those that no request can do without are left out.
    pub(crate) fn new(fields: &Map<String, Value>) -> Self {
        let optional = |name: &&String| !matches!(name.as_str(), "model" | "prompt");
        let shapes = SHAPES.into_iter().filter_map(|name| Some((name, words(fields.get(name)?))));
        Self { names: fields.keys().filter(optional).cloned().collect(), shapes: shapes.collect() }
    }

    /// The request carried a size under other names.
    pub(crate) fn measures(&mut self, size: &str) {
        self.names.insert(SIZE.to_owned());
        self.shapes.insert(SIZE, size.to_owned());
    }

    /// Pictures went in fields of the documented name.
    pub(crate) fn add_image_field(&mut self) {
        self.names.insert(IMAGE_FIELD.to_owned());
    }
}

#[derive(Debug, Default)]
pub(crate) struct Lessons {
    /// By model. There are as many as a provider may use, which are those of its kind's order at most.
    known: Mutex<BTreeMap<String, Known>>,
    /// Jobs that were answered without a picture, the latest last.
    empty: Mutex<VecDeque<JobId>>,
}

impl Lessons {
    /// What is known of a model now, without regard to a job.
    fn known(&self, model: &str) -> Known {
        lock(&self.known).get(model).cloned().unwrap_or_default()
    }

    /// What is known of a model now, for a call of this job.
    pub(crate) fn known_for(&self, job: JobId, model: &str) -> Known {
        let insist = lock(&self.empty).contains(&job);
        Known { insist, ..self.known(model) }
    }

    /// The job was answered without a picture.
    pub(crate) fn was_empty(&self, job: JobId) {
        let mut empty = lock(&self.empty);
        if empty.len() >= MAX_EMPTY_JOBS {
            empty.pop_front();
        }
        empty.push_back(job);
    }

    /// Learns from the refusal of the request to `model` that carried `sent`; says whether another request would be sent
    /// now. What other requests taught meanwhile changes nothing: the lesson is about what this one carried.
    pub(crate) fn learn(&self, model: &str, failure: &Failure, sent: &Sent) -> bool {
        let about_request = match failure.class {
            ErrorClass::BadRequest => true,
            // Only where it is about a parameter, and not about the pictures that were given.
            ErrorClass::TooLarge => failure.param.is_some(),
            _ => false,
        };
        if !about_request {
            return false;
        }
        let Some(name) = named(failure, &sent.names) else { return false };
        let mut models = lock(&self.known);
        let known = models.entry(model.to_owned()).or_default();
        match sent.shapes.get(name.as_str()) {
            Some(value) if !is_unknown(failure) => {
                if known.refused.len() >= MAX_REFUSED_SHAPES {
                    known.refused.pop_first();
                }
                known.refused.insert((name, value.clone()));
            }
            _ if name == IMAGE_FIELD => known.plain_image_field = true,
            _ => {
                known.dropped.insert(name);
            }
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The value is whole after every statement above, so a poisoned lock holds a good one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a parameter as it stands in a form.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether the parameter itself is refused, and not just its value.
fn is_unknown(failure: &Failure) -> bool {
    let message = failure.message.to_lowercase();
    UNKNOWN.iter().any(|phrase| failure.code == *phrase || message.contains(phrase))
}

/// The parameter of ours that the refusal is about.
fn named(failure: &Failure, sent: &BTreeSet<String>) -> Option<String> {
    if let Some(param) = &failure.param {
        let name = param.split(['.', '[']).next().unwrap_or(param);
        let name = if name == PLAIN_IMAGE_FIELD { IMAGE_FIELD } else { name };
        return sent.get(name).cloned();
    }
    let message = failure.message.to_lowercase();
    let about_field = ["required", "missing", "unexpected", "unknown", IMAGE_FIELD]
        .iter()
        .any(|word| message.contains(word));
    if about_field && sent.contains(IMAGE_FIELD) && has_word(&message, PLAIN_IMAGE_FIELD) {
        return Some(IMAGE_FIELD.to_owned());
    }
    // The longest name first: `output_format` before `format`.
    let mut names: Vec<&String> = sent.iter().filter(|name| name.as_str() != IMAGE_FIELD).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.into_iter().find(|name| has_word(&message, &name.to_lowercase())).cloned()
}

fn has_word(text: &str, word: &str) -> bool {
    let joins =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !joins(before) && !joins(after)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use easel_core::error::{KeyVerdict, Retry};
    use serde_json::json;

    use super::*;

    fn refusal(param: &str, code: &str, message: &str) -> Failure {
        Failure {
            class: ErrorClass::BadRequest,
            retry: Retry::NextProvider,
            key: KeyVerdict::Fine,
            retry_after: None::<Duration>,
            suspended: false,
            param: (!param.is_empty()).then(|| param.to_owned()),
            message: message.to_owned(),
            code: code.to_owned(),
            missing: None,
        }
    }

    const MODEL: &str = "some-model";

    fn sent(fields: &Value) -> Sent {
        Sent::new(fields.as_object().unwrap())
    }

    #[test]
    fn what_is_too_large_steps_down_only_where_it_is_a_parameter() {
        let lessons = Lessons::default();
        let mut sent = Sent::default();
        sent.measures("2048x2048");
        let refused = |param| Failure { class: ErrorClass::TooLarge, ..refusal(param, "", "") };
        assert!(!lessons.learn(MODEL, &refused(""), &sent));
        assert!(lessons.learn(MODEL, &refused("size"), &sent));
        assert!(lessons.known(MODEL).refuses_size("2048x2048"));
    }

    #[test]
    fn a_refused_size_is_not_held_against_others() {
        let lessons = Lessons::default();
        let refused = refusal("size", "invalid_value", "Invalid value: '3840x1280'.");
        for size in ["3840x1280", "1280x3840", "3840x1280"] {
            assert!(
                lessons.learn(MODEL, &refused, &sent(&json!({ "size": size }))),
                "another request follows"
            );
        }
        let known = lessons.known(MODEL);
        for (size, allowed) in [("3840x1280", false), ("1280x3840", false), ("1024x1024", true)] {
            assert_eq!(known.allows("size", &size.into()), allowed, "{size}");
        }
    }

    #[test]
    fn ratios_and_resolutions_are_remembered_by_value_too() {
        let lessons = Lessons::default();
        let asked = sent(&json!({ "aspect_ratio": "9:20", "resolution": "2k", "quality": "high" }));
        for name in ["aspect_ratio", "resolution", "quality"] {
            assert!(lessons.learn(MODEL, &refusal(name, "", "no"), &asked), "{name}");
        }
        let known = lessons.known(MODEL);
        for (name, value, allowed) in [
            ("aspect_ratio", "9:20", false),
            ("aspect_ratio", "1:1", true),
            ("resolution", "2k", false),
            ("resolution", "1k", true),
            ("quality", "low", false),
            ("size", "2k", true),
        ] {
            assert_eq!(known.allows(name, &value.into()), allowed, "{name} {value}");
        }
    }

    #[test]
    fn a_parameter_that_is_unknown_goes_for_all_values() {
        for failure in [
            refusal("size", "unknown_parameter", "no"),
            refusal("", "", "Unknown parameter: 'size'."),
            refusal("size", "", "Extra inputs are not permitted"),
        ] {
            let lessons = Lessons::default();
            assert!(lessons.learn(MODEL, &failure, &sent(&json!({ "size": "1024x1024" }))));
            assert!(!lessons.known(MODEL).allows("size", &"1536x1024".into()), "{failure:?}");
        }
    }

    #[test]
    fn what_one_model_refuses_is_asked_of_the_next() {
        let lessons = Lessons::default();
        let fields = sent(&json!({ "quality": "high", "size": "2048x2048" }));
        for name in ["quality", "size"] {
            assert!(lessons.learn(MODEL, &refusal(name, "", "no"), &fields));
        }
        for (model, allowed) in [(MODEL, false), ("the-next", true)] {
            let known = lessons.known_for(JobId::generate(), model);
            assert_eq!(known.allows("quality", &"high".into()), allowed, "{model}");
            assert_eq!(known.allows("size", &"2048x2048".into()), allowed, "{model}");
        }
    }

    #[test]
    fn a_refusal_that_came_late_still_leads_to_another_request() {
        let lessons = Lessons::default();
        let (failure, sent) = (refusal("quality", "", "no"), sent(&json!({ "quality": "high" })));
        assert!(lessons.learn(MODEL, &failure, &sent));
        assert!(lessons.learn(MODEL, &failure, &sent));
    }

    #[test]
    fn only_the_job_that_got_no_picture_insists() {
        let lessons = Lessons::default();
        let jobs: Vec<_> = (0..=MAX_EMPTY_JOBS).map(|_| JobId::generate()).collect();
        for job in &jobs {
            assert!(!lessons.known_for(*job, MODEL).insist);
            lessons.was_empty(*job);
            assert!(lessons.known_for(*job, MODEL).insist);
        }
        assert!(!lessons.known_for(jobs[0], MODEL).insist, "the memory is bounded");
    }

    #[test]
    fn what_a_request_needs_is_never_dropped() {
        let lessons = Lessons::default();
        let sent = sent(&json!({ "model": "m", "prompt": "p", "n": 2 }));
        for name in ["model", "prompt", "seed"] {
            assert!(!lessons.learn(MODEL, &refusal(name, "", "no"), &sent), "{name}");
        }
    }

    #[test]
    fn refused_sizes_are_bounded() {
        let lessons = Lessons::default();
        for side in 0..1000 {
            let size = format!("{side}x{side}");
            assert!(lessons.learn(MODEL, &refusal("size", "", "no"), &sent(&json!({ "size": size }))));
            assert!(lessons.known(MODEL).refuses_size(&size));
        }
        assert_eq!(lessons.known(MODEL).refused.len(), MAX_REFUSED_SHAPES);
    }
}
