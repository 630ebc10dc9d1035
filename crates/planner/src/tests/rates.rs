//! The rate policies, number for number as autoscaling/v2 has them.

use crate::{
    rate::{Change, bounded, limit},
    step::Step,
    testing::{plain, policy, scaling},
};
use Direction::{Down, Up};
use RateAmount::{Percent, Pods};
use Select::{Disabled, Max, Min};
use headroom_model::{
    Replicas, Timestamp,
    body::{Direction, HoldReason, RateLimit, StepTaken},
};
use headroom_policy::{RateAmount, Select};

const NOW: Timestamp = Timestamp(1_000_000_000);

/// Changes as (age in seconds, replicas more).
type Changes<'a> = &'a [(i64, i64)];
/// Rate policies as (amount, period in seconds).
type Rates<'a> = &'a [(RateAmount, u64)];

fn changes(of: Changes) -> Vec<Change> {
    let change = |&(age, by)| Change {
        at: Timestamp(NOW.0 - age * 1000),
        by,
    };
    of.iter().map(change).collect()
}

/// What a policy allows: a case is (direction, current count, selection, policies, changes, furthest count).
type LimitCase<'a> = (Direction, u32, Select, Rates<'a>, Changes<'a>, i64);

#[test]
fn a_policy_counts_from_the_start_of_its_period() {
    #[rustfmt::skip]
    let cases: [(&str, LimitCase); 14] = [
        ("up switched off", (Up, 5, Disabled, &[(Pods(2), 60)], &[], 5)),
        ("down switched off", (Down, 5, Disabled, &[(Pods(2), 60)], &[], 5)),
        ("a percentage up is rounded up", (Up, 3, Max, &[(Percent(10), 60)], &[], 4)),
        ("a percentage down is cut off", (Down, 9, Max, &[(Percent(10), 60)], &[], 8)),
        ("100 and 10 % are 111 in doubles", (Up, 100, Max, &[(Percent(10), 60)], &[], 111)),
        ("a change one period old no longer counts", (Up, 10, Max, &[(Pods(5), 60)], &[(60, 3)], 15)),
        ("a younger one does", (Up, 10, Max, &[(Pods(5), 60)], &[(59, 3)], 12)),
        ("what was taken away adds to the start", (Down, 10, Max, &[(Pods(5), 60)], &[(30, -4)], 9)),
        ("what was added counts downwards too", (Down, 10, Max, &[(Pods(5), 60)], &[(30, 4)], 1)),
        ("each policy has its own period", (Up, 20, Max, &[(Pods(3), 30), (Pods(10), 120)], &[(20, 6), (90, 4)], 20)),
        ("a limit may lie behind the count", (Up, 20, Max, &[(Pods(3), 120)], &[(20, 6), (90, 4)], 13)),
        ("or below zero", (Down, 10, Max, &[(Percent(1000), 120)], &[(20, -10), (60, -10), (100, -10)], -360)),
        ("Min takes the smallest change up", (Up, 10, Min, &[(Pods(1), 60), (Percent(100), 60)], &[], 11)),
        ("Min takes the smallest change down", (Down, 10, Min, &[(Pods(1), 60), (Percent(100), 60)], &[], 9)),
    ];
    for (name, (direction, current, select, rates, changed, want)) in cases {
        let scaling = scaling(0, select, rates);
        let got = limit(
            direction,
            Replicas(current),
            &scaling,
            &changes(changed),
            NOW,
        );
        assert_eq!(got.replicas, want, "{name}");
    }
}

/// What ended the way to the wanted count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Nothing,
    Rate,
    Minimum,
    Maximum,
}
use By::{Maximum, Minimum, Nothing, Rate};

fn outcome(step: &Step) -> (u32, By) {
    let by = match &step.hold {
        None => Nothing,
        Some(HoldReason::RateLimited { .. }) => Rate,
        Some(HoldReason::AtMaximum { .. }) => Maximum,
        Some(HoldReason::AtMinimum { .. }) => Minimum,
        Some(other) => panic!("no reason of this step: {other:?}"),
    };
    (step.after().0, by)
}

