//! People, as picture books draw them (large heads, small hands), and their mechanical and snowy relatives.

use super::super::keywords::{Action, Subject};
use super::super::palette::{INK, Rgb, WHITE, hex};
use super::super::pen::{Pen, blob, block, curve, disc, limb, oval, poly, slab, star};
use super::{Look, critters, faces};

const SKIN: Rgb = hex(0x00FB_DCC4);

pub(super) fn person(subject: Subject, pen: &mut Pen<'_>, look: &Look) {
    let pet = look.suit.then_some(subject).filter(|subject| *subject <= Subject::Wolf);
    let subject = if look.suit { Subject::Astronaut } else { subject };
    let mut rng = look.rng;
    let hair = [hex(0x004A_3A3C), hex(0x006B_4630), hex(0x0033_2F40), hex(0x009A_5B3A)]
        .get(rng.below(4))
        .copied()
        .unwrap_or(INK);
    let coat = if pet.is_some() { Look { coat: None, ..*look } } else { *look };
    let clothes = coat.coat(match subject {
        Subject::Astronaut => hex(0x00EE_F1F5),
        Subject::Santa => hex(0x00D2_3B36),
        Subject::Wizard => hex(0x0058_4A9C),
        _ => look.accent(0),
    });
    let running = matches!(look.action, Action::Run | Action::Jump | Action::Fly | Action::Dance);
    let asleep = look.action == Action::Sleep;
    let mut pen = if running { pen.turned(0.0, 0.0, 6.0) } else { pen.turned(0.0, 0.0, 0.0) };
    let pen = &mut pen;
    let long_hair = matches!(subject, Subject::Girl | Subject::Wizard);
    if long_hair {
        let drift = if running { -14.0 } else { 0.0 };
        pen.shape(blob(&[(0.0, -104.0), (24.0, -96.0), (30.0, -74.0), (27.0, -50.0), (10.0 + drift, -40.0), (-14.0 + drift, -40.0), (-30.0 + drift, -46.0), (-31.0, -74.0), (-24.0, -96.0)]), hair);
    }
    let trousers = if matches!(subject, Subject::Astronaut | Subject::Santa) { clothes } else { hex(0x004C_5878) };
    let legs: [[(f32, f32); 3]; 2] = if running {
        [[(-5.0, -26.0), (-16.0, -16.0), (-28.0, -14.0)], [(6.0, -26.0), (16.0, -14.0), (17.0, -4.0)]]
    } else {
        [[(-6.5, -26.0), (-7.0, -14.0), (-7.0, -4.0)], [(6.5, -26.0), (7.0, -14.0), (7.0, -4.0)]]
    };
    for path in legs {
        let [_, _, foot] = path;
        pen.shape(limb(&path, 9.0), if long_hair { SKIN } else { trousers });
        pen.shape(oval(foot.0 + 2.0, foot.1 + 0.5, 7.5, 4.5), if subject == Subject::Astronaut { hex(0x00B8_C0CC) } else { hex(0x007C_4B3B) });
    }
    let arms: [[(f32, f32); 3]; 2] = match look.action {
        Action::Run => [[(-12.0, -50.0), (-24.0, -44.0), (-30.0, -54.0)], [(12.0, -50.0), (24.0, -44.0), (32.0, -50.0)]],
        Action::Jump | Action::Dance | Action::Fly => [[(-12.0, -50.0), (-26.0, -58.0), (-32.0, -72.0)], [(12.0, -50.0), (26.0, -58.0), (32.0, -74.0)]],
        Action::Stand => [[(-12.0, -50.0), (-20.0, -40.0), (-21.0, -29.0)], [(12.0, -50.0), (24.0, -54.0), (30.0, -67.0)]],
        _ => [[(-12.0, -50.0), (-20.0, -40.0), (-12.0, -32.0)], [(12.0, -50.0), (20.0, -40.0), (12.0, -32.0)]],
    };
    for path in arms {
        let [_, _, hand] = path;
        pen.shape(limb(&path, 8.0), clothes.darker(0.08));
        pen.shape(disc(hand.0, hand.1, 4.6), if subject == Subject::Astronaut { clothes } else { SKIN });
    }
    match subject {
        Subject::Girl => {
            let flare = if running { 6.0 } else { 0.0 };
            pen.shape(blob(&[(-9.0, -56.0), (9.0, -56.0), (15.0, -38.0), (25.0, -19.0), (0.0, -15.0), (-25.0 - flare, -19.0), (-15.0, -38.0)]), clothes);
            pen.line(curve(&[(-21.0 - flare, -22.0), (0.0, -18.5), (21.0, -22.0)]), WHITE, 1.8, 0.8);
            pen.shape(blob(&[(-8.0, -57.0), (0.0, -51.0), (8.0, -57.0), (0.0, -58.5)]), WHITE);
        }
        Subject::Wizard => {
            pen.shape(blob(&[(-10.0, -56.0), (10.0, -56.0), (19.0, -30.0), (26.0, -3.0), (0.0, 0.0), (-26.0, -3.0), (-19.0, -30.0)]), clothes);
            pen.line(curve(&[(-14.0, -36.0), (0.0, -33.0), (14.0, -36.0)]), hex(0x00E7_BE4F), 3.0, 1.0);
            pen.line(curve(&[(30.0, -8.0), (31.0, -80.0)]), hex(0x0084_5B3E), 3.2, 1.0);
            pen.glow(31.0, -86.0, 22.0, hex(0x00FF_E78A), 0.8);
            pen.glowing(star(31.0, -86.0, 9.0, 0.45, 5), hex(0x00FF_E28A), 1.0);
        }
        Subject::Santa => {
            pen.shape(blob(&[(-9.0, -57.0), (9.0, -57.0), (21.0, -40.0), (24.0, -18.0), (0.0, -14.0), (-24.0, -18.0), (-21.0, -40.0)]), clothes);
            pen.shape(limb(&[(-22.0, -18.0), (0.0, -14.0), (22.0, -18.0)], 7.0), WHITE);
            pen.line(curve(&[(-23.0, -33.0), (0.0, -29.0), (23.0, -33.0)]), hex(0x0033_2A2C), 5.0, 1.0);
            pen.shape(slab(-5.0, -34.5, 10.0, 8.0, 1.5), hex(0x00E7_BE4F));
        }
        _ => {
            pen.shape(slab(-15.0, -57.0, 30.0, 34.0, 9.0), clothes);
            if subject == Subject::Astronaut {
                pen.shape(slab(-9.0, -48.0, 18.0, 12.0, 3.0), hex(0x00C9_D2DE));
                pen.bare().glowing(disc(-4.0, -42.0, 2.0), look.accent(0), 1.0);
                pen.bare().glowing(disc(2.0, -42.0, 2.0), look.accent(1), 1.0);
            } else {
                pen.line(curve(&[(-14.0, -40.0), (0.0, -38.5), (14.0, -40.0)]), WHITE, 3.4, 0.75);
                pen.line(curve(&[(-14.0, -33.0), (0.0, -31.5), (14.0, -33.0)]), WHITE, 3.4, 0.75);
            }
        }
    }
    match pet {
        Some(pet) => bubble(pet, pen, look),
        None => head(subject, pen, look, hair, asleep),
    }
}

