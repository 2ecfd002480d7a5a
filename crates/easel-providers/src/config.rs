//! `[providers.NAME]`: one configured engine.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf, sync::Arc};

use easel_core::{job::usage::Prices, ports::ApiKey};
use easel_http::{BaseUrl, Proxy, Setting, UrlStyle};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    dialect::{Dialect, FORM, POLL, pause},
    models,
    registry::{self, Kind},
};

/// One engine that makes pictures: a service's dialect, its address and its keys.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSection {
    /// The wire protocol: `openai_images`, `openai_chat`, `sketch` and others.
    pub kind: String,
    /// Address of the service: `https://x.example`, with or without `/v1`. Empty: the kind's own service, where it
    /// has one.
    pub base_url: String,
    /// Keys of the service, tried in turn: a list of texts or of `{ key, account }`, or one text with commas. Keys
    /// with the same `account` share their limits. Texts such as `your-api-key` count as missing.
    #[schemars(extend("writeOnly" = true))]
    pub api_keys: KeyList,
    /// A file with one key per line, in place of `api_keys`. Lines that begin with `#` are skipped.
    pub api_keys_file: Option<PathBuf>,
    /// `user:password` for services behind HTTP basic authentication; sent instead of a key.
    #[schemars(extend("writeOnly" = true))]
    pub basic_auth: Hidden,
    /// The model's name at the service. Empty, where the kind has a usual choice: the first of it that the service lists.
    pub model: String,
    /// Use `base_url` exactly as written, as the address of the endpoint itself.
    pub full_url: bool,
    /// Longest silence while waiting for an answer and inside of it, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: u64,
    /// Longest wait for a task that the service works on after it has taken it, in seconds, such as a clip. Unset: 600 for
    /// pictures, 1800 for clips.
    #[schemars(range(min = 10, max = 86_400))]
    pub task_timeout_seconds: Option<u64>,
    /// Tries per key, the first included; 1 = no retry.
    #[schemars(range(min = 1, max = 10))]
    pub max_retry_attempts: u32,
    /// Calls at a time, in all chats together; further ones wait their turn in easel. 0: no bound beside that of `[jobs]`,
    /// except one call at a time for `comfyui`, `sd_cpp` and `sdwebui`, which draw one picture after the other. Sections of
    /// these kinds with the address of one engine share its bound, the smallest of theirs.
    #[schemars(range(max = 1000))]
    pub max_running: u32,
    /// Proxy for this service: `http://`, `https://`, `socks5://` or `socks5h://`. Empty: that of `[network]`;
    /// `direct`: none.
    #[schemars(extend("writeOnly" = true))]
    pub proxy: Setting,
    /// Whether the service takes reference pictures. Unset: what the kind and the model can do.
    pub supports_edit: Option<bool>,
    /// Language that the model understands best, for example `en`; prompts in others are translated when translation
    /// is on. Empty: any.
    pub prompt_language: String,
    /// Prices per picture or clip in any one currency, for `easel usage` where answers tell no cost: by operation
    /// (`generate`, `edit`, `clip`), or by operation and tier (`"edit@4K" = 0.12`), which wins.
    pub prices: BTreeMap<String, f64>,
    /// Name of a `[profiles.NAME]` section with this gateway's quirks.
    pub profile: String,
    /// Further fields of the request, sent as they are and winning over easel's own, for example
    /// `{ quality = "high" }`.
    pub extra: BTreeMap<String, Value>,
}

impl fmt::Debug for ProviderSection {
    /// Fields of the owner's own may hold secrets, so only their names are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra: Vec<_> = self.extra.keys().collect();
        f.debug_struct("ProviderSection")
            .field("kind", &self.kind)
            .field("base_url", &easel_http::redact(&self.base_url))
            .field("api_keys", &self.api_keys)
            .field("api_keys_file", &self.api_keys_file)
            .field("basic_auth", &self.basic_auth)
            .field("model", &self.model)
            .field("full_url", &self.full_url)
            .field("timeout_seconds", &self.timeout_seconds)
            .field("task_timeout_seconds", &self.task_timeout_seconds)
            .field("max_retry_attempts", &self.max_retry_attempts)
            .field("max_running", &self.max_running)
            .field("proxy", &self.proxy)
            .field("supports_edit", &self.supports_edit)
            .field("prompt_language", &self.prompt_language)
            .field("prices", &self.prices)
            .field("profile", &self.profile)
            .field("extra", &extra)
            .finish()
    }
}

