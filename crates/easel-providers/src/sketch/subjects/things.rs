//! Food and other things that lie, stand or float about.

use super::super::palette::{INK, Rgb, WHITE, hex};
use super::super::pen::{Pen, blob, block, curve, disc, limb, oval, poly, slab};
use super::Look;

/// Eyes, cheeks and a smile: every thing in a picture book has them.
fn smile(pen: &mut Pen<'_>, x: f32, y: f32, size: f32) {
    let mut pen = pen.at(x, y, size);
    let mut pen = pen.bare();
    for side in [-1.0_f32, 1.0] {
        pen.fill(oval(side * 9.0, 0.0, 2.4, 3.2), INK, 0.95);
        pen.glowing(disc(side * 9.0 + 0.8, -1.2, 0.9), WHITE, 0.9);
        pen.fill(oval(side * 14.5, 4.5, 3.6, 2.2), hex(0x00F2_7F7C), 0.55);
    }
    pen.line(curve(&[(-3.5, 3.0), (0.0, 5.6), (3.5, 3.0)]), INK, 1.6, 0.95);
}

fn steam(pen: &mut Pen<'_>, x: f32, y: f32) {
    for shift in [-12.0, 0.0, 12.0] {
        let path = curve(&[(x + shift, y), (x + shift - 5.0, y - 9.0), (x + shift + 4.0, y - 18.0), (x + shift - 2.0, y - 28.0)]);
        pen.bare().line(path, WHITE, 3.0, 0.55);
    }
}

pub(super) fn tent(pen: &mut Pen<'_>, look: &Look) {
    let cloth = look.coat(look.accent(1));
    pen.shape(poly(&[(-70.0, 0.0), (-8.0, -90.0), (52.0, -74.0), (84.0, 0.0)]), cloth.darker(0.12));
    pen.shape(poly(&[(-70.0, 0.0), (-8.0, -90.0), (36.0, 0.0)]), cloth);
    let inside = if look.night { hex(0x00FF_D27A) } else { hex(0x0062_4C3F) };
    if look.night {
        pen.glow(-14.0, -20.0, 70.0, inside, 0.7);
    }
    pen.shape(blob(&[(-32.0, 0.0), (-20.0, -32.0), (-9.0, -66.0), (0.0, -30.0), (8.0, 0.0)]), inside);
    pen.line(curve(&[(-70.0, 0.0), (-92.0, 4.0)]), INK, 1.4, 0.7);
    pen.line(curve(&[(84.0, 0.0), (102.0, 4.0)]), INK, 1.4, 0.7);
}

pub(super) fn cake(pen: &mut Pen<'_>, look: &Look) {
    let cream = hex(0x00FF_F5EA);
    let sponge = look.coat(hex(0x00F5_B6C1));
    pen.shape(oval(0.0, -4.0, 62.0, 9.0), hex(0x00E6_E2EC));
    pen.shape(slab(-48.0, -42.0, 96.0, 38.0, 8.0), sponge);
    pen.shape(blob(&[(-50.0, -42.0), (-46.0, -50.0), (0.0, -52.0), (46.0, -50.0), (50.0, -42.0), (44.0, -28.0), (32.0, -36.0), (22.0, -24.0), (8.0, -35.0), (-8.0, -26.0), (-20.0, -36.0), (-34.0, -25.0), (-44.0, -32.0)]), cream);
    pen.shape(slab(-30.0, -74.0, 60.0, 26.0, 7.0), sponge.lighter(0.2));
    pen.shape(blob(&[(-32.0, -74.0), (0.0, -80.0), (32.0, -74.0), (26.0, -64.0), (14.0, -70.0), (2.0, -62.0), (-12.0, -70.0), (-26.0, -63.0)]), cream);
    smile(pen, 0.0, -16.0, 1.2);
    for (nth, x) in [-18.0, 0.0, 18.0].into_iter().enumerate() {
        pen.shape(slab(x - 2.2, -98.0, 4.4, 22.0, 2.0), look.accent(nth + 1));
        pen.glow(x, -103.0, 16.0, hex(0x00FF_D86A), 0.8);
        pen.bare().glowing(blob(&[(x - 3.0, -101.0), (x, -111.0), (x + 3.0, -101.0), (x, -98.0)]), hex(0x00FF_B437), 1.0);
    }
    for (x, y) in [(-40.0, -48.0), (40.0, -48.0), (-24.0, -79.0), (24.0, -79.0)] {
        pen.shape(disc(x, y, 5.5), hex(0x00E4_4C52));
    }
}

