//! Times and spans as people write and read them.

use chrono::{DateTime, NaiveTime, SecondsFormat, Utc};
use headroom_model::{Span, Timestamp};
use headroom_runtime::identity::wall_clock;

/// Reads a span: `90s`, `15m`, `2h`, `1d`, or several together, `1h30m`.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    let wrong = || format!("{text:?} is no span; write 90s, 15m, 2h, 1d or 1h30m");
    let mut total = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let unit_end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = match &rest[..unit_end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        total = number
            .checked_mul(unit)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = &rest[unit_end..];
    }
    Ok(Span(total))
}

/// Reads a moment: RFC 3339, `HH:MM[:SS]` of today in UTC, or a span, meaning so long ago.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(Timestamp(time.timestamp_millis()));
    }
    let clock = NaiveTime::parse_from_str(text, "%H:%M:%S")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M"));
    if let Ok(clock) = clock {
        let today = Utc::now().date_naive().and_time(clock).and_utc();
        return Ok(Timestamp(today.timestamp_millis()));
    }
    let ago = span(text).map_err(|_| {
        format!(
            "{text:?} is no time; write 2026-11-22T10:00:00Z, 10:00:00 (UTC, today) or 5m (ago)"
        )
    })?;
    Ok(wall_clock().minus(ago))
}

/// A moment in RFC 3339, UTC, with milliseconds.
pub(crate) fn show(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.0).map_or_else(
        || at.0.to_string(),
        |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

/// How long ago, in the largest unit that is not zero.
pub(crate) fn age(at: Timestamp) -> String {
    let seconds = wall_clock().since(at).0 / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let good = [
            ("90s", 90_000),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("1d", 86_400_000),
        ];
        for (text, want) in good {
            assert_eq!(span(text), Ok(Span(want)), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "5y",
            "99999999999999999999s",
            "1h-5m",
        ] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
