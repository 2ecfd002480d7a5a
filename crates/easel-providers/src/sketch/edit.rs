//! Edits: a reference picture, kept in its composition and really changed.
//!
//! The order is: light and season, surfaces, figures to add, manner, weather in front, further references as
//! pinned photographs. Nothing here invents a new composition; only the figurine shows the picture anew.

use tiny_skia::{Pixmap, Transform};

use super::brush;
use super::cutout::Cutout;
use super::figure;
use super::keywords::{Hour, Style, Weather};
use super::palette::{Rgb, Theme, WHITE, hex, pigment};
use super::pen::{Pen, block, disc, oval, slab};
use super::plan::Plan;
use super::raster::Raster;
use super::rng::{Rng, lattice, noise};
use super::scene;
use super::style;
use super::subjects;
use super::weather::{self, Sky};

/// The picture that an edit of `references` gives; `None` without a reference.
pub(super) fn edit(
    plan: &Plan,
    theme: &Theme,
    references: &[Raster],
    width: usize,
    height: usize,
    rng: Rng,
) -> Option<Raster> {
    let (first, others) = references.split_first()?;
    if matches!(plan.style, Style::Figurine | Style::Statue | Style::Cabinet) {
        return figure::show(first, plan.style, theme, (width, height), rng);
    }
    let mut picture = first.cover(width, height);
    let sky = skyline(&picture);
    let built = has_houses(&picture);
    light(&mut picture, plan, &sky);
    surfaces(&mut picture, plan, rng);
    for hue in plan.hues.iter().take(2) {
        let dye = pigment(*hue);
        picture.map(|_, _, c| c.dyed(dye, 0.42));
    }
    let added = plan.adds && (!plan.figures.is_empty() || plan.hat.is_some());
    if added {
        let crown = Cutout::of(&picture).crown();
        let mut page = picture.to_pixmap()?;
        if plan.figures.is_empty() {
            let pen = &mut Pen::new(&mut page, scene::manner(plan.style, width.min(height) as f32, 4));
            let (x, y, wide) = crown;
            subjects::hat(
                &mut pen.turned(x, y, rng.fork(65).range(-8.0, 8.0)).at(0.0, 0.0, wide / 224.0),
                scene::hat_colour(plan).unwrap_or(WHITE),
            );
        } else {
            scene::add_figures(&mut page, plan, theme, rng);
        }
        picture = Raster::from_pixmap(&page);
    }
    // Whoever wants something added wants the rest as it is.
    let kept = added && plan.hour.is_none() && plan.weather.is_empty() && plan.hues.is_empty();
    if plan.style == Style::Storybook && kept {
        picture.map(|_, _, c| c.saturated(1.04));
    } else if plan.style == Style::Storybook {
        picture = painterly(&picture, plan, rng);
    } else {
        picture = style::apply(plan.style, picture, rng.fork(50));
    }
    let mut page = picture.to_pixmap()?;
    decorate(&mut page, plan, theme, &sky, built, rng);
    pin(&mut page, others, rng);
    Some(Raster::from_pixmap(&page))
}

/// The default manner: oil strokes, drawn edges and, when the prompt asks for no other light, a slight tint.
fn painterly(picture: &Raster, plan: &Plan, rng: Rng) -> Raster {
    let mut painted = brush::repaint(picture, brush::Manner { bold: 0.9, lively: 0.26 }, rng.fork(51));
    let tints = [0x00FF_D9A8, 0x00BF_E3F2, 0x00F6_C8DC, 0x00D6_EBBE];
    let mut chance = rng.fork(52);
    let tint = hex(tints.get(chance.below(tints.len())).copied().unwrap_or(0x00FF_D9A8));
    let strength = if plan.hour.is_none() && plan.hues.is_empty() { 0.3 } else { 0.0 };
    let soft = picture.blurred((picture.unit() * 0.002).max(1.0) as usize);
    let reach = (picture.unit() * 0.002).max(1.0) as i32;
    let seed = chance.next() as u32;
    let pitch = 60.0 / picture.unit();
    painted.map(|x, y, c| {
        let (edge, _) = soft.edge(x as i32, y as i32, reach);
        let broken = noise(x * pitch, y * pitch, seed);
        let line = ((edge - 0.13) * 2.2 * (0.35 + broken)).clamp(0.0, 0.55);
        c.mix(c.times(tint).lighter(0.04), strength).mix(hex(0x0030_2630), line)
    });
    painted
}

