//! The policy as machines obey it: checked, with every default written out. It cannot be wrong.

use headroom_model::{
    Replicas, Span, WorkloadId,
    body::{Direction, Mode, TargetRef},
};
use serde::{Deserialize, Serialize};

/// A checked policy. `min_replicas <= max_replicas`; rule names are unique.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The workload: namespace and name of the policy.
    pub workload: WorkloadId,
    /// What is scaled.
    pub target: TargetRef,
    /// The fewest replicas.
    pub min_replicas: Replicas,
    /// The most replicas.
    pub max_replicas: Replicas,
    /// Whether decisions are applied.
    pub mode: Mode,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// When it is looked at.
    pub evaluation: Evaluation,
    /// Whether there is a `behavior`.
    pub pace: Pace,
    /// Windows and rate policies upwards.
    pub scale_up: Scaling,
    /// Windows and rate policies downwards.
    pub scale_down: Scaling,
    /// Rests after an actuation.
    pub cooldown: Cooldown,
    /// Why the policy is as it is, in the words of its owner.
    pub justification: Option<String>,
}

impl Policy {
    /// The windows and rate policies of a direction.
    #[must_use]
    pub fn scaling(&self, direction: Direction) -> &Scaling {
        match direction {
            Direction::Up => &self.scale_up,
            Direction::Down => &self.scale_down,
        }
    }
}

/// A rule: it turns readings into a wished count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The name, unique in the policy: given by the file, or made from the metric.
    pub name: String,
    /// What it reads.
    pub metric: MetricSource,
    /// What it makes of it.
    pub strategy: Strategy,
}

/// Where a rule's number comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricSource {
    /// The metric's name: what a reading is matched by, within its source.
    pub metric: String,
    /// What it is a number of.
    pub scope: Scope,
    /// The name of a source in the collector's configuration; `push` for pushed readings.
    pub source: String,
    /// What to ask the source, in its own language; `None` where the name is enough.
    pub query: Option<String>,
    /// How often to ask.
    pub interval: Span,
    /// A sample older than this is not evaluated.
    pub freshness: Span,
}

/// What a metric is a number of. Readings of single replicas are used where there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of anything: one total.
    #[default]
    External,
    /// Of another object, which the metric's name begins with: one total.
    Object,
    /// Of each replica.
    Pods,
    /// Of what each replica uses of the resource that the metric is named after.
    Resource,
    /// Of what this container of each replica uses of it.
    Container(String),
}

/// How a rule makes a count of a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// As many replicas as bring the metric to its target value (autoscaling/v2).
    Proportional {
        /// What one replica, or the whole workload, should carry.
        target: TargetValue,
        /// Dead band above the target value, as a ratio: 0.1 is 10 %.
        tolerance_up: f64,
        /// Dead band below the target value, as a ratio.
        tolerance_down: f64,
    },
    /// As many replicas as bring the share of what they request that they use to `percent`. Only of resources.
    Utilization {
        /// The share, in percent. Above zero; may be more than 100.
        percent: u32,
        /// Dead band above it, as a ratio of it.
        tolerance_up: f64,
        /// Dead band below it, as a ratio of it.
        tolerance_down: f64,
    },
    /// A metric of a type that this build does not know, in a policy that another build applied: the rule cannot say.
    Unknown {
        /// The type.
        metric_type: String,
    },
    /// One change each time a threshold has been crossed long enough.
    Threshold {
        /// Which side of the threshold counts as crossed.
        crossed: Crossed,
        /// For how long it must have been.
        hold_for: Span,
        /// The change ordered.
        change: Change,
    },
}

/// The number a proportional rule aims at. Above zero and finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetValue {
    /// The metric divided by the replicas.
    AverageValue(f64),
    /// The metric as it is.
    Value(f64),
}

/// Which side of a threshold counts as crossed. Finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossed {
    /// Greater than this.
    Above(f64),
    /// Less than this.
    Below(f64),
}

/// What a threshold orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// So many more, or fewer when negative. Not zero.
    By(i32),
    /// So many percent of the count more, or fewer when negative, rounded away from zero: at least one. Not zero.
    ByPercent(i32),
    /// To this count.
    To(Replicas),
}

/// When a workload is looked at, and what its readings mean: what an HPA's controller has from its flags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How often an HPA would look, 1 s to 30 min. On arrival it is the period that the budget of a change counts in.
    pub period: Span,
    /// What makes the planner look.
    pub trigger: Trigger,
    /// Processor readings of replicas younger than this are distrusted.
    pub cpu_initialization_period: Span,
    /// A replica that becomes unready within this span after its start was never ready.
    pub initial_readiness_delay: Span,
}

/// What makes the planner look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Every fact, when it arrives.
    #[default]
    OnArrival,
    /// The end of a period, and nothing else: as with an HPA.
    Period,
}

/// Which of autoscaling/v2's two sets of rules holds for windows and rates. A `behavior` that is empty is not the same as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// There is no `behavior`. Upwards one rate policy, the brake, counts from the start of the evaluation period; downwards
    /// there is none. The highest wish of the window downwards is what is wanted, also when it is more than there is.
    Plain,
    /// There is one, with its defaults: the number stays between the lowest wish of the window upwards and the highest of the
    /// window downwards.
    Behavior,
}

/// Windows and rate policies of one direction (autoscaling/v2 `behavior`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Wishes of this span are looked at together.
    pub stabilization_window: Span,
    /// Which of several rate policies counts.
    pub select: Select,
    /// The rate policies. None means no limit: with [`Pace::Plain`], downwards.
    pub policies: Vec<RatePolicy>,
}

/// Which of several rate policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// How much may change within a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePolicy {
    /// How much.
    pub amount: RateAmount,
    /// Within how long.
    pub period: Span,
}

/// How much may change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateAmount {
    /// So many replicas.
    Pods(u32),
    /// So many percent of the count at the start of the period.
    Percent(u32),
    /// Up to so many times the count at the start of the period, and always up to `at_least`. Only upwards.
    Times {
        /// How many times; 1 or more, finite.
        factor: f64,
        /// The count that is always allowed; 1 or more.
        at_least: u32,
    },
}

/// Rests after an actuation, per direction: a change in one never delays the other. Zero means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// After a change up, before the next one up.
    pub up: Span,
    /// After a change down, before the next one down.
    pub down: Span,
}
