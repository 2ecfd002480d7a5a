//! Alibaba's `DashScope` (Model Studio, 百炼): the Qwen, Z and Wan picture models on the route that answers within the
//! call, and the older Wan models as tasks.
//!
//! Facts: Model Studio help, "Qwen image generation and editing API reference", "Qwen image editing API", "Error
//! messages", "Rate limits", "Image FAQ".
//! Not obvious: sizes are written with a star; keys belong to one region (mainland and Singapore are two addresses); the
//! service rewrites prompts unless it is told not to; limits count per account across all keys, so label keys with
//! `account`; edits follow the shape of the *last* picture; the Wan models make several pictures, all of them paid,
//! where no number is told.
//!
//! A task may be asked about with any key of the account; it is with the one that ordered it. Failed tasks are not billed.
//!
//! `extra` goes into the request's `parameters`, for example `negative_prompt`, `seed`, `watermark = true`,
//! `prompt_extend = true` (rewriting, off by default here); `size` is the owner's default; `poll_seconds` is the pause
//! between two questions about a task (3 without it).

use easel_core::{
    error::ErrorClass,
    ports::{Operation, Output, RemoteTask, Shapes},
};
use easel_http::{UrlStyle, header::HeaderMap};
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Settings},
    lessons::{Known, Sent},
    sizes,
    tasks::{self, Question, State, Tasks, Word},
};

/// The route of models that answer within the call.
const PATH: &str = "services/aigc/multimodal-generation/generation";
/// The route of models that are only offered as tasks.
const TASK_PATH: &str = "services/aigc/text2image/image-synthesis";
const NEGATIVE: &str = "negative_prompt";

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// It answers within the call.
    Now,
    /// It is only offered as a task on an older route.
    Task,
}

/// How a model takes sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sizes {
    /// It decides by itself and takes none.
    None,
    /// One of these.
    Listed(&'static [(u32, u32)]),
    /// Any shape of so many pixels.
    Pixels(f64, f64),
    /// Any sides between these.
    Sides(u32, u32),
}

/// Headers of calls that order a task.
const ASYNC: &[(&str, &str)] = &[("X-DashScope-Async", "enable")];
const DONE: &[&str] = &["succeeded"];
const FAILED: &[&str] = &["failed", "canceled", "cancelled"];
/// The service knows no such task, or no more: they are kept for a day.
const UNKNOWN_TASK: &str = "unknown";

/// What a family of models takes.
#[derive(Clone, Copy, Debug)]
struct Model {
    /// How its names begin, in lower case.
    start: &'static str,
    form: Form,
    /// It draws from words alone.
    words_alone: bool,
    references: usize,
    count: u8,
    /// The largest tier within its sizes.
    tier: u8,
    sizes: Sizes,
    /// It rewrites prompts unless it is told not to.
    rewrites: bool,
    /// Without a number it makes several pictures.
    tell_count: bool,
}

const UNKNOWN: Model = Model {
    start: "",
    form: Form::Now,
    words_alone: true,
    references: 3,
    count: 4,
    tier: 2,
    sizes: Sizes::Pixels(512.0 * 512.0, 2048.0 * 2048.0),
    rewrites: true,
    tell_count: false,
};
const QWEN_LISTED: Sizes =
    Sizes::Listed(&[(1664, 928), (1472, 1104), (1328, 1328), (1104, 1472), (928, 1664)]);
const EDIT_ONLY: Model = Model { words_alone: false, count: 6, sizes: Sizes::Sides(512, 2048), ..UNKNOWN };
const WAN: Model = Model { tell_count: true, ..UNKNOWN };
const TASK: Model = Model {
    form: Form::Task,
    references: 0,
    sizes: Sizes::Sides(512, 1440),
    tier: 1,
    tell_count: true,
    ..UNKNOWN
};

