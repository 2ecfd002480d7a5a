//! Tokens: how peers show them, and what to tell a peer that shows none or the wrong one.

use secrecy::{ExposeSecret as _, SecretString};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Why a peer is not let in. The texts are for the owner and hold nothing secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It showed none.
    #[error("the peer sent no token; set the same access_token there")]
    Missing,
    /// It showed another one.
    #[error("the peer sent another token; compare access_token on both sides")]
    Wrong,
    /// It is a web page, and no token guards the address.
    #[error(
        "the request comes from a web page (it has an Origin header) and no token is set; set access_token on both sides"
    )]
    Page,
    /// It wrote the right token without `Bearer`.
    #[error(
        "the peer sent the right token without the word Bearer; it must send `Authorization: Bearer <token>`"
    )]
    Bare,
    /// It used another word in front of it.
    #[error("the peer sent `Authorization: Token …`; it must send `Authorization: Bearer …`")]
    TokenScheme,
    /// The body's signature is absent.
    #[error("the event has no X-Signature; set the same token as the secret there")]
    Unsigned,
    /// The body's signature belongs to another secret.
    #[error("the event's X-Signature does not fit; compare access_token with the secret there")]
    BadSignature,
}

impl Refusal {
    /// The HTTP status of the refusal.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Missing | Self::Unsigned => 401,
            Self::Page | Self::Wrong | Self::Bare | Self::TokenScheme | Self::BadSignature => 403,
        }
    }
}

/// Refuses requests of web pages where no token is set: any page that the owner's browser shows can reach an address
/// of the owner's machine, and browsers name the page in `Origin`. Implementations send no such header.
///
/// # Errors
/// [`Refusal::Page`].
pub(crate) fn check_origin(expected: Option<&SecretString>, origin: bool) -> Result<(), Refusal> {
    if origin && expected.is_none() { Err(Refusal::Page) } else { Ok(()) }
}

/// Checks what a peer showed in `Authorization` and in the query string.
///
/// # Errors
/// Why it is not let in.
pub(crate) fn check(
    expected: Option<&SecretString>,
    authorization: Option<&str>,
    query: Option<&str>,
) -> Result<(), Refusal> {
    let Some(expected) = expected else { return Ok(()) };
    let same = |shown: &str| same(shown, expected.expose_secret());
    // Two sources may disagree (a proxy adds one of them); one that fits is enough.
    let from_query = query.and_then(|query| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == "access_token")
            .map(|(_, value)| value.into_owned())
    });
    if from_query.as_deref().is_some_and(same) {
        return Ok(());
    }
    let header = authorization.unwrap_or("").trim();
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        // NapCat and LLOneBot send an empty one when they have none.
        if !rest.is_empty() {
            return if same(rest) { Ok(()) } else { Err(Refusal::Wrong) };
        }
    } else if scheme.eq_ignore_ascii_case("token") && !rest.is_empty() {
        return Err(Refusal::TokenScheme);
    } else if !header.is_empty() {
        return Err(if same(header) { Refusal::Bare } else { Refusal::Wrong });
    }
    Err(if from_query.is_some_and(|token| !token.is_empty()) { Refusal::Wrong } else { Refusal::Missing })
}

/// Checks that a posted event has a signature at all, which is known before its body is read.
///
/// # Errors
/// [`Refusal::Unsigned`].
pub(crate) fn check_signed(key: Option<&SecretString>, signature: Option<&str>) -> Result<(), Refusal> {
    let signed = signature.is_some_and(|text| !text.trim().is_empty());
    if signed || key.is_none() { Ok(()) } else { Err(Refusal::Unsigned) }
}

/// Checks the signature of a posted event: HMAC-SHA1 over the raw body, in hex.
///
/// # Errors
/// Why it is not taken.
pub(crate) fn check_signature(
    key: Option<&SecretString>,
    signature: Option<&str>,
    body: &[u8],
) -> Result<(), Refusal> {
    let Some(key) = key else { return Ok(()) };
    let signature = signature.map(str::trim).filter(|text| !text.is_empty()).ok_or(Refusal::Unsigned)?;
    let hex = signature.strip_prefix("sha1=").ok_or(Refusal::BadSignature)?;
    let expected = sign(key, body);
    if same(&hex.to_ascii_lowercase(), &expected) { Ok(()) } else { Err(Refusal::BadSignature) }
}

/// The hex of a body's signature.
fn sign(key: &SecretString, body: &[u8]) -> String {
    use hmac::{KeyInit as _, Mac as _};
    let mac = hmac::Hmac::<Sha1>::new_from_slice(key.expose_secret().as_bytes());
    // HMAC takes keys of any length.
    mac.map(|mut mac| {
        mac.update(body);
        crate::hex(&mac.finalize().into_bytes())
    })
    .unwrap_or_default()
}

/// Compares without telling by its duration where the difference is.
fn same(shown: &str, expected: &str) -> bool {
    // Digests have one length, and an attacker cannot choose how they differ.
    let (shown, expected) = (Sha256::digest(shown), Sha256::digest(expected));
    shown.iter().zip(expected.iter()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_checked_strictly() {
        #[track_caller]
        fn refused(header: Option<&str>, query: Option<&str>, expected: Result<(), Refusal>) {
            assert_eq!(
                check(Some(&SecretString::from("tok en")), header, query),
                expected,
                "{header:?} {query:?}"
            );
        }
        refused(Some("Bearer tok en"), None, Ok(()));
        refused(Some("bearer   tok en "), None, Ok(()));
        refused(None, Some("access_token=tok%20en"), Ok(()));
        refused(Some("Bearer other"), Some("a=1&access_token=tok+en"), Ok(()));
        refused(None, None, Err(Refusal::Missing));
        refused(Some("Bearer "), None, Err(Refusal::Missing));
        refused(Some("Bearer"), Some("access_token="), Err(Refusal::Missing));
        refused(Some("Bearer other"), None, Err(Refusal::Wrong));
        refused(Some("Bearer tok"), None, Err(Refusal::Wrong));
        refused(None, Some("access_token=x"), Err(Refusal::Wrong));
        refused(Some("tok en"), None, Err(Refusal::Bare));
        refused(Some("Token tok en"), None, Err(Refusal::TokenScheme));
        refused(Some("other"), None, Err(Refusal::Wrong));
        assert_eq!(check(None, Some("Bearer whatever"), None), Ok(()));
    }

    #[test]
    fn web_pages_need_a_token() {
        assert_eq!(check_origin(None, true), Err(Refusal::Page));
        assert_eq!(Refusal::Page.status(), 403);
        assert_eq!(check_origin(None, false), Ok(()));
        assert_eq!(check_origin(Some(&SecretString::from("token")), true), Ok(()));
    }

    #[test]
    fn signatures_are_checked() {
        let key = SecretString::from("key");
        let body = b"The quick brown fox jumps over the lazy dog";
        // RFC 2202 style vector, widely published.
        let good = "sha1=de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9";
        assert_eq!(check_signature(Some(&key), Some(good), body), Ok(()));
        assert_eq!(
            check_signature(Some(&key), Some(&good.to_uppercase().replace("SHA1", "sha1")), body),
            Ok(())
        );
        assert_eq!(check_signature(Some(&key), Some(good), b"other"), Err(Refusal::BadSignature));
        assert_eq!(check_signature(Some(&key), Some("de7c"), body), Err(Refusal::BadSignature));
        assert_eq!(check_signature(Some(&key), None, body), Err(Refusal::Unsigned));
        assert_eq!(check_signature(None, None, body), Ok(()));
    }
}
