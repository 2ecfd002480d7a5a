//! Questions to a service that cost nothing: is it there, does it take the key, which models has it.
//!
//! Where the list of models is, and how it is read, stands in [`crate::models`]. What an answer means is judged by [`crate::classify`], through the kind's own
//! dialect, as that of a paid request is: a wrong key has many faces (Gemini's is a 400), and they are known there.
//!
//! Nothing here draws, and nothing is asked twice.

use std::time::Duration;

use chrono::Utc;
use easel_core::{error::ProviderError, ports::ApiKey};
use easel_http::{
    BaseUrl, Bytes, Call, HttpClient, HttpError, Method, ProviderTimeouts, Redactor, StatusCode,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    answer::{Answer, BodyKind},
    classify::Facts,
    config::ProviderSection,
    dialect::{Settings, Spoken},
    models::{is_list, listing},
    registry::{self, BuildError, Kind, Tools},
};

/// Longest answer to a question.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Kept of an answer for its failure.
const HEAD_BYTES: usize = 4096;

/// What a service answered to the question for its models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The HTTP status.
    pub status: u16,
    /// The names, in the service's order; `None` when it has no such list, or none that can be read.
    pub models: Option<Vec<String>>,
    /// The answer says that the key (or its absence) is right.
    pub proves_key: bool,
}

/// A line to a service for questions.
pub struct Questions {
    name: String,
    kind: Kind,
    dialect: Spoken,
    base: BaseUrl,
    basic: Option<SecretString>,
    settings: Settings,
    /// A profile says where the list is.
    profiled: bool,
    http: HttpClient,
    patience: Duration,
}

