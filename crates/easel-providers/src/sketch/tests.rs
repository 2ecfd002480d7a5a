//! What the engine promises: equal bytes for equal requests, every word seen, sizes kept, edits that keep the
//! composition and change the picture.

use proptest::prelude::*;

use super::keywords::{TABLE, Tag};
use super::rng::Rng;
use super::*;

const SIDE: usize = 256;

fn request(prompt: &str) -> SketchRequest<'_> {
    SketchRequest {
        prompt,
        title: prompt,
        seed: 7,
        width: 256,
        height: 256,
        references: &[],
        index: 0,
        edit: false,
    }
}

/// The scene without caption, so that only what the words mean can differ.
fn scene_of(prompt: &str) -> Raster {
    let plan = Plan::read(prompt);
    let rng = Rng::new(1);
    scene_pixels(&plan, &theme(&plan, &[], rng), "", &[], 128, 128, rng).unwrap()
}

/// A daytime street: bright sky, two houses, a grey road.
fn street() -> Raster {
    Raster::filled(SIDE, SIDE, |x, y| match (x, y) {
        (_, 190..) => [120, 120, 126],
        (20..=100, 70..) => [206, 140, 110],
        (150..=230, 100..) => [150, 120, 170],
        (_, y) => [120 + (y / 4) as u8, 180, 235],
    })
}

fn rgba(picture: &Raster) -> Vec<u8> {
    picture.pixels().iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect()
}

