//! The failures that providers are known for (OpenAI "Error codes", and what gateways answer).

use super::Answer;
use crate::samples;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl Answer {
    /// A failure with OpenAI's envelope.
    pub fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let code = if code.is_empty() { Value::Null } else { json!(code) };
        Self::json(
            status,
            &json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }),
        )
    }

    /// A sample payload under this status.
    #[track_caller]
    pub fn sample(status: u16, name: &str) -> Self {
        Self::json(status, &samples::json(name))
    }

    /// 429 because of too many requests, without a hint when to come back.
    pub fn rate_limited() -> Self {
        Self::sample(429, "openai/error_rate_limit.json")
    }

    /// 429 with `Retry-After` in seconds.
    pub fn rate_limited_for(seconds: u64) -> Self {
        Self::rate_limited().header("retry-after", &seconds.to_string())
    }

    /// 429 with `Retry-After` as an HTTP date.
    pub fn rate_limited_until(time: SystemTime) -> Self {
        Self::rate_limited().header("retry-after", &http_date(time))
    }

    /// 429 because the money is used up; waiting does not help.
    pub fn quota_exhausted() -> Self {
        Self::sample(429, "openai/error_insufficient_quota.json")
    }

    /// 400 because a limit of the bill is reached.
    pub fn billing_hard_limit() -> Self {
        Self::sample(400, "openai/error_billing_hard_limit.json")
    }

    /// 401: the key is wrong.
    pub fn unauthorized() -> Self {
        Self::sample(401, "openai/error_invalid_api_key.json")
    }

    /// 402: pay first.
    pub fn payment_required() -> Self {
        Self::error(
            402,
            "payment_required",
            "payment_required",
            "Insufficient credits. Add more and try again.",
        )
    }

    /// 403: the organisation has to be verified for this model.
    pub fn organization_unverified() -> Self {
        Self::sample(403, "openai/error_org_unverified.json")
    }

    /// 403: the country is not served.
    pub fn region_unsupported() -> Self {
        Self::sample(403, "openai/error_unsupported_region.json")
    }

    /// 403: the whole account is suspended for repeated moderation hits (Azure).
    pub fn account_blocked() -> Self {
        Self::sample(403, "openai/error_azure_resource_blocked.json")
    }

    /// 403 without any known code.
    pub fn forbidden() -> Self {
        Self::error(403, "invalid_request_error", "", "You do not have access to this resource.")
    }

    /// 500.
    pub fn server_error() -> Self {
        Self::sample(500, "openai/error_server.json")
    }

    /// 503: too much to do.
    pub fn overloaded() -> Self {
        Self::sample(503, "openai/error_server_overloaded.json")
    }

    /// Any status with the envelope of a server's failure.
    pub fn status(status: u16) -> Self {
        Self::error(status, "server_error", "", "The server had an error while processing your request.")
    }

    /// 400: the prompt or a reference picture was refused before drawing.
    pub fn moderation_input() -> Self {
        Self::sample(400, "openai/error_moderation_blocked_input.json")
    }

    /// 400: the picture was drawn and withheld.
    pub fn moderation_output() -> Self {
        Self::sample(400, "openai/error_moderation_blocked_output.json")
    }

    /// 400: the words of the older moderation.
    pub fn content_policy() -> Self {
        Self::sample(400, "openai/error_content_policy_violation.json")
    }

    /// 400: the size is not one of this model's.
    pub fn invalid_size() -> Self {
        Self::sample(400, "openai/error_invalid_size.json")
    }

    /// 400: a parameter that the provider does not know.
    pub fn unknown_parameter(parameter: &str) -> Self {
        let message = format!("Unknown parameter: '{parameter}'.");
        Self::json(
            400,
            &json!({ "error": { "message": message, "type": "invalid_request_error", "param": parameter,
            "code": "unknown_parameter" } }),
        )
    }

    /// 404: no such model, or no longer.
    pub fn model_not_found() -> Self {
        Self::sample(404, "openai/error_model_retired.json")
    }

    /// 503 of a gateway that has no channel for the model.
    pub fn no_channel() -> Self {
        Self::sample(503, "chat_gateways/error_no_channel.json")
    }

    /// 404 of a gateway that does not serve this route.
    pub fn route_missing() -> Self {
        Self::sample(404, "chat_gateways/error_route_missing.json")
    }

    /// 413: too many bytes.
    pub fn too_large() -> Self {
        Self::error(413, "invalid_request_error", "image_too_large", "The image is too large.")
    }

    /// 200 with a web page: a captive portal, or a gateway's front page.
    pub fn html() -> Self {
        Self::raw(200, "text/html; charset=utf-8", crate::pictures::html())
    }

    /// 502 with the page of a reverse proxy.
    pub fn bad_gateway_html() -> Self {
        let page = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>";
        Self::raw(502, "text/html", page)
    }

    /// 200 with an empty list of pictures.
    pub fn empty_data() -> Self {
        Self::json(200, &json!({ "created": 1_789_000_000, "data": [] }))
    }

    /// 200 without any list of pictures.
    pub fn no_data() -> Self {
        Self::sample(200, "openai/generations_empty_data.json")
    }

    /// 200 with base64 that has letters of no alphabet in its middle.
    pub fn broken_base64() -> Self {
        let mut encoded = super::answer::base64(&super::any_picture(1));
        let middle = encoded.len() / 2;
        encoded.replace_range(middle..middle + 4, "!*!*");
        Self::json(200, &json!({ "created": 1_789_000_000, "data": [{ "b64_json": encoded }] }))
    }

    /// 200 with good base64 of something that is no picture.
    pub fn not_a_picture() -> Self {
        Self::b64([crate::pictures::html()])
    }

    /// 200 with the one-pixel placeholder of some gateways.
    pub fn placeholder() -> Self {
        Self::b64([crate::pictures::one_pixel_png()])
    }

    /// A stream that breaks off with an error event after a preview.
    pub fn stream_error() -> Self {
        Self::event_stream("openai/stream_error_event.json")
    }
}

/// A date as HTTP writes it (RFC 9110, IMF-fixdate).
pub(super) fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted from 0000-03-01, so that leap days end a year (Howard Hinnant, "chrono-compatible date algorithms").
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    let name = |names: &[&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
    };
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, expected: &str) {
        assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
    }

    #[test]
    fn dates_are_those_of_http() {
        check(0, "Thu, 01 Jan 1970 00:00:00 GMT");
        // The example of RFC 9110.
        check(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT");
        check(951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT");
        check(951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT");
        check(1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT");
    }
}
