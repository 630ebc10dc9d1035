//! How good what was heard of a metric is.
//!
//! Only [`Quality::Fresh`] is ever evaluated. The other answers of a source fall into two groups:
//!
//! - **An answer without a number** ([`Quality::Missing`], [`Quality::NotANumber`]): the source works and says that there
//!   is nothing to count. The rule cannot say at once, since the number before it no longer holds.
//! - **No answer** ([`Quality::Failed`], [`Quality::Late`], [`Quality::Skewed`]): nothing is learned about the metric. The
//!   last good sample stands until its freshness runs out; but a proportional rule of a policy with `trigger: Period` cannot
//!   say at once after a failure, as an HPA.

use headroom_model::{
    Span, Timestamp,
    body::{Measured, Quality, Unavailable},
};

/// A sample further ahead of the stamp than this comes from a clock that cannot be believed.
pub const AHEAD_AT_MOST: Span = Span::seconds(2);

/// The quality on arrival of a reading taken `at`, when it is `now` and a sample lives as long as `freshness`.
#[must_use]
pub fn on_arrival(measured: &Measured, at: Timestamp, now: Timestamp, freshness: Span) -> Quality {
    if at > now.plus(AHEAD_AT_MOST) {
        return Quality::Skewed;
    }
    if stale(at, now, freshness) {
        return Quality::Late;
    }
    match measured {
        Measured::Missing => Quality::Missing,
        Measured::Total(value) if value.is_finite() => Quality::Fresh,
        Measured::PerReplica { values, .. } if values.is_empty() => Quality::Missing,
        Measured::PerReplica { values, .. } if values.iter().any(|value| value.is_finite()) => {
            Quality::Fresh
        }
        Measured::PerContainer(usage) if usage.values.is_empty() => Quality::Missing,
        Measured::PerContainer(usage) if usage.values.iter().any(|value| value.is_finite()) => {
            Quality::Fresh
        }
        Measured::Total(_) | Measured::PerReplica { .. } | Measured::PerContainer(_) => {
            Quality::NotANumber
        }
    }
}

/// Whether a sample taken `at` has outlived its freshness. At exactly the limit it has not.
#[must_use]
pub fn stale(at: Timestamp, now: Timestamp, freshness: Span) -> bool {
    now.since(at) > freshness
}

/// Whether the source answered about the instant at all, be it without a number.
#[must_use]
pub fn answered(quality: Quality) -> bool {
    match quality {
        Quality::Fresh | Quality::Stale | Quality::NotANumber | Quality::Missing => true,
        Quality::Late | Quality::Skewed | Quality::Failed => false,
    }
}

/// Why a rule whose sample has this quality cannot say; `None` when it can.
#[must_use]
pub fn unavailable(quality: Quality, at: Timestamp) -> Option<Unavailable> {
    match quality {
        Quality::Fresh => None,
        Quality::Stale => Some(Unavailable::Stale { since: at }),
        Quality::Late => Some(Unavailable::Late),
        Quality::Skewed => Some(Unavailable::Skewed),
        Quality::NotANumber => Some(Unavailable::NotANumber),
        Quality::Missing => Some(Unavailable::Missing),
        Quality::Failed => Some(Unavailable::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(values: &[f64]) -> Measured {
        Measured::PerReplica {
            replicas: (0..values.len()).map(|i| format!("r{i}")).collect(),
            values: values.to_vec(),
        }
    }

    #[test]
    fn what_arrives_is_judged_by_its_age_first_and_then_by_its_number() {
        const NOW: i64 = 1_000_000;
        let total = Measured::Total(5.0);
        let cases = [
            (
                "a number in time is fresh",
                total.clone(),
                NOW,
                Quality::Fresh,
            ),
            (
                "two seconds ahead is within what clocks differ",
                total.clone(),
                NOW + 2000,
                Quality::Fresh,
            ),
            (
                "more than that is skewed",
                total.clone(),
                NOW + 2001,
                Quality::Skewed,
            ),
            (
                "as old as the freshness limit is still fresh",
                total.clone(),
                NOW - 30_000,
                Quality::Fresh,
            ),
            ("older is late", total.clone(), NOW - 30_001, Quality::Late),
            (
                "a late NaN is late",
                Measured::Total(f64::NAN),
                NOW - 30_001,
                Quality::Late,
            ),
            (
                "a skewed absence is skewed",
                Measured::Missing,
                NOW + 2001,
                Quality::Skewed,
            ),
            (
                "NaN is no number",
                Measured::Total(f64::NAN),
                NOW,
                Quality::NotANumber,
            ),
            (
                "infinity is no number",
                Measured::Total(f64::NEG_INFINITY),
                NOW,
                Quality::NotANumber,
            ),
            (
                "the largest number is one",
                Measured::Total(f64::MAX),
                NOW,
                Quality::Fresh,
            ),
            (
                "no series is missing",
                Measured::Missing,
                NOW,
                Quality::Missing,
            ),
            (
                "no replica at all is missing, not zero",
                replicas(&[]),
                NOW,
                Quality::Missing,
            ),
            (
                "one replica that answers is enough",
                replicas(&[f64::NAN, 1.0]),
                NOW,
                Quality::Fresh,
            ),
            (
                "no replica that answers is not",
                replicas(&[f64::NAN, f64::INFINITY]),
                NOW,
                Quality::NotANumber,
            ),
            (
                "before all time is late",
                total.clone(),
                i64::MIN,
                Quality::Late,
            ),
            ("after all time is skewed", total, i64::MAX, Quality::Skewed),
        ];
        for (name, measured, at, want) in cases {
            let got = on_arrival(&measured, Timestamp(at), Timestamp(NOW), Span::seconds(30));
            assert_eq!(got, want, "{name}");
        }
    }
}
