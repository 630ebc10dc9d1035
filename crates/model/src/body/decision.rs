//! What the planner chose, and every step on the way.

use crate::{EventId, Replicas, Seq, Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way a count changes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

impl Direction {
    /// The direction from one count to another; `None` when they are equal.
    #[must_use]
    pub fn between(from: Replicas, to: Replicas) -> Option<Self> {
        match to.cmp(&from) {
            std::cmp::Ordering::Greater => Some(Self::Up),
            std::cmp::Ordering::Less => Some(Self::Down),
            std::cmp::Ordering::Equal => None,
        }
    }
}

/// Whether decisions are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They are.
    #[default]
    Active,
    /// They are only written: "current" is what others did.
    Shadow,
}

/// The planner chose. The generation of a plan is the `seq` of this event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decided {
    /// The policy revision (the `seq` of its `policy_applied`) that was followed.
    pub revision: Seq,
    /// Whether it is meant to be applied.
    pub mode: Mode,
    /// The choice.
    pub decision: Decision,
    /// What each rule wanted, in the order of their names.
    pub wishes: Vec<Wish>,
    /// Every step from the rules' wishes to the choice, in order.
    pub trail: Vec<TrailStep>,
}

/// Scale or hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Change the count.
    Scale {
        /// The count now; while a plan is in flight whose place this one takes, the count that it was to bring.
        from: Replicas,
        /// The count to come.
        to: Replicas,
    },
    /// Leave the count as it is.
    Hold {
        /// The count now, if it is known.
        at: Option<Replicas>,
        /// Why.
        reason: HoldReason,
    },
}

/// Why the count stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The count is what is wanted.
    AtDesired,
    /// No rule has said anything yet.
    NoRecommendation,
    /// How many replicas the target has is not known yet.
    CurrentUnknown,
    /// A rule cannot say, and fewer replicas are not taken on trust.
    RulesUnavailable {
        /// Which rules.
        rules: Vec<String>,
    },
    /// Another count was wanted within the stabilization window.
    Stabilizing {
        /// The direction that is held back.
        direction: Direction,
        /// The count wanted now.
        wanted: Replicas,
        /// The window.
        window: Span,
    },
    /// The rate policies allow no more for the moment.
    RateLimited {
        /// The direction.
        direction: Direction,
        /// The count wanted.
        wanted: Replicas,
    },
    /// More was wanted than the maximum.
    AtMaximum {
        /// The count wanted.
        wanted: Replicas,
        /// The maximum.
        maximum: Replicas,
    },
    /// Fewer were wanted than the minimum.
    AtMinimum {
        /// The count wanted.
        wanted: Replicas,
        /// The minimum.
        minimum: Replicas,
    },
    /// Somebody scaled the target to zero, which is below the minimum: scaling is off until somebody scales it up.
    ScaledToZero {
        /// The minimum.
        minimum: Replicas,
    },
    /// The last change is too recent.
    CoolingDown {
        /// The direction.
        direction: Direction,
        /// The count wanted.
        wanted: Replicas,
        /// When it ends.
        until: Timestamp,
    },
    /// A person paused changes.
    Paused {
        /// The direction that is stopped.
        direction: Direction,
        /// The count wanted.
        wanted: Replicas,
        /// Who.
        owner: String,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// A plan is under way, and this is no reason to replace it.
    PlanInFlight {
        /// The decision that made the plan.
        decision: EventId,
        /// Its count.
        to: Replicas,
        /// The count wanted now.
        wanted: Replicas,
    },
    /// The last attempt failed; the next may start then.
    BackingOff {
        /// The count wanted.
        wanted: Replicas,
        /// When it ends.
        until: Timestamp,
    },
}

/// What a rule wanted when the planner chose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wish {
    /// The rule.
    pub rule: String,
    /// What it wanted; `None` while it cannot say.
    pub replicas: Option<Replicas>,
    /// The event that said so: a `recommended`.
    pub event: EventId,
    /// Where that event is in the log.
    pub seq: Seq,
}

/// One step: the number that went in, the number that came out, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrailStep {
    /// The number before.
    pub before: Replicas,
    /// The number after.
    pub after: Replicas,
    /// What was done, with its values.
    pub step: StepTaken,
}

/// What a step did, with the values it used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepTaken {
    /// The rules' wishes became one number.
    Joined {
        /// The rule whose wish won; `None` when unavailable rules kept the current count.
        winner: Option<String>,
        /// Rules that cannot say.
        unavailable: Vec<String>,
    },
    /// The stabilization windows were applied.
    Stabilized {
        /// The lowest wish in the window for scaling up, and the window.
        up_window: Span,
        /// The highest wish in the window for scaling down, and the window.
        down_window: Span,
        /// The lowest wish within the up window.
        lowest: Replicas,
        /// The highest wish within the down window.
        highest: Replicas,
    },
    /// The rate policies of a direction, the minimum and the maximum were applied together.
    Bounded {
        /// The minimum.
        minimum: Replicas,
        /// The maximum.
        maximum: Replicas,
        /// What the rate policies allow; `None` where no change is wanted.
        rate_limit: Option<RateLimit>,
    },
    /// A cooldown was looked at.
    CooledDown {
        /// The direction.
        direction: Direction,
        /// When the direction may change again.
        until: Timestamp,
    },
    /// A pause stopped the change.
    Paused {
        /// The direction.
        direction: Direction,
        /// Who set it.
        owner: String,
        /// Why.
        reason: String,
    },
    /// A pin replaced the number.
    Pinned {
        /// The pinned number.
        replicas: Replicas,
        /// Who set it.
        owner: String,
        /// Why.
        reason: String,
    },
    /// Minimum and maximum, last of all.
    HardBounds {
        /// The minimum.
        minimum: Replicas,
        /// The maximum.
        maximum: Replicas,
    },
}

/// What the rate policies of a direction allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RateLimit {
    /// The direction.
    pub direction: Direction,
    /// The furthest count allowed now.
    pub limit: Replicas,
    /// The policy that set it, as `Pods 4 per 15s`; `Disabled` when the direction is switched off, `None` when there is no policy.
    pub policy: String,
    /// How much of that policy's period is already used, in replicas.
    pub used: Replicas,
}
