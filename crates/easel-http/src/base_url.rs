//! From what people write as `base_url` to the url that calls are made of. Pure.
//!
//! People paste a host, a host with `/v1`, or the full address of an endpoint from some documentation. All of
//! them mean the same service.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::guard::{is_local_name, is_public};
use crate::origin::Origin;

/// Endpoint paths that are cut off, longest first, because calls add them again.
const ENDPOINTS: [&str; 9] = [
    "/contents/generations/tasks",
    "/images/generations",
    "/videos/generations",
    "/images/variations",
    "/chat/completions",
    "/video/submit",
    "/images/edits",
    "/videos",
    "/images",
];

/// Services whose API does not live under `/v1`: the host (or, with a dot before it, any host below it) and the
/// root of its API, `""` for none at all.
const ROOTS: [(HostPattern, &str); 8] = [
    (HostPattern::Is("openrouter.ai"), "/api/v1"),
    (HostPattern::Is("generativelanguage.googleapis.com"), "/v1beta"),
    (HostPattern::Starts("dashscope", ".aliyuncs.com"), "/api/v1"),
    (HostPattern::Starts("ark.", ".volces.com"), "/api/v3"),
    (HostPattern::Starts("ark.", ".bytepluses.com"), "/api/v3"),
    (HostPattern::Is("api.perplexity.ai"), ""),
    (HostPattern::Is("api.deepl.com"), ""),
    (HostPattern::Is("api-free.deepl.com"), ""),
];

#[derive(Debug, Clone, Copy)]
enum HostPattern {
    Is(&'static str),
    /// Begins with the first and ends with the second.
    Starts(&'static str, &'static str),
}

impl HostPattern {
    fn matches(self, host: &str) -> bool {
        match self {
            Self::Is(name) => host == name,
            Self::Starts(start, end) => host.starts_with(start) && host.ends_with(end),
        }
    }
}

/// How the text is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlStyle {
    /// The root of an API with a version in its path; `/v1` (or the service's own root) is added where no
    /// version is present.
    Versioned,
    /// As [`Versioned`](Self::Versioned), with this root in place of `/v1` on hosts that have none of their own: a
    /// proxy in front of a service keeps the service's paths.
    Rooted(&'static str),
    /// The root of a server whose API begins at the root, such as a local drawing server: nothing is added.
    Bare,
    /// The address of the endpoint itself, used as it is.
    Full,
}

/// A normalised base url: no trailing slash, no user info, no fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    origin: Origin,
    full: bool,
    warnings: Vec<BaseUrlWarning>,
}

/// Why a text is no base url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Nothing was written.
    #[error("the base_url is empty; write the address of the service, such as https://api.example.com/v1")]
    Empty,
    /// The text is no url.
    #[error("the base_url is no web address; write it like https://api.example.com/v1")]
    NotAUrl,
    /// Neither `http` nor `https`.
    #[error("the base_url must begin with http:// or https://")]
    Scheme,
    /// A user name or password stands in the url.
    #[error("the base_url must not hold a user name or password; use basic_auth")]
    UserInfo,
}

/// Something that was mended silently enough to work, and is worth a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseUrlWarning {
    /// No scheme was written; this one was taken.
    SchemeAdded(&'static str),
    /// The address of an endpoint was given; this path was cut off.
    EndpointRemoved(String),
    /// A query or fragment was dropped.
    QueryRemoved,
}

impl fmt::Display for BaseUrlWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SchemeAdded(scheme) => write!(f, "no http:// or https:// was given; {scheme}:// is used"),
            Self::EndpointRemoved(path) => write!(
                f,
                "{path} was taken off the base_url, because calls add their own path; set full_url = true to \
                 use the address exactly as written"
            ),
            Self::QueryRemoved => f.write_str("everything from ? or # on was taken off the base_url"),
        }
    }
}

impl BaseUrl {
    /// Reads a `base_url` of a versioned API, or, with `full_url`, the address of an endpoint itself.
    ///
    /// # Errors
    /// [`BaseUrlError`].
    pub fn parse(text: &str, full_url: bool) -> Result<Self, BaseUrlError> {
        Self::parse_as(text, if full_url { UrlStyle::Full } else { UrlStyle::Versioned })
    }

