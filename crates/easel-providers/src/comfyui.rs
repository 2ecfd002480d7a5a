//! `ComfyUI`, one's own: a workflow of the owner draws, whatever it does.
//!
//! Facts: `ComfyUI`'s `server.py` (routes, queue, history), and what many clients agree on about events, history and
//! refusals.
//! Not obvious: a task's id may be ours, so that it can be asked about whatever happened (builds that ignore it answer
//! with their own, which counts then); a task is in the queue, then in the history, and for a moment in neither as far as
//! two questions can tell, so the history is asked twice before a task counts as never seen; a workflow whose every node
//! is cached ends with no pictures, so seeds change each time; `/interrupt` of older builds stops whatever is running, so
//! it is only sent while the queue says that it is our task.
//!
//! No key is needed; `basic_auth` is for a proxy in front of it. `base_url` may end in `/api`. What was uploaded stays in
//! `ComfyUI`'s folder of inputs, under names that begin with `easel-`.
//!
//! `extra` of the kind:
//! - `workflow` is the path of a workflow in API format (the menu Workflow, then Export (API)). It is read when the
//!   configuration is.
//! - `slots` says which inputs easel fills in, each as `NODE.INPUT` or a list of them: `prompt` (needed), `negative`,
//!   `seed`, `width`, `height`, `count`, `model`, `image1` to `image9`. In their place, texts of the workflow may hold
//!   `%prompt%`, `%seed%`, `%image1%` and so on. Without a slot for it every `seed` and `noise_seed` changes each time;
//!   `seed = []` leaves them alone.
//! - `negative_prompt` is what goes into `negative`.
//! - `width` and `height` are what the workflow's model was made for, where the workflow has slots for them and no
//!   numbers in them: a wished shape gets as many pixels, a wished size wins. A workflow without these two slots has its
//!   own shape, so it is passed over where another one (or more than 1K) is wished.
//! - `allow_prompt_syntax = true` lets everybody's prompts use `<lora:…>`, `AND` and `BREAK`; otherwise they are words.
//! - `poll_seconds` is the pause between two questions about a task (1.5 without it).
//!
//! A workflow with pictures can only change pictures, and one without only draws: two sections, one in `[draw]` and one in
//! `[edit]`, do both. Where fewer pictures are given than it takes, the last one is given again.

mod workflow;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use easel_core::{
    error::ErrorClass,
    ports::{Output, RemoteTask, Shapes},
};
use easel_http::{Multipart, UrlStyle, header::HeaderMap, unforeseeable};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    answer::{
        Answer,
        candidates::{Choice, Found, Place},
    },
    classify::{self, Facts, Failure},
    config::ProviderSection,
    control_words,
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, Problems, content},
    lessons::Sent,
    sizes,
    tasks::{self, Pace, Question, State, Tasks},
};
use workflow::{Slot, Workflow};

/// Pictures per request, where the workflow has a slot for their number; they are made one after the other.
const MAX_COUNT: u8 = 4;
/// Sides are made of blocks of so many pixels.
const BLOCK: u32 = 8;
/// What most models are made for today.
const USUAL: u32 = 1024;
const LEAST: f64 = 256.0 * 256.0;
const MOST: f64 = 2048.0 * 2048.0;
/// Tells the second look at the history from the first; the server ignores it.
const SECOND_LOOK: &str = "?look=2";
/// Words of failures, in lower case.
const OUT_OF_MEMORY: &[&str] = &["out of memory", "allocation on device"];

/// The kind as long as no section is read: it can do nothing.
pub(crate) static KIND: ComfyUi = ComfyUi { workflow: None };

/// The dialect, with the workflow of its section.
pub(crate) struct ComfyUi {
    workflow: Option<Workflow>,
}

impl Dialect for ComfyUi {
    fn address(&self) -> UrlStyle {
        UrlStyle::Bare
    }

    fn needs_model(&self) -> bool {
        false
    }

    fn needs_key(&self) -> bool {
        false
    }

    fn free(&self) -> bool {
        true
    }