/// The head of an animal in a clear helmet.
fn bubble(pet: Subject, pen: &mut Pen<'_>, look: &Look) {
    pen.shape(disc(0.0, -84.0, 34.0), hex(0x00E6_EBF2));
    pen.bare().fill(disc(0.0, -84.0, 29.0), hex(0x0037_5078), 1.0);
    critters::face(pet, &mut pen.at(0.0, -78.0, 0.165), &Look { hat: None, ..*look });
    pen.bare().glowing(disc(0.0, -84.0, 29.0), hex(0x00BF_DDF6), 0.14);
    pen.bare().glowing(blob(&[(-24.0, -90.0), (-15.0, -106.0), (-6.0, -110.0), (-16.0, -94.0), (-21.0, -80.0)]), WHITE, 0.5);
    pen.shape(slab(-16.0, -56.0, 32.0, 6.0, 3.0), hex(0x00B8_C0CC));
}

fn head(subject: Subject, pen: &mut Pen<'_>, look: &Look, hair: Rgb, asleep: bool) {
    if subject == Subject::Astronaut {
        pen.shape(disc(0.0, -78.0, 27.0), hex(0x00F4_F6F9));
        pen.shape(blob(&[(-20.0, -80.0), (-12.0, -95.0), (12.0, -95.0), (20.0, -80.0), (13.0, -63.0), (-13.0, -63.0)]), hex(0x002C_4670));
        pen.bare().fill(blob(&[(-14.0, -82.0), (-8.0, -91.0), (-2.0, -92.0), (-10.0, -78.0)]), hex(0x00A8_D4F0), 0.8);
        pen.bare().glowing(disc(9.0, -71.0, 2.4), WHITE, 0.7);
        return;
    }
    pen.shape(blob(&[(0.0, -102.0), (18.0, -97.0), (25.0, -80.0), (21.0, -65.0), (9.0, -57.0), (-9.0, -57.0), (-21.0, -65.0), (-25.0, -80.0), (-18.0, -97.0)]), SKIN);
    let fringe: &[(f32, f32)] = match subject {
        Subject::Boy => &[(-27.0, -78.0), (-27.0, -96.0), (-14.0, -108.0), (6.0, -110.0), (24.0, -101.0), (27.0, -80.0), (21.0, -89.0), (10.0, -92.0), (2.0, -87.0), (-6.0, -92.0), (-18.0, -88.0)],
        _ => &[(-27.0, -70.0), (-28.0, -92.0), (-14.0, -106.0), (4.0, -108.0), (22.0, -100.0), (28.0, -84.0), (26.0, -69.0), (20.0, -86.0), (8.0, -93.0), (-4.0, -90.0), (-18.0, -84.0)],
    };
    pen.shape(blob(fringe), hair);
    for side in [-1.0_f32, 1.0] {
        if asleep {
            pen.line(curve(&[(side * 6.0, -76.0), (side * 10.0, -74.0), (side * 14.0, -76.0)]), INK, 1.7, 0.9);
        } else {
            pen.bare().fill(oval(side * 9.5, -76.0, 3.2, 4.6), INK, 1.0);
            pen.bare().glowing(disc(side * 9.5 + 1.0, -77.8, 1.3), WHITE, 0.95);
        }
        pen.bare().fill(oval(side * 15.0, -68.5, 4.6, 2.8), hex(0x00F2_8A84), 0.5);
    }
    pen.line(curve(&[(-4.5, -67.0), (0.0, -64.5), (4.5, -67.0)]), hex(0x009A_4A44), 1.6, 0.95);
    match subject {
        Subject::Girl => {
            for side in [-1.0_f32, 1.0] {
                pen.shape(blob(&[(14.0, -103.0), (14.0 + side * 11.0, -110.0), (14.0 + side * 12.0, -97.0)]), look.accent(1));
            }
            pen.shape(disc(14.0, -103.0, 2.8), look.accent(1).darker(0.1));
        }
        Subject::Wizard => {
            let hat = look.coat(hex(0x0058_4A9C));
            pen.shape(blob(&[(-24.0, -96.0), (-12.0, -118.0), (6.0, -142.0), (22.0, -138.0), (14.0, -122.0), (24.0, -97.0), (0.0, -92.0)]), hat);
            pen.shape(oval(0.0, -95.0, 38.0, 7.0), hat.darker(0.1));
            pen.line(curve(&[(-21.0, -101.0), (0.0, -97.5), (21.0, -102.0)]), hex(0x00E7_BE4F), 3.4, 1.0);
        }
        Subject::Santa => {
            pen.shape(blob(&[(-25.0, -74.0), (-14.0, -64.0), (0.0, -69.0), (14.0, -64.0), (25.0, -74.0), (24.0, -56.0), (13.0, -42.0), (0.0, -36.0), (-13.0, -42.0), (-24.0, -56.0)]), WHITE);
            for side in [-1.0_f32, 1.0] {
                pen.shape(blob(&[(0.0, -69.0), (side * 8.0, -71.0), (side * 16.0, -64.0), (side * 7.0, -63.0)]), hex(0x00F4_F0EA));
                pen.line(curve(&[(side * 5.0, -84.0), (side * 10.0, -86.0), (side * 15.0, -83.0)]), WHITE, 3.4, 1.0);
            }
            pen.shape(oval(0.0, -72.0, 4.2, 3.2), hex(0x00F0_A090));
            pen.line(curve(&[(-4.0, -61.0), (0.0, -58.5), (4.0, -61.0)]), hex(0x009A_4A44), 1.8, 0.95);
            let cap = look.coat(hex(0x00D2_3B36));
            pen.shape(blob(&[(-25.0, -94.0), (-14.0, -114.0), (6.0, -124.0), (28.0, -116.0), (38.0, -98.0), (26.0, -102.0), (24.0, -94.0), (0.0, -90.0)]), cap);
            pen.shape(limb(&[(-25.0, -93.0), (0.0, -88.5), (25.0, -93.0)], 9.0), WHITE);
            pen.shape(disc(38.0, -95.0, 7.0), WHITE);
        }
        _ => {}
    }
    if look.glasses {
        faces::glasses(&mut pen.at(0.0, -76.0, 0.25), 38.0);
    }
    if let Some(colour) = look.hat.filter(|_| !matches!(subject, Subject::Santa | Subject::Wizard)) {
        faces::hat(&mut pen.at(0.0, -97.0, 0.27), colour);
    }
}

