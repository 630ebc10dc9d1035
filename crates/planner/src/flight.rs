//! Plans from their decision to their outcome: which one is in flight, what may take its place, and what was changed.

use crate::{bounds, rate::Change};
use headroom_model::{EventId, Replicas, Seq, Span, Timestamp, body::Direction};
use headroom_policy::{Policy, Scaling};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The longest period that a rate policy can have (autoscaling/v2: 1800 s). Changes are kept this long whatever the policy
/// in force says, so that a longer period finds them.
const LONGEST_PERIOD: Span = Span::seconds(1800);

/// The rest after the first failed plan; it doubles with each further one.
const FIRST_REST: Span = Span::seconds(1);

/// The longest rest: a target that is broken for long is tried once a minute.
const LONGEST_REST: Span = Span::seconds(60);

/// A decision to scale that is meant to be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The decision.
    pub decision: EventId,
    /// The policy revision that it followed.
    pub revision: Seq,
    /// When it was decided.
    pub at: Timestamp,
    /// The count it starts from: that of the target, or of the plan whose place it took.
    pub from: Replicas,
    /// The count to come.
    pub to: Replicas,
    /// Whether the target has taken the number. A plan that failed is forgotten.
    pub done: bool,
}

impl Plan {
    /// Which way it changes the count.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        Direction::between(self.from, self.to)
    }

    fn change(&self) -> Change {
        Change {
            at: self.at,
            by: i64::from(self.to.0) - i64::from(self.from.0),
        }
    }

    /// Whether a plan to `wanted` takes the place of this one while it is in flight. More than it gives is never put off.
    /// Fewer waits for the outcome, unless a person ordered the number or this plan's own is no longer within the bounds.
    #[must_use]
    pub fn gives_way_to(&self, wanted: Replicas, pinned: bool, policy: &Policy) -> bool {
        wanted > self.to || pinned || bounds::outside(self.to, policy)
    }
}

/// The plans that still matter, oldest first: those without an outcome, and those done within the longest rate period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plans(VecDeque<Plan>);

impl Plans {
    /// A plan was decided. It takes the place of the one in flight, whose outcome is still awaited.
    pub fn begin(&mut self, plan: Plan) {
        if self.find(plan.decision).is_none() {
            self.0.push_back(plan);
        }
    }

    /// The newest plan, while it has no outcome.
    #[must_use]
    pub fn in_flight(&self) -> Option<&Plan> {
        self.0.back().filter(|plan| !plan.done)
    }

    /// Whether an outcome is still awaited, of whichever plan.
    #[must_use]
    pub fn any_open(&self) -> bool {
        self.0.iter().any(|plan| !plan.done)
    }

    /// This decision's plan, if it is known.
    #[must_use]
    pub fn of(&self, decision: EventId) -> Option<&Plan> {
        self.find(decision).map(|found| &self.0[found])
    }

    /// Whether this decision's plan is known.
    #[must_use]
    pub fn knows(&self, decision: EventId) -> bool {
        self.find(decision).is_some()
    }

    /// The target took the number: which way the count changed by that. `None` when it did not, or when this was known.
    pub fn succeed(&mut self, decision: EventId) -> Option<Direction> {
        let found = self.find(decision)?;
        let plan = &mut self.0[found];
        if std::mem::replace(&mut plan.done, true) {
            return None;
        }
        let (direction, to) = (plan.direction(), plan.to);
        if let Some(next) = self.0.get_mut(found + 1) {
            next.from = to;
        }
        direction
    }

    /// The plan came to nothing, and so no longer counts as a change. One that had taken its place starts from where it
    /// did. Gives the plan, and whether it was the newest; `None` when no outcome of it is awaited.
    pub fn fail(&mut self, decision: EventId) -> Option<(Plan, bool)> {
        let found = self.find(decision)?;
        if self.0[found].done {
            return None;
        }
        let failed = self.0.remove(found)?;
        let next = self.0.get_mut(found);
        let newest = next.is_none();
        if let Some(next) = next {
            next.from = failed.from;
        }
        Some((failed, newest))
    }

    /// What was changed, or is about to be, for the rate policies.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.0.iter().map(Plan::change).collect()
    }

    /// What is about to be changed.
    pub fn open_changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.0.iter().filter(|plan| !plan.done).map(Plan::change)
    }

    /// The plans whose number the target took, oldest first.
    pub fn done(&self) -> impl Iterator<Item = &Plan> {
        self.0.iter().filter(|plan| plan.done)
    }

    /// When changes leave the periods of `scaling`'s rate policies.
    pub fn periods_end<'a>(&'a self, scaling: &'a Scaling) -> impl Iterator<Item = Timestamp> + 'a {
        self.0.iter().flat_map(|plan| {
            let end = |policy: &headroom_policy::RatePolicy| plan.at.plus(policy.period);
            scaling.policies.iter().map(end)
        })
    }

    /// Forgets what no rate policy can remember.
    pub fn forget_before(&mut self, now: Timestamp) {
        while self
            .0
            .front()
            .is_some_and(|plan| plan.done && plan.at.plus(LONGEST_PERIOD) <= now)
        {
            self.0.pop_front();
        }
    }

    fn find(&self, decision: EventId) -> Option<usize> {
        self.0.iter().rposition(|plan| plan.decision == decision)
    }
}

