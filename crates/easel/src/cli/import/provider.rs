//! One service of a plug-in as one `[providers.NAME]`.
//!
//! Pure but for the tables of `easel-providers`. Whether the section can be used is asked of the section itself, so that
//! no rule stands here a second time.

use std::collections::BTreeSet;

use easel_core::command::OutputWish;
use easel_http::Proxy;
use easel_providers::{
    Kind, ProviderSection,
    config::{fingerprint, is_placeholder},
    retired,
};
use serde_json::{Value as Json, json};
use url::Url;

use super::{
    bag::Bag,
    plan::{Plan, Section, TOLD, shown},
    templates::{self, Template},
};
use crate::config::problem::ProblemText;

const BASES: [&str; 5] = ["base_url", "api_url", "server_url", "openai_api_base", "custom_api_base"];
const KEYS: [&str; 6] =
    ["api_keys", "api_key", "openai_api_key", "openrouter_api_keys", "openrouter_api_key", "apikey"];
const MODELS: [&str; 3] = ["model", "model_name", "default_model"];
const OUTPUTS: [&str; 5] = ["default_size", "default_resolution", "size", "resolution", "image_size"];
/// Fields of the request that the plug-ins keep as keys of their own.
const FIELDS: [&str; 4] = ["negative_prompt", "num_inference_steps", "guidance_scale", "seed"];
/// Fields that are the request itself and can't be set beside it.
const RESERVED: [&str; 4] = ["prompt", "messages", "image", "images"];

/// Flags that ask for an event stream, and the choice that does.
const STREAMS: [&str; 2] = ["stream", "enable_stream"];
const MODE: &str = "request_mode";
/// The kinds that stream when `extra.stream` is true. Others have no stream, or always one.
const STREAMING: [Kind; 5] =
    [Kind::OpenAiImages, Kind::OpenAiChat, Kind::OpenRouterImages, Kind::GeminiNative, Kind::Ark];

/// Keys that easel needs not: it does this by itself, without a setting.
const NEEDLESS: [(&str, &str); 4] = [
    ("label", "import-why-label"),
    ("output_format", "import-why-encoding"),
    ("retry_delay", "import-why-pauses"),
    ("empty_response_retry", "import-why-pauses"),
];

/// A service, read.
pub(super) struct Provider {
    /// Its section.
    pub(super) section: Section,
    /// A second section for edits, where the service has another address for them.
    pub(super) edit: Option<Section>,
    /// The size that it was asked for by default, with its place in the old file.
    pub(super) output: Option<(String, String)>,
    /// It has a key, or needs none.
    pub(super) keyed: bool,
    /// Its only address is one that edits.
    pub(super) edits_only: bool,
}

/// What comes from elsewhere in the file.
#[derive(Clone, Copy, Default)]
pub(super) struct Around<'a> {
    /// Retries of all services that have no number of their own.
    pub(super) retries: Option<i64>,
    /// The kind, when it is known better than from the template.
    pub(super) kind: Option<Kind>,
    /// The address, when none is written.
    pub(super) base: Option<&'a str>,
}

