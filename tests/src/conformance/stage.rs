//! The evaluator and the planner at work on one workload: events in, what they said out.

use headroom_evaluator::Evaluator;
use headroom_model::{
    Body, Event, EventId, Machine, Output, Producer, Seq, Service, Timestamp, WorkloadId,
    body::{Decided, PolicyApplied, Recommended},
    machine::{as_own, output_event},
};
use headroom_planner::Planner;
use std::{collections::BTreeMap, sync::Arc};

/// The two machines, and the log that they would write.
pub(super) struct Stage {
    workload: WorkloadId,
    evaluator: Evaluator,
    planner: Planner,
    last: u64,
    /// What each rule said last.
    pub(super) recommended: BTreeMap<String, Recommended>,
    /// What was decided last, and its event.
    pub(super) decided: Option<(Event, Decided)>,
}

impl Stage {
    pub(super) fn of(workload: WorkloadId) -> Self {
        Self {
            workload,
            evaluator: Evaluator::default(),
            planner: Planner::default(),
            last: 0,
            recommended: BTreeMap::new(),
            decided: None,
        }
    }

    /// Lets a fact happen: the evaluator answers, and the planner to it and to the answers.
    pub(super) fn happens(&mut self, at: Timestamp, body: impl Into<Body>) {
        let fact = self.fact(at, body.into());
        self.happened(&fact, &fact);
    }

    /// Lets a policy arrive. The machines may be given two that differ: in the rules for the evaluator, in the pace for the
    /// planner.
    pub(super) fn obeys(&mut self, at: Timestamp, rules: PolicyApplied, pace: PolicyApplied) {
        let rules = self.fact(at, rules.into());
        let pace = Event {
            body: pace.into(),
            ..rules.clone()
        };
        self.happened(&rules, &pace);
    }

    fn happened(&mut self, evaluators: &Event, planners: &Event) {
        let at = evaluators.envelope.stamp;
        let answers = answers(&mut self.evaluator, evaluators);
        self.plan(planners);
        for mut answer in answers {
            self.last += 1;
            (answer.envelope.seq, answer.envelope.stamp) = (Seq(self.last), at);
            if let Body::Recommended(said) = &answer.body {
                self.recommended.insert(said.rule.clone(), said.clone());
            }
            self.plan(&answer);
        }
    }

    /// Lets the planner remember a fact of the past, or an answer of its own, without answering now.
    pub(super) fn remembers(&mut self, at: Timestamp, body: impl Into<Body>) -> Event {
        let fact = self.fact(at, body.into());
        self.planner.apply(&fact);
        fact
    }

    fn plan(&mut self, input: &Event) {
        if !Planner::inputs().contains(&input.body.kind()) {
            return;
        }
        for mut answer in answers(&mut self.planner, input) {
            self.last += 1;
            answer.envelope.seq = Seq(self.last);
            if let Body::Decided(decided) = &answer.body {
                let decided = decided.clone();
                self.decided = Some((answer, decided));
            }
        }
    }

    fn fact(&mut self, at: Timestamp, body: Body) -> Event {
        self.last += 1;
        let producer = Producer {
            service: Service::Operator,
            instance: "vectors".into(),
            behaviour: 0,
        };
        let id = EventId::named(&format!("event {}", self.last));
        let mut event = Event::fact(id, self.workload.clone(), at, producer, body);
        (event.envelope.seq, event.envelope.stamp) = (Seq(self.last), at);
        event
    }
}

/// What a machine answers; it takes its answers in at once, as in its shell.
fn answers<M: Machine>(machine: &mut M, input: &Event) -> Vec<Event> {
    machine.apply(input);
    let instance: Arc<str> = "vectors".into();
    let outputs: Vec<Output> = machine.decide(input);
    let mut events = Vec::new();
    for (index, output) in (0..).zip(outputs) {
        let event = output_event::<M>(&input.envelope, index, output, &instance);
        machine.apply(&as_own(event.clone(), input.envelope.stamp));
        events.push(event);
    }
    events
}
