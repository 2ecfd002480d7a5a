//! Cats, dogs and their kin: one body plan, many coats, and poses for standing, running, sitting, sleeping.

use super::super::keywords::{Action, Subject};
use super::super::palette::{Rgb, WHITE, hex};
use super::super::pen::{Pen, blob, curve, disc, limb, oval};
use super::Look;
use super::faces::{self, Ear, Face, Mark, Snout};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Stub,
    Long,
    Bushy,
    Puff,
    Curl,
    Tuft,
}

/// One species.
#[derive(Debug, Clone, Copy)]
struct Build {
    face: Face,
    tail: Tail,
    /// Length of the legs, half length of the body, half height of the body, half width of the head.
    leg: f32,
    length: f32,
    girth: f32,
    head: f32,
    sock: Option<Rgb>,
    sits: bool,
}

const CREAM: Rgb = hex(0x00FB_F3E6);

fn build(subject: Subject, look: &Look) -> Build {
    use Subject as S;
    let asleep = look.action == Action::Sleep;
    let lively = matches!(look.action, Action::Run | Action::Jump | Action::Fly | Action::Dance);
    // coat, soft, dark, ear, mark, snout, mane, tail, leg, length, girth, head, sock, sits
    let make = |coat: u32, soft: Rgb, dark: Option<u32>, ear, mark, snout| {
        let coat = look.coat(hex(coat));
        Face {
            coat,
            soft,
            dark: dark.map_or_else(|| coat.darker(0.35), hex),
            ear,
            mark,
            snout,
            mane: None,
            asleep,
            glasses: look.glasses,
            hat: look.hat,
            panting: !asleep && snout == Snout::Dog && (lively || mark == Mark::Blaze),
        }
    };
    let body = |face, tail, leg, length, girth, head, sock, sits| Build {
        face, tail, leg, length, girth, head, sock, sits,
    };
    let white = Some(CREAM);
    match subject {
        S::Corgi => body(make(0x00EA_9A4C, CREAM, None, Ear::Tall, Mark::Blaze, Snout::Dog), Tail::Stub, 17.0, 50.0, 19.0, 25.0, white, false),
        S::Dog => body(make(0x00DB_A767, CREAM, None, Ear::Floppy, Mark::Plain, Snout::Dog), Tail::Long, 28.0, 40.0, 16.0, 24.0, None, false),
        S::Wolf => body(make(0x0084_8FA0, hex(0x00E6_EAEE), None, Ear::Pointed, Mark::Mask, Snout::Dog), Tail::Bushy, 31.0, 43.0, 16.0, 23.0, None, false),
        S::Fox => body(make(0x00E2_7A3C, CREAM, Some(0x0050_3A36), Ear::Pointed, Mark::Mask, Snout::Dog), Tail::Bushy, 26.0, 40.0, 14.0, 23.0, Some(hex(0x0054_3C38)), false),
        S::Rabbit => body(make(0x00EF_E4DA, WHITE, None, Ear::Long, Mark::Plain, Snout::Cat), Tail::Puff, 15.0, 32.0, 19.0, 23.0, None, true),
        S::Mouse => body(make(0x00D9_B48C, CREAM, Some(0x00C8_9C78), Ear::Round, Mark::Plain, Snout::Cat), Tail::Puff, 11.0, 32.0, 22.0, 25.0, None, true),
        S::Bear => body(make(0x00A0_7046, hex(0x00E5_C49A), None, Ear::Round, Mark::Plain, Snout::Dog), Tail::Puff, 23.0, 40.0, 24.0, 27.0, None, true),
        S::Panda => body(make(0x00F7_F4EE, WHITE, Some(0x003A_363B), Ear::Round, Mark::EyePatches, Snout::Cat), Tail::Puff, 22.0, 39.0, 24.0, 28.0, Some(hex(0x003A_363B)), true),
        S::Tiger => body(make(0x00F0_A040, CREAM, Some(0x0046_332C), Ear::Round, Mark::Stripes, Snout::Cat), Tail::Long, 26.0, 45.0, 18.0, 26.0, None, false),
        S::Lion => {
            let mut face = make(0x00E8_B45E, CREAM, Some(0x00A8_6A32), Ear::Round, Mark::Plain, Snout::Cat);
            face.mane = Some(hex(0x00B0_6A2E));
            body(face, Tail::Tuft, 28.0, 44.0, 17.0, 23.0, None, false)
        }
        S::Pig => body(make(0x00F6_B9B6, hex(0x00F9_D0CB), None, Ear::Side, Mark::Plain, Snout::Pig), Tail::Curl, 17.0, 42.0, 23.0, 25.0, None, false),
        S::Cow => body(make(0x00F7_F3EC, WHITE, Some(0x0045_4044), Ear::Side, Mark::Spots, Snout::Cow), Tail::Tuft, 26.0, 45.0, 20.0, 24.0, None, false),
        S::Sheep => body(make(0x00EB_CDB4, hex(0x00FB_F7EF), Some(0x00C8_A48C), Ear::Side, Mark::Wool, Snout::Cat), Tail::Puff, 18.0, 38.0, 24.0, 18.0, None, false),
        _ => body(make(0x00E7_A765, CREAM, Some(0x00B9_723C), Ear::Pointed, if look.coat.is_some() { Mark::Plain } else { Mark::Stripes }, Snout::Cat), Tail::Long, 24.0, 38.0, 16.0, 25.0, white, true),
    }
}

