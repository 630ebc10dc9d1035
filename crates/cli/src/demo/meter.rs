//! Measures the requests: how many, how fast, how many came to nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What has been measured of requests, by everybody who sends them.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Measured>);

#[derive(Debug, Default)]
struct Measured {
    sent: u64,
    lost: u64,
    /// How long answers took, in microseconds. One demonstration has some ten thousand of them.
    answered: Vec<u32>,
    /// What earlier intervals had.
    before: (u64, u64, usize),
}

/// The requests of an interval, or of all time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Requests sent.
    pub(crate) sent: u64,
    /// Requests that were refused, failed, or took too long.
    pub(crate) lost: u64,
    /// 95 of 100 answers came within this; `None` when there was none.
    pub(crate) p95: Option<Duration>,
}

impl Meter {
    /// A request is sent.
    pub(crate) fn sent(&self) {
        self.measured().sent += 1;
    }

    /// A request was answered.
    pub(crate) fn answered(&self, after: Duration) {
        self.measured()
            .answered
            .push(u32::try_from(after.as_micros()).unwrap_or(u32::MAX));
    }

    /// A request came to nothing.
    pub(crate) fn lost(&self) {
        self.measured().lost += 1;
    }

    /// What was measured since the last call.
    pub(crate) fn interval(&self) -> Figures {
        let mut measured = self.measured();
        let (sent, lost, answered) = measured.before;
        measured.before = (measured.sent, measured.lost, measured.answered.len());
        Figures {
            sent: measured.sent - sent,
            lost: measured.lost - lost,
            p95: p95(&measured.answered[answered..]),
        }
    }

    /// What was measured in all.
    pub(crate) fn total(&self) -> Figures {
        let measured = self.measured();
        Figures {
            sent: measured.sent,
            lost: measured.lost,
            p95: p95(&measured.answered),
        }
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The smallest value that 95 of 100 do not exceed.
fn p95(microseconds: &[u32]) -> Option<Duration> {
    let mut sorted = microseconds.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * 95).div_ceil(100);
    let value = sorted.get(rank.checked_sub(1)?)?;
    Some(Duration::from_micros(u64::from(*value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p95_is_a_value_that_was_measured() {
        let cases = [
            ("none", vec![], None),
            ("one", vec![7], Some(7)),
            ("two", vec![9, 7], Some(9)),
            ("twenty", (1..=20).rev().collect(), Some(19)),
            ("a hundred", (1..=100).collect(), Some(95)),
        ];
        for (name, values, want) in cases {
            assert_eq!(p95(&values), want.map(Duration::from_micros), "{name}");
        }
    }

    #[test]
    fn an_interval_is_what_came_since_the_last() {
        let meter = Meter::default();
        let second = |sent, lost, p95: Option<u64>| Figures {
            sent,
            lost,
            p95: p95.map(Duration::from_millis),
        };
        meter.sent();
        meter.sent();
        meter.answered(Duration::from_millis(40));
        assert_eq!(meter.interval(), second(2, 0, Some(40)));
        meter.lost();
        assert_eq!(meter.interval(), second(0, 1, None));
        assert_eq!(meter.total(), second(2, 1, Some(40)));
    }
}
