//! The subject of a picture, cut out of it, and set up somewhere else.
//!
//! Looks at colours only and on a coarse grid: what differs from the rim of the picture is the subject when that
//! leaves one sensible shape; otherwise an upright oval in the middle is.

use super::palette::Rgb;
use super::raster::Raster;

/// Cells along each side of the grid.
const GRID: usize = 96;
/// Neighbouring cells that differ by less belong to one area; the better of the two results is taken.
const STEPS: [f32; 2] = [0.085, 0.055];
/// Areas of at least this many cells that look like the rim are background, smaller ones may be a white paw.
const LARGE: usize = GRID * GRID / 200;

/// A subject with its outline.
pub(super) struct Cutout<'a> {
    picture: &'a Raster,
    /// Above one half inside, on the grid.
    mask: Raster,
    /// The same, much softer: the lie of the surface.
    swell: Raster,
    /// The picture without its details.
    plain: Raster,
    /// Left, top, right and lower end in pixels of the picture.
    bounds: [f32; 4],
}

/// What is known of a point of the subject while it is set up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) colour: Rgb,
    /// The colour around, without details.
    pub(super) around: Rgb,
    /// Light from the upper left on a rounded body, about -1 to 1.
    pub(super) light: f32,
}

/// Where a subject is set up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    /// The middle of the feet in pixels of the page.
    pub(super) x: f32,
    pub(super) y: f32,
    /// The most room it may take.
    pub(super) tall: f32,
    pub(super) wide: f32,
    /// Width of a clear rim around it; 0 for none.
    pub(super) rim: f32,
    pub(super) mirrored: bool,
}

impl<'a> Cutout<'a> {
    pub(super) fn of(picture: &'a Raster) -> Self {
        let cells = subjects(picture).unwrap_or_else(|| {
            let inside = |cell: usize| {
                let (u, v) = share(cell);
                ((u - 0.5) / 0.34).powi(2) + ((v - 0.54) / 0.45).powi(2) < 1.0
            };
            (0..GRID * GRID).map(inside).collect()
        });
        let mut bounds = [1.0_f32, 1.0, 0.0, 0.0];
        for cell in (0..GRID * GRID).filter(|cell| cells.get(*cell).copied().unwrap_or(false)) {
            let (u, v) = share(cell);
            let [left, top, right, low] = bounds;
            bounds = [left.min(u), top.min(v), right.max(u), low.max(v)];
        }
        let [left, top, right, low] = bounds;
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        let half = 0.5 / GRID as f32;
        let mask = Raster::filled(GRID, GRID, |x, y| {
            if cells.get(y * GRID + x).copied().unwrap_or(false) { [255; 3] } else { [0; 3] }
        });
        Self {
            picture,
            swell: mask.blurred(4),
            mask: mask.blurred(1),
            plain: picture.blurred((picture.unit() * 0.012).max(1.0) as usize),
            bounds: [
                (left - half) * width,
                (top - half) * height,
                (right + half) * width,
                (low + half) * height,
            ],
        }
    }

    /// Where a hat sits: middle, height and width of the brim in pixels of the picture.
    pub(super) fn crown(&self) -> (f32, f32, f32) {
        let [left, top, right, low] = self.bounds;
        let y = top + (low - top) * 0.13;
        let row = y / self.picture.height() as f32 * GRID as f32;
        let inside: Vec<f32> = (0..GRID)
            .map(|column| column as f32 + 0.5)
            .filter(|column| self.mask.sample(*column, row).r > 0.5)
            .map(|column| column / GRID as f32 * self.picture.width() as f32)
            .collect();
        let x = inside.iter().sum::<f32>() / inside.len().max(1) as f32;
        let x = if inside.is_empty() { f32::midpoint(left, right) } else { x };
        let wide = ((right - left) * 0.42).min((low - top) * 0.55).max(self.picture.unit() * 0.1);
        (x, y, wide)
    }

