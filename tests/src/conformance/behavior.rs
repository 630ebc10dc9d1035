//! The HPA's vectors of `behavior`: policies are read as users write them, and the planner's steps are called.

use super::limits::policy;
use super::pods::{Controller, NOW, at};
use anyhow::{Result, bail};
use headroom_model::{
    Replicas,
    body::{Direction, HoldReason},
};
use headroom_planner::{
    rate::{self, Change},
    scale_events::{self, ScaleEvents},
    step::Step,
};
use headroom_policy::{RateAmount, RatePolicy, Scaling, Select};
use serde::Deserialize;
use serde_json::{Value, json};

/// The scale-down window of the HPA's controller, which a policy writes out where the vectors have none.
const WINDOW_DOWN_SECONDS: u64 = 300;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Up,
    Down,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Up => Self::Up,
            Way::Down => Self::Down,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Rules {
    pub(super) stabilization_s: Option<u64>,
    pub(super) select: Option<String>,
    #[serde(default)]
    pub(super) policies: Vec<Rate>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rate {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: u32,
    pub(super) period_s: u64,
}

impl Rules {
    /// A window, and the usual rates.
    pub(super) fn with_window(seconds: u64) -> Self {
        Self {
            stabilization_s: Some(seconds),
            select: None,
            policies: Vec::new(),
        }
    }

    /// As autoscaling/v2 spells them.
    fn written(&self) -> Value {
        let rate = |rate: &Rate| json!({ "type": rate.kind, "value": rate.value, "periodSeconds": rate.period_s });
        json!({
            "stabilizationWindowSeconds": self.stabilization_s,
            "selectPolicy": self.select,
            "policies": self.policies.iter().map(rate).collect::<Vec<_>>(),
        })
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Behavior {
    pub(super) scale_up: Option<Rules>,
    pub(super) scale_down: Option<Rules>,
}

impl Behavior {
    /// As autoscaling/v2 spells it.
    pub(super) fn written(&self) -> Value {
        let written = |rules: &Option<Rules>| rules.as_ref().map(Rules::written);
        json!({ "scaleUp": written(&self.scale_up), "scaleDown": written(&self.scale_down) })
    }
}

/// A change of the count, always positive.
#[derive(Debug, Deserialize)]
pub(super) struct ScaleEvent {
    pub(super) age_s: u64,
    pub(super) change: u32,
    #[serde(default)]
    outdated: bool,
}

impl ScaleEvent {
    /// As the planner keeps it.
    pub(super) fn entry(&self) -> scale_events::ScaleEvent {
        scale_events::ScaleEvent {
            at: at(self.age_s),
            change: self.change,
            outdated: self.outdated,
        }
    }
}

/// What changed lately, as the planner remembers it.
fn changes(up: &[ScaleEvent], down: &[ScaleEvent]) -> Vec<Change> {
    let entries = |events: &[ScaleEvent]| events.iter().map(ScaleEvent::entry).collect();
    let (up, down) = (entries(up), entries(down));
    ScaleEvents { up, down }.changes()
}

/// `rate_limit`: policies, minimum and maximum together.
#[derive(Debug, Deserialize)]
pub(super) struct RateLimit {
    #[serde(default)]
    controller: Controller,
    current_replicas: u32,
    desired_replicas: u32,
    min_replicas: u32,
    max_replicas: u32,
    /// None is the same as one that says nothing.
    behavior: Option<Behavior>,
    #[serde(default)]
    scale_up_events: Vec<ScaleEvent>,
    #[serde(default)]
    scale_down_events: Vec<ScaleEvent>,
}

impl RateLimit {
    pub(super) fn limited(&self) -> Result<Value> {
        let bounds = (self.min_replicas, self.max_replicas);
        let behavior = self.behavior.clone().unwrap_or_default();
        let policy = policy(Some(&behavior), &self.controller, bounds)?;
        let changes = changes(&self.scale_up_events, &self.scale_down_events);
        let (current, wanted) = (
            Replicas(self.current_replicas),
            Replicas(self.desired_replicas),
        );
        let step = rate::bounded(current, wanted, &policy, &changes, NOW);
        Ok(json!({ "replicas": step.after().0, "reason": reason(&step) }))
    }
}

/// The HPA's word for what held a number back.
pub(super) fn reason(step: &Step) -> &'static str {
    match &step.hold {
        Some(HoldReason::RateLimited {
            direction: Direction::Up,
            ..
        }) => "ScaleUpLimit",
        Some(HoldReason::RateLimited {
            direction: Direction::Down,
            ..
        }) => "ScaleDownLimit",
        Some(HoldReason::AtMaximum { .. }) => "TooManyReplicas",
        Some(HoldReason::AtMinimum { .. }) => "TooFewReplicas",
        _ => "DesiredWithinRange",
    }
}

/// `policy_limit`: how far the policies of a direction let the count go.
#[derive(Debug, Deserialize)]
pub(super) struct PolicyLimit {
    direction: Way,
    current_replicas: u32,
    /// None is the same as one that says nothing.
    rules: Option<Rules>,
    #[serde(default)]
    scale_up_events: Vec<ScaleEvent>,
    #[serde(default)]
    scale_down_events: Vec<ScaleEvent>,
}

impl PolicyLimit {
    pub(super) fn limit(&self) -> Result<Value> {
        let scaling = completed(self.direction, self.rules.as_ref())?;
        let changes = changes(&self.scale_up_events, &self.scale_down_events);
        let current = Replicas(self.current_replicas);
        let limit = rate::limit(self.direction.into(), current, &scaling, &changes, NOW);
        // Kubernetes holds no larger count, either way.
        let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
        Ok(json!({ "replicas": limit.replicas.clamp(least, most) }))
    }
}

/// Rules of one direction with their defaults, as a policy has them.
fn completed(direction: Way, rules: Option<&Rules>) -> Result<Scaling> {
    let (rules, none) = (rules.cloned(), None);
    let (scale_up, scale_down) = match direction {
        Way::Up => (rules, none),
        Way::Down => (none, rules),
    };
    let behavior = Behavior {
        scale_up,
        scale_down,
    };
    let policy = policy(Some(&behavior), &Controller::default(), (1, 10))?;
    Ok(policy.scaling(direction.into()).clone())
}

/// `behavior_defaults`: what holds where rules say nothing.
#[derive(Debug, Deserialize)]
pub(super) struct Defaults {
    direction: Way,
    /// None is the same as one that says nothing.
    rules: Option<Rules>,
}

impl Defaults {
    pub(super) fn completed(&self) -> Result<Value> {
        let scaling = completed(self.direction, self.rules.as_ref())?;
        let seconds = scaling.stabilization_window.0 / 1000;
        let given = self.rules.as_ref().and_then(|rules| rules.stabilization_s);
        let controllers = matches!(self.direction, Way::Down)
            && given.is_none()
            && seconds == WINDOW_DOWN_SECONDS;
        Ok(json!({
            "stabilization_s": if controllers { Value::Null } else { json!(seconds) },
            "select": match scaling.select {
                Select::Max => "Max",
                Select::Min => "Min",
                Select::Disabled => "Disabled",
            },
            "policies": scaling.policies.iter().map(rate_policy).collect::<Result<Vec<_>>>()?,
        }))
    }
}

fn rate_policy(policy: &RatePolicy) -> Result<Value> {
    let (kind, value) = match policy.amount {
        RateAmount::Pods(pods) => ("Pods", pods),
        RateAmount::Percent(percent) => ("Percent", percent),
        RateAmount::Times { .. } => bail!("behavior has no brake"),
    };
    Ok(json!({ "type": kind, "value": value, "period_s": policy.period.0 / 1000 }))
}
