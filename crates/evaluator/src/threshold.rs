//! One change each time a metric has been beyond a threshold long enough.
//!
//! - **The run.** A threshold is crossed from the first sample beyond it on, for as long as every sample is. Only samples
//!   are evidence: it has held from the first to the newest of them, by the source's own time. A sample on the other side,
//!   one without a number, or a silence longer than the freshness limit ends the run.
//! - **The order.** A step (`By`, `ByPercent`) that fires orders a count, and that order stands until it is reached and the
//!   change is verified or cooled down; then the run begins anew, so that the next step needs its own evidence. What is
//!   ordered counts as capacity: no step fires while a change in its direction is not settled, whichever rule caused it. A
//!   failed attempt leaves the order standing, for the planner to try again. An order that nobody carries out (a bound, a
//!   pause) stands while the threshold is crossed. It falls when the count moves away from it: it was reckoned from a count
//!   that is no more.
//! - **The absolute count** (`To`) needs no memory: it is wanted while the threshold holds.
//! - **Quiet.** A rule that would add replicas has no opinion while it is not crossed, so it holds up nobody's scale-down.
//!   One that would remove some wants the current count, so that fewer need every such rule to agree. While it is crossed
//!   and not long enough, either kind wants the current count.
//!
//! Readings per replica are held against the threshold as the mean over the replicas that answered.

use crate::fleet::{Fleet, Settled};
use crate::hpa::MOST_REPLICAS;
use headroom_model::{
    Replicas, Span, Timestamp,
    body::{Direction, Recommendation, RuleReason, Unavailable},
};
use headroom_policy::{Change, Crossed};
use serde::{Deserialize, Serialize};

/// What a threshold rule says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Threshold {
    /// Which side counts as crossed.
    pub(crate) crossed: Crossed,
    /// For how long it must have been.
    pub(crate) hold_for: Span,
    /// The change ordered.
    pub(crate) change: Change,
}

/// What a threshold rule remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Since when every sample has been beyond the threshold; `None` when the newest is not.
    since: Option<Timestamp>,
    /// The order that stands.
    order: Option<Order>,
}

/// A count that was ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    from: Replicas,
    to: Replicas,
}

impl Memory {
    /// Takes in a good sample.
    pub(crate) fn sampled(&mut self, threshold: &Threshold, value: f64, at: Timestamp) {
        self.since = if threshold.beyond(value) {
            self.since.or(Some(at))
        } else {
            None
        };
    }

    /// Whether an order stands.
    pub(crate) fn ordered(&self) -> bool {
        self.order.is_some()
    }

    /// Forgets what can no longer be relied on: for some time there was no good sample.
    pub(crate) fn interrupted(&mut self) {
        *self = Self::default();
    }

    /// Brings the order up to date with the replicas, after anything that could have changed them. `sampled_at` is the
    /// time of the newest sample.
    pub(crate) fn settle(
        &mut self,
        threshold: &Threshold,
        fleet: &Fleet,
        settled: Option<Settled>,
        sampled_at: Timestamp,
        now: Timestamp,
    ) {
        let Some(direction) = threshold.change.direction() else {
            return;
        };
        if let Some(settled) = settled.filter(|settled| settled.direction == direction) {
            self.begin_anew(settled.at, sampled_at);
        }
        let (Some(order), Some(current)) = (self.order, fleet.current()) else {
            return;
        };
        let moved = Direction::between(order.from, current);
        let moved_away = moved.is_some_and(|moved| moved != direction);
        let reached = Direction::between(current, order.to) != Some(direction);
        let idle = fleet.unsettled(direction).is_none();
        if moved_away || (idle && reached) {
            self.order = None;
            self.begin_anew(now, sampled_at);
        } else if idle && self.since.is_none() {
            self.order = None;
        }
    }

    /// The evidence so far is spent: a run that goes on counts from now, and needs a sample from now on.
    fn begin_anew(&mut self, now: Timestamp, sampled_at: Timestamp) {
        if self.since.is_some() {
            self.since = Some(now.max(sampled_at.plus(Span(1))));
        }
    }

