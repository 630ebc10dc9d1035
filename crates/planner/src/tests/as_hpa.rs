//! What is kept on arrival, held against what an HPA keeps.

use crate::{
    history::History,
    rate::limit,
    recommendations::Recommendations,
    testing::{Stage, plain, policy, scaling, with_rules},
};
use headroom_model::{
    Replicas, Span, Timestamp,
    body::{Direction, Outcome},
};
use headroom_policy::{Policy, RateAmount, Select};
use proptest::prelude::*;

fn with_windows(up: u64, down: u64) -> Policy {
    let mut policy = policy(1, 100);
    policy.scale_up.stabilization_window = Span(up);
    policy.scale_down.stabilization_window = Span(down);
    policy
}

/// Both memories after the same wishes.
#[derive(Default)]
struct Memories {
    history: History,
    list: Recommendations,
}

impl Memories {
    /// A period ends: an HPA looks, and here it is compared.
    fn look(&mut self, now: Timestamp, wish: Replicas, policy: &Policy) -> (u32, u32, u32, u32) {
        let (up, down) = (&policy.scale_up, &policy.scale_down);
        let (up, down) = (up.stabilization_window, down.stabilization_window);
        let seen = self.history.extremes(now, wish, up, down);
        let listed = self.list.extremes(now, wish, policy);
        self.list.record(now, wish, policy);
        (
            seen.lowest.0,
            listed.lowest.0,
            listed.highest.0,
            seen.highest.0,
        )
    }
}

proptest! {
    /// Where wishes change only when an HPA looks, the intervals have what its points have. With `behavior` a point exactly
    /// one window old no longer counts, so there it takes a window that is one period longer.
    #[test]
    fn wishes_that_change_with_the_period_look_the_same_to_intervals_and_to_points(
        wishes in prop::collection::vec(prop::option::of(0_u32..20), 1..60),
        period in 1_u64..20,
        (up, down) in (0_u64..6, 0_u64..12),
    ) {
        let without = plain(with_windows(0, down * period));
        let with = with_windows(up * period, down * period);
        let longer = with_windows((up + 1) * period, (down + 1) * period);
        let mut points = [Memories::default(), Memories::default()];
        for (wish, now) in wishes.into_iter().zip((0..).step_by(usize::try_from(period).unwrap())) {
            let (now, wish) = (Timestamp(now), wish.map(Replicas));
            for memories in &mut points {
                memories.history.record(now, wish);
            }
            let Some(wish) = wish else { continue };
            let [plain_points, paced_points] = &mut points;
            let (_, _, highest, seen) = plain_points.look(now, wish, &without);
            prop_assert_eq!(highest, seen);
            let (up, down) = (with.scale_up.stabilization_window, with.scale_down.stabilization_window);
            let seen = paced_points.history.extremes(now, wish, up, down);
            let listed = paced_points.list.extremes(now, wish, &longer);
            paced_points.list.record(now, wish, &longer);
            prop_assert_eq!(listed, seen);
        }
    }

    /// Whenever wishes change and whatever the windows: on arrival no wish is forgotten that an HPA remembers.
    #[test]
    fn intervals_enclose_points(
        changes in prop::collection::vec((0_u64..30, prop::option::of(0_u32..20)), 1..60),
        period in 1_u64..20,
        (up, down) in (0_u64..100, 0_u64..200),
        behavior in any::<bool>(),
    ) {
        let mut policy = with_windows(up, down);
        if !behavior {
            policy = plain(policy);
        }
        let mut memories = Memories::default();
        let (mut now, mut wish) = (0, None);
        for (pause, next) in changes {
            let until = now + pause;
            for instant in (now..until).filter(|instant| instant.is_multiple_of(period)) {
                if let Some(wish) = wish {
                    let at = Timestamp(i64::try_from(instant).unwrap());
                    let (lowest, listed_lowest, listed_highest, highest) = memories.look(at, wish, &policy);
                    prop_assert!(lowest <= listed_lowest && listed_highest <= highest);
                }
            }
            (now, wish) = (until, next.map(Replicas));
            memories.history.record(Timestamp(i64::try_from(now).unwrap()), wish);
        }
    }

    /// However often it reacts within a period, it goes no further than the one step of an HPA from the period's start.
    #[test]
    fn reacting_on_arrival_goes_no_further_than_one_step_of_a_period(
        current in 1_u32..40,
        wishes in prop::collection::vec((0_i64..2000, 0_u32..200), 1..20),
        (pods, percent, factor) in (1_u32..20, 1_u32..200, 1.0_f64..4.0),
        select in prop_oneof![Just(Select::Max), Just(Select::Min)],
        behavior in any::<bool>(),
    ) {
        let mut policy = with_rules(policy(1, 200), &["a"]);
        let rates = [(RateAmount::Pods(pods), 15), (RateAmount::Percent(percent), 15)];
        policy.scale_up = scaling(0, select, &rates);
        policy.scale_down = scaling(0, select, &rates);
        if !behavior {
            policy = plain(policy);
            policy.scale_up.policies[0].amount = RateAmount::Times { factor, at_least: pods };
        }
        let mut stage = Stage::set(&policy, current);
        let start = stage.now;
        let furthest = |direction| {
            let scaling = policy.scaling(direction);
            limit(direction, Replicas(current), scaling, &[], start).replicas
        };
        let (most, fewest) = (furthest(Direction::Up), furthest(Direction::Down));
        for (pause, wish) in wishes {
            stage.now.0 = (stage.now.0 + pause).min(start.0 + 14_999);
            let plans = stage.plans.len();
            stage.wish("a", wish);
            if stage.plans.len() > plans {
                stage.ended(Outcome::Applied);
            }
        }
        for (_, _, to) in &stage.plans {
            let to = i64::from(to.0);
            prop_assert!(fewest.min(i64::from(current)) <= to && to <= most.max(i64::from(current)), "{to}");
        }
    }
}