pub(super) fn robot(pen: &mut Pen<'_>, look: &Look) {
    let metal = look.coat(hex(0x00A9_BDCB));
    let joint = metal.darker(0.4);
    for side in [-1.0_f32, 1.0] {
        pen.shape(limb(&[(side * 9.0, -24.0), (side * 10.0, -7.0)], 8.0), joint);
        pen.shape(slab(side * 11.0 - 10.0, -9.0, 20.0, 9.0, 4.0), metal);
        let lifted = if side > 0.0 { -62.0 } else { -30.0 };
        pen.shape(limb(&[(side * 20.0, -48.0), (side * 31.0, -46.0), (side * 34.0, lifted)], 6.5), joint);
        pen.shape(disc(side * 34.0, lifted, 6.5), metal);
        pen.shape(disc(side * 21.0, -49.0, 6.0), metal);
    }
    pen.shape(slab(-20.0, -58.0, 40.0, 36.0, 8.0), metal);
    pen.shape(slab(-12.0, -50.0, 24.0, 15.0, 4.0), hex(0x002F_4257));
    pen.line(curve(&[(-9.0, -42.0), (-4.0, -42.0), (-1.0, -47.0), (2.0, -38.0), (5.0, -42.0), (9.0, -42.0)]), hex(0x0074_F0C4), 1.6, 1.0);
    for (nth, x) in [-8.0, 0.0, 8.0].into_iter().enumerate() {
        pen.bare().glowing(disc(x, -29.0, 2.4), look.accent(nth), 1.0);
    }
    pen.line(curve(&[(0.0, -98.0), (0.0, -112.0)]), joint, 2.4, 1.0);
    pen.glow(0.0, -114.0, 14.0, look.accent(0), 0.8);
    pen.shape(disc(0.0, -114.0, 4.5), look.accent(0));
    for side in [-1.0_f32, 1.0] {
        pen.shape(slab(side * 29.0 - 4.0, -88.0, 8.0, 16.0, 3.0), joint);
    }
    pen.shape(slab(-27.0, -100.0, 54.0, 40.0, 13.0), metal);
    pen.shape(slab(-21.0, -93.0, 42.0, 26.0, 10.0), hex(0x0029_3A4F));
    for side in [-1.0_f32, 1.0] {
        pen.glow(side * 9.5, -82.0, 11.0, hex(0x006F_E8F0), 0.8);
        if look.action == Action::Sleep {
            pen.line(curve(&[(side * 5.0, -82.0), (side * 9.5, -79.0), (side * 14.0, -82.0)]), hex(0x008F_F4F4), 2.2, 1.0);
        } else {
            pen.bare().glowing(oval(side * 9.5, -82.0, 4.6, 5.6), hex(0x00B8_FBF8), 1.0);
        }
    }
    pen.line(curve(&[(-5.0, -73.0), (0.0, -71.0), (5.0, -73.0)]), hex(0x008F_F4F4), 1.8, 1.0);
    pen.bare().fill(blob(&[(-24.0, -92.0), (-17.0, -98.0), (-4.0, -98.5), (-20.0, -95.0)]), WHITE, 0.7);
}