/// Current and wanted count, then minimum and maximum.
type Counts = (u32, u32, u32, u32);
/// A case is (counts, selection, policies, changes, (count, what ended the way)).
type BoundedCase<'a> = (Counts, Select, Rates<'a>, Changes<'a>, (u32, By));

/// The policies that hold unless others are given.
const DEFAULT_UP: Rates = &[(Pods(4), 15), (Percent(100), 15)];
const DEFAULT_DOWN: Rates = &[(Percent(100), 15)];

#[test]
fn as_the_hpa_limits_scaling_up() {
    let older: Changes = &[(100, 1), (60, 5), (20, 9)];
    let many: Changes = &[(105, 8), (75, 12), (45, 9), (15, 11)];
    #[rustfmt::skip]
    let cases: [(&str, BoundedCase); 17] = [
        ("within all limits", ((5, 7, 3, 8), Max, DEFAULT_UP, &[], (7, Nothing))),
        ("the maximum", ((100, 1000, 100, 150), Max, DEFAULT_UP, &[], (150, Maximum))),
        ("the defaults double", ((10, 50, 1, 1000), Max, DEFAULT_UP, &[], (20, Rate))),
        ("more by pods", ((10, 500, 1, 1000), Max, &[(Pods(100), 60), (Percent(100), 60)], &[], (110, Rate))),
        ("more by percent", ((10, 500, 1, 1000), Max, &[(Pods(2), 60), (Percent(100), 60)], &[], (20, Rate))),
        ("plenty of pods", ((10, 50, 1, 1000), Max, &[(Pods(100), 60)], &[], (50, Nothing))),
        ("percent only", ((10, 50, 1, 1000), Max, &[(Percent(200), 60)], &[], (30, Rate))),
        ("the maximum before many pods", ((100, 500, 1, 200), Max, &[(Pods(300), 60)], older, (200, Maximum))),
        ("the maximum before many percent", ((100, 500, 1, 200), Max, &[(Percent(10_000), 60)], older, (200, Maximum))),
        ("percent of the start of the period", ((100, 500, 1, 1000), Max, &[(Percent(200), 120)], older, (255, Rate))),
        ("changes outside the period", ((100, 200, 1, 1000), Max, &[(Pods(1000), 60)], many, (200, Nothing))),
        ("a long and a short period", ((100, 200, 1, 1000), Max, &[(Pods(1000), 120), (Percent(100), 60)], many, (200, Nothing))),
        ("two short periods", ((100, 200, 1, 1000), Max, &[(Pods(1000), 30), (Percent(100), 60)], many, (200, Nothing))),
        ("switched off", ((5, 10, 1, 20), Disabled, &[(Pods(4), 15)], &[], (5, Rate))),
        ("switched off at the maximum", ((5, 10, 1, 5), Disabled, &[(Pods(4), 15)], &[], (5, Maximum))),
        ("nothing wanted", ((5, 5, 1, 20), Max, DEFAULT_UP, &[], (5, Nothing))),
        ("a used up period never turns round", ((20, 25, 1, 100), Max, &[(Pods(3), 120)], &[(20, 6)], (20, Rate))),
    ];
    for (name, ((current, wanted, minimum, maximum), select, rates, changed, want)) in cases {
        let mut policy = policy(minimum, maximum);
        policy.scale_up = scaling(0, select, rates);
        let (current, wanted) = (Replicas(current), Replicas(wanted));
        let step = bounded(current, wanted, &policy, &changes(changed), NOW);
        assert_eq!(outcome(&step), want, "{name}");
    }
}

/// Counts; factor and minimum of the brake, changes; the count, and what ended the way.
type BrakedCase<'a> = (Counts, (f64, u32), Changes<'a>, (u32, By));

