//! What was wanted lately: the memory of the stabilization windows.

use headroom_model::{Replicas, Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The longest stabilization window that a policy can have (autoscaling/v2: 3600 s). Wishes are kept this long whatever
/// the policy in force says, so that a longer window finds them.
const LONGEST_WINDOW: Span = Span::seconds(3600);

/// The joined wishes of the recent past, each an interval: it was in force until the next one, or until there was none.
///
/// Only wishes that can still be the highest or the lowest of some window are kept: an older wish is dropped when a newer
/// one reaches as far, since any window that sees the older sees the newer too. So the size is bounded by the span of the
/// numbers, not by the number of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The wish in force.
    standing: Option<Standing>,
    /// Past wishes, oldest first, strictly falling.
    highs: VecDeque<Past>,
    /// Past wishes, oldest first, strictly rising.
    lows: VecDeque<Past>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    from: Timestamp,
    wish: Replicas,
}

/// A wish that is not in force from `until` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Past {
    until: Timestamp,
    wish: Replicas,
}

impl Past {
    /// Whether it was in force at any moment of the window that ends at `now`, both ends included.
    fn is_in(self, window: Span, now: Timestamp) -> bool {
        self.until.plus(window) > now
    }
}

/// The lowest and the highest wish of the two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// The lowest wish in the window for scaling up.
    pub lowest: Replicas,
    /// The highest wish in the window for scaling down.
    pub highest: Replicas,
}

impl History {
    /// The history of a workload that has not been wished anything until now: it wanted what it had, so nothing is taken
    /// from it before a whole window of wishes was seen. (An HPA starts with its current count, too.)
    #[must_use]
    pub fn starting(now: Timestamp, current: Replicas) -> Self {
        let mut history = Self::default();
        history.close(current, now);
        history
    }

    /// The wish in force from `now` on; `None` when there is none for the moment. One that was replaced at the very moment
    /// it came was never in force: rules that answer one observation speak one after the other.
    pub fn record(&mut self, now: Timestamp, wish: Option<Replicas>) {
        if self.standing.map(|standing| standing.wish) == wish {
            return;
        }
        if let Some(standing) = self.standing.filter(|standing| standing.from < now) {
            self.close(standing.wish, now);
        }
        self.standing = wish.map(|wish| Standing { from: now, wish });
        for past in [&mut self.highs, &mut self.lows] {
            while past
                .front()
                .is_some_and(|past| !past.is_in(LONGEST_WINDOW, now))
            {
                past.pop_front();
            }
        }
    }

    fn close(&mut self, wish: Replicas, until: Timestamp) {
        let past = Past { until, wish };
        while self.highs.back().is_some_and(|older| older.wish <= wish) {
            self.highs.pop_back();
        }
        while self.lows.back().is_some_and(|older| older.wish >= wish) {
            self.lows.pop_back();
        }
        self.highs.push_back(past);
        self.lows.push_back(past);
    }

    /// The lowest wish of the `up` window and the highest of the `down` window, `wanted` included.
    #[must_use]
    pub fn extremes(&self, now: Timestamp, wanted: Replicas, up: Span, down: Span) -> Extremes {
        let first = |past: &VecDeque<Past>, window| {
            let first = past.iter().find(|past| past.is_in(window, now));
            first.map_or(wanted, |past| past.wish)
        };
        Extremes {
            lowest: wanted.min(first(&self.lows, up)),
            highest: wanted.max(first(&self.highs, down)),
        }
    }

