//! `OpenRouter`'s clips, as tasks.
//!
//! Facts: `OpenRouter` documentation, "Video generation API" (`POST /videos`, 202 with `polling_url`).
//! Not obvious: the address to ask at may be absolute or begin at the host's root; the links in `unsigned_urls` need
//! the key when they lead to the service itself; `error` is a text.
//!
//! Everything in `extra` goes to the request's top level: `duration`, `generate_audio`, `seed`, `provider`, and
//! `aspect_ratio`, `resolution` and `size` while nobody wishes a shape.

use easel_core::ports::RemoteTask;
use easel_http::header::HeaderMap;
use serde_json::{Map, Value, json};
use std::time::Duration;

use crate::{
    answer::{Answer, candidates::Choice, clips},
    classify::Facts,
    clip_tasks::{self, Places},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    openrouter_images, sizes,
    tasks::{Pace, Question, State, Tasks, segment, text_at},
};

const RATIOS: &[(u32, u32)] = &[(1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3), (21, 9), (9, 21)];
/// The fields that say the shape; they exclude each other.
const SHAPE: [&str; 3] = ["size", "aspect_ratio", "resolution"];

/// The dialect.
pub(crate) struct OpenRouterVideo;

impl Dialect for OpenRouterVideo {
    fn limits(&self, _: &str) -> Limits {
        clip_tasks::limits(RATIOS, Limits::clips(1))
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, .. } = ask;
        let mut fields = settings.extra.clone();
        if sizes::wished(&request.output).is_some() {
            fields.retain(|key, _| !SHAPE.contains(&key.as_str()));
            fields.extend(shape(ask));
        }
        let (mut fields, sent) = clip_tasks::settled(ask, fields);
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        let mut json = JsonRequest::new();
        if let Some(first) = request.references.first() {
            let frame = json!({
                "type": "image_url",
                "image_url": { "url": json.data_url(first) },
                "frame_type": "first_frame",
            });
            fields.insert("frame_images".to_owned(), json!([frame]));
        }
        Draft { path: "videos".into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn choose(&self, answer: &Answer) -> Choice {
        clips::choose(answer)
    }
}

/// Exact pixels as `size`; when they were refused, and otherwise, ratio and lines.
fn shape(ask: &Ask<'_>) -> Map<String, Value> {
    match openrouter_images::exact_size(&ask.request.output, ask.known) {
        Some(size) => [("size".to_owned(), size)].into_iter().collect(),
        None => clip_tasks::shape(RATIOS, "aspect_ratio", ask),
    }
}

impl Tasks for OpenRouterVideo {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        let root = &answer.skeleton;
        let id = text_at(root, &["/id"])?;
        // One that begins at the host's root says no more than the id.
        let poll = text_at(root, &["/polling_url"]).filter(|poll| poll.contains("://"));
        Some(RemoteTask { id, poll: poll.unwrap_or_default() })
    }

    fn question(&self, task: &RemoteTask) -> Question {
        if task.poll.is_empty() {
            Question::get(format!("videos/{}", segment(&task.id)))
        } else {
            Question::get(task.poll.clone())
        }
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        clip_tasks::state(self, facts, &Places::PLAIN, |failure| failure)
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(15), every: Duration::from_secs(15) }
    }
}
