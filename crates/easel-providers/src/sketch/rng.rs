//! Repeatable chance: a hash of the prompt, a small generator and smooth noise.
//!
//! Nothing here reads the clock or the machine, and integer arithmetic wraps on purpose, so the same request
//! gives the same picture everywhere. Not for anything secret.

/// Mixes the bits of `value` so that neighbours end up far apart (the finaliser of `SplitMix64`).
pub(super) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hash of a text (FNV-1a, then mixed); stable across versions, because pictures are promised to be.
pub(super) fn hash(text: &str) -> u64 {
    mix(text
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)))
}

/// A `SplitMix64` generator. Cheap to copy; `fork` gives an independent one for a part of the picture, so that
/// a change in one part does not reshuffle the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// An independent generator named by `label`.
    pub(super) const fn fork(self, label: u64) -> Self {
        Self(mix(self.0 ^ mix(label)))
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Uniform in `0.0..1.0`.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 16_777_216.0
    }

    /// Uniform between `low` and `high`.
    pub(super) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..count`; 0 when `count` is 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { (self.next() % count as u64) as usize }
    }

    /// True with the given probability.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }
}

/// A fixed random value in `0.0..1.0` for a lattice point.
pub(super) fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x85EB_CA6B) ^ (y as u32).wrapping_mul(0xC2B2_AE35) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    h ^= h >> 15;
    (h >> 8) as f32 / 16_777_216.0
}

/// Smooth value noise in `0.0..1.0`; features are about one unit wide.
pub(super) fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - fx), smooth(y - fy));
    let (right, below) = (ix.wrapping_add(1), iy.wrapping_add(1));
    let top = lattice(ix, iy, seed) * (1.0 - u) + lattice(right, iy, seed) * u;
    let low = lattice(ix, below, seed) * (1.0 - u) + lattice(right, below, seed) * u;
    top * (1.0 - v) + low * v
}

/// Three octaves of [`noise`], still in `0.0..1.0`.
pub(super) fn clouds(x: f32, y: f32, seed: u32) -> f32 {
    noise(x, y, seed) * 0.57
        + noise(x * 2.1, y * 2.1, seed ^ 0x51) * 0.29
        + noise(x * 4.3, y * 4.3, seed ^ 0xA7) * 0.14
}
