//! The `[[onebot]]` section of the configuration: one connection to one or more QQ accounts.
//!
//! It only describes and checks itself. Reading the file, the environment and secrets from files is the work of
//! whoever owns the root configuration; [`OneBotSection::token`] is the one exception, because the file of a secret
//! is named by the section.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// One connection to a OneBot v11 implementation (NapCat, LLOneBot/LuckyLillia, Lagrange, …).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneBotSection {
    /// Who dials whom: `reverse` (the implementation dials easel), `forward` (easel dials it) or `http`.
    pub mode: Mode,
    /// Address that `reverse` and `http` listen on, `host:port`. Beyond loopback an `access_token` is required.
    pub listen: String,
    /// Path that `reverse` and `http` accept, with or without a final slash. Empty: every path.
    pub path: String,
    /// `forward`: the implementation's `ws://` or `wss://` address. `http`: its `http://` or `https://` address.
    pub url: String,
    /// Shared secret: the bearer token of every connection, and the key of `X-Signature` in `http` mode. Empty: none.
    #[schemars(with = "String")]
    pub access_token: SecretString,
    /// File that holds the token; used when `access_token` is empty. White space around it is ignored.
    pub access_token_file: Option<PathBuf>,
    /// Largest message that is taken from the implementation, in bytes.
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub max_frame_bytes: usize,
    /// How long a look-up may take, in seconds. Sends have their own, larger limit.
    #[schemars(range(min = 1, max = 600))]
    pub call_timeout_seconds: u64,
    /// Least time between two pictures or files to one chat, in milliseconds, with jitter. 0: none.
    pub min_send_interval_ms: u64,
    /// How pictures travel to the implementation.
    pub image_delivery: ImageDelivery,
    /// `napfile`: host of the file receiver beside NapCat. Empty or `localhost`: not used.
    pub nap_server_address: String,
    /// `napfile`: its TCP port.
    pub nap_server_port: u16,
}

impl Default for OneBotSection {
    fn default() -> Self {
        Self {
            mode: Mode::Reverse,
            listen: "127.0.0.1:6199".to_owned(),
            path: String::new(),
            url: String::new(),
            access_token: SecretString::from(""),
            access_token_file: None,
            max_frame_bytes: 32 * 1024 * 1024,
            call_timeout_seconds: 10,
            min_send_interval_ms: 1000,
            image_delivery: ImageDelivery::Auto,
            nap_server_address: "localhost".to_owned(),
            nap_server_port: 3658,
        }
    }
}

/// Who dials whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Reverse WebSocket: easel listens.
    #[default]
    Reverse,
    /// Forward WebSocket: easel dials.
    Forward,
    /// Events are posted to easel, calls are posted to the implementation.
    Http,
}

/// How pictures travel to the implementation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageDelivery {
    /// Base64 up to 10 MB, then the best way that the connection is known to offer.
    #[default]
    Auto,
    /// Always inside the call, as base64.
    Base64,
    /// As a path on a disk that both programs see.
    File,
    /// As a one-time link to easel.
    Url,
    /// NapCat's chunked upload over the same connection.
    Stream,
    /// The TCP file receiver at `nap_server_address`.
    Napfile,
}

impl OneBotSection {
    /// Everything that is wrong with the section: key path and a sentence that says what and how to mend it. `index`
    /// is its place in the list.
    pub fn validate(&self, index: usize) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut say = |key: &str, text: String| problems.push((format!("onebot[{index}].{key}"), text));
        if matches!(self.mode, Mode::Reverse | Mode::Http) {
            match loopback(&self.listen) {
                None => say(
                    "listen",
                    format!(
                        "`{}` is not an address; write host:port, for example 127.0.0.1:6199",
                        self.listen
                    ),
                ),
                Some(false) if !self.has_token() => say(
                    "access_token",
                    format!(
                        "{} can be reached from other machines, so a token is required; set access_token here and \
                         the same token in the OneBot implementation, or listen on 127.0.0.1",
                        self.listen
                    ),
                ),
                Some(_) => {}
            }
            if !self.path.is_empty() && !self.path.starts_with('/') {
                say("path", format!("`{}` must begin with a slash, or be empty for every path", self.path));
            }
        }
        let schemes: &[&str] = match self.mode {
            Mode::Reverse => &[],
            Mode::Forward => &["ws", "wss"],
            Mode::Http => &["http", "https"],
        };
        if !schemes.is_empty() {
            match url::Url::parse(&self.url) {
                Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => {
                    let path = url.path().trim_end_matches('/');
                    if self.mode == Mode::Forward && (path.ends_with("/event") || path.ends_with("/api")) {
                        say(
                            "url",
                            "this path carries only one direction; use the implementation's address without /event \
                             or /api"
                                .to_owned(),
                        );
                    }
                }
                _ => say(
                    "url",
                    format!(
                        "the mode needs the implementation's address, beginning with {}://",
                        schemes.join(":// or ")
                    ),
                ),
            }
        }
        if self.max_frame_bytes < 64 * 1024 {
            say("max_frame_bytes", "must be at least 65536; ordinary messages would be refused".to_owned());
        }
        if self.call_timeout_seconds == 0 {
            say("call_timeout_seconds", "must be at least 1".to_owned());
        }
        if self.image_delivery == ImageDelivery::Napfile && self.nap_server().is_none() {
            say(
                "nap_server_address",
                "image_delivery = \"napfile\" needs the host of the file receiver; localhost means that none is used"
                    .to_owned(),
            );
        }
        if self.nap_server_port == 0 {
            say("nap_server_port", "must be between 1 and 65535".to_owned());
        }
        problems
    }

    /// The token, from the section or its file; `None` when there is none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn token(&self) -> io::Result<Option<SecretString>> {
        if !self.access_token.expose_secret().is_empty() {
            return Ok(Some(self.access_token.clone()));
        }
        let Some(file) = &self.access_token_file else { return Ok(None) };
        let text = std::fs::read_to_string(file)?;
        let text = text.trim();
        Ok(if text.is_empty() { None } else { Some(SecretString::from(text)) })
    }

    /// The file receiver, when one is configured: host and port.
    pub(crate) fn nap_server(&self) -> Option<(&str, u16)> {
        let host = self.nap_server_address.trim();
        (!host.is_empty() && !host.eq_ignore_ascii_case("localhost")).then_some((host, self.nap_server_port))
    }

    /// The limit of a look-up.
    pub(crate) fn call_timeout(&self) -> Duration {
        Duration::from_secs(self.call_timeout_seconds.max(1))
    }

    /// Whether a token is set, here or in a file.
    pub fn has_token(&self) -> bool {
        !self.access_token.expose_secret().is_empty() || self.access_token_file.is_some()
    }
}

