//! The grammar: `[prefix][verb][@provider] [preset] <prompt…> [output wishes]`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Command, Feature, HelpTopic, OutputWish, SelfieRef, Verb, measure,
    verbs::{AIIMG, Meaning, TABLE, folded},
    width::{fold, is_space, number, strip, trim},
    wishes,
};

/// Characters of a prompt at most.
pub const PROMPT_LIMIT: usize = 4000;

/// The word for help that many bots share.
const HELP: &str = "帮助";

/// Figurine presets by what `aiimg` calls them: its first is the second of everybody else, its second the third.
const AIIMG_FIGURINES: [(&str, &str); 2] = [("手办化", "手办化2"), ("手办化2", "手办化3")];

/// What the grammar depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrammarConfig {
    /// Marks that make a text a command. Empty ones are ignored; without any, only mentions and direct chats work.
    pub prefixes: Vec<String>,
    /// The presets that may be called by name. Of two equal spellings the first counts; a verb beats both.
    pub presets: Vec<PresetName>,
}

/// A preset as far as the grammar needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresetName {
    /// The name, as [`Command::preset`] gives it back.
    pub name: String,
    /// Other spellings.
    pub aliases: Vec<String>,
    /// What it makes: clip presets are found behind 视频 only, all others behind 生图 and 改图.
    pub feature: Feature,
}

/// Where a text was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Whether the prefix may be missing: the text mentions the bot or stands in a direct chat.
    pub bare_allowed: bool,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Not a command of ours; say nothing.
    NotForUs,
    /// A command.
    Command(Command),
    /// A command whose prompt is longer than `limit` characters; say so.
    TooLong {
        /// What it would do.
        verb: Verb,
        /// [`PROMPT_LIMIT`].
        limit: usize,
    },
}

/// The command grammar for one configuration. Built once, then shared; reading a text changes nothing.
#[derive(Clone, Debug)]
pub struct Grammar {
    /// Folded, longest first.
    prefixes: Vec<Box<str>>,
    /// By the first folded character; within one, the longest spelling first.
    spellings: BTreeMap<char, Vec<Spelling>>,
    presets: Vec<PresetName>,
}

#[derive(Clone, Debug)]
struct Spelling {
    folded: Box<str>,
    length: usize,
    meaning: Meaning,
}

/// The start of a command: everything up to the end of its verb.
#[derive(Clone, Copy)]
struct Head<'a> {
    meaning: Meaning,
    /// For 批量: how many, and `meaning` is the repeated verb's.
    batch: Option<u8>,
    /// The verb as typed.
    spelling: &'a str,
    /// Everything behind the verb.
    rest: &'a str,
}

impl Grammar {
    /// Builds the grammar of a configuration.
    pub fn new(config: GrammarConfig) -> Self {
        let mut prefixes: Vec<Box<str>> =
            config.prefixes.iter().map(|prefix| folded(prefix).into()).collect();
        prefixes.retain(|prefix| !prefix.is_empty());
        prefixes.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        prefixes.dedup();

        let mut seen = BTreeSet::new();
        let mut spellings: BTreeMap<char, Vec<Spelling>> = BTreeMap::new();
        let table = TABLE.iter().map(|(spelling, meaning)| ((*spelling).to_owned(), *meaning));
        for (spelling, meaning) in table.chain(preset_spellings(&config.presets)) {
            let Some(first) = spelling.chars().next() else { continue };
            if seen.insert(spelling.clone()) {
                let length = spelling.chars().count();
                spellings.entry(first).or_default().push(Spelling {
                    folded: spelling.into(),
                    length,
                    meaning,
                });
            }
        }
        for list in spellings.values_mut() {
            list.sort_by_key(|spelling| std::cmp::Reverse(spelling.length));
        }
        Self { prefixes, spellings, presets: config.presets }
    }

    /// Whether `text` begins like a command: separating characters, a prefix, a verb. Looks at the beginning only and
    /// allocates nothing, so it may be asked about every message of every group. `true` is no promise that
    /// [`Self::parse`] finds a command, `false` is one that it finds none unless the prefix may be missing.
    pub fn starts_command(&self, text: &str) -> bool {
        self.after_prefix(text).is_some()
    }

    /// Reads `text`.
    pub fn parse(&self, text: &str, cx: Context) -> Parsed {
        let bare = || {
            let head = || self.head(text.trim_start_matches(is_space)).or_else(|| self.plain_help(text));
            cx.bare_allowed.then(head)?
        };
        self.after_prefix(text).or_else(bare).map_or(Parsed::NotForUs, |head| self.finish(head))
    }

