//! What a provider's refusals taught about the parameters that its models take. Kept per provider and model until
//! restart: a provider moves on to another model when the service has not got the first.
//!
//! A parameter that a refusal names goes one step down: a size to the next smaller one or, where there is none, away, a
//! gateway's spelling of the picture field to the other one, everything else away. A size goes down once per job: where the
//! second one is refused too, others are asked, because a person who wishes for much is not served with ever less; so are they
//! for the same wish of the next person, before anything is sent. A size, a ratio or a resolution is remembered by its value,
//! because one person's impossible wish says nothing about what others wish.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use easel_core::{error::ErrorClass, ids::JobId};
use serde_json::{Map, Value};

use crate::{classify::Failure, sizes};

/// The name that OpenAI documents for several files; some gateways know only the plain one.
pub(crate) const IMAGE_FIELD: &str = "image[]";
/// The other spelling.
pub(crate) const PLAIN_IMAGE_FIELD: &str = "image";
const SIZE: &str = "size";
/// The parameters that carry a person's wish for a shape, in the spellings of all services.
const SHAPES: [&str; 7] =
    [SIZE, "image_size", "imageSize", "resolution", "ratio", "aspect_ratio", "aspectRatio"];

/// Those among them that carry a number of pixels.
const PIXELS: [&str; 4] = [SIZE, "image_size", "imageSize", "resolution"];