impl Default for ProviderSection {
    fn default() -> Self {
        Self {
            kind: String::new(),
            base_url: String::new(),
            api_keys: KeyList::default(),
            api_keys_file: None,
            basic_auth: Hidden::default(),
            model: String::new(),
            full_url: false,
            timeout_seconds: 300,
            task_timeout_seconds: None,
            max_retry_attempts: 3,
            max_running: 0,
            proxy: Setting::default(),
            supports_edit: None,
            prompt_language: String::new(),
            prices: BTreeMap::new(),
            profile: String::new(),
            extra: BTreeMap::new(),
        }
    }
}

/// A secret text; `Debug` never shows it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text as it was written. For requests, never for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "[none]" } else { "[hidden]" })
    }
}

/// Keys as people write them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KeyList {
    /// One text, keys separated by commas or line breaks.
    Text(Hidden),
    /// A list.
    List(Vec<KeyEntry>),
}

impl Default for KeyList {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KeyEntry {
    /// The key alone.
    Key(Hidden),
    /// The key and whose it is.
    Labelled(LabelledKey),
}

/// A key with the account that it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelledKey {
    /// The key.
    pub key: Hidden,
    /// Any name; keys with the same one share their limits, so that easel doesn't rotate among them in vain.
    #[serde(default)]
    pub account: String,
}

impl KeyList {
    /// Each text is one key, whatever marks it holds.
    fn whole(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Text(text) => text.expose().lines().map(|key| (key, "")).collect(),
            Self::List(list) => list
                .iter()
                .map(|entry| match entry {
                    KeyEntry::Key(key) => (key.expose(), ""),
                    KeyEntry::Labelled(entry) => (entry.key.expose(), entry.account.as_str()),
                })
                .collect(),
        }
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let split = |text| str::split(text, [',', '，', '\n', ';']);
        match self {
            Self::Text(text) => split(text.expose()).map(|key| (key, "")).collect(),
            Self::List(list) => list
                .iter()
                .flat_map(|entry| match entry {
                    KeyEntry::Key(key) => split(key.expose()).map(|key| (key, "")).collect::<Vec<_>>(),
                    KeyEntry::Labelled(entry) => vec![(entry.key.expose(), entry.account.as_str())],
                })
                .collect(),
        }
    }
}