    /// When the next wish leaves a window, and the extremes may change by that.
    #[must_use]
    pub fn changes_at(&self, now: Timestamp, up: Span, down: Span) -> Option<Timestamp> {
        let first = |past: &VecDeque<Past>, window| {
            let first = past.iter().find(|past| past.is_in(window, now));
            first.map(|past| past.until.plus(window))
        };
        let (low, high) = (first(&self.lows, up), first(&self.highs, down));
        low.into_iter().chain(high).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    fn extremes(lowest: u32, highest: u32) -> Extremes {
        Extremes {
            lowest: Replicas(lowest),
            highest: Replicas(highest),
        }
    }

    #[test]
    fn a_window_sees_every_wish_in_force_at_any_moment_in_it() {
        let mut history = History::default();
        for (seconds, wish) in [(0, Some(9)), (100, Some(4)), (200, None), (300, Some(6))] {
            history.record(at(seconds), wish.map(Replicas));
        }
        let window = Span::seconds;
        let cases = [
            (
                "no window sees only what is wanted now",
                300,
                window(0),
                extremes(6, 6),
            ),
            (
                "a wish that ended before the window is not seen",
                350,
                window(100),
                extremes(6, 6),
            ),
            (
                "a wish that began before the window and held into it is seen",
                350,
                window(200),
                extremes(4, 6),
            ),
            (
                "a wish that ended as the window begins is not seen",
                300,
                window(200),
                extremes(4, 6),
            ),
            (
                "a moment longer and it is",
                300,
                window(201),
                extremes(4, 9),
            ),
        ];
        for (name, now, window, want) in cases {
            assert_eq!(
                history.extremes(at(now), Replicas(6), window, window),
                want,
                "{name}"
            );
        }
    }

    #[test]
    fn the_beginning_counts_as_wanting_what_there_was() {
        let mut history = History::starting(at(0), Replicas(5));
        history.record(at(0), Some(Replicas(2)));
        let window = Span::seconds(300);
        assert_eq!(
            history.extremes(at(0), Replicas(2), window, window),
            extremes(2, 5)
        );
        assert_eq!(history.changes_at(at(0), window, window), Some(at(300)));
        assert_eq!(
            history.extremes(at(300), Replicas(2), window, window),
            extremes(2, 2)
        );
    }

    #[test]
    fn knows_when_a_window_changes_next() {
        let mut history = History::default();
        for (seconds, wish) in [(0, 9), (100, 2), (200, 5)] {
            history.record(at(seconds), Some(Replicas(wish)));
        }
        let changes_at = |now, up, down| {
            let (up, down) = (Span::seconds(up), Span::seconds(down));
            history.changes_at(at(now), up, down).map(|at| at.0 / 1000)
        };
        let cases = [
            ("the high leaves first", (200, 300, 300), Some(400)),
            ("then the low", (400, 300, 300), Some(500)),
            ("the low leaves first", (200, 50, 300), Some(250)),
            ("then nothing changes", (500, 300, 300), None),
            ("without windows nothing does", (200, 0, 0), None),
        ];
        for (name, (now, up, down), want) in cases {
            assert_eq!(changes_at(now, up, down), want, "{name}");
        }
    }

    #[test]
    fn a_wish_replaced_at_the_same_moment_was_never_in_force() {
        let mut history = History::default();
        for wish in [3, 20, 7] {
            history.record(at(10), Some(Replicas(wish)));
        }
        let window = Span::seconds(60);
        assert_eq!(
            history.extremes(at(10), Replicas(7), window, window),
            extremes(7, 7)
        );
    }

    #[test]
    fn only_what_can_still_matter_is_kept() {
        let mut history = History::default();
        for second in 0..10_000 {
            let wish = Replicas(u32::try_from(second % 7).unwrap());
            history.record(at(second), Some(wish));
        }
        assert!(
            history.highs.len() <= 7 && history.lows.len() <= 7,
            "{history:?}"
        );
        history.record(at(20_000), None);
        history.record(at(30_000), Some(Replicas(1)));
        assert!(
            history.highs.is_empty() && history.lows.is_empty(),
            "{history:?}"
        );
    }

    proptest! {
        /// Against the plain definition: look at every moment of the window, one by one.
        #[test]
        fn agrees_with_looking_at_every_moment(
            changes in prop::collection::vec((0_i64..4, prop::option::of(0_u32..8)), 1..40),
            later in 0_i64..5,
            up in 0_u64..20,
            down in 0_u64..20,
        ) {
            let mut history = History::default();
            let mut in_force = std::collections::BTreeMap::new();
            let mut now = 0;
            for (pause, wish) in changes {
                now += pause;
                history.record(Timestamp(now), wish.map(Replicas));
                in_force.insert(now, wish);
            }
            now += later;
            let wanted = in_force.last_key_value().and_then(|(_, wish)| *wish).unwrap_or(3);
            let seen = |window: u64| {
                let moments = now - i64::try_from(window).unwrap()..=now;
                let wish_at = |moment| in_force.range(..=moment).next_back().and_then(|(_, wish)| *wish);
                moments.filter_map(wish_at).chain([wanted]).collect::<Vec<_>>()
            };
            let want = extremes(
                seen(up).into_iter().min().unwrap(),
                seen(down).into_iter().max().unwrap(),
            );
            let got = history.extremes(Timestamp(now), Replicas(wanted), Span(up), Span(down));
            prop_assert_eq!(got, want);
        }
    }
}
