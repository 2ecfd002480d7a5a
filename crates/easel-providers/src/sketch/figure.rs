//! The three figurine commands: a figure beside its box, a statue on its plinth, a figure in a glass cabinet.
//!
//! Only here does an edit show the picture anew. What is cut out of it, and how, is `cutout`.

use tiny_skia::{Pixmap, Transform};

use super::cutout::{Cutout, Point, Stand};
use super::keywords::Style;
use super::palette::{Rgb, Theme, WHITE, hex, main_colours};
use super::pen::{Pen, blob, block, curve, disc, oval, poly, slab};
use super::raster::Raster;
use super::rng::{Rng, noise};
use super::scene;
use super::text;

/// The subject of the picture, set up as the style says on a page of the given sides.
pub(super) fn show(
    picture: &Raster,
    style: Style,
    theme: &Theme,
    (width, height): (usize, usize),
    rng: Rng,
) -> Option<Raster> {
    let page = Pixmap::new(width as u32, height as u32)?;
    match style {
        Style::Statue => statue(picture, page, rng),
        Style::Cabinet => cabinet(picture, page, theme, rng),
        _ => boxed(picture, page, theme, rng),
    }
}

/// Painted plastic: the colours of the picture, rounder.
fn plastic(point: Point) -> Rgb {
    let lit = point.colour.saturated(1.18).lighter(point.light.max(0.0) * 0.35);
    lit.darker((-point.light).max(0.0) * 0.4)
}

/// Words on a line, centred.
fn label(pen: &mut Pen<'_>, words: &str, x: f32, y: f32, size: f32, ink: Rgb) {
    pen.bare().fill(text::line(words, x - text::width(words, size) / 2.0, y, size), ink, 0.95);
}

/// An acrylic figure on a round base, before its box, on a desk.
fn boxed(picture: &Raster, mut page: Pixmap, theme: &Theme, rng: Rng) -> Option<Raster> {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let colours = main_colours(picture, 5);
    let colour = |nth: usize| colours.get(nth % colours.len().max(1)).copied().unwrap_or(WHITE);
    let pen = &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, rng.fork(70).next() as u32));
    let desk = height * 0.7;
    pen.bare().fade(
        block(-2.0, -2.0, width + 4.0, desk + 4.0),
        (colour(0).mix(hex(0x00EF_E4D4), 0.72), 1.0),
        (colour(1).mix(hex(0x00F8_F0E4), 0.8), 1.0),
    );
    pen.glow(width * 0.22, height * 0.1, unit * 0.8, hex(0x00FF_F4D8), 0.7);
    pen.shape(block(-5.0, desk, width + 10.0, height - desk + 5.0), hex(0x00C8_9A6C));
    for grain in 1..6 {
        let y = desk + (height - desk) * grain as f32 / 6.0;
        pen.line(
            curve(&[(0.0, y), (width * 0.4, y + unit * 0.008), (width, y - unit * 0.004)]),
            hex(0x009E_7248),
            unit * 0.002,
            0.5,
        );
    }
    // The box, with a window that shows the whole picture.
    let (bw, bh) = (unit * 0.36, unit * 0.52);
    let (bx, by) = (width * 0.74 - bw / 2.0, desk + unit * 0.05 - bh);
    let card = theme.accents[2].mix(colour(1), 0.35);
    pen.shape(
        poly(&[
            (bx + bw, by),
            (bx + bw + unit * 0.05, by - unit * 0.035),
            (bx + bw + unit * 0.05, by + bh - unit * 0.04),
            (bx + bw, by + bh),
        ]),
        card.darker(0.3),
    );
    pen.shape(
        poly(&[
            (bx, by),
            (bx + unit * 0.05, by - unit * 0.035),
            (bx + bw + unit * 0.05, by - unit * 0.035),
            (bx + bw, by),
        ]),
        card.lighter(0.2),
    );
    pen.shape(block(bx, by, bw, bh), card);
    pen.bare().fill(block(bx, by + bh * 0.83, bw, bh * 0.17), card.darker(0.28), 1.0);
    label(pen, "手办 FIGURE", bx + bw * 0.5, by + bh * 0.935, bw * 0.1, WHITE);
    let (ww, wh) = (bw * 0.84, bh * 0.74);
    pen.shape(slab(bx + (bw - ww) / 2.0, by + bh * 0.05, ww, wh, unit * 0.012), WHITE);
    let photo = picture.cover((ww * 0.94) as usize, (wh * 0.94) as usize).to_pixmap()?;
    let paint = tiny_skia::PixmapPaint::default();
    page.draw_pixmap(
        (bx + (bw - ww * 0.94) / 2.0) as i32,
        (by + bh * 0.05 + wh * 0.03) as i32,
        photo.as_ref(),
        &paint,
        Transform::identity(),
        None,
    );
    let pen = &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, 5));
    pen.bare().glowing(
        poly(&[
            (bx + bw * 0.12, by + bh * 0.06),
            (bx + bw * 0.34, by + bh * 0.06),
            (bx + bw * 0.14, by + bh * 0.5),
        ]),
        WHITE,
        0.22,
    );
    // The base.
    let (cx, cy) = (width * 0.34, desk + (height - desk) * 0.42);
    pen.bare().fill(
        oval(cx + unit * 0.03, cy + unit * 0.03, unit * 0.27, unit * 0.06),
        hex(0x0040_2A1C),
        0.35,
    );
    pen.shape(oval(cx, cy + unit * 0.014, unit * 0.25, unit * 0.062), hex(0x00B4_CBD8));
    pen.bare().fill(oval(cx, cy, unit * 0.25, unit * 0.062), hex(0x00E4_F2F8), 0.9);
    pen.line(oval(cx, cy, unit * 0.225, unit * 0.05), WHITE, unit * 0.004, 0.9);
    let mut out = Raster::from_pixmap(&page);
    let stand = Stand {
        x: cx,
        y: cy + unit * 0.012,
        tall: unit * 0.6,
        wide: (unit * 0.56).min(width * 0.6),
        rim: unit * 0.012,
        mirrored: false,
    };
    Cutout::of(picture).set_up(&mut out, &stand, plastic);
    Some(out)
}