pub(super) fn noodles(pen: &mut Pen<'_>, look: &Look) {
    let bowl = look.coat(look.accent(0));
    steam(pen, 0.0, -78.0);
    pen.shape(oval(0.0, -52.0, 60.0, 18.0), bowl.darker(0.2));
    pen.shape(oval(0.0, -52.0, 53.0, 14.0), hex(0x00E9_B45F));
    for shift in 0..6 {
        let y = -57.0 + shift as f32 * 2.2;
        pen.line(curve(&[(-42.0, y), (-22.0, y - 5.0), (0.0, y + 2.0), (22.0, y - 5.0), (36.0, y)]), hex(0x00FB_E3A4), 2.4, 1.0);
    }
    pen.shape(oval(-20.0, -58.0, 16.0, 10.0), WHITE);
    pen.shape(oval(-20.0, -58.0, 8.0, 5.5), hex(0x00F5_A53A));
    pen.shape(oval(18.0, -55.0, 14.0, 8.0), hex(0x00F9_DFDC));
    pen.line(curve(&[(12.0, -55.0), (18.0, -59.0), (23.0, -55.0), (18.0, -53.0)]), hex(0x00EE_6F86), 1.8, 1.0);
    for (x, y) in [(2.0, -62.0), (6.0, -50.0), (-4.0, -48.0), (34.0, -58.0)] {
        pen.bare().fill(oval(x, y, 3.4, 2.0), hex(0x0060_A850), 1.0);
    }
    pen.shape(blob(&[(-61.0, -51.0), (-30.0, -40.0), (0.0, -37.0), (30.0, -40.0), (61.0, -51.0), (50.0, -20.0), (26.0, -2.0), (-26.0, -2.0), (-50.0, -20.0)]), bowl);
    pen.line(curve(&[(-52.0, -34.0), (0.0, -22.0), (52.0, -34.0)]), hex(0x00FF_F4E2), 3.0, 0.7);
    smile(pen, 0.0, -16.0, 1.25);
    for lean in [0.0, 9.0] {
        pen.shape(limb(&[(30.0 + lean, -58.0), (64.0 + lean, -108.0)], 3.6), hex(0x008A_5A3C));
    }
}

/// A dish on a plate, heaped, steaming, with chopsticks beside it.
pub(super) fn dish(pen: &mut Pen<'_>, look: &Look) {
    steam(pen, 0.0, -60.0);
    pen.shape(oval(0.0, -14.0, 66.0, 19.0), hex(0x00E4_E6EA));
    pen.shape(oval(0.0, -18.0, 66.0, 18.0), hex(0x00FB_FAF6));
    pen.line(oval(0.0, -18.0, 57.0, 14.5), look.accent(2), 2.2, 0.8);
    let sauce = look.coat(hex(0x00B8_5A32));
    pen.shape(blob(&[(-46.0, -18.0), (-36.0, -38.0), (-14.0, -52.0), (12.0, -53.0), (36.0, -38.0), (46.0, -18.0), (20.0, -9.0), (-20.0, -9.0)]), sauce);
    let mut rng = look.rng;
    let colours = [sauce.lighter(0.18), hex(0x006A_AA50), hex(0x00F0_9A3E), sauce.darker(0.25), hex(0x00F8_DC84), hex(0x00D8_4A3A)];
    for nth in 0..26_usize {
        let up = nth as f32 / 26.0;
        let x = rng.range(-40.0, 40.0) * (1.0 - up * 0.7);
        let y = -14.0 - up * 36.0;
        let colour = colours.get(nth % colours.len()).copied().unwrap_or(sauce);
        let mut piece = pen.turned(x, y, rng.range(-50.0, 50.0));
        piece.shape(slab(-7.0, -3.4, 14.0, 6.8, 3.0), colour);
    }
    for (x, y) in [(-12.0, -50.0), (4.0, -55.0), (18.0, -44.0)] {
        pen.bare().fill(oval(x, y, 4.2, 2.2), hex(0x0060_A850), 1.0);
    }
    for lean in [0.0, 8.0] {
        pen.shape(limb(&[(56.0 + lean, -6.0), (82.0 + lean, -52.0)], 3.4), hex(0x008A_5A3C));
    }
}

