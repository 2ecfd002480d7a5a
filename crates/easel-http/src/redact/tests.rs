//! Redaction, case by case and as properties.

use proptest::prelude::*;
use secrecy::SecretString;

use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(redact(text), expected);
    assert_eq!(redact(expected), expected, "redacting twice changes nothing more");
}

#[test]
fn tokens_by_their_shape() {
    check("Incorrect API key provided: sk-proj-abc123.", "Incorrect API key provided: ***");
    check("key AIzaSyA-1234567890abcdef is bad", "key *** is bad");
    check("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln now", "got *** now");
    check("/bot123456789:AAH-abcdefghijklmnopqrstuvwxyz12345/getMe", "/***/getMe");
    check("id 0123456789abcdef0123456789abcdef0123456789abcdef", "id ***");
    check("task-1234 disk-99 sk-1", "task-1234 disk-99 sk-1");
    check(
        "request req_7f3a, trace 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "request req_7f3a, trace 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    );
}

#[test]
fn credentials_by_their_scheme() {
    check("Authorization: Bearer abc.def", "Authorization: ***");
    check("sent Bearer abc to", "sent Bearer *** to");
    check("a basic understanding", "a basic understanding");
    check("Basic dXNlcjpwdw==", "Basic ***");
    check("token: Bearer abcdef, next", "token: ***, next");
}