    /// `帮助`, with a prefix or without. Read only where the bot is spoken to: `/帮助` in a group is as likely meant for
    /// another bot, and all of them answering would be a nuisance.
    fn plain_help<'a>(&self, text: &'a str) -> Option<Head<'a>> {
        let text = text.trim_start_matches(is_space);
        let text = self.prefixes.iter().find_map(|prefix| strip(text, prefix)).unwrap_or(text);
        let rest = strip(text, HELP).filter(|rest| ends_whole_word(rest))?;
        let spelling = text.get(..text.len() - rest.len())?;
        Some(Head { meaning: Meaning::Verb(Verb::Help(HelpTopic::All)), batch: None, spelling, rest })
    }

    /// What a person asks for who mentions the bot and says nothing: help.
    pub fn nothing_said() -> Command {
        Command::of(Verb::Help(HelpTopic::All), HELP)
    }

    fn after_prefix<'a>(&self, text: &'a str) -> Option<Head<'a>> {
        let text = text.trim_start_matches(is_space);
        self.prefixes.iter().find_map(|prefix| self.head(strip(text, prefix)?))
    }

    fn head<'a>(&self, text: &'a str) -> Option<Head<'a>> {
        let head = self.verb(text)?;
        if head.meaning != Meaning::Batch {
            return Some(head);
        }
        let (count, rest) = number(head.rest.trim_start_matches(is_space), 2)?;
        let count = u8::try_from(count).ok().filter(|count| *count > 0)?;
        let inner = self.verb(rest.trim_start_matches(is_space))?;
        let repeatable = match inner.meaning {
            Meaning::Verb(verb) => verb.repeated().is_some(),
            Meaning::Preset(_) => true,
            Meaning::Batch => false,
        };
        repeatable.then_some(Head { batch: Some(count), ..inner })
    }

    /// The longest spelling at the start of `text` that ends where its kind must end.
    fn verb<'a>(&self, text: &'a str) -> Option<Head<'a>> {
        let first = fold(text.chars().next()?);
        self.spellings.get(&first)?.iter().find_map(|spelling| {
            let rest = spelling.strip(text)?;
            let ends = match spelling.meaning {
                Meaning::Batch => true,
                Meaning::Verb(verb) if !verb.takes_prompt() => {
                    ends_whole_word(rest) || (verb.takes_job() && job_number(rest).is_some())
                }
                Meaning::Verb(_) | Meaning::Preset(_) => spelling.may_be_glued_to(rest),
            };
            let typed = text.get(..text.len() - rest.len())?;
            ends.then_some(Head { meaning: spelling.meaning, batch: None, spelling: typed, rest })
        })
    }

    fn finish(&self, head: Head<'_>) -> Parsed {
        let verb = match head.meaning {
            Meaning::Verb(verb) => verb,
            Meaning::Preset(_) => Verb::Preset,
            Meaning::Batch => return Parsed::NotForUs,
        };
        let mut command = Command::of(verb, head.spelling);
        command.preset = self.preset_name(head.meaning);
        let complete = if verb.takes_prompt() {
            self.with_prompt(&mut command, head.rest, head.batch)
        } else {
            with_arguments(&mut command, head.rest)
        };
        match complete {
            Some(()) if command.fits() => Parsed::Command(command),
            Some(()) => Parsed::TooLong { verb: command.verb, limit: PROMPT_LIMIT },
            None => Parsed::NotForUs,
        }
    }

    /// Reads `text` as what stands behind 生图 or 改图 (`verb`), where nobody types a verb: everything but help. `None`
    /// when the prompt is longer than [`PROMPT_LIMIT`] characters.
    pub fn order(&self, verb: Verb, text: &str) -> Option<Command> {
        let mut command = Command::of(verb, verb.name());
        self.read_prompt(&mut command, text, true);
        command.fits().then_some(command)
    }

    fn with_prompt(&self, command: &mut Command, rest: &str, batch: Option<u8>) -> Option<()> {
        if let (None, None, Some(topic)) = (provider(rest).0, batch, help_topic(command, rest)) {
            command.verb = Verb::Help(topic);
            return Some(());
        }
        self.read_prompt(command, rest, batch.is_none());
        if let Some(count) = batch {
            command.count = count;
            command.verb = Verb::Batch(command.verb.repeated()?);
        }
        Some(())
    }

    /// `@provider`, preset, wishes and prompt; `counts` = whether `x2` may be a wish.
    fn read_prompt(&self, command: &mut Command, rest: &str, counts: bool) {
        let (provider, rest) = provider(rest);
        command.provider = provider.map(folded);
        let rest = &*printable(trim(rest));
        if rest.chars().nth(PROMPT_LIMIT * 2).is_some() {
            // Far too long whatever its wishes take away: no need to look for them.
            rest.clone_into(&mut command.prompt);
            return;
        }
        let split = wishes::split(rest, counts);
        command.prompt = split.prompt;
        command.output = split.output;
        command.count = split.count.unwrap_or(1);

        if let Some((preset, rest)) = self.named_preset(command) {
            command.preset = preset;
            command.prompt = rest;
        }
        let words = without_marks(&command.prompt);
        if words.len() < command.prompt.len() {
            command.prompt = words.to_owned();
        }
        if folded(&command.spelling) == AIIMG
            && let Some(preset) = &mut command.preset
            && let Some((_, meant)) = AIIMG_FIGURINES.iter().find(|(said, _)| said == preset)
            && self.presets.iter().any(|known| known.name == *meant)
        {
            (*meant).clone_into(preset);
        }
    }

    /// The preset that the prompt's first word names, and the prompt behind it.
    fn named_preset(&self, command: &Command) -> Option<(Option<String>, String)> {
        let clips = match command.verb {
            Verb::Draw | Verb::Edit => false,
            Verb::Video => true,
            _ => return None,
        };
        let first = fold(command.prompt.chars().next()?);
        self.spellings.get(&first)?.iter().find_map(|spelling| {
            let Meaning::Preset(index) = spelling.meaning else { return None };
            let rest = spelling.strip(&command.prompt)?;
            let alone = rest.chars().next().is_none_or(|next| is_space(next) || wishes::ends_word(next));
            let fits = (self.presets.get(index)?.feature == Feature::Video) == clips;
            (alone && fits).then(|| (self.preset_name(spelling.meaning), trim(rest).to_owned()))
        })
    }

    fn preset_name(&self, meaning: Meaning) -> Option<String> {
        let Meaning::Preset(index) = meaning else { return None };
        self.presets.get(index).map(|preset| preset.name.clone())
    }
}

