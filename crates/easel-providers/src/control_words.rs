//! Words in a prompt that drawing engines obey instead of drawing: people's prompts must not steer the owner's machine.
//!
//! Nothing is cut out, because what is left could join to a new control word: one character becomes its look-alike,
//! which the engine draws and doesn't obey. [`crate::classify`] takes the look-alikes for the originals when it looks
//! for echoes of a prompt.

use std::borrow::Cow;

/// What stands in place of `<` and `|`.
pub(crate) const LOOKALIKES: [(char, char); 2] = [('‹', '<'), ('｜', '|')];

/// Tags that local engines obey, in lower case: those of `stable-diffusion.cpp` (arguments of a request, `LoRA`) and of the
/// AUTOMATIC1111 family (extra networks).
const TAGS: [&str; 4] = [ARGUMENTS, "lora:", "lyco:", "hypernet:"];
const ARGUMENTS: &str = "sd_cpp_extra_args";

/// Disarms tags such as `<lora:name:1>` and `<sd_cpp_extra_args>`, closing ones included.
pub(crate) fn without_tags(prompt: &str) -> Cow<'_, str> {
    disarmed(prompt, &TAGS)
}

/// Disarms `<sd_cpp_extra_args>` alone.
pub(crate) fn without_arguments(prompt: &str) -> Cow<'_, str> {
    disarmed(prompt, &[ARGUMENTS])
}

fn disarmed<'a>(prompt: &'a str, tags: &[&str]) -> Cow<'a, str> {
    if !prompt.contains('<') {
        return Cow::Borrowed(prompt);
    }
    let lower = prompt.to_ascii_lowercase();
    let obeyed = |at: usize| {
        let rest = lower.get(at + 1..).unwrap_or_default();
        let name = rest.trim_start_matches(|letter: char| letter == '/' || letter.is_whitespace());
        tags.iter().any(|tag| name.starts_with(tag))
    };
    let letter = |(at, letter)| if letter == '<' && obeyed(at) { '‹' } else { letter };
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
