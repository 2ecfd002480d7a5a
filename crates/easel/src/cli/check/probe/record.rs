//! Records of what a probe sent and got, for owners who want to show how their service answers: one JSON file per call.
//!
//! `body` is the answer as a sample of the testkit has it (JSON, a list of `{event, data}` for a stream, else text).
//! Nothing secret may get into a file, whatever the service puts where: exact secrets go first, then pictures and long
//! tokens, then everything that looks like a secret or stands under a name of one, then the parameters of links, which
//! may sign them. Credentials that easel sent are not in a record from the beginning.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use easel_http::{BaseUrl, Recorded, Redactor, Url};
use serde_json::{Map, Value, json};

/// What stands for every picture: the same one of a single pixel as in the samples.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGMwTpsJAAICATNWh+JUAAAAAElFTkSuQmCC";
/// From this length on, a run of base64 is a picture (or a token, and no less to be taken out).
const LONG_RUN: usize = 256;
/// What stands for a secret.
const STARS: &str = "***";
/// Most records of one name.
const MOST_NUMBER: usize = 1000;
/// Headers of an answer that matter for how it is judged.
const HEADERS: [&str; 4] = ["content-type", "retry-after", "retry-after-ms", "x-should-retry"];
/// A part of the names of headers that matter as well.
const RATE: &str = "ratelimit";
/// Names whose values say who the owner is.
const PERSONAL: [&str; 8] =
    ["email", "phone", "mobile", "label", "user", "user_id", "creator_user_id", "username"];

/// A folder of records.
pub(super) struct Records {
    dir: PathBuf,
    count: u64,
    error: Option<String>,
}

impl Records {
    /// Makes the folder where it is missing, for this user alone.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        if !dir.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Ok(Self { dir: dir.to_owned(), count: 0, error: None })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Files written.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Why something could not be written.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Writes calls of the provider `name`, made while it was asked for `label`.
    pub(super) fn write(
        &mut self,
        name: &str,
        base: Option<&BaseUrl>,
        label: &str,
        redactor: &Redactor,
        calls: &[Recorded],
    ) {
        for call in calls {
            let status = call.status.map_or("none".to_owned(), |status| status.as_u16().to_string());
            let file = format!("{}-{label}-{status}", plain(&redactor.redact(name)));
            let content = shape(call, base, label, redactor);
            match self.create(&file, &format!("{content:#}\n")) {
                Ok(()) => self.count += 1,
                Err(error) => self.error = Some(error.to_string()),
            }
        }
    }

    /// Under the first name that is free: nothing is overwritten.
    fn create(&self, name: &str, content: &str) -> io::Result<()> {
        for number in 1..=MOST_NUMBER {
            let name = if number == 1 { format!("{name}.json") } else { format!("{name}-{number}.json") };
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.dir.join(name)) {
                Ok(mut file) => return file.write_all(content.as_bytes()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// A provider's name as a part of a file's.
fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || c == '_' { c } else { '-' };
    name.chars().map(keep).take(60).collect()
}

/// A call as it is written.
fn shape(call: &Recorded, base: Option<&BaseUrl>, label: &str, redactor: &Redactor) -> Value {
    let clean = Clean { redactor };
    let kind =
        |header: &str| call.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut headers = Map::new();
    for (name, value) in &call.headers {
        if HEADERS.contains(&name.as_str()) || name.as_str().contains(RATE) {
            let value = clean.text(&String::from_utf8_lossy(value.as_bytes()));
            headers.insert(clean.text(name.as_str()), value.into());
        }
    }
    let mut request = Map::new();
    request.insert("method".to_owned(), call.method.as_str().into());
    request.insert("path".to_owned(), clean.path(&call.url, base).into());
    if let Some(content_type) = &call.content_type {
        let content_type = content_type.split(';').next().unwrap_or_default();
        request.insert("content_type".to_owned(), content_type.into());
        request.insert("body".to_owned(), clean.body(content_type, call.request.as_bytes()));
    }
    let body = clean.body(kind("content-type"), &call.body);
    let mut record = json!({ "what": label, "request": request, "status": call.status.map(|status| status.as_u16()), "headers": headers, "body": body });
    if call.shortened
        && let Some(record) = record.as_object_mut()
    {
        record.insert("shortened".to_owned(), true.into());
    }
    record
}

/// Takes out what nobody else may see.
struct Clean<'a> {
    redactor: &'a Redactor,
}

impl Clean<'_> {
    /// Where a call went, without the owner's address: below it, or somewhere else.
    fn path(&self, url: &Url, base: Option<&BaseUrl>) -> String {
        let Some(base) = base.filter(|base| base.origin().covers(url)) else {
            return "(elsewhere)".to_owned();
        };
        let root = base.url().path().trim_end_matches('/');
        let path = url.path().strip_prefix(root).unwrap_or(url.path());
        let names: Vec<_> = url.query_pairs().map(|(name, _)| format!("{name}={STARS}")).collect();
        let query = if names.is_empty() { String::new() } else { format!("?{}", names.join("&")) };
        self.text(path) + &self.redactor.redact(&query)
    }

    fn body(&self, content_type: &str, bytes: &[u8]) -> Value {
        if bytes.is_empty() {
            return Value::Null;
        }
        if let Ok(value) = serde_json::from_slice(bytes) {
            return self.value(value, false);
        }
        let Ok(text) = str::from_utf8(bytes) else {
            let media = content_type.split(';').next().unwrap_or_default();
            return format!("({}, {} bytes)", self.text(media), bytes.len()).into();
        };
        let is_event =
            |line: &str| ["data:", "event:", "id:", ":"].iter().any(|start| line.starts_with(start));
        if text.trim_start().lines().next().is_some_and(is_event) {
            return self.events(text);
        }
        self.text(text).into()
    }

    /// Events as the samples have them.
    fn events(&self, text: &str) -> Value {
        let mut events = Vec::new();
        let text = text.replace("\r\n", "\n");
        for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
            let field = |name: &str| {
                let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
                (!lines.is_empty()).then(|| lines.join("\n"))
            };
            let Some(data) = field("data") else { continue };
            let data = match serde_json::from_str(&data) {
                Ok(value) => self.value(value, false),
                Err(_) => self.text(&data).into(),
            };
            let event = field("event").map(|event| self.text(&event));
            events.push(json!({ "event": event, "data": data }));
        }
        events.into()
    }

