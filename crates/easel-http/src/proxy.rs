//! Which proxy a client uses: exactly the one that the configuration names, never one of the environment.

use std::fmt;

use url::Url;

/// A proxy, or none.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub enum Proxy {
    /// Straight to the host.
    #[default]
    Direct,
    /// Through this one; the url may carry user name and password.
    Via(Url),
}

/// A proxy setting that can't be used. The text names the mend and never the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a url.
    #[error("{shown:?} is no proxy url; write it like http://127.0.0.1:7890 or socks5h://127.0.0.1:1080")]
    NotAUrl {
        /// The setting, redacted.
        shown: String,
    },
    /// A kind of proxy that is not spoken.
    #[error("proxies of the kind {scheme:?} are not supported; use http, https, socks5 or socks5h")]
    Scheme {
        /// The url's scheme.
        scheme: String,
    },
}

impl Proxy {
    /// Reads a setting: empty or `direct` for none, else an `http`, `https`, `socks5` or `socks5h` url.
    /// `socks5` resolves names on this machine, the others let the proxy do it.
    ///
    /// # Errors
    /// [`ProxyError`], when the text is neither.
    pub fn parse(setting: &str) -> Result<Self, ProxyError> {
        let setting = setting.trim();
        if setting.is_empty() || setting.eq_ignore_ascii_case("direct") {
            return Ok(Self::Direct);
        }
        // `127.0.0.1:7890` is no url at all, and `localhost:7890` one of the scheme `localhost`.
        if !setting.contains("://") {
            return Err(ProxyError::NotAUrl { shown: crate::redact(setting) });
        }
        let not_a_url = || ProxyError::NotAUrl { shown: crate::redact(setting) };
        let url = Url::parse(setting).map_err(|_| not_a_url())?;
        if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
            return Err(ProxyError::Scheme { scheme: url.scheme().to_owned() });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(not_a_url());
        }
        Ok(Self::Via(url))
    }

    /// The proxy of a section: its own setting, or `default` where its own is empty.
    ///
    /// # Errors
    /// [`ProxyError`] of the setting that counts.
    pub fn choose(own: &str, default: &str) -> Result<Self, ProxyError> {
        Self::parse(if own.trim().is_empty() { default } else { own })
    }

    /// Whether names are resolved here although a proxy is used.
    pub(crate) fn resolves_here(&self) -> bool {
        match self {
            Self::Direct => true,
            Self::Via(url) => url.scheme() == "socks5",
        }
    }

    /// The proxy's own host, which the owner chose and which may be private.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Direct => None,
            Self::Via(url) => url.host_str(),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("Direct"),
            Self::Via(url) => write!(f, "Via({})", crate::redact_url(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(own: &str, default: &str, expected: &str) {
        let shown = match Proxy::choose(own, default) {
            Ok(proxy) => format!("{proxy:?}"),
            Err(error) => error.to_string(),
        };
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn a_sections_own_proxy_wins() {
        check("", "", "Direct");
        check("", "http://p:1", "Via(http://p:1/)");
        check("direct", "http://p:1", "Direct");
        check("socks5h://q:2", "http://p:1", "Via(socks5h://q:2)");
        check("http://me:pw@p:1", "", "Via(http://***@p:1/)");
    }

    #[test]
    fn unusable_settings_say_how_to_mend_them() {
        check("127.0.0.1:7890", "", "\"127.0.0.1:7890\" is no proxy url; write it like");
        check("localhost:7890", "", "\"localhost:7890\" is no proxy url");
        check("http://", "", "\"http://\" is no proxy url");
        check("socks4://p:1", "", "proxies of the kind \"socks4\"");
        check("me:pw@p", "", "\"me:pw@p\"");
    }
}
