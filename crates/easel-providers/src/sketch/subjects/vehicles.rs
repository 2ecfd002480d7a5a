//! Things that drive, sail and fly.

use super::super::palette::{INK, Rgb, WHITE, hex};
use super::super::pen::{Pen, blob, block, curve, disc, oval, poly, slab};
use super::Look;

const GLASS: Rgb = hex(0x00B9_E1EE);

fn wheel(pen: &mut Pen<'_>, x: f32, y: f32, radius: f32) {
    pen.shape(disc(x, y, radius), hex(0x0040_3C46));
    pen.shape(disc(x, y, radius * 0.55), hex(0x00D5_D8DC));
    pen.bare().fill(disc(x, y, radius * 0.2), hex(0x0060_5C66), 1.0);
}

fn window(pen: &mut Pen<'_>, path: Option<tiny_skia::Path>, night: bool) {
    if night {
        pen.shape(path.clone(), hex(0x00FF_D98A));
        pen.bare().glowing(path, hex(0x00FF_DC8C), 0.8);
    } else {
        pen.shape(path, GLASS);
    }
}

pub(super) fn car(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(look.accent(0));
    pen.bare().fill(oval(0.0, -2.0, 98.0, 6.0), hex(0x001E_1C2A), 0.25);
    pen.shape(blob(&[(-58.0, -50.0), (-44.0, -84.0), (-26.0, -94.0), (18.0, -94.0), (38.0, -80.0), (56.0, -52.0)]), coat);
    window(pen, blob(&[(-46.0, -54.0), (-38.0, -78.0), (-26.0, -86.0), (-4.0, -87.0), (-4.0, -54.0)]), look.night);
    window(pen, blob(&[(4.0, -54.0), (4.0, -87.0), (18.0, -86.0), (30.0, -76.0), (42.0, -54.0)]), look.night);
    pen.shape(blob(&[(-92.0, -22.0), (-90.0, -44.0), (-64.0, -55.0), (0.0, -56.0), (58.0, -55.0), (86.0, -46.0), (95.0, -28.0), (90.0, -14.0), (0.0, -12.0), (-88.0, -14.0)]), coat);
    pen.bare().fill(slab(-80.0, -34.0, 160.0, 5.0, 2.0), WHITE, 0.45);
    pen.line(curve(&[(0.0, -54.0), (-1.0, -18.0)]), coat.darker(0.5), 1.6, 0.7);
    pen.shape(slab(-20.0, -46.0, 13.0, 4.0, 2.0), hex(0x00E3_E3E3));
    if look.night {
        pen.glow(104.0, -32.0, 46.0, hex(0x00FF_F0B0), 0.7);
    }
    pen.shape(oval(86.0, -34.0, 6.0, 7.5), hex(0x00FF_F1B8));
    pen.shape(oval(-87.0, -34.0, 4.0, 7.0), hex(0x00E8_4A44));
    wheel(pen, -50.0, -15.0, 17.0);
    wheel(pen, 54.0, -15.0, 17.0);
}

pub(super) fn train(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(look.accent(2));
    pen.bare().fill(block(-130.0, -5.0, 260.0, 4.0), hex(0x0070_6A6E), 0.9);
    pen.shape(slab(-122.0, -72.0, 78.0, 58.0, 6.0), coat.mix(look.accent(1), 0.55));
    pen.shape(slab(-38.0, -100.0, 54.0, 88.0, 6.0), coat);
    pen.shape(slab(-46.0, -108.0, 70.0, 12.0, 5.0), coat.darker(0.25));
    pen.shape(slab(8.0, -68.0, 98.0, 54.0, 20.0), coat);
    for x in [-114.0, -84.0] {
        window(pen, slab(x, -62.0, 24.0, 20.0, 3.0), look.night);
    }
    window(pen, slab(-26.0, -86.0, 28.0, 26.0, 4.0), look.night);
    pen.shape(poly(&[(72.0, -68.0), (68.0, -98.0), (94.0, -98.0), (90.0, -68.0)]), coat.darker(0.35));
    for (x, y, r) in [(78.0, -112.0, 10.0), (64.0, -126.0, 14.0), (42.0, -138.0, 18.0)] {
        pen.bare().fill(disc(x, y, r), WHITE, 0.75);
    }
    pen.shape(disc(104.0, -44.0, 8.0), hex(0x00FF_EFA8));
    pen.bare().fill(block(8.0, -32.0, 96.0, 5.0), look.accent(1), 1.0);
    for x in [-104.0, -64.0, -24.0, 6.0] {
        wheel(pen, x, -12.0, 12.0);
    }
    for x in [44.0, 82.0] {
        wheel(pen, x, -15.0, 15.0);
    }
}

pub(super) fn boat(pen: &mut Pen<'_>, look: &Look) {
    let hull = look.coat(look.accent(0));
    pen.line(curve(&[(0.0, -20.0), (0.0, -104.0)]), hex(0x0080_5C42), 3.4, 1.0);
    pen.shape(blob(&[(3.0, -100.0), (24.0, -70.0), (42.0, -34.0), (3.0, -30.0)]), hex(0x00FF_F9EE));
    pen.shape(blob(&[(-3.0, -92.0), (-18.0, -66.0), (-34.0, -36.0), (-3.0, -32.0)]), look.accent(1));
    pen.shape(poly(&[(0.0, -104.0), (18.0, -110.0), (0.0, -115.0)]), look.accent(3));
    pen.shape(blob(&[(-50.0, -24.0), (0.0, -22.0), (52.0, -26.0), (40.0, -4.0), (0.0, 2.0), (-40.0, -3.0)]), hull);
    pen.bare().fill(blob(&[(-46.0, -18.0), (0.0, -16.0), (47.0, -19.0), (44.0, -13.0), (0.0, -10.0), (-43.0, -12.0)]), WHITE, 0.8);
}

