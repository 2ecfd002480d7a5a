//! Manners that work on finished pixels: washes, ink, pencil, pixels, neon light, old photographs.
//!
//! Used for drawn scenes and for edits alike; knows nothing of what the picture shows.

use super::brush;
use super::keywords::Style;
use super::palette::{Rgb, hex};
use super::raster::Raster;
use super::rng::{Rng, clouds, noise};

/// The picture in the given style. `Storybook` and the figurines leave the pixels as they are.
pub(super) fn apply(style: Style, picture: Raster, mut rng: Rng) -> Raster {
    let seed = rng.next() as u32;
    match style {
        Style::Storybook | Style::Figurine | Style::Statue | Style::Cabinet => picture,
        Style::Watercolour => watercolour(&picture, seed),
        Style::Pixel => pixels(&picture),
        Style::Oil => brush::repaint(&picture, brush::Manner { bold: 1.15, lively: 0.34 }, rng),
        Style::Neon => neon(&picture),
        Style::Ink => ink(&picture, seed),
        Style::Anime => anime(picture),
        Style::Pencil => pencil(&picture, seed),
        Style::Mono => toned(picture, Rgb::grey, 1.12),
        Style::Retro => toned(picture, |c| c.grey().dyed(hex(0x00C4_9A6A), 0.85).mix(c, 0.22), 0.92),
    }
}

/// Paper grain and a soft darkening towards the corners.
pub(super) fn finish(picture: &mut Raster, style: Style, seed: u32) {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let strength = match style {
        Style::Pixel => return,
        Style::Watercolour | Style::Ink | Style::Pencil => 0.07,
        Style::Anime | Style::Neon => 0.018,
        _ => 0.036,
    };
    let dark = if matches!(style, Style::Ink | Style::Pencil | Style::Watercolour) { 0.05 } else { 0.2 };
    let mut row = -1.0_f32;
    let mut across = 0.0_f32;
    let mut state = seed | 1;
    picture.map(|x, y, c| {
        if y > row {
            row = y;
            let v = y / height - 0.5;
            across = v * v;
        }
        // A shift register per pixel: cheaper than noise, and grain need not be smooth.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let grain = (state >> 16) as f32 / 65536.0 - 0.5;
        let u = x / width - 0.5;
        let edge = ((u * u + across) * 2.0 - 0.42).max(0.0) * dark * 1.6;
        let factor = (1.0 - edge) * (1.0 + grain * strength);
        Rgb::new(c.r * factor, c.g * factor, c.b * factor)
    });
}

fn toned(mut picture: Raster, tone: impl Fn(Rgb) -> Rgb, contrast: f32) -> Raster {
    picture.map(|_, _, c| {
        let c = tone(c);
        let stretch = |v: f32| (v - 0.5) * contrast + 0.5;
        Rgb::new(stretch(c.r), stretch(c.g), stretch(c.b))
    });
    picture
}

fn watercolour(picture: &Raster, seed: u32) -> Raster {
    let unit = picture.unit();
    let soft = picture.blurred((unit * 0.0035).max(1.0) as usize);
    let wide = picture.blurred((unit * 0.018).max(2.0) as usize);
    let paper = hex(0x00FD_FAF2);
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let near = 26.0 / unit;
    Raster::filled(picture.width(), picture.height(), |column, row| {
        let (x, y) = (column as f32, row as f32);
        let bend = unit * 0.012;
        let dx = (noise(x * near, y * near, seed) - 0.5) * bend
            + (noise(x * near * 4.0, y * near * 4.0, seed ^ 1) - 0.5) * bend * 0.4;
        let dy = (noise(x * near, y * near, seed ^ 2) - 0.5) * bend
            + (noise(x * near * 4.0, y * near * 4.0, seed ^ 3) - 0.5) * bend * 0.4;
        let (sx, sy) = (x + dx, y + dy);
        let c = soft.sample(sx, sy);
        let around = Rgb::of(wide.at(sx as i32, sy as i32));
        // Pigment gathers where a wash ends: darker just inside an edge towards something lighter.
        let rim = (around.luma() - c.luma()).clamp(0.0, 0.3);
        let pool = clouds(x * 5.0 / unit, y * 5.0 / unit, seed ^ 4);
        let grain = noise(x * 190.0 / unit, y * 190.0 / unit, seed ^ 5);
        let thin = (0.16 + 0.42 * pool + 0.1 * (grain - 0.5)).clamp(0.0, 0.72);
        let washed =
            c.saturated(1.3).mix(around.saturated(1.25), 0.28).mix(paper, thin).scaled(1.0 - rim * 0.75);
        let ragged = unit * (0.022 + 0.03 * noise(x * 11.0 / unit, y * 11.0 / unit, seed ^ 6));
        let border = x.min(y).min(width - x).min(height - y);
        let dry = ((ragged - border) / (unit * 0.008)).clamp(0.0, 1.0);
        washed.mix(paper, dry).bytes()
    })
}

