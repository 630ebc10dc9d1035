//! A stage on which a planner answers events one after the other, as its shell would have it.

use super::workload;
use crate::Planner;
use headroom_model::{
    Body, Event, EventId, Generation, Machine, Producer, Replicas, Seq, Service, Timestamp,
    WorkloadId,
    body::{
        Actuated, Decided, Decision, Drifted, HoldReason, Outcome, OverrideAction, OverrideCleared,
        OverrideSet, OverrideSlot, PolicyApplied, PolicyRemoved, Recommendation, Recommended,
        RuleReason, Ticked, Unavailable, Verified,
    },
    machine::{as_own, output_event},
};
use headroom_policy::Policy;
use std::sync::Arc;

/// A planner, the log it writes and the time it is.
#[derive(Clone, Default)]
pub(crate) struct Stage {
    pub(crate) planner: Planner,
    pub(crate) now: Timestamp,
    last: u64,
    /// Every input so far.
    pub(crate) log: Vec<Event>,
    /// Every plan that was made: its decision and its position.
    pub(crate) plans: Vec<(EventId, Generation, Replicas)>,
}

impl Stage {
    /// A target with `current` replicas under `policy`.
    pub(crate) fn set(policy: &Policy, current: u32) -> Self {
        let mut stage = Self::default();
        stage.policy(policy);
        stage.drifted(current);
        stage
    }

    /// Lets a fact happen and gives what the planner says to it.
    pub(crate) fn happens(&mut self, body: impl Into<Body>) -> Vec<Decided> {
        let event = self.next(&workload(), body.into());
        self.deliver(&event)
    }

    /// The next event of the log.
    pub(crate) fn next(&mut self, subject: &WorkloadId, body: Body) -> Event {
        self.last += 1;
        let producer = Producer {
            service: Service::Operator,
            instance: "stage".into(),
            behaviour: 0,
        };
        let id = EventId::named(&format!("event {}", self.last));
        let mut event = Event::fact(id, subject.clone(), self.now, producer, body);
        (event.envelope.stamp, event.envelope.seq) = (self.now, Seq(self.last));
        self.log.push(event.clone());
        event
    }

    /// The planner reads the event, answers, and takes its answers in.
    pub(crate) fn deliver(&mut self, event: &Event) -> Vec<Decided> {
        self.planner.apply(event);
        let answers = self.planner.decide(event);
        assert_eq!(
            answers,
            self.planner.decide(event),
            "deciding changes nothing"
        );
        let instance: Arc<str> = "stage".into();
        let mut decisions = Vec::new();
        for (index, output) in (0..).zip(answers) {
            let answer = output_event::<Planner>(&event.envelope, index, output, &instance);
            self.last += 1;
            if let Body::Decided(decided) = &answer.body {
                if let Decision::Scale { to, .. } = decided.decision {
                    self.plans
                        .push((answer.envelope.id, Generation(self.last), to));
                }
                decisions.push(decided.clone());
            }
            self.planner.apply(&as_own(answer, event.envelope.stamp));
        }
        decisions
    }

    /// So many seconds pass, with a tick at the end of each.
    pub(crate) fn pass(&mut self, seconds: u64) -> Vec<Decided> {
        (0..seconds).flat_map(|_| self.leap(1)).collect()
    }

    /// So many seconds pass without a tick, then comes one.
    pub(crate) fn leap(&mut self, seconds: i64) -> Vec<Decided> {
        self.now.0 += seconds * 1000;
        let tick = Ticked { number: self.last };
        let tick = self.next(&WorkloadId::system("clock"), tick.into());
        self.deliver(&tick)
    }

    pub(crate) fn policy(&mut self, policy: &Policy) -> Vec<Decided> {
        self.happens(PolicyApplied {
            policy: super::document(policy),
            owner: "ana".to_owned(),
        })
    }

    pub(crate) fn policy_removed(&mut self) -> Vec<Decided> {
        self.happens(PolicyRemoved {
            owner: "ana".to_owned(),
        })
    }

    fn recommended(&mut self, rule: &str, recommendation: Recommendation) -> Vec<Decided> {
        self.happens(Recommended {
            rule: rule.to_owned(),
            revision: Seq(1),
            recommendation,
            inputs: Vec::new(),
        })
    }

