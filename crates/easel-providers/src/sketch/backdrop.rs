//! The land: what lies behind and under the figures, place by place.
//!
//! Works in page pixels; figures are not its business.

use super::heights;
use super::keywords::{Place, Style, Subject};
use super::palette::{Rgb, Theme, hex};
use super::pen::{Pen, blob, block, curve, disc, oval, poly, slab};
use super::plan::Plan;
use super::realms;
use super::rng::{Rng, noise};
use super::subjects;

/// The page a landscape is drawn on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Land {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) horizon: f32,
    pub(super) rng: Rng,
    pub(super) night: bool,
    /// Ridges fade into mist, as in ink paintings.
    pub(super) washed: bool,
    /// Where sun or moon stand, in pixels from the left.
    pub(super) light: f32,
}

impl Land {
    pub(super) fn unit(&self) -> f32 {
        self.width.min(self.height)
    }
}

/// A ridge from edge to edge; `sharp` makes peaks of the hills.
#[expect(clippy::too_many_arguments, reason = "a ridge is its numbers; naming them twice would not help")]
pub(super) fn ridge(
    pen: &mut Pen<'_>,
    land: &Land,
    top: f32,
    swell: f32,
    pitch: f32,
    seed: u32,
    sharp: bool,
    colour: Rgb,
) {
    let steps = 72;
    let mut outline = vec![(-10.0, land.height + 10.0)];
    for step in 0..=steps {
        let t = step as f32 / steps as f32;
        let x = t * (land.width + 20.0) - 10.0;
        let along = t * pitch * land.width / land.unit();
        let wave = if sharp {
            let peak = 1.0 - (noise(along, 3.5, seed) * 2.0 - 1.0).abs();
            peak.powf(1.6) * 1.1 + noise(along * 5.0, 9.0, seed) * 0.16
        } else {
            noise(along, 0.5, seed)
        };
        outline.push((x, top - wave * swell));
    }
    outline.push((land.width + 10.0, land.height + 10.0));
    if sharp && land.washed {
        pen.bare().fade(poly(&outline), (colour.darker(0.25), 1.0), (hex(0x00F5_F1E6), 1.0));
    } else {
        pen.bare().shape(poly(&outline), colour);
    }
    let crest = outline.get(1..outline.len() - 1).unwrap_or_default();
    let manner = pen.manner();
    if manner.line > 0.0 {
        let scale = if sharp { 1.0 } else { 0.8 };
        pen.bare().line(
            super::pen::segments(crest),
            colour.darker(0.5),
            manner.line * scale,
            manner.line_alpha * 0.5,
        );
    }
}

fn ground(pen: &mut Pen<'_>, land: &Land, colour: Rgb) {
    let unit = land.unit();
    let seed = land.rng.fork(11).next() as u32;
    ridge(
        pen,
        land,
        land.horizon + unit * 0.02,
        unit * 0.045,
        0.9,
        seed,
        false,
        colour.mix(hex(0x00FF_FFFF), 0.06),
    );
    ridge(
        pen,
        land,
        land.horizon + (land.height - land.horizon) * 0.4,
        unit * 0.05,
        0.7,
        seed ^ 5,
        false,
        colour.darker(0.06),
    );
}

