//! Taking a prompt out of what a service says, however the service spells it.
//!
//! Texts are compared by what they mean: a JSON escape (`\n`, `\"`, `\u4e00`, `\u4E00`, surrogate pairs) counts as the
//! character that it stands for, however often the text was put into JSON again, in which case only the backslashes
//! multiply. What is cut out is always a stretch of the text as it was written.

use std::{iter::Peekable, ops::Range, str::CharIndices};

use crate::control_words::LOOKALIKES;

/// What stands in a prompt's place.
const GONE: &str = "…";
/// Characters from which on the beginning of a prompt is taken for an echo that was cut short.
const START: usize = 12;

/// `text` without every echo of the prompt, for judging: whole, by lines, or cut short. Echoes that are written with
/// fewer than four characters stay, because they may as well be the service's own words.
pub(super) fn without_prompt(text: &str, prompt: &str) -> String {
    remove(text, prompt, |echo| echo.chars().count() >= 4)
}

/// The same for the log, where a word lost is cheap: two Chinese characters are a prompt already.
pub(super) fn for_log(text: &str, prompt: &str) -> String {
    remove(text, prompt, |echo| echo.len() >= 4)
}

fn remove(text: &str, prompt: &str, counts: impl Fn(&str) -> bool) -> String {
    let prompt = prompt.trim();
    let units: Vec<_> = units(text).collect();
    let mut gone = vec![false; units.len()];
    // The whole first: a line of its own may be part of it.
    take_out(text, &units, &mut gone, prompt, START, &counts);
    for line in prompt.lines().map(str::trim).filter(|line| line.len() >= 4 && *line != prompt) {
        take_out(text, &units, &mut gone, line, usize::MAX, &counts);
    }
    let mut out = String::with_capacity(text.len());
    let (mut end, mut before) = (0, false);
    for ((_, at), gone) in units.iter().zip(gone) {
        match (gone, before) {
            (false, _) => out.push_str(text.get(at.clone()).unwrap_or_default()),
            (true, false) => out.push_str(GONE),
            (true, true) => {}
        }
        (end, before) = (at.end, gone);
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// Marks the stretches that say the first `start` or more characters of `part`, or all of it if it is shorter.
fn take_out(
    text: &str,
    units: &[(char, Range<usize>)],
    gone: &mut [bool],
    part: &str,
    start: usize,
    counts: impl Fn(&str) -> bool,
) {
    let wanted: Vec<char> = self::units(part).map(|(letter, _)| letter).collect();
    let shortest = start.min(wanted.len()).max(1);
    let mut at = 0;
    while let Some(rest) = units.get(at..).filter(|rest| !rest.is_empty()) {
        let left = gone.get(at..).unwrap_or_default();
        let same = rest.iter().zip(&wanted).zip(left);
        let length = same.take_while(|(((letter, _), wanted), gone)| letter == *wanted && !**gone).count();
        let echo = rest.get(..length).and_then(|echo| {
            let ((_, first), (_, last)) = (echo.first()?, echo.last()?);
            text.get(first.start..last.end)
        });
        if length >= shortest && echo.is_some_and(&counts) {
            gone.iter_mut().skip(at).take(length).for_each(|gone| *gone = true);
            at += length;
        } else {
            at += 1;
        }
    }
}

/// The characters that a text stands for, each with where it is written.
fn units(text: &str) -> impl Iterator<Item = (char, Range<usize>)> {
    let mut letters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (from, mut letter) = letters.next()?;
        let mut escaped = false;
        while letter == '\\' {
            // Backslashes at the end of the text belong to nothing.
            (_, letter) = letters.next()?;
            escaped = true;
        }
        if escaped {
            letter = match letter {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => by_number(&mut letters).unwrap_or(letter),
                other => other,
            };
        }
        let end = letters.peek().map_or(text.len(), |(at, _)| *at);
        // Prompts go to some engines with look-alikes of letters that would steer them.
        let original = LOOKALIKES.iter().find(|(alike, _)| *alike == letter);
        Some((original.map_or(letter, |(_, original)| *original), from..end))
    })
}

