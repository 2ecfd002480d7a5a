//! SiliconFlow (硅基流动): open picture models behind one address.
//!
//! Facts: SiliconFlow API reference, "Create image" (`image_size` per model, `batch_size`); "Error handling"; "Rate
//! limits".
//! Not obvious: `api.siliconflow.cn` and `api.siliconflow.com` are two services with their own accounts, keys and
//! models; a field that a model doesn't know is left out without a word, so only known models edit, and others where the
//! owner writes `supports_edit = true`; there is no `size` and no `n`; `image_size` is one of a list, needed by most models and refused by the
//! editing ones; second and third pictures are `image2` and `image3`; an error may be an object with a number as its
//! code, a JSON string, or plain text; limits are per account and model, so keys of one account should carry the
//! same `account`.
//!
//! Everything in `extra` goes to the request's top level: `negative_prompt`, `seed`, `num_inference_steps`, `cfg`,
//! `guidance_scale`, and `image_size` while nobody wishes a shape.

use easel_core::{
    error::{ErrorClass, KeyVerdict, Retry},
    ports::{GenerateRequest, Shapes},
};
use serde_json::{Map, Value};

use crate::{
    china,
    classify::{self, FORBIDDEN_REST, Facts, Failure, Missing},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::{Known, Sent},
    sizes,
};

/// What a model takes.
struct Row {
    /// How its name begins behind the last slash, in lower case.
    start: &'static str,
    shape: Shape,
    /// The fields of references, one picture each.
    pictures: &'static [&'static str],
    /// It can't work without a picture.
    edits_only: bool,
    /// The largest `batch_size`; 1 = the field is not taken.
    batch: u8,
}

