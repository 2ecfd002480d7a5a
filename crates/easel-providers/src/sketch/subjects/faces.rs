//! Heads of four-legged friends, seen from the front: ears, markings, eyes, muzzle.
//!
//! A head is drawn around (0, 0) with a half-width of about 100 units.

use super::super::palette::{Rgb, WHITE, hex};
use super::super::pen::{Pen, blob, curve, disc, oval, poly};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ear {
    Tall,
    Pointed,
    Long,
    Round,
    Floppy,
    Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Blaze,
    Mask,
    Stripes,
    EyePatches,
    Wool,
    Spots,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snout {
    Dog,
    Cat,
    Pig,
    Cow,
}

/// How a face looks and feels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    pub(super) coat: Rgb,
    pub(super) soft: Rgb,
    pub(super) dark: Rgb,
    pub(super) ear: Ear,
    pub(super) mark: Mark,
    pub(super) snout: Snout,
    pub(super) mane: Option<Rgb>,
    pub(super) asleep: bool,
    pub(super) panting: bool,
    pub(super) glasses: bool,
    pub(super) hat: Option<Rgb>,
}

const PINK: Rgb = hex(0x00F2_A0A0);
const DARK: Rgb = hex(0x0033_2A2C);

pub(super) fn draw(pen: &mut Pen<'_>, face: &Face) {
    if let Some(mane) = face.mane {
        let tufts: Vec<(f32, f32)> = (0..26)
            .map(|tuft| {
                let angle = tuft as f32 / 26.0 * std::f32::consts::TAU;
                let reach = if tuft % 2 == 0 { 152.0 } else { 128.0 };
                (angle.cos() * reach, angle.sin() * reach + 4.0)
            })
            .collect();
        pen.shape(blob(&tufts), mane);
    }
    if face.mark == Mark::Wool {
        let curls: Vec<(f32, f32)> = (0..18)
            .map(|curl| {
                let angle = curl as f32 / 18.0 * std::f32::consts::TAU;
                let reach = if curl % 2 == 0 { 128.0 } else { 108.0 };
                (angle.cos() * reach, angle.sin() * reach * 0.95 - 16.0)
            })
            .collect();
        pen.shape(blob(&curls), face.soft);
    }
    ear(pen, face);
    ear(&mut pen.mirrored(), face);
    skull(pen, face);
    markings(pen, face);
    muzzle(pen, face);
    eyes(pen, face);
    for x in [-68.0, 68.0] {
        pen.bare().fill(oval(x, 28.0, 17.0, 11.0), hex(0x00F2_8D8A), 0.38);
    }
    if face.glasses {
        let (x, y) = eye_place(face);
        glasses(&mut pen.at(0.0, y, 1.0), x);
    }
    if let Some(colour) = face.hat {
        hat(&mut pen.at(0.0, -74.0, 1.0), colour);
    }
}

/// Round glasses before eyes that are `x` from the middle, in units of a face.
pub(super) fn glasses(pen: &mut Pen<'_>, x: f32) {
    let frame = hex(0x002B_2530);
    for side in [-1.0_f32, 1.0] {
        pen.bare().glowing(disc(side * x, 0.0, 31.0), WHITE, 0.24);
        pen.bare().line(disc(side * x, 0.0, 31.0), hex(0x00F4_EDE0), 12.0, 0.85);
        pen.bare().line(disc(side * x, 0.0, 31.0), frame, 7.0, 1.0);
        pen.bare().line(curve(&[(side * (x + 30.0), -4.0), (side * (x + 52.0), -12.0)]), frame, 7.0, 1.0);
        pen.bare().glowing(poly(&[(side * x - 20.0, 4.0), (side * x - 4.0, -24.0), (side * x + 4.0, -24.0), (side * x - 13.0, 12.0)]), WHITE, 0.5);
    }
    pen.bare().line(curve(&[(30.0 - x, -4.0), (0.0, -11.0), (x - 30.0, -4.0)]), frame, 7.0, 1.0);
}

