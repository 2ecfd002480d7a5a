//! Which size to ask for: pure arithmetic over data about model families.
//!
//! Source of the numbers: OpenAI's image generation guide and API reference (sizes per model; for the models from
//! gpt-image-2 on: sides divisible by 16, ratio between 1:3 and 3:1, longest side 3840, 655,360 to 8,294,400 pixels).

use easel_core::ports::{Output, Shapes};

/// How a family of models takes sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Any sides within the limits of gpt-image-2.
    Free,
    /// One of these.
    Fixed(&'static [(u32, u32)]),
}

const CLASSIC: &[(u32, u32)] = &[(1024, 1024), (1536, 1024), (1024, 1536)];
const DALL_E_3: &[(u32, u32)] = &[(1024, 1024), (1792, 1024), (1024, 1792)];
const DALL_E_2: &[(u32, u32)] = &[(1024, 1024), (512, 512), (256, 256)];

/// Beginnings of model names (without a vendor before a slash), the first match counts.
const FAMILIES: &[(&str, Family)] = &[
    ("gpt-image-1", Family::Fixed(CLASSIC)),
    ("chatgpt-image", Family::Fixed(CLASSIC)),
    ("gpt-image-", Family::Free),
    ("dall-e-3", Family::Fixed(DALL_E_3)),
    ("dalle-3", Family::Fixed(DALL_E_3)),
    ("dall-e-2", Family::Fixed(DALL_E_2)),
    ("dalle-2", Family::Fixed(DALL_E_2)),
];

const STEP: u32 = 16;
const MAX_SIDE: u32 = 3840;
const MAX_RATIO: u32 = 3;
const MIN_PIXELS: u64 = 655_360;
const MAX_PIXELS: u64 = 8_294_400;

/// Sizes per ratio for the tiers 1K, 2K and 4K.
type Row = ((u32, u32), [(u32, u32); 3]);
const TIERS: &[Row] = &[
    ((1, 1), [(1024, 1024), (2048, 2048), (2880, 2880)]),
    ((16, 9), [(1280, 720), (2048, 1152), (3840, 2160)]),
    ((9, 16), [(720, 1280), (1152, 2048), (2160, 3840)]),
    ((4, 3), [(1024, 768), (2048, 1536), (3264, 2448)]),
    ((3, 4), [(768, 1024), (1536, 2048), (2448, 3264)]),
    ((3, 2), [(1008, 672), (2064, 1376), (3504, 2336)]),
    ((2, 3), [(672, 1008), (1376, 2064), (2336, 3504)]),
    ((21, 9), [(1344, 576), (2016, 864), (3808, 1632)]),
    ((9, 21), [(576, 1344), (864, 2016), (1632, 3808)]),
];

/// The family of a model; unknown models are tried as free ones, and step down when they refuse.
pub(crate) fn family(model: &str) -> Family {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    FAMILIES.iter().find(|(start, _)| name.starts_with(start)).map_or(Family::Free, |(_, family)| *family)
}

/// The shapes that [`choose`] can ask a model for.
pub(crate) fn shapes(model: &str) -> Shapes {
    match family(model) {
        Family::Free => Shapes::UpTo(MAX_RATIO),
        Family::Fixed(list) => Shapes::Sizes(list.into()),
    }
}

/// The size to send, or `None` when the wish is open. In place of a size that was `refused` before, a smaller classic one
/// is tried, or the classic one of its shape where the wish was smaller than they all: without a size most services draw a
/// square that is no smaller either. When that was refused too, there is none.
pub(crate) fn choose(model: &str, wish: &Output, refused: impl Fn((u32, u32)) -> bool) -> Option<(u32, u32)> {
    let wished = wished(wish)?;
    match family(model) {
        Family::Fixed(list) => stepped(nearest(list, wished), list, refused),
        Family::Free => {
            let first = lawful(wished);
            let beneath_all = CLASSIC.iter().all(|size| area(*size) >= area(first));
            if beneath_all && refused(first) {
                return Some(nearest(CLASSIC, wished)).filter(|size| !refused(*size));
            }
            stepped(first, CLASSIC, refused)
        }
    }
}

/// `first`, or in its place the nearest of the smaller ones in `list`.
fn stepped(
    first: (u32, u32),
    list: &[(u32, u32)],
    refused: impl Fn((u32, u32)) -> bool,
) -> Option<(u32, u32)> {
    if !refused(first) {
        return Some(first);
    }
    let smaller = list.iter().copied().filter(|size| area(*size) < area(first));
    closest(smaller, |size| *size, first).filter(|size| !refused(*size))
}

