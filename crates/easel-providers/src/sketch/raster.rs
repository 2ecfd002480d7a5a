//! A plain picture of opaque pixels, for filters that look at pixels instead of shapes.
//!
//! Reading outside clamps to the border, so filters need no special cases; nothing here can fail or panic.

use tiny_skia::{ColorU8, IntSize, Pixmap};

use super::palette::Rgb;

/// Rows of RGB pixels, top first. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

impl Raster {
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) const fn height(&self) -> usize {
        self.height
    }

    /// The shorter side in pixels, the measure for brush and detail sizes.
    pub(super) fn unit(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    pub(super) fn pixels(&self) -> &[[u8; 3]] {
        &self.pixels
    }

    fn index(&self, x: i32, y: i32) -> usize {
        let column = x.clamp(0, self.width as i32 - 1) as usize;
        let row = y.clamp(0, self.height as i32 - 1) as usize;
        row * self.width + column
    }

    /// The pixel nearest to `(x, y)`.
    pub(super) fn at(&self, x: i32, y: i32) -> [u8; 3] {
        self.pixels.get(self.index(x, y)).copied().unwrap_or_default()
    }

    /// Bilinear sample; pixel centres are at halves.
    pub(super) fn sample(&self, x: f32, y: f32) -> Rgb {
        let (x, y) = (x - 0.5, y - 0.5);
        let (fx, fy) = (x.floor(), y.floor());
        let (ix, iy) = (fx as i32, fy as i32);
        let row = |y| Rgb::of(self.at(ix, y)).mix(Rgb::of(self.at(ix + 1, y)), x - fx);
        row(iy).mix(row(iy + 1), y - fy)
    }

    pub(super) fn put(&mut self, x: i32, y: i32, colour: Rgb, alpha: f32) {
        if x < 0 || y < 0 || x as usize >= self.width || y as usize >= self.height {
            return;
        }
        let index = self.index(x, y);
        if let Some(pixel) = self.pixels.get_mut(index) {
            *pixel = Rgb::of(*pixel).mix(colour, alpha).bytes();
        }
    }

    /// Replaces every pixel by `f(x, y, pixel)`.
    pub(super) fn map(&mut self, mut f: impl FnMut(f32, f32, Rgb) -> Rgb) {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = f(x as f32, y as f32, Rgb::of(*pixel)).bytes();
            }
        }
    }

    /// A picture of the given size whose pixels are `f(x, y)`.
    pub(super) fn filled(width: usize, height: usize, mut f: impl FnMut(usize, usize) -> [u8; 3]) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let pixels =
            (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| f(x, y)).collect();
        Self { width, height, pixels }
    }

    /// From RGBA bytes on white. `None` when the length does not fit the sides.
    pub(super) fn from_rgba(width: u32, height: u32, rgba: &[u8]) -> Option<Self> {
        let (width, height) = (width as usize, height as usize);
        let wanted = width.checked_mul(height)?.checked_mul(4)?;
        if wanted == 0 || wanted != rgba.len() {
            return None;
        }
        let pixels = rgba
            .as_chunks::<4>()
            .0
            .iter()
            .map(|[r, g, b, a]| {
                let over = |c: u8| ((u16::from(c) * u16::from(*a) + 255 * (255 - u16::from(*a))) / 255) as u8;
                [over(*r), over(*g), over(*b)]
            })
            .collect();
        Some(Self { width, height, pixels })
    }

    pub(super) fn from_pixmap(page: &Pixmap) -> Self {
        let pixels = page.pixels().iter().map(|p| [p.red(), p.green(), p.blue()]).collect();
        Self { width: page.width() as usize, height: page.height() as usize, pixels }
    }

    /// The same picture for the vector tools. `None` only for sides that no request can have.
    pub(super) fn to_pixmap(&self) -> Option<Pixmap> {
        let size = IntSize::from_wh(self.width as u32, self.height as u32)?;
        let bytes = self
            .pixels
            .iter()
            .flat_map(|[r, g, b]| {
                let p = ColorU8::from_rgba(*r, *g, *b, 255).premultiply();
                [p.red(), p.green(), p.blue(), 255]
            })
            .collect();
        Pixmap::from_vec(bytes, size)
    }

    /// The columns `left..right` and rows `top..low`, at least one pixel of them.
    pub(super) fn part(&self, left: usize, top: usize, right: usize, low: usize) -> Self {
        Self::filled(right.saturating_sub(left), low.saturating_sub(top), |x, y| {
            self.at((left + x) as i32, (top + y) as i32)
        })
    }

    /// Scaled so that it covers the given size; what sticks out is cut off evenly. Averages when shrinking.
    pub(super) fn cover(&self, width: usize, height: usize) -> Self {
        let scale = (self.width as f32 / width as f32).min(self.height as f32 / height as f32);
        let left = (self.width as f32 - width as f32 * scale) / 2.0;
        let top = (self.height as f32 - height as f32 * scale) / 2.0;
        let taps = (scale.round() as usize).clamp(1, 4);
        let part = scale / taps as f32;
        Self::filled(width, height, |x, y| {
            let mut sum = Rgb::new(0.0, 0.0, 0.0);
            for tap in 0..taps * taps {
                let sx = left + x as f32 * scale + ((tap % taps) as f32 + 0.5) * part;
                let sy = top + y as f32 * scale + ((tap / taps) as f32 + 0.5) * part;
                let c = self.sample(sx, sy);
                sum = Rgb::new(sum.r + c.r, sum.g + c.g, sum.b + c.b);
            }
            sum.scaled(1.0 / (taps * taps) as f32).bytes()
        })
    }

    /// Two passes of a box blur, near enough to a Gaussian.
    pub(super) fn blurred(&self, radius: usize) -> Self {
        let mut out = self.clone();
        for _ in 0..2 {
            out = out.box_rows(radius).transposed().box_rows(radius).transposed();
        }
        out
    }

    fn transposed(&self) -> Self {
        Self::filled(self.height, self.width, |x, y| self.at(y as i32, x as i32))
    }

    fn box_rows(&self, radius: usize) -> Self {
        let span = radius as i32;
        let weight = 2 * radius as u32 + 1;
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..self.height as i32 {
            let mut sum = [0_u32; 3];
            let shift = |sum: &mut [u32; 3], x: i32, add: bool| {
                for (total, channel) in sum.iter_mut().zip(self.at(x, y)) {
                    let channel = u32::from(channel);
                    *total = if add { *total + channel } else { total.saturating_sub(channel) };
                }
            };
            for x in -span..=span {
                shift(&mut sum, x, true);
            }
            for x in 0..self.width as i32 {
                pixels.push(sum.map(|total| (total / weight) as u8));
                shift(&mut sum, x - span, false);
                shift(&mut sum, x + span + 1, true);
            }
        }
        Self { width: self.width, height: self.height, pixels }
    }

    /// Strength (0 to about 1) of the edge at a pixel and the direction along it, in radians.
    pub(super) fn edge(&self, x: i32, y: i32, reach: i32) -> (f32, f32) {
        let luma = |dx: i32, dy: i32| Rgb::of(self.at(x + dx * reach, y + dy * reach)).luma();
        let gx = luma(1, -1) + 2.0 * luma(1, 0) + luma(1, 1) - luma(-1, -1) - 2.0 * luma(-1, 0) - luma(-1, 1);
        let gy = luma(-1, 1) + 2.0 * luma(0, 1) + luma(1, 1) - luma(-1, -1) - 2.0 * luma(0, -1) - luma(1, -1);
        (gx.hypot(gy) / 4.0, gy.atan2(gx) + std::f32::consts::FRAC_PI_2)
    }
}
