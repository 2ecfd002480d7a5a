//! Volcengine Ark's and `BytePlus`' clips: Seedance, as tasks.
//!
//! Facts: Volcengine Ark API reference, "Video generation API" (create and query a task); its Python SDK.
//! Not obvious: words and pictures are parts of one list, a first frame has the role `first_frame`; `cancelled` is also
//! spelled with one l; links live for 24 hours.
//!
//! Everything in `extra` goes to the request's top level: `duration` (seconds), `seed`, `watermark`, `camera_fixed`,
//! `generate_audio`, and `ratio` and `resolution` while nobody wishes a shape.

use easel_core::ports::RemoteTask;
use easel_http::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    answer::{Answer, candidates::Choice, clips},
    ark::{self, Ark},
    classify::{Facts, Failure},
    clip_tasks::{self, Places},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    tasks::{Pace, Question, State, Tasks, segment},
};

const RATIOS: &[(u32, u32)] = &[(16, 9), (4, 3), (1, 1), (3, 4), (9, 16), (21, 9)];

/// The dialect.
pub(crate) struct ArkVideo;

impl Dialect for ArkVideo {
    fn limits(&self, model: &str) -> Limits {
        let limits = clip_tasks::limits(RATIOS, clip_tasks::limits_by_name(model));
        Limits { pictures: ark::PICTURES, ..limits }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, .. } = ask;
        let mut fields = settings.extra.clone();
        fields.extend(clip_tasks::shape(RATIOS, "ratio", ask));
        let (mut fields, sent) = clip_tasks::settled(ask, fields);
        let mut json = JsonRequest::new();
        let mut content = vec![json!({ "type": "text", "text": &*request.prompt })];
        content.extend(request.references.first().map(|first| {
            json!({ "type": "image_url", "image_url": { "url": json.data_url(first) }, "role": "first_frame" })
        }));
        fields.insert("content".to_owned(), content.into());
        let path = "contents/generations/tasks".into();
        Draft { path, payload: json.finish(&Value::Object(fields)), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        Ark.failure(facts)
    }

    fn choose(&self, answer: &Answer) -> Choice {
        clips::choose(answer)
    }
}

impl Tasks for ArkVideo {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        clip_tasks::named(answer, &["/id", "/task_id"])
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question::get(format!("contents/generations/tasks/{}", segment(&task.id)))
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        clip_tasks::state(self, facts, &Places::PLAIN, ark::recognised)
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(8), every: Duration::from_secs(6) }
    }
}