pub(super) fn draw(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    let build = build(subject, look);
    match look.action {
        Action::Sleep => sleeping(pen, &build),
        Action::Run | Action::Jump | Action::Fly => standing(pen, &build, true),
        Action::Sit | Action::Eat | Action::Read | Action::Love | Action::Dance => sitting(pen, &build),
        Action::Stand if build.sits => sitting(pen, &build),
        Action::Stand => standing(pen, &build, false),
    }
}

/// The head alone, of half-width 100 around (0, 0).
pub(super) fn face(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    faces::draw(pen, &build(subject, look).face);
}

fn head(pen: &mut Pen<'_>, build: &Build, x: f32, y: f32) {
    faces::draw(&mut pen.at(x, y, build.head / 100.0), &build.face);
}

fn tail(pen: &mut Pen<'_>, build: &Build, x: f32, y: f32) {
    let coat = build.face.coat;
    let mut pen = pen.at(x, y, 1.0);
    match build.tail {
        Tail::Stub => pen.shape(blob(&[(8.0, 6.0), (-6.0, -2.0), (-15.0, -13.0), (-11.0, -22.0), (0.0, -17.0), (10.0, -8.0)]), coat),
        Tail::Long => {
            pen.shape(limb(&[(6.0, 4.0), (-14.0, 2.0), (-27.0, -14.0), (-24.0, -34.0), (-33.0, -46.0)], 9.0), coat);
            if build.face.mark == Mark::Stripes {
                for (x, y) in [(-17.0, -1.0), (-26.0, -15.0), (-25.0, -28.0)] {
                    pen.bare().fill(disc(x, y, 4.0), build.face.dark, 0.6);
                }
            }
        }
        Tail::Bushy => {
            pen.shape(blob(&[(8.0, 2.0), (-8.0, 8.0), (-32.0, 2.0), (-48.0, -18.0), (-44.0, -36.0), (-28.0, -28.0), (-12.0, -14.0), (8.0, -8.0)]), coat);
            pen.bare().shape(blob(&[(-36.0, -3.0), (-48.0, -18.0), (-44.0, -36.0), (-34.0, -28.0), (-36.0, -16.0)]), build.face.soft);
        }
        Tail::Puff => pen.shape(disc(-3.0, 2.0, 9.0), build.face.soft),
        Tail::Curl => pen.line(curve(&[(2.0, 0.0), (-10.0, -4.0), (-14.0, -14.0), (-6.0, -17.0), (-4.0, -8.0), (-16.0, -4.0)]), coat.darker(0.15), 4.0, 1.0),
        Tail::Tuft => {
            pen.shape(limb(&[(4.0, 2.0), (-14.0, 10.0), (-20.0, 28.0)], 4.5), coat);
            pen.shape(blob(&[(-20.0, 24.0), (-14.0, 34.0), (-20.0, 46.0), (-27.0, 35.0)]), build.face.dark);
        }
    }
}