/// A hat with a band, its brim on `y` = 0, for a head of half-width 100.
pub(in super::super) fn hat(pen: &mut Pen<'_>, colour: Rgb) {
    pen.shape(blob(&[(-62.0, 0.0), (-60.0, -46.0), (-44.0, -92.0), (0.0, -104.0), (44.0, -92.0), (60.0, -46.0), (62.0, 0.0), (0.0, 10.0)]), colour);
    pen.bare().shape(poly(&[(-61.0, -24.0), (0.0, -15.0), (61.0, -24.0), (62.0, 0.0), (0.0, 9.0), (-62.0, 0.0)]), colour.darker(0.45));
    pen.shape(oval(0.0, 4.0, 112.0, 19.0), colour);
    pen.bare().fill(oval(-24.0, -70.0, 12.0, 18.0), WHITE, 0.25);
}

const fn eye_place(face: &Face) -> (f32, f32) {
    match face.snout {
        Snout::Cat => (46.0, -4.0),
        _ => (43.0, -16.0),
    }
}

/// The right ear.
fn ear(pen: &mut Pen<'_>, face: &Face) {
    match face.ear {
        Ear::Tall => {
            pen.shape(blob(&[(26.0, -74.0), (50.0, -142.0), (74.0, -172.0), (93.0, -148.0), (97.0, -92.0), (88.0, -40.0)]), face.coat);
            pen.bare().shape(blob(&[(50.0, -86.0), (66.0, -136.0), (76.0, -146.0), (84.0, -110.0), (80.0, -66.0)]), PINK);
        }
        Ear::Pointed => {
            pen.shape(blob(&[(18.0, -80.0), (52.0, -126.0), (84.0, -152.0), (96.0, -102.0), (92.0, -40.0)]), face.coat);
            pen.bare().shape(blob(&[(46.0, -88.0), (76.0, -128.0), (82.0, -92.0), (78.0, -64.0)]), PINK);
        }
        Ear::Long => {
            pen.shape(blob(&[(14.0, -78.0), (16.0, -170.0), (38.0, -226.0), (64.0, -206.0), (66.0, -130.0), (58.0, -66.0)]), face.coat);
            pen.bare().shape(blob(&[(28.0, -88.0), (30.0, -166.0), (41.0, -202.0), (54.0, -186.0), (52.0, -120.0), (46.0, -82.0)]), PINK);
        }
        Ear::Round => {
            pen.shape(disc(68.0, -76.0, 40.0), face.dark);
            pen.bare().shape(disc(68.0, -74.0, 22.0), face.dark.mix(PINK, 0.5));
        }
        Ear::Floppy => {
            pen.shape(blob(&[(48.0, -84.0), (92.0, -82.0), (122.0, -28.0), (124.0, 32.0), (104.0, 44.0), (84.0, 8.0), (72.0, -44.0)]), face.dark);
        }
        Ear::Side => {
            pen.shape(blob(&[(72.0, -54.0), (112.0, -82.0), (144.0, -58.0), (128.0, -26.0), (88.0, -22.0)]), face.coat);
            pen.bare().shape(blob(&[(92.0, -50.0), (116.0, -64.0), (128.0, -52.0), (110.0, -36.0)]), PINK);
        }
    }
}

fn skull(pen: &mut Pen<'_>, face: &Face) {
    let outline: &[(f32, f32)] = match face.snout {
        Snout::Cat => &[
            (0.0, -92.0), (50.0, -86.0), (90.0, -48.0), (104.0, 8.0), (86.0, 56.0), (44.0, 82.0), (0.0, 88.0),
            (-44.0, 82.0), (-86.0, 56.0), (-104.0, 8.0), (-90.0, -48.0), (-50.0, -86.0),
        ],
        Snout::Dog => &[
            (0.0, -94.0), (48.0, -88.0), (84.0, -52.0), (102.0, 4.0), (112.0, 40.0), (82.0, 70.0), (42.0, 92.0),
            (0.0, 97.0), (-42.0, 92.0), (-82.0, 70.0), (-112.0, 40.0), (-102.0, 4.0), (-84.0, -52.0), (-48.0, -88.0),
        ],
        Snout::Pig | Snout::Cow => &[
            (0.0, -90.0), (54.0, -82.0), (92.0, -40.0), (100.0, 14.0), (88.0, 62.0), (46.0, 92.0), (0.0, 96.0),
            (-46.0, 92.0), (-88.0, 62.0), (-100.0, 14.0), (-92.0, -40.0), (-54.0, -82.0),
        ],
    };
    pen.shape(blob(outline), face.coat);
}