/// The character behind `\u`. Takes nothing when there is no number.
fn by_number(letters: &mut Peekable<CharIndices<'_>>) -> Option<char> {
    let mut ahead = letters.clone();
    let unit = hex(&mut ahead)?;
    if (0xd800..0xdc00).contains(&unit) {
        let mut pair = ahead.clone();
        let mut backslashes = 0;
        while pair.next_if(|(_, letter)| *letter == '\\').is_some() {
            backslashes += 1;
        }
        let second = if backslashes > 0 && pair.next_if(|(_, letter)| *letter == 'u').is_some() {
            hex(&mut pair)
        } else {
            None
        };
        if let Some(Ok(letter)) = second.and_then(|second| char::decode_utf16([unit, second]).next()) {
            *letters = pair;
            return Some(letter);
        }
    }
    *letters = ahead;
    // Half a pair stands for nothing.
    Some(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// Four hexadecimal digits.
fn hex(letters: &mut Peekable<CharIndices<'_>>) -> Option<u16> {
    let mut number = 0;
    for _ in 0..4 {
        let digit = letters.next_if(|(_, letter)| letter.is_ascii_hexdigit())?.1.to_digit(16)?;
        number = number << 4 | u16::try_from(digit).ok()?;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A text as the inside of a JSON string.
    fn json(text: &str) -> String {
        let json = serde_json::to_string(text).unwrap();
        json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap().to_owned()
    }

    fn ascii(text: &str, upper: bool) -> String {
        let json = json(text);
        let mut units = [0; 2];
        let letters = json.chars().map(|letter| {
            if letter.is_ascii() {
                return letter.to_string();
            }
            let units = letter.encode_utf16(&mut units).iter();
            units
                .map(|unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") })
                .collect()
        });
        letters.collect()
    }

    /// The ways in which services write a text.
    fn spellings(text: &str) -> Vec<String> {
        let once = json(text);
        let again = json(&once);
        let (lower, upper) = (ascii(text, false), ascii(text, true));
        vec![text.to_owned(), once.replace('/', "\\/"), once, again, ascii(&lower, false), lower, upper]
    }

    #[test]
    fn every_spelling_is_known() {
        let prompt = "画一家店，霓虹灯牌写着 \"OPEN\"\n旁边是 C:\\new 和 a/b 😀";
        for echo in spellings(prompt) {
            assert_eq!(for_log(&format!("bad: {echo}."), prompt), "bad: ….", "{echo}");
            assert_eq!(without_prompt(&format!("bad: {echo}."), prompt), "bad: ….", "{echo}");
        }
        assert_eq!(for_log("bad: ‹lora:猫:9> a｜b.", "<lora:猫:9> a|b"), "bad: ….");
    }

    #[test]
    fn own_words_stay() {
        for (text, prompt) in [
            ("no such thing", ""),
            ("a \\ b \\u12 \\ud83d \\", "猫"),
            ("the cat", "cat"),
            ("内容违规", "违规"),
            ("a shop", "a shop with a sign"),
        ] {
            assert_eq!(without_prompt(text, prompt), text);
        }
        assert_eq!(for_log("画 一只猫", "一只猫"), "画 …");
    }

    proptest! {
        #[test]
        fn an_echo_goes_wherever_it_is_cut(prompt in "[a-z一-丟\"\n😀]{13,60}", cut in 12_usize..60) {
            let prompt = format!("x{}y", prompt.trim());
            let cut: String = prompt.chars().take(cut).collect();
            for echo in spellings(&cut) {
                prop_assert_eq!(for_log(&format!("<{echo}>"), &prompt), "<…>");
            }
        }

        #[test]
        fn nothing_is_lost_without_an_echo(text in "\\PC{0,80}|(\\\\|u|[0-9a-f]|[dD]8){0,40}") {
            prop_assert_eq!(for_log(&text, "ZZZZ·no such prompt"), text);
        }
    }
}