    /// Paints the subject, standing, as `look` makes it of the picture's colours.
    pub(super) fn set_up(&self, page: &mut Raster, stand: &Stand, look: impl Fn(Point) -> Rgb) {
        let [left, top, right, low] = self.bounds;
        let scale = (stand.tall / (low - top).max(1.0)).min(stand.wide / (right - left).max(1.0));
        let middle = f32::midpoint(left, right);
        let side = if stand.mirrored { -1.0 } else { 1.0 };
        let half = (right - left) * scale / 2.0 + stand.rim * 2.0 + 2.0;
        let reach = (low - top) * scale + stand.rim * 2.0 + 2.0;
        let grid = |x: f32, full: usize| x / full as f32 * GRID as f32;
        // A rim is given in pixels of the page; the mask fades over about two cells.
        let fade = 2.0 * self.picture.height() as f32 / GRID as f32 * scale;
        let rim = (stand.rim / fade.max(0.5)).min(0.8);
        for y in (stand.y - reach) as i32..(stand.y + stand.rim * 2.0 + 2.0) as i32 {
            for x in (stand.x - half) as i32..(stand.x + half) as i32 {
                let sx = middle + (x as f32 + 0.5 - stand.x) / scale * side;
                let sy = low - (stand.y - y as f32 - 0.5) / scale;
                let (gx, gy) = (grid(sx, self.picture.width()), grid(sy, self.picture.height()));
                if gx < 0.0 || gy < 0.0 || gx > GRID as f32 || gy > GRID as f32 {
                    continue;
                }
                let inside = (self.mask.sample(gx, gy).r - 0.5) * 2.0;
                if inside > 0.0 {
                    let slope = |dx: f32, dy: f32| {
                        self.swell.sample(gx + dx, gy + dy).r - self.swell.sample(gx - dx, gy - dy).r
                    };
                    let point = Point {
                        colour: self.picture.sample(sx, sy),
                        around: Rgb::of(self.plain.at(sx as i32, sy as i32)),
                        light: (slope(1.5, 0.0) * side + slope(0.0, 1.5) * 1.2).clamp(-1.0, 1.0),
                    };
                    page.put(x, y, look(point), (inside * 4.0 * scale.max(0.3)).min(1.0));
                } else if rim > 0.0 && inside > -rim {
                    page.put(x, y, super::palette::hex(0x00F4_FAFD), ((inside + rim) * 8.0).min(0.85));
                }
            }
        }
    }
}

/// The middle of a cell, as shares of width and height.
fn share(cell: usize) -> (f32, f32) {
    (((cell % GRID) as f32 + 0.5) / GRID as f32, ((cell / GRID) as f32 + 0.5) / GRID as f32)
}

fn neighbours(cell: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % GRID, cell / GRID);
    [
        (x > 0).then(|| cell - 1),
        (x + 1 < GRID).then_some(cell + 1),
        (y > 0).then(|| cell.saturating_sub(GRID)),
        (y + 1 < GRID).then_some(cell + GRID),
    ]
    .into_iter()
    .flatten()
}

/// Numbers the areas whose cells are `joined` to each other; gives the number of each cell and the areas' cells.
fn areas(joined: impl Fn(usize, usize) -> bool) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut number = vec![usize::MAX; GRID * GRID];
    let mut all: Vec<Vec<usize>> = Vec::new();
    for seed in 0..GRID * GRID {
        let (mut open, mut area) = (vec![seed], Vec::new());
        while let Some(cell) = open.pop() {
            let Some(own) = number.get_mut(cell).filter(|own| **own == usize::MAX) else { continue };
            *own = all.len();
            area.push(cell);
            open.extend(neighbours(cell).filter(|next| joined(cell, *next)));
        }
        if !area.is_empty() {
            all.push(area);
        }
    }
    (number, all)
}

const fn at_rim(cell: usize) -> bool {
    let (x, y) = (cell % GRID, cell / GRID);
    x == 0 || y == 0 || x + 1 == GRID || y + 1 == GRID
}

/// The cells of the subject: the best of the shapes that the measures give.
fn subjects(picture: &Raster) -> Option<Vec<bool>> {
    let colours: Vec<Rgb> = (0..GRID * GRID)
        .map(|cell| {
            let (u, v) = share(cell);
            picture.sample(u * picture.width() as f32, v * picture.height() as f32)
        })
        .collect();
    // In a dark picture the differences are as dark; it is looked at as if it were lit.
    let mean = colours.iter().map(|c| c.luma()).sum::<f32>() / colours.len().max(1) as f32;
    let lift = (0.5_f32.ln() / mean.clamp(0.02, 0.98).ln()).clamp(0.4, 1.0);
    let brighter = |c: &Rgb| Rgb::new(c.r.powf(lift), c.g.powf(lift), c.b.powf(lift));
    let colours: Vec<Rgb> = colours.iter().map(brighter).collect();
    let shapes = STEPS.iter().filter_map(|step| subject(&colours, *step));
    let best = shapes.max_by(|a, b| likely(a).total_cmp(&likely(b)))?;
    let size = best.iter().filter(|own| **own).count() as f32 / (GRID * GRID) as f32;
    (0.03..0.62).contains(&size).then_some(best)
}

/// How much a shape looks like what a picture is about: in the middle, in one piece, neither tiny nor all.
fn likely(cells: &[bool]) -> f32 {
    let own = || (0..GRID * GRID).filter(|cell| cells.get(*cell).copied().unwrap_or(false));
    let count = own().count().max(1) as f32;
    let (x, y) = own().map(share).fold((0.0, 0.0), |(x, y), (u, v)| (x + u, y + v));
    let spread =
        own().map(share).map(|(u, v)| (u - x / count).powi(2) + (v - y / count).powi(2)).sum::<f32>();
    // A full disc has the least spread for its size, and counts as one.
    let compact = (count / (GRID * GRID) as f32 / std::f32::consts::TAU / (spread / count)).min(1.0);
    let central = 1.0 - ((x / count - 0.5).abs() * 1.4 + (y / count - 0.56).abs() * 1.2).min(0.9);
    let size = count / (GRID * GRID) as f32;
    let room = (size / 0.1).min(1.0) * (1.0 - (size - 0.4).max(0.0) * 2.0).max(0.05);
    let rim = own().filter(|cell| at_rim(*cell)).count() as f32 / count.sqrt();
    compact * central * room * (1.0 - rim.min(0.8))
}

