//! Words in a prompt that drawing engines obey instead of drawing: people's prompts must not steer the owner's machine.
//!
//! Nothing is cut out, because what is left could join to a new control word: one character becomes its look-alike,
//! which the engine draws and doesn't obey. [`crate::classify`] takes the look-alikes for the originals when it looks
//! for echoes of a prompt.

use std::borrow::Cow;

/// What stands in place of `<` and `|`.
pub(crate) const LOOKALIKES: [(char, char); 2] = [('‹', '<'), ('｜', '|')];

/// The owner's permission for people to use all of this, a key of `extra`.
pub(crate) const ALLOW: &str = "allow_prompt_syntax";

/// The tag in which stable-diffusion.cpp takes arguments of a request, in lower case.
const ARGUMENTS: &str = "sd_cpp_extra_args";

/// Disarms tags such as `<lora:name:1>` and `<sd_cpp_extra_args>`, closing ones included. Sources: stable-diffusion.cpp's
/// server, and `extra_networks` of A1111's web UI, where every `<name:…>` is one.
pub(crate) fn without_tags(prompt: &str) -> Cow<'_, str> {
    disarmed(prompt, |name| name.starts_with(ARGUMENTS) || is_network(name))
}

/// Disarms `<sd_cpp_extra_args>` alone.
pub(crate) fn without_arguments(prompt: &str) -> Cow<'_, str> {
    disarmed(prompt, |name| name.starts_with(ARGUMENTS))
}

/// A prompt of which the engines around A1111 obey nothing.
pub(crate) fn tamed(prompt: &str) -> String {
    without_commands(&without_tags(prompt))
}

/// Makes the commands of A1111's prompt parser that are whole words in capitals (`AND`, `BREAK`) the words that they are.
fn without_commands(prompt: &str) -> String {
    let mut out = String::with_capacity(prompt.len());
    let mut word = String::new();
    for letter in prompt.chars().map(Some).chain([None]) {
        match letter {
            Some(letter) if letter.is_alphanumeric() || letter == '_' => word.push(letter),
            other => {
                if matches!(word.as_str(), "AND" | "BREAK") {
                    word.make_ascii_lowercase();
                }
                out.push_str(&word);
                word.clear();
                out.extend(other);
            }
        }
    }
    out
}

/// Whether what follows a `<` reads as `name:…`.
fn is_network(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

fn disarmed(prompt: &str, obeyed: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !prompt.contains('<') {
        return Cow::Borrowed(prompt);
    }
    let lower = prompt.to_ascii_lowercase();
    let is_obeyed = |at: usize| {
        let rest = lower.get(at + 1..).unwrap_or_default();
        obeyed(rest.trim_start_matches(|letter: char| letter == '/' || letter.is_whitespace()))
    };
    let letter = |(at, letter)| if letter == '<' && is_obeyed(at) { '‹' } else { letter };
    Cow::Owned(prompt.char_indices().map(letter).collect())
}

/// Disarms `|`, behind which `LocalAI` reads what must not be in the picture.
pub(crate) fn without_bars(prompt: &str) -> Cow<'_, str> {
    if prompt.contains('|') { Cow::Owned(prompt.replace('|', "｜")) } else { Cow::Borrowed(prompt) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_tags_are_disarmed_and_other_brackets_stay() {
        for (prompt, expected) in [
            ("a cat", "a cat"),
            ("1 < 2 and <b>bold</b> <3", "1 < 2 and <b>bold</b> <3"),
            ("a <lora:x:9> b", "a ‹lora:x:9> b"),
            ("< LoRA:x:9>", "‹ LoRA:x:9>"),
            (
                "<sd_cpp_extra_args>{\"seed\":1}</sd_cpp_extra_args>",
                "‹sd_cpp_extra_args>{\"seed\":1}‹/sd_cpp_extra_args>",
            ),
            ("<<lora:x:1>lora:y:1>", "<‹lora:x:1>lora:y:1>"),
            ("<lyco:猫:1><hypernet:h:1>", "‹lyco:猫:1>‹hypernet:h:1>"),
        ] {
            assert_eq!(without_tags(prompt), expected);
        }
        assert_eq!(without_arguments("<lora:x:1></sd_cpp_extra_args>"), "<lora:x:1>‹/sd_cpp_extra_args>");
        assert_eq!(without_bars("a|b｜c"), "a｜b｜c");
    }

    #[test]
    fn commands_in_capitals_become_words() {
        for (prompt, expected) in [
            ("cat AND dog BREAK rain", "cat and dog break rain"),
            ("BRAND ANDES BREAKFAST AND_1", "BRAND ANDES BREAKFAST AND_1"),
            ("AND", "and"),
            ("(fox:1.2) [snow] 雨", "(fox:1.2) [snow] 雨"),
        ] {
            assert_eq!(without_commands(prompt), expected);
        }
    }

    proptest! {
        #[test]
        fn no_tag_survives(prompt in "(<|/| |lora:|LORA:|sd_cpp_extra_args>|x|猫|\\|){0,20}") {
            let disarmed = without_tags(&prompt).to_lowercase();
            prop_assert!(!disarmed.contains("<lora:") && !disarmed.contains("<sd_cpp") && !disarmed.contains("</sd_cpp"));
            prop_assert!(!without_bars(&prompt).contains('|'));
            prop_assert_eq!(disarmed.chars().count(), prompt.chars().count());
        }
    }
}
