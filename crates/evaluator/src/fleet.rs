//! How many replicas a workload has, as its target's answers tell, and whether its last change is settled.

use crate::hpa::MOST_REPLICAS;
use crate::proportional::Counts;
use headroom_model::{
    Generation, Replicas, Span, Timestamp,
    body::{Actuated, Direction, Drifted, Verified},
};
use headroom_policy::Cooldown;
use serde::{Deserialize, Serialize};

/// A change that is not verified by then is no longer waited for where the policy has no cooldown: as long as an actuation
/// may take.
pub const SETTLED_AFTER: Span = Span::seconds(300);

/// What is known of a workload's replicas.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Fleet {
    /// How many there are, ordered ones included; `None` before the target was heard of.
    current: Option<Replicas>,
    /// How many are ready; `None` while nobody can tell.
    ready: Option<Replicas>,
    /// The newest plan that reached the target.
    generation: Generation,
    /// The last change, until it is verified, failed, or cooled down.
    unsettled: Option<Unsettled>,
}

/// A change whose effect is not there yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unsettled {
    direction: Direction,
    generation: Generation,
    until: Timestamp,
}

/// A change has had its effect: step rules of its direction begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Its direction.
    pub(crate) direction: Direction,
    /// When.
    pub(crate) at: Timestamp,
}

impl Fleet {
    /// How many replicas there are, ordered ones included.
    pub(crate) fn current(&self) -> Option<Replicas> {
        self.current
    }

    /// The counts that a proportional rule reckons with. Where readiness is not known, all replicas count.
    pub(crate) fn counts(&self) -> Option<Counts> {
        let current = self.current?;
        Some(Counts {
            current,
            ready: Some(self.ready.unwrap_or(current)),
            counted: current,
            seen: false,
        })
    }

    /// Until when the last change in `direction` is waited for; `None` when there is none, or it is settled.
    pub(crate) fn unsettled(&self, direction: Direction) -> Option<Timestamp> {
        let change = self.unsettled.as_ref()?;
        (change.direction == direction).then_some(change.until)
    }

    /// Stops waiting for a change that has cooled down without being verified. Nobody can tell by then how many of its
    /// replicas are ready.
    pub(crate) fn cool_down(&mut self, now: Timestamp) -> Option<Settled> {
        let change = self.unsettled.take_if(|change| change.until <= now)?;
        self.ready = None;
        Some(Settled {
            direction: change.direction,
            at: change.until,
        })
    }

    /// A plan ended. One that reached the target is the count from now on, and its new replicas are not ready yet; one
    /// that failed is no longer waited for.
    pub(crate) fn actuated(&mut self, actuated: &Actuated, cooldown: Cooldown, now: Timestamp) {
        if !actuated.outcome.succeeded() {
            let ended = |change: &mut Unsettled| change.generation == actuated.generation;
            if self.unsettled.take_if(ended).is_some() {
                self.ready = None;
            }
            return;
        }
        if actuated.generation < self.generation {
            return;
        }
        self.generation = actuated.generation;
        let to = counted(actuated.to);
        if let Some(before) = self.current.replace(to) {
            self.ready = Some(self.ready.unwrap_or(before).min(to));
            if let Some(direction) = Direction::between(before, to) {
                self.unsettled = Some(Unsettled {
                    direction,
                    generation: actuated.generation,
                    until: now.plus(rest(cooldown, direction)),
                });
            }
        }
    }

    /// A target has become what a plan said.
    pub(crate) fn verified(&mut self, verified: &Verified, now: Timestamp) -> Option<Settled> {
        if verified.generation < self.generation {
            return None;
        }
        self.generation = verified.generation;
        self.current = Some(counted(verified.replicas));
        self.ready = Some(counted(verified.ready));
        let direction = self.unsettled.take()?.direction;
        Some(Settled { direction, at: now })
    }

    /// A target was found to have another count.
    pub(crate) fn drifted(&mut self, drifted: &Drifted) {
        self.current = Some(counted(drifted.replicas));
        self.ready = drifted.ready.map(counted);
    }
}

/// How long a change without verification is waited for.
fn rest(cooldown: Cooldown, direction: Direction) -> Span {
    let span = match direction {
        Direction::Up => cooldown.up,
        Direction::Down => cooldown.down,
    };
    if span == Span::ZERO {
        SETTLED_AFTER
    } else {
        span
    }
}

/// A count that a target claims to have, so bounded that a wish cannot be below it only because it saturated.
fn counted(replicas: Replicas) -> Replicas {
    replicas.min(MOST_REPLICAS)
}