impl std::fmt::Debug for Questions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Questions")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Questions {
    /// A line to the service of the provider `name`; `patience` bounds each question as a whole.
    ///
    /// # Errors
    /// [`BuildError`], as [`crate::build`].
    pub fn new(
        name: &str,
        section: &ProviderSection,
        tools: &Tools,
        patience: Duration,
    ) -> Result<Self, BuildError> {
        let kind = Kind::parse(&section.kind).ok_or_else(|| BuildError::UnknownKind(section.kind.clone()))?;
        let dialect = registry::spoken(section, &tools.profiles)?;
        let basic = section.basic_auth.expose();
        Ok(Self {
            name: name.to_owned(),
            kind,
            base: section.address()?,
            basic: (!basic.is_empty())
                .then(|| SecretString::from(base64_simd::STANDARD.encode_to_string(basic.as_bytes()))),
            settings: Settings::new(section, &*dialect),
            profiled: !section.profile.trim().is_empty(),
            dialect,
            http: tools.clients.provider(section.proxy.expose(), ProviderTimeouts::new(patience))?,
            patience,
        })
    }

    /// Where the service is.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn host(&self) -> &str {
        self.base.url().host_str().unwrap_or_default()
    }

    /// Asks for the models. A service without a list, or at an address that is used as it stands, is only asked whether
    /// it is there.
    ///
    /// # Errors
    /// What was refused, as a paid request would be judged; without a status when nobody answered. A missing route is
    /// no error here.
    pub async fn models(&self, key: Option<&ApiKey>) -> Result<Listed, ProviderError> {
        let listing = listing(self.kind, self.host()).filter(|_| !self.base.is_full());
        let Some(listing) = listing else {
            let bare = self.own(Method::GET, self.base.url().as_str());
            // Where the key is a cookie or a part of the query, a bare question does not need it.
            let call = if self.kind == Kind::Jimeng { bare } else { self.authorised(bare, key) };
            let (status, read) = self.ask(call, key).await;
            return match read {
                Ok(_) => Ok(Listed { status, models: None, proves_key: false }),
                Err(error) if error.status.is_some_and(|status| !matches!(status, 401 | 403)) => {
                    Ok(Listed { status, models: None, proves_key: false })
                }
                Err(error) => Err(error),
            };
        };
        let path = listing.path(self.profiled, &*self.dialect);
        let call = self.authorised(self.own(Method::GET, &self.below(&path)), key);
        let (status, read) = self.ask(call, key).await;
        match read {
            Ok(list) => Ok(Listed { status, models: (listing.read)(&list), proves_key: !listing.open }),
            Err(_) if matches!(status, 404 | 405) => Ok(Listed { status, models: None, proves_key: false }),
            Err(error) => Err(error),
        }
    }

    /// `path` below the base address, with its query; a whole address as it is.
    fn below(&self, path: &str) -> String {
        let is_whole = url::Url::parse(path).is_ok_and(|address| self.base.origin().covers(&address));
        if is_whole { path.to_owned() } else { self.base.join(path).into() }
    }

    /// The JSON at `path`, below the base address or of another host of the same service; `None` when there is none.
    pub(crate) async fn read(&self, path: &'static str, query: &str, key: &ApiKey) -> Option<Value> {
        let call = self.authorised(self.own(Method::GET, &self.told_at(path, query)?), Some(key));
        let (_, read) = self.ask(call, Some(key)).await;
        read.ok().filter(|value| !value.is_null())
    }

    /// Only names that stand in this program lead to another host: it is shown the key. Below an address that is used as
    /// it stands there is nothing.
    fn told_at(&self, path: &'static str, query: &str) -> Option<String> {
        if path.starts_with("https://") {
            return Some(path.to_owned());
        }
        let question = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        (!self.base.is_full()).then(|| self.base.join(&question).into())
    }

    /// The JSON that a POST without a body gets at `path`, which stands beside the last part of the base address: at
    /// `/token` where that is `/v1`. `None` when there is none, and at addresses that are used as they stand.
    pub(crate) async fn posted(&self, path: &str, key: &ApiKey) -> Option<Value> {
        let base = self.base.url().as_str().trim_end_matches('/');
        let url = url::Url::parse(base).ok().filter(|_| !self.base.is_full())?.join(path).ok()?;
        let call = self.authorised(self.own(Method::POST, url.as_str()), Some(key));
        let (_, read) = self.ask(call, Some(key)).await;
        read.ok().filter(|value| !value.is_null())
    }

    /// A call with the headers that a profile adds, which only the provider's own origin may see.
    fn own(&self, method: Method, url: &str) -> Call {
        let call = self.http.call(method, url);
        let is_ours = url::Url::parse(url).is_ok_and(|url| self.base.origin().covers(&url));
        if is_ours { self.dialect.dress(call) } else { call }
    }

    /// With the credentials that the provider itself would send: basic authentication instead of a key.
    fn authorised(&self, call: Call, key: Option<&ApiKey>) -> Call {
        match (&self.basic, key) {
            (Some(basic), _) => call.basic_encoded(basic),
            (None, Some(key)) => self.dialect.authorise(call, &key.secret),
            (None, None) => call,
        }
    }

    /// The status (0 = none) and the JSON of a success (null for anything else that is one), or the failure.
    async fn ask(&self, call: Call, key: Option<&ApiKey>) -> (u16, Result<Value, ProviderError>) {
        let unsent = |error: HttpError| {
            let class = easel_core::error::ErrorClass::Overload;
            ProviderError::new(&*self.name, class, error.to_string())
        };
        let call = call.within(self.patience).max_answer_bytes(MAX_BYTES);
        let mut response = match call.send().await {
            Ok(response) => response,
            Err(error) => return (0, Err(unsent(error))),
        };
        let status = response.status;
        let body = match response.body.read_all(MAX_BYTES).await {
            Ok(body) => body,
            // The service is there, and its status says the rest.
            Err(_) if !status.is_success() => Bytes::new(),
            Err(error) => return (0, Err(unsent(error))),
        };
        let parsed = serde_json::from_slice::<Value>(&body).ok();
        let answer = Answer {
            kind: if parsed.is_some() { BodyKind::Json } else { BodyKind::Text },
            skeleton: parsed.clone().unwrap_or_else(|| Value::String(text_of(&body))),
            head: body.get(..HEAD_BYTES).unwrap_or(&body).to_vec(),
            len: body.len() as u64,
            ..Answer::empty()
        };
        let redactor = self.redactor(key);
        let facts = Facts {
            status: status.as_u16(),
            headers: &response.headers,
            advice: response.retry_advice(Utc::now()),
            answer: &answer,
            prompt: "",
            redactor: &redactor,
        };
        let read = match self.dialect.failure(&facts) {
            Some(failure) if status != StatusCode::OK || !is_list(parsed.as_ref()) => {
                Err(failure.into_error(&self.name, &facts))
            }
            _ => Ok(parsed.unwrap_or_default()),
        };
        (status.as_u16(), read)
    }

    fn redactor(&self, key: Option<&ApiKey>) -> Redactor {
        let key = key.map(|key| &key.secret);
        let further = self.dialect.secrets(&self.settings, key);
        let address = SecretString::from(self.base.url().as_str().trim_end_matches('/'));
        Redactor::new(key.into_iter().chain(&self.basic).chain([&address]).chain(&further))
    }
}

fn text_of(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..HEAD_BYTES).unwrap_or(body)).into_owned()
}

