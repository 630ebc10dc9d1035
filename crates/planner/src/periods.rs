//! `trigger: Period`: when a workload is looked at, and what is remembered from one time to the next.

use crate::{
    flight::{Plan, Plans},
    rate::Change,
    recommendations::Recommendations,
    scale_events::ScaleEvents,
};
use headroom_model::{Replicas, Seq, Span, Timestamp};
use headroom_policy::{Pace, Policy};
use serde::{Deserialize, Serialize};

/// The periods of a workload. Each ends at a multiple of the period after the policy's arrival; the workload is looked at
/// with the first tick from then on, once, however many periods have ended since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Periods {
    /// When the policy arrived.
    start: Timestamp,
    /// The end of the period that is running.
    due: Timestamp,
    /// The instant at which the workload was last looked at: the end of a period. Ages are counted to it, and not to the
    /// tick, so that windows which are multiples of the period see the same number of points each time.
    instant: Timestamp,
    /// The stamp and the input with which it was.
    with: (Timestamp, Seq),
    /// `None` until the count is known for the first time.
    recommendations: Option<Recommendations>,
    events: ScaleEvents,
}

impl Periods {
    /// The periods of a workload that was reacted upon on arrival until now. Its changes are remembered.
    #[must_use]
    pub fn after(plans: &Plans, now: Timestamp, policy: &Policy) -> Self {
        let mut events = ScaleEvents::default();
        for plan in plans.done() {
            events.store(plan.from, plan.to, plan.at, policy);
        }
        Self {
            start: now,
            due: now,
            instant: now,
            with: (Timestamp::EPOCH, Seq::ZERO),
            recommendations: None,
            events,
        }
    }

    /// A policy has arrived: the first period ends at once.
    pub fn start(&mut self, now: Timestamp) {
        (self.start, self.due) = (now, now);
    }

    /// The end of the period that is running.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        self.due
    }

    /// Ends the period that is over, if one is, with the input at `seen`; gives the instant of its end.
    pub fn end(&mut self, now: Timestamp, seen: Seq, period: Span) -> Option<Timestamp> {
        if self.due > now {
            return None;
        }
        // A policy's period is a second at least.
        let rest = now.since(self.start).0 % period.0.max(1);
        self.instant = now.minus(Span(rest));
        self.due = self.instant.plus(period);
        self.with = (now, seen);
        Some(self.instant)
    }

    /// Whether a period ended with the input at `seen`.
    #[must_use]
    pub fn ended_with(&self, seen: Seq) -> bool {
        self.with.1 == seen
    }

    /// What `now` is in the lists: the instant at which a period ended with this stamp, else `now` itself.
    #[must_use]
    pub fn instant(&self, now: Timestamp) -> Timestamp {
        match self.with.0 == now {
            true => self.instant,
            false => now,
        }
    }

    /// What was wanted, from now on known to have begun with `current`.
    pub fn recommendations(&mut self, current: Replicas) -> &mut Recommendations {
        let starting = || Recommendations::starting(self.instant, current);
        self.recommendations.get_or_insert_with(starting)
    }

    /// What was wanted; `None` until the count is known for the first time.
    #[must_use]
    pub fn wanted(&self) -> Option<&Recommendations> {
        self.recommendations.as_ref()
    }

    /// The target took a plan's number.
    pub fn changed(&mut self, plan: &Plan, policy: &Policy) {
        self.events.store(plan.from, plan.to, plan.at, policy);
    }

    /// What was changed, or is about to be, for the rate policies. Without `behavior` the brake starts from the count at
    /// the end of each period, so there is nothing to remember.
    #[must_use]
    pub fn changes(&self, plans: &Plans, policy: &Policy) -> Vec<Change> {
        match policy.pace {
            Pace::Plain => Vec::new(),
            Pace::Behavior => {
                let mut changes = self.events.changes();
                changes.extend(plans.open_changes());
                changes
            }
        }
    }
}
