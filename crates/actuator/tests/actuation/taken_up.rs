//! What becomes of an attempt that is taken up: at once, after a crash, and when things have changed meanwhile.

use crate::stage::Stage;
use headroom_actuator::attempt::{Found, MAX_AGE, Next, Origin, after_read, take_up};
use headroom_actuator::hands::{Act, Hands};
use headroom_model::body::*;
use headroom_model::{EventId, Generation, Machine, Producer, Replicas, Service, Span};

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

/// What a person does between `actuation_started` and the moment at which the attempt is taken up.
type Meanwhile = fn(&mut Stage);

#[test]
fn an_attempt_that_the_policy_no_longer_allows_is_not_carried_out() {
    let stale = Refusal::StaleRevision;
    let cases: [(&str, Meanwhile, Refusal); 4] = [
        (
            "the maximum is lower",
            |stage| drop(stage.policy(1, 4, "active")),
            stale,
        ),
        (
            "another policy allows it too",
            |stage| drop(stage.policy(1, 8, "active")),
            stale,
        ),
        (
            "it is a shadow now",
            |stage| drop(stage.policy(1, 9, "shadow")),
            stale,
        ),
        (
            "the policy is gone",
            |stage| drop(stage.remove()),
            Refusal::NoPolicy,
        ),
    ];
    for (name, meanwhile, reason) in cases {
        let mut stage = Stage::new();
        stage.decide(2, 6);
        meanwhile(&mut stage);
        let (job, now) = (stage.job(), stage.now);
        let found = |replicas| {
            Some(Found {
                replicas: Replicas(replicas),
                generation: None,
            })
        };
        let refused = Next::Report(Outcome::Refused { reason });
        let unknown = Next::Report(Outcome::Unknown);
        let adopted = Next::Report(Outcome::Adopted);
        assert_eq!(
            take_up(&job, Origin::Fresh, now),
            refused,
            "{name}: not begun"
        );
        assert_eq!(
            take_up(&job, Origin::Inherited, now),
            Next::Read,
            "{name}: perhaps begun"
        );
        let read = |found, repeatable| after_read(&job, found, repeatable, now);
        assert_eq!(read(found(2), true), refused, "{name}: it is not there");
        assert_eq!(
            read(found(6), true),
            adopted,
            "{name}: it was carried out before"
        );
        assert_eq!(read(found(2), false), unknown, "{name}: it may yet come");
        assert_eq!(read(None, true), unknown, "{name}: nobody can say");
    }
}

#[test]
fn what_changes_while_a_target_is_asked_counts() {
    let mut stage = Stage::new();
    stage.decide(2, 6);
    let producer = Producer {
        service: Service::Target,
        instance: "test".into(),
        behaviour: 0,
    };
    let mut hands = Hands::default();
    let inherited = |_| false;
    let acts = hands.take_up(
        &stage.actuator.outstanding(),
        inherited,
        stage.now,
        &producer,
    );
    let [Act::Read { started, .. }] = acts[..] else {
        panic!("{acts:?}")
    };
    stage.policy(1, 4, "active");
    assert_eq!(
        hands.take_up(
            &stage.actuator.outstanding(),
            inherited,
            stage.now,
            &producer
        ),
        []
    );
    let found = Found {
        replicas: Replicas(2),
        generation: None,
    };
    let Some(Act::Report(fact)) = hands.read(started, Some(found), true, stage.now, &producer)
    else {
        panic!("the attempt is carried out")
    };
    let Body::Actuated(actuated) = &fact.body else {
        panic!("{fact:?}")
    };
    let reason = Refusal::StaleRevision;
    assert_eq!(actuated.outcome, Outcome::Refused { reason });
}

#[test]
fn an_attempt_whose_end_nobody_can_tell_is_taken_up_again_as_after_a_crash() {
    let mut stage = Stage::new();
    stage.decide(2, 6);
    let producer = Producer {
        service: Service::Target,
        instance: "test".into(),
        behaviour: 0,
    };
    let (jobs, now) = (stage.actuator.outstanding(), stage.now);
    let mut hands = Hands::default();
    let acts = hands.take_up(&jobs, |_| true, now, &producer);
    let [Act::Set { started, .. }] = acts[..] else {
        panic!("{acts:?}")
    };
    let asked_again = |acts: Vec<Act>| matches!(acts[..], [Act::Read { .. }]);

    assert!(hands.holds(started));
    hands.crashed(started);
    assert!(!hands.holds(started));
    assert!(asked_again(hands.take_up(&jobs, |_| false, now, &producer)));

    let told = hands.set(started, Outcome::Applied, now, &producer);
    let told = told.expect("it is in hand").envelope.id;
    assert_eq!(hands.take_up(&jobs, |_| false, now, &producer), []);
    assert_eq!(hands.refused(EventId::named("another fact")), None);
    assert_eq!(hands.refused(told), Some(started));
    assert_eq!(hands.refused(told), None, "once");
    assert!(asked_again(hands.take_up(&jobs, |_| false, now, &producer)));
}
