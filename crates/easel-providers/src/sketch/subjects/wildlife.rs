//! Hoofed, winged and swimming animals, and the dragon.

use super::super::keywords::{Action, Subject};
use super::super::palette::{INK, Rgb, WHITE, hex};
use super::super::pen::{Pen, blob, curve, disc, limb, oval, poly};
use super::Look;

fn eye(pen: &mut Pen<'_>, x: f32, y: f32, size: f32) {
    let mut pen = pen.bare();
    pen.fill(oval(x, y, size, size * 1.15), INK, 1.0);
    pen.glowing(disc(x + size * 0.3, y - size * 0.4, size * 0.36), WHITE, 0.95);
}

pub(super) fn horse(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    let (usual, mane) = match subject {
        Subject::Unicorn => (hex(0x00FB_F6F4), look.accent(3).mix(hex(0x00F4_A6CE), 0.6)),
        Subject::Deer => (hex(0x00C9_8B57), hex(0x00C9_8B57)),
        _ => (hex(0x00A9_6B42), hex(0x004B_352E)),
    };
    let coat = look.coat(usual);
    let running = matches!(look.action, Action::Run | Action::Jump | Action::Fly);
    let hoof = hex(0x0054_4444);
    let step = |pen: &mut Pen<'_>, path: &[(f32, f32)], shade: f32| {
        pen.shape(limb(path, 7.5), coat.darker(shade));
        if let Some((x, y)) = path.last() {
            pen.shape(oval(*x + 1.0, *y, 5.0, 4.0), hoof);
        }
    };
    let mut pen = pen.turned(0.0, 0.0, if running { -5.0 } else { 0.0 });
    let pen = &mut pen;
    if subject == Subject::Deer {
        pen.shape(oval(-33.0, -58.0, 6.0, 8.0), WHITE);
    } else {
        pen.shape(blob(&[(-30.0, -62.0), (-44.0, -58.0), (-54.0, -38.0), (-50.0, -20.0), (-43.0, -34.0), (-36.0, -50.0)]), mane);
    }
    if running {
        step(pen, &[(-22.0, -40.0), (-38.0, -26.0), (-54.0, -20.0)], 0.2);
        step(pen, &[(22.0, -42.0), (42.0, -34.0), (50.0, -18.0)], 0.2);
        step(pen, &[(-26.0, -40.0), (-36.0, -18.0), (-48.0, -6.0)], 0.0);
        step(pen, &[(24.0, -42.0), (44.0, -28.0), (62.0, -26.0)], 0.0);
    } else {
        step(pen, &[(-18.0, -40.0), (-19.0, -20.0), (-18.0, -5.0)], 0.2);
        step(pen, &[(18.0, -40.0), (20.0, -20.0), (20.0, -5.0)], 0.2);
        step(pen, &[(-26.0, -40.0), (-30.0, -22.0), (-28.0, -3.0)], 0.0);
        step(pen, &[(25.0, -40.0), (27.0, -20.0), (27.0, -3.0)], 0.0);
    }
    pen.shape(blob(&[(-34.0, -56.0), (-24.0, -67.0), (0.0, -63.0), (18.0, -68.0), (28.0, -84.0), (40.0, -90.0), (44.0, -76.0), (36.0, -54.0), (26.0, -40.0), (0.0, -37.0), (-24.0, -38.0)]), coat);
    pen.shape(blob(&[(32.0, -94.0), (44.0, -99.0), (54.0, -92.0), (68.0, -82.0), (70.0, -73.0), (60.0, -70.0), (46.0, -76.0), (36.0, -82.0)]), coat);
    pen.bare().fill(oval(64.0, -76.0, 6.5, 5.5), coat.mix(hex(0x00F6_DCD0), 0.55), 0.9);
    pen.bare().fill(disc(65.5, -78.0, 1.3), INK, 0.8);
    pen.line(curve(&[(60.0, -72.5), (64.0, -73.0), (67.0, -74.0)]), INK, 1.0, 0.7);
    pen.shape(blob(&[(36.0, -96.0), (38.0, -110.0), (44.0, -98.0)]), coat);
    if subject == Subject::Deer {
        for (x, lean) in [(38.0, -6.0), (43.0, 6.0)] {
            pen.line(curve(&[(x, -98.0), (x + lean, -114.0), (x + lean * 0.4, -128.0)]), hex(0x0080_5A3E), 2.8, 1.0);
            pen.line(curve(&[(x + lean * 0.8, -110.0), (x + lean * 2.6, -118.0), (x + lean * 2.8, -124.0)]), hex(0x0080_5A3E), 2.2, 1.0);
        }
        for (x, y) in [(-20.0, -58.0), (-10.0, -54.0), (0.0, -58.0), (-26.0, -50.0), (8.0, -52.0), (-4.0, -48.0)] {
            pen.bare().fill(disc(x, y, 2.2), WHITE, 0.8);
        }
    } else {
        pen.shape(blob(&[(42.0, -101.0), (32.0, -104.0), (18.0, -90.0), (10.0, -68.0), (18.0, -60.0), (26.0, -70.0), (32.0, -84.0)]), mane);
        pen.shape(blob(&[(38.0, -102.0), (48.0, -104.0), (53.0, -94.0), (46.0, -95.0)]), mane);
    }
    if subject == Subject::Unicorn {
        pen.shape(poly(&[(46.0, -98.0), (52.0, -97.0), (62.0, -126.0)]), hex(0x00F6_CE62));
        pen.glow(60.0, -120.0, 18.0, hex(0x00FF_F0B0), 0.7);
    }
    eye(pen, 50.0, -87.0, 2.7);
    pen.bare().fill(oval(55.0, -79.0, 4.0, 2.6), hex(0x00F2_8D8A), 0.35);
}