/// The rest between plans that fail one after the other, so that a broken target is not hammered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOff {
    failures: u32,
    until: Option<Timestamp>,
}

impl BackOff {
    /// Another plan failed.
    pub fn fail(&mut self, now: Timestamp) {
        let doubled = FIRST_REST.0.checked_shl(self.failures).unwrap_or(u64::MAX);
        self.until = Some(now.plus(Span(doubled.min(LONGEST_REST.0))));
        // Beyond six doublings the rest stays the longest one; more would shift the bits out.
        self.failures = (self.failures + 1).min(6);
    }

    /// When the next plan may be made; `None` when it may be made now.
    #[must_use]
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|&until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::policy;

    fn id(name: &str) -> EventId {
        EventId::named(name)
    }

    fn plan(name: &str, from: u32, to: u32) -> Plan {
        Plan {
            decision: id(name),
            revision: Seq(1),
            at: Timestamp(0),
            from: Replicas(from),
            to: Replicas(to),
            done: false,
        }
    }

    fn plans(of: &[Plan]) -> Plans {
        let mut plans = Plans::default();
        of.iter().for_each(|plan| plans.begin(plan.clone()));
        plans
    }

    fn changed(plans: &Plans) -> i64 {
        plans.changes().iter().map(|change| change.by).sum()
    }

    #[test]
    fn more_an_order_or_a_bound_takes_the_place_of_a_plan_in_flight() {
        let policy = policy(2, 10);
        let cases = [
            ("more than it gives", 5, 6, false, true),
            ("fewer waits", 5, 4, false, false),
            ("fewer by order", 5, 4, true, true),
            ("fewer when it is above the maximum", 12, 10, false, true),
            ("more when it is below the minimum", 1, 2, false, true),
        ];
        for (name, to, wanted, pinned, want) in cases {
            let got = plan("a", 3, to).gives_way_to(Replicas(wanted), pinned, &policy);
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn the_outcome_of_a_plan_whose_place_was_taken_leaves_the_newer_one_in_flight() {
        let both = plans(&[plan("old", 3, 5), plan("new", 5, 8)]);
        assert_eq!(changed(&both), 5);

        let mut superseded = both.clone();
        let (failed, newest) = superseded.fail(id("old")).expect("its outcome was awaited");
        assert_eq!((failed.to, newest), (Replicas(5), false));
        assert_eq!(
            superseded.in_flight(),
            Some(&plan("new", 3, 8)),
            "it starts from where the old one did"
        );

        let mut applied = both;
        assert_eq!(applied.succeed(id("old")), Some(Direction::Up));
        assert_eq!(applied.in_flight(), Some(&plan("new", 5, 8)));
        assert_eq!(changed(&applied), 5);
    }

    #[test]
    fn a_plan_that_failed_is_no_change() {
        let mut plans = plans(&[plan("a", 3, 5)]);
        assert!(plans.fail(id("a")).is_some_and(|(_, newest)| newest));
        assert_eq!(plans, Plans::default());
        assert_eq!(plans.fail(id("a")), None, "a second outcome says nothing");
    }

    #[test]
    fn a_second_outcome_of_a_plan_says_nothing() {
        let mut plans = plans(&[plan("a", 5, 3)]);
        assert_eq!(plans.succeed(id("a")), Some(Direction::Down));
        assert_eq!(plans.succeed(id("a")), None);
        assert_eq!(plans.fail(id("a")), None);
        assert_eq!(changed(&plans), -2);
        assert!(plans.in_flight().is_none() && !plans.any_open());
    }

    #[test]
    fn plans_are_forgotten_once_no_rate_policy_can_remember_them() {
        let mut plans = plans(&[plan("a", 3, 5), plan("b", 5, 6)]);
        plans.succeed(id("a"));
        plans.forget_before(Timestamp(1_799_999));
        assert!(plans.knows(id("a")));
        plans.forget_before(Timestamp(1_800_000));
        assert!(
            !plans.knows(id("a")) && plans.knows(id("b")),
            "one without an outcome stays"
        );
    }

    #[test]
    fn the_rest_doubles_from_a_second_to_a_minute() {
        let mut back_off = BackOff::default();
        let mut rests = Vec::new();
        for _ in 0..9 {
            back_off.fail(Timestamp(500));
            rests.push((back_off.until(Timestamp(500)).unwrap().0 - 500) / 1000);
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(back_off.until(Timestamp(60_500)), None);
        for _ in 0..100 {
            back_off.fail(Timestamp(0));
            assert_eq!(back_off.until(Timestamp(0)), Some(Timestamp(60_000)));
        }
    }
}
