//! What was done to a target, and what it answered.

use crate::{EventId, Generation, Replicas, Seq, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a target: its kind (`Process`, `Command`, …) and its name there. Which program or cluster that means is in the
/// actuator's own configuration, never in a policy.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct TargetRef {
    /// The API group and version, where the kind has one.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The kind.
    pub kind: String,
    /// The name within the policy's namespace.
    pub name: String,
}

impl TargetRef {
    /// What makes two targets of a namespace the same: the kind, in small letters, and the name. The API group does not
    /// count: the actuator's configuration, which says what a target is, has none.
    #[must_use]
    pub fn key(&self) -> (String, &str) {
        (self.kind.to_ascii_lowercase(), &self.name)
    }
}

/// An attempt began. Written before anything is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActuationStarted {
    /// The decision that is carried out.
    pub decision: EventId,
    /// Its generation.
    pub generation: Generation,
    /// The policy revision it was made under.
    pub revision: Seq,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The target.
    pub target: TargetRef,
    /// The count before.
    pub from: Replicas,
    /// The count to come.
    pub to: Replicas,
}

/// An attempt ended, or a plan ended without one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Actuated {
    /// The decision.
    pub decision: EventId,
    /// Its generation.
    pub generation: Generation,
    /// The attempt; 0 when none was made.
    pub attempt: u32,
    /// The count that was to come.
    pub to: Replicas,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a plan or an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The target took the number.
    Applied,
    /// After a crash the target was found to have the number already.
    Adopted,
    /// The target refused or could not be reached.
    Failed {
        /// What it said.
        error: String,
        /// Whether a further attempt could help.
        retry: bool,
    },
    /// The target did not answer in time.
    TimedOut {
        /// How long was waited, in milliseconds.
        after_ms: u64,
    },
    /// A crash came between, the target cannot be asked or may not be asked twice, and nobody knows.
    Unknown,
    /// A newer plan took its place before it was begun.
    Superseded {
        /// The newer decision.
        by: EventId,
    },
    /// The plan must not be carried out.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// How often a plan is tried before it has failed.
pub const MAX_ATTEMPTS: u32 = 3;

impl Actuated {
    /// Whether the plan is over: no further attempt follows.
    #[must_use]
    pub fn ends_plan(&self) -> bool {
        !(matches!(self.outcome, Outcome::Failed { retry: true, .. })
            && self.attempt < MAX_ATTEMPTS)
    }
}

impl Outcome {
    /// Whether the target has the number.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self, Self::Applied | Self::Adopted)
    }
}

/// Why a plan must not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A newer one was carried out already.
    OlderGeneration,
    /// The policy has changed since.
    StaleRevision,
    /// The number is outside the policy's minimum and maximum.
    OutOfBounds,
    /// The policy is gone.
    NoPolicy,
    /// It is older than a plan may be, for instance after an outage.
    TooOld,
}

/// A target has become what a plan said: all its replicas are ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// The decision.
    pub decision: EventId,
    /// Its generation.
    pub generation: Generation,
    /// The count.
    pub replicas: Replicas,
    /// How many of them are ready.
    pub ready: Replicas,
    /// From the start of the actuation until then.
    pub took: Span,
}

/// A target's count is not what the log last said: it was found for the first time, or someone else changed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drifted {
    /// What was expected; `None` the first time.
    pub expected: Option<Replicas>,
    /// The count found.
    pub replicas: Replicas,
    /// How many of them are ready, where the target can tell.
    pub ready: Option<Replicas>,
}