/// Refused shapes that are remembered; people can wish for any number of them.
const MAX_REFUSED_SHAPES: usize = 256;
/// Jobs without a picture, or with a smaller size, that are remembered: their repetition follows at once.
const MAX_JOBS: usize = 64;
/// Sizes that were told to the owner.
const MAX_TOLD: usize = 256;
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

    /// Whether nothing is left that a wish for a size can be asked as: the first choice and the smaller one were both refused
    /// by value. `sent` tells what a request carries by what is known. A size that has no smaller one, or that the model
    /// does not know at all, may still be left out.
    pub(crate) fn exhausts_sizes(&self, sent: impl Fn(&Self) -> Sent) -> bool {
        if self.refused.is_empty() || sent(self).size().is_some() {
            return false;
        }
        let mut known = Self { refused: BTreeSet::new(), ..self.clone() };
        (0..2).all(|_| {
            let size = sent(&known).size().map(|(name, value)| (name.to_owned(), value.to_owned()));
            size.is_some_and(|size| known.refused.insert(size))
        })
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

    /// The parameter that asks for a number of pixels, and its value.
    fn size(&self) -> Option<(&'static str, &str)> {
        PIXELS.into_iter().find_map(|name| Some((name, self.shapes.get(name)?.as_str())))
    }

    /// The pixels that the request asked for, where it did in numbers.
    pub(crate) fn pixels(&self) -> Option<(u32, u32)> {
        PIXELS.into_iter().find_map(|name| sizes::parsed(self.shapes.get(name)?))
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
    /// Jobs whose size went down, and in which parameter, the latest last.
    stepped: Mutex<VecDeque<(JobId, String)>>,
    /// Sizes that a model draws in another way, by model.
    told: Mutex<BTreeSet<(String, (u32, u32))>>,
}

impl Lessons {
    /// What is known of a model now, without regard to a job.
    pub(crate) fn known(&self, model: &str) -> Known {
        lock(&self.known).get(model).cloned().unwrap_or_default()
    }

    /// What is known of a model now, for a call of this job.
    pub(crate) fn known_for(&self, job: JobId, model: &str) -> Known {
        let insist = lock(&self.empty).contains(&job);
        Known { insist, ..self.known(model) }
    }

    /// The job was answered without a picture.
    pub(crate) fn was_empty(&self, job: JobId) {
        note(&self.empty, job);
    }

    /// Whether nobody was told yet that the model draws this size in another way.
    pub(crate) fn is_news(&self, model: &str, size: (u32, u32)) -> bool {
        let mut told = lock(&self.told);
        told.len() < MAX_TOLD && told.insert((model.to_owned(), size))
    }

    /// Learns from the refusal of the job's request to `model` that carried `sent`; says whether another request follows:
    /// one that would be another one now, and not a third size. What other requests taught meanwhile changes nothing: the
    /// lesson is about what this one carried.
    pub(crate) fn learn(&self, job: JobId, model: &str, failure: &Failure, sent: &Sent) -> bool {
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
        let again = !PIXELS.contains(&name.as_str()) || note(&self.stepped, (job, name.clone()));
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
        again
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The value is whole after every statement above, so a poisoned lock holds a good one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers something of a job; false when it was there already.
fn note<T: PartialEq>(jobs: &Mutex<VecDeque<T>>, job: T) -> bool {
    let mut jobs = lock(jobs);
    if jobs.contains(&job) {
        return false;
    }
    if jobs.len() >= MAX_JOBS {
        jobs.pop_front();
    }
    jobs.push_back(job);
    true
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
        assert!(!lessons.learn(JobId::generate(), MODEL, &refused(""), &sent));
        assert!(lessons.learn(JobId::generate(), MODEL, &refused("size"), &sent));
        assert!(lessons.known(MODEL).refuses_size("2048x2048"));
    }

    #[test]
    fn a_refused_size_is_not_held_against_others() {
        let lessons = Lessons::default();
        let refused = refusal("size", "invalid_value", "Invalid value: '3840x1280'.");
        for size in ["3840x1280", "1280x3840", "3840x1280"] {
            assert!(
                lessons.learn(JobId::generate(), MODEL, &refused, &sent(&json!({ "size": size }))),
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
            assert!(lessons.learn(JobId::generate(), MODEL, &refusal(name, "", "no"), &asked), "{name}");
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
            assert!(lessons.learn(
                JobId::generate(),
                MODEL,
                &failure,
                &sent(&json!({ "size": "1024x1024" }))
            ));
            assert!(!lessons.known(MODEL).allows("size", &"1536x1024".into()), "{failure:?}");
        }
    }

    #[test]
    fn what_one_model_refuses_is_asked_of_the_next() {
        let lessons = Lessons::default();
        let fields = sent(&json!({ "quality": "high", "size": "2048x2048" }));
        for name in ["quality", "size"] {
            assert!(lessons.learn(JobId::generate(), MODEL, &refusal(name, "", "no"), &fields));
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
        assert!(lessons.learn(JobId::generate(), MODEL, &failure, &sent));
        assert!(lessons.learn(JobId::generate(), MODEL, &failure, &sent));
    }

    #[test]
    fn only_the_job_that_got_no_picture_insists() {
        let lessons = Lessons::default();
        let jobs: Vec<_> = (0..=MAX_JOBS).map(|_| JobId::generate()).collect();
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
            assert!(!lessons.learn(JobId::generate(), MODEL, &refusal(name, "", "no"), &sent), "{name}");
        }
    }

    #[test]
    fn a_job_gets_one_smaller_size_and_no_third_one() {
        let lessons = Lessons::default();
        let (one, other) = (JobId::generate(), JobId::generate());
        let refused = |name| refusal(name, "", "no");
        let asked = |size: &str| sent(&json!({ "size": size, "quality": "high" }));
        assert!(lessons.learn(one, MODEL, &refused("size"), &asked("3840x2160")));
        assert!(lessons.learn(one, MODEL, &refused("quality"), &asked("1536x1024")), "that is no size");
        assert!(!lessons.learn(one, MODEL, &refused("size"), &asked("1536x1024")));
        assert!(lessons.known(MODEL).refuses_size("1536x1024"), "learned all the same");
        assert!(lessons.learn(other, MODEL, &refused("size"), &asked("2048x2048")));
    }

    #[test]
    fn a_size_in_numbers_is_known_and_told_once() {
        for (fields, expected) in [
            (json!({ "size": "1024x768" }), Some((1024, 768))),
            (json!({ "size": "1024*768" }), Some((1024, 768))),
            (json!({ "image_size": "720x1280" }), Some((720, 1280))),
            (json!({ "size": "2K" }), None),
            (json!({ "resolution": "2K", "aspect_ratio": "16:9" }), None),
            (json!({}), None),
        ] {
            assert_eq!(sent(&fields).pixels(), expected, "{fields}");
        }
        let lessons = Lessons::default();
        let news = |model, size| lessons.is_news(model, size);
        assert!(news(MODEL, (1, 2)) && !news(MODEL, (1, 2)) && news(MODEL, (2, 1)) && news("other", (1, 2)));
    }

    #[test]
    fn refused_sizes_are_bounded() {
        let lessons = Lessons::default();
        for side in 0..1000 {
            let size = format!("{side}x{side}");
            assert!(lessons.learn(
                JobId::generate(),
                MODEL,
                &refusal("size", "", "no"),
                &sent(&json!({ "size": size }))
            ));
            assert!(lessons.known(MODEL).refuses_size(&size));
        }
        assert_eq!(lessons.known(MODEL).refused.len(), MAX_REFUSED_SHAPES);
    }
}
