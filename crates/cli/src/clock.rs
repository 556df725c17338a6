//! The program's one reading of the clock, and how moments are written.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use pouch_wire::Timestamp;

use crate::problem::Problem;

/// Now, by the system's clock.
pub(crate) fn now() -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "this is the adapter that reads the clock")]
    let now = std::time::SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// RFC 3339, UTC, whole seconds: `2026-11-24T03:00:00Z`.
pub(crate) fn utc(at: Timestamp) -> String {
    let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("{} ms", at.0),
    }
}

/// A moment as people write it: `2026-11-24T03:00:00Z`, or `+90m`, `+12h`, `+3d` from now.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let wrong = || {
        Problem::usage(format!("{text:?} is no time"))
            .next("write it as 2026-11-24T03:00:00Z, or as +90m, +12h or +3d from now")
    };
    if let Some(span) = text.strip_prefix('+') {
        let unit = span.chars().last().ok_or_else(wrong)?;
        let count = span.strip_suffix(unit).and_then(|n| n.parse::<u64>().ok()).ok_or_else(wrong)?;
        let seconds = match unit {
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        return Ok(now.after(Duration::from_secs(count.saturating_mul(seconds))));
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    u64::try_from(time.as_millisecond())
        .map(Timestamp)
        .map_err(|_| Problem::usage(format!("{text:?} is before 1970")))
}

/// How long ago, in words: `40 s ago`, `5 min ago`, `3 h ago`, `2 d ago`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("in {}", span(at.since(now)));
    }
    format!("{} ago", span(now.since(at)))
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}