fn edited(prompt: &str, reference: &Raster) -> Raster {
    let bytes = rgba(reference);
    let pixels = ReferencePixels { width: SIDE as u32, height: SIDE as u32, rgba: &bytes };
    let picture = draw(&SketchRequest { references: &[pixels], edit: true, ..request(prompt) }).unwrap();
    Raster::filled(SIDE, SIDE, |x, y| {
        let at = (y * SIDE + x) * 3;
        [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
    })
}

/// Brightness of the upper part (the caption covers the rest), on a coarse grid.
fn tones(picture: &Raster) -> Vec<f32> {
    let soft = picture.blurred(4);
    (0..24 * 18)
        .map(|cell| palette::Rgb::of(soft.at((cell % 24) * 10 + 8, (cell / 24) * 10 + 8)).luma())
        .collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
    let (ma, mb) = (mean(a), mean(b));
    let dot = |f: &dyn Fn(f32, f32) -> f32| a.iter().zip(b).map(|(x, y)| f(x - ma, y - mb)).sum::<f32>();
    dot(&|x, y| x * y) / (dot(&|x, _| x * x) * dot(&|_, y| y * y)).sqrt().max(1e-6)
}

fn difference(a: &Raster, b: &Raster) -> f32 {
    let sum: f32 = a
        .pixels()
        .iter()
        .flatten()
        .zip(b.pixels().iter().flatten())
        .map(|(x, y)| f32::from(x.abs_diff(*y)))
        .sum();
    sum / (a.pixels().len() * 3) as f32
}

#[test]
fn equal_requests_give_equal_bytes_and_different_ones_do_not() {
    let base = request("一只在草地上奔跑的柯基");
    let first = encode_png(&draw(&base).unwrap()).unwrap();
    assert_eq!(first, encode_png(&draw(&base).unwrap()).unwrap());
    for other in [
        SketchRequest { seed: 8, ..base },
        SketchRequest { index: 1, ..base },
        SketchRequest { prompt: "一只在草地上睡觉的柯基", ..base },
    ] {
        assert_ne!(first, encode_png(&draw(&other).unwrap()).unwrap(), "{other:?}");
    }
}

#[test]
fn every_word_of_the_table_changes_the_picture() {
    for (spellings, tag) in TABLE {
        let first = spellings.split_whitespace().next().unwrap().replace('_', " ");
        // Most words show against a bare scene; these need something to act on.
        let (without, with) = match tag {
            Tag::Ignore => continue,
            Tag::Add => {
                let street = street();
                assert!(difference(&edited("猫", &street), &edited("加一只猫", &street)) > 1.0);
                continue;
            }
            Tag::Many => ("猫".to_owned(), format!("{first}猫")),
            Tag::Action(keywords::Action::Stand) => {
                assert_eq!(Plan::read(&first).action, keywords::Action::Stand);
                continue;
            }
            Tag::Style(keywords::Style::Figurine | keywords::Style::Statue | keywords::Style::Cabinet) => {
                let street = street();
                assert!(difference(&edited("", &street), &edited(&first, &street)) > 5.0);
                continue;
            }
            Tag::Hour(keywords::Hour::Day) => ("星 狗".to_owned(), format!("星 狗 {first}")),
            Tag::Place(keywords::Place::Meadow) => ("企鹅".to_owned(), format!("企鹅 {first}")),
            Tag::Wear(_) => ("狗".to_owned(), format!("{first}狗")),
            Tag::Action(_) => ("狗".to_owned(), format!("狗{first}")),
            _ => ("鸟 village".to_owned(), format!("{first} 鸟 village")),
        };
        let without =
            if matches!(tag, Tag::Subject(keywords::Subject::Bird) | Tag::Place(keywords::Place::Village)) {
                "猫".to_owned()
            } else {
                without
            };
        assert!(difference(&scene_of(&without), &scene_of(&with)) > 0.05, "{first} is not seen in {with}");
    }
}

#[test]
fn spellings_are_unique_and_all_are_found() {
    let mut seen = std::collections::HashSet::new();
    for (spellings, tag) in TABLE {
        for spelling in spellings.split_whitespace() {
            assert!(seen.insert(spelling), "{spelling} stands in the table twice");
            let plan = Plan::read(&spelling.replace('_', " "));
            match tag {
                Tag::Subject(subject) => {
                    assert_eq!(plan.figures.first().map(|f| f.subject), Some(*subject), "{spelling}");
                }
                Tag::Place(place) => assert_eq!(plan.place, Some(*place), "{spelling}"),
                Tag::Hour(hour) => assert_eq!(plan.hour, Some(*hour), "{spelling}"),
                Tag::Weather(weather) => assert_eq!(plan.weather, [*weather], "{spelling}"),
                Tag::Hue(hue) => assert_eq!(plan.hues, [*hue], "{spelling}"),
                Tag::Action(action) => assert_eq!(plan.action, *action, "{spelling}"),
                Tag::Style(style) => assert_eq!(plan.style, *style, "{spelling}"),
                Tag::Wear(keywords::Wear::Glasses) => assert!(plan.glasses, "{spelling}"),
                Tag::Wear(keywords::Wear::Hat) => assert!(plan.hat.is_some(), "{spelling}"),
                Tag::Add => assert!(plan.adds, "{spelling}"),
                Tag::Many | Tag::Ignore => assert_eq!(plan, Plan::default(), "{spelling}"),
            }
        }
    }
}

#[test]
fn sizes_are_kept_and_limits_are_errors() {
    for (width, height) in [(256, 256), (512, 288), (288, 512), (1024, 256), (257, 300)] {
        let picture = draw(&SketchRequest { width, height, ..request("海边日落") }).unwrap();
        assert_eq!((picture.width, picture.height), (width, height));
        let png = encode_png(&picture).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a picture of our own")]
        let decoded = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!((decoded.dimensions(), decoded.as_raw()), ((width, height), &picture.rgb));
    }
    for (width, height) in [(255, 512), (512, 4097), (0, 0)] {
        let error = draw(&SketchRequest { width, height, ..request("x") }).unwrap_err();
        assert_eq!(error, SketchError::Size { width, height });
    }
    let error = draw(&SketchRequest { edit: true, ..request("x") }).unwrap_err();
    assert_eq!(error, SketchError::NothingToEdit);
    let broken = [ReferencePixels { width: 2, height: 2, rgba: &[0; 15] }];
    let error = draw(&SketchRequest { references: &broken, ..request("x") }).unwrap_err();
    assert_eq!(error, SketchError::Reference { position: 0 });
    assert_eq!(encode_png(&Picture { width: 3, height: 3, rgb: vec![0; 5] }), Err(SketchError::Encode));
}

/// What is printed is the title; what is drawn follows the prompt and the seed.
#[test]
fn a_title_changes_the_words_alone() {
    let reference = pictures_of_two_colours();
    let pixels = [ReferencePixels { width: 2, height: 2, rgba: &reference }];
    let long =
        "Turn the main subject of the given picture into an excellent 1/7 scale PVC figure, ".repeat(9);
    let drawn = |title, seed| {
        let asked = SketchRequest {
            title,
            seed,
            width: 512,
            height: 512,
            references: &pixels,
            edit: true,
            ..request(&long)
        };
        draw(&asked).unwrap().rgb
    };
    let titled = drawn("PVC 手办", 7);
    assert_eq!(drawn("PVC 手办", 7), titled, "equal requests, equal pictures");
    assert_ne!(drawn("PVC 手办", 8), titled, "the seed chooses");
    let spoken = drawn("展示柜", 7);
    let above = 3 * 512 * (512 - text::Caption::new("展示柜", 512, 512).height);
    assert_eq!(spoken[..above], titled[..above], "the picture is the same");
    assert_ne!(spoken[above..], titled[above..], "the words are not");
}

fn pictures_of_two_colours() -> [u8; 16] {
    [200, 40, 40, 255, 40, 40, 200, 255, 40, 40, 200, 255, 200, 40, 40, 255]
}

#[test]
fn chinese_is_really_printed() {
    let outline = |text: &str| format!("{:?}", text::line(text, 0.0, 0.0, 20.0));
    assert_ne!(outline("柯"), outline("□"));
    assert_ne!(outline("柯"), outline("基"));
    // Both scripts of Chinese, the kanji of daily use, kana and hangul are there; what isn't, is left out.
    for character in "貓與臺灣櫻樹讀寫體桜気ありがとう한국어".chars() {
        assert!(!text::lacks(character), "{character}");
    }
    assert!(text::lacks('🐕'));
    assert_eq!(outline("🐕柯"), outline("柯"));
    let caption = |prompt: &str| {
        let picture = draw(&SketchRequest { width: 512, height: 512, ..request(prompt) }).unwrap();
        let strip = text::Caption::new(prompt, 512, 512).height - 2;
        let foot = &picture.rgb.as_chunks::<3>().0[512 * (512 - strip)..];
        foot.iter().filter(|[r, g, b]| u16::from(*r) + u16::from(*g) + u16::from(*b) < 480).count()
    };
    assert!(caption("奔跑的柯基") > caption(" ") + 100);
}

#[test]
fn an_edit_keeps_the_composition_and_changes_the_picture() {
    let street = street();
    for prompt in ["", "油画", "水彩", "日落", "雨天", "素描", "像素", "下雪"] {
        let result = edited(prompt, &street);
        let alike = correlation(&tones(&street), &tones(&result));
        assert!(alike.abs() > 0.55, "{prompt}: the layout is lost, correlation {alike}");
        assert!(difference(&street, &result) > 4.0, "{prompt}: hardly anything changed");
    }
}

/// A drawing as a member would quote it, with its frame.
fn drawn(prompt: &str, side: u32) -> Raster {
    let picture = draw(&SketchRequest { width: side, height: side, ..request(prompt) }).unwrap();
    Raster::filled(side as usize, side as usize, |x, y| {
        let at = (y * side as usize + x) * 3;
        [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
    })
}

#[test]
fn the_own_frame_is_cut_off_and_nothing_else_is() {
    let long = "一只在草地上奔跑的柯基，".repeat(9);
    for (prompt, side) in [
        ("柯基", 256),
        ("", 512),
        ("水彩的柯基", 512),
        ("水墨山水", 640),
        ("夜晚的城市和一只在屋顶上看月亮的黑色小猫还有很多很多的星星和云", 512),
        (long.as_str(), 512),
    ] {
        let page = drawn(prompt, side);
        let strip = text::Caption::new(prompt, side as usize, side as usize);
        let inside = frame::inside(&page).unwrap_or_else(|| panic!("{prompt}: no frame seen"));
        let (width, height) =
            (page.width() - 2 * strip.margin(), page.height() - strip.margin() - strip.height);
        assert!(inside.width().abs_diff(width) <= 4, "{prompt}: {} is not {width}", inside.width());
        assert!(inside.height() <= height, "{prompt}: words are left, {} > {height}", inside.height());
        assert!(inside.height() + page.height() / 12 > height, "{prompt}: {} < {height}", inside.height());
        // Packed anew and made smaller, as platforms do.
        let small = page.cover(side as usize * 3 / 4, side as usize * 3 / 4);
        let shaken = Raster::filled(small.width(), small.height(), |x, y| {
            small.at(x as i32, y as i32).map(|c| c.saturating_add_signed(((x * 7 + y * 3) % 5) as i8 - 2))
        });
        assert!(side < 512 || frame::inside(&shaken).is_some(), "{prompt}: not seen after packing");
        assert_eq!(frame::inside(&inside), None, "{prompt}: cut twice");
    }
    let paper = |_, _| [0xFB, 0xF6, 0xEA];
    for other in [street(), Raster::filled(300, 300, paper), Raster::filled(3, 900, paper)] {
        assert_eq!(frame::inside(&other), None);
    }
}

#[test]
fn an_edit_of_an_edit_keeps_its_picture() {
    let page = drawn("奔跑的柯基", 256);
    let strip = |prompt: &str| 256 - text::Caption::new(prompt, 256, 256).height;
    let (first, again) = (edited("黑白", &page), edited("复古", &edited("黑白", &page)));
    let part = |picture: &Raster| picture.part(12, 12, 244, strip("黑白") - 4);
    let alike = correlation(&tones(&part(&first)), &tones(&part(&again)));
    assert!(alike > 0.9, "the frame grew inwards, correlation {alike}");
}

#[test]
fn the_three_figurines_are_three_pictures() {
    let page = drawn("柯基", 256);
    let [boxed, statue, cabinet] = ["手办", "resin statue", "figure in a display cabinet"];
    let [boxed, statue, cabinet] = [boxed, statue, cabinet].map(|prompt| edited(prompt, &page));
    for (a, b) in [(&boxed, &statue), (&boxed, &cabinet), (&statue, &cabinet)] {
        assert!(difference(a, b) > 15.0);
    }
}

#[test]
fn lamps_are_lit_in_houses_only() {
    let meadow = Raster::filled(SIDE, SIDE, |x, y| {
        let hill = 120.0 + (x as f32 / 31.0).sin() * 16.0;
        if (y as f32) < hill { [120, 180, 235] } else { [110, 165, 80] }
    });
    let lamps = |picture: &Raster| {
        let low = picture.part(0, SIDE * 2 / 5, SIDE, SIDE * 4 / 5);
        low.pixels().iter().filter(|[r, g, b]| *r > 190 && *g > 130 && *b < 170).count()
    };
    assert_eq!(lamps(&edited("换成夜晚", &meadow)), 0);
    assert!(lamps(&edited("换成夜晚", &street())) > 0);
}

#[test]
fn a_rainy_night_is_dark_blue_and_lit() {
    let street = street();
    let day = edited("", &street);
    let night = edited("改成雨夜", &street);
    let mean = |picture: &Raster| {
        let count = picture.pixels().len() as f32;
        let sum =
            |channel: usize| picture.pixels().iter().map(|p| f32::from(p[channel])).sum::<f32>() / count;
        [sum(0), sum(1), sum(2)]
    };
    let ([r, g, b], [night_r, night_g, night_b]) = (mean(&day), mean(&night));
    assert!(night_r + night_g + night_b < (r + g + b) * 0.7);
    assert!(night_b / night_r > b / r, "the night is bluer");
    assert!(night.pixels().iter().any(|[r, g, b]| *r > 190 && *g > 130 && *b < 170), "no window is lit");
}

#[test]
fn references_lend_their_colours_and_are_pinned() {
    let red = vec![[200_u8, 30, 30, 255]; 64].concat();
    let blue = vec![[30_u8, 30, 200, 255]; 64].concat();
    let with = |rgba: &[u8]| {
        let reference = [ReferencePixels { width: 8, height: 8, rgba }];
        draw(&SketchRequest { references: &reference, ..request("草地") }).unwrap()
    };
    let redness = |picture: &Picture| {
        picture.rgb.as_chunks::<3>().0.iter().map(|[r, _, b]| i64::from(*r) - i64::from(*b)).sum::<i64>()
    };
    assert!(redness(&with(&red)) > redness(&with(&blue)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_prompt_can_break_it(prompt in "\\PC{0,400}", seed in any::<u64>(), width in 256_u32..400, height in 256_u32..400) {
        let picture = draw(&SketchRequest { prompt: &prompt, title: &prompt, seed, width, height, references: &[], index: 3, edit: false });
        prop_assert_eq!(picture.map(|p| p.rgb.len()), Ok((width * height * 3) as usize));
    }

    #[test]
    fn no_reference_can_break_an_edit(prompt in "(夜|雨|雪|手办|加一只猫|水彩|霓虹|🐱| ){0,4}", width in 1_u32..40, height in 1_u32..40, fill in any::<u8>()) {
        let rgba: Vec<u8> = (0..width * height * 4).map(|n| (n as u8).wrapping_mul(fill)).collect();
        let references = [ReferencePixels { width, height, rgba: &rgba }; 3];
        let asked = SketchRequest { prompt: &prompt, title: &prompt, seed: 0, width: 256, height: 300, references: &references, index: 0, edit: true };
        prop_assert!(draw(&asked).is_ok());
    }
}

#[test]
fn extreme_prompts_are_drawn() {
    let long = "柯基🐕在草地上奔跑，".repeat(400);
    for prompt in ["", " \n\t", "🐱👨‍👩‍👧‍👦🏳️‍🌈", "“”", "\u{0}\u{7f}\u{202e}abc", long.as_str()]
    {
        assert!(draw(&request(prompt)).is_ok(), "{prompt:?}");
    }
}
