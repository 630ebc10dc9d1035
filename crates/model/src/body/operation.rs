//! What people said: policies and overrides.

use crate::{Replicas, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A policy was set or changed. Its revision is the `seq` of this event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyApplied {
    /// The whole document, as the file has it.
    pub policy: serde_json::Value,
    /// Who applied it.
    pub owner: String,
}

/// A policy was taken away. Its target stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyRemoved {
    /// Who removed it.
    pub owner: String,
}

/// A person took a hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverrideSet {
    /// What is overridden.
    pub action: OverrideAction,
    /// Who set it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself; `None` means when it is cleared.
    pub expires_at: Option<Timestamp>,
}

/// What an override does. A workload has at most one pin and one pause at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverrideAction {
    /// Replaces the number. Hard bounds still hold.
    Pin(Replicas),
    /// Stops changes in a direction.
    Pause(PauseDirection),
}

/// Which changes a pause stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseDirection {
    /// None may happen.
    Both,
    /// The count may not grow.
    Up,
    /// The count may not shrink.
    Down,
}

impl PauseDirection {
    /// Whether a change in `direction` is stopped.
    #[must_use]
    pub fn stops(self, direction: crate::body::Direction) -> bool {
        use crate::body::Direction;
        matches!(
            (self, direction),
            (Self::Both, _) | (Self::Up, Direction::Up) | (Self::Down, Direction::Down)
        )
    }
}

/// A person ended an override before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OverrideCleared {
    /// Which one.
    pub what: OverrideSlot,
    /// Who cleared it.
    pub owner: String,
}

/// The two places an override can be in.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OverrideSlot {
    /// The number.
    Pin,
    /// The pause.
    Pause,
}
