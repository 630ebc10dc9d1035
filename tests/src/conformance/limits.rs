//! Policies for the vectors of single steps of the planner.
//!
//! The policy parser reads what is within its bounds, so that its defaults are those that production has. What it would
//! refuse (the HPA's validation would too, but not the functions that the vectors are of) is put in behind it.

use super::behavior::{Behavior, Rate, Rules};
use super::pods::Controller;
use anyhow::{Result, anyhow};
use headroom_model::{Replicas, Span};
use headroom_policy::{Policy, RateAmount, Scaling};
use serde_json::json;

/// The longest window that a policy can have, in seconds.
const LONGEST_WINDOW: u64 = 3600;
/// The longest period that a policy can have, in seconds.
const LONGEST_PERIOD: u64 = 1800;
/// The largest number of a rate that a policy can have.
const MOST: u32 = i32::MAX.unsigned_abs();

/// A policy with this behavior, or without one, under this controller.
pub(super) fn policy(
    behavior: Option<&Behavior>,
    controller: &Controller,
    (minimum, maximum): (u32, u32),
) -> Result<Policy> {
    let inner = behavior.map(|behavior| Behavior {
        scale_up: behavior.scale_up.as_ref().map(Rules::inner),
        scale_down: behavior.scale_down.as_ref().map(Rules::inner),
    });
    let (window, factor, least) = (
        controller.downscale_stabilization_s,
        controller.scale_up_limit_factor,
        controller.scale_up_limit_minimum(),
    );
    let window_inside = window.map(|window| format!("{}s", window.min(LONGEST_WINDOW)));
    let value = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": { "namespace": "vectors", "name": "web" },
        "spec": {
            "scaleTargetRef": { "kind": "Command", "name": "web" },
            "minReplicas": 0,
            "maxReplicas": MOST,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": { "name": "load" },
                    "target": { "type": "AverageValue", "averageValue": "1" },
                },
                "from": { "source": "push" },
            }],
            "behavior": inner.as_ref().map(Behavior::written),
            "evaluation": {
                "downscaleStabilization": window_inside,
                "scaleUpLimit": {
                    "factor": factor.map(|factor| factor.max(1.0)),
                    "minimum": least.map(|least| least.clamp(1, MOST)),
                },
            },
        },
    });
    let mut policy = Policy::from_value(&value).map_err(|errors| anyhow!("{errors}"))?;
    (policy.min_replicas, policy.max_replicas) = (Replicas(minimum), Replicas(maximum));
    if let Some(window) = window.filter(|window| *window > LONGEST_WINDOW) {
        policy.scale_down.stabilization_window = Span::seconds(window);
    }
    match behavior {
        Some(behavior) => {
            put(behavior.scale_up.as_ref(), &mut policy.scale_up);
            put(behavior.scale_down.as_ref(), &mut policy.scale_down);
        }
        None => brake(&mut policy.scale_up, factor, least),
    }
    Ok(policy)
}

impl Rules {
    /// The same within what the parser takes.
    fn inner(&self) -> Self {
        let inner = |rate: &Rate| Rate {
            kind: rate.kind.clone(),
            value: rate.value.clamp(1, MOST),
            period_s: rate.period_s.clamp(1, LONGEST_PERIOD),
        };
        Self {
            stabilization_s: self.stabilization_s.map(|it| it.min(LONGEST_WINDOW)),
            select: self.select.clone(),
            policies: self.policies.iter().map(inner).collect(),
        }
    }
}

/// What the parser would refuse in the rules of a direction.
fn put(rules: Option<&Rules>, scaling: &mut Scaling) {
    let Some(rules) = rules else {
        return;
    };
    if let Some(window) = rules.stabilization_s.filter(|it| *it > LONGEST_WINDOW) {
        scaling.stabilization_window = Span::seconds(window);
    }
    for (rate, read) in rules.policies.iter().zip(&mut scaling.policies) {
        if !(1..=LONGEST_PERIOD).contains(&rate.period_s) {
            read.period = Span::seconds(rate.period_s);
        }
        let (RateAmount::Pods(value) | RateAmount::Percent(value)) = &mut read.amount else {
            continue;
        };
        if !(1..=MOST).contains(&rate.value) {
            *value = rate.value;
        }
    }
}

/// What the parser would refuse in the brake.
fn brake(scaling: &mut Scaling, factor: Option<f64>, least: Option<u32>) {
    for read in &mut scaling.policies {
        let RateAmount::Times {
            factor: read_factor,
            at_least,
        } = &mut read.amount
        else {
            continue;
        };
        if let Some(factor) = factor.filter(|factor| *factor < 1.0) {
            *read_factor = factor;
        }
        if let Some(least) = least.filter(|least| !(1..=MOST).contains(least)) {
            *at_least = least;
        }
    }
}
