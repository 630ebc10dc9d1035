//! What a rule wants, and from which numbers.

use crate::{EventId, Replicas, Seq, Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one rule wants for a workload. It stands until the rule's next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommended {
    /// The rule's name in the policy.
    pub rule: String,
    /// The policy revision (the `seq` of its `policy_applied`) that the rule belongs to.
    pub revision: Seq,
    /// The wish, or why there is none.
    pub recommendation: Recommendation,
    /// The values that led to it.
    pub inputs: Vec<Input>,
}

/// A wish, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recommendation {
    /// The rule wants this many replicas.
    Desired {
        /// How many, before any bound.
        replicas: Replicas,
        /// Why.
        reason: RuleReason,
    },
    /// The rule has nothing to say for now, and stands in nobody's way: a scale-up threshold that is not crossed.
    NoOpinion {
        /// Why.
        reason: RuleReason,
    },
    /// The rule cannot say. Never a wish for fewer.
    Unavailable {
        /// Why not.
        cause: Unavailable,
    },
}

/// Why a rule wants what it wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleReason {
    /// The metric divided by its target value.
    Proportional {
        /// Usage over target: above 1 more replicas are needed.
        ratio: f64,
        /// The replicas that share the load.
        counted: Replicas,
    },
    /// The ratio is so near 1 that nothing should change.
    WithinTolerance {
        /// Usage over target.
        ratio: f64,
        /// The tolerance of that direction, as a ratio.
        tolerance: f64,
    },
    /// Replicas that did not answer could turn the direction, so nothing should change.
    MissingReplicas {
        /// How many did not answer.
        missing: u32,
    },
    /// A threshold has held long enough.
    ThresholdHeld {
        /// For how long.
        held: Span,
    },
    /// A threshold fired, and the change it ordered is not finished or still cools down, so what it ordered stands.
    ThresholdOrdered,
    /// A threshold holds, though not long enough yet.
    ThresholdWaiting {
        /// When it will have.
        until: Timestamp,
    },
    /// The threshold is not crossed.
    ThresholdQuiet,
}

/// Why a rule cannot say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unavailable {
    /// Nothing was ever read.
    NoSample,
    /// The source has no such series.
    Missing,
    /// The last good sample is older than its freshness limit.
    Stale {
        /// When it was taken.
        since: Timestamp,
    },
    /// The source failed.
    Failed,
    /// The value is NaN or infinite.
    NotANumber,
    /// The sample claims to be from the future.
    Skewed,
    /// The sample was too old when it came.
    Late,
    /// How many replicas there are is not known.
    CurrentUnknown,
    /// The target has no replicas to measure.
    NoReplicas,
    /// No replica that counts gave a sample: they are not ready yet, or going.
    NoSuchSamples,
    /// The samples are of replicas that are not the target's.
    StrangeSamples,
    /// The reading is one number for the whole target, and the rule needs one for each replica.
    NotPerReplica,
    /// A share of what is requested is wanted, and a container requests nothing.
    MissingRequest {
        /// The replica.
        replica: String,
        /// The container.
        container: String,
    },
    /// A replica lacks the container whose usage is wanted.
    NoSuchContainer {
        /// The replica.
        replica: String,
        /// The container.
        container: String,
    },
    /// This build does not know metrics of this type.
    UnknownType,
}

/// One value that a rule looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// The metric's name.
    pub metric: String,
    /// The value, as the rule used it: totals as they came, replicas summed up, or averaged by a threshold.
    pub value: f64,
    /// The target value or threshold that it was held against.
    pub against: f64,
    /// How good it is.
    pub quality: Quality,
    /// When it was so.
    pub at: Timestamp,
    /// The event that brought it.
    pub event: EventId,
    /// Where that event is in the log.
    pub seq: Seq,
}

/// How good a sample is. Only `fresh` is evaluated.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// In time, and a number.
    Fresh,
    /// Older than its freshness limit by now.
    Stale,
    /// Older than its freshness limit when it came.
    Late,
    /// More than 2 s ahead of the stamp.
    Skewed,
    /// NaN or infinite.
    NotANumber,
    /// The source has no such series.
    Missing,
    /// The source failed.
    Failed,
}
