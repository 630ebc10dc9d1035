//! All that is remembered of one workload, and how facts change it.

use crate::{
    cooldown::LastChanges,
    flight::{BackOff, Plan, Plans},
    history::History,
    join::{Join, Opinion, Opinions, Spoken, join},
    news::Said,
    overrides::Overrides,
};
use headroom_model::{
    Body, Envelope, Event, Generation, Replicas, Seq, Timestamp,
    body::{Actuated, Decided, Decision, Direction, Drifted, Mode, Outcome, Recommended, Verified},
};
use headroom_policy::Policy;
use serde::{Deserialize, Serialize};

/// One workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Workload {
    pub(crate) followed: Option<Followed>,
    pub(crate) opinions: Opinions,
    /// The target's count, as far as the log knows.
    pub(crate) current: Option<Replicas>,
    /// The newest plan that the target took, and the newest that was verified: older news of either says nothing.
    applied: Generation,
    verified: Generation,
    /// `None` until the rules want something for the first time.
    pub(crate) history: Option<History>,
    pub(crate) plans: Plans,
    pub(crate) last_changes: LastChanges,
    pub(crate) overrides: Overrides,
    pub(crate) back_off: BackOff,
    /// What the newest decision said.
    pub(crate) said: Option<Said>,
    /// When to look again though nothing happens; kept by the agenda.
    pub(crate) wake_at: Option<Timestamp>,
}

/// The policy in force, without its rules: they are in [`Workload::opinions`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Followed {
    pub(crate) revision: Seq,
    pub(crate) policy: Policy,
}

impl Workload {
    /// Folds a fact about this workload.
    pub(crate) fn apply(&mut self, event: &Event, now: Timestamp) {
        let envelope = &event.envelope;
        match &event.body {
            Body::PolicyApplied(applied) => {
                // One that cannot be read leaves the former in force.
                if let Ok(policy) = Policy::from_value(&applied.policy) {
                    self.follow(policy, envelope.seq);
                }
            }
            Body::PolicyRemoved(_) => self.let_go(),
            Body::OverrideSet(set) => {
                self.overrides.set(set);
                self.back_off = BackOff::default(); // a person's order is tried at once
            }
            Body::OverrideCleared(cleared) => self.overrides.clear(cleared.what),
            Body::Recommended(recommended) => self.hear(envelope, recommended),
            Body::Actuated(actuated) => self.actuated(actuated, now),
            Body::Verified(verified) => self.verified(verified, now),
            Body::Drifted(drifted) => self.drifted(envelope, drifted, now),
            Body::Decided(decided) => self.decided(envelope, decided, now),
            _ => {}
        }
        self.refresh(now);
    }

    /// A new policy keeps all that was lived through, and the wishes of the rules that it still has.
    fn follow(&mut self, mut policy: Policy, revision: Seq) {
        let mut former = std::mem::take(&mut self.opinions);
        // Of the rules only the names matter here, and of the reasons none: a state is written, read and kept in memory
        // for every workload.
        self.opinions = std::mem::take(&mut policy.rules)
            .into_iter()
            .map(|rule| {
                let spoken = former.remove(&rule.name).flatten();
                (rule.name, spoken)
            })
            .collect();
        policy.justification = None;
        self.followed = Some(Followed { revision, policy });
        self.back_off = BackOff::default(); // it may be the mend of what failed
    }

    /// The policy is gone, and with it what a person ordered. What is under way is remembered.
    fn let_go(&mut self) {
        *self = Self {
            current: self.current,
            applied: self.applied,
            verified: self.verified,
            plans: std::mem::take(&mut self.plans),
            wake_at: self.wake_at,
            ..Self::default()
        };
    }

    /// Whether nothing is left to remember. The actuator forgets no earlier, and says the count anew when a policy comes.
    pub(crate) fn forgettable(&self) -> bool {
        self.followed.is_none() && !self.plans.any_open() && self.overrides == Overrides::default()
    }

    fn hear(&mut self, envelope: &Envelope, recommended: &Recommended) {
        if let Some(spoken) = self.opinions.get_mut(&recommended.rule) {
            *spoken = Some(Spoken {
                opinion: Opinion::from(&recommended.recommendation),
                event: envelope.id,
                seq: envelope.seq,
            });
        }
    }

    fn decided(&mut self, envelope: &Envelope, decided: &Decided, now: Timestamp) {
        self.said = Some(Said::from(decided));
        if let (Decision::Scale { from, to }, Mode::Active) = (&decided.decision, decided.mode) {
            self.plans.begin(Plan {
                decision: envelope.id,
                revision: decided.revision,
                at: now,
                from: *from,
                to: *to,
                done: false,
            });
        }
    }

