//! The state of one workload's target: what is known of it, what is under way, what waits.

use crate::OVERRIDE_PATIENCE;
use crate::attempt::MAX_AGE;
use crate::job::{Job, Order, Watched};
use crate::plan::{Attempt, Plan, Retry, back_off};
use headroom_model::{
    Body, Event, EventId, Generation, Replicas, Seq, Timestamp, WorkloadId,
    body::{
        Actuated, ActuationStarted, Decided, Decision, Mode, Outcome, OverrideAction, OverrideSet,
        OverrideSlot, Refusal, TargetRef,
    },
};
use headroom_policy::Policy;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Workload {
    rules: Option<Rules>,
    known: Option<Replicas>,
    ready: Option<Replicas>,
    newest: Generation,
    waiting: Vec<Plan>,
    running: Option<Attempt>,
    retry: Option<Retry>,
    verifying: Option<Attempt>,
    pin: Option<Pin>,
}

/// What of the policy binds an actuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rules {
    revision: Seq,
    minimum: Replicas,
    maximum: Replicas,
    mode: Mode,
    target: TargetRef,
}

/// A pin that the planner has not answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pin {
    event: EventId,
    seq: Seq,
    replicas: Replicas,
    act_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Workload {
    pub(crate) fn apply(&mut self, event: &Event, now: Timestamp) {
        let envelope = &event.envelope;
        match &event.body {
            Body::PolicyApplied(applied) => {
                if let Ok(policy) = Policy::from_value(&applied.policy) {
                    self.rules = Some(Rules::of(&policy, envelope.seq));
                }
            }
            Body::PolicyRemoved(_) => (self.rules, self.verifying, self.pin) = (None, None, None),
            Body::OverrideSet(set) => self.pinned(envelope.id, envelope.seq, set, now),
            Body::OverrideCleared(cleared) if cleared.what == OverrideSlot::Pin => self.pin = None,
            Body::Decided(decided) => self.decided(envelope.id, envelope.seq, decided, now),
            Body::ActuationStarted(started) => self.started(envelope.id, started, now),
            Body::Actuated(actuated) => self.actuated(actuated, now),
            Body::Verified(verified) => {
                self.known = Some(verified.replicas);
                self.ready = Some(verified.ready);
                self.verifying
                    .take_if(|attempt| attempt.plan.decision == verified.decision);
            }
            Body::Drifted(drifted) => {
                self.known = Some(drifted.replicas);
                self.ready = drifted.ready;
                self.verifying
                    .take_if(|attempt| attempt.plan.to != drifted.replicas);
            }
            _ => {}
        }
    }

    fn pinned(&mut self, event: EventId, seq: Seq, set: &OverrideSet, now: Timestamp) {
        if let OverrideAction::Pin(replicas) = set.action {
            self.pin = Some(Pin {
                event,
                seq,
                replicas,
                act_at: now.plus(OVERRIDE_PATIENCE),
                expires_at: set.expires_at,
            });
        }
    }

    fn decided(&mut self, decision: EventId, seq: Seq, decided: &Decided, now: Timestamp) {
        self.pin = None; // the planner is at work
        let Decision::Scale { from, to } = decided.decision else {
            return;
        };
        if decided.mode == Mode::Active {
            self.waiting.push(Plan {
                decision,
                generation: Generation(seq.0),
                revision: decided.revision,
                at: now,
                from,
                to,
            });
        }
    }

    fn started(&mut self, started: EventId, body: &ActuationStarted, now: Timestamp) {
        self.leave(body.decision);
        self.newest = self.newest.max(body.generation);
        self.verifying = None;
        self.running = Some(Attempt {
            plan: Plan {
                decision: body.decision,
                generation: body.generation,
                revision: body.revision,
                at: now,
                from: body.from,
                to: body.to,
            },
            target: body.target.clone(),
            number: body.attempt,
            started,
            at: now,
        });
    }

    /// The plan of a decision no longer waits.
    fn leave(&mut self, decision: EventId) {
        self.waiting.retain(|plan| plan.decision != decision);
        self.retry.take_if(|retry| retry.plan.decision == decision);
        self.pin.take_if(|pin| pin.event == decision);
    }

    fn actuated(&mut self, actuated: &Actuated, now: Timestamp) {
        if actuated.attempt == 0 {
            return self.leave(actuated.decision);
        }
        let same = |attempt: &mut Attempt| {
            attempt.plan.decision == actuated.decision && attempt.number == actuated.attempt
        };
        let Some(attempt) = self.running.take_if(same) else {
            if self.retry.as_ref().is_some_and(|retry| {
                retry.plan.decision == actuated.decision && actuated.ends_plan()
            }) {
                self.retry = None; // given up for a newer plan
            }
            return;
        };
        if actuated.outcome.succeeded() {
            self.known = Some(actuated.to);
            self.verifying = Some(attempt);
        } else if !actuated.ends_plan() {
            self.retry = Some(Retry {
                not_before: now.plus(back_off(attempt.number)),
                after: attempt.number,
                plan: attempt.plan,
            });
        }
    }

    /// What follows from the state: plans begin, or end without having begun.
    pub(crate) fn decide(&self, now: Timestamp) -> Vec<Body> {
        let mut outputs = Vec::new();
        let mut sound = Vec::new();
        for plan in &self.waiting {
            match self.refusal(plan, now) {
                Some(reason) => outputs.push(plan.ended(0, Outcome::Refused { reason })),
                None => sound.push(plan),
            }
        }
        let newest = sound.pop();
        if let Some(newest) = newest {
            let by = newest.decision;
            let old = sound.iter().map(|plan| (*plan, 0));
            let retried = self.retry.iter().map(|retry| (&retry.plan, retry.after));
            outputs.extend(
                old.chain(retried)
                    .map(|(plan, attempt)| plan.ended(attempt, Outcome::Superseded { by })),
            );
        }
        if self.running.is_none() {
            outputs.extend(match (newest, &self.retry) {
                (Some(newest), _) => self.begin(newest, 1),
                (None, Some(retry)) if retry.not_before <= now => self.try_again(retry, now),
                (None, Some(_)) => None,
                (None, None) => self.emergency(now),
            });
        }
        outputs
    }

    fn begin(&self, plan: &Plan, attempt: u32) -> Option<Body> {
        Some(plan.started(attempt, &self.rules.as_ref()?.target))
    }

    fn try_again(&self, retry: &Retry, now: Timestamp) -> Option<Body> {
        let current = Plan {
            generation: Generation(u64::MAX),
            at: retry.not_before,
            ..retry.plan.clone()
        };
        match self.refusal(&current, now) {
            Some(reason) => Some(retry.plan.ended(retry.after, Outcome::Refused { reason })),
            None => self.begin(&retry.plan, retry.after + 1),
        }
    }

    /// The pin is carried out without the planner, when it has not answered for [`OVERRIDE_PATIENCE`].
    fn emergency(&self, now: Timestamp) -> Option<Body> {
        let (pin, rules) = (self.pin.as_ref()?, self.rules.as_ref()?);
        let expired = pin.expires_at.is_some_and(|at| at <= now);
        let to = pin.replicas.max(rules.minimum).min(rules.maximum);
        if now < pin.act_at || expired || rules.mode == Mode::Shadow || self.known == Some(to) {
            return None;
        }
        let plan = Plan {
            decision: pin.event,
            generation: Generation(pin.seq.0),
            revision: rules.revision,
            at: now,
            from: self.known.unwrap_or_default(),
            to,
        };
        (plan.generation > self.newest).then(|| plan.started(1, &rules.target))
    }

    fn refusal(&self, plan: &Plan, now: Timestamp) -> Option<Refusal> {
        let Some(rules) = &self.rules else {
            return Some(Refusal::NoPolicy);
        };
        if plan.generation <= self.newest {
            Some(Refusal::OlderGeneration)
        } else {
            let too_old = || (now.since(plan.at) > MAX_AGE).then_some(Refusal::TooOld);
            rules.against(plan).or_else(too_old)
        }
    }

    /// What the policy in force has against a plan.
    fn forbidden(&self, plan: &Plan) -> Option<Refusal> {
        match &self.rules {
            Some(rules) => rules.against(plan),
            None => Some(Refusal::NoPolicy),
        }
    }

    /// When to look again though nothing happens.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let retry = self.retry.as_ref().map(|retry| retry.not_before);
        let pin = self.pin.as_ref().map(|pin| pin.act_at);
        retry.into_iter().chain(pin).min()
    }

    pub(crate) fn busy(&self) -> bool {
        self.running.is_some() || self.verifying.is_some()
    }

    /// Nothing is left to remember: the policy is gone, and so is every plan.
    pub(crate) fn forgettable(&self) -> bool {
        self.rules.is_none()
            && self.waiting.is_empty()
            && self.running.is_none()
            && self.retry.is_none()
            && self.pin.is_none()
    }

    pub(crate) fn job(&self, id: &WorkloadId) -> Option<Job> {
        let order = |attempt: &Attempt| Order {
            decision: attempt.plan.decision,
            generation: attempt.plan.generation,
            attempt: attempt.number,
            target: attempt.target.clone(),
            from: attempt.plan.from,
            to: attempt.plan.to,
        };
        let perform = self.running.as_ref().map(|attempt| Job::Perform {
            workload: id.clone(),
            started: attempt.started,
            started_at: attempt.at,
            order: order(attempt),
            newer: self.waiting.last().map(|plan| plan.decision),
            refusal: self.forbidden(&attempt.plan),
        });
        let verify = || {
            self.verifying.as_ref().map(|attempt| Job::Verify {
                workload: id.clone(),
                started_at: attempt.at,
                order: order(attempt),
            })
        };
        perform.or_else(verify)
    }

    pub(crate) fn watched(&self, id: &WorkloadId) -> Option<Watched> {
        let rules = self.rules.as_ref()?;
        Some(Watched {
            workload: id.clone(),
            target: rules.target.clone(),
            mode: rules.mode,
            known: self.known,
            ready: self.ready,
            busy: self.running.is_some(),
        })
    }
}

