//! Clips in the shape of OpenAI's `/videos`, which gateways kept when OpenAI's own service for it ended.
//!
//! Facts: OpenAI API reference, "Videos" (create, retrieve, download content); public clients of gateways.
//! Not obvious: `seconds` is a text; a first frame makes a form of the request; gateways name the task `id` or
//! `task_id`, wrap the object in `data`, and spell states as they like; the clip is a link somewhere in the finished
//! object, or else has to be fetched from `/videos/{id}/content` with the key.
//!
//! `extra.form = "json"` puts the first frame into JSON as `input_reference.image_url`. Everything else in `extra` goes
//! to the request's top level: `seconds` (also as a number), and `size` while nobody wishes a shape.

use easel_core::{
    error::ErrorClass,
    ports::{GenerateRequest, RemoteTask, Shapes},
};
use easel_http::{Multipart, header::HeaderMap};
use serde_json::{Map, Value, json};
use std::time::Duration;

use crate::{
    answer::{
        Answer,
        candidates::{Choice, Found, Place},
        clips,
    },
    classify::Facts,
    clip_tasks::{self, Places},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, content},
    lessons::Known,
    rows, sizes,
    tasks::{Pace, Question, State, Tasks, segment, text_at},
};

/// Sizes by beginnings of model names; of models that are not in the table all sizes are tried.
const ROWS: &[(&str, &[(u32, u32)])] = &[
    ("sora-2-pro", &[(720, 1280), (1280, 720), (1024, 1792), (1792, 1024)]),
    ("sora-2", &[(720, 1280), (1280, 720)]),
];
/// The longer side of sizes for wishes beyond 1K.
const LARGE_SIDE: u32 = 1792;
/// Where answers name the task.
const IDS: &[&str] = &["/id", "/task_id", "/data/id", "/data/task_id", "/video_id", "/data/video_id"];
const PLACES: Places = Places {
    word: &["/status", "/data/status", "/state", "/data/state", "/task_status", "/data/task_status"],
    percent: &["/progress", "/data/progress"],
    error: &["/error", "/data/error", "/fail_reason", "/data/fail_reason", "/data"],
};

/// The dialect.
pub(crate) struct OpenAiVideo;

