//! `[profiles.NAME]`: a gateway's quirks as data, so that a service that is nearly one of the known ones needs no code.
//!
//! A profile changes what a base dialect writes (addresses, names of fields, the spelling of sizes, headers) and how words
//! of refusals are understood. It changes nothing of sending, reading and judging, and it can't lead a key to another host:
//! only addresses of the provider's own origin get credentials.

use std::{borrow::Cow, collections::BTreeMap};

use easel_core::{
    error::ErrorClass,
    ports::{Operation, Output, Shapes},
};
use easel_http::{BaseUrl, Call, UrlStyle};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    classify::{Facts, Failure},
    config::Hidden,
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, Settings},
    lessons::{IMAGE_FIELD, PLAIN_IMAGE_FIELD, Sent},
    openai_chat::{self, IMAGE_CONFIG, MODALITIES},
    openai_images, sizes,
};

/// A gateway that is nearly like another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileSection {
    /// What it is nearly like; the `kind` of the providers that use the profile.
    pub based_on: Base,
    /// Where its endpoints are: a path below `base_url`, a path from the host's root (`/api/draw`), or a whole address on
    /// the same host. Default: those of `based_on`.
    pub paths: Paths,
    /// The header that carries the key. Default `Authorization`.
    pub auth_header: String,
    /// What stands before the key in it, for example `Bearer ` or nothing. Default: `Bearer ` in `Authorization`, nothing
    /// in other headers.
    pub auth_prefix: Option<String>,
    /// Further headers of every request, also of the free ones.
    #[schemars(extend("writeOnly" = true))]
    pub headers: BTreeMap<String, Hidden>,
    /// How a size is spelled. Default `WxH`.
    pub size_style: SizeStyle,
    /// Names that stand for sizes: `{ "1024x1024" = "square_hd" }`. The nearest listed shape is asked for, and nothing
    /// else. `size_style` does not matter then.
    pub size_names: BTreeMap<String, String>,
    /// The field of the size. Default `size`; `openai_chat` sends one only when this is set.
    pub size_field: String,
    /// Asks for an event stream, which some gateways need to keep long calls open. Default: no.
    pub streaming: bool,
    /// The field of the reference pictures, for `openai_images`. Default `image[]` in a form, `image` in JSON.
    pub image_field: String,
    /// How reference pictures are sent, for `openai_images`; `none` = it can't edit. Default `multipart`.
    pub references: References,
    /// Reference pictures at most. Default: as `based_on`.
    pub max_references: Option<usize>,
    /// Pictures per request at most. Default: as `based_on`.
    #[schemars(range(min = 1, max = 16))]
    pub max_count: Option<u8>,
    /// Fields that are never sent.
    pub drop: Vec<String>,
    /// What words in its refusals mean, where easel would misunderstand them. Parts of codes or messages; case does not
    /// matter.
    pub error_words: ErrorWords,
}

/// What a profile starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// `/images/generations` and `/images/edits`.
    #[default]
    #[serde(rename = "openai_images")]
    OpenAiImages,
    /// `/chat/completions`.
    #[serde(rename = "openai_chat")]
    OpenAiChat,
}

impl Base {
    /// The kind of the providers that may use it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::OpenAiImages => "openai_images",
            Self::OpenAiChat => "openai_chat",
        }
    }
}

/// Endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// Drawing from words, for `openai_images`.
    pub generate: String,
    /// Editing, for `openai_images`.
    pub edit: String,
    /// Everything, for `openai_chat`.
    pub chat: String,
    /// The free list of models.
    pub models: String,
}

/// The spelling of a size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SizeStyle {
    /// `1024x768`.
    #[default]
    #[serde(rename = "WxH")]
    X,
    /// `1024*768`.
    #[serde(rename = "W*H")]
    Star,
    /// `4:3`.
    #[serde(rename = "ratio")]
    Ratio,
    /// `2K`.
    #[serde(rename = "tier")]
    Tier,
}

/// How reference pictures travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum References {
    /// As files of a form.
    #[default]
    Multipart,
    /// As data URLs in JSON: one as a text, several as a list.
    JsonDataUrl,
    /// Not at all.
    None,
}

/// Words of refusals by what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorWords {
    /// The content check refused.
    pub moderation: Vec<String>,
    /// The account has no money or no quota left.
    pub quota: Vec<String>,
    /// The key is not accepted.
    pub auth: Vec<String>,
    /// Too many requests.
    pub rate: Vec<String>,
    /// There is no such model or address.
    pub not_found: Vec<String>,
}

