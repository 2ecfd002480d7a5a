//! The own postcard frame on a reference picture: found by its paper, its mark and its measures, and cut off.
//!
//! People quote a picture that easel drew and ask for a change. Paper rim and printed words are no part of what
//! they mean, and would otherwise be painted over and then framed a second time. Looks at pixels only, so that
//! pictures count that a platform has scaled or packed anew; anything doubtful is left as it is.

use super::palette::Rgb;
use super::raster::Raster;
use super::text::{Caption, PAPER};

/// How far packing may shift a channel of the paper, `0.0..=1.0`.
const SHIFT: f32 = 0.045;

fn is_paper(picture: &Raster, x: f32, y: f32) -> bool {
    let c = Rgb::of(picture.at(x as i32, y as i32));
    [c.r - PAPER.r, c.g - PAPER.g, c.b - PAPER.b].iter().all(|gap| gap.abs() < SHIFT)
}

/// The share of paper in a part of the picture, looked at in a grid of points.
fn paper_share(picture: &Raster, (left, right): (f32, f32), (top, low): (f32, f32)) -> f32 {
    let (columns, rows) = (((right - left) as usize).clamp(1, 400), ((low - top) as usize).clamp(1, 400));
    let hits = (0..columns * rows)
        .filter(|point| {
            let u = ((point % columns) as f32 + 0.5) / columns as f32;
            let v = ((point / columns) as f32 + 0.5) / rows as f32;
            is_paper(picture, left + (right - left) * u, top + (low - top) * v)
        })
        .count();
    hits as f32 / (columns * rows) as f32
}

/// The picture inside the frame; `None` when there is no frame of easel's around it.
pub(super) fn inside(picture: &Raster) -> Option<Raster> {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    // A frame of less than a few pixels can't be told from a light rim.
    if width.min(height) < 128.0 {
        return None;
    }
    let empty = Caption::new("", picture.width(), picture.height());
    let (margin, low) = (empty.margin() as f32, height - empty.height as f32);
    let rims = [
        ((1.0, margin * 0.8), (1.0, height - 1.0)),
        ((width - margin * 0.8, width - 1.0), (1.0, height - 1.0)),
        ((1.0, width - 1.0), (1.0, margin * 0.8)),
        ((1.0, width - 1.0), (height - margin * 0.5, height - 1.0)),
    ];
    if rims.iter().any(|(across, down)| paper_share(picture, *across, *down) < 0.97) {
        return None;
    }
    let (from, to) = empty.mark_span(width);
    let marked = 1.0 - paper_share(picture, (from, to), (low + margin * 0.2, height - margin * 0.6));
    if !(0.06..0.6).contains(&marked) {
        return None;
    }
    // The words begin further in than the picture does: the strip between tells where the picture ends.
    let (edge, words) = (margin + 1.5, margin * 1.42);
    let blank = |y: f32| {
        paper_share(picture, (edge, words), (y, y + 1.0)) > 0.5
            && paper_share(picture, (width - words, width - edge), (y, y + 1.0)) > 0.5
    };
    let top = margin as usize + 1;
    let end = (picture.height() / 2..picture.height()).rev().find(|y| !blank(*y as f32))?;
    // A picture that is itself as pale as paper at its rim ends where one of the possible captions begins.
    let start = Caption::strips(picture.width(), picture.height())
        .into_iter()
        .filter_map(|strip| picture.height().checked_sub(strip))
        .filter(|start| *start + 3 >= end)
        .min()?;
    let end = if start.abs_diff(end) <= 3 { end + 1 } else { start };
    let (left, right) = (top, picture.width().checked_sub(top)?);
    (end > top + 64).then(|| picture.part(left, top, right, end.saturating_sub(1)))
}