/// A leg from the body to a paw.
fn leg(pen: &mut Pen<'_>, build: &Build, path: [(f32, f32); 3], behind: bool) {
    let shade = if behind { 0.2 } else { 0.0 };
    let thick = if build.leg < 20.0 { 12.5 } else { 11.0 };
    let mut colour = build.face.coat;
    if build.face.mark == Mark::EyePatches {
        colour = build.face.dark;
    }
    let [hip, knee, paw] = path;
    pen.shape(limb(&path, thick), colour.darker(shade));
    if let Some(sock) = build.sock {
        let part = ((paw.0 - knee.0) * 0.5, (paw.1 - knee.1) * 0.5);
        pen.shape(limb(&[(paw.0 - part.0, paw.1 - part.1), paw], thick - 1.0), sock.darker(shade * 0.7));
    }
    let _ = hip;
    pen.shape(oval(paw.0 + 2.5, paw.1, 8.0, 5.5), build.sock.unwrap_or(colour).darker(shade));
}

fn torso(pen: &mut Pen<'_>, build: &Build, middle: f32) {
    let (long, high) = (build.length, build.girth);
    let face = &build.face;
    if face.mark == Mark::Wool {
        let curls: Vec<(f32, f32)> = (0..22)
            .map(|curl| {
                let angle = curl as f32 / 22.0 * std::f32::consts::TAU;
                let reach = if curl % 2 == 0 { 1.08 } else { 0.93 };
                (angle.cos() * long * reach, middle + angle.sin() * high * reach)
            })
            .collect();
        pen.shape(blob(&curls), face.soft);
        return;
    }
    let outline = [
        (-long, middle - high * 0.15), (-long * 0.86, middle - high * 0.84), (-long * 0.4, middle - high),
        (long * 0.2, middle - high * 0.94), (long * 0.72, middle - high * 1.05), (long, middle - high * 0.55),
        (long * 1.02, middle + high * 0.3), (long * 0.72, middle + high * 0.92), (0.0, middle + high * 0.86),
        (-long * 0.6, middle + high * 0.9), (-long * 0.95, middle + high * 0.6),
    ];
    pen.shape(blob(&outline), face.coat);
    let mut pen = pen.bare();
    match face.mark {
        Mark::Blaze => {
            pen.shape(
                blob(&[
                    (long * 0.62, middle - high * 0.9), (long * 0.98, middle - high * 0.5), (long * 1.0, middle + high * 0.28),
                    (long * 0.7, middle + high * 0.86), (0.0, middle + high * 0.8), (-long * 0.5, middle + high * 0.82),
                    (-long * 0.1, middle + high * 0.5), (long * 0.42, middle + high * 0.3), (long * 0.58, middle - high * 0.2),
                ]),
                face.soft,
            );
            pen.shape(blob(&[(-long * 0.97, middle - 2.0), (-long * 0.8, middle - high * 0.25), (-long * 0.72, middle + high * 0.4), (-long * 0.88, middle + high * 0.6)]), face.soft.mix(face.coat, 0.25));
        }
        Mark::Mask => pen.shape(blob(&[(long * 0.75, middle - high * 0.8), (long * 0.98, middle - high * 0.3), (long * 0.95, middle + high * 0.4), (long * 0.68, middle + high * 0.82), (long * 0.6, middle)]), face.soft),
        Mark::Stripes => {
            for share in [-0.7_f32, -0.42, -0.14, 0.14, 0.42] {
                let x = long * share;
                pen.fill(blob(&[(x - 3.5, middle - high * 0.9), (x + 3.5, middle - high * 0.9), (x + 2.0, middle - high * 0.1), (x - 1.0, middle + high * 0.1)]), face.dark, 0.8);
            }
            pen.fill(oval(0.0, middle + high * 0.62, long * 0.55, high * 0.22), face.soft, 0.9);
        }
        Mark::EyePatches => pen.shape(blob(&[(long * 0.3, middle - high * 0.96), (long * 0.85, middle - high * 0.9), (long * 0.98, middle), (long * 0.72, middle + high * 0.86), (long * 0.36, middle + high * 0.8), (long * 0.28, middle)]), face.dark),
        Mark::Spots => {
            pen.shape(blob(&[(-long * 0.8, middle - high * 0.6), (-long * 0.3, middle - high * 0.85), (-long * 0.2, middle), (-long * 0.6, middle + high * 0.25)]), face.dark);
            pen.shape(blob(&[(long * 0.12, middle - high * 0.1), (long * 0.5, middle - high * 0.3), (long * 0.52, middle + high * 0.5), (long * 0.16, middle + high * 0.45)]), face.dark);
        }
        Mark::Plain | Mark::Wool => pen.fill(oval(0.0, middle + high * 0.62, long * 0.6, high * 0.24), face.soft, 0.6),
    }
}