pub(super) fn cup(pen: &mut Pen<'_>, look: &Look) {
    let clay = look.coat(hex(0x00FB_F4EA));
    steam(pen, -4.0, -74.0);
    pen.shape(oval(0.0, -3.0, 60.0, 9.0), clay.darker(0.08));
    pen.line(curve(&[(38.0, -52.0), (60.0, -54.0), (62.0, -32.0), (36.0, -22.0)]), clay.darker(0.12), 8.0, 1.0);
    pen.shape(blob(&[(-44.0, -62.0), (0.0, -56.0), (44.0, -62.0), (40.0, -30.0), (26.0, -5.0), (-26.0, -5.0), (-40.0, -30.0)]), clay);
    pen.shape(oval(0.0, -62.0, 44.0, 12.0), clay.darker(0.05));
    pen.shape(oval(0.0, -61.0, 38.0, 9.0), hex(0x008A_5B3F));
    pen.bare().fill(blob(&[(0.0, -57.0), (-9.0, -62.0), (-4.0, -66.0), (0.0, -63.0), (4.0, -66.0), (9.0, -62.0)]), hex(0x00F6_E2C4), 0.95);
    smile(pen, 0.0, -32.0, 1.4);
}

pub(super) fn apple(pen: &mut Pen<'_>, look: &Look) {
    let skin = look.coat(hex(0x00E2_4C46));
    pen.shape(blob(&[(0.0, -74.0), (24.0, -84.0), (46.0, -66.0), (46.0, -34.0), (28.0, -4.0), (8.0, -2.0), (0.0, -5.0), (-8.0, -2.0), (-28.0, -4.0), (-46.0, -34.0), (-46.0, -66.0), (-24.0, -84.0)]), skin);
    pen.bare().fill(blob(&[(-34.0, -58.0), (-26.0, -72.0), (-16.0, -74.0), (-28.0, -54.0)]), WHITE, 0.6);
    pen.line(curve(&[(0.0, -74.0), (2.0, -88.0), (8.0, -98.0)]), hex(0x0078_523A), 4.0, 1.0);
    pen.shape(blob(&[(6.0, -88.0), (20.0, -102.0), (38.0, -98.0), (26.0, -86.0)]), hex(0x0072_B24E));
    smile(pen, 0.0, -38.0, 1.6);
}

/// An open book lying at (0, 0), about 60 wide.
pub(in super::super) fn open_book(pen: &mut Pen<'_>, cover: Rgb) {
    pen.shape(poly(&[(-33.0, -2.0), (-31.0, -22.0), (0.0, -17.0), (31.0, -22.0), (33.0, -2.0), (0.0, 4.0)]), cover);
    for side in [-1.0_f32, 1.0] {
        pen.shape(blob(&[(0.0, -1.0), (side * 14.0, -6.0), (side * 29.0, -5.0), (side * 28.0, -24.0), (side * 14.0, -25.0), (0.0, -19.0)]), hex(0x00FF_FAEE));
        for y in [-19.5, -15.0, -10.5] {
            pen.line(curve(&[(side * 5.0, y + 1.0), (side * 14.0, y - 1.0), (side * 24.0, y)]), INK, 0.9, 0.45);
        }
    }
}

pub(super) fn book(pen: &mut Pen<'_>, look: &Look) {
    pen.shape(slab(-50.0, -15.0, 100.0, 15.0, 3.0), look.accent(2));
    pen.bare().fill(block(-46.0, -11.0, 94.0, 7.0), hex(0x00FF_F8EA), 1.0);
    pen.shape(slab(-44.0, -29.0, 92.0, 14.0, 3.0), look.accent(1));
    pen.bare().fill(block(-42.0, -25.0, 88.0, 6.0), hex(0x00FF_F8EA), 1.0);
    pen.glow(0.0, -60.0, 70.0, hex(0x00FF_EFB0), 0.45);
    open_book(&mut pen.at(0.0, -32.0, 1.9), look.coat(look.accent(0)));
}

pub(super) fn heart(pen: &mut Pen<'_>, look: &Look) {
    let red = look.coat(hex(0x00EC_5C6E));
    pen.glow(0.0, -48.0, 90.0, red.lighter(0.5), 0.5);
    pen.shape(blob(&[(0.0, -70.0), (18.0, -90.0), (44.0, -84.0), (50.0, -58.0), (30.0, -28.0), (0.0, -4.0), (-30.0, -28.0), (-50.0, -58.0), (-44.0, -84.0), (-18.0, -90.0)]), red);
    pen.bare().fill(blob(&[(-38.0, -62.0), (-34.0, -76.0), (-22.0, -80.0), (-30.0, -66.0)]), WHITE, 0.6);
    smile(pen, 0.0, -50.0, 1.4);
}

