//! Judging a url before anything is dialled.

use url::{Host, Url};

use super::address::is_public;
use super::allow::literal;
use super::{AllowList, BlockReason};

/// How a url that passed is to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The owner named this host: any address will do.
    Trusted,
    /// Anybody may have named it: only through the guarded resolver.
    Guarded,
}

/// The rules for urls that the owner did not write.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: AllowList,
    behind_proxy: bool,
}

impl Guard {
    /// A guard that lets `allow` pass. `behind_proxy`: a proxy resolves the names, so those that mean the
    /// inside of a network are refused by their shape.
    pub fn new(allow: AllowList, behind_proxy: bool) -> Self {
        Self { allow, behind_proxy }
    }

    /// Judges scheme, user info, port and host. Names still have to pass the guarded resolver.
    ///
    /// # Errors
    /// The first rule that refuses the url.
    pub fn check(&self, url: &Url) -> Result<Route, BlockReason> {
        let host = check_shape(url)?;
        // `check_shape` let only schemes with a known port through.
        let port = url.port_or_known_default().ok_or(BlockReason::Port)?;
        if self.allow.covers_host(&host, port) {
            return Ok(Route::Trusted);
        }
        if let Some(address) = literal(&host) {
            is_public(address)?;
        } else if self.behind_proxy
            && let Host::Domain(name) = host
            && is_local_name(name)
        {
            return Err(BlockReason::LocalName);
        }
        Ok(Route::Guarded)
    }
}

/// The rules that hold for every url, the owner's own included: `http` or `https`, no user info, a host, a port
/// that can be dialled.
pub(crate) fn check_shape(url: &Url) -> Result<Host<&str>, BlockReason> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BlockReason::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BlockReason::UserInfo);
    }
    if url.port() == Some(0) {
        return Err(BlockReason::Port);
    }
    url.host().ok_or(BlockReason::NoHost)
}

/// Names that no public resolver answers: single-label ones and the suffixes of home and office networks.
pub(crate) fn is_local_name(name: &str) -> bool {
    const SUFFIXES: [&str; 6] = ["localhost", "local", "internal", "lan", "localdomain", "home.arpa"];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    !name.contains('.')
        || SUFFIXES.iter().any(|suffix| {
            name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

/// Whether the host of `url` is this machine by name or by address: `localhost`, loopback, unspecified.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(host) => literal(&host).is_some_and(|address| {
            matches!(is_public(address), Err(BlockReason::Loopback | BlockReason::ThisHost))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_with(guard: &Guard, url: &str, expected: Result<Route, BlockReason>) {
        assert_eq!(guard.check(&Url::parse(url).unwrap()), expected, "{url}");
    }

    #[track_caller]
    fn check(url: &str, expected: Result<Route, BlockReason>) {
        check_with(&Guard::default(), url, expected);
    }

    #[test]
    fn urls_are_judged_by_what_they_really_name() {
        check("https://a.example/x.png", Ok(Route::Guarded));
        check("http://8.8.8.8/x.png", Ok(Route::Guarded));
        check("ftp://a.example/x", Err(BlockReason::Scheme));
        check("file:///etc/passwd", Err(BlockReason::Scheme));
        check("data:image/png;base64,AA==", Err(BlockReason::Scheme));
        check("http://user@a.example/", Err(BlockReason::UserInfo));
        check("http://:pw@a.example/", Err(BlockReason::UserInfo));
        check("http://a.example:0/", Err(BlockReason::Port));
        check("http://127.0.0.1/", Err(BlockReason::Loopback));
        check("http://2130706433/", Err(BlockReason::Loopback));
        check("http://0x7f.1/", Err(BlockReason::Loopback));
        check("http://0177.0.0.1/", Err(BlockReason::Loopback));
        check("http://127.0.0.1./", Err(BlockReason::Loopback));
        check("http://１２７.0.0.1/", Err(BlockReason::Loopback));
        check("http://[::1]/", Err(BlockReason::Loopback));
        check("http://[::ffff:10.0.0.1]/", Err(BlockReason::Private));
        check("http://0.0.0.0:8080/", Err(BlockReason::ThisHost));
        check("http://169.254.169.254/latest/meta-data/", Err(BlockReason::LinkLocal));
        check("http://198.18.0.1/", Err(BlockReason::Benchmark));
    }

    #[test]
    fn the_owners_list_wins() {
        let guard = Guard::new(AllowList::parse(&["localhost:5001", "10.0.0.0/8"]).unwrap(), true);
        check_with(&guard, "http://localhost:5001/", Ok(Route::Trusted));
        check_with(&guard, "http://localhost:5002/", Err(BlockReason::LocalName));
        check_with(&guard, "http://10.2.3.4/", Ok(Route::Trusted));
        check_with(&guard, "ftp://10.2.3.4/", Err(BlockReason::Scheme));
    }

    #[test]
    fn behind_a_proxy_local_names_are_refused() {
        let guard = Guard::new(AllowList::default(), true);
        for name in
            ["localhost", "LOCALHOST.", "nas", "a.local", "a.internal", "a.lan", "a.home.arpa", "x.localhost"]
        {
            check_with(&guard, &format!("http://{name}/"), Err(BlockReason::LocalName));
        }
        for name in ["a.example", "lan.example", "mylan.example", "xlan.co"] {
            check_with(&guard, &format!("http://{name}/"), Ok(Route::Guarded));
        }
        check_with(&guard, "http://127.1/", Err(BlockReason::Loopback));
    }

    #[test]
    fn this_machine_has_many_names() {
        for url in
            ["http://localhost/", "http://a.localhost./", "http://127.9.9.9/", "http://[::]/", "http://0/"]
        {
            assert!(is_this_machine(&Url::parse(url).unwrap()), "{url}");
        }
        assert!(!is_this_machine(&Url::parse("http://192.168.1.1/").unwrap()));
    }
}