fn markings(pen: &mut Pen<'_>, face: &Face) {
    let mut pen = pen.bare();
    match face.mark {
        Mark::Plain | Mark::Wool => {}
        Mark::Blaze => {
            pen.shape(
                blob(&[
                    (0.0, -86.0), (13.0, -60.0), (15.0, -20.0), (40.0, 10.0), (88.0, 30.0), (96.0, 46.0), (72.0, 68.0),
                    (38.0, 86.0), (0.0, 91.0), (-38.0, 86.0), (-72.0, 68.0), (-96.0, 46.0), (-88.0, 30.0), (-40.0, 10.0),
                    (-15.0, -20.0), (-13.0, -60.0),
                ]),
                face.soft,
            );
        }
        Mark::Mask => {
            for side in [-1.0, 1.0] {
                pen.shape(
                    blob(&[(side * 8.0, 20.0), (side * 50.0, 0.0), (side * 98.0, 18.0), (side * 100.0, 42.0), (side * 62.0, 74.0), (side * 8.0, 90.0)]),
                    face.soft,
                );
            }
            pen.shape(oval(0.0, 60.0, 34.0, 32.0), face.soft);
        }
        Mark::Stripes => {
            pen.shape(oval(0.0, 50.0, 56.0, 34.0), face.soft);
            for (x, y, w, h) in [(0.0, -72.0, 6.0, 20.0), (-26.0, -68.0, 5.0, 15.0), (26.0, -68.0, 5.0, 15.0)] {
                pen.fill(oval(x, y, w, h), face.dark, 0.85);
            }
            for side in [-1.0_f32, 1.0] {
                for y in [2.0, 24.0] {
                    let stripe = poly(&[(side * 102.0, y - 7.0), (side * 74.0, y), (side * 102.0, y + 7.0)]);
                    pen.fill(stripe, face.dark, 0.85);
                }
            }
        }
        Mark::EyePatches => {
            for side in [-1.0, 1.0] {
                let patch = [
                    (side * 26.0, -18.0), (side * 40.0, -36.0), (side * 64.0, -24.0), (side * 70.0, 8.0),
                    (side * 52.0, 26.0), (side * 30.0, 12.0),
                ];
                pen.shape(blob(&patch), face.dark);
            }
        }
        Mark::Spots => {
            pen.shape(blob(&[(20.0, -84.0), (70.0, -66.0), (92.0, -20.0), (64.0, 14.0), (28.0, -10.0)]), face.dark);
        }
    }
}