/// Whether the area's colour is found in the background a few cells away.
fn near_like(area: &[usize], behind: impl Fn(usize) -> bool, colour: impl Fn(usize) -> Rgb) -> bool {
    let Some(first) = area.get(area.len() / 2).copied() else { return false };
    let typical = colour(first);
    let (x, y) = (first % GRID, first / GRID);
    let reach = 9;
    let rows = y.saturating_sub(reach)..(y + reach + 1).min(GRID);
    rows.flat_map(|row| {
        (x.saturating_sub(reach)..(x + reach + 1).min(GRID)).map(move |column| row * GRID + column)
    })
    .any(|cell| {
        let c = colour(cell);
        behind(cell) && (c.r - typical.r).abs() + (c.g - typical.g).abs() + (c.b - typical.b).abs() < 0.05
    })
}

/// The one shape that stands out in the middle, at one measure.
fn subject(colours: &[Rgb], step: f32) -> Option<Vec<bool>> {
    let gap = |a: Rgb, b: Rgb| (a.r - b.r).abs() + (a.g - b.g).abs() + (a.b - b.b).abs();
    let colour = |cell: usize| colours.get(cell).copied().unwrap_or(super::palette::WHITE);
    let (number, flat) = areas(|a, b| gap(colour(a), colour(b)) < step);
    let rim: Vec<(f32, Rgb)> =
        (0..GRID * GRID).filter(|cell| at_rim(*cell)).map(|cell| (share(cell).1, colour(cell))).collect();
    let behind: Vec<bool> = flat
        .iter()
        .map(|area| {
            if area.iter().any(|cell| at_rim(*cell)) {
                return true;
            }
            let mut sorted: Vec<Rgb> = area.iter().map(|cell| colour(*cell)).collect();
            sorted.sort_by(|a, b| a.luma().total_cmp(&b.luma()));
            let typical = sorted.get(sorted.len() / 2).copied().unwrap_or(super::palette::WHITE);
            // A cloud looks like the cloud at the rim beside it; a white chest further down is no cloud.
            let middle = area.get(area.len() / 2).map_or(0.5, |cell| share(*cell).1);
            let alike = |(high, c): &(f32, Rgb)| (high - middle).abs() < 0.17 && gap(*c, typical) < 0.13;
            area.len() >= LARGE && rim.iter().any(alike)
        })
        .collect();
    // A small area that looks like the background close to it is a piece of that, cut off by an ear or an arm.
    let is_behind =
        |cell: usize| number.get(cell).and_then(|area| behind.get(*area)).copied().unwrap_or(true);
    let pieces: Vec<bool> = flat
        .iter()
        .zip(&behind)
        .map(|(area, behind)| *behind || (area.len() < LARGE && near_like(area, is_behind, colour)))
        .collect();
    let behind = pieces;
    let inside =
        |cell: usize| number.get(cell).and_then(|area| behind.get(*area)).is_some_and(|behind| !behind);
    // Of what is left, the one shape that is large and near the middle. Thin links to others are cut first.
    let core = |cell: usize| inside(cell) && neighbours(cell).all(inside);
    let (_, shapes) = areas(|a, b| core(a) && core(b));
    let weight = |shape: &Vec<usize>| -> f32 {
        shape
            .iter()
            .map(|cell| {
                let (u, v) = share(*cell);
                1.0 - ((u - 0.5).powi(2) + (v - 0.55).powi(2)).min(0.25) * 3.6
            })
            .sum()
    };
    let best = shapes
        .iter()
        .filter(|shape| shape.first().is_some_and(|cell| core(*cell)))
        .max_by(|a, b| weight(a).total_cmp(&weight(b)))?;
    let mut cells = vec![false; GRID * GRID];
    let mut grown = best.clone();
    for _ in 0..6 {
        let next = grown.iter().flat_map(|cell| neighbours(*cell)).filter(|cell| inside(*cell));
        let next: Vec<usize> = next.collect();
        for cell in grown.iter().chain(&next) {
            if let Some(own) = cells.get_mut(*cell) {
                *own = true;
            }
        }
        grown = next;
    }
    // What it encloses belongs to it.
    let own = cells.clone();
    let is_own = |cell: usize| own.get(cell).copied().unwrap_or(false);
    for hole in areas(|a, b| is_own(a) == is_own(b)).1 {
        if !hole.iter().any(|cell| at_rim(*cell)) {
            for cell in hole {
                if let Some(own) = cells.get_mut(cell) {
                    *own = true;
                }
            }
        }
    }
    Some(cells)
}
