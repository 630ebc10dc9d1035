//! All that is remembered of one workload, and how facts change it.

use crate::{
    bounds,
    cooldown::LastChanges,
    flight::{BackOff, Plan, Plans},
    history::{Extremes, History},
    join::{Join, Opinion, Opinions, Spoken, join},
    news::Said,
    overrides::Overrides,
    periods::Periods,
    rate::Change,
};
use headroom_model::{
    Body, Envelope, Event, EventId, Generation, Replicas, Seq, Timestamp,
    body::{Actuated, Decided, Decision, Direction, Drifted, Mode, Outcome, Recommended, Verified},
};
use headroom_policy::{Policy, Trigger};
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
    /// `None` until the rules want something for the first time, and with `trigger: Period`.
    pub(crate) history: Option<History>,
    /// `None` without `trigger: Period`.
    periods: Option<Periods>,
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
                    self.follow(policy, envelope.seq, now);
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
    fn follow(&mut self, mut policy: Policy, revision: Seq, now: Timestamp) {
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
        match policy.evaluation.trigger {
            Trigger::OnArrival => self.periods = None,
            Trigger::Period => {
                self.history = None;
                self.periods
                    .get_or_insert_with(|| Periods::after(&self.plans, now, &policy))
                    .start(now);
            }
        }
        self.followed = Some(Followed { revision, policy });
        self.back_off = BackOff::default(); // it may be the mend of what failed
        self.end_period(now, revision);
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
                at: self.instant(now),
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
            self.succeed(actuated.decision)
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

    /// The target took a plan's number: which way the count changed by that.
    fn succeed(&mut self, decision: EventId) -> Option<Direction> {
        let direction = self.plans.succeed(decision)?;
        self.changed(decision);
        Some(direction)
    }

    /// A plan that is done is a change to remember.
    fn changed(&mut self, decision: EventId) {
        if let (Some(followed), Some(periods), Some(plan)) =
            (&self.followed, &mut self.periods, self.plans.of(decision))
        {
            periods.changed(plan, &followed.policy);
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
        if let Some(direction) = self.succeed(verified.decision) {
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
            self.changed(envelope.id);
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
        let (Some(_), None, Some(base)) = (&self.followed, &self.periods, self.base()) else {
            return;
        };
        let wish = self.wish(base);
        if wish.is_some() || self.history.is_some() {
            self.history
                .get_or_insert_with(|| History::starting(now, base))
                .record(now, wish);
        }
    }

    /// What the rules want; `None` while they cannot say.
    fn wish(&self, base: Replicas) -> Option<Replicas> {
        match join(&self.opinions, base) {
            Join::Number { step, wanted: true } => Some(step.after()),
            Join::Number { wanted: false, .. } | Join::Nothing { .. } => None,
        }
    }

    /// Ends the period that is over, if one is, with the input at `seen`, and remembers what is wanted at its end. As an HPA,
    /// a count outside the bounds is corrected without asking what is wanted.
    pub(crate) fn end_period(&mut self, now: Timestamp, seen: Seq) {
        let Some(Followed { policy, .. }) = &self.followed else {
            return;
        };
        let base = self.base();
        let wish = base.and_then(|base| self.wish(base));
        let Some(periods) = &mut self.periods else {
            return;
        };
        let (Some(instant), Some(base)) = (periods.end(now, seen, policy.evaluation.period), base)
        else {
            return;
        };
        let wanted = periods.recommendations(base);
        if let (Some(wish), false) = (wish, bounds::outside(base, policy)) {
            wanted.record(instant, wish, policy);
        }
    }

    /// Whether the period that is running is over by `now`.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let periods = self.periods.as_ref();
        periods.is_some_and(|periods| periods.due() <= now)
    }

    /// Whether it is the time to look, with the input at `seen`. With `trigger: Period` that is when a period has ended, and
    /// whenever a person's pin is in force: a person does not wait.
    pub(crate) fn is_looked_at(&self, now: Timestamp, seen: Seq) -> bool {
        let periods = self.periods.as_ref();
        periods.is_none_or(|periods| periods.ended_with(seen)) || self.overrides.pin(now).is_some()
    }

    /// What `now` is for windows and rates.
    pub(crate) fn instant(&self, now: Timestamp) -> Timestamp {
        let periods = self.periods.as_ref();
        periods.map_or(now, |periods| periods.instant(now))
    }

    /// The lowest and the highest wish of the windows, `wanted` included.
    pub(crate) fn extremes(&self, wanted: Replicas, policy: &Policy, now: Timestamp) -> Extremes {
        let (up, down) = (&policy.scale_up, &policy.scale_down);
        let (up, down) = (up.stabilization_window, down.stabilization_window);
        let seen = match &self.periods {
            None => {
                let history = self.history.as_ref();
                history.map(|history| history.extremes(now, wanted, up, down))
            }
            Some(periods) => {
                let list = periods.wanted();
                list.map(|list| list.extremes(periods.instant(now), wanted, policy))
            }
        };
        let (lowest, highest) = (wanted, wanted);
        seen.unwrap_or(Extremes { lowest, highest })
    }

    /// What was changed, or is about to be, for the rate policies.
    pub(crate) fn changes(&self, policy: &Policy) -> Vec<Change> {
        match &self.periods {
            None => self.plans.changes(),
            Some(periods) => periods.changes(&self.plans, policy),
        }
    }

    /// The next moment after `now` at which time alone may change the decision.
    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let policy = &self.followed.as_ref()?.policy;
        if let Some(periods) = &self.periods {
            // A period that is over stays on the agenda: only a tick ends it, and a fact may come before.
            let others = [self.overrides.ends_at(), self.back_off.until(now)];
            let others = others.into_iter().flatten().filter(|&at| at > now);
            return others.chain([periods.due()]).min();
        }
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
