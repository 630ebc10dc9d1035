//! Step 4: the rate policies of a direction, the minimum and the maximum, together.

use crate::step::Step;
use headroom_model::{
    Replicas, Span, Timestamp,
    body::{Direction, HoldReason, RateLimit, StepTaken},
};
use headroom_policy::{Pace, Policy, RateAmount, RatePolicy, Scaling, Select};

/// A change of the count that rate policies remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was decided.
    pub at: Timestamp,
    /// How many replicas more; negative for fewer.
    pub by: i64,
}

/// How far the rate policies of a direction let the count go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The furthest count, as the policies give it: it may lie on the wrong side of the current count, or below zero.
    pub replicas: i64,
    /// The policy that set it, in words; `Disabled` when the direction is switched off, `None` when there is no policy.
    pub policy: String,
    /// How many replicas of its period are used.
    pub used: Replicas,
}

/// How far `scaling` lets the count go from `current` in `direction`. Each policy counts from the start of its period:
/// `current` without what changed within it, either way. A change exactly one period old no longer counts. A percentage
/// is rounded up when growing, so that it always allows one more, and cut off when shrinking; both in double precision,
/// as autoscaling/v2 has it. Several policies: `Max` takes the largest change that one of them allows, `Min` the smallest.
/// No policy is no limit.
#[must_use]
pub fn limit(
    direction: Direction,
    current: Replicas,
    scaling: &Scaling,
    changes: &[Change],
    now: Timestamp,
) -> Limit {
    let allowed = scaling.policies.iter().map(|policy| {
        let changed = changed_within(policy.period, changes, now);
        let start = i64::from(current.0).saturating_sub(changed);
        (furthest(direction, start, policy.amount), policy, changed)
    });
    // The first of equals is named.
    let chosen = match (scaling.select, direction) {
        (Select::Disabled, _) => None,
        (Select::Max, Direction::Up) | (Select::Min, Direction::Down) => {
            allowed.reduce(|a, b| if b.0 > a.0 { b } else { a })
        }
        (Select::Min, Direction::Up) | (Select::Max, Direction::Down) => {
            allowed.reduce(|a, b| if b.0 < a.0 { b } else { a })
        }
    };
    match chosen {
        Some((replicas, policy, changed)) => Limit {
            replicas,
            policy: in_words(policy),
            used: Replicas::saturating_from(match direction {
                Direction::Up => changed,
                Direction::Down => changed.saturating_neg(),
            }),
        },
        None if scaling.select == Select::Disabled => Limit {
            replicas: i64::from(current.0),
            policy: "Disabled".to_owned(),
            used: Replicas::ZERO,
        },
        None => Limit {
            replicas: match direction {
                Direction::Up => i64::MAX,
                Direction::Down => 0,
            },
            policy: "None".to_owned(),
            used: Replicas::ZERO,
        },
    }
}

/// What changed within `period`, up less down. A change exactly one period old no longer counts.
#[must_use]
pub fn changed_within(period: Span, changes: &[Change], now: Timestamp) -> i64 {
    changes
        .iter()
        .filter(|change| change.at.plus(period) > now)
        .fold(0, |sum, change| sum.saturating_add(change.by))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "autoscaling/v2 works in doubles; counts are far below 2^53, and casts to integers saturate"
)]
fn furthest(direction: Direction, start: i64, amount: RateAmount) -> i64 {
    match (direction, amount) {
        (Direction::Up, RateAmount::Pods(pods)) => start.saturating_add(i64::from(pods)),
        (Direction::Down, RateAmount::Pods(pods)) => start.saturating_sub(i64::from(pods)),
        (Direction::Up, RateAmount::Percent(percent)) => {
            (start as f64 * (1.0 + f64::from(percent) / 100.0)).ceil() as i64
        }
        (Direction::Down, RateAmount::Percent(percent)) => {
            (start as f64 * (1.0 - f64::from(percent) / 100.0)) as i64
        }
        (Direction::Up, RateAmount::Times { factor, at_least }) => {
            (factor * start as f64).max(f64::from(at_least)) as i64
        }
        (Direction::Down, RateAmount::Times { .. }) => 0, // it is a brake upwards only
    }
}

