//! Clips through chat completions: self-hosted gateways in front of Grok, Veo and others.
//!
//! Facts: answers as such gateways (grok2api, flow2api) really send them; OpenAI API reference, "Chat completions".
//! Not obvious: it is always streamed, because the answer takes minutes and proxies cut silent connections; progress
//! comes as words first; the clip is a link in the words, often to the gateway's own loopback address; with a
//! reference picture some builds answer with a picture, which is no clip; rarely the clip itself stands in the answer.
//! There is no task: an order without an answer, and one whose answer breaks off or stops without its end, may be paid
//! and is never repeated. Only an answer that came to its own end without a clip is asked for once more, because then
//! the gateway has said that there is none, and such gateways often have one the second time.
//!
//! Everything in `extra` goes to the request's top level, for example
//! `video_config = { aspect_ratio = "16:9", video_length = 6 }`; a wished ratio goes into a `video_config` that is
//! there, and otherwise stands behind the prompt in words.

use easel_core::ports::Output;
use serde_json::{Map, Value, json};

use crate::{
    answer::{Answer, candidates::Choice, clips},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::Sent,
    sizes,
};

/// Where some gateways take the shape.
const CONFIG: &str = "video_config";

/// The dialect.
pub(crate) struct ChatVideo;

impl Dialect for ChatVideo {
    fn limits(&self, _: &str) -> Limits {
        // A ratio is told, and no number of lines.
        Limits { tier: Some(1), ..Limits::clips(1) }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let mut fields = settings.extra.clone();
        fields.retain(|key, value| known.allows(key, value));
        let prompt = prompt(&request.prompt, &request.output, &mut fields);
        let sent = Sent::new(&fields);
        let mut json = JsonRequest::new();
        let content = match request.references.first() {
            None => prompt.into(),
            Some(first) => json!([
                { "type": "text", "text": prompt },
                { "type": "image_url", "image_url": { "url": json.data_url(first) } },
            ]),
        };
        fields.insert("model".to_owned(), settings.model.as_str().into());
        fields.insert("messages".to_owned(), json!([{ "role": "user", "content": content }]));
        fields.insert("stream".to_owned(), true.into());
        Draft { path: "chat/completions".into(), payload: json.finish(&Value::Object(fields)), sent }
    }

    fn choose(&self, answer: &Answer) -> Choice {
        clips::choose(answer)
    }
}

/// The prompt; a wished ratio stands in the configuration, or behind it.
fn prompt(prompt: &str, wish: &Output, fields: &mut Map<String, Value>) -> String {
    let Some((width, height)) = sizes::ratio(wish) else { return prompt.to_owned() };
    if let Some(Value::Object(config)) = fields.get_mut(CONFIG) {
        config.insert("aspect_ratio".to_owned(), format!("{width}:{height}").into());
        return prompt.to_owned();
    }
    format!("{prompt}\n\n(Video aspect ratio: {width}:{height}.)")
}