    /// Folds what was said: a step that fired has ordered its count.
    pub(crate) fn said(
        &mut self,
        change: Change,
        recommendation: &Recommendation,
        current: Option<Replicas>,
    ) {
        use RuleReason::{ThresholdHeld, ThresholdOrdered};
        match (recommendation, current, change.direction()) {
            (
                Recommendation::Desired {
                    replicas: to,
                    reason: ThresholdHeld { .. },
                },
                Some(from),
                Some(_),
            ) if *to != from => self.order = Some(Order { from, to: *to }),
            (
                Recommendation::Desired {
                    reason: ThresholdOrdered,
                    ..
                },
                ..,
            ) => {}
            _ => self.order = None,
        }
    }
}

/// What the rule wants when its newest sample, taken `sampled_at`, is good.
pub(crate) fn wish(
    threshold: &Threshold,
    memory: &Memory,
    sampled_at: Timestamp,
    fleet: &Fleet,
) -> Recommendation {
    let Some(current) = fleet.current() else {
        return Recommendation::Unavailable {
            cause: Unavailable::CurrentUnknown,
        };
    };
    let desired = |replicas, reason| Recommendation::Desired { replicas, reason };
    if let Some(order) = memory.order {
        return desired(order.to, RuleReason::ThresholdOrdered);
    }
    let wanted = threshold.change.applied_to(current);
    let Some(since) = memory.since else {
        return quiet(threshold.change, current, wanted);
    };
    let held = sampled_at.since(since);
    if sampled_at < since || held < threshold.hold_for {
        let until = since.plus(threshold.hold_for);
        return desired(current, RuleReason::ThresholdWaiting { until });
    }
    let unsettled = threshold.change.direction();
    if let Some(until) = unsettled.and_then(|direction| fleet.unsettled(direction)) {
        return desired(current, RuleReason::ThresholdWaiting { until });
    }
    desired(wanted, RuleReason::ThresholdHeld { held })
}

/// What a rule wants that is not crossed, and would order `wanted` if it were.
fn quiet(change: Change, current: Replicas, wanted: Replicas) -> Recommendation {
    let reason = RuleReason::ThresholdQuiet;
    let direction = change
        .direction()
        .or_else(|| Direction::between(current, wanted));
    match direction {
        Some(Direction::Down) => Recommendation::Desired {
            replicas: current,
            reason,
        },
        Some(Direction::Up) | None => Recommendation::NoOpinion { reason },
    }
}

impl Threshold {
    fn beyond(&self, value: f64) -> bool {
        match self.crossed {
            Crossed::Above(limit) => value > limit,
            Crossed::Below(limit) => value < limit,
        }
    }
}

/// What a change does to a count.
trait Step {
    /// Which way it goes whatever the count is; `None` for an absolute count.
    fn direction(self) -> Option<Direction>;
    /// The count it orders from `current`, not below zero and not above [`MOST_REPLICAS`].
    fn applied_to(self, current: Replicas) -> Replicas;
}

impl Step for Change {
    fn direction(self) -> Option<Direction> {
        let (Self::By(sign) | Self::ByPercent(sign)) = self else {
            return None;
        };
        Some(if sign < 0 {
            Direction::Down
        } else {
            Direction::Up
        })
    }

    fn applied_to(self, current: Replicas) -> Replicas {
        let count = i64::from(current.0);
        let counted = |count| Replicas::saturating_from(count).min(MOST_REPLICAS);
        match self {
            Self::By(change) => counted(count + i64::from(change)),
            Self::ByPercent(percent) => {
                let hundredths = count * i64::from(percent);
                let size =
                    hundredths.abs().div_euclid(100) + i64::from(hundredths.rem_euclid(100) != 0);
                let change = size.max(1) * i64::from(percent.signum());
                counted(count + change)
            }
            Self::To(replicas) => replicas,
        }
    }
}
