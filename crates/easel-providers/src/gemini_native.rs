//! Gemini's own API: `models/MODEL:generateContent`, at Google and at the proxies that keep its paths.
//!
//! Facts: Gemini API reference, "Generating content"; "Image generation" (`imageConfig`, models, references);
//! "Troubleshooting" (statuses); the finish and block reasons of Google's `genai` SDK.
//! Not obvious: a wrong key is a 400; a success may hold a verdict instead of a picture; drafts are parts with
//! `thought`; `K` in `imageSize` must be upper case; a quota of a day or of zero looks like a rate limit.
//!
//! `extra.stream = true` asks for events (`:streamGenerateContent`), which keeps proxies from giving up on long silences.
//! `extra.generationConfig` completes ours, every other field of `extra` goes to the request's top level
//! (`safetySettings`, `systemInstruction`, `tools`).
//!
//! Vertex AI takes the same body: `base_url` is then everything before `/models` (it ends with
//! `/publishers/google`), and the key is one of express mode, or an OAuth token, which is known by its beginning and
//! lives an hour.

use std::time::Duration;

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::{Output, Shapes, Usage},
};
use easel_http::Call;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Pictures},
    lessons::{Known, Sent},
    sizes,
};

/// What a model takes.
struct Row {
    /// How its name begins, without a vendor before a slash.
    start: &'static str,
    /// `imageSize` and the side of its square, the smallest first; empty where the field is refused.
    sizes: &'static [(&'static str, u32)],
    ratios: &'static [(u32, u32)],
    references: usize,
}

const ALL_SIZES: &[(&str, u32)] = &[("1K", 1024), ("2K", 2048), ("4K", 4096)];
const RATIOS: &[(u32, u32)] =
    &[(1, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 5), (5, 4), (9, 16), (16, 9), (21, 9)];
const MORE_RATIOS: &[(u32, u32)] = &[
    (1, 1),
    (2, 3),
    (3, 2),
    (3, 4),
    (4, 3),
    (4, 5),
    (5, 4),
    (9, 16),
    (16, 9),
    (21, 9),
    (1, 4),
    (4, 1),
    (1, 8),
    (8, 1),
];

/// The first match counts.
const ROWS: &[Row] = &[
    Row { start: "gemini-nano-banana", sizes: ALL_SIZES, ratios: MORE_RATIOS, references: 14 },
    Row { start: "gemini-3-pro-image", sizes: ALL_SIZES, ratios: RATIOS, references: 14 },
    Row { start: "gemini-3.1-flash-lite-image", sizes: &[("1K", 1024)], ratios: MORE_RATIOS, references: 14 },
    Row {
        start: "gemini-3.1-flash-image",
        sizes: &[("512", 512), ("1K", 1024), ("2K", 2048), ("4K", 4096)],
        ratios: MORE_RATIOS,
        references: 14,
    },
    Row { start: "gemini-2.5-flash-image", sizes: &[], ratios: RATIOS, references: 3 },
];

/// For models that nobody has heard of yet; what they refuse is learned.
const ANY: Row = Row { start: "", sizes: ALL_SIZES, ratios: RATIOS, references: 14 };

/// What references may weigh: as base64 all of them have 18 MB.
const PICTURES: Pictures = Pictures { bytes: Some(4_000_000), together: Some(13_500_000), ..Pictures::ANY };
/// The longest request; 20 MB are documented.
const MAX_REQUEST: u64 = 19_000_000;

/// Up to this longer side, wished pixels mean the half tier of the models that have it.
const SMALL: u32 = 640;

/// The dialect.
pub(crate) struct GeminiNative;

impl Dialect for GeminiNative {
    fn limits(&self, model: &str) -> Limits {
        let row = known_row(model);
        let largest = |row: &Row| row.sizes.last().map_or(1, |(_, side)| side / 1024);
        Limits {
            tier: row.and_then(|row| u8::try_from(largest(row)).ok()),
            shapes: Shapes::Ratios(row.unwrap_or(&ANY).ratios.into()),
            pictures: PICTURES,
            request_bytes: Some(MAX_REQUEST),
            ..Limits::new(row.unwrap_or(&ANY).references, 1)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let row = known_row(&settings.model).unwrap_or(&ANY);
        let mut extra = settings.extra.clone();
        let streams = extra.remove("stream") == Some(Value::Bool(true));
        let (config, mut optional) =
            generation_config(row, &request.output, extra.remove("generationConfig"), known);
        optional.extend(extra.clone());

        let mut json = JsonRequest::new();
        let mut parts = vec![json!({ "text": words(&request.prompt, known) })];
        parts.extend(request.references.iter().map(|reference| {
            let kind = reference.picture.format.mime();
            json!({ "inlineData": { "mimeType": kind, "data": json.base64(reference) } })
        }));
        let mut body = Map::new();
        body.insert("contents".to_owned(), json!([{ "role": "user", "parts": parts }]));
        if !config.is_empty() {
            body.insert("generationConfig".to_owned(), config.into());
        }
        extra.retain(|key, value| known.allows(key, value));
        for (key, value) in extra {
            body.entry(key).or_insert(value);
        }
        let model = bare(&settings.model);
        let call = if streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
        Draft {
            path: format!("models/{model}:{call}").into(),
            payload: json.finish(&Value::Object(body)),
            sent: Sent::new(&optional),
        }
    }

    fn authorise(&self, call: Call, key: &SecretString) -> Call {
        // Google's OAuth tokens begin so; only Vertex AI takes them.
        if key.expose_secret().starts_with("ya29.") {
            call.bearer(key)
        } else {
            call.secret_header("x-goog-api-key", key)
        }
    }

    fn usage(&self, answer: &Answer) -> Usage {
        let told = |names: &[&str]| {
            let usage = answer.skeleton.get("usageMetadata")?;
            let counts: Vec<u64> = names.iter().filter_map(|name| usage.get(*name)?.as_u64()).collect();
            (!counts.is_empty()).then(|| counts.into_iter().sum())
        };
        Usage {
            input_tokens: told(&["promptTokenCount"]),
            output_tokens: told(&["candidatesTokenCount", "thoughtsTokenCount"]),
            cost: None,
        }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        match classify::failure(facts) {
            Some(failure) => Some(refusal(failure, facts)),
            None => verdict(facts),
        }
    }
}

/// The model's name as it stands in the path: people copy it with `models/` before it.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

fn known_row(model: &str) -> Option<&'static Row> {
    let name = bare(model).to_ascii_lowercase();
    ROWS.iter().find(|row| name.starts_with(row.start))
}