#[test]
fn as_the_hpa_limits_without_behavior() {
    let grew: Changes = &[(14, 3)];
    #[rustfmt::skip]
    let cases: [(&str, BrakedCase); 19] = [
        ("within range", ((5, 7, 3, 8), (8.0, 4), &[], (7, Nothing))),
        ("below the minimum", ((3, 1, 2, 8), (8.0, 4), &[], (2, Minimum))),
        ("none, which is the minimum", ((1, 0, 0, 10), (2.0, 4), &[], (0, Nothing))),
        ("the maximum before the brake", ((20, 1000, 1, 10), (8.0, 4), &[], (10, Maximum))),
        ("the brake before the maximum", ((3, 1000, 1, 2000), (8.0, 4), &[], (24, Rate))),
        ("the brake at the maximum", ((5, 1000, 1, 10), (2.0, 4), &[], (10, Maximum))),
        ("never braked below four", ((1, 1000, 1, 2000), (2.0, 4), &[], (4, Rate))),
        ("four from none, too", ((0, 1000, 0, 2000), (2.0, 4), &[], (4, Rate))),
        ("exactly met", ((10, 20, 1, 100), (2.0, 4), &[], (20, Nothing))),
        ("a fraction is cut off", ((5, 100, 1, 100), (1.5, 4), &[], (7, Rate))),
        ("no brake downwards", ((50, 2, 1, 100), (2.0, 4), &[], (2, Nothing))),
        ("the brake before the minimum", ((1, 1000, 10, 2000), (2.0, 4), &[], (4, Rate))),
        ("still below the minimum", ((1, 2, 3, 8), (2.0, 4), &[], (3, Minimum))),
        ("still above the maximum", ((20, 15, 1, 10), (2.0, 4), &[], (10, Maximum))),
        ("nothing wanted", ((5, 5, 1, 20), (2.0, 4), &[], (5, Nothing))),
        ("from the start of the period", ((6, 100, 1, 100), (2.0, 4), grew, (6, Rate))),
        ("a change one period old no longer counts", ((6, 100, 1, 100), (2.0, 4), &[(15, 3)], (12, Rate))),
        ("the brake never turns round", ((30, 35, 1, 100), (2.0, 4), &[(1, 28)], (30, Rate))),
        ("a used up brake leaves down free", ((30, 20, 1, 100), (2.0, 4), &[(1, 28)], (20, Nothing))),
    ];
    for (name, ((current, wanted, minimum, maximum), (factor, at_least), changed, want)) in cases {
        let mut policy = plain(policy(minimum, maximum));
        policy.scale_up.policies[0].amount = RateAmount::Times { factor, at_least };
        let (current, wanted) = (Replicas(current), Replicas(wanted));
        let step = bounded(current, wanted, &policy, &changes(changed), NOW);
        assert_eq!(outcome(&step), want, "{name}");
    }
}

#[test]
fn as_the_hpa_limits_scaling_down() {
    let older: Changes = &[(100, -1), (60, -5), (20, -9)];
    let tens: Changes = &[(100, -10), (60, -10), (20, -10)];
    let even: Changes = &[(100, -2), (60, -4), (20, -6)];
    let many: Changes = &[(105, -8), (75, -12), (45, -9), (15, -11)];
    #[rustfmt::skip]
    let cases: [(&str, BoundedCase); 19] = [
        ("the minimum", ((3, 1, 2, 8), Max, DEFAULT_DOWN, &[], (2, Minimum))),
        ("nothing wanted, above the maximum", ((20, 20, 1, 10), Max, DEFAULT_DOWN, &[], (20, Nothing))),
        ("fewer than the minimum allows", ((1000, 3, 3, 2000), Max, &[(Pods(20), 60)], &[], (980, Rate))),
        ("more by pods", ((100, 2, 1, 1000), Max, &[(Pods(20), 60), (Percent(1), 60)], &[], (80, Rate))),
        ("a little more by pods", ((100, 2, 1, 1000), Max, &[(Pods(2), 60), (Percent(1), 60)], &[], (98, Rate))),
        ("the minimum before all percent", ((10, 2, 5, 1000), Max, &[(Percent(100), 60)], &[], (5, Minimum))),
        ("pods only", ((10, 2, 1, 1000), Max, &[(Pods(5), 60)], &[], (5, Rate))),
        ("a limit at the minimum is the minimum", ((10, 2, 5, 1000), Max, &[(Pods(5), 60)], &[], (5, Minimum))),
        ("percent exactly met", ((10, 5, 1, 1000), Max, &[(Percent(50), 60)], &[], (5, Nothing))),
        ("the defaults with older changes", ((10, 5, 1, 1000), Max, DEFAULT_DOWN, older, (5, Nothing))),
        ("the minimum before many pods", ((100, 0, 1, 1000), Max, &[(Pods(115), 120)], older, (1, Minimum))),
        ("a higher minimum", ((100, 0, 5, 1000), Max, &[(Pods(130), 120)], older, (5, Minimum))),
        ("a higher minimum before all percent", ((100, 2, 5, 1000), Max, &[(Percent(100), 120)], older, (5, Minimum))),
        ("pods of the period used up", ((100, 2, 1, 1000), Max, &[(Pods(5), 120)], older, (100, Rate))),
        ("percent of the start of the period", ((100, 0, 1, 1000), Max, &[(Percent(50), 120)], even, (56, Rate))),
        ("percent of the period used up", ((100, 0, 1, 1000), Max, &[(Percent(10), 120)], tens, (100, Rate))),
        ("more than all percent", ((10, 5, 1, 1000), Max, &[(Percent(1000), 120)], tens, (5, Nothing))),
        ("two short periods", ((100, 5, 1, 1000), Max, &[(Pods(1000), 30), (Percent(100), 60)], many, (5, Nothing))),
        ("switched off", ((5, 1, 1, 20), Disabled, &[(Pods(4), 15)], &[], (5, Rate))),
    ];
    for (name, ((current, wanted, minimum, maximum), select, rates, changed, want)) in cases {
        let mut policy = policy(minimum, maximum);
        policy.scale_down = scaling(300, select, rates);
        let (current, wanted) = (Replicas(current), Replicas(wanted));
        let step = bounded(current, wanted, &policy, &changes(changed), NOW);
        assert_eq!(outcome(&step), want, "{name}");
    }
}

