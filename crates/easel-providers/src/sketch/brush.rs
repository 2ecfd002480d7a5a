//! Repainting a picture with brush strokes that follow its forms.
//!
//! Coarse strokes first, then finer ones where the result is still far from the model, as painters work.

use super::palette::Rgb;
use super::raster::Raster;
use super::rng::{Rng, lattice};

/// Stroke widths as a share of the shorter side, coarse first.
const WIDTHS: [f32; 3] = [0.034, 0.016, 0.0078];

/// How freely a painting is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Multiplies the stroke widths.
    pub(super) bold: f32,
    /// How far a stroke's colour may stray, `0.0..1.0`.
    pub(super) lively: f32,
}

/// The picture painted anew.
pub(super) fn repaint(model: &Raster, manner: Manner, mut rng: Rng) -> Raster {
    let unit = model.unit();
    let mut canvas = model.blurred((unit * 0.03).max(2.0) as usize);
    for (layer, share) in WIDTHS.into_iter().enumerate() {
        let wide = (unit * share * manner.bold).max(1.2);
        let guide =
            if layer + 1 < WIDTHS.len() { model.blurred((wide * 0.35) as usize) } else { model.clone() };
        let pitch = wide * 0.95;
        let (columns, rows) =
            ((model.width() as f32 / pitch) as usize + 1, (model.height() as f32 / pitch) as usize + 1);
        let mut cells: Vec<u32> = (0..(columns * rows) as u32).collect();
        for last in (1..cells.len()).rev() {
            cells.swap(last, rng.below(last + 1));
        }
        for cell in cells {
            let (column, row) = (cell as usize % columns, cell as usize / columns);
            let x = (column as f32 + rng.unit()) * pitch;
            let y = (row as f32 + rng.unit()) * pitch;
            let wanted = guide.sample(x, y);
            let shown = Rgb::of(canvas.at(x as i32, y as i32));
            let gap = (wanted.r - shown.r).abs() + (wanted.g - shown.g).abs() + (wanted.b - shown.b).abs();
            if layer > 0 && gap < 0.1 {
                continue;
            }
            let (strength, along) = guide.edge(x as i32, y as i32, (wide * 0.5).max(1.0) as i32);
            let angle = if strength > 0.03 {
                along
            } else {
                (x / unit * 5.0).sin() * 0.5 + (y / unit * 7.0).cos() * 0.5
            };
            let shift = (rng.unit() - 0.5) * manner.lively;
            let colour = wanted
                .saturated(1.0 + manner.lively)
                .mix(if shift > 0.0 { wanted.lighter(0.5) } else { wanted.darker(0.5) }, shift.abs());
            let stroke = Stroke {
                x,
                y,
                angle,
                long: wide * rng.range(1.4, 2.3),
                wide: wide * 0.62,
                seed: rng.next() as u32,
            };
            stroke.lay(&mut canvas, colour);
        }
    }
    canvas
}

/// One touch of the brush.
struct Stroke {
    x: f32,
    y: f32,
    angle: f32,
    /// Half length and half width in pixels.
    long: f32,
    wide: f32,
    seed: u32,
}

impl Stroke {
    fn lay(&self, canvas: &mut Raster, colour: Rgb) {
        let (sin, cos) = self.angle.sin_cos();
        let reach = self.long.hypot(self.wide);
        let bristles: [f32; 16] = std::array::from_fn(|nth| lattice(nth as i32, 0, self.seed));
        for y in (self.y - reach) as i32..=(self.y + reach) as i32 {
            for x in (self.x - reach) as i32..=(self.x + reach) as i32 {
                let (dx, dy) = (x as f32 - self.x, y as f32 - self.y);
                let along = (dx * cos + dy * sin) / self.long;
                let across = (dy * cos - dx * sin) / self.wide;
                let out = along * along * along * along + across * across;
                if out >= 1.0 {
                    continue;
                }
                let bristle = bristles.get(((across + 1.0) * 7.9) as usize).copied().unwrap_or(0.5);
                let ridge = colour.mix(
                    if bristle > 0.5 { colour.lighter(0.35) } else { colour.darker(0.3) },
                    (bristle - 0.5).abs() * 0.3,
                );
                canvas.put(x, y, ridge, ((1.0 - out) * 3.0).min(0.92));
            }
        }
    }
}
