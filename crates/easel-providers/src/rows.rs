//! What is known of models by the beginnings of their names: data, looked up the same way everywhere.
//!
//! Names rot faster than programs: an unknown model is tried with its family's default and learns from refusals. No
//! behaviour hangs on a name beyond a row.

/// The row of a model: the first whose beginning fits. A vendor before a slash doesn't count, nor do capitals.
pub(crate) fn of<T: Copy>(rows: &[(&str, T)], model: &str) -> Option<T> {
    let name = model.rsplit('/').next().unwrap_or(model).trim().to_ascii_lowercase();
    rows.iter().find(|(start, _)| name.starts_with(start)).map(|(_, row)| *row)
}

/// The largest tiers that models reach, whoever serves them. Sources: OpenAI's image generation guide (sizes per
/// model), Google's Gemini API documentation ("Image generation": `imageSize` per model).
const TIERS: &[(&str, u8)] = &[
    ("gpt-image-1", 1),
    ("chatgpt-image", 1),
    ("gpt-image-", 4),
    ("dall-e-", 1),
    ("dalle-", 1),
    ("gemini-2.5-flash-image", 1),
    ("gemini-3.1-flash-lite-image", 1),
    ("gemini-3-pro-image", 4),
    ("gemini-3.1-flash-image", 4),
    ("gemini-nano-banana-2", 4),
    ("nano-banana-2", 4),
    ("nano-banana-pro", 4),
];

/// The largest tier of a model, `None` when nothing is known of it.
pub(crate) fn tier(model: &str) -> Option<u8> {
    of(TIERS, model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_beginning_that_fits_counts() {
        let rows = [("gpt-image-1", 1), ("gpt-image-", 2), ("dall-e-3", 3)];
        for (model, row) in [
            ("gpt-image-1.5", Some(1)),
            ("openai/GPT-Image-2.6-flare", Some(2)),
            ("dall-e-3", Some(3)),
            ("dall-e-2", None),
            ("", None),
        ] {
            assert_eq!(of(&rows, model), row, "{model}");
        }
        assert_eq!((tier("google/gemini-3-pro-image-preview"), tier("seedream")), (Some(4), None));
    }
}
