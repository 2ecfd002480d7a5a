//! What hangs in the sky behind a scene and what falls in front of it.
//!
//! Works in page pixels on any page, so that edits use the same rain as drawn scenes.

use super::keywords::{Hour, Weather};
use super::palette::{Rgb, Theme, WHITE, hex};
use super::pen::{Pen, blob, curve, disc, limb, oval, poly, star};
use super::plan::Plan;
use super::rng::Rng;

/// The page as the sky sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sky {
    pub(super) width: f32,
    pub(super) height: f32,
    /// Where the sky ends, in pixels from the top.
    pub(super) horizon: f32,
    pub(super) rng: Rng,
}

impl Sky {
    /// Where sun or moon stand, in pixels from the left.
    pub(super) fn light_at(&self) -> f32 {
        self.width * if self.rng.fork(6).chance(0.5) { 0.24 } else { 0.76 }
    }

    fn unit(&self) -> f32 {
        self.width.min(self.height)
    }
}

/// Sun or moon, stars, clouds and the rarer lights.
pub(super) fn behind(pen: &mut Pen<'_>, sky: &Sky, plan: &Plan, theme: &Theme) {
    let hour = plan.hour();
    let unit = sky.unit();
    let mut rng = sky.rng.fork(1);
    let dark = hour == Hour::Night;
    if dark || plan.has(Weather::Stars) {
        stars(pen, sky, if plan.has(Weather::Stars) { 260 } else { 90 }, plan.has(Weather::Stars));
    }
    if plan.has(Weather::Aurora) {
        aurora(pen, sky);
    }
    if plan.has(Weather::Rainbow) {
        for (band, colour) in [0x00E8_6A6A, 0x00F2_A65A, 0x00F5_DC6A, 0x0078_C47A, 0x005A_A6DC, 0x0096_78C8]
            .into_iter()
            .enumerate()
        {
            let reach = unit * (0.62 - band as f32 * 0.022);
            let arc: Vec<(f32, f32)> = (0..=16)
                .map(|step| {
                    let angle = step as f32 / 16.0 * std::f32::consts::PI;
                    (sky.width * 0.46 - angle.cos() * reach, sky.horizon - angle.sin() * reach * 0.92)
                })
                .collect();
            pen.bare().line(curve(&arc), hex(colour), unit * 0.023, 0.55);
        }
    }
    let (x, high) = (sky.light_at(), sky.horizon * rng.range(0.24, 0.36));
    if plan.has(Weather::Moon) || (dark && !plan.overcast() && !plan.has(Weather::Sun)) {
        let radius = unit * if plan.has(Weather::Moon) { 0.105 } else { 0.06 };
        moon(pen, x, high, radius, theme.light);
    } else if plan.has(Weather::Sun) || !(dark || plan.overcast()) {
        let low = matches!(hour, Hour::Sunset | Hour::Dawn);
        let y = if low { sky.horizon - unit * 0.085 } else { high };
        let radius = unit
            * match (low, plan.has(Weather::Sun)) {
                (true, _) => 0.1,
                (false, true) => 0.085,
                (false, false) => 0.052,
            };
        pen.glow(x, y, radius * 5.0, theme.light, 0.75);
        pen.bare().glowing(disc(x, y, radius), theme.light.lighter(0.3), 1.0);
        if plan.has(Weather::Sun) {
            for ray in 0..14 {
                let angle = ray as f32 / 14.0 * std::f32::consts::TAU;
                let (dx, dy) = (angle.cos(), angle.sin());
                let path = curve(&[
                    (x + dx * radius * 1.3, y + dy * radius * 1.3),
                    (x + dx * radius * 1.75, y + dy * radius * 1.75),
                ]);
                pen.bare().line(path, theme.light, unit * 0.009, 0.9);
            }
        }
    }
    if plan.has(Weather::Meteor) {
        for _ in 0..7 {
            let (mx, my) = (rng.range(0.05, 0.9) * sky.width, rng.range(0.04, 0.6) * sky.horizon);
            let tail = unit * rng.range(0.09, 0.22);
            let streak =
                poly(&[(mx, my), (mx + tail, my - tail * 0.55), (mx + unit * 0.006, my + unit * 0.006)]);
            pen.bare().glowing(streak, WHITE, 0.75);
            pen.glow(mx, my, unit * 0.025, WHITE, 0.9);
        }
    }
    if plan.has(Weather::Fireworks) {
        for burst in 0..6 {
            let centre = (rng.range(0.1, 0.9) * sky.width, rng.range(0.1, 0.65) * sky.horizon);
            firework(
                pen,
                centre,
                unit * rng.range(0.08, 0.16),
                theme.accents.get(burst % 4).copied().unwrap_or(WHITE),
                rng.fork(burst as u64),
            );
        }
    }
    let clouds = if plan.has(Weather::Cloudy) {
        11
    } else if plan.overcast() {
        8
    } else if dark {
        2
    } else {
        4
    };
    for nth in 0..clouds {
        let cx = (nth as f32 + rng.range(0.1, 0.9)) / clouds as f32 * sky.width;
        let cy = sky.horizon * rng.range(0.1, 0.72);
        let size = unit * rng.range(0.07, 0.15) * if plan.has(Weather::Cloudy) { 1.4 } else { 1.0 };
        cloud(pen, cx, cy, size, theme.cloud, rng.fork(nth as u64));
    }
    if plan.has(Weather::Storm) {
        for share in [0.3, 0.72] {
            let lx = sky.width * (share + rng.range(-0.08, 0.08));
            let bolt: Vec<(f32, f32)> = [
                (0.0, 0.1),
                (-0.05, 0.36),
                (-0.005, 0.36),
                (-0.06, 0.66),
                (0.05, 0.28),
                (0.005, 0.28),
                (0.05, 0.1),
            ]
            .into_iter()
            .map(|(dx, dy)| (lx + dx * unit, sky.horizon * (dy + 0.08)))
            .collect();
            pen.glow(lx, sky.horizon * 0.4, unit * 0.3, hex(0x00FF_F6C0), 0.7);
            pen.bare().glowing(poly(&bolt), hex(0x00FF_F0A0), 1.0);
        }
    }
}