impl ProviderSection {
    /// Everything that is wrong with the section: pairs of the key's path and a sentence that says what is wrong and
    /// how to mend it. Empty when all is well.
    pub fn validate(&self, name: &str) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut say =
            |key: &str, problem: String| problems.push((format!("providers.{name}.{key}"), problem));
        let kind = Kind::parse(&self.kind);
        match kind {
            None if self.kind.is_empty() => {
                say("kind", format!("missing; write one of: {}.", registry::kinds()));
            }
            None => say("kind", unknown_kind(&self.kind)),
            Some(_) => {}
        }
        let remote = kind.is_some_and(Kind::is_remote);
        let dialect = self.dialect();
        let wants_key = dialect.is_none_or(Dialect::needs_key);
        if remote {
            match self.address() {
                Err(problem) => say("base_url", format!("{problem}.")),
                Ok(base)
                    if wants_key
                        && self.keys().is_empty()
                        && self.basic_auth.expose().is_empty()
                        && !is_local(&base) =>
                {
                    say("api_keys", "no key; write the one that the service gave you.".to_owned());
                }
                Ok(_) => {}
            }
            let has_order = kind.is_some_and(|kind| !models::order(kind).is_empty());
            if self.model.trim().is_empty() && !has_order && dialect.is_none_or(Dialect::needs_model) {
                say("model", "missing; write the model's name at the service.".to_owned());
            }
        } else if kind.is_none()
            && !self.base_url.trim().is_empty()
            && let Err(problem) = self.address()
        {
            // Whatever the kind turns out to be, this is no address.
            say("base_url", format!("{problem}."));
        }
        if let Some(path) = &self.api_keys_file
            && let Err(error) = fs::read_to_string(path)
        {
            say("api_keys_file", format!("{} can't be read: {error}.", path.display()));
        }
        if !self.basic_auth.expose().is_empty() && !self.basic_auth.expose().contains(':') {
            say("basic_auth", "write it as user:password.".to_owned());
        }
        if !(1..=3600).contains(&self.timeout_seconds) {
            say("timeout_seconds", "write a number of seconds from 1 to 3600, usually 300.".to_owned());
        }
        if self.task_timeout_seconds.is_some_and(|seconds| !(10..=86_400).contains(&seconds)) {
            say("task_timeout_seconds", "write a number of seconds from 10 to 86400, or nothing.".to_owned());
        }
        if self.full_url && self.dialect().is_some_and(|dialect| dialect.tasks().is_some()) {
            say("full_url", "tasks are asked about at other addresses; write the base address.".to_owned());
        }
        match self.max_retry_attempts {
            0 => say("max_retry_attempts", "0 would mean no try at all; 1 means no retry.".to_owned()),
            1..=10 => {}
            _ => say("max_retry_attempts", "write a number from 1 to 10, usually 3.".to_owned()),
        }
        if self.max_running > 1000 {
            say("max_running", "write a number of calls up to 1000; 0 = no bound of its own.".to_owned());
        }
        if let Err(problem) = Proxy::choose(self.proxy.expose(), "") {
            say("proxy", format!("{problem}."));
        }
        if let Err(problem) = Prices::parse(&self.prices) {
            say("prices", format!("{problem}."));
        }
        if let Some(form) = self.extra.get(FORM)
            && let Some(forms) = kind.and_then(Kind::dialect).map(Dialect::forms)
            && !forms.is_empty()
            && !forms.iter().any(|(name, _)| form.as_str() == Some(name))
        {
            let names: Vec<_> = forms.iter().map(|(name, _)| format!("{name:?}")).collect();
            say("extra.form", format!("write one of: {}.", names.join(", ")));
        }
        if let Some(value) = self.extra.get(POLL)
            && dialect.is_some_and(|dialect| dialect.tasks().is_some())
            && pause(value).is_none()
        {
            let problem =
                "write a number of seconds from 0.05 to 600, or take it out: the kind knows its pace.";
            say(&format!("extra.{POLL}"), problem.to_owned());
        }
        if let Some(Err(found)) = dialect.and_then(|dialect| dialect.made_for(self)) {
            for (key, problem) in found {
                say(&key, problem);
            }
        }
        for key in ["prompt", "messages", "image", "images"] {
            if self.extra.contains_key(key) {
                say(
                    &format!("extra.{key}"),
                    "this field belongs to the request itself; take it out.".to_owned(),
                );
            }
        }
        if self.extra.get("output_format").and_then(Value::as_str) == Some("svg") {
            say(
                "extra.output_format",
                "an SVG is active content and never passed on, but paid; write png, jpeg or webp.".to_owned(),
            );
        }
        problems
    }

    /// The keys, in order, without placeholders and repetitions. A key file that can't be read counts as empty here;
    /// [`Self::validate`] says so.
    pub fn keys(&self) -> Vec<ApiKey> {
        let file =
            self.api_keys_file.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let from_file =
            file.lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| (line, ""));
        let mut keys: Vec<ApiKey> = Vec::new();
        let whole = self.dialect().and_then(Dialect::whole_keys);
        let listed =
            whole.and_then(|name| self.extra.get(name)).and_then(Value::as_array).into_iter().flatten();
        let listed = listed.filter_map(|key| Some((key.as_str()?, "")));
        let written = if whole.is_some() { self.api_keys.whole() } else { self.api_keys.pairs() };
        for (key, account) in written.into_iter().chain(from_file).chain(listed) {
            let key = key.trim();
            if is_placeholder(key) {
                continue;
            }
            let fingerprint = fingerprint(key);
            if keys.iter().all(|known| known.fingerprint != fingerprint) {
                let account = Some(account.trim()).filter(|account| !account.is_empty()).map(Arc::from);
                keys.push(ApiKey { secret: SecretString::from(key), fingerprint, account });
            }
        }
        keys
    }

    /// The prices. A table that can't be read counts as empty here; [`Self::validate`] says so.
    pub fn price_table(&self) -> Prices {
        Prices::parse(&self.prices).unwrap_or_default()
    }

    /// The normalised address.
    ///
    /// # Errors
    /// When `base_url` is none.
    pub fn address(&self) -> Result<BaseUrl, easel_http::BaseUrlError> {
        let kind = Kind::parse(&self.kind);
        let text = match kind {
            Some(kind) if self.base_url.trim().is_empty() => kind.home(),
            _ => &self.base_url,
        };
        let dialect = self.dialect();
        let style = match (dialect.map_or(UrlStyle::Versioned, Dialect::address), kind) {
            _ if self.full_url => UrlStyle::Full,
            (UrlStyle::Versioned, Some(kind)) => UrlStyle::Rooted(kind.root()),
            (style, _) => style,
        };
        BaseUrl::parse_as(text, style)
    }

    /// Tells the contents of the files apart that the provider is made of; empty where it is made of none.
    pub fn files_fingerprint(&self) -> Vec<[u8; 32]> {
        let files = self.dialect().map(|dialect| dialect.files(self)).unwrap_or_default();
        let contents = files.iter().filter_map(|file| fs::read(file).ok());
        contents.map(|content| Sha256::digest(&content).into()).collect()
    }

    /// What the service speaks, in the form that the owner names.
    pub(crate) fn dialect(&self) -> Option<&'static dyn Dialect> {
        let dialect = Kind::parse(&self.kind)?.dialect()?;
        let form = self.extra.get(FORM).and_then(Value::as_str);
        let named = dialect.forms().iter().find(|(name, _)| Some(*name) == form);
        Some(named.map_or(dialect, |(_, dialect)| *dialect))
    }
}

