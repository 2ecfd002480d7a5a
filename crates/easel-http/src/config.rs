//! `[network]`: how easel reaches the outside.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::guard::AllowList;
use crate::proxy::Proxy;

/// A setting that may hold a password, such as a proxy url. `Debug` shows it redacted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Setting(String);

impl Setting {
    /// The text as it was written. For connecting, never for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Setting {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&crate::redact(&self.0), f)
    }
}

/// What [`NetworkSection::max_answer_bytes`] is at least: many services put the picture itself into their answer, and
/// base64 of a picture of one megapixel, which is the least that they draw, easily takes a mebibyte. An answer that is cut
/// off is paid and lost, so a smaller bound could only cost money.
pub(crate) const LEAST_ANSWER_BYTES: u64 = 1024 * 1024;

/// How easel reaches the outside: proxies, size limits, and which private addresses may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSection {
    /// Proxy of every provider, of Discord and of Telegram that name none of their own:
    /// `http://`, `https://`, `socks5://` or `socks5h://`, with user and password if needed. Empty: none. Never
    /// used for OneBot and for pictures that people link to; proxies of the environment are never used at all.
    #[schemars(extend("writeOnly" = true, "x-restart" = true))]
    pub proxy: Setting,
    /// Private places that picture links from chats may name: host names, `host:port`, addresses or networks
    /// such as `192.168.1.0/24`. Everything private is refused by default. Names with a port, and addresses
    /// with a port, allow exactly that port.
    #[schemars(extend("x-restart" = true))]
    pub allow_hosts: Vec<String>,
    /// Largest picture that is fetched from a link, in bytes. A change takes effect at once, as that of no other key here.
    #[schemars(range(min = 1))]
    pub max_download_bytes: u64,
    /// Largest answer that a provider may send, in bytes; at least 1 MiB, which one picture inside an answer takes.
    #[schemars(range(min = LEAST_ANSWER_BYTES), extend("x-restart" = true))]
    pub max_answer_bytes: u64,
    /// Proxy for pictures that people link to. Empty: none. It must not be able to reach your private network,
    /// because names are then resolved by the proxy and can't be checked here.
    #[schemars(extend("writeOnly" = true, "x-restart" = true))]
    pub download_proxy: Setting,
    /// Set to true when a proxy program in TUN mode (Clash, Mihomo, Surge) answers every name with an address
    /// in 198.18.0.0/15; without it, links are then refused as private.
    #[schemars(extend("x-restart" = true))]
    pub allow_fake_ip: bool,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self {
            proxy: Setting::default(),
            allow_hosts: Vec::new(),
            max_download_bytes: 20 * 1024 * 1024,
            max_answer_bytes: 64 * 1024 * 1024,
            download_proxy: Setting::default(),
            allow_fake_ip: false,
        }
    }
}

impl NetworkSection {
    /// Everything that is wrong with the section: pairs of the key's path and a sentence that says what is
    /// wrong and how to mend it. Empty when all is well.
    pub fn validate(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (key, setting) in [("proxy", &self.proxy), ("download_proxy", &self.download_proxy)] {
            if let Err(problem) = Proxy::parse(setting.expose()) {
                problems.push((format!("network.{key}"), format!("{problem}.")));
            }
        }
        for problem in AllowList::parse(&self.allow_hosts).err().unwrap_or_default() {
            problems.push((
                format!("network.allow_hosts[{}]", problem.index),
                format!(
                    "{:?} is no host, address or network; write it like nas.lan, nas.lan:8080, 192.168.1.5 or \
                     192.168.1.0/24, without http:// and without a path.",
                    problem.entry
                ),
            ));
        }
        let usual = Self::default();
        if self.max_download_bytes == 0 {
            problems.push((
                "network.max_download_bytes".to_owned(),
                format!(
                    "0 would refuse every picture; write a number of bytes, usually {}.",
                    usual.max_download_bytes
                ),
            ));
        }
        if self.max_answer_bytes < LEAST_ANSWER_BYTES {
            problems.push((
                "network.max_answer_bytes".to_owned(),
                format!(
                    "{} would refuse ordinary answers, after they were paid; write {LEAST_ANSWER_BYTES} or more bytes, \
                     usually {}.",
                    self.max_answer_bytes, usual.max_answer_bytes
                ),
            ));
        }
        problems
    }

    /// The parsed list of allowed private places; entries that can't be read allow nothing.
    pub(crate) fn allow_list(&self) -> AllowList {
        let readable: Vec<&String> =
            self.allow_hosts.iter().filter(|entry| AllowList::parse(&[entry]).is_ok()).collect();
        AllowList::parse(&readable).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let section: NetworkSection = serde_json::from_str("{}").unwrap();
        assert_eq!(section, NetworkSection::default());
        assert_eq!(section.max_download_bytes, 20_971_520);
        assert_eq!(section.max_answer_bytes, 67_108_864);
        assert!(section.validate().is_empty());
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<NetworkSection>(r#"{"proxi":""}"#).unwrap_err();
        assert!(error.to_string().contains("proxi"));
    }

    #[test]
    fn all_problems_come_at_once_with_their_place() {
        let section = NetworkSection {
            proxy: "127.0.0.1:7890".into(),
            allow_hosts: vec!["nas.lan".into(), "http://nas.lan/".into(), "10.0.0.0/99".into()],
            max_download_bytes: 0,
            max_answer_bytes: 0,
            download_proxy: "ftp://x".into(),
            allow_fake_ip: true,
        };
        let places: Vec<_> = section.validate().into_iter().map(|(place, _)| place).collect();
        assert_eq!(
            places,
            [
                "network.proxy",
                "network.download_proxy",
                "network.allow_hosts[1]",
                "network.allow_hosts[2]",
                "network.max_download_bytes",
                "network.max_answer_bytes",
            ]
        );
        assert!(section.allow_list().covers_host(&url::Host::Domain("nas.lan"), 80));
    }

    #[test]
    fn a_bound_below_ordinary_answers_is_refused_with_what_to_write() {
        for (max_answer_bytes, well) in [(1, false), (1_048_575, false), (1_048_576, true), (u64::MAX, true)]
        {
            let section = NetworkSection { max_answer_bytes, ..NetworkSection::default() };
            let problems = section.validate();
            assert_eq!(problems.is_empty(), well, "{max_answer_bytes}: {problems:?}");
            let says = |(place, text): &(String, String)| {
                place == "network.max_answer_bytes" && text.contains("1048576 or more")
            };
            assert!(problems.iter().all(says), "{problems:?}");
        }
    }

    #[test]
    fn a_proxy_password_is_not_shown() {
        let section = NetworkSection { proxy: "http://me:hunter2@p:1".into(), ..NetworkSection::default() };
        assert!(!format!("{section:?}").contains("hunter2"));
    }

    #[test]
    fn the_schema_describes_every_key() {
        let schema = serde_json::to_value(schemars::schema_for!(NetworkSection)).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), 6);
        for (key, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{key}");
        }
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(properties["max_download_bytes"]["default"], 20_971_520);
    }
}