pub(super) fn bird(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(look.accent(2));
    pen.shape(blob(&[(-24.0, -50.0), (-52.0, -58.0), (-68.0, -52.0), (-54.0, -44.0), (-66.0, -36.0), (-30.0, -36.0)]), coat.darker(0.15));
    pen.shape(blob(&[(-4.0, -60.0), (-18.0, -84.0), (-20.0, -104.0), (2.0, -96.0), (14.0, -74.0), (14.0, -56.0)]), coat.darker(0.2));
    pen.shape(blob(&[(-34.0, -44.0), (-14.0, -60.0), (10.0, -62.0), (26.0, -74.0), (44.0, -70.0), (48.0, -54.0), (34.0, -38.0), (6.0, -27.0), (-20.0, -32.0)]), coat);
    pen.bare().fill(blob(&[(-12.0, -34.0), (10.0, -44.0), (34.0, -50.0), (40.0, -46.0), (28.0, -36.0), (4.0, -28.0)]), hex(0x00FF_F3E0), 0.9);
    pen.shape(poly(&[(46.0, -66.0), (64.0, -59.0), (46.0, -55.0)]), hex(0x00F4_A63A));
    pen.shape(blob(&[(6.0, -56.0), (-6.0, -82.0), (-26.0, -108.0), (-34.0, -92.0), (-30.0, -72.0), (-14.0, -50.0)]), coat.lighter(0.08));
    for share in [0.3_f32, 0.55, 0.8] {
        pen.line(curve(&[(-4.0 - 16.0 * share, -58.0 - 26.0 * share), (-14.0 - 18.0 * share, -56.0 - 24.0 * share)]), coat.darker(0.5), 1.3, 0.6);
    }
    eye(pen, 36.0, -62.0, 3.4);
    pen.bare().fill(oval(30.0, -54.0, 4.5, 3.0), hex(0x00F2_8D8A), 0.5);
}

