//! What differs between services, as pure functions over plain data: a dialect writes a request down and may read
//! answers and failures in its own way. [`crate::engine`] does everything else.
//!
//! Rules of a dialect:
//! - It sends nothing, waits for nothing, and keeps nothing between two calls.
//! - It sees no key. Where one belongs, [`Dialect::authorise`] says.
//! - It never copies a picture: pictures stand in a request as [`Content`] and are read while they are sent.
//! - It sends no default that the owner or the person did not ask for: models refuse parameters that others document.
//! - Its optional parameters pass [`Known::allows`] and are told in [`Draft::sent`], so that a refusal can be learned
//!   from.

use std::{borrow::Cow, fmt, ops::Deref, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use easel_core::{
    media::Place,
    ports::{GenerateRequest, Reference, Shapes, Usage},
};
use easel_http::{Call, Content, Multipart, Segment, UrlStyle, unforeseeable};
use memchr::memmem;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{
    answer::{
        Answer,
        candidates::{self, Choice},
        usage,
    },
    classify::{self, Facts, Failure},
    config::ProviderSection,
    lessons::{Known, Sent},
    tasks::Tasks,
};

/// One way of talking to a service over HTTP. The provided functions read what OpenAI and the gateways around it
/// answer; a dialect replaces those that don't fit.
pub(crate) trait Dialect: Send + Sync {
    /// The ways in which the kind is reached, by their names in `extra.form`; without that key it is this one.
    fn forms(&self) -> &'static [(&'static str, &'static dyn Dialect)] {
        &[]
    }

    /// How `base_url` is to be read.
    fn address(&self) -> UrlStyle {
        UrlStyle::Versioned
    }

    /// Whether a section without `model` lacks something.
    fn needs_model(&self) -> bool {
        true
    }

    /// Whether the service wants a key (and money) wherever it is. Services of one's own network never do.
    fn needs_key(&self) -> bool {
        true
    }

    /// Whether it is an engine that people run themselves, whose results have no price unless the owner writes one.
    fn free(&self) -> bool {
        false
    }

    /// For services whose keys are cookies, which hold commas and semicolons, so that a key is never split: a list in
    /// `extra` that holds keys as well.
    fn whole_keys(&self) -> Option<&'static str> {
        None
    }

    /// For kinds that are made of files which the section names: the dialect that was read from them, or what is wrong:
    /// keys of the section and sentences. `None` = the same for all sections.
    fn made_for(&self, section: &ProviderSection) -> Option<Result<Arc<dyn Dialect>, Problems>> {
        let _ = section;
        None
    }

    /// The files of a section from which [`Self::made_for`] is made: when one changes, so does the provider.
    fn files(&self, section: &ProviderSection) -> Vec<PathBuf> {
        let _ = section;
        Vec::new()
    }

    /// What must never be shown besides the key itself: its parts, and secrets among the owner's fields.
    fn secrets(&self, settings: &Settings, key: Option<&SecretString>) -> Vec<SecretString> {
        let _ = (settings, key);
        Vec::new()
    }

    /// What a model takes in one request.
    fn limits(&self, model: &str) -> Limits;

    /// The paid request.
    fn draft(&self, ask: &Ask<'_>) -> Draft;

    /// Headers of every paid call, beside that of the key.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Adds the key to a call.
    fn authorise(&self, call: Call, key: &SecretString) -> Call {
        call.bearer(key)
    }

    /// Adds the service's own headers to a call, for those that are not known before easel runs.
    fn dress(&self, call: Call) -> Call {
        call
    }

    /// Where the service lists its models, below the base address.
    fn models(&self) -> Cow<'_, str> {
        "models".into()
    }

    /// The task side, for services that take tasks.
    fn tasks(&self) -> Option<&dyn Tasks> {
        None
    }

    /// What failed, or `None` when the answer claims success.
    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        classify::failure(facts)
    }

    /// What a success says about its price.
    fn usage(&self, answer: &Answer) -> Usage {
        usage::usage(&answer.skeleton)
    }

    /// The pictures of a success.
    fn choose(&self, answer: &Answer) -> Choice {
        candidates::choose(answer)
    }
}

/// What is wrong with a section: the keys, and a sentence for each.
pub(crate) type Problems = Vec<(String, String)>;

/// A dialect in use.
#[derive(Clone)]
pub(crate) enum Spoken {
    /// One of this build.
    Built(&'static dyn Dialect),
    /// One that was made for its section: of files, or by a profile of the configuration.
    Own(Arc<dyn Dialect>),
}

impl Deref for Spoken {
    type Target = dyn Dialect;

