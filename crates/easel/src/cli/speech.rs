//! Sentences on the terminal: the language, and problems as text.

use easel_core::{
    error::Arg,
    i18n::{Args, Locale, Texts},
};

use crate::config::problem::{Place, Problem, ProblemArg, ProblemText, Severity};

/// The texts in one language.
pub(crate) struct Speech {
    texts: Texts,
    locale: Locale,
}

/// The terminal's language, by the usual variables; English for one that easel does not speak. Where they name none, as on
/// most servers and in containers (`C`, `POSIX`, nothing), the language of easel itself.
///
/// Only for what is said before the configuration can be read; after that, `[bot] locale` decides.
pub(crate) fn terminal_locale(environment: &dyn Fn(&str) -> Option<String>) -> Locale {
    let set =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(environment).find(|text| !text.is_empty());
    let language = set.map(|text| text.replace(['.', '@'], "-"));
    match language.as_deref().map(|language| (language.split('-').next(), Locale::parse(language))) {
        None | Some((Some("C" | "POSIX"), _)) => Locale::default(),
        Some((_, locale)) => locale.unwrap_or(Locale::EnUs),
    }
}

impl Speech {
    /// Speaks `locale`.
    pub(crate) fn new(locale: Locale) -> Self {
        Self { texts: Texts::new(), locale }
    }

    /// A message.
    pub(crate) fn say(&self, text: &ProblemText) -> String {
        let args = text.args.iter().fold(Args::new(), |args, (name, arg)| match arg {
            ProblemArg::Plain(Arg::Number(number)) => args.with(name, *number),
            ProblemArg::Plain(Arg::Text(text)) => args.with(name, text.clone()),
            ProblemArg::Plain(Arg::Span(span)) => args.with(name, self.texts.span(self.locale, *span)),
            ProblemArg::Plain(Arg::Names(names)) | ProblemArg::Names(names) => {
                args.with(name, names.join(&self.texts.plain(self.locale, "list-separator")))
            }
            ProblemArg::Parts(parts) => {
                args.with(name, parts.iter().map(|part| self.say(part)).collect::<String>())
            }
            ProblemArg::OneOf(keys) => {
                let words: Vec<_> = keys.iter().map(|key| self.texts.plain(self.locale, key)).collect();
                args.with(name, words.join(" / "))
            }
        });
        self.texts.get(self.locale, &text.key, &args)
    }

    /// A problem in one line, or in two with its mend: place, key, what is wrong, what to do. A remark is marked as one.
    pub(crate) fn problem(&self, problem: &Problem) -> String {
        // A remark among errors must not look like something to mend.
        let remark = if problem.severity == Severity::Warning { "! " } else { "" };
        // What concerns no key is told by its place alone, and what has no place either by the sentence.
        let (place, key) = match problem.key.as_str() {
            "" => (String::new(), problem.place.to_string()),
            key => (problem.place.to_string(), key.to_owned()),
        };
        let head = Args::new().with("place", place).with("key", key).with("problem", self.say(&problem.text));
        let mut lines = self.texts.get(self.locale, "config-problem-line", &head).trim_start().to_owned();
        if problem.key.is_empty() && problem.place == Place::Nowhere {
            lines = self.say(&problem.text);
        }
        lines.insert_str(0, remark);
        if let Some(mend) = &problem.mend {
            let mend = Args::new().with("mend", self.say(mend));
            lines.push('\n');
            lines.push_str(&self.texts.get(self.locale, "config-problem-mend", &mend));
        }
        lines
    }

    /// The title over the problems of the file at `path`, of which `count` have to be mended.
    pub(crate) fn problems_title(&self, path: &str, count: usize) -> String {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.texts.get(
            self.locale,
            "config-problems-title",
            &Args::new().with("path", path.to_owned()).with("count", count),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_languages() {
        #[track_caller]
        fn check(variables: &[(&str, &str)], expected: Locale) {
            let look_up = |name: &str| {
                variables.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
            };
            assert_eq!(terminal_locale(&look_up), expected);
        }
        check(&[], Locale::ZhCn);
        check(&[("LANG", "zh_CN.UTF-8")], Locale::ZhCn);
        check(&[("LANG", "C.UTF-8")], Locale::ZhCn);
        check(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")], Locale::ZhCn);
        check(&[("LANG", "POSIX")], Locale::ZhCn);
        check(&[("LANG", "en_US.UTF-8")], Locale::EnUs);
        check(&[("LANG", "de_DE@euro")], Locale::EnUs);
        check(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "en_GB")], Locale::EnUs);
        check(&[("LANG", "zh_TW"), ("LC_ALL", "")], Locale::ZhCn);
    }

    #[test]
    fn a_problem_reads_alone() {
        let problem = Problem::error(
            Place::File { line: 3, column: 1 },
            "bot.local",
            ProblemText::new("config-unknown-key").with("key", "local"),
        )
        .mend(ProblemText::new("config-nearest-key").with("nearest", "locale"));
        let english = Speech::new(Locale::EnUs).problem(&problem);
        assert_eq!(english, "3:1 bot.local: There is no key local.\n  → Did you mean locale?");
        let remark = Problem { severity: Severity::Warning, mend: None, ..problem.clone() };
        let english = Speech::new(Locale::EnUs).problem(&remark);
        assert_eq!(english, "! 3:1 bot.local: There is no key local.");
        let missing = ProblemText::new("config-file-missing").with("file", "a.toml");
        let english = Speech::new(Locale::EnUs).problem(&Problem::error(Place::Nowhere, "", missing));
        assert_eq!(english, "The configuration file a.toml does not exist.");
        let chinese = Speech::new(Locale::ZhCn).problem(&problem);
        assert!(chinese.contains("没有名为 local 的键") && chinese.contains("locale"), "{chinese}");
    }
}