pub(super) fn round_bird(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    let (usual, belly): (Rgb, Rgb) = match subject {
        Subject::Penguin => (hex(0x003C_4860), WHITE),
        Subject::Owl => (hex(0x0099_7153), hex(0x00EE_D9B8)),
        _ => (hex(0x00FB_D24E), hex(0x00FF_E691)),
    };
    let coat = look.coat(usual);
    let beak = hex(0x00F2_9A36);
    for side in [-1.0_f32, 1.0] {
        pen.shape(blob(&[(side * 4.0, -6.0), (side * 24.0, -5.0), (side * 26.0, 1.0), (side * 4.0, 1.0)]), beak);
    }
    let lift = if look.action == Action::Stand { 0.0 } else { -26.0 };
    for side in [-1.0_f32, 1.0] {
        pen.shape(blob(&[(side * 30.0, -62.0), (side * 48.0, -46.0 + lift), (side * 53.0, -26.0 + lift * 1.6), (side * 42.0, -24.0 + lift), (side * 30.0, -32.0)]), coat.darker(0.12));
    }
    pen.shape(blob(&[(0.0, -100.0), (26.0, -92.0), (36.0, -66.0), (40.0, -36.0), (30.0, -8.0), (0.0, -2.0), (-30.0, -8.0), (-40.0, -36.0), (-36.0, -66.0), (-26.0, -92.0)]), coat);
    match subject {
        Subject::Penguin => {
            pen.bare().shape(blob(&[(0.0, -76.0), (14.0, -88.0), (26.0, -76.0), (22.0, -60.0), (30.0, -36.0), (22.0, -10.0), (0.0, -5.0), (-22.0, -10.0), (-30.0, -36.0), (-22.0, -60.0), (-26.0, -76.0), (-14.0, -88.0)]), belly);
        }
        Subject::Owl => {
            pen.bare().shape(oval(0.0, -32.0, 24.0, 26.0), belly);
            for (x, y) in [(-10.0, -42.0), (0.0, -42.0), (10.0, -42.0), (-5.0, -32.0), (5.0, -32.0), (0.0, -22.0)] {
                pen.line(curve(&[(x - 4.0, y), (x, y + 4.0), (x + 4.0, y)]), coat.darker(0.2), 1.7, 0.8);
            }
            for side in [-1.0_f32, 1.0] {
                pen.shape(blob(&[(side * 10.0, -94.0), (side * 30.0, -112.0), (side * 33.0, -84.0)]), coat);
                pen.shape(disc(side * 14.5, -74.0, 15.0), belly);
            }
        }
        _ => {
            pen.bare().shape(oval(0.0, -32.0, 24.0, 22.0), belly);
            pen.line(curve(&[(0.0, -99.0), (-3.0, -108.0), (4.0, -112.0)]), coat.darker(0.1), 3.0, 1.0);
        }
    }
    for side in [-1.0_f32, 1.0] {
        if look.action == Action::Sleep {
            pen.line(curve(&[(side * 9.0, -73.0), (side * 14.0, -70.0), (side * 19.0, -73.0)]), INK, 2.0, 1.0);
        } else {
            eye(pen, side * 14.0, -74.0, if subject == Subject::Owl { 7.5 } else { 4.6 });
        }
        pen.bare().fill(oval(side * 22.0, -63.0, 5.0, 3.2), hex(0x00F2_8D8A), 0.55);
    }
    pen.shape(blob(&[(-7.0, -67.0), (0.0, -71.0), (7.0, -67.0), (0.0, -59.0)]), beak);
}

pub(super) fn fish(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(hex(0x00F2_7E45));
    pen.shape(blob(&[(-38.0, -48.0), (-60.0, -78.0), (-84.0, -80.0), (-72.0, -50.0), (-86.0, -22.0), (-60.0, -24.0)]), coat.lighter(0.15));
    pen.shape(blob(&[(-14.0, -74.0), (2.0, -98.0), (26.0, -96.0), (24.0, -72.0)]), coat.lighter(0.1));
    pen.shape(blob(&[(-48.0, -48.0), (-22.0, -74.0), (16.0, -78.0), (48.0, -62.0), (56.0, -48.0), (46.0, -34.0), (14.0, -20.0), (-22.0, -24.0)]), coat);
    let mut soft = pen.bare();
    soft.fill(blob(&[(-30.0, -34.0), (10.0, -32.0), (48.0, -40.0), (40.0, -30.0), (12.0, -22.0), (-18.0, -25.0)]), hex(0x00FF_EBD2), 0.85);
    soft.fill(blob(&[(-12.0, -74.0), (4.0, -76.0), (6.0, -50.0), (-4.0, -40.0), (-14.0, -52.0)]), hex(0x00FF_F6EA), 0.9);
    for (x, y) in [(-30.0, -50.0), (-22.0, -60.0), (-22.0, -42.0), (14.0, -62.0), (16.0, -46.0), (24.0, -56.0)] {
        pen.line(curve(&[(x, y - 5.0), (x - 5.0, y), (x, y + 5.0)]), coat.darker(0.35), 1.5, 0.6);
    }
    pen.shape(blob(&[(8.0, -38.0), (-6.0, -26.0), (-4.0, -12.0), (12.0, -20.0), (18.0, -32.0)]), coat.lighter(0.2));
    eye(pen, 38.0, -54.0, 5.0);
    pen.line(curve(&[(48.0, -42.0), (51.0, -43.0), (54.0, -46.0)]), coat.darker(0.6), 1.8, 0.9);
    for (x, y, r) in [(66.0, -66.0, 4.0), (74.0, -82.0, 6.0), (68.0, -100.0, 3.5)] {
        pen.line(disc(x, y, r), WHITE, 1.4, 0.8);
    }
}