/// The first 8 hex digits of a key's SHA-256.
pub fn fingerprint(key: &str) -> Arc<str> {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(key.as_bytes()));
    format!("{:08x}", u32::from_be_bytes([a, b, c, d])).into()
}

/// Whether a base url points at this machine or its own network, where keys and money are rarely asked for.
pub(crate) fn is_local(base: &BaseUrl) -> bool {
    match base.url().host() {
        Some(url::Host::Ipv4(address)) => easel_http::guard::is_public(address.into()).is_err(),
        Some(url::Host::Ipv6(address)) => easel_http::guard::is_public(address.into()).is_err(),
        Some(url::Host::Domain(name)) => {
            !name.contains('.')
                || [".local", ".lan", ".internal", ".localhost"].iter().any(|end| name.ends_with(end))
        }
        None => false,
    }
}

/// Texts that documentation and templates put where a key belongs; the empty text too.
pub fn is_placeholder(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let bare = lower.strip_prefix("sk-").unwrap_or(&lower);
    key.is_empty()
        || key.starts_with('<')
        || key.contains(['…', '填', '你'])
        || bare.trim_matches(['x', '*', '.', '-', '_']).is_empty()
        || [
            "your-",
            "your_",
            "yourkey",
            "changeme",
            "change-me",
            "replace",
            "placeholder",
            "api_key",
            "api-key",
            "apikey",
        ]
        .iter()
        .any(|start| bare.starts_with(start))
}

