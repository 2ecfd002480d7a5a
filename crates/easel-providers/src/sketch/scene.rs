//! Composition: where on the page everything of a plan goes, for any shape of page.
//!
//! Turns a plan into a painted page. Captions, grain and styles that work on pixels come later.

use tiny_skia::Pixmap;

use super::backdrop::{self, Land};
use super::keywords::{Action, Hour, Place, Style, Subject, Weather};
use super::palette::{INK, Rgb, Theme, WHITE, hex, pigment};
use super::pen::{Manner, Pen, blob, block, curve, disc, limb, oval, poly, slab};
use super::plan::{self, Figure, Plan};
use super::rng::Rng;
use super::subjects::{self, Look, Role};
use super::text;
use super::weather::{self, Sky};

/// The hand of a style: how thick and how steady the lines are.
pub(super) fn manner(style: Style, unit: f32, seed: u32) -> Manner {
    let (line, line_alpha, stray, shade) = match style {
        Style::Watercolour => (0.6, 0.35, 1.5, 0.9),
        Style::Ink => (1.5, 0.85, 1.7, 0.8),
        Style::Anime => (1.25, 1.0, 0.5, 0.6),
        Style::Pencil => (1.0, 0.95, 1.5, 1.0),
        Style::Oil | Style::Pixel => (0.9, 0.8, 0.8, 1.0),
        _ => (1.0, 0.85, 1.0, 1.0),
    };
    Manner {
        line: (unit * 0.0033 * line).max(0.6),
        line_alpha,
        ink: INK,
        stray: unit * 0.0017 * stray,
        tint: (WHITE, 0.0),
        shade,
        seed,
    }
}

/// Paints the plan. `theme` comes in from outside, because a reference picture may have changed it.
pub(super) fn paint(page: &mut Pixmap, plan: &Plan, theme: &Theme, title: &str, rng: Rng) {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let mut hand = manner(plan.style, unit, rng.fork(100).next() as u32);
    hand.ink = theme.ink;
    let pen = &mut Pen::new(page, hand);
    if plan.is_blank() && plan.style != Style::Ink && plan.style != Style::Neon {
        abstraction(pen, width, height, theme, title, rng);
        return;
    }
    let place = plan.place();
    let night = plan.hour() == Hour::Night;
    let share = match place {
        Place::Seaside => 0.52,
        Place::Space => 0.7,
        Place::Moon => 0.62,
        Place::Room => 0.6,
        _ if height > width * 1.2 => 0.66,
        _ => 0.6,
    };
    let horizon = height * share;
    let [top, middle, low] = theme.sky;
    pen.bare().fade(block(-5.0, -5.0, width + 10.0, horizon * 0.56 + 6.0), (top, 1.0), (middle, 1.0));
    pen.bare().fade(block(-5.0, horizon * 0.55, width + 10.0, height), (middle, 1.0), (low, 1.0));
    pen.bare().fade(
        block(-5.0, horizon * 0.55, width + 10.0, horizon * 0.45 + unit * 0.06),
        (middle, 1.0),
        (low, 1.0),
    );
    let sky = Sky { width, height, horizon, rng: rng.fork(1) };
    if !matches!(place, Place::Space | Place::Moon | Place::Underwater) {
        weather::behind(pen, &sky, plan, theme);
    }
    let land = Land {
        width,
        height,
        horizon,
        rng: rng.fork(2),
        night,
        washed: plan.style == Style::Ink,
        light: sky.light_at(),
    };
    backdrop::draw(pen, &land, plan, theme);
    if place == Place::Room && plan.has(Weather::Moon) {
        // The one in the sky is behind the wall; this one stands in the window.
        weather::moon(pen, width * 0.5 + unit * 0.12, horizon - unit * 0.4, unit * 0.042, theme.light);
    }
    let stage = Stage { width, height, horizon, unit, night, rng: rng.fork(3) };
    field(pen, &stage, plan, theme);
    pen.set_tint(theme.tint);
    figures(pen, &stage, plan, theme);
    if let Some(words) = &plan.sign {
        signboard(pen, &stage, words);
    }
    pen.set_tint((WHITE, 0.0));
    foreground(pen, &stage, plan, theme);
    weather::in_front(pen, &sky, plan, theme);
}

/// The measures that placing needs.
#[derive(Debug, Clone, Copy)]
struct Stage {
    width: f32,
    height: f32,
    horizon: f32,
    unit: f32,
    night: bool,
    rng: Rng,
}