impl Dialect for OpenAiVideo {
    fn limits(&self, model: &str) -> Limits {
        let Some(list) = rows::of(ROWS, model) else { return Limits::clips(1) };
        let is_large = |(width, height): &(u32, u32)| *width.max(height) >= LARGE_SIDE;
        let tier = if list.iter().any(is_large) { 2 } else { 1 };
        Limits { tier: Some(tier), shapes: Shapes::Sizes(list.into()), ..Limits::clips(1) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let mut fields = settings.extra.clone();
        let as_json = fields.remove("form").is_some_and(|form| form == "json");
        if let Some(Value::Number(seconds)) = fields.get("seconds") {
            let seconds = seconds.to_string();
            fields.insert("seconds".to_owned(), seconds.into());
        }
        if let Some(size) = size(&settings.model, request, &fields, known) {
            fields.insert("size".to_owned(), size.into());
        }
        let (mut fields, sent) = clip_tasks::settled(ask, fields);
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        let mut json = JsonRequest::new();
        let payload = match request.references.first() {
            Some(_) if !as_json => Payload::Form(form(fields, request)),
            first => {
                if let Some(first) = first {
                    let reference = json!({ "image_url": json.data_url(first) });
                    fields.insert("input_reference".to_owned(), reference);
                }
                json.finish(&Value::Object(fields))
            }
        };
        Draft { path: "videos".into(), payload, sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn choose(&self, answer: &Answer) -> Choice {
        let mut choice = clips::choose(answer);
        if choice.found.is_empty()
            && let Some(id) = text_at(&answer.skeleton, IDS)
        {
            let place = Place::Path(format!("videos/{}/content", segment(&id)));
            choice.found.push(Found { place, revised_prompt: None });
        }
        choice
    }
}

/// `size`: the wished shape as the model takes it. A first frame has to have the clip's shape, so without a wish it
/// says which one.
fn size(
    model: &str,
    request: &GenerateRequest,
    fields: &Map<String, Value>,
    known: &Known,
) -> Option<String> {
    let name = |(width, height): (u32, u32)| format!("{width}x{height}");
    let wished = sizes::wished(&request.output);
    let Some(list) = rows::of(ROWS, model) else {
        return wished.map(name);
    };
    let frame = || request.references.first().map(|first| (first.picture.width, first.picture.height));
    let shape = wished.or_else(|| frame().filter(|_| !fields.contains_key("size")))?;
    let best = |least: u32| {
        let large = list.iter().copied().filter(|(width, height)| *width.max(height) >= least);
        sizes::unturned(large, shape, |_| false)
    };
    let large = request.output.wished_tier().is_some_and(|tier| tier > 1);
    let large = if large { best(LARGE_SIDE) } else { None };
    let first = large.or_else(|| best(0))?;
    // In place of one that was refused, none that is dearer.
    let affordable =
        list.iter().copied().filter(|size| *size == first || sizes::area(*size) < sizes::area(first));
    let wished = if known.refuses_size(&name(first)) { shape } else { first };
    sizes::unturned(affordable, wished, |size| known.refuses_size(&name(size))).map(name)
}

/// Fields first: gateways that read the form as a stream need the model before the file.
fn form(fields: Map<String, Value>, request: &GenerateRequest) -> Multipart {
    let form = fields.into_iter().fold(Multipart::new(), |form, (name, value)| match value {
        Value::String(text) => form.text(&name, text),
        other => form.text(&name, other.to_string()),
    });
    request.references.iter().take(1).fold(form, |form, first| {
        let format = first.picture.format;
        let file_name = format!("first.{}", format.extension());
        form.file("input_reference", &file_name, format.mime(), content(first))
    })
}

impl Tasks for OpenAiVideo {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        clip_tasks::named(answer, IDS)
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question::get(format!("videos/{}", segment(&task.id)))
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        match clip_tasks::state(self, facts, &PLACES, |failure| failure) {
            // A gateway that lost its way to the task's channel for a moment; the engine gives up by itself.
            State::Failed(failure) if failure.class == ErrorClass::Unanswered => State::Unclear,
            state => state,
        }
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(10), every: Duration::from_secs(10) }
    }
}

#[cfg(test)]
mod tests {
    use easel_core::ports::{Operation, Output};

    use super::*;

    #[test]
    fn the_nearest_size_lies_or_stands_as_wished() {
        #[track_caller]
        fn check(model: &str, output: Output, refused: &[&str], expected: Option<&str>) {
            let (operation, references) = (Operation::Clip, [].into());
            let request =
                GenerateRequest { operation, prompt: "p".into(), title: None, references, output, count: 1 };
            let known = Known::refusing("size", refused);
            let size = size(model, &request, &Map::new(), &known);
            assert_eq!(size.as_deref(), expected, "{model} {output:?} {refused:?}");
        }
        let open = Output::default();
        let ratio = |width, height| Output { ratio: Some((width, height)), ..open };
        let exact = |width, height| Output { size: Some((width, height)), ..open };
        check("sora-2", open, &[], None);
        for (model, list) in ROWS {
            for (width, height) in *list {
                check(model, exact(*width, *height), &[], Some(&format!("{width}x{height}")));
            }
        }
        check("sora-2", exact(1024, 1792), &[], Some("720x1280"));
        check("sora-2", ratio(4, 5), &[], Some("720x1280"));
        check("sora-2", ratio(5, 4), &[], Some("1280x720"));
        check("sora-2", ratio(9, 16), &["720x1280"], None);
        check("sora-2", ratio(16, 9), &["1280x720"], None);
        check("sora-2-pro", ratio(9, 16), &["720x1280"], None);
        check("sora-2-pro", Output { tier: Some(4), ..ratio(9, 16) }, &[], Some("1024x1792"));
        let large = Output { tier: Some(4), ..ratio(9, 16) };
        check("sora-2-pro", large, &["1024x1792"], Some("720x1280"));
        check("sora-2-pro", large, &["1024x1792", "720x1280"], None);
        check("veo-3", exact(1000, 1400), &[], Some("1000x1400"));
    }
}