/// Row where the sky ends, for every column: from the top down while the colour hardly changes.
fn skyline(picture: &Raster) -> Vec<i32> {
    let soft = picture.blurred((picture.unit() * 0.006).max(1.0) as usize);
    let limit = picture.height() as i32 * 7 / 10;
    let rough: Vec<i32> = (0..picture.width() as i32)
        .map(|x| {
            let start = Rgb::of(soft.at(x, 0));
            let mut average = start;
            if start.luma() < 0.25 {
                return 0;
            }
            (0..limit)
                .find(|y| {
                    let c = Rgb::of(soft.at(x, *y));
                    let gap = (c.r - average.r).abs() + (c.g - average.g).abs() + (c.b - average.b).abs();
                    average = average.mix(c, 0.06);
                    gap > 0.3
                })
                .unwrap_or(limit)
        })
        .collect();
    let span = (picture.width() / 220).max(1);
    (0..rough.len())
        .map(|x| {
            let around = rough.get(x.saturating_sub(span)..(x + span).min(rough.len())).unwrap_or_default();
            around.iter().copied().min().unwrap_or(0)
        })
        .collect()
}

/// Whether the picture shows buildings: long upright edges, as walls have them and hills, trees and faces don't. In
/// a picture that is dark already nothing is known, and its lamps are lit.
fn has_houses(picture: &Raster) -> bool {
    let small = picture.cover(160, 160);
    let tone = |x: i32, y: i32| Rgb::of(small.at(x, y)).luma();
    let mean = small.pixels().iter().map(|p| Rgb::of(*p).luma()).sum::<f32>() / small.pixels().len() as f32;
    if mean < 0.28 {
        return false;
    }
    let upright = |x: i32, y: i32| {
        let across = (tone(x + 1, y) - tone(x - 1, y)).abs();
        across > 0.07 && (tone(x, y + 2) - tone(x, y - 2)).abs() < across * 0.5
    };
    let mut walls = 0;
    let mut last = -9;
    for x in 3..157 {
        let mut run = 0;
        let longest = (4..150)
            .map(|y| {
                run = if upright(x, y) { run + 1 } else { 0 };
                run
            })
            .max()
            .unwrap_or(0);
        if longest >= 17 && x - last > 4 {
            walls += 1;
            last = x;
        }
    }
    walls >= 3
}

fn light(picture: &mut Raster, plan: &Plan, sky: &[i32]) {
    let height = picture.height() as f32;
    let wet = plan.has(Weather::Rain) || plan.has(Weather::Storm);
    if plan.style == Style::Neon {
        let (above, below) = (hex(0x00FF_3D9A), hex(0x0038_C8F0));
        picture.map(|_, y, c| c.dyed(above.mix(below, y / height), 0.6).saturated(1.3));
    }
    match plan.hour.unwrap_or(if plan.hour() == Hour::Night { Hour::Night } else { Hour::Day }) {
        Hour::Night => {
            picture.map(|x, y, c| {
                let above = sky.get(x as usize).is_some_and(|end| (y as i32) < *end);
                let deep = if plan.style == Style::Neon {
                    hex(0x003A_1878).mix(hex(0x00A0_48B4), y / height)
                } else if above {
                    hex(0x0016_2450).mix(hex(0x0036_4C86), y / height)
                } else {
                    hex(0x0042_5A94)
                };
                let dark = c.times(deep).scaled(1.5);
                let base =
                    if above { deep.mix(dark, 0.35).scaled(0.85) } else { dark.mix(deep.scaled(0.5), 0.16) };
                // What is warm and bright looks like a lamp after dark.
                let warm = ((c.r - c.b) * 1.4 + c.luma() - 0.95).clamp(0.0, 0.6);
                if above { base } else { base.mix(hex(0x00FF_C66E), warm * 0.75) }
            });
        }
        Hour::Sunset => picture.map(|_, y, c| {
            let glow = 1.0 - (y / height - 0.45).abs() * 1.4;
            let warm = c
                .times(hex(0x00FF_BE92))
                .mix(hex(0x00FF_8E5C), 0.2 * glow.max(0.0))
                .mix(hex(0x00A8_5A8A), (0.22 - y / height).max(0.0));
            let deep = (c.luma() - 0.55) * 0.5;
            Rgb::new(warm.r + deep, warm.g + deep, warm.b + deep)
        }),
        Hour::Dawn => picture
            .map(|_, y, c| c.mix(hex(0x00FF_DCD0), 0.26 + 0.12 * (1.0 - y / height)).times(hex(0x00FF_F4EC))),
        Hour::Day if plan.hour.is_some() => {
            picture.map(|_, _, c| c.mix(WHITE, 0.08).times(hex(0x00FF_FAEC)).saturated(1.25));
        }
        Hour::Day => {}
    }
    if wet || plan.has(Weather::Cloudy) {
        picture.map(|_, _, c| c.saturated(0.72).times(hex(0x00C2_D0E2)));
    }
}