impl Command {
    /// A command with nothing behind its verb yet.
    fn of(verb: Verb, spelling: &str) -> Self {
        Self {
            verb,
            spelling: spelling.to_owned(),
            provider: None,
            preset: None,
            prompt: String::new(),
            output: OutputWish::default(),
            count: 1,
            job: None,
        }
    }

    fn fits(&self) -> bool {
        self.prompt.chars().count() <= PROMPT_LIMIT
    }
}

impl Spelling {
    /// What follows this spelling at the start of `text`. A preset's last digit may stand apart (`手办化 2`), and it
    /// belongs to the name only before a space, the end or `@provider`, and only if no measure word comes next.
    fn strip<'a>(&self, text: &'a str) -> Option<&'a str> {
        if !matches!(self.meaning, Meaning::Preset(_)) {
            return strip(text, &self.folded);
        }
        let Some(digit) = self.folded.chars().next_back().filter(char::is_ascii_digit) else {
            return strip(text, &self.folded);
        };
        let stem = self.folded.strip_suffix(digit)?;
        let behind_stem = strip(text, stem)?.trim_start_matches(is_space);
        let mut rest = behind_stem.chars();
        if rest.next().map(fold) != Some(digit) {
            return None;
        }
        let rest = rest.as_str();
        let ends = match rest.chars().next() {
            None => true,
            Some(next) if is_space(next) => !measure::follows(rest),
            Some(next) => provider(rest).0.is_some() || (fold(next) != '.' && wishes::ends_word(next)),
        };
        ends.then_some(rest)
    }

    /// Whether a prompt may begin right where this spelling ends. A word of ASCII letters ends at a space, at a change
    /// of script, and before `@`, a comma or a colon of either width; a Chinese one ends anywhere.
    fn may_be_glued_to(&self, rest: &str) -> bool {
        let Some(next) = rest.chars().next() else { return true };
        let ascii = self.folded.chars().next_back().is_some_and(|last| last.is_ascii_alphanumeric());
        !ascii || is_space(next) || matches!(fold(next), '@' | ',' | ':') || !fold(next).is_ascii()
    }
}

/// Every folded spelling of every preset, and `手办化1` for `手办化` where there is a `手办化2`.
fn preset_spellings(presets: &[PresetName]) -> Vec<(String, Meaning)> {
    let mut spellings: Vec<(String, Meaning)> = presets
        .iter()
        .enumerate()
        .flat_map(|(index, preset)| {
            let names = std::iter::once(&preset.name).chain(&preset.aliases);
            names.map(move |name| (folded(name), Meaning::Preset(index)))
        })
        .collect();
    let known: BTreeSet<&str> = spellings.iter().map(|(spelling, _)| spelling.as_str()).collect();
    let firsts: Vec<_> = spellings
        .iter()
        .filter(|(spelling, _)| known.contains(format!("{spelling}2").as_str()))
        .map(|(spelling, meaning)| (format!("{spelling}1"), *meaning))
        .collect();
    spellings.extend(firsts);
    spellings
}

