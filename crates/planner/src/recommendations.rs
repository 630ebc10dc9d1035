//! What was wanted at the ends of the last periods: the memory of the stabilization windows with `trigger: Period`.

use crate::history::Extremes;
use headroom_model::{Replicas, Span, Timestamp};
use headroom_policy::{Pace, Policy};
use serde::{Deserialize, Serialize};

/// What was wanted at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// When it was wanted.
    pub at: Timestamp,
    /// How many replicas, before windows, rates and bounds.
    pub wish: Replicas,
}

/// The list that an HPA's controller keeps of one autoscaler: a point for each period, not an interval as in
/// [`History`](crate::history::History). Its order is that of the slots: an obsolete one is used again, so the list is not
/// in the order of time. It grows to the number of periods in the longest window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendations(Vec<Recommendation>);

impl Recommendations {
    /// A list with these entries.
    #[must_use]
    pub fn of(entries: Vec<Recommendation>) -> Self {
        Self(entries)
    }

    /// The list of a workload that is looked at for the first time: it wanted what it had.
    #[must_use]
    pub fn starting(now: Timestamp, current: Replicas) -> Self {
        let (at, wish) = (now, current);
        Self(vec![Recommendation { at, wish }])
    }

    /// The entries, slot by slot.
    #[must_use]
    pub fn entries(&self) -> &[Recommendation] {
        &self.0
    }

    /// The lowest wish of the window upwards and the highest of the window downwards, `wanted` included. An entry exactly
    /// one window old still counts without `behavior`, and no longer with it: so it is in autoscaling/v2
    /// (`stabilizeRecommendation` and `stabilizeRecommendationWithBehaviors`). Without `behavior` nothing holds back more.
    #[must_use]
    pub fn extremes(&self, now: Timestamp, wanted: Replicas, policy: &Policy) -> Extremes {
        let seen = |window: Span| {
            let counts = move |entry: &&Recommendation| match policy.pace {
                Pace::Plain => entry.at.plus(window) >= now,
                Pace::Behavior => entry.at.plus(window) > now,
            };
            self.0.iter().filter(counts).map(|entry| entry.wish)
        };
        let (up, down) = windows(policy);
        let lowest = match policy.pace {
            Pace::Plain => None,
            Pace::Behavior => seen(up).min(),
        };
        Extremes {
            lowest: lowest.map_or(wanted, |lowest| lowest.min(wanted)),
            highest: seen(down).fold(wanted, Replicas::max),
        }
    }

    /// Remembers what is wanted now: in the last slot whose entry is older than both windows, else in a new one.
    pub fn record(&mut self, now: Timestamp, wish: Replicas, policy: &Policy) {
        let (up, down) = windows(policy);
        let longest = up.max(down);
        let obsolete = |entry: &Recommendation| entry.at.plus(longest) < now;
        let entry = Recommendation { at: now, wish };
        match self.0.iter().rposition(obsolete) {
            Some(slot) => self.0[slot] = entry,
            None => self.0.push(entry),
        }
    }
}

fn windows(policy: &Policy) -> (Span, Span) {
    (
        policy.scale_up.stabilization_window,
        policy.scale_down.stabilization_window,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plain, policy};

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn list(of: &[(i64, u32)]) -> Recommendations {
        let entry = |&(age, wish)| Recommendation {
            at: Timestamp(NOW.0 - age * 1000),
            wish: Replicas(wish),
        };
        Recommendations::of(of.iter().map(entry).collect())
    }

    fn with_windows(up: u64, down: u64) -> Policy {
        let mut policy = policy(1, 100);
        policy.scale_up.stabilization_window = Span::seconds(up);
        policy.scale_down.stabilization_window = Span::seconds(down);
        policy
    }

    /// Entries as (age in seconds, wish); what is wanted; windows; lowest and highest with behavior, highest without.
    type Case<'a> = (&'a [(i64, u32)], u32, (u64, u64), (u32, u32), u32);

    #[test]
    fn windows_see_points_as_the_hpa_does() {
        #[rustfmt::skip]
        let cases: [(&str, Case); 6] = [
            ("an empty list", (&[], 5, (0, 300), (5, 5), 5)),
            ("points in the windows", (&[(120, 4), (60, 8)], 6, (300, 300), (4, 8), 8)),
            ("each window has its own points", (&[(120, 4), (60, 5), (130, 9)], 5, (60, 125), (5, 5), 5)),
            ("exactly one window old", (&[(300, 9), (60, 2)], 5, (60, 300), (5, 5), 9)),
            ("a moment younger", (&[(299, 9), (59, 2)], 5, (60, 300), (2, 9), 9)),
            ("older ones are not seen", (&[(301, 9), (61, 2)], 5, (60, 300), (5, 5), 5)),
        ];
        for (name, (entries, wanted, (up, down), (lowest, highest), without)) in cases {
            let policy = with_windows(up, down);
            let seen = |policy: &Policy| list(entries).extremes(NOW, Replicas(wanted), policy);
            let want = Extremes {
                lowest: Replicas(lowest),
                highest: Replicas(highest),
            };
            assert_eq!(seen(&policy), want, "{name}");
            let want = Extremes {
                lowest: Replicas(wanted),
                highest: Replicas(without),
            };
            assert_eq!(seen(&plain(policy)), want, "{name}, without behavior");
        }
    }

    /// Entries as (age in seconds, wish); windows; the wishes slot by slot after 7 was recorded.
    type SlotCase<'a> = (&'a [(i64, u32)], (u64, u64), &'a [u32]);

    #[test]
    fn the_last_obsolete_slot_is_used_again() {
        #[rustfmt::skip]
        let cases: [(&str, SlotCase); 5] = [
            ("none is obsolete", (&[(120, 4), (60, 5)], (0, 300), &[4, 5, 7])),
            ("of several the last", (&[(600, 10), (60, 4), (540, 9), (120, 5)], (0, 180), &[10, 4, 7, 5])),
            ("the only one", (&[(301, 4), (60, 5)], (0, 300), &[7, 5])),
            ("exactly one window old is not obsolete", (&[(300, 4), (60, 5)], (0, 300), &[4, 5, 7])),
            ("the longer window counts", (&[(301, 4), (60, 5)], (400, 300), &[4, 5, 7])),
        ];
        for (name, (entries, (up, down), want)) in cases {
            let mut list = list(entries);
            list.record(NOW, Replicas(7), &with_windows(up, down));
            let wishes: Vec<_> = list.entries().iter().map(|entry| entry.wish.0).collect();
            assert_eq!(wishes, want, "{name}");
        }
    }
}
