//! Durations as people write them: `90s`, `3m`, `1h30m`.

use headroom_model::Span;
use thiserror::Error;

/// A text that is no duration.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum NotADuration {
    /// A bare number.
    #[error("{0:?} has no unit; write {0}s for seconds, or one of ms, m, h, d")]
    NoUnit(String),
    /// Anything else.
    #[error(
        "{0:?} is not a duration; write whole numbers with ms, s, m, h or d, largest first, such as \"90s\" or \"1h30m\""
    )]
    Other(String),
    /// Beyond what fits.
    #[error("{0:?} is longer than any log; write less than a hundred years")]
    TooLong(String),
}

/// The units, largest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];
/// A hundred years: far beyond any field's own limit, far below what could wrap.
const LONGEST: u64 = 100 * 365 * 86_400_000;

/// Reads one or more whole numbers with units, each unit smaller than the one before; `0` needs none.
pub(crate) fn parse(text: &str) -> Result<Span, NotADuration> {
    if text == "0" {
        return Ok(Span::ZERO);
    }
    let other = || NotADuration::Other(text.to_owned());
    let too_long = || NotADuration::TooLong(text.to_owned());
    let (mut rest, mut total, mut units) = (text, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(end(rest, |c| c.is_ascii_digit()));
        let (unit, next) = after.split_at(end(after, |c| c.is_ascii_alphabetic()));
        if digits.is_empty() {
            return Err(other());
        }
        if unit.is_empty() && next.is_empty() && rest.len() == text.len() {
            return Err(NotADuration::NoUnit(text.to_owned()));
        }
        let place = units.iter().position(|(name, _)| *name == unit);
        let place = place.ok_or_else(other)?;
        let number: u64 = digits.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(units[place].1).ok_or_else(too_long)?;
        total = total.checked_add(part).ok_or_else(too_long)?;
        (rest, units) = (next, &units[place + 1..]);
    }
    match (text.is_empty(), total <= LONGEST) {
        (true, _) => Err(other()),
        (_, false) => Err(too_long()),
        _ => Ok(Span(total)),
    }
}

/// Where the first character stands that `inside` does not hold for.
fn end(text: &str, inside: impl Fn(char) -> bool) -> usize {
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("90s", 90_000),
            ("3m", 180_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1d2h3m4s5ms", 93_784_005),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text), Ok(Span(want)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        let cases = [
            ("", "is not a duration"),
            ("90", "has no unit; write 90s"),
            ("1.5h", "is not a duration"),
            ("-3m", "is not a duration"),
            ("3 m", "is not a duration"),
            ("3M", "is not a duration"),
            ("m3", "is not a duration"),
            ("30m1h", "is not a duration"),
            ("1m1m", "is not a duration"),
            ("1m30", "is not a duration"),
            ("3w", "is not a duration"),
            ("18446744073709551615d", "is longer"),
            ("99999999999999999999999d", "is longer"),
            ("36501d", "is longer"),
        ];
        for (text, want) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_span_is_read_as_it_is_shown(millis in 0_u64..LONGEST) {
            prop_assert_eq!(parse(&Span(millis).to_string()), Ok(Span(millis)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9hdms.]{0,40}|.{0,20}") {
            if let Ok(span) = parse(&text) {
                prop_assert!(span.0 <= LONGEST);
            }
        }
    }
}