#[test]
fn says_which_policy_limits_and_how_much_of_it_is_used() {
    let mut policy = policy(1, 1000);
    policy.scale_up = scaling(0, Max, &[(Pods(4), 15), (Percent(100), 90)]);
    let step = bounded(
        Replicas(10),
        Replicas(50),
        &policy,
        &changes(&[(10, 3)]),
        NOW,
    );
    let StepTaken::Bounded { rate_limit, .. } = step.trail.step else {
        panic!("{step:?}");
    };
    let want = RateLimit {
        direction: Up,
        limit: Replicas(14),
        policy: "Percent 100 per 90s".to_owned(),
        used: Replicas(3),
    };
    assert_eq!(rate_limit, Some(want));
}

#[test]
fn says_what_the_brake_is_and_that_there_is_none_downwards() {
    let policy = plain(policy(1, 1000));
    let cases = [
        (50, Up, 14, "Times 2, at least 4, per 15s", 3),
        (3, Down, 0, "None", 0),
    ];
    for (wanted, direction, limit, rate, used) in cases {
        let changed = changes(&[(10, 3)]);
        let step = bounded(Replicas(10), Replicas(wanted), &policy, &changed, NOW);
        let StepTaken::Bounded { rate_limit, .. } = step.trail.step else {
            panic!("{step:?}");
        };
        let want = RateLimit {
            direction,
            limit: Replicas(limit),
            policy: rate.to_owned(),
            used: Replicas(used),
        };
        assert_eq!(rate_limit, Some(want));
    }
}

#[test]
fn the_largest_counts_do_not_wrap() {
    let most = u32::MAX;
    let rates: Rates = &[(Percent(most), 60), (Pods(most), 60)];
    let extreme = changes(&[(1, i64::MAX), (2, i64::MIN), (3, -1)]);
    let mut policy = policy(0, most);
    (policy.scale_up, policy.scale_down) = (scaling(0, Max, rates), scaling(0, Max, rates));
    for policy in [plain(policy.clone()), policy] {
        for (current, wanted) in [(0, most), (most, 0), (most - 1, most), (1, 0)] {
            let (current, wanted) = (Replicas(current), Replicas(wanted));
            let step = bounded(current, wanted, &policy, &extreme, NOW);
            let moved = Direction::between(current, step.after());
            assert!(
                moved.is_none() || moved == Direction::between(current, wanted),
                "{step:?}"
            );
        }
    }
}
