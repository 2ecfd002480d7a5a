//! Plants and buildings: what stands still in a landscape.

use super::super::keywords::{Hue, Subject};
use super::super::palette::{Rgb, WHITE, hex, pigment};
use super::super::pen::{Pen, blob, block, curve, disc, limb, oval, poly, slab};
use super::super::rng::Rng;
use super::Look;

const BARK: Rgb = hex(0x0085_5E45);
const LAMP: Rgb = hex(0x00FF_D981);

fn window(pen: &mut Pen<'_>, x: f32, y: f32, width: f32, height: f32, night: bool) {
    let pane = slab(x - width / 2.0, y, width, height, width * 0.4);
    if night {
        pen.glow(x, y + height / 2.0, height * 1.6, LAMP, 0.5);
        pen.bare().glowing(pane, LAMP, 1.0);
    } else {
        pen.shape(pane, hex(0x0057_6C85));
    }
}

/// A leafy crown around (0, 0) with radius 100: several clumps, lighter above.
fn crown(pen: &mut Pen<'_>, leaf: Rgb, mut rng: Rng) {
    let clumps = [(-48.0, 26.0, 54.0), (50.0, 28.0, 52.0), (0.0, 34.0, 58.0), (-34.0, -24.0, 56.0), (36.0, -28.0, 54.0), (0.0, -52.0, 50.0)];
    for (nth, (x, y, radius)) in clumps.into_iter().enumerate() {
        let points: Vec<(f32, f32)> = (0..12)
            .map(|point| {
                let angle = point as f32 / 12.0 * std::f32::consts::TAU;
                let reach = radius * rng.range(0.9, 1.08);
                (x + angle.cos() * reach, y + angle.sin() * reach)
            })
            .collect();
        pen.shape(blob(&points), leaf.darker(0.2).mix(leaf.lighter(0.12), nth as f32 / 5.0));
    }
    for _ in 0..26 {
        let (angle, reach) = (rng.range(0.0, std::f32::consts::TAU), rng.range(10.0, 84.0));
        let (x, y) = (angle.cos() * reach, angle.sin() * reach - 8.0);
        pen.bare().line(curve(&[(x - 6.0, y), (x, y + 5.0), (x + 6.0, y)]), leaf.lighter(0.3), 2.6, 0.5);
    }
}

/// A crown in bloom.
fn blossom_crown(pen: &mut Pen<'_>, leaf: Rgb, rng: Rng) {
    crown(pen, leaf, rng);
    let mut rng = rng.fork(7);
    for _ in 0..34 {
        let (angle, reach) = (rng.range(0.0, std::f32::consts::TAU), rng.range(10.0, 96.0));
        let (x, y) = (angle.cos() * reach, angle.sin() * reach - 6.0);
        pen.bare().fill(disc(x, y, rng.range(4.0, 8.0)), WHITE.mix(leaf, rng.range(0.0, 0.5)), 0.85);
    }
}

pub(super) fn tree(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    pen.shape(blob(&[(-9.0, 0.0), (-6.0, -22.0), (-8.0, -44.0), (8.0, -44.0), (7.0, -22.0), (12.0, 1.0), (0.0, -2.0)]), BARK);
    pen.shape(limb(&[(2.0, -28.0), (12.0, -40.0), (22.0, -48.0)], 5.0), BARK);
    let mut top = pen.at(0.0, -72.0, 0.46);
    if subject == Subject::Blossom {
        blossom_crown(&mut top, look.coat(hex(0x00F6_B4C6)), look.rng);
    } else {
        crown(&mut top, look.coat(hex(0x0068_A85A)), look.rng);
    }
}

/// A fir, 100 tall.
pub(in super::super) fn fir(pen: &mut Pen<'_>, leaf: Rgb) {
    pen.shape(block(-4.0, -14.0, 8.0, 14.0), BARK);
    for (tier, (base, top, half)) in [(-8.0, -48.0, 30.0), (-32.0, -74.0, 24.0), (-58.0, -102.0, 17.0)].into_iter().enumerate() {
        let skirt = [
            (0.0, top), (half * 0.4, (base + top) * 0.52), (half, base), (half * 0.5, base - 3.0), (half * 0.2, base + 3.0),
            (-half * 0.2, base - 2.0), (-half * 0.55, base + 3.0), (-half, base), (-half * 0.4, (base + top) * 0.52),
        ];
        pen.shape(poly(&skirt), leaf.lighter(tier as f32 * 0.07));
    }
}