    fn made_for(&self, section: &ProviderSection) -> Option<Result<Arc<dyn Dialect>, Problems>> {
        let own = |workflow| Arc::new(Self { workflow: Some(workflow) }) as Arc<dyn Dialect>;
        Some(Workflow::read(section).map(own))
    }

    fn files(&self, section: &ProviderSection) -> Vec<PathBuf> {
        workflow::path(section).into_iter().collect()
    }

    fn limits(&self, _: &str) -> Limits {
        let Some(workflow) = &self.workflow else {
            return Limits { words_alone: false, ..Limits::new(0, 1) };
        };
        let images = workflow.images();
        let count = if workflow.has(Slot::Count) { MAX_COUNT } else { 1 };
        // Without places for both sides a workflow draws what it draws.
        let (shapes, tier) = if workflow.has(Slot::Width) && workflow.has(Slot::Height) {
            (Shapes::Any, sizes::ENGINE_TIER)
        } else {
            (Shapes::Kept, 1)
        };
        let tier = Some(tier);
        Limits { words_alone: images == 0, one_at_a_time: true, tier, shapes, ..Limits::new(images, count) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let task = ask.task.unwrap_or_default();
        let filled = self.workflow.as_ref().map(|workflow| workflow.filled(&values(workflow, ask, task)));
        let body = json!({ "prompt": filled, "client_id": task, "prompt_id": task });
        Draft { path: "prompt".into(), payload: JsonRequest::new().finish(&body), sent: Sent::default() }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let root = &facts.answer.skeleton;
        let refused = !(200..300).contains(&facts.status) && root.get("node_errors").is_some();
        if !refused {
            return classify::failure(facts);
        }
        let kind = tasks::text_at(root, &["/error/type"]).unwrap_or_default();
        let mut told = tasks::text_at(root, &["/error/message", "/error"]).unwrap_or_default();
        for (name, node) in root.get("node_errors").and_then(Value::as_object).into_iter().flatten() {
            let class = tasks::text_at(node, &["/class_type"]).unwrap_or_default();
            for error in node.get("errors").and_then(Value::as_array).into_iter().flatten() {
                let message = tasks::text_at(error, &["/message"]).unwrap_or_default();
                let details = tasks::text_at(error, &["/details"]).unwrap_or_default();
                told = format!("{told}; node {name} ({class}): {message}: {details}");
            }
        }
        Some(tasks::failure(facts, &kind, &told))
    }

    fn choose(&self, answer: &Answer) -> Choice {
        let mut found: Vec<(bool, u64, Found)> = Vec::new();
        let mut unusable = None;
        let entries = answer.skeleton.as_object().into_iter().flatten();
        for (node, output) in entries.filter_map(|(_, entry)| entry.get("outputs")?.as_object()).flatten() {
            for picture in output.get("images").and_then(Value::as_array).into_iter().flatten() {
                let part = |name: &str| picture.get(name).and_then(Value::as_str).unwrap_or_default();
                let mut query = form_urlencoded::Serializer::new(String::new());
                for name in ["filename", "subfolder", "type"] {
                    query.append_pair(name, part(name));
                }
                let place = Place::Path(format!("view?{}", query.finish()));
                let preview = part("type") == "temp";
                // Nodes within groups are named 12:3.
                let number =
                    node.split(':').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX);
                found.push((preview, number, Found { place, revised_prompt: None }));
            }
            let clips = ["gifs", "videos"].iter().any(|name| output.get(name).is_some());
            unusable = unusable.or(clips.then_some("video"));
        }
        let saved = found.iter().any(|(preview, ..)| !preview);
        found.retain(|(preview, ..)| !(saved && *preview));
        found.sort_by_key(|(_, number, _)| *number);
        let found: Vec<Found> = found.into_iter().map(|(.., found)| found).collect();
        Choice { unusable: unusable.filter(|_| found.is_empty()), found, ..Choice::default() }
    }
}

