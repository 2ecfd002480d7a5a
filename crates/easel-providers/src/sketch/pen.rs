//! The drawing hand: filled and outlined shapes in local coordinates, with a slightly unsteady line.
//!
//! Subjects are written in units of their own (ground at 0, up is negative, about 100 tall); the pen knows
//! where on the page that is, how thick ink is there and which light falls on it.

use tiny_skia::{
    Color, FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Paint, Path, PathBuilder, PathSegment,
    Pixmap, Point, RadialGradient, Rect, Shader, SpreadMode, Stroke, Transform,
};

use super::palette::Rgb;
use super::rng::noise;

/// A pen on a page.
pub(super) struct Pen<'a> {
    page: &'a mut Pixmap,
    to_page: Transform,
    manner: Manner,
}

/// What stays the same wherever on the page the pen is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Outline width in page pixels; 0 draws none.
    pub(super) line: f32,
    pub(super) line_alpha: f32,
    pub(super) ink: Rgb,
    /// How far the hand strays, in page pixels.
    pub(super) stray: f32,
    /// The light: multiplied into every colour, with this strength.
    pub(super) tint: (Rgb, f32),
    /// How much of each shape is shaded, 0 for flat paper.
    pub(super) shade: f32,
    pub(super) seed: u32,
}

fn solid(colour: Rgb, alpha: f32) -> Color {
    let channel = |c: f32| c.clamp(0.0, 1.0);
    Color::from_rgba(channel(colour.r), channel(colour.g), channel(colour.b), channel(alpha))
        .unwrap_or(Color::BLACK)
}