/// Rain, snow, mist and whatever the wind carries.
pub(super) fn in_front(pen: &mut Pen<'_>, sky: &Sky, plan: &Plan, theme: &Theme) {
    let unit = sky.unit();
    let mut rng = sky.rng.fork(2);
    let place = |rng: &mut Rng| (rng.range(-0.05, 1.05) * sky.width, rng.range(-0.05, 1.02) * sky.height);
    let crowd = (sky.width * sky.height / (unit * unit)).min(4.0);
    let many = |count: f32| (count * crowd) as usize;
    if plan.has(Weather::Fog) {
        let mist = theme.cloud.lighter(0.3);
        for band in 0..6 {
            let y = sky.horizon + unit * (band as f32 * 0.085 - 0.2);
            let rx = sky.width * rng.range(0.4, 0.8);
            pen.bare().fade(
                oval(rng.range(0.0, 1.0) * sky.width, y, rx, unit * 0.075),
                (mist, 0.15),
                (mist, 0.5),
            );
        }
        pen.bare().fade(super::pen::block(0.0, 0.0, sky.width, sky.height), (mist, 0.16), (mist, 0.42));
    }
    if plan.has(Weather::Rain) || plan.has(Weather::Storm) {
        rain(pen, sky, many(230.0), rng.fork(3));
    }
    if plan.has(Weather::Snow) {
        for _ in 0..many(210.0) {
            let (x, y) = place(&mut rng);
            let size = unit * 0.0022 * (1.0 + rng.unit() * rng.unit() * 4.5);
            pen.bare().glowing(disc(x, y, size), WHITE, rng.range(0.6, 0.98));
        }
    }
    if plan.has(Weather::Petals) || plan.has(Weather::Leaves) {
        let leaves = plan.has(Weather::Leaves);
        let colours = if leaves {
            [0x00E0_7A3A, 0x00D2_4E36, 0x00EE_B548]
        } else {
            [0x00F9_C6D4, 0x00F6_A9C0, 0x00FF_E3EA]
        };
        for _ in 0..many(46.0) {
            let (x, y) = place(&mut rng);
            let size = unit * rng.range(0.006, 0.013);
            let colour = hex(colours.get(rng.below(3)).copied().unwrap_or(0x00F9_C6D4));
            let mut pen = pen.turned(x, y, rng.range(0.0, 360.0));
            let mut pen = pen.at(0.0, 0.0, size);
            pen.bare().glowing(blob(&[(0.0, -1.3), (0.9, 0.0), (0.0, 1.3), (-0.7, 0.1)]), colour, 0.95);
            if leaves {
                pen.bare().line(curve(&[(0.0, -1.0), (0.0, 1.8)]), colour.darker(0.4), 0.2, 0.8);
            }
        }
    }
    if plan.has(Weather::Wind) {
        for _ in 0..many(9.0) {
            let (x, y) = place(&mut rng);
            let length = unit * rng.range(0.12, 0.26);
            let r = length * 0.16;
            let path = curve(&[
                (x, y),
                (x + length * 0.5, y - r * 0.3),
                (x + length, y),
                (x + length + r, y - r),
                (x + length, y - r * 1.8),
                (x + length - r * 0.6, y - r),
            ]);
            pen.bare().line(path, WHITE, unit * 0.005, 0.65);
        }
    }
}

