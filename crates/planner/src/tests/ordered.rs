//! What a person orders: pauses and pins.

use crate::testing::{Stage, policy, scaling, told, with_rules};
use headroom_model::{
    Replicas, Span,
    body::{Outcome, OverrideAction, OverrideSlot, PauseDirection, StepTaken},
};
use headroom_policy::{Cooldown, Policy, Select};

fn one_rule() -> Policy {
    with_rules(policy(2, 20), &["a"])
}

fn pin(replicas: u32) -> OverrideAction {
    OverrideAction::Pin(Replicas(replicas))
}

#[test]
fn a_pause_holds_until_it_ends() {
    let mut stage = Stage::set(&one_rule(), 5);
    stage.wish("a", 5);
    assert_eq!(
        told(&stage.order(OverrideAction::Pause(PauseDirection::Down), Some(60))),
        ""
    );
    assert_eq!(told(&stage.wish("a", 3)), "hold 5: paused by ana, not 3");
    assert_eq!(told(&stage.pass(59)), "");
    assert_eq!(told(&stage.pass(1)), "scale 5 to 3");
}

#[test]
fn a_pause_stops_corrections_of_the_bounds_too() {
    let mut stage = Stage::set(&one_rule(), 5);
    stage.order(OverrideAction::Pause(PauseDirection::Both), None);
    assert_eq!(told(&stage.drifted(1)), "hold 1: paused by ana, not 2");
    assert_eq!(told(&stage.clear(OverrideSlot::Pause)), "scale 1 to 2");
}

#[test]
fn a_pin_waits_for_nothing_but_stays_within_the_bounds() {
    let mut policy = one_rule();
    policy.scale_up = scaling(300, Select::Disabled, &[]);
    policy.scale_down = scaling(300, Select::Disabled, &[]);
    policy.cooldown = Cooldown {
        up: Span::seconds(600),
        down: Span::seconds(600),
    };
    let mut stage = Stage::set(&policy, 5);
    stage.wish("a", 5);
    let cases = [
        (8, "scale 5 to 8"),
        (12, "scale 8 to 12"),
        (4, "scale 12 to 4"),
        (0, "scale 4 to 2"),
        (99, "scale 2 to 20"),
    ];
    for (replicas, want) in cases {
        assert_eq!(told(&stage.order(pin(replicas), None)), want);
        stage.ended(Outcome::Applied);
    }
    assert_eq!(
        told(&stage.order(pin(98), None)),
        "hold 20: at maximum, not 98"
    );
    assert_eq!(told(&stage.order(pin(20), None)), "hold 20: at desired");
}

#[test]
fn a_pin_wins_over_a_pause_and_over_rules_that_cannot_say() {
    let mut stage = Stage::set(&one_rule(), 5);
    stage.cannot_say("a");
    stage.order(OverrideAction::Pause(PauseDirection::Both), None);
    let decisions = stage.order(pin(3), Some(30));
    assert_eq!(told(&decisions), "scale 5 to 3");
    let pinned = |step: &StepTaken| matches!(step, StepTaken::Pinned { owner, reason, .. } if owner == "ana" && reason == "launch");
    assert!(decisions[0].trail.iter().any(|step| pinned(&step.step)));
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.pass(30)), "hold 3: a cannot say");
}

#[test]
fn each_order_ends_at_its_own_time() {
    let mut stage = Stage::set(&one_rule(), 5);
    stage.wish("a", 9);
    stage.ended(Outcome::Applied);
    stage.order(OverrideAction::Pause(PauseDirection::Both), Some(200));
    stage.order(pin(4), Some(100));
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.pass(99)), "");
    assert_eq!(told(&stage.pass(1)), "hold 4: paused by ana, not 9");
    assert_eq!(told(&stage.pass(99)), "");
    assert_eq!(told(&stage.pass(1)), "scale 4 to 9");
}

#[test]
fn an_order_ends_with_its_policy() {
    let mut stage = Stage::set(&one_rule(), 5);
    stage.order(pin(7), None);
    stage.ended(Outcome::Applied);
    stage.order(OverrideAction::Pause(PauseDirection::Both), None);
    stage.policy_removed();
    let left = serde_json::to_value(&stage.planner).expect("plain data");
    assert_eq!(left["workloads"], serde_json::json!({}));
    stage.policy(&one_rule());
    stage.drifted(7);
    assert_eq!(told(&stage.wish("a", 9)), "scale 7 to 9");
}