fn unknown_kind(kind: &str) -> String {
    format!("{kind:?} is no kind of provider; write one of: {}.", registry::kinds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(json: &str) -> ProviderSection {
        serde_json::from_str(json).unwrap()
    }

    #[track_caller]
    fn keys(json: &str, expected: &[&str]) {
        use secrecy::ExposeSecret as _;
        let section = section(&format!("{{\"api_keys\":{json}}}"));
        let found: Vec<String> =
            section.keys().iter().map(|key| key.secret.expose_secret().to_owned()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn keys_are_read_in_every_spelling() {
        keys(r#""k1, k2，k1""#, &["k1", "k2"]);
        keys(r#"["k1", " k2 ", "k3,k4"]"#, &["k1", "k2", "k3", "k4"]);
        keys(r#"[{"key": "k1", "account": "a"}, "k2"]"#, &["k1", "k2"]);
        keys(r#"["", "sk-xxxx", "sk-...", "your-api-key", "sk-your-key", "<key>", "填写你的密钥"]"#, &[]);
    }

    #[test]
    fn a_key_file_adds_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        fs::write(&path, "# mine\nk2\n\nk1\n").unwrap();
        let section = ProviderSection { api_keys_file: Some(path), ..section(r#"{"api_keys":"k1"}"#) };
        let prints: Vec<_> = section.keys().into_iter().map(|key| key.fingerprint).collect();
        assert_eq!(prints, [fingerprint("k1"), fingerprint("k2")]);
        assert_eq!(&*fingerprint("abc"), "ba7816bf");
    }

    #[test]
    fn all_problems_come_at_once() {
        let section = section(
            r#"{"kind": "openai_chat", "base_url": "ftp://x", "max_retry_attempts": 0, "timeout_seconds": 0,
                "proxy": "x://y", "basic_auth": "me", "prices": {"generate": -1}, "extra": {"prompt": "x"},
                "api_keys_file": "no/such/file"}"#,
        );
        let places: Vec<_> = section.validate("a").into_iter().map(|(place, _)| place).collect();
        let expected = [
            "base_url",
            "model",
            "api_keys_file",
            "basic_auth",
            "timeout_seconds",
            "max_retry_attempts",
            "proxy",
            "prices",
            "extra.prompt",
        ];
        assert_eq!(places, expected.map(|key| format!("providers.a.{key}")));
    }

    #[track_caller]
    fn problem(json: &str, place: &str, word: &str) {
        let problems = section(json).validate("a");
        assert!(
            problems.iter().any(|(at, text)| at == &format!("providers.a.{place}") && text.contains(word)),
            "{problems:?}"
        );
    }

    #[test]
    fn kinds_and_keys_are_explained() {
        problem("{}", "kind", "sketch");
        problem(r#"{"kind": "openai_imagse"}"#, "kind", "no kind");
        problem(r#"{"kind": "openai_images", "model": "m"}"#, "api_keys", "no key");
        problem(r#"{"extra": {"output_format": "svg"}}"#, "extra.output_format", "never passed on");
        assert!(section(r#"{"kind": "sketch"}"#).validate("a").is_empty());
        let local = r#"{"kind": "openai_images", "model": "m", "base_url": "http://127.0.0.1:8080"}"#;
        assert!(section(local).validate("a").is_empty());
    }

    #[test]
    fn an_address_has_the_root_of_its_kind() {
        let address = |json: &str| section(json).address().unwrap().to_string();
        let local =
            |kind: &str| address(&format!(r#"{{"kind": "{kind}", "base_url": "http://127.0.0.1:9"}}"#));
        assert_eq!(local("openai_images"), "http://127.0.0.1:9/v1");
        assert_eq!(local("gemini_native"), "http://127.0.0.1:9/v1beta");
        assert_eq!(local("ark"), "http://127.0.0.1:9/api/v3");
        for (kind, home) in [
            ("gemini_native", "https://generativelanguage.googleapis.com/v1beta"),
            ("ark", "https://ark.cn-beijing.volces.com/api/v3"),
            ("grok", "https://api.x.ai/v1"),
            ("siliconflow", "https://api.siliconflow.cn/v1"),
        ] {
            assert_eq!(address(&format!(r#"{{"kind": "{kind}"}}"#)), home);
        }
        let international = r#"{"kind": "siliconflow", "base_url": "https://api.siliconflow.com"}"#;
        assert_eq!(address(international), "https://api.siliconflow.com/v1");
    }

    #[test]
    fn secrets_are_not_shown() {
        let section =
            section(r#"{"api_keys": ["k-secret", {"key": "k-secret2"}], "basic_auth": "me:secret"}"#);
        let shown = format!("{section:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
