//! The scanner behind [`redact`](super::redact): one pass over the text, word by word.
//!
//! Services write the texts, so none may make the scanner slow: whatever looks further than its own word either consumes
//! what it looked at or ends where the next one begins to look.

use super::STARS;

/// Names whose values are secrets, without `-`, `_` and case.
const NAMES: [&str; 34] = [
    "ak",
    "apikey",
    "apikeys",
    "auth",
    "authorization",
    "bearer",
    "clientsecret",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "jwt",
    "key",
    "ossaccesskeyid",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "proxyauthorization",
    "pskey",
    "pwd",
    "qak",
    "rkey",
    "secret",
    "secrets",
    "session",
    "sessionid",
    "setcookie",
    "sig",
    "sign",
    "signature",
    "sk",
    "skey",
    "token",
];
/// Endings of names whose values are secrets, in the same spelling.
const NAME_ENDINGS: [&str; 12] = [
    "accesskey",
    "accesskeyid",
    "apikey",
    "authkey",
    "credential",
    "password",
    "privatekey",
    "secret",
    "secretkey",
    "sessionid",
    "signature",
    "token",
];
/// Beginnings of tokens, with the least length of the whole token.
const TOKEN_PREFIXES: [(&str, usize); 19] = [
    ("sk-", 8),
    ("sk_", 8),
    ("AIza", 16),
    ("AKIA", 16),
    ("AKLT", 16),
    ("LTAI", 16),
    ("eyJ", 16),
    ("gho_", 16),
    ("ghp_", 16),
    ("github_pat_", 16),
    ("gsk_", 16),
    ("hf_", 16),
    ("key-", 16),
    ("ms-", 24),
    ("pk_", 16),
    ("r8_", 16),
    ("sess-", 16),
    ("xai-", 12),
    ("ya29", 16),
];
/// A run of letters and digits from this length on is taken for a token.
const LONG_RUN: usize = 40;

pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        rest = step(rest, &mut out);
    }
    out
}

/// Copies or replaces the thing at the start of `rest`, and returns what follows it. `rest` never begins in the
/// middle of a word.
fn step<'a>(rest: &'a str, out: &mut String) -> &'a str {
    if let Some(after) = user_info(rest) {
        out.push_str("://");
        out.push_str(STARS);
        return after;
    }
    // A percent-encoded character ends a word; its hex digits must not become the next one's beginning.
    if let Some(escape) = rest.strip_prefix('%').and_then(|hex| hex.get(..2))
        && escape.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return copy(rest, 3, out);
    }
    let word_length = run(rest, is_word);
    let (word, after) = rest.split_at_checked(word_length).unwrap_or(("", rest));
    if word.is_empty() {
        return copy(rest, rest.chars().next().map_or(0, char::len_utf8), out);
    }
    let scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
    if scheme && let Some(after) = credentials(word, after, out) {
        return after;
    }
    if is_secret_name(word)
        && let Some(separator) = separator(after)
    {
        out.push_str(word);
        let value = copy(after, separator.length, out);
        return secret_value(word, value, separator.quote, out);
    }
    if let Some(length) = token(rest, word) {
        out.push_str(STARS);
        return rest.get(length..).unwrap_or_default();
    }
    out.push_str(word);
    after
}

/// Copies `length` bytes. Falls back to all of `rest`, so that scanning always ends.
fn copy<'a>(rest: &'a str, length: usize, out: &mut String) -> &'a str {
    let (copied, after) = rest.split_at_checked(length.max(1)).unwrap_or((rest, ""));
    out.push_str(copied);
    after
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Characters of tokens beyond those of words: base64, JSON web tokens, percent-encoded ones.
fn is_token(c: char) -> bool {
    is_word(c) || matches!(c, '.' | '+' | '/' | '=' | '~' | '%')
}

/// Where a value without quotes ends.
fn is_plain_value(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(c, '&' | ',' | ';' | '"' | '\'' | '`' | '<' | '>' | ')' | ']' | '}' | '|' | '\\')
}

/// Bytes at the start of `text` whose characters satisfy `wanted`.
fn run(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

/// `://user:password@` at the start; returns the rest from the `@` on.
fn user_info(rest: &str) -> Option<&str> {
    let after = rest.strip_prefix("://")?;
    let authority =
        after.get(..run(after, |c| !c.is_whitespace() && !matches!(c, '/' | '?' | '#' | '"' | '<' | '>')))?;
    let at = authority.rfind('@')?;
    after.get(at..)
}

/// The credentials after `Bearer` or `Basic`; nothing when the word is followed by something else.
fn credentials<'a>(word: &str, after: &'a str, out: &mut String) -> Option<&'a str> {
    let space = run(after, |c| c == ' ');
    if space == 0 {
        return None;
    }
    let value = after.get(space..)?;
    let length = run(value, is_plain_value);
    let value_text = value.get(..length)?;
    let looks_encoded = value_text.len() >= 8
        && value_text.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'=');
    // "basic" is also an ordinary word.
    if value_text.is_empty() || (word.eq_ignore_ascii_case("basic") && !looks_encoded) {
        return None;
    }
    out.push_str(word);
    out.push(' ');
    out.push_str(STARS);
    value.get(length..)
}