pub(super) fn pine(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    fir(pen, look.coat(hex(0x003F_7F5E)));
    if subject == Subject::Pine {
        return;
    }
    let mut pen = pen.bare();
    for (nth, (x, y)) in [(-12.0, -18.0), (8.0, -24.0), (0.0, -42.0), (-9.0, -56.0), (9.0, -62.0), (0.0, -80.0)].into_iter().enumerate() {
        pen.glow(x, y, 7.0, look.accent(nth), 0.6);
        pen.glowing(disc(x, y, 2.8), look.accent(nth), 1.0);
    }
}

pub(super) fn bamboo(pen: &mut Pen<'_>, look: &Look) {
    let green = look.coat(hex(0x0072_AE5C));
    let mut rng = look.rng;
    for stalk in 0..5 {
        let x = stalk as f32 * 16.0 - 34.0 + rng.range(-3.0, 3.0);
        let lean = rng.range(-5.0, 5.0);
        let tall = rng.range(88.0, 122.0);
        let mut low = 0.0;
        while low < tall {
            let high = (low + rng.range(15.0, 20.0)).min(tall);
            let at = |y: f32| x + lean * y / tall;
            pen.shape(poly(&[(at(low) - 3.6, -low), (at(high) - 3.2, -high + 1.0), (at(high) + 3.2, -high + 1.0), (at(low) + 3.6, -low)]), green);
            if low > 25.0 {
                for side in [-1.0_f32, 1.0] {
                    let (jx, tip) = (at(low), rng.range(14.0, 24.0));
                    pen.shape(blob(&[(jx, -low), (jx + side * tip * 0.5, -low - 2.0), (jx + side * tip, -low + 7.0), (jx + side * tip * 0.45, -low + 4.0)]), green.darker(0.15));
                }
            }
            low = high;
        }
    }
}

/// A blossom around (0, 0), radius about 20.
pub(in super::super) fn flower_head(pen: &mut Pen<'_>, petal: Rgb, heart: Rgb, petals: usize) {
    for nth in 0..petals {
        let degrees = nth as f32 * 360.0 / petals as f32;
        pen.turned(0.0, 0.0, degrees).shape(blob(&[(-3.0, -5.0), (-6.5, -15.0), (0.0, -22.0), (6.5, -15.0), (3.0, -5.0)]), petal);
    }
    pen.shape(disc(0.0, 0.0, 7.0), heart);
}

pub(super) fn flower(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    let sun = subject == Subject::Sunflower;
    let leaf = hex(0x0062_A25A);
    let mut rng = look.rng;
    for (nth, (x, tall, size)) in [(-27.0, 58.0, 0.9), (27.0, 64.0, 1.0), (2.0, 86.0, 1.35)].into_iter().enumerate() {
        let bend = rng.range(-6.0, 6.0);
        pen.line(curve(&[(x * 0.4, 0.0), (x * 0.8 + bend, -tall * 0.5), (x, -tall)]), leaf, 3.4, 1.0);
        for side in [-1.0_f32, 1.0] {
            let (bx, by) = (x * 0.75 + bend * 0.8, -tall * 0.42);
            pen.shape(blob(&[(bx, by), (bx + side * 10.0, by - 10.0), (bx + side * 21.0, by - 10.0), (bx + side * 11.0, by - 1.0)]), leaf);
        }
        let mut head = pen.at(x, -tall, size);
        if sun {
            let gold = look.coat(hex(0x00F8_C537));
            flower_head(&mut head, gold.darker(0.12), gold, 14);
            flower_head(&mut head.turned(0.0, 0.0, 13.0), gold, hex(0x0078_4B2C), 14);
            head.shape(disc(0.0, 0.0, 9.5), hex(0x0078_4B2C));
        } else {
            let petal = look.coat.unwrap_or_else(|| look.accent(nth * 3));
            flower_head(&mut head, petal, pigment(Hue::Yellow), 7);
        }
    }
}