/// Reads a service called `name` here. Every key of a service is asked of the bag; what is left is nobody's.
pub(super) fn read(
    bag: &mut Bag<'_>,
    template: Template,
    name: &str,
    around: Around<'_>,
    plan: &mut Plan,
) -> Provider {
    let mut reader = Reader { bag, plan, section: Section::new(&["providers", name]) };
    let full = reader.full_urls();
    let written = reader.base(full.as_ref());
    let base = full.as_ref().map(|full| full.main.clone()).or(written);
    let base = base
        .or_else(|| around.base.or(Some(template.base)).filter(|base| !base.is_empty()).map(str::to_owned));
    let api_mode = reader.bag.text("api_mode");
    let kind = around.kind.unwrap_or_else(|| {
        templates::kind(template, api_mode.as_deref(), base.as_deref().unwrap_or_default())
    });
    if let Some(mode) = api_mode {
        let old = reader.bag.place("api_mode");
        reader.plan.moved(old, format!("providers.{name}.kind"), &format!("{mode} → {}", kind.name()));
    }
    reader.section.set("kind", kind.name());
    if let Some(base) = &base {
        reader.address(base);
    }
    if full.is_some() {
        reader.section.set("full_url", true);
    }
    let only = full.as_ref().and_then(|full| full.only);
    let keyed = reader.keys(kind);
    reader.model(template, kind);
    reader.numbers(around.retries);
    reader.proxy();
    reader.supports_edit(only);
    reader.polling(kind);
    reader.streaming(template, kind);
    reader.extra(kind);
    let output = reader.output();
    for (key, why) in NEEDLESS {
        let home = reader.section.name();
        reader.plan.needless(reader.bag, &home, &[key], why);
    }
    let mut section = reader.section;
    let edit = full.and_then(|full| full.edit).map(|address| {
        let mut edit = section.clone();
        edit.path = vec!["providers".to_owned(), format!("{name}_edit")];
        edit.set("base_url", address);
        section.set("supports_edit", false);
        edit
    });
    let mut provider = Provider { section, edit, output, keyed, edits_only: only == Some(Only::Edits) };
    judge(&mut provider, kind, plan);
    provider
}

/// What is to be said about a section, and whether it can be used.
fn judge(provider: &mut Provider, kind: Kind, plan: &mut Plan) {
    let section = &mut provider.section;
    let name = section.path.last().cloned().unwrap_or_default();
    let model = section.text("model").to_owned();
    let host = match section.text("base_url") {
        "" => templates::host(kind.home()),
        base => templates::host(base),
    };
    if let Some(gone) = retired::find(&model, &host) {
        let mut text = ProblemText::new(match (gone.until, gone.replacement) {
            (Some(_), Some(_)) => "import-note-retired",
            (None, Some(_)) => "import-note-retired-undated",
            (_, None) => "import-note-retired-alone",
        })
        .with("provider", name.as_str())
        .with("model", model.as_str());
        text = text.with("date", gone.until.unwrap_or_default());
        let next = gone.replacement.unwrap_or_default();
        text = text.with("replacement", format!("{}{next}", retired::prefix(&model)));
        section.remarks.push(text.clone());
        plan.notes.push(text);
    }
    if kind == Kind::OpenAiChat && host == "api.x.ai" {
        let text = ProblemText::new("import-note-xai-chat").with("provider", name.as_str());
        section.remarks.push(text.clone());
        plan.notes.push(text);
    }
    if let Some(why) = fault(section, &name) {
        section.off = true;
        section.remarks.push(why.clone());
        if let Some(edit) = &mut provider.edit {
            edit.off = true;
        }
        plan.skip(format!("providers.{name}"), TOLD, why);
    }
}

/// Why a section can't be used, as the section itself says. That this build lacks a kind is no fault of the file.
pub(super) fn fault(section: &Section, name: &str) -> Option<ProblemText> {
    let Ok(parsed) = serde_json::from_value::<ProviderSection>(section.to_json()) else {
        return Some(ProblemText::new("import-why-refused").with("key", ""));
    };
    let start = format!("providers.{name}.");
    let found = parsed.validate(name);
    let keys = found.iter().filter_map(|(place, _)| place.strip_prefix(&start));
    let key = keys.filter(|key| *key != "kind").collect::<Vec<_>>().into_iter().next()?.to_owned();
    Some(match key.as_str() {
        "api_keys" => ProblemText::new("import-why-no-key"),
        "model" => ProblemText::new("import-why-no-model"),
        "base_url" => ProblemText::new("import-why-no-address"),
        _ => ProblemText::new("import-why-refused").with("key", key),
    })
}

/// Addresses of endpoints that are used exactly as they are.
struct FullUrls {
    main: String,
    /// Another one for edits.
    edit: Option<String>,
    /// The one address serves one thing.
    only: Option<Only>,
}

