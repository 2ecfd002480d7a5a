//! The drawing engine of `sketch`, the embedded offline picture provider.
//!
//! Reads a prompt for things it can draw (`keywords`, `plan`), composes a picture-book scene of them (`scene`,
//! `backdrop`, `subjects`, `weather`) or transforms a reference picture (`edit`; its own frame comes off first,
//! `frame`), gives it a manner (`style`) and mounts it above its title and the words "offline sketch" (`text`), so
//! that nobody mistakes it for the work of a model. Equal requests give equal bytes.
//!
//! Pure: no files, no clock, no network, no async, and nothing is kept between two calls. Decoding reference
//! pictures is the caller's work. Start reading at [`draw`].

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "pixel arithmetic: sides are at most 4096 and every conversion saturates"
)]

mod backdrop;
mod brush;
mod cutout;
mod edit;
mod figure;
mod frame;
mod heights;
// Tables of words and of points are laid out by hand: one item per line would hide the shape.
#[rustfmt::skip]
mod keywords;
mod palette;
mod pen;
mod plan;
mod raster;
mod realms;
mod rng;
mod scene;
mod style;
mod subjects;
mod text;
mod weather;

use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use tiny_skia::Pixmap;

use plan::Plan;
use raster::Raster;
use rng::Rng;

/// The shortest side that can be asked for, in pixels.
pub const MIN_SIDE: u32 = 256;
/// The longest side that can be asked for, in pixels.
pub const MAX_SIDE: u32 = 4096;
/// Above this the picture is painted smaller and enlarged, so that memory stays bounded.
const PAINTED_PIXELS: f32 = 2_400_000.0;

/// A decoded reference picture.
#[derive(Debug, Clone, Copy)]
pub struct ReferencePixels<'a> {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// Rows from the top, four bytes (red, green, blue, straight alpha) per pixel.
    pub rgba: &'a [u8],
}

/// What to draw.
#[derive(Debug, Clone, Copy)]
pub struct SketchRequest<'a> {
    /// Any text, also an empty one: what is drawn.
    pub prompt: &'a str,
    /// Printed below the picture, shortened to three lines; mostly the prompt. It chooses the
    /// words and how much room they take, and nothing that is drawn.
    pub title: &'a str,
    /// Chooses among the pictures for one prompt; 0 stands for "whatever the prompt gives".
    pub seed: u64,
    /// Width of the answer in pixels, [`MIN_SIDE`] to [`MAX_SIDE`].
    pub width: u32,
    /// Height of the answer in pixels, [`MIN_SIDE`] to [`MAX_SIDE`].
    pub height: u32,
    /// Reference pictures, the main one first; may be empty. The first six are used.
    pub references: &'a [ReferencePixels<'a>],
    /// Which picture of a request for several this is, from 0.
    pub index: u32,
    /// True transforms the first reference; false draws a scene in the colours of the references.
    pub edit: bool,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Rows from the top, three bytes (red, green, blue) per pixel.
    pub rgb: Vec<u8>,
}

/// Why nothing was drawn. All of these are mistakes of the caller, none depends on the prompt.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SketchError {
    /// A side is shorter than [`MIN_SIDE`] or longer than [`MAX_SIDE`].
    #[error("cannot draw {width}x{height}: sides must be {MIN_SIDE} to {MAX_SIDE} pixels")]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// A reference has no pixels, or their number does not fit its sides.
    #[error("reference picture {position} does not have the pixels that its size promises")]
    Reference {
        /// Its place in the request, from 0.
        position: usize,
    },
    /// An edit without a reference.
    #[error("an edit needs a reference picture")]
    NothingToEdit,
    /// The PNG could not be written.
    #[error("the picture could not be encoded as PNG")]
    Encode,
}

