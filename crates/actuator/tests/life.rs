//! The life of an actuation, story by story, and what becomes of an attempt that a crash left behind.

use headroom_actuator::attempt::{Found, MAX_AGE, Next, Origin, after_read, take_up};
use headroom_actuator::{Actuator, Job, OVERRIDE_PATIENCE};
use headroom_model::body::*;
use headroom_model::machine::{as_own, output_event};
use headroom_model::{
    Event, EventId, Generation, Machine, Producer, Replicas, Seq, Service, Span, Timestamp,
    WorkloadId,
};

const START: Timestamp = Timestamp(1_790_000_000_000);

/// An actuator, its clock, and all that it has said.
struct Stage {
    actuator: Actuator,
    now: Timestamp,
    seq: u64,
    revision: Seq,
}

impl Stage {
    /// With a policy from 1 to 9 in force, and a target that has 2.
    fn new() -> Self {
        let mut stage = Self {
            actuator: Actuator::default(),
            now: START,
            seq: 0,
            revision: Seq::ZERO,
        };
        stage.policy(1, 9, "active");
        stage.tell(
            Service::Target,
            Drifted {
                expected: None,
                replicas: Replicas(2),
                ready: None,
            },
        );
        stage
    }

    fn policy(&mut self, minimum: u32, maximum: u32, mode: &str) -> Vec<Body> {
        let policy = serde_json::json!({
            "apiVersion": "headroom.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": { "namespace": "shop", "name": "web" },
            "spec": {
                "scaleTargetRef": { "kind": "Command", "name": "web" }, "minReplicas": minimum, "maxReplicas": maximum, "mode": mode,
                "metrics": [{ "type": "External", "external": {
                    "metric": { "name": "queue" }, "target": { "type": "AverageValue", "averageValue": "10" } } }],
            },
        });
        self.revision = Seq(self.seq + 1);
        self.tell(
            Service::Operator,
            PolicyApplied {
                policy,
                owner: "ada".into(),
            },
        )
    }

    /// Feeds an input, and gives what the machine says to it.
    fn tell(&mut self, service: Service, body: impl Into<Body>) -> Vec<Body> {
        self.seq += 1;
        let producer = Producer {
            service,
            instance: "test".into(),
            behaviour: 0,
        };
        let id = EventId::named(&format!("input {}", self.seq));
        let mut event = Event::fact(id, web(), self.now, producer, body.into());
        (event.envelope.seq, event.envelope.stamp) = (Seq(self.seq), self.now);
        self.actuator.apply(&event);
        let outputs = self.actuator.decide(&event);
        for (output, index) in outputs.iter().cloned().zip(0..) {
            let own = output_event::<Actuator>(&event.envelope, index, output, &"".into());
            self.actuator.apply(&as_own(own, self.now));
        }
        outputs.into_iter().map(|output| output.body).collect()
    }

    fn decide(&mut self, from: u32, to: u32) -> Vec<Body> {
        self.decide_under(self.revision, from, to)
    }

    fn decide_under(&mut self, revision: Seq, from: u32, to: u32) -> Vec<Body> {
        let decision = Decision::Scale {
            from: Replicas(from),
            to: Replicas(to),
        };
        let decided = Decided {
            revision,
            mode: Mode::Active,
            decision,
            wishes: vec![],
            trail: vec![],
        };
        self.tell(Service::Planner, decided)
    }

    /// The target answers the attempt under way.
    fn answer(&mut self, outcome: Outcome) -> Vec<Body> {
        let order = self.job().order().clone();
        let Order {
            decision,
            generation,
            attempt,
            to,
        } = Order::of(&order);
        self.tell(
            Service::Target,
            Actuated {
                decision,
                generation,
                attempt,
                to,
                outcome,
            },
        )
    }

    fn tick(&mut self, later: Span) -> Vec<Body> {
        self.now = self.now.plus(later);
        self.tell(Service::Clock, Ticked { number: 1 })
    }

    fn job(&self) -> Job {
        self.actuator
            .outstanding()
            .into_iter()
            .next()
            .expect("something is under way")
    }
}

/// What a fact repeats of an order.
struct Order {
    decision: EventId,
    generation: Generation,
    attempt: u32,
    to: Replicas,
}

impl Order {
    fn of(order: &headroom_actuator::Order) -> Self {
        Self {
            decision: order.decision,
            generation: order.generation,
            attempt: order.attempt,
            to: order.to,
        }
    }
}

fn web() -> WorkloadId {
    WorkloadId::new("shop", "web").expect("it is a name")
}

fn started(bodies: &[Body]) -> Vec<(u32, u32)> {
    let start = |body: &Body| match body {
        Body::ActuationStarted(started) => Some((started.attempt, started.to.0)),
        _ => None,
    };
    bodies.iter().filter_map(start).collect()
}