/// What a service with one address of an endpoint does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Only {
    Draws,
    Edits,
}

const FULL_DRAW: &str = "full_generate_url";
const FULL_EDIT: &str = "full_edit_url";

struct Reader<'b, 'j> {
    bag: &'b mut Bag<'j>,
    plan: &'b mut Plan,
    section: Section,
}

impl Reader<'_, '_> {
    /// A sentence about the service.
    fn note(&self, key: &str) -> ProblemText {
        ProblemText::new(key).with("provider", self.section.path.last().cloned().unwrap_or_default())
    }

    fn new_place(&self, key: &str) -> String {
        format!("{}.{key}", self.section.name())
    }

    fn moved(&mut self, old: &str, new: &str, shown: &str) {
        let (old, new) = (self.bag.place(old), self.new_place(new));
        self.plan.moved(old, new, shown);
    }

    fn skip(&mut self, old: &str, why: &str) {
        let (old, home) = (self.bag.place(old), self.section.name());
        self.plan.skip(old, &home, ProblemText::new(why));
    }

    fn full_urls(&mut self) -> Option<FullUrls> {
        let generate = self.bag.text(FULL_DRAW);
        let edit = self.bag.text(FULL_EDIT);
        let name = self.section.name();
        if let Some(address) = &generate {
            self.plan.moved(self.bag.place(FULL_DRAW), format!("{name}.base_url"), &without_user(address).0);
        }
        if let Some(address) = &edit {
            let own = generate.as_ref().is_some_and(|generate| generate != address);
            let new = if own { format!("{name}_edit.base_url") } else { format!("{name}.base_url") };
            self.plan.moved(self.bag.place(FULL_EDIT), new, &without_user(address).0);
        }
        match (generate, edit) {
            (Some(main), Some(edit)) => {
                let edit = (edit != main).then_some(edit);
                Some(FullUrls { main, edit, only: None })
            }
            (Some(main), None) => Some(FullUrls { main, edit: None, only: Some(Only::Draws) }),
            (None, Some(main)) => Some(FullUrls { main, edit: None, only: Some(Only::Edits) }),
            (None, None) => None,
        }
    }

    /// The address, unless there are those of endpoints, which count in its place.
    fn base(&mut self, full: Option<&FullUrls>) -> Option<String> {
        if let Some(full) = full {
            let first = if full.only == Some(Only::Edits) { FULL_EDIT } else { FULL_DRAW };
            for key in BASES {
                self.bag.second(key, first);
            }
            return None;
        }
        let (key, base) = self.bag.first_text(&BASES)?;
        self.moved(key, "base_url", &without_user(&base).0);
        Some(base)
    }

    /// A user name and a password in an address have a key of their own here.
    fn address(&mut self, base: &str) {
        let (address, user) = without_user(base);
        self.section.set("base_url", address);
        if let Some(user) = user {
            self.section.set("basic_auth", user);
        }
    }

    /// The keys; true when there are any. Cookies of jimeng are its keys, and what it calls a key stands beside them.
    fn keys(&mut self, kind: Kind) -> bool {
        let mut found: Vec<(&str, String)> = Vec::new();
        if kind == Kind::Jimeng {
            found.extend(self.bag.lines("cookie_list").into_iter().map(|cookie| ("cookie_list", cookie)));
            if let Some(key) = self.bag.text("apikey") {
                self.jimeng_key(&key);
            }
        }
        for key in KEYS {
            if !(kind == Kind::Jimeng && key == "apikey") {
                found.extend(self.bag.texts(key).into_iter().map(|text| (key, text)));
            }
        }
        let mut seen = BTreeSet::new();
        let mut keys = Vec::new();
        for (from, key) in found {
            let key = key.trim();
            if is_placeholder(key) {
                self.skip(from, "import-why-placeholder");
            } else if seen.insert(key.to_owned()) {
                self.moved(from, "api_keys", &format!("#{}", fingerprint(key)));
                // Only a labelled key is taken as it is; others are divided at these marks.
                let divided = key.contains([',', '，', ';', '\n']);
                let label = format!("{from}-{}", seen.len());
                keys.push(if divided { json!({"key": key, "account": label}) } else { json!(key) });
            }
        }
        let keyed = !keys.is_empty();
        if keyed {
            self.section.set("api_keys", keys);
        }
        keyed
    }