/// Draws everything between the sky and the figures.
pub(super) fn draw(pen: &mut Pen<'_>, land: &Land, plan: &Plan, theme: &Theme) {
    let place = plan.place();
    let unit = land.unit();
    let mut rng = land.rng.fork(10);
    let seed = rng.next() as u32;
    match place {
        Place::Space => return realms::space(pen, land, theme, rng),
        Place::Moon => return realms::moon(pen, land, theme, rng),
        Place::Underwater => return realms::underwater(pen, land, theme, rng),
        Place::Room => return realms::room(pen, land, theme, rng),
        _ => {}
    }
    let mist = theme.sky[2];
    match place {
        Place::City | Place::Street => {
            skyline(pen, land, theme.far, 0.4, land.rng.fork(20), theme, 0.3);
            skyline(pen, land, theme.mid, 0.3, land.rng.fork(21), theme, 0.62);
            skyline(pen, land, theme.near, 0.2, land.rng.fork(22), theme, 0.9);
        }
        Place::Mountains => {
            let high = if plan.style == Style::Ink { 1.35 } else { 1.0 };
            ridge(pen, land, land.horizon, unit * 0.42 * high, 1.3, seed, true, theme.far.mix(mist, 0.3));
            veil(pen, land, mist);
            ridge(
                pen,
                land,
                land.horizon,
                unit * 0.27 * high,
                1.9,
                seed ^ 1,
                true,
                theme.far.mix(theme.mid, 0.55),
            );
            veil(pen, land, mist);
            ridge(
                pen,
                land,
                land.horizon + unit * 0.02,
                unit * 0.15,
                2.4,
                seed ^ 2,
                true,
                theme.mid.mix(theme.near, 0.4),
            );
            veil(pen, land, mist);
        }
        Place::Peaks => heights::peaks(pen, land, theme, rng.fork(7)),
        Place::Wall => heights::wall(pen, land, theme, rng.fork(8)),
        Place::Seaside => sea(pen, land, theme, land.light, land.rng.fork(23)),
        Place::Desert => {
            ridge(
                pen,
                land,
                land.horizon,
                unit * 0.14,
                1.4,
                seed,
                false,
                theme.ground.mix(theme.sky[2], 0.45),
            );
            ridge(
                pen,
                land,
                land.horizon + unit * 0.05,
                unit * 0.12,
                1.1,
                seed ^ 1,
                false,
                theme.ground.mix(theme.near, 0.35),
            );
        }
        Place::Forest => {
            ridge(pen, land, land.horizon, unit * 0.14, 1.6, seed, false, theme.far);
            trees(pen, land, theme.mid, (0.26, 0.4), 15, rng.fork(1), land.horizon + unit * 0.01);
            veil(pen, land, mist);
            trees(pen, land, theme.near, (0.36, 0.56), 9, rng.fork(2), land.horizon + unit * 0.04);
        }
        Place::Snowfield => {
            ridge(pen, land, land.horizon, unit * 0.24, 1.5, seed, true, theme.far.lighter(0.3));
            ridge(
                pen,
                land,
                land.horizon + unit * 0.02,
                unit * 0.1,
                1.8,
                seed ^ 1,
                false,
                theme.mid.lighter(0.35),
            );
            trees(
                pen,
                land,
                theme.near.darker(0.3),
                (0.1, 0.19),
                13,
                rng.fork(1),
                land.horizon + unit * 0.02,
            );
        }
        _ => {
            ridge(pen, land, land.horizon, unit * 0.3, 1.9, seed, false, theme.far);
            ridge(pen, land, land.horizon + unit * 0.01, unit * 0.2, 2.3, seed ^ 1, false, theme.mid);
            trees(pen, land, theme.near, (0.07, 0.14), 11, rng.fork(1), land.horizon + unit * 0.005);
        }
    }
    if place == Place::Village {
        village(pen, land, theme, rng.fork(3));
    }
    match place {
        Place::City | Place::Street => pavement(pen, land, theme, plan.overcast()),
        Place::Seaside => {}
        Place::Lake => {
            ground(pen, land, theme.ground);
            let y = land.horizon + (land.height - land.horizon) * 0.2;
            pen.shape(oval(land.width * 0.54, y, land.width * 0.44, unit * 0.055), theme.water);
            ripples(pen, land, (y - unit * 0.035, y + unit * 0.04), theme.water.lighter(0.5), rng.fork(4));
        }
        _ => {
            ground(pen, land, theme.ground);
            let afloat = |f: &super::plan::Figure| matches!(f.subject, Subject::Boat | Subject::Whale);
            if plan.figures.iter().any(afloat) {
                let y = land.horizon + (land.height - land.horizon) * 0.36;
                pen.shape(
                    oval(land.width * 0.5, y, land.width * 0.66, (land.height - land.horizon) * 0.26),
                    theme.water,
                );
                ripples(pen, land, (y - unit * 0.06, y + unit * 0.08), theme.water.lighter(0.5), rng.fork(4));
            }
        }
    }
    if matches!(place, Place::Desert) {
        for share in [0.12, 0.83] {
            cactus(&mut pen.at(land.width * share, land.horizon + unit * 0.09, unit * 0.0017), theme);
        }
    }
    if place == Place::Garden || plan.spring() {
        blooms(pen, land, theme, rng.fork(6), if place == Place::Garden { 90 } else { 26 });
    }
}

