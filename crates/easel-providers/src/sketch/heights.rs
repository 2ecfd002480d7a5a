//! High mountains: summits under snow, and the Great Wall on its ridges.
//!
//! Like `backdrop`, these draw in page pixels and know nothing of figures.

use super::backdrop::{Land, ridge, trees, veil};
use super::palette::{Rgb, Theme, hex};
use super::pen::{Pen, block, curve, poly};
use super::rng::{Rng, noise};

/// Three or more summits with white caps, lit from one side, and firs at their feet.
pub(super) fn peaks(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    let lit = |colour: Rgb| colour.mix(colour.times(theme.tint.0), theme.tint.1 * 0.8);
    let foot = land.horizon + unit * 0.06;
    let snow = lit(hex(0x00FA_FCFF));
    let count = ((land.width / unit) * 2.0).ceil() as usize;
    for row in 0..2_usize {
        let rock = lit(hex(0x0070_829C)).mix(theme.sky[2], if row == 0 { 0.42 } else { 0.12 });
        let tall = unit * if row == 0 { 0.46 } else { 0.36 };
        for nth in 0..=count {
            let share = (nth as f32 + if row == 0 { 0.5 } else { 0.0 }) / count as f32;
            let x = share * land.width + rng.range(-0.06, 0.06) * unit;
            let high = tall * rng.range(0.78, 1.12);
            summit(pen, (x, foot, high, high * rng.range(0.8, 1.0)), rock, snow, unit, rng.next() as u32);
        }
        veil(pen, land, theme.sky[2]);
    }
    let seed = rng.next() as u32;
    ridge(pen, land, land.horizon + unit * 0.03, unit * 0.08, 1.6, seed, false, theme.mid);
    trees(pen, land, lit(hex(0x003F_7058)), (0.08, 0.17), 16, rng.fork(1), land.horizon + unit * 0.035);
}

/// One mountain: `(x, foot, height, half width)`.
fn summit(
    pen: &mut Pen<'_>,
    (x, foot, high, half): (f32, f32, f32, f32),
    rock: Rgb,
    snow: Rgb,
    unit: f32,
    seed: u32,
) {
    let steps = 9;
    let jag = |step: usize, salt: u32| (noise(step as f32 * 1.7, 3.3, seed ^ salt) - 0.5) * unit * 0.045;
    // From the top down along one flank.
    let flank = |side: f32, salt: u32, until: f32| -> Vec<(f32, f32)> {
        (0..=steps)
            .map(|step| {
                let t = step as f32 / steps as f32 * until;
                let stray = if step == 0 { 0.0 } else { jag(step, salt) };
                (x + side * half * t.powf(0.92) + stray * 0.7, foot - high + high * t + stray * 0.5)
            })
            .collect()
    };
    // The edge between light and shade winds down from the top.
    let spine: Vec<(f32, f32)> = (0..=steps)
        .map(|step| {
            let t = step as f32 / steps as f32;
            let sway = if step == 0 { 0.0 } else { jag(step, 91) * 1.7 + half * 0.08 * t };
            (x + sway, foot - high + high * t)
        })
        .collect();
    let (left, right) = (flank(-1.0, 5, 1.0), flank(1.0, 9, 1.0));
    let outline: Vec<(f32, f32)> = left.iter().rev().chain(right.iter().skip(1)).copied().collect();
    pen.shape(poly(&outline), rock.lighter(0.16));
    let shade: Vec<(f32, f32)> = spine.iter().rev().chain(right.iter().skip(1)).copied().collect();
    pen.bare().fill(poly(&shade), rock.darker(0.3), 0.85);
    // The snow reaches down in tongues, further on one flank than on the other.
    let cap = |side: f32, salt: u32, reach: f32| -> Vec<(f32, f32)> {
        let mut points = flank(side, salt, reach);
        let teeth = 5;
        let (ex, ey) = points.last().copied().unwrap_or((x, foot));
        for tooth in 1..=teeth * 2 {
            let t = tooth as f32 / (teeth * 2) as f32;
            let drop = if tooth % 2 == 1 {
                high * (0.1 + 0.08 * noise(tooth as f32, 1.0, seed ^ salt))
            } else {
                -high * 0.03
            };
            points.push((ex + (x - ex) * t, ey + drop));
        }
        points
    };
    pen.bare().fill(poly(&cap(-1.0, 5, 0.42)), snow, 1.0);
    pen.bare().fill(poly(&cap(1.0, 9, 0.36)), snow.mix(rock.darker(0.1), 0.34), 1.0);
}

