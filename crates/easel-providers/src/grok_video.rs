//! xAI's clips: Grok Imagine, as tasks.
//!
//! Facts: xAI API reference, "Video generation" and "Get deferred video"; xAI's Python SDK (states, polling).
//! Not obvious: a task that is pending is answered with 202, sometimes without a body; a finished one may come without
//! a state; a withheld clip is a finished one with `respect_moderation: false` (and paid); links live for 24 hours.
//!
//! Everything in `extra` goes to the request's top level: `duration` (seconds, 1 to 15), `generate_audio`, and
//! `aspect_ratio` and `resolution` (`480p`, `720p`, `1080p`) while nobody wishes a shape.

use easel_core::{
    error::{ErrorClass, KeyVerdict},
    ports::{RemoteTask, Usage},
};
use easel_http::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    answer::{Answer, candidates::Choice, clips},
    classify::{self, Facts, Failure},
    clip_tasks::{self, Places},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    grok::{self, Grok},
    tasks::{Pace, Question, State, Tasks, segment},
};

const RATIOS: &[(u32, u32)] = &[(1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3)];

/// The dialect.
pub(crate) struct GrokVideo;

impl Dialect for GrokVideo {
    fn limits(&self, _: &str) -> Limits {
        clip_tasks::limits(RATIOS, Limits::clips(1))
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, .. } = ask;
        let mut fields = settings.extra.clone();
        fields.extend(clip_tasks::shape(RATIOS, "aspect_ratio", ask));
        let (mut fields, sent) = clip_tasks::settled(ask, fields);
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        let mut json = JsonRequest::new();
        if let Some(first) = request.references.first() {
            fields.insert("image".to_owned(), json!({ "url": json.data_url(first) }));
        }
        Draft { path: "videos/generations".into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        Grok.failure(facts)
    }

    fn usage(&self, answer: &Answer) -> Usage {
        Grok.usage(answer)
    }

    fn choose(&self, answer: &Answer) -> Choice {
        clips::choose(answer)
    }
}

impl Tasks for GrokVideo {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        clip_tasks::named(answer, &["/request_id", "/id"])
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question::get(format!("videos/{}", segment(&task.id)))
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        let withheld = facts.answer.skeleton.pointer("/video/respect_moderation");
        if (200..300).contains(&facts.status) && withheld == Some(&Value::Bool(false)) {
            let told = classify::told(&json!({ "message": "respect_moderation is false" }), facts);
            let failure = told.recognised(ErrorClass::ModerationOutput, KeyVerdict::Fine);
            return State::Failed(Box::new(failure));
        }
        clip_tasks::state(self, facts, &Places::PLAIN, |failure| {
            let message = failure.message.to_lowercase();
            if !grok::MODERATED.iter().any(|words| message.contains(words)) {
                return failure;
            }
            let output = message.contains("generated");
            let class = if output { ErrorClass::ModerationOutput } else { ErrorClass::ModerationInput };
            failure.recognised(class, KeyVerdict::Fine)
        })
    }

    fn pace(&self) -> Pace {
        Pace { first: Duration::from_secs(5), every: Duration::from_secs(4) }
    }
}