/// Metal or stone on a plinth in a dim gallery, under one lamp.
fn statue(picture: &Raster, mut page: Pixmap, rng: Rng) -> Option<Raster> {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let tones: [[Rgb; 4]; 3] = [
        // Bronze, marble, verdigris: deep shadow, body, light, gleam.
        [hex(0x0026_160F), hex(0x008A_5A30), hex(0x00D9_A05A), hex(0x00FF_EBC0)],
        [hex(0x0058_565C), hex(0x00B4_B0AC), hex(0x00E8_E4DC), hex(0x00FF_FDF6)],
        [hex(0x0014_2A2A), hex(0x003F_7F74), hex(0x0086_C0A8), hex(0x00E4_F6DC)],
    ];
    let [deep, body, bright, gleam] = tones.get(rng.fork(71).below(3)).copied()?;
    let seed = rng.fork(72).next() as u32;
    let pen = &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, seed));
    let floor = height * 0.8;
    let (cx, top) = (width / 2.0, height * 0.74);
    let wall = main_colours(picture, 3).first().copied().unwrap_or(WHITE).mix(hex(0x0034_3240), 0.72);
    pen.bare().fade(block(-2.0, -2.0, width + 4.0, floor + 4.0), (wall.darker(0.55), 1.0), (wall, 1.0));
    // Panels on the wall and the window's light, both out of focus.
    for nth in -3..=3 {
        let x = cx + nth as f32 * unit * 0.36;
        pen.bare().fill(
            slab(x - unit * 0.15, height * 0.1, unit * 0.3, floor - height * 0.2, 4.0),
            wall.lighter(0.06),
            0.4,
        );
    }
    pen.bare().fade(
        block(-2.0, floor, width + 4.0, height - floor + 4.0),
        (hex(0x0048_3C3A).mix(wall, 0.3), 1.0),
        (hex(0x0022_1C20), 1.0),
    );
    pen.bare().fade(
        poly(&[
            (cx - unit * 0.07, -5.0),
            (cx + unit * 0.07, -5.0),
            (cx + unit * 0.5, floor),
            (cx - unit * 0.5, floor),
        ]),
        (hex(0x00FF_F0CC), 0.3),
        (hex(0x00FF_F0CC), 0.02),
    );
    pen.glow(cx, height * 0.4, unit * 0.55, hex(0x00FF_EBC0), 0.42);
    page = Raster::from_pixmap(&page).blurred((unit * 0.012) as usize).to_pixmap()?;
    let pen = &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, seed));
    plinth(pen, cx, top, height * 0.97, unit);
    // A piece of the subject's own ground, in the metal's shadow.
    let soil = picture.sample(picture.width() as f32 / 2.0, picture.height() as f32 * 0.93).mix(body, 0.45);
    let rock: Vec<(f32, f32)> = (0..14)
        .map(|corner| {
            let angle = corner as f32 / 14.0 * std::f32::consts::TAU;
            let reach = 1.0 + 0.16 * (corner % 3) as f32 - 0.1 * (corner % 2) as f32;
            (cx + angle.cos() * unit * 0.2 * reach, top - unit * 0.004 + angle.sin() * unit * 0.03 * reach)
        })
        .collect();
    pen.shape(blob(&rock), soil.darker(0.15));
    for nth in 0..9 {
        let mut chance = rng.fork(73 + nth);
        let (x, r) = (cx + chance.range(-0.2, 0.2) * unit, unit * chance.range(0.01, 0.026));
        pen.shape(
            oval(x, top + unit * chance.range(0.0, 0.018), r, r * 0.66),
            soil.lighter(chance.range(0.0, 0.25)),
        );
    }
    let mut out = Raster::from_pixmap(&page);
    let cutout = Cutout::of(picture);
    let stand = Stand {
        x: cx,
        y: top + unit * 0.006,
        tall: height.min(unit * 1.15) * 0.6,
        wide: (unit * 0.74).min(width * 0.86),
        rim: 0.0,
        mirrored: false,
    };
    cutout.set_up(&mut out, &stand, |point| {
        let relief = point.colour.luma() - point.around.luma();
        let tone = 0.46 + (point.around.luma() - 0.5) * 0.34 + relief * 0.75 + point.light * 0.75;
        let vein =
            (noise(point.around.r * 40.0, point.around.g * 40.0 + point.light * 9.0, seed) - 0.5) * 0.06;
        ramp([deep, body, bright, gleam], tone + vein)
    });
    Some(out)
}