pub(super) fn snowman(pen: &mut Pen<'_>, look: &Look) {
    let snow = look.coat(hex(0x00FA_FCFE));
    for side in [-1.0_f32, 1.0] {
        let arm = curve(&[(side * 20.0, -52.0), (side * 38.0, -62.0), (side * 46.0, -72.0)]);
        pen.line(arm, hex(0x007A_5740), 2.6, 1.0);
        pen.line(curve(&[(side * 40.0, -64.0), (side * 47.0, -62.0)]), hex(0x007A_5740), 2.0, 1.0);
    }
    pen.shape(oval(0.0, -22.0, 32.0, 24.0), snow);
    pen.shape(disc(0.0, -52.0, 22.0), snow);
    pen.shape(disc(0.0, -80.0, 18.0), snow);
    pen.shape(blob(&[(-20.0, -69.0), (0.0, -63.0), (20.0, -69.0), (19.0, -61.0), (0.0, -56.0), (-19.0, -61.0)]), look.accent(0));
    pen.shape(poly(&[(8.0, -62.0), (17.0, -64.0), (22.0, -42.0), (12.0, -40.0)]), look.accent(0));
    for side in [-1.0_f32, 1.0] {
        pen.bare().fill(disc(side * 6.5, -84.0, 2.3), INK, 1.0);
    }
    pen.shape(poly(&[(-1.0, -80.0), (17.0, -76.0), (0.0, -75.0)]), hex(0x00F0_8A3A));
    for y in [-50.0, -40.0, -24.0] {
        pen.bare().fill(disc(0.0, y, 2.4), INK, 0.9);
    }
    pen.shape(block(-12.0, -116.0, 24.0, 20.0), hex(0x003B_3A46));
    pen.shape(slab(-19.0, -98.0, 38.0, 5.0, 2.0), hex(0x003B_3A46));
    pen.bare().fill(block(-12.0, -103.0, 24.0, 4.5), look.accent(0), 1.0);
}