fn pixels(picture: &Raster) -> Raster {
    let unit = picture.unit();
    let side = (unit / 108.0).round().max(2.0) as usize;
    let (columns, rows) = (picture.width().div_ceil(side), picture.height().div_ceil(side));
    let tiny = Raster::filled(columns, rows, |column, row| {
        let mut sum = [0.0_f32; 3];
        for tap in 0..9 {
            let x = column * side + side * (1 + tap % 3) / 4;
            let y = row * side + side * (1 + tap / 3) / 4;
            for (total, channel) in sum.iter_mut().zip(picture.at(x as i32, y as i32)) {
                *total += f32::from(channel) / 255.0 / 9.0;
            }
        }
        let [r, g, b] = sum;
        let dither = if (column + row) % 2 == 0 { 0.012 } else { -0.012 };
        let step = |v: f32| (((v - 0.5) * 1.1 + 0.5 + dither) * 9.0).round() / 9.0;
        let c = Rgb::new(r, g, b).saturated(1.22);
        Rgb::new(step(c.r), step(c.g), step(c.b)).bytes()
    });
    Raster::filled(picture.width(), picture.height(), |x, y| tiny.at((x / side) as i32, (y / side) as i32))
}

fn neon(picture: &Raster) -> Raster {
    let unit = picture.unit();
    let mut bright = picture.clone();
    bright.map(|_, _, c| {
        let high = c.r.max(c.g).max(c.b);
        let vivid = high - c.r.min(c.g).min(c.b);
        c.scaled(((high - 0.45) * 1.7).clamp(0.0, 1.0) * (0.35 + vivid))
    });
    let halo = bright.blurred((unit * 0.016).max(1.0) as usize);
    let mut out = picture.clone();
    out.map(|x, y, c| {
        let light = Rgb::of(halo.at(x as i32, y as i32));
        let dark = c.luma();
        let graded = c.mix(hex(0x001E_0F4A), (0.36 - dark).max(0.0)).saturated(1.3);
        let scan = if (y * 340.0 / unit) as i32 % 2 == 0 { 0.965 } else { 1.0 };
        Rgb::new(graded.r + light.r * 1.1, graded.g + light.g * 0.9, graded.b + light.b * 1.25).scaled(scan)
    });
    out
}

fn ink(picture: &Raster, seed: u32) -> Raster {
    let unit = picture.unit();
    let soft = picture.blurred((unit * 0.003).max(1.0) as usize);
    let wide = picture.blurred((unit * 0.02).max(2.0) as usize);
    let (paper, black) = (hex(0x00F3_EDDD), hex(0x0024_2426));
    let near = 30.0 / unit;
    let mut out = Raster::filled(picture.width(), picture.height(), |column, row| {
        let (x, y) = (column as f32, row as f32);
        let bend = unit * 0.008;
        let sx = x + (noise(x * near, y * near, seed) - 0.5) * bend;
        let sy = y + (noise(x * near, y * near, seed ^ 2) - 0.5) * bend;
        let c = soft.sample(sx, sy);
        let around = Rgb::of(wide.at(sx as i32, sy as i32)).luma();
        let luma = c.luma();
        let rim = (around - luma).clamp(0.0, 0.4);
        let dry = noise(x * 9.0 / unit, y * 160.0 / unit, seed ^ 5);
        let load = ((0.84 - luma) * 1.5 + rim * 0.8).clamp(0.0, 1.0);
        let load = (load * (0.8 + 0.34 * clouds(x * 6.0 / unit, y * 6.0 / unit, seed ^ 4)) - 0.07 * dry)
            .clamp(0.0, 1.0);
        let washed = paper.mix(black, load.powf(1.12));
        // Cinnabar, the one colour of an ink painting, stays where the picture is really red.
        let red = ((c.r - c.g.max(c.b)) * 2.6 - 0.4).clamp(0.0, 0.9);
        washed.mix(hex(0x00B8_3A2E), red).bytes()
    });
    seal(&mut out);
    out
}