pub(super) fn mushroom(pen: &mut Pen<'_>, look: &Look) {
    let cap = look.coat(hex(0x00DE_4F43));
    for (x, scale) in [(30.0, 0.55), (-4.0, 1.0)] {
        let mut pen = pen.at(x, 0.0, scale);
        pen.shape(blob(&[(-13.0, 0.0), (-10.0, -26.0), (-13.0, -46.0), (13.0, -46.0), (10.0, -26.0), (15.0, 0.0), (0.0, 3.0)]), hex(0x00FB_F0DC));
        pen.shape(blob(&[(-44.0, -44.0), (-36.0, -74.0), (0.0, -94.0), (36.0, -74.0), (44.0, -44.0), (0.0, -37.0)]), cap);
        for (x, y, r) in [(-20.0, -60.0, 7.0), (4.0, -74.0, 8.5), (24.0, -58.0, 6.0), (-2.0, -50.0, 4.5)] {
            pen.bare().fill(oval(x, y, r, r * 0.85), WHITE, 0.95);
        }
        let mut bare = pen.bare();
        for side in [-1.0_f32, 1.0] {
            bare.fill(disc(side * 5.0, -24.0, 2.2), hex(0x0040_343A), 1.0);
            bare.fill(oval(side * 9.0, -18.0, 3.0, 1.8), hex(0x00F2_8D8A), 0.6);
        }
        bare.line(curve(&[(-3.0, -19.0), (0.0, -17.0), (3.0, -19.0)]), hex(0x0040_343A), 1.5, 1.0);
    }
}

pub(super) fn house(pen: &mut Pen<'_>, look: &Look) {
    let wall = look.coat(hex(0x00FB_EBD0));
    let roof = look.accent(0);
    pen.shape(block(20.0, -100.0, 11.0, 30.0), hex(0x00B5_6A56));
    for (x, y, r) in [(28.0, -112.0, 6.0), (36.0, -124.0, 9.0), (50.0, -136.0, 12.0)] {
        pen.bare().fill(disc(x, y, r), WHITE, 0.6);
    }
    pen.shape(block(-40.0, -54.0, 80.0, 54.0), wall);
    pen.shape(poly(&[(-51.0, -50.0), (0.0, -98.0), (51.0, -50.0)]), roof);
    for row in [-62.0, -74.0] {
        let half = 48.0 * (98.0 + row) / 48.0 - 6.0;
        pen.line(curve(&[(-half, row), (0.0, row + 3.0), (half, row)]), roof.darker(0.4), 1.5, 0.6);
    }
    pen.shape(slab(-10.0, -34.0, 20.0, 34.0, 9.0), hex(0x0093_5F3F));
    pen.bare().fill(disc(5.0, -16.0, 1.8), hex(0x00F5_D070), 1.0);
    window(pen, -26.0, -40.0, 15.0, 17.0, look.night);
    window(pen, 26.0, -40.0, 15.0, 17.0, look.night);
    window(pen, 0.0, -74.0, 12.0, 13.0, look.night);
    for (x, nth) in [(-33.0, 0), (-26.0, 1), (-19.0, 3), (19.0, 1), (26.0, 0), (33.0, 3)] {
        pen.bare().fill(disc(x, -20.5, 3.0), look.accent(nth), 1.0);
    }
}

/// A log cabin: round logs, their ends at the corners, a low roof of planks, a stone chimney that smokes.
pub(super) fn cabin(pen: &mut Pen<'_>, look: &Look) {
    let log = look.coat(hex(0x00B0_7A4A));
    let roof = if look.snow { hex(0x00F4_F8FC) } else { hex(0x0074_4E38) };
    pen.shape(block(22.0, -98.0, 14.0, 40.0), hex(0x0097_928E));
    for (x, y) in [(24.0, -92.0), (30.0, -84.0), (25.0, -76.0), (31.0, -70.0)] {
        pen.bare().fill(oval(x, y, 3.4, 2.4), hex(0x0076_7270), 0.8);
    }
    for (x, y, r) in [(31.0, -108.0, 6.0), (38.0, -120.0, 9.0), (52.0, -132.0, 12.0)] {
        pen.bare().fill(disc(x, y, r), WHITE, 0.6);
    }
    pen.shape(poly(&[(-46.0, -50.0), (0.0, -86.0), (46.0, -50.0), (46.0, 0.0), (-46.0, 0.0)]), log.darker(0.3));
    for row in 0..9 {
        let y = -5.0 - row as f32 * 9.2;
        let half = if y > -52.0 { 48.0 } else { 46.0 * (86.0 + y) / 36.0 };
        if half > 8.0 {
            pen.shape(slab(-half, y - 4.8, half * 2.0, 9.6, 4.8), log.mix(log.lighter(0.25), (row % 3) as f32 * 0.4));
        }
        if y > -52.0 {
            for side in [-1.0_f32, 1.0] {
                pen.shape(disc(side * 47.0, y, 4.9), log.lighter(0.42));
                pen.bare().line(disc(side * 47.0, y, 2.4), log.darker(0.2), 0.9, 0.8);
            }
        }
    }
    for side in [-1.0_f32, 1.0] {
        let thick = if look.snow { 107.0 } else { 102.0 };
        pen.shape(poly(&[(0.0, -thick), (side * 63.0, 49.0 - thick), (side * 57.0, -43.0), (0.0, -91.0)]), roof);
    }
    pen.shape(slab(-11.0, -33.0, 22.0, 33.0, 3.0), hex(0x006B_4630));
    for x in [-4.0, 4.0] {
        pen.line(curve(&[(x, -31.0), (x, -2.0)]), hex(0x004A_3020), 1.0, 0.7);
    }
    pen.bare().fill(disc(7.0, -16.0, 1.7), hex(0x00F5_D070), 1.0);
    window(pen, -28.0, -36.0, 17.0, 17.0, true);
    window(pen, 28.0, -36.0, 17.0, 17.0, true);
    window(pen, 0.0, -66.0, 12.0, 12.0, true);
}