    /// `secret` = it stands under the name of a secret.
    fn value(&self, value: Value, secret: bool) -> Value {
        match value {
            Value::String(text) if secret && !text.is_empty() => STARS.into(),
            Value::String(text) => self.text(&text).into(),
            Value::Array(values) => values.into_iter().map(|value| self.value(value, secret)).collect(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, value)| {
                    let secret = secret || names_secret(&name);
                    (self.text(&name), self.value(value, secret))
                })
                .collect::<Map<_, _>>()
                .into(),
            // Keys may be made of digits alone.
            Value::Number(number) if self.redactor.exact(&number.to_string()).contains(STARS) => STARS.into(),
            other => other,
        }
    }

    fn text(&self, text: &str) -> String {
        let text = without_parameters(&self.redactor.exact(text));
        let mut out = String::with_capacity(text.len().min(4096));
        let mut rest = text.as_str();
        while let Some((before, after)) = next_run(rest) {
            out.push_str(&self.redactor.redact(before));
            out.push_str(PIXEL);
            rest = after;
        }
        out.push_str(&self.redactor.redact(rest));
        out
    }
}

/// What stands before and after the first long run of base64.
fn next_run(text: &str) -> Option<(&str, &str)> {
    let in_run = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-');
    let mut start = 0;
    for (at, byte) in text.bytes().chain([b' ']).enumerate() {
        if in_run(byte) {
            continue;
        }
        if at - start >= LONG_RUN {
            return Some((text.get(..start)?, text.get(at..)?));
        }
        start = at + 1;
    }
    None
}

/// Links without their parameters.
fn without_parameters(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | '}' | '\\'))
            .unwrap_or(after.len());
        let (link, further) = after.split_at_checked(end).unwrap_or((after, ""));
        out.push_str(before);
        out.push_str("://");
        match link.split_once('?') {
            Some((bare, _)) => {
                out.push_str(bare);
                out.push_str("?***");
            }
            None => out.push_str(link),
        }
        rest = further;
    }
    out.push_str(rest);
    out
}

/// Whether what stands under `name` is a secret, by the names that easel redacts everywhere, or says who the owner is.
fn names_secret(name: &str) -> bool {
    const VALUE: &str = "abc";
    PERSONAL.contains(&name.to_ascii_lowercase().as_str())
        || !easel_http::redact(&format!("{}: {VALUE}", json!(name))).contains(VALUE)
}