pub(super) fn rain(pen: &mut Pen<'_>, sky: &Sky, drops: usize, mut rng: Rng) {
    let unit = sky.unit();
    for _ in 0..drops {
        let (x, y) = (rng.range(-0.05, 1.1) * sky.width, rng.range(-0.1, 1.0) * sky.height);
        let length = unit * rng.range(0.025, 0.075);
        let path = super::pen::segments(&[(x, y), (x - length * 0.28, y + length)]);
        pen.bare().line(path, hex(0x00DC_EAF6), unit * rng.range(0.0014, 0.0032), rng.range(0.25, 0.65));
    }
    for _ in 0..drops / 5 {
        let (x, y) = (rng.unit() * sky.width, sky.horizon + rng.unit().sqrt() * (sky.height - sky.horizon));
        let size = unit * rng.range(0.006, 0.018);
        pen.bare().line(oval(x, y, size, size * 0.3), hex(0x00DC_EAF6), unit * 0.0018, 0.5);
    }
}

/// `count` stars; `band` adds the milky way.
pub(super) fn stars(pen: &mut Pen<'_>, sky: &Sky, count: usize, band: bool) {
    let unit = sky.unit();
    let mut rng = sky.rng.fork(4);
    if band {
        for _ in 0..26 {
            let along = rng.unit();
            let (x, y) = (along * sky.width, sky.horizon * (0.8 - along * 0.7 + rng.range(-0.1, 0.1)));
            pen.glow(x, y, unit * rng.range(0.05, 0.15), hex(0x00B8_A8F0), 0.15);
        }
    }
    for nth in 0..count {
        let (x, y) = (rng.unit() * sky.width, rng.unit() * rng.range(0.4, 1.0) * sky.horizon);
        let size = unit * rng.range(0.0012, 0.003);
        let colour = if nth % 3 == 0 { hex(0x00FF_E9B8) } else { hex(0x00EA_F1FF) };
        if nth % 11 == 0 {
            pen.glow(x, y, size * 7.0, colour, 0.5);
            pen.bare().glowing(star(x, y, size * 4.2, 0.22, 4), colour, 0.95);
        } else {
            pen.bare().glowing(disc(x, y, size), colour, rng.range(0.5, 1.0));
        }
    }
}

