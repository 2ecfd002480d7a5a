//! OpenAI's Images API, and the many gateways that speak it.
//!
//! Facts: OpenAI API reference, "Create image" and "Create image edit"; image generation guide.
//! Not obvious: no default is ever sent explicitly, because models refuse parameters that others document; the edit
//! form names its files `image[]`, which some gateways only know as repeated `image` (learned from the refusal); the
//! answer may be base64, a URL that lives an hour, or a stream that nobody asked for.
//!
//! `extra` goes out as it is (`quality`, `background`, `output_format`, `response_format`, `stream`, `partial_images`
//! …), except:
//! - `form`: how edits go. `"multipart"` (unset): a form with `image[]`. `"image"`: a form with repeated `image`.
//!   `"json"`: `images[].image_url` as JSON, for the GPT image models and gateways that read no forms.
//! - `mask = "last"`: of several references the last one is the mask of the first, if it is a PNG of the same size; its
//!   transparent pixels mark what changes. Any other `mask` is the owner's own and goes out with JSON edits only.
//! - Fields that an operation's schema doesn't have are left out of it: [`ONLY_GENERATE`], [`ONLY_EDIT`],
//!   [`NOT_IN_FORMS`].

use easel_core::{
    media::PictureFormat,
    ports::{GenerateRequest, Operation, Reference},
};
use easel_http::Multipart;
use serde_json::{Map, Value, json};

use crate::{
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, content},
    lessons::{IMAGE_FIELD, Known, PLAIN_IMAGE_FIELD, Sent},
    rows, sizes,
};

/// What a model takes: (references, pictures). Unknown ones are tried as the newest.
type Row = (usize, u8);
const NEWEST: Row = (16, 10);
const ROWS: &[(&str, Row)] = &[
    ("dall-e-3", (0, 1)),
    ("dalle-3", (0, 1)),
    ("dall-e-2", (1, 10)),
    ("dalle-2", (1, 10)),
    // gpt-image-1, 1.5 and 1-mini, 2, 2.5 and 2.6, chatgpt-image-latest.
    ("gpt-image", NEWEST),
    ("chatgpt-image", NEWEST),
];

/// Keys of `extra` that are for this dialect.
const OWN: [&str; 2] = ["form", "mask"];
/// Fields that the schema of edits doesn't have.
const ONLY_GENERATE: [&str; 1] = ["style"];
/// Fields that the schema of generations doesn't have.
const ONLY_EDIT: [&str; 1] = ["input_fidelity"];
/// Fields that edits have in JSON and not in forms.
const NOT_IN_FORMS: [&str; 1] = ["moderation"];

/// Longest side of an animation's frames, by their number: all of them are drawn on one sheet.
const GIF_SIDES: [(u64, u32); 3] = [(9, 960), (12, 816), (u64::MAX, 720)];
const GIF_STEP: u32 = 16;

/// The dialect.
pub(crate) struct OpenAiImages;

impl Dialect for OpenAiImages {
    fn limits(&self, model: &str) -> Limits {
        let (references, count) = rows::of(ROWS, model).unwrap_or(NEWEST);
        Limits { tier: rows::tier(model), shapes: sizes::shapes(model), ..Limits::new(references, count) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let Operation::Edit = request.operation else {
            return generation(fields(&settings.model, &settings.extra, request, known));
        };
        let extra = &settings.extra;
        let (references, mask) = masked(extra, &request.references);
        let mut fields = fields(&settings.model, extra, request, known);
        let form = extra.get("form").and_then(Value::as_str).unwrap_or_default();
        if form == "json" {
            return json_edit(fields, extra, references, mask);
        }
        fields.retain(|name, _| !NOT_IN_FORMS.contains(&name.as_str()));
        let plain = form == PLAIN_IMAGE_FIELD;
        form_edit(fields, references, mask, plain || known.plain_image_field, !plain)
    }
}

/// A request for pictures from words.
pub(crate) fn generation(fields: Map<String, Value>) -> Draft {
    let sent = Sent::new(&fields);
    Draft {
        path: "images/generations".into(),
        payload: JsonRequest::new().finish(&Value::Object(fields)),
        sent,
    }
}

/// An edit as a form. With `learns`, a refusal may teach the plain name of the pictures' field.
pub(crate) fn form_edit(
    fields: Map<String, Value>,
    references: &[Reference],
    mask: Option<&Reference>,
    plain: bool,
    learns: bool,
) -> Draft {
    let mut sent = Sent::new(&fields);
    if learns && !plain {
        sent.add_image_field();
    }
    let name = if plain { PLAIN_IMAGE_FIELD } else { IMAGE_FIELD };
    let payload = Payload::Form(files(fields, references, mask, name));
    Draft { path: "images/edits".into(), payload, sent }
}

/// The form of an edit, with the pictures as `name`.
pub(crate) fn files(
    fields: Map<String, Value>,
    references: &[Reference],
    mask: Option<&Reference>,
    name: &str,
) -> Multipart {
    let form = references.iter().enumerate().fold(form(fields), |form, (nth, reference)| {
        let format = reference.picture.format;
        let file_name = format!("image{}.{}", nth + 1, format.extension());
        form.file(name, &file_name, format.mime(), content(reference))
    });
    match mask {
        Some(mask) => form.file("mask", "mask.png", mask.picture.format.mime(), content(mask)),
        None => form,
    }
}

/// An edit as JSON (OpenAI API reference, "Create image edit", `application/json`).
fn json_edit(
    mut fields: Map<String, Value>,
    extra: &Map<String, Value>,
    references: &[Reference],
    mask: Option<&Reference>,
) -> Draft {
    let sent = Sent::new(&fields);
    let mut json = JsonRequest::new();
    let mut entry = |reference: &Reference| json!({ "image_url": json.data_url(reference) });
    let images: Vec<Value> = references.iter().map(&mut entry).collect();
    fields.insert("images".to_owned(), images.into());
    if let Some(mask) = mask.map(entry).or_else(|| extra.get("mask").filter(|mask| mask.is_object()).cloned())
    {
        fields.insert("mask".to_owned(), mask);
    }
    Draft { path: "images/edits".into(), payload: json.finish(&Value::Object(fields)), sent }
}

/// The references, and the mask where the owner says that the last one may be it.
pub(crate) fn masked<'a>(
    extra: &Map<String, Value>,
    references: &'a [Reference],
) -> (&'a [Reference], Option<&'a Reference>) {
    let wanted = extra.get("mask").and_then(Value::as_str) == Some("last");
    if wanted
        && let [first, .., last] = references
        && last.picture.format == PictureFormat::Png
        && (last.picture.width, last.picture.height) == (first.picture.width, first.picture.height)
        && let Some((last, rest)) = references.split_last()
    {
        return (rest, Some(last));
    }
    (references, None)
}