    /// Reads a `base_url` in any style.
    ///
    /// # Errors
    /// [`BaseUrlError`].
    pub fn parse_as(text: &str, style: UrlStyle) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BaseUrlError::Empty);
        }
        let mut warnings = Vec::new();
        let mut url = if text.contains("://") {
            Url::parse(text).map_err(|_| BaseUrlError::NotAUrl)?
        } else {
            let (url, scheme) = with_scheme(text)?;
            warnings.push(BaseUrlWarning::SchemeAdded(scheme));
            url
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BaseUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::UserInfo);
        }
        url.set_fragment(None);
        let origin = Origin::of(&url).ok_or(BaseUrlError::NotAUrl)?;
        if style == UrlStyle::Full {
            return Ok(Self { url, origin, full: true, warnings });
        }
        if url.query().is_some() {
            url.set_query(None);
            warnings.push(BaseUrlWarning::QueryRemoved);
        }
        let mut path = collapsed(url.path());
        if let Some(removed) = cut_endpoint(&mut path) {
            warnings.push(BaseUrlWarning::EndpointRemoved(removed));
        }
        let root = match style {
            UrlStyle::Versioned => Some("/v1"),
            UrlStyle::Rooted(root) => Some(root),
            UrlStyle::Bare | UrlStyle::Full => None,
        };
        if let Some(root) = root {
            add_version(url.host_str().unwrap_or_default(), &mut path, root);
        }
        url.set_path(&path);
        Ok(Self { url, origin, full: false, warnings })
    }

    /// The url of an endpoint: `path` (with or without a leading slash, may carry a query) below the base. A
    /// full url stays as it is, whatever the path.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        if self.full {
            return url;
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", path.trim_start_matches('/')));
        url.set_query(query);
        url
    }

    /// As [`join`](Self::join), from single segments that are percent-encoded, for names that come from outside
    /// (models, task ids). `.` and `..` are dropped.
    pub fn join_segments<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.url.clone();
        if !self.full
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The origin that may see the provider's credentials.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The normalised url.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it is the address of an endpoint itself.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// What was mended while reading, in the order of the text; usually nothing.
    pub fn warnings(&self) -> &[BaseUrlWarning] {
        &self.warnings
    }
}

impl fmt::Display for BaseUrl {
    /// The normalised url without a trailing slash, redacted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = crate::redact_url(&self.url);
        f.write_str(if self.full { &shown } else { shown.trim_end_matches('/') })
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

/// A url for a text without a scheme: `https`, or `http` for this machine and private places, which rarely have
/// a certificate.
fn with_scheme(text: &str) -> Result<(Url, &'static str), BaseUrlError> {
    let url = Url::parse(&format!("https://{text}")).map_err(|_| BaseUrlError::NotAUrl)?;
    let private = match url.host() {
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)).is_err(),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)).is_err(),
        Some(Host::Domain(name)) => is_local_name(name),
        None => return Err(BaseUrlError::NotAUrl),
    };
    if !private {
        return Ok((url, "https"));
    }
    let url = Url::parse(&format!("http://{text}")).map_err(|_| BaseUrlError::NotAUrl)?;
    Ok((url, "http"))
}

/// The path with single slashes and none at its end; empty for the root.
fn collapsed(path: &str) -> String {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .fold(String::new(), |path, segment| path + "/" + segment)
}

/// Cuts a known endpoint off the end of `path` and returns what was cut.
fn cut_endpoint(path: &mut String) -> Option<String> {
    let start = ENDPOINTS
        .iter()
        .find_map(|endpoint| path.strip_suffix(endpoint).map(str::len))
        // Gemini's `/models/<model>:generateContent` and DashScope's `/services/aigc/…`.
        .or_else(|| {
            path.rfind("/models/")
                .filter(|_| path.contains(":generateContent") || path.contains(":streamGenerateContent"))
        })
        .or_else(|| path.find("/services/aigc/"))
        // A1111's, whole or in part.
        .or_else(|| path.find("/sdapi/v1"))?;
    let removed = path.split_off(start);
    Some(removed)
}

/// Adds the root of the service's API, where `path` names no version yet: `default` where the host doesn't tell.
fn add_version(host: &str, path: &mut String, default: &str) {
    let known = ROOTS.iter().find(|(pattern, _)| pattern.matches(host)).map(|(_, root)| *root);
    match known {
        // OpenRouter serves its pages at the root, so `/v1` alone is as good as nothing.
        Some("/api/v1") if host == "openrouter.ai" && matches!(path.as_str(), "" | "/api" | "/v1") => {
            "/api/v1".clone_into(path);
        }
        _ if names_a_version(path) => {}
        // `/api` is the beginning of the root, anything else is the owner's own idea.
        Some(root) if path.is_empty() || root.starts_with(path.as_str()) => root.clone_into(path),
        Some(_) => {}
        None => path.push_str(default),
    }
}

