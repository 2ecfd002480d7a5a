//! Volcengine Ark and `BytePlus`: Seedream.
//!
//! Facts: Volcengine Ark API reference, "Image generation API" and "Error codes"; the parameter tables of its Python SDK.
//! Not obvious: a watermark is drawn unless `watermark` is false, so it is always sent; with a tier as `size` the ratio is
//! taken from the prompt, so a wished ratio goes as pixels; there is no `n`, several pictures are a set whose members can
//! fail one by one; models that make no sets refuse the field whatever its value; `partial` means a finished picture
//! of a set, no preview; error codes grow new endings, so they are compared by their beginning.
//!
//! Everything in `extra` goes to the request's top level: `watermark = true`, `size = "2K"` (used while nobody wishes a
//! shape), `output_format`, `optimize_prompt_options`, `stream`. Keys work in their own region only; limits are per
//! account, so keys of one account should carry the same `account`.

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::{Output, Shapes},
};
use serde_json::{Map, Value, json};

use crate::{
    classify::{self, FORBIDDEN_REST, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Pictures},
    lessons::{Known, Sent},
    sizes,
};

/// What a model takes.
struct Row {
    /// How its name begins, without `doubao-` or `dola-`.
    start: &'static str,
    /// Tiers in K, the smallest first.
    tiers: &'static [u8],
    /// `size` may be the name of a tier; else it is always `WxH`.
    named_tiers: bool,
    /// Pixels that `WxH` may have.
    pixels: (u64, u64),
    references: usize,
    /// It makes sets; the others refuse the very field.
    sets: bool,
    /// It takes `size`; those that only edit keep the shape of the picture.
    sized: bool,
}

const MOST_PIXELS: u64 = 16_777_216;

/// Version 4 and what is like it: no end of pixels, sets, many references.
const LARGE: Row = Row {
    start: "seedream-4-0",
    tiers: &[1, 2, 4],
    named_tiers: true,
    pixels: (921_600, MOST_PIXELS),
    references: 14,
    sets: true,
    sized: true,
};
/// Like it, but too fine for small pictures.
const FINE: Row = Row { start: "seedream-5-0", tiers: &[2, 4], pixels: (3_686_400, MOST_PIXELS), ..LARGE };
/// Models that draw one picture at a time.
const SINGLE: Row = Row {
    start: "seedream-5-5",
    tiers: &[1, 2],
    pixels: (921_600, 4_600_000),
    references: 10,
    sets: false,
    ..LARGE
};

/// The first match counts.
const ROWS: &[Row] = &[
    LARGE,
    Row { start: "seedream-4-5", ..FINE },
    Row { start: "seedream-5-0-pro", ..SINGLE },
    Row { start: "seedream-5-0-flash", ..SINGLE },
    FINE,
    SINGLE,
    // Before there were names for tiers.
    Row { start: "seedream-3-0", named_tiers: false, pixels: (262_144, 4_194_304), references: 0, ..SINGLE },
    Row {
        start: "seededit-3-0",
        tiers: &[1],
        named_tiers: false,
        pixels: (0, MOST_PIXELS),
        references: 1,
        sized: false,
        ..SINGLE
    },
];

/// For end points (`ep-…`), which don't tell their model, and models that nobody has heard of yet: what all sizes of
/// version 4 and newer have in common, and no sets.
const ANY: Row = Row { start: "", references: 10, sets: false, ..FINE };

/// What all models take: version 4 takes no WebP, and no picture beyond this.
pub(crate) const PICTURES: Pictures =
    Pictures { webp: false, bytes: Some(10_000_000), together: None, side: Some(4096) };

/// References and results of one call together.
const MAX_PICTURES: usize = 15;

/// The sizes that Ark recommends for 1K, 2K and 4K.
const SIZES: &[[(u32, u32); 3]] = &[
    [(1024, 1024), (2048, 2048), (4096, 4096)],
    [(1152, 864), (2304, 1728), (4704, 3520)],
    [(864, 1152), (1728, 2304), (3520, 4704)],
    [(1312, 736), (2848, 1600), (5504, 3040)],
    [(736, 1312), (1600, 2848), (3040, 5504)],
    [(1248, 832), (2496, 1664), (4992, 3328)],
    [(832, 1248), (1664, 2496), (3328, 4992)],
    [(1568, 672), (3136, 1344), (6240, 2656)],
];
/// The ratios of those rows.
const RATIOS: &[(u32, u32)] = &[(1, 1), (4, 3), (3, 4), (16, 9), (9, 16), (3, 2), (2, 3), (21, 9)];
/// Sides are multiples of this; it divides all of the recommended ones.
const STEP: u32 = 16;
/// The longest ratio, either way.
const MAX_RATIO: u32 = 16;

