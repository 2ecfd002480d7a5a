//! The days of services in China, whose limits of a day end at their midnight.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveTime};
use easel_http::header::HeaderMap;

/// What China's clocks are ahead of UTC, in seconds.
const AHEAD: i32 = 8 * 3600;
/// How long a key rests when the answer doesn't tell the time.
const UNKNOWN_REST: Duration = Duration::from_hours(1);

/// The time until the next day in China, by the service's own clock (`Date`).
pub(crate) fn rest_of_the_day(headers: &HeaderMap) -> Duration {
    until_midnight(headers).unwrap_or(UNKNOWN_REST)
}

fn until_midnight(headers: &HeaderMap) -> Option<Duration> {
    let now = DateTime::parse_from_rfc2822(headers.get("date")?.to_str().ok()?).ok()?;
    let now = now.with_timezone(&FixedOffset::east_opt(AHEAD)?).naive_local();
    let midnight = now.date().succ_opt()?.and_time(NaiveTime::MIN);
    (midnight - now).to_std().ok()
}
