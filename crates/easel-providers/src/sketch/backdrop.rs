//! The land: what lies behind and under the figures, place by place.
//!
//! Works in page pixels; figures are not its business.

use super::keywords::{Place, Style, Subject};
use super::palette::{Rgb, Theme, WHITE, hex};
use super::pen::{Pen, blob, block, curve, disc, oval, poly, slab};
use super::plan::Plan;
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
    fn unit(&self) -> f32 {
        self.width.min(self.height)
    }
}

/// A ridge from edge to edge; `sharp` makes peaks of the hills.
fn ridge(pen: &mut Pen<'_>, land: &Land, top: f32, swell: f32, pitch: f32, seed: u32, sharp: bool, colour: Rgb) {
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
        pen.bare().line(super::pen::segments(crest), colour.darker(0.5), manner.line * scale, manner.line_alpha * 0.5);
    }
}

fn ground(pen: &mut Pen<'_>, land: &Land, colour: Rgb) {
    let unit = land.unit();
    let seed = land.rng.fork(11).next() as u32;
    ridge(pen, land, land.horizon + unit * 0.02, unit * 0.045, 0.9, seed, false, colour.mix(hex(0x00FF_FFFF), 0.06));
    ridge(pen, land, land.horizon + (land.height - land.horizon) * 0.4, unit * 0.05, 0.7, seed ^ 5, false, colour.darker(0.06));
}

