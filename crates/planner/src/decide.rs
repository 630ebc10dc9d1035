//! The way from what is known of a workload to a decision: every step in order, and what to say at the end.

use crate::{
    bounds,
    cooldown::cool_down,
    join::{Join, join, wishes},
    overrides,
    rate::bounded,
    stabilize::stabilize,
    step::Step,
    workload::Workload,
};
use headroom_model::{
    Replicas, Seq, Timestamp,
    body::{Decided, Decision, HoldReason, TrailStep},
};
use headroom_policy::{Pace, Policy};

/// What follows for a workload from the input at `seen`; `None` when it is no news, when it is not the time to look, or when
/// it has no policy.
#[must_use]
pub(crate) fn decide(workload: &Workload, now: Timestamp, seen: Seq) -> Option<Decided> {
    let followed = workload.followed.as_ref()?;
    if !workload.is_looked_at(now, seen) {
        return None;
    }
    let policy = &followed.policy;
    let (decision, trail) = match workload.base() {
        Some(base) => {
            let course = Course::plot(workload, policy, base, now);
            (conclude(workload, policy, &course, now)?, course.trail)
        }
        None => {
            let reason = HoldReason::CurrentUnknown;
            (Decision::Hold { at: None, reason }, Vec::new())
        }
    };
    let decided = Decided {
        revision: followed.revision,
        mode: policy.mode,
        decision,
        wishes: wishes(&workload.opinions),
        trail,
    };
    let news = |said: &crate::news::Said| said.is_told_otherwise_by(&decided);
    workload.said.as_ref().is_none_or(news).then_some(decided)
}

/// The number on its way through the steps.
struct Course {
    base: Replicas,
    number: Replicas,
    trail: Vec<TrailStep>,
    /// What to say if the number ends where it began: the last step that held something back.
    held: HoldReason,
}

impl Course {
    fn plot(workload: &Workload, policy: &Policy, base: Replicas, now: Timestamp) -> Self {
        let mut course = Self {
            base,
            number: base,
            trail: Vec::new(),
            held: HoldReason::AtDesired,
        };
        if let Some(pin) = workload.overrides.pin(now) {
            course.join(workload, policy);
            course.take(overrides::pin(course.number, pin));
            course.held = HoldReason::AtDesired;
            course.take(bounds::hard_bounds(course.number, policy));
            return course;
        }
        if bounds::is_off(base, policy) {
            let minimum = policy.min_replicas;
            course.held = HoldReason::ScaledToZero { minimum };
        } else if bounds::outside(base, policy) {
            // As an HPA, this does not wait for anybody's wish, nor for a window, a rate or a cooldown.
            course.take(bounds::hard_bounds(base, policy));
        } else {
            course.follow_rules(workload, policy, now);
        }
        if let Some(pause) = workload.overrides.pause(now) {
            course.take_if(overrides::pause(base, course.number, pause));
        }
        course
    }

    fn follow_rules(&mut self, workload: &Workload, policy: &Policy, now: Timestamp) {
        if !self.join(workload, policy) {
            return;
        }
        let seen = workload.extremes(self.number, policy, now);
        self.take(stabilize(self.base, self.number, seen, policy));
        let changes = workload.changes(policy);
        let instant = workload.instant(now);
        self.take(bounded(self.base, self.number, policy, &changes, instant));
        let last = &workload.last_changes;
        self.take_if(cool_down(
            self.base,
            self.number,
            &policy.cooldown,
            last,
            now,
        ));
    }

    /// Whether the rules give a number to go on with. What rules that cannot say hold the count at is none without
    /// `behavior`, where the window could raise it: an HPA that cannot tell does nothing.
    fn join(&mut self, workload: &Workload, policy: &Policy) -> bool {
        match join(&workload.opinions, self.base) {
            Join::Number { step, wanted } => {
                self.take(step);
                wanted || policy.pace == Pace::Behavior
            }
            Join::Nothing { step, reason } => {
                self.take(step);
                self.held = reason;
                false
            }
        }
    }

    fn take(&mut self, step: Step) {
        self.number = step.after();
        if let Some(held) = step.hold {
            self.held = held;
        }
        self.trail.push(step.trail);
    }

    fn take_if(&mut self, step: Option<Step>) {
        if let Some(step) = step {
            self.take(step);
        }
    }
}

/// Scale or hold; `None` while the plan in flight is what is wanted, since it speaks for itself.
fn conclude(
    workload: &Workload,
    policy: &Policy,
    course: &Course,
    now: Timestamp,
) -> Option<Decision> {
    let wanted = course.number;
    let hold = |reason| {
        let at = workload.current;
        Some(Decision::Hold { at, reason })
    };
    if let Some(plan) = workload.plans.in_flight() {
        if plan.to == wanted {
            return None;
        }
        let pinned = workload.overrides.pin(now).is_some();
        if !plan.gives_way_to(wanted, pinned, policy) {
            return hold(HoldReason::PlanInFlight {
                decision: plan.decision,
                to: plan.to,
                wanted,
            });
        }
    }
    if wanted == course.base {
        return hold(course.held.clone());
    }
    if let Some(until) = workload.back_off.until(now) {
        return hold(HoldReason::BackingOff { wanted, until });
    }
    Some(Decision::Scale {
        from: course.base,
        to: wanted,
    })
}
