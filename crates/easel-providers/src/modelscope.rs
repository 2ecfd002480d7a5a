//! `ModelScope` API-Inference: every picture is a task.
//!
//! Facts: `ModelScope` documentation, "API-Inference", and public clients of it.
//! Not obvious: the create answer may already read `SUCCEED`, which means "accepted"; a question without the task-type
//! header is answered with "task not found"; editing uses the same route with `image_url`, which must be a public
//! address; the calls of a day are used up until midnight in China, which headers or words of a 429 tell; others are a
//! matter of a moment; what the content check refuses is a 400 like any other, so its words count.

use easel_core::error::{ErrorClass, KeyVerdict};
use easel_core::ports::{Operation, RemoteTask};
use easel_http::header::HeaderMap;
use serde_json::Map;

use crate::{
    answer::Answer,
    china,
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::Sent,
    sizes,
    tasks::{Pace, Question, State, Tasks, Word, refusal, segment, state_of, text_at},
};

/// Parts of model names in lower case: longest side, largest tier, references. The first match counts.
const MODELS: &[(&str, Row)] = &[
    ("image-edit", Row { side: 1664, tier: 1, references: 3, words_alone: false }),
    ("qwen-image", Row { side: 1664, tier: 1, references: 0, words_alone: true }),
    ("kontext", Row { side: 1024, tier: 1, references: 1, words_alone: false }),
    ("flux", Row { side: 1024, tier: 1, references: 0, words_alone: true }),
    ("z-image", Row { side: 2048, tier: 2, references: 0, words_alone: true }),
];
/// For models that are not in the table: the service's widest limits; what they refuse is learned.
const UNKNOWN: Row = Row { side: 2048, tier: 2, references: 3, words_alone: true };

#[derive(Clone, Copy)]
struct Row {
    side: u32,
    tier: u8,
    references: usize,
    words_alone: bool,
}

fn known_row(model: &str) -> Option<Row> {
    let model = model.to_lowercase();
    MODELS.iter().find(|(part, _)| model.contains(part)).map(|(_, row)| *row)
}

/// The dialect.
pub(crate) struct ModelScope;

impl Dialect for ModelScope {
    fn limits(&self, model: &str) -> Limits {
        let known = known_row(model);
        let Row { tier, references, words_alone, .. } = known.unwrap_or(UNKNOWN);
        Limits {
            tier: Some(tier),
            words_alone,
            // Most that are not in the table draw from words, and ignore an address beside them.
            edits_if_told: known.is_none(),
            public_urls: true,
            ..Limits::new(references, 1)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, addresses, .. } = ask;
        let mut fields = Map::new();
        fields.insert("model".to_owned(), settings.model.as_str().into());
        fields.insert("prompt".to_owned(), (*request.prompt).into());
        let size_is_open = sizes::wished(&request.output).is_none();
        if let Some(wished) = sizes::wished(&request.output) {
            let (width, height) = sizes::within(wished, known_row(&settings.model).unwrap_or(UNKNOWN).side);
            fields.insert("size".to_owned(), format!("{width}x{height}").into());
        }
        for (key, value) in &settings.extra {
            if key != "size" || size_is_open {
                fields.insert(key.clone(), value.clone());
            }
        }
        fields.retain(|key, value| known.allows(key, value));
        let sent = Sent::new(&fields);
        // Not among what a refusal may take away: without it an edit would be another picture.
        if request.operation == Operation::Edit {
            let value = match addresses {
                [one] => one.as_str().into(),
                several => several.into(),
            };
            fields.insert("image_url".to_owned(), value);
        }
        Draft { path: "images/generations".into(), payload: JsonRequest::new().finish(&fields.into()), sent }
    }

    fn tasks(&self) -> Option<&dyn Tasks> {
        Some(self)
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        classify::failure(facts).map(|failure| own(failure, facts))
    }
}

/// How the content check speaks, in lower case.
const MODERATED: [&str; 5] = ["敏感", "违规", "违禁", "审核", "inappropriate"];
/// How a 429 speaks of a day, in lower case.
const DAILY: [&str; 7] = ["quota", "per day", "daily", "today", "额度", "每日", "今日"];
/// Headers that tell how many calls of the day are left, for the account and for the model.
const REMAINING: [&str; 2] =
    ["modelscope-ratelimit-requests-remaining", "modelscope-ratelimit-model-requests-remaining"];

/// The failure as the service's own words and headers mean it.
fn own(failure: Failure, facts: &Facts<'_>) -> Failure {
    let said = failure.message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let is_spent = || {
        REMAINING.iter().any(|name| {
            facts
                .headers
                .get(*name)
                .and_then(|left| left.to_str().ok())
                .is_some_and(|left| left.trim() == "0")
        })
    };
    match facts.status {
        // A task that failed is told with status 200.
        200..=299 | 400 if says(&MODERATED) => {
            let class = match failure.class {
                class @ (ErrorClass::ModerationInput | ErrorClass::ModerationOutput) => class,
                _ => ErrorClass::ModerationInput,
            };
            failure.recognised(class, KeyVerdict::Fine)
        }
        429 if failure.class == ErrorClass::Quota || is_spent() || says(&DAILY) => {
            let rest = china::rest_of_the_day(facts.headers);
            failure.recognised(ErrorClass::Quota, KeyVerdict::Cool(rest))
        }
        _ => failure,
    }
}

impl Tasks for ModelScope {
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-modelscope-async-mode", "true")]
    }

    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        let id = text_at(&answer.skeleton, &["/task_id", "/data/task_id"])?;
        Some(RemoteTask { id, poll: String::new() })
    }

    fn question(&self, task: &RemoteTask) -> Question {
        Question {
            headers: &[("x-modelscope-task-type", "image_generation")],
            ..Question::get(format!("tasks/{}", segment(&task.id)))
        }
    }

    fn state(&self, _: &RemoteTask, _: &Question, facts: &Facts<'_>) -> State {
        if let Some(refused) = refusal(self, facts) {
            return refused;
        }
        let root = &facts.answer.skeleton;
        let word = text_at(root, &["/task_status", "/status"]).unwrap_or_default();
        match state_of(&word, &["succeed", "success", "succeeded", "done"], FAILED) {
            Word::Done => State::Done,
            Word::Failed => {
                let error = root.get("errors").or_else(|| root.get("error")).unwrap_or(root);
                State::Failed(Box::new(own(classify::told(error, facts), facts)))
            }
            Word::Working => State::Working { percent: None },
        }
    }

    fn pace(&self) -> Pace {
        Pace::default()
    }
}

/// Words for a task that ended without a picture.
const FAILED: &[&str] = &["failed", "failure", "canceled", "cancelled", "error", "expired"];