    pub(crate) fn wish(&mut self, rule: &str, replicas: u32) -> Vec<Decided> {
        let recommendation = Recommendation::Desired {
            replicas: Replicas(replicas),
            reason: RuleReason::ThresholdOrdered,
        };
        self.recommended(rule, recommendation)
    }

    pub(crate) fn cannot_say(&mut self, rule: &str) -> Vec<Decided> {
        let cause = Unavailable::Missing;
        self.recommended(rule, Recommendation::Unavailable { cause })
    }

    pub(crate) fn no_opinion(&mut self, rule: &str) -> Vec<Decided> {
        let reason = RuleReason::ThresholdQuiet;
        self.recommended(rule, Recommendation::NoOpinion { reason })
    }

    pub(crate) fn drifted(&mut self, replicas: u32) -> Vec<Decided> {
        self.happens(Drifted {
            expected: None,
            replicas: Replicas(replicas),
            ready: None,
        })
    }

    /// How the newest plan ended.
    pub(crate) fn ended(&mut self, outcome: Outcome) -> Vec<Decided> {
        self.plan_ended(self.plans.len() - 1, outcome)
    }

    /// How a plan ended, by its number from 0.
    pub(crate) fn plan_ended(&mut self, plan: usize, outcome: Outcome) -> Vec<Decided> {
        let (decision, generation, to) = self.plans[plan];
        self.happens(Actuated {
            decision,
            generation,
            attempt: 1,
            to,
            outcome,
        })
    }

    pub(crate) fn verified(&mut self, plan: usize) -> Vec<Decided> {
        let (decision, generation, replicas) = self.plans[plan];
        self.happens(Verified {
            decision,
            generation,
            replicas,
            ready: replicas,
            took: headroom_model::Span::seconds(1),
        })
    }

    /// Ana orders something, for so many seconds or until it is cleared.
    pub(crate) fn order(&mut self, action: OverrideAction, seconds: Option<i64>) -> Vec<Decided> {
        let expires_at = seconds.map(|seconds| Timestamp(self.now.0 + seconds * 1000));
        self.happens(OverrideSet {
            action,
            owner: "ana".to_owned(),
            reason: "launch".to_owned(),
            expires_at,
        })
    }

    pub(crate) fn clear(&mut self, what: OverrideSlot) -> Vec<Decided> {
        let owner = "ana".to_owned();
        self.happens(OverrideCleared { what, owner })
    }
}

/// Decisions in a few words each, joined by `; `.
pub(crate) fn told(decisions: &[Decided]) -> String {
    let words: Vec<_> = decisions
        .iter()
        .map(|decided| in_words(&decided.decision))
        .collect();
    words.join("; ")
}

fn in_words(decision: &Decision) -> String {
    let (at, reason) = match decision {
        Decision::Scale { from, to } => return format!("scale {from} to {to}"),
        Decision::Hold { at, reason } => (at.map_or("?".to_owned(), |at| at.to_string()), reason),
    };
    let why = match reason {
        HoldReason::AtDesired => "at desired".to_owned(),
        HoldReason::NoRecommendation => "no recommendation".to_owned(),
        HoldReason::CurrentUnknown => "current unknown".to_owned(),
        HoldReason::RulesUnavailable { rules } => format!("{} cannot say", rules.join(" and ")),
        HoldReason::Stabilizing { wanted, .. } => format!("stabilizing, not {wanted}"),
        HoldReason::RateLimited { wanted, .. } => format!("rate limited, not {wanted}"),
        HoldReason::AtMaximum { wanted, .. } => format!("at maximum, not {wanted}"),
        HoldReason::AtMinimum { wanted, .. } => format!("at minimum, not {wanted}"),
        HoldReason::ScaledToZero { minimum } => format!("scaled to zero, below {minimum}"),
        HoldReason::CoolingDown { wanted, .. } => format!("cooling down, not {wanted}"),
        HoldReason::Paused { wanted, owner, .. } => format!("paused by {owner}, not {wanted}"),
        HoldReason::PlanInFlight { to, wanted, .. } => {
            format!("plan to {to} in flight, not {wanted}")
        }
        HoldReason::BackingOff { wanted, .. } => format!("backing off, not {wanted}"),
    };
    format!("hold {at}: {why}")
}