    fn actuated(&mut self, actuated: &Actuated, now: Timestamp) {
        if actuated.outcome.succeeded() {
            self.took(actuated, now);
        } else if actuated.ends_plan() {
            self.failed(actuated, now);
        }
    }

    /// The target took a number. A plan that is not known is an emergency override that the actuator carried out alone.
    fn took(&mut self, actuated: &Actuated, now: Timestamp) {
        let newer = actuated.generation > self.applied;
        let direction = if self.plans.knows(actuated.decision) {
            self.plans.succeed(actuated.decision)
        } else {
            let current = self.current.filter(|_| newer);
            current.and_then(|current| Direction::between(current, actuated.to))
        };
        if let Some(direction) = direction {
            self.last_changes.record(direction, now);
        }
        if newer {
            self.applied = actuated.generation;
            self.current = Some(actuated.to);
            self.back_off = BackOff::default();
        }
    }

    /// A plan came to nothing. Only the newest says something of the target: others made way. A plan refused because the
    /// policy has moved on since says nothing of it either.
    fn failed(&mut self, actuated: &Actuated, now: Timestamp) {
        let Some((plan, true)) = self.plans.fail(actuated.decision) else {
            return;
        };
        let refused = matches!(actuated.outcome, Outcome::Refused { .. });
        let revision = self.followed.as_ref().map(|followed| followed.revision);
        if !(refused && revision != Some(plan.revision)) {
            self.back_off.fail(now);
        }
    }

    fn verified(&mut self, verified: &Verified, now: Timestamp) {
        if verified.generation <= self.verified || verified.generation < self.applied {
            return;
        }
        (self.verified, self.applied) = (verified.generation, verified.generation);
        self.current = Some(verified.replicas);
        if let Some(direction) = self.plans.succeed(verified.decision) {
            self.last_changes.record(direction, now);
        }
    }

    /// The target's count is not what the log last said. In shadow mode that is how others scale, so it counts as a change
    /// as our own would: what is shown is what would have been done in their place.
    fn drifted(&mut self, envelope: &Envelope, drifted: &Drifted, now: Timestamp) {
        let before = self.current.replace(drifted.replicas);
        let shadow = |followed: &&Followed| followed.policy.mode == Mode::Shadow;
        let (Some(from), Some(followed)) = (before, self.followed.as_ref().filter(shadow)) else {
            return;
        };
        let plan = Plan {
            decision: envelope.id,
            revision: followed.revision,
            at: now,
            from,
            to: drifted.replicas,
            done: true,
        };
        if let Some(direction) = plan.direction() {
            self.last_changes.record(direction, now);
            self.plans.begin(plan);
        }
    }

    /// The count that the next change starts from: that of the plan in flight, as if it had come about, or the current one.
    pub(crate) fn base(&self) -> Option<Replicas> {
        self.plans.in_flight().map(|plan| plan.to).or(self.current)
    }

    /// Remembers what is wanted now, and forgets what is over.
    pub(crate) fn refresh(&mut self, now: Timestamp) {
        self.overrides.expire(now);
        self.plans.forget_before(now);
        let (Some(_), Some(base)) = (&self.followed, self.base()) else {
            return;
        };
        let wish = match join(&self.opinions, base) {
            Join::Number { step, wanted: true } => Some(step.after()),
            Join::Number { wanted: false, .. } | Join::Nothing { .. } => None,
        };
        if wish.is_some() || self.history.is_some() {
            self.history
                .get_or_insert_with(|| History::starting(now, base))
                .record(now, wish);
        }
    }

    /// The next moment after `now` at which time alone may change the decision.
    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let policy = &self.followed.as_ref()?.policy;
        let (up, down) = (&policy.scale_up, &policy.scale_down);
        let windows = self.history.as_ref().and_then(|history| {
            history.changes_at(now, up.stabilization_window, down.stabilization_window)
        });
        let cooling = |direction| {
            self.last_changes
                .cool_until(direction, &policy.cooldown, now)
        };
        let single = [
            windows,
            cooling(Direction::Up),
            cooling(Direction::Down),
            self.overrides.ends_at(),
            self.back_off.until(now),
        ];
        single
            .into_iter()
            .flatten()
            .chain(self.plans.periods_end(up))
            .chain(self.plans.periods_end(down))
            .filter(|&at| at > now)
            .min()
    }
}
