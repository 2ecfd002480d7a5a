//! What a provider's refusals taught about the parameters that its model takes. Kept per provider (and so per model)
//! until restart.
//!
//! A parameter that a refusal names goes one step down per repetition: the size to a classic one and then away, a
//! gateway's spelling of the picture field to the other one, everything else away.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use easel_core::error::ErrorClass;

use crate::classify::Failure;

/// The name that OpenAI documents for several files; some gateways know only the plain one.
pub(crate) const IMAGE_FIELD: &str = "image[]";
/// The other spelling.
pub(crate) const PLAIN_IMAGE_FIELD: &str = "image";

/// What is known so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Parameters that are not sent any more.
    pub(crate) dropped: BTreeSet<String>,
    /// How often the size was refused.
    pub(crate) size_step: u8,
    /// Pictures go as repeated `image`.
    pub(crate) plain_image_field: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Lessons(Mutex<Known>);

impl Lessons {
    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        self.lock().clone()
    }

    /// Learns from a refusal of a request that carried the optional parameters `sent`; says whether another request
    /// would be sent now.
    pub(crate) fn learn(&self, failure: &Failure, sent: &BTreeSet<String>) -> bool {
        if failure.class != ErrorClass::BadRequest {
            return false;
        }
        let Some(name) = named(failure, sent) else { return false };
        let mut known = self.lock();
        match name.as_str() {
            "size" => {
                known.size_step = known.size_step.saturating_add(1);
                true
            }
            IMAGE_FIELD => !std::mem::replace(&mut known.plain_image_field, true),
            _ => known.dropped.insert(name),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // The value is whole after every statement above, so a poisoned lock holds a good one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
