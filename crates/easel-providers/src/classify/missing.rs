//! What it is that a service has not got when it says "not found": the model, the address, or itself.
//!
//! A wrong `base_url` and a retired model both answer 404. Only the second is a reason to ask for another model, so the
//! model counts as missing only where the service speaks of it.

use easel_core::error::Missing;

use super::words::{ABSENT, ADDRESS, MODEL, NO_MODEL, NO_RIGHT, NO_SERVICE};
use crate::answer::BodyKind;

/// What a refusal with these codes and words is about, both in lower case; `None` = it does not say.
pub(super) fn judge(codes: &[String], said: &str, status: u16, kind: BodyKind) -> Option<Missing> {
    let begins =
        |starts: &[&str]| codes.iter().any(|code| starts.iter().any(|start| code.starts_with(start)));
    if begins(NO_SERVICE) {
        return Some(Missing::Service);
    }
    if begins(NO_RIGHT.codes) {
        return Some(Missing::Right);
    }
    if begins(NO_MODEL.codes) {
        return Some(Missing::Model);
    }
    // No API has pages; what they say about models is said to people who read.
    if kind == BodyKind::Html {
        return Some(Missing::Address);
    }
    let said = without_addresses(said);
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| said.contains(phrase));
    let has_word = |list: &[&str]| {
        let mut words = said.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.any(|word| list.contains(&word))
    };
    let speaks_of_model = has_word(MODEL) || MODEL.iter().any(|word| !word.is_ascii() && said.contains(word));
    if speaks_of_model && says(NO_RIGHT.phrases) {
        return Some(Missing::Right);
    }
    if says(NO_MODEL.phrases) || (speaks_of_model && says(ABSENT)) {
        return Some(Missing::Model);
    }
    let bare =
        matches!(said.trim_matches(|letter: char| !letter.is_alphabetic()), "" | "not found" | "not_found");
    let of_address = match status {
        300..=399 | 405 => true,
        404 | 410 => bare || has_word(ADDRESS),
        _ => said.starts_with("invalid url"),
    };
    of_address.then_some(Missing::Address)
}

/// Whether a text has the model's name in it, but for addresses. `message` in any case.
pub(super) fn names(message: &str, model: &str) -> bool {
    let model = model.trim().to_lowercase();
    !model.is_empty() && without_addresses(&message.to_lowercase()).contains(&model)
}

/// The words that are no addresses: routers repeat the path that they don't know, and it may hold a model's name.
fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| {
        let bare = word.trim_start_matches(|letter: char| !letter.is_alphanumeric() && letter != '/');
        word.contains("://") || bare.starts_with('/')
    };
    text.split_whitespace().filter(|word| !is_address(word)).collect::<Vec<_>>().join(" ")
}
