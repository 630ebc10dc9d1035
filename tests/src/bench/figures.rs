//! Medians with their spread, aims, and how both are written.

use serde::Serialize;

/// The median of some runs, and the least and the greatest of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number, the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these runs.
    ///
    /// # Panics
    /// When there are none: every row makes at least one round.
    #[must_use]
    pub fn of(runs: &[f64]) -> Self {
        assert!(!runs.is_empty(), "a row has at least one round");
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Self {
            median,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        }
    }

    /// The ratio of the medians, with the spread of the rounds' own ratios.
    #[must_use]
    pub fn ratio(ours: &[f64], baseline: &[f64]) -> Self {
        let each: Vec<_> = ours
            .iter()
            .zip(baseline)
            .map(|(ours, base)| ours / base)
            .collect();
        Self {
            median: Self::of(ours).median / Self::of(baseline).median,
            ..Self::of(&each)
        }
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// So many times the baseline.
    Times,
    /// Per second.
    PerSecond,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
}

impl Unit {
    /// The number as people read it, with three digits that mean something.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Times => format!("{value:.2} ×"),
            Self::PerSecond => scaled(value, &[(1e6, " M/s"), (1e3, " k/s"), (1.0, "/s")]),
            Self::Seconds => scaled(
                value,
                &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns")],
            ),
            Self::Bytes => scaled(
                value,
                &[(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1.0, " B")],
            ),
            Self::Count => format!("{value:.0}"),
        }
    }
}

fn scaled(value: f64, steps: &[(f64, &str)]) -> String {
    let fits = steps.iter().find(|(size, _)| value >= *size);
    let Some((size, name)) = fits.or(steps.last()) else {
        return value.to_string();
    };
    let value = value / size;
    let digits = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{name}")
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

impl Aim {
    /// Whether `value` is what it should be.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(aim) => value >= aim,
            Self::AtMost(aim) => value <= aim,
            Self::Below(aim) => value < aim,
        }
    }

    /// As people read it.
    #[must_use]
    pub fn show(self, unit: Unit) -> String {
        match self {
            Self::AtLeast(aim) => format!("≥ {}", unit.show(aim)),
            Self::AtMost(aim) => format!("≤ {}", unit.show(aim)),
            Self::Below(aim) => format!("< {}", unit.show(aim)),
        }
    }
}

/// An absolute figure that stands beside a ratio.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Of what.
    pub name: String,
    /// What its number counts.
    pub unit: Unit,
    /// The number.
    pub value: Spread,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// What the figure counts.
    pub unit: Unit,
    /// The figure.
    pub figure: Spread,
    /// What it should be; `None` where nothing is promised.
    pub aim: Option<Aim>,
    /// Whether the median is so.
    pub met: Option<bool>,
    /// Absolute figures.
    pub beside: Vec<Figure>,
}

impl Line {
    /// A line without an aim.
    #[must_use]
    pub fn new(what: impl Into<String>, unit: Unit, figure: Spread) -> Self {
        Self {
            what: what.into(),
            unit,
            figure,
            aim: None,
            met: None,
            beside: Vec::new(),
        }
    }

    /// With what the figure should be.
    #[must_use]
    pub fn aim(mut self, aim: Aim) -> Self {
        self.met = Some(aim.is_met(self.figure.median));
        self.aim = Some(aim);
        self
    }

    /// With an absolute figure.
    #[must_use]
    pub fn beside(mut self, name: &str, unit: Unit, runs: &[f64]) -> Self {
        self.beside.push(Figure {
            name: name.to_owned(),
            unit,
            value: Spread::of(runs),
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_median_in_the_middle() {
        let cases: [(&str, &[f64], f64); 3] = [
            ("one run is its own median", &[4.0], 4.0),
            ("the middle one of an odd number", &[9.0, 1.0, 2.0], 2.0),
            (
                "the mean of two of an even number",
                &[9.0, 1.0, 2.0, 4.0],
                3.0,
            ),
        ];
        for (name, runs, want) in cases {
            let spread = Spread::of(runs);
            assert!((spread.median - want).abs() < 1e-9, "{name}");
            assert!(spread.min <= want && want <= spread.max, "{name}");
        }
    }

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let ratio = Spread::ratio(&[10.0, 30.0, 20.0], &[10.0, 10.0, 40.0]);
        assert_eq!((ratio.median, ratio.min, ratio.max), (2.0, 0.5, 3.0));
    }

    #[test]
    fn numbers_read_well() {
        let cases = [
            (Unit::PerSecond, 1_234_567.0, "1.23 M/s"),
            (Unit::PerSecond, 12.34, "12.3/s"),
            (Unit::Seconds, 0.0123, "12.3 ms"),
            (Unit::Seconds, 0.0, "0.00 ns"),
            (Unit::Bytes, 27.0, "27.0 B"),
            (Unit::Times, 0.8, "0.80 ×"),
            (Unit::Count, 3.0, "3"),
        ];
        for (unit, value, want) in cases {
            assert_eq!(unit.show(value), want);
        }
    }

    #[test]
    fn an_aim_knows_its_edge() {
        let cases = [
            (Aim::AtLeast(0.8), 0.8, true),
            (Aim::AtLeast(0.8), 0.79, false),
            (Aim::AtMost(1.3), 1.3, true),
            (Aim::Below(1.3), 1.3, false),
        ];
        for (aim, value, want) in cases {
            assert_eq!(aim.is_met(value), want, "{aim:?} {value}");
        }
    }
}