pub(super) fn castle(pen: &mut Pen<'_>, look: &Look) {
    let stone = look.coat(hex(0x00CF_C3BF));
    let roof = look.accent(3);
    let tower = |pen: &mut Pen<'_>, x: f32, width: f32, tall: f32, shade: f32| {
        let half = width / 2.0;
        pen.shape(block(x - half, -tall, width, tall), stone.darker(shade));
        pen.shape(slab(x - half - 3.0, -tall - 4.0, width + 6.0, 8.0, 2.0), stone.darker(shade + 0.08));
        pen.shape(blob(&[(x - half - 5.0, -tall - 3.0), (x - half * 0.4, -tall - width * 0.75), (x, -tall - width * 1.7), (x + half * 0.4, -tall - width * 0.75), (x + half + 5.0, -tall - 3.0), (x, -tall - 1.0)]), roof);
        pen.line(curve(&[(x, -tall - width * 1.65), (x, -tall - width * 1.65 - 13.0)]), hex(0x0060_5060), 1.5, 1.0);
        pen.shape(poly(&[(x, -tall - width * 1.65 - 13.0), (x + 12.0, -tall - width * 1.65 - 9.0), (x, -tall - width * 1.65 - 5.0)]), look.accent(0));
        window(pen, x, -tall + 9.0, width * 0.3, width * 0.5, look.night);
    };
    tower(pen, -24.0, 17.0, 74.0, 0.14);
    tower(pen, 24.0, 17.0, 66.0, 0.14);
    tower(pen, 0.0, 22.0, 88.0, 0.05);
    let battlement = |pen: &mut Pen<'_>, x: f32, width: f32, tall: f32| {
        pen.shape(block(x, -tall, width, tall), stone);
        let teeth = (width / 9.0) as usize;
        for tooth in 0..teeth {
            pen.shape(block(x + tooth as f32 * width / teeth as f32, -tall - 6.0, width / teeth as f32 * 0.58, 7.0), stone);
        }
    };
    battlement(pen, -46.0, 92.0, 40.0);
    tower(pen, -48.0, 20.0, 52.0, 0.0);
    tower(pen, 48.0, 20.0, 52.0, 0.0);
    for (x, y) in [(-30.0, -10.0), (-18.0, -28.0), (20.0, -24.0), (32.0, -12.0), (26.0, -34.0), (-34.0, -30.0)] {
        pen.line(curve(&[(x - 4.0, y), (x + 4.0, y)]), stone.darker(0.5), 1.3, 0.45);
    }
    window(pen, -25.0, -28.0, 7.0, 12.0, look.night);
    window(pen, 25.0, -28.0, 7.0, 12.0, look.night);
    pen.shape(slab(-12.0, -28.0, 24.0, 32.0, 12.0), hex(0x006E_4A3A));
    pen.shape(block(-12.0, -2.0, 24.0, 3.0), stone.darker(0.2));
    if look.night {
        pen.glow(0.0, -14.0, 28.0, LAMP, 0.45);
    }
}