    fn deref(&self) -> &(dyn Dialect + 'static) {
        match self {
            Self::Built(dialect) => *dialect,
            Self::Own(dialect) => &**dialect,
        }
    }
}

/// What a model takes in one request.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not a state")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// It makes pictures (or clips) from words alone.
    pub(crate) words_alone: bool,
    /// Reference pictures; 0 = it can't edit.
    pub(crate) references: usize,
    /// Nobody knows whether the model takes them, and a service that leaves out what a model doesn't take would draw from
    /// the words alone: only where the owner says so (`supports_edit`).
    pub(crate) edits_if_told: bool,
    /// What references must be like; others are made so before they are sent.
    pub(crate) pictures: Pictures,
    /// Pictures wished.
    pub(crate) count: u8,
    /// The largest tier (1, 2 or 4 K) that it can be asked for; `None` = unknown, so everything is tried.
    pub(crate) tier: Option<u8>,
    /// The shapes that it can be asked for.
    pub(crate) shapes: Shapes,
    /// It makes clips, no pictures.
    pub(crate) clips: bool,
    /// References are fetched by the service from a public address: [`Ask::addresses`].
    pub(crate) public_urls: bool,
    /// The longest JSON request in bytes, base64 included; `None` = the service says.
    pub(crate) request_bytes: Option<u64>,
    /// One engine that works on one request after the other.
    pub(crate) one_at_a_time: bool,
}

impl Limits {
    /// A model that draws from words and takes so many references, so many pictures at a time.
    pub(crate) fn new(references: usize, count: u8) -> Self {
        Self {
            words_alone: true,
            references,
            edits_if_told: false,
            pictures: Pictures::ANY,
            count,
            tier: None,
            shapes: Shapes::Any,
            clips: false,
            public_urls: false,
            request_bytes: None,
            one_at_a_time: false,
        }
    }

    /// A model that makes clips, one at a time, and may begin with so many pictures.
    pub(crate) fn clips(references: usize) -> Self {
        Self { clips: true, ..Self::new(references, 1) }
    }
}

/// What references a service takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pictures {
    /// WebP, beside PNG and JPEG.
    pub(crate) webp: bool,
    /// Bytes of one at most, without base64; `None` = the service says.
    pub(crate) bytes: Option<u64>,
    /// Bytes of all of them at most, in the same way.
    pub(crate) together: Option<u64>,
    /// Pixels of the longer side at most.
    pub(crate) side: Option<u32>,
}

impl Pictures {
    /// Whatever easel itself takes.
    pub(crate) const ANY: Self = Self { webp: true, bytes: None, together: None, side: None };
}

/// What the owner configured.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The model; may be empty where the service has but one.
    pub(crate) model: String,
    /// Fields of the owner's own, for the request's top level (unless the dialect says otherwise).
    pub(crate) extra: Map<String, Value>,
    /// How often tasks are asked about, where the owner says so.
    pub(crate) poll: Option<Duration>,
}

/// The key of `extra` that names one of [`Dialect::forms`].
pub(crate) const FORM: &str = "form";
/// The key of `extra` that tells kinds with tasks how many seconds lie between two questions about one.
pub(crate) const POLL: &str = "poll_seconds";
/// What it may be.
const POLL_SECONDS: std::ops::RangeInclusive<f64> = 0.05..=600.0;

/// The pause that [`POLL`] asks for, or `None` when it is no number of seconds that can be used.
pub(crate) fn pause(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().filter(|seconds| POLL_SECONDS.contains(seconds))?;
    Duration::try_from_secs_f64(seconds).ok()
}

impl Settings {
    /// What `section` says to `dialect`.
    pub(crate) fn new(section: &ProviderSection, dialect: &dyn Dialect) -> Self {
        let mut extra: Map<String, Value> = section.extra.clone().into_iter().collect();
        let has_tasks = dialect.tasks().is_some();
        let poll = extra.get(POLL).filter(|_| has_tasks).and_then(pause);
        extra.retain(|name, _| {
            let names_form = name == FORM && !dialect.forms().is_empty();
            let tells_pause = name == POLL && has_tasks;
            !names_form && !tells_pause && dialect.whole_keys() != Some(name)
        });
        Self { model: section.model.trim().to_owned(), extra, poll }
    }
}

impl fmt::Debug for Settings {
    /// The owner's fields may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.extra.keys().collect();
        let Self { model, poll, .. } = self;
        f.debug_struct("Settings").field("model", model).field("extra", &names).field("poll", poll).finish()
    }
}

/// Everything that a request is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) request: &'a GenerateRequest,
    /// What refusals taught about parameters.
    pub(crate) known: &'a Known,
    /// Public addresses of the request's references, one each; only for models with [`Limits::public_urls`].
    pub(crate) addresses: &'a [String],
    /// The task's id where the dialect chooses it, as it was recorded before the call.
    pub(crate) task: Option<&'a str>,
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Below the base address.
    pub(crate) path: Cow<'static, str>,
    pub(crate) payload: Payload,
    /// The parameters that a refusal may be about.
    pub(crate) sent: Sent,
}