fn surfaces(picture: &mut Raster, plan: &Plan, rng: Rng) {
    let (height, unit) = (picture.height() as f32, picture.unit());
    let seed = rng.fork(60).next() as u32;
    if plan.has(Weather::Rain) || plan.has(Weather::Storm) {
        let above = picture.clone();
        let shore = height * 0.66;
        picture.map(|x, y, c| {
            if y < shore {
                return c;
            }
            let depth = (y - shore) / (height - shore);
            let ripple = (noise(x * 9.0 / unit, y * 60.0 / unit, seed) - 0.5) * unit * 0.03 * (0.3 + depth);
            let mirrored =
                Rgb::of(above.at((x + ripple) as i32, (shore - (y - shore) * 1.25 + ripple * 0.6) as i32));
            let puddle = (noise(x * 3.2 / unit, y * 9.0 / unit, seed ^ 1) * 1.7 - 0.35).clamp(0.0, 1.0);
            c.mix(mirrored.lighter(0.04), (0.18 + 0.5 * puddle) * (depth * 5.0).min(1.0))
        });
    }
    if plan.has(Weather::Snow) {
        let model = picture.clone();
        picture.map(|x, y, c| {
            let up = Rgb::of(model.at(x as i32, (y - unit * 0.012) as i32)).luma() - c.luma();
            let ledge = (up * 2.4).clamp(0.0, 0.9);
            let low = ((y / height - 0.62) * 2.4).clamp(0.0, 0.86);
            let drift = low * (0.55 + 0.6 * noise(x * 5.0 / unit, y * 12.0 / unit, seed));
            c.saturated(0.7).mix(hex(0x00D8_E6F4), 0.16).mix(hex(0x00F8_FBFF), ledge.max(drift).min(0.92))
        });
    }
    if plan.autumn() || plan.spring() {
        let dye = if plan.autumn() { hex(0x00DE_8436) } else { hex(0x00F4_B2C6) };
        picture.map(|_, _, c| {
            let green = ((c.g - c.r.max(c.b)) * 6.0 + 0.15).clamp(0.0, 1.0);
            c.dyed(dye, green * 0.9).mix(dye, 0.06)
        });
    }
}

fn decorate(page: &mut Pixmap, plan: &Plan, theme: &Theme, sky: &[i32], built: bool, rng: Rng) {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let mut heights: Vec<i32> = sky.to_vec();
    heights.sort_unstable();
    let typical = heights.get(heights.len() / 2).copied().unwrap_or(0) as f32;
    let night = plan.hour() == Hour::Night;
    let pixels = night.then(|| Raster::from_pixmap(page));
    let mut pen = Pen::new(page, scene::manner(plan.style, unit, rng.fork(61).next() as u32));
    if let Some(pixels) = pixels.filter(|_| built) {
        windows(&mut pen, &pixels, sky, plan.overcast(), rng.fork(62));
    }
    if night && typical > unit * 0.1 && !plan.overcast() {
        let view = Sky { width, height, horizon: typical, rng: rng.fork(63) };
        weather::stars(&mut pen, &view, 90, plan.has(Weather::Stars));
        weather::moon(&mut pen, width * 0.8, typical * 0.34, unit * 0.05, hex(0x00FB_F3D6));
    }
    if plan.hour == Some(Hour::Sunset) {
        let y = typical.clamp(height * 0.3, height * 0.55);
        pen.glow(width * 0.62, y, unit * 0.38, hex(0x00FF_C870), 0.5);
    }
    let view = Sky { width, height, horizon: height * 0.62, rng: rng.fork(64) };
    let lights = [Weather::Aurora, Weather::Rainbow, Weather::Fireworks, Weather::Meteor, Weather::Storm];
    if lights.iter().any(|w| plan.has(*w)) {
        let only = Plan {
            weather: plan
                .weather
                .iter()
                .copied()
                .filter(|w| lights.contains(w))
                .chain([Weather::Rain])
                .collect(),
            hour: Some(Hour::Day),
            ..Plan::default()
        };
        let view = Sky { horizon: typical.max(height * 0.42), ..view };
        let clear = Theme { cloud: theme.sky[1], ..*theme };
        weather::behind(&mut pen, &view, &only, &clear);
    }
    weather::in_front(&mut pen, &view, plan, theme);
}

