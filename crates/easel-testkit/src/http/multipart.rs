//! Reads `multipart/form-data` bodies (RFC 7578), as picture edits use them.

use super::Request;
use bytes::Bytes;

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field's name, for example `prompt` or `image[]`.
    pub name: String,
    /// The file name, if the part is a file.
    pub file_name: Option<String>,
    /// The declared content type, if any.
    pub content_type: Option<String>,
    /// The content.
    pub bytes: Bytes,
}

impl Part {
    /// The content as text; broken UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The parts of a request's form in their order; nothing if the body is no form.
pub fn parts(request: &Request) -> Option<Vec<Part>> {
    let content_type = request.headers.get("content-type")?;
    if !content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        return None;
    }
    let boundary = content_type.split_once("boundary=")?.1.split(';').next()?.trim().trim_matches('"');
    parse(&request.body, boundary)
}

fn parse(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let first = format!("--{boundary}");
    let separator = format!("\r\n--{boundary}").into_bytes();
    let mut position = find(body, first.as_bytes(), 0)? + first.len();
    let mut parts = Vec::new();
    while let Some(rest) = body.get(position..)
        && rest.starts_with(b"\r\n")
    {
        let head_end = find(body, b"\r\n\r\n", position)?;
        let content_start = head_end + 4;
        let content_end = find(body, &separator, content_start)?;
        let head = String::from_utf8_lossy(body.get(position..head_end)?).into_owned();
        parts.push(part(&head, body.slice(content_start..content_end))?);
        position = content_end + separator.len();
    }
    Some(parts)
}

fn part(head: &str, bytes: Bytes) -> Option<Part> {
    let field = |wanted: &str| {
        head.split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    let disposition = field("content-disposition")?;
    let parameter = |wanted: &str| {
        disposition
            .split(';')
            .filter_map(|piece| piece.trim().split_once('='))
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.trim_matches('"').to_owned())
    };
    Some(Part {
        name: parameter("name")?,
        file_name: parameter("filename"),
        content_type: field("content-type").map(str::to_owned),
        bytes,
    })
}

/// The first place at or after `from` where `needle` begins. The first byte is sought alone, because the bodies
/// are megabytes and tests run unoptimised.
fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut position = from;
    loop {
        let rest = haystack.get(position..)?;
        position += rest.iter().position(|byte| *byte == first)?;
        if haystack.get(position..)?.starts_with(needle) {
            return Some(position);
        }
        position += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, parse};

    #[test]
    fn a_form_with_text_and_a_file_is_read() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n猫\r\n--b\r\n\
            Content-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
            \r\n--x\r\n--b--\r\n";
        let parts = parse(&Bytes::from(body), "b").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].text().as_str()), ("prompt", "猫"));
        assert_eq!(parts[1].file_name.as_deref(), Some("a.png"));
        assert_eq!(parts[1].content_type.as_deref(), Some("image/png"));
        assert_eq!(&parts[1].bytes[..], b"\r\n--x");
    }

    #[test]
    fn a_form_without_its_end_is_refused() {
        assert_eq!(
            parse(&Bytes::from("--b\r\nContent-Disposition: form-data; name=\"p\"\r\n\r\nx"), "b"),
            None
        );
    }
}
