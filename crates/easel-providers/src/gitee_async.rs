//! Gitee AI (模力方舟, the same service as `api.moark.com`): pictures changed by words, as tasks.
//!
//! Facts: the service's own snippets and public clients of it; no reference page was readable.
//! Not obvious: pictures must be parts of a form, a file inside JSON is dropped without a word; a request without
//! `task_types` ends in an internal error; a failed task says `failure`, and `failed` in the service's own example; the
//! error of a task is an object or a text; the task's address lies below another path than the API, so the one that the
//! service tells is asked first; a task is only known to the token that created it.
//!
//! A task that fails because a computing node is broken ("Service Temporarily Unavailable", with `price: null`) is free,
//! and the only one that is ordered once more.
//!
//! `extra` goes into the form as it is, for example `num_inference_steps`, `guidance_scale`, `seed`. Besides:
//! - `task_types` is a list of what each picture gives: `id`, `style`, `subject`, `background`, `element` (a third picture
//!   may give `composition`); without it every picture gives `id`.
//! - `poll_seconds` is the pause between two questions about a task (5 without it).

use std::time::Duration;

use easel_core::{error::ErrorClass, ports::RemoteTask};
use easel_http::{Multipart, header::HeaderMap};
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    classify::{Facts, Failure},
    dialect::{Ask, Dialect, Draft, Limits, Payload, content},
    gitee,
    lessons::Sent,
    sizes,
    tasks::{self, Pace, Question, State, Tasks, Word},
};

/// Reference pictures by the beginnings of model names, in lower case; other models take [`REFERENCES`].
const MODELS: &[(&str, usize)] = &[("flux.1-kontext", 1), ("longcat-image-edit", 1)];
const REFERENCES: usize = 3;
/// What a picture gives when the owner doesn't say.
const TASK_TYPE: &str = "id";
const TASK_TYPES: &str = "task_types";
/// Area of wished sizes, and the grid of their sides.
const PIXELS: (f64, f64) = (512.0 * 512.0, 2048.0 * 2048.0);
const STEP: u32 = 16;
/// The largest tier within that area.
const TIER: u8 = 2;

const DONE: &[&str] = &["success", "succeeded", "completed", "done"];
const FAILED: &[&str] = &["failure", "failed", "cancelled", "canceled", "error", "expired", "rejected"];
/// What a broken computing node says, in lower case.
const BROKEN_NODE: &str = "service temporarily unavailable";
/// How a question about a task that it doesn't know is refused, also with status 200; in lower case, without spaces.
const UNKNOWN_TASK: &str = "tasknotfound";
/// Where a state may stand.
const STATE: &[&str] = &["/status", "/task_status", "/state"];

/// The dialect.
pub(crate) struct GiteeAsync;