/// Lit windows and lamps in the darker, calmer parts below the skyline, in upright rows as houses have them.
fn windows(pen: &mut Pen<'_>, picture: &Raster, sky: &[i32], wet: bool, mut rng: Rng) {
    let (unit, height) = (picture.unit(), picture.height() as f32);
    let (step_x, step_y) = (unit * 0.042, unit * 0.06);
    let (columns, rows) =
        ((picture.width() as f32 / step_x) as i32, (picture.height() as f32 * 0.62 / step_y) as i32);
    let seed = rng.next() as u32;
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = ((column as f32 + 0.5) * step_x, (row as f32 + 0.5) * step_y);
            let end = sky.get(x as usize).copied().unwrap_or(0) as f32;
            if y < end + step_y * 0.8 || lattice(column / 3, row / 4, seed) < 0.42 || !rng.chance(0.5) {
                continue;
            }
            let (edge, _) = picture.edge(x as i32, y as i32, (unit * 0.01).max(1.0) as i32);
            if edge > 0.12 || Rgb::of(picture.at(x as i32, y as i32)).luma() > 0.55 {
                continue;
            }
            let lamp = hex(if rng.chance(0.8) { 0x00FF_D07A } else { 0x00FF_E9BE });
            pen.glow(x, y, unit * 0.03, lamp, 0.45);
            let (w, h) = (unit * 0.012, unit * 0.019);
            pen.bare().glowing(slab(x - w / 2.0, y - h / 2.0, w, h, w * 0.15), lamp, 0.9);
            if wet && rng.chance(0.6) {
                let shore = height * 0.7 + (height * 0.62 - y) * 0.22;
                for dash in 0..5 {
                    let fall = dash as f32 / 5.0;
                    let (dx, dy) = (unit * rng.range(-0.006, 0.006), unit * 0.026 * dash as f32);
                    let blot = oval(x + dx, shore + dy, unit * rng.range(0.012, 0.026), unit * 0.0045);
                    pen.bare().glowing(blot, lamp, 0.6 * (1.0 - fall));
                }
            }
            pen.bare().glowing(block(x - w * 0.05, y - h / 2.0, w * 0.1, h), hex(0x004A_3C44), 0.7);
        }
    }
}

/// Further references as photographs pinned along the upper edge.
pub(super) fn pin(page: &mut Pixmap, others: &[Raster], mut rng: Rng) {
    let (width, height) = (page.width() as f32, page.height() as f32);
    let unit = width.min(height);
    let side = unit * 0.23;
    for (nth, other) in others.iter().take(4).enumerate() {
        let inner = side * 0.86;
        let Some(photo) = other.cover(inner as usize, inner as usize).to_pixmap() else { continue };
        let x = width - unit * 0.05 - side - nth as f32 * side * 0.86;
        let y = unit * (0.045 + 0.02 * (nth % 2) as f32);
        let turn = Transform::from_rotate_at(rng.range(-7.0, 7.0), x + side / 2.0, y + side / 2.0);
        let manner = scene::manner(Style::Storybook, unit, 3);
        let mut flat = Pen::new(page, manner);
        let mut pen = flat.within(turn);
        pen.bare().fill(
            slab(x + unit * 0.006, y + unit * 0.009, side, side * 1.14, 2.0),
            hex(0x0018_1420),
            0.3,
        );
        pen.shape(slab(x, y, side, side * 1.14, 2.0), hex(0x00FD_FBF5));
        let place = turn.pre_translate(x + side * 0.07, y + side * 0.07);
        let paint =
            tiny_skia::PixmapPaint { quality: tiny_skia::FilterQuality::Bilinear, ..Default::default() };
        page.draw_pixmap(0, 0, photo.as_ref(), &paint, place, None);
        let mut flat = Pen::new(page, manner);
        flat.within(turn).shape(disc(x + side / 2.0, y + side * 0.035, side * 0.045), hex(0x00E2_5548));
    }
}