fn in_words(policy: &RatePolicy) -> String {
    match policy.amount {
        RateAmount::Pods(pods) => format!("Pods {pods} per {}", policy.period),
        RateAmount::Percent(percent) => format!("Percent {percent} per {}", policy.period),
        RateAmount::Times { factor, at_least } => {
            format!("Times {factor}, at least {at_least}, per {}", policy.period)
        }
    }
}

/// `wanted` as far as the rate policies, the minimum and the maximum let it, seen from `current`, which lies within
/// minimum and maximum. A limit behind `current` (the period is more than used up) is `current`: it never turns a change
/// round. Without `behavior` a `current` outside minimum and maximum is as good: rule of `convertDesiredReplicasWithRules`.
#[must_use]
pub fn bounded(
    current: Replicas,
    wanted: Replicas,
    policy: &Policy,
    changes: &[Change],
    now: Timestamp,
) -> Step {
    let (minimum, maximum) = (policy.min_replicas, policy.max_replicas);
    let direction = Direction::between(current, wanted);
    let rate_limit = direction.map(|direction| {
        let limit = limit(direction, current, policy.scaling(direction), changes, now);
        let furthest = Replicas::saturating_from(limit.replicas);
        RateLimit {
            direction,
            limit: match direction {
                Direction::Up => furthest.max(current),
                Direction::Down => furthest.min(current),
            },
            policy: limit.policy,
            used: limit.used,
        }
    });
    let limit = rate_limit.as_ref().map(|rate| rate.limit);
    let (after, hold) = match policy.pace {
        Pace::Plain => braked(wanted, direction.zip(limit), minimum, maximum),
        Pace::Behavior => paced(wanted, direction, limit, minimum, maximum),
    };
    let taken = StepTaken::Bounded {
        minimum,
        maximum,
        rate_limit,
    };
    Step::new(wanted, after, taken, Some(hold))
}

/// Without `behavior`: not below the minimum; not above the brake, or the maximum where that is smaller. The brake holds
/// where the maximum does not, even below the minimum.
fn braked(
    wanted: Replicas,
    limit: Option<(Direction, Replicas)>,
    minimum: Replicas,
    maximum: Replicas,
) -> (Replicas, HoldReason) {
    match limit {
        _ if wanted < minimum => (minimum, HoldReason::AtMinimum { wanted, minimum }),
        Some((direction @ Direction::Up, limit)) if limit < maximum => (
            wanted.min(limit),
            HoldReason::RateLimited { direction, wanted },
        ),
        _ => (
            wanted.min(maximum),
            HoldReason::AtMaximum { wanted, maximum },
        ),
    }
}

/// With `behavior`: the limit of the direction, or the bound where that comes first.
fn paced(
    wanted: Replicas,
    direction: Option<Direction>,
    limit: Option<Replicas>,
    minimum: Replicas,
    maximum: Replicas,
) -> (Replicas, HoldReason) {
    match (direction, limit) {
        (Some(direction @ Direction::Up), Some(limit)) if limit < maximum => (
            wanted.min(limit),
            HoldReason::RateLimited { direction, wanted },
        ),
        (Some(direction @ Direction::Down), Some(limit)) if limit > minimum => (
            wanted.max(limit),
            HoldReason::RateLimited { direction, wanted },
        ),
        (Some(Direction::Down), _) => (
            wanted.max(minimum),
            HoldReason::AtMinimum { wanted, minimum },
        ),
        (Some(Direction::Up), _) => (
            wanted.min(maximum),
            HoldReason::AtMaximum { wanted, maximum },
        ),
        // What should not change stays, even above the maximum: bounds come last.
        (None, _) => (wanted, HoldReason::AtMaximum { wanted, maximum }),
    }
}