impl ErrorWords {
    /// In the order in which they are looked for: what must never be repeated first.
    fn by_class(&self) -> [(ErrorClass, &[String]); 5] {
        [
            (ErrorClass::ModerationInput, &self.moderation),
            (ErrorClass::Quota, &self.quota),
            (ErrorClass::Auth, &self.auth),
            (ErrorClass::Rate, &self.rate),
            (ErrorClass::NotFound, &self.not_found),
        ]
    }
}

impl ProfileSection {
    /// Everything that is wrong with the section: pairs of the key's path and a sentence that says what is wrong and how
    /// to mend it. Empty when all is well.
    pub fn validate(&self, name: &str) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut say = |key: &str, problem: &str| {
            problems.push((format!("profiles.{name}.{key}"), problem.to_owned()));
        };
        let is_header = |text: &str| {
            !text.is_empty()
                && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
        };
        if !self.auth_header.is_empty() && !is_header(&self.auth_header) {
            say("auth_header", "this is no name of a header; letters, digits and - may stand in it.");
        }
        for (header, value) in &self.headers {
            if !is_header(header) {
                say(&format!("headers.{header}"), "this is no name of a header.");
            } else if value.expose().chars().any(char::is_control) {
                say(&format!("headers.{header}"), "the value must be one line of text.");
            }
        }
        for size in self.size_names.keys().filter(|size| sizes::parsed(size).is_none()) {
            say(&format!("size_names.{size}"), "write the size as width x height, as in \"1024x768\".");
        }
        let chat = self.based_on == Base::OpenAiChat;
        for (key, path, fits) in [
            ("paths.generate", &self.paths.generate, !chat),
            ("paths.edit", &self.paths.edit, !chat),
            ("paths.chat", &self.paths.chat, chat),
            ("paths.models", &self.paths.models, true),
        ] {
            if path.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
                say(key, "an address has no spaces.");
            } else if !fits && !path.is_empty() {
                say(key, "this endpoint is not used with this based_on; take it out.");
            }
        }
        if self.max_count == Some(0) {
            say("max_count", "write 1 or more.");
        }
        for field in self.drop.iter().filter(|field| matches!(field.as_str(), "prompt" | "messages")) {
            say("drop", &format!("without {field} there is nothing to draw; take it out."));
        }
        for (class, words) in self.error_words.by_class() {
            if words.iter().any(|word| word.trim().chars().count() < 2) {
                let key = if class == ErrorClass::ModerationInput { "moderation" } else { class.name() };
                say(
                    &format!("error_words.{key}"),
                    "a word needs at least two letters, or it fits everywhere.",
                );
            }
        }
        problems
    }
}

/// A base dialect with a profile over it.
pub(crate) struct Profiled {
    base: &'static dyn Dialect,
    profile: ProfileSection,
    /// Sizes with their names.
    names: Vec<((u32, u32), String)>,
    words: Vec<(ErrorClass, Vec<String>)>,
    headers: Vec<(String, SecretString)>,
}

