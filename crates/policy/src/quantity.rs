//! Kubernetes quantities: `500m`, `30`, `1.5k`, `1Gi`, `1e3`.

use thiserror::Error;

/// A text that Kubernetes does not read as a quantity either.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not a quantity; write a number, with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 behind it"
)]
pub(crate) struct NotAQuantity(String);

/// An amount in units of 10⁻⁹, at most 2⁶³ − 1 whole units either way, as Kubernetes has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity {
    nanos: i128,
}

/// Nanos in a whole unit.
const UNIT: i128 = 1_000_000_000;
/// Nanos in a thousandth.
const MILLI: i128 = 1_000_000;
/// Kubernetes caps larger amounts silently.
const LARGEST: i128 = (i64::MAX as i128) * UNIT;
/// So many digits times the largest binary multiple, 2⁶⁰, stay below `i128::MAX` (1.7e38).
const DIGITS: usize = 20;

impl Quantity {
    /// Reads a quantity. Finer than 10⁻⁹ is rounded away from zero, larger than 2⁶³ − 1 is capped, as in Kubernetes; of
    /// more than 20 digits the rest only rounds.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAQuantity> {
        let wrong = || NotAQuantity(text.to_owned());
        let (negative, number) = match text.strip_prefix(['-', '+']) {
            Some(number) => (text.starts_with('-'), number),
            None => (false, text),
        };
        let end = number
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(number.len());
        let (digits, suffix) = number.split_at(end);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(wrong());
        }
        let suffix = Suffix::parse(suffix).ok_or_else(wrong)?;
        let nanos = nanos(whole, fraction, suffix).unwrap_or(LARGEST);
        let nanos = nanos.min(LARGEST);
        Ok(Self {
            nanos: if negative { -nanos } else { nanos },
        })
    }

    /// Rounded up to thousandths, which is how fine the HPA reads its targets.
    pub(crate) fn up_to_milli(self) -> Self {
        let rest = self.nanos.rem_euclid(MILLI);
        let up = if rest == 0 { 0 } else { MILLI - rest };
        Self {
            nanos: self.nanos + up,
        }
    }

    /// The nearest float.
    pub(crate) fn to_f64(self) -> f64 {
        let (mut nanos, mut unit) = (self.nanos, UNIT);
        // In lowest terms both sides are exact for all but the longest amounts, and so the division is the only rounding.
        while unit > 1 && nanos % 10 == 0 {
            nanos /= 10;
            unit /= 10;
        }
        nanos as f64 / unit as f64
    }
}

/// What a number is multiplied by: `2^binary * 10^decimal`.
#[derive(Clone, Copy)]
struct Suffix {
    binary: u32,
    decimal: i64,
}

impl Suffix {
    fn parse(text: &str) -> Option<Self> {
        let binary = |binary| Self { binary, decimal: 0 };
        let decimal = |decimal| Self { binary: 0, decimal };
        Some(match text {
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "" => decimal(0),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            _ => decimal(text.strip_prefix(['e', 'E'])?.parse().ok()?),
        })
    }
}

/// The amount in nanos, rounded up; `None` when it is beyond what counts.
fn nanos(whole: &str, fraction: &str, suffix: Suffix) -> Option<i128> {
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let kept = &significant[..significant.len().min(DIGITS)];
    let dropped = &significant[kept.len()..];
    if kept.is_empty() {
        return Some(0);
    }
    let number: i128 = kept.parse().ok()?;
    let scaled = number.checked_mul(1 << suffix.binary)?;
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let exponent = suffix
        .decimal
        .saturating_sub(length(fraction))
        .saturating_add(length(dropped))
        .saturating_add(9);
    let inexact = dropped.bytes().any(|digit| digit != b'0');
    let power = u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX);
    let power = 10_i128.checked_pow(power);
    if exponent >= 0 {
        return scaled.checked_mul(power?);
    }
    // A divisor beyond i128 leaves less than one nano, which rounds up to one.
    let (quotient, rest) = power.map_or((0, 1), |power| (scaled / power, scaled % power));
    Some(quotient + i128::from(rest > 0 || inexact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        let cases = [
            ("0", 0.0),
            ("30", 30.0),
            ("+30", 30.0),
            ("-30", -30.0),
            ("100m", 0.1),
            ("500m", 0.5),
            ("1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("007", 7.0),
            ("2k", 2e3),
            ("1M", 1e6),
            ("3G", 3e9),
            ("1T", 1e12),
            ("1P", 1e15),
            ("1E", 1e18),
            ("250u", 0.000_25),
            ("7n", 7e-9),
            ("1Ki", 1024.0),
            ("1.5Ki", 1536.0),
            ("0.5Mi", 524_288.0),
            ("1Gi", 1_073_741_824.0),
            ("1Ti", 1_099_511_627_776.0),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("1e+3", 1000.0),
            ("12e-1", 1.2),
            ("0.1n", 1e-9),
            ("-0.1n", -1e-9),
            ("1e-400", 1e-9),
            ("0e99999999", 0.0),
            ("12345678901", 12_345_678_901.0),
            ("9223372036854775807", i64::MAX as f64),
            ("9223372036854775808", i64::MAX as f64),
            ("8Ei", i64::MAX as f64),
            ("1e99999999", i64::MAX as f64),
            ("-1e99999999", -(i64::MAX as f64)),
            ("123456789012345678901234567890n", i64::MAX as f64),
            ("0.00000000000000000000000000000000001", 1e-9),
            ("1.000000000000000000000000000000000001", 1.000_000_001),
        ];
        for (text, want) in cases {
            let got = Quantity::parse(text).map(Quantity::to_f64);
            assert_eq!(got, Ok(want), "{text}");
        }
    }

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        let cases = [
            "", " ", "m", "-", "+", ".", "-.", "1K", "1ki", "1KI", "0.1mi", "0.1am", "aoeu", ".5i",
            "1i", "-3.01i", "-3.01e-", "1e", "1.1.M", "1+1.0M", "1..2", " 1", "1 ", "1 k", "1mm",
            "0x10", "1_000", "1,5", "NaN", "nan", "inf", "Infinity", "-inf", "1e3.5", "1e3k",
            "--1", "１",
        ];
        for text in cases {
            assert!(Quantity::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_hpa_reads_targets_in_thousandths_rounded_up() {
        let cases = [
            ("1500u", 0.002),
            ("1n", 0.001),
            ("100m", 0.1),
            ("1.2345", 1.235),
            ("8Ei", i64::MAX as f64),
        ];
        for (text, want) in cases {
            let got = Quantity::parse(text).map(|quantity| quantity.up_to_milli().to_f64());
            assert_eq!(got, Ok(want), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_come_back_exactly(number in any::<i32>()) {
            prop_assert_eq!(Quantity::parse(&number.to_string()).unwrap().to_f64(), f64::from(number));
        }

        #[test]
        fn decimals_are_the_floats_that_rust_reads(whole in 0_u32.., fraction in 0_u32..1_000_000) {
            let text = format!("{whole}.{fraction:06}");
            prop_assert_eq!(Quantity::parse(&text).unwrap().to_f64(), text.parse::<f64>().unwrap());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-+.0-9eEkKMGTPmnui]{0,60}|.{0,20}") {
            if let Ok(quantity) = Quantity::parse(&text) {
                let limit = i64::MAX as f64;
                prop_assert!((-limit..=limit).contains(&quantity.to_f64()));
                prop_assert!(quantity.up_to_milli() >= quantity);
            }
        }
    }
}
