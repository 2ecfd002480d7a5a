//! Several pictures side by side in one, for providers that take fewer pictures than there are.
//!
//! Rows of equal width in the order of the pictures, so that "the second picture" in a prompt can still be found: left to
//! right, top to bottom. Nothing is cut off.

use image::{DynamicImage, RgbImage, imageops};

use super::{Body, Picture, PictureFormat, decode_to_fit, encode_jpeg, prepare::PictureProblem};

/// The height of the tallest row.
const ROW_HEIGHT: f64 = 768.0;
/// The longest side of the whole.
const MAX_CANVAS: f64 = 3072.0;
/// JPEG quality.
const QUALITY: u8 = 90;
/// The shape that is aimed at, width to height.
const SHAPE: f64 = 1.5;
/// Longer shapes than this get a margin, so that a strip does not press the others flat.
const LONGEST: f64 = 4.0;

/// A place on the canvas, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// All pictures in one JPEG on black, in their order. Blocking; decodes one picture at a time.
///
/// # Errors
/// When a picture can't be read, or when there is none.
pub fn collage(pictures: &[Picture]) -> Result<Picture, PictureProblem> {
    let damaged = |error: &dyn std::fmt::Display| PictureProblem::Damaged(error.to_string());
    let sizes: Vec<_> = pictures.iter().map(|picture| (picture.width, picture.height)).collect();
    let (width, height, cells) = layout(&sizes).ok_or(PictureProblem::Empty)?;
    let mut canvas = RgbImage::new(width, height);
    for (picture, cell) in pictures.iter().zip(cells) {
        let bytes = picture.body.read().map_err(|error| damaged(&error))?;
        let pixels = decode_to_fit(&bytes, picture.format, cell.width.max(cell.height))?;
        let pixels = over_black(pixels.resize(cell.width, cell.height, imageops::FilterType::Triangle));
        let (x, y) = (
            cell.x + cell.width.saturating_sub(pixels.width()) / 2,
            cell.y + cell.height.saturating_sub(pixels.height()) / 2,
        );
        imageops::replace(&mut canvas, &pixels, x.into(), y.into());
    }
    let encoded = encode_jpeg(&DynamicImage::ImageRgb8(canvas), QUALITY).map_err(|error| damaged(&error))?;
    Ok(Picture { format: PictureFormat::Jpeg, width, height, body: Body::from_bytes(encoded) })
}

/// Transparency lets the canvas show.
fn over_black(pixels: DynamicImage) -> RgbImage {
    if !pixels.color().has_alpha() {
        return pixels.into_rgb8();
    }
    let mut black = RgbImage::new(pixels.width(), pixels.height()).into();
    imageops::overlay(&mut black, &pixels.into_rgba8(), 0, 0);
    DynamicImage::into_rgb8(black)
}

/// The canvas and a cell per picture; `None` without pictures.
fn layout(sizes: &[(u32, u32)]) -> Option<(u32, u32, Vec<Cell>)> {
    let aspect = |(width, height): &(u32, u32)| {
        (f64::from((*width).max(1)) / f64::from((*height).max(1))).clamp(1.0 / LONGEST, LONGEST)
    };
    let aspects: Vec<f64> = sizes.iter().map(aspect).collect();
    // Height of the whole for a width of 1: the sum of what each row needs.
    let tall = |rows: &[&[f64]]| rows.iter().map(|row| 1.0 / row.iter().sum::<f64>()).sum::<f64>();
    let off = |rows: &[&[f64]]| (1.0 / tall(rows) / SHAPE).ln().abs();
    let rows = (1..=aspects.len())
        .map(|count| in_rows(&aspects, count))
        .min_by(|one, other| off(one).total_cmp(&off(other)))?;
    let flattest = rows.iter().map(|row| row.iter().sum::<f64>()).fold(f64::INFINITY, f64::min);
    let width = (ROW_HEIGHT * flattest).min(MAX_CANVAS).min(MAX_CANVAS / tall(&rows));
    let (mut y, mut cells) = (0.0, Vec::with_capacity(sizes.len()));
    for row in &rows {
        let height = width / row.iter().sum::<f64>();
        let mut x = 0.0;
        for aspect in *row {
            let (left, top) = (pixel(x), pixel(y));
            x += aspect * height;
            let (right, bottom) = (pixel(x).max(left + 1), pixel(y + height).max(top + 1));
            cells.push(Cell { x: left, y: top, width: right - left, height: bottom - top });
        }
        y += height;
    }
    let right = cells.iter().map(|cell| cell.x + cell.width).max()?;
    let bottom = cells.iter().map(|cell| cell.y + cell.height).max()?;
    Some((right, bottom, cells))
}

