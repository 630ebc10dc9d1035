//! The HPA's vectors of what it does without `behavior`, and of what it remembers from one period to the next.

use super::behavior::{Behavior, Rules, ScaleEvent, Way, reason};
use super::limits::policy;
use super::pods::{Controller, NOW, at};
use anyhow::Result;
use headroom_model::{Replicas, Span, body::Direction};
use headroom_planner::{
    rate::{bounded, changed_within},
    recommendations::{Recommendation, Recommendations},
    scale_events::{self, ScaleEvents},
    stabilize::stabilize,
};
use headroom_policy::Policy;
use serde::Deserialize;
use serde_json::{Value, json};

/// No bounds.
const ANY: (u32, u32) = (0, i32::MAX.unsigned_abs());

/// `default_limits`: the brake, minimum and maximum without behavior.
#[derive(Debug, Deserialize)]
pub(super) struct DefaultLimits {
    #[serde(default)]
    controller: Controller,
    current_replicas: u32,
    desired_replicas: u32,
    min_replicas: u32,
    max_replicas: u32,
}

impl DefaultLimits {
    pub(super) fn limited(&self) -> Result<Value> {
        let bounds = (self.min_replicas, self.max_replicas);
        let policy = policy(None, &self.controller, bounds)?;
        let (current, wanted) = (
            Replicas(self.current_replicas),
            Replicas(self.desired_replicas),
        );
        let step = bounded(current, wanted, &policy, &[], NOW);
        Ok(json!({ "replicas": step.after().0, "reason": reason(&step) }))
    }
}

#[derive(Debug, Deserialize)]
struct Recommended {
    age_s: u64,
    replicas: u32,
}

/// One look of a controller that remembers `recommendations`.
fn look(recommendations: &[Recommended], current: u32, desired: u32, policy: &Policy) -> Value {
    let entry = |entry: &Recommended| Recommendation {
        at: at(entry.age_s),
        wish: Replicas(entry.replicas),
    };
    let mut list = Recommendations::of(recommendations.iter().map(entry).collect());
    let wanted = Replicas(desired);
    let seen = list.extremes(NOW, wanted, policy);
    let step = stabilize(Replicas(current), wanted, seen, policy);
    list.record(NOW, wanted, policy);
    let log: Vec<_> = list.entries().iter().map(|entry| entry.wish.0).collect();
    json!({ "replicas": step.after().0, "log_length": log.len(), "log": log })
}

/// `stabilize_default`: the window downwards without behavior.
#[derive(Debug, Deserialize)]
pub(super) struct StabilizeDefault {
    #[serde(default)]
    controller: Controller,
    recommendations: Vec<Recommended>,
    /// The vectors leave it out: without behavior it does not count.
    #[serde(default)]
    current_replicas: u32,
    desired_replicas: u32,
}

impl StabilizeDefault {
    pub(super) fn stabilized(&self) -> Result<Value> {
        let policy = policy(None, &self.controller, ANY)?;
        let (current, desired) = (self.current_replicas, self.desired_replicas);
        Ok(look(&self.recommendations, current, desired, &policy))
    }
}

/// `stabilize_behavior`: both windows.
#[derive(Debug, Deserialize)]
pub(super) struct StabilizeBehavior {
    #[serde(default)]
    controller: Controller,
    recommendations: Vec<Recommended>,
    current_replicas: u32,
    desired_replicas: u32,
    up_window_s: u64,
    down_window_s: u64,
}

impl StabilizeBehavior {
    pub(super) fn stabilized(&self) -> Result<Value> {
        let behavior = Behavior {
            scale_up: Some(Rules::with_window(self.up_window_s)),
            scale_down: Some(Rules::with_window(self.down_window_s)),
        };
        let policy = policy(Some(&behavior), &self.controller, ANY)?;
        let (current, desired) = (self.current_replicas, self.desired_replicas);
        Ok(look(&self.recommendations, current, desired, &policy))
    }
}

/// `event_log`: what is remembered of a change.
#[derive(Debug, Deserialize)]
pub(super) struct EventLog {
    direction: Way,
    previous_replicas: u32,
    new_replicas: u32,
    rules: Option<Rules>,
    events: Vec<ScaleEvent>,
    query_period_s: u64,
}

impl EventLog {
    pub(super) fn stored(&self) -> Result<Value> {
        let behavior = self.rules.as_ref().map(|rules| Behavior {
            scale_up: Some(rules.clone()),
            scale_down: Some(rules.clone()),
        });
        let policy = policy(behavior.as_ref(), &Controller::default(), ANY)?;
        let before = self.events.iter().map(ScaleEvent::entry);
        let mut events = ScaleEvents::default();
        of(&mut events, self.direction).extend(before);
        let period = Span::seconds(self.query_period_s);
        let changed = changed_within(period, &events.changes(), NOW);
        let (from, to) = (
            Replicas(self.previous_replicas),
            Replicas(self.new_replicas),
        );
        events.store(from, to, NOW, &policy);
        let shown = |event: &scale_events::ScaleEvent| json!({ "change": event.change, "outdated": event.outdated });
        let log: Vec<_> = of(&mut events, self.direction).iter().map(shown).collect();
        Ok(json!({ "change_in_period": changed.abs(), "log": log }))
    }
}

/// The list of a direction.
fn of(events: &mut ScaleEvents, direction: Way) -> &mut Vec<scale_events::ScaleEvent> {
    match direction.into() {
        Direction::Up => &mut events.up,
        Direction::Down => &mut events.down,
    }
}
