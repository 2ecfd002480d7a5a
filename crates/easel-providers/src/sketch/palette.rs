//! Colours: arithmetic on them, the theme of a scene, and the main colours of a reference picture.
//!
//! Knows nothing of shapes. All channels are sRGB in `0.0..=1.0`; mixing in sRGB is deliberate, it is what
//! flat illustration looks like.

use super::keywords::{Hour, Hue, Place, Style};
use super::plan::Plan;
use super::raster::Raster;

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rgb {
    pub(super) r: f32,
    pub(super) g: f32,
    pub(super) b: f32,
}

/// A colour from its usual hexadecimal writing, `0xRRGGBB`.
pub(super) const fn hex(code: u32) -> Rgb {
    Rgb {
        r: ((code >> 16) & 255) as f32 / 255.0,
        g: ((code >> 8) & 255) as f32 / 255.0,
        b: (code & 255) as f32 / 255.0,
    }
}

pub(super) const WHITE: Rgb = hex(0x00FF_FFFF);
pub(super) const INK: Rgb = hex(0x002E_2A33);

impl Rgb {
    pub(super) const fn new(r: f32, g: f32, b: f32) -> Self {
        Self { r, g, b }
    }

    pub(super) fn of(pixel: [u8; 3]) -> Self {
        let [r, g, b] = pixel.map(|channel| f32::from(channel) / 255.0);
        Self { r, g, b }
    }

    pub(super) fn bytes(self) -> [u8; 3] {
        [self.r, self.g, self.b].map(|channel| (channel.clamp(0.0, 1.0) * 255.0 + 0.5) as u8)
    }

    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self { r: f(self.r, other.r), g: f(self.g, other.g), b: f(self.b, other.b) }
    }

    /// `self` at 0, `other` at 1.
    pub(super) fn mix(self, other: Self, amount: f32) -> Self {
        self.zip(other, |a, b| a + (b - a) * amount)
    }

    pub(super) fn times(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    pub(super) fn scaled(self, factor: f32) -> Self {
        self.zip(self, |a, _| (a * factor).clamp(0.0, 1.0))
    }

    pub(super) fn lighter(self, amount: f32) -> Self {
        self.mix(WHITE, amount)
    }

    /// Darker and a little cooler, as shadows are.
    pub(super) fn darker(self, amount: f32) -> Self {
        self.mix(self.times(hex(0x0030_2A4C)), amount)
    }

    /// Brightness as the eye sees it, `0.0..=1.0`.
    pub(super) fn luma(self) -> f32 {
        0.299 * self.r + 0.587 * self.g + 0.114 * self.b
    }

    pub(super) fn grey(self) -> Self {
        let y = self.luma();
        Self::new(y, y, y)
    }

    /// More colourful above 1, paler below.
    pub(super) fn saturated(self, factor: f32) -> Self {
        let y = self.luma();
        self.zip(self, |a, _| (y + (a - y) * factor).clamp(0.0, 1.0))
    }

    /// The brightness of `self` with the hue of `dye`.
    pub(super) fn dyed(self, dye: Self, amount: f32) -> Self {
        let (own, wanted) = (self.luma(), dye.luma().max(0.02));
        let tone = if own <= wanted {
            dye.scaled(own / wanted)
        } else {
            dye.mix(WHITE, (own - wanted) / (1.0 - wanted).max(0.02))
        };
        self.mix(tone, amount)
    }

    fn distance(self, other: Self) -> f32 {
        let d = self.zip(other, |a, b| (a - b) * (a - b));
        d.r * 0.3 + d.g * 0.5 + d.b * 0.2
    }
}