/// How a model is told the shape.
#[derive(Clone, Copy)]
enum Shape {
    /// `image_size`, one of these; the first is the default, because the field must be there.
    Listed(&'static [(u32, u32)]),
    /// `aspect_ratio`, one of these.
    Ratio(&'static [(u32, u32)]),
    /// That of the picture.
    Kept,
}

const KOLORS: &[(u32, u32)] = &[(1024, 1024), (960, 1280), (768, 1024), (720, 1440), (720, 1280)];
const QWEN: &[(u32, u32)] =
    &[(1328, 1328), (1664, 928), (928, 1664), (1472, 1140), (1140, 1472), (1584, 1056), (1056, 1584)];
const Z_IMAGE: &[(u32, u32)] = &[(512, 512), (768, 1024), (1024, 576), (576, 1024)];
const FLUX_2: &[(u32, u32)] = &[(512, 512), (768, 1024), (1024, 768), (576, 1024), (1024, 576)];
/// What most open models take.
const USUAL: &[(u32, u32)] = &[(1024, 1024), (768, 1024), (1024, 768), (576, 1024), (1024, 576)];
const KONTEXT: &[(u32, u32)] = &[(1, 1), (4, 3), (3, 4), (16, 9), (9, 16), (3, 2), (2, 3), (21, 9), (9, 21)];

/// The first match counts.
const ROWS: &[Row] = &[
    Row { start: "kolors", shape: Shape::Listed(KOLORS), pictures: &["image"], edits_only: false, batch: 4 },
    Row {
        start: "qwen-image-edit-",
        shape: Shape::Kept,
        pictures: &["image", "image2", "image3"],
        edits_only: true,
        batch: 1,
    },
    Row { start: "qwen-image-edit", shape: Shape::Kept, pictures: &["image"], edits_only: true, batch: 1 },
    Row { start: "qwen-image", shape: Shape::Listed(QWEN), pictures: &[], edits_only: false, batch: 1 },
    Row { start: "z-image", shape: Shape::Listed(Z_IMAGE), pictures: &[], edits_only: false, batch: 1 },
    Row { start: "flux.2", shape: Shape::Listed(FLUX_2), pictures: &[], edits_only: false, batch: 1 },
    Row {
        start: "flux.1-kontext",
        shape: Shape::Ratio(KONTEXT),
        pictures: &["input_image"],
        edits_only: false,
        batch: 1,
    },
    // They draw from words. A picture beside them would be left out without a word, and the drawing paid.
    Row { start: "flux", shape: Shape::Listed(USUAL), pictures: &[], edits_only: false, batch: 1 },
    Row {
        start: "stable-diffusion",
        shape: Shape::Listed(USUAL),
        pictures: &[],
        edits_only: false,
        batch: 1,
    },
];

/// For models that nobody has heard of yet.
const ANY: Row =
    Row { start: "", shape: Shape::Listed(USUAL), pictures: &["image"], edits_only: false, batch: 1 };

/// The dialect.
pub(crate) struct SiliconFlow;

impl Dialect for SiliconFlow {
    fn limits(&self, model: &str) -> Limits {
        let known = known_row(model);
        let row = known.unwrap_or(&ANY);
        Limits {
            words_alone: !row.edits_only,
            edits_if_told: known.is_none(),
            // No listed size has more than 1.8 million pixels.
            tier: Some(1),
            shapes: match row.shape {
                Shape::Listed(sizes) => Shapes::Sizes(sizes.into()),
                Shape::Ratio(ratios) => Shapes::Ratios(ratios.into()),
                Shape::Kept => Shapes::Kept,
            },
            ..Limits::new(row.pictures.len(), row.batch)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let row = known_row(&settings.model).unwrap_or(&ANY);
        let mut fields = fields(row, &settings.extra, request, known);
        let sent = Sent::new(&fields);
        fields.retain(|key, value| known.allows(key, value));
        fields.insert("model".to_owned(), settings.model.as_str().into());
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        let mut json = JsonRequest::new();
        for (name, reference) in row.pictures.iter().zip(request.references.iter()) {
            fields.insert((*name).to_owned(), json.data_url(reference).into());
        }
        Draft { path: "images/generations".into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        Some(recognised(classify::failure(facts)?, facts))
    }
}

fn known_row(model: &str) -> Option<&'static Row> {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    ROWS.iter().find(|row| name.starts_with(row.start))
}

/// Everything but model, prompt and pictures.
fn fields(
    row: &Row,
    extra: &Map<String, Value>,
    request: &GenerateRequest,
    known: &Known,
) -> Map<String, Value> {
    let mut fields = extra.clone();
    if request.count > 1 && row.batch > 1 {
        fields.insert("batch_size".to_owned(), request.count.min(row.batch).into());
    }
    let wished = sizes::wished(&request.output);
    match row.shape {
        Shape::Listed(list) => {
            // Where nobody wishes anything and the owner says nothing, an edit keeps about the shape that it has.
            let own = || request.references.first().map(|first| (first.picture.width, first.picture.height));
            let by_owner = wished.is_none() && fields.contains_key("image_size");
            if !by_owner {
                let wished = wished.or_else(own).or(list.first().copied()).unwrap_or((1, 1));
                let name = |(width, height): &(u32, u32)| format!("{width}x{height}");
                let refused = |size| known.refuses("image_size", &name(&size));
                let size = sizes::nearest_unrefused(list, wished, refused);
                fields.remove("image_size");
                fields.extend(size.map(|size| ("image_size".to_owned(), name(&size).into())));
            }
        }
        Shape::Ratio(list) => {
            if let Some(ratio) = sizes::ratio(&request.output) {
                let ratio = sizes::closest(list.iter(), |ratio| **ratio, ratio);
                let name = ratio.map(|(width, height)| format!("{width}:{height}"));
                fields.extend(name.map(|name| ("aspect_ratio".to_owned(), name.into())));
            }
        }
        Shape::Kept => {
            fields.remove("image_size");
        }
    }
    fields
}

/// How the content check speaks, with 400 and 451.
pub(crate) const MODERATED: [&str; 5] = ["sensitive", "prohibited", "敏感", "违规", "违禁"];
/// How an account without money is told.
const SPENT: [&str; 2] = ["balance is insufficient", "余额"];
/// The code that goes with it.
const SPENT_CODE: u64 = 30_001;
/// The service is too busy, whatever the status.
const BUSY_CODES: [u64; 2] = [50_505, 50_603];
/// How a model that is gone is told; the code 20012 stands for other parameters as well.
const NO_MODEL: [&str; 2] = ["model does not exist", "模型不存在"];
/// Limits of a day, as the message of a 429 names them.
const DAILY: [&str; 3] = ["ipd limit", "rpd limit", "tpd limit"];

/// Sees what only SiliconFlow means by a refusal.
pub(crate) fn recognised(mut failure: Failure, facts: &Facts<'_>) -> Failure {
    if failure.suspended {
        return failure;
    }
    let root = &facts.answer.skeleton;
    let code = root.get("code").and_then(Value::as_u64);
    if failure.code.is_empty() {
        failure.code = code.map(|code| code.to_string()).unwrap_or_default();
    }
    let message = failure.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let begins = |words: &[&str]| words.iter().any(|word| message.trim_start().starts_with(word));
    let fine = KeyVerdict::Fine;
    match facts.status {
        _ if code == Some(SPENT_CODE) => failure.recognised(ErrorClass::Quota, KeyVerdict::OutOfQuota),
        status if status != 429 && code.is_some_and(|code| BUSY_CODES.contains(&code)) => {
            failure.recognised(ErrorClass::Overload, fine)
        }
        200..=299 | 400 | 404 if begins(&NO_MODEL) => failure.recognised(ErrorClass::NotFound, fine),
        451 => failure.recognised(ErrorClass::ModerationInput, fine),
        400 if says(&MODERATED) => failure.recognised(ErrorClass::ModerationInput, fine),
        403 if says(&SPENT) => failure.recognised(ErrorClass::Quota, KeyVerdict::OutOfQuota),
        // The account lacks a right, most often because nobody proved who owns it: another account may have it.
        403 if failure.class == ErrorClass::Auth && (root.is_string() || code.is_some()) => Failure {
            retry: Retry::NextKey,
            missing: Some(Missing::Right),
            ..failure.recognised(ErrorClass::NotFound, KeyVerdict::Cool(FORBIDDEN_REST))
        },
        429 if says(&DAILY) => {
            let rest = china::rest_of_the_day(facts.headers);
            failure.recognised(ErrorClass::Rate, KeyVerdict::Cool(rest))
        }
        _ => failure,
    }
}
