//! What is wrong with a configuration, as data: where, which key, and message keys for the sentences.
//!
//! No sentence is made here; owners read Chinese or English, and the texts are in `locales/*/config.ftl`. No value
//! of a secret may get into a problem.

use std::{fmt, path::PathBuf, sync::Arc};

use easel_core::{error::Arg, i18n::Locale, settings::SettingProblem};

/// A problem of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Whether easel can run with it.
    pub(crate) severity: Severity,
    /// Where the value comes from.
    pub(crate) place: Place,
    /// The full key with dots and indices (`onebot[0].listen`); empty when the whole file is meant.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) text: ProblemText,
    /// What to do about it.
    pub(crate) mend: Option<ProblemText>,
}

/// Whether a problem keeps easel from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The configuration is refused.
    Error,
    /// It is taken, with a remark.
    Warning,
}

/// Where a value comes from. Ordered as a reader would go through them: first the file, from top to bottom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Line and column of the configuration file, both from 1, the column in characters.
    File {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// An environment variable.
    Environment(Arc<str>),
    /// An option of the command line, with its dashes.
    CommandLine(&'static str),
    /// Nowhere: a value that is missing.
    Nowhere,
}

impl fmt::Display for Place {
    /// `12:5`, the variable's or option's name, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, column } => write!(f, "{line}:{column}"),
            Self::Environment(variable) => f.write_str(variable),
            Self::CommandLine(option) => f.write_str(option),
            Self::Nowhere => Ok(()),
        }
    }
}

/// A message key with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProblemText {
    /// Key in `locales/*/config.ftl`.
    pub(crate) key: String,
    /// Arguments by name.
    pub(crate) args: Vec<(&'static str, ProblemArg)>,
}

/// An argument of a [`ProblemText`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProblemArg {
    /// A text or a number, as it is.
    Plain(Arg),
    /// Messages without arguments, rendered and put beside each other as alternatives.
    OneOf(Vec<&'static str>),
    /// Names, listed as the language lists them.
    Names(Vec<String>),
    /// Messages of their own, one behind the other: parts of a sentence that are not always there.
    Parts(Vec<ProblemText>),
}

impl ProblemArg {
    /// Names, to be listed.
    pub(crate) fn names<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self::Names(names.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Arg>> From<T> for ProblemArg {
    fn from(value: T) -> Self {
        Self::Plain(value.into())
    }
}

impl ProblemText {
    /// A text without arguments.
    pub(crate) fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), args: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<ProblemArg>) -> Self {
        self.args.push((name, value.into()));
        self
    }
}

impl Problem {
    /// An error without a mend.
    pub(crate) fn error(place: Place, key: impl Into<String>, text: ProblemText) -> Self {
        Self { severity: Severity::Error, place, key: key.into(), text, mend: None }
    }

    /// A remark without a mend.
    pub(crate) fn warning(place: Place, key: impl Into<String>, text: ProblemText) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, key, text) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn mend(mut self, mend: ProblemText) -> Self {
        self.mend = Some(mend);
        self
    }

    /// A broken rule of the section at `section` (`bot`, `onebot[1]`).
    pub(crate) fn from_setting(
        section: &str,
        problem: SettingProblem,
        place: &dyn Fn(&str) -> Place,
    ) -> Self {
        let key =
            if problem.key.is_empty() { section.to_owned() } else { format!("{section}.{}", problem.key) };
        let args: Vec<_> =
            problem.args.into_iter().map(|(name, arg)| (name, ProblemArg::Plain(arg))).collect();
        let mend = ProblemText { key: format!("{}-mend", problem.text), args: args.clone() };
        let text = ProblemText { key: problem.text.to_owned(), args };
        Self::error(place(&key), key, text).mend(mend)
    }
}

/// A configuration that can't be used, with everything that is wrong with it: errors and warnings, in file order.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// The file, as it was named.
    pub(crate) path: PathBuf,
    /// At least one of them is an error.
    pub(crate) problems: Vec<Problem>,
    /// The language that the configuration itself asks for, as far as it can be read.
    pub(crate) locale: Option<Locale>,
}

impl Refused {
    /// How many of the problems have to be mended before it can be used.
    pub(crate) fn errors(&self) -> usize {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error).count()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used: {}", self.path.display(), summary(&self.problems))
    }
}

impl std::error::Error for Refused {}

/// Places, keys and message keys in one line, for the log and for `Display` without a language.
fn summary(problems: &[Problem]) -> String {
    let one = |problem: &Problem| format!("[{} {} {}]", problem.place, problem.key, problem.text.key);
    problems.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The candidate that `typed` was probably meant to be: at most a third of its letters differ, and at least one
/// difference is always forgiven.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let allowed = (typed.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&typed, &candidate.to_lowercase()), candidate))
        .filter(|((letters, _), _)| *letters <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to change, and which part of the name is meant then. A name of several words may also be meant by its first
/// ones (`openai` for `openai_images`) or its last ones (`tokn` for `access_token`), which counts as one letter at
/// least, so that a whole name that fits wins; and what it begins with comes before what it ends with.
fn distance(typed: &str, candidate: &str) -> (usize, u8) {
    let whole = (strsim::damerau_levenshtein(typed, candidate), 0);
    if typed.chars().count() < 4 {
        return whole;
    }
    let part = |part: &str| strsim::damerau_levenshtein(typed, part).max(1);
    let parts = candidate.match_indices('_').flat_map(|(at, _)| {
        let (first, last) = (candidate.get(..at), candidate.get(at + 1..));
        first.map(|first| (part(first), 1)).into_iter().chain(last.map(|last| (part(last), 2)))
    });
    parts.chain([whole]).min().unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Option<&str>) {
        let keys = ["data_dir", "locale", "prefixes", "admins", "artifact_ttl_minutes", "artifact_max_count"];
        assert_eq!(nearest(typed, keys), expected);
    }

    #[test]
    fn what_a_name_begins_with_comes_first() {
        let kinds = ["gemini_openai", "openai_images", "openai_chat"];
        assert_eq!(nearest("openai", kinds), Some("openai_images"));
        assert_eq!(nearest("chat", kinds), Some("openai_chat"));
    }

    #[test]
    fn nearest_key() {
        check("data-dir", Some("data_dir"));
        check("datadir", Some("data_dir"));
        check("Locale", Some("locale"));
        check("prefix", Some("prefixes"));
        check("admin", Some("admins"));
        check("ttl_minutes", Some("artifact_ttl_minutes"));
        check("artifact_max_cuont", Some("artifact_max_count"));
        check("ttl_mintes", Some("artifact_ttl_minutes"));
        check("x", None);
        check("语言", None);
        check("password", None);
    }
}
