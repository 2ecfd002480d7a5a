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
    ports::{RemoteTask, Shapes},
};
use easel_http::header::HeaderMap;
use serde_json::{Value, json};
use std::time::Duration;

use crate::{
    answer::{Answer, candidates::Choice, clips},
    classify::{Facts, Failure},
    clip_tasks::{self, Places},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::Known,
    siliconflow::{self, SiliconFlow},
    sizes,
    tasks::{Pace, Question, State, Tasks},
};

/// What `image_size` may be; the first is the default.
const SIZES: &[(u32, u32)] = &[(1280, 720), (720, 1280), (960, 960)];
const PLACES: Places =
    Places { word: &["/status"], percent: &["/progress"], error: &["/reason", "/message", "/error"] };

/// The dialect.
pub(crate) struct SiliconFlowVideo;

impl Dialect for SiliconFlowVideo {
    fn limits(&self, model: &str) -> Limits {
        let shapes = Shapes::Sizes(SIZES.into());
        Limits { tier: Some(1), shapes, ..clip_tasks::limits_by_name(model) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let mut fields = settings.extra.clone();
        let wished = sizes::wished(&request.output);
        if wished.is_some() || !fields.contains_key("image_size") {
            let frame = request.references.first();
            let frame = frame.map(|frame| (frame.picture.width, frame.picture.height));
            let size = size(wished.or(frame), known);
            fields.remove("image_size");
            fields.extend(size.map(|size| ("image_size".to_owned(), size.into())));
        }
        let (mut fields, sent) = clip_tasks::settled(ask, fields);
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

/// The size nearest to a shape. Where all that stand were refused, none is better than a clip that lies on its side.
fn size(shape: Option<(u32, u32)>, known: &Known) -> Option<String> {
    let shape = shape.or(SIZES.first().copied())?;
    let name = |(width, height): (u32, u32)| format!("{width}x{height}");
    let refused = |size| known.refuses("image_size", &name(size));
    sizes::unturned(SIZES.iter().copied(), shape, refused).map(name)
}

impl Tasks for SiliconFlowVideo {
    fn created(&self, answer: &Answer, _: &HeaderMap) -> Option<RemoteTask> {
        clip_tasks::named(answer, &["/requestId", "/request_id"])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_size_lies_or_stands_as_wished() {
        #[track_caller]
        fn check(shape: Option<(u32, u32)>, refused: &[&str], expected: Option<&str>) {
            let known = Known::refusing("image_size", refused);
            assert_eq!(size(shape, &known).as_deref(), expected, "{shape:?} {refused:?}");
        }
        check(None, &[], Some("1280x720"));
        for (width, height) in SIZES {
            let exact = format!("{width}x{height}");
            check(Some((*width, *height)), &[], Some(&exact));
        }
        check(Some((3, 4)), &[], Some("720x1280"));
        check(Some((2, 3)), &[], Some("720x1280"));
        check(Some((1080, 1920)), &[], Some("720x1280"));
        check(Some((1920, 1080)), &[], Some("1280x720"));
        check(Some((1, 1)), &[], Some("960x960"));
        check(Some((9, 16)), &["720x1280"], Some("960x960"));
        check(Some((9, 16)), &["720x1280", "960x960"], None);
        check(Some((16, 9)), &["1280x720", "960x960"], None);
        check(Some((1, 1)), &["960x960"], Some("1280x720"));
    }
}