/// Whether a segment looks like `v1`, `v3`, `v1beta`.
fn names_a_version(path: &str) -> bool {
    path.split('/').any(|segment| {
        segment.strip_prefix(['v', 'V']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(BaseUrl::parse(text, false).unwrap().to_string(), expected, "{text}");
    }

    #[track_caller]
    fn check_warned(text: &str, expected: &str, warnings: &[BaseUrlWarning]) {
        let base = BaseUrl::parse(text, false).unwrap();
        assert_eq!((base.to_string().as_str(), base.warnings()), (expected, warnings), "{text}");
    }

    #[test]
    fn hosts_and_roots_mean_the_same() {
        for text in [
            "https://x.example",
            "https://x.example/",
            "https://x.example/v1",
            "https://x.example/v1/",
            "https://X.example:443//v1//",
            "  https://x.example/v1 ",
        ] {
            check_warned(text, "https://x.example/v1", &[]);
        }
        check("https://x.example/proxy", "https://x.example/proxy/v1");
        check("https://x.example/openai/v1", "https://x.example/openai/v1");
        check("https://x.example/v1/openai", "https://x.example/v1/openai");
        check("https://x.example/api/paas/v4", "https://x.example/api/paas/v4");
        check("https://x.example/video", "https://x.example/video/v1");
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1");
        check("http://[::1]:8080/v1", "http://[::1]:8080/v1");
    }

    #[test]
    fn services_with_roots_of_their_own() {
        check("https://openrouter.ai", "https://openrouter.ai/api/v1");
        check("https://openrouter.ai/api", "https://openrouter.ai/api/v1");
        check("https://openrouter.ai/v1", "https://openrouter.ai/api/v1");
        check("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1");
        check("https://ark.cn-beijing.volces.com", "https://ark.cn-beijing.volces.com/api/v3");
        check("https://ark.cn-beijing.volces.com/api/v3/", "https://ark.cn-beijing.volces.com/api/v3");
        check(
            "https://ark.ap-southeast.bytepluses.com/api",
            "https://ark.ap-southeast.bytepluses.com/api/v3",
        );
        check(
            "https://generativelanguage.googleapis.com",
            "https://generativelanguage.googleapis.com/v1beta",
        );
        check(
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://generativelanguage.googleapis.com/v1beta/openai",
        );
        check("https://dashscope.aliyuncs.com", "https://dashscope.aliyuncs.com/api/v1");
        check("https://dashscope-intl.aliyuncs.com/api/v1", "https://dashscope-intl.aliyuncs.com/api/v1");
        check(
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
        );
        check("https://api.perplexity.ai", "https://api.perplexity.ai");
        check("https://notopenrouter.ai", "https://notopenrouter.ai/v1");
    }

    #[test]
    fn full_endpoints_are_cut_with_a_warning() {
        let cut = |path: &str| [BaseUrlWarning::EndpointRemoved(path.to_owned())];
        check_warned(
            "https://x.example/v1/images/generations",
            "https://x.example/v1",
            &cut("/images/generations"),
        );
        check_warned("https://x.example/v1/images/edits/", "https://x.example/v1", &cut("/images/edits"));
        check_warned(
            "https://x.example/v1/chat/completions",
            "https://x.example/v1",
            &cut("/chat/completions"),
        );
        check_warned("https://x.example/chat/completions", "https://x.example/v1", &cut("/chat/completions"));
        check_warned("https://openrouter.ai/api/v1/images", "https://openrouter.ai/api/v1", &cut("/images"));
        check_warned("https://x.example/v1/videos", "https://x.example/v1", &cut("/videos"));
        check_warned(
            "https://x.example/v1/videos/generations",
            "https://x.example/v1",
            &cut("/videos/generations"),
        );
        check_warned("https://x.example/v1/video/submit/", "https://x.example/v1", &cut("/video/submit"));
        check_warned(
            "https://ark.cn-beijing.volces.com/api/v3/images/generations",
            "https://ark.cn-beijing.volces.com/api/v3",
            &cut("/images/generations"),
        );
        check_warned(
            "https://generativelanguage.googleapis.com/v1beta/models/g-1:generateContent?key=x",
            "https://generativelanguage.googleapis.com/v1beta",
            &[
                BaseUrlWarning::QueryRemoved,
                BaseUrlWarning::EndpointRemoved("/models/g-1:generateContent".to_owned()),
            ],
        );
    }

    #[test]
    fn a_missing_scheme_is_guessed_with_a_warning() {
        check_warned("x.example", "https://x.example/v1", &[BaseUrlWarning::SchemeAdded("https")]);
        check_warned(
            "x.example:8443/v1",
            "https://x.example:8443/v1",
            &[BaseUrlWarning::SchemeAdded("https")],
        );
        check_warned("localhost:8080", "http://localhost:8080/v1", &[BaseUrlWarning::SchemeAdded("http")]);
        check_warned(
            "192.168.1.5:7860",
            "http://192.168.1.5:7860/v1",
            &[BaseUrlWarning::SchemeAdded("http")],
        );
    }

    #[test]
    fn what_is_no_base_url_says_so() {
        for (text, error) in [
            ("", BaseUrlError::Empty),
            ("  ", BaseUrlError::Empty),
            ("ftp://x.example", BaseUrlError::Scheme),
            ("https://", BaseUrlError::NotAUrl),
            ("not a url", BaseUrlError::NotAUrl),
            ("https://me:pw@x.example/v1", BaseUrlError::UserInfo),
        ] {
            assert_eq!(BaseUrl::parse(text, false), Err(error), "{text}");
        }
    }

    #[test]
    fn a_full_url_is_used_as_it_is() {
        let base = BaseUrl::parse("https://x.example/draw/?v=2", true).unwrap();
        assert_eq!(base.join("images/generations").as_str(), "https://x.example/draw/?v=2");
        assert_eq!(base.join_segments(["images"]).as_str(), "https://x.example/draw/?v=2");
        assert!(base.warnings().is_empty() && base.is_full());
    }

    #[test]
    fn a_bare_server_gets_no_version() {
        let base = BaseUrl::parse_as("http://127.0.0.1:7860/", UrlStyle::Bare).unwrap();
        assert_eq!(base.to_string(), "http://127.0.0.1:7860");
        assert_eq!(base.join("/sdapi/v1/txt2img").as_str(), "http://127.0.0.1:7860/sdapi/v1/txt2img");
        for endpoint in ["/sdapi/v1", "/sdapi/v1/txt2img"] {
            let pasted = format!("http://127.0.0.1:7860/forge{endpoint}");
            let base = BaseUrl::parse_as(&pasted, UrlStyle::Bare).unwrap();
            assert_eq!(base.to_string(), "http://127.0.0.1:7860/forge");
            assert_eq!(base.warnings(), [BaseUrlWarning::EndpointRemoved(endpoint.to_owned())]);
        }
    }

    #[test]
    fn a_proxy_keeps_the_root_of_its_service() {
        let root = |text| BaseUrl::parse_as(text, UrlStyle::Rooted("/v1beta")).unwrap().to_string();
        assert_eq!(root("http://127.0.0.1:8080"), "http://127.0.0.1:8080/v1beta");
        assert_eq!(root("https://x.example/gemini"), "https://x.example/gemini/v1beta");
        assert_eq!(root("https://x.example/v1"), "https://x.example/v1");
        assert_eq!(root("https://x.example/v1beta1/projects/p"), "https://x.example/v1beta1/projects/p");
        assert_eq!(root("https://api.perplexity.ai"), "https://api.perplexity.ai");
    }

    #[test]
    fn joining() {
        let base = BaseUrl::parse("https://x.example", false).unwrap();
        assert_eq!(base.join("images/generations").as_str(), "https://x.example/v1/images/generations");
        assert_eq!(base.join("/a?alt=sse").as_str(), "https://x.example/v1/a?alt=sse");
        assert_eq!(
            base.join_segments(["models", "a/b c:x", ".."]).as_str(),
            "https://x.example/v1/models/a%2Fb%20c:x"
        );
        assert!(base.origin().covers(&base.join("//evil.example/x")));
    }

    proptest! {
        /// Normalising is idempotent, and joining never leaves the origin.
        #[test]
        fn normalising_twice_changes_nothing(
            host in "[a-z]{1,8}\\.(ai|com|example)",
            path in "(/(v1|v1beta|api|images|edits|chat|completions|x)){0,4}/?",
            joined in "[ -~]{0,30}",
        ) {
            let base = BaseUrl::parse(&format!("https://{host}{path}"), false).unwrap();
            let again = BaseUrl::parse(&base.to_string(), false).unwrap();
            prop_assume!(again.warnings().is_empty());
            prop_assert_eq!(again.url(), base.url());
            prop_assert!(base.origin().covers(&base.join(&joined)));
        }

        /// Any text at all is taken or refused, never a panic.
        #[test]
        fn any_text_is_read(text in ".{0,60}", full: bool) {
            let first = BaseUrl::parse(&text, full).map(|base| base.to_string());
            prop_assert_eq!(BaseUrl::parse(&text, full).map(|base| base.to_string()), first);
        }
    }
}