#[test]
fn values_by_their_name() {
    check(r#"{"api_key":"abc","n":1}"#, r#"{"api_key":"***","n":1}"#);
    check(r#"{"api_key" : "a\"b", "n":1}"#, r#"{"api_key" : "***", "n":1}"#);
    check(r#"{\"accessToken\":\"abc\",\"n\":1}"#, r#"{\"accessToken\":\"***\",\"n\":1}"#);
    check(r#"{"token":null,"max_tokens":5}"#, r#"{"token":null,"max_tokens":5}"#);
    check(r#"{"api_keys":["a","b"],"n":1}"#, r#"{"api_keys":***],"n":1}"#);
    check("?access_token=abc&echo=1", "?access_token=***&echo=1");
    check("x?fileid=1&rkey=CAQ_x-1&spec=0", "x?fileid=1&rkey=***&spec=0");
    check(
        "u=http%3A%2F%2Fa%2F%3Fa%3D1%26rkey%3Dabc%26b%3D2",
        "u=http%3A%2F%2Fa%2F%3Fa%3D1%26rkey%3D***%26b%3D2",
    );
    check("X-Amz-Signature=0a1b&X-Amz-Date=2", "X-Amz-Signature=***&X-Amz-Date=2");
    check("Cookie: a=b; c=d\nHost: x", "Cookie: ***\nHost: x");
    check("x-goog-api-key: abc\r\nHost: x", "x-goog-api-key: ***\r\nHost: x");
    check("monkey=1 turnkey: 2", "monkey=1 turnkey: 2");
    check("提示词 key=值 完", "提示词 key=*** 完");
}

#[test]
fn urls() {
    check("socks5h://me:pw@h:1080 failed", "socks5h://***@h:1080 failed");
    check("http://me:p@w@h/x", "http://***@h/x");
    check("see https://a.example/x@y", "see https://a.example/x@y");
    let url = Url::parse("https://multimedia.nt.qq.com.cn/download?appid=1407&rkey=CAESKB").unwrap();
    assert_eq!(redact_url(&url), "https://multimedia.nt.qq.com.cn/download?appid=1407&rkey=***");
}

#[test]
fn exact_secrets_go_in_every_spelling() {
    let secrets = [SecretString::from("pa ss/\"w"), SecretString::from("abc"), SecretString::from("pa ss")];
    let redactor = Redactor::new(&secrets);
    assert_eq!(redactor.redact("x pa ss/\"w y"), "x *** y");
    assert_eq!(redactor.redact("x pa+ss%2F%22w y"), "x *** y");
    assert_eq!(redactor.redact(r#"x pa ss/\"w y"#), "x *** y");
    assert_eq!(redactor.redact("abc pa ss"), "abc ***");
    assert!(!format!("{redactor:?}").contains("pa ss"));
}

#[test]
fn a_body_head_is_short_clean_and_silent() {
    assert_eq!(body_head(b"a\r\nb\x00\x1b[31m\xff \"token\":\"x\""), "a  b[31m\u{fffd} \"token\":\"***\"");
    let long = "图".repeat(5000);
    let head = body_head(long.as_bytes());
    assert!(head.len() <= 1024 && head.chars().all(|c| c == '图'));
}

#[test]
fn a_secret_cut_by_the_end_goes_too() {
    let secret = SecretString::from("zqzqzqzq");
    assert_eq!(Redactor::new([&secret]).body_head(b"echo zqzqzq"), "echo ***");
}

/// Texts of a service's choice, long enough that looking at the rest of one for each of its words would not end.
#[test]
fn no_text_is_scanned_again_and_again() {
    for piece in [
        "a.",
        "a%2f",
        "basic/",
        "bearer=",
        "key%3Da%26",
        "token=x;",
        "sk-a ",
        "sk-",
        "://",
        "://a@",
        "key=\"",
        "key:[",
        "\\",
        "key\\\\",
        "cookie:",
        "1234567:",
        "a-",
        "%26",
        "key={",
    ] {
        let text = piece.repeat((1 << 20) / piece.len());
        assert!(redact(&text).len() <= 2 * text.len(), "{piece}");
    }
}

#[test]
fn a_parameter_ends_where_the_next_begins() {
    assert_eq!(redact("key%3Dabc%26size%3D1"), "key%3D***%26size%3D1");
    assert_eq!(redact("token=Bearer abc%26size=1"), "token=***%26size=1");
}

/// Places where services and clients put secrets.
const PLACES: [&str; 16] = [
    "Authorization: Bearer {}",
    "authorization: {}\r\nhost: x",
    "{\"api_key\":\"{}\"}",
    "{\"data\": \"{\\\"secret\\\": \\\"{}\\\"}\"}",
    "https://a.example/v1?key={}&x=1",
    "https://a.example/v1?x=1&access_token={}",
    "wss://u:{}@a.example/",
    "Cookie: session={}; other=1",
    "set-cookie: sid={}",
    "client_secret={}",
    "rkey%3D{}%26x",
    "invalid sk-{} given",
    "x-api-key:{}",
    "X-Amz-Security-Token={}&y",
    "token = '{}'",
    "password: {},",
];

proptest! {
    /// Wherever a secret stands, and whatever stands around it, it is gone.
    #[test]
    fn a_secret_never_survives(
        secret in "[A-Za-z0-9_-]{10,60}",
        place in 0..PLACES.len(),
        before in "[ -~猫\n]{0,20}",
        after in "[ -~猫\n]{0,20}",
    ) {
        // A word that runs into the place's own first word would make another word of it.
        let text = format!("{before} {} {after}", PLACES[place].replace("{}", &secret));
        prop_assume!(!before.contains(&secret) && !after.contains(&secret));
        prop_assert!(!redact(&text).contains(&secret), "{}", redact(&text));
    }

    /// A secret that the redactor was given never survives, not even in part at the cut.
    #[test]
    fn an_exact_secret_never_survives(secret in "[!-~]{4,40}", before in ".{0,2000}", after in ".{0,40}") {
        let redactor = Redactor::new([&SecretString::from(secret.clone())]);
        // Stars could only spell a secret that is made of stars.
        prop_assume!(!secret.contains('*'));
        let text = format!("{before}{secret}{after}");
        prop_assert!(!redactor.redact(&text).contains(&secret));
        prop_assert!(!redactor.body_head(text.as_bytes()).contains(&secret));
    }

    /// Any text at all is scanned to its end, and what comes out is the text with pieces left out.
    #[test]
    fn redacting_only_removes(text in "([ -~]|.|api_key|: |=|\"|Bearer |://|@){0,120}") {
        let redacted = redact(&text).replace(STARS, "");
        let mut left = text.chars();
        prop_assert!(redacted.chars().all(|kept| left.any(|c| c == kept)), "{redacted}");
    }

    /// Ordinary prose stays as it is.
    #[test]
    fn prose_stays(words in proptest::collection::vec("[a-z]{1,9}|[一-龥]{1,6}", 0..30)) {
        let text = words.join(" ");
        prop_assume!(!text.contains("bearer"));
        prop_assert_eq!(redact(&text), text);
    }
}
