//! Step 9: minimum and maximum, last of all.

use crate::step::Step;
use headroom_model::{
    Replicas,
    body::{HoldReason, StepTaken},
};
use headroom_policy::Policy;

/// Whether `count` lies outside the policy's minimum and maximum.
#[must_use]
pub fn outside(count: Replicas, policy: &Policy) -> bool {
    count < policy.min_replicas || count > policy.max_replicas
}

/// The number nearest to `wanted` that the policy allows, the maximum over the minimum.
#[must_use]
pub fn hard_bounds(wanted: Replicas, policy: &Policy) -> Step {
    let (minimum, maximum) = (policy.min_replicas, policy.max_replicas);
    let after = wanted.max(minimum).min(maximum);
    let held = if wanted > maximum {
        HoldReason::AtMaximum { wanted, maximum }
    } else {
        HoldReason::AtMinimum { wanted, minimum }
    };
    let taken = StepTaken::HardBounds { minimum, maximum };
    Step::new(wanted, after, taken, Some(held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::policy;

    #[test]
    fn the_number_ends_between_minimum_and_maximum() {
        let policy = policy(2, 10);
        let minimum = |wanted| {
            Some(HoldReason::AtMinimum {
                wanted: Replicas(wanted),
                minimum: Replicas(2),
            })
        };
        let maximum = |wanted| {
            Some(HoldReason::AtMaximum {
                wanted: Replicas(wanted),
                maximum: Replicas(10),
            })
        };
        let cases = [
            ("below", 0, 2, minimum(0)),
            ("at the minimum", 2, 2, None),
            ("between", 5, 5, None),
            ("at the maximum", 10, 10, None),
            ("above", 11, 10, maximum(11)),
        ];
        for (name, wanted, to, hold) in cases {
            let step = hard_bounds(Replicas(wanted), &policy);
            assert_eq!((step.after(), &step.hold), (Replicas(to), &hold), "{name}");
            assert_eq!(outside(Replicas(wanted), &policy), wanted != to, "{name}");
        }
    }
}
