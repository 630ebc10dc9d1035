//! A plan on its way to a target.

use headroom_model::{
    Body, EventId, Generation, Replicas, Seq, Span, Timestamp,
    body::{Actuated, ActuationStarted, Outcome, TargetRef},
};
use serde::{Deserialize, Serialize};

/// A plan: nothing in it is left to choose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) decision: EventId,
    pub(crate) generation: Generation,
    pub(crate) revision: Seq,
    /// When it was made: one that could not begin for long is not begun any more.
    pub(crate) at: Timestamp,
    pub(crate) from: Replicas,
    pub(crate) to: Replicas,
}

impl Plan {
    pub(crate) fn started(&self, attempt: u32, target: &TargetRef) -> Body {
        Body::from(ActuationStarted {
            decision: self.decision,
            generation: self.generation,
            revision: self.revision,
            attempt,
            target: target.clone(),
            from: self.from,
            to: self.to,
        })
    }

    pub(crate) fn ended(&self, attempt: u32, outcome: Outcome) -> Body {
        Body::from(Actuated {
            decision: self.decision,
            generation: self.generation,
            attempt,
            to: self.to,
            outcome,
        })
    }
}

/// A plan whose attempt has begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) plan: Plan,
    pub(crate) target: TargetRef,
    pub(crate) number: u32,
    pub(crate) started: EventId,
    pub(crate) at: Timestamp,
}

/// A plan that failed and is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retry {
    pub(crate) plan: Plan,
    pub(crate) after: u32,
    pub(crate) not_before: Timestamp,
}

/// The rest before the attempt after attempt number `attempt`: 1 s, 2 s, 4 s, … at most 60 s.
pub(crate) fn back_off(attempt: u32) -> Span {
    Span::seconds(
        1_u64
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(60)
            .min(60),
    )
}