/// The fields of the request, without pictures.
pub(crate) fn fields(
    model: &str,
    extra: &Map<String, Value>,
    request: &GenerateRequest,
    known: &Known,
) -> Map<String, Value> {
    let mut fields = base_fields(model, request, known);
    if let Some((width, height)) = gif(extra, request) {
        fields.insert("size".to_owned(), format!("{width}x{height}").into());
    }
    let others = if request.operation == Operation::Edit { ONLY_GENERATE } else { ONLY_EDIT };
    let fits = |name: &str| !OWN.contains(&name) && !others.contains(&name);
    complete(&mut fields, extra.iter().filter(|(name, _)| fits(name)), known);
    fields
}

/// Model, prompt, and what the person wishes.
pub(crate) fn base_fields(model: &str, request: &GenerateRequest, known: &Known) -> Map<String, Value> {
    let refused = |(width, height)| known.refuses_size(&format!("{width}x{height}"));
    wish_fields(model, request, sizes::choose(model, &request.output, refused))
}

/// The same with this size.
pub(crate) fn wish_fields(
    model: &str,
    request: &GenerateRequest,
    size: Option<(u32, u32)>,
) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("model".to_owned(), model.into());
    fields.insert("prompt".to_owned(), (*request.prompt).into());
    if request.count > 1 {
        fields.insert("n".to_owned(), request.count.into());
    }
    if let Some((width, height)) = size {
        fields.insert("size".to_owned(), format!("{width}x{height}").into());
    }
    fields
}

/// Adds the owner's fields, and takes out what was refused before.
pub(crate) fn complete<'a>(
    fields: &mut Map<String, Value>,
    extra: impl Iterator<Item = (&'a String, &'a Value)>,
    known: &Known,
) {
    let size_is_open = !fields.contains_key("size");
    for (key, value) in extra {
        // The owner's size is a default; a wish of the person wins.
        if key != "size" || size_is_open {
            fields.insert(key.clone(), value.clone());
        }
    }
    fields.retain(|key, value| known.allows(key, value));
}

/// The size of an animation's frames, where one is configured and a shape is wished.
fn gif(extra: &Map<String, Value>, request: &GenerateRequest) -> Option<(u32, u32)> {
    if extra.get("output_format").and_then(Value::as_str) != Some("gif") {
        return None;
    }
    let frames = extra.get("frame_count").and_then(Value::as_u64).unwrap_or_default();
    let (_, longest) = GIF_SIDES.into_iter().find(|(most, _)| frames <= *most)?;
    let (width, height) = sizes::wished(&request.output)?;
    let side = |side: u32| {
        let scaled = u64::from(side) * u64::from(longest) / u64::from(width.max(height));
        u32::try_from(scaled).unwrap_or(longest).next_multiple_of(GIF_STEP).min(longest)
    };
    Some((side(width), side(height)))
}

/// The fields as a form. They stand before the files: gateways that read it as a stream need the model first.
fn form(fields: Map<String, Value>) -> Multipart {
    fields.into_iter().fold(Multipart::new(), |form, (name, value)| match value {
        Value::String(text) => form.text(&name, text),
        other => form.text(&name, other.to_string()),
    })
}