/// A red seal in the lower right corner.
fn seal(picture: &mut Raster) {
    let unit = picture.unit();
    let size = (unit * 0.062) as i32;
    let (left, top) = (
        picture.width() as i32 - size - (unit * 0.05) as i32,
        picture.height() as i32 - size - (unit * 0.05) as i32,
    );
    let red = hex(0x00B9_3328);
    for y in 0..size {
        for x in 0..size {
            let worn = noise(x as f32 * 40.0 / size as f32, y as f32 * 40.0 / size as f32, 77);
            if worn > 0.14 {
                picture.put(left + x, top + y, red, 0.9);
            }
        }
    }
    let Some(mut page) = picture.to_pixmap() else { return };
    let manner = super::pen::Manner {
        line: 0.0,
        line_alpha: 0.0,
        ink: red,
        stray: 0.0,
        tint: (red, 0.0),
        shade: 0.0,
        seed: 1,
    };
    let em = size as f32 * 0.86;
    let path = super::text::line("画", left as f32 + size as f32 * 0.07, top as f32 + size as f32 * 0.8, em);
    super::pen::Pen::new(&mut page, manner).glowing(path, hex(0x00F6_EEDC), 0.95);
    *picture = Raster::from_pixmap(&page);
}

fn anime(picture: Raster) -> Raster {
    let mut out = picture;
    let height = out.height() as f32;
    out.map(|_, y, c| {
        let c = c.saturated(1.16);
        let step = |v: f32| {
            let level = (v * 11.0).round() / 11.0;
            v * 0.45 + level * 0.55
        };
        let glow = (1.0 - y / height).max(0.0) * 0.05;
        Rgb::new(step(c.r) + glow, step(c.g) + glow, step(c.b) + glow)
    });
    out
}

fn pencil(picture: &Raster, seed: u32) -> Raster {
    let unit = picture.unit();
    let soft = picture.blurred((unit * 0.0016).max(1.0) as usize);
    let (paper, lead) = (hex(0x00F8_F5EC), hex(0x003C_3A40));
    let reach = (unit * 0.0014).max(1.0) as i32;
    let pitch = 150.0 / unit;
    Raster::filled(picture.width(), picture.height(), |column, row| {
        let (x, y) = (column as f32, row as f32);
        let (edge, _) = soft.edge(column as i32, row as i32, reach);
        let luma = Rgb::of(soft.at(column as i32, row as i32)).luma();
        let sway = noise(x * 9.0 / unit, y * 9.0 / unit, seed) * 2.2;
        let hatch = |way: f32, below: f32| {
            let wave = ((way * pitch + sway).fract() - 0.5).abs() * 2.0;
            let tone = ((below - luma) * 2.4).clamp(0.0, 1.0);
            (tone - wave * 0.8).clamp(0.0, 1.0)
        };
        let strokes = hatch(x + y, 0.86) * 0.55
            + hatch(x - y + unit * 9.0, 0.58) * 0.55
            + hatch(x * 0.4 + y * 1.2, 0.34) * 0.6;
        let tooth = 0.6 + 0.7 * noise(x * 300.0 / unit, y * 300.0 / unit, seed ^ 3);
        let pressure = ((edge * 4.2).min(0.95) + strokes + (1.0 - luma) * 0.1) * tooth;
        paper.mix(lead, pressure.clamp(0.0, 0.96)).bytes()
    })
}