/// The colour a colour word stands for.
pub(super) const fn pigment(hue: Hue) -> Rgb {
    match hue {
        Hue::Red => hex(0x00D8_4339),
        Hue::Orange => hex(0x00EE_8A35),
        Hue::Yellow => hex(0x00F5_CB45),
        Hue::Green => hex(0x0056_A35A),
        Hue::Cyan => hex(0x0040_B8B5),
        Hue::Blue => hex(0x003B_78C9),
        Hue::Purple => hex(0x0086_5BB5),
        Hue::Pink => hex(0x00F0_93AE),
        Hue::Brown => hex(0x0090_6040),
        Hue::Black => hex(0x003A_3840),
        Hue::White => hex(0x00F6_F3EC),
        Hue::Grey => hex(0x0092_959B),
        Hue::Gold => hex(0x00DF_AC35),
        Hue::Silver => hex(0x00C2_CAD3),
    }
}

/// Everything that gives a scene its mood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) sky: [Rgb; 3],
    pub(super) far: Rgb,
    pub(super) mid: Rgb,
    pub(super) near: Rgb,
    pub(super) ground: Rgb,
    pub(super) water: Rgb,
    pub(super) cloud: Rgb,
    pub(super) light: Rgb,
    /// What every lit thing is multiplied with, and how strongly.
    pub(super) tint: (Rgb, f32),
    pub(super) accents: [Rgb; 4],
    pub(super) ink: Rgb,
}

const ACCENTS: [[Rgb; 4]; 5] = [
    [hex(0x00E8_6A58), hex(0x00F2_B64F), hex(0x0046_9C9B), hex(0x006C_6AA8)],
    [hex(0x00F0_8A7B), hex(0x00FB_D27A), hex(0x0059_A7C9), hex(0x008C_6FB0)],
    [hex(0x00D9_5D7B), hex(0x00F5_A65B), hex(0x0050_A07C), hex(0x0046_6C9C)],
    [hex(0x00E5_7B46), hex(0x00F3_CF6B), hex(0x0072_A464), hex(0x003F_7F93)],
    [hex(0x00EA_6D8A), hex(0x00F8_C1A0), hex(0x0068_9FCB), hex(0x007A_5E9A)],
];

fn sky_of(hour: Hour) -> [Rgb; 3] {
    match hour {
        Hour::Day => [hex(0x005F_AEE3), hex(0x00A5_D8EE), hex(0x00F3_F4E2)],
        Hour::Dawn => [hex(0x008D_B5E2), hex(0x00F4_CDD0), hex(0x00FD_EBC9)],
        Hour::Sunset => [hex(0x0049_4A8C), hex(0x00E9_766E), hex(0x00FF_CE82)],
        Hour::Night => [hex(0x000E_1739), hex(0x0022_3766), hex(0x0045_6890)],
    }
}

const fn tint_of(hour: Hour) -> (Rgb, f32) {
    match hour {
        Hour::Day => (WHITE, 0.0),
        Hour::Dawn => (hex(0x00FF_E3DC), 0.8),
        Hour::Sunset => (hex(0x00FF_B08C), 0.62),
        Hour::Night => (hex(0x0070_84C8), 0.66),
    }
}

const fn ground_of(place: Place) -> Rgb {
    match place {
        Place::Meadow | Place::Mountains | Place::Lake | Place::Garden | Place::Village | Place::Wall => {
            hex(0x008C_BD5A)
        }
        Place::Peaks => hex(0x00A9_C98A),
        Place::Moon => hex(0x00B9_B6BC),
        Place::Forest => hex(0x006C_9A4E),
        Place::Seaside => hex(0x00F0_D9A6),
        Place::Snowfield => hex(0x00EF_F5FA),
        Place::Desert => hex(0x00E7_B974),
        Place::City | Place::Street => hex(0x008C_8F9B),
        Place::Room => hex(0x00C8_9A6C),
        Place::Space => hex(0x008A_86A8),
        Place::Underwater => hex(0x00D9_C28E),
    }
}

