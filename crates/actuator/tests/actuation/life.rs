//! The life of an actuation, story by story.

use crate::stage::{Order, Stage, web};
use headroom_actuator::{Job, OVERRIDE_PATIENCE};
use headroom_model::body::*;
use headroom_model::{Machine, Replicas, Seq, Service, Span};

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
    stage.remove();
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
