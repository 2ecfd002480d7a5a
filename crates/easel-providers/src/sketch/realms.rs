//! Places without a landscape: outer space, the moon, the bottom of the sea, a room.
//!
//! Like `backdrop`, these draw in page pixels and know nothing of figures.

use super::backdrop::{Land, ridge};
use super::palette::{Theme, WHITE, hex};
use super::pen::{Pen, blob, block, curve, disc, oval, poly};
use super::rng::Rng;

pub(super) fn space(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    for nth in 0..16 {
        let (x, y) = (rng.unit() * land.width, rng.unit() * land.height);
        pen.glow(x, y, unit * rng.range(0.14, 0.34), theme.accent(nth), 0.16);
    }
    let sky = super::weather::Sky { width: land.width, height: land.height, horizon: land.height, rng };
    super::weather::stars(pen, &sky, 230, true);
    let (x, y, r) = (land.width * 0.8, land.height * 0.2, unit * 0.12);
    let planet = theme.accents[1];
    pen.shape(disc(x, y, r), planet);
    for (dy, half, thick) in [(-0.45, 0.8, 0.09), (0.02, 0.97, 0.13), (0.5, 0.78, 0.08)] {
        pen.bare().fill(oval(x, y + dy * r, half * r, thick * r), planet.darker(0.2), 0.5);
    }
    let mut tilted = pen.turned(x, y, -18.0);
    let front: Vec<(f32, f32)> = (0..=20)
        .map(|step| {
            let angle = (step as f32 / 20.0 * 1.34 - 0.17) * std::f32::consts::PI;
            (angle.cos() * r * 1.75, angle.sin() * r * 0.38)
        })
        .collect();
    tilted.line(curve(&front), theme.accents[0].lighter(0.45), r * 0.13, 0.9);
    let small = theme.accents[2];
    pen.shape(disc(land.width * 0.14, land.height * 0.34, unit * 0.045), small);
    let seed = rng.next() as u32;
    ridge(pen, land, land.horizon + unit * 0.06, unit * 0.08, 1.3, seed, false, theme.ground.darker(0.12));
    for _ in 0..8 {
        let (x, y) =
            (rng.unit() * land.width, land.horizon + unit * 0.09 + rng.unit() * (land.height - land.horizon));
        let size = unit * rng.range(0.02, 0.055);
        pen.shape(oval(x, y, size, size * 0.32), theme.ground.darker(0.34));
    }
}

/// Grey dust and craters under a black sky, with the earth in it.
pub(super) fn moon(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    let sky = super::weather::Sky { width: land.width, height: land.height, horizon: land.height, rng };
    super::weather::stars(pen, &sky, 190, false);
    let (x, y, r) = (land.light, land.height * 0.22, unit * 0.12);
    pen.glow(x, y, r * 2.2, hex(0x0078_B8F0), 0.5);
    pen.bare().glowing(disc(x, y, r), hex(0x003F_86CC), 1.0);
    for patch in [
        [(-0.7, -0.35), (-0.3, -0.75), (0.1, -0.6), (-0.05, -0.2), (-0.4, 0.05)],
        [(0.15, 0.0), (0.55, -0.25), (0.85, 0.1), (0.5, 0.45), (0.3, 0.75)],
        [(-0.5, 0.4), (-0.2, 0.3), (0.0, 0.6), (-0.2, 0.85), (-0.4, 0.7)],
    ] {
        let points = patch.map(|(dx, dy)| (x + dx * r, y + dy * r));
        pen.bare().glowing(blob(&points), hex(0x0068_B070), 1.0);
    }
    for (dy, half) in [(-0.5, 0.55), (0.12, 0.8), (0.62, 0.5)] {
        pen.bare().glowing(oval(x - 0.1 * r, y + dy * r, half * r, r * 0.07), WHITE, 0.75);
    }
    let seed = rng.next() as u32;
    let grey = theme.ground;
    ridge(pen, land, land.horizon, unit * 0.12, 1.1, seed, false, grey.darker(0.42));
    ridge(pen, land, land.horizon + unit * 0.06, unit * 0.06, 0.9, seed ^ 1, false, grey.darker(0.08));
    for nth in 0..16 {
        let depth = nth as f32 / 16.0;
        let x = rng.unit() * land.width;
        let y = land.horizon + unit * 0.1 + depth * (land.height - land.horizon);
        let size = unit * rng.range(0.015, 0.035) * (0.6 + depth * 1.6);
        pen.bare().fill(oval(x, y, size, size * 0.34), grey.lighter(0.3), 1.0);
        pen.bare().fill(oval(x, y + size * 0.05, size * 0.88, size * 0.27), grey.darker(0.3), 1.0);
    }
}