pub(super) fn plane(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(hex(0x00F7_F5F2));
    pen.shape(blob(&[(-56.0, -56.0), (-82.0, -90.0), (-66.0, -90.0), (-34.0, -58.0)]), look.accent(0));
    pen.shape(blob(&[(10.0, -56.0), (-16.0, -92.0), (-2.0, -92.0), (34.0, -58.0)]), coat.darker(0.18));
    pen.shape(blob(&[(-74.0, -56.0), (-30.0, -66.0), (40.0, -66.0), (70.0, -56.0), (76.0, -46.0), (58.0, -36.0), (0.0, -32.0), (-50.0, -40.0)]), coat);
    pen.bare().fill(blob(&[(-66.0, -50.0), (0.0, -44.0), (72.0, -46.0), (58.0, -37.0), (0.0, -33.0), (-48.0, -40.0)]), look.accent(0), 0.85);
    for x in [-30.0, -16.0, -2.0, 12.0, 26.0] {
        window(pen, slab(x, -58.0, 7.0, 8.0, 3.0), look.night);
    }
    window(pen, blob(&[(50.0, -60.0), (64.0, -55.0), (68.0, -51.0), (50.0, -51.0)]), look.night);
    pen.shape(blob(&[(14.0, -44.0), (-34.0, -6.0), (-18.0, -4.0), (40.0, -40.0)]), coat.darker(0.06));
    for (y, length) in [(-62.0, 60.0), (-46.0, 84.0)] {
        pen.bare().line(curve(&[(-92.0, y), (-92.0 - length, y + 3.0)]), WHITE, 3.0, 0.6);
    }
}

pub(super) fn rocket(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(hex(0x00F4_F2EE));
    let mut pen = pen.turned(0.0, -50.0, 16.0);
    let mut pen = pen.at(0.0, 50.0, 1.0);
    pen.glow(0.0, 6.0, 46.0, hex(0x00FF_B35A), 0.9);
    pen.bare().glowing(blob(&[(-13.0, -14.0), (13.0, -14.0), (12.0, 8.0), (0.0, 36.0), (-12.0, 8.0)]), hex(0x00FF_9A3D), 1.0);
    pen.bare().glowing(blob(&[(-7.0, -14.0), (7.0, -14.0), (6.0, 4.0), (0.0, 18.0), (-6.0, 4.0)]), hex(0x00FF_EFA0), 1.0);
    for side in [-1.0_f32, 1.0] {
        pen.shape(blob(&[(side * 16.0, -44.0), (side * 36.0, -22.0), (side * 36.0, -2.0), (side * 16.0, -14.0)]), look.accent(0));
    }
    pen.shape(blob(&[(0.0, -112.0), (14.0, -92.0), (22.0, -62.0), (20.0, -30.0), (13.0, -12.0), (-13.0, -12.0), (-20.0, -30.0), (-22.0, -62.0), (-14.0, -92.0)]), coat);
    pen.shape(blob(&[(0.0, -113.0), (13.0, -94.0), (16.0, -84.0), (0.0, -80.0), (-16.0, -84.0), (-13.0, -94.0)]), look.accent(0));
    pen.shape(disc(0.0, -60.0, 12.0), look.accent(3));
    window(&mut pen, disc(0.0, -60.0, 8.0), look.night);
    pen.bare().fill(oval(-3.0, -63.0, 2.6, 3.6), WHITE, 0.9);
    pen.line(curve(&[(-19.0, -28.0), (0.0, -24.0), (19.0, -28.0)]), look.accent(1), 4.0, 1.0);
    pen.shape(slab(-3.5, -40.0, 7.0, 30.0, 3.0), look.accent(0).darker(0.1));
}

pub(super) fn balloon(pen: &mut Pen<'_>, look: &Look) {
    let coat = look.coat(look.accent(0));
    for x in [-9.0, 9.0] {
        pen.line(curve(&[(x * 1.6, -34.0), (x, -16.0)]), INK, 1.2, 0.8);
    }
    let envelope = blob(&[(0.0, -118.0), (26.0, -112.0), (41.0, -88.0), (36.0, -62.0), (16.0, -34.0), (-16.0, -34.0), (-36.0, -62.0), (-41.0, -88.0), (-26.0, -112.0)]);
    pen.shape(envelope, coat);
    for (share, colour) in [(0.66_f32, look.accent(1)), (0.22, hex(0x00FF_F6E6))] {
        let band = blob(&[(0.0, -117.0), (26.0 * share, -111.0), (41.0 * share, -88.0), (36.0 * share, -62.0), (16.0 * share, -35.0), (-16.0 * share, -35.0), (-36.0 * share, -62.0), (-41.0 * share, -88.0), (-26.0 * share, -111.0)]);
        pen.bare().shape(band, colour);
        if share > 0.5 {
            let inner = 0.44;
            pen.bare().shape(blob(&[(0.0, -116.0), (26.0 * inner, -111.0), (41.0 * inner, -88.0), (36.0 * inner, -62.0), (16.0 * inner, -35.0), (-16.0 * inner, -35.0), (-36.0 * inner, -62.0), (-41.0 * inner, -88.0), (-26.0 * inner, -111.0)]), coat);
        }
    }
    if look.night {
        pen.glow(0.0, -62.0, 46.0, hex(0x00FF_D070), 0.6);
    }
    pen.shape(slab(-11.0, -18.0, 22.0, 17.0, 4.0), hex(0x00B4_7C4A));
    pen.line(curve(&[(-11.0, -10.0), (11.0, -10.0)]), hex(0x0080_5432), 1.5, 0.8);
}