/// Whether `listen` stays on this machine; `None` when it is no address.
fn loopback(listen: &str) -> Option<bool> {
    if let Ok(address) = listen.parse::<SocketAddr>() {
        return Some(address.ip().is_loopback());
    }
    let (host, port) = listen.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    (!host.is_empty() && !host.contains([':', '/', ' '])).then(|| host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(edit: impl FnOnce(&mut OneBotSection)) -> OneBotSection {
        let mut section = OneBotSection::default();
        edit(&mut section);
        section
    }

    #[track_caller]
    fn check(section: &OneBotSection, keys: &[&str]) {
        let found: Vec<String> = section.validate(2).into_iter().map(|(key, _)| key).collect();
        let expected: Vec<String> = keys.iter().map(|key| format!("onebot[2].{key}")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn problems_are_found_all_at_once() {
        check(&OneBotSection::default(), &[]);
        check(&section(|s| s.listen = "0.0.0.0:6199".into()), &["access_token"]);
        check(&section(|s| s.listen = "[::]:6199".into()), &["access_token"]);
        check(&section(|s| s.listen = "bot.example:6199".into()), &["access_token"]);
        check(&section(|s| s.listen = "localhost:6199".into()), &[]);
        check(&section(|s| s.listen = "[::1]:6199".into()), &[]);
        check(
            &section(|s| {
                s.listen = "0.0.0.0:6199".into();
                s.access_token = SecretString::from("t");
            }),
            &[],
        );
        check(&section(|s| s.listen = "6199".into()), &["listen"]);
        check(&section(|s| s.path = "ws".into()), &["path"]);
        check(&section(|s| s.mode = Mode::Forward), &["url"]);
        check(
            &section(|s| {
                s.mode = Mode::Forward;
                s.url = "http://127.0.0.1:3001".into();
            }),
            &["url"],
        );
        check(
            &section(|s| {
                s.mode = Mode::Forward;
                s.url = "ws://127.0.0.1:3001/event".into();
            }),
            &["url"],
        );
        check(
            &section(|s| {
                s.mode = Mode::Http;
                s.url = "http://127.0.0.1:3000".into();
            }),
            &[],
        );
        let over_http = |listen: &str, token: &str| {
            section(|s| {
                s.mode = Mode::Http;
                s.url = "http://127.0.0.1:3000".into();
                s.listen = listen.into();
                s.access_token = SecretString::from(token);
            })
        };
        check(&over_http("0.0.0.0:6199", ""), &["access_token"]);
        check(&over_http("[::]:6199", ""), &["access_token"]);
        check(&over_http("bot.example:6199", ""), &["access_token"]);
        check(&over_http("localhost:6199", ""), &[]);
        check(&over_http("0.0.0.0:6199", "t"), &[]);
        check(&over_http("6199", ""), &["listen"]);
        check(
            &section(|s| {
                s.max_frame_bytes = 1;
                s.call_timeout_seconds = 0;
                s.image_delivery = ImageDelivery::Napfile;
            }),
            &["max_frame_bytes", "call_timeout_seconds", "nap_server_address"],
        );
    }

    #[test]
    fn the_token_may_live_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "  secret \n").unwrap();
        let with_file = section(|s| s.access_token_file = Some(file.path().to_owned()));
        assert_eq!(with_file.token().unwrap().unwrap().expose_secret(), "secret");
        assert!(OneBotSection::default().token().unwrap().is_none());
        let missing = section(|s| s.access_token_file = Some("/nonexistent/token".into()));
        assert!(missing.token().is_err());
    }

    #[test]
    fn the_section_is_read_from_the_documented_keys() {
        let section: OneBotSection = serde_json::from_str(
            r#"{"mode":"http","listen":"127.0.0.1:1","url":"http://x","access_token":"t","image_delivery":"napfile"}"#,
        )
        .unwrap();
        assert_eq!((section.mode, section.image_delivery), (Mode::Http, ImageDelivery::Napfile));
        assert!(serde_json::from_str::<OneBotSection>(r#"{"tokn":"t"}"#).is_err());
        assert!(!format!("{section:?}").contains("\"t\""), "the token must not be printed");
    }
}