fn standing(pen: &mut Pen<'_>, build: &Build, running: bool) {
    let middle = -(build.leg + build.girth * 0.9);
    let hip = middle + build.girth * 0.35;
    let (long, low) = (build.length, -5.0);
    let mut pen = if running { pen.turned(0.0, -3.0, -5.0) } else { pen.turned(0.0, 0.0, 0.0) };
    let pen = &mut pen;
    let reach = build.leg * 0.95 + 8.0;
    tail(pen, build, -long * 0.95, middle - build.girth * 0.35);
    if running {
        leg(pen, build, [(-long * 0.6, hip), (-long * 0.85, hip + reach * 0.5), (-long * 0.9 - reach, low - build.leg * 0.35)], true);
        leg(pen, build, [(long * 0.6, hip), (long * 0.85, hip + reach * 0.45), (long * 0.72 + reach, low - build.leg * 0.55)], true);
    } else {
        leg(pen, build, [(-long * 0.52, hip), (-long * 0.54, hip + 8.0), (-long * 0.5, low - 2.0)], true);
        leg(pen, build, [(long * 0.52, hip), (long * 0.54, hip + 8.0), (long * 0.54, low - 2.0)], true);
    }
    if running {
        leg(pen, build, [(-long * 0.72, hip), (-long * 0.98, hip + reach * 0.35), (-long * 0.72 - reach, low + 2.0)], false);
        leg(pen, build, [(long * 0.72, hip), (long * 1.0, hip + reach * 0.4), (long * 0.98 + reach, low - build.leg * 0.15)], false);
    } else {
        leg(pen, build, [(-long * 0.78, hip), (-long * 0.82, hip + 10.0), (-long * 0.78, low)], false);
        leg(pen, build, [(long * 0.76, hip), (long * 0.78, hip + 10.0), (long * 0.8, low)], false);
    }
    torso(pen, build, middle);
    let (x, y) = (long * 0.92, middle - build.girth * 0.55 - build.head * 0.52);
    if running {
        head(&mut pen.turned(x, y, 4.0), build, 0.0, 0.0);
    } else {
        head(pen, build, x, y);
    }
}