pub(super) fn whale(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(hex(0x004A_7FB4));
    for side in [-1.0_f32, 1.0] {
        pen.line(curve(&[(34.0, -82.0), (34.0 + side * 6.0, -106.0), (34.0 + side * 22.0, -108.0), (34.0 + side * 25.0, -94.0)]), hex(0x00D8_F0F8), 4.5, 0.9);
    }
    pen.shape(blob(&[(-62.0, -54.0), (-86.0, -80.0), (-100.0, -78.0), (-84.0, -58.0), (-98.0, -44.0), (-84.0, -40.0), (-64.0, -42.0)]), coat);
    pen.shape(blob(&[(-76.0, -52.0), (-46.0, -58.0), (-16.0, -76.0), (30.0, -82.0), (66.0, -66.0), (76.0, -40.0), (62.0, -14.0), (20.0, -4.0), (-26.0, -12.0), (-58.0, -34.0)]), coat);
    pen.bare().shape(blob(&[(-30.0, -16.0), (10.0, -26.0), (50.0, -32.0), (75.0, -36.0), (62.0, -14.0), (20.0, -5.0)]), hex(0x00EE_F4F4));
    for shift in [0.0, 12.0, 24.0] {
        pen.line(curve(&[(4.0 + shift, -8.0), (24.0 + shift, -16.0), (48.0 + shift * 0.8, -22.0)]), coat, 1.4, 0.5);
    }
    pen.shape(blob(&[(10.0, -28.0), (-4.0, -12.0), (-10.0, 4.0), (8.0, -2.0), (24.0, -22.0)]), coat.darker(0.12));
    eye(pen, 48.0, -46.0, 4.2);
    pen.line(curve(&[(58.0, -34.0), (66.0, -36.0), (73.0, -42.0)]), INK, 1.8, 0.8);
    pen.bare().fill(oval(42.0, -37.0, 6.0, 3.6), hex(0x00F2_A09A), 0.5);
}

pub(super) fn butterfly(pen: &mut Pen<'_>, look: &Look) {
    let wing = look.coat(look.accent(0));
    for side in [-1.0_f32, 1.0] {
        pen.shape(blob(&[(side * 3.0, -52.0), (side * 24.0, -96.0), (side * 58.0, -100.0), (side * 60.0, -68.0), (side * 30.0, -48.0)]), wing);
        pen.shape(blob(&[(side * 3.0, -48.0), (side * 34.0, -46.0), (side * 46.0, -22.0), (side * 26.0, -8.0), (side * 8.0, -26.0)]), wing.mix(look.accent(1), 0.6));
        pen.bare().fill(oval(side * 42.0, -80.0, 9.0, 11.0), look.accent(1), 0.9);
        pen.bare().fill(disc(side * 28.0, -28.0, 6.0), WHITE, 0.75);
        pen.line(curve(&[(0.0, -74.0), (side * 6.0, -92.0), (side * 14.0, -98.0)]), INK, 1.6, 0.9);
    }
    pen.shape(limb(&[(0.0, -72.0), (0.0, -26.0)], 7.0), hex(0x0050_4048));
}