/// The first match counts; models that are not in the table are tried as `UNKNOWN`.
const MODELS: &[Model] = &[
    Model { start: "qwen-image-edit-max", ..EDIT_ONLY },
    Model { start: "qwen-image-edit-plus", ..EDIT_ONLY },
    // One picture, of about a megapixel in the shape of the last input.
    Model { start: "qwen-image-edit", count: 1, tier: 1, sizes: Sizes::None, rewrites: false, ..EDIT_ONLY },
    Model { start: "qwen-image-2.1-pro", references: 10, ..UNKNOWN },
    Model { start: "qwen-image-2", ..UNKNOWN },
    Model { start: "qwen-image-3", ..UNKNOWN },
    Model { start: "qwen-image", references: 0, count: 1, tier: 1, sizes: QWEN_LISTED, ..UNKNOWN },
    Model { start: "z-image", references: 0, count: 1, rewrites: false, ..UNKNOWN },
    Model {
        start: "wan2.6-t2i",
        references: 0,
        tier: 1,
        sizes: Sizes::Pixels(1280.0 * 1280.0, 1440.0 * 1440.0),
        ..WAN
    },
    Model {
        start: "wan2.6-image",
        words_alone: false,
        tier: 1,
        sizes: Sizes::Pixels(768.0 * 768.0, 1280.0 * 1280.0),
        ..WAN
    },
    // Its pictures go another way, which is not known well enough.
    Model { start: "wan2.5-i2i", words_alone: false, ..TASK },
    Model { start: "wan2.1-", ..TASK },
    Model { start: "wan2.2-", ..TASK },
    Model { start: "wan2.5-", ..TASK },
    Model { start: "wanx", ..TASK },
    Model { start: "wan", ..WAN },
];

/// Beginnings of the service's own codes, in lower case, in the order in which they count.
const CODES: &[(&str, ErrorClass)] = &[
    ("datainspectionfailed", ErrorClass::ModerationInput),
    ("data_inspection_failed", ErrorClass::ModerationInput),
    ("throttling.allocationquota", ErrorClass::Quota),
    ("allocationquota", ErrorClass::Quota),
    ("arrearage", ErrorClass::Quota),
    ("throttling", ErrorClass::Rate),
    ("invalidapikey", ErrorClass::Auth),
    ("model.accessdenied", ErrorClass::NotFound),
    ("modelnotfound", ErrorClass::NotFound),
    ("accessdenied", ErrorClass::Quota),
    ("invalidparameter", ErrorClass::BadRequest),
    ("internalerror", ErrorClass::Overload),
    ("serviceunavailable", ErrorClass::Overload),
];
/// Beginnings of messages that say more than their code, in lower case.
const SAID: &[(&str, ErrorClass)] = &[
    ("output data may contain", ErrorClass::ModerationOutput),
    ("allocated quota exceeded", ErrorClass::Quota),
    ("you exceeded your current quota", ErrorClass::Quota),
    ("request rate increased too quickly", ErrorClass::Rate),
];

/// The dialect.
pub(crate) struct DashScope;

impl Dialect for DashScope {
    fn address(&self) -> UrlStyle {
        UrlStyle::Rooted("/api/v1")
    }

