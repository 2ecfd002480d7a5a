//! Words on pictures: the embedded font, measuring, wrapping, and the caption.
//!
//! Chinese and English need only charmap, outline and advance, so there is no shaping. What the font lacks, such as
//! emoji, is left out. The font is parsed where it stands in the program; nothing is kept between calls.

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use tiny_skia::{Path, PathBuilder, Pixmap, Transform};

use super::palette::{Rgb, WHITE, hex};
use super::pen::{Manner, Pen, slab};

static FONT: &[u8] = include_bytes!("../../assets/fonts/micro-hei-subset.ttf");

/// What every picture of this provider says about itself.
pub(super) const MARK: &str = "easel · 离线草图 offline sketch";
/// Lines of prompt under a picture.
const MAX_LINES: usize = 3;
/// The paper that pictures are mounted on.
pub(super) const PAPER: Rgb = hex(0x00FB_F6EA);

/// Collects an outline with y pointing down.
struct Outline<'a> {
    path: &'a mut PathBuilder,
    x: f32,
    y: f32,
}

impl OutlinePen for Outline<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.y - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.y - y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.x + cx, self.y - cy, self.x + x, self.y - y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.cubic_to(self.x + ax, self.y - ay, self.x + bx, self.y - by, self.x + x, self.y - y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

/// The glyph of a character, if the font has it.
fn glyph(font: &FontRef<'_>, character: char) -> Option<GlyphId> {
    font.charmap().map(character)
}

/// Whether the font has no picture of a character.
pub(super) fn lacks(character: char) -> bool {
    FontRef::new(FONT).map_or(true, |font| glyph(&font, character).is_none())
}

fn advance(font: &FontRef<'_>, character: char, size: f32) -> f32 {
    let metrics = font.glyph_metrics(Size::new(size), LocationRef::default());
    glyph(font, character).map_or(0.0, |id| metrics.advance_width(id).unwrap_or(size))
}

/// Width of a text on one line, in the unit of `size` (the em).
pub(super) fn width(text: &str, size: f32) -> f32 {
    FontRef::new(FONT).map_or(0.0, |font| text.chars().map(|c| advance(&font, c, size)).sum())
}

/// The outlines of a text on one line; `(x, y)` is the left end of its baseline.
pub(super) fn line(text: &str, x: f32, y: f32, size: f32) -> Option<Path> {
    let font = FontRef::new(FONT).ok()?;
    let outlines = font.outline_glyphs();
    let mut path = PathBuilder::new();
    let mut at = x;
    for character in text.chars() {
        if let Some(outline) = glyph(&font, character).and_then(|id| outlines.get(id)) {
            let settings = DrawSettings::unhinted(Size::new(size), LocationRef::default());
            // A glyph that cannot be drawn leaves a gap of its width; there is nobody to tell.
            outline.draw(settings, &mut Outline { path: &mut path, x: at, y }).ok();
        }
        at += advance(&font, character, size);
    }
    path.finish()
}

/// One line without control characters, doubled spaces and what the font lacks.
fn tidy(prompt: &str) -> String {
    let mut out = String::new();
    let Ok(font) = FontRef::new(FONT) else { return out };
    for character in prompt.chars().take(600) {
        let space = character.is_whitespace() || character.is_control();
        if !space && glyph(&font, character).is_some() {
            out.push(character);
        } else if space && !out.is_empty() && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Breaks a text into at most [`MAX_LINES`] lines; what does not fit ends in an ellipsis. Latin words stay
/// whole, Chinese breaks anywhere but not before closing punctuation.
fn wrap(text: &str, size: f32, room: f32) -> Vec<String> {
    let Ok(font) = FontRef::new(FONT) else { return Vec::new() };
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0.0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let letters = rest.chars().take_while(char::is_ascii_graphic).count().max(1);
        let token: String = rest.chars().take(letters).collect();
        let wide: f32 = token.chars().map(|c| advance(&font, c, size)).sum();
        let (token, wide) =
            if wide <= room { (token, wide) } else { (first.to_string(), advance(&font, first, size)) };
        let closing = "，。、；：！？）》」』”’,.!?…".contains(first);
        if used + wide > room && !line.is_empty() && !(closing && used + wide < room + size * 0.6) {
            lines.push(line.trim_end().to_owned());
            line.clear();
            used = 0.0;
            if lines.len() == MAX_LINES {
                if let Some(last) = lines.last_mut() {
                    while width(last, size) + size > room && last.pop().is_some() {}
                    last.push('…');
                }
                return lines;
            }
        }
        rest = rest.strip_prefix(token.as_str()).unwrap_or("");
        if !(line.is_empty() && token == " ") {
            used += wide;
            line.push_str(&token);
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The measures of a caption for a page.
pub(super) struct Caption {
    lines: Vec<String>,
    size: f32,
    margin: f32,
    /// Height of the strip at the foot of the page, in whole pixels.
    pub(super) height: usize,
}

impl Caption {
    pub(super) fn new(prompt: &str, width: usize, height: usize) -> Self {
        let (margin, small, large) = Self::measures(width, height);
        let room = width as f32 - margin * 3.0;
        let words = tidy(prompt);
        let mut lines = wrap(&words, small, room);
        let mut size = small;
        if lines.len() == 1 {
            // Words that fill one line in the small size may take two in the large one; then it stays small.
            let larger = wrap(&words, large, room);
            if larger.len() == 1 {
                (lines, size) = (larger, large);
            }
        }
        let height = Self::tall(lines.len(), size, margin, height);
        Self { lines, size, margin, height }
    }

    /// Margin, size of letters for several lines, and for a single one.
    fn measures(width: usize, height: usize) -> (f32, f32, f32) {
        let unit = width.min(height) as f32;
        let small = (unit * 0.032).max(9.0);
        ((unit * 0.028).max(5.0), small, small * 1.18)
    }

    fn tall(lines: usize, size: f32, margin: f32, height: usize) -> usize {
        let rows = lines as f32 * size * 1.4 + size * 1.25;
        (rows + margin * 0.9).min(height as f32 * 0.4) as usize
    }

    /// The heights that strips can have on a page of that size.
    pub(super) fn strips(width: usize, height: usize) -> Vec<usize> {
        let (margin, small, large) = Self::measures(width, height);
        let several = (0..=MAX_LINES).map(|lines| (lines, small));
        several.chain([(1, large)]).map(|(lines, size)| Self::tall(lines, size, margin, height)).collect()
    }

    /// Where on a page of this width the words "offline sketch" stand, in pixels from the left.
    pub(super) fn mark_span(&self, width: f32) -> (f32, f32) {
        let right = width - self.margin * 1.5;
        (right - self::width(MARK, (self.size * 0.62).max(7.0)), right)
    }

    pub(super) fn margin(&self) -> usize {
        self.margin as usize
    }

    fn write(&self, page: &mut Pixmap, top: f32, ink: Rgb, accent: Rgb) {
        let width = page.width() as f32;
        let manner =
            Manner { line: 0.0, line_alpha: 0.0, ink, stray: 0.0, tint: (WHITE, 0.0), shade: 0.0, seed: 0 };
        let mut pen = Pen::new(page, manner);
        let left = self.margin * 1.5;
        let mut y = top + self.margin * 0.35 + self.size;
        for text in &self.lines {
            pen.glowing(line(text, left, y, self.size), ink, 0.95);
            y += self.size * 1.4;
        }
        let small = (self.size * 0.62).max(7.0);
        let right = width - self.margin * 1.5 - self::width(MARK, small);
        y -= self.size * 0.25;
        pen.glowing(line(MARK, right, y, small), ink, 0.62);
        let bar = small * 0.5;
        pen.glowing(slab(right - bar * 2.2, y - small * 0.62, bar, bar, bar * 0.3), accent, 1.0);
    }

    /// The picture mounted on paper, with the caption below it, as a postcard is.
    pub(super) fn mount(&self, picture: &Pixmap, page: &mut Pixmap, accent: Rgb) {
        let [r, g, b] = PAPER.bytes();
        page.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
        let margin = self.margin();
        let paint = tiny_skia::PixmapPaint::default();
        page.draw_pixmap(margin as i32, margin as i32, picture.as_ref(), &paint, Transform::identity(), None);
        let top = (margin + picture.height() as usize) as f32;
        self.write(page, top + self.margin * 0.2, hex(0x003B_343A), accent);
    }
}