/// `text` without control characters, which nobody types and no model needs; those that separate words become spaces.
fn printable(text: &str) -> Cow<'_, str> {
    let is_noise = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if !text.contains(is_noise) {
        return Cow::Borrowed(text);
    }
    let kept = |c: char| match c {
        c if !is_noise(c) => Some(c),
        c if is_space(c) => Some(' '),
        _ => None,
    };
    Cow::Owned(trim(&text.chars().filter_map(kept).collect::<String>()).to_owned())
}

/// `prompt` without the marks at its start that set it apart from its command (`生图：猫`). What is nothing but ASCII marks
/// stays: `:)` is a prompt.
fn without_marks(prompt: &str) -> &str {
    let words = prompt.trim_start_matches(|c| matches!(fold(c), ',' | ':' | ';' | '、') || is_space(c));
    let is_mark = |c: char| fold(c).is_ascii_punctuation() || is_space(c);
    if !words.is_empty() && words.chars().all(is_mark) { prompt } else { words }
}

fn ends_whole_word(rest: &str) -> bool {
    rest.chars().next().is_none_or(is_space)
}

/// A job's number behind a verb: `3`, ` 3`, ` #3`, then a space or the end.
fn job_number(rest: &str) -> Option<(u32, &str)> {
    let rest = rest.trim_start_matches(is_space);
    let (job, rest) = number(strip(rest, "#").unwrap_or(rest), 10)?;
    ends_whole_word(rest).then_some((job, rest))
}

/// Arguments of a verb without a prompt.
fn with_arguments(command: &mut Command, rest: &str) -> Option<()> {
    let mut rest = trim(rest);
    match command.verb {
        verb if verb.takes_job() => {
            if let Some((job, behind)) = job_number(rest) {
                command.job = Some(job);
                rest = trim(behind);
            } else if verb == Verb::Cancel && !rest.is_empty() {
                // `/取消 明天的闹钟` is another bot's; taking it for ours would stop a picture somebody waits for.
                return None;
            }
        }
        Verb::SelfieRef(SelfieRef::Help) => {
            let end = rest.find(is_space).unwrap_or(rest.len());
            let (word, behind) = rest.split_at_checked(end)?;
            command.verb = Verb::SelfieRef(SelfieRef::named(&folded(word)));
            rest = trim(behind);
        }
        Verb::Help(HelpTopic::All) => match folded(rest).as_str() {
            "draw" | "生图" => command.verb = Verb::Help(HelpTopic::Draw),
            "edit" | "改图" => command.verb = Verb::Help(HelpTopic::Edit),
            _ => {}
        },
        _ => {}
    }
    // Arguments are short; what is longer than any prompt is refused like one, without copying megabytes first.
    let end = rest.char_indices().nth(PROMPT_LIMIT + 1).map_or(rest.len(), |(at, _)| at);
    rest.get(..end)?.clone_into(&mut command.prompt);
    Some(())
}

/// `@name` at the start of `rest`. A name of ASCII ends where the ASCII ends, so that a prompt may be glued to it;
/// any other name ends at a space.
fn provider(rest: &str) -> (Option<&str>, &str) {
    let Some(behind) = strip(rest, "@") else { return (None, rest) };
    let ascii = behind.chars().next().is_some_and(|c| fold(c).is_ascii());
    let in_name = |c: char| (c.is_alphanumeric() || matches!(c, '-' | '_' | '.')) && (!ascii || c.is_ascii());
    let end = behind.find(|c| !in_name(fold(c))).unwrap_or(behind.len());
    match behind.split_at_checked(end) {
        Some((name, rest)) if !name.is_empty() => (Some(name), rest),
        _ => (None, rest),
    }
}

/// `生图帮助`, `aiimg 帮助`, `改图帮助`, `draw help`, as the whole text.
fn help_topic(command: &Command, rest: &str) -> Option<HelpTopic> {
    let is = |word| strip(trim(rest), word).is_some_and(str::is_empty);
    if !is(HELP) && !is("help") {
        return None;
    }
    match command.verb {
        Verb::Video => Some(HelpTopic::All),
        Verb::Draw if folded(&command.spelling) == AIIMG => Some(HelpTopic::All),
        Verb::Draw => Some(HelpTopic::Draw),
        Verb::Edit => Some(HelpTopic::Edit),
        _ => None,
    }
}