/// Whether values of this name are secrets.
fn is_secret_name(word: &str) -> bool {
    let name: String =
        word.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&name.as_str()) || NAME_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// What stands between a name and its value.
struct Separator<'a> {
    /// Bytes from the end of the name to the first of the value, the opening quote included.
    length: usize,
    /// The opening quote, with the backslashes of escaped JSON.
    quote: Option<&'a str>,
}

/// `:`, `=` or `%3D`, with quotes, escaped quotes and spaces around it.
fn separator(after: &str) -> Option<Separator<'_>> {
    let quote_length = |text: &str| {
        let slashes = run(text, |c| c == '\\');
        match text.get(slashes..).and_then(|text| text.chars().next()) {
            Some('"' | '\'') => slashes + 1,
            _ => 0,
        }
    };
    let skip_spaces = |text: &str| run(text, |c| matches!(c, ' ' | '\t'));
    let mut at = quote_length(after);
    at += skip_spaces(after.get(at..)?);
    let sign = after.get(at..)?;
    at += if sign.starts_with([':', '=']) {
        1
    } else if sign.get(..3).is_some_and(|sign| sign.eq_ignore_ascii_case("%3d")) {
        3
    } else {
        return None;
    };
    // `key := value` and `key == value` of logs.
    at += run(after.get(at..)?, |c| c == '=');
    at += skip_spaces(after.get(at..)?);
    let value = after.get(at..)?;
    let quoted = quote_length(value);
    let quote = if quoted == 0 { None } else { value.get(..quoted) };
    Some(Separator { length: at + quoted, quote })
}

/// Replaces the value of a telling name and returns what follows it.
fn secret_value<'a>(name: &str, value: &'a str, quote: Option<&str>, out: &mut String) -> &'a str {
    let end = match quote {
        Some(quote) => quoted_end(value, quote),
        None if value.starts_with('[') => value.find(']').unwrap_or(value.len()),
        None if value.starts_with('{') => return value,
        None => plain_end(name, value),
    };
    let (hidden, after) = value.split_at_checked(end).unwrap_or((value, ""));
    if hidden.is_empty() || (quote.is_none() && matches!(hidden, "null" | "true" | "false")) {
        out.push_str(hidden);
    } else {
        out.push_str(STARS);
    }
    after
}

/// Where a quoted value ends: before the closing quote, or at the end of a text that was cut.
fn quoted_end(value: &str, quote: &str) -> usize {
    if quote.len() > 1 {
        return value.find(quote).unwrap_or(value.len());
    }
    let mut escaped = false;
    for (at, c) in value.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if quote.starts_with(c) {
            return at;
        }
    }
    value.len()
}

/// Where a value without quotes ends. Header lines of credentials and cookies hold spaces and semicolons, so
/// they go to the end of the line.
fn plain_end(name: &str, value: &str) -> usize {
    let name = name.to_ascii_lowercase();
    if name.ends_with("authorization") || name.ends_with("cookie") {
        return run(value, |c| !matches!(c, '\r' | '\n' | '"' | '\''));
    }
    let mut end = parameter(value);
    let first = value.get(..end).unwrap_or_default();
    if first.eq_ignore_ascii_case("bearer") || first.eq_ignore_ascii_case("basic") {
        let tail = value.get(end..).unwrap_or_default();
        let space = run(tail, |c| c == ' ');
        end += space + parameter(tail.get(space..).unwrap_or_default());
    }
    end
}

/// Bytes of the plain value at the start of `text`; the next parameter of a percent-encoded query ends it, too.
fn parameter(text: &str) -> usize {
    let next = |at: usize| text.get(at..).is_some_and(|rest| rest.starts_with("%26"));
    text.char_indices()
        .find(|(at, c)| !is_plain_value(*c) || (*c == '%' && next(*at)))
        .map_or(text.len(), |(at, _)| at)
}

/// The length of the token at the start of `rest`, whose first word is `word`.
fn token(rest: &str, word: &str) -> Option<usize> {
    // Measured only behind a known beginning: a token is consumed, and what is too short for one is short.
    if let Some((_, least)) = TOKEN_PREFIXES.iter().find(|(prefix, _)| word.starts_with(prefix)) {
        let length = run(rest, is_token);
        if length >= *least {
            return Some(length);
        }
    }
    // Telegram's form: the bot's number, a colon, 35 characters.
    let number = word.strip_prefix("bot").unwrap_or(word);
    if number.len() >= 6
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(tail) = rest.get(word.len()..).and_then(|rest| rest.strip_prefix(':'))
        && run(tail, is_word) >= 30
    {
        return Some(word.len() + 1 + run(tail, is_word));
    }
    let mixed =
        word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    (word.len() >= LONG_RUN && mixed).then_some(word.len())
}