/// Draws the named figures into an existing picture, standing on its lower part (for edits that add things).
pub(super) fn add_figures(page: &mut Pixmap, plan: &Plan, theme: &Theme, rng: Rng) {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let pen = &mut Pen::new(page, manner(plan.style, unit, rng.fork(100).next() as u32));
    pen.set_tint(theme.tint);
    let night = plan.hour() == Hour::Night;
    let stage = Stage { width, height, horizon: height * 0.55, unit, night, rng: rng.fork(3) };
    figures(pen, &stage, plan, theme);
}

/// The colour of the hat that the prompt names.
pub(super) fn hat_colour(plan: &Plan) -> Option<Rgb> {
    plan.hat.map(pigment)
}

fn figures(pen: &mut Pen<'_>, stage: &Stage, plan: &Plan, theme: &Theme) {
    let place = plan.place();
    let wet = matches!(place, Place::Seaside | Place::Underwater);
    let role_of = |figure: &Figure| {
        let role = subjects::profile(figure.subject).role;
        match role {
            Role::Hero | Role::Landmark if place == Place::Underwater => Role::Hero,
            Role::Air if matches!(figure.subject, Subject::Heart) && plan.figures.len() == 1 => Role::Air,
            other => other,
        }
    };
    let crowd: Vec<(Role, &Figure)> = plan.figures.iter().map(|figure| (role_of(figure), figure)).collect();
    for wanted in [Role::Landmark, Role::Air, Role::Water, Role::Hero] {
        let same: Vec<&Figure> = crowd.iter().filter(|(role, _)| *role == wanted).map(|(_, f)| *f).collect();
        let alone = crowd.len() == same.len();
        for (nth, figure) in same.iter().enumerate() {
            let copies = if figure.many { 3 } else { 1 };
            for copy in 0..copies {
                let slot = nth * copies + copy;
                place_figure(
                    pen,
                    stage,
                    plan,
                    theme,
                    **figure,
                    wanted,
                    (slot, same.len() * copies),
                    alone,
                    wet,
                );
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
fn place_figure(
    pen: &mut Pen<'_>,
    stage: &Stage,
    plan: &Plan,
    theme: &Theme,
    figure: Figure,
    role: Role,
    (slot, slots): (usize, usize),
    alone: bool,
    wet: bool,
) {
    let place = plan.place();
    let profile = subjects::profile(if figure.suit { Subject::Astronaut } else { figure.subject });
    let mut rng = stage.rng.fork(figure.subject as u64 * 16 + slot as u64);
    let room = stage.width / slots as f32;
    let crowding = 1.0 - 0.14 * (slots.min(4) - 1) as f32;
    let base = (stage.unit * 0.46 * crowding).min(stage.width * 0.62 / profile.wide / profile.tall);
    let mut tall = base * profile.tall;
    let drift = rng.range(-0.05, 0.05) * room;
    let mut x = room * (slot as f32 + 0.5) + drift;
    if slots > 1 {
        x = stage.width / 2.0 + (x - stage.width / 2.0) * 0.8;
    }
    let front = stage.horizon + (stage.height - stage.horizon) * 0.58;
    let y = match role {
        Role::Hero => front + (stage.height - front) * 0.22 * (slot % 2) as f32,
        Role::Landmark => {
            tall *= if alone { 1.1 } else { 0.84 };
            // Before summits or the Great Wall a house is small, or nothing is seen of them.
            let small = matches!(place, Place::Peaks | Place::Wall);
            if small {
                tall *= 0.62;
            }
            if plan.style == Style::Ink {
                tall *= 0.72;
            }
            if slots == 1 && (!alone || small || plan.style == Style::Ink) {
                x = stage.width * if rng.chance(0.5) { 0.23 } else { 0.77 };
            }
            stage.horizon + stage.unit * if alone { 0.12 } else { 0.06 }
        }
        Role::Air => {
            if alone {
                tall *= 1.25;
                stage.horizon * 0.5 + tall * 0.55
            } else {
                tall *= 0.8;
                x = stage.width * (0.25 + 0.5 * ((slot as f32 + rng.unit()) % 2.0));
                stage.horizon * 0.42 + tall * 0.5
            }
        }
        Role::Water => {
            let float = matches!(figure.subject, Subject::Boat | Subject::Whale);
            tall *= if float { 0.95 } else { 1.1 };
            match (float, wet) {
                (true, true) => stage.horizon + (stage.height - stage.horizon) * 0.3,
                (true, false) => stage.horizon + (stage.height - stage.horizon) * 0.32,
                (false, _) => stage.height * 0.52 + tall * 0.5 - slot as f32 * stage.unit * 0.06,
            }
        }
    };
    let lift = match plan.action {
        Action::Jump if role == Role::Hero => tall * 0.34,
        Action::Fly if role == Role::Hero => tall * 0.72,
        Action::Run if role == Role::Hero => tall * 0.03,
        _ => 0.0,
    };
    let scale = tall / 100.0;
    let look = Look {
        coat: figure.coat.map(pigment),
        action: plan.action,
        accents: theme.accents,
        night: stage.night,
        snow: plan.snowy() || matches!(place, Place::Peaks | Place::Snowfield),
        suit: figure.suit,
        glasses: plan.glasses,
        hat: hat_colour(plan),
        rng,
    };
    let built = matches!(
        figure.subject,
        Subject::House | Subject::Cabin | Subject::Castle | Subject::Temple | Subject::Windmill
    );
    if built && grassy(plan) {
        let (d, foot, sway) = (stage.unit, stage.height + 8.0, stage.unit * rng.range(-0.16, 0.16));
        let way = blob(&[
            (x - d * 0.035, y - d * 0.004),
            (x + d * 0.035, y - d * 0.004),
            (x + d * 0.07 + sway * 0.4, y + (foot - y) * 0.4),
            (x + d * 0.16 + sway, foot),
            (x - d * 0.15 + sway, foot),
            (x - d * 0.03 + sway * 0.4, y + (foot - y) * 0.4),
        ]);
        pen.bare().shape(way, hex(0x00EB_D7AC));
    }
    if matches!(role, Role::Hero | Role::Landmark) {
        let wide = tall * profile.wide * 0.5;
        pen.bare().fade(oval(x, y + tall * 0.012, wide, tall * 0.055), (theme.ink, 0.26), (theme.ink, 0.1));
    }
    let mirrored = role != Role::Landmark && slots > 1 && slot % 2 == 1;
    let mut local = pen.at(x, y - lift, scale);
    let mut local = if mirrored { local.mirrored() } else { local.at(0.0, 0.0, 1.0) };
    let acts = role != Role::Landmark && (role == Role::Hero || plan.action == Action::Love);
    if acts {
        attributes(&mut local, plan, role, &look, true);
    }
    subjects::draw(figure.subject, &mut local, &look);
    if acts {
        attributes(&mut local, plan, role, &look, false);
    }
    if role == Role::Water && wet && matches!(figure.subject, Subject::Boat | Subject::Whale) {
        for (dy, half) in [(1.0, 60.0), (6.0, 36.0)] {
            let foam =
                curve(&[(-half, dy), (-half * 0.3, dy + 4.0), (half * 0.3, dy - 1.0), (half, dy + 2.0)]);
            local.bare().line(foam, theme.cloud, 2.0, 0.7);
        }
    }
}

/// What an action adds around a figure: dust behind a runner, hearts, a bowl, a book.
fn attributes(pen: &mut Pen<'_>, plan: &Plan, role: Role, look: &Look, behind: bool) {
    let accent = |nth: usize| look.accents.get(nth % 4).copied().unwrap_or(WHITE);
    match (plan.action, behind) {
        (Action::Run | Action::Jump, true) => {
            for (y, from, length) in [(-66.0, -84.0, 40.0), (-44.0, -96.0, 52.0), (-24.0, -88.0, 34.0)] {
                pen.bare().line(
                    curve(&[(from, y), (from - length * 0.5, y + 1.5), (from - length, y)]),
                    WHITE,
                    3.0,
                    0.75,
                );
            }
            if role == Role::Hero && plan.action == Action::Run {
                for (x, y, r) in [(-84.0, -3.0, 8.0), (-97.0, -8.0, 6.0), (-108.0, -3.0, 4.5)] {
                    pen.bare().fill(disc(x, y, r), hex(0x00F4_E9D2), 0.85);
                }
            }
        }
        (Action::Fly, true) if role == Role::Hero => {
            for (nth, (x, y)) in [(-18.0, -196.0), (16.0, -204.0), (0.0, -222.0)].into_iter().enumerate() {
                pen.line(curve(&[(0.0, -62.0), (x * 0.6, -130.0), (x, y + 20.0)]), INK, 1.1, 0.7);
                pen.shape(oval(x, y, 17.0, 21.0), accent(nth));
                pen.bare().fill(oval(x - 6.0, y - 8.0, 3.5, 5.5), WHITE, 0.7);
            }
        }
        (Action::Dance, false) => {
            weather::notes(&mut pen.at(48.0, -96.0, 0.9), accent(0));
            weather::notes(&mut pen.at(-66.0, -76.0, 0.7), accent(2));
        }
        (Action::Love, false) => {
            for (x, y, size) in [(44.0, -118.0, 0.26), (60.0, -96.0, 0.17), (-50.0, -112.0, 0.2)] {
                let heart = blob(&[
                    (0.0, -70.0),
                    (18.0, -90.0),
                    (44.0, -84.0),
                    (50.0, -58.0),
                    (30.0, -28.0),
                    (0.0, -4.0),
                    (-30.0, -28.0),
                    (-50.0, -58.0),
                    (-44.0, -84.0),
                    (-18.0, -90.0),
                ]);
                pen.at(x, y, size).shape(heart, hex(0x00EC_5C6E));
            }
        }
        (Action::Eat, false) => {
            pen.shape(oval(0.0, -12.0, 23.0, 6.0), hex(0x00E9_B45F));
            pen.shape(
                blob(&[(-25.0, -13.0), (0.0, -8.0), (25.0, -13.0), (19.0, 5.0), (0.0, 8.0), (-19.0, 5.0)]),
                accent(2),
            );
        }
        (Action::Read, false) => subjects::open_book(&mut pen.at(0.0, -8.0, 0.95), accent(0)),
        (Action::Sit, true) if role == Role::Hero => {
            pen.shape(oval(0.0, -1.0, 58.0, 10.0), accent(2));
        }
        _ => {}
    }
}

fn signboard(pen: &mut Pen<'_>, stage: &Stage, words: &str) {
    let size = stage.unit * 0.045;
    let width = text::width(words, size) + size * 1.4;
    let (x, y) = (stage.width * 0.5 - width / 2.0, stage.height * 0.82);
    let wood = hex(0x00C8_9660);
    for share in [0.2, 0.8] {
        pen.shape(
            block(x + width * share - size * 0.15, y, size * 0.3, stage.height * 0.2),
            wood.darker(0.25),
        );
    }
    pen.shape(slab(x, y - size * 0.4, width, size * 1.9, size * 0.3), wood);
    let path = text::line(words, x + size * 0.7, y + size * 0.95, size);
    pen.bare().fill(path, hex(0x0051_3622), 1.0);
}

fn grassy(plan: &Plan) -> bool {
    matches!(
        plan.place(),
        Place::Meadow
            | Place::Forest
            | Place::Lake
            | Place::Garden
            | Place::Village
            | Place::Mountains
            | Place::Peaks
            | Place::Wall
    )
}

/// Tufts and small flowers under the figures.
fn field(pen: &mut Pen<'_>, stage: &Stage, plan: &Plan, theme: &Theme) {
    if !grassy(plan) {
        return;
    }
    let mut rng = stage.rng.fork(40);
    let (unit, snow) = (stage.unit, plan.snowy());
    let clumps = (stage.width / unit * 46.0) as usize;
    for nth in 0..clumps {
        let x = (nth as f32 + rng.unit()) / clumps as f32 * stage.width;
        let depth = rng.unit();
        let y = stage.horizon + (stage.height - stage.horizon) * (0.24 + 0.8 * depth);
        let tall = unit * (0.012 + 0.026 * depth);
        let green = theme.ground.darker(0.14).mix(theme.near, 0.4 * depth);
        for blade in [-0.5, 0.0, 0.45] {
            let lean = tall * (blade + rng.range(-0.15, 0.15));
            pen.bare().line(
                curve(&[(x, y), (x + lean * 0.4, y - tall * 0.6), (x + lean, y - tall)]),
                green,
                unit * 0.0034,
                0.9,
            );
        }
        if nth % 9 == 4 && !snow {
            let mut head = pen.at(x, y - tall, unit * (0.0003 + 0.0004 * depth));
            let petal = if nth % 2 == 0 { WHITE } else { theme.accents[1].lighter(0.2) };
            subjects::flower_head(&mut head.bare(), petal, hex(0x00F6_C445), 6);
        }
    }
}

/// Tall blades in front of everything.
fn foreground(pen: &mut Pen<'_>, stage: &Stage, plan: &Plan, theme: &Theme) {
    if !grassy(plan) {
        return;
    }
    let (mut rng, unit) = (stage.rng.fork(41), stage.unit);
    for nth in 0..(stage.width / unit * 30.0) as usize {
        let x = (nth as f32 + rng.unit()) * unit / 30.0;
        let tall = unit * rng.range(0.03, 0.09);
        let lean = tall * rng.range(-0.35, 0.35);
        let blade = blob(&[
            (x - tall * 0.08, stage.height + 4.0),
            (x + lean * 0.4, stage.height - tall * 0.6),
            (x + lean, stage.height - tall),
            (x + lean * 0.5 + tall * 0.08, stage.height - tall * 0.5),
            (x + tall * 0.1, stage.height + 4.0),
        ]);
        pen.bare().shape(blade, theme.near.darker(0.12).mix(theme.ground, rng.range(0.0, 0.4)));
    }
}

/// A composition for prompts that name nothing drawable: circles, ribbons and hills in the colours of chance.
fn abstraction(pen: &mut Pen<'_>, width: f32, height: f32, theme: &Theme, title: &str, mut rng: Rng) {
    let unit = width.min(height);
    let paper = hex(0x00F8_EFDF);
    let colours: Vec<Rgb> =
        theme.accents.iter().map(|c| c.lighter(0.06)).chain([theme.sky[1], theme.near]).collect();
    let colour = |nth: usize| colours.get(nth % colours.len()).copied().unwrap_or(paper);
    pen.bare().fade(
        block(0.0, 0.0, width, height),
        (paper.mix(theme.sky[1], 0.35), 1.0),
        (paper.mix(theme.sky[2], 0.6), 1.0),
    );
    let (cx, cy) = (width * rng.range(0.36, 0.64), height * rng.range(0.32, 0.42));
    let turn = rng.below(6);
    for ring in 0..5 {
        let radius = unit * (0.36 - ring as f32 * 0.062);
        pen.shape(disc(cx, cy, radius), colour(turn + ring).lighter(0.22 * (ring % 2) as f32));
    }
    match rng.below(3) {
        0 => {
            for orbit in 0..4 {
                let (angle, reach) = (rng.range(0.0, std::f32::consts::TAU), unit * rng.range(0.28, 0.5));
                pen.line(oval(cx, cy, reach, reach * 0.42), colour(orbit + 1), unit * 0.004, 0.8);
                pen.shape(
                    disc(
                        cx + angle.cos() * reach,
                        cy + angle.sin() * reach * 0.42,
                        unit * rng.range(0.018, 0.045),
                    ),
                    colour(orbit),
                );
            }
        }
        1 => {
            for leaf in 0..11 {
                let angle = leaf as f32 * 32.7 + rng.range(-5.0, 5.0);
                let mut pen = pen.turned(cx, cy, angle);
                let r = unit * rng.range(0.36, 0.47);
                pen.shape(
                    blob(&[
                        (0.0, -unit * 0.25),
                        (unit * 0.045, -r * 0.85),
                        (0.0, -r),
                        (-unit * 0.045, -r * 0.85),
                    ]),
                    colour(leaf),
                );
            }
        }
        _ => {
            for bird in 0..7 {
                let (x, y) = (rng.range(0.1, 0.9) * width, rng.range(0.08, 0.4) * height);
                let s = unit * rng.range(0.02, 0.045);
                let wings = curve(&[
                    (x - s, y - s * 0.5),
                    (x - s * 0.4, y - s * 0.55),
                    (x, y),
                    (x + s * 0.4, y - s * 0.55),
                    (x + s, y - s * 0.5),
                ]);
                pen.line(wings, colour(bird).darker(0.4), unit * 0.006, 0.9);
            }
        }
    }
    if let Some(letter) = plan::telling_letter(title) {
        let size = unit * 0.3;
        let word = letter.to_string();
        let path = text::line(&word, cx - text::width(&word, size) / 2.0, cy + size * 0.36, size);
        pen.bare().fill(path, hex(0x00FF_FAF0), 0.92);
    }
    for layer in 0..5 {
        let base = height * (0.6 + layer as f32 * 0.09);
        let (phase, pitch) = (rng.range(0.0, 6.0), rng.range(3.0, 6.5));
        let mut points: Vec<(f32, f32)> = (0..=28)
            .map(|step| {
                let t = step as f32 / 28.0;
                (t * (width + 40.0) - 20.0, base + (t * pitch + phase).sin() * unit * 0.065)
            })
            .collect();
        let crest = curve(&points);
        points.extend([(width + 20.0, height + 20.0), (-20.0, height + 20.0)]);
        pen.shape(poly(&points), colour(turn + layer + 2));
        let mut low = pen.at(0.0, unit * 0.022, 1.0);
        low.bare().line(crest, WHITE, unit * 0.0035, 0.45);
    }
    for _ in 0..14 {
        let (x, y) = (rng.unit() * width, rng.range(0.62, 0.98) * height);
        let tall = unit * rng.range(0.03, 0.07);
        pen.bare().line(curve(&[(x, y), (x + tall * 0.1, y - tall)]), theme.ink, unit * 0.003, 0.7);
        pen.bare()
            .shape(disc(x + tall * 0.1, y - tall, unit * rng.range(0.007, 0.014)), colour(rng.below(6)));
    }
    pen.bare().shape(limb(&[(-20.0, -20.0), (-19.0, -19.0)], 1.0), paper);
}