/// The colour at `0.0..=1.0` between four.
fn ramp([deep, body, bright, gleam]: [Rgb; 4], tone: f32) -> Rgb {
    let tone = tone.clamp(0.0, 1.0);
    match tone {
        t if t < 0.4 => deep.mix(body, t / 0.4),
        t if t < 0.75 => body.mix(bright, (t - 0.4) / 0.35),
        t => bright.mix(gleam, (t - 0.75) / 0.25),
    }
}

/// A block of dark stone with a brass plate; `top` is where things stand on it.
fn plinth(pen: &mut Pen<'_>, cx: f32, top: f32, low: f32, unit: f32) {
    let stone = hex(0x0058_545C);
    let (half, depth) = (unit * 0.34, unit * 0.05);
    pen.bare().fill(oval(cx, low, half * 1.35, unit * 0.04), hex(0x0010_0C10), 0.5);
    pen.shape(block(cx - half, top + depth, half * 2.0, low - top - depth), stone);
    pen.bare().fade(
        block(cx - half, top + depth, half * 2.0, low - top - depth),
        (hex(0x00FF_F4DC), 0.16),
        (hex(0x0010_0C14), 0.45),
    );
    pen.shape(
        slab(cx - half * 1.08, top + depth * 0.5, half * 2.16, unit * 0.045, unit * 0.008),
        stone.lighter(0.14),
    );
    pen.shape(
        poly(&[
            (cx - half * 0.96, top - depth * 0.6),
            (cx + half * 0.96, top - depth * 0.6),
            (cx + half * 1.08, top + depth * 0.6),
            (cx - half * 1.08, top + depth * 0.6),
        ]),
        stone.lighter(0.3),
    );
    let (pw, ph) = (half * 0.9, (low - top) * 0.34);
    let py = top + depth + (low - top - depth) * 0.36;
    pen.shape(slab(cx - pw / 2.0, py, pw, ph, unit * 0.006), hex(0x00D4_A94E));
    pen.bare().fade(slab(cx - pw / 2.0, py, pw, ph, unit * 0.006), (WHITE, 0.35), (hex(0x0060_4010), 0.25));
    label(pen, "雕像 STATUE", cx, py + ph * 0.68, (pw * 0.12).min(ph * 0.55), hex(0x004A_3210));
}