    fn limits(&self, model: &str) -> Limits {
        let model = row(model);
        Limits {
            words_alone: model.words_alone,
            tier: Some(model.tier),
            shapes: match model.sizes {
                Sizes::None => Shapes::Kept,
                Sizes::Listed(sizes) => Shapes::Sizes(sizes.into()),
                Sizes::Pixels(..) => Shapes::Any,
                Sizes::Sides(least, most) => Shapes::UpTo(most / least),
            },
            ..Limits::new(model.references, model.count)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut parameters = parameters(ask);
        let sent = Sent::new(&parameters);
        if row(&ask.settings.model).form == Form::Task {
            let mut input = json!({ "prompt": &*ask.request.prompt });
            if let (Some(input), Some(negative)) = (input.as_object_mut(), parameters.remove(NEGATIVE)) {
                input.insert(NEGATIVE.to_owned(), negative);
            }
            let body = json!({ "model": ask.settings.model, "input": input, "parameters": parameters });
            return Draft { path: TASK_PATH.into(), payload: JsonRequest::new().finish(&body), sent };
        }
        let mut json = JsonRequest::new();
        let picture = |reference| json!({ "image": json.data_url(reference) });
        let mut content: Vec<Value> = ask.request.references.iter().map(picture).collect();
        content.push(json!({ "text": &*ask.request.prompt }));
        let mut body = json!({
            "model": ask.settings.model,
            "input": { "messages": [{ "role": "user", "content": content }] },
        });
        if let Some(body) = body.as_object_mut().filter(|_| !parameters.is_empty()) {
            body.insert("parameters".to_owned(), parameters.into());
        }
        Draft { path: PATH.into(), payload: json.finish(&body), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        classify::failure(facts).map(|failure| own(failure, facts))
    }
}

impl Tasks for DashScope {
    fn applies(&self, settings: &Settings, _: Operation) -> bool {
        row(&settings.model).form == Form::Task
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        ASYNC
    }

    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        let id = tasks::text_at(&answer.skeleton, &["/output/task_id"])?;
        Some(RemoteTask { id, poll: String::new() })
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question::get(format!("tasks/{}", tasks::segment(&task.id)))
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        if let Some(refused) = tasks::refusal(self, facts) {
            return refused;
        }
        let root = &facts.answer.skeleton;
        let Some(word) = tasks::text_at(root, &["/output/task_status"]) else {
            return self.failure(facts).map_or(State::Unclear, |failure| State::Refused(Box::new(failure)));
        };
        if word.eq_ignore_ascii_case(UNKNOWN_TASK) {
            let failure = tasks::failure(facts, "not_found", "the service does not know this task");
            return State::Refused(Box::new(failure));
        }
        match tasks::state_of(&word, DONE, FAILED) {
            Word::Working => State::Working { percent: None },
            Word::Failed => State::Failed(Box::new(ended(facts, "/output", &word))),
            Word::Done => {
                let results = root.pointer("/output/results").and_then(Value::as_array);
                let withheld = |result: &Value| result.get("url").is_none() && result.get("code").is_some();
                match results {
                    Some(results) if !results.is_empty() && results.iter().all(withheld) => {
                        State::Failed(Box::new(ended(facts, "/output/results/0", &word)))
                    }
                    _ => State::Done,
                }
            }
        }
    }
}

/// What a task without a result says at this place.
fn ended(facts: &Facts<'_>, at: &str, word: &str) -> Failure {
    let said = |name| tasks::text_at(&facts.answer.skeleton, &[&format!("{at}/{name}")]);
    let (code, message) = (said("code").unwrap_or_default(), said("message"));
    own(tasks::failure(facts, &code, message.as_deref().unwrap_or(word)), facts)
}

/// The failure as the service's own codes and sentences mean it.
fn own(failure: Failure, facts: &Facts<'_>) -> Failure {
    let said = failure.message.to_lowercase();
    let by_words = SAID.iter().find(|(start, _)| said.starts_with(start));
    let meant = by_words.or_else(|| CODES.iter().find(|(start, _)| failure.code.starts_with(start)));
    match meant {
        Some((_, class)) => failure.judged(*class, facts),
        None => failure,
    }
}

/// What is known of a model.
fn row(model: &str) -> Model {
    let model = model.to_ascii_lowercase();
    MODELS.iter().copied().find(|row| model.starts_with(row.start)).unwrap_or(UNKNOWN)
}

fn parameters(ask: &Ask<'_>) -> Map<String, Value> {
    let (settings, wish, known) = (ask.settings, &ask.request.output, ask.known);
    let model = row(&settings.model);
    let mut fields = Map::new();
    if let Some(size) = size(model.sizes, wish, known) {
        fields.insert("size".to_owned(), size.into());
    }
    if ask.request.count > 1 || model.tell_count {
        fields.insert("n".to_owned(), ask.request.count.into());
    }
    if model.rewrites {
        fields.insert("prompt_extend".to_owned(), false.into());
    }
    let size_is_open = sizes::wished(wish).is_none();
    for (key, value) in &settings.extra {
        // The owner's size is a default; a wish of the person wins.
        if key != "size" || size_is_open {
            fields.insert(key.clone(), value.clone());
        }
    }
    fields.retain(|key, value| known.allows(key, value));
    fields
}

/// The size to send. In place of a refused one, a smaller one of the same shape; in place of that, none.
fn size(sizes: Sizes, wish: &Output, known: &Known) -> Option<String> {
    let spelled = |(width, height): (u32, u32)| format!("{width}*{height}");
    let refused = |size| known.refuses_size(&spelled(size));
    let area = |side: u32| f64::from(side) * f64::from(side);
    let (least, most, bounds) = match sizes {
        Sizes::None => return None,
        Sizes::Listed(list) => return sizes::listed(list, wish, refused).map(spelled),
        Sizes::Pixels(least, most) => (least, most, (STEP, u32::MAX)),
        Sizes::Sides(least, most) => (area(least), area(most), (least, most)),
    };
    let wished = sizes::wished(wish)?;
    let within = |most: f64| {
        let (width, height) = sizes::bounded(wished, (least, most), STEP);
        (width.clamp(bounds.0, bounds.1), height.clamp(bounds.0, bounds.1))
    };
    [most, most.min(MEGAPIXEL).max(least)].map(within).into_iter().find(|size| !refused(*size)).map(spelled)
}

/// Grid of free sizes.
const STEP: u32 = 16;
/// What is tried when a larger size was refused.
const MEGAPIXEL: f64 = 1024.0 * 1024.0;
