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

/// Whether somebody switched scaling off: a workload of Kubernetes that was scaled to zero though its minimum is above stays
/// there until somebody scales it up. Rule: Kubernetes HPA, "implicit maintenance-mode deactivation". Targets of other kinds
/// have no replicas before they are first scaled, and are brought to their minimum.
#[must_use]
pub fn is_off(count: Replicas, policy: &Policy) -> bool {
    let of_kubernetes = policy.target.api_version.is_some();
    of_kubernetes && count == Replicas::ZERO && policy.min_replicas > Replicas::ZERO
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
    fn only_a_workload_of_kubernetes_is_switched_off_by_scaling_it_to_zero() {
        let kubernetes = Some("apps/v1".to_owned());
        let cases = [
            ("scaled to zero", kubernetes.clone(), 0, 2, true),
            ("at one", kubernetes.clone(), 1, 2, false),
            ("zero is allowed", kubernetes, 0, 0, false),
            ("a pool that has not begun", None, 0, 2, false),
        ];
        for (name, api_version, count, minimum, want) in cases {
            let mut policy = policy(minimum, 10);
            policy.target.api_version = api_version;
            assert_eq!(is_off(Replicas(count), &policy), want, "{name}");
        }
    }

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