    fn jimeng_key(&mut self, key: &str) {
        if is_placeholder(key) {
            return self.skip("apikey", "import-why-placeholder");
        }
        self.moved("apikey", "extra.apikey", &format!("#{}", fingerprint(key)));
        self.extra_field("apikey", json!(key));
    }

    fn extra_field(&mut self, name: &str, value: Json) {
        let mut extra = self.section.get("extra").cloned().unwrap_or_else(|| json!({}));
        if let Some(fields) = extra.as_object_mut() {
            fields.insert(name.to_owned(), value);
        }
        self.section.set("extra", extra);
    }

    fn model(&mut self, template: Template, kind: Kind) {
        let written = self.bag.first_text(&MODELS).filter(|(_, model)| !is_placeholder(model));
        if let Some((key, model)) = written {
            self.moved(key, "model", &model);
            self.section.set("model", model);
            return;
        }
        let model = template.model_as(kind);
        if !model.is_empty() {
            self.section.set("model", model);
            let text = self.note("import-note-model").with("model", model);
            self.section.remarks.push(text);
        }
    }

    fn numbers(&mut self, retries: Option<i64>) {
        if let Some((key, seconds)) = self.bag.first(&["timeout", "timeout_seconds"], Bag::whole) {
            let seconds = seconds.clamp(1, 3600);
            self.moved(key, "timeout_seconds", &seconds.to_string());
            self.section.set("timeout_seconds", seconds);
        }
        let attempts = match self.bag.first(&["max_retry_attempts", "max_retries"], Bag::whole) {
            Some((key @ "max_retries", retries)) => Some((key, retries.saturating_add(1))),
            tries => tries,
        };
        if let Some((key, attempts)) = attempts {
            let attempts = attempts.clamp(1, 10);
            self.moved(key, "max_retry_attempts", &attempts.to_string());
            self.section.set("max_retry_attempts", attempts);
        } else if let Some(retries) = retries {
            self.section.set("max_retry_attempts", retries.saturating_add(1).clamp(1, 10));
        }
    }

    fn proxy(&mut self) {
        let wanted = self.bag.flag("use_proxy");
        let Some((key, proxy)) = self.bag.first_text(&["proxy_url", "proxy"]) else {
            if wanted == Some(true) {
                self.skip("use_proxy", "import-why-proxy-empty");
            }
            return;
        };
        if wanted == Some(false) {
            self.skip(key, "import-why-proxy-off");
        } else if Proxy::choose(&proxy, "").is_err() {
            self.skip(key, "import-why-proxy-bad");
        } else {
            self.moved(key, "proxy", &without_user(&proxy).0);
            self.section.set("proxy", proxy);
        }
    }

    fn supports_edit(&mut self, only: Option<Only>) {
        let flag = self.bag.flag("supports_edit");
        if only == Some(Only::Draws) {
            if flag == Some(true) {
                self.skip("supports_edit", "import-why-draws-only");
            }
            let text = self.note("import-note-draws-only");
            self.section.remarks.push(text.clone());
            self.plan.notes.push(text);
            self.section.set("supports_edit", false);
        } else if let Some(flag) = flag {
            self.moved("supports_edit", "supports_edit", &flag.to_string());
            self.section.set("supports_edit", flag);
        }
    }

