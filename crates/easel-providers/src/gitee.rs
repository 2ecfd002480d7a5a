//! Gitee AI (模力方舟, the same service as `api.moark.com`): pictures from words, and edits by the models that answer them
//! at once. Edits of the others are tasks, which is another kind.
//!
//! Facts: the service's own snippets and public clients of it; no reference page was readable, so everything but the
//! path is tried and learned from: only sizes of a list are taken, and `negative_prompt` is refused by some models.
//! Not obvious: a token must be bound to a resource package, so 402 and 403 are about the package and not about the
//! token. Errors come as `{"error": {…}}`, `{"message"}` or both, in Chinese. Edits are a form, with the picture as `image`.
//!
//! `extra` goes into the request as it is, for example `num_inference_steps`, `guidance_scale`, `negative_prompt`,
//! `response_format`; `size` is the owner's default.

use easel_core::{
    error::ErrorClass,
    ports::{Operation, Shapes},
};
use serde_json::{Map, Value};

use crate::{
    answer::BodyKind,
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits},
    lessons::Sent,
    openai_images, sizes,
};

/// What is taken, by all models as far as is known.
const SIZES: &[(u32, u32)] = &[
    (256, 256),
    (512, 512),
    (1024, 1024),
    (2048, 2048),
    (1152, 896),
    (2048, 1536),
    (768, 1024),
    (1536, 2048),
    (2048, 1360),
    (1360, 2048),
    (1024, 576),
    (2048, 1152),
    (576, 1024),
    (1152, 2048),
];
/// The largest tier among them.
const TIER: u8 = 2;
/// Pictures per request.
const MAX_COUNT: u8 = 4;
/// Models that edit at once, in lower case, and whether they draw from words too. Their newer versions may not, so the name
/// is compared whole.
const EDITORS: &[(&str, bool)] = &[
    ("qwen-image-edit", false),
    ("hidream-e1-full", false),
    ("flux.1-kontext-dev", false),
    ("kolors", true),
];
/// Beginnings of the names of models that refuse or ignore `negative_prompt`, in lower case.
const NO_NEGATIVE: &[&str] = &["z-image", "flux"];

/// Words of the service, in lower case and in the order in which they count, with the status that they come with
/// (0 = any).
const WORDS: &[(u16, &str, ErrorClass)] = &[
    (0, "敏感", ErrorClass::ModerationInput),
    (0, "违规", ErrorClass::ModerationInput),
    (0, "审核", ErrorClass::ModerationInput),
    (0, "已停用", ErrorClass::NotFound),
    (0, "资源包", ErrorClass::Quota),
    (0, "未购买", ErrorClass::Quota),
    (429, "额度", ErrorClass::Quota),
    (429, "quota", ErrorClass::Quota),
    (429, "每日", ErrorClass::Quota),
    (402, "", ErrorClass::Quota),
    (403, "", ErrorClass::Quota),
];

/// The dialect.
pub(crate) struct Gitee;

impl Dialect for Gitee {
    fn limits(&self, model: &str) -> Limits {
        let name = name(model);
        let editor = EDITORS.iter().find(|(editor, _)| *editor == name);
        Limits {
            words_alone: editor.is_none_or(|(_, words_alone)| *words_alone),
            edits_if_told: editor.is_none(),
            tier: Some(TIER),
            shapes: Shapes::Sizes(SIZES.into()),
            ..Limits::new(1, MAX_COUNT)
        }
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let fields = fields(ask);
        if ask.request.operation == Operation::Edit {
            return openai_images::form_edit(fields, &ask.request.references, None, true, false);
        }
        let sent = Sent::new(&fields);
        let payload = JsonRequest::new().finish(&Value::Object(fields));
        Draft { path: "images/generations".into(), payload, sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        own_failure(facts)
    }
}

/// What failed, as the service's own words mean it.
pub(crate) fn own_failure(facts: &Facts<'_>) -> Option<Failure> {
    classify::failure(facts).map(|failure| own(failure, facts))
}

/// The failure as the service's own words mean it.
pub(crate) fn own(failure: Failure, facts: &Facts<'_>) -> Failure {
    if matches!(failure.class, ErrorClass::ModerationInput | ErrorClass::ModerationOutput)
        || failure.suspended
    {
        return failure;
    }
    let said = failure.message.to_lowercase();
    // A page of something in between says nothing about the package.
    let own = facts.answer.kind == BodyKind::Json;
    let meant = |(status, word, _): &&(u16, &str, ErrorClass)| {
        own && (*status == 0 || *status == facts.status) && said.contains(word)
    };
    match WORDS.iter().find(meant) {
        Some((_, _, class)) => failure.judged(*class, facts),
        None => failure,
    }
}

/// A model's name without its maker, in lower case.
fn name(model: &str) -> String {
    model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

fn fields(ask: &Ask<'_>) -> Map<String, Value> {
    let (settings, wish, known) = (ask.settings, &ask.request.output, ask.known);
    let mut fields = Map::new();
    fields.insert("model".to_owned(), settings.model.as_str().into());
    fields.insert("prompt".to_owned(), (*ask.request.prompt).into());
    if ask.request.count > 1 {
        fields.insert("n".to_owned(), ask.request.count.into());
    }
    let refused = |(width, height)| known.refuses_size(&format!("{width}x{height}"));
    if let Some((width, height)) = sizes::listed(SIZES, wish, refused) {
        fields.insert("size".to_owned(), format!("{width}x{height}").into());
    }
    let model = name(&settings.model);
    let takes_negative = !NO_NEGATIVE.iter().any(|start| model.starts_with(start));
    let size_is_open = sizes::wished(wish).is_none();
    for (key, value) in &settings.extra {
        let taken = match key.as_str() {
            // The owner's size is a default; a wish of the person wins.
            "size" => size_is_open,
            "negative_prompt" => takes_negative,
            _ => true,
        };
        if taken {
            fields.insert(key.clone(), value.clone());
        }
    }
    fields.retain(|key, value| known.allows(key, value));
    fields
}
