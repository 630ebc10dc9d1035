//! What every step gives: its entry in the trail, and what to say if it is why nothing changes.

use headroom_model::{
    Replicas,
    body::{HoldReason, StepTaken, TrailStep},
};

/// One step taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The number before, the number after, and the values used.
    pub trail: TrailStep,
    /// What to say when the count stays as it is because of this step. `None` when the step held nothing back, or when the
    /// number it gives is simply what is wanted.
    pub hold: Option<HoldReason>,
}

impl Step {
    /// A step from `before` to `after`; `hold` is kept only if they differ.
    #[must_use]
    pub fn new(
        before: Replicas,
        after: Replicas,
        taken: StepTaken,
        hold: Option<HoldReason>,
    ) -> Self {
        Self {
            trail: TrailStep {
                before,
                after,
                step: taken,
            },
            hold: hold.filter(|_| before != after),
        }
    }

    /// The number that came out.
    #[must_use]
    pub fn after(&self) -> Replicas {
        self.trail.after
    }

    /// Whether the number that came out is another one.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.trail.before != self.trail.after
    }
}