/// The prompt. A model that answered it in words only is told that a picture is wished.
fn words(prompt: &str, known: &Known) -> String {
    if known.insist { format!("{prompt}\n\n(Generate an image.)") } else { prompt.to_owned() }
}

/// `generationConfig`, and all optional fields in it, on one level, as refusals name them.
fn generation_config(
    row: &Row,
    wish: &Output,
    extra: Option<Value>,
    known: &Known,
) -> (Map<String, Value>, Map<String, Value>) {
    let mut config = Map::new();
    config.insert("responseModalities".to_owned(), json!(["TEXT", "IMAGE"]));
    if let Some(Value::Object(extra)) = extra {
        config.extend(extra);
    }
    let mut image = match config.remove("imageConfig") {
        Some(Value::Object(image)) => image,
        _ => Map::new(),
    };
    // A wish of the person wins over the owner's default.
    if let Some((width, height)) = sizes::ratio(wish) {
        let name = |(width, height): &(u32, u32)| format!("{width}:{height}");
        let taken = row.ratios.iter().filter(|ratio| !known.refuses("aspectRatio", &name(ratio)));
        let ratio = sizes::closest(taken, |ratio| **ratio, (width, height));
        image.remove("aspectRatio");
        image.extend(ratio.map(|ratio| ("aspectRatio".to_owned(), name(ratio).into())));
    }
    if let Some(tier) = wish.wished_tier() {
        let is_small = wish.size.is_some_and(|(width, height)| width.max(height) <= SMALL);
        let side = if is_small { 512 } else { 1024 * u32::from(tier) };
        image.remove("imageSize");
        image.extend(size(row, side, known).map(|size| ("imageSize".to_owned(), size.into())));
    }
    let mut optional = Map::new();
    if !image.is_empty() {
        optional.insert("imageConfig".to_owned(), Value::Null);
        optional.extend(image.clone());
        image.retain(|key, value| known.allows(key, value));
    }
    optional.extend(config.clone());
    config.insert("imageConfig".to_owned(), image.into());
    config.retain(|key, value| known.allows(key, value) && !is_empty(value));
    (config, optional)
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// The largest `imageSize` up to a square of this side, or else the smallest; in place of one that was refused, the
/// next smaller one.
fn size(row: &Row, side: u32, known: &Known) -> Option<&'static str> {
    let smallest = row.sizes.first()?;
    let smaller = row.sizes.iter().rev().filter(|(_, listed)| *listed <= side.max(smallest.1));
    smaller.map(|(name, _)| *name).find(|name| !known.refuses("imageSize", name))
}

/// How a reason to stop is meant; all others leave it to the parts of the answer.
const FINISHED: &[(&str, ErrorClass)] = &[
    ("SAFETY", ErrorClass::ModerationInput),
    ("PROHIBITED_CONTENT", ErrorClass::ModerationInput),
    ("BLOCKLIST", ErrorClass::ModerationInput),
    ("SPII", ErrorClass::ModerationInput),
    ("RECITATION", ErrorClass::ModerationOutput),
    ("IMAGE_SAFETY", ErrorClass::ModerationOutput),
    ("IMAGE_PROHIBITED_CONTENT", ErrorClass::ModerationOutput),
    ("IMAGE_RECITATION", ErrorClass::ModerationOutput),
    ("LANGUAGE", ErrorClass::BadRequest),
    ("MAX_TOKENS", ErrorClass::BadRequest),
];