/// Draws everything between the sky and the figures.
pub(super) fn draw(pen: &mut Pen<'_>, land: &Land, plan: &Plan, theme: &Theme) {
    let place = plan.place();
    let unit = land.unit();
    let mut rng = land.rng.fork(10);
    let seed = rng.next() as u32;
    match place {
        Place::Space => return space(pen, land, theme, rng),
        Place::Underwater => return underwater(pen, land, theme, rng),
        Place::Room => return room(pen, land, theme, rng),
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
            ridge(pen, land, land.horizon, unit * 0.27 * high, 1.9, seed ^ 1, true, theme.far.mix(theme.mid, 0.55));
            veil(pen, land, mist);
            ridge(pen, land, land.horizon + unit * 0.02, unit * 0.15, 2.4, seed ^ 2, true, theme.mid.mix(theme.near, 0.4));
            veil(pen, land, mist);
        }
        Place::Seaside => sea(pen, land, theme, land.light, land.rng.fork(23)),
        Place::Desert => {
            ridge(pen, land, land.horizon, unit * 0.14, 1.4, seed, false, theme.ground.mix(theme.sky[2], 0.45));
            ridge(pen, land, land.horizon + unit * 0.05, unit * 0.12, 1.1, seed ^ 1, false, theme.ground.mix(theme.near, 0.35));
        }
        Place::Forest => {
            ridge(pen, land, land.horizon, unit * 0.14, 1.6, seed, false, theme.far);
            trees(pen, land, theme.mid, (0.26, 0.4), 15, rng.fork(1), land.horizon + unit * 0.01);
            veil(pen, land, mist);
            trees(pen, land, theme.near, (0.36, 0.56), 9, rng.fork(2), land.horizon + unit * 0.04);
        }
        Place::Snowfield => {
            ridge(pen, land, land.horizon, unit * 0.24, 1.5, seed, true, theme.far.lighter(0.3));
            ridge(pen, land, land.horizon + unit * 0.02, unit * 0.1, 1.8, seed ^ 1, false, theme.mid.lighter(0.35));
            trees(pen, land, theme.near.darker(0.3), (0.1, 0.19), 13, rng.fork(1), land.horizon + unit * 0.02);
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
                pen.shape(oval(land.width * 0.5, y, land.width * 0.66, (land.height - land.horizon) * 0.26), theme.water);
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
fn veil(pen: &mut Pen<'_>, land: &Land, mist: Rgb) {
    let tall = land.unit() * 0.26;
    pen.bare().fade(block(0.0, land.horizon - tall, land.width, tall + land.unit() * 0.03), (mist, 0.0), (mist, 0.85));
}

fn trees(pen: &mut Pen<'_>, land: &Land, leaf: Rgb, size: (f32, f32), count: usize, mut rng: Rng, foot: f32) {
    for nth in 0..count {
        let x = (nth as f32 + rng.range(0.05, 0.95)) / count as f32 * land.width;
        let tall = land.unit() * rng.range(size.0, size.1);
        let tone = leaf.mix(leaf.lighter(0.2), rng.unit());
        let mut pen = pen.at(x, foot, tall / 100.0);
        if rng.chance(0.55) {
            subjects::fir(&mut pen.bare(), tone);
        } else {
            pen.bare().fill(block(-4.0, -50.0, 8.0, 52.0), tone.darker(0.5), 1.0);
            pen.bare().shape(blob(&[(0.0, -100.0), (24.0, -88.0), (32.0, -62.0), (22.0, -36.0), (0.0, -28.0), (-22.0, -36.0), (-32.0, -62.0), (-24.0, -88.0)]), tone);
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
            0 => pen.line(curve(&[(x + width / 2.0, top), (x + width / 2.0, top - unit * 0.06)]), tone, unit * 0.006, 1.0),
            1 => pen.shape(block(x + width * 0.2, top - unit * 0.025, width * 0.6, unit * 0.03), tone),
            _ => {}
        }
        let (columns, rows) = (((width / unit) / 0.021) as usize, ((land.horizon - top) / unit / 0.03) as usize);
        let (step_x, step_y) = (width / (columns.max(1) as f32), unit * 0.03);
        for cell in 0..columns * rows {
            let (column, row) = (cell % columns.max(1), cell / columns.max(1));
            let (wx, wy) = (x + (column as f32 + 0.25) * step_x, top + (row as f32 + 0.5) * step_y);
            let pane = block(wx, wy, step_x * 0.5, step_y * 0.5);
            if land.night && rng.chance(0.46) {
                let lamp = if rng.chance(0.7) { hex(0x00FF_D585) } else { theme.accents[rng.below(4).min(3)] };
                pen.bare().glowing(pane, lamp, 0.35 + near * 0.6);
            } else if !land.night {
                pen.bare().fill(pane, tone.darker(0.25), 0.5);
            }
        }
        if near > 0.5 && land.night && rng.chance(0.55) {
            let glow = theme.accents[rng.below(4).min(3)];
            let (sx, sy) = (x + width * 0.62, top + unit * 0.05);
            pen.glow(sx, sy + unit * 0.05, unit * 0.11, glow, 0.55);
            pen.shape(slab(sx, sy, unit * 0.026, unit * 0.11, unit * 0.006), glow.darker(0.55));
            for mark in 0..3 {
                pen.bare().glowing(slab(sx + unit * 0.006, sy + unit * (0.012 + mark as f32 * 0.032), unit * 0.014, unit * 0.02, unit * 0.003), glow.lighter(0.45), 1.0);
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
            let colour = if nth % 2 == 0 { hex(0x00FF_D585) } else { theme.accents[nth % 4] };
            let x = rng.unit() * land.width;
            let half = unit * rng.range(0.014, 0.04);
            for dash in 0..7 {
                let fall = dash as f32 / 7.0;
                let y = road + (0.04 + fall * 0.8) * (land.height - road);
                let wide = half * (1.0 - fall * 0.5) * rng.range(0.7, 1.2);
                pen.bare().glowing(oval(x + rng.range(-0.2, 0.2) * half, y, wide, unit * 0.0042), colour, 0.5 * (1.0 - fall));
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
    pen.bare().fade(water, (theme.water.mix(theme.sky[2], 0.62), 1.0), (theme.water.mix(theme.sky[0], 0.35), 1.0));
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
                (t * (land.width + 20.0) - 10.0, shore + lift + (noise(t * 5.0, 1.0, seed) - 0.5) * unit * 0.06)
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
        pen.shape(blob(&[(x - shell, y), (x, y - shell * 1.3), (x + shell, y), (x, y + shell * 0.5)]), theme.accents[rng.below(2)].lighter(0.3));
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

fn space(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    for nth in 0..16 {
        let (x, y) = (rng.unit() * land.width, rng.unit() * land.height);
        pen.glow(x, y, unit * rng.range(0.14, 0.34), theme.accents[nth % 4], 0.16);
    }
    let sky = super::weather::Sky { width: land.width, height: land.height, horizon: land.height, rng };
    super::weather::stars(pen, &sky, 230, true);
    let (x, y, r) = (land.width * 0.8, land.height * 0.2, unit * 0.12);
    let planet = theme.accents[1];
    pen.shape(disc(x, y, r), planet);
    for (dy, half, thick) in [(-0.45, 0.8, 0.09), (0.02, 0.97, 0.13), (0.5, 0.78, 0.08)] {
        pen.bare().fill(oval(x, y + dy * r, half * r, thick * r), planet.darker(0.2), 0.5);
    }
    let mut ring = pen.turned(x, y, -18.0);
    let front: Vec<(f32, f32)> = (0..=20)
        .map(|step| {
            let angle = (step as f32 / 20.0 * 1.34 - 0.17) * std::f32::consts::PI;
            (angle.cos() * r * 1.75, angle.sin() * r * 0.38)
        })
        .collect();
    ring.line(curve(&front), theme.accents[0].lighter(0.45), r * 0.13, 0.9);
    let small = theme.accents[2];
    pen.shape(disc(land.width * 0.14, land.height * 0.34, unit * 0.045), small);
    let seed = rng.next() as u32;
    ridge(pen, land, land.horizon + unit * 0.06, unit * 0.08, 1.3, seed, false, theme.ground.darker(0.12));
    for _ in 0..8 {
        let (x, y) = (rng.unit() * land.width, land.horizon + unit * 0.09 + rng.unit() * (land.height - land.horizon));
        let size = unit * rng.range(0.02, 0.055);
        pen.shape(oval(x, y, size, size * 0.32), theme.ground.darker(0.34));
    }
}

fn underwater(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    for _ in 0..7 {
        let x = rng.unit() * land.width;
        let wide = unit * rng.range(0.03, 0.09);
        let beam = poly(&[(x, -5.0), (x + wide, -5.0), (x + wide * 2.6 - unit * 0.2, land.height), (x - unit * 0.3, land.height)]);
        pen.bare().fade(beam, (WHITE, 0.26), (WHITE, 0.0));
    }
    let seed = rng.next() as u32;
    let floor = land.horizon + unit * 0.1;
    ridge(pen, land, floor, unit * 0.1, 1.2, seed, false, theme.ground.mix(theme.sky[2], 0.55));
    ridge(pen, land, floor + unit * 0.09, unit * 0.07, 1.4, seed ^ 1, false, theme.ground);
    for nth in 0..14 {
        let x = rng.unit() * land.width;
        let foot = floor + unit * rng.range(0.06, 0.2);
        let tall = unit * rng.range(0.1, 0.26);
        let sway = unit * rng.range(-0.03, 0.03);
        let colour = [hex(0x003F_9F78), hex(0x0062_B06A), theme.accents[0], theme.accents[3]][nth % 4];
        let weed = curve(&[(x, foot), (x + sway, foot - tall * 0.35), (x - sway, foot - tall * 0.7), (x + sway, foot - tall)]);
        pen.line(weed, colour, unit * 0.014, 0.95);
    }
    for _ in 0..34 {
        let (x, y) = (rng.unit() * land.width, rng.unit() * land.horizon);
        let size = unit * rng.range(0.004, 0.015);
        pen.bare().line(disc(x, y, size), WHITE, unit * 0.0025, 0.6);
        pen.bare().glowing(disc(x - size * 0.3, y - size * 0.3, size * 0.2), WHITE, 0.7);
    }
}

fn room(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    let (light, strength) = theme.tint;
    let wall = theme.accents[1].lighter(0.62);
    let wall = wall.mix(wall.times(light), strength);
    let floor = land.horizon + unit * 0.08;
    let (wx, wy) = (land.width * 0.5 - unit * 0.24, floor - unit * 0.56);
    let (ww, wh) = (unit * 0.48, unit * 0.36);
    for (x, y, w, h) in [(0.0, 0.0, land.width, wy), (0.0, wy, wx, wh), (wx + ww, wy, land.width, wh), (0.0, wy + wh, land.width, land.height)] {
        pen.bare().glowing(block(x - 1.0, y - 1.0, w + 2.0, h + 2.0), wall, 1.0);
    }
    let stripes = (land.width / unit * 12.0) as usize;
    for nth in 0..stripes {
        let x = (nth as f32 + 0.5) / stripes as f32 * land.width;
        if x < wx || x > wx + ww {
            pen.bare().glowing(block(x, 0.0, unit * 0.012, floor), wall.darker(0.08), 0.4);
        }
    }
    for (x, y, w, h) in [(wx - 0.02 * unit, wy - 0.02 * unit, ww + 0.04 * unit, 0.025 * unit), (wx - 0.03 * unit, wy + wh, ww + 0.06 * unit, 0.03 * unit), (wx - 0.02 * unit, wy, 0.025 * unit, wh), (wx + ww - 0.005 * unit, wy, 0.025 * unit, wh), (wx + ww / 2.0 - 0.008 * unit, wy, 0.016 * unit, wh), (wx, wy + wh * 0.45, ww, 0.014 * unit)] {
        pen.shape(block(x, y, w, h), hex(0x00FB_F6EC));
    }
    for side in [-1.0_f32, 1.0] {
        let edge = wx + ww / 2.0 + side * ww * 0.62;
        let hang = [(edge, wy - 0.04 * unit), (edge - side * 0.11 * unit, wy - 0.04 * unit), (edge - side * 0.1 * unit, wy + wh * 0.4), (edge - side * 0.03 * unit, wy + wh * 0.62), (edge - side * 0.06 * unit, wy + wh * 1.05), (edge + side * 0.03 * unit, wy + wh * 1.05)];
        pen.shape(poly(&hang), theme.accents[0].lighter(0.1));
    }
    pen.shape(block(-5.0, floor, land.width + 10.0, land.height - floor + 5.0), theme.ground);
    for board in 1..6 {
        let y = floor + (land.height - floor) * (board as f32 / 6.0).powf(1.3);
        pen.line(curve(&[(0.0, y), (land.width, y)]), theme.ground.darker(0.4), unit * 0.0025, 0.45);
    }
    pen.shape(block(-5.0, floor - unit * 0.02, land.width + 10.0, unit * 0.022), hex(0x00FB_F6EC));
    let rug = floor + (land.height - floor) * 0.55;
    pen.shape(oval(land.width / 2.0, rug, unit * 0.45, unit * 0.1), theme.accents[2]);
    pen.line(oval(land.width / 2.0, rug, unit * 0.4, unit * 0.083), WHITE, unit * 0.006, 0.6);
    let px = if rng.chance(0.5) { 0.1 } else { 0.9 } * land.width;
    let mut plant = pen.at(px, floor + unit * 0.05, unit * 0.0022);
    for (dx, dy) in [(-26.0, -62.0), (24.0, -66.0), (-10.0, -90.0), (12.0, -94.0), (0.0, -76.0)] {
        plant.shape(blob(&[(0.0, -34.0), (dx * 0.5 - 7.0, dy * 0.7 - 10.0), (dx, dy), (dx * 0.5 + 9.0, dy * 0.6 - 8.0)]), hex(0x0062_A068));
    }
    plant.shape(poly(&[(-18.0, -36.0), (18.0, -36.0), (13.0, 0.0), (-13.0, 0.0)]), hex(0x00C8_7A58));
}

fn village(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    for nth in 0..7 {
        let x = (nth as f32 + rng.range(0.2, 0.8)) / 7.0 * land.width;
        let mut look_rng = rng.fork(nth);
        let size = unit * look_rng.range(0.0009, 0.0014);
        let mut accents = theme.accents;
        accents.rotate_left(nth as usize % 2);
        let look = subjects::Look { coat: None, action: super::keywords::Action::Stand, accents, night: land.night, rng: look_rng };
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
        .map(|_| (rng.unit() * land.width, land.horizon + unit * 0.06 + rng.unit() * (land.height - land.horizon)))
        .collect();
    spots.sort_by(|a, b| a.1.total_cmp(&b.1));
    for (x, y) in spots {
        let near = (y - land.horizon) / (land.height - land.horizon);
        let size = unit * (0.0005 + near * 0.0008);
        pen.line(curve(&[(x, y), (x, y - size * 40.0)]), theme.near, size * 3.0, 0.9);
        let petal = theme.accents[rng.below(4).min(3)];
        subjects::flower_head(&mut pen.at(x, y - size * 42.0, size).bare(), petal.lighter(0.1), hex(0x00F8_D85A), 6);
    }
}