/// Green ridges, and the wall with its towers winding over them.
pub(super) fn wall(pen: &mut Pen<'_>, land: &Land, theme: &Theme, mut rng: Rng) {
    let unit = land.unit();
    let seed = rng.next() as u32;
    ridge(pen, land, land.horizon, unit * 0.36, 1.3, seed, true, theme.far.mix(theme.sky[2], 0.3));
    veil(pen, land, theme.sky[2]);
    ridge(pen, land, land.horizon, unit * 0.24, 1.7, seed ^ 1, true, theme.far.mix(theme.mid, 0.55));
    veil(pen, land, theme.sky[2]);
    let stone = hex(0x00C9_B79A);
    let stone = stone.mix(stone.times(theme.tint.0), theme.tint.1);
    // Far, middle, near: each part of the way runs along its own hill and is larger than the one behind it.
    for (nth, (lift, size)) in [(0.2_f32, 0.5_f32), (0.1, 0.8), (-0.03, 1.25)].into_iter().enumerate() {
        let phase = rng.range(0.0, 6.0);
        let line = |t: f32| {
            let wave = (t * 6.4 + phase).sin() * 0.6 + (t * 13.0 + phase * 2.0).sin() * 0.16;
            (t * (land.width + 40.0) - 20.0, land.horizon - unit * (lift + 0.062 * wave))
        };
        let steps = 60;
        let way: Vec<(f32, f32)> = (0..=steps).map(|step| line(step as f32 / steps as f32)).collect();
        let tone = stone.mix(theme.sky[2], [0.4, 0.2, 0.0].get(nth).copied().unwrap_or(0.0));
        let high = unit * 0.05 * size;
        let hill =
            theme.mid.mix(theme.near, 0.2 + nth as f32 * 0.35).mix(theme.sky[2], 0.24 - nth as f32 * 0.12);
        let mut slope = way.clone();
        slope.extend([(land.width + 30.0, land.height), (-30.0, land.height)]);
        pen.shape(poly(&slope), hill);
        let mut body: Vec<(f32, f32)> = way.iter().map(|(x, y)| (*x, y - high)).collect();
        body.extend(way.iter().rev().map(|(x, y)| (*x, y + high * 0.16)));
        pen.shape(poly(&body), tone);
        let merlon = unit * 0.016 * size;
        let mut x = -10.0;
        while x < land.width + 10.0 {
            let (_, y) = line((x + 20.0 + merlon / 2.0) / (land.width + 40.0));
            pen.bare().fill(block(x, y - high - merlon * 0.9, merlon, merlon), tone.darker(0.06), 1.0);
            x += merlon * 1.8;
        }
        let course: Vec<(f32, f32)> = way.iter().map(|(x, y)| (*x, y - high * 0.72)).collect();
        pen.bare().line(curve(&course), tone.darker(0.35), unit * 0.0022 * size, 0.6);
        let towers = 2 + nth % 2;
        for tower in 0..towers {
            let (tx, ty) = line((tower as f32 + rng.range(0.25, 0.75)) / towers as f32);
            watchtower(pen, (tx, ty, unit * 0.1 * size), tone);
        }
    }
}

/// A square tower: `(middle, foot, width)`.
fn watchtower(pen: &mut Pen<'_>, (x, foot, wide): (f32, f32, f32), stone: Rgb) {
    let (half, tall) = (wide / 2.0, wide * 1.15);
    pen.shape(
        poly(&[
            (x - half, foot + wide * 0.1),
            (x - half * 0.9, foot - tall),
            (x + half * 0.9, foot - tall),
            (x + half, foot + wide * 0.1),
        ]),
        stone.lighter(0.06),
    );
    pen.shape(block(x - half, foot - tall - wide * 0.1, wide, wide * 0.14), stone.darker(0.1));
    for nth in 0..4 {
        let left = x - half + nth as f32 * wide * 0.27;
        pen.shape(block(left, foot - tall - wide * 0.26, wide * 0.17, wide * 0.17), stone);
    }
    for side in [-0.26_f32, 0.0, 0.26] {
        pen.bare().fill(
            block(x + side * wide - wide * 0.06, foot - tall * 0.72, wide * 0.12, wide * 0.22),
            stone.darker(0.62),
            0.9,
        );
    }
}
