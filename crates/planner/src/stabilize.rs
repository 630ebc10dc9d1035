//! Step 3: the stabilization windows, over the joined wishes before any bound.

use crate::{history::Extremes, step::Step};
use headroom_model::{
    Replicas,
    body::{Direction, HoldReason, StepTaken},
};
use headroom_policy::{Pace, Policy};

/// What the windows make of `wanted`; `seen` includes it. Rule: autoscaling/v2.
///
/// With `behavior` it is the number nearest to `current` between the lowest wish of the up window and the highest of the
/// down window: more only as far as it was wanted throughout, fewer only as far as nobody wanted more. A number that is
/// `current` or lies beyond it stays on its side. Without `behavior` it is the highest wish of the down window, also when
/// that is more than both `wanted` and `current`.
#[must_use]
pub fn stabilize(current: Replicas, wanted: Replicas, seen: Extremes, policy: &Policy) -> Step {
    let after = match policy.pace {
        Pace::Plain => seen.highest,
        Pace::Behavior => current.max(seen.lowest).min(seen.highest),
    };
    let (up_window, down_window) = (
        policy.scale_up.stabilization_window,
        policy.scale_down.stabilization_window,
    );
    let held = Direction::between(current, wanted).map(|direction| HoldReason::Stabilizing {
        direction,
        wanted,
        window: match direction {
            Direction::Up => up_window,
            Direction::Down => down_window,
        },
    });
    let taken = StepTaken::Stabilized {
        up_window,
        down_window,
        lowest: seen.lowest,
        highest: seen.highest,
    };
    Step::new(wanted, after, taken, held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::History,
        testing::{plain, policy},
    };
    use headroom_model::{Span, Timestamp};

    fn with_windows(up: u64, down: u64) -> Policy {
        let mut policy = policy(0, 1000);
        policy.scale_up.stabilization_window = Span::seconds(up);
        policy.scale_down.stabilization_window = Span::seconds(down);
        policy
    }

    /// A wish of one moment, `age` seconds ago, with no wish in force after it: a sample, as an HPA takes them.
    fn sampled(wishes: &[(i64, u32)], now: Timestamp) -> History {
        let mut history = History::default();
        let mut oldest_first = wishes.to_vec();
        oldest_first.sort_by_key(|&(age, _)| -age);
        for (age, wish) in oldest_first {
            let at = Timestamp(now.0 - age * 1000);
            history.record(at, Some(Replicas(wish)));
            history.record(Timestamp(at.0 + 1), None);
        }
        history
    }

    /// Wishes as (age in seconds, wish); current, wanted, up window, down window; what comes out.
    type Case<'a> = (&'a [(i64, u32)], (u32, u32, u64, u64), u32);

    #[test]
    fn as_the_hpa_stabilizes() {
        #[rustfmt::skip]
        let cases: [(&str, Case); 12] = [
            ("no history, no window", (&[], (100, 5, 0, 0), 5)),
            ("up only as far as was wanted throughout", (&[(120, 4), (60, 5)], (1, 7, 300, 0), 4)),
            ("an up window does not hold back fewer", (&[(120, 1), (60, 2)], (100, 3, 300, 0), 3)),
            ("a down window does not hold back more", (&[(120, 4), (60, 5)], (1, 3, 0, 300), 3)),
            ("old wishes are out of an empty window", (&[(600, 10), (540, 9)], (1, 100, 0, 0), 100)),
            ("down only as far as nobody wanted more", (&[(600, 10), (60, 4), (120, 5), (540, 9)], (100, 3, 0, 180), 5)),
            ("an old wish does not hold back more", (&[(6000, 10), (60, 6), (120, 5), (180, 9)], (1, 100, 300, 0), 5)),
            ("a dip neither raises nor lowers", (&[(6000, 2), (180, 3)], (2, 1, 300, 300), 2)),
            ("between both windows nothing changes", (&[(60, 4), (120, 9)], (6, 6, 300, 300), 6)),
            ("a wish of one window ago still counts", (&[(300, 8)], (9, 3, 0, 300), 8)),
            ("a wish older than that does not", (&[(301, 8)], (9, 3, 0, 300), 3)),
            ("more at once without an up window", (&[(60, 4), (120, 5)], (5, 9, 0, 300), 9)),
        ];
        let now = Timestamp(1_000_000_000);
        for (name, (wishes, (current, wanted, up, down), want)) in cases {
            let policy = with_windows(up, down);
            let (up, down) = (Span::seconds(up), Span::seconds(down));
            let mut history = sampled(wishes, now);
            history.record(now, Some(Replicas(wanted)));
            let seen = history.extremes(now, Replicas(wanted), up, down);
            let step = stabilize(Replicas(current), Replicas(wanted), seen, &policy);
            assert_eq!(step.after(), Replicas(want), "{name}");
        }
    }

    #[test]
    fn without_behavior_the_highest_wish_of_the_window_counts() {
        let cases = [
            // name, current, wanted, highest, what comes out
            ("fewer are held back", 9, 3, 5, 5),
            ("also when that is more than there is", 4, 3, 5, 5),
            ("or more than is wanted of more", 4, 5, 6, 6),
            ("more is never held back", 4, 9, 9, 9),
            ("nothing is held back when nobody wanted more", 9, 3, 3, 3),
        ];
        let policy = plain(with_windows(0, 300));
        for (name, current, wanted, highest, want) in cases {
            let (wanted, highest) = (Replicas(wanted), Replicas(highest));
            let seen = Extremes {
                lowest: wanted,
                highest,
            };
            let step = stabilize(Replicas(current), wanted, seen, &policy);
            assert_eq!(step.after(), Replicas(want), "{name}");
        }
    }

    #[test]
    fn names_the_direction_that_is_held_back_and_its_window() {
        let (policy, up, down) = (with_windows(30, 300), Span::seconds(30), Span::seconds(300));
        let seen = |lowest, highest| Extremes {
            lowest: Replicas(lowest),
            highest: Replicas(highest),
        };
        let held = |direction, wanted, window| {
            Some(HoldReason::Stabilizing {
                direction,
                wanted: Replicas(wanted),
                window,
            })
        };
        let cases = [
            ("up", 9, seen(5, 9), held(Direction::Up, 9, up)),
            ("down", 2, seen(2, 5), held(Direction::Down, 2, down)),
            ("neither", 5, seen(5, 5), None),
            ("free to go up", 9, seen(9, 9), None),
        ];
        for (name, wanted, seen, want) in cases {
            let step = stabilize(Replicas(5), Replicas(wanted), seen, &policy);
            assert_eq!(step.hold, want, "{name}");
        }
    }
}
