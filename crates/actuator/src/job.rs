//! What must be under way outside.

use headroom_model::{
    EventId, Generation, Replicas, Timestamp, WorkloadId,
    body::{Mode, Refusal, TargetRef},
};

/// Work that must be under way. Derived from the state, so a crash loses none.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    /// Carry a plan out.
    Perform {
        /// The workload.
        workload: WorkloadId,
        /// The `actuation_started` that allows it.
        started: EventId,
        /// When that was.
        started_at: Timestamp,
        /// The plan.
        order: Order,
        /// A newer plan that waits: if this one was not begun yet, it ends as superseded.
        newer: Option<EventId>,
        /// Why it must not be begun any more: the policy that is in force now does not allow it.
        refusal: Option<Refusal>,
    },
    /// Look whether the target has become what the plan said.
    Verify {
        /// The workload.
        workload: WorkloadId,
        /// When the attempt began.
        started_at: Timestamp,
        /// The plan.
        order: Order,
    },
}

impl Job {
    /// The workload.
    #[must_use]
    pub fn workload(&self) -> &WorkloadId {
        match self {
            Self::Perform { workload, .. } | Self::Verify { workload, .. } => workload,
        }
    }

    /// The plan.
    #[must_use]
    pub fn order(&self) -> &Order {
        match self {
            Self::Perform { order, .. } | Self::Verify { order, .. } => order,
        }
    }
}

/// A plan as a target is told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The decision (or, in an emergency, the override) that made it.
    pub decision: EventId,
    /// Its position in the log.
    pub generation: Generation,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The target.
    pub target: TargetRef,
    /// The count before.
    pub from: Replicas,
    /// The count to come.
    pub to: Replicas,
}

/// A target that is looked at, and what the log last said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The workload.
    pub workload: WorkloadId,
    /// The target.
    pub target: TargetRef,
    /// Whether decisions are applied.
    pub mode: Mode,
    /// The count that the log knows.
    pub known: Option<Replicas>,
    /// The ready ones that the log knows.
    pub ready: Option<Replicas>,
    /// An attempt is under way, so a difference is no drift.
    pub busy: bool,
}
