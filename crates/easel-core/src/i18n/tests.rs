//! Both languages say the same things, completely.
#![expect(clippy::string_slice, reason = "the indices come from searching the same text")]

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    access::{Limits, LimitsState, Reason},
    command::{HelpTopic, is_verb},
    prompt::PresetBook,
};

/// Every message of a language with the names of its arguments, read from the source.
fn messages(files: [&str; 6]) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let mut current: Option<String> = None;
        for line in file.lines() {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let id = line.split(" =").next().unwrap().to_owned();
                assert!(messages.insert(id.clone(), BTreeSet::new()).is_none(), "{id} exists twice");
                current = Some(id);
            } else if !line.trim().is_empty() && !line.starts_with(' ') {
                assert!(line.starts_with('#'), "{line:?} belongs to no message");
                current = None;
            }
            let Some(arguments) = current.as_ref().and_then(|id| messages.get_mut(id)) else { continue };
            for reference in line.split('$').skip(1) {
                let end = reference
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(reference.len());
                arguments.insert(reference[..end].to_owned());
            }
        }
    }
    messages
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_arguments() {
    let (chinese, english) = (messages(CHINESE), messages(ENGLISH));
    let ids = |messages: &BTreeMap<String, BTreeSet<String>>| messages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(&chinese), ids(&english));
    for (id, arguments) in &chinese {
        assert_eq!(arguments, &english[id], "{id}");
    }
}

#[test]
fn every_message_renders_without_errors() {
    let texts = Texts::new();
    for (locale, files) in [(Locale::ZhCn, CHINESE), (Locale::EnUs, ENGLISH)] {
        for file in files {
            assert!(FluentResource::try_new(file.to_owned()).is_ok(), "{locale:?}: {file}");
        }
        for (id, names) in messages(files) {
            for number in [0, 1, 2, 5] {
                let mut args = FluentArgs::new();
                for name in &names {
                    args.set(name.clone(), number);
                }
                let bundle = texts.bundle(locale);
                let pattern = bundle.get_message(&id).and_then(|message| message.value()).unwrap();
                let mut errors = Vec::new();
                let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
                assert!(errors.is_empty(), "{id}: {errors:?}");
                // What people are to write, to the letter.
                let shown = text.replace("{prompt}", "").replace("extra = { stream = true }", "");
                assert!(!shown.trim().is_empty() && !shown.contains(['{', '}', '\u{2068}']), "{id}: {text}");
            }
        }
    }
}

#[test]
fn chinese_plurals_use_exact_numbers() {
    for file in CHINESE {
        assert!(!file.contains("[one]"), "the category never matches in Chinese");
    }
}

#[test]
fn every_error_ends_with_its_code() {
    let texts = Texts::new();
    for (id, names) in messages(CHINESE) {
        if !id.starts_with("error-") && !id.starts_with("refused-") {
            continue;
        }
        for locale in Locale::ALL {
            let args = names.iter().fold(Args::new(), |mut args, name| {
                args.0.set(name.clone(), if name == "code" { "E-X" } else { "1" });
                args
            });
            let text = texts.get(locale, &id, &args);
            assert!(text.ends_with("[E-X]"), "{id}: {text}");
        }
    }
}

#[test]
fn keys_that_this_crate_names_exist() {
    let reasons = [
        Reason::GroupNotListed,
        Reason::GroupBlocked,
        Reason::UserNotListed,
        Reason::UserBlocked,
        Reason::DirectClosed,
    ];
    let mut keys: Vec<&str> = reasons.map(Reason::text).to_vec();
    let (book, _) = PresetBook::new(&BTreeMap::new());
    keys.extend(book.all().iter().filter_map(|preset| preset.style));
    for problem in [
        "config-list-entry",
        "config-period-zero",
        "config-direct-users-blacklist",
        "config-preset-name-empty",
        "config-preset-name-verb",
        "config-preset-name-taken",
        "config-preset-prompt-empty",
        "config-output-form",
    ] {
        keys.push(problem);
        keys.push(format!("{problem}-mend").leak());
    }
    let section = serde_json::from_value(serde_json::json!({
        "rate_limit_max_calls_per_group": 1, "daily_quota_per_user": 1,
    }));
    let mut limits = Limits::new(&section.unwrap(), LimitsState::default(), 0);
    let _kept = limits.try_take(Some("q:1"), "q:a", 0).unwrap();
    keys.push(limits.try_take(Some("q:1"), "q:b", 0).unwrap_err().text());
    keys.push(limits.try_take(None, "q:a", 0).unwrap_err().text());
    keys.extend(["error-limit-user", "error-limit-group-day"]);
    let texts = Texts::new();
    for key in keys {
        assert!(texts.has(Locale::ZhCn, key) && texts.has(Locale::EnUs, key), "{key}");
    }
}

#[test]
fn lengths_of_time_are_said_as_people_say_them() {
    #[track_caller]
    fn check(millis: u64, chinese: &str, english: &str) {
        let (texts, span) = (Texts::new(), Duration::from_millis(millis));
        assert_eq!((&*texts.span(Locale::ZhCn, span), &*texts.span(Locale::EnUs, span)), (chinese, english));
    }
    check(0, "1 秒", "1 second");
    check(1_001, "2 秒", "2 seconds");
    check(60_000, "60 秒", "60 seconds");
    check(119_001, "2 分钟", "2 minutes");
    check(3_412_000, "57 分钟", "57 minutes");
    check(3_540_000, "59 分钟", "59 minutes");
    check(3_540_001, "1 小时", "1 hour");
    check(3_600_000, "1 小时", "1 hour");
    check(7_140_001, "2 小时", "2 hours");
    check(5_400_000, "90 分钟", "90 minutes");
    check(86_400_000, "24 小时", "24 hours");
    check(7 * 86_400_000, "7 天", "7 days");
}