/// What an answer says that claims success: the prompt was blocked, or the making was stopped.
fn verdict(facts: &Facts<'_>) -> Option<Failure> {
    let root = &facts.answer.skeleton;
    let text = |value: &Value, keys: [&str; 2]| {
        keys.into_iter()
            .find_map(|key| value.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
    };
    let feedback = ["promptFeedback", "prompt_feedback"].into_iter().find_map(|key| root.get(key));
    let blocked = feedback.and_then(|feedback| {
        let reason = text(feedback, ["blockReason", "block_reason"])?;
        let message = text(feedback, ["blockReasonMessage", "block_reason_message"]).unwrap_or_default();
        Some((ErrorClass::ModerationInput, reason, message))
    });
    let mut stopped =
        root.get("candidates").and_then(Value::as_array).into_iter().flatten().filter_map(|candidate| {
            let reason = text(candidate, ["finishReason", "finish_reason"])?;
            let (_, class) = FINISHED.iter().find(|(name, _)| *name == reason)?;
            let message = text(candidate, ["finishMessage", "finish_message"]).unwrap_or_default();
            Some((*class, reason, message))
        });
    let (class, reason, message) = blocked.or_else(|| stopped.next())?;
    let drawn = facts.answer.carried_picture();
    let class = match class {
        // A picture that came all the same is one.
        ErrorClass::BadRequest if drawn => return None,
        ErrorClass::ModerationInput if drawn => ErrorClass::ModerationOutput,
        class => class,
    };
    let told = classify::failure_at(facts, &json!({ "code": reason, "message": message }))?;
    let mut told = told.recognised(class, KeyVerdict::Fine);
    told.code = reason;
    Some(told)
}

/// Sees what only Google means by a refusal.
pub(crate) fn refusal(failure: Failure, facts: &Facts<'_>) -> Failure {
    if failure.suspended
        || matches!(failure.class, ErrorClass::ModerationInput | ErrorClass::ModerationOutput)
    {
        return failure;
    }
    let root = &facts.answer.skeleton;
    let error =
        root.as_array().and_then(|list| list.first()).unwrap_or(root).get("error").unwrap_or(&Value::Null);
    let status = error.get("status").and_then(Value::as_str).unwrap_or_default();
    let details: Vec<&Value> = error.get("details").and_then(Value::as_array).into_iter().flatten().collect();
    let message = failure.message.to_lowercase();
    let fine = KeyVerdict::Fine;
    match status {
        // The service is not offered where this machine is, or not without a bill: another key changes nothing.
        "FAILED_PRECONDITION" => failure.recognised(ErrorClass::NotFound, fine),
        "DEADLINE_EXCEEDED" => failure.recognised(ErrorClass::Overload, fine),
        "INVALID_ARGUMENT" if message.contains("request payload size exceeds") => {
            failure.recognised(ErrorClass::TooLarge, fine)
        }
        "INVALID_ARGUMENT" => {
            Failure { param: param(&failure.message, &details).or(failure.param.clone()), ..failure }
        }
        "RESOURCE_EXHAUSTED" => exhausted(failure, &message, &details),
        _ => failure,
    }
}

/// A quota of a minute comes back by itself, one of a day doesn't, and one of zero never does.
fn exhausted(failure: Failure, message: &str, details: &[&Value]) -> Failure {
    let violated = |detail: &&Value| detail.get("violations").and_then(Value::as_array).cloned();
    let mut ids = details
        .iter()
        .filter_map(violated)
        .flatten()
        .filter_map(|violation| Some(violation.get("quotaId")?.as_str()?.to_owned()));
    if ids.any(|id| id.contains("PerDay")) || has_zero_limit(message) {
        return failure.recognised(ErrorClass::Quota, KeyVerdict::OutOfQuota);
    }
    let delay =
        details.iter().find_map(|detail| detail.get("retryDelay")?.as_str()?.strip_suffix('s')?.parse().ok());
    let after =
        delay.and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok()).or(failure.retry_after);
    failure.rate(after)
}

/// `limit: 0`, and not the beginning of a greater number.
fn has_zero_limit(message: &str) -> bool {
    message.match_indices("limit: 0").any(|(at, found)| {
        let next = message.get(at + found.len()..).and_then(|rest| rest.chars().next());
        !next.is_some_and(|letter| letter.is_ascii_digit() || letter == '.')
    })
}

/// The field that a refusal is about, as it stands in the request: Google names it by its path in snake case, or, when
/// it doesn't know it at all, in quotation marks.
fn param(message: &str, details: &[&Value]) -> Option<String> {
    let between = |start: &str, end: char| Some(message.split_once(start)?.1.split_once(end)?.0.to_owned());
    let violation = || {
        let list = details.iter().find_map(|detail| detail.get("fieldViolations")?.as_array()?.first())?;
        Some(list.get("field")?.as_str()?.to_owned())
    };
    let path = between("Unknown name \"", '"').or_else(violation).or_else(|| between(" at '", '\''))?;
    let name = path.rsplit('.').next()?.split('[').next()?;
    let mut words = name.split('_');
    let first = words.next()?.to_owned();
    let camel = words.fold(first, |name, word| {
        let mut letters = word.chars();
        let upper = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &upper.into_iter().collect::<String>() + letters.as_str()
    });
    Some(camel).filter(|name| !name.is_empty())
}