/// A figure on the middle shelf of a lit cabinet, among others, behind glass.
fn cabinet(picture: &Raster, mut page: Pixmap, theme: &Theme, rng: Rng) -> Option<Raster> {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let seed = rng.fork(70).next() as u32;
    let cutout = Cutout::of(picture);
    let colours = main_colours(picture, 5);
    let colour = |nth: usize| colours.get(nth % colours.len().max(1)).copied().unwrap_or(WHITE);
    let wood = hex(0x0062_4634);
    let wall = colour(0).mix(hex(0x00D8_CFC4), 0.75).darker(0.12);
    let (half, top, low) = ((unit * 0.47).min(width * 0.46), height * 0.035, height * 0.955);
    let (cx, post) = (width / 2.0, unit * 0.026);
    let tall = low - top;
    let shelves = [top + tall * 0.22, top + tall * 0.79, low - post];
    let pen = &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, seed));
    pen.bare().fade(block(-2.0, -2.0, width + 4.0, height + 4.0), (wall.lighter(0.2), 1.0), (wall, 1.0));
    pen.bare().fill(
        block(cx - half - unit * 0.02, top + unit * 0.02, half * 2.0 + unit * 0.06, tall),
        hex(0x0028_1C18),
        0.3,
    );
    pen.shape(slab(cx - half, top, half * 2.0, tall, unit * 0.01), wood);
    let inner = half - post;
    let back = hex(0x00E9_E2D6).mix(colour(1), 0.16);
    let mut above = top + post;
    for shelf in shelves {
        let room = block(cx - inner, above, inner * 2.0, shelf - above);
        pen.bare().fade(room.clone(), (back.lighter(0.4), 1.0), (back.darker(0.34), 1.0));
        pen.bare().fade(
            block(cx - inner, above, inner * 2.0, unit * 0.012),
            (hex(0x00FF_F8E0), 1.0),
            (hex(0x00FF_F2CC), 0.9),
        );
        pen.glow(cx, above, inner * 1.1, hex(0x00FF_F2CC), 0.4);
        above = shelf + unit * 0.014;
    }
    // The neighbours, out of focus: boxes and other figures.
    let mut chance = rng.fork(74);
    let small = [shelves[0], shelves[2]];
    for (row, shelf) in small.into_iter().enumerate() {
        let room = if row == 0 { shelf - top - post } else { shelf - shelves[1] };
        for nth in 0..5_usize {
            if (nth + row) % 2 == 0 {
                continue;
            }
            let x = cx + (nth as f32 - 2.0) * inner * 0.4;
            let (w, h) = (inner * chance.range(0.24, 0.32), room * chance.range(0.56, 0.76));
            let card = theme.accent(nth + row).mix(colour(nth), 0.3);
            pen.shape(block(x - w / 2.0, shelf - h, w, h), card);
            pen.shape(block(x - w * 0.34, shelf - h * 0.9, w * 0.68, h * 0.6), card.lighter(0.55));
            pen.shape(disc(x, shelf - h * 0.62, w * 0.2), card.darker(0.3));
        }
    }
    let mut out = Raster::from_pixmap(&page);
    for (row, shelf) in small.into_iter().enumerate() {
        let room = if row == 0 { shelf - top - post } else { shelf - shelves[1] };
        for nth in (0..5_usize).filter(|nth| (nth + row) % 2 == 0) {
            let stand = Stand {
                x: cx + (nth as f32 - 2.0) * inner * 0.4,
                y: shelf,
                tall: room * 0.72,
                wide: inner * 0.38,
                rim: 0.0,
                mirrored: nth % 2 == row,
            };
            let dye = theme.accent(nth + row * 2 + 1);
            cutout.set_up(&mut out, &stand, |point| plastic(point).dyed(dye, 0.55));
        }
    }
    let mut page = out.blurred((unit * 0.0042).max(1.0) as usize).to_pixmap()?;
    let pen = &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, seed));
    for shelf in shelves {
        pen.shape(slab(cx - inner, shelf, inner * 2.0, unit * 0.014, 1.0), hex(0x00CF_E6E6));
        pen.bare().fill(block(cx - inner, shelf, inner * 2.0, unit * 0.004), WHITE, 0.7);
    }
    // The base: clear, thick and round.
    let (foot, wide) = (shelves[1] - unit * 0.012, inner * 0.52);
    pen.bare().fill(
        oval(cx + unit * 0.015, foot + unit * 0.012, wide * 1.08, unit * 0.03),
        hex(0x003A_3028),
        0.3,
    );
    pen.shape(oval(cx, foot + unit * 0.008, wide, unit * 0.036), hex(0x00B4_CBD8));
    pen.bare().fill(oval(cx, foot - unit * 0.004, wide, unit * 0.036), hex(0x00E8_F4F8), 0.92);
    pen.line(oval(cx, foot - unit * 0.004, wide * 0.92, unit * 0.03), WHITE, unit * 0.003, 0.9);
    let mut out = Raster::from_pixmap(&page);
    let stand = Stand {
        x: cx,
        y: foot + unit * 0.004,
        tall: (shelves[1] - shelves[0]) * 0.84,
        wide: inner * 1.62,
        rim: 0.0,
        mirrored: false,
    };
    cutout.set_up(&mut out, &stand, plastic);
    let mut page = out.to_pixmap()?;
    glass(
        &mut Pen::new(&mut page, scene::manner(Style::Storybook, unit, seed)),
        [cx, half, top, low],
        post,
        unit,
        wood,
    );
    Some(Raster::from_pixmap(&page))
}