/// Mist that settles at the foot of a ridge.
pub(super) fn veil(pen: &mut Pen<'_>, land: &Land, mist: Rgb) {
    let tall = land.unit() * 0.26;
    pen.bare().fade(
        block(0.0, land.horizon - tall, land.width, tall + land.unit() * 0.03),
        (mist, 0.0),
        (mist, 0.85),
    );
}

pub(super) fn trees(
    pen: &mut Pen<'_>,
    land: &Land,
    leaf: Rgb,
    size: (f32, f32),
    count: usize,
    mut rng: Rng,
    foot: f32,
) {
    for nth in 0..count {
        let x = (nth as f32 + rng.range(0.05, 0.95)) / count as f32 * land.width;
        let tall = land.unit() * rng.range(size.0, size.1);
        let tone = leaf.mix(leaf.lighter(0.2), rng.unit());
        let mut pen = pen.at(x, foot, tall / 100.0);
        if rng.chance(0.55) {
            subjects::fir(&mut pen.bare(), tone);
        } else {
            pen.bare().fill(block(-4.0, -50.0, 8.0, 52.0), tone.darker(0.5), 1.0);
            pen.bare().shape(
                blob(&[
                    (0.0, -100.0),
                    (24.0, -88.0),
                    (32.0, -62.0),
                    (22.0, -36.0),
                    (0.0, -28.0),
                    (-22.0, -36.0),
                    (-32.0, -62.0),
                    (-24.0, -88.0),
                ]),
                tone,
            );
        }
    }
}

fn skyline(pen: &mut Pen<'_>, land: &Land, colour: Rgb, tall: f32, mut rng: Rng, theme: &Theme, near: f32) {
    let unit = land.unit();
    let stretch = (land.height / land.width).clamp(0.8, 1.5);
    let mut x = -unit * rng.range(0.0, 0.06);
    while x < land.width {
        let width = unit * rng.range(0.065, 0.135) * (0.75 + near * 0.5);
        let top = land.horizon - unit * tall * rng.range(0.45, 1.25) * stretch;
        let tone = colour.mix(colour.lighter(0.16), rng.unit());
        pen.shape(block(x, top, width, land.horizon + unit * 0.06 - top), tone);
        match rng.below(4) {
            0 => pen.line(
                curve(&[(x + width / 2.0, top), (x + width / 2.0, top - unit * 0.06)]),
                tone,
                unit * 0.006,
                1.0,
            ),
            1 => pen.shape(block(x + width * 0.2, top - unit * 0.025, width * 0.6, unit * 0.03), tone),
            _ => {}
        }
        let (columns, rows) =
            (((width / unit) / 0.021) as usize, ((land.horizon - top) / unit / 0.03) as usize);
        let (step_x, step_y) = (width / (columns.max(1) as f32), unit * 0.03);
        for cell in 0..columns * rows {
            let (column, row) = (cell % columns.max(1), cell / columns.max(1));
            let (wx, wy) = (x + (column as f32 + 0.25) * step_x, top + (row as f32 + 0.5) * step_y);
            let pane = block(wx, wy, step_x * 0.5, step_y * 0.5);
            if land.night && rng.chance(0.46) {
                let lamp = if rng.chance(0.7) { hex(0x00FF_D585) } else { theme.accent(rng.below(4)) };
                pen.bare().glowing(pane, lamp, 0.35 + near * 0.6);
            } else if !land.night {
                pen.bare().fill(pane, tone.darker(0.25), 0.5);
            }
        }
        if near > 0.5 && land.night && rng.chance(0.55) {
            let glow = theme.accent(rng.below(4));
            let (sx, sy) = (x + width * 0.62, top + unit * 0.05);
            pen.glow(sx, sy + unit * 0.05, unit * 0.11, glow, 0.55);
            pen.shape(slab(sx, sy, unit * 0.026, unit * 0.11, unit * 0.006), glow.darker(0.55));
            for mark in 0..3 {
                pen.bare().glowing(
                    slab(
                        sx + unit * 0.006,
                        sy + unit * (0.012 + mark as f32 * 0.032),
                        unit * 0.014,
                        unit * 0.02,
                        unit * 0.003,
                    ),
                    glow.lighter(0.45),
                    1.0,
                );
            }
        }
        x += width + unit * rng.range(-0.01, 0.022);
    }
}

