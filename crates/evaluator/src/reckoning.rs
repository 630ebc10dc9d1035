//! Which arithmetic a rule is for.

use crate::hpa::Tolerance;
use crate::proportional::Aim;
use crate::replicas;
use crate::threshold::Threshold;
use headroom_policy::{Crossed, Rule, Scope, Strategy, TargetValue};

/// A rule's strategy, as the file of its arithmetic takes it.
pub(crate) enum Reckoning {
    /// Of totals.
    Proportional(Aim),
    /// Of readings of single replicas.
    OfReplicas(replicas::Aim, Tolerance),
    /// Of a threshold.
    Threshold(Threshold),
    /// Of a metric that this build does not know.
    Nothing,
}

impl Reckoning {
    /// That of a rule.
    pub(crate) fn of(rule: &Rule) -> Self {
        let of_replicas = is_of_replicas(&rule.metric.scope);
        match rule.strategy {
            Strategy::Proportional {
                target: TargetValue::AverageValue(target),
                tolerance_up,
                tolerance_down,
            } if of_replicas => Self::OfReplicas(
                replicas::Aim::Average(target),
                tolerance(tolerance_up, tolerance_down),
            ),
            Strategy::Proportional {
                target,
                tolerance_up,
                tolerance_down,
            } => Self::Proportional(Aim {
                target,
                tolerance_up,
                tolerance_down,
            }),
            Strategy::Utilization {
                percent,
                tolerance_up,
                tolerance_down,
            } => Self::OfReplicas(
                replicas::Aim::Percent(percent),
                tolerance(tolerance_up, tolerance_down),
            ),
            Strategy::Threshold {
                crossed,
                hold_for,
                change,
            } => Self::Threshold(Threshold {
                crossed,
                hold_for,
                change,
            }),
            Strategy::Unknown { .. } => Self::Nothing,
        }
    }
}

/// Whether a metric is read of single replicas.
pub(crate) fn is_of_replicas(scope: &Scope) -> bool {
    match scope {
        Scope::External | Scope::Object => false,
        Scope::Pods | Scope::Resource | Scope::Container(_) => true,
    }
}

fn tolerance(up: f64, down: f64) -> Tolerance {
    Tolerance { up, down }
}

/// The number that a rule holds its value against.
pub(crate) fn against(strategy: &Strategy) -> f64 {
    match strategy {
        Strategy::Proportional { target, .. } => match target {
            TargetValue::AverageValue(value) | TargetValue::Value(value) => *value,
        },
        Strategy::Utilization { percent, .. } => f64::from(*percent),
        Strategy::Threshold { crossed, .. } => match crossed {
            Crossed::Above(limit) | Crossed::Below(limit) => *limit,
        },
        Strategy::Unknown { .. } => f64::NAN,
    }
}