fn sitting(pen: &mut Pen<'_>, build: &Build) {
    let face = &build.face;
    let wide = build.girth * 1.45 + 8.0;
    let tall = 62.0;
    tail(&mut pen.mirrored(), build, -wide * 0.85, -14.0);
    let dark_legs = face.mark == Mark::EyePatches;
    let limb_colour = if dark_legs { face.dark } else { face.coat };
    let body = blob(&[
        (0.0, -tall), (wide * 0.52, -tall * 0.86), (wide * 0.84, -tall * 0.45), (wide * 0.98, -tall * 0.16), (wide * 0.7, 0.0),
        (0.0, 1.0), (-wide * 0.7, 0.0), (-wide * 0.98, -tall * 0.16), (-wide * 0.84, -tall * 0.45), (-wide * 0.52, -tall * 0.86),
    ]);
    pen.shape(body, if face.mark == Mark::Wool { face.soft } else { face.coat });
    if dark_legs {
        pen.bare().shape(blob(&[(0.0, -tall * 0.98), (wide * 0.5, -tall * 0.86), (wide * 0.74, -tall * 0.6), (0.0, -tall * 0.52), (-wide * 0.74, -tall * 0.6), (-wide * 0.5, -tall * 0.86)]), face.dark);
    }
    pen.bare().shape(oval(0.0, -tall * 0.42, wide * 0.46, tall * 0.36), face.soft);
    if face.mark == Mark::Stripes {
        for side in [-1.0_f32, 1.0] {
            for y in [-0.62_f32, -0.42, -0.24] {
                let x = side * wide * (0.68 + (y + 0.24) * 0.55);
                pen.bare().fill(oval(x, tall * y, 5.5, 2.2), face.dark, 0.7);
            }
        }
    }
    for side in [-1.0, 1.0] {
        pen.shape(oval(side * wide * 0.66, -6.0, 14.0, 8.0), build.sock.unwrap_or(limb_colour));
    }
    for side in [-1.0, 1.0] {
        pen.shape(limb(&[(side * 11.0, -tall * 0.52), (side * 11.0, -22.0), (side * 10.0, -7.0)], 13.0), limb_colour);
        pen.shape(oval(side * 10.0, -5.0, 9.5, 6.5), build.sock.unwrap_or(limb_colour));
        for toe in [-3.0, 3.0] {
            pen.line(curve(&[(side * 10.0 + toe, -5.0), (side * 10.0 + toe, -1.0)]), face.coat.darker(0.6), 1.0, 0.5);
        }
    }
    head(pen, build, 0.0, -tall - build.head * 0.5);
}

fn sleeping(pen: &mut Pen<'_>, build: &Build) {
    let face = &build.face;
    let (wide, tall) = (build.length * 1.05 + 8.0, build.girth * 1.6 + 16.0);
    let coat = if face.mark == Mark::Wool { face.soft } else { face.coat };
    pen.shape(
        blob(&[(-wide, -tall * 0.3), (-wide * 0.8, -tall * 0.78), (-wide * 0.3, -tall), (wide * 0.3, -tall * 0.92), (wide * 0.8, -tall * 0.6), (wide, -tall * 0.2), (wide * 0.7, 0.0), (0.0, 2.0), (-wide * 0.75, 0.0)]),
        coat,
    );
    if face.mark == Mark::Stripes {
        for share in [-0.55_f32, -0.3, -0.05] {
            let x = wide * share;
            pen.bare().fill(blob(&[(x - 4.0, -tall * 0.92), (x + 4.0, -tall * 0.94), (x + 3.0, -tall * 0.5), (x - 1.0, -tall * 0.42)]), face.dark, 0.75);
        }
    }
    pen.shape(limb(&[(-wide * 0.86, -10.0), (-wide * 0.4, -5.0), (0.0, -6.0)], 11.0), build.sock.unwrap_or(coat).mix(coat, 0.3));
    pen.shape(oval(wide * 0.3, -4.0, 13.0, 6.5), build.sock.unwrap_or(face.coat));
    let mut turned = pen.turned(wide * 0.66, -build.head * 0.82, 8.0);
    head(&mut turned, build, 0.0, 0.0);
    for (nth, (x, y)) in [(0.98, -64.0), (1.14, -80.0), (1.34, -100.0)].into_iter().enumerate() {
        let size = 6.0 + nth as f32 * 3.0;
        let x = wide * x;
        let zed = super::super::pen::segments(&[(x, y), (x + size, y), (x, y + size), (x + size, y + size)]);
        pen.line(zed, hex(0x0056_5A7E), 2.2, 0.8);
    }
}