fn muzzle(pen: &mut Pen<'_>, face: &Face) {
    match face.snout {
        Snout::Dog => {
            if face.panting {
                let tongue = blob(&[(-16.0, 58.0), (16.0, 58.0), (20.0, 88.0), (8.0, 108.0), (-8.0, 108.0), (-20.0, 88.0)]);
                let mouth = blob(&[(-38.0, 50.0), (0.0, 58.0), (38.0, 50.0), (26.0, 78.0), (0.0, 88.0), (-26.0, 78.0)]);
                pen.shape(mouth, hex(0x006B_2F35));
                pen.shape(tongue, hex(0x00EF_7C86));
                pen.line(curve(&[(0.0, 64.0), (1.0, 94.0)]), hex(0x00C9_5560), 4.0, 0.8);
            }
            pen.bare().shape(oval(-20.0, 42.0, 27.0, 21.0), face.soft);
            pen.bare().shape(oval(20.0, 42.0, 27.0, 21.0), face.soft);
            pen.bare().shape(oval(0.0, 28.0, 27.0, 24.0), face.soft);
            pen.shape(blob(&[(-18.0, 12.0), (0.0, 7.0), (18.0, 12.0), (14.0, 26.0), (0.0, 33.0), (-14.0, 26.0)]), DARK);
            pen.bare().fill(oval(-5.0, 14.0, 6.0, 3.5), WHITE, 0.7);
            pen.line(curve(&[(0.0, 33.0), (0.0, 48.0)]), DARK, 5.0, 0.9);
            pen.line(curve(&[(-42.0, 46.0), (-30.0, 59.0), (-12.0, 60.0), (0.0, 48.0), (12.0, 60.0), (30.0, 59.0), (42.0, 46.0)]), DARK, 5.0, 0.9);
        }
        Snout::Cat => {
            if face.mark != Mark::EyePatches {
                pen.bare().shape(oval(0.0, 44.0, 38.0, 24.0), face.soft);
            }
            pen.shape(blob(&[(-13.0, 20.0), (0.0, 17.0), (13.0, 20.0), (6.0, 30.0), (0.0, 34.0), (-6.0, 30.0)]), if face.mark == Mark::EyePatches { DARK } else { hex(0x00E5_7F86) });
            pen.line(curve(&[(-26.0, 44.0), (-16.0, 52.0), (-5.0, 48.0), (0.0, 36.0), (5.0, 48.0), (16.0, 52.0), (26.0, 44.0)]), DARK, 4.5, 0.9);
            if face.mark != Mark::EyePatches {
                for side in [-1.0_f32, 1.0] {
                    for (y, drop) in [(30.0, -8.0), (42.0, 2.0), (54.0, 12.0)] {
                        pen.line(curve(&[(side * 50.0, y), (side * 92.0, y + drop * 0.3), (side * 128.0, y + drop)]), DARK, 2.5, 0.55);
                    }
                }
            }
        }
        Snout::Pig => {
            pen.shape(oval(0.0, 34.0, 38.0, 28.0), face.coat.darker(0.12).mix(PINK, 0.5));
            for x in [-13.0, 13.0] {
                pen.fill(oval(x, 34.0, 6.0, 10.0), face.coat.darker(0.55), 0.9);
            }
            pen.line(curve(&[(-20.0, 72.0), (0.0, 80.0), (20.0, 72.0)]), DARK, 4.5, 0.8);
        }
        Snout::Cow => {
            pen.shape(oval(0.0, 52.0, 64.0, 40.0), hex(0x00F4_C6B6));
            for x in [-24.0, 24.0] {
                pen.fill(oval(x, 44.0, 8.0, 6.0), hex(0x008C_5548), 0.9);
            }
            pen.line(curve(&[(-22.0, 70.0), (0.0, 78.0), (22.0, 70.0)]), DARK, 4.5, 0.8);
        }
    }
}

fn eyes(pen: &mut Pen<'_>, face: &Face) {
    let (x, y) = eye_place(face);
    for side in [-1.0, 1.0] {
        if face.asleep {
            let lid = [(side * (x - 17.0), y), (side * x, y + 9.0), (side * (x + 17.0), y)];
            pen.line(curve(&lid), DARK, 6.0, 0.95);
            continue;
        }
        let mut pen = pen.bare();
        pen.fill(oval(side * x, y, 14.5, 17.0), DARK, 1.0);
        pen.glowing(disc(side * x + 4.5, y - 6.5, 5.5), WHITE, 0.95);
        pen.glowing(disc(side * x - 4.0, y + 6.5, 2.6), WHITE, 0.7);
        if face.snout == Snout::Dog && face.mark == Mark::Blaze {
            pen.fill(oval(side * (x - 2.0), y - 34.0, 10.0, 5.0), face.soft, 0.75);
        }
    }
}