#[test]
fn a_missing_message_shows_its_key() {
    assert_eq!(Texts::new().plain(Locale::ZhCn, "no-such-message"), "no-such-message");
}

#[test]
fn arguments_are_never_read_as_messages() {
    let args = Args::new().with("said", "{ $code } \u{2068}").with("code", "E-X");
    assert!(Texts::new().get(Locale::ZhCn, "error-moderation-said", &args).contains("{ $code }"));
}

#[test]
fn languages_by_what_people_write() {
    for (text, expected) in [
        ("zh-CN", Some(Locale::ZhCn)),
        ("zh_Hans", Some(Locale::ZhCn)),
        (" 中文 ", Some(Locale::ZhCn)),
        ("EN", Some(Locale::EnUs)),
        ("en-GB", Some(Locale::EnUs)),
        ("英文", Some(Locale::EnUs)),
        ("fr", None),
        ("", None),
    ] {
        assert_eq!(Locale::parse(text), expected, "{text}");
    }
    for locale in Locale::ALL {
        assert_eq!(Locale::parse(locale.tag()), Some(locale));
        assert_eq!(serde_json::to_value(locale).unwrap(), locale.tag());
    }
}

#[test]
fn help_speaks_of_what_is_switched_on() {
    let texts = Texts::new();
    let all = HelpView { prefix: "/", draw: true, edit: true, video: true, presets: &["水彩", "头像"] };
    let help = texts.help(Locale::ZhCn, HelpTopic::All, all);
    for word in [
        "/生图",
        "/改图",
        "/手办化",
        "/手办化2",
        "/手办化3",
        "/视频",
        "/重发图片",
        "/任务",
        "/取消",
        "/水彩、/头像",
        "/生图帮助",
    ] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
    assert!(help.contains("\n  例：/生图"), "examples are indented:\n{help}");
    let english = texts.help(Locale::EnUs, HelpTopic::All, HelpView { prefix: "!", presets: &[], ..all });
    for word in
        ["!draw", "!edit", "!video", "!figurine", "!figurine2", "!figurine3", "!resend", "!jobs", "!cancel"]
    {
        assert!(english.contains(word), "{word} is missing in:\n{english}");
    }
    let no_edit = texts.help(Locale::ZhCn, HelpTopic::Edit, HelpView { edit: false, presets: &[], ..all });
    assert!(no_edit.contains("/生图") && !no_edit.contains("/改图") && !no_edit.contains("手办"));
    let stills = texts.help(Locale::ZhCn, HelpTopic::All, HelpView { video: false, ..all });
    assert!(!stills.contains("视频"), "{stills}");
    for locale in Locale::ALL {
        let draw = texts.help(locale, HelpTopic::Draw, all);
        assert!(draw.contains("16:9") && draw.contains("x2") && draw.contains("4K"));
        assert_ne!(texts.help(locale, HelpTopic::Edit, all), draw);
    }
}

/// Whatever help shows as an example must be understood as shown.
#[test]
fn examples_of_the_help_are_commands() {
    use crate::command::{Context, Grammar, GrammarConfig, Parsed};
    let (book, _) = PresetBook::new(&BTreeMap::new());
    let grammar = Grammar::new(GrammarConfig { prefixes: vec!["/".to_owned()], presets: book.names() });
    let texts = Texts::new();
    let view = HelpView { prefix: "/", draw: true, edit: true, video: true, presets: &[] };
    for locale in Locale::ALL {
        for topic in [HelpTopic::All, HelpTopic::Draw, HelpTopic::Edit] {
            let help = texts.help(locale, topic, view);
            let mut seen = 0;
            for line in help.lines() {
                let begins = line
                    .match_indices('/')
                    .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '/'));
                for (at, _) in begins {
                    let end =
                        line[at..].find(['、', '，', '）', '—', ',', ')']).map_or(line.len(), |end| at + end);
                    let command = line[at..end].trim_end();
                    assert_ne!(
                        grammar.parse(command, Context::default()),
                        Parsed::NotForUs,
                        "{command:?} in {line}"
                    );
                    seen += 1;
                }
            }
            assert!(seen > 0, "{help}");
        }
    }
}

/// Whoever does what a sentence says must be answered: a command without its prefix is not one.
#[test]
fn no_sentence_names_a_command_without_its_prefix() {
    /// The commands that a text tells people to send without a prefix.
    fn bare(text: &str) -> Vec<String> {
        let told = ["“", "「", "‘", "`", "发 ", "发送 ", "send ", "Send ", "command "];
        let behind = told.iter().flat_map(|mark| text.match_indices(mark));
        let ends = |c: char| c.is_whitespace() || "”」’`{，。,.".contains(c);
        let words = behind.map(|(at, mark)| text[at + mark.len()..].split(ends).next().unwrap());
        let spelled = words.filter(|word| is_verb(word)).map(str::to_owned);
        // No ordinary word is spelled like this one.
        let resend = text.match_indices("重发图片").map(|(at, _)| &text[..at]);
        spelled.chain(resend.filter(|before| !before.ends_with("$prefix }")).map(str::to_owned)).collect()
    }
    let spoiled =
        ["发“重发图片 6”命令", "发“任务”命令看看", "发 任务 看看", "the command “resend”", "send jobs"];
    assert!(spoiled.iter().all(|text| !bare(text).is_empty()));
    for file in [CHINESE, ENGLISH].map(|[commands, _, errors, _, jobs, _]| [commands, errors, jobs]).concat()
    {
        assert_eq!(bare(file), [""; 0]);
    }
}