impl Tasks for ComfyUi {
    fn choose_id(&self) -> Option<String> {
        let digits = unforeseeable();
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        // A random UUID, as the server itself would choose (RFC 9562, version 4).
        Some(format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30)))
    }

    fn preparations(&self, ask: &Ask<'_>) -> Vec<Draft> {
        let slots = self.workflow.as_ref().map_or(0, Workflow::images);
        let task = ask.task.unwrap_or_default();
        let references = ask.request.references.iter().take(slots).enumerate();
        let upload = |(nth, reference): (usize, &easel_core::ports::Reference)| {
            let format = reference.picture.format;
            let name = file_name(task, nth, format.extension());
            let form = Multipart::new()
                .text("type", "input")
                // The name is of our own, and a second upload of the same picture is the same file.
                .text("overwrite", "true")
                .file("image", &name, format.mime(), content(reference));
            Draft { path: "upload/image".into(), payload: Payload::Form(form), sent: Sent::default() }
        };
        references.map(upload).collect()
    }

    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        let id = tasks::text_at(&answer.skeleton, &["/prompt_id"])?;
        Some(RemoteTask { id, poll: String::new() })
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question::get(history(task))
    }

    fn state(&self, task: &RemoteTask, question: &Question, facts: &Facts<'_>) -> State {
        if let Some(refused) = tasks::refusal(self, facts) {
            return refused;
        }
        let root = &facts.answer.skeleton;
        if !root.is_object() {
            return State::Unclear;
        }
        if question.path == QUEUE {
            return match place_in_queue(root, &task.id) {
                Some(_) => State::Working { percent: None },
                // It may have gone from here to the history just now.
                None => State::AskAlso(Question::get(format!("{}{SECOND_LOOK}", history(task)))),
            };
        }
        let Some(entry) = root.get(&task.id) else {
            let looked_twice = question.path.ends_with(SECOND_LOOK);
            return if looked_twice { State::NeverSeen } else { State::AskAlso(Question::get(QUEUE)) };
        };
        match tasks::text_at(entry, &["/status/status_str"]).as_deref() {
            Some("error") => State::Failed(Box::new(failed(entry, facts))),
            _ if is_cached(entry) => {
                let nothing = tasks::failure(facts, "", "every node was cached, so nothing was drawn");
                State::Unpaid(Box::new(nothing.judged(ErrorClass::Empty, facts)))
            }
            _ => State::Done,
        }
    }

    fn cancel(&self, task: &RemoteTask, step: usize, answer: Option<&Value>) -> Option<Question> {
        let post =
            |path: &'static str, body: Value| Question { path: path.into(), body: Some(body), headers: &[] };
        match step {
            0 => Some(post(QUEUE, json!({ "delete": [task.id] }))),
            1 => Some(Question::get(QUEUE)),
            2 if answer.and_then(|queue| place_in_queue(queue, &task.id)) == Some(RUNNING) => {
                Some(post("interrupt", json!({ "prompt_id": task.id })))
            }
            _ => None,
        }
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(1), every: Duration::from_millis(1500) }
    }
}

const QUEUE: &str = "queue";
const RUNNING: &str = "queue_running";

fn history(task: &RemoteTask) -> String {
    format!("history/{}", tasks::segment(&task.id))
}

/// The list of the queue in which a task stands.
fn place_in_queue(queue: &Value, id: &str) -> Option<&'static str> {
    let holds = |list: &&str| {
        let entries = queue.get(*list).and_then(Value::as_array).into_iter().flatten();
        entries.into_iter().any(|entry| entry.get(1).and_then(Value::as_str) == Some(id))
    };
    [RUNNING, "queue_pending"].into_iter().find(holds)
}

/// Whether a workflow ended without drawing because it was run before: another seed helps.
fn is_cached(entry: &Value) -> bool {
    let drawn = entry.get("outputs").and_then(Value::as_object).is_some_and(|outputs| !outputs.is_empty());
    let messages = entry.pointer("/status/messages").and_then(Value::as_array).into_iter().flatten();
    !drawn
        && messages
            .into_iter()
            .any(|message| message.get(0).and_then(Value::as_str) == Some("execution_cached"))
}