pub(super) fn temple(pen: &mut Pen<'_>, look: &Look) {
    let roof = hex(0x0047_6272);
    let wood = look.coat(hex(0x00C4_4A3E));
    pen.shape(slab(-48.0, -7.0, 96.0, 8.0, 2.0), hex(0x00C9_C2B8));
    for (base, half, tall) in [(-7.0, 34.0, 26.0), (-41.0, 25.0, 20.0), (-68.0, 17.0, 17.0)] {
        let top = base - tall;
        pen.shape(block(-half, top, half * 2.0, tall), hex(0x00F2_E3C8));
        for share in [-0.9_f32, -0.33, 0.33, 0.9] {
            pen.shape(block(half * share - 2.0, top, 4.0, tall), wood);
        }
        window(pen, 0.0, top + tall * 0.25, half * 0.42, tall * 0.62, look.night);
        let eave = half + 16.0;
        pen.shape(blob(&[(-eave - 4.0, top - 6.0), (-eave * 0.7, top - 1.0), (0.0, top + 2.0), (eave * 0.7, top - 1.0), (eave + 4.0, top - 6.0), (eave * 0.5, top - 6.0), (half * 0.5, top - 14.0), (0.0, top - 16.0), (-half * 0.5, top - 14.0), (-eave * 0.5, top - 6.0)]), roof);
        for side in [-1.0_f32, 1.0] {
            pen.bare().fill(disc(side * (eave + 1.0), top + 1.0, 2.4), look.accent(1), 1.0);
        }
    }
    pen.shape(blob(&[(-4.0, -99.0), (0.0, -120.0), (4.0, -99.0)]), hex(0x00DF_AC35));
}

pub(super) fn lighthouse(pen: &mut Pen<'_>, look: &Look) {
    let stripe = look.coat(hex(0x00DB_4E44));
    pen.shape(blob(&[(-40.0, 2.0), (-30.0, -10.0), (0.0, -14.0), (32.0, -9.0), (42.0, 2.0)]), hex(0x0087_8582));
    let half = |y: f32| 17.0 - (-y) * 0.075;
    for band in 0..5 {
        let (low, high) = (-8.0 - band as f32 * 15.0, -23.0 - band as f32 * 15.0);
        let colour = if band % 2 == 0 { stripe } else { hex(0x00FB_F7F0) };
        pen.shape(poly(&[(-half(low), low), (-half(high), high), (half(high), high), (half(low), low)]), colour);
    }
    pen.shape(slab(-15.0, -87.0, 30.0, 5.0, 2.0), hex(0x0050_4C58));
    pen.shape(block(-8.0, -101.0, 16.0, 15.0), hex(0x00FF_E9A0));
    pen.shape(poly(&[(-12.0, -100.0), (0.0, -114.0), (12.0, -100.0)]), stripe);
    let strength = if look.night { 0.42 } else { 0.22 };
    for side in [-1.0_f32, 1.0] {
        pen.bare().glowing(poly(&[(side * 8.0, -94.0), (side * 190.0, -128.0), (side * 190.0, -74.0)]), hex(0x00FF_F0B4), strength);
    }
    pen.glow(0.0, -94.0, 34.0, hex(0x00FF_EDB0), 0.8);
    window(pen, 0.0, -62.0, 7.0, 10.0, look.night);
    pen.shape(slab(-6.0, -24.0, 12.0, 17.0, 5.0), hex(0x006E_4A3A));
}

pub(super) fn windmill(pen: &mut Pen<'_>, look: &Look) {
    let wall = look.coat(hex(0x00F8_EDDC));
    pen.shape(poly(&[(-24.0, 0.0), (-15.0, -70.0), (15.0, -70.0), (24.0, 0.0)]), wall);
    pen.shape(blob(&[(-20.0, -68.0), (-10.0, -84.0), (0.0, -90.0), (10.0, -84.0), (20.0, -68.0), (0.0, -66.0)]), look.accent(0));
    pen.shape(slab(-8.0, -24.0, 16.0, 24.0, 7.0), hex(0x0080_563C));
    window(pen, 0.0, -46.0, 10.0, 12.0, look.night);
    let mut rng = look.rng;
    let start = rng.range(10.0, 60.0);
    for sail in 0..4 {
        let mut pen = pen.turned(0.0, -74.0, start + sail as f32 * 90.0);
        pen.line(curve(&[(0.0, 0.0), (0.0, -50.0)]), hex(0x007A_573F), 2.8, 1.0);
        pen.shape(block(1.0, -50.0, 11.0, 38.0), hex(0x00FD_F8EC));
        for y in [-41.0, -32.0, -22.0] {
            pen.line(curve(&[(1.0, y), (12.0, y)]), hex(0x007A_573F), 1.1, 0.7);
        }
    }
    pen.shape(disc(0.0, -74.0, 4.0), hex(0x007A_573F));
}
