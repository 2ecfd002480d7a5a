//! Jimeng and Doubao (即梦, 豆包) in the two ways in which people reach them without an account at the cloud:
//!
//! - `extra.form = "aggregator"` (also without the key): one address that takes everything in the query of a GET. Keys
//!   are `conversation_id:cookie`, split at the first colon and tried in turn. It edits one picture, which it fetches
//!   from a public address.
//! - `extra.form = "free_api"`: the self-hosted jimeng-free-api, which speaks in OpenAI's terms. Keys are session ids.
//!   It draws from words only, and always about four pictures; those that nobody wished are not fetched.
//!
//! Facts: the plug-in whose provider the aggregator was; the server source of LLM-Red-Team/jimeng-free-api.
//! Not obvious: both tell failures with status 200 (the free API by negative codes), and both take minutes.
//!
//! Further keys of `extra`:
//! - `cookie_list`: the keys of an aggregator, as older configurations name them; added to `api_keys`. Cookies hold
//!   commas and semicolons, so here a key is never split into several.
//! - `apikey`: the aggregator's own key.
//! - `default_style` (for example `真实`), `default_ratio` (for example `1:1`), `default_model` (where `model` is empty):
//!   what is sent when nobody wishes otherwise; nothing by default.
//! - Everything else goes into the request as it is: `negative_prompt`, `sample_strength`, `resolution` and so on.

use easel_core::{
    error::ErrorClass,
    ports::{GenerateRequest, Output, Shapes},
};
use easel_http::{Call, UrlStyle};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::{
    classify::{self, Facts, Failure},
    dialect::{Ask, Dialect, Draft, JsonRequest, Limits, Payload, Settings},
    lessons::Sent,
    sizes,
};

/// Pictures that come at once.
const MAX_COUNT: u8 = 4;
/// Older configurations have their keys here.
const COOKIES: &str = "cookie_list";
const STYLE: &str = "default_style";
const RATIO: &str = "default_ratio";
const MODEL: &str = "default_model";
const APIKEY: &str = "apikey";
/// Keys of `extra` that are not sent as they are.
const OWN: [&str; 5] = [COOKIES, STYLE, RATIO, MODEL, APIKEY];

/// Shapes that the service offers.
const RATIOS: &[(u32, u32)] = &[(1, 1), (16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3), (21, 9)];

/// Codes of the free API.
const CODES: &[(i64, ErrorClass)] = &[
    (-1001, ErrorClass::BadRequest),
    (-2001, ErrorClass::Overload),
    (-2002, ErrorClass::Auth),
    (-2006, ErrorClass::ModerationInput),
    (-2007, ErrorClass::Overload),
    (-2008, ErrorClass::Overload),
    (-2009, ErrorClass::Quota),
];
/// Words of the service that mean a refusal of the content.
const REFUSALS: &[&str] = &["合规问题", "违规", "敏感", "审核"];
/// Parts of a cookie that are shorter say nothing about whose it is.
const SHORTEST_PART: usize = 8;

const FORMS: &[(&str, &dyn Dialect)] = &[("aggregator", &Aggregator), ("free_api", &FreeApi)];

/// The aggregator.
pub(crate) struct Aggregator;
/// The free API.
pub(crate) struct FreeApi;

impl Dialect for Aggregator {
    fn forms(&self) -> &'static [(&'static str, &'static dyn Dialect)] {
        FORMS
    }

    fn address(&self) -> UrlStyle {
        UrlStyle::Full
    }

    fn needs_model(&self) -> bool {
        false
    }

    fn whole_keys(&self) -> Option<&'static str> {
        Some(COOKIES)
    }

    fn secrets(&self, settings: &Settings, key: Option<&SecretString>) -> Vec<SecretString> {
        let apikey = settings.extra.get(APIKEY).and_then(Value::as_str).into_iter();
        let (conversation, cookie) = key.map(parts).unwrap_or_default();
        let values =
            cookie.split(';').map(|part| part.split_once('=').map_or(part, |(_, value)| value).trim());
        let values = values.filter(|value| value.len() >= SHORTEST_PART);
        apikey.chain([conversation, cookie]).chain(values).map(SecretString::from).collect()
    }

    fn limits(&self, _: &str) -> Limits {
        // It is told a ratio and no number of pixels.
        let (tier, shapes) = (Some(1), Shapes::Ratios(RATIOS.into()));
        Limits { public_urls: true, tier, shapes, ..Limits::new(1, MAX_COUNT) }
    }

    fn authorise(&self, call: Call, key: &SecretString) -> Call {
        let (conversation, cookie) = parts(key);
        let call = match conversation {
            "" => call,
            some => call.secret_query("conversation_id", &SecretString::from(some)),
        };
        call.secret_query("Cookie", &SecretString::from(cookie))
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut query = Vec::new();
        let mut put = |name: &str, value: String| query.push((name.to_owned(), SecretString::from(value)));
        put("description", ask.request.prompt.to_string());
        let fields = fields(ask);
        let sent = Sent::new(&fields);
        for (name, value) in fields {
            put(&name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        if let Some(apikey) = text(ask.settings, APIKEY) {
            put("apikey", apikey.to_owned());
        }
        // It takes one.
        if let Some(address) = ask.addresses.first() {
            put("url", address.clone());
        }
        Draft { path: "".into(), payload: Payload::Query(query), sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let root = &facts.answer.skeleton;
        let code = match root.get("code") {
            Some(Value::Number(code)) => code.as_i64(),
            Some(Value::String(code)) => code.trim().parse().ok(),
            _ => None,
        };
        let Some(code) = code.filter(|code| *code != 200) else { return classify::failure(facts) };
        let said = |key| root.get(key).and_then(Value::as_str).filter(|said| !said.trim().is_empty());
        let message = said("message").or_else(|| said("text")).unwrap_or_default();
        // Its codes are those of HTTP.
        let status = if (200..300).contains(&facts.status) {
            u16::try_from(code).ok().filter(|code| (400..600).contains(code)).unwrap_or(0)
        } else {
            facts.status
        };
        Some(refused(classify::told_in_words(facts, status, &code.to_string(), message), facts))
    }
}

/// Everything that is sent besides the prompt, the keys and the picture.
fn fields(ask: &Ask<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value.into());
        }
    };
    put("type", text(ask.settings, STYLE).map(str::to_owned));
    put("ratio", ratio(ask));
    put("model", model(ask.settings).map(str::to_owned));
    complete(fields, ask)
}

