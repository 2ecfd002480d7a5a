//! `multipart/form-data` (RFC 7578), whose files are sent from where they lie.

use bytes::Bytes;

use crate::outgoing::{Content, Outgoing, Segment, unforeseeable};

/// A form with text fields and files, sent in the order in which they were added.
#[derive(Debug, Clone)]
pub struct Multipart {
    boundary: String,
    segments: Vec<Segment>,
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

impl Multipart {
    /// An empty form with a boundary that no content can foresee.
    pub fn new() -> Self {
        Self::with_boundary(&format!("easel-{}", unforeseeable()))
    }

    /// An empty form with this boundary (letters, digits and `-`, at most 70 of them), for exchanges that must
    /// come out the same each time.
    pub fn with_boundary(boundary: &str) -> Self {
        Self { boundary: boundary.to_owned(), segments: Vec::new() }
    }

    /// Adds a text field.
    #[must_use]
    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.open(&format!("form-data; name=\"{}\"", quoted(name)), None);
        self.segments.push(Bytes::from(value.into()).into());
        self
    }

    /// Adds a file. `content` is sent from where it lies. `content_type` must be a plain `type/subtype`.
    #[must_use]
    pub fn file(
        mut self,
        name: &str,
        file_name: &str,
        content_type: &str,
        content: impl Into<Content>,
    ) -> Self {
        let disposition = format!("form-data; name=\"{}\"; filename=\"{}\"", quoted(name), quoted(file_name));
        self.open(&disposition, Some(content_type));
        self.segments.push(Segment::Plain(content.into()));
        self
    }

    /// Length of the whole body in bytes.
    pub fn length(&self) -> u64 {
        self.clone().into_outgoing().length()
    }

    pub(crate) fn into_outgoing(mut self) -> Outgoing {
        let end = if self.segments.is_empty() { "--" } else { "\r\n--" };
        self.segments.push(Bytes::from(format!("{end}{}--\r\n", self.boundary)).into());
        Outgoing {
            content_type: format!("multipart/form-data; boundary={}", self.boundary),
            segments: self.segments,
        }
    }

    fn open(&mut self, disposition: &str, content_type: Option<&str>) {
        let start = if self.segments.is_empty() { "--" } else { "\r\n--" };
        let content_type = match content_type {
            Some(text) => format!("Content-Type: {}\r\n", text.replace(['\r', '\n'], "")),
            None => String::new(),
        };
        let head =
            format!("{start}{}\r\nContent-Disposition: {disposition}\r\n{content_type}\r\n", self.boundary);
        self.segments.push(head.into());
    }
}

/// Names as the HTML standard writes them into a form: quotes and line breaks percent-encoded, all else as is.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Multipart) -> String {
        let text = |segment| match segment {
            Segment::Plain(content) => content.in_memory().unwrap().to_vec(),
            Segment::Base64(_) => panic!("forms carry bytes"),
        };
        String::from_utf8(form.into_outgoing().segments.into_iter().flat_map(text).collect()).unwrap()
    }

    #[test]
    fn a_form_is_written_as_the_standard_says() {
        let form = Multipart::with_boundary("B").text("prompt", "一只猫\r\n").file(
            "image[]",
            "a\"b\n.png",
            "image/png",
            Bytes::from_static(b"PNG"),
        );
        assert_eq!(form.length(), written(form.clone()).len() as u64);
        assert_eq!(
            written(form),
            "--B\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n一只猫\r\n\r\n\
             --B\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a%22b%0A.png\"\r\n\
             Content-Type: image/png\r\n\r\nPNG\r\n--B--\r\n"
        );
        assert_eq!(written(Multipart::with_boundary("B")), "--B--\r\n");
    }

    #[test]
    fn pictures_are_not_copied_and_boundaries_differ() {
        let picture = Bytes::from(vec![1; 1000]);
        let body = Multipart::new().file("image", "a.png", "image/png", picture.clone()).into_outgoing();
        let same = |segment: &Segment| matches!(segment, Segment::Plain(content) if content.in_memory().unwrap().as_ptr() == picture.as_ptr());
        assert!(body.segments.iter().any(same));
        assert_ne!(Multipart::new().boundary, Multipart::new().boundary);
    }
}