impl Rules {
    fn of(policy: &Policy, revision: Seq) -> Self {
        Self {
            revision,
            minimum: policy.min_replicas,
            maximum: policy.max_replicas,
            mode: policy.mode,
            target: policy.target.clone(),
        }
    }

    /// A plan is of one revision: a change of the bounds, of the mode or of the target makes another.
    fn against(&self, plan: &Plan) -> Option<Refusal> {
        if plan.revision != self.revision {
            Some(Refusal::StaleRevision)
        } else if plan.to < self.minimum || plan.to > self.maximum {
            Some(Refusal::OutOfBounds)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::Span;

    const PLANNED: Timestamp = Timestamp(1_000_000);

    fn plan(name: &str, generation: u64) -> Plan {
        Plan {
            decision: EventId::named(name),
            generation: Generation(generation),
            revision: Seq(1),
            at: PLANNED,
            from: Replicas(2),
            to: Replicas(5),
        }
    }

    fn workload() -> Workload {
        let target = TargetRef {
            api_version: None,
            kind: "Command".to_owned(),
            name: "web".to_owned(),
        };
        Workload {
            rules: Some(Rules {
                revision: Seq(1),
                minimum: Replicas(1),
                maximum: Replicas(10),
                mode: Mode::Active,
                target,
            }),
            ..Workload::default()
        }
    }

    fn answer(workload: &Workload, after: Span) -> String {
        match &workload.decide(PLANNED.plus(after))[..] {
            [Body::ActuationStarted(started)] => format!("attempt {}", started.attempt),
            [Body::Actuated(actuated)] => format!("{:?}", actuated.outcome),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_plan_that_could_not_begin_for_long_is_not_begun_any_more() {
        let waiting = Workload {
            waiting: vec![plan("a", 7)],
            ..workload()
        };
        let retried = Workload {
            newest: Generation(7),
            retry: Some(Retry {
                plan: plan("a", 7),
                after: 1,
                not_before: PLANNED,
            }),
            ..workload()
        };
        let too_old = "Refused { reason: TooOld }";
        let cases = [
            ("waited within its time", &waiting, MAX_AGE, "attempt 1"),
            ("waited too long", &waiting, Span(MAX_AGE.0 + 1), too_old),
            ("is tried again in time", &retried, MAX_AGE, "attempt 2"),
            (
                "is not tried again after an outage",
                &retried,
                Span(MAX_AGE.0 + 1),
                too_old,
            ),
        ];
        for (name, workload, after, want) in cases {
            assert_eq!(answer(workload, after), want, "{name}");
        }
    }
}