pub(super) fn dragon(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(hex(0x00D9_5A3F));
    let belly = hex(0x00FA_D88A);
    let spine = |t: f32| (-86.0 + t * 146.0, -50.0 - (t * 9.2 + 0.4).sin() * (30.0 - t * 8.0) - t * 16.0);
    let girth = |t: f32| 4.0 + 22.0 * (t * 1.25).min(1.0).powf(0.8);
    let count = 46;
    for (t, side) in [(0.42_f32, 1.0_f32), (0.78, 1.0)] {
        let (x, y) = spine(t);
        let foot = (x + 16.0, y + 32.0 * side);
        pen.shape(limb(&[(x, y + 4.0), (x + 4.0, y + 22.0), foot], 8.0), coat.darker(0.15));
        for claw in [-5.0, 0.0, 5.0] {
            pen.line(curve(&[foot, (foot.0 + 6.0, foot.1 + claw)]), belly, 2.4, 1.0);
        }
    }
    let (tx, ty) = spine(0.0);
    pen.shape(blob(&[(tx + 4.0, ty), (tx - 10.0, ty - 14.0), (tx - 22.0, ty - 6.0), (tx - 14.0, ty + 1.0), (tx - 24.0, ty + 12.0), (tx - 6.0, ty + 8.0)]), look.accent(1));
    for step in (0..count).rev().step_by(2) {
        let (x, y) = spine(step as f32 / count as f32);
        let size = girth(step as f32 / count as f32);
        pen.bare().fill(poly(&[(x - 5.0, y - size * 0.4), (x - 3.0, y - size * 0.5 - 8.0), (x + 6.0, y - size * 0.4)]), look.accent(1), 1.0);
    }
    let edge: Vec<(f32, f32)> = (0..=count)
        .map(|step| (step as f32 / count as f32, -0.5))
        .chain((0..=count).rev().map(|step| (step as f32 / count as f32, 0.5)))
        .map(|(t, side)| {
            let ((x, y), (nx, ny)) = (spine(t), spine(t + 0.01));
            let length = (nx - x).hypot(ny - y).max(0.01);
            (x + (ny - y) / length * girth(t) * side, y - (nx - x) / length * girth(t) * side)
        })
        .collect();
    pen.shape(blob(&edge), coat);
    for step in 2..count - 2 {
        let t = step as f32 / count as f32;
        let ((x, y), size) = (spine(t), girth(t));
        let scale = curve(&[(x - size * 0.16, y - size * 0.22), (x + size * 0.1, y), (x - size * 0.16, y + size * 0.22)]);
        pen.line(scale, coat.darker(0.4), 1.2, 0.55);
        pen.bare().fill(oval(x, y + size * 0.36, size * 0.14, size * 0.1), belly, 0.85);
    }
    let (hx, hy) = spine(1.0);
    let mut pen = pen.at(hx + 6.0, hy - 2.0, 1.0);
    pen.shape(blob(&[(-4.0, -12.0), (-22.0, -30.0), (-34.0, -26.0), (-26.0, -14.0), (-38.0, -6.0), (-26.0, 0.0), (-32.0, 14.0), (-10.0, 10.0)]), look.accent(1));
    for (x, lean) in [(-2.0_f32, -12.0_f32), (6.0, -4.0)] {
        pen.line(curve(&[(x, -16.0), (x + lean * 0.6, -30.0), (x + lean * 1.6, -38.0)]), belly, 3.4, 1.0);
        pen.line(curve(&[(x + lean * 0.6, -28.0), (x + lean * 0.2 + 6.0, -36.0)]), belly, 2.6, 1.0);
    }
    pen.shape(blob(&[(-12.0, -12.0), (4.0, -20.0), (18.0, -14.0), (36.0, -12.0), (44.0, -4.0), (38.0, 6.0), (20.0, 10.0), (0.0, 14.0), (-14.0, 6.0)]), coat);
    pen.shape(blob(&[(18.0, 6.0), (38.0, 6.0), (34.0, 14.0), (16.0, 16.0), (4.0, 12.0)]), belly);
    pen.line(curve(&[(42.0, 2.0), (28.0, 6.0), (12.0, 6.0)]), coat.darker(0.6), 1.6, 0.9);
    pen.bare().fill(disc(39.0, -6.0, 2.0), coat.darker(0.6), 1.0);
    for drop in [-1.0_f32, 1.0] {
        pen.line(curve(&[(40.0, 0.0), (56.0, 6.0 + drop * 6.0), (62.0, -4.0 + drop * 14.0), (74.0, 2.0 + drop * 14.0)]), look.accent(1), 2.2, 1.0);
    }
    pen.bare().shape(oval(14.0, -9.0, 6.0, 6.0), WHITE);
    eye(&mut pen, 15.5, -8.5, 3.3);
}

pub(super) fn turtle(pen: &mut Pen<'_>, look: &Look) {
    let skin = hex(0x008F_C07A);
    let shell = look.coat(hex(0x005F_8F5C));
    for path in [[(22.0, -24.0), (34.0, -10.0), (52.0, 0.0)], [(-26.0, -24.0), (-40.0, -12.0), (-52.0, -6.0)]] {
        pen.shape(limb(&path, 15.0), skin.darker(0.1));
    }
    pen.shape(blob(&[(36.0, -36.0), (50.0, -58.0), (68.0, -62.0), (80.0, -50.0), (74.0, -38.0), (54.0, -30.0)]), skin);
    pen.shape(blob(&[(-52.0, -24.0), (-40.0, -58.0), (-6.0, -76.0), (30.0, -62.0), (48.0, -28.0), (0.0, -16.0)]), shell);
    for (x, y, r) in [(-4.0, -50.0, 13.0), (-28.0, -40.0, 9.0), (20.0, -42.0, 9.0), (-14.0, -28.0, 7.0), (8.0, -27.0, 7.0)] {
        let patch: Vec<(f32, f32)> = (0..6)
            .map(|corner| {
                let angle = corner as f32 * std::f32::consts::TAU / 6.0;
                (x + angle.cos() * r, y + angle.sin() * r)
            })
            .collect();
        pen.bare().fill(poly(&patch), shell.lighter(0.28), 0.8);
    }
    eye(pen, 66.0, -51.0, 3.2);
    pen.line(curve(&[(68.0, -42.0), (73.0, -42.0), (77.0, -45.0)]), INK, 1.5, 0.8);
    pen.bare().fill(oval(61.0, -44.0, 4.0, 2.6), hex(0x00F2_8D8A), 0.5);
}