/// A glass door in its frame, with what they mirror.
fn glass(pen: &mut Pen<'_>, [cx, half, top, low]: [f32; 4], post: f32, unit: f32, wood: Rgb) {
    for (from, wide, strength) in
        [(-0.86, 0.22, 0.2), (-0.56, 0.07, 0.14), (0.34, 0.3, 0.13), (0.72, 0.06, 0.18)]
    {
        let (x, slant) = (cx + from * half, half * 0.42);
        let right = cx + half - post;
        let edge = |x: f32| x.min(right).max(cx - half + post);
        pen.bare().fade(
            poly(&[
                (edge(x + slant), top + post),
                (edge(x + slant + wide * half), top + post),
                (edge(x + wide * half), low - post),
                (edge(x), low - post),
            ]),
            (WHITE, strength * 1.5),
            (WHITE, strength * 0.3),
        );
    }
    for x in [cx - half, cx + half - post] {
        pen.shape(block(x, top, post, low - top), wood.lighter(0.1));
    }
    for y in [top, low - post] {
        pen.shape(block(cx - half, y, half * 2.0, post), wood.lighter(0.1));
    }
    let handle = slab(cx + half - post * 1.75, (top + low) * 0.5, post * 0.4, unit * 0.09, 2.0);
    pen.shape(handle, hex(0x00E3_C983));
}