pub(super) fn underwater(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    for _ in 0..7 {
        let x = rng.unit() * land.width;
        let wide = unit * rng.range(0.03, 0.09);
        let beam = poly(&[
            (x, -5.0),
            (x + wide, -5.0),
            (x + wide * 2.6 - unit * 0.2, land.height),
            (x - unit * 0.3, land.height),
        ]);
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
        let colour = match nth % 4 {
            0 => hex(0x003F_9F78),
            1 => hex(0x0062_B06A),
            2 => theme.accents[0],
            _ => theme.accents[3],
        };
        let weed = curve(&[
            (x, foot),
            (x + sway, foot - tall * 0.35),
            (x - sway, foot - tall * 0.7),
            (x + sway, foot - tall),
        ]);
        pen.line(weed, colour, unit * 0.014, 0.95);
    }
    for _ in 0..34 {
        let (x, y) = (rng.unit() * land.width, rng.unit() * land.horizon);
        let size = unit * rng.range(0.004, 0.015);
        pen.bare().line(disc(x, y, size), WHITE, unit * 0.0025, 0.6);
        pen.bare().glowing(disc(x - size * 0.3, y - size * 0.3, size * 0.2), WHITE, 0.7);
    }
}

pub(super) fn room(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    let (light, strength) = theme.tint;
    let wall = theme.accents[1].lighter(0.62);
    let wall = wall.mix(wall.times(light), strength);
    let floor = land.horizon + unit * 0.08;
    let (left, top) = (land.width * 0.5 - unit * 0.24, floor - unit * 0.56);
    let (broad, high) = (unit * 0.48, unit * 0.36);
    for (x, y, wide, tall) in [
        (0.0, 0.0, land.width, top),
        (0.0, top, left, high),
        (left + broad, top, land.width, high),
        (0.0, top + high, land.width, land.height),
    ] {
        pen.bare().glowing(block(x - 1.0, y - 1.0, wide + 2.0, tall + 2.0), wall, 1.0);
    }
    let stripes = (land.width / unit * 12.0) as usize;
    for nth in 0..stripes {
        let x = (nth as f32 + 0.5) / stripes as f32 * land.width;
        if x < left || x > left + broad {
            pen.bare().glowing(block(x, 0.0, unit * 0.012, floor), wall.darker(0.08), 0.4);
        }
    }
    for (x, y, wide, tall) in [
        (left - 0.02 * unit, top - 0.02 * unit, broad + 0.04 * unit, 0.025 * unit),
        (left - 0.03 * unit, top + high, broad + 0.06 * unit, 0.03 * unit),
        (left - 0.02 * unit, top, 0.025 * unit, high),
        (left + broad - 0.005 * unit, top, 0.025 * unit, high),
        (left + broad / 2.0 - 0.008 * unit, top, 0.016 * unit, high),
        (left, top + high * 0.45, broad, 0.014 * unit),
    ] {
        pen.shape(block(x, y, wide, tall), hex(0x00FB_F6EC));
    }
    for side in [-1.0_f32, 1.0] {
        let edge = left + broad / 2.0 + side * broad * 0.62;
        let hang = [
            (edge, top - 0.04 * unit),
            (edge - side * 0.11 * unit, top - 0.04 * unit),
            (edge - side * 0.1 * unit, top + high * 0.4),
            (edge - side * 0.03 * unit, top + high * 0.62),
            (edge - side * 0.06 * unit, top + high * 1.05),
            (edge + side * 0.03 * unit, top + high * 1.05),
        ];
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
        plant.shape(
            blob(&[
                (0.0, -34.0),
                (dx * 0.5 - 7.0, dy * 0.7 - 10.0),
                (dx, dy),
                (dx * 0.5 + 9.0, dy * 0.6 - 8.0),
            ]),
            hex(0x0062_A068),
        );
    }
    plant.shape(poly(&[(-18.0, -36.0), (18.0, -36.0), (13.0, 0.0), (-13.0, 0.0)]), hex(0x00C8_7A58));
}