/// The names in a folder, sorted.
#[cfg(test)]
fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use easel_http::{Method, StatusCode, header::HeaderMap};
    use secrecy::SecretString;

    use super::*;

    const KEY: &str = "plain.key/of+mine";

    fn redactor() -> Redactor {
        let secrets = [KEY, "4711471147114711", "https://gateway.example/hidden"].map(SecretString::from);
        Redactor::new(&secrets)
    }

    fn call(url: &str, body: &[u8]) -> Recorded {
        Recorded {
            method: Method::POST,
            url: Url::parse(url).unwrap(),
            content_type: Some("application/json".to_owned()),
            request: r#"{"prompt":"a red circle","image":"(40 bytes)"}"#.to_owned(),
            status: Some(StatusCode::OK),
            headers: HeaderMap::new(),
            body: body.to_vec(),
            shortened: false,
        }
    }

    #[track_caller]
    fn check(body: &str, expected: &Value) {
        let redactor = redactor();
        let clean = Clean { redactor: &redactor };
        assert_eq!(&clean.body("application/json", body.as_bytes()), expected);
    }

    #[test]
    fn nothing_secret_is_left_wherever_it_stands() {
        check(
            &json!({ "error": { "message": format!("bad key {KEY}!") } }).to_string(),
            &json!({ "error": { "message": "bad key ***!" } }),
        );
        check(
            &json!({ KEY: 1, "n": 4_711_471_147_114_711_u64 }).to_string(),
            &json!({ "***": 1, "n": "***" }),
        );
        check(
            r#"{"token":"abc","cookies":["d"],"email":"a@b.c","total_tokens":7}"#,
            &json!({ "token": "***", "cookies": ["***"], "email": "***", "total_tokens": 7 }),
        );
        check(r#"{"token":""}"#, &json!({ "token": "" }));
        check("{\"m\":\"plain.key\\u002fof+mine\"}", &json!({ "m": "***" }));
        check("<p>plain.key/of+mine</p>", &json!("<p>***</p>"));
        check(
            "data: {\"k\":\"plain.key/of+mine\"}\r\n\r\nevent: x\ndata: [DONE]\n\n",
            &json!([{ "event": null, "data": { "k": "***" } }, { "event": "x", "data": "[DONE]" }]),
        );
        check(
            r#"{"url":"https://cdn.example/a.png?Expires=1&Sig=zz"}"#,
            &json!({ "url": "https://cdn.example/a.png?***" }),
        );
    }

    #[test]
    fn pictures_become_one_pixel_and_words_stay() {
        let long = "QUJD".repeat(100);
        check(
            &json!({ "b64_json": long, "revised_prompt": "a red circle" }).to_string(),
            &json!({ "b64_json": PIXEL, "revised_prompt": "a red circle" }),
        );
        check(
            &format!("data:image/png;base64,{long}"),
            &json!([{ "event": null, "data": format!("image/png;base64,{PIXEL}") }]),
        );
        check(
            &json!(format!("![x](data:image/png;base64,{long}) {long}")).to_string(),
            &json!(format!("![x](data:image/png;base64,{PIXEL}) {PIXEL}")),
        );
        let redactor = redactor();
        let clean = Clean { redactor: &redactor };
        assert_eq!(clean.body("image/png", &[0xff, 0xfe]), json!("(image/png, 2 bytes)"));
    }

    #[test]
    fn a_record_tells_the_call_and_not_where_it_went() {
        let base = BaseUrl::parse("https://gateway.example/hidden/v1", false).unwrap();
        let mut call = call("https://gateway.example/hidden/v1/images/generations?key=1", b"{\"data\":[]}");
        for (name, value) in
            [("content-type", "application/json"), ("set-cookie", "a=b"), ("x-ratelimit-limit-requests", KEY)]
        {
            call.headers.insert(name, value.parse().unwrap());
        }
        let written = shape(&call, Some(&base), "draw", &redactor());
        assert_eq!(
            written,
            json!({
                "what": "draw",
                "request": {
                    "method": "POST",
                    "path": "/images/generations?key=***",
                    "content_type": "application/json",
                    "body": { "prompt": "a red circle", "image": "(40 bytes)" },
                },
                "status": 200,
                "headers": { "content-type": "application/json", "x-ratelimit-limit-requests": "***" },
                "body": { "data": [] },
            })
        );
        call.url = Url::parse("https://cdn.example/secret.png").unwrap();
        assert_eq!(shape(&call, Some(&base), "draw", &redactor())["request"]["path"], "(elsewhere)");
    }

    #[test]
    fn files_are_the_owners_alone_and_never_overwritten() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        let mut records = Records::open(&dir).unwrap();
        let call = call("https://x.example/v1", b"{}");
        for _ in 0..2 {
            records.write("ma/in", None, "draw", &redactor(), std::slice::from_ref(&call));
        }
        assert_eq!(names_in(&dir), ["ma-in-draw-200-2.json", "ma-in-draw-200.json"]);
        assert_eq!((records.count(), records.error()), (2, None));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("ma-in-draw-200.json"))), (0o700, 0o600));
        fs::remove_dir_all(&dir).unwrap();
        records.write("main", None, "draw", &redactor(), &[call]);
        assert!(records.error().is_some());
    }
}
