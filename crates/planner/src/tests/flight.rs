//! A plan from its decision to its outcome, and what comes after one that failed.

use crate::testing::{Stage, policy, told, with_rules};
use headroom_model::{
    EventId, Generation, Replicas, Span,
    body::{Actuated, Outcome, OverrideAction, OverrideSlot, Refusal},
};
use headroom_policy::Policy;

fn one_rule() -> Policy {
    with_rules(policy(1, 100), &["a"])
}

fn failed() -> Outcome {
    Outcome::Failed {
        error: "no".to_owned(),
        retry: false,
    }
}

#[test]
fn a_plan_in_flight_makes_way_for_more_only() {
    let mut stage = Stage::set(&one_rule(), 3);
    assert_eq!(told(&stage.wish("a", 8)), "scale 3 to 8");
    assert_eq!(told(&stage.pass(60)), "", "it is waited for");
    assert_eq!(
        told(&stage.wish("a", 5)),
        "hold 3: plan to 8 in flight, not 5"
    );
    assert_eq!(told(&stage.wish("a", 8)), "");
    assert_eq!(
        told(&stage.wish("a", 9)),
        "scale 8 to 9",
        "the older plan counts as done"
    );
    assert_eq!(told(&stage.ended(Outcome::Applied)), "hold 9: at desired");
}

#[test]
fn an_older_plans_outcome_does_not_clear_the_newer_plan() {
    for older in [
        Outcome::Superseded {
            by: EventId::named("newer"),
        },
        failed(),
        Outcome::Applied,
    ] {
        let mut stage = Stage::set(&one_rule(), 3);
        stage.wish("a", 8);
        stage.wish("a", 9);
        assert_eq!(told(&stage.plan_ended(0, older.clone())), "", "{older:?}");
        let want = if older == Outcome::Applied {
            "hold 8"
        } else {
            "hold 3"
        };
        let want = format!("{want}: plan to 9 in flight, not 4");
        assert_eq!(told(&stage.wish("a", 4)), want, "{older:?}");
        assert_eq!(
            told(&stage.plan_ended(1, Outcome::Applied)),
            "scale 9 to 4",
            "{older:?}"
        );
    }
}

#[test]
fn a_broken_target_is_not_hammered() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    for rest in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(told(&stage.ended(failed())), "hold 3: backing off, not 5");
        assert_eq!(told(&stage.pass(rest - 1)), "", "{rest} s");
        assert_eq!(told(&stage.pass(1)), "scale 3 to 5", "{rest} s");
    }
    stage.ended(Outcome::Applied);
    stage.wish("a", 6);
    stage.ended(failed());
    assert_eq!(
        told(&stage.pass(1)),
        "scale 5 to 6",
        "a success starts the rests anew"
    );
}

#[test]
fn a_new_policy_is_tried_at_once_after_a_failure() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    stage.ended(failed());
    assert_eq!(told(&stage.policy(&one_rule())), "scale 3 to 5");
}

#[test]
fn the_failure_of_an_older_plan_does_not_hold_up_the_next() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 8);
    stage.wish("a", 9);
    stage.plan_ended(0, failed());
    assert_eq!(told(&stage.wish("a", 10)), "scale 9 to 10");
}

#[test]
fn every_kind_of_failure_leads_to_another_try() {
    let failures = [
        failed(),
        Outcome::TimedOut { after_ms: 300_000 },
        Outcome::Unknown,
        Outcome::Refused {
            reason: Refusal::TooOld,
        },
        Outcome::Superseded {
            by: EventId::named("nothing we know"),
        },
    ];
    for failure in failures {
        let mut stage = Stage::set(&one_rule(), 3);
        stage.wish("a", 5);
        assert_eq!(
            told(&stage.ended(failure.clone())),
            "hold 3: backing off, not 5",
            "{failure:?}"
        );
        assert_eq!(told(&stage.pass(1)), "scale 3 to 5", "{failure:?}");
    }
}