fn pavement(pen: &mut Pen<'_>, land: &Land, theme: &Theme, wet: bool) {
    let unit = land.unit();
    let top = land.horizon + unit * 0.03;
    pen.shape(block(-5.0, top, land.width + 10.0, land.height - top + 5.0), theme.ground.lighter(0.12));
    let road = top + (land.height - top) * 0.22;
    pen.shape(block(-5.0, road, land.width + 10.0, land.height - road + 5.0), theme.ground.darker(0.2));
    let middle = road + (land.height - road) * 0.5;
    let mut x = unit * 0.03;
    while x < land.width {
        pen.bare().fill(slab(x, middle, unit * 0.1, unit * 0.012, unit * 0.004), hex(0x00F6_E7B8), 0.7);
        x += unit * 0.2;
    }
    if land.night || wet {
        let mut rng = land.rng.fork(30);
        for nth in 0..22 {
            let colour = if nth % 2 == 0 { hex(0x00FF_D585) } else { theme.accent(nth) };
            let x = rng.unit() * land.width;
            let half = unit * rng.range(0.014, 0.04);
            for dash in 0..7 {
                let fall = dash as f32 / 7.0;
                let y = road + (0.04 + fall * 0.8) * (land.height - road);
                let wide = half * (1.0 - fall * 0.5) * rng.range(0.7, 1.2);
                pen.bare().glowing(
                    oval(x + rng.range(-0.2, 0.2) * half, y, wide, unit * 0.0042),
                    colour,
                    0.5 * (1.0 - fall),
                );
            }
        }
    }
    let lamps = (land.width / unit * 2.4) as usize;
    for nth in 0..lamps {
        let x = (nth as f32 + 0.5) / lamps as f32 * land.width;
        let mut pen = pen.at(x, road, unit * 0.0021);
        pen.line(curve(&[(0.0, 0.0), (0.0, -84.0), (6.0, -96.0), (20.0, -98.0)]), hex(0x0048_4656), 3.6, 1.0);
        if land.night {
            pen.glow(21.0, -92.0, 46.0, hex(0x00FF_DF9C), 0.75);
        }
        pen.bare().glowing(oval(21.0, -94.0, 7.0, 4.0), hex(0x00FF_EFC4), 1.0);
    }
}