/// Draws the picture for a request.
///
/// Takes some tens of milliseconds per megapixel and a few times the memory of the answer; run it on a thread
/// that may block.
///
/// # Errors
/// [`SketchError`] for sides out of range, broken references and edits without one. No prompt is an error.
pub fn draw(request: &SketchRequest<'_>) -> Result<Picture, SketchError> {
    let (width, height) = (request.width, request.height);
    let sides = MIN_SIDE..=MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(SketchError::Size { width, height });
    }
    if request.edit && request.references.is_empty() {
        return Err(SketchError::NothingToEdit);
    }
    let references = request
        .references
        .iter()
        .take(6)
        .enumerate()
        .map(|(position, r)| {
            let pixels = Raster::from_rgba(r.width, r.height, r.rgba);
            let pixels = pixels.ok_or(SketchError::Reference { position })?;
            Ok(frame::inside(&pixels).unwrap_or(pixels))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let shrink = (PAINTED_PIXELS / (width as f32 * height as f32)).sqrt().min(1.0);
    let side = |full: u32| ((full as f32 * shrink) as usize).max(64);
    let seed = rng::hash(request.prompt) ^ rng::mix(request.seed ^ (u64::from(request.index) << 40));
    let plan = Plan::read(request.prompt);
    let painted = compose(&plan, request, &references, side(width), side(height), Rng::new(seed))
        .ok_or(SketchError::Size { width, height })?;
    let (full_width, full_height) = (width as usize, height as usize);
    let fitting = painted.width() == full_width && painted.height() == full_height;
    let painted = if fitting { painted } else { painted.cover(full_width, full_height) };
    Ok(Picture { width, height, rgb: painted.pixels().as_flattened().to_vec() })
}

/// Picture and caption at the painted size.
fn compose(
    plan: &Plan,
    request: &SketchRequest<'_>,
    references: &[Raster],
    width: usize,
    height: usize,
    rng: Rng,
) -> Option<Raster> {
    let caption = text::Caption::new(request.title, width, height);
    let theme = theme(plan, references, rng);
    let [accent, ..] = theme.accents;
    let margin = caption.margin();
    let (inner_width, inner_height) = (width - 2 * margin, height - margin - caption.height);
    let picture = if request.edit {
        let mut picture = edit::edit(plan, &theme, references, inner_width, inner_height, rng)?;
        style::finish(&mut picture, plan.style, rng.fork(9).next() as u32);
        picture
    } else {
        scene_pixels(plan, &theme, request.title, references, inner_width, inner_height, rng)?
    };
    let mut page = Pixmap::new(width as u32, height as u32)?;
    caption.mount(&picture.to_pixmap()?, &mut page, accent);
    Some(Raster::from_pixmap(&page))
}

fn theme(plan: &Plan, references: &[Raster], rng: Rng) -> palette::Theme {
    let mut theme = palette::Theme::of(plan, rng.fork(8).below(usize::from(u8::MAX)));
    if let Some(first) = references.first() {
        theme.borrow_colours(&palette::main_colours(first, 5));
    }
    theme
}

/// The drawn scene without mount and caption.
fn scene_pixels(
    plan: &Plan,
    theme: &palette::Theme,
    title: &str,
    references: &[Raster],
    width: usize,
    height: usize,
    rng: Rng,
) -> Option<Raster> {
    let mut page = Pixmap::new(width as u32, height as u32)?;
    scene::paint(&mut page, plan, theme, title, rng);
    let mut picture = style::apply(plan.style, Raster::from_pixmap(&page), rng.fork(50));
    style::finish(&mut picture, plan.style, rng.fork(9).next() as u32);
    if references.is_empty() {
        return Some(picture);
    }
    let mut page = picture.to_pixmap()?;
    edit::pin(&mut page, references, rng.fork(7));
    Some(Raster::from_pixmap(&page))
}

/// The picture as PNG: eight bits, RGB, packed for speed.
///
/// # Errors
/// [`SketchError::Encode`] when `picture.rgb` does not fit its sides.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, SketchError> {
    let mut bytes = Vec::with_capacity(picture.rgb.len() / 2);
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub);
    let wanted = u64::from(picture.width) * u64::from(picture.height) * 3;
    if wanted != picture.rgb.len() as u64 {
        return Err(SketchError::Encode);
    }
    encoder
        .write_image(&picture.rgb, picture.width, picture.height, image::ExtendedColorType::Rgb8)
        .map_err(|_| SketchError::Encode)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