/// The shapes in `count` rows at most, in order, about equally long.
fn in_rows(aspects: &[f64], count: usize) -> Vec<&[f64]> {
    let share = aspects.iter().sum::<f64>() / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let (mut rows, mut rest) = (Vec::with_capacity(count), aspects);
    while let Some(first) = rest.first() {
        let (mut length, mut taken) = (*first, 1);
        // The next one belongs to this row when more than half of it fits.
        while let Some(next) = rest.get(taken).filter(|next| length + *next / 2.0 <= share) {
            length += next;
            taken += 1;
        }
        let (row, after) = rest.split_at(taken);
        rows.push(row);
        rest = after;
    }
    rows
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a canvas' side")]
fn pixel(at: f64) -> u32 {
    at.clamp(0.0, 2.0 * MAX_CANVAS).round() as u32
}

#[cfg(test)]
mod tests {
    use image::{Rgb, Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;
    use crate::media::{decode, encode_png};

    fn picture(width: u32, height: u32, colour: [u8; 3]) -> Picture {
        let body = encode_png(&RgbImage::from_pixel(width, height, Rgb(colour)).into()).unwrap();
        Picture { format: PictureFormat::Png, width, height, body: Body::from_bytes(body) }
    }

    #[track_caller]
    fn check(sizes: &[(u32, u32)], canvas: (u32, u32), corners: &[(u32, u32)]) {
        let (width, height, cells) = layout(sizes).unwrap();
        let found: Vec<_> = cells.iter().map(|cell| (cell.x, cell.y)).collect();
        assert_eq!(((width, height), &*found), (canvas, corners), "{cells:?}");
    }

    #[test]
    fn pictures_lie_in_rows_in_their_order() {
        check(&[(512, 512); 2], (1536, 768), &[(0, 0), (768, 0)]);
        check(&[(512, 512); 4], (1536, 1536), &[(0, 0), (768, 0), (0, 768), (768, 768)]);
        check(&[(1920, 1080); 2], (1365, 1536), &[(0, 0), (0, 768)]);
        check(&[(1024, 1024)], (768, 768), &[(0, 0)]);
        assert!(layout(&[]).is_none());
    }

    #[test]
    fn every_picture_is_whole_in_its_place() {
        let parts =
            [picture(40, 40, [200, 0, 0]), picture(80, 40, [0, 200, 0]), picture(40, 80, [0, 0, 200])];
        let one = collage(&parts).unwrap();
        let pixels = decode(&one.body.read().unwrap(), one.format).unwrap().into_rgb8();
        assert_eq!((one.width, one.height), pixels.dimensions());
        let (.., cells) = layout(&[(40, 40), (80, 40), (40, 80)]).unwrap();
        for (cell, channel) in cells.iter().zip(0..) {
            let Rgb(colour) = *pixels.get_pixel(cell.x + cell.width / 2, cell.y + cell.height / 2);
            assert!(
                colour[channel] > 150 && colour.iter().filter(|part| **part > 60).count() == 1,
                "{colour:?}"
            );
        }
    }

    #[test]
    fn transparency_becomes_black() {
        let clear = RgbaImage::from_pixel(8, 8, Rgba([255, 255, 255, 0]));
        let body = Body::from_bytes(encode_png(&clear.into()).unwrap());
        let one = collage(&[Picture { format: PictureFormat::Png, width: 8, height: 8, body }]).unwrap();
        let pixels = decode(&one.body.read().unwrap(), one.format).unwrap().into_rgb8();
        assert!(pixels.pixels().all(|Rgb(colour)| colour.iter().all(|part| *part < 16)));
    }

    #[test]
    fn a_damaged_picture_is_an_error() {
        let broken = Picture { body: Body::from_bytes(&b"no picture"[..]), ..picture(2, 2, [0; 3]) };
        assert!(collage(&[picture(2, 2, [0; 3]), broken]).is_err());
    }

    proptest! {
        #[test]
        fn cells_never_overlap_and_the_canvas_is_bounded(
            sizes in prop::collection::vec((1_u32..9000, 1_u32..9000), 1..20)
        ) {
            let (width, height, cells) = layout(&sizes).unwrap();
            prop_assert!(width <= 3100 && height <= 3100, "{width}x{height}");
            prop_assert_eq!(cells.len(), sizes.len());
            for (n, a) in cells.iter().enumerate() {
                prop_assert!(a.width > 0 && a.height > 0);
                for b in &cells[n + 1..] {
                    let apart = a.x + a.width <= b.x || b.x + b.width <= a.x
                        || a.y + a.height <= b.y || b.y + b.height <= a.y;
                    prop_assert!(apart, "{a:?} {b:?}");
                }
            }
        }
    }
}
