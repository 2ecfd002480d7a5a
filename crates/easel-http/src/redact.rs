//! Keeping secrets out of logs, errors and stored body heads.
//!
//! Two layers: [`redact`] knows what keys, tokens and cookies *look* like, wherever they stand; a [`Redactor`]
//! is also told the exact secrets in use, for services that echo a key of no known shape. Both only ever remove:
//! a lost word in a log is cheap, a leaked key is not.

mod scan;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// What stands in a secret's place.
pub(crate) const STARS: &str = "***";

/// Bytes of a body that are kept for support.
const HEAD_BYTES: usize = 1024;
/// Bytes that are looked at, so that a secret that crosses the end of the head is still recognised.
const LOOK_BYTES: usize = 4 * HEAD_BYTES;
/// Shorter "secrets" would blank ordinary words, and protect nothing.
const SHORTEST_SECRET: usize = 4;

/// `text` with everything shaped like a key, bearer, cookie, signature or password replaced by `***`.
///
/// Recognised: well-known token prefixes (`sk-…`, `AIza…`, JSON web tokens …), `Bearer …`/`Basic …`, values of
/// telling names in JSON (also escaped), query strings (also percent-encoded) and header lines, user info in
/// urls, chat-bot tokens in paths, and any run of 40 or more letters, digits, `-` and `_` that mixes both.
pub fn redact(text: &str) -> String {
    scan::redact(text)
}

/// A url for logs: user info and the values of telling query names removed.
pub fn redact_url(url: &Url) -> String {
    redact(url.as_str())
}

/// The first kilobyte of a body for logs and stored attempts: lossy UTF-8, redacted, control characters
/// removed (line breaks and tabs become spaces).
pub fn body_head(body: &[u8]) -> String {
    Redactor::default().body_head(body)
}

/// Removes exact secrets, then everything that [`redact`] removes. Cheap to build; `Debug` shows no secret.
#[derive(Default)]
pub struct Redactor {
    /// Every spelling of every secret, longest first, so that no secret survives inside a longer one.
    spellings: Vec<SecretString>,
}

impl Redactor {
    /// A redactor for these secrets, in their plain, percent-encoded and JSON-escaped spellings. Secrets
    /// shorter than four bytes are left to [`redact`].
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut spellings: Vec<String> = Vec::new();
        for secret in secrets {
            let plain = secret.expose_secret();
            if plain.len() < SHORTEST_SECRET {
                continue;
            }
            let encoded: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
            let escaped = plain.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/");
            let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
            spellings.extend([plain.to_owned(), encoded, escaped, quoted]);
        }
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        spellings.dedup();
        Self { spellings: spellings.into_iter().map(SecretString::from).collect() }
    }

    /// `text` without the exact secrets and without anything that looks like one.
    pub fn redact(&self, text: &str) -> String {
        redact(&self.without_exact(text))
    }

    /// `text` without the exact secrets alone, for callers that take something else out before [`Self::redact`]: what
    /// merely looks like a secret may be part of that.
    pub fn exact(&self, text: &str) -> String {
        self.without_exact(text)
    }

    /// As the function [`body_head`], with the exact secrets removed as well, also one that the end of `body`
    /// cuts in two.
    pub fn body_head(&self, body: &[u8]) -> String {
        self.body_head_without(body, str::to_owned)
    }

    /// As [`Self::body_head`]; `remove` takes words of the caller's out of the first four kilobytes, after the exact
    /// secrets are gone (words of people must not tear one apart) and before anything that looks like a secret is
    /// blanked and the text is cut (both would tear those words apart).
    pub fn body_head_without(&self, body: &[u8], remove: impl FnOnce(&str) -> String) -> String {
        let looked_at = body.get(..LOOK_BYTES).unwrap_or(body);
        let text = String::from_utf8_lossy(looked_at);
        let mut text = self.without_exact(&text);
        self.trim_partial_secret(&mut text);
        let text: String = redact(&remove(&text))
            .chars()
            .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c })
            .filter(|c| !c.is_control())
            .collect();
        let mut end = HEAD_BYTES.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.get(..end).unwrap_or_default().to_owned()
    }

    fn without_exact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for spelling in &self.spellings {
            if text.contains(spelling.expose_secret()) {
                text = text.replace(spelling.expose_secret(), STARS);
            }
        }
        text
    }

    /// Replaces the beginning of a secret at the very end of `text`, where a body was cut.
    fn trim_partial_secret(&self, text: &mut String) {
        let longest = self
            .spellings
            .iter()
            .flat_map(|spelling| {
                let secret = spelling.expose_secret();
                secret
                    .char_indices()
                    .map(|(at, _)| at)
                    .filter(|at| *at >= SHORTEST_SECRET)
                    .filter(|at| secret.get(..*at).is_some_and(|part| text.ends_with(part)))
            })
            .max();
        if let Some(length) = longest {
            text.truncate(text.len() - length);
            text.push_str(STARS);
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("spellings", &self.spellings.len()).finish()
    }
}

#[cfg(test)]
mod tests;
