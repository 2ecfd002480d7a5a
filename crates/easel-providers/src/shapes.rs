//! Wishes for services that take a ratio and a resolution tier instead of pixels. Pure arithmetic.

use easel_core::ports::Output;

use crate::sizes;

/// The listed ratio of the nearest shape, `None` when no shape is wished.
pub(crate) fn ratio(list: &[(u32, u32)], wish: &Output) -> Option<(u32, u32)> {
    let (width, height) = sizes::ratio(wish)?;
    let shape = |(width, height): (u32, u32)| (f64::from(width) / f64::from(height)).ln();
    let distance = |ratio| (shape(ratio) - shape((width, height))).abs();
    list.iter().copied().min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
}

/// The tier that a wish stands for: the one that was named, or the one whose pictures have about as many pixels.
pub(crate) fn tier(wish: &Output) -> Option<u8> {
    wish.tier.or_else(|| {
        let (width, height) = wish.size?;
        // The geometric middles between 1, 4 and 16 megapixels, as services count them.
        Some(match u64::from(width) * u64::from(height) {
            0..2_000_000 => 1,
            2_000_000..8_000_000 => 2,
            _ => 4,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Output = Output { size: None, ratio: None, tier: None };

    #[test]
    fn the_nearest_ratio_is_taken() {
        let list = [(1, 1), (4, 3), (3, 4), (16, 9), (9, 16)];
        let check = |wish, expected| assert_eq!(ratio(&list, &wish), expected, "{wish:?}");
        check(OPEN, None);
        check(Output { tier: Some(4), ..OPEN }, None);
        check(Output { ratio: Some((32, 18)), ..OPEN }, Some((16, 9)));
        check(Output { ratio: Some((5, 4)), ..OPEN }, Some((4, 3)));
        check(Output { size: Some((1000, 1010)), ..OPEN }, Some((1, 1)));
        check(Output { size: Some((1, 4000)), ..OPEN }, Some((9, 16)));
    }

    #[test]
    fn pixels_stand_for_a_tier() {
        let size = |width, height| tier(&Output { size: Some((width, height)), ..OPEN });
        assert_eq!((size(1024, 1024), size(1920, 1080), size(2048, 2048)), (Some(1), Some(2), Some(2)));
        assert_eq!((size(3840, 2160), size(4096, 4096)), (Some(4), Some(4)));
        assert_eq!(tier(&Output { tier: Some(1), size: Some((4096, 4096)), ..OPEN }), Some(1));
        assert_eq!(tier(&Output { ratio: Some((1, 1)), ..OPEN }), None);
    }
}