impl Profiled {
    /// The dialect of a provider at `address`.
    pub(crate) fn new(base: &'static dyn Dialect, profile: &ProfileSection, address: &BaseUrl) -> Self {
        let mut profile = profile.clone();
        let Paths { generate, edit, chat, models } = &mut profile.paths;
        for path in [generate, edit, chat, models] {
            // From the root of the host, not below the base address.
            if path.starts_with('/')
                && let Ok(whole) = address.url().join(path)
            {
                *path = whole.into();
            }
        }
        let lower = |words: &[String]| words.iter().map(|word| word.trim().to_lowercase()).collect();
        Self {
            base,
            names: profile
                .size_names
                .iter()
                .filter_map(|(size, name)| Some((sizes::parsed(size)?, name.clone())))
                .collect(),
            words: profile.error_words.by_class().map(|(class, words)| (class, lower(words))).to_vec(),
            headers: profile
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), SecretString::from(value.expose())))
                .collect(),
            profile,
        }
    }

    /// The size as the service spells it: `sized` is what the model would be asked for.
    fn size(&self, wish: &Output, sized: Option<(u32, u32)>) -> Option<String> {
        let wished = sizes::wished(wish)?;
        if !self.names.is_empty() {
            let listed: Vec<_> = self.names.iter().map(|(size, _)| *size).collect();
            let nearest = sizes::nearest(&listed, wished);
            return self.names.iter().find(|(size, _)| *size == nearest).map(|(_, name)| name.clone());
        }
        let (width, height) = sized.unwrap_or(wished);
        match self.profile.size_style {
            SizeStyle::X => sized.map(|_| format!("{width}x{height}")),
            SizeStyle::Star => sized.map(|_| format!("{width}*{height}")),
            SizeStyle::Ratio => sizes::ratio(wish).map(|(width, height)| format!("{width}:{height}")),
            SizeStyle::Tier => Some(format!(
                "{}K",
                match wished.0.max(wished.1) {
                    0..=1792 => 1,
                    1793..=2752 => 2,
                    _ => 4,
                }
            )),
        }
    }

    /// The field of the size.
    fn size_field(&self) -> &str {
        if self.profile.size_field.is_empty() { "size" } else { &self.profile.size_field }
    }

    /// Whether that field is filled in.
    fn is_size_set(&self) -> bool {
        !self.profile.size_field.is_empty() || self.profile.based_on == Base::OpenAiImages
    }

    /// Whether it is never sent, so that no wish for a size reaches the service. A chat has words for it too.
    fn is_size_dropped(&self) -> bool {
        self.profile.based_on == Base::OpenAiImages
            && self.profile.drop.iter().any(|dropped| dropped == self.size_field())
    }

    /// Puts the size where it belongs, and takes out what is never sent.
    fn reshape(&self, fields: &mut Map<String, Value>, ask: &Ask<'_>) {
        let sized = match self.profile.based_on {
            // What the model's family takes of what is wished, less what was refused before.
            Base::OpenAiImages => fields.get("size").and_then(Value::as_str).and_then(sizes::parsed),
            Base::OpenAiChat => sizes::wished(&ask.request.output),
        };
        if self.is_size_set() && sizes::wished(&ask.request.output).is_some() {
            // Also where this style has no word for the wish: pixels mean nothing to a gateway of ratios.
            fields.remove("size");
            if let Some(size) = self.size(&ask.request.output, sized) {
                fields.insert(self.size_field().to_owned(), size.into());
            }
        }
        if self.profile.streaming {
            fields.entry("stream").or_insert(true.into());
        }
        fields.retain(|name, value| {
            !self.profile.drop.iter().any(|dropped| dropped == name) && ask.known.allows(name, value)
        });
    }

    fn images(&self, ask: &Ask<'_>) -> Draft {
        let &Ask { settings, request, known, .. } = ask;
        let ProfileSection { paths, image_field, references, .. } = &self.profile;
        let mut fields = openai_images::fields(&settings.model, &settings.extra, request, known);
        self.reshape(&mut fields, ask);
        let mut sent = Sent::new(&fields);
        let path = |own: &String, usual: &'static str| -> Cow<'static, str> {
            if own.is_empty() { usual.into() } else { own.clone().into() }
        };
        if request.operation != Operation::Edit {
            let payload = JsonRequest::new().finish(&Value::Object(fields));
            return Draft { path: path(&paths.generate, "images/generations"), payload, sent };
        }
        let payload = if *references == References::JsonDataUrl {
            let mut json = JsonRequest::new();
            let mut pictures: Vec<Value> =
                request.references.iter().map(|reference| json.data_url(reference).into()).collect();
            let pictures = match pictures.len() {
                1 => pictures.remove(0),
                _ => Value::Array(pictures),
            };
            let field = if image_field.is_empty() { PLAIN_IMAGE_FIELD } else { image_field };
            fields.insert(field.to_owned(), pictures);
            json.finish(&Value::Object(fields))
        } else {
            let usual = if known.plain_image_field { PLAIN_IMAGE_FIELD } else { IMAGE_FIELD };
            if image_field.is_empty() && !known.plain_image_field {
                sent.add_image_field();
            }
            let field = if image_field.is_empty() { usual } else { image_field };
            let (references, mask) = openai_images::masked(&settings.extra, &request.references);
            Payload::Form(openai_images::files(fields, references, mask, field))
        };
        Draft { path: path(&paths.edit, "images/edits"), payload, sent }
    }

    fn chat(&self, ask: &Ask<'_>) -> Draft {
        let mut json = JsonRequest::new();
        let mut settings = ask.settings.clone();
        for dropped in
            self.profile.drop.iter().filter(|dropped| [IMAGE_CONFIG, MODALITIES].contains(&&***dropped))
        {
            // Switched off rather than taken out, so that what it says goes in words.
            settings.extra.insert(dropped.clone(), false.into());
        }
        let (mut body, _) = openai_chat::body(&Ask { settings: &settings, ..*ask }, &mut json);
        self.reshape(&mut body, ask);
        let mut optional = body.clone();
        optional.remove("messages");
        let path = Some(&self.profile.paths.chat).filter(|path| !path.is_empty());
        let path = path.map_or("chat/completions".into(), |path| path.clone().into());
        Draft { path, payload: json.finish(&Value::Object(body)), sent: Sent::new(&optional) }
    }
}