/// Everything of a section that nobody else may see: its keys and their parts, the password, secrets among the owner's
/// own fields, headers of its profile, each also as base64 and in other capitals, and the address of the service, which may hold one.
pub fn secrets(section: &ProviderSection, tools: &Tools) -> Vec<SecretString> {
    let mut secrets: Vec<SecretString> = section.keys().into_iter().map(|key| key.secret).collect();
    let kind = Kind::parse(&section.kind);
    if let Some(dialect) = kind.and_then(|_| registry::spoken(section, &tools.profiles).ok()) {
        let settings = Settings::new(section, &*dialect);
        let parts: Vec<_> = secrets.iter().flat_map(|key| dialect.secrets(&settings, Some(key))).collect();
        secrets.extend(dialect.secrets(&settings, None));
        secrets.extend(parts);
    }
    if let Some(profile) = tools.profiles.get(section.profile.trim()) {
        secrets.extend(profile.headers.values().map(|value| SecretString::from(value.expose())));
    }
    let basic = section.basic_auth.expose();
    secrets
        .extend([basic, basic.split_once(':').map_or("", |(_, password)| password)].map(SecretString::from));
    secrets.retain(|secret| !secret.expose_secret().is_empty());
    let spellings: Vec<_> = secrets
        .iter()
        .map(ExposeSecret::expose_secret)
        .flat_map(|secret| {
            let encoded = base64_simd::STANDARD.encode_to_string(secret);
            [
                encoded.trim_end_matches('=').to_owned(),
                secret.to_ascii_lowercase(),
                secret.to_ascii_uppercase(),
            ]
        })
        .map(SecretString::from)
        .collect();
    secrets.extend(spellings);
    if let Ok(base) = section.address() {
        secrets.push(SecretString::from(base.url().as_str().trim_end_matches('/')));
    }
    secrets
}

#[cfg(test)]
mod tests {
    use easel_core::error::ErrorClass;
    use easel_http::{HttpClients, NetworkSection};
    use easel_testkit::provider::{Answer as Told, FakeProvider};
    use serde_json::json;

    use super::*;

    #[test]
    fn balances_are_told_where_their_service_tells_them() {
        #[track_caller]
        fn check(full: bool, path: &'static str, query: &str, expected: Option<&str>) {
            let section = json!({
                "kind": "openai_images", "base_url": "https://gateway.example/v1", "model": "m", "full_url": full,
            });
            let section: ProviderSection = serde_json::from_value(section).unwrap();
            let tools = Tools::new(HttpClients::new(NetworkSection::default()));
            let questions = Questions::new("p", &section, &tools, Duration::from_secs(1)).unwrap();
            assert_eq!(questions.told_at(path, query).as_deref(), expected, "{full} {path}");
        }
        easel_http::crypto::install();
        check(false, "key", "", Some("https://gateway.example/v1/key"));
        check(false, "usage", "a=1", Some("https://gateway.example/v1/usage?a=1"));
        check(true, "usage", "a=1", None);
        check(false, "https://service.example/points", "", Some("https://service.example/points"));
    }

    async fn asked(kind: &str, answer: Told) -> Result<Listed, ErrorClass> {
        easel_http::crypto::install();
        let service = FakeProvider::start().await;
        service.when_path("models", answer);
        let section: ProviderSection = serde_json::from_value(json!({
            "kind": kind, "base_url": service.origin(), "model": "m", "api_keys": ["the-key"],
        }))
        .unwrap();
        let tools = Tools::new(HttpClients::new(NetworkSection::default()));
        let questions = Questions::new("p", &section, &tools, Duration::from_secs(30)).unwrap();
        let keys = section.keys();
        questions.models(keys.first()).await.map_err(|error| error.class)
    }

    #[tokio::test]
    async fn answers_are_judged_as_those_of_paid_requests() {
        let gemini = Told::sample(400, "gemini_native/error_api_key_invalid.json");
        assert_eq!(asked("gemini_native", gemini).await, Err(ErrorClass::Auth));
        assert_eq!(asked("openai_images", Told::unauthorized()).await, Err(ErrorClass::Auth));
        assert_eq!(asked("openai_images", Told::server_error()).await, Err(ErrorClass::Overload));
        let missing = Listed { status: 404, models: None, proves_key: false };
        assert_eq!(asked("openai_images", Told::route_missing()).await, Ok(missing));
        let list = Told::json(200, &json!({ "data": [{ "id": "error-model" }] }));
        let listed = Listed { status: 200, models: Some(vec!["error-model".to_owned()]), proves_key: true };
        assert_eq!(asked("openai_images", list).await, Ok(listed));
    }

    #[test]
    fn all_secrets_of_a_section_are_known() {
        let section: ProviderSection = serde_json::from_value(json!({
            "kind": "jimeng", "base_url": "https://x.example/hidden", "api_keys": ["talk:cookie-of-mine"],
            "basic_auth": "me:pass-word", "extra": { "apikey": "own-key" },
        }))
        .unwrap();
        let tools = Tools::new(HttpClients::new(NetworkSection::default()));
        let known: Vec<_> =
            secrets(&section, &tools).iter().map(|secret| secret.expose_secret().to_owned()).collect();
        for secret in
            ["talk:cookie-of-mine", "me:pass-word", "pass-word", "own-key", "https://x.example/hidden"]
        {
            assert!(known.iter().any(|known| known == secret), "{secret} is not in {known:?}");
        }
        for spelling in ["cGFzcy13b3Jk", "OWN-KEY"] {
            assert!(known.contains(&spelling.to_owned()), "{spelling} is not in {known:?}");
        }
    }
}
