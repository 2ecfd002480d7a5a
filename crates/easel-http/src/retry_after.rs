//! What a server says about asking again: `Retry-After` (RFC 9110, 10.2.3), and the `retry-after-ms` and
//! `x-should-retry` headers that `OpenAI` and compatible services send.
//!
//! Data only. Whether the advice is followed is the retry policy's decision.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// A server's advice. Empty when it gave none that can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryAdvice {
    /// How long to wait, counted from `now`. Zero for a date that has passed.
    pub after: Option<Duration>,
    /// `x-should-retry`: `Some(false)` is to be obeyed; `Some(true)` overrides nothing.
    pub should_retry: Option<bool>,
}

impl RetryAdvice {
    /// Reads the advice of an answer. `retry-after-ms` is the finer one and wins.
    pub fn from_headers(headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let after = text("retry-after-ms")
            .and_then(|text| seconds(text, 1000.0))
            .or_else(|| text(RETRY_AFTER.as_str()).and_then(|text| retry_after(text, now)));
        let should_retry = match text("x-should-retry") {
            Some(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        Self { after, should_retry }
    }
}

fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    seconds(text, 1.0).or_else(|| {
        let until = http_date(text)?.signed_duration_since(now);
        Some(until.to_std().unwrap_or(Duration::ZERO))
    })
}

/// A number of units, `per_second` to the second. Fractions are accepted, as gateways send them.
fn seconds(text: &str, per_second: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(number / per_second).ok()
}

/// The three date forms of RFC 9110, 5.6.7.
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.with_timezone(&Utc));
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn advice(headers: &[(&'static str, &'static str)]) -> RetryAdvice {
        let now = DateTime::parse_from_rfc3339("1994-11-06T08:49:00Z").unwrap().with_timezone(&Utc);
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        RetryAdvice::from_headers(&headers, now)
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], after_ms: Option<u64>) {
        assert_eq!(advice(headers).after, after_ms.map(Duration::from_millis), "{headers:?}");
    }

    #[test]
    fn waits_in_every_form() {
        check(&[], None);
        check(&[("retry-after", "7")], Some(7000));
        check(&[("retry-after", " 0 ")], Some(0));
        check(&[("retry-after", "1.5")], Some(1500));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(37_000));
        check(&[("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT")], Some(37_000));
        check(&[("retry-after", "Sun Nov  6 08:49:37 1994")], Some(37_000));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:48:00 GMT")], Some(0));
        check(&[("retry-after-ms", "250"), ("retry-after", "9")], Some(250));
        check(&[("retry-after-ms", "soon"), ("retry-after", "9")], Some(9000));
    }

    #[test]
    fn nonsense_is_no_advice() {
        for text in ["", "-1", "NaN", "inf", "1e300", "tomorrow", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            check(&[("retry-after", text)], None);
        }
    }

    #[test]
    fn should_retry_is_tri_state() {
        assert_eq!(advice(&[("x-should-retry", "False")]).should_retry, Some(false));
        assert_eq!(advice(&[("x-should-retry", "true")]).should_retry, Some(true));
        assert_eq!(advice(&[("x-should-retry", "maybe")]).should_retry, None);
    }
}