/// Why a workflow ended in its middle.
fn failed(entry: &Value, facts: &Facts<'_>) -> Failure {
    let messages = entry.pointer("/status/messages").and_then(Value::as_array).into_iter().flatten();
    let event = |name: &str| {
        messages.clone().find(|message| message.get(0).and_then(Value::as_str) == Some(name))?.get(1)
    };
    let (code, told) = match (event("execution_error"), event("execution_interrupted")) {
        (Some(error), _) => {
            let said = |name: &str| tasks::text_at(error, &[name]).unwrap_or_default();
            let told =
                format!("node {} ({}): {}", said("/node_id"), said("/node_type"), said("/exception_message"));
            (said("/exception_type"), told)
        }
        (None, Some(_)) => (String::new(), "somebody stopped the workflow at the server".to_owned()),
        (None, None) => (String::new(), "the workflow failed".to_owned()),
    };
    let failure = tasks::failure(facts, &code, &told);
    let lower = failure.message.to_lowercase();
    if OUT_OF_MEMORY.iter().any(|words| lower.contains(words)) {
        return failure.judged(ErrorClass::TooLarge, facts);
    }
    failure
}

/// The name of an uploaded picture.
fn file_name(task: &str, nth: usize, extension: &str) -> String {
    format!("easel-{task}-{}.{extension}", nth + 1)
}

/// What goes into the workflow.
fn values(workflow: &Workflow, ask: &Ask<'_>, task: &str) -> BTreeMap<Slot, Value> {
    let extra = &ask.settings.extra;
    let mut values = BTreeMap::new();
    let prompt = match extra.get(control_words::ALLOW) {
        Some(Value::Bool(true)) => (*ask.request.prompt).to_owned(),
        _ => control_words::tamed(&ask.request.prompt),
    };
    values.insert(Slot::Prompt, prompt.into());
    if let Some(negative) = extra.get("negative_prompt").and_then(Value::as_str) {
        values.insert(Slot::Negative, negative.into());
    }
    // The task's id is as random as any number; 52 bits pass through every reader of JSON.
    let digits: String = task.chars().filter(char::is_ascii_hexdigit).take(13).collect();
    values.insert(Slot::Seed, u64::from_str_radix(&digits, 16).unwrap_or(0).into());
    if let Some((width, height)) = size(workflow, extra, &ask.request.output) {
        values.insert(Slot::Width, width.into());
        values.insert(Slot::Height, height.into());
    }
    values.insert(Slot::Count, ask.request.count.into());
    if !ask.settings.model.is_empty() {
        values.insert(Slot::Model, ask.settings.model.as_str().into());
    }
    let references = &ask.request.references;
    for number in 1..=workflow.images() {
        let nth = number.min(references.len()).saturating_sub(1);
        if let Some(reference) = references.get(nth) {
            let name = file_name(task, nth, reference.picture.format.extension());
            values.insert(Slot::Image(number), name.into());
        }
    }
    values
}

/// The sides to fill in; `None` = those of the workflow.
fn size(workflow: &Workflow, extra: &serde_json::Map<String, Value>, wish: &Output) -> Option<(u32, u32)> {
    let own = |name: &str| extra.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
    let native = |slot, name| workflow.number(slot).or_else(|| own(name));
    let (width, height) = (native(Slot::Width, "width"), native(Slot::Height, "height"));
    let usual = (width.unwrap_or(USUAL), height.unwrap_or(USUAL));
    let area = |(width, height): (u32, u32)| (f64::from(width) * f64::from(height)).clamp(LEAST, MOST);
    let pixels = match (wish.size, wish.tier) {
        (Some(size), _) => area(size),
        (None, Some(tier)) => {
            let side = USUAL * u32::from(tier.clamp(1, sizes::ENGINE_TIER));
            area((side, side))
        }
        (None, None) if wish.ratio.is_none() => {
            // Numbers of the workflow stay; a place holder needs one.
            let stays = workflow.number(Slot::Width).is_some() && workflow.number(Slot::Height).is_some();
            return (!stays).then_some(usual);
        }
        (None, None) => area(usual),
    };
    let shape = sizes::ratio(wish).unwrap_or(usual);
    Some(sizes::bounded(shape, (pixels, pixels), BLOCK))
}
