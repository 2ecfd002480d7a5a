//! Characters that people type in two widths, and characters that nobody sees.

/// The half-width, lower-case form of a character: `Ａ` and `A` become `a`, `：` becomes `:`, `／` becomes `/`, an
/// ideographic space becomes a space. Everything else stays. Folding twice changes nothing more.
pub fn fold(c: char) -> char {
    let narrow = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{3000}' | '\u{A0}' => ' ',
        '\u{FF61}' => '。',
        '\u{FF64}' => '、',
        _ => c,
    };
    narrow.to_ascii_lowercase()
}

/// Whether a character separates words without being seen: white space of every script, and the zero-width and
/// direction marks that chat clients leave in copied text.
pub fn is_space(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{2069}'
                | '\u{FEFF}'
                | '\u{FFFC}'
        )
}

/// `text` without the separating characters around it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// What follows `folded` at the start of `text`, both compared folded; `None` when `text` starts otherwise.
pub(super) fn strip<'a>(text: &'a str, folded: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for expected in folded.chars() {
        if rest.next().map(fold) != Some(expected) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// Reads a number of at most `digits` digits of either width at the start of `text`.
pub(super) fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let mut rest = text;
    let mut value: Option<u32> = None;
    for _ in 0..digits {
        let mut chars = rest.chars();
        let Some(digit) = chars.next().and_then(|c| fold(c).to_digit(10)) else { break };
        value = Some(value.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
        rest = chars.as_str();
    }
    Some((value?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_widths() {
        let typed = "／ＡＩｉｍｇ　２０４８ｘ１１５２　１６：９！。";
        assert_eq!(typed.chars().map(fold).collect::<String>(), "/aiimg 2048x1152 16:9!。");
    }

    #[test]
    fn numbers() {
        assert_eq!(number("１2只", 9), Some((12, "只")));
        assert_eq!(number("123", 2), Some((12, "3")));
        assert_eq!(number("猫", 2), None);
        assert_eq!(number("99999999999", 11), None);
    }
}