fn ended(bodies: &[Body]) -> Vec<Outcome> {
    let end = |body: &Body| match body {
        Body::Actuated(actuated) => Some(actuated.outcome.clone()),
        _ => None,
    };
    bodies.iter().filter_map(end).collect()
}

fn failed(retry: bool) -> Outcome {
    Outcome::Failed {
        error: "it said no".into(),
        retry,
    }
}

#[test]
fn a_plan_is_started_applied_and_waits_to_be_verified() {
    let mut stage = Stage::new();
    assert_eq!(started(&stage.decide(2, 5)), [(1, 5)]);
    assert!(matches!(stage.job(), Job::Perform { newer: None, .. }));
    assert_eq!(stage.answer(Outcome::Applied), []);
    let Job::Verify { order, .. } = stage.job() else {
        panic!("{:?}", stage.job())
    };
    let (decision, generation) = (order.decision, order.generation);
    let five = Replicas(5);
    stage.tell(
        Service::Target,
        Verified {
            decision,
            generation,
            replicas: five,
            ready: five,
            took: Span(9),
        },
    );
    assert_eq!(stage.actuator.outstanding(), []);
    assert_eq!(
        stage
            .actuator
            .watched_one(&web())
            .expect("it has a policy")
            .known,
        Some(five)
    );
}

#[test]
fn one_attempt_at_a_time_and_only_the_newest_plan_waits() {
    let mut stage = Stage::new();
    stage.decide(2, 4);
    assert_eq!(stage.decide(4, 6), []);
    let third = stage.decide(6, 8);
    assert!(
        matches!(ended(&third)[..], [Outcome::Superseded { .. }]),
        "{third:?}"
    );
    assert!(
        matches!(stage.job(), Job::Perform { newer: Some(_), .. }),
        "the one under way knows that a newer one waits"
    );
    assert_eq!(started(&stage.answer(Outcome::Applied)), [(1, 8)]);
}

#[test]
fn plans_that_must_not_be_carried_out_are_refused_with_the_reason() {
    let cases = [
        ("above the maximum", 0, 10, Refusal::OutOfBounds),
        ("below the minimum", 0, 0, Refusal::OutOfBounds),
        ("of another revision", 1, 5, Refusal::StaleRevision),
    ];
    for (name, revisions_back, to, reason) in cases {
        let mut stage = Stage::new();
        let revision = Seq(stage.revision.0 - revisions_back);
        let said = stage.decide_under(revision, 2, to);
        assert_eq!(
            (ended(&said), started(&said)),
            (vec![Outcome::Refused { reason }], vec![]),
            "{name}"
        );
    }
    let mut stage = Stage::new();
    stage.tell(
        Service::Operator,
        PolicyRemoved {
            owner: "ada".into(),
        },
    );
    let said = stage.decide(2, 5);
    assert_eq!(
        ended(&said),
        [Outcome::Refused {
            reason: Refusal::NoPolicy
        }],
        "without a policy"
    );
}

#[test]
fn a_plan_that_waits_is_judged_again_when_its_turn_comes() {
    let mut stage = Stage::new();
    stage.decide(2, 4);
    stage.decide(4, 8);
    let said = stage.policy(1, 6, "active");
    assert_eq!(
        ended(&said),
        [Outcome::Refused {
            reason: Refusal::StaleRevision
        }]
    );
}

#[test]
fn failures_are_tried_again_with_growing_rests_and_then_given_up() {
    let mut stage = Stage::new();
    stage.decide(2, 5);
    assert_eq!(stage.answer(failed(true)), []);
    assert_eq!(
        started(&stage.tick(Span(999))),
        [],
        "a second has not passed"
    );
    assert_eq!(started(&stage.tick(Span(1))), [(2, 5)]);
    stage.answer(failed(true));
    assert_eq!(started(&stage.tick(Span(1999))), []);
    assert_eq!(started(&stage.tick(Span(1))), [(3, 5)]);
    stage.answer(failed(true));
    assert_eq!(
        started(&stage.tick(Span::seconds(600))),
        [],
        "three attempts are enough"
    );
    assert_eq!(stage.actuator.outstanding(), []);
}

#[test]
fn what_cannot_help_is_not_tried_again_and_a_newer_plan_ends_the_trying() {
    let mut stage = Stage::new();
    stage.decide(2, 5);
    stage.answer(failed(false));
    assert_eq!(started(&stage.tick(Span::seconds(600))), []);
    stage.decide(2, 6);
    stage.answer(failed(true));
    let newer = stage.decide(2, 7);
    assert!(
        matches!(ended(&newer)[..], [Outcome::Superseded { .. }]),
        "{newer:?}"
    );
    assert_eq!(started(&newer), [(1, 7)]);
}