fn sea(pen: &mut Pen<'_>, land: &Land, theme: &Theme, sun: f32, rng: Rng) {
    let unit = land.unit();
    let shore = land.horizon + (land.height - land.horizon) * 0.52;
    let water = block(-5.0, land.horizon, land.width + 10.0, land.height - land.horizon);
    pen.bare().fade(
        water,
        (theme.water.mix(theme.sky[2], 0.62), 1.0),
        (theme.water.mix(theme.sky[0], 0.35), 1.0),
    );
    let glitter = theme.light;
    ripples(pen, land, (land.horizon + unit * 0.008, shore), theme.cloud, rng);
    let mut shimmer = rng.fork(2);
    for row in 0..30 {
        let depth = row as f32 / 30.0;
        let y = land.horizon + (shore - land.horizon) * depth;
        let half = unit * (0.02 + 0.1 * depth) * shimmer.range(0.35, 1.0);
        let x = sun + unit * shimmer.range(-0.03, 0.03) * (0.3 + depth);
        pen.bare().glowing(oval(x, y, half, unit * (0.0022 + 0.003 * depth)), glitter, 0.62);
    }
    let wave = |lift: f32, seed: u32| -> Vec<(f32, f32)> {
        let mut points: Vec<(f32, f32)> = (0..=36)
            .map(|step| {
                let t = step as f32 / 36.0;
                (
                    t * (land.width + 20.0) - 10.0,
                    shore + lift + (noise(t * 5.0, 1.0, seed) - 0.5) * unit * 0.06,
                )
            })
            .collect();
        points.extend([(land.width + 10.0, land.height + 10.0), (-10.0, land.height + 10.0)]);
        points
    };
    pen.bare().glowing(poly(&wave(-unit * 0.022, 7)), theme.cloud, 0.9);
    pen.shape(poly(&wave(0.0, 7)), theme.ground);
    let mut rng = rng.fork(1);
    for _ in 0..9 {
        let (x, y) = (rng.unit() * land.width, shore + unit * 0.07 + rng.unit() * (land.height - shore));
        let shell = rng.range(0.006, 0.012) * unit;
        pen.shape(
            blob(&[(x - shell, y), (x, y - shell * 1.3), (x + shell, y), (x, y + shell * 0.5)]),
            theme.accent(rng.below(2)).lighter(0.3),
        );
    }
}

fn ripples(pen: &mut Pen<'_>, land: &Land, (top, low): (f32, f32), colour: Rgb, mut rng: Rng) {
    let unit = land.unit();
    let count = (60.0 * (land.width / unit)).min(160.0) as usize;
    for _ in 0..count {
        let depth = rng.unit();
        let (x, y) = (rng.unit() * land.width, top + depth * (low - top));
        let length = unit * (0.015 + depth * 0.06);
        let path = curve(&[(x, y), (x + length * 0.5, y + unit * 0.004), (x + length, y)]);
        pen.bare().line(path, colour, unit * (0.0016 + depth * 0.003), 0.5);
    }
}

fn village(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    for nth in 0..7 {
        let x = (nth as f32 + rng.range(0.2, 0.8)) / 7.0 * land.width;
        let mut look_rng = rng.fork(nth);
        let size = unit * look_rng.range(0.0009, 0.0014);
        let mut accents = theme.accents;
        accents.rotate_left(nth as usize % 2);
        let look = subjects::Look {
            coat: None,
            action: super::keywords::Action::Stand,
            accents,
            snow: false,
            suit: false,
            glasses: false,
            hat: None,
            night: land.night,
            rng: look_rng,
        };
        subjects::draw(Subject::House, &mut pen.at(x, land.horizon + unit * 0.015, size), &look);
    }
}

fn cactus(pen: &mut Pen<'_>, theme: &Theme) {
    let green = hex(0x0062_9B62).mix(theme.near, 0.2);
    pen.shape(super::pen::limb(&[(0.0, 0.0), (0.0, -80.0)], 20.0), green);
    pen.shape(super::pen::limb(&[(0.0, -30.0), (26.0, -34.0), (28.0, -60.0)], 13.0), green);
    pen.shape(super::pen::limb(&[(0.0, -44.0), (-24.0, -48.0), (-25.0, -68.0)], 12.0), green);
    pen.shape(disc(0.0, -92.0, 6.0), theme.accents[0]);
}

fn blooms(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng, count: usize) {
    let unit = land.unit();
    let mut spots: Vec<(f32, f32)> = (0..count)
        .map(|_| {
            (rng.unit() * land.width, land.horizon + unit * 0.06 + rng.unit() * (land.height - land.horizon))
        })
        .collect();
    spots.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (x, y) in spots {
        let near = (y - land.horizon) / (land.height - land.horizon);
        let size = unit * (0.0005 + near * 0.0008);
        pen.line(curve(&[(x, y), (x, y - size * 40.0)]), theme.near, size * 3.0, 0.9);
        let petal = theme.accent(rng.below(4));
        subjects::flower_head(
            &mut pen.at(x, y - size * 42.0, size).bare(),
            petal.lighter(0.1),
            hex(0x00F8_D85A),
            6,
        );
    }
}