    /// How often a task is asked about, and for how long.
    fn polling(&mut self, kind: Kind) {
        if !kind.has_tasks() {
            let home = self.section.name();
            let keys = ["poll_interval", "poll_timeout"];
            return self.plan.needless(self.bag, &home, &keys, "import-why-polling");
        }
        if let Some(seconds) = self.bag.number("poll_interval") {
            let seconds = json!(seconds.clamp(0.05, 600.0));
            self.moved("poll_interval", "extra.poll_seconds", &shown(&seconds));
            self.extra_field("poll_seconds", seconds);
        }
        if let Some(seconds) = self.bag.whole("poll_timeout") {
            let seconds = seconds.clamp(10, 86_400);
            self.moved("poll_timeout", "task_timeout_seconds", &seconds.to_string());
            self.section.set("task_timeout_seconds", seconds);
        }
    }

    /// Whether answers come as an event stream. They do not unless that is asked for, or the service has no others.
    fn streaming(&mut self, template: Template, kind: Kind) {
        let home = self.section.name();
        let always = template.streams() && STREAMING.contains(&kind);
        if always {
            self.extra_field("stream", json!(true));
            let text = self.note("import-note-streams");
            self.section.remarks.push(text);
        }
        let by_mode = self.bag.text(MODE).map(|mode| mode.eq_ignore_ascii_case("stream"));
        let by_flags = STREAMS.map(|key| (key, self.bag.flag(key)));
        for (key, wanted) in by_flags.into_iter().chain([(MODE, by_mode)]) {
            match wanted {
                Some(true) if STREAMING.contains(&kind) => {
                    self.moved(key, "extra.stream", "true");
                    self.extra_field("stream", json!(true));
                }
                Some(true) => self.plan.needless(self.bag, &home, &[key], "import-why-streaming-kind"),
                Some(false) if always => {
                    self.plan.needless(self.bag, &home, &[key], "import-why-streaming-always");
                }
                Some(false) => self.plan.needless(self.bag, &home, &[key], "import-why-streaming"),
                None => {}
            }
        }
    }

    fn extra(&mut self, kind: Kind) {
        if kind == Kind::Jimeng {
            self.extra_field("form", json!("aggregator"));
            for old in ["default_style", "default_ratio"] {
                if let Some(text) = self.bag.text(old) {
                    self.moved(old, &format!("extra.{old}"), &text);
                    self.extra_field(old, json!(text));
                }
            }
        }
        for field in FIELDS {
            if let Some(value) = self.bag.value(field).cloned() {
                self.moved(field, &format!("extra.{field}"), &shown(&value));
                self.extra_field(field, value);
            }
        }
        for (field, value) in self.bag.fields("extra_body") {
            let old = format!("extra_body.{field}");
            if RESERVED.contains(&field.as_str()) {
                self.skip(&old, "import-why-reserved");
            } else {
                // The values may be anything, also secrets.
                self.moved(&old, &format!("extra.{field}"), "");
                self.extra_field(&field, value);
            }
        }
    }

    fn output(&mut self) -> Option<(String, String)> {
        let (key, output) = self.bag.first_text(&OUTPUTS)?;
        if OutputWish::parse(&output).is_some() {
            return Some((self.bag.place(key), output));
        }
        if !output.eq_ignore_ascii_case("auto") {
            self.skip(key, "import-why-size");
        }
        None
    }
}

/// An address without user name and password, and those two as `user:password`.
fn without_user(address: &str) -> (String, Option<String>) {
    let parsed =
        Url::parse(address).ok().filter(|url| !url.username().is_empty() || url.password().is_some());
    let Some(mut url) = parsed else { return (address.to_owned(), None) };
    let user =
        format!("{}:{}", percent_decode(url.username()), percent_decode(url.password().unwrap_or_default()));
    // Both fail only for addresses that can't have either, and this one has.
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        return (address.to_owned(), None);
    }
    (url.to_string(), Some(user))
}

fn percent_decode(text: &str) -> String {
    url::form_urlencoded::parse(format!("k={}", text.replace('+', "%2B").replace('&', "%26")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