/// Pixels.
pub(crate) fn area((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

/// The size of `list` to send, or `None` when the wish is open. In place of one that was `refused` before, the nearest
/// smaller one is tried; when that was refused too, there is none.
pub(crate) fn listed(
    list: &[(u32, u32)],
    wish: &Output,
    refused: impl Fn((u32, u32)) -> bool,
) -> Option<(u32, u32)> {
    nearest_unrefused(list, wished(wish)?, refused)
}

/// The same for a wish in pixels.
pub(crate) fn nearest_unrefused(
    list: &[(u32, u32)],
    wished: (u32, u32),
    refused: impl Fn((u32, u32)) -> bool,
) -> Option<(u32, u32)> {
    stepped(nearest(list, wished), list, refused)
}

/// The size of the same shape whose area is within `pixels`, with sides that `step` divides.
pub(crate) fn bounded((w, h): (u32, u32), pixels: (f64, f64), step: u32) -> (u32, u32) {
    let (w, h) = (f64::from(w.max(1)), f64::from(h.max(1)));
    let (least, most) = pixels;
    let wanted = (w * h).clamp(least, most);
    let scale = (wanted / (w * h)).sqrt();
    let sides = |round: fn(f64) -> f64| (on_grid(w * scale, step, round), on_grid(h * scale, step, round));
    let area = |(w, h): (u32, u32)| f64::from(w) * f64::from(h);
    let size = sides(f64::round);
    if area(size) > most {
        sides(f64::floor)
    } else if area(size) < least {
        sides(f64::ceil)
    } else {
        size
    }
}

/// What most checkpoints are trained for today.
const USUAL: (u32, u32) = (1024, 1024);
/// Pixels that an engine on somebody's own machine is asked for: beyond them most run out of memory.
const ENGINE_PIXELS: (f64, f64) = (256.0 * 256.0, 2048.0 * 2048.0);
/// The largest tier within them.
pub(crate) const ENGINE_TIER: u8 = 2;
/// Sides of an engine are made of blocks of so many pixels.
pub(crate) const ENGINE_BLOCK: u32 = 8;

/// The size to ask an engine for that takes any sides of whole blocks; `None` = its own. `native` is what the owner says
/// that the checkpoint is trained for, `frame` a picture whose shape is kept where none is wished. `fit` finds sides of a
/// shape for so many pixels; exact wishes pass by it. In place of what was `refused`, fewer pixels of the same shape are
/// tried.
pub(crate) fn engine(
    wish: &Output,
    frame: Option<(u32, u32)>,
    native: Option<(u32, u32)>,
    fit: impl Fn((u32, u32), f64) -> (u32, u32),
    refused: impl Fn((u32, u32)) -> bool,
) -> Option<(u32, u32)> {
    let area = |(width, height): (u32, u32)| f64::from(width) * f64::from(height);
    let (least, most) = ENGINE_PIXELS;
    let usual = area(native.unwrap_or(USUAL)).clamp(least, most);
    let shape = ratio(wish).or(frame).filter(|(width, height)| *width > 0 && *height > 0);
    if shape.is_none() && wish.tier.is_none() {
        return native.filter(|size| !refused(*size));
    }
    let pixels = match (wish.size, wish.tier) {
        (Some(size), _) => area(size).clamp(least, most),
        (None, Some(tier)) => {
            let side = f64::from(tier.clamp(1, ENGINE_TIER)) * 1024.0;
            side * side
        }
        (None, None) => usual,
    };
    let shape = shape.or(native).unwrap_or(USUAL);
    let exact = wish.size.map(|_| bounded(shape, (pixels, pixels), ENGINE_BLOCK));
    let steps = [pixels, pixels.min(usual), pixels.min(usual) / 2.0].map(|pixels| fit(shape, pixels));
    let mut sizes = exact.into_iter().chain(steps);
    let first = sizes.next()?;
    if !refused(first) {
        return Some(first);
    }
    sizes.find(|size| area(*size) < area(first) && !refused(*size))
}

/// Sides of this shape that `step` divides, with about so many pixels.
pub(crate) fn about((width, height): (u32, u32), pixels: f64, step: u32) -> (u32, u32) {
    let ratio = f64::from(width.max(1)) / f64::from(height.max(1));
    let height = (pixels / ratio).sqrt();
    (on_grid(height * ratio, step, f64::round), on_grid(height, step, f64::round))
}

/// The sides that a text such as `512x768` names.
pub(crate) fn parsed(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.trim().split_once(['x', 'X', '*', '×'])?;
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| (16..=16_384).contains(side));
    Some((side(width)?, side(height)?))
}

/// Whether a shape lies on its side where the wished one stands, or the other way round.
fn is_turned(shape: (u32, u32), wished: (u32, u32)) -> bool {
    let lies = |(width, height): (u32, u32)| width.cmp(&height);
    lies(shape).is_ne() && lies(shape) == lies(wished).reverse()
}

/// The nearest of `list` that was not `refused` and that lies or stands as the wished shape does.
pub(crate) fn unturned(
    list: impl IntoIterator<Item = (u32, u32)>,
    wished: (u32, u32),
    refused: impl Fn((u32, u32)) -> bool,
) -> Option<(u32, u32)> {
    let fits = |size: &(u32, u32)| !refused(*size) && !is_turned(*size, wished);
    closest(list.into_iter().filter(fits), |size| *size, wished)
}

/// The ratio of a wish in lowest terms.
pub(crate) fn ratio(wish: &Output) -> Option<(u32, u32)> {
    let (w, h) = wish.ratio.or(wish.size).filter(|(w, h)| *w > 0 && *h > 0)?;
    let divisor = gcd(w, h);
    Some((w / divisor, h / divisor))
}

/// The pixels that a wish stands for.
pub(crate) fn wished(wish: &Output) -> Option<(u32, u32)> {
    if let Some(size) = wish.size.filter(|(w, h)| *w > 0 && *h > 0) {
        return Some(size);
    }
    if wish.ratio.is_none() && wish.tier.is_none() {
        return None;
    }
    let (rw, rh) = ratio(wish).unwrap_or((1, 1));
    let tier = match wish.tier {
        Some(4..) => 2,
        Some(2 | 3) => 1,
        _ => 0,
    };
    let same = |row: &&Row| {
        row.0 == (rw, rh)
            || (row.0 == (21, 9) && (rw, rh) == (7, 3))
            || (row.0 == (9, 21) && (rw, rh) == (3, 7))
    };
    if let Some(size) = TIERS.iter().find(same).and_then(|row| row.1.get(tier)) {
        return Some(*size);
    }
    let pixels =
        [1024.0 * 1024.0, 2048.0 * 2048.0, 8_294_400.0_f64].get(tier).copied().unwrap_or(1_048_576.0);
    let height = (pixels * f64::from(rh) / f64::from(rw)).sqrt();
    Some((rounded(height * f64::from(rw) / f64::from(rh)), rounded(height)))
}

/// The wished shape, made smaller until no side is longer than `side`; sides are divisible by 16.
pub(crate) fn within((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let shrink = (f64::from(side) / f64::from(width.max(height).max(1))).min(1.0);
    let fit = |length: u32| rounded(f64::from(length) * shrink).min(side - side % STEP);
    (fit(width), fit(height))
}

/// The nearest size that the free family takes.
fn lawful((w, h): (u32, u32)) -> (u32, u32) {
    let ratio = (f64::from(w) / f64::from(h)).clamp(1.0 / f64::from(MAX_RATIO), f64::from(MAX_RATIO));
    let mut pixels = f64::from(w) * f64::from(h);
    // The longest side bounds the area for this ratio.
    let longest = f64::from(MAX_SIDE);
    let most = if ratio >= 1.0 { longest * longest / ratio } else { longest * longest * ratio };
    pixels = pixels.clamp(655_360.0, 8_294_400.0_f64.min(most));
    let height = (pixels / ratio).sqrt();
    let mut sides = (rounded(height * ratio), rounded(height));
    // Rounding may step over a limit by one grid line; walk back along the side that is too long for its ratio.
    for _ in 0..16 {
        let area = u64::from(sides.0) * u64::from(sides.1);
        let wide = sides.0 >= sides.1;
        if sides.0 > MAX_SIDE || area > MAX_PIXELS && wide || sides.0 > MAX_RATIO * sides.1 {
            sides.0 -= STEP;
        } else if sides.1 > MAX_SIDE || area > MAX_PIXELS || sides.1 > MAX_RATIO * sides.0 {
            sides.1 -= STEP;
        } else if area < MIN_PIXELS {
            // Growing the shorter side can't break the ratio.
            if wide { sides.1 += STEP } else { sides.0 += STEP }
        } else {
            break;
        }
    }
    sides
}

/// The listed size of the nearest shape, and among equals the nearest area.
pub(crate) fn nearest(list: &[(u32, u32)], wished: (u32, u32)) -> (u32, u32) {
    closest(list.iter().copied(), |size| *size, wished).unwrap_or((1024, 1024))
}

/// The item of the nearest shape, and among equals the nearest area; one that lies on its side in place of one that
/// stands, or the other way round, only where there is nothing else. `size` gives an item's sides, or its ratio.
pub(crate) fn closest<T>(
    items: impl IntoIterator<Item = T>,
    size: impl Fn(&T) -> (u32, u32),
    (w, h): (u32, u32),
) -> Option<T> {
    let shape = |(w, h): (u32, u32)| (f64::from(w) / f64::from(h)).ln();
    let area = |(w, h): (u32, u32)| (f64::from(w) * f64::from(h)).ln();
    let distance = |item: &T| {
        let size = size(item);
        let (by_shape, by_area) = (shape(size) - shape((w, h)), area(size) - area((w, h)));
        (is_turned(size, (w, h)), by_shape.abs(), by_area.abs())
    };
    let better = |a: &T, b: &T| {
        let (a, b) = (distance(a), distance(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
    };
    items.into_iter().min_by(better)
}

/// The listed ratio of the nearest shape, `None` when no shape is wished.
pub(crate) fn nearest_ratio(list: &[(u32, u32)], wish: &Output) -> Option<(u32, u32)> {
    closest(list.iter().copied(), |ratio| *ratio, ratio(wish)?)
}

fn rounded(side: f64) -> u32 {
    on_grid(side, STEP, f64::round)
}

/// The multiple of `step` that `round` finds for a side; at least one step.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and far below the type's range"
)]
fn on_grid(side: f64, step: u32, round: fn(f64) -> f64) -> u32 {
    (round(side.min(65_536.0) / f64::from(step)) as u32).max(1) * step
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(model: &str, wish: Output, refused: &[(u32, u32)], expected: Option<(u32, u32)>) {
        assert_eq!(choose(model, &wish, |size| refused.contains(&size)), expected);
    }

    const OPEN: Output = Output { size: None, ratio: None, tier: None };

    #[test]
    fn wishes_become_sizes() {
        let wide = Output { ratio: Some((16, 9)), ..OPEN };
        check("gpt-image-2", OPEN, &[], None);
        check("gpt-image-2", wide, &[], Some((1280, 720)));
        check("gpt-image-2.5-flare", Output { tier: Some(4), ..wide }, &[], Some((3840, 2160)));
        check("openai/gpt-image-2", Output { tier: Some(2), ..OPEN }, &[], Some((2048, 2048)));
        check("gpt-image-2", Output { size: Some((2048, 1152)), ..OPEN }, &[], Some((2048, 1152)));
        check("gpt-image-2", Output { size: Some((1000, 1000)), ..OPEN }, &[], Some((1008, 1008)));
        check("gpt-image-2", Output { size: Some((256, 256)), ..OPEN }, &[], Some((816, 816)));
        check("gpt-image-2", Output { size: Some((4096, 4096)), ..OPEN }, &[], Some((2880, 2880)));
        check("gpt-image-2", Output { ratio: Some((5, 4)), ..OPEN }, &[], Some((1152, 912)));
        check("gpt-image-1", wide, &[], Some((1536, 1024)));
        check("gpt-image-1.5", Output { tier: Some(4), ..OPEN }, &[], Some((1024, 1024)));
        check("dall-e-3", wide, &[], Some((1792, 1024)));
        check("dall-e-2", Output { size: Some((300, 300)), ..OPEN }, &[], Some((256, 256)));
        check("some-gateway-model", wide, &[], Some((1280, 720)));
    }

    #[test]
    fn a_refused_size_steps_down() {
        let wide = Output { ratio: Some((16, 9)), ..OPEN };
        let (exact, classic) = ((1280, 720), (1536, 1024));
        check("gpt-image-2", wide, &[exact], Some(classic));
        check("gpt-image-2", wide, &[exact, classic], None);
        check("gpt-image-2", wide, &[classic], Some(exact));
        let (large, uhd) = (Output { tier: Some(4), ..wide }, (3840, 2160));
        check("gpt-image-2", large, &[uhd], Some(classic));
        check("gpt-image-2", large, &[uhd, classic], None);
        check("gpt-image-2", Output { ratio: Some((1, 1)), ..OPEN }, &[exact, classic], Some((1024, 1024)));
        check("dall-e-3", wide, &[(1792, 1024)], Some((1024, 1024)));
    }

    #[test]
    fn large_wishes_shrink_into_their_frame() {
        let check = |size, side, expected| assert_eq!(within(size, side), expected);
        check((1024, 1024), 1664, (1024, 1024));
        check((2048, 1152), 1664, (1664, 944));
        check((256, 4096), 1024, (64, 1024));
        check((1000, 500), 2048, (1008, 496));
    }

    #[test]
    fn the_nearest_ratio_is_taken() {
        let list = [(1, 1), (4, 3), (3, 4), (16, 9), (9, 16)];
        let check = |wish, expected| assert_eq!(nearest_ratio(&list, &wish), expected, "{wish:?}");
        check(OPEN, None);
        check(Output { tier: Some(4), ..OPEN }, None);
        check(Output { ratio: Some((32, 18)), ..OPEN }, Some((16, 9)));
        check(Output { ratio: Some((5, 4)), ..OPEN }, Some((4, 3)));
        check(Output { size: Some((1000, 1010)), ..OPEN }, Some((1, 1)));
        check(Output { size: Some((1, 4000)), ..OPEN }, Some((9, 16)));
    }

    #[test]
    fn listed_sizes_step_down_once() {
        const LIST: &[(u32, u32)] = &[(512, 512), (1024, 1024), (1024, 576), (2048, 1152)];
        #[track_caller]
        fn check(wish: Output, refused: &[(u32, u32)], expected: Option<(u32, u32)>) {
            assert_eq!(listed(LIST, &wish, |size| refused.contains(&size)), expected);
        }
        let wide = Output { ratio: Some((16, 9)), tier: Some(2), size: None };
        check(OPEN, &[], None);
        check(wide, &[], Some((2048, 1152)));
        check(wide, &[(2048, 1152)], Some((1024, 576)));
        check(wide, &[(2048, 1152), (1024, 576)], None);
        check(Output { size: Some((500, 500)), ..OPEN }, &[(512, 512)], None);
    }

    #[test]
    fn what_stands_never_lies_down_while_there_is_another() {
        let check = |list: &[(u32, u32)], wished, expected| assert_eq!(nearest(list, wished), expected);
        check(&[(1280, 720), (512, 4096)], (1000, 1100), (512, 4096));
        check(&[(1280, 720), (720, 1280)], (1000, 1001), (720, 1280));
        check(&[(1280, 720), (720, 1280)], (1001, 1000), (1280, 720));
        check(&[(1280, 720)], (1000, 1001), (1280, 720));
        assert!(is_turned((16, 9), (9, 16)) && is_turned((9, 16), (16, 9)));
        assert!(!is_turned((1, 1), (9, 16)) && !is_turned((9, 16), (1, 1)) && !is_turned((3, 4), (9, 16)));
    }

    proptest! {
        #[test]
        fn an_engine_is_asked_for_what_is_wished(w in 32_u32..256, h in 32_u32..256) {
            let exact = (w * ENGINE_BLOCK, h * ENGINE_BLOCK);
            let wish = Output { size: Some(exact), ..OPEN };
            let fit = |shape, pixels| about(shape, pixels, 64);
            prop_assert_eq!(engine(&wish, None, None, fit, |_| false), Some(exact));
            let second = engine(&wish, None, None, fit, |size| size == exact).unwrap();
            prop_assert!(second != exact && second.0 % 64 == 0 && second.1 % 64 == 0, "{second:?}");
            prop_assert!(!is_turned(second, exact), "{exact:?} became {second:?}");
        }

        #[test]
        fn bounded_sizes_stay_inside_their_area(w in 1_u32..9000, h in 1_u32..9000) {
            prop_assume!(w <= 10 * h && h <= 10 * w);
            let (least, most) = (512.0 * 512.0, 2048.0 * 2048.0);
            let (wide, high) = bounded((w, h), (least, most), 16);
            prop_assert!(wide % 16 == 0 && high % 16 == 0);
            let area = f64::from(wide) * f64::from(high);
            prop_assert!(area >= least && area <= most, "{wide}x{high}");
            let shape = (f64::from(wide) * f64::from(h) / (f64::from(high) * f64::from(w))).ln().abs();
            prop_assert!(shape < 0.11, "{w}x{h} became {wide}x{high}");
        }

        #[test]
        fn free_sizes_stay_inside_the_limits(w in 1_u32..9000, h in 1_u32..9000) {
            let (w, h) = lawful((w, h));
            prop_assert!(w % 16 == 0 && h % 16 == 0);
            prop_assert!(w <= 3840 && h <= 3840 && w <= 3 * h && h <= 3 * w, "{w}x{h}");
            let area = u64::from(w) * u64::from(h);
            prop_assert!((MIN_PIXELS..=MAX_PIXELS).contains(&area), "{w}x{h}");
        }
    }
}