impl Dialect for Profiled {
    fn address(&self) -> UrlStyle {
        self.base.address()
    }

    fn needs_model(&self) -> bool {
        self.base.needs_model()
    }

    fn needs_key(&self) -> bool {
        self.base.needs_key()
    }

    fn secrets(&self, settings: &Settings, key: Option<&SecretString>) -> Vec<SecretString> {
        let own = self.headers.iter().map(|(_, value)| value.clone());
        own.chain(self.base.secrets(settings, key)).collect()
    }

    fn limits(&self, model: &str) -> Limits {
        let mut limits = self.base.limits(model);
        limits.references = self.profile.max_references.unwrap_or(limits.references);
        if self.profile.references == References::None {
            limits.references = 0;
        }
        // What is spelled in the gateway's own way is the gateway's own: whatever the model's family makes elsewhere does not
        // matter.
        if self.is_size_dropped() {
            (limits.shapes, limits.tier) = (Shapes::Kept, Some(1));
        } else if !self.is_size_set() {
        } else if !self.names.is_empty() {
            let sizes: Vec<_> = self.names.iter().map(|(size, _)| *size).collect();
            let tier = |size: &(u32, u32)| Output { size: Some(*size), ..Output::default() }.wished_tier();
            limits.tier = sizes.iter().filter_map(tier).max();
            limits.shapes = Shapes::Sizes(sizes.into());
        } else {
            match self.profile.size_style {
                // Beside the field, a chat carries the whole wish as ever, in `image_config` or in words.
                _ if self.profile.based_on == Base::OpenAiChat => {}
                SizeStyle::X | SizeStyle::Star => {}
                SizeStyle::Ratio => (limits.shapes, limits.tier) = (Shapes::Any, Some(1)),
                SizeStyle::Tier => (limits.shapes, limits.tier) = (Shapes::Kept, None),
            }
        }
        limits.count = self.profile.max_count.unwrap_or(limits.count);
        limits
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        match self.profile.based_on {
            Base::OpenAiImages => self.images(ask),
            Base::OpenAiChat => self.chat(ask),
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        self.base.headers()
    }

    fn dress(&self, call: Call) -> Call {
        self.headers.iter().fold(call, |call, (name, value)| call.secret_header(name, value))
    }

    fn models(&self) -> Cow<'_, str> {
        if self.profile.paths.models.is_empty() {
            self.base.models()
        } else {
            (&*self.profile.paths.models).into()
        }
    }

    fn authorise(&self, call: Call, key: &SecretString) -> Call {
        let ProfileSection { auth_header, auth_prefix, .. } = &self.profile;
        if auth_header.is_empty() && auth_prefix.is_none() {
            return self.base.authorise(call, key);
        }
        let usual = if auth_header.is_empty() || auth_header.eq_ignore_ascii_case("authorization") {
            "Bearer "
        } else {
            ""
        };
        let header = if auth_header.is_empty() { "authorization" } else { auth_header };
        let prefix = auth_prefix.as_deref().unwrap_or(usual);
        call.secret_header(header, &SecretString::from(format!("{prefix}{}", key.expose_secret().trim())))
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let failure = self.base.failure(facts)?;
        let (code, message) = (failure.code.to_lowercase(), failure.message.to_lowercase());
        let says = |word: &String| code.contains(word) || message.contains(word);
        match self.words.iter().find(|(_, words)| words.iter().any(says)) {
            Some((class, _)) => Some(failure.reclassified(*class, facts.status)),
            None => Some(failure),
        }
    }
}

#[cfg(test)]
mod tests;