#[test]
fn an_attempt_that_is_tried_again_leaves_its_plan_in_flight() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    let again = Outcome::Failed {
        error: "busy".to_owned(),
        retry: true,
    };
    assert_eq!(told(&stage.ended(again)), "");
    assert_eq!(told(&stage.pass(10)), "");
    assert_eq!(told(&stage.ended(Outcome::Applied)), "hold 5: at desired");
}

#[test]
fn a_plan_refused_because_the_policy_moved_on_is_made_anew_at_once() {
    let stale = Outcome::Refused {
        reason: Refusal::StaleRevision,
    };
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    assert_eq!(
        told(&stage.policy(&one_rule())),
        "",
        "the plan may be on its way"
    );
    assert_eq!(told(&stage.ended(stale.clone())), "scale 3 to 5");
    assert_eq!(
        told(&stage.ended(stale)),
        "hold 3: backing off, not 5",
        "but not of the policy in force"
    );
}

#[test]
fn a_plan_out_of_new_bounds_makes_way() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 50);
    assert_eq!(
        told(&stage.policy(&with_rules(policy(1, 20), &["a"]))),
        "scale 50 to 20"
    );
    assert_eq!(told(&stage.plan_ended(0, failed())), "");
    assert_eq!(
        told(&stage.plan_ended(1, Outcome::Applied)),
        "hold 20: at maximum, not 50"
    );
}

#[test]
fn a_pin_makes_way_for_itself_and_is_tried_at_once_after_a_failure() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 50);
    let pin = |replicas| OverrideAction::Pin(Replicas(replicas));
    assert_eq!(told(&stage.order(pin(4), None)), "scale 50 to 4");
    stage.plan_ended(
        0,
        Outcome::Superseded {
            by: EventId::named("pin"),
        },
    );
    assert_eq!(told(&stage.ended(failed())), "hold 3: backing off, not 4");
    assert_eq!(told(&stage.order(pin(5), None)), "scale 3 to 5");
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.clear(OverrideSlot::Pin)), "scale 5 to 50");
}

#[test]
fn what_others_change_is_decided_upon() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 3);
    assert_eq!(told(&stage.drifted(6)), "scale 6 to 3");
    assert_eq!(told(&stage.drifted(7)), "", "the plan is still on its way");
    assert_eq!(told(&stage.ended(failed())), "hold 7: backing off, not 3");
}

#[test]
fn old_news_of_a_target_says_nothing() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.wish("a", 8)), "scale 5 to 8");
    stage.ended(Outcome::Applied);
    stage.verified(1);
    stage.wish("a", 9);
    assert_eq!(told(&stage.drifted(9)), "");
    assert_eq!(told(&stage.ended(Outcome::Applied)), "hold 9: at desired");
    stage.verified(2);
    stage.drifted(7);
    stage.ended(failed());
    for plan in [0, 1, 2] {
        let again = stage.plan_ended(plan, Outcome::Applied);
        assert_eq!(told(&again), "", "outcome {plan} told twice");
        let late = stage.verified(plan);
        assert_eq!(told(&late), "", "plan {plan} verified too late or twice");
    }
    assert_eq!(told(&stage.drifted(6)), "hold 6: backing off, not 9");
}

#[test]
fn a_plan_verified_without_an_outcome_is_done() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    assert_eq!(told(&stage.verified(0)), "hold 5: at desired");
}

#[test]
fn an_order_carried_out_without_the_planner_is_a_change() {
    let mut policy = one_rule();
    policy.cooldown.up = Span::seconds(60);
    let mut stage = Stage::set(&policy, 3);
    let emergency = Actuated {
        decision: EventId::named("override"),
        generation: Generation(1000),
        attempt: 1,
        to: Replicas(9),
        outcome: Outcome::Applied,
    };
    stage.wish("a", 9);
    stage.ended(failed());
    assert_eq!(
        told(&stage.happens(emergency.clone())),
        "hold 9: at desired"
    );
    stage.pass(50);
    assert_eq!(told(&stage.drifted(4)), "hold 4: cooling down, not 9");
    assert_eq!(told(&stage.happens(emergency)), "", "told twice");
    assert_eq!(told(&stage.pass(10)), "scale 4 to 9");
}
