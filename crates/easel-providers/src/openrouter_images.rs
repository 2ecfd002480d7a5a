//! `OpenRouter`'s own route for pictures.
//!
//! Facts: `OpenRouter` documentation, "Image generation API" (`POST /images`). Pictures come as base64, never by link;
//! a request is paid whole or not at all. `size` and a differing ratio or resolution are refused together, so exact
//! pixels go as `size`, everything else as `aspect_ratio` and `resolution`; when the pixels were refused, they go as
//! those two. Some models refuse `n` above 1, and fewer pictures than wished may come.
//!
//! `extra` goes out as it is (`quality`, `background`, `output_format`, `seed`, `provider`, `stream` …). Its `size`,
//! `aspect_ratio` and `resolution` are defaults; none of them is sent when a person wishes a shape.

use easel_core::ports::{Output, Shapes};
use serde_json::{Map, Value, json};

use crate::{
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::{Known, Sent},
    rows, sizes,
};

/// (References, pictures) by family; unknown models are tried with what the route documents.
type Row = (usize, u8);
const DOCUMENTED: Row = (16, 10);
const ROWS: &[(&str, Row)] = &[
    // Answer with one picture per request (Google, Gemini API, "Image generation").
    ("gemini-3", (14, 1)),
    ("gemini-2.5", (3, 1)),
    ("gemini-nano-banana", (14, 1)),
    ("gpt-image", DOCUMENTED),
];

/// Ratios that the route knows, without the fractional ones of telephones.
const RATIOS: &[(u32, u32)] = &[
    (1, 1),
    (1, 2),
    (1, 4),
    (1, 8),
    (2, 1),
    (2, 3),
    (3, 2),
    (3, 4),
    (4, 1),
    (4, 3),
    (4, 5),
    (5, 4),
    (8, 1),
    (9, 16),
    (16, 9),
    (9, 20),
    (20, 9),
    (9, 21),
    (21, 9),
];

const SHAPE: [&str; 3] = ["size", "aspect_ratio", "resolution"];

/// The dialect.
pub(crate) struct OpenRouterImages;

impl Dialect for OpenRouterImages {
    fn limits(&self, model: &str) -> Limits {
        let (references, count) = rows::of(ROWS, model).unwrap_or(DOCUMENTED);
        let shapes = Shapes::Ratios(RATIOS.into());
        Limits { tier: rows::tier(model), shapes, ..Limits::new(references, count) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let mut fields = Map::new();
        fields.insert("model".to_owned(), settings.model.as_str().into());
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        if request.count > 1 {
            fields.insert("n".to_owned(), request.count.into());
        }
        let shape = shape(&request.output, known);
        let wished = sizes::wished(&request.output).is_some();
        fields.extend(shape);
        for (key, value) in &settings.extra {
            if !(wished && SHAPE.contains(&key.as_str())) {
                fields.insert(key.clone(), value.clone());
            }
        }
        fields.retain(|key, value| known.allows(key, value));
        let sent = Sent::new(&fields);
        let mut json = JsonRequest::new();
        let reference =
            |reference| json!({ "type": "image_url", "image_url": { "url": json.data_url(reference) } });
        let references: Vec<Value> = request.references.iter().map(reference).collect();
        if !references.is_empty() {
            fields.insert("input_references".to_owned(), references.into());
        }
        Draft { path: "images".into(), payload: json.finish(&Value::Object(fields)), sent }
    }
}

/// A wish for exact pixels as the service writes it, unless they were refused.
pub(crate) fn exact_size(wish: &Output, known: &Known) -> Option<Value> {
    let (width, height) = wish.size.filter(|(width, height)| *width > 0 && *height > 0)?;
    Some(Value::from(format!("{width}x{height}"))).filter(|size| known.allows("size", size))
}

/// The wish in the route's own terms.
fn shape(wish: &Output, known: &Known) -> Map<String, Value> {
    let mut shape = Map::new();
    if let Some(size) = exact_size(wish, known) {
        shape.insert("size".to_owned(), size);
        return shape;
    }
    if let Some((width, height)) = sizes::nearest_ratio(RATIOS, wish) {
        shape.insert("aspect_ratio".to_owned(), format!("{width}:{height}").into());
    }
    if let Some(tier) = wish.wished_tier() {
        // One step down at a time: a refused 4K leaves 2K, then 1K.
        let steps = [4, 2, 1].into_iter().filter(|step| *step <= tier.max(1));
        let resolution = steps.map(|step| format!("{step}K")).find(|step| !known.refuses("resolution", step));
        if let Some(resolution) = resolution {
            shape.insert("resolution".to_owned(), resolution.into());
        }
    }
    shape
}
