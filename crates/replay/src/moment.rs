//! Moments and spans as people write and read them: always UTC.

use chrono::{DateTime, NaiveTime, SecondsFormat, Utc};
use headroom_model::{Seq, Span, Timestamp};
use std::str::FromStr;
use thiserror::Error;

/// What a person calls a moment or a position in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// A position.
    Seq(Seq),
    /// A moment.
    Time(Moment),
}

/// A moment, as it was written. Only with the log's own time does it become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `2026-11-22T10:04:05Z`, or with another offset.
    At(Timestamp),
    /// `10:04:05` or `10:04`, UTC: the last time it was that late. In milliseconds since midnight.
    OfDay(Span),
    /// `5m`: so long before the end of the log.
    Ago(Span),
}

/// Text that is no moment, span or position.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MomentError {
    /// No moment.
    #[error(
        "{0:?} is no moment; write 2026-11-22T10:04:05Z, 10:04:05 (UTC, the last time it was that late), or 5m (before the end of the log)"
    )]
    Moment(String),
    /// No span.
    #[error("{0:?} is no span; write a number and a unit, as 90s, 5m, 2h or 1d")]
    Span(String),
}

const DAY: u64 = 24 * 3_600_000;

impl Moment {
    /// The moment, seen from `now`: the end of the log, so that a file from last week reads as it did last week.
    #[must_use]
    pub fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.minus(span),
            Self::OfDay(since_midnight) => {
                let day = i64::try_from(DAY).expect("a day in milliseconds is small");
                let midnight = now.minus(Span(now.0.rem_euclid(day).unsigned_abs()));
                let today = midnight.plus(since_midnight);
                if today > now {
                    today.minus(Span(DAY))
                } else {
                    today
                }
            }
        }
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(Timestamp(at.timestamp_millis())));
        }
        let of_day = ["%H:%M:%S%.f", "%H:%M"]
            .iter()
            .find_map(|form| NaiveTime::parse_from_str(text, form).ok());
        if let Some(time) = of_day {
            let since = time.signed_duration_since(NaiveTime::MIN);
            return Ok(Self::OfDay(Span(since.num_milliseconds().unsigned_abs())));
        }
        span(text)
            .map(Self::Ago)
            .map_err(|_| MomentError::Moment(text.to_owned()))
    }
}

impl FromStr for Edge {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        match text.parse() {
            Ok(seq) => Ok(Self::Seq(Seq(seq))),
            Err(_) => text.parse().map(Self::Time),
        }
    }
}

/// Reads a span: `90s`, `5m`, `2h`, `1d`, `1500ms`.
///
/// # Errors
/// When the text is no number with one of these units, or is longer than can be counted.
pub fn span(text: &str) -> Result<Span, MomentError> {
    let error = || MomentError::Span(text.to_owned());
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let (number, unit) = text.split_at(unit_at);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY,
        _ => return Err(error()),
    };
    let number: u64 = number.parse().map_err(|_| error())?;
    number.checked_mul(milliseconds).map(Span).ok_or_else(error)
}

/// `2026-11-22T10:04:05.123Z`.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_millis(at.0).map_or_else(
        || format!("{} ms after 1970", at.0), // beyond the years that a calendar has
        |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

/// `1.2s`, `340ms`, `4m 5s`, `2h 3m`: as exact as a person wants it.
#[must_use]
pub fn roughly(span: Span) -> String {
    let seconds = span.0 / 1000;
    match span.0 {
        0..1000 => format!("{}ms", span.0),
        1000..60_000 if span.0.is_multiple_of(1000) => format!("{seconds}s"),
        1000..60_000 => format!("{}.{}s", seconds, span.0 % 1000 / 100),
        60_000..3_600_000 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        // 2026-11-22T10:00:00Z
        let now = Timestamp(1_795_341_600_000);
        let cases = [
            (
                "an instant",
                "2026-11-22T09:59:58.5Z",
                Some("2026-11-22T09:59:58.500Z"),
            ),
            (
                "an instant elsewhere",
                "2026-11-22T10:30:00+01:00",
                Some("2026-11-22T09:30:00.000Z"),
            ),
            (
                "earlier today",
                "09:30:01",
                Some("2026-11-22T09:30:01.000Z"),
            ),
            (
                "later than now is yesterday",
                "10:30",
                Some("2026-11-21T10:30:00.000Z"),
            ),
            ("so long ago", "90s", Some("2026-11-22T09:58:30.000Z")),
            ("a day ago", "1d", Some("2026-11-21T10:00:00.000Z")),
            ("no unit", "90", None),
            ("no number", "m", None),
            ("an hour that is none", "25:00", None),
            ("more than can be counted", "99999999999999999h", None),
        ];
        for (name, text, want) in cases {
            let got = text.parse::<Moment>().map(|at| rfc3339(at.seen_from(now)));
            assert_eq!(got.ok().as_deref(), want, "{name}");
        }
        assert_eq!(
            "90".parse(),
            Ok(Edge::Seq(Seq(90))),
            "a bare number is a position"
        );
    }

    #[test]
    fn spans_are_shown_as_people_want_them() {
        let cases = [
            (340, "340ms"),
            (1200, "1.2s"),
            (5000, "5s"),
            (245_000, "4m 5s"),
            (7_380_000, "2h 3m"),
        ];
        for (milliseconds, want) in cases {
            assert_eq!(roughly(Span(milliseconds)), want);
        }
    }
}