fn paint(shader: Shader<'_>) -> Paint<'_> {
    Paint { shader, anti_alias: true, ..Paint::default() }
}

impl<'a> Pen<'a> {
    pub(super) const fn new(page: &'a mut Pixmap, manner: Manner) -> Self {
        Self { page, to_page: Transform { sx: 1.0, kx: 0.0, ky: 0.0, sy: 1.0, tx: 0.0, ty: 0.0 }, manner }
    }

    /// The same pen with local coordinates moved to `(x, y)` and scaled.
    pub(super) fn at(&mut self, x: f32, y: f32, scale: f32) -> Pen<'_> {
        self.within(Transform::from_translate(x, y).pre_scale(scale, scale))
    }

    pub(super) fn turned(&mut self, x: f32, y: f32, degrees: f32) -> Pen<'_> {
        self.within(Transform::from_translate(x, y).pre_rotate(degrees))
    }

    pub(super) fn mirrored(&mut self) -> Pen<'_> {
        self.within(Transform::from_scale(-1.0, 1.0))
    }

    pub(super) fn within(&mut self, local: Transform) -> Pen<'_> {
        Pen { to_page: self.to_page.pre_concat(local), page: self.page, manner: self.manner }
    }

    /// The same pen without outlines.
    pub(super) fn bare(&mut self) -> Pen<'_> {
        Pen { manner: Manner { line: 0.0, ..self.manner }, to_page: self.to_page, page: self.page }
    }

    pub(super) const fn manner(&self) -> Manner {
        self.manner
    }

    pub(super) const fn set_tint(&mut self, tint: (Rgb, f32)) {
        self.manner.tint = tint;
    }

    fn lit(&self, colour: Rgb) -> Rgb {
        let (light, strength) = self.manner.tint;
        colour.mix(colour.times(light), strength)
    }

    /// A filled shape with soft shading and an outline: the usual way to draw a thing.
    pub(super) fn shape(&mut self, path: Option<Path>, colour: Rgb) {
        let Some(path) = self.placed(path) else { return };
        let colour = self.lit(colour);
        let bounds = path.bounds();
        let shade = self.manner.shade;
        let gradient = LinearGradient::new(
            Point::from_xy(bounds.left(), bounds.top()),
            Point::from_xy(bounds.left() + bounds.width() * 0.25, bounds.bottom()),
            vec![
                GradientStop::new(0.0, solid(colour.lighter(0.12 * shade), 1.0)),
                GradientStop::new(0.5, solid(colour, 1.0)),
                GradientStop::new(1.0, solid(colour.darker(0.16 * shade), 1.0)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        let shader = gradient.unwrap_or_else(|| Shader::SolidColor(solid(colour, 1.0)));
        let (first, second) = (self.rough(&path, self.manner.seed), self.manner.seed ^ 0x9E37);
        let body = first.as_ref().unwrap_or(&path);
        self.page.fill_path(body, &paint(shader), FillRule::Winding, Transform::identity(), None);
        if self.manner.line > 0.0 {
            let ink = self.manner.ink.mix(colour.darker(0.7), 0.55);
            self.ink(body, ink, self.manner.line, self.manner.line_alpha);
            if let Some(again) = self.rough(&path, second) {
                self.ink(&again, ink, self.manner.line * 0.6, self.manner.line_alpha * 0.4);
            }
        }
    }

    /// A filled shape without outline or shading, under the light of the scene.
    pub(super) fn fill(&mut self, path: Option<Path>, colour: Rgb, alpha: f32) {
        let lit = self.lit(colour);
        self.glowing(path, lit, alpha);
    }

    /// A filled shape that shines by itself: windows, lamps, stars.
    pub(super) fn glowing(&mut self, path: Option<Path>, colour: Rgb, alpha: f32) {
        let Some(path) = self.placed(path) else { return };
        let path = self.rough(&path, self.manner.seed).unwrap_or(path);
        let paint = paint(Shader::SolidColor(solid(colour, alpha)));
        self.page.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// A fill that runs from `top` to `low` down the shape; each end has its own opacity.
    pub(super) fn fade(&mut self, path: Option<Path>, top: (Rgb, f32), low: (Rgb, f32)) {
        let Some(path) = self.placed(path) else { return };
        let bounds = path.bounds();
        let gradient = LinearGradient::new(
            Point::from_xy(0.0, bounds.top()),
            Point::from_xy(0.0, bounds.bottom()),
            vec![GradientStop::new(0.0, solid(top.0, top.1)), GradientStop::new(1.0, solid(low.0, low.1))],
            SpreadMode::Pad,
            Transform::identity(),
        );
        let shader = gradient.unwrap_or_else(|| Shader::SolidColor(solid(top.0, top.1)));
        let path = self.rough(&path, self.manner.seed).unwrap_or(path);
        self.page.fill_path(&path, &paint(shader), FillRule::Winding, Transform::identity(), None);
    }

    /// A round light that fades outwards.
    pub(super) fn glow(&mut self, x: f32, y: f32, radius: f32, colour: Rgb, alpha: f32) {
        let mut ends = [Point::from_xy(x, y), Point::from_xy(x + radius, y)];
        self.to_page.map_points(&mut ends);
        let [centre, rim] = ends;
        let reach = (rim - centre).length();
        let Some(square) = Rect::from_xywh(centre.x - reach, centre.y - reach, reach * 2.0, reach * 2.0)
        else {
            return;
        };
        let gradient = RadialGradient::new(
            centre,
            0.0,
            centre,
            reach,
            vec![
                GradientStop::new(0.0, solid(colour, alpha)),
                GradientStop::new(0.4, solid(colour, alpha * 0.45)),
                GradientStop::new(1.0, solid(colour, 0.0)),
            ],
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let Some(shader) = gradient {
            self.page.fill_rect(square, &paint(shader), Transform::identity(), None);
        }
    }

    /// An open line, `width` in local units.
    pub(super) fn line(&mut self, path: Option<Path>, colour: Rgb, width: f32, alpha: f32) {
        let lit = self.lit(colour);
        let width = width * self.scale();
        let Some(path) = self.placed(path) else { return };
        let path = self.rough(&path, self.manner.seed).unwrap_or(path);
        self.ink(&path, lit, width, alpha);
    }

    fn scale(&self) -> f32 {
        self.to_page.get_scale().0
    }

    fn ink(&mut self, path: &Path, colour: Rgb, width: f32, alpha: f32) {
        let stroke =
            Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        let paint = paint(Shader::SolidColor(solid(colour, alpha)));
        self.page.stroke_path(path, &paint, &stroke, Transform::identity(), None);
    }

    fn placed(&self, path: Option<Path>) -> Option<Path> {
        path?.transform(self.to_page)
    }

    /// The path as an unsteady hand would draw it: long lines are broken up, every point strays a little.
    fn rough(&self, path: &Path, seed: u32) -> Option<Path> {
        let stray = self.manner.stray;
        if stray <= 0.0 {
            return None;
        }
        let pitch = 1.0 / (stray * 16.0);
        let move_point = |p: Point| {
            let shift = |salt: u32| (noise(p.x * pitch, p.y * pitch, seed ^ salt) - 0.5) * 2.0 * stray;
            Point::from_xy(p.x + shift(0x11), p.y + shift(0x22))
        };
        let mut out = PathBuilder::new();
        let mut last = Point::zero();
        for segment in path.segments() {
            match segment {
                PathSegment::MoveTo(p) => {
                    let to = move_point(p);
                    out.move_to(to.x, to.y);
                    last = p;
                }
                PathSegment::LineTo(p) => {
                    let pieces = ((p - last).length() / (stray * 24.0)).clamp(1.0, 12.0) as u32;
                    for piece in 1..=pieces {
                        let share = piece as f32 / pieces as f32;
                        let step =
                            Point::from_xy(last.x + (p.x - last.x) * share, last.y + (p.y - last.y) * share);
                        let to = move_point(step);
                        out.line_to(to.x, to.y);
                    }
                    last = p;
                }
                PathSegment::QuadTo(a, p) => {
                    let (a, to) = (move_point(a), move_point(p));
                    out.quad_to(a.x, a.y, to.x, to.y);
                    last = p;
                }
                PathSegment::CubicTo(a, b, p) => {
                    let (a, b, to) = (move_point(a), move_point(b), move_point(p));
                    out.cubic_to(a.x, a.y, b.x, b.y, to.x, to.y);
                    last = p;
                }
                PathSegment::Close => out.close(),
            }
        }
        out.finish()
    }
}

/// A closed smooth outline through the points (Catmull-Rom). Empty for fewer than three.
pub(super) fn blob(points: &[(f32, f32)]) -> Option<Path> {
    smooth(points, true)
}

/// An open smooth line through the points.
pub(super) fn curve(points: &[(f32, f32)]) -> Option<Path> {
    smooth(points, false)
}

fn smooth(points: &[(f32, f32)], closed: bool) -> Option<Path> {
    let count = points.len();
    if count < 2 || (closed && count < 3) {
        return None;
    }
    let at = |index: usize| {
        let index = if closed { index % count } else { index.min(count - 1) };
        points.get(index).copied().unwrap_or((0.0, 0.0))
    };
    let mut out = PathBuilder::new();
    let (x, y) = at(0);
    out.move_to(x, y);
    for index in 0..if closed { count } else { count - 1 } {
        let before = if index > 0 {
            at(index - 1)
        } else if closed {
            at(count - 1)
        } else {
            at(0)
        };
        let (from, to, after) = (at(index), at(index + 1), at(index + 2));
        let sixth = |a: f32, b: f32| (b - a) / 6.0;
        out.cubic_to(
            from.0 + sixth(before.0, to.0),
            from.1 + sixth(before.1, to.1),
            to.0 - sixth(from.0, after.0),
            to.1 - sixth(from.1, after.1),
            to.0,
            to.1,
        );
    }
    if closed {
        out.close();
    }
    out.finish()
}

/// A closed polygon.
pub(super) fn poly(points: &[(f32, f32)]) -> Option<Path> {
    straight(points, true)
}

/// An open polyline.
pub(super) fn segments(points: &[(f32, f32)]) -> Option<Path> {
    straight(points, false)
}

fn straight(points: &[(f32, f32)], closed: bool) -> Option<Path> {
    let mut out = PathBuilder::new();
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 { out.move_to(*x, *y) } else { out.line_to(*x, *y) }
    }
    if closed {
        out.close();
    }
    out.finish()
}

pub(super) fn oval(x: f32, y: f32, rx: f32, ry: f32) -> Option<Path> {
    PathBuilder::from_oval(Rect::from_ltrb(x - rx, y - ry, x + rx, y + ry)?)
}

pub(super) fn disc(x: f32, y: f32, radius: f32) -> Option<Path> {
    oval(x, y, radius, radius)
}

pub(super) fn block(x: f32, y: f32, width: f32, height: f32) -> Option<Path> {
    Some(PathBuilder::from_rect(Rect::from_xywh(x, y, width, height)?))
}

/// A rectangle with round corners.
pub(super) fn slab(x: f32, y: f32, width: f32, height: f32, radius: f32) -> Option<Path> {
    let r = radius.min(width / 2.0).min(height / 2.0);
    let (right, low) = (x + width, y + height);
    let mut out = PathBuilder::new();
    out.move_to(x + r, y);
    out.line_to(right - r, y);
    out.quad_to(right, y, right, y + r);
    out.line_to(right, low - r);
    out.quad_to(right, low, right - r, low);
    out.line_to(x + r, low);
    out.quad_to(x, low, x, low - r);
    out.line_to(x, y + r);
    out.quad_to(x, y, x + r, y);
    out.close();
    out.finish()
}

/// A rounded limb of the given width along a smooth line.
pub(super) fn limb(points: &[(f32, f32)], width: f32) -> Option<Path> {
    let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
    curve(points)?.stroke(&stroke, 4.0)
}

/// A star with `points` rays; `inner` is the depth of the notches as a share of `radius`.
pub(super) fn star(x: f32, y: f32, radius: f32, inner: f32, points: u32) -> Option<Path> {
    let corners: Vec<(f32, f32)> = (0..points * 2)
        .map(|corner| {
            let angle = corner as f32 / points as f32 * std::f32::consts::PI - std::f32::consts::FRAC_PI_2;
            let reach = if corner % 2 == 0 { radius } else { radius * inner };
            (x + angle.cos() * reach, y + angle.sin() * reach)
        })
        .collect();
    poly(&corners)
}