/// The dialect.
pub(crate) struct Ark;

impl Dialect for Ark {
    fn limits(&self, model: &str) -> Limits {
        let known = known_row(model);
        let row = known.unwrap_or(&ANY);
        let count = if row.sets { u8::try_from(MAX_PICTURES).unwrap_or(u8::MAX) } else { 1 };
        Limits {
            words_alone: row.sized,
            tier: known.and_then(|row| row.tiers.last().copied()),
            shapes: if row.sized { Shapes::UpTo(MAX_RATIO) } else { Shapes::Kept },
            pictures: PICTURES,
            ..Limits::new(row.references, count)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let row = known_row(&settings.model).unwrap_or(&ANY);
        let mut fields = Map::new();
        fields.insert("watermark".to_owned(), false.into());
        if row.sized
            && let Some(size) = size(row, &request.output, known)
        {
            fields.insert("size".to_owned(), size.into());
        }
        let room = MAX_PICTURES.saturating_sub(request.references.len()).max(1);
        let count = usize::from(request.count).min(room);
        let as_set = row.sets && count > 1;
        if as_set {
            fields.insert("sequential_image_generation".to_owned(), "auto".into());
            let options = json!({ "max_images": count });
            fields.insert("sequential_image_generation_options".to_owned(), options);
        }
        let size_is_open = sizes::wished(&request.output).is_none();
        for (key, value) in &settings.extra {
            // The owner's size is a default; a wish of the person wins.
            if key != "size" || size_is_open {
                fields.insert(key.clone(), value.clone());
            }
        }
        let sent = Sent::new(&fields);
        fields.retain(|key, value| known.allows(key, value));

        let mut json = JsonRequest::new();
        fields.insert("model".to_owned(), settings.model.as_str().into());
        // In a set the model draws as many as the prompt speaks of.
        let prompt = if as_set && known.allows("sequential_image_generation", &Value::Null) {
            format!("{}\n\n(A set of {count} pictures.)", request.prompt)
        } else {
            (*request.prompt).to_owned()
        };
        fields.insert("prompt".to_owned(), prompt.into());
        let mut pictures: Vec<Value> =
            request.references.iter().map(|reference| json.data_url(reference).into()).collect();
        match pictures.len() {
            0 => {}
            1 => fields.extend(pictures.pop().map(|picture| ("image".to_owned(), picture))),
            _ => {
                fields.insert("image".to_owned(), pictures.into());
            }
        }
        Draft { path: "images/generations".into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let root = &facts.answer.skeleton;
        let items = root.get("data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let drawn = items
            .iter()
            .any(|item| ["url", "b64_json"].iter().any(|key| item.get(key).is_some_and(Value::is_string)));
        let success = (200..300).contains(&facts.status);
        if success && drawn {
            // Part of a set is better than none.
            return None;
        }
        let failed = items.iter().find_map(|item| item.get("error"));
        let failure = match failed {
            Some(error) if success => classify::failure_at(facts, error),
            _ => classify::failure(facts),
        }?;
        Some(recognised(failure))
    }
}

fn known_row(model: &str) -> Option<&'static Row> {
    let name = model.to_ascii_lowercase();
    let name = ["doubao-", "dola-"].into_iter().find_map(|maker| name.strip_prefix(maker)).unwrap_or(&name);
    ROWS.iter().find(|row| name.starts_with(row.start))
}

/// `size`, or `None` when the wish is open. In place of one that was refused, the next smaller tier is tried; where there
/// is none, or that was refused too, there is none.
fn size(row: &Row, wish: &Output, known: &Known) -> Option<String> {
    let wished = wish.wished_tier().unwrap_or(2);
    let largest = row.tiers.iter().rev().find(|tier| **tier <= wished).or(row.tiers.first());
    let tier = largest.copied().unwrap_or(2);
    let ratio = sizes::ratio(wish);
    let pixels = |tier| named(recommended(row, ratio.unwrap_or((1, 1)), tier));
    let first = match (wish.size.filter(|(w, h)| *w > 0 && *h > 0), ratio) {
        (Some(size), _) => named(lawful(row, size)),
        (None, Some(_)) => pixels(tier),
        (None, None) => {
            wish.tier?;
            if row.named_tiers { format!("{tier}K") } else { pixels(tier) }
        }
    };
    if !known.refuses_size(&first) {
        return Some(first);
    }
    let smaller = row.tiers.iter().rev().copied().find(|smaller| *smaller < tier)?;
    let second = if ratio.is_none() && row.named_tiers { format!("{smaller}K") } else { pixels(smaller) };
    Some(second).filter(|size| !known.refuses_size(size))
}

fn named((width, height): (u32, u32)) -> String {
    format!("{width}x{height}")
}

/// The recommended size of this ratio, or one of as many pixels.
fn recommended(row: &Row, ratio: (u32, u32), tier: u8) -> (u32, u32) {
    let ratio = if ratio == (7, 3) { (21, 9) } else { ratio };
    let column = match tier {
        1 => 0,
        2 => 1,
        _ => 2,
    };
    let listed = RATIOS.iter().position(|known| *known == ratio);
    let listed = listed.and_then(|at| SIZES.get(at)?.get(column).copied());
    let listed = listed.filter(|size| fits(row, *size));
    let side = 1024.0 * f64::from(tier);
    listed.unwrap_or_else(|| of_area(row, f64::from(ratio.0) / f64::from(ratio.1), side * side))
}

/// The size itself where the model takes it, else the nearest one of its ratio.
fn lawful(row: &Row, (width, height): (u32, u32)) -> (u32, u32) {
    if fits(row, (width, height)) {
        return (width, height);
    }
    let (width, height) = (f64::from(width), f64::from(height));
    of_area(row, width / height, width * height)
}

fn fits(row: &Row, (width, height): (u32, u32)) -> bool {
    let ratio = f64::from(width) / f64::from(height);
    let pixels = u64::from(width) * u64::from(height);
    (row.pixels.0..=row.pixels.1).contains(&pixels)
        && (1.0 / f64::from(MAX_RATIO)..=f64::from(MAX_RATIO)).contains(&ratio)
}

/// Sides of this ratio with about so many pixels, inside the model's limits.
#[expect(clippy::cast_precision_loss, reason = "the limits are far below 2^52")]
fn of_area(row: &Row, ratio: f64, pixels: f64) -> (u32, u32) {
    let ratio = ratio.clamp(1.0 / f64::from(MAX_RATIO), f64::from(MAX_RATIO));
    let (least, most) = (row.pixels.0 as f64, row.pixels.1 as f64);
    let height = (pixels.clamp(least, most) / ratio).sqrt();
    let (mut width, mut height) = (on_grid(height * ratio), on_grid(height));
    // The grid may lead over a limit by one line: step back along the shorter side, which changes the area most.
    for _ in 0..4 {
        let area = u64::from(width) * u64::from(height);
        let shorter = if width < height { &mut width } else { &mut height };
        if area > row.pixels.1 {
            *shorter -= STEP;
        } else if area < row.pixels.0 {
            *shorter += STEP;
        } else {
            break;
        }
    }
    (width, height)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and far below the type's range"
)]
fn on_grid(side: f64) -> u32 {
    ((side.min(65_536.0) / f64::from(STEP)).round() as u32).max(1) * STEP
}

/// What a code means.
#[derive(Clone, Copy)]
enum Meaning {
    Is(ErrorClass),
    /// The key is wrong for good.
    BadKey,
    /// The account may not do this.
    NoRight,
    /// The account has run dry.
    Spent,
    Rate,
    /// "Too many queued tasks" or "free trial used up": the text tells.
    SpentOrRate,
}

/// Beginnings of codes in lower case, the first match counts.
const CODES: &[(&str, Meaning)] = &[
    ("inputtextsensitivecontentdetected", Meaning::Is(ErrorClass::ModerationInput)),
    ("inputimagesensitivecontentdetected", Meaning::Is(ErrorClass::ModerationInput)),
    ("inputvideosensitivecontentdetected", Meaning::Is(ErrorClass::ModerationInput)),
    ("inputtextriskdetection", Meaning::Is(ErrorClass::ModerationInput)),
    ("inputimageriskdetection", Meaning::Is(ErrorClass::ModerationInput)),
    ("sensitivecontentdetected", Meaning::Is(ErrorClass::ModerationInput)),
    ("policyviolation", Meaning::Is(ErrorClass::ModerationInput)),
    ("outputimagesensitivecontentdetected", Meaning::Is(ErrorClass::ModerationOutput)),
    ("outputimageriskdetection", Meaning::Is(ErrorClass::ModerationOutput)),
    ("outputvideosensitivecontentdetected", Meaning::Is(ErrorClass::ModerationOutput)),
    ("outputvideoriskdetection", Meaning::Is(ErrorClass::ModerationOutput)),
    ("outputaudiosensitivecontentdetected", Meaning::Is(ErrorClass::ModerationOutput)),
    ("outputtext", Meaning::Is(ErrorClass::ModerationOutput)),
    ("contentsecuritydetectionerror", Meaning::Is(ErrorClass::Overload)),
    ("authenticationerror", Meaning::BadKey),
    ("accountoverdueerror", Meaning::Spent),
    ("operationdenied.serviceoverdue", Meaning::Spent),
    ("invalidsubscription", Meaning::Spent),
    ("operationdenied.servicenotopen", Meaning::Is(ErrorClass::NotFound)),
    ("operationdenied", Meaning::NoRight),
    ("accessdenied", Meaning::NoRight),
    ("invalidaccountstatus", Meaning::NoRight),
    ("invalidendpoint", Meaning::Is(ErrorClass::NotFound)),
    ("modelnotopen", Meaning::Is(ErrorClass::NotFound)),
    ("ratelimitexceeded", Meaning::Rate),
    ("modelaccount", Meaning::Rate),
    ("apiaccount", Meaning::Rate),
    ("accountratelimitexceeded", Meaning::Rate),
    ("requestbursttoofast", Meaning::Rate),
    ("inflightbatchsizeexceeded", Meaning::Rate),
    ("serveroverloaded", Meaning::Is(ErrorClass::Overload)),
    ("setlimitexceeded", Meaning::Spent),
    ("quotaexceeded", Meaning::SpentOrRate),
    ("internalserviceerror", Meaning::Is(ErrorClass::Overload)),
    ("serviceunavailable", Meaning::Is(ErrorClass::Overload)),
    ("invalidargumenterror.invalidpixellimit", Meaning::Is(ErrorClass::TooLarge)),
    ("invalidargumenterror", Meaning::Is(ErrorClass::BadRequest)),
    ("invalidimageurl", Meaning::Is(ErrorClass::BadRequest)),
    ("invalidparameter", Meaning::Is(ErrorClass::BadRequest)),
    ("missingparameter", Meaning::Is(ErrorClass::BadRequest)),
    ("unsupportedmodel", Meaning::Is(ErrorClass::BadRequest)),
];
/// How a quota says that waiting helps.
const QUEUED: [&str; 3] = ["queue", "concurren", "排队"];

/// Sees what only Ark means by a refusal.
pub(crate) fn recognised(failure: Failure) -> Failure {
    let Some((_, meaning)) = CODES.iter().find(|(start, _)| failure.code.starts_with(start)) else {
        return failure;
    };
    if failure.suspended {
        return failure;
    }
    let message = failure.message.to_lowercase();
    let after = failure.retry_after;
    match meaning {
        Meaning::Is(class) => failure.recognised(*class, KeyVerdict::Fine),
        Meaning::BadKey => failure.recognised(ErrorClass::Auth, KeyVerdict::Disable),
        Meaning::NoRight => failure.recognised(ErrorClass::Auth, KeyVerdict::Cool(FORBIDDEN_REST)),
        Meaning::SpentOrRate if QUEUED.iter().any(|word| message.contains(word)) => failure.rate(after),
        Meaning::Rate => failure.rate(after),
        Meaning::Spent | Meaning::SpentOrRate => {
            failure.recognised(ErrorClass::Quota, KeyVerdict::OutOfQuota)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: Output = Output { size: None, ratio: None, tier: None };

    #[track_caller]
    fn check(model: &str, wish: Output, expected: Option<&str>) {
        let row = known_row(model).unwrap_or(&ANY);
        assert_eq!(size(row, &wish, &Known::default()).as_deref(), expected, "{model} {wish:?}");
    }

    #[test]
    fn a_size_is_one_that_the_model_takes() {
        let wide = Output { ratio: Some((16, 9)), ..OPEN };
        let tier = |tier| Output { tier: Some(tier), ..OPEN };
        let sized = |w, h| Output { size: Some((w, h)), ..OPEN };
        check("doubao-seedream-4-0-250828", OPEN, None);
        check("doubao-seedream-4-0-250828", tier(1), Some("1K"));
        check("doubao-seedream-4-0-250828", wide, Some("2848x1600"));
        check("doubao-seedream-4-0-250828", Output { tier: Some(1), ..wide }, Some("1312x736"));
        check("doubao-seedream-4-5-251128", tier(1), Some("2K"));
        check("doubao-seedream-4-5-251128", Output { tier: Some(1), ..wide }, Some("2848x1600"));
        check("doubao-seedream-4-5-251128", sized(1024, 1024), Some("1920x1920"));
        check("seedream-4-5-251128", Output { tier: Some(4), ..wide }, Some("5504x3040"));
        check("doubao-seedream-5-0-260128", tier(4), Some("4K"));
        check("dola-seedream-5-0-pro-260628", tier(4), Some("2K"));
        check("doubao-seedream-5-0-pro-260628", sized(4096, 4096), Some("2144x2144"));
        check("ep-20260101-abcde", Output { ratio: Some((7, 3)), ..OPEN }, Some("3136x1344"));
        check("doubao-seedream-4-0-250828", sized(2000, 1000), Some("2000x1000"));
        check("doubao-seedream-4-0-250828", sized(256, 256), Some("960x960"));
        check("doubao-seedream-4-0-250828", Output { ratio: Some((5, 4)), ..OPEN }, Some("2288x1824"));
    }

    #[test]
    fn what_knows_no_tiers_is_asked_for_pixels() {
        let model = "doubao-seedream-3-0-t2i-250415";
        let wide = Output { ratio: Some((16, 9)), ..OPEN };
        let tier = |tier| Output { tier: Some(tier), ..OPEN };
        check(model, OPEN, None);
        check(model, tier(1), Some("1024x1024"));
        check(model, tier(2), Some("2048x2048"));
        check(model, tier(4), Some("2048x2048"));
        check(model, Output { size: Some((512, 512)), ..OPEN }, Some("512x512"));
        check(model, Output { size: Some((4096, 4096)), ..OPEN }, Some("2048x2048"));
        check(model, Output { tier: Some(1), ..wide }, Some("1312x736"));
        check(model, Output { tier: Some(1), ratio: Some((9, 16)), ..OPEN }, Some("736x1312"));
        let row = known_row(model).unwrap();
        let refused = |sizes: &[&str]| Known::refusing("size", sizes);
        let first = size(row, &wide, &refused(&[])).unwrap();
        assert_eq!(size(row, &wide, &refused(&[&first])).as_deref(), Some("1312x736"));
        assert_eq!(size(row, &wide, &refused(&[&first, "1312x736"])), None);
    }

    proptest! {
        #[test]
        fn every_size_is_inside_the_limits(w in 1_u32..9000, h in 1_u32..9000, model in 0..ROWS.len()) {
            let row = &ROWS[model];
            let (width, height) = lawful(row, (w, h));
            let pixels = u64::from(width) * u64::from(height);
            prop_assert!((row.pixels.0..=row.pixels.1).contains(&pixels), "{w}x{h} became {width}x{height}");
        }

        #[test]
        fn recommended_sizes_are_inside_the_limits(at in 0..RATIOS.len(), model in 0..ROWS.len()) {
            let row = &ROWS[model];
            for tier in row.tiers {
                let (width, height) = recommended(row, RATIOS[at], *tier);
                let pixels = u64::from(width) * u64::from(height);
                prop_assert!((row.pixels.0..=row.pixels.1).contains(&pixels), "{width}x{height}");
            }
        }
    }
}