impl Theme {
    /// The theme a plan asks for; `chance` picks among equally fitting accents.
    pub(super) fn of(plan: &Plan, chance: usize) -> Self {
        let hour = plan.hour();
        let tint = tint_of(hour);
        let lit = |c: Rgb| c.mix(c.times(tint.0), tint.1);
        let place = plan.place();
        let mut sky = sky_of(hour);
        if plan.overcast() {
            let veil = [hex(0x007E_8EA3), hex(0x00A3_AFBC), hex(0x00D0_D3CF)].map(lit);
            for (colour, veil) in sky.iter_mut().zip(veil) {
                *colour = colour.mix(veil, 0.62);
            }
        }
        if place == Place::Space {
            sky = [hex(0x000B_0B24), hex(0x0023_1B4D), hex(0x0054_3A78)];
        } else if place == Place::Moon {
            sky = [hex(0x0006_0714), hex(0x000C_1026), hex(0x001A_1E3C)];
        } else if place == Place::Underwater {
            sky = [hex(0x006F_D3DC), hex(0x002F_93BC), hex(0x0018_5A8F)].map(lit);
        }
        let [_, _, haze] = sky;
        let (mut green, mut ground) = (hex(0x005E_9A58), ground_of(place));
        if plan.autumn() {
            green = hex(0x00C9_7B3C);
            ground = ground.mix(hex(0x00D9_A24C), 0.7);
        } else if plan.spring() {
            green = hex(0x0083_B768);
            ground = ground.mix(hex(0x00BF_D98A), 0.5);
        }
        if place == Place::Snowfield || plan.snowy() {
            green = hex(0x00B4_CBD8);
            ground = ground.mix(hex(0x00F1_F6FA), 0.9);
        }
        if place == Place::Desert {
            green = hex(0x00C9_8F5A);
        }
        let accents = ACCENTS.get(chance % ACCENTS.len()).copied().unwrap_or(ACCENTS[0]);
        let mut theme = Self {
            sky,
            far: lit(green.mix(hex(0x0074_9DBE), 0.7)).mix(haze, 0.35),
            mid: lit(green.mix(hex(0x005F_93A0), 0.35)).mix(haze, 0.12),
            near: lit(green),
            ground: lit(ground),
            water: lit(hex(0x0046_9FBE)).mix(haze, 0.18),
            cloud: lit(WHITE).mix(haze, if hour == Hour::Night { 0.35 } else { 0.1 }),
            light: match hour {
                Hour::Day => hex(0x00FF_F3C4),
                Hour::Dawn => hex(0x00FF_E0A8),
                Hour::Sunset => hex(0x00FF_D98A),
                Hour::Night => hex(0x00FB_F3D6),
            },
            tint,
            accents,
            ink: INK,
        };
        match plan.style {
            Style::Neon => theme.neon(),
            Style::Ink => theme.mono(),
            Style::Anime => theme.each(|c| c.saturated(1.28).lighter(0.04)),
            Style::Retro => theme.each(|c| c.dyed(hex(0x00C9_9A62), 0.5)),
            _ => {}
        }
        for (nth, hue) in plan.hues.iter().take(3).enumerate() {
            theme.wish(pigment(*hue), nth);
        }
        theme
    }

    /// An accent; counts round and round.
    pub(super) fn accent(&self, nth: usize) -> Rgb {
        self.accents.get(nth % self.accents.len()).copied().unwrap_or(self.light)
    }

    fn each(&mut self, f: impl Fn(Rgb) -> Rgb) {
        self.sky = self.sky.map(&f);
        self.accents = self.accents.map(&f);
        for colour in
            [&mut self.far, &mut self.mid, &mut self.near, &mut self.ground, &mut self.water, &mut self.cloud]
        {
            *colour = f(*colour);
        }
    }

    fn neon(&mut self) {
        self.sky = [hex(0x0011_0B2E), hex(0x004A_1866), hex(0x00DC_3F8C)];
        self.far = hex(0x004B_2A7A);
        self.mid = hex(0x002F_1F5C);
        self.near = hex(0x001C_153F);
        self.ground = hex(0x0024_1C48);
        self.water = hex(0x0025_2F77);
        self.cloud = hex(0x0088_3C93);
        self.light = hex(0x00FF_7AB8);
        self.tint = (hex(0x00B0_8CF0), 0.55);
        self.accents = [hex(0x00FF_3D9A), hex(0x0029_E6F2), hex(0x00FF_D23F), hex(0x009B_5CFF)];
    }