pub(super) fn moon(pen: &mut Pen<'_>, x: f32, y: f32, radius: f32, colour: Rgb) {
    pen.glow(x, y, radius * 3.6, colour, 0.5);
    pen.bare().glowing(disc(x, y, radius), colour, 1.0);
    for (dx, dy, r) in [(-0.35, -0.25, 0.2), (0.3, 0.1, 0.26), (-0.1, 0.45, 0.15), (0.25, -0.5, 0.12)] {
        pen.bare().glowing(disc(x + dx * radius, y + dy * radius, r * radius), colour.scaled(0.9), 0.7);
    }
}

fn cloud(pen: &mut Pen<'_>, x: f32, y: f32, size: f32, colour: Rgb, mut rng: Rng) {
    let puffs = 4 + rng.below(3);
    let mut pen = pen.bare();
    for layer in 0..2 {
        for puff in 0..puffs {
            let share = puff as f32 / (puffs - 1) as f32 - 0.5;
            let swell = 1.0 - share * share * 2.2;
            let (middle, ry) = (x + share * size * 2.0, size * (0.2 + 0.3 * swell));
            let lift = if layer == 0 { size * 0.06 } else { 0.0 };
            let tone = if layer == 0 { colour.darker(0.1) } else { colour };
            pen.glowing(
                oval(middle, y - ry * 0.6 + lift, ry * 1.35, ry),
                tone,
                if layer == 0 { 0.5 } else { 0.88 },
            );
        }
    }
    pen.glowing(oval(x, y, size * 1.25, size * 0.15), colour, 0.9);
}

fn aurora(pen: &mut Pen<'_>, sky: &Sky) {
    let mut rng = sky.rng.fork(5);
    for (ribbon, colour) in [hex(0x005C_F2B0), hex(0x0048_D8D8), hex(0x00A4_78F0)].into_iter().enumerate() {
        let base = sky.horizon * (0.34 + ribbon as f32 * 0.15);
        let phase = rng.range(0.0, 6.0);
        let columns = 96;
        for column in 0..columns {
            let t = column as f32 / columns as f32;
            let y = base
                + (t * 7.0 + phase).sin() * sky.horizon * 0.09
                + (t * 15.0 + phase).sin() * sky.horizon * 0.035;
            let tall = sky.horizon * (0.3 + 0.12 * (t * 23.0 + phase).sin());
            let strip = super::pen::block(t * sky.width, y - tall, sky.width / columns as f32 + 1.0, tall);
            pen.bare().fade(strip, (colour, 0.0), (colour, 0.42));
            let foot = super::pen::block(t * sky.width, y, sky.width / columns as f32 + 1.0, tall * 0.12);
            pen.bare().fade(foot, (colour, 0.42), (colour, 0.0));
        }
    }
}

fn firework(pen: &mut Pen<'_>, (x, y): (f32, f32), radius: f32, colour: Rgb, mut rng: Rng) {
    pen.glow(x, y, radius * 1.3, colour, 0.4);
    for ray in 0..24 {
        let angle = ray as f32 / 24.0 * std::f32::consts::TAU;
        let reach = radius * rng.range(0.75, 1.0);
        let (dx, dy) = (angle.cos() * reach, angle.sin() * reach);
        let path = curve(&[
            (x + dx * 0.3, y + dy * 0.3),
            (x + dx * 0.7, y + dy * 0.7),
            (x + dx, y + dy + radius * 0.1),
        ]);
        pen.bare().line(path, colour.lighter(0.25), radius * 0.035, 0.9);
        pen.bare().glowing(disc(x + dx, y + dy + radius * 0.1, radius * 0.04), WHITE, 0.95);
    }
}

/// Two notes, about 40 units large.
pub(super) fn notes(pen: &mut Pen<'_>, colour: Rgb) {
    for (x, y) in [(0.0, 0.0), (22.0, -18.0)] {
        pen.shape(oval(x, y, 6.0, 4.5), colour);
        pen.line(curve(&[(x + 5.0, y - 1.0), (x + 5.0, y - 22.0)]), colour, 2.4, 1.0);
        pen.shape(limb(&[(x + 5.0, y - 22.0), (x + 13.0, y - 16.0)], 3.2), colour);
    }
}