/// What a request carries. Holds no picture, only where they are.
pub(crate) enum Payload {
    /// Posted as JSON.
    Json(Vec<Segment>),
    /// Posted as a form.
    Form(Multipart),
    /// Asked for with GET: everything is a parameter, and as secret as a key.
    Query(Vec<(String, SecretString)>),
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(segments) => f.debug_tuple("Json").field(segments).finish(),
            Self::Form(form) => f.debug_tuple("Form").field(form).finish(),
            Self::Query(pairs) => {
                let names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
                f.debug_tuple("Query").field(&names).finish()
            }
        }
    }
}

impl Payload {
    /// The length of a JSON body in bytes.
    pub(crate) fn json_length(&self) -> Option<u64> {
        match self {
            Self::Json(segments) => Some(segments.iter().map(Segment::length).sum()),
            Self::Form(_) | Self::Query(_) => None,
        }
    }
}

/// A reference's bytes, in memory or in a file, which stay until they are sent.
pub(crate) fn content(reference: &Reference) -> Content {
    let body = &reference.picture.body;
    let content = match body.place() {
        Place::Memory(segments) => Content::segments(segments.iter().cloned()),
        Place::File(path) => Content::file(path, body.len()),
    };
    content.kept_by(body.clone())
}

/// A JSON request in which pictures stand as base64. While the value is put together, a text that nobody can foresee
/// stands for each of them; in [`finish`](Self::finish) it becomes the picture, past the JSON writer, because base64
/// needs no escaping.
#[derive(Debug)]
pub(crate) struct JsonRequest {
    mark: String,
    pictures: Vec<Content>,
}

/// Digits behind the mark that tell which picture it stands for.
const DIGITS: usize = 3;

impl JsonRequest {
    pub(crate) fn new() -> Self {
        Self { mark: format!("picture-{}-", unforeseeable()), pictures: Vec::new() }
    }

    /// A place holder for the picture's bare base64.
    pub(crate) fn base64(&mut self, reference: &Reference) -> String {
        let index = self.pictures.len();
        self.pictures.push(content(reference));
        format!("{}{index:0DIGITS$}", self.mark)
    }

    /// A place holder for the picture as a data URL.
    pub(crate) fn data_url(&mut self, reference: &Reference) -> String {
        format!("data:{};base64,{}", reference.picture.format.mime(), self.base64(reference))
    }

    /// The request in segments.
    pub(crate) fn finish(self, value: &Value) -> Payload {
        let text = Bytes::from(value.to_string());
        let mut segments = Vec::with_capacity(2 * self.pictures.len() + 1);
        let mut from = 0;
        for at in memmem::find_iter(&text, &self.mark) {
            let digits = at + self.mark.len();
            let index = text.get(digits..digits + DIGITS).and_then(|digits| str::from_utf8(digits).ok());
            let picture = index.and_then(|index| self.pictures.get(index.parse::<usize>().ok()?));
            if let Some(picture) = picture {
                segments.push(text.slice(from..at).into());
                segments.push(Segment::Base64(picture.clone()));
                from = digits + DIGITS;
            }
        }
        segments.push(text.slice(from..).into());
        Payload::Json(segments)
    }
}

#[cfg(test)]
mod tests {
    use easel_core::media::{Body, Picture, PictureFormat};
    use serde_json::json;

    use super::*;

    fn reference(bytes: &'static [u8]) -> Reference {
        let body = Body::from_bytes(bytes);
        Reference { picture: Picture { format: PictureFormat::Webp, width: 1, height: 1, body } }
    }

    #[test]
    fn a_picture_is_as_long_as_its_body_wherever_it_lies() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"on disk").unwrap();
        let mut picture = reference(b"in memory");
        assert_eq!(content(&picture).length(), 9);
        picture.picture.body = Body::from_file(file.path()).unwrap();
        let content = content(&picture);
        assert_eq!(content.length(), 7);
        assert!(format!("{content:?}").contains("file"), "{content:?}");
    }

    #[test]
    fn pictures_stand_where_they_were_put_and_nowhere_else() {
        let mut request = JsonRequest::new();
        let (a, b) = (request.base64(&reference(b"first")), request.data_url(&reference(b"second")));
        // Words of people that look like a place holder are words.
        let words = format!("picture-{}-000 \" \\", "0".repeat(32));
        let value = json!({ "parts": [{ "data": a }, { "url": b }, { "again": a }], "prompt": words });
        let Payload::Json(segments) = request.finish(&value) else { panic!("JSON") };
        let shape: Vec<_> = segments.iter().map(|segment| matches!(segment, Segment::Base64(_))).collect();
        assert_eq!(shape, [false, true, false, true, false, true, false]);
        let lengths: Vec<_> = segments.iter().map(Segment::length).collect();
        assert_eq!((lengths[1], lengths[3], lengths[5]), (8, 8, 8));
        let whole = json!({ "parts": [{ "data": "Zmlyc3Q=" }, { "url": "data:image/webp;base64,c2Vjb25k" }, { "again": "Zmlyc3Q=" }], "prompt": words });
        assert_eq!(lengths.iter().sum::<u64>(), whole.to_string().len() as u64);
    }
}
