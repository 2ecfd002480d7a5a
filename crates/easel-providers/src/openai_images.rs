//! OpenAI's Images API, and the many gateways that speak it.
//!
//! Facts: OpenAI API reference, "Create image" and "Create image edit"; image generation guide.
//! Not obvious: no default is ever sent explicitly, because models refuse parameters that others document; the edit
//! form names its files `image[]`, which some gateways only know as repeated `image`; the answer may be base64, a URL
//! that lives an hour, or a stream that nobody asked for.

use easel_core::ports::{GenerateRequest, Operation};
use easel_http::Multipart;
use serde_json::{Map, Value};

use crate::{
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, content},
    lessons::{IMAGE_FIELD, Known, PLAIN_IMAGE_FIELD, Sent},
    sizes,
};

/// References that the GPT image models take.
const MAX_REFERENCES: usize = 16;
/// Pictures per request.
const MAX_COUNT: u8 = 10;

/// The dialect.
pub(crate) struct OpenAiImages;

impl Dialect for OpenAiImages {
    fn limits(&self, model: &str) -> Limits {
        let single = model.starts_with("dall-e-3") || model.starts_with("dalle-3");
        Limits::new(
            if model.starts_with("dall-e-2") { 1 } else { MAX_REFERENCES },
            if single { 1 } else { MAX_COUNT },
        )
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let fields = fields(&settings.model, &settings.extra, request, known);
        let mut sent = Sent::new(&fields);
        match request.operation {
            Operation::Generate | Operation::Clip => {
                let payload = JsonRequest::new().finish(&Value::Object(fields));
                Draft { path: "images/generations".into(), payload, sent }
            }
            Operation::Edit => {
                if !known.plain_image_field {
                    sent.add_image_field();
                }
                Draft {
                    path: "images/edits".into(),
                    payload: Payload::Form(form(fields, request, known)),
                    sent,
                }
            }
        }
    }
}

/// The fields of the request, without pictures.
fn fields(
    model: &str,
    extra: &Map<String, Value>,
    request: &GenerateRequest,
    known: &Known,
) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("model".to_owned(), model.into());
    fields.insert("prompt".to_owned(), (*request.prompt).into());
    if request.count > 1 {
        fields.insert("n".to_owned(), request.count.into());
    }
    let refused = |(width, height)| known.refuses_size(&format!("{width}x{height}"));
    if let Some((width, height)) = sizes::choose(model, &request.output, refused) {
        fields.insert("size".to_owned(), format!("{width}x{height}").into());
    }
    let size_is_open = sizes::wished(&request.output).is_none();
    for (key, value) in extra {
        // The owner's size is a default; a wish of the person wins.
        if key != "size" || size_is_open {
            fields.insert(key.clone(), value.clone());
        }
    }
    fields.retain(|key, value| known.allows(key, value));
    fields
}

/// The edit form. Fields first: gateways that read it as a stream need the model before the files.
fn form(fields: Map<String, Value>, request: &GenerateRequest, known: &Known) -> Multipart {
    let form = fields.into_iter().fold(Multipart::new(), |form, (name, value)| match value {
        Value::String(text) => form.text(&name, text),
        other => form.text(&name, other.to_string()),
    });
    let name = if known.plain_image_field { PLAIN_IMAGE_FIELD } else { IMAGE_FIELD };
    request.references.iter().enumerate().fold(form, |form, (nth, reference)| {
        let format = reference.picture.format;
        let file_name = format!("image{}.{}", nth + 1, format.extension());
        form.file(name, &file_name, format.mime(), content(reference))
    })
}
