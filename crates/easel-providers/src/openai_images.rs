//! OpenAI's Images API, and the many gateways that speak it.
//!
//! Facts: OpenAI API reference, "Create image" and "Create image edit"; image generation guide.
//! Not obvious: no default is ever sent explicitly, because models refuse parameters that others document; the edit
//! form names its files `image[]`, which some gateways only know as repeated `image`; the answer may be base64, a URL
//! that lives an hour, or a stream that nobody asked for.

use std::sync::Arc;

use async_trait::async_trait;
use easel_core::{
    error::{ErrorClass, ProviderError},
    ports::{CallContext, Capabilities, Generated, ImageProvider, ImageRequest, Operation},
};
use easel_http::{HttpClients, Multipart};
use serde_json::{Map, Value};

use crate::{
    config::ProviderSection,
    exchange::Wire,
    lessons::{IMAGE_FIELD, Known, Lessons, PLAIN_IMAGE_FIELD, Sent},
    references,
    registry::BuildError,
    sizes,
};

/// References that the GPT image models take.
const MAX_REFERENCES: usize = 16;
/// Pictures per request.
const MAX_COUNT: u8 = 10;

struct OpenAiImages {
    wire: Wire,
    model: String,
    edit: bool,
    extra: Map<String, Value>,
    lessons: Lessons,
}

pub(crate) fn build(
    name: &str,
    section: &ProviderSection,
    clients: &HttpClients,
) -> Result<Arc<dyn ImageProvider>, BuildError> {
    Ok(Arc::new(OpenAiImages {
        wire: Wire::new(name, section, clients)?,
        model: section.model.trim().to_owned(),
        edit: section.supports_edit.unwrap_or(true),
        extra: section.extra.clone().into_iter().collect(),
        lessons: Lessons::default(),
    }))
}

#[async_trait]
impl ImageProvider for OpenAiImages {
    fn name(&self) -> &str {
        &self.wire.name
    }

    fn kind(&self) -> &'static str {
        "openai_images"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn capabilities(&self) -> Capabilities {
        let dall_e_2 = self.model.starts_with("dall-e-2");
        let single = self.model.starts_with("dall-e-3") || self.model.starts_with("dalle-3");
        Capabilities {
            generate: true,
            edit: self.edit,
            max_references: if dall_e_2 { 1 } else { MAX_REFERENCES },
            max_count: if single { 1 } else { MAX_COUNT },
            needs_key: self.wire.needs_key,
            paid: self.wire.paid,
        }
    }

    async fn generate(&self, request: &ImageRequest, cx: &CallContext) -> Result<Generated, ProviderError> {
        let known = self.lessons.known();
        let fields = fields(&self.model, &self.extra, request, &known);
        let mut sent = Sent::new(&fields);
        let call = match request.operation {
            Operation::Generate => {
                let body = serde_json::to_vec(&fields).map_err(|error| self.broken(&error))?;
                self.wire.post("images/generations", cx).json(body)
            }
            Operation::Edit => {
                if !known.plain_image_field {
                    sent.add_image_field();
                }
                let pictures =
                    references::bytes(&request.references).await.map_err(|error| self.broken(&error))?;
                self.wire.post("images/edits", cx).multipart(form(fields, request, pictures, &known))
            }
        };
        self.wire.draw(call, request, cx, |failure| self.lessons.learn(failure, &sent)).await
    }
}

impl OpenAiImages {
    /// The request itself could not be made.
    fn broken(&self, error: &dyn std::error::Error) -> ProviderError {
        ProviderError::new(&*self.wire.name, ErrorClass::BadRequest, error.to_string())
    }
}

/// The fields of the request, without pictures. Pure.
fn fields(
    model: &str,
    extra: &Map<String, Value>,
    request: &ImageRequest,
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
fn form(
    fields: Map<String, Value>,
    request: &ImageRequest,
    pictures: Vec<bytes::Bytes>,
    known: &Known,
) -> Multipart {
    let form = fields.into_iter().fold(Multipart::new(), |form, (name, value)| match value {
        Value::String(text) => form.text(&name, text),
        other => form.text(&name, other.to_string()),
    });
    let name = if known.plain_image_field { PLAIN_IMAGE_FIELD } else { IMAGE_FIELD };
    request.references.iter().zip(pictures).enumerate().fold(form, |form, (nth, (reference, bytes))| {
        let format = reference.picture.format;
        form.file(name, &format!("image{}.{}", nth + 1, format.extension()), format.mime(), bytes)
    })
}
