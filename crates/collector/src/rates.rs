//! How fast counters grow, from one scrape to the next.

use headroom_model::Timestamp;
use std::collections::BTreeMap;

/// The counters of one question at one endpoint, as the last scrape saw them: what the next rate is taken from.
///
/// Every series is looked at by itself: one that fell was reset and grew from zero; one that is new began before anyone
/// looked, so what it has so far says nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counters {
    at: Timestamp,
    series: BTreeMap<String, f64>,
}

impl Counters {
    /// The counters at one moment; each name stands for one series.
    pub(crate) fn new(at: Timestamp, series: BTreeMap<String, f64>) -> Self {
        Self { at, series }
    }

    /// When they were seen.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// The growth of all series since `earlier`, per second. `None` when no series is in both, or no time passed.
    pub(crate) fn rate_since(&self, earlier: &Self) -> Option<f64> {
        let seconds = self.at.since(earlier.at).0 as f64 / 1000.0;
        if seconds <= 0.0 {
            return None;
        }
        let growths: Vec<f64> = self
            .series
            .iter()
            .filter_map(|(name, &now)| Some(growth(*earlier.series.get(name)?, now)))
            .collect();
        (!growths.is_empty()).then(|| growths.iter().sum::<f64>() / seconds)
    }
}

fn growth(before: f64, now: f64) -> f64 {
    if now < before { now } else { now - before }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(at: i64, series: &[(&str, f64)]) -> Counters {
        let series = series.iter().map(|&(name, value)| (name.to_owned(), value));
        Counters::new(Timestamp(at), series.collect())
    }

    #[test]
    fn a_rate_is_growth_over_time() {
        type Series<'a> = &'a [(&'a str, f64)];
        let cases: [(&str, Series<'_>, i64, Series<'_>, Option<f64>); 8] = [
            // name, before, milliseconds later, then, want
            ("grows", &[("a", 10.0)], 2000, &[("a", 16.0)], Some(3.0)),
            (
                "stands still",
                &[("a", 10.0)],
                2000,
                &[("a", 10.0)],
                Some(0.0),
            ),
            ("was reset", &[("a", 10.0)], 2000, &[("a", 4.0)], Some(2.0)),
            (
                "two grow, one of them from a reset",
                &[("a", 10.0), ("b", 5.0)],
                1000,
                &[("a", 1.0), ("b", 6.0)],
                Some(2.0),
            ),
            (
                "a new series waits for its second scrape",
                &[("a", 1.0)],
                1000,
                &[("a", 2.0), ("b", 900.0)],
                Some(1.0),
            ),
            (
                "a series that went says nothing",
                &[("a", 1.0), ("b", 9.0)],
                1000,
                &[("a", 2.0)],
                Some(1.0),
            ),
            ("none in both", &[("a", 1.0)], 1000, &[("b", 2.0)], None),
            ("no time passed", &[("a", 1.0)], 0, &[("a", 2.0)], None),
        ];
        for (name, before, later, then, want) in cases {
            let rate = counters(later, then).rate_since(&counters(0, before));
            assert_eq!(rate, want, "{name}");
        }
        let back = counters(-5, &[("a", 2.0)]).rate_since(&counters(0, &[("a", 1.0)]));
        assert_eq!(back, None, "a clock that went back");
        let nan = counters(1000, &[("a", f64::NAN)]).rate_since(&counters(0, &[("a", 1.0)]));
        assert!(nan.is_some_and(f64::is_nan), "NaN is kept");
    }
}
