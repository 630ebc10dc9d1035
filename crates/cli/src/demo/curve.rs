//! The load over time: calm, a surge, its decline, and calm again.

use std::time::Duration;

/// Requests a second in quiet times: less than one worker carries.
const CALM: f64 = 40.0;
/// Requests a second at the height of the surge: six workers at the policy's 70, and more than three can carry at all.
pub(crate) const SURGE: f64 = 400.0;

/// Where the curve bends: the share of the whole time, and the requests a second there. Straight lines between.
const BENDS: [(f64, f64); 6] = [
    (0.0, CALM),
    (0.15, CALM),
    (0.19, SURGE),
    (0.6, SURGE),
    (0.75, CALM),
    (1.0, CALM),
];

/// What the load is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Calm,
    Surge,
    Decline,
    /// The curve has ended, and the load stays calm.
    Settling,
}

impl Phase {
    /// One word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Surge => "surge",
            Self::Decline => "decline",
            Self::Settling => "settling",
        }
    }
}

/// The load over time, stretched to a length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve {
    seconds: f64,
}

impl Curve {
    /// A curve that takes so long.
    pub(crate) fn new(length: Duration) -> Self {
        Self {
            seconds: length.as_secs_f64().max(1.0),
        }
    }

    /// How long it takes.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// How many requests should have been sent so long after the beginning: the area under the curve, rounded down. Since
    /// it is counted from the beginning each time, no error adds up.
    pub(crate) fn requests_by(&self, elapsed: Duration) -> u64 {
        let elapsed = elapsed.as_secs_f64();
        let within: f64 = BENDS
            .windows(2)
            .map(|line| self.area(line[0], line[1], elapsed))
            .sum();
        let after = (elapsed - self.seconds).max(0.0) * CALM;
        // The sum of positive numbers far below 2^53 is a whole number of requests once it is rounded down.
        (within + after) as u64
    }

    /// What the load is doing so long after the beginning.
    pub(crate) fn phase(&self, elapsed: Duration) -> Phase {
        let share = elapsed.as_secs_f64() / self.seconds;
        match share {
            share if share >= 1.0 => Phase::Settling,
            share if share < BENDS[1].0 || share >= BENDS[4].0 => Phase::Calm,
            share if share < BENDS[3].0 => Phase::Surge,
            _ => Phase::Decline,
        }
    }

    /// The area under one straight line, as far as time has come.
    fn area(&self, from: (f64, f64), to: (f64, f64), elapsed: f64) -> f64 {
        let (begins, ends) = (from.0 * self.seconds, to.0 * self.seconds);
        let passed = elapsed.clamp(begins, ends) - begins;
        let slope = (to.1 - from.1) / (ends - begins);
        passed * (from.1 + slope * passed / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(60);

    #[test]
    fn the_rate_is_that_of_the_phase() {
        let curve = Curve::new(LENGTH);
        let cases = [
            // name                      second  phase             requests in that second
            ("calm at first", 3, Phase::Calm, 40..=40),
            ("the surge rises", 9, Phase::Surge, 100..=130),
            ("the surge is high", 30, Phase::Surge, 400..=400),
            ("the surge falls", 40, Phase::Decline, 180..=280),
            ("calm again", 50, Phase::Calm, 40..=40),
            ("calm after the end", 70, Phase::Settling, 40..=40),
        ];
        for (name, second, phase, requests) in cases {
            let [begins, ends] = [second, second + 1].map(Duration::from_secs);
            assert_eq!(curve.phase(begins), phase, "{name}");
            let sent = curve.requests_by(ends) - curve.requests_by(begins);
            assert!(requests.contains(&sent), "{name}: {sent}");
        }
    }

    #[test]
    fn requests_only_grow_and_do_not_depend_on_how_often_one_asks() {
        let curve = Curve::new(LENGTH);
        assert_eq!(curve.requests_by(Duration::ZERO), 0);
        let by: Vec<u64> = (0..9000)
            .map(|tick| curve.requests_by(Duration::from_millis(tick * 10)))
            .collect();
        assert!(by.is_sorted());
        // By hand: 9 s, 15 s and 30 s of calm, 24.6 s of surge, and 2.4 s and 9 s halfway between the two.
        let by_hand = 54 * 40 + 246 * 40 + 114 * 22;
        let counted = curve.requests_by(Duration::from_secs(90));
        assert!(counted == by_hand || counted + 1 == by_hand, "{counted}");
    }
}
