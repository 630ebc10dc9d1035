//! What would have to change for another number.

use crate::sentences::{list, number, until, way, when};
use headroom_model::Replicas;
use headroom_model::body::{Decided, Decision, Direction, HoldReason, StepTaken};
use headroom_policy::{Crossed, Policy, Rule, Strategy, TargetValue};

/// One sentence for each thing that would have given, or would give, another number.
pub(super) fn otherwise(decided: &Decided, policy: Option<&Policy>) -> Vec<String> {
    if let Some(unpinned) = without_pin(decided) {
        let mut ways = match &decided.decision {
            Decision::Hold { reason, .. } => from_reason(reason),
            Decision::Scale { .. } => Vec::new(),
        };
        ways.push(unpinned);
        return ways;
    }
    match &decided.decision {
        Decision::Hold { at, reason } => {
            let mut ways = from_reason(reason);
            if matches!(reason, HoldReason::AtDesired)
                && let (Some(at), Some(policy)) = (at, policy)
            {
                ways.extend(from_rules(*at, policy));
            }
            ways
        }
        Decision::Scale { to, .. } => {
            let mut ways = limits(decided, *to);
            if let Some(policy) = policy {
                ways.extend(from_rules(*to, policy));
            }
            ways
        }
    }
}

/// While a pin is in force, no rule changes the number.
fn without_pin(decided: &Decided) -> Option<String> {
    let owner = decided.trail.iter().find_map(|step| match &step.step {
        StepTaken::Pinned { owner, .. } => Some(owner),
        _ => None,
    })?;
    let wanted = match wished(decided) {
        Some(wished) => format!(", who want {wished}"),
        None => String::new(),
    };
    Some(format!(
        "up to the rules{wanted}, once the pin ends: {owner} or anyone else can `headroom override clear` it"
    ))
}

/// What the rules want together.
fn wished(decided: &Decided) -> Option<Replicas> {
    decided.trail.iter().find_map(|step| match step.step {
        StepTaken::Joined { .. } => Some(step.after),
        _ => None,
    })
}

fn from_reason(reason: &HoldReason) -> Vec<String> {
    let way_out = match reason {
        HoldReason::AtDesired => return Vec::new(),
        HoldReason::NoRecommendation => {
            "a rule must speak: is the collector running, and does its source answer?".to_owned()
        }
        HoldReason::CurrentUnknown => {
            "the actuator must find the target and say how many replicas it has".to_owned()
        }
        HoldReason::RulesUnavailable { rules } => format!(
            "fewer once {} can say again, more as soon as a rule wants more",
            list(rules)
        ),
        HoldReason::Stabilizing {
            direction,
            wanted,
            window,
        } => format!(
            "{wanted} once nothing {} was wanted for {window}",
            match direction {
                Direction::Up => "lower",
                Direction::Down => "higher",
            }
        ),
        HoldReason::RateLimited { direction, wanted } => format!(
            "towards {wanted} as earlier changes {} leave the rate policy's period",
            way(*direction)
        ),
        HoldReason::AtMaximum { wanted, .. } => {
            format!("{wanted} with a maxReplicas of at least {wanted} in the policy")
        }
        HoldReason::AtMinimum { wanted, .. } => {
            format!("{wanted} with a minReplicas of at most {wanted} in the policy")
        }
        HoldReason::ScaledToZero { minimum } => format!(
            "{minimum} once somebody scales the target up, or with a minReplicas of 0 what the rules want"
        ),
        HoldReason::CoolingDown { wanted, until, .. } => format!(
            "{wanted} from {} on, if it is still wanted; the other direction is free now",
            when(*until)
        ),
        HoldReason::Paused {
            wanted,
            until: end,
            owner,
            ..
        } => format!(
            "{wanted} once the pause ends: {owner} or anyone else can `headroom resume` it; it lasts {}",
            until(*end, "until then")
        ),
        HoldReason::PlanInFlight { to, wanted, .. } => {
            format!("{wanted} once the plan to {to} has its outcome")
        }
        HoldReason::BackingOff { wanted, until } => {
            format!("{wanted} is tried again at {}", when(*until))
        }
    };
    vec![way_out]
}

/// What kept a scale from going further.
fn limits(decided: &Decided, to: Replicas) -> Vec<String> {
    match wished(decided) {
        Some(wished) if wished != to => {
            let changed = decided.trail.iter().zip(1..).filter(|(step, _)| {
                step.before != step.after && !matches!(step.step, StepTaken::Joined { .. })
            });
            let steps: Vec<_> = changed.map(|(_, index)| format!("step {index}")).collect();
            vec![format!("{wished} without {}", list(&steps))]
        }
        _ => Vec::new(),
    }
}

fn from_rules(count: Replicas, policy: &Policy) -> Vec<String> {
    policy
        .rules
        .iter()
        .map(|rule| from_rule(count, rule))
        .collect()
}

/// Where the metric of a rule must go for it to want another count.
fn from_rule(count: Replicas, rule: &Rule) -> String {
    let (name, metric) = (&rule.name, &rule.metric.metric);
    match &rule.strategy {
        Strategy::Proportional {
            target,
            tolerance_up,
            tolerance_down,
        } => {
            let carried = match target {
                TargetValue::AverageValue(value) => value * f64::from(count.0),
                TargetValue::Value(value) => *value,
            };
            format!(
                "{name} wants more than {count} once {metric} is above {}, and fewer once it is below {}",
                number(carried * (1.0 + tolerance_up)),
                number(carried * (1.0 - tolerance_down))
            )
        }
        Strategy::Utilization {
            percent,
            tolerance_up,
            tolerance_down,
        } => {
            let percent = f64::from(*percent);
            format!(
                "{name} wants more than {count} once replicas use more than {} % of the {metric} they request, and fewer \
                 once they use less than {} %",
                number(percent * (1.0 + tolerance_up)),
                number(percent * (1.0 - tolerance_down))
            )
        }
        Strategy::Unknown { metric_type } => {
            format!("{name} can say once a build that knows metrics of type {metric_type} runs")
        }
        Strategy::Threshold {
            crossed, hold_for, ..
        } => {
            let side = match crossed {
                Crossed::Above(value) => format!("above {}", number(*value)),
                Crossed::Below(value) => format!("below {}", number(*value)),
            };
            format!("{name} orders a change once {metric} has been {side} for {hold_for}")
        }
    }
}