#[test]
fn a_second_answer_to_the_same_attempt_changes_nothing() {
    let mut stage = Stage::new();
    stage.decide(2, 5);
    let order = Order::of(stage.job().order());
    stage.answer(Outcome::Applied);
    let before = stage.actuator.clone();
    let Order {
        decision,
        generation,
        attempt,
        to,
    } = order;
    stage.tell(
        Service::Target,
        Actuated {
            decision,
            generation,
            attempt,
            to,
            outcome: Outcome::Unknown,
        },
    );
    assert_eq!(stage.actuator, before);
}

#[test]
fn a_pin_is_carried_out_without_the_planner_after_a_while_within_the_bounds() {
    let pin = |replicas| OverrideSet {
        action: OverrideAction::Pin(Replicas(replicas)),
        owner: "ada".into(),
        reason: "fire".into(),
        expires_at: None,
    };
    let mut stage = Stage::new();
    assert_eq!(stage.tell(Service::Operator, pin(50)), []);
    assert_eq!(stage.tick(Span(OVERRIDE_PATIENCE.0 - 1)), []);
    assert_eq!(started(&stage.tick(Span(1))), [(1, 9)], "the maximum holds");

    let mut answered = Stage::new();
    answered.tell(Service::Operator, pin(7));
    answered.decide(2, 7);
    answered.answer(Outcome::Applied);
    assert_eq!(
        started(&answered.tick(Span::seconds(60))),
        [],
        "the planner was at work"
    );

    let mut shadow = Stage::new();
    shadow.policy(1, 9, "shadow");
    shadow.tell(Service::Operator, pin(7));
    assert_eq!(
        started(&shadow.tick(Span::seconds(60))),
        [],
        "a shadow does nothing"
    );
}

#[test]
fn a_shadow_decision_is_never_carried_out() {
    let mut stage = Stage::new();
    let decision = Decision::Scale {
        from: Replicas(2),
        to: Replicas(5),
    };
    let decided = Decided {
        revision: stage.revision,
        mode: Mode::Shadow,
        decision,
        wishes: vec![],
        trail: vec![],
    };
    assert_eq!(stage.tell(Service::Planner, decided), []);
    assert_eq!(stage.actuator.outstanding(), []);
}

#[test]
fn what_becomes_of_an_attempt_when_it_is_taken_up() {
    let mut stage = Stage::new();
    stage.decide(2, 5);
    let (job, soon, late) = (
        stage.job(),
        stage.now,
        stage.now.plus(MAX_AGE).plus(Span(1)),
    );
    let generation = Generation(job.order().generation.0);
    let at = |replicas, generation| {
        Some(Found {
            replicas: Replicas(replicas),
            generation,
        })
    };
    let too_old = Next::Report(Outcome::Refused {
        reason: Refusal::TooOld,
    });
    let older = Next::Report(Outcome::Refused {
        reason: Refusal::OlderGeneration,
    });
    let adopted = Next::Report(Outcome::Adopted);
    let unknown = Next::Report(Outcome::Unknown);
    assert_eq!(take_up(&job, Origin::Fresh, soon), Next::Set);
    assert_eq!(take_up(&job, Origin::Fresh, late), too_old);
    assert_eq!(take_up(&job, Origin::Inherited, soon), Next::Read);
    let cases = [
        // name                                             found                              repeatable  now   want
        (
            "the count is there: adopted",
            at(5, None),
            false,
            soon,
            adopted.clone(),
        ),
        (
            "count and generation are there: adopted",
            at(5, Some(generation)),
            true,
            late,
            adopted,
        ),
        (
            "the count is there by another's order: again",
            at(5, Some(Generation(0))),
            true,
            soon,
            Next::Set,
        ),
        (
            "it has a newer order: refused",
            at(5, Some(Generation(generation.0 + 1))),
            true,
            soon,
            older,
        ),
        (
            "it is not there, and again does no harm",
            at(2, None),
            true,
            soon,
            Next::Set,
        ),
        (
            "it is not there, and again might do harm",
            at(2, None),
            false,
            soon,
            unknown.clone(),
        ),
        (
            "nobody can say, and again does no harm",
            None,
            true,
            soon,
            Next::Set,
        ),
        (
            "nobody can say, and again might do harm",
            None,
            false,
            soon,
            unknown,
        ),
        (
            "it is not there, and too old by now",
            at(2, None),
            true,
            late,
            too_old,
        ),
    ];
    for (name, found, repeatable, now, want) in cases {
        assert_eq!(after_read(&job, found, repeatable, now), want, "{name}");
    }
    stage.decide(5, 6);
    let superseded = take_up(&stage.job(), Origin::Fresh, soon);
    assert!(
        matches!(superseded, Next::Report(Outcome::Superseded { .. })),
        "{superseded:?}"
    );
}