impl Dialect for GiteeAsync {
    fn limits(&self, model: &str) -> Limits {
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let known = MODELS.iter().find(|(start, _)| name.starts_with(start));
        Limits {
            words_alone: false,
            tier: Some(TIER),
            ..Limits::new(known.map_or(REFERENCES, |(_, references)| *references), 1)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut fields = fields(ask);
        let mut sent = Sent::new(&fields);
        if let (Some(width), Some(height)) = (fields.get("width"), fields.get("height")) {
            sent.measures(&format!("{width}x{height}"));
        }
        let types = fields.remove(TASK_TYPES);
        let mut form =
            fields.into_iter().fold(Multipart::new(), |form, (name, value)| form.text(&name, text(value)));
        form = match types {
            Some(Value::Array(list)) => {
                list.into_iter().fold(form, |form, kind| form.text(TASK_TYPES, text(kind)))
            }
            Some(one) => form.text(TASK_TYPES, text(one)),
            None => ask.request.references.iter().fold(form, |form, _| form.text(TASK_TYPES, TASK_TYPE)),
        };
        form = ask.request.references.iter().enumerate().fold(form, |form, (nth, reference)| {
            let format = reference.picture.format;
            let file_name = format!("image{}.{}", nth + 1, format.extension());
            form.file("image", &file_name, format.mime(), content(reference))
        });
        Draft { path: "async/images/edits".into(), payload: Payload::Form(form), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        gitee::own_failure(facts)
    }
}

impl Tasks for GiteeAsync {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        let root = &answer.skeleton;
        let id = tasks::text_at(root, &["/task_id", "/data/task_id"])?;
        // A path alone would be looked for below the base address.
        let poll = tasks::text_at(root, &["/urls/get"]).filter(|address| address.contains("://"));
        Some(RemoteTask { id, poll: poll.unwrap_or_default() })
    }

    fn question(&self, task: &RemoteTask) -> Question {
        if task.poll.is_empty() {
            Question::get(format!("task/{}", tasks::segment(&task.id)))
        } else {
            Question::get(task.poll.clone())
        }
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        if let Some(refused) = tasks::refusal(self, facts) {
            return refused;
        }
        let root = &facts.answer.skeleton;
        let Some(word) = tasks::text_at(root, STATE) else {
            // Refusals come with status 200 too. Anything else is no answer to this question.
            return self
                .failure(facts)
                .map_or(State::Unclear, |failure| State::Refused(Box::new(denied(failure, facts))));
        };
        match tasks::state_of(&word, DONE, FAILED) {
            Word::Working => State::Working { percent: None },
            Word::Done => State::Done,
            Word::Failed => {
                let failure = Box::new(failed(&word, facts));
                let said = failure.message.to_lowercase();
                let unpaid = root.get("price").is_some_and(Value::is_null) && said.contains(BROKEN_NODE);
                if unpaid && failure.class == ErrorClass::Overload {
                    State::Unpaid(failure)
                } else {
                    State::Failed(failure)
                }
            }
        }
    }

    fn cancel(&self, task: &RemoteTask, step: usize, _: Option<&Value>) -> Option<Question> {
        let asked = self.question(task).path;
        let path = format!("{}/cancel", asked.trim_end_matches('/')).into();
        (step == 0).then(|| Question { path, body: Some(json!({})), headers: &[] })
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(3), every: Duration::from_secs(5) }
    }
}

/// A refused question, as what it says about the task.
fn denied(failure: Failure, facts: &Facts<'_>) -> Failure {
    let said = format!("{} {}", failure.code, failure.message).to_lowercase().replace(' ', "");
    if said.contains(UNKNOWN_TASK) { failure.judged(ErrorClass::NotFound, facts) } else { failure }
}

/// What a task that ended without a result says.
fn failed(word: &str, facts: &Facts<'_>) -> Failure {
    let root = &facts.answer.skeleton;
    let code = tasks::text_at(root, &["/output/error/code", "/error/code"]).unwrap_or_default();
    let message = tasks::text_at(
        root,
        &[
            "/output/error/message",
            "/output/error",
            "/output/message",
            "/error/message",
            "/error",
            "/message",
        ],
    );
    gitee::own(tasks::failure(facts, &code, message.as_deref().unwrap_or(word)), facts)
}

fn fields(ask: &Ask<'_>) -> Map<String, Value> {
    let (settings, wish, known) = (ask.settings, &ask.request.output, ask.known);
    let mut fields = Map::new();
    fields.insert("model".to_owned(), settings.model.as_str().into());
    fields.insert("prompt".to_owned(), (*ask.request.prompt).into());
    for (key, value) in &settings.extra {
        fields.insert(key.clone(), value.clone());
    }
    if let Some(wished) = sizes::wished(wish) {
        let (width, height) = sizes::bounded(wished, PIXELS, STEP);
        // Where one is refused, both are.
        if !known.refuses_size(&format!("{width}x{height}")) {
            fields.insert("width".to_owned(), width.into());
            fields.insert("height".to_owned(), height.into());
        }
    }
    fields.retain(|key, value| known.allows(key, value));
    fields
}

/// A value as it stands in a form.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
