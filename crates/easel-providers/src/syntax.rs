//! What local engines read as commands inside a prompt, and how it becomes plain words. Prompts are written by anybody
//! in a chat, so only the owner may allow it.
//!
//! Facts: the sources of A1111's web UI (`extra_networks`, `prompt_parser`) and of stable-diffusion.cpp's server.

/// The owner's permission, a key of `extra`.
pub(crate) const ALLOW: &str = "allow_prompt_syntax";

/// The tag in which stable-diffusion.cpp takes parameters.
const EXTRA_ARGS: &str = "sd_cpp_extra_args";

/// `prompt` without extra networks (`<lora:…>` and everything of that form), without the parameters of
/// stable-diffusion.cpp, and with the commands `AND` and `BREAK` as the words that they are.
pub(crate) fn tamed(prompt: &str) -> String {
    let mut text = prompt.to_owned();
    // What is taken out may leave a new tag behind, so until nothing changes; each round makes the text shorter.
    while let Some(shorter) = without_tag(&text) {
        text = shorter;
    }
    words(&text)
}

/// Takes one tag out.
fn without_tag(text: &str) -> Option<String> {
    text.match_indices('<').find_map(|(from, _)| {
        let inside = text.get(from + 1..)?;
        let end = from + 1 + tag(inside)?;
        Some(format!("{}{}", text.get(..from)?, text.get(end..)?))
    })
}

/// The length of what follows a `<`, where it is a tag that means something.
fn tag(inside: &str) -> Option<usize> {
    if let Some(name) = inside.strip_prefix('/')
        && starts_with(name, EXTRA_ARGS)
    {
        return Some(inside.find('>').map_or(inside.len(), |at| at + 1));
    }
    if starts_with(inside, EXTRA_ARGS) {
        let closing = format!("</{EXTRA_ARGS}>");
        let lower = inside.to_ascii_lowercase();
        // An open one reaches to the end.
        return Some(lower.find(&closing).map_or(inside.len(), |at| at + closing.len()));
    }
    // `<name:anything>`, as the web UI reads it.
    let end = inside.find('>')?;
    let (name, _) = inside.get(..end)?.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    is_name.then_some(end + 1)
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// The commands that are whole words in capitals, in small letters.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for letter in text.chars().map(Some).chain([None]) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(prompt: &str, expected: &str) {
        assert_eq!(tamed(prompt), expected);
    }

    #[test]
    fn commands_become_words_and_words_stay() {
        check("一只猫 <lora:evil:1.5>, 雨夜", "一只猫 , 雨夜");
        check("<hypernet:x><lyco:y:1>cat", "cat");
        check("<lo<lora:a:1>ra:b:1>cat", "cat");
        check("<LORA:a>cat", "cat");
        check("cat AND dog BREAK rain", "cat and dog break rain");
        check("BRAND ANDES BREAKFAST AND_1", "BRAND ANDES BREAKFAST AND_1");
        check("AND", "and");
        check("x <sd_cpp_extra_args>{\"steps\": 999}</sd_cpp_extra_args> y", "x  y");
        check("x <SD_cpp_extra_args>{\"steps\": 999}", "x ");
        check("x </sd_cpp_extra_args> y", "x  y");
        for plain in
            ["a < b and c > d", "1 <3 :) 2>1", "<b>bold</b>", "(fox:1.2) [snow]", "比例<16:9", "a <: b>"]
        {
            check(plain, plain);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_take_out(text in "[<>:/a-cAND ]{0,40}|(<lora:|<|>|<sd_cpp_extra_args>|AND|é){0,12}") {
            let once = tamed(&text);
            prop_assert_eq!(tamed(&once), once.clone());
            prop_assert!(!once.contains("<lora:") || !once.contains('>') || once.rfind('>') < once.rfind("<lora:"));
        }
    }
}