    fn mono(&mut self) {
        self.each(Rgb::grey);
        self.sky = [hex(0x00E9_E3D3), hex(0x00F1_ECDF), hex(0x00F5_F1E6)];
        self.far = hex(0x00B4_B5B1);
        self.mid = hex(0x0080_8280);
        self.near = hex(0x0046_4948);
        self.ground = hex(0x00C9_C6BB);
        self.water = hex(0x00DA_D7CB);
        self.light = hex(0x00C8_4A3C);
        self.cloud = hex(0x00F7_F4EB);
        self.tint = (WHITE, 0.0);
    }

    /// Bends the whole theme towards a colour that the prompt names.
    fn wish(&mut self, dye: Rgb, nth: usize) {
        let amount = if nth == 0 { 0.5 } else { 0.3 };
        self.each(|c| c.dyed(dye, amount));
        if let Some(accent) = self.accents.get_mut(nth) {
            *accent = dye;
        }
    }

    /// Takes over the colours of a reference picture: its light ones for the sky, its dark ones for the land.
    pub(super) fn borrow_colours(&mut self, colours: &[Rgb]) {
        let mut sorted = colours.to_vec();
        sorted.sort_by(|a, b| a.luma().total_cmp(&b.luma()));
        let at = |share: f32| {
            let last = sorted.len().saturating_sub(1);
            sorted.get((share * last as f32).round() as usize).copied().unwrap_or(WHITE)
        };
        let (dark, middle, bright) = (at(0.0), at(0.5), at(1.0));
        self.sky =
            [self.sky[0].dyed(middle, 0.7), self.sky[1].dyed(at(0.75), 0.7), self.sky[2].dyed(bright, 0.7)];
        for (colour, source) in [
            (&mut self.far, middle),
            (&mut self.mid, at(0.4)),
            (&mut self.near, dark),
            (&mut self.ground, at(0.3)),
        ] {
            *colour = colour.dyed(source, 0.65);
        }
        for (accent, share) in self.accents.iter_mut().zip([0.6, 0.8, 0.35, 0.1]) {
            *accent = accent.mix(at(share), 0.75);
        }
    }
}

/// The `count` main colours of a picture, most frequent first (k-means on a coarse sample; never empty).
pub(super) fn main_colours(picture: &Raster, count: usize) -> Vec<Rgb> {
    let sample: Vec<Rgb> = (0..32)
        .flat_map(|row| (0..32).map(move |column| (column, row)))
        .map(|(column, row)| {
            let x = (column * picture.width() / 32) as i32;
            let y = (row * picture.height() / 32) as i32;
            Rgb::of(picture.at(x, y))
        })
        .collect();
    let mut sorted = sample.clone();
    sorted.sort_by(|a, b| a.luma().total_cmp(&b.luma()));
    let step = (sorted.len() / count.max(1)).max(1);
    let mut centres: Vec<Rgb> =
        sorted.iter().skip(step / 2).step_by(step).take(count.max(1)).copied().collect();
    let mut sizes = vec![0_usize; centres.len()];
    for _ in 0..8 {
        let mut sums = vec![(Rgb::new(0.0, 0.0, 0.0), 0_usize); centres.len()];
        for colour in &sample {
            let nearest = centres
                .iter()
                .enumerate()
                .min_by(|a, b| colour.distance(*a.1).total_cmp(&colour.distance(*b.1)))
                .map_or(0, |(index, _)| index);
            if let Some((sum, members)) = sums.get_mut(nearest) {
                *sum = sum.zip(*colour, |a, b| a + b);
                *members += 1;
            }
        }
        for ((centre, size), (sum, members)) in centres.iter_mut().zip(&mut sizes).zip(sums) {
            if members > 0 {
                *centre = sum.zip(sum, |a, _| a / members as f32);
            }
            *size = members;
        }
    }
    let mut ranked: Vec<(usize, Rgb)> = sizes.into_iter().zip(centres).collect();
    ranked.sort_by_key(|(members, _)| std::cmp::Reverse(*members));
    ranked.into_iter().map(|(_, colour)| colour).collect()
}