/// The shape: the person's, or the owner's.
fn ratio(ask: &Ask<'_>) -> Option<String> {
    let wished = sizes::ratio(&ask.request.output).map(|ratio| sizes::nearest(RATIOS, ratio));
    let wished = wished.map(|(width, height)| format!("{width}:{height}"));
    wished.or_else(|| text(ask.settings, RATIO).map(str::to_owned))
}

impl Dialect for FreeApi {
    fn forms(&self) -> &'static [(&'static str, &'static dyn Dialect)] {
        FORMS
    }

    fn needs_model(&self) -> bool {
        false
    }

    fn limits(&self, _: &str) -> Limits {
        Limits::new(0, MAX_COUNT)
    }

    fn draft(&self, ask: &Ask<'_>) -> Draft {
        let mut fields = Map::new();
        if let Some(model) = model(ask.settings) {
            fields.insert("model".to_owned(), model.into());
        }
        if let Some((width, height)) = size(ask) {
            fields.insert("width".to_owned(), width.into());
            fields.insert("height".to_owned(), height.into());
        }
        let mut fields = complete(fields, ask);
        // One side alone would be a shape that nobody wished.
        if !(fields.contains_key("width") && fields.contains_key("height")) {
            fields.retain(|name, _| !matches!(name.as_str(), "width" | "height"));
        }
        let sent = Sent::new(&fields);
        fields.insert("prompt".to_owned(), (*ask.request.prompt).into());
        let payload = JsonRequest::new().finish(&Value::Object(fields));
        Draft { path: "images/generations".into(), payload, sent }
    }

    fn failure(&self, facts: &Facts<'_>) -> Option<Failure> {
        let failure = classify::failure(facts)?;
        let code = facts.answer.skeleton.get("code").and_then(Value::as_i64);
        let class = CODES.iter().find(|(known, _)| Some(*known) == code).map(|(_, class)| *class);
        Some(match (class, code) {
            (Some(class), Some(code)) => {
                let mut failure = failure.judged(class, facts);
                failure.code = code.to_string();
                failure
            }
            _ => refused(failure, facts),
        })
    }
}

/// The sides to send, where a shape or size is wished or the owner has one.
fn size(ask: &Ask<'_>) -> Option<(u32, u32)> {
    let wish = ask.request.output;
    let own = || {
        let (width, height) = text(ask.settings, RATIO)?.split_once(':')?;
        let ratio = Some((width.trim().parse().ok()?, height.trim().parse().ok()?));
        sizes::wished(&Output { ratio, ..Output::default() })
    };
    sizes::wished(&wish).or_else(own)
}

/// Adds the owner's fields and takes out what the service is known to refuse.
fn complete(mut fields: Map<String, Value>, ask: &Ask<'_>) -> Map<String, Value> {
    for (key, value) in &ask.settings.extra {
        let wished = matches!(key.as_str(), "ratio" | "width" | "height") && is_wished(ask.request);
        if !OWN.contains(&key.as_str()) && !wished {
            fields.insert(key.clone(), value.clone());
        }
    }
    fields.retain(|key, value| ask.known.allows(key, value));
    fields
}

fn is_wished(request: &GenerateRequest) -> bool {
    sizes::wished(&request.output).is_some()
}

/// A refusal of the content, where the service's words say so.
fn refused(failure: Failure, facts: &Facts<'_>) -> Failure {
    if REFUSALS.iter().any(|word| failure.message.contains(word)) {
        return failure.judged(ErrorClass::ModerationInput, facts);
    }
    failure
}

fn model(settings: &Settings) -> Option<&str> {
    Some(settings.model.as_str()).filter(|model| !model.is_empty()).or_else(|| text(settings, MODEL))
}

/// A text of the owner's that is not empty.
fn text<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
    settings.extra.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// The conversation and the cookie of a key. One without a colon is a cookie.
fn parts(key: &SecretString) -> (&str, &str) {
    let key = key.expose_secret().trim();
    key.split_once(':').map_or(("", key), |(conversation, cookie)| (conversation.trim(), cookie.trim()))
}
