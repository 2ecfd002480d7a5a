//! SiliconFlow's (硅基流动) clips: open models such as Wan, as tasks.
//!
//! Facts: SiliconFlow API reference, "Create video" and "Retrieve video".
//! Not obvious: the question is a POST; success is spelled `Succeed`; `image_size` must be there; the words of a failure
//! stand in `reason`; links of `api.siliconflow.cn` live for ten minutes, so a clip is fetched at once.
//!
//! Everything in `extra` goes to the request's top level: `negative_prompt`, `seed`, and `image_size` while nobody
//! wishes a shape.

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::RemoteTask,
};
use easel_http::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    answer::{Answer, candidates::Choice, clips},
    classify::{Facts, Failure},
    clip_tasks::{self, Places},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::Sent,
    siliconflow::{self, SiliconFlow},
    sizes,
    tasks::{Pace, Question, State, Tasks, text_at},
};

/// What `image_size` may be; the first is the default.
const SIZES: &[(u32, u32)] = &[(1280, 720), (720, 1280), (960, 960)];
/// Parts of names of models that work from words only, and of those that need a picture.
const FROM_WORDS: &str = "-t2v";
const FROM_PICTURES: &str = "-i2v";
const PLACES: Places =
    Places { word: &["/status"], percent: &["/progress"], error: &["/reason", "/message", "/error"] };

/// The dialect.
pub(crate) struct SiliconFlowVideo;

impl Dialect for SiliconFlowVideo {
    fn limits(&self, model: &str) -> Limits {
        let model = model.to_ascii_lowercase();
        let references = usize::from(!model.contains(FROM_WORDS));
        Limits { clips: true, words_alone: !model.contains(FROM_PICTURES), ..Limits::new(references, 1) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let mut fields = settings.extra.clone();
        let wished = sizes::wished(&request.output);
        if wished.is_some() || !fields.contains_key("image_size") {
            let frame =
                || request.references.first().map(|first| (first.picture.width, first.picture.height));
            let shape = wished.or_else(frame).or(SIZES.first().copied()).unwrap_or((16, 9));
            let name = |(width, height): &(u32, u32)| format!("{width}x{height}");
            let taken = SIZES.iter().filter(|size| !known.refuses("image_size", &name(size)));
            let size = sizes::closest(taken, |size| **size, shape).map(name);
            fields.remove("image_size");
            fields.extend(size.map(|size| ("image_size".to_owned(), size.into())));
        }
        let sent = Sent::new(&fields);
        fields.retain(|key, value| known.allows(key, value));
        fields.insert("model".to_owned(), settings.model.as_str().into());
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        let mut json = JsonRequest::new();
        if let Some(first) = request.references.first() {
            fields.insert("image".to_owned(), json.data_url(first).into());
        }
        Draft { path: "video/submit".into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        SiliconFlow.failure(facts)
    }

    fn choose(&self, answer: &Answer) -> Choice {
        clips::choose(answer)
    }
}

impl Tasks for SiliconFlowVideo {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        let id = text_at(&answer.skeleton, &["/requestId", "/request_id"])?;
        Some(RemoteTask { id, poll: String::new() })
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question { body: Some(json!({ "requestId": task.id })), ..Question::get("video/status") }
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        clip_tasks::state(self, facts, &PLACES, |failure| {
            let message = failure.message.to_lowercase();
            if siliconflow::MODERATED.iter().any(|words| message.contains(words)) {
                return failure.recognised(ErrorClass::ModerationInput, KeyVerdict::Fine);
            }
            siliconflow::recognised(failure, facts)
        })
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(5), every: Duration::from_secs(5) }
    }
}