pub(super) fn lantern(pen: &mut Pen<'_>, look: &Look) {
    let silk = look.coat(hex(0x00E0_4A3C));
    pen.glow(0.0, -56.0, 100.0, hex(0x00FF_B45E), 0.7);
    pen.line(curve(&[(0.0, -92.0), (0.0, -124.0)]), hex(0x00C9_9A3E), 2.0, 1.0);
    pen.shape(oval(0.0, -58.0, 46.0, 36.0), silk);
    for share in [0.35_f32, 0.72] {
        pen.line(oval(0.0, -58.0, 46.0 * share, 35.5), silk.darker(0.3), 1.6, 0.6);
    }
    pen.glow(0.0, -56.0, 34.0, hex(0x00FF_E79A), 0.85);
    for y in [-96.0, -27.0] {
        pen.shape(slab(-20.0, y, 40.0, 8.0, 2.0), hex(0x00E7_BE4F));
    }
    for x in [-8.0, 0.0, 8.0] {
        pen.line(curve(&[(x, -18.0), (x * 1.2, 4.0)]), hex(0x00E7_BE4F), 2.2, 1.0);
    }
}

pub(super) fn umbrella(pen: &mut Pen<'_>, look: &Look) {
    let cloth = look.coat(look.accent(0));
    pen.line(curve(&[(0.0, -92.0), (0.0, -14.0), (6.0, -3.0), (15.0, -6.0), (16.0, -14.0)]), hex(0x0074_5038), 3.6, 1.0);
    pen.shape(blob(&[(-60.0, -50.0), (-44.0, -84.0), (0.0, -102.0), (44.0, -84.0), (60.0, -50.0), (40.0, -56.0), (20.0, -49.0), (0.0, -56.0), (-20.0, -49.0), (-40.0, -56.0)]), cloth);
    pen.bare().fill(blob(&[(-20.0, -51.0), (-16.0, -84.0), (0.0, -101.0), (16.0, -84.0), (20.0, -51.0), (0.0, -56.0)]), cloth.lighter(0.35), 0.8);
    pen.line(curve(&[(0.0, -101.0), (0.0, -110.0)]), hex(0x0074_5038), 3.0, 1.0);
}

pub(super) fn gift(pen: &mut Pen<'_>, look: &Look) {
    let paper = look.coat(look.accent(2));
    let ribbon = look.accent(1);
    pen.shape(slab(-42.0, -58.0, 84.0, 58.0, 4.0), paper);
    pen.bare().fill(block(-8.0, -58.0, 16.0, 57.0), ribbon, 1.0);
    pen.shape(slab(-48.0, -74.0, 96.0, 20.0, 4.0), paper.lighter(0.12));
    pen.bare().fill(block(-8.0, -73.0, 16.0, 18.0), ribbon, 1.0);
    for side in [-1.0_f32, 1.0] {
        pen.shape(blob(&[(0.0, -76.0), (side * 14.0, -98.0), (side * 36.0, -100.0), (side * 34.0, -80.0)]), ribbon);
    }
    pen.shape(disc(0.0, -78.0, 8.0), ribbon.darker(0.08));
    for side in [-1.0_f32, 1.0] {
        smile(pen, side * 25.0, -28.0, 0.7);
    }
}

pub(super) fn guitar(pen: &mut Pen<'_>, look: &Look) {
    let wood = look.coat(hex(0x00D9_9A55));
    let mut pen = pen.turned(0.0, -40.0, 18.0);
    let mut pen = pen.at(0.0, 40.0, 1.0);
    pen.shape(slab(-4.5, -108.0, 9.0, 60.0, 2.0), hex(0x0070_4A34));
    pen.shape(slab(-8.0, -122.0, 16.0, 18.0, 4.0), hex(0x0054_382A));
    pen.shape(blob(&[(0.0, -60.0), (20.0, -62.0), (24.0, -46.0), (18.0, -36.0), (32.0, -22.0), (28.0, 0.0), (0.0, 8.0), (-28.0, 0.0), (-32.0, -22.0), (-18.0, -36.0), (-24.0, -46.0), (-20.0, -62.0)]), wood);
    pen.shape(disc(0.0, -34.0, 8.5), hex(0x004A_3430));
    pen.shape(slab(-12.0, -12.0, 24.0, 5.0, 2.0), hex(0x0054_382A));
    for x in [-2.6, -0.9, 0.9, 2.6] {
        pen.line(curve(&[(x, -116.0), (x, -10.0)]), hex(0x00FA_F3E4), 0.7, 0.8);
    }
    super::super::weather::notes(&mut pen.at(44.0, -70.0, 1.0), look.accent(0));
}
