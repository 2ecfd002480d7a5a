//! Origins: who a credential belongs to.

use std::fmt;

use url::{Host, Url};

/// Scheme, host and port of a url: the only thing that decides whether a credential may travel along.
///
/// A missing port is the scheme's own, so `https://a` and `https://a:443` are one origin; `http://a` and
/// `https://a` are two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of `url`, or `None` where it has no host or no known port (`file:`, `data:`).
    pub fn of(url: &Url) -> Option<Self> {
        let host = url.host()?.to_owned();
        Some(Self { scheme: url.scheme().to_owned(), host, port: url.port_or_known_default()? })
    }

    /// Scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Host, as the url standard writes it.
    pub fn host(&self) -> &Host<String> {
        &self.host
    }

    /// Port, never the implied one left out.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether `url` belongs to this origin.
    pub fn covers(&self, url: &Url) -> bool {
        Self::of(url).as_ref() == Some(self)
    }

    /// `url` with this origin in place of its own; path and query stay. `None` when the two can't be joined.
    pub(crate) fn applied_to(&self, url: &Url) -> Option<Url> {
        let mut moved = Url::parse(&self.to_string()).ok()?;
        moved.set_path(url.path());
        moved.set_query(url.query());
        Some(moved)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, same: bool) {
        let origin = Origin::of(&Url::parse(a).unwrap()).unwrap();
        assert_eq!(origin.covers(&Url::parse(b).unwrap()), same, "{a} and {b}");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        check("https://a.example/v1", "https://A.example:443/other?x=1", true);
        check("https://a.example", "http://a.example", false);
        check("https://a.example", "https://a.example:8443", false);
        check("https://a.example", "https://b.a.example", false);
        check("http://127.0.0.1:80", "http://2130706433/", true);
        check("http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000/x", true);
        assert_eq!(Origin::of(&Url::parse("data:text/plain,hi").unwrap()), None);
    }

    #[test]
    fn moving_keeps_path_and_query() {
        let origin = Origin::of(&Url::parse("http://[fd00::1]:8000/v1").unwrap()).unwrap();
        let moved =
            origin.applied_to(&Url::parse("http://127.0.0.1:9/out/1.png?k=%E7%8C%AB").unwrap()).unwrap();
        assert_eq!(moved.as_str(), "http://[fd00::1]:8000/out/1.png?k=%E7%8C%AB");
    }
}
