//! Answers to calls (OneBot v11 reference, "api" and "communication").

use std::borrow::Cow;

use super::wire::{Frame, Raw, int, text};

/// What an implementation answered.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// The call it belongs to; `None` for answers that lost their echo.
    pub(crate) echo: Option<Cow<'a, str>>,
    /// Whether it reports success.
    pub(crate) ok: bool,
    /// The code; 0 when there is none.
    pub(crate) retcode: i64,
    /// The result.
    pub(crate) data: Raw<'a>,
    /// The error text, wherever the implementation put it. May be empty.
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Answer<'a> {
    /// Reads a frame without `post_type`.
    pub(crate) fn read(frame: &Frame<'a>) -> Self {
        let retcode = int(frame.retcode);
        let status = text(frame.status);
        // Lagrange sometimes writes prose into `status` together with retcode 0, which still is a success.
        let ok = match (status.as_deref(), retcode) {
            (Some("failed"), _) => false,
            (Some("ok" | "async"), None | Some(0 | 1)) | (_, Some(0)) => true,
            _ => false,
        };
        let error = [frame.message, frame.wording, frame.msg]
            .into_iter()
            .filter_map(text)
            .find(|text| !text.is_empty())
            .unwrap_or_default();
        Self {
            echo: text(frame.echo).filter(|echo| !echo.is_empty()),
            ok,
            retcode: retcode.unwrap_or(0),
            data: frame.data,
            text: error,
        }
    }
}
