//! What a model is asked for: presets and the instruction that is sent when a person gave none.
//!
//! Builds texts only; which provider gets them, and whether they are translated first, is decided elsewhere.

mod figurines;
mod preset;

pub use preset::{Preset, PresetBook, PresetSection};

/// The instruction for an edit with a picture and without a word: make it better, leave it what it is.
pub const BEAUTIFY: &str = "Improve this picture and keep what it shows. Clean up noise and compression artefacts, sharpen soft details, \
     balance exposure, white balance and colours, and give the light a little more depth. Keep the subject, faces and \
     their expressions, pose, clothing, composition, framing and artistic style exactly as they are. Add nothing, remove \
     nothing, write no text.";

/// What an edit asks for when the person wrote `text`: the text, or [`BEAUTIFY`] when it is empty.
pub fn edit_instruction(text: &str) -> &str {
    if text.trim().is_empty() { BEAUTIFY } else { text }
}
