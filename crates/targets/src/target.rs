//! What every driver can do, and what it promises.

use crate::TargetError;
use async_trait::async_trait;
use headroom_model::{EventId, Generation, NameError, Replicas, WorkloadId};
use std::fmt;

/// A driver of one target.
///
/// Dropping a future of this trait stops the work soon: an actuator that has lost its lease drops what it has in flight.
/// What was done until then stays done, as after a crash.
#[async_trait]
pub trait Target: Send + Sync {
    /// What the target promises about orders that come twice or late.
    fn guarantee(&self) -> Guarantee;

    /// The count to take for granted until the first order; only targets that cannot be read have one.
    fn initial(&self) -> Option<Replicas> {
        None
    }

    /// What the target has now.
    ///
    /// # Errors
    /// [`TargetError::Unsupported`] when the target cannot be asked; others when it does not answer, or not with a count.
    async fn read(&self, name: &TargetName) -> Result<Found, TargetError>;

    /// Makes the target have `order.to` replicas. Says what it has afterwards; new replicas need not be ready yet.
    ///
    /// # Errors
    /// [`TargetError::OlderGeneration`] when a newer order came before, and nothing was changed. After any other error the
    /// target may have changed in part; [`TargetError::is_retryable`] says whether the same order may help later.
    async fn set(&self, order: &Order) -> Result<Found, TargetError>;
}

/// What a target promises about orders that come twice or late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// An older order never undoes a newer one, and the same order twice is the same as once.
    CompareAndSet,
    /// The same order twice is the same as once; an older one is not recognised.
    IdempotentSet,
    /// Each order may do its work again.
    AtLeastOnce,
}

/// One attempt to carry out a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is scaled.
    pub target: TargetName,
    /// The plan's generation.
    pub generation: Generation,
    /// The count that the plan started from.
    pub from: Replicas,
    /// The count to come.
    pub to: Replicas,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The same for every attempt at the same plan: the id of its decision.
    pub key: EventId,
}

/// What a target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its replicas, ready or not.
    pub replicas: Replicas,
    /// Those of them that are ready; `None` where the target cannot tell, or was not asked: `set` asks nobody.
    pub ready: Option<Replicas>,
    /// The newest order that was begun; `None` where the target does not keep it, or there was none.
    pub generation: Option<Generation>,
}

/// Names a target within a namespace. Both parts follow the rules of [`WorkloadId`], so they are safe in paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetName(WorkloadId);

impl TargetName {
    /// Checks both parts.
    ///
    /// # Errors
    /// Says which part cannot be a name, and why.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        WorkloadId::new(namespace, name).map(Self)
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.namespace()
    }

    /// The name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// A file name: `namespace.name`, where a `.` within a part is written `=2E`, so that no two targets share it.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.0.subject_tokens()
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
